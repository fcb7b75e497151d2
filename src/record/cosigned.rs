//! Which checkpoints enough witnesses have cosigned, and when: what freezes, windows and releases
//! wait for. Only the witnesses named by the caller count, since a record outlives its rosters.

use diesel::prelude::*;

use super::store::{index_of, stored};
use crate::clock::Time;
use crate::db::schema::cosignature;
use crate::db::{Conn, Error};
use crate::on_each;

/// A checkpoint's cosignatures, as far as they were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignatures {
    /// The checkpoint's size.
    pub size: u64,
    /// When each was made, in no order that means anything.
    pub times: Vec<Time>,
}

/// Which of several checkpoints.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The smallest.
    First,
    /// The largest.
    Last,
}

/// A checkpoint above `after` with at least `k` cosignatures of these witnesses at or after `from`.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn by(
    conn: &mut Conn,
    witnesses: &[String],
    k: usize,
    after: u64,
    from: Time,
    which: Which,
) -> Result<Option<Cosignatures>, Error> {
    let theirs = || cosignature::custodian.eq_any(witnesses);
    let late = cosignature::size.gt(stored(after)?).and(cosignature::at.ge(from.millis()));
    let sizes = cosignature::table
        .filter(late.and(theirs()))
        .group_by(cosignature::size)
        .having(diesel::dsl::count_star().ge(i64::try_from(k).unwrap_or(i64::MAX)))
        .select(cosignature::size)
        .limit(1);
    let size: Option<i64> = match which {
        Which::First => {
            let first = sizes.order(cosignature::size);
            on_each!(conn, |c| first.first(c).optional())?
        }
        Which::Last => {
            let last = sizes.order(cosignature::size.desc());
            on_each!(conn, |c| last.first(c).optional())?
        }
    };
    let Some(size) = size else { return Ok(None) };
    let query = cosignature::table
        .filter(cosignature::size.eq(size).and(cosignature::at.ge(from.millis())).and(theirs()))
        .order(cosignature::custodian)
        .select(cosignature::at);
    let times: Vec<i64> = on_each!(conn, |c| query.load(c))?;
    let times = times.into_iter().map(Time::from_millis).collect();
    Ok(Some(Cosignatures { size: index_of(size)?, times }))
}

/// The first checkpoint that holds an entry and that these witnesses cosigned before an instant: by q
/// of them, if there is one, since a log key that was succeeded is believed with no fewer; by t
/// otherwise.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn from_before(
    conn: &mut Conn,
    witnesses: &[String],
    (q, t): (usize, usize),
    index: u64,
    until: Time,
) -> Result<Option<u64>, Error> {
    for k in [q, t] {
        let sizes = cosignature::table
            .filter(cosignature::size.gt(stored(index)?))
            .filter(cosignature::at.lt(until.millis()))
            .filter(cosignature::custodian.eq_any(witnesses))
            .group_by(cosignature::size)
            .having(diesel::dsl::count_star().ge(i64::try_from(k).unwrap_or(i64::MAX)))
            .select(cosignature::size)
            .order(cosignature::size)
            .limit(1);
        let first: Option<i64> = on_each!(conn, |c| sizes.first(c).optional())?;
        if let Some(size) = first {
            return index_of(size).map(Some);
        }
    }
    Ok(None)
}

/// The checkpoints above `after` with what these witnesses cosigned from one instant to another,
/// both included; the smallest first.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn between(
    conn: &mut Conn,
    witnesses: &[String],
    after: u64,
    from: Time,
    until: Time,
) -> Result<Vec<Cosignatures>, Error> {
    let query = cosignature::table
        .filter(cosignature::size.gt(stored(after)?))
        .filter(cosignature::at.between(from.millis(), until.millis()))
        .filter(cosignature::custodian.eq_any(witnesses))
        .order((cosignature::size, cosignature::custodian))
        .select((cosignature::size, cosignature::at));
    let rows: Vec<(i64, i64)> = on_each!(conn, |c| query.load(c))?;
    let of = |same: &[(i64, i64)]| {
        let size = same.first().map_or(Ok(0), |(size, _)| index_of(*size))?;
        let times = same.iter().map(|(_, at)| Time::from_millis(*at)).collect();
        Ok(Cosignatures { size, times })
    };
    rows.chunk_by(|a, b| a.0 == b.0).map(of).collect()
}
