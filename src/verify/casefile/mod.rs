//! The case file: everything that a stranger needs to check a tender again, in one canonical tar
//! (protocol §4, §5.10).
//!
//! Invariant: the first member, `index.json`, lists the SHA-256 of every other, and each format in
//! it has one spelling, so any altered byte is noticed and named. A consistent file proves nothing
//! about the world: whom to believe comes from the reader's pin, and the claims are judged by the
//! verifier. Deliberately absent: any secret key, and anything the file's kind does not entitle to.

mod entry;
mod name;
mod reader;
mod writer;

use std::io;

use serde::{Deserialize, Serialize};

pub use entry::{CaseEntry, OpenedLeaf, encode_opened, parse_opened};
pub use name::{MemberName, NotAMember};
pub use reader::{MAX_MEMBER, Sealed, read, read_with};
pub use writer::CaseWriter;

use crate::crypto::hash::{Hash, Hasher};
use crate::crypto::json::JsonError;
use crate::crypto::note::Note;
use crate::crypto::tar::TarError;
use crate::error::{Arg, Reason, Said};
use crate::ids::UnitId;
use crate::record::checkpoint::Cosigned;
use crate::record::tree::{self, ProofError, leaf_hash};

/// The first member.
pub const INDEX: &str = "index.json";
/// The version of this format.
pub const FORMAT: u32 = 1;

/// For whom a case file was made, which bounds what may be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseKind {
    /// Everybody: public events only.
    Public,
    /// Auditors and the regulator: all leaves of the record, ciphertexts, released identities.
    Auditor,
}

/// `kind.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseHeader {
    /// [`FORMAT`].
    pub format: u32,
    /// For whom.
    pub kind: CaseKind,
    /// The record it is cut from.
    pub origin: String,
    /// The units it is about, in the order of the tender.
    pub units: Vec<UnitId>,
}

/// Units of one case file at most: those of the largest tender, a thousand lots of two stages.
const MAX_UNITS: usize = 2000;

impl CaseHeader {
    /// Why a header cannot be one, if it cannot.
    fn fault(&self) -> Option<&'static str> {
        let distinct: std::collections::BTreeSet<_> = self.units.iter().collect();
        if self.format != FORMAT {
            Some("verify-case-say-format")
        } else if self.units.len() > MAX_UNITS {
            Some("verify-case-say-units")
        } else {
            (distinct.len() < self.units.len()).then_some("verify-case-say-unit-twice")
        }
    }
}

/// One line of `index.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexLine {
    name: String,
    sha256: Hash,
    size: u64,
}

/// `index.json`: every other member in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    members: Vec<IndexLine>,
}

/// Why a file is not a case file.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// Not canonical tar, at or before the member named.
    #[error("at {member}: {error}")]
    Tar {
        /// The member expected there; empty for the end.
        member: String,
        /// What is wrong.
        error: TarError,
    },
    /// A member is not what the index says.
    #[error("{member} is not what index.json says: {reason}")]
    Altered {
        /// Which.
        member: String,
        /// Name, size or SHA-256: the key of the sentence.
        reason: &'static str,
    },
    /// A member is not of its form.
    #[error("{member} is malformed: {}", reason.key)]
    Malformed {
        /// Which.
        member: String,
        /// What is wrong.
        reason: Said,
    },
    /// Members that must be there and are not, or must not be: the key of the sentence.
    #[error("its members do not make a case: {0}")]
    Incomplete(&'static str),
    /// JSON that cannot be written.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// What takes or gives bytes failed.
    #[error("reading or writing failed: {0}")]
    Io(#[from] io::Error),
}

impl Reason for CaseError {
    fn said(&self) -> Said {
        let of = |key, member: &String, reason| {
            Said::new(key, vec![("member", member.as_str().into()), ("reason", reason)])
        };
        match self {
            Self::Tar { member, error } if member.is_empty() => {
                Said::new("verify-case-say-end", vec![("reason", error.arg())])
            }
            Self::Tar { member, error } => of("verify-case-say-at", member, error.arg()),
            Self::Altered { member, reason } => {
                of("verify-case-say-altered", member, Arg::Word(reason))
            }
            Self::Malformed { member, reason } => {
                of("verify-case-say-malformed", member, reason.arg())
            }
            Self::Incomplete(reason) => {
                Said::new("verify-case-say-incomplete", vec![("reason", Arg::Word(reason))])
            }
            Self::Json(error) => error.said(),
            Self::Io(error) => error.said(),
        }
    }
}

impl CaseError {
    /// The member that is at fault, when one is.
    #[must_use]
    pub fn member(&self) -> Option<&str> {
        match self {
            Self::Tar { member, .. }
            | Self::Altered { member, .. }
            | Self::Malformed { member, .. } => Some(member.as_str()).filter(|it| !it.is_empty()),
            Self::Incomplete(_) | Self::Json(_) | Self::Io(_) => None,
        }
    }
}

/// All leaves of the record up to a size, from entry bundles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeTree {
    /// The root, computed from the leaves.
    pub root: Hash,
    /// The entries.
    pub leaves: Vec<Hash>,
}

/// A case file's contents, without the sealed files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseFile {
    /// What it is.
    pub header: CaseHeader,
    /// Rosters by version, ascending; at least one.
    pub rosters: Vec<(u32, Note)>,
    /// Checkpoints, ascending in size. The last is the head that all proofs lead to.
    pub checkpoints: Vec<Note>,
    /// For every checkpoint but the last, its size and the consistency proof to the head.
    pub consistency: Vec<(u64, Vec<Hash>)>,
    /// Disclosed entries with their inclusion proofs to the head, ascending.
    pub entries: Vec<CaseEntry>,
    /// Leaves opened in bulk; they are proven by [`tree`](Self::tree). Ascending.
    pub opened: Vec<OpenedLeaf>,
    /// Every leaf of the record, in auditors' files.
    pub tree: Option<WholeTree>,
    /// SHA-256 and size of the sealed files, ascending.
    pub sealed: Vec<(Hash, u64)>,
}

/// What the record's part of a case shows, once it holds: its checkpoints, verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseHeads {
    /// All but the largest, ascending.
    pub older: Vec<Cosigned>,
    /// The largest, to which all proofs lead.
    pub head: Cosigned,
}

/// An older checkpoint is not a beginning of the head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the record at size {size} is not a beginning of the head: {error}")]
pub struct NotABeginning {
    /// The older size.
    pub size: u64,
    /// What is wrong.
    pub error: ProofError,
}

/// An entry is not in the record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the entry {index} is not in the record: {error}")]
pub struct NotInRecord {
    /// Its index.
    pub index: u64,
    /// What is wrong.
    pub error: ProofError,
}

/// The leaves lead to another root or size than the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all leaves together give another root than the head")]
pub struct OtherTree;

impl CaseFile {
    /// Checks that every older checkpoint is a beginning of the head.
    ///
    /// # Errors
    /// [`NotABeginning`] for the first that is not.
    pub fn check_growth(&self, heads: &CaseHeads) -> Result<(), NotABeginning> {
        let head = heads.head.checkpoint();
        for (older, (size, proof)) in heads.older.iter().zip(&self.consistency) {
            let (old, new) = (older.checkpoint(), (head.size, &head.root));
            tree::verify_consistency((old.size, &old.root), new, proof)
                .map_err(|error| NotABeginning { size: *size, error })?;
        }
        Ok(())
    }

    /// Checks that every disclosed entry is in the record: by its proof, or among all leaves.
    ///
    /// # Errors
    /// [`NotInRecord`] for the first that is not.
    pub fn check_entries(&self, heads: &CaseHeads) -> Result<(), NotInRecord> {
        let head = heads.head.checkpoint();
        for entry in &self.entries {
            let leaf = leaf_hash(entry.leaf().as_bytes());
            tree::verify_inclusion(&leaf, entry.index, head.size, &head.root, &entry.proof)
                .map_err(|error| NotInRecord { index: entry.index, error })?;
        }
        let leaf_at = |index: u64| {
            let tree = self.tree.as_ref()?;
            tree.leaves.get(usize::try_from(index).ok()?)
        };
        for opened in &self.opened {
            let (index, leaf) = (opened.index, opened.leaf());
            if leaf_at(index) != Some(&leaf) {
                return Err(NotInRecord { index, error: ProofError::Root });
            }
        }
        Ok(())
    }

    /// Checks that all leaves give the head's root; nothing to check without them.
    ///
    /// # Errors
    /// [`OtherTree`].
    pub fn check_tree(&self, heads: &CaseHeads) -> Result<(), OtherTree> {
        let head = heads.head.checkpoint();
        let Some(tree) = &self.tree else { return Ok(()) };
        let size = u64::try_from(tree.leaves.len()).ok();
        let holds = size == Some(head.size) && tree.root == head.root;
        if holds { Ok(()) } else { Err(OtherTree) }
    }

    /// Every disclosed event with its index and salt, ascending, pads left out.
    pub fn events(&self) -> impl Iterator<Item = OpenedLeaf> {
        let mut all: Vec<OpenedLeaf> = self.opened.clone();
        all.extend(self.entries.iter().map(CaseEntry::opened));
        all.sort_by_key(|leaf| leaf.index);
        all.dedup_by_key(|leaf| leaf.index);
        all.into_iter().filter(|leaf| !leaf.event.is_empty())
    }
}

/// Hashes what passes through, so that a body is read once.
struct Hashing<'a, R: ?Sized> {
    source: &'a mut R,
    hasher: Hasher,
}

impl<'a, R: io::Read + ?Sized> Hashing<'a, R> {
    fn new(source: &'a mut R) -> Self {
        Self { source, hasher: Hasher::new() }
    }
}

impl<R: io::Read + ?Sized> io::Read for Hashing<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.source.read(out)?;
        self.hasher.update(out.get(..got).unwrap_or_default());
        Ok(got)
    }
}
