//! Leaves of the record: 32 bytes that bind an event and show nothing of it.
//!
//! Invariant: the log's entry is a salted hash (protocol §1), so tiles can be public while the event
//! is not. Pads have no rows: their salts derive from one key and their index.

use std::fmt;
use std::str::FromStr;

use ring::hmac;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::crypto::entropy::{self, Entropy, NoEntropy};
use crate::crypto::hash::{Hash, NotAHash};
use crate::crypto::labels;

/// 32 random bytes that keep a leaf from being guessed. Shown to whoever may see the event; until
/// then a secret, hence the redacted `Debug`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Salt([u8; 32]);

impl Salt {
    /// A new random salt.
    ///
    /// # Errors
    /// [`NoEntropy`] when the source fails.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        entropy::array(entropy).map(Self)
    }

    /// A salt that was made elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A salt from a slice of exactly 32 bytes.
    ///
    /// # Errors
    /// [`NotAHash`] when the length differs.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, NotAHash> {
        bytes.try_into().map(Self).map_err(|_| NotAHash)
    }

    /// The raw bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(redacted)")
    }
}

impl FromStr for Salt {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        text.parse::<Hash>().map(|hash| Self(*hash.as_bytes()))
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Hash::from_bytes(self.0))
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Hash::deserialize(deserializer).map(|hash| Self(*hash.as_bytes()))
    }
}

/// The log's entry for an event: SHA-256(label ‖ salt ‖ event bytes).
#[must_use]
pub fn leaf(salt: &Salt, event: &[u8]) -> Hash {
    Hash::of_parts(&[labels::LEAF.as_bytes(), &salt.0, event])
}

/// What salts of pad and decoy leaves derive from. Whoever holds it can tell pads from events.
pub struct PadKey(Zeroizing<[u8; 32]>);

impl PadKey {
    /// A key that was stored.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The salt of the pad at `index`: HMAC-SHA256(key, label ‖ index as 8 bytes, big-endian).
    #[must_use]
    pub fn salt(&self, index: u64) -> Salt {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice());
        let mut context = hmac::Context::with_key(&key);
        context.update(labels::PAD.as_bytes());
        context.update(&index.to_be_bytes());
        let mut salt = [0; 32];
        salt.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        Salt(salt)
    }

    /// The pad's entry: a leaf over no event bytes.
    #[must_use]
    pub fn leaf(&self, index: u64) -> Hash {
        leaf(&self.salt(index), &[])
    }
}

impl fmt::Debug for PadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PadKey(redacted)")
    }
}
