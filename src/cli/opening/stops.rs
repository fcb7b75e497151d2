//! What stops or moves a unit's opening, as it stands on the record for everybody: the regulator's word,
//! challenges that no custodian has seen answered, an amendment that is asked.

use std::collections::BTreeMap;

use crate::crypto::statement::Statement;
use crate::error::Arg;
use crate::opening::statements::{Challenged, Suspension, SuspensionState, Verdict};
use crate::tender::statements::{Amendment, AmendmentReason};

use super::Seen;
use crate::cli::failed::Failed;
use crate::cli::output::Report;

/// Tells of all that; nothing where nothing stops or moves it.
///
/// # Errors
/// [`Failed::Answer`] for what is no such statement.
pub(in crate::cli) fn stops(report: Report, seen: &Seen) -> Result<Report, Failed> {
    let report = match seen.waits() {
        Some(waits) => report.and(waits, Vec::new()),
        None => report,
    };
    let report = suspended(report, seen)?;
    let report = challenged(report, seen)?;
    pending(report, seen)
}

/// The regulator's last word holds.
fn suspended(report: Report, seen: &Seen) -> Result<Report, Failed> {
    let parse = |note: &String| Statement::<Suspension>::parse(note.as_bytes());
    let all = seen.suspensions.iter().map(parse).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(Failed::answer)?;
    let last = all.iter().map(Statement::body).max_by_key(|body| body.no);
    Ok(match last.filter(|body| body.state == SuspensionState::Suspended) {
        Some(body) => {
            report.and("cli-say-suspended", vec![("reason", body.reason.as_str().into())])
        }
        None => report,
    })
}

/// What a custodian found last of a line counts.
fn challenged(mut report: Report, seen: &Seen) -> Result<Report, Failed> {
    let mut found = BTreeMap::new();
    for note in &seen.challenges {
        let challenge = Statement::<Challenged>::parse(note.as_bytes()).map_err(Failed::answer)?;
        let body = challenge.body();
        found.insert((body.line.to_string(), body.custodian.to_string()), body.verdict);
    }
    found.retain(|_, verdict| *verdict == Verdict::Open);
    for (line, custodian) in found.into_keys() {
        let values = vec![("line", line.into()), ("custodian", custodian.into())];
        report = report.and("cli-say-challenge-open", values);
    }
    Ok(report)
}

fn pending(report: Report, seen: &Seen) -> Result<Report, Failed> {
    let Some(note) = &seen.pending else { return Ok(report) };
    let asked = Statement::<Amendment>::parse(note.as_bytes()).map_err(Failed::answer)?;
    let body = asked.body();
    let (AmendmentReason::Postponed { text } | AmendmentReason::Outage { text, .. }) = &body.reason;
    let values = vec![
        ("deadline", Arg::Time(body.deadline)),
        ("open_at", Arg::Time(body.open_at)),
        ("reason", text.as_str().into()),
    ];
    Ok(report.and("cli-say-amendment-asked", values))
}
