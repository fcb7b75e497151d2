//! Does the command line do what it says, off-line, and refuse in two lines?

mod chain;
mod documents;
mod files;
mod help;
mod keys;
mod odd_files;
mod sealing;
mod usage;

use std::path::Path;
use std::process::{Command, Output};

use sealbid::cli::bid::UnitView;
use sealbid::cli::trust::Pinned;
use sealbid::clock::{Clock as _, SystemClock, Time};
use sealbid::crypto::entropy::SeededEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::seal::unit_identity;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::roster::{Member, Roster};
use sealbid::enterprise::credentials::key_name;
use sealbid::enterprise::statements::{Kind, Verified};
use sealbid::ids::{EnterpriseId, LotId, TenderId};
use sealbid::tender::statements::{ReleaseBy, SUITE, Stage, Unit, UnitRecipient};
use sealbid::verify::Trust;

const ORIGIN: &str = "bids.example/record";
const N: u8 = 5;

fn key(name: &str, kind: KeyKind, seed: u8) -> SigningKey {
    SigningKey::from_seed(name, kind, &[seed; 32]).unwrap()
}

/// Who signs units, with their keys.
struct Everybody {
    roster: Statement<Roster>,
    platform: SigningKey,
    operator: SigningKey,
    custodians: Vec<SigningKey>,
    buyer: SigningKey,
    buyer_id: EnterpriseId,
}

impl Everybody {
    fn new() -> Self {
        let signs = KeyKind::Statement;
        let regulator = key(&format!("{ORIGIN}/regulator/1"), signs, 1);
        let platform = key(&format!("{ORIGIN}/platform/1"), signs, 2);
        let operator = key(&format!("{ORIGIN}/operator/li"), signs, 3);
        let id = |i: u8| format!("c{i}");
        let custodians: Vec<SigningKey> =
            (1..=N).map(|i| key(&format!("{ORIGIN}/custodian/c{i}"), signs, 10 + i)).collect();
        let members = (1..=N).zip(&custodians).map(|(i, statement)| Member {
            address: format!("http://127.0.0.1:{i}"),
            id: id(i).parse().unwrap(),
            name: format!("Custodian {i}"),
            statement_key: statement.verifying().clone(),
            witness_key: key(&format!("{ORIGIN}/witness/c{i}"), KeyKind::Cosignature, 20 + i)
                .verifying()
                .clone(),
        });
        let roster = Roster {
            custodians: members.collect(),
            issued_at: Time::from_millis(1_700_000_000_000),
            log_key: key(ORIGIN, signs, 4).verifying().clone(),
            operator_keys: vec![operator.verifying().clone()],
            origin: ORIGIN.to_owned(),
            platform_key: platform.verifying().clone(),
            prev_sha256: None,
            regulator_key: regulator.verifying().clone(),
            sealer_sha256: None,
            t: 3,
            version: 1,
        };
        let roster = Statement::signed(roster, &regulator).unwrap();
        let buyer_id = EnterpriseId::random(&SeededEntropy::new(1)).unwrap();
        let buyer = key(&key_name(ORIGIN, Kind::Organisation, buyer_id), signs, 5);
        Self { roster, platform, operator, custodians, buyer, buyer_id }
    }

    fn pinned(&self) -> Pinned {
        let pin = Trust::Roster(self.roster.sha256());
        Pinned::new(self.roster.encode().as_bytes(), &pin).unwrap()
    }

    /// A unit whose deadline is an hour from now.
    fn draft(&self) -> Unit {
        let entropy = SeededEntropy::new(2);
        let now = SystemClock.now();
        let mut unit = Unit {
            challenge_ms: 1000,
            deadline: now.plus(3_600_000),
            issued_at: now,
            lot: LotId::random(&entropy).unwrap(),
            min: 3,
            nonce: Hash::of(b"nonce"),
            open_at: now.plus(3_600_000),
            procuring_entity: self.buyer_id,
            recipients: Vec::new(),
            release: ReleaseBy::Time,
            roster_sha256: self.roster.sha256(),
            stage: Stage::Single,
            suite: SUITE.to_owned(),
            t: 3,
            tender: TenderId::random(&entropy).unwrap(),
        };
        let id = unit.id().unwrap();
        let members = self.roster.body().custodians.iter();
        let recipient = |(seed, member): (u8, &Member)| UnitRecipient {
            custodian: member.id.clone(),
            recipient: unit_identity(&[seed; 32], &id.0).recipient().to_string(),
        };
        unit.recipients = (30..).zip(members).map(recipient).collect();
        unit
    }

    fn sign(&self, unit: Unit, custodians: &[SigningKey]) -> UnitView {
        let mut unit = Statement::signed(unit, &self.buyer).unwrap();
        unit.sign(&self.platform);
        custodians.iter().for_each(|key| unit.sign(key));
        let verified = Verified {
            application_sha256: Hash::of(b"application"),
            enterprise: self.buyer_id,
            key: self.buyer.verifying().clone(),
            kind: Kind::Organisation,
            name: "Water works".to_owned(),
            uscc: "91000000123456784X".to_owned(),
        };
        let verified = Statement::signed(verified, &self.operator).unwrap();
        UnitView {
            unit: unit.encode(),
            credentials: vec![verified.encode()],
            deadline: None,
            receipt: None,
        }
    }

    fn unit(&self) -> UnitView {
        self.sign(self.draft(), &self.custodians)
    }
}

fn program(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealbid"));
    command.env_remove("SEALBID_LANG").env("LANG", "en_GB.UTF-8").args(arguments);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The standard output of a command that must succeed.
fn done(arguments: &[&str]) -> String {
    let output = program(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The two lines of a command that must be refused with exit code 1.
fn refused(arguments: &[&str]) -> (String, String) {
    refused_with(1, arguments)
}

/// The two lines of a command that must be refused with this exit code.
fn refused_with(exit: i32, arguments: &[&str]) -> (String, String) {
    let output = program(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {said}");
    let (error, hint) = said.split_once('\n').expect("two lines");
    let hint = hint.strip_suffix('\n').expect("a newline at the end");
    assert!(error.starts_with("error: ") && hint.starts_with("hint: "), "{said}");
    assert!(!hint.contains('\n'), "{said}");
    (error.to_owned(), hint.to_owned())
}

fn new_key(folder: &Path, role: &str) -> (String, String) {
    let file = folder.join(role).display().to_string();
    let key = done(&["key", "new", "--origin", ORIGIN, "--role", role, "--out", &file]);
    (file, key.trim_end().to_owned())
}
