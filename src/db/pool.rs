//! A few reading connections, shared: taken for one closure, given back after it.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::conn::{Connector, Purpose};
use super::{Conn, Error, OpenError};

/// How long a reader waits for a free connection before it is `Busy`.
const PATIENCE: Duration = Duration::from_secs(10);

/// At most `limit` connections; opened when first needed.
pub(super) struct Pool {
    connector: Connector,
    limit: usize,
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    idle: Vec<Conn>,
    open: usize,
}

impl Pool {
    pub(super) fn new(connector: Connector, first: Option<Conn>, limit: usize) -> Self {
        let idle = Vec::from_iter(first);
        let state = Mutex::new(State { open: idle.len(), idle });
        Self { connector, limit, state, freed: Condvar::new() }
    }

    /// Runs `f` in a read-only transaction of its own.
    pub(super) fn read<T, E: From<Error>>(
        &self,
        f: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut loan = self.begin()?;
        let conn = loan.conn.as_mut().ok_or_else(|| Error::Backend("no connection".to_owned()))?;
        // A panic in `f` leaves it broken, and the connection is closed.
        loan.broken = true;
        let result = f(conn);
        loan.broken = conn.rollback().is_err();
        result
    }

    /// A connection with a transaction begun. Those that were lost while idle are closed until one
    /// works or a new one is made.
    fn begin(&self) -> Result<Loan<'_>, Error> {
        loop {
            let mut loan = self.take()?;
            let Some(conn) = &mut loan.conn else { continue };
            match conn.begin(Purpose::Read) {
                Ok(()) => return Ok(loan),
                Err(error) if loan.fresh => return Err(error),
                Err(_) => loan.broken = true,
            }
        }
    }

    fn take(&self) -> Result<Loan<'_>, Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(conn) = state.idle.pop() {
                return Ok(Loan { pool: self, conn: Some(conn), fresh: false, broken: false });
            }
            if state.open < self.limit {
                state.open += 1;
                drop(state);
                let mut loan = Loan { pool: self, conn: None, fresh: true, broken: true };
                let conn = self.connector.connect(Purpose::Read);
                loan.conn = Some(conn.map_err(|e: OpenError| Error::Backend(e.to_string()))?);
                loan.broken = false;
                return Ok(loan);
            }
            let (next, waited) =
                self.freed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            if waited.timed_out() {
                return Err(Error::Busy("every reading connection is in use".to_owned()));
            }
            state = next;
        }
    }
}

/// A connection that goes back when dropped, or is closed when broken.
struct Loan<'a> {
    pool: &'a Pool,
    conn: Option<Conn>,
    fresh: bool,
    broken: bool,
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let conn = self.conn.take().filter(|_| !self.broken);
        let mut state = self.pool.state.lock().unwrap_or_else(PoisonError::into_inner);
        match conn {
            Some(conn) => state.idle.push(conn),
            None => state.open -= 1,
        }
        drop(state);
        self.pool.freed.notify_one();
    }
}
