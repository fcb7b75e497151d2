//! What must hold of a database after everything, and what its platform has given its word for.

use std::collections::BTreeMap;

use diesel::prelude::*;
use sealbid::bid::statements::{BidEvent, Manifest, Withdrawal};
use sealbid::blob::{Blobs as _, Folder};
use sealbid::crypto::hash::Hash;
use sealbid::crypto::json;
use sealbid::crypto::note::Note;
use sealbid::crypto::statement::Statement;
use sealbid::db::schema::{chain, envelope, unit};
use sealbid::db::{Conn, Error};
use sealbid::enterprise::credentials::enterprise_of;
use sealbid::ids::{EnterpriseId, UnitId};
use sealbid::on_each;
use sealbid::record::checkpoint::Checkpoint;
use sealbid::record::leaf::leaf;
use sealbid::record::proof::Receipt;
use sealbid::record::store::{self, StoredCheckpoint, StoredTiles};
use sealbid::record::tiles::root_of_tiles;

use crate::play::Play;
use crate::server::log_key;
use crate::support::TestBase;

/// What the platform showed and answered.
#[derive(Default, Debug)]
pub struct Acknowledged {
    receipts: Vec<(u64, Hash)>,
    heads: BTreeMap<u64, Hash>,
}

impl Acknowledged {
    /// Keeps a receipt whose signature was checked.
    pub fn receipt(&mut self, receipt: &Receipt) {
        self.receipts.push((receipt.index, receipt.leaf()));
    }

    /// Keeps the head that the platform shows now, if it shows one.
    pub fn head(&mut self, play: &Play) {
        let address = format!("{}/record/checkpoint", play.server.address);
        let Some(shown) = super::shown(play, address) else { return };
        let note = Note::parse(shown.as_bytes()).unwrap();
        note.require(log_key().verifying()).unwrap();
        let head = Checkpoint::parse(note.text()).unwrap();
        let known = self.heads.insert(head.size, head.root);
        assert!(known.is_none_or(|known| known == head.root), "two records of size {}", head.size);
    }

    /// All of it stands in the database, whose rows are the replay of its record.
    pub fn stand(&self, base: &TestBase, play: &Play) {
        let db = base.open();
        db.read(|conn| {
            let at = store::latest_checkpoint(conn)?.unwrap();
            for (size, root) in &self.heads {
                assert!(*size <= at.size);
                assert_eq!(root_of_tiles(StoredTiles::new(conn), *size)?, *root, "at {size}");
            }
            for (index, leaf) in &self.receipts {
                assert_eq!(store::receipt(conn, *index, &at)?.leaf(), *leaf, "{index}");
            }
            let replay = replay(conn, &at)?;
            assert_eq!(envelopes(conn)?, replay.envelopes);
            assert_eq!(chains(conn)?, replay.chains);
            assert_eq!(ends(conn)?, replay.ends);
            Ok::<_, Error>(())
        })
        .unwrap();
        assert!(self.heads.len() > 10 && self.receipts.len() > 7, "{self:?} is too little");
        let blobs = Folder::open(&play.server.home().join("data")).unwrap();
        let kept = db.read(kept).unwrap();
        assert!(!kept.is_empty());
        for (blob, sha256) in kept {
            assert_eq!(blobs.rehash(blob.parse().unwrap()).unwrap().sha256.as_bytes()[..], sha256);
        }
    }
}

/// The last statement of each bidder in each unit, and its entry.
type Chains = BTreeMap<(String, String), (Hash, u64)>;

/// Where each unit and each bidder stand, by the record or by the rows.
#[derive(Default)]
struct Replay {
    /// The manifests accepted, where, and whether nothing took their place.
    envelopes: BTreeMap<Hash, (u64, bool)>,
    chains: Chains,
    /// How units ended, and by which entry.
    ends: BTreeMap<String, (&'static str, u64)>,
}

fn bidder(note: &Note) -> EnterpriseId {
    enterprise_of(&note.signatures()[0].name).unwrap()
}

fn replay(conn: &mut Conn, at: &StoredCheckpoint) -> Result<Replay, Error> {
    let mut replay = Replay::default();
    for entry in store::entries(conn, 0, at.size, 10_000)? {
        let receipt = store::receipt(conn, entry.index, at)?;
        receipt.verify(log_key().verifying(), &[]).unwrap();
        assert_eq!(receipt.leaf(), leaf(&entry.salt, &entry.event));
        let end = match entry.kind.as_str() {
            "sealbid/opening/v1" => Some("opened"),
            "sealbid/void/v1" => Some("void"),
            _ => None,
        };
        if let Some(end) = end {
            let unit = entry.unit.as_ref().map(UnitId::to_string).unwrap();
            assert!(replay.ends.insert(unit, (end, entry.index)).is_none(), "it ends once");
        }
        if let Ok(event) = json::parse::<BidEvent>(&entry.event) {
            replay.apply(entry.index, &event);
        }
    }
    Ok(replay)
}

impl Replay {
    fn apply(&mut self, index: u64, event: &BidEvent) {
        let (unit, note, sha256) = match event {
            BidEvent::Accepted { manifest, manifest_sha256, unit_id, .. } => {
                let statement = Statement::<Manifest>::parse(manifest.as_bytes()).unwrap();
                assert_eq!(statement.sha256(), *manifest_sha256);
                let taken = self.envelopes.insert(*manifest_sha256, (index, true));
                assert_eq!(taken, None, "a manifest is accepted once");
                (unit_id, statement.note().clone(), *manifest_sha256)
            }
            BidEvent::Withdrawn { withdrawal, unit_id, .. } => {
                let statement = Statement::<Withdrawal>::parse(withdrawal.as_bytes()).unwrap();
                (unit_id, statement.note().clone(), statement.sha256())
            }
            BidEvent::Refused { .. } => return,
        };
        let of = (unit.to_string(), bidder(&note).to_string());
        let before = self.chains.insert(of, (sha256, index));
        if let Some(envelope) = before.and_then(|(sha256, _)| self.envelopes.get_mut(&sha256)) {
            envelope.1 = false;
        }
    }
}

fn hash(bytes: &[u8]) -> Hash {
    Hash::from_slice(bytes).unwrap()
}

fn envelopes(conn: &mut Conn) -> Result<BTreeMap<Hash, (u64, bool)>, Error> {
    let query =
        envelope::table.left_join(unit::table.on(unit::unit_id.eq(envelope::unit))).select((
            envelope::manifest_sha256,
            envelope::accepted_index,
            envelope::state,
            unit::state.nullable(),
        ));
    let rows: Vec<(Vec<u8>, i64, String, Option<String>)> = on_each!(conn, |c| query.load(c))?;
    let row = |(sha256, index, state, of): (Vec<u8>, i64, String, Option<String>)| {
        // What was left of a void unit was live to its end, and is deleted since.
        let is_live = state == "live" || (of.as_deref() == Some("void") && state == "deleted");
        (hash(&sha256), (index as u64, is_live))
    };
    Ok(rows.into_iter().map(row).collect())
}

fn chains(conn: &mut Conn) -> Result<Chains, Error> {
    let query =
        chain::table.select((chain::unit, chain::bidder, chain::sha256, chain::accepted_index));
    let rows: Vec<(String, String, Vec<u8>, i64)> = on_each!(conn, |c| query.load(c))?;
    let row = |(unit, bidder, sha256, index): (String, String, Vec<u8>, i64)| {
        ((unit, bidder), (hash(&sha256), index as u64))
    };
    Ok(rows.into_iter().map(row).collect())
}

fn ends(conn: &mut Conn) -> Result<BTreeMap<String, (&'static str, u64)>, Error> {
    let query = unit::table.select((unit::unit_id, unit::state));
    let rows: Vec<(String, String)> = on_each!(conn, |c| query.load(c))?;
    let mut ends = BTreeMap::new();
    for (unit, state) in rows {
        let (kind, end) = match state.as_str() {
            "opened" => ("sealbid/opening/v1", "opened"),
            "void" => ("sealbid/void/v1", "void"),
            other => panic!("{unit} is {other}"),
        };
        let entries = store::entries_of_unit(conn, &unit.parse().unwrap(), kind)?;
        ends.insert(unit, (end, entries[0].index));
    }
    Ok(ends)
}

/// The ciphertexts that must be there: of what was opened.
fn kept(conn: &mut Conn) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let query = envelope::table
        .filter(envelope::state.eq("live"))
        .select((envelope::blob, envelope::blob_sha256));
    Ok(on_each!(conn, |c| query.load(c))?)
}
