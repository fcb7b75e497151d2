//! Does a deadline move only for those who asked before it, and does everybody who acts on it later
//! know where it went?

use sealbid::custodian::agent::{self, Refusal};
use sealbid::custodian::wire::AskRelease;
use sealbid::opening::rules::UnitState;
use sealbid::record::store as record;

use crate::interruptions::postpone;
use crate::on_both;
use crate::opening_world::{BY_TIME, DEADLINE, OPEN_AT, Spoil, World, id};
use crate::support::TestBase;

/// Two minutes more for everything.
const LATER: i64 = 120_000;

fn with_a_bid(base: TestBase) -> World {
    let world = World::start(base, 1, BY_TIME);
    world.accept(1, &world.seal(1, 1, Spoil::Nothing));
    world
}

/// What a custodian is shown so that it releases, under the last checkpoint.
fn ask_release(world: &World, close_receipt: String) -> AskRelease {
    let row = world.row();
    let last = world.published();
    AskRelease {
        checkpoint: world.db.read(|conn| record::cosigned_note(conn, &last)).unwrap().encode(),
        close_receipt,
        credentials: Vec::new(),
        lodged: Vec::new(),
        order: None,
        unit: row.unit.encode(),
    }
}

on_both! {
    fn a_custodian_that_slept_through_an_amendment_releases_no_earlier_than_the_others(base: TestBase) {
        let world = with_a_bid(base);
        world.agents.sleep(&[5]);
        postpone(&world, LATER);
        world.to(DEADLINE.plus(LATER));
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Closed);
        let receipt = world.receipt_at(world.row().close_index.unwrap());
        world.agents.sleep(&[]);
        // Its window is over, and so is the hour of opening that the unit names.
        let early = OPEN_AT.plus(LATER - 20_000);
        world.to(early);
        world.note();
        world.beat();
        let asked = |custodian: u8| {
            let ask = ask_release(&world, receipt.clone());
            world.agents.decide(&id(custodian), |agent| agent::release(agent, &ask)).err()
        };
        for custodian in [1, 5] {
            assert_eq!(asked(custodian), Some(Refusal::TooEarlyToRelease), "{custodian}");
        }
        assert_eq!(world.agents.state(5).units[&world.id].amendment_no, 0, "it still knows of none");
        world.to(OPEN_AT.plus(LATER));
        world.note();
        world.beat();
        assert_eq!((asked(1), asked(5)), (None, None));
    }
}
