//! Do the words of others count when they should: orders, suspensions, challenges, lodged bids?

use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::SigningKey;
use sealbid::crypto::statement::{Body, Statement};
use sealbid::custodian::agent::Refusal;
use sealbid::custodian::wire::{Account, AskChallenge, Shown};
use sealbid::db::Error as DbError;
use sealbid::error::Refusal as _;
use sealbid::opening::Error;
use sealbid::opening::rules::{Failure, Step, UnitState};
use sealbid::opening::statements::{
    Challenged, Order, Suspension, SuspensionState, Verdict, Void, VoidReason,
};
use sealbid::opening::store as stored;
use sealbid::tender::statements::ReleaseBy;

use sealbid::verify::Verdict as Told;
use sealbid::verify::casefile::CaseKind;

use crate::on_both;
use crate::opening_world::{
    Bid, CHALLENGE, DEADLINE, OPEN_AT, Spoil, World, platform_key, regulator_key, who,
};
use crate::openings::{
    close, opening, report, verified, verified_public, verified_void, with_bids,
};
use crate::support::{TestBase, wait};

fn by<B: Body>(body: B, keys: &[&SigningKey]) -> String {
    let mut statement = Statement::new(body).unwrap();
    keys.iter().for_each(|key| statement.sign(key));
    statement.encode()
}

/// A closed unit of second envelopes with three bids.
fn second_envelopes(base: TestBase) -> World {
    let world = World::start(base, 2, ReleaseBy::Order);
    for bidder in 1..=3 {
        world.accept(bidder, &world.seal(bidder, bidder, Spoil::Nothing));
    }
    close(&world);
    world
}

/// The order for all lines but the first.
fn order(world: &World) -> Order {
    let close = world.row().close.unwrap();
    let (lines, unit_id) = (close.body().lines[1..].to_vec(), world.id);
    Order { close_sha256: close.sha256(), lines, unit_id }
}

on_both! {
    fn second_envelopes_wait_for_their_order_and_only_the_chosen_ones_open(base: TestBase) {
        let world = second_envelopes(base);
        let (buyer, regulator) = (who(0).1, regulator_key());
        world.to(OPEN_AT);
        assert_eq!(world.settle(3), [Step::Wait; 3]);
        assert!(!world.leaks());
        let good = order(&world);
        wait(world.opener().take_order(&by(good.clone(), &[&buyer, &regulator]))).unwrap();
        assert!(!world.leaks());
        world.step();
        let left: Hash = world.row().close.unwrap().body().lines[0];
        let bids = world.db.read(|conn| stored::envelopes(conn, &world.id)).unwrap();
        for bid in &bids {
            let is_there = world.blobs.open(bid.blob).is_ok();
            assert_eq!(is_there, bid.line() != left, "what is left out is deleted");
        }
        world.settle(4);
        let opened: Vec<Hash> = opening(&world).lines.iter().map(|line| line.line).collect();
        assert_eq!(opened, good.lines);
        verified_void(&world);
    }
}

on_both! {
    fn an_order_that_is_not_both_their_word_about_this_close_is_refused(base: TestBase) {
        let world = second_envelopes(base);
        let (buyer, regulator) = (who(0).1, regulator_key());
        let refusal = |body: &Order, keys: &[&SigningKey]| {
            wait(world.opener().take_order(&by(body.clone(), keys))).unwrap_err().code()
        };
        let good = order(&world);
        let both = [&buyer, &regulator];
        assert_eq!(refusal(&good, &[&buyer]), "opening-signature");
        assert_eq!(refusal(&good, &[&regulator]), "opening-signature");
        assert_eq!(refusal(&good, &[&buyer, &regulator, &platform_key()]), "opening-signature");
        let elsewhere = Order { close_sha256: Hash::of(b"another"), ..good.clone() };
        assert_eq!(refusal(&elsewhere, &both), "opening-other-lines");
        let stranger = Order { lines: vec![Hash::of(b"no line")], ..good.clone() };
        assert_eq!(refusal(&stranger, &both), "opening-other-lines");
        let backwards = Order { lines: good.lines.iter().rev().copied().collect(), ..good.clone() };
        assert_eq!(refusal(&backwards, &both), "opening-other-lines");
        let taken = |keys| wait(world.opener().take_order(&by(good.clone(), keys))).unwrap();
        let index = taken(&both);
        assert_eq!(taken(&[&regulator, &buyer]), index, "the same one again, by whoever brings it");
        assert_eq!(refusal(&elsewhere, &both), "opening-no-order-now", "there is one order");
        assert_eq!(world.events(Order::TYPE).len(), 1);
    }
}

on_both! {
    fn a_unit_that_opens_by_its_hour_takes_no_order(base: TestBase) {
        let world = with_bids(base);
        close(&world);
        let note = by(order(&world), &[&who(0).1, &regulator_key()]);
        assert!(matches!(wait(world.opener().take_order(&note)), Err(Error::Misplaced(_))));
    }
}

fn word(world: &World, no: u32, state: SuspensionState) -> String {
    let body = Suspension { no, reason: "a complaint".to_owned(), state, unit_id: world.id };
    by(body, &[&regulator_key()])
}

on_both! {
    fn a_suspension_holds_the_release_until_it_is_lifted_for_sleepers_too(base: TestBase) {
        let world = with_bids(base);
        close(&world);
        world.agents.sleep(&[5]);
        let stop = word(&world, 1, SuspensionState::Suspended);
        wait(world.opener().suspend(&stop)).unwrap();
        for custodian in 1..=4 {
            let kept = world.agents.state(custodian).units[&world.id].suspension;
            assert_eq!(kept, Some((1, SuspensionState::Suspended)));
        }
        world.to(OPEN_AT.plus(60_000));
        assert_eq!(world.settle(3), [Step::Wait; 3]);
        // One is away while it is lifted, and hears of it when it is asked.
        world.agents.sleep(&[1, 2]);
        wait(world.opener().suspend(&word(&world, 2, SuspensionState::Lifted))).unwrap();
        world.agents.sleep(&[2]);
        world.settle(4);
        assert_eq!(opening(&world).releases.len(), 3);
        let kept = world.agents.state(1).units[&world.id].suspension;
        assert_eq!(kept, Some((2, SuspensionState::Lifted)));
        verified_void(&world);
    }
}

on_both! {
    fn an_old_word_or_somebody_elses_suspends_nothing(base: TestBase) {
        let world = with_bids(base);
        close(&world);
        wait(world.opener().suspend(&word(&world, 2, SuspensionState::Lifted))).unwrap();
        for old in [1, 2] {
            let refused = wait(world.opener().suspend(&word(&world, old, SuspensionState::Suspended)));
            assert!(matches!(refused, Err(Error::Db(DbError::Conflict(_)))), "{refused:?}");
        }
        let state = SuspensionState::Suspended;
        let body = Suspension { no: 3, reason: "no".to_owned(), state, unit_id: world.id };
        let forged = wait(world.opener().suspend(&by(body, &[&who(0).1])));
        assert_eq!(forged.unwrap_err().code(), "opening-signature");
        assert_eq!(world.events(Suspension::TYPE).len(), 1);
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Opened);
    }
}

/// What a bidder shows of its bid.
pub fn shown(world: &World, bid: &Bid) -> AskChallenge {
    let accepted = world.receipt(bid).encode();
    let account = Account { accepted, credentials: Vec::new(), later: None };
    let row = world.row();
    AskChallenge {
        account: account.into(),
        close: row.close.unwrap().encode(),
        unit: row.unit.encode(),
    }
}

/// Somebody brings a custodian's finding, with the receipt it was found by.
pub fn brought(world: &World, bid: &Bid, note: &str) -> Result<(), Error> {
    wait(world.opener().take_challenge(note, &shown(world, bid).account)).map(|_| ())
}

/// A bid that the platform took out of the set by its own hand, closed without it.
pub fn with_a_lost_bid(base: TestBase) -> (World, Bid) {
    let world = with_bids(base);
    let bid = world.seal(4, 4, Spoil::Nothing);
    world.accept(4, &bid);
    world.take_out(&bid, "withdrawn");
    close(&world);
    (world, bid)
}

on_both! {
    fn one_valid_receipt_that_the_close_denies_voids_the_unit_by_the_platforms_fault(base: TestBase) {
        let (world, bid) = with_a_lost_bid(base);
        let found = world.agents.challenge(2, &shown(&world, &bid)).unwrap();
        assert_eq!(found.body().verdict, Verdict::Open);
        brought(&world, &bid, &found.encode()).unwrap();
        brought(&world, &bid, &found.encode()).unwrap();
        assert_eq!(world.events(Challenged::TYPE).len(), 1, "brought twice, it stands once");
        world.to(OPEN_AT);
        let steps = world.settle(4);
        assert!(steps.contains(&Step::Void(Failure::Challenge)), "{steps:?}");
        let void = Statement::<Void>::parse(&world.events(Void::TYPE)[0]).unwrap();
        assert_eq!(void.body().reason, VoidReason::Challenge);
        assert!(!world.leaks());
        verified_public(&world);
        let report = report(&world, CaseKind::Auditor);
        let failed = report.claims.iter().filter(|claim| claim.verdict == Told::Failed);
        let failed: Vec<_> = failed.map(|claim| claim.id).collect();
        assert_eq!(failed, ["close-complete"], "the seal is over: the line left out is seen");
    }
}

on_both! {
    fn a_receipt_of_a_replaced_bid_is_answered_by_its_bidders_own_next_one(base: TestBase) {
        let world = with_bids(base);
        let first = world.seal(4, 4, Spoil::Nothing);
        world.accept(4, &first);
        world.replace(4, &first);
        close(&world);
        let found = world.agents.challenge(2, &shown(&world, &first)).unwrap();
        assert_eq!(found.body().verdict, Verdict::Open);
        brought(&world, &first, &found.encode()).unwrap();
        world.step();
        let verdicts: Vec<Verdict> = world
            .events(Challenged::TYPE)
            .iter()
            .map(|event| Statement::<Challenged>::parse(event).unwrap().body().verdict)
            .collect();
        assert_eq!(verdicts, [Verdict::Open, Verdict::Answered]);
        // The old finding brought again does not open it anew.
        brought(&world, &first, &found.encode()).unwrap();
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!(opening(&world).lines.len(), 4);
        verified(&world);
    }
}

on_both! {
    fn forged_receipts_and_forged_findings_stop_nothing(base: TestBase) {
        let (world, bid) = with_a_lost_bid(base);
        let good = shown(&world, &bid);
        let Shown::Receipts(account) = good.account.clone() else { panic!() };
        let mut lines: Vec<String> = account.accepted.lines().map(str::to_owned).collect();
        // The second line is the extra data: salt and event.
        let middle = lines[1].len() / 2;
        let other = if &lines[1][middle..=middle] == "A" { "B" } else { "A" };
        lines[1].replace_range(middle..=middle, other);
        let accepted = lines.join("\n") + "\n";
        let account = Account { accepted, ..account }.into();
        let forged = AskChallenge { account, ..good.clone() };
        let refused = world.agents.challenge(2, &forged).unwrap_err();
        assert!(matches!(refused, Refusal::Receipt(_)), "{refused:?}");

        let found = world.agents.challenge(2, &good).unwrap();
        let invented = by(found.body().clone(), &[&who(4).1]);
        let taken = brought(&world, &bid, &invented);
        assert_eq!(taken.unwrap_err().code(), "opening-signature");
        let body = Challenged { close_sha256: Hash::of(b"another"), ..found.body().clone() };
        let elsewhere = by(body, &[&world.agents.key(2)]);
        let taken = brought(&world, &bid, &elsewhere);
        assert_eq!(taken.unwrap_err().code(), "opening-other-close");
        assert!(world.events(Challenged::TYPE).is_empty());
    }
}

on_both! {
    fn a_challenge_after_the_window_is_a_finding_and_no_stop(base: TestBase) {
        let (world, bid) = with_a_lost_bid(base);
        world.agents.sleep(&[4, 5]);
        world.to(OPEN_AT.plus(CHALLENGE));
        // Three are asked to release and learn when the window ended; one answers too late to count.
        world.agents.lying.lock().unwrap().insert(crate::opening_world::id(3));
        world.settle(3);
        assert_eq!(world.row().state, UnitState::Closed);
        let found = world.agents.challenge(2, &shown(&world, &bid)).unwrap();
        assert_eq!(found.body().verdict, Verdict::Finding);
        brought(&world, &bid, &found.encode()).unwrap();
        world.agents.sleep(&[]);
        world.settle(3);
        assert_eq!(world.row().state, UnitState::Opened);
        assert_eq!(world.events(Challenged::TYPE).len(), 1);
    }
}

on_both! {
    fn a_bid_lodged_with_a_custodian_counts_like_any_other(base: TestBase) {
        let world = with_bids(base);
        let fourth = world.seal(4, 4, Spoil::Nothing);
        world.to(DEADLINE.plus(-1));
        let first = world.agents.lodge(3, &fourth).unwrap();
        world.to(DEADLINE);
        let late = world.agents.lodge(3, &world.seal(5, 5, Spoil::Nothing));
        assert!(matches!(late, Err(Refusal::Lodge(_))));
        let again = world.agents.lodge(3, &fourth).unwrap();
        assert_eq!(again.body().arrived_at, first.body().arrived_at, "a repeat is no later");
        world.settle(3);
        world.to(DEADLINE.plus(1_000));
        world.settle(4);
        assert_eq!(world.row().close.unwrap().body().lines.len(), 4);
        world.to(OPEN_AT);
        world.settle(4);
        let opening = opening(&world);
        let line = opening.lines.iter().find(|line| line.bidder == who(4).0).unwrap();
        assert_eq!(line.arrived_at, first.body().arrived_at);
        verified(&world);
    }
}
