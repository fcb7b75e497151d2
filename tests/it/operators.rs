//! Does each command of the operator say what is wrong with a database that is not for it, and leave it
//! as it is?

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use sealbid::config::Config;
use sealbid::db::DatabaseUrl;

use crate::on_both;
use crate::server::Server;
use crate::support::{TestBase, folder};

/// A command in this language.
fn output(server: &Server, command: &str, lang: &str) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_sealbid"));
    program.args(["--lang", lang, command, "--config"]).arg(&server.config);
    program.output().unwrap()
}

/// The exit code of a command in this language, and what it said.
fn run(server: &Server, command: &str, lang: &str) -> (Option<i32>, String) {
    let output = output(server, command, lang);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// The same with what it printed.
fn done(server: &Server, command: &str, lang: &str) -> (Option<i32>, String) {
    let output = output(server, command, lang);
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// The command must be refused in two lines of both languages that say this.
fn refused(server: &Server, command: &str, en: [&str; 2], zh: &str) {
    let (code, said) = run(server, command, "en");
    assert_eq!(code, Some(1), "{command}: {said}");
    let (error, hint) = said.split_once('\n').unwrap();
    assert!(error.starts_with("error: ") && error.contains(en[0]), "{command}: {said}");
    assert!(hint.starts_with("hint: ") && hint.contains(en[1]), "{command}: {said}");
    assert_eq!(said.lines().count(), 2, "{said}");
    let (code, said) = run(server, command, "zh");
    assert_eq!(code, Some(1), "{command}: {said}");
    assert!(said.starts_with("错误: ") && said.contains(zh), "{command}: {said}");
}

/// A configured platform that does not run, and its base.
fn configured(base: &TestBase) -> Server {
    let mut server = Server::start(base);
    server.stop();
    server
}

const NEW: [&str; 2] = ["holds no platform yet", "sealbid init"];
const THERE: [&str; 2] = ["holds a platform already; nothing was changed", "sealbid serve"];
const FOREIGN: [&str; 2] = ["something that Sealbid did not make", "Name an empty database"];
const OLDER: [&str; 2] = ["by an older program: it lacks step 0004", "sealbid migrate"];
const NEWER: [&str; 2] = ["by a newer program: step 9999", "Use the newer program"];

on_both! {
    fn an_empty_database_takes_init_alone_and_a_platforms_never_again(base: TestBase) {
        let server = configured(&base);
        base.clear();
        for command in ["migrate", "serve"] {
            refused(&server, command, NEW, "尚无平台");
        }
        let roster = Config::load(&server.config, []).unwrap().roster_file;
        let kept = fs::read(&roster).unwrap();
        let (code, said) = done(&server, "init", "en");
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("Next: run `sealbid serve`.") && !said.contains("regulator"), "{said}");
        base.clear();
        fs::write(&roster, "to be signed").unwrap();
        let (_, said) = done(&server, "init", "en");
        let path = roster.display().to_string();
        assert!(said.contains("have the regulator sign the roster") && said.contains(&path), "{said}");
        base.clear();
        let (_, said) = done(&server, "init", "zh");
        assert!(said.contains("请行政监督部门签署名册") && said.contains(&path), "{said}");
        fs::write(&roster, kept).unwrap();
        refused(&server, "init", THERE, "已有平台");
        let (code, said) = run(&server, "migrate", "en");
        assert_eq!(code, Some(0), "{said}");
    }
}

on_both! {
    fn another_programs_database_is_refused_and_stays_as_it_is(base: TestBase) {
        let server = configured(&base);
        base.clear();
        base.meddle("CREATE TABLE visitors (name TEXT); INSERT INTO visitors VALUES ('Li')").unwrap();
        let before = base.contents();
        for command in ["init", "migrate", "serve"] {
            refused(&server, command, FOREIGN, "并非由 Sealbid 建立");
        }
        assert_eq!(base.contents(), before);
    }
}

on_both! {
    fn an_older_and_a_newer_programs_database_are_told_apart(base: TestBase) {
        let server = configured(&base);
        let kind = if matches!(base.url, DatabaseUrl::Sqlite(_)) { "sqlite" } else { "postgres" };
        let down = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("migrations/{kind}/0004_downtime/down.sql"));
        base.meddle(&fs::read_to_string(down).unwrap()).unwrap();
        base.meddle("DELETE FROM __diesel_schema_migrations WHERE version = '0004'").unwrap();
        for command in ["init", "serve"] {
            refused(&server, command, OLDER, "由较旧的程序建立，缺少第 0004 步");
        }
        let (code, said) = run(&server, "migrate", "en");
        assert_eq!(code, Some(0), "{said}");
        refused(&server, "init", THERE, "已有平台");
        base.meddle("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')").unwrap();
        for command in ["init", "migrate", "serve"] {
            refused(&server, command, NEWER, "由较新的程序建立");
        }
    }
}

// Of files alone: on a server nothing but a database has a database's name.
#[test]
fn what_is_no_database_at_all_is_not_touched() {
    let base = TestBase::sqlite();
    let server = configured(&base);
    base.clear();
    let DatabaseUrl::Sqlite(path) = &base.url else { panic!("a file") };
    let letter = "Dear Li, this is no database, and longer than a page's first hundred bytes are. "
        .repeat(9);
    fs::write(path, &letter).unwrap();
    for command in ["init", "migrate", "serve"] {
        refused(&server, command, FOREIGN, "并非由 Sealbid 建立");
    }
    assert_eq!(fs::read_to_string(path).unwrap(), letter);
    fs::remove_file(path).unwrap();
    fs::create_dir(path).unwrap();
    for command in ["init", "migrate", "serve"] {
        refused(&server, command, FOREIGN, "并非由 Sealbid 建立");
    }
    fs::remove_dir(path).unwrap();
    // What an `init` leaves that was cut off at once.
    fs::write(path, "").unwrap();
    refused(&server, "serve", NEW, "尚无平台");
    let (code, said) = run(&server, "init", "en");
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_folder_that_is_missing_is_not_made_and_a_server_that_sleeps_is_worth_another_try() {
    let base = TestBase::sqlite();
    let server = configured(&base);
    let text = fs::read_to_string(&server.config).unwrap();
    let place = folder("no_such").join("missing");
    let mut table: toml::Table = toml::from_str(&text).unwrap();
    let database = format!("sqlite:{}", place.join("sealbid.db").display());
    table.insert("database".to_owned(), database.into());
    fs::write(&server.config, table.to_string()).unwrap();
    let missing = ["cannot be used (No such file", "Make its folder first"];
    refused(&server, "init", missing, "不能使用（No such file");
    assert!(!place.exists());
    // Port 1 is nobody's; loopback refuses.
    let away = "postgres://nobody@127.0.0.1:1/none".to_owned();
    table.insert("database".to_owned(), away.into());
    fs::write(&server.config, table.to_string()).unwrap();
    for command in ["init", "migrate", "serve"] {
        let (code, said) = run(&server, command, "zh");
        assert_eq!(code, Some(75), "{command}: {said}");
        assert!(said.contains("无法连接数据库（") && said.contains("提示: "), "{said}");
    }
}
