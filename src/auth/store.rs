//! Challenges that opened a session, and sessions, as rows.

use std::collections::HashMap;

use diesel::prelude::*;

use super::login::{CHALLENGE_MS, Challenge};
use super::{Actor, Refused};
use crate::clock::Time;
use crate::crypto::key::VerifyingKey;
use crate::db::schema::{challenge_used, session};
use crate::db::{Conn, Error, Tx};
use crate::ids::SessionId;
use crate::on_each;

/// A session as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id, in the token.
    pub id: SessionId,
    /// Whose.
    pub actor: Actor,
    /// When it began.
    pub started_at: Time,
    /// When it ends by itself.
    pub expires_at: Time,
    /// When somebody ended it.
    pub ended_at: Option<Time>,
}

/// Remembers that a challenge opened a session, and forgets those that are long over.
///
/// # Errors
/// [`Refused::Challenge`] when it opened one before, or the database's error as `E`.
pub fn use_challenge<E: From<Error> + From<Refused>>(
    tx: &mut Tx<'_>,
    challenge: &Challenge,
) -> Result<(), E> {
    // Kept for its own time once more: the clock may go back a little.
    let oldest = tx.now().millis().saturating_sub(CHALLENGE_MS);
    let over = challenge_used::table.filter(challenge_used::expires_at.le(oldest));
    on_each!(tx.conn(), |c| diesel::delete(over).execute(c)).map_err(Error::from)?;
    let row = diesel::insert_into(challenge_used::table)
        .values((
            challenge_used::nonce.eq(challenge.nonce.to_string()),
            challenge_used::expires_at.eq(challenge.expires_at.millis()),
        ))
        .on_conflict_do_nothing();
    let used = on_each!(tx.conn(), |c| row.execute(c)).map_err(Error::from)?;
    if used == 1 { Ok(()) } else { Err(Refused::Challenge.into()) }
}

/// Begins a session, and clears away those whose time is over.
///
/// # Errors
/// `Backend`.
pub fn insert_session(tx: &mut Tx<'_>, opened: &Session, key: &VerifyingKey) -> Result<(), Error> {
    let over = session::table.filter(session::expires_at.le(tx.now().millis()));
    on_each!(tx.conn(), |c| diesel::delete(over).execute(c))?;
    let row = diesel::insert_into(session::table).values((
        session::id.eq(opened.id.to_string()),
        session::actor.eq(opened.actor.to_string()),
        session::public.eq(hex::encode(key.public())),
        session::started_at.eq(opened.started_at.millis()),
        session::expires_at.eq(opened.expires_at.millis()),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}

type SessionTuple = (String, String, String, i64, i64, Option<i64>);

fn session_of(row: SessionTuple) -> Result<Session, Error> {
    let (id, actor, _, started_at, expires_at, ended_at) = row;
    let corrupt = |what: &str| Error::Corrupt(format!("a session's {what}"));
    Ok(Session {
        id: id.parse().map_err(|_| corrupt("id"))?,
        actor: actor.parse().map_err(|_| corrupt("actor"))?,
        started_at: Time::from_millis(started_at),
        expires_at: Time::from_millis(expires_at),
        ended_at: ended_at.map(Time::from_millis),
    })
}

/// A session by its id.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn find_session(conn: &mut Conn, id: SessionId) -> Result<Option<Session>, Error> {
    let query = session::table.find(id.to_string());
    let row: Option<SessionTuple> = on_each!(conn, |c| query.first(c).optional())?;
    row.map(session_of).transpose()
}

/// Those of these sessions that are known.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn find_sessions(
    conn: &mut Conn,
    ids: &[SessionId],
) -> Result<HashMap<SessionId, Session>, Error> {
    let query = session::table.filter(session::id.eq_any(ids.iter().map(ToString::to_string)));
    let rows: Vec<SessionTuple> = on_each!(conn, |c| query.load(c))?;
    rows.into_iter().map(|row| session_of(row).map(|found| (found.id, found))).collect()
}

/// An actor's sessions that still stand, the latest first.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn sessions_of(conn: &mut Conn, actor: &Actor, now: Time) -> Result<Vec<Session>, Error> {
    let query = session::table
        .filter(session::actor.eq(actor.to_string()))
        .filter(session::ended_at.is_null().and(session::expires_at.gt(now.millis())))
        .order((session::started_at.desc(), session::id));
    let rows: Vec<SessionTuple> = on_each!(conn, |c| query.load(c))?;
    rows.into_iter().map(session_of).collect()
}

/// Ends a session; ending it again changes nothing.
///
/// # Errors
/// `Backend`.
pub fn end_session(tx: &mut Tx<'_>, id: SessionId) -> Result<(), Error> {
    let now = tx.now().millis();
    let standing = session::table.find(id.to_string()).filter(session::ended_at.is_null());
    let update = diesel::update(standing).set(session::ended_at.eq(now));
    on_each!(tx.conn(), |c| update.execute(c))?;
    Ok(())
}

/// Ends every session that a key opened.
///
/// # Errors
/// `Backend`.
pub fn end_sessions_of_key(tx: &mut Tx<'_>, key: &VerifyingKey) -> Result<(), Error> {
    let now = tx.now().millis();
    let public = hex::encode(key.public());
    let standing =
        session::table.filter(session::public.eq(public)).filter(session::ended_at.is_null());
    let update = diesel::update(standing).set(session::ended_at.eq(now));
    on_each!(tx.conn(), |c| update.execute(c))?;
    Ok(())
}
