//! Until when is a unit cancelled, who hears of it, and what becomes of a platform that goes on all the
//! same?

use std::fs;

use sealbid::auth::Actor;
use sealbid::clock::Clock as _;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::{Body as _, Statement};
use sealbid::opening::rules::UnitState;
use sealbid::opening::statements::{Opening, Void, VoidReason};
use sealbid::opening::store as stored;
use sealbid::record::append::Event;
use sealbid::record::disclosure::Level;
use sealbid::tender::amend;
use sealbid::tender::rules::cancellation;
use sealbid::verify::Verdict;
use sealbid::verify::casefile::CaseKind;

use crate::on_both;
use crate::opening_world::{DEADLINE, platform_key, who};
use crate::openings::{report, with_bids};
use crate::support::wait;

on_both! {
    fn a_unit_is_cancelled_until_a_close_is_effective(base: TestBase) {
        let world = with_bids(base);
        world.to(DEADLINE);
        world.settle(2);
        assert_eq!(world.row().state, UnitState::Closing);
        let body = Void {
            close_sha256: None,
            fault: None,
            reason: VoidReason::Cancelled,
            unit_id: world.id,
        };
        let void = Statement::signed(body, &who(0).1).unwrap().encode();
        let cancel = || wait(amend::cancel(&world.platform, &Actor::Buyer(who(0).0), &void));
        let index = cancel().unwrap();
        assert_eq!(world.row().state, UnitState::Void);
        assert_eq!(cancel().unwrap(), index, "asked again, the answer is the same");
    }
}

on_both! {
    fn a_cancellation_is_told_to_custodians_until_all_have_heard_and_what_opens_after_it_fails(base: TestBase) {
        let world = with_bids(base);
        let void = Statement::signed(cancellation(world.id), &who(0).1).unwrap().encode();
        world.agents.sleep(&[4, 5]);
        wait(amend::cancel(&world.platform, &Actor::Buyer(who(0).0), &void)).unwrap();
        let heard = || {
            let kept = |custodian| world.agents.state(custodian).units[&world.id].cancelled.clone();
            [1, 2, 3, 4, 5].map(|custodian| kept(custodian).is_some())
        };
        let due = || wait(world.opener().due_units()).unwrap().contains(&world.id);
        assert!(due(), "its next step tells it");
        world.step();
        assert_eq!(heard(), [true, true, true, false, false]);
        assert!(!due(), "not at every beat");
        world.agents.sleep(&[5]);
        world.to(world.base.clock.now().plus(10_000));
        assert!(due());
        world.step();
        assert_eq!(heard(), [true, true, true, true, false]);
        world.agents.sleep(&[]);
        world.to(world.base.clock.now().plus(3_600_000));
        world.step();
        assert_eq!(heard(), [true; 5]);
        world.to(world.base.clock.now().plus(3_600_000));
        assert!(!due(), "all have heard");
        world.platform.sequencer.want_checkpoint();
        world.beat();
        let sound = report(&world, CaseKind::Auditor);
        assert!(sound.claims.iter().all(|claim| claim.verdict != Verdict::Failed));

        // Custodians that kept it from each other, and a platform that opens all the same.
        let (close_sha256, opened_at) = (Hash::of(b"a close"), world.base.clock.now());
        let (lines, releases, unit_id) = (Vec::new(), Vec::new(), world.id);
        let body = Opening { close_sha256, lines, opened_at, releases, unit_id };
        let opening = Statement::signed(body, &platform_key()).unwrap().encode();
        let (kind, level, unit) = (Opening::TYPE, Level::Public, Some(unit_id));
        world.act(move |tx| tx.record(Event { kind, level, unit, bytes: opening.into_bytes() }));
        world.beat();
        let report = report(&world, CaseKind::Auditor);
        let claim = report.claims.iter().find(|claim| claim.id == "void").unwrap();
        let told = (claim.verdict, claim.detail.key);
        assert_eq!(told, (Verdict::Failed, "verify-say-void-opened"));
    }
}

on_both! {
    fn custodians_hear_of_a_cancellation_though_a_ciphertext_cannot_be_deleted(base: TestBase) {
        let world = with_bids(base);
        let bids = || world.db.read(|conn| stored::blobs_kept(conn, &world.id)).unwrap();
        let stuck = bids()[0].1.to_string();
        let home = world.parts(world.platform.clone()).spool;
        let found = ["blobs", "uploads"].map(|kind| home.join(kind).join(&stuck));
        let path = found.iter().find(|path| path.exists()).unwrap();
        fs::remove_file(path).unwrap();
        // What no deletion of a file takes away.
        fs::create_dir(path).unwrap();
        let void = Statement::signed(cancellation(world.id), &who(0).1).unwrap().encode();
        wait(amend::cancel(&world.platform, &Actor::Buyer(who(0).0), &void)).unwrap();
        world.step();
        for custodian in 1..=5 {
            let kept = &world.agents.state(custodian).units[&world.id];
            assert!(kept.cancelled.is_some(), "{custodian}");
        }
        let left: Vec<String> = bids().iter().map(|(_, blob)| blob.to_string()).collect();
        assert_eq!(left, [stuck], "the others are gone");
        let due = || wait(world.opener().due_units()).unwrap().contains(&world.id);
        assert!(!due(), "not at every beat");
        fs::remove_dir(path).unwrap();
        world.to(world.base.clock.now().plus(60_000));
        assert!(due());
        world.step();
        assert!(bids().is_empty() && !due());
    }
}
