//! Login: the holder of a registered key signs a challenge that the server gave out.
//!
//! Invariant: a challenge opens one session at most and is good for 60 seconds; the signed text
//! names this platform, so that a login signed for one platform opens no other. Deliberately absent:
//! a table of challenges given out. Asking for one costs no row, so that nobody can keep others from
//! logging in by asking; only those that opened a session are remembered, until they are over.

use std::fmt;

use ring::hmac;
use serde::{Deserialize, Serialize};

use super::Refused;
use crate::clock::Time;
use crate::crypto::entropy::{self, Entropy, NoEntropy};
use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::labels;
use crate::crypto::statement::{Body, Statement};

/// How long a challenge can be answered, in milliseconds.
pub const CHALLENGE_MS: i64 = 60_000;
/// How far the signer's clock may be off, in milliseconds. It protects nothing (the challenge
/// does); it tells people in time that they will misjudge a deadline.
pub const CLOCK_TOLERANCE_MS: i64 = 300_000;

/// A question to the holder of some key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Expiry (8 bytes), 8 random bytes and 16 bytes of the HMAC over both; shown as 64 hexadecimal
    /// digits.
    pub nonce: Hash,
    /// From then on it is refused.
    pub expires_at: Time,
}

/// Makes challenges and knows its own again: every instance with the same token key does.
pub struct ChallengeKey(hmac::Key);

impl fmt::Debug for ChallengeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChallengeKey(redacted)")
    }
}

impl ChallengeKey {
    /// The key that follows from a token key's seed for the platform with this origin.
    #[must_use]
    pub fn derive(seed: &[u8; 32], origin: &str) -> Self {
        let parent = hmac::Key::new(hmac::HMAC_SHA256, seed);
        let mut context = hmac::Context::with_key(&parent);
        context.update(labels::LOGIN_NONCE_KEY.as_bytes());
        context.update(origin.as_bytes());
        Self(hmac::Key::new(hmac::HMAC_SHA256, context.sign().as_ref()))
    }

    /// A new challenge.
    ///
    /// # Errors
    /// [`NoEntropy`] when the source fails.
    pub fn give(&self, entropy: &dyn Entropy, now: Time) -> Result<Challenge, NoEntropy> {
        let expires_at = now.plus(CHALLENGE_MS);
        let random = entropy::array(entropy)?;
        Ok(Challenge { nonce: self.nonce(expires_at, random), expires_at })
    }

    /// The challenge that a nonce is, if this key gave it out.
    ///
    /// # Errors
    /// [`Refused::Challenge`] when it did not.
    pub fn known(&self, nonce: &Hash) -> Result<Challenge, Refused> {
        let (expiry, rest) = nonce.as_bytes().split_first_chunk().ok_or(Refused::Challenge)?;
        let (random, _) = rest.split_first_chunk().ok_or(Refused::Challenge)?;
        let expires_at = Time::from_millis(i64::from_be_bytes(*expiry));
        // A wrong guess tells its maker nothing but that it was wrong: the tag is of public values
        // that nobody else can want, and 128 bits long.
        if self.nonce(expires_at, *random) == *nonce {
            Ok(Challenge { nonce: *nonce, expires_at })
        } else {
            Err(Refused::Challenge)
        }
    }

    fn nonce(&self, expires_at: Time, random: [u8; 8]) -> Hash {
        let expiry = expires_at.millis().to_be_bytes();
        let mut context = hmac::Context::with_key(&self.0);
        context.update(labels::LOGIN_NONCE.as_bytes());
        context.update(&expiry);
        context.update(&random);
        let tag = context.sign();
        let mut bytes = [0; 32];
        let parts = expiry.iter().chain(&random).chain(tag.as_ref());
        bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        Hash::from_bytes(bytes)
    }
}

/// What a key's holder signs to log in: `sealbid/login/v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The signer's clock.
    pub at: Time,
    /// The key that signs.
    pub key: VerifyingKey,
    /// The challenge's.
    pub nonce: Hash,
    /// The platform logged in to.
    pub origin: String,
}

impl Body for Login {
    const TYPE: &'static str = labels::LOGIN;
}

/// The key that answered the challenge; whose it is now, and whether the challenge opened a session
/// before, the caller looks up.
///
/// # Errors
/// [`Refused::Challenge`], [`Refused::Origin`], [`Refused::Signature`], [`Refused::Clock`].
pub fn prove<'s>(
    login: &'s Statement<Login>,
    challenge: &Challenge,
    origin: &str,
    now: Time,
) -> Result<&'s VerifyingKey, Refused> {
    let body = login.body();
    if body.nonce != challenge.nonce || now >= challenge.expires_at {
        return Err(Refused::Challenge);
    }
    if body.origin != origin {
        return Err(Refused::Origin);
    }
    login.note().require(&body.key).map_err(|_| Refused::Signature)?;
    login.note().only_by(std::slice::from_ref(&body.key)).map_err(|_| Refused::Signature)?;
    if body.at.since(now).saturating_abs() > CLOCK_TOLERANCE_MS {
        return Err(Refused::Clock);
    }
    Ok(&body.key)
}
