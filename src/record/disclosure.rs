//! Who may be shown an entry's salt and event. The leaf itself is everybody's.
//!
//! Invariant: a sealed entry is shown to nobody but its author before its unit's opening, void or
//! lapse is on the record, the regulator included (protocol.md §1). Afterwards it is the regulator's: the
//! opening itself carries what the public needs, and withdrawn bidders stay unnamed. Who orders second
//! envelopes sees more of them, by another door: `opening::disclosed::lines`.

use std::fmt;
use std::str::FromStr;

use crate::ids::UnitId;

/// An entry's level of disclosure, fixed when it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Everybody, at once: all decisive acts.
    Public,
    /// Those who take part in the matter, and the regulator.
    Parties,
    /// The regulator.
    Regulator,
    /// Nobody until this unit's opening, void or lapse is recorded, then the regulator.
    Sealed(UnitId),
}

/// What somebody is to one entry; whoever asks the question has found it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Nothing in particular.
    Anyone,
    /// He takes part in the entry's matter: its tender's buyer, a bidder of its unit.
    Party,
    /// The supervising authority of the matter.
    Regulator,
    /// The entry is his own act: its answer held the salt.
    Author,
}

/// Whether `reader` may see the salt and event of an entry of `level`; `is_over` says of a unit
/// whether its opening, its void or its lapse stands on the record.
pub fn may_see(level: &Level, reader: Reader, is_over: impl FnOnce(&UnitId) -> bool) -> bool {
    match (level, reader) {
        (Level::Public, _)
        | (_, Reader::Author)
        | (Level::Parties, Reader::Party | Reader::Regulator)
        | (Level::Regulator, Reader::Regulator) => true,
        (Level::Sealed(unit), Reader::Regulator) => is_over(unit),
        (Level::Parties | Level::Regulator | Level::Sealed(_), Reader::Anyone | Reader::Party) => {
            false
        }
    }
}

/// A stored text that is no level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not public, parties, regulator or sealed:<unit>")]
pub struct NotALevel;

impl fmt::Display for Level {
    /// The stored form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::Parties => f.write_str("parties"),
            Self::Regulator => f.write_str("regulator"),
            Self::Sealed(unit) => write!(f, "sealed:{unit}"),
        }
    }
}

impl FromStr for Level {
    type Err = NotALevel;

    fn from_str(text: &str) -> Result<Self, NotALevel> {
        match text {
            "public" => Ok(Self::Public),
            "parties" => Ok(Self::Parties),
            "regulator" => Ok(Self::Regulator),
            other => {
                let unit = other.strip_prefix("sealed:").ok_or(NotALevel)?;
                unit.parse().map(Self::Sealed).map_err(|_| NotALevel)
            }
        }
    }
}
