//! The rules from deadline to opening: pure decisions that the platform, its custodians and the
//! off-line verifier share, so that all three mean the same by "closed", "due" and "whose fault".

pub mod challenge;
pub mod lodged;
pub mod shares;
mod timer;
pub mod waiting;
pub mod words;

pub use timer::{
    Facts, Failure, Step, can_agree, due, has_lapsed, is_below, is_spare, word_awaited_until,
};

use crate::bid::offer;
use crate::bid::statements::{BidJson, Manifest};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::custodian::roster::CustodianId;
use crate::error::{Reason, Said};
use crate::ids::{EnterpriseId, UnitId};
use crate::tender::statements::{Amendment, AmendmentReason, Unit};

use super::statements::{Close, FailCode, LineStatus, RejectCode};

/// A close stands on a checkpoint cosigned within this many milliseconds after the deadline.
pub const FREEZE_MS: i64 = 60_000;

/// A lodged bid is accepted until so many milliseconds after the deadline: what is left of [`FREEZE_MS`]
/// is for the checkpoint that holds it to be made and cosigned.
pub const LODGED_MS: i64 = 45_000;

/// A buyer's word on an outage that custodians did not see is waited for so many milliseconds.
const WORD_MS: i64 = 3_600_000;

/// An outage touches a deadline that comes at most so many milliseconds after it, and moves an
/// opening at most so far from its deadline: two hours, as the published rule has it.
const OUTAGE_REACH_MS: i64 = 2 * 3_600_000;
/// A deadline moves at most so many milliseconds behind the end of its outage: a day, and then to the
/// next working day, which the longest holidays put nearly two weeks away.
const OUTAGE_MOVES_MS: i64 = 14 * 86_400_000;

/// Clocks differ, and the last word before an outage takes its time: so many milliseconds at each end of
/// one prove nothing.
pub const OUTAGE_SLACK_MS: i64 = 5_000;

/// The times that hold for a unit after its effective amendments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Bids arriving at or after this are late.
    pub deadline: Time,
    /// No key is released before this.
    pub open_at: Time,
    /// Length of the challenge window, in milliseconds.
    pub challenge_ms: i64,
}

/// Why an amendment does not follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmendmentFault {
    /// Its number or its link to the one before is wrong.
    #[error("its number or its link to the statement before is wrong")]
    Chain,
    /// It moves a time earlier, or opens before the deadline.
    #[error("it moves a time earlier, or opens before the deadline")]
    Earlier,
    /// The outage it names does not touch the deadline, or moves it out of proportion.
    #[error("its outage does not touch the deadline, or moves it further than an outage may")]
    Outage,
}

impl Reason for AmendmentFault {
    fn said(&self) -> Said {
        Said::bare(match self {
            Self::Chain => "opening-say-amendment-chain",
            Self::Earlier => "opening-say-amendment-earlier",
            Self::Outage => "opening-say-amendment-outage",
        })
    }
}

impl Terms {
    /// Those of a unit before any amendment.
    #[must_use]
    pub const fn of(unit: &Unit) -> Self {
        let Unit { deadline, open_at, challenge_ms, .. } = *unit;
        Self { deadline, open_at, challenge_ms }
    }

    /// These terms after one more amendment.
    ///
    /// # Errors
    /// [`AmendmentFault`] when it does not follow `prev` or moves a time earlier.
    pub fn amended(self, prev: (u32, Hash), next: &Amendment) -> Result<Self, AmendmentFault> {
        let (no, sha256) = prev;
        if no.checked_add(1) != Some(next.no) || next.prev_sha256 != sha256 {
            return Err(AmendmentFault::Chain);
        }
        let later = next.deadline > self.deadline && next.open_at >= self.open_at;
        if !later || next.open_at < next.deadline {
            return Err(AmendmentFault::Earlier);
        }
        if let AmendmentReason::Outage { from, until, .. } = next.reason
            && !self.is_moved_by(from, until, next)
        {
            return Err(AmendmentFault::Outage);
        }
        Ok(Self { deadline: next.deadline, open_at: next.open_at, ..self })
    }

    /// The close of these lines on these times.
    #[must_use]
    pub const fn close(self, lines: Vec<Hash>, size: u64, unit_id: UnitId) -> Close {
        Close { deadline: self.deadline, lines, open_at: self.open_at, size, unit_id }
    }

    /// Whether an amendment may be asked when its deadline has passed already: only for an outage that
    /// lay over it. Whatever else moves a deadline is asked before it.
    #[must_use]
    pub fn is_moved_late_by(&self, reason: &AmendmentReason) -> bool {
        match reason {
            AmendmentReason::Outage { from, until, .. } => {
                *from <= self.deadline && *until > self.deadline
            }
            AmendmentReason::Postponed { .. } => false,
        }
    }

    /// Whether an outage may move these times so: it lay over the deadline or ended shortly before
    /// it, and what it makes of the times is in proportion. The platform asks for it alone, so this
    /// holds whatever rule pack it judges by.
    fn is_moved_by(&self, from: Time, until: Time, next: &Amendment) -> bool {
        let touches =
            from < until && from <= self.deadline && until.plus(OUTAGE_REACH_MS) > self.deadline;
        let distance = self.open_at.since(self.deadline).max(OUTAGE_REACH_MS);
        let in_proportion = next.deadline <= until.plus(OUTAGE_MOVES_MS)
            && next.open_at.since(next.deadline) <= distance;
        touches && in_proportion
    }
}

/// Whether somebody who cosigned at this instant saw the platform alive while it says that it was down.
#[must_use]
pub fn is_within_outage(reason: &AmendmentReason, at: Time) -> bool {
    matches!(reason, AmendmentReason::Outage { from, until, .. }
        if from.plus(OUTAGE_SLACK_MS) < at && at < until.plus(-OUTAGE_SLACK_MS))
}

/// The close's lines in their one order. Two equal lines cannot be: salts differ.
#[must_use]
pub fn sorted_lines(mut lines: Vec<Hash>) -> Vec<Hash> {
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// Whether lines ascend by raw bytes without duplicates.
#[must_use]
pub fn is_ascending(lines: &[Hash]) -> bool {
    lines.iter().zip(lines.iter().skip(1)).all(|(a, b)| a < b)
}

/// When `k` witnesses had cosigned: the k-th earliest time. `None` with fewer.
#[must_use]
pub fn quorum_time(times: &[Time], k: usize) -> Option<Time> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(k.checked_sub(1)?).copied()
}

/// Whether a checkpoint with these cosignature times shows that what it holds was there before the
/// deadline: `t` say so, one honest custodian among them.
#[must_use]
pub fn is_from_before(times: &[Time], t: usize, deadline: Time) -> bool {
    quorum_time(times, t).is_some_and(|time| time < deadline)
}

/// Whether a checkpoint with these cosignature times may freeze the set: q of them at or after the
/// deadline, the q-th of those at most [`FREEZE_MS`] after it.
#[must_use]
pub fn is_freeze(times: &[Time], q: usize, deadline: Time) -> bool {
    let after: Vec<Time> = times.iter().copied().filter(|time| *time >= deadline).collect();
    quorum_time(&after, q).is_some_and(|time| time.since(deadline) <= FREEZE_MS)
}

/// The earliest instant at which keys may be released.
#[must_use]
pub fn release_from(terms: &Terms, window_from: Time) -> Time {
    terms.open_at.max(window_from.plus(terms.challenge_ms))
}

/// What one line of a close claims, for comparing lines with each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Who signed the manifest.
    pub bidder: EnterpriseId,
    /// Its seq.
    pub seq: u32,
    /// Of its text.
    pub manifest_sha256: Hash,
}

/// What the other lines make of one, whatever its envelope holds.
#[must_use]
pub fn standing(own: &Claimed, all: &[Claimed]) -> Option<LineStatus> {
    let mut rivals = all
        .iter()
        .filter(|other| other.bidder == own.bidder)
        .filter(|other| other.manifest_sha256 != own.manifest_sha256)
        .peekable();
    rivals.peek()?;
    let rivals: Vec<_> = rivals.collect();
    if rivals.iter().any(|other| other.seq == own.seq) {
        return Some(LineStatus::Doubled);
    }
    rivals.iter().any(|other| other.seq > own.seq).then_some(LineStatus::Superseded)
}

/// What decrypting one envelope brought to light.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decryption {
    /// The platform cannot read the ciphertext back.
    Missing,
    /// The share dealt to this custodian does not open.
    BadShare(CustodianId),
    /// The shares combine to an identity that does not derive the manifest's recipient.
    WrongSecret,
    /// The envelope does not decrypt, or ends early.
    BadCiphertext,
    /// It decrypts to something that is no payload.
    NotAPayload,
    /// It decrypts to a payload.
    Payload {
        /// Its first member.
        bid_json: Box<BidJson>,
        /// Of all its bytes.
        payload_sha256: Hash,
    },
}

/// What a line's envelope becomes: the one attribution of fault.
#[must_use]
pub fn outcome(
    unit_id: UnitId,
    manifest: &Manifest,
    signer: EnterpriseId,
    decryption: Decryption,
) -> LineStatus {
    let failed = |code| LineStatus::Failed { code, custodian: None };
    let (bid_json, payload_sha256) = match decryption {
        Decryption::Missing => return LineStatus::Lost,
        Decryption::BadShare(custodian) => {
            return LineStatus::Failed { code: FailCode::BadShare, custodian: Some(custodian) };
        }
        Decryption::WrongSecret => return failed(FailCode::WrongSecret),
        Decryption::BadCiphertext => return failed(FailCode::BadCiphertext),
        Decryption::NotAPayload => {
            return LineStatus::Rejected { code: RejectCode::Garbage, named: None };
        }
        Decryption::Payload { bid_json, payload_sha256 } => (bid_json, payload_sha256),
    };
    let rejected = |code| LineStatus::Rejected { code, named: Some(bid_json.bidder) };
    if bid_json.bidder != signer {
        return rejected(RejectCode::Copied);
    }
    let bound = bid_json.unit_id == unit_id
        && bid_json.bid_id == manifest.bid_id
        && bid_json.seq == manifest.seq;
    if !bound {
        return rejected(RejectCode::WrongBinding);
    }
    if offer::check(&bid_json.offer).is_err() {
        return rejected(RejectCode::BadOffer);
    }
    LineStatus::Opened { offer: bid_json.offer, payload_sha256 }
}

/// Where a unit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitState {
    /// Recorded, and asked of the custodians; no bid yet.
    Proposed,
    /// A custodian stayed silent for an hour: never effective.
    Lapsed,
    /// Effective: takes bids until its deadline.
    Open,
    /// A close is proposed and waits for q signatures.
    Closing,
    /// The bid set is signed by q: challenge window, then release.
    Closed,
    /// The opening record stands.
    Opened,
    /// Never opened; keys are never released.
    Void,
}

/// Every state, for tables and checks.
pub const UNIT_STATES: [UnitState; 7] = [
    UnitState::Proposed,
    UnitState::Lapsed,
    UnitState::Open,
    UnitState::Closing,
    UnitState::Closed,
    UnitState::Opened,
    UnitState::Void,
];

impl UnitState {
    /// Its word in columns and answers.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Lapsed => "lapsed",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Opened => "opened",
            Self::Void => "void",
        }
    }

    /// Whether nothing of it is sealed any more: its opening or its void stands on the record, or it
    /// never took effect. Otherwise what was refused of a unit that lapsed would stay sealed for
    /// ever, and with it every pad after it.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Opened | Self::Void | Self::Lapsed)
    }

    /// The state of a column's word.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        UNIT_STATES.into_iter().find(|state| state.code() == code)
    }
}

/// What can happen to a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitAct {
    /// All signatures are there.
    TakeEffect,
    /// An hour passed without them.
    Lapse,
    /// The platform proposes a close.
    ProposeClose,
    /// A proposed close found no quorum and is withdrawn for another.
    DropClose,
    /// q custodians signed the close.
    Close,
    /// The opening record is final.
    Open,
    /// The unit fails.
    Void,
}

/// Every act, for tables and checks.
pub const UNIT_ACTS: [UnitAct; 7] = [
    UnitAct::TakeEffect,
    UnitAct::Lapse,
    UnitAct::ProposeClose,
    UnitAct::DropClose,
    UnitAct::Close,
    UnitAct::Open,
    UnitAct::Void,
];

/// An act that the unit's state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a unit that is {} cannot {act:?}", state.code())]
pub struct OutOfOrder {
    /// Where the unit stands.
    pub state: UnitState,
    /// What was asked of it.
    pub act: UnitAct,
}

/// The state after an act.
///
/// # Errors
/// [`OutOfOrder`] for every pair that the table does not allow.
pub const fn next(state: UnitState, act: UnitAct) -> Result<UnitState, OutOfOrder> {
    use UnitState::{Closed, Closing, Lapsed, Open, Opened, Proposed, Void};
    match (state, act) {
        (Proposed, UnitAct::TakeEffect) | (Closing, UnitAct::DropClose) => Ok(Open),
        (Proposed, UnitAct::Lapse) => Ok(Lapsed),
        (Open, UnitAct::ProposeClose) => Ok(Closing),
        (Closing, UnitAct::Close) => Ok(Closed),
        (Closed, UnitAct::Open) => Ok(Opened),
        (Proposed | Open | Closing | Closed, UnitAct::Void) => Ok(Void),
        (state, act) => Err(OutOfOrder { state, act }),
    }
}
