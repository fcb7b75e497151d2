//! Is anything readable of a sealed bid found at the platform before the release: in its data folder,
//! its database, its logs, or its memory?
//!
//! One search, by `grep`, over copies taken in one moment. Its controls: it finds the same words in a
//! bidder's memory and files before they are sealed, something public at the platform in that very
//! moment, and the words themselves at the platform after the opening.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sealbid::auth::provider::install_providers;
use sealbid::bid::statements::Offer;
use sealbid::cli::client::{Access, Client};
use sealbid::cli::keys;
use sealbid::cli::output::{self, Silent};
use sealbid::clock::SystemClock;
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::json;
use sealbid::crypto::statement::Statement;
use sealbid::demo::bids::{final_price, marker, yuan};
use sealbid::demo::cast::{Part, cast};
use sealbid::opening::statements::{LineStatus, OpenedLine, Opening};
use sealbid::web::i18n::Lang;
use serde_json::Value;

use super::running::addresses;
use crate::support::wait;

/// Public, and alive in the server's memory as long as it runs.
const PUBLIC: &str = "demo.sealbid.example/record";
/// What the database holds from the first release on.
const RELEASED: [&str; 2] = ["sealbid/released/v1", "AGE-SECRET-KEY-1"];
/// The test that a child runs, and what it is told by.
const CHILD: &str = "demo::secrecy::a_bidders_memory_before_it_seals";
const DOCUMENT: &str = "SEALBID_TEST_DOCUMENT";

/// The words of every bid in both lots.
fn words() -> Vec<String> {
    [1, 2].into_iter().flat_map(words_of).collect()
}

/// The words of every bid in a lot: each price, and what stands in each document, as it is and as Base64
/// would write it.
fn words_of(lot: u32) -> Vec<String> {
    let mut bids = cast().unwrap();
    bids.retain(|bidder| lot == 1 || bidder.bids_twice);
    let mut words: Vec<String> = bids.iter().map(|bidder| yuan(final_price(bidder, lot))).collect();
    for marker in bids.iter().map(|bidder| marker(lot, bidder)) {
        for skipped in 0..3 {
            // Whatever stands before it, and without the characters that its neighbours share.
            let text = BASE64.encode(format!("{}{marker}", " ".repeat(skipped)));
            words.push(text[4..text.len() - 6].to_owned());
        }
        words.push(marker);
    }
    words
}

/// Prices that the opening record shows.
fn opened_prices() -> Vec<String> {
    let opens = |part| matches!(part, Part::Bids | Part::Replaces);
    let cast = cast().unwrap();
    cast.iter().filter(|b| opens(b.part)).map(|b| yuan(final_price(b, 1))).collect()
}

/// Which of the words stand anywhere below these folders.
fn search(folders: &[&Path], words: &[String]) -> BTreeSet<String> {
    let mut command = Command::new("grep");
    command.args(["-raohF", "--"]).arg(words.join("\n")).args(folders).env("LC_ALL", "C");
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.is_empty() && output.status.code() != Some(2), "{errors}");
    let found = String::from_utf8(output.stdout).unwrap();
    found.lines().map(str::to_owned).collect()
}

/// Everything readable in a process, into a file.
fn copy_memory(process: u32, to: &Path) {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let mut out = File::create_new(to).unwrap();
    let mut copied = 0;
    // What is mapped from a file and cannot be written is the program itself.
    let is_own = |line: &&str| line.contains(" rw") || (line.contains(" r") && !line.contains('/'));
    for line in maps.lines().filter(is_own) {
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut region = vec![0; usize::try_from(end - start).unwrap()];
        // A region that went away in between, or that the kernel keeps for itself, holds nothing.
        if memory.read_exact_at(&mut region, start).is_ok() {
            out.write_all(&region).unwrap();
            copied += region.len();
        }
    }
    assert!(copied > 1 << 20, "the memory of process {process} could be read");
}

/// The processes whose command lines name this folder, and the word.
fn processes(dir: &Path, word: &str) -> Vec<u32> {
    let all = fs::read_dir("/proc").unwrap();
    let ids = all.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        let line = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let mut words = line.split('\0');
        line.contains(dir.to_str().unwrap()) && words.nth(1) == Some(word)
    })
    .collect()
}

/// What the platform holds at one moment.
pub struct Copies {
    kept: PathBuf,
    memory: PathBuf,
}

impl Copies {
    /// Copies data folder with its database, logs, and the memory of the server and all custodians.
    pub fn take(dir: &Path, to: &Path) -> Self {
        let copies = Self { kept: to.join("kept"), memory: to.join("memory") };
        fs::create_dir_all(&copies.kept).unwrap();
        fs::create_dir_all(&copies.memory).unwrap();
        let servers = processes(dir, "serve");
        let agents = processes(dir, "custodian");
        assert_eq!((servers.len(), agents.len() >= 4), (1, true), "{servers:?} {agents:?}");
        for id in servers.iter().chain(&agents) {
            copy_memory(*id, &copies.memory.join(id.to_string()));
        }
        for part in ["data", "logs", "custodians"] {
            let copied =
                Command::new("cp").arg("-r").arg(dir.join(part)).arg(&copies.kept).status();
            assert!(copied.unwrap().success());
        }
        copies
    }

    fn both(&self, words: &[String]) -> BTreeSet<String> {
        search(&[&self.kept, &self.memory], words)
    }

    /// Nothing of any bid, no key of any unit; the same search finds what is public.
    pub fn hold_nothing_readable(&self) {
        assert_eq!(self.both(&words()), BTreeSet::new(), "before the release");
        let released = RELEASED.map(str::to_owned);
        assert_eq!(search(&[&self.kept], &released), BTreeSet::new(), "before the release");
        for place in [&self.kept, &self.memory] {
            let found = search(&[place], &[PUBLIC.to_owned()]);
            assert!(found.contains(PUBLIC), "{} can be searched", place.display());
        }
    }

    /// The search finds every price that was opened, and the keys that opened it.
    pub fn hold_what_was_opened(&self) {
        let kept =
            search(&[&self.kept], &[&words()[..], &RELEASED.map(str::to_owned)[..]].concat());
        for word in opened_prices().iter().map(String::as_str).chain(RELEASED) {
            assert!(kept.contains(word), "{word} is not found after the opening: {kept:?}");
        }
        for marker in cast().unwrap().iter().map(|bidder| marker(1, bidder)) {
            assert!(!kept.contains(&marker), "documents are never stored in the clear");
        }
        assert_eq!(self.both(&words_of(2)), BTreeSet::new(), "a lot that was voided stays sealed");
    }
}

/// The server's answers hold, after the opening, what its folders did not hold before.
pub fn answers_hold_what_was_sealed(dir: &Path, work: &Path) {
    install_providers();
    let url = format!("http://{}", addresses(dir)[0]);
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy::new()));
    let buyer = keys::load(&dir.join("keys/buyer")).unwrap();
    let client = Client::new(&url, Lang::En, clock, entropy).unwrap().with_key(buyer);
    let get = |path: &str| -> Value { wait(client.get(path, Access::Public)).unwrap() };
    let tender = get("/tenders")["tenders"][0]["tender"].clone();
    let tender = get(&format!("/tenders/{}", tender.as_str().unwrap()));
    let unit = tender["units"].as_array().unwrap().iter().find(|unit| unit["state"] == "opened");
    let unit = unit.unwrap()["unit_id"].as_str().unwrap().to_owned();
    let opening = get(&format!("/units/{unit}/opening"))["opening"].clone();
    let opening = opening.as_str().unwrap();
    for price in opened_prices() {
        assert!(opening.contains(&price), "{price} is not in {opening}");
    }
    let opening = Statement::<Opening>::parse(opening.as_bytes()).unwrap();
    let opened = |line: &&OpenedLine| matches!(line.outcome, LineStatus::Opened { .. });
    let line = opening.body().lines.iter().find(opened).unwrap().line;
    let place = work.join("answers");
    fs::create_dir(&place).unwrap();
    let path = format!("/api/v1/units/{unit}/lines/{line}/documents/technical.pdf");
    let to = place.join("technical.pdf");
    let kind = output::Access::Usual;
    wait(client.save(&path, Access::Own, &to, kind, &Silent)).unwrap();
    let found = search(&[&place], &words());
    assert_eq!(found.len(), 1, "the marker of its bidder: {found:?}");
}

/// Holds a bid as it is before it is sealed until it is told to go; an empty test for everybody else.
#[test]
fn a_bidders_memory_before_it_seals() {
    let Some(path) = std::env::var_os(DOCUMENT) else { return };
    let document = fs::read(path).unwrap();
    let bidder = &cast().unwrap()[0];
    let price = Some(yuan(final_price(bidder, 1)));
    let offer = Offer { currency: "CNY".into(), duration_days: None, price, promises: Vec::new() };
    let offer = json::to_string(&offer).unwrap();
    println!("\nholds {} {}", document.len(), offer.len());
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    assert!(document.len() > offer.len());
}

/// Kills the child whatever becomes of the test.
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The search finds the words where they belong: in a bidder's memory and files before sealing.
pub fn a_bidder_holds_its_words_before_it_seals(dir: &Path, work: &Path) {
    let document = dir.join("bids/lot1-01/technical.pdf");
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", CHILD, "--nocapture"]).env(DOCUMENT, &document);
    let mut child = Held(child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut told = std::io::BufReader::new(child.0.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("holds ") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut told, &mut line).unwrap() > 0, "the child ended");
    }
    let place = work.join("bidder");
    fs::create_dir(&place).unwrap();
    copy_memory(child.0.id(), &place.join("memory"));
    let bidder = &cast().unwrap()[0];
    let (marker, price) = (marker(1, bidder), yuan(final_price(bidder, 1)));
    let found = search(&[&place], &words());
    assert!(found.contains(&marker) && found.contains(&price), "{found:?}");
    let found = search(&[&dir.join("bids")], &words());
    assert!(found.contains(&marker));
    let second = words_of(2);
    assert!(second.iter().any(|word| found.contains(word)), "the second lot's words can be found");
}
