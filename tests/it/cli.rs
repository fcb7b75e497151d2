//! Does the command line do what it says, off-line, and refuse in two lines?

use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use sealbid::bid::statements::Offer;
use sealbid::cli::bid::{CheckedUnit, Draft, Envelope, Place, Sealer, UnitView, check, read, seal};
use sealbid::cli::failed::Failed;
use sealbid::cli::keys;
use sealbid::cli::output::Silent;
use sealbid::cli::trust::Pinned;
use sealbid::clock::{Clock as _, SystemClock, Time};
use sealbid::crypto::entropy::{SeededEntropy, SystemEntropy};
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::seal::kept::{WorkFactor, recover};
use sealbid::crypto::seal::payload::Attachment;
use sealbid::crypto::seal::unit_identity;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::roster::{Member, Roster};
use sealbid::enterprise::credentials::key_name;
use sealbid::enterprise::statements::{Kind, Verified};
use sealbid::ids::{BidId, EnterpriseId, LotId, TenderId};
use sealbid::tender::statements::{ReleaseBy, SUITE, Stage, Unit, UnitRecipient};
use sealbid::verify::Trust;
use zeroize::Zeroizing;

use crate::support::folder;

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
    let output = program(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
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

#[test]
fn a_new_key_is_private_and_never_written_over_another() {
    let folder = folder("cli_key");
    let (file, key) = new_key(&folder, "enterprise");
    assert!(key.starts_with(&format!("{ORIGIN}/enterprise/ent_")), "{key}");
    assert_eq!(done(&["key", "show", &file]), format!("{key}\n"));
    let before = std::fs::read(&file).unwrap();
    let again = ["key", "new", "--origin", ORIGIN, "--role", "enterprise", "--out", &file];
    let (error, _) = refused(&again);
    assert_eq!(error, format!("error: {file} exists already; it was not touched."));
    assert_eq!(std::fs::read(&file).unwrap(), before);
    let left = std::fs::read_dir(&*folder).unwrap().count();
    assert_eq!(left, 1, "nothing half-written stays");
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_can_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder("cli_exposed");
    let (file, _) = new_key(&folder, "regulator");
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    mode(0o640).unwrap();
    let (error, _) = refused(&["key", "show", &file]);
    assert!(error.contains("Others on this machine"), "{error}");
    mode(0o600).unwrap();
    assert!(!done(&["key", "show", &file]).is_empty());
}

#[test]
fn a_key_file_whose_halves_differ_is_not_used() {
    let folder = folder("cli_halves");
    let (one, other) = (folder.join("one"), folder.join("other"));
    let entropy = SystemEntropy::new();
    keys::create(&one, "bids.example/operator/a", &entropy).unwrap();
    keys::create(&other, "bids.example/operator/a", &entropy).unwrap();
    let (one_text, other_text) =
        (std::fs::read_to_string(&one).unwrap(), std::fs::read_to_string(&other).unwrap());
    let public = one_text.lines().next().unwrap();
    let secret = other_text.lines().nth(1).unwrap();
    std::fs::write(&one, format!("{public}\n{secret}\n")).unwrap();
    assert!(matches!(keys::load(&one), Err(Failed::Content { .. })));
    assert!(keys::load(&other).is_ok());
}

#[test]
fn a_roster_goes_from_toml_over_draft_and_signature_to_its_pin() {
    let folder = folder("cli_roster");
    let at = |name: &str| folder.join(name).display().to_string();
    let (_, platform) = new_key(&folder, "platform");
    let (_, log) = new_key(&folder, "log");
    let (_, operator) = new_key(&folder, "operator");
    let (regulator_file, regulator) = new_key(&folder, "regulator");
    let mut source = format!(
        "origin = \"{ORIGIN}\"\nt = 2\nlog_key = \"{log}\"\nplatform_key = \"{platform}\"\n\
         regulator_key = \"{regulator}\"\noperator_keys = [\"{operator}\"]\n"
    );
    for i in 1..=4 {
        let (dir, id) = (at(&format!("agent{i}")), format!("c{i}"));
        done(&["custodian", "keygen", &dir]);
        let address = format!("http://127.0.0.1:{i}");
        let naming = ["--id", &id, "--name", "Notary", "--address", &address];
        let told = [&["custodian", "member", &dir, "--origin", ORIGIN], &naming[..]].concat();
        source.push_str(&done(&told));
    }
    std::fs::write(at("roster.toml"), source).unwrap();
    done(&["roster", "draft", &at("roster.toml"), "--out", &at("draft")]);
    let (unsigned, _) = refused(&["roster", "pin", &at("draft")]);
    assert!(unsigned.contains("signature is missing"), "{unsigned}");
    let sign = ["roster", "sign", &at("draft"), "--out", &at("roster.note")];
    refused(&sign);
    done(&[&sign[..], &["--key", &regulator_file]].concat());
    let pin = done(&["roster", "pin", &at("roster.note")]);
    let roster = std::fs::read(at("roster.note")).unwrap();
    assert!(Pinned::new(&roster, &pin.trim_end().parse().unwrap()).is_ok());
    assert!(Pinned::new(&roster, &regulator.parse().unwrap()).is_ok());
    assert!(matches!(Pinned::new(&roster, &operator.parse().unwrap()), Err(Failed::NotPinned)));
    let enrol = ["custodian", "enrol", &at("agent3"), "--roster", &at("roster.note")];
    done(&enrol);
    refused(&enrol);
    done(&["custodian", "keygen", &at("stranger")]);
    refused(&["custodian", "enrol", &at("stranger"), "--roster", &at("roster.note")]);
}

#[test]
fn a_bid_is_sealed_off_line_and_checks_down_to_its_contents() {
    let folder = folder("cli_seal");
    let at = |name: &str| folder.join(name).display().to_string();
    let everybody = Everybody::new();
    let view = everybody.unit();
    std::fs::write(at("unit.json"), serde_json::to_string(&view).unwrap()).unwrap();
    std::fs::write(at("roster.note"), everybody.roster.encode()).unwrap();
    let unit = CheckedUnit::new(&view, &everybody.pinned()).unwrap();
    let (key, _) = new_key(&folder, "enterprise");
    done(&["bid", "new", &at("offer"), "--unit", &unit.id().to_string()]);
    refused(&["bid", "new", &at("offer"), "--unit", &unit.id().to_string()]);
    let plan = std::fs::read_to_string(at("offer/bid.toml")).unwrap();
    let plan = plan.replace("files = []", "files = [\"method.pdf\"]");
    let plan = plan.replace("# price = \"1234567.89\"", "price = \"980000.00\"");
    std::fs::write(at("offer/bid.toml"), plan).unwrap();
    std::fs::write(at("offer/method.pdf"), vec![7; 100_000]).unwrap();
    keep_private(&at("pass"), "correct horse\n");
    let pin = everybody.roster.sha256().to_string();
    let trust = ["--roster", &at("roster.note"), "--trust", &pin];
    let common = ["--key", &key, "--unit", &at("unit.json"), "--passphrase-file", &at("pass")];
    let offer = at("offer");
    let seal = [&["bid", "seal", &offer][..], &common, &trust].concat();
    done(&seal);
    let (again, _) = refused(&seal);
    assert!(again.contains("bid-1.bid exists already"), "{again}");
    let (bid, identity) = (at("offer/bid-1.bid"), at("offer/bid-1.identity.age"));
    let check = ["bid", "check", &bid, "--identity", &identity];
    let told = done(&[&check[..], &common, &trust].concat());
    assert!(told.contains("980000.00 CNY, 1 files"), "{told}");
    assert!(told.contains("cannot be checked: what is inside the shares"), "{told}");
    let other = Hash::of(b"another roster").to_string();
    let trust = ["--roster", &at("roster.note"), "--trust", &other];
    let (error, _) = refused(&[&check[..], &common, &trust].concat());
    assert!(error.contains("not the one that you pinned"), "{error}");
    let names = std::fs::read_dir(folder.join("offer")).unwrap().count();
    assert_eq!(names, 4, "bid.toml, method.pdf, the bid and the identity");
}

fn keep_private(path: &str, content: &str) {
    std::fs::write(path, content).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// A sealed bid and what is needed to look into it.
struct Sample {
    folder: crate::support::TestFolder,
    unit: CheckedUnit,
    key: SigningKey,
}

impl Sample {
    fn new(name: &str) -> Self {
        let everybody = Everybody::new();
        let unit = CheckedUnit::new(&everybody.unit(), &everybody.pinned()).unwrap();
        let entropy = SeededEntropy::new(9);
        let bidder = EnterpriseId::random(&entropy).unwrap();
        let name_of_key = key_name(ORIGIN, Kind::Enterprise, bidder);
        let key = key(&name_of_key, KeyKind::Statement, 77);
        let sample = Self { folder: folder(name), unit, key };
        sample.seal(1).unwrap();
        sample
    }

    fn passphrase() -> &'static Zeroizing<String> {
        static PASSPHRASE: OnceLock<Zeroizing<String>> = OnceLock::new();
        PASSPHRASE.get_or_init(|| Zeroizing::new("pass".to_owned()))
    }

    fn seal(&self, seq: u32) -> Result<(), Failed> {
        let entropy = SystemEntropy::new();
        let offer = Offer {
            currency: "CNY".to_owned(),
            duration_days: None,
            price: Some("1.00".to_owned()),
            promises: Vec::new(),
        };
        let bid_id = BidId::random(&entropy).unwrap();
        let files = vec![Attachment::bytes("a.txt", b"hello".to_vec()).unwrap()];
        let place = Place { bid_id, seq, prev_sha256: None };
        let draft = Draft { unit: &self.unit, place, offer, files };
        let sealer = Sealer {
            key: &self.key,
            passphrase: Self::passphrase(),
            work: WorkFactor::TEST,
            entropy: &entropy,
            progress: &Silent,
        };
        seal(draft, &sealer, &self.folder.join("b.1")).map(|_| ())
    }

    fn check(&self) -> Result<(), Failed> {
        let kept = std::fs::read(self.folder.join("b.1.identity.age")).unwrap();
        let identity = recover(&kept, Self::passphrase()).unwrap();
        let bid = self.folder.join("b.1.bid");
        let found = check(&bid, self.key.verifying(), Some(&self.unit), Some(&identity))?;
        let (offer, files) = found.opened.expect("opened");
        assert_eq!((offer.price.as_deref(), files.len()), (Some("1.00"), 1));
        Ok(())
    }
}

#[test]
fn any_changed_byte_of_a_bid_fails_its_check() {
    let sample = Sample::new("cli_bytes");
    sample.check().unwrap();
    let path = sample.folder.join("b.1.bid");
    let good = std::fs::read(&path).unwrap();
    let step = good.len() / 150;
    for at in (0..good.len()).step_by(step.max(1)) {
        let mut altered = good.clone();
        altered[at] ^= 0x01;
        std::fs::write(&path, &altered).unwrap();
        assert!(matches!(sample.check(), Err(Failed::Bid(_))), "byte {at}");
    }
    std::fs::write(&path, &good[..good.len() - 512]).unwrap();
    assert!(sample.check().is_err(), "cut");
    std::fs::write(&path, &good).unwrap();
    sample.check().unwrap();
}

#[test]
fn the_slice_to_be_uploaded_is_the_sealed_payload() {
    let sample = Sample::new("cli_slice");
    let path = sample.folder.join("b.1.bid");
    let Envelope { manifest, bid, .. } = read(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let (start, size) = (bid.start as usize, bid.size as usize);
    assert_eq!(Hash::of(&whole[start..start + size]), manifest.body().bid.sha256);
}

#[test]
fn another_signer_or_identity_fails_the_check() {
    let sample = Sample::new("cli_other");
    let bid = sample.folder.join("b.1.bid");
    let other = key(sample.key.verifying().name(), KeyKind::Statement, 78);
    assert!(matches!(check(&bid, other.verifying(), None, None), Err(Failed::Bid(_))));
    let identity = unit_identity(&[1; 32], &Hash::of(b"x"));
    let found = check(&bid, sample.key.verifying(), None, Some(&identity));
    assert!(matches!(found, Err(Failed::Bid(_))));
    assert!(check(&bid, sample.key.verifying(), None, None).unwrap().opened.is_none());
}

#[test]
fn sealing_again_under_the_same_name_touches_neither_file() {
    let sample = Sample::new("cli_twice");
    let files = ["b.1.bid", "b.1.identity.age"].map(|name| sample.folder.join(name));
    let before = files.each_ref().map(|path| std::fs::read(path).unwrap());
    assert!(matches!(sample.seal(2), Err(Failed::Exists(_))));
    assert_eq!(files.each_ref().map(|path| std::fs::read(path).unwrap()), before);
    std::fs::remove_file(&files[0]).unwrap();
    assert!(matches!(sample.seal(2), Err(Failed::Exists(_))), "the identity still stands");
    assert!(!files[0].exists());
}

#[test]
fn nothing_is_sealed_for_a_unit_that_not_everybody_signed() {
    let everybody = Everybody::new();
    let pinned = everybody.pinned();
    let refuses = |view: &UnitView| {
        let refused = CheckedUnit::new(view, &pinned).map(|unit| unit.id());
        matches!(refused, Err(Failed::Unit(_)))
    };
    assert!(!refuses(&everybody.unit()));
    assert!(
        refuses(&everybody.sign(everybody.draft(), &everybody.custodians[1..])),
        "four of five"
    );
    let draft = || everybody.draft();
    let others = |change: fn(&mut Unit)| {
        let mut unit = draft();
        change(&mut unit);
        everybody.sign(unit, &everybody.custodians)
    };
    assert!(refuses(&others(|unit| unit.t = 2)), "another threshold");
    assert!(refuses(&others(|unit| unit.roster_sha256 = Hash::of(b"x"))), "another roster");
    assert!(refuses(&others(|unit| unit.open_at = unit.deadline.plus(-1))), "opened too early");
    assert!(refuses(&others(|unit| unit.recipients.swap(0, 1))), "recipients in another order");
    let copied = others(|unit| unit.recipients[1].recipient = unit.recipients[0].recipient.clone());
    assert!(refuses(&copied), "one recipient twice");
    let mut stranger = everybody.unit();
    stranger.credentials.clear();
    assert!(refuses(&stranger), "no credentials");
    let mut hung = everybody.unit();
    let line = hung.unit.lines().last().unwrap().replace("custodian/c5", "custodian/c6");
    hung.unit.push_str(&format!("{line}\n"));
    assert!(refuses(&hung), "a foreign signature line");
}

#[test]
fn errors_are_an_error_and_a_hint_in_the_language_asked_for() {
    let (error, hint) = refused(&["bid", "status", &Hash::of(b"unit").to_string()]);
    assert_eq!(error, "error: The option --server is missing.");
    assert!(hint.contains("--help"), "{hint}");
    let zh = program(&["--lang", "zh", "roster", "pin", "/nowhere/roster.note"]);
    let said = text(&zh.stderr);
    assert!(said.starts_with("错误: /nowhere/roster.note"), "{said}");
    assert_eq!((zh.status.code(), said.lines().count()), (Some(1), 2), "{said}");
    assert!(zh.stdout.is_empty());
}

#[test]
fn a_server_that_does_not_answer_is_worth_another_try() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = format!("http://{unused}");
    let pin = Hash::of(b"pin").to_string();
    let unit = Hash::of(b"unit").to_string();
    let out = folder("cli_silent");
    let file = out.join("unit.json").display().to_string();
    let asked =
        program(&["bid", "unit", &unit, "--out", &file, "--server", &server, "--trust", &pin]);
    assert_eq!(asked.status.code(), Some(75), "{}", text(&asked.stderr));
    assert!(text(&asked.stderr).contains("does not answer"), "{}", text(&asked.stderr));
}

#[test]
fn no_two_arguments_of_any_command_collide() {
    use clap::CommandFactory as _;
    let command = sealbid::cli::Cli::command();
    command.clone().debug_assert();
    assert!(command.get_subcommands().count() >= 8);
}

#[test]
fn every_command_explains_itself_and_wrong_usage_ends_with_two() {
    let help = done(&["--help"]);
    for word in ["key", "enterprise", "tender", "record", "verify", "--server", "--trust", "--lang"]
    {
        assert!(help.contains(word), "{word}: {help}");
    }
    let bid = done(&["bid", "--help"]);
    let commands =
        ["new", "seal", "check", "submit", "replace", "withdraw", "status", "lodge", "receipt"];
    for word in commands {
        assert!(bid.lines().any(|line| line.trim_start().starts_with(word)), "{word}: {bid}");
        let more = done(&["bid", word, "--help"]);
        assert!(more.contains("Usage: sealbid bid"), "{more}");
    }
    assert_eq!(program(&["bid", "frobnicate"]).status.code(), Some(2));
    assert_eq!(program(&[]).status.code(), Some(2));
}

#[test]
fn an_agent_without_memory_refuses_to_start() {
    let folder = folder("cli_agent");
    let dir = folder.join("agent").display().to_string();
    done(&["custodian", "keygen", &dir]);
    refused(&["custodian", "serve", &dir]);
}
