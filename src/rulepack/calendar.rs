//! Counting days as statutes do: the day of the start event is not counted, and a period that ends
//! on a day off moves to the next working day (rules.md, "Counting").
//!
//! Invariant: days are those of the pack's zone. Hours, minutes and seconds are counted exactly and
//! know no days off.

use jiff::civil::{Date, Weekday};
use serde::Deserialize;

use super::{Pack, PackError, Period, Unit};
use crate::clock::Time;
use crate::error::{Arg, Said};

/// A calendar looks no further than this many days, so that a wrong one cannot hang a server.
const FURTHEST: u32 = 4_000;

/// Days off are the weekend and the listed ones, except make-up working days 调休.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// The weekdays that are off.
    pub weekend: Vec<DayName>,
    /// Public holidays.
    pub days_off: Vec<Date>,
    /// Weekend days that are worked instead.
    pub working_days: Vec<Date>,
}

/// A day of the week in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they are the days of the week")]
pub enum DayName {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl DayName {
    const fn weekday(self) -> Weekday {
        match self {
            Self::Monday => Weekday::Monday,
            Self::Tuesday => Weekday::Tuesday,
            Self::Wednesday => Weekday::Wednesday,
            Self::Thursday => Weekday::Thursday,
            Self::Friday => Weekday::Friday,
            Self::Saturday => Weekday::Saturday,
            Self::Sunday => Weekday::Sunday,
        }
    }
}

impl Calendar {
    /// Whether nobody works on this day.
    #[must_use]
    pub fn is_off(&self, date: Date) -> bool {
        if self.working_days.contains(&date) {
            return false;
        }
        self.days_off.contains(&date)
            || self.weekend.iter().any(|day| day.weekday() == date.weekday())
    }

    /// This day, or the next one that is worked.
    ///
    /// # Errors
    /// [`PackError::Range`] when there is none for years.
    pub fn next_worked(&self, date: Date) -> Result<Date, PackError> {
        let mut date = date;
        for _ in 0..FURTHEST {
            if !self.is_off(date) {
                return Ok(date);
            }
            date = date.tomorrow().map_err(|_| PackError::Range)?;
        }
        Err(PackError::Range)
    }

    /// The `n`th worked day after `date`.
    fn worked_after(&self, date: Date, n: u32) -> Result<Date, PackError> {
        let mut date = date;
        for _ in 0..n {
            date = self.next_worked(date.tomorrow().map_err(|_| PackError::Range)?)?;
        }
        Ok(date)
    }

    pub(super) fn check(&self) -> Result<(), PackError> {
        match self.working_days.iter().find(|date| self.days_off.contains(date)) {
            Some(date) => Err(PackError::Shape(both(date))),
            None => Ok(()),
        }
    }
}

/// Where a period leads, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The first instant of its last day, or the exact instant for hours, minutes and seconds.
    pub at: Time,
    /// Its last day as counted; nothing for hours, minutes and seconds.
    pub counted: Option<Date>,
    /// The last day after moving off a day off; equal to `counted` when it did not move.
    pub moved: Option<Date>,
}

/// The day of an instant in the pack's zone.
///
/// # Errors
/// [`PackError::Range`].
pub fn day_of(pack: &Pack, at: Time) -> Result<Date, PackError> {
    let instant = jiff::Timestamp::from_millisecond(at.millis()).map_err(|_| PackError::Range)?;
    Ok(instant.to_zoned(pack.zone.clone()).date())
}

/// The first instant of a day in the pack's zone.
///
/// # Errors
/// [`PackError::Range`].
pub fn start_of(pack: &Pack, date: Date) -> Result<Time, PackError> {
    let zoned = date.to_zoned(pack.zone.clone()).map_err(|_| PackError::Range)?;
    Ok(Time::from_millis(zoned.timestamp().as_millisecond()))
}

/// The end of a period that starts with an event at `start`. An event counted in days may happen on
/// the last day at any hour, so its end is that day's first instant: issued on the 1st with 20
/// days, the deadline may be on the 21st.
///
/// # Errors
/// [`PackError::Range`].
pub fn end_of(pack: &Pack, period: &Period, start: Time) -> Result<End, PackError> {
    if let Some(unit) = period.unit.millis() {
        let at = start.plus(unit.saturating_mul(i64::from(period.value)));
        return Ok(End { at, counted: None, moved: None });
    }
    if period.value > FURTHEST {
        return Err(PackError::Range);
    }
    let first = day_of(pack, start)?;
    let (counted, moved) = if period.unit == Unit::WorkingDay {
        let day = pack.calendar.worked_after(first, period.value)?;
        (day, day)
    } else {
        let days = jiff::Span::new().days(i64::from(period.value));
        let day = first.checked_add(days).map_err(|_| PackError::Range)?;
        (day, pack.calendar.next_worked(day)?)
    };
    Ok(End { at: start_of(pack, moved)?, counted: Some(counted), moved: Some(moved) })
}

/// The last instant at which something may happen that must come a period before `end`: counted
/// backwards without the day of `end`. Nothing moves for a day off, since that would shorten the
/// time of whom the period protects.
///
/// # Errors
/// [`PackError::Range`].
pub fn last_before(pack: &Pack, period: &Period, end: Time) -> Result<Time, PackError> {
    if let Some(unit) = period.unit.millis() {
        return Ok(end.plus(unit.saturating_mul(i64::from(period.value)).saturating_neg()));
    }
    if period.value > FURTHEST {
        return Err(PackError::Range);
    }
    let mut day = day_of(pack, end)?;
    let mut left = period.value;
    for _ in 0..FURTHEST.saturating_mul(3) {
        if left == 0 {
            break;
        }
        day = day.yesterday().map_err(|_| PackError::Range)?;
        if period.unit == Unit::CalendarDay || !pack.calendar.is_off(day) {
            left -= 1;
        }
    }
    if left > 0 {
        return Err(PackError::Range);
    }
    // Through the whole of that day.
    let next = day.tomorrow().map_err(|_| PackError::Range)?;
    start_of(pack, next).map(|at| at.plus(-1))
}

/// Why a day has no kind.
fn both(day: &Date) -> Arg {
    Said::new("rulepack-say-both", vec![("day", Arg::Day(day.to_string()))]).into()
}
