//! Why a database is not made, brought up to date or opened: each reason with what to do next.

use crate::error::{Args, Refusal};

use super::Error;
use super::url::BadUrl;

/// A database that is not opened, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not an address of a database.
    #[error(transparent)]
    Url(#[from] BadUrl),
    /// Its file cannot be opened or made.
    #[error("the file {place}: {reason}")]
    File {
        /// Which.
        place: String,
        /// The system's words.
        reason: String,
    },
    /// It does not answer; the reason is its own.
    #[error("cannot reach the database: {0}")]
    Unreachable(String),
    /// There is no Sealbid database here.
    #[error("{0} holds no Sealbid database: create one with `sealbid init`")]
    NotInitialised(String),
    /// `init` where a platform stands already.
    #[error("{0} is a platform's already: `init` never touches what is there")]
    AlreadyInitialised(String),
    /// What stands here was not made by any version of this program.
    #[error("{0} is another program's: nothing in it is touched")]
    Foreign(String),
    /// An older program made it.
    #[error("{place} lacks version {version} of the schema: run `sealbid migrate`")]
    SchemaOlder {
        /// Which database.
        place: String,
        /// The first version that it lacks.
        version: String,
    },
    /// A newer program made it; this one must not write to it.
    #[error("{place} has version {version} of the schema, made by a newer program: use that one")]
    SchemaNewer {
        /// Which database.
        place: String,
        /// The first version unknown here.
        version: String,
    },
    /// A migration failed; it left nothing behind.
    #[error("a migration failed: {0}")]
    Migration(String),
    /// A question to the database failed.
    #[error(transparent)]
    Database(#[from] Error),
}

impl Refusal for OpenError {
    fn code(&self) -> &'static str {
        match self {
            Self::Url(bad) => bad.code(),
            Self::File { .. } => "db-file",
            Self::Unreachable(_) => "db-unreachable",
            Self::NotInitialised(_) => "db-not-initialised",
            Self::AlreadyInitialised(_) => "db-already-initialised",
            Self::Foreign(_) => "db-foreign",
            Self::SchemaOlder { .. } => "db-schema-older",
            Self::SchemaNewer { .. } => "db-schema-newer",
            Self::Migration(_) => "db-migration",
            Self::Database(_) => "db-unusable",
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Url(bad) => bad.status(),
            Self::File { .. } => 422,
            Self::Unreachable(_) => 503,
            Self::NotInitialised(_)
            | Self::AlreadyInitialised(_)
            | Self::Foreign(_)
            | Self::SchemaOlder { .. }
            | Self::SchemaNewer { .. } => 409,
            Self::Migration(_) => 500,
            Self::Database(error) => error.status(),
        }
    }

    fn args(&self) -> Args {
        match self {
            Self::Url(bad) => bad.args(),
            Self::NotInitialised(place)
            | Self::AlreadyInitialised(place)
            | Self::Foreign(place) => {
                vec![("place", place.as_str().into())]
            }
            Self::SchemaOlder { place, version } | Self::SchemaNewer { place, version } => {
                vec![("place", place.as_str().into()), ("version", version.as_str().into())]
            }
            Self::File { place, reason } => {
                vec![("place", place.as_str().into()), ("reason", reason.as_str().into())]
            }
            Self::Unreachable(reason) | Self::Migration(reason) => {
                vec![("reason", reason.as_str().into())]
            }
            Self::Database(error) => vec![("reason", error.to_string().into())],
        }
    }
}
