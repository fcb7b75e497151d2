//! Does every sentence exist in both languages, and does each have its use?

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use sealbid::cli::failed::{Failed, Told};
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
fn the_language_is_the_heaviest_one_we_speak_and_the_first_of_those() {
    assert_eq!(Lang::from_accept("fr;q=1, en-GB;q=0.9, zh;q=0.8"), Some(Lang::En));
    assert_eq!(Lang::from_accept("zh-Hans-CN"), Some(Lang::Zh));
    assert_eq!(Lang::from_accept("zh_CN.UTF-8"), Some(Lang::Zh));
    assert_eq!(Lang::from_accept("de"), None);
    assert_eq!(Lang::from_accept("en;q=0.1, zh;q=0.9"), Some(Lang::Zh));
    assert_eq!(Lang::from_accept("zh;q=0, en;q=0.2"), Some(Lang::En));
    assert_eq!(Lang::from_accept("zh;q=0"), None);
    assert_eq!(Lang::from_accept("en, zh"), Some(Lang::En));
}

/// Every code of a refusal with its hint in both languages, values filled in.
fn hints() -> Vec<(String, Lang, Option<String>)> {
    let mut all = Vec::new();
    for feature in FEATURES {
        let en = entries(feature.en);
        for key in en.keys().filter(|key| en.contains_key(&format!("{key}.hint"))) {
            let values = en[&format!("{key}.hint")].iter();
            let args: Vec<_> =
                values.map(|name| (&*name.clone().leak(), Arg::from("what to do"))).collect();
            let hint = |lang| i18n::hint(lang, key, &args);
            all.extend([Lang::Zh, Lang::En].map(|lang| (key.clone(), lang, hint(lang))));
        }
    }
    assert!(all.len() > 300 && all.iter().all(|(_, _, hint)| hint.is_some()), "{}", all.len());
    all
}

fn told(code: &str, status: u16, hint: Option<String>) -> Error {
    let detail = "It was not done.".to_owned();
    let instance = Some("req_1".to_owned());
    let code = code.to_owned();
    let told = Told { status, code, detail, hint, receipt: None, instance, retry_after: None };
    Failed::Refused(Box::new(told)).into()
}

#[test]
fn no_hint_on_the_command_line_speaks_of_the_api() {
    const OF_THE_API: &[&str] = &[
        "/api/",
        "header",
        "Header",
        "头。",
        "Idempotency",
        "Upload-",
        "Retry-After",
        "Tus-",
        "X-Sealbid",
        "application/",
        "schema",
        "offset",
        "upload address",
        "POST",
        "token",
        "session",
        "openapi",
        "字节位置",
    ];
    let mut others = 0;
    for (code, lang, hint) in hints() {
        let said = terminal(&told(&code, 422, hint.clone()), lang);
        let line = said.lines().nth(1).unwrap();
        let found = OF_THE_API.iter().find(|word| line.contains(**word));
        assert_eq!(found, None, "{code}: {line}");
        assert!(line.chars().count() > 8 && !line.contains("cli-say"), "{code}: {line}");
        others += usize::from(!line.contains(&hint.unwrap()));
    }
    assert!(others > 50, "the platform's own would do: {others}");
    let keyless = told("auth-login-needed", 401, Some("POST /api/v1/login".to_owned()));
    let said = terminal(&keyless, Lang::En);
    assert!(said.contains("hint: Give --key FILE") && !said.contains("/api/"), "{said}");
}

#[test]
fn what_is_no_sealbid_is_told_in_two_lines_without_its_page() {
    let page = b"<!DOCTYPE HTML>\n<html>\n<p>Error code: 404</p>\n</html>\n";
    for (status, body, en, hint) in [
        (404, &page[..], "no Sealbid: HTTP status 404 (http-404)", "Check the address"),
        (502, &page[..], "no Sealbid: HTTP status 502 (http-502)", "give the same command again"),
        (
            404,
            b"\n  no\x1b[31m such\nhost",
            "status 404, no[31m such (http-404)",
            "Check the address",
        ),
        (500, b"", "no Sealbid: HTTP status 500 (http-500)", "Check the address"),
        (404, br#"{"error":"x"}"#, "no Sealbid: HTTP status 404 (http-404)", "Check the address"),
    ] {
        let error = Error::from(Failed::Refused(Box::new(Told::read(status, None, body))));
        for lang in [Lang::Zh, Lang::En] {
            assert_eq!(terminal(&error, lang).lines().count(), 2, "{lang:?} {status}");
        }
        let said = terminal(&error, Lang::En);
        assert!(said.contains(en) && said.contains(hint), "{said}");
        assert!(terminal(&error, Lang::Zh).contains("不是 Sealbid"));
    }
}

#[test]
fn the_platforms_own_failure_is_told_with_the_instance_that_its_log_has() {
    let failed = terminal(&told("db-failed", 500, None), Lang::En);
    assert!(
        failed.starts_with("error: It was not done. (db-failed, instance req_1)\n"),
        "{failed}"
    );
    let refused = terminal(&told("bid-late", 422, None), Lang::En);
    assert!(refused.starts_with("error: It was not done. (bid-late)\n"), "{refused}");
}
