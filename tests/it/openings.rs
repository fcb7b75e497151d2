//! Does a unit get from its deadline to its opening, whoever sleeps and wherever it is interrupted?

use std::io::Read;

use sealbid::crypto::json;
use sealbid::crypto::statement::Statement;
use sealbid::opening::casefile::CaseSource;
use sealbid::opening::rules::{Step, UnitState};
use sealbid::opening::statements::{
    FailCode, LineStatus, Opening, OpeningEvent, RejectCode, Void, VoidReason,
};
use sealbid::opening::store;
use sealbid::tender::statements::ReleaseBy;
use sealbid::verify::casefile::{self, CaseKind};
use sealbid::verify::{Report, Trust, Verdict, verify_bytes};

use crate::on_both;
use crate::opening_world::{CHALLENGE, DEADLINE, OPEN_AT, Spoil, World, id, pads, who};
use crate::support::TestBase;

/// Three good bids.
pub fn with_bids(base: TestBase) -> World {
    let world = World::start(base, 3, ReleaseBy::Time);
    for bidder in 1..=3 {
        world.accept(bidder, &world.seal(bidder, bidder, Spoil::Nothing));
    }
    world.beat();
    world
}

/// From the deadline until the close is signed and its window runs.
pub fn close(world: &World) {
    world.to(DEADLINE);
    world.settle(4);
    assert_eq!(world.row().state, UnitState::Closed);
}

pub fn opening(world: &World) -> Opening {
    let events = world.events("sealbid/opening/v1");
    assert_eq!(events.len(), 1);
    Statement::<Opening>::parse(&events[0]).unwrap().body().clone()
}

/// Both case files verify, and the auditors' decides everything.
pub fn verified(world: &World) {
    for (kind, whole) in [(CaseKind::Public, false), (CaseKind::Auditor, true)] {
        let report = report(world, kind);
        for claim in &report.claims {
            let told = format!("{} {:?}", claim.id, claim.detail);
            assert_ne!(claim.verdict, Verdict::Failed, "{told}");
            let needs_end = claim.id == "void" || claim.id == "opening";
            assert!(!whole || needs_end || claim.verdict == Verdict::Ok, "{told}");
        }
        assert_eq!(report.exit(), 0);
    }
}

on_both! {
    fn from_deadline_to_opening(base: TestBase) {
        let world = with_bids(base);
        world.to(DEADLINE.plus(-1));
        assert_eq!(world.settle(3), [Step::Wait; 3], "a millisecond early nothing happens");
        close(&world);
        world.to(OPEN_AT.plus(-1));
        assert_eq!(world.settle(3), [Step::Wait; 3]);
        assert!(!world.leaks());
        world.to(OPEN_AT);
        let steps = world.settle(4);
        assert!(steps.contains(&Step::Open), "{steps:?}");
        let opening = opening(&world);
        assert_eq!(opening.lines.len(), 3);
        for line in &opening.lines {
            assert!(matches!(line.outcome, LineStatus::Opened { .. }), "{:?}", line.outcome);
        }
        let read = world.events("sealbid/read-out/v1");
        let OpeningEvent::ReadOut { lines, .. } = json::parse(&read[0]).unwrap() else { panic!() };
        assert_eq!((read.len(), lines.len()), (1, 3));
        assert_eq!(world.settle(3), [Step::Wait; 3], "what is opened stays as it is");
        let line = opening.lines[0].line;
        let mut file = world.opener().document(world.id, line, "offer.pdf").unwrap().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("MARKER of the offer"));
        verified(&world);
    }
}

/// Which words stand in the database, as they are or as hex.
fn found<'a>(world: &World, words: &[&'a str]) -> Vec<&'a str> {
    let held = world.base.contents();
    let holds = |word: &str| held.windows(word.len()).any(|part| part == word.as_bytes());
    words.iter().copied().filter(|word| holds(word) || holds(&hex::encode(word))).collect()
}

on_both! {
    fn no_row_holds_anything_readable_of_a_bid_before_its_opening(base: TestBase) {
        let world = with_bids(base);
        let prices = ["1001.00", "1002.00", "1003.00"];
        let sealed = [&prices[..], &["MARKER of the offer", "AGE-SECRET-KEY-1"]].concat();
        let public = format!("{}", world.id);
        assert_eq!(found(&world, &[&public]), [public.as_str()], "the search finds what is there");
        assert_eq!(found(&world, &sealed), Vec::<&str>::new());
        close(&world);
        assert_eq!(found(&world, &sealed), Vec::<&str>::new());
        world.to(OPEN_AT);
        world.settle(4);
        let opened = [&prices[..], &["AGE-SECRET-KEY-1"]].concat();
        assert_eq!(found(&world, &sealed), opened, "documents are never stored in the clear");
    }
}

on_both! {
    fn a_restart_between_any_two_steps_changes_nothing(base: TestBase) {
        let mut world = with_bids(base);
        for time in [DEADLINE, OPEN_AT] {
            world.to(time);
            for _ in 0..5 {
                world.step();
                world = world.restart();
            }
        }
        assert_eq!(opening(&world).lines.len(), 3);
        for kind in ["sealbid/close/v1", "sealbid/read-out/v1"] {
            assert_eq!(world.events(kind).len(), 1, "{kind}");
        }
        verified(&world);
    }
}

on_both! {
    fn too_few_bids_are_void_and_no_key_is_ever_asked_for(base: TestBase) {
        let world = World::start(base, 3, ReleaseBy::Time);
        let blobs = [1, 2].map(|b| world.accept(b, &world.seal(b, b, Spoil::Nothing)));
        world.to(DEADLINE);
        world.settle(6);
        assert_eq!(world.row().state, UnitState::Closed, "a dropped bid may still say so");
        world.to(OPEN_AT);
        world.settle(3);
        assert_eq!(world.row().state, UnitState::Void);
        world.to(OPEN_AT.plus(3_600_000));
        world.settle(5);
        let void = Statement::<Void>::parse(&world.events("sealbid/void/v1")[0]).unwrap();
        assert_eq!(void.body().reason, VoidReason::TooFew);
        assert!(!world.leaks());
        for blob in blobs {
            assert!(world.blobs.open(blob).is_err(), "ciphertext of a void unit is gone");
        }
        verified_void(&world);
    }
}

/// A void unit's case holds in both files, and with its seal ended the auditors' decides its set.
pub fn verified_void(world: &World) {
    for (kind, whole) in [(CaseKind::Public, false), (CaseKind::Auditor, true)] {
        let report = report(world, kind);
        assert_eq!(report.exit(), 0, "{:?}", report.claims);
        for id in ["leaves", "close-complete", "one-close", "void"] {
            let claim = report.claims.iter().find(|claim| claim.id == id).unwrap();
            assert!(!whole || claim.verdict == Verdict::Ok, "{claim:?}");
        }
    }
}

/// The public file holds in what it decides.
pub fn verified_public(world: &World) {
    let report = report(world, CaseKind::Public);
    assert_eq!(report.exit(), 0, "{:?}", report.claims);
}

pub fn case(world: &World, kind: CaseKind) -> Vec<u8> {
    let source = CaseSource {
        db: &world.db,
        blobs: &world.blobs,
        rosters: world.platform.rosters.chain(),
        pads: &pads(),
    };
    let mut file = Vec::new();
    match kind {
        CaseKind::Auditor => source.auditor(&[world.id], &mut file).unwrap(),
        _ => source.public(&[world.id], &mut file).unwrap(),
    };
    file
}

pub fn report(world: &World, kind: CaseKind) -> Report {
    let trust = Trust::Roster(world.roster.sha256());
    verify_bytes(&case(world, kind), Some(&trust), None)
}

on_both! {
    fn bids_cannot_be_counted_by_what_an_auditors_file_leaves_closed(base: TestBase) {
        let world = with_bids(base);
        close(&world);
        let first = world.db.read(|conn| store::envelopes(conn, &world.id)).unwrap()[0].accepted_index;
        let file = casefile::read(case(&world, CaseKind::Auditor).as_slice()).unwrap();
        let pads: Vec<u64> =
            file.opened.iter().filter(|leaf| leaf.event.is_empty()).map(|leaf| leaf.index).collect();
        let proposed = file.opened.iter().find(|leaf| {
            String::from_utf8_lossy(&leaf.event).contains("sealbid/proposed/v1")
        }).unwrap().index;
        assert!(proposed < first);
        // Not from the first bid on: then it would be told that there is one.
        assert!(!pads.is_empty() && pads.iter().all(|index| *index < proposed), "{pads:?}");
        let report = report(&world, CaseKind::Auditor);
        assert_eq!(report.exit(), 0, "{:?}", report.claims);
        for id in ["leaves", "close-complete", "one-close"] {
            let claim = report.claims.iter().find(|claim| claim.id == id).unwrap();
            assert_eq!(claim.verdict, Verdict::NotDecidable, "{claim:?}");
        }
        world.to(OPEN_AT);
        world.settle(4);
        verified(&world);
    }
}

on_both! {
    fn a_refusal_for_a_unit_that_never_took_effect_keeps_no_leaf_closed(base: TestBase) {
        let world = with_bids(base);
        world.lapsed();
        close(&world);
        world.to(OPEN_AT);
        world.settle(4);
        verified(&world);
    }
}

on_both! {
    fn one_custodian_missing_at_the_close_and_another_at_the_release_stop_nothing(base: TestBase) {
        let world = with_bids(base);
        world.agents.sleep(&[2]);
        close(&world);
        world.agents.sleep(&[4]);
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!(opening(&world).releases, [id(1), id(2), id(3)]);
        verified(&world);
    }
}

on_both! {
    fn below_the_quorum_no_close_takes_effect_until_it_is_there(base: TestBase) {
        let world = with_bids(base);
        world.to(DEADLINE);
        world.settle(2);
        world.agents.sleep(&[1, 2]);
        world.settle(3);
        assert_eq!(world.row().state, UnitState::Closing);
        let world = world.restart();
        world.agents.sleep(&[1]);
        world.settle(2);
        assert_eq!(world.row().state, UnitState::Closed);
        assert_eq!(world.row().close.unwrap().note().signatures().len(), 5);
    }
}

on_both! {
    fn a_missing_release_that_comes_an_hour_later_opens_everything(base: TestBase) {
        let world = with_bids(base);
        close(&world);
        world.to(OPEN_AT);
        world.step();
        world.agents.sleep(&[1, 3, 5]);
        world.settle(3);
        assert_eq!(world.row().state, UnitState::Closed);
        assert_eq!(world.events("sealbid/released/v1").len(), 2);
        assert!(world.events("sealbid/read-out/v1").is_empty());
        world.to(OPEN_AT.plus(3_600_000));
        world.agents.sleep(&[1, 3]);
        world.settle(3);
        assert_eq!(opening(&world).releases, [id(2), id(4), id(5)]);
        // Three are fewer than q: no claim fails, though a second history is not ruled out.
        verified_void(&world);
    }
}

on_both! {
    fn an_identity_that_opens_nothing_does_not_count(base: TestBase) {
        let world = with_bids(base);
        close(&world);
        world.agents.lying.lock().unwrap().insert(id(1));
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!(opening(&world).releases, [id(2), id(3), id(4)]);
        assert_eq!(world.events("sealbid/false-release/v1").len(), 1, "it stands against its maker");
        verified(&world);
    }
}

on_both! {
    fn every_fault_is_its_makers(base: TestBase) {
        let world = World::start(base, 3, ReleaseBy::Time);
        let own = world.seal(1, 1, Spoil::Nothing);
        world.accept(1, &own);
        // An envelope that names another author, a spoilt share, a lying secret, a lost file.
        world.accept(2, &world.seal(2, 1, Spoil::Nothing));
        world.accept(3, &world.seal(3, 3, Spoil::Share));
        world.accept(4, &world.seal(4, 4, Spoil::Secret));
        let lost = world.accept(5, &world.seal(5, 5, Spoil::Nothing));
        world.blobs.delete(lost).unwrap();
        close(&world);
        assert_eq!(world.events("sealbid/missing/v1").len(), 1);
        world.to(OPEN_AT);
        world.settle(4);
        let opening = opening(&world);
        let outcome = |bidder: u16| {
            let mut lines = opening.lines.iter();
            lines.find(|line| line.bidder == who(bidder).0).unwrap().outcome.clone()
        };
        assert!(matches!(outcome(1), LineStatus::Opened { .. }));
        let named = Some(who(1).0);
        assert_eq!(outcome(2), LineStatus::Rejected { code: RejectCode::Copied, named });
        let failed = |code, custodian| LineStatus::Failed { code, custodian };
        assert_eq!(outcome(3), failed(FailCode::BadShare, Some(id(1))));
        assert_eq!(outcome(4), failed(FailCode::WrongSecret, None));
        assert_eq!(outcome(5), LineStatus::Lost);
        verified(&world);
    }
}

on_both! {
    fn the_window_runs_before_anything_is_released(base: TestBase) {
        let world = with_bids(base);
        // q are awake again only after the hour of opening: the window starts then.
        world.to(DEADLINE);
        world.settle(2);
        world.agents.sleep(&[1, 2, 3]);
        world.settle(2);
        world.to(OPEN_AT);
        world.agents.sleep(&[]);
        world.settle(2);
        assert_eq!(world.row().state, UnitState::Closed);
        world.to(OPEN_AT.plus(CHALLENGE - 1));
        world.settle(3);
        assert!(world.events("sealbid/released/v1").is_empty());
        world.to(OPEN_AT.plus(CHALLENGE));
        world.settle(4);
        assert_eq!(opening(&world).lines.len(), 3);
        verified(&world);
    }
}
