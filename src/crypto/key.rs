//! Ed25519 keys with their names (c2sp.org/signed-note).
//!
//! Invariant: a [`VerifyingKey`] has one spelling, and its name and kind are part of what it signs
//! by: the same 32 bytes under another name are another key.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::hash::Hash;

/// Why a text or bytes are not a key, or the key is not one for this use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Its name.
    #[error("not a key: its name is empty, not printable ASCII, or holds a plus")]
    Name,
    /// Not name, id and material.
    #[error("not a key: it has not three parts")]
    Parts,
    /// Material in another spelling.
    #[error("not a key: not base64")]
    Base64,
    /// A type that is not known here.
    #[error("not a key: of an unknown type")]
    Kind,
    /// Material of another length.
    #[error("not a key: not 32 bytes")]
    Length,
    /// Name and material belong to another id.
    #[error("not a key: its id differs")]
    Id,
    /// A seed that the library refuses.
    #[error("not a private key")]
    Private,
    /// A witness's key where a statement is to be signed.
    #[error("a cosigning key does not sign statements")]
    NotForStatements,
    /// Another's key where a witness's is needed.
    #[error("a statement key does not cosign")]
    NotForCosigning,
}

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyKind {
    /// 0x01: plain Ed25519 over the note's text.
    Statement,
    /// 0x04: a timestamped cosignature over a checkpoint (c2sp.org/tlog-cosignature).
    Cosignature,
}

impl KeyKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Statement => 0x01,
            Self::Cosignature => 0x04,
        }
    }
}

/// A public key with its name; in text `name+id+base64`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VerifyingKey {
    name: String,
    kind: KeyKind,
    public: [u8; 32],
}

impl VerifyingKey {
    /// A key from its parts.
    ///
    /// # Errors
    /// [`KeyError`] when the name is not one a note may carry.
    pub fn new(name: &str, kind: KeyKind, public: [u8; 32]) -> Result<Self, KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::Name);
        }
        Ok(Self { name: name.to_owned(), kind, public })
    }

    /// The key's name: `<origin>/<role>/<id>`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the key signs.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The raw 32-byte public key.
    #[must_use]
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The short id that signature lines carry; an index, not a proof.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let hash =
            Hash::of_parts(&[self.name.as_bytes(), b"\n", &[self.kind.byte()], &self.public]);
        let [a, b, c, d, ..] = *hash.as_bytes();
        [a, b, c, d]
    }

    /// Whether `signature` is this key's raw Ed25519 signature over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(message, signature).is_ok()
    }
}

/// Names are ASCII without space or plus (protocol §5.5).
pub(super) fn is_key_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && name.bytes().all(|b| b.is_ascii_graphic() && b != b'+')
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut material = vec![self.kind.byte()];
        material.extend_from_slice(&self.public);
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), BASE64.encode(material))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VerifyingKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(KeyError::Parts);
        };
        let material = BASE64.decode(material).map_err(|_| KeyError::Base64)?;
        let (kind, public) = match material.split_first() {
            Some((1, rest)) => (KeyKind::Statement, rest),
            Some((4, rest)) => (KeyKind::Cosignature, rest),
            _ => return Err(KeyError::Kind),
        };
        let public = public.try_into().map_err(|_| KeyError::Length)?;
        let key = Self::new(name, kind, public)?;
        if hex::encode(key.id()) == id { Ok(key) } else { Err(KeyError::Id) }
    }
}

impl Serialize for VerifyingKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VerifyingKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A private Ed25519 key with its name. Not printable, not copyable.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    verifying: VerifyingKey,
}

impl SigningKey {
    /// The key of a 32-byte seed (RFC 8032 private key).
    ///
    /// # Errors
    /// [`KeyError`] when the name is not one a note may carry.
    pub fn from_seed(name: &str, kind: KeyKind, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Private)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Length)?;
        Ok(Self { pair, verifying: VerifyingKey::new(name, kind, public)? })
    }

    /// The public half.
    #[must_use]
    pub const fn verifying(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// The raw signature over `message`.
    #[must_use]
    pub fn sign_raw(&self, message: &[u8]) -> [u8; 64] {
        let mut out = [0; 64];
        let signature = self.pair.sign(message);
        out.iter_mut().zip(signature.as_ref()).for_each(|(o, s)| *o = *s);
        out
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, redacted)", self.verifying.name)
    }
}
