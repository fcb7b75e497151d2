//! Proofs that fit in a file (c2sp.org/tlog-proof) and receipts, which are such files.
//!
//! Invariant: parsing shows nothing; [`Receipt::verify`] needs no network and names who cosigned.
//! A receipt's `extra` line is the salt followed by the event's bytes, which the leaf binds.

use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::note::Note;

use super::checkpoint::{CheckpointError, Cosigned};
use super::leaf::{Salt, leaf};
use super::spelling;
use super::tree::{self, ProofError, leaf_hash};

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Why bytes are not a proof, or it shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not a tlog-proof in its one spelling.
    #[error("not a proof of the form {HEADER}")]
    Malformed,
    /// A proof without salt and event.
    #[error("the proof carries no salt and event")]
    NoEvent,
    /// Its checkpoint.
    #[error("its checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// Its inclusion proof.
    #[error("its inclusion proof: {0}")]
    Proof(#[from] ProofError),
}

/// An inclusion proof with its checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Opaque bytes beside the proof; never empty.
    pub extra: Option<Vec<u8>>,
    /// The entry's index.
    pub index: u64,
    /// The inclusion proof, the leaf's sibling first.
    pub hashes: Vec<Hash>,
    /// The checkpoint with its signatures.
    pub checkpoint: Note,
}

impl TlogProof {
    /// The file's contents; `.tlog-proof` is its extension.
    #[must_use]
    pub fn encode(&self) -> String {
        let extra = self.extra.as_ref().filter(|extra| !extra.is_empty());
        let extra = extra.map(|extra| format!("extra {}\n", spelling::base64(extra)));
        let (extra, hashes) = (extra.unwrap_or_default(), spelling::proof_lines(&self.hashes));
        let checkpoint = self.checkpoint.encode();
        format!("{HEADER}\n{extra}index {}\n{hashes}\n{checkpoint}", self.index)
    }

    /// Parses a file's contents; what parses re-encodes to the same bytes.
    ///
    /// # Errors
    /// [`ReceiptError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let text = std::str::from_utf8(bytes).map_err(|_| ReceiptError::Malformed)?;
        let (mut head, rest) = spelling::head_and_rest(text).ok_or(ReceiptError::Malformed)?;
        if head.next() != Some(HEADER) {
            return Err(ReceiptError::Malformed);
        }
        let mut line = head.next().ok_or(ReceiptError::Malformed)?;
        let mut extra = None;
        if let Some(encoded) = line.strip_prefix("extra ") {
            let bytes = spelling::bytes(encoded).filter(|bytes| !bytes.is_empty());
            extra = Some(bytes.ok_or(ReceiptError::Malformed)?);
            line = head.next().ok_or(ReceiptError::Malformed)?;
        }
        let index = line.strip_prefix("index ").and_then(spelling::decimal);
        let index = index.ok_or(ReceiptError::Malformed)?;
        let hashes = spelling::proof(head).ok_or(ReceiptError::Malformed)?;
        let checkpoint = Note::parse(rest.as_bytes()).map_err(|_| ReceiptError::Malformed)?;
        Ok(Self { extra, index, hashes, checkpoint })
    }
}

/// A proof that an event stands in the record: what every act is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The leaf's salt.
    pub salt: Salt,
    /// The event's bytes.
    pub event: Vec<u8>,
    /// The leaf's index.
    pub index: u64,
    /// The inclusion proof to the checkpoint.
    pub hashes: Vec<Hash>,
    /// The checkpoint, with the cosignatures so far.
    pub checkpoint: Note,
}

impl Receipt {
    /// The file's contents.
    #[must_use]
    pub fn encode(&self) -> String {
        let extra = [self.salt.as_bytes().as_slice(), &self.event].concat();
        TlogProof {
            extra: Some(extra),
            index: self.index,
            hashes: self.hashes.clone(),
            checkpoint: self.checkpoint.clone(),
        }
        .encode()
    }

    /// Parses a receipt; proves nothing.
    ///
    /// # Errors
    /// [`ReceiptError::Malformed`], [`ReceiptError::NoEvent`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let TlogProof { extra, index, hashes, checkpoint } = TlogProof::parse(bytes)?;
        let extra = extra.ok_or(ReceiptError::NoEvent)?;
        let (salt, event) = extra.split_first_chunk::<32>().ok_or(ReceiptError::NoEvent)?;
        // Nothing but a pad has no event bytes, and pads have no receipts.
        if event.is_empty() {
            return Err(ReceiptError::NoEvent);
        }
        let salt = Salt::from_bytes(*salt);
        Ok(Self { salt, event: event.to_vec(), index, hashes, checkpoint })
    }

    /// The log's entry that this receipt is about.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        leaf(&self.salt, &self.event)
    }

    /// Checks everything that a receipt can show: the log signed a checkpoint that holds the event.
    /// Returns that checkpoint with the cosignatures of `witnesses`; whether they are enough
    /// (provisional or final) is the caller's rule.
    ///
    /// # Errors
    /// [`ReceiptError`] with the first failing check.
    pub fn verify(
        &self,
        log_key: &VerifyingKey,
        witnesses: &[VerifyingKey],
    ) -> Result<Cosigned, ReceiptError> {
        let cosigned = Cosigned::from_network(&self.checkpoint, log_key, witnesses)?;
        let (size, root) = (cosigned.checkpoint().size, &cosigned.checkpoint().root);
        let hash = leaf_hash(self.leaf().as_bytes());
        tree::verify_inclusion(&hash, self.index, size, root, &self.hashes)?;
        Ok(cosigned)
    }
}
