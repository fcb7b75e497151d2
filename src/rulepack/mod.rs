//! Law as data: periods, counting, outages and minima, read from a TOML file (rules.md).
//!
//! Invariant: no number of a statute stands in the code; each comes with its article, and with
//! whether somebody has read it there (`verified`). A pack is named by the SHA-256 of its file, which
//! the notice cites, so that anybody recomputes a timeline with the same numbers. Deliberately
//! absent: floats, and defaults for anything that a statute sets.

pub mod calendar;
pub mod committee;
pub mod outage;
pub mod timeline;

use jiff::civil::Time as Hour;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::crypto::hash::Hash;
use crate::error::{Arg, Args, Reason as _, Refusal, Said, TomlFault};
use calendar::Calendar;
use committee::Committee;

/// The one format that this program reads.
const FORMAT: &str = "sealbid/rulepack/v1";

/// Why a pack cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// Not TOML, unknown or missing fields.
    #[error("the rule pack is not right: {0:?}")]
    Shape(Arg),
    /// Of another format.
    #[error("the rule pack has the format {0:?}")]
    Format(String),
    /// A time zone that is in no table.
    #[error("the rule pack names the unknown zone {0:?}")]
    Zone(String),
    /// A date outside the calendar, or further away than a calendar reaches.
    #[error("a date is out of range")]
    Range,
}

impl Refusal for PackError {
    fn code(&self) -> &'static str {
        match self {
            Self::Shape(_) => "rulepack-shape",
            Self::Format(_) => "rulepack-format",
            Self::Zone(_) => "rulepack-zone",
            Self::Range => "rulepack-range",
        }
    }

    fn status(&self) -> u16 {
        422
    }

    fn args(&self) -> Args {
        match self {
            Self::Shape(reason) => vec![("reason", reason.clone())],
            Self::Format(found) | Self::Zone(found) => vec![("found", found.as_str().into())],
            Self::Range => Args::new(),
        }
    }
}

/// How a number is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// 日: every day of the calendar.
    CalendarDay,
    /// 工作日: days that are not off.
    WorkingDay,
    /// 60 minutes.
    Hour,
    /// 60 seconds.
    Minute,
    /// A second.
    Second,
}

impl Unit {
    /// The length in milliseconds of the units that have one; days have none.
    #[must_use]
    pub const fn millis(self) -> Option<i64> {
        match self {
            Self::CalendarDay | Self::WorkingDay => None,
            Self::Hour => Some(3_600_000),
            Self::Minute => Some(60_000),
            Self::Second => Some(1_000),
        }
    }
}

/// What starts a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// The tender's publication.
    Published,
    /// The publication of a clarification or amendment.
    Amended,
    /// The receipt of an objection.
    Objected,
    /// The deadline; the period lies before it.
    Deadline,
    /// The evaluation; the period lies before it.
    Evaluation,
}

/// A period of a statute.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// How many units.
    pub value: u32,
    /// Which units.
    pub unit: Unit,
    /// What starts it.
    pub start: Start,
    /// Whether an enquiry or objection stops its clock.
    pub suspendable: bool,
    /// Where it stands.
    pub article: String,
    /// Whether it was read in the statute's own text.
    pub verified: bool,
}

/// A length of time in hours, minutes or seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// How many units.
    pub value: u32,
    /// Hours, minutes or seconds; days are refused when the pack is read.
    pub unit: Unit,
}

impl Span {
    /// In milliseconds; nothing for days.
    #[must_use]
    pub fn millis(self) -> Option<i64> {
        self.unit.millis().and_then(|unit| unit.checked_mul(i64::from(self.value)))
    }
}

/// The least length of the challenge window.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// How many units.
    pub value: u32,
    /// Hours, minutes or seconds.
    pub unit: Unit,
    /// Where it stands.
    pub article: String,
    /// Whether it was read in the statute's own text.
    pub verified: bool,
}

/// A number of things.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// How many.
    pub value: u32,
    /// Where it stands.
    pub article: String,
    /// Whether it was read in the statute's own text.
    pub verified: bool,
}

/// When bids are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpeningRule {
    /// At the deadline itself.
    AtDeadline,
    /// At the deadline or later.
    FromDeadline,
}

/// The opening's rules.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// When.
    pub rule: OpeningRule,
    /// Where that stands.
    pub article: String,
    /// Whether it was read in the statute's own text.
    pub verified: bool,
    /// The challenge window lasts at least so long.
    pub challenge_floor: Floor,
    /// With fewer bids nothing is opened.
    pub min_bidders: Count,
}

/// The periods of a tender up to its opening.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Periods {
    /// Documents are offered at least so long.
    pub documents_on_sale: Period,
    /// From the issue to the deadline at least so long.
    pub issue_to_deadline: Period,
    /// From a change that affects bids to the deadline at least so long, else the deadline moves.
    pub amendment_to_deadline: Period,
    /// Objections to the documents come at least so long before the deadline.
    pub objection_before_deadline: Period,
    /// They are answered within.
    pub objection_answer: Period,
}

/// What a registered outage does to a deadline (rules.md, "Outage").
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// Where it stands.
    pub article: String,
    /// Whether it was read in the rule's own text.
    pub verified: bool,
    /// A deadline inside the outage moves to so long after the recovery notice.
    pub deadline_after_recovery: Span,
    /// And its opening to so long after it.
    pub opening_after_recovery: Span,
    /// A deadline not further than this after the recovery counts as near.
    pub near_recovery: Span,
    /// A near deadline and its opening both move by so much.
    pub near_shift: Span,
    /// An outage of more than this is long.
    pub long_outage: Span,
    /// After a long outage the deadline moves to so long after the recovery notice.
    pub long_deadline_after_recovery: Span,
    /// And the opening to so long after it.
    pub long_opening_after_recovery: Span,
    /// A new deadline outside these hours waits for the next working day, same hour.
    #[serde(default)]
    pub office_hours: Option<OfficeHours>,
}

/// When an office is open on a working day, in the pack's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficeHours {
    /// From then on, `"09:00"`.
    pub opens: Hour,
    /// Up to and with then, `"17:00"`.
    pub closes: Hour,
}

/// A name in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// 简体中文.
    pub zh: String,
    /// English.
    pub en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    name: String,
    version: String,
    zone: String,
    title: Title,
    periods: Periods,
    opening: Opening,
    committee: Committee,
    outage: Outage,
    calendar: Calendar,
}

/// A rule pack, read and checked.
#[derive(Clone, Debug)]
pub struct Pack {
    /// Such as `cn-tendering`.
    pub name: String,
    /// The pack's own version.
    pub version: String,
    /// For people.
    pub title: Title,
    /// The periods.
    pub periods: Periods,
    /// The opening's rules.
    pub opening: Opening,
    /// Who evaluates, and how it is drawn.
    pub committee: Committee,
    /// The outage rule.
    pub outage: Outage,
    /// Days off and make-up working days.
    pub calendar: Calendar,
    /// The zone whose days are counted.
    pub zone: TimeZone,
    /// Of the file: what a notice cites.
    pub sha256: Hash,
}

impl Pack {
    /// Reads a pack's file.
    ///
    /// # Errors
    /// [`PackError`] with the first fault; nothing is filled in.
    pub fn parse(text: &str) -> Result<Self, PackError> {
        let file: File =
            toml::from_str(text).map_err(|e| PackError::Shape(TomlFault::new(text, &e).arg()))?;
        if file.format != FORMAT {
            return Err(PackError::Format(file.format));
        }
        let zone = TimeZone::get(&file.zone).map_err(|_| PackError::Zone(file.zone))?;
        let pack = Self {
            name: file.name,
            version: file.version,
            title: file.title,
            periods: file.periods,
            opening: file.opening,
            committee: file.committee,
            outage: file.outage,
            calendar: file.calendar,
            zone,
            sha256: Hash::of(text.as_bytes()),
        };
        pack.check()?;
        Ok(pack)
    }

    fn check(&self) -> Result<(), PackError> {
        let periods = [
            ("documents_on_sale", &self.periods.documents_on_sale, Start::Published),
            ("issue_to_deadline", &self.periods.issue_to_deadline, Start::Published),
            ("amendment_to_deadline", &self.periods.amendment_to_deadline, Start::Amended),
            ("objection_before_deadline", &self.periods.objection_before_deadline, Start::Deadline),
            ("objection_answer", &self.periods.objection_answer, Start::Objected),
            ("draw_before", &self.committee.draw_before, Start::Evaluation),
        ];
        for (name, period, start) in periods {
            if period.start != start {
                let start = format!("{start:?}").to_ascii_lowercase();
                let values = vec![("name", name.into()), ("start", start.into())];
                return Err(PackError::Shape(Said::new("rulepack-say-start", values).into()));
            }
        }
        let outage = &self.outage;
        let spans = [
            outage.deadline_after_recovery,
            outage.opening_after_recovery,
            outage.near_recovery,
            outage.near_shift,
            outage.long_outage,
            outage.long_deadline_after_recovery,
            outage.long_opening_after_recovery,
            Span {
                value: self.opening.challenge_floor.value,
                unit: self.opening.challenge_floor.unit,
            },
        ];
        if spans.iter().any(|span| span.millis().is_none()) {
            return Err(PackError::Shape(Said::bare("rulepack-say-in-days").into()));
        }
        self.committee.check()?;
        self.calendar.check()
    }

    /// The least length of the challenge window in milliseconds.
    #[must_use]
    pub fn challenge_floor_ms(&self) -> i64 {
        let floor = &self.opening.challenge_floor;
        Span { value: floor.value, unit: floor.unit }.millis().unwrap_or(i64::MAX)
    }
}
