//! Idempotency-Key: the same act sent twice is answered twice and done once.
//!
//! An answer to a JSON `POST` that carried a key is kept for a day and given again to the same asker
//! for the same bytes. Statements are idempotent by themselves; this serves the acts that are not,
//! and clients that never saw an answer. Our own failures are not kept: trying again is right then.
//! A file's upload has its own protocol and is never buffered here.

use actix_web::body::{BoxBody, MessageBody, to_bytes_limited};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, HttpResponse, web};
use diesel::prelude::*;

use super::MAX_JSON;
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

/// An answer given before.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    request: Hash,
    status: u16,
    answer: Vec<u8>,
}

/// The middleware.
///
/// # Errors
/// The inner service's.
pub async fn once(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let is_json = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let is_json = is_json.is_some_and(|value| value.starts_with("application/json"));
    let key = request.headers().get(KEY).cloned();
    let (Some(key), true, true) = (key, is_json, request.method() == Method::POST) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    // Whatever is refused here leaves as an answer: an error of a middleware would pass the last
    // hand that writes its text.
    match recall(&mut request, &key).await {
        Err(failure) => Ok(request.error_response(failure)),
        Ok(Recalled::Before(kept)) => Ok(request.into_response(again(kept))),
        Ok(Recalled::Never { app, asker, key, asked }) => {
            let response = next.call(request).await?;
            keep(&app, asker, key, asked, response).await
        }
    }
}

/// What is known of an act by its key.
enum Recalled {
    /// It was answered.
    Before(Kept),
    /// It was not; the rest is for keeping its answer.
    Never { app: web::Data<App>, asker: String, key: String, asked: Hash },
}

async fn recall(request: &mut ServiceRequest, key: &HeaderValue) -> Result<Recalled, Failure> {
    let (app, asker, key) = asker(request, key)?;
    let body = received(request).await?;
    let asked = Hash::of_parts(&[request.uri().to_string().as_bytes(), b"\n", &body]);
    request.set_payload(body.into());
    let (who, which) = (asker.clone(), key.clone());
    let oldest = app.now().millis().saturating_sub(KEPT_MS);
    match app.db().query(move |conn| find(conn, &who, &which, oldest)).await? {
        Some(kept) if kept.request == asked => Ok(Recalled::Before(kept)),
        Some(_) => Err(Edge::IdempotencyReused.into()),
        None => Ok(Recalled::Never { app, asker, key, asked }),
    }
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

/// Keeps a success. Refusals are not kept: they changed nothing, and are judged anew.
async fn keep(
    app: &web::Data<App>,
    asker: String,
    key: String,
    request: Hash,
    response: ServiceResponse<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if !response.status().is_success() {
        return Ok(response.map_into_boxed_body());
    }
    let (http, response) = response.into_parts();
    let (head, body) = response.into_parts();
    let unread = |what: &str| Failure::from(crate::error::Error::internal(what.to_owned()));
    let answer = to_bytes_limited(body, MAX_JSON)
        .await
        .map_err(|_| unread("an answer too large to keep"))?
        .map_err(|_| unread("an answer that cannot be read"))?;
    let kept = Kept { request, status: head.status().as_u16(), answer: answer.to_vec() };
    let saved = app.db().write(move |tx| insert(tx, &asker, &key, &kept)).await;
    if let Err(error) = saved {
        // The act itself stands and its answer is good; only the memory of it is missing.
        tracing::warn!(%error, "an answer was not kept");
    }
    Ok(ServiceResponse::new(http, head.set_body(answer).map_into_boxed_body()))
}

fn find(conn: &mut Conn, asker: &str, key: &str, oldest: i64) -> Result<Option<Kept>, Error> {
    let query = idempotency::table.find((asker, key)).filter(idempotency::at.gt(oldest)).select((
        idempotency::request,
        idempotency::status,
        idempotency::answer,
    ));
    let row: Option<(String, i64, Vec<u8>)> = on_each!(conn, |c| query.first(c).optional())?;
    row.map(|(request, status, answer)| {
        let corrupt = || Error::Corrupt("a kept answer".to_owned());
        let request = request.parse().map_err(|_| corrupt())?;
        Ok(Kept { request, status: u16::try_from(status).map_err(|_| corrupt())?, answer })
    })
    .transpose()
}

fn insert(tx: &mut Tx<'_>, asker: &str, key: &str, kept: &Kept) -> Result<(), Error> {
    tx.unrecorded("the answer to an act, kept for a day");
    let now = tx.now().millis();
    let over = idempotency::table.filter(idempotency::at.le(now.saturating_sub(KEPT_MS)));
    on_each!(tx.conn(), |c| diesel::delete(over).execute(c))?;
    let row = diesel::insert_into(idempotency::table)
        .values((
            idempotency::asker.eq(asker),
            idempotency::key.eq(key),
            idempotency::request.eq(kept.request.to_string()),
            idempotency::status.eq(i64::from(kept.status)),
            idempotency::answer.eq(&kept.answer),
            idempotency::at.eq(now),
        ))
        .on_conflict_do_nothing();
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}
