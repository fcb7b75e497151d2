//! Registration, keys and sessions over HTTP.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::refused::Refused;
use super::store;
use super::views::{EnterpriseView, FateView, applied, view};
use super::{Done, applications, rules, session};
use crate::auth::store::Session;
use crate::auth::table::{Act, Owner};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::note::Note;
use crate::crypto::statement::{Body as _, type_of};
use crate::error::{Arg, Reason as _};
use crate::ids::{EnterpriseId, SessionId};
use crate::web::answer::{Answer, Failure};
use crate::web::app::App;
use crate::web::body::{StatementBody, id};
use crate::web::edge::Edge;
use crate::web::who::Caller;

/// Applications to a page.
const PAGE: u32 = 100;

/// A signed application as text.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplicationBody {
    /// The whole signed note.
    pub application: String,
}

/// What came of an act, with its receipt.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Receipted {
    /// What came of it.
    #[serde(flatten)]
    pub done: Done,
    /// A `.tlog-proof` file with the salt and the event: keep it.
    pub receipt: String,
}

/// A login challenge.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChallengeAnswer {
    /// The platform that the login names.
    pub origin: String,
    /// 64 hexadecimal digits.
    #[schema(value_type = String)]
    pub nonce: Hash,
    /// Unix milliseconds; from then on it is refused.
    #[schema(value_type = i64)]
    pub expires_at: Time,
}

/// A session's token.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LoginAnswer {
    /// As whom: `bidder:ent_…`, `buyer:ent_…`, `operator:…`, `regulator`, `custodian:…`.
    pub actor: String,
    /// For `Authorization: Bearer …`.
    pub token: String,
    /// Unix milliseconds; from then on it is refused.
    #[schema(value_type = i64)]
    pub expires_at: Time,
}

/// A session of one's own.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SessionView {
    /// Its id; not its token.
    #[schema(value_type = String)]
    pub id: SessionId,
    /// When it began, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub started_at: Time,
    /// When it ends by itself, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub expires_at: Time,
    /// Whether it is the one that asks.
    pub asking: bool,
}

/// One's own sessions.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SessionsView {
    /// The latest first.
    pub sessions: Vec<SessionView>,
}

/// Which application to tell of beside the registration.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ShowQuery {
    /// The public key that applied in this name, in 64 hexadecimal digits: its applicant knows it, and
    /// nobody else before it is vouched for.
    pub key: Option<String>,
}

/// What waits for an operator: several may wait in one name.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WaitingView {
    /// The oldest first, each as its application says.
    pub enterprises: Vec<EnterpriseView>,
    /// For the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which registrations to list.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct WaitingQuery {
    /// `applied`: those that wait for an operator.
    pub state: String,
    /// The `next` of the page before.
    pub after: Option<String>,
}

async fn receipted(app: &App, done: Done) -> Answer {
    let receipt = app.platform.receipt(done.index).await?.encode();
    Ok(HttpResponse::Ok().json(Receipted { done, receipt }))
}

/// Asks for a login challenge
///
/// # Errors
/// Only the platform's own failures.
#[utoipa::path(post, path = "/api/v1/login/challenges", tag = "login",
    responses((status = 200, body = ChallengeAnswer)))]
pub async fn challenge(app: web::Data<App>) -> Answer {
    let challenge = session::challenge(app.db(), &app.tokens)?;
    Ok(HttpResponse::Ok().json(ChallengeAnswer {
        origin: app.roster().origin.clone(),
        nonce: challenge.nonce,
        expires_at: challenge.expires_at,
    }))
}

/// Answers a challenge by a signed `sealbid/login/v1`
///
/// # Errors
/// `auth-…`.
#[utoipa::path(post, path = "/api/v1/login", tag = "login", request_body = StatementBody,
    responses((status = 200, body = LoginAnswer)))]
pub async fn login(app: web::Data<App>, body: web::Json<StatementBody>) -> Answer {
    let bytes = body.statement.as_bytes();
    let (opened, token) = session::login(app.db(), app.roster(), &app.tokens, bytes).await?;
    let (actor, expires_at) = (opened.actor.to_string(), opened.expires_at);
    Ok(HttpResponse::Ok().json(LoginAnswer { actor, token, expires_at }))
}

/// Ends the session that asks
///
/// # Errors
/// `auth-…`.
#[utoipa::path(delete, path = "/api/v1/login", tag = "login", responses((status = 204)),
    security(("session" = [])))]
pub async fn logout(app: web::Data<App>, caller: Caller) -> Answer {
    let id = caller.session.ok_or(crate::auth::Refused::NotLoggedIn)?;
    session::logout(app.db(), caller.actor, id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The caller's own sessions that stand, the latest first
///
/// # Errors
/// `auth-…`.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "login",
    responses((status = 200, body = SessionsView)), security(("session" = [])))]
pub async fn sessions(app: web::Data<App>, caller: Caller) -> Answer {
    caller.allow(Act::LogOut, &Owner::Actor)?;
    let own = session::own(app.db(), caller.actor).await?;
    let view = |it: &Session| SessionView {
        id: it.id,
        started_at: it.started_at,
        expires_at: it.expires_at,
        asking: caller.session == Some(it.id),
    };
    Ok(HttpResponse::Ok().json(SessionsView { sessions: own.iter().map(view).collect() }))
}

/// Ends one of the caller's own sessions
///
/// # Errors
/// `auth-…`.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "login",
    params(("id" = String, Path, description = "ses_…")), responses((status = 204)),
    security(("session" = [])))]
pub async fn end_session(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Answer {
    caller.allow(Act::LogOut, &Owner::Actor)?;
    session::logout(app.db(), caller.actor, id::<SessionId>(&path)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Applies for registration by a signed `sealbid/application/v1`
///
/// # Errors
/// `enterprise-…`.
#[utoipa::path(post, path = "/api/v1/enterprises", tag = "enterprises",
    request_body = ApplicationBody, responses((status = 200, body = Receipted)))]
pub async fn apply(app: web::Data<App>, body: web::Json<ApplicationBody>) -> Answer {
    let bytes = body.application.as_bytes();
    let done = super::apply(app.db(), app.roster(), bytes).await?;
    receipted(&app, done).await
}

/// Who waits for an operator
///
/// # Errors
/// `auth-…`, `web-query`.
#[utoipa::path(get, path = "/api/v1/enterprises", tag = "enterprises", params(WaitingQuery),
    responses((status = 200, body = WaitingView)), security(("session" = [])))]
pub async fn waiting(
    app: web::Data<App>,
    caller: Caller,
    query: web::Query<WaitingQuery>,
) -> Answer {
    caller.allow(Act::ReadApplication, &Owner::Exactly(crate::auth::Actor::Public))?;
    if query.state != "applied" {
        return Err(Edge::Query("state must be applied".to_owned()).into());
    }
    let after = query.after.as_deref().map(cursor).transpose()?;
    let found = app.db().query(move |conn| applications::waiting(conn, after, PAGE)).await?;
    let is_full = u32::try_from(found.len()).is_ok_and(|n| n == PAGE);
    let next = found
        .last()
        .filter(|_| is_full)
        .map(|(last, _)| format!("{}.{}", last.applied_at.millis(), last.statement.sha256()));
    let enterprises = found.iter().map(|(filed, state)| applied(filed, state)).collect();
    Ok(HttpResponse::Ok().json(WaitingView { enterprises, next }))
}

fn cursor(text: &str) -> Result<(Time, Hash), Failure> {
    let parts = text
        .split_once('.')
        .and_then(|(at, hash)| Some((Time::from_millis(at.parse().ok()?), hash.parse().ok()?)));
    parts.ok_or_else(|| Edge::Query("after is not a cursor of ours".to_owned()).into())
}

/// A registration. Before it is verified, only who was told its random id can ask for it
///
/// With `key`, also what became of the latest application by that key: so an applicant whose key
/// speaks for nobody reads why it was declined.
///
/// # Errors
/// `enterprise-unknown`.
#[utoipa::path(get, path = "/api/v1/enterprises/{id}", tag = "enterprises",
    params(("id" = String, Path, description = "ent_…"), ShowQuery),
    responses((status = 200, body = EnterpriseView)), security((), ("session" = [])))]
pub async fn show(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    query: web::Query<ShowQuery>,
) -> Answer {
    let (id, key) = (id::<EnterpriseId>(&path)?, query.into_inner().key);
    let read = move |conn: &mut crate::db::Conn| {
        let found = store::find(conn, id)?.ok_or(Refused::Unknown)?;
        let fate = key.map(|key| applications::fate(conn, id, &key)).transpose()?.flatten();
        Ok::<_, Refused>((found, store::statements(conn, id)?, fate))
    };
    let (found, credentials, fate) = app.db().query(read).await?;
    let may_ask = caller.allow(Act::ReadApplication, &Owner::Enterprise(id)).is_ok();
    let contact = may_ask.then(|| found.application.contact.clone());
    let by_key = fate.map(|it| FateView {
        application_sha256: it.sha256,
        standing: it.standing.code(),
        reason: it.reason,
    });
    Ok(HttpResponse::Ok().json(EnterpriseView { by_key, ..view(&found, contact, credentials) }))
}

/// An operator vouches for an application or declines it, by a signed `sealbid/verified/v1` or
/// `sealbid/declined/v1`
///
/// # Errors
/// `enterprise-…`.
#[utoipa::path(post, path = "/api/v1/enterprises/{id}/verification", tag = "enterprises",
    params(("id" = String, Path, description = "ent_…")), request_body = StatementBody,
    responses((status = 200, body = Receipted)))]
pub async fn decide(
    app: web::Data<App>,
    path: web::Path<String>,
    body: web::Json<StatementBody>,
) -> Answer {
    let note = about(&path, &body.statement)?;
    let done = super::decide(app.db(), app.roster(), note.encode().as_bytes()).await?;
    receipted(&app, done).await
}

/// Replaces or revokes a key, by a signed `sealbid/key-rotation/v1` or `sealbid/key-revocation/v1`
///
/// # Errors
/// `enterprise-…`.
#[utoipa::path(post, path = "/api/v1/enterprises/{id}/keys", tag = "enterprises",
    params(("id" = String, Path, description = "ent_…")), request_body = StatementBody,
    responses((status = 200, body = Receipted)))]
pub async fn change_key(
    app: web::Data<App>,
    path: web::Path<String>,
    body: web::Json<StatementBody>,
) -> Answer {
    let note = about(&path, &body.statement)?;
    let bytes = note.encode().into_bytes();
    let is_rotation = type_of(note.text()) == Some(super::statements::KeyRotation::TYPE);
    let done = if is_rotation {
        super::rotate_key(app.db(), &bytes).await?
    } else {
        super::revoke_key(app.db(), app.roster(), &bytes).await?
    };
    receipted(&app, done).await
}

/// The note of a statement about the enterprise that the path names.
fn about(path: &str, statement: &str) -> Result<Note, Failure> {
    let id = id::<EnterpriseId>(path)?;
    let note = Note::parse(statement.as_bytes()).map_err(|e| Refused::Statement(e.arg()))?;
    if rules::subject(note.text()) == Some(id) {
        Ok(note)
    } else {
        Err(Refused::Statement(Arg::Word("enterprise-say-elsewhere")).into())
    }
}
