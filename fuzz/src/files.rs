//! What people's programs read from files and from each other: rosters, plans, exports, units, kept
//! identities, and what an agent is asked.

use std::fmt::Debug;
use std::path::Path;
use std::sync::LazyLock;

use sealbid::cli::bid::{Plan as BidPlan, UnitView};
use sealbid::cli::record::{About, Entry, Withheld};
use sealbid::cli::tender::parse_plan;
use sealbid::crypto::seal::Identity;
use sealbid::crypto::seal::kept::{WorkFactor, keep, recover};
use sealbid::custodian::chain::Chain;
use sealbid::custodian::wire::{
    AskAmendment, AskAnswer, AskChallenge, AskChallenges, AskClose, AskLodge, AskLodged,
    AskLodgedBid, AskRecipient, AskRelease, AskSuspend, AskUnit, AskWindow,
};
use sealbid::record::leaf::leaf;
use sealbid::tender::rules::{Plan, check_plan};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::{KEY, same, text};

/// What is read as JSON says the same when it is written again.
fn json<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) -> bool {
    let Ok(read) = serde_json::from_slice::<T>(bytes) else { return false };
    let written = serde_json::to_vec(&read).expect("it was read");
    assert_eq!(serde_json::from_slice::<T>(&written).expect("it was written"), read);
    true
}

/// A chain of rosters is its notes, one after another, and nothing else.
pub fn rosters(bytes: &[u8]) -> bool {
    Chain::parse(bytes).is_ok_and(|chain| same(chain.encode(), bytes))
}

/// What an agent is asked; the first line of `/lodge` with it.
pub fn asked(bytes: &[u8]) -> bool {
    let read = [
        json::<AskRecipient>(bytes),
        json::<AskUnit>(bytes),
        json::<AskAmendment>(bytes),
        json::<AskClose>(bytes),
        json::<AskChallenge>(bytes),
        json::<AskChallenges>(bytes),
        json::<AskAnswer>(bytes),
        json::<AskWindow>(bytes),
        json::<AskRelease>(bytes),
        json::<AskSuspend>(bytes),
        json::<AskLodge>(bytes),
        json::<AskLodged>(bytes),
        json::<AskLodgedBid>(bytes),
    ];
    read.contains(&true)
}

/// A tender's file: its plan travels as it was read, and is judged whatever it says.
pub fn tender_plan(bytes: &[u8]) -> bool {
    let Some(Ok(plan)) = text(bytes).map(|text| parse_plan(Path::new("tender.toml"), text)) else {
        return false;
    };
    let written = serde_json::to_vec(&plan).expect("it was read");
    assert_eq!(serde_json::from_slice::<Plan>(&written).expect("it was written"), plan);
    assert!(check_plan(&plan).is_err() || !plan.lots.is_empty());
    true
}

/// `bid.toml`.
pub fn bid_plan(bytes: &[u8]) -> bool {
    let Some(Ok(plan)) = text(bytes).map(BidPlan::parse) else { return false };
    let written = serde_json::to_vec(&plan).expect("it was read");
    assert_eq!(serde_json::from_slice::<BidPlan>(&written).expect("it was written"), plan);
    true
}

/// A unit's file, as a bidder takes it off-line.
pub fn unit_file(bytes: &[u8]) -> bool {
    json::<UnitView>(bytes)
}

/// What an exported record is of, and the lines of its files. An entry gives its leaf.
pub fn export(bytes: &[u8]) -> bool {
    if let Ok(entry) = serde_json::from_slice::<Entry>(bytes) {
        assert_eq!(entry.leaf(), leaf(&entry.salt, entry.event.as_bytes()));
    }
    json::<About>(bytes) || json::<Entry>(bytes) || json::<Withheld>(bytes)
}

/// The passphrase of [`kept_file`].
static PASSPHRASE: LazyLock<Zeroizing<String>> =
    LazyLock::new(|| Zeroizing::new("a passphrase of six words".to_owned()));

/// The identity of [`KEY`] as it is kept.
#[must_use]
pub fn kept_file() -> Vec<u8> {
    let key: Identity = KEY.parse().expect("a key");
    keep(&key, &PASSPHRASE, WorkFactor::TEST).expect("it is kept")
}

/// From a file under one passphrase comes the identity that was kept, or none: nobody without the
/// passphrase writes another. Files that cost more than the test's own are not looked into.
pub fn kept(bytes: &[u8]) -> bool {
    let head = bytes.get(..200.min(bytes.len())).unwrap_or_default();
    let line = String::from_utf8_lossy(head);
    let factor = line.lines().nth(1).and_then(|line| line.rsplit(' ').next());
    if factor.is_none_or(|factor| factor != "4") {
        return false;
    }
    let Ok(found) = recover(bytes, &PASSPHRASE) else { return false };
    let key: Identity = KEY.parse().expect("a key");
    assert_eq!(found.recipient().to_string(), key.recipient().to_string());
    true
}
