//! Does a challenge count exactly when it should, whoever tells of it and whoever forgot?

use sealbid::clock::Clock as _;
use sealbid::crypto::key::SigningKey;
use sealbid::crypto::statement::{Body as _, Statement};
use sealbid::custodian::agent::{self, Refusal};
use sealbid::custodian::wire::{Account, AskAnswer, AskChallenge, AskChallenges, Shown};
use sealbid::error::Refusal as _;
use sealbid::ids::UnitId;
use sealbid::opening::rules::UnitState;
use sealbid::opening::statements::{
    Challenged, Order, Query, QueryAbout, Suspension, SuspensionState, Verdict, Void, VoidReason,
};
use sealbid::tender::statements::ReleaseBy;

use crate::on_both;
use crate::opening_world::{
    Bid, CHALLENGE, DEADLINE, OPEN_AT, Spoil, World, id, platform_key, regulator_key, who,
};
use crate::openings::{close, opening, verified, with_bids};
use crate::others_words::{brought, shown, with_a_lost_bid};
use crate::support::{TestBase, wait};

/// A question for a custodian's challenges, by this key.
pub fn asking(world: &World, custodian: u8, unit_id: UnitId, by: &SigningKey) -> AskChallenges {
    let (about, at) = (QueryAbout::Challenges, world.base.clock.now());
    let query = Query { about, at, custodian: id(custodian), unit_id };
    AskChallenges { after: None, query: Statement::signed(query, by).unwrap().encode() }
}

fn void_reason(world: &World) -> VoidReason {
    Statement::<Void>::parse(&world.events("sealbid/void/v1")[0]).unwrap().body().reason
}

/// Four bids, the fourth a replaced one, and a platform that froze what was replaced too; gives both
/// versions of it.
fn with_a_kept_version(base: TestBase) -> (World, Bid, Bid) {
    let world = with_bids(base);
    let first = world.seal(4, 4, Spoil::Nothing);
    world.accept(4, &first);
    let next = world.replace(4, &first);
    world.take_out(&first, "live");
    close(&world);
    (world, first, next)
}

/// What a custodian is asked who is shown the version that came after, too.
pub fn whole(world: &World, first: &Bid, next: &Bid) -> (Account, AskChallenge) {
    let ask = shown(world, first);
    let Shown::Receipts(short) = ask.account.clone() else { panic!() };
    let (later, credentials) = (Some(world.receipt(next).encode()), next.credentials());
    let account = Account { later, credentials, ..short.clone() };
    (short, AskChallenge { account: account.into(), ..ask })
}

/// What a custodian is told of what it was asked and found.
pub fn answering(
    ask: &AskChallenge,
    found: &Statement<Challenged>,
    accounts: Vec<Account>,
) -> AskAnswer {
    let AskChallenge { account, close, unit } = ask.clone();
    AskAnswer { account, accounts, close, finding: found.encode(), unit }
}

/// Four bids, the fourth a replaced one, closed; gives the first version of it.
fn with_a_replaced_bid(base: TestBase) -> (World, Bid) {
    let world = with_bids(base);
    let first = world.seal(4, 4, Spoil::Nothing);
    world.accept(4, &first);
    world.replace(4, &first);
    close(&world);
    (world, first)
}

on_both! {
    fn a_replaced_bids_receipt_shown_to_custodians_and_to_nobody_else_stops_nothing(base: TestBase) {
        let (world, first) = with_a_replaced_bid(base);
        for custodian in [1, 2, 3, 4, 5] {
            let found = world.agents.challenge(custodian, &shown(&world, &first)).unwrap();
            assert_eq!(found.body().verdict, Verdict::Open);
        }
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!(opening(&world).lines.len(), 4);
        assert_eq!(world.events("sealbid/challenge/v1").len(), 5, "what was shown is kept");
        verified(&world);
    }
}

on_both! {
    fn a_custodian_that_sleeps_on_an_explained_challenge_voids_nothing(base: TestBase) {
        let (world, first) = with_a_replaced_bid(base);
        let found = world.agents.challenge(2, &shown(&world, &first)).unwrap();
        brought(&world, &first, &found.encode()).unwrap();
        world.agents.sleep(&[2]);
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Opened);
    }
}

on_both! {
    fn a_challenge_that_a_custodian_was_shown_too_late_waits_for_no_order_and_voids_nothing(base: TestBase) {
        let world = World::start(base, 2, ReleaseBy::Order);
        for bidder in 1..=3 {
            world.accept(bidder, &world.seal(bidder, bidder, Spoil::Nothing));
        }
        let lost = world.seal(4, 4, Spoil::Nothing);
        world.accept(4, &lost);
        world.take_out(&lost, "withdrawn");
        // It sleeps while the others are told when the window ends.
        world.to(DEADLINE);
        world.settle(2);
        world.agents.sleep(&[2]);
        world.settle(3);
        assert_eq!(world.row().state, UnitState::Closed);
        world.to(OPEN_AT.plus(CHALLENGE));
        let found = world.agents.challenge(2, &shown(&world, &lost)).unwrap();
        assert_eq!(found.body().verdict, Verdict::Open, "it does not know better");
        let told = world.agents.challenge(1, &shown(&world, &lost)).unwrap();
        assert_eq!(told.body().verdict, Verdict::Finding);
        brought(&world, &lost, &found.encode()).unwrap();
        world.agents.sleep(&[]);
        world.settle(3);
        assert_eq!(world.row().state, UnitState::Closed);
        let row = world.row();
        let close = row.close.unwrap();
        let order = Order {
            close_sha256: close.sha256(),
            lines: close.body().lines.clone(),
            unit_id: world.id,
        };
        let mut order = Statement::signed(order, &who(0).1).unwrap();
        order.sign(&regulator_key());
        wait(world.opener().take_order(&order.encode())).unwrap();
        world.settle(4);
        // The one that was shown it late releases as well.
        assert_eq!(opening(&world).releases.len(), 3);
        assert_eq!(world.events("sealbid/released/v1").len(), 5);
    }
}

on_both! {
    fn a_platform_that_keeps_back_what_took_a_bid_out_answers_nothing(base: TestBase) {
        let (world, first, next) = with_a_kept_version(base);
        let (short, ask) = whole(&world, &first, &next);
        let found = world.agents.challenge(2, &ask).unwrap();
        assert_eq!(found.body().verdict, Verdict::Open);
        let answered = |shown: &AskChallenge| {
            let answer = answering(shown, &found, vec![short.clone()]);
            world.agents.decide(&id(2), |agent| agent::answer(agent, &answer)).map(|_| ())
        };
        assert_eq!(answered(&ask), Err(Refusal::NoChallenge));
        // Nor one that forgot, whatever it is told that it was shown.
        world.agents.forget(2);
        assert_eq!(answered(&ask), Err(Refusal::NoChallenge));
        assert_eq!(answered(&shown(&world, &first)), Err(Refusal::NoChallenge));
        assert_eq!(world.agents.challenge(2, &ask).unwrap().body().verdict, Verdict::Open);
        wait(world.opener().take_challenge(&found.encode(), &ask.account)).unwrap();
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Void);
        assert_eq!(void_reason(&world), VoidReason::Challenge);
    }
}

on_both! {
    fn no_custodians_word_alone_voids_a_unit(base: TestBase) {
        let world = with_bids(base);
        let fourth = world.seal(4, 4, Spoil::Nothing);
        world.accept(4, &fourth);
        close(&world);
        let answered = world.agents.challenge(2, &shown(&world, &fourth)).unwrap();
        assert_eq!(answered.body().verdict, Verdict::Answered);
        let invented = Challenged { verdict: Verdict::Open, ..answered.body().clone() };
        let invented = Statement::signed(invented, &world.agents.key(2)).unwrap().encode();
        let refused = brought(&world, &fourth, &invented).unwrap_err();
        assert_eq!(refused.code(), "opening-nothing-denied");
        let nothing = Account { accepted: String::new(), credentials: Vec::new(), later: None };
        let refused = wait(world.opener().take_challenge(&invented, &nothing.into())).unwrap_err();
        assert_eq!(refused.code(), "opening-nothing-denied");
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Opened);
    }
}

on_both! {
    fn a_dropped_bid_that_made_too_few_is_the_platforms_fault(base: TestBase) {
        let world = World::start(base, 3, ReleaseBy::Time);
        for bidder in 1..=2 {
            world.accept(bidder, &world.seal(bidder, bidder, Spoil::Nothing));
        }
        let third = world.seal(3, 3, Spoil::Nothing);
        world.accept(3, &third);
        world.take_out(&third, "withdrawn");
        close(&world);
        world.to(DEADLINE.plus(CHALLENGE - 1));
        world.settle(2);
        let found = world.agents.challenge(2, &shown(&world, &third)).unwrap();
        assert_eq!(found.body().verdict, Verdict::Open, "the window is not over");
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Void);
        assert_eq!(void_reason(&world), VoidReason::Challenge);
    }
}

on_both! {
    fn a_custodian_that_forgot_hears_of_a_suspension_and_of_a_challenge(base: TestBase) {
        let (world, bid) = with_a_lost_bid(base);
        for custodian in 1..=5 {
            world.agents.forget(custodian);
        }
        let state = SuspensionState::Suspended;
        let body = Suspension { no: 1, reason: "a complaint".to_owned(), state, unit_id: world.id };
        let stop = Statement::signed(body, &regulator_key()).unwrap().encode();
        wait(world.opener().suspend(&stop)).unwrap();
        let found = world.agents.challenge(3, &shown(&world, &bid)).unwrap();
        assert_eq!(found.body().verdict, Verdict::Open);
        for custodian in 1..=5 {
            let kept = &world.agents.state(custodian).units[&world.id];
            assert_eq!((kept.suspension, kept.signed), (Some((1, state)), false));
        }
        let unknown = world.agents.decide(&crate::opening_world::id(1), |agent| {
            let id = sealbid::ids::UnitId(sealbid::crypto::hash::Hash::of(b"another"));
            agent::challenges(agent, &asking(&world, 1, id, &platform_key())).map(|told| (agent::Change::Nothing, told))
        });
        assert_eq!(unknown.err(), Some(Refusal::UnknownUnit));
    }
}

on_both! {
    fn a_finding_under_way_does_not_open_what_was_answered_meanwhile(base: TestBase) {
        let (world, first) = with_a_replaced_bid(base);
        let open = world.agents.challenge(2, &shown(&world, &first)).unwrap();
        world.settle(2);
        world.to(DEADLINE.plus(CHALLENGE));
        world.step();
        let known = world.events("sealbid/challenged/v1").len();
        assert!(known >= 2, "asked for and answered");
        // The same custodian's word about the same line, with another hour.
        let other = Challenged { received_at: DEADLINE.plus(1), ..open.body().clone() };
        let other = Statement::signed(other, &world.agents.key(2)).unwrap().encode();
        brought(&world, &first, &other).unwrap();
        assert_eq!(world.events("sealbid/challenged/v1").len(), known);
    }
}

on_both! {
    fn a_word_that_answers_nothing_is_not_recorded_to_silence_what_comes_after_it(base: TestBase) {
        let (world, first, next) = with_a_kept_version(base);
        // An accomplice shows the acceptance alone: the close agrees with it.
        let harmless = shown(&world, &first);
        let answered = world.agents.challenge(2, &harmless).unwrap();
        assert_eq!(answered.body().verdict, Verdict::Answered);
        let bring = |account: &Shown, note: &Statement<Challenged>| {
            let taken = wait(world.opener().take_challenge(&note.encode(), account));
            taken.map(|_| ()).map_err(|e| e.code())
        };
        assert_eq!(bring(&harmless.account, &answered), Err("opening-nothing-denied"));
        let (_, ask) = whole(&world, &first, &next);
        let found = world.agents.challenge(2, &ask).unwrap();
        assert_eq!(found.body().verdict, Verdict::Open);
        assert_eq!(bring(&ask.account, &found), Ok(()));
        // Neither the word from before nor less shown once more takes it back.
        assert_eq!(bring(&harmless.account, &answered), Err("opening-nothing-denied"));
        assert_eq!(world.agents.challenge(2, &harmless).unwrap().body().verdict, Verdict::Open);
        assert_eq!(world.events(Challenged::TYPE).len(), 1);
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!((world.row().state, void_reason(&world)), (UnitState::Void, VoidReason::Challenge));
    }
}
