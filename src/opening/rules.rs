//! The rules from deadline to opening: pure decisions that the platform, its custodians and the
//! off-line verifier share, so that all three mean the same by "closed", "due" and "whose fault".

use crate::bid::offer;
use crate::bid::statements::{BidJson, Manifest};
use crate::clock::{Time, is_closed};
use crate::crypto::hash::Hash;
use crate::custodian::roster::{CustodianId, quorum};
use crate::ids::{EnterpriseId, UnitId};
use crate::tender::statements::{Amendment, ReleaseBy};

use super::statements::{FailCode, LineStatus, RejectCode};

/// A close stands on a checkpoint cosigned within this many milliseconds after the deadline.
pub const FREEZE_MS: i64 = 60_000;

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
}

impl Terms {
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
        Ok(Self { deadline: next.deadline, open_at: next.open_at, ..self })
    }
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

/// What the timer knows of a unit when it asks what is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Where it stands.
    pub state: UnitState,
    /// The times in force.
    pub terms: Terms,
    /// What makes custodians release.
    pub release: ReleaseBy,
    /// The minimum number of bids.
    pub min: u32,
    /// How many custodians open.
    pub t: usize,
    /// How many custodians there are.
    pub n: usize,
    /// How many custodians have signed the amendment that is asked and not effective yet.
    pub amendment: Option<usize>,
    /// The deadline fell into the platform's own downtime and nobody has decided on it yet.
    pub outage_undecided: bool,
    /// Every statement that arrived before this instant has been decided.
    pub decided_through: Time,
    /// Size of a checkpoint that may freeze the set ([`is_freeze`]).
    pub freeze: Option<u64>,
    /// Lines of the close, once proposed.
    pub lines: Option<usize>,
    /// When q had cosigned the checkpoint that holds the signed close.
    pub window_from: Option<Time>,
    /// Custodians that found the platform unable to answer a challenge.
    pub open_challenges: usize,
    /// For each custodian its latest cosignature's time.
    pub latest_cosignatures: Vec<Time>,
    /// The order is there, for second envelopes.
    pub ordered: bool,
    /// The regulator stopped the release.
    pub suspended: bool,
    /// Valid releases recorded.
    pub releases: usize,
}

/// Why a unit fails by what stands on its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Fewer lines than its minimum.
    TooFew,
    /// A challenge that the platform could not answer.
    Challenge,
}

impl Failure {
    /// Its word in columns.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::TooFew => "too-few",
            Self::Challenge => "challenge",
        }
    }
}

/// What is due for a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing, until time passes or something arrives.
    Wait,
    /// Ask the custodians again for what was recorded as proposed.
    AskAmendment,
    /// Take back the amendment that found no quorum.
    DropAmendment,
    /// Propose a close on the checkpoint of this size.
    ProposeClose {
        /// The checkpoint's size.
        size: u64,
    },
    /// Ask the custodians again to sign the close.
    AskClose,
    /// Fail the unit.
    Void(Failure),
    /// Ask the custodians for their identities.
    AskRelease,
    /// Open: t releases are there.
    Open,
}

/// What is due for a unit at `now`.
#[must_use]
pub fn due(facts: &Facts, now: Time) -> Step {
    match facts.state {
        UnitState::Proposed | UnitState::Lapsed | UnitState::Opened | UnitState::Void => Step::Wait,
        UnitState::Open => match facts.amendment {
            Some(signed) if has_lapsed(facts, signed, now) => Step::DropAmendment,
            Some(_) => Step::AskAmendment,
            None => due_to_close(facts, now),
        },
        UnitState::Closing => Step::AskClose,
        UnitState::Closed => due_to_open(facts),
    }
}

/// Whether an amendment that `signed` custodians have signed is given up: a minute after the old
/// deadline, when what could freeze the set exists or never will, and only while the others are
/// enough for a close. Custodians that signed it sign no close on the old deadline; once more than
/// n − q of them have, nothing but the amendment can find its q.
fn has_lapsed(facts: &Facts, signed: usize, now: Time) -> bool {
    let spare = is_spare(signed, facts.n, facts.t);
    spare && is_closed(now, facts.terms.deadline.plus(FREEZE_MS))
}

/// Whether so many custodians bound to something else leave q to agree on another.
#[must_use]
pub const fn is_spare(signed: usize, n: usize, t: usize) -> bool {
    signed.saturating_add(quorum(n, t)) <= n
}

fn due_to_close(facts: &Facts, now: Time) -> Step {
    let decided = facts.decided_through >= facts.terms.deadline;
    if !is_closed(now, facts.terms.deadline) || !decided || facts.outage_undecided {
        return Step::Wait;
    }
    facts.freeze.map_or(Step::Wait, |size| Step::ProposeClose { size })
}

fn due_to_open(facts: &Facts) -> Step {
    let Some(window_from) = facts.window_from else {
        return Step::Wait;
    };
    if is_below(facts.lines, facts.min) {
        return Step::Void(Failure::TooFew);
    }
    let from = release_from(&facts.terms, window_from);
    let reached = facts.latest_cosignatures.iter().filter(|time| **time >= from).count();
    if reached < facts.t {
        return Step::Wait;
    }
    // One valid receipt that the close denies voids the unit: the platform's fault.
    if facts.open_challenges > 0 {
        return Step::Void(Failure::Challenge);
    }
    if facts.suspended || (facts.release == ReleaseBy::Order && !facts.ordered) {
        return Step::Wait;
    }
    if facts.releases >= facts.t { Step::Open } else { Step::AskRelease }
}

/// Whether a number of lines is below a unit's minimum.
#[must_use]
pub fn is_below(lines: Option<usize>, min: u32) -> bool {
    lines.is_some_and(|lines| u32::try_from(lines).is_ok_and(|lines| lines < min))
}
