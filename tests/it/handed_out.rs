//! What does a served agent hand out, and to whom, and what does it still do for a cancelled unit?

use std::fs;

use reqwest::StatusCode;
use sealbid::clock::Clock as _;
use sealbid::crypto::key::SigningKey;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::wire::{AskCancel, AskRelease, NoteReply};
use sealbid::ids::UnitId;
use sealbid::opening::statements::{Query, QueryAbout, Release};
use sealbid::record::store as record;
use sealbid::tender::rules::cancellation;
use sealbid::tender::statements::Stage;
use sealbid::tender::units;
use serde_json::Value;

use crate::adopting::checkpoint;
use crate::lodging::{ask, ask_json, lodge};
use crate::on_both;
use crate::play::{DEADLINE, Play, WINDOW, first};
use crate::server::platform_key;
use crate::support::{TestBase, wait};

/// How long a question of the platform's counts.
const DAY: i64 = 24 * 3_600_000;

/// What shows the second custodian that its unit's hour has come: anybody may read it.
fn public(play: &Play, unit: UnitId) -> AskRelease {
    let db = &play.server.app().platform.db;
    let row = db.read(|conn| units::unit(conn, unit)).unwrap();
    let receipt = wait(play.anybody().receipt(&play.pinned, row.close_index.unwrap())).unwrap();
    AskRelease {
        checkpoint: checkpoint(play),
        close_receipt: receipt.text,
        credentials: Vec::new(),
        lodged: Vec::new(),
        order: None,
        query: String::new(),
        unit: play.unit(&unit)["unit"].as_str().unwrap().to_owned(),
    }
}

fn query(play: &Play, unit_id: UnitId, custodian: &str, by: &SigningKey) -> String {
    let (about, at) = (QueryAbout::Release, play.server.clock.now());
    let query = Query { about, at, custodian: custodian.parse().unwrap(), unit_id };
    Statement::signed(query, by).unwrap().encode()
}

#[test]
fn a_stranger_with_all_that_is_public_is_handed_no_identity() {
    let base = TestBase::sqlite();
    let play = Play::new(&base, 3);
    let unit = play.publish(&[Stage::Single])[0];
    for n in 0..3 {
        play.bid(n, &unit);
    }
    play.close(&unit);
    play.server.tick();
    play.to(DEADLINE.plus(WINDOW + 10_000));
    let asked = public(&play, unit);
    let mut bare = serde_json::to_value(&asked).unwrap();
    bare.as_object_mut().unwrap().remove("query");
    let (status, told) = ask_json(&play, "/release", &bare);
    assert_eq!(status, StatusCode::BAD_REQUEST, "{told}");
    let with = |query: String| ask_json(&play, "/release", &AskRelease { query, ..asked.clone() });
    let platform = platform_key();
    let refused = [
        (String::new(), "custodian-statement"),
        (query(&play, unit, "c2", &play.bidders[0].key), "custodian-signature"),
        (query(&play, unit, "c1", &platform), "custodian-old-query"),
    ];
    for (query, code) in refused {
        let (_, told) = with(query);
        assert_eq!(told["code"], code, "{told}");
        assert!(!told.to_string().contains("AGE-SECRET-KEY"));
    }
    let own = query(&play, unit, "c2", &platform);
    let (status, told) = with(own.clone());
    assert_eq!(status, StatusCode::OK, "{told}");
    let reply: NoteReply = serde_json::from_value(told).unwrap();
    let release = Statement::<Release>::parse(reply.note.as_bytes()).unwrap();
    assert!(release.body().identity.starts_with("AGE-SECRET-KEY-1"));
    play.server.clock.advance(DAY);
    assert_eq!(with(own.clone()).0, StatusCode::OK, "whose clock is off releases all the same");
    play.server.clock.advance(1);
    assert_eq!(with(own).1["code"], "custodian-old-query", "kept somewhere and sent again");
}

/// What the second custodian keeps of a unit's cancellation.
fn kept(play: &Play, unit: UnitId) -> Value {
    let file = play.server.home().join("agent2").join("units").join(format!("{unit}.json"));
    let kept: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    kept["cancelled"].clone()
}

on_both! {
    fn a_cancellation_reaches_every_custodian_and_one_that_was_away_when_it_is_back(base: TestBase) {
        let mut play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let bid = play.seal(0, &unit, first(), 0);
        let buyer = play.client(&play.buyer.key);
        play.server.sleep(2);
        let at = wait(buyer.cancel(&play.pinned, unit)).unwrap().index;
        (0..2).for_each(|_| play.server.tick());
        assert_eq!(kept(&play, unit), Value::Null);
        play.server.wake(2);
        play.server.clock.advance(11_000);
        (0..2).for_each(|_| play.server.tick());
        let db = &play.server.app().platform.db;
        let entry = db.read(|conn| record::entry(conn, at)).unwrap().unwrap();
        assert_eq!(kept(&play, unit), String::from_utf8(entry.event).unwrap(), "as it is recorded");
        // It lasts.
        play.server.sleep(2);
        play.server.wake(2);
        assert_eq!(lodge(&play, 0, &bid).unwrap_err(), "custodian-cancelled");
    }
}

#[test]
fn a_stranger_cancels_nothing_at_an_agent() {
    let base = TestBase::sqlite();
    let play = Play::new(&base, 1);
    let unit = play.publish(&[Stage::Single])[0];
    let effective = play.unit(&unit)["unit"].as_str().unwrap().to_owned();
    let void = Statement::signed(cancellation(unit), &play.bidders[0].key).unwrap().encode();
    let credentials = Vec::new();
    let (_, told) = ask_json(&play, "/cancel", &AskCancel { credentials, unit: effective, void });
    assert_eq!(told["code"], "custodian-signature", "{told}");
    assert_eq!(ask(&play, "/cancel", b"{}".to_vec()).0, StatusCode::BAD_REQUEST);
    assert_eq!(kept(&play, unit), Value::Null);
}
