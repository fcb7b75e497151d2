//! What a unit must be, for everybody who signs it, seals for it or judges it.

use std::collections::BTreeSet;

use crate::crypto::seal::Recipient;
use crate::custodian::roster::{Roster, is_allowed};
use crate::enterprise::statements::Kind;
use crate::error::{Reason, Said};
use crate::tender::statements::{SUITE, Unit};

/// What is wrong with a unit, whoever signed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.reason())]
pub enum UnitFault {
    /// Nobody knows its suite.
    Suite,
    /// Its threshold is not the roster's, or out of range.
    Threshold,
    /// It opens before its deadline, or has no challenge window.
    Times,
    /// It would be opened without any bid.
    Minimum,
    /// Its recipients are not the roster's custodians in their order.
    Recipients,
    /// A recipient is no age recipient.
    Recipient,
    /// Two of its recipients are the same.
    SameRecipients,
}

impl UnitFault {
    /// In words.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Suite => "an unknown suite",
            Self::Threshold => "its threshold is not the roster's, or out of range",
            Self::Times => "it opens before its deadline, or has no challenge window",
            Self::Minimum => "it has no minimum of bids",
            Self::Recipients => "its recipients are not the roster's custodians in their order",
            Self::Recipient => "a recipient is no age recipient",
            Self::SameRecipients => "two of its recipients are the same",
        }
    }
}

impl Reason for UnitFault {
    fn said(&self) -> Said {
        Said::bare(match self {
            Self::Suite => "verify-say-why-suite",
            Self::Threshold => "verify-say-why-threshold",
            Self::Times => "verify-say-why-times",
            Self::Minimum => "verify-say-why-minimum",
            Self::Recipients => "verify-say-why-recipients",
            Self::Recipient => "verify-say-why-recipient",
            Self::SameRecipients => "verify-say-why-same-recipients",
        })
    }
}

/// Checks what a unit says of itself on its roster, and gives the custodians' recipients in the
/// roster's order. Platform, custodians, clients and verifier ask this one rule: what only one of them
/// refused, the others would sign.
///
/// # Errors
/// [`UnitFault`] with the first fault.
pub fn check_unit(unit: &Unit, roster: &Roster) -> Result<Vec<Recipient>, UnitFault> {
    if unit.suite != SUITE {
        return Err(UnitFault::Suite);
    }
    if unit.t != roster.t || !is_allowed(roster.n(), usize::from(unit.t)) {
        return Err(UnitFault::Threshold);
    }
    if unit.open_at < unit.deadline || unit.challenge_ms < 1 {
        return Err(UnitFault::Times);
    }
    if unit.min < 1 {
        return Err(UnitFault::Minimum);
    }
    let named = unit.recipients.iter().map(|r| &r.custodian);
    if !named.eq(roster.custodians.iter().map(|member| &member.id)) {
        return Err(UnitFault::Recipients);
    }
    let recipients = unit.recipients.iter().map(|r| r.recipient.parse::<Recipient>());
    let recipients: Vec<Recipient> =
        recipients.collect::<Result<_, _>>().map_err(|_| UnitFault::Recipient)?;
    let distinct: BTreeSet<&Recipient> = recipients.iter().collect();
    if distinct.len() == recipients.len() { Ok(recipients) } else { Err(UnitFault::SameRecipients) }
}

/// Who may be the procuring entity of a unit. Bidders are verified too, and would not be told apart.
#[must_use]
pub const fn may_buy(kind: Kind) -> bool {
    matches!(kind, Kind::Organisation)
}
