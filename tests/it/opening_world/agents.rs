//! Five agents in this process, and the wire to them: each with its own clock, asleep when told to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use sealbid::clock::{Clock, ManualClock, Time};
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::SigningKey;
use sealbid::crypto::seal::Identity;
use sealbid::crypto::statement::{Body, Statement};
use sealbid::custodian::agent::{self, Agent, Change, Keys as AgentKeys, Refusal, State};
use sealbid::custodian::client::{Answer, AskError, Custodians, Pending};
use sealbid::custodian::roster::{CustodianId, Roster};
use sealbid::custodian::wire::{
    AskAmendment, AskChallenge, AskLodge, AskLodgedBid, AskWindow, Done, LodgedReply, NoteReply,
};
use sealbid::error::Refusal as _;
use sealbid::ids::UnitId;
use sealbid::opening::rules::lodged::lodged_line;
use sealbid::opening::statements::{Challenged, Lodged};
use sealbid::record::proof::Receipt;
use sealbid::record::witness::{AddCheckpoint, encode_cosignatures};
use sealbid::tender::publish::Asked;
use serde::de::DeserializeOwned;

use super::bids::Bid;
use super::{N, agent_keys, answer, id, roster};
use crate::in_process;

/// One of the agent's signing functions.
type Decision<A, B> = fn(&Agent<'_>, &A) -> Result<(Change, Statement<B>), Refusal>;

/// Something that happens in between.
pub type Interrupt = Box<dyn FnOnce() + Send>;

/// A custodian's agent in this process.
struct InProcess {
    keys: AgentKeys,
    state: State,
    /// When its process was started, by the clock of all.
    awake_since: Time,
}

/// The file of a bid that was lodged.
type LodgedFile = (CustodianId, Hash, Vec<u8>);

/// Gives the next page of what a custodian says that it was lodged; without one it says nothing more.
pub type Inventing = Box<dyn FnMut() -> Option<LodgedReply> + Send>;

/// What an agent was asked, and when.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub struct Heard {
    /// By the clock of all.
    pub at: Time,
    /// The request.
    pub path: String,
    /// Its body.
    pub body: Vec<u8>,
}

/// The wire: agents answer here, or sleep.
pub struct Agents {
    agents: BTreeMap<CustodianId, Mutex<InProcess>>,
    pub roster: Statement<Roster>,
    clock: Arc<ManualClock>,
    asleep: Mutex<BTreeSet<CustodianId>>,
    /// Clocks against the platform's, in milliseconds.
    skews: Mutex<BTreeMap<CustodianId, i64>>,
    /// Whole bids that were lodged: with whom, what names them, the file.
    lodged: Mutex<Vec<LodgedFile>>,
    /// Everything asked of them.
    heard: Mutex<Vec<(CustodianId, Heard)>>,
    /// Requests that are done and of which nobody hears.
    lost: Mutex<BTreeSet<(CustodianId, &'static str)>>,
    /// Requests that are never answered nor refused.
    hung: Mutex<BTreeSet<(CustodianId, &'static str)>>,
    /// Done when somebody has next been asked on this path, before the answer arrives.
    pub interrupt: Mutex<Option<(&'static str, Interrupt)>>,
    /// A custodian that invents what it was lodged.
    pub inventing: Mutex<Option<(CustodianId, Inventing)>>,
    /// Custodians that release somebody else's identity.
    pub lying: Mutex<BTreeSet<CustodianId>>,
}

impl Agents {
    pub(super) fn new(clock: Arc<ManualClock>) -> Arc<Self> {
        let agent = |place| {
            let (keys, state) = (agent_keys(place), State::default());
            let awake_since = Time::from_millis(0);
            (id(place), Mutex::new(InProcess { keys, state, awake_since }))
        };
        Arc::new(Self {
            agents: (1..=N).map(agent).collect(),
            roster: roster(),
            clock,
            asleep: Mutex::default(),
            skews: Mutex::default(),
            lodged: Mutex::default(),
            heard: Mutex::default(),
            lost: Mutex::default(),
            hung: Mutex::default(),
            interrupt: Mutex::default(),
            inventing: Mutex::default(),
            lying: Mutex::default(),
        })
    }

    pub(super) fn recipient(&self, custodian: &CustodianId, unit: &UnitId) -> String {
        let agent = self.agents[custodian].lock().unwrap();
        agent.keys.unit_identity(unit).recipient().to_string()
    }

    /// Its process is started again: it remembers everything, and cannot have seen what was meanwhile.
    pub fn restart(&self, custodian: u8) {
        self.agents[&id(custodian)].lock().unwrap().awake_since = self.clock.now();
    }

    pub fn sleep(&self, custodians: &[u8]) {
        *self.asleep.lock().unwrap() = custodians.iter().map(|c| id(*c)).collect();
    }

    /// From now on answers of these custodians on this path are lost on their way.
    pub fn lose(&self, custodians: &[u8], path: &'static str) {
        *self.lost.lock().unwrap() = custodians.iter().map(|c| (id(*c), path)).collect();
    }

    /// From now on these custodians take requests on this path and say nothing.
    pub fn hang(&self, custodians: &[u8], path: &'static str) {
        *self.hung.lock().unwrap() = custodians.iter().map(|c| (id(*c), path)).collect();
    }

    /// Whether one takes requests on this path and says nothing.
    pub fn is_hung(&self, custodian: &CustodianId, path: &'static str) -> bool {
        self.hung.lock().unwrap().contains(&(custodian.clone(), path))
    }

    fn is_inventing(&self, to: &CustodianId, path: &str) -> bool {
        let inventing = self.inventing.lock().unwrap();
        inventing.as_ref().is_some_and(|it| it.0 == *to && path == "/lodged")
    }

    /// What a custodian remembers.
    pub fn state(&self, custodian: u8) -> State {
        self.agents[&id(custodian)].lock().unwrap().state.clone()
    }

    /// Everybody signs an amendment, and nobody hears of it.
    pub fn deaf(&self, asked: &Asked, proposed: String, credentials: Vec<String>) {
        let ask = AskAmendment {
            amendment: asked.note.clone(),
            credentials,
            proposed,
            unit_id: asked.unit_id,
        };
        for who in self.agents.keys() {
            self.decide(who, |agent| agent::sign_amendment(agent, &ask)).unwrap();
        }
    }

    /// A custodian comes back with nothing but its seed, and what the others cosigned since.
    pub fn forget(&self, custodian: u8) {
        let mut this = self.agents[&id(custodian)].lock().unwrap();
        let witnessed = this.state.witnessed;
        this.state = State { recovered_at: Some(self.clock.now()), witnessed, ..State::default() };
    }

    /// Sets custodians' clocks, from the first on, so many milliseconds ahead of the platform's.
    pub fn skew(&self, ahead: &[i64]) {
        *self.skews.lock().unwrap() = (1..).zip(ahead).map(|(c, ms)| (id(c), *ms)).collect();
    }

    /// Lodges a bid with a custodian: its signed word, or why not.
    pub fn lodge(&self, custodian: u8, bid: &Bid) -> Result<Statement<Lodged>, Refusal> {
        self.lodge_shown(custodian, bid, bid.credentials(), &[])
    }

    /// The same with these credentials and receipts.
    pub fn lodge_shown(
        &self,
        custodian: u8,
        bid: &Bid,
        credentials: Vec<String>,
        receipts: &[Receipt],
    ) -> Result<Statement<Lodged>, Refusal> {
        let who = id(custodian);
        let receipts = receipts.iter().map(Receipt::encode).collect();
        let ask = AskLodge { credentials, manifest: bid.manifest.encode(), receipts };
        let mut body = serde_json::to_vec(&ask).unwrap();
        body.push(b'\n');
        body.extend(bid.file());
        self.hear(&who, "/lodge", &body);
        let most = 4 << 20;
        let lodged = self.decide(&who, |agent| agent::lodge(agent, &ask, agent.now, most))?;
        let line = lodged_line(lodged.body().bidder, &lodged.body().manifest_sha256);
        let file = (who, line, bid.file());
        self.lodged.lock().unwrap().push(file);
        Ok(lodged)
    }

    pub(super) fn hear(&self, who: &CustodianId, path: &str, body: &[u8]) {
        let heard = Heard { at: self.clock.now(), path: path.to_owned(), body: body.to_vec() };
        self.heard.lock().unwrap().push((who.clone(), heard));
    }

    /// Everything asked of a custodian so far.
    pub fn heard(&self, custodian: u8) -> Vec<Heard> {
        let heard = self.heard.lock().unwrap();
        let own = heard.iter().filter(|(who, _)| *who == id(custodian));
        own.map(|(_, heard)| heard.clone()).collect()
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

    pub fn decide<T>(
        &self,
        who: &CustodianId,
        decision: impl FnOnce(&Agent<'_>) -> Result<(Change, T), Refusal>,
    ) -> Result<T, Refusal> {
        let mut this = self.agents[who].lock().unwrap();
        let skew = self.skews.lock().unwrap().get(who).copied().unwrap_or(0);
        let now = self.clock.now().plus(skew);
        let agent = in_process::agent(&this.keys, &self.roster, &this.state, now);
        let agent = Agent { awake_since: this.awake_since, ..agent };
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
            "/window" => {
                let ask = serde_json::from_slice(body).unwrap();
                answer(self.decide(who, |agent| Ok((agent::note_window(agent, &ask)?, Done {}))))
            }
            "/challenges" => {
                let ask = serde_json::from_slice(body).unwrap();
                let told =
                    |agent: &Agent<'_>| Ok((Change::Nothing, agent::challenges(agent, &ask)?));
                answer(self.decide(who, told))
            }
            "/suspend" => {
                let ask = serde_json::from_slice(body).unwrap();
                answer(self.decide(who, |agent| Ok((agent::suspend(agent, &ask)?, Done {}))))
            }
            "/cancel" => {
                let ask = serde_json::from_slice(body).unwrap();
                answer(self.decide(who, |agent| Ok((agent::cancel(agent, &ask)?, Done {}))))
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
            "/lodged" => {
                let ask = serde_json::from_slice(body).unwrap();
                let told = |agent: &Agent<'_>| Ok((Change::Nothing, agent::lodged(agent, &ask)?));
                answer(self.decide(who, told).map(|(_, bids)| LodgedReply { bids }))
            }
            other => panic!("no such path: {other}"),
        }
    }

    fn release(&self, who: &CustodianId, body: &[u8]) -> Answer {
        let ask: sealbid::custodian::wire::AskRelease = serde_json::from_slice(body).unwrap();
        let window = AskWindow { close_receipt: ask.close_receipt.clone(), unit: ask.unit.clone() };
        let noted = |agent: &Agent<'_>| Ok((agent::note_window(agent, &window)?, ()));
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
            let body = body.unwrap_or_default();
            self.hear(to, path, &body);
            let is_on = |place: &(CustodianId, &str)| (&place.0, place.1) == (to, path);
            if self.hung.lock().unwrap().iter().any(is_on) {
                std::future::pending::<()>().await;
            }
            if self.is_inventing(to, path) {
                // As on any wire, others have their turn.
                tokio::task::yield_now().await;
                let page = self.inventing.lock().unwrap().as_mut().and_then(|(_, next)| next());
                let Some(page) = page else { return std::future::pending().await };
                return Ok(answer(Ok(page)));
            }
            let answer = self.route(to, path, &body);
            let interrupt = self.interrupt.lock().unwrap().take_if(|it| it.0 == path);
            if let Some((_, interrupt)) = interrupt {
                // The database is not for a runtime's threads.
                std::thread::spawn(interrupt).join().unwrap();
            }
            let is_lost = self.lost.lock().unwrap().iter().any(is_on);
            if is_lost { Err(AskError::Silent("lost".to_owned())) } else { Ok(answer) }
        })
    }

    fn download<'a>(
        &'a self,
        from: &'a CustodianId,
        path: &'a str,
        body: Vec<u8>,
        target: &'a Path,
    ) -> Pending<'a, Result<(), AskError>> {
        Box::pin(async move {
            if self.asleep.lock().unwrap().contains(from) {
                return Err(AskError::Silent("asleep".to_owned()));
            }
            assert_eq!(path, "/lodged/bid");
            if self.is_hung(from, "/lodged/bid") {
                std::future::pending::<()>().await;
            }
            if self.lost.lock().unwrap().contains(&(from.clone(), "/lodged/bid")) {
                return Err(AskError::Silent("lost".to_owned()));
            }
            let ask: AskLodgedBid = serde_json::from_slice(&body).unwrap();
            let may = |agent: &Agent<'_>| Ok((Change::Nothing, agent::lodged_bid(agent, &ask)?));
            if let Err(refusal) = self.decide(from, may) {
                let code = refusal.code().to_owned();
                return Err(AskError::Refused { status: 409, code });
            }
            let all = self.lodged.lock().unwrap();
            let wanted = |it: &&LodgedFile| it.0 == *from && it.1 == ask.line;
            std::fs::write(target, &all.iter().find(wanted).unwrap().2).unwrap();
            Ok(())
        })
    }
}
