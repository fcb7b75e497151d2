//! The platform is down for a while; an operator registers what was measured, and deadlines move.

use std::sync::LazyLock;

use sealbid::clock::Time;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::wire::AskAmendment;
use sealbid::error::Refusal;
use sealbid::ids::UnitId;
use sealbid::opening::rules::UnitState;
use sealbid::rulepack::Pack;
use sealbid::rulepack::outage::Window;
use sealbid::tender::Refused;
use sealbid::tender::outage::DOWN_MS;
use sealbid::tender::rules::{check_request, moved_by};
use sealbid::tender::statements::{Amendment, AmendmentReason};

use super::World;
use super::agents::Request;
use super::faults::Rule;
use super::platform::Row;
use super::record::{NotRecorded, proposed};

/// What an outage does to a deadline.
static LAW: LazyLock<Pack> =
    LazyLock::new(|| Pack::parse(include_str!("../../../rulepacks/demo.toml")).unwrap());

/// A span of the platform's own downtime, and the record's size when it was measured.
#[derive(Clone, Copy, Debug)]
pub struct Downtime {
    pub from: Time,
    pub until: Time,
    pub size: u64,
}

impl Downtime {
    pub fn covers(&self, at: Time) -> bool {
        self.from <= at && at < self.until
    }
}

impl World {
    /// The platform does nothing for so long, and starts again.
    pub fn go_down(&mut self, millis: i64) {
        let from = self.now();
        self.clock.advance(millis);
        self.restart();
        let until = self.now();
        if until.since(from) > DOWN_MS {
            self.downtimes.push(Downtime { from, until, size: self.record.size() });
        }
    }

    pub fn was_down(&self, at: Time) -> bool {
        self.downtimes.iter().any(|span| span.covers(at))
    }

    /// Whether nothing is closed before somebody has decided on the deadline.
    pub fn waits_for_outage(&self, row: &Row) -> bool {
        let waits = self.rules.holds(Rule::DowntimeWaits);
        let is_decided = row.is_outage_refused || !self.was_down(row.terms.deadline);
        waits && row.state == UnitState::Open && !is_decided
    }

    pub fn register_outage(&mut self, unit: u8, with_buyer: bool) -> Result<(), NotRecorded> {
        match self.unit(unit) {
            Some(id) => self.register_outage_of(id, with_buyer),
            None => Ok(()),
        }
    }

    /// An operator registers the outage over a unit's deadline, or shortly before it. While one is
    /// asked, the same call answers with it. The buyer signs beside it, or not.
    pub fn register_outage_of(&mut self, id: UnitId, with_buyer: bool) -> Result<(), NotRecorded> {
        let row = self.row(&id).clone();
        let asked = row.pending.as_ref().map(|(_, pending)| pending.clone());
        let asked = asked.filter(|it| matches!(it.body().reason, AmendmentReason::Outage { .. }));
        let amendment = match asked {
            Some(asked) => asked,
            None => {
                let drafted = self.draft_outage(&row, id);
                let refused = drafted.as_ref().err().map(Refusal::code);
                self.expect(refused, self.expected_of_outage(&row));
                let Ok(drafted) = drafted else { return Ok(()) };
                let amendment = Statement::signed(drafted, &self.keys.platform).unwrap();
                self.propose(id, &amendment)?;
                amendment
            }
        };
        if with_buyer {
            let mut vouched = amendment.clone();
            vouched.sign(&self.buyer.key);
            self.vouched.insert(amendment.sha256(), vouched.note().clone());
        }
        Ok(())
    }

    /// The measured outages that this unit was not moved for yet, the last one first.
    fn measured(&self, row: &Row) -> Vec<Window> {
        let decided = |from: Time| {
            row.amendments.iter().any(|(_, amendment)| {
                matches!(amendment.body().reason, AmendmentReason::Outage { from: of, .. } if of == from)
            })
        };
        let spans = self.downtimes.iter().rev().filter(|span| !decided(span.from));
        spans.map(|span| Window { from: span.from, recovered: span.until }).collect()
    }

    fn draft_outage(&self, row: &Row, unit_id: UnitId) -> Result<Amendment, Refused> {
        let now = self.now();
        let moved = moved_by(&*LAW, &row.terms, &self.measured(row), now)?;
        let ((deadline, open_at), Window { from, recovered: until }) = moved;
        let text = "the power failed".to_owned();
        let amendment = Amendment {
            deadline,
            no: row.last.0 + 1,
            open_at,
            prev_sha256: row.last.1,
            reason: AmendmentReason::Outage { from, until, text },
            unit_id,
        };
        check_request(&self.standing(row), &amendment, now)?;
        Ok(amendment)
    }

    /// An outage counts over the deadline, or up to twenty seconds before it.
    fn expected_of_outage(&self, row: &Row) -> Option<&'static str> {
        let deadline = row.terms.deadline;
        let is_near = |recovered: Time| (0..=20_000).contains(&deadline.since(recovered));
        let touches = |window: &Window| window.from <= deadline && deadline < window.recovered;
        let measured = self.measured(row);
        if !measured.iter().any(|window| touches(window) || is_near(window.recovered)) {
            return Some("tender-no-outage");
        }
        match row.state {
            _ if row.pending.is_some() => Some("tender-pending"),
            UnitState::Open => None,
            _ => Some("tender-out-of-order"),
        }
    }

    /// What is asked of an amendment, with the buyer's signature where there is one.
    pub fn with_buyers_word(&self, amendment: &Statement<Amendment>) -> Statement<Amendment> {
        let mut amendment = amendment.clone();
        if let Some(vouched) = self.vouched.get(&amendment.sha256()) {
            amendment.adopt(vouched, self.buyer.key.verifying()).unwrap();
        }
        amendment
    }

    /// The operator's second face says that the platform was down for the last twenty seconds, and
    /// would have the unit reopened for it; the buyer says so too, or not.
    pub fn invent_outage(&mut self, unit_id: UnitId, with_buyer: bool) -> Result<(), NotRecorded> {
        let (row, now) = (self.row(&unit_id).clone(), self.now());
        let reason = AmendmentReason::Outage {
            from: now.plus(-20_000).min(row.terms.deadline),
            until: now,
            text: "a lie".to_owned(),
        };
        let amendment = Amendment {
            deadline: row.terms.deadline.plus(30_000),
            no: row.last.0 + 1,
            open_at: row.terms.open_at.plus(30_000),
            prev_sha256: row.last.1,
            reason,
            unit_id,
        };
        let mut amendment = Statement::signed(amendment, &self.keys.platform).unwrap();
        if with_buyer {
            amendment.sign(&self.buyer.key);
            self.vouched.insert(amendment.sha256(), amendment.note().clone());
        }
        let index = self.write_as_rival(proposed(unit_id, &amendment))?;
        let ask = Request::Amendment(AskAmendment {
            amendment: amendment.encode(),
            credentials: self.buyer.credentials(),
            proposed: self.record.latest_receipt(index).encode(),
            unit_id,
        });
        for place in 0..self.n() {
            self.ask(place, &ask);
        }
        Ok(())
    }
}
