//! Who is asking: the `Authorization: Bearer …` header as an [`Actor`].
//!
//! Without the header it is the public. With a token that is not good it is nobody: the request is
//! refused rather than answered as the public's, so that nobody mistakes one for the other.

use std::future::{Ready, ready};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};

use super::answer::Failure;
use super::app::App;
use crate::auth::table::{Act, Owner, allow};
use crate::auth::token::Claims;
use crate::auth::{Actor, Refused};
use crate::clock::Time;
use crate::ids::SessionId;

/// The one who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// As whom.
    pub actor: Actor,
    /// In which session; none for the public.
    pub session: Option<SessionId>,
}

impl Caller {
    /// Lets the caller do an act, or says why not.
    ///
    /// # Errors
    /// As [`allow`].
    pub fn allow(&self, act: Act, owner: &Owner) -> Result<(), Refused> {
        allow(&self.actor, act, owner)
    }

    /// Reads a request's headers and asks the table of sessions.
    async fn of(app: &web::Data<App>, headers: &HeaderMap) -> Result<Self, Failure> {
        let now = app.now();
        // A token of ours first: only who once logged in gets at the connections for acts.
        let Some(claims) = claims(app, headers, now)? else {
            return Ok(Self { actor: Actor::Public, session: None });
        };
        app.sessions.check::<Failure>(app.db(), &claims, now).await?;
        Ok(Self { actor: claims.actor, session: Some(claims.session) })
    }
}

/// Whom a request's token names, by the token alone: whether its session still stands, the database
/// knows.
fn claims(app: &App, headers: &HeaderMap, now: Time) -> Result<Option<Claims>, Refused> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Refused::Token)?;
    // A scheme's name is written in any case (RFC 9110, 11.1).
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(Refused::Token);
    }
    app.tokens.check(token, now).map(Some)
}

/// Whether a request shows a token of ours that is not over. Nobody is asked for that.
#[must_use]
pub fn has_token(app: &App, headers: &HeaderMap) -> bool {
    claims(app, headers, app.now()).is_ok_and(|claims| claims.is_some())
}

/// The middleware that finds out who asks, once for every request: a token that is not good is
/// refused on whatever route it is shown.
///
/// # Errors
/// The inner service's.
pub async fn known(
    app: web::Data<App>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match Caller::of(&app, request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            Ok(next.call(request).await?.map_into_boxed_body())
        }
        // It leaves as an answer: an error of a middleware would pass the hand that writes its text.
        Err(failure) => Ok(request.error_response(failure)),
    }
}

impl FromRequest for Caller {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Self>().cloned();
        ready(caller.ok_or_else(|| crate::error::Error::internal("nobody asked who asks").into()))
    }
}
