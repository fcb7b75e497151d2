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
use crate::server::{read, regulator};
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
        play.send(0, &bid).unwrap();
        assert_eq!(play.standing(0, &units[0])["seq"], 1);
    }
}

on_both! {
    fn uploads_go_on_where_they_broke_off_and_refuse_what_does_not_fit(base: TestBase) {
        let play = Play::new(&base, 2);
        let own = format!("Bearer {}", play.server.login(&play.bidders[0].key));
        let other = format!("Bearer {}", play.server.login(&play.bidders[1].key));
        let tus = |method: Method, path: &str, bearer: &str, headers: &[(&str, &str)], body: &[u8]| {
            let mut request = play.server.client.request(method, format!("{}{path}", play.server.address));
            let usual = [("authorization", bearer), ("tus-resumable", "1.0.0"), ("content-type", "application/offset+octet-stream")];
            for (name, value) in usual.iter().filter(|(name, _)| headers.iter().all(|(own, _)| own != name)).chain(headers) {
                request = request.header(*name, *value);
            }
            wait(request.body(body.to_vec()).send()).unwrap()
        };
        let offset = |path: &str| tus(Method::HEAD, path, &own, &[], b"").headers()["upload-offset"].clone();
        let huge = tus(Method::POST, "/api/v1/uploads", &own, &[("upload-length", "1048577")], b"");
        assert_eq!(huge.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(read(huge).1["code"], "bid-too-large");
        let begun = tus(Method::POST, "/api/v1/uploads", &own, &[("upload-length", "10")], b"");
        assert_eq!(begun.status(), StatusCode::CREATED);
        let path = begun.headers()["location"].to_str().unwrap().to_owned();
        let expires = begun.headers()["upload-expires"].clone();
        assert!(expires.to_str().unwrap().ends_with(" GMT"), "{expires:?}");
        let append = |at: &str, body: &[u8], more: &[(&str, &str)]| {
            let headers = [&[("upload-offset", at)], more].concat();
            tus(Method::PATCH, &path, &own, &headers, body)
        };
        let first = append("0", b"1234", &[]);
        assert_eq!((first.status(), first.headers()["upload-expires"].clone()), (StatusCode::NO_CONTENT, expires.clone()));
        assert_eq!(tus(Method::HEAD, &path, &own, &[], b"").headers()["upload-expires"], expires);
        assert_eq!(offset(&path), "4");
        for (name, value, status, refused) in [
            ("tus-resumable", "0.2.2", 412, "bid-upload-version"),
            ("tus-resumable", "", 412, "bid-upload-version"),
            ("content-type", "application/octet-stream", 415, "bid-upload-media"),
        ] {
            let answer = append("4", b"5", &[(name, value)]);
            assert_eq!(answer.status().as_u16(), status, "{name}: {value}");
            assert_eq!(answer.headers()["tus-resumable"], "1.0.0", "on refusals too");
            assert_eq!(answer.headers().get("tus-version").is_some_and(|v| v == "1.0.0"), status == 412);
            assert_eq!(read(answer).1["code"], refused);
        }
        let wrong = append("3", b"4", &[]);
        assert_eq!((wrong.status(), read(wrong).1["code"].clone()), (StatusCode::CONFLICT, json!("bid-upload-offset")));
        let sum = [("upload-checksum", "sha256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")];
        let spoilt = append("4", b"56", &sum);
        assert_eq!(spoilt.status().as_u16(), 460);
        assert_eq!(read(spoilt).1["code"], "bid-upload-checksum");
        assert_eq!(offset(&path), "4", "nothing of it was kept");
        assert_eq!(read(append("4", b"567890x", &[])).1["code"], "bid-upload-too-long");
        assert_eq!(read(append("no", b"5", &[])).1["code"], "web-query");
        for method in [Method::HEAD, Method::DELETE, Method::PATCH] {
            let theirs = tus(method.clone(), &path, &other, &[("upload-offset", "4")], b"5");
            assert_eq!(theirs.status(), StatusCode::NOT_FOUND, "{method}");
        }
        assert_eq!(tus(Method::DELETE, &path, &own, &[], b"").status(), StatusCode::NO_CONTENT);
        assert_eq!(tus(Method::HEAD, &path, &own, &[], b"").status(), StatusCode::NOT_FOUND);
        let offered = play.server.ask(Method::OPTIONS, "/api/v1/uploads", &[], None);
        for (name, value) in [
            ("tus-max-size", "1048576"),
            ("tus-version", "1.0.0"),
            ("tus-resumable", "1.0.0"),
            ("tus-checksum-algorithm", "sha256"),
        ] {
            assert_eq!(offered.headers()[name], value);
        }
    }
}

on_both! {
    fn a_draft_is_its_buyers_until_published_and_its_documents_then_everybodys(base: TestBase) {
        let play = Play::new(&base, 1);
        let tender = play.draft(&[Stage::Single]);
        let show = format!("/api/v1/tenders/{tender}");
        let buyer = play.server.login(&play.buyer.key);
        let bidder = play.server.login(&play.bidders[0].key);
        assert_eq!(play.server.get(&show, None).1["code"], "auth-login-needed");
        assert_eq!(play.server.get(&show, Some(&bidder)).1["code"], "auth-not-found");
        assert_eq!(play.server.get(&show, Some(&buyer)).1["state"], "draft");
        let path = format!("{show}/documents?name=%E6%8B%9B%E6%A0%87.txt");
        let put = |token: &str, body: &'static str| {
            let request = play.server.client.post(format!("{}{path}", play.server.address));
            read(wait(request.bearer_auth(token).body(body).send()).unwrap())
        };
        assert_eq!(put(&bidder, "x").0, StatusCode::NOT_FOUND);
        let (status, added) = put(&buyer, "terms");
        assert_eq!((status, &added["size"]), (StatusCode::CREATED, &json!(5)), "{added}");
        let document = format!("/api/v1/documents/{}", added["document"].as_str().unwrap());
        assert_eq!(play.server.get(&document, None).0, StatusCode::UNAUTHORIZED);
        let listed = play.server.get("/api/v1/tenders", None).1;
        assert_eq!(listed, json!({ "tenders": [] }));
        wait(play.client(&play.buyer.key).publish(&play.pinned, tender)).unwrap();
        play.server.tick();
        play.server.tick();
        let file = play.server.ask(Method::GET, &document, &[], None);
        assert_eq!(file.headers()["content-length"], "5");
        assert_eq!(wait(file.text()).unwrap(), "terms");
        let listed = play.server.get("/api/v1/tenders", None).1;
        assert_eq!(listed["tenders"][0]["tender"], tender.to_string());
        assert_eq!(play.server.get("/api/v1/tenders?after=x", None).1["code"], "web-path");
        assert_eq!(play.server.get("/api/v1/tenders?before=x", None).1["code"], "web-query");
        assert_eq!(put(&buyer, "late").1["code"], "tender-state");
        let again = wait(play.client(&play.buyer.key).publish(&play.pinned, tender));
        assert_eq!(code(again), "tender-state");
    }
}

on_both! {
    fn a_tender_needs_every_custodian_and_a_plan_that_the_law_allows(base: TestBase) {
        let mut play = Play::new(&base, 0);
        let client = play.client(&play.buyer.key);
        let mut unlawful = crate::play::plan(&[Stage::Single]);
        unlawful.lots[0].stages[0].min = 1;
        let tender = wait(client.draft_tender(&unlawful)).unwrap();
        assert_eq!(code(wait(client.publish(&play.pinned, tender))), "tender-unlawful");
        unlawful.lots.clear();
        assert_eq!(code(wait(client.draft_tender(&unlawful))), "tender-plan");
        let tender = play.draft(&[Stage::Single]);
        play.server.sleep(4);
        assert_eq!(code(wait(client.publish(&play.pinned, tender))), "tender-silent");
        play.server.wake(4);
        wait(client.publish(&play.pinned, tender)).unwrap();
        play.server.tick();
        play.server.tick();
        let shown = play.server.get(&format!("/api/v1/tenders/{tender}"), None).1;
        assert_eq!(shown["state"], "published");
        let unit = shown["units"][0]["unit_id"].as_str().unwrap().parse().unwrap();
        wait(client.postpone(&play.pinned, unit, (DEADLINE.plus(60_000), DEADLINE.plus(60_000)), "more time")).unwrap();
        play.server.tick();
        play.server.tick();
        assert_eq!(play.unit(&unit)["deadline"], DEADLINE.plus(60_000).millis());
        wait(client.cancel(&play.pinned, unit)).unwrap();
        let (_, end) = play.server.get(&format!("/api/v1/units/{unit}/opening"), None);
        assert!(end["void"].as_str().unwrap().contains("cancelled"));
        assert_eq!(code(wait(client.cancel(&play.pinned, unit))), "tender-out-of-order");
    }
}
