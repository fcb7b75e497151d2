//! `sealbid bid …`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::bid::statements::Withdrawal;
use crate::clock::is_closed;
use crate::config::read_secret;
use crate::crypto::note::VerifyingKey;
use crate::crypto::seal::kept::{WorkFactor, recover};
use crate::custodian::roster::CustodianId;
use crate::error::Arg;
use crate::ids::UnitId;

use super::check::{Findings, check, read};
use super::folder::{Chain, Folder};
use super::seal::{Draft, Sealer, beside, seal};
use super::send::{Accepted, Sending, Standing};
use super::unit::{CheckedUnit, UnitView};
use crate::bid::rules::ChainKind;
use crate::cli::client::Client;
use crate::cli::failed::Failed;
use crate::cli::output::{Access, Report, replace, write_new};
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
    /// Save a unit with its signatures, for sealing off-line
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
    /// Ask the platform where your bid stands
    Status {
        /// The opening unit
        unit: UnitId,
    },
    /// Hand a .bid file to a custodian when the platform does not answer
    Lodge {
        /// The .bid file
        file: PathBuf,
        /// The custodian's short name in the roster
        #[arg(long)]
        custodian: CustodianId,
    },
    /// Fetch a receipt again until enough custodians cosigned it
    Receipt {
        /// The receipt to complete
        file: PathBuf,
        /// How many seconds to wait for them
        #[arg(long, default_value_t = 30)]
        wait: u64,
    },
}

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

/// `sealbid bid submit` and `replace`
#[derive(Debug, clap::Args)]
pub struct Send {
    /// The .bid file; its receipt goes beside it
    file: PathBuf,
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
            Self::Withdraw { unit, folder, out } => {
                context.wait(withdraw(context, unit, folder.as_deref(), out.as_deref()))
            }
            Self::Status { unit } => context.wait(status(context, unit)),
            Self::Lodge { file, custodian } => context.wait(lodge(context, file, custodian)),
            Self::Receipt { file, wait } => {
                context.wait(receipt(context, file, Duration::from_secs(*wait)))
            }
        }
    }
}

impl UnitFile {
    /// The unit from its file.
    fn read(&self) -> Result<Option<UnitView>, Failed> {
        let Some(path) = &self.unit_file else { return Ok(None) };
        let text = read_file(path)?;
        if text.first() == Some(&b'{') {
            let view = serde_json::from_slice(&text);
            return view.map(Some).map_err(|e| Failed::content(path.display(), e));
        }
        let string = |bytes| String::from_utf8(bytes).map_err(|e| Failed::content("a note", e));
        let credentials = self.credentials.iter().map(|path| string(read_file(path)?));
        let credentials = credentials.collect::<Result<_, _>>()?;
        Ok(Some(UnitView { unit: string(text)?, credentials, deadline: None, receipt: None }))
    }
}

impl Passphrase {
    fn read(&self, is_new: Twice) -> Result<Zeroizing<String>, Failed> {
        if let Some(path) = &self.passphrase_file {
            let text = read_secret(path)?;
            return Ok(Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned()));
        }
        let ask = |prompt: &str| {
            let typed = rpassword::prompt_password(prompt).map(Zeroizing::new);
            typed.map_err(|e| Failed::Passphrase(e.to_string()))
        };
        let typed = ask("Passphrase / 口令: ")?;
        if typed.is_empty() {
            return Err(Failed::Passphrase("empty".to_owned()));
        }
        if is_new == Twice::Yes && ask("Again / 再次输入: ")? != typed {
            return Err(Failed::Passphrase("the two entries differ".to_owned()));
        }
        Ok(typed)
    }
}

/// Whether a passphrase is typed twice because it is new.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Twice {
    Yes,
    No,
}

async fn save_unit(context: &Context, unit: &UnitId, out: &Path) -> Result<Report, Failed> {
    let view = context.client()?.unit(unit).await?;
    CheckedUnit::new(&view, &context.pinned().await?)?;
    let text = serde_json::to_vec_pretty(&view).map_err(|e| Failed::Answer(e.to_string()))?;
    write_new(out, &text, Access::Usual)?;
    Ok(Report::said("cli-say-saved", args([("path", out.display().to_string())])))
}

impl Seal {
    fn run(&self, context: &Context) -> Result<Report, Failed> {
        let folder = Folder::at(&self.folder);
        let plan = folder.plan()?;
        let key = context.key()?;
        let off_line = self.unit.read()?;
        let (view, standing, pinned) = context.wait(async {
            let pinned = context.pinned().await?;
            Ok(match off_line {
                Some(view) => (view, None, pinned),
                None => {
                    let client = context.client()?;
                    let standing = client.standing(&plan.unit).await?;
                    (client.unit(&plan.unit).await?, standing, pinned)
                }
            })
        })?;
        let unit = CheckedUnit::new(&view, &pinned)?;
        if unit.id() != plan.unit {
            return Err(Failed::Unit("it is not the one that bid.toml names".to_owned()));
        }
        let deadline = view.deadline.unwrap_or(unit.body().deadline);
        if is_closed(context.clock.now(), deadline) {
            return Err(Failed::Unit(format!("its deadline {deadline} has passed")));
        }
        let place = folder.next(&plan, standing.as_ref())?;
        let name = self.name.clone().unwrap_or_else(|| format!("bid-{}", place.seq));
        let passphrase = self.passphrase.read(Twice::Yes)?;
        let files = folder.attachments(&plan)?;
        let draft = Draft { unit: &unit, place, offer: plan.offer, files };
        let sealer = Sealer {
            key: &key,
            passphrase: &passphrase,
            work: WorkFactor::USUAL,
            entropy: &*context.entropy,
            progress: &*context.progress,
        };
        let made = seal(draft, &sealer, &folder.path(&name))?;
        let values = args([
            ("bid", made.bid.display().to_string()),
            ("identity", made.identity.display().to_string()),
        ]);
        Ok(Report::said("cli-say-sealed", values)
            .and("cli-say-deadline", vec![("deadline", Arg::Time(deadline))]))
    }
}

impl Check {
    fn run(&self, context: &Context) -> Result<Report, Failed> {
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
                Some(found.map_err(|e| Failed::Passphrase(e.to_string()))?)
            }
            None => None,
        };
        Ok(told(&check(&self.file, &signer, unit.as_ref(), identity.as_ref())?))
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

impl Send {
    /// `expected` is what the last statement of the chain must be: a manifest to replace, or none.
    async fn run(&self, context: &Context, expected: ChainKind) -> Result<Report, Failed> {
        let client = context.client()?;
        let pinned = context.pinned().await?;
        let envelope = read(&self.file)?;
        let manifest = envelope.manifest.clone();
        let standing = client.standing(&manifest.body().unit_id).await?;
        let sent_before = standing.as_ref().is_some_and(|s| s.sha256 == manifest.sha256());
        let live = standing.as_ref().map_or(ChainKind::Withdrawal, Standing::kind);
        if let Some(standing) = standing.filter(|_| sent_before) {
            // The answer was lost the last time: the receipt is all that is missing.
            return self.done(&pinned, &manifest.sha256(), &client, standing.index).await;
        }
        match (live, expected) {
            (ChainKind::Manifest, ChainKind::Withdrawal) => return Err(Failed::LiveBid),
            (ChainKind::Withdrawal, ChainKind::Manifest) => return Err(Failed::NoLiveBid),
            _ => {}
        }
        let kept = beside(&self.file, ".upload");
        let sending = Sending { kept: Some(&kept), progress: &*context.progress };
        let sent = client.submit_envelope(&pinned, &envelope, sending).await;
        let accepted = sent.inspect_err(|failed| self.keep_refusal(&pinned, failed))?;
        drop(std::fs::remove_file(&kept));
        let folder = Folder::at(self.file.parent().unwrap_or(Path::new(".")));
        let body = manifest.body();
        let chain = Chain {
            bid_id: body.bid_id,
            seq: body.seq,
            sha256: manifest.sha256(),
            withdrawn: false,
        };
        folder.remember(&chain)?;
        self.saved(&accepted)
    }

    async fn done(
        &self,
        pinned: &Pinned,
        manifest_sha256: &crate::crypto::hash::Hash,
        client: &Client,
        index: u64,
    ) -> Result<Report, Failed> {
        let accepted = client.receipt(pinned, index).await?;
        let event = String::from_utf8_lossy(&accepted.checked.receipt.event);
        if !event.contains(&manifest_sha256.to_string()) {
            return Err(Failed::Receipt("it is about something else".to_owned()));
        }
        self.saved(&accepted)
    }

    fn saved(&self, accepted: &Accepted) -> Result<Report, Failed> {
        let path = self.file.with_extension("tlog-proof");
        replace(&path, accepted.text.as_bytes())?;
        Ok(receipt_told("cli-say-accepted", accepted, &path))
    }

    /// A refusal's receipt is evidence: it is kept when it holds.
    fn keep_refusal(&self, pinned: &Pinned, failed: &Failed) {
        let receipt = failed.told().and_then(|told| told.receipt.as_ref());
        if let Some(receipt) = receipt.filter(|text| pinned.receipt(text.as_bytes()).is_ok()) {
            let path = self.file.with_extension("refused.tlog-proof");
            // The refusal itself is what is reported; the receipt can be fetched again.
            drop(replace(&path, receipt.as_bytes()));
        }
    }
}

fn receipt_told(key: &'static str, accepted: &Accepted, path: &Path) -> Report {
    let values = args([
        ("index", accepted.index.to_string()),
        ("path", path.display().to_string()),
        ("count", accepted.checked.cosigned.to_string()),
    ]);
    let report = Report::said(key, values);
    if accepted.checked.is_final {
        report.and("cli-say-final", args([]))
    } else {
        report.and("cli-say-provisional", args([]))
    }
}

async fn withdraw(
    context: &Context,
    unit: &UnitId,
    folder: Option<&Path>,
    out: Option<&Path>,
) -> Result<Report, Failed> {
    let client = context.client()?;
    let pinned = context.pinned().await?;
    let live = client.standing(unit).await?.filter(|s| s.kind() == ChainKind::Manifest);
    let live = live.ok_or(Failed::NoLiveBid)?;
    let seq = live.seq.saturating_add(1);
    let withdrawal = Withdrawal { manifest_sha256: live.sha256, seq, unit_id: *unit };
    let (accepted, signed) = client.withdraw(&pinned, withdrawal).await?;
    if let Some(folder) = folder {
        let (bid_id, sha256) = (live.bid_id, signed.sha256());
        Folder::at(folder).remember(&Chain { bid_id, seq, sha256, withdrawn: true })?;
    }
    let usual = folder.unwrap_or(Path::new(".")).join(format!("withdrawal-{seq}.tlog-proof"));
    let path = out.map_or(usual, Path::to_owned);
    replace(&path, accepted.text.as_bytes())?;
    Ok(receipt_told("cli-say-withdrawn", &accepted, &path))
}

async fn status(context: &Context, unit: &UnitId) -> Result<Report, Failed> {
    let client = context.client()?;
    let pinned = context.pinned().await?;
    let Some(standing) = client.standing(unit).await? else {
        return Ok(Report::said("cli-say-no-bid", args([])));
    };
    let checked = pinned.receipt(standing.receipt.as_bytes())?;
    let key = match standing.kind() {
        ChainKind::Manifest => "cli-say-live",
        ChainKind::Withdrawal => "cli-say-taken-back",
    };
    let values = args([
        ("bid", standing.bid_id.to_string()),
        ("seq", standing.seq.to_string()),
        ("sha256", standing.sha256.to_string()),
        ("index", standing.index.to_string()),
        ("count", checked.cosigned.to_string()),
    ]);
    Ok(Report::said(key, values))
}

async fn lodge(context: &Context, file: &Path, custodian: &CustodianId) -> Result<Report, Failed> {
    let pinned = context.pinned().await?;
    // The platform may be gone: only the custodian is asked.
    let (clock, entropy) = (context.clock.clone(), context.entropy.clone());
    let client = Client::new("http://localhost", context.lang, clock, entropy)?;
    let lodging = client.lodge(&pinned, custodian, file).await?;
    let path = file.with_extension(format!("lodged-{custodian}.note"));
    replace(&path, lodging.lodged.encode().as_bytes())?;
    let arrived_at = Arg::Time(lodging.lodged.body().arrived_at);
    let path = path.display().to_string();
    let values = vec![("at", arrived_at), ("path", path.into())];
    Ok(Report::said("cli-say-lodged", values))
}

async fn receipt(context: &Context, file: &Path, patience: Duration) -> Result<Report, Failed> {
    let pinned = context.pinned().await?;
    let old = pinned.receipt(&read_file(file)?)?.receipt;
    let accepted = context.client()?.final_receipt(&pinned, old.index, patience).await?;
    let new = &accepted.checked.receipt;
    if new.salt != old.salt || new.event != old.event {
        return Err(Failed::Receipt("the platform now shows another event there".to_owned()));
    }
    replace(file, accepted.text.as_bytes())?;
    Ok(receipt_told("cli-say-receipt", &accepted, file))
}
