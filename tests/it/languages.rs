//! Does every sentence exist in both languages, and does each have its use?

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use sealbid::clock::Time;
use sealbid::enterprise::uscc::Uscc;
use sealbid::error::{Arg, Error};
use sealbid::web::i18n::{self, FEATURES, Lang};
use sealbid::web::problem::{problem, terminal};

/// Keys and attributes of one file with the values that each names.
fn entries(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    let mut message = String::new();
    let mut current = String::new();
    for line in text.lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty()) {
        let attribute = line.trim_start().strip_prefix('.').and_then(|l| l.split_once(" = "));
        if let Some((name, _)) = attribute {
            current = format!("{message}.{name}");
        } else if !line.starts_with(' ') {
            message = line.split_once(" = ").expect(line).0.to_owned();
            current.clone_from(&message);
        }
        let is_start = attribute.is_some() || !line.starts_with(' ');
        let values = found.entry(current.clone());
        assert!(
            !is_start || matches!(values, std::collections::btree_map::Entry::Vacant(_)),
            "{current} stands twice"
        );
        let names = line.split('$').skip(1).map(|rest| {
            rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>()
        });
        values.or_insert_with(BTreeSet::new).extend(names);
    }
    found
}

/// Every text literal in the sources that looks like a key of a feature.
fn used(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            used(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let literals = text.split('"').filter(|part| {
                let is_key = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                part.chars().all(is_key)
                    && FEATURES.iter().any(|f| {
                        part.strip_prefix(f.name)
                            .and_then(|rest| rest.strip_prefix('-'))
                            .is_some_and(|rest| !rest.is_empty() && !rest.ends_with('-'))
                    })
            });
            found.extend(literals.map(str::to_owned));
        }
    }
}

#[test]
fn both_languages_have_the_same_keys_with_the_same_values() {
    for feature in FEATURES {
        let (zh, en) = (entries(feature.zh), entries(feature.en));
        for key in zh.keys().chain(en.keys()) {
            assert_eq!(zh.get(key), en.get(key), "{key}");
            assert!(key.starts_with(&format!("{}-", feature.name)), "{key} is of another feature");
        }
    }
}

#[test]
fn every_key_in_the_code_exists_and_every_key_in_the_files_is_used() {
    let mut code = BTreeSet::new();
    used(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut code);
    let files: BTreeSet<String> = FEATURES
        .iter()
        .flat_map(|f| entries(f.en).into_keys())
        .filter(|key| !key.contains('.'))
        .collect();
    assert_eq!(code.difference(&files).collect::<Vec<_>>(), Vec::<&String>::new(), "no sentence");
    assert_eq!(files.difference(&code).collect::<Vec<_>>(), Vec::<&String>::new(), "never said");
}

#[test]
fn every_refusal_says_what_to_do_next() {
    for feature in FEATURES {
        let en = entries(feature.en);
        for key in en.keys().filter(|k| !k.contains('.')) {
            let is_word = key.contains("-say-") || key.starts_with("web-status-");
            assert_eq!(en.contains_key(&format!("{key}.hint")), !is_word, "{key}");
        }
    }
}

#[test]
fn an_error_is_the_same_problem_in_both_languages() {
    let error = Error::from(Uscc::parse("91350100MO00100Y43").unwrap_err());
    let zh = problem(&error, Lang::Zh, Some("req_1".to_owned()));
    let en = problem(&error, Lang::En, None);
    assert_eq!((zh.code.as_str(), zh.status), ("enterprise-code-lookalike", 422));
    assert_eq!((zh.code, zh.kind), (en.code, en.kind));
    assert_eq!(zh.title, "不予受理");
    assert_eq!(zh.hint.as_deref(), Some("应当是“0”：代码中不用 I、O、S、V、Z。"));
    assert_eq!(
        en.detail,
        "Character 10 of the Unified Social Credit Code, \"O\", is not used in these codes."
    );
    assert_eq!(zh.instance.as_deref(), Some("req_1"));
    assert_eq!(
        terminal(&error, Lang::En),
        "error: Character 10 of the Unified Social Credit Code, \"O\", is not used in these \
         codes.\nhint: It is probably \"0\": the letters I, O, S, V and Z never occur.\n"
    );
    assert_eq!(error.exit_code(), 1);
}

#[test]
fn our_own_failure_tells_the_reader_nothing_of_its_cause() {
    let error = Error::internal("password=hunter2 at /srv/secret");
    let shown = serde_json::to_string(&problem(&error, Lang::En, None)).unwrap();
    assert!(!shown.contains("hunter2") && !shown.contains("/srv"), "{shown}");
    assert!(error.to_string().contains("hunter2"), "the log has it");
    assert_eq!(error.exit_code(), 70);
}

#[test]
fn a_missing_value_or_key_is_no_sentence() {
    assert_eq!(i18n::sentence(Lang::En, "enterprise-code-length", &[]), None);
    assert_eq!(i18n::sentence(Lang::En, "nothing-of-the-kind", &[]), None);
}

#[test]
fn times_are_shown_in_the_platforms_zone_to_the_millisecond() {
    let nine = Time::from_millis(1_795_482_000_001);
    assert_eq!(i18n::local_time(nine), "2026-11-24 09:00:00.001 +08:00");
    let code = [("found", Arg::Time(nine))];
    let said = i18n::sentence(Lang::En, "enterprise-code-length", &code).unwrap();
    assert!(said.contains("2026-11-24 09:00:00.001 +08:00"), "{said}");
}

#[test]
fn the_language_is_the_first_one_we_speak() {
    assert_eq!(Lang::from_accept("fr;q=1, en-GB;q=0.9, zh"), Some(Lang::En));
    assert_eq!(Lang::from_accept("zh-Hans-CN"), Some(Lang::Zh));
    assert_eq!(Lang::from_accept("zh_CN.UTF-8"), Some(Lang::Zh));
    assert_eq!(Lang::from_accept("de"), None);
}
