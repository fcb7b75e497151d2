//! What is found of shares within the day of the opening.

use serde::{Deserialize, Serialize};

use crate::crypto::hash::Hash;

/// What became of one custodian's shares of a unit's bids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SharesFound {
    /// It did not hand out its key within the day.
    Absent,
    /// Each was opened: what is wrong, in the order of the opening's lines; nothing when all is well.
    Checked(Vec<ShareFault>),
}

/// A share that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareFault {
    /// What is wrong.
    pub code: ShareCode,
    /// Of which bid.
    pub line: Hash,
}

/// What is wrong with a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShareCode {
    /// It does not open under its custodian's key, or is not 33 bytes: its dealer's doing.
    BadShare,
    /// The platform does not hold the one that the manifest names.
    Missing,
    /// It opens, and does not belong to the others: its dealer's doing.
    OtherSecret,
}
