//! The record's formats: checkpoints, cosignatures, proofs, receipts, tiles, policies, case files.

use std::collections::BTreeMap;
use std::io::Read;

use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::note::Note;
use sealbid::record::checkpoint::{Checkpoint, Cosigned};
use sealbid::record::policy::Policy;
use sealbid::record::proof::{Receipt, TlogProof};
use sealbid::record::tiles::{Tile, encode_bundle, parse_bundle};
use sealbid::record::tree::{self, Frontier, HashSource, SourceError, leaf_hash};
use sealbid::record::witness::{
    AddCheckpoint, encode_cosignatures, parse_cosignatures, parse_stale,
};
use sealbid::verify::casefile::{
    CaseEntry, CaseFile, CaseWriter, MemberName, encode_opened, parse_opened, read_with,
};

use super::{same, text};

/// A checkpoint's text, and the size in a witness's 409 answer, have one spelling.
pub fn checkpoint(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else { return false };
    if let Some(size) = parse_stale(bytes) {
        return same(format!("{size}\n"), bytes);
    }
    Checkpoint::parse(text).is_ok_and(|checkpoint| same(checkpoint.text(), bytes))
}

/// The log whose checkpoints these targets know.
pub const ORIGIN: &str = "bids.example/record";

/// Lines of cosignatures have one spelling. A note that verifies as cosigned has nothing in it but
/// what verifies, so it stands up to the case file's strict reading too.
pub fn cosignatures(bytes: &[u8]) -> bool {
    if let Ok(lines) = parse_cosignatures(bytes) {
        return same(encode_cosignatures(&lines), bytes);
    }
    let Ok(note) = Note::parse(bytes) else { return false };
    let key =
        |name: &str, kind, seed| SigningKey::from_seed(name, kind, &[seed; 32]).expect("a key");
    let log = key(ORIGIN, KeyKind::Statement, 1);
    let witness = key(&format!("{ORIGIN}/witness/c1"), KeyKind::Cosignature, 0x41);
    let (log, witnesses) = (log.verifying(), [witness.verifying().clone()]);
    let Ok(cosigned) = Cosigned::from_network(&note, log, &witnesses) else { return false };
    let strict = Cosigned::from_case(cosigned.note(), log, &witnesses).expect("nothing unknown");
    assert_eq!(strict.cosignatures(), cosigned.cosignatures());
    assert_eq!(strict.checkpoint(), cosigned.checkpoint());
    true
}

/// A proof file has one spelling, and a receipt is one that carries salt and event.
pub fn receipt(bytes: &[u8]) -> bool {
    let Ok(proof) = TlogProof::parse(bytes) else {
        assert!(Receipt::parse(bytes).is_err());
        return false;
    };
    if let Ok(receipt) = Receipt::parse(bytes) {
        same(receipt.encode(), bytes);
    }
    same(proof.encode(), bytes)
}

/// A request to a witness has one spelling.
pub fn witness_request(bytes: &[u8]) -> bool {
    AddCheckpoint::parse(bytes).is_ok_and(|request| same(request.encode(), bytes))
}

/// A tile has one path, and it exists in some tree.
pub fn tile_path(bytes: &[u8]) -> bool {
    let Some(Ok(tile)) = text(bytes).map(str::parse::<Tile>) else { return false };
    assert!(!tile.exists_at(0));
    same(tile.to_string(), bytes)
}

/// An entry bundle has one spelling.
pub fn bundle(bytes: &[u8]) -> bool {
    parse_bundle(bytes).is_ok_and(|entries| same(encode_bundle(&entries), bytes))
}

/// A policy means the same when it is written anew; comments and spaces are nobody's.
pub fn policy(bytes: &[u8]) -> bool {
    let Some(Ok(policy)) = text(bytes).map(Policy::parse) else { return false };
    assert_eq!(Policy::parse(&policy.to_string()).as_ref(), Ok(&policy));
    true
}

struct Leaves(Vec<Hash>);

impl HashSource for Leaves {
    fn node(&self, level: u32, index: u64) -> Result<Hash, SourceError> {
        let at = usize::try_from(index << level).map_err(|_| SourceError::Range)?;
        let leaves = self.0.get(at..at + (1 << level)).ok_or(SourceError::Range)?;
        let mut frontier = Frontier::new();
        leaves.iter().for_each(|leaf| frontier.push(*leaf));
        Ok(frontier.root())
    }
}

/// Of all proofs, only the tree's own shows a leaf at a place or a beginning of the tree. The bytes
/// choose a size below 64, an index, and say how the true proof is altered.
pub fn proofs(bytes: &[u8]) -> bool {
    let [size, index, change @ ..] = bytes else { return false };
    let size = u64::from(size % 64) + 1;
    let index = u64::from(*index) % size;
    let leaves = (0..size).map(|i| leaf_hash(&i.to_be_bytes())).collect();
    let source = Leaves(leaves);
    let root = tree::root(&source, size).expect("a tree");
    let true_proof = tree::prove_inclusion(&source, index, size).expect("a proof");
    let proof = altered(&true_proof, change);
    let leaf = leaf_hash(&index.to_be_bytes());
    let shown = tree::verify_inclusion(&leaf, index, size, &root, &proof).is_ok();
    assert_eq!(shown, proof == true_proof, "leaf {index} of {size}");
    let old = tree::root(&source, index).expect("a smaller tree");
    let true_growth = tree::prove_consistency(&source, index, size).expect("a proof");
    let growth = altered(&true_growth, change);
    let shown = tree::verify_consistency((index, &old), (size, &root), &growth).is_ok();
    assert_eq!(shown, growth == true_growth, "{index} to {size}");
    shown
}

/// Bytes in pairs: which byte of the proof is changed by what; a place beyond its end drops its last
/// hash, or adds one.
fn altered(proof: &[Hash], change: &[u8]) -> Vec<Hash> {
    let mut proof = proof.to_vec();
    for pair in change.chunks_exact(2) {
        let (at, by) = (usize::from(pair[0]), pair[1]);
        match proof.get_mut(at / 32) {
            Some(hash) => {
                let mut raw = *hash.as_bytes();
                raw[at % 32] ^= by;
                *hash = Hash::from_bytes(raw);
            }
            None if by % 2 == 0 => drop(proof.pop()),
            None => proof.push(Hash::of(pair)),
        }
    }
    proof
}

/// A disclosed entry has one spelling.
pub fn case_entry(bytes: &[u8]) -> bool {
    CaseEntry::parse(bytes).is_some_and(|entry| same(entry.encode(), bytes))
}

/// Opened leaves have one spelling.
pub fn case_opened(bytes: &[u8]) -> bool {
    parse_opened(bytes).is_some_and(|leaves| same(encode_opened(&leaves), bytes))
}

/// A case file that is read is written again byte for byte, its index too.
pub fn case_file(bytes: &[u8]) -> bool {
    let mut sealed = BTreeMap::new();
    let case = read_with(bytes, &mut |_, file| {
        let mut body = Vec::new();
        file.body.read_to_end(&mut body)?;
        sealed.insert(file.sha256, body);
        Ok(())
    });
    case.is_ok_and(|case| same(rewritten(&case, &sealed), bytes))
}

fn rewritten(case: &CaseFile, sealed: &BTreeMap<Hash, Vec<u8>>) -> Vec<u8> {
    let mut writer = CaseWriter::new(&case.header).expect("it was read");
    case.rosters.iter().for_each(|(version, note)| writer.roster(*version, note));
    case.checkpoints.iter().for_each(|note| writer.checkpoint(note).expect("it was read"));
    case.consistency.iter().for_each(|(size, proof)| writer.consistency(*size, proof));
    case.entries.iter().for_each(|entry| writer.entry(entry));
    writer.opened(&case.opened);
    let leaves = case.tree.iter().flat_map(|tree| tree.leaves.chunks(256));
    (0..).zip(leaves).for_each(|(number, leaves)| writer.bundle(number, encode_bundle(leaves)));
    case.sealed.iter().for_each(|(sha256, size)| writer.sealed(*sha256, *size));
    let mut out = Vec::new();
    let mut open = |name: &MemberName| -> std::io::Result<Box<dyn Read>> {
        let MemberName::Sealed(sha256) = name else { return Err(std::io::ErrorKind::Other.into()) };
        Ok(Box::new(std::io::Cursor::new(sealed[sha256].clone())))
    };
    writer.write(&mut out, &mut open).expect("it was read");
    out
}
