//! What tests may put into the door: a delay at every commit, and points at which to fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel::connection::{Connection, InstrumentationEvent};

use super::Conn;

/// Called before and after every statement of the writer, and around every step that leaves
/// something durable elsewhere (a blob's parts, a signature).
///
/// An implementation may end the process; it may panic, which the door treats as a failed act.
pub trait FaultPoints: Send + Sync {
    /// The program stands at `point`.
    fn at(&self, point: Point<'_>);
}

/// Where the program stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point<'a> {
    /// A statement is about to be run; its text, without parameters' types.
    Before(&'a str),
    /// It has been run.
    After(&'a str),
    /// A step of the store of files is about to be taken, or has been: its name says which.
    Step(&'a str),
}

/// Ends the process, without any clean-up, at the nth point that it passes.
#[derive(Debug)]
pub struct AbortAt(AtomicU64);

impl AbortAt {
    /// Ends the process at point number `nth`, counted from 1.
    #[must_use]
    pub const fn nth(nth: u64) -> Self {
        Self(AtomicU64::new(nth))
    }
}

impl FaultPoints for AbortAt {
    fn at(&self, _point: Point<'_>) {
        if self.0.fetch_sub(1, Ordering::SeqCst) == 1 {
            std::process::abort();
        }
    }
}

/// The hooks of one door; the default has none.
#[derive(Clone, Default)]
pub struct Hooks {
    /// Added to every commit that has something to commit.
    pub commit_delay: Option<Duration>,
    /// Called at every statement.
    pub faults: Option<Arc<dyn FaultPoints>>,
}

impl Hooks {
    /// Makes a writer's connection call the fault points.
    pub(super) fn watch(&self, conn: &mut Conn) {
        let Some(faults) = self.faults.clone() else { return };
        let tell = move |event: InstrumentationEvent<'_>| match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                faults.at(Point::Before(&query.to_string()));
            }
            InstrumentationEvent::FinishQuery { query, .. } => {
                faults.at(Point::After(&query.to_string()));
            }
            _ => {}
        };
        match conn {
            Conn::Pg(c) => c.set_instrumentation(tell),
            Conn::Sqlite(c) => c.set_instrumentation(tell),
        }
    }
}
