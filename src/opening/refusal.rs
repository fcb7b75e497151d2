//! Why a step of an opening was not taken, or somebody's word about it not.

use super::rules::OutOfOrder;
use crate::auth;
use crate::blob;
use crate::crypto::json::JsonError;
use crate::crypto::note::NoteError;
use crate::crypto::statement::StatementError;
use crate::db;
use crate::error::{Args, Refusal};

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// A ciphertext could not be read or deleted.
    #[error(transparent)]
    Blob(#[from] blob::Error),
    /// A statement is malformed.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// A signature is missing, wrong or unknown.
    #[error(transparent)]
    Signature(#[from] NoteError),
    /// An event could not be written as canonical JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The unit's state does not allow it.
    #[error(transparent)]
    State(#[from] OutOfOrder),
    /// The unit stands on a roster that this server does not have.
    #[error("the unit stands on a roster that this server does not have")]
    Roster,
    /// Well-formed, and not what this unit can take now.
    #[error(transparent)]
    Misplaced(#[from] Misplaced),
    /// The actor may not do this.
    #[error(transparent)]
    Auth(#[from] auth::Refused),
}

/// Why a word does not fit its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    /// Not closed, not released by order, or ordered already.
    #[error("this unit takes no order now")]
    NoOrderNow,
    /// The procuring entity's key was revoked, or another vouched for since the unit was published.
    #[error("the procuring entity has no key in force that reaches back to the unit's")]
    NoKey,
    /// There is no effective close yet.
    #[error("the unit is not closed")]
    NotClosed,
    /// Its lines are not a choice from the close.
    #[error("it does not choose from this unit's close")]
    OtherLines,
    /// It speaks of another close.
    #[error("it is about another close")]
    OtherClose,
    /// Its signer is no custodian of the unit.
    #[error("no such custodian")]
    NotACustodian,
    /// The receipts shown with a challenge do not deny the close.
    #[error("the receipts do not deny this close")]
    NothingDenied,
    /// The opening stands not on the record.
    #[error("the unit is not opened")]
    NotOpened,
    /// A suspension of what is opened, void or lapsed.
    #[error("nothing of this unit is left to be stopped")]
    NothingToStop,
    /// The line was not opened: the opening record says why.
    #[error("this bid did not open")]
    LineNotOpened,
    /// No second envelopes of a closed unit whose technical envelopes are open.
    #[error("it is not shown yet whose lines these are, or never is")]
    LinesSealed,
}

impl Misplaced {
    const fn code(self) -> &'static str {
        match self {
            Self::NoOrderNow => "opening-no-order-now",
            Self::NoKey => "opening-no-key",
            Self::NotClosed => "opening-not-closed",
            Self::OtherLines => "opening-other-lines",
            Self::OtherClose => "opening-other-close",
            Self::NotACustodian => "opening-not-a-custodian",
            Self::NothingDenied => "opening-nothing-denied",
            Self::NotOpened => "opening-not-opened",
            Self::NothingToStop => "opening-nothing-to-stop",
            Self::LineNotOpened => "opening-line-not-opened",
            Self::LinesSealed => "opening-lines-sealed",
        }
    }
}

impl Refusal for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::Db(db::Error::NotFound) => "opening-not-found",
            Self::Db(error) => error.code(),
            Self::Blob(_) => "opening-file",
            Self::Statement(_) | Self::Json(_) => "opening-statement",
            Self::Signature(_) => "opening-signature",
            Self::State(_) => "opening-state",
            Self::Roster => "opening-roster",
            Self::Misplaced(misplaced) => misplaced.code(),
            Self::Auth(refused) => refused.code(),
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Db(error) => error.status(),
            Self::Statement(_)
            | Self::Json(_)
            | Self::Signature(_)
            | Self::Misplaced(
                Misplaced::OtherLines | Misplaced::NotACustodian | Misplaced::NothingDenied,
            ) => 422,
            Self::State(_) | Self::Misplaced(_) => 409,
            Self::Blob(_) | Self::Roster => 500,
            Self::Auth(refused) => refused.status(),
        }
    }

    fn args(&self) -> Args {
        match self {
            Self::Db(error) => error.args(),
            Self::Auth(refused) => refused.args(),
            _ => Args::new(),
        }
    }
}
