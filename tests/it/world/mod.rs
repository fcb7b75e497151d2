//! Does the protocol hold whatever happens, in whatever order? A platform made of the pure rules,
//! five real agents and some bidders in memory, on a clock that only histories move; after every
//! step [`World::check`] re-verifies everything.

mod acts;
mod agents;
mod bidders;
mod cancellations;
mod challenges;
mod check;
mod consents;
mod deadlines;
mod decisions;
mod dropped;
mod faults;
mod handed_out;
mod history;
mod kept;
mod leaning;
mod openings;
mod orders;
mod outages;
mod peace;
mod platform;
mod record;
mod refusals;
mod runs;
mod seen;
mod stopped;
mod submit;
mod suspensions;
mod timer;
mod unit_rules;
mod units;
mod usurped;

use std::collections::{BTreeMap, BTreeSet};

use sealbid::clock::{Clock, ManualClock, Time};
use sealbid::crypto::entropy::SeededEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::note::Note;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::agent::{Keys, State};
use sealbid::custodian::roster::{CustodianId, Member, Roster};
use sealbid::enterprise::statements::Kind;
use sealbid::ids::UnitId;
use sealbid::opening::rules::Decryption;
use sealbid::opening::statements::Suspension;
use sealbid::record::disclosure::Level;

use self::agents::{Agents, Custodian, Ledger, Reply, Request};
use self::bidders::Body;
use self::check::Seen;
use self::faults::{Fault, Net, Rules};
use self::outages::Downtime;
use self::platform::Platform;
use self::record::{Hand, NotRecorded, Record};
use crate::support::START;

const ORIGIN: &str = "sealbid.example/record";
/// The usual roster: five custodians, of which three open and four close.
const N: usize = 5;
const T: u8 = 3;
/// Clocks of custodians against the truth at the start, in milliseconds.
const SKEWS: [i64; 7] = [0, 700, -900, 1_900, -1_700, 400, -300];

/// The operator's and the regulator's keys.
pub struct Keyring {
    log: SigningKey,
    platform: SigningKey,
    operator: SigningKey,
    regulator: SigningKey,
}

/// Everything there is.
pub struct World {
    clock: ManualClock,
    /// The platform's clock against the truth.
    skew: i64,
    keys: Keyring,
    entropy: SeededEntropy,
    pub record: Record,
    pub platform: Platform,
    pub agents: Agents,
    net: Net,
    pub buyer: Body,
    pub bidders: Vec<Body>,
    /// Signatures collected so far, by text; a crash forgets them.
    drafts: BTreeMap<Hash, Note>,
    /// What the platform believes each witness saw last; a crash forgets it.
    believed: Vec<u64>,
    /// When the platform was down, as its heartbeat measures it.
    downtimes: Vec<Downtime>,
    /// Outages that the buyer signed beside the platform.
    vouched: BTreeMap<Hash, Note>,
    /// Units of which a custodian said that their deadline was to be moved too late.
    asked_late: BTreeSet<UnitId>,
    /// Why custodians did not sign what was last asked of all.
    refusals: Vec<&'static str>,
    /// The regulator's words by unit, each with the next number.
    words: BTreeMap<UnitId, Vec<Statement<Suspension>>>,
    /// Ciphertext, by its hash.
    pub blobs: BTreeMap<Hash, Vec<u8>>,
    /// What envelopes that are sealed in name only hold, by manifest.
    hidden: BTreeMap<Hash, Decryption>,
    /// Units whose envelopes are really sealed.
    sealed: BTreeSet<UnitId>,
    /// Statements that agents signed about lodged bids: they have a receipt's force.
    pub lodged: Vec<(UnitId, Hash)>,
    rules: Rules,
    seen: Seen,
    /// Somebody forgot or signed twice: then a unit may wait for ever.
    is_harmed: bool,
    /// Everything has been well for long enough.
    in_peace: bool,
    /// An answer other than the one that its asker should get.
    surprise: Option<Surprise>,
}

/// What was answered, and what should have been: codes of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surprise {
    pub answered: Option<&'static str>,
    pub expected: Option<&'static str>,
}

fn key(role: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(role, KeyKind::Statement, &[seed; 32]).unwrap()
}

fn custodian(place: usize) -> Custodian {
    let id: CustodianId = format!("c{}", place + 1).parse().unwrap();
    let seed = [100 + place as u8; 32];
    let keys = Keys::of_seed(seed.into(), ORIGIN, &id).unwrap();
    let (state, skew) = (State::default(), SKEWS[place]);
    let (is_up, reached, awake_since) = (true, START, Time::from_millis(0));
    Custodian { id, keys, state, skew, is_up, reached, awake_since }
}

fn roster(keys: &Keyring, t: u8, each: &[Custodian]) -> Statement<Roster> {
    let member = |c: &Custodian| Member {
        address: format!("https://{}.example", c.id),
        id: c.id.clone(),
        name: c.id.to_string(),
        statement_key: c.keys.statement.verifying().clone(),
        witness_key: c.keys.witness.verifying().clone(),
    };
    let body = Roster {
        custodians: each.iter().map(member).collect(),
        issued_at: START,
        log_key: keys.log.verifying().clone(),
        operator_keys: vec![keys.operator.verifying().clone()],
        origin: ORIGIN.to_owned(),
        platform_key: keys.platform.verifying().clone(),
        prev_sha256: None,
        regulator_key: keys.regulator.verifying().clone(),
        sealer_sha256: None,
        t,
        version: 1,
    };
    body.check().unwrap();
    Statement::signed(body, &keys.regulator).unwrap()
}

impl World {
    pub fn new(rules: Rules) -> Self {
        Self::of(rules, N, T)
    }

    /// One with another roster: so many custodians, of which `t` open.
    pub fn of(rules: Rules, n: usize, t: u8) -> Self {
        let keys = Keyring {
            log: key(ORIGIN, 1),
            platform: key(&format!("{ORIGIN}/platform"), 2),
            operator: key(&format!("{ORIGIN}/operator/1"), 3),
            regulator: key(&format!("{ORIGIN}/regulator"), 4),
        };
        let each: Vec<Custodian> = (0..n).map(custodian).collect();
        let roster = roster(&keys, t, &each);
        let entropy = SeededEntropy::new(1);
        let buyer = Body::new(ORIGIN, Kind::Organisation, &keys.operator, &entropy);
        let verified = buyer.verified.encode();
        let mut world = Self {
            clock: ManualClock::new(START),
            skew: 0,
            keys,
            entropy,
            record: Record::new(1, START),
            platform: Platform::default(),
            agents: Agents { roster, each, ledger: Ledger::default(), rules },
            net: Net::default(),
            buyer,
            bidders: Vec::new(),
            drafts: BTreeMap::new(),
            believed: vec![0; n],
            downtimes: Vec::new(),
            vouched: BTreeMap::new(),
            refusals: Vec::new(),
            asked_late: BTreeSet::new(),
            words: BTreeMap::new(),
            blobs: BTreeMap::new(),
            hidden: BTreeMap::new(),
            sealed: BTreeSet::new(),
            lodged: Vec::new(),
            rules,
            seen: Seen::default(),
            is_harmed: false,
            in_peace: false,
            surprise: None,
        };
        world.write(Level::Public, verified.into_bytes()).unwrap();
        world
    }

    fn truth(&self) -> Time {
        self.clock.now()
    }

    /// The platform's clock.
    fn now(&self) -> Time {
        self.truth().plus(self.skew)
    }

    pub fn n(&self) -> usize {
        self.agents.each.len()
    }

    pub fn t(&self) -> usize {
        self.agents.roster.body().t.into()
    }

    /// Notes an answer that its asker should not have got.
    fn expect(&mut self, answered: Option<&'static str>, expected: Option<&'static str>) {
        if answered != expected {
            self.surprise.get_or_insert(Surprise { answered, expected });
        }
    }

    fn q(&self) -> usize {
        self.agents.roster.body().q()
    }

    /// The one door for writes: the event and what it changes, or neither. A program that dies here
    /// starts again from the record.
    fn write(&mut self, level: Level, event: Vec<u8>) -> Result<u64, NotRecorded> {
        let now = self.now();
        match self.record.append(Hand::Platform, level, now, event) {
            Ok(index) => {
                self.platform.apply(index, &self.record.entries[index as usize]);
                Ok(index)
            }
            Err(NotRecorded::Crashed) => {
                self.restart();
                Err(NotRecorded::Crashed)
            }
            Err(other) => Err(other),
        }
    }

    /// The platform starts again: what it knew beside the record is gone.
    fn restart(&mut self) {
        self.record.dies_in = None;
        self.drafts.clear();
        self.believed = vec![0; self.n()];
        self.platform = Platform::replay(&self.record);
    }

    /// Sends a request to an agent over a net that loses, repeats and reorders.
    fn ask(&mut self, place: usize, request: &Request) -> Option<Reply> {
        if !self.agents.each[place].is_up {
            return None;
        }
        let truth = self.truth();
        match self.net.faults.pop_front() {
            Some(Fault::RequestLost) => None,
            Some(Fault::ResponseLost) => {
                self.agents.handle(place, truth, request);
                None
            }
            Some(Fault::Duplicated) => {
                self.agents.handle(place, truth, request);
                Some(self.agents.handle(place, truth, request))
            }
            Some(Fault::Reordered) => {
                self.net.late.push((place, request.clone()));
                Some(self.agents.handle(place, truth, request))
            }
            None => Some(self.agents.handle(place, truth, request)),
        }
    }

    /// Requests that took a detour arrive; nobody waits for the answers.
    fn deliver_late(&mut self) {
        let truth = self.truth();
        for (place, request) in std::mem::take(&mut self.net.late) {
            if self.agents.each[place].is_up {
                self.agents.handle(place, truth, &request);
            }
        }
    }

    /// Answers that took their time arrive.
    fn take_late(&mut self) -> Result<(), NotRecorded> {
        for note in std::mem::take(&mut self.net.answers) {
            self.take_release(&note)?;
        }
        Ok(())
    }
}
