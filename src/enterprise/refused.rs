//! Why a registration or a change of keys was refused, by stable code.

use super::rules::{MAX_ROTATIONS, MAX_TEXT};
use super::uscc::UsccError;
use crate::crypto::note::NoteError;
use crate::crypto::statement::StatementError;
use crate::db;
use crate::error::{Arg, Args, Reason as _, Refusal};

/// Why a registration or a change of keys was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not a statement of the kind expected.
    #[error("not the statement expected: {0:?}")]
    Statement(Arg),
    /// Not by the key or keys that must sign, or by others besides.
    #[error("not signed by exactly the keys that must sign")]
    Signature,
    /// The operator's statement carries no signature of an operator of the roster.
    #[error("not signed by an operator of the roster")]
    NotAnOperator,
    /// The code is not right.
    #[error(transparent)]
    Code(#[from] UsccError),
    /// The code is right, but not in its one spelling.
    #[error("the code is not in capitals without spaces")]
    CodeSpelling,
    /// A name, contact or reason that is empty or too long.
    #[error("{0} is empty, begins or ends with a space, or is longer than {MAX_TEXT} characters")]
    Text(&'static str),
    /// The key is not named after the body.
    #[error("the key must be named {0}")]
    KeyName(String),
    /// Somebody speaks for it already.
    #[error("it is verified already")]
    AlreadyVerified,
    /// No application is waiting.
    #[error("no application is waiting")]
    NothingWaiting,
    /// Another application than the one named is waiting, or it says something else.
    #[error("the application that is waiting is another one")]
    OtherApplication,
    /// Nobody speaks for it, so there is no key to change.
    #[error("no key is in force")]
    NoKey,
    /// The key in force is another one.
    #[error("this key is not in force")]
    NotInForce,
    /// A re-application that changes who the body is.
    #[error("the kind or the code differs from the one that was verified")]
    OtherIdentity,
    /// A key that speaks, or once spoke, for somebody.
    #[error("this key was used before")]
    KeyTaken,
    /// It rotated too often since an operator vouched for it.
    #[error("the key was rotated {MAX_ROTATIONS} times since an operator vouched for it")]
    ManyRotations,
    /// Another body of this kind is verified with this code.
    #[error("this code is verified for another registration")]
    CodeTaken,
    /// Nobody has this id.
    #[error("nobody has this id")]
    Unknown,
    /// Not in the role that does this.
    #[error(transparent)]
    Access(#[from] crate::auth::Refused),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] db::Error),
}

impl From<StatementError> for Refused {
    fn from(error: StatementError) -> Self {
        Self::Statement(error.arg())
    }
}

impl From<NoteError> for Refused {
    fn from(_: NoteError) -> Self {
        Self::Signature
    }
}

impl Refusal for Refused {
    fn code(&self) -> &'static str {
        match self {
            Self::Statement(_) => "enterprise-statement",
            Self::Signature => "enterprise-signature",
            Self::NotAnOperator => "enterprise-not-an-operator",
            Self::Code(error) => error.code(),
            Self::CodeSpelling => "enterprise-code-spelling",
            Self::Text(_) => "enterprise-text",
            Self::KeyName(_) => "enterprise-key-name",
            Self::AlreadyVerified => "enterprise-already-verified",
            Self::NothingWaiting => "enterprise-nothing-waiting",
            Self::OtherApplication => "enterprise-other-application",
            Self::NoKey => "enterprise-no-key",
            Self::NotInForce => "enterprise-key-not-in-force",
            Self::OtherIdentity => "enterprise-other-identity",
            Self::KeyTaken => "enterprise-key-taken",
            Self::ManyRotations => "enterprise-many-rotations",
            Self::CodeTaken => "enterprise-code-taken",
            Self::Unknown => "enterprise-unknown",
            Self::Access(refused) => refused.code(),
            Self::Database(error) => error.code(),
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Statement(_) => 400,
            Self::Signature | Self::NotAnOperator => 403,
            Self::Code(error) => error.status(),
            Self::CodeSpelling | Self::Text(_) | Self::KeyName(_) => 422,
            Self::Unknown => 404,
            Self::Access(refused) => refused.status(),
            Self::Database(error) => error.status(),
            Self::AlreadyVerified
            | Self::NothingWaiting
            | Self::OtherApplication
            | Self::NoKey
            | Self::NotInForce
            | Self::OtherIdentity
            | Self::KeyTaken
            | Self::ManyRotations
            | Self::CodeTaken => 409,
        }
    }

    fn args(&self) -> Args {
        match self {
            Self::Statement(reason) => vec![("reason", reason.clone())],
            Self::Code(error) => error.args(),
            Self::Text(field) => vec![("field", (*field).into())],
            Self::KeyName(name) => vec![("name", name.as_str().into())],
            Self::ManyRotations => vec![("most", i64::from(MAX_ROTATIONS).into())],
            Self::Access(refused) => refused.args(),
            Self::Database(error) => error.args(),
            _ => Args::new(),
        }
    }
}
