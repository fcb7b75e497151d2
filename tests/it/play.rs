//! A buyer, bidders and a tender on a running server, all through the client that people use.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use sealbid::bid::statements::Offer;
use sealbid::cli::Context;
use sealbid::cli::bid::{CheckedUnit, Draft, Place, Sealer, Sending, seal};
use sealbid::cli::client::{Access, Client};
use sealbid::cli::failed::Failed;
use sealbid::cli::intended::Intended;
use sealbid::cli::output::{Access as FileAccess, Silent, write_new};
use sealbid::cli::trust::Pinned;
use sealbid::clock::Time;
use sealbid::crypto::entropy::{SystemEntropy, array};
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::SigningKey;
use sealbid::crypto::seal::kept::WorkFactor;
use sealbid::crypto::seal::payload::Attachment;
use sealbid::enterprise::credentials::key_name;
use sealbid::enterprise::statements::{Application, Kind};
use sealbid::ids::{BidId, EnterpriseId, TenderId, UnitId};
use sealbid::tender::rules::{LotPlan, Plan, StagePlan};
use sealbid::tender::statements::Stage;
use sealbid::verify::Trust;
use sealbid::web::i18n::Lang;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::registration::{ORIGIN, application, id, operator, signed, signer, vouched};
use crate::server::{Server, regulator};
use crate::support::{START, TestBase, wait};

/// The deadline of every unit, and its hour of opening.
pub const DEADLINE: Time = START.plus(600_000);
/// The challenge window in milliseconds.
pub const WINDOW: i64 = 10_000;
/// What every bid's document holds.
pub const MARKER: &str = "MARKER of the method statement";

/// Somebody with a key.
#[derive(Clone)]
pub struct Party {
    /// Its id.
    pub id: EnterpriseId,
    /// Its key.
    pub key: Arc<SigningKey>,
}

/// A server with a buyer and bidders.
pub struct Play {
    /// The server.
    pub server: Server,
    /// What everybody pinned.
    pub pinned: Pinned,
    /// Who buys.
    pub buyer: Party,
    /// Who bids.
    pub bidders: Vec<Party>,
    /// The challenge window of every unit, in milliseconds.
    pub window: i64,
}

impl Play {
    /// With so many bidders, registered and verified.
    pub fn new(base: &TestBase, bidders: u64) -> Self {
        let server = Server::with_agents(base);
        let pin = Trust::Roster(server.roster.sha256());
        let pinned = Pinned::new(server.roster.encode().as_bytes(), &pin).unwrap();
        let buyer = registered(&server, 90, Kind::Organisation);
        let bidders = (1..=bidders).map(|n| registered(&server, n, Kind::Enterprise)).collect();
        Self { server, pinned, buyer, bidders, window: WINDOW }
    }

    /// The client of whoever holds this key.
    pub fn client(&self, key: &Arc<SigningKey>) -> Client {
        self.anybody().with_key(key.clone())
    }

    /// A client without a key.
    pub fn anybody(&self) -> Client {
        let entropy = Arc::new(SystemEntropy::new());
        Client::new(&self.server.address, Lang::En, self.server.clock.clone(), entropy).unwrap()
    }

    /// What `sealbid` works with, by the play's clock.
    pub fn context(&self, key: Option<PathBuf>) -> Context {
        Context {
            lang: Lang::En,
            server: Some(self.server.address.clone()),
            key,
            trust: Some(self.server.roster.sha256().to_string()),
            roster: None,
            clock: self.server.clock.clone(),
            entropy: Arc::new(SystemEntropy::new()),
            progress: Arc::new(Silent),
            patience: Duration::ZERO,
        }
    }

    /// The key file of a test's key, whose seed is 32 times one byte.
    pub fn key_file(&self, key: &SigningKey, seed: u8) -> PathBuf {
        let path = self.server.home().join(format!("key-{seed}"));
        if !path.exists() {
            let text = format!("# sealbid key: {}\n{}\n", key.verifying(), hex::encode([seed; 32]));
            write_new(&path, text.as_bytes(), FileAccess::Private).unwrap();
        }
        path
    }

    /// The operator's client.
    pub fn operator(&self) -> Client {
        self.client(&Arc::new(operator()))
    }

    /// The regulator's client.
    pub fn regulator(&self) -> Client {
        self.client(&Arc::new(regulator()))
    }

    /// A draft of one lot with these stages.
    pub fn draft(&self, stages: &[Stage]) -> TenderId {
        let client = self.client(&self.buyer.key);
        let key = Hash::of(&array::<32>(&SystemEntropy::new()).unwrap()).to_string();
        wait(client.draft_tender(&self.plan(stages), &key)).unwrap()
    }

    fn plan(&self, stages: &[Stage]) -> Plan {
        let mut plan = plan(stages);
        let stages = plan.lots.iter_mut().flat_map(|lot| &mut lot.stages);
        stages.for_each(|stage| stage.challenge_ms = self.window);
        plan
    }

    /// A published tender of one lot with these stages: its units are open, in their order.
    pub fn publish(&self, stages: &[Stage]) -> Vec<UnitId> {
        let tender = self.draft(stages);
        let client = self.client(&self.buyer.key);
        let meant = Intended { plan: self.plan(stages), ..meant(stages) };
        wait(client.publish(&self.pinned, tender, &meant)).unwrap();
        self.server.tick();
        self.server.tick();
        let (status, view) = self.server.get(&format!("/api/v1/tenders/{tender}"), None);
        assert_eq!(status, StatusCode::OK, "{view}");
        let units = view["units"].as_array().unwrap();
        assert!(units.iter().all(|unit| unit["state"] == "open"), "{view}");
        let of = |stage: &Stage| units.iter().find(|unit| unit["stage"] == stage.code()).unwrap();
        let id = |unit: &Value| unit["unit_id"].as_str().unwrap().parse().unwrap();
        stages.iter().map(|stage| id(of(stage))).collect()
    }

    /// Seals a bid into a `.bid` file.
    pub fn seal(&self, bidder: usize, unit: &UnitId, place: Place, size: usize) -> PathBuf {
        let party = &self.bidders[bidder];
        let view = wait(self.anybody().unit(unit)).unwrap();
        let checked = CheckedUnit::on_line(&view, &self.pinned).unwrap();
        let passphrase = Zeroizing::new("a test's".to_owned());
        let sealer = Sealer {
            key: &party.key,
            passphrase: &passphrase,
            work: WorkFactor::TEST,
            entropy: &SystemEntropy::new(),
            progress: &Silent,
        };
        let offer = Offer {
            currency: "CNY".to_owned(),
            duration_days: None,
            price: Some(format!("{}.00", 1000 + bidder)),
            promises: Vec::new(),
        };
        let mut text = MARKER.repeat(3).into_bytes();
        text.resize(size.max(text.len()), b'.');
        let files = vec![Attachment::bytes("method.pdf", text).unwrap()];
        let draft = Draft { unit: &checked, place, offer, files };
        let base = self.server.home().join(format!("{}-{}-{unit}", place.bid_id, place.seq));
        seal(draft, &sealer, &base).unwrap().bid
    }

    /// Submits a `.bid` file; gives its entry.
    pub fn send(&self, bidder: usize, bid: &Path) -> Result<u64, Failed> {
        self.send_on(bidder, bid, None)
    }

    /// The same, going on with the upload whose address stands in a file.
    pub fn send_on(&self, bidder: usize, bid: &Path, kept: Option<&Path>) -> Result<u64, Failed> {
        let client = self.client(&self.bidders[bidder].key);
        let sending = Sending { kept, progress: &Silent };
        wait(client.submit(&self.pinned, bid, sending)).map(|accepted| accepted.index)
    }

    /// Seals and submits a first bid.
    pub fn bid(&self, bidder: usize, unit: &UnitId) -> u64 {
        self.send(bidder, &self.seal(bidder, unit, first(), 0)).unwrap()
    }

    /// Moves the clock.
    pub fn to(&self, time: Time) {
        self.server.clock.set(time);
    }

    /// From the deadline until the close stands: the challenge window runs.
    pub fn close(&self, unit: &UnitId) {
        self.to(DEADLINE);
        self.until(unit, "closed");
    }

    /// From the close to the opening.
    pub fn open(&self, unit: &UnitId) {
        self.close(unit);
        self.server.tick();
        self.server.clock.advance(self.window + 1);
        self.until(unit, "opened");
    }

    /// Ticks until a unit is in this state.
    pub fn until(&self, unit: &UnitId, state: &str) {
        let mut seen = Value::Null;
        for _ in 0..12 {
            self.server.tick();
            seen = self.unit(unit)["state"].clone();
            if seen == state {
                return;
            }
        }
        panic!("the unit is {seen}, not {state}");
    }

    /// A unit as everybody sees it.
    pub fn unit(&self, unit: &UnitId) -> Value {
        let (status, view) = self.server.get(&format!("/api/v1/units/{unit}"), None);
        assert_eq!(status, StatusCode::OK, "{view}");
        view
    }

    /// The bidder's standing in a unit.
    pub fn standing(&self, bidder: usize, unit: &UnitId) -> Value {
        let client = self.client(&self.bidders[bidder].key);
        wait(client.get(&format!("/units/{unit}/bid"), Access::Own)).unwrap()
    }
}

/// Where a first bid stands in its chain.
pub fn first() -> Place {
    Place { bid_id: BidId::random(&SystemEntropy::new()).unwrap(), seq: 1, prev_sha256: None }
}

/// The place behind the bidder's last statement.
pub fn next(standing: &Value) -> Place {
    let sha256: Hash = standing["sha256"].as_str().unwrap().parse().unwrap();
    Place {
        bid_id: standing["bid_id"].as_str().unwrap().parse().unwrap(),
        seq: u32::try_from(standing["seq"].as_u64().unwrap()).unwrap() + 1,
        prev_sha256: Some(sha256),
    }
}

/// What a buyer means by a draft of these stages.
pub fn meant(stages: &[Stage]) -> Intended {
    let rule_pack_sha256 = Hash::of(include_bytes!("../../rulepacks/demo.toml"));
    Intended { plan: plan(stages), documents: Vec::new(), rule_pack_sha256 }
}

/// A plan of one lot with these stages.
pub fn plan(stages: &[Stage]) -> Plan {
    let stage = |stage: &Stage| StagePlan {
        stage: *stage,
        deadline: DEADLINE,
        open_at: DEADLINE,
        challenge_ms: WINDOW,
        min: 3,
    };
    let lot =
        LotPlan { title: "土建 Works".to_owned(), stages: stages.iter().map(stage).collect() };
    Plan { title: "校舍 A school".to_owned(), documents_until: DEADLINE, lots: vec![lot] }
}

/// Somebody who registered, and was vouched for.
pub fn registered(server: &Server, n: u64, kind: Kind) -> Party {
    let id = id(n);
    let key = signer(&key_name(ORIGIN, kind, id), u8::try_from(n).unwrap());
    let body = Application { kind, key: key.verifying().clone(), ..application(n, 1) };
    let statement = signed(body, &[&key]);
    assert_eq!(server.apply(&statement).0, StatusCode::OK);
    let path = format!("/api/v1/enterprises/{id}/verification");
    let (status, done) = server.state(&path, &signed(vouched(&statement), &[&operator()]));
    assert_eq!((status, done["state"].as_str()), (StatusCode::OK, Some("verified")), "{done}");
    Party { id, key: Arc::new(key) }
}

/// A refusal's code.
pub fn code<T: std::fmt::Debug>(outcome: Result<T, Failed>) -> String {
    let failed = outcome.unwrap_err();
    failed.told().map_or_else(|| format!("{failed:?}"), |told| told.code.clone())
}
