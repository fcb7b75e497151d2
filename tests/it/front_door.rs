//! Does the server let in whom the use-cases let in, and does every answer carry what it must?

use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use reqwest::{Method, StatusCode};
use sealbid::clock::Time;
use sealbid::config::{Config, Origin};
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::custodian::roster::Member;
use sealbid::db::{Conn, Error, Options};
use sealbid::enterprise::statements::{Declined, KeyRevocation, KeyRotation};
use sealbid::error::Refusal as _;
use sealbid::record::proof::Receipt;
use sealbid::web::{init, start};
use serde_json::json;

use crate::on_both;
use crate::registration::{ORIGIN, application, id, key, operator, roster, signed};
use crate::server::{Server, log_key, read};
use crate::support::{START, TestBase, wait};

on_both! {
    fn an_application_is_answered_with_a_receipt_that_proves_it(base: TestBase) {
        let server = Server::start(&base);
        let statement = signed(application(1, 1), &[&key(1, 1)]);
        let (status, done) = server.apply(&statement);
        assert_eq!(status, StatusCode::OK, "{done}");
        assert_eq!(done["state"], "applied");
        assert_eq!(done["sha256"], statement.sha256().to_string());
        let receipt = Receipt::parse(done["receipt"].as_str().unwrap().as_bytes()).unwrap();
        receipt.verify(log_key().verifying(), &[]).unwrap();
        assert_eq!(receipt.event, statement.encode().into_bytes());
        assert_eq!(json!(receipt.index), done["index"]);
        assert_eq!(server.apply(&statement).1["index"], done["index"], "twice is once");
    }
}

on_both! {
    fn a_registration_is_shown_to_everybody_and_its_contact_to_few(base: TestBase) {
        let server = Server::start(&base);
        server.register(1, 1);
        server.register(2, 2);
        let path = format!("/api/v1/enterprises/{}", id(1));
        let (status, shown) = server.get(&path, None);
        assert_eq!(status, StatusCode::OK);
        assert_eq!((&shown["state"], &shown["kind"]), (&json!("verified"), &json!("enterprise")));
        assert_eq!(shown["credentials"].as_array().unwrap().len(), 1);
        assert_eq!(shown.get("contact"), None);
        for (signer, sees) in [(key(1, 1), true), (key(2, 2), false), (operator(), true)] {
            let (_, shown) = server.get(&path, Some(&server.login(&signer)));
            assert_eq!(shown.get("contact").is_some(), sees, "{signer:?}");
        }
        let (status, refused) = server.get(&format!("/api/v1/enterprises/{}", id(9)), None);
        assert_eq!((status, &refused["code"]), (StatusCode::NOT_FOUND, &json!("enterprise-unknown")));
        let (status, refused) = server.get("/api/v1/enterprises/ent_1", None);
        assert_eq!((status, &refused["code"]), (StatusCode::NOT_FOUND, &json!("web-path")));
    }
}

on_both! {
    fn who_waits_is_for_operators_and_the_regulator(base: TestBase) {
        let server = Server::start(&base);
        server.register(1, 1);
        server.apply(&signed(application(2, 2), &[&key(2, 2)]));
        server.apply(&signed(application(3, 3), &[&key(3, 3)]));
        let path = "/api/v1/enterprises?state=applied";
        assert_eq!(server.get(path, None).0, StatusCode::UNAUTHORIZED);
        let bidder = server.login(&key(1, 1));
        assert_eq!(server.get(path, Some(&bidder)).0, StatusCode::NOT_FOUND);
        let (status, list) = server.get(path, Some(&server.login(&operator())));
        assert_eq!(status, StatusCode::OK);
        let waiting = list["enterprises"].as_array().unwrap();
        assert_eq!(waiting.len(), 2);
        assert!(waiting.iter().all(|it| it["state"] == "applied" && it["contact"].is_string()));
        let note = signed(application(2, 2), &[&key(2, 2)]).encode();
        assert!(waiting.iter().any(|it| it["application"] == note), "as it was signed");
    }
}

on_both! {
    fn a_statement_goes_to_the_address_of_its_subject_only(base: TestBase) {
        let server = Server::start(&base);
        server.register(1, 1);
        let revocation = KeyRevocation {
            enterprise: id(1),
            key: key(1, 1).verifying().clone(),
            reason: "lost".to_owned(),
        };
        let statement = signed(revocation, &[&operator()]);
        let wrong = format!("/api/v1/enterprises/{}/keys", id(2));
        assert_eq!(server.state(&wrong, &statement).1["code"], "enterprise-statement");
        let declined = Declined {
            application_sha256: Hash::of(b""),
            enterprise: id(1),
            reason: "no".to_owned(),
        };
        let right = format!("/api/v1/enterprises/{}/keys", id(1));
        let (status, refused) = server.state(&right, &signed(declined, &[&operator()]));
        assert_eq!((status, &refused["code"]), (StatusCode::BAD_REQUEST, &json!("enterprise-statement")));
        assert_eq!(server.state(&right, &statement).1["state"], "keyless");
    }
}

on_both! {
    fn a_change_of_keys_sent_again_is_answered_as_the_first(base: TestBase) {
        let server = Server::start(&base);
        server.register(1, 1);
        let path = format!("/api/v1/enterprises/{}/keys", id(1));
        let public = |seed| key(1, seed).verifying().clone();
        let rotation = KeyRotation { enterprise: id(1), new_key: public(2), old_key: public(1) };
        let rotation = signed(rotation, &[&key(1, 1), &key(1, 2)]);
        let rotated = server.state(&path, &rotation).1;
        let revocation = KeyRevocation { enterprise: id(1), key: public(2), reason: "lost".to_owned() };
        let revocation = signed(revocation, &[&operator()]);
        let revoked = server.state(&path, &revocation).1;
        assert_eq!((&rotated["state"], &revoked["state"]), (&json!("verified"), &json!("keyless")));
        // A word after both.
        assert_eq!(server.apply(&signed(application(1, 3), &[&key(1, 3)])).0, StatusCode::OK);
        for (statement, first) in [(rotation.encode(), rotated), (revocation.encode(), revoked)] {
            let (status, again) = server.post(&path, json!({ "statement": statement }));
            assert_eq!((status, &again["index"]), (StatusCode::OK, &first["index"]), "{again}");
            assert_eq!((&again["sha256"], &again["state"]), (&first["sha256"], &json!("reapplied")));
            let receipt = Receipt::parse(again["receipt"].as_str().unwrap().as_bytes()).unwrap();
            assert_eq!(receipt.event, statement.into_bytes());
        }
        // Another one of the same key is no repeat.
        let other = KeyRevocation { enterprise: id(1), key: public(2), reason: "stolen".to_owned() };
        let (status, _) = server.state(&path, &signed(other, &[&operator()]));
        assert!(status.is_client_error(), "{status}");
    }
}

on_both! {
    fn a_session_ends_when_it_says_so(base: TestBase) {
        let server = Server::start(&base);
        server.register(1, 1);
        let token = server.login(&key(1, 1));
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let path = format!("/api/v1/enterprises/{}", id(1));
        assert_eq!(server.get(&path, Some(&token)).0, StatusCode::OK);
        let ended = server.ask(Method::DELETE, "/api/v1/login", &headers, None);
        assert_eq!(ended.status(), StatusCode::NO_CONTENT);
        let (status, refused) = server.get(&path, Some(&token));
        assert_eq!((status, &refused["code"]), (StatusCode::UNAUTHORIZED, &json!("auth-revoked")));
        let (status, refused) = server.get(&path, Some("nonsense"));
        assert_eq!((status, &refused["code"]), (StatusCode::UNAUTHORIZED, &json!("auth-token")));
        let nobody = read(server.ask(Method::DELETE, "/api/v1/login", &[], None));
        assert_eq!(nobody.1["code"], "auth-login-needed");
    }
}

on_both! {
    fn a_caller_lists_and_ends_its_own_sessions_and_nobody_elses(base: TestBase) {
        let server = Server::start(&base);
        server.register(1, 1);
        server.register(2, 2);
        let (old, other) = (server.login(&key(1, 1)), server.login(&key(2, 2)));
        base.clock.advance(1_000);
        let new = server.login(&key(1, 1));
        let list = |token: &str| server.get("/api/v1/sessions", Some(token)).1["sessions"].clone();
        let own = list(&new);
        assert_eq!(own.as_array().unwrap().len(), 2);
        assert_eq!((&own[0]["asking"], &own[1]["asking"]), (&json!(true), &json!(false)));
        assert_eq!(own[1]["started_at"], START.millis());
        let path = format!("/api/v1/sessions/{}", own[1]["id"].as_str().unwrap());
        let (status, refused) = server.ask_as(Method::DELETE, &path, Some(&other), None);
        assert_eq!((status, &refused["code"]), (StatusCode::NOT_FOUND, &json!("auth-not-found")));
        assert_eq!(list(&old).as_array().unwrap().len(), 2, "it stands");
        let (status, _) = server.ask_as(Method::DELETE, &path, Some(&new), None);
        assert_eq!(status, StatusCode::NO_CONTENT);
        assert_eq!(server.get("/api/v1/sessions", Some(&old)).1["code"], "auth-revoked");
        assert_eq!(list(&new).as_array().unwrap().len(), 1);
    }
}

on_both! {
    fn every_answer_carries_the_clock_the_zone_and_its_id(base: TestBase) {
        let server = Server::start(&base);
        base.clock.set(Time::from_millis(START.millis() + 7));
        for (method, path) in [
            (Method::GET, "/"),
            (Method::GET, "/api/v1/openapi.json"),
            (Method::GET, "/record/checkpoint"),
            (Method::GET, "/nothing/here"),
            (Method::PUT, "/api/v1/login"),
            (Method::POST, "/api/v1/login"),
        ] {
            let response = server.ask(method, path, &[], None);
            let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
            assert_eq!(header("x-sealbid-time"), (START.millis() + 7).to_string(), "{path}");
            assert_eq!(header("x-sealbid-zone"), "Asia/Shanghai");
            assert_eq!(header("x-request-id").len(), 16);
            if response.status().is_client_error() {
                assert_eq!(header("content-type"), "application/problem+json");
                let id = header("x-request-id");
                assert_eq!(read(response).1["instance"], id, "{path}");
            }
        }
    }
}

/// What the HTTP library answers by itself, before there is a request that anybody could look at.
#[test]
fn even_what_is_no_request_is_answered_with_the_servers_clock_and_its_zone() {
    let server = Server::start(&TestBase::sqlite());
    let host = server.address.strip_prefix("http://").unwrap();
    let large = format!("GET / HTTP/1.1\r\nhost: {host}\r\nx: {}\r\n\r\n", "a".repeat(1 << 18));
    let twice = format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"
    );
    for (sent, status) in [("NONSENSE\r\n\r\n", "400"), (&large, "431"), (&twice, "400")] {
        let mut stream = TcpStream::connect(host).unwrap();
        // The answer may come, and the connection end, before all of it is sent.
        let _ = stream.write_all(sent.as_bytes());
        let mut head = String::new();
        let _ = BufReader::new(stream).take(1 << 12).read_to_string(&mut head);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        let date = head.lines().find_map(|line| line.strip_prefix("date: ")).expect("a clock");
        assert!(date.ends_with(" GMT"), "{date}");
    }
}

on_both! {
    fn wrong_bodies_are_refused_in_the_readers_language(base: TestBase) {
        let server = Server::start(&base);
        let ask = |body: &str, lang: &str| {
            let request = server
                .client
                .post(format!("{}/api/v1/login", server.address))
                .header("content-type", "application/json")
                .header("accept-language", lang)
                .body(body.to_owned());
            read(wait(request.send()).unwrap())
        };
        for body in ["", "{", "{}", r#"{"statement": 1}"#, r#"{"statement": "x", "more": 1}"#] {
            let (status, problem) = ask(body, "en");
            assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
            assert_eq!(problem["code"], "web-body-json", "{body}");
            assert_eq!(problem["title"], "Bad request");
        }
        assert_eq!(ask("{}", "zh-CN").1["title"], "请求有误");
        let plain = server.client.post(format!("{}/api/v1/login", server.address)).body("{}");
        let untyped = read(wait(plain.header("accept-language", "zh-CN").send()).unwrap()).1;
        assert_eq!(untyped["detail"], "请求体不是所要求的 JSON（内容类型不是 application/json）。");
        let large = format!("{{\"statement\": \"{}\"}}", "x".repeat(4 << 20));
        let (status, problem) = ask(&large, "en");
        assert_eq!((status, &problem["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("web-body-size")));
        assert_eq!(problem["detail"], "The body is larger than 4194304 bytes.");
    }
}

on_both! {
    fn the_start_page_says_that_agents_on_one_machine_are_not_independent(base: TestBase) {
        let server = Server::start(&base);
        let page = |lang: &str| {
            let response = server.ask(Method::GET, "/", &[("accept-language", lang)], None);
            assert!(response.headers()["content-security-policy"].to_str().unwrap().contains("'none'"));
            wait(response.text()).unwrap()
        };
        let (zh, en) = (page("zh-CN"), page("en"));
        assert!(en.contains("NOT independent") && zh.contains("并不独立"), "{en}");
        assert!(en.contains("/api/v1/openapi.json") && en.contains(ORIGIN));
        assert!(en.contains(&server.roster.sha256().to_string()));
        assert!(!en.contains("<script") && !en.contains("http-equiv"));
    }
}

#[test]
fn custodians_are_doubted_for_what_they_share() {
    let doubts = |custodians: &[(&str, &str)], own: Option<&str>| {
        let mut body = roster();
        let member = body.custodians[0].clone();
        let member = |(n, (address, name)): (usize, &(&str, &str))| Member {
            address: (*address).to_owned(),
            id: format!("c{n}").parse().unwrap(),
            name: (*name).to_owned(),
            ..member.clone()
        };
        body.custodians = custodians.iter().enumerate().map(member).collect();
        let found = sealbid::web::about::doubts(&body, own);
        let found = found.into_iter().map(|doubt| (doubt.code, doubt.custodians.join(" ")));
        found.collect::<Vec<_>>()
    };
    let apart =
        [("https://a.example", "A"), ("https://b.example:8443/x", "B"), ("https://192.0.2.1", "C")];
    assert_eq!(doubts(&apart, Some("bids.example")), []);
    let (host, local) = ("web-say-doubt-same-host", "web-say-doubt-this-machine");
    let (with, name) = ("web-say-doubt-with-platform", "web-say-doubt-same-name");
    let same = |text: &str| text.to_owned();
    assert_eq!(
        doubts(&[("https://a.example:1", "A"), ("https://A.example:2", "B"), apart[2]], None),
        [(host, same("c0 c1"))]
    );
    for address in ["http://127.0.0.1:7", "http://localhost:7", "http://[::1]:7"] {
        assert_eq!(doubts(&[apart[0], (address, "B")], None), [(local, same("c1"))], "{address}");
    }
    assert_eq!(doubts(&apart, Some("B.example:443")), [(with, same("c1"))]);
    assert_eq!(doubts(&[apart[0], ("https://b.example", " a ")], None), [(name, same("c0 c1"))]);
}

on_both! {
    fn a_server_that_starts_again_goes_on_where_its_record_ended(base: TestBase) {
        let mut server = Server::with_agents(&base);
        let cosigned = |server: &Server| {
            server.beat();
            let note = server.ask(Method::GET, "/record/checkpoint", &[], None);
            let note = wait(note.text()).unwrap();
            note.lines().filter(|line| line.contains("/witness/")).count()
        };
        server.register(1, 1);
        assert_eq!(cosigned(&server), 5);
        let size = server.app().platform.sequencer.published().checkpoint.size;
        server.sleep(2);
        server.restart();
        assert!(server.app().platform.sequencer.published().checkpoint.size >= size);
        server.register(2, 2);
        assert_eq!(server.get(&format!("/api/v1/enterprises/{}", id(1)), None).1["state"], "verified");
        assert_eq!(cosigned(&server), 4);
        server.wake(2);
        assert_eq!(cosigned(&server), 5);
    }
}

on_both! {
    fn a_platform_starts_only_with_the_origin_that_init_fixed_and_not_before_its_record(base: TestBase) {
        let mut server = Server::start(&base);
        server.stop();
        let options = || Options::new(base.clock.clone(), Arc::new(SystemEntropy::new()));
        let open = |config: &Config| match wait(start::open(config, options())) {
            Ok(_) => String::from("started"),
            Err(error) => error.code().to_owned(),
        };
        let config = Config::load(&server.config, []).unwrap();
        assert_eq!(open(&config), "started");
        let again = init::init(&config, options()).unwrap_err();
        assert_eq!(again.code(), "db-already-initialised", "{again}");
        assert!(base.meddle("UPDATE origin SET name = 'elsewhere.example/record'").is_err());
        base.clock.set(START.plus(-1_001));
        assert_eq!(open(&config), "web-start-clock");
        base.clock.set(START);
        let other = Origin::parse("elsewhere.example/record").unwrap();
        let other = Config { origin: other, ..config };
        assert_eq!(open(&other), "web-start-origin");
    }
}

on_both! {
    fn init_ends_what_an_earlier_one_began_and_the_first_name_stays(base: TestBase) {
        let server = Server::start(&base);
        let name = |conn: &mut Conn| sealbid::record::name::find(conn);
        assert_eq!(server.app().db().read(name).unwrap().as_deref(), Some(ORIGIN));
        let twice = wait(server.app().db().write(|tx| sealbid::record::name::fix(tx, "other/record")));
        assert!(matches!(twice, Err(Error::Conflict(_))), "{twice:?}");
    }
}
