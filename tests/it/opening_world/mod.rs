//! A platform from its deadline on, with five agents in the same process and a clock that moves
//! only when told to.

mod agents;
mod bids;
mod rows;

use std::sync::Arc;

use sealbid::bid::arrivals::Arrivals;
use sealbid::bid::upload::Quota;
use sealbid::blob::{Blobs, Folder};
use sealbid::clock::Time;
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::json;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::statement::{Body as _, Statement};
use sealbid::custodian::agent::{self, Keys as AgentKeys};
use sealbid::custodian::chain::{Chain, Rosters};
use sealbid::custodian::client::{AsWitnesses, AskError, Custodians, witnesses};
use sealbid::custodian::roster::{CustodianId, Member, Roster};
use sealbid::custodian::wire::AskUnit;
use sealbid::db::{Db, Error, Tx};
use sealbid::enterprise::credential_notes;
use sealbid::enterprise::credentials::key_name;
use sealbid::enterprise::statements::Kind;
use sealbid::ids::{EnterpriseId, UnitId};
use sealbid::opening::intake::ByPlatform;
use sealbid::opening::rules::Step;
use sealbid::opening::statements::OpeningEvent;
use sealbid::opening::{Opener, Parts};
use sealbid::record::feed::Feed;
use sealbid::record::hours::Hours;
use sealbid::record::leaf::PadKey;
use sealbid::record::sequencer::{Keys, Pace, Sequencer};
use sealbid::record::store::{self as record, StoredCheckpoint};
use sealbid::rulepack::Pack;
use sealbid::tender::Platform;
use sealbid::tender::consent::ask_pending;
use sealbid::tender::outage::beat;
use sealbid::tender::statements::{Notice, ReleaseBy, Unit};
use sealbid::tender::units::{self, UnitRow};
use zeroize::Zeroizing;

pub use self::agents::{Agents, Heard};
pub use self::bids::{Bid, Spoil, accept};
use self::rows::{answer, draft, insert_unit, notice, public};
pub use self::rows::{next_key, vouched};
use crate::support::{START, TestBase, TestFolder, folder, wait};

pub const ORIGIN: &str = "bids.example/record";
pub const DEADLINE: Time = START.plus(600_000);
pub const OPEN_AT: Time = DEADLINE.plus(60_000);
pub const CHALLENGE: i64 = 10_000;
/// What most tests' units wait for.
pub const BY_TIME: ReleaseBy = ReleaseBy::Time;
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(200);
const N: u8 = 5;
const T: u8 = 3;

pub fn id(custodian: u8) -> CustodianId {
    format!("c{custodian}").parse().unwrap()
}

fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(&format!("{ORIGIN}{name}"), KeyKind::Statement, &[seed; 32]).unwrap()
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
    /// The platform as its front door sees it.
    pub platform: Platform,
    feed: Feed,
    opener: Arc<Opener>,
    home: TestFolder,
    entropy: SystemEntropy,
}

pub fn platform_key() -> SigningKey {
    key("/platform/p", 2)
}

pub fn operator_key() -> SigningKey {
    key("/operator/o", 4)
}

pub fn regulator_key() -> SigningKey {
    key("/regulator/r", 3)
}

pub fn pads() -> PadKey {
    PadKey::from_bytes([9; 32])
}

/// A body's id and key: 0 is the procuring entity.
pub fn who(number: u16) -> (EnterpriseId, SigningKey) {
    let id: EnterpriseId = format!("ent_{number:032x}").parse().unwrap();
    let kind = if number == 0 { Kind::Organisation } else { Kind::Enterprise };
    let name = key_name(ORIGIN, kind, id);
    let mut seed = [100; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    (id, SigningKey::from_seed(&name, KeyKind::Statement, &seed).unwrap())
}

/// A custodian's seed.
pub const fn agent_seed(place: u8) -> [u8; 32] {
    [50 + place; 32]
}

/// The demonstration's rules, but for units that open later than they close, with any number of bids.
fn law() -> Pack {
    let demo = include_str!("../../../rulepacks/demo.toml");
    let later = demo.replace("rule = \"at_deadline\"", "rule = \"from_deadline\"");
    let few = later.replace("min_bidders]\nvalue = 3", "min_bidders]\nvalue = 1");
    assert_ne!((later.as_str(), few.as_str()), (demo, later.as_str()));
    Pack::parse(&few).unwrap()
}

fn agent_keys(place: u8) -> AgentKeys {
    AgentKeys::of_seed(Zeroizing::new(agent_seed(place)), ORIGIN, &id(place)).unwrap()
}

/// A custodian's witness key.
pub fn witness_key(place: u8) -> SigningKey {
    agent_keys(place).witness
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

impl World {
    /// A unit open for bids, signed by all five.
    pub fn start(base: TestBase, min: u32, release: ReleaseBy) -> Self {
        let agents = Agents::new(base.clock.clone());
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
        let chain = Chain::begin(roster.clone()).unwrap();
        let rosters = Rosters::new(chain, |_| Ok::<_, AskError>(wire.clone())).unwrap();
        let rosters = Arc::new(rosters);
        let feed = Feed::new(
            db.clone(),
            Arc::new(AsWitnesses(wire.clone())),
            witnesses(roster.body()),
            T.into(),
        );
        let platform = Platform {
            db: db.clone(),
            sequencer: sequencer.clone(),
            blobs: blobs.clone(),
            key: Arc::new(platform_key()),
            rosters: rosters.clone(),
            law: Arc::new(law()),
            max_upload: 1 << 20,
            quota: Quota { uploads: 20, bytes: 20 << 20 },
            credentials: Arc::default(),
            hours: feed.hours(),
            answers: Arc::default(),
        };
        let opener = Arc::new(Opener::new(Parts {
            db: db.clone(),
            blobs: blobs.clone(),
            sequencer,
            rosters,
            key: platform.key.clone(),
            decided: Arc::new(Arrivals::new(feed.hours())),
            intake: Arc::new(ByPlatform(platform.clone())),
            spool: home.to_path_buf(),
            patience: PATIENCE,
        }));
        let entropy = SystemEntropy::new();
        Self { base, db, agents, roster, unit, id, blobs, platform, feed, opener, home, entropy }
    }

    /// The process ends and starts again; custodians do not notice.
    pub fn restart(self) -> Self {
        let Self {
            base, db, agents, roster, unit, id, blobs, platform, feed, opener, home, ..
        } = self;
        drop((opener, feed, platform, db));
        Self::run(base, agents, roster, unit, id, home, blobs)
    }

    pub fn act<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> T {
        self.db.write_blocking(act).unwrap()
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
        // Pads before it, which nothing keeps closed.
        self.beat();
        let at = self.act(move |tx| tx.record(event));
        self.beat();
        let published = self.platform.sequencer.published().checkpoint.clone();
        let proposed =
            self.db.read(|conn| record::receipt(conn, at.index, &published)).unwrap().encode();
        let entity = who(0).0;
        let credentials = self.db.read(|conn| credential_notes(conn, entity)).unwrap();
        let ask = AskUnit { credentials, proposed, unit: unit.encode() };
        for custodian in self.roster.body().custodians.clone() {
            let body = serde_json::to_vec(&ask).unwrap();
            self.agents.hear(&custodian.id, "/unit", &body);
            let signed = self.agents.decide(&custodian.id, |a| agent::sign_unit(a, &ask)).unwrap();
            unit.adopt(signed.note(), &custodian.statement_key).unwrap();
        }
        let (id, note, draft) = (self.id, unit.encode(), unit.body().clone());
        let (last, proposed) = (unit.sha256(), at.index);
        let notice = notice(id, &draft).encode();
        self.act(move |tx| {
            let noticed = tx.record(public(None, Notice::TYPE, &notice))?;
            let at = tx.record(public(Some(id), Unit::TYPE, &note))?;
            insert_unit(tx, id, &note, &draft, (noticed.index, [proposed, at.index], last))
        });
        self.unit = unit;
    }

    /// The last checkpoint.
    pub fn published(&self) -> StoredCheckpoint {
        self.platform.sequencer.published().checkpoint.clone()
    }

    /// The sequencer ticks and the custodians that are awake cosign.
    pub fn beat(&self) {
        if let Some(published) = wait(self.platform.sequencer.tick()).unwrap() {
            wait(self.feed.feed_all(&published.checkpoint));
        }
    }

    /// Something is recorded that is about nothing here.
    pub fn note(&self) {
        let (kind, level) = ("test/v1", sealbid::record::disclosure::Level::Public);
        let event =
            sealbid::record::append::Event { kind, level, unit: None, bytes: b"x".to_vec() };
        self.act(move |tx| tx.record(event));
    }

    /// The receipt of an entry under the last checkpoint.
    pub fn receipt_at(&self, index: u64) -> String {
        let last = self.published();
        self.db.read(|conn| record::receipt(conn, index, &last)).unwrap().encode()
    }

    /// Custodians are asked for what was proposed to them, then a beat.
    pub fn consent(&self) {
        wait(ask_pending(&self.platform)).unwrap();
        self.beat();
    }

    /// The platform says that it is alive.
    pub fn alive(&self) {
        wait(beat(&self.platform)).unwrap();
    }

    /// One step of the unit, files fetched beside it, then a beat.
    pub fn step(&self) -> Step {
        let step = wait(self.opener.step(self.id)).unwrap();
        self.fetch();
        self.beat();
        step
    }

    /// Files of lodged bids are asked for; of whoever hangs they are given up at once.
    pub fn fetch(&self) {
        for errand in wait(self.opener.errands()).unwrap() {
            let is_hung = self.agents.is_hung(&errand.custodian, "/lodged/bid");
            let fetched = self.opener.run_errand(&errand);
            if is_hung {
                drop(wait(async { tokio::time::timeout(PATIENCE, fetched).await }));
            } else {
                wait(fetched);
            }
        }
    }

    /// Steps until nothing is due any more, or `most` times.
    pub fn settle(&self, most: usize) -> Vec<Step> {
        (0..most).map(|_| self.step()).collect()
    }

    /// What the custodians' clocks say of the platform's.
    pub fn hours(&self) -> Arc<Hours> {
        self.feed.hours()
    }

    /// What an opener of this platform works with.
    pub fn parts(&self, platform: Platform) -> Parts {
        Parts {
            db: self.db.clone(),
            blobs: self.blobs.clone(),
            sequencer: self.platform.sequencer.clone(),
            rosters: self.platform.rosters.clone(),
            key: self.platform.key.clone(),
            decided: Arc::new(Arrivals::new(self.hours())),
            intake: Arc::new(ByPlatform(platform)),
            spool: self.home.to_path_buf(),
            patience: PATIENCE,
        }
    }

    pub const fn feed(&self) -> &Feed {
        &self.feed
    }

    pub fn opener(&self) -> &Opener {
        &self.opener
    }

    pub fn shared_opener(&self) -> Arc<Opener> {
        self.opener.clone()
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
