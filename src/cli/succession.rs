//! The way on after a lost tail, a restored backup or a stolen log key: drafted from the last checkpoint
//! that the platform still holds, signed by the regulator, then by q custodians.
//!
//! Invariant: what is signed is what the draft says, byte for byte.

use std::path::PathBuf;

use crate::crypto::key::VerifyingKey;
use crate::crypto::note::Note;
use crate::crypto::statement::Statement;
use crate::custodian::chain::Chain;
use crate::error::{Arg, Reason as Why};
use crate::record::checkpoint::Checkpoint;
use crate::record::succession::{Held, Succession, SuccessionReason, check_terms};

use super::failed::Failed;
use super::output::{Access, Report, write_new};
use super::{Context, args, read_file};

/// `sealbid succession …`
#[derive(Debug, clap::Subcommand)]
pub enum SuccessionCommand {
    /// Draft a succession from the last checkpoint that the platform's database holds
    Draft {
        /// That checkpoint
        #[arg(long, value_name = "FILE")]
        checkpoint: PathBuf,
        /// The public half of the new log key, which is named as the new origin
        #[arg(long, value_name = "KEY")]
        log_key: VerifyingKey,
        /// Why the record goes on under another origin
        #[arg(long)]
        reason: Reason,
        /// The draft to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// The regulator: sign a draft; custodians add theirs by `sealbid custodian sign-succession`
    Sign {
        /// The draft
        file: PathBuf,
        /// The signed succession to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// Why a record goes on under another origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Reason {
    /// Entries at the end were lost
    LostTail,
    /// The data was restored from a backup behind the witnesses
    RestoredBackup,
    /// Somebody else may hold the log's key
    StolenLogKey,
}

impl From<Reason> for SuccessionReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::LostTail => Self::LostTail,
            Reason::RestoredBackup => Self::RestoredBackup,
            Reason::StolenLogKey => Self::StolenLogKey,
        }
    }
}

impl SuccessionCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failed`].
    pub fn run(&self, context: &Context) -> Result<Report, Failed> {
        match self {
            Self::Draft { checkpoint, log_key, reason, out } => {
                let path = context.roster.as_ref().ok_or(Failed::Missing("--roster"))?;
                let rosters =
                    Chain::parse(&read_file(path)?).map_err(|e| Failed::in_file(path, e))?;
                let note = Note::parse(&read_file(checkpoint)?).map_err(wrong)?;
                note.require(rosters.log_key()).map_err(wrong)?;
                let held = Checkpoint::parse(note.text()).map_err(wrong)?;
                let body = Succession {
                    last_checkpoint: Held { root: held.root, size: held.size },
                    new_log_key: log_key.clone(),
                    new_origin: log_key.name().to_owned(),
                    old_origin: held.origin,
                    reason: (*reason).into(),
                };
                check_terms(&body, rosters.log_key()).map_err(wrong)?;
                let draft = Statement::new(body).map_err(wrong)?;
                write_new(out, draft.note().text().as_bytes(), Access::Usual)?;
                Ok(Report::plain(draft.sha256().to_string()))
            }
            Self::Sign { file, out } => {
                let text = String::from_utf8(read_file(file)?).map_err(wrong)?;
                let note = Note::new(text).map_err(wrong)?;
                let mut succession = Statement::<Succession>::from_note(note).map_err(wrong)?;
                succession.sign(&*context.key()?);
                write_new(out, succession.encode().as_bytes(), Access::Usual)?;
                let values = args([("sha256", succession.sha256().to_string())]);
                Ok(Report::said("cli-say-succession-signed", values))
            }
        }
    }
}

fn wrong(reason: impl Why) -> Failed {
    Failed::content(Arg::Word("cli-say-what-succession"), reason)
}
