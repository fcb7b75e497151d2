//! Openings over HTTP: the opening record, opened documents, case files, and the words of procuring
//! entity and regulator.

use std::fs::File;
use std::io::{Seek as _, Write as _};

use actix_web::{HttpResponse, web};

use super::casefile::{self, CaseSource};
use super::statements::{Opening, Void};
use crate::auth::table::{Act, Owner};
use crate::crypto::statement::Body as _;
use crate::ids::{TenderId, UnitId};
use crate::record::store as record;
use crate::tender::units;
use crate::web::answer::{Answer, Failure};
use crate::web::app::App;
use crate::web::edge::Edge;
use crate::web::stream;
use crate::web::who::Caller;

fn unit_of(path: &str) -> Result<UnitId, Edge> {
    path.parse().map_err(|e: crate::crypto::hash::NotAHash| Edge::Path(e.to_string()))
}

/// What ended a unit: its opening record, or why it was void.
///
/// # Errors
/// Not found before.
pub async fn opening(app: web::Data<App>, path: web::Path<String>) -> Answer {
    let id = unit_of(&path)?;
    let found: Result<_, crate::db::Error> = app
        .db()
        .query(move |conn| {
            let opened = record::entries_of_unit(conn, &id, Opening::TYPE)?;
            let void = record::entries_of_unit(conn, &id, Void::TYPE)?;
            Ok((opened, void))
        })
        .await;
    let (opened, void) = found?;
    let text = |entry: &record::Entry| String::from_utf8_lossy(&entry.event).into_owned();
    match (opened.first(), void.first()) {
        (Some(entry), _) => {
            Ok(HttpResponse::Ok().json(serde_json::json!({ "opening": text(entry) })))
        }
        (None, Some(entry)) => {
            Ok(HttpResponse::Ok().json(serde_json::json!({ "void": text(entry) })))
        }
        (None, None) => Err(Edge::NotFound.into()),
    }
}

/// Which file.
#[derive(Clone, Copy)]
enum Which {
    Public,
    Auditor,
}

/// The public case file of a unit.
///
/// # Errors
/// Not found before its end is cosigned.
pub async fn case(app: web::Data<App>, path: web::Path<String>) -> Answer {
    cut(app, vec![unit_of(&path)?], Which::Public).await
}

/// The auditors' case file: the whole record, identities and ciphertexts with it.
///
/// # Errors
/// As [`case`], `auth-…`.
pub async fn auditor_case(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Answer {
    caller.allow(Act::ReadAuditBundle, &Owner::Actor)?;
    cut(app, vec![unit_of(&path)?], Which::Auditor).await
}

/// The public case file of a tender: all its units in one.
///
/// # Errors
/// As [`case`].
pub async fn tender_case(app: web::Data<App>, path: web::Path<String>) -> Answer {
    let units = units_of(&app, &path).await?;
    cut(app, units, Which::Public).await
}

/// The auditors' case file of a tender.
///
/// # Errors
/// As [`auditor_case`].
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
    let id: TenderId = path.parse().map_err(|e: crate::ids::NotAnId| Edge::Path(e.to_string()))?;
    let rows: Result<_, crate::db::Error> =
        app.db().query(move |conn| units::units(conn, id)).await;
    let effective = rows?.into_iter().filter(|row| row.effective_index.is_some());
    let units: Vec<UnitId> = effective.map(|row| row.id).collect();
    if units.is_empty() { Err(Edge::NotFound.into()) } else { Ok(units) }
}

async fn cut(app: web::Data<App>, units: Vec<UnitId>, which: Which) -> Answer {
    let file = web::block(move || write(&app, &units, which)).await;
    let file = file.map_err(crate::error::Error::internal)?.map_err(failure)?;
    Ok(HttpResponse::Ok().content_type("application/x-tar").streaming(stream::send(file)))
}

fn write(app: &App, units: &[UnitId], which: Which) -> Result<File, casefile::Error> {
    let rosters = [(*app.roster).clone()];
    let source =
        CaseSource { db: app.db(), blobs: &app.platform.blobs, rosters: &rosters, pads: &app.pads };
    let file = tempfile::tempfile().map_err(crate::verify::casefile::CaseError::from)?;
    let mut out = std::io::BufWriter::new(file);
    match which {
        Which::Public => source.public(units, &mut out)?,
        Which::Auditor => source.auditor(units, &mut out)?,
    };
    out.flush().map_err(crate::verify::casefile::CaseError::from)?;
    let mut file =
        out.into_inner().map_err(|e| crate::verify::casefile::CaseError::from(e.into_error()))?;
    file.rewind().map_err(crate::verify::casefile::CaseError::from)?;
    Ok(file)
}

fn failure(error: casefile::Error) -> Failure {
    match error {
        casefile::Error::NotCosigned => Edge::NotFound.into(),
        casefile::Error::Db(error) => error.into(),
        casefile::Error::Case(error) => crate::error::Error::internal(error).into(),
    }
}
