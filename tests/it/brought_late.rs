//! May a bidder choose what it shows to whom, and when, and do custodians forget, and is nobody accused
//! by it; and is a release over what the record does not explain still seen?

use sealbid::clock::Clock as _;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::agent::{self, MAX_OPEN};
use sealbid::opening::rules::UnitState;
use sealbid::opening::statements::{Challenged, Verdict};
use sealbid::verify::Verdict as Told;
use sealbid::verify::casefile::CaseKind;

use crate::challenge_bounds::versions;
use crate::challenges::{answering, whole};
use crate::on_both;
use crate::opening_world::{BY_TIME, Bid, OPEN_AT, Spoil, World, id};
use crate::openings::{close, report, verified, with_bids};
use crate::others_words::{brought, shown, with_a_lost_bid};
use crate::support::{TestBase, wait};

/// Four bids, the fourth a replaced one, closed; gives both versions of it.
fn replaced(base: TestBase) -> (World, Bid, Bid) {
    let world = with_bids(base);
    let first = world.seal(4, 4, Spoil::Nothing);
    world.accept(4, &first);
    let next = world.replace(4, &first);
    close(&world);
    (world, first, next)
}

fn open(world: &World, custodian: u8, bid: &Bid) -> Statement<Challenged> {
    let found = world.agents.challenge(custodian, &shown(world, bid)).unwrap();
    assert_eq!(found.body().verdict, Verdict::Open);
    found
}

fn opened(world: &World) {
    world.to(OPEN_AT);
    world.settle(4);
    assert_eq!(world.row().state, UnitState::Opened);
    assert_eq!(world.events("sealbid/released/v1").len(), 5, "everybody released");
}

fn verdicts(world: &World) -> Vec<Verdict> {
    let events = world.events("sealbid/challenged/v1");
    let verdict = |event: &Vec<u8>| Statement::<Challenged>::parse(event).unwrap().body().verdict;
    events.iter().map(verdict).collect()
}

fn is_due(world: &World) -> bool {
    wait(world.opener().due_units()).unwrap().contains(&world.id)
}

/// How the claim about stops stands in a public file.
fn told(world: &World) -> &'static str {
    let report = report(world, CaseKind::Public);
    report.claims.iter().find(|claim| claim.id == "unstopped").unwrap().detail.key
}

/// A finding is brought after the opening: nobody is accused, and it is answered.
fn holds_when_brought(world: &World, bid: &Bid, found: &Statement<Challenged>) {
    let before = verdicts(world);
    brought(world, bid, &found.encode()).unwrap();
    world.beat();
    verified(world);
    assert_eq!(told(world), "verify-say-challenge-unshown", "the public sees no more yet");
    assert!(is_due(world));
    world.step();
    assert_eq!(verdicts(world), [before, vec![Verdict::Open, Verdict::Answered]].concat());
    verified(world);
    assert_eq!(told(world), "verify-say-here");
}

on_both! {
    fn a_challenge_that_its_bidder_answered_itself_is_no_accusation_years_later(base: TestBase) {
        let (world, first, next) = replaced(base);
        let found = open(&world, 2, &first);
        let (_, ask) = whole(&world, &first, &next);
        let sealbid::custodian::wire::Shown::Receipts(account) = ask.account else { panic!() };
        let answer = answering(&shown(&world, &first), &found, vec![account]);
        let answered = world.agents.decide(&id(2), |agent| agent::answer(agent, &answer)).unwrap();
        assert_eq!(answered.body().verdict, Verdict::Answered);
        opened(&world);
        assert!(verdicts(&world).is_empty(), "the platform heard of nothing");
        world.to(OPEN_AT.plus(400 * 86_400_000));
        world.settle(2);
        holds_when_brought(&world, &first, &found);
    }
}

on_both! {
    fn challenges_that_made_room_for_others_are_answered_whenever_they_are_brought(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        let most = u32::try_from(MAX_OPEN).unwrap();
        let all = versions(&world, 4, most + 3, 0);
        world.beat();
        close(&world);
        let found: Vec<_> = all[..MAX_OPEN + 2].iter().map(|bid| open(&world, 2, bid)).collect();
        let held = &world.agents.state(2).units[&world.id].challenges;
        assert_eq!(held.len(), MAX_OPEN, "the first two are gone");
        brought(&world, &all[0], &found[0].encode()).unwrap();
        world.step();
        opened(&world);
        assert!(!verdicts(&world).contains(&Verdict::Finding));
        assert_eq!(verdicts(&world).len(), 2 * (MAX_OPEN + 1), "each with its answer");
        verified(&world);
        holds_when_brought(&world, &all[1], &found[1]);
    }
}

on_both! {
    fn a_custodian_that_forgot_what_it_found_answers_for_it_by_a_slow_clock_too(base: TestBase) {
        let (world, first, _) = replaced(base);
        let found = open(&world, 2, &first);
        world.agents.forget(2);
        opened(&world);
        world.agents.skew(&[0, -900_000]);
        holds_when_brought(&world, &first, &found);
    }
}

on_both! {
    fn a_custodian_that_is_away_when_an_old_challenge_is_brought_is_asked_until_it_answers(base: TestBase) {
        let (world, first, _) = replaced(base);
        let found = open(&world, 2, &first);
        world.agents.forget(2);
        opened(&world);
        world.to(OPEN_AT.plus(3_600_000));
        world.settle(2);
        assert!(!is_due(&world), "all is done");
        world.agents.sleep(&[2]);
        brought(&world, &first, &found.encode()).unwrap();
        world.beat();
        world.step();
        assert_eq!(verdicts(&world), [Verdict::Open]);
        assert!(!is_due(&world), "not at every beat");
        verified(&world);
        world.agents.sleep(&[]);
        world.to(world.base.clock.now().plus(10_000));
        assert!(is_due(&world));
        world.step();
        assert_eq!(verdicts(&world), [Verdict::Open, Verdict::Answered]);
        assert!(!is_due(&world));
    }
}

on_both! {
    fn a_release_over_what_the_record_does_not_explain_is_seen_by_auditors(base: TestBase) {
        let (world, bid) = with_a_lost_bid(base);
        let found = open(&world, 2, &bid);
        world.agents.forget(2);
        opened(&world);
        brought(&world, &bid, &found.encode()).unwrap();
        world.step();
        assert_eq!(verdicts(&world), [Verdict::Open], "there is no answer");
        let report = report(&world, CaseKind::Auditor);
        let failed = report.claims.iter().filter(|claim| claim.verdict == Told::Failed);
        let failed: Vec<_> = failed.map(|claim| (claim.id, claim.detail.key)).collect();
        assert!(failed.contains(&("unstopped", "verify-say-release-stopped")), "{failed:?}");
        assert_eq!(told(&world), "verify-say-challenge-unshown");
    }
}
