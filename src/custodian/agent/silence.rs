//! When this agent, as a witness, was asked to cosign nothing, or nothing new: what it knows of the
//! platform's outages.
//!
//! Invariant: what is remembered is small and errs on the side of doubt: a silence that was forgotten is
//! no silence, and one that this agent slept through is none either. Deliberately absent: an agent that
//! is awake and cut off from the network takes that for the platform's silence; q of them have to.

use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::opening::rules::OUTAGE_SLACK_MS;

/// A shorter gap is no silence, in milliseconds.
const SHORTEST_MS: i64 = 5_000;
/// Gaps remembered; the oldest is forgotten first.
const MOST: usize = 256;

/// The gaps between instants of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gaps {
    /// The last such instant.
    last: Option<Time>,
    /// From one to the next.
    spans: Vec<(Time, Time)>,
}

impl Gaps {
    /// After one more, if what lay before `since` is not known.
    fn ended_at(&self, at: Time, since: Option<Time>) -> Self {
        let mut after = self.clone();
        let from = self.last.map(|last| since.map_or(last, |since| last.max(since)));
        if let Some(from) = from.filter(|from| at.since(*from) >= SHORTEST_MS) {
            after.spans.push((from, at));
        }
        if after.spans.len() > MOST {
            after.spans.remove(0);
        }
        after.last = Some(self.last.map_or(at, |last| last.max(at)));
        after
    }
}

/// The silences of the record that this agent witnesses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silences {
    /// Between cosignatures.
    cosigned: Gaps,
    /// Between those by which the record had grown, as far as it was awake: a platform that starts again
    /// shows its old head before it takes any act.
    grown: Gaps,
}

/// From when to when an agent can have seen something by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// When it was started.
    pub since: Time,
    /// Now.
    pub now: Time,
}

impl Silences {
    /// After the head that it knows was cosigned once more.
    #[must_use]
    pub fn after_the_same(&self, at: Time) -> Self {
        Self { cosigned: self.cosigned.ended_at(at, None), grown: self.grown.clone() }
    }

    /// After it cosigned a larger record.
    #[must_use]
    pub fn after_growth(&self, watch: Watch) -> Self {
        let grown = self.grown.ended_at(watch.now, Some(watch.since));
        Self { cosigned: self.cosigned.ended_at(watch.now, None), grown }
    }

    /// Its last cosignature, in its present life.
    #[must_use]
    pub const fn last(&self) -> Option<Time> {
        self.cosigned.last
    }

    /// Whether it cosigned nothing from one instant to the other, both included, and will not any more:
    /// to the second, as a cosignature tells its time.
    #[must_use]
    pub fn is_over(&self, from: Time, until: Time, now: Time) -> bool {
        let is_behind = |at: Time| Time::from_seconds(at.seconds()) > until;
        let is_silent_since = self.last().is_some_and(|last| last < from) && is_behind(now);
        let spans = &self.cosigned.spans;
        is_silent_since || spans.iter().any(|(a, b)| *a < from && is_behind(*b))
    }

    /// Whether it saw an outage: awake all the while, it was shown no larger record, least of all at the
    /// instant `at`, for which clocks make no allowance.
    #[must_use]
    pub fn saw(&self, (from, until): (Time, Time), at: Time, watch: Watch) -> bool {
        let (from, until) = (from.plus(OUTAGE_SLACK_MS), until.plus(-OUTAGE_SLACK_MS));
        let of_now = self.grown.last.map(|last| (last.max(watch.since), watch.now));
        let of_now = of_now.filter(|(last, now)| now.since(*last) >= SHORTEST_MS);
        let mut spans = self.grown.spans.iter().copied().chain(of_now);
        spans.any(|(a, b)| a <= from && b >= until && a < at && at < b)
    }
}
