//! `sealbid record …`: the record as anybody can follow it.
//!
//! Invariant: what is called proven was hashed on this machine, up to a checkpoint that a pinned
//! roster's custodians cosigned; a watcher that is shown no such checkpoint says so and ends. `entry`, `export` and `check` end with the codes of `sealbid verify`.

mod check;
mod entry;
mod export;
mod folder;
mod follow;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Error;
use crate::verify::EXIT_UNREADABLE;

use super::Context;
use super::case::FetchCase;
use super::failed::Failed;
use super::output::Report;

pub use self::folder::{About, Entry, Level, Waiting, Why, Withheld};
pub use self::follow::Follower;

/// What does not hold.
const EXIT_FAILED: u8 = 1;
/// Nothing failed, but nothing was pinned.
const EXIT_NOT_PINNED: u8 = 3;
/// The record does not stand on what was pinned.
const EXIT_MISMATCH: u8 = 4;
/// Pinned, and nothing failed; but the proof is not complete.
const EXIT_UNDECIDED: u8 = 5;

/// What the help says of exit codes.
const AFTER_HELP: &str = "\
Exit codes, as those of \"sealbid verify\":
  0  pinned, and proven
  1  it does not hold
  2  nothing could be judged: not there, not shown to you, damaged, or the command is wrong
  3  nothing failed, but nothing was pinned: give --trust
  4  the record does not stand on what --trust names
  5  nothing failed, but the proof is not complete: the report says what is missing
  75 the platform does not answer: try again";

/// `sealbid record …`
#[derive(Debug, clap::Subcommand)]
pub enum RecordCommand {
    /// Show one entry, if its level lets you see it, and prove that the record holds it
    #[command(after_help = AFTER_HELP)]
    Entry {
        /// Its index
        index: u64,
    },
    /// Download the whole record with every entry that you may see, check it, and keep it in a folder
    ///
    /// The regulator, with its key, sees every act whose unit has ended, and the pads. What is withheld
    /// is listed with its leaf and the reason. An export that was interrupted goes on when the command
    /// is given again.
    #[command(after_help = AFTER_HELP)]
    Export {
        /// The folder: a new one, or one where an export of yours stopped
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Check an exported record off-line: root, entries, what is withheld
    #[command(after_help = AFTER_HELP)]
    Check {
        /// Its folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Save a tender's case file, to be checked off-line with "sealbid verify"
    Case(FetchCase),
    /// Follow the record and check that it only grows
    Watch {
        /// Seconds between two looks
        #[arg(long, default_value_t = 10)]
        every: u64,
        /// Stop after this many looks that saw enough cosignatures; never if absent
        #[arg(long)]
        times: Option<u32>,
        /// Fail when no look has seen the cosignatures of a quorum for so many seconds
        #[arg(long, default_value_t = 300)]
        patience: u64,
    },
}

impl RecordCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failed`], with the exit code that the command's help says.
    pub fn run(&self, context: &Context) -> Result<Report, Error> {
        match self {
            Self::Entry { index } => context.wait(entry::entry(context, *index)).map_err(judged),
            Self::Export { out } => context.wait(export::export(context, out)).map_err(judged),
            Self::Check { folder } => check(context, folder).map_err(judged),
            Self::Case(fetch) => Ok(context.wait(fetch.run(context))?),
            Self::Watch { every, times, patience } => {
                let [every, patience] = [every, patience].map(|secs| Duration::from_secs(*secs));
                Ok(context.wait(follow::watch(context, every, *times, patience))?)
            }
        }
    }
}

fn check(context: &Context, folder: &Path) -> Result<Report, Failed> {
    let pin = context.trust.as_ref().map(|_| context.pin()).transpose()?;
    check::check(folder, pin.as_ref(), &*context.progress)
}

/// Gives a failure the exit code that `sealbid verify` has for it: what could not be judged must not
/// look like what does not hold. Failures of machines keep theirs.
fn judged(failed: Failed) -> Error {
    let exit = match &failed {
        Failed::Export(_) | Failed::Receipt(_) => Some(EXIT_FAILED),
        Failed::NotPinned => Some(EXIT_MISMATCH),
        Failed::Machine(_) => None,
        _ => Some(EXIT_UNREADABLE),
    };
    let error = Error::from(failed);
    match exit {
        Some(exit) if !error.is_transient() => error.ending_with(exit),
        _ => error,
    }
}
