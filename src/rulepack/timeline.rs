//! Checks a tender's dates against a pack, and explains every one of them.
//!
//! Invariant: a finding says what was required, what was found, where it stands and why the date is
//! that date; a date is lawful at exactly the required instant and not one millisecond earlier.

use super::calendar::{End, end_of, last_before};
use super::{OpeningRule, Pack, PackError, Period, Unit};
use crate::clock::Time;
use crate::error::{Arg, Args, Said};

/// A tender's dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// When the notice is published.
    pub published_at: Time,
    /// Until when the documents are offered.
    pub documents_until: Time,
    /// When bids must be in.
    pub deadline: Time,
    /// When they are opened.
    pub open_at: Time,
    /// How long the challenge window lasts, in milliseconds.
    pub challenge_ms: i64,
    /// With fewer bids nothing is opened.
    pub min_bidders: u32,
}

/// Which rule a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// How long the documents are offered.
    DocumentsOnSale,
    /// From the issue to the deadline.
    IssueToDeadline,
    /// From a change to the deadline.
    AmendmentToDeadline,
    /// Until when objections to the documents come in time; states a date and is never broken.
    ObjectionBeforeDeadline,
    /// When bids are opened.
    Opening,
    /// How long the challenge window lasts.
    ChallengeWindow,
    /// How many bids are needed.
    MinBidders,
}

impl Rule {
    /// Its stable name in JSON.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::DocumentsOnSale => "documents_on_sale",
            Self::IssueToDeadline => "issue_to_deadline",
            Self::AmendmentToDeadline => "amendment_to_deadline",
            Self::ObjectionBeforeDeadline => "objection_before_deadline",
            Self::Opening => "opening",
            Self::ChallengeWindow => "challenge_window",
            Self::MinBidders => "min_bidders",
        }
    }
}

/// What a rule measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// An instant.
    At(Time),
    /// A length of time in milliseconds.
    Lasts(i64),
    /// A number of things.
    Number(u32),
}

impl From<Measure> for Arg {
    fn from(measure: Measure) -> Self {
        match measure {
            Measure::At(time) => Self::Time(time),
            Measure::Lasts(millis) => Self::Number(millis),
            Measure::Number(number) => Self::Number(i64::from(number)),
        }
    }
}

/// The judgement on one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub rule: Rule,
    /// At least this (for [`Rule::Opening`] under `at_deadline`: exactly this).
    pub required: Measure,
    /// This was found.
    pub actual: Measure,
    /// Where the rule stands.
    pub article: String,
    /// Whether its number was read in the statute's own text.
    pub verified: bool,
    /// Whether it is kept.
    pub ok: bool,
    /// How the required date comes about.
    pub because: Said,
}

/// Judges every rule on a tender's dates, in the order of time.
///
/// # Errors
/// [`PackError::Range`] for dates outside the calendar.
pub fn check_timeline(pack: &Pack, timeline: &Timeline) -> Result<Vec<Finding>, PackError> {
    let issued = timeline.published_at;
    let periods = &pack.periods;
    Ok(vec![
        at_least(
            pack,
            Rule::DocumentsOnSale,
            &periods.documents_on_sale,
            issued,
            timeline.documents_until,
        )?,
        at_least(
            pack,
            Rule::IssueToDeadline,
            &periods.issue_to_deadline,
            issued,
            timeline.deadline,
        )?,
        objections(pack, timeline.deadline)?,
        opening(pack, timeline),
        challenge_window(pack, timeline.challenge_ms),
        min_bidders(pack, timeline.min_bidders),
    ])
}

/// Judges a change that affects bids. Where it comes too late, the required instant is the earliest
/// deadline that would be lawful: never earlier than the deadline in force.
///
/// # Errors
/// [`PackError::Range`] for dates outside the calendar.
pub fn check_amendment(
    pack: &Pack,
    amended_at: Time,
    deadline: Time,
) -> Result<Finding, PackError> {
    let period = &pack.periods.amendment_to_deadline;
    at_least(pack, Rule::AmendmentToDeadline, period, amended_at, deadline)
}

fn at_least(
    pack: &Pack,
    rule: Rule,
    period: &Period,
    start: Time,
    actual: Time,
) -> Result<Finding, PackError> {
    let end = end_of(pack, period, start)?;
    Ok(Finding {
        rule,
        required: Measure::At(end.at),
        actual: Measure::At(actual),
        article: period.article.clone(),
        verified: period.verified,
        ok: actual >= end.at,
        because: explain(period, start, end),
    })
}

/// Why a period ends when it does.
#[must_use]
pub fn explain(period: &Period, start: Time, end: End) -> Said {
    let mut args: Args = vec![
        ("start", Arg::Time(start)),
        ("value", Arg::Number(i64::from(period.value))),
        ("unit", Arg::Word(unit_word(period.unit))),
        ("end", Arg::Time(end.at)),
        ("article", Arg::Text(period.article.clone())),
    ];
    let (Some(counted), Some(moved)) = (end.counted, end.moved) else {
        return Said::new("rulepack-say-exact", args);
    };
    args.push(("day", Arg::Day(counted.to_string())));
    if counted == moved {
        return Said::new("rulepack-say-days", args);
    }
    args.push(("moved", Arg::Day(moved.to_string())));
    Said::new("rulepack-say-moved", args)
}

const fn unit_word(unit: Unit) -> &'static str {
    match unit {
        Unit::CalendarDay => "rulepack-say-calendar-days",
        Unit::WorkingDay => "rulepack-say-working-days",
        Unit::Hour => "rulepack-say-hours",
        Unit::Minute => "rulepack-say-minutes",
        Unit::Second => "rulepack-say-seconds",
    }
}

fn objections(pack: &Pack, deadline: Time) -> Result<Finding, PackError> {
    let period = &pack.periods.objection_before_deadline;
    let last = last_before(pack, period, deadline)?;
    Ok(Finding {
        rule: Rule::ObjectionBeforeDeadline,
        required: Measure::At(last),
        actual: Measure::At(last),
        article: period.article.clone(),
        verified: period.verified,
        ok: true,
        because: Said::new(
            "rulepack-say-objections",
            vec![
                ("value", Arg::Number(i64::from(period.value))),
                ("unit", Arg::Word(unit_word(period.unit))),
                ("deadline", Arg::Time(deadline)),
                ("last", Arg::Time(last)),
                ("article", Arg::Text(period.article.clone())),
            ],
        ),
    })
}

fn opening(pack: &Pack, timeline: &Timeline) -> Finding {
    let rule = &pack.opening;
    let (ok, key) = match rule.rule {
        OpeningRule::AtDeadline => {
            (timeline.open_at == timeline.deadline, "rulepack-say-open-at-deadline")
        }
        OpeningRule::FromDeadline => {
            (timeline.open_at >= timeline.deadline, "rulepack-say-open-from-deadline")
        }
    };
    let args = vec![
        ("deadline", Arg::Time(timeline.deadline)),
        ("article", Arg::Text(rule.article.clone())),
    ];
    Finding {
        rule: Rule::Opening,
        required: Measure::At(timeline.deadline),
        actual: Measure::At(timeline.open_at),
        article: rule.article.clone(),
        verified: rule.verified,
        ok,
        because: Said::new(key, args),
    }
}

fn challenge_window(pack: &Pack, actual: i64) -> Finding {
    let floor = &pack.opening.challenge_floor;
    let required = pack.challenge_floor_ms();
    let args = vec![
        ("value", Arg::Number(i64::from(floor.value))),
        ("unit", Arg::Word(unit_word(floor.unit))),
        ("article", Arg::Text(floor.article.clone())),
    ];
    Finding {
        rule: Rule::ChallengeWindow,
        required: Measure::Lasts(required),
        actual: Measure::Lasts(actual),
        article: floor.article.clone(),
        verified: floor.verified,
        ok: actual >= required,
        because: Said::new("rulepack-say-challenge", args),
    }
}

fn min_bidders(pack: &Pack, actual: u32) -> Finding {
    let least = &pack.opening.min_bidders;
    let args = vec![
        ("value", Arg::Number(i64::from(least.value))),
        ("article", Arg::Text(least.article.clone())),
    ];
    Finding {
        rule: Rule::MinBidders,
        required: Measure::Number(least.value),
        actual: Measure::Number(actual),
        article: least.article.clone(),
        verified: least.verified,
        ok: actual >= least.value,
        because: Said::new("rulepack-say-min-bidders", args),
    }
}
