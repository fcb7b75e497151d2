//! What an agent answers when it does not do what it is asked: a problem document with a stable code,
//! and a line in its log.
//!
//! Invariant: the log names the address, the code and, where the platform asks, the unit: evidence for
//! whoever watches the agent. Nothing of a request's content stands in it, so nobody learns from it who
//! lodged or who challenged.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::{HttpResponse, ResponseError};

use crate::error::{Error, Refusal as _};
use crate::ids::UnitId;
use crate::record::witness::WitnessRefusal;
use crate::web::answer::language;
pub(super) use crate::web::edge::Edge;
use crate::web::problem::{PROBLEM_JSON, problem};

use super::agent::Refusal;

/// A refusal on its way out.
#[derive(Debug)]
pub(super) struct Problem {
    error: Error,
    unit: Option<UnitId>,
}

impl Problem {
    /// The same, with the unit that the platform asked about.
    pub(super) fn about(self, unit: UnitId) -> Self {
        Self { unit: Some(unit), ..self }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.error, f)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The text follows in [`worded`], where the reader's language is known.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self { error: Error::from(refusal), unit: None }
    }
}

impl From<Edge> for Problem {
    fn from(refusal: Edge) -> Self {
        Self { error: Error::from(refusal), unit: None }
    }
}

pub(super) type Reply = Result<HttpResponse, Problem>;

/// No such address.
pub(super) async fn nothing_here() -> Reply {
    Err(Edge::NotFound.into())
}

/// The last hand on every answer: what was refused is logged, and its reader gets its text.
pub(super) async fn worded(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let lang = language(request.headers());
    let response = next.call(request).await?.map_into_boxed_body();
    let Some(error) = response.response().error() else { return Ok(response) };
    let of_actix =
        error.as_error::<Problem>().is_none().then(|| Edge::unread_by_actix(error).into());
    let Some(Problem { error, unit }) = error.as_error::<Problem>().or(of_actix.as_ref()) else {
        return Ok(response);
    };
    // An address of ours, never what a stranger typed.
    let path = response.request().match_pattern().unwrap_or_default();
    let (code, unit) = (error.code(), unit.map(tracing::field::display));
    if error.status() >= 500 {
        tracing::warn!(path, code, unit, "refused");
    } else {
        tracing::info!(path, code, unit, "refused");
    }
    let status = StatusCode::from_u16(error.status());
    let mut answer = HttpResponse::build(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    // What is still to come of its body is waited for no longer.
    if is_unread(error) {
        answer.force_close();
    }
    let answer = answer.content_type(PROBLEM_JSON).json(problem(error, lang, None));
    Ok(ServiceResponse::new(response.into_parts().0, answer))
}

/// Whether the request's body was not read to its end.
fn is_unread(error: &Error) -> bool {
    [Edge::BROKEN_OFF.code(), Edge::BodySize(0).code(), Edge::Busy.code()].contains(&error.code())
}

/// Logs why a checkpoint was not cosigned; its answer is tlog-witness's own.
pub(super) fn not_cosigned(refusal: &WitnessRefusal) {
    let code = refusal.code();
    match refusal {
        // How a log finds out where this witness stands.
        WitnessRefusal::Stale { .. } => tracing::debug!(path = "/add-checkpoint", code, "refused"),
        // The record was rewritten or forked.
        WitnessRefusal::Inconsistent => tracing::error!(path = "/add-checkpoint", code, "refused"),
        _ => tracing::info!(path = "/add-checkpoint", code, "refused"),
    }
}
