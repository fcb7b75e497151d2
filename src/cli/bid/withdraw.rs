//! `sealbid bid withdraw`: the live bid taken back, with a receipt that is kept.
//!
//! Invariant: nothing is withdrawn where its receipt cannot be kept, and a receipt that was lost with a
//! program that died is fetched again by the same command.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::commands::{keep_refusal, receipt_told};
use super::folder::{Chain, Folder};
use super::send::{Accepted, Standing};
use crate::bid::rules::ChainKind;
use crate::bid::statements::{BidEvent, Withdrawal};
use crate::cli::Context;
use crate::cli::client::Client;
use crate::cli::failed::Failed;
use crate::cli::output::{Access, NewFile, Report};
use crate::cli::trust::Pinned;
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::statement::Statement;
use crate::error::Said;
use crate::ids::UnitId;

pub(super) async fn withdraw(
    context: &Context,
    unit: &UnitId,
    folder: Option<&Path>,
    out: Option<&Path>,
) -> Result<Report, Failed> {
    let memory = folder.map(|folder| Folder::of(folder, unit)).transpose()?;
    let client = context.client()?;
    let pinned = context.pinned().await?;
    let last = client.standing(unit).await?.ok_or(Failed::NoLiveBid)?;
    if let Some((folder, plan)) = &memory {
        folder.next(plan, Some(&last))?;
    }
    let is_live = last.kind() == ChainKind::Manifest;
    let seq = if is_live { last.seq.saturating_add(1) } else { last.seq };
    let usual = folder.unwrap_or(Path::new(".")).join(format!("withdrawal-{seq}.tlog-proof"));
    let path = out.map_or(usual, Path::to_owned);
    if !is_live && path.exists() {
        return Err(Failed::NoLiveBid);
    }
    let mut receipt = NewFile::create(&path, Access::Usual)?;
    let (accepted, sha256) = if is_live {
        let withdrawal = Withdrawal { manifest_sha256: last.sha256, seq, unit_id: *unit };
        sent(context, (&client, &pinned), withdrawal, &path).await?
    } else {
        (again(&client, &pinned, &last, unit).await?, last.sha256)
    };
    receipt.writer().write_all(accepted.text.as_bytes()).map_err(|e| Failed::file(&path, &e))?;
    receipt.keep()?;
    if let Some((folder, _)) = memory {
        folder.remember(&Chain { bid_id: last.bid_id, seq, sha256, withdrawn: true })?;
    }
    Ok(receipt_told(context, "cli-say-withdrawn", &accepted, &path))
}

async fn sent(
    context: &Context,
    (client, pinned): (&Client, &Pinned),
    withdrawal: Withdrawal,
    path: &Path,
) -> Result<(Accepted, Hash), Failed> {
    let refused: PathBuf = path.with_extension("refused.tlog-proof");
    let sent = client.withdraw(pinned, withdrawal).await;
    let (accepted, signed) =
        sent.inspect_err(|failed| keep_refusal(context, pinned, failed, &refused))?;
    Ok((accepted, signed.sha256()))
}

/// The receipt of a withdrawal that the platform took before: of one that this very key signed.
async fn again(
    client: &Client,
    pinned: &Pinned,
    last: &Standing,
    unit: &UnitId,
) -> Result<Accepted, Failed> {
    let accepted = client.receipt(pinned, last.index).await?;
    let signed = match json::parse(&accepted.checked.receipt.event) {
        Ok(BidEvent::Withdrawn { withdrawal, unit_id, .. }) if unit_id == *unit => {
            Statement::<Withdrawal>::parse(withdrawal.as_bytes()).map_err(Failed::receipt)?
        }
        _ => return Err(Failed::receipt(Said::bare("cli-say-why-else"))),
    };
    signed.note().require(client.key()?.verifying()).map_err(Failed::receipt)?;
    if signed.sha256() == last.sha256 {
        Ok(accepted)
    } else {
        Err(Failed::receipt(Said::bare("cli-say-why-else")))
    }
}
