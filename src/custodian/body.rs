//! Bodies that an agent reads whole into memory, whoever sends them.
//!
//! Invariant: strangers' connections hold a bounded memory between them. A path takes what its largest
//! honest request needs, and refuses by the declared length before it keeps a byte; who falls silent, or
//! takes longer than the platform would wait for the answer, is let go; and once all bodies under way
//! hold more together than the agent spares, the one that has been coming longest is let go.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::http::header::CONTENT_LENGTH;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::edge::{Edge, Problem};
use super::http::Service;
use super::wire::{MAX_CLOSE, MAX_SHOWN};

/// A question, a checkpoint, a draft.
const SMALL: usize = 64 << 10;
/// A unit or an act about one, with the statements that show its buyer's key.
const WITH_CREDENTIALS: usize = 2 << 20;
/// A close of many thousand lines with its receipts, or what became of many bids: the platform sends it.
const ACCOUNTS: usize = 64 << 20;
/// A body may take so long: the platform gives up an agent's answer much earlier.
const WHOLE: Duration = Duration::from_secs(60);

/// The largest body of a path, in bytes.
fn limit(path: &str) -> usize {
    match path {
        "/close" | "/window" | "/answer" | "/release" => ACCOUNTS,
        "/challenge" => MAX_SHOWN + MAX_CLOSE,
        "/unit" | "/amendment" | "/suspend" | "/cancel" => WITH_CREDENTIALS,
        _ => SMALL,
    }
}

/// What all bodies under way hold in memory.
#[derive(Debug, Default)]
pub(super) struct Bodies(Mutex<Coming>);

#[derive(Debug, Default)]
struct Coming {
    next: u64,
    total: usize,
    /// By when they began: how much each holds, and how it is let go.
    bodies: BTreeMap<u64, (usize, oneshot::Sender<()>)>,
}

impl Bodies {
    fn all(&self) -> MutexGuard<'_, Coming> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> (Body<'_>, oneshot::Receiver<()>) {
        let (sender, let_go) = oneshot::channel();
        let mut all = self.all();
        let place = all.next;
        all.next = place.saturating_add(1);
        all.bodies.insert(place, (0, sender));
        (Body { of: self, place }, let_go)
    }
}

/// A body under way.
struct Body<'a> {
    of: &'a Bodies,
    place: u64,
}

impl Body<'_> {
    /// Makes room for more of it among `spared` bytes.
    fn hold(&self, more: usize, spared: usize) -> Result<(), Edge> {
        let mut all = self.of.all();
        let (held, _) = all.bodies.get_mut(&self.place).ok_or(Edge::Busy)?;
        *held = held.saturating_add(more);
        all.total = all.total.saturating_add(more);
        while all.total > spared {
            let Some((_, (held, _))) = all.bodies.pop_first() else { break };
            all.total = all.total.saturating_sub(held);
        }
        if all.bodies.contains_key(&self.place) { Ok(()) } else { Err(Edge::Busy) }
    }
}

impl Drop for Body<'_> {
    fn drop(&mut self) {
        let mut all = self.of.all();
        if let Some((held, _)) = all.bodies.remove(&self.place) {
            all.total = all.total.saturating_sub(held);
        }
    }
}

async fn read(
    (limit, declared): (usize, Option<usize>),
    mut payload: dev::Payload,
    service: &Service,
) -> Result<Bytes, Edge> {
    if declared.is_some_and(|declared| declared > limit) {
        return Err(Edge::BodySize(limit));
    }
    let (body, let_go) = service.bodies.begin();
    let whole = pin!(async {
        let mut bytes = BytesMut::new();
        loop {
            let next = tokio::time::timeout(service.limits.silence, payload.next()).await;
            let Some(piece) = next.map_err(|_| Edge::BROKEN_OFF)? else { break };
            let piece = piece.map_err(|_| Edge::BROKEN_OFF)?;
            if bytes.len().saturating_add(piece.len()) > limit {
                return Err(Edge::BodySize(limit));
            }
            body.hold(piece.len(), service.limits.bodies)?;
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes.freeze())
    });
    match tokio::time::timeout(WHOLE, select(whole, let_go)).await {
        Ok(Either::Left((read, _))) => read,
        Ok(Either::Right(_)) => Err(Edge::Busy),
        Err(_) => Err(Edge::BROKEN_OFF),
    }
}

/// A whole body.
#[derive(Debug)]
pub(super) struct Whole(pub Bytes);

impl FromRequest for Whole {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let payload = payload.take();
        let declared = request.headers().get(CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.parse().ok());
        let limits = (limit(request.path()), declared);
        let service = request.app_data::<web::Data<Service>>().cloned();
        Box::pin(async move {
            let service = service.ok_or(Edge::NotFound)?;
            Ok(Self(read(limits, payload, &service).await?))
        })
    }
}

/// A body of JSON.
#[derive(Debug)]
pub(super) struct Asked<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Asked<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        if request.content_type() != "application/json" {
            let refused = Edge::BodyJson(crate::error::Arg::Word("web-say-body-type"));
            return Box::pin(std::future::ready(Err(refused.into())));
        }
        let whole = Whole::from_request(request, payload);
        Box::pin(async move {
            let Whole(bytes) = whole.await?;
            Ok(Self(serde_json::from_slice(&bytes).map_err(|fault| Edge::unread(&fault))?))
        })
    }
}
