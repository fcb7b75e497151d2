//! Idempotency-Key: the same act sent twice is answered twice and done once.
//!
//! A logged-in caller's JSON `POST` that carries a key is written down before it is done, and its
//! success is kept for a day and given again for the same bytes. Of two at once, one acts and the
//! other is told so. Refusals and our own failures are not kept: trying again is right then. Where
//! the process died between act and answer, the key is free again after [`LEASE_MS`]; after a day it is
//! forgotten. Neither makes two acts of one, for each knows itself that it was done, as long as what
//! it made is there: statements by their content, a draft by the key that its id derives from, a
//! document by its name and bytes. What is kept here saves the work, and no more of one asker than
//! [`MAX_KEPT`]. Deliberately absent: logins, whose answers are secrets; callers without a session, who send nothing but statements;
//! and files, whose uploads have a protocol of their own.

use actix_web::body::{BodySize, BoxBody, MessageBody, to_bytes};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, HttpResponse, web};
use diesel::prelude::*;

use super::answer::Failure;
use super::app::App;
use super::body::received;
use super::edge::Edge;
use super::who::Caller;
use crate::crypto::hash::Hash;
use crate::db::schema::idempotency;
use crate::db::{Conn, Error, Tx};
use crate::on_each;

/// The request's header.
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says of an answer that it was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long answers are kept, in milliseconds.
pub const KEPT_MS: i64 = 24 * 3_600_000;
/// How long an act may be under way before its process is taken for dead, in milliseconds.
pub const LEASE_MS: i64 = 120_000;
/// What a twin is told to wait, in seconds.
const TWIN_SECONDS: u32 = 1;
/// Answers of one asker kept at a time; what comes beyond is done without being kept.
pub const MAX_KEPT: i64 = 5_000;

/// Whether the routes at an address take a key at all.
#[must_use]
pub fn is_kept(path: &str) -> bool {
    !path.starts_with("/api/v1/login")
}

/// An act under a key.
#[derive(Clone)]
struct Keyed {
    app: web::Data<App>,
    asker: String,
    key: String,
    asked: Hash,
}

/// An answer given before.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    status: u16,
    answer: Vec<u8>,
}

/// What is known of an act by its key.
enum Known {
    /// Nothing: it is ours to do now.
    Never,
    /// It was answered.
    Before(Kept),
    /// It is under way.
    Running,
    /// The key belongs to another one.
    Other,
    /// Nothing, and too much is kept for its asker already.
    Full,
}

/// The middleware.
///
/// # Errors
/// The inner service's.
pub async fn once(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(key) = key_of(&request) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    // Whatever is refused here leaves as an answer: an error of a middleware would pass the last
    // hand that writes its text.
    let keyed = match recall(&mut request, &key).await {
        Err(failure) => return Ok(request.error_response(failure)),
        Ok((Known::Before(kept), _)) => return Ok(request.into_response(again(kept))),
        Ok((Known::Running, _)) => {
            let failure = Failure::later(Edge::IdempotencyRunning, TWIN_SECONDS);
            return Ok(request.error_response(failure));
        }
        Ok((Known::Other, _)) => {
            return Ok(request.error_response(Failure::from(Edge::IdempotencyReused)));
        }
        Ok((Known::Full, _)) => return Ok(next.call(request).await?.map_into_boxed_body()),
        Ok((Known::Never, keyed)) => keyed,
    };
    // A task of its own: should the caller go away, the answer is kept all the same.
    let acted = actix_web::rt::spawn(async move {
        let response = next.call(request).await;
        keep(&keyed, response).await
    });
    let acted = acted.await;
    acted.map_err(|e| Failure::from(crate::error::Error::internal(e.to_string())))?
}

/// The key of a request that may carry one.
fn key_of(request: &ServiceRequest) -> Option<HeaderValue> {
    let is_json = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let is_json = is_json.is_some_and(|value| value.starts_with("application/json"));
    let caller = request.extensions().get::<Caller>().cloned();
    let is_known = caller.is_some_and(|caller| caller.session.is_some());
    let takes = request.method() == Method::POST && is_json && is_known;
    let key = request.headers().get(KEY).filter(|_| takes && is_kept(request.path()));
    key.cloned()
}

async fn recall(
    request: &mut ServiceRequest,
    key: &HeaderValue,
) -> Result<(Known, Keyed), Failure> {
    let (app, asker, key) = asker(request, key)?;
    let body = received(request).await?;
    let asked = Hash::of_parts(&[request.uri().to_string().as_bytes(), b"\n", &body]);
    request.set_payload(body.into());
    let keyed = Keyed { app, asker, key, asked };
    let this = keyed.clone();
    let known = keyed.app.db().write(move |tx| reserve(tx, &this)).await?;
    Ok((known, keyed))
}

fn asker(
    request: &ServiceRequest,
    key: &HeaderValue,
) -> Result<(web::Data<App>, String, String), Failure> {
    let key = key.to_str().unwrap_or_default();
    if key.is_empty() || key.len() > 64 || !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Edge::IdempotencyKey.into());
    }
    let app = request.app_data::<web::Data<App>>().cloned();
    let app = app.ok_or_else(|| crate::error::Error::internal("no app"))?;
    let caller = request.extensions().get::<Caller>().map(|caller| caller.actor.to_string());
    let asker = caller.ok_or_else(|| crate::error::Error::internal("nobody asked who asks"))?;
    Ok((app, asker, key.to_owned()))
}

fn again(kept: Kept) -> HttpResponse {
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    HttpResponse::build(status)
        .content_type("application/json")
        .insert_header((REPLAYED, "true"))
        .body(kept.answer)
}

/// Keeps a success, and frees the key of whatever else came of the act.
async fn keep(
    keyed: &Keyed,
    response: Result<ServiceResponse<impl MessageBody + 'static>, actix_web::Error>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let response = match response {
        Ok(response) if response.status().is_success() => response,
        Ok(refused) => {
            settle(keyed, None).await;
            return Ok(refused.map_into_boxed_body());
        }
        Err(error) => {
            settle(keyed, None).await;
            return Err(error);
        }
    };
    if matches!(response.response().body().size(), BodySize::Stream) {
        settle(keyed, None).await;
        return Ok(response.map_into_boxed_body());
    }
    let (http, response) = response.into_parts();
    let (head, body) = response.into_parts();
    let Ok(answer) = to_bytes(body).await else {
        settle(keyed, None).await;
        let unread = crate::error::Error::internal("an answer that cannot be read");
        return Ok(ServiceResponse::from_err(Failure::from(unread), http));
    };
    let kept = Kept { status: head.status().as_u16(), answer: answer.to_vec() };
    settle(keyed, Some(kept)).await;
    Ok(ServiceResponse::new(http, head.set_body(answer).map_into_boxed_body()))
}

async fn settle(keyed: &Keyed, kept: Option<Kept>) {
    let this = keyed.clone();
    if let Err(error) = keyed.app.db().write(move |tx| settled(tx, &this, kept.as_ref())).await {
        // The answer is good all the same; only the memory of it is missing.
        tracing::warn!(%error, "an answer was not kept");
    }
}

type Row = (String, Option<i64>, Option<Vec<u8>>, i64);

fn find(conn: &mut Conn, keyed: &Keyed) -> Result<Option<Row>, Error> {
    let row = idempotency::table.find((keyed.asker.as_str(), keyed.key.as_str())).select((
        idempotency::request,
        idempotency::status,
        idempotency::answer,
        idempotency::at,
    ));
    Ok(on_each!(conn, |c| row.first(c).optional())?)
}

/// Whether as much is kept for an asker as may be: looked for, not counted.
fn is_full(conn: &mut Conn, asker: &str) -> Result<bool, Error> {
    let query = idempotency::table
        .filter(idempotency::asker.eq(asker))
        .order(idempotency::key)
        .select(idempotency::at)
        .offset(MAX_KEPT - 1)
        .limit(1);
    let last: Option<i64> = on_each!(conn, |c| query.first(c).optional())?;
    Ok(last.is_some())
}

/// Takes a key for an act that begins, unless it is taken.
fn reserve(tx: &mut Tx<'_>, keyed: &Keyed) -> Result<Known, Error> {
    tx.unrecorded("the key of an act, kept for a day");
    let now = tx.now().millis();
    let over = idempotency::table.filter(idempotency::at.le(now.saturating_sub(KEPT_MS)));
    on_each!(tx.conn(), |c| diesel::delete(over).execute(c))?;
    let Some((request, status, answer, at)) = find(tx.conn(), keyed)? else {
        if is_full(tx.conn(), &keyed.asker)? {
            return Ok(Known::Full);
        }
        let row = diesel::insert_into(idempotency::table).values((
            idempotency::asker.eq(&keyed.asker),
            idempotency::key.eq(&keyed.key),
            idempotency::request.eq(keyed.asked.to_string()),
            idempotency::at.eq(now),
        ));
        on_each!(tx.conn(), |c| row.execute(c))?;
        return Ok(Known::Never);
    };
    if request != keyed.asked.to_string() {
        return Ok(Known::Other);
    }
    if let (Some(status), Some(answer)) = (status, answer) {
        let status =
            u16::try_from(status).map_err(|_| Error::Corrupt("a kept answer".to_owned()))?;
        return Ok(Known::Before(Kept { status, answer }));
    }
    if now.saturating_sub(at) < LEASE_MS {
        return Ok(Known::Running);
    }
    let row = idempotency::table.find((keyed.asker.as_str(), keyed.key.as_str()));
    let again = diesel::update(row).set(idempotency::at.eq(now));
    on_each!(tx.conn(), |c| again.execute(c))?;
    Ok(Known::Never)
}

/// Writes down what came of an act: an answer to keep, or nothing, and the key is free.
fn settled(tx: &mut Tx<'_>, keyed: &Keyed, kept: Option<&Kept>) -> Result<(), Error> {
    tx.unrecorded("the answer to an act, kept for a day");
    let now = tx.now().millis();
    let running = idempotency::table
        .filter(idempotency::asker.eq(&keyed.asker).and(idempotency::key.eq(&keyed.key)))
        .filter(idempotency::status.is_null());
    match kept {
        Some(kept) => {
            let update = diesel::update(running).set((
                idempotency::status.eq(i64::from(kept.status)),
                idempotency::answer.eq(&kept.answer),
                idempotency::at.eq(now),
            ));
            on_each!(tx.conn(), |c| update.execute(c))?;
        }
        None => {
            on_each!(tx.conn(), |c| diesel::delete(running).execute(c))?;
        }
    }
    Ok(())
}
