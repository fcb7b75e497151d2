//! Succession: the one way on from a lost tail, a restored backup or a stolen log key (protocol §1).
//!
//! Invariant: a record's origin and key change only by a statement of the regulator and q
//! custodians; the new record begins with the tree that the statement holds. An origin is never
//! used again, because witnesses remember the old one's head and would rightly refuse.

use serde::{Deserialize, Serialize};

use crate::crypto::hash::Hash;
use crate::crypto::key::{KeyKind, VerifyingKey};
use crate::crypto::note::NoteError;
use crate::crypto::statement::{Body, Statement};

/// Why a record goes on under another origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SuccessionReason {
    /// Entries at the end were lost.
    LostTail,
    /// The data was restored from a backup behind the witnesses.
    RestoredBackup,
    /// Somebody else may hold the log's key.
    StolenLogKey,
}

/// A head by size and root; with the origin beside it, a checkpoint's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// Root of the tree.
    pub root: Hash,
    /// Number of leaves.
    pub size: u64,
}

/// The statement's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Succession {
    /// The last head of the old record whose entries are all held.
    pub last_checkpoint: Held,
    /// Signs the new record's checkpoints; its name is the new origin.
    pub new_log_key: VerifyingKey,
    /// The new record.
    pub new_origin: String,
    /// The record that ends.
    pub old_origin: String,
    /// Why.
    pub reason: SuccessionReason,
}

impl Body for Succession {
    const TYPE: &'static str = "sealbid/succession/v1";
}

/// Why a succession does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuccessionError {
    /// It speaks of another record than the one it should follow.
    #[error("it does not follow the record of this log key")]
    OldOrigin,
    /// Origin or key are not new, or the key's name or kind is wrong.
    #[error("its new origin and key are not new, or do not belong together")]
    NewOrigin,
    /// A signature is wrong, or the regulator's is missing.
    #[error("its signatures: {0}")]
    Signatures(#[from] NoteError),
    /// Fewer than q custodians signed.
    #[error("fewer than q custodians signed it")]
    Quorum,
}

/// Who must have signed a succession, from the roster in force.
#[derive(Clone, Copy, Debug)]
pub struct Electors<'a> {
    /// The key of the record that ends.
    pub log_key: &'a VerifyingKey,
    /// The regulator's key.
    pub regulator: &'a VerifyingKey,
    /// The custodians' statement keys.
    pub custodians: &'a [VerifyingKey],
    /// How many of them.
    pub q: usize,
}

/// Checks a succession against the roster in force.
///
/// # Errors
/// [`SuccessionError`] with the first fault.
pub fn check(
    statement: &Statement<Succession>,
    electors: &Electors<'_>,
) -> Result<(), SuccessionError> {
    check_terms(statement.body(), electors.log_key)?;
    statement.note().require(electors.regulator)?;
    if statement.note().count(electors.custodians)? < electors.q {
        return Err(SuccessionError::Quorum);
    }
    Ok(())
}

/// Checks what a succession says, whoever has signed it: it ends the record of this log key, and the
/// origin and key after it are new.
///
/// # Errors
/// [`SuccessionError`] with the first fault.
pub fn check_terms(body: &Succession, log_key: &VerifyingKey) -> Result<(), SuccessionError> {
    if body.old_origin != log_key.name() {
        return Err(SuccessionError::OldOrigin);
    }
    let key = &body.new_log_key;
    let is_new = body.new_origin != body.old_origin && key.public() != log_key.public();
    if !is_new || key.name() != body.new_origin || key.kind() != KeyKind::Statement {
        return Err(SuccessionError::NewOrigin);
    }
    Ok(())
}
