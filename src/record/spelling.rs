//! How numbers, hashes and bytes are spelt in the line formats of C2SP: one way each.
//!
//! Invariant: what parses re-encodes to the same text. Leading zeros, signs, loose base64 padding
//! and non-zero trailing bits are refused, so nobody can vary a signed or stored line unnoticed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::tree::MAX_PROOF;
use crate::crypto::hash::Hash;

/// A decimal number without leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Strict base64 (RFC 4648 §4).
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

/// Base64 of bytes.
pub(crate) fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// A hash in base64.
pub(crate) fn hash(text: &str) -> Option<Hash> {
    Hash::from_slice(&bytes(text)?).ok()
}

/// One base64 line for each hash of a proof.
pub(crate) fn proof_lines(proof: &[Hash]) -> String {
    proof.iter().map(|hash| base64(hash.as_bytes()) + "\n").collect()
}

/// The hashes of proof lines, at most [`MAX_PROOF`].
pub(crate) fn proof<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Vec<Hash>> {
    let mut proof = Vec::new();
    for line in lines {
        if proof.len() == MAX_PROOF {
            return None;
        }
        proof.push(hash(line)?);
    }
    Some(proof)
}

/// Splits at the first empty line: the lines before it, and the text after it.
pub(crate) fn head_and_rest(text: &str) -> Option<(std::str::Split<'_, char>, &str)> {
    let (head, rest) = text.split_once("\n\n")?;
    Some((head.split('\n'), rest))
}

/// The hashes of a text that is nothing but proof lines; empty is the empty proof.
pub(crate) fn whole_proof(text: &str) -> Option<Vec<Hash>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    proof(text.strip_suffix('\n')?.split('\n'))
}
