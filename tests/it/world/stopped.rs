//! What must not leave, and must not be readable: of a unit that is suspended, that its buyer
//! cancelled, or whose order has not come.

use sealbid::ids::UnitId;
use sealbid::opening::statements::{SuspensionState, VoidReason};
use sealbid::tender::statements::ReleaseBy;

use super::World;
use super::agents::Given;
use super::check::{Broken, holds};
use super::faults::Rule;
use super::platform::Accepted;
use super::record::{Act, Hand};

impl World {
    /// Between the regulator's stop and its end nothing is recorded as released or opened.
    pub fn check_words(&mut self) -> Result<(), Broken> {
        let words = &mut self.seen.words;
        for entry in &self.record.entries[self.seen.entries..] {
            let unit_id = match &entry.act {
                Act::Suspension(word) => {
                    let body = word.body();
                    let last = words.insert(body.unit_id, (body.no, body.state));
                    holds(last.is_none_or(|(no, _)| no < body.no), Broken::WhileSuspended)?;
                    continue;
                }
                Act::Release(release) => release.body().unit_id,
                Act::Opening(opening) => opening.body().unit_id,
                _ => continue,
            };
            let stopped = matches!(words.get(&unit_id), Some((_, SuspensionState::Suspended)));
            holds(!stopped || entry.hand == Hand::Rival, Broken::WhileSuspended)?;
        }
        Ok(())
    }

    /// A key leaves only an agent that was not told to stop; and of second envelopes only on their
    /// order, when what this leaves out is gone.
    pub fn check_allowed(&self, given: &Given) -> Result<(), Broken> {
        holds(!given.is_stopped, Broken::WhileSuspended)?;
        let row = &self.platform.units[&given.unit];
        if row.unit.body().release == ReleaseBy::Time {
            return Ok(());
        }
        let order = row
            .order
            .as_ref()
            .map(sealbid::crypto::statement::Statement::body)
            .ok_or(Broken::Unordered)?;
        holds(order.close_sha256 == given.close, Broken::Unordered)?;
        let mut left_out = row.accepted.iter().filter(|bid| !order.lines.contains(&bid.line));
        holds(left_out.all(|bid| self.is_deleted(bid)), Broken::UnreadKept)
    }

    /// Nothing is ever released of a cancelled unit, whatever came first.
    pub fn check_cancelled(&self) -> Result<(), Broken> {
        let void = |given: &Given| self.platform.units[&given.unit].void;
        let is_cancelled = |given: &Given| void(given) == Some(VoidReason::Cancelled);
        holds(!self.agents.ledger.given.iter().any(is_cancelled), Broken::CancelledReleased)?;
        holds(self.agents.ledger.after_cancellation.is_empty(), Broken::CancelledSigned)?;
        let told = |id, place| self.agents.ledger.cancelled.contains(&(place, id));
        let mut void = self.platform.units.iter().filter(|(id, _)| self.is_to_be_told(id));
        let all = void.all(|(id, _)| (0..self.n()).all(|place| told(*id, place)));
        holds(!self.in_peace || all, Broken::CancelledSigned)
    }

    /// Whether custodians are to hear that a unit was cancelled: not of one that was cancelled against
    /// the rules.
    pub fn is_to_be_told(&self, id: &UnitId) -> bool {
        let by_rule = self.rules.holds(Rule::CancelledBeforeItsClose);
        by_rule && self.platform.units[id].void == Some(VoidReason::Cancelled)
    }

    pub fn is_gone(&self, bids: &[Accepted]) -> bool {
        bids.iter().all(|bid| self.is_deleted(bid))
    }

    fn is_deleted(&self, bid: &Accepted) -> bool {
        let body = bid.manifest.body();
        let mut blobs = body.shares.iter().chain([&body.bid.sha256]);
        let is_there = blobs.any(|sha256| self.blobs.contains_key(sha256));
        !is_there && !self.hidden.contains_key(&bid.manifest.sha256())
    }
}
