//! What a bidder signs, and how the record tells of it (protocol §2).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::statement::Body;
use crate::ids::{BidId, EnterpriseId, UnitId};

/// A file named by its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobRef {
    /// Of the ciphertext.
    pub sha256: Hash,
    /// Of the ciphertext, in bytes.
    pub size: u64,
}

/// The signed description of an envelope: all that is needed to accept it, nothing of what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The sealed envelope.
    pub bid: BlobRef,
    /// Which bid; one id for all versions.
    pub bid_id: BidId,
    /// SHA-256 of the text of the last manifest or withdrawal; absent in the first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prev_sha256: Option<Hash>,
    /// `age1…` of the one-time identity that opens the envelope.
    pub seal_recipient: String,
    /// From 1, rising.
    pub seq: u32,
    /// SHA-256 of each sealed share, in the order of the unit's recipients.
    pub shares: Vec<Hash>,
    /// For which unit.
    pub unit_id: UnitId,
}

impl Body for Manifest {
    const TYPE: &'static str = "sealbid/manifest/v1";
}

/// A bidder takes its bid back before the deadline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// The manifest withdrawn.
    pub manifest_sha256: Hash,
    /// One above that manifest's.
    pub seq: u32,
    /// In which unit.
    pub unit_id: UnitId,
}

impl Body for Withdrawal {
    const TYPE: &'static str = "sealbid/withdrawal/v1";
}

/// The structured part of a bid that the opening reads out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// ISO 4217.
    pub currency: String,
    /// Days to perform.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration_days: Option<u32>,
    /// A decimal; absent in a technical envelope.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub price: Option<String>,
    /// What else is promised, in words.
    pub promises: Vec<String>,
}

/// The first member of a sealed envelope's payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BidJson {
    /// As in the manifest.
    pub bid_id: BidId,
    /// Who seals. Must be who signs the manifest: a copied envelope names its author.
    pub bidder: EnterpriseId,
    /// The offer.
    pub offer: Offer,
    /// As in the manifest.
    pub seq: u32,
    /// As in the manifest.
    pub unit_id: UnitId,
}

/// Events of the record about bids: one line of canonical JSON each, sealed until the opening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum BidEvent {
    /// A bid was accepted. This event's receipt is the bidder's proof.
    #[serde(rename = "sealbid/accepted/v1")]
    Accepted {
        /// When its last byte was in.
        arrived_at: Time,
        /// The custodian's `lodged` statement, when it came through one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        lodged: Option<String>,
        /// The whole signed manifest.
        manifest: String,
        /// Of the manifest's text.
        manifest_sha256: Hash,
        /// In which unit.
        unit_id: UnitId,
    },
    /// A bid was withdrawn.
    #[serde(rename = "sealbid/withdrawn/v1")]
    Withdrawn {
        /// When its last byte was in.
        arrived_at: Time,
        /// The manifest withdrawn.
        manifest_sha256: Hash,
        /// In which unit.
        unit_id: UnitId,
        /// The whole signed withdrawal.
        withdrawal: String,
    },
    /// A well-signed statement was refused.
    #[serde(rename = "sealbid/refused/v1")]
    Refused {
        /// When its last byte was in.
        arrived_at: Time,
        /// The stable code of the reason.
        code: String,
        /// `bidder` or `platform`.
        fault: Fault,
        /// The clock was doubted: a witness disagreed by more than two seconds.
        provisional: bool,
        /// The whole signed statement.
        statement: String,
        /// In which unit.
        unit_id: UnitId,
    },
}

/// Who answers for a failure. Bidder: the bid counts as revoked 撤销; platform: as withdrawn 撤回.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The bidder.
    Bidder,
    /// The platform.
    Platform,
}
