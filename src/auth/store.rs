//! Login challenges and sessions as rows.

use diesel::prelude::*;

use super::login::Challenge;
use super::{Actor, Refused};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::db::schema::{login_challenge, session};
use crate::db::{Conn, Error, Tx};
use crate::ids::SessionId;
use crate::on_each;

/// Challenges that may wait at once; more are refused as busy, so that asking fills no disk.
const MAX_CHALLENGES: i64 = 20_000;

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

/// Gives out a challenge and clears away those that are over.
///
/// # Errors
/// `Busy` when too many wait; `Backend`.
pub fn insert_challenge(tx: &mut Tx<'_>, challenge: &Challenge) -> Result<(), Error> {
    let over = login_challenge::table.filter(login_challenge::expires_at.le(tx.now().millis()));
    on_each!(tx.conn(), |c| diesel::delete(over).execute(c))?;
    let waiting: i64 = on_each!(tx.conn(), |c| login_challenge::table.count().get_result(c))?;
    if waiting >= MAX_CHALLENGES {
        return Err(Error::Busy("too many login challenges are waiting".to_owned()));
    }
    let row = diesel::insert_into(login_challenge::table).values((
        login_challenge::nonce.eq(challenge.nonce.to_string()),
        login_challenge::expires_at.eq(challenge.expires_at.millis()),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}

/// Uses a challenge up: it is returned once, whatever comes of it.
///
/// # Errors
/// `Backend`.
pub fn take_challenge(tx: &mut Tx<'_>, nonce: &Hash) -> Result<Option<Challenge>, Error> {
    let row = login_challenge::table.find(nonce.to_string());
    let query = row.clone().select(login_challenge::expires_at);
    let expires: Option<i64> = on_each!(tx.conn(), |c| query.first(c).optional())?;
    on_each!(tx.conn(), |c| diesel::delete(row).execute(c))?;
    Ok(expires.map(|at| Challenge { nonce: *nonce, expires_at: Time::from_millis(at) }))
}

/// Begins a session.
///
/// # Errors
/// `Backend`.
pub fn insert_session(tx: &mut Tx<'_>, opened: &Session, key: &VerifyingKey) -> Result<(), Error> {
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

/// Whether a session still stands: known, this actor's, not over and not ended.
///
/// # Errors
/// [`Refused::Revoked`], [`Refused::Expired`], or the database's error as `E`.
pub fn standing<E: From<Error> + From<Refused>>(
    conn: &mut Conn,
    id: SessionId,
    actor: &Actor,
    now: Time,
) -> Result<(), E> {
    let found = find_session(conn, id)?;
    match found {
        Some(found) if found.actor == *actor && found.ended_at.is_none() => {
            if now < found.expires_at { Ok(()) } else { Err(Refused::Expired.into()) }
        }
        _ => Err(Refused::Revoked.into()),
    }
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
