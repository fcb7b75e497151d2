//! The agent's HTTP server: one handler per request of [`wire`](super::wire), each a call of the
//! pure agent between a lock and an fsync.

use std::io::{Seek, Write};
use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, ResponseError, web};
use futures_util::StreamExt;
use tokio::io::AsyncReadExt;

use crate::bid::envelope;
use crate::bid::statements::Manifest;
use crate::clock::Clock;
use crate::crypto::hash::Hash;
use crate::crypto::statement::{Body, Statement};
use crate::error::Error;
use crate::ids::UnitId;
use crate::record::witness::{AddCheckpoint, SIZE_TYPE, WitnessRefusal, encode_cosignatures};
use crate::web::i18n::Lang;
use crate::web::problem::problem;

use super::agent::{self, Agent, Change, Refusal, State};
use super::home::Loaded;
use super::wire::{
    AgentStatus, AskAmendment, AskAnswer, AskChallenge, AskClose, AskRecipient, AskRelease,
    AskSuspend, AskUnit, Done, LodgedReply, NoteReply,
};

/// JSON bodies above this are refused: a close of many thousand lines with its accounts fits.
const MAX_JSON: usize = 64 << 20;
/// Files leave in pieces of this many bytes.
const PIECE: usize = 64 << 10;

/// A serving agent.
pub struct Service {
    loaded: Loaded,
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    max_bid: u64,
}

impl Service {
    /// An agent that serves from its folder. `max_bid` bounds lodged envelopes, in bytes.
    #[must_use]
    pub fn new(mut loaded: Loaded, clock: Arc<dyn Clock>, max_bid: u64) -> Self {
        let state = Mutex::new(std::mem::take(&mut loaded.state));
        Self { loaded, state, clock, max_bid }
    }

    /// Decides under the lock, stores the change, then lets the reply go.
    fn decide<T, E: From<Refusal>>(
        &self,
        decision: impl FnOnce(&Agent<'_>) -> Result<(Change, T), E>,
    ) -> Result<T, E> {
        let mut state = self.state.lock().map_err(|_| Refusal::Internal("its lock broke"))?;
        let agent = Agent {
            keys: &self.loaded.keys,
            roster: &self.loaded.roster,
            state: &state,
            now: self.clock.now(),
        };
        let (change, reply) = decision(&agent)?;
        self.loaded.home.save(&change).map_err(|error| {
            tracing::error!(%error, "a change could not be stored; nothing was signed");
            Refusal::Internal("its memory could not be written")
        })?;
        state.apply(change);
        Ok(reply)
    }
}

/// A refusal on its way out.
#[derive(Debug)]
struct Problem(Error);

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let body = problem(&self.0, Lang::En, None);
        HttpResponse::build(self.status_code()).content_type("application/problem+json").json(body)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        tracing::info!(code = crate::error::Refusal::code(&refusal), %refusal, "refused");
        Self(Error::from(refusal))
    }
}

type Reply = Result<HttpResponse, Problem>;

/// Runs a decision off the socket threads: it hashes, verifies and waits for the disk.
async fn blocking<T: Send + 'static>(
    service: web::Data<Service>,
    decision: impl FnOnce(&Agent<'_>) -> Result<(Change, T), Refusal> + Send + 'static,
) -> Result<T, Problem> {
    let done = web::block(move || service.decide(decision)).await;
    Ok(done.map_err(|_| Refusal::Internal("its worker stopped"))??)
}

fn note<B: Body>(statement: &Statement<B>) -> HttpResponse {
    HttpResponse::Ok().json(NoteReply { note: statement.encode() })
}

macro_rules! signing_handlers {
    ($($name:ident($ask:ty) = $decide:path;)*) => {$(
        async fn $name(service: web::Data<Service>, ask: web::Json<$ask>) -> Reply {
            let statement = blocking(service, move |agent| $decide(agent, &ask)).await?;
            Ok(note(&statement))
        }
    )*};
}

signing_handlers! {
    unit(AskUnit) = agent::sign_unit;
    amendment(AskAmendment) = agent::sign_amendment;
    close(AskClose) = agent::sign_close;
    challenge(AskChallenge) = agent::challenge;
    answer(AskAnswer) = agent::answer;
}

async fn recipient(service: web::Data<Service>, ask: web::Json<AskRecipient>) -> Reply {
    let reply = blocking(service, move |agent| {
        agent::recipient(agent, &ask).map(|reply| (Change::Nothing, reply))
    });
    Ok(HttpResponse::Ok().json(reply.await?))
}

/// The window's end is remembered even when the release itself is refused as too early, so that a
/// challenge after it is a finding and never a stop.
async fn release(service: web::Data<Service>, ask: web::Json<AskRelease>) -> Reply {
    let receipt = ask.close_receipt.clone();
    let noted = move |agent: &Agent<'_>| {
        let change = agent::note_window(agent, &receipt).or_else(|refusal| match refusal {
            Refusal::UnknownUnit => Ok(Change::Nothing),
            other => Err(other),
        })?;
        Ok((change, ()))
    };
    blocking(service.clone(), noted).await?;
    let statement = blocking(service, move |agent| agent::release(agent, &ask)).await?;
    Ok(note(&statement))
}

async fn suspend(service: web::Data<Service>, ask: web::Json<AskSuspend>) -> Reply {
    let done = blocking(service, move |agent| Ok((agent::suspend(agent, &ask)?, ())));
    done.await?;
    Ok(HttpResponse::Ok().json(Done {}))
}

async fn adopt(service: web::Data<Service>, checkpoint: String) -> Reply {
    let done = blocking(service, move |agent| Ok((agent::adopt(agent, &checkpoint)?, ())));
    done.await?;
    Ok(HttpResponse::Ok().json(Done {}))
}

/// A witness's refusal, or the agent's own failure.
enum NotCosigned {
    Witness(WitnessRefusal),
    Own(Refusal),
}

impl From<Refusal> for NotCosigned {
    fn from(refusal: Refusal) -> Self {
        Self::Own(refusal)
    }
}

async fn add_checkpoint(service: web::Data<Service>, body: web::Bytes) -> Reply {
    let decided = web::block(move || {
        let request = AddCheckpoint::parse(&body).map_err(NotCosigned::Witness)?;
        service.decide(|agent| agent::cosign(agent, &request).map_err(NotCosigned::Witness))
    });
    match decided.await.map_err(|_| Refusal::Internal("its worker stopped"))? {
        Ok(line) => Ok(HttpResponse::Ok()
            .content_type(ContentType::plaintext())
            .body(encode_cosignatures(&[line]))),
        Err(NotCosigned::Own(refusal)) => Err(refusal.into()),
        Err(NotCosigned::Witness(refusal)) => {
            let kind = if refusal.status() == 409 { SIZE_TYPE } else { "text/plain" };
            let status = StatusCode::from_u16(refusal.status());
            Ok(HttpResponse::build(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
                .content_type(kind)
                .body(refusal.body()))
        }
    }
}

/// Takes a whole `.bid` file, streamed to the disk; its arrival is its last byte.
async fn lodge(service: web::Data<Service>, mut body: web::Payload) -> Reply {
    let io = |_| Refusal::Internal("a lodged bid could not be stored");
    let mut file = tempfile::tempfile_in(service.loaded.home.dir()).map_err(io)?;
    let mut received = 0_u64;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| Refusal::Internal("the upload broke off"))?;
        received = received.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if received > service.max_bid {
            return Err(Refusal::Range("the bid is larger than this agent takes").into());
        }
        file = web::block(move || file.write_all(&chunk).map(|()| file))
            .await
            .map_err(|_| Refusal::Internal("its worker stopped"))?
            .map_err(io)?;
    }
    let statement = web::block(move || store_lodged(&service, file)).await;
    Ok(note(&statement.map_err(|_| Refusal::Internal("its worker stopped"))??))
}

fn store_lodged(
    service: &Service,
    mut file: std::fs::File,
) -> Result<Statement<crate::opening::statements::Lodged>, Refusal> {
    let io = |_| Refusal::Internal("a lodged bid could not be stored");
    let not_a_bid = |_| Refusal::Range("the body is not a .bid file that fits its manifest");
    file.rewind().map_err(io)?;
    let read =
        envelope::read(&mut file, service.max_bid, &mut std::io::sink()).map_err(not_a_bid)?;
    let manifest = Statement::<Manifest>::parse(&read.manifest_note)?;
    let body = manifest.body();
    let fits = body.bid.sha256 == read.bid.sha256
        && body.bid.size == read.bid.size
        && body.shares == read.share_hashes();
    if !fits {
        return Err(Refusal::Range("the files do not fit the manifest"));
    }
    let home = &service.loaded.home;
    let broken = |_| Refusal::Internal("a lodged bid could not be stored");
    let path = home.lodged(&body.unit_id, &format!("{}.bid", manifest.sha256())).map_err(broken)?;
    file.rewind().map_err(io)?;
    let mut stored = std::fs::File::create(&path).map_err(io)?;
    std::io::copy(&mut file, &mut stored).map_err(io)?;
    stored.sync_all().map_err(io)?;
    let lodged = service.decide(|agent| agent::lodge(agent, &manifest))?;
    let name = format!("lodged/{}/{}.note", body.unit_id, manifest.sha256());
    home.write(&name, lodged.encode().as_bytes()).map_err(broken)?;
    Ok(lodged)
}

async fn lodged(service: web::Data<Service>, unit: web::Path<String>) -> Reply {
    let unit: UnitId = unit.parse().map_err(|_| Refusal::UnknownUnit)?;
    let notes = web::block(move || lodged_notes(&service, &unit)).await;
    let notes = notes.map_err(|_| Refusal::Internal("its worker stopped"))??;
    Ok(HttpResponse::Ok().json(LodgedReply { notes }))
}

fn lodged_notes(service: &Service, unit: &UnitId) -> Result<Vec<String>, Refusal> {
    let known: Vec<String> = {
        let state = service.state.lock().map_err(|_| Refusal::Internal("its lock broke"))?;
        let kept = state.units.get(unit).ok_or(Refusal::UnknownUnit)?;
        kept.lodged.keys().cloned().collect()
    };
    let read = |sha256: String| {
        let path = service.loaded.home.lodged(unit, &format!("{sha256}.note"));
        let path = path.map_err(|_| Refusal::Internal("a lodged bid could not be read"))?;
        std::fs::read_to_string(path)
            .map_err(|_| Refusal::Internal("a lodged bid could not be read"))
    };
    known.into_iter().map(read).collect()
}

async fn lodged_file(service: web::Data<Service>, path: web::Path<(String, String)>) -> Reply {
    let (unit, sha256) = path.into_inner();
    let unit: UnitId = unit.parse().map_err(|_| Refusal::UnknownUnit)?;
    let sha256: Hash = sha256.parse().map_err(|_| Refusal::UnknownUnit)?;
    let path = service.loaded.home.lodged(&unit, &format!("{sha256}.bid"));
    let path = path.map_err(|_| Refusal::UnknownUnit)?;
    let file = tokio::fs::File::open(path).await.map_err(|_| Refusal::UnknownUnit)?;
    let pieces = futures_util::stream::try_unfold(file, |mut file| async move {
        let mut piece = bytes::BytesMut::with_capacity(PIECE);
        let read = file.read_buf(&mut piece).await?;
        Ok::<_, std::io::Error>((read > 0).then(|| (piece.freeze(), file)))
    });
    Ok(HttpResponse::Ok().content_type("application/x-tar").streaming(pieces))
}

async fn last_checkpoint(service: web::Data<Service>) -> Reply {
    let note = blocking(service, |agent| Ok((Change::Nothing, agent::last_checkpoint(agent)?)));
    Ok(HttpResponse::Ok().content_type(ContentType::plaintext()).body(note.await?.encode()))
}

async fn status(service: web::Data<Service>) -> Reply {
    let reply = blocking(service.clone(), move |agent| {
        let custodian = agent.custodian()?;
        let witnessed = agent.state.witnessed.as_ref().map_or(0, |known| known.size);
        let status = AgentStatus { custodian, roster_sha256: agent.roster.sha256(), witnessed };
        Ok((Change::Nothing, status))
    });
    Ok(HttpResponse::Ok().json(reply.await?))
}

/// The agent's routes, all of them.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .app_data(web::JsonConfig::default().limit(MAX_JSON))
        .app_data(web::PayloadConfig::default().limit(MAX_JSON))
        .route("/", web::get().to(status))
        .route("/checkpoint", web::get().to(last_checkpoint))
        .route("/recipient", web::post().to(recipient))
        .route("/unit", web::post().to(unit))
        .route("/amendment", web::post().to(amendment))
        .route("/close", web::post().to(close))
        .route("/challenge", web::post().to(challenge))
        .route("/answer", web::post().to(answer))
        .route("/release", web::post().to(release))
        .route("/suspend", web::post().to(suspend))
        .route("/adopt", web::post().to(adopt))
        .route("/lodge", web::post().to(lodge))
        .route("/lodged/{unit}", web::get().to(lodged))
        .route("/lodged/{unit}/{manifest}", web::get().to(lodged_file))
        .route("/add-checkpoint", web::post().to(add_checkpoint));
}
