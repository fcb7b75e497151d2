//! Every identifier: 128 random bits printed with a prefix, made by us and never by the database.
//!
//! Random and not ordered: ordered ids leak submission times and the number of bids. The unit's id
//! is a hash of its draft instead (protocol §5.3); a draft made under an Idempotency-Key has one that
//! derives from it, so that a repeat finds it however long ago it was made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::crypto::entropy::{self, Entropy, NoEntropy};
use crate::crypto::hash::Hash;

/// A text that is not an identifier of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier of the form {prefix}_ and 32 lower-case hexadecimal digits")]
pub struct NotAnId {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// What stands before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new random identifier.
            ///
            /// # Errors
            /// [`NoEntropy`] when the source fails.
            pub fn random(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
                entropy::array(entropy).map(Self)
            }

            /// The identifier of what this hash names: the same again whenever it is asked for.
            #[must_use]
            pub fn of(hash: &Hash) -> Self {
                let mut bytes = [0; 16];
                bytes.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
                Self(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let wrong = NotAnId { prefix: $prefix };
                let digits = text.strip_prefix(concat!($prefix, "_")).ok_or(wrong.clone())?;
                if digits.len() != 32 || digits.bytes().any(|b| b.is_ascii_uppercase()) {
                    return Err(wrong);
                }
                let mut bytes = [0; 16];
                hex::decode_to_slice(digits, &mut bytes).map_err(|_| wrong)?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A registered enterprise or organisation.
    EnterpriseId = "ent";
    /// A running instance of the platform.
    InstanceId = "ins";
    /// A tender.
    TenderId = "tnd";
    /// A lot of a tender.
    LotId = "lot";
    /// A bid: all envelopes of one bidder for one lot.
    BidId = "bid";
    /// An upload of ciphertext in progress or complete.
    UploadId = "upl";
    /// A document of a tender, readable without login.
    DocumentId = "doc";
    /// A login session.
    SessionId = "ses";
    /// An expert of a library: what is drawn is this id, never a name.
    ExpertId = "exp";
    /// A library of experts.
    LibraryId = "lib";
    /// A draw. Salts of its pools are bound to it, so that no leaf of one draw is known in the next.
    DrawId = "drw";
}

/// An opening unit (tender + lot + stage): SHA-256 over its canonical draft.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnitId(pub Hash);

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for UnitId {
    type Err = crate::crypto::hash::NotAHash;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}
