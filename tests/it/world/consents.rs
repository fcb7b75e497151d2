//! What the platform asks its custodians to sign: units, amendments, closes. Recorded as proposed
//! before any request leaves, and asked again until enough have signed.

use sealbid::crypto::json;
use sealbid::crypto::statement::{Body, Statement};
use sealbid::custodian::wire::{AskAmendment, AskClose, AskUnit};
use sealbid::ids::UnitId;
use sealbid::opening::rules::{FREEZE_MS, has_lapsed, is_spare};
use sealbid::opening::statements::{Close, LapseReason, OpeningEvent};
use sealbid::record::disclosure::Level;
use sealbid::tender::consent::UNBOUND;
use sealbid::tender::statements::Amendment;

use super::World;
use super::agents::{Reply, Request};
use super::faults::Rule;
use super::platform::Row;
use super::record::{NotRecorded, proposed};

type Done = Result<(), NotRecorded>;

impl World {
    /// Records that consent is being asked, before any request leaves.
    pub fn propose<B: Body>(&mut self, unit_id: UnitId, statement: &Statement<B>) -> Done {
        let event = proposed(unit_id, statement);
        self.write(Level::Public, event).map(|_| ())
    }

    /// The statement with the signatures that agents give now and gave before; `asks` says what to
    /// send to whom.
    fn collect<B: Body + Clone>(
        &mut self,
        statement: &Statement<B>,
        asks: impl Fn(usize) -> Vec<Request>,
    ) -> Statement<B> {
        let keys = self.agents.roster.body().statement_keys();
        let draft = self.drafts.remove(&statement.sha256());
        let mut whole = draft.map_or_else(
            || Statement::from_note(statement.note().clone()).unwrap(),
            |note| Statement::from_note(note).unwrap(),
        );
        self.refusals.clear();
        for (place, key) in keys.iter().enumerate() {
            if whole.note().signed_by(key).unwrap() {
                continue;
            }
            for request in asks(place) {
                match self.ask(place, &request) {
                    // The answer to a request that prepared the ground is of another text.
                    Some(Reply::Note(note)) => drop(whole.adopt(&note, key)),
                    Some(Reply::Refused(code)) => self.refusals.push(code),
                    _ => {}
                }
            }
        }
        self.drafts.insert(whole.sha256(), whole.note().clone());
        whole
    }

    fn signed_by<B: Body>(&self, statement: &Statement<B>) -> usize {
        statement.note().count(&self.agents.roster.body().statement_keys()).unwrap()
    }

    pub fn ask_for_unit(&self, row: &Row) -> Request {
        Request::Unit(AskUnit {
            credentials: self.buyer.credentials(),
            proposed: self.record.latest_receipt(row.proposed).encode(),
            unit: row.unit.encode(),
        })
    }

    pub fn ask_unit(&mut self, id: UnitId) -> Done {
        let row = self.row(&id).clone();
        let request = self.ask_for_unit(&row);
        let unit = self.collect(&row.unit, |_| vec![request.clone()]);
        if self.signed_by(&unit) == self.n() {
            self.write(Level::Public, unit.encode().into_bytes())?;
        }
        Ok(())
    }

    fn ask_for_amendments(&self, id: UnitId) -> Vec<Request> {
        let row = self.row(&id);
        let (deadline, t) = (row.terms.deadline, self.t());
        let ask = |(proposed, amendment): &(u64, Statement<_>)| {
            let receipt = self.record.receipt_from_before(*proposed, deadline, t);
            Request::Amendment(AskAmendment {
                amendment: self.with_buyers_word(amendment).encode(),
                credentials: self.buyer.credentials(),
                proposed: receipt.encode(),
                unit_id: id,
            })
        };
        row.amendments.iter().chain(&row.pending).map(ask).collect()
    }

    pub fn ask_amendment(&mut self, id: UnitId) -> Done {
        let Some((_, amendment)) = self.row(&id).pending.clone() else { return Ok(()) };
        let asks = self.ask_for_amendments(id);
        let amendment = self.collect(&amendment, |_| asks.clone());
        let amendment = self.with_buyers_word(&amendment);
        if self.signed_by(&amendment) >= self.q() {
            return self.write(Level::Public, amendment.encode().into_bytes()).map(|_| ());
        }
        let too_late = ["custodian-asked-late", "custodian-not-silent"];
        if self.refusals.iter().any(|code| too_late.contains(code)) {
            self.asked_late.insert(id);
        }
        let deadline = self.row(&id).terms.deadline;
        let is_given_up = match self.rules.holds(Rule::SilentMayBeBound) {
            true => has_lapsed(self.unbound(), (self.n(), self.t()), deadline, self.now()),
            // Without the rule: a minute after the deadline only what was heard of counts.
            false => {
                let is_over = self.now() >= deadline.plus(FREEZE_MS);
                is_over && is_spare(self.signed_by(&amendment), self.n(), self.t())
            }
        };
        if is_given_up { self.lapse(id, &amendment) } else { Ok(()) }
    }

    /// How many custodians have just refused to be bound by what was asked.
    fn unbound(&self) -> usize {
        let is_unbound = |code: &&&str| UNBOUND.contains(code);
        self.refusals.iter().filter(is_unbound).count()
    }

    fn lapse(&mut self, id: UnitId, amendment: &Statement<Amendment>) -> Done {
        let (statement_sha256, unit_id) = (amendment.sha256(), id);
        let event =
            OpeningEvent::Lapsed { reason: LapseReason::Unsigned, statement_sha256, unit_id };
        let event = json::to_string(&event).unwrap().into_bytes();
        self.write(Level::Public, event).map(|_| ())
    }

    pub fn ask_close(&mut self, id: UnitId) -> Done {
        let (index, close) = self.row(&id).proposal.clone().unwrap();
        // An agent that missed an amendment would judge by the old deadline.
        let amendments: Vec<Request> = match self.rules.holds(Rule::NothingMovesAfterAClose) {
            true => self.ask_for_amendments(id),
            false => Vec::new(),
        };
        let request = self.ask_for_close(id, index, &close);
        let asks = |_| amendments.iter().cloned().chain([request.clone()]).collect();
        let close = self.collect(&close, asks);
        let enough = if self.rules.holds(Rule::QuorumsOverlap) { self.q() } else { self.t() };
        if self.signed_by(&close) >= enough {
            self.write(Level::Public, close.encode().into_bytes())?;
        }
        Ok(())
    }

    pub fn ask_for_close(&self, id: UnitId, proposed: u64, close: &Statement<Close>) -> Request {
        let size = close.body().size;
        let frozen = self.record.checkpoints.iter().find(|c| c.checkpoint().size == size);
        Request::Close(AskClose {
            checkpoint: frozen.unwrap().note().encode(),
            close: close.encode(),
            lodged: self.accounts(id),
            proposed: self.record.latest_receipt(proposed).encode(),
        })
    }
}
