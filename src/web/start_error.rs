//! Why a platform does not start: everything that its start suspects, with a sentence for each.

use super::i18n::local_time;
use crate::clock::Time;
use crate::db::{self, OpenError};
use crate::error::{Arg, Args, Refusal};

/// Why the platform does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The rule pack.
    #[error("rule pack {path}: {reason:?}")]
    RulePack {
        /// Its file.
        path: String,
        /// Why.
        reason: Arg,
    },
    /// The roster, or keys that it does not name.
    #[error("roster {path}: {reason:?}")]
    Roster {
        /// Its file.
        path: String,
        /// Why.
        reason: Arg,
    },
    /// The database, its schema, or the record in it.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// An `init` that was cut off before it fixed the record's name.
    #[error("no record was named: run `sealbid init` again")]
    Unnamed,
    /// The machine's clock is behind the record's last entry.
    #[error("the clock says {now}, but the record already says {last}")]
    Clock {
        /// What the clock says.
        now: Time,
        /// The time of the last entry.
        last: Time,
    },
    /// The database keeps another record than the configuration names.
    #[error("the database keeps the record {found}, not {named}")]
    Origin {
        /// What the configuration says.
        named: String,
        /// What `init` fixed.
        found: String,
    },
    /// A witness has seen more of the record than this database holds.
    #[error("the witness {witness} is ahead: {reason}")]
    Behind {
        /// Who.
        witness: String,
        /// What it said.
        reason: String,
    },
    /// The data folder.
    #[error("data folder {path}: {reason:?}")]
    Folder {
        /// Which.
        path: String,
        /// Why.
        reason: Arg,
    },
    /// Another process works on the data folder.
    #[error("data folder {path} is in use")]
    FolderInUse {
        /// Which.
        path: String,
    },
    /// The data folder is not the one that the database's uploads are in.
    #[error("data folder {path} is not {id}, which the database's uploads are in")]
    OtherFolder {
        /// Which.
        path: String,
        /// What the database says.
        id: String,
    },
    /// The address.
    #[error("listen {address}: {reason:?}")]
    Listen {
        /// Which.
        address: String,
        /// Why.
        reason: Arg,
    },
    /// A key file.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// The system.
    #[error("{0}")]
    Internal(String),
}

impl Refusal for StartError {
    fn code(&self) -> &'static str {
        match self {
            Self::RulePack { .. } => "web-start-rule-pack",
            Self::Roster { .. } => "web-start-roster",
            Self::Database(error) => error.code(),
            Self::Unnamed => "web-start-unnamed",
            Self::Clock { .. } => "web-start-clock",
            Self::Origin { .. } => "web-start-origin",
            Self::Behind { .. } => "web-start-behind",
            Self::Folder { .. } => "web-start-folder",
            Self::FolderInUse { .. } => "web-start-folder-in-use",
            Self::OtherFolder { .. } => "web-start-other-folder",
            Self::Listen { .. } => "web-start-listen",
            Self::Config(error) => error.code(),
            Self::Internal(_) => "web-start-internal",
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::RulePack { .. } | Self::Roster { .. } | Self::Folder { .. } => 422,
            Self::Unnamed
            | Self::Origin { .. }
            | Self::Behind { .. }
            | Self::OtherFolder { .. } => 409,
            // Whoever holds the address or the folder, or the clock, may be gone or right in a while.
            Self::Clock { .. } | Self::Listen { .. } | Self::FolderInUse { .. } => 503,
            Self::Database(error) => error.status(),
            Self::Config(error) => error.status(),
            Self::Internal(_) => 500,
        }
    }

    fn args(&self) -> Args {
        match self {
            Self::RulePack { path, reason }
            | Self::Roster { path, reason }
            | Self::Folder { path, reason } => {
                vec![("path", path.clone().into()), ("reason", reason.clone())]
            }
            Self::Database(error) => error.args(),
            Self::Unnamed => Args::new(),
            Self::Internal(why) => vec![("reason", why.clone().into())],
            Self::Clock { now, last } => {
                vec![("now", local_time(*now).into()), ("last", local_time(*last).into())]
            }
            Self::Origin { named, found } => {
                vec![("named", named.as_str().into()), ("found", found.as_str().into())]
            }
            Self::FolderInUse { path } => vec![("path", path.clone().into())],
            Self::OtherFolder { path, id } => {
                vec![("path", path.clone().into()), ("id", id.clone().into())]
            }
            Self::Behind { witness, .. } => vec![("witness", witness.clone().into())],
            Self::Listen { address, reason } => {
                vec![("address", address.clone().into()), ("reason", reason.clone())]
            }
            Self::Config(error) => error.args(),
        }
    }
}

/// What a question or an act at start was refused with.
pub(super) fn refused(error: db::Error) -> StartError {
    match error {
        db::Error::ClockBehind { now, last } => StartError::Clock { now, last },
        other => StartError::Database(other.into()),
    }
}

pub(super) fn internal(error: impl std::fmt::Display) -> StartError {
    StartError::Internal(error.to_string())
}

/// What the database holds contradicts itself or this program.
pub(super) fn corrupt(reason: impl std::fmt::Display) -> StartError {
    refused(db::Error::Corrupt(reason.to_string()))
}
