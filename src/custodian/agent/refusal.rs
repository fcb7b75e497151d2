//! Why an agent refuses. Every refusal has a stable code and one sentence.

use crate::bid::rules::Refused;
use crate::crypto::note::NoteError;
use crate::crypto::statement::StatementError;
use crate::enterprise::credentials::CredentialError;
use crate::error::{Arg, Args, Reason as _, Said};
use crate::opening::rules::AmendmentFault;
use crate::opening::rules::challenge::NothingTold;
use crate::record::checkpoint::CheckpointError;
use crate::record::proof::ReceiptError;

/// Why an agent refuses a request; it changes nothing then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A statement is malformed or of another type.
    #[error("a statement is malformed: {0}")]
    Statement(#[from] StatementError),
    /// A signature is missing, wrong, or by a key that has no place.
    #[error("signatures: {0}")]
    Signature(#[from] NoteError),
    /// The procuring entity's or bidder's key is not shown by the operator.
    #[error("credentials: {0}")]
    Credential(#[from] CredentialError),
    /// A receipt does not verify.
    #[error("a receipt does not verify: {0}")]
    Receipt(#[from] ReceiptError),
    /// A checkpoint does not verify.
    #[error("a checkpoint does not verify: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The record does not show what the request says was recorded.
    #[error("the record does not hold what the request says was recorded")]
    NotRecorded,
    /// Another roster than this agent's.
    #[error("it stands on another roster than this agent's")]
    WrongRoster,
    /// n, t, suite, recipients or times out of range: the key of the sentence that says which.
    #[error("out of range: {0}")]
    Range(&'static str),
    /// Its own recipient in the unit is not the one it derives.
    #[error("the unit does not name the recipient that this agent derives")]
    NotMyRecipient,
    /// The unit was issued more than an hour ago, in the future, or before this agent lost its state.
    #[error("the unit was not issued within the hour, or before this agent lost its state")]
    Stale,
    /// It lost its state and has adopted no checkpoint of the others since.
    #[error("this agent lost its state and has not yet adopted a checkpoint of the others")]
    Lost,
    /// It remembers what it cosigned: it follows the record by proofs, and takes no checkpoint over.
    #[error("this agent has lost nothing: it follows the record by consistency proofs alone")]
    NotLost,
    /// The buyer cancelled the unit: its identity is never handed out.
    #[error("its buyer cancelled this unit: nothing more is signed or handed out for it")]
    Cancelled,
    /// It has cosigned no checkpoint, or lost its state since.
    #[error("it has cosigned no checkpoint")]
    NotWitnessed,
    /// The agent never signed this unit, or lost its state since.
    #[error("this agent has not signed this unit, or lost its state since")]
    UnknownUnit,
    /// An amendment does not follow.
    #[error("the amendment does not follow: {0}")]
    Amendment(#[from] AmendmentFault),
    /// The agent has signed a close for this unit: nothing moves its deadline any more.
    #[error("this agent has signed a close for this unit")]
    AlreadyClosed,
    /// Nothing shows that it was asked before the deadline it moves, and a close may be possible on that.
    #[error("nothing shows that the amendment was asked before the deadline that it moves")]
    AskedLate,
    /// It was shown a growing record while the platform says it was down, or cannot have seen.
    #[error("this agent saw no such outage, or cannot have seen it")]
    NotSilent,
    /// Another close was signed for this unit.
    #[error("this agent has signed another close for this unit")]
    SecondClose,
    /// The deadline has not passed, by this agent's clock or by the checkpoint's cosignatures.
    #[error("the deadline in force has not passed, or the checkpoint does not show it")]
    TooEarlyToClose,
    /// The close names other times than the unit and the amendments that this agent signed.
    #[error("the close names other times than the unit and the amendments this agent signed")]
    OtherTimes,
    /// Its lines are not ascending and distinct.
    #[error("the close's lines are not ascending and distinct")]
    Lines,
    /// A bid lodged with this agent is not accounted for.
    #[error("a bid lodged with this agent is not accounted for")]
    LodgedMissing,
    /// Fewer than q custodians signed.
    #[error("fewer than q custodians signed it")]
    NoQuorum,
    /// Fewer lines than the unit's minimum: never opened.
    #[error("fewer lines than the unit's minimum: it is never opened")]
    TooFewLines,
    /// The hour of opening or the end of the window is not cosigned by t.
    #[error("t custodians have not cosigned the hour of opening or the end of the window")]
    TooEarlyToRelease,
    /// A valid challenge is unanswered: this agent never releases this unit.
    #[error("a valid challenge is unanswered: this agent never releases this unit")]
    ChallengeOpen,
    /// A second envelope without its order.
    #[error("second envelopes are released only on an order")]
    NoOrder,
    /// The regulator stopped the release.
    #[error("the regulator stopped the release")]
    Suspended,
    /// An older suspension than the one in force.
    #[error("a newer statement about the suspension is in force")]
    OldSuspension,
    /// A challenge that tells nothing against the close.
    #[error("the receipts tell nothing about this close")]
    NoChallenge,
    /// A bidder has as many challenges open as an agent holds for it.
    #[error("this bidder has as many challenges open as this agent holds for one")]
    ManyChallenges,
    /// A lodged bid that is late or does not fit its unit.
    #[error("the bid cannot be lodged: {0}")]
    Lodge(Refused),
    /// A lodged bid whose bidder's key was handed over, without the receipt that says so.
    #[error("the receipt of a change of the bidder's key is not shown")]
    KeyUnshown,
    /// A bidder has lodged as much as one may.
    #[error("this bidder has lodged as much for this unit as this agent takes")]
    Quota,
    /// The platform's question is old, for another custodian, or not for this or for now.
    #[error("the question is more than a day off, not for this, or not for this custodian")]
    OldQuery,
    /// Bids that arrived in time are not stored yet, or the bidder is sending another.
    #[error("bids that arrived in time are still being stored, or this bidder is sending another")]
    Busy,
    /// Its own signature under a larger record than it remembers.
    #[error("its own signature stands under a larger record than it remembers")]
    Forgot,
    /// The system gave no randomness or no signature could be made: the key of the sentence.
    #[error("the agent failed: {0}")]
    Internal(&'static str),
}

impl From<NothingTold> for Refusal {
    fn from(fault: NothingTold) -> Self {
        match fault {
            NothingTold::Receipt(fault) => Self::Receipt(fault),
            NothingTold::Statement(fault) => Self::Statement(fault),
            NothingTold::Signature(fault) => Self::Signature(fault),
            NothingTold::Credential(fault) => Self::Credential(fault),
            NothingTold::Unrelated => Self::NoChallenge,
            NothingTold::TooLong => Self::Range("custodian-say-range-shown"),
        }
    }
}

impl crate::error::Refusal for Refusal {
    #[expect(clippy::too_many_lines, reason = "one list of codes")]
    fn code(&self) -> &'static str {
        match self {
            Self::Statement(_) => "custodian-statement",
            Self::Signature(_) => "custodian-signature",
            Self::Credential(_) => "custodian-credential",
            Self::Receipt(_) => "custodian-receipt",
            Self::Checkpoint(_) => "custodian-checkpoint",
            Self::NotRecorded => "custodian-not-recorded",
            Self::WrongRoster => "custodian-wrong-roster",
            Self::Range(_) => "custodian-range",
            Self::NotMyRecipient => "custodian-not-my-recipient",
            Self::Stale => "custodian-stale",
            Self::Lost => "custodian-lost",
            Self::NotLost => "custodian-not-lost",
            Self::Cancelled => "custodian-cancelled",
            Self::UnknownUnit => "custodian-unknown-unit",
            Self::NotWitnessed => "custodian-not-witnessed",
            Self::Amendment(_) => "custodian-amendment",
            Self::AlreadyClosed => "custodian-already-closed",
            Self::AskedLate => "custodian-asked-late",
            Self::NotSilent => "custodian-not-silent",
            Self::SecondClose => "custodian-second-close",
            Self::TooEarlyToClose => "custodian-too-early-to-close",
            Self::OtherTimes => "custodian-other-times",
            Self::Lines => "custodian-lines",
            Self::LodgedMissing => "custodian-lodged-missing",
            Self::NoQuorum => "custodian-no-quorum",
            Self::TooFewLines => "custodian-too-few-lines",
            Self::TooEarlyToRelease => "custodian-too-early-to-release",
            Self::ChallengeOpen => "custodian-challenge-open",
            Self::NoOrder => "custodian-no-order",
            Self::Suspended => "custodian-suspended",
            Self::OldSuspension => "custodian-old-suspension",
            Self::NoChallenge => "custodian-no-challenge",
            Self::ManyChallenges => "custodian-many-challenges",
            Self::Lodge(_) => "custodian-lodge",
            Self::KeyUnshown => "custodian-key-unshown",
            Self::Quota => "custodian-quota",
            Self::OldQuery => "custodian-old-query",
            Self::Busy => "custodian-busy",
            Self::Forgot => "custodian-forgot",
            Self::Internal(_) => "custodian-internal",
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Statement(_) | Self::Range(_) | Self::Lines => 422,
            Self::Internal(_) => 500,
            Self::Lost | Self::Busy | Self::Forgot => 503,
            Self::Signature(_) | Self::Credential(_) | Self::Receipt(_) | Self::Checkpoint(_) => {
                403
            }
            Self::UnknownUnit | Self::NotWitnessed => 404,
            _ => 409,
        }
    }

    fn args(&self) -> Args {
        match self {
            Self::Statement(cause) => vec![("cause", cause.arg())],
            Self::Range(what) => {
                vec![("cause", Arg::Word(what)), ("next", Arg::Word(after_range(what)))]
            }
            Self::Internal(what) => vec![("cause", Arg::Word(what))],
            Self::Lodge(refused) => {
                let next = Arg::Word(after_lodge(*refused));
                vec![("cause", Said::of(refused).arg()), ("next", next)]
            }
            _ => Args::new(),
        }
    }
}

/// What to do about a bid that cannot be lodged.
const fn after_lodge(refused: Refused) -> &'static str {
    match refused {
        Refused::Late => "custodian-say-next-late",
        Refused::Signature => "custodian-say-next-key",
        Refused::WrongPrev => "custodian-say-next-before",
        _ => "custodian-say-next-unit",
    }
}

/// What to do about something out of range: a unit's readers are its buyer and the platform, a lodged
/// bid's its bidder.
fn after_range(what: &str) -> &'static str {
    match what {
        "custodian-say-range-length"
        | "custodian-say-range-first-line"
        | "custodian-say-range-file"
        | "custodian-say-range-bid"
        | "custodian-say-range-files" => "custodian-say-next-lodge",
        "custodian-say-range-size" => "custodian-say-next-smaller",
        "custodian-say-range-shown" => "custodian-say-next-show",
        "custodian-say-range-cancel" => "custodian-say-next-cancel",
        _ => "custodian-say-next-draft",
    }
}
