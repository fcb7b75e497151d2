//! The short names within a draw: labels of strata, codes of specialties and regions, contributors.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::custodian::roster::CustodianId;
use crate::ids::EnterpriseId;

/// A stratum's label: `[a-z0-9-]`, 1 to 32 characters (protocol §5.11). It stands between slashes in the
/// key of the stratum's selection, so two labels never make one key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(String);

/// A text that is no label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a label is 1 to 32 characters of a-z, 0-9 and hyphen")]
pub struct NotALabel;

/// A code of a tree, of specialties or of regions: `[A-Z0-9]`, 1 to 16 characters. What begins with it
/// stands below it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(String);

/// A text that is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a code is 1 to 16 characters of A-Z and 0-9")]
pub struct NotACode;

impl Code {
    /// Whether `other` is this code or stands below it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl FromStr for Label {
    type Err = NotALabel;

    fn from_str(text: &str) -> Result<Self, NotALabel> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(plain);
        fits.then(|| Self(text.to_owned())).ok_or(NotALabel)
    }
}

impl FromStr for Code {
    type Err = NotACode;

    fn from_str(text: &str) -> Result<Self, NotACode> {
        let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        let fits = (1..=16).contains(&text.len()) && text.bytes().all(plain);
        fits.then(|| Self(text.to_owned())).ok_or(NotACode)
    }
}

macro_rules! as_texts {
    ($($name:ident),*) => {$(
        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

as_texts!(Label, Code);

/// Who contributes randomness to a draw.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contributor {
    /// A custodian of the unit's roster.
    Custodian(CustodianId),
    /// The procuring entity.
    ProcuringEntity(EnterpriseId),
    /// The platform.
    Platform,
}

impl Contributor {
    /// Whether it is a custodian: t of these must contribute, for nobody else is independent.
    #[must_use]
    pub const fn is_custodian(&self) -> bool {
        matches!(self, Self::Custodian(_))
    }
}

impl fmt::Display for Contributor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Custodian(id) => fmt::Display::fmt(id, f),
            Self::ProcuringEntity(id) => fmt::Display::fmt(id, f),
            Self::Platform => f.write_str("platform"),
        }
    }
}
