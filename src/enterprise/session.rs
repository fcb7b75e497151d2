//! Logging in and out. Sessions leave no trace in the record: who reads when is nobody's business.

use super::refused::Refused;
use super::{actor_of, operator_of, store};
use crate::auth::login::{self, Challenge, Login};
use crate::auth::store::{self as sessions, Session};
use crate::auth::table::{Act, Owner, allow};
use crate::auth::token::{Claims, LIFETIME_SECONDS, TokenKey};
use crate::auth::{self, Actor};
use crate::clock::Time;
use crate::crypto::key::VerifyingKey;
use crate::crypto::statement::Statement;
use crate::custodian::roster::Roster;
use crate::db::{Conn, Db, Error};
use crate::ids::SessionId;

/// Gives out a challenge to whoever asks.
///
/// # Errors
/// `Busy`, `Backend`.
pub async fn challenge(db: &Db) -> Result<Challenge, Error> {
    db.write(|tx| {
        tx.unrecorded("a login challenge");
        let challenge = Challenge::new(tx.entropy(), tx.now())?;
        sessions::insert_challenge(tx, &challenge)?;
        Ok(challenge)
    })
    .await
}

/// Answers a challenge: the session and its token. The challenge is used up by the attempt, good or
/// bad.
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
    let roster = roster.clone();
    let (opened, token_for) = db
        .write(move |tx| {
            tx.unrecorded("a session");
            // An attempt that fails must still use the challenge up, so its refusal is a value here
            // and not an error, which would undo the act.
            let taken = sessions::take_challenge(tx, &statement.body().nonce)?;
            let now = tx.now();
            let proven = match &taken {
                Some(challenge) => login::prove(&statement, challenge, &roster.origin, now),
                None => Err(auth::Refused::Challenge),
            };
            let key = match proven {
                Ok(key) => key.clone(),
                Err(refused) => return Ok((Err(refused), now)),
            };
            let Some(actor) = holder(tx.conn(), &roster, &key)? else {
                return Ok((Err(auth::Refused::UnknownKey), now));
            };
            let id = SessionId::random(tx.entropy()).map_err(Error::from)?;
            let expires_at = Time::from_seconds(now.seconds() + LIFETIME_SECONDS);
            let opened = Session { id, actor, started_at: now, expires_at, ended_at: None };
            sessions::insert_session(tx, &opened, &key)?;
            Ok::<_, Refused>((Ok(opened), now))
        })
        .await?;
    let session = opened?;
    let token = tokens.issue(&session.actor, session.id, token_for)?;
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

/// Who a token speaks for, after the table of sessions was asked.
///
/// # Errors
/// [`Refused::Access`] with the reason; the database's.
pub fn authenticate(
    conn: &mut Conn,
    tokens: &TokenKey,
    token: &str,
    now: Time,
) -> Result<Claims, Refused> {
    let claims = tokens.check(token, now)?;
    sessions::standing::<Refused>(conn, claims.session, &claims.actor, now)?;
    Ok(claims)
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
