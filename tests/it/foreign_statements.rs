//! What does a platform answer to signed statements whose bytes two readers would read differently?
//! The signature is right each time: it is the text that is refused, before anything is recorded.

use reqwest::StatusCode;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::SigningKey;
use sealbid::crypto::note::Note;
use serde_json::{Value, json};

use crate::formats_document::documented;
use crate::on_both;
use crate::registration::{application, key, signed};
use crate::server::Server;

/// A text with the signature that its author would make.
fn sign(text: &str, signer: &SigningKey) -> String {
    let mut note = Note::new(text.to_owned()).unwrap();
    note.sign(signer);
    note.encode()
}

/// A statement's text spoilt in every way that JSON allows; `name` is a text of its body, `number`
/// an integer one with its key, both as they stand in it.
fn spoilt(text: &str, name: &str, number: &str) -> Vec<(&'static str, String)> {
    let (kind, line) = text.split_once('\n').unwrap();
    let with = |line: String| format!("{kind}\n{line}");
    let swap = |from: &str, to: &str| {
        assert!(line.contains(from), "{from}");
        with(line.replacen(from, to, 1))
    };
    let (key, _) = number.split_once(':').unwrap_or_default();
    let mut spoilt = vec![
        ("a key twice", with(line.replacen('{', &format!("{{{},", first_member(line)), 1))),
        ("a space", swap("\":", "\": ")),
        ("a right-to-left override", swap(name, &format!("\u{202e}{name}"))),
        ("a zero-width space", swap(name, &format!("{name}\u{200b}"))),
        ("a control character", swap(name, &format!("{name}\\u0007"))),
        ("a line break", swap(name, &format!("{name}\\n"))),
        ("a decomposed letter", swap(name, &format!("{name}e\u{301}"))),
        ("an escape that is not needed", swap(name, &format!("{name}\\u0041"))),
        ("an unknown key", with(line.replacen("}\n", ",\"zz\":1}\n", 1))),
        ("a second line", format!("{text}\n")),
    ];
    if !key.is_empty() {
        spoilt.push(("2^53", swap(number, &format!("{key}:9007199254740992"))));
        spoilt.push(("a fraction", swap(number, &format!("{number}.0"))));
    }
    spoilt
}

fn first_member(line: &str) -> &str {
    let end = line.find(",\"").unwrap();
    &line[1..end]
}

fn refused(what: &str, (status, problem): (StatusCode, Value), code: &str) {
    assert_eq!(problem["code"], code, "{what}: {problem}");
    assert!(status.is_client_error(), "{what}: {status}");
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(!detail.is_empty() && !detail.contains('\u{202e}'), "{what}: {problem}");
}

on_both! {
    fn an_application_that_two_readers_would_read_differently_is_refused(base: TestBase) {
        let server = Server::start(&base);
        let good = signed(application(1, 11), &[&key(1, 11)]);
        let text = good.note().text();
        for (what, text) in spoilt(text, "甲1建设有限公司", "") {
            let note = sign(&text, &key(1, 11));
            let answer = server.post("/api/v1/enterprises", json!({ "application": note }));
            refused(what, answer, "enterprise-statement");
        }
        let note = good.encode();
        for (what, note) in [
            ("no signature", text.to_owned()),
            ("a byte after the last line", format!("{note} ")),
            ("lines of another system", note.replace('\n', "\r\n")),
            ("a signature in other base64", note.trim_end_matches("=\n").to_owned() + "\n"),
        ] {
            let answer = server.post("/api/v1/enterprises", json!({ "application": note }));
            refused(what, answer, "enterprise-statement");
        }
        assert_eq!(server.apply(&good).0, StatusCode::OK, "nothing of it was kept");
    }
}

on_both! {
    fn a_manifest_that_two_readers_would_read_differently_is_refused(base: TestBase) {
        let server = Server::start(&base);
        server.register(1, 11);
        let token = server.login(&key(1, 11));
        let text = documented("statements-bid").unwrap();
        let text: String = text.lines().take(2).flat_map(|line| [line, "\n"]).collect();
        let path = format!("/api/v1/units/{}/bids", Hash::of(b"unit"));
        for (what, text) in spoilt(&text, "bid_0", "\"seq\":1") {
            let body = json!({ "manifest": sign(&text, &key(1, 11)), "shares": [] });
            let answer = server.ask_as(reqwest::Method::POST, &path, Some(&token), Some(body));
            refused(what, answer, "bid-statement");
        }
    }
}

// The request around a statement is plain JSON: its repeated or unknown keys are refused as such.
on_both! {
    fn a_request_with_a_key_twice_or_one_too_many_is_refused(base: TestBase) {
        let server = Server::start(&base);
        for body in [
            r#"{"application":"a","application":"b"}"#,
            r#"{"application":"a","more":1}"#,
            r#"{"application":1}"#,
            r#"{"application":"\ud800"}"#,
            "{",
        ] {
            let request = server.client.post(format!("{}/api/v1/enterprises", server.address));
            let request = request.header("content-type", "application/json").body(body);
            let answer = crate::server::read(crate::support::wait(request.send()).unwrap());
            assert_eq!(answer.0, StatusCode::BAD_REQUEST, "{body}: {}", answer.1);
            assert_eq!(answer.1["code"], "web-body-json", "{body}");
        }
    }
}
