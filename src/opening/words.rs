//! Words of others about a unit, taken onto the record: void, order, suspension.

use super::rules::words::{chooses_from, takes_order, takes_suspension};
use super::rules::{Failure, UnitAct, UnitState, next};
use super::statements::{Order, Suspension, Void, VoidReason};
use super::store;
use super::{Error, Misplaced, Opener, custodians, moves, public};
use crate::bid::statements::Fault;
use crate::crypto::statement::{Body as _, Statement};
use crate::custodian::client::ask_all;
use crate::custodian::wire::AskSuspend;
use crate::db::Conn;
use crate::enterprise::credential_notes;
use crate::enterprise::credentials::credential;
use crate::record::said;
use crate::tender::units::{self, UnitRow};

impl Opener {
    /// Fails a unit for what its close or its challenges say: the statement first, then the
    /// ciphertexts go. A cancellation is its buyer's to sign: `tender::amend`.
    ///
    /// # Errors
    /// [`Error::State`] after an opening or another void.
    pub(super) async fn void(&self, row: &UnitRow, failure: Failure) -> Result<(), Error> {
        next(row.state, UnitAct::Void)?;
        let (reason, fault) = match failure {
            Failure::TooFew => (VoidReason::TooFew, None),
            Failure::Challenge => (VoidReason::Challenge, Some(Fault::Platform)),
        };
        // A close that q never signed stands for nothing.
        let closed = row.close.as_ref().filter(|_| row.state == UnitState::Closed);
        let close_sha256 = closed.map(Statement::sha256);
        let body = Void { close_sha256, fault, reason, unit_id: row.id };
        let void = Statement::signed(body, &self.parts.key)?;
        let event = public(row.id, Void::TYPE, void.encode());
        let moved = row.clone();
        self.db()
            .write(move |tx| {
                tx.record(event)?;
                moves::void(tx, &moved, failure.word())
            })
            .await?;
        let now = self.db().clock().now();
        let again = self.answer_late(row, now).await?;
        self.end(row, again, now).await
    }

    /// Takes the order that says which second envelopes open: the first that is recorded is the one.
    /// Its steps then delete what it leaves out, before anybody is asked for an identity.
    ///
    /// # Errors
    /// [`Error::Misplaced`] when it does not fit the close, [`Error::Signature`] without the
    /// procuring entity's and the regulator's signatures, `Conflict` for a second one. The same one again,
    /// by whichever of the two, is answered with the entry that it has.
    pub async fn take_order(&self, note: &str) -> Result<u64, Error> {
        let order = Statement::<Order>::parse(note.as_bytes())?;
        let body = order.body().clone();
        let id = body.unit_id;
        let row = self.db().query(move |conn| units::unit(conn, id)).await?;
        let again = order.clone();
        let known = move |conn: &mut Conn| said::of_unit(conn, &id, &again);
        if let Some(index) = self.db().query(known.clone()).await? {
            return Ok(index);
        }
        let (roster, unit) = (self.roster(&row)?, row.unit.body());
        takes_order(row.state, unit.release, row.order.as_deref())?;
        let entity = unit.procuring_entity;
        let notes = self.db().query(move |conn| credential_notes(conn, entity)).await?;
        let (statements, first) = (notes.len(), self.parts.rosters.chain().first());
        let buyer = credential(first, &notes);
        let buyer = buyer.ok().and_then(|found| found.key_after(row.unit.note()).cloned());
        let buyer = buyer.ok_or(Misplaced::NoKey)?;
        order.note().require(&roster.regulator_key)?;
        order.note().require(&buyer)?;
        let keys = [buyer, roster.regulator_key.clone()];
        order.note().only_by(&keys)?;
        let close = row.close.as_ref().ok_or(Misplaced::NotClosed)?;
        chooses_from(&body, close)?;
        let text = order.ordered(&keys).encode();
        let event = public(id, Order::TYPE, text.clone());
        self.db()
            .write(move |tx| {
                if let Some(index) = known(tx.conn())? {
                    return Ok(index);
                }
                if credential_notes(tx.conn(), entity)?.len() != statements {
                    return Err(Error::from(Misplaced::NoKey));
                }
                let recorded = tx.record(event)?;
                moves::take_order(tx, &id, &text)?;
                Ok(recorded.index)
            })
            .await
    }

    /// Deletes the ciphertexts that the recorded order leaves out. Done at every step until the
    /// opening, because a crash may have come between: what is gone already is no longer listed.
    pub(super) async fn delete_left_out(&self, row: &UnitRow) -> Result<(), Error> {
        let Some(order) = &row.order else { return Ok(()) };
        let chosen = Statement::<Order>::parse(order.as_bytes())?.body().lines.clone();
        let id = row.id;
        let all = self.db().query(move |conn| store::envelopes(conn, &id)).await?;
        let left = all.iter().filter(|bid| bid.live && chosen.binary_search(&bid.line()).is_err());
        self.delete(left.map(|bid| (bid.id(), bid.blob)).collect()).await
    }

    /// Takes the regulator's word that stops a release or lifts the stop, and tells the agents.
    ///
    /// # Errors
    /// [`Error::Signature`] without the regulator's signature, `Conflict` for an old number,
    /// [`Error::Misplaced`] once nothing is left to stop. The same word again is answered with the entry
    /// that it has, and told to the agents again, who may have missed it.
    pub async fn suspend(&self, note: &str) -> Result<u64, Error> {
        let suspension = Statement::<Suspension>::parse(note.as_bytes())?;
        let body = suspension.body();
        let (id, no) = (body.unit_id, body.no);
        let word = body.state;
        let row = self.db().query(move |conn| units::unit(conn, id)).await?;
        let roster = self.roster(&row)?;
        suspension.note().require(&roster.regulator_key)?;
        suspension.note().only_by(std::slice::from_ref(&roster.regulator_key))?;
        let (event, again) =
            (public(id, Suspension::TYPE, suspension.encode()), suspension.clone());
        let index = self
            .db()
            .write(move |tx| {
                if let Some(index) = said::of_unit(tx.conn(), &id, &again)? {
                    return Ok(index);
                }
                takes_suspension(units::unit(tx.conn(), id)?.state)?;
                let recorded = tx.record(event)?;
                moves::suspend(tx, &id, no, word)?;
                Ok::<_, Error>(recorded.index)
            })
            .await?;
        let ask = AskSuspend { suspension: suspension.encode(), unit: row.unit.encode() };
        for (custodian, told) in ask_all(self.wire(&row)?, &custodians(roster), &ask).await {
            if let Err(error) = told {
                tracing::warn!(unit = %id, %custodian, %error, "a suspension not told");
            }
        }
        Ok(index)
    }
}
