//! A platform with its custodians' keys and a buyer: what tests of tenders and bids stand on.

use std::path::Path;
use std::sync::Arc;

use diesel::prelude::*;
use sealbid::auth::Actor;
use sealbid::auth::provider::install_providers;
use sealbid::bid::upload::Quota;
use sealbid::blob::Folder;
use sealbid::clock::Time;
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::seal::Identity;
use sealbid::crypto::statement::{Body, Statement};
use sealbid::custodian::chain::{Chain, Rosters};
use sealbid::custodian::client::{Custodians, Http, Limits};
use sealbid::custodian::roster::{Member, Roster};
use sealbid::db::schema::credential;
use sealbid::db::{Db, Error as DbError};
use sealbid::enterprise::credentials::key_name;
use sealbid::enterprise::statements::{KeyRevocation, KeyRotation, Kind, Verified};
use sealbid::error::Said;
use sealbid::ids::{EnterpriseId, TenderId, UnitId};
use sealbid::on_each;
use sealbid::record::leaf::PadKey;
use sealbid::record::sequencer::{Keys, Pace, Sequencer};
use sealbid::record::store as record;
use sealbid::rulepack::outage::Window;
use sealbid::tender::amend::{self};
use sealbid::tender::draft::{draft, drafted, prepare};
use sealbid::tender::platform::{Credentials, Platform};
use sealbid::tender::publish::{Adopted, Asked, Publication, adopt_unit, publish};
use sealbid::tender::rules::{Dates, Law, LotPlan, Plan, StagePlan, Unlawful};
use sealbid::tender::statements::{Amendment, AmendmentReason, Notice, Stage, Unit, UnitRecipient};
use sealbid::tender::{Error, Refused, store, units};

use crate::support::{START, TestBase, TestFolder, folder, wait};

const ORIGIN: &str = "record.example/log";
/// The deadline of every test unit.
pub const DEADLINE: Time = START.plus(10_000_000);

/// A rule pack that wants two bids, time enough for them, and an opening at the deadline.
struct TwoBids;

/// What it wants from the issue to the deadline, in milliseconds.
pub const PERIOD: i64 = 5_500_000;

impl Law for TwoBids {
    fn sha256(&self) -> Hash {
        Hash::of(b"pack")
    }

    fn judge(&self, dates: &Dates) -> Result<(), Unlawful> {
        let rules = [
            ("min_bidders", dates.min >= 2),
            ("issue_to_deadline", dates.deadline.since(dates.published_at) >= PERIOD),
            ("opening", dates.open_at == dates.deadline),
        ];
        let broken = rules.into_iter().find(|(_, kept)| !kept);
        broken.map_or(Ok(()), |(rule, _)| {
            Err(Unlawful { rule: rule.to_owned(), because: Said::bare("rulepack-say-both") })
        })
    }

    fn judge_change(&self, _: Time, _: Time) -> Result<(), Unlawful> {
        Ok(())
    }

    fn after_outage(
        &self,
        deadline: Time,
        open_at: Time,
        outage: Window,
    ) -> Result<Option<(Time, Time)>, Unlawful> {
        let hit = deadline < outage.recovered;
        Ok(hit.then(|| (outage.recovered.plus(7000), open_at.max(outage.recovered.plus(7000)))))
    }
}

fn key(name: &str, seed: u8) -> SigningKey {
    let name = format!("{ORIGIN}/{name}");
    SigningKey::from_seed(&name, KeyKind::Statement, &[seed; 32]).unwrap()
}

fn cosigner(seed: u8) -> SigningKey {
    let name = format!("{ORIGIN}/witness/c{seed}");
    SigningKey::from_seed(&name, KeyKind::Cosignature, &[seed + 100; 32]).unwrap()
}

/// A body with a verified key.
#[derive(Clone)]
pub struct Party {
    /// Its key.
    pub key: Arc<SigningKey>,
    /// As it acts.
    pub actor: Actor,
}

/// A platform, its custodians' keys and a buyer.
pub struct Stand {
    /// The platform.
    pub p: Platform,
    /// The base below it.
    pub base: TestBase,
    /// The custodians' statement keys in roster order.
    pub custodians: Vec<SigningKey>,
    /// Their identities for every unit.
    pub identities: Vec<Identity>,
    /// Who buys.
    pub buyer: Party,
    folder: TestFolder,
}

/// The next postponement of a unit, by `later` milliseconds.
pub fn postponement(row: &units::UnitRow, later: i64) -> Amendment {
    Amendment {
        deadline: row.terms.deadline.plus(later),
        no: row.amendment_no + 1,
        open_at: row.terms.open_at.plus(later),
        prev_sha256: row.last_sha256,
        reason: AmendmentReason::Postponed { text: "more time".to_owned() },
        unit_id: row.id,
    }
}

impl Stand {
    /// On a fresh base.
    pub fn new(base: TestBase) -> Self {
        install_providers();
        let custodians: Vec<_> = (1..=5).map(|i| key(&format!("custodian/c{i}"), i)).collect();
        let member = |(i, key): (u8, &SigningKey)| Member {
            address: format!("http://c{i}.example"),
            id: format!("c{i}").parse().unwrap(),
            name: format!("Custodian {i}"),
            statement_key: key.verifying().clone(),
            witness_key: cosigner(i).verifying().clone(),
        };
        let platform = key("platform/main", 50);
        let log = SigningKey::from_seed(ORIGIN, KeyKind::Statement, &[7; 32]).unwrap();
        let roster = Roster {
            custodians: (1..).zip(&custodians).map(member).collect(),
            issued_at: START,
            log_key: log.verifying().clone(),
            operator_keys: vec![key("operator/op", 51).verifying().clone()],
            origin: ORIGIN.to_owned(),
            platform_key: platform.verifying().clone(),
            prev_sha256: None,
            regulator_key: key("regulator/r", 52).verifying().clone(),
            sealer_sha256: None,
            t: 3,
            version: 1,
        };
        let db = base.open();
        let keys = Keys { log, pads: PadKey::from_bytes([9; 32]) };
        let sequencer = wait(Sequencer::open(db.clone(), keys, Pace::default())).unwrap();
        let files = folder("blobs");
        let roster = Statement::signed(roster, &key("regulator/r", 52)).unwrap();
        let rosters = Rosters::new(Chain::begin(roster).unwrap(), |roster| {
            Http::new(roster, Limits::default()).map(|http| Arc::new(http) as Arc<dyn Custodians>)
        })
        .unwrap();
        let buyer = party(&db, Kind::Organisation, 60);
        let p = Platform {
            db,
            sequencer: Arc::new(sequencer),
            blobs: Arc::new(Folder::open(&files).unwrap()),
            key: Arc::new(platform),
            rosters: Arc::new(rosters),
            law: Arc::new(TwoBids),
            max_upload: 1 << 20,
            quota: Quota { uploads: 20, bytes: 20 << 20 },
            credentials: Arc::new(Credentials::default()),
            hours: Arc::default(),
            answers: Arc::default(),
        };
        let identity = |_| Identity::generate(&SystemEntropy::new()).unwrap();
        let identities = (0..5).map(identity).collect();
        Self { p, base, custodians, identities, buyer, folder: files }
    }

    /// The folder of the store of files.
    pub fn files(&self) -> &Path {
        &self.folder
    }

    /// A verified bidder.
    pub fn bidder(&self, seed: u8) -> Party {
        party(&self.p.db, Kind::Enterprise, seed)
    }

    pub fn draft(&self, plan: Plan) -> Result<TenderId, Error> {
        wait(draft(&self.p, &self.buyer.actor, plan, None)).map(Option::unwrap)
    }

    /// The buyer's signed units and notice for a draft.
    pub fn signed(&self, id: TenderId) -> (Vec<Unit>, Publication) {
        let mut units = wait(prepare(&self.p, &self.buyer.actor, id)).unwrap();
        for unit in &mut units {
            let members = self.p.roster().custodians.iter().zip(&self.identities);
            unit.recipients = members
                .map(|(member, identity)| UnitRecipient {
                    custodian: member.id.clone(),
                    recipient: identity.recipient().to_string(),
                })
                .collect();
        }
        let act = sealbid::auth::table::Act::Publish;
        let drafted = wait(drafted(&self.p, &self.buyer.actor, act, id)).unwrap();
        let notice = drafted.notice(&self.p, &units).unwrap();
        let notes = units.iter().map(|unit| self.sign(unit.clone())).collect();
        (units, Publication { notice: self.sign::<Notice>(notice), units: notes })
    }

    pub fn sign<B: Body>(&self, body: B) -> String {
        Statement::signed(body, &self.buyer.key).unwrap().encode()
    }

    pub fn publish(&self, id: TenderId, publication: Publication) -> Result<Vec<Asked>, Error> {
        wait(publish(&self.p, &self.buyer.actor, id, publication))
    }

    /// The note with a custodian's signature more.
    pub fn countersigned<B: Body>(&self, note: &str, custodian: usize) -> String {
        let mut statement = Statement::<B>::parse(note.as_bytes()).unwrap();
        statement.sign(&self.custodians[custodian]);
        statement.encode()
    }

    pub fn adopt(&self, asked: &Asked, custodian: usize) -> Result<Adopted, Error> {
        let copy = self.countersigned::<Unit>(&asked.note, custodian);
        wait(adopt_unit(&self.p, asked.unit_id, &copy))
    }

    /// An open unit of one lot.
    pub fn open_unit(&self) -> UnitId {
        let id = self.draft(plan(1)).unwrap();
        let asked = self.publish(id, self.signed(id).1).unwrap();
        for custodian in 0..5 {
            self.adopt(&asked[0], custodian).unwrap();
        }
        asked[0].unit_id
    }

    /// The unit's row.
    pub fn unit(&self, id: UnitId) -> units::UnitRow {
        self.p.db.read(|conn| units::unit(conn, id)).unwrap()
    }

    pub fn tender(&self, id: TenderId) -> store::TenderRow {
        self.p.db.read(|conn| store::find(conn, id)).unwrap()
    }

    /// The events of a unit and kind.
    pub fn events(&self, unit: UnitId, kind: &str) -> Vec<String> {
        let entries = self.p.db.read(|conn| record::entries_of_unit(conn, &unit, kind)).unwrap();
        entries.into_iter().map(|e| String::from_utf8(e.event).unwrap()).collect()
    }

    pub fn amendment(&self, unit: UnitId, later: i64) -> Amendment {
        postponement(&self.unit(unit), later)
    }

    /// Asks for a postponement by `later` milliseconds.
    pub fn postpone(&self, unit: UnitId, later: i64) -> Asked {
        let note = self.sign(self.amendment(unit, later));
        wait(amend::postpone(&self.p, &self.buyer.actor, &note)).unwrap()
    }

    /// A custodian signs the amendment that is asked.
    pub fn adopt_amendment(&self, asked: &Asked, custodian: usize) -> Result<Adopted, Error> {
        let copy = self.countersigned::<Amendment>(&asked.note, custodian);
        wait(amend::adopt_amendment(&self.p, asked.unit_id, &copy))
    }
}

impl Stand {
    /// The party after the operator revoked its key and vouched for another one in its name.
    pub fn usurped(&self, party: &Party, seed: u8) -> Party {
        let (id, new) = (self.id(party), self.successor(party, seed));
        let old = party.key.verifying().clone();
        let revocation = KeyRevocation { enterprise: id, key: old, reason: "lost".to_owned() };
        let first = self.first_word(id);
        let verified = Verified { key: new.verifying().clone(), ..first.body().clone() };
        let operator = key("operator/op", 51);
        self.vouch(id, 2, &Statement::signed(revocation, &operator).unwrap().encode());
        self.vouch(id, 3, &Statement::signed(verified, &operator).unwrap().encode());
        Party { key: Arc::new(new), actor: party.actor.clone() }
    }

    /// The party after it took a new key itself.
    pub fn rotated(&self, party: &Party, seed: u8) -> Party {
        let (id, new) = (self.id(party), self.successor(party, seed));
        let (old_key, new_key) = (party.key.verifying().clone(), new.verifying().clone());
        let body = KeyRotation { enterprise: id, new_key, old_key };
        let mut rotation = Statement::signed(body, &party.key).unwrap();
        rotation.sign(&new);
        self.vouch(id, 2, &rotation.encode());
        Party { key: Arc::new(new), actor: party.actor.clone() }
    }

    fn id(&self, party: &Party) -> EnterpriseId {
        party.actor.enterprise().unwrap()
    }

    fn successor(&self, party: &Party, seed: u8) -> SigningKey {
        let name = party.key.verifying().name();
        SigningKey::from_seed(name, KeyKind::Statement, &[seed; 32]).unwrap()
    }

    fn first_word(&self, id: EnterpriseId) -> Statement<Verified> {
        let notes = self.p.db.read(|conn| sealbid::enterprise::credential_notes(conn, id)).unwrap();
        Statement::parse(notes[0].as_bytes()).unwrap()
    }

    fn vouch(&self, id: EnterpriseId, no: i64, note: &str) {
        vouch(&self.p.db, id, no, note.to_owned());
    }
}

fn vouch(db: &Db, id: EnterpriseId, no: i64, note: String) {
    db.write_blocking(move |tx| {
        tx.unrecorded("a test's party");
        let row = diesel::insert_into(credential::table).values((
            credential::enterprise.eq(id.to_string()),
            credential::no.eq(no),
            credential::note.eq(note),
            credential::idx.eq(0),
        ));
        on_each!(tx.conn(), |c| row.execute(c))?;
        Ok::<_, DbError>(())
    })
    .unwrap();
}

fn party(db: &Db, kind: Kind, seed: u8) -> Party {
    let id = EnterpriseId::random(&SystemEntropy::new()).unwrap();
    let name = key_name(ORIGIN, kind, id);
    let own = SigningKey::from_seed(&name, KeyKind::Statement, &[seed; 32]).unwrap();
    let verified = Verified {
        application_sha256: Hash::of(b"application"),
        enterprise: id,
        key: own.verifying().clone(),
        kind,
        name: format!("Body {seed}"),
        uscc: "91350100M000100Y43".to_owned(),
    };
    let note = Statement::signed(verified, &key("operator/op", 51)).unwrap().encode();
    vouch(db, id, 1, note);
    let actor = match kind {
        Kind::Enterprise => Actor::Bidder(id),
        Kind::Organisation => Actor::Buyer(id),
    };
    Party { key: Arc::new(own), actor }
}

pub fn stage(stage: Stage) -> StagePlan {
    StagePlan { stage, deadline: DEADLINE, open_at: DEADLINE, challenge_ms: 60_000, min: 2 }
}

pub fn plan(lots: usize) -> Plan {
    let lot = |i| LotPlan { title: format!("Lot {i}"), stages: vec![stage(Stage::Single)] };
    Plan {
        title: "Road works 道路工程".to_owned(),
        documents_until: DEADLINE,
        lots: (0..lots).map(lot).collect(),
    }
}

pub fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Refused {
    match outcome {
        Err(Error::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

/// The operator's key.
pub fn operator_key() -> SigningKey {
    key("operator/op", 51)
}
