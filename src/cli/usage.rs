//! A command line that is not understood, in the reader's language.
//!
//! Invariant: like every refusal two lines, `error:` and `hint:`, and exit code 2. What the library
//! found is told by our own sentences; where it has none for it, its words stand in parentheses.

use std::error::Error as StdError;
use std::ffi::OsString;
use std::net::AddrParseError;
use std::num::ParseIntError;

use clap::FromArgMatches as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::crypto::hash::NotAHash;
use crate::crypto::key::KeyError;
use crate::custodian::roster::NotACustodianId;
use crate::error::{Arg, Args, Error, Reason, Refusal, Said};
use crate::ids::NotAnId;
use crate::web::i18n::Lang;

use super::{Cli, help};

/// Why there is no command to run.
#[derive(Debug)]
pub enum Unread {
    /// Help or the version was asked for, or a command's name alone was given: to be printed.
    Shown(Box<clap::Error>),
    /// The words make no command.
    Misused(Error),
}

/// A value of an option that is not of its form, by the sentence that says what is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadValue(pub &'static str);

impl Reason for BadValue {
    fn said(&self) -> Said {
        Said::bare(self.0)
    }
}

/// What is wrong with a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    /// An argument that the command does not take.
    Argument,
    /// A command that there is none of.
    Command,
    /// No command where one must be given.
    NoCommand,
    /// Arguments that must be given and are not.
    Absent,
    /// An option without its value.
    NoValue,
    /// A value that is none of those to choose from.
    Choice,
    /// A value that is not of its form.
    Value(Arg),
    /// A value for what takes none.
    Surplus,
    /// An option that may stand once, or not beside another.
    Twice,
    /// Bytes that are no text.
    NotText,
    /// What the library alone has words for.
    Other(String),
}

/// A refused command line.
#[derive(Debug, thiserror::Error)]
#[error("the command line is not understood: {fault:?}")]
struct Misused {
    fault: Fault,
    /// Which argument.
    argument: String,
    /// What was given.
    given: String,
    /// The values to choose from.
    values: String,
    /// What to do.
    next: Said,
}

impl Cli {
    /// Reads a command line, the program's name first.
    ///
    /// # Errors
    /// [`Unread`].
    pub fn read(words: &[OsString], lang: Lang) -> Result<Self, Unread> {
        let (_, words) = help::asked(words);
        let matches = help::command(lang).try_get_matches_from(words);
        matches.and_then(|matches| Self::from_arg_matches(&matches)).map_err(unread)
    }
}

fn unread(error: clap::Error) -> Unread {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Unread::Shown(Box::new(error)),
        _ => Unread::Misused(Misused::new(&error).into()),
    }
}

impl Misused {
    fn new(error: &clap::Error) -> Self {
        let told = |kind| said(error, kind).unwrap_or_default();
        let argument = told(ContextKind::InvalidArg);
        let command = told(ContextKind::InvalidSubcommand);
        let value = told(ContextKind::InvalidValue);
        let fault = fault(error, &value);
        let given = match fault {
            Fault::Argument => argument.clone(),
            Fault::Command | Fault::NoCommand => command,
            _ => value,
        };
        let kind = match fault {
            Fault::NoCommand => ContextKind::ValidSubcommand,
            _ => ContextKind::ValidValue,
        };
        let values = told(kind);
        Self { fault, argument, given, values, next: next(error) }
    }
}

fn fault(error: &clap::Error, value: &str) -> Fault {
    match error.kind() {
        ErrorKind::UnknownArgument => Fault::Argument,
        ErrorKind::InvalidSubcommand => Fault::Command,
        ErrorKind::MissingSubcommand => Fault::NoCommand,
        ErrorKind::MissingRequiredArgument => Fault::Absent,
        ErrorKind::InvalidValue if value.is_empty() => Fault::NoValue,
        ErrorKind::InvalidValue => Fault::Choice,
        ErrorKind::ValueValidation => Fault::Value(reason(error)),
        ErrorKind::TooManyValues => Fault::Surplus,
        ErrorKind::ArgumentConflict => Fault::Twice,
        ErrorKind::InvalidUtf8 => Fault::NotText,
        other => Fault::Other(other.to_string()),
    }
}

/// What the library tells of this.
fn said(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(all) => Some(all.join(", ")),
        ContextValue::StyledStr(text) => Some(text.to_string()),
        _ => None,
    }
    .filter(|text| !text.is_empty())
}

/// Why a value is not of its form.
fn reason(error: &clap::Error) -> Arg {
    let source = StdError::source(error);
    let known = source.and_then(|source| {
        is::<BadValue>(source)
            .or_else(|| is::<NotAHash>(source))
            .or_else(|| is::<NotAnId>(source))
            .or_else(|| is::<KeyError>(source))
            .or_else(|| is::<NotACustodianId>(source))
            .or_else(|| is::<ParseIntError>(source))
            .or_else(|| is::<AddrParseError>(source))
    });
    known.unwrap_or_else(|| {
        let words = source.map(ToString::to_string).unwrap_or_default();
        let said = Said::new("cli-say-why-library", vec![("reason", words.into())]);
        Arg::Said(Box::new(said))
    })
}

fn is<R: Reason + StdError + 'static>(source: &(dyn StdError + 'static)) -> Option<Arg> {
    source.downcast_ref::<R>().map(Reason::arg)
}

/// What to do: the word that was probably meant, and how the command is used.
fn next(error: &clap::Error) -> Said {
    let kinds =
        [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let similar = kinds.into_iter().find_map(|kind| said(error, kind));
    let usage = said(error, ContextKind::Usage);
    let usage = usage.map(|usage| usage.trim().trim_start_matches("Usage: ").to_owned());
    match (similar, usage) {
        (Some(similar), Some(usage)) => {
            let values = vec![("similar", similar.into()), ("usage", usage.into())];
            Said::new("cli-say-next-similar", values)
        }
        (Some(similar), None) => Said::new("cli-say-next-value", vec![("similar", similar.into())]),
        (None, Some(usage)) => Said::new("cli-say-next-usage", vec![("usage", usage.into())]),
        (None, None) => Said::bare("cli-say-next-help"),
    }
}

impl Refusal for Misused {
    fn code(&self) -> &'static str {
        match self.fault {
            Fault::Argument => "cli-usage-argument",
            Fault::Command => "cli-usage-command",
            Fault::NoCommand => "cli-usage-no-command",
            Fault::Absent => "cli-usage-absent",
            Fault::NoValue => "cli-usage-no-value",
            Fault::Choice => "cli-usage-choice",
            Fault::Value(_) => "cli-usage-value",
            Fault::Surplus => "cli-usage-surplus",
            Fault::Twice => "cli-usage-twice",
            Fault::NotText => "cli-usage-not-text",
            Fault::Other(_) => "cli-usage-other",
        }
    }

    fn status(&self) -> u16 {
        422
    }

    fn exit(&self) -> Option<u8> {
        Some(2)
    }

    fn args(&self) -> Args {
        let reason = match &self.fault {
            Fault::Value(reason) => reason.clone(),
            Fault::Other(words) => words.as_str().into(),
            _ => "".into(),
        };
        vec![
            ("argument", self.argument.as_str().into()),
            ("given", self.given.as_str().into()),
            ("values", self.values.as_str().into()),
            ("reason", reason),
            ("next", self.next.arg()),
        ]
    }
}
