//! What the platform asks of the custodians' agents.
//!
//! Invariant: an answer is only bytes until its signature is checked, which is the caller's part; a
//! silent agent costs a bounded time and harms nobody else's request. For a minute after one has let
//! a request wait in vain it is given only a moment for each: the requests of an opening follow each
//! other, and whoever hangs, by accident or on purpose, holds up one of them and not all. Agents are
//! asked to witness the record all the time, so that no unit's hour is the first to find out.
//! [`Custodians`] is the wire, [`Http`] the real one; tests put agents into the same process.
//! Deliberately absent: retries, which the timer's next tick is.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;

pub use super::asking::{Ask, ask, ask_all, ask_note, lodged, lodged_bid, next_answer};
use super::roster::{CustodianId, Member, Roster};
use super::wire::MAX_PAGE;
use crate::crypto::note::NoteError;
use crate::record::feed::{Answering, Witness, Witnesses};

/// How long it may take to be reached.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a connection is kept for the next request: agents close theirs after five seconds, and a request
/// that crosses with that is lost.
const REST: Duration = Duration::from_secs(4);
/// How long a lodged bid may take to arrive.
const DOWNLOAD: Duration = Duration::from_secs(600);
/// How long it is remembered that an agent was silent.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Where the record is witnessed.
const WITNESS: &str = "/add-checkpoint";
/// The largest answer that is not a file, in bytes.
const MAX_ANSWER: usize = 4 << 20;
// An agent's page with what stands around it.
const _: () = assert!(MAX_PAGE + 1024 <= MAX_ANSWER);

/// What comes back from an agent before anybody has judged it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Something to be waited for.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The wire to the agents: one request, one answer.
///
/// The contract: `path` is one of [`wire`](super::wire)'s table; a body is a `POST`, none is a
/// `GET`. An implementation gives up after a bounded time. It neither retries nor caches.
pub trait Custodians: Send + Sync {
    /// Sends a request.
    fn send<'a>(
        &'a self,
        to: &'a CustodianId,
        path: &'a str,
        body: Option<Vec<u8>>,
    ) -> Pending<'a, Result<Answer, AskError>>;

    /// Fetches the file that `body` asks for into `target`, which is created or overwritten; never
    /// whole in memory.
    fn download<'a>(
        &'a self,
        from: &'a CustodianId,
        path: &'a str,
        body: Vec<u8>,
        target: &'a Path,
    ) -> Pending<'a, Result<(), AskError>>;
}

/// Why there is no answer to use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No such custodian in the roster.
    #[error("the roster names no custodian {0}")]
    Unknown(CustodianId),
    /// It did not answer in time, or not at all.
    #[error("the custodian did not answer: {0}")]
    Silent(String),
    /// It refused, with the stable code of its refusal.
    #[error("the custodian refused with {status}: {code}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The refusal's stable code.
        code: String,
    },
    /// It answered something that is no answer.
    #[error("the custodian's answer is malformed: {0}")]
    Malformed(String),
}

impl AskError {
    /// Whether it is a refusal with this code.
    #[must_use]
    pub fn is_refusal(&self, of: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == of)
    }
}

impl From<NoteError> for AskError {
    fn from(error: NoteError) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// How much an agent may cost who asks it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long an agent may take to answer a request.
    pub patience: Duration,
    /// The same for one that was silent lately, unless it is to witness.
    pub brief: Duration,
    /// The largest lodged file that is fetched, in bytes.
    pub max_file: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let (patience, brief) = (Duration::from_secs(10), Duration::from_secs(1));
        Self { patience, brief, max_file: 4 << 30 }
    }
}

/// The agents at the addresses of a roster, over HTTP.
pub struct Http {
    client: reqwest::Client,
    addresses: BTreeMap<CustodianId, String>,
    limits: Limits,
    /// When each last let a request wait in vain.
    silent: Mutex<BTreeMap<CustodianId, Instant>>,
}

impl Http {
    /// The agents of this roster.
    ///
    /// # Errors
    /// [`AskError::Silent`] when no client can be made.
    pub fn new(roster: &Roster, limits: Limits) -> Result<Self, AskError> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(REST)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| silent(&e))?;
        let address = |address: &str| address.trim_end_matches('/').to_owned();
        let members = roster.custodians.iter();
        let addresses = members.map(|m| (m.id.clone(), address(&m.address))).collect();
        Ok(Self { client, addresses, limits, silent: Mutex::default() })
    }

    fn url(&self, to: &CustodianId, path: &str) -> Result<String, AskError> {
        let address = self.addresses.get(to).ok_or_else(|| AskError::Unknown(to.clone()))?;
        Ok(format!("{address}{path}"))
    }

    fn patience(&self, to: &CustodianId, path: &str) -> Duration {
        let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        match silent.get(to) {
            Some(since) if path != WITNESS && since.elapsed() < REMEMBERED => self.limits.brief,
            _ => self.limits.patience,
        }
    }

    /// One request and its answer; whoever lets it wait in vain is remembered.
    async fn ask(
        &self,
        to: &CustodianId,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, AskError> {
        let (asked, patience) = (Instant::now(), self.patience(to, path));
        let answer = tokio::time::timeout(patience, self.exchange(to, path, body)).await;
        let answer = answer
            .unwrap_or_else(|_| Err(AskError::Silent("it did not answer in time".to_owned())));
        if matches!(answer, Err(AskError::Silent(_))) && asked.elapsed() >= self.limits.brief {
            let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
            silent.insert(to.clone(), Instant::now());
        }
        answer
    }

    async fn exchange(
        &self,
        to: &CustodianId,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, AskError> {
        let url = self.url(to, path)?;
        let request = match body {
            // A checkpoint is text; everything else that is sent here is JSON.
            Some(body) if body.first() == Some(&b'{') => {
                self.client.post(url).header("content-type", "application/json").body(body)
            }
            Some(body) => self.client.post(url).body(body),
            None => self.client.get(url),
        };
        let response = request.send().await.map_err(|e| silent(&e))?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        let mut parts = response.bytes_stream();
        while let Some(part) = parts.next().await {
            body.extend_from_slice(&part.map_err(|e| silent(&e))?);
            if body.len() > MAX_ANSWER {
                return Err(AskError::Malformed("it is too long".to_owned()));
            }
        }
        Ok(Answer { status, body })
    }

    async fn fetch(
        &self,
        from: &CustodianId,
        path: &str,
        body: Vec<u8>,
        target: &Path,
    ) -> Result<(), AskError> {
        let request = self.client.post(self.url(from, path)?).timeout(DOWNLOAD);
        let request = request.header("content-type", "application/json").body(body);
        let response = request.send().await.map_err(|e| silent(&e))?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(super::asking::refused(&Answer { status, body: Vec::new() }));
        }
        let mut file = tokio::fs::File::create(target).await.map_err(|e| silent(&e))?;
        let mut parts = response.bytes_stream();
        let mut left = self.limits.max_file;
        while let Some(part) = parts.next().await {
            let part = part.map_err(|e| silent(&e))?;
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            left = left
                .checked_sub(length)
                .ok_or_else(|| AskError::Malformed("its file is too long".to_owned()))?;
            file.write_all(&part).await.map_err(|e| silent(&e))?;
        }
        file.flush().await.map_err(|e| silent(&e))
    }
}

impl Custodians for Http {
    fn send<'a>(
        &'a self,
        to: &'a CustodianId,
        path: &'a str,
        body: Option<Vec<u8>>,
    ) -> Pending<'a, Result<Answer, AskError>> {
        Box::pin(self.ask(to, path, body))
    }

    fn download<'a>(
        &'a self,
        from: &'a CustodianId,
        path: &'a str,
        body: Vec<u8>,
        target: &'a Path,
    ) -> Pending<'a, Result<(), AskError>> {
        Box::pin(self.fetch(from, path, body, target))
    }
}

/// The innermost reason: reqwest's own words name only the URL.
#[must_use]
pub fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

fn silent(error: &dyn std::error::Error) -> AskError {
    AskError::Silent(innermost(error))
}

/// The agents of one roster as the record's witnesses, by the names of [`witnesses`].
pub struct AsWitnesses(pub Arc<dyn Custodians>);

impl Witnesses for AsWitnesses {
    fn add_checkpoint<'a>(&'a self, witness: &'a str, body: String) -> Answering<'a> {
        Box::pin(async move {
            let to = custodian(witness)?;
            let sent = self.0.send(&to, WITNESS, Some(body.into_bytes())).await;
            sent.map(|answer| (answer.status, answer.body)).map_err(|e| e.to_string())
        })
    }

    fn last_checkpoint<'a>(&'a self, witness: &'a str) -> Answering<'a> {
        Box::pin(async move {
            let to = custodian(witness)?;
            let sent = self.0.send(&to, "/checkpoint", None).await;
            sent.map(|answer| (answer.status, answer.body)).map_err(|e| e.to_string())
        })
    }
}

/// Whose name a witness bears.
fn custodian(witness: &str) -> Result<CustodianId, String> {
    let id = witness.rsplit('/').next().unwrap_or_default();
    id.parse().map_err(|_| "no custodian's id".to_owned())
}

/// A roster's custodians as witnesses.
#[must_use]
pub fn witnesses(roster: &Roster) -> Vec<Witness> {
    let members = roster.custodians.iter();
    let witness = |m: &Member| Witness { name: roster.witness_name(m), key: m.witness_key.clone() };
    members.map(witness).collect()
}
