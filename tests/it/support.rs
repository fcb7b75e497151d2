//! What database tests stand on: a fresh database of each kind for every test.
//!
//! `on_both! { fn name(base: TestBase) { … } }` makes `name::sqlite` and `name::postgres` of one
//! body. The PostgreSQL half needs the server that `tests/run` starts and names in
//! `SEALBID_TEST_POSTGRES`; without it that half says so and does nothing, and `tests/run` fails in
//! CI.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use sealbid::clock::{ManualClock, Time};
use sealbid::crypto::entropy::SeededEntropy;
use sealbid::db::{self, DatabaseUrl, Db, Options};

/// When the tests' clocks start: 15 January 2027.
pub const START: Time = Time::from_millis(1_800_000_000_000);

/// Two tests of one body, one for each database.
#[macro_export]
macro_rules! on_both {
    (fn $name:ident($base:ident: TestBase) $body:block) => {
        mod $name {
            #[allow(unused_imports, reason = "a body may need nothing of its module")]
            use super::*;

            fn body($base: $crate::support::TestBase) $body

            #[test]
            fn sqlite() {
                body($crate::support::TestBase::sqlite());
            }

            #[test]
            fn postgres() {
                if let Some(base) = $crate::support::TestBase::postgres() {
                    body(base);
                }
            }
        }
    };
}

/// A runtime as the server has it: several threads.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Waits for a future on a thread that may block, as [`Db::read`] needs it.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(runtime).block_on(future)
}

/// A migrated, empty database that is gone after the test.
pub struct TestBase {
    /// Its address.
    pub url: DatabaseUrl,
    /// The clock of everything that [`TestBase::open`] opens.
    pub clock: Arc<ManualClock>,
    home: Home,
}

/// A copy of a [`TestBase`].
pub enum Backup {
    /// SQLite's files.
    Files(TestFolder),
    /// Another database of the server.
    Database(String),
}

/// What an SQLite database consists of.
fn sqlite_files(path: &Path) -> [PathBuf; 3] {
    [path.to_owned(), path.with_extension("db-wal"), path.with_extension("db-shm")]
}

enum Home {
    Folder(#[expect(dead_code, reason = "it is gone when dropped")] Option<TestFolder>),
    Server(String),
}

static COUNT: AtomicU64 = AtomicU64::new(0);

fn unique(what: &str) -> String {
    let count = COUNT.fetch_add(1, Ordering::SeqCst);
    format!("sealbid_{what}_{}_{count}", std::process::id())
}

/// A folder that is gone after the test.
pub struct TestFolder(PathBuf);

impl std::ops::Deref for TestFolder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// An empty folder of this test's own.
pub fn folder(what: &str) -> TestFolder {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(unique(what));
    // A process that was killed may have left one, and its number come around again.
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).unwrap();
    TestFolder(folder)
}

impl TestBase {
    /// On SQLite.
    pub fn sqlite() -> Self {
        let folder = folder("sqlite");
        let mut base = Self::sqlite_in(&folder);
        base.home = Home::Folder(Some(folder));
        base
    }

    /// On SQLite in somebody's folder.
    pub fn sqlite_in(folder: &Path) -> Self {
        let url = DatabaseUrl::Sqlite(folder.join("sealbid.db"));
        db::init(&url).unwrap();
        Self::new(url, Home::Folder(None))
    }

    /// On PostgreSQL: a copy of a template that was migrated once.
    pub fn postgres() -> Option<Self> {
        let template = template()?;
        let name = unique("test");
        admin(&[&format!("CREATE DATABASE {name} TEMPLATE {template}")]);
        Some(Self::new(server_url(&name), Home::Server(name)))
    }

    /// Another one of the same kind, for a test that begins several times.
    pub fn another(&self) -> Self {
        match &self.url {
            DatabaseUrl::Sqlite(_) => Self::sqlite(),
            DatabaseUrl::Postgres(_) => Self::postgres().expect("there is this one"),
        }
    }

    fn new(url: DatabaseUrl, home: Home) -> Self {
        crate::plans::watch();
        Self { url, clock: Arc::new(ManualClock::new(START)), home }
    }

    /// The options that [`TestBase::open`] uses: this base's clock, seeded entropy.
    pub fn options(&self) -> Options {
        Options::new(self.clock.clone(), Arc::new(SeededEntropy::new(1)))
    }

    /// Opens it.
    pub fn open(&self) -> Db {
        Db::open(&self.url, self.options()).unwrap()
    }

    /// Its address as text, password and all: for a child process.
    pub fn address(&self) -> String {
        match (&self.url, &self.home) {
            (DatabaseUrl::Sqlite(path), _) => format!("sqlite:{}", path.display()),
            (_, Home::Server(name)) => server_address(name),
            _ => unreachable!("a server's database has a name"),
        }
    }

    /// Everything that the database holds, as whoever holds it could copy it: SQLite's files, every
    /// row of every table as PostgreSQL writes it (bytes as hex).
    pub fn contents(&self) -> Vec<u8> {
        match (&self.url, &self.home) {
            (DatabaseUrl::Sqlite(path), _) => {
                let log = path.with_extension("db-wal");
                [std::fs::read(path).unwrap(), std::fs::read(log).unwrap_or_default()].concat()
            }
            (_, Home::Server(name)) => rows(name).into_bytes(),
            _ => unreachable!("a server's database has a name"),
        }
    }

    /// Names it in a configuration, as an operator would: a password goes into a file in `folder`.
    pub fn configure(&self, table: &mut toml::Table, folder: &Path) {
        use std::os::unix::fs::PermissionsExt as _;
        let mut address = self.address();
        let DatabaseUrl::Postgres(server) = &self.url else {
            table.insert("database".to_owned(), address.into());
            return;
        };
        if let Some(password) = server.get_password() {
            let file = folder.join("password");
            std::fs::write(&file, password).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
            let told = format!(":{}@", std::str::from_utf8(password).unwrap());
            address = address.replacen(&told, "@", 1);
            let file = file.display().to_string();
            table.insert("database_password_file".to_owned(), file.into());
        }
        table.insert("database".to_owned(), address.into());
    }

    /// Takes away everything in it: what is left is as good as new.
    pub fn clear(&self) {
        match &self.url {
            DatabaseUrl::Sqlite(path) => {
                for end in ["db", "db-wal", "db-shm"] {
                    drop(std::fs::remove_file(path.with_extension(end)));
                }
            }
            DatabaseUrl::Postgres(_) => {
                self.meddle("DROP SCHEMA public CASCADE; CREATE SCHEMA public").unwrap();
            }
        }
    }

    /// Copies the whole database, while no platform has it open.
    pub fn back_up(&self) -> Backup {
        match (&self.url, &self.home) {
            (DatabaseUrl::Sqlite(path), _) => {
                let copy = folder("backup");
                for file in sqlite_files(path).iter().filter(|file| file.exists()) {
                    std::fs::copy(file, copy.join(file.file_name().unwrap())).unwrap();
                }
                Backup::Files(copy)
            }
            (_, Home::Server(name)) => {
                let copy = unique("backup");
                admin(&[
                    &format!(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
                    ),
                    &format!("CREATE DATABASE {copy} TEMPLATE {name}"),
                ]);
                Backup::Database(copy)
            }
            _ => unreachable!("a server's database has a name"),
        }
    }

    /// Puts a copy in the place of what there is, while no platform has it open.
    pub fn restore(&self, backup: Backup) {
        match (&self.url, backup, &self.home) {
            (DatabaseUrl::Sqlite(path), Backup::Files(copy), _) => {
                for file in sqlite_files(path) {
                    drop(std::fs::remove_file(&file));
                    drop(std::fs::copy(copy.join(file.file_name().unwrap()), &file));
                }
            }
            (_, Backup::Database(copy), Home::Server(name)) => admin(&[
                &format!("DROP DATABASE {name} WITH (FORCE)"),
                &format!("ALTER DATABASE {copy} RENAME TO {name}"),
            ]),
            _ => unreachable!("a copy is of its own kind"),
        }
    }

    /// Runs SQL past the door, as whoever holds the database could.
    pub fn meddle(&self, sql: &str) -> Result<(), String> {
        use diesel::connection::{Connection, InstrumentationEvent, SimpleConnection};
        match (&self.url, &self.home) {
            (DatabaseUrl::Sqlite(path), _) => {
                let mut conn = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
                conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
                conn.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
                conn.batch_execute(sql).map_err(|e| e.to_string())
            }
            (_, Home::Server(name)) => batch(name, &[sql]),
            _ => unreachable!("a server's database has a name"),
        }
    }
}

impl Drop for TestBase {
    fn drop(&mut self) {
        match &self.home {
            // Removes itself.
            Home::Folder(_) => {}
            Home::Server(name) => admin(&[&format!("DROP DATABASE {name} WITH (FORCE)")]),
        }
    }
}

fn server() -> Option<String> {
    let server = std::env::var("SEALBID_TEST_POSTGRES").ok();
    if server.is_none() {
        eprintln!("SKIPPED: SEALBID_TEST_POSTGRES names no server");
    }
    server
}

/// The tests' server with another database: the address ends in `/postgres`.
fn server_url(database: &str) -> DatabaseUrl {
    server_address(database).parse().unwrap()
}

fn server_address(database: &str) -> String {
    let server = server().unwrap();
    let (host, _) = server.rsplit_once('/').unwrap();
    format!("{host}/{database}")
}

/// The name of the migrated template, made by the first test that needs it.
fn template() -> Option<&'static str> {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    static FIRST: Mutex<()> = Mutex::new(());
    server()?;
    let guard = FIRST.lock();
    let name = TEMPLATE.get_or_init(|| {
        let name = unique("template");
        admin(&[&format!("CREATE DATABASE {name} ENCODING 'UTF8'")]);
        db::init(&server_url(&name)).unwrap();
        name
    });
    drop(guard);
    Some(name)
}

fn admin(statements: &[&str]) {
    batch("postgres", statements).unwrap();
}

/// Runs each statement in a database of the tests' server.
fn batch(database: &str, statements: &[&str]) -> Result<(), String> {
    on_server(database, async |client| {
        for sql in statements {
            client.batch_execute(sql).await.map_err(|e| {
                e.as_db_error().map_or_else(|| e.to_string(), |d| d.message().to_owned())
            })?;
        }
        Ok(())
    })
}

/// Every row of every table.
fn rows(database: &str) -> String {
    on_server(database, async |client| {
        let tables = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'";
        let mut all = String::new();
        for table in client.query(tables, &[]).await.unwrap() {
            let table: String = table.get(0);
            let rows = format!("SELECT t::text FROM {table} t");
            for row in client.query(&rows, &[]).await.unwrap() {
                all.push_str(row.get(0));
                all.push('\n');
            }
        }
        all
    })
}

/// Does something in a database of the tests' server, on a thread of its own: the caller may stand
/// on a runtime.
fn on_server<T: Send>(
    database: &str,
    act: impl AsyncFnOnce(&tokio_postgres::Client) -> T + Send,
) -> T {
    let DatabaseUrl::Postgres(config) = server_url(database) else { unreachable!() };
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
            let driver = tokio::spawn(connection);
            let done = act(&client).await;
            drop(client);
            driver.await.unwrap().unwrap();
            done
        })
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}
