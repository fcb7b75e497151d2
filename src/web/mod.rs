//! The edge to people and programs: languages, errors in words, and the one list of routes.
//!
//! Each feature's `http` has the handlers; [`ROUTES`] alone says where they stand, and `openapi` what
//! they read and answer: a test holds the two together. Bodies are JSON unless said otherwise;
//! statements and receipts travel in it as the texts they are.

pub mod about;
pub mod answer;
pub mod app;
pub mod body;
pub mod edge;
pub mod folder;
pub mod i18n;
pub mod idempotency;
pub mod init;
pub mod limit;
pub mod openapi;
pub mod page;
pub mod part;
pub mod problem;
mod rosters;
pub mod socket;
pub mod start;
mod start_error;
pub mod stream;
pub mod who;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::OnceLock;
use std::time::Duration;

use actix_web::dev::{ResourceDef, Server};
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{App as Actix, HttpRequest, HttpServer, Route, guard, web};

use self::answer::{Answer, Failure, finish};
use self::app::App;
use self::edge::Edge;
use crate::bid::http as bids;
use crate::bid::upload::http as uploads;
use crate::custodian::wire::MAX_SHOWN;
use crate::enterprise::http as enterprises;
use crate::opening::disclosed::http as disclosed;
use crate::opening::http as openings;
use crate::record::http as record;
use crate::tender::http as tenders;

/// JSON bodies above this many bytes are refused; sealed files travel as uploads. The largest tender
/// that can be drafted, a thousand lots, is published within it.
const MAX_JSON: usize = 4 << 20;
// What was shown to a custodian is brought with its finding.
const _: () = assert!(MAX_SHOWN + (64 << 10) <= MAX_JSON);

/// How long a server that stops waits for answers under way.
const GRACE_SECONDS: u64 = 30;

/// How long a new connection may take to send the head of its first request: in a crowd the server may
/// come to read it late, and must then answer it.
const FIRST_REQUEST: Duration = Duration::from_secs(30);

/// How long a connection may rest. Longer than reverse proxies keep theirs (60 s is usual): a request that
/// crosses with the close of its connection is lost to a proxy.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

macro_rules! routes {
    ($($method:ident $path:literal => $handler:path;)*) => {
        /// Every route, grouped by reader. What answers `GET` answers `HEAD` too.
        pub const ROUTES: &[(&str, &str)] = &[$((stringify!($method), $path)),*];

        /// Puts every handler where [`ROUTES`] says.
        pub fn routes(config: &mut web::ServiceConfig) {
            $(config.route($path, on(Method::$method).to($handler));)*
        }
    };
}

routes! {
    // Everybody: what this is
    GET "/" => page::start;
    GET "/api/v1/platform" => about::platform;
    GET "/api/v1/openapi.json" => openapi::document;
    // Everybody: login and registration
    POST "/api/v1/login/challenges" => enterprises::challenge;
    POST "/api/v1/login" => enterprises::login;
    DELETE "/api/v1/login" => enterprises::logout;
    GET "/api/v1/sessions" => enterprises::sessions;
    DELETE "/api/v1/sessions/{id}" => enterprises::end_session;
    POST "/api/v1/enterprises" => enterprises::apply;
    GET "/api/v1/enterprises" => enterprises::waiting;
    GET "/api/v1/enterprises/{id}" => enterprises::show;
    POST "/api/v1/enterprises/{id}/verification" => enterprises::decide;
    POST "/api/v1/enterprises/{id}/keys" => enterprises::change_key;
    // Everybody: tenders
    GET "/api/v1/tenders" => tenders::list;
    GET "/api/v1/tenders/{id}" => tenders::show;
    GET "/api/v1/documents/{id}" => tenders::document;
    GET "/api/v1/units/{id}" => tenders::unit;
    // Buyers
    GET "/api/v1/drafts" => tenders::drafts;
    POST "/api/v1/tenders" => tenders::create;
    POST "/api/v1/tenders/{id}/documents" => tenders::add_document;
    POST "/api/v1/tenders/{id}/preparation" => tenders::prepare;
    POST "/api/v1/tenders/{id}/publication" => tenders::publish;
    POST "/api/v1/units/{id}/amendments" => tenders::postpone;
    POST "/api/v1/units/{id}/void" => tenders::cancel;
    // The operator
    POST "/api/v1/units/{id}/outages" => tenders::register_outage;
    // Bidders
    OPTIONS "/api/v1/uploads" => uploads::options;
    POST "/api/v1/uploads" => uploads::create;
    HEAD "/api/v1/uploads/{id}" => uploads::progress;
    PATCH "/api/v1/uploads/{id}" => uploads::append;
    DELETE "/api/v1/uploads/{id}" => uploads::terminate;
    POST "/api/v1/units/{id}/bids" => bids::bid;
    POST "/api/v1/units/{id}/bids/{manifest}/resupply" => bids::resupply;
    POST "/api/v1/units/{id}/withdrawals" => bids::withdrawal;
    GET "/api/v1/units/{id}/bid" => bids::standing;
    GET "/api/v1/bids" => bids::own;
    // Everybody: openings
    POST "/api/v1/units/{id}/challenges" => openings::challenge;
    GET "/api/v1/units/{id}/read-out" => openings::read_out;
    GET "/api/v1/units/{id}/opening" => openings::opening;
    GET "/api/v1/units/{id}/case" => openings::case;
    GET "/api/v1/tenders/{id}/case" => openings::tender_case;
    // Buyer and regulator
    POST "/api/v1/units/{id}/order" => openings::order;
    GET "/api/v1/units/{id}/lines" => disclosed::lines;
    POST "/api/v1/units/{id}/suspensions" => openings::suspend;
    GET "/api/v1/units/{id}/case/auditor" => openings::auditor_case;
    GET "/api/v1/tenders/{id}/case/auditor" => openings::tender_auditor_case;
    // Who takes part
    GET "/api/v1/units/{id}/lines/{line}/documents" => openings::files;
    GET "/api/v1/units/{id}/lines/{line}/documents/{name}" => openings::file;
    // Everybody: the record
    GET "/api/v1/record/head" => disclosed::head;
    GET "/api/v1/record/entries" => disclosed::entries;
    GET "/api/v1/record/entries/{index}" => disclosed::entry;
    GET "/api/v1/record/receipts/{index}" => disclosed::receipt;
    GET "/record/checkpoint" => record::checkpoint;
    GET "/record/roster" => record::roster;
    GET "/record/tile/{path:.*}" => record::tile;
}

fn on(method: Method) -> Route {
    if method == Method::GET {
        web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
    } else {
        web::method(method)
    }
}

/// Serves on a listener until stopped by its handle; the process's signals are its owner's.
///
/// # Errors
/// What the system says of the listener.
pub fn serve(app: web::Data<App>, listener: TcpListener) -> std::io::Result<Server> {
    let factory = move || {
        Actix::new()
            .app_data(app.clone())
            .app_data(web::JsonConfig::default().limit(MAX_JSON))
            .app_data(web::PayloadConfig::new(MAX_JSON))
            .wrap(from_fn(idempotency::once))
            .wrap(from_fn(who::known))
            .wrap(from_fn(limit::limited))
            .wrap(from_fn(bids::stamped))
            .wrap(from_fn(finish))
            .wrap(from_fn(uploads::versioned))
            .configure(routes)
            .default_service(web::to(nothing_here))
    };
    let server = HttpServer::new(factory)
        .disable_signals()
        .shutdown_timeout(GRACE_SECONDS)
        .client_request_timeout(FIRST_REQUEST)
        .keep_alive(KEEP_ALIVE);
    Ok(server.listen(listener)?.run())
}

/// No route: the address is unknown, or its method.
async fn nothing_here(request: HttpRequest) -> Answer {
    static PATHS: OnceLock<Vec<(&str, ResourceDef)>> = OnceLock::new();
    let paths = || ROUTES.iter().map(|(method, path)| (*method, ResourceDef::new(*path))).collect();
    let here = PATHS.get_or_init(paths).iter().filter(|(_, path)| path.is_match(request.path()));
    let mut allow: BTreeSet<&str> = here.map(|(method, _)| *method).collect();
    if allow.is_empty() {
        return Err(Edge::NotFound.into());
    }
    if allow.contains("GET") {
        allow.insert("HEAD");
    }
    let allow: Vec<&str> = allow.into_iter().collect();
    Err(Failure::method(request.method().as_str(), allow.join(", ")))
}
