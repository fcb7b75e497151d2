//! What is signed from the deadline to the opening, and how the record tells of it (protocol §2).

mod lapse;
mod lodged;
mod shares;

use serde::{Deserialize, Serialize};

pub use lapse::LapseReason;
use utoipa::ToSchema;

pub use self::lodged::{Lodged, Query, QueryAbout};
pub use self::shares::{ShareCode, ShareFault, SharesFound};

use crate::bid::statements::{Fault, Offer};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::json::Texts;
use crate::crypto::statement::Body;
use crate::custodian::roster::CustodianId;
use crate::custodian::wire::Shown;
use crate::ids::{EnterpriseId, UnitId};

/// The frozen set of bids. A custodian signs at most one per unit, ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// The deadline in force. Who slept through an amendment, or forgot it, learns of it from q others.
    pub deadline: Time,
    /// One per live bid, ascending by raw bytes, without duplicates.
    pub lines: Vec<Hash>,
    /// The hour of opening in force: no key is released before.
    pub open_at: Time,
    /// The record's size at the cosigned checkpoint under which every line's accepted leaf stands.
    pub size: u64,
    /// Which unit.
    pub unit_id: UnitId,
}

impl Body for Close {
    const TYPE: &'static str = "sealbid/close/v1";
}

/// Which second envelopes open, signed by the procuring entity and the regulator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The close it selects from.
    pub close_sha256: Hash,
    /// The lines to open, a subset of the close's, ascending.
    pub lines: Vec<Hash>,
    /// Which unit.
    pub unit_id: UnitId,
}

impl Body for Order {
    const TYPE: &'static str = "sealbid/order/v1";
}

/// The regulator stops a release, or lifts the stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspension {
    /// From 1, rising: the highest holds.
    pub no: u32,
    /// In words.
    pub reason: String,
    /// Stopped or lifted.
    pub state: SuspensionState,
    /// Which unit.
    pub unit_id: UnitId,
}

/// Whether a suspension holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SuspensionState {
    /// No release.
    Suspended,
    /// Release may go on.
    Lifted,
}

impl Body for Suspension {
    const TYPE: &'static str = "sealbid/suspension/v1";
}

/// A custodian hands out its unit identity. Regulator's level; identities never become public.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The close it releases for.
    pub close_sha256: Hash,
    /// Who.
    pub custodian: CustodianId,
    /// `AGE-SECRET-KEY-1…`.
    pub identity: String,
    /// Which unit.
    pub unit_id: UnitId,
}

impl Body for Release {
    const TYPE: &'static str = "sealbid/release/v1";
}

impl std::fmt::Debug for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Release({}, {}, identity redacted)", self.unit_id, self.custodian)
    }
}

/// A bidder shows a custodian what the close denies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Challenged {
    /// Which close is challenged.
    pub close_sha256: Hash,
    /// Who judges.
    pub custodian: CustodianId,
    /// When the agent received it.
    pub received_at: Time,
    /// The line that is missing, or should not be there.
    pub line: Hash,
    /// What the agent found.
    pub verdict: Verdict,
    /// Which unit.
    pub unit_id: UnitId,
}

impl Body for Challenged {
    const TYPE: &'static str = "sealbid/challenged/v1";
}

/// What an agent found of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The close is right about this line.
    Answered,
    /// The platform must show a later statement of the same bidder before anything is released.
    Open,
    /// It came after the window: a finding, never a stop.
    Finding,
}

/// Why a unit is never opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VoidReason {
    /// Fewer lines than the unit's minimum.
    TooFew,
    /// A challenge the platform could not answer.
    Challenge,
    /// The procuring entity cancelled.
    Cancelled,
}

/// A unit fails: keys are never released, ciphertext is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Void {
    /// The close, when there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub close_sha256: Option<Hash>,
    /// Who answers for it: the platform for an unresolved challenge.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fault: Option<Fault>,
    /// Why.
    pub reason: VoidReason,
    /// Which unit.
    pub unit_id: UnitId,
}

impl Body for Void {
    const TYPE: &'static str = "sealbid/void/v1";
}

/// Why an envelope that was decrypted is not a bid. Always the bidder's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RejectCode {
    /// `bid.json` names another bidder: the signer copied that bidder's envelope.
    Copied,
    /// The payload is not a canonical archive that starts with `bid.json`.
    Garbage,
    /// `bid.json` is for another unit, bid or seq.
    WrongBinding,
    /// Its price is no positive decimal, or its currency none.
    BadOffer,
}

/// Why an envelope could not be decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailCode {
    /// A share does not open under its custodian's identity, or is not 33 bytes.
    BadShare,
    /// The combined identity does not derive the manifest's recipient: a share lies.
    WrongSecret,
    /// The envelope does not decrypt under its own identity.
    BadCiphertext,
}

/// What became of one line of the close.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LineStatus {
    /// Opened and read out.
    Opened {
        /// What was read out.
        offer: Offer,
        /// Of the whole payload as decrypted.
        payload_sha256: Hash,
    },
    /// Decrypted, but not a bid of its signer.
    Rejected {
        /// Why.
        code: RejectCode,
        /// Of whom `bid.json` speaks, when it does: the author of a copied envelope.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        named: Option<EnterpriseId>,
    },
    /// Not decrypted, by its dealer's doing.
    Failed {
        /// Why.
        code: FailCode,
        /// Whose share failed, when one does by itself.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        custodian: Option<CustodianId>,
    },
    /// A higher seq of the same chain stands in the close too: the platform's fault.
    Superseded,
    /// Two different manifests with one seq: the bidder's fault.
    Doubled,
    /// The platform lost the ciphertext and nobody re-supplied it.
    Lost,
}

impl LineStatus {
    /// Who answers for a line that did not open.
    #[must_use]
    pub const fn fault(&self) -> Option<Fault> {
        match self {
            Self::Opened { .. } => None,
            Self::Rejected { .. } | Self::Failed { .. } | Self::Doubled => Some(Fault::Bidder),
            Self::Superseded | Self::Lost => Some(Fault::Platform),
        }
    }
}

/// One line of the opening record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenedLine {
    /// When its bid arrived.
    pub arrived_at: Time,
    /// Who signed the manifest.
    pub bidder: EnterpriseId,
    /// Who answers for it, when it did not open.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fault: Option<Fault>,
    /// The line as in the close.
    pub line: Hash,
    /// The whole signed manifest.
    pub manifest: String,
    /// What became of it.
    pub outcome: LineStatus,
    /// The salt of its accepted leaf, in hexadecimal.
    pub salt: Hash,
}

/// The opening record: every line of the close, final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// The close it opens.
    pub close_sha256: Hash,
    /// Every line of the close (of the order, for second envelopes), in its order.
    pub lines: Vec<OpenedLine>,
    /// When the opening was decided.
    pub opened_at: Time,
    /// Whose identities were used: the first t valid releases in record order.
    pub releases: Vec<CustodianId>,
    /// Which unit.
    pub unit_id: UnitId,
}

impl Body for Opening {
    const TYPE: &'static str = "sealbid/opening/v1";
    // Its lines carry the manifests.
    const TEXTS: Texts = Texts::WithStatements;
}

/// Events of the record from deadline to opening that nobody signs by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum OpeningEvent {
    /// Consent is being asked for a text; recorded before any request leaves.
    #[serde(rename = "sealbid/proposed/v1")]
    Proposed {
        /// The note with the signatures it has so far.
        statement: String,
        /// Of its text.
        statement_sha256: Hash,
        /// Which unit.
        unit_id: UnitId,
    },
    /// A proposal that came to nothing; the next may differ.
    #[serde(rename = "sealbid/lapsed/v1")]
    Lapsed {
        /// Why.
        reason: LapseReason,
        /// Which proposal.
        statement_sha256: Hash,
        /// Which unit.
        unit_id: UnitId,
    },
    /// A custodian released; the identity itself stays at the regulator's level.
    #[serde(rename = "sealbid/released/v1")]
    Released {
        /// The close it released for.
        close_sha256: Hash,
        /// Who.
        custodian: CustodianId,
        /// Which unit.
        unit_id: UnitId,
    },
    /// A release that its custodian signed and that opens nothing: evidence, for the regulator.
    #[serde(rename = "sealbid/false-release/v1")]
    FalseRelease {
        /// The whole signed release.
        release: String,
        /// Which unit.
        unit_id: UnitId,
    },
    /// A blob named by the close that the platform cannot read back; its bidder may re-supply it.
    #[serde(rename = "sealbid/missing/v1")]
    Missing {
        /// The line.
        line: Hash,
        /// The ciphertext's SHA-256.
        sha256: Hash,
        /// Which unit.
        unit_id: UnitId,
    },
    /// Its bidder brought it again. Sealed until the opening, as all that bidders do.
    #[serde(rename = "sealbid/resupplied/v1")]
    Resupplied {
        /// The line.
        line: Hash,
        /// The ciphertext's SHA-256.
        sha256: Hash,
        /// Which unit.
        unit_id: UnitId,
    },
    /// What a custodian was shown when it found the close denied; sealed until the unit's end.
    #[serde(rename = "sealbid/challenge/v1")]
    Challenge {
        /// What its custodian was shown: receipts, or another's word about a lodged bid.
        account: Shown,
        /// The custodian's finding.
        challenged_sha256: Hash,
        /// Which unit.
        unit_id: UnitId,
    },
    /// What was found of one custodian's shares, within the day of the opening. It changes no outcome.
    #[serde(rename = "sealbid/shares/v1")]
    Shares {
        /// Whose.
        custodian: CustodianId,
        /// What.
        found: SharesFound,
        /// Which unit.
        unit_id: UnitId,
    },
    /// Provisional, as bids open.
    #[serde(rename = "sealbid/read-out/v1")]
    ReadOut {
        /// Which lines, with who bid and what.
        lines: Vec<ReadOutLine>,
        /// Which unit.
        unit_id: UnitId,
    },
}

/// One line read out before the opening record is final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadOutLine {
    /// Who signed the manifest.
    #[schema(value_type = String)]
    pub bidder: EnterpriseId,
    /// The line as in the close.
    #[schema(value_type = String)]
    pub line: Hash,
    /// What the envelope offers.
    pub offer: Offer,
}
