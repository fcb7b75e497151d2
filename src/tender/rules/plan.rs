//! What a buyer drafts, and what a draft must say of itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Time;
use crate::crypto::json::is_plain_text;

use crate::tender::statements::{ReleaseBy, Stage};

/// Lots of one tender at most.
const MAX_LOTS: usize = 1000;
/// A title's length in bytes at most.
const MAX_TITLE: usize = 1000;

/// What a buyer drafts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// For people.
    pub title: String,
    /// Until when documents are offered, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub documents_until: Time,
    /// What is bought.
    pub lots: Vec<LotPlan>,
}

/// A lot as drafted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LotPlan {
    /// For people.
    pub title: String,
    /// One stage, or the technical one and then the commercial one.
    pub stages: Vec<StagePlan>,
}

/// An opening unit as drafted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StagePlan {
    /// Which envelope: single, technical or commercial.
    #[schema(value_type = String)]
    pub stage: Stage,
    /// Bids arriving at or after this are late; Unix milliseconds.
    #[schema(value_type = i64)]
    pub deadline: Time,
    /// No key is released before; Unix milliseconds.
    #[schema(value_type = i64)]
    pub open_at: Time,
    /// The challenge window in milliseconds.
    pub challenge_ms: i64,
    /// With fewer bids the unit is never opened.
    pub min: u32,
}

impl StagePlan {
    /// Second envelopes wait for an order, all others for their hour.
    #[must_use]
    pub const fn release(&self) -> ReleaseBy {
        match self.stage {
            Stage::Commercial => ReleaseBy::Order,
            Stage::Single | Stage::Technical => ReleaseBy::Time,
        }
    }
}

/// What is wrong with a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanFault {
    /// A title is empty, too long or not plain text.
    #[error("a title is empty, too long, or holds characters that a title must not hold")]
    Title,
    /// No lot, or too many.
    #[error("a tender has 1 to 1000 lots")]
    Lots,
    /// Not one stage, nor technical then commercial with one deadline.
    #[error("a lot has one stage, or a technical and then a commercial one with one deadline")]
    Stages,
    /// An hour of opening before the deadline.
    #[error("a unit opens before its deadline")]
    OpensEarly,
    /// No time for challenges.
    #[error("a unit has no challenge window")]
    NoWindow,
    /// A minimum of nothing.
    #[error("a unit has no minimum of bids")]
    NoMinimum,
}

impl PlanFault {
    /// Its sentence.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Title => "tender-say-plan-title",
            Self::Lots => "tender-say-plan-lots",
            Self::Stages => "tender-say-plan-stages",
            Self::OpensEarly => "tender-say-plan-opens-early",
            Self::NoWindow => "tender-say-plan-no-window",
            Self::NoMinimum => "tender-say-plan-no-minimum",
        }
    }
}

/// Checks what a plan says of itself; the law comes at publication.
///
/// # Errors
/// [`PlanFault`] with the first fault.
pub fn check_plan(plan: &Plan) -> Result<(), PlanFault> {
    if !(1..=MAX_LOTS).contains(&plan.lots.len()) {
        return Err(PlanFault::Lots);
    }
    let mut titles = plan.lots.iter().map(|lot| &lot.title).chain([&plan.title]);
    if !titles.all(|title| (1..=MAX_TITLE).contains(&title.len()) && is_plain_text(title)) {
        return Err(PlanFault::Title);
    }
    plan.lots.iter().try_for_each(check_stages)
}

fn check_stages(lot: &LotPlan) -> Result<(), PlanFault> {
    let is_right = match lot.stages.as_slice() {
        [only] => only.stage == Stage::Single,
        [first, second] => {
            (first.stage, second.stage) == (Stage::Technical, Stage::Commercial)
                && first.deadline == second.deadline
        }
        _ => false,
    };
    if !is_right {
        return Err(PlanFault::Stages);
    }
    lot.stages.iter().try_for_each(|stage| {
        if stage.open_at < stage.deadline {
            return Err(PlanFault::OpensEarly);
        }
        if stage.challenge_ms <= 0 {
            return Err(PlanFault::NoWindow);
        }
        if stage.min >= 1 { Ok(()) } else { Err(PlanFault::NoMinimum) }
    })
}
