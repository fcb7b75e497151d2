//! The record's rows: entries, tiles, checkpoints, cosignatures.
//!
//! Rows are read as evidence: whatever does not parse is `Corrupt` and never skipped.

use std::cell::RefCell;

use diesel::prelude::*;

use super::disclosure::Level;
use super::leaf::Salt;
use super::proof::Receipt;
use super::tiles::{Level as TileLevel, Tile, TileSource, TileTree};
use super::tree::{SourceError, prove_inclusion};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::note::{Note, NoteSignature};
use crate::db::schema::{checkpoint, cosignature, entry, tile};
use crate::db::{Cached, Conn, Error, Tx};
use crate::ids::{EnterpriseId, UnitId};
use crate::on_each;

/// An entry as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The leaf's index.
    pub index: u64,
    /// The leaf's salt.
    pub salt: Salt,
    /// The event's bytes.
    pub event: Vec<u8>,
    /// The event's type.
    pub kind: String,
    /// Who may see it.
    pub level: Level,
    /// The opening unit it belongs to.
    pub unit: Option<UnitId>,
    /// The enterprise whose own act it is, if it is one's.
    pub author: Option<EnterpriseId>,
    /// When it was recorded.
    pub at: Time,
}

/// A checkpoint as it stands, with the log's own signature only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// Number of leaves.
    pub size: u64,
    /// Root of the tree.
    pub root: Hash,
    /// When it was signed.
    pub at: Time,
    /// The signed note.
    pub note: Note,
}

type EntryTuple = (i64, Vec<u8>, Vec<u8>, String, String, Option<String>, Option<String>, i64);
type CheckpointTuple = (i64, Vec<u8>, i64, String);

/// A stored number that counts something.
pub(super) fn index_of(stored: i64) -> Result<u64, Error> {
    u64::try_from(stored).map_err(|_| Error::Corrupt(format!("the index {stored}")))
}

/// A count as it is stored.
pub(super) fn stored(index: u64) -> Result<i64, Error> {
    i64::try_from(index).map_err(|_| Error::NotFound)
}

fn corrupt(what: &str) -> impl Fn() -> Error {
    move || Error::Corrupt(what.to_owned())
}

fn entry_of(row: EntryTuple) -> Result<Entry, Error> {
    let (idx, salt, event, kind, level, unit, author, at) = row;
    let unit = unit.map(|u| u.parse::<UnitId>()).transpose();
    let author = author.map(|body| body.parse::<EnterpriseId>()).transpose();
    Ok(Entry {
        index: index_of(idx)?,
        salt: Salt::from_slice(&salt).map_err(|_| corrupt("an entry's salt")())?,
        event,
        kind,
        level: level.parse().map_err(|_| corrupt("an entry's level")())?,
        unit: unit.map_err(|_| corrupt("an entry's unit")())?,
        author: author.map_err(|_| corrupt("an entry's author")())?,
        at: Time::from_millis(at),
    })
}

/// The entry at `index`; `None` for pads and for what is not there yet.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn entry(conn: &mut Conn, index: u64) -> Result<Option<Entry>, Error> {
    let query = entry::table.find(stored(index)?);
    let row: Option<EntryTuple> = on_each!(conn, |c| query.first(c).optional())?;
    row.map(entry_of).transpose()
}

/// The entries with `from <= index < to`, in order, at most `limit` of them. Pads have none.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn entries(conn: &mut Conn, from: u64, to: u64, limit: u32) -> Result<Vec<Entry>, Error> {
    let query = entry::table
        .filter(entry::idx.ge(stored(from)?).and(entry::idx.lt(stored(to)?)))
        .order(entry::idx)
        .limit(limit.into());
    let rows: Vec<EntryTuple> = on_each!(conn, |c| query.load(c))?;
    rows.into_iter().map(entry_of).collect()
}

/// The entries at these indices, in order; pads have none.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn entries_at(conn: &mut Conn, indices: &[u64]) -> Result<Vec<Entry>, Error> {
    let indices = indices.iter().map(|index| stored(*index)).collect::<Result<Vec<_>, _>>()?;
    let query = entry::table.filter(entry::idx.eq_any(indices)).order(entry::idx);
    let rows: Vec<EntryTuple> = on_each!(conn, |c| query.load(c))?;
    rows.into_iter().map(entry_of).collect()
}

/// The entries of one unit and kind, in order.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn entries_of_unit(conn: &mut Conn, unit: &UnitId, kind: &str) -> Result<Vec<Entry>, Error> {
    let query = entry::table
        .filter(entry::unit.eq(unit.to_string()).and(entry::kind.eq(kind)))
        .order(entry::idx);
    let rows: Vec<EntryTuple> = on_each!(conn, |c| query.load(c))?;
    rows.into_iter().map(entry_of).collect()
}

/// The entries of one kind, in order.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn entries_of_kind(conn: &mut Conn, kind: &str) -> Result<Vec<Entry>, Error> {
    let query = entry::table.filter(entry::kind.eq(kind)).order(entry::idx);
    let rows: Vec<EntryTuple> = on_each!(conn, |c| query.load(c))?;
    rows.into_iter().map(entry_of).collect()
}

fn checkpoint_of(row: CheckpointTuple) -> Result<StoredCheckpoint, Error> {
    let (size, root, at, note) = row;
    Ok(StoredCheckpoint {
        size: index_of(size)?,
        root: Hash::from_slice(&root).map_err(|_| corrupt("a checkpoint's root")())?,
        at: Time::from_millis(at),
        note: Note::parse(note.as_bytes()).map_err(|_| corrupt("a checkpoint's note")())?,
    })
}

/// The last checkpoint; `None` only before the sequencer was first opened.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn latest_checkpoint(conn: &mut Conn) -> Result<Option<StoredCheckpoint>, Error> {
    let query = checkpoint::table.order(checkpoint::size.desc()).limit(1);
    let row: Option<CheckpointTuple> = on_each!(conn, |c| query.first(c).optional())?;
    row.map(checkpoint_of).transpose()
}

/// The checkpoint of exactly `size`.
///
/// # Errors
/// `NotFound`, `Corrupt`, `Backend`.
pub fn checkpoint_at(conn: &mut Conn, size: u64) -> Result<StoredCheckpoint, Error> {
    let query = checkpoint::table.find(stored(size)?);
    let row: CheckpointTuple = on_each!(conn, |c| query.first(c))?;
    checkpoint_of(row)
}

/// Adds a signed checkpoint; the key on its size is the last guard against two of one size.
pub(super) fn insert_checkpoint(tx: &mut Tx<'_>, new: &StoredCheckpoint) -> Result<(), Error> {
    let row = diesel::insert_into(checkpoint::table).values((
        checkpoint::size.eq(stored(new.size)?),
        checkpoint::root.eq(new.root.as_bytes().as_slice()),
        checkpoint::at.eq(new.at.millis()),
        checkpoint::note.eq(new.note.encode()),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}

/// Keeps a custodian's cosignature line on the checkpoint of `size`, which the caller has verified;
/// `at` is the time in it. The first one stands: a challenge window runs from the q-th earliest, and
/// must not move once somebody was shown it. Who needs the witnesses' word of a later hour has a
/// further checkpoint made (`Sequencer::want_checkpoint`).
///
/// # Errors
/// `Conflict` when there is no such checkpoint; `Backend`.
pub fn add_cosignature(
    tx: &mut Tx<'_>,
    size: u64,
    custodian: &str,
    line: &NoteSignature,
    at: Time,
) -> Result<(), Error> {
    tx.unrecorded("cosignatures speak of the record and stand beside it");
    let row = diesel::insert_into(cosignature::table)
        .values((
            cosignature::size.eq(stored(size)?),
            cosignature::custodian.eq(custodian),
            cosignature::line.eq(line.line()),
            cosignature::at.eq(at.millis()),
        ))
        .on_conflict((cosignature::size, cosignature::custodian))
        .do_nothing();
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}

/// The cosignature lines on the checkpoint of `size`, by custodian's name, with their times.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn cosignatures(conn: &mut Conn, size: u64) -> Result<Vec<(NoteSignature, Time)>, Error> {
    let query = cosignature::table
        .filter(cosignature::size.eq(stored(size)?))
        .order(cosignature::custodian)
        .select((cosignature::line, cosignature::at));
    let rows: Vec<(String, i64)> = on_each!(conn, |c| query.load(c))?;
    rows.into_iter()
        .map(|(line, at)| {
            let line = line.strip_suffix('\n').unwrap_or(&line);
            let parsed = NoteSignature::parse(line).map_err(|_| corrupt("a cosignature")())?;
            Ok((parsed, Time::from_millis(at)))
        })
        .collect()
}

/// The largest size that a custodian has cosigned, and when. It costs the same however long the
/// record is: anybody may ask.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn last_cosigned(conn: &mut Conn, custodian: &str) -> Result<Option<(u64, Time)>, Error> {
    let query = cosignature::table
        .filter(cosignature::custodian.eq(custodian))
        .select((cosignature::size, cosignature::at))
        .order(cosignature::size.desc())
        .limit(1);
    let row: Option<(i64, i64)> = on_each!(conn, |c| query.first(c).optional())?;
    row.map(|(size, at)| Ok((index_of(size)?, Time::from_millis(at)))).transpose()
}

/// The checkpoint's note with all cosignatures so far.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn cosigned_note(conn: &mut Conn, checkpoint: &StoredCheckpoint) -> Result<Note, Error> {
    let mut note = checkpoint.note.clone();
    for (line, _) in cosignatures(conn, checkpoint.size)? {
        note.push(line);
    }
    Ok(note)
}

fn tile_key(tile: &Tile) -> (&'static str, i64) {
    match tile.level() {
        TileLevel::Entries => ("entries", 0),
        TileLevel::Hashes(level) => ("hash", level.into()),
    }
}

/// A tile or bundle, cut to the width asked for. Whether it may be shown yet is for the caller: see
/// [`Tile::exists_at`].
///
/// # Errors
/// `NotFound` when it is not there, or not as wide; `Backend`.
pub fn tile(conn: &mut Conn, tile: &Tile) -> Result<Vec<u8>, Error> {
    let (kind, level) = tile_key(tile);
    let query =
        tile::table.find((kind, level, stored(tile.index())?)).select((tile::width, tile::bytes));
    let (_, mut bytes): (i64, Vec<u8>) = on_each!(conn, |c| query.first(c))?;
    if bytes.len() < tile.len() {
        return Err(Error::NotFound);
    }
    bytes.truncate(tile.len());
    Ok(bytes)
}

/// Writes a tile, or widens it; the database refuses anything but growth.
pub(super) fn put_tile(tx: &mut Tx<'_>, tile: &Tile, bytes: &[u8]) -> Result<(), Error> {
    let (kind, level) = tile_key(tile);
    let content = (tile::width.eq(i64::from(tile.width())), tile::bytes.eq(bytes));
    let row = diesel::insert_into(tile::table)
        .values((
            tile::kind.eq(kind),
            tile::level.eq(level),
            tile::n.eq(stored(tile.index())?),
            content,
        ))
        .on_conflict((tile::kind, tile::level, tile::n))
        .do_update()
        .set(content);
    let row = Cached(row);
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}

/// The stored tiles as a source of hashes.
pub struct StoredTiles<'a>(RefCell<&'a mut Conn>);

impl<'a> StoredTiles<'a> {
    /// Reads through `conn`.
    pub const fn new(conn: &'a mut Conn) -> Self {
        Self(RefCell::new(conn))
    }
}

impl TileSource for StoredTiles<'_> {
    fn tile(&self, wanted: Tile) -> Result<Vec<u8>, SourceError> {
        tile(&mut self.0.borrow_mut(), &wanted).map_err(|e| match e {
            Error::NotFound => SourceError::Missing(wanted.to_string()),
            other => SourceError::Backend(other.to_string()),
        })
    }
}

impl From<SourceError> for Error {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Range => Self::NotFound,
            SourceError::Backend(reason) => Self::Backend(reason),
            missing => Self::Corrupt(missing.to_string()),
        }
    }
}

/// The receipt of the entry at `index` under a checkpoint that holds it, with the cosignatures so
/// far.
///
/// # Errors
/// `NotFound` for pads and for entries that the checkpoint does not hold; `Corrupt`, `Backend`.
pub fn receipt(conn: &mut Conn, index: u64, at: &StoredCheckpoint) -> Result<Receipt, Error> {
    let Entry { salt, event, .. } = entry(conn, index)?.ok_or(Error::NotFound)?;
    let checkpoint = cosigned_note(conn, at)?;
    let tree = TileTree::new(StoredTiles::new(conn), at.size);
    let hashes = prove_inclusion(&tree, index, at.size)?;
    Ok(Receipt { salt, event, index, hashes, checkpoint })
}
