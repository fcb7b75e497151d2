//! The reasons of this room in sentences of both languages: they stand within another sentence, and no
//! word of the program's own reaches people.

use super::chain::ChainError;
use super::home::HomeError;
use super::roster::{NotACustodianId, RosterError};
use crate::error::{Reason, Said};

impl Reason for RosterError {
    fn said(&self) -> Said {
        match self {
            Self::Range => Said::bare("custodian-say-roster-range"),
            Self::NotDistinct => Said::bare("custodian-say-roster-twice"),
            Self::KeyMisused(name) => {
                Said::new("custodian-say-roster-key", vec![("name", name.as_str().into())])
            }
            Self::Chain => Said::bare("custodian-say-roster-chain"),
            Self::Signatures(error) => {
                Said::new("custodian-say-signatures", vec![("reason", error.arg())])
            }
            Self::Quorum => Said::bare("custodian-say-roster-quorum"),
            Self::Record => Said::bare("custodian-say-roster-record"),
            Self::SeedAgain => Said::bare("custodian-say-roster-seed"),
        }
    }
}

impl Reason for NotACustodianId {
    fn said(&self) -> Said {
        Said::bare("custodian-say-no-id")
    }
}

impl Reason for ChainError {
    fn said(&self) -> Said {
        match self {
            Self::Statement { place, reason } => Said::new(
                "custodian-say-chain-statement",
                vec![("place", place.to_string().into()), ("reason", reason.arg())],
            ),
            Self::Roster { version, reason } => Said::new(
                "custodian-say-chain-roster",
                vec![("version", i64::from(*version).into()), ("reason", reason.arg())],
            ),
            Self::Succession(error) => {
                Said::new("custodian-say-chain-succession", vec![("reason", error.arg())])
            }
            Self::Empty => Said::bare("custodian-say-chain-empty"),
        }
    }
}

impl Reason for HomeError {
    fn said(&self) -> Said {
        let file = |path: &std::path::Path, reason| {
            let path = path.display().to_string().into();
            Said::new("custodian-say-home-file", vec![("path", path), ("reason", reason)])
        };
        match self {
            Self::Io { path, source } => file(path, source.arg()),
            Self::Seed(error) => Said::of(error),
            Self::Content { path, reason } => file(path, reason.clone()),
            Self::LostState => Said::bare("custodian-say-home-lost"),
            Self::Exists(path) => {
                let path = path.display().to_string().into();
                Said::new("custodian-say-home-exists", vec![("path", path)])
            }
            Self::InUse(path) => {
                let path = path.display().to_string().into();
                Said::new("custodian-say-home-in-use", vec![("path", path)])
            }
            Self::Whole(path) => {
                let path = path.display().to_string().into();
                Said::new("custodian-say-home-whole", vec![("path", path)])
            }
            Self::NotEnrolled => Said::bare("custodian-say-home-other"),
        }
    }
}
