//! What a unit waits for whose deadline has passed and whose close is not proposed yet.

use super::{FREEZE_MS, Terms, UnitState};
use crate::clock::{Time, is_closed};

/// Cosignatures of the minute of the freeze may arrive so many milliseconds after it.
const ARRIVE_MS: i64 = 10_000;

/// What a unit waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaitsFor {
    /// The close: a set of bids that q custodians agree on.
    Close,
    /// What becomes of the postponement that was asked.
    Amendment,
    /// A decision about the platform's own downtime over its deadline.
    Outage,
    /// Its cancellation: no set was frozen in time, and it cannot be closed any more.
    Cancellation,
}

/// What is known of an open unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// An amendment is asked.
    pub amending: bool,
    /// Nobody has decided on a downtime over its deadline.
    pub outage_undecided: bool,
    /// Size of a checkpoint that may freeze the set.
    pub freeze: Option<u64>,
}

/// Whether no set can be frozen any more that is not frozen yet.
#[must_use]
pub fn is_freeze_over(terms: &Terms, now: Time) -> bool {
    is_closed(now, terms.deadline.plus(FREEZE_MS + ARRIVE_MS))
}

impl WaitsFor {
    /// What a unit waits for at `now`; `None` while it takes bids, and once its close is proposed.
    #[must_use]
    pub fn of((state, terms): (UnitState, &Terms), standing: Standing, now: Time) -> Option<Self> {
        if state != UnitState::Open || !is_closed(now, terms.deadline) {
            return None;
        }
        let is_over = is_freeze_over(terms, now);
        Some(match standing {
            Standing { amending: true, .. } => Self::Amendment,
            Standing { outage_undecided: true, .. } => Self::Outage,
            Standing { freeze: None, .. } if is_over => Self::Cancellation,
            Standing { .. } => Self::Close,
        })
    }

    /// Its word in answers.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Amendment => "amendment",
            Self::Outage => "outage",
            Self::Cancellation => "cancellation",
        }
    }
}
