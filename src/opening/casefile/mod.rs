//! Cuts case files out of the record: the public's, and the auditors' with everything.
//!
//! Invariants: the public file holds public events only; nothing that is sealed until a unit's end
//! leaves before its opening, void or lapse stands on the record, for auditors neither, and no row of it
//! is read before: how long an answer takes does not count bids. Both calls block. In memory
//! are a line of the index for each member, the units' public events and one bundle at a time: the
//! record is read twice, once for the index and once for the bodies, which cannot differ because the
//! record only grows. Deliberately absent: who may have which file.

mod entries;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor, Read, Write};
use std::ops::Range;
use std::sync::Arc;

pub(super) use self::entries::head_for;
use self::entries::{about, asked_in_time, bidders, framing, public_of};
use crate::bid::statements::Manifest;
use crate::blob::Blobs;
use crate::crypto::hash::Hash;
use crate::crypto::statement::{Body as _, Statement};
use crate::custodian::chain::Chain;
use crate::db::{Conn, Db, Error as DbError};
use crate::ids::{UnitId, UploadId};
use crate::opening::disclosed::sight::{Sight, pads_below, visible, waiting};
use crate::opening::rules::release_from;
use crate::opening::statements::{LineStatus, Opening};
use crate::opening::store;
use crate::record::cosigned::{self, Which};
use crate::record::disclosure::Level;
use crate::record::leaf::PadKey;
use crate::record::store::{self as record, Entry, StoredCheckpoint, StoredTiles};
use crate::record::tiles::{Level as TileLevel, Tile, TileTree, WIDTH};
use crate::record::tree::{prove_consistency, prove_inclusion};
use crate::tender::units::{self, UnitRow};
use crate::verify::casefile::{
    CaseEntry, CaseError, CaseHeader, CaseKind, CaseWriter, FORMAT, MemberName, OpenedLeaf,
    encode_opened,
};

/// Why no case file was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The file.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// No checkpoint with enough cosignatures holds the events yet.
    #[error("the custodians have not yet cosigned what the case file would show")]
    NotCosigned,
}

/// What case files are cut from.
pub struct CaseSource<'a> {
    /// The database.
    pub db: &'a Db,
    /// The ciphertexts.
    pub blobs: &'a Arc<dyn Blobs>,
    /// All rosters.
    pub rosters: &'a Chain,
    /// Opens pads in the auditors' file.
    pub pads: &'a PadKey,
}

/// What the file says of one unit, found in one snapshot.
struct Found {
    entries: Vec<Entry>,
    heads: BTreeMap<u64, StoredCheckpoint>,
    rows: Vec<UnitRow>,
    bids: Vec<store::EnvelopeRow>,
}

impl CaseSource<'_> {
    /// Writes the public case of these units; gives its length in bytes.
    ///
    /// # Errors
    /// [`Error`]; what was written is then useless.
    pub fn public<W: Write>(&self, units: &[UnitId], out: W) -> Result<u64, Error> {
        let (writer, _) = self.db.read(|conn| self.begin(conn, units, CaseKind::Public))?;
        let mut none = |_: &MemberName| Err(io::Error::other("nothing was announced"));
        Ok(writer.write(out, &mut none)?)
    }

    /// Writes the auditors' case: also every leaf of the record that is not sealed any more, and
    /// the ciphertexts of what was opened.
    ///
    /// # Errors
    /// [`Error`]; what was written is then useless.
    pub fn auditor<W: Write>(&self, units: &[UnitId], out: W) -> Result<u64, Error> {
        let (mut writer, found, shown) = self.db.read(|conn| {
            let (mut writer, found) = self.begin(conn, units, CaseKind::Auditor)?;
            let sealed = waiting(conn)?.into_iter().map(|waiting| waiting.unit).collect();
            let shown = Shown { sealed, pads_below: pads_below(conn)? };
            self.announce_leaves(conn, &mut writer, found.head_size(), &shown)?;
            Ok::<_, Error>((writer, found, shown))
        })?;
        let size = found.head_size();
        let (files, shares) = add_sealed(&mut writer, &found);
        let mut open = |name: &MemberName| -> io::Result<Box<dyn Read>> {
            let bytes = match name {
                MemberName::Bundle(number) => self.db.read(|conn| bundle(conn, *number, size)),
                MemberName::Opened(number) => {
                    self.db.read(|conn| self.opened(conn, *number, size, &shown))
                }
                MemberName::Sealed(sha256) => match (shares.get(sha256), files.get(sha256)) {
                    (Some(share), _) => Ok(share.clone()),
                    (None, Some(blob)) => {
                        return Ok(Box::new(self.blobs.open(*blob).map_err(io::Error::other)?));
                    }
                    (None, None) => return Err(io::Error::other("not announced")),
                },
                _ => return Err(io::Error::other("not announced")),
            };
            Ok(Box::new(Cursor::new(bytes.map_err(io::Error::other)?)))
        };
        Ok(writer.write(out, &mut open)?)
    }

    fn begin(
        &self,
        conn: &mut Conn,
        units: &[UnitId],
        kind: CaseKind,
    ) -> Result<(CaseWriter, Found), Error> {
        let roster = self.rosters.newest().body();
        let found = self.find(conn, units, kind)?;
        let origin = roster.origin.clone();
        let header = CaseHeader { format: FORMAT, kind, origin, units: units.to_vec() };
        let mut writer = CaseWriter::new(&header)?;
        for roster in self.rosters.iter() {
            writer.roster(roster.body().version, roster.note());
        }
        let size = found.head_size();
        for checkpoint in found.heads.values() {
            let note = record::cosigned_note(conn, checkpoint)?;
            let malformed = |_| DbError::Corrupt("a checkpoint".to_owned());
            writer.checkpoint(&note).map_err(malformed)?;
        }
        let tree = TileTree::new(StoredTiles::new(conn), size);
        for old in found.heads.keys().filter(|old| **old != size) {
            let proof = prove_consistency(&tree, *old, size).map_err(DbError::from)?;
            writer.consistency(*old, &proof);
        }
        // In the auditors' file everything is proven by the whole tree.
        if kind == CaseKind::Public {
            for Entry { index, salt, event, .. } in &found.entries {
                let proof = prove_inclusion(&tree, *index, size).map_err(DbError::from)?;
                let (index, salt, event) = (*index, *salt, event.clone());
                writer.entry(&CaseEntry { index, salt, event, proof });
            }
        }
        Ok((writer, found))
    }

    fn find(&self, conn: &mut Conn, units: &[UnitId], kind: CaseKind) -> Result<Found, Error> {
        let mut found =
            Found { entries: Vec::new(), heads: BTreeMap::new(), rows: vec![], bids: vec![] };
        let (mut bodies, mut tenders) = (BTreeSet::new(), BTreeSet::new());
        for id in units {
            let row = units::unit(conn, *id)?;
            tenders.insert(row.unit.body().tender);
            self.heads_of(conn, &row, &mut found.heads)?;
            bodies.insert(row.unit.body().procuring_entity);
            for entry in public_of(conn, *id)? {
                bodies.extend(bidders(&entry));
                found.entries.push(entry);
            }
            if kind == CaseKind::Auditor && row.opening_index.is_some() {
                found.bids.extend(store::envelopes(conn, id)?);
            }
            found.rows.push(row);
        }
        found.entries.extend(framing(conn, &tenders)?);
        found.entries.extend(about(conn, &bodies)?);
        found.entries.sort_by_key(|entry| entry.index);
        let roster = self.rosters.newest().body();
        let head = head_for(conn, roster, found.entries.last().map_or(0, |last| last.index))?;
        let size = head.size;
        found.entries.retain(|entry| entry.index < size);
        found.heads.retain(|old, _| *old < size);
        found.heads.insert(size, head);
        Ok(found)
    }

    /// The checkpoints on which a unit's claims stand: those that show when its amendments were asked,
    /// its freeze, the one that its window runs
    /// from, the first that shows the hour of release.
    fn heads_of(
        &self,
        conn: &mut Conn,
        row: &UnitRow,
        heads: &mut BTreeMap<u64, StoredCheckpoint>,
    ) -> Result<(), Error> {
        let roster = self.rosters.of(&row.unit.body().roster_sha256);
        let roster = roster.ok_or(Error::NotCosigned)?.body();
        let mut sizes = asked_in_time(conn, row, roster)?;
        let close = row.close.as_ref().zip(row.close_index);
        sizes.extend(close.map(|(close, _)| close.body().size));
        if let Some((_, index)) = close
            && let Some((window, from)) = store::window(conn, index, roster)?
        {
            sizes.push(window);
            let (from, names) = (release_from(&row.terms, from), roster.witness_names());
            let (t, above) = (usize::from(row.unit.body().t), window.saturating_sub(1));
            let first = cosigned::by(conn, &names, t, above, from, Which::First)?;
            sizes.extend(first.map(|found| found.size));
        }
        for size in sizes {
            heads.insert(size, record::checkpoint_at(conn, size)?);
        }
        Ok(())
    }

    /// Every bundle, and for each the leaves that auditors may see.
    fn announce_leaves(
        &self,
        conn: &mut Conn,
        writer: &mut CaseWriter,
        size: u64,
        shown: &Shown,
    ) -> Result<(), Error> {
        let mut announce = |name, bytes: Vec<u8>| {
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            writer.announce(name, Hash::of(&bytes), length);
        };
        for number in 0..size.div_ceil(u64::from(WIDTH)) {
            announce(MemberName::Bundle(number), bundle(conn, number, size)?);
            let opened = self.opened(conn, number, size, shown)?;
            if !opened.is_empty() {
                announce(MemberName::Opened(number), opened);
            }
        }
        Ok(())
    }

    /// The leaves of one bundle that auditors may see, as the file spells them; nothing when there
    /// is none.
    fn opened(
        &self,
        conn: &mut Conn,
        number: u64,
        size: u64,
        shown: &Shown,
    ) -> Result<Vec<u8>, Error> {
        let (mut next, end) =
            (number * u64::from(WIDTH), size.min((number + 1) * u64::from(WIDTH)));
        let mut leaves = Vec::new();
        let seen = visible(conn, &Sight::All, &(next..end))?;
        for Entry { index, salt, event, level, .. } in record::entries_at(conn, &seen)? {
            leaves.extend(self.pads(next..index, shown));
            next = index + 1;
            if shown.allows(&level) {
                leaves.push(OpenedLeaf { index, salt, event });
            }
        }
        leaves.extend(self.pads(next..end, shown));
        let is_empty = leaves.is_empty();
        Ok(if is_empty { Vec::new() } else { encode_opened(&leaves).into_bytes() })
    }

    /// The pads among these leaves that may be opened.
    fn pads(&self, range: Range<u64>, shown: &Shown) -> impl Iterator<Item = OpenedLeaf> {
        let end = range.end.min(shown.pads_below);
        let pad = |index| OpenedLeaf { index, salt: self.pads.salt(index), event: Vec::new() };
        (range.start..end).map(pad)
    }
}

impl Found {
    fn head_size(&self) -> u64 {
        self.heads.keys().next_back().copied().unwrap_or_default()
    }
}

/// One bundle of the record at a size.
fn bundle(conn: &mut Conn, number: u64, size: u64) -> Result<Vec<u8>, Error> {
    let tile = Tile::of_size(TileLevel::Entries, number, size);
    let tile = tile.ok_or_else(|| DbError::Corrupt("no bundle".to_owned()))?;
    Ok(record::tile(conn, &tile)?)
}

/// What auditors could see when the file was begun: an opening that comes while it is written must
/// not change what was announced.
struct Shown {
    /// Units that were still to end.
    sealed: BTreeSet<UnitId>,
    /// Pads from here on stay closed.
    pads_below: u64,
}

impl Shown {
    /// Whether auditors may see an entry of this level.
    fn allows(&self, level: &Level) -> bool {
        !matches!(level, Level::Sealed(unit) if self.sealed.contains(unit))
    }
}

type Files = BTreeMap<Hash, UploadId>;
type Shares = BTreeMap<Hash, Vec<u8>>;

/// Announces the ciphertexts of every line that was opened or tried.
fn add_sealed(writer: &mut CaseWriter, found: &Found) -> (Files, Shares) {
    let (mut files, mut shares) = (Files::new(), Shares::new());
    let openings = found.entries.iter().filter(|entry| entry.kind == Opening::TYPE);
    let openings = openings.filter_map(|e| Statement::<Opening>::parse(&e.event).ok());
    let tried: BTreeSet<Hash> = openings
        .flat_map(|opening| opening.body().lines.clone())
        .filter(|line| line.outcome != LineStatus::Lost)
        .map(|line| line.line)
        .collect();
    for bid in found.bids.iter().filter(|bid| tried.contains(&bid.line())) {
        let Ok(manifest) = Statement::<Manifest>::parse(bid.manifest.as_bytes()) else { continue };
        writer.sealed(bid.blob_sha256, manifest.body().bid.size);
        files.insert(bid.blob_sha256, bid.blob);
        for share in &bid.shares {
            let sha256 = Hash::of(share);
            writer.sealed(sha256, u64::try_from(share.len()).unwrap_or(u64::MAX));
            shares.insert(sha256, share.clone());
        }
    }
    (files, shares)
}
