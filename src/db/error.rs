//! What can go wrong below a feature: few kinds, each with its real reason.

use diesel::result::{DatabaseErrorKind, Error as Diesel};

use crate::clock::Time;
use crate::error::Refusal;

/// A read or a write that did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such row.
    #[error("not found")]
    NotFound,
    /// Somebody else was first: a key is taken, or a compare-and-swap met another state.
    #[error("conflict: {0}")]
    Conflict(String),
    /// Too much at once, or a lock that was not given in time; trying again later is right.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// The stored data contradicts itself or this program. Never repaired silently.
    #[error("the stored data is corrupt: {0}")]
    Corrupt(String),
    /// The database has no space left. Nothing that was answered is lost.
    #[error("the database is full: {0}")]
    Full(String),
    /// The database failed; the reason is its own.
    #[error("the database failed: {0}")]
    Backend(String),
    /// The door is shut for every act; the code of the reason, which whoever shut it has words for.
    #[error("the door is shut: {0}")]
    Shut(&'static str),
    /// The clock is more than [`BEHIND_MS`](super::BEHIND_MS) behind the record's last entry, so an
    /// entry's time would be a lie (protocol.md §1).
    #[error("the clock says {now}, but the record already says {last}")]
    ClockBehind {
        /// What the clock says.
        now: Time,
        /// The time of the last entry.
        last: Time,
    },
}

impl Error {
    /// A compare-and-swap that changed no row.
    #[must_use]
    pub fn lost_race(what: &str) -> Self {
        Self::Conflict(format!("{what} changed in the meantime"))
    }
}

impl From<Diesel> for Error {
    fn from(error: Diesel) -> Self {
        match error {
            Diesel::NotFound => Self::NotFound,
            Diesel::DatabaseError(kind, info) => {
                let reason = info.message().to_owned();
                match kind {
                    DatabaseErrorKind::UniqueViolation
                    | DatabaseErrorKind::ForeignKeyViolation
                    | DatabaseErrorKind::ExclusionViolation => Self::Conflict(reason),
                    DatabaseErrorKind::SerializationFailure => Self::Busy(reason),
                    _ if is_lock_refused(&reason) => Self::Busy(reason),
                    _ if is_full(&reason) => Self::Full(reason),
                    _ => Self::Backend(reason),
                }
            }
            Diesel::DeserializationError(reason) => Self::Corrupt(reason.to_string()),
            other => Self::Backend(other.to_string()),
        }
    }
}

impl From<crate::crypto::entropy::NoEntropy> for Error {
    fn from(error: crate::crypto::entropy::NoEntropy) -> Self {
        Self::Backend(error.to_string())
    }
}

/// Neither driver gives these a kind of their own: SQLite's BUSY and LOCKED, PostgreSQL's 55P03.
fn is_lock_refused(reason: &str) -> bool {
    ["database is locked", "database table is locked", "due to lock timeout", "deadlock detected"]
        .iter()
        .any(|known| reason.contains(known))
}

/// SQLite's FULL, and the system's words that PostgreSQL's 53100 ends with.
fn is_full(reason: &str) -> bool {
    ["database or disk is full", "No space left on device"].iter().any(|it| reason.contains(it))
}

impl Refusal for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "db-not-found",
            Self::Conflict(_) => "db-conflict",
            Self::Busy(_) => "db-busy",
            Self::ClockBehind { .. } => "db-clock-behind",
            Self::Full(_) => "db-full",
            Self::Corrupt(_) | Self::Backend(_) => "db-failed",
            Self::Shut(code) => code,
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Conflict(_) => 409,
            Self::Busy(_) | Self::ClockBehind { .. } | Self::Shut(_) => 503,
            Self::Full(_) => 507,
            Self::Corrupt(_) | Self::Backend(_) => 500,
        }
    }
}
