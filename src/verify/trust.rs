//! What the reader trusts from elsewhere: the SHA-256 of a roster, or the regulator's key.

use std::fmt;
use std::str::FromStr;

use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;

/// A pin. Without one, an invented case with its own regulator looks like a true one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// SHA-256 of a roster's text, as the regulator printed it.
    Roster(Hash),
    /// The key that signed the first roster.
    Regulator(VerifyingKey),
}

/// A text that is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither the SHA-256 of a roster nor a regulator's key of the form name+id+base64")]
pub struct NotAPin;

impl FromStr for Trust {
    type Err = NotAPin;

    fn from_str(text: &str) -> Result<Self, NotAPin> {
        let hash = text.parse().map(Self::Roster);
        hash.or_else(|_| text.parse().map(Self::Regulator)).map_err(|_| NotAPin)
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Roster(sha256) => sha256.fmt(f),
            Self::Regulator(key) => key.fmt(f),
        }
    }
}
