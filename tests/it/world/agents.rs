//! Five custodians: the real agents, their clocks, their losses, and a ledger of all they ever
//! signed, whether or not the answer arrived.

use std::collections::{BTreeMap, BTreeSet};

use sealbid::clock::Time;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::note::{Note, NoteSignature};
use sealbid::crypto::statement::Statement;
use sealbid::custodian::agent::{self, Agent, Change, Keys, Refusal, Silences, State};
use sealbid::custodian::roster::{CustodianId, Roster};
use sealbid::custodian::wire::{
    AskAmendment, AskAnswer, AskCancel, AskChallenge, AskChallenges, AskClose, AskLodge,
    AskRelease, AskSuspend, AskUnit, AskWindow, BroughtChallenge,
};
use sealbid::error::Refusal as _;
use sealbid::ids::UnitId;
use sealbid::opening::rules::FREEZE_MS;
use sealbid::opening::statements::{Challenged, Close, Release, Suspension, SuspensionState, Void};
use sealbid::record::proof::Receipt;
use sealbid::record::witness::{AddCheckpoint, WitnessRefusal};
use sealbid::tender::statements::{Amendment, AmendmentReason};

use super::faults::{Rule, Rules};
use crate::in_process;

/// The largest bid that an agent takes, in bytes.
pub const MOST: u64 = 1 << 40;

/// What is asked of an agent.
#[derive(Clone)]
pub enum Request {
    Witness(AddCheckpoint),
    Adopt(String),
    Unit(AskUnit),
    Amendment(AskAmendment),
    Close(AskClose),
    Challenge(AskChallenge),
    Answer(AskAnswer),
    Challenges(AskChallenges),
    Window(AskWindow),
    Release(AskRelease),
    Suspend(AskSuspend),
    Cancel(AskCancel),
    Lodge(AskLodge),
}

/// What an agent answers.
#[derive(Clone, Debug)]
pub enum Reply {
    Cosigned(NoteSignature),
    Stale(u64),
    Note(Note),
    Challenges(Vec<BroughtChallenge>),
    Done,
    Refused(&'static str),
    Unable,
}

impl Reply {
    pub fn note(&self) -> Option<&Note> {
        if let Self::Note(note) = self { Some(note) } else { None }
    }
}

/// An identity that left an agent.
#[derive(Clone)]
pub struct Given {
    pub agent: usize,
    pub unit: UnitId,
    pub close: Hash,
    /// How many agents' clocks had reached each instant when it left.
    pub clocks: Vec<Time>,
    /// Whether the last word of the regulator's that its agent heard was to stop.
    pub is_stopped: bool,
}

/// Who signed one text.
pub type Signers<T> = BTreeMap<Hash, (T, BTreeSet<usize>)>;

/// Everything that left the agents.
#[derive(Default)]
pub struct Ledger {
    pub closes: BTreeMap<UnitId, Signers<Close>>,
    pub amendments: BTreeMap<UnitId, Signers<Amendment>>,
    pub given: Vec<Given>,
    /// The regulator's last word that each agent took in its present life.
    pub told: BTreeMap<(usize, UnitId), SuspensionState>,
    /// Who, in its present life, heard that its buyer cancelled a unit.
    pub cancelled: BTreeSet<(usize, UnitId)>,
    /// Closes that an agent signed, and identities that it gave, after it had heard that.
    pub after_cancellation: Vec<(usize, UnitId)>,
    /// Every cosignature: whose, and when by its own clock.
    pub cosigned: Vec<(usize, Time)>,
    /// Outages that an agent signed which had cosigned while the platform says that it was down.
    pub noticed: BTreeSet<Hash>,
    /// Outages over a deadline, not seen to be asked before it, that an agent signed which had cosigned
    /// after that deadline: whoever else says so.
    pub reopened: BTreeSet<Hash>,
}

/// Clocks and last words may differ by so much at each end of an outage, in milliseconds.
const SLACK_MS: i64 = 5_000;

impl Ledger {
    fn note_cancelled(&mut self, place: usize, unit: UnitId) {
        if self.cancelled.contains(&(place, unit)) {
            self.after_cancellation.push((place, unit));
        }
    }

    fn has_cosigned_within(&self, agent: usize, amendment: &Amendment) -> bool {
        let AmendmentReason::Outage { from, until, .. } = amendment.reason else { return false };
        let (from, until) = (from.plus(SLACK_MS), until.plus(-SLACK_MS));
        let within = |(of, at): &(usize, Time)| *of == agent && from < *at && *at < until;
        self.cosigned.iter().any(within)
    }
}

fn signed<T>(signers: &mut Signers<T>, sha256: Hash, body: T, agent: usize) {
    signers.entry(sha256).or_insert_with(|| (body, BTreeSet::new())).1.insert(agent);
}

/// One custodian.
pub struct Custodian {
    pub id: CustodianId,
    pub keys: Keys,
    pub state: State,
    /// Its clock against the truth, in milliseconds.
    pub skew: i64,
    /// Whether it answers.
    pub is_up: bool,
    /// The latest instant its clock ever showed.
    pub reached: Time,
    /// When its process was started, by its own clock.
    pub awake_since: Time,
}

impl Custodian {
    /// It, at one request, with this memory.
    pub const fn agent<'a>(
        &'a self,
        roster: &'a Statement<Roster>,
        state: &'a State,
        now: Time,
    ) -> Agent<'a> {
        let agent = in_process::agent(&self.keys, roster, state, now);
        Agent { awake_since: self.awake_since, ..agent }
    }

    /// Its machine is restored from nothing but its seed.
    pub fn wipe(&mut self, rules: Rules, now: Time) {
        let recovered_at = rules.holds(Rule::RecoveryIsKnown).then_some(now.plus(self.skew));
        self.state = State { recovered_at, ..State::default() };
        self.is_up = true;
    }

    /// Its process is started again, with what it remembers, if it was not there.
    pub fn wake(&mut self, now: Time) {
        if !self.is_up {
            self.is_up = true;
            self.awake_since = now.plus(self.skew);
        }
    }
}

pub struct Agents {
    pub roster: Statement<Roster>,
    pub each: Vec<Custodian>,
    pub ledger: Ledger,
    pub rules: Rules,
}

impl Agents {
    /// Lets one agent decide; its memory changes before the reply leaves.
    pub fn handle(&mut self, place: usize, truth: Time, request: &Request) -> Reply {
        let custodian = &mut self.each[place];
        let now = truth.plus(custodian.skew);
        custodian.reached = custodian.reached.max(now);
        let agent = custodian.agent(&self.roster, &custodian.state, now);
        let (change, reply) = decide(&agent, request, self.rules);
        if let (Request::Amendment(ask), Reply::Note(_)) = (request, &reply) {
            self.note_reopening(place, ask);
        }
        self.each[place].state.apply(change);
        self.note_down(place, now, request, &reply);
        reply
    }

    /// Before its memory changes.
    fn note_reopening(&mut self, place: usize, ask: &AskAmendment) {
        let amendment = Statement::<Amendment>::parse(ask.amendment.as_bytes()).unwrap();
        let AmendmentReason::Outage { from, until, .. } = amendment.body().reason else { return };
        let roster = self.roster.body();
        let is_effective = amendment.note().count(&roster.statement_keys()).unwrap() >= roster.q();
        let Some(kept) = self.each[place].state.units.get(&ask.unit_id) else { return };
        let deadline = kept.deadline;
        let is_over = from <= deadline && deadline < until;
        if is_effective || !is_over || kept.last_sha256 == amendment.sha256() {
            return;
        }
        let receipt = Receipt::parse(ask.proposed.as_bytes()).unwrap();
        let shown = receipt.verify(&roster.log_key, &roster.witness_keys()).unwrap();
        let before = shown.cosignatures().iter().filter(|it| it.time < deadline).count();
        let mut own = self.ledger.cosigned.iter().filter(|(of, _)| *of == place);
        let end = until.plus(-SLACK_MS).min(deadline.plus(FREEZE_MS));
        let within = |at: Time| deadline <= at && at < end;
        if before < usize::from(roster.t) && own.any(|(_, at)| within(*at)) {
            self.ledger.reopened.insert(amendment.sha256());
        }
    }

    fn note_down(&mut self, place: usize, now: Time, request: &Request, reply: &Reply) {
        let ledger = &mut self.ledger;
        match (request, reply) {
            (Request::Suspend(ask), Reply::Done) => {
                let word = Statement::<Suspension>::parse(ask.suspension.as_bytes()).unwrap();
                ledger.told.insert((place, word.body().unit_id), word.body().state);
            }
            (Request::Cancel(ask), Reply::Done) => {
                let void = Statement::<Void>::parse(ask.void.as_bytes()).unwrap();
                ledger.cancelled.insert((place, void.body().unit_id));
            }
            (Request::Witness(_), Reply::Cosigned(_)) => ledger.cosigned.push((place, now)),
            _ => {}
        }
        let Some(note) = reply.note() else { return };
        match request {
            Request::Close(_) => {
                let close = Statement::<Close>::from_note(note.clone()).unwrap();
                ledger.note_cancelled(place, close.body().unit_id);
                let unit = ledger.closes.entry(close.body().unit_id).or_default();
                signed(unit, close.sha256(), close.body().clone(), place);
            }
            Request::Amendment(_) => {
                let amendment = Statement::<Amendment>::from_note(note.clone()).unwrap();
                if ledger.has_cosigned_within(place, amendment.body()) {
                    ledger.noticed.insert(amendment.sha256());
                }
                let unit = ledger.amendments.entry(amendment.body().unit_id).or_default();
                signed(unit, amendment.sha256(), amendment.body().clone(), place);
            }
            Request::Release(_) => {
                let release = Statement::<Release>::from_note(note.clone()).unwrap();
                let clocks = self.each.iter().map(|custodian| custodian.reached).collect();
                let (unit, close) = (release.body().unit_id, release.body().close_sha256);
                ledger.note_cancelled(place, unit);
                let is_stopped =
                    ledger.told.get(&(place, unit)) == Some(&SuspensionState::Suspended);
                ledger.given.push(Given { agent: place, unit, close, clocks, is_stopped });
            }
            _ => {}
        }
    }
}

fn reply<B: sealbid::crypto::statement::Body>(
    decided: Result<(Change, Statement<B>), Refusal>,
) -> (Change, Reply) {
    match decided {
        Ok((change, statement)) => (change, Reply::Note(statement.note().clone())),
        Err(refusal) => (Change::Nothing, Reply::Refused(refusal.code())),
    }
}

fn done(decided: Result<Change, Refusal>) -> (Change, Reply) {
    match decided {
        Ok(change) => (change, Reply::Done),
        Err(refusal) => (Change::Nothing, Reply::Refused(refusal.code())),
    }
}

fn decide(agent: &Agent<'_>, request: &Request, rules: Rules) -> (Change, Reply) {
    match request {
        Request::Witness(ask) => match agent::cosign(agent, ask) {
            Ok((change, line)) => (change, Reply::Cosigned(line)),
            Err(WitnessRefusal::Stale { size }) => (Change::Nothing, Reply::Stale(size)),
            Err(_) => (Change::Nothing, Reply::Unable),
        },
        Request::Adopt(checkpoint) => {
            done(agent::adopt(agent, checkpoint).map(|change| match change {
                Change::Adopted(known, _) if !rules.holds(Rule::RecoveryHasItsHour) => {
                    Change::Witnessed(known, Silences::default())
                }
                change => change,
            }))
        }
        Request::Unit(ask) => reply(agent::sign_unit(agent, ask)),
        Request::Amendment(ask) => match agent::sign_amendment(agent, ask) {
            Err(Refusal::AlreadyClosed | Refusal::AskedLate)
                if !rules.holds(Rule::NothingMovesAfterAClose) =>
            {
                let amendment = Statement::<Amendment>::parse(ask.amendment.as_bytes()).unwrap();
                (Change::Nothing, anyway(agent, amendment))
            }
            Err(Refusal::NotSilent | Refusal::AskedLate) if !rules.holds(Rule::OutageIsNoticed) => {
                let amendment = Statement::<Amendment>::parse(ask.amendment.as_bytes()).unwrap();
                (Change::Nothing, anyway(agent, amendment))
            }
            decided => reply(decided),
        },
        Request::Close(ask) => match agent::sign_close(agent, ask) {
            Err(Refusal::SecondClose) if !rules.holds(Rule::OneClose) => {
                let close = Statement::<Close>::parse(ask.close.as_bytes()).unwrap();
                (Change::Nothing, anyway(agent, close))
            }
            Err(Refusal::Cancelled) if !rules.holds(Rule::CancellationIsKept) => {
                let close = Statement::<Close>::parse(ask.close.as_bytes()).unwrap();
                (Change::Nothing, anyway(agent, close))
            }
            decided => reply(decided),
        },
        Request::Challenge(ask) => reply::<Challenged>(agent::challenge(agent, ask)),
        Request::Answer(ask) => reply::<Challenged>(agent::answer(agent, ask)),
        Request::Challenges(ask) => match agent::challenges(agent, ask) {
            Ok(told) => (Change::Nothing, Reply::Challenges(told.challenges)),
            Err(refusal) => (Change::Nothing, Reply::Refused(refusal.code())),
        },
        Request::Window(ask) => done(agent::note_window(agent, ask)),
        Request::Release(ask) => match agent::release(agent, ask) {
            Err(Refusal::TooFewLines) if !rules.holds(Rule::EnoughLines) => given(agent, ask),
            Err(Refusal::TooEarlyToRelease) if !rules.holds(Rule::ReleaseHasItsHour) => {
                given(agent, ask)
            }
            Err(Refusal::NoOrder) if !rules.holds(Rule::OrderFirst) => given(agent, ask),
            Err(Refusal::Suspended) if !rules.holds(Rule::SuspensionStops) => given(agent, ask),
            decided => reply(decided),
        },
        Request::Suspend(ask) => done(agent::suspend(agent, ask)),
        Request::Cancel(ask) => done(agent::cancel(agent, ask)),
        Request::Lodge(ask) => reply(agent::lodge(agent, ask, agent.now, MOST)),
    }
}

/// What an agent without the rule would have signed.
fn anyway<B: sealbid::crypto::statement::Body>(agent: &Agent<'_>, mut s: Statement<B>) -> Reply {
    s.sign(&agent.keys.statement);
    Reply::Note(s.note().clone())
}

/// The release of an agent without the rule.
fn given(agent: &Agent<'_>, ask: &AskRelease) -> (Change, Reply) {
    let receipt = Receipt::parse(ask.close_receipt.as_bytes()).unwrap();
    let close = Statement::<Close>::parse(&receipt.event).unwrap();
    let (close_sha256, unit_id) = (close.sha256(), close.body().unit_id);
    let identity = agent.keys.unit_identity(&unit_id).encode().to_string();
    let custodian = agent.custodian().unwrap();
    let body = Release { close_sha256, custodian, identity, unit_id };
    (Change::Nothing, anyway(agent, Statement::new(body).unwrap()))
}
