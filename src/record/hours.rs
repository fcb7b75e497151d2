//! What the witnesses' clocks say of ours.
//!
//! Every cosignature bears its witness's time, and we know between which two of our own instants it
//! was made. What does not fit in between is that clock's distance from ours; the median over the
//! witnesses that answer is ours from the world's. Beyond [`DOUBT_MS`] our hour judges nobody for
//! good (protocol.md §1): whoever decides by it asks here. Deliberately absent: setting any clock.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::clock::Time;

/// A greater distance from the witnesses' median makes our clock doubtful, in milliseconds.
pub const DOUBT_MS: u64 = 2_000;

/// Cosignatures tell whole seconds: the instant lies somewhere in the second they name.
const SECOND_MS: i64 = 999;

/// The last known distance of every witness that answers.
#[derive(Debug, Default)]
pub struct Hours(Mutex<BTreeMap<String, i64>>);

impl Hours {
    /// Notes the time a witness put on a cosignature that was asked for at `sent` and there at
    /// `answered`, both by our clock.
    pub fn note(&self, witness: &str, sent: Time, answered: Time, theirs: Time) {
        let ahead = sent.since(theirs.plus(SECOND_MS)).max(0);
        let behind = theirs.since(answered).max(0);
        self.change(|known| {
            known.insert(witness.to_owned(), ahead.saturating_sub(behind));
        });
    }

    /// Drops the word of a witness that answers no more: it knew a clock of another day.
    pub fn forget(&self, witness: &str) {
        self.change(|known| {
            known.remove(witness);
        });
    }

    /// How far our clock is ahead of the witnesses' median, in milliseconds; behind if negative.
    #[must_use]
    pub fn ahead_ms(&self) -> i64 {
        median(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether what our clock judges late may have been in time.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.ahead_ms().unsigned_abs() > DOUBT_MS
    }

    /// The alarm is rung when doubt begins, and said to be over when it ends.
    fn change(&self, act: impl FnOnce(&mut BTreeMap<String, i64>)) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = median(&known).unsigned_abs() > DOUBT_MS;
        act(&mut known);
        let ahead_ms = median(&known);
        drop(known);
        match (before, ahead_ms.unsigned_abs() > DOUBT_MS) {
            (false, true) => tracing::error!(
                ahead_ms,
                "this clock and the witnesses' differ: late bids are refused provisionally, and no \
                 unit closes until the clock is set right"
            ),
            (true, false) => tracing::warn!(ahead_ms, "this clock and the witnesses' agree again"),
            _ => {}
        }
    }
}

/// The lower of the two middle ones; zero when nobody answers.
fn median(known: &BTreeMap<String, i64>) -> i64 {
    let mut distances: Vec<i64> = known.values().copied().collect();
    distances.sort_unstable();
    let middle = distances.len().saturating_sub(1) / 2;
    distances.get(middle).copied().unwrap_or_default()
}
