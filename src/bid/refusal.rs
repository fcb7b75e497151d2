//! Why an act on a bid was not done, where nothing of it is on the record.

use crate::auth;
use crate::blob;
use crate::crypto::entropy::NoEntropy;
use crate::crypto::json::JsonError;
use crate::crypto::note::NoteError;
use crate::crypto::seal::ProfileError;
use crate::crypto::statement::StatementError;
use crate::db;

use super::rules::Refused;

/// Why an act on a bid was not done. What a bidder truly signed is refused on the record instead,
/// and answered with that entry.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A refusal that the record does not hold.
    #[error(transparent)]
    Refused(Refused),
    /// No such unit, upload or bid of the actor's.
    #[error("there is no such unit, upload or bid")]
    NotFound,
    /// Nobody verified speaks for this bidder now.
    #[error("no key speaks for this bidder now")]
    NoKey,
    /// The bytes are no statement of the type expected.
    #[error("the statement is malformed: {0}")]
    Statement(#[from] StatementError),
    /// There is no complete upload of the bidder with the manifest's hash and size.
    #[error("the envelope was not uploaded, or differs from the manifest")]
    Blob,
    /// The sealed shares are not those that the manifest names.
    #[error("the sealed shares differ from the manifest")]
    Shares,
    /// Something sealed does not fit the header profile.
    #[error("what was uploaded is not sealed as it must be: {0}")]
    Profile(#[from] ProfileError),
    /// The custodian's statement does not fit the bid that it came with.
    #[error("the custodian's statement does not fit this bid")]
    Lodged,
    /// Larger than uploads may be.
    #[error("the upload is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The upload is part of something already.
    #[error("the upload is in use")]
    InUse,
    /// The actor may not do this.
    #[error(transparent)]
    Auth(#[from] auth::Refused),
    /// The database.
    #[error(transparent)]
    Db(db::Error),
    /// The store of files.
    #[error(transparent)]
    Store(#[from] blob::Error),
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refused) => refused.code(),
            Self::NotFound => "bid-not-found",
            Self::NoKey => "bid-key",
            Self::Statement(_) => "bid-statement",
            Self::Blob => "bid-blob",
            Self::Shares => "bid-shares",
            Self::Profile(e) => e.code(),
            Self::Lodged => "bid-lodged",
            Self::TooLarge { .. } => "bid-too-large",
            Self::InUse => "bid-in-use",
            Self::Auth(_) => "bid-auth",
            Self::Db(_) => "bid-database",
            Self::Store(_) => "bid-store",
        }
    }
}

impl From<db::Error> for Error {
    fn from(error: db::Error) -> Self {
        match error {
            db::Error::NotFound => Self::NotFound,
            other => Self::Db(other),
        }
    }
}

impl From<NoEntropy> for Error {
    fn from(error: NoEntropy) -> Self {
        Self::Db(error.into())
    }
}

impl From<JsonError> for Error {
    fn from(error: JsonError) -> Self {
        Self::Statement(error.into())
    }
}

impl From<NoteError> for Error {
    fn from(_: NoteError) -> Self {
        Self::Refused(Refused::Signature)
    }
}
