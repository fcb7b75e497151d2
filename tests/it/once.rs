//! Is an act that is sent twice done once, and answered twice?

use diesel::prelude::*;
use reqwest::{Method, StatusCode};
use sealbid::clock::Time;
use sealbid::crypto::note::Note;
use sealbid::db::schema::{idempotency, tender};
use sealbid::db::{DatabaseUrl, Db, Error};
use sealbid::on_each;
use sealbid::opening::statements::{Void, VoidReason};
use sealbid::tender::statements::{Amendment, AmendmentReason, Stage};
use sealbid::web::idempotency::MAX_KEPT;
use serde_json::{Value, json};

use crate::on_both;
use crate::play::{Play, plan};
use crate::registration::signed;
use crate::server::read;
use crate::support::TestBase;

/// A buyer who drafts: an act that is no statement.
struct Buyer {
    play: Play,
    bearer: String,
}

impl Buyer {
    fn new(base: &TestBase) -> Self {
        let play = Play::new(base, 0);
        let bearer = format!("Bearer {}", play.server.login(&play.buyer.key));
        Self { play, bearer }
    }

    fn post(&self, path: &str, key: &str, body: &Value) -> (StatusCode, bool, Value) {
        let headers = [("authorization", self.bearer.as_str()), ("idempotency-key", key)];
        let answer = self.play.server.ask(Method::POST, path, &headers, Some(body.clone()));
        let replayed = answer.headers().contains_key("idempotency-replayed");
        let (status, answer) = read(answer);
        (status, replayed, answer)
    }

    fn draft(&self, key: &str, title: &str) -> (StatusCode, bool, Value) {
        let mut body = serde_json::to_value(plan(&[Stage::Single])).unwrap();
        body["title"] = json!(title);
        self.post("/api/v1/tenders", key, &body)
    }

    fn db(&self) -> &Db {
        self.play.server.app().db()
    }

    fn drafts(&self) -> i64 {
        let all = tender::table.count();
        self.db().read(|conn| Ok::<_, Error>(on_each!(conn, |c| all.get_result(c))?)).unwrap()
    }
}

on_both! {
    fn one_idempotency_key_is_one_act(base: TestBase) {
        let buyer = Buyer::new(&base);
        let first = buyer.draft("k1", "One");
        assert_eq!((first.0, first.1), (StatusCode::CREATED, false), "{}", first.2);
        let second = buyer.draft("k1", "One");
        assert_eq!((second.0, second.1, &second.2), (StatusCode::CREATED, true, &first.2));
        assert_ne!(buyer.draft("k2", "One").2["tender"], first.2["tender"]);
        let reused = buyer.draft("k1", "Another");
        assert_eq!(reused.0, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(reused.2["code"], "web-idempotency-reused");
        assert!(reused.2["instance"].is_string(), "a refusal of the middleware has its text too");
        let long = "k".repeat(65);
        assert_eq!(buyer.draft(&long, "One").2["code"], "web-idempotency-key");
        assert_eq!(buyer.drafts(), 2);
    }
}

on_both! {
    fn a_key_is_one_draft_as_long_as_the_draft_is_there(base: TestBase) {
        let mut buyer = Buyer::new(&base);
        let first = buyer.draft("k1", "One");
        base.clock.advance(24 * 3_600_000);
        buyer.bearer = format!("Bearer {}", buyer.play.server.login(&buyer.play.buyer.key));
        let later = buyer.draft("k1", "One");
        assert_eq!((later.0, later.1, &later.2), (StatusCode::CREATED, false, &first.2), "forgotten");
        base.clock.advance(24 * 3_600_000);
        buyer.bearer = format!("Bearer {}", buyer.play.server.login(&buyer.play.buyer.key));
        assert_eq!(buyer.draft("k1", "Another").2["code"], "web-idempotency-reused");
        assert_eq!(buyer.drafts(), 1);
    }
}

on_both! {
    fn of_twins_under_one_key_one_acts(base: TestBase) {
        let buyer = Buyer::new(&base);
        let answers: Vec<_> = std::thread::scope(|scope| {
            let twins: Vec<_> = (0..8).map(|_| scope.spawn(|| buyer.draft("k1", "One"))).collect();
            twins.into_iter().map(|twin| twin.join().unwrap()).collect()
        });
        assert_eq!(buyer.drafts(), 1, "{answers:?}");
        let (done, told): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|(status, ..)| *status == StatusCode::CREATED);
        assert!(done.windows(2).all(|pair| pair[0].2 == pair[1].2), "{done:?}");
        assert_eq!(done.iter().filter(|(_, replayed, _)| !replayed).count(), 1);
        for (status, _, problem) in told {
            assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("web-idempotency-running")));
        }
        assert_eq!(buyer.draft("k1", "One").2, done[0].2);
    }
}

on_both! {
    fn so_many_answers_of_one_asker_are_kept_and_more_is_done_without(base: TestBase) {
        let buyer = Buyer::new(&base);
        let kept = buyer.draft("k1", "One");
        // As many as fit, and one of somebody else's, which is nothing to this buyer.
        let fill = |asker: &str, count: i64, answer: &str| {
            base.meddle(&format!(
                "INSERT INTO idempotency (asker, key, request, status, answer, at) \
                 WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
                 SELECT {asker}, 'f' || i, 'r', 201, {answer}, at FROM n, \
                 (SELECT asker AS a, at FROM idempotency WHERE key = 'k1') AS k"
            ))
            .unwrap();
        };
        let answer = match &base.url {
            DatabaseUrl::Sqlite(_) => "zeroblob(2)",
            DatabaseUrl::Postgres(_) => "decode('0000', 'hex')",
        };
        fill("'somebody'", MAX_KEPT, answer);
        fill("a", MAX_KEPT - 2, answer);
        assert!(!buyer.draft("k2", "Two").1);
        assert!(buyer.draft("k2", "Two").1, "the last that is kept");
        let beyond = buyer.draft("k3", "Three");
        assert_eq!((beyond.0, beyond.1), (StatusCode::CREATED, false));
        let again = buyer.draft("k3", "Three");
        assert_eq!((again.0, again.1, &again.2), (StatusCode::CREATED, false, &beyond.2), "one draft");
        assert_eq!(buyer.draft("k1", "One").2, kept.2, "what is kept is given again");
        assert!(buyer.draft("k1", "One").1);
        assert_eq!(buyer.drafts(), 3);
    }
}

on_both! {
    fn a_refusal_is_not_kept_under_its_key(base: TestBase) {
        let buyer = Buyer::new(&base);
        assert_eq!(buyer.draft("k1", "").2["code"], "tender-plan");
        let reused = buyer.draft("k1", "One");
        assert_eq!((reused.0, reused.1), (StatusCode::CREATED, false), "the key is free again");
    }
}

on_both! {
    fn an_answer_larger_than_any_request_is_kept_and_given_again(base: TestBase) {
        let buyer = Buyer::new(&base);
        let (_, _, first) = buyer.draft("k1", "One");
        let large = json!({ "text": "x".repeat(5 << 20) }).to_string().into_bytes();
        buyer.db().write_blocking(move |tx| {
            tx.unrecorded("a test's answer");
            let all = diesel::update(idempotency::table).set(idempotency::answer.eq(large));
            on_each!(tx.conn(), |c| all.execute(c))?;
            Ok::<_, Error>(())
        }).unwrap();
        let (status, replayed, again) = buyer.draft("k1", "One");
        assert_eq!((status, replayed), (StatusCode::CREATED, true));
        assert_eq!(again["text"].as_str().unwrap().len(), 5 << 20);
        assert!(first["tender"].is_string());
    }
}

on_both! {
    fn no_login_is_ever_written_down(base: TestBase) {
        let buyer = Buyer::new(&base);
        let server = &buyer.play.server;
        for bearer in [None, Some(buyer.bearer.as_str())] {
            let mut headers = vec![("idempotency-key", "k1")];
            headers.extend(bearer.map(|bearer| ("authorization", bearer)));
            let path = "/api/v1/login/challenges";
            let ask = || read(server.ask(Method::POST, path, &headers, Some(json!({})))).1;
            assert_ne!(ask()["nonce"], ask()["nonce"]);
        }
        let kept = idempotency::table.count();
        let kept: i64 =
            buyer.db().read(|conn| Ok::<_, Error>(on_each!(conn, |c| kept.get_result(c))?)).unwrap();
        assert_eq!(kept, 0);
    }
}

on_both! {
    fn what_a_buyer_signed_once_is_answered_as_done_whenever_it_comes_again(base: TestBase) {
        let buyer = Buyer::new(&base);
        let (play, key) = (&buyer.play, &buyer.play.buyer.key);
        let tender = play.draft(&[Stage::Single]);
        let path = format!("/api/v1/tenders/{tender}/preparation");
        let (_, prepared) = play.server.ask_as(Method::POST, &path, Some(&buyer.bearer[7..]), None);
        let sign = |text: &Value| {
            let mut note = Note::new(text.as_str().unwrap().to_owned()).unwrap();
            note.sign(key);
            note.encode()
        };
        let units: Vec<_> = prepared["units"].as_array().unwrap().iter().map(sign).collect();
        let publication = json!({ "notice": sign(&prepared["notice"]), "units": units });
        let path = format!("/api/v1/tenders/{tender}/publication");
        let first = buyer.post(&path, "p1", &publication);
        assert_eq!(first.0, StatusCode::ACCEPTED, "{}", first.2);
        let again = buyer.post(&path, "p2", &publication);
        assert_eq!((again.0, again.1, &again.2), (StatusCode::ACCEPTED, false, &first.2));
        play.server.tick();
        play.server.tick();
        assert_eq!(buyer.post(&path, "p3", &publication).2, first.2, "after it took effect too");
        let other = json!({ "notice": publication["notice"], "units": [] });
        assert_eq!(buyer.post(&path, "p4", &other).2["code"], "tender-state");

        let unit = first.2["units"][0]["unit"].as_str().unwrap().parse().unwrap();
        let terms = play.unit(&unit);
        let at = |field: &str| Time::from_millis(terms[field].as_i64().unwrap());
        let row = play.server.app().db().read(|conn| sealbid::tender::units::unit(conn, unit)).unwrap();
        let amendment = signed(Amendment {
            deadline: at("deadline").plus(600_000),
            no: 1,
            open_at: at("open_at").plus(600_000),
            prev_sha256: row.last_sha256,
            reason: AmendmentReason::Postponed { text: "more time".to_owned() },
            unit_id: unit,
        }, &[key]);
        let path = format!("/api/v1/units/{unit}/amendments");
        let body = json!({ "statement": amendment.encode() });
        let first = buyer.post(&path, "a1", &body);
        assert_eq!(first.0, StatusCode::OK, "{}", first.2);
        play.server.tick();
        play.server.tick();
        assert_eq!(play.unit(&unit)["deadline"], row.terms.deadline.plus(600_000).millis());
        let again = buyer.post(&path, "a2", &body);
        assert_eq!((again.0, &again.2["index"]), (StatusCode::OK, &first.2["index"]), "{}", again.2);

        let void = Void { close_sha256: None, fault: None, reason: VoidReason::Cancelled, unit_id: unit };
        let body = json!({ "statement": signed(void, &[key]).encode() });
        let path = format!("/api/v1/units/{unit}/void");
        let first = buyer.post(&path, "v1", &body);
        assert_eq!(first.0, StatusCode::OK, "{}", first.2);
        let again = buyer.post(&path, "v2", &body);
        assert_eq!((again.0, &again.2["index"]), (StatusCode::OK, &first.2["index"]), "{}", again.2);
    }
}

on_both! {
    fn a_buyer_finds_its_own_drafts_again_and_nobody_elses(base: TestBase) {
        let buyer = Buyer::new(&base);
        let made = buyer.draft("k1", "One").2["tender"].clone();
        let token = &buyer.bearer["Bearer ".len()..];
        let list = |token: &str| buyer.play.server.get("/api/v1/drafts", Some(token)).1;
        assert_eq!(list(token)["tenders"][0]["tender"], made);
        assert_eq!(list(token)["tenders"][0]["plan"]["title"], "One");
        assert_eq!(list(token)["tenders"].as_array().unwrap().len(), 1);
        let units = buyer.play.publish(&[Stage::Single]);
        assert_eq!(units.len(), 1);
        assert_eq!(list(token)["tenders"].as_array().unwrap().len(), 1, "what is published is no draft");
    }
}

on_both! {
    fn a_documents_name_is_judged_before_the_file_is_taken(base: TestBase) {
        let buyer = Buyer::new(&base);
        let tender = buyer.draft("k1", "One").2["tender"].as_str().unwrap().to_owned();
        let send = |name: &str| {
            let path = format!("/api/v1/tenders/{tender}/documents?name={name}");
            let request = buyer.play.server.client.post(format!("{}{path}", buyer.play.server.address));
            let request = request.header("authorization", &buyer.bearer).body(vec![7; 1 << 10]);
            read(crate::support::wait(request.send()).unwrap())
        };
        assert_eq!(send("a%2Fb").1["code"], "tender-notice");
        let uploads = sealbid::db::schema::upload::table.count();
        let uploads: i64 =
            buyer.db().read(|conn| Ok::<_, Error>(on_each!(conn, |c| uploads.get_result(c))?)).unwrap();
        assert_eq!(uploads, 0, "nothing was taken in");
        let first = send("a.pdf");
        assert_eq!(first.0, StatusCode::CREATED);
        assert_eq!(send("a.pdf"), first, "sent again after its answer was lost");
        assert_ne!(send("b.pdf").1["document"], first.1["document"]);
    }
}
