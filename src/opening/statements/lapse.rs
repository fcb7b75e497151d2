//! Why proposals come to nothing.

use serde::{Deserialize, Serialize};

use crate::custodian::roster::CustodianId;

/// Why a proposal came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum LapseReason {
    /// Its custodians did not sign it in time.
    Unsigned,
    /// A custodian had been lodged what a close lacked.
    Incomplete,
    /// A custodian refused for good: it is asked no more, and a unit needs all of them.
    Refused {
        /// The stable code of its refusal.
        code: String,
        /// Who.
        custodian: CustodianId,
    },
    /// Its buyer took it back before all had signed.
    TakenBack,
    /// When the last signature was there, its deadline had passed.
    Late,
    /// When the last signature was there, another rule pack was in force than the notice names.
    OtherRules,
    /// When the last signature was there, its dates no longer kept a rule of the rule pack.
    Unlawful {
        /// The rule's code.
        rule: String,
    },
}
