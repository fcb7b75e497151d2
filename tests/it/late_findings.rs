//! What comes after the window is a finding for ever: does it say more than once what it says?

use reqwest::{Method, StatusCode};
use sealbid::crypto::statement::{Body as _, Statement};
use sealbid::custodian::agent::{MAX_OPEN, Refusal};
use sealbid::custodian::client::ask_note;
use sealbid::custodian::wire::{Account, AskChallenge};
use sealbid::ids::UnitId;
use sealbid::opening::statements::{Challenged, Verdict};
use sealbid::record::store;
use sealbid::tender::statements::Stage;
use serde_json::json;

use crate::on_both;
use crate::opening_world::{BY_TIME, Bid, CHALLENGE, OPEN_AT, World, id};
use crate::openings::close;
use crate::others_words::{shown, with_a_lost_bid};
use crate::play::{Play, WINDOW, next};
use crate::support::wait;

/// The window is over and the second custodian knows it, but the unit is not open yet.
fn over(world: &World) {
    world.agents.sleep(&[4, 5]);
    world.to(OPEN_AT.plus(CHALLENGE));
    world.agents.lying.lock().unwrap().insert(id(3));
    world.settle(3);
}

fn found(world: &World, bid: &Bid) -> Result<Statement<Challenged>, Refusal> {
    world.agents.challenge(2, &shown(world, bid))
}

on_both! {
    fn a_custodian_finds_a_line_once_however_often_it_is_shown(base: TestBase) {
        let (world, bid) = with_a_lost_bid(base);
        over(&world);
        let first = found(&world, &bid).unwrap();
        assert_eq!(first.body().verdict, Verdict::Finding);
        world.to(OPEN_AT.plus(CHALLENGE + 5_000));
        assert_eq!(found(&world, &bid).unwrap().encode(), first.encode());
        let account = shown(&world, &bid).account;
        let bring = |found: &Statement<Challenged>| {
            wait(world.opener().take_challenge(&found.encode(), &account)).unwrap()
        };
        let place = bring(&first);
        // One whose custodian says it anew each time, as one that keeps nothing would.
        for more in 1..=20 {
            let received_at = first.body().received_at.plus(more);
            let again = Challenged { received_at, ..first.body().clone() };
            let again = Statement::signed(again, &world.agents.key(2)).unwrap();
            assert_eq!(bring(&again), place);
        }
        assert_eq!(world.events(Challenged::TYPE).len(), 1);
        assert_eq!(world.events("sealbid/challenge/v1").len(), 1);
        // Another custodian's is another.
        let mut other = first.body().clone();
        other.custodian = id(1);
        assert_ne!(bring(&Statement::signed(other, &world.agents.key(1)).unwrap()), place);
        assert_eq!(world.events(Challenged::TYPE).len(), 2);
    }
}

on_both! {
    fn an_open_challenge_found_anew_before_its_answer_stands_once(base: TestBase) {
        let (world, bid) = with_a_lost_bid(base);
        let first = found(&world, &bid).unwrap();
        assert_eq!(first.body().verdict, Verdict::Open);
        let account = shown(&world, &bid).account;
        for more in 0..5 {
            let received_at = first.body().received_at.plus(more);
            let again = Challenged { received_at, ..first.body().clone() };
            let again = Statement::signed(again, &world.agents.key(2)).unwrap();
            wait(world.opener().take_challenge(&again.encode(), &account)).unwrap();
        }
        assert_eq!(world.events(Challenged::TYPE).len(), 1);
    }
}

on_both! {
    fn an_agent_keeps_so_many_late_findings_of_one_bidder(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        let mut all = vec![world.seal_at(4, (1, None))];
        world.accept(4, &all[0]);
        for _ in 0..MAX_OPEN + 1 {
            let before = all.last().unwrap();
            all.push(world.replace(4, before));
        }
        close(&world);
        over(&world);
        for bid in &all[1..=MAX_OPEN] {
            assert_eq!(found(&world, bid).unwrap().body().verdict, Verdict::Finding);
        }
        assert_eq!(found(&world, &all[0]), Err(Refusal::ManyChallenges));
        assert_eq!(found(&world, &all[1]).unwrap().body().verdict, Verdict::Finding, "a repeat");
        assert_eq!(world.agents.state(2).units[&world.id].challenges.len(), MAX_OPEN);
    }
}

fn recorded(play: &Play, unit: UnitId, kind: &'static str) -> usize {
    let entries = move |conn: &mut _| store::entries_of_unit(conn, &unit, kind);
    wait(play.server.app().db().query(entries)).unwrap().len()
}

on_both! {
    fn nobody_grows_the_record_by_what_it_explains(base: TestBase) {
        let play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        for bidder in 0..3 {
            play.bid(bidder, &unit);
        }
        let accepted = play.standing(0, &unit)["receipt"].as_str().unwrap().to_owned();
        let bid = play.seal(0, &unit, next(&play.standing(0, &unit)), 0);
        play.send(0, &bid).unwrap();
        play.close(&unit);
        play.server.tick();
        play.server.clock.advance(WINDOW + 1);
        play.until(&unit, "opened");
        let view = play.unit(&unit);
        let text = |field: &str| view[field].as_str().unwrap().to_owned();
        let account = Account { accepted, credentials: Vec::new(), later: None };
        let ask =
            AskChallenge { account: account.clone().into(), close: text("close"), unit: text("unit") };
        let wire = play.server.app().rosters().wire(&play.server.roster.sha256()).unwrap();
        let mut notes = Vec::new();
        for _ in 0..5 {
            play.server.clock.advance(1_000);
            for member in &play.server.roster.body().custodians {
                let found = wait(ask_note(&**wire, &member.id, &ask)).unwrap();
                let found = Statement::<Challenged>::from_note(found).unwrap();
                assert_eq!(found.body().verdict, Verdict::Finding);
                let statement = found.encode();
                let body = json!({ "account": account, "statement": statement });
                let path = format!("/api/v1/units/{unit}/challenges");
                let (status, told) = play.server.ask_as(Method::POST, &path, None, Some(body));
                assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
                assert_eq!(told["code"], "opening-nothing-denied");
                notes.push(statement);
            }
        }
        notes.sort();
        notes.dedup();
        assert_eq!(notes.len(), 5, "each custodian says one thing");
        assert_eq!(recorded(&play, unit, Challenged::TYPE), 0);
        assert_eq!(recorded(&play, unit, "sealbid/challenge/v1"), 0);
    }
}
