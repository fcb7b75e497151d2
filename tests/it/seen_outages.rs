//! Is an outage over a deadline believed only by custodians that saw it?

use sealbid::auth::Actor;
use sealbid::cli::outage::Cosign;
use sealbid::cli::tender::TenderCommand;
use sealbid::clock::{Clock as _, Time};
use sealbid::crypto::statement::Statement;
use sealbid::opening::rules::{FREEZE_MS, UnitState};
use sealbid::tender::amend;
use sealbid::tender::statements::{Amendment, Stage};

use crate::interruptions::register_outage;
use crate::on_both;
use crate::opening_world::{CHALLENGE, DEADLINE, OPEN_AT, Spoil, World, who};
use crate::openings::{opening, verified, with_bids};
use crate::play::{DEADLINE as CLOSES, Play, WINDOW};
use crate::support::{TestBase, wait};

/// The witnesses are shown a record that grows, while the platform says that it is down.
fn down_but_alive(world: &World, from: Time, until: Time) {
    world.to(from);
    world.alive();
    let mut at = from;
    while at.plus(6_000) < until {
        at = at.plus(6_000);
        world.to(at);
        world.platform.sequencer.want_checkpoint();
        world.beat();
    }
    world.to(until);
    world.alive();
}

/// The platform is down, and nobody cosigns anything.
fn down(world: &World, from: Time, until: Time) {
    world.to(from);
    world.platform.sequencer.want_checkpoint();
    world.beat();
    world.alive();
    world.to(until);
    world.alive();
}

/// Which custodians have signed an amendment.
fn signed(world: &World) -> Vec<u8> {
    let no = |custodian: &u8| world.agents.state(*custodian).units[&world.id].amendment_no;
    (1..=5).filter(|custodian| no(custodian) == 1).collect()
}

/// The buyer signs the outage that is asked, and the custodians are asked again.
fn cosign(world: &World) {
    let (pending, _) = world.row().pending.unwrap();
    let mut signed = Statement::<Amendment>::parse(pending.encode().as_bytes()).unwrap();
    signed.sign(&who(0).1);
    let buyer = Actor::Buyer(who(0).0);
    wait(amend::postpone(&world.platform, &buyer, &signed.encode())).unwrap();
    world.consent();
}

fn opens_with(world: &World, lines: usize) {
    world.settle(4);
    assert_eq!(world.row().state, UnitState::Closed);
    let over = world.base.clock.now().plus(CHALLENGE + 2_000);
    world.to(over.max(OPEN_AT).max(world.row().terms.open_at));
    world.settle(4);
    assert_eq!(opening(world).lines.len(), lines);
    verified(world);
}

on_both! {
    fn before_the_deadline_a_buyer_makes_up_for_an_outage_that_nobody_noticed(base: TestBase) {
        let world = with_bids(base);
        down_but_alive(&world, DEADLINE.plus(-40_000), DEADLINE.plus(-10_000));
        register_outage(&world).unwrap();
        assert!(world.row().pending.is_some() && world.row().terms.deadline == DEADLINE);
        cosign(&world);
        assert_eq!(world.row().terms.deadline, DEADLINE.plus(20_000));
    }
}

on_both! {
    fn an_outage_over_the_deadline_that_custodians_saw_needs_no_other_word(base: TestBase) {
        let world = with_bids(base);
        let back = DEADLINE.plus(20_000);
        down(&world, DEADLINE.plus(-10_000), back);
        // One that was started again since cannot have seen it; four are enough.
        world.agents.restart(5);
        register_outage(&world).unwrap();
        assert_eq!(world.row().terms.deadline, back.plus(20_000));
        assert_eq!(signed(&world), [1, 2, 3, 4]);
        world.accept(4, &world.seal(4, 4, Spoil::Nothing));
        world.to(back.plus(20_000));
        opens_with(&world, 4);
    }
}

on_both! {
    fn operator_and_buyer_cannot_claim_an_outage_over_a_deadline_that_custodians_saw_pass(base: TestBase) {
        let world = with_bids(base);
        down_but_alive(&world, DEADLINE.plus(-20_000), DEADLINE.plus(20_000));
        register_outage(&world).unwrap();
        cosign(&world);
        assert!(world.row().pending.is_some() && world.row().terms.deadline == DEADLINE);
        // What q have refused is decided: the set that was frozen is the one that is closed.
        world.to(DEADLINE.plus(FREEZE_MS));
        world.consent();
        assert!(world.row().pending.is_none());
        assert_eq!(world.events("sealbid/lapsed/v1").len(), 1);
        opens_with(&world, 3);
        assert_eq!(world.row().terms.deadline, DEADLINE);
    }
}

on_both! {
    fn custodians_that_were_started_again_meanwhile_cannot_have_seen_an_outage(base: TestBase) {
        let world = with_bids(base);
        down(&world, DEADLINE.plus(-10_000), DEADLINE.plus(20_000));
        [1, 2].iter().for_each(|custodian| world.agents.restart(*custodian));
        register_outage(&world).unwrap();
        cosign(&world);
        assert_eq!(signed(&world), [3, 4, 5], "whatever the buyer says");
        world.to(DEADLINE.plus(FREEZE_MS + 1_000));
        world.consent();
        assert!(world.row().pending.is_some(), "neither moved nor refused by enough: it is cancelled");
    }
}

on_both! {
    fn where_nobody_can_have_frozen_the_set_a_buyer_makes_up_for_what_custodians_slept_through(base: TestBase) {
        let world = with_bids(base);
        let back = DEADLINE.plus(FREEZE_MS + 1_000);
        down(&world, DEADLINE.plus(-10_000), back);
        [1, 2].iter().for_each(|custodian| world.agents.restart(*custodian));
        register_outage(&world).unwrap();
        assert_eq!(signed(&world), [3, 4, 5]);
        cosign(&world);
        assert!(world.row().terms.deadline > back);
    }
}

on_both! {
    fn at_the_running_server_a_claimed_outage_is_refused_and_the_unit_closes_on_its_deadline(base: TestBase) {
        let play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        for bidder in 0..3 {
            play.bid(bidder, &unit);
        }
        play.to(CLOSES.plus(-20_000));
        play.server.alive();
        for past in [-14_000, -8_000, -2_000, 4_000, 10_000] {
            play.to(CLOSES.plus(past));
            play.server.app().platform.sequencer.want_checkpoint();
            play.server.beat();
        }
        play.to(CLOSES.plus(20_000));
        play.server.alive();
        wait(play.operator().register_outage(&play.pinned, unit, "no power")).unwrap();
        let buyer = play.context(Some(play.key_file(&play.buyer.key, 90)));
        TenderCommand::Cosign(Cosign { unit, sign: true }).run(&buyer).unwrap();
        play.server.tick();
        let seen = play.unit(&unit);
        assert!(seen["pending"].is_string() && seen["deadline"] == CLOSES.millis(), "{seen}");
        play.to(CLOSES.plus(FREEZE_MS));
        play.until(&unit, "closed");
        let seen = play.unit(&unit);
        assert!(seen["pending"].is_null() && seen["deadline"] == CLOSES.millis(), "{seen}");
        play.server.tick();
        play.server.clock.advance(WINDOW + 1);
        play.until(&unit, "opened");
        assert_eq!(crate::routes_story::opening(&play, &unit).lines.len(), 3);
        crate::killed::verified(&play, unit);
    }
}

/// Long after the deadline, with four custodians that slept through the outage; no set was frozen.
fn told_late(base: TestBase) -> World {
    let world = with_bids(base);
    down(&world, DEADLINE.plus(-10_000), DEADLINE.plus(120_000));
    (1..=4).for_each(|custodian| world.agents.restart(custodian));
    register_outage(&world).unwrap();
    assert!(world.row().pending.is_some() && world.row().terms.deadline == DEADLINE);
    world
}

on_both! {
    fn an_outage_that_is_told_long_after_the_deadline_waits_for_its_buyers_word(base: TestBase) {
        let world = told_late(base);
        // Its buyer takes its time; the custodians are asked again and again.
        world.to(DEADLINE.plus(180_000));
        world.consent();
        cosign(&world);
        // The demo pack: two minutes from the recovery after more than one.
        assert_eq!(world.row().terms.deadline, DEADLINE.plus(240_000));
        assert!(world.events("sealbid/lapsed/v1").is_empty());
    }
}

on_both! {
    fn an_outage_without_its_buyers_word_lapses_at_the_hour_that_it_was_to_win(base: TestBase) {
        let world = told_late(base);
        world.to(DEADLINE.plus(240_000 - 1));
        world.consent();
        assert!(world.row().pending.is_some());
        world.to(DEADLINE.plus(240_000));
        world.consent();
        assert_eq!((world.row().pending.is_some(), world.events("sealbid/lapsed/v1").len()), (false, 1));
    }
}
