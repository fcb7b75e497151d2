//! Is a bidder who gives a wrong file told so in two lines of its language, with nothing lost, half made
//! or sent?

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Output};

use super::files::{Desk, in_both};
use super::{done, new_key, refused, refused_with, text};

/// Nobody listens there: whoever asks it would fail in another way.
const NOBODY: &str = "http://127.0.0.1:1";

/// Every file below a folder with its content; folders have none.
fn content(folder: &Path) -> BTreeMap<OsString, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(content(&path));
        }
        found.insert(path.clone().into(), std::fs::read(&path).ok());
    }
    found
}

impl Desk {
    fn option(&self, name: &str) -> &str {
        let at = self.common.iter().position(|it| it == name).unwrap();
        &self.common[at + 1]
    }

    /// What a command needs that talks to the platform.
    fn trusting(&self) -> Vec<&str> {
        let named = ["--key", "--roster", "--trust"];
        let mut all = vec!["--server", NOBODY];
        named.into_iter().for_each(|name| all.extend([name, self.option(name)]));
        all
    }

    /// A bid that was sealed in order.
    fn sealed(&self, name: &str) -> String {
        let offer = self.offer(name, "method.pdf");
        std::fs::write(format!("{offer}/method.pdf"), b"method").unwrap();
        done(&self.seal(&offer));
        format!("{offer}/bid-1.bid")
    }
}

/// A name, what is made of a good bid's bytes under it, and what is said of that.
type Odd = (&'static str, fn(&Path, &[u8]), &'static str);

fn cut(path: &Path, whole: &[u8], keep: usize) {
    std::fs::write(path, &whole[..keep]).unwrap();
}

const ODD: [Odd; 10] = [
    ("missing.bid", |_, _| (), "it is not there"),
    ("no/folder.bid", |_, _| (), "it is not there"),
    ("empty.bid", |path, _| cut(path, b"", 0), "it is empty"),
    ("folder.bid", |path, _| std::fs::create_dir(path).unwrap(), "it is a folder"),
    ("short.bid", |path, _| cut(path, b"Our offer", 9), "it is no .bid file"),
    ("letter.bid", |path, _| cut(path, &[b'x'; 4096], 4096), "it is no .bid file"),
    ("begun.bid", |path, whole| cut(path, whole, 7), "the file ends in the middle"),
    ("header.bid", |path, whole| cut(path, whole, 512), "the file ends in the middle"),
    ("half.bid", |path, whole| cut(path, whole, whole.len() / 2), "the file ends in the middle"),
    ("most.bid", |path, whole| cut(path, whole, whole.len() - 1), "the file ends in the middle"),
];

#[test]
fn what_is_no_whole_bid_is_neither_checked_nor_sent() {
    let desk = Desk::new("cli_odd_bids");
    let whole = std::fs::read(desk.sealed("offer")).unwrap();
    let credentials = desk.at("credentials.json");
    std::fs::write(&credentials, "[]").unwrap();
    let commands: [&[&str]; 5] = [
        &["check"],
        &["submit"],
        &["replace"],
        &["resupply"],
        &["lodge", "--custodian", "c1", "--credentials", &credentials],
    ];
    for (name, make, reason) in ODD {
        let file = desk.at(name);
        make(Path::new(&file), &whole);
        let before = content(&desk.folder);
        for command in commands {
            in_both(&[&["bid"], command, &[&file], &desk.trusting()].concat(), reason);
        }
        assert_eq!(content(&desk.folder), before, "{name}");
    }
}

#[test]
fn a_bid_of_another_key_or_unit_is_told_apart() {
    let (desk, other) = (Desk::new("cli_others_bid"), Desk::new("cli_other_unit"));
    assert_ne!(desk.unit, other.unit);
    let bid = desk.sealed("offer");
    let (theirs, _) = new_key(&other.folder, "operator");
    let check = ["bid", "check", &bid, "--roster", desk.option("--roster"), "--trust"];
    let check = [&check[..], &[desk.option("--trust")]].concat();
    in_both(
        &[&check[..], &["--key", &theirs]].concat(),
        "a signature that must be there is missing",
    );
    let unit = ["--key", desk.option("--key"), "--unit", other.option("--unit")];
    in_both(&[&check[..], &unit].concat(), "it is for another unit");
    // A folder's plan names its unit, and no other one's is sealed for.
    let offer = desk.offer("second", "method.pdf");
    std::fs::write(format!("{offer}/method.pdf"), b"method").unwrap();
    let mut seal = desk.seal(&offer);
    let at = seal.iter().position(|it| *it == "--unit").unwrap();
    seal[at + 1] = other.option("--unit");
    let before = content(&desk.folder);
    in_both(&seal, "it is not the one that bid.toml names");
    assert_eq!(content(&desk.folder), before);
}

#[test]
fn a_folder_in_a_files_place_is_called_one_whatever_the_file_is_for() {
    let desk = Desk::new("cli_folder_for_file");
    let folder = desk.at("folder");
    std::fs::create_dir(&folder).unwrap();
    let letter = desk.at("letter");
    std::fs::write(&letter, "Dear Li").unwrap();
    let tender = format!("tnd_{}", "0".repeat(32));
    let key = desk.option("--key");
    let is_folder = "it is a folder";
    in_both(&["key", "show", &folder], is_folder);
    let add = ["tender", "document", &tender, &folder, "--server", NOBODY, "--key", key];
    in_both(&add, is_folder);
    let (error, _) = refused_with(2, &["verify", &folder]);
    assert!(error.contains(is_folder), "{error}");
    // A letter is no receipt: nobody has to be told that an act was not done.
    for command in ["receipt", "challenge"] {
        let named = [&["bid", command, &letter][..], &desk.trusting()].concat();
        let (_, hint) = refused(&named);
        assert!(hint.contains("--help") && !hint.contains("regulator"), "{command}: {hint}");
        in_both(&named, "letter is not right: it is no proof");
    }
}

/// What stands in the way of sealing, and what is said of it.
type Hindrance = (&'static str, fn(&Path), &'static str);

const HINDRANCES: [Hindrance; 7] = [
    ("gone", |offer| std::fs::remove_dir_all(offer).unwrap(), "it is not there"),
    ("no plan", |offer| std::fs::remove_file(offer.join("bid.toml")).unwrap(), "it is not there"),
    ("empty plan", |offer| std::fs::write(offer.join("bid.toml"), "").unwrap(), "bid.toml is not"),
    (
        "empty chain",
        |offer| std::fs::write(offer.join("chain.json"), "").unwrap(),
        "line 1, column 0",
    ),
    ("chain", |offer| std::fs::create_dir(offer.join("chain.json")).unwrap(), "it is a folder"),
    (
        "plan",
        |offer| {
            std::fs::remove_file(offer.join("bid.toml")).unwrap();
            std::fs::create_dir(offer.join("bid.toml")).unwrap();
        },
        "it is a folder",
    ),
    (
        "file",
        |offer| {
            std::fs::remove_dir_all(offer).unwrap();
            std::fs::write(offer, "a file").unwrap();
        },
        "a part of its path is no folder",
    ),
];

#[test]
fn from_a_folder_that_is_not_right_nothing_is_sealed_or_withdrawn() {
    let desk = Desk::new("cli_odd_folders");
    for (name, hinder, reason) in HINDRANCES {
        let offer = desk.offer(name, "method.pdf");
        std::fs::write(format!("{offer}/method.pdf"), b"method").unwrap();
        hinder(Path::new(&offer));
        let before = content(&desk.folder);
        in_both(&desk.seal(&offer), reason);
        if !name.contains("chain") {
            let withdraw = ["bid", "withdraw", &desk.unit, "--folder", &offer];
            in_both(&[&withdraw[..], &desk.trusting()].concat(), reason);
        }
        assert_eq!(content(&desk.folder), before, "{name}");
    }
    let file = desk.at("file");
    in_both(&["bid", "new", &file, "--unit", &desk.unit], "exists already");
    let below = desk.at("file/below");
    in_both(&["bid", "new", &below, "--unit", &desk.unit], "a part of its path is no folder");
    // Another unit's folder keeps no word of this one's withdrawal.
    let other = Desk::new("cli_odd_other");
    let offer = other.offer("offer", "method.pdf");
    let withdraw = ["bid", "withdraw", &desk.unit, "--folder", &offer];
    in_both(&[&withdraw[..], &desk.trusting()].concat(), "it is for another unit");
}

#[test]
fn an_attachment_without_a_byte_is_sealed_and_found_again() {
    let desk = Desk::new("cli_empty_attachment");
    let offer = desk.offer("offer", "empty.pdf");
    std::fs::write(format!("{offer}/empty.pdf"), b"").unwrap();
    done(&desk.seal(&offer));
    let (bid, identity) = (format!("{offer}/bid-1.bid"), format!("{offer}/bid-1.identity.age"));
    let common: Vec<&str> = desk.common.iter().map(String::as_str).collect();
    let told = done(&[&["bid", "check", &bid, "--identity", &identity], &common[..]].concat());
    assert!(told.contains("980000.00 CNY, 1 files"), "{told}");
}

fn run(arguments: &[&OsStr]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealbid"));
    command.env("SEALBID_LANG", "en").args(arguments).output().unwrap()
}

#[test]
fn a_name_that_is_no_text_is_a_name() {
    let desk = Desk::new("cli_no_text");
    let bid = desk.folder.join(OsStr::from_bytes(b"\xff\xfe offer.bid"));
    std::fs::copy(desk.sealed("offer"), &bid).unwrap();
    let key = desk.option("--key").to_owned();
    let check = |file: &Path| {
        run(&["bid", "check", "--key", &key]
            .map(OsStr::new)
            .into_iter()
            .chain([file.as_os_str()])
            .collect::<Vec<_>>())
    };
    let checked = check(&bid);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    let missing = check(&bid.with_file_name(OsStr::from_bytes(b"\xfe.bid")));
    let said = text(&missing.stderr);
    assert_eq!((missing.status.code(), said.lines().count()), (Some(1), 2), "{said}");
    assert!(said.contains("\u{fffd}.bid: it is not there"), "{said}");
    let folder = desk.folder.join(OsStr::from_bytes(b"\xfd"));
    let new = ["bid", "new", "--unit", &desk.unit].map(OsStr::new);
    assert!(run(&[&new[..], &[folder.as_os_str()]].concat()).status.success());
    assert!(folder.join("bid.toml").is_file());
    // What is a text and no name must be one.
    let named = ["bid", "seal", "offer", "--name"].map(OsStr::new);
    let said = run(&[&named[..], &[OsStr::from_bytes(b"\xff")]].concat());
    assert_eq!(said.status.code(), Some(2));
    assert!(text(&said.stderr).starts_with("error: A value is not UTF-8.\nhint: "), "{said:?}");
    let (error, _) = refused(&["bid", "check", &desk.at("none.bid"), "--key", &key]);
    assert!(error.ends_with("none.bid: it is not there"), "{error}");
}
