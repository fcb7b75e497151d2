//! What the platform, or a custodian's agent, answered instead of doing what a command asked.
//!
//! Invariant: its code and its sentence stay as they came; only the hint is ours where the platform's
//! speaks to programs.

use serde::Deserialize;

use super::hints;
use crate::error::{Arg, Args, Reason as _, Said};

/// The beginning of the codes of answers that are no problem document of a Sealbid.
const FOREIGN: &str = "http-";

/// What the platform, or a custodian's agent, answered instead of doing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The HTTP status.
    pub status: u16,
    /// The stable code: what programs compare.
    pub code: String,
    /// One sentence, in the language that was asked for.
    pub detail: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The receipt of the recorded refusal, when there is one: a `.tlog-proof` text.
    pub receipt: Option<String>,
    /// The request's id, by which an operator finds the platform's own failure in its log.
    pub instance: Option<String>,
    /// After how many seconds another try is worth it, as the platform says.
    pub retry_after: Option<u32>,
}

impl Told {
    /// An error's document, ours or a proxy's.
    #[must_use]
    pub fn read(status: u16, retry_after: Option<u32>, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Problem {
            code: String,
            detail: String,
            #[serde(default)]
            hint: Option<String>,
            #[serde(default)]
            receipt: Option<String>,
            #[serde(default)]
            instance: Option<String>,
        }
        match serde_json::from_slice::<Problem>(body) {
            Ok(Problem { code, detail, hint, receipt, instance }) => {
                Self { status, code, detail, hint, receipt, instance, retry_after }
            }
            Err(_) => Self {
                status,
                code: format!("{FOREIGN}{status}"),
                detail: first_line(body),
                hint: None,
                receipt: None,
                instance: None,
                retry_after,
            },
        }
    }

    /// The values of its two lines.
    pub(super) fn args(&self) -> Args {
        if self.code.starts_with(FOREIGN) {
            return self.foreign();
        }
        // The platform speaks to programs, and people gave a command.
        let hint = match (hints::instead(&self.code), &self.hint) {
            (Some(ours), _) => Arg::Word(ours),
            (None, Some(hint)) => Arg::Text(hint.clone()),
            (None, None) => Arg::Word("cli-say-no-hint"),
        };
        let mut code = Arg::Text(self.code.clone());
        // Only the platform's own failures stand in its log.
        if let Some(instance) = self.instance.as_ref().filter(|_| self.status >= 500) {
            let values = vec![("code", code), ("instance", instance.as_str().into())];
            code = Said::new("cli-say-code-instance", values).arg();
        }
        vec![("detail", Arg::Text(self.detail.clone())), ("code", code), ("hint", hint)]
    }

    /// The same of an answer that no Sealbid gave.
    fn foreign(&self) -> Args {
        let status = ("status", self.status.to_string().into());
        let detail = if self.detail.is_empty() {
            Said::new("cli-say-foreign", vec![status])
        } else {
            let text = ("text", self.detail.as_str().into());
            Said::new("cli-say-foreign-text", vec![status, text])
        };
        // What stands before a platform that is down or busy answers in its place.
        let is_before = matches!(self.status, 429 | 502..=504);
        let hint = if is_before { "cli-say-hint-again" } else { "cli-say-hint-address" };
        let code = Arg::Text(self.code.clone());
        vec![("detail", detail.arg()), ("code", code), ("hint", Arg::Word(hint))]
    }
}

/// The first line of a foreign answer's text; a page has none for a terminal.
fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..200).unwrap_or(body));
    let line = text.trim_start().lines().next().unwrap_or_default().trim_end();
    if line.starts_with(['<', '{']) {
        return String::new();
    }
    line.chars().filter(|c| !c.is_control()).collect()
}
