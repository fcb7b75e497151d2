//! An [`Error`] in words: RFC 9457 problem+json for programs, two lines for a terminal.
//!
//! Invariant: `code` is the contract and the same in every language; `title` follows from the
//! status alone, as RFC 9457 asks. The cause behind an error is never part of the words.

use serde::Serialize;
use utoipa::ToSchema;

use super::i18n::{self, Lang};
use crate::error::Error;

/// The media type of a [`Problem`].
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An error as the API answers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// `/problems/<code>`: the same for every occurrence.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the status means, in the reader's language.
    pub title: String,
    /// The HTTP status again, for those who kept only the body.
    pub status: u16,
    /// One sentence about this occurrence.
    pub detail: String,
    /// The stable code that programs compare.
    pub code: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The request's id, also in the answer's `X-Request-Id`, and in the log when the platform failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The place of the entry that says so, when the refusal stands on the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// That entry's `.tlog-proof` file: the proof that it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// The wrong fields, if the request had fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<WrongField>,
}

/// One wrong field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WrongField {
    /// A JSON pointer into the request's body.
    pub pointer: String,
    /// The stable code.
    pub code: String,
    /// One sentence.
    pub detail: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// An error as problem+json; `instance` is the request's id.
#[must_use]
pub fn problem(error: &Error, lang: Lang, instance: Option<String>) -> Problem {
    let errors = error.field_errors().iter().map(|field| WrongField {
        pointer: field.pointer.clone(),
        code: field.code.to_owned(),
        detail: detail(lang, field.code, &field.args),
        hint: i18n::hint(lang, field.code, &field.args),
    });
    Problem {
        kind: format!("/problems/{}", error.code()),
        title: title(error.status(), lang),
        status: error.status(),
        detail: detail(lang, error.code(), error.args()),
        code: error.code().to_owned(),
        hint: i18n::hint(lang, error.code(), error.args()),
        instance,
        index: None,
        receipt: None,
        errors: errors.collect(),
    }
}

/// An error as a command prints it on stderr: `error:` and, where there is one, `hint:`.
#[must_use]
pub fn terminal(error: &Error, lang: Lang) -> String {
    let word = |key| i18n::sentence(lang, key, &[]).unwrap_or_default();
    let (failed, next) = (word("web-say-error"), word("web-say-hint"));
    let mut out = format!("{failed}: {}\n", detail(lang, error.code(), error.args()));
    for field in error.field_errors() {
        out.push_str(&format!("  {}: {}\n", field.pointer, detail(lang, field.code, &field.args)));
    }
    if let Some(hint) = i18n::hint(lang, error.code(), error.args()) {
        out.push_str(&format!("{next}: {hint}\n"));
    }
    out
}

fn detail(lang: Lang, code: &str, args: &[(&'static str, crate::error::Arg)]) -> String {
    i18n::sentence(lang, code, args).unwrap_or_else(|| code.to_owned())
}

fn title(status: u16, lang: Lang) -> String {
    i18n::sentence(lang, status_key(status), &[]).unwrap_or_else(|| status.to_string())
}

const fn status_key(status: u16) -> &'static str {
    match status {
        401 => "web-status-401",
        403 => "web-status-403",
        404 => "web-status-404",
        405 => "web-status-405",
        409 => "web-status-409",
        410 => "web-status-410",
        412 => "web-status-412",
        413 => "web-status-413",
        415 => "web-status-415",
        416 => "web-status-416",
        422 => "web-status-422",
        429 => "web-status-429",
        502..=504 => "web-status-503",
        507 => "web-status-507",
        500.. => "web-status-500",
        _ => "web-status-400",
    }
}
