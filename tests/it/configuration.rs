//! Does the program refuse to start with what is probably a mistake?

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sealbid::config::{Config, ConfigError, Origin, read_seed, variables};
use sealbid::db::DatabaseUrl;
use sealbid::web::i18n::Lang;
use sealbid::web::problem::terminal;

/// A configuration with nothing in it that may be left out.
pub const LEAST: &str = r#"
data_dir = "/srv/sealbid"
database = "sqlite:sealbid.db"
origin = "bids.example.org/record"
rule_pack = "rulepacks/demo.toml"
roster_file = "roster.note"
pad_key_file = "keys/pads"
log_key_file = "keys/log"
platform_key_file = "keys/platform"
token_key_file = "keys/token"
"#;

fn variable(name: &str, value: &str) -> Option<(String, String)> {
    Some((name.to_owned(), value.to_owned()))
}

#[test]
fn the_least_configuration_has_the_usual_values() {
    let config = Config::parse(LEAST, None).unwrap();
    assert_eq!(config.cadence_ms, 400);
    assert_eq!(config.max_upload_bytes, 2_147_483_648);
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    let file = DatabaseUrl::Sqlite("/srv/sealbid/sealbid.db".into());
    assert_eq!(config.database(), Ok(file));
}

#[test]
fn an_unknown_field_is_refused() {
    let text = format!("{LEAST}\ncadence = 5\n");
    let refused = Config::parse(&text, None).unwrap_err();
    let said = |lang| terminal(&refused.clone().into(), lang);
    let line = LEAST.lines().count() + 2;
    let en = format!("error: The configuration is not right: line {line}, column 1: ");
    assert!(said(Lang::En).starts_with(&en), "{}", said(Lang::En));
    assert!(said(Lang::En).contains("(unknown field `cadence`"), "{}", said(Lang::En));
    let zh = format!("错误: 配置 不正确：第 {line} 行第 1 列：");
    assert!(said(Lang::Zh).starts_with(&zh), "{}", said(Lang::Zh));
    assert_eq!(said(Lang::Zh).lines().count(), 2);
    let broken = Config::parse(&LEAST.replace("= \"keys/log\"", "="), None).unwrap_err();
    let said = terminal(&broken.into(), Lang::En);
    assert!(said.contains(&format!("line {}, column", line - 4)), "{said}");
    let short = LEAST.replace("origin =", "# origin =");
    let said = terminal(&Config::parse(&short, None).unwrap_err().into(), Lang::Zh);
    assert!(said.contains("有多余或缺少的内容（missing field `origin`）"), "{said}");
}

#[test]
fn a_secret_itself_is_no_field() {
    let text = format!("{LEAST}\nlog_key = \"00\"\n");
    assert!(matches!(Config::parse(&text, None), Err(ConfigError::Shape { .. })));
}

#[test]
fn variables_override_fields_and_unknown_ones_are_refused() {
    let config = Config::parse(LEAST, variable("SEALBID_CADENCE_MS", "200")).unwrap();
    assert_eq!(config.cadence_ms, 200);
    assert_eq!(
        Config::parse(LEAST, variable("SEALBID_CADENCE", "200")),
        Err(ConfigError::Variable { name: "SEALBID_CADENCE".to_owned() })
    );
    assert!(Config::parse(LEAST, variable("SEALBID_CADENCE_MS", "fast")).is_err());
    for harmless in ["PATH", "SEALBID_LANG", "SEALBID_TEST_POSTGRES"] {
        assert!(Config::parse(LEAST, variable(harmless, "x")).is_ok(), "{harmless}");
    }
}

#[test]
fn numbers_have_a_range() {
    let none_larger_opens = "2147483649";
    for (field, value) in [
        ("CADENCE_MS", "49"),
        ("CADENCE_MS", "5001"),
        ("MAX_UPLOAD_BYTES", "1"),
        ("MAX_UPLOAD_BYTES", none_larger_opens),
        ("MAX_UPLOADS", "0"),
        ("MAX_UPLOADS_BYTES", "1"),
        ("UPLOAD_SILENCE_MS", "999"),
        ("UPLOAD_SILENCE_MS", "600001"),
    ] {
        let told = variable(&format!("SEALBID_{field}"), value);
        assert!(matches!(Config::parse(LEAST, told), Err(ConfigError::Range { .. })), "{field}");
    }
}

#[test]
fn unknown_database_schemes_are_refused_without_showing_the_password() {
    for url in ["mysql://me:hunter2@host/db", "sealbid.db", "sqlite:", "sqlite::memory:", "/x"] {
        let told = variable("SEALBID_DATABASE", url);
        let Err(refused @ ConfigError::Database(_)) = Config::parse(LEAST, told) else {
            panic!("{url}")
        };
        let said = terminal(&refused.into(), Lang::Zh);
        assert!(!said.contains("hunter2") && said.starts_with("错误: "), "{said}");
    }
}

#[test]
fn the_databases_password_comes_from_its_file() {
    let folder = Folder::new("password");
    let file = folder.file("password", "hunter2\n", 0o600);
    let told = [
        ("SEALBID_DATABASE".to_owned(), "postgres://me@127.0.0.1/db".to_owned()),
        ("SEALBID_DATABASE_PASSWORD_FILE".to_owned(), file.display().to_string()),
    ];
    let config = Config::parse(LEAST, told).unwrap();
    let Ok(DatabaseUrl::Postgres(server)) = config.database() else { panic!() };
    assert_eq!(server.get_password(), Some(b"hunter2".as_slice()));
    folder.file("password", "hunter2\n", 0o644);
    assert!(matches!(config.database(), Err(ConfigError::Exposed { .. })));
}

#[test]
fn a_password_in_the_databases_address_is_refused() {
    for url in ["postgres://me:hunter2@host/db", "postgres://me@host/db?password=hunter2"] {
        let told = variable("SEALBID_DATABASE", url);
        assert_eq!(Config::parse(LEAST, told), Err(ConfigError::Password));
        let text = LEAST.replace("sqlite:sealbid.db", url);
        assert_eq!(Config::parse(&text, None), Err(ConfigError::Password));
    }
}

#[test]
fn variables_of_others_may_be_in_any_encoding_and_ours_may_not() {
    let broken = || OsString::from_vec(vec![0xff, 0xfe]);
    let told = |name: &str, value: OsString| variables([(OsString::from(name), value)]);
    assert_eq!(told("LC_NAME", broken()), Ok(Vec::new()));
    assert_eq!(variables([(broken(), broken())]), Ok(Vec::new()));
    assert!(matches!(told("SEALBID_DATA_DIR", broken()), Err(ConfigError::Shape { .. })));
    let ours = ("SEALBID_LANG".to_owned(), "en".to_owned());
    assert_eq!(told("SEALBID_LANG", "en".into()), Ok(vec![ours]));
}

#[test]
fn proxies_are_addresses() {
    let config = Config::parse(LEAST, variable("SEALBID_PROXIES", "10.0.0.5, 2001:db8::1"));
    let named = config.unwrap().proxies.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(named, ["10.0.0.5", "2001:db8::1"]);
    assert!(Config::parse(LEAST, variable("SEALBID_PROXIES", "proxy.example")).is_err());
}

#[test]
fn an_origin_is_a_name_and_no_address() {
    assert!(Origin::parse("bids.example.org/record").is_ok());
    for wrong in ["https://a", "a b", "A", "a+b", "/a", "a/", "a//b", "", &"a".repeat(101)] {
        assert!(Origin::parse(wrong).is_err(), "{wrong}");
    }
}

/// A folder of this test, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sealbid-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let folder = Folder::new("exposed");
    let key = format!("# token key\n{}\n", "5a".repeat(32));
    let good = folder.file("good", &key, 0o600);
    assert_eq!(read_seed(&good).map(|s| *s), Ok([0x5a; 32]));
    for mode in [0o640, 0o604, 0o620, 0o644, 0o777] {
        let exposed = read_seed(&folder.file("exposed", &key, mode));
        assert!(matches!(exposed, Err(ConfigError::Exposed { .. })), "{mode:o}");
    }
}

#[test]
fn a_file_without_exactly_one_key_is_refused() {
    let folder = Folder::new("keys");
    let line = "5a".repeat(32);
    for text in ["", "5a", &format!("{line}5a"), &format!("{line}\n{line}"), &"zz".repeat(32)] {
        let wrong = read_seed(&folder.file("wrong", text, 0o600));
        assert!(matches!(wrong, Err(ConfigError::NotAKey { .. })), "{text:?}");
    }
    let missing = read_seed(Path::new("/nonexistent/key"));
    assert!(matches!(missing, Err(ConfigError::Unreadable { .. })));
}

#[test]
fn the_documented_configuration_is_accepted_with_every_field_in_it() {
    let document = include_str!("../../docs/DEPLOY.md");
    let (_, rest) = document.split_once("<!-- example: configuration -->\n```toml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let text = text.replace("# database_password_file", "database_password_file");
    let config = Config::parse(&text, None).unwrap();
    let fields = text.parse::<toml::Table>().unwrap();
    // Its `Debug` names every field once.
    let shown = format!("{config:?}");
    for field in fields.keys() {
        assert!(shown.contains(&format!("{field}: ")), "{field}");
    }
    let count = shown.matches("_file: ").count();
    assert_eq!(fields.keys().filter(|field| field.ends_with("_file")).count(), count);
    assert_eq!(fields.len(), 17);
}
