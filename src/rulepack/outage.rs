//! What a registered outage of the platform does to a deadline (rules.md, "Outage").
//!
//! Invariant: a deadline only ever moves later. The outage is from its first failing instant up to,
//! and without, the instant of the recovery notice.

use super::calendar::{day_of, start_of};
use super::{Pack, PackError, Span};
use crate::clock::Time;
use crate::error::{Arg, Said};

/// A registered outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first failing instant.
    pub from: Time,
    /// The recovery notice; working again from here on.
    pub recovered: Time,
}

/// A deadline moved by an outage, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The new deadline.
    pub deadline: Time,
    /// The new hour of opening, not before the deadline.
    pub open_at: Time,
    /// How it comes about.
    pub because: Said,
}

/// The new dates of a unit, or nothing when this outage leaves them alone.
///
/// A long outage moves a deadline inside it and a near one alike: "longer than 2 h → + 24 h" makes
/// no difference between them, and the later date harms no bidder.
///
/// # Errors
/// [`PackError::Range`] for dates outside the calendar, or a recovery before the outage.
pub fn after_outage(
    pack: &Pack,
    deadline: Time,
    open_at: Time,
    outage: Window,
) -> Result<Option<Moved>, PackError> {
    if outage.recovered < outage.from {
        return Err(PackError::Range);
    }
    let rule = &pack.outage;
    let inside = deadline >= outage.from && deadline < outage.recovered;
    let near = deadline >= outage.recovered
        && deadline.since(outage.recovered) <= millis(rule.near_recovery)?;
    if !inside && !near {
        return Ok(None);
    }
    let recovered = outage.recovered;
    let after = |deadline: Span, opening: Span| {
        Ok((recovered.plus(millis(deadline)?), recovered.plus(millis(opening)?)))
    };
    let is_long = recovered.since(outage.from) > millis(rule.long_outage)?;
    let ((new_deadline, new_open), key) = if is_long {
        let dates = after(rule.long_deadline_after_recovery, rule.long_opening_after_recovery);
        (dates?, "rulepack-say-outage-long")
    } else if inside {
        let dates = after(rule.deadline_after_recovery, rule.opening_after_recovery);
        (dates?, "rulepack-say-outage-inside")
    } else {
        let shift = millis(rule.near_shift)?;
        ((deadline.plus(shift), open_at.plus(shift)), "rulepack-say-outage-near")
    };
    let mut moved = Moved {
        deadline: new_deadline.max(deadline),
        open_at: new_open.max(open_at).max(new_deadline),
        because: Said::new(key, Vec::new()),
    };
    to_office_hours(pack, deadline, open_at, &mut moved)?;
    moved.because.args = vec![
        ("from", Arg::Time(outage.from)),
        ("recovered", Arg::Time(recovered)),
        ("before", Arg::Time(deadline)),
        ("deadline", Arg::Time(moved.deadline)),
        ("open", Arg::Time(moved.open_at)),
        ("article", Arg::Text(rule.article.clone())),
    ];
    Ok(Some(moved))
}

fn millis(span: Span) -> Result<i64, PackError> {
    span.millis().ok_or(PackError::Range)
}

/// "Past office hours → next working day, same hour": the hour of the original deadline, on the
/// first worked day on which that is not earlier than the computed one. The opening keeps its
/// original distance. A computed deadline on a day off, or before office hours, waits in the same way.
fn to_office_hours(
    pack: &Pack,
    deadline: Time,
    open_at: Time,
    moved: &mut Moved,
) -> Result<(), PackError> {
    let Some(hours) = pack.outage.office_hours else { return Ok(()) };
    let mut day = day_of(pack, moved.deadline)?;
    let hour = |time: Time, day| start_of(pack, day).map(|midnight| time.since(midnight));
    let computed = hour(moved.deadline, day)?;
    let original_hour = hour(deadline, day_of(pack, deadline)?)?;
    let open = since_midnight(hours.opens)..=since_midnight(hours.closes);
    if open.contains(&computed) && !pack.calendar.is_off(day) {
        return Ok(());
    }
    day = pack.calendar.next_worked(day)?;
    let mut next = start_of(pack, day)?.plus(original_hour);
    if next < moved.deadline {
        day = pack.calendar.next_worked(day.tomorrow().map_err(|_| PackError::Range)?)?;
        next = start_of(pack, day)?.plus(original_hour);
    }
    moved.deadline = next;
    moved.open_at = next.plus(open_at.since(deadline).max(0));
    moved.because.key = "rulepack-say-outage-next-day";
    Ok(())
}

fn since_midnight(hour: jiff::civil::Time) -> i64 {
    let minutes = i64::from(hour.hour()) * 60 + i64::from(hour.minute());
    (minutes * 60 + i64::from(hour.second())) * 1000
}
