//! Bids over HTTP: their submission, replacement and withdrawal, and where they stand.

use std::future::Future;
use std::pin::Pin;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::arrivals::Arrival;
use super::envelope::{MAX_MANIFEST, SHARES};
use super::resupply::is_missing;
use super::rules::{ChainHead, ChainKind};
use super::standing::{standings, status};
use super::submit::{Answer as Decided, Outcome, Submission, submit};
use super::{resupply as supply, withdraw};
use crate::auth::table::{Act, Owner};
use crate::crypto::hash::Hash;
use crate::crypto::shares::MAX_SEALED_SHARE;
use crate::ids::UnitId;
use crate::tender::units;
use crate::web::answer::{Answer, Failure};
use crate::web::app::App;
use crate::web::body::{Entered, id, received_within};
use crate::web::edge::Edge;
use crate::web::who::{Caller, has_token};

/// The last parts of the addresses to which statements are sent that must come in time.
const STATEMENTS: [&str; 2] = ["/bids", "/withdrawals"];

/// A statement's body has at most so many bytes: the largest manifest as a JSON string, every character of
/// it escaped, and the shares.
const MAX_BODY: usize = 192 << 10;
const _: () = assert!(2 * MAX_MANIFEST <= 128 << 10);
const _: () = assert!(2 * *SHARES.end() * MAX_SEALED_SHARE + 1024 <= 64 << 10);

/// The middleware that stamps statements: outside of everything that asks the database, so that
/// nothing but the network lies between a statement's last byte and its instant. The stamp goes with
/// the request, and the close waits while it lives. Of a stranger nothing is read and nothing is waited for: a
/// token of ours must come first.
///
/// # Errors
/// The inner service's.
pub async fn stamped(
    app: web::Data<App>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let is_statement = STATEMENTS.iter().any(|end| request.path().ends_with(end));
    let is_ours = is_statement && request.method() == Method::POST;
    if !is_ours || !has_token(&app, request.headers()) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    match received_within(&mut request, MAX_BODY).await {
        Ok(body) => {
            let arrival = app.arrivals.stamp(app.db().clock());
            request.set_payload(body.into());
            request.extensions_mut().insert(arrival);
            Ok(next.call(request).await?.map_into_boxed_body())
        }
        Err(refused) => Ok(request.error_response(Failure::from(refused))),
    }
}

/// A statement with the instant at which its last byte was in.
pub struct Arrived<T> {
    /// The body.
    pub body: T,
    /// Its arrival; the close waits while it lives.
    pub arrival: Arrival,
}

impl<T: DeserializeOwned + 'static> FromRequest for Arrived<T> {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let arrival = request.extensions_mut().remove::<Arrival>();
        let caller = request.extensions().get::<Caller>().cloned();
        let bytes = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            if let Some(caller) = caller {
                caller.allow(Act::Submit, &Owner::Actor)?;
            }
            let unstamped = || crate::error::Error::internal("a statement that nobody stamped");
            let arrival = arrival.ok_or_else(unstamped)?;
            let bytes = bytes.await.map_err(|e| Edge::unread_by_actix(&e))?;
            let body = serde_json::from_slice(&bytes).map_err(|e| Edge::unread(&e))?;
            Ok(Self { body, arrival })
        })
    }
}

/// A bid whose envelope was uploaded before.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BidBody {
    /// The signed manifest.
    pub manifest: String,
    /// The sealed shares in base64, in the manifest's order.
    pub shares: Vec<String>,
}

/// A bid taken back.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WithdrawalBody {
    /// The signed withdrawal.
    pub withdrawal: String,
}

/// The entry that accepted a bid or its withdrawal, and whether that still counts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TakenView {
    /// Its place in the record.
    pub index: u64,
    /// A `.tlog-proof` file with the salt and the event: keep it.
    pub receipt: String,
    /// Only for a bid that was sent again and counts no more: `replaced` when another version stands
    /// now, `withdrawn` when none does. Absent, the statement stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub superseded: Option<&'static str>,
}

/// A bidder's own last statement in a unit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StandingView {
    /// One id for all versions.
    pub bid_id: String,
    /// manifest or withdrawal.
    pub kind: &'static str,
    /// Its seq.
    pub seq: u32,
    /// Of its text.
    pub sha256: String,
    /// The entry that accepted it.
    pub index: u64,
    /// That entry's receipt, with the cosignatures so far.
    pub receipt: String,
    /// Whether the platform lost the live bid's envelope and waits for it to be brought again.
    pub missing: bool,
}

/// A bidder's last statement in one of its units.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OwnBidView {
    /// The unit.
    pub unit_id: String,
    /// One id for all versions.
    pub bid_id: String,
    /// manifest or withdrawal.
    pub kind: &'static str,
    /// Its seq.
    pub seq: u32,
    /// Of its text.
    pub sha256: String,
    /// The entry that accepted it.
    pub index: u64,
}

/// Submits or replaces a bid
///
/// A statement that its bidder truly signed is decided on the record. Accepted, it is answered with
/// its receipt. Refused (`bid-late`, `bid-seq-taken` and so on), the problem document carries
/// `index` and `receipt` of the entry that says so: never a success, so that no program takes a
/// refused bid for a submitted one. The same statement again is answered with the same entry; where it
/// was replaced or withdrawn since, `superseded` says so: it counts no more, and nothing of it is opened.
///
/// # Errors
/// The database's.
#[utoipa::path(post, path = "/api/v1/units/{id}/bids", tag = "bids", params(("id" = String, Path, description = "The unit")),
    request_body = BidBody, responses((status = 200, body = TakenView)), security(("session" = [])))]
pub async fn bid(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    arrived: Arrived<BidBody>,
) -> Answer {
    let Arrived { body, arrival } = arrived;
    let shares = body.shares.iter().map(|share| BASE64.decode(share));
    let shares = shares.collect::<Result<Vec<_>, _>>();
    let submission = Submission {
        unit: id(&path)?,
        manifest: body.manifest,
        shares: shares.map_err(|e| Edge::unread(&e))?,
        arrived_at: arrival.at,
        lodged: None,
    };
    let decided = submit(&app.platform, &caller.actor, submission).await?;
    drop(arrival);
    said(&app, decided).await
}

/// Takes a bid back
///
/// Decided and answered like a bid.
///
/// # Errors
/// The database's.
#[utoipa::path(post, path = "/api/v1/units/{id}/withdrawals", tag = "bids", params(("id" = String, Path, description = "The unit")),
    request_body = WithdrawalBody, responses((status = 200, body = TakenView)),
    security(("session" = [])))]
pub async fn withdrawal(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    arrived: Arrived<WithdrawalBody>,
) -> Answer {
    let Arrived { body, arrival } = arrived;
    let unit = id::<UnitId>(&path)?;
    let note = &body.withdrawal;
    let decided = withdraw(&app.platform, &caller.actor, unit, note, arrival.at).await?;
    drop(arrival);
    said(&app, decided).await
}

/// Brings the envelope of one's live bid again, after the platform lost it
///
/// The same bytes as the manifest names, uploaded before. Until the opening, whenever the platform
/// cannot read what it was given; the bid itself does not change.
///
/// # Errors
/// `bid-not-missing`, `bid-not-open`, `bid-envelope`, `bid-shares`, `bid-not-found`, `auth-…`.
#[utoipa::path(post, path = "/api/v1/units/{id}/bids/{manifest}/resupply", tag = "bids",
    params(("id" = String, Path, description = "The unit"),
        ("manifest" = String, Path, description = "SHA-256 of the manifest's text")),
    responses((status = 200, body = Entered)), security(("session" = [])))]
pub async fn resupply(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<(String, String)>,
) -> Answer {
    let (unit, manifest) = (id::<UnitId>(&path.0)?, id::<Hash>(&path.1)?);
    let decided = supply(&app.platform, &caller.actor, unit, manifest).await?;
    said(&app, decided).await
}

async fn said(app: &App, decided: Decided) -> Answer {
    let Decided { outcome, index, fresh } = decided;
    let receipt = match fresh {
        Some((recorded, event)) => app.platform.prompt(&recorded, event).await?,
        None => app.platform.receipt(index).await?,
    };
    let receipt = receipt.encode();
    let superseded = match outcome {
        Outcome::Accepted => None,
        Outcome::Superseded(ChainKind::Manifest) => Some("replaced"),
        Outcome::Superseded(ChainKind::Withdrawal) => Some("withdrawn"),
        Outcome::Refused(refused) => {
            return Err(Failure::recorded(refused, Entered { index, receipt }));
        }
    };
    Ok(HttpResponse::Ok().json(TakenView { index, receipt, superseded }))
}

const fn kind(head: &ChainHead) -> &'static str {
    match head.kind {
        ChainKind::Manifest => "manifest",
        ChainKind::Withdrawal => "withdrawal",
    }
}

/// The caller's own last statement in a unit
///
/// # Errors
/// `bid-not-found`, `tender-not-found`, `auth-…`.
#[utoipa::path(get, path = "/api/v1/units/{id}/bid", tag = "bids", params(("id" = String, Path, description = "The unit")),
    responses((status = 200, body = StandingView)), security(("session" = [])))]
pub async fn standing(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Answer {
    let unit = id(&path)?;
    let found = match status(&app.platform, &caller.actor, unit).await {
        Err(super::Error::NotFound) => None,
        other => other?,
    };
    let Some((head, index)) = found else {
        // Nothing in a unit is another answer than no unit.
        let is_unit = app.db().query(move |conn| units::unit(conn, unit)).await;
        is_unit.map_err(crate::tender::Error::from)?;
        return Err(super::Error::NotFound.into());
    };
    let missing = is_missing(&app.platform, &caller.actor, unit, head.sha256).await?;
    Ok(HttpResponse::Ok().json(StandingView {
        missing,
        bid_id: head.bid_id.to_string(),
        kind: kind(&head),
        seq: head.seq,
        sha256: head.sha256.to_string(),
        index,
        receipt: app.platform.receipt(index).await?.encode(),
    }))
}

/// Where the caller's own bids stand, in all units
///
/// # Errors
/// `auth-…`.
#[utoipa::path(get, path = "/api/v1/bids", tag = "bids",
    responses((status = 200, body = Vec<OwnBidView>)), security(("session" = [])))]
pub async fn own(app: web::Data<App>, caller: Caller) -> Answer {
    let found = standings(&app.platform, &caller.actor).await?;
    let view = found.into_iter().map(|(unit, head, index)| OwnBidView {
        unit_id: unit.to_string(),
        bid_id: head.bid_id.to_string(),
        kind: kind(&head),
        seq: head.seq,
        sha256: head.sha256.to_string(),
        index,
    });
    Ok(HttpResponse::Ok().json(view.collect::<Vec<_>>()))
}
