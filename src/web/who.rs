//! Who is asking: the `Authorization: Bearer …` header as an [`Actor`].
//!
//! Without the header it is the public. With a token that is not good it is nobody: the request is
//! refused rather than answered as the public's, so that nobody mistakes one for the other.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};

use super::answer::Failure;
use super::app::App;
use crate::auth::table::{Act, Owner, allow};
use crate::auth::{Actor, Refused};
use crate::enterprise::session::authenticate;
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
    ///
    /// # Errors
    /// [`Refused`] for a token that is not good; the database's.
    pub async fn of(app: &web::Data<App>, headers: &HeaderMap) -> Result<Self, Failure> {
        let Some(value) = headers.get(AUTHORIZATION) else {
            return Ok(Self { actor: Actor::Public, session: None });
        };
        let token = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        let token = token.ok_or(Refused::Token)?.to_owned();
        let (app, now) = (app.clone(), app.now());
        let db = app.db().clone();
        let claims = db.query(move |conn| authenticate(conn, &app.tokens, &token, now)).await?;
        Ok(Self { actor: claims.actor, session: Some(claims.session) })
    }
}

impl FromRequest for Caller {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let app = request.app_data::<web::Data<App>>().cloned();
        let headers = request.headers().clone();
        Box::pin(async move {
            let app = app.ok_or_else(|| crate::error::Error::internal("no app"))?;
            Self::of(&app, &headers).await
        })
    }
}
