//! How long the opening of a lot of 1,000 bids takes: `opening [BIDS]`.
//!
//! The production path from the release to the opening record: `Opener::step` through the real door
//! and the sealed files' store, with five agents in this process (what a custodian's network costs
//! is not counted). Twice on each database: with files of 1 KB, and with files of 1 MiB, each
//! checked to its end. The read-out is timed from the beginning of the step to the commit of its
//! last event, the opening to the commit of its record.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use sealbid::crypto::statement::Statement;
use sealbid::db::Error;
use sealbid::db::schema::entry;
use sealbid::on_each;
use sealbid::opening::rules::{Step, UnitState};
use sealbid::opening::statements::{LineStatus, OpenedLine, Opening};
use sealbid::tender::statements::ReleaseBy;

use crate::bases;
use crate::opening_world::{DEADLINE, OPEN_AT, Spoil, World};
use crate::support::{TestBase, wait};

/// Lines in one event of the read-out.
const LINES_PER_EVENT: usize = 250;

/// `opening [BIDS]`
pub fn run(numbers: &[usize]) {
    let bids = numbers.first().copied().unwrap_or(1000);
    let bids = u16::try_from(bids).expect("at most 65,535 bids");
    for (name, base) in bases() {
        for (size, words) in [(1000, "1 KB"), (1 << 20, "1 MiB")] {
            let Some(base) = base() else { continue };
            let world = prepared(base, bids, size);
            println!("{name}, {bids} bids of {words}: {}", open(&world, bids));
        }
    }
}

/// A unit whose window is over, with these bids in its close and no identity released.
fn prepared(base: TestBase, bids: u16, size: usize) -> World {
    let world = World::start(base, 3, ReleaseBy::Time);
    for bidder in 1..=bids {
        let file = (0..size).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let bid = world.seal_file((bidder, bidder), Spoil::Nothing, file);
        world.accept(bidder, &bid);
    }
    world.beat();
    world.to(DEADLINE);
    while world.row().state != UnitState::Closed {
        world.step();
    }
    world.to(OPEN_AT);
    world
}

fn open(world: &World, bids: u16) -> String {
    loop {
        let began = Instant::now();
        let (step, read_out) = timed_step(world, began, usize::from(bids));
        let took = began.elapsed();
        world.beat();
        if step == Step::Open {
            let events = world.events("sealbid/opening/v1");
            let opening = Statement::<Opening>::parse(&events[0]).expect("an opening record");
            let opened = |line: &&OpenedLine| matches!(line.outcome, LineStatus::Opened { .. });
            let opened = opening.body().lines.iter().filter(opened).count();
            assert_eq!(opened, usize::from(bids), "every bid opened");
            let read_out = read_out.expect("read out before the opening record");
            return format!("read out in {read_out:.2?}, opened in {took:.2?}");
        }
        if step != Step::Wait {
            println!("  {step:?} took {took:.2?}");
        }
    }
}

/// One step, and when the last event of the read-out was committed meanwhile.
fn timed_step(world: &World, began: Instant, bids: usize) -> (Step, Option<Duration>) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            loop {
                let last = over.load(Ordering::SeqCst);
                if read_outs(world) == bids.div_ceil(LINES_PER_EVENT) {
                    return Some(began.elapsed());
                }
                if last {
                    return None;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let step = wait(world.opener().step(world.id)).expect("a step");
        over.store(true, Ordering::SeqCst);
        (step, watch.join().expect("watched"))
    })
}

fn read_outs(world: &World) -> usize {
    let query = entry::table.filter(entry::kind.eq("sealbid/read-out/v1")).count();
    let count: Result<i64, Error> =
        world.db.read(|conn| on_each!(conn, |c| query.get_result(c)).map_err(Error::from));
    usize::try_from(count.expect("counted")).expect("a count")
}
