//! Does what people read stay as it was when somebody last looked: the verifier's report, the start
//! page, the list of operations, refusals?
//!
//! After a change of words: `INSTA_UPDATE=always cargo test --test it snapshots`, and read the
//! difference. Hashes, identifiers and times are left out.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use insta::assert_snapshot;
use reqwest::Method;
use sealbid::cli::verify as command;
use sealbid::crypto::hash::Hash;
use sealbid::verify::casefile::CaseKind;
use sealbid::verify::{Receipts, Trust, verify_bytes};
use sealbid::web::i18n::Lang;
use sealbid::web::openapi::Api;
use serde_json::{Value, json};
use utoipa::OpenApi;

use crate::case_maker::{Twist, make};
use crate::server::{Server, read};
use crate::support::{TestBase, wait};

const LANGUAGES: [(&str, Lang); 2] = [("en", Lang::En), ("zh", Lang::Zh)];

/// A text without what differs from run to run: long hexadecimal words become `…`, and so do times
/// of day and ports of this machine.
fn steady(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.' | '-' | '+') {
            word.push(c);
            continue;
        }
        let bare = word.rsplit('_').next().unwrap_or_default();
        let is_hex = bare.len() >= 16 && bare.chars().all(|c| c.is_ascii_hexdigit());
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let is_time = word.matches(':').count() == 2 && digits >= 6;
        let is_port = word.starts_with("127.0.0.1:");
        out.push_str(if is_hex || is_time || is_port { "…" } else { &word });
        word.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

#[test]
fn what_is_steady_keeps_its_words() {
    let text =
        format!("ent_{:032x} on 2027-01-15 09:00:00.001 +08:00: 3 of 5, {}", 1, "ab".repeat(32));
    assert_eq!(steady(&text), "… on 2027-01-15 … +08:00: 3 of 5, …");
    assert_eq!(steady("bids.example/record, 12 lines."), "bids.example/record, 12 lines.");
}

#[test]
fn the_verifiers_report() {
    let good = make(Twist::None);
    let pin = Trust::Roster(good.roster.sha256());
    let late = make(Twist::LateByOne);
    let late_pin = Trust::Roster(late.roster.sha256());
    let other_pin = Trust::Roster(Hash::of(b"another roster"));
    let mut damaged = good.case(CaseKind::Public);
    damaged[600] ^= 1;
    for (tag, lang) in LANGUAGES {
        let say = |bytes: &[u8], trust| {
            let report = verify_bytes(bytes, trust, None);
            format!("{}exit {}\n", steady(&command::text(&report, lang)), report.exit())
        };
        let name = |what: &str| format!("verify_{what}_{tag}");
        assert_snapshot!(name("public"), say(&good.case(CaseKind::Public), Some(&pin)));
        assert_snapshot!(name("auditor"), say(&good.case(CaseKind::Auditor), Some(&pin)));
        assert_snapshot!(name("late"), say(&late.case(CaseKind::Public), Some(&late_pin)));
        assert_snapshot!(name("other_pin"), say(&good.case(CaseKind::Public), Some(&other_pin)));
        assert_snapshot!(name("damaged"), say(&damaged, None));
    }
}

#[test]
fn every_claim_is_explained_and_no_other() {
    let good = make(Twist::None);
    let receipt = Some(Receipts::one(b"no receipt"));
    let report = verify_bytes(&good.case(CaseKind::Auditor), None, receipt);
    let judged: BTreeSet<String> = report.claims.iter().map(|claim| claim.id.to_owned()).collect();
    let (_, claims) = include_str!("../../docs/VERIFY.md").split_once("## The claims").unwrap();
    let rows = claims.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    assert_eq!(judged, rows.map(|(claim, _)| claim.to_owned()).collect());
}

// Words come from no database: one kind says it all.
#[test]
fn the_start_page() {
    let base = TestBase::sqlite();
    let server = Server::start(&base);
    for (tag, _) in LANGUAGES {
        let page = server.ask(Method::GET, "/", &[("accept-language", tag)], None);
        let page = wait(page.text()).unwrap().replace("><", ">\n<");
        assert_snapshot!(format!("start_page_{tag}"), steady(&page));
    }
}

/// A schema in a word.
fn shape(schema: &Value) -> String {
    match schema["$ref"].as_str() {
        Some(name) => name.rsplit('/').next().unwrap_or_default().to_owned(),
        None if schema["items"].is_object() => format!("[{}]", shape(&schema["items"])),
        None => schema["type"].as_str().unwrap_or("-").to_owned(),
    }
}

fn content(body: &Value) -> String {
    let media = body["content"].as_object().into_iter().flatten();
    media.map(|(kind, it)| format!("{kind} {}", shape(&it["schema"]))).collect()
}

#[test]
fn the_api_document() {
    let document = serde_json::to_value(Api::openapi()).unwrap();
    let mut out = String::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, it) in item.as_object().unwrap() {
            let summary = it["summary"].as_str().unwrap_or_default();
            writeln!(out, "{} {path}: {summary}", method.to_uppercase()).unwrap();
            for parameter in it["parameters"].as_array().into_iter().flatten() {
                let of = |key: &str| parameter[key].as_str().unwrap_or_default();
                writeln!(out, "  {} {}: {}", of("in"), of("name"), of("description")).unwrap();
            }
            if it["requestBody"].is_object() {
                writeln!(out, "  takes {}", content(&it["requestBody"])).unwrap();
            }
            for (status, answer) in it["responses"].as_object().unwrap() {
                if status != "default" {
                    writeln!(out, "  {status} {}", content(answer)).unwrap();
                }
            }
        }
    }
    writeln!(out, "\nSchemas").unwrap();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let fields = schema["properties"].as_object().into_iter().flatten();
        let fields: Vec<_> = fields.map(|(field, _)| field.as_str()).collect();
        writeln!(out, "{name}: {}", fields.join(", ")).unwrap();
    }
    assert_snapshot!("api_document", out);
}

// As above: these are refused before any database is asked.
#[test]
fn refusals_as_problems() {
    let base = TestBase::sqlite();
    let server = Server::start(&base);
    let unit = format!("/api/v1/units/{}", "0".repeat(64));
    let asked = [
        (Method::GET, "/nowhere", None),
        (Method::DELETE, "/api/v1/platform", None),
        (Method::POST, "/api/v1/enterprises", Some(json!({ "surplus": 1 }))),
        (Method::POST, "/api/v1/enterprises", Some(json!({ "application": "no note" }))),
        (Method::GET, "/api/v1/units/unit", None),
        (Method::GET, unit.as_str(), None),
        (Method::GET, "/api/v1/bids", None),
        (Method::GET, "/api/v1/enterprises/ent_1", None),
    ];
    for (tag, _) in LANGUAGES {
        let mut out = String::new();
        for (method, path, body) in &asked {
            let headers = [("accept-language", tag)];
            let (status, mut problem) =
                read(server.ask(method.clone(), path, &headers, body.clone()));
            if let Some(problem) = problem.as_object_mut() {
                assert!(problem.remove("instance").is_some(), "{path}");
            }
            let text = serde_json::to_string_pretty(&problem).unwrap();
            writeln!(out, "{method} {path}\n{status}\n{text}\n").unwrap();
        }
        assert_snapshot!(format!("problems_{tag}"), steady(&out));
    }
}
