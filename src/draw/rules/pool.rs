//! Pools and exclusions as they are committed: salted leaves in one order, and the tree over them.
//!
//! Invariant: a candidate has one leaf in a draw, whichever of its pools it stands in, and another in
//! every other draw; nobody who has not the pool key can tell which leaf is whose. Which leaf stands
//! first is decided by hashes, so no clerk's order of names means anything.

use std::fmt;

use ring::hmac;
use zeroize::Zeroizing;

use crate::crypto::hash::Hash;
use crate::crypto::labels;
use crate::draw::refusal::Refused;
use crate::draw::statements::{ExclusionReason, Label, Pool};
use crate::enterprise::uscc::Uscc;
use crate::ids::DrawId;
use crate::record::leaf::Salt;
use crate::record::tree::{self, HashSource, SourceError, leaf_hash, node_hash};

/// What salts of candidates derive from. Whoever holds it and the register can name everybody drawn.
pub struct PoolKey(Zeroizing<[u8; 32]>);

impl PoolKey {
    /// A key that was stored.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for PoolKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PoolKey(redacted)")
    }
}

/// How the candidates of one draw are hidden, or that they are not.
#[derive(Debug)]
pub enum Blind {
    /// Salts derive from the pool key: experts.
    Keyed {
        /// The HMAC key, prepared once.
        key: hmac::Key,
        /// Which draw.
        draw: DrawId,
    },
    /// Everybody reads the values: a salt of 32 zero bytes.
    Open,
}

impl Blind {
    /// For experts: HMAC-SHA256 under the pool key, bound to one draw.
    #[must_use]
    pub fn keyed(key: &PoolKey, draw: DrawId) -> Self {
        Self::Keyed { key: hmac::Key::new(hmac::HMAC_SHA256, key.0.as_slice()), draw }
    }

    /// The salt of a candidate. Shown for those seated after the award; the others' never.
    #[must_use]
    pub fn salt(&self, candidate: &str) -> Salt {
        let mut salt = [0; 32];
        if let Self::Keyed { key, draw } = self {
            let mut context = hmac::Context::with_key(key);
            context.update(labels::POOL_SALT.as_bytes());
            context.update(draw.to_string().as_bytes());
            context.update(b"\n");
            context.update(candidate.as_bytes());
            salt.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        }
        Salt::from_bytes(salt)
    }
}

/// A candidate's leaf in the pools of a draw.
#[must_use]
pub fn leaf(salt: &Salt, candidate: &str) -> Hash {
    Hash::of_parts(&[labels::POOL.as_bytes(), salt.as_bytes(), candidate.as_bytes()])
}

/// The leaf of an exclusion: who, and for which reason.
#[must_use]
pub fn exclusion_leaf(salt: &Salt, reason: ExclusionReason, candidate: &str) -> Hash {
    let (label, reason) = (labels::EXCLUSION.as_bytes(), reason.code().as_bytes());
    Hash::of_parts(&[label, salt.as_bytes(), reason, b"\n", candidate.as_bytes()])
}

/// The root over the leaves of exclusions, in their order.
#[must_use]
pub fn exclusions_root(leaves: Vec<Hash>) -> Hash {
    let mut leaves = leaves;
    leaves.sort_unstable();
    Tree::over(leaves.iter()).root()
}

/// Somebody or something that can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// The expert's printed id, or the value's text.
    pub name: &'a str,
    /// The employer that a cap counts, where there is one.
    pub employer: Option<Uscc>,
}

/// A leaf of a drum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entrant {
    /// As committed.
    pub leaf: Hash,
    /// Where its candidate stood in the list that the drum was filled from.
    pub place: usize,
    /// The employer that a cap counts.
    pub employer: Option<Uscc>,
}

/// What is drawn from in one stratum: its leaves in their order, with what only the platform and the
/// regulator know of each.
pub struct Drum {
    label: Label,
    entrants: Vec<Entrant>,
    tree: Tree,
}

impl Drum {
    /// The drum of these candidates, whatever order they come in.
    ///
    /// # Errors
    /// As [`fill_placed`](Self::fill_placed).
    pub fn fill<'a>(
        label: Label,
        candidates: impl IntoIterator<Item = Candidate<'a>>,
        blind: &Blind,
    ) -> Result<Self, Refused> {
        Self::fill_placed(label, candidates.into_iter().enumerate(), blind)
    }

    /// The same of candidates that come with their place in a longer list.
    ///
    /// # Errors
    /// [`Refused::Twice`] when a candidate comes twice: nobody has two tickets. [`Refused::Large`].
    pub fn fill_placed<'a>(
        label: Label,
        candidates: impl IntoIterator<Item = (usize, Candidate<'a>)>,
        blind: &Blind,
    ) -> Result<Self, Refused> {
        let entrant = |(place, it): (usize, Candidate<'_>)| Entrant {
            leaf: leaf(&blind.salt(it.name), it.name),
            place,
            employer: it.employer,
        };
        let mut entrants: Vec<Entrant> = candidates.into_iter().map(entrant).collect();
        entrants.sort_unstable_by_key(|entrant| entrant.leaf);
        let mut neighbours = entrants.iter().zip(entrants.iter().skip(1));
        if neighbours.any(|(one, next)| one.leaf == next.leaf) {
            return Err(Refused::Twice { label });
        }
        if u32::try_from(entrants.len()).is_err() {
            return Err(Refused::Large { label });
        }
        let tree = Tree::over(entrants.iter().map(|entrant| &entrant.leaf));
        Ok(Self { label, entrants, tree })
    }

    /// What the draw's statement says of it.
    #[must_use]
    pub fn committed(&self) -> Pool {
        Pool { count: self.count(), label: self.label.clone(), root: self.tree.root() }
    }

    /// Its stratum's label.
    #[must_use]
    pub const fn label(&self) -> &Label {
        &self.label
    }

    /// How many leaves it holds.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.entrants.len()).unwrap_or(u32::MAX)
    }

    /// The leaves in their order.
    #[must_use]
    pub fn entrants(&self) -> &[Entrant] {
        &self.entrants
    }

    /// The leaf at a place of the pool, from 0.
    #[must_use]
    pub fn entrant(&self, index: u64) -> Option<&Entrant> {
        self.entrants.get(usize::try_from(index).ok()?)
    }

    /// The proof that the leaf at `index` stands there.
    ///
    /// # Errors
    /// [`SourceError::Range`] when there is none.
    pub fn prove(&self, index: u64) -> Result<Vec<Hash>, SourceError> {
        tree::prove_inclusion(&self.tree, index, u64::from(self.count()))
    }
}

impl fmt::Debug for Drum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Drum({}, {} leaves)", self.label, self.entrants.len())
    }
}

/// The perfect subtrees over some leaves, level by level: a proof then costs a look at each level.
struct Tree {
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    fn over<'a>(leaves: impl Iterator<Item = &'a Hash>) -> Self {
        let mut level: Vec<Hash> = leaves.map(|leaf| leaf_hash(leaf.as_bytes())).collect();
        let mut levels = Vec::new();
        while !level.is_empty() {
            let (pairs, _) = level.as_chunks::<2>();
            let above = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
            levels.push(std::mem::replace(&mut level, above));
        }
        Self { levels }
    }

    fn root(&self) -> Hash {
        let size = self.levels.first().map_or(0, Vec::len);
        let root = u64::try_from(size).ok().and_then(|size| tree::root(self, size).ok());
        // Every perfect subtree of `size` leaves stands in `levels`.
        root.unwrap_or_else(tree::empty_root)
    }
}

impl HashSource for Tree {
    fn node(&self, level: u32, index: u64) -> Result<Hash, SourceError> {
        let level = usize::try_from(level).ok().and_then(|level| self.levels.get(level));
        let index = usize::try_from(index).map_err(|_| SourceError::Range)?;
        level.and_then(|level| level.get(index)).copied().ok_or(SourceError::Range)
    }
}
