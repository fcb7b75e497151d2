//! Whether sessions stand, asked of the database by many at once.
//!
//! Every request with a token asks. Whoever asks while a read is under way shares the next one, so that
//! a crowd costs a few reads and not one each. Nothing is remembered: each read begins after
//! the question came, and sees what any instance of the platform has ended before.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::Refused;
use super::store::{Session, find_sessions};
use super::token::Claims;
use crate::clock::Time;
use crate::db::{Db, Error};
use crate::ids::SessionId;

type Found = Result<Option<Session>, Error>;

/// Those who wait for the next read.
#[derive(Default)]
struct Waiting {
    asked: Vec<(SessionId, oneshot::Sender<Found>)>,
    /// Whether somebody reads and will look here again.
    led: bool,
}

/// Reads sessions for all who ask.
#[derive(Default)]
pub struct Standing {
    waiting: Mutex<Waiting>,
}

impl Standing {
    /// Whether the session that a good token names still stands.
    ///
    /// # Errors
    /// [`Refused::Revoked`], [`Refused::Expired`], or the database's error as `E`.
    pub async fn check<E: From<Error> + From<Refused>>(
        self: &Arc<Self>,
        db: &Db,
        claims: &Claims,
        now: Time,
    ) -> Result<(), E> {
        let found = self.ask(db, claims.session).await?;
        let stands = found.filter(|found| found.actor == claims.actor && found.ended_at.is_none());
        let session = stands.ok_or(Refused::Revoked)?;
        if now < session.expires_at { Ok(()) } else { Err(Refused::Expired.into()) }
    }

    async fn ask(self: &Arc<Self>, db: &Db, id: SessionId) -> Found {
        let (tell, told) = oneshot::channel();
        let led = {
            let mut waiting = self.lock();
            waiting.asked.push((id, tell));
            mem::replace(&mut waiting.led, true)
        };
        if !led {
            // A task of its own: whoever asked first may hang up, and the others still wait.
            let lead = Lead { of: Arc::clone(self), given_up: false };
            tokio::spawn(lead.read(db.clone()));
        }
        told.await.map_err(|_| Error::Backend("a read of sessions did not end".to_owned()))?
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one who reads.
struct Lead {
    of: Arc<Standing>,
    given_up: bool,
}

impl Lead {
    async fn read(mut self, db: Db) {
        while let Some(asked) = self.next() {
            let ids: Vec<SessionId> = asked.iter().map(|(id, _)| *id).collect();
            let found = db.query_for_act(move |conn| find_sessions(conn, &ids)).await;
            for (id, tell) in asked {
                // Who hung up meanwhile wants no answer.
                drop(tell.send(answer(&found, id)));
            }
        }
    }

    /// Who waits now; `None`, and the lead is given up, when nobody does.
    fn next(&mut self) -> Option<Vec<(SessionId, oneshot::Sender<Found>)>> {
        let mut waiting = self.of.lock();
        waiting.led = !waiting.asked.is_empty();
        self.given_up = !waiting.led;
        waiting.led.then(|| mem::take(&mut waiting.asked))
    }
}

impl Drop for Lead {
    /// After a panic, or with its runtime: who still waits is told, and the next who asks leads.
    fn drop(&mut self) {
        if !self.given_up {
            *self.of.lock() = Waiting::default();
        }
    }
}

fn answer(found: &Result<HashMap<SessionId, Session>, Error>, id: SessionId) -> Found {
    found.as_ref().map(|sessions| sessions.get(&id).cloned()).map_err(Clone::clone)
}
