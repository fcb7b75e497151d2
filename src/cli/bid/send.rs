//! Sending bids and taking them back; receipts are checked before anything is called done.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::bid::rules::ChainKind;
use crate::bid::statements::{BidEvent, Manifest, Withdrawal};
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::key::SigningKey;
use crate::crypto::statement::Statement;
use crate::error::Said;
use crate::ids::{BidId, UnitId};
use crate::opening::statements::OpeningEvent;

use super::check::{Envelope, read};
use crate::cli::client::{Access, Acted, Client};
use crate::cli::failed::Failed;
use crate::cli::output::Progress;
use crate::cli::trust::{Checked, Pinned};

/// What a unit answers that holds nothing of whoever asks.
const NONE: &str = "bid-not-found";
/// What a unit answers of a bid of which a custodian's word is all that came.
const AWAITED: &str = "bid-shares";

/// Between two looks at a receipt.
const LOOK: Duration = Duration::from_millis(300);

/// The last accepted statement of the bidder in a unit, as the platform tells.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Standing {
    /// Its seq.
    pub seq: u32,
    /// SHA-256 of its text.
    pub sha256: Hash,
    /// `manifest` or `withdrawal`.
    pub kind: String,
    /// One id for all versions.
    pub bid_id: BidId,
    /// Its entry's place in the record.
    pub index: u64,
    /// A `.tlog-proof` text.
    pub receipt: String,
    /// Whether the platform lost the envelope and waits for it to be brought again.
    #[serde(default)]
    pub missing: bool,
}

impl Standing {
    /// What the last statement was.
    #[must_use]
    pub fn kind(&self) -> ChainKind {
        if self.kind == "withdrawal" { ChainKind::Withdrawal } else { ChainKind::Manifest }
    }
}

/// An act that stands in the record, by a receipt that held.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The entry's place.
    pub index: u64,
    /// The `.tlog-proof` text.
    pub text: String,
    /// What it shows.
    pub checked: Checked,
}

/// Where a bid's bytes go from.
#[derive(Clone, Copy)]
pub struct Sending<'a> {
    /// Remembers the upload's address between runs.
    pub kept: Option<&'a Path>,
    /// Told of the bytes sent.
    pub progress: &'a dyn Progress,
}

#[derive(Serialize)]
struct Submission {
    manifest: String,
    shares: Vec<String>,
}

impl Client {
    /// Submits a `.bid` file, first or later version alike: uploads it, sends the manifest, checks
    /// the receipt.
    ///
    /// # Errors
    /// [`Failed::Refused`] with the platform's code and, for a recorded refusal, its receipt;
    /// [`Failed::ReplacedSince`], [`Failed::WithdrawnSince`] with the receipt of what counts no more.
    pub async fn submit(
        &self,
        pinned: &Pinned,
        bid: &Path,
        sending: Sending<'_>,
    ) -> Result<Accepted, Failed> {
        let path = bid.to_owned();
        let read = tokio::task::spawn_blocking(move || read(&path)).await;
        let envelope = read.map_err(|e| Failed::Machine(e.to_string()))??;
        self.submit_envelope(pinned, &envelope, sending).await
    }

    /// The same for an envelope that was read already.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub async fn submit_envelope(
        &self,
        pinned: &Pinned,
        envelope: &Envelope,
        sending: Sending<'_>,
    ) -> Result<Accepted, Failed> {
        self.upload(&envelope.bid, sending.kept, sending.progress).await?;
        let submission = Submission {
            manifest: envelope.manifest.encode(),
            shares: envelope.shares.iter().map(|share| BASE64.encode(share)).collect(),
        };
        let unit = envelope.manifest.body().unit_id;
        let path = format!("/units/{unit}/bids");
        let acted = self.act::<_, Acted>(&path, &submission, Access::Own).await;
        let note = envelope.manifest.encode();
        let acted = acted.map_err(|e| refusal(pinned, e, &note))?;
        let superseded = acted.superseded.clone();
        let accepted = accepted(pinned, acted)?;
        check_event(&accepted, &envelope.manifest)?;
        match superseded.as_deref() {
            None => Ok(accepted),
            Some("withdrawn") => Err(Failed::WithdrawnSince(Box::new(accepted))),
            Some(_) => Err(Failed::ReplacedSince(Box::new(accepted))),
        }
    }

    /// Brings the envelope of one's live bid again, after the platform lost it; gives the receipt of
    /// the entry that says so.
    ///
    /// # Errors
    /// [`Failed::Refused`] with the platform's code: `bid-not-missing` when nothing was lost.
    pub async fn resupply(
        &self,
        pinned: &Pinned,
        envelope: &Envelope,
        sending: Sending<'_>,
    ) -> Result<Accepted, Failed> {
        self.upload(&envelope.bid, sending.kept, sending.progress).await?;
        let manifest = &envelope.manifest;
        let (unit, sha256) = (manifest.body().unit_id, manifest.sha256());
        let path = format!("/units/{unit}/bids/{sha256}/resupply");
        let acted = match self.act::<_, Acted>(&path, &serde_json::json!({}), Access::Own).await {
            // A custodian's word is all that came of it: its shares are wanted too.
            Err(failed) if failed.told().is_some_and(|told| told.code == AWAITED) => {
                return self.submit_envelope(pinned, envelope, sending).await;
            }
            acted => acted?,
        };
        let accepted = accepted(pinned, acted)?;
        match json::parse(&accepted.checked.receipt.event) {
            Ok(OpeningEvent::Resupplied { sha256, unit_id, .. })
                if sha256 == manifest.body().bid.sha256 && unit_id == unit =>
            {
                Ok(accepted)
            }
            _ => Err(Failed::receipt(Said::bare("cli-say-why-else"))),
        }
    }

    /// Withdraws the live bid `manifest_sha256`; `seq` is one above its manifest's.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub async fn withdraw(
        &self,
        pinned: &Pinned,
        withdrawal: Withdrawal,
    ) -> Result<(Accepted, Statement<Withdrawal>), Failed> {
        let key: &SigningKey = self.key()?;
        let signed = Statement::signed(withdrawal, key).map_err(Failed::answer)?;
        let unit = signed.body().unit_id;
        let body = serde_json::json!({ "withdrawal": signed.encode() });
        let path = format!("/units/{unit}/withdrawals");
        let acted = self.act::<_, Acted>(&path, &body, Access::Own).await;
        let note = signed.encode();
        let accepted = accepted(pinned, acted.map_err(|e| refusal(pinned, e, &note))?)?;
        match json::parse(&accepted.checked.receipt.event) {
            Ok(BidEvent::Withdrawn { withdrawal, unit_id, .. })
                if withdrawal == signed.encode() && unit_id == unit =>
            {
                Ok((accepted, signed))
            }
            _ => Err(Failed::receipt(Said::bare("cli-say-why-else"))),
        }
    }

    /// The bidder's own last statement in a unit; none before the first. A unit that is none is an error.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn standing(&self, unit: &UnitId) -> Result<Option<Standing>, Failed> {
        match self.get(&format!("/units/{unit}/bid"), Access::Own).await {
            Ok(standing) => Ok(standing),
            Err(failed) if failed.told().is_some_and(|told| told.code == NONE) => Ok(None),
            Err(failed) => Err(failed),
        }
    }

    /// A receipt again, with the cosignatures that came since.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn receipt(&self, pinned: &Pinned, index: u64) -> Result<Accepted, Failed> {
        let path = format!("/record/receipts/{index}");
        let acted = match self.get(&path, self.access()).await {
            // A key that was just handed over, or that nobody has vouched for: what is public is its too.
            Err(Failed::Refused(told)) if matches!(told.status, 401 | 403) => {
                self.get(&path, Access::Public).await
            }
            answer => answer,
        };
        accepted(pinned, acted?)
    }

    /// A receipt that q custodians have cosigned, or the last one seen when `patience` is over.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn final_receipt(
        &self,
        pinned: &Pinned,
        index: u64,
        patience: Duration,
    ) -> Result<Accepted, Failed> {
        let until = tokio::time::Instant::now() + patience;
        loop {
            let accepted = self.receipt(pinned, index).await?;
            if accepted.checked.is_final || tokio::time::Instant::now() >= until {
                return Ok(accepted);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// An act's answer, if its receipt holds.
///
/// # Errors
/// [`Failed::Receipt`].
pub(crate) fn accepted(pinned: &Pinned, acted: Acted) -> Result<Accepted, Failed> {
    let checked = pinned.receipt(acted.receipt.as_bytes())?;
    if checked.receipt.index != acted.index {
        return Err(Failed::receipt(Said::bare("cli-say-why-entry")));
    }
    Ok(Accepted { index: acted.index, text: acted.receipt, checked })
}

/// A recorded refusal whose receipt holds and is about this very statement; any other receipt is
/// dropped, so that nobody keeps it as evidence.
fn refusal(pinned: &Pinned, failed: Failed, note: &str) -> Failed {
    let Failed::Refused(mut told) = failed else { return failed };
    told.receipt = told.receipt.filter(|text| {
        let event = pinned.receipt(text.as_bytes()).map(|checked| checked.receipt.event);
        event.is_ok_and(|event| {
            let event = json::parse(&event);
            matches!(event, Ok(BidEvent::Refused { statement, .. }) if statement == note)
        })
    });
    Failed::Refused(told)
}

/// The receipt must be about this very manifest: a platform could answer with an older one.
pub(super) fn check_event(
    accepted: &Accepted,
    manifest: &Statement<Manifest>,
) -> Result<(), Failed> {
    let unit = manifest.body().unit_id;
    match json::parse(&accepted.checked.receipt.event) {
        Ok(BidEvent::Accepted { manifest: note, manifest_sha256, unit_id, .. })
            if note == manifest.encode()
                && manifest_sha256 == manifest.sha256()
                && unit_id == unit =>
        {
            Ok(())
        }
        _ => Err(Failed::receipt(Said::bare("cli-say-why-else"))),
    }
}
