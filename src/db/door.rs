//! The one door for writes: one thread, one connection, and many acts to a commit.
//!
//! Acts wait in a queue. Whatever has gathered while the last commit was under way shares the next
//! one: a savepoint each, one fsync and one lock for all. An act that fails, or panics, undoes only
//! itself; a commit that fails is everybody's failure. Nobody is answered before the commit.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::sync::oneshot;

use super::conn::{Connector, Purpose};
use super::ledger::Ledger;
use super::tx::{Tx, changed_rows};
use super::{Conn, Error, Options};

/// Acts to one commit at most: the first of them waits for the last.
const BATCH: usize = 1024;

/// How long a batch waits for more acts, when the one before had several and not [`ENOUGH`]: many come,
/// but each commit would take a few of them only. Whoever acts alone never waits.
const GATHER: Duration = Duration::from_millis(2);

/// Acts that are worth a commit without waiting.
const ENOUGH: usize = 16;

/// PostgreSQL's advisory lock of the one writer: "sealbid" in ASCII.
const LOCK: i64 = 0x0073_6561_6c62_6964;

/// Whether an act has to find the entries of the acts before it as rows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// They may still be held back.
    Held,
    /// They are written first.
    Written,
}

/// An act in the queue, whatever it returns.
pub(super) trait Job: Send {
    /// What it has to find.
    fn rows(&self) -> Rows;
    /// Runs it; `false` when it failed and is to be undone.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Replaces its outcome.
    fn fail(&mut self, error: Error);
    /// Tells the caller.
    fn answer(self: Box<Self>);
}

/// The [`Job`] of one caller.
pub(super) struct Call<T, E, F> {
    rows: Rows,
    act: Option<F>,
    outcome: Result<T, E>,
    caller: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Call<T, E, F>
where
    T: Send,
    E: From<Error> + Send,
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send,
{
    pub(super) fn new(rows: Rows, act: F) -> (Self, oneshot::Receiver<Result<T, E>>) {
        let (caller, answer) = oneshot::channel();
        let outcome = Err(Error::Backend("the act was not run".to_owned()).into());
        (Self { rows, act: Some(act), outcome, caller }, answer)
    }
}

impl<T, E, F> Job for Call<T, E, F>
where
    T: Send,
    E: From<Error> + Send,
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send,
{
    fn rows(&self) -> Rows {
        self.rows
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        if let Some(act) = self.act.take() {
            self.outcome = act(tx);
        }
        self.outcome.is_ok()
    }

    fn fail(&mut self, error: Error) {
        self.outcome = Err(error.into());
    }

    fn answer(self: Box<Self>) {
        // A caller that has gone away no longer wants to know; what is committed stays.
        drop(self.caller.send(self.outcome));
    }
}

/// What the writer's thread owns.
pub(super) struct Writer {
    pub(super) connector: Connector,
    pub(super) conn: Option<Conn>,
    pub(super) options: Arc<Options>,
}

impl Writer {
    /// Works until every sender is gone and the queue is empty.
    pub(super) fn run(mut self, queue: &Receiver<Box<dyn Job>>) {
        let mut before = 0;
        while let Ok(first) = queue.recv() {
            if (2..ENOUGH).contains(&before) {
                std::thread::sleep(GATHER);
            }
            let mut jobs = vec![first];
            jobs.extend(queue.try_iter().take(BATCH - 1));
            before = jobs.len();
            if let Err(error) = self.batch(&mut jobs) {
                tracing::error!(%error, acts = jobs.len(), "a batch of writes failed");
                jobs.iter_mut().for_each(|job| job.fail(error.clone()));
            }
            jobs.into_iter().for_each(Job::answer);
        }
    }

    /// One transaction for all of `jobs`; an error means that nothing of it is known to stand.
    fn batch(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Error> {
        let mut conn = self.begin()?;
        // What fails or panics outside of an act leaves a connection that may not even roll back:
        // then it is closed, and the next batch opens another.
        let done = catch_unwind(AssertUnwindSafe(|| {
            let done = self.transact(&mut conn, jobs);
            if done.is_ok() || conn.rollback().is_ok() {
                self.conn = Some(conn);
            }
            done
        }));
        done.unwrap_or_else(|panic| Err(panicked(&*panic)))
    }

    /// A connection with a transaction begun. One that was lost while idle is replaced: nothing
    /// of this batch had been sent through it.
    fn begin(&mut self) -> Result<Conn, Error> {
        if let Some(mut conn) = self.conn.take() {
            match conn.begin(Purpose::Write) {
                Ok(()) => return Ok(conn),
                Err(Error::Busy(reason)) => {
                    self.conn = Some(conn);
                    return Err(Error::Busy(reason));
                }
                Err(error) => tracing::warn!(%error, "the writer's connection was lost"),
            }
        }
        let mut conn = self.connect()?;
        conn.begin(Purpose::Write)?;
        Ok(conn)
    }

    fn connect(&self) -> Result<Conn, Error> {
        let conn = self.connector.connect(Purpose::Write);
        let mut conn = conn.map_err(|e| Error::Backend(e.to_string()))?;
        self.options.hooks.watch(&mut conn);
        Ok(conn)
    }

    fn transact(&self, conn: &mut Conn, jobs: &mut [Box<dyn Job>]) -> Result<(), Error> {
        if matches!(conn, Conn::Pg(_)) {
            conn.batch(&format!("SELECT pg_advisory_xact_lock({LOCK})"))?;
        }
        let mut ledger = Ledger::begin(conn)?;
        let mut savepoint = Savepoint::None;
        for job in jobs {
            match ledger.now(self.options.clock.now()) {
                Err(behind) => job.fail(behind),
                Ok(now) => {
                    savepoint.before(&**job, conn, &mut ledger)?;
                    let mark = ledger.mark();
                    let entropy = &*self.options.entropy;
                    let ledger = &mut ledger;
                    let mut tx = Tx { conn, ledger, entropy, now, unrecorded: false };
                    if !self.act(&mut **job, &mut tx)? {
                        tx.ledger.back_to(&mark);
                        savepoint.undo(conn)?;
                    }
                }
            }
        }
        ledger.flush(conn)?;
        if let Some(delay) = self.options.hooks.commit_delay {
            std::thread::sleep(delay);
        }
        conn.commit()
    }

    /// Runs one act: `false` when it is to be undone.
    fn act(&self, job: &mut dyn Job, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let entries = tx.ledger.next();
        let rows = if self.options.check { changed_rows(tx.conn)? } else { 0 };
        let ran = catch_unwind(AssertUnwindSafe(|| job.run(tx)));
        match ran {
            Err(panic) => {
                job.fail(panicked(&*panic));
                Ok(false)
            }
            Ok(true) if self.options.check && !tx.unrecorded && tx.ledger.next() == entries => {
                let silent = changed_rows(tx.conn)? == rows;
                if !silent {
                    job.fail(Error::Backend("rows were changed without an event".to_owned()));
                }
                Ok(silent)
            }
            Ok(kept) => Ok(kept),
        }
    }
}

/// The savepoint of the act under way; `COMMIT` releases the last one.
#[derive(PartialEq, Eq)]
enum Savepoint {
    /// None is set.
    None,
    /// One is set and an act has run in it.
    Used,
    /// One is set and nothing stands in it.
    Fresh,
}

impl Savepoint {
    /// Makes sure that the next act has one of its own.
    fn before(&mut self, job: &dyn Job, conn: &mut Conn, ledger: &mut Ledger) -> Result<(), Error> {
        if job.rows() == Rows::Written {
            // Outside of any act's savepoint, or undoing this act would undo the others' entries.
            if *self != Self::None {
                conn.batch("RELEASE SAVEPOINT act")?;
                *self = Self::None;
            }
            ledger.flush(conn)?;
        }
        match self {
            // On PostgreSQL round trips are what an act costs: these two come with its first one.
            Self::None => conn.send_ahead("SAVEPOINT act")?,
            Self::Used => conn.send_ahead("RELEASE SAVEPOINT act; SAVEPOINT act")?,
            Self::Fresh => {}
        }
        *self = Self::Used;
        Ok(())
    }

    fn undo(&mut self, conn: &mut Conn) -> Result<(), Error> {
        conn.batch("ROLLBACK TO SAVEPOINT act")?;
        *self = Self::Fresh;
        Ok(())
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let said = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    Error::Backend(format!("a write panicked: {}", said.unwrap_or_default()))
}
