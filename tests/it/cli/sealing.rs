//! Is a bid sealed and checked off-line, for a unit that everybody signed and for no other?

use std::sync::OnceLock;

use sealbid::bid::statements::Offer;
use sealbid::cli::bid::{CheckedUnit, Draft, Envelope, Place, Sealer, UnitView, check, read, seal};
use sealbid::cli::failed::Failed;
use sealbid::cli::output::Silent;
use sealbid::crypto::entropy::{SeededEntropy, SystemEntropy};
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::seal::kept::{WorkFactor, recover};
use sealbid::crypto::seal::payload::Attachment;
use sealbid::crypto::seal::unit_identity;
use sealbid::enterprise::credentials::key_name;
use sealbid::enterprise::statements::Kind;
use sealbid::ids::{BidId, EnterpriseId};
use sealbid::tender::statements::Unit;
use zeroize::Zeroizing;

use super::{Everybody, ORIGIN, done, key, new_key, refused};
use crate::support::folder;

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

pub fn keep_private(path: &str, content: &str) {
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
