//! `sealbid opening …`: everybody follows an opening, who takes part reads its documents, and those
//! with a word in it give it: the buyer's order, the regulator's stop, the operator's outage.
//!
//! Invariant: what is shown as final is the platform's signed opening record; everything before it is
//! called provisional. An order is signed in a file and sent when both have signed.

pub(super) mod end;
mod lines;
pub(super) mod names;
mod order;
mod seen;
pub(super) mod show;
mod stops;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::error::{Reason, Said};
use crate::ids::UnitId;
use crate::opening::statements::{Suspension, SuspensionState};
use crate::tender::statements::{Amendment, AmendmentReason, Outage, Unit};

pub use self::seen::{LastAnswer, Seen};
pub(super) use self::stops::stops;
use super::bid::Accepted;
use super::client::{Access, Client};
use super::enterprise::signed;
use super::failed::Failed;
use super::output::{Access as FileAccess, Report};
use super::recorded::recorded;
use super::stated::proposed;
use super::trust::Pinned;
use super::{Context, args};

/// `sealbid opening …`
#[derive(Debug, clap::Subcommand)]
pub enum OpeningCommand {
    /// Show where a unit stands: what was read out, or why it is void
    Show {
        /// The opening unit
        unit: UnitId,
    },
    /// List the documents of an opened bid, or save them: its bidder, the buyer, the regulator
    Documents {
        /// The opening unit
        unit: UnitId,
        /// The bid's line, as "show" names it
        line: Hash,
        /// A folder to save them in; it must not exist
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// The buyer or the regulator: choose the second envelopes that open, and sign the choice
    Order {
        /// The opening unit
        unit: UnitId,
        /// A line of its close to be opened; repeat it for each
        #[arg(long = "line", required = true, value_name = "LINE")]
        lines: Vec<Hash>,
        /// The order's file, for the other party to sign
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// The other party: see what an order opens and what it deletes, then sign it beneath the first
    /// signature
    SignOrder {
        /// The order's file
        file: PathBuf,
        /// The file with both signatures; without it, nothing is signed
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Send an order that both have signed
    SendOrder {
        /// The order's file
        file: PathBuf,
    },
    /// The regulator: stop a unit's release
    Suspend {
        /// The opening unit
        unit: UnitId,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// The regulator: let a stopped release go on
    Lift {
        /// The opening unit
        unit: UnitId,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// The operator: register the outage that the platform measured over a unit's deadline
    Outage {
        /// The opening unit
        unit: UnitId,
        /// What happened
        #[arg(long)]
        reason: String,
    },
}

/// A file of an opened bid.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

fn wrong(reason: impl Reason) -> Failed {
    Failed::answer(reason)
}

impl Client {
    /// A unit as far as its end goes; nothing of it is checked.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn seen(&self, unit: &UnitId) -> Result<Seen, Failed> {
        self.get(&format!("/units/{unit}"), Access::Public).await
    }

    /// The files of an opened bid.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn files(&self, unit: &UnitId, line: &Hash) -> Result<Vec<File>, Failed> {
        self.get(&format!("/units/{unit}/lines/{line}/documents"), Access::Own).await
    }

    /// Stops a release or lets it go on, as the regulator.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn suspend(
        &self,
        pinned: &Pinned,
        unit: UnitId,
        state: SuspensionState,
        reason: &str,
    ) -> Result<Accepted, Failed> {
        let last = last_suspension(pinned, &unit, &self.seen(&unit).await?)?;
        let no = last.checked_add(1);
        let no = no.ok_or_else(|| Failed::unsigned(Said::bare("cli-say-why-no-number")))?;
        let body = Suspension { no, reason: reason.to_owned(), state, unit_id: unit };
        let statement = signed(body, self.key()?)?;
        self.state(pinned, &format!("/units/{unit}/suspensions"), &statement).await
    }

    /// Registers the outage that was measured over a unit's deadline, as an operator.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn register_outage(
        &self,
        pinned: &Pinned,
        unit: UnitId,
        text: &str,
    ) -> Result<Accepted, Failed> {
        let prev_sha256 = self.seen(&unit).await?.last_sha256()?;
        let body = Outage { prev_sha256, text: text.to_owned(), unit_id: unit };
        let statement = signed(body, self.key()?)?;
        let (path, body) = (format!("/units/{unit}/outages"), statement.body());
        self.state_as(pinned, &path, &statement, |event| moves_by(event, body)).await
    }
}

/// The number of the regulator's last word on a unit: of what the platform shows, only what the
/// regulator of the unit's own roster signed counts.
///
/// # Errors
/// [`Failed::Unsigned`] for a word that it did not.
fn last_suspension(pinned: &Pinned, id: &UnitId, seen: &Seen) -> Result<u32, Failed> {
    let unit = Statement::<Unit>::parse(seen.unit.as_bytes()).map_err(wrong)?;
    if unit.body().id().map_err(wrong)? != *id {
        return Err(Failed::unsigned(Said::bare("cli-say-why-other-unit")));
    }
    let regulator = &pinned.roster_of(unit.body()).ok_or(Failed::NotPinned)?.regulator_key;
    let mut last = 0;
    for note in &seen.suspensions {
        let said = Statement::<Suspension>::parse(note.as_bytes()).map_err(Failed::unsigned)?;
        said.note().require(regulator).map_err(Failed::unsigned)?;
        if said.body().unit_id == *id {
            last = last.max(said.body().no);
        }
    }
    Ok(last)
}

/// Whether an event asks the custodians for what an outage makes of a unit's times.
fn moves_by(event: &[u8], outage: &Outage) -> bool {
    let asked = proposed(event).and_then(|note| Statement::<Amendment>::from_note(note).ok());
    asked.is_some_and(|asked| {
        let Amendment { prev_sha256, reason, unit_id, .. } = asked.body();
        let is_for = matches!(reason, AmendmentReason::Outage { text, .. } if *text == outage.text);
        is_for && (*unit_id, *prev_sha256) == (outage.unit_id, outage.prev_sha256)
    })
}

impl OpeningCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failed`].
    pub fn run(&self, context: &Context) -> Result<Report, Failed> {
        context.wait(self.ask(context))
    }

    async fn ask(&self, context: &Context) -> Result<Report, Failed> {
        use SuspensionState::{Lifted, Suspended};
        match self {
            Self::Show { unit } => show::show(context, unit).await,
            Self::Documents { unit, line, out } => {
                documents(context, unit, line, out.as_deref()).await
            }
            Self::Order { unit, lines, out } => order::order(context, unit, lines, out).await,
            Self::SignOrder { file, out } => order::sign_order(context, file, out.as_deref()).await,
            Self::SendOrder { file } => order::send_order(context, file).await,
            Self::Suspend { unit, reason } => suspend(context, *unit, Suspended, reason).await,
            Self::Lift { unit, reason } => suspend(context, *unit, Lifted, reason).await,
            Self::Outage { unit, reason } => {
                let pinned = context.pinned().await?;
                let client = context.client()?;
                let done = client.register_outage(&pinned, *unit, reason).await?;
                recorded(context, (&client, &pinned), &done, "outage").await
            }
        }
    }
}

async fn suspend(
    context: &Context,
    unit: UnitId,
    state: SuspensionState,
    reason: &str,
) -> Result<Report, Failed> {
    let pinned = context.pinned().await?;
    let client = context.client()?;
    let done = client.suspend(&pinned, unit, state, reason).await?;
    recorded(context, (&client, &pinned), &done, "suspension").await
}

async fn documents(
    context: &Context,
    unit: &UnitId,
    line: &Hash,
    out: Option<&Path>,
) -> Result<Report, Failed> {
    let client = context.client()?;
    let files = client.files(unit, line).await?;
    let Some(out) = out else {
        let told =
            |report: Report, file: &File| report.and_plain(format!("{}\t{}", file.size, file.name));
        return Ok(files.iter().fold(Report::default(), told));
    };
    if out.exists() {
        return Err(Failed::Exists(out.display().to_string()));
    }
    std::fs::create_dir_all(out).map_err(|e| Failed::file(out, &e))?;
    for file in &files {
        // Names come from a bidder: none may lead out of the folder.
        crate::crypto::tar::check_name(&file.name).map_err(wrong)?;
        let path = document_path(unit, line, &file.name)?;
        let to = out.join(&file.name);
        let saved = client.save(&path, Access::Own, &to, FileAccess::Private, &*context.progress);
        if saved.await? != file.size {
            let name = args([("name", file.name.clone())]);
            return Err(wrong(Said::new("cli-say-why-length", name)));
        }
    }
    let values = args([("count", files.len().to_string()), ("path", out.display().to_string())]);
    Ok(Report::said("cli-say-documents", values))
}

/// The address of a document, its name encoded.
fn document_path(unit: &UnitId, line: &Hash, name: &str) -> Result<String, Failed> {
    let mut url =
        reqwest::Url::parse("http://localhost/").map_err(|e| Failed::Machine(e.to_string()))?;
    let segments = format!("api/v1/units/{unit}/lines/{line}/documents");
    url.path_segments_mut()
        .map_err(|()| wrong(Said::bare("cli-say-why-no-address")))?
        .extend(segments.split('/').chain([name]));
    Ok(url.path().trim_start_matches('/').replacen("api", "/api", 1))
}
