//! When this agent, as a witness, was asked to cosign nothing: what it knows of the platform's outages.
//!
//! Invariant: what is remembered is small and errs on the side of doubt: a silence that was forgotten
//! is no silence, and then an outage needs its buyer's word.

use serde::{Deserialize, Serialize};

use crate::clock::Time;

/// A shorter gap between two cosignatures is no silence, in milliseconds.
const SHORTEST_MS: i64 = 5_000;
/// Clocks differ, and the last word before an outage takes its time: so many milliseconds at each end.
const SLACK_MS: i64 = 5_000;
/// Silences remembered; the shortest is forgotten first.
const MOST: usize = 128;

/// The silences of the record that this agent witnesses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silences {
    /// Its last cosignature.
    last: Option<Time>,
    /// From one cosignature to the next.
    spans: Vec<(Time, Time)>,
}

impl Silences {
    /// After one more cosignature.
    #[must_use]
    pub fn broken_at(&self, at: Time) -> Self {
        let mut after = self.clone();
        if let Some(last) = self.last.filter(|last| at.since(*last) >= SHORTEST_MS) {
            after.spans.push((last, at));
        }
        if after.spans.len() > MOST {
            let length = |(_, (from, until)): &(usize, &(Time, Time))| until.since(*from);
            let shortest = after.spans.iter().enumerate().min_by_key(length).map(|(at, _)| at);
            shortest.map(|at| after.spans.remove(at));
        }
        after.last = Some(self.last.map_or(at, |last| last.max(at)));
        after
    }

    /// Whether it cosigned nothing from one instant to the other, both included, and will not any more:
    /// to the second, as a cosignature tells its time.
    #[must_use]
    pub fn is_over(&self, from: Time, until: Time, now: Time) -> bool {
        let is_behind = |at: Time| Time::from_seconds(at.seconds()) > until;
        let is_silent_since = self.last.is_some_and(|last| last < from) && is_behind(now);
        is_silent_since || self.spans.iter().any(|(a, b)| *a < from && is_behind(*b))
    }

    /// Whether it cosigned nothing in between, as far as it remembers.
    #[must_use]
    pub fn cover(&self, from: Time, until: Time) -> bool {
        let (from, until) = (from.plus(SLACK_MS), until.plus(-SLACK_MS));
        let is_silent_since = self.last.is_some_and(|last| last <= from);
        is_silent_since || self.spans.iter().any(|(a, b)| *a <= from && *b >= until)
    }
}
