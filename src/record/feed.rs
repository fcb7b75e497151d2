//! Feeding the witnesses: every new checkpoint goes to each of them, and what they cosign is kept.
//!
//! Invariants: witnesses are fed side by side, so a sleeping one delays nobody; each gets the latest
//! checkpoint only; a cosignature is verified before it is kept. A witness that knows more of the
//! record than the database does is evidence of a lost tail: the program refuses to write behind it
//! (protocol.md §1). Deliberately absent: how a request travels ([`Witnesses`]), and whether the
//! cosignatures are enough.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use tokio::sync::watch;

use super::checkpoint::cosignature_time;
use super::hours::Hours;
use super::sequencer::Published;
use super::store::{self, StoredCheckpoint, StoredTiles};
use super::tiles::TileTree;
use super::tree::prove_consistency;
use super::witness::{AddCheckpoint, parse_cosignatures, parse_stale};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::db::{Db, Error};

/// An answer to be waited for: HTTP status and body, or why there is none.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<(u16, Vec<u8>), String>> + Send + 'a>>;

/// How a request reaches a witness.
///
/// The contract: `POST <address>/add-checkpoint` of c2sp.org/tlog-witness, given up after a bounded
/// time.
pub trait Witnesses: Send + Sync {
    /// Sends `body` to the witness of that name.
    fn add_checkpoint<'a>(&'a self, witness: &'a str, body: String) -> Answering<'a>;
}

/// A witness of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Its short name: what its cosignatures are kept under.
    pub name: String,
    /// Its cosigning key.
    pub key: VerifyingKey,
}

/// Why a witness did not cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// It did not answer.
    #[error("no answer: {0}")]
    Silent(String),
    /// It knows a longer record than the database holds: a tail was lost, or a backup restored.
    #[error("it has cosigned the record at size {theirs}, and the database ends at {ours}")]
    Ahead {
        /// The size it cosigned.
        theirs: u64,
        /// The database's size.
        ours: u64,
    },
    /// It saw another record of this name.
    #[error("it has cosigned another history of this record")]
    Fork,
    /// It refused for another reason.
    #[error("it refused with status {0}")]
    Refused(u16),
    /// Its answer holds no valid cosignature of its own.
    #[error("its answer holds no valid cosignature")]
    Malformed,
    /// The database.
    #[error(transparent)]
    Db(#[from] Error),
}

impl FeedError {
    /// Whether nothing may be written before a succession explains it.
    #[must_use]
    pub const fn forbids_writing(&self) -> bool {
        matches!(self, Self::Ahead { .. } | Self::Fork)
    }
}

/// Feeds the witnesses of one record.
pub struct Feed {
    db: Db,
    wire: Arc<dyn Witnesses>,
    witnesses: Vec<Witness>,
    /// What each is believed to have cosigned last; a wrong belief costs one more request.
    believed: Mutex<BTreeMap<String, u64>>,
    hours: Arc<Hours>,
}

impl Feed {
    /// A feed to these witnesses.
    #[must_use]
    pub fn new(db: Db, wire: Arc<dyn Witnesses>, witnesses: Vec<Witness>) -> Self {
        Self { db, wire, witnesses, believed: Mutex::default(), hours: Arc::default() }
    }

    /// What the witnesses' clocks say of ours, kept up to date by every answer.
    #[must_use]
    pub fn hours(&self) -> Arc<Hours> {
        Arc::clone(&self.hours)
    }

    /// Feeds for as long as it is polled: each witness whatever is the latest when it is ready.
    pub async fn run(&self, published: watch::Receiver<Arc<Published>>) {
        let follow = |witness| self.follow(witness, published.clone());
        join_all(self.witnesses.iter().map(follow)).await;
    }

    async fn follow(&self, witness: &Witness, mut published: watch::Receiver<Arc<Published>>) {
        published.mark_changed();
        while published.changed().await.is_ok() {
            let latest = Arc::clone(&published.borrow_and_update());
            if let Err(error) = self.feed(witness, &latest.checkpoint).await {
                let size = latest.checkpoint.size;
                tracing::warn!(witness = witness.name, size, %error, "a checkpoint not cosigned");
            }
        }
    }

    /// Feeds one checkpoint to every witness and waits for all of them.
    pub async fn feed_all(
        &self,
        checkpoint: &StoredCheckpoint,
    ) -> Vec<(String, Result<Time, FeedError>)> {
        let one =
            async |witness: &Witness| (witness.name.clone(), self.feed(witness, checkpoint).await);
        join_all(self.witnesses.iter().map(one)).await
    }

    /// Before the first write: shows every witness the database's head. Fewer than `t` of them may be
    /// wrong or lie, so `t` must say that the record went on elsewhere; but once one says so, the
    /// silent count with it, since writing behind honest witnesses could never be undone. When
    /// nobody says so, silent ones decide nothing.
    ///
    /// # Errors
    /// [`FeedError`] of the first witness behind which nothing may be written, with its name.
    pub async fn compare(
        &self,
        head: &StoredCheckpoint,
        t: usize,
    ) -> Result<(), (String, FeedError)> {
        let (mut ahead, mut doubtful) = (None, 0_usize);
        for (name, outcome) in self.feed_all(head).await {
            match outcome {
                Err(error) if error.forbids_writing() => {
                    doubtful = doubtful.saturating_add(1);
                    ahead.get_or_insert((name, error));
                }
                Err(FeedError::Silent(_)) => doubtful = doubtful.saturating_add(1),
                Ok(_) | Err(_) => {}
            }
        }
        ahead.filter(|_| doubtful >= t).map_or(Ok(()), Err)
    }

    /// Has one witness cosign a checkpoint and keeps its line. Gives the line's time.
    ///
    /// # Errors
    /// [`FeedError`].
    pub async fn feed(
        &self,
        witness: &Witness,
        checkpoint: &StoredCheckpoint,
    ) -> Result<Time, FeedError> {
        let believed = self.belief(&witness.name).min(checkpoint.size);
        match self.attempt(witness, checkpoint, believed).await? {
            Attempt::Cosigned(time) => Ok(time),
            Attempt::Stale(size) if size > checkpoint.size => {
                self.believe(&witness.name, size);
                self.ahead(size).await
            }
            Attempt::Stale(size) => match self.attempt(witness, checkpoint, size).await? {
                Attempt::Cosigned(time) => Ok(time),
                Attempt::Stale(_) => Err(FeedError::Refused(409)),
            },
        }
    }

    /// A witness that is ahead of this checkpoint may still be behind a newer one.
    async fn ahead(&self, theirs: u64) -> Result<Time, FeedError> {
        let last = self.db.query(store::latest_checkpoint).await?;
        let ours = last.map_or(0, |last| last.size);
        if theirs > ours {
            return Err(FeedError::Ahead { theirs, ours });
        }
        Err(FeedError::Refused(409))
    }

    async fn attempt(
        &self,
        witness: &Witness,
        checkpoint: &StoredCheckpoint,
        old_size: u64,
    ) -> Result<Attempt, FeedError> {
        let proof = self.consistency(old_size, checkpoint.size).await?;
        let request = AddCheckpoint { old_size, proof, checkpoint: checkpoint.note.clone() };
        let sent = self.db.clock().now();
        let answer = self.wire.add_checkpoint(&witness.name, request.encode()).await;
        let answered = self.db.clock().now();
        let (status, body) = answer.map_err(|reason| {
            self.hours.forget(&witness.name);
            FeedError::Silent(reason)
        })?;
        match status {
            200 => {
                let theirs = self.keep(witness, checkpoint, &body).await?;
                self.hours.note(&witness.name, sent, answered, theirs);
                Ok(Attempt::Cosigned(theirs))
            }
            409 => parse_stale(&body).map(Attempt::Stale).ok_or(FeedError::Malformed),
            422 => Err(FeedError::Fork),
            status => Err(FeedError::Refused(status)),
        }
    }

    async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, FeedError> {
        if old == 0 || old == new {
            return Ok(Vec::new());
        }
        let proof = self.db.query(move |conn| {
            let tree = TileTree::new(StoredTiles::new(conn), new);
            prove_consistency(&tree, old, new).map_err(Error::from)
        });
        Ok(proof.await?)
    }

    async fn keep(
        &self,
        witness: &Witness,
        checkpoint: &StoredCheckpoint,
        body: &[u8],
    ) -> Result<Time, FeedError> {
        let lines = parse_cosignatures(body).map_err(|_| FeedError::Malformed)?;
        let line = lines.into_iter().find(|line| line.claims(&witness.key));
        let line = line.ok_or(FeedError::Malformed)?;
        let time = cosignature_time(checkpoint.note.text(), &line, &witness.key)
            .map_err(|_| FeedError::Malformed)?;
        let (size, name) = (checkpoint.size, witness.name.clone());
        let kept = self.db.write(move |tx| store::add_cosignature(tx, size, &name, &line, time));
        kept.await?;
        self.believe(&witness.name, size);
        Ok(time)
    }

    fn belief(&self, name: &str) -> u64 {
        let believed = self.believed.lock().unwrap_or_else(PoisonError::into_inner);
        believed.get(name).copied().unwrap_or_default()
    }

    fn believe(&self, name: &str, size: u64) {
        let mut believed = self.believed.lock().unwrap_or_else(PoisonError::into_inner);
        believed.insert(name.to_owned(), size);
    }
}

/// What one request came to.
enum Attempt {
    Cosigned(Time),
    /// The belief about the witness's last size was wrong; this is the right one.
    Stale(u64),
}
