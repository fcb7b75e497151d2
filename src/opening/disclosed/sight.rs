//! Which entries of the record a reader may see, asked of the database.
//!
//! Invariant: what a question costs does not tell what is hidden. The public's and an enterprise's
//! entries stand in indices of their own, so an answer to them never touches a sealed row; the
//! regulator's takes each index that is there and no event that it may not see.

use std::ops::Range;

use diesel::dsl::{exists, min, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::clock::Time;
use crate::db::schema::{entry, unit};
use crate::db::{Conn, Error};
use crate::ids::{EnterpriseId, UnitId};
use crate::on_each;
use crate::opening::rules::{UNIT_STATES, UnitState};

/// Which entries a reader may see, as far as the database can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Public ones.
    Public,
    /// And those of parties, and this body's own.
    Named(EnterpriseId),
    /// Every one but what is sealed until a unit's end that is still to come; and pads.
    All,
}

/// The indices of the entries in `range` that are within `sight`, ascending.
///
/// # Errors
/// `NotFound` for a range beyond what can be stored, `Backend`.
pub fn visible(conn: &mut Conn, sight: &Sight, range: &Range<u64>) -> Result<Vec<u64>, Error> {
    let stored = |index: u64| i64::try_from(index).map_err(|_| Error::NotFound);
    let within = entry::idx.ge(stored(range.start)?).and(entry::idx.lt(stored(range.end)?));
    // Said as in the index, or it is not used.
    let level =
        |word: &str| entry::table.filter(within).filter(sql::<Bool>(word)).select(entry::idx);
    let mut found: Vec<i64> = match sight {
        Sight::Public => {
            let public = level("level = 'public'");
            on_each!(conn, |c| public.load(c))?
        }
        Sight::Named(body) => {
            let open = level("level = 'public'").union(level("level = 'parties'"));
            let own = entry::table.filter(within).filter(entry::author.eq(body.to_string()));
            let all = open.union(own.select(entry::idx));
            on_each!(conn, |c| all.load(c))?
        }
        Sight::All => {
            let over = UNIT_STATES.into_iter().filter(|state| state.is_over()).map(UnitState::code);
            let ended = unit::unit_id.nullable().eq(entry::unit);
            let ended = ended.and(unit::state.eq_any(over.collect::<Vec<_>>()));
            let ended = exists(unit::table.filter(ended));
            let seen = entry::level.not_like("sealed:%").or(ended);
            let all = entry::table.filter(within).filter(seen).select(entry::idx);
            on_each!(conn, |c| all.load(c))?
        }
    };
    found.sort_unstable();
    found.into_iter().map(|idx| u64::try_from(idx).map_err(|_| corrupt())).collect()
}

/// The words of the states of units that are still to end: said so, an index has them.
fn to_come() -> Vec<&'static str> {
    UNIT_STATES.into_iter().filter(|state| !state.is_over()).map(UnitState::code).collect()
}

/// A unit that is still to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub unit: UnitId,
    /// The entry that proposed it: nothing of it stands before.
    pub from: u64,
    /// Its deadline in force.
    pub deadline: Time,
    /// When it opens, if nothing is postponed.
    pub open_at: Time,
}

/// The units that are still to end, in the order of the record.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn waiting(conn: &mut Conn) -> Result<Vec<Waiting>, Error> {
    let query = unit::table
        .filter(unit::state.eq_any(to_come()))
        .order((unit::proposed_index, unit::unit_id))
        .select((unit::unit_id, unit::proposed_index, unit::deadline, unit::open_at));
    let rows: Vec<(String, i64, i64, i64)> = on_each!(conn, |c| query.load(c))?;
    let of = |(id, from, deadline, open_at): (String, i64, i64, i64)| {
        Ok(Waiting {
            unit: id.parse().map_err(|_| corrupt())?,
            from: u64::try_from(from).map_err(|_| corrupt())?,
            deadline: Time::from_millis(deadline),
            open_at: Time::from_millis(open_at),
        })
    };
    rows.into_iter().map(of).collect()
}

/// Below this index nothing is sealed any more, and pads may be opened for the regulator. From the
/// proposal of a unit that is still to end on they stay closed: with them open, what is left closed
/// would be its sealed acts, and whoever supervises could tell whether anybody bid, when, and how many.
///
/// # Errors
/// As [`waiting`].
pub fn pads_below(conn: &mut Conn) -> Result<u64, Error> {
    let query = unit::table.filter(unit::state.eq_any(to_come())).select(min(unit::proposed_index));
    let first: Option<i64> = on_each!(conn, |c| query.first(c))?;
    first.map_or(Ok(u64::MAX), |first| u64::try_from(first).map_err(|_| corrupt()))
}

fn corrupt() -> Error {
    Error::Corrupt("an index".to_owned())
}
