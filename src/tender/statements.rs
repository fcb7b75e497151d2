//! What a procuring entity, the platform and the custodians sign about a tender: the notice, its
//! opening units, and amendments that move a deadline later (protocol §2).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::json::{self, JsonError, Texts};
use crate::crypto::labels;
use crate::crypto::statement::Body;
use crate::custodian::roster::CustodianId;
use crate::ids::{DocumentId, EnterpriseId, LotId, TenderId, UnitId};

/// Which envelopes open together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// One envelope with everything.
    Single,
    /// The first of two envelopes.
    Technical,
    /// The second of two envelopes.
    Commercial,
}

impl Stage {
    /// Its word in statements and columns.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Technical => "technical",
            Self::Commercial => "commercial",
        }
    }
}

/// When custodians release a unit's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseBy {
    /// At `open_at`.
    Time,
    /// After an order of procuring entity and regulator: second envelopes.
    Order,
}

/// A custodian's age recipient for one unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitRecipient {
    /// Whose.
    pub custodian: CustodianId,
    /// `age1…`.
    pub recipient: String,
}

/// The one suite in use: age X25519 for files, Shamir over GF(256) for the identity.
pub const SUITE: &str = "age-x25519-shamir256-v1";

/// An opening unit: what opens together, when, and whose keys it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Milliseconds, from the cosigned close, in which a bidder may challenge.
    pub challenge_ms: i64,
    /// Bids arriving at or after this instant are late.
    pub deadline: Time,
    /// When the platform drafted it. A custodian signs within the hour, and one that lost its state
    /// signs nothing issued before: so it never meets again a unit whose close it may have signed.
    pub issued_at: Time,
    /// The lot.
    pub lot: LotId,
    /// With fewer bids than this the unit is never opened.
    pub min: u32,
    /// 32 random bytes in hexadecimal: two units never share an id.
    pub nonce: Hash,
    /// No key is released before this instant.
    pub open_at: Time,
    /// The procuring entity.
    pub procuring_entity: EnterpriseId,
    /// One per custodian of the roster, in its order. Absent in a draft.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub recipients: Vec<UnitRecipient>,
    /// What makes custodians release.
    pub release: ReleaseBy,
    /// The roster this unit stands on.
    pub roster_sha256: Hash,
    /// Which envelope.
    pub stage: Stage,
    /// [`SUITE`].
    pub suite: String,
    /// How many custodians open.
    pub t: u8,
    /// The tender.
    pub tender: TenderId,
}

impl Body for Unit {
    const TYPE: &'static str = "sealbid/unit/v1";
}

impl Unit {
    /// The unit's id: SHA-256 over its canonical draft, so recipients can be derived from it.
    ///
    /// # Errors
    /// [`JsonError`] when the draft holds what statements must not hold.
    pub fn id(&self) -> Result<UnitId, JsonError> {
        let draft = Self { recipients: Vec::new(), ..self.clone() };
        let text = json::write(&draft, Texts::Plain)?;
        Ok(UnitId(Hash::of_parts(&[labels::UNIT.as_bytes(), text.as_bytes()])))
    }
}

/// Why an amendment is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum AmendmentReason {
    /// The procuring entity postpones.
    Postponed {
        /// In words.
        text: String,
    },
    /// A registered outage of the platform: the platform and q custodians suffice.
    Outage {
        /// When it began.
        from: Time,
        /// When it ended.
        until: Time,
        /// In words.
        text: String,
    },
}

/// Moves a unit's deadline later, never earlier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amendment {
    /// The new deadline.
    pub deadline: Time,
    /// From 1.
    pub no: u32,
    /// The new hour of opening.
    pub open_at: Time,
    /// SHA-256 of the amendment before, or of the unit.
    pub prev_sha256: Hash,
    /// Why.
    pub reason: AmendmentReason,
    /// Which unit.
    pub unit_id: UnitId,
}

impl Body for Amendment {
    const TYPE: &'static str = "sealbid/amendment/v1";
}

/// An operator registers the outage that the platform measured over a unit's deadline. Its times are
/// the platform's to measure, and stand in the amendment that follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// SHA-256 of the last effective amendment, or of the unit: for one deadline and no other.
    pub prev_sha256: Hash,
    /// What happened, for people.
    pub text: String,
    /// Which unit.
    pub unit_id: UnitId,
}

impl Body for Outage {
    const TYPE: &'static str = "sealbid/outage/v1";
}

/// A document of a tender, readable by anybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentRef {
    /// Its id.
    #[schema(value_type = String)]
    pub document: DocumentId,
    /// Its file name.
    pub name: String,
    /// Of its content.
    #[schema(value_type = String)]
    pub sha256: Hash,
    /// Bytes.
    pub size: u64,
}

/// One lot as the notice names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LotNotice {
    /// Its id.
    pub lot: LotId,
    /// For people.
    pub title: String,
    /// Its opening units, one per stage.
    pub units: Vec<UnitId>,
}

/// The notice that publishes a tender, signed by the procuring entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// What bidders read.
    pub documents: Vec<DocumentRef>,
    /// What is bought, in lots.
    pub lots: Vec<LotNotice>,
    /// The procuring entity.
    pub procuring_entity: EnterpriseId,
    /// SHA-256 of the rule pack's file, which computed the timeline.
    pub rule_pack_sha256: Hash,
    /// The tender.
    pub tender: TenderId,
    /// For people.
    pub title: String,
}

impl Body for Notice {
    const TYPE: &'static str = "sealbid/notice/v1";
}
