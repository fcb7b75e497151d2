//! Are drafts their buyer's over HTTP, and tenders what the law and every custodian allow?

use reqwest::{Method, StatusCode};
use sealbid::cli::failed::Failed;
use sealbid::cli::intended::Document;
use sealbid::crypto::hash::Hash;
use sealbid::tender::statements::Stage;
use serde_json::json;

use crate::on_both;
use crate::play::{DEADLINE, Play, code, meant};
use crate::server::read;
use crate::support::wait;

on_both! {
    fn a_draft_is_its_buyers_until_published_and_its_documents_then_everybodys(base: TestBase) {
        let play = Play::new(&base, 1);
        let tender = play.draft(&[Stage::Single]);
        let show = format!("/api/v1/tenders/{tender}");
        let buyer = play.server.login(&play.buyer.key);
        let bidder = play.server.login(&play.bidders[0].key);
        assert_eq!(play.server.get(&show, None).1["code"], "tender-not-found");
        assert_eq!(play.server.get(&show, Some(&bidder)).1["code"], "tender-not-found");
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
        assert_eq!(play.server.get(&document, None).0, StatusCode::NOT_FOUND);
        let listed = play.server.get("/api/v1/tenders", None).1;
        assert_eq!(listed, json!({ "tenders": [] }));
        let client = play.client(&play.buyer.key);
        let mut meant = meant(&[Stage::Single]);
        let without = wait(client.publish(&play.pinned, tender, &meant));
        assert!(matches!(without, Err(Failed::Unsigned(_))), "a document that the buyer does not know");
        let sha256 = Hash::of(b"terms");
        meant.documents.push(Document { name: "招标.txt".to_owned(), sha256, size: 5 });
        let published = wait(client.publish(&play.pinned, tender, &meant)).unwrap();
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
        let again = wait(client.publish(&play.pinned, tender, &meant)).unwrap();
        assert_eq!(again, published, "published once, and answered as often as asked");
    }
}

on_both! {
    fn a_tender_needs_every_custodian_and_a_plan_that_the_law_allows(base: TestBase) {
        let mut play = Play::new(&base, 0);
        let client = play.client(&play.buyer.key);
        let meant = meant(&[Stage::Single]);
        let mut unlawful = meant.clone();
        unlawful.plan.lots[0].stages[0].min = 1;
        let tender = wait(client.draft_tender(&unlawful.plan, "key")).unwrap();
        let refused = |failed: Failed, code: &str| {
            let told = failed.told().unwrap().clone();
            assert_eq!(told.code, code);
            told.detail
        };
        let broken = wait(client.publish(&play.pinned, tender, &unlawful)).unwrap_err();
        let said = refused(broken, "tender-unlawful");
        assert!(said.contains("With fewer than 3 bids nothing is opened (demo"), "{said}");
        unlawful.plan.lots[0].stages[0].min = 0;
        let said = refused(wait(client.draft_tender(&unlawful.plan, "none")).unwrap_err(), "tender-plan");
        assert!(said.contains("a stage needs a minimum of at least one bid"), "{said}");
        unlawful.plan.lots.clear();
        let said = refused(wait(client.draft_tender(&unlawful.plan, "other")).unwrap_err(), "tender-plan");
        assert!(said.contains("1 to 1000 lots"), "{said}");
        let tender = play.draft(&[Stage::Single]);
        play.server.sleep(4);
        assert_eq!(code(wait(client.publish(&play.pinned, tender, &meant))), "tender-silent");
        play.server.wake(4);
        wait(client.publish(&play.pinned, tender, &meant)).unwrap();
        play.server.tick();
        play.server.tick();
        let shown = play.server.get(&format!("/api/v1/tenders/{tender}"), None).1;
        assert_eq!(shown["state"], "published");
        let unit = shown["units"][0]["unit_id"].as_str().unwrap().parse().unwrap();
        wait(client.postpone(&play.pinned, unit, (DEADLINE.plus(60_000), DEADLINE.plus(60_000)), "more time")).unwrap();
        play.server.tick();
        play.server.tick();
        assert_eq!(play.unit(&unit)["deadline"], DEADLINE.plus(60_000).millis());
        let cancelled = wait(client.cancel(&play.pinned, unit)).unwrap();
        let (_, end) = play.server.get(&format!("/api/v1/units/{unit}/opening"), None);
        assert!(end["void"].as_str().unwrap().contains("cancelled"));
        let again = wait(client.cancel(&play.pinned, unit)).unwrap();
        assert_eq!(again.index, cancelled.index, "cancelled once, and answered as often as asked");
    }
}
