//! What the platform and bidders ask of a custodian's agent, and what it answers: JSON over HTTP,
//! one path per request. Notes, checkpoints and receipts travel as the texts they are.
//!
//! | path | body | answer |
//! |---|---|---|
//! | `POST /recipient` | [`AskRecipient`] | [`RecipientReply`] |
//! | `POST /unit` | [`AskUnit`] | [`NoteReply`]: the unit with the agent's signature |
//! | `POST /amendment` | [`AskAmendment`] | [`NoteReply`] |
//! | `POST /close` | [`AskClose`] | [`NoteReply`] |
//! | `POST /challenge` | [`AskChallenge`] | [`NoteReply`]: a `challenged` statement |
//! | `POST /challenges` | [`AskChallenges`] | [`ChallengesReply`]: a page of the open ones |
//! | `POST /answer` | [`AskAnswer`] | [`NoteReply`]: a `challenged` statement |
//! | `POST /window` | [`AskWindow`] | [`Done`] |
//! | `POST /release` | [`AskRelease`] | [`NoteReply`]: a `release` statement |
//! | `POST /suspend` | [`AskSuspend`] | [`Done`] |
//! | `POST /cancel` | [`AskCancel`] | [`Done`] |
//! | `POST /lodge` | [`AskLodge`] in one line, then a `.bid` file | [`NoteReply`]: a `lodged` statement |
//! | `POST /lodged` | [`AskLodged`] | [`LodgedReply`]: a page |
//! | `POST /lodged/bid` | [`AskLodgedBid`] | the `.bid` file |
//! | `POST /adopt` | a checkpoint | [`Done`] |
//! | `POST /add-checkpoint` | tlog-witness | tlog-witness |
//! | `GET /checkpoint` | | the last checkpoint that the agent cosigned, with its cosignature |
//! | `GET /` | | [`AgentStatus`] |
//!
//! A refusal is a problem document with the stable code of the agent's refusal.
//!
//! Who lodged what, and who challenged with which receipts, is told to the platform alone, and to
//! nobody before the deadline: bids are sealed, and so is who bids. A unit's identity is handed to the
//! platform alone, and on no question from before its hour. Those questions carry a
//! [`Query`](crate::opening::statements::Query) signed by the roster's platform key.

use serde::{Deserialize, Serialize};

use crate::crypto::hash::Hash;
use crate::ids::UnitId;
use crate::tender::statements::Unit;

use super::roster::CustodianId;

/// Which recipient would you use for this draft?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskRecipient {
    /// The unit without recipients.
    pub draft: Unit,
}

/// The agent's recipient for one unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientReply {
    /// Whose.
    pub custodian: CustodianId,
    /// `age1…`.
    pub recipient: String,
}

/// Sign this unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskUnit {
    /// Statements that show the procuring entity's key.
    pub credentials: Vec<String>,
    /// Receipt of the `proposed` event that holds the unit.
    pub proposed: String,
    /// The unit, signed by procuring entity and platform.
    pub unit: String,
}

/// Sign this amendment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskAmendment {
    /// The amendment, signed by procuring entity and platform; in an outage by the platform.
    pub amendment: String,
    /// Statements that show the procuring entity's key; may be empty in an outage.
    pub credentials: Vec<String>,
    /// Receipt of the `proposed` event that holds the amendment.
    pub proposed: String,
    /// Which unit.
    pub unit_id: UnitId,
}

/// What became of one bid that the agent was shown or lodged, told by receipts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Receipt of its `accepted` event.
    pub accepted: String,
    /// Statements that show the bidder's key; needed with `later`.
    pub credentials: Vec<String>,
    /// Receipt of the `withdrawn` or `accepted` event of the bidder's next statement, if any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub later: Option<String>,
}

/// What a bidder shows against a close.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Shown {
    /// Receipts of the record.
    Receipts(Account),
    /// A custodian's word: it has a receipt's force.
    Word(Box<ShownWord>),
}

impl Shown {
    /// Its bytes as it travels.
    #[must_use]
    pub fn size(&self) -> usize {
        serde_json::to_vec(self).map_or(usize::MAX, |bytes| bytes.len())
    }
}

impl From<Account> for Shown {
    fn from(account: Account) -> Self {
        Self::Receipts(account)
    }
}

/// A bid that was lodged with a custodian, and what shows that it was taken rightly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownWord {
    /// The words about the versions before it, where they were lodged too.
    pub before: Vec<LodgedBid>,
    /// The statements that showed the bidder's key when it lodged, in record order.
    pub credentials: Vec<String>,
    /// Receipts of the statement before it, and of every rotation among the credentials.
    pub receipts: Vec<String>,
    /// The custodian's word and the manifest.
    pub word: LodgedBid,
}

/// Sign this close.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskClose {
    /// The cosigned checkpoint of the close's size.
    pub checkpoint: String,
    /// The close, signed by the platform.
    pub close: String,
    /// What became of each bid lodged with this agent.
    pub lodged: Vec<Account>,
    /// Receipt of the `proposed` event that holds the close.
    pub proposed: String,
}

/// This receipt contradicts your close.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskChallenge {
    /// What the bidder holds: the receipt of its accepted bid, and of the withdrawal or replacement if
    /// there was one; or a custodian's word about a bid that was lodged.
    pub account: Shown,
    /// The effective close, with q signatures.
    pub close: String,
    /// The effective unit, with all n signatures: an agent that lost its memory meets it here.
    pub unit: String,
}

/// Which challenges are open with you for this unit?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskChallenges {
    /// The last line of the page before; absent for the first page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<Hash>,
    /// The platform's signed question.
    pub query: String,
}

/// Open challenges that an agent holds for one unit, ascending by their lines: as many as fit into
/// [`MAX_PAGE`], none when there are no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChallengesReply {
    /// Each with what was shown.
    pub challenges: Vec<BroughtChallenge>,
}

/// What a custodian found of a challenge, with the receipts it found it by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BroughtChallenge {
    /// What was shown.
    pub account: Shown,
    /// The custodian's `challenged` statement.
    pub note: String,
}

/// The challenge window runs: the close is effective, and q have cosigned it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskWindow {
    /// Receipt of the effective close, whose checkpoint q have cosigned.
    pub close_receipt: String,
    /// The effective unit, with all n signatures.
    pub unit: String,
}

/// The platform's answer to an open challenge: whole, for the agent may hold it no longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskAnswer {
    /// What was shown.
    pub account: Shown,
    /// What became of the challenged bid; of a lodged one, and of the versions before it.
    pub accounts: Vec<Account>,
    /// The effective close, with q signatures.
    pub close: String,
    /// The agent's own finding, `open`.
    pub finding: String,
    /// The effective unit, with all n signatures: an agent that lost its memory meets it here.
    pub unit: String,
}

/// Hand out the identity of this unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskRelease {
    /// A recent checkpoint with the witnesses' cosignatures.
    pub checkpoint: String,
    /// Receipt of the effective close, whose checkpoint q have cosigned: the window runs from it.
    pub close_receipt: String,
    /// Statements that show the procuring entity's key; needed with `order`.
    pub credentials: Vec<String>,
    /// What became of each bid lodged with this agent.
    pub lodged: Vec<Account>,
    /// The order, for second envelopes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub order: Option<String>,
    /// The platform's signed question: whoever else asks is given nothing.
    pub query: String,
    /// The effective unit, with all n signatures.
    pub unit: String,
}

/// Stop a release, or lift the stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskSuspend {
    /// The regulator's statement.
    pub suspension: String,
    /// The unit, effective with all n signatures.
    pub unit: String,
}

/// This unit is cancelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskCancel {
    /// Statements that show the procuring entity's key.
    pub credentials: Vec<String>,
    /// The unit, effective with all n signatures.
    pub unit: String,
    /// The cancellation as it was recorded, signed by procuring entity and platform.
    pub void: String,
}

/// An answer that is a signed note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteReply {
    /// The whole note.
    pub note: String,
}

/// An answer that says only that it was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {}

/// The largest sealed payload that anybody takes, in bytes: the platform takes in whatever an agent
/// took, so no agent takes more.
pub const MAX_BID: u64 = 2 << 30;
/// The longest first line of `POST /lodge`, in bytes.
pub const MAX_ASK_LODGE: usize = 1 << 20;
/// The most that is shown against a close, in bytes of its JSON: what whoever lodged needs to show of
/// eight versions fits, and whatever an agent keeps the platform can read and record.
pub const MAX_SHOWN: usize = 3 << 20;
/// The most that a close takes beside what is shown against it, in bytes of its JSON: sixty thousand lines.
pub const MAX_CLOSE: usize = 4 << 20;
/// Statements about a body's key that anybody shows at once, at most: its own, and a roster for each version.
pub const MAX_CREDENTIALS: usize = 256;
/// Receipts that a bidder shows of one bid, at most.
pub const MAX_RECEIPTS: usize = 64;
/// The most that an agent tells at once, in bytes: less than the platform reads of an answer.
pub const MAX_PAGE: usize = 7 << 19;

/// Take this bid, for the portal does not answer. The `.bid` file follows behind the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskLodge {
    /// Statements that show the bidder's key, in record order.
    pub credentials: Vec<String>,
    /// The signed manifest, byte for byte as in the file.
    pub manifest: String,
    /// Receipts of what this agent cannot know: the bidder's statement before this one, and every
    /// rotation among the credentials.
    pub receipts: Vec<String>,
}

/// What was lodged with you for this unit?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskLodged {
    /// The last bid of the page before, by its [`lodged_line`]; absent for the first page.
    ///
    /// [`lodged_line`]: crate::opening::rules::lodged::lodged_line
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<Hash>,
    /// The platform's signed question.
    pub query: String,
}

/// Give me the file of this bid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskLodgedBid {
    /// Which, by its [`lodged_line`](crate::opening::rules::lodged::lodged_line).
    pub line: Hash,
    /// The platform's signed question.
    pub query: String,
}

/// A bid that was lodged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LodgedBid {
    /// The agent's `lodged` statement.
    pub lodged: String,
    /// The manifest as the bidder sent it.
    pub manifest: String,
}

/// Bids lodged with an agent for one unit, ascending by their
/// [`lodged_line`](crate::opening::rules::lodged::lodged_line): as many as fit into [`MAX_PAGE`], none
/// when there are no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LodgedReply {
    /// The page.
    pub bids: Vec<LodgedBid>,
}

/// Who an agent is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentStatus {
    /// Which custodian.
    pub custodian: CustodianId,
    /// The roster it serves.
    pub roster_sha256: Hash,
    /// The size of the record it last cosigned.
    pub witnessed: u64,
}
