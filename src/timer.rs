//! The timer: looks again and again for what is due, and calls the use-case that does it.
//!
//! Invariant: it decides nothing. What is due stands in rows and on the record, so a missed tick is
//! late and never lost, and two instances that tick at once meet in a compare-and-swap.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::bid;
use crate::custodian::client::Custodians;
use crate::opening::Opener;
use crate::tender::Platform;
use crate::tender::consent::ask_pending;
use crate::tender::outage::beat;
use crate::tender::publish::lapse_due;

/// Time between ticks: how much later than its hour anything is done at most, agents aside.
pub const EVERY: Duration = Duration::from_millis(500);

/// Does what is due for as long as it is polled. A tick that fails is said and tried again. The
/// opening's hour never waits for the housekeeping: each has its own ticks.
pub async fn run(opener: &Opener, platform: &Platform, wire: &dyn Custodians) {
    tokio::join!(
        every(async || Ok(beat(platform).await?)),
        // A downtime is measured before anything is decided by the hour.
        every(async || {
            beat(platform).await?;
            Ok(opener.tick().await?)
        }),
        every(async || Ok(ask_pending(platform, wire).await?)),
        every(async || Ok(keep_house(platform).await?)),
    );
}

async fn every(act: impl AsyncFn() -> Result<(), Box<dyn std::error::Error>>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = act().await {
            tracing::error!(%error, "the timer could not do what is due");
        }
    }
}

/// Lapses drafts whose custodians stayed silent, deletes ciphertext that is out, and drops uploads
/// that nobody finished.
async fn keep_house(platform: &Platform) -> Result<(), Box<dyn std::error::Error>> {
    lapse_due(platform).await?;
    bid::sweep(platform).await?;
    bid::upload::expire(platform).await?;
    Ok(())
}
