//! Login: the holder of a registered key signs a challenge that the server gave out.
//!
//! Invariant: a challenge is 32 random bytes, serves once and for 60 seconds, and the signed text
//! names this platform, so that a login signed for one platform opens no other. The caller uses the
//! challenge up, whether the proof holds or not, before it asks whose key it is.

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
    /// 32 random bytes, shown as 64 hexadecimal digits.
    pub nonce: Hash,
    /// From then on it is refused.
    pub expires_at: Time,
}

impl Challenge {
    /// A new challenge.
    ///
    /// # Errors
    /// [`NoEntropy`] when the source fails.
    pub fn new(entropy: &dyn Entropy, now: Time) -> Result<Self, NoEntropy> {
        let nonce = Hash::from_bytes(entropy::array(entropy)?);
        Ok(Self { nonce, expires_at: now.plus(CHALLENGE_MS) })
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

/// The key that answered the challenge; whose it is now, the caller looks up.
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
