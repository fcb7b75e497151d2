//! The timer: looks again and again for what is due, and calls the use-case that does it.
//!
//! Invariant: it decides nothing. What is due stands in rows and on the record, so a missed tick is
//! late and never lost, and two instances that tick at once meet in a compare-and-swap.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::opening::Opener;

/// Time between ticks: how much later than its hour anything is done at most, agents aside.
pub const EVERY: Duration = Duration::from_millis(500);

/// Steps units for as long as it is polled. A tick that fails is said and tried again.
pub async fn run(opener: &Opener) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = opener.tick().await {
            tracing::error!(%error, "the timer could not look for what is due");
        }
    }
}
