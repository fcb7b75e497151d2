//! The record as tiles and entry bundles (c2sp.org/tlog-tiles): coordinates, paths, contents.
//!
//! Invariant: a tile's bytes for given coordinates never change, so they may be cached for ever and
//! written before the checkpoint that needs them. Our entries are always 32 bytes, a
//! [`leaf`](super::leaf::leaf). Deliberately absent: fetching and storing, see [`TileSource`];
//! writing, see [`edge`](super::edge).

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use super::tree::{self, Frontier, HashSource, SourceError, leaf_hash, node_hash};
use crate::crypto::hash::Hash;

/// Hashes in a full tile, entries in a full bundle.
pub const WIDTH: u16 = 256;
/// Tree levels in a tile.
pub(super) const HEIGHT: u32 = 8;
/// An entry of ours in a bundle: two length bytes and a leaf.
const ENTRY: usize = 34;
/// The length prefix of every entry of ours.
const ENTRY_LENGTH: [u8; 2] = [0, 32];

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Entries themselves, length-prefixed.
    Entries,
    /// Hashes of subtrees of 256^level leaves; at most 7, as sizes are below 2^64.
    Hashes(u8),
}

/// The coordinates of a tile or entry bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: Level,
    index: u64,
    width: u16,
}

/// A text that is not a tile's path in its one spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a path of the form tile/<L>/<N>[.p/<W>] or tile/entries/<N>[.p/<W>]")]
pub struct NotATile;

impl Tile {
    /// Coordinates from their parts; `width` is 1 to 256.
    ///
    /// # Errors
    /// [`NotATile`] when the level is above 63 or the width out of range.
    pub fn new(level: Level, index: u64, width: u16) -> Result<Self, NotATile> {
        let level_fits = !matches!(level, Level::Hashes(64..));
        if level_fits && (1..=WIDTH).contains(&width) {
            Ok(Self { level, index, width })
        } else {
            Err(NotATile)
        }
    }

    /// The tile `index` of `level` as wide as a tree of `size` has it, if it has it at all.
    #[must_use]
    pub fn of_size(level: Level, index: u64, size: u64) -> Option<Self> {
        let left = hashes_at(level, size).checked_sub(index.checked_mul(WIDTH.into())?)?;
        let width = u16::try_from(left.min(WIDTH.into())).ok()?;
        Self::new(level, index, width).ok()
    }

    /// What it holds.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// Its place within the level.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes or entries: 1 to 256.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Whether it can still grow; partial tiles may be deleted once the full one is there.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.width < WIDTH
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        let each = if self.level == Level::Entries { ENTRY } else { 32 };
        usize::from(self.width) * each
    }

    /// Never: a tile without contents has no coordinates.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The same tile when full.
    #[must_use]
    pub const fn full(self) -> Self {
        Self { level: self.level, index: self.index, width: WIDTH }
    }

    /// Whether a tree of `size` has this tile; others must not be asked for.
    #[must_use]
    pub fn exists_at(&self, size: u64) -> bool {
        Self::of_size(self.level, self.index, size).is_some_and(|at| self.width <= at.width)
    }
}

/// How many hashes (or entries) a level has in all its tiles.
pub(super) fn hashes_at(level: Level, size: u64) -> u64 {
    let level = if let Level::Hashes(level) = level { u32::from(level) } else { 0 };
    size.checked_shr(level * HEIGHT).unwrap_or(0)
}

impl fmt::Display for Tile {
    /// The path below the log's prefix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Level::Entries => f.write_str("tile/entries/")?,
            Level::Hashes(level) => write!(f, "tile/{level}/")?,
        }
        let digits = self.index.to_string();
        let digits = format!("{:0>1$}", digits, digits.len().next_multiple_of(3));
        let last = digits.len() - 3;
        for start in (0..last).step_by(3) {
            write!(f, "x{}/", digits.get(start..start + 3).unwrap_or_default())?;
        }
        f.write_str(digits.get(last..).unwrap_or_default())?;
        if self.is_partial() { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

impl FromStr for Tile {
    type Err = NotATile;

    fn from_str(path: &str) -> Result<Self, NotATile> {
        let rest = path.strip_prefix("tile/").ok_or(NotATile)?;
        let (level, rest) = rest.split_once('/').ok_or(NotATile)?;
        let level = match level {
            "entries" => Level::Entries,
            digits => Level::Hashes(digits.parse().map_err(|_| NotATile)?),
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, width.parse().map_err(|_| NotATile)?),
            None => (rest, WIDTH),
        };
        let digits = index.replace(['x', '/'], "").parse().map_err(|_| NotATile)?;
        let tile = Self::new(level, digits, width)?;
        // Whatever was lenient above (signs, zeros, places of x and /) shows in the comparison.
        if tile.to_string() == path { Ok(tile) } else { Err(NotATile) }
    }
}

/// Every tile and bundle that a tree of `new` has and a tree of `old` had not, or not as wide;
/// bundles first, then the levels upwards. All of them are written before the checkpoint of `new`.
#[must_use]
pub fn changed(old: u64, new: u64) -> Vec<Tile> {
    let levels = (0..8).map(Level::Hashes);
    let mut tiles = Vec::new();
    for level in std::iter::once(Level::Entries).chain(levels) {
        let (before, after) = (hashes_at(level, old), hashes_at(level, new));
        if before >= after {
            continue;
        }
        let first = before / u64::from(WIDTH);
        let last = (after - 1) / u64::from(WIDTH);
        tiles.extend((first..=last).filter_map(|index| Tile::of_size(level, index, new)));
    }
    tiles
}

/// Reads tiles of one tree.
pub trait TileSource {
    /// The bytes of a tile or bundle: exactly [`Tile::len`] of them. A partial tile may be cut from
    /// the full one.
    ///
    /// # Errors
    /// [`SourceError`] when it is missing or cannot be read.
    fn tile(&self, tile: Tile) -> Result<Vec<u8>, SourceError>;
}

/// A tree of one size over its tiles. Every tile is read and every inner node hashed once, so the
/// proofs of a whole batch cost little more than one. Made per batch or request and thrown away.
pub struct TileTree<S> {
    source: S,
    size: u64,
    known: RefCell<HashMap<(u32, u64), Hash>>,
}

impl<S: TileSource> TileTree<S> {
    /// The tree of `size` leaves over `source`. What the tiles say is not compared with any root
    /// here.
    pub fn new(source: S, size: u64) -> Self {
        Self { source, size, known: RefCell::default() }
    }

    /// The number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Reads one tile into the known hashes.
    fn load(&self, level: u8, index: u64) -> Result<(), SourceError> {
        let tile =
            Tile::of_size(Level::Hashes(level), index, self.size).ok_or(SourceError::Range)?;
        let bytes = self.source.tile(tile)?;
        let (hashes, []) = bytes.as_chunks::<32>() else {
            return Err(SourceError::Damaged(tile.to_string()));
        };
        if hashes.len() != usize::from(tile.width()) {
            return Err(SourceError::Damaged(tile.to_string()));
        }
        let first = index * u64::from(WIDTH);
        let mut known = self.known.borrow_mut();
        for (place, hash) in (first..).zip(hashes) {
            known.insert((u32::from(level) * HEIGHT, place), Hash::from_bytes(*hash));
        }
        Ok(())
    }
}

impl<S: TileSource> HashSource for TileTree<S> {
    fn node(&self, level: u32, index: u64) -> Result<Hash, SourceError> {
        let end = index.checked_add(1).and_then(|end| end.checked_mul(1u64.checked_shl(level)?));
        if end.is_none_or(|end| end > self.size) {
            return Err(SourceError::Range);
        }
        if let Some(hash) = self.known.borrow().get(&(level, index)) {
            return Ok(*hash);
        }
        let hash = if level.is_multiple_of(HEIGHT) {
            let tile_level = u8::try_from(level / HEIGHT).map_err(|_| SourceError::Range)?;
            self.load(tile_level, index / u64::from(WIDTH))?;
            self.known.borrow().get(&(level, index)).copied().ok_or(SourceError::Range)?
        } else {
            node_hash(&self.node(level - 1, 2 * index)?, &self.node(level - 1, 2 * index + 1)?)
        };
        self.known.borrow_mut().insert((level, index), hash);
        Ok(hash)
    }
}

/// The bytes of a bundle of our entries.
#[must_use]
pub fn encode_bundle(entries: &[Hash]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY);
    for entry in entries {
        bytes.extend_from_slice(&ENTRY_LENGTH);
        bytes.extend_from_slice(entry.as_bytes());
    }
    bytes
}

/// The entries of a bundle, 1 to 256 of them, each of 32 bytes.
///
/// # Errors
/// [`SourceError::Damaged`] for anything else.
pub fn parse_bundle(bytes: &[u8]) -> Result<Vec<Hash>, SourceError> {
    entries(bytes)?.map(|entry| entry.map(|bytes| Hash::from_bytes(*bytes))).collect()
}

fn entries(
    bundle: &[u8],
) -> Result<impl ExactSizeIterator<Item = Result<&[u8; 32], SourceError>>, SourceError> {
    let damaged = || SourceError::Damaged("an entry bundle".to_owned());
    let (entries, rest) = bundle.as_chunks::<ENTRY>();
    if !rest.is_empty() || entries.is_empty() || entries.len() > usize::from(WIDTH) {
        return Err(damaged());
    }
    Ok(entries.iter().map(move |entry| match entry.split_first_chunk::<2>() {
        Some((&ENTRY_LENGTH, entry)) => entry.try_into().map_err(|_| damaged()),
        _ => Err(damaged()),
    }))
}

/// Adds all entries of the next bundle to a tree. Only the last bundle of a tree is partial.
///
/// # Errors
/// [`SourceError`] when the bundle is damaged or follows a partial one.
pub fn push_bundle(tree: &mut Frontier, bundle: &[u8]) -> Result<(), SourceError> {
    if !tree.size().is_multiple_of(u64::from(WIDTH)) {
        return Err(SourceError::Range);
    }
    let mut entries = entries(bundle)?;
    if entries.len() < usize::from(WIDTH) {
        return entries.try_for_each(|entry| entry.map(|entry| tree.push(leaf_hash(entry))));
    }
    let mut hashes = Vec::with_capacity(entries.len());
    for entry in entries {
        hashes.push(leaf_hash(entry?));
    }
    tree.push_subtree(HEIGHT, fold(&mut hashes)?)
}

/// The root of a power of two of hashes.
pub(super) fn fold(hashes: &mut Vec<Hash>) -> Result<Hash, SourceError> {
    while hashes.len() > 1 {
        for place in 0..hashes.len() / 2 {
            if let Some([left, right]) = hashes.get(2 * place..2 * place + 2)
                && let node = node_hash(left, right)
                && let Some(slot) = hashes.get_mut(place)
            {
                *slot = node;
            }
        }
        hashes.truncate(hashes.len() / 2);
    }
    hashes.first().copied().ok_or(SourceError::Range)
}

/// The root of a tree over its tiles.
///
/// # Errors
/// [`SourceError`] when a tile is missing or damaged.
pub fn root_of_tiles<S: TileSource>(source: S, size: u64) -> Result<Hash, SourceError> {
    tree::root(&TileTree::new(source, size), size)
}
