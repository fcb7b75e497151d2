//! Does a tender run over HTTP from its draft to its opening, and is every shortcut refused?

use reqwest::{Method, StatusCode};
use sealbid::bid::statements::Withdrawal;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::Statement;
use sealbid::opening::statements::{LineStatus, Opening};
use sealbid::record::leaf::leaf;
use sealbid::record::proof::Receipt;
use sealbid::tender::statements::Stage;
use sealbid::verify::{Trust, verify_bytes};
use serde_json::{Value, json};

use crate::on_both;
use crate::play::{DEADLINE, MARKER, Play, code, first, next};
use crate::registration::operator;
use crate::server::regulator;
use crate::support::wait;

/// Three bids, opened.
fn opened(base: &crate::support::TestBase) -> (Play, sealbid::ids::UnitId) {
    let play = Play::new(base, 4);
    let unit = play.publish(&[Stage::Single])[0];
    for bidder in 0..3 {
        play.bid(bidder, &unit);
    }
    play.open(&unit);
    (play, unit)
}

pub fn opening(play: &Play, unit: &sealbid::ids::UnitId) -> Opening {
    let (status, end) = play.server.get(&format!("/api/v1/units/{unit}/opening"), None);
    assert_eq!(status, StatusCode::OK, "{end}");
    let note = end["opening"].as_str().unwrap();
    Statement::<Opening>::parse(note.as_bytes()).unwrap().body().clone()
}

on_both! {
    fn a_tender_runs_from_its_draft_to_its_opening(base: TestBase) {
        let (play, unit) = opened(&base);
        let opening = opening(&play, &unit);
        assert_eq!(opening.lines.len(), 3);
        assert!(opening.lines.iter().all(|it| matches!(it.outcome, LineStatus::Opened { .. })));
        let (_, read_out) = play.server.get(&format!("/api/v1/units/{unit}/read-out"), None);
        assert_eq!(read_out["is_final"], true);
        assert_eq!(read_out["lines"].as_array().unwrap().len(), 3);
        play.server.beat();
        let case = play.server.ask(Method::GET, &format!("/api/v1/units/{unit}/case"), &[], None);
        let case = wait(case.bytes()).unwrap();
        let trust = Trust::Roster(play.server.roster.sha256());
        assert_eq!(verify_bytes(&case, Some(&trust), None).exit(), 0);
        let path = format!("/api/v1/units/{unit}/case/auditor");
        let token = play.server.login(&regulator());
        let bearer = format!("Bearer {token}");
        let case = play.server.ask(Method::GET, &path, &[("authorization", &bearer)], None);
        let case = wait(case.bytes()).unwrap();
        assert_eq!(verify_bytes(&case, Some(&trust), None).exit(), 0);
    }
}

on_both! {
    fn documents_of_an_opened_bid_are_its_bidders_the_buyers_and_the_regulators(base: TestBase) {
        let (play, unit) = opened(&base);
        let line = opening(&play, &unit).lines.into_iter()
            .find(|it| it.bidder == play.bidders[0].id).unwrap().line;
        let list = format!("/api/v1/units/{unit}/lines/{line}/documents");
        let file = format!("{list}/method.pdf");
        for (key, sees) in [
            (&*play.bidders[0].key, StatusCode::OK),
            (&*play.bidders[1].key, StatusCode::NOT_FOUND),
            (&*play.buyer.key, StatusCode::OK),
            (&regulator(), StatusCode::OK),
            (&operator(), StatusCode::NOT_FOUND),
        ] {
            let token = play.server.login(key);
            let (status, files) = play.server.get(&list, Some(&token));
            assert_eq!(status, sees, "{key:?} {files}");
            let (status, text) = play.server.get(&file, Some(&token));
            assert_eq!(status, sees, "{key:?}");
            if sees == StatusCode::OK {
                assert_eq!(files, json!([{ "name": "method.pdf", "size": MARKER.len() * 3 }]));
                assert!(text.as_str().unwrap().starts_with(MARKER));
            }
        }
        let token = play.server.login(&regulator());
        for (wrong, code) in [
            (format!("{list}/bid.json.exe"), "opening-not-found"),
            (format!("/api/v1/units/{unit}/lines/{}/documents", Hash::of(b"x")), "opening-not-found"),
            (format!("/api/v1/units/{}/lines/{line}/documents", Hash::of(b"x")), "opening-not-found"),
            (format!("/api/v1/units/{unit}/lines/x/documents"), "web-path"),
        ] {
            let (status, refused) = play.server.get(&wrong, Some(&token));
            assert_eq!((status, &refused["code"]), (StatusCode::NOT_FOUND, &json!(code)), "{wrong}");
        }
    }
}

on_both! {
    fn nothing_of_a_bid_is_read_before_its_opening(base: TestBase) {
        let play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        let index = play.bid(0, &unit);
        play.server.beat();
        let token = play.server.login(&regulator());
        for path in [format!("/api/v1/record/entries/{index}"), format!("/api/v1/record/receipts/{index}")] {
            for key in [&*play.bidders[1].key, &*play.buyer.key, &regulator(), &operator()] {
                let token = play.server.login(key);
                let (status, refused) = play.server.get(&path, Some(&token));
                assert_eq!((status, &refused["code"]), (StatusCode::NOT_FOUND, &json!("web-not-found")));
            }
            assert_eq!(play.server.get(&path, None).0, StatusCode::NOT_FOUND);
            let own = play.server.login(&play.bidders[0].key);
            assert_eq!(play.server.get(&path, Some(&own)).0, StatusCode::OK, "{path}");
        }
        let line = Hash::of(b"any");
        let path = format!("/api/v1/units/{unit}/lines/{line}/documents");
        let (status, refused) = play.server.get(&path, Some(&token));
        assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("opening-not-opened")));
        let (status, refused) = play.server.get(&format!("/api/v1/units/{unit}/opening"), None);
        assert_eq!((status, &refused["code"]), (StatusCode::NOT_FOUND, &json!("web-not-found")));
        // The auditors' file of a running unit has the whole record, and nothing of a bid.
        let bearer = format!("Bearer {token}");
        let path = format!("/api/v1/units/{unit}/case/auditor");
        let case = play.server.ask(Method::GET, &path, &[("authorization", &bearer)], None);
        assert_eq!(case.status(), StatusCode::OK);
        let case = wait(case.bytes()).unwrap();
        let holds = |word: &str| case.windows(word.len()).any(|part| part == word.as_bytes());
        let standing = play.standing(0, &unit);
        assert!(holds(&unit.to_string()));
        assert!(!holds("sealbid/accepted/v1"));
        assert!(!holds(standing["sha256"].as_str().unwrap()) && !holds(standing["bid_id"].as_str().unwrap()));
        let (_, read_out) = play.server.get(&format!("/api/v1/units/{unit}/read-out"), None);
        assert_eq!(read_out, json!({ "is_final": false, "lines": [] }));
    }
}

on_both! {
    fn an_entry_is_shown_by_its_level_and_its_leaf_binds_it(base: TestBase) {
        let (play, unit) = opened(&base);
        let size = play.server.app().platform.sequencer.published().checkpoint.size;
        let tokens = [
            None,
            Some(play.server.login(&play.bidders[3].key)),
            Some(play.server.login(&play.bidders[0].key)),
            Some(play.server.login(&regulator())),
        ];
        let seen = tokens.map(|token| {
            let shown = (0..size).filter_map(|index| {
                let path = format!("/api/v1/record/entries/{index}");
                let (status, entry) = play.server.get(&path, token.as_deref());
                assert!([StatusCode::OK, StatusCode::NOT_FOUND].contains(&status), "{entry}");
                (status == StatusCode::OK).then_some(entry)
            });
            shown.collect::<Vec<_>>()
        });
        let [public, other, own, regulator] = seen.map(|shown| {
            let events = shown.iter().map(|it| it["event"].as_str().unwrap().to_owned());
            events.collect::<Vec<_>>()
        });
        let holds = |events: &[String], word: &str| events.iter().filter(|e| e.contains(word)).count();
        let (accepted, application) = ("sealbid/accepted/v1", "sealbid/application/v1");
        assert_eq!((holds(&public, accepted), holds(&public, application)), (0, 0));
        assert_eq!((holds(&other, accepted), holds(&other, application)), (0, 1));
        assert_eq!((holds(&own, accepted), holds(&own, application)), (1, 1));
        assert_eq!((holds(&regulator, accepted), holds(&regulator, application)), (3, 5));
        assert_eq!((holds(&own, "AGE-SECRET"), holds(&regulator, "AGE-SECRET")), (0, 5));
        assert_eq!(holds(&public, "sealbid/opening/v1"), 1);
        // The leaf that everybody has binds salt and event.
        let index = play.standing(0, &unit)["index"].as_u64().unwrap();
        let token = play.server.login(&play.bidders[0].key);
        let (_, entry) = play.server.get(&format!("/api/v1/record/entries/{index}"), Some(&token));
        let salt = serde_json::from_value(entry["salt"].clone()).unwrap();
        let bundle = sealbid::record::tiles::Tile::of_size(
            sealbid::record::tiles::Level::Entries, index / 256, size).unwrap();
        let bundle = play.server.ask(Method::GET, &format!("/record/{bundle}"), &[], None);
        let bundle = sealbid::record::tiles::parse_bundle(&wait(bundle.bytes()).unwrap()).unwrap();
        let expected = leaf(&salt, entry["event"].as_str().unwrap().as_bytes());
        assert_eq!(bundle[usize::try_from(index % 256).unwrap()], expected);
        let beyond = play.server.get(&format!("/api/v1/record/entries/{size}"), Some(&token));
        assert_eq!(beyond.0, StatusCode::NOT_FOUND);
        assert_eq!(play.server.get("/api/v1/record/entries/-1", None).1["code"], "web-path");
    }
}

on_both! {
    fn a_receipt_becomes_final_when_the_custodians_have_cosigned(base: TestBase) {
        let play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let index = play.bid(0, &unit);
        let client = play.client(&play.bidders[0].key);
        play.server.beat();
        let again = wait(client.receipt(&play.pinned, index)).unwrap();
        assert!(again.checked.is_final);
        assert_eq!(again.checked.cosigned, 5);
        let standing = play.standing(0, &unit);
        let receipt = Receipt::parse(standing["receipt"].as_str().unwrap().as_bytes()).unwrap();
        assert_eq!((receipt.index, standing["seq"].as_u64()), (index, Some(1)));
        let (_, own) = play.server.get("/api/v1/bids", Some(&play.server.login(&play.bidders[0].key)));
        assert_eq!(own.as_array().unwrap().len(), 1);
        assert_eq!((&own[0]["unit_id"], &own[0]["index"]), (&json!(unit), &json!(index)));
    }
}

on_both! {
    fn a_refusal_on_the_record_is_a_problem_with_its_receipt(base: TestBase) {
        let play = Play::new(&base, 2);
        let unit = play.publish(&[Stage::Single])[0];
        let late = play.seal(0, &unit, first(), 0);
        let early = play.seal(1, &unit, first(), 0);
        play.send(1, &early).unwrap();
        let skipped = play.seal(1, &unit, sealbid::cli::bid::Place { seq: 7, ..next(&play.standing(1, &unit)) }, 0);
        assert_eq!(code(play.send(1, &skipped)), "bid-seq-not-next");
        play.to(DEADLINE.plus(-1));
        play.to(DEADLINE);
        let failed = play.send(0, &late).unwrap_err();
        let told = failed.told().unwrap();
        assert_eq!((told.status, told.code.as_str()), (409, "bid-late"));
        assert_eq!(told.detail, "It arrived at or after the deadline.");
        let receipt = told.receipt.clone().unwrap();
        let receipt = play.pinned.receipt(receipt.as_bytes()).unwrap().receipt;
        assert!(String::from_utf8_lossy(&receipt.event).contains("\"code\":\"late\""));
        let again = play.send(0, &late).unwrap_err().told().unwrap().receipt.clone().unwrap();
        let again = play.pinned.receipt(again.as_bytes()).unwrap().receipt;
        assert_eq!(again.index, receipt.index, "the same statement, the same entry");
        // What was accepted before the deadline is answered as before.
        assert_eq!(play.send(1, &early).unwrap(), play.standing(1, &unit)["index"].as_u64().unwrap());
    }
}

on_both! {
    fn a_bids_chain_goes_forward_and_never_back(base: TestBase) {
        let play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let one = play.seal(0, &unit, first(), 0);
        play.send(0, &one).unwrap();
        let kept = one.with_extension("kept");
        std::fs::copy(&one, &kept).unwrap();
        let after_one = next(&play.standing(0, &unit));
        let (bid_id, prev) = (after_one.bid_id, after_one.prev_sha256);
        play.send(0, &play.seal(0, &unit, after_one, 0)).unwrap();
        let live = play.standing(0, &unit);
        assert_eq!(live["seq"], 2);
        let last = next(&live).prev_sha256;
        for (seq, prev_sha256, code) in [
            (1, None, "bid-seq-not-next"),
            (1, last, "bid-seq-not-next"),
            (2, prev, "bid-seq-taken"),
            (4, last, "bid-seq-not-next"),
            (3, prev, "bid-wrong-prev"),
        ] {
            let base = play.server.home().join(format!("{bid_id}-{seq}-{unit}"));
            for ending in ["bid", "identity.age"] {
                // One of the same number, sealed before.
                drop(std::fs::remove_file(format!("{}.{ending}", base.display())));
            }
            let place = sealbid::cli::bid::Place { bid_id, seq, prev_sha256 };
            let failed = play.send(0, &play.seal(0, &unit, place, 0)).unwrap_err();
            let told = failed.told().unwrap();
            assert_eq!((told.status, told.code.as_str()), (409, code));
            assert!(told.receipt.is_some(), "it stands on the record");
        }
        // The very manifest that was replaced changes nothing either, whatever is answered.
        drop(play.send(0, &kept));
        let now = play.standing(0, &unit);
        for field in ["seq", "sha256", "index", "kind"] {
            assert_eq!(now[field], live[field], "{field}");
        }
    }
}

on_both! {
    fn a_bid_is_replaced_and_withdrawn_and_only_by_its_bidder(base: TestBase) {
        let play = Play::new(&base, 2);
        let unit = play.publish(&[Stage::Single])[0];
        let one = play.seal(0, &unit, first(), 0);
        play.send(0, &one).unwrap();
        let two = play.seal(0, &unit, next(&play.standing(0, &unit)), 0);
        assert!(play.send(1, &two).is_err(), "another's manifest is nobody's bid");
        play.send(0, &two).unwrap();
        assert_eq!(play.standing(0, &unit)["seq"], 2);
        let client = play.client(&play.bidders[0].key);
        let live = play.standing(0, &unit);
        let withdrawal = Withdrawal {
            manifest_sha256: live["sha256"].as_str().unwrap().parse().unwrap(),
            seq: 3,
            unit_id: unit,
        };
        wait(client.withdraw(&play.pinned, withdrawal.clone())).unwrap();
        assert_eq!(play.standing(0, &unit)["kind"], "withdrawal");
        let again = Withdrawal { seq: 4, ..withdrawal };
        let failed = wait(client.withdraw(&play.pinned, again)).map(|_| ()).unwrap_err();
        let told = failed.told().unwrap();
        assert_eq!(told.code, "bid-nothing-to-withdraw");
        assert!(told.receipt.is_some());
    }
}

on_both! {
    fn what_is_not_a_bid_is_refused_without_a_trace(base: TestBase) {
        let play = Play::new(&base, 1);
        let units = play.publish(&[Stage::Technical, Stage::Commercial]);
        let bid = play.seal(0, &units[0], first(), 0);
        let envelope = sealbid::cli::bid::read(&bid).unwrap();
        let manifest = envelope.manifest.encode();
        use base64::Engine as _;
        let shares: Vec<String> = envelope.shares.iter()
            .map(|share| base64::engine::general_purpose::STANDARD.encode(share)).collect();
        let token = play.server.login(&play.bidders[0].key);
        let send = |unit: &sealbid::ids::UnitId, body: Value| {
            let path = format!("/api/v1/units/{unit}/bids");
            play.server.ask_as(Method::POST, &path, Some(&token), Some(body))
        };
        let whole = json!({ "manifest": manifest, "shares": shares });
        assert_eq!(send(&units[0], whole.clone()).1["code"], "bid-envelope", "nothing was uploaded");
        assert_eq!(send(&units[1], whole.clone()).1["code"], "bid-wrong-unit");
        let altered = manifest.replace("\"seq\":1", "\"seq\":2");
        assert_eq!(send(&units[0], json!({ "manifest": altered, "shares": shares })).1["code"], "bid-signature");
        let cut = &manifest[..manifest.len() / 2];
        assert_eq!(send(&units[0], json!({ "manifest": cut, "shares": shares })).1["code"], "bid-statement");
        assert_eq!(send(&units[0], json!({ "manifest": manifest, "shares": ["%"] })).1["code"], "web-body-json");
        assert_eq!(send(&units[0], json!({ "manifest": manifest })).1["code"], "web-body-json");
        let unknown = sealbid::ids::UnitId(Hash::of(b"no unit"));
        assert_eq!(send(&unknown, whole).1["code"], "bid-wrong-unit");
        // Who may not send any is told so, whatever it is.
        let path = format!("/api/v1/units/{}/bids", units[0]);
        let no_bid = || Some(json!({ "manifest": "x", "shares": [] }));
        let public = play.server.ask_as(Method::POST, &path, None, no_bid());
        assert_eq!(public.1["code"], "auth-login-needed");
        let buyer = play.server.login(&play.buyer.key);
        let buyer = play.server.ask_as(Method::POST, &path, Some(&buyer), no_bid());
        assert_eq!(buyer.1["code"], "auth-forbidden");
        // No bid in a unit is not no unit.
        let bidder = play.client(&play.bidders[0].key);
        assert_eq!(wait(bidder.standing(&units[0])).unwrap(), None);
        assert_eq!(code(wait(bidder.standing(&unknown))), "tender-not-found");
        assert!(wait(play.client(&play.buyer.key).standing(&units[0])).is_err(), "a buyer has none");
        play.send(0, &bid).unwrap();
        assert_eq!(play.standing(0, &units[0])["seq"], 1);
    }
}
