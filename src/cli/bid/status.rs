//! `sealbid bid status`: where one's own bid stands, and whether the close holds it.
//!
//! Invariant: what is told is the bidder's own statement, by its key and, where its folder remembers
//! one, none older than that. The platform's word alone would let it show a rival's line.

use std::path::PathBuf;

use crate::bid::rules::{ChainKind, line};
use crate::bid::statements::{BidEvent, Manifest, Withdrawal};
use crate::crypto::json;
use crate::crypto::note::Note;
use crate::crypto::statement::Statement;
use crate::enterprise::credentials::{credential, enterprise_of};
use crate::error::Said;
use crate::ids::UnitId;

use super::ended::ended;
use super::folder::{Chain, Folder};
use super::send::Standing;
use crate::cli::client::Client;
use crate::cli::failed::Failed;
use crate::cli::output::Report;
use crate::cli::trust::{Checked, Pinned};
use crate::cli::{Context, args};

/// `sealbid bid status`
#[derive(Debug, clap::Args)]
pub struct Status {
    /// The opening unit
    pub unit: UnitId,
    /// The bid's folder, which remembers what was accepted
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

impl Status {
    pub(super) async fn run(&self, context: &Context) -> Result<Report, Failed> {
        let (client, pinned) = (context.client()?, context.pinned().await?);
        let standing = client.standing(&self.unit).await?;
        if let Some(folder) = &self.folder {
            let (folder, _) = Folder::of(folder, &self.unit)?;
            require_remembered(folder.chain()?.as_ref(), standing.as_ref())?;
        }
        let Some(standing) = standing else {
            let report = Report::said("cli-say-no-bid", args([]));
            return Ok(report.with(ended(&client, &pinned, &self.unit, None).await?));
        };
        let checked = pinned.receipt(standing.receipt.as_bytes())?;
        require_own(&client, &pinned, &self.unit, (&standing, &checked)).await?;
        let report = told(&standing, &checked);
        let line = line(checked.receipt.salt.as_bytes(), &standing.sha256);
        let is_live = standing.kind() == ChainKind::Manifest;
        let end = ended(&client, &pinned, &self.unit, is_live.then_some(line)).await?;
        let Some(close) = client.seen(&self.unit).await?.close else { return Ok(report.with(end)) };
        let (close, _) = pinned.close(&close, &self.unit)?;
        if !is_live {
            return Ok(report.and("cli-say-out-of-close", args([])).with(end));
        }
        let is_in = close.body().lines.contains(&line);
        let key = if is_in { "cli-say-in-close" } else { "cli-say-close-wrong" };
        Ok(report.and(key, args([("line", line.to_string())])).with(end))
    }
}

fn told(standing: &Standing, checked: &Checked) -> Report {
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
    let report = Report::said(key, values);
    if standing.missing {
        report.and("cli-say-missing", args([("sha256", standing.sha256.to_string())]))
    } else {
        report
    }
}

/// What the folder remembers was accepted by a receipt: the platform may tell of that, or of a later
/// statement, and of nothing before it.
fn require_remembered(chain: Option<&Chain>, standing: Option<&Standing>) -> Result<(), Failed> {
    let Some(chain) = chain else { return Ok(()) };
    let told = standing.map(Chain::from);
    if told.is_some_and(|told| told.seq > chain.seq || told == *chain) {
        return Ok(());
    }
    let values = args([("seq", chain.seq.to_string()), ("sha256", chain.sha256.to_string())]);
    Err(Failed::receipt(Said::new("cli-say-why-remembered", values)))
}

/// The receipt must be of this very statement in this unit, and the statement the bidder's own.
async fn require_own(
    client: &Client,
    pinned: &Pinned,
    unit: &UnitId,
    (standing, checked): (&Standing, &Checked),
) -> Result<(), Failed> {
    let wrong = || Failed::receipt(Said::bare("cli-say-why-else"));
    let note = stated(&checked.receipt.event, unit, standing).ok_or_else(wrong)?;
    let own = client.key()?.verifying();
    if checked.receipt.index != standing.index {
        return Err(wrong());
    }
    if note.require(own).is_ok() {
        return Ok(());
    }
    // Signed by a key that has handed over since.
    let id = enterprise_of(own.name()).ok_or_else(wrong)?;
    let credentials = client.registered(id).await?.credentials;
    let found = credential(pinned.rosters().first(), &credentials).map_err(|_| wrong())?;
    let is_own = found.enterprise == id && found.key_after(&note) == Some(own);
    if is_own { Ok(()) } else { Err(wrong()) }
}

/// The bidder's statement that an event acknowledges, if it is the one that the platform tells of.
fn stated(event: &[u8], unit: &UnitId, standing: &Standing) -> Option<Note> {
    let (note, of) = match (json::parse(event).ok()?, standing.kind()) {
        (BidEvent::Accepted { manifest, unit_id, .. }, ChainKind::Manifest) if unit_id == *unit => {
            let manifest = Statement::<Manifest>::parse(manifest.as_bytes()).ok()?;
            (manifest.note().clone(), manifest.body().unit_id)
        }
        (BidEvent::Withdrawn { withdrawal, unit_id, .. }, ChainKind::Withdrawal)
            if unit_id == *unit =>
        {
            let withdrawal = Statement::<Withdrawal>::parse(withdrawal.as_bytes()).ok()?;
            (withdrawal.note().clone(), withdrawal.body().unit_id)
        }
        _ => return None,
    };
    (of == *unit && note.sha256() == standing.sha256).then_some(note)
}
