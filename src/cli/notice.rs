//! `sealbid tender show`: a tender as people read it: lots, units with their times and terms, documents;
//! and what came of adding a document and of publishing.
//!
//! Invariant: minimum, release and window come from the signed unit, whatever the platform says beside
//! it. Deliberately absent: checking who signed; `bid unit` and `bid seal` do that against a pin.

use serde::Deserialize;
use serde_json::Value;

use crate::clock::Time;
use crate::crypto::json;
use crate::crypto::statement::Statement;
use crate::error::{Arg, Args, Said};
use crate::ids::{LotId, TenderId, UnitId};
use crate::opening::statements::{LapseReason, OpeningEvent};
use crate::tender::rules::Plan;
use crate::tender::statements::{DocumentRef, Notice, ReleaseBy, Stage, Unit};

use super::client::{Access, Client};
use super::failed::Failed;
use super::opening::{LastAnswer, stops};
use super::output::Report;
use super::words::{stage_word, state_word};

/// A tender as the platform tells of it.
#[derive(Debug, Deserialize)]
struct Told {
    tender: TenderId,
    title: String,
    state: String,
    procuring_entity: String,
    #[serde(default)]
    notice: Option<String>,
    #[serde(default)]
    plan: Option<Plan>,
    units: Vec<ToldUnit>,
    #[serde(default)]
    lapsed: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ToldUnit {
    unit_id: UnitId,
    lot: LotId,
    stage: Stage,
    deadline: Time,
    open_at: Time,
}

/// What the platform answers to a publication.
#[derive(Debug, Deserialize)]
struct Asked {
    units: Vec<AskedUnit>,
}

#[derive(Debug, Deserialize)]
struct AskedUnit {
    unit: UnitId,
    state: String,
    index: u64,
}

/// Tells of a publication: which units the custodians are asked to sign.
///
/// # Errors
/// [`Failed::Answer`].
pub(super) fn asked(tender: TenderId, answer: Value) -> Result<Report, Failed> {
    let asked: Asked = serde_json::from_value(answer).map_err(Failed::answer)?;
    let report = Report::said("cli-say-tender-signed", vec![("tender", tender.to_string().into())]);
    Ok(asked.units.iter().fold(report, |report, it| {
        let values = vec![
            ("unit", it.unit.to_string().into()),
            ("state", state_word(&it.state)),
            ("index", it.index.to_string().into()),
        ];
        report.and("cli-say-tender-asked", values)
    }))
}

/// Tells of a document that was added.
///
/// # Errors
/// [`Failed::Answer`].
pub(super) fn added(tender: TenderId, answer: Value) -> Result<Report, Failed> {
    let added: DocumentRef = serde_json::from_value(answer).map_err(Failed::answer)?;
    let report = Report::said("cli-say-tender-added", vec![("tender", tender.to_string().into())]);
    Ok(document(report, &added))
}

/// Asks for a tender and its units, and tells of them.
///
/// # Errors
/// [`Failed`].
pub(super) async fn show(
    client: &Client,
    tender: TenderId,
    access: Access,
) -> Result<Report, Failed> {
    let told: Told = client.get(&format!("/tenders/{tender}"), access).await?;
    let head = vec![
        ("title", told.title.as_str().into()),
        ("tender", told.tender.to_string().into()),
        ("state", state_word(&told.state)),
        ("buyer", told.procuring_entity.as_str().into()),
    ];
    let report = Report::said("cli-say-tender", head);
    let notice = told.notice.as_deref().map(|note| Statement::<Notice>::parse(note.as_bytes()));
    match (notice.transpose().map_err(Failed::answer)?, &told.plan) {
        (Some(notice), _) if !told.units.is_empty() => {
            let report = published(client, report, notice.body(), &told.units).await?;
            Ok(documents(report, notice.body()))
        }
        (_, Some(plan)) => lapsed(planned(report, plan), told.lapsed.as_ref()),
        (Some(notice), None) => Ok(documents(report, notice.body())),
        (None, None) => Ok(report),
    }
}

async fn published(
    client: &Client,
    mut report: Report,
    notice: &Notice,
    units: &[ToldUnit],
) -> Result<Report, Failed> {
    for lot in &notice.lots {
        report = report.and("cli-say-tender-lot", vec![("title", lot.title.as_str().into())]);
        for it in units.iter().filter(|it| it.lot == lot.lot) {
            let seen = client.seen(&it.unit_id).await?;
            let unit = Statement::<Unit>::parse(seen.unit.as_bytes()).map_err(Failed::answer)?;
            let unit = unit.body();
            let mut values = times(it.stage, it.deadline, it.open_at, unit.challenge_ms);
            values.push(("unit", it.unit_id.to_string().into()));
            values.push(("state", seen.state_word()));
            report = report.and("cli-say-tender-unit", values);
            let release = match unit.release {
                ReleaseBy::Time => "cli-say-tender-by-time",
                ReleaseBy::Order => "cli-say-tender-by-order",
            };
            let terms = vec![
                ("min", i64::from(unit.min).into()),
                ("t", i64::from(unit.t).into()),
                ("n", unit.recipients.len().to_string().into()),
                ("release", Arg::Word(release)),
            ];
            report = report.and("cli-say-tender-terms", terms);
            report = stops(answered(report, &seen.answers), &seen)?;
        }
    }
    Ok(report)
}

/// What each custodian last answered about a unit that not all have signed.
fn answered(report: Report, answers: &[LastAnswer]) -> Report {
    answers.iter().fold(report, |report, it| {
        let values = vec![
            ("custodian", it.custodian.to_string().into()),
            ("answer", answer_word(&it.answer)),
        ];
        report.and("cli-say-tender-answer", values)
    })
}

/// A custodian's answer, by its code; a refusal's code stays as it is.
fn answer_word(code: &str) -> Arg {
    Arg::Word(match code {
        "signed" => "cli-say-answer-signed",
        "silent" => "cli-say-answer-silent",
        "malformed" => "cli-say-answer-malformed",
        "unasked" => "cli-say-answer-unasked",
        other => return other.into(),
    })
}

/// Why the last publication of a draft came to nothing.
///
/// # Errors
/// [`Failed::Answer`] for what is no such event.
fn lapsed(report: Report, event: Option<&String>) -> Result<Report, Failed> {
    let Some(event) = event else { return Ok(report) };
    let event = json::parse(event.as_bytes()).map_err(Failed::answer)?;
    let OpeningEvent::Lapsed { reason, .. } = event else {
        return Err(Failed::answer(Said::bare("cli-say-why-else")));
    };
    let (key, values) = match reason {
        LapseReason::Unsigned | LapseReason::Incomplete => ("cli-say-lapsed-unsigned", Vec::new()),
        LapseReason::Late => ("cli-say-lapsed-late", Vec::new()),
        LapseReason::OtherRules => ("cli-say-lapsed-rules", Vec::new()),
        LapseReason::Unlawful { rule } => ("cli-say-lapsed-unlawful", vec![("rule", rule.into())]),
        LapseReason::TakenBack => ("cli-say-lapsed-back", Vec::new()),
        LapseReason::Refused { code, custodian } => {
            let custodian = custodian.to_string();
            ("cli-say-lapsed-refused", vec![("custodian", custodian.into()), ("code", code.into())])
        }
    };
    Ok(report.and(key, values))
}

/// What is drafted and not published yet.
fn planned(report: Report, plan: &Plan) -> Report {
    let until = vec![("until", Arg::Time(plan.documents_until))];
    let report = report.and("cli-say-tender-draft", until);
    plan.lots.iter().fold(report, |report, lot| {
        let title = vec![("title", lot.title.as_str().into())];
        lot.stages.iter().fold(report.and("cli-say-tender-lot", title), |report, it| {
            let mut values = times(it.stage, it.deadline, it.open_at, it.challenge_ms);
            values.push(("min", i64::from(it.min).into()));
            report.and("cli-say-tender-stage", values)
        })
    })
}

fn times(stage: Stage, deadline: Time, open_at: Time, challenge_ms: i64) -> Args {
    vec![
        ("stage", stage_word(stage)),
        ("deadline", Arg::Time(deadline)),
        ("open_at", Arg::Time(open_at)),
        ("window", window(challenge_ms).into()),
    ]
}

/// A length of time in seconds, with its milliseconds where it has some.
fn window(millis: i64) -> String {
    let (seconds, rest) = (millis.div_euclid(1000), millis.rem_euclid(1000));
    if rest == 0 { seconds.to_string() } else { format!("{seconds}.{rest:03}") }
}

fn documents(report: Report, notice: &Notice) -> Report {
    notice.documents.iter().fold(report, document)
}

fn document(report: Report, document: &DocumentRef) -> Report {
    let values = vec![
        ("name", document.name.as_str().into()),
        ("size", document.size.to_string().into()),
        ("sha256", document.sha256.to_string().into()),
    ];
    report.and("cli-say-tender-document", values)
}
