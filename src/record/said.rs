//! Where a statement stands on the record: the same one again is answered as the first.

use diesel::prelude::*;

use super::store::{Entry, entries_of_unit};
use crate::crypto::statement::{Body, Statement};
use crate::db::schema::entry;
use crate::db::{Conn, Error};
use crate::ids::UnitId;
use crate::on_each;

/// Where this very statement about a unit stands on the record: the same text, whoever brought it and
/// in whatever order its signatures came.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn of_unit<B: Body>(
    conn: &mut Conn,
    unit: &UnitId,
    statement: &Statement<B>,
) -> Result<Option<u64>, Error> {
    let sha256 = statement.sha256();
    let entries = entries_of_unit(conn, unit, B::TYPE)?;
    let same = |entry: &&Entry| {
        Statement::<B>::parse(&entry.event).is_ok_and(|known| known.sha256() == sha256)
    };
    Ok(entries.iter().find(same).map(|entry| entry.index))
}

/// Where a statement that has no unit, with exactly these bytes stands on the record.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn of_kind(conn: &mut Conn, kind: &str, note: &[u8]) -> Result<Option<u64>, Error> {
    let query = entry::table
        .filter(entry::kind.eq(kind).and(entry::event.eq(note)))
        .order(entry::idx)
        .select(entry::idx);
    let found: Option<i64> = on_each!(conn, |c| query.first(c).optional())?;
    let index = |idx| u64::try_from(idx).map_err(|_| Error::Corrupt("an entry's index".to_owned()));
    found.map(index).transpose()
}
