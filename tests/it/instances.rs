//! Do several instances on one database wait for each other, and for nobody too long?

use std::sync::Arc;

use sealbid::bid::arrivals::{Arrivals, PATIENCE_MS};
use sealbid::opening::intake::ByPlatform;
use sealbid::opening::rules::{Step, UnitState};
use sealbid::opening::{Opener, Parts};
use sealbid::tender::Platform;

use crate::on_both;
use crate::opening_world::{DEADLINE, World};
use crate::openings::with_bids;
use crate::support::wait;

/// A second instance: its own connections and its own statements under way.
struct Second {
    platform: Platform,
    arrivals: Arrivals,
    opener: Opener,
}

impl Second {
    fn of(world: &World) -> Self {
        let mut platform = world.platform.clone();
        platform.db = world.base.open();
        let arrivals = Arrivals::new(world.hours());
        let opener = Opener::new(Parts {
            db: platform.db.clone(),
            decided: Arc::new(arrivals.clone()),
            intake: Arc::new(ByPlatform(platform.clone())),
            ..world.parts(platform.clone())
        });
        Self { platform, arrivals, opener }
    }

    fn declare(&self) {
        wait(self.opener.declare(&self.platform)).unwrap();
    }
}

/// So many steps of the first instance, a second between two; what each of them did.
fn seconds(world: &World, count: i64, second: Option<&Second>) -> Vec<Step> {
    let after = |n: i64| {
        world.base.clock.advance(if n == 0 { 0 } else { 1_000 });
        wait(world.opener().declare(&world.platform)).unwrap();
        if let Some(second) = second {
            second.declare();
        }
        world.step()
    };
    (0..count).map(after).collect()
}

on_both! {
    fn a_close_waits_for_what_another_instance_still_decides(base: TestBase) {
        let world = with_bids(base);
        let second = Second::of(&world);
        world.to(DEADLINE.plus(-1));
        let arrival = second.arrivals.stamp(second.platform.db.clock());
        second.declare();
        world.to(DEADLINE);
        assert_eq!(seconds(&world, 4, Some(&second)), [Step::Wait; 4]);
        drop(arrival);
        assert!(seconds(&world, 4, Some(&second)).iter().any(|step| matches!(step, Step::AskClose)));
        assert_eq!(world.row().state, UnitState::Closed);
    }
}

on_both! {
    fn a_close_waits_five_seconds_for_an_instance_that_fell_silent_and_no_longer(base: TestBase) {
        let world = with_bids(base);
        let second = Second::of(&world);
        world.to(DEADLINE.plus(-1));
        let _arrival = second.arrivals.stamp(second.platform.db.clock());
        second.declare();
        world.to(DEADLINE);
        let patience = PATIENCE_MS / 1_000;
        assert_eq!(seconds(&world, patience, None), vec![Step::Wait; usize::try_from(patience).unwrap()]);
        seconds(&world, 4, None);
        assert_eq!(world.row().state, UnitState::Closed);
    }
}

on_both! {
    fn one_instance_waits_for_nobody(base: TestBase) {
        let world = with_bids(base);
        world.to(DEADLINE);
        seconds(&world, 4, None);
        assert_eq!(world.row().state, UnitState::Closed);
    }
}
