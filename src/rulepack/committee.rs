//! Who evaluates, and when and from whom it is drawn: the numbers of a committee, and the dates that they
//! give for one evaluation.
//!
//! Invariant: whoever has the pack, and knows when a committee meets, computes the same dates.

use serde::Deserialize;

use super::calendar::{day_of, last_before, start_of};
use super::{Count, Pack, PackError, Period};
use crate::clock::Time;
use crate::error::{Reason as _, Said};

/// The committee's rules.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Committee {
    /// At least so many members, and always an odd number.
    pub least: Count,
    /// So large a part of the members are outside experts.
    pub outside: Share,
    /// At most so many of one employer; absent: no such rule.
    #[serde(default)]
    pub per_employer: Option<Count>,
    /// A former employer is one for so long.
    pub look_back: Years,
    /// Who was drawn so often rests.
    pub rest: Rest,
    /// The draw comes at most so long before the evaluation.
    pub draw_before: Period,
}

/// A part of a whole, exactly.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// So many.
    pub share: u32,
    /// Of so many.
    pub whole: u32,
    /// Where it stands.
    pub article: String,
    /// Whether it was read in the statute's own text.
    pub verified: bool,
}

/// A number of years.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Years {
    /// How many.
    pub years: u8,
    /// Where it stands.
    pub article: String,
    /// Whether it was read in the statute's own text.
    pub verified: bool,
}

/// How often an expert may be drawn.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rest {
    /// So often.
    pub most: u32,
    /// Within so many days.
    pub days: u16,
    /// Where it stands.
    pub article: String,
    /// Whether it was read in the statute's own text.
    pub verified: bool,
}

/// The dates and numbers by which experts are kept out of one draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recusal {
    /// Employments that ended at or after this instant still bind.
    pub look_back: Time,
    /// Who was drawn so often since `drawn_since` rests.
    pub drawn_most: u32,
    /// From when draws are counted.
    pub drawn_since: Time,
    /// At most so many of one employer.
    pub per_employer: Option<u32>,
}

impl Committee {
    pub(super) fn check(&self) -> Result<(), PackError> {
        let is_part = self.outside.share <= self.outside.whole && self.outside.whole > 0;
        let counts = [Some(self.least.value), self.per_employer.as_ref().map(|it| it.value)];
        let is_some = counts.into_iter().flatten().all(|count| count > 0) && self.rest.most > 0;
        if is_part && is_some {
            return Ok(());
        }
        Err(PackError::Shape(Said::bare("rulepack-say-committee").arg()))
    }
}

impl Pack {
    /// The earliest instant at which the committee of an evaluation may be drawn: the first of the day
    /// that lies the period before it.
    ///
    /// # Errors
    /// [`PackError::Range`].
    pub fn draw_from(&self, evaluation: Time) -> Result<Time, PackError> {
        let period = &self.committee.draw_before;
        let last = last_before(self, period, evaluation)?;
        if period.unit.millis().is_some() {
            return Ok(last);
        }
        start_of(self, day_of(self, last)?)
    }

    /// Whom the rules keep out of a committee that meets then; dates are the first instants of their days.
    ///
    /// # Errors
    /// [`PackError::Range`].
    pub fn recusal(&self, meets_at: Time) -> Result<Recusal, PackError> {
        let day = day_of(self, meets_at)?;
        let before = |span: jiff::Span| {
            let day = day.checked_sub(span).map_err(|_| PackError::Range)?;
            start_of(self, day)
        };
        let Committee { look_back, rest, per_employer, .. } = &self.committee;
        Ok(Recusal {
            look_back: before(jiff::Span::new().years(look_back.years))?,
            drawn_most: rest.most,
            drawn_since: before(jiff::Span::new().days(rest.days))?,
            per_employer: per_employer.as_ref().map(|count| count.value),
        })
    }
}
