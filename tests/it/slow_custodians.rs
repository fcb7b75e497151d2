//! Does a unit get through its hour when custodians hang or hear nothing, and when it fails while
//! identities are on their way?

use std::time::Duration;

use sealbid::crypto::statement::{Body as _, Statement};
use sealbid::opening::rules::UnitState;
use sealbid::opening::statements::{Release, Suspension, SuspensionState};

use crate::on_both;
use crate::opening_world::{OPEN_AT, World, regulator_key};
use crate::openings::{close, opening, verified, with_bids};
use crate::support::wait;

const RELEASED: &str = "sealbid/released/v1";

/// Steps so many times; a step that waits for whoever hangs never ends.
fn steps(world: &World, most: usize) {
    for _ in 0..most {
        let step = world.opener().step(world.id);
        wait(async { tokio::time::timeout(Duration::from_secs(120), step).await })
            .expect("nobody waits for one that hangs")
            .unwrap();
        world.beat();
    }
}

on_both! {
    fn a_custodian_that_hangs_holds_up_neither_the_close_nor_the_opening(base: TestBase) {
        let world = with_bids(base);
        world.to(crate::opening_world::DEADLINE);
        world.agents.hang(&[2], "/close");
        steps(&world, 4);
        let row = world.row();
        assert_eq!(row.state, UnitState::Closed);
        assert_eq!(row.close.unwrap().note().signatures().len(), 5, "all but the one that hangs");
        world.to(OPEN_AT);
        world.agents.hang(&[4, 5], "/release");
        steps(&world, 4);
        assert_eq!(opening(&world).releases.len(), 3);
        verified(&world);
    }
}

on_both! {
    fn identities_are_recorded_as_they_come_whoever_hangs(base: TestBase) {
        let world = with_bids(base);
        close(&world);
        world.to(OPEN_AT);
        world.step();
        // Two are fewer than t: the step waits for the others, and what came stands meanwhile.
        world.agents.hang(&[1, 3, 5], "/release");
        let step = world.opener().step(world.id);
        let waiting = async {
            tokio::select! {
                done = step => panic!("two are not enough: {done:?}"),
                () = recorded(&world, 2) => {}
            }
        };
        wait(async { tokio::time::timeout(Duration::from_secs(120), waiting).await })
            .expect("what came is recorded");
        world.agents.hang(&[], "/release");
        world.beat();
        steps(&world, 3);
        assert_eq!(opening(&world).lines.len(), 3);
        verified(&world);
    }
}

/// Ends once so many releases stand on the record.
async fn recorded(world: &World, count: usize) {
    loop {
        let id = world.id;
        let found = world
            .db
            .query(move |conn| sealbid::record::store::entries_of_unit(conn, &id, RELEASED));
        if found.await.unwrap().len() >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn word(world: &World, no: u32, state: SuspensionState) -> String {
    let body = Suspension { no, reason: "a complaint".to_owned(), state, unit_id: world.id };
    Statement::signed(body, &regulator_key()).unwrap().encode()
}

on_both! {
    fn an_identity_on_its_way_when_the_unit_fails_is_dropped(base: TestBase) {
        let world = with_bids(base);
        close(&world);
        world.to(OPEN_AT);
        let (db, id) = (world.db.clone(), world.id.to_string());
        *world.agents.interrupt.lock().unwrap() = Some(("/release", Box::new(move || {
            use diesel::prelude::*;
            use sealbid::db::schema::unit;
            db.write_blocking(move |tx| {
                tx.unrecorded("a test's hand");
                let at = unit::table.filter(unit::unit_id.eq(id));
                let void = diesel::update(at).set(unit::state.eq("void"));
                sealbid::on_each!(tx.conn(), |c| void.execute(c))?;
                Ok::<_, sealbid::db::Error>(())
            })
            .unwrap();
        })));
        world.settle(3);
        assert_eq!(world.row().state, UnitState::Void);
        assert_eq!(world.events(RELEASED).len() + world.events(Release::TYPE).len(), 0);
        assert!(!world.leaks());
    }
}

on_both! {
    fn who_cannot_be_told_the_regulators_last_word_is_asked_for_nothing(base: TestBase) {
        let world = with_bids(base);
        close(&world);
        world.to(OPEN_AT);
        let asked = |path: &str| {
            let heard = (1..=5).flat_map(|custodian| world.agents.heard(custodian));
            heard.filter(|heard| heard.path == path).count()
        };
        world.step();
        // There is a word, and it cannot be read.
        world.base.meddle("UPDATE unit SET suspension_no = 1").unwrap();
        wait(world.opener().step(world.id)).unwrap_err();
        assert_eq!(asked("/release"), 0);
        // There is one, and nobody hears it.
        world.base.meddle("UPDATE unit SET suspension_no = 0").unwrap();
        for (no, state) in [(1, SuspensionState::Suspended), (2, SuspensionState::Lifted)] {
            wait(world.opener().suspend(&word(&world, no, state))).unwrap();
        }
        world.agents.lose(&[1, 2, 3, 4, 5], "/suspend");
        world.settle(2);
        assert_eq!(asked("/release"), 0);
        world.agents.lose(&[], "/suspend");
        world.settle(3);
        assert_eq!(opening(&world).lines.len(), 3);
        verified(&world);
    }
}
