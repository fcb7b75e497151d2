//! Left in peace: every custodian is back, nothing gets lost any more, and time goes on. Whatever
//! happened before, a unit must come to its end then.

use sealbid::ids::UnitId;
use sealbid::opening::rules::{FREEZE_MS, UnitState};
use sealbid::opening::statements::SuspensionState;
use sealbid::tender::statements::{AmendmentReason, ReleaseBy};

use super::World;
use super::history::{By, Choice, Word};
use super::record::NotRecorded;

/// More beats than any unit needs from its deadline to its end.
const BEATS: usize = 60;
/// The time between two of them.
const BEAT_MS: i64 = 2_000;

impl World {
    /// Everything is well from here on.
    pub fn peace(&mut self) -> Result<(), NotRecorded> {
        self.net.faults.clear();
        self.record.dies_in = None;
        let truth = self.truth();
        for custodian in &mut self.agents.each {
            custodian.wake(truth);
        }
        for _ in 0..BEATS {
            let units: Vec<UnitId> = self.platform.units.keys().copied().collect();
            for id in units {
                self.help(id)?;
            }
            self.clock.advance(BEAT_MS);
            self.tick()?;
        }
        self.in_peace = true;
        Ok(())
    }

    /// The regulator lets go on, an order comes, an outage is decided. Nobody waits for a far hour; and
    /// a buyer postpones a deadline whose minute passed unseen.
    fn help(&mut self, id: UnitId) -> Result<(), NotRecorded> {
        let (now, row) = (self.truth(), self.row(&id).clone());
        let said = self.words.get(&id).map_or(0, Vec::len);
        let is_free = |(no, state)| (no as usize, state) == (said, SuspensionState::Lifted);
        if said > 0 && !row.suspension.is_some_and(is_free) && !row.state.is_over() {
            self.suspend_unit(id, Word::Lift)?;
        }
        if row.state == UnitState::Closed {
            if row.unit.body().release == ReleaseBy::Order && row.order.is_none() {
                self.order_of(id, Choice::ButFirst)?;
            }
            if row.terms.open_at.since(now) > 10_000 {
                self.advance_to_edge(-1_000);
            }
            return Ok(());
        }
        // Neither closed nor moved: what is left to a buyer is to tender again.
        let is_past = now.since(row.terms.deadline) > FREEZE_MS;
        let is_frozen = row.pending.is_none() && self.freeze(&row, row.terms.deadline).is_some();
        let is_refused = self.asked_late.contains(&id) && !is_frozen;
        if row.state == UnitState::Open && is_past && is_refused {
            return self.cancel_unit(id, By::Buyer);
        }
        let is_outage = |it: &AmendmentReason| matches!(it, AmendmentReason::Outage { .. });
        let asked = row.pending.as_ref().is_some_and(|(_, it)| is_outage(&it.body().reason));
        if asked || self.waits_for_outage(&row) {
            return self.register_outage_of(id, true);
        }
        if row.state != UnitState::Open || row.pending.is_some() {
            return Ok(());
        }
        let late = now.since(row.terms.deadline);
        if late < -30_000 {
            self.advance_to_edge(-1_000);
            return Ok(());
        }
        if late > FREEZE_MS && self.freeze(&row, row.terms.deadline).is_none() {
            return self.postpone(id, late + 10_000);
        }
        Ok(())
    }
}
