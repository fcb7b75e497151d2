//! `sealbid opening show`: where a unit stands, line by line, with names.

use serde::Deserialize;

use crate::error::{Arg, Args};
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::statements::{LineStatus, OpenedLine, ReadOutLine};

use super::Seen;
use super::end::End;
use super::lines::Whose;
use super::names::Names;
use super::stops::stops;
use crate::cli::client::{Access, Client};
use crate::cli::failed::Failed;
use crate::cli::output::Report;
use crate::cli::trust::Pinned;
use crate::cli::words::{fate, why_void};
use crate::cli::{Context, args};

pub(super) async fn show(context: &Context, unit: &UnitId) -> Result<Report, Failed> {
    let (client, pinned) = (context.client()?, context.pinned().await?);
    match End::of(&client, &pinned, unit).await? {
        Some(End::Opened(body)) => {
            let named = body.lines.iter().flat_map(bodies);
            let names = Names::of(&client, &pinned, named).await?;
            let when = vec![("at", Arg::Time(body.opened_at))];
            let report = Report::said("cli-say-opening-final", when);
            Ok(body.lines.iter().fold(report, |report, line| opened(report, line, &names)))
        }
        Some(End::Void(void)) => Ok(Report::said(why_void(void.reason), Args::new())),
        None => {
            let seen = client.seen(unit).await?;
            let report = so_far(&client, &pinned, unit, &seen).await?;
            Ok(report.with(Whose::shown(&client, &pinned, unit, &seen).await?))
        }
    }
}

/// Whom a line names: its bidder, and whom that copied.
pub(in crate::cli) fn bodies(line: &OpenedLine) -> impl Iterator<Item = EnterpriseId> {
    let copied = match &line.outcome {
        LineStatus::Rejected { named, .. } => *named,
        _ => None,
    };
    std::iter::once(line.bidder).chain(copied)
}

/// A line of the opening record.
pub(in crate::cli) fn opened(report: Report, line: &OpenedLine, names: &Names) -> Report {
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
async fn so_far(
    client: &Client,
    pinned: &Pinned,
    unit: &UnitId,
    seen: &Seen,
) -> Result<Report, Failed> {
    #[derive(Deserialize)]
    struct ReadOut {
        lines: Vec<ReadOutLine>,
    }
    let read: ReadOut = client.get(&format!("/units/{unit}/read-out"), Access::Public).await?;
    let names = Names::of(client, pinned, read.lines.iter().map(|line| line.bidder)).await?;
    let values = vec![("state", seen.state_word()), ("deadline", Arg::Time(seen.deadline))];
    let report = stops(Report::said("cli-say-opening-not-yet", values), seen)?;
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
