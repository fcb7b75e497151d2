//! The record's entries over HTTP, for whom their level lets see them: one by one, with a receipt, and
//! by the page, for whoever exports all of it.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::lines::OwnedLine;
use super::sight;
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::ids::EnterpriseId;
use crate::opening::casefile::head_for;
use crate::record::store as record;
use crate::verify::casefile::OpenedLeaf;
use crate::web::answer::Answer;
use crate::web::app::App;
use crate::web::body::{Entered, entered, id};
use crate::web::edge::Edge;
use crate::web::who::Caller;

/// An entry with what its leaf binds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EntryView {
    /// Its place in the record.
    pub index: u64,
    /// The leaf's salt, in hexadecimal.
    pub salt: String,
    /// The event's text; a pad has none.
    pub event: String,
}

/// A piece of the record.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EntriesView {
    /// The first index that it speaks of.
    pub from: u64,
    /// The first that it does not: where to ask on.
    pub next: u64,
    /// What the caller may see between them, ascending. Every other leaf is withheld.
    pub entries: Vec<EntryView>,
}

/// Which piece.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// The first index.
    pub from: u64,
    /// The first index that is not wanted; the record's end if absent.
    pub before: Option<u64>,
}

/// Where a copy of the record can end, and what is still sealed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HeadView {
    /// The last checkpoint that enough custodians have cosigned.
    pub checkpoint: String,
    /// The units still to end, in the order of the record. From the first one on, sealed acts and
    /// pads are shown to nobody.
    pub waiting: Vec<WaitingUnit>,
}

/// A unit that is still to end.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WaitingUnit {
    /// Which.
    pub unit: String,
    /// The entry that proposed it.
    pub from: u64,
    /// Its deadline in force, in milliseconds.
    #[schema(value_type = i64)]
    pub deadline: Time,
    /// When it opens, if nothing is postponed, in milliseconds.
    #[schema(value_type = i64)]
    pub open_at: Time,
}

/// Whose a line of a close is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LineView {
    /// The line.
    #[schema(value_type = String)]
    pub line: Hash,
    /// Who bid.
    #[schema(value_type = String)]
    pub bidder: EnterpriseId,
    /// The entry that accepted the bid.
    pub index: u64,
    /// Its `.tlog-proof`, with the cosignatures so far: from the salt and the signed manifest in it
    /// follows the line.
    pub receipt: String,
}

fn view(leaf: &OpenedLeaf) -> EntryView {
    let event = String::from_utf8_lossy(&leaf.event).into_owned();
    EntryView { index: leaf.index, salt: hex::encode(leaf.salt.as_bytes()), event }
}

/// An entry's salt and event, for whom its level lets see them
///
/// The regulator sees open pads too, whose event is empty.
///
/// # Errors
/// `web-not-found` for what the caller may not see, and what is not there.
#[utoipa::path(get, path = "/api/v1/record/entries/{index}", tag = "record",
    params(("index" = u64, Path, description = "Its place in the record")),
    responses((status = 200, body = EntryView)), security((), ("session" = [])))]
pub async fn entry(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Answer {
    let leaf = super::entry(&app.platform, &app.pads, &caller.actor, id(&path)?).await?;
    let view = view(&leaf.ok_or(Edge::NotFound)?);
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "private")).json(view))
}

/// The entries of a piece of the record that the caller may see, at most 256 leaves of it
///
/// # Errors
/// The database's.
#[utoipa::path(get, path = "/api/v1/record/entries", tag = "record", params(Piece),
    responses((status = 200, body = EntriesView)), security((), ("session" = [])))]
pub async fn entries(app: web::Data<App>, caller: Caller, piece: web::Query<Piece>) -> Answer {
    let range = piece.from..piece.before.unwrap_or(u64::MAX);
    let page = super::page(&app.platform, &app.pads, &caller.actor, range).await?;
    let entries = page.leaves.iter().map(view).collect();
    let view = EntriesView { from: page.from, next: page.next, entries };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "private")).json(view))
}

/// Whose the lines of second envelopes are: for the unit's buyer and the regulator, who order
///
/// Shown once the unit is closed and the technical envelopes of its lot are opened.
///
/// # Errors
/// `opening-lines-sealed` before, and of every other unit; `opening-not-found`, `auth-…`.
#[utoipa::path(get, path = "/api/v1/units/{id}/lines", tag = "openings",
    params(("id" = String, Path, description = "The unit")),
    responses((status = 200, body = Vec<LineView>)), security(("session" = [])))]
pub async fn lines(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Answer {
    let owned = super::lines::lines(&app.platform, &caller.actor, id(&path)?).await?;
    let mut views = Vec::with_capacity(owned.len());
    for OwnedLine { line, bidder, accepted_index: index } in owned {
        let receipt = app.platform.receipt(index).await?.encode();
        views.push(LineView { line, bidder, index, receipt });
    }
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "private")).json(views))
}

/// Where a copy of the record can end: the last checkpoint with a quorum's cosignatures
///
/// # Errors
/// `web-not-found` before the custodians have cosigned anything.
#[utoipa::path(get, path = "/api/v1/record/head", tag = "record",
    responses((status = 200, body = HeadView)))]
pub async fn head(app: web::Data<App>) -> Answer {
    let roster = app.roster().clone();
    let found = app.db().query(move |conn| {
        let head = head_for(conn, &roster, 0)?;
        let note = record::cosigned_note(conn, &head)?;
        Ok::<_, crate::opening::casefile::Error>((note.encode(), sight::waiting(conn)?))
    });
    let (checkpoint, waiting) = found.await?;
    let waiting = waiting.into_iter().map(|unit| WaitingUnit {
        unit: unit.unit.to_string(),
        from: unit.from,
        deadline: unit.deadline,
        open_at: unit.open_at,
    });
    let view = HeadView { checkpoint, waiting: waiting.collect() };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-cache")).json(view))
}

/// An entry's receipt again, with the cosignatures so far, for whom its level lets see it
///
/// # Errors
/// As for the entry; pads have none.
#[utoipa::path(get, path = "/api/v1/record/receipts/{index}", tag = "record",
    params(("index" = u64, Path, description = "Its place in the record")),
    responses((status = 200, body = Entered)), security((), ("session" = [])))]
pub async fn receipt(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Answer {
    let leaf = super::entry(&app.platform, &app.pads, &caller.actor, id(&path)?).await?;
    let leaf = leaf.filter(|leaf| !leaf.event.is_empty());
    entered(&app, leaf.ok_or(Edge::NotFound)?.index).await
}
