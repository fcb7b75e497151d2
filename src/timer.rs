//! The timer: looks again and again for what is due, and calls the use-case that does it.
//!
//! Invariant: it decides nothing. What is due stands in rows and on the record, so a missed tick is
//! late and never lost, and two instances that tick at once meet in a compare-and-swap.

use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Interval, MissedTickBehavior};

use crate::bid;
use crate::custodian::client::Custodians;
use crate::ids::UnitId;
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
        open_units(opener, platform),
        every(async || Ok(ask_pending(platform, wire).await?)),
        every(async || Ok(keep_house(platform).await?)),
    );
}

/// Steps units side by side: one that waits for a sleeping custodian, or reads a large lot out, keeps
/// no other from its hour. Each is stepped by one hand at a time.
async fn open_units(opener: &Opener, platform: &Platform) {
    let mut ticks = ticks();
    let mut steps = FuturesUnordered::new();
    let mut stepped = BTreeSet::new();
    loop {
        tokio::select! {
            Some(unit) = steps.next() => {
                stepped.remove(&unit);
            }
            _ = ticks.tick() => match due(opener, platform).await {
                Ok(due) => steps.extend(due.into_iter().filter(|unit| stepped.insert(*unit)).map(
                    async |unit| {
                        opener.try_step(unit).await;
                        unit
                    },
                )),
                Err(error) => tracing::error!(%error, "the timer cannot see what is due"),
            }
        }
    }
}

/// A downtime is measured before anything is decided by the hour.
async fn due(opener: &Opener, platform: &Platform) -> Result<Vec<UnitId>, Box<dyn Error>> {
    beat(platform).await?;
    Ok(opener.due_units().await?)
}

fn ticks() -> Interval {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn every(act: impl AsyncFn() -> Result<(), Box<dyn Error>>) {
    let mut ticks = ticks();
    loop {
        ticks.tick().await;
        if let Err(error) = act().await {
            tracing::error!(%error, "the timer could not do what is due");
        }
    }
}

/// Lapses drafts whose custodians stayed silent, deletes ciphertext that is out, and drops uploads
/// that nobody finished.
async fn keep_house(platform: &Platform) -> Result<(), Box<dyn Error>> {
    let done: [Result<(), Box<dyn Error>>; 3] = [
        lapse_due(platform).await.map(drop).map_err(Into::into),
        bid::sweep(platform).await.map(drop).map_err(Into::into),
        bid::upload::expire(platform).await.map(drop).map_err(Into::into),
    ];
    done.into_iter().collect()
}
