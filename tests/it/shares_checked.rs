//! Are custodians that were missing at the release asked until they answer, is every share looked at,
//! and does nothing of it change what was opened?

use sealbid::clock::{Clock as _, Time};
use sealbid::crypto::json;
use sealbid::opening::rules::UnitState;
use sealbid::opening::rules::shares::{DAY_MS, FIRST_MS, asked_again};
use sealbid::opening::statements::{FailCode, LineStatus, OpeningEvent, ShareCode, SharesFound};
use sealbid::verify::Verdict;
use sealbid::verify::casefile::CaseKind;

use crate::on_both;
use crate::opening_world::{BY_TIME, DEADLINE, OPEN_AT, Spoil, World, id, who};
use crate::openings::{close, opening, report, verified, with_bids};
use crate::support::{TestBase, wait};

const HOUR: i64 = 3_600_000;

/// What the record says of each custodian's shares, in its order.
fn found(world: &World) -> Vec<(String, SharesFound)> {
    let events = world.events("sealbid/shares/v1");
    let one = |event: &Vec<u8>| match json::parse(event) {
        Ok(OpeningEvent::Shares { custodian, found, .. }) => (custodian.to_string(), found),
        other => panic!("{other:?}"),
    };
    events.iter().map(one).collect()
}

fn well(found: &[(String, SharesFound)]) -> bool {
    found.iter().all(|(_, found)| *found == SharesFound::Checked(Vec::new()))
}

/// Whether the timer would look at the unit now.
fn is_due(world: &World) -> bool {
    wait(world.opener().due_units()).unwrap().contains(&world.id)
}

/// A beat that gives auditors a head with everybody's cosignature.
fn cosigned(world: &World) {
    world.platform.sequencer.want_checkpoint();
    world.beat();
}

on_both! {
    fn fewer_than_t_releases_then_the_missing_one_an_hour_later(base: TestBase) {
        let world = with_bids(base);
        close(&world);
        // All say that the hour has come, and the keys of two arrive.
        world.agents.lose(&[3, 4, 5], "/release");
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Closed, "nobody's bid is lost, all stay sealed");
        assert_eq!(world.events("sealbid/released/v1").len(), 2);
        assert!(world.events("sealbid/read-out/v1").is_empty() && found(&world).is_empty());
        world.to(OPEN_AT.plus(HOUR));
        world.agents.lose(&[4, 5], "/release");
        world.settle(4);
        let before = opening(&world);
        assert_eq!(before.releases, [id(1), id(2), id(3)]);
        assert_eq!(world.events("sealbid/released/v1").len(), 3);
        // An hour later again the rest is back: its keys check, and open nothing anew.
        world.to(OPEN_AT.plus(2 * HOUR));
        world.agents.lose(&[], "/release");
        assert!(is_due(&world));
        world.step();
        assert_eq!(found(&world).len(), 5);
        assert!(well(&found(&world)), "{:?}", found(&world));
        assert_eq!(opening(&world), before);
        assert!(!is_due(&world), "it is done with");
        world.to(OPEN_AT.plus(3 * HOUR));
        world.settle(3);
        assert_eq!(found(&world).len(), 5);
        cosigned(&world);
        verified(&world);
    }
}

on_both! {
    fn nothing_is_checked_before_the_opening_stands(base: TestBase) {
        let world = with_bids(base);
        close(&world);
        world.to(OPEN_AT);
        let opens = |world: &World| world.row().state == UnitState::Opened;
        for _ in 0..6 {
            if opens(&world) {
                break;
            }
            assert!(found(&world).is_empty());
            world.step();
        }
        assert!(opens(&world) && !is_due(&world) && found(&world).is_empty());
        world.to(world.base.clock.now().plus(FIRST_MS - 1));
        world.step();
        assert!(!is_due(&world) && found(&world).is_empty());
        world.to(world.base.clock.now().plus(1));
        assert!(is_due(&world));
        world.step();
        assert_eq!(found(&world).len(), 5);
        verified(&world);
    }
}

on_both! {
    fn a_bad_share_of_a_custodian_that_came_later_is_named_and_changes_no_outcome(base: TestBase) {
        let world = World::start(base, 3, BY_TIME);
        // The first custodian's share of the first bid is sealed to somebody else.
        world.accept(1, &world.seal(1, 1, Spoil::Share));
        world.accept(2, &world.seal(2, 2, Spoil::Nothing));
        world.accept(3, &world.seal(3, 3, Spoil::Secret));
        close(&world);
        world.agents.sleep(&[1]);
        world.to(OPEN_AT);
        world.settle(4);
        let before = opening(&world);
        let line = |number: u16| {
            before.lines.iter().find(|line| line.bidder == who(number).0).unwrap().clone()
        };
        assert!(matches!(line(1).outcome, LineStatus::Opened { .. }));
        let failed = LineStatus::Failed { code: FailCode::WrongSecret, custodian: None };
        assert_eq!(line(3).outcome, failed);
        world.agents.sleep(&[]);
        world.to(OPEN_AT.plus(HOUR));
        world.settle(2);
        let found = found(&world);
        let of_first = found.iter().find(|(custodian, _)| custodian == "c1").unwrap();
        let SharesFound::Checked(faults) = &of_first.1 else { panic!("{found:?}") };
        let named: Vec<_> = faults.iter().map(|fault| (fault.code, fault.line)).collect();
        assert_eq!(named, [(ShareCode::BadShare, line(1).line)]);
        let others: Vec<_> = found.into_iter().filter(|(custodian, _)| custodian != "c1").collect();
        assert!(others.len() == 4 && well(&others), "{others:?}");
        assert_eq!(opening(&world), before);
        cosigned(&world);
        verified(&world);
    }
}

on_both! {
    fn a_bid_that_failed_by_a_share_stays_failed_whoever_comes_later(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        world.accept(1, &world.seal(1, 1, Spoil::Swapped));
        close(&world);
        world.agents.sleep(&[4, 5]);
        world.to(OPEN_AT);
        world.settle(4);
        let before = opening(&world);
        assert!(matches!(before.lines[0].outcome, LineStatus::Failed { .. }));
        world.agents.sleep(&[]);
        world.to(OPEN_AT.plus(HOUR));
        world.settle(3);
        let bad = |found: &SharesFound| matches!(found, SharesFound::Checked(faults)
            if faults.len() == 1 && faults[0].code == ShareCode::BadShare);
        let named: Vec<_> =
            found(&world).into_iter().filter(|(_, found)| bad(found)).map(|it| it.0).collect();
        assert_eq!((named, found(&world).len()), (vec!["c1".to_owned(), "c2".to_owned()], 5));
        assert_eq!(opening(&world), before);
        assert_eq!(world.events("sealbid/opening/v1").len(), 1);
        cosigned(&world);
        verified(&world);
    }
}

on_both! {
    fn a_custodian_that_never_comes_back_is_named_after_a_day_and_asked_no_more(base: TestBase) {
        let world = with_bids(base);
        close(&world);
        world.agents.sleep(&[5]);
        world.to(OPEN_AT);
        world.settle(4);
        world.to(OPEN_AT.plus(HOUR));
        world.step();
        assert_eq!(found(&world).len(), 4);
        assert!(!is_due(&world), "it is asked less and less often");
        world.to(OPEN_AT.plus(DAY_MS - 1));
        world.step();
        assert_eq!(found(&world).len(), 4);
        world.to(OPEN_AT.plus(DAY_MS));
        world.step();
        assert_eq!(found(&world).last().unwrap(), &("c5".to_owned(), SharesFound::Absent));
        assert!(!is_due(&world));
        world.agents.sleep(&[]);
        let heard = world.agents.heard(5).len();
        world.to(OPEN_AT.plus(DAY_MS + HOUR));
        world.settle(2);
        let asked = world.agents.heard(5)[heard..].iter().any(|it| it.path == "/release");
        assert!(!asked && found(&world).len() == 5);
        cosigned(&world);
        verified(&world);
    }
}

on_both! {
    fn the_check_goes_on_after_a_restart_at_any_point_and_finds_everything_once(base: TestBase) {
        let mut world = with_bids(base);
        close(&world);
        world.agents.sleep(&[4, 5]);
        world.to(OPEN_AT);
        world.settle(4);
        let before = opening(&world);
        for (hour, asleep) in [(1, &[4, 5][..]), (2, &[5]), (3, &[5]), (4, &[])] {
            world = world.restart();
            world.agents.sleep(asleep);
            world.to(OPEN_AT.plus(hour * HOUR));
            world.beat();
            assert!(is_due(&world), "{hour}");
            world.step();
            world = world.restart();
            world.beat();
            assert_eq!(found(&world).len(), 5 - asleep.len());
        }
        assert!(well(&found(&world)));
        assert_eq!(opening(&world), before);
        cosigned(&world);
        verified(&world);
    }
}

on_both! {
    fn a_platform_that_never_looks_is_noticed_by_the_verifier(base: TestBase) {
        let world = with_bids(base);
        close(&world);
        world.to(OPEN_AT);
        world.settle(4);
        let shares = |world: &World| {
            let report = report(world, CaseKind::Auditor);
            let claim = report.claims.iter().find(|claim| claim.id == "shares").unwrap();
            (claim.verdict, claim.detail.key)
        };
        assert_eq!(shares(&world), (Verdict::Ok, "verify-say-shares-hold"));
        world.to(OPEN_AT.plus(DAY_MS + 2 * HOUR));
        cosigned(&world);
        assert_eq!(shares(&world), (Verdict::Failed, "verify-say-shares-late"));
        world.step();
        assert_eq!(found(&world).len(), 5, "late is not never");
        cosigned(&world);
        assert_eq!(shares(&world).0, Verdict::Ok);
    }
}

/// A finding that the platform invents, behind an opening.
fn invented(base: TestBase, custodian: u8, found: SharesFound) -> &'static str {
    let world = with_bids(base);
    close(&world);
    world.to(OPEN_AT);
    world.settle(4);
    let (custodian, unit_id) = (id(custodian), world.id);
    let event = OpeningEvent::Shares { custodian, found, unit_id };
    let bytes = json::to_string(&event).unwrap().into_bytes();
    world.act(move |tx| {
        let level = sealbid::record::disclosure::Level::Public;
        let kind = "sealbid/shares/v1";
        tx.record(sealbid::record::append::Event { kind, level, unit: Some(unit_id), bytes })
    });
    world.beat();
    let report = report(&world, CaseKind::Auditor);
    let failed = report.claims.iter().filter(|claim| claim.verdict == Verdict::Failed);
    let failed: Vec<_> = failed.map(|claim| (claim.id, claim.detail.key)).collect();
    assert_eq!(failed, [("shares", "verify-say-shares-bad")]);
    failed[0].1
}

on_both! {
    fn an_invented_finding_fails_the_claim_and_no_other(base: TestBase) {
        let fault = |code| sealbid::opening::statements::ShareFault {
            code,
            line: sealbid::crypto::hash::Hash::of(b"no line"),
        };
        let accused = SharesFound::Checked(vec![fault(ShareCode::BadShare)]);
        invented(base.another(), 2, accused);
        invented(base.another(), 5, SharesFound::Absent);
        invented(base, 9, SharesFound::Checked(Vec::new()));
    }
}

#[test]
fn custodians_are_asked_at_growing_intervals_for_a_day_and_no_longer() {
    let from = (DEADLINE, DAY_MS);
    let at = |ms: i64| asked_again(from, DEADLINE.plus(ms)).map(|next| next.since(DEADLINE) - ms);
    assert_eq!(at(0), Some(10_000));
    assert_eq!(at(10_000), Some(10_000));
    assert_eq!(at(60_000), Some(60_000));
    assert_eq!(at(HOUR), Some(HOUR / 2));
    assert_eq!(at(DAY_MS - 1), Some(HOUR / 2));
    assert_eq!(at(DAY_MS), None);
    let mut asked = 0;
    let mut now: Time = DEADLINE;
    while let Some(next) = asked_again(from, now) {
        (asked, now) = (asked + 1, next);
    }
    assert!(asked < 70, "{asked}");
}
