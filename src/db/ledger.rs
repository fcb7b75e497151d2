//! The door's side of the record: hands out indices and holds back rows, so that a batch of
//! acts costs one insert.
//!
//! Invariant: indices are gap-free and given under the writer's lock; an act that fails gives its
//! indices back. Deliberately absent: what an event means (`record/append.rs`).

use diesel::prelude::*;

use super::schema::{entry, head};
use super::{BEHIND_MS, Cached, Conn, Error};
use crate::clock::Time;
use crate::on_each;

/// How many rows go into one INSERT: eight parameters each, and SQLite takes 32,766.
const ROWS_PER_INSERT: usize = 500;

/// An event on its way into the record.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = entry)]
// Else SQLite would get a statement for each row.
#[diesel(treat_none_as_default_value = false)]
pub(crate) struct EntryRow {
    pub(crate) idx: i64,
    pub(crate) salt: Vec<u8>,
    pub(crate) event: Vec<u8>,
    pub(crate) kind: String,
    pub(crate) level: String,
    pub(crate) unit: Option<String>,
    pub(crate) author: Option<String>,
    pub(crate) at: i64,
}

/// The record's end within one transaction.
pub(super) struct Ledger {
    next: i64,
    last_at: Time,
    stored: (i64, Time),
    pending: Vec<EntryRow>,
}

/// A place to come back to when an act fails.
pub(super) struct Mark {
    next: i64,
    last_at: Time,
    pending: usize,
}

impl Ledger {
    /// Reads the end of the record, under the lock: another instance may have moved it.
    pub(super) fn begin(conn: &mut Conn) -> Result<Self, Error> {
        let query = head::table.select((head::next, head::last_at)).filter(head::one.eq(1));
        let (next, last_at): (i64, i64) = on_each!(conn, |c| query.first(c))?;
        let last_at = Time::from_millis(last_at);
        Ok(Self { next, last_at, stored: (next, last_at), pending: Vec::new() })
    }

    /// The instant of an act: the clock's, or the last entry's when that is a little later.
    pub(super) fn now(&self, clock: Time) -> Result<Time, Error> {
        if self.last_at.since(clock) > BEHIND_MS {
            return Err(Error::ClockBehind { now: clock, last: self.last_at });
        }
        Ok(clock.max(self.last_at))
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { next: self.next, last_at: self.last_at, pending: self.pending.len() }
    }

    pub(super) fn back_to(&mut self, mark: &Mark) {
        self.next = mark.next;
        self.last_at = mark.last_at;
        self.pending.truncate(mark.pending);
    }

    /// The index that the next entry gets.
    pub(super) const fn next(&self) -> i64 {
        self.next
    }

    /// Adds an entry; `make` is given its index.
    pub(super) fn append(
        &mut self,
        at: Time,
        make: impl FnOnce(i64) -> EntryRow,
    ) -> Result<i64, Error> {
        let index = self.next;
        self.skip_to(index.checked_add(1).ok_or_else(full)?);
        self.last_at = self.last_at.max(at);
        self.pending.push(make(index));
        Ok(index)
    }

    /// Uses up the indices below `next` without rows: pads.
    pub(super) fn skip_to(&mut self, next: i64) {
        self.next = self.next.max(next);
    }

    /// Writes what is held back.
    pub(super) fn flush(&mut self, conn: &mut Conn) -> Result<(), Error> {
        for rows in self.pending.chunks(ROWS_PER_INSERT) {
            on_each!(conn, |c| diesel::insert_into(entry::table).values(rows).execute(c))?;
        }
        self.pending.clear();
        if self.stored != (self.next, self.last_at) {
            let end = (head::next.eq(self.next), head::last_at.eq(self.last_at.millis()));
            let row = Cached(diesel::update(head::table.filter(head::one.eq(1))).set(end));
            on_each!(conn, |c| row.execute(c))?;
            self.stored = (self.next, self.last_at);
        }
        Ok(())
    }
}

fn full() -> Error {
    Error::Corrupt("the record's index is used up".to_owned())
}
