//! `sealbid tender …`: a buyer drafts, publishes, postpones and voids.
//!
//! Invariant: the buyer signs units and notice only after comparing every field with its own plan,
//! documents and rule pack and with the pinned roster; the platform's preparation is a proposal, not
//! an instruction.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::note::Note;
use crate::crypto::statement::{Body, Statement};
use crate::enterprise::credentials::enterprise_of;
use crate::error::Said;
use crate::ids::{TenderId, UnitId};
use crate::opening::statements::{LapseReason, OpeningEvent, Void, VoidReason};
use crate::tender::rules::{LotPlan, Plan, StagePlan};
use crate::tender::statements::{Amendment, AmendmentReason, Notice, Stage, Unit};

use super::bid::Accepted;
use super::client::{Access, Client};
use super::enterprise::signed;
use super::failed::Failed;
use super::intended::{Document, Intended, Publisher};
use super::notice;
use super::outage::Cosign;
use super::output::Report;
use super::recorded::recorded;
use super::stated::says;
use super::trust::Pinned;
use super::upload::Slice;
use super::usage::BadValue;
use super::{Context, read_file, read_text};

/// `sealbid tender …`
#[derive(Debug, clap::Subcommand)]
pub enum TenderCommand {
    /// Draft a tender from a TOML file: title, documents_until, `[[lots]]` with `[[lots.stages]]`
    ///
    /// The same file is the same draft: given again after a crash or a lost answer, the command prints
    /// the same tender. Change its title for another one.
    #[command(after_help = concat!("Such a file:\n\n", include_str!("help/tender.toml")))]
    Draft {
        /// The TOML file
        file: PathBuf,
    },
    /// Add a document to a draft
    Document {
        /// The tender
        tender: TenderId,
        /// The document
        file: PathBuf,
        /// Print the platform's JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Compare notice and units with what you drafted, sign them and have every custodian sign
    Publish {
        /// The tender
        tender: TenderId,
        /// The TOML file that it was drafted from
        file: PathBuf,
        /// The rule pack that judges its dates: the file, or its SHA-256
        #[arg(long, value_name = "RULES")]
        rules: String,
        /// A document that was added to it; repeat it for each
        #[arg(long = "document", value_name = "FILE")]
        documents: Vec<PathBuf>,
        /// Print the platform's JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Move a unit's deadline and opening later
    Amend {
        /// The opening unit
        unit: UnitId,
        /// RFC 3339, or local time as 2026-11-24T09:00
        #[arg(long, value_parser = instant)]
        deadline: Time,
        /// The deadline if absent
        #[arg(long, value_parser = instant)]
        open_at: Option<Time>,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// See the outage for which the platform moves a unit's deadline, and with --sign say so too
    ///
    /// Custodians that were awake meanwhile want the buyer's signature beside the platform's.
    Cosign(Cosign),
    /// Cancel a unit: it is never opened; what not all have signed yet is taken back
    Void {
        /// The opening unit
        unit: UnitId,
    },
    /// Show a tender: lots, times, terms, documents
    Show {
        /// The tender
        tender: TenderId,
        /// Print the platform's JSON for programs
        #[arg(long)]
        json: bool,
    },
}

/// A tender as people write it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    title: String,
    documents_until: String,
    lots: Vec<SourceLot>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceLot {
    title: String,
    stages: Vec<SourceStage>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceStage {
    stage: Stage,
    deadline: String,
    open_at: String,
    challenge_ms: i64,
    min: u32,
}

impl Source {
    fn plan(self) -> Result<Plan, Failed> {
        let time = |text: &str| instant(text).map_err(|e| Failed::content(text, e));
        let stage = |it: SourceStage| {
            Ok(StagePlan {
                stage: it.stage,
                deadline: time(&it.deadline)?,
                open_at: time(&it.open_at)?,
                challenge_ms: it.challenge_ms,
                min: it.min,
            })
        };
        let lot = |it: SourceLot| {
            let stages = it.stages.into_iter().map(stage).collect::<Result<_, Failed>>()?;
            Ok(LotPlan { title: it.title, stages })
        };
        let documents_until = time(&self.documents_until)?;
        let lots = self.lots.into_iter().map(lot).collect::<Result<_, Failed>>()?;
        Ok(Plan { title: self.title, documents_until, lots })
    }
}

/// What the platform proposes to be signed.
#[derive(Clone, Debug, Deserialize)]
pub struct Prepared {
    /// The notice's text.
    pub notice: String,
    /// The units' texts, with their recipients.
    pub units: Vec<String>,
}

impl Client {
    /// Drafts a tender under a key: the same key and plan are the same draft.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn draft_tender(&self, plan: &Plan, key: &str) -> Result<TenderId, Failed> {
        #[derive(Deserialize)]
        struct Drafted {
            tender: TenderId,
        }
        let drafted: Drafted = self.act_under(key, "/tenders", plan, Access::Own).await?;
        Ok(drafted.tender)
    }

    /// Adds a document to a draft, under the file's own name.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn add_document(&self, tender: TenderId, file: &Path) -> Result<Value, Failed> {
        let wrong = |e: std::io::Error| Failed::file(file, &e);
        // Opened here, so that a file that cannot be read is not taken for a platform that fails.
        let meta = std::fs::File::open(file).and_then(|file| file.metadata()).map_err(wrong)?;
        if meta.is_dir() {
            return Err(wrong(ErrorKind::IsADirectory.into()));
        }
        let size = meta.len();
        let name = file.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| Failed::in_file(file, Said::bare("cli-say-why-name")))?;
        let slice = Slice { path: file.to_owned(), start: 0, size };
        self.put_document(tender, name, &slice).await
    }

    /// Publishes a draft: compares what the platform prepared with what is meant and with the roster,
    /// signs it, and sends it. Gives the platform's word on each unit.
    ///
    /// # Errors
    /// [`Failed::Unsigned`] when the preparation is not to be signed, [`Failed`].
    pub async fn publish(
        &self,
        pinned: &Pinned,
        tender: TenderId,
        meant: &Intended,
    ) -> Result<Value, Failed> {
        let empty = serde_json::json!({});
        let path = format!("/tenders/{tender}/preparation");
        let prepared: Prepared = self.act(&path, &empty, Access::Own).await?;
        let key = self.key()?;
        let buyer = enterprise_of(key.verifying().name());
        let buyer = buyer
            .ok_or_else(|| Failed::content("--key", Said::bare("cli-say-why-no-organisation")))?;
        let units = prepared.units.iter().map(|text| proposed::<Unit>(text));
        let mut units = units.collect::<Result<Vec<_>, _>>()?;
        let mut notice: Statement<Notice> = proposed(&prepared.notice)?;
        let bodies: Vec<Unit> = units.iter().map(|unit| unit.body().clone()).collect();
        meant.check(Publisher { pinned, tender, buyer }, &bodies, notice.body())?;
        units.iter_mut().for_each(|unit| unit.sign(key));
        notice.sign(key);
        let units: Vec<String> = units.iter().map(Statement::encode).collect();
        let body = serde_json::json!({ "notice": notice.encode(), "units": units });
        self.act(&format!("/tenders/{tender}/publication"), &body, Access::Own).await
    }

    /// Postpones a unit: signs the amendment that follows the last one in force, or that one again when it
    /// is the very same, whose answer was lost.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn postpone(
        &self,
        pinned: &Pinned,
        unit: UnitId,
        times: (Time, Time),
        reason: &str,
    ) -> Result<Accepted, Failed> {
        #[derive(Deserialize)]
        struct View {
            unit: String,
            #[serde(default)]
            amendments: Vec<String>,
        }
        let view: View = self.get(&format!("/units/{unit}"), Access::Public).await?;
        let note = view.amendments.last().unwrap_or(&view.unit);
        let last = Note::parse(note.as_bytes()).map_err(Failed::answer)?;
        let count = u32::try_from(view.amendments.len()).unwrap_or(u32::MAX);
        let next = Amendment {
            deadline: times.0,
            no: count.saturating_add(1),
            open_at: times.1,
            prev_sha256: last.sha256(),
            reason: AmendmentReason::Postponed { text: reason.to_owned() },
            unit_id: unit,
        };
        let in_force = Statement::<Amendment>::from_note(last).ok();
        let again = in_force.map(|it| it.body().clone()).filter(|it| {
            *it == Amendment { no: it.no, prev_sha256: it.prev_sha256, ..next.clone() }
        });
        let amendment = again.unwrap_or(next);
        let statement = signed(amendment, self.key()?)?;
        self.state(pinned, &format!("/units/{unit}/amendments"), &statement).await
    }

    /// Cancels a unit.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn cancel(&self, pinned: &Pinned, unit: UnitId) -> Result<Accepted, Failed> {
        let void =
            Void { close_sha256: None, fault: None, reason: VoidReason::Cancelled, unit_id: unit };
        let statement = signed(void, self.key()?)?;
        let sha256 = statement.sha256();
        let is_about = |event: &[u8]| says(event, &sha256) || is_taken_back(event, unit);
        self.state_as(pinned, &format!("/units/{unit}/void"), &statement, is_about).await
    }
}

/// Whether an event ends the proposal of a unit for its buyer: no void unit comes of one.
fn is_taken_back(event: &[u8], unit: UnitId) -> bool {
    match json::parse(event) {
        Ok(OpeningEvent::Lapsed { reason: LapseReason::TakenBack, unit_id, .. }) => unit_id == unit,
        _ => false,
    }
}

/// A statement's text without signatures, or with the platform's.
fn proposed<B: Body>(text: &str) -> Result<Statement<B>, Failed> {
    if let Ok(statement) = Statement::parse(text.as_bytes()) {
        return Ok(statement);
    }
    let note = Note::new(text.to_owned()).map_err(Failed::answer)?;
    Statement::from_note(note).map_err(Failed::answer)
}

/// A plan's file.
fn read_plan(file: &Path) -> Result<Plan, Failed> {
    parse_plan(file, &read_text(file)?)
}

/// The plan in a text of this file.
///
/// # Errors
/// [`Failed::Content`].
pub fn parse_plan(file: &Path, text: &str) -> Result<Plan, Failed> {
    let source: Source = toml::from_str(text).map_err(|e| Failed::toml(file, text, &e))?;
    source.plan()
}

/// What is to be published, from the buyer's own files.
fn intended(file: &Path, rules: &str, documents: &[PathBuf]) -> Result<Intended, Failed> {
    let rule_pack_sha256 = match rules.parse::<Hash>() {
        Ok(sha256) => sha256,
        Err(_) => Hash::of(&read_file(Path::new(rules))?),
    };
    let documents = documents.iter().map(|path| Document::read(path)).collect::<Result<_, _>>()?;
    Ok(Intended { plan: read_plan(file)?, documents, rule_pack_sha256 })
}

impl TenderCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failed`].
    pub fn run(&self, context: &Context) -> Result<Report, Failed> {
        context.wait(self.ask(context))
    }

    async fn ask(&self, context: &Context) -> Result<Report, Failed> {
        let client = context.client()?;
        match self {
            Self::Draft { file } => {
                let plan = read_plan(file)?;
                let tender = client.draft_tender(&plan, &draft_key(&plan)?).await?;
                Ok(Report::plain(tender.to_string()))
            }
            Self::Document { tender, file, json } => {
                let answer = client.add_document(*tender, file).await?;
                if *json { Report::json(&answer) } else { notice::added(*tender, answer) }
            }
            Self::Publish { tender, file, rules, documents, json } => {
                let meant = intended(file, rules, documents)?;
                let answer = client.publish(&context.pinned().await?, *tender, &meant).await?;
                if *json { Report::json(&answer) } else { notice::asked(*tender, answer) }
            }
            Self::Amend { unit, deadline, open_at, reason } => {
                let times = (*deadline, open_at.unwrap_or(*deadline));
                let pinned = context.pinned().await?;
                let done = client.postpone(&pinned, *unit, times, reason).await?;
                recorded(context, (&client, &pinned), &done, "amendment").await
            }
            Self::Cosign(cosign) => cosign.run(context).await,
            Self::Void { unit } => {
                let pinned = context.pinned().await?;
                let done = client.cancel(&pinned, *unit).await?;
                recorded(context, (&client, &pinned), &done, "void").await
            }
            Self::Show { tender, json } => {
                let access = if context.key.is_some() { Access::Own } else { Access::Public };
                if *json {
                    return Report::json(&client.get(&format!("/tenders/{tender}"), access).await?);
                }
                notice::show(&client, *tender, access).await
            }
        }
    }
}

/// The key under which a plan is drafted: a program that died before it had its answer finds the same
/// draft when it is run again.
///
/// # Errors
/// [`Failed::Content`].
pub fn draft_key(plan: &Plan) -> Result<String, Failed> {
    let text = serde_json::to_vec(plan).map_err(|e| Failed::content("json", e))?;
    Ok(Hash::of(&text).to_string())
}

/// An instant as people type it: RFC 3339, or `2026-11-24 09:00[:00[.000]]` in the platform's zone.
fn instant(text: &str) -> Result<Time, BadValue> {
    let wrong = |_| BadValue("cli-say-why-no-time");
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(Time::from_millis(instant.as_millisecond()));
    }
    let local: jiff::civil::DateTime = text.parse().map_err(wrong)?;
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::Offset::constant(8));
    let zoned = local.to_zoned(zone).map_err(wrong)?;
    Ok(Time::from_millis(zoned.timestamp().as_millisecond()))
}
