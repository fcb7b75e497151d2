//! Does a receipt that is fetched again become final, however busy the record is?

use sealbid::opening::statements::OpeningEvent;

use crate::on_both;
use crate::opening_world::{BY_TIME, World};
use crate::support::wait;

/// Something more for the record, which nobody cosigns yet.
fn go_on(world: &World) {
    let at = OpeningEvent::Missing {
        line: sealbid::crypto::hash::Hash::of(b"line"),
        sha256: sealbid::crypto::hash::Hash::of(b"file"),
        unit_id: world.id,
    };
    let bytes = sealbid::crypto::json::to_string(&at).unwrap().into_bytes();
    let level = sealbid::record::disclosure::Level::Public;
    let event =
        sealbid::record::append::Event { kind: "sealbid/missing/v1", level, unit: None, bytes };
    world.act(move |tx| tx.record(event));
    wait(world.platform.sequencer.tick()).unwrap().unwrap();
}

on_both! {
    fn a_receipt_is_shown_under_a_checkpoint_that_q_have_cosigned_as_soon_as_one_holds_it(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        world.beat();
        let final_size = world.published().size;
        go_on(&world);
        let witnesses = world.roster.body().witness_names().len();
        let receipt = |index| wait(world.platform.receipt(index)).unwrap();
        let old = receipt(0);
        assert_eq!(old.checkpoint.signatures().len(), 1 + witnesses, "the log and all five");
        assert!(old.checkpoint.text().contains(&format!("\n{final_size}\n")));
        // What only the newest checkpoint holds is shown under that one, provisional.
        let new = receipt(final_size);
        assert_eq!(new.checkpoint.signatures().len(), 1);
        old.verify(&world.roster.body().log_key, &[]).unwrap();
        new.verify(&world.roster.body().log_key, &[]).unwrap();
    }
}
