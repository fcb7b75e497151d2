//! The timer: looks again and again for what is due, and calls the use-case that does it.
//!
//! Invariant: it decides nothing. What is due stands in rows and on the record, so a missed tick is
//! late and never lost, and two instances that tick at once meet in a compare-and-swap.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Interval, MissedTickBehavior};

use crate::bid;
use crate::ids::UnitId;
use crate::opening::Opener;
use crate::tender::Platform;
use crate::tender::consent::Waiting;
use crate::tender::lapse::lapse_due;

/// Time between ticks: how much later than its hour anything is done at most, agents aside.
pub const EVERY: Duration = Duration::from_millis(500);
/// The same for what only a crash or a restored backup leaves behind.
const SELDOM: Duration = Duration::from_secs(3600);

/// Does what is due for as long as it is polled. A tick that fails is said and tried again. The
/// opening's hour never waits for the housekeeping, nor an amendment for drafts: each has its own
/// ticks.
pub async fn run(opener: &Opener, platform: &Platform) {
    let consent = |what: Waiting| {
        side_by_side(
            what.at_once(),
            async move || Ok(what.all(platform).await?),
            async move |unit| Ok(what.ask(platform, unit).await?),
        )
    };
    tokio::join!(
        every(EVERY, async || Ok(opener.declare(platform).await?)),
        side_by_side(
            usize::MAX,
            async || due(opener, platform).await,
            async |unit| {
                opener.try_step(unit).await;
                Ok(())
            },
        ),
        side_by_side(
            usize::MAX,
            async || Ok(opener.errands().await?),
            async |errand| {
                opener.run_errand(&errand).await;
                Ok(())
            },
        ),
        consent(Waiting::Amendment),
        consent(Waiting::Unit),
        every(EVERY, async || Ok(keep_house(platform).await?)),
        every(SELDOM, async || Ok(bid::upload::sweep_unknown(platform).await.map(drop)?)),
    );
}

/// Works on units side by side, `most` of them at once: one that waits for a sleeping custodian, or
/// reads a large lot out, keeps no other from its hour. Each is worked on by one hand at a time.
async fn side_by_side<K: Ord + Clone + Display>(
    most: usize,
    due: impl AsyncFn() -> Result<Vec<K>, Box<dyn Error>>,
    act: impl AsyncFn(K) -> Result<(), Box<dyn Error>>,
) {
    let mut ticks = ticks(EVERY);
    let mut steps = FuturesUnordered::new();
    let (mut stepped, mut last) = (BTreeSet::new(), None);
    let act = async |unit: K| (unit.clone(), act(unit).await);
    loop {
        tokio::select! {
            Some((unit, done)) = steps.next() => {
                stepped.remove(&unit);
                if let Err(error) = done {
                    tracing::warn!(%unit, %error, "the timer could not do what is due");
                }
            }
            _ = ticks.tick() => match due().await {
                Ok(due) => {
                    // Where there is no room for all, it goes round: nobody waits for the same few.
                    let is_done = |unit: &K| last.as_ref().is_some_and(|last| unit <= last);
                    let (done, next): (Vec<_>, Vec<_>) = due.into_iter().partition(is_done);
                    let room = most.saturating_sub(stepped.len());
                    let next = next.into_iter().chain(done);
                    for unit in next.filter(|unit| stepped.insert(unit.clone())).take(room) {
                        last = Some(unit.clone());
                        steps.push(act(unit));
                    }
                }
                Err(error) => tracing::error!(%error, "the timer cannot see what is due"),
            }
        }
    }
}

/// A downtime is measured before anything is decided by the hour.
async fn due(opener: &Opener, platform: &Platform) -> Result<Vec<UnitId>, Box<dyn Error>> {
    opener.declare(platform).await?;
    Ok(opener.due_units().await?)
}

fn ticks(pause: Duration) -> Interval {
    let mut ticks = tokio::time::interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn every(pause: Duration, act: impl AsyncFn() -> Result<(), Box<dyn Error>>) {
    let mut ticks = ticks(pause);
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
