//! The rows of opening units: the one reader of all of it, and what moves a unit up to its deadline.
//! What moves it afterwards is `opening`'s.
//!
//! Invariant: a state is moved by compare-and-swap along `opening::rules::next`; times in force are
//! moved by effective amendments and by nothing else. Rows are read as evidence: whatever does not
//! parse is `Corrupt` and never skipped.

use std::collections::BTreeSet;

use diesel::prelude::*;

use super::statements::{Amendment, ReleaseBy, Unit};
use super::store::{corrupt, number, one, stored};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::custodian::roster::Roster;
use crate::db::schema::{entry, unit};
use crate::db::{Conn, Error, Tx};
use crate::ids::{TenderId, UnitId};
use crate::on_each;
use crate::opening::rules::{FREEZE_MS, Terms, UNIT_STATES, UnitAct, UnitState, is_freeze, next};
use crate::opening::statements::Close;
use crate::record::cosigned::{self, Cosignatures};

/// A unit as it stands.
#[derive(Clone, Debug)]
pub struct UnitRow {
    /// Its id.
    pub id: UnitId,
    /// The unit with the signatures so far.
    pub unit: Statement<Unit>,
    /// Where it stands.
    pub state: UnitState,
    /// The times in force.
    pub terms: Terms,
    /// The entry that proposed it.
    pub proposed_index: u64,
    /// The entry that made it effective.
    pub effective_index: Option<u64>,
    /// The number of the last effective amendment; 0 without one.
    pub amendment_no: u32,
    /// Of the last effective amendment, or of the unit.
    pub last_sha256: Hash,
    /// The amendment that is asked, with the signatures so far, and the entry that proposed it.
    pub pending: Option<(Statement<Amendment>, u64)>,
    /// The close, once proposed, with the signatures so far.
    pub close: Option<Statement<Close>>,
    /// The entry that proposed the close.
    pub close_proposed: Option<u64>,
    /// The entry of the effective close.
    pub close_index: Option<u64>,
    /// The order, for second envelopes.
    pub order: Option<String>,
    /// The number of the regulator's last word; 0 without one.
    pub suspension_no: u32,
    /// Whether it stops the release.
    pub suspended: bool,
    /// The entry of the opening record.
    pub opening_index: Option<u64>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = unit)]
struct RawUnit {
    unit_id: String,
    note: String,
    state: String,
    deadline: i64,
    open_at: i64,
    challenge_ms: i64,
    proposed_index: i64,
    effective_index: Option<i64>,
    amendment_no: i64,
    last_sha256: Vec<u8>,
    amendment_pending: Option<String>,
    amendment_index: Option<i64>,
    close_note: Option<String>,
    close_proposed_index: Option<i64>,
    close_index: Option<i64>,
    order_note: Option<String>,
    suspension_no: i64,
    suspended: bool,
    opening_index: Option<i64>,
}

fn unit_of(row: RawUnit) -> Result<UnitRow, Error> {
    let pending = match (row.amendment_pending, row.amendment_index) {
        (Some(note), Some(index)) => {
            let note = Statement::parse(note.as_bytes()).map_err(corrupt("amendment"))?;
            Some((note, number(index)?))
        }
        _ => None,
    };
    let close = row.close_note.map(|note| Statement::parse(note.as_bytes()));
    Ok(UnitRow {
        id: row.unit_id.parse().map_err(corrupt("unit"))?,
        unit: Statement::parse(row.note.as_bytes()).map_err(corrupt("unit"))?,
        state: UnitState::of_code(&row.state).ok_or(()).map_err(corrupt("unit"))?,
        terms: Terms {
            deadline: Time::from_millis(row.deadline),
            open_at: Time::from_millis(row.open_at),
            challenge_ms: row.challenge_ms,
        },
        proposed_index: number(row.proposed_index)?,
        effective_index: row.effective_index.map(number).transpose()?,
        amendment_no: u32::try_from(row.amendment_no).map_err(corrupt("unit"))?,
        last_sha256: Hash::from_slice(&row.last_sha256).map_err(corrupt("unit"))?,
        pending,
        close: close.transpose().map_err(corrupt("close"))?,
        close_proposed: row.close_proposed_index.map(number).transpose()?,
        close_index: row.close_index.map(number).transpose()?,
        order: row.order_note,
        suspension_no: u32::try_from(row.suspension_no).map_err(corrupt("suspension"))?,
        suspended: row.suspended,
        opening_index: row.opening_index.map(number).transpose()?,
    })
}

/// A unit.
///
/// # Errors
/// `NotFound`, `Corrupt`, `Backend`.
pub fn unit(conn: &mut Conn, id: UnitId) -> Result<UnitRow, Error> {
    let query = unit::table.find(id.to_string());
    unit_of(on_each!(conn, |c| query.select(RawUnit::as_select()).first(c))?)
}

/// The units that wait for custodians' signatures, by id.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn proposed(conn: &mut Conn) -> Result<Vec<UnitId>, Error> {
    let is_proposed = unit::state.eq(UnitState::Proposed.code());
    let query = unit::table.filter(is_proposed).order(unit::unit_id).select(unit::unit_id);
    let ids: Vec<String> = on_each!(conn, |c| query.load(c))?;
    ids.iter().map(|id| id.parse().map_err(corrupt("unit"))).collect()
}

/// The open units whose amendment waits for custodians' signatures, by id.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn amending(conn: &mut Conn) -> Result<Vec<UnitId>, Error> {
    let pending = unit::state.eq(UnitState::Open.code()).and(unit::amendment_pending.is_not_null());
    let query = unit::table.filter(pending).order(unit::unit_id).select(unit::unit_id);
    let ids: Vec<String> = on_each!(conn, |c| query.load(c))?;
    ids.iter().map(|id| id.parse().map_err(corrupt("unit"))).collect()
}

/// The rosters of the units that are not over.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn rosters_of_open(conn: &mut Conn) -> Result<BTreeSet<Hash>, Error> {
    let open = UNIT_STATES.into_iter().filter(|state| !state.is_over()).map(UnitState::code);
    let is_open = unit::state.eq_any(open.collect::<Vec<_>>());
    let query = unit::table.filter(is_open).select(unit::note);
    let notes: Vec<String> = on_each!(conn, |c| query.load(c))?;
    let roster = |note: String| {
        let unit = Statement::<Unit>::parse(note.as_bytes()).map_err(corrupt("unit"))?;
        Ok(unit.body().roster_sha256)
    };
    notes.into_iter().map(roster).collect()
}

/// The units of a tender that did not lapse, by id.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn units(conn: &mut Conn, id: TenderId) -> Result<Vec<UnitRow>, Error> {
    let query = unit::table
        .filter(unit::tender.eq(id.to_string()).and(unit::state.ne(UnitState::Lapsed.code())))
        .order(unit::unit_id);
    let rows: Vec<RawUnit> = on_each!(conn, |c| query.select(RawUnit::as_select()).load(c))?;
    rows.into_iter().map(unit_of).collect()
}

/// A unit of a tender's last publication that came to nothing, if one did.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn last_lapsed(conn: &mut Conn, id: TenderId) -> Result<Option<UnitId>, Error> {
    let query = unit::table
        .filter(unit::tender.eq(id.to_string()).and(unit::state.eq(UnitState::Lapsed.code())))
        .order((unit::proposed_index.desc(), unit::unit_id))
        .select(unit::unit_id);
    let found: Option<String> = on_each!(conn, |c| query.first(c).optional())?;
    found.map(|id| id.parse().map_err(corrupt("unit"))).transpose()
}

/// The proposed units whose hour is over at `now`.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn lapsing(conn: &mut Conn, now: Time) -> Result<Vec<UnitRow>, Error> {
    let over = unit::state.eq(UnitState::Proposed.code()).and(unit::due_at.le(now.millis()));
    let query = unit::table.filter(over).order(unit::unit_id);
    let rows: Vec<RawUnit> = on_each!(conn, |c| query.select(RawUnit::as_select()).load(c))?;
    rows.into_iter().map(unit_of).collect()
}

/// The record's size that holds every bid and withdrawal of a unit; 0 without one.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn decided_size(conn: &mut Conn, id: &UnitId) -> Result<u64, Error> {
    let mut size = 0;
    // One by one, each is the end of a range of the index, however many bids there are.
    for kind in ["sealbid/accepted/v1", "sealbid/withdrawn/v1"] {
        let last = entry::table
            .filter(entry::unit.eq(id.to_string()).and(entry::kind.eq(kind)))
            .order(entry::idx.desc())
            .select(entry::idx)
            .limit(1);
        let last: Option<i64> = on_each!(conn, |c| last.first(c).optional())?;
        if let Some(last) = last {
            size = size.max(number(last)?.saturating_add(1));
        }
    }
    Ok(size)
}

/// Size of the first checkpoint that may freeze a unit's set: cosigned as the rule demands, and
/// holding every bid and withdrawal. Witnesses whose clocks run ahead cosign checkpoints of before
/// the deadline with hours of after it: those may lack what came last, and are passed over.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn freeze(conn: &mut Conn, row: &UnitRow, roster: &Roster) -> Result<Option<u64>, Error> {
    let deadline = row.terms.deadline;
    let after = decided_size(conn, &row.id)?.saturating_sub(1);
    let until = deadline.plus(FREEZE_MS);
    let found = cosigned::between(conn, &roster.witness_names(), after, deadline, until)?;
    let fits = |found: &&Cosignatures| is_freeze(&found.times, roster.q(), deadline);
    Ok(found.iter().find(fits).map(|found| found.size))
}

/// A new unit, proposed; `lapse_at` is when its custodians have been silent for too long.
///
/// # Errors
/// `Conflict`, `Backend`.
pub fn insert_unit(
    tx: &mut Tx<'_>,
    id: UnitId,
    unit: &Statement<Unit>,
    proposed_index: u64,
    lapse_at: Time,
) -> Result<(), Error> {
    let body = unit.body();
    let n = i64::try_from(body.recipients.len()).map_err(corrupt("unit"))?;
    let release = match body.release {
        ReleaseBy::Time => "time",
        ReleaseBy::Order => "order",
    };
    let row = diesel::insert_into(unit::table).values((
        unit::unit_id.eq(id.to_string()),
        unit::tender.eq(body.tender.to_string()),
        unit::lot.eq(body.lot.to_string()),
        unit::stage.eq(body.stage.code()),
        unit::note.eq(unit.encode()),
        unit::state.eq(UnitState::Proposed.code()),
        (
            unit::deadline.eq(body.deadline.millis()),
            unit::open_at.eq(body.open_at.millis()),
            unit::challenge_ms.eq(body.challenge_ms),
            unit::min.eq(i64::from(body.min)),
            unit::release_by.eq(release),
            unit::t.eq(i64::from(body.t)),
            unit::n.eq(n),
        ),
        unit::proposed_index.eq(stored(proposed_index)?),
        unit::last_sha256.eq(unit.sha256().as_bytes().to_vec()),
        unit::due_at.eq(lapse_at.millis()),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}

/// Keeps the signatures that a proposed unit has so far.
///
/// # Errors
/// `Conflict`, `Backend`.
pub fn keep_unit(tx: &mut Tx<'_>, row: &UnitRow, note: &str) -> Result<(), Error> {
    tx.unrecorded("signatures gathered so far; the event comes when all are there");
    let at = unit::unit_id.eq(row.id.to_string()).and(unit::state.eq(row.state.code()));
    let change = diesel::update(unit::table.filter(at)).set(unit::note.eq(note));
    one(on_each!(tx.conn(), |c| change.execute(c))?, "the unit")
}

/// Moves a unit along the table of states, by compare-and-swap.
///
/// # Errors
/// `Conflict` when the table or the row says no, `Backend`.
pub fn swap_unit(
    tx: &mut Tx<'_>,
    row: &UnitRow,
    act: UnitAct,
    set: &UnitChange<'_>,
) -> Result<(), Error> {
    let to = next(row.state, act).map_err(|e| Error::Conflict(e.to_string()))?;
    let at = unit::unit_id.eq(row.id.to_string()).and(unit::state.eq(row.state.code()));
    let to = unit::state.eq(to.code());
    let changed = on_each!(tx.conn(), |c| {
        diesel::update(unit::table.filter(at)).set((to, set)).execute(c)
    })?;
    one(changed, "the unit")
}

/// What changes beside a unit's state; `None` leaves a column as it is.
#[derive(AsChangeset, Default)]
#[diesel(table_name = unit)]
pub struct UnitChange<'a> {
    /// The note with all signatures.
    pub note: Option<&'a str>,
    /// The entry that made it effective.
    pub effective_index: Option<i64>,
    /// Why it is never opened.
    pub void_reason: Option<&'a str>,
    /// When the timer looks at it next; `Some(None)` for never.
    pub due_at: Option<Option<i64>>,
}

/// Sets or replaces the amendment that is asked, if the row is as the caller saw it.
///
/// # Errors
/// `Conflict`, `Backend`.
pub fn set_pending(tx: &mut Tx<'_>, row: &UnitRow, note: &str, index: u64) -> Result<(), Error> {
    let at = unit::unit_id
        .eq(row.id.to_string())
        .and(unit::state.eq(UnitState::Open.code()))
        .and(unit::last_sha256.eq(row.last_sha256.as_bytes().to_vec()));
    let change = diesel::update(unit::table.filter(at))
        .set((unit::amendment_pending.eq(note), unit::amendment_index.eq(stored(index)?)));
    one(on_each!(tx.conn(), |c| change.execute(c))?, "the unit")
}

/// Takes the pending amendment back, if it is still the one that the caller saw.
///
/// # Errors
/// `Conflict`, `Backend`.
pub fn drop_pending(tx: &mut Tx<'_>, row: &UnitRow) -> Result<(), Error> {
    let index = row.pending.as_ref().map(|(_, index)| stored(*index)).transpose()?;
    let at = unit::unit_id
        .eq(row.id.to_string())
        .and(unit::state.eq(UnitState::Open.code()))
        .and(unit::amendment_index.eq(index));
    let nothing =
        (unit::amendment_pending.eq(None::<String>), unit::amendment_index.eq(None::<i64>));
    let change = diesel::update(unit::table.filter(at)).set(nothing);
    one(on_each!(tx.conn(), |c| change.execute(c))?, "the unit")
}

/// Makes the pending amendment effective: its terms hold from now on.
///
/// # Errors
/// `Conflict`, `Backend`.
pub fn amend(
    tx: &mut Tx<'_>,
    row: &UnitRow,
    amendment: &Statement<Amendment>,
    terms: &Terms,
) -> Result<(), Error> {
    let at = unit::unit_id
        .eq(row.id.to_string())
        .and(unit::state.eq(UnitState::Open.code()))
        .and(unit::last_sha256.eq(row.last_sha256.as_bytes().to_vec()));
    let change = diesel::update(unit::table.filter(at)).set((
        unit::deadline.eq(terms.deadline.millis()),
        unit::open_at.eq(terms.open_at.millis()),
        unit::amendment_no.eq(i64::from(amendment.body().no)),
        unit::last_sha256.eq(amendment.sha256().as_bytes().to_vec()),
        unit::amendment_pending.eq(None::<String>),
        unit::amendment_index.eq(None::<i64>),
        unit::due_at.eq(terms.deadline.millis()),
    ));
    one(on_each!(tx.conn(), |c| change.execute(c))?, "the unit")
}
