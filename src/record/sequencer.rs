//! From acts to a published tree: at every tick, what was committed since the last one is integrated.
//!
//! A tick is itself an act at the door, so nothing is committed while it runs. In one transaction it
//! fills the batch to a multiple of 8 with pads, writes the tiles, and signs the checkpoint, after
//! comparing the last one in the database with the one in memory. Invariant: of one size there is
//! one root, ever; a database that says otherwise is refused, and the way on is a succession.
//! Deliberately absent: witnesses, which cosign later and delay nobody.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::checkpoint::Checkpoint;
use super::edge::TileEdge;
use super::leaf::{PadKey, leaf};
use super::standing::CONTRADICTED;
use super::store::{self, StoredCheckpoint, StoredTiles, index_of, stored};
use super::tiles::TileTree;
use super::tree::prove_inclusion;
use crate::clock::Time;
use crate::crypto::entropy;
use crate::crypto::hash::Hash;
use crate::crypto::key::{SigningKey, VerifyingKey};
use crate::crypto::note::Note;
use crate::db::{Conn, Db, Error, Tx};

/// Batches are filled to a multiple of this.
const PADDED_TO: u64 = 8;

/// Entries read at once while integrating.
const READ: u32 = 4096;

/// How the record is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Time between ticks: how long an act waits for its receipt at most.
    pub cadence: Duration,
    /// Mean time between batches that hold nothing but pads, so that quiet hours look like others.
    pub decoys: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { cadence: Duration::from_millis(400), decoys: Duration::from_secs(30) }
    }
}

/// The keys that publish: the log's, which signs checkpoints and nothing else, and the pads'.
#[derive(Debug)]
pub struct Keys {
    /// Its name is the record's origin.
    pub log: SigningKey,
    /// What pad salts derive from.
    pub pads: PadKey,
}

/// A published state of the record.
#[derive(Debug, Clone)]
pub struct Published {
    /// The checkpoint, with the log's signature only.
    pub checkpoint: StoredCheckpoint,
    /// The first index of its batch.
    pub first: u64,
    /// Inclusion proofs of the batch's entries, in order; its pads have none.
    proofs: Vec<Vec<Hash>>,
}

impl Published {
    /// The inclusion proof of an entry of this very batch; others are proven from the tiles.
    #[must_use]
    pub fn proof(&self, index: u64) -> Option<&[Hash]> {
        let place = usize::try_from(index.checked_sub(self.first)?).ok()?;
        self.proofs.get(place).map(Vec::as_slice)
    }
}

/// The one that integrates. Several instances may run on one database; the door orders them.
pub struct Sequencer {
    db: Db,
    pace: Pace,
    core: Arc<Core>,
    published: watch::Sender<Arc<Published>>,
}

struct Core {
    keys: Keys,
    /// Signed the checkpoints before the last succession.
    former: Option<VerifyingKey>,
    /// What was last committed, as far as this instance knows.
    edge: Mutex<TileEdge>,
    decoys: Duration,
    last_tick: Mutex<Option<Time>>,
    /// The next tick publishes whether or not anything happened.
    wanted: AtomicBool,
}

impl Sequencer {
    /// Loads the record's end and proves the tiles against the last checkpoint; the very first time
    /// it signs the checkpoint of the empty record, which fixes the origin.
    ///
    /// # Errors
    /// `Corrupt` when the record is another's or its tiles contradict its checkpoint.
    pub async fn open(db: Db, keys: Keys, pace: Pace) -> Result<Self, Error> {
        Self::open_after(db, keys, None, pace).await
    }

    /// The same for a record that a succession continues: its last checkpoint may still be one of the
    /// `former` key. The next is signed by the key in force.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub async fn open_after(
        db: Db,
        keys: Keys,
        former: Option<VerifyingKey>,
        pace: Pace,
    ) -> Result<Self, Error> {
        let edge = Mutex::new(TileEdge::new());
        let core = Core {
            keys,
            former,
            edge,
            decoys: pace.decoys,
            last_tick: Mutex::new(None),
            wanted: AtomicBool::new(false),
        };
        let core = Arc::new(core);
        let inner = Arc::clone(&core);
        let (edge, checkpoint) = db.write_after_entries(move |tx| inner.begin(tx)).await?;
        *core.edge.lock().unwrap_or_else(PoisonError::into_inner) = edge;
        let first = checkpoint.size;
        let published = Arc::new(Published { checkpoint, first, proofs: Vec::new() });
        Ok(Self { db, pace, core, published: watch::Sender::new(published) })
    }

    /// The last published state that this instance knows.
    #[must_use]
    pub fn published(&self) -> Arc<Published> {
        Arc::clone(&self.published.borrow())
    }

    /// Follows the published states.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Arc<Published>> {
        self.published.subscribe()
    }

    /// Waits until the entry at `index` is in a published tree, and returns that state.
    ///
    /// # Errors
    /// `Shut` when it is not, and nothing is published any more.
    pub async fn integrated(&self, index: u64) -> Result<Arc<Published>, Error> {
        let (mut follow, mut shut) = (self.follow(), self.db.shut_for());
        // The senders live as long as this struct, so they cannot be gone.
        tokio::select! {
            biased;
            found = follow.wait_for(|p| p.checkpoint.size > index) => {
                Ok(found.map_or_else(|_| self.published(), |p| Arc::clone(&p)))
            }
            code = shut.wait_for(Option::is_some) => {
                Err(Error::Shut(code.ok().and_then(|code| *code).unwrap_or(CONTRADICTED)))
            }
        }
    }

    /// Ticks at the cadence for as long as it is polled. A tick that fails is said and tried again.
    pub async fn run(&self) {
        let mut ticks = tokio::time::interval(self.pace.cadence);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.tick().await {
                // It was said when the door was shut.
                Ok(_) | Err(Error::Shut(_)) => {}
                Err(error) => tracing::error!(%error, "the record was not extended"),
            }
        }
    }

    /// Has the next tick publish a checkpoint even when nothing happened: some rules wait for the
    /// witnesses' word that an hour has passed, and they cosign what they are shown.
    pub fn want_checkpoint(&self) {
        self.core.wanted.store(true, Ordering::SeqCst);
    }

    /// Integrates what was committed since the last tick; `None` when there was nothing and no decoy
    /// was due. What another instance published meanwhile is taken over either way.
    ///
    /// # Errors
    /// `Corrupt` when the database contradicts what this instance published: then the door is shut
    /// for good; else the door's.
    pub async fn tick(&self) -> Result<Option<Arc<Published>>, Error> {
        let core = Arc::clone(&self.core);
        let done = self.db.write_after_entries(move |tx| core.tick(tx)).await;
        if matches!(done, Err(Error::Corrupt(_))) {
            self.db.shut(CONTRADICTED);
        }
        let Some(Ticked { edge, published, by }) = done? else { return Ok(None) };
        *self.core.edge.lock().unwrap_or_else(PoisonError::into_inner) = edge;
        let published = Arc::new(published);
        self.published.send_replace(Arc::clone(&published));
        Ok((by == By::This).then_some(published))
    }
}

/// Who published a state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// This instance, now.
    This,
    /// Another one, since this one looked last.
    Another,
}

/// What a tick found or made.
struct Ticked {
    edge: TileEdge,
    published: Published,
    by: By,
}

impl Core {
    fn begin(&self, tx: &mut Tx<'_>) -> Result<(TileEdge, StoredCheckpoint), Error> {
        tx.unrecorded("the checkpoint of the empty record");
        let Some(last) = store::latest_checkpoint(tx.conn())? else {
            let edge = TileEdge::new();
            let checkpoint = self.sign(&edge, tx.now())?;
            store::insert_checkpoint(tx, &checkpoint)?;
            return Ok((edge, checkpoint));
        };
        let edge = self.load(tx.conn(), &last)?;
        Ok((edge, last))
    }

    /// The edge of the stored tree, if it is ours and leads to `last`'s root.
    fn load(&self, conn: &mut Conn, last: &StoredCheckpoint) -> Result<TileEdge, Error> {
        let corrupt = |e: &dyn std::error::Error| Error::Corrupt(format!("the checkpoint: {e}"));
        let stated = Checkpoint::parse(last.note.text()).map_err(|e| corrupt(&e))?;
        let own = self.keys.log.verifying();
        let former = self.former.as_ref().filter(|former| stated.origin == former.name());
        let key = former.unwrap_or(own);
        last.note.require(key).map_err(|e| corrupt(&e))?;
        let edge = TileEdge::load(&StoredTiles::new(conn), last.size)?;
        let own =
            Checkpoint { origin: key.name().to_owned(), size: edge.size(), root: edge.root() };
        if stated != own || last.root != own.root {
            return Err(Error::Corrupt(
                "the tiles do not lead to the last checkpoint of this log key".to_owned(),
            ));
        }
        Ok(edge)
    }

    fn tick(&self, tx: &mut Tx<'_>) -> Result<Option<Ticked>, Error> {
        tx.unrecorded("tiles and checkpoints say nothing new");
        let (mut edge, followed) = self.compare(tx.conn())?;
        let first = edge.size();
        let next = index_of(tx.next_index())?;
        let decoy = self.decoy_is_due(tx)?;
        if next == first && !decoy {
            // Proofs of what another instance integrated come from the tiles.
            let publish = |checkpoint| {
                let published = Published { checkpoint, first, proofs: Vec::new() };
                Ticked { edge, published, by: By::Another }
            };
            return Ok(followed.map(publish));
        }
        integrate(tx.conn(), &mut edge, next)?;
        let padded = (first + 1).max(next).next_multiple_of(PADDED_TO);
        (next..padded).for_each(|index| edge.push(self.keys.pads.leaf(index)));
        tx.skip_to(stored(padded)?);
        for (tile, bytes) in edge.take_changed() {
            store::put_tile(tx, &tile, &bytes)?;
        }
        let checkpoint = self.sign(&edge, tx.now())?;
        store::insert_checkpoint(tx, &checkpoint)?;
        let tree = TileTree::new(StoredTiles::new(tx.conn()), padded);
        let proofs = (first..next).map(|index| prove_inclusion(&tree, index, padded));
        let proofs = proofs.collect::<Result<_, _>>()?;
        let published = Published { checkpoint, first, proofs };
        Ok(Some(Ticked { edge, published, by: By::This }))
    }

    /// The compare of compare-and-swap: the edge in memory if it is the database's end, the
    /// database's, with its checkpoint, if another instance went on, a refusal if it went back or
    /// aside.
    fn compare(&self, conn: &mut Conn) -> Result<(TileEdge, Option<StoredCheckpoint>), Error> {
        let last = store::latest_checkpoint(conn)?;
        let last = last.ok_or_else(|| Error::Corrupt("no checkpoint at all".to_owned()))?;
        let edge = self.edge.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if (last.size, last.root) == (edge.size(), edge.root()) {
            return Ok((edge, None));
        }
        let before = store::checkpoint_at(conn, edge.size());
        if before.is_ok_and(|before| before.root == edge.root()) {
            return Ok((self.load(conn, &last)?, Some(last)));
        }
        Err(Error::Corrupt(format!(
            "the database ends at size {}, but size {} with another root was published",
            last.size,
            edge.size()
        )))
    }

    /// Memoryless: each tick draws with the chance of its share in the mean.
    fn decoy_is_due(&self, tx: &Tx<'_>) -> Result<bool, Error> {
        let mut last = self.last_tick.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = last.map_or(0, |last| tx.now().since(last).max(0));
        *last = Some(tx.now());
        let mean = u64::try_from(self.decoys.as_millis()).unwrap_or(u64::MAX).max(1);
        let drawn = u64::from_be_bytes(entropy::array(tx.entropy())?) % mean;
        let wanted = self.wanted.swap(false, Ordering::SeqCst);
        Ok(wanted || drawn < u64::try_from(elapsed).unwrap_or(0))
    }

    fn sign(&self, edge: &TileEdge, at: Time) -> Result<StoredCheckpoint, Error> {
        let origin = self.keys.log.verifying().name().to_owned();
        let (size, root) = (edge.size(), edge.root());
        let note: Note = Checkpoint { origin, size, root }
            .signed(&self.keys.log)
            .map_err(|e| Error::Backend(e.to_string()))?;
        Ok(StoredCheckpoint { size, root, at, note })
    }
}

/// Adds the entries up to `next`; a gap in them is a lost row.
fn integrate(conn: &mut Conn, edge: &mut TileEdge, next: u64) -> Result<(), Error> {
    while edge.size() < next {
        let rows = store::entries(conn, edge.size(), next, READ)?;
        if rows.is_empty() {
            return Err(Error::Corrupt(format!("entry {} is missing", edge.size())));
        }
        for row in rows {
            if row.index != edge.size() {
                return Err(Error::Corrupt(format!("entry {} is missing", edge.size())));
            }
            edge.push(leaf(&row.salt, &row.event));
        }
    }
    Ok(())
}
