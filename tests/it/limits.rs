//! How often may somebody knock whom nobody knows, and whom does that cost anything?

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use sealbid::auth::login::Login;
use sealbid::cli::client::{Access, Client};
use sealbid::cli::output::Silent;
use sealbid::cli::upload::Slice;
use sealbid::clock::{Clock as _, SystemClock};
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::key::SigningKey;
use sealbid::web::i18n::Lang;
use sealbid::web::limit::{Door, Limiter};
use serde_json::{Value, json};

use crate::on_both;
use crate::registration::{key, signed};
use crate::server::{Server, read};
use crate::support::{START, wait};

#[test]
fn an_address_knocks_so_often_and_then_at_a_pace() {
    let limiter = Limiter::default();
    let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
    for _ in 0..30 {
        assert_eq!(limiter.take(Door::Registration, one, START), Ok(()));
    }
    assert_eq!(limiter.take(Door::Registration, one, START), Err(6));
    assert_eq!(limiter.take(Door::Registration, one, START.plus(5_999)), Err(1));
    assert_eq!(limiter.take(Door::Registration, one, START.plus(6_000)), Ok(()));
    assert_eq!(limiter.take(Door::Registration, one, START.plus(6_000)), Err(6));
    assert_eq!(limiter.take(Door::Registration, other, START), Ok(()), "a neighbour pays nothing");
    assert_eq!(limiter.take(Door::Login, one, START), Ok(()), "each door counts by itself");
}

#[test]
fn a_clock_that_was_ahead_and_is_set_right_shuts_nobody_out() {
    let limiter = Limiter::default();
    let one = "192.0.2.1".parse().unwrap();
    let tomorrow = START.plus(86_400_000);
    for _ in 0..30 {
        assert_eq!(limiter.take(Door::Registration, one, tomorrow), Ok(()));
    }
    for _ in 0..30 {
        assert_eq!(limiter.take(Door::Registration, one, START), Ok(()));
    }
    assert_eq!(limiter.take(Door::Registration, one, START), Err(6), "from here on as ever");
    // A small step back is within the rule, and forgives nothing.
    assert!(limiter.take(Door::Registration, one, START.plus(-500)).is_err());
}

#[test]
fn the_freely_chosen_half_of_an_address_makes_no_other() {
    let limiter = Limiter::default();
    for n in 0..30 {
        let from = format!("2001:db8:0:1::{n:x}").parse().unwrap();
        assert_eq!(limiter.take(Door::Registration, from, START), Ok(()));
    }
    let same = "2001:db8:0:1:ffff::1".parse().unwrap();
    assert!(limiter.take(Door::Registration, same, START).is_err());
    let other = "2001:db8:0:2::1".parse().unwrap();
    assert!(limiter.take(Door::Registration, other, START).is_ok());
}

#[test]
fn who_asks_is_what_a_trusted_proxy_says_last() {
    let limiter = Limiter::new(vec!["10.0.0.5".parse().unwrap()]);
    let asker = |peer: &str, forwarded: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            let name = HeaderName::from_static("x-forwarded-for");
            headers.append(name, HeaderValue::from_static(value));
        }
        let asker = limiter.asker(Some(peer.parse().unwrap()), &headers);
        asker.map(|address| address.to_string())
    };
    let is = |address: &str| Some(address.to_owned());
    assert_eq!(
        asker("192.0.2.1:9", &["192.0.2.7"]),
        is("192.0.2.1"),
        "its own word counts nothing"
    );
    for proxy in ["127.0.0.1:9", "[::1]:9", "10.0.0.5:9", "[::ffff:10.0.0.5]:9"] {
        assert_eq!(asker(proxy, &["192.0.2.7, 192.0.2.8"]), is("192.0.2.8"));
        assert_eq!(asker(proxy, &["192.0.2.7", "192.0.2.8:443"]), is("192.0.2.8"));
    }
    assert_eq!(asker("10.0.0.5:9", &[]), is("10.0.0.5"));
    assert_eq!(asker("127.0.0.1:9", &["unknown"]), is("127.0.0.1"));
    assert_eq!(asker("127.0.0.1:9", &[]), None, "whoever is on this machine");
}

on_both! {
    fn who_knocks_too_often_is_told_when_to_come_again(base: TestBase) {
        let server = Server::start(&base);
        let ask = |path: &str, from: &str| {
            let headers = [("x-forwarded-for", from)];
            server.ask(Method::POST, path, &headers, Some(json!({})))
        };
        let path = "/api/v1/enterprises";
        for _ in 0..30 {
            assert_eq!(ask(path, "192.0.2.1").status(), StatusCode::BAD_REQUEST);
        }
        let refused = ask(path, "192.0.2.1");
        assert_eq!(refused.headers()["retry-after"], "6");
        let (status, problem) = read(refused);
        assert_eq!((status, &problem["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("web-too-many")));
        assert_eq!(ask(path, "192.0.2.2").status(), StatusCode::BAD_REQUEST);
        base.clock.advance(6_000);
        assert_eq!(ask(path, "192.0.2.1").status(), StatusCode::BAD_REQUEST);
    }
}

on_both! {
    fn no_neighbour_keeps_whose_key_counts_from_logging_in(base: TestBase) {
        let server = Server::start(&base);
        server.register(1, 1);
        let ask = |path: &str, body: Value| {
            server.ask(Method::POST, path, &[("x-forwarded-for", "192.0.2.1")], Some(body))
        };
        let challenge = || read(ask("/api/v1/login/challenges", json!({}))).1;
        for _ in 0..140 {
            assert!(challenge()["nonce"].is_string(), "challenges are free");
        }
        let login = |signer: &SigningKey| {
            let challenge = challenge();
            let body = Login {
                at: base.clock.now(),
                key: signer.verifying().clone(),
                nonce: challenge["nonce"].as_str().unwrap().parse().unwrap(),
                origin: challenge["origin"].as_str().unwrap().to_owned(),
            };
            ask("/api/v1/login", json!({ "statement": signed(body, &[signer]).encode() }))
        };
        let code = |response| read(response).1["code"].as_str().unwrap_or("done").to_owned();
        for _ in 0..120 {
            assert_eq!(code(login(&key(2, 2))), "auth-key");
        }
        let refused = login(&key(2, 2));
        assert_eq!(refused.headers()["retry-after"], "1");
        assert_eq!(code(refused), "web-too-many");
        assert_eq!(code(login(&key(1, 1))), "done", "behind the same address, at the same time");
        base.clock.advance(500);
        assert_eq!(code(login(&key(2, 2))), "auth-key");
    }
}

/// An address that says "wait a second" and then what `then` is, and when it was asked each time.
fn hasty(then: &'static str) -> (String, JoinHandle<Vec<Instant>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answers = ["429 Too Many Requests\r\nretry-after: 1", then];
    let asked = std::thread::spawn(move || {
        let one = |answer: &str| {
            let (mut stream, _) = listener.accept().unwrap();
            let at = Instant::now();
            let read = stream.read(&mut [0; 4096]).unwrap();
            assert!(read > 0);
            let head = format!("HTTP/1.1 {answer}\r\nconnection: close\r\n");
            stream.write_all(format!("{head}content-length: 2\r\n\r\n{{}}").as_bytes()).unwrap();
            at
        };
        answers.iter().map(|answer| one(answer)).collect()
    });
    (address, asked)
}

#[test]
fn a_client_waits_as_long_as_it_is_told_and_then_goes_on() {
    let client = |address: &str| {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy::new()));
        let client = Client::new(address, Lang::En, clock, entropy).unwrap();
        client.with_key(Arc::new(key(1, 1)))
    };
    let pause = |asked: JoinHandle<Vec<Instant>>| {
        let asked = asked.join().unwrap();
        asked[1] - asked[0]
    };
    let (address, asked) = hasty("200 OK");
    let answer: Value = wait(client(&address).get("/platform", Access::Public)).unwrap();
    assert_eq!(answer, json!({}));
    assert!(pause(asked) >= Duration::from_secs(1));
    // A bid on its way goes on too: its login, which was one too many, is tried again.
    let (address, asked) = hasty("403 Forbidden");
    let slice = Slice { path: "bid".into(), start: 0, size: 1 };
    let failed = wait(client(&address).upload(&slice, None, &Silent)).unwrap_err();
    assert_eq!(failed.told().unwrap().status, 403, "the second answer");
    assert!(pause(asked) >= Duration::from_secs(1));
}
