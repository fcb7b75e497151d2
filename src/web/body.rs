//! What many routes share: a signed statement as a body, an entry of the record as an answer,
//! identifiers in addresses.

use std::str::FromStr;

use actix_web::dev::ServiceRequest;
use actix_web::error::PayloadError;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::MAX_JSON;
use super::answer::Answer;
use super::app::App;
use super::edge::Edge;
use crate::crypto::note::Note;
use crate::error::Reason;
use crate::ids::UnitId;
use crate::record::store::Entry;

/// A signed statement as text.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatementBody {
    /// The whole signed note.
    pub statement: String,
}

/// An entry of the record and its receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Entered {
    /// Its place in the record.
    pub index: u64,
    /// A `.tlog-proof` file with the salt and the event: keep it.
    pub receipt: String,
}

/// Answers an act with its entry, once a published tree holds it.
///
/// # Errors
/// As [`receipt`](crate::tender::Platform::receipt).
pub async fn entered(app: &App, index: u64) -> Answer {
    let receipt = app.platform.receipt(index).await?.encode();
    Ok(HttpResponse::Ok().json(Entered { index, receipt }))
}

/// Takes the whole body out of a request.
///
/// # Errors
/// [`Edge::BodySize`], or [`Edge::BodyJson`] when it ends early.
pub async fn received(request: &mut ServiceRequest) -> Result<web::Bytes, Edge> {
    request.extract::<web::Bytes>().await.map_err(|e| match e.as_error() {
        Some(PayloadError::Overflow) => Edge::BodySize(MAX_JSON),
        _ => Edge::unread_by_actix(&e),
    })
}

/// The same of a body that may have so many bytes.
///
/// # Errors
/// As [`received`].
pub async fn received_within(
    request: &mut ServiceRequest,
    limit: usize,
) -> Result<web::Bytes, Edge> {
    let broken = |e: actix_web::Error| Edge::unread_by_actix(&e);
    let payload = request.extract::<web::Payload>().await.map_err(broken)?;
    let whole = payload.to_bytes_limited(limit).await.map_err(|_| Edge::BodySize(limit))?;
    whole.map_err(broken)
}

/// An identifier in an address.
///
/// # Errors
/// [`Edge::Path`].
pub fn id<T: FromStr<Err: Reason>>(text: &str) -> Result<T, Edge> {
    text.parse().map_err(|e: T::Err| Edge::Path(e.arg()))
}

/// The unit that an address names, if the statement sent there is about it. What is no statement at
/// all is left to the use-case, which says why.
///
/// # Errors
/// [`Edge::Path`], [`Edge::Misaddressed`].
pub fn about(path: &str, statement: &str) -> Result<UnitId, Edge> {
    #[derive(Deserialize)]
    struct OfUnit {
        unit_id: UnitId,
    }
    let unit = id::<UnitId>(path)?;
    let note = Note::parse(statement.as_bytes()).ok();
    let line = note.as_ref().and_then(|note| note.text().lines().nth(1));
    let named = line.and_then(|line| serde_json::from_str::<OfUnit>(line).ok());
    match named {
        Some(OfUnit { unit_id }) if unit_id != unit => Err(Edge::Misaddressed),
        _ => Ok(unit),
    }
}

/// A recorded event as text: everything that statements may hold is.
#[must_use]
pub fn text(entry: &Entry) -> String {
    String::from_utf8_lossy(&entry.event).into_owned()
}
