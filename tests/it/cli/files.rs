//! Does each command on files that are no bids, or have strange names, end in two lines and leave
//! nothing half made?

use std::fs::File;
use std::path::Path;

use super::{Everybody, done, new_key, program, refused, text};
use crate::reasons::is_chinese;
use crate::support::folder;

/// A file of 4 GiB that takes no space.
fn huge(path: &str) {
    File::create(path).unwrap().set_len(4 << 30).unwrap();
}

/// Refused in both languages; the Chinese line's reason is Chinese.
pub fn in_both(arguments: &[&str], reason: &str) {
    let (error, _) = refused(arguments);
    assert!(error.contains(reason), "{arguments:?}: {error}");
    let zh = program(&[&["--lang", "zh"], arguments].concat());
    let said = text(&zh.stderr);
    assert_eq!((zh.status.code(), said.lines().count()), (Some(1), 2), "{said}");
    let first = said.lines().next().unwrap();
    let reason = first.rsplit('：').next().unwrap();
    assert!(is_chinese(reason), "{first}");
}

pub fn names(folder: &Path) -> Vec<String> {
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut all: Vec<_> = all.map(|name| name.into_string().unwrap()).collect();
    all.sort();
    all
}

/// What `bid seal` is given beside its folder.
pub struct Desk {
    pub folder: crate::support::TestFolder,
    pub common: Vec<String>,
    pub unit: String,
}

impl Desk {
    pub fn new(name: &str) -> Self {
        let folder = folder(name);
        let at = |name: &str| folder.join(name).display().to_string();
        let everybody = Everybody::new();
        let view = everybody.unit();
        std::fs::write(at("unit.json"), serde_json::to_string(&view).unwrap()).unwrap();
        std::fs::write(at("roster.note"), everybody.roster.encode()).unwrap();
        let unit = sealbid::cli::bid::CheckedUnit::new(&view, &everybody.pinned()).unwrap();
        let (key, _) = new_key(&folder, "enterprise");
        super::sealing::keep_private(&at("pass"), "correct horse\n");
        let pin = everybody.roster.sha256().to_string();
        let (roster, unit_file, pass) = (at("roster.note"), at("unit.json"), at("pass"));
        let common = [
            "--key",
            &key,
            "--unit",
            &unit_file,
            "--passphrase-file",
            &pass,
            "--roster",
            &roster,
            "--trust",
            &pin,
        ];
        let common = common.map(str::to_owned).to_vec();
        let unit = unit.id().to_string();
        Self { folder, common, unit }
    }

    pub fn at(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// A folder to seal from, whose bid names this file.
    pub fn offer(&self, name: &str, file: &str) -> String {
        let offer = self.at(name);
        done(&["bid", "new", &offer, "--unit", &self.unit]);
        let path = format!("{offer}/bid.toml");
        let plan = std::fs::read_to_string(&path).unwrap();
        let plan = plan.replace("files = []", &format!("files = [\"{file}\"]"));
        let plan = plan.replace("# price = \"1234567.89\"", "price = \"980000.00\"");
        std::fs::write(&path, plan).unwrap();
        offer
    }

    pub fn seal<'a>(&'a self, offer: &'a str) -> Vec<&'a str> {
        let mut all = vec!["bid", "seal", offer];
        all.extend(self.common.iter().map(String::as_str));
        all
    }
}

#[test]
fn a_bid_with_a_name_in_chinese_and_spaces_is_sealed() {
    let desk = Desk::new("cli_names");
    let offer = desk.offer("报价 one", "施工 方案.pdf");
    std::fs::write(format!("{offer}/施工 方案.pdf"), b"method").unwrap();
    let told = done(&desk.seal(&offer));
    assert!(told.contains("报价 one/bid-1.bid"), "{told}");
}

#[test]
fn what_cannot_be_sealed_leaves_nothing_behind() {
    let desk = Desk::new("cli_unsealed");
    let before = |offer: &str| names(Path::new(offer));
    let large = desk.offer("large", "big.bin");
    huge(&format!("{large}/big.bin"));
    let is_folder = desk.offer("is_folder", "sub");
    std::fs::create_dir(format!("{is_folder}/sub")).unwrap();
    let hidden = desk.offer("hidden", "a\u{202e}fdp.exe");
    std::fs::write(format!("{hidden}/a\u{202e}fdp.exe"), b"x").unwrap();
    let missing = desk.offer("missing", "none.pdf");
    for (offer, reason) in [
        (&large, "the files have 4294967296 bytes"),
        (&is_folder, "it is a folder"),
        (&hidden, "control or bidirectional character"),
        (&missing, "it is not there"),
    ] {
        let there = before(offer);
        in_both(&desk.seal(offer), reason);
        assert_eq!(before(offer), there, "{offer}");
    }
}

#[test]
fn what_is_no_bid_is_said_to_be_none() {
    let desk = Desk::new("cli_no_bid");
    let (big, sub) = (desk.at("big.bid"), desk.at("sub"));
    huge(&big);
    std::fs::create_dir(&sub).unwrap();
    let key = desk.common[1].clone();
    let check = |file: &str, reason: &str| {
        in_both(&["bid", "check", file, "--key", &key], reason);
    };
    check(&big, "it is no .bid file");
    check(&sub, "it is a folder");
    check(&desk.at("none.bid"), "it is not there");
    // What is read whole is never read without end.
    let (pin, unit) = (desk.common[9].clone(), desk.at("unit.json"));
    for (what, roster) in [("--unit", desk.at("roster.note")), ("--roster", big.clone())] {
        let unit = if what == "--unit" { &big } else { &unit };
        let all = [
            "bid", "check", &big, "--key", &key, "--unit", unit, "--roster", &roster, "--trust",
            &pin,
        ];
        in_both(&all, "it is too large");
    }
    assert_eq!(names(Path::new(&sub)), Vec::<String>::new());
}

#[test]
fn a_plan_that_is_not_right_is_named_with_its_line() {
    let desk = Desk::new("cli_plan");
    let offer = desk.offer("offer", "a.pdf");
    let path = format!("{offer}/bid.toml");
    let plan = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("surplus = 1\n{plan}")).unwrap();
    in_both(&desk.seal(&offer), "bid.toml is not right: line 1, column 1: ");
    std::fs::write(&path, b"\xff\xfe").unwrap();
    in_both(&desk.seal(&offer), "it is not UTF-8");
}
