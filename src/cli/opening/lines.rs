//! Whose line is whose in a closed unit of second envelopes, for the two who order which of them open.
//!
//! Invariant: it stands on the receipts of the accepted bids, from whose salt and signed manifest the
//! line follows, and on the bidder's own key; never on the platform's word. An order deletes for ever.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::bid::rules::line;
use crate::bid::statements::{BidEvent, Manifest};
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::statement::Statement;
use crate::enterprise::credentials::credential;
use crate::error::{Arg, Said};
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::statements::Close;

use super::Seen;
use crate::cli::args;
use crate::cli::client::{Access, Client};
use crate::cli::failed::Failed;
use crate::cli::output::Report;
use crate::cli::trust::Pinned;

/// A line as the platform tells of it.
#[derive(Deserialize)]
struct Told {
    line: Hash,
    bidder: EnterpriseId,
    index: u64,
    receipt: String,
}

/// Lines with their bidders, as people read them.
#[derive(Default)]
pub(super) struct Whose(BTreeMap<Hash, String>);

impl Whose {
    /// Asks whose the lines of a close are, and proves it of each.
    ///
    /// # Errors
    /// The platform's refusal before that is shown; [`Failed::Receipt`] where it is not shown of every
    /// line, or a receipt shows something else.
    pub(super) async fn of(
        client: &Client,
        pinned: &Pinned,
        close: &Statement<Close>,
    ) -> Result<Self, Failed> {
        let Close { unit_id, lines, .. } = close.body();
        let told: Vec<Told> = client.get(&format!("/units/{unit_id}/lines"), Access::Own).await?;
        let mut known = BTreeMap::new();
        for told in told {
            let manifest = proven(pinned, unit_id, &told)?;
            let name = bidder(client, pinned, &told.bidder, &manifest).await?;
            known.insert(told.line, format!("{name} ({})", told.bidder));
        }
        if lines.iter().all(|line| known.contains_key(line)) {
            Ok(Self(known))
        } else {
            Err(Failed::receipt(Said::bare("cli-say-why-line-untold")))
        }
    }

    /// The lines of a closed unit with their bidders, where that is shown to whoever asks; nothing
    /// where it is not.
    ///
    /// # Errors
    /// As [`of`](Self::of), but no refusal.
    pub(super) async fn shown(
        client: &Client,
        pinned: &Pinned,
        unit: &UnitId,
        seen: &Seen,
    ) -> Result<Report, Failed> {
        let Some(close) = seen.close.as_ref().filter(|_| client.key().is_ok()) else {
            return Ok(Report::default());
        };
        let (close, _) = pinned.close(close, unit)?;
        let whose = match Self::of(client, pinned, &close).await {
            Err(Failed::Refused(told)) if told.status < 500 => return Ok(Report::default()),
            whose => whose?,
        };
        let report = Report::said("cli-say-lines-whose", args([]));
        Ok(close.body().lines.iter().fold(report, |report, line| {
            let values = vec![("line", line.to_string().into()), ("bidder", whose.say(line))];
            report.and("cli-say-line-whose", values)
        }))
    }

    /// Whose a line is, as people read it.
    pub(super) fn say(&self, line: &Hash) -> Arg {
        let known = self.0.get(line).cloned();
        known.map_or(Arg::Word("cli-say-whose-untold"), Arg::Text)
    }
}

/// The manifest of the accepted bid from which the line follows.
fn proven(pinned: &Pinned, unit: &UnitId, told: &Told) -> Result<Statement<Manifest>, Failed> {
    let wrong = || Failed::receipt(Said::bare("cli-say-why-else"));
    let receipt = pinned.receipt(told.receipt.as_bytes())?.receipt;
    let Ok(BidEvent::Accepted { manifest, unit_id, .. }) = json::parse(&receipt.event) else {
        return Err(wrong());
    };
    let manifest = Statement::<Manifest>::parse(manifest.as_bytes()).map_err(|_| wrong())?;
    let is_of_unit = unit_id == *unit && manifest.body().unit_id == *unit;
    let follows = line(receipt.salt.as_bytes(), &manifest.sha256()) == told.line;
    if receipt.index == told.index && is_of_unit && follows { Ok(manifest) } else { Err(wrong()) }
}

/// The name of a body whose key signed this manifest.
async fn bidder(
    client: &Client,
    pinned: &Pinned,
    body: &EnterpriseId,
    manifest: &Statement<Manifest>,
) -> Result<String, Failed> {
    #[derive(Deserialize)]
    struct View {
        credentials: Vec<String>,
    }
    let path = format!("/enterprises/{body}");
    let View { credentials } = client.get(&path, Access::Public).await?;
    let known = credential(pinned.rosters().first(), &credentials).ok();
    let known = known.filter(|known| known.enterprise == *body);
    let signed = known.filter(|known| {
        known.lines.iter().flatten().any(|key| manifest.note().require(key).is_ok())
    });
    let signed = signed.ok_or_else(|| Failed::receipt(Said::bare("cli-say-why-else")))?;
    Ok(signed.name)
}
