//! Does a platform that was restored from an old backup write nothing behind its witnesses, say what to
//! do next, and let everybody read?

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};
use sealbid::cli::bid::read as read_bid;
use sealbid::clock::{Clock as _, SystemClock};
use sealbid::custodian::wire::AgentStatus;
use sealbid::db::Error;
use sealbid::record::store;
use sealbid::tender::statements::Stage;
use serde_json::{Value, json};

use crate::on_both;
use crate::play::{Play, first};
use crate::server::{CUSTODIANS, read};
use crate::stopping::Serving;
use crate::support::{TestBase, wait};

/// How the program itself refuses to serve: its code, and what it says.
fn refused(play: &Play, language: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealbid"));
    command.args(["--lang", language, "serve", "--config"]).arg(&play.server.config);
    let ended = command.env("SEALBID_LISTEN", "127.0.0.1:0").output().unwrap();
    (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
}

/// How much of the record each custodian cosigned.
fn witnessed(play: &Play) -> Vec<u64> {
    let asked = play.server.roster.body().custodians.iter().map(|member| {
        let status = wait(play.server.client.get(format!("{}/", member.address)).send()).unwrap();
        serde_json::from_value::<AgentStatus>(read(status).1).unwrap().witnessed
    });
    asked.collect()
}

/// Every checkpoint that the platform signed, as its database has it.
fn signed(base: &TestBase) -> BTreeMap<u64, String> {
    let db = base.open();
    db.read(|conn| {
        let last = store::latest_checkpoint(conn)?.unwrap().size;
        let notes = (0..=last).filter_map(|size| {
            store::checkpoint_at(conn, size).ok().map(|it| (size, it.note.encode()))
        });
        Ok::<_, Error>(notes.collect())
    })
    .unwrap()
}

/// The program serving, and a bidder who was logged in before.
struct Served {
    serving: Serving,
    client: reqwest::Client,
    bearer: String,
}

impl Served {
    fn ask(
        &self,
        method: Method,
        path: &str,
        language: &str,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let request = self.client.request(method, format!("{}{path}", self.serving.address));
        let request =
            request.header("authorization", &self.bearer).header("accept-language", language);
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request.header("tus-resumable", "1.0.0").header("upload-length", "1000"),
        };
        read(wait(request.send()).unwrap())
    }

    fn get(&self, path: &str) -> (StatusCode, Value) {
        self.ask(Method::GET, path, "en", None)
    }

    /// Every act is refused for this reason, in both languages, and says what to do next.
    fn refuses(&self, bids: &str, bid: &Value, code: &str) {
        for (path, body) in [(bids, Some(bid)), ("/api/v1/uploads", None)] {
            let [english, chinese] = ["en", "zh"].map(|language| {
                let (status, problem) = self.ask(Method::POST, path, language, body);
                assert_eq!(
                    (status, &problem["code"]),
                    (StatusCode::SERVICE_UNAVAILABLE, &json!(code))
                );
                assert!(
                    problem["hint"].as_str().unwrap().contains("sealbid bid lodge"),
                    "{problem}"
                );
                problem["detail"].clone()
            });
            assert_ne!(english, chinese);
        }
    }
}

on_both! {
    fn a_platform_on_an_old_backup_writes_nothing_and_is_read_by_everybody(base: TestBase) {
        // The program has no other clock.
        base.clock.set(SystemClock.now());
        let mut play = Play::new(&base, 2);
        let unit = play.publish(&[Stage::Single])[0];
        play.bid(0, &unit);
        let bearer = format!("Bearer {}", play.server.login(&play.bidders[1].key));
        play.server.beat();
        play.server.stop();
        let backup = base.back_up();
        play.server.restart();
        let bid = play.seal(1, &unit, first(), 0);
        let lost = play.send(1, &bid).unwrap();
        play.server.beat();
        let receipt = wait(play.client(&play.bidders[1].key).receipt(&play.pinned, lost)).unwrap();
        assert!(receipt.checked.is_final);
        play.server.stop();
        let newer = signed(&base);
        base.restore(backup);
        let (held, seen) = (signed(&base), witnessed(&play));
        assert!(held.len() < newer.len() && seen.iter().all(|size| *size > *held.keys().last().unwrap()));

        // Where they answer it does not even start.
        for (language, words) in [("en", ["has cosigned a longer record", "succession"]), ("zh", ["见证人", "承继"])] {
            let (code, said) = refused(&play, language);
            assert!(code == Some(1) && words.iter().all(|word| said.contains(word)), "{code:?} {said}");
        }
        // Where they are away it is read, and takes no act; nor when they are back.
        (1..=CUSTODIANS).for_each(|n| play.server.sleep(n));
        let served = Served { serving: Serving::start(&play.server), client: play.server.client.clone(), bearer };
        let envelope = read_bid(&bid).unwrap();
        let shares: Vec<_> = envelope.shares.iter().map(|share| STANDARD.encode(share)).collect();
        let (bids, again) = (format!("/api/v1/units/{unit}/bids"), json!({ "manifest": envelope.manifest.encode(), "shares": shares }));
        served.refuses(&bids, &again, "record-waiting-for-witnesses");
        (1..=CUSTODIANS).for_each(|n| play.server.wake(n));
        let is_waiting = || {
            let (_, told) = served.ask(Method::POST, "/api/v1/uploads", "en", None);
            told["code"] == "record-waiting-for-witnesses"
        };
        let began = Instant::now();
        while is_waiting() {
            assert!(began.elapsed() < Duration::from_secs(120), "nobody told it");
        }
        served.refuses(&bids, &again, "record-behind-witnesses");
        assert_eq!(served.get(&format!("/api/v1/units/{unit}")).1["state"], "open");
        let (_, head) = served.get("/record/checkpoint");
        let head = head.as_str().unwrap();
        let (_, last) = held.last_key_value().unwrap();
        assert!(head.starts_with(last.split("\n\n").next().unwrap()), "{head}");
        served.serving.terminate();
        let mut serving = served.serving;
        assert!(serving.child.wait().unwrap().success());
        assert_eq!(signed(&base), held, "no checkpoint was signed");
        assert_eq!(witnessed(&play), seen);
        assert!(held.iter().all(|(size, note)| newer[size] == *note), "and none a second time");
    }
}
