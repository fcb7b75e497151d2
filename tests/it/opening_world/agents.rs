//! Five agents in this process, and the wire to them: each with its own clock, asleep when told to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use sealbid::clock::{Clock, ManualClock};
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::key::SigningKey;
use sealbid::crypto::seal::Identity;
use sealbid::crypto::statement::{Body, Statement};
use sealbid::custodian::agent::{self, Agent, Change, Keys as AgentKeys, Refusal, State};
use sealbid::custodian::client::{Answer, AskError, Custodians, Pending};
use sealbid::custodian::roster::{CustodianId, Roster};
use sealbid::custodian::wire::{AskChallenge, LodgedReply, NoteReply};
use sealbid::error::Refusal as _;
use sealbid::ids::UnitId;
use sealbid::opening::statements::{Challenged, Lodged};
use sealbid::record::witness::{AddCheckpoint, encode_cosignatures};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bids::Bid;
use super::{N, agent_keys, id, roster};

/// One of the agent's signing functions.
type Decision<A, B> = fn(&Agent<'_>, &A) -> Result<(Change, Statement<B>), Refusal>;

/// Something that happens in between.
pub type Interrupt = Box<dyn FnOnce() + Send>;

/// A custodian's agent in this process.
struct InProcess {
    keys: AgentKeys,
    state: State,
}

type LodgedBid = (CustodianId, Statement<Lodged>, Vec<u8>);

/// The wire: agents answer here, or sleep.
pub struct Agents {
    agents: BTreeMap<CustodianId, Mutex<InProcess>>,
    pub roster: Statement<Roster>,
    clock: Arc<ManualClock>,
    asleep: Mutex<BTreeSet<CustodianId>>,
    /// Clocks against the platform's, in milliseconds.
    skews: Mutex<BTreeMap<CustodianId, i64>>,
    /// Whole bids that were lodged: with whom, its statement, the file.
    lodged: Mutex<Vec<LodgedBid>>,
    /// Done when somebody next asks what was lodged.
    pub interrupt: Mutex<Option<Interrupt>>,
    /// Custodians that release somebody else's identity.
    pub lying: Mutex<BTreeSet<CustodianId>>,
}

impl Agents {
    pub(super) fn new(clock: Arc<ManualClock>) -> Arc<Self> {
        let agent = |place| {
            let (keys, state) = (agent_keys(place), State::default());
            (id(place), Mutex::new(InProcess { keys, state }))
        };
        Arc::new(Self {
            agents: (1..=N).map(agent).collect(),
            roster: roster(),
            clock,
            asleep: Mutex::default(),
            skews: Mutex::default(),
            lodged: Mutex::default(),
            interrupt: Mutex::default(),
            lying: Mutex::default(),
        })
    }

    pub(super) fn recipient(&self, custodian: &CustodianId, unit: &UnitId) -> String {
        let agent = self.agents[custodian].lock().unwrap();
        agent.keys.unit_identity(unit).recipient().to_string()
    }

    pub fn sleep(&self, custodians: &[u8]) {
        *self.asleep.lock().unwrap() = custodians.iter().map(|c| id(*c)).collect();
    }

    /// What a custodian remembers.
    pub fn state(&self, custodian: u8) -> State {
        self.agents[&id(custodian)].lock().unwrap().state.clone()
    }

    /// Sets custodians' clocks, from the first on, so many milliseconds ahead of the platform's.
    pub fn skew(&self, ahead: &[i64]) {
        *self.skews.lock().unwrap() = (1..).zip(ahead).map(|(c, ms)| (id(c), *ms)).collect();
    }

    /// Lodges a bid with a custodian: its signed word, or why not.
    pub fn lodge(&self, custodian: u8, bid: &Bid) -> Result<Statement<Lodged>, Refusal> {
        let lodged = self.decide(&id(custodian), |agent| agent::lodge(agent, &bid.manifest))?;
        self.lodged.lock().unwrap().push((id(custodian), lodged.clone(), bid.file()));
        Ok(lodged)
    }

    /// A custodian's statement key.
    pub fn key(&self, custodian: u8) -> SigningKey {
        agent_keys(custodian).statement
    }

    /// Asks a custodian what it makes of a challenge.
    pub fn challenge(
        &self,
        custodian: u8,
        ask: &AskChallenge,
    ) -> Result<Statement<Challenged>, Refusal> {
        self.decide(&id(custodian), |agent| agent::challenge(agent, ask))
    }

    pub(super) fn decide<T>(
        &self,
        who: &CustodianId,
        decision: impl FnOnce(&Agent<'_>) -> Result<(Change, T), Refusal>,
    ) -> Result<T, Refusal> {
        let mut this = self.agents[who].lock().unwrap();
        let agent = Agent {
            keys: &this.keys,
            roster: &self.roster,
            state: &this.state,
            now: self.clock.now().plus(self.skews.lock().unwrap().get(who).copied().unwrap_or(0)),
        };
        let (change, reply) = decision(&agent)?;
        this.state.apply(change);
        Ok(reply)
    }

    fn note<A: DeserializeOwned, B: Body>(
        &self,
        who: &CustodianId,
        body: &[u8],
        decision: Decision<A, B>,
    ) -> Answer {
        let ask: A = serde_json::from_slice(body).unwrap();
        let note = self.decide(who, |agent| decision(agent, &ask));
        answer(note.map(|statement| NoteReply { note: statement.encode() }))
    }

    fn route(&self, who: &CustodianId, path: &str, body: &[u8]) -> Answer {
        match path {
            "/unit" => self.note(who, body, agent::sign_unit),
            "/amendment" => self.note(who, body, agent::sign_amendment),
            "/close" => self.note(who, body, agent::sign_close),
            "/challenge" => self.note(who, body, agent::challenge),
            "/answer" => self.note(who, body, agent::answer),
            "/release" => self.release(who, body),
            "/suspend" => {
                let ask = serde_json::from_slice(body).unwrap();
                answer(self.decide(who, |agent| Ok((agent::suspend(agent, &ask)?, ()))))
            }
            "/checkpoint" => {
                let last =
                    |agent: &Agent<'_>| Ok((Change::Nothing, agent::last_checkpoint(agent)?));
                match self.decide(who, last) {
                    Ok(note) => Answer { status: 200, body: note.encode().into_bytes() },
                    Err(refusal) => Answer { status: refusal.status(), body: Vec::new() },
                }
            }
            "/add-checkpoint" => {
                let request = AddCheckpoint::parse(body).unwrap();
                let line = self.decide(who, |agent| {
                    Ok(match agent::cosign(agent, &request) {
                        Ok((change, line)) => (change, Ok(line)),
                        Err(refusal) => (Change::Nothing, Err(refusal)),
                    })
                });
                match line.unwrap() {
                    Ok(line) => {
                        Answer { status: 200, body: encode_cosignatures(&[line]).into_bytes() }
                    }
                    Err(e) => Answer { status: e.status(), body: e.body().into_bytes() },
                }
            }
            lodged if lodged.starts_with("/lodged/") => {
                if let Some(interrupt) = self.interrupt.lock().unwrap().take() {
                    // The database is not for a runtime's threads.
                    std::thread::spawn(interrupt).join().unwrap();
                }
                let all = self.lodged.lock().unwrap();
                let own = all.iter().filter(|(custodian, _, _)| custodian == who);
                answer(Ok(LodgedReply { notes: own.map(|(_, note, _)| note.encode()).collect() }))
            }
            other => panic!("no such path: {other}"),
        }
    }

    fn release(&self, who: &CustodianId, body: &[u8]) -> Answer {
        let ask: sealbid::custodian::wire::AskRelease = serde_json::from_slice(body).unwrap();
        let noted = |agent: &Agent<'_>| Ok((agent::note_window(agent, &ask.close_receipt)?, ()));
        if let Err(refusal) = self.decide(who, noted) {
            return answer::<()>(Err(refusal));
        }
        let mut release = match self.decide(who, |agent| agent::release(agent, &ask)) {
            Ok(release) => release,
            Err(refusal) => return answer::<()>(Err(refusal)),
        };
        if self.lying.lock().unwrap().contains(who) {
            let identity = Identity::generate(&SystemEntropy::new()).unwrap();
            let mut body = release.body().clone();
            body.identity = identity.encode().to_string();
            let this = self.agents[who].lock().unwrap();
            release = Statement::signed(body, &this.keys.statement).unwrap();
        }
        answer(Ok(NoteReply { note: release.encode() }))
    }
}

fn answer<T: Serialize>(decided: Result<T, Refusal>) -> Answer {
    match decided {
        Ok(reply) => Answer { status: 200, body: serde_json::to_vec(&reply).unwrap() },
        Err(refusal) => {
            let body = serde_json::json!({ "code": refusal.code() }).to_string().into_bytes();
            Answer { status: 409, body }
        }
    }
}

impl Custodians for Agents {
    fn send<'a>(
        &'a self,
        to: &'a CustodianId,
        path: &'a str,
        body: Option<Vec<u8>>,
    ) -> Pending<'a, Result<Answer, AskError>> {
        Box::pin(async move {
            if self.asleep.lock().unwrap().contains(to) {
                return Err(AskError::Silent("asleep".to_owned()));
            }
            Ok(self.route(to, path, &body.unwrap_or_default()))
        })
    }

    fn download<'a>(
        &'a self,
        from: &'a CustodianId,
        path: &'a str,
        target: &'a Path,
    ) -> Pending<'a, Result<(), AskError>> {
        Box::pin(async move {
            if self.asleep.lock().unwrap().contains(from) {
                return Err(AskError::Silent("asleep".to_owned()));
            }
            let all = self.lodged.lock().unwrap();
            let wanted = |(custodian, note, _): &&(CustodianId, Statement<Lodged>, _)| {
                custodian == from && path.ends_with(&note.body().manifest_sha256.to_string())
            };
            let (_, _, file) = all.iter().find(wanted).unwrap();
            std::fs::write(target, file).unwrap();
            Ok(())
        })
    }
}
