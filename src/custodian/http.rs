//! The agent's HTTP server: one handler per request of [`wire`](super::wire), each a call of the
//! pure agent between a lock and an fsync.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::middleware::from_fn;
use actix_web::{HttpResponse, web};

use crate::clock::{Clock, Time};
use crate::crypto::key::VerifyingKey;
use crate::crypto::statement::{Body, Statement};
use crate::record::witness::{AddCheckpoint, SIZE_TYPE, WitnessRefusal, encode_cosignatures};

use super::agent::{self, Agent, Change, Refusal, State};
use super::body::{Asked, Bodies, Whole};
use super::edge::{Edge, Problem, Reply, not_cosigned, nothing_here, worded};
use super::home::Loaded;
use super::lodging::{Arrivals, close, lodge, lodged, lodged_bid};
use super::wire::{
    AgentStatus, AskAmendment, AskAnswer, AskCancel, AskChallenge, AskChallenges, AskRecipient,
    AskRelease, AskSuspend, AskUnit, AskWindow, Done, MAX_BID, NoteReply,
};

/// A serving agent.
pub struct Service {
    pub(super) loaded: Loaded,
    /// Of the record, the one in force first.
    log_keys: Vec<VerifyingKey>,
    state: Mutex<State>,
    pub(super) clock: Arc<dyn Clock>,
    awake_since: Time,
    pub(super) limits: Limits,
    pub(super) arrivals: Arrivals,
    pub(super) bodies: Bodies,
}

/// What an agent's operator decides.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest lodged bid's sealed payload, in bytes; bounded by what the platform takes in.
    pub max_bid: u64,
    /// The shortest challenge window that it agrees to, in milliseconds.
    pub challenge_floor_ms: i64,
    /// Who sends nothing for so long in the middle of a body has gone.
    pub silence: Duration,
    /// What all bodies that are read into memory may hold together, in bytes.
    pub bodies: usize,
}

impl Limits {
    /// With a time of silence and a memory as they are served with.
    #[must_use]
    pub const fn new(max_bid: u64, challenge_floor_ms: i64) -> Self {
        Self { max_bid, challenge_floor_ms, silence: Duration::from_secs(20), bodies: 192 << 20 }
    }
}

impl Service {
    /// An agent that serves from its folder.
    #[must_use]
    pub fn new(mut loaded: Loaded, clock: Arc<dyn Clock>, limits: Limits) -> Self {
        let state = Mutex::new(std::mem::take(&mut loaded.state));
        let log_keys = loaded.rosters.log_keys().cloned().collect();
        let limits = Limits { max_bid: limits.max_bid.min(MAX_BID), ..limits };
        let (awake_since, arrivals, bodies) = (clock.now(), Arrivals::default(), Bodies::default());
        Self { loaded, log_keys, state, clock, awake_since, limits, arrivals, bodies }
    }

    /// Decides under the lock, stores the change, then lets the reply go.
    pub(super) fn decide<T, E: From<Refusal>>(
        &self,
        decision: impl FnOnce(&Agent<'_>) -> Result<(Change, T), E>,
    ) -> Result<T, E> {
        let mut state =
            self.state.lock().map_err(|_| Refusal::Internal("custodian-say-internal-lock"))?;
        let agent = Agent {
            keys: &self.loaded.keys,
            roster: &self.loaded.roster,
            first: self.loaded.rosters.first(),
            log_keys: &self.log_keys,
            state: &state,
            now: self.clock.now(),
            awake_since: self.awake_since,
            challenge_floor_ms: self.limits.challenge_floor_ms,
        };
        let (change, reply) = decision(&agent)?;
        self.loaded.home.save(&change).map_err(|error| {
            tracing::error!(%error, "a change could not be stored; nothing was signed");
            Refusal::Internal("custodian-say-internal-memory")
        })?;
        state.apply(change);
        Ok(reply)
    }
}

/// Runs a decision off the socket threads: it hashes, verifies and waits for the disk. An agent that
/// was shown more than it remembers takes itself as lost from then on.
pub(super) async fn blocking<T: Send + 'static>(
    service: web::Data<Service>,
    decision: impl FnOnce(&Agent<'_>) -> Result<(Change, T), Refusal> + Send + 'static,
) -> Result<T, Problem> {
    let done = web::block(move || {
        let decided = service.decide(decision);
        if matches!(decided, Err(Refusal::Forgot)) {
            service.decide(|agent| Ok::<_, Refusal>((Change::Forgot(agent.now), ())))?;
        }
        decided
    })
    .await;
    Ok(done.map_err(|_| Refusal::Internal("custodian-say-internal-worker"))??)
}

pub(super) fn note<B: Body>(statement: &Statement<B>) -> HttpResponse {
    HttpResponse::Ok().json(NoteReply { note: statement.encode() })
}

macro_rules! signing_handlers {
    ($($name:ident($ask:ty) = $decide:path;)*) => {$(
        async fn $name(service: web::Data<Service>, Asked(ask): Asked<$ask>) -> Reply {
            let statement = blocking(service, move |agent| $decide(agent, &ask)).await?;
            Ok(note(&statement))
        }
    )*};
}

signing_handlers! {
    unit(AskUnit) = agent::sign_unit;
    amendment(AskAmendment) = agent::sign_amendment;
    challenge(AskChallenge) = agent::challenge;
    answer(AskAnswer) = agent::answer;
}

async fn recipient(service: web::Data<Service>, Asked(ask): Asked<AskRecipient>) -> Reply {
    let reply = blocking(service, move |agent| {
        agent::recipient(agent, &ask).map(|reply| (Change::Nothing, reply))
    });
    Ok(HttpResponse::Ok().json(reply.await?))
}

/// The window's end is remembered even when the release itself is refused as too early, so that a
/// challenge after it is a finding and never a stop.
async fn release(service: web::Data<Service>, Asked(ask): Asked<AskRelease>) -> Reply {
    let (close_receipt, unit) = (ask.close_receipt.clone(), ask.unit.clone());
    let ask_window = AskWindow { close_receipt, unit };
    let noted = move |agent: &Agent<'_>| Ok((agent::note_window(agent, &ask_window)?, ()));
    blocking(service.clone(), noted).await?;
    let statement = blocking(service, move |agent| agent::release(agent, &ask)).await?;
    Ok(note(&statement))
}

async fn window(service: web::Data<Service>, Asked(ask): Asked<AskWindow>) -> Reply {
    let done = blocking(service, move |agent| Ok((agent::note_window(agent, &ask)?, ())));
    done.await?;
    Ok(HttpResponse::Ok().json(Done {}))
}

async fn challenges(service: web::Data<Service>, Asked(ask): Asked<AskChallenges>) -> Reply {
    let told = move |agent: &Agent<'_>| Ok((Change::Nothing, agent::challenges(agent, &ask)?));
    Ok(HttpResponse::Ok().json(blocking(service, told).await?))
}

async fn suspend(service: web::Data<Service>, Asked(ask): Asked<AskSuspend>) -> Reply {
    let done = blocking(service, move |agent| Ok((agent::suspend(agent, &ask)?, ())));
    done.await?;
    Ok(HttpResponse::Ok().json(Done {}))
}

async fn cancel(service: web::Data<Service>, Asked(ask): Asked<AskCancel>) -> Reply {
    let done = blocking(service, move |agent| Ok((agent::cancel(agent, &ask)?, ())));
    done.await?;
    Ok(HttpResponse::Ok().json(Done {}))
}

async fn adopt(service: web::Data<Service>, Whole(body): Whole) -> Reply {
    let checkpoint = String::from_utf8(body.to_vec()).map_err(|fault| Edge::unread(&fault))?;
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

async fn add_checkpoint(service: web::Data<Service>, Whole(body): Whole) -> Reply {
    let decided = web::block(move || {
        let request = AddCheckpoint::parse(&body).map_err(NotCosigned::Witness)?;
        service.decide(|agent| agent::cosign(agent, &request).map_err(NotCosigned::Witness))
    });
    match decided.await.map_err(|_| Refusal::Internal("custodian-say-internal-worker"))? {
        Ok(line) => Ok(HttpResponse::Ok()
            .content_type(ContentType::plaintext())
            .body(encode_cosignatures(&[line]))),
        Err(NotCosigned::Own(refusal)) => Err(refusal.into()),
        Err(NotCosigned::Witness(refusal)) => {
            not_cosigned(&refusal);
            let kind = if refusal.status() == 409 { SIZE_TYPE } else { "text/plain" };
            let status = StatusCode::from_u16(refusal.status());
            Ok(HttpResponse::build(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
                .content_type(kind)
                .body(refusal.body()))
        }
    }
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
    let agent = web::scope("")
        .wrap(from_fn(worded))
        .route("/", web::get().to(status))
        .route("/checkpoint", web::get().to(last_checkpoint))
        .route("/recipient", web::post().to(recipient))
        .route("/unit", web::post().to(unit))
        .route("/amendment", web::post().to(amendment))
        .route("/close", web::post().to(close))
        .route("/challenge", web::post().to(challenge))
        .route("/challenges", web::post().to(challenges))
        .route("/answer", web::post().to(answer))
        .route("/window", web::post().to(window))
        .route("/release", web::post().to(release))
        .route("/suspend", web::post().to(suspend))
        .route("/cancel", web::post().to(cancel))
        .route("/adopt", web::post().to(adopt))
        .route("/lodge", web::post().to(lodge))
        .route("/lodged", web::post().to(lodged))
        .route("/lodged/bid", web::post().to(lodged_bid))
        .route("/add-checkpoint", web::post().to(add_checkpoint))
        .default_service(web::to(nothing_here));
    config.service(agent);
}
