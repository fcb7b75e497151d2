//! How often one address may knock where anybody may: at registration, and in vain at login.
//!
//! Everybody else who acts is known by a session or a signature. The limit counts in this process's
//! memory and by the platform's clock; it guards the queue for writes and the operator's list, and
//! no promise rests on it. Deliberately absent: a limit where bids arrive, and on whoever logs in with
//! a key that counts. A whole office or a whole town may stand behind one address, and a limit there
//! could cost somebody a deadline because of a neighbour. So a challenge is free, for it costs no row,
//! and a login is looked at before it is counted: one that fails costs a signature's check and a read,
//! and is told to slow down.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::middleware::Next;
use actix_web::web;

use super::answer::Failure;
use super::app::App;
use super::edge::Edge;
use crate::clock::Time;

/// What a reverse proxy adds: who asked it.
const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Addresses remembered at most; then all are forgotten, and memory stays bounded.
const REMEMBERED: usize = 65_536;

/// What is limited, each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Door {
    /// Logins that failed: 120 at once, then two a second.
    Login,
    /// Whatever is sent to registrations: 30 at once, then one in six seconds.
    Registration,
}

impl Door {
    fn of(method: &Method, path: &str) -> Option<Self> {
        let path = path.strip_prefix("/api/v1/").filter(|_| *method == Method::POST)?;
        match path.split('/').next() {
            Some("login") if path == "login" => Some(Self::Login),
            Some("enterprises") => Some(Self::Registration),
            _ => None,
        }
    }

    /// Milliseconds that one request takes up, and how many may come at once.
    const fn pace(self) -> (i64, i64) {
        match self {
            Self::Login => (500, 120),
            Self::Registration => (6_000, 30),
        }
    }

    /// Whether nothing by this clock makes an address busy for so long: the clock was ahead then, and
    /// was set right.
    const fn is_beyond(self, until: Time, now: Time) -> bool {
        let (each, burst) = self.pace();
        until.since(now) > each.saturating_mul(burst.saturating_add(1))
    }
}

/// Counts.
#[derive(Debug, Default)]
pub struct Limiter {
    proxies: Vec<IpAddr>,
    /// When all that an address asked for would be done at the door's pace.
    busy_until: Mutex<HashMap<(Door, IpAddr), Time>>,
}

impl Limiter {
    /// With these reverse proxies besides those of this machine.
    #[must_use]
    pub fn new(proxies: Vec<IpAddr>) -> Self {
        Self { proxies, busy_until: Mutex::default() }
    }

    /// Lets a request in, or gives the seconds to wait.
    ///
    /// # Errors
    /// The seconds after which one more is let in.
    pub fn take(&self, door: Door, from: IpAddr, now: Time) -> Result<(), u32> {
        let (each, burst) = door.pace();
        let mut busy = self.busy_until.lock().unwrap_or_else(PoisonError::into_inner);
        if busy.len() >= REMEMBERED {
            busy.retain(|(door, _), until| *until > now && !door.is_beyond(*until, now));
        }
        if busy.len() >= REMEMBERED {
            busy.clear();
        }
        let until = busy.entry((door, network(from))).or_insert(now);
        let begin = if door.is_beyond(*until, now) { now } else { (*until).max(now) };
        let over = begin.since(now) - each * (burst - 1);
        if over > 0 {
            return Err(u32::try_from((over + 999) / 1000).unwrap_or(u32::MAX));
        }
        *until = begin.plus(each);
        Ok(())
    }

    /// Who asks, as far as it can be known; `None` for this machine itself.
    #[must_use]
    pub fn asker(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = peer?.ip().to_canonical();
        if !peer.is_loopback() && !self.proxies.contains(&peer) {
            return Some(peer);
        }
        // What stands before the last entry is the asker's own word.
        let last = headers.get_all(FORWARDED).last().and_then(|value| value.to_str().ok());
        let last = last.and_then(|text| text.rsplit(',').next()).map(str::trim);
        match last.and_then(address) {
            Some(address) => Some(address.to_canonical()),
            None => (!peer.is_loopback() || last.is_some()).then_some(peer),
        }
    }
}

fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port)
}

/// Of an IPv6 address the half that its holder cannot choose.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// The middleware.
///
/// # Errors
/// The inner service's.
pub async fn limited(
    app: web::Data<App>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let door = Door::of(request.method(), request.path());
    let asker = app.limiter.asker(request.peer_addr(), request.headers());
    let take = |door: Door| match asker {
        Some(asker) => app.limiter.take(door, asker, app.now()),
        None => Ok(()),
    };
    // It leaves as an answer: an error of a middleware would pass the hand that writes its text.
    let later = |seconds| Failure::later(Edge::TooMany, seconds);
    if let Some(Door::Registration) = door
        && let Err(seconds) = take(Door::Registration)
    {
        return Ok(request.error_response(later(seconds)));
    }
    let response = next.call(request).await?.map_into_boxed_body();
    if let Some(Door::Login) = door
        && response.status().is_client_error()
        && let Err(seconds) = take(Door::Login)
    {
        let request = response.into_parts().0;
        return Ok(ServiceResponse::from_err(later(seconds), request));
    }
    Ok(response)
}
