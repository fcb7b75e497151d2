//! Several instances on one database: how far each has decided, as the others know it.
//!
//! Invariant: a close waits for every instance that was seen lately, so no statement that one of them
//! still works on is left out unseen. One that is silent for longer is not waited for: what it decides
//! after all is refused at the door, with the platform at fault. Deliberately absent: electing
//! anybody; every instance does everything, and the door orders them.

use diesel::dsl::min;
use diesel::prelude::*;

use super::{Error, Opener};
use crate::bid::arrivals::PATIENCE_MS;
use crate::clock::Time;
use crate::db::schema::instance;
use crate::db::{self, Conn, Tx};
use crate::ids::InstanceId;
use crate::on_each;
use crate::tender::{Platform, outage};

/// Two declarations of one instance are at least so far apart, in milliseconds.
const BEAT_MS: i64 = 1_000;
/// An instance that was not seen for so long is forgotten, in milliseconds.
const FORGOTTEN_MS: i64 = 86_400_000;

impl Opener {
    /// Says that this instance is alive and how far it has decided, about once a second: the same
    /// write is the platform's heartbeat.
    ///
    /// # Errors
    /// The database's.
    pub async fn declare(&self, platform: &Platform) -> Result<(), Error> {
        let now = self.db().clock().now();
        let through = self.parts.decided.decided_through(now);
        let Some(id) = self.to_declare(now)? else { return Ok(()) };
        outage::beat_with(platform, move |tx| declare(tx, id, through)).await?;
        let mut declared = self.declared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *declared = Some((id, now));
        Ok(())
    }

    /// Whom to declare now; `None` when that was done just before.
    fn to_declare(&self, now: Time) -> Result<Option<InstanceId>, Error> {
        let mut declared = self.declared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((id, at)) = *declared {
            let since = now.since(at);
            return Ok((!(0..BEAT_MS).contains(&since)).then_some(id));
        }
        let id = InstanceId::random(self.db().entropy()).map_err(db::Error::from)?;
        *declared = Some((id, Time::from_millis(0)));
        Ok(Some(id))
    }

    /// This instance, once it has declared itself.
    pub(super) fn instance(&self) -> Option<InstanceId> {
        let declared = self.declared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        declared.map(|(id, _)| id)
    }
}

fn declare(tx: &mut Tx<'_>, id: InstanceId, through: Time) -> Result<(), db::Error> {
    let now = tx.now();
    let content =
        (instance::decided_through.eq(through.millis()), instance::seen_at.eq(now.millis()));
    let row = diesel::insert_into(instance::table)
        .values((instance::id.eq(id.to_string()), content))
        .on_conflict(instance::id)
        .do_update()
        .set(content);
    on_each!(tx.conn(), |c| row.execute(c))?;
    let forgotten = instance::seen_at.lt(now.plus(-FORGOTTEN_MS).millis());
    let gone = diesel::delete(instance::table.filter(forgotten));
    on_each!(tx.conn(), |c| gone.execute(c))?;
    Ok(())
}

/// How far the other instances have decided, those that were seen within the patience of a close;
/// `None` when there is none.
///
/// # Errors
/// `Backend`.
pub(super) fn others(
    conn: &mut Conn,
    own: Option<InstanceId>,
    now: Time,
) -> Result<Option<Time>, db::Error> {
    let own = own.map_or_else(String::new, |own| own.to_string());
    let live = instance::id.ne(own).and(instance::seen_at.gt(now.plus(-PATIENCE_MS).millis()));
    let query = instance::table.filter(live).select(min(instance::decided_through));
    let through: Option<i64> = on_each!(conn, |c| query.first(c))?;
    Ok(through.map(Time::from_millis))
}
