//! Do the arrows of the house run downward only, and is every file short enough to be read?
//!
//! Each check is a function over (path, text), and is itself tried on a file that breaks it: a
//! check that cannot fail would let the house decay unseen.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const FEATURES: [&str; 6] = ["enterprise", "tender", "bid", "opening", "draw", "custodian"];
/// A longer file is two things.
const LINES: usize = 400;

/// A source file: its path below the repository, and its text.
type File = (String, String);

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn files(folder: &str) -> Vec<File> {
    let mut found = Vec::new();
    walk(&repository().join(folder), &mut found);
    found.sort();
    let inside =
        |path: &Path| path.strip_prefix(repository()).unwrap().to_str().unwrap().to_owned();
    found.iter().map(|path| (inside(path), fs::read_to_string(path).unwrap())).collect()
}

fn sources() -> Vec<File> {
    let all = files("src");
    assert!(all.len() > 100, "the walk found the tree");
    all
}

fn file(path: &str, text: &str) -> File {
    (path.to_owned(), text.to_owned())
}

/// The code of a file, comments left out.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// The room a file stands in: the first name below `src`.
fn room(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    inside.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// Splits `a, b::{c, d}` at its outer commas.
fn alternatives(group: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if c == ',' && depth == 0 {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(c);
        }
    }
    parts
}

/// What stands between a brace at the start of `text` and its partner.
fn braced(text: &str) -> Option<&str> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        if depth == 0 {
            return text.get(1..at);
        }
    }
    None
}

/// The first two names of each path that begins here, groups taken apart.
fn paths(text: &str, known: &[String], found: &mut BTreeSet<(String, String)>) {
    let text = text.trim_start();
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if name.is_empty() {
        for part in braced(text).map(alternatives).unwrap_or_default() {
            paths(&part, known, found);
        }
        return;
    }
    let mut known = known.to_vec();
    known.push(name.clone());
    let rest = text.get(name.len()..).unwrap_or_default();
    match (known.len(), rest.strip_prefix("::")) {
        (1, Some(deeper)) => paths(deeper, &known, found),
        _ => {
            let part = known.get(1).cloned().unwrap_or_default();
            found.insert((known[0].clone(), part));
        }
    }
}

/// Every `crate::a::b` in the code of a file, also of a group over several lines.
fn uses(text: &str) -> BTreeSet<(String, String)> {
    let text: String = code(text).flat_map(|line| [line, "\n"]).collect();
    let mut found = BTreeSet::new();
    for rest in text.split("crate::").skip(1) {
        paths(rest, &[], &mut found);
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
        "timer" => with(&[&["timer", "record", "db", "blob", "auth"], &FEATURES[..]].concat()),
        "cli" | "web" | "demo" | "lib" | "main" => None,
        unknown => panic!("{unknown} is a new room: say what it may use"),
    }
}

/// Handlers know the edge they answer through; an agent's server is one too, and has its refusals in a
/// file of their own.
fn is_edge(path: &str) -> bool {
    path.ends_with("/http.rs") || path == "src/custodian/edge.rs"
}

fn wrong_arrows(files: &[File]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, text) in files {
        let room = room(path);
        let Some(allowed) = allowed(room) else { continue };
        for (used, part) in uses(text) {
            let edge = used == "web" && is_edge(path);
            // The case file is a format that one room writes and another judges.
            let format = used == "verify" && part == "casefile" && room == "opening";
            if !allowed.contains(&used.as_str()) && !edge && !format {
                wrong.push(format!("{path} uses {used}::{part}"));
            }
        }
    }
    wrong
}

fn foreign_rows(files: &[File]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, text) in files {
        let room = room(path);
        for (used, part) in uses(text) {
            let foreign = FEATURES.contains(&used.as_str()) && used != room;
            // The list of routes names every handler, and nothing else does.
            let is_route = part == "http" && !FEATURES.contains(&room);
            if foreign && ["store", "http"].contains(&part.as_str()) && !is_route {
                wrong.push(format!("{path} uses {used}::{part}"));
            }
        }
    }
    wrong
}

fn impure(files: &[File]) -> Vec<String> {
    let forbidden = [
        "diesel",
        "actix_web",
        "reqwest",
        "tokio",
        "tracing",
        "std::fs",
        "std::net",
        "std::env",
        "SystemClock",
        "SystemEntropy",
        "SystemTime",
        "rand::",
    ];
    let mut wrong = Vec::new();
    for (path, text) in files {
        let pure = path.ends_with("/rules.rs")
            || path.contains("/rules/")
            || path.starts_with("src/custodian/agent/")
            || path.starts_with("src/verify/");
        if !pure {
            continue;
        }
        for line in code(text) {
            if let Some(word) = forbidden.iter().find(|word| line.contains(*word)) {
                wrong.push(format!("{path}: {word}"));
            }
        }
    }
    wrong
}

fn too_long(files: &[File]) -> Vec<&str> {
    let over = files.iter().filter(|(_, text)| text.lines().count() > LINES);
    over.map(|(path, _)| path.as_str()).collect()
}

/// A module says at its top what it is.
fn untitled(files: &[File]) -> Vec<String> {
    let silent = files.iter().filter(|(_, text)| !text.starts_with("//! "));
    silent.map(|(path, _)| path.clone()).collect()
}

/// Words of work that was put off, and tests that do not run or that wait by sleeping.
fn put_off(files: &[File]) -> Vec<String> {
    let words = ["TODO", "FIXME", "XXX", "unimplemented!", "todo!", "#[ignore"];
    let mut found = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| !path.ends_with("architecture.rs")) {
        for (number, line) in (1..).zip(text.lines()) {
            let sleeps = path.starts_with("tests/") && line.contains("thread::sleep(");
            if sleeps || words.iter().any(|word| line.contains(*word)) {
                found.push(format!("{path}:{number}: {}", line.trim()));
            }
        }
    }
    found
}

const NONE: Vec<String> = Vec::new();

#[test]
fn every_arrow_runs_downward() {
    assert_eq!(wrong_arrows(&sources()), NONE);
    for (path, text) in [
        ("src/crypto/hash.rs", "use crate::record::leaf::Salt;"),
        ("src/record/leaf.rs", "use crate::{crypto::hash::Hash, web};"),
        ("src/auth/mod.rs", "use crate::{\n    clock::{Clock, Time},\n    bid::store,\n};"),
        ("src/bid/mod.rs", "fn f() { crate::web::problem::terminal() }"),
        ("src/tender/mod.rs", "use crate::verify::casefile::read;"),
    ] {
        assert_eq!(wrong_arrows(&[file(path, text)]).len(), 1, "{text}");
    }
    let comment = "// use crate::web::App;\n/// [`crate::web`]\nuse crate::db::Db;";
    assert_eq!(wrong_arrows(&[file("src/bid/mod.rs", comment)]), NONE);
}

#[test]
fn no_feature_uses_anothers_store_or_handlers() {
    assert_eq!(foreign_rows(&sources()), NONE);
    for (path, text) in [
        ("src/bid/mod.rs", "use crate::tender::{Error, Refused, store};"),
        ("src/bid/http.rs", "use crate::{bid::store, tender::http::routes};"),
        ("src/cli/bid.rs", "use crate::opening::store::find;"),
    ] {
        assert_eq!(foreign_rows(&[file(path, text)]).len(), 1, "{text}");
    }
    assert_eq!(foreign_rows(&[file("src/bid/mod.rs", "use crate::bid::store;")]), NONE);
}

#[test]
fn rules_the_agent_and_the_verifier_touch_no_database_network_or_clock() {
    assert_eq!(impure(&sources()), NONE);
    for (path, text) in [
        ("src/bid/rules.rs", "use diesel::prelude::*;"),
        ("src/draw/rules/seed.rs", "use rand::Rng;"),
        ("src/custodian/agent/close.rs", "tracing::warn!(\"closed\");"),
        ("src/verify/facts.rs", "let text = std::fs::read(path)?;"),
    ] {
        assert_eq!(impure(&[file(path, text)]).len(), 1, "{text}");
        assert_eq!(impure(&[file("src/bid/mod.rs", text)]), NONE, "elsewhere it may stand");
    }
}

fn everything() -> Vec<File> {
    ["src", "tests", "benches", "fuzz"].into_iter().flat_map(files).collect()
}

#[test]
fn no_file_is_over_400_lines() {
    assert_eq!(too_long(&everything()), Vec::<&str>::new());
    assert_eq!(too_long(&[file("src/a.rs", &"\n".repeat(LINES))]).len(), 0);
    assert_eq!(too_long(&[file("src/a.rs", &"\n".repeat(LINES + 1))]).len(), 1);
}

#[test]
fn every_module_says_what_it_is() {
    assert_eq!(untitled(&everything()), NONE);
    assert_eq!(untitled(&[file("src/a.rs", "use std::fs;\n//! late")]).len(), 1);
}

#[test]
fn nothing_is_put_off_or_left_out() {
    assert_eq!(put_off(&everything()), NONE);
    assert_eq!(put_off(&[file("src/a.rs", "// TODO: check")]).len(), 1);
    assert_eq!(put_off(&[file("tests/it/a.rs", "std::thread::sleep(second);")]).len(), 1);
}

/// Rooms that the map sends its readers to.
#[test]
fn every_room_that_is_named_exists() {
    let map = fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let quoted: Vec<&str> = map.split('`').skip(1).step_by(2).collect();
    let paths = quoted.into_iter().filter(|it| it.contains('/') && !it.contains(' '));
    let paths: Vec<&str> = paths.filter(|it| it.ends_with(".rs") || it.ends_with('/')).collect();
    let stands = |path: &str| {
        ["", "src", "tests/it"].iter().any(|below| repository().join(below).join(path).exists())
    };
    let astray: Vec<&str> = paths.iter().copied().filter(|path| !stands(path)).collect();
    assert_eq!((astray, paths.len() > 15), (Vec::new(), true));
}

/// Documents that the program sends its readers to.
#[test]
fn every_document_that_is_named_exists() {
    fn texts(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                texts(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    ["src", "docs"].iter().for_each(|folder| texts(&repository().join(folder), &mut found));
    let named = |text: &str| -> Vec<String> {
        let rests = text.split("docs/").skip(1);
        let paths = rests.filter_map(|rest| rest.split_once(".md").map(|(path, _)| path));
        let plain =
            |path: &&str| path.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '-' | '/'));
        paths.filter(plain).map(|path| format!("docs/{path}.md")).collect()
    };
    let mut count = 0;
    for path in found {
        for document in named(&fs::read_to_string(&path).unwrap_or_default()) {
            count += 1;
            assert!(repository().join(&document).exists(), "{}: {document}", path.display());
        }
    }
    assert!(count > 5, "{count}");
    assert_eq!(named("see docs/FORMATS.md."), ["docs/FORMATS.md"]);
}

#[test]
fn every_test_that_the_table_of_faults_names_exists() {
    let table = fs::read_to_string(repository().join("docs/FAULTS.md")).unwrap();
    let tests = files("tests/it");
    let named = table.split('`').skip(1).step_by(2).filter_map(|name| name.split_once("::"));
    let mut count = 0;
    for (module, name) in named {
        count += 1;
        let (file, folder) = (format!("tests/it/{module}.rs"), format!("tests/it/{module}/"));
        let there = tests.iter().any(|(path, text)| {
            (*path == file || path.starts_with(&folder)) && text.contains(&format!("fn {name}("))
        });
        assert!(there, "{module}::{name}");
    }
    assert!(count > 40, "{count}");
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(repository().join("migrations").join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert!(!names("sqlite").is_empty());
    assert_eq!(names("sqlite"), names("postgres"));
}
