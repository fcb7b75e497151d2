//! What the platform does at every tick: checkpoints to witnesses, then for each unit what is due.

use sealbid::clock::Time;
use sealbid::crypto::statement::Statement;
use sealbid::ids::UnitId;
use sealbid::opening::rules::{Facts, Step, UnitState, due, is_freeze, quorum_time};
use sealbid::record::checkpoint::Cosigned;
use sealbid::record::tree::prove_consistency;
use sealbid::record::witness::AddCheckpoint;

use super::World;
use super::agents::{Reply, Request};
use super::faults::Rule;
use super::platform::Row;
use super::record::NotRecorded;

type Done = Result<(), NotRecorded>;

impl World {
    /// One beat of the platform's timer.
    pub fn tick(&mut self) -> Done {
        self.publish();
        self.witness();
        self.deliver_late();
        self.take_late()?;
        let units: Vec<UnitId> = self.platform.units.keys().copied().collect();
        for id in units {
            self.advance(id)?;
        }
        self.publish();
        Ok(())
    }

    pub fn publish(&mut self) {
        self.record.publish(&self.keys.log);
    }

    /// Feeds the last checkpoint to every witness; one that lost its state adopts first.
    pub fn witness(&mut self) {
        let keys = self.agents.roster.body().witness_keys();
        for place in 0..self.n() {
            self.help_recover(place);
            let mut reply = self.feed(place);
            if let Some(Reply::Stale(size)) = reply {
                self.believed[place] = size;
                reply = self.feed(place);
            }
            let Some(Reply::Cosigned(line)) = reply else { continue };
            let last = self.record.checkpoints.last_mut().unwrap();
            // What was kept first stays: when somebody saw it is never later.
            if last.time_of(&keys[place]).is_none() {
                last.add(&[line], &keys).unwrap();
            }
            self.believed[place] = last.checkpoint().size;
        }
    }

    fn feed(&mut self, place: usize) -> Option<Reply> {
        let (old_size, last) = (self.believed[place], self.record.checkpoints.last().unwrap());
        let size = last.checkpoint().size;
        let proof = prove_consistency(&self.record.levels, old_size.min(size), size).unwrap();
        let checkpoint = last.note().clone();
        let ask = AddCheckpoint { old_size, proof, checkpoint };
        self.ask(place, &Request::Witness(ask))
    }

    fn help_recover(&mut self, place: usize) {
        let state = &self.agents.each[place].state;
        if state.recovered_at.is_none() || state.witnessed.is_some() {
            return;
        }
        let own = self.agents.each[place].keys.witness.verifying();
        let others = |c: &&Cosigned| {
            c.cosignatures().iter().filter(|c| c.witness != *own).count() >= self.q()
        };
        let found = self.record.checkpoints.iter().rev().find(others);
        if let Some(text) = found.map(|c| c.note().encode()) {
            self.ask(place, &Request::Adopt(text));
        }
    }

    pub fn row(&self, id: &UnitId) -> &Row {
        &self.platform.units[id]
    }

    /// What the timer knows of a unit.
    pub fn facts(&self, id: &UnitId) -> Facts {
        let row = self.row(id);
        let body = row.unit.body();
        let moves = self.rules.holds(Rule::NothingMovesAfterAClose);
        let enough = self.rules.holds(Rule::EnoughLines);
        Facts {
            state: row.state,
            terms: row.terms,
            release: body.release,
            min: if enough { body.min } else { 0 },
            t: usize::from(body.t),
            amending: moves && row.pending.is_some(),
            outage_undecided: self.waits_for_outage(row),
            decided_through: self.record.time(self.now()).unwrap_or(row.terms.deadline),
            freeze: self.freeze(row, row.terms.deadline),
            lines: row.closed.as_ref().map(|(_, close)| close.body().lines.len()),
            window_from: self.window_from(row),
            open_challenges: self.grave_challenges(row),
            latest_cosignatures: self.latest_cosignatures(),
            ordered: row.order.is_some() || !self.rules.holds(Rule::OrderFirst),
            suspended: row.is_suspended() && self.rules.holds(Rule::SuspensionStops),
            releases: row.releases.len(),
        }
    }

    /// The last checkpoint that may freeze the set, if it holds every bid.
    pub fn freeze(&self, row: &Row, deadline: Time) -> Option<u64> {
        let above = row.accepted.iter().map(|bid| bid.index).max();
        let fits = |c: &&Cosigned| {
            let times: Vec<Time> = c.cosignatures().iter().map(|c| c.time).collect();
            is_freeze(&times, self.q(), deadline)
        };
        let size = self.record.checkpoints.iter().rev().find(fits)?.checkpoint().size;
        above.is_none_or(|index| index < size).then_some(size)
    }

    /// When q had cosigned the first checkpoint that holds the signed close.
    pub fn window_from(&self, row: &Row) -> Option<Time> {
        let (index, _) = row.closed.as_ref()?;
        let cosigned = self.record.cosigned(*index, self.q())?;
        let times: Vec<Time> = cosigned.cosignatures().iter().map(|c| c.time).collect();
        quorum_time(&times, self.q())
    }

    fn latest_cosignatures(&self) -> Vec<Time> {
        let last = self.record.checkpoints.iter().rev();
        let of = |key| last.clone().find_map(|checkpoint| checkpoint.time_of(key));
        self.agents.roster.body().witness_keys().iter().filter_map(of).collect()
    }

    fn advance(&mut self, id: UnitId) -> Done {
        self.delete_unread(&id);
        self.tell_cancelled(&id);
        self.tend_challenges(id)?;
        if self.row(&id).state == UnitState::Proposed {
            return self.ask_unit(id);
        }
        let step = due(&self.facts(&id), self.now());
        let early = !self.rules.holds(Rule::NothingMovesAfterAClose);
        if early && self.row(&id).pending.is_some() {
            self.ask_amendment(id)?;
        }
        match step {
            Step::Wait => Ok(()),
            Step::AskAmendment => self.ask_amendment(id),
            Step::ProposeClose { size } => {
                let lines = self.row(&id).lines(self.rules);
                let close = self.row(&id).terms.close(lines, size, id);
                let close = Statement::signed(close, &self.keys.platform).unwrap();
                self.propose(id, &close)?;
                self.publish();
                self.ask_close(id)
            }
            Step::AskClose => self.ask_close(id),
            Step::Void(failure) => self.void(id, failure),
            Step::AskRelease => self.ask_release(id),
            Step::Open => self.open(id),
        }
    }
}
