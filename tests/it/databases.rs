//! Which databases are opened, and which are refused before anything is touched?

use sealbid::db::{self, BadUrl, DatabaseUrl, Db, Error, OpenError};

use crate::on_both;
use crate::support::{TestBase, folder};

on_both! {
    fn a_newer_an_older_and_a_missing_schema_are_refused(base: TestBase) {
        let open = || Db::open(&base.url, base.options()).map(drop).unwrap_err();
        base.meddle("INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')").unwrap();
        let place = base.url.to_string();
        assert_eq!(open(), OpenError::SchemaNewer { place, version: "9999".to_owned() });
        assert!(matches!(db::migrate(&base.url), Err(OpenError::SchemaNewer { .. })));
        base.meddle("DELETE FROM __diesel_schema_migrations").unwrap();
        let place = base.url.to_string();
        assert_eq!(open(), OpenError::SchemaOlder { place, version: "0001".to_owned() });
        base.meddle("DROP TABLE __diesel_schema_migrations").unwrap();
        assert!(matches!(open(), OpenError::Foreign(_)));
        assert!(matches!(db::migrate(&base.url), Err(OpenError::Foreign(_))));
        assert!(matches!(db::init(&base.url), Err(OpenError::Foreign(_))));
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

/// A row of every table whose rows never change, put in past the door.
fn one_row_each(base: &TestBase) {
    let bytes = match &base.url {
        DatabaseUrl::Sqlite(_) => "zeroblob(32)",
        DatabaseUrl::Postgres(_) => "decode(repeat('00', 32), 'hex')",
    };
    for row in [
        format!("entry VALUES (0, {bytes}, {bytes}, 'k', 'public', NULL, NULL, 1)"),
        format!("checkpoint VALUES (8, {bytes}, 1, 'n')"),
        "cosignature VALUES (8, 'c1', 'l', 1)".to_owned(),
        "tender (id, procuring_entity, title, state, plan, drafted_at) VALUES ('t', 'b', 't', 'draft', '', 1)"
            .to_owned(),
        "lot VALUES ('l', 't', 1, 'title')".to_owned(),
        format!("document VALUES ('d', 't', 1, 'n', {bytes}, 1, 'f')"),
        format!(
            "unit (unit_id, tender, lot, stage, note, state, deadline, open_at, challenge_ms, min, \
             release_by, t, n, proposed_index, last_sha256) \
             VALUES ('u', 't', 'l', 'single', 'n', 'open', 1, 1, 1, 1, 'time', 2, 4, 1, {bytes})"
        ),
        format!("refused VALUES ({bytes}, 'u', 'late', 1)"),
        "release VALUES ('u', 'c1', 'n', 1)".to_owned(),
        "credential VALUES ('e', 1, 'n', 1)".to_owned(),
        "downtime VALUES (1, 2)".to_owned(),
        "folder VALUES (1, 'f')".to_owned(),
    ] {
        base.meddle(&format!("INSERT INTO {row}")).unwrap();
    }
}

on_both! {
    fn rows_that_never_change_are_kept_by_the_database_itself(base: TestBase) {
        one_row_each(&base);
        for (table, column) in [
            ("entry", "kind"),
            ("checkpoint", "note"),
            ("cosignature", "line"),
            ("lot", "title"),
            ("document", "name"),
            ("refused", "idx"),
            ("release", "note"),
            ("credential", "note"),
            ("downtime", "until_at"),
            ("folder", "id"),
        ] {
            let value = if column.ends_with("idx") || column.ends_with("at") { "7" } else { "'x'" };
            for change in [
                format!("UPDATE {table} SET {column} = {value}"),
                format!("DELETE FROM {table}"),
            ] {
                let refused = base.meddle(&change).unwrap_err();
                assert!(refused.contains("never"), "{change}: {refused}");
            }
        }
    }
}

#[test]
fn no_write_of_ours_replaces_a_row_that_never_changes() {
    let base = TestBase::sqlite();
    one_row_each(&base);
    let db = base.open();
    for row in [
        "entry VALUES (0, zeroblob(32), zeroblob(31), 'k', 'public', NULL, NULL, 1)",
        "checkpoint VALUES (8, zeroblob(32), 1, 'other')",
        "lot VALUES ('l', 't', 1, 'other')",
        "release VALUES ('u', 'c1', 'other', 1)",
        "credential VALUES ('e', 1, 'other', 1)",
    ] {
        let replaced = db.write_blocking(move |tx| {
            tx.unrecorded("a test");
            tx.conn().batch(&format!("INSERT OR REPLACE INTO {row}"))
        });
        assert!(
            matches!(&replaced, Err(Error::Backend(why)) if why.contains("never")),
            "{replaced:?}"
        );
    }
}

#[test]
fn tls_is_asked_for_wherever_the_connection_leaves_this_machine() {
    use tokio_postgres::config::SslMode;
    let mode = |address: &str| {
        let DatabaseUrl::Postgres(config) = address.parse().unwrap() else { panic!("{address}") };
        config.get_ssl_mode()
    };
    for here in [
        "postgres://me@localhost/db",
        "postgres://me@127.0.0.1/db",
        "postgres://me@localhost/db?hostaddr=127.0.0.1",
        "postgres:///db?host=/run/postgresql",
    ] {
        assert_eq!(mode(here), SslMode::Disable, "{here}");
    }
    for away in [
        "postgres://me@db.example/db",
        "postgres://me@localhost/db?hostaddr=10.0.0.5",
        "postgres://me@localhost,db.example/db?hostaddr=127.0.0.1,10.0.0.5",
        "postgres://me@db.example/db?hostaddr=127.0.0.1",
    ] {
        assert_eq!(mode(away), SslMode::Require, "{away}");
    }
    assert_eq!(
        mode("postgres://me@localhost/db?hostaddr=10.0.0.5&sslmode=disable"),
        SslMode::Disable
    );
}

/// A clone without `.cargo/config.toml` would work, and plan every submission's statements anew.
#[test]
fn a_statement_is_planned_once_and_not_for_every_value() {
    use diesel::prelude::*;
    #[derive(QueryableByName)]
    struct Option {
        #[diesel(sql_type = diesel::sql_types::Text)]
        compile_options: String,
    }
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    let options: Vec<Option> = diesel::sql_query("PRAGMA compile_options").load(&mut conn).unwrap();
    let is_set = |name: &str| options.iter().any(|option| option.compile_options == name);
    assert!(is_set("ENABLE_QPSG") && !is_set("ENABLE_MEMORY_MANAGEMENT"));
}
