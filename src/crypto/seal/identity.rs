//! X25519 identities and recipients, in the text forms of age.
//!
//! Invariant: a recipient is a canonical, full-order point in lower-case Bech32, so that two
//! different texts are two different keys and no key makes the shared secret a constant.

use std::fmt;
use std::str::FromStr;

use bech32::{Bech32, Hrp};
use ring::hkdf;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::{Zeroize, Zeroizing};

use crate::crypto::entropy::{Entropy, NoEntropy};
use crate::crypto::hash::Hash;
use crate::crypto::labels;

const SECRET_PREFIX: &str = "age-secret-key-";
const PUBLIC_PREFIX: &str = "age";

/// The prime 2^255 − 19, little-endian: a canonical coordinate is below it.
const PRIME: [u8; 32] = {
    let mut p = [0xff; 32];
    p[31] = 0x7f;
    with_lowest(p, 0xed)
};

const fn with_lowest(mut bytes: [u8; 32], lowest: u8) -> [u8; 32] {
    bytes[0] = lowest;
    bytes
}

/// The canonical coordinates of points of small order: with any of them the shared secret is zero
/// for everybody: 0, 1, p − 1 and two of order eight. Source: <https://cr.yp.to/ecdh.html#validate>.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    with_lowest([0; 32], 1),
    with_lowest(PRIME, 0xec),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
];

/// A text that is not an age identity or recipient as we write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// Not `age1…` in lower-case Bech32 over 32 bytes.
    #[error("not an age recipient (age1… in lower case)")]
    Recipient,
    /// A point that is not canonical or of small order.
    #[error("the recipient is a weak or ambiguous point")]
    WeakPoint,
    /// Not `AGE-SECRET-KEY-1…` in upper-case Bech32 over 32 bytes.
    #[error("not an age identity (AGE-SECRET-KEY-1… in upper case)")]
    Identity,
}

/// Whom something is sealed to: an X25519 public key, `age1…`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipient([u8; 32]);

impl Recipient {
    /// A recipient from its 32 bytes.
    ///
    /// # Errors
    /// [`NotAKey::WeakPoint`] when the point is not canonical or of small order.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, NotAKey> {
        let below_prime = bytes.iter().rev().lt(PRIME.iter().rev());
        if below_prime && !SMALL_ORDER.contains(&bytes) {
            Ok(Self(bytes))
        } else {
            Err(NotAKey::WeakPoint)
        }
    }

    /// The public key's 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = Hrp::parse(PUBLIC_PREFIX).map_err(|_| fmt::Error)?;
        bech32::encode_lower_to_fmt::<Bech32, _>(f, prefix, &self.0).map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Recipient {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let bytes = decode(text, PUBLIC_PREFIX).ok_or(NotAKey::Recipient)?;
        let recipient = Self::from_bytes(*bytes)?;
        if recipient.to_string() == text { Ok(recipient) } else { Err(NotAKey::Recipient) }
    }
}

impl Serialize for Recipient {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Recipient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A secret X25519 key, `AGE-SECRET-KEY-1…`: a one-time key of a bid, or a custodian's for a unit.
///
/// Zeroised on drop, never printed by `Debug`, not cloneable.
pub struct Identity(Zeroizing<[u8; 32]>);

impl Identity {
    /// A fresh identity.
    ///
    /// # Errors
    /// [`NoEntropy`] when the source fails.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        let mut secret = Zeroizing::new([0; 32]);
        entropy.fill(secret.as_mut())?;
        Ok(Self(secret))
    }

    /// The identity with these raw bytes, for example a combined Shamir secret.
    #[must_use]
    pub const fn from_bytes(secret: Zeroizing<[u8; 32]>) -> Self {
        Self(secret)
    }

    /// The raw bytes: what Shamir's scheme divides.
    #[must_use]
    pub fn secret_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The text form, `AGE-SECRET-KEY-1…`, as `age -i` reads it.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<String> {
        let mut out = Zeroizing::new(String::with_capacity(80));
        let prefix = Hrp::parse_unchecked(SECRET_PREFIX);
        #[expect(clippy::expect_used, reason = "nothing is better than half a key")]
        bech32::encode_upper_to_fmt::<Bech32, _>(&mut *out, prefix, &self.0[..])
            .expect("32 bytes are never too long, and a String takes them");
        out
    }

    /// The recipient whose files this identity opens.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        let text = self.to_age().to_public().to_string();
        Recipient(decode(&text, PUBLIC_PREFIX).map_or([0; 32], |bytes| *bytes))
    }

    /// The same key as the age crate holds it.
    #[expect(clippy::expect_used, reason = "the text is our own encoding of 32 bytes")]
    pub(super) fn to_age(&self) -> age::x25519::Identity {
        self.encode().parse().expect("an encoded identity parses")
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

impl FromStr for Identity {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let identity = Self(decode(text, SECRET_PREFIX).ok_or(NotAKey::Identity)?);
        if *identity.encode() == text { Ok(identity) } else { Err(NotAKey::Identity) }
    }
}

/// The 32 bytes behind a Bech32 text of either case with this prefix.
fn decode(text: &str, prefix: &str) -> Option<Zeroizing<[u8; 32]>> {
    let (found, mut data) = bech32::decode(text).ok()?;
    let mut out = Zeroizing::new([0; 32]);
    let fits = found.to_lowercase() == prefix && data.len() == 32;
    if fits {
        out.copy_from_slice(&data);
    }
    data.zeroize();
    fits.then_some(out)
}

/// A custodian's identity for one unit (protocol §5.4): it derives again from the seed, so that
/// nothing about a unit has to be kept.
#[must_use]
pub fn unit_identity(seed: &[u8; 32], unit_id: &Hash) -> Identity {
    Identity(derive(&[], seed, &[labels::UNIT_KEY.as_bytes(), unit_id.as_bytes()]))
}

/// HKDF-SHA256 to 32 bytes (RFC 5869), `info` being its parts one after the other.
#[must_use]
#[expect(clippy::expect_used, reason = "32 bytes are one block of SHA-256: ring cannot refuse")]
pub fn derive(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(secret)
        .expand(info, hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(out.as_mut()))
        .expect("HKDF-SHA256 gives 32 bytes");
    out
}
