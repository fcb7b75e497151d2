//! Two databases behind one source, and the one door for writes.
//!
//! Invariants: [`Db::write`] is the only way to change a row, one writer at a time on both
//! databases, and what it changes is committed with its events or not at all; [`Db::read`] cannot
//! write, because the database refuses it. Deliberately absent: anything that knows a feature.

mod cached;
mod conn;
mod door;
mod error;
mod hooks;
mod ledger;
mod migrate;
mod open_error;
mod pool;
pub mod schema;
mod tx;
mod url;

use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{oneshot, watch};

pub(crate) use cached::Cached;
pub use conn::{Conn, PgConnection};
pub use error::Error;
pub use hooks::{AbortAt, FaultPoints, Hooks, Point};
pub(crate) use ledger::EntryRow;
pub use migrate::{init, migrate};
pub use open_error::OpenError;
pub use tx::Tx;
pub use url::{BadUrl, DatabaseUrl};

use crate::clock::Clock;
use crate::crypto::entropy::Entropy;
use conn::{Connector, Purpose};
use door::{Call, Job, Rows, Writer};
use pool::Pool;

/// How far the clock may be behind the record's last entry, in milliseconds; beyond it every write
/// is refused.
pub const BEHIND_MS: i64 = 1000;

/// Acts that may wait at the door; more are `Busy` at once instead of late.
const QUEUE: usize = 16_384;

/// Reading connections for whoever asks.
const READERS: usize = 4;

/// Reading connections for what an act waits for, and nobody's question: who the actor is.
const READERS_FOR_ACTS: usize = 2;

/// What a database is opened with.
#[derive(Clone)]
pub struct Options {
    /// Where every act's `now` comes from.
    pub clock: Arc<dyn Clock>,
    /// Where salts come from.
    pub entropy: Arc<dyn Entropy>,
    /// Tests' delays and fault points.
    pub hooks: Hooks,
    /// Refuse an act that changed rows and recorded no event. A query per act on PostgreSQL, so it
    /// is on in debug builds only.
    pub check: bool,
}

impl Options {
    /// No hooks; the check wherever debug assertions are on.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy, hooks: Hooks::default(), check: cfg!(debug_assertions) }
    }
}

/// An open database. Clones share it; the last one dropped waits for the acts under way.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    readers: Pool,
    readers_for_acts: Pool,
    door: Option<SyncSender<Box<dyn Job>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    options: Arc<Options>,
    /// Why no act is taken in; `None` while the door is open.
    shut: watch::Sender<Option<&'static str>>,
}

impl Db {
    /// Connects, checks the schema, and starts the writer. Blocks: never call it on a thread that
    /// drives a runtime.
    ///
    /// # Errors
    /// The database's own reason at once, never after a time-out; a schema that is missing, older or
    /// newer.
    pub fn open(url: &DatabaseUrl, options: Options) -> Result<Self, OpenError> {
        let connector = Connector(url.clone());
        let mut first = connector.connect(Purpose::Read)?;
        migrate::check(&mut first, url)?;
        let mut conn = connector.connect(Purpose::Write)?;
        options.hooks.watch(&mut conn);
        let options = Arc::new(options);
        let (door, queue) = sync_channel(QUEUE);
        let writer = Writer {
            connector: connector.clone(),
            conn: Some(conn),
            options: Arc::clone(&options),
        };
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(|e| OpenError::Unreachable(format!("no thread for the writer: {e}")))?;
        let readers_for_acts = Pool::new(connector.clone(), None, READERS_FOR_ACTS);
        let readers = Pool::new(connector, Some(first), READERS);
        let (writer, shut) = (Mutex::new(Some(thread)), watch::Sender::new(None));
        let door = Some(door);
        Ok(Self(Arc::new(Inner { readers, readers_for_acts, door, writer, options, shut })))
    }

    /// The clock of every act.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.options.clock
    }

    /// The source of every salt.
    #[must_use]
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.0.options.entropy
    }

    /// Shuts the door: from now on every act is refused with this code. What is under way ends.
    pub fn shut(&self, code: &'static str) {
        if self.0.shut.send_replace(Some(code)) != Some(code) {
            tracing::error!(code, "the door is shut: nothing is written any more");
        }
    }

    /// Opens the door again, if it is shut for this reason and no other.
    pub fn admit(&self, code: &'static str) {
        self.0.shut.send_if_modified(|shut| {
            let opens = *shut == Some(code);
            if opens {
                *shut = None;
            }
            opens
        });
    }

    /// Follows why the door is shut; `None` while it is open.
    #[must_use]
    pub fn shut_for(&self) -> watch::Receiver<Option<&'static str>> {
        self.0.shut.subscribe()
    }

    /// Runs `f` on a read-only snapshot. Blocks: never call it on a thread that drives a runtime.
    ///
    /// # Errors
    /// What `f` returns; `Busy` when no connection comes free; `Backend` when the database fails,
    /// also for every attempt to write.
    pub fn read<T, E: From<Error>>(
        &self,
        f: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        self.0.readers.read(f)
    }

    /// [`read`](Self::read) for async callers: on one of the runtime's blocking threads.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub async fn query<T, E, F>(&self, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
    {
        let db = self.clone();
        let done = tokio::task::spawn_blocking(move || db.read(f)).await;
        done.map_err(|e| Error::Backend(format!("a read did not end: {e}")))?
    }

    /// [`query`](Self::query) on connections that no page and no list can take: for the little that
    /// has to be known before an act, so that readers in a crowd hold up nobody who acts.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub async fn query_for_act<T, E, F>(&self, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T, E> + Send + 'static,
    {
        let db = self.clone();
        let done = tokio::task::spawn_blocking(move || db.0.readers_for_acts.read(f)).await;
        done.map_err(|e| Error::Backend(format!("a read did not end: {e}")))?
    }

    /// Runs `act` at the door and waits for its commit. An act that was taken in is carried
    /// out even when the caller no longer waits.
    ///
    /// # Errors
    /// What `act` returns, and then nothing of it stands; `Busy` when the queue is full;
    /// `Shut`; `ClockBehind`; `Backend` when the commit failed or `act` panicked.
    pub async fn write<T, E, F>(&self, act: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.enqueue(Rows::Held, act)?.await.map_err(|_| stopped())?
    }

    /// [`write`](Self::write) for threads that may block; it panics on one that drives a runtime.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn write_blocking<T, E, F>(&self, act: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.enqueue(Rows::Held, act)?.blocking_recv().map_err(|_| stopped())?
    }

    /// [`write`](Self::write) for an act that has to find all earlier entries as rows.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub(crate) async fn write_after_entries<T, E, F>(&self, act: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.enqueue(Rows::Written, act)?.await.map_err(|_| stopped())?
    }

    /// [`write`](Self::write) also while the door is shut, for what stands beside the record and
    /// helps to open it.
    ///
    /// # Errors
    /// Those of [`write`](Self::write) but `Shut`.
    pub(crate) async fn write_beside<T, E, F>(&self, act: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.send(Rows::Held, act)?.await.map_err(|_| stopped())?
    }

    fn enqueue<T, E, F>(&self, rows: Rows, act: F) -> Result<oneshot::Receiver<Result<T, E>>, Error>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let shut = *self.0.shut.borrow();
        shut.map_or(Ok(()), |code| Err(Error::Shut(code)))?;
        self.send(rows, act)
    }

    fn send<T, E, F>(&self, rows: Rows, act: F) -> Result<oneshot::Receiver<Result<T, E>>, Error>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let (call, answer) = Call::new(rows, act);
        let door = self.0.door.as_ref().ok_or_else(stopped)?;
        door.try_send(Box::new(call)).map_err(|e| match e {
            TrySendError::Full(_) => Error::Busy("too many writes are waiting".to_owned()),
            TrySendError::Disconnected(_) => stopped(),
        })?;
        Ok(answer)
    }
}

fn stopped() -> Error {
    Error::Backend("the writer has stopped".to_owned())
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.door = None;
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // An act may hold the last clone; it must not wait for itself.
        if let Some(thread) = thread.filter(|t| t.thread().id() != std::thread::current().id()) {
            drop(thread.join());
        }
    }
}
