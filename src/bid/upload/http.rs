//! Uploads over HTTP: the resumable upload protocol tus 1.0.

use std::time::{Duration, UNIX_EPOCH};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, HttpDate, LOCATION,
};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse, web};

use super::{Purpose, append as begin_append, complete, create as begin, terminate as end};
use crate::bid::{Error, tus};
use crate::blob;
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::error::{Args, Refusal};
use crate::ids::UploadId;
use crate::web::answer::{Answer, Failure};
use crate::web::app::App;
use crate::web::body::id;
use crate::web::edge::Edge;
use crate::web::stream;
use crate::web::who::Caller;

const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const VERSIONS: HeaderName = HeaderName::from_static("tus-version");
const VERSION: &str = "1.0.0";
const OFFSET: &str = "upload-offset";
const LENGTH: &str = "upload-length";
const CHECKSUM: &str = "upload-checksum";
const EXPIRES: &str = "upload-expires";
const PIECE: &str = "application/offset+octet-stream";
/// Where uploads are.
const PLACE: &str = "/api/v1/uploads";

/// Why a request is not one of the upload protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum NotTus {
    /// Another version of the protocol, or none named.
    #[error("the request does not speak tus 1.0.0")]
    Version,
    /// A body that is no piece of a file.
    #[error("the body is not application/offset+octet-stream")]
    Media,
}

impl Refusal for NotTus {
    fn code(&self) -> &'static str {
        match self {
            Self::Version => "bid-upload-version",
            Self::Media => "bid-upload-media",
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Version => 412,
            Self::Media => 415,
        }
    }

    fn args(&self) -> Args {
        Args::new()
    }
}

/// The middleware that names the protocol's version on every answer about uploads, refusals too.
///
/// # Errors
/// The inner service's.
pub async fn versioned(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let is_upload = request.path().starts_with(PLACE);
    let mut response = next.call(request).await?;
    if is_upload {
        let is_refused = response.status() == StatusCode::PRECONDITION_FAILED;
        let headers = response.headers_mut();
        headers.insert(RESUMABLE, HeaderValue::from_static(VERSION));
        if is_refused {
            headers.insert(VERSIONS, HeaderValue::from_static(VERSION));
        }
    }
    Ok(response)
}

fn header<'a>(headers: &'a HeaderMap, name: &'static str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn number(headers: &HeaderMap, name: &'static str) -> Result<u64, Edge> {
    let text = header(headers, name).and_then(tus::bytes);
    text.ok_or_else(|| Edge::Query(format!("the header {name} is missing or no number")))
}

/// Every request but `OPTIONS` names the one version.
fn demand_version(request: &HttpRequest) -> Result<(), NotTus> {
    let named = request.headers().get(RESUMABLE).and_then(|value| value.to_str().ok());
    if named == Some(VERSION) { Ok(()) } else { Err(NotTus::Version) }
}

fn demand_piece(request: &HttpRequest) -> Result<(), NotTus> {
    let named = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if named == Some(PIECE) { Ok(()) } else { Err(NotTus::Media) }
}

/// An instant as HTTP writes dates.
fn date(at: Time) -> HttpDate {
    let since = Duration::from_millis(u64::try_from(at.millis()).unwrap_or_default());
    HttpDate::from(UNIX_EPOCH + since)
}

/// Begins an upload (tus creation)
///
/// # Errors
/// `bid-too-large`, `bid-upload-…`, `auth-…`.
#[utoipa::path(post, path = "/api/v1/uploads", tag = "uploads",
    params(("tus-resumable" = String, Header, description = "1.0.0"),
        ("upload-length" = u64, Header, description = "Bytes to come")),
    responses((status = 201, description = "Its address is in Location, its end in Upload-Expires")),
    security(("session" = [])))]
pub async fn create(app: web::Data<App>, caller: Caller, request: HttpRequest) -> Answer {
    demand_version(&request)?;
    let length = number(request.headers(), LENGTH)?;
    if length == 0 {
        return Err(Edge::Query(format!("the header {LENGTH} is 0: no envelope is empty")).into());
    }
    let made = begin(&app.platform, &caller.actor, Purpose::Bid, length).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("{PLACE}/{}", made.id)))
        .insert_header((EXPIRES, date(made.expires_at).to_string()))
        .finish())
}

/// Tells how far an upload is
///
/// One whose last byte is in is completed first, whatever became of the request that brought it.
///
/// # Errors
/// `bid-not-found`, `bid-upload-…`, `auth-…`.
#[utoipa::path(head, path = "/api/v1/uploads/{id}", tag = "uploads",
    params(("id" = String, Path, description = "The upload"),
        ("tus-resumable" = String, Header, description = "1.0.0")),
    responses((status = 200, description = "Upload-Offset, Upload-Length and Upload-Expires tell")),
    security(("session" = [])))]
pub async fn progress(
    app: web::Data<App>,
    caller: Caller,
    request: HttpRequest,
    path: web::Path<String>,
) -> Answer {
    demand_version(&request)?;
    let found = super::progress(&app.platform, &caller.actor, id(&path)?).await?;
    Ok(HttpResponse::Ok()
        .insert_header((OFFSET, found.offset))
        .insert_header((LENGTH, found.length))
        .insert_header((EXPIRES, date(found.expires_at).to_string()))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish())
}

/// Goes on with an upload; the last byte completes it
///
/// # Errors
/// `bid-…`, `auth-…`.
#[utoipa::path(patch, path = "/api/v1/uploads/{id}", tag = "uploads",
    params(("id" = String, Path, description = "The upload"),
        ("tus-resumable" = String, Header, description = "1.0.0"),
        ("upload-offset" = u64, Header, description = "Where the body begins"),
        ("upload-checksum" = Option<String>, Header, description = "`sha256 <base64>`")),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses((status = 204, description = "Upload-Offset tells how far it is")), security(("session" = [])))]
pub async fn append(
    app: web::Data<App>,
    caller: Caller,
    request: HttpRequest,
    path: web::Path<String>,
    body: web::Payload,
) -> Answer {
    demand_version(&request)?;
    demand_piece(&request)?;
    let upload = id::<UploadId>(&path)?;
    let offset = number(request.headers(), OFFSET)?;
    let checksum = header(request.headers(), CHECKSUM).map(checksum).transpose()?;
    let (p, actor) = (&app.platform, &caller.actor);
    let found = super::progress(p, actor, upload).await?;
    let reached = if found.offset == found.length {
        // The last piece again, its answer lost: nothing of it is left to send.
        if offset == found.offset { offset } else { return Err(at(found.offset).into()) }
    } else {
        let append = begin_append(p, actor, upload, offset, checksum).await?;
        let reached = stream::receive(append, body, app.silence).await?;
        if reached == found.length {
            complete(p, actor, upload).await?;
        }
        reached
    };
    Ok(HttpResponse::NoContent()
        .insert_header((OFFSET, reached))
        .insert_header((EXPIRES, date(found.expires_at).to_string()))
        .finish())
}

/// The refusal that says where an upload stands.
const fn at(actual: u64) -> Error {
    Error::Store(blob::Error::Offset { actual })
}

fn checksum(text: &str) -> Result<Hash, Edge> {
    tus::checksum(text)
        .ok_or_else(|| Edge::Query("the Upload-Checksum is not `sha256 <base64>`".to_owned()))
}

/// Gives an upload up
///
/// # Errors
/// `bid-in-use`, `bid-not-found`, `auth-…`.
#[utoipa::path(delete, path = "/api/v1/uploads/{id}", tag = "uploads",
    params(("id" = String, Path, description = "The upload"),
        ("tus-resumable" = String, Header, description = "1.0.0")),
    responses((status = 204)), security(("session" = [])))]
pub async fn terminate(
    app: web::Data<App>,
    caller: Caller,
    request: HttpRequest,
    path: web::Path<String>,
) -> Answer {
    demand_version(&request)?;
    end(&app.platform, &caller.actor, id(&path)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Says what the upload protocol offers
///
/// # Errors
/// The database's.
#[utoipa::path(options, path = "/api/v1/uploads", tag = "uploads",
    responses((status = 204, description = "Tus-Version, -Extension, -Max-Size tell")))]
pub async fn options(app: web::Data<App>) -> Result<HttpResponse, Failure> {
    Ok(HttpResponse::NoContent()
        .insert_header((VERSIONS, VERSION))
        .insert_header(("tus-extension", "creation,expiration,termination,checksum"))
        .insert_header(("tus-checksum-algorithm", "sha256"))
        .insert_header(("tus-max-size", app.platform.max_upload))
        .finish())
}
