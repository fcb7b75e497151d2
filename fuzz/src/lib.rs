//! What must hold for any bytes that a stranger sends: one function per format.
//!
//! Invariant: each panics when its property is broken and otherwise says whether it let the bytes
//! in. The fuzz targets and the tests (`tests/it/foreign_bytes.rs`) call the same functions; a test
//! shows each of them bytes that it must let in, so that none refuses everything unseen.
//!
//! ```text
//! SEALBID_TEST_SEEDS=$PWD/fuzz/corpus cargo test --test it foreign_bytes   # what to begin with
//! cargo fuzz run --dev -s none json                                        # on stable; cargo install cargo-fuzz
//! ```
//! What breaks a property goes to `fuzz/regressions/<target>/`, where the tests try it from then on.
#![allow(missing_docs, reason = "every property says above it what it is")]

mod files;
mod record;
mod sealed;
mod statements;
mod words;

pub use files::*;
pub use record::*;
pub use sealed::*;
pub use statements::*;
pub use words::*;

/// What a target calls.
pub type Property = fn(&[u8]) -> bool;

/// Every property by the name of its target.
pub const ALL: &[(&str, Property)] = &[
    ("age_profile", age_profile),
    ("asked", asked),
    ("bid_file", bid_file),
    ("bid_plan", bid_plan),
    ("bundle", bundle),
    ("case_entry", case_entry),
    ("case_file", case_file),
    ("case_opened", case_opened),
    ("checkpoint", checkpoint),
    ("config", config),
    ("cosignatures", cosignatures),
    ("event", event),
    ("export", export),
    ("json", json),
    ("kept", kept),
    ("keys", keys),
    ("names", names),
    ("note", note),
    ("open", open),
    ("policy", policy),
    ("proofs", proofs),
    ("receipt", receipt),
    ("rosters", rosters),
    ("rule_pack", rule_pack),
    ("shares", shares),
    ("statement", statement),
    ("tar", tar),
    ("tender_plan", tender_plan),
    ("tile_path", tile_path),
    ("token", token),
    ("tus", tus),
    ("unit_file", unit_file),
    ("uscc", uscc),
    ("witness_request", witness_request),
];

/// The target's own: a text of UTF-8, or nothing to do.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// Asserts that an accepted value was written as it was read.
fn same(written: impl AsRef<[u8]>, read: &[u8]) -> bool {
    assert_eq!(String::from_utf8_lossy(written.as_ref()), String::from_utf8_lossy(read));
    assert_eq!(written.as_ref(), read);
    true
}
