//! Do the properties that the fuzz targets assert hold near what is right, where most of what a
//! stranger would try lies, and does each of them let something in?
//!
//! With `SEALBID_TEST_SEEDS=DIR` the seeds are written to `DIR/<target>/`, for the fuzzer to begin
//! with.

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;
use sealbid::bid::envelope::{pack_shares, write};
use sealbid::bid::tus::checksum_value;
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::note::Note;
use sealbid::crypto::seal::Identity;
use sealbid::crypto::seal::payload::seal_bid;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::chain::Chain;
use sealbid::opening::statements::Suspension;
use serde_json::json;

use crate::configuration::LEAST;
use crate::formats_document::{documented, example_case};
use crate::opening_world::roster;
use crate::properties::{ALL, KEY, Property, issued, kept_file};

const BID: &[u8] = include_bytes!("../golden/bid.age");
const SHARE: &[u8] = include_bytes!("../golden/bid_file/share1.age");

fn example(name: &str) -> Vec<u8> {
    documented(name).unwrap_or_else(|| panic!("no example {name}")).into()
}

fn lines(name: &str) -> Vec<Vec<u8>> {
    documented(name).unwrap().lines().map(|line| line.as_bytes().to_vec()).collect()
}

/// The texts of every statement in the document, two lines each.
fn statements() -> Vec<Vec<u8>> {
    ["bodies", "tender", "bid", "opening", "draw", "record"]
        .iter()
        .flat_map(|part| lines(&format!("statements-{part}")))
        .collect::<Vec<_>>()
        .chunks(2)
        .map(|pair| [&pair[0], b"\n".as_slice(), &pair[1], b"\n"].concat())
        .collect()
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn bid_file() -> Vec<u8> {
    let shares = vec![SHARE.to_vec(); 4];
    write(Vec::new(), &example("note"), BID.len() as u64, &mut &*BID, &shares).unwrap()
}

fn sealed() -> Vec<u8> {
    let key: Identity = KEY.parse().unwrap();
    let mut out = Vec::new();
    seal_bid(&mut out, &key.recipient(), &SystemEntropy::new(), b"{\"seq\":1}", Vec::new())
        .unwrap();
    out
}

fn names() -> Vec<Vec<u8>> {
    let hash = Hash::of(b"unit").to_string();
    let id = |prefix: &str| format!("{prefix}_{:032x}", 7);
    let mut names = texts([&hash, "c1", "public", "bids.example/record", "kind.json"]);
    names.extend(
        ["bid", "doc", "drw", "ent", "exp", "lib", "lot", "ses", "tnd", "upl"]
            .map(|p| id(p).into_bytes()),
    );
    names.extend(texts(["entry-0000000000000007", "roster-0000000000000001", "operator:wang"]));
    names.push(format!("sealed-{hash}").into_bytes());
    names
}

/// A tender as its buyer writes it.
const TENDER: &str = r#"title = "桥"
documents_until = "2027-01-15 17:00"
[[lots]]
title = "One"
[[lots.stages]]
stage = "single"
deadline = "2027-02-15 09:30"
open_at = "2027-02-15 09:30"
challenge_ms = 600000
min = 3
"#;

fn bid_plan() -> Vec<u8> {
    let (unit, bid) = (Hash::of(b"unit"), format!("bid_{:032x}", 7));
    let offer = "[offer]\ncurrency = \"CNY\"\nprice = \"12.50\"\npromises = []\n";
    format!("unit = \"{unit}\"\nbid = \"{bid}\"\nfiles = [\"a.pdf\"]\n{offer}").into()
}

fn asked() -> Vec<Vec<u8>> {
    let hash = Hash::of(b"line");
    let texts = [
        json!({ "credentials": [], "proposed": "a", "unit": "b" }),
        json!({ "amendment": "a", "credentials": ["c"], "proposed": "b", "unit_id": hash }),
        json!({ "checkpoint": "a", "close": "b", "lodged": [], "proposed": "c" }),
        json!({ "account": { "accepted": "a", "credentials": [] }, "close": "b", "unit": "c" }),
        json!({ "account": { "accepted": "a", "credentials": [] }, "accounts": [], "close": "b",
                "finding": "c", "unit": "d" }),
        json!({ "close_receipt": "a", "unit": "b" }),
        json!({ "suspension": "a", "unit": "b" }),
        json!({ "credentials": [], "manifest": "a", "receipts": ["b"] }),
        json!({ "after": hash, "query": "a" }),
        json!({ "line": hash, "query": "a" }),
    ];
    texts.iter().map(|it| it.to_string().into_bytes()).collect()
}

fn export() -> Vec<Vec<u8>> {
    let (salt, leaf) = (Hash::of(b"salt"), Hash::of(b"leaf"));
    let unit = json!({ "deadline": 1, "from": 2, "open_at": 3, "unit": leaf });
    let about = json!({ "format": "sealbid/export/v1", "level": "public", "reader": "public",
        "waiting": [unit] });
    let withheld = json!({ "index": 1, "leaf": leaf, "why": "sealed" });
    let entry = json!({ "event": "text", "index": 0, "salt": salt });
    [about, withheld, entry].iter().map(|it| it.to_string().into_bytes()).collect()
}

/// What each property must let in.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let one = |bytes: Vec<u8>| vec![bytes];
    let checkpoint = Note::parse(&example("checkpoint")).unwrap();
    match target {
        "asked" => asked(),
        "bid_plan" => one(bid_plan()),
        "export" => export(),
        "kept" => one(kept_file()),
        "rosters" => one(Chain::begin(roster()).unwrap().encode().into_bytes()),
        "tender_plan" => texts([TENDER]),
        "unit_file" => texts([r#"{"credentials":["a"],"deadline":1,"unit":"b"}"#]),
        "age_profile" => vec![BID.to_vec(), SHARE.to_vec()],
        "bid_file" => one(bid_file()),
        "bundle" => one(hex::decode(documented("entry-bundle").unwrap().trim()).unwrap()),
        "case_entry" => one(example("case-entry")),
        "case_file" => one(example_case()),
        "case_opened" => one(example("case-opened")),
        "checkpoint" => vec![checkpoint.text().into(), b"7\n".to_vec()],
        "config" => texts([LEAST]),
        "cosignatures" => vec![example("checkpoint"), checkpoint.signatures()[1].line().into()],
        "event" => [lines("events"), lines("bid-json"), lines("contribution")].concat(),
        "json" => [lines("events"), texts(["null", "-1", "[\"é\"]"])].concat(),
        "keys" => {
            let recipient = KEY.parse::<Identity>().unwrap().recipient().to_string();
            let pin = Hash::of(b"roster").to_string();
            texts([documented("log-key").unwrap().trim(), KEY, &recipient, &pin])
        }
        "names" => names(),
        "note" => vec![example("note"), example("checkpoint")],
        "open" => one(sealed()),
        "policy" => one(example("policy")),
        "proofs" => vec![vec![9, 3], vec![63, 0], vec![6, 4]],
        "receipt" => one(example("receipt")),
        "rule_pack" => texts([include_str!("../../rulepacks/demo.toml")]),
        "shares" => {
            let bare = [[7; 32].as_slice(), &[1]].concat();
            vec![SHARE.to_vec(), pack_shares(&vec![SHARE.to_vec(); 2]), bare]
        }
        "statement" => statements(),
        "tar" => one(include_bytes!("../golden/tar/payload.tar").to_vec()),
        "tile_path" => lines("tile-paths"),
        "token" => texts([issued()]),
        "tus" => texts(["0", "1048576", &checksum_value(&Hash::of(b"part"))]),
        "uscc" => texts(["91350100M000100Y43", " 91350100m000100y43"]),
        "witness_request" => one(example("add-checkpoint")),
        unknown => panic!("{unknown} is a new property: say what it must let in"),
    }
}

#[test]
fn every_property_lets_in_what_is_right() {
    let folder = std::env::var_os("SEALBID_TEST_SEEDS");
    for (target, holds) in ALL {
        for (number, seed) in seeds(target).iter().enumerate() {
            assert!(holds(seed), "{target}: {}", String::from_utf8_lossy(seed));
            if let Some(folder) = &folder {
                let folder = Path::new(folder).join(target);
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(folder.join(format!("seed-{number}")), seed).unwrap();
            }
        }
    }
}

/// What once broke a property stands in `fuzz/regressions/<target>/`.
#[test]
fn what_once_broke_a_property_does_so_no_more() {
    for (target, holds) in ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions").join(target);
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries {
            holds(&std::fs::read(entry.unwrap().path()).unwrap());
        }
    }
}

#[test]
fn every_property_is_a_target_and_every_target_is_built() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    let of = |line: &str| line.strip_prefix("path = \"fuzz_targets/").map(str::to_owned);
    let built: BTreeSet<String> = manifest.lines().filter_map(of).collect();
    let mut named = BTreeSet::new();
    for (target, _) in ALL {
        let source = fuzz.join(format!("fuzz_targets/{target}.rs"));
        let source = std::fs::read_to_string(source).unwrap_or_else(|_| panic!("no {target}"));
        assert!(source.contains(&format!("sealbid_fuzz::{target}(bytes)")), "{target}");
        named.insert(format!("{target}.rs\""));
    }
    assert_eq!(built, named);
}

#[derive(Clone, Debug)]
enum Change {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Drop(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
    Again(prop::sample::Index, usize),
    End(prop::sample::Index),
}

fn changes() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    let telling = prop::sample::select(b"\0\n\r \t\"\\,:{}[]=+/.-_0129aAzZ\x7f\x80\xff".to_vec());
    let inserted = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..4),
        prop::sample::select(vec!["\u{202e}", "\u{feff}", "e\u{301}", "\n\n", "null", "\\u0041"])
            .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop_oneof![
        (at(), telling).prop_map(|(at, to)| Change::Set(at, to)),
        (at(), 0u8..8).prop_map(|(at, bit)| Change::Flip(at, 1 << bit)),
        (at(), 1..40usize).prop_map(|(at, count)| Change::Drop(at, count)),
        (at(), inserted).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at(), 1..100usize).prop_map(|(at, count)| Change::Again(at, count)),
        at().prop_map(Change::End),
    ]
}

fn changed(seed: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match change {
            Change::Set(at, to) => bytes[at.index(length)] = *to,
            Change::Flip(at, bits) => bytes[at.index(length)] ^= bits,
            Change::Drop(at, count) => {
                let at = at.index(length);
                bytes.drain(at..length.min(at + count));
            }
            Change::Insert(at, more) => {
                let at = at.index(length + 1);
                bytes.splice(at..at, more.iter().copied());
            }
            Change::Again(at, count) => {
                let at = at.index(length);
                let again = bytes[at..length.min(at + count)].to_vec();
                bytes.splice(at..at, again);
            }
            Change::End(at) => bytes.truncate(at.index(length)),
        }
    }
    bytes
}

fn any_seed() -> impl Strategy<Value = (&'static str, Property, Vec<u8>)> {
    let all = ALL.iter().flat_map(|(target, holds)| {
        seeds(target).into_iter().map(|seed| (*target, *holds, seed)).collect::<Vec<_>>()
    });
    prop::sample::select(all.collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    #[test]
    fn every_property_holds_near_what_is_right(
        (target, holds, seed) in any_seed(),
        changes in prop::collection::vec(changes(), 1..4),
    ) {
        let bytes = changed(&seed, &changes);
        let held = std::panic::catch_unwind(|| holds(&bytes));
        prop_assert!(held.is_ok(), "{}: {}", target, String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn an_altered_byte_of_a_signed_statement_is_refused(
        at in any::<prop::sample::Index>(),
        by in 1u8..,
    ) {
        let signer = crate::record_formats::log_key();
        let text = statements().into_iter().find(|text| text.starts_with(b"sealbid/suspension"));
        let mut note = Note::new(String::from_utf8(text.unwrap()).unwrap()).unwrap();
        note.sign(&signer);
        let mut bytes = note.encode().into_bytes();
        let read = |bytes: &[u8]| {
            let statement = Statement::<Suspension>::parse(bytes).map_err(drop)?;
            statement.note().require(signer.verifying()).map_err(drop)
        };
        prop_assert!(read(&bytes).is_ok());
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        prop_assert!(read(&bytes).is_err());
    }
}
