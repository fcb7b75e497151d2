//! Why the program does not start with what it was told: a sentence for each mistake.

use crate::db::BadUrl;
use crate::error::{Arg, Args, Refusal};

/// Why the program does not start with this configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{path} cannot be read: {reason:?}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: Arg,
    },
    /// Not TOML, or not our fields.
    #[error("{place:?} is not right: {reason:?}")]
    Shape {
        /// The file, or the variable.
        place: Arg,
        /// Why.
        reason: Arg,
    },
    /// No address of a database.
    #[error(transparent)]
    Database(#[from] BadUrl),
    /// A `SEALBID_` variable that means nothing.
    #[error("the variable {name} means nothing here")]
    Variable {
        /// Its name.
        name: String,
    },
    /// Not a name for a record.
    #[error("{found} is not an origin")]
    Origin {
        /// What stands there.
        found: String,
    },
    /// A number outside its range.
    #[error("{field} must be from {least} to {most}")]
    Range {
        /// The field.
        field: &'static str,
        /// The least value.
        least: i64,
        /// The largest value.
        most: i64,
    },
    /// A password in the database's address.
    #[error("a password stands in `database`")]
    Password,
    /// A secret that others on this machine can read.
    #[error("{path} can be read by others")]
    Exposed {
        /// The file.
        path: String,
    },
    /// A key file without 64 hexadecimal digits.
    #[error("{path} does not hold a key")]
    NotAKey {
        /// The file.
        path: String,
    },
}

impl Refusal for ConfigError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "web-config-unreadable",
            Self::Shape { .. } => "web-config-shape",
            Self::Database(bad) => bad.code(),
            Self::Variable { .. } => "web-config-variable",
            Self::Origin { .. } => "web-config-origin",
            Self::Range { .. } => "web-config-range",
            Self::Password => "web-config-password",
            Self::Exposed { .. } => "web-config-exposed",
            Self::NotAKey { .. } => "web-config-key",
        }
    }

    fn status(&self) -> u16 {
        422
    }

    fn args(&self) -> Args {
        match self {
            Self::Unreadable { path, reason } => {
                vec![("path", path.as_str().into()), ("reason", reason.clone())]
            }
            Self::Shape { place, reason } => {
                vec![("place", place.clone()), ("reason", reason.clone())]
            }
            Self::Database(bad) => bad.args(),
            Self::Variable { name } => vec![("name", name.as_str().into())],
            Self::Origin { found } => vec![("found", found.as_str().into())],
            Self::Range { field, least, most } => vec![
                ("field", (*field).into()),
                ("least", Arg::Number(*least)),
                ("most", Arg::Number(*most)),
            ],
            Self::Password => Args::new(),
            Self::Exposed { path } | Self::NotAKey { path } => {
                vec![("path", path.as_str().into())]
            }
        }
    }
}
