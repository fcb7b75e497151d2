//! Tenders over HTTP: drafting, documents, publication, amendments, and what everybody may read.

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::publish::Publication;
use super::rules::Plan;
use super::statements::{Amendment, DocumentRef};
use super::store::{self, State, TenderRow};
use super::units::{self, UnitRow};
use super::views::{
    DraftedView, Preparation, ProposedUnit, ProposedView, PublicationBody, TenderView, TendersView,
    UnitSummary, UnitView,
};
use super::{amend, consent, documents, draft, lapse, outage, publish};
use crate::auth::table::{Act, Owner};
use crate::bid::Purpose;
use crate::bid::upload;
use crate::crypto::statement::{Body as _, Statement};
use crate::enterprise::credential_notes;
use crate::ids::{DocumentId, TenderId, UnitId};
use crate::opening::rules::UnitState;
use crate::opening::rules::waiting::WaitsFor;
use crate::opening::statements::{Challenged, Close, Order, Suspension};
use crate::record::store as record;
use crate::web::answer::{Answer, Failure};
use crate::web::app::App;
use crate::web::body::{Entered, StatementBody, about, entered, id, text};
use crate::web::edge::Edge;
use crate::web::idempotency;
use crate::web::part;
use crate::web::stream;
use crate::web::who::Caller;

/// Tenders to a page.
const PAGE: u32 = 100;

/// The list's place.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// A new document's name.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its file name.
    pub name: String,
}

/// Drafts a tender
///
/// Under an Idempotency-Key it is the same draft whenever it is asked for again.
///
/// # Errors
/// `tender-plan`, `web-idempotency-reused`, `auth-…`.
#[utoipa::path(post, path = "/api/v1/tenders", tag = "tenders",
    request_body = Plan,
    responses((status = 201, body = DraftedView)), security(("session" = [])))]
pub async fn create(
    app: web::Data<App>,
    caller: Caller,
    request: HttpRequest,
    plan: web::Json<Plan>,
) -> Answer {
    let key = request.headers().get(idempotency::KEY).and_then(|key| key.to_str().ok());
    let tender = draft::draft(&app.platform, &caller.actor, plan.into_inner(), key).await?;
    let tender = tender.ok_or(Edge::IdempotencyReused)?;
    Ok(HttpResponse::Created().json(DraftedView { tender: tender.to_string() }))
}

/// Proposes what the buyer is to sign: units with every custodian's recipient, and the notice; once they
/// are signed, what they were
///
/// # Errors
/// `tender-silent` when a custodian does not answer, `tender-state`, `auth-…`.
#[utoipa::path(post, path = "/api/v1/tenders/{id}/preparation", tag = "tenders",
    params(("id" = String, Path, description = "tnd_…")),
    responses((status = 200, body = Preparation)), security(("session" = [])))]
pub async fn prepare(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Answer {
    let (p, id) = (&app.platform, id::<TenderId>(&path)?);
    let (notice, units) = match publish::signed_before(p, &caller.actor, id).await? {
        Some(signed) => signed,
        None => {
            let drafts = draft::prepare(p, &caller.actor, id).await?;
            let units = consent::with_recipients(p, drafts).await?;
            let drafted = draft::drafted(p, &caller.actor, Act::Publish, id).await?;
            (drafted.notice(p, &units)?, units)
        }
    };
    let notice = Statement::new(notice).map_err(super::Error::from)?;
    let texts = units.into_iter().map(|unit| {
        let statement = Statement::new(unit).map_err(super::Error::from)?;
        Ok::<_, super::Error>(statement.note().text().to_owned())
    });
    let units = texts.collect::<Result<Vec<_>, _>>()?;
    Ok(HttpResponse::Ok().json(Preparation { notice: notice.note().text().to_owned(), units }))
}

/// Records what the buyer signed and has the custodians asked
///
/// # Errors
/// `tender-…`, `auth-…`.
#[utoipa::path(post, path = "/api/v1/tenders/{id}/publication", tag = "tenders",
    params(("id" = String, Path, description = "tnd_…")), request_body = PublicationBody,
    responses((status = 202, body = ProposedView)), security(("session" = [])))]
pub async fn publish(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    body: web::Json<PublicationBody>,
) -> Answer {
    let PublicationBody { notice, units } = body.into_inner();
    let publication = Publication { notice, units };
    let asked = publish::publish(&app.platform, &caller.actor, id(&path)?, publication).await?;
    let units = asked.iter().map(|asked| ProposedUnit {
        unit: asked.unit_id.to_string(),
        state: "proposed",
        index: asked.proposed_index,
    });
    Ok(HttpResponse::Accepted().json(ProposedView { units: units.collect() }))
}

/// The published tenders
///
/// # Errors
/// The database's.
#[utoipa::path(get, path = "/api/v1/tenders", tag = "tenders", params(After),
    responses((status = 200, body = TendersView)))]
pub async fn list(app: web::Data<App>, query: web::Query<After>) -> Answer {
    let after = query.after.as_deref().map(id::<TenderId>).transpose()?;
    let rows = app.db().query(move |conn| store::published(conn, after, PAGE)).await?;
    Ok(HttpResponse::Ok().json(page(rows)))
}

/// The caller's own tenders that are not published yet
///
/// # Errors
/// `auth-…`.
#[utoipa::path(get, path = "/api/v1/drafts", tag = "tenders", params(After),
    responses((status = 200, body = TendersView)), security(("session" = [])))]
pub async fn drafts(app: web::Data<App>, caller: Caller, query: web::Query<After>) -> Answer {
    caller.allow(Act::DraftTender, &Owner::Actor)?;
    let buyer = caller.actor.enterprise().ok_or(crate::auth::Refused::Forbidden)?;
    let after = query.after.as_deref().map(id::<TenderId>).transpose()?;
    let rows = app.db().query(move |conn| store::drafts(conn, buyer, after, PAGE)).await?;
    Ok(HttpResponse::Ok().json(page(rows)))
}

fn page(rows: Vec<TenderRow>) -> TendersView {
    let is_full = u32::try_from(rows.len()).is_ok_and(|n| n == PAGE);
    let next = rows.last().filter(|_| is_full).map(|row| row.id.to_string());
    TendersView {
        tenders: rows.into_iter().map(|row| TenderView::new(row, Vec::new())).collect(),
        next,
    }
}

/// One tender; a draft only for its buyer and the regulator
///
/// # Errors
/// `tender-not-found`, also for everybody else's draft.
#[utoipa::path(get, path = "/api/v1/tenders/{id}", tag = "tenders",
    params(("id" = String, Path, description = "tnd_…")),
    responses((status = 200, body = TenderView)), security((), ("session" = [])))]
pub async fn show(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Answer {
    let id = id::<TenderId>(&path)?;
    let found = app.db().query(move |conn| {
        let row = store::find(conn, id)?;
        let lapsed = if row.state == State::Draft { last_lapse(conn, id)? } else { None };
        Ok::<_, crate::db::Error>((row, units::units(conn, id)?, lapsed))
    });
    let (row, units, lapsed) = found.await.map_err(super::Error::from)?;
    if row.state != State::Published {
        let buyer = row.procuring_entity;
        draft::let_in(&caller.actor, Act::ReadDraft, buyer).map_err(super::Error::from)?;
    }
    Ok(HttpResponse::Ok().json(TenderView { lapsed, ..TenderView::new(row, units) }))
}

/// The event that ended a tender's last publication.
fn last_lapse(
    conn: &mut crate::db::Conn,
    id: TenderId,
) -> Result<Option<String>, crate::db::Error> {
    let Some(unit) = units::last_lapsed(conn, id)? else { return Ok(None) };
    Ok(record::entries_of_unit(conn, &unit, lapse::LAPSED)?.pop().as_ref().map(text))
}

/// A unit and all that stands on the record about it and binds anybody
///
/// # Errors
/// `tender-not-found`.
#[utoipa::path(get, path = "/api/v1/units/{id}", tag = "tenders",
    params(("id" = String, Path, description = "The unit")),
    responses((status = 200, body = UnitView)))]
pub async fn unit(app: web::Data<App>, path: web::Path<String>) -> Answer {
    let id = id::<UnitId>(&path)?;
    let found = app.db().query(move |conn| {
        let row = units::unit(conn, id)?;
        let view = view(conn, &row)?;
        Ok::<_, crate::db::Error>((row, view))
    });
    let (row, mut view) = found.await.map_err(super::Error::from)?;
    let effective = row.effective_index;
    let waits = outage::waits_for(&app.platform, &row).await?;
    view.waits_for = waits.map(WaitsFor::code);
    if row.state == UnitState::Proposed {
        view.answers = consent::answers(&app.platform, &row).map_err(super::Error::from)?;
    }
    if let Some(index) = effective {
        view.receipt = Some(app.platform.receipt(index).await?.encode());
    }
    Ok(HttpResponse::Ok().json(view))
}

fn view(conn: &mut crate::db::Conn, row: &UnitRow) -> Result<UnitView, crate::db::Error> {
    let mut all = |kind| {
        let entries = record::entries_of_unit(conn, &row.id, kind)?;
        Ok::<Vec<String>, crate::db::Error>(entries.iter().map(text).collect())
    };
    Ok(UnitView {
        summary: UnitSummary::new(row),
        unit: row.unit.encode(),
        waits_for: None,
        amendments: all(Amendment::TYPE)?,
        pending: row.pending.as_ref().map(|(pending, _)| pending.encode()),
        close: all(Close::TYPE)?.pop(),
        challenges: all(Challenged::TYPE)?,
        order: all(Order::TYPE)?.pop(),
        suspensions: all(Suspension::TYPE)?,
        credentials: credential_notes(conn, row.unit.body().procuring_entity)?,
        receipt: None,
        answers: Vec::new(),
    })
}

/// Asks for a postponement: `sealbid/amendment/v1`
///
/// # Errors
/// `tender-…`, `auth-…`.
#[utoipa::path(post, path = "/api/v1/units/{id}/amendments", tag = "tenders",
    params(("id" = String, Path, description = "The unit")), request_body = StatementBody,
    responses((status = 200, body = Entered)), security(("session" = [])))]
pub async fn postpone(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    body: web::Json<StatementBody>,
) -> Answer {
    about(&path, &body.statement)?;
    let asked = amend::postpone(&app.platform, &caller.actor, &body.statement).await?;
    entered(&app, asked.proposed_index).await
}

/// Registers the outage that was measured over a unit's deadline, as an operator
///
/// `sealbid/outage/v1`, signed by an operator. Nobody states its times: the platform measured them,
/// and the rule pack makes new ones, which platform and custodians sign.
///
/// # Errors
/// `tender-no-outage`, `tender-…`, `auth-…`.
#[utoipa::path(post, path = "/api/v1/units/{id}/outages", tag = "tenders",
    params(("id" = String, Path, description = "The unit")), request_body = StatementBody,
    responses((status = 200, body = Entered)), security(("session" = [])))]
pub async fn register_outage(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    body: web::Json<StatementBody>,
) -> Answer {
    about(&path, &body.statement)?;
    let asked = amend::outage(&app.platform, &caller.actor, &body.statement).await?;
    entered(&app, asked.proposed_index).await
}

/// Cancels a unit by its buyer's signed `sealbid/void/v1`
///
/// A proposed unit, which not all have signed, is taken back by it with its tender's others: they
/// lapse, and the tender is a draft again.
///
/// # Errors
/// `tender-…`, `auth-…`.
#[utoipa::path(post, path = "/api/v1/units/{id}/void", tag = "tenders",
    params(("id" = String, Path, description = "The unit")), request_body = StatementBody,
    responses((status = 200, body = Entered)), security(("session" = [])))]
pub async fn cancel(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    body: web::Json<StatementBody>,
) -> Answer {
    about(&path, &body.statement)?;
    let index = amend::cancel(&app.platform, &caller.actor, &body.statement).await?;
    entered(&app, index).await
}

/// Adds a document to a draft; the body is the file
///
/// # Errors
/// `tender-…`, `bid-too-large`, `auth-…`.
#[utoipa::path(post, path = "/api/v1/tenders/{id}/documents", tag = "tenders",
    params(("id" = String, Path, description = "tnd_…"), Named),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = DocumentRef)),
    security(("session" = [])))]
pub async fn add_document(
    app: web::Data<App>,
    caller: Caller,
    request: HttpRequest,
    path: web::Path<String>,
    query: web::Query<Named>,
    body: web::Payload,
) -> Answer {
    let tender = id::<TenderId>(&path)?;
    let length = request.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok());
    let length = length.and_then(|text| text.parse().ok());
    let length = length.ok_or_else(|| Edge::Query("Content-Length is missing".to_owned()))?;
    let (p, actor) = (&app.platform, &caller.actor);
    let drafted = draft::drafted(p, actor, Act::DraftTender, tender).await?;
    if drafted.row.state != State::Draft {
        return Err(super::Error::from(super::Refused::State).into());
    }
    documents::check_name(&query.name).map_err(super::Error::from)?;
    let upload = upload::create(p, actor, Purpose::Document, length).await?.id;
    let append = upload::append(p, actor, upload, 0, None).await?;
    stream::receive(append, body, app.silence).await?;
    upload::complete(p, actor, upload).await?;
    let added = documents::add(p, actor, tender, query.into_inner().name, upload).await?;
    Ok(HttpResponse::Created().json(added))
}

/// A document of a published tender. Nobody is counted, nobody is named in a log
///
/// A download that broke off goes on by `Range: bytes=…-`, with the `ETag`, the document's SHA-256, as
/// `If-Range`.
///
/// # Errors
/// `tender-not-found`, `web-range`.
#[utoipa::path(get, path = "/api/v1/documents/{id}", tag = "tenders",
    params(("id" = String, Path, description = "doc_…"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-Range" = Option<String>, Header, description = "The `ETag` of what is there already")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The part that was asked for", body = Vec<u8>,
            content_type = "application/octet-stream")),
    security((), ("session" = [])))]
pub async fn document(
    app: web::Data<App>,
    caller: Caller,
    request: HttpRequest,
    path: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = id::<DocumentId>(&path)?;
    let (named, blob) = documents::open(&app.platform, &caller.actor, id).await?;
    let ascii: String = named
        .name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' })
        .collect();
    let whole = part::Whole { blob, sha256: named.sha256, size: named.size };
    part::send(&request, whole, |answer| {
        answer.content_type("application/octet-stream");
        answer.insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{ascii}\"")));
    })
    .await
}
