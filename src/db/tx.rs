//! What an act sees inside the door.

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::ledger::{EntryRow, Ledger};
use super::{Conn, Error};
use crate::clock::Time;
use crate::crypto::entropy::Entropy;

/// One act inside the writer's transaction. Only this can write, and what it writes stands or
/// falls with its events: `tx.record(…)` (`record/append.rs`).
///
/// An act must not open or end transactions of its own at the outermost level; diesel's nested
/// `transaction` works. Entries become rows when the batch commits, so an act does not find its own
/// entry by a query.
pub struct Tx<'a> {
    pub(super) conn: &'a mut Conn,
    pub(super) ledger: &'a mut Ledger,
    pub(super) entropy: &'a dyn Entropy,
    pub(super) now: Time,
    pub(super) unrecorded: bool,
}

impl Tx<'_> {
    /// The act's one instant: never earlier than the record's last entry.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// The connection, for the store functions.
    pub const fn conn(&mut self) -> &mut Conn {
        self.conn
    }

    /// Where the act takes random bytes from.
    #[must_use]
    pub fn entropy(&self) -> &dyn Entropy {
        self.entropy
    }

    /// States that this act changes rows and has nothing to say on the record, and why: progress of
    /// an upload, a session, a delivered outbox row. Without it and without an event, changed
    /// rows are an error wherever the check is on ([`Options::check`](super::Options)).
    pub const fn unrecorded(&mut self, _why: &'static str) {
        self.unrecorded = true;
    }

    /// The number of entries so far, pads included: the index that comes next.
    pub(crate) const fn next_index(&self) -> i64 {
        self.ledger.next()
    }

    /// Adds an entry at this act's instant; `make` is given its index.
    pub(crate) fn append(&mut self, make: impl FnOnce(i64) -> EntryRow) -> Result<i64, Error> {
        self.ledger.append(self.now, make)
    }

    /// Uses up the indices below `next` for pads.
    pub(crate) fn skip_to(&mut self, next: i64) {
        self.ledger.skip_to(next);
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Rows changed so far by this connection (SQLite) or transaction (PostgreSQL); only differences
/// mean anything. PostgreSQL counts per transaction in its statistics, so it costs a query over all
/// tables: for tests and debug builds.
pub(super) fn changed_rows(conn: &mut Conn) -> Result<i64, Error> {
    let count: Count = match conn {
        Conn::Sqlite(c) => diesel::sql_query("SELECT total_changes() AS n").get_result(c),
        Conn::Pg(c) => diesel::sql_query(
            "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint AS n \
             FROM pg_stat_xact_user_tables",
        )
        .get_result(c),
    }?;
    Ok(count.n)
}
