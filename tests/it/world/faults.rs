//! What can go wrong on purpose: rules that a test switches off, messages that get lost.

use std::collections::VecDeque;

use sealbid::crypto::note::Note;

use super::agents::Request;

/// A rule that a test can switch off, to see the histories find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// An agent signs at most one close per unit.
    OneClose,
    /// Nothing moves a deadline once an agent has signed a close, or the platform proposed one.
    NothingMovesAfterAClose,
    /// A withdrawn bid is not in the close.
    WithdrawnStaysOut,
    /// A statement follows the last one of its chain, withdrawals included.
    ChainsContinue,
    /// Too few lines are never released.
    EnoughLines,
    /// An agent restored from its seed knows that it is.
    RecoveryIsKnown,
    /// What it adopts of the others' record tells it the hour, whatever its own clock says.
    RecoveryHasItsHour,
    /// No release before the hour and the window's end.
    ReleaseHasItsHour,
    /// The platform asks agents for the challenges that nobody told it of.
    ChallengesAreAskedFor,
    /// A custodian that is silent may have signed an amendment.
    SilentMayBeBound,
    /// Identities are never recorded for more than the regulator.
    IdentitiesStayInside,
    /// A second envelope waits for its order.
    OrderFirst,
    /// What an order leaves out is deleted before anybody is asked for a key.
    LeftOutIsDeleted,
    /// Nobody releases, and nothing is recorded as released, while the regulator says stop.
    SuspensionStops,
    /// A release that was under way when the regulator said stop is not recorded.
    StopOvertakes,
    /// A unit is cancelled before its close is effective, or never.
    CancelledBeforeItsClose,
    /// A custodian that heard of a cancellation signs no close and hands out nothing.
    CancellationIsKept,
    /// A deadline that fell into the platform's own downtime waits for a decision.
    DowntimeWaits,
    /// Custodians that noticed no outage sign none on the platform's word.
    OutageIsNoticed,
    /// A close takes effect with q signatures, not with t.
    QuorumsOverlap,
}

/// All rules, but one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    pub off: Option<Rule>,
}

impl Rules {
    pub const fn without(rule: Rule) -> Self {
        Self { off: Some(rule) }
    }

    pub fn holds(self, rule: Rule) -> bool {
        self.off != Some(rule)
    }
}

/// What happens to one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It never arrives.
    RequestLost,
    /// It is done, and nobody hears of it.
    ResponseLost,
    /// It arrives twice.
    Duplicated,
    /// It is answered now, and arrives once more when others have gone before it.
    Reordered,
}

/// Faults to come, and messages still under way.
#[derive(Default)]
pub struct Net {
    pub faults: VecDeque<Fault>,
    pub late: Vec<(usize, Request)>,
    /// Releases that were answered and have not arrived yet.
    pub answers: Vec<Note>,
}
