//! What becomes of a unit when somebody was away at its hour, or clocks differ?

use sealbid::auth::Actor;
use sealbid::crypto::statement::Statement;
use sealbid::enterprise::credential_notes;
use sealbid::error::Refusal as _;
use sealbid::opening::rules::waiting::WaitsFor;
use sealbid::opening::rules::{FREEZE_MS, Step, UnitState};
use sealbid::opening::store as stored;
use sealbid::tender::amend;
use sealbid::tender::outage::{DOWN_MS, waits_for};
use sealbid::tender::publish::Asked;
use sealbid::tender::statements::Outage;
use sealbid::verify::Verdict;
use sealbid::verify::casefile::CaseKind;

use crate::on_both;
use crate::opening_world::{BY_TIME, DEADLINE, OPEN_AT, Spoil, World, accept, operator_key, who};
use crate::openings::{opening, report, verified, with_bids};
use crate::stand::postponement;
use crate::support::wait;

/// The buyer postpones, and the custodians that are awake are asked once.
pub fn postpone(world: &World, later: i64) {
    propose(world, later);
    world.beat();
    world.consent();
}

pub fn propose(world: &World, later: i64) -> Asked {
    try_propose(world, later).unwrap()
}

fn try_propose(world: &World, later: i64) -> Result<Asked, &'static str> {
    let body = postponement(&world.row(), later);
    let note = Statement::signed(body, &who(0).1).unwrap().encode();
    let buyer = Actor::Buyer(who(0).0);
    let asked = wait(amend::postpone(&world.platform, &buyer, &note));
    asked.map_err(|refused| refused.code())
}

pub fn register_outage(world: &World) -> Result<(), &'static str> {
    let operator = Actor::Operator("op".to_owned());
    let prev_sha256 = world.row().last_sha256;
    let body = Outage { prev_sha256, text: "no power".to_owned(), unit_id: world.id };
    let note = Statement::signed(body, &operator_key()).unwrap().encode();
    let asked = wait(amend::outage(&world.platform, &operator, &note));
    asked.map_err(|refused| refused.code())?;
    world.beat();
    world.consent();
    Ok(())
}

fn all_lines_stand_below_the_close(world: &World) {
    let row = world.row();
    let close = row.close.unwrap();
    let bids = world.db.read(|conn| stored::envelopes(conn, &world.id)).unwrap();
    assert!(bids.iter().all(|bid| bid.accepted_index < close.body().size));
    assert_eq!(bids.len(), close.body().lines.len());
}

on_both! {
    fn a_custodian_that_slept_through_amendments_is_shown_them_before_it_closes(base: TestBase) {
        let world = with_bids(base);
        world.agents.sleep(&[5]);
        postpone(&world, 70_000);
        postpone(&world, 20_000);
        let deadline = DEADLINE.plus(90_000);
        assert_eq!(world.row().terms.deadline, deadline);
        assert_eq!(world.agents.state(5).units[&world.id].amendment_no, 0);
        // One of the four that signed them is away now: the close needs the one that did not.
        world.agents.sleep(&[1]);
        world.to(deadline);
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Closed);
        assert_eq!(world.agents.state(5).units[&world.id].amendment_no, 2);
        world.agents.sleep(&[]);
        world.to(OPEN_AT.plus(90_000));
        world.settle(4);
        assert_eq!(opening(&world).lines.len(), 3);
        verified(&world);
    }
}

on_both! {
    fn an_amendment_whose_signatures_were_lost_is_asked_again_and_takes_effect(base: TestBase) {
        let world = with_bids(base);
        world.to(DEADLINE.plus(-1));
        // All sign it, and the platform dies before it has heard of any.
        let asked = propose(&world, 600_000);
        world.beat();
        let entity = who(0).0;
        let buyer = world.db.read(|conn| credential_notes(conn, entity)).unwrap();
        world.agents.deaf(&asked, world.receipt_at(asked.proposed_index), buyer);
        let world = world.restart();
        world.to(DEADLINE.plus(FREEZE_MS));
        assert_eq!(world.settle(2), [Step::AskAmendment; 2], "nobody has said no");
        world.agents.sleep(&[1, 2, 3]);
        world.consent();
        assert!(world.row().pending.is_some(), "the silent ones may be bound");
        assert!(world.events("sealbid/lapsed/v1").is_empty());
        world.agents.sleep(&[]);
        world.consent();
        let row = world.row();
        assert!(row.pending.is_none() && row.terms.deadline == DEADLINE.plus(600_000));
        world.to(DEADLINE.plus(600_000));
        world.settle(4);
        world.to(OPEN_AT.plus(600_000));
        world.settle(4);
        assert_eq!(opening(&world).lines.len(), 3);
        verified(&world);
    }
}

on_both! {
    fn a_postponement_comes_too_late_unless_no_close_is_possible_any_more(base: TestBase) {
        let world = with_bids(base);
        world.to(DEADLINE);
        assert_eq!(try_propose(&world, 600_000).err(), Some("tender-late"));
        world.agents.sleep(&[1, 2, 3, 4]);
        for past in [0, 30_000, FREEZE_MS, FREEZE_MS + 1] {
            world.to(DEADLINE.plus(past));
            assert_eq!(world.step(), Step::Wait);
        }
        // Witnesses away for the minute of the freeze are not the platform's outage to tell.
        assert_eq!(register_outage(&world), Err("tender-no-outage"));
        world.agents.sleep(&[]);
        // A cosignature tells whole seconds.
        world.to(DEADLINE.plus(FREEZE_MS + 1_000));
        postpone(&world, 600_000);
        let deadline = DEADLINE.plus(600_000);
        assert_eq!(world.row().terms.deadline, deadline);
        world.to(deadline);
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Closed);
        world.to(OPEN_AT.plus(600_000));
        world.settle(4);
        // No file can show that four cosigned nothing.
        let report = report(&world, CaseKind::Auditor);
        assert_eq!(report.exit(), 0);
        let open = report.claims.iter().filter(|claim| claim.verdict == Verdict::NotDecidable);
        let open: Vec<_> = open.map(|claim| (claim.id, claim.detail.key)).collect();
        assert_eq!(open, [("amendments", "verify-say-amendment-late")]);
    }
}

on_both! {
    fn a_deadline_in_the_platforms_downtime_waits_for_an_outage_decision(base: TestBase) {
        let world = with_bids(base);
        world.to(DEADLINE.plus(-10_000));
        world.alive();
        let world = world.restart();
        let back = DEADLINE.plus(20_000);
        world.to(back);
        world.alive();
        assert_eq!(world.settle(3), [Step::Wait; 3]);
        let waits = wait(waits_for(&world.platform, &world.row())).unwrap();
        assert_eq!(waits, Some(WaitsFor::Outage), "everybody is told");
        register_outage(&world).unwrap();
        // The demo pack: 20 s from the recovery for bids, 30 s for the opening, never earlier.
        let row = world.row();
        let times = (row.terms.deadline, row.terms.open_at);
        assert_eq!(times, (back.plus(20_000), OPEN_AT));
        assert_eq!(register_outage(&world), Err("tender-no-outage"), "it counts once");
        world.accept(4, &world.seal(4, 4, Spoil::Nothing));
        world.to(back.plus(20_000));
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Closed);
        all_lines_stand_below_the_close(&world);
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!(opening(&world).lines.len(), 4);
        verified(&world);
    }
}

on_both! {
    fn a_platform_that_never_fell_silent_has_no_outage_and_one_far_away_moves_nothing(base: TestBase) {
        let world = with_bids(base);
        for past in 0..4 {
            world.to(DEADLINE.plus(past * DOWN_MS - 2 * DOWN_MS));
            world.alive();
        }
        assert_eq!(register_outage(&world), Err("tender-no-outage"));
        world.settle(3);
        assert_eq!(world.row().state, UnitState::Closed);
    }
}

on_both! {
    fn witnesses_ahead_of_the_hour_do_not_freeze_the_set_without_its_last_bid(base: TestBase) {
        let world = with_bids(base);
        world.agents.skew(&[1_900; 5]);
        world.to(DEADLINE.plus(-1_000));
        let fourth = world.seal(4, 4, Spoil::Nothing);
        world.accept(4, &fourth);
        world.beat();
        let early = world.published().size;
        world.to(DEADLINE.plus(-500));
        world.accept(5, &world.seal(5, 5, Spoil::Nothing));
        world.to(DEADLINE);
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Closed);
        assert!(world.row().close.unwrap().body().size > early);
        all_lines_stand_below_the_close(&world);
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!(opening(&world).lines.len(), 5);
        verified(&world);
    }
}

on_both! {
    fn witnesses_behind_the_hour_are_waited_for(base: TestBase) {
        let world = with_bids(base);
        world.agents.skew(&[-1_900, -1_900, 0, 0, 0]);
        world.to(DEADLINE);
        world.settle(3);
        world.to(DEADLINE.plus(1_000));
        world.settle(3);
        assert_eq!(world.row().state, UnitState::Open, "four must say that the hour has come");
        // Their second is the whole one: a cosignature has no milliseconds.
        world.to(DEADLINE.plus(3_000));
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Closed);
        all_lines_stand_below_the_close(&world);
    }
}

on_both! {
    fn a_bid_accepted_by_a_clock_set_back_after_the_freeze_takes_a_later_freeze(base: TestBase) {
        let world = with_bids(base);
        world.to(DEADLINE.plus(-1));
        world.accept(4, &world.seal(4, 4, Spoil::Nothing));
        world.to(DEADLINE);
        world.beat();
        let frozen = world.published().size;
        // While the close is made, the clock goes back and a fifth bid comes in.
        let (db, blobs) = (world.db.clone(), world.blobs.clone());
        let (fifth, back) = (world.seal(5, 5, Spoil::Nothing), DEADLINE.plus(-400));
        let late = move || {
            accept(&db, &*blobs, (5, back), &fifth);
        };
        *world.agents.interrupt.lock().unwrap() = Some(("/lodged", Box::new(late)));
        let refused = wait(world.opener().step(world.id)).unwrap_err();
        assert!(refused.to_string().contains("the set of bids"), "{refused}");
        world.to(DEADLINE.plus(1_000));
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Closed);
        assert!(world.row().close.unwrap().body().size > frozen);
        all_lines_stand_below_the_close(&world);
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!(opening(&world).lines.len(), 5);
        verified(&world);
    }
}

on_both! {
    fn a_close_that_lacks_a_lodged_bid_is_dropped_while_another_can_find_its_quorum(base: TestBase) {
        let world = with_bids(base);
        let fourth = world.seal(4, 4, Spoil::Nothing);
        world.agents.lodge(5, &fourth).unwrap();
        world.agents.sleep(&[5]);
        world.to(DEADLINE);
        world.settle(2);
        assert_eq!(world.row().state, UnitState::Closing);
        // The one with the bid is back before anybody has signed.
        world.agents.sleep(&[]);
        assert_eq!(world.step(), Step::AskClose);
        assert_eq!(world.row().state, UnitState::Open);
        assert_eq!(world.events("sealbid/lapsed/v1").len(), 1);
        world.to(DEADLINE.plus(1_000));
        world.settle(5);
        let row = world.row();
        assert_eq!(row.state, UnitState::Closed);
        assert_eq!(row.close.unwrap().body().lines.len(), 4);
        all_lines_stand_below_the_close(&world);
        world.to(OPEN_AT);
        world.settle(4);
        let opening = opening(&world);
        assert!(opening.lines.iter().any(|line| line.bidder == who(4).0));
        verified(&world);
    }
}

on_both! {
    fn no_close_is_proposed_before_q_custodians_told_what_was_lodged(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        world.accept(1, &world.seal(1, 1, Spoil::Nothing));
        world.agents.lodge(5, &world.seal(2, 2, Spoil::Nothing)).unwrap();
        world.to(DEADLINE);
        // All cosign the freeze; then two are away.
        world.act(|tx| tx.record(sealbid::record::append::Event {
            kind: "test/v1",
            level: sealbid::record::disclosure::Level::Public,
            unit: None,
            bytes: b"x".to_vec(),
        }));
        world.beat();
        world.agents.sleep(&[4, 5]);
        let proposed = world.settle(3);
        assert!(matches!(proposed[..], [Step::ProposeClose { .. }, ..]), "{proposed:?}");
        assert_eq!(world.row().state, UnitState::Open, "three are not enough");
        world.agents.sleep(&[4]);
        world.to(DEADLINE.plus(1_000));
        world.settle(4);
        let row = world.row();
        assert_eq!((row.state, row.close.unwrap().body().lines.len()), (UnitState::Closed, 2));
    }
}
