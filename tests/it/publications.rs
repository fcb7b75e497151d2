//! Do the clients sign only what their users mean, and bring again what was lost?

use reqwest::{Method, StatusCode};
use sealbid::cli::bid::{Sending, read};
use sealbid::cli::failed::Failed;
use sealbid::cli::intended::{Document, Intended};
use sealbid::cli::output::Silent;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::Statement;
use sealbid::ids::UnitId;
use sealbid::opening::statements::{Close, LineStatus};
use sealbid::tender::statements::Stage;
use serde_json::json;

use crate::on_both;
use crate::play::{DEADLINE, Play, code, first, meant};
use crate::routes_story::opening;
use crate::support::wait;

/// What somebody could change in what a buyer means.
type Change = fn(&mut Intended);

on_both! {
    fn a_buyer_signs_only_what_it_means(base: TestBase) {
        let play = Play::new(&base, 0);
        let client = play.client(&play.buyer.key);
        let stages = [Stage::Technical, Stage::Commercial];
        let tender = play.draft(&stages);
        let right = meant(&stages);
        let wrongs: [(&str, Change); 12] = [
            ("title", |it| it.plan.title.push('x')),
            ("lot", |it| it.plan.lots[0].title.push('x')),
            ("lots", |it| it.plan.lots.push(it.plan.lots[0].clone())),
            ("stages", |it| it.plan.lots[0].stages.truncate(1)),
            ("stage", |it| it.plan.lots[0].stages.reverse()),
            ("deadline", |it| it.plan.lots[0].stages[0].deadline = DEADLINE.plus(1)),
            ("open_at", |it| it.plan.lots[0].stages[1].open_at = DEADLINE.plus(1)),
            ("challenge", |it| it.plan.lots[0].stages[1].challenge_ms += 1),
            ("min", |it| it.plan.lots[0].stages[0].min += 1),
            ("rules", |it| it.rule_pack_sha256 = Hash::of(b"other rules")),
            ("document", |it| {
                let sha256 = Hash::of(b"terms");
                it.documents.push(Document { name: "terms".to_owned(), sha256, size: 5 });
            }),
            ("two lots", |it| {
                let stages = it.plan.lots[0].stages.split_off(1);
                let mut second = it.plan.lots[0].clone();
                second.stages = stages;
                it.plan.lots.push(second);
            }),
        ];
        for (what, change) in wrongs {
            let mut wrong = right.clone();
            change(&mut wrong);
            let refused = wait(client.publish(&play.pinned, tender, &wrong));
            assert!(matches!(refused, Err(Failed::Unsigned(_))), "{what}: {refused:?}");
        }
        let token = play.server.login(&play.buyer.key);
        let shown = play.server.get(&format!("/api/v1/tenders/{tender}"), Some(&token)).1;
        assert_eq!(shown["state"], "draft", "nothing left the buyer's hand");
        wait(client.publish(&play.pinned, tender, &right)).unwrap();
    }
}

/// Every file of the store.
/// The files of every upload.
pub fn blobs(play: &Play) -> Vec<std::path::PathBuf> {
    fn walk(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.parent().unwrap().ends_with("blobs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(play.server.home(), &mut found);
    found
}

on_both! {
    fn a_bidder_brings_a_lost_envelope_again(base: TestBase) {
        let play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        let bid = play.seal(0, &unit, first(), 0);
        play.send(0, &bid).unwrap();
        let client = play.client(&play.bidders[0].key);
        let envelope = read(&bid).unwrap();
        let sending = Sending { kept: None, progress: &Silent };
        let again = || wait(client.resupply(&play.pinned, &envelope, sending));
        assert_eq!(code(again()), "bid-not-missing");
        // The envelope, and the second upload of it that was not needed.
        for lost in blobs(&play) {
            std::fs::remove_file(lost).unwrap();
        }
        let taken = again().unwrap();
        let brought = envelope.manifest.body().bid.sha256;
        let is_it = |blob: &std::path::PathBuf| Hash::of(&std::fs::read(blob).unwrap()) == brought;
        assert!(blobs(&play).iter().any(is_it));
        assert_eq!(again().unwrap().index, taken.index, "the same entry");
        for bidder in 1..3 {
            play.bid(bidder, &unit);
        }
        opens_whole(&play, &unit);
    }
}

/// The close names three bids, and all of them open.
fn opens_whole(play: &Play, unit: &UnitId) {
    play.open(unit);
    let close = play.unit(unit)["close"].as_str().unwrap().to_owned();
    let close = Statement::<Close>::parse(close.as_bytes()).unwrap();
    let lines = opening(play, unit).lines;
    assert_eq!((close.body().lines.len(), lines.len()), (3, 3));
    assert!(lines.iter().all(|line| matches!(line.outcome, LineStatus::Opened { .. })));
}

on_both! {
    fn an_envelope_that_is_gone_before_its_submission_is_told_and_sent_anew(base: TestBase) {
        use base64::Engine as _;
        let play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        let bid = play.seal(0, &unit, first(), 0);
        let envelope = read(&bid).unwrap();
        wait(play.client(&play.bidders[0].key).upload(&envelope.bid, None, &Silent)).unwrap();
        for lost in blobs(&play) {
            std::fs::remove_file(lost).unwrap();
        }
        let encode = |share: &Vec<u8>| base64::engine::general_purpose::STANDARD.encode(share);
        let shares: Vec<String> = envelope.shares.iter().map(encode).collect();
        let body = json!({ "manifest": envelope.manifest.encode(), "shares": shares });
        let token = play.server.login(&play.bidders[0].key);
        let path = format!("/api/v1/units/{unit}/bids");
        let (status, told) = play.server.ask_as(Method::POST, &path, Some(&token), Some(body));
        assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("bid-envelope-lost")));
        let receipt = play.pinned.receipt(told["receipt"].as_str().unwrap().as_bytes()).unwrap();
        let event = String::from_utf8_lossy(&receipt.receipt.event).into_owned();
        assert!(event.contains("\"fault\":\"platform\""), "{event}");
        play.send(0, &bid).unwrap();
        for bidder in 1..3 {
            play.bid(bidder, &unit);
        }
        opens_whole(&play, &unit);
    }
}
