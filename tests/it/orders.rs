//! Is nothing deleted but what the one recorded order leaves out; and is there nothing to stop once a
//! unit is over?

use futures_util::future::join;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::Statement;
use sealbid::error::Refusal as _;
use sealbid::opening::Error;
use sealbid::opening::rules::UnitState;
use sealbid::opening::statements::{LineStatus, Order, Suspension, SuspensionState};
use sealbid::opening::store as stored;
use sealbid::tender::statements::ReleaseBy;

use crate::on_both;
use crate::opening_world::{OPEN_AT, Spoil, World, regulator_key, who};
use crate::openings::{close, opening, verified_void, with_bids};
use crate::support::{TestBase, wait};

/// A closed unit of second envelopes with three bids.
fn second_envelopes(base: TestBase) -> World {
    let world = World::start(base, 1, ReleaseBy::Order);
    for bidder in 1..=3 {
        world.accept(bidder, &world.seal(bidder, bidder, Spoil::Nothing));
    }
    close(&world);
    world
}

/// The signed order for these lines of the close.
fn order(world: &World, places: &[usize]) -> String {
    let close = world.row().close.unwrap();
    let lines = places.iter().map(|place| close.body().lines[*place]).collect();
    let body = Order { close_sha256: close.sha256(), lines, unit_id: world.id };
    let mut order = Statement::signed(body, &who(0).1).unwrap();
    order.sign(&regulator_key());
    order.encode()
}

/// The lines whose ciphertext can be read.
fn readable(world: &World) -> Vec<Hash> {
    let bids = world.db.read(|conn| stored::envelopes(conn, &world.id)).unwrap();
    let there = bids.iter().filter(|bid| world.blobs.open(bid.blob).is_ok());
    let mut lines: Vec<Hash> = there.map(stored::EnvelopeRow::line).collect();
    lines.sort_unstable();
    lines
}

fn opens_its_lines(world: &World, lines: &[Hash]) {
    let opening = opening(world);
    assert_eq!(opening.lines.iter().map(|line| line.line).collect::<Vec<_>>(), lines);
    let is_opened = |status: &LineStatus| matches!(status, LineStatus::Opened { .. });
    assert!(opening.lines.iter().all(|line| is_opened(&line.outcome)));
    verified_void(world);
}

on_both! {
    fn of_two_orders_at_once_one_is_recorded_and_only_what_it_leaves_out_goes(base: TestBase) {
        let world = second_envelopes(base);
        let (one, other) = (order(&world, &[0, 1]), order(&world, &[2]));
        let opener = world.opener();
        let (first, second) = wait(join(opener.take_order(&one), opener.take_order(&other)));
        assert_eq!([&first, &second].iter().filter(|taken| taken.is_ok()).count(), 1);
        let refused = first.and(second).unwrap_err();
        assert!(matches!(refused, Error::Db(_) | Error::Misplaced(_)), "{refused:?}");
        assert_eq!(readable(&world).len(), 3, "nothing goes before it is certain which holds");
        let events = world.events("sealbid/order/v1");
        assert_eq!(events.len(), 1);
        let chosen = Statement::<Order>::parse(&events[0]).unwrap().body().lines.clone();
        world.to(OPEN_AT);
        world.settle(5);
        assert_eq!(readable(&world), chosen);
        opens_its_lines(&world, &chosen);
    }
}

on_both! {
    fn what_an_order_leaves_out_is_deleted_after_a_crash_too_and_before_any_release(base: TestBase) {
        let world = second_envelopes(base);
        wait(world.opener().take_order(&order(&world, &[1]))).unwrap();
        let lines = world.row().close.unwrap().body().lines.clone();
        assert_eq!(readable(&world), lines);
        // It dies before anything is deleted; then with one file gone and its row not yet told.
        let world = world.restart();
        let bids = world.db.read(|conn| stored::envelopes(conn, &world.id)).unwrap();
        let first = bids.iter().find(|bid| bid.line() == lines[0]).unwrap();
        world.blobs.delete(first.blob).unwrap();
        let world = world.restart();
        world.agents.sleep(&[1, 2, 3, 4, 5]);
        world.beat();
        world.step();
        assert_eq!(readable(&world), [lines[1]]);
        assert!(world.events("sealbid/released/v1").is_empty());
        world.agents.sleep(&[]);
        world.to(OPEN_AT);
        world.settle(5);
        opens_its_lines(&world, &[lines[1]]);
    }
}

on_both! {
    fn a_suspension_of_what_is_opened_is_refused_and_not_recorded(base: TestBase) {
        let world = with_bids(base);
        close(&world);
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Opened);
        for state in [SuspensionState::Suspended, SuspensionState::Lifted] {
            let body = Suspension { no: 1, reason: "late".to_owned(), state, unit_id: world.id };
            let note = Statement::signed(body, &regulator_key()).unwrap().encode();
            let refused = wait(world.opener().suspend(&note)).unwrap_err();
            assert_eq!((refused.code(), refused.status()), ("opening-nothing-to-stop", 409));
        }
        assert!(world.events("sealbid/suspension/v1").is_empty());
        for agent in 1..=5 {
            assert_eq!(world.agents.state(agent).units[&world.id].suspension, None);
        }
    }
}
