//! Session tokens: short-lived EdDSA JWTs with one fixed issuer and audience.
//!
//! Invariant: a token is accepted only when its header is exactly the one we write, its signature
//! is ours, issuer and audience are this platform and its time is not over. Whether its session
//! still stands is asked of the database afterwards: a token alone never outlives a revocation.
//! What was found of a token once is remembered under its hash, because a signature costs more than
//! the rest of a small request; its time is compared every time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};

use super::login::ChallengeKey;
use super::{Actor, Refused};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::ids::SessionId;

/// How long a token lives.
pub const LIFETIME_SECONDS: i64 = 15 * 60;

/// Longer texts are not tokens of ours and are not decoded.
const MAX_LENGTH: usize = 2048;

/// Good tokens remembered at most; then all are forgotten, and each is checked once more.
const REMEMBERED: usize = 16_384;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who.
    pub actor: Actor,
    /// In which session.
    pub session: SessionId,
    /// From then on it is refused.
    pub expires_at: Time,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    aud: String,
    exp: i64,
    iat: i64,
    iss: String,
    jti: SessionId,
    sub: String,
}

/// The key that makes and checks tokens of one platform.
pub struct TokenKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
    header: Header,
    issuer: String,
    audience: String,
    challenges: ChallengeKey,
    /// What good tokens say, by the SHA-256 of their whole text.
    known: Mutex<HashMap<Hash, Claims>>,
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({}, redacted)", self.issuer)
    }
}

impl TokenKey {
    /// The key of a 32-byte seed for the platform with this origin.
    ///
    /// # Errors
    /// [`Refused::Token`] when ring refuses the seed, which a 32-byte one never is.
    pub fn new(seed: &[u8; 32], origin: &str) -> Result<Self, Refused> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Refused::Token)?;
        let public = pair.public_key().as_ref();
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(Hash::of(public).to_string().chars().take(16).collect());
        Ok(Self {
            encoding: EncodingKey::from_ed_der(seed),
            decoding: DecodingKey::from_ed_der(public),
            header,
            issuer: origin.to_owned(),
            audience: format!("{origin}/api/v1"),
            challenges: ChallengeKey::derive(seed, origin),
            known: Mutex::default(),
        })
    }

    /// The key of the challenges that lead to its tokens.
    #[must_use]
    pub const fn challenges(&self) -> &ChallengeKey {
        &self.challenges
    }

    /// A token for a session that began now.
    ///
    /// # Errors
    /// [`Refused::Token`] when the library cannot encode it.
    pub fn issue(&self, actor: &Actor, session: SessionId, now: Time) -> Result<String, Refused> {
        let payload = Payload {
            aud: self.audience.clone(),
            exp: now.seconds().saturating_add(LIFETIME_SECONDS),
            iat: now.seconds(),
            iss: self.issuer.clone(),
            jti: session,
            sub: actor.to_string(),
        };
        jsonwebtoken::encode(&self.header, &payload, &self.encoding).map_err(|_| Refused::Token)
    }

    /// Checks a token against everything but the table of sessions.
    ///
    /// # Errors
    /// [`Refused::Expired`], and [`Refused::Token`] for every other fault.
    pub fn check(&self, token: &str, now: Time) -> Result<Claims, Refused> {
        if token.len() > MAX_LENGTH {
            return Err(Refused::Token);
        }
        let hash = Hash::of(token.as_bytes());
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned();
        let claims = match known {
            Some(claims) => claims,
            None => self.learn(hash, token)?,
        };
        if now < claims.expires_at { Ok(claims) } else { Err(Refused::Expired) }
    }

    /// Checks a token as it is seen for the first time; only a good one is remembered.
    fn learn(&self, hash: Hash, token: &str) -> Result<Claims, Refused> {
        let claims = self.verify(token)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(hash, claims.clone());
        Ok(claims)
    }

    fn verify(&self, token: &str) -> Result<Claims, Refused> {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The library would read the machine's clock; ours is compared by the caller.
        validation.validate_exp = false;
        let data = jsonwebtoken::decode::<Payload>(token, &self.decoding, &validation)
            .map_err(|_| Refused::Token)?;
        // The whole header, so that no jku, jwk, crit or foreign kid is ever looked at.
        if data.header != self.header {
            return Err(Refused::Token);
        }
        let actor = data.claims.sub.parse().map_err(|_| Refused::Token)?;
        let expires_at = Time::from_seconds(data.claims.exp);
        Ok(Claims { actor, session: data.claims.jti, expires_at })
    }
}
