//! Feeding the witnesses: every new checkpoint goes to each of them, and what they cosign is kept.
//!
//! Invariants: witnesses are fed side by side, so a sleeping one delays nobody; each gets the latest
//! checkpoint only; a cosignature is verified before it is kept. A witness that knows more of the
//! record than the database does is evidence of a lost tail: the program refuses to write behind it
//! (protocol.md §1). Deliberately absent: how a request travels ([`Witnesses`]), and whether the
//! cosignatures are enough.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use tokio::sync::watch;

use super::checkpoint::{Checkpoint, cosignature_time};
use super::hours::Hours;
use super::sequencer::Published;
use super::standing::{BEHIND, Standing};
use super::store::{self, StoredCheckpoint, StoredTiles};
use super::tiles::{TileTree, root_of_tiles};
use super::tree::prove_consistency;
use super::witness::{AddCheckpoint, parse_cosignatures, parse_stale};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::note::Note;
use crate::db::{Conn, Db, Error};

/// An answer to be waited for: HTTP status and body, or why there is none.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<(u16, Vec<u8>), String>> + Send + 'a>>;

/// How a request reaches a witness.
///
/// The contract: `POST <address>/add-checkpoint` of c2sp.org/tlog-witness, given up after a bounded
/// time.
pub trait Witnesses: Send + Sync {
    /// Sends `body` to the witness of that name.
    fn add_checkpoint<'a>(&'a self, witness: &'a str, body: String) -> Answering<'a>;
    /// `GET <address>/checkpoint`: the last checkpoint that the witness cosigned, with its
    /// cosignature.
    fn last_checkpoint<'a>(&'a self, witness: &'a str) -> Answering<'a>;
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
    /// It says that it saw more or something else, and does not show it by its own cosignature.
    #[error("it says that it cosigned more or something else, and does not show it")]
    Unshown,
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

/// Feeds the witnesses of one roster.
pub struct Feed {
    db: Db,
    wire: Arc<dyn Witnesses>,
    witnesses: Vec<Witness>,
    /// So many of them say that nothing may be written.
    t: usize,
    /// Who of them has shown that it cosigned more or something else.
    beyond: Mutex<BTreeSet<String>>,
    /// What each is believed to have cosigned last; a wrong belief costs one more request.
    believed: Mutex<BTreeMap<String, u64>>,
    hours: Arc<Hours>,
}

impl Feed {
    /// A feed to these witnesses, of whom `t` shut the door.
    #[must_use]
    pub fn new(db: Db, wire: Arc<dyn Witnesses>, witnesses: Vec<Witness>, t: usize) -> Self {
        let (believed, beyond, hours) = (Mutex::default(), Mutex::default(), Arc::default());
        Self { db, wire, witnesses, t, beyond, believed, hours }
    }

    /// The same feed, noting in `hours` what its witnesses' clocks say: a platform has one clock,
    /// however many rosters it feeds.
    #[must_use]
    pub fn with_hours(self, hours: Arc<Hours>) -> Self {
        Self { hours, ..self }
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
            let fed = self.feed(witness, &latest.checkpoint).await;
            self.hear(&witness.name, &fed);
            if let Err(error) = fed {
                let size = latest.checkpoint.size;
                tracing::warn!(witness = witness.name, size, %error, "a checkpoint not cosigned");
            }
        }
    }

    /// Counts who has shown more or other than the database holds: fewer than t may lie.
    fn hear(&self, name: &str, fed: &Result<Time, FeedError>) {
        let mut beyond = self.beyond.lock().unwrap_or_else(PoisonError::into_inner);
        match fed {
            Ok(_) => drop(beyond.remove(name)),
            Err(error) if error.forbids_writing() => drop(beyond.insert(name.to_owned())),
            Err(_) => {}
        }
        if beyond.len() >= self.t {
            self.db.shut(BEHIND);
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

    /// Shows every witness the database's head. Fewer than t of them may be wrong or lie, so t must
    /// show that the record went on elsewhere, and t must hold it before anything is written. But once
    /// one shows more, the silent count with it, since writing behind honest witnesses could never be
    /// undone.
    pub async fn compare(&self, head: &StoredCheckpoint) -> Standing {
        let (mut beyond, mut silent, mut confirmed) = (Vec::new(), 0_usize, 0_usize);
        for (name, outcome) in self.feed_all(head).await {
            match outcome {
                Ok(_) => confirmed = confirmed.saturating_add(1),
                Err(error) if error.forbids_writing() => beyond.push((name, error)),
                Err(FeedError::Silent(_) | FeedError::Unshown) => silent = silent.saturating_add(1),
                Err(_) => {}
            }
        }
        let shown = beyond.len();
        match beyond.into_iter().next() {
            Some((name, error)) if shown >= self.t => Standing::Behind(name, error),
            Some(_) if shown.saturating_add(silent) >= self.t => Standing::Waiting,
            _ if confirmed >= self.t => Standing::Confirmed,
            _ => Standing::Waiting,
        }
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
        let mut attempt = self.attempt(witness, checkpoint, believed).await?;
        if let Attempt::Stale(size) = attempt
            && size <= checkpoint.size
        {
            attempt = self.attempt(witness, checkpoint, size).await?;
        }
        match attempt {
            Attempt::Cosigned(time) => Ok(time),
            Attempt::Stale(_) | Attempt::Inconsistent => Err(self.shown(witness).await?),
        }
    }

    /// What a witness that does not go along with our checkpoint has cosigned instead: only its own
    /// cosignature counts, or anybody on the way could shut the door.
    async fn shown(&self, witness: &Witness) -> Result<FeedError, FeedError> {
        let answer = self.wire.last_checkpoint(&witness.name).await.map_err(FeedError::Silent)?;
        let (200, body) = answer else { return Ok(FeedError::Unshown) };
        let Some(seen) = cosigned_by(&body, &witness.key) else { return Ok(FeedError::Unshown) };
        let held = self.db.query(move |conn| held(conn, &seen)).await?;
        match held {
            Held::Same(size) => {
                // It is only ahead of the checkpoint it was asked about, or of what we believed.
                self.believe(&witness.name, size);
                Ok(FeedError::Refused(409))
            }
            Held::Shorter { theirs, ours } => Ok(FeedError::Ahead { theirs, ours }),
            Held::Other => Ok(FeedError::Fork),
        }
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
            422 => Ok(Attempt::Inconsistent),
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
        let kept =
            self.db.write_beside(move |tx| store::add_cosignature(tx, size, &name, &line, time));
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
    /// The checkpoint does not follow what the witness saw.
    Inconsistent,
}

/// How a checkpoint of this origin stands to the database's.
enum Held {
    /// It is one of ours, of this size.
    Same(u64),
    /// The database ends before it.
    Shorter { theirs: u64, ours: u64 },
    /// The database has another root at its size.
    Other,
}

/// The checkpoint in a note that this witness has truly cosigned.
fn cosigned_by(body: &[u8], key: &VerifyingKey) -> Option<Checkpoint> {
    let note = Note::parse(body).ok()?;
    let line = note.signatures().iter().find(|line| line.claims(key))?;
    cosignature_time(note.text(), line, key).ok()?;
    Checkpoint::parse(note.text()).ok()
}

fn held(conn: &mut Conn, seen: &Checkpoint) -> Result<Held, Error> {
    let last = store::latest_checkpoint(conn)?;
    let last = last.ok_or_else(|| Error::Corrupt("no checkpoint at all".to_owned()))?;
    let ours = Checkpoint::parse(last.note.text());
    let ours = ours.map_err(|e| Error::Corrupt(e.to_string()))?;
    if seen.origin != ours.origin {
        return Ok(Held::Other);
    }
    if seen.size > ours.size {
        return Ok(Held::Shorter { theirs: seen.size, ours: ours.size });
    }
    let root = root_of_tiles(StoredTiles::new(conn), seen.size)?;
    Ok(if root == seen.root { Held::Same(seen.size) } else { Held::Other })
}
