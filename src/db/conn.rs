//! One connection type over both databases. Store functions end in
//! `on_each!(conn, |c| query.load(c))`; each arm is compiled for its own backend.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::{Connection, SqliteConnection};
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::{AsyncConnectionWrapper, BlockOn};
use futures_util::FutureExt as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::migrate::unusable;
use super::url::{DatabaseUrl, reason};
use super::{Error, OpenError};

/// A PostgreSQL connection that speaks TLS through rustls and needs no libpq. It must never be
/// touched on a thread that drives a tokio runtime: it would panic.
pub type PgConnection = AsyncConnectionWrapper<AsyncPgConnection, OwnRuntime>;

/// A connection to one of the two databases.
#[expect(clippy::large_enum_variant, reason = "a handful exist, each for the program's life")]
pub enum Conn {
    /// PostgreSQL.
    Pg(PgConnection),
    /// SQLite.
    Sqlite(SqliteConnection),
}

/// Runs the same diesel expression on whichever database a [`Conn`](crate::db::Conn) is:
/// `on_each!(conn, |c| query.load(c))`.
#[macro_export]
macro_rules! on_each {
    ($conn:expr, |$c:ident| $body:expr) => {
        match $conn {
            $crate::db::Conn::Pg($c) => $body,
            $crate::db::Conn::Sqlite($c) => $body,
        }
    };
}

/// Waits for a lock of another process, in milliseconds, before it is `Busy`.
const LOCK_WAIT_MS: u32 = 10_000;

impl Conn {
    /// Runs one or more statements without parameters and without rows.
    ///
    /// # Errors
    /// Whatever the database says.
    pub fn batch(&mut self, sql: &str) -> Result<(), Error> {
        on_each!(self, |c| c.batch_execute(sql)).map_err(Error::from)
    }

    /// [`batch`](Self::batch) for statements that cannot fail by themselves, sent together with the
    /// one that follows: PostgreSQL's answer is not waited for, which saves a round trip. Should one
    /// fail after all, every later statement of its transaction fails.
    pub(super) fn send_ahead(&mut self, sql: &str) -> Result<(), Error> {
        match self {
            Self::Pg(c) => {
                let mut shared: &AsyncPgConnection = c;
                // Polled once, the request is under way; its answer is thrown away when it comes.
                let sent = diesel_async::SimpleAsyncConnection::batch_execute(&mut shared, sql);
                sent.now_or_never().unwrap_or(Ok(()))
            }
            Self::Sqlite(c) => c.batch_execute(sql),
        }
        .map_err(Error::from)
    }

    /// Starts a transaction; a writer's on SQLite takes the lock at once, where a later one could
    /// only fail.
    pub(super) fn begin(&mut self, purpose: Purpose) -> Result<(), Error> {
        let sql = if purpose == Purpose::Write { "BEGIN IMMEDIATE" } else { "BEGIN" };
        match self {
            Self::Pg(c) => <PgConnection as Connection>::TransactionManager::begin_transaction(c),
            Self::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, sql),
        }
        .map_err(Error::from)
    }

    /// Ends the transaction and keeps what it did.
    pub(super) fn commit(&mut self) -> Result<(), Error> {
        match self {
            Self::Pg(c) => <PgConnection as Connection>::TransactionManager::commit_transaction(c),
            Self::Sqlite(c) => AnsiTransactionManager::commit_transaction(c),
        }
        .map_err(Error::from)
    }

    /// Ends the transaction and undoes it. After an error the connection must not be used again.
    pub(super) fn rollback(&mut self) -> Result<(), Error> {
        match self {
            Self::Pg(c) => {
                <PgConnection as Connection>::TransactionManager::rollback_transaction(c)
            }
            Self::Sqlite(c) => AnsiTransactionManager::rollback_transaction(c),
        }
        .map_err(Error::from)
    }
}

/// What a connection is for; the database itself enforces it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Every statement that writes fails.
    Read,
    /// The one writer.
    Write,
}

/// Opens connections to one database.
#[derive(Clone)]
pub(super) struct Connector(pub(super) DatabaseUrl);

impl Connector {
    /// A new connection.
    pub(super) fn connect(&self, purpose: Purpose) -> Result<Conn, OpenError> {
        match &self.0 {
            DatabaseUrl::Sqlite(path) => sqlite(path, purpose),
            DatabaseUrl::Postgres(config) => postgres(config, purpose),
        }
    }
}

/// A connection's own small runtime, which moves its socket on whichever thread uses it: a thread
/// for all sockets would add two switches to every statement.
pub struct OwnRuntime(Option<Runtime>);

thread_local! {
    /// Hands the runtime that a connection was made on to the wrapper, which asks for one by name.
    static MADE_ON: Cell<Option<Runtime>> = const { Cell::new(None) };
}

impl BlockOn for OwnRuntime {
    #[expect(clippy::expect_used, reason = "only Drop takes it out, and nothing comes after")]
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.as_ref().expect("taken out only when dropped").block_on(future)
    }

    fn get_runtime() -> Self {
        Self(MADE_ON.take())
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        // Waiting here would panic when the owner is dropped on a server's thread.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

fn sqlite(path: &Path, purpose: Purpose) -> Result<Conn, OpenError> {
    let place = || DatabaseUrl::sqlite(path).to_string();
    // SQLite would create what is merely mistyped.
    match std::fs::File::open(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(OpenError::NotInitialised(place()));
        }
        Err(e) => return Err(unusable(path, &e)),
        Ok(_) if !path.is_file() => return Err(OpenError::Foreign(place())),
        Ok(_) => {}
    }
    let refused = |e: &dyn std::error::Error| match reason(e) {
        why if why.contains("file is not a database") => OpenError::Foreign(place()),
        why => OpenError::Unreachable(why),
    };
    let name = path.to_str().ok_or_else(|| {
        OpenError::Unreachable(format!("the path {} is not UTF-8", path.display()))
    })?;
    let mut conn = SqliteConnection::establish(name).map_err(|e| refused(&e))?;
    // The journal's mode stays in the file: a reader may look into what is not ours.
    let (only, journal) = match purpose {
        Purpose::Read => ("ON", ""),
        // The writer keeps the pages that it works on, up to 64 MiB: with the usual two it spent a
        // third of its time on reading them again.
        Purpose::Write => ("OFF", "PRAGMA journal_mode = WAL; PRAGMA cache_size = -65536; "),
    };
    conn.batch_execute(&format!(
        "PRAGMA busy_timeout = {LOCK_WAIT_MS}; {journal}\
         PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; \
         PRAGMA recursive_triggers = ON; \
         PRAGMA query_only = {only};"
    ))
    .map_err(|e| refused(&e))?;
    Ok(Conn::Sqlite(conn))
}

fn postgres(config: &tokio_postgres::Config, purpose: Purpose) -> Result<Conn, OpenError> {
    let unreachable = |e: &dyn std::error::Error| OpenError::Unreachable(reason(e));
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| unreachable(&e))?;
    let tls = tls_config(config.get_ssl_mode())?;
    let inner = runtime.block_on(async {
        let (client, connection) =
            config.connect(MakeRustlsConnect::new(tls)).await.map_err(|e| unreachable(&e))?;
        AsyncPgConnection::try_from_client_and_connection(client, connection)
            .await
            .map_err(|e| unreachable(&e))
    })?;
    MADE_ON.set(Some(runtime));
    let mut conn = PgConnection::from(inner);
    // A reader sees one snapshot. The writer must not: under its lock each statement has to see
    // what the lock's last holder committed.
    let (only, isolation) = match purpose {
        Purpose::Read => ("on", "repeatable read"),
        Purpose::Write => ("off", "read committed"),
    };
    conn.batch_execute(&format!(
        "SET synchronous_commit = on; SET lock_timeout = {LOCK_WAIT_MS}; \
         SET default_transaction_read_only = {only}; \
         SET default_transaction_isolation = '{isolation}'"
    ))
    .map_err(|e| unreachable(&e))?;
    Ok(Conn::Pg(conn))
}

/// Verifies the server against the system's certificates, by the ring provider and no other.
fn tls_config(mode: SslMode) -> Result<ClientConfig, OpenError> {
    let mut roots = RootCertStore::empty();
    // Reading them costs tens of milliseconds: not for connections that never use TLS.
    if mode == SslMode::Require {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| OpenError::Unreachable(e.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
