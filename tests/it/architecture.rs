//! Do the arrows of the house run downward only?

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const FEATURES: [&str; 5] = ["enterprise", "tender", "bid", "opening", "custodian"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every `crate::a::b` in the code of a file, comments left out.
fn uses(text: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for rest in line.split("crate::").skip(1) {
            let mut names = rest.split("::").map(|name| {
                name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
            });
            let room: String = names.next().unwrap_or_default();
            let part: String = names.next().unwrap_or_default();
            found.insert((room, part));
        }
    }
    found
}

/// What a room may use; `None`: everything.
fn allowed(room: &str) -> Option<Vec<&'static str>> {
    // The macro `on_each!` is exported at the top and belongs to `db`.
    let base = ["clock", "crypto", "ids", "error", "on_each"];
    let with = |more: &[&'static str]| Some([&base, more].concat());
    match room {
        "clock" => Some(vec![]),
        "error" => Some(vec!["clock"]),
        "ids" => Some(vec!["crypto"]),
        "crypto" => Some(vec!["clock", "ids", "crypto", "error"]),
        "db" | "config" => with(&["db"]),
        "blob" => with(&["blob"]),
        "rulepack" => with(&["rulepack"]),
        "record" => with(&["record", "db"]),
        "auth" => with(&["auth", "record", "db"]),
        "verify" => with(&[&["verify", "record", "i18n"], &FEATURES[..]].concat()),
        room if FEATURES.contains(&room) => {
            let below = ["record", "auth", "rulepack", "db", "blob", "config"];
            with(&[&below[..], &FEATURES[..]].concat())
        }
        _ => None,
    }
}

/// Handlers know the edge they answer through; an agent's server is one too.
fn is_edge(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "http.rs")
}

#[test]
fn every_arrow_runs_downward() {
    let mut files = Vec::new();
    sources(&root(), &mut files);
    assert!(files.len() > 60, "the walk found the tree");
    let mut wrong = Vec::new();
    for path in &files {
        let inside = path.strip_prefix(root()).unwrap();
        let room = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        let Some(allowed) = allowed(room) else { continue };
        for (used, part) in uses(&fs::read_to_string(path).unwrap()) {
            let edge = used == "web" && is_edge(path);
            // The case file is a format that one room writes and another judges.
            let format = used == "verify" && part == "casefile" && room == "opening";
            if !allowed.contains(&used.as_str()) && !edge && !format {
                wrong.push(format!("{} uses {used}::{part}", inside.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn no_feature_uses_anothers_store_or_handlers() {
    let mut files = Vec::new();
    sources(&root(), &mut files);
    let mut wrong = Vec::new();
    for path in &files {
        let inside = path.strip_prefix(root()).unwrap();
        let room = inside.iter().next().unwrap().to_str().unwrap();
        for (used, part) in uses(&fs::read_to_string(path).unwrap()) {
            let foreign = FEATURES.contains(&used.as_str()) && FEATURES.contains(&room);
            if foreign && used != room && ["store", "http"].contains(&part.as_str()) {
                wrong.push(format!("{} uses {used}::{part}", inside.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn rules_and_the_verifier_touch_no_database_network_or_clock() {
    let mut files = Vec::new();
    sources(&root(), &mut files);
    let forbidden = ["diesel", "actix_web", "reqwest", "tokio", "SystemClock", "SystemEntropy"];
    let mut wrong = Vec::new();
    let mut judged = 0;
    for path in &files {
        let inside = path.strip_prefix(root()).unwrap();
        let is_rules = inside.file_name().is_some_and(|name| name == "rules.rs");
        let is_agent = inside.starts_with("custodian/agent");
        if !is_rules && !is_agent && !inside.starts_with("verify") {
            continue;
        }
        judged += 1;
        let text = fs::read_to_string(path).unwrap();
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            if let Some(word) = forbidden.iter().find(|word| line.contains(*word)) {
                wrong.push(format!("{}: {word}", inside.display()));
            }
        }
    }
    assert!(judged > 10, "rules were found");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |folder: &str| -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert!(!names("sqlite").is_empty());
    assert_eq!(names("sqlite"), names("postgres"));
}
