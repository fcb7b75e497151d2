//! Why an act on a bid was not done, where nothing of it is on the record.

use crate::auth;
use crate::blob;
use crate::crypto::entropy::NoEntropy;
use crate::crypto::json::JsonError;
use crate::crypto::note::NoteError;
use crate::crypto::seal::ProfileError;
use crate::crypto::statement::StatementError;
use crate::db;
use crate::error::{Args, Refusal};

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
    /// The platform holds the envelope that was to be brought again.
    #[error("the platform holds this envelope")]
    NotMissing,
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
    /// The manifest is longer than a `.bid` file holds: its receipt would be more than others take.
    #[error("the manifest is larger than {limit} bytes")]
    LongManifest {
        /// The limit in bytes.
        limit: u64,
    },
    /// The enterprise has as much on the way as it may.
    #[error("{count} uploads of {bytes} bytes are on the way already")]
    Quota {
        /// Uploads that nothing refers to.
        count: u64,
        /// Their announced bytes together.
        bytes: u64,
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
    Store(blob::Error),
}

/// The edge's code of a recorded refusal; the record itself has the short one.
impl Refusal for Refused {
    fn code(&self) -> &'static str {
        match self {
            Self::Late => "bid-late",
            Self::NotOpen => "bid-not-open",
            Self::WrongUnit => "bid-wrong-unit",
            Self::Signature => "bid-signature",
            Self::ShareCount => "bid-share-count",
            Self::BidId => "bid-id",
            Self::Replayed => "bid-replayed",
            Self::SeqTaken => "bid-seq-taken",
            Self::SeqNotNext => "bid-seq-not-next",
            Self::OtherKey => "bid-other-key",
            Self::WrongPrev => "bid-wrong-prev",
            Self::NothingToWithdraw => "bid-nothing-to-withdraw",
            Self::Undecided => "bid-undecided",
            Self::Shares => "bid-shares",
            Self::ShareProfile => "bid-share-profile",
            Self::Envelope => "bid-envelope",
            Self::EnvelopeLost => "bid-envelope-lost",
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::WrongUnit
            | Self::Signature
            | Self::ShareCount
            | Self::Shares
            | Self::ShareProfile
            | Self::Envelope => 422,
            _ => 409,
        }
    }
}

impl Refusal for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::Refused(refused) => Refusal::code(refused),
            Self::NotFound | Self::Store(blob::Error::NotFound) => "bid-not-found",
            Self::NoKey => "bid-key",
            Self::Statement(_) => "bid-statement",
            Self::NotMissing => "bid-not-missing",
            Self::Profile(_) => "bid-profile",
            Self::Lodged => "bid-lodged",
            Self::TooLarge { .. } => "bid-too-large",
            Self::LongManifest { .. } => "bid-long-manifest",
            Self::Quota { .. } => "bid-upload-quota",
            Self::InUse => "bid-in-use",
            Self::Auth(refused) => refused.code(),
            Self::Db(error) => error.code(),
            Self::Store(error) => store_code(error),
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Refused(refused) => refused.status(),
            Self::NotFound | Self::Store(blob::Error::NotFound) => 404,
            Self::InUse | Self::NotMissing | Self::Quota { .. } => 409,
            Self::TooLarge { .. } | Self::LongManifest { .. } => 413,
            Self::Auth(refused) => refused.status(),
            Self::Db(error) => error.status(),
            Self::Store(error) => store_status(error),
            _ => 422,
        }
    }

    fn args(&self) -> Args {
        match self {
            Self::TooLarge { limit } | Self::LongManifest { limit } => number("limit", *limit),
            Self::Quota { count, bytes } => {
                [number("count", *count), number("bytes", *bytes)].concat()
            }
            Self::Profile(cause) => vec![("cause", cause.code().into())],
            Self::Store(blob::Error::Offset { actual }) => number("actual", *actual),
            Self::Auth(refused) => refused.args(),
            Self::Db(error) => error.args(),
            _ => Args::new(),
        }
    }
}

fn number(name: &'static str, value: u64) -> Args {
    vec![(name, i64::try_from(value).unwrap_or(i64::MAX).into())]
}

const fn store_code(error: &blob::Error) -> &'static str {
    match error {
        blob::Error::Offset { .. } => "bid-upload-offset",
        blob::Error::Checksum => "bid-upload-checksum",
        blob::Error::TooLong { .. } => "bid-upload-too-long",
        blob::Error::Incomplete { .. } => "bid-upload-incomplete",
        blob::Error::Busy => "bid-upload-busy",
        blob::Error::Full(_) => "bid-upload-full",
        _ => "bid-upload-failed",
    }
}

const fn store_status(error: &blob::Error) -> u16 {
    match error {
        blob::Error::Offset { .. } | blob::Error::Incomplete { .. } | blob::Error::Busy => 409,
        blob::Error::TooLong { .. } => 413,
        // The upload protocol's own.
        blob::Error::Checksum => 460,
        blob::Error::Full(_) => 507,
        _ => 500,
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

impl From<blob::Error> for Error {
    fn from(error: blob::Error) -> Self {
        match error {
            blob::Error::Unfit(cause) => Self::Profile(cause),
            other => Self::Store(other),
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
