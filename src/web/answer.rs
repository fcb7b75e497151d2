//! Answers: refusals become problem documents in the reader's language, and every answer carries
//! the server's clock, its zone and the request's id.
//!
//! A handler returns [`Failure`]; [`finish`] writes its text, for only there is the reader's
//! language known. Names, counts and causes never pass: see [`crate::error`].

use std::fmt;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::QueryPayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_LANGUAGE, ALLOW, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, ResponseError, web};

use super::MAX_JSON;
use super::app::App;
use super::body::Entered;
use super::edge::Edge;
use super::i18n::Lang;
use super::part::content_range;
use super::problem::{PROBLEM_JSON, problem};
use crate::crypto::entropy;
use crate::error::{Error, Refusal};

/// Milliseconds since the Unix epoch, by the one clock that judges deadlines.
pub const TIME: HeaderName = HeaderName::from_static("x-sealbid-time");
/// The zone that pages show times in.
pub const ZONE: HeaderName = HeaderName::from_static("x-sealbid-zone");
/// The request's id, as in a problem's `instance`.
pub const REQUEST: HeaderName = HeaderName::from_static("x-request-id");

/// An error on its way to the reader.
#[derive(Debug)]
pub struct Failure {
    error: Error,
    entry: Option<Box<Entered>>,
    told: Option<Box<Told>>,
}

/// What a refusal tells in a header of its own.
#[derive(Debug)]
enum Told {
    /// The methods that the address knows.
    Allow(String),
    /// After how many seconds to try again.
    RetryAfter(u32),
    /// How many bytes the file has of which a part was asked for that is not there.
    Size(u64),
}

impl Failure {
    /// A refusal that stands on the record: its reader gets the proof with it.
    pub fn recorded(refusal: impl Refusal, entry: Entered) -> Self {
        Self { entry: Some(Box::new(entry)), ..Self::from(refusal) }
    }

    /// A known address that does not know the method; `allow` lists those it knows.
    #[must_use]
    pub fn method(method: &str, allow: String) -> Self {
        Self::telling(Told::Allow(allow), Edge::Method(method.to_owned()))
    }

    /// A refusal that is worth another try after this many seconds.
    #[must_use]
    pub fn later(refusal: Edge, seconds: u32) -> Self {
        Self::telling(Told::RetryAfter(seconds), refusal)
    }

    /// A part that lies outside its file of `size` bytes.
    #[must_use]
    pub fn range(size: u64) -> Self {
        Self::telling(Told::Size(size), Edge::Range(size))
    }

    fn telling(told: Told, refusal: Edge) -> Self {
        Self { told: Some(Box::new(told)), ..Self::from(refusal) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl<R: Refusal> From<R> for Failure {
    fn from(refusal: R) -> Self {
        Self::from(Error::from(refusal))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, entry: None, told: None }
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The text follows in [`finish`].
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

/// What handlers return.
pub type Answer = Result<HttpResponse, Failure>;

/// The language a request asks for.
#[must_use]
pub fn language(headers: &HeaderMap) -> Lang {
    let accept = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    accept.and_then(Lang::from_accept).unwrap_or_default()
}

/// The last hand on every answer.
///
/// # Errors
/// None of its own.
pub async fn finish(
    app: web::Data<App>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse, actix_web::Error> {
    let lang = language(request.headers());
    let id = entropy::array::<8>(&*app.entropy).map_or_else(|_| String::new(), hex::encode);
    let mut response = match next.call(request).await {
        Ok(response) => said(response.map_into_boxed_body(), lang, &id),
        Err(error) => return Err(error),
    };
    let headers = response.headers_mut();
    headers.insert(TIME, HeaderValue::from(app.now().millis()));
    headers.insert(ZONE, HeaderValue::from_static("Asia/Shanghai"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST, id);
    }
    headers.insert(
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    );
    Ok(response)
}

/// Replaces an error's empty answer by its problem document.
fn said(response: ServiceResponse, lang: Lang, id: &str) -> ServiceResponse {
    let Some(error) = response.response().error() else { return response };
    let of_actix = error.as_error::<Failure>().is_none().then(|| Failure::from(edge_of(error)));
    let Some(failure) = error.as_error::<Failure>().or(of_actix.as_ref()) else { return response };
    let answer = failure.answer(lang, id);
    let (request, _) = response.into_parts();
    ServiceResponse::new(request, answer)
}

impl Failure {
    fn answer(&self, lang: Lang, id: &str) -> HttpResponse {
        let error = &self.error;
        if error.status() >= 500 {
            tracing::error!(request = id, %error, "failed");
        }
        let mut document = problem(error, lang, Some(id.to_owned()));
        if let Some(entry) = self.entry.as_deref() {
            (document.index, document.receipt) = (Some(entry.index), Some(entry.receipt.clone()));
        }
        let mut answer = HttpResponse::build(self.status_code());
        answer.content_type(PROBLEM_JSON).insert_header(("content-language", lang.tag()));
        match self.told.as_deref() {
            Some(Told::Allow(allow)) => answer.insert_header((ALLOW, allow.as_str())),
            Some(Told::RetryAfter(seconds)) => {
                answer.insert_header((RETRY_AFTER, seconds.to_string()))
            }
            Some(Told::Size(size)) => answer.insert_header(content_range(None, *size)),
            None => &mut answer,
        };
        answer.json(document)
    }
}

/// What actix itself refused, before any handler saw it.
fn edge_of(error: &actix_web::Error) -> Edge {
    if error.as_error::<QueryPayloadError>().is_some() {
        return Edge::Query(error.to_string());
    }
    match error.as_response_error().status_code() {
        StatusCode::NOT_FOUND => Edge::NotFound,
        StatusCode::PAYLOAD_TOO_LARGE => Edge::BodySize(MAX_JSON),
        _ => Edge::unread_by_actix(error),
    }
}
