//! `sealbid bid …`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::bid::statements::Manifest;
use crate::crypto::statement::Statement;
use crate::error::Said;
use crate::ids::{BidId, UnitId};
use crate::record::proof::Receipt;

use super::challenge::Challenge;
use super::check::read;
use super::credentials;
use super::ended::ended;
use super::folder::{CREDENTIALS, Chain, Folder};
use super::lodge::Lodge;
use super::prepare::{Check, Seal};
use super::seal::beside;
use super::send::{Accepted, Sending, Standing, check_event};
use super::status::Status;
use super::unit::CheckedUnit;
use super::withdraw::withdraw;
use crate::bid::rules::{ChainKind, line};
use crate::cli::client::{Access, Client};
use crate::cli::failed::Failed;
use crate::cli::output::{Access as FileAccess, Report, replace, write_new};
use crate::cli::recorded::completing;
use crate::cli::trust::Pinned;
use crate::cli::{Context, args, read_file};

/// `sealbid bid …`
#[derive(Debug, clap::Subcommand)]
pub enum BidCommand {
    /// Make a folder with a bid.toml to fill in
    New {
        /// The folder
        folder: PathBuf,
        /// The opening unit
        #[arg(long)]
        unit: UnitId,
    },
    /// Save a unit with its signatures, for sealing off-line; with --key also what shows your key
    Unit {
        /// The opening unit
        unit: UnitId,
        /// The file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Seal a folder's bid into one .bid file
    Seal(Seal),
    /// Check a .bid file again, with the kept identity down to its contents
    Check(Check),
    /// Submit a .bid file
    Submit(Send),
    /// Replace your live bid by a new version
    Replace(Send),
    /// Bring your live bid's envelope again when the platform lost it; until the opening
    Resupply(Send),
    /// Take your live bid back
    Withdraw {
        /// The opening unit
        unit: UnitId,
        /// The bid's folder, which remembers it
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,
        /// Where the receipt goes
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// List your bids in all units
    List {
        /// Print the platform's JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Ask the platform where your bid stands, and after the close whether it is in
    Status(Status),
    /// Hand a .bid file to a custodian when the platform does not answer
    Lodge(Lodge),
    /// Show your receipt to every custodian when the close leaves your bid out
    Challenge(Challenge),
    /// Fetch a receipt again until enough custodians cosigned it
    Receipt {
        /// The receipt to complete, or the .bid file beside it
        file: PathBuf,
        /// How many seconds to wait for them
        #[arg(long, default_value_t = 30)]
        wait: u64,
    },
}

/// A bid of one's own, as the platform lists it.
#[derive(Deserialize)]
struct Own {
    unit_id: UnitId,
    bid_id: BidId,
    kind: String,
    seq: u32,
    index: u64,
}

/// `sealbid bid submit`, `replace` and `resupply`
#[derive(Debug, clap::Args)]
pub struct Send {
    /// The .bid file; its receipt goes beside it
    pub file: PathBuf,
}

impl BidCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failed`].
    pub fn run(&self, context: &Context) -> Result<Report, Failed> {
        match self {
            Self::New { folder, unit } => {
                Folder::create(folder, *unit, &*context.entropy)?;
                let path = folder.join("bid.toml").display().to_string();
                Ok(Report::said("cli-say-bid-new", args([("path", path)])))
            }
            Self::Unit { unit, out } => context.wait(save_unit(context, unit, out)),
            Self::Seal(command) => command.run(context),
            Self::Check(command) => command.run(context),
            Self::Submit(send) => context.wait(send.run(context, ChainKind::Withdrawal)),
            Self::Replace(send) => context.wait(send.run(context, ChainKind::Manifest)),
            Self::Resupply(send) => context.wait(send.resupply(context)),
            Self::Withdraw { unit, folder, out } => {
                context.wait(withdraw(context, unit, folder.as_deref(), out.as_deref()))
            }
            Self::List { json: true } => context
                .wait(async { Report::json(&context.client()?.get("/bids", Access::Own).await?) }),
            Self::List { json: false } => context.wait(list(context)),
            Self::Challenge(challenge) => context.wait(challenge.run(context)),
            Self::Status(status) => context.wait(status.run(context)),
            Self::Lodge(lodge) => context.wait(lodge.run(context)),
            Self::Receipt { file, wait } => {
                context.wait(receipt(context, file, Duration::from_secs(*wait)))
            }
        }
    }
}

async fn save_unit(context: &Context, unit: &UnitId, out: &Path) -> Result<Report, Failed> {
    let client = context.client()?;
    let view = client.unit(unit).await?;
    let pinned = context.pinned().await?;
    CheckedUnit::on_line(&view, &pinned)?;
    let text = serde_json::to_vec_pretty(&view).map_err(Failed::answer)?;
    write_new(out, &text, FileAccess::Usual)?;
    let report = Report::said("cli-say-saved", args([("path", out.display().to_string())]));
    if context.key.is_none() {
        return Ok(report.and("cli-say-unit-no-key", args([])));
    }
    let notes = credentials::own(&client, &pinned).await?;
    if notes.is_empty() {
        return Ok(report.and("cli-say-no-credentials", args([])));
    }
    let folder = out.parent().unwrap_or(Path::new("."));
    credentials::save(folder, &notes)?;
    let path = folder.join(CREDENTIALS).display().to_string();
    Ok(report.and("cli-say-saved", args([("path", path)])))
}

impl Send {
    /// `expected` is what the last statement of the chain must be: a manifest to replace, or none.
    async fn run(&self, context: &Context, expected: ChainKind) -> Result<Report, Failed> {
        let (client, pinned) = (context.client()?, context.pinned().await?);
        let envelope = read(&self.file)?;
        let manifest = &envelope.manifest;
        let standing = client.standing(&manifest.body().unit_id).await?;
        let is_this = |s: &&Standing| s.sha256 == manifest.sha256();
        if let Some(standing) = standing.as_ref().filter(is_this) {
            // The answer was lost the last time: the receipt is all that is missing.
            return self.done(context, (&client, &pinned), manifest, standing.index).await;
        }
        self.place()?;
        if manifest.note().require(client.key()?.verifying()).is_err() {
            return Err(Failed::NotYours);
        }
        let live = standing.as_ref().map_or(ChainKind::Withdrawal, Standing::kind);
        match (live, expected) {
            (ChainKind::Manifest, ChainKind::Withdrawal) => return Err(Failed::LiveBid),
            (ChainKind::Withdrawal, ChainKind::Manifest) => return Err(Failed::NoLiveBid),
            _ => {}
        }
        // Before the bid goes out: the platform may be gone in the midst of it.
        let held = credentials::hold(&client, &pinned, self.folder().root()).await;
        let kept = beside(&self.file, ".upload");
        let sending = Sending { kept: Some(&kept), progress: &*context.progress };
        let sent = client.submit_envelope(&pinned, &envelope, sending).await;
        let accepted = match sent {
            Ok(accepted) => accepted,
            Err(failed) => {
                self.keep(context, &pinned, &failed);
                let unit = &manifest.body().unit_id;
                // Why it takes no bid: the refusal itself is what is reported.
                let end = ended(&client, &pinned, unit, None).await.unwrap_or_default();
                let end = end.text(context.lang);
                end.lines().for_each(|line| context.progress.tell(line));
                return Err(failed);
            }
        };
        drop(std::fs::remove_file(&kept));
        Ok(held.told(self.saved(context, manifest, &accepted)?))
    }

    /// A file beside the `.bid`. Of a name with another ending nothing is cut off, or a receipt could
    /// take another one's place, or the bid's own.
    fn named(&self, ending: &str) -> PathBuf {
        if self.file.extension().is_some_and(|it| it == "bid") {
            beside(&self.file.with_extension(""), ending)
        } else {
            beside(&self.file, ending)
        }
    }

    fn folder(&self) -> Folder {
        Folder::at(self.file.parent().unwrap_or(Path::new(".")))
    }

    /// Whether receipt and memory can be kept, before anything is sent.
    fn place(&self) -> Result<(), Failed> {
        let receipt = self.named(".tlog-proof");
        if receipt.is_dir() {
            return Err(Failed::Exists(receipt.display().to_string()));
        }
        self.folder().chain().map(drop)
    }

    async fn resupply(&self, context: &Context) -> Result<Report, Failed> {
        let (client, pinned) = (context.client()?, context.pinned().await?);
        let envelope = read(&self.file)?;
        let kept = beside(&self.file, ".upload");
        let sending = Sending { kept: Some(&kept), progress: &*context.progress };
        let accepted = client.resupply(&pinned, &envelope, sending).await?;
        drop(std::fs::remove_file(&kept));
        let path = self.named(".resupplied.tlog-proof");
        replace(&path, accepted.text.as_bytes())?;
        Ok(receipt_told(context, "cli-say-resupplied", &accepted, &path))
    }

    async fn done(
        &self,
        context: &Context,
        (client, pinned): (&Client, &Pinned),
        manifest: &Statement<Manifest>,
        index: u64,
    ) -> Result<Report, Failed> {
        let accepted = client.receipt(pinned, index).await?;
        check_event(&accepted, manifest)?;
        let report = self.saved(context, manifest, &accepted)?;
        let line = line(accepted.checked.receipt.salt.as_bytes(), &manifest.sha256());
        let end = ended(client, pinned, &manifest.body().unit_id, Some(line)).await?;
        Ok(report.with(end))
    }

    /// Keeps the receipt of what is no success.
    fn keep(&self, context: &Context, pinned: &Pinned, failed: &Failed) {
        match failed {
            // For a challenge, should the close hold it nevertheless.
            Failed::ReplacedSince(old) | Failed::WithdrawnSince(old) => {
                drop(replace(&self.named(".tlog-proof"), old.text.as_bytes()));
            }
            failed => {
                keep_refusal(context, pinned, failed, &self.named(".refused.tlog-proof"));
            }
        }
    }

    /// The receipt first: what the folder remembers, the platform tells again.
    fn saved(
        &self,
        context: &Context,
        manifest: &Statement<Manifest>,
        accepted: &Accepted,
    ) -> Result<Report, Failed> {
        let path = self.named(".tlog-proof");
        replace(&path, accepted.text.as_bytes())?;
        self.folder().remember(&Chain::of(manifest))?;
        Ok(receipt_told(context, "cli-say-accepted", accepted, &path))
    }
}

/// A refusal's receipt is evidence: it is kept when it holds, and said where.
pub(super) fn keep_refusal(context: &Context, pinned: &Pinned, failed: &Failed, path: &Path) {
    let receipt = failed.told().and_then(|told| told.receipt.as_deref());
    let receipt = receipt.filter(|text| pinned.receipt(text.as_bytes()).is_ok());
    // The refusal itself is what is reported; the receipt can be fetched again.
    if receipt.is_some_and(|receipt| replace(path, receipt.as_bytes()).is_ok()) {
        let path = args([("path", path.display().to_string())]);
        context.progress.say(&Said::new("cli-say-refusal-kept", path));
    }
}

pub(super) fn receipt_told(
    context: &Context,
    key: &'static str,
    accepted: &Accepted,
    path: &Path,
) -> Report {
    let values = args([
        ("index", accepted.index.to_string()),
        ("path", path.display().to_string()),
        ("count", accepted.checked.cosigned.to_string()),
    ]);
    let report = Report::said(key, values);
    if accepted.checked.is_final {
        report.and("cli-say-final", args([]))
    } else {
        let command = completing(context, path);
        report.and("cli-say-completed-by", args([("command", command)]))
    }
}

async fn list(context: &Context) -> Result<Report, Failed> {
    let bids: Vec<Own> = context.client()?.get("/bids", Access::Own).await?;
    if bids.is_empty() {
        return Ok(Report::said("cli-say-no-bids", args([])));
    }
    Ok(bids.iter().fold(Report::default(), |report, it| {
        let key =
            if it.kind == "withdrawal" { "cli-say-own-withdrawn" } else { "cli-say-own-live" };
        let values = args([
            ("unit", it.unit_id.to_string()),
            ("bid", it.bid_id.to_string()),
            ("seq", it.seq.to_string()),
            ("index", it.index.to_string()),
        ]);
        report.and(key, values)
    }))
}

async fn receipt(context: &Context, file: &Path, patience: Duration) -> Result<Report, Failed> {
    let pinned = context.pinned().await?;
    let is_bid = file.extension().is_some_and(|it| it == "bid");
    let file = &if is_bid { file.with_extension("tlog-proof") } else { file.to_owned() };
    let old = read_file(file)?;
    Receipt::parse(&old).map_err(|e| Failed::in_file(file, e))?;
    let old = pinned.receipt(&old)?.receipt;
    let accepted = context.client()?.final_receipt(&pinned, old.index, patience).await?;
    let new = &accepted.checked.receipt;
    if new.salt != old.salt || new.event != old.event {
        return Err(Failed::receipt(Said::bare("cli-say-why-event-now")));
    }
    replace(file, accepted.text.as_bytes())?;
    Ok(receipt_told(context, "cli-say-receipt", &accepted, file))
}
