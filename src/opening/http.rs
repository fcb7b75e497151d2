//! Openings over HTTP: the opening record, opened documents, case files, and the words of procuring entity, regulator and custodians.

use std::fs::File;
use std::io::{Seek as _, Write as _};

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::casefile::{self, CaseSource};
use super::statements::{Opening, OpeningEvent, ReadOutLine, Void};
use crate::auth::table::{Act, Owner};
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::statement::Body as _;
use crate::custodian::wire::Shown;
use crate::ids::{TenderId, UnitId};
use crate::record::store as record;
use crate::tender::units;
use crate::verify::casefile::CaseError;
use crate::web::answer::{Answer, Failure};
use crate::web::app::App;
use crate::web::body::{Entered, StatementBody, about, entered, id, text};
use crate::web::edge::Edge;
use crate::web::stream;
use crate::web::who::Caller;

/// What ended a unit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EndView {
    /// The opening record, signed by the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opening: Option<String>,
    /// Why it was never opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub void: Option<String>,
}

/// What has been read out so far, before the opening record is final.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReadOutView {
    /// Whether the opening record stands: then it counts, and not this.
    pub is_final: bool,
    /// Line, bidder and offer, in the order in which they opened.
    pub lines: Vec<ReadOutLine>,
}

/// A file of an opened bid.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FileView {
    /// Its name in the bid.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

/// What a custodian found of a challenge, and what it was shown.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChallengeBody {
    /// What the custodian was shown: `accepted`, `credentials` and perhaps `later`, which are receipts;
    /// or `before`, `credentials`, `receipts` and `word` of a lodged bid.
    #[schema(value_type = Object)]
    pub account: Shown,
    /// The custodian's signed statement.
    pub statement: String,
}

/// What ended a unit: its opening record, or why it was void
///
/// # Errors
/// `web-not-found` before.
#[utoipa::path(get, path = "/api/v1/units/{id}/opening", tag = "openings",
    params(("id" = String, Path, description = "The unit")),
    responses((status = 200, body = EndView)))]
pub async fn opening(app: web::Data<App>, path: web::Path<String>) -> Answer {
    let id = id::<UnitId>(&path)?;
    let found = app.db().query(move |conn| {
        let opening = record::entries_of_unit(conn, &id, Opening::TYPE)?;
        let void = record::entries_of_unit(conn, &id, Void::TYPE)?;
        let first = |entries: Vec<record::Entry>| entries.first().map(text);
        Ok::<_, crate::db::Error>(EndView { opening: first(opening), void: first(void) })
    });
    match found.await? {
        EndView { opening: None, void: None } => Err(Edge::NotFound.into()),
        end => Ok(HttpResponse::Ok().json(end)),
    }
}

/// What has been read out so far, live and provisional
///
/// # Errors
/// The database's.
#[utoipa::path(get, path = "/api/v1/units/{id}/read-out", tag = "openings",
    params(("id" = String, Path, description = "The unit")),
    responses((status = 200, body = ReadOutView)))]
pub async fn read_out(app: web::Data<App>, path: web::Path<String>) -> Answer {
    let id = id::<UnitId>(&path)?;
    let found = app.db().query(move |conn| {
        units::unit(conn, id)?;
        let opened = record::entries_of_unit(conn, &id, Opening::TYPE)?;
        let events = record::entries_of_unit(conn, &id, "sealbid/read-out/v1")?;
        Ok::<_, crate::db::Error>((!opened.is_empty(), events))
    });
    let (is_final, events) = found.await.map_err(super::Error::from)?;
    let mut lines = Vec::new();
    for event in events {
        if let OpeningEvent::ReadOut { lines: read, .. } =
            json::parse(&event.event).map_err(super::Error::from)?
        {
            lines.extend(read);
        }
    }
    let view = ReadOutView { is_final, lines };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-cache")).json(view))
}

/// The files of an opened bid: for its bidder, the unit's buyer and the regulator
///
/// # Errors
/// `opening-not-opened`, `opening-line-not-opened`, `opening-not-found`, `auth-…`.
#[utoipa::path(get, path = "/api/v1/units/{id}/lines/{line}/documents", tag = "openings",
    params(("id" = String, Path, description = "The unit"),
        ("line" = String, Path, description = "The line, as in the opening record")),
    responses((status = 200, body = Vec<FileView>)), security(("session" = [])))]
pub async fn files(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Answer {
    let (unit, line) = (id::<UnitId>(&path.0)?, id::<Hash>(&path.1)?);
    let files = app.opener.files(&caller.actor, unit, line).await?;
    let view = files.into_iter().map(|file| FileView { name: file.name, size: file.size });
    Ok(HttpResponse::Ok().json(view.collect::<Vec<_>>()))
}

/// One file of an opened bid, decrypted while it is sent and never stored
///
/// # Errors
/// As for the list.
#[utoipa::path(get, path = "/api/v1/units/{id}/lines/{line}/documents/{name}", tag = "openings",
    params(("id" = String, Path, description = "The unit"),
        ("line" = String, Path, description = "The line, as in the opening record"),
        ("name" = String, Path, description = "The file, as in the list")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream")),
    security(("session" = [])))]
pub async fn file(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<(String, String, String)>,
) -> Answer {
    let (unit, line, name) = path.into_inner();
    let (unit, line) = (id::<UnitId>(&unit)?, id::<Hash>(&line)?);
    let reader = app.opener.file(&caller.actor, unit, line, name).await?;
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_DISPOSITION, "attachment"))
        .streaming(stream::send(reader)))
}

/// Says which second envelopes open
///
/// `sealbid/order/v1`, signed by procuring entity and regulator; either may bring it.
///
/// # Errors
/// `opening-…`, `auth-…`.
#[utoipa::path(post, path = "/api/v1/units/{id}/order", tag = "openings",
    params(("id" = String, Path, description = "The unit")), request_body = StatementBody,
    responses((status = 200, body = Entered)), security(("session" = [])))]
pub async fn order(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    body: web::Json<StatementBody>,
) -> Answer {
    let unit = about(&path, &body.statement)?;
    let row = app.db().query(move |conn| units::unit(conn, unit));
    let buyer = row.await.map_err(super::Error::from)?.unit.body().procuring_entity;
    caller.allow(Act::Order, &Owner::Enterprise(buyer))?;
    entered(&app, app.opener.take_order(&body.statement).await?).await
}

/// Stops a release, or lifts the stop
///
/// `sealbid/suspension/v1`, signed by the regulator.
///
/// # Errors
/// `opening-…`, `auth-…`.
#[utoipa::path(post, path = "/api/v1/units/{id}/suspensions", tag = "openings",
    params(("id" = String, Path, description = "The unit")), request_body = StatementBody,
    responses((status = 200, body = Entered)), security(("session" = [])))]
pub async fn suspend(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    body: web::Json<StatementBody>,
) -> Answer {
    caller.allow(Act::Suspend, &Owner::Actor)?;
    about(&path, &body.statement)?;
    entered(&app, app.opener.suspend(&body.statement).await?).await
}

/// Brings what a custodian found of a challenge
///
/// `sealbid/challenged/v1`, signed by that custodian, whoever brings it, with what it was shown.
///
/// # Errors
/// `opening-…`.
#[utoipa::path(post, path = "/api/v1/units/{id}/challenges", tag = "openings",
    params(("id" = String, Path, description = "The unit")), request_body = ChallengeBody,
    responses((status = 200, body = Entered)))]
pub async fn challenge(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    body: web::Json<ChallengeBody>,
) -> Answer {
    caller.allow(Act::Challenge, &Owner::Actor)?;
    let ChallengeBody { account, statement } = body.into_inner();
    about(&path, &statement)?;
    entered(&app, app.opener.take_challenge(&statement, &account).await?).await
}

/// Which file.
#[derive(Clone, Copy)]
enum Which {
    Public,
    Auditor,
}

/// The public case file of a unit: what `sealbid verify` reads
///
/// # Errors
/// `web-not-found` before the custodians have cosigned what it shows.
#[utoipa::path(get, path = "/api/v1/units/{id}/case", tag = "openings",
    params(("id" = String, Path, description = "The unit")),
    responses((status = 200, body = Vec<u8>, content_type = "application/x-tar")))]
pub async fn case(app: web::Data<App>, path: web::Path<String>) -> Answer {
    cut(app, vec![id(&path)?], Which::Public).await
}

/// The auditors' case file: the whole record, identities and ciphertexts with it
///
/// # Errors
/// As for the public one, `auth-…`.
#[utoipa::path(get, path = "/api/v1/units/{id}/case/auditor", tag = "openings",
    params(("id" = String, Path, description = "The unit")),
    responses((status = 200, body = Vec<u8>, content_type = "application/x-tar")),
    security(("session" = [])))]
pub async fn auditor_case(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Answer {
    caller.allow(Act::ReadAuditBundle, &Owner::Actor)?;
    cut(app, vec![id(&path)?], Which::Auditor).await
}

/// The public case file of a tender: all its units in one
///
/// # Errors
/// As for a unit's.
#[utoipa::path(get, path = "/api/v1/tenders/{id}/case", tag = "openings",
    params(("id" = String, Path, description = "tnd_…")),
    responses((status = 200, body = Vec<u8>, content_type = "application/x-tar")))]
pub async fn tender_case(app: web::Data<App>, path: web::Path<String>) -> Answer {
    let units = units_of(&app, &path).await?;
    cut(app, units, Which::Public).await
}

/// The auditors' case file of a tender
///
/// # Errors
/// As for a unit's.
#[utoipa::path(get, path = "/api/v1/tenders/{id}/case/auditor", tag = "openings",
    params(("id" = String, Path, description = "tnd_…")),
    responses((status = 200, body = Vec<u8>, content_type = "application/x-tar")),
    security(("session" = [])))]
pub async fn tender_auditor_case(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
) -> Answer {
    caller.allow(Act::ReadAuditBundle, &Owner::Actor)?;
    let units = units_of(&app, &path).await?;
    cut(app, units, Which::Auditor).await
}

/// The units of a tender that took effect, in its order.
async fn units_of(app: &App, path: &str) -> Result<Vec<UnitId>, Failure> {
    let id = id::<TenderId>(path)?;
    let rows: Result<_, crate::db::Error> =
        app.db().query(move |conn| units::units(conn, id)).await;
    let effective = rows?.into_iter().filter(|row| row.effective_index.is_some());
    let units: Vec<UnitId> = effective.map(|row| row.id).collect();
    if units.is_empty() { Err(Edge::NotFound.into()) } else { Ok(units) }
}

async fn cut(app: web::Data<App>, units: Vec<UnitId>, which: Which) -> Answer {
    let file = web::block(move || write(&app, &units, which)).await;
    let file = file.map_err(crate::error::Error::internal)??;
    Ok(HttpResponse::Ok().content_type("application/x-tar").streaming(stream::send(file)))
}

fn write(app: &App, units: &[UnitId], which: Which) -> Result<File, casefile::Error> {
    let (p, rosters) = (&app.platform, app.platform.rosters.chain());
    let source = CaseSource { db: &p.db, blobs: &p.blobs, rosters, pads: &app.pads };
    let file = tempfile::tempfile().map_err(CaseError::from)?;
    let mut out = std::io::BufWriter::new(file);
    match which {
        Which::Public => source.public(units, &mut out)?,
        Which::Auditor => source.auditor(units, &mut out)?,
    };
    out.flush().map_err(CaseError::from)?;
    let mut file = out.into_inner().map_err(|e| CaseError::from(e.into_error()))?;
    file.rewind().map_err(CaseError::from)?;
    Ok(file)
}

impl From<casefile::Error> for Failure {
    fn from(error: casefile::Error) -> Self {
        match error {
            casefile::Error::NotCosigned | casefile::Error::Db(crate::db::Error::NotFound) => {
                Edge::NotFound.into()
            }
            casefile::Error::Db(error) => error.into(),
            casefile::Error::Case(error) => crate::error::Error::internal(error).into(),
        }
    }
}
