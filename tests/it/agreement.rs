//! Does the verifier agree with an honest platform about what is seldom: a statement decided too late,
//! a key handed over while custodians are asked, or while they hold what it signed?

use sealbid::auth::Actor;
use sealbid::bid::rules::Refused;
use sealbid::clock::Time;
use sealbid::crypto::statement::Statement;
use sealbid::db::Conn;
use sealbid::opening::rules::UnitState;
use sealbid::record::store::entries_of_unit;
use sealbid::tender::amend;
use sealbid::verify::casefile::CaseKind;
use sealbid::verify::{Receipts, Report, Trust, Verdict, verify_bytes};

use crate::on_both;
use crate::opening_world::{DEADLINE, OPEN_AT, Spoil, World, next_key, who};
use crate::openings::{case, opening, report, verified, with_bids};
use crate::stand::postponement;
use crate::support::{TestBase, wait};

fn failed(report: &Report) -> Vec<&'static str> {
    let failed = report.claims.iter().filter(|claim| claim.verdict == Verdict::Failed);
    failed.map(|claim| claim.id).collect()
}

fn opened(world: &World, later: i64) {
    world.to(DEADLINE.plus(later));
    world.settle(4);
    assert_eq!(world.row().state, UnitState::Closed);
    world.to(OPEN_AT.plus(later));
    world.settle(4);
    assert_eq!(opening(world).lines.len(), 3);
}

/// Three bids, and a fourth that came in time and was decided at this hour: too late to count. With
/// its bidder's receipt.
fn undecided(base: TestBase, decided: Time) -> (World, String) {
    let world = with_bids(base);
    let fourth = world.seal(4, 4, Spoil::Nothing);
    world.to(decided);
    world.refuse(&fourth.manifest.encode(), Refused::Undecided);
    world.beat();
    assert_eq!(world.row().state, UnitState::Open, "no close was proposed before");
    let of_unit = |conn: &mut Conn| entries_of_unit(conn, &world.id, "sealbid/refused/v1");
    let receipt = world.receipt_at(world.db.read(of_unit).unwrap()[0].index);
    (world, receipt)
}

/// What the receipt's bidder is told.
fn my_line(world: &World, receipt: &str) -> Verdict {
    let trust = Trust::Roster(world.roster.sha256());
    let mine = Receipts::one(receipt.as_bytes());
    let report = verify_bytes(&case(world, CaseKind::Auditor), Some(&trust), Some(mine));
    report.claims.iter().find(|claim| claim.id == "my-line").unwrap().verdict
}

on_both! {
    fn what_is_undecided_before_the_close_is_proposed_is_the_platforms_own_fault(base: TestBase) {
        let (world, receipt) = undecided(base, DEADLINE.plus(5_001));
        opened(&world, 6_000);
        verified(&world);
        assert_eq!(my_line(&world, &receipt), Verdict::Ok);
    }
}

on_both! {
    fn what_is_undecided_before_the_deadline_was_turned_away(base: TestBase) {
        let (world, receipt) = undecided(base, DEADLINE.plus(-1_000));
        opened(&world, 0);
        assert_eq!(my_line(&world, &receipt), Verdict::Failed, "its checkpoint tells the hour");
    }
}

on_both! {
    fn a_lodged_bid_whose_key_was_handed_over_is_refused_for_its_signature(base: TestBase) {
        let world = with_bids(base);
        world.agents.lodge(3, &world.seal(4, 4, Spoil::Nothing)).unwrap();
        world.rotate(4);
        opened(&world, 1_000);
        let refused = world.events("sealbid/refused/v1");
        assert_eq!(refused.len(), 1);
        assert!(String::from_utf8_lossy(&refused[0]).contains(r#""code":"signature""#));
        verified(&world);
    }
}

on_both! {
    fn a_bid_by_a_key_that_the_record_never_heard_of_fails_no_claim_about_it(base: TestBase) {
        let world = with_bids(base);
        let fourth = world.seal(4, 4, Spoil::Nothing);
        let theirs = Statement::signed(fourth.manifest.body().clone(), &next_key(4)).unwrap();
        // A custodian that lies hands it out, and the platform accounts for it.
        world.refuse(&theirs.encode(), Refused::Signature);
        opened(&world, 1_000);
        verified(&world);
    }
}

on_both! {
    fn a_postponement_outlives_the_key_that_its_buyer_hands_over_meanwhile(base: TestBase) {
        let world = with_bids(base);
        // Two sleep while the buyer postpones, and it hands over before they sign.
        world.agents.sleep(&[4, 5]);
        let note = Statement::signed(postponement(&world.row(), 60_000), &who(0).1).unwrap().encode();
        let buyer = Actor::Buyer(who(0).0);
        wait(amend::postpone(&world.platform, &buyer, &note)).unwrap();
        world.beat();
        world.consent();
        assert!(world.row().pending.is_some());
        world.rotate(0);
        world.agents.sleep(&[]);
        world.consent();
        assert_eq!(world.row().terms.deadline, DEADLINE.plus(60_000));
        // From then on the next key speaks.
        let next = postponement(&world.row(), 60_000);
        let old = Statement::signed(next.clone(), &who(0).1).unwrap().encode();
        wait(amend::postpone(&world.platform, &buyer, &old)).unwrap_err();
        let next = Statement::signed(next, &next_key(0)).unwrap().encode();
        wait(amend::postpone(&world.platform, &buyer, &next)).unwrap();
        world.beat();
        world.consent();
        opened(&world, 120_000);
        verified(&world);
    }
}

on_both! {
    fn a_postponement_by_a_key_that_was_handed_over_before_it_was_asked_for_fails(base: TestBase) {
        let world = with_bids(base);
        world.rotate(0);
        // A platform that goes along with whoever has the old key, and custodians that follow it.
        let mut amendment = Statement::signed(postponement(&world.row(), 60_000), &who(0).1).unwrap();
        amendment.sign(&crate::opening_world::platform_key());
        world.ask_amendment(&amendment);
        world.beat();
        world.consent();
        assert_eq!(world.row().terms.deadline, DEADLINE.plus(60_000));
        opened(&world, 60_000);
        assert_eq!(failed(&report(&world, CaseKind::Auditor)), ["amendments"]);
    }
}
