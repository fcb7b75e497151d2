//! Tenders over HTTP: drafting, documents, publication, amendments, and what everybody may read.

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::publish::Publication;
use super::rules::Plan;
use super::statements::Amendment;
use super::store::{self, TenderRow};
use super::units::{self, UnitRow};
use super::{amend, consent, documents, draft, publish};
use crate::auth::table::Act;
use crate::bid::Purpose;
use crate::bid::upload;
use crate::clock::Time;
use crate::crypto::statement::{Body as _, Statement};
use crate::ids::{DocumentId, TenderId, UnitId};
use crate::record::store as record;
use crate::web::answer::{Answer, Failure};
use crate::web::app::App;
use crate::web::edge::Edge;
use crate::web::stream;
use crate::web::who::Caller;

/// Tenders to a page.
const PAGE: u32 = 100;

/// A signed statement as text.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedBody {
    /// The whole signed note.
    pub statement: String,
}

/// What a buyer signed to publish.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublicationBody {
    /// The signed notice.
    pub notice: String,
    /// The signed units, in the order of the preparation.
    pub units: Vec<String>,
}

/// What is proposed for the buyer's signature: bare texts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Preparation {
    /// The notice's text.
    pub notice: String,
    /// The units' texts, with their recipients.
    pub units: Vec<String>,
}

/// An entry of the record and its receipt.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Entered {
    /// Its index.
    pub index: u64,
    /// A `.tlog-proof` file: keep it.
    pub receipt: String,
}

/// A tender as the public sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TenderView {
    /// Its id.
    pub tender: String,
    /// For people.
    pub title: String,
    /// draft, proposed or published.
    pub state: &'static str,
    /// The notice, once published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// Its units.
    pub units: Vec<UnitSummary>,
}

/// A unit in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UnitSummary {
    /// Its id.
    pub unit_id: String,
    /// Its lot.
    pub lot: String,
    /// single, technical or commercial.
    pub stage: &'static str,
    /// Where it stands.
    pub state: &'static str,
    /// The deadline in force, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub deadline: Time,
    /// The hour of opening in force, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub open_at: Time,
}

/// A unit with all that a bidder checks before sealing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UnitView {
    /// In short.
    #[serde(flatten)]
    pub summary: UnitSummary,
    /// The note with the signatures so far.
    pub unit: String,
    /// Effective amendments, in order.
    pub amendments: Vec<String>,
    /// Statements that show the procuring entity's key.
    pub credentials: Vec<String>,
    /// Receipt of the event by which it took effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

/// The list's place.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// The last tender of the page before.
    pub after: Option<String>,
}

/// A new document's name.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its file name.
    pub name: String,
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Edge> {
    text.parse().map_err(|e: T::Err| Edge::Path(e.to_string()))
}

async fn entered(app: &App, index: u64) -> Answer {
    let receipt = app.platform.receipt(index).await?.encode();
    Ok(HttpResponse::Ok().json(Entered { index, receipt }))
}

/// Drafts a tender.
///
/// # Errors
/// `tender-plan`, `auth-…`.
pub async fn create(app: web::Data<App>, caller: Caller, plan: web::Json<Plan>) -> Answer {
    let tender = draft::draft(&app.platform, &caller.actor, plan.into_inner()).await?;
    Ok(HttpResponse::Created().json(serde_json::json!({ "tender": tender })))
}

/// Proposes what the buyer is to sign: units with every custodian's recipient, and the notice.
///
/// # Errors
/// `tender-silent` when a custodian does not answer, `tender-state`, `auth-…`.
pub async fn prepare(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Answer {
    let (p, id) = (&app.platform, parse::<TenderId>(&path)?);
    let drafts = draft::prepare(p, &caller.actor, id).await?;
    let units = consent::with_recipients(p, &*app.custodians, drafts).await?;
    let drafted = draft::drafted(p, &caller.actor, Act::Publish, id).await?;
    let notice = Statement::new(drafted.notice(p, &units)?).map_err(super::Error::from)?;
    let texts = units.into_iter().map(|unit| {
        let statement = Statement::new(unit).map_err(super::Error::from)?;
        Ok::<_, super::Error>(statement.note().text().to_owned())
    });
    let units = texts.collect::<Result<Vec<_>, _>>()?;
    Ok(HttpResponse::Ok().json(Preparation { notice: notice.note().text().to_owned(), units }))
}

/// Records what the buyer signed and has the custodians asked.
///
/// # Errors
/// `tender-…`, `auth-…`.
pub async fn publish(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    body: web::Json<PublicationBody>,
) -> Answer {
    let PublicationBody { notice, units } = body.into_inner();
    let publication = Publication { notice, units };
    let asked = publish::publish(&app.platform, &caller.actor, parse(&path)?, publication).await?;
    let units: Vec<_> = asked
        .iter()
        .map(|asked| {
            serde_json::json!({
                "unit": asked.unit_id, "state": "proposed", "index": asked.proposed_index
            })
        })
        .collect();
    Ok(HttpResponse::Accepted().json(serde_json::json!({ "units": units })))
}

/// The published tenders.
///
/// # Errors
/// The database's.
pub async fn list(app: web::Data<App>, query: web::Query<After>) -> Answer {
    let after = query.after.as_deref().map(parse::<TenderId>).transpose()?;
    let views = app.db().query(move |conn| {
        let rows = store::published(conn, after, PAGE)?;
        rows.into_iter().map(|row| view(row, &[])).map(Ok).collect::<Result<Vec<_>, _>>()
    });
    let views: Result<Vec<TenderView>, crate::db::Error> = views.await;
    Ok(HttpResponse::Ok().json(serde_json::json!({ "tenders": views? })))
}

/// One tender; a draft only for its buyer and the regulator.
///
/// # Errors
/// `tender-not-found`.
pub async fn show(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Answer {
    let id = parse::<TenderId>(&path)?;
    let found: Result<_, crate::db::Error> =
        app.db().query(move |conn| Ok((store::find(conn, id)?, units::units(conn, id)?))).await;
    let (row, units) = found.map_err(super::Error::from)?;
    if row.state != store::State::Published {
        draft::drafted(&app.platform, &caller.actor, Act::ReadDraft, id).await?;
    }
    Ok(HttpResponse::Ok().json(view(row, &units)))
}

fn view(row: TenderRow, units: &[UnitRow]) -> TenderView {
    TenderView {
        tender: row.id.to_string(),
        title: row.title,
        state: row.state.code(),
        notice: row.notice.map(|notice| notice.encode()),
        units: units.iter().map(summary).collect(),
    }
}

fn summary(row: &UnitRow) -> UnitSummary {
    UnitSummary {
        unit_id: row.id.to_string(),
        lot: row.unit.body().lot.to_string(),
        stage: row.unit.body().stage.code(),
        state: row.state.code(),
        deadline: row.terms.deadline,
        open_at: row.terms.open_at,
    }
}

/// A unit, its amendments and the proof that it took effect.
///
/// # Errors
/// `tender-not-found`.
pub async fn unit(app: web::Data<App>, path: web::Path<String>) -> Answer {
    let id = parse::<UnitId>(&path)?;
    let found: Result<_, crate::db::Error> = app
        .db()
        .query(move |conn| {
            let row = units::unit(conn, id)?;
            let amendments = record::entries_of_unit(conn, &id, Amendment::TYPE)?;
            let entity = row.unit.body().procuring_entity;
            Ok((row, amendments, store::credential_notes(conn, entity)?))
        })
        .await;
    let (row, amendments, credentials) = found.map_err(super::Error::from)?;
    let receipt = match row.effective_index {
        Some(index) => Some(app.platform.receipt(index).await?.encode()),
        None => None,
    };
    let text = |entry: record::Entry| String::from_utf8_lossy(&entry.event).into_owned();
    Ok(HttpResponse::Ok().json(UnitView {
        summary: summary(&row),
        unit: row.unit.encode(),
        amendments: amendments.into_iter().map(text).collect(),
        credentials,
        receipt,
    }))
}

/// Asks for a postponement.
///
/// # Errors
/// `tender-…`, `auth-…`.
pub async fn postpone(app: web::Data<App>, caller: Caller, body: web::Json<SignedBody>) -> Answer {
    let asked = amend::postpone(&app.platform, &caller.actor, &body.statement).await?;
    entered(&app, asked.proposed_index).await
}

/// Cancels a unit by its buyer's signed `void`.
///
/// # Errors
/// `tender-…`, `auth-…`.
pub async fn cancel(app: web::Data<App>, caller: Caller, body: web::Json<SignedBody>) -> Answer {
    let index = amend::cancel(&app.platform, &caller.actor, &body.statement).await?;
    entered(&app, index).await
}

/// Adds a document to a draft; the body is the file.
///
/// # Errors
/// `tender-…`, `bid-too-large`, `auth-…`.
pub async fn add_document(
    app: web::Data<App>,
    caller: Caller,
    request: HttpRequest,
    path: web::Path<String>,
    query: web::Query<Named>,
    body: web::Payload,
) -> Answer {
    let tender = parse::<TenderId>(&path)?;
    let length = request.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok());
    let length = length.and_then(|text| text.parse().ok());
    let length = length.ok_or_else(|| Edge::Query("Content-Length is missing".to_owned()))?;
    let (p, actor) = (&app.platform, &caller.actor);
    let id = upload::create(p, actor, Purpose::Document, length).await?;
    let append = upload::append(p, actor, id, 0, None).await?;
    stream::receive(append, body).await?;
    upload::complete(p, actor, id).await?;
    let added = documents::add(p, actor, tender, query.into_inner().name, id).await?;
    Ok(HttpResponse::Created().json(added))
}

/// A document of a published tender. Nobody is counted, nobody is named in a log.
///
/// # Errors
/// `tender-not-found`.
pub async fn document(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = parse::<DocumentId>(&path)?;
    let (named, blob) = documents::open(&app.platform, &caller.actor, id).await?;
    let ascii: String = named
        .name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' })
        .collect();
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{ascii}\"")))
        .streaming(stream::send(blob)))
}
