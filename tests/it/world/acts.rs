//! What happens to the world, one [`Op`] at a time.

use sealbid::bid::statements::Manifest;
use sealbid::crypto::entropy::array;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::wire::AskLodge;
use sealbid::enterprise::statements::Kind;
use sealbid::ids::{LotId, TenderId, UnitId};
use sealbid::opening::rules::UnitState;
use sealbid::opening::statements::{Close, Release};
use sealbid::record::disclosure::Level;
use sealbid::tender::statements::{
    Amendment, AmendmentReason, ReleaseBy, SUITE, Stage, Unit, UnitRecipient,
};

use super::agents::{Reply, Request};
use super::bidders::{Body, Sent};
use super::faults::Rule;
use super::history::{Ask, Memory, Op, Rival, Submit};
use super::record::{Hand, NotRecorded, proposed};
use super::{N, ORIGIN, T, World};

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
            Op::Publish { min, sealed } => self.publish_unit(min, sealed),
            Op::Amend { unit, by } => self.amend(unit, by),
            Op::Submit { bidder, unit, how } => self.submit(bidder, unit, how),
            Op::Withdraw { bidder, unit } => self.withdraw(bidder, unit),
            Op::Tick => self.tick(),
            Op::Release { agent, unit, how } => self.release(agent.into(), unit, how),
            Op::Challenge { bidder, unit, agent, whole, told } => {
                self.challenge((bidder, unit, agent.into()), whole, told)
            }
            Op::Peace => self.peace(),
            Op::Lodge { bidder, unit, agent } => self.lodge(bidder, unit, agent.into()),
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
            Op::AgentLost(agent) => self.agents.each[usize::from(agent)].is_up = false,
            Op::AgentRecovered(agent, memory) => self.recover(agent.into(), memory),
            Op::Crash(nth) => self.record.dies_in = Some(nth.into()),
            Op::Restart => self.restart(),
            Op::ClockBack(millis) => self.skew = 500 - i64::from(millis),
            other => unreachable!("{other:?} is an act"),
        }
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
        custodian.is_up = true;
        if let Memory::Lost(behind) = memory {
            self.is_harmed = true;
            custodian.skew = -1000 * i64::from(behind);
            custodian.wipe(rules, truth);
        }
    }

    fn register(&mut self) -> Done {
        let body = Body::new(ORIGIN, Kind::Enterprise, &self.keys.operator, &self.entropy);
        self.write(Level::Public, body.verified.encode().into_bytes())?;
        self.bidders.push(body);
        Ok(())
    }

    fn publish_unit(&mut self, min: u8, sealed: bool) -> Done {
        let issued_at = self.now();
        let deadline = issued_at.plus(60_000);
        let mut unit = Unit {
            challenge_ms: 5_000,
            deadline,
            issued_at,
            lot: LotId::random(&self.entropy).unwrap(),
            min: min.into(),
            nonce: Hash::from_bytes(array(&self.entropy).unwrap()),
            open_at: deadline.plus(10_000),
            procuring_entity: self.buyer.id,
            recipients: Vec::new(),
            release: ReleaseBy::Time,
            roster_sha256: self.agents.roster.sha256(),
            stage: Stage::Single,
            suite: SUITE.to_owned(),
            t: T,
            tender: TenderId::random(&self.entropy).unwrap(),
        };
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

    fn amend(&mut self, unit: u8, by: u8) -> Done {
        let Some(id) = self.unit(unit) else { return Ok(()) };
        let row = self.row(&id);
        let moves = !self.rules.holds(Rule::NothingMovesAfterAClose) && row.closed.is_none();
        if row.pending.is_some() || !(row.state == UnitState::Open || moves) {
            return Ok(());
        }
        self.postpone(id, 1000 * i64::from(by))
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
        let mut amendment = Statement::signed(amendment, &self.buyer.key).unwrap();
        amendment.sign(&self.keys.platform);
        self.propose(id, &amendment)
    }

    fn release(&mut self, agent: usize, unit: u8, how: Ask) -> Done {
        let Some(id) = self.unit(unit) else { return Ok(()) };
        let Some(ask) = self.ask_for_release(self.row(&id)) else { return Ok(()) };
        for _ in 0..if how == Ask::Twice { 2 } else { 1 } {
            let Some(Reply::Note(note)) = self.ask(agent, &ask) else { continue };
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
        let again = self.ask_for_unit(&row);
        for place in 0..N {
            self.ask(place, &again);
        }
        let deadline = match how {
            Rival::Without => row.terms.deadline,
            Rival::Early => row.unit.body().deadline,
        };
        let Some(size) = self.freeze(&row, deadline) else { return Ok(()) };
        let mut lines = row.lines(self.rules);
        if how == Rival::Without {
            lines.pop();
        }
        let close = Close { lines, size, unit_id: id };
        let close = Statement::signed(close, &self.keys.platform).unwrap();
        let event = proposed(id, &close);
        let now = self.now();
        // It dies at writes of the first face only.
        let dies_in = self.record.dies_in.take();
        let recorded = self.record.append(Hand::Rival, Level::Regulator, now, event);
        self.record.dies_in = dies_in;
        let index = recorded?;
        self.publish();
        let request = self.ask_for_close(id, index, &close);
        for place in 0..N {
            self.ask(place, &request);
        }
        Ok(())
    }
}
