//! Buyers publish units of one stage or two, and postpone them.

use sealbid::clock::Time;
use sealbid::crypto::entropy::array;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::Statement;
use sealbid::error::Refusal;
use sealbid::ids::{LotId, TenderId, UnitId};
use sealbid::opening::rules::{FREEZE_MS, UnitState};
use sealbid::tender::rules::{Standing, check_request};
use sealbid::tender::statements::{
    Amendment, AmendmentReason, ReleaseBy, SUITE, Stage, Unit, UnitRecipient,
};

use super::World;
use super::faults::Rule;
use super::platform::Row;
use super::record::NotRecorded;

type Done = Result<(), NotRecorded>;

impl World {
    pub fn publish_unit(&mut self, min: u8, sealed: bool) -> Done {
        let unit = self.draft(min);
        self.publish_draft(unit, sealed)
    }

    /// A lot of two envelopes: the first opens at its hour, the second on an order.
    pub fn publish_two(&mut self, min: u8, sealed: bool) -> Done {
        let first = Unit { stage: Stage::Technical, ..self.draft(min) };
        let second = Unit {
            nonce: Hash::from_bytes(array(&self.entropy).unwrap()),
            release: ReleaseBy::Order,
            stage: Stage::Commercial,
            ..first.clone()
        };
        self.publish_draft(first, sealed)?;
        self.publish_draft(second, sealed)
    }

    fn draft(&self, min: u8) -> Unit {
        let issued_at = self.now();
        let deadline = issued_at.plus(60_000);
        Unit {
            challenge_ms: 5_000,
            deadline,
            issued_at,
            lot: LotId::random(&self.entropy).unwrap(),
            min: u32::from(min).max(1),
            nonce: Hash::from_bytes(array(&self.entropy).unwrap()),
            open_at: deadline.plus(10_000),
            procuring_entity: self.buyer.id,
            recipients: Vec::new(),
            release: ReleaseBy::Time,
            roster_sha256: self.agents.roster.sha256(),
            stage: Stage::Single,
            suite: SUITE.to_owned(),
            t: self.agents.roster.body().t,
            tender: TenderId::random(&self.entropy).unwrap(),
        }
    }

    fn publish_draft(&mut self, mut unit: Unit, sealed: bool) -> Done {
        let id = unit.id().unwrap();
        let recipient = |c: &super::Custodian| UnitRecipient {
            custodian: c.id.clone(),
            recipient: c.keys.unit_identity(&id).recipient().to_string(),
        };
        unit.recipients = self.agents.each.iter().map(recipient).collect();
        let mut unit = Statement::signed(unit, &self.buyer.key).unwrap();
        unit.sign(&self.keys.platform);
        self.propose(id, &unit)?;
        if sealed {
            self.sealed.insert(id);
        }
        Ok(())
    }

    pub fn unit(&self, place: u8) -> Option<UnitId> {
        let mut by_age: Vec<_> = self.platform.units.iter().collect();
        by_age.sort_by_key(|(_, row)| row.proposed);
        by_age.get(usize::from(place)).map(|(id, _)| **id)
    }

    pub fn amend(&mut self, unit: u8, by: u8) -> Done {
        match self.unit(unit) {
            Some(id) => self.postpone(id, 1000 * i64::from(by)),
            None => Ok(()),
        }
    }

    /// The buyer asks for a later deadline.
    pub fn postpone(&mut self, id: UnitId, millis: i64) -> Done {
        let row = self.row(&id);
        let amendment = Amendment {
            deadline: row.terms.deadline.plus(millis),
            no: row.last.0 + 1,
            open_at: row.terms.open_at.plus(millis),
            prev_sha256: row.last.1,
            reason: AmendmentReason::Postponed { text: "a question was answered".to_owned() },
            unit_id: id,
        };
        let is_late = self.now() >= row.terms.deadline && !self.cannot_close(row);
        let expected = match row.state {
            _ if row.pending.is_some() => Some("tender-pending"),
            UnitState::Open if is_late => Some("tender-late"),
            UnitState::Open => None,
            _ => Some("tender-out-of-order"),
        };
        if self.rules.holds(Rule::NothingMovesAfterAClose) {
            let refused = check_request(&self.standing(row), &amendment, self.now()).err();
            self.expect(refused.as_ref().map(Refusal::code), expected);
            if refused.is_some() {
                return Ok(());
            }
        } else if row.closed.is_some() || row.pending.is_some() || row.state == UnitState::Void {
            return Ok(());
        }
        let mut amendment = Statement::signed(amendment, &self.buyer.key).unwrap();
        amendment.sign(&self.keys.platform);
        self.propose(id, &amendment)
    }

    /// Where a unit stands for whoever asks to move its deadline.
    pub fn standing(&self, row: &Row) -> Standing {
        Standing {
            state: row.state,
            terms: row.terms,
            last: row.last,
            is_amending: row.pending.is_some(),
            may_be_late: self.cannot_close(row),
        }
    }

    /// Whether no close is possible on this deadline any more.
    fn cannot_close(&self, row: &Row) -> bool {
        let deadline: Time = row.terms.deadline;
        let is_over = self.now() > deadline.plus(FREEZE_MS) && row.state == UnitState::Open;
        is_over && (self.was_down(deadline) || self.freeze(row, deadline).is_none())
    }
}
