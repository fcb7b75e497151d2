//! `sealbid opening show`: where a unit stands, line by line, with names.

use serde::Deserialize;

use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::error::{Arg, Args, Said};
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::statements::{LineStatus, OpenedLine, Opening, ReadOutLine, Void};

use super::names::Names;
use super::stops::stops;
use super::wrong;
use crate::cli::client::{Access, Client};
use crate::cli::failed::Failed;
use crate::cli::output::Report;
use crate::cli::trust::Pinned;
use crate::cli::words::{fate, state_word, why_void};
use crate::cli::{Context, args};

pub(super) async fn show(context: &Context, unit: &UnitId) -> Result<Report, Failed> {
    #[derive(Deserialize)]
    struct End {
        opening: Option<String>,
        void: Option<String>,
    }
    let (client, pinned) = (context.client()?, context.pinned().await?);
    match client.get(&format!("/units/{unit}/opening"), Access::Public).await {
        Ok(End { opening: Some(note), .. }) => {
            let opening = Statement::<Opening>::parse(note.as_bytes()).map_err(wrong)?;
            pinned.require_platform(opening.note()).map_err(wrong)?;
            let body = opening.body();
            require_this(&client, &pinned, unit, (body.unit_id, Some(body.close_sha256))).await?;
            let named = body.lines.iter().flat_map(bodies);
            let names = Names::of(&client, &pinned, named).await?;
            let when = vec![("at", Arg::Time(body.opened_at))];
            let report = Report::said("cli-say-opening-final", when);
            Ok(body.lines.iter().fold(report, |report, line| opened(report, line, &names)))
        }
        Ok(End { void: Some(note), .. }) => {
            let void = Statement::<Void>::parse(note.as_bytes()).map_err(wrong)?;
            pinned.require_platform(void.note()).map_err(wrong)?;
            let body = void.body();
            require_this(&client, &pinned, unit, (body.unit_id, body.close_sha256)).await?;
            Ok(Report::said(why_void(void.body().reason), Args::new()))
        }
        Ok(End { .. }) => Err(wrong(Said::bare("cli-say-why-no-end"))),
        Err(failed) if failed.told().is_some_and(|told| told.status == 404) => {
            so_far(&client, &pinned, unit).await
        }
        Err(failed) => Err(failed),
    }
}

/// The end that the platform tells must be this unit's, and of the close that q custodians signed.
async fn require_this(
    client: &Client,
    pinned: &Pinned,
    unit: &UnitId,
    (told, close_sha256): (UnitId, Option<Hash>),
) -> Result<(), Failed> {
    if told != *unit {
        return Err(wrong(Said::bare("cli-say-why-other-unit")));
    }
    let Some(close_sha256) = close_sha256 else { return Ok(()) };
    let close = client.seen(unit).await?.close;
    let close = close.ok_or_else(|| wrong(Said::bare("cli-say-why-not-closed")))?;
    let (close, _) = pinned.close(&close, unit)?;
    if close.sha256() == close_sha256 {
        Ok(())
    } else {
        Err(wrong(Said::bare("cli-say-why-end-of-other")))
    }
}

/// Whom a line names: its bidder, and whom that copied.
fn bodies(line: &OpenedLine) -> impl Iterator<Item = EnterpriseId> {
    let copied = match &line.outcome {
        LineStatus::Rejected { named, .. } => *named,
        _ => None,
    };
    std::iter::once(line.bidder).chain(copied)
}

/// A line of the opening record.
fn opened(report: Report, line: &OpenedLine, names: &Names) -> Report {
    let bidder = ("bidder", names.say(&line.bidder));
    let of = ("line", line.line.to_string());
    match &line.outcome {
        LineStatus::Opened { offer, .. } => {
            let price = offer.price.clone().unwrap_or_else(|| "-".to_owned());
            let currency = offer.currency.clone();
            let values = args([bidder, of, ("price", price), ("currency", currency)]);
            report.and("cli-say-opening-line", values)
        }
        other => {
            let (key, more) = fate(other, &|body| names.say(body));
            let mut values = args([bidder, of]);
            values.extend(more.map(|(name, value)| (name, Arg::Text(value))));
            report.and(key, values)
        }
    }
}

/// What was read out before the opening record is final.
async fn so_far(client: &Client, pinned: &Pinned, unit: &UnitId) -> Result<Report, Failed> {
    #[derive(Deserialize)]
    struct ReadOut {
        lines: Vec<ReadOutLine>,
    }
    let seen = client.seen(unit).await?;
    let read: ReadOut = client.get(&format!("/units/{unit}/read-out"), Access::Public).await?;
    let names = Names::of(client, pinned, read.lines.iter().map(|line| line.bidder)).await?;
    let values = vec![("state", state_word(&seen.state)), ("deadline", Arg::Time(seen.deadline))];
    let report = stops(Report::said("cli-say-opening-not-yet", values), &seen)?;
    if read.lines.is_empty() {
        return Ok(report);
    }
    let report = report.and("cli-say-opening-provisional", args([]));
    Ok(read.lines.iter().fold(report, |report, line| {
        let values = args([
            ("bidder", names.say(&line.bidder)),
            ("line", line.line.to_string()),
            ("price", line.offer.price.clone().unwrap_or_else(|| "-".to_owned())),
            ("currency", line.offer.currency.clone()),
        ]);
        report.and("cli-say-opening-line", values)
    }))
}
