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

/// A checkpoint above `after` with at least `k` cosignatures of these witnesses at or after `from`: the
/// last of them, or the first of those that they cosigned when it had become `from` for good.
///
/// Between where fewer than `k` of them can have cosigned any it looks at nothing: a roster that is
/// new, or asleep, or an hour that is still to come, costs the same however long the record is.
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
    let after = stored(after)?;
    let last = reach(conn, witnesses, k, last_of)?;
    let Some(last) = last.filter(|last| *last > after) else { return Ok(None) };
    let mut above = after;
    if from.millis() > 0 {
        let mut first = Vec::new();
        for witness in witnesses {
            first.extend(first_of(conn, witness, after, from)?);
        }
        let Some(start) = first.iter().min().filter(|_| first.len() >= k) else { return Ok(None) };
        above = after.max(start.saturating_sub(1));
    }
    let counts = |row: &Row| row.2 >= from.millis() && witnesses.contains(&row.1);
    search(conn, (above, last), which, k, &counts)
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
    let after = stored(index)?;
    let counts = |row: &Row| row.2 < until.millis() && witnesses.contains(&row.1);
    for k in [q, t] {
        let last =
            reach(conn, witnesses, k, |conn, witness| last_before(conn, witness, after, until))?;
        let Some(last) = last else { continue };
        if let Some(found) = search(conn, (after, last), Which::First, k, &counts)? {
            return Ok(Some(found.size));
        }
    }
    Ok(None)
}

/// A cosignature's checkpoint, witness and time.
type Row = (i64, String, i64);

/// Rows read at first: the checkpoint looked for is mostly among the nearest few.
const NEAR: i64 = 64;
/// Rows read at once when it is not; a checkpoint has fewer cosignatures than that.
const FAR: i64 = 1024;

/// Up to which size `k` of these witnesses can have cosigned one: the k-th largest of their last.
fn reach(
    conn: &mut Conn,
    witnesses: &[String],
    k: usize,
    last_of: impl Fn(&mut Conn, &str) -> Result<Option<i64>, Error>,
) -> Result<Option<i64>, Error> {
    let mut last = Vec::with_capacity(witnesses.len());
    for witness in witnesses {
        last.extend(last_of(conn, witness)?);
    }
    last.sort_unstable_by(|a, b| b.cmp(a));
    Ok(last.get(k.saturating_sub(1)).copied())
}

/// The last size that a witness cosigned.
fn last_of(conn: &mut Conn, witness: &str) -> Result<Option<i64>, Error> {
    let last = cosignature::table
        .filter(cosignature::custodian.eq(witness))
        .order(cosignature::size.desc())
        .select(cosignature::size)
        .limit(1);
    Ok(on_each!(conn, |c| last.first(c).optional())?)
}

/// The last size above `after` that a witness cosigned before an instant. By sizes, not by times: a
/// witness whose clock was set back cosigned the larger one at the earlier hour. What it cosigned since
/// that instant is gone through, which is asked for while something waits for it.
fn last_before(
    conn: &mut Conn,
    witness: &str,
    after: i64,
    until: Time,
) -> Result<Option<i64>, Error> {
    let last = cosignature::table
        .filter(cosignature::custodian.eq(witness).and(cosignature::size.gt(after)))
        .filter(cosignature::at.lt(until.millis()))
        .order(cosignature::size.desc())
        .select(cosignature::size)
        .limit(1);
    Ok(on_each!(conn, |c| last.first(c).optional())?)
}

/// The size above `after` that a witness cosigned first at or after an instant.
fn first_of(conn: &mut Conn, witness: &str, after: i64, from: Time) -> Result<Option<i64>, Error> {
    let query = cosignature::table
        .filter(cosignature::custodian.eq(witness).and(cosignature::at.ge(from.millis())))
        .filter(cosignature::size.gt(after))
        .order((cosignature::at, cosignature::size))
        .select(cosignature::size)
        .limit(1);
    Ok(on_each!(conn, |c| query.first(c).optional())?)
}

/// The nearest checkpoint in a range, its end included, of which at least `k` rows count.
fn search(
    conn: &mut Conn,
    (mut above, mut upto): (i64, i64),
    which: Which,
    k: usize,
    counts: &impl Fn(&Row) -> bool,
) -> Result<Option<Cosignatures>, Error> {
    for limit in std::iter::once(NEAR).chain(std::iter::repeat(FAR)) {
        let rows = read(conn, (above, upto), which, limit)?;
        let is_last = i64::try_from(rows.len()).is_ok_and(|read| read < limit);
        let mut each: Vec<&[Row]> = rows.chunk_by(|a, b| a.0 == b.0).collect();
        if !is_last {
            // The rest of it comes with the next.
            each.pop();
        }
        for rows in &each {
            let times = rows.iter().filter(|row| counts(row)).map(|row| Time::from_millis(row.2));
            let (times, size) = (times.collect::<Vec<_>>(), rows.first().map_or(0, |row| row.0));
            if times.len() >= k {
                return Ok(Some(Cosignatures { size: index_of(size)?, times }));
            }
        }
        match (each.last().and_then(|rows| rows.first()), which) {
            _ if is_last => break,
            (Some(seen), Which::First) => above = seen.0,
            (Some(seen), Which::Last) => upto = seen.0.saturating_sub(1),
            (None, _) if limit == FAR => return Err(Error::Corrupt("cosignatures".to_owned())),
            (None, _) => {}
        }
    }
    Ok(None)
}

/// The first rows of a range from its near end, in the order of its key: nothing is sorted for it.
fn read(
    conn: &mut Conn,
    (above, upto): (i64, i64),
    which: Which,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    let query = cosignature::table
        .filter(cosignature::size.gt(above).and(cosignature::size.le(upto)))
        .select((cosignature::size, cosignature::custodian, cosignature::at))
        .limit(limit);
    Ok(match which {
        Which::First => {
            let rows = query.order((cosignature::size, cosignature::custodian));
            on_each!(conn, |c| rows.load(c))?
        }
        Which::Last => {
            let rows = query.order((cosignature::size.desc(), cosignature::custodian.desc()));
            on_each!(conn, |c| rows.load(c))?
        }
    })
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
