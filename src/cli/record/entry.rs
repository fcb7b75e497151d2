//! `sealbid record entry`: one entry, and what is proven of it.
//!
//! Invariant: "proven" is said of an entry whose receipt leads to a checkpoint that the pinned
//! roster's custodians cosigned; of every other it is said what is missing.

use crate::error::{Args, Said};

use crate::cli::client::Client;
use crate::cli::failed::Failed;
use crate::cli::output::Report;
use crate::cli::{Context, args};

use super::folder::Entry;
use super::{EXIT_NOT_PINNED, EXIT_UNDECIDED};

impl Client {
    /// An entry, if its level lets the client's holder see it.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn entry(&self, index: u64) -> Result<Entry, Failed> {
        self.get(&format!("/record/entries/{index}"), self.access()).await
    }
}

pub(super) async fn entry(context: &Context, index: u64) -> Result<Report, Failed> {
    let client = context.client()?;
    let entry = client.entry(index).await?;
    if entry.index != index {
        return Err(Failed::answer(Said::new(
            "cli-say-why-other-entry",
            args([("index", entry.index.to_string())]),
        )));
    }
    let values = args([("index", index.to_string()), ("leaf", entry.leaf().to_string())]);
    if entry.event.is_empty() {
        let report = Report::said("cli-say-entry-pad", values);
        return Ok(report.ending_with(EXIT_UNDECIDED));
    }
    let report = Report::said("cli-say-entry", values).and_plain(&entry.event);
    if context.trust.is_none() {
        return Ok(report.and("cli-say-entry-unproven", Args::new()).ending_with(EXIT_NOT_PINNED));
    }
    let proof = client.receipt(&context.pinned().await?, index).await?.checked;
    if proof.receipt.leaf() != entry.leaf() {
        return Err(Failed::receipt(Said::bare("cli-say-why-other-event")));
    }
    let size = proof.size.to_string();
    let values = args([("size", size), ("count", proof.cosigned.to_string())]);
    let report = report.and("cli-say-entry-proven", values);
    Ok(if proof.is_final {
        report
    } else {
        report.and("cli-say-entry-provisional", Args::new()).ending_with(EXIT_UNDECIDED)
    })
}
