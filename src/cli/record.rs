//! `sealbid record …`: the record as anybody can follow it.
//!
//! Invariant: a head is reported only after every leaf below it was hashed into it again; a watcher
//! keeps the tree's edge, so what it has once counted can never change unseen.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::crypto::hash::Hash;
use crate::crypto::note::Note;
use crate::error::{Arg, Said};
use crate::record::checkpoint::Cosigned;
use crate::record::leaf::{Salt, leaf};
use crate::record::tiles::{Level, Tile, parse_bundle};
use crate::record::tree::{Frontier, leaf_hash};

use super::case::FetchCase;
use super::client::{Access, Client};
use super::failed::Failed;
use super::output::{Access as FileAccess, Report, write_new};
use super::trust::Pinned;
use super::{Context, args};

/// Leaves in a full bundle.
const BUNDLE: u64 = 256;

/// `sealbid record …`
#[derive(Debug, clap::Subcommand)]
pub enum RecordCommand {
    /// Show one entry, if its level lets you see it
    Entry {
        /// Its index
        index: u64,
    },
    /// Download the whole record, check it, and write it to a folder
    Export {
        /// The folder; it must not exist
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Also ask for every entry's salt and event, and keep those that you may see
        #[arg(long)]
        entries: bool,
    },
    /// Save a tender's case file, to be checked off-line with "sealbid verify"
    Case(FetchCase),
    /// Follow the record and check that it only grows
    Watch {
        /// Seconds between two looks
        #[arg(long, default_value_t = 10)]
        every: u64,
        /// Stop after this many looks; never if absent
        #[arg(long)]
        times: Option<u32>,
    },
}

/// An entry as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place.
    pub index: u64,
    /// Its leaf's salt.
    pub salt: Salt,
    /// The event's text.
    pub event: String,
}

/// A reader of the record that keeps the tree's edge.
#[derive(Debug)]
pub struct Follower {
    tree: Frontier,
    /// Every leaf, when they are wanted.
    leaves: Option<Vec<Hash>>,
}

impl Follower {
    /// One that starts at the first leaf; `Keep::Leaves` remembers all of them.
    #[must_use]
    pub fn new(keep: Keep) -> Self {
        Self { tree: Frontier::new(), leaves: (keep == Keep::Leaves).then(Vec::new) }
    }

    /// Reads the leaves that are new and checks the head over all.
    ///
    /// # Errors
    /// [`Failed::Receipt`] when the record shrank or was rewritten, [`Failed`].
    pub async fn look(&mut self, client: &Client, pinned: &Pinned) -> Result<Cosigned, Failed> {
        let wrong = |e: &dyn std::fmt::Display| Failed::Receipt(e.to_string());
        let note = Note::parse(&client.fetch("/record/checkpoint").await?);
        let roster = pinned.roster();
        let note = note.map_err(|e| wrong(&e))?;
        let head =
            Cosigned::from_network(&note, pinned.rosters().log_key(), &roster.witness_keys())
                .map_err(|e| wrong(&e))?;
        let size = head.checkpoint().size;
        if size < self.tree.size() {
            return Err(wrong(&"the record is shorter than it was"));
        }
        while self.tree.size() < size {
            self.read_bundle(client, size).await?;
        }
        if self.tree.root() == head.checkpoint().root {
            Ok(head)
        } else {
            Err(wrong(&"the leaves do not give the signed root: the record was rewritten"))
        }
    }

    async fn read_bundle(&mut self, client: &Client, size: u64) -> Result<(), Failed> {
        let at = self.tree.size();
        let tile = Tile::of_size(Level::Entries, at / BUNDLE, size);
        let tile = tile.ok_or_else(|| Failed::Answer("no such bundle".to_owned()))?;
        let bytes = client.fetch(&format!("/record/{tile}")).await?;
        let entries = parse_bundle(&bytes).map_err(|e| Failed::Answer(e.to_string()))?;
        if entries.len() != usize::from(tile.width()) {
            return Err(Failed::Answer("a bundle of another length".to_owned()));
        }
        let seen = usize::try_from(at % BUNDLE).unwrap_or(usize::MAX);
        for entry in entries.iter().skip(seen) {
            self.tree.push(leaf_hash(entry.as_bytes()));
            if let Some(leaves) = &mut self.leaves {
                leaves.push(*entry);
            }
        }
        Ok(())
    }
}

/// What a [`Follower`] remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The tree's edge only.
    Edge,
    /// Every leaf.
    Leaves,
}

impl Client {
    /// An entry, if its level lets the client's holder see it.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn entry(&self, index: u64) -> Result<Entry, Failed> {
        let access = if self.key().is_ok() { Access::Own } else { Access::Public };
        self.get(&format!("/record/entries/{index}"), access).await
    }
}

impl RecordCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failed`].
    pub fn run(&self, context: &Context) -> Result<Report, Failed> {
        context.wait(async {
            match self {
                Self::Entry { index } => {
                    let entry = context.client()?.entry(*index).await?;
                    let hash = leaf(&entry.salt, entry.event.as_bytes());
                    let values = args([("index", index.to_string()), ("leaf", hash.to_string())]);
                    Ok(Report::said("cli-say-entry", values).and_plain(entry.event))
                }
                Self::Export { out, entries } => {
                    let content = if *entries { Content::Entries } else { Content::Leaves };
                    export(context, out, content).await
                }
                Self::Case(fetch) => fetch.run(context).await,
                Self::Watch { every, times } => watch(context, *every, *times).await,
            }
        })
    }
}

/// What an export holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    /// Checkpoint and leaves.
    Leaves,
    /// And every entry that its holder may see.
    Entries,
}

async fn export(context: &Context, out: &Path, content: Content) -> Result<Report, Failed> {
    if out.exists() {
        return Err(Failed::Exists(out.display().to_string()));
    }
    let (client, pinned) = (context.client()?, context.pinned().await?);
    let mut follower = Follower::new(Keep::Leaves);
    let head = follower.look(&client, &pinned).await?;
    let leaves = follower.leaves.unwrap_or_default();
    std::fs::create_dir_all(out).map_err(|e| Failed::file(out, &e))?;
    let note = head.note().encode();
    write_new(&out.join("checkpoint"), note.as_bytes(), FileAccess::Usual)?;
    let text: String = leaves.iter().map(|leaf| format!("{leaf}\n")).collect();
    write_new(&out.join("leaves"), text.as_bytes(), FileAccess::Usual)?;
    let mut shown = 0_u64;
    if content == Content::Entries {
        let mut lines = String::new();
        for (index, expected) in (0..).zip(&leaves) {
            if let Some(entry) = seen(&client, index, expected).await? {
                let line = serde_json::to_string(&entry).map_err(|e| Failed::content("json", e))?;
                lines.push_str(&line);
                lines.push('\n');
                shown += 1;
            }
            context.progress.at(index + 1, head.checkpoint().size);
        }
        write_new(&out.join("entries.jsonl"), lines.as_bytes(), FileAccess::Private)?;
    }
    let values = args([
        ("size", head.checkpoint().size.to_string()),
        ("shown", shown.to_string()),
        ("count", head.cosignatures().len().to_string()),
        ("path", out.display().to_string()),
    ]);
    Ok(Report::said("cli-say-exported", values))
}

/// An entry that may be seen, its leaf checked; none when it may not.
async fn seen(client: &Client, index: u64, expected: &Hash) -> Result<Option<Entry>, Failed> {
    match client.entry(index).await {
        Ok(entry) if leaf(&entry.salt, entry.event.as_bytes()) == *expected => Ok(Some(entry)),
        Ok(_) => Err(Failed::Receipt(format!("entry {index} is not what its leaf binds"))),
        Err(failed) if failed.told().is_some_and(|told| matches!(told.status, 403 | 404)) => {
            Ok(None)
        }
        Err(failed) => Err(failed),
    }
}

async fn watch(context: &Context, every: u64, times: Option<u32>) -> Result<Report, Failed> {
    let (client, pinned) = (context.client()?, context.pinned().await?);
    let mut follower = Follower::new(Keep::Edge);
    let mut looks = 0;
    loop {
        let head = follower.look(&client, &pinned).await?;
        let (size, count) = (head.checkpoint().size, head.cosignatures().len());
        let mut values = args([("size", size.to_string()), ("count", count.to_string())]);
        values.push(("at", Arg::Time(context.clock.now())));
        looks += 1;
        if times.is_some_and(|times| looks >= times) {
            return Ok(Report::said("cli-say-head", values));
        }
        context.progress.say(&Said::new("cli-say-head", values));
        tokio::time::sleep(Duration::from_secs(every)).await;
    }
}
