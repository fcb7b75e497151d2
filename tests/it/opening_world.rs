//! A platform from its deadline on, with five agents in the same process and a clock that moves
//! only when told to. Rows before the deadline are put in by hand: their making is another question.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use diesel::prelude::*;
use sealbid::bid::envelope::pack_shares;
use sealbid::bid::statements::{BidEvent, BidJson, BlobRef, Manifest, Offer};
use sealbid::blob::{Blobs, Folder};
use sealbid::clock::{Clock, ManualClock, Time};
use sealbid::crypto::entropy::{Entropy, SystemEntropy};
use sealbid::crypto::hash::Hash;
use sealbid::crypto::json;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::seal::payload::{Attachment, seal_bid};
use sealbid::crypto::seal::{Identity, Recipient};
use sealbid::crypto::shares::{Share, seal_share, split};
use sealbid::crypto::statement::{Body, Statement};
use sealbid::custodian::agent::{self, Agent, Change, Keys as AgentKeys, Refusal, State};
use sealbid::custodian::client::{Answer, AsWitnesses, AskError, Custodians, Pending, witnesses};
use sealbid::custodian::roster::{CustodianId, Member, Roster};
use sealbid::custodian::wire::{AskUnit, LodgedReply, NoteReply};
use sealbid::db::schema::{credential, envelope, lot, tender, unit};
use sealbid::db::{Db, Error, Tx};
use sealbid::enterprise::credentials::key_name;
use sealbid::enterprise::statements::{Kind, Verified};
use sealbid::error::Refusal as _;
use sealbid::ids::{BidId, EnterpriseId, LotId, TenderId, UnitId, UploadId};
use sealbid::on_each;
use sealbid::opening::rules::Step;
use sealbid::opening::statements::{Lodged, OpeningEvent};
use sealbid::opening::store as rows;
use sealbid::opening::{Decided, Intake, Opener, Parts};
use sealbid::record::append::Event;
use sealbid::record::disclosure::Level;
use sealbid::record::feed::Feed;
use sealbid::record::leaf::PadKey;
use sealbid::record::sequencer::{Keys, Pace, Sequencer};
use sealbid::record::store::{self as record, StoredCheckpoint};
use sealbid::record::witness::{AddCheckpoint, encode_cosignatures};
use sealbid::tender::statements::{ReleaseBy, SUITE, Stage, Unit, UnitRecipient};
use sealbid::tender::units::{self, UnitRow};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::support::{START, TestBase, TestFolder, folder, wait};

pub const ORIGIN: &str = "bids.example/record";
pub const DEADLINE: Time = START.plus(600_000);
pub const OPEN_AT: Time = DEADLINE.plus(60_000);
pub const CHALLENGE: i64 = 10_000;
/// What most tests' units wait for.
pub const BY_TIME: ReleaseBy = ReleaseBy::Time;
const N: u8 = 5;
const T: u8 = 3;

pub fn id(custodian: u8) -> CustodianId {
    format!("c{custodian}").parse().unwrap()
}

fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(&format!("{ORIGIN}{name}"), KeyKind::Statement, &[seed; 32]).unwrap()
}

/// One of the agent's signing functions.
type Decision<A, B> = fn(&Agent<'_>, &A) -> Result<(Change, Statement<B>), Refusal>;

/// A custodian's agent in this process.
struct InProcess {
    keys: AgentKeys,
    state: State,
}

/// The wire: agents answer here, or sleep.
pub struct Agents {
    agents: BTreeMap<CustodianId, Mutex<InProcess>>,
    roster: Statement<Roster>,
    clock: Arc<ManualClock>,
    asleep: Mutex<BTreeSet<CustodianId>>,
    /// Custodians that release somebody else's identity.
    pub lying: Mutex<BTreeSet<CustodianId>>,
}

impl Agents {
    pub fn sleep(&self, custodians: &[u8]) {
        *self.asleep.lock().unwrap() = custodians.iter().map(|c| id(*c)).collect();
    }

    /// What a custodian remembers.
    pub fn state(&self, custodian: u8) -> State {
        self.agents[&id(custodian)].lock().unwrap().state.clone()
    }

    fn decide<T>(
        &self,
        who: &CustodianId,
        decision: impl FnOnce(&Agent<'_>) -> Result<(Change, T), Refusal>,
    ) -> Result<T, Refusal> {
        let mut this = self.agents[who].lock().unwrap();
        let agent = Agent {
            keys: &this.keys,
            roster: &self.roster,
            state: &this.state,
            now: self.clock.now(),
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
            "/close" => self.note(who, body, agent::sign_close),
            "/challenge" => self.note(who, body, agent::challenge),
            "/answer" => self.note(who, body, agent::answer),
            "/release" => self.release(who, body),
            "/suspend" => {
                let ask = serde_json::from_slice(body).unwrap();
                answer(self.decide(who, |agent| Ok((agent::suspend(agent, &ask)?, ()))))
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
                answer(Ok(LodgedReply { notes: Vec::new() }))
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
        _: &'a str,
        _: &'a Path,
    ) -> Pending<'a, Result<(), AskError>> {
        Box::pin(async move { Err(AskError::Unknown(from.clone())) })
    }
}

struct AtOnce;

impl Decided for AtOnce {
    fn decided_through(&self, now: Time) -> Time {
        now
    }
}

impl Intake for AtOnce {
    fn take_lodged<'a>(
        &'a self,
        _: &'a Statement<Lodged>,
        _: &'a Path,
    ) -> Pending<'a, Result<(), String>> {
        Box::pin(async { Err("nothing is lodged here".to_owned()) })
    }
}

/// How a bid is spoilt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Spoil {
    Nothing,
    /// The share of c1 is sealed to somebody else.
    Share,
    /// The shares are of another identity.
    Secret,
}

/// A sealed bid.
pub struct Bid {
    pub manifest: Statement<Manifest>,
    pub bytes: Vec<u8>,
    pub shares: Vec<Vec<u8>>,
}

/// Everything that runs.
pub struct World {
    pub base: TestBase,
    pub db: Db,
    pub agents: Arc<Agents>,
    pub roster: Statement<Roster>,
    pub unit: Statement<Unit>,
    pub id: UnitId,
    pub blobs: Arc<dyn Blobs>,
    sequencer: Arc<Sequencer>,
    feed: Feed,
    opener: Opener,
    home: TestFolder,
    entropy: SystemEntropy,
}

pub fn platform_key() -> SigningKey {
    key("/platform/p", 2)
}

pub fn regulator_key() -> SigningKey {
    key("/regulator/r", 3)
}

pub fn pads() -> PadKey {
    PadKey::from_bytes([9; 32])
}

/// A body's id and key: 0 is the procuring entity.
pub fn who(number: u8) -> (EnterpriseId, SigningKey) {
    let id: EnterpriseId = format!("ent_{number:032x}").parse().unwrap();
    let kind = if number == 0 { Kind::Organisation } else { Kind::Enterprise };
    let name = key_name(ORIGIN, kind, id);
    (id, SigningKey::from_seed(&name, KeyKind::Statement, &[100 + number; 32]).unwrap())
}

/// A custodian's seed.
pub const fn agent_seed(place: u8) -> [u8; 32] {
    [50 + place; 32]
}

fn agent_keys(place: u8) -> AgentKeys {
    AgentKeys::of_seed(Zeroizing::new(agent_seed(place)), ORIGIN, &id(place)).unwrap()
}

/// The roster that everybody pins.
pub fn roster() -> Statement<Roster> {
    let member = |place: u8| Member {
        address: format!("https://c{place}.example"),
        id: id(place),
        name: format!("保管人{place}"),
        statement_key: agent_keys(place).statement.verifying().clone(),
        witness_key: agent_keys(place).witness.verifying().clone(),
    };
    let roster = Roster {
        custodians: (1..=N).map(member).collect(),
        issued_at: START,
        log_key: key("", 1).verifying().clone(),
        operator_keys: vec![key("/operator/o", 4).verifying().clone()],
        origin: ORIGIN.into(),
        platform_key: platform_key().verifying().clone(),
        prev_sha256: None,
        regulator_key: regulator_key().verifying().clone(),
        sealer_sha256: None,
        t: T,
        version: 1,
    };
    Statement::signed(roster, &regulator_key()).unwrap()
}

fn agents(clock: Arc<ManualClock>) -> Arc<Agents> {
    let roster = roster();
    let agent = |place| {
        let (keys, state) = (agent_keys(place), State::default());
        (id(place), Mutex::new(InProcess { keys, state }))
    };
    let agents = (1..=N).map(agent).collect();
    let (asleep, lying) = (Mutex::default(), Mutex::default());
    Arc::new(Agents { agents, roster, clock, asleep, lying })
}

impl World {
    /// A unit open for bids, signed by all five.
    pub fn start(base: TestBase, min: u32, release: ReleaseBy) -> Self {
        let agents = agents(base.clock.clone());
        let roster = agents.roster.clone();
        let home = folder("opening");
        let blobs: Arc<dyn Blobs> = Arc::new(Folder::open(&home).unwrap());
        let draft = draft(&roster, &agents, min, release);
        let id = draft.id().unwrap();
        let mut world =
            Self::run(base, agents, roster, Statement::new(draft).unwrap(), id, home, blobs);
        for number in 0..6 {
            world.verify(number);
        }
        world.publish();
        world
    }

    fn run(
        base: TestBase,
        agents: Arc<Agents>,
        roster: Statement<Roster>,
        unit: Statement<Unit>,
        id: UnitId,
        home: TestFolder,
        blobs: Arc<dyn Blobs>,
    ) -> Self {
        let db = base.open();
        let keys = Keys { log: key("", 1), pads: pads() };
        let pace = Pace { decoys: std::time::Duration::from_secs(1 << 40), ..Pace::default() };
        let sequencer = Arc::new(wait(Sequencer::open(db.clone(), keys, pace)).unwrap());
        let wire: Arc<dyn Custodians> = agents.clone();
        let feed =
            Feed::new(db.clone(), Arc::new(AsWitnesses(wire.clone())), witnesses(roster.body()));
        let opener = Opener::new(Parts {
            db: db.clone(),
            blobs: blobs.clone(),
            wire,
            sequencer: sequencer.clone(),
            rosters: vec![roster.clone()],
            key: Arc::new(platform_key()),
            decided: Arc::new(AtOnce),
            intake: Arc::new(AtOnce),
            spool: home.to_path_buf(),
        });
        let entropy = SystemEntropy::new();
        Self { base, db, agents, roster, unit, id, blobs, sequencer, feed, opener, home, entropy }
    }

    /// The process ends and starts again; custodians do not notice.
    pub fn restart(self) -> Self {
        let Self {
            base, db, agents, roster, unit, id, blobs, sequencer, feed, opener, home, ..
        } = self;
        drop((opener, feed, sequencer, db));
        Self::run(base, agents, roster, unit, id, home, blobs)
    }

    pub fn act<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> T {
        self.db.write_blocking(act).unwrap()
    }

    fn verify(&self, number: u8) {
        let (enterprise, own) = who(number);
        let verified = Verified {
            application_sha256: Hash::of(b"application"),
            enterprise,
            key: own.verifying().clone(),
            kind: if number == 0 { Kind::Organisation } else { Kind::Enterprise },
            name: "某公司".into(),
            uscc: "000000000000000000".into(),
        };
        let note = Statement::signed(verified, &key("/operator/o", 4)).unwrap().encode();
        self.act(move |tx| {
            tx.record(public(None, Verified::TYPE, &note))?;
            let row = diesel::insert_into(credential::table).values((
                credential::enterprise.eq(enterprise.to_string()),
                credential::no.eq(1),
                credential::note.eq(note),
            ));
            on_each!(tx.conn(), |c| row.execute(c))?;
            Ok(())
        });
    }

    fn publish(&mut self) {
        let mut unit = self.unit.clone();
        unit.sign(&who(0).1);
        unit.sign(&platform_key());
        let event = OpeningEvent::Proposed {
            statement: unit.encode(),
            statement_sha256: unit.sha256(),
            unit_id: self.id,
        };
        let event = public(Some(self.id), "sealbid/proposed/v1", &json::to_string(&event).unwrap());
        let at = self.act(move |tx| tx.record(event));
        self.beat();
        let published = self.sequencer.published().checkpoint.clone();
        let proposed =
            self.db.read(|conn| record::receipt(conn, at.index, &published)).unwrap().encode();
        let entity = who(0).0;
        let credentials = self.db.read(|conn| rows::credentials(conn, &entity)).unwrap();
        let ask = AskUnit { credentials, proposed, unit: unit.encode() };
        for custodian in self.roster.body().custodians.clone() {
            let signed = self.agents.decide(&custodian.id, |a| agent::sign_unit(a, &ask)).unwrap();
            unit.adopt(signed.note(), &custodian.statement_key).unwrap();
        }
        let (id, note, draft) = (self.id, unit.encode(), unit.body().clone());
        let last = unit.sha256();
        self.act(move |tx| {
            let at = tx.record(public(Some(id), Unit::TYPE, &note))?;
            insert_unit(tx, id, &note, &draft, (at.index, last))
        });
        self.unit = unit;
    }

    /// A bid of 1 file, sealed.
    pub fn seal(&self, bidder: u8, author: u8, spoil: Spoil) -> Bid {
        let bid_id: BidId = format!("bid_{bidder:032x}").parse().unwrap();
        let offer = Offer {
            currency: "CNY".into(),
            duration_days: None,
            price: Some(format!("{}.00", 1000 + u32::from(bidder))),
            promises: Vec::new(),
        };
        let bid_json = BidJson { bid_id, bidder: who(author).0, offer, seq: 1, unit_id: self.id };
        let text = json::to_string(&bid_json).unwrap();
        let one_time = Identity::generate(&self.entropy).unwrap();
        let file = Attachment::bytes("offer.pdf", b"MARKER of the offer".repeat(50)).unwrap();
        let mut bytes = Vec::new();
        let to = one_time.recipient();
        seal_bid(&mut bytes, &to, &self.entropy, text.as_bytes(), vec![file]).unwrap();
        let other = Identity::generate(&self.entropy).unwrap();
        let dealt = if spoil == Spoil::Secret { &other } else { &one_time };
        let shares = split(dealt, T, N, &self.entropy).unwrap();
        let recipients = &self.unit.body().recipients;
        let seal = |(place, share): (usize, &Share)| {
            let own: Recipient = recipients[place].recipient.parse().unwrap();
            let wrong = spoil == Spoil::Share && place == 0;
            let to = if wrong { other.recipient() } else { own };
            seal_share(share, &to, &self.entropy).unwrap()
        };
        let shares: Vec<Vec<u8>> = shares.iter().enumerate().map(seal).collect();
        let manifest = Manifest {
            bid: BlobRef { sha256: Hash::of(&bytes), size: bytes.len() as u64 },
            bid_id,
            prev_sha256: None,
            seal_recipient: to.to_string(),
            seq: 1,
            shares: shares.iter().map(|share| Hash::of(share)).collect(),
            unit_id: self.id,
        };
        let manifest = Statement::signed(manifest, &who(bidder).1).unwrap();
        Bid { manifest, bytes, shares }
    }

    /// Puts a bid in as accepted now; gives its blob.
    pub fn accept(&self, bidder: u8, bid: &Bid) -> UploadId {
        let blob = UploadId::random(&self.entropy as &dyn Entropy).unwrap();
        let arrived_at = self.base.clock.now();
        self.blobs.create(blob, bid.bytes.len() as u64, arrived_at).unwrap();
        let mut append = self.blobs.append(blob, 0, None).unwrap();
        append.write(&bid.bytes).unwrap();
        append.finish().unwrap();
        self.blobs.complete(blob).unwrap();
        let (id, manifest, sha256) = (self.id, bid.manifest.encode(), bid.manifest.sha256());
        let (size, blob_sha256) = (bid.bytes.len() as i64, Hash::of(&bid.bytes));
        let (shares, bidder) = (pack_shares(&bid.shares), who(bidder).0);
        let event = BidEvent::Accepted {
            arrived_at,
            lodged: None,
            manifest: manifest.clone(),
            manifest_sha256: sha256,
            unit_id: id,
        };
        let bytes = json::to_string(&event).unwrap().into_bytes();
        let event =
            Event { kind: "sealbid/accepted/v1", level: Level::Sealed(id), unit: Some(id), bytes };
        self.act(move |tx| {
            let at = tx.record(event)?;
            let row = diesel::insert_into(envelope::table).values((
                envelope::manifest_sha256.eq(sha256.as_bytes().to_vec()),
                envelope::unit.eq(id.to_string()),
                envelope::bidder.eq(bidder.to_string()),
                envelope::manifest.eq(manifest),
                envelope::salt.eq(at.salt.as_bytes().to_vec()),
                envelope::accepted_index.eq(at.index as i64),
                envelope::arrived_at.eq(arrived_at.millis()),
                envelope::blob.eq(blob.to_string()),
                envelope::blob_sha256.eq(blob_sha256.as_bytes().to_vec()),
                envelope::blob_size.eq(size),
                envelope::shares.eq(shares),
                envelope::state.eq("live"),
            ));
            on_each!(tx.conn(), |c| row.execute(c))?;
            Ok(())
        });
        blob
    }

    /// The last checkpoint.
    pub fn published(&self) -> StoredCheckpoint {
        self.sequencer.published().checkpoint.clone()
    }

    /// The sequencer ticks and the custodians that are awake cosign.
    pub fn beat(&self) {
        if let Some(published) = wait(self.sequencer.tick()).unwrap() {
            wait(self.feed.feed_all(&published.checkpoint));
        }
    }

    /// One step of the unit, then a beat.
    pub fn step(&self) -> Step {
        let step = wait(self.opener.step(self.id)).unwrap();
        self.beat();
        step
    }

    /// Steps until nothing is due any more, or `most` times.
    pub fn settle(&self, most: usize) -> Vec<Step> {
        (0..most).map(|_| self.step()).collect()
    }

    pub const fn opener(&self) -> &Opener {
        &self.opener
    }

    pub fn row(&self) -> UnitRow {
        self.db.read(|conn| units::unit(conn, self.id)).unwrap()
    }

    /// The events of one kind about the unit.
    pub fn events(&self, kind: &str) -> Vec<Vec<u8>> {
        let entries = self.db.read(|conn| record::entries_of_unit(conn, &self.id, kind)).unwrap();
        entries.into_iter().map(|entry| entry.event).collect()
    }

    /// Whether any entry of the record holds an identity.
    pub fn leaks(&self) -> bool {
        let all =
            self.db.read(|conn| record::entries(conn, 0, u64::from(u32::MAX), 10_000)).unwrap();
        let marker = b"AGE-SECRET-KEY-1";
        all.iter().any(|entry| entry.event.windows(marker.len()).any(|part| part == marker))
    }

    pub fn to(&self, time: Time) {
        self.base.clock.set(time);
    }
}

fn public(unit: Option<UnitId>, kind: &'static str, text: &str) -> Event {
    Event { kind, level: Level::Public, unit, bytes: text.as_bytes().to_vec() }
}

fn draft(roster: &Statement<Roster>, agents: &Agents, min: u32, release: ReleaseBy) -> Unit {
    let mut unit = Unit {
        challenge_ms: CHALLENGE,
        deadline: DEADLINE,
        issued_at: START,
        lot: format!("lot_{:032x}", 1).parse::<LotId>().unwrap(),
        min,
        nonce: Hash::of(b"nonce"),
        open_at: OPEN_AT,
        procuring_entity: who(0).0,
        recipients: Vec::new(),
        release,
        roster_sha256: roster.sha256(),
        stage: Stage::Single,
        suite: SUITE.into(),
        t: T,
        tender: format!("tnd_{:032x}", 1).parse::<TenderId>().unwrap(),
    };
    let id = unit.id().unwrap();
    for member in &roster.body().custodians {
        let keys = &agents.agents[&member.id].lock().unwrap().keys;
        let recipient = keys.unit_identity(&id).recipient().to_string();
        unit.recipients.push(UnitRecipient { custodian: member.id.clone(), recipient });
    }
    unit
}

fn insert_unit(
    tx: &mut Tx<'_>,
    id: UnitId,
    note: &str,
    body: &Unit,
    (index, sha256): (u64, Hash),
) -> Result<(), Error> {
    let row = diesel::insert_into(tender::table).values((
        tender::id.eq(body.tender.to_string()),
        tender::procuring_entity.eq(body.procuring_entity.to_string()),
        tender::title.eq("t"),
        tender::state.eq("published"),
        tender::plan.eq("{}"),
        tender::rule_pack_sha256.eq(vec![0_u8; 32]),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    let row = diesel::insert_into(lot::table).values((
        lot::id.eq(body.lot.to_string()),
        lot::tender.eq(body.tender.to_string()),
        lot::no.eq(1),
        lot::title.eq("l"),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    let by = if body.release == ReleaseBy::Order { "order" } else { "time" };
    let row = diesel::insert_into(unit::table).values((
        unit::unit_id.eq(id.to_string()),
        unit::tender.eq(body.tender.to_string()),
        unit::lot.eq(body.lot.to_string()),
        unit::stage.eq("single"),
        unit::note.eq(note),
        unit::state.eq("open"),
        unit::deadline.eq(body.deadline.millis()),
        unit::open_at.eq(body.open_at.millis()),
        unit::challenge_ms.eq(body.challenge_ms),
        unit::min.eq(i64::from(body.min)),
        unit::release_by.eq(by),
        unit::t.eq(i64::from(T)),
        unit::n.eq(i64::from(N)),
        unit::proposed_index.eq(0),
        unit::effective_index.eq(index as i64),
        unit::last_sha256.eq(sha256.as_bytes().to_vec()),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}
