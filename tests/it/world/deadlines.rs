//! Deadlines are everybody's, and nothing takes effect but with its signatures: of all custodians, of
//! q, or of t, whatever the roster.

use std::collections::BTreeSet;

use sealbid::bid::statements::BidEvent;
use sealbid::clock::Time;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::note::Note;
use sealbid::opening::rules::UnitState;

use super::World;
use super::check::{Broken, holds};
use super::record::Act;

/// How many custodians of so many close when so many open, by the protocol's own examples.
fn q_of(n: usize, t: usize) -> usize {
    match (n, t) {
        (4, 2) => 3,
        (5, 3) => 4,
        (7, 3) => 5,
        (7, 5) => 6,
        other => panic!("{other:?} is none of our rosters"),
    }
}

impl World {
    /// What took effect has its signatures, each custodian counted once.
    pub fn check_consents(&self) -> Result<(), Broken> {
        let (n, t) = (self.n(), self.t());
        let keys = self.agents.roster.body().statement_keys();
        let signed = |note: &Note| note.count(&keys).unwrap();
        for entry in &self.record.entries[self.seen.entries..] {
            let is_enough = match &entry.act {
                Act::Unit(unit) => signed(unit.note()) == n,
                Act::Amendment(amendment) => signed(amendment.note()) >= q_of(n, t),
                Act::Close(close) => signed(close.note()) >= q_of(n, t),
                Act::Opening(opening) => {
                    let releases: BTreeSet<_> = opening.body().releases.iter().collect();
                    releases.len() == t && opening.body().releases.len() == t
                }
                _ => continue,
            };
            holds(is_enough, Broken::FewSigned)?;
        }
        Ok(())
    }

    /// Every bid is decided by the deadline in force, which no custodian moves for a lie.
    pub fn check_deadlines(&mut self) -> Result<(), Broken> {
        let deadlines = &mut self.seen.deadlines;
        for entry in &self.record.entries[self.seen.entries..] {
            match &entry.act {
                Act::Unit(unit) => {
                    deadlines.insert(unit.body().id().unwrap(), unit.body().deadline);
                }
                Act::Amendment(amendment) => {
                    deadlines.insert(amendment.body().unit_id, amendment.body().deadline);
                }
                Act::Bid(event) => {
                    let (BidEvent::Accepted { unit_id, .. }
                    | BidEvent::Withdrawn { unit_id, .. }
                    | BidEvent::Refused { unit_id, .. }) = event;
                    let in_force = deadlines.get(unit_id).copied();
                    holds(is_by_deadline(event, in_force), Broken::OtherDeadline)?;
                }
                _ => {}
            }
        }
        self.check_outages()
    }

    fn check_outages(&self) -> Result<(), Broken> {
        for row in self.platform.units.values() {
            let Some((proposed, _)) = row.proposal else { continue };
            let slept =
                |span: &&super::Downtime| span.covers(row.terms.deadline) && span.size <= proposed;
            let closes = matches!(row.state, UnitState::Closing | UnitState::Closed);
            let over = closes && self.downtimes.iter().any(|span| slept(&span));
            holds(!over || row.is_outage_refused, Broken::ClosedOverOutage)?;
        }
        let is_vouched = |sha256: &Hash| self.vouched.contains_key(sha256);
        let ledger = &self.agents.ledger;
        holds(ledger.noticed.iter().all(is_vouched), Broken::InventedOutage)?;
        holds(ledger.reopened.is_empty(), Broken::Reopened)
    }
}

fn is_by_deadline(event: &BidEvent, deadline: Option<Time>) -> bool {
    match event {
        BidEvent::Accepted { arrived_at, .. } | BidEvent::Withdrawn { arrived_at, .. } => {
            deadline.is_some_and(|deadline| *arrived_at < deadline)
        }
        BidEvent::Refused { arrived_at, code, .. } if code == "late" => {
            deadline.is_some_and(|deadline| *arrived_at >= deadline)
        }
        BidEvent::Refused { .. } => true,
    }
}
