//! Custodians that answer wrongly, are shown what they must not sign, or come an hour late: what does the
//! running platform make of it?

use actix_web::{App, HttpResponse, HttpServer, web};
use reqwest::StatusCode;
use sealbid::clock::{Clock as _, Time};
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::SigningKey;
use sealbid::crypto::statement::{Body as _, Statement};
use sealbid::custodian::home::Home;
use sealbid::custodian::http::{Limits, Service, routes};
use sealbid::custodian::roster::CustodianId;
use sealbid::custodian::wire::{AskClose, AskRelease, NoteReply};
use sealbid::ids::UnitId;
use sealbid::opening::statements::{Close, LineStatus, OpeningEvent, Release};
use sealbid::record::proof::Receipt;
use sealbid::record::store;
use sealbid::tender::statements::Stage;
use serde_json::Value;

use crate::agent_folders::opened;
use crate::killed::verified;
use crate::on_both;
use crate::play::{Play, WINDOW};
use crate::registration::ORIGIN;
use crate::routes_story::opening;
use crate::server::{agent_home, listener, platform_key, read};
use crate::support::{TestBase, wait};

const AN_HOUR: i64 = 3_600_000;

/// A closed unit with three bids.
fn closed(base: &TestBase) -> (Play, UnitId) {
    let play = Play::new(base, 3);
    let unit = play.publish(&[Stage::Single])[0];
    for bidder in 0..3 {
        play.bid(bidder, &unit);
    }
    play.close(&unit);
    (play, unit)
}

fn id(custodian: u8) -> CustodianId {
    format!("c{custodian}").parse().unwrap()
}

fn address(play: &Play, custodian: u8) -> String {
    play.server.roster.body().custodians[usize::from(custodian) - 1].address.clone()
}

/// The unit's events of this kind.
fn events(play: &Play, unit: UnitId, kind: &str) -> Vec<Vec<u8>> {
    let db = play.server.app().db();
    let entries = db.read(|conn| store::entries_of_unit(conn, &unit, kind)).unwrap();
    entries.into_iter().map(|entry| entry.event).collect()
}

/// All are there, opened, and what the platform hands out verifies.
fn all_opened(play: &Play, unit: UnitId) {
    let opening = opening(play, &unit);
    assert_eq!(opening.lines.len(), 3);
    assert!(opening.lines.iter().all(|it| matches!(it.outcome, LineStatus::Opened { .. })));
    verified(play, unit);
}

/// What a lying custodian signs with, and what it hands out instead of the unit's identity.
struct Liar {
    custodian: CustodianId,
    key: SigningKey,
    identity: String,
}

async fn lie(liar: web::Data<Liar>, ask: web::Json<AskRelease>) -> HttpResponse {
    let receipt = Receipt::parse(ask.close_receipt.as_bytes()).unwrap();
    let close = Statement::<Close>::parse(&receipt.event).unwrap();
    let body = Release {
        close_sha256: close.sha256(),
        custodian: liar.custodian.clone(),
        identity: liar.identity.clone(),
        unit_id: close.body().unit_id,
    };
    let note = Statement::signed(body, &liar.key).unwrap().encode();
    HttpResponse::Ok().json(NoteReply { note })
}

/// From now on a custodian signs and hands out the identity of another unit.
fn lies(play: &mut Play, custodian: u8) {
    play.server.sleep(custodian);
    let home = agent_home(play.server.home(), custodian);
    let keys = Home::keys(&home, ORIGIN, &id(custodian)).unwrap();
    let other = keys.unit_identity(&UnitId(Hash::of(b"another unit")));
    let identity = other.encode().to_string();
    let liar = Liar { custodian: id(custodian), key: keys.statement, identity };
    let loaded = opened(&home);
    let limits = Limits::new(1 << 20, 1_000);
    let service = Service::new(loaded, play.server.agents_clock.clone(), limits);
    let (service, liar) = (web::Data::new(service), web::Data::new(liar));
    let agent = move || {
        let app = App::new().app_data(service.clone()).app_data(liar.clone());
        app.route("/release", web::post().to(lie)).configure(routes)
    };
    let at = listener(address(play, custodian).strip_prefix("http://").unwrap());
    let handle = wait(async move {
        let server = HttpServer::new(agent).workers(1).disable_signals().listen(at).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        handle
    });
    play.server.agents[usize::from(custodian) - 1] = Some(handle);
}

on_both! {
    fn a_wrong_identity_is_not_counted_and_stands_against_its_custodian(base: TestBase) {
        let (mut play, unit) = closed(&base);
        lies(&mut play, 1);
        lies(&mut play, 2);
        // With one more asleep two are left, and no wrong one takes the third's place.
        play.server.sleep(5);
        play.server.tick();
        play.server.clock.advance(WINDOW + 1);
        (0..4).for_each(|_| play.server.tick());
        assert_eq!(play.unit(&unit)["state"], "closed");
        let released = |custodian: u8| {
            let name = format!("\"{}\"", id(custodian));
            let events = events(&play, unit, "sealbid/released/v1");
            events.iter().filter(|it| String::from_utf8_lossy(it).contains(&name)).count()
        };
        assert_eq!([1, 2, 3, 4, 5].map(released), [0, 0, 1, 1, 0]);
        let wrong: Vec<Release> = events(&play, unit, "sealbid/false-release/v1")
            .iter()
            .map(|event| match serde_json::from_slice(event).unwrap() {
                OpeningEvent::FalseRelease { release, .. } => {
                    Statement::<Release>::parse(release.as_bytes()).unwrap().body().clone()
                }
                other => panic!("{other:?}"),
            })
            .collect();
        let mut named: Vec<_> = wrong.iter().map(|release| release.custodian.clone()).collect();
        named.sort();
        assert_eq!(named, [id(1), id(2)], "once, however often they are asked");
        play.server.wake(5);
        play.until(&unit, "opened");
        let mut releases = opening(&play, &unit).releases;
        releases.sort();
        assert_eq!(releases, [id(3), id(4), id(5)]);
        all_opened(&play, unit);
    }
}

on_both! {
    fn a_second_close_is_refused_by_every_agent_that_signed_one_whatever_happens_to_it(base: TestBase) {
        let (mut play, unit) = closed(&base);
        let signed = Statement::<Close>::parse(&events(&play, unit, Close::TYPE)[0]).unwrap();
        let mut lines = signed.body().lines.clone();
        lines.pop();
        let fewer = Close { lines, ..signed.body().clone() };
        let others = Statement::signed(fewer, &platform_key()).unwrap();
        let ask = |play: &Play, custodian: u8, close: &Statement<Close>| {
            let (checkpoint, lodged, proposed) = (String::new(), Vec::new(), String::new());
            let ask = AskClose { checkpoint, close: close.encode(), lodged, proposed };
            let request = play.server.client.post(format!("{}/close", address(play, custodian)));
            let body = serde_json::to_vec(&ask).unwrap();
            let request = request.header("content-type", "application/json").body(body);
            read(wait(request.send()).unwrap())
        };
        for custodian in 1..=5 {
            let kept = || {
                let file = agent_home(play.server.home(), custodian).join(format!("units/{unit}.json"));
                serde_json::from_slice::<Value>(&std::fs::read(file).unwrap()).unwrap()["close"].clone()
            };
            assert_eq!(kept(), signed.sha256().to_string());
            let (status, refused) = ask(&play, custodian, &others);
            let code = refused["code"].as_str();
            assert_eq!((status, code), (StatusCode::CONFLICT, Some("custodian-second-close")));
            assert_eq!(kept(), signed.sha256().to_string());
        }
        play.server.sleep(1);
        play.server.wake(1);
        assert_eq!(ask(&play, 1, &others).1["code"], "custodian-second-close", "it remembers");
        let (status, again) = ask(&play, 1, &signed);
        assert_eq!(status, StatusCode::OK, "the one that it signed it signs again: {again}");
        let note = again["note"].as_str().unwrap();
        let again = Statement::<Close>::parse(note.as_bytes()).unwrap();
        assert_eq!(again.sha256(), signed.sha256());
        play.open(&unit);
        all_opened(&play, unit);
    }
}

on_both! {
    fn with_fewer_than_t_awake_everything_stays_sealed_until_the_missing_one_comes_an_hour_later(base: TestBase) {
        let (mut play, unit) = closed(&base);
        play.server.tick();
        [3, 4, 5].iter().for_each(|custodian| play.server.sleep(*custodian));
        let due: Time = play.server.clock.now().plus(WINDOW + 1);
        for late in [0, AN_HOUR / 2, AN_HOUR] {
            play.to(due.plus(late));
            (0..3).for_each(|_| play.server.tick());
            assert_eq!(play.unit(&unit)["state"], "closed");
            let (_, read_out) = play.server.get(&format!("/api/v1/units/{unit}/read-out"), None);
            assert!(read_out["lines"].as_array().unwrap().is_empty(), "{read_out}");
        }
        play.server.wake(4);
        play.until(&unit, "opened");
        let releases = opening(&play, &unit).releases;
        assert!(releases.contains(&id(4)) && releases.len() == 3, "{releases:?}");
        all_opened(&play, unit);
    }
}
