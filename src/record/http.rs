//! The record for everybody: c2sp.org/tlog-tiles under `/record/`.
//!
//! Only what a published checkpoint covers is served, so nobody sees a tile grow between ticks.

use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::{HttpResponse, web};

use super::store;
use super::tiles::Tile;
use crate::db::Error;
use crate::web::answer::{Answer, Failure};
use crate::web::app::App;
use crate::web::edge::Edge;

fn failure(error: Error) -> Failure {
    match error {
        Error::NotFound => Edge::NotFound.into(),
        Error::Busy(_) => Edge::Busy.into(),
        other => crate::error::Error::internal(other).into(),
    }
}

/// The latest checkpoint, with the cosignatures so far
///
/// # Errors
/// The database's.
#[utoipa::path(get, path = "/record/checkpoint", tag = "record",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn checkpoint(app: web::Data<App>) -> Answer {
    let published = app.platform.sequencer.published();
    let note = app.db().query(move |conn| store::cosigned_note(conn, &published.checkpoint)).await;
    Ok(HttpResponse::Ok()
        .content_type(ContentType::plaintext())
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(note.map_err(failure)?.encode()))
}

/// A tile or an entry bundle that the latest checkpoint covers
///
/// # Errors
/// The database's.
#[utoipa::path(get, path = "/record/tile/{path}", tag = "record",
    params(("path" = String, Path, description = "As c2sp.org/tlog-tiles says; may hold slashes")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream")))]
pub async fn tile(app: web::Data<App>, path: web::Path<String>) -> Answer {
    let wanted: Tile = format!("tile/{path}").parse().map_err(|_| Edge::NotFound)?;
    if !wanted.exists_at(app.platform.sequencer.published().checkpoint.size) {
        return Err(Edge::NotFound.into());
    }
    let bytes = app.db().query(move |conn| store::tile(conn, &wanted)).await.map_err(failure)?;
    Ok(HttpResponse::Ok()
        .content_type(ContentType::octet_stream())
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .body(bytes))
}

/// The rosters' notes, version 1 first and the one in force last, for readers who pin one of them
///
/// # Errors
/// The database's.
#[utoipa::path(get, path = "/record/roster", tag = "record",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn roster(app: web::Data<App>) -> Answer {
    Ok(HttpResponse::Ok()
        .content_type(ContentType::plaintext())
        .body(app.rosters().chain().encode()))
}
