//! The platform's API as a bidder, a buyer, an operator or a regulator uses it.
//!
//! Invariant: an act carries one Idempotency-Key however often it is sent, so a lost answer never
//! makes two acts; a login is signed only for the platform that the key is named after. Answers are
//! believed as far as their signatures go, which is the caller's part. Deliberately absent: keeping
//! sessions between runs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::auth::login::Login;
use crate::clock::{Clock, Time};
use crate::crypto::entropy::{self, Entropy};
use crate::crypto::hash::Hash;
use crate::crypto::key::SigningKey;
use crate::crypto::statement::Statement;
use crate::custodian::client::innermost;
use crate::error::Said;
use crate::web::i18n::Lang;

use super::failed::{Failed, Told};

/// How long the platform may take to be reached.
const CONNECT: Duration = Duration::from_secs(10);
/// How long it may be silent within an answer.
const SILENCE: Duration = Duration::from_secs(60);
/// The largest answer that is not a file, in bytes: the opening record of ten thousand bids.
const MAX_ANSWER: usize = 256 << 20;
/// How often a request is sent before its failure is reported.
const ATTEMPTS: u32 = 5;
/// The first pause between attempts; each next one is twice as long.
const PAUSE: Duration = Duration::from_millis(200);
/// A token is renewed this many milliseconds before it expires.
const RENEW_MS: i64 = 30_000;

/// Who is asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nobody in particular.
    Public,
    /// The holder of the client's key.
    Own,
}

/// A platform, and perhaps a key to log in with.
pub struct Client {
    http: reqwest::Client,
    base: String,
    lang: Lang,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    key: Option<Arc<SigningKey>>,
    token: Mutex<Option<Token>>,
}

#[derive(Clone, Deserialize)]
struct Token {
    token: String,
    expires_at: Time,
}

/// What an act is answered with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Acted {
    /// The entry's place in the record.
    pub index: u64,
    /// A `.tlog-proof` text.
    pub receipt: String,
    /// Of a bid that was sent again and counts no more: `replaced` or `withdrawn`.
    #[serde(default)]
    pub superseded: Option<String>,
}

struct Request<'a> {
    method: Method,
    path: &'a str,
    body: Option<Vec<u8>>,
    access: Access,
    idempotency_key: Option<String>,
}

impl Client {
    /// A client of the platform at `server`, such as `https://bids.example`.
    ///
    /// # Errors
    /// [`Failed::Server`], [`Failed::Machine`] when no connection can ever be made.
    pub fn new(
        server: &str,
        lang: Lang,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Failed> {
        let is_address = reqwest::Url::parse(server)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !is_address {
            return Err(Failed::Server(server.to_owned()));
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| Failed::Machine(innermost(&e)))?;
        let base = server.trim_end_matches('/').to_owned();
        Ok(Self { http, base, lang, clock, entropy, key: None, token: Mutex::new(None) })
    }

    /// The same client, logging in with this key when it needs to.
    #[must_use]
    pub fn with_key(mut self, key: Arc<SigningKey>) -> Self {
        self.key = Some(key);
        self
    }

    /// The key that it logs in with.
    ///
    /// # Errors
    /// [`Failed::Missing`].
    pub fn key(&self) -> Result<&Arc<SigningKey>, Failed> {
        self.key.as_ref().ok_or(Failed::Missing("--key"))
    }

    /// How to ask for what shows more to its own: with the key, if there is one.
    pub(super) fn access(&self) -> Access {
        if self.key.is_some() { Access::Own } else { Access::Public }
    }

    /// The client's clock.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The client's randomness.
    #[must_use]
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// Asks; `path` starts behind `/api/v1`.
    ///
    /// # Errors
    /// [`Failed::Refused`], [`Failed::Unreachable`], [`Failed::Answer`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str, access: Access) -> Result<T, Failed> {
        let path = format!("/api/v1{path}");
        let request =
            Request { method: Method::GET, path: &path, body: None, access, idempotency_key: None };
        parse(&self.send(&request).await?)
    }

    /// Acts, once, however often it has to be sent.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn act<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
        access: Access,
    ) -> Result<T, Failed> {
        let key = hex::encode(entropy::array::<16>(&*self.entropy)?);
        self.act_under(&key, path, body, access).await
    }

    /// Acts, once, under a key that the same act has again in another run of the program.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn act_under<B: Serialize, T: DeserializeOwned>(
        &self,
        key: &str,
        path: &str,
        body: &B,
        access: Access,
    ) -> Result<T, Failed> {
        let path = format!("/api/v1{path}");
        let body = serde_json::to_vec(body).map_err(Failed::answer)?;
        let request = Request {
            method: Method::POST,
            path: &path,
            body: Some(body),
            access,
            idempotency_key: Some(key.to_owned()),
        };
        parse(&self.send(&request).await?)
    }

    /// Fetches what is no JSON: a checkpoint, a tile, the roster; `path` starts at the root.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn fetch(&self, path: &str) -> Result<Vec<u8>, Failed> {
        let request = Request {
            method: Method::GET,
            path,
            body: None,
            access: Access::Public,
            idempotency_key: None,
        };
        self.send(&request).await
    }

    /// Ends the session, if there is one.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn log_out(&self) -> Result<(), Failed> {
        let Some(token) = self.token.lock().await.take() else { return Ok(()) };
        let request = self.http.delete(format!("{}/api/v1/login", self.base));
        let response = request.bearer_auth(token.token).send().await;
        self.refusal_of(response.map_err(|e| self.unreachable(&e))?).await.map(|_| ())
    }

    /// A request to an address of this platform with what every request carries. `url` is whole or
    /// starts at the root.
    pub(super) async fn request(
        &self,
        method: Method,
        url: &str,
        access: Access,
    ) -> Result<RequestBuilder, Failed> {
        let url = if url.starts_with('/') { format!("{}{url}", self.base) } else { url.to_owned() };
        // A token is for this platform alone: nobody may send the client elsewhere with it.
        let is_ours = url.strip_prefix(&self.base).is_some_and(|rest| rest.starts_with('/'));
        let request = self.http.request(method, &url).header(ACCEPT_LANGUAGE, self.lang.tag());
        match access {
            Access::Own if is_ours => Ok(request.bearer_auth(self.token().await?)),
            Access::Own => Err(Failed::answer(Said::new(
                "cli-say-why-foreign",
                vec![("url", url.to_string().into())],
            ))),
            Access::Public => Ok(request),
        }
    }

    /// Sends until it is answered, a few times.
    async fn send(&self, request: &Request<'_>) -> Result<Vec<u8>, Failed> {
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            let answer = self.send_once(request).await;
            let again = match &answer {
                Err(Failed::Unreachable { .. }) => true,
                Err(Failed::Refused(told)) if is_for_later(told) => true,
                Err(Failed::Refused(told)) if is_stale(told) => {
                    self.token.lock().await.take();
                    request.access == Access::Own && attempt == 1
                }
                _ => false,
            };
            if !again || attempt == ATTEMPTS {
                return answer;
            }
            attempt += 1;
            let asked = answer.err().map_or(Duration::ZERO, |failed| failed.asked_pause());
            tokio::time::sleep(pause.max(asked)).await;
            pause = pause.saturating_mul(2);
        }
    }

    async fn send_once(&self, request: &Request<'_>) -> Result<Vec<u8>, Failed> {
        let mut sent = self.request(request.method.clone(), request.path, request.access).await?;
        if let Some(body) = &request.body {
            sent = sent.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        if let Some(key) = &request.idempotency_key {
            sent = sent.header("idempotency-key", key);
        }
        let response = sent.send().await.map_err(|e| self.unreachable(&e))?;
        self.body(self.refusal_of(response).await?).await
    }

    /// The response of something done; what was refused becomes an error.
    pub(super) async fn refusal_of(&self, response: Response) -> Result<Response, Failed> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|seconds| seconds.parse().ok());
        let body = self.body(response).await?;
        Err(Failed::Refused(Box::new(Told::read(status.as_u16(), wait, &body))))
    }

    pub(super) async fn body(&self, response: Response) -> Result<Vec<u8>, Failed> {
        let mut body = Vec::new();
        let mut parts = response.bytes_stream();
        while let Some(part) = parts.next().await {
            body.extend_from_slice(&part.map_err(|e| self.unreachable(&e))?);
            if body.len() > MAX_ANSWER {
                return Err(Failed::answer(Said::bare("cli-say-why-long")));
            }
        }
        Ok(body)
    }

    /// The platform, or the way to it, failed.
    pub(super) fn unreachable(&self, error: &reqwest::Error) -> Failed {
        Failed::Unreachable { server: self.base.clone(), reason: innermost(error) }
    }

    /// The token of a login that still holds.
    async fn token(&self) -> Result<String, Failed> {
        let mut kept = self.token.lock().await;
        let soon = self.clock.now().plus(RENEW_MS);
        if let Some(token) = kept.as_ref().filter(|token| token.expires_at > soon) {
            return Ok(token.token.clone());
        }
        let token = self.log_in().await?;
        Ok(kept.insert(token).token.clone())
    }

    async fn log_in(&self) -> Result<Token, Failed> {
        #[derive(Deserialize)]
        struct Challenge {
            origin: String,
            nonce: Hash,
        }
        let key = self.key()?;
        let answer = self.post_once("/api/v1/login/challenges", b"{}".to_vec()).await?;
        let Challenge { origin, nonce } = parse(&answer)?;
        let ours = key.verifying().name().strip_prefix(&origin);
        if !ours.is_some_and(|rest| rest.starts_with('/')) {
            return Err(Failed::OtherPlatform(origin));
        }
        let login = Login { at: self.clock.now(), key: key.verifying().clone(), nonce, origin };
        let signed = Statement::signed(login, key).map_err(Failed::answer)?;
        let body = serde_json::json!({ "statement": signed.encode() });
        parse(&self.post_once("/api/v1/login", body.to_string().into_bytes()).await?)
    }

    async fn post_once(&self, path: &str, body: Vec<u8>) -> Result<Vec<u8>, Failed> {
        let request = Request {
            method: Method::POST,
            path,
            body: Some(body),
            access: Access::Public,
            idempotency_key: None,
        };
        // Boxed, for sending is what asked for a token.
        Box::pin(self.send_once(&request)).await
    }
}

/// A session that is over: the next login makes another.
fn is_stale(told: &Told) -> bool {
    told.status == 401 && matches!(told.code.as_str(), "auth-expired" | "auth-revoked")
}

/// The same request may be good in a moment.
fn is_for_later(told: &Told) -> bool {
    matches!(told.status, 429 | 503) || told.code == "web-idempotency-running"
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failed> {
    serde_json::from_slice(body).map_err(Failed::answer)
}
