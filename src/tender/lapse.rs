//! Proposals that come to nothing: all units of a tender together, which is a draft again.

use crate::crypto::json;
use crate::db::Tx;
use crate::ids::UnitId;
use crate::opening::rules::{UnitAct, UnitState};
use crate::opening::statements::{LapseReason, OpeningEvent};
use crate::record::append::Event;
use crate::record::disclosure::Level;
use crate::record::store as record;

use super::store::{self, State, TenderRow};
use super::units::{self, UnitChange, UnitRow};
use super::{Error, Platform};

/// The event that says so.
pub(super) const LAPSED: &str = "sealbid/lapsed/v1";

/// Ends proposals whose custodians were silent for an hour, with all units of their tender, which is
/// a draft again: the next publication may stand on another roster. Returns what lapsed.
///
/// # Errors
/// The database's.
pub async fn lapse_due(p: &Platform) -> Result<Vec<UnitId>, Error> {
    p.db.write(|tx| {
        let now = tx.now();
        let mut lapsed = Vec::new();
        for late in units::lapsing(tx.conn(), now)? {
            let all = with_others(tx, &late, &LapseReason::Unsigned)?;
            lapsed.extend(all.iter().map(|(id, _)| *id));
        }
        Ok(lapsed)
    })
    .await
}

/// Ends a proposal that a custodian refuses for good, at once: it needs all of them.
///
/// # Errors
/// The database's.
pub(super) async fn refused(p: &Platform, id: UnitId, reason: LapseReason) -> Result<(), Error> {
    p.db.write(move |tx| {
        let row = units::unit(tx.conn(), id)?;
        if row.state == UnitState::Proposed {
            with_others(tx, &row, &reason)?;
        }
        Ok(())
    })
    .await
}

/// A buyer takes a proposal back before all have signed. Gives the entry that says so; none where it
/// is no proposal, and none that was taken back before.
///
/// # Errors
/// The database's.
pub(super) fn take_back(tx: &mut Tx<'_>, unit: &UnitRow) -> Result<Option<u64>, Error> {
    if unit.state == UnitState::Proposed {
        let all = with_others(tx, unit, &LapseReason::TakenBack)?;
        return Ok(all.into_iter().find(|(id, _)| *id == unit.id).map(|(_, index)| index));
    }
    let last = record::entries_of_unit(tx.conn(), &unit.id, LAPSED)?.pop();
    let taken_back = |event: &[u8]| {
        let event = json::parse(event);
        matches!(event, Ok(OpeningEvent::Lapsed { reason: LapseReason::TakenBack, .. }))
    };
    Ok(last.filter(|last| taken_back(&last.event)).map(|last| last.index))
}

/// Lapses a proposed unit with all the others of its tender; gives each with its entry.
fn with_others(
    tx: &mut Tx<'_>,
    unit: &UnitRow,
    reason: &LapseReason,
) -> Result<Vec<(UnitId, u64)>, Error> {
    let id = unit.unit.body().tender;
    let all = units::units(tx.conn(), id)?;
    let row = store::find(tx.conn(), id)?;
    tender(tx, &row, &all, reason)
}

/// Lapses all units of a tender, which is a draft again; gives each with its entry.
///
/// # Errors
/// The database's.
pub(super) fn tender(
    tx: &mut Tx<'_>,
    tender: &TenderRow,
    all: &[UnitRow],
    reason: &LapseReason,
) -> Result<Vec<(UnitId, u64)>, Error> {
    let ended = all.iter().map(|row| Ok((row.id, lapse(tx, row, reason.clone())?)));
    let ended = ended.collect::<Result<Vec<_>, Error>>()?;
    if tender.state == State::Proposed {
        let states = (State::Proposed, State::Draft);
        store::set_state(tx, tender.id, states, None, None)?;
    }
    Ok(ended)
}

fn lapse(tx: &mut Tx<'_>, row: &UnitRow, reason: LapseReason) -> Result<u64, Error> {
    let (statement_sha256, unit_id) = (row.unit.sha256(), row.id);
    let event = OpeningEvent::Lapsed { reason, statement_sha256, unit_id };
    let bytes = json::to_string(&event)?.into_bytes();
    let (kind, level) = (LAPSED, Level::Public);
    let recorded = tx.record(Event { kind, level, unit: Some(row.id), bytes })?;
    let change = UnitChange { due_at: Some(None), ..UnitChange::default() };
    units::swap_unit(tx, row, UnitAct::Lapse, &change)?;
    Ok(recorded.index)
}
