//! The OpenAPI document, generated from the handlers: one line each, in the order of the routes.

use actix_web::HttpResponse;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, ObjectBuilder, Ref, RefOr, Required, Response, ResponseBuilder, Type,
};
use utoipa::{Modify, OpenApi};

use super::answer::{Answer, REQUEST, TIME, ZONE};
use super::idempotency::is_kept;
use super::problem::{PROBLEM_JSON, Problem, WrongField};
use crate::bid::http as bids;
use crate::bid::upload::http as uploads;
use crate::enterprise::http as enterprises;
use crate::opening::disclosed::http as disclosed;
use crate::opening::http as openings;
use crate::record::http as record;
use crate::tender::http as tenders;

/// Every described handler.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sealbid",
        description = "Sealed bids, a verifiable record, an opening on its hour. Binding acts are \
                       signed statements (docs/FORMATS.md); a session only says who reads and who \
                       may knock. Every refusal is an application/problem+json with a stable \
                       `code`, in the language of Accept-Language (zh-CN or en). A JSON POST \
                       whose parameters name it may carry an Idempotency-Key where a session \
                       asks: a repeat with the same bytes is answered as before, a twin of one \
                       under way with 409 and Retry-After. Every answer carries the server's clock and \
                       its zone; what is no HTTP request is answered with Date alone. A recorded \
                       refusal is a problem with `index` and `receipt`."
    ),
    paths(
        super::page::start, super::about::platform, document,
        enterprises::challenge, enterprises::login, enterprises::logout, enterprises::sessions,
        enterprises::end_session, enterprises::apply,
        enterprises::waiting, enterprises::show, enterprises::decide, enterprises::change_key,
        tenders::list, tenders::show, tenders::document, tenders::unit, tenders::drafts,
        tenders::create,
        tenders::add_document, tenders::prepare, tenders::publish, tenders::postpone,
        tenders::cancel, tenders::register_outage,
        uploads::options, uploads::create, uploads::progress, uploads::append, uploads::terminate,
        bids::bid, bids::resupply, bids::withdrawal, bids::standing, bids::own,
        openings::challenge, openings::read_out, openings::opening, openings::case,
        openings::order, openings::suspend, openings::auditor_case, openings::tender_case, openings::tender_auditor_case, openings::files,
        openings::file,
        disclosed::head, disclosed::entries, disclosed::entry, disclosed::receipt, disclosed::lines,
        record::checkpoint, record::roster, record::tile,
    ),
    components(schemas(Problem, WrongField)),
    modifiers(&Common)
)]
pub struct Api;

/// What every operation has, said once.
struct Common;

impl Modify for Common {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let session =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("session", SecurityScheme::Http(session));
        for (path, item) in &mut api.paths.paths {
            let operations = [&mut item.get, &mut item.head, &mut item.delete, &mut item.options];
            let operations = operations.into_iter().chain([&mut item.patch]);
            operations.flatten().for_each(complete);
            if let Some(post) = &mut item.post {
                complete(post);
                if is_kept(path) && reads_json(post) && asks_session(post) {
                    post.parameters.get_or_insert_default().push(RefOr::T(idempotency_key()));
                }
            }
        }
    }
}

fn reads_json(operation: &Operation) -> bool {
    match &operation.request_body {
        Some(RefOr::T(body)) => body.content.contains_key("application/json"),
        Some(RefOr::Ref(_)) | None => false,
    }
}

/// Without a session a key is not looked at: what is sent then is a statement, which knows itself
/// that it was done.
fn asks_session(operation: &Operation) -> bool {
    operation.security.as_ref().is_some_and(|all| !all.is_empty())
}

fn complete(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            carry_clock(response);
        }
    }
    operation.responses.responses.insert("default".to_owned(), RefOr::T(refused()));
}

/// The answer to whatever is refused.
fn refused() -> Response {
    let problem = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(problem)).build();
    let description = "Refused: `code` is stable, `hint` says what to do next";
    let response = ResponseBuilder::new().description(description).content(PROBLEM_JSON, content);
    let mut response = response.build();
    carry_clock(&mut response);
    response
}

fn carry_clock(response: &mut Response) {
    for (name, meaning) in [
        (TIME, "The clock that judges deadlines, in Unix milliseconds"),
        (ZONE, "The zone that people read times in"),
        (REQUEST, "The request's id, as in a problem's `instance`"),
    ] {
        let header = HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
            .description(Some(meaning));
        response.headers.insert(name.to_string(), RefOr::T(header.build()));
    }
}

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("1 to 64 printable ASCII characters of your own, one per act"))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .build()
}

/// This document
///
/// # Errors
/// The database's.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "platform",
    responses((status = 200, body = Object)))]
pub async fn document() -> Answer {
    Ok(HttpResponse::Ok().json(Api::openapi()))
}
