//! Do orders, stops, findings and outages count when those give their word who may, and only then?

use reqwest::{Method, StatusCode};
use sealbid::crypto::hash::Hash;
use sealbid::crypto::note::Note;
use sealbid::crypto::statement::Statement;
use sealbid::opening::statements::{Challenged, Order, Suspension, SuspensionState, Verdict};
use sealbid::tender::statements::{Outage, Stage};
use serde_json::{Value, json};

use crate::on_both;
use crate::play::{DEADLINE, Play, WINDOW, code};
use crate::registration::{operator, signed};
use crate::routes_story::opening;
use crate::server::regulator;
use crate::support::wait;

on_both! {
    fn second_envelopes_open_by_an_order_of_buyer_and_regulator(base: TestBase) {
        let play = Play::new(&base, 3);
        let units = play.publish(&[Stage::Technical, Stage::Commercial]);
        for bidder in 0..3 {
            for unit in &units {
                play.bid(bidder, unit);
            }
        }
        let second = units[1];
        let path = format!("/api/v1/units/{second}/order");
        let buyer = play.server.login(&play.buyer.key);
        let send = |token: Option<&str>, path: &str, note: &str| {
            let body = json!({ "statement": note });
            play.server.ask_as(Method::POST, path, token, Some(body))
        };
        play.open(&units[0]);
        play.until(&second, "closed");
        let close = play.unit(&second)["close"].as_str().unwrap().to_owned();
        let close = Statement::<sealbid::opening::statements::Close>::parse(close.as_bytes()).unwrap();
        let lines = close.body().lines[..2].to_vec();
        let order = Order { close_sha256: close.sha256(), lines: lines.clone(), unit_id: second };
        let both = signed(order.clone(), &[&play.buyer.key, &regulator()]).encode();
        for _ in 0..3 {
            play.server.tick();
        }
        assert_eq!(play.unit(&second)["state"], "closed", "no order, no release");
        let buyer = {
            // Sessions of a quarter of an hour are over by now.
            drop(buyer);
            play.server.login(&play.buyer.key)
        };
        let code = |(_, answer): (StatusCode, Value)| answer["code"].as_str().unwrap().to_owned();
        assert_eq!(code(send(None, &path, &both)), "auth-login-needed");
        let bidder = play.server.login(&play.bidders[0].key);
        assert_eq!(code(send(Some(&bidder), &path, &both)), "auth-forbidden");
        let alone = signed(order.clone(), &[&play.buyer.key]).encode();
        assert_eq!(code(send(Some(&buyer), &path, &alone)), "opening-signature");
        let other = Order { lines: vec![Hash::of(b"a stranger's")], ..order.clone() };
        let other = signed(other, &[&play.buyer.key, &regulator()]).encode();
        assert_eq!(code(send(Some(&buyer), &path, &other)), "opening-other-lines");
        let first = format!("/api/v1/units/{}/order", units[0]);
        assert_eq!(code(send(Some(&buyer), &first, &both)), "web-misaddressed");
        let (status, done) = send(Some(&buyer), &path, &both);
        assert_eq!(status, StatusCode::OK, "{done}");
        play.pinned.receipt(done["receipt"].as_str().unwrap().as_bytes()).unwrap();
        // Whichever of the two sends it again is answered as the first, and no other order counts now.
        let other = Order { lines: close.body().lines[1..].to_vec(), ..order };
        let other = signed(other, &[&play.buyer.key, &regulator()]).encode();
        for key in [&*play.buyer.key, &regulator()] {
            let token = play.server.login(key);
            let (status, again) = send(Some(&token), &path, &both);
            assert_eq!((status, &again["index"]), (StatusCode::OK, &done["index"]), "{again}");
            assert_eq!(code(send(Some(&token), &path, &other)), "opening-no-order-now");
        }
        play.until(&second, "opened");
        let opening = opening(&play, &second);
        assert_eq!(opening.lines.iter().map(|it| it.line).collect::<Vec<_>>(), lines);
    }
}

on_both! {
    fn the_regulator_stops_a_release_and_lets_it_go_on(base: TestBase) {
        let play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        for bidder in 0..3 {
            play.bid(bidder, &unit);
        }
        play.close(&unit);
        let path = format!("/api/v1/units/{unit}/suspensions");
        let word = |no, state| Suspension { no, reason: "a complaint".to_owned(), state, unit_id: unit };
        let stop = signed(word(1, SuspensionState::Suspended), &[&regulator()]).encode();
        let send = |token: Option<&str>, note: &str| {
            play.server.ask_as(Method::POST, &path, token, Some(json!({ "statement": note })))
        };
        for key in [&operator(), &*play.buyer.key, &*play.bidders[0].key] {
            let token = play.server.login(key);
            assert_eq!(send(Some(&token), &stop).1["code"], "auth-forbidden", "{key:?}");
        }
        let token = play.server.login(&regulator());
        let forged = signed(word(1, SuspensionState::Suspended), &[&operator()]).encode();
        assert_eq!(send(Some(&token), &forged).1["code"], "opening-signature");
        let (status, first) = send(Some(&token), &stop);
        assert_eq!(status, StatusCode::OK);
        play.server.tick();
        play.server.clock.advance(WINDOW + 1);
        for _ in 0..4 {
            play.server.tick();
        }
        assert_eq!(play.unit(&unit)["state"], "closed");
        assert_eq!(play.unit(&unit)["suspensions"], json!([stop]));
        let old = signed(word(1, SuspensionState::Lifted), &[&regulator()]).encode();
        let (status, refused) = send(Some(&token), &old);
        assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("db-conflict")), "an old number");
        let go = signed(word(2, SuspensionState::Lifted), &[&regulator()]).encode();
        let (status, second) = send(Some(&token), &go);
        assert_eq!(status, StatusCode::OK);
        let same = |note: &str, done: &Value| {
            // A session of a quarter of an hour may be over by now.
            let token = play.server.login(&regulator());
            let (status, again) = send(Some(&token), note);
            assert_eq!((status, &again["index"]), (StatusCode::OK, &done["index"]), "{again}");
            let receipt = play.pinned.receipt(again["receipt"].as_str().unwrap().as_bytes()).unwrap();
            assert_eq!(receipt.receipt.event, note.as_bytes());
        };
        same(&stop, &first);
        same(&go, &second);
        assert_eq!(play.unit(&unit)["suspensions"], json!([stop, go]), "recorded once each");
        play.until(&unit, "opened");
        same(&go, &second);
    }
}

on_both! {
    fn a_custodians_finding_is_brought_by_anybody_and_an_outage_by_the_operator(base: TestBase) {
        let play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        let found = Challenged {
            close_sha256: Hash::of(b"another close"),
            custodian: "c1".parse().unwrap(),
            received_at: DEADLINE,
            line: Hash::of(b"line"),
            verdict: sealbid::opening::statements::Verdict::Open,
            unit_id: unit,
        };
        let path = format!("/api/v1/units/{unit}/challenges");
        let forged = signed(found.clone(), &[&operator()]);
        let bring = |found: &Statement<Challenged>| {
            play.server.post(&path, json!({ "account": { "accepted": "x", "credentials": [] }, "statement": found.encode() })).1
        };
        assert_eq!(bring(&forged)["code"], "opening-signature");
        let stranger = Challenged { custodian: "c9".parse().unwrap(), ..found };
        let refused = bring(&signed(stranger, &[&operator()]));
        assert_eq!(refused["code"], "opening-not-a-custodian");
        // The platform was down across the deadline.
        play.server.alive();
        play.to(DEADLINE.plus(70_000));
        play.server.alive();
        let path = format!("/api/v1/units/{unit}/outages");
        let send = |key: &sealbid::crypto::key::SigningKey| {
            let token = play.server.login(key);
            let seen = play.unit(&unit);
            let last = seen["amendments"].as_array().unwrap().last().unwrap_or(&seen["unit"]);
            let prev_sha256 = Note::parse(last.as_str().unwrap().as_bytes()).unwrap().sha256();
            let body = Outage { prev_sha256, text: "no power".to_owned(), unit_id: unit };
            let body = Some(json!({ "statement": signed(body, &[&operator()]).encode() }));
            play.server.ask_as(Method::POST, &path, Some(&token), body)
        };
        assert_eq!(send(&play.buyer.key).1["code"], "auth-forbidden");
        let (status, done) = send(&operator());
        assert_eq!(status, StatusCode::OK, "{done}");
        play.server.tick();
        play.server.tick();
        let moved = play.unit(&unit);
        assert_eq!(moved["amendments"].as_array().unwrap().len(), 1, "{moved}");
        assert!(moved["amendments"][0].as_str().unwrap().contains("no power"));
        // Longer than a minute: recovery and two minutes, by the demo pack.
        assert_eq!(moved["deadline"], DEADLINE.plus(70_000 + 120_000).millis());
        assert_eq!(send(&operator()).1["code"], "tender-no-outage");
    }
}

on_both! {
    fn by_the_client_a_bidder_asks_every_custodian_and_the_regulator_stops_a_release(base: TestBase) {
        let mut play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        let indices: Vec<_> = (0..3).map(|bidder| play.bid(bidder, &unit)).collect();
        let bidder = play.client(&play.bidders[1].key);
        play.server.beat();
        let receipt = wait(bidder.receipt(&play.pinned, indices[1])).unwrap().checked.receipt.encode();
        let early = wait(bidder.challenge(&play.pinned, &receipt, None));
        assert!(early.is_err(), "there is no close to judge yet");
        play.close(&unit);
        play.server.tick();
        play.server.sleep(2);
        let found = wait(bidder.challenge(&play.pinned, &receipt, None)).unwrap();
        let verdicts: Vec<_> = found.iter().map(|one| one.verdict.as_ref().ok().copied()).collect();
        let answered = Some(Verdict::Answered);
        assert_eq!(verdicts, [answered, None, answered, answered, answered]);
        play.server.wake(2);
        let regulator = play.regulator();
        let word = |state| wait(regulator.suspend(&play.pinned, unit, state, "a complaint"));
        word(SuspensionState::Suspended).unwrap();
        play.server.clock.advance(WINDOW + 1);
        play.server.tick();
        play.server.tick();
        assert_eq!(play.unit(&unit)["state"], "closed");
        let other = wait(play.operator().suspend(&play.pinned, unit, SuspensionState::Lifted, "no"));
        assert_eq!(code(other), "auth-forbidden");
        word(SuspensionState::Lifted).unwrap();
        play.until(&unit, "opened");
    }
}
