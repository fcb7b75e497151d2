//! The Merkle tree of RFC 6962 over SHA-256: roots, inclusion and consistency proofs.
//!
//! Invariant: proofs are made from any [`HashSource`] of perfect subtrees and checked from nothing
//! but hashes and sizes, so platform, custodian and verifier share one meaning. `sha2` and not ring:
//! on inputs of one or two blocks it is half again as fast. Deliberately absent: storage, see
//! [`tiles`](super::tiles).

use sha2::{Digest, Sha256};

use crate::crypto::hash::Hash;

/// A proof of a tree below 2^63 leaves is never longer (tlog-witness, "no more than 63 lines").
pub const MAX_PROOF: usize = 63;

/// Why a proof shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf's index is not below the tree's size.
    #[error("the index is not below the tree's size")]
    Index,
    /// The older tree is larger than the newer one.
    #[error("the older tree is larger than the newer one")]
    Order,
    /// Too few or too many hashes for these sizes.
    #[error("the proof has the wrong number of hashes")]
    Length,
    /// The hashes lead to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// Why hashes of a tree could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The index, size or range lies outside the tree.
    #[error("outside the tree")]
    Range,
    /// A tile or bundle that the tree's size promises is not there.
    #[error("{0} is missing")]
    Missing(String),
    /// A tile or bundle is not of its form, or contradicts the tree.
    #[error("{0} is damaged")]
    Damaged(String),
    /// What holds the tiles failed.
    #[error("the tiles could not be read: {0}")]
    Backend(String),
}

/// Where the hashes of perfect subtrees come from.
pub trait HashSource {
    /// The hash of leaves `index·2^level .. (index+1)·2^level`, all of them inside the tree.
    ///
    /// # Errors
    /// [`SourceError`] when the source has no such hash.
    fn node(&self, level: u32, index: u64) -> Result<Hash, SourceError>;
}

/// The root of the tree without leaves: the hash of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    Hash::from_bytes(Sha256::digest([]).into())
}

/// The hash of an entry as a leaf of the tree.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0x00]);
    hasher.update(entry);
    Hash::from_bytes(hasher.finalize().into())
}

/// The hash of an inner node.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut input = [0x01; 65];
    if let Some((l, r)) = input.get_mut(1..).and_then(|rest| rest.split_at_mut_checked(32)) {
        l.copy_from_slice(left.as_bytes());
        r.copy_from_slice(right.as_bytes());
    }
    Hash::from_bytes(Sha256::digest(input).into())
}

/// The largest power of two below `size`, for `size` ≥ 2: where RFC 6962 splits a tree.
const fn split(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

/// The root of leaves `from..to`.
///
/// # Errors
/// [`SourceError`] when a hash is missing or the range is empty.
pub fn range_root<S: HashSource + ?Sized>(
    source: &S,
    from: u64,
    to: u64,
) -> Result<Hash, SourceError> {
    let size = to.checked_sub(from).filter(|size| *size > 0).ok_or(SourceError::Range)?;
    if size.is_power_of_two() && from.is_multiple_of(size) {
        let level = size.trailing_zeros();
        return source.node(level, from >> level);
    }
    let middle = from + split(size);
    Ok(node_hash(&range_root(source, from, middle)?, &range_root(source, middle, to)?))
}

/// The root of the first `size` leaves.
///
/// # Errors
/// [`SourceError`] when a hash is missing.
pub fn root<S: HashSource + ?Sized>(source: &S, size: u64) -> Result<Hash, SourceError> {
    if size == 0 { Ok(empty_root()) } else { range_root(source, 0, size) }
}

/// The inclusion proof of leaf `index` in the tree of `size`, leaf's sibling first (RFC 6962 §2.1.1).
///
/// # Errors
/// [`SourceError`] when the index lies outside or a hash is missing.
pub fn prove_inclusion<S: HashSource + ?Sized>(
    source: &S,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, SourceError> {
    if index >= size {
        return Err(SourceError::Range);
    }
    let mut proof = Vec::new();
    let (mut from, mut to) = (0, size);
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            proof.push(range_root(source, middle, to)?);
            to = middle;
        } else {
            proof.push(range_root(source, from, middle)?);
            from = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `old` leaves is a beginning of the tree of `new` (RFC 6962 §2.1.2);
/// empty when the sizes are equal or the old tree is empty.
///
/// # Errors
/// [`SourceError`] when `old` is above `new` or a hash is missing.
pub fn prove_consistency<S: HashSource + ?Sized>(
    source: &S,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, SourceError> {
    if old > new {
        return Err(SourceError::Range);
    }
    let mut proof = Vec::new();
    if old == 0 || old == new {
        return Ok(proof);
    }
    let (mut from, mut to) = (0, new);
    while to != old {
        let middle = from + split(to - from);
        if old <= middle {
            proof.push(range_root(source, middle, to)?);
            to = middle;
        } else {
            proof.push(range_root(source, from, middle)?);
            from = middle;
        }
    }
    // The verifier knows the old root itself when that is one whole subtree.
    if from != 0 {
        proof.push(range_root(source, from, to)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Walks from a leaf towards the root: which side the next hash of a proof stands on.
struct Path {
    at: u64,
    last: u64,
}

impl Path {
    /// Whether the next hash stands to the left; moves one level up. (RFC 9162 §2.1.3.2.)
    fn step(&mut self) -> Result<Side, ProofError> {
        if self.last == 0 {
            return Err(ProofError::Length);
        }
        let side = if self.at & 1 == 1 || self.at == self.last { Side::Left } else { Side::Right };
        if side == Side::Left {
            // A right edge without sibling is carried up to the level where it has one.
            while self.at & 1 == 0 && self.at != 0 {
                self.up();
            }
        }
        self.up();
        Ok(side)
    }

    const fn up(&mut self) {
        self.at >>= 1;
        self.last >>= 1;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// The root that an inclusion proof leads to.
///
/// # Errors
/// [`ProofError`] when index, size and the proof's length do not fit together.
pub fn inclusion_root(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
) -> Result<Hash, ProofError> {
    if index >= size {
        return Err(ProofError::Index);
    }
    let mut path = Path { at: index, last: size - 1 };
    let mut hash = *leaf;
    for sibling in proof {
        hash = match path.step()? {
            Side::Left => node_hash(sibling, &hash),
            Side::Right => node_hash(&hash, sibling),
        };
    }
    if path.last == 0 { Ok(hash) } else { Err(ProofError::Length) }
}

/// Checks that a leaf (by its [`leaf_hash`]) stands at `index` of the tree with `size` and `root`.
///
/// # Errors
/// [`ProofError`] when it is not shown.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if inclusion_root(leaf, index, size, proof)? == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the tree `old` (size, root) is a beginning of the tree `new`. The empty tree is a
/// beginning of every tree and takes an empty proof.
///
/// # Errors
/// [`ProofError`] when it is not shown.
pub fn verify_consistency(
    old: (u64, &Hash),
    new: (u64, &Hash),
    proof: &[Hash],
) -> Result<(), ProofError> {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size > new_size {
        return Err(ProofError::Order);
    }
    if old_size == 0 || old_size == new_size {
        let expected = if old_size == new_size { *new_root } else { empty_root() };
        let empty_is_empty = old_size != 0 || *old_root == empty_root();
        return match proof {
            [] if *old_root == expected && empty_is_empty => Ok(()),
            [] => Err(ProofError::Root),
            _ => Err(ProofError::Length),
        };
    }
    let (start, rest) = if old_size.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(ProofError::Length)?
    };
    let mut path = Path { at: old_size - 1, last: new_size - 1 };
    while path.at & 1 == 1 {
        path.up();
    }
    let (mut old_hash, mut new_hash) = (*start, *start);
    for sibling in rest {
        if path.step()? == Side::Left {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
    }
    if path.last != 0 {
        return Err(ProofError::Length);
    }
    if old_hash == *old_root && new_hash == *new_root { Ok(()) } else { Err(ProofError::Root) }
}

/// The right edge of a growing tree: its size and the roots of its perfect subtrees, largest first.
/// Appending needs nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The empty tree.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// The edge of an existing tree.
    ///
    /// # Errors
    /// [`SourceError`] when a hash is missing.
    pub fn load<S: HashSource + ?Sized>(source: &S, size: u64) -> Result<Self, SourceError> {
        let mut peaks = Vec::new();
        let mut from: u64 = 0;
        for level in (0..u64::BITS).rev().filter(|level| size >> level & 1 == 1) {
            peaks.push(source.node(level, from >> level)?);
            from += 1 << level;
        }
        Ok(Self { size, peaks })
    }

    /// The number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its [`leaf_hash`].
    pub fn push(&mut self, leaf: Hash) {
        self.merge(leaf, 0);
    }

    /// Appends a perfect subtree of 2^`level` leaves.
    ///
    /// # Errors
    /// [`SourceError::Range`] when the size so far is not a multiple of 2^`level`.
    pub fn push_subtree(&mut self, level: u32, root: Hash) -> Result<(), SourceError> {
        if level >= u64::BITS || self.size.trailing_zeros() < level {
            return Err(SourceError::Range);
        }
        self.merge(root, level);
        Ok(())
    }

    fn merge(&mut self, mut hash: Hash, level: u32) {
        // Each set bit above `level` that the addition carries over is a peak to the left.
        let carries = (self.size >> level).trailing_ones();
        for _ in 0..carries {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1 << level;
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return empty_root() };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}
