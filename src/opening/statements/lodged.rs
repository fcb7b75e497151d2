//! What custodians say about bids lodged with them, and how the platform asks.

use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::statement::Body;
use crate::custodian::roster::CustodianId;
use crate::ids::{EnterpriseId, UnitId};

/// A custodian received a whole bid while the portal did not answer: a receipt's force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lodged {
    /// When its last byte was in, by the custodian's clock.
    pub arrived_at: Time,
    /// Whose: two bidders may sign one text.
    pub bidder: EnterpriseId,
    /// Who received it.
    pub custodian: CustodianId,
    /// Of the manifest's text.
    pub manifest_sha256: Hash,
    /// For which unit.
    pub unit_id: UnitId,
}

impl Body for Lodged {
    const TYPE: &'static str = "sealbid/lodged/v1";
}

/// The platform asks a custodian, after the deadline, for what bidders brought to it, or for its
/// identity. Never recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// For what: a question for one thing gives nobody the other.
    pub about: QueryAbout,
    /// When it asks: an agent answers within a day by its own clock, and none from before the hour.
    pub at: Time,
    /// Whom it asks: no other custodian can pass the question on.
    pub custodian: CustodianId,
    /// About which unit.
    pub unit_id: UnitId,
}

impl Body for Query {
    const TYPE: &'static str = "sealbid/query/v1";
}

/// What the platform asks a custodian for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueryAbout {
    /// The bids lodged with it.
    Lodged,
    /// The open challenges shown to it.
    Challenges,
    /// The unit's identity.
    Release,
}
