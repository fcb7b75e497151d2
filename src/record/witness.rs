//! The witness's side of the record (c2sp.org/tlog-witness): one request, one pure decision.
//!
//! Invariant: a witness cosigns only what [`consider`] allows, and stores the new state durably
//! before its cosignature leaves, so it never vouches for two histories. Deliberately absent:
//! the state's storage and HTTP (custodian), and `sign-subtree`, which is optional.

use crate::crypto::key::VerifyingKey;
use crate::crypto::note::{BadNote, Note, NoteError, NoteSignature};

use super::checkpoint::{Checkpoint, Cosigned};
use super::spelling;
use super::tree::{self, empty_root};
use crate::crypto::hash::Hash;

/// Media type of the 409 answer.
pub const SIZE_TYPE: &str = "text/x.tlog.size";

/// The body of `POST <prefix>/add-checkpoint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the witness's last checkpoint, as the log believes it.
    pub old_size: u64,
    /// Consistency from there to the checkpoint.
    pub proof: Vec<Hash>,
    /// The checkpoint, signed by the log.
    pub checkpoint: Note,
}

impl AddCheckpoint {
    /// The request's body.
    #[must_use]
    pub fn encode(&self) -> String {
        let proof = spelling::proof_lines(&self.proof);
        format!("old {}\n{proof}\n{}", self.old_size, self.checkpoint.encode())
    }

    /// Parses a request's body; at most 63 proof lines.
    ///
    /// # Errors
    /// [`WitnessRefusal::Malformed`].
    pub fn parse(body: &[u8]) -> Result<Self, WitnessRefusal> {
        let malformed = WitnessRefusal::Malformed;
        let text = std::str::from_utf8(body).map_err(|_| malformed.clone())?;
        let (mut head, rest) = spelling::head_and_rest(text).ok_or(malformed.clone())?;
        let old = head.next().and_then(|line| line.strip_prefix("old "));
        let old_size = old.and_then(spelling::decimal).ok_or(malformed.clone())?;
        let proof = spelling::proof(head).ok_or(malformed.clone())?;
        let checkpoint = Note::parse(rest.as_bytes()).map_err(|_| malformed)?;
        Ok(Self { old_size, proof, checkpoint })
    }
}

/// What a witness remembers of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The size it cosigned last.
    pub size: u64,
    /// The root at that size.
    pub root: Hash,
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessRefusal {
    /// 400: not a request, or the old size is above the checkpoint's.
    #[error("not a well-formed request")]
    Malformed,
    /// 404: no record this witness knows.
    #[error("a record of this origin is not known here")]
    UnknownOrigin,
    /// 403: not signed by the record's log key, or wrongly.
    #[error("the checkpoint is not signed by the log's key")]
    BadSignature,
    /// 409: the log's belief of the last size is wrong, and the answer is the right one; or the
    /// checkpoint has that size and another root.
    #[error("the last cosigned size is {size}")]
    Stale {
        /// The size this witness cosigned last, 0 if none.
        size: u64,
    },
    /// 422: the checkpoint does not continue what this witness saw. Evidence of a fork.
    #[error("the checkpoint is not consistent with the last one cosigned")]
    Inconsistent,
    /// 503: this witness lost its state and has not adopted a checkpoint that others cosigned.
    #[error("this witness lost its state and has not yet adopted a checkpoint of the others")]
    Unable,
}

impl WitnessRefusal {
    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::BadSignature => 403,
            Self::UnknownOrigin => 404,
            Self::Stale { .. } => 409,
            Self::Inconsistent => 422,
            Self::Unable => 503,
        }
    }

    /// The stable code, for logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "witness-malformed",
            Self::UnknownOrigin => "witness-unknown-origin",
            Self::BadSignature => "witness-bad-signature",
            Self::Stale { .. } => "witness-stale",
            Self::Inconsistent => "witness-inconsistent",
            Self::Unable => "witness-unable",
        }
    }

    /// The HTTP body: of a 409 the size and a newline in [`SIZE_TYPE`], otherwise a sentence.
    #[must_use]
    pub fn body(&self) -> String {
        if let Self::Stale { size } = self { format!("{size}\n") } else { format!("{self}\n") }
    }
}

/// The size in a 409 answer.
#[must_use]
pub fn parse_stale(body: &[u8]) -> Option<u64> {
    std::str::from_utf8(body).ok()?.strip_suffix('\n').and_then(spelling::decimal)
}

/// What the witness stores before it cosigns [`Accepted::note`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The new state.
    pub known: Known,
    /// The checkpoint with the log's signature alone: its text is cosigned.
    pub note: Note,
}

/// Decides on a request in the order of the specification. The proof is judged against the root
/// that the witness itself remembers, never against one the log sent.
///
/// # Errors
/// [`WitnessRefusal`] with the first failing check.
pub fn consider(
    known: Option<Known>,
    request: &AddCheckpoint,
    log_key: &VerifyingKey,
) -> Result<Accepted, WitnessRefusal> {
    let new =
        Checkpoint::parse(request.checkpoint.text()).map_err(|_| WitnessRefusal::Malformed)?;
    if new.origin != log_key.name() {
        return Err(WitnessRefusal::UnknownOrigin);
    }
    let signed = Cosigned::from_network(&request.checkpoint, log_key, &[])
        .map_err(|_| WitnessRefusal::BadSignature)?;
    if request.old_size > new.size {
        return Err(WitnessRefusal::Malformed);
    }
    let known = known.unwrap_or_else(|| Known { size: 0, root: empty_root() });
    if request.old_size != known.size {
        return Err(WitnessRefusal::Stale { size: known.size });
    }
    // Another record of the same size is a conflict with what is known, as the specification has it.
    if new.size == known.size && new.root != known.root {
        return Err(WitnessRefusal::Stale { size: known.size });
    }
    let (old, head) = ((known.size, &known.root), (new.size, &new.root));
    tree::verify_consistency(old, head, &request.proof)
        .map_err(|_| WitnessRefusal::Inconsistent)?;
    let known = Known { size: new.size, root: new.root };
    Ok(Accepted { known, note: signed.note().clone() })
}

/// The body of a 200 answer.
#[must_use]
pub fn encode_cosignatures(lines: &[NoteSignature]) -> String {
    lines.iter().map(NoteSignature::line).collect()
}

/// The signature lines of a 200 answer; [`Cosigned::add`] checks them.
///
/// # Errors
/// [`NoteError::Malformed`].
pub fn parse_cosignatures(body: &[u8]) -> Result<Vec<NoteSignature>, NoteError> {
    let malformed = NoteError::Malformed(BadNote::NotSignatures);
    let text = std::str::from_utf8(body).map_err(|_| malformed)?;
    let lines = text.strip_suffix('\n').ok_or(malformed)?;
    if lines.len() > 16 * 1024 {
        return Err(malformed);
    }
    lines.split('\n').map(NoteSignature::parse).collect()
}
