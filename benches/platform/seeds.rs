//! What stands before a submission, put in as rows.

use std::fs::{self, File};

use diesel::prelude::*;
use sealbid::cli::keys;
use sealbid::clock::{Clock as _, SystemClock, Time};
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::Statement;
use sealbid::db::schema::{lot, tender, unit, upload};
use sealbid::db::{Error, Tx};
use sealbid::ids::UnitId;
use sealbid::on_each;
use sealbid::tender::statements::{ReleaseBy, SUITE, Stage, Unit};

use crate::live::{Bidder, Live};

/// As many units as each bidder sends bids, all open for an hour.
pub fn units(live: &Live, count: usize) -> Vec<UnitId> {
    let operator = keys::load(&live.stage.key_file("operator")).expect("a key");
    let (deadline, roster) = (SystemClock.now().plus(3_600_000), live.stage.pinned.sha256());
    let signed = |number| Statement::signed(open_unit(number, deadline, roster), &operator);
    let notes: Vec<_> = (0..count).map(|number| signed(number).expect("signed")).collect();
    let units = notes.iter().map(|note| note.body().id().expect("an id")).collect();
    live.seed(move |tx| insert_units(tx, &notes));
    units
}

/// What the server reads of a unit when it starts and when a bid comes; who signed it is not asked again.
fn open_unit(number: usize, deadline: Time, roster: Hash) -> Unit {
    Unit {
        challenge_ms: 10_000,
        deadline,
        issued_at: deadline.plus(-3_600_000),
        lot: format!("lot_{:032x}", 1).parse().expect("an id"),
        min: 3,
        nonce: Hash::of(format!("unit {number}").as_bytes()),
        open_at: deadline.plus(60_000),
        procuring_entity: format!("ent_{:032x}", u32::MAX).parse().expect("an id"),
        recipients: Vec::new(),
        release: ReleaseBy::Time,
        roster_sha256: roster,
        stage: Stage::Single,
        suite: SUITE.into(),
        t: 3,
        tender: format!("tnd_{:032x}", 1).parse().expect("an id"),
    }
}

fn insert_units(tx: &mut Tx<'_>, units: &[Statement<Unit>]) -> Result<(), Error> {
    let (tender_id, lot_id) = (format!("tnd_{:032x}", 1), format!("lot_{:032x}", 1));
    let row = diesel::insert_into(tender::table).values((
        tender::id.eq(&tender_id),
        tender::procuring_entity.eq(format!("ent_{:032x}", u32::MAX)),
        tender::title.eq("t"),
        tender::state.eq("published"),
        tender::plan.eq("{}"),
        tender::drafted_at.eq(0),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    let row = diesel::insert_into(lot::table).values((
        lot::id.eq(&lot_id),
        lot::tender.eq(&tender_id),
        lot::no.eq(1),
        lot::title.eq("l"),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    for note in units {
        let body = note.body();
        let row = diesel::insert_into(unit::table).values((
            unit::unit_id.eq(body.id().expect("an id").to_string()),
            unit::tender.eq(&tender_id),
            unit::lot.eq(&lot_id),
            unit::stage.eq(body.stage.code()),
            unit::note.eq(note.encode()),
            unit::state.eq("open"),
            unit::deadline.eq(body.deadline.millis()),
            unit::open_at.eq(body.open_at.millis()),
            unit::challenge_ms.eq(body.challenge_ms),
            unit::min.eq(3),
            unit::release_by.eq("time"),
            unit::t.eq(i64::from(body.t)),
            unit::n.eq(5),
            unit::proposed_index.eq(0),
            unit::last_sha256.eq(note.sha256().as_bytes().to_vec()),
        ));
        on_each!(tx.conn(), |c| row.execute(c))?;
    }
    Ok(())
}

/// The ciphertext that a bidder's nth bid names.
pub fn blob(bidder: &Bidder, number: usize) -> Hash {
    Hash::of(format!("{} {number}", bidder.id).as_bytes())
}

pub const BLOB_SIZE: i64 = 100_000;

/// Complete uploads: rows, and files of the right length that hold nothing.
pub fn uploads(live: &Live, bidders: &[Bidder], each: usize) {
    let expires_at = SystemClock.now().plus(3_600_000).millis();
    let mut rows = Vec::new();
    for (place, bidder) in bidders.iter().enumerate() {
        rows.extend((0..each).map(|number| {
            let id = format!("upl_{:032x}", place * each + number);
            (id, bidder.id.to_string(), blob(bidder, number).as_bytes().to_vec())
        }));
    }
    let blobs = live.blobs();
    fs::create_dir_all(&blobs).expect("a folder");
    for (id, ..) in &rows {
        let file = File::create(blobs.join(id)).expect("a file");
        file.set_len(BLOB_SIZE as u64).expect("its length");
    }
    live.seed(move |tx| {
        for rows in rows.chunks(1000) {
            let rows: Vec<_> = rows
                .iter()
                .map(|(id, owner, sha256)| {
                    (
                        upload::id.eq(id),
                        upload::owner.eq(owner),
                        upload::length.eq(BLOB_SIZE),
                        upload::sha256.eq(sha256),
                        upload::state.eq("complete"),
                        upload::purpose.eq("bid"),
                        upload::expires_at.eq(expires_at),
                    )
                })
                .collect();
            on_each!(tx.conn(), |c| diesel::insert_into(upload::table).values(&rows).execute(c))?;
        }
        Ok(())
    });
}
