//! Refusals of the edge itself: requests that no feature ever saw.

use actix_web::error::{JsonPayloadError, PayloadError};

use crate::error::{Arg, Args, Refusal};

/// Why a request did not reach its use-case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Edge {
    /// No route, or nothing under this identifier.
    #[error("nothing here")]
    NotFound,
    /// A route, but not with this method.
    #[error("the address does not know the method {0}")]
    Method(String),
    /// The body is not the JSON that the route reads.
    #[error("the body is not the JSON expected: {0:?}")]
    BodyJson(Arg),
    /// The body is larger than this many bytes.
    #[error("the body is larger than {0} bytes")]
    BodySize(usize),
    /// The statement is about something else than the address names.
    #[error("the statement is about something else than the address names")]
    Misaddressed,
    /// A part of the address is no identifier.
    #[error("the address holds no identifier: {0:?}")]
    Path(Arg),
    /// The query string is not what the route reads.
    #[error("the query is not right: {0}")]
    Query(String),
    /// A part of a file that lies outside it; the file has this many bytes.
    #[error("the file has {0} bytes, and none of those asked for")]
    Range(u64),
    /// An Idempotency-Key that is empty, long or not printable.
    #[error("the Idempotency-Key is not 1 to 64 printable ASCII characters")]
    IdempotencyKey,
    /// One Idempotency-Key for two different requests.
    #[error("the Idempotency-Key was used for another request")]
    IdempotencyReused,
    /// The act with this Idempotency-Key is under way.
    #[error("the act with this Idempotency-Key is under way")]
    IdempotencyRunning,
    /// One address asked too often without being known.
    #[error("too many requests from one address")]
    TooMany,
    /// The writer's queue is full, or the database is locked.
    #[error("busy")]
    Busy,
}

impl Edge {
    /// A body that ended before it was whole.
    pub const BROKEN_OFF: Self = Self::BodyJson(Arg::Word("web-say-body-broke-off"));

    /// A body that is not what was expected, in the words of whoever read it.
    #[must_use]
    pub fn unread(fault: &impl std::string::ToString) -> Self {
        Self::BodyJson(Arg::Text(fault.to_string()))
    }

    /// Why actix did not read a body.
    #[must_use]
    pub fn unread_by_actix(error: &actix_web::Error) -> Self {
        let payload = match error.as_error::<JsonPayloadError>() {
            Some(JsonPayloadError::ContentType) => {
                return Self::BodyJson(Arg::Word("web-say-body-type"));
            }
            Some(JsonPayloadError::Payload(payload)) => Some(payload),
            _ => error.as_error::<PayloadError>(),
        };
        match payload {
            Some(PayloadError::Incomplete(_)) => Self::BROKEN_OFF,
            _ => Self::unread(error),
        }
    }
}

impl Refusal for Edge {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "web-not-found",
            Self::Method(_) => "web-method",
            Self::BodyJson(_) => "web-body-json",
            Self::BodySize(_) => "web-body-size",
            Self::Misaddressed => "web-misaddressed",
            Self::Path(_) => "web-path",
            Self::Query(_) => "web-query",
            Self::Range(_) => "web-range",
            Self::IdempotencyKey => "web-idempotency-key",
            Self::IdempotencyReused => "web-idempotency-reused",
            Self::IdempotencyRunning => "web-idempotency-running",
            Self::TooMany => "web-too-many",
            Self::Busy => "web-busy",
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::NotFound | Self::Path(_) => 404,
            Self::Method(_) => 405,
            Self::BodyJson(_) | Self::Query(_) | Self::IdempotencyKey => 400,
            Self::BodySize(_) => 413,
            Self::Range(_) => 416,
            Self::IdempotencyReused | Self::Misaddressed => 422,
            Self::IdempotencyRunning => 409,
            Self::TooMany => 429,
            Self::Busy => 503,
        }
    }

    fn args(&self) -> Args {
        match self {
            Self::Method(method) => vec![("method", Arg::Text(method.clone()))],
            Self::Query(reason) => vec![("reason", Arg::Text(reason.clone()))],
            Self::BodyJson(reason) | Self::Path(reason) => vec![("reason", reason.clone())],
            Self::BodySize(limit) => {
                vec![("limit", Arg::Number(i64::try_from(*limit).unwrap_or(i64::MAX)))]
            }
            Self::Range(size) => {
                vec![("size", Arg::Number(i64::try_from(*size).unwrap_or(i64::MAX)))]
            }
            Self::NotFound
            | Self::Misaddressed
            | Self::IdempotencyKey
            | Self::IdempotencyReused
            | Self::IdempotencyRunning
            | Self::TooMany
            | Self::Busy => Args::new(),
        }
    }
}
