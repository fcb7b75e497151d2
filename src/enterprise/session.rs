//! Logging in and out. Sessions leave no trace in the record: who reads when is nobody's business.

use super::refused::Refused;
use super::{actor_of, operator_of, store};
use crate::auth::login::{self, Challenge, Login};
use crate::auth::store::{self as sessions, Session};
use crate::auth::table::{Act, Owner, allow};
use crate::auth::token::{LIFETIME_SECONDS, TokenKey};
use crate::auth::{self, Actor};
use crate::clock::Time;
use crate::crypto::key::VerifyingKey;
use crate::crypto::statement::Statement;
use crate::custodian::roster::Roster;
use crate::db::{Conn, Db, Error};
use crate::ids::SessionId;

/// Gives out a challenge to whoever asks; nothing is written down.
///
/// # Errors
/// `Backend` when there is no randomness.
pub fn challenge(db: &Db, tokens: &TokenKey) -> Result<Challenge, Error> {
    Ok(tokens.challenges().give(db.entropy(), db.clock().now())?)
}

/// Answers a challenge: the session and its token. Only a login that succeeds uses its challenge up
/// and writes at all, so that nobody without a registered key reaches the door for writes.
///
/// # Errors
/// [`Refused::Access`] with the reason; the database's.
pub async fn login(
    db: &Db,
    roster: &Roster,
    tokens: &TokenKey,
    bytes: &[u8],
) -> Result<(Session, String), Refused> {
    let statement = Statement::<Login>::parse(bytes)?;
    let challenge = tokens.challenges().known(&statement.body().nonce)?;
    let key = login::prove(&statement, &challenge, &roster.origin, db.clock().now())?.clone();
    let (asked, of) = (key.clone(), roster.clone());
    let known = db.query(move |conn| holder(conn, &of, &asked)).await?;
    known.ok_or(auth::Refused::UnknownKey)?;
    let roster = roster.clone();
    let session = db
        .write(move |tx| {
            tx.unrecorded("a session");
            let now = tx.now();
            // Again at the door: the key may have ended, and the challenge, while this waited.
            login::prove(&statement, &challenge, &roster.origin, now)?;
            let actor = holder(tx.conn(), &roster, &key)?.ok_or(auth::Refused::UnknownKey)?;
            sessions::use_challenge::<Refused>(tx, &challenge)?;
            let id = SessionId::random(tx.entropy()).map_err(Error::from)?;
            let expires_at = Time::from_seconds(now.seconds() + LIFETIME_SECONDS);
            let opened = Session { id, actor, started_at: now, expires_at, ended_at: None };
            sessions::insert_session(tx, &opened, &key)?;
            Ok::<_, Refused>(opened)
        })
        .await?;
    let token = tokens.issue(&session.actor, session.id, session.started_at)?;
    Ok((session, token))
}

/// Who holds a key now: somebody of the roster, or a verified body.
fn holder(conn: &mut Conn, roster: &Roster, key: &VerifyingKey) -> Result<Option<Actor>, Error> {
    if *key == roster.regulator_key {
        return Ok(Some(Actor::Regulator));
    }
    if roster.operator_keys.contains(key) {
        return Ok(Some(operator_of(key)));
    }
    if let Some(member) = roster.custodians.iter().find(|m| m.statement_key == *key) {
        return Ok(Some(Actor::Custodian(member.id.to_string())));
    }
    Ok(store::speaks_for(conn, key)?.map(|(id, kind)| actor_of(id, kind)))
}

/// Ends a session of the actor's own; ending it again changes nothing.
///
/// # Errors
/// [`Refused::Access`] for somebody else's session, which is as good as none.
pub async fn logout(db: &Db, actor: Actor, id: SessionId) -> Result<(), Refused> {
    db.write(move |tx| {
        tx.unrecorded("the end of a session");
        let found = sessions::find_session(tx.conn(), id)?.ok_or(auth::Refused::NotFound)?;
        allow(&actor, Act::LogOut, &Owner::Exactly(found.actor))?;
        Ok(sessions::end_session(tx, id)?)
    })
    .await
}

/// The actor's sessions that stand, the latest first.
///
/// # Errors
/// The database's.
pub async fn own(db: &Db, actor: Actor) -> Result<Vec<Session>, Error> {
    let now = db.clock().now();
    db.query(move |conn| sessions::sessions_of(conn, &actor, now)).await
}
