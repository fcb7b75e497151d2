//! What is due for a unit, and when: from open bids to the opening.

use crate::clock::{Time, is_closed};
use crate::custodian::roster::quorum;
use crate::tender::statements::ReleaseBy;

use super::{FREEZE_MS, Terms, UnitState, WORD_MS, release_from};

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
    /// An amendment is asked and not effective yet.
    pub amending: bool,
    /// The deadline fell into the platform's own downtime and nobody has decided on it yet: moved it,
    /// or refused to.
    pub outage_undecided: bool,
    /// Every statement that arrived before this instant has been decided.
    pub decided_through: Time,
    /// Size of a checkpoint that may freeze the set ([`is_freeze`](super::is_freeze)).
    pub freeze: Option<u64>,
    /// Lines of the close, once proposed.
    pub lines: Option<usize>,
    /// When q had cosigned the checkpoint that holds the signed close.
    pub window_from: Option<Time>,
    /// Challenges that came within the window and that the record does not answer.
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
        UnitState::Open if facts.amending => Step::AskAmendment,
        UnitState::Open => due_to_close(facts, now),
        UnitState::Closing => Step::AskClose,
        UnitState::Closed => due_to_open(facts, now),
    }
}

/// Whether an amendment is given up: a minute after the old deadline, when what could freeze the set
/// exists or never will, and only once q custodians, asked since, have `refused` to be bound by it.
/// Custodians that signed it sign no close on the old deadline, and one that is silent may have: its
/// answer may have been lost, or the program that heard it.
#[must_use]
pub fn has_lapsed(refused: usize, (n, t): (usize, usize), deadline: Time, now: Time) -> bool {
    can_agree(refused, (n, t)) && is_closed(now, deadline.plus(FREEZE_MS))
}

/// Until when a request that those who did not see an outage refuse waits for its buyer's word: an hour
/// from when it was asked, or from the old deadline, and never beyond the hour that it was to win. Whoever
/// runs the platform could keep a unit waiting otherwise.
#[must_use]
pub fn word_awaited_until(asked_at: Time, deadline: Time, to_win: Time) -> Time {
    asked_at.max(deadline).plus(WORD_MS).min(to_win)
}

/// Whether so many custodians, asked since and bound to nothing, can agree on something else. Then the
/// others cannot make what was asked before take effect either: two quorums share a custodian.
#[must_use]
pub const fn can_agree(free: usize, (n, t): (usize, usize)) -> bool {
    free >= quorum(n, t)
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

/// Nothing is decided before the window is over, not even that there are too few: a bid that was
/// dropped must still be able to say so, and its ciphertext to be there. Nor before the platform's own
/// clock says so too: what it records bears that clock's hour, and is judged by it for ever.
fn due_to_open(facts: &Facts, now: Time) -> Step {
    let Some(window_from) = facts.window_from else {
        return Step::Wait;
    };
    let from = release_from(&facts.terms, window_from);
    let reached = facts.latest_cosignatures.iter().filter(|time| **time >= from).count();
    if reached < facts.t || now < from || facts.suspended {
        return Step::Wait;
    }
    // One valid receipt that the close denies voids the unit: the platform's fault.
    if facts.open_challenges > 0 {
        return Step::Void(Failure::Challenge);
    }
    if is_below(facts.lines, facts.min) {
        return Step::Void(Failure::TooFew);
    }
    if facts.release == ReleaseBy::Order && !facts.ordered {
        return Step::Wait;
    }
    if facts.releases >= facts.t { Step::Open } else { Step::AskRelease }
}

/// Whether a number of lines is below a unit's minimum.
#[must_use]
pub fn is_below(lines: Option<usize>, min: u32) -> bool {
    lines.is_some_and(|lines| u32::try_from(lines).is_ok_and(|lines| lines < min))
}
