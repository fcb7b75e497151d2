//! Which databases are opened, and which are refused before anything is touched?

use sealbid::db::{self, BadUrl, DatabaseUrl, Db, OpenError};

use crate::on_both;
use crate::support::{TestBase, folder};

on_both! {
    fn a_newer_an_older_and_a_missing_schema_are_refused(base: TestBase) {
        let open = || Db::open(&base.url, base.options()).map(drop).unwrap_err();
        base.meddle("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')").unwrap();
        assert_eq!(open(), OpenError::SchemaNewer { version: "9999".to_owned() });
        assert!(matches!(db::migrate(&base.url), Err(OpenError::SchemaNewer { .. })));
        base.meddle("DELETE FROM __diesel_schema_migrations").unwrap();
        assert_eq!(open(), OpenError::SchemaOlder { version: "0001".to_owned() });
        base.meddle("DROP TABLE __diesel_schema_migrations").unwrap();
        assert!(matches!(open(), OpenError::NotInitialised(_)));
        assert!(matches!(db::migrate(&base.url), Err(OpenError::NotInitialised(_))));
        assert!(matches!(db::init(&base.url), Err(OpenError::AlreadyInitialised(_))));
    }
}

on_both! {
    fn a_current_schema_has_nothing_to_migrate(base: TestBase) {
        assert_eq!(db::migrate(&base.url).unwrap(), Vec::<String>::new());
        assert!(matches!(db::init(&base.url), Err(OpenError::AlreadyInitialised(_))));
    }
}

#[test]
fn only_two_schemes_are_addresses_of_a_database() {
    for (text, refusal) in [
        ("mysql://root:secret@host/x", BadUrl::Scheme("mysql".to_owned())),
        ("/var/lib/sealbid.db", BadUrl::Scheme("/var/lib/sealbid.db".to_owned())),
        ("sqlite:", BadUrl::Path),
        ("sqlite::memory:", BadUrl::Path),
        ("sqlite:file:x?mode=ro", BadUrl::Path),
        ("sqlite://host/x", BadUrl::Path),
    ] {
        assert_eq!(text.parse::<DatabaseUrl>().unwrap_err(), refusal);
    }
    let unknown = "postgres://host/x?sslrootcert=y".parse::<DatabaseUrl>().unwrap_err();
    assert!(matches!(unknown, BadUrl::Postgres(why) if why.contains("sslrootcert")));
}

#[test]
fn an_address_never_shows_its_password() {
    let url: DatabaseUrl = "postgres://user:secret@db.example/sealbid".parse().unwrap();
    assert_eq!(
        format!("{url} {url:?}"),
        "postgres://db.example/sealbid postgres://db.example/sealbid"
    );
}

#[test]
fn a_mistyped_path_is_refused_and_not_created() {
    let folder = folder("mistyped");
    let path = folder.join("no.db");
    let base = TestBase::sqlite();
    let refused = Db::open(&DatabaseUrl::sqlite(&path), base.options()).map(drop);
    assert!(matches!(refused, Err(OpenError::NotInitialised(_))));
    assert!(!path.exists());
}

#[test]
fn an_unreachable_server_says_why_at_once() {
    // Port 1 is nobody's; loopback refuses.
    let url: DatabaseUrl = "postgres://nobody@127.0.0.1:1/none".parse().unwrap();
    let base = TestBase::sqlite();
    let refused = Db::open(&url, base.options()).map(drop);
    assert!(
        matches!(&refused, Err(OpenError::Unreachable(why)) if why.contains("refused")),
        "{refused:?}"
    );
}
