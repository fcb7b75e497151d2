//! Which words about a unit are taken, and what they stop: orders, suspensions, releases.
//!
//! Invariant: nothing of a unit that the regulator stopped is recorded as handed out or opened before
//! the stop is lifted, whoever asked for it and when.

use super::{UnitState, is_ascending};
use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::opening::refusal::Misplaced;
use crate::opening::statements::{Close, Order};
use crate::tender::statements::ReleaseBy;

/// Whether a unit takes an order now: closed, of second envelopes, and without one.
///
/// # Errors
/// [`Misplaced::NoOrderNow`].
pub fn takes_order(
    state: UnitState,
    release: ReleaseBy,
    order: Option<&str>,
) -> Result<(), Misplaced> {
    let is_due = state == UnitState::Closed && release == ReleaseBy::Order && order.is_none();
    if is_due { Ok(()) } else { Err(Misplaced::NoOrderNow) }
}

/// Whether those who order are shown whose a unit's lines are: they choose among second envelopes, so it
/// must be closed, and the technical one of its lot opened. Before that nobody learns who bids there.
///
/// # Errors
/// [`Misplaced::LinesSealed`].
pub fn shows_lines(
    state: UnitState,
    release: ReleaseBy,
    technical: Option<UnitState>,
) -> Result<(), Misplaced> {
    let is_chosen_from = matches!(state, UnitState::Closed | UnitState::Opened);
    let is_second = release == ReleaseBy::Order && technical == Some(UnitState::Opened);
    if is_chosen_from && is_second { Ok(()) } else { Err(Misplaced::LinesSealed) }
}

/// Whether an order chooses from this close: each line once, in their order.
///
/// # Errors
/// [`Misplaced::OtherLines`].
pub fn chooses_from(order: &Order, close: &Statement<Close>) -> Result<(), Misplaced> {
    let lines = &close.body().lines;
    let of_close = order.close_sha256 == close.sha256() && is_ascending(&order.lines);
    let is_chosen = |line: &Hash| lines.binary_search(line).is_ok();
    if of_close && order.lines.iter().all(is_chosen) { Ok(()) } else { Err(Misplaced::OtherLines) }
}

/// Whether there is anything left of a unit that the regulator could stop, or let go on.
///
/// # Errors
/// [`Misplaced::NothingToStop`].
pub const fn takes_suspension(state: UnitState) -> Result<(), Misplaced> {
    if state.is_over() { Err(Misplaced::NothingToStop) } else { Ok(()) }
}

/// Whether what custodians hand out, or what was opened with it, is recorded now, unless the unit is
/// suspended: an answer may have been under way when the regulator stopped it, and is asked for again
/// once that is lifted. After the opening keys are still taken, to check every share.
#[must_use]
pub const fn takes_keys(state: UnitState) -> bool {
    matches!(state, UnitState::Closed | UnitState::Opened)
}
