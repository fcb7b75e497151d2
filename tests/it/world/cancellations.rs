//! A buyer cancels a unit, for as long as no close of it is effective.

use sealbid::crypto::statement::Statement;
use sealbid::custodian::wire::AskCancel;
use sealbid::error::Refusal;
use sealbid::ids::UnitId;
use sealbid::opening::rules::UnitState;
use sealbid::opening::statements::{Void, VoidReason};
use sealbid::record::disclosure::Level;
use sealbid::tender::Refused;
use sealbid::tender::rules::{cancellation, check_cancel};

use super::World;
use super::agents::Request;
use super::faults::Rule;
use super::history::By;
use super::platform::Row;
use super::record::NotRecorded;

impl World {
    pub fn cancel(&mut self, unit: u8, by: By) -> Result<(), NotRecorded> {
        match self.unit(unit) {
            Some(id) => self.cancel_unit(id, by),
            None => Ok(()),
        }
    }

    pub fn cancel_unit(&mut self, id: UnitId, by: By) -> Result<(), NotRecorded> {
        let key = match by {
            By::Buyer => &self.buyer.key,
            By::Operator => &self.keys.operator,
        };
        let mut void = Statement::signed(cancellation(id), key).unwrap();
        let row = self.row(&id).clone();
        let is_again = row.void == Some(VoidReason::Cancelled);
        let expected = match (by, row.state) {
            (By::Operator, _) => Some("tender-signature"),
            (By::Buyer, UnitState::Open | UnitState::Closing) => None,
            (By::Buyer, _) if is_again => None,
            (By::Buyer, _) => Some("tender-out-of-order"),
        };
        let any_time = !self.rules.holds(Rule::CancelledBeforeItsClose);
        let late = any_time && row.state == UnitState::Closed && by == By::Buyer;
        if !late {
            let refused = self.judge_cancellation(&row, &void).err();
            self.expect(refused.as_ref().map(Refusal::code), expected);
            if refused.is_some() || is_again {
                return Ok(());
            }
        }
        void.sign(&self.keys.platform);
        self.write(Level::Public, void.encode().into_bytes())?;
        self.tell_cancelled(&id);
        Ok(())
    }

    /// Tells the agents that have not heard yet, after it is recorded, and again at every beat.
    pub fn tell_cancelled(&mut self, id: &UnitId) {
        if !self.is_to_be_told(id) {
            return;
        }
        let row = self.row(id);
        let (unit, void) = (row.unit.encode(), row.void_note.clone().unwrap());
        let ask = Request::Cancel(AskCancel { credentials: self.buyer.credentials(), unit, void });
        for place in 0..self.n() {
            if !self.agents.ledger.cancelled.contains(&(place, *id)) {
                self.ask(place, &ask);
            }
        }
    }

    /// The same statement again is answered as before.
    fn judge_cancellation(&self, row: &Row, void: &Statement<Void>) -> Result<(), Refused> {
        void.note().require(self.buyer.key.verifying()).map_err(|_| Refused::Signature)?;
        if row.void == Some(VoidReason::Cancelled) { Ok(()) } else { check_cancel(row.state) }
    }
}
