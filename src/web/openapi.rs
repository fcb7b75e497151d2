//! The OpenAPI document, generated from the handlers.

use actix_web::HttpResponse;
use utoipa::OpenApi;

use super::answer::Answer;
use super::problem::{Problem, WrongField};
use crate::enterprise;

/// Every described handler, one line each, in the order of the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sealbid",
        description = "Sealed bids, a verifiable record, an opening on its hour. Binding acts are \
                       signed statements (docs/FORMATS.md); a session only says who reads. Every \
                       refusal is an application/problem+json with a stable code. A JSON POST may \
                       carry an Idempotency-Key."
    ),
    paths(
        enterprise::http::challenge,
        enterprise::http::login,
        enterprise::http::logout,
        enterprise::http::apply,
        enterprise::http::waiting,
        enterprise::http::show,
        enterprise::http::decide,
        enterprise::http::change_key,
    ),
    components(schemas(Problem, WrongField))
)]
pub struct Api;

/// `GET /api/v1/openapi.json`.
///
/// # Errors
/// None.
pub async fn document() -> Answer {
    Ok(HttpResponse::Ok().json(Api::openapi()))
}
