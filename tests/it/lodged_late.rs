//! What becomes of a bid that a custodian took on the strength of a postponement which never came into
//! force?

use sealbid::bid::statements::{BidEvent, Fault};
use sealbid::crypto::json;
use sealbid::opening::rules::{FREEZE_MS, UnitState};
use sealbid::opening::statements::{LineStatus, OpeningEvent};

use crate::interruptions::propose;
use crate::on_both;
use crate::opening_world::{DEADLINE, OPEN_AT, Spoil, World, id, who};
use crate::openings::{opening, verified, with_bids};
use crate::support::TestBase;

/// By how much the buyer would have postponed.
const LATER: i64 = 600_000;

/// A postponement that the first custodian signed and nobody heard of; the others refused it, and it
/// lapsed.
fn lapsed(base: TestBase) -> World {
    let world = with_bids(base);
    // By four clocks it came too late; the first saw nothing of the minute in which a set is frozen.
    world.agents.skew(&[0, 2, 2, 2, 2]);
    world.agents.sleep(&[1]);
    world.to(DEADLINE.plus(-1));
    propose(&world, LATER);
    world.beat();
    world.to(DEADLINE);
    world.settle(2);
    world.agents.sleep(&[]);
    world.agents.lose(&[1], "/amendment");
    world.to(DEADLINE.plus(FREEZE_MS + 1_000));
    world.consent();
    world.agents.lose(&[], "/amendment");
    assert_eq!(world.events("sealbid/lapsed/v1").len(), 1);
    let row = world.row();
    assert!(row.pending.is_none() && row.terms.deadline == DEADLINE);
    let bound = &world.agents.state(1).units[&world.id];
    assert_eq!((bound.amendment_no, bound.deadline), (1, DEADLINE.plus(LATER)));
    world
}

/// Who has released.
fn released(world: &World) -> Vec<String> {
    let name = |event: &Vec<u8>| match json::parse(event) {
        Ok(OpeningEvent::Released { custodian, .. }) => custodian.to_string(),
        other => panic!("{other:?}"),
    };
    let mut all: Vec<String> = world.events("sealbid/released/v1").iter().map(name).collect();
    all.sort();
    all
}

on_both! {
    fn a_bid_lodged_after_the_deadline_in_force_is_refused_as_late_for_all_to_see(base: TestBase) {
        let world = lapsed(base);
        let fourth = world.seal(4, 4, Spoil::Nothing);
        let word = world.agents.lodge(1, &fourth).unwrap();
        assert!(word.body().arrived_at >= DEADLINE, "by its own deadline in time");
        // Its file, which may be large, is not even fetched.
        world.agents.lose(&[1], "/lodged/bid");
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Closed);
        world.to(OPEN_AT.plus(20_000));
        world.platform.sequencer.want_checkpoint();
        world.beat();
        world.settle(5);
        let lines = opening(&world).lines;
        assert!(lines.iter().all(|line| matches!(line.outcome, LineStatus::Opened { .. })));
        assert!(lines.iter().all(|line| line.bidder != who(4).0));
        let refused = world.events("sealbid/refused/v1");
        assert_eq!(refused.len(), 1, "once, however often its custodian is asked");
        let BidEvent::Refused { arrived_at, code, fault, provisional, statement, .. } =
            json::parse(&refused[0]).unwrap()
        else {
            panic!()
        };
        assert_eq!((arrived_at, code.as_str()), (word.body().arrived_at, "late"));
        assert_eq!((fault, provisional), (Fault::Bidder, false));
        assert_eq!(statement, fourth.manifest.encode());
        // Its custodian has seen what became of it, and waits for nothing but the hour that it signed.
        assert!(!released(&world).contains(&id(1).to_string()));
        world.to(OPEN_AT.plus(LATER));
        world.platform.sequencer.want_checkpoint();
        world.beat();
        world.settle(3);
        assert_eq!(released(&world).len(), 5);
        verified(&world);
    }
}
