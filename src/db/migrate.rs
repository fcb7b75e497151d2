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

/// Where the versions stand that were applied.
const VERSIONS: &str = "__diesel_schema_migrations";

/// The table that every version of this program has made first of its own.
const OURS: &str = "entry";

/// Creates the database's tables.
///
/// SQLite: the file must not exist, or be empty. PostgreSQL: the database must exist, and be empty.
///
/// # Errors
/// [`OpenError::AlreadyInitialised`] where a platform stands, [`OpenError::Foreign`] where anything
/// else does; else why it failed.
pub fn init(url: &DatabaseUrl) -> Result<(), OpenError> {
    let DatabaseUrl::Sqlite(path) = url else { return create_tables(url) };
    let is_new = create_file(path)?;
    create_tables(url).inspect_err(|_| {
        if is_new {
            // Ours and half made: left behind, it would look like somebody's next time.
            drop(std::fs::remove_file(path));
        }
    })
}

fn create_tables(url: &DatabaseUrl) -> Result<(), OpenError> {
    let connector = Connector(url.clone());
    let names = names(&mut connector.connect(Purpose::Read)?)?;
    // The bare list of versions is of an `init` that was cut off.
    if names.iter().any(|name| name != VERSIONS) {
        return Err(standing(&names, url).err().unwrap_or_else(|| already(url)));
    }
    apply(&mut connector.connect(Purpose::Write)?).map(drop)
}

fn already(url: &DatabaseUrl) -> OpenError {
    OpenError::AlreadyInitialised(url.to_string())
}

/// Brings an older schema up to this program's, and says which versions it added.
///
/// # Errors
/// [`OpenError::NotInitialised`], [`OpenError::Foreign`], [`OpenError::SchemaNewer`], or why it
/// failed.
pub fn migrate(url: &DatabaseUrl) -> Result<Vec<String>, OpenError> {
    let connector = Connector(url.clone());
    match check(&mut connector.connect(Purpose::Read)?, url) {
        Ok(()) => Ok(Vec::new()),
        Err(OpenError::SchemaOlder { .. }) => apply(&mut connector.connect(Purpose::Write)?),
        Err(other) => Err(other),
    }
}

/// Refuses a missing, a foreign, an older and a newer schema. Writes nothing.
pub(super) fn check(conn: &mut Conn, url: &DatabaseUrl) -> Result<(), OpenError> {
    standing(&names(conn)?, url)?;
    let applied = on_each!(conn, |c| diesel::sql_query(
        "SELECT version FROM __diesel_schema_migrations ORDER BY version"
    )
    .load::<Version>(c))
    .map_err(Error::from)?;
    let known = known(conn)?;
    let place = url.to_string();
    if let Some(newer) = applied.iter().find(|a| !known.contains(&a.version)) {
        return Err(OpenError::SchemaNewer { place, version: newer.version.clone() });
    }
    match known.iter().find(|k| !applied.iter().any(|a| a.version == **k)) {
        Some(missing) => Err(OpenError::SchemaOlder { place, version: missing.clone() }),
        None => Ok(()),
    }
}

/// Whether the tables of these names are a platform's.
fn standing(names: &[String], url: &DatabaseUrl) -> Result<(), OpenError> {
    let has = |name: &str| names.iter().any(|found| found == name);
    if names.iter().all(|name| name == VERSIONS) {
        Err(OpenError::NotInitialised(url.to_string()))
    } else if has(VERSIONS) && has(OURS) {
        Ok(())
    } else {
        Err(OpenError::Foreign(url.to_string()))
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

/// What the system says of a database's file.
pub(super) fn unusable(path: &Path, error: &std::io::Error) -> OpenError {
    OpenError::File { place: path.display().to_string(), reason: error.to_string() }
}

/// Makes a file that only its owner reads, where none is; whether it did.
fn create_file(path: &Path) -> Result<bool, OpenError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && path.is_file() => Ok(false),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(OpenError::Foreign(DatabaseUrl::sqlite(path).to_string()))
        }
        Err(e) => Err(unusable(path, &e)),
    }
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
