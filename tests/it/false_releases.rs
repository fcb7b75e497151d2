//! What does a custodian bring about that gives another false identity each time it is asked?

use sealbid::opening::rules::UnitState;

use crate::on_both;
use crate::opening_world::{OPEN_AT, World, id};
use crate::openings::{close, verified, with_bids};

/// How often a custodian was asked to release.
fn asked(world: &World, custodian: u8) -> usize {
    world.agents.heard(custodian).iter().filter(|heard| heard.path == "/release").count()
}

on_both! {
    fn one_false_release_of_a_custodian_is_recorded_and_it_is_asked_again_seldom(base: TestBase) {
        let world = with_bids(base);
        close(&world);
        for custodian in 1..=3 {
            world.agents.lying.lock().unwrap().insert(id(custodian));
        }
        let count = || world.events("sealbid/false-release/v1").len();
        world.to(OPEN_AT);
        world.settle(5);
        assert_eq!((count(), asked(&world, 1)), (3, 1), "whatever it signs");
        world.to(OPEN_AT.plus(299_999));
        world.settle(3);
        assert_eq!((count(), asked(&world, 1)), (3, 1));
        world.to(OPEN_AT.plus(310_000));
        world.settle(3);
        assert_eq!((count(), asked(&world, 1)), (3, 2));
        assert_eq!(world.row().state, UnitState::Closed);
        world.agents.lying.lock().unwrap().clear();
        world.to(OPEN_AT.plus(620_000));
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Opened);
        verified(&world);
    }
}
