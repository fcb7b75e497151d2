//! Following the record: every leaf is hashed into the tree again, and the head compared.
//!
//! Invariant: a head is reported only after every leaf below it was hashed into it again; a watcher
//! keeps the tree's edge, so what it has once counted can never change unseen.

use std::time::Duration;

use tokio::time::Instant;

use crate::crypto::hash::Hash;
use crate::crypto::note::Note;
use crate::error::{Arg, Said};
use crate::record::checkpoint::Cosigned;
use crate::record::tiles::{Level, Tile, parse_bundle};
use crate::record::tree::{Frontier, leaf_hash};

use crate::cli::client::Client;
use crate::cli::failed::Failed;
use crate::cli::output::Report;
use crate::cli::trust::Pinned;
use crate::cli::{Context, args};

/// Leaves in a full bundle.
pub(super) const BUNDLE: u64 = 256;

/// A reader of the record that keeps the tree's edge.
#[derive(Debug, Default)]
pub struct Follower {
    tree: Frontier,
}

impl Follower {
    /// One that starts at the first leaf.
    #[must_use]
    pub fn new() -> Self {
        Self { tree: Frontier::new() }
    }

    /// Reads the leaves that are new and checks the head over all.
    ///
    /// # Errors
    /// [`Failed::Receipt`] when the record shrank or was rewritten, [`Failed`].
    pub async fn look(&mut self, client: &Client, pinned: &Pinned) -> Result<Cosigned, Failed> {
        let note = Note::parse(&client.fetch("/record/checkpoint").await?);
        let roster = pinned.roster();
        let note = note.map_err(Failed::receipt)?;
        let head =
            Cosigned::from_network(&note, pinned.rosters().log_key(), &roster.witness_keys())
                .map_err(Failed::receipt)?;
        let size = head.checkpoint().size;
        if size < self.tree.size() {
            return Err(Failed::receipt(Said::bare("cli-say-why-shrunk")));
        }
        while self.tree.size() < size {
            for leaf in client.leaves(self.tree.size(), size).await? {
                self.tree.push(leaf_hash(leaf.as_bytes()));
            }
        }
        if self.tree.root() == head.checkpoint().root {
            Ok(head)
        } else {
            Err(Failed::receipt(Said::bare("cli-say-why-rewritten")))
        }
    }
}

impl Client {
    /// The leaves of a record of this size from one on, to the end of its bundle.
    ///
    /// # Errors
    /// [`Failed`].
    pub(super) async fn leaves(&self, from: u64, size: u64) -> Result<Vec<Hash>, Failed> {
        let tile = Tile::of_size(Level::Entries, from / BUNDLE, size);
        let tile = tile.ok_or_else(|| Failed::answer(Said::bare("cli-say-why-no-bundle")))?;
        let bytes = self.fetch(&format!("/record/{tile}")).await?;
        let mut leaves =
            parse_bundle(&bytes).map_err(|_| Failed::answer(Said::bare("cli-say-why-bundle")))?;
        if leaves.len() != usize::from(tile.width()) {
            return Err(Failed::answer(Said::bare("cli-say-why-bundle-length")));
        }
        let seen = usize::try_from(from % BUNDLE).unwrap_or(usize::MAX);
        Ok(leaves.split_off(seen.min(leaves.len())))
    }
}

/// `sealbid record watch`: a head that no quorum cosigned may be shown to this watcher alone, so it counts
/// for nothing; after `patience` without another one that is an error.
pub(super) async fn watch(
    context: &Context,
    every: Duration,
    times: Option<u32>,
    patience: Duration,
) -> Result<Report, Failed> {
    let (client, mut pinned) = (context.client()?, context.pinned().await?);
    let mut follower = Follower::new();
    let (mut looks, mut believed) = (0, Instant::now());
    loop {
        let head = follower.look(&client, &pinned).await?;
        let (size, count) = (head.checkpoint().size, head.cosignatures().len());
        let q = pinned.roster().q();
        let mut values = args([("size", size.to_string()), ("count", count.to_string())]);
        values.push(("at", Arg::Time(context.clock.now())));
        if count >= q {
            (looks, believed) = (looks + 1, Instant::now());
            if times.is_some_and(|times| looks >= times) {
                return Ok(Report::said("cli-say-head", values));
            }
            context.progress.say(&Said::new("cli-say-head", values));
        } else if believed.elapsed() >= patience {
            return Err(unseen(count, q, patience));
        } else {
            values.push(("needed", q.to_string().into()));
            context.progress.say(&Said::new("cli-say-head-few", values));
            // Another roster may have come into force.
            pinned = context.pinned().await?;
        }
        tokio::time::sleep(every).await;
    }
}

fn unseen(count: usize, q: usize, patience: Duration) -> Failed {
    let values = args([
        ("count", count.to_string()),
        ("needed", q.to_string()),
        ("seconds", patience.as_secs().to_string()),
    ]);
    Failed::receipt(Said::new("cli-say-why-few-cosigned", values))
}
