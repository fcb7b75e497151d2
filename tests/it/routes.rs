//! Do the list of routes, the API document and the answers tell the same story?

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::{Method, StatusCode};
use sealbid::web::ROUTES;
use sealbid::web::openapi::Api;
use serde_json::{Value, json};
use utoipa::OpenApi;

use crate::on_both;
use crate::server::{Server, read};

fn document() -> Value {
    serde_json::to_value(Api::openapi()).unwrap()
}

/// Every operation of the document: its path, its method, itself.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let methods = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap().iter();
        item.map(|(method, operation)| (path.clone(), method.to_uppercase(), operation.clone()))
    });
    methods.collect()
}

#[test]
fn the_list_of_routes_and_the_api_document_are_the_same_set() {
    let plain = |path: &str| path.replace(":.*}", "}");
    let routes: BTreeSet<_> =
        ROUTES.iter().map(|(method, path)| (plain(path), (*method).to_owned())).collect();
    assert_eq!(routes.len(), ROUTES.len(), "a route stands twice");
    let described: BTreeSet<_> =
        operations(&document()).into_iter().map(|(path, method, _)| (path, method)).collect();
    assert_eq!(described, routes);
}

#[test]
fn every_operation_says_what_it_reads_answers_and_refuses() {
    let document = document();
    for (path, method, it) in operations(&document) {
        let at = format!("{method} {path}");
        let summary = it["summary"].as_str().unwrap_or_default();
        assert!(!summary.is_empty() && !summary.ends_with('.'), "{at}: {summary}");
        let named = it["parameters"].as_array().cloned().unwrap_or_default();
        let has = |name: &str| named.iter().any(|p| p["name"] == name);
        for name in path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()) {
            assert!(has(name), "{at}: {name}");
        }
        let reads_json = it["requestBody"]["content"]["application/json"].is_object();
        // Without a session a key is not looked at.
        let asks = it["security"].as_array().is_some_and(|ways| !ways.is_empty());
        let keeps = method == "POST" && reads_json && asks;
        assert_eq!(has("Idempotency-Key"), keeps, "{at}");
        let answers = it["responses"].as_object().unwrap();
        assert!(answers.keys().any(|status| status.starts_with('2')), "{at}");
        let refused = &answers["default"]["content"]["application/problem+json"]["schema"];
        assert_eq!(refused["$ref"], "#/components/schemas/Problem", "{at}");
        for (status, answer) in answers {
            assert!(answer["headers"]["x-sealbid-time"].is_object(), "{at} {status}");
        }
    }
}

/// Every type of the sources that describes itself: its name, or the one that it is given.
fn schemas(folder: &Path, names: &mut Vec<String>) {
    for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        if file.is_dir() {
            schemas(&file, names);
        } else if file.extension().is_some_and(|it| it == "rs") {
            let text = std::fs::read_to_string(&file).unwrap();
            // Derived, and then the type that it was derived for.
            let derived = |rest: &&str| rest.starts_with(')') || rest.starts_with(", ");
            for rest in text.split("ToSchema").skip(1).filter(derived) {
                let it = rest.split_once("struct ").into_iter().chain(rest.split_once("enum "));
                let it = it.min_by_key(|(before, _)| before.len());
                let Some((_, name)) = it else { continue };
                let end = |c: char| !c.is_ascii_alphanumeric();
                names.push(name.split(end).next().unwrap().to_owned());
            }
        }
    }
}

#[test]
fn no_two_schemas_have_one_name() {
    let mut names = Vec::new();
    schemas(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut names);
    names.retain(|name| document()["components"]["schemas"][name].is_object());
    assert!(names.len() > 40, "{names:?}");
    names.sort();
    let twice: Vec<_> = names.windows(2).filter(|two| two[0] == two[1]).collect();
    assert!(twice.is_empty(), "{twice:?}: the document keeps one of them");
}

#[test]
fn every_schema_that_is_named_is_there() {
    let document = document();
    let text = document.to_string();
    let named = text.split("\"#/components/schemas/").skip(1);
    let named: BTreeSet<_> = named.map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(named.len() > 15, "{named:?}");
    for name in named {
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
    assert_eq!(document["components"]["securitySchemes"]["session"]["scheme"], "bearer");
}

#[test]
fn plans_documents_and_read_out_lines_have_their_fields_described() {
    let schemas = document()["components"]["schemas"].clone();
    for (name, fields) in [
        ("Plan", vec!["documents_until", "lots", "title"]),
        ("StagePlan", vec!["challenge_ms", "deadline", "min", "open_at", "stage"]),
        ("DocumentRef", vec!["document", "name", "sha256", "size"]),
        ("ReadOutLine", vec!["bidder", "line", "offer"]),
        ("Offer", vec!["currency", "duration_days", "price", "promises"]),
    ] {
        let described: Vec<_> = schemas[name]["properties"].as_object().unwrap().keys().collect();
        assert_eq!(
            described.into_iter().collect::<BTreeSet<_>>(),
            fields.iter().map(|f| (*f).to_owned()).collect::<Vec<_>>().iter().collect(),
            "{name}"
        );
    }
    let tender = &schemas["TenderView"]["properties"]["plan"];
    assert!(tender.to_string().contains("#/components/schemas/Plan"), "{tender}");
}

on_both! {
    fn a_method_that_an_address_does_not_know_is_405_and_named(base: TestBase) {
        let server = Server::start(&base);
        let known = |path: &str| {
            let methods = ROUTES.iter().filter(|(_, it)| *it == path).map(|(method, _)| *method);
            let mut methods: BTreeSet<_> = methods.collect();
            if methods.contains("GET") {
                methods.insert("HEAD");
            }
            methods
        };
        let paths: BTreeSet<_> = ROUTES.iter().map(|(_, path)| *path).collect();
        for path in paths {
            let known = known(path);
            let filled = path.replace("{path:.*}", "8/x/001").replace(['{', '}'], "");
            for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
                if known.contains(method.as_str()) {
                    continue;
                }
                let response = server.ask(method.clone(), &filled, &[], None);
                assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
                let allow = response.headers()["allow"].to_str().unwrap().to_owned();
                assert_eq!(allow.split(", ").collect::<BTreeSet<_>>(), known, "{path}");
                let problem = read(response).1;
                assert_eq!(problem["code"], "web-method");
                assert!(problem["detail"].as_str().unwrap().contains(method.as_str()));
            }
        }
        let nothing = server.ask(Method::GET, "/api/v1/units", &[], None);
        assert_eq!(nothing.status(), StatusCode::NOT_FOUND);
        assert!(nothing.headers().get("allow").is_none());
    }
}

on_both! {
    fn what_answers_get_answers_head_without_a_body(base: TestBase) {
        let server = Server::start(&base);
        for path in ["/", "/api/v1/platform", "/record/checkpoint", "/api/v1/tenders"] {
            let got = server.ask(Method::GET, path, &[], None);
            let head = server.ask(Method::HEAD, path, &[], None);
            assert_eq!((got.status(), head.status()), (StatusCode::OK, StatusCode::OK), "{path}");
            assert_eq!(head.headers()["content-type"], got.headers()["content-type"], "{path}");
            assert!(crate::support::wait(head.bytes()).unwrap().is_empty(), "{path}");
        }
    }
}

on_both! {
    fn the_platform_says_its_clock_and_which_custodians_live(base: TestBase) {
        let mut server = Server::with_agents(&base);
        server.register(1, 1);
        server.sleep(3);
        base.clock.advance(60_000);
        server.register(2, 2);
        server.beat();
        let (status, it) = server.get("/api/v1/platform", None);
        assert_eq!(status, StatusCode::OK);
        let now = sealbid::clock::Clock::now(&*base.clock).millis();
        assert_eq!((&it["time"], &it["zone"]), (&json!(now), &json!("Asia/Shanghai")));
        assert_eq!((&it["t"], &it["q"]), (&json!(3), &json!(4)));
        assert_eq!(it["roster_sha256"], server.roster.sha256().to_string());
        let seen: Vec<bool> =
            (0..5).map(|n| it["custodians"][n]["cosigned_at"] == json!(now)).collect();
        assert_eq!(seen, [true, true, false, true, true]);
        assert_eq!(it["doubts"][0]["code"], "web-say-doubt-same-host");
        assert_eq!(it["doubts"][0]["custodians"].as_array().unwrap().len(), 5);
    }
}
