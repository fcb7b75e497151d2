//! Which statements have arrived and are not decided yet: the close waits for them.
//!
//! Invariant: an arrival is registered, with its instant, before anything is awaited, and leaves
//! only when it is decided or its request is gone. Deliberately absent: what arrived, or from whom.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::{Clock, Time, is_closed};
use crate::opening::Decided;
use crate::record::hours::Hours;

/// No unit waits longer than this for a statement under way: what is decided later is refused, with
/// the platform at fault.
pub const PATIENCE_MS: i64 = 5_000;

#[derive(Debug, Default)]
struct Pending {
    next: u64,
    since: BTreeMap<u64, Time>,
}

/// The statements under way in this instance.
#[derive(Clone, Debug, Default)]
pub struct Arrivals {
    pending: Arc<Mutex<Pending>>,
    hours: Arc<Hours>,
}

/// One statement under way. Dropping it says that it is decided.
#[derive(Debug)]
pub struct Arrival {
    arrivals: Arrivals,
    number: u64,
    /// When its last byte was in.
    pub at: Time,
}

impl Arrivals {
    /// No statement yet, and an hour judged by these.
    #[must_use]
    pub fn new(hours: Arc<Hours>) -> Self {
        Self { pending: Arc::default(), hours }
    }

    /// Stamps an arrival. The clock is read under the lock: so an instant that was once said to be
    /// decided through is never used again.
    #[must_use]
    pub fn stamp(&self, clock: &dyn Clock) -> Arrival {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let at = clock.now();
        let number = pending.next;
        pending.next = number.wrapping_add(1);
        pending.since.insert(number, at);
        Arrival { arrivals: self.clone(), number, at }
    }
}

/// Whether a statement that was in before the deadline is decided too late to count: no close waits
/// any longer, so it might already have gone on without it, here or in another instance.
#[must_use]
pub fn is_undecided(deadline: Time, now: Time) -> bool {
    is_closed(now, deadline.plus(PATIENCE_MS))
}

impl Decided for Arrivals {
    /// Nothing is decided for good by a clock that the witnesses doubt: the close waits.
    fn decided_through(&self, now: Time) -> Time {
        if self.hours.is_doubtful() {
            return Time::from_millis(0);
        }
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = pending.since.values().copied().min().unwrap_or(now);
        oldest.max(now.plus(-PATIENCE_MS))
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let mut pending = self.arrivals.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.since.remove(&self.number);
    }
}
