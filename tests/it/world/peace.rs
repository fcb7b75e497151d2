//! Left in peace: every custodian is back, nothing gets lost any more, and time goes on. Whatever
//! happened before, a unit must come to its end then.

use sealbid::ids::UnitId;
use sealbid::opening::rules::{FREEZE_MS, UnitState};

use super::World;
use super::record::NotRecorded;

/// More beats than any unit needs from its deadline to its end.
const BEATS: usize = 45;
/// The time between two of them.
const BEAT_MS: i64 = 2_000;

impl World {
    /// Everything is well from here on.
    pub fn peace(&mut self) -> Result<(), NotRecorded> {
        self.net.faults.clear();
        self.record.dies_in = None;
        for custodian in &mut self.agents.each {
            custodian.is_up = true;
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

    /// Nobody waits for a far deadline; and a buyer postpones one whose minute passed unseen.
    fn help(&mut self, id: UnitId) -> Result<(), NotRecorded> {
        let (now, row) = (self.truth(), self.row(&id));
        if row.state != UnitState::Open || row.pending.is_some() {
            return Ok(());
        }
        let late = now.since(row.terms.deadline);
        if late < -30_000 {
            self.advance_to_edge(-1_000);
            return Ok(());
        }
        if late > FREEZE_MS && self.freeze(row, row.terms.deadline).is_none() {
            return self.postpone(id, late + 10_000);
        }
        Ok(())
    }
}
