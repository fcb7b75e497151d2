//! The edge to people and programs: languages, errors in words, and the one list of routes.
//!
//! Each feature's `http` has the handlers; [`routes`] alone says where they stand. Bodies are JSON
//! unless said otherwise; statements and receipts travel in it as the texts they are. Every act is
//! answered with `{"index": …, "receipt": "…"}` beside what else it tells.
//!
//! | method and path under `/api/v1` | body → answer |
//! |---|---|
//! | `POST /login/challenges` | `{}` → `{origin, nonce, expires_at}` |
//! | `POST /login` | `{statement}` → `{token, expires_at}` |
//! | `DELETE /login` | ends the session |
//! | `POST /enterprises` | `{application}` |
//! | `GET /enterprises?state=applied` | operator: who waits |
//! | `GET /enterprises/{id}` | `{enterprise, name, kind, state, credentials: [note…]}` |
//! | `POST /enterprises/{id}/verification` | operator: `{statement}` (`verified` or `declined`) |
//! | `POST /enterprises/{id}/keys` | `{statement}`: a rotation or revocation |
//! | `POST /tenders` | buyer: `{title, lots: [{title, stages: […]}]}` → `{tender, lots: [{lot, …}]}` |
//! | `GET /tenders`, `GET /tenders/{id}` | what is published; a buyer's own drafts |
//! | `POST /tenders/{id}/documents?name=…` | bytes → `{document, sha256, size}` |
//! | `GET /documents/{id}` | the bytes, without login, counting nobody |
//! | `POST /tenders/{id}/preparation` | `{deadline, open_at, challenge_ms, min, release}` → `{notice, units: [text…]}` to be signed |
//! | `POST /tenders/{id}/publication` | `{notice, units: [note…]}` → the state of each unit |
//! | `GET /units/{id}` | `{unit, amendments: [note…], state, deadline, open_at, close?, credentials: [note…]}` |
//! | `POST /units/{id}/amendments` | `{statement}` |
//! | `POST /units/{id}/void` | buyer: `{reason}` |
//! | `POST /units/{id}/order`, `…/suspension` | `{statement}` |
//! | `POST /uploads`, `HEAD/PATCH/DELETE /uploads/{id}` | tus 1.0 |
//! | `POST /units/{id}/bids` | `{manifest, shares: [base64…], upload}` → receipt |
//! | `POST /units/{id}/withdrawals` | `{withdrawal}` → receipt |
//! | `GET /units/{id}/bid` | the bidder's own: `{seq, sha256, kind, bid_id, index, receipt}` |
//! | `GET /units/{id}/opening` | `{opening}` |
//! | `GET /units/{id}/lines/{line}/documents/{name}` | a document of an opened bid, decrypted as it leaves |
//! | `GET /units/{id}/case`, `…/case/auditor` | the case file of one unit |
//! | `GET /tenders/{id}/case`, `…/case/auditor` | of all units of a tender |
//! | `GET /record/entries/{index}` | `{index, salt, event}` for whom its level allows |
//! | `GET /record/receipts/{index}` | the receipt again, with more cosignatures |
//! | `GET /openapi.json` | generated |

pub mod answer;
pub mod app;
pub mod edge;
pub mod i18n;
pub mod idempotency;
pub mod openapi;
pub mod page;
pub mod problem;
pub mod start;
pub mod stream;
pub mod who;

use actix_web::dev::Server;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{App as Actix, HttpServer, web};
use std::net::TcpListener;

use self::answer::finish;
use self::app::App;
use self::edge::Edge;
use crate::{bid, enterprise, opening, record, tender};

/// JSON bodies above this many bytes are refused; sealed files travel as uploads.
const MAX_JSON: usize = 1 << 20;

/// Every route, grouped by reader.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        // Everybody: what this is
        .route("/", web::get().to(page::start))
        .route("/api/v1/openapi.json", web::get().to(openapi::document))
        // Everybody: login and registration
        .route("/api/v1/login/challenges", web::post().to(enterprise::http::challenge))
        .route("/api/v1/login", web::post().to(enterprise::http::login))
        .route("/api/v1/login", web::delete().to(enterprise::http::logout))
        .route("/api/v1/enterprises", web::post().to(enterprise::http::apply))
        .route("/api/v1/enterprises", web::get().to(enterprise::http::waiting))
        .route("/api/v1/enterprises/{id}", web::get().to(enterprise::http::show))
        .route("/api/v1/enterprises/{id}/verification", web::post().to(enterprise::http::decide))
        .route("/api/v1/enterprises/{id}/keys", web::post().to(enterprise::http::change_key))
        // Everybody: tenders
        .route("/api/v1/tenders", web::get().to(tender::http::list))
        .route("/api/v1/tenders/{id}", web::get().to(tender::http::show))
        .route("/api/v1/documents/{id}", web::get().to(tender::http::document))
        .route("/api/v1/units/{id}", web::get().to(tender::http::unit))
        // Buyers
        .route("/api/v1/tenders", web::post().to(tender::http::create))
        .route("/api/v1/tenders/{id}/documents", web::post().to(tender::http::add_document))
        .route("/api/v1/tenders/{id}/preparation", web::post().to(tender::http::prepare))
        .route("/api/v1/tenders/{id}/publication", web::post().to(tender::http::publish))
        .route("/api/v1/units/{id}/amendments", web::post().to(tender::http::postpone))
        .route("/api/v1/units/{id}/void", web::post().to(tender::http::cancel))
        // Bidders
        .route("/api/v1/uploads", web::method(Method::OPTIONS).to(bid::http::options))
        .route("/api/v1/uploads", web::post().to(bid::http::create))
        .route("/api/v1/uploads/{id}", web::head().to(bid::http::progress))
        .route("/api/v1/uploads/{id}", web::patch().to(bid::http::append))
        .route("/api/v1/uploads/{id}", web::delete().to(bid::http::terminate))
        .route("/api/v1/units/{id}/bids", web::post().to(bid::http::bid))
        .route("/api/v1/units/{id}/withdrawals", web::post().to(bid::http::withdrawal))
        .route("/api/v1/units/{id}/bid", web::get().to(bid::http::standing))
        // Everybody: openings
        .route("/api/v1/units/{id}/opening", web::get().to(opening::http::opening))
        .route("/api/v1/units/{id}/case", web::get().to(opening::http::case))
        .route("/api/v1/tenders/{id}/case", web::get().to(opening::http::tender_case))
        // Regulator and auditors
        .route("/api/v1/units/{id}/case/auditor", web::get().to(opening::http::auditor_case))
        .route(
            "/api/v1/tenders/{id}/case/auditor",
            web::get().to(opening::http::tender_auditor_case),
        )
        // Everybody: the record
        .route("/record/checkpoint", web::get().to(record::http::checkpoint))
        .route("/record/roster", web::get().to(record::http::roster))
        .route("/record/tile/{path:.*}", web::get().to(record::http::tile));
}

/// Serves on a listener until stopped.
///
/// # Errors
/// What the system says of the listener.
pub fn serve(app: web::Data<App>, listener: TcpListener) -> std::io::Result<Server> {
    let factory = move || {
        Actix::new()
            .app_data(app.clone())
            .app_data(web::JsonConfig::default().limit(MAX_JSON))
            .wrap(from_fn(idempotency::once))
            .wrap(from_fn(finish))
            .configure(routes)
            .default_service(web::to(nothing_here))
    };
    Ok(HttpServer::new(factory).listen(listener)?.run())
}

async fn nothing_here() -> answer::Answer {
    Err(Edge::NotFound.into())
}
