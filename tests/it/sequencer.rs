//! Does what was committed get into the published tree, once, and nothing else?

use std::time::Duration;

use sealbid::clock::Time;
use sealbid::crypto::entropy::{Entropy, NoEntropy};
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::db::{Db, Error};
use sealbid::record::append::{Event, Recorded};
use sealbid::record::checkpoint::{Checkpoint, cosign};
use sealbid::record::cosigned::{self, Which};
use sealbid::record::disclosure::{Level, Reader, may_see};
use sealbid::record::leaf::{PadKey, leaf};
use sealbid::record::proof::Receipt;
use sealbid::record::sequencer::{Keys, Pace, Published, Sequencer};
use sealbid::record::store::{self, StoredTiles};
use sealbid::record::tiles::{Level as TileLevel, Tile, changed, parse_bundle, root_of_tiles};
use sealbid::record::tree;

use crate::on_both;
use crate::support::wait;

const ORIGIN: &str = "record.example/log";

fn log_key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, KeyKind::Statement, &[7; 32]).unwrap()
}

fn keys() -> Keys {
    Keys { log: log_key(), pads: PadKey::from_bytes([9; 32]) }
}

/// Hardly ever a decoy.
fn quiet() -> Pace {
    Pace { decoys: Duration::from_secs(1 << 40), ..Pace::default() }
}

fn event(text: &str) -> Event {
    let (kind, level, bytes) = ("test/v1", Level::Public, text.as_bytes().to_vec());
    Event { kind, level, unit: None, bytes }
}

fn record(db: &Db, text: &str) -> Recorded {
    let event = event(text);
    db.write_blocking(move |tx| tx.record(event)).unwrap()
}

/// Everything that a stranger with all salts checks: tiles, root, signature, entries.
fn check(db: &Db, published: &Published) {
    let size = published.checkpoint.size;
    let stored = db.read(|conn| store::checkpoint_at(conn, size)).unwrap();
    assert_eq!(stored, published.checkpoint);
    stored.note.require(log_key().verifying()).unwrap();
    let (origin, root) = (ORIGIN.to_owned(), stored.root);
    let stated = Checkpoint::parse(stored.note.text()).unwrap();
    assert_eq!(stated, Checkpoint { origin, size, root });
    db.read(|conn| {
        assert_eq!(root_of_tiles(StoredTiles::new(conn), size)?, root);
        let pads = keys().pads;
        let mut leaves = Vec::new();
        for tile in changed(0, size).iter().filter(|t| t.level() == TileLevel::Entries) {
            leaves.extend(parse_bundle(&store::tile(conn, tile)?)?);
        }
        for (index, found) in (0..).zip(leaves) {
            let entry = store::entry(conn, index)?;
            let expected = entry.map_or_else(|| pads.leaf(index), |e| leaf(&e.salt, &e.event));
            assert_eq!(found, expected, "entry {index}");
        }
        Ok::<_, Error>(())
    })
    .unwrap();
}

on_both! {
    fn the_first_checkpoint_is_of_the_empty_record(base: TestBase) {
        let db = base.open();
        let sequencer = wait(Sequencer::open(db.clone(), keys(), quiet())).unwrap();
        assert_eq!(sequencer.published().checkpoint.size, 0);
        assert_eq!(sequencer.published().checkpoint.root, tree::empty_root());
        assert!(wait(sequencer.tick()).unwrap().is_none(), "nothing happened, nothing is said");
    }
}

on_both! {
    fn every_batch_is_filled_to_a_multiple_of_eight_and_verifies(base: TestBase) {
        let db = base.open();
        let sequencer = wait(Sequencer::open(db.clone(), keys(), quiet())).unwrap();
        let mut total = 0;
        for acts in [1_u64, 8, 9, 300, 3, 600] {
            for act in 0..acts {
                record(&db, &format!("act {act}"));
            }
            let published = wait(sequencer.tick()).unwrap().unwrap();
            total = (total + acts).next_multiple_of(8);
            assert_eq!(published.checkpoint.size, total);
            check(&db, &published);
        }
    }
}

on_both! {
    fn an_act_is_answered_with_a_receipt_that_a_stranger_verifies(base: TestBase) {
        let db = base.open();
        let sequencer = wait(Sequencer::open(db.clone(), keys(), quiet())).unwrap();
        let mut acts = Vec::new();
        for i in 0..20 {
            acts.push(record(&db, &format!("act {i}")));
        }
        let waiting = sequencer.integrated(19);
        let (published, ticked) = wait(async { tokio::join!(waiting, sequencer.tick()) });
        let published = published.unwrap();
        assert_eq!(published.checkpoint, ticked.unwrap().unwrap().checkpoint);
        for act in acts {
            let at = &published.checkpoint;
            let stored = db.read(|conn| store::receipt(conn, act.index, at)).unwrap();
            let again = Receipt::parse(stored.encode().as_bytes()).unwrap();
            again.verify(log_key().verifying(), &[]).unwrap();
            assert_eq!(published.proof(act.index), Some(&stored.hashes[..]));
            assert_eq!(again.leaf(), act.leaf);
        }
        let pad = db.read(|conn| store::receipt(conn, 20, &published.checkpoint));
        assert_eq!(pad.unwrap_err(), Error::NotFound);
        assert_eq!(published.proof(20), None);
    }
}

on_both! {
    fn a_restart_goes_on_where_the_record_ended(base: TestBase) {
        for round in 1..=4_u64 {
            let db = base.open();
            let sequencer = wait(Sequencer::open(db.clone(), keys(), quiet())).unwrap();
            assert_eq!(sequencer.published().checkpoint.size, (round - 1) * 104);
            for i in 0..100 {
                record(&db, &format!("act {i}"));
            }
            check(&db, &wait(sequencer.tick()).unwrap().unwrap());
        }
    }
}

on_both! {
    fn acts_that_were_committed_before_a_crash_are_integrated_after_it(base: TestBase) {
        let db = base.open();
        wait(Sequencer::open(db.clone(), keys(), quiet())).unwrap();
        record(&db, "committed, never integrated");
        drop(db);
        let db = base.open();
        let sequencer = wait(Sequencer::open(db.clone(), keys(), quiet())).unwrap();
        let published = wait(sequencer.tick()).unwrap().unwrap();
        assert_eq!(published.checkpoint.size, 8);
        check(&db, &published);
    }
}

on_both! {
    fn two_sequencers_take_turns(base: TestBase) {
        let (one, two) = (base.open(), base.open());
        let first = wait(Sequencer::open(one.clone(), keys(), quiet())).unwrap();
        let second = wait(Sequencer::open(two.clone(), keys(), quiet())).unwrap();
        for round in 0..6 {
            record(&one, "one");
            record(&two, "two");
            let published = if round % 2 == 0 { wait(first.tick()) } else { wait(second.tick()) };
            check(&one, &published.unwrap().unwrap());
        }
    }
}

on_both! {
    fn what_another_instance_integrated_is_answered_at_the_next_tick(base: TestBase) {
        let (one, two) = (base.open(), base.open());
        let first = wait(Sequencer::open(one.clone(), keys(), quiet())).unwrap();
        let second = wait(Sequencer::open(two.clone(), keys(), quiet())).unwrap();
        let act = record(&two, "of the second, integrated by the first");
        let published = wait(first.tick()).unwrap().unwrap();
        let (answered, ticked) =
            wait(async { tokio::join!(second.integrated(act.index), second.tick()) });
        assert!(ticked.unwrap().is_none(), "it had nothing to sign");
        assert_eq!(answered.unwrap().checkpoint, published.checkpoint);
        assert_eq!(second.published().proof(act.index), None, "the tiles prove it");
        let at = &second.published().checkpoint;
        let receipt = two.read(|conn| store::receipt(conn, act.index, at)).unwrap();
        receipt.verify(log_key().verifying(), &[]).unwrap();
        record(&two, "another");
        check(&two, &wait(second.tick()).unwrap().unwrap());
    }
}

on_both! {
    fn another_key_cannot_continue_the_record(base: TestBase) {
        let db = base.open();
        wait(Sequencer::open(db.clone(), keys(), quiet())).unwrap();
        let log = SigningKey::from_seed(ORIGIN, KeyKind::Statement, &[8; 32]).unwrap();
        let other = Keys { log, pads: PadKey::from_bytes([9; 32]) };
        let refused = wait(Sequencer::open(db, other, quiet())).map(drop);
        assert!(matches!(refused, Err(Error::Corrupt(_))), "{refused:?}");
    }
}

on_both! {
    fn a_database_that_went_back_is_never_signed_again(base: TestBase) {
        let db = base.open();
        let sequencer = wait(Sequencer::open(db.clone(), keys(), quiet())).unwrap();
        record(&db, "published");
        wait(sequencer.tick()).unwrap().unwrap();
        // As a restored backup would look: the database's owner takes the triggers away first.
        let gone = match &base.url {
            sealbid::db::DatabaseUrl::Sqlite(_) => "DROP TRIGGER checkpoint_kept",
            sealbid::db::DatabaseUrl::Postgres(_) => "DROP TRIGGER checkpoint_unchanged ON checkpoint",
        };
        base.meddle(gone).unwrap();
        base.meddle("DELETE FROM checkpoint WHERE size > 0").unwrap();
        let refused = wait(sequencer.tick()).map(drop);
        assert!(matches!(refused, Err(Error::Corrupt(_))), "{refused:?}");
    }
}

on_both! {
    fn an_altered_event_or_tile_is_found_at_the_start(base: TestBase) {
        let db = base.open();
        let sequencer = wait(Sequencer::open(db.clone(), keys(), quiet())).unwrap();
        record(&db, "published");
        wait(sequencer.tick()).unwrap().unwrap();
        let gone = match &base.url {
            sealbid::db::DatabaseUrl::Sqlite(_) => "DROP TRIGGER tile_grows",
            sealbid::db::DatabaseUrl::Postgres(_) => "DROP TRIGGER tile_grows ON tile",
        };
        base.meddle(gone).unwrap();
        base.meddle("UPDATE tile SET bytes = (SELECT root FROM checkpoint WHERE size = 8) WHERE kind = 'hash'")
            .unwrap();
        let refused = wait(Sequencer::open(db, keys(), quiet())).map(drop);
        assert!(matches!(refused, Err(Error::Corrupt(_))), "{refused:?}");
    }
}

/// Every draw is zero: a decoy is due whenever time has passed.
struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, out: &mut [u8]) -> Result<(), NoEntropy> {
        out.fill(0);
        Ok(())
    }
}

on_both! {
    fn a_decoy_batch_looks_like_any_other_and_holds_no_entry(base: TestBase) {
        let mut options = base.options();
        options.entropy = std::sync::Arc::new(Zeros);
        let db = Db::open(&base.url, options).unwrap();
        let sequencer = wait(Sequencer::open(db.clone(), keys(), Pace::default())).unwrap();
        assert!(wait(sequencer.tick()).unwrap().is_none(), "no time has passed");
        base.clock.advance(400);
        let decoy = wait(sequencer.tick()).unwrap().unwrap();
        assert_eq!((decoy.checkpoint.size, decoy.proof(0)), (8, None));
        check(&db, &decoy);
        assert_eq!(record(&db, "after the decoy").index, 8);
    }
}

on_both! {
    fn cosignatures_stand_beside_their_checkpoint(base: TestBase) {
        let db = base.open();
        let sequencer = wait(Sequencer::open(db.clone(), keys(), quiet())).unwrap();
        record(&db, "act");
        let published = wait(sequencer.tick()).unwrap().unwrap();
        let (size, text) = (published.checkpoint.size, published.checkpoint.note.text().to_owned());
        let names = ["c1", "c2"].map(str::to_owned);
        let cosigned = |k| {
            let (from, which) = (Time::from_millis(0), Which::Last);
            db.read(|conn| cosigned::by(conn, &names, k, 0, from, which)).unwrap().map(|c| c.size)
        };
        assert_eq!(cosigned(1), None);
        for name in ["c1", "c2"] {
            let key = SigningKey::from_seed(name, KeyKind::Cosignature, &[3; 32]).unwrap();
            let at = Time::from_seconds(1_800_000_001);
            let line = cosign(&text, &key, at).unwrap();
            // The same line twice is one cosignature.
            for _ in 0..2 {
                let line = line.clone();
                db.write_blocking(move |tx| store::add_cosignature(tx, size, name, &line, at)).unwrap();
            }
        }
        let receipt = db.read(|conn| store::receipt(conn, 0, &published.checkpoint)).unwrap();
        assert_eq!(receipt.checkpoint.signatures().len(), 3);
        assert_eq!((cosigned(2), cosigned(3)), (Some(8), None));
    }
}

on_both! {
    fn a_tile_is_cut_to_the_width_asked_for(base: TestBase) {
        let db = base.open();
        let sequencer = wait(Sequencer::open(db.clone(), keys(), quiet())).unwrap();
        for _ in 0..20 {
            record(&db, "act");
        }
        wait(sequencer.tick()).unwrap().unwrap();
        let read = |width| {
            let tile = Tile::new(TileLevel::Hashes(0), 0, width).unwrap();
            db.read(|conn| store::tile(conn, &tile)).map(|bytes| bytes.len())
        };
        assert_eq!(read(24), Ok(24 * 32));
        assert_eq!(read(8), Ok(8 * 32));
        assert_eq!(read(25), Err(Error::NotFound));
    }
}

#[test]
fn a_sealed_entry_binds_everybody_until_its_unit_is_opened() {
    let unit = sealbid::ids::UnitId(Hash::of(b"unit"));
    let readers = [Reader::Anyone, Reader::Party, Reader::Regulator, Reader::Author];
    let sees = |level: Level, opened| readers.map(|r| may_see(&level, r, |_| opened));
    assert_eq!(sees(Level::Public, false), [true; 4]);
    assert_eq!(sees(Level::Parties, false), [false, true, true, true]);
    assert_eq!(sees(Level::Regulator, false), [false, false, true, true]);
    assert_eq!(sees(Level::Sealed(unit), false), [false, false, false, true]);
    assert_eq!(sees(Level::Sealed(unit), true), [false, false, true, true]);
    for level in [Level::Public, Level::Parties, Level::Regulator, Level::Sealed(unit)] {
        assert_eq!(level.to_string().parse(), Ok(level));
    }
    assert!("sealed".parse::<Level>().is_err());
}
