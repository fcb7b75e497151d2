//! Enterprises 企业 and organisations 机构: who they are and which key speaks for them.
//!
//! Invariant: each use-case here is one signed statement, checked by [`rules`] and recorded in the
//! same transaction. The same statement sent again is answered as the first time and changes
//! nothing. Anybody may apply in anybody's name, so an application changes nothing of who a verified
//! body is, and keeps no other one from waiting. A login binds nobody.

pub mod applications;
pub mod credentials;
pub mod http;
pub mod refused;
pub mod rules;
pub mod session;
pub mod statements;
pub mod store;
pub mod uscc;
pub mod views;
mod words;

pub use self::store::{places as statement_indices, statements as credential_notes};

use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::table::{Act, Owner, allow};
use crate::auth::{self, Actor};
use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::note::Note;
use crate::crypto::statement::{Body, Statement, type_of};
use crate::custodian::roster::Roster;
use crate::db::{Db, Tx};
use crate::ids::EnterpriseId;
use crate::record::append::Event;
use crate::record::disclosure::Level;
use crate::record::said;
use applications::{Filed, Standing};
use refused::Refused;
use rules::{Action, Ended, State};
use statements::{Application, Declined, KeyRevocation, KeyRotation, Kind, Verified};
use store::Enterprise;

/// What came of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Done {
    /// Whose registration.
    #[schema(value_type = String)]
    pub enterprise: EnterpriseId,
    /// Where it stands now: applied, verified, declined, keyless or reapplied.
    pub state: &'static str,
    /// SHA-256 of the statement's text.
    #[schema(value_type = String)]
    pub sha256: Hash,
    /// Its place in the record.
    pub index: u64,
}

/// A body's kind as an actor.
#[must_use]
pub const fn actor_of(enterprise: EnterpriseId, kind: Kind) -> Actor {
    match kind {
        Kind::Enterprise => Actor::Bidder(enterprise),
        Kind::Organisation => Actor::Buyer(enterprise),
    }
}

/// The operator of a roster key: the last part of its name.
#[must_use]
pub fn operator_of(key: &VerifyingKey) -> Actor {
    let name = key.name().rsplit('/').next().unwrap_or_default();
    Actor::Operator(name.to_owned())
}

/// Somebody applies for registration, or anew after a refusal or a revocation.
///
/// # Errors
/// [`Refused`]; nothing was changed.
pub async fn apply(db: &Db, roster: &Roster, bytes: &[u8]) -> Result<Done, Refused> {
    let application = Statement::<Application>::parse(bytes)?;
    rules::check_application(&roster.origin, &application)?;
    allow(&Actor::Public, Act::Apply, &Owner::Actor)?;
    db.write(move |tx| {
        let body = application.body();
        let Some(found) = store::find(tx.conn(), body.enterprise)? else {
            return first_application(tx, &application);
        };
        let filed = applications::find(tx.conn(), &application.sha256())?;
        if let Some(filed) = filed.filter(|filed| is_answered(filed, &found.state)) {
            return Ok(done(&found, application.sha256(), filed.index));
        }
        let state = rules::next(&found.state, &Action::Apply)?;
        refuse_used_key(tx, &body.key)?;
        let other_code = found.verified_at.is_some() && found.application.uscc != body.uscc;
        if other_code || found.application.kind != body.kind {
            return Err(Refused::OtherIdentity);
        }
        let new = Enterprise { state, ..found.clone() };
        let new = if found.verified_at.is_some() { new } else { new.says(&application) };
        let done = save(tx, &found, new, &application)?;
        applications::file(tx, &application, done.index)?;
        Ok(done)
    })
    .await
}

/// Whether an application that is sent again stands as it did: what was declined or passed over is
/// made anew.
fn is_answered(filed: &Filed, state: &State) -> bool {
    match filed.standing {
        Standing::Waiting => true,
        Standing::Vouched => matches!(state, State::Verified { .. }),
        Standing::Declined | Standing::Passed => false,
    }
}

fn first_application(
    tx: &mut Tx<'_>,
    application: &Statement<Application>,
) -> Result<Done, Refused> {
    refuse_used_key(tx, &application.body().key)?;
    let author = Some(application.body().enterprise);
    let index = record(tx, application, Level::Regulator, author)?;
    let new = Enterprise {
        application: application.body().clone(),
        application_sha256: application.sha256(),
        state: State::Applied,
        last_sha256: application.sha256(),
        last_index: index,
        applied_at: tx.now(),
        verified_at: None,
    };
    store::insert(tx, &new)?;
    applications::file(tx, application, index)?;
    Ok(again(&new))
}

/// An operator vouches for an application or declines it, by a `verified` or `declined` statement.
///
/// # Errors
/// [`Refused`]; nothing was changed.
pub async fn decide(db: &Db, roster: &Roster, bytes: &[u8]) -> Result<Done, Refused> {
    let note = Note::parse(bytes)?;
    if type_of(note.text()) == Some(Verified::TYPE) {
        verify(db, roster, Statement::from_note(note)?).await
    } else {
        decline(db, roster, Statement::from_note(note)?).await
    }
}

async fn verify(db: &Db, roster: &Roster, verified: Statement<Verified>) -> Result<Done, Refused> {
    let operators = roster.operator_keys.clone();
    db.write(move |tx| {
        let body = verified.body();
        let id = body.enterprise;
        let found = store::find(tx.conn(), id)?.ok_or(Refused::Unknown)?;
        let operator = rules::the_operator(verified.note(), &operators)?;
        allow(&operator_of(operator), Act::Decide, &Owner::Enterprise(id))?;
        let filed = applications::find(tx.conn(), &body.application_sha256)?;
        if let Some(done) = decided(&found, filed.as_ref(), verified.sha256()) {
            return Ok(done);
        }
        let filed = waiting(&found, filed)?;
        let action = rules::check_verified(body, &filed.statement)?;
        let state = rules::next(&found.state, &action)?;
        let other = store::verified_with_code(tx.conn(), body.kind, &body.uscc)?;
        if other.is_some_and(|other| other.application.enterprise != id) {
            return Err(Refused::CodeTaken);
        }
        refuse_used_key(tx, &body.key)?;
        let verified_at = found.verified_at.or(Some(tx.now()));
        let new = Enterprise { state, verified_at, ..found.clone() }.says(&filed.statement);
        let done = save(tx, &found, new, &verified)?;
        store::insert_key(tx, id, &body.key)?;
        let decision = (done.sha256, done.index);
        applications::decide(tx, &body.application_sha256, Standing::Vouched, decision)?;
        applications::pass_over(tx, id)?;
        Ok(done)
    })
    .await
}

async fn decline(db: &Db, roster: &Roster, declined: Statement<Declined>) -> Result<Done, Refused> {
    let operators = roster.operator_keys.clone();
    db.write(move |tx| {
        let body = declined.body();
        let id = body.enterprise;
        let found = store::find(tx.conn(), id)?.ok_or(Refused::Unknown)?;
        let operator = rules::the_operator(declined.note(), &operators)?;
        allow(&operator_of(operator), Act::Decide, &Owner::Enterprise(id))?;
        let filed = applications::find(tx.conn(), &body.application_sha256)?;
        if let Some(done) = decided(&found, filed.as_ref(), declined.sha256()) {
            return Ok(done);
        }
        waiting(&found, filed)?;
        let others = applications::others(tx.conn(), id, &body.application_sha256)?;
        let state = rules::next(&found.state, &rules::check_declined(body, others)?)?;
        let new = Enterprise { state, ..found.clone() };
        let done = save(tx, &found, new, &declined)?;
        let decision = (done.sha256, done.index);
        applications::decide(tx, &body.application_sha256, Standing::Declined, decision)?;
        Ok(done)
    })
    .await
}

/// The answer to a decision that was made before.
fn decided(found: &Enterprise, filed: Option<&Filed>, sha256: Hash) -> Option<Done> {
    let (_, index) = filed?.decided.filter(|(by, _)| *by == sha256)?;
    Some(done(found, sha256, index))
}

/// The application that a decision names, if it waits in this body's name.
fn waiting(found: &Enterprise, filed: Option<Filed>) -> Result<Filed, Refused> {
    let id = found.application.enterprise;
    let waits = |filed: &Filed| {
        filed.standing == Standing::Waiting && filed.statement.body().enterprise == id
    };
    filed.filter(waits).ok_or(match found.state {
        State::Applied | State::Reapplied => Refused::OtherApplication,
        State::Verified { .. } | State::Declined { .. } | State::Keyless => Refused::NothingWaiting,
    })
}

/// A key hands over to the next one. Sessions that the old key opened end.
///
/// # Errors
/// [`Refused`]; nothing was changed.
pub async fn rotate_key(db: &Db, bytes: &[u8]) -> Result<Done, Refused> {
    let rotation = Statement::<KeyRotation>::parse(bytes)?;
    let action = rules::check_rotation(&rotation)?;
    db.write(move |tx| {
        let id = rotation.body().enterprise;
        let found = store::find(tx.conn(), id)?.ok_or(Refused::Unknown)?;
        if let Some(done) = changed_before(tx, &found, &rotation)? {
            return Ok(done);
        }
        let actor = actor_of(id, found.application.kind);
        allow(&actor, Act::RotateKey, &Owner::Enterprise(id))?;
        let state = rules::next(&found.state, &action)?;
        let (old, new_key) = (&rotation.body().old_key, &rotation.body().new_key);
        refuse_used_key(tx, new_key)?;
        rules::check_often(&store::keys(tx.conn(), id)?)?;
        store::end_key(tx, old, Ended::Rotated)?;
        store::insert_key(tx, id, new_key)?;
        auth::store::end_sessions_of_key(tx, old)?;
        let new = Enterprise { state, ..found.clone() };
        save(tx, &found, new, &rotation)
    })
    .await
}

/// A key is revoked by itself or by an operator. Sessions that it opened end.
///
/// # Errors
/// [`Refused`]; nothing was changed.
pub async fn revoke_key(db: &Db, roster: &Roster, bytes: &[u8]) -> Result<Done, Refused> {
    let revocation = Statement::<KeyRevocation>::parse(bytes)?;
    let checked = rules::check_revocation(&revocation, &roster.operator_keys);
    let checked = checked.map(|(action, operator)| (action, operator.map(operator_of)));
    db.write(move |tx| {
        let id = revocation.body().enterprise;
        let found = store::find(tx.conn(), id)?.ok_or(Refused::Unknown)?;
        if let Some(done) = changed_before(tx, &found, &revocation)? {
            return Ok(done);
        }
        let (action, operator) = checked?;
        let actor = operator.unwrap_or_else(|| actor_of(id, found.application.kind));
        allow(&actor, Act::RevokeKey, &Owner::Enterprise(id))?;
        let state = rules::next(&found.state, &action)?;
        let key = &revocation.body().key;
        store::end_key(tx, key, Ended::Revoked)?;
        auth::store::end_sessions_of_key(tx, key)?;
        let new = Enterprise { state, ..found.clone() };
        save(tx, &found, new, &revocation)
    })
    .await
}

/// The answer to a change of keys that was made before, whatever came after it.
fn changed_before<B: Body>(
    tx: &mut Tx<'_>,
    found: &Enterprise,
    statement: &Statement<B>,
) -> Result<Option<Done>, Refused> {
    let sha256 = statement.sha256();
    let notes = store::statements(tx.conn(), found.application.enterprise)?;
    // As it was recorded: another may bring it with its signatures in another order.
    let same = |note: &&String| {
        Statement::<B>::parse(note.as_bytes()).is_ok_and(|known| known.sha256() == sha256)
    };
    let Some(note) = notes.iter().find(same) else { return Ok(None) };
    let index = said::of_kind(tx.conn(), B::TYPE, note.as_bytes())?;
    Ok(index.map(|index| done(found, sha256, index)))
}

/// Records a statement and saves what it led to.
fn save<B: Body>(
    tx: &mut Tx<'_>,
    found: &Enterprise,
    mut new: Enterprise,
    statement: &Statement<B>,
) -> Result<Done, Refused> {
    // Applications hold a contact, refusals a reason: neither is for the public.
    let is_public = ![Application::TYPE, Declined::TYPE].contains(&B::TYPE);
    let level = if is_public { Level::Public } else { Level::Regulator };
    new.last_sha256 = statement.sha256();
    let author = (B::TYPE == Application::TYPE).then_some(new.application.enterprise);
    new.last_index = record(tx, statement, level, author)?;
    store::save(tx, &found.last_sha256, &new)?;
    if is_public {
        let id = new.application.enterprise;
        store::insert_statement(tx, id, &statement.encode(), new.last_index)?;
    }
    Ok(again(&new))
}

/// `author` is the body itself where others do not see the statement.
fn record<B: Body>(
    tx: &mut Tx<'_>,
    statement: &Statement<B>,
    level: Level,
    author: Option<EnterpriseId>,
) -> Result<u64, Refused> {
    let bytes = statement.encode().into_bytes();
    Ok(tx.record_by(author, Event { kind: B::TYPE, level, unit: None, bytes })?.index)
}

fn refuse_used_key(tx: &mut Tx<'_>, key: &VerifyingKey) -> Result<(), Refused> {
    if store::is_key_used(tx.conn(), key)? { Err(Refused::KeyTaken) } else { Ok(()) }
}

fn again(it: &Enterprise) -> Done {
    done(it, it.last_sha256, it.last_index)
}

const fn done(it: &Enterprise, sha256: Hash, index: u64) -> Done {
    Done { enterprise: it.application.enterprise, state: it.state.code(), sha256, index }
}

impl Enterprise {
    /// The same body as an application says it is.
    fn says(self, application: &Statement<Application>) -> Self {
        let application_sha256 = application.sha256();
        Self { application: application.body().clone(), application_sha256, ..self }
    }
}

/// A roster after the first comes into force: from here on its operators vouch, and nobody whom it
/// leaves out, whose sessions end. Its record entry, at `index`, is the caller's, in the same act.
///
/// # Errors
/// The database's.
pub fn roster_in_force(
    tx: &mut Tx<'_>,
    before: &Roster,
    next: &Statement<Roster>,
    index: u64,
) -> Result<(), crate::db::Error> {
    let in_force = |roster: &Roster| {
        let mut keys = roster.operator_keys.clone();
        keys.push(roster.regulator_key.clone());
        keys
    };
    let stay = in_force(next.body());
    for key in in_force(before).iter().filter(|key| !stay.contains(key)) {
        auth::store::end_sessions_of_key(tx, key)?;
    }
    store::place_roster(tx, &next.encode(), index)
}
