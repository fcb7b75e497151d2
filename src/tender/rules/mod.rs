//! Which tenders can be published and which statements fit them: pure decisions.

mod plan;
mod unit;

pub use plan::{LotPlan, Plan, PlanFault, StagePlan, check_plan};
pub use unit::{UnitFault, check_unit, may_buy};

use crate::clock::{Time, is_closed};
use crate::crypto::hash::Hash;
use crate::custodian::roster::Roster;
use crate::error::Said;
use crate::ids::{EnterpriseId, LotId, TenderId, UnitId};
use crate::opening::rules::{Terms, UnitState};
use crate::opening::statements::{Void, VoidReason};
use crate::rulepack::outage::Window;

use crate::tender::refusal::Refused;
use crate::tender::statements::{Amendment, SUITE, Unit};

/// How long custodians may take to sign what was drafted, in milliseconds.
pub const DRAFT_MS: i64 = 3_600_000;
/// Drafts that a buyer may make within [`DAY_MS`]: they are kept for good, whether published or not.
pub const MAX_DRAFTS: u32 = 100;
/// A day, in milliseconds.
pub const DAY_MS: i64 = 24 * 3_600_000;
/// Documents of one tender at most.
pub const MAX_DOCUMENTS: usize = 200;

/// Judges how many drafts a buyer made within a day before one more.
///
/// # Errors
/// [`Refused::ManyDrafts`].
pub const fn check_drafts(made: u32) -> Result<(), Refused> {
    if made < MAX_DRAFTS { Ok(()) } else { Err(Refused::ManyDrafts) }
}

/// Judges how many documents a draft has before one more.
///
/// # Errors
/// [`Refused::ManyDocuments`].
pub const fn check_documents(there: usize) -> Result<(), Refused> {
    if there < MAX_DOCUMENTS { Ok(()) } else { Err(Refused::ManyDocuments) }
}

/// A tender's dates, as a rule pack judges them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dates {
    /// When the notice is published.
    pub published_at: Time,
    /// Until when documents are offered.
    pub documents_until: Time,
    /// When bids must be in.
    pub deadline: Time,
    /// When they are opened.
    pub open_at: Time,
    /// The challenge window in milliseconds.
    pub challenge_ms: i64,
    /// The minimum number of bids.
    pub min: u32,
}

impl Dates {
    /// Those of a unit.
    #[must_use]
    pub const fn of(unit: &Unit, published_at: Time, documents_until: Time) -> Self {
        Self {
            published_at,
            documents_until,
            deadline: unit.deadline,
            open_at: unit.open_at,
            challenge_ms: unit.challenge_ms,
            min: unit.min,
        }
    }
}

/// A broken rule of the rule pack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the rule {rule} is broken")]
pub struct Unlawful {
    /// The rule's code.
    pub rule: String,
    /// The period, the earliest lawful instant or the least number, and where the rule stands.
    pub because: Said,
}

/// The rule pack, as far as tenders need it.
///
/// The contract: `sha256` names the pack's file, so that anybody recomputes a judgement; what is
/// judged depends on the pack and the dates alone.
pub trait Law: Send + Sync {
    /// Of the pack's file.
    fn sha256(&self) -> Hash;
    /// Judges a unit's dates.
    ///
    /// # Errors
    /// [`Unlawful`] with the first broken rule.
    fn judge(&self, dates: &Dates) -> Result<(), Unlawful>;
    /// Judges the deadline that a change asked now moves to: bidders need time with it.
    ///
    /// # Errors
    /// [`Unlawful`].
    fn judge_change(&self, asked_at: Time, deadline: Time) -> Result<(), Unlawful>;
    /// The deadline and hour of opening that a measured outage makes of a unit's; `None` when it
    /// leaves them alone.
    ///
    /// # Errors
    /// [`Unlawful`] when the pack's calendar does not reach so far.
    fn after_outage(
        &self,
        deadline: Time,
        open_at: Time,
        outage: Window,
    ) -> Result<Option<(Time, Time)>, Unlawful>;
}

/// What a unit must say, but for its nonce, its hour and its recipients.
#[derive(Clone, Debug)]
pub struct Expected<'a> {
    /// The tender.
    pub tender: TenderId,
    /// The lot.
    pub lot: LotId,
    /// Who buys.
    pub procuring_entity: EnterpriseId,
    /// The stage as planned.
    pub stage: &'a StagePlan,
    /// The roster in force.
    pub roster: &'a Roster,
    /// Of its text.
    pub roster_sha256: Hash,
}

impl Expected<'_> {
    /// The unit's draft.
    #[must_use]
    pub fn draft(&self, nonce: Hash, issued_at: Time) -> Unit {
        Unit {
            challenge_ms: self.stage.challenge_ms,
            deadline: self.stage.deadline,
            issued_at,
            lot: self.lot,
            min: self.stage.min,
            nonce,
            open_at: self.stage.open_at,
            procuring_entity: self.procuring_entity,
            recipients: Vec::new(),
            release: self.stage.release(),
            roster_sha256: self.roster_sha256,
            stage: self.stage.stage,
            suite: SUITE.to_owned(),
            t: self.roster.t,
            tender: self.tender,
        }
    }

    /// Whether a signed unit is this one, with one recipient per custodian, at `now`.
    ///
    /// # Errors
    /// [`Refused::Unit`], [`Refused::Stale`].
    pub fn check(&self, unit: &Unit, now: Time) -> Result<(), Refused> {
        let drafted = Unit { recipients: Vec::new(), ..unit.clone() };
        if drafted != self.draft(unit.nonce, unit.issued_at) {
            return Err(Refused::Unit("dates, ids, roster or threshold"));
        }
        check_unit(unit, self.roster).map_err(|fault| Refused::Unit(fault.reason()))?;
        if is_stale(unit.issued_at, now) || unit.issued_at > now {
            return Err(Refused::Stale);
        }
        if unit.deadline <= now {
            return Err(Refused::Late);
        }
        Ok(())
    }
}

/// Whether a draft is too old to be signed: an hour to the millisecond is over.
#[must_use]
pub const fn is_stale(issued_at: Time, now: Time) -> bool {
    now.since(issued_at) >= DRAFT_MS
}

/// Whether an amendment is asked in time. A postponement must be asked before the old deadline;
/// what an outage moved may have passed already.
///
/// # Errors
/// [`Refused::Late`].
pub const fn check_asked(amendment: &Amendment, deadline: Time, now: Time) -> Result<(), Refused> {
    use crate::tender::statements::AmendmentReason::{Outage, Postponed};
    match amendment.reason {
        Postponed { .. } if now.millis() >= deadline.millis() => Err(Refused::Late),
        Postponed { .. } | Outage { .. } => Ok(()),
    }
}

/// Where a unit stands when somebody asks to move its deadline.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Its state.
    pub state: UnitState,
    /// The times in force.
    pub terms: Terms,
    /// Number and hash of what an amendment must follow.
    pub last: (u32, Hash),
    /// Another amendment is asked.
    pub is_amending: bool,
    /// It may be asked after the deadline too: no close is possible on it any more, or this very
    /// statement was asked in its time.
    pub may_be_late: bool,
}

/// Whether an amendment may be asked of a unit now; gives the times that it makes.
///
/// # Errors
/// [`Refused::Pending`], [`Refused::OutOfOrder`], [`Refused::Amendment`], [`Refused::Late`].
pub fn check_request(unit: &Standing, next: &Amendment, now: Time) -> Result<Terms, Refused> {
    if unit.is_amending {
        return Err(Refused::Pending);
    }
    if unit.state != UnitState::Open {
        return Err(Refused::OutOfOrder);
    }
    let terms = unit.terms.amended(unit.last, next)?;
    if !unit.may_be_late {
        check_asked(next, unit.terms.deadline, now)?;
    }
    Ok(terms)
}

/// What the first of these measured outages that moves a unit's times makes of them, and which it is.
/// Registered so late that the new deadline would have passed already, they are counted from when it
/// is registered: that is when bidders hear of it.
///
/// # Errors
/// [`Refused::Unlawful`] from the rule pack, [`Refused::NoOutage`] when none moves them.
pub fn moved_by(
    law: &dyn Law,
    terms: &Terms,
    measured: &[Window],
    now: Time,
) -> Result<((Time, Time), Window), Refused> {
    for window in measured {
        let times = |window| law.after_outage(terms.deadline, terms.open_at, window);
        let moved = match times(*window)? {
            Some((deadline, _)) if is_closed(now, deadline) => {
                times(Window { recovered: now, ..*window })?
            }
            moved => moved,
        };
        if let Some(times) = moved {
            return Ok((times, *window));
        }
    }
    Err(Refused::NoOutage)
}

/// What a buyer signs to cancel a unit, and nothing else.
#[must_use]
pub const fn cancellation(unit_id: UnitId) -> Void {
    Void { close_sha256: None, fault: None, reason: VoidReason::Cancelled, unit_id }
}

/// Whether a unit may be cancelled: for as long as no close is effective.
///
/// # Errors
/// [`Refused::OutOfOrder`].
pub const fn check_cancel(state: UnitState) -> Result<(), Refused> {
    match state {
        UnitState::Open | UnitState::Closing => Ok(()),
        _ => Err(Refused::OutOfOrder),
    }
}
