//! Does an answer fit what the API document says of it? Every JSON answer that a test reads from a
//! [`Server`](crate::server::Server) is held against it, refusals with the rest.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use reqwest::{Method, StatusCode};
use sealbid::web::openapi::Api;
use serde_json::{Map, Value, json};
use utoipa::OpenApi as _;

fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| serde_json::to_value(Api::openapi()).unwrap())
}

/// Holds an answer against the document.
pub fn check(method: &Method, path: &str, status: StatusCode, answer: &Value) {
    let at = format!("{method} {path}: {status}");
    let schema = schema_of(method, path, status).unwrap_or_else(|| panic!("{at} is not described"));
    let faults = faults(schema, answer);
    assert!(faults.is_empty(), "{at} answers otherwise than described: {faults:?}\n{answer:#}");
}

/// The schema of an answer; a refusal's is the same everywhere, also where there is nothing.
fn schema_of(method: &Method, path: &str, status: StatusCode) -> Option<&'static Value> {
    if !status.is_success() {
        return Some(&document()["components"]["schemas"]["Problem"]);
    }
    let path = path.split('?').next().unwrap();
    let mut paths = document()["paths"].as_object().unwrap().iter();
    // What is written out goes before what is a parameter: `/a/b` before `/a/{id}`.
    let exact = paths.clone().find(|(template, _)| *template == path);
    let (_, item) = exact.or_else(|| paths.find(|(template, _)| is_like(template, path)))?;
    let answer = &item[method.as_str().to_lowercase()]["responses"][status.as_str()];
    answer["content"]["application/json"].get("schema")
}

fn is_like(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(part), Some(given)) if part == given || part.starts_with('{') => {}
            _ => return false,
        }
    }
}

/// What in `value` is otherwise than `schema` says.
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = shape_faults(schema, value);
    if let (Some(object), Some(known)) = (value.as_object(), known(schema)) {
        let others = object.keys().filter(|name| !known.contains(name.as_str()));
        faults.extend(others.map(|name| format!("{name} is not described")));
    }
    faults
}

fn resolved(schema: &Value) -> &Value {
    match schema["$ref"].as_str() {
        Some(path) => document().pointer(path.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

fn parts<'a>(schema: &'a Value, of: &str) -> Option<&'a Vec<Value>> {
    schema[of].as_array()
}

/// The names of all properties; `None` where any may stand.
fn known(schema: &Value) -> Option<BTreeSet<&str>> {
    let schema = resolved(schema);
    let mut names: BTreeSet<&str> = BTreeSet::new();
    if let Some(properties) = schema["properties"].as_object() {
        names.extend(properties.keys().map(String::as_str));
    }
    for part in ["allOf", "oneOf", "anyOf"].iter().filter_map(|of| parts(schema, of)).flatten() {
        names.extend(known(part).unwrap_or_default());
    }
    let is_open = names.is_empty() || schema.get("additionalProperties").is_some();
    (!is_open).then_some(names)
}

fn shape_faults(schema: &Value, value: &Value) -> Vec<String> {
    let schema = resolved(schema);
    let mut faults = Vec::new();
    for part in parts(schema, "allOf").into_iter().flatten() {
        faults.extend(shape_faults(part, value));
    }
    for choice in ["oneOf", "anyOf"].iter().filter_map(|of| parts(schema, of)) {
        if !choice.iter().any(|one| self::faults(one, value).is_empty()) {
            faults.push(format!("none of the choices: {value}"));
        }
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(some) => some.iter().filter_map(Value::as_str).collect(),
        _ => return faults,
    };
    if !types.iter().any(|name| is_a(name, value)) {
        faults.push(format!("{value} is no {types:?}"));
    }
    if schema["enum"].as_array().is_some_and(|of| !of.contains(value)) {
        faults.push(format!("{value} is none of {}", schema["enum"]));
    }
    if let Some(object) = value.as_object() {
        faults.extend(member_faults(schema, object));
    }
    for (no, item) in value.as_array().into_iter().flatten().enumerate() {
        let within = self::faults(&schema["items"], item);
        faults.extend(within.into_iter().map(|fault| format!("{no}: {fault}")));
    }
    faults
}

fn member_faults(schema: &Value, object: &Map<String, Value>) -> Vec<String> {
    let mut faults = Vec::new();
    for name in parts(schema, "required").into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            faults.push(format!("{name} is missing"));
        }
    }
    for (name, value) in object {
        let of = &schema["properties"][name];
        let of = if of.is_null() { &schema["additionalProperties"] } else { of };
        let within = if of.is_object() { self::faults(of, value) } else { Vec::new() };
        faults.extend(within.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    faults
}

fn is_a(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("an unknown type {other}"),
    }
}

/// A problem as it usually is: no entry of the record, no wrong fields.
fn usual() -> Value {
    json!({ "type": "/problems/a", "title": "T", "status": 404, "detail": "D", "code": "a" })
}

#[test]
fn an_answer_that_is_otherwise_than_described_is_noticed() {
    let problem = &document()["components"]["schemas"]["Problem"];
    assert_eq!(faults(problem, &usual()), Vec::<String>::new());
    let with = |name: &str, value: Value| {
        let mut problem = usual();
        problem[name] = value;
        problem
    };
    assert_eq!(faults(problem, &with("receipt", json!("text"))).len(), 0);
    assert_eq!(faults(problem, &with("receipt", json!(1))).len(), 1);
    assert_eq!(faults(problem, &with("entry", json!({}))).len(), 1, "not described");
    assert_eq!(faults(problem, &with("errors", json!([{ "code": "b" }]))).len(), 2);
    let mut short = usual();
    short.as_object_mut().unwrap().remove("detail");
    assert_eq!(faults(problem, &short), ["detail is missing"]);
    let get = |path: &str| schema_of(&Method::GET, path, StatusCode::OK).is_some();
    assert!(get("/api/v1/enterprises?state=applied") && get("/api/v1/enterprises/ent_1"));
    assert!(!get("/api/v1/nothing"));
}
