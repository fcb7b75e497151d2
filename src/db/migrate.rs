//! Schema versions: embedded migrations, made by `init` and `migrate` and never by `serve`.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::conn::{Connector, Purpose};
use super::url::{DatabaseUrl, reason};
use super::{Conn, Error, OpenError};
use crate::on_each;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Creates the database's tables.
///
/// SQLite: the file must not exist. PostgreSQL: the database must, and be empty.
///
/// # Errors
/// [`OpenError::AlreadyInitialised`] when there is anything; else why it failed.
pub fn init(url: &DatabaseUrl) -> Result<(), OpenError> {
    if let DatabaseUrl::Sqlite(path) = url {
        create_file(path)?;
        return create_tables(url).inspect_err(|_| {
            // Ours and half made: left behind, it would be refused as initialised next time.
            drop(std::fs::remove_file(path));
        });
    }
    create_tables(url)
}

fn create_tables(url: &DatabaseUrl) -> Result<(), OpenError> {
    let mut conn = Connector(url.clone()).connect(Purpose::Write)?;
    if has_tables(&mut conn)? {
        return Err(OpenError::AlreadyInitialised(url.to_string()));
    }
    apply(&mut conn).map(drop)
}

/// Brings an older schema up to this program's, and says which versions it added.
///
/// # Errors
/// [`OpenError::NotInitialised`], [`OpenError::SchemaNewer`], or why it failed.
pub fn migrate(url: &DatabaseUrl) -> Result<Vec<String>, OpenError> {
    let mut conn = Connector(url.clone()).connect(Purpose::Write)?;
    match check(&mut conn, url) {
        Ok(()) => Ok(Vec::new()),
        Err(OpenError::SchemaOlder { .. }) => apply(&mut conn),
        Err(other) => Err(other),
    }
}

/// Refuses a missing, an older and a newer schema. Writes nothing.
pub(super) fn check(conn: &mut Conn, url: &DatabaseUrl) -> Result<(), OpenError> {
    if !has_versions(conn)? {
        return Err(OpenError::NotInitialised(url.to_string()));
    }
    let applied = on_each!(conn, |c| diesel::sql_query(
        "SELECT version FROM __diesel_schema_migrations ORDER BY version"
    )
    .load::<Version>(c))
    .map_err(Error::from)?;
    let known = known(conn)?;
    if let Some(newer) = applied.iter().find(|a| !known.contains(&a.version)) {
        return Err(OpenError::SchemaNewer { version: newer.version.clone() });
    }
    match known.iter().find(|k| !applied.iter().any(|a| a.version == **k)) {
        Some(missing) => Err(OpenError::SchemaOlder { version: missing.clone() }),
        None => Ok(()),
    }
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

/// The versions that this program brings, in order.
fn known(conn: &Conn) -> Result<Vec<String>, OpenError> {
    let failed = |e: Box<dyn std::error::Error + Send + Sync>| OpenError::Migration(e.to_string());
    let mut versions: Vec<String> = match conn {
        Conn::Pg(_) => MigrationSource::<diesel::pg::Pg>::migrations(&POSTGRES)
            .map_err(failed)?
            .iter()
            .map(|m| m.name().version().to_string())
            .collect(),
        Conn::Sqlite(_) => MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE)
            .map_err(failed)?
            .iter()
            .map(|m| m.name().version().to_string())
            .collect(),
    };
    versions.sort();
    Ok(versions)
}

fn apply(conn: &mut Conn) -> Result<Vec<String>, OpenError> {
    let applied = match conn {
        Conn::Pg(c) => c.run_pending_migrations(POSTGRES),
        Conn::Sqlite(c) => c.run_pending_migrations(SQLITE),
    };
    let applied = applied.map_err(|e| OpenError::Migration(reason(&*e)))?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

/// A file that only its owner reads; refuses one that is there.
fn create_file(path: &Path) -> Result<(), OpenError> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|e| match e
        .kind()
    {
        std::io::ErrorKind::AlreadyExists => {
            OpenError::AlreadyInitialised(path.display().to_string())
        }
        _ => OpenError::Unreachable(format!("{}: {e}", path.display())),
    })?;
    Ok(())
}

fn has_versions(conn: &mut Conn) -> Result<bool, OpenError> {
    names(conn).map(|names| names.iter().any(|n| n == "__diesel_schema_migrations"))
}

fn has_tables(conn: &mut Conn) -> Result<bool, OpenError> {
    names(conn).map(|names| !names.is_empty())
}

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
}

fn names(conn: &mut Conn) -> Result<Vec<String>, OpenError> {
    let tables = match conn {
        Conn::Pg(c) => diesel::sql_query(
            "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = current_schema()",
        )
        .load::<Table>(c),
        Conn::Sqlite(c) => {
            diesel::sql_query("SELECT name FROM sqlite_master WHERE type = 'table'").load(c)
        }
    };
    Ok(tables.map_err(Error::from)?.into_iter().map(|t| t.name).collect())
}
