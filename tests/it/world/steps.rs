//! What the platform does at every tick: checkpoints to witnesses, then for each unit what is due.

use sealbid::bid::statements::Fault;
use sealbid::clock::Time;
use sealbid::crypto::json;
use sealbid::crypto::note::Note;
use sealbid::crypto::seal::Identity;
use sealbid::crypto::statement::{Body, Statement};
use sealbid::custodian::roster::CustodianId;
use sealbid::custodian::wire::{AskAmendment, AskClose, AskRelease, AskUnit};
use sealbid::ids::UnitId;
use sealbid::opening::decrypt::{self, UnitKey};
use sealbid::opening::rules::{
    Claimed, Decryption, FREEZE_MS, Facts, Failure, Step, UnitState, due, is_freeze, is_spare,
    outcome, quorum_time, standing,
};
use sealbid::opening::statements::{
    Close, LapseReason, OpenedLine, Opening, OpeningEvent, Release, Void, VoidReason,
};
use sealbid::record::checkpoint::Cosigned;
use sealbid::record::disclosure::Level;
use sealbid::record::tree::prove_consistency;
use sealbid::record::witness::AddCheckpoint;
use sealbid::tender::statements::Amendment;

use super::agents::{Reply, Request};
use super::faults::Rule;
use super::platform::{Accepted, Row};
use super::record::{NotRecorded, proposed};
use super::{N, T, World};

type Done = Result<(), NotRecorded>;
type Named = (CustodianId, String);

impl World {
    /// One beat of the platform's timer.
    pub fn tick(&mut self) -> Done {
        self.publish();
        self.witness();
        self.deliver_late();
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
        for place in 0..N {
            self.help_recover(place);
            let mut reply = self.feed(place);
            if let Some(Reply::Stale(size)) = reply {
                self.believed[place] = size;
                reply = self.feed(place);
            }
            let Some(Reply::Cosigned(line)) = reply else { continue };
            let last = self.record.checkpoints.last_mut().unwrap();
            last.add(&[line], &keys).unwrap();
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
            outage_undecided: false,
            decided_through: self.record.time(self.now()).unwrap_or(row.terms.deadline),
            freeze: self.freeze(row, row.terms.deadline),
            lines: row.closed.as_ref().map(|(_, close)| close.body().lines.len()),
            window_from: self.window_from(row),
            open_challenges: self.grave_challenges(row),
            latest_cosignatures: self.latest_cosignatures(),
            ordered: false,
            suspended: false,
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
                let close = Close { lines, size, unit_id: id };
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
        for (place, key) in keys.iter().enumerate() {
            if whole.note().signed_by(key).unwrap() {
                continue;
            }
            for request in asks(place) {
                if let Some(Reply::Note(note)) = self.ask(place, &request) {
                    // The answer to a request that prepared the ground is of another text.
                    let _ = whole.adopt(&note, key);
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

    fn ask_unit(&mut self, id: UnitId) -> Done {
        let row = self.row(&id).clone();
        let request = self.ask_for_unit(&row);
        let unit = self.collect(&row.unit, |_| vec![request.clone()]);
        if self.signed_by(&unit) == N {
            self.write(Level::Public, unit.encode().into_bytes())?;
        }
        Ok(())
    }

    fn ask_for_amendments(&self, id: UnitId) -> Vec<Request> {
        let row = self.row(&id);
        let ask = |(proposed, amendment): &(u64, Statement<_>)| {
            Request::Amendment(AskAmendment {
                amendment: amendment.encode(),
                credentials: self.buyer.credentials(),
                proposed: self.record.latest_receipt(*proposed).encode(),
                unit_id: id,
            })
        };
        row.amendments.iter().chain(&row.pending).map(ask).collect()
    }

    fn ask_amendment(&mut self, id: UnitId) -> Done {
        let Some((_, amendment)) = self.row(&id).pending.clone() else { return Ok(()) };
        let asks = self.ask_for_amendments(id);
        let amendment = self.collect(&amendment, |_| asks.clone());
        if self.signed_by(&amendment) >= self.q() {
            self.write(Level::Public, amendment.encode().into_bytes())?;
        } else if !self.rules.holds(Rule::SilentMayBeBound) {
            self.drop_early(id, &amendment)?;
        }
        Ok(())
    }

    /// Without the rule: a minute after the deadline only what was heard of counts.
    fn drop_early(&mut self, id: UnitId, amendment: &Statement<Amendment>) -> Done {
        let over = self.row(&id).terms.deadline.plus(FREEZE_MS);
        let spare = is_spare(self.signed_by(amendment), N, usize::from(T));
        if !spare || self.now() < over {
            return Ok(());
        }
        let (statement_sha256, unit_id) = (amendment.sha256(), id);
        let event =
            OpeningEvent::Lapsed { reason: LapseReason::Unsigned, statement_sha256, unit_id };
        let event = json::to_string(&event).unwrap().into_bytes();
        self.write(Level::Public, event).map(|_| ())
    }

    fn ask_close(&mut self, id: UnitId) -> Done {
        let (index, close) = self.row(&id).proposal.clone().unwrap();
        // An agent that missed an amendment would judge by the old deadline.
        let amendments: Vec<Request> = match self.rules.holds(Rule::NothingMovesAfterAClose) {
            true => self.ask_for_amendments(id),
            false => Vec::new(),
        };
        let request = self.ask_for_close(id, index, &close);
        let asks = |_| amendments.iter().cloned().chain([request.clone()]).collect();
        let close = self.collect(&close, asks);
        if self.signed_by(&close) >= self.q() {
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

    fn void(&mut self, id: UnitId, failure: Failure) -> Done {
        let reason = match failure {
            Failure::TooFew => VoidReason::TooFew,
            Failure::Challenge => VoidReason::Challenge,
        };
        let close_sha256 = self.row(&id).closed.as_ref().map(|(_, close)| close.sha256());
        let fault = (reason == VoidReason::Challenge).then_some(Fault::Platform);
        let void = Void { close_sha256, fault, reason, unit_id: id };
        let void = Statement::signed(void, &self.keys.platform).unwrap();
        self.write(Level::Public, void.encode().into_bytes()).map(|_| ())
    }

    /// What is shown to an agent so that it releases.
    pub fn ask_for_release(&self, row: &Row) -> Option<Request> {
        let (index, _) = row.closed.as_ref()?;
        let cosigned = self.record.cosigned(*index, self.q())?;
        let by_t = |c: &&Cosigned| c.is_cosigned_by(usize::from(T));
        let recent = self.record.checkpoints.iter().rev().find(by_t)?;
        Some(Request::Release(AskRelease {
            amendments: row.amendments.iter().map(|(_, amendment)| amendment.encode()).collect(),
            checkpoint: recent.note().encode(),
            close_receipt: self.record.receipt(*index, cosigned).encode(),
            credentials: self.buyer.credentials(),
            lodged: self.accounts(row.unit.body().id().unwrap()),
            order: None,
            unit: row.unit.encode(),
        }))
    }

    fn ask_release(&mut self, id: UnitId) -> Done {
        for place in 0..N {
            let Some(ask) = self.ask_for_release(self.row(&id)) else { return Ok(()) };
            if let Some(Reply::Note(note)) = self.ask(place, &ask) {
                self.take_release(&note)?;
            }
        }
        if self.row(&id).releases.len() >= usize::from(T) { self.open(id) } else { Ok(()) }
    }

    /// A release counts once, signed, for this close, with an identity that derives the unit's
    /// recipient.
    pub fn take_release(&mut self, note: &Note) -> Done {
        let release = Statement::<Release>::from_note(note.clone()).unwrap();
        let body = release.body();
        let row = self.row(&body.unit_id);
        let member = self.agents.roster.body().member(&body.custodian).unwrap();
        let named = row.unit.body().recipients.iter().find(|r| r.custodian == body.custodian);
        let identity: Identity = body.identity.parse().unwrap();
        let fits = named.is_some_and(|r| r.recipient == identity.recipient().to_string());
        let closed = row.closed.as_ref().map(|(_, close)| close.sha256());
        let known = row.releases.iter().any(|(custodian, _)| *custodian == body.custodian);
        let signed = note.signed_by(&member.statement_key) == Ok(true);
        let waits = row.state == UnitState::Closed;
        if !fits || !signed || known || !waits || closed != Some(body.close_sha256) {
            return Ok(());
        }
        let inside = self.rules.holds(Rule::IdentitiesStayInside);
        let level = if inside { Level::Regulator } else { Level::Parties };
        let (close_sha256, unit_id) = (body.close_sha256, body.unit_id);
        let custodian = body.custodian.clone();
        self.write(level, release.encode().into_bytes())?;
        let public = OpeningEvent::Released { close_sha256, custodian, unit_id };
        self.write(Level::Public, json::to_string(&public).unwrap().into_bytes()).map(|_| ())
    }

    fn open(&mut self, id: UnitId) -> Done {
        let row = self.row(&id).clone();
        let (_, close) = row.closed.as_ref().unwrap();
        let keys: Vec<UnitKey> =
            row.releases.iter().take(usize::from(T)).map(|r| key(&row, r)).collect();
        let in_close = |bid: &&Accepted| close.body().lines.contains(&bid.line);
        let bids: Vec<&Accepted> = row.accepted.iter().filter(in_close).collect();
        let all: Vec<Claimed> = bids.iter().map(|bid| claimed(bid)).collect();
        let mut lines: Vec<OpenedLine> = Vec::new();
        for bid in bids {
            let result = standing(&claimed(bid), &all).unwrap_or_else(|| {
                outcome(id, bid.manifest.body(), bid.bidder, self.decrypted(id, bid, &keys))
            });
            lines.push(OpenedLine {
                arrived_at: bid.arrived_at,
                bidder: bid.bidder,
                fault: result.fault(),
                line: bid.line,
                manifest: bid.manifest.encode(),
                outcome: result,
                salt: bid.salt,
            });
        }
        lines.sort_by_key(|line| line.line);
        let releases = keys.into_iter().map(|key| key.custodian).collect();
        let opened_at = self.now();
        let body =
            Opening { close_sha256: close.sha256(), lines, opened_at, releases, unit_id: id };
        let opening = Statement::signed(body, &self.keys.platform).unwrap();
        self.write(Level::Public, opening.encode().into_bytes()).map(|_| ())
    }

    fn decrypted(&self, id: UnitId, bid: &Accepted, keys: &[UnitKey]) -> Decryption {
        if !self.sealed.contains(&id) {
            return self.hidden[&bid.manifest.sha256()].clone();
        }
        let manifest = bid.manifest.body().clone();
        let shares = manifest.shares.iter().map(|sha256| self.blobs[sha256].clone()).collect();
        let reopen = |envelope: &decrypt::Envelope| -> std::io::Result<decrypt::Ciphertext> {
            let found = self.blobs.get(&envelope.manifest.bid.sha256).cloned();
            let found = found.ok_or(std::io::ErrorKind::NotFound)?;
            Ok(Box::new(std::io::Cursor::new(found)))
        };
        decrypt::check(&decrypt::Envelope { manifest, shares }, keys, &reopen).unwrap()
    }
}

fn key(row: &Row, (custodian, identity): &Named) -> UnitKey {
    let recipients = &row.unit.body().recipients;
    let place = recipients.iter().position(|r| r.custodian == *custodian).unwrap();
    UnitKey { place, custodian: custodian.clone(), identity: identity.parse().unwrap() }
}

fn claimed(bid: &Accepted) -> Claimed {
    let (seq, manifest_sha256) = (bid.manifest.body().seq, bid.manifest.sha256());
    Claimed { bidder: bid.bidder, seq, manifest_sha256 }
}
