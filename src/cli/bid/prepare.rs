//! `sealbid bid seal` and `sealbid bid check`: what a bidder does before anything leaves its machine.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::bid::offer::suits;
use crate::bid::statements::Offer;
use crate::clock::{Time, is_closed};
use crate::config::read_secret;
use crate::crypto::key::VerifyingKey;
use crate::crypto::seal::kept::{KeptError, WorkFactor, recover};
use crate::crypto::seal::payload::Attachment;
use crate::error::{Arg, Reason};
use crate::ids::UnitId;

use super::check::{Findings, check};
use super::credentials::{self, Held};
use super::folder::Folder;
use super::seal::{Draft, Sealer, seal};
use super::send::Standing;
use super::unit::{CheckedUnit, Inclusion, UnitView};
use crate::cli::failed::Failed;
use crate::cli::output::Report;
use crate::cli::{Context, args, read_file};

/// `sealbid bid seal`
#[derive(Debug, clap::Args)]
pub struct Seal {
    /// The bid's folder
    folder: PathBuf,
    #[command(flatten)]
    unit: UnitFile,
    #[command(flatten)]
    passphrase: Passphrase,
    /// The new files' name without ending, in the folder; bid-1, bid-2, … if absent
    #[arg(long)]
    name: Option<String>,
}

/// `sealbid bid check`
#[derive(Debug, clap::Args)]
pub struct Check {
    /// The .bid file
    file: PathBuf,
    /// The bidder's public key, if --key is not given
    #[arg(long)]
    signer: Option<VerifyingKey>,
    /// The kept identity (identity.age)
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    #[command(flatten)]
    unit: UnitFile,
    #[command(flatten)]
    passphrase: Passphrase,
}

#[derive(Debug, clap::Args)]
struct UnitFile {
    /// The unit's file (from `bid unit`, or its bare note): then no platform is asked
    #[arg(long = "unit", value_name = "FILE")]
    unit_file: Option<PathBuf>,
    /// With a bare note: the statements that show its procuring entity's key, in order
    #[arg(long = "credential", value_name = "FILE")]
    credentials: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Passphrase {
    /// Read the passphrase from this file and do not ask
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl UnitFile {
    /// The unit from its file.
    fn read(&self) -> Result<Option<UnitView>, Failed> {
        let Some(path) = &self.unit_file else { return Ok(None) };
        let text = read_file(path)?;
        if text.first() == Some(&b'{') {
            let view = serde_json::from_slice(&text);
            return view.map(Some).map_err(|e| Failed::in_file(path, e));
        }
        let string =
            |path: &Path, bytes| String::from_utf8(bytes).map_err(|e| Failed::in_file(path, e));
        let credentials = self.credentials.iter().map(|path| string(path, read_file(path)?));
        let credentials = credentials.collect::<Result<_, _>>()?;
        Ok(Some(UnitView { unit: string(path, text)?, credentials, deadline: None, receipt: None }))
    }
}

impl Passphrase {
    fn read(&self, is_new: Twice) -> Result<Zeroizing<String>, Failed> {
        if let Some(path) = &self.passphrase_file {
            let text = read_secret(path)?;
            let text = Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned());
            return not_empty(text);
        }
        let ask = |prompt: &str| {
            let typed = rpassword::prompt_password(prompt).map(Zeroizing::new);
            typed.map_err(|_| Failed::Passphrase(Arg::Word("cli-say-no-terminal")))
        };
        let typed = not_empty(ask("Passphrase / 口令: ")?)?;
        if is_new == Twice::Yes && ask("Again / 再次输入: ")? != typed {
            return Err(Failed::Passphrase(Arg::Word("cli-say-entries-differ")));
        }
        Ok(typed)
    }
}

fn unkept(path: &Path, error: &KeptError) -> Failed {
    match error {
        KeptError::Passphrase => Failed::Passphrase(Arg::Word("cli-say-passphrase-wrong")),
        other => Failed::in_file(path, other.said()),
    }
}

/// What stands under no passphrase stands open.
fn not_empty(passphrase: Zeroizing<String>) -> Result<Zeroizing<String>, Failed> {
    if passphrase.is_empty() {
        return Err(Failed::Passphrase(Arg::Word("cli-say-entry-empty")));
    }
    Ok(passphrase)
}

/// Whether a passphrase is typed twice because it is new.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Twice {
    Yes,
    No,
}

impl Seal {
    pub(super) fn run(&self, context: &Context) -> Result<Report, Failed> {
        let folder = Folder::at(&self.folder);
        let plan = folder.plan()?;
        let key = context.key()?;
        let Known { unit, view, standing, held } =
            context.wait(self.known(context, &folder, &plan.unit))?;
        if unit.id() != plan.unit {
            return Err(Failed::Unit(Arg::Word("cli-say-why-named")));
        }
        let deadline = still_open(&view, &unit, context.clock.now())?;
        let place = folder.next(&plan, standing.as_ref())?;
        let name = self.name.clone().unwrap_or_else(|| format!("bid-{}", place.seq));
        let files = folder.attachments(&plan)?;
        suits(unit.body().stage, &plan.offer, files.len()).map_err(|e| Failed::Sealing(e.arg()))?;
        let sealed = sealed(&plan.offer, &files);
        let passphrase = self.passphrase.read(Twice::Yes)?;
        let draft = Draft { unit: &unit, place, offer: plan.offer, files };
        let sealer = Sealer {
            key: &key,
            passphrase: &passphrase,
            work: WorkFactor::USUAL,
            entropy: &*context.entropy,
            progress: &*context.progress,
        };
        let made = seal(draft, &sealer, &folder.path(&name))?;
        let [bid, identity] = [&made.bid, &made.identity].map(|path| path.display().to_string());
        let values = args([("bid", bid), ("identity", identity)]);
        let report = Report::said("cli-say-sealed", values)
            .with(sealed)
            .and("cli-say-deadline", vec![("deadline", Arg::Time(deadline))]);
        Ok(held.told(included(report, &unit)))
    }

    /// From the unit's file, or from the platform.
    async fn known(
        &self,
        context: &Context,
        folder: &Folder,
        id: &UnitId,
    ) -> Result<Known, Failed> {
        let pinned = context.pinned().await?;
        let (unit, view, standing) = match self.unit.read()? {
            Some(view) => (CheckedUnit::new(&view, &pinned)?, view, None),
            None => {
                let client = context.client()?;
                let standing = client.standing(id).await?;
                credentials::save(folder.root(), &credentials::own(&client, &pinned).await?)?;
                let view = client.unit(id).await?;
                (CheckedUnit::on_line(&view, &pinned)?, view, standing)
            }
        };
        let (file, key) = (self.unit.unit_file.as_deref(), context.key()?);
        let held = credentials::take_over(folder, file, &pinned, key.verifying())?;
        Ok(Known { unit, view, standing, held })
    }
}

/// What a bid is sealed for, and where its bidder stands.
struct Known {
    unit: CheckedUnit,
    view: UnitView,
    standing: Option<Standing>,
    held: Held,
}

/// What stands in the envelope, before anything leaves the machine.
fn sealed(offer: &Offer, files: &[Attachment]) -> Report {
    let price = match &offer.price {
        Some(price) => {
            let values = [("price", price.clone()), ("currency", offer.currency.clone())];
            Report::said("cli-say-sealed-price", args(values))
        }
        None => Report::said("cli-say-sealed-no-price", args([])),
    };
    let report = match offer.duration_days {
        Some(days) => price.and("cli-say-sealed-days", args([("days", days.to_string())])),
        None => price.and("cli-say-sealed-no-days", args([])),
    };
    let promised = |report: Report, text: &String| {
        report.and("cli-say-sealed-promise", args([("text", text.clone())]))
    };
    let report = offer.promises.iter().fold(report, promised);
    if files.is_empty() {
        return report.and("cli-say-sealed-no-files", args([]));
    }
    files.iter().fold(report, |report, file| {
        let values = [("name", file.name().to_owned()), ("size", file.size().to_string())];
        report.and("cli-say-sealed-file", args(values))
    })
}

/// Says so where nothing showed that the record holds the unit.
fn included(report: Report, unit: &CheckedUnit) -> Report {
    match unit.inclusion() {
        Inclusion::Shown => report,
        Inclusion::NotShown => report.and("cli-say-not-included", args([])),
    }
}

/// The deadline in force, if it has not passed.
fn still_open(view: &UnitView, unit: &CheckedUnit, now: Time) -> Result<Time, Failed> {
    let deadline = view.deadline.unwrap_or(unit.body().deadline);
    if is_closed(now, deadline) {
        return Err(Failed::Passed(deadline));
    }
    Ok(deadline)
}

impl Check {
    pub(super) fn run(&self, context: &Context) -> Result<Report, Failed> {
        let signer = match &self.signer {
            Some(signer) => signer.clone(),
            None => context.key()?.verifying().clone(),
        };
        let unit = match self.unit.read()? {
            Some(view) => Some(CheckedUnit::new(&view, &context.wait(context.pinned())?)?),
            None => None,
        };
        let identity = match &self.identity {
            Some(path) => {
                let file = read_file(path)?;
                let passphrase = self.passphrase.read(Twice::No)?;
                let found = recover(&file, &passphrase);
                Some(found.map_err(|e| unkept(path, &e))?)
            }
            None => None,
        };
        let report = told(&check(&self.file, &signer, unit.as_ref(), identity.as_ref())?);
        Ok(unit.iter().fold(report, included))
    }
}

/// What was checked, and what could not be.
fn told(found: &Findings) -> Report {
    let manifest = &found.envelope.manifest;
    let mut report = Report::said(
        "cli-say-check-envelope",
        args([
            ("seq", manifest.body().seq.to_string()),
            ("manifest", manifest.sha256().to_string()),
            ("shares", found.envelope.shares.len().to_string()),
        ]),
    );
    report = if found.is_for_unit {
        report.and("cli-say-check-unit", args([]))
    } else {
        report.and("cli-say-check-no-unit", args([]))
    };
    report = match &found.opened {
        Some((offer, files)) => {
            let price = offer.price.clone().unwrap_or_else(|| "-".to_owned());
            let count = files.len().to_string();
            let (currency, price) = (offer.currency.clone(), price);
            let values = args([("currency", currency), ("price", price), ("files", count)]);
            report.and("cli-say-check-opened", values)
        }
        None => report.and("cli-say-check-not-opened", args([])),
    };
    report.and("cli-say-check-shares", args([]))
}
