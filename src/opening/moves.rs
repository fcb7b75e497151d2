//! The rows that the opening writes, each beside its event. Every change of a state is a
//! compare-and-swap: 0 rows is a lost race, never a success.

use diesel::prelude::*;

use super::rules::words::takes_keys;
use super::rules::{OutOfOrder, UnitAct, UnitState, next};
use super::statements::{Challenged, SuspensionState, Verdict};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::custodian::roster::CustodianId;
use crate::db::schema::{challenge, release, unit};
use crate::db::{Error, Tx};
use crate::ids::UnitId;
use crate::on_each;
use crate::tender::units::{self, UnitRow};

fn stored(index: u64) -> Result<i64, Error> {
    i64::try_from(index).map_err(|_| Error::NotFound)
}

impl From<OutOfOrder> for Error {
    fn from(error: OutOfOrder) -> Self {
        Self::Conflict(error.to_string())
    }
}

fn one(changed: usize) -> Result<(), Error> {
    if changed == 1 { Ok(()) } else { Err(Error::lost_race("the unit")) }
}

macro_rules! swap {
    ($tx:expr, $row:expr, $act:expr, $values:expr $(, $only:expr)?) => {{
        let to = next($row.state, $act)?;
        let at = unit::unit_id.eq($row.id.to_string()).and(unit::state.eq($row.state.code()));
        $(let at = at.and($only);)?
        let row = diesel::update(unit::table.filter(at)).set((unit::state.eq(to.code()), $values));
        one(on_each!($tx.conn(), |c| row.execute(c))?)
    }};
}

/// Open → closing, unless a deadline moved or an amendment is asked.
///
/// # Errors
/// `Conflict`, `Backend`.
pub fn propose_close(
    tx: &mut Tx<'_>,
    row: &UnitRow,
    freeze: u64,
    close: (&str, &Hash),
    proposed_index: u64,
) -> Result<(), Error> {
    let to = next(row.state, UnitAct::ProposeClose)?;
    let at = unit::unit_id
        .eq(row.id.to_string())
        .and(unit::state.eq(row.state.code()))
        .and(unit::deadline.eq(row.terms.deadline.millis()))
        .and(unit::amendment_pending.is_null());
    let change = diesel::update(unit::table.filter(at)).set((
        unit::state.eq(to.code()),
        unit::freeze_size.eq(stored(freeze)?),
        unit::close_note.eq(close.0),
        unit::close_sha256.eq(close.1.as_bytes().as_slice()),
        unit::close_proposed_index.eq(stored(proposed_index)?),
    ));
    one(on_each!(tx.conn(), |c| change.execute(c))?)
}

/// The proposed close that a row was loaded with: another may have taken its place since.
fn close_sha256(row: &UnitRow) -> Result<Vec<u8>, Error> {
    let sha256 = row.close.as_ref().map(|close| close.sha256().as_bytes().to_vec());
    sha256.ok_or_else(|| Error::Corrupt("a closing unit without its close".to_owned()))
}

/// Keeps the signatures that a proposed close has so far, as long as it is the one proposed.
///
/// # Errors
/// `Conflict`, `Corrupt`, `Backend`.
pub fn keep_signatures(tx: &mut Tx<'_>, row: &UnitRow, note: &str) -> Result<(), Error> {
    tx.unrecorded("signatures gathered so far; the event comes with the quorum");
    let at = unit::unit_id
        .eq(row.id.to_string())
        .and(unit::state.eq(UnitState::Closing.code()))
        .and(unit::close_sha256.eq(close_sha256(row)?));
    let change = diesel::update(unit::table.filter(at)).set(unit::close_note.eq(note));
    one(on_each!(tx.conn(), |c| change.execute(c))?)
}

/// Closing → open again: nothing is left of this proposal but its entries.
///
/// # Errors
/// `Conflict`, `Corrupt`, `Backend`.
pub fn drop_close(tx: &mut Tx<'_>, row: &UnitRow) -> Result<(), Error> {
    let nothing = (
        unit::freeze_size.eq(None::<i64>),
        unit::close_note.eq(None::<String>),
        unit::close_sha256.eq(None::<Vec<u8>>),
        unit::close_proposed_index.eq(None::<i64>),
    );
    let only = unit::close_sha256.eq(close_sha256(row)?);
    swap!(tx, row, UnitAct::DropClose, nothing, only)
}

/// Closing → closed, by the close that was proposed and by no other.
///
/// # Errors
/// `Conflict`, `Corrupt`, `Backend`.
pub fn close(tx: &mut Tx<'_>, row: &UnitRow, note: &str, index: u64) -> Result<(), Error> {
    let index = stored(index)?;
    let values = (unit::close_note.eq(note), unit::close_index.eq(index));
    let only = unit::close_sha256.eq(close_sha256(row)?);
    swap!(tx, row, UnitAct::Close, values, only)
}

/// Closed → opened; `due_at` is when its shares are first looked at.
///
/// # Errors
/// `Conflict`, `Backend`.
pub fn open(tx: &mut Tx<'_>, row: &UnitRow, index: u64, due_at: Time) -> Result<(), Error> {
    let values = (unit::opening_index.eq(stored(index)?), unit::due_at.eq(due_at.millis()));
    swap!(tx, row, UnitAct::Open, values)
}

/// When a unit that is over is looked at again: an opened one for its shares, a void one for its
/// ciphertexts and for custodians that were not told; never once all is done.
///
/// # Errors
/// `Backend`.
pub fn look_again(
    tx: &mut Tx<'_>,
    id: &UnitId,
    state: UnitState,
    due_at: Option<Time>,
) -> Result<(), Error> {
    tx.unrecorded("what the timer looks at");
    let at = unit::unit_id.eq(id.to_string()).and(unit::state.eq(state.code()));
    let due_at = due_at.map(Time::millis);
    let change = diesel::update(unit::table.filter(at)).set(unit::due_at.eq(due_at));
    on_each!(tx.conn(), |c| change.execute(c))?;
    Ok(())
}

/// Any state before the opening → void.
///
/// # Errors
/// `Conflict`, `Backend`.
pub fn void(tx: &mut Tx<'_>, row: &UnitRow, reason: &str) -> Result<(), Error> {
    swap!(tx, row, UnitAct::Void, unit::void_reason.eq(reason))
}

/// Demands that what custodians hand out may be recorded, and what was opened with it: the regulator
/// may have stopped the unit since they were asked.
///
/// # Errors
/// `Conflict`, `Corrupt`, `Backend`.
pub fn require_unstopped(tx: &mut Tx<'_>, id: UnitId) -> Result<(), Error> {
    let row = units::unit(tx.conn(), id)?;
    let takes = takes_keys(row.state) && !row.suspended;
    if takes { Ok(()) } else { Err(Error::lost_race("the unit")) }
}

/// Adds a valid release; the key refuses a second one of the same custodian.
///
/// # Errors
/// `Conflict`, `Backend`.
pub fn add_release(
    tx: &mut Tx<'_>,
    id: &UnitId,
    custodian: &CustodianId,
    note: &str,
    index: u64,
) -> Result<(), Error> {
    let row = diesel::insert_into(release::table).values((
        release::unit.eq(id.to_string()),
        release::custodian.eq(custodian.as_str()),
        release::note.eq(note),
        release::recorded_index.eq(stored(index)?),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}

/// Takes the order of a closed unit, once.
///
/// # Errors
/// `Conflict`, `Backend`.
pub fn take_order(tx: &mut Tx<'_>, id: &UnitId, note: &str) -> Result<(), Error> {
    let at = unit::unit_id
        .eq(id.to_string())
        .and(unit::state.eq(UnitState::Closed.code()))
        .and(unit::order_note.is_null());
    let change = diesel::update(unit::table.filter(at)).set(unit::order_note.eq(note));
    one(on_each!(tx.conn(), |c| change.execute(c))?)
}

/// Takes the regulator's word, if it is newer than the last.
///
/// # Errors
/// `Conflict`, `Backend`.
pub fn suspend(tx: &mut Tx<'_>, id: &UnitId, no: u32, word: SuspensionState) -> Result<(), Error> {
    let at = unit::unit_id.eq(id.to_string()).and(unit::suspension_no.lt(i64::from(no)));
    let change = diesel::update(unit::table.filter(at)).set((
        unit::suspension_no.eq(i64::from(no)),
        unit::suspended.eq(word == SuspensionState::Suspended),
    ));
    one(on_each!(tx.conn(), |c| change.execute(c))?)
}

/// Keeps what a custodian found of a challenge, in place of what it found before.
///
/// # Errors
/// `Backend`.
pub fn put_challenge(tx: &mut Tx<'_>, found: &Statement<Challenged>) -> Result<(), Error> {
    let body = found.body();
    let content = (challenge::note.eq(found.encode()), challenge::verdict.eq(word(body.verdict)));
    let row = diesel::insert_into(challenge::table)
        .values((
            challenge::unit.eq(body.unit_id.to_string()),
            challenge::custodian.eq(body.custodian.as_str()),
            challenge::line.eq(body.line.as_bytes().as_slice()),
            content.clone(),
        ))
        .on_conflict((challenge::unit, challenge::custodian, challenge::line))
        .do_update()
        .set(content);
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}

/// The word of a verdict in its column.
const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Answered => "answered",
        Verdict::Open => "open",
        Verdict::Finding => "finding",
    }
}
