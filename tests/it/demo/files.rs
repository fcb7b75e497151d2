//! What the demo leaves: both case files, the receipts, the bids.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;

use sealbid::cli::verify as command;
use sealbid::verify::{Claim, Pin, Report, Trust, Verdict, verify};
use sealbid::web::i18n::{self, Lang};

use super::running::program;
use crate::outside;

fn pin(dir: &Path) -> Trust {
    std::fs::read_to_string(dir.join("trust")).unwrap().trim().parse().unwrap()
}

/// Verifies a file, a byte of it perhaps flipped as it is read.
fn judge(path: &Path, trust: Option<&Trust>, flipped: Option<u64>) -> Report {
    let mut source = || -> io::Result<Box<dyn Read + Send>> {
        let inner = BufReader::with_capacity(1 << 18, File::open(path)?);
        Ok(Box::new(Flipping { inner, at: 0, flipped }))
    };
    verify(&mut source, trust, None)
}

/// Passes bytes on, all but one as they are.
struct Flipping<R> {
    inner: R,
    at: u64,
    flipped: Option<u64>,
}

impl<R: Read> Read for Flipping<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(out)?;
        let end = self.at + got as u64;
        if let Some(flipped) = self.flipped.filter(|place| (self.at..end).contains(place)) {
            out[usize::try_from(flipped - self.at).unwrap()] ^= 1;
        }
        self.at = end;
        Ok(got)
    }
}

/// Name, first byte and length of every member of a tar without long names.
fn members(path: &Path) -> Vec<(String, u64, u64)> {
    let mut file = File::open(path).unwrap();
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let mut header = [0; 512];
        file.seek(SeekFrom::Start(at)).unwrap();
        file.read_exact(&mut header).unwrap();
        if header[0] == 0 {
            return found;
        }
        let text = |range: std::ops::Range<usize>| {
            let bytes = header[range].split(|byte| *byte == 0).next().unwrap();
            String::from_utf8(bytes.to_vec()).unwrap()
        };
        let size = u64::from_str_radix(&text(124..136), 8).unwrap();
        found.push((text(0..100), at + 512, size));
        at += 512 + size.div_ceil(512) * 512;
    }
}

pub fn both_files_verify_pinned_and_say_so_without_a_pin(dir: &Path) {
    for name in ["case.sealbid", "auditor.sealbid"] {
        let path = dir.join(name);
        let pinned = judge(&path, Some(&pin(dir)), None);
        let text = command::text(&pinned, Lang::En);
        assert_eq!((pinned.pin, pinned.exit()), (Pin::Pinned, 0), "{name}: {text}");
        let unpinned = judge(&path, None, None);
        assert_eq!((unpinned.pin, unpinned.exit()), (Pin::NotPinned, 3), "{name}");
        let other = Trust::Roster(sealbid::crypto::hash::Hash::of(b"another roster"));
        assert_eq!(judge(&path, Some(&other), None).exit(), 4, "{name}");
    }
    let auditor = judge(&dir.join("auditor.sealbid"), Some(&pin(dir)), None);
    // The other lot was voided: nothing of it was released.
    let is_opened = |found: &&Claim| found.id == "released" && found.verdict == Verdict::Ok;
    let opened: Vec<_> = auditor.claims.iter().filter(is_opened).map(|found| found.unit).collect();
    assert_eq!(opened.len(), 1);
    for claim in ["tree", "leaves", "close-complete", "one-close", "identities", "outcomes"] {
        let is_it = |it: &&Claim| it.id == claim && (it.unit.is_none() || it.unit == opened[0]);
        let of = auditor.claims.iter().find(is_it).unwrap();
        assert_eq!(of.verdict, Verdict::Ok, "{claim} is decided by the whole record");
    }
}

pub fn the_refusal_of_the_late_bid_is_proven_by_its_receipt(dir: &Path) {
    let mut found = Vec::new();
    find(&dir.join("bids"), ".refused.tlog-proof", &mut found);
    let [receipt] = found.as_slice() else { panic!("{found:?}") };
    // Only the whole record shows that no amendment moved the deadline later.
    let (case, trust) = (dir.join("auditor.sealbid"), dir.join("trust"));
    let [case, trust, receipt] = [&case, &trust, receipt].map(|path| path.to_str().unwrap());
    let arguments =
        ["verify", case, "--trust", trust, "--receipt", receipt, "--lang", "en", "--json"];
    let output = program(&arguments, dir).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let claims = said["claims"].as_array().unwrap();
    let mine = claims.iter().find(|claim| claim["id"] == "my-line").unwrap();
    assert_eq!(
        (mine["verdict"].as_str(), mine["code"].as_str()),
        (Some("ok"), Some("verify-say-my-refusal"))
    );
    assert!(mine["detail"].as_str().unwrap().contains("late"), "{mine}");
}

fn find(folder: &Path, end: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, end, found);
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
}

pub fn a_flipped_byte_in_any_member_is_noticed_and_named(dir: &Path) {
    for name in ["case.sealbid", "auditor.sealbid"] {
        let (path, pin) = (dir.join(name), pin(dir));
        let members = members(&path);
        assert!(members.len() > 20, "{name} has {} members", members.len());
        for (place, (member, start, size)) in (0_u64..).zip(&members) {
            // Another place in each, the same on every run.
            let inside = start + place.wrapping_mul(0x9E37_79B9_7F4A_7C15) % size;
            let report = judge(&path, Some(&pin), Some(inside));
            assert_eq!(report.exit(), 2, "{name}: {member} at {inside}");
            let said = i18n::say(Lang::En, &report.claims[0].detail);
            // A flipped index blames the member whose line no longer fits.
            let is_named = member == "index.json" || said.contains(member);
            assert!(is_named && report.claims[0].id == "archive", "{member}: {said}");
            if name == "case.sealbid" {
                let header = start - 512 + place % 345;
                let report = judge(&path, Some(&pin), Some(header));
                assert_eq!(report.exit(), 2, "{member}: a header's byte {}", place % 345);
            }
        }
        let last = std::fs::metadata(&path).unwrap().len() - 1;
        assert_eq!(judge(&path, Some(&pin), Some(last)).exit(), 2, "{name}: the padding");
    }
}

/// Runs the steps of docs/FORMATS.md as they stand there, but for the line's number.
pub fn stock_age_opens_a_bid_from_the_auditors_file_by_the_written_steps(dir: &Path, work: &Path) {
    for name in ["age", "age-keygen", "python3", "tar", "sh"] {
        if outside::program(name).is_none() {
            return;
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(root.join("docs/FORMATS.md")).unwrap();
    let (_, section) = document.split_once("## Opening a bid by hand").unwrap();
    let blocks: Vec<&str> = section.split("```\n").skip(1).step_by(2).take(2).collect();
    let place = work.join("by-hand");
    std::fs::create_dir(&place).unwrap();
    std::fs::rename(dir.join("auditor.sealbid"), place.join("auditor.sealbid")).unwrap();
    let docs = place.join("docs");
    std::fs::create_dir(&docs).unwrap();
    for script in ["take_bid.py", "combine.py"] {
        std::fs::copy(root.join("docs").join(script), docs.join(script)).unwrap();
    }
    let list = blocks[0].lines().next().unwrap();
    let lines = shell(list, &place);
    // The price tells whose bid it is: number 1's, which was copied.
    let line = lines.lines().find(|line| line.ends_with(" 12348672.00"));
    let number = line.unwrap().split(' ').next().unwrap();
    let taken = blocks[0].replace(" 2 bid", &format!(" {number} bid"));
    let recipient = shell(&taken, &place).lines().last().unwrap().to_owned();
    let opened = shell(blocks[1], &place);
    assert_eq!(opened.trim(), recipient, "the combined key is the manifest's");
    let offer = std::fs::read_to_string(place.join("bid.json")).unwrap();
    assert!(offer.contains("\"price\":\"12348672.00\""), "{offer}");
    for name in ["technical.pdf", "prices.xml"] {
        let original = std::fs::read(dir.join("bids/lot1-01").join(name)).unwrap();
        assert!(std::fs::read(place.join(name)).unwrap() == original, "{name} is the bidder's");
    }
}

/// What lines of shell print; each of them must succeed.
fn shell(lines: &str, place: &Path) -> String {
    let output = Command::new("sh").arg("-ec").arg(lines).current_dir(place).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{lines}\n{errors}");
    String::from_utf8(output.stdout).unwrap()
}
