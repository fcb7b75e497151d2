//! When does a proposed close make room for another, if answers of custodians are lost on their way;
//! and does every unit come to its end whichever they are?

use diesel::prelude::*;
use sealbid::db::Error;
use sealbid::db::schema::unit;
use sealbid::on_each;
use sealbid::opening::rules::{Step, UnitState};

use crate::interruptions::postpone;
use crate::on_both;
use crate::opening_world::{DEADLINE, OPEN_AT, Spoil, World, who};
use crate::openings::{opening, verified, with_bids};
use crate::support::{TestBase, wait};

/// A close is proposed while the fifth custodian sleeps, which was lodged a bid.
fn proposed(base: TestBase) -> World {
    let world = with_bids(base);
    world.agents.lodge(5, &world.seal(4, 4, Spoil::Nothing)).unwrap();
    world.agents.sleep(&[5]);
    world.to(DEADLINE);
    world.settle(2);
    assert_eq!(world.row().state, UnitState::Closing);
    world
}

/// The close that its custodians signed.
fn signed_close(world: &World, custodian: u8) -> bool {
    world.agents.state(custodian).units[&world.id].close.is_some()
}

on_both! {
    fn a_close_whose_signatures_were_lost_on_their_way_is_not_dropped(base: TestBase) {
        let world = proposed(base);
        // Two sign, and nobody hears of it; two others sleep.
        world.agents.sleep(&[3, 4, 5]);
        world.agents.lose(&[1, 2], "/close");
        assert_eq!(world.step(), Step::AskClose);
        assert!(signed_close(&world, 1) && signed_close(&world, 2));
        // The fifth is back with its bid; the two that signed are silent.
        world.agents.sleep(&[1, 2]);
        world.settle(3);
        assert_eq!(world.row().state, UnitState::Closing, "another would find no quorum");
        assert!(!signed_close(&world, 3), "nobody is asked to sign what lacks a bid");
        assert!(world.events("sealbid/lapsed/v1").is_empty());
        // Everybody is back: the signatures are heard of, and this is the only close there can be.
        world.agents.sleep(&[]);
        world.agents.lose(&[], "/close");
        world.settle(3);
        assert_eq!(world.row().state, UnitState::Closed);
        assert_eq!(world.row().close.unwrap().body().lines.len(), 3);
    }
}

on_both! {
    fn one_lost_signature_leaves_a_quorum_for_another_close(base: TestBase) {
        let world = proposed(base);
        world.agents.sleep(&[2, 3, 4, 5]);
        world.agents.lose(&[1], "/close");
        assert_eq!(world.step(), Step::AskClose);
        assert!(signed_close(&world, 1));
        world.agents.sleep(&[]);
        assert_eq!(world.step(), Step::AskClose);
        assert_eq!(world.row().state, UnitState::Open, "four have signed nothing");
        world.to(DEADLINE.plus(1_000));
        world.settle(5);
        let row = world.row();
        assert_eq!((row.state, row.close.unwrap().body().lines.len()), (UnitState::Closed, 4));
        world.to(OPEN_AT);
        world.settle(4);
        assert!(opening(&world).lines.iter().any(|line| line.bidder == who(4).0));
        verified(&world);
    }
}

on_both! {
    fn a_custodian_that_lost_its_memory_may_have_signed(base: TestBase) {
        let world = proposed(base);
        world.agents.sleep(&[2, 3, 4, 5]);
        world.agents.lose(&[1], "/close");
        world.step();
        world.agents.lose(&[], "/close");
        world.agents.forget(1);
        // With the fourth asleep three have certainly signed nothing: too few for another.
        world.agents.sleep(&[4]);
        world.settle(3);
        assert_eq!(world.row().state, UnitState::Closing);
        world.agents.sleep(&[]);
        world.settle(1);
        assert_eq!(world.row().state, UnitState::Open, "four have signed nothing");
    }
}

on_both! {
    fn a_close_is_signed_as_it_is_once_no_other_can_be_frozen(base: TestBase) {
        let world = proposed(base);
        world.agents.sleep(&[1, 2]);
        world.settle(2);
        assert_eq!(world.row().state, UnitState::Closing);
        world.to(DEADLINE.plus(60_000));
        world.agents.sleep(&[]);
        world.settle(2);
        let row = world.row();
        assert_eq!((row.state, row.close.unwrap().body().lines.len()), (UnitState::Closed, 3));
    }
}

on_both! {
    fn bids_lodged_until_a_later_deadline_are_asked_for_again(base: TestBase) {
        let world = with_bids(base);
        world.agents.sleep(&[1, 2, 3, 4, 5]);
        world.to(DEADLINE);
        world.settle(2);
        world.to(DEADLINE.plus(61_000));
        world.agents.sleep(&[]);
        // All tell what was lodged with them: nothing. No checkpoint freezes the set any more.
        world.settle(2);
        assert_eq!(world.row().state, UnitState::Open);
        postpone(&world, 200_000);
        let deadline = world.row().terms.deadline;
        assert_eq!(deadline, DEADLINE.plus(200_000));
        world.agents.lodge(5, &world.seal(4, 4, Spoil::Nothing)).unwrap();
        world.to(deadline);
        world.settle(3);
        world.to(deadline.plus(1_000));
        world.settle(3);
        let row = world.row();
        assert_eq!((row.state, row.close.unwrap().body().lines.len()), (UnitState::Closed, 4));
    }
}

on_both! {
    fn signatures_under_one_close_are_none_under_another_that_took_its_place(base: TestBase) {
        let world = proposed(base);
        let (db, id) = (world.db.clone(), world.id);
        let other: Box<dyn FnOnce() + Send> = Box::new(move || {
            db.write_blocking(move |tx| {
                tx.unrecorded("a test's hand");
                let at = unit::table.filter(unit::unit_id.eq(id.to_string()));
                let change = diesel::update(at).set(unit::close_sha256.eq(vec![7_u8; 32]));
                assert_eq!(on_each!(tx.conn(), |c| change.execute(c))?, 1);
                Ok::<_, Error>(())
            }).unwrap();
        });
        *world.agents.interrupt.lock().unwrap() = Some(("/close", other));
        let before = world.row().close.unwrap().encode();
        let refused = wait(world.opener().step(world.id)).unwrap_err();
        assert!(refused.to_string().contains("the unit"), "{refused}");
        assert!((1..=4).filter(|custodian| signed_close(&world, *custodian)).count() >= 3);
        let row = world.row();
        assert_eq!((row.state, row.close.unwrap().encode()), (UnitState::Closing, before));
        assert!(world.events("sealbid/close/v1").is_empty());
    }
}
