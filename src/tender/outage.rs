//! Outages: when the platform was down, measured by its own heartbeat, and what the rule pack makes of
//! it.
//!
//! Invariant: nobody states an outage's times by hand. A deadline that fell into the platform's own
//! downtime waits for a decision: nobody could hand in a bid then. Deliberately absent: who registers
//! an outage ([`amend`](super::amend)), and consent to what follows.

use std::collections::BTreeSet;

use diesel::prelude::*;

use super::Error;
use super::platform::Platform;
use super::statements::{Amendment, AmendmentReason};
use super::units::{self, UnitRow};
use crate::clock::{Time, is_closed};
use crate::crypto::statement::{Body as _, Statement};
use crate::custodian::roster::Roster;
use crate::db::schema::{alive, downtime};
use crate::db::{self, Conn, Tx};
use crate::on_each;
use crate::opening::rules::waiting::{Standing, WaitsFor, is_freeze_over};
use crate::opening::rules::{FREEZE_MS, UnitState};
use crate::opening::statements::{LapseReason, OpeningEvent};
use crate::record::store as record;
use crate::rulepack::outage::Window;

/// Two beats are at least so far apart, in milliseconds.
const BEAT_MS: i64 = 1_000;
/// A longer silence than this was downtime, in milliseconds: a bidder's client that tries again
/// within it loses nothing.
pub const DOWN_MS: i64 = 5_000;

/// Says that the platform is alive, and measures for how long it was not.
///
/// # Errors
/// The database's.
pub async fn beat(p: &Platform) -> Result<(), db::Error> {
    let (last, now) = (p.db.query(last_beat).await?, p.now());
    if last.is_some_and(|last| now.since(last) < BEAT_MS) {
        return Ok(());
    }
    beat_with(p, |_| Ok(())).await
}

/// A heartbeat at once, and what an instance has to say of itself in the same write.
///
/// # Errors
/// The database's.
pub async fn beat_with(
    p: &Platform,
    say: impl FnOnce(&mut Tx<'_>) -> Result<(), db::Error> + Send + 'static,
) -> Result<(), db::Error> {
    p.db.write(move |tx| {
        record_beat(tx)?;
        say(tx)
    })
    .await
}

fn last_beat(conn: &mut Conn) -> Result<Option<Time>, db::Error> {
    let query = alive::table.select(alive::at);
    let at: Option<i64> = on_each!(conn, |c| query.first(c).optional())?;
    Ok(at.map(Time::from_millis))
}

fn record_beat(tx: &mut Tx<'_>) -> Result<(), db::Error> {
    tx.unrecorded("a heartbeat; an outage that follows from it is an amendment on the record");
    let (last, now) = (last_beat(tx.conn())?, tx.now().millis());
    let Some(last) = last.map(Time::millis) else {
        let row = diesel::insert_into(alive::table).values((alive::one.eq(1), alive::at.eq(now)));
        on_each!(tx.conn(), |c| row.execute(c))?;
        return Ok(());
    };
    if now.saturating_sub(last) > DOWN_MS {
        let span = (downtime::from_at.eq(last), downtime::until_at.eq(now));
        let row = diesel::insert_into(downtime::table).values(span);
        on_each!(tx.conn(), |c| row.execute(c))?;
    }
    let change = diesel::update(alive::table.filter(alive::at.lt(now))).set(alive::at.eq(now));
    on_each!(tx.conn(), |c| change.execute(c))?;
    Ok(())
}

/// Whether the platform was down at an instant.
///
/// # Errors
/// `Backend`.
pub fn was_down(conn: &mut Conn, at: Time) -> Result<bool, db::Error> {
    Ok(last_begun(conn, at)?.is_some_and(|(_, until)| until > at.millis()))
}

/// The span that began last before an instant, or at it: spans follow each other, so no other can reach
/// beyond it.
fn last_begun(conn: &mut Conn, at: Time) -> Result<Option<(i64, i64)>, db::Error> {
    let query = downtime::table
        .filter(downtime::from_at.le(at.millis()))
        .order(downtime::from_at.desc())
        .limit(1);
    Ok(on_each!(conn, |c| query.first(c).optional())?)
}

/// Whether a unit's deadline fell into the platform's own downtime and nobody has decided on it yet. An
/// outage that q custodians refused is decided: they saw the platform alive, or cannot tell, and bidders
/// could lodge with them.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn is_undecided(conn: &mut Conn, row: &UnitRow) -> Result<bool, db::Error> {
    Ok(was_down(conn, row.terms.deadline)? && !is_refused(conn, row)?)
}

/// What an open unit waits for whose deadline has passed.
///
/// # Errors
/// [`Error`] when it cannot be read.
pub async fn waits_for(p: &Platform, row: &UnitRow) -> Result<Option<WaitsFor>, super::Error> {
    let now = p.now();
    if row.state != UnitState::Open || !is_closed(now, row.terms.deadline) {
        return Ok(None);
    }
    let (roster, row) = (p.roster_of(row.unit.body())?.clone(), row.clone());
    let waits = p.db.query(move |conn| {
        // Nobody's question reads where bids stand before it must.
        let is_over = is_freeze_over(&row.terms, now);
        let freeze = if is_over { units::freeze(conn, &row, &roster)? } else { None };
        let (amending, outage_undecided) = (row.pending.is_some(), is_undecided(conn, &row)?);
        let standing = Standing { amending, outage_undecided, freeze };
        Ok::<_, db::Error>(WaitsFor::of((row.state, &row.terms), standing, now))
    });
    Ok(waits.await?)
}

/// Whether the custodians refused an outage over the deadline in force.
fn is_refused(conn: &mut Conn, row: &UnitRow) -> Result<bool, db::Error> {
    let (mut asked, mut lapsed) = (BTreeSet::new(), BTreeSet::new());
    for kind in ["sealbid/proposed/v1", "sealbid/lapsed/v1"] {
        for entry in record::entries_of_unit(conn, &row.id, kind)? {
            match serde_json::from_slice(&entry.event).map_err(|e| corrupt(&e))? {
                OpeningEvent::Proposed { statement, statement_sha256, .. }
                    if moves_late(row, &statement) =>
                {
                    asked.insert(statement_sha256);
                }
                OpeningEvent::Lapsed {
                    reason: LapseReason::Unsigned, statement_sha256, ..
                } => {
                    lapsed.insert(statement_sha256);
                }
                _ => {}
            }
        }
    }
    Ok(!asked.is_disjoint(&lapsed))
}

/// Whether a statement asks to move the deadline in force for an outage over it.
fn moves_late(row: &UnitRow, statement: &str) -> bool {
    Statement::<Amendment>::parse(statement.as_bytes()).is_ok_and(|amendment| {
        let Amendment { prev_sha256, reason, .. } = amendment.body();
        *prev_sha256 == row.last_sha256 && row.terms.is_moved_late_by(reason)
    })
}

fn corrupt(error: &serde_json::Error) -> db::Error {
    db::Error::Corrupt(error.to_string())
}

/// The measured outages since a unit was proposed that its deadline was not moved for yet, the last one
/// first.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn measured(conn: &mut Conn, row: &UnitRow) -> Result<Vec<Window>, Error> {
    let known = decided(conn, row)?;
    let proposed = record::entry(conn, row.proposed_index)?.ok_or(db::Error::NotFound)?.at;
    let since = match last_begun(conn, proposed)? {
        Some((from, until)) if until > proposed.millis() => from,
        _ => proposed.millis(),
    };
    let query = downtime::table.filter(downtime::from_at.ge(since)).order(downtime::from_at.desc());
    let rows: Vec<(i64, i64)> = on_each!(conn, |c| query.load(c)).map_err(db::Error::from)?;
    let span = |(from, until)| Window {
        from: Time::from_millis(from),
        recovered: Time::from_millis(until),
    };
    let mut windows: Vec<Window> = rows.into_iter().map(span).collect();
    windows.retain(|window| !known.contains(&window.from));
    Ok(windows)
}

/// When the outages began that effective amendments of this unit were made for.
fn decided(conn: &mut Conn, row: &UnitRow) -> Result<Vec<Time>, Error> {
    let mut known = Vec::new();
    for entry in record::entries_of_unit(conn, &row.id, Amendment::TYPE)? {
        let amendment = Statement::<Amendment>::parse(&entry.event)?;
        if let AmendmentReason::Outage { from, .. } = amendment.body().reason {
            known.push(from);
        }
    }
    Ok(known)
}

/// Whether no close is possible on a unit's deadline any more, so that its buyer may still postpone
/// it: the platform was down then, or its witnesses were away for the minute in which the set can be
/// frozen. An outage of theirs is not the platform's to tell.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn cannot_close(tx: &mut Tx<'_>, row: &UnitRow, roster: &Roster) -> Result<bool, Error> {
    let (deadline, now) = (row.terms.deadline, tx.now());
    if !is_closed(now, deadline.plus(FREEZE_MS + 1)) || row.state != UnitState::Open {
        return Ok(false);
    }
    let conn = tx.conn();
    Ok(was_down(conn, deadline)? || units::freeze(conn, row, roster)?.is_none())
}
