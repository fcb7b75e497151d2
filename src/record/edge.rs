//! The writer's side of the tiles: the right edge of a growing tree, kept in memory.
//!
//! Invariant: an append reads nothing, and every tile that [`changed`] names comes out of
//! [`TileEdge::take_changed`] before the checkpoint that needs it is signed.

use super::tiles::{
    HEIGHT, Level, Tile, TileSource, WIDTH, changed, encode_bundle, fold, hashes_at, parse_bundle,
};
use super::tree::{Frontier, HashSource, SourceError, leaf_hash};
use crate::crypto::hash::Hash;

/// The right edge of a tree in tiles: what a writer keeps in memory between batches, so that an
/// append reads nothing. Holds at most one partial tile a level.
#[derive(Clone, Debug, Default)]
pub struct TileEdge {
    frontier: Frontier,
    entries: Vec<Hash>,
    levels: Vec<Vec<Hash>>,
    written: u64,
    full: Vec<(Tile, Vec<u8>)>,
}

impl TileEdge {
    /// The edge of the empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The edge of a stored tree.
    ///
    /// # Errors
    /// [`SourceError`] when a tile is missing or damaged.
    pub fn load<S: TileSource>(source: &S, size: u64) -> Result<Self, SourceError> {
        let partial = |level| {
            let hashes = hashes_at(level, size);
            let width = u16::try_from(hashes % u64::from(WIDTH)).unwrap_or(0);
            let tile = Tile::new(level, hashes / u64::from(WIDTH), width).ok();
            tile.map(|tile| source.tile(tile)).transpose().map(Option::unwrap_or_default)
        };
        let bundle = partial(Level::Entries)?;
        let entries = if bundle.is_empty() { Vec::new() } else { parse_bundle(&bundle)? };
        let mut levels = Vec::new();
        for level in (0..8).take_while(|level| hashes_at(Level::Hashes(*level), size) > 0) {
            let bytes = partial(Level::Hashes(level))?;
            let (hashes, []) = bytes.as_chunks::<32>() else {
                return Err(SourceError::Damaged(format!("the last tile of level {level}")));
            };
            levels.push(hashes.iter().map(|hash| Hash::from_bytes(*hash)).collect());
        }
        let mut edge = Self { entries, levels, written: size, ..Self::default() };
        edge.frontier = Frontier::load(&edge.at(size), size)?;
        Ok(edge)
    }

    const fn at(&self, size: u64) -> EdgeHashes<'_> {
        EdgeHashes { edge: self, size }
    }

    /// The number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Appends an entry.
    pub fn push(&mut self, entry: Hash) {
        let index = self.size();
        let hash = leaf_hash(entry.as_bytes());
        self.frontier.push(hash);
        self.entries.push(entry);
        if self.entries.len() == usize::from(WIDTH) {
            let bytes = encode_bundle(&std::mem::take(&mut self.entries));
            self.keep(Level::Entries, index / u64::from(WIDTH), bytes);
        }
        self.push_hash(0, index, hash);
    }

    fn push_hash(&mut self, level: u8, index: u64, hash: Hash) {
        let place = usize::from(level);
        if self.levels.len() <= place {
            self.levels.resize_with(place + 1, Vec::new);
        }
        let Some(hashes) = self.levels.get_mut(place) else { return };
        hashes.push(hash);
        if hashes.len() == usize::from(WIDTH) {
            let mut hashes = std::mem::take(hashes);
            let above = index / u64::from(WIDTH);
            self.keep(Level::Hashes(level), above, encode_hashes(&hashes));
            if let Ok(root) = fold(&mut hashes) {
                self.push_hash(level + 1, above, root);
            }
        }
    }

    fn keep(&mut self, level: Level, index: u64, bytes: Vec<u8>) {
        if let Ok(tile) = Tile::new(level, index, WIDTH) {
            self.full.push((tile, bytes));
        }
    }

    /// All tiles and bundles that changed since the last call (or since loading), with their bytes;
    /// the same coordinates as [`changed`] in another order.
    #[must_use]
    pub fn take_changed(&mut self) -> Vec<(Tile, Vec<u8>)> {
        let mut out = std::mem::take(&mut self.full);
        let new = self.size();
        let old = std::mem::replace(&mut self.written, new);
        for tile in changed(old, new).into_iter().filter(Tile::is_partial) {
            let bytes = match tile.level() {
                Level::Entries => encode_bundle(&self.entries),
                Level::Hashes(level) => self
                    .levels
                    .get(usize::from(level))
                    .map(|l| encode_hashes(l))
                    .unwrap_or_default(),
            };
            out.push((tile, bytes));
        }
        out
    }
}

fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The hashes that stand in an edge's partial tiles: all that its peaks are made of.
struct EdgeHashes<'a> {
    edge: &'a TileEdge,
    size: u64,
}

impl HashSource for EdgeHashes<'_> {
    fn node(&self, level: u32, index: u64) -> Result<Hash, SourceError> {
        let tile_level = level / HEIGHT;
        let inner = level % HEIGHT;
        let all = self.size.checked_shr(tile_level * HEIGHT).unwrap_or(0);
        let start = all - all % u64::from(WIDTH);
        let from = (index << inner).checked_sub(start).ok_or(SourceError::Range)?;
        let hashes = usize::try_from(tile_level).ok().and_then(|l| self.edge.levels.get(l));
        let from = usize::try_from(from).map_err(|_| SourceError::Range)?;
        let hashes = hashes.and_then(|h| h.get(from..from + (1 << inner)));
        fold(&mut hashes.ok_or(SourceError::Range)?.to_vec())
    }
}
