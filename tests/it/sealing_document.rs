//! Are the examples about sealing in docs/FORMATS.md what the code does?

use std::fmt::Write;

use sealbid::crypto::entropy::SeededEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::seal::padme::padme;
use sealbid::crypto::seal::payload::{LIMITS, check};
use sealbid::crypto::seal::{Identity, check_header, unit_identity};
use sealbid::crypto::shares::split;
use zeroize::Zeroizing;

use crate::formats_document::documented;

const TAR: &[u8] = include_bytes!("../golden/tar/payload.tar");
const BID: &[u8] = include_bytes!("../golden/bid.age");

fn one() -> Identity {
    Identity::from_bytes(Zeroizing::new([0x42; 32]))
}

#[test]
fn the_padme_examples_hold() {
    let said: String = [2048, 4609, 71_681, 1_000_000, (1 << 30) + 1]
        .iter()
        .fold(String::new(), |text, l| text + &format!("{l} {}\n", padme(*l).unwrap()));
    assert_eq!(documented("padme"), Some(said.as_str()));
}

#[test]
fn the_tar_example_holds() {
    let said = format!("{} bytes, SHA-256 {}\n", TAR.len(), Hash::of(TAR));
    assert_eq!(documented("tar"), Some(said.as_str()));
}

#[test]
fn the_keys_hold() {
    let unit = Hash::of(b"unit");
    let derived = unit_identity(&[7; 32], &unit);
    let mut said = String::new();
    let line = |label: &str, value: &str| format!("{label:10} {value}\n");
    said += &line("secret", &hex::encode([0x42; 32]));
    said += &line("identity", &one().encode());
    writeln!(said, "{}", line("recipient", &one().recipient().to_string())).unwrap();
    said += &line("seed", &hex::encode([7; 32]));
    said += &line("unit id", &unit.to_string());
    said += &line("identity", &derived.encode());
    said += &line("recipient", &derived.recipient().to_string());
    assert_eq!(documented("keys"), Some(said.as_str()));
}

#[test]
fn a_file_sealed_long_ago_still_opens() {
    let profile = check_header(BID).unwrap();
    let header = std::str::from_utf8(&BID[..profile.header_len]).unwrap();
    assert_eq!(documented("header"), Some(header));
    let checked = check(BID, &one(), LIMITS).unwrap();
    assert_eq!(checked.payload_sha256, Hash::of(TAR));
    assert_eq!(checked.bid_json, b"{\"seq\":1}");
}

#[test]
fn the_shares_hold() {
    let shares = split(&one(), 3, 5, &SeededEntropy::new(2026)).unwrap();
    let said: String =
        shares.iter().fold(String::new(), |text, s| text + &hex::encode(s.as_bytes()) + "\n");
    assert_eq!(documented("shares"), Some(said.as_str()));
}
