//! Is a statement's hour its own, whatever the platform does meanwhile and whatever its clock says?

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use sealbid::bid::statements::Withdrawal;
use sealbid::clock::Time;
use sealbid::db::{Db, Error};
use sealbid::opening::Decided as _;
use sealbid::opening::rules::{Step, UnitState};
use sealbid::record::hours::Hours;
use sealbid::tender::statements::Stage;
use serde_json::json;

use crate::on_both;
use crate::opening_world;
use crate::openings::with_bids;
use crate::play::{DEADLINE, Play};
use crate::registration::signed;

const NOON: Time = Time::from_millis(1_800_000_000_000);

/// What the witnesses' answers, each a sent, an answered and a told instant, say of our clock.
fn ahead(answers: &[(i64, i64, i64)]) -> i64 {
    let hours = Hours::default();
    for (n, (sent, answered, theirs)) in answers.iter().enumerate() {
        let at = |ms: i64| NOON.plus(ms);
        hours.note(&format!("c{n}"), at(*sent), at(*answered), at(*theirs));
    }
    hours.ahead_ms()
}

#[test]
fn what_fits_between_asking_and_answer_is_no_distance() {
    assert_eq!(ahead(&[]), 0, "nobody says anything");
    assert_eq!(ahead(&[(0, 0, 0), (500, 700, 0), (0, 9_000, 5_000)]), 0);
    assert_eq!(ahead(&[(999, 999, 0)]), 0, "they tell whole seconds");
    assert_eq!(ahead(&[(1_000, 1_000, 0)]), 1);
    assert_eq!(ahead(&[(0, 300, 4_000)]), -3_700);
}

#[test]
fn one_wrong_clock_raises_no_doubt_and_a_silent_witness_has_no_word() {
    let (good, fast) = ((0, 0, 0), (9_000, 9_000, 0));
    assert_eq!(ahead(&[good, good, fast]), 0);
    assert_eq!(ahead(&[fast, good, fast]), 8_001);
    let hours = Hours::default();
    let note = |name: &str, theirs| hours.note(name, NOON, NOON, NOON.plus(theirs));
    note("c1", 0);
    note("c2", -3_000);
    assert!(!hours.is_doubtful(), "the lower of the middle ones is no lie of one");
    note("c1", -2_999);
    assert!(!hours.is_doubtful(), "two seconds are borne");
    note("c1", -3_000);
    assert!(hours.is_doubtful());
    hours.forget("c1");
    hours.forget("c2");
    assert!(!hours.is_doubtful());
}

on_both! {
    fn a_clock_far_from_the_custodians_closes_nothing_until_it_is_set_right(base: TestBase) {
        let world = with_bids(base);
        // The platform's clock shows the deadline five seconds early.
        world.agents.skew(&[-5_000; 5]);
        world.to(opening_world::DEADLINE);
        for second in 1..=8 {
            assert_eq!(world.step(), Step::Wait);
            world.to(opening_world::DEADLINE.plus(second * 1_000));
        }
        assert!(world.hours().is_doubtful());
        assert_eq!(world.row().state, UnitState::Open);
        world.agents.skew(&[]);
        world.settle(6);
        assert!(!world.hours().is_doubtful());
        assert_eq!(world.row().state, UnitState::Closed);
    }
}

/// Keeps every reader of a database busy until told.
struct Busy(Vec<std::thread::JoinHandle<Result<(), Error>>>);

impl Busy {
    fn on(db: &Db, until: Receiver<()>) -> Self {
        let until = Arc::new(Mutex::new(until));
        let read = |_| {
            let (db, until) = (db.clone(), until.clone());
            std::thread::spawn(move || {
                db.read(|_| {
                    // The sender's end is the word.
                    let ended = until.lock().unwrap().recv();
                    assert!(ended.is_err());
                    Ok(())
                })
            })
        };
        Self((0..16).map(read).collect())
    }
}

on_both! {
    fn a_statement_in_before_the_deadline_is_in_time_however_busy_the_platform(base: TestBase) {
        let play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        play.bid(0, &unit);
        let standing = play.standing(0, &unit);
        let withdrawal = signed(Withdrawal {
            manifest_sha256: standing["sha256"].as_str().unwrap().parse().unwrap(),
            seq: 2,
            unit_id: unit,
        }, &[&play.bidders[0].key]);
        let bearer = format!("Bearer {}", play.server.login(&play.bidders[0].key));
        play.to(DEADLINE.plus(-1));
        let app = play.server.app();
        let (release, until) = channel();
        let busy = Busy::on(app.db(), until);
        let answer = std::thread::scope(|scope| {
            let sent = scope.spawn(|| {
                let headers = [("authorization", bearer.as_str()), ("idempotency-key", "one")];
                let body = json!({ "withdrawal": withdrawal.encode() });
                let path = format!("/api/v1/units/{unit}/withdrawals");
                play.server.ask(reqwest::Method::POST, &path, &headers, Some(body)).status()
            });
            let began = Instant::now();
            while app.arrivals.decided_through(DEADLINE) == DEADLINE {
                assert!(began.elapsed() < Duration::from_secs(8), "nobody stamped it");
                std::thread::yield_now();
            }
            play.to(DEADLINE);
            drop(release);
            sent.join().unwrap()
        });
        assert_eq!(answer, StatusCode::OK);
        assert_eq!(app.arrivals.decided_through(DEADLINE), DEADLINE, "decided, the close may go on");
        let read: Vec<_> = busy.0.into_iter().map(|reader| reader.join().unwrap()).collect();
        assert!(read.iter().any(Result::is_ok));
        assert_eq!(play.standing(0, &unit)["kind"], "withdrawal");
    }
}
