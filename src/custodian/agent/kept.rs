//! What an agent never forgets of a unit: what it signed, what was lodged with it, what it was shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::custodian::wire::Shown;
use crate::ids::EnterpriseId;
use crate::opening::rules::challenge::{Told, is_in_time};
use crate::opening::rules::lodged::Word;
use crate::opening::statements::SuspensionState;
use crate::tender::statements::Unit;

use super::refusal::Refusal;

/// What an agent never forgets of a unit it signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Number of the last amendment it signed; 0 for none.
    pub amendment_no: u32,
    /// The note by which its buyer cancelled it: nothing more is signed or handed out for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cancelled: Option<String>,
    /// Challenges by line.
    pub challenges: BTreeMap<String, KeptChallenge>,
    /// SHA-256 of the one close it signed, or took over with q signatures of others.
    pub close: Option<Hash>,
    /// The deadline of the unit and the amendments it signed.
    pub deadline: Time,
    /// SHA-256 of the last amendment it signed, or of the unit.
    pub last_sha256: Hash,
    /// Bids lodged with it, by their [`lodged_line`](crate::opening::rules::lodged::lodged_line).
    pub lodged: BTreeMap<String, KeptBid>,
    /// The hour of opening of the unit and the amendments it signed.
    pub open_at: Time,
    /// Whether it signed this unit in its present life; false for one met after `--recover`.
    pub signed: bool,
    /// The regulator's last word.
    pub suspension: Option<(u32, SuspensionState)>,
    /// The unit's note as last shown.
    pub unit: String,
    /// When the challenge window ends, once the record showed it.
    pub window_end: Option<Time>,
}

impl Kept {
    /// A unit as it is met: nothing is kept of it yet, least of all that this life signed it.
    pub(super) fn met(unit: &Statement<Unit>) -> Self {
        Self {
            amendment_no: 0,
            cancelled: None,
            challenges: BTreeMap::new(),
            close: None,
            deadline: unit.body().deadline,
            last_sha256: unit.sha256(),
            lodged: BTreeMap::new(),
            open_at: unit.body().open_at,
            signed: false,
            suspension: None,
            unit: unit.encode(),
            window_end: None,
        }
    }

    /// Demands that its buyer has not cancelled it.
    pub(super) const fn require_standing(&self) -> Result<(), Refusal> {
        if self.cancelled.is_some() { Err(Refusal::Cancelled) } else { Ok(()) }
    }
}

/// A bid that was lodged: enough to sign the same word about it again, and to tell a rightful refusal
/// from a wrong one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptBid {
    /// When its last byte was in.
    pub arrived_at: Time,
    /// Whose.
    pub bidder: EnterpriseId,
    /// The statements by which the agent knew the bidder's key.
    pub credentials: Vec<String>,
    /// Whether its file is still needed.
    pub file: KeptFile,
    /// The manifest's note, as it came.
    pub manifest: String,
    /// Of the sealed payload, in bytes.
    pub size: u64,
}

impl KeptBid {
    /// As the rules judge it.
    pub(super) fn word(&self) -> Option<Word> {
        let manifest = Statement::parse(self.manifest.as_bytes()).ok()?;
        let (arrived_at, credentials) = (self.arrived_at, self.credentials.clone());
        Some(Word { arrived_at, manifest, bidder: self.bidder, credentials })
    }
}

/// Whether the file of a lodged bid is still needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeptFile {
    /// The bid is in the close, or nothing is settled yet.
    Needed,
    /// The close this agent signed rightly leaves it out.
    Needless,
}

/// A challenge that an agent judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeptChallenge {
    /// Valid and unanswered: no release, ever, unless the platform answers.
    Open {
        /// What was shown.
        account: Box<Shown>,
        /// When; what came after the window's end stops nothing once that is known.
        received_at: Time,
        /// What it says.
        told: Told,
    },
    /// Valid and too late: a finding, and the same one whenever it is shown.
    Late {
        /// When it was shown first.
        received_at: Time,
        /// What it says.
        told: Told,
    },
    /// The platform showed the bidder's later statement.
    Answered {
        /// When: later than the challenge was, whatever the clock did.
        received_at: Time,
    },
}

impl KeptChallenge {
    /// What was told, as long as nothing answered it.
    pub(super) const fn told(&self) -> Option<&Told> {
        match self {
            Self::Open { told, .. } | Self::Late { told, .. } => Some(told),
            Self::Answered { .. } => None,
        }
    }

    /// Whether it keeps the unit's identity from leaving.
    #[must_use]
    pub fn stops(&self, window_end: Option<Time>) -> bool {
        matches!(self, Self::Open { received_at, .. } if is_in_time(*received_at, window_end))
    }
}
