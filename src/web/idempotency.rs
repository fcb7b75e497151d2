//! Idempotency-Key: the same act sent twice is answered twice and done once.
//!
//! The success of a logged-in caller's JSON `POST` that carries a key is kept for a day and given again
//! for the same bytes. Of two at once, one acts and the other is told so. Refusals and our own failures
//! are not kept: trying again is right then. What is under way this process alone knows, so that nothing
//! of it outlives a crash: the same act again is then done again, as it is after a day, or in another
//! instance at the same time. None of that makes two acts of one, for each knows itself that it was
//! done, as long as what it made is there: statements by their content, a draft by the key that its id
//! derives from, a document by its name and bytes. What is kept here saves the work, and no more of
//! one asker than [`MAX_KEPT`]. Deliberately absent: logins, whose answers are secrets; callers without a
//! session, who send nothing but statements; and files, whose uploads have a protocol of their own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

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
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::db::schema::idempotency;
use crate::db::{Conn, Db, Error, Tx};
use crate::on_each;

/// The request's header.
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says of an answer that it was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long answers are kept, in milliseconds.
pub const KEPT_MS: i64 = 24 * 3_600_000;
/// Answers of one asker kept at a time; what comes beyond is done without being kept.
pub const MAX_KEPT: i64 = 5_000;
/// Answers that are over are forgotten so often.
const SWEEP: Duration = Duration::from_secs(3600);
/// What a twin is told to wait, in seconds.
const TWIN_SECONDS: u32 = 1;

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

/// Whose key, and which.
type Place = (String, String);

/// The acts under way in this process.
#[derive(Debug, Default)]
pub struct Running(Arc<Mutex<HashMap<Place, Hash>>>);

impl Running {
    /// Takes a key for an act that begins, unless it is taken.
    fn begin(&self, keyed: &Keyed) -> Result<UnderWay, Known> {
        let place = (keyed.asker.clone(), keyed.key.clone());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(&place) {
            Some(asked) if *asked == keyed.asked => return Err(Known::Running),
            Some(_) => return Err(Known::Other),
            None => {}
        }
        all.insert(place.clone(), keyed.asked);
        Ok(UnderWay { all: Arc::clone(&self.0), place })
    }
}

/// An act under way: its key is free when this is dropped.
struct UnderWay {
    all: Arc<Mutex<HashMap<Place, Hash>>>,
    place: Place,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.place);
    }
}

/// What is known of an act by its key.
enum Known {
    /// Nothing: it is ours to do now.
    Never(UnderWay),
    /// It was answered.
    Before(Kept),
    /// It is under way.
    Running,
    /// The key belongs to another one.
    Other,
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
    let (under_way, keyed) = match recall(&mut request, &key).await {
        Err(failure) => return Ok(request.error_response(failure)),
        Ok((Known::Before(kept), _)) => return Ok(request.into_response(again(kept))),
        Ok((Known::Running, _)) => {
            let failure = Failure::later(Edge::IdempotencyRunning, TWIN_SECONDS);
            return Ok(request.error_response(failure));
        }
        Ok((Known::Other, _)) => {
            return Ok(request.error_response(Failure::from(Edge::IdempotencyReused)));
        }
        Ok((Known::Never(under_way), keyed)) => (under_way, keyed),
    };
    // A task of its own: should the caller go away, the answer is kept all the same.
    let acted = actix_web::rt::spawn(async move {
        let response = next.call(request).await;
        let kept = keep(&keyed, response).await;
        drop(under_way);
        kept
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
    // The key first: a twin that ends meanwhile has left its answer.
    let under_way = match keyed.app.running.begin(&keyed) {
        Ok(under_way) => under_way,
        Err(known) => return Ok((known, keyed)),
    };
    let (this, now) = (keyed.clone(), keyed.app.now());
    let found = keyed.app.db().query_for_act(move |conn| find(conn, &this, now)).await?;
    let known = match found {
        None => Known::Never(under_way),
        Some((asked, _)) if asked != keyed.asked.to_string() => Known::Other,
        Some((_, kept)) => Known::Before(kept),
    };
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

/// Keeps a success.
async fn keep(
    keyed: &Keyed,
    response: Result<ServiceResponse<impl MessageBody + 'static>, actix_web::Error>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let response = response?;
    let is_whole = !matches!(response.response().body().size(), BodySize::Stream);
    if !response.status().is_success() || !is_whole {
        return Ok(response.map_into_boxed_body());
    }
    let (http, response) = response.into_parts();
    let (head, body) = response.into_parts();
    let Ok(answer) = to_bytes(body).await else {
        let unread = crate::error::Error::internal("an answer that cannot be read");
        return Ok(ServiceResponse::from_err(Failure::from(unread), http));
    };
    let kept = Kept { status: head.status().as_u16(), answer: answer.to_vec() };
    let this = keyed.clone();
    if let Err(error) = keyed.app.db().write(move |tx| keep_row(tx, &this, &kept)).await {
        // The answer is good all the same; only the memory of it is missing.
        tracing::warn!(%error, "an answer was not kept");
    }
    Ok(ServiceResponse::new(http, head.set_body(answer).map_into_boxed_body()))
}

/// What was asked under a key within the day, and answered.
fn find(conn: &mut Conn, keyed: &Keyed, now: Time) -> Result<Option<(String, Kept)>, Error> {
    let row = idempotency::table
        .find((keyed.asker.as_str(), keyed.key.as_str()))
        .filter(idempotency::at.gt(now.plus(-KEPT_MS).millis()))
        .select((idempotency::request, idempotency::status, idempotency::answer));
    let row: Option<(String, i64, Vec<u8>)> = on_each!(conn, |c| row.first(c).optional())?;
    let kept = |(request, status, answer): (String, i64, Vec<u8>)| {
        let status = u16::try_from(status);
        let status = status.map_err(|_| Error::Corrupt("a kept answer".to_owned()))?;
        Ok((request, Kept { status, answer }))
    };
    row.map(kept).transpose()
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

fn keep_row(tx: &mut Tx<'_>, keyed: &Keyed, kept: &Kept) -> Result<(), Error> {
    tx.unrecorded("the answer to an act, kept for a day");
    if is_full(tx.conn(), &keyed.asker)? {
        return Ok(());
    }
    let content = (
        idempotency::request.eq(keyed.asked.to_string()),
        idempotency::status.eq(i64::from(kept.status)),
        idempotency::answer.eq(&kept.answer),
        idempotency::at.eq(tx.now().millis()),
    );
    let place = (idempotency::asker.eq(&keyed.asker), idempotency::key.eq(&keyed.key));
    let row = diesel::insert_into(idempotency::table)
        .values((place, content.clone()))
        .on_conflict((idempotency::asker, idempotency::key))
        .do_update()
        .set(content);
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}

/// Forgets answers that are over, for as long as it is polled. At its own hours: an act that paid for it
/// would tell by its time how much was done the day before.
pub async fn sweep(db: &Db) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        ticks.tick().await;
        if let Err(error) = db.write(forget).await {
            tracing::warn!(%error, "answers that are over are still kept");
        }
    }
}

fn forget(tx: &mut Tx<'_>) -> Result<(), Error> {
    tx.unrecorded("answers that are over");
    let until = tx.now().plus(-KEPT_MS).millis();
    let over = diesel::delete(idempotency::table.filter(idempotency::at.le(until)));
    on_each!(tx.conn(), |c| over.execute(c))?;
    Ok(())
}
