//! What is read of a bid or a withdrawal, and of whom?

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use reqwest::{Method, StatusCode};
use sealbid::opening::Decided as _;
use sealbid::tender::statements::Stage;
use serde_json::json;

use crate::on_both;
use crate::play::{DEADLINE, Play};
use crate::server::read;

on_both! {
    fn of_a_stranger_no_statement_is_read_and_no_close_waits_for_it(base: TestBase) {
        let play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let host = play.server.address.strip_prefix("http://").unwrap();
        for (end, more) in [("bids", ""), ("withdrawals", "authorization: Bearer invented\r\n")] {
            let mut stream = TcpStream::connect(host).unwrap();
            let head = format!(
                "POST /api/v1/units/{unit}/{end} HTTP/1.1\r\nhost: {host}\r\n{more}\
                 content-type: application/json\r\ncontent-length: 4000000\r\n\r\n"
            );
            // The rest of it never comes.
            stream.write_all(head.as_bytes()).unwrap();
            let mut answer = String::new();
            BufReader::new(&stream).read_line(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 401 "), "{end}: {answer}");
        }
        // A whole one is answered in the same way, and stamped by nobody.
        let path = format!("/api/v1/units/{unit}/bids");
        let (status, told) = play.server.post(&path, json!({ "manifest": "", "shares": [] }));
        assert_eq!((status, told["code"].as_str()), (StatusCode::UNAUTHORIZED, Some("auth-login-needed")));
        let arrivals = &play.server.app().arrivals;
        assert_eq!(arrivals.decided_through(DEADLINE), DEADLINE);
    }
}

on_both! {
    fn a_statement_is_no_longer_than_the_longest_that_holds(base: TestBase) {
        let play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let bearer = format!("Bearer {}", play.server.login(&play.bidders[0].key));
        let send = |characters: usize| {
            let body = json!({ "withdrawal": "x".repeat(characters) });
            let path = format!("/api/v1/units/{unit}/withdrawals");
            let headers = [("authorization", bearer.as_str())];
            read(play.server.ask(Method::POST, &path, &headers, Some(body)))
        };
        let (status, told) = send(200 << 10);
        let code = told["code"].as_str();
        assert_eq!((status, code), (StatusCode::PAYLOAD_TOO_LARGE, Some("web-body-size")), "{told}");
        assert_ne!(send(180 << 10).1["code"], "web-body-size");
    }
}
