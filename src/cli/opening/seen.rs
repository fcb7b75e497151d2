//! What a unit shows of itself to those who have a word in its opening.

use serde::Deserialize;

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::note::Note;
use crate::custodian::roster::CustodianId;

use crate::cli::failed::Failed;
use crate::cli::words::state_word;
use crate::error::Arg;

/// What a unit shows of its end.
#[derive(Clone, Debug, Deserialize)]
pub struct Seen {
    /// Where it stands.
    pub state: String,
    /// What it waits for once its deadline has passed and before its close is asked.
    #[serde(default)]
    pub waits_for: Option<String>,
    /// The deadline in force.
    pub deadline: Time,
    /// The unit's note with everybody's signatures.
    pub unit: String,
    /// Effective amendments, in order.
    #[serde(default)]
    pub amendments: Vec<String>,
    /// The amendment that is asked of the custodians now.
    #[serde(default)]
    pub pending: Option<String>,
    /// The effective close.
    #[serde(default)]
    pub close: Option<String>,
    /// The order of second envelopes.
    #[serde(default)]
    pub order: Option<String>,
    /// The regulator's suspensions, in order.
    #[serde(default)]
    pub suspensions: Vec<String>,
    /// What custodians found of challenges, in order.
    #[serde(default)]
    pub challenges: Vec<String>,
    /// Of a proposed unit: what each custodian last answered.
    #[serde(default)]
    pub answers: Vec<LastAnswer>,
}

/// What a custodian last answered about a proposed unit.
#[derive(Clone, Debug, Deserialize)]
pub struct LastAnswer {
    /// Who.
    pub custodian: CustodianId,
    /// `signed`, the code of a refusal, or what came instead.
    pub answer: String,
}

impl Seen {
    /// The word for where it stands: one whose deadline has passed takes no bids.
    pub(in crate::cli) fn state_word(&self) -> Arg {
        match self.waits_for {
            Some(_) => Arg::Word("cli-say-state-past"),
            None => state_word(&self.state),
        }
    }

    /// The sentence about what it waits for once its deadline has passed.
    pub(super) fn waits(&self) -> Option<&'static str> {
        match self.waits_for.as_deref()? {
            "close" => Some("cli-say-waits-close"),
            "amendment" => Some("cli-say-waits-amendment"),
            "outage" => Some("cli-say-waits-outage"),
            "cancellation" => Some("cli-say-waits-cancellation"),
            _ => None,
        }
    }

    /// SHA-256 of the last effective amendment, or of the unit.
    pub(in crate::cli) fn last_sha256(&self) -> Result<Hash, Failed> {
        let last = self.amendments.last().unwrap_or(&self.unit);
        Ok(Note::parse(last.as_bytes()).map_err(super::wrong)?.sha256())
    }
}
