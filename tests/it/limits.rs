//! How often may somebody knock whom nobody knows, and whom does that cost anything?

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use sealbid::web::limit::{Door, Limiter};
use serde_json::json;

use crate::on_both;
use crate::server::{Server, read};
use crate::support::START;

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
        assert_eq!(ask("/api/v1/login/challenges", "192.0.2.1").status(), StatusCode::OK);
        base.clock.advance(6_000);
        assert_eq!(ask(path, "192.0.2.1").status(), StatusCode::BAD_REQUEST);
    }
}
