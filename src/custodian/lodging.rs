//! Lodged bids on the wire: taken from bidders, told to the platform.
//!
//! Invariants: a bid is judged by its manifest before a byte of its file is stored, and its arrival is
//! the instant its last byte was in, whatever storing it takes then. While bids that arrived are still
//! being stored nothing is told and no close signed: told once is told for good.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Seek as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tempfile::NamedTempFile;
use tokio::io::AsyncReadExt as _;

use crate::bid::envelope;
use crate::bid::statements::Manifest;
use crate::clock::{Clock, Time};
use crate::crypto::statement::Statement;
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::statements::{Close, Lodged};

use super::agent::{self, Change, Coming, Refusal, Welcome};
use super::body::Asked;
use super::edge::{Problem, Reply};
use super::http::{Service, blocking, note};
use super::wire::{AskClose, AskLodge, AskLodged, AskLodgedBid, LodgedReply, MAX_ASK_LODGE};

/// Files leave in pieces of this many bytes.
const PIECE: usize = 64 << 10;
/// What a refused sender may still send before the connection is cut: so it reads why.
const DRAINED: u64 = 64 << 20;

const STOPPED: Refusal = Refusal::Internal("custodian-say-internal-worker");
const NOT_STORED: Refusal = Refusal::Internal("custodian-say-internal-stored");

/// Bids on their way in.
#[derive(Default)]
pub(super) struct Arrivals {
    /// Who is sending: one bid at a time for each unit.
    sending: Mutex<BTreeSet<(UnitId, EnterpriseId)>>,
    /// How many have arrived whole and are being stored.
    storing: Mutex<BTreeMap<UnitId, usize>>,
}

impl Arrivals {
    fn sending(&self, unit: UnitId, bidder: EnterpriseId) -> Result<Sending<'_>, Refusal> {
        let mut all = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = all.insert((unit, bidder));
        if is_new { Ok(Sending { of: self, who: (unit, bidder) }) } else { Err(Refusal::Busy) }
    }

    /// Stamps an arrival. Whoever reads the clock after the deadline and then asks
    /// [`is_storing`](Self::is_storing) misses none that was in before.
    fn arrived(&self, unit: UnitId, clock: &dyn Clock) -> Time {
        let mut all = self.storing.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(unit).or_default();
        *count = count.saturating_add(1);
        clock.now()
    }

    fn is_storing(&self, unit: &UnitId) -> bool {
        self.storing.lock().unwrap_or_else(PoisonError::into_inner).contains_key(unit)
    }

    fn stored(&self, unit: &UnitId) {
        let mut all = self.storing.lock().unwrap_or_else(PoisonError::into_inner);
        let left = all.get(unit).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            all.remove(unit);
        } else {
            all.insert(*unit, left);
        }
    }
}

/// A bidder that is sending.
struct Sending<'a> {
    of: &'a Arrivals,
    who: (UnitId, EnterpriseId),
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.of.sending.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.who);
    }
}

/// A bid whose last byte is in.
struct Arrived {
    service: web::Data<Service>,
    unit: UnitId,
    at: Time,
}

impl Arrived {
    fn now(service: &web::Data<Service>, unit: UnitId) -> Self {
        let at = service.arrivals.arrived(unit, &*service.clock);
        Self { service: service.clone(), unit, at }
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        self.service.arrivals.stored(&self.unit);
    }
}

/// A request's body of declared length.
struct Incoming {
    body: web::Payload,
    /// What is still to come.
    left: u64,
    /// A bidder that sends nothing for so long has gone.
    silence: Duration,
}

impl Incoming {
    fn new(headers: &HeaderMap, body: web::Payload, silence: Duration) -> Result<Self, Refusal> {
        let length =
            headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let left = length.ok_or(Refusal::Range("custodian-say-range-length"))?;
        Ok(Self { body, left, silence })
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        let next = tokio::time::timeout(self.silence, self.body.next()).await;
        let broken = Refusal::Internal("custodian-say-internal-upload");
        let chunk = next.map_err(|_| broken.clone())?.transpose().map_err(|_| broken)?;
        if let Some(chunk) = &chunk {
            self.left = self.left.saturating_sub(length(chunk));
        }
        Ok(chunk)
    }

    /// The first line, and what came with it.
    async fn ask(&mut self) -> Result<(AskLodge, Bytes), Refusal> {
        let mut line = Vec::new();
        while let Some(mut chunk) = self.next().await? {
            if let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
                line.extend_from_slice(&chunk.split_to(end));
                let ask = serde_json::from_slice(&line);
                let ask = ask.map_err(|_| Refusal::Range("custodian-say-range-first-line"))?;
                return Ok((ask, chunk.split_off(1)));
            }
            line.extend_from_slice(&chunk);
            if line.len() > MAX_ASK_LODGE {
                break;
            }
        }
        Err(Refusal::Range("custodian-say-range-first-line"))
    }

    /// Reads what is left of a refused bid, if that is little: a sender that is cut off in the middle
    /// may never see why.
    async fn drain(&mut self) {
        if self.left <= DRAINED {
            while let Ok(Some(_)) = self.next().await {}
        }
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Takes a whole bid: what is asked in one line, then the file, streamed to the disk.
pub(super) async fn lodge(
    service: web::Data<Service>,
    request: HttpRequest,
    body: web::Payload,
) -> Reply {
    let mut incoming = Incoming::new(request.headers(), body, service.limits.silence)?;
    let taken = take(&service, &mut incoming).await;
    incoming.drain().await;
    Ok(note(&taken?))
}

async fn take(
    service: &web::Data<Service>,
    incoming: &mut Incoming,
) -> Result<Statement<Lodged>, Problem> {
    let (ask, first) = incoming.ask().await?;
    let welcome = match consider(service, &ask).await? {
        Coming::Known(word) => return Ok(*word),
        Coming::Welcome(welcome) => welcome,
    };
    let unit = welcome.manifest.body().unit_id;
    let _sending = service.arrivals.sending(unit, welcome.bidder)?;
    // Asked again: another request may have brought it between the two.
    if let Coming::Known(word) = consider(service, &ask).await? {
        return Ok(*word);
    }
    // The container pads by at most an eighth.
    let size = welcome.manifest.body().bid.size;
    if incoming.left > size.saturating_add(size / 8).saturating_add(1 << 20) {
        return Err(Refusal::Range("custodian-say-range-file").into());
    }
    let (file, arrived) = receive(service, incoming, first, unit).await?;
    let stored = web::block(move || store(&arrived, file, &ask, &welcome)).await;
    Ok(stored.map_err(|_| STOPPED)??)
}

async fn consider(service: &web::Data<Service>, ask: &AskLodge) -> Result<Coming, Problem> {
    let (ask, max_bid) = (ask.clone(), service.limits.max_bid);
    blocking(service.clone(), move |agent| {
        Ok((Change::Nothing, agent::consider(agent, &ask, agent.now, max_bid)?))
    })
    .await
}

/// Streams the file to the disk; stamped when its last byte is in, before that is written.
async fn receive(
    service: &web::Data<Service>,
    incoming: &mut Incoming,
    first: Bytes,
    unit: UnitId,
) -> Result<(NamedTempFile, Arrived), Refusal> {
    let mut file = service.loaded.home.coming(&unit).map_err(|_| NOT_STORED)?;
    let mut chunk = first;
    loop {
        let arrived = (incoming.left == 0).then(|| Arrived::now(service, unit));
        let written = web::block(move || file.write_all(&chunk).map(|()| file)).await;
        file = written.map_err(|_| STOPPED)?.map_err(|_| NOT_STORED)?;
        if let Some(arrived) = arrived {
            return Ok((file, arrived));
        }
        chunk = incoming.next().await?.ok_or(Refusal::Internal("custodian-say-internal-upload"))?;
    }
}

fn store(
    arrived: &Arrived,
    mut file: NamedTempFile,
    ask: &AskLodge,
    welcome: &Welcome,
) -> Result<Statement<Lodged>, Refusal> {
    let (service, line) = (&arrived.service, welcome.line());
    check(&mut file, ask, &welcome.manifest, service.limits.max_bid)?;
    let home = &service.loaded.home;
    home.place(file, &arrived.unit, &line).map_err(|_| NOT_STORED)?;
    let lodged =
        service.decide(|agent| agent::lodge(agent, ask, arrived.at, service.limits.max_bid));
    if lodged.is_err() {
        home.displace(&arrived.unit, &line);
    }
    lodged
}

/// Whether the file is the bid that was announced, whole.
fn check(
    file: &mut NamedTempFile,
    ask: &AskLodge,
    manifest: &Statement<Manifest>,
    max_bid: u64,
) -> Result<(), Refusal> {
    file.rewind().map_err(|_| NOT_STORED)?;
    let read = envelope::read(file.as_file(), max_bid, &mut std::io::sink())
        .map_err(|_| Refusal::Range("custodian-say-range-bid"))?;
    let body = manifest.body();
    let fits = read.manifest_note == ask.manifest.as_bytes()
        && body.bid.sha256 == read.bid.sha256
        && body.bid.size == read.bid.size
        && body.shares == read.share_hashes();
    if fits { Ok(()) } else { Err(Refusal::Range("custodian-say-range-files")) }
}

/// Tells the platform what was lodged.
pub(super) async fn lodged(service: web::Data<Service>, Asked(ask): Asked<AskLodged>) -> Reply {
    let arrivals = service.clone();
    let bids = blocking(service, move |agent| {
        let (unit, bids) = agent::lodged(agent, &ask)?;
        let is_all = !arrivals.arrivals.is_storing(&unit);
        if is_all { Ok((Change::Nothing, bids)) } else { Err(Refusal::Busy) }
    });
    Ok(HttpResponse::Ok().json(LodgedReply { bids: bids.await? }))
}

/// Signs a close, once everything that arrived is stored.
pub(super) async fn close(service: web::Data<Service>, Asked(ask): Asked<AskClose>) -> Reply {
    let arrivals = service.clone();
    let unit = Statement::<Close>::parse(ask.close.as_bytes()).map_err(Refusal::from)?;
    let unit = unit.body().unit_id;
    let close = blocking(service, move |agent| {
        if arrivals.arrivals.is_storing(&unit) {
            return Err(Refusal::Busy);
        }
        agent::sign_close(agent, &ask)
    });
    Ok(note(&close.await.map_err(|refused| refused.about(unit))?))
}

/// Gives the platform the file of a lodged bid.
pub(super) async fn lodged_bid(
    service: web::Data<Service>,
    Asked(ask): Asked<AskLodgedBid>,
) -> Reply {
    let line = ask.line;
    let unit = blocking(service.clone(), move |agent| {
        Ok((Change::Nothing, agent::lodged_bid(agent, &ask)?))
    });
    let path = service.loaded.home.lodged(&unit.await?, &line);
    let file = tokio::fs::File::open(path).await.map_err(|_| Refusal::UnknownUnit)?;
    let pieces = futures_util::stream::try_unfold(file, |mut file| async move {
        let mut piece = bytes::BytesMut::with_capacity(PIECE);
        let read = file.read_buf(&mut piece).await?;
        Ok::<_, std::io::Error>((read > 0).then(|| (piece.freeze(), file)))
    });
    Ok(HttpResponse::Ok().content_type("application/x-tar").streaming(pieces))
}
