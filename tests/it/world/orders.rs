//! Second envelopes: a buyer and the regulator order which of them open, and the rest is deleted.

use std::collections::BTreeSet;

use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::Statement;
use sealbid::error::Refusal as _;
use sealbid::ids::UnitId;
use sealbid::opening::Error;
use sealbid::opening::rules::UnitState;
use sealbid::opening::rules::words::{chooses_from, takes_order};
use sealbid::opening::statements::Order;
use sealbid::record::disclosure::Level;
use sealbid::tender::statements::ReleaseBy;

use super::World;
use super::faults::Rule;
use super::history::Choice;
use super::platform::Row;
use super::record::NotRecorded;

impl World {
    /// Somebody sends an order, at whatever time; it is taken where it fits.
    pub fn order(&mut self, unit: u8, how: Choice) -> Result<(), NotRecorded> {
        match self.unit(unit) {
            Some(id) => self.order_of(id, how),
            None => Ok(()),
        }
    }

    pub fn order_of(&mut self, id: UnitId, how: Choice) -> Result<(), NotRecorded> {
        let row = self.row(&id).clone();
        let order = self.draw_up(&row, id, how);
        let is_due = row.state == UnitState::Closed
            && row.unit.body().release == ReleaseBy::Order
            && row.order.is_none();
        let expected = match how {
            _ if !is_due => Some("opening-no-order-now"),
            Choice::All | Choice::ButFirst => None,
            Choice::Alone => Some("opening-signature"),
            Choice::Foreign | Choice::OtherClose => Some("opening-other-lines"),
        };
        let refused = self.judge_order(&row, &order).err().map(|it| it.code());
        self.expect(refused, expected);
        if refused.is_none() {
            self.write(Level::Public, order.encode().into_bytes())?;
        }
        Ok(())
    }

    fn draw_up(&self, row: &Row, unit_id: UnitId, how: Choice) -> Statement<Order> {
        let close = row.closed.as_ref().map(|(_, close)| close);
        let mut lines = close.map(|close| close.body().lines.clone()).unwrap_or_default();
        let mut close_sha256 = close.map_or(Hash::of(b"no close yet"), Statement::sha256);
        match how {
            Choice::All | Choice::Alone => {}
            Choice::ButFirst => drop(lines.drain(..lines.len().min(1))),
            Choice::Foreign => lines = vec![Hash::of(b"a line of nobody")],
            Choice::OtherClose => close_sha256 = Hash::of(b"another close"),
        }
        let body = Order { close_sha256, lines, unit_id };
        let mut order = Statement::signed(body, &self.buyer.key).unwrap();
        if how != Choice::Alone {
            order.sign(&self.keys.regulator);
        }
        order
    }

    fn judge_order(&self, row: &Row, order: &Statement<Order>) -> Result<(), Error> {
        let ordered = row.order.as_ref().map(Statement::encode);
        takes_order(row.state, row.unit.body().release, ordered.as_deref())?;
        order.note().require(self.keys.regulator.verifying())?;
        order.note().require(self.buyer.key.verifying())?;
        let (_, close) = row.closed.as_ref().unwrap();
        Ok(chooses_from(order.body(), close)?)
    }

    /// Deletes what shall never be read: of a void unit everything, of an ordered one what its order
    /// leaves out.
    pub fn delete_unread(&mut self, id: &UnitId) {
        for manifest in self.unread(self.row(id)) {
            let Some(bid) = self.row(id).accepted.iter().find(|b| b.manifest.sha256() == manifest)
            else {
                continue;
            };
            let body = bid.manifest.body().clone();
            self.hidden.remove(&manifest);
            self.blobs.remove(&body.bid.sha256);
            body.shares.iter().for_each(|share| drop(self.blobs.remove(share)));
        }
    }

    fn unread(&self, row: &Row) -> BTreeSet<Hash> {
        let left_out = self.rules.holds(Rule::LeftOutIsDeleted);
        let chosen = row.order.as_ref().filter(|_| left_out).map(|order| &order.body().lines);
        let is_unread = |line: &Hash| chosen.is_some_and(|chosen| !chosen.contains(line));
        let is_void = row.state == UnitState::Void;
        let bids = row.accepted.iter().filter(|bid| is_void || is_unread(&bid.line));
        bids.map(|bid| bid.manifest.sha256()).collect()
    }
}
