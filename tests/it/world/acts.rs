//! What happens to the world, one [`Op`] at a time.

use sealbid::bid::statements::Manifest;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::wire::AskLodge;
use sealbid::enterprise::statements::Kind;
use sealbid::ids::UnitId;
use sealbid::opening::rules::{Terms, UnitState};
use sealbid::opening::statements::Release;
use sealbid::record::disclosure::Level;

use super::agents::{Reply, Request};
use super::bidders::{Body, Sent};
use super::history::{Ask, Memory, Op, Rival, Submit};
use super::record::{Hand, NotRecorded, proposed};
use super::{ORIGIN, World};

type Done = Result<(), NotRecorded>;

impl World {
    /// Lets one thing happen. An act that the platform did not get to is no failure of the world.
    pub fn act(&mut self, op: Op) {
        if let Some(fault) = op.fault() {
            self.net.faults.push_back(fault);
            return;
        }
        let _ = match op {
            Op::Register => self.register(),
            Op::Custodians(n, t) => {
                *self = Self::of(self.rules, n.into(), t);
                Ok(())
            }
            Op::Publish { min, sealed } => self.publish_unit(min, sealed),
            Op::PublishTwo { min, sealed } => self.publish_two(min, sealed),
            Op::Amend { unit, by } => self.amend(unit, by),
            Op::Outage { unit, with_buyer } => self.register_outage(unit, with_buyer),
            Op::Cancel { unit, by } => self.cancel(unit, by),
            Op::Order { unit, how } => self.order(unit, how),
            Op::Suspend { unit, how } => self.suspend(unit, how),
            Op::Whisper { unit, agent, how } => {
                let place = self.place(agent);
                self.whisper(unit, place, how);
                Ok(())
            }
            Op::Submit { bidder, unit, how } => self.submit(bidder, unit, how),
            Op::Withdraw { bidder, unit } => self.withdraw(bidder, unit),
            Op::Tick => self.tick(),
            Op::Release { agent, unit, how } => self.release(self.place(agent), unit, how),
            Op::Challenge { bidder, unit, agent, whole, told } => {
                self.challenge((bidder, unit, self.place(agent)), whole, told)
            }
            Op::Peace => self.peace(),
            Op::Lodge { bidder, unit, agent } => self.lodge(bidder, unit, self.place(agent)),
            Op::Rival { unit, how } => self.rival(unit, how),
            other => {
                self.befall(other);
                Ok(())
            }
        };
    }

    /// What nobody decides on: time, losses, crashes.
    fn befall(&mut self, op: Op) {
        self.in_peace = false;
        match op {
            Op::AdvanceTime(millis) => self.clock.advance(millis.into()),
            Op::AdvanceToEdge(past) => self.advance_to_edge(past.into()),
            Op::AgentLost(agent) => {
                let place = self.place(agent);
                self.agents.each[place].is_up = false;
            }
            Op::AgentRecovered(agent, memory) => self.recover(self.place(agent), memory),
            Op::Down(seconds) => self.go_down(1000 * i64::from(seconds)),
            Op::Crash(nth) => self.record.dies_in = Some(nth.into()),
            Op::Restart => self.restart(),
            Op::ClockBack(millis) => self.skew = 500 - i64::from(millis),
            other => unreachable!("{other:?} is an act"),
        }
    }

    /// One of the custodians there are.
    fn place(&self, agent: u8) -> usize {
        usize::from(agent) % self.n()
    }

    pub fn advance_to_edge(&mut self, past: i64) {
        let now = self.truth();
        let edges = self.platform.units.values().flat_map(|row| {
            let window = self.window_from(row).map(|from| from.plus(row.terms.challenge_ms));
            [Some(row.terms.deadline), Some(row.terms.open_at), window]
        });
        if let Some(edge) = edges.flatten().filter(|edge| *edge > now).min() {
            self.clock.set(edge.plus(past).max(now));
        }
    }

    fn recover(&mut self, agent: usize, memory: Memory) {
        let (truth, rules) = (self.truth(), self.rules);
        let custodian = &mut self.agents.each[agent];
        custodian.wake(truth);
        if let Memory::Lost(behind) = memory {
            self.is_harmed = true;
            custodian.skew = -1000 * i64::from(behind);
            custodian.wipe(rules, truth);
            self.agents.ledger.told.retain(|(place, _), _| *place != agent);
            self.agents.ledger.cancelled.retain(|(place, _)| *place != agent);
        }
    }

    fn register(&mut self) -> Done {
        let body = Body::new(ORIGIN, Kind::Enterprise, &self.keys.operator, &self.entropy);
        self.write(Level::Public, body.verified.encode().into_bytes())?;
        self.bidders.push(body);
        Ok(())
    }

    fn release(&mut self, agent: usize, unit: u8, how: Ask) -> Done {
        let Some(id) = self.unit(unit) else { return Ok(()) };
        self.delete_unread(&id);
        let Some(ask) = self.ask_for_release(self.row(&id), agent) else { return Ok(()) };
        for _ in 0..if how == Ask::Twice { 2 } else { 1 } {
            let Some(Reply::Note(note)) = self.ask(agent, &ask) else { continue };
            if how == Ask::Slow {
                self.net.answers.push(note);
                continue;
            }
            let mut release = Statement::<Release>::from_note(note).unwrap();
            if how == Ask::Bad {
                let keys = &self.agents.each[agent].keys;
                let wrong = keys.unit_identity(&UnitId(Hash::of(b"another"))).encode().to_string();
                let body = Release { identity: wrong, ..release.body().clone() };
                release = Statement::signed(body, &keys.statement).unwrap();
            }
            let before = self.row(&id).releases.len();
            self.take_release(release.note())?;
            let counted = self.row(&id).releases.len() - before;
            assert!(how != Ask::Bad || counted == 0, "an identity of another unit counts");
        }
        Ok(())
    }

    /// A manifest with what shows its bidder's key and the receipts that the bidder holds.
    pub fn lodging(&self, bidder: usize, manifest: &Statement<Manifest>) -> AskLodge {
        let (body, unit_id) = (&self.bidders[bidder], manifest.body().unit_id);
        let own = body.units.get(&unit_id);
        let held = own.map(|own| own.acknowledged.iter().map(|(_, receipt)| receipt.encode()));
        let receipts = held.into_iter().flatten().collect();
        AskLodge { credentials: body.credentials(), manifest: manifest.encode(), receipts }
    }

    /// The portal does not answer: the bidder lodges its next bid with an agent, and the platform
    /// takes it up from there when it can.
    fn lodge(&mut self, bidder: u8, unit: u8, agent: usize) -> Done {
        let bidder = usize::from(bidder);
        let (Some(id), true) = (self.unit(unit), bidder < self.bidders.len()) else {
            return Ok(());
        };
        let sent = match self.own(bidder, id).waiting.clone() {
            Some(sent) => sent,
            None => Sent::Bid(self.seal(bidder, id, Submit::OnTime)),
        };
        let Sent::Bid(manifest) = &sent else { return Ok(()) };
        let ask = self.lodging(bidder, manifest);
        if let Some(Reply::Note(_)) = self.ask(agent, &Request::Lodge(ask)) {
            self.lodged.push((id, manifest.sha256()));
        }
        self.send(bidder, id, sent)
    }

    /// The operator's second face: another close for the same unit, asked of everybody, after
    /// asking those who forgot the unit to sign it again.
    fn rival(&mut self, unit: u8, how: Rival) -> Done {
        let Some(id) = self.unit(unit) else { return Ok(()) };
        let row = self.row(&id).clone();
        if row.state == UnitState::Proposed {
            return Ok(());
        }
        self.is_harmed = true;
        self.publish();
        if matches!(how, Rival::Outage | Rival::Reopening) {
            return self.invent_outage(id, how == Rival::Reopening);
        }
        let again = self.ask_for_unit(&row);
        for place in 0..self.n() {
            self.ask(place, &again);
        }
        let terms = match how {
            Rival::Without | Rival::Outage | Rival::Reopening => row.terms,
            Rival::Early => Terms::of(row.unit.body()),
        };
        let Some(size) = self.freeze(&row, terms.deadline) else { return Ok(()) };
        let mut lines = row.lines(self.rules);
        if how == Rival::Without {
            lines.pop();
        }
        let close = terms.close(lines, size, id);
        let close = Statement::signed(close, &self.keys.platform).unwrap();
        let index = self.write_as_rival(proposed(id, &close))?;
        let request = self.ask_for_close(id, index, &close);
        for place in 0..self.n() {
            self.ask(place, &request);
        }
        Ok(())
    }
    /// The second face's own event. It dies at writes of the first face only.
    pub fn write_as_rival(&mut self, event: Vec<u8>) -> Result<u64, NotRecorded> {
        let (now, dies_in) = (self.now(), self.record.dies_in.take());
        let recorded = self.record.append(Hand::Rival, Level::Regulator, now, event);
        self.record.dies_in = dies_in;
        self.publish();
        recorded
    }
}
