//! What went wrong, as data: a stable code, a status and the values that its sentence names.
//!
//! Invariant: no text for people is made here; `web::i18n` holds one sentence per code and
//! language, and a test compares the two. Refusals of the features become an [`Error`] at the edge,
//! where it turns into problem+json, a page or two lines on a terminal. What a refusal does not
//! name (a database's own words, a path) never reaches a reader; it goes to the log.

use std::io::ErrorKind;

use crate::clock::Time;

/// A value that a sentence names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arg {
    /// A text as it is.
    Text(String),
    /// A whole number.
    Number(i64),
    /// An instant; people see it in the platform's zone.
    Time(Time),
    /// A calendar day, `2026-10-08`.
    Day(String),
    /// The key of another sentence, for a word that differs by language.
    Word(&'static str),
    /// A whole sentence within another.
    Said(Box<Said>),
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Arg {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Time> for Arg {
    fn from(time: Time) -> Self {
        Self::Time(time)
    }
}

impl<R: Reason> From<R> for Arg {
    fn from(reason: R) -> Self {
        reason.arg()
    }
}

/// The values of a sentence by the names that the sentence uses.
pub type Args = Vec<(&'static str, Arg)>;

/// A sentence for people: its key in the `.ftl` files and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The key, `<feature>-say-…`.
    pub key: &'static str,
    /// The values.
    pub args: Args,
}

impl Said {
    /// A sentence.
    #[must_use]
    pub const fn new(key: &'static str, args: Args) -> Self {
        Self { key, args }
    }

    /// A sentence that names no values.
    #[must_use]
    pub const fn bare(key: &'static str) -> Self {
        Self::new(key, Args::new())
    }

    /// The sentence of a refusal, to stand within another.
    #[must_use]
    pub fn of(refusal: &impl Refusal) -> Self {
        Self::new(refusal.code(), refusal.args())
    }
}

/// Why something is not as it should be, to stand within another sentence.
///
/// The sentence is the room's own, in both languages; what a library says of its own stands in it in
/// parentheses, as the library says it.
pub trait Reason {
    /// The sentence, without a full stop.
    fn said(&self) -> Said;

    /// The same as a value of another sentence.
    fn arg(&self) -> Arg {
        Arg::Said(Box::new(self.said()))
    }
}

impl Reason for Said {
    fn said(&self) -> Said {
        self.clone()
    }
}

impl Reason for std::io::Error {
    fn said(&self) -> Said {
        match self.kind() {
            ErrorKind::NotFound => Said::bare("web-say-io-not-found"),
            ErrorKind::PermissionDenied => Said::bare("web-say-io-denied"),
            ErrorKind::IsADirectory => Said::bare("web-say-io-folder"),
            ErrorKind::NotADirectory => Said::bare("web-say-io-no-folder"),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Said::bare("web-say-io-full"),
            ErrorKind::ReadOnlyFilesystem => Said::bare("web-say-io-read-only"),
            ErrorKind::AddrInUse => Said::bare("web-say-io-taken"),
            ErrorKind::InvalidFilename => Said::bare("web-say-io-name"),
            _ => Said::new("web-say-io", vec![("reason", self.to_string().into())]),
        }
    }
}

impl Reason for serde_json::Error {
    fn said(&self) -> Said {
        let whole = self.to_string();
        let (line, column) = (self.line().to_string(), self.column().to_string());
        let place = format!(" at line {line} column {column}");
        let reason = whole.strip_suffix(&place).unwrap_or(&whole).into();
        Said::new(
            "web-say-json",
            vec![("line", line.into()), ("column", column.into()), ("reason", reason)],
        )
    }
}

impl Reason for std::string::FromUtf8Error {
    fn said(&self) -> Said {
        Said::bare("web-say-utf8")
    }
}

impl Reason for std::net::AddrParseError {
    fn said(&self) -> Said {
        Said::bare("web-say-no-address")
    }
}

impl Reason for std::num::ParseIntError {
    fn said(&self) -> Said {
        Said::bare("web-say-no-number")
    }
}

/// What a TOML file's reader found wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TomlFault {
    /// Line and column, from 1, where it is about one place.
    place: Option<(usize, usize)>,
    /// The library's words.
    reason: String,
}

impl TomlFault {
    /// Reads the library's error about this text.
    #[must_use]
    pub fn new(text: &str, error: &toml::de::Error) -> Self {
        let reason = error.message().trim_end().replace('\n', "; ");
        // What is missing has no place: the library names the whole.
        let span = error.span().filter(|_| !reason.starts_with("missing field"));
        let place = span.and_then(|span| text.get(..span.start)).map(|before| {
            let line = before.rsplit('\n').next().unwrap_or_default();
            (before.matches('\n').count() + 1, line.chars().count() + 1)
        });
        Self { place, reason }
    }
}

impl Reason for TomlFault {
    fn said(&self) -> Said {
        let reason = ("reason", self.reason.as_str().into());
        let Some((line, column)) = self.place else {
            return Said::new("web-say-toml", vec![reason]);
        };
        let (line, column) = (line.to_string().into(), column.to_string().into());
        Said::new("web-say-toml-at", vec![("line", line), ("column", column), reason])
    }
}

/// Why an act was not done. Every feature has one enum of these.
///
/// The code is part of the interface: clients compare it, so it never changes its meaning. The
/// sentence `<code>` and its `.hint` (what to do next) stand in the feature's `.ftl` files.
pub trait Refusal: std::error::Error + Send + Sync + 'static {
    /// Stable and unique, `<feature>-<reason>`, lower case with dashes.
    fn code(&self) -> &'static str;
    /// The HTTP status that fits: 400, 403, 404, 409, 413, 416, 422, 429, 500, 503 or 507.
    fn status(&self) -> u16;
    /// The values that the sentence names.
    fn args(&self) -> Args {
        Args::new()
    }
    /// What a process ends with, where the status does not tell: 2 for wrong usage.
    fn exit(&self) -> Option<u8> {
        None
    }
}

/// One wrong field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// A JSON pointer (RFC 6901) into the request's body.
    pub pointer: String,
    /// Why, by code.
    pub code: &'static str,
    /// The values that the sentence names.
    pub args: Args,
}

/// The one error that leaves the program.
#[derive(Debug)]
pub struct Error {
    code: &'static str,
    status: u16,
    args: Args,
    fields: Vec<FieldError>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    exit: Option<u8>,
}

impl Error {
    /// An error of the edge itself, where no feature's refusal exists.
    #[must_use]
    pub const fn new(code: &'static str, status: u16, args: Args) -> Self {
        Self { code, status, args, fields: Vec::new(), source: None, exit: None }
    }

    /// Our own failure. The cause is for the log; the reader learns only that it was us.
    #[must_use]
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let mut error = Self::new("web-internal", 500, Args::new());
        error.source = Some(cause.into());
        error
    }

    /// Several wrong fields at once, so that a form need not be sent five times.
    #[must_use]
    pub fn fields(fields: Vec<FieldError>) -> Self {
        let mut error = Self::new("web-fields", 422, Args::new());
        error.fields = fields;
        error
    }

    /// The same with an exit code of its own, where a command's help gives codes another meaning.
    #[must_use]
    pub const fn ending_with(mut self, exit: u8) -> Self {
        self.exit = Some(exit);
        self
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The values that the sentence names.
    #[must_use]
    pub fn args(&self) -> &[(&'static str, Arg)] {
        &self.args
    }

    /// The wrong fields.
    #[must_use]
    pub fn field_errors(&self) -> &[FieldError] {
        &self.fields
    }

    /// Whether the same request may succeed later without a change.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.status, 429 | 502 | 503 | 504 | 507)
    }

    /// What a process ends with: 1 refused, 70 our failure, 75 try again (sysexits.h); 2 is for
    /// usage and comes from the command line's parser.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        if let Some(exit) = self.exit {
            exit
        } else if self.is_transient() {
            75
        } else if self.status >= 500 {
            70
        } else {
            1
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code)?;
        self.source.as_ref().map_or(Ok(()), |cause| write!(f, ": {cause}"))
    }
}

/// Deliberately not `std::error::Error`: that would overlap with this, and nothing wraps the
/// outermost error again.
impl<R: Refusal> From<R> for Error {
    fn from(refusal: R) -> Self {
        let mut error = Self::new(refusal.code(), refusal.status(), refusal.args());
        error.exit = refusal.exit();
        error.source = Some(Box::new(refusal));
        error
    }
}
