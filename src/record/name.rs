//! The record's name as the database holds it: fixed once, by `init`.

use diesel::prelude::*;

use crate::db::schema::origin;
use crate::db::{Conn, Error, Tx};
use crate::on_each;

/// Fixes the name.
///
/// # Errors
/// `Conflict` when it is fixed already; `Backend`.
pub fn fix(tx: &mut Tx<'_>, name: &str) -> Result<(), Error> {
    tx.unrecorded("the record's own name, which every checkpoint says");
    let row = diesel::insert_into(origin::table).values((origin::one.eq(1), origin::name.eq(name)));
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}

/// The name; `None` where an `init` did not come to its end.
///
/// # Errors
/// `Backend`.
pub fn find(conn: &mut Conn) -> Result<Option<String>, Error> {
    let name = origin::table.select(origin::name);
    Ok(on_each!(conn, |c| name.first(c).optional())?)
}
