//! Why an act on a tender was not done.

use crate::auth;
use crate::blob;
use crate::crypto::entropy::NoEntropy;
use crate::crypto::json::JsonError;
use crate::crypto::note::NoteError;
use crate::crypto::statement::StatementError;
use crate::db;
use crate::error::{Arg, Args, Reason as _, Refusal};
use crate::opening::rules::{AmendmentFault, OutOfOrder};

use super::rules::{MAX_DOCUMENTS, MAX_DRAFTS, PlanFault, Unlawful};

/// Why an act on a tender is refused. Each has a stable code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such tender, unit or document.
    #[error("there is no such tender, unit or document")]
    NotFound,
    /// The tender is not a draft any more, or not one yet that was proposed.
    #[error("the tender is not in the state for this")]
    State,
    /// The plan contradicts itself.
    #[error(transparent)]
    Plan(#[from] PlanFault),
    /// A rule of the rule pack is broken.
    #[error(transparent)]
    Unlawful(#[from] Unlawful),
    /// A signed unit is not the one that was planned.
    #[error("the unit differs from the plan: {0}")]
    Unit(&'static str),
    /// The notice does not name exactly the tender's lots, units and documents.
    #[error("the notice does not say what the tender says: {0}")]
    Notice(&'static str),
    /// Drafted more than an hour ago: custodians would not sign it.
    #[error("the unit was drafted more than an hour ago")]
    Stale,
    /// A signature is missing or wrong, or another hangs on the note.
    #[error("a signature is missing, wrong or foreign")]
    Signature,
    /// Nobody verified speaks for this body now.
    #[error("no key speaks for this body now")]
    NoKey,
    /// The body's key did not publish this unit, nor took over from the key that did.
    #[error("the key is neither the one that published this unit nor one that it handed over to")]
    OtherKey,
    /// Not a statement of the type expected.
    #[error("the statement is malformed: {0}")]
    Statement(StatementError),
    /// The amendment does not follow.
    #[error(transparent)]
    Amendment(#[from] AmendmentFault),
    /// Another amendment is asked and undecided.
    #[error("another amendment is being asked")]
    Pending,
    /// The old deadline has passed: nothing moves it but an outage decision.
    #[error("the deadline has passed")]
    Late,
    /// Only an open unit can be amended or cancelled like this.
    #[error("the unit is past that")]
    OutOfOrder,
    /// Nothing was measured that moves this deadline.
    #[error("no outage was measured over this deadline or shortly before it")]
    NoOutage,
    /// No custodian of the unit's roster.
    #[error("not a custodian of this unit")]
    NotACustodian,
    /// There is no such upload of the buyer, complete.
    #[error("there is no such complete upload")]
    Upload,
    /// Too many drafts within a day.
    #[error("{MAX_DRAFTS} drafts were made within a day")]
    ManyDrafts,
    /// A draft with as many documents as a tender may have.
    #[error("the tender has {MAX_DOCUMENTS} documents")]
    ManyDocuments,
    /// A custodian does not answer: a unit needs all of them.
    #[error("a custodian does not answer")]
    Silent,
}

impl Refusal for Refused {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "tender-not-found",
            Self::State => "tender-state",
            Self::Plan(_) => "tender-plan",
            Self::Unlawful(_) => "tender-unlawful",
            Self::Unit(_) => "tender-unit",
            Self::Notice(_) => "tender-notice",
            Self::Stale => "tender-stale",
            Self::Signature => "tender-signature",
            Self::NoKey => "tender-key",
            Self::OtherKey => "tender-other-key",
            Self::Statement(_) => "tender-statement",
            Self::Amendment(_) => "tender-amendment",
            Self::Pending => "tender-pending",
            Self::Late => "tender-late",
            Self::OutOfOrder => "tender-out-of-order",
            Self::NoOutage => "tender-no-outage",
            Self::NotACustodian => "tender-custodian",
            Self::Upload => "tender-upload",
            Self::ManyDrafts => "tender-many-drafts",
            Self::ManyDocuments => "tender-many-documents",
            Self::Silent => "tender-silent",
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Silent => 503,
            Self::ManyDrafts => 429,
            Self::State | Self::Pending | Self::Late | Self::OutOfOrder | Self::NoOutage => 409,
            _ => 422,
        }
    }

    fn args(&self) -> Args {
        match self {
            Self::Unlawful(broken) => {
                vec![("rule", broken.rule.clone().into()), ("because", broken.because.arg())]
            }
            Self::Plan(fault) => vec![("fault", Arg::Word(fault.word()))],
            Self::ManyDrafts => vec![("most", i64::from(MAX_DRAFTS).into())],
            Self::ManyDocuments => {
                vec![("most", i64::try_from(MAX_DOCUMENTS).unwrap_or(i64::MAX).into())]
            }
            _ => Args::new(),
        }
    }
}

/// Why an act on a tender was not done: a refusal, or something below that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule says no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The actor may not do this.
    #[error(transparent)]
    Auth(#[from] auth::Refused),
    /// The database.
    #[error(transparent)]
    Db(db::Error),
    /// The store of files.
    #[error(transparent)]
    Blob(#[from] blob::Error),
}

impl Refusal for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::Refused(refused) => refused.code(),
            Self::Auth(refused) => refused.code(),
            Self::Db(error) => error.code(),
            Self::Blob(_) => "tender-file",
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Refused(refused) => refused.status(),
            Self::Auth(refused) => refused.status(),
            Self::Db(error) => error.status(),
            Self::Blob(_) => 500,
        }
    }

    fn args(&self) -> Args {
        match self {
            Self::Refused(refused) => refused.args(),
            Self::Auth(refused) => refused.args(),
            Self::Db(error) => error.args(),
            Self::Blob(_) => Args::new(),
        }
    }
}

impl From<db::Error> for Error {
    fn from(error: db::Error) -> Self {
        match error {
            db::Error::NotFound => Self::Refused(Refused::NotFound),
            other => Self::Db(other),
        }
    }
}

impl From<NoEntropy> for Error {
    fn from(error: NoEntropy) -> Self {
        Self::Db(error.into())
    }
}

impl From<StatementError> for Error {
    fn from(error: StatementError) -> Self {
        Self::Refused(Refused::Statement(error))
    }
}

impl From<JsonError> for Error {
    fn from(error: JsonError) -> Self {
        StatementError::from(error).into()
    }
}

impl From<NoteError> for Error {
    fn from(_: NoteError) -> Self {
        Self::Refused(Refused::Signature)
    }
}

impl From<OutOfOrder> for Error {
    fn from(_: OutOfOrder) -> Self {
        Self::Refused(Refused::OutOfOrder)
    }
}

macro_rules! into_error {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Error {
            fn from(error: $kind) -> Self {
                Self::Refused(error.into())
            }
        }
    )*};
}

into_error!(PlanFault, Unlawful, AmendmentFault);
