//! Disclosed entries in text: like a tlog-proof, but all proofs lead to the case's one head.

use crate::crypto::hash::Hash;
use crate::record::leaf::{Salt, leaf};
use crate::record::spelling;

const ENTRY_HEADER: &str = "sealbid/case-entry/v1";
const OPENED_HEADER: &str = "sealbid/case-opened/v1";
/// In place of the event of a pad.
const PAD: &str = "pad";

/// A disclosed entry with its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseEntry {
    /// Its index in the record.
    pub index: u64,
    /// The leaf's salt.
    pub salt: Salt,
    /// The event's bytes; none in a pad.
    pub event: Vec<u8>,
    /// The inclusion proof to the head, the leaf's sibling first.
    pub proof: Vec<Hash>,
}

/// A leaf opened by salt and event, its place proven by the whole tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedLeaf {
    /// Its index in the record.
    pub index: u64,
    /// The leaf's salt.
    pub salt: Salt,
    /// The event's bytes; none in a pad.
    pub event: Vec<u8>,
}

impl OpenedLeaf {
    /// The record's entry.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        leaf(&self.salt, &self.event)
    }
}

impl CaseEntry {
    /// The record's entry.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        leaf(&self.salt, &self.event)
    }

    /// The same without its proof.
    #[must_use]
    pub fn opened(&self) -> OpenedLeaf {
        OpenedLeaf { index: self.index, salt: self.salt, event: self.event.clone() }
    }

    /// The member's contents.
    #[must_use]
    pub fn encode(&self) -> String {
        let salt = spelling::base64(self.salt.as_bytes());
        let event = match self.event.as_slice() {
            [] => PAD.to_owned(),
            event => format!("event {}", spelling::base64(event)),
        };
        let proof = spelling::proof_lines(&self.proof);
        format!("{ENTRY_HEADER}\nindex {}\nsalt {salt}\n{event}\n{proof}", self.index)
    }

    /// Parses a member's contents; what parses re-encodes to the same bytes.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.strip_suffix('\n')?.split('\n');
        if lines.next()? != ENTRY_HEADER {
            return None;
        }
        let index = spelling::decimal(lines.next()?.strip_prefix("index ")?)?;
        let salt =
            Salt::from_slice(&spelling::bytes(lines.next()?.strip_prefix("salt ")?)?).ok()?;
        let event = match lines.next()? {
            PAD => Vec::new(),
            line => not_empty(line.strip_prefix("event ")?)?,
        };
        let proof = spelling::proof(lines)?;
        Some(Self { index, salt, event, proof })
    }
}

fn not_empty(encoded: &str) -> Option<Vec<u8>> {
    spelling::bytes(encoded).filter(|bytes| !bytes.is_empty())
}

/// The contents of an `opened-<N>` member: one line a leaf, `<index> <salt> <event or pad>`.
#[must_use]
pub fn encode_opened(leaves: &[OpenedLeaf]) -> String {
    let mut out = format!("{OPENED_HEADER}\n");
    for OpenedLeaf { index, salt, event } in leaves {
        let salt = spelling::base64(salt.as_bytes());
        let event = match event.as_slice() {
            [] => PAD.to_owned(),
            event => spelling::base64(event),
        };
        out.push_str(&format!("{index} {salt} {event}\n"));
    }
    out
}

/// Parses the contents of an `opened-<N>` member: at least one leaf, ascending.
#[must_use]
pub fn parse_opened(bytes: &[u8]) -> Option<Vec<OpenedLeaf>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.strip_suffix('\n')?.split('\n');
    if lines.next()? != OPENED_HEADER {
        return None;
    }
    let mut leaves: Vec<OpenedLeaf> = Vec::new();
    for line in lines {
        let mut words = line.split(' ');
        let (index, salt, event, None) =
            (words.next()?, words.next()?, words.next()?, words.next())
        else {
            return None;
        };
        let index = spelling::decimal(index)?;
        let salt = Salt::from_slice(&spelling::bytes(salt)?).ok()?;
        // Three letters are no base64, so a pad cannot be taken for an event.
        let event = if event == PAD { Vec::new() } else { not_empty(event)? };
        if leaves.last().is_some_and(|last| last.index >= index) {
            return None;
        }
        leaves.push(OpenedLeaf { index, salt, event });
    }
    (!leaves.is_empty()).then_some(leaves)
}
