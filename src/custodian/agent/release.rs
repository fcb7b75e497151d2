//! The release: when this agent hands out a unit's identity, and what keeps it from doing so.

use crate::clock::Time;
use crate::crypto::statement::Statement;
use crate::custodian::wire::{AskCancel, AskRelease, AskSuspend, AskWindow};
use crate::ids::UnitId;
use crate::opening::rules::{Terms, is_ascending, is_below, quorum_time, release_from};
use crate::opening::statements::{
    Close, Order, QueryAbout, Release, Suspension, SuspensionState, Void,
};
use crate::tender::rules::cancellation;
use crate::tender::statements::{ReleaseBy, Unit};

use super::challenge::effective_close;
use super::close::check_lodged;
use super::kept::Kept;
use super::query::question;
use super::refusal::Refusal;
use super::state::{Agent, Change};

/// Releases a unit's identity to the platform once its release condition holds. A question of the
/// platform's from before the hour is never answered: whoever heard one that was refused cannot ask it
/// again after the hour and be told first.
///
/// An agent that was away at the close, or lost its state, releases on a close with q signatures:
/// any other would need t custodians to have signed twice.
///
/// # Errors
/// [`Refusal`] with the first condition that does not hold.
pub fn release(
    agent: &Agent<'_>,
    ask: &AskRelease,
) -> Result<(Change, Statement<Release>), Refusal> {
    let (about, asked_at) = question(agent, &ask.query, QueryAbout::Release)?;
    agent.require_memory()?;
    let (unit, unit_id) = agent.effective_unit(&ask.unit)?;
    let (close, of, window_from) = closed_at(agent, &ask.close_receipt)?;
    if of != unit_id || about != unit_id {
        return Err(Refusal::UnknownUnit);
    }
    let kept = agent.kept_or_shown(unit_id, &ask.unit)?;
    kept.require_standing()?;
    let terms = closed_on(&kept, close.body(), unit.body().challenge_ms);
    let from = release_from(&terms, window_from);
    let kept = with_window(kept, &close, window_from.plus(terms.challenge_ms));
    check_bids(agent, &unit, &close, ask)?;
    // One that was away at the close has not seen yet what became of the bids lodged with it.
    let lodged = check_lodged(agent, &kept, close.body(), &ask.lodged)?;
    let kept = Kept { lodged, ..kept };
    check_time(agent, ask, (asked_at, from))?;
    check_stops(&kept)?;
    let identity = agent.keys.unit_identity(&unit_id).encode().to_string();
    let custodian = agent.me()?.id.clone();
    let body = Release { close_sha256: close.sha256(), custodian, identity, unit_id };
    let release = Statement::signed(body, &agent.keys.statement)?;
    Ok((Change::Unit(unit_id, Box::new(kept)), release))
}

/// Notes when a unit's challenge window ends, from the receipt of its effective close: what comes
/// later, or came later before the agent knew, is a finding, never a stop.
///
/// # Errors
/// [`Refusal`] when the receipt does not show an effective close cosigned by q.
pub fn note_window(agent: &Agent<'_>, ask: &AskWindow) -> Result<Change, Refusal> {
    let (close, unit_id, window_from) = closed_at(agent, &ask.close_receipt)?;
    let kept = agent.kept_or_shown(unit_id, &ask.unit)?;
    let end = window_from.plus(Agent::terms(&kept)?.challenge_ms);
    Ok(Change::Unit(unit_id, Box::new(with_window(kept, &close, end))))
}

/// The earliest end shown holds: a later checkpoint must not lengthen the window.
fn with_window(kept: Kept, close: &Statement<Close>, end: Time) -> Kept {
    let end = kept.window_end.map_or(end, |known| known.min(end));
    Kept { close: Some(close.sha256()), window_end: Some(end), ..kept }
}

/// The effective close of a receipt, and when q had cosigned the checkpoint that holds it.
fn closed_at(
    agent: &Agent<'_>,
    close_receipt: &str,
) -> Result<(Statement<Close>, UnitId, Time), Refusal> {
    let (receipt, cosigned) = agent.receipt(close_receipt)?;
    let text = std::str::from_utf8(&receipt.event).map_err(|_| Refusal::NotRecorded)?;
    let (close, unit_id) = effective_close(agent, text)?;
    let times: Vec<Time> = cosigned.cosignatures().iter().map(|c| c.time).collect();
    let window_from = quorum_time(&times, agent.roster().q()).ok_or(Refusal::NoQuorum)?;
    Ok((close, unit_id, window_from))
}

/// The times that the close names; never earlier than what this agent signed. Of the q that signed the
/// close, one honest custodian signed the last amendment: two quorums share that many. So one that
/// slept through it need not ask the platform whether there was any.
fn closed_on(kept: &Kept, close: &Close, challenge_ms: i64) -> Terms {
    let (deadline, open_at) = (close.deadline.max(kept.deadline), close.open_at.max(kept.open_at));
    Terms { deadline, open_at, challenge_ms }
}

fn check_bids(
    agent: &Agent<'_>,
    unit: &Statement<Unit>,
    close: &Statement<Close>,
    ask: &AskRelease,
) -> Result<(), Refusal> {
    if is_below(Some(close.body().lines.len()), unit.body().min) {
        return Err(Refusal::TooFewLines);
    }
    if unit.body().release == ReleaseBy::Time {
        return Ok(());
    }
    let order = ask.order.as_ref().ok_or(Refusal::NoOrder)?;
    let order = Statement::<Order>::parse(order.as_bytes())?;
    order.note().require(&agent.roster().regulator_key)?;
    agent.require_buyer(order.note(), &ask.credentials, unit)?;
    let body = order.body();
    let of_close = body.close_sha256 == close.sha256() && body.unit_id == close.body().unit_id;
    let known = body.lines.iter().all(|line| close.body().lines.binary_search(line).is_ok());
    if of_close && known && is_ascending(&body.lines) { Ok(()) } else { Err(Refusal::NoOrder) }
}

fn check_time(
    agent: &Agent<'_>,
    ask: &AskRelease,
    (asked_at, from): (Time, Time),
) -> Result<(), Refusal> {
    let checkpoint = agent.checkpoint(&ask.checkpoint)?;
    let t = usize::from(agent.roster().t);
    if checkpoint.is_cosigned_at_or_after(t, from) && agent.now >= from && asked_at >= from {
        Ok(())
    } else {
        Err(Refusal::TooEarlyToRelease)
    }
}

fn check_stops(kept: &Kept) -> Result<(), Refusal> {
    if kept.challenges.values().any(|challenge| challenge.stops(kept.window_end)) {
        return Err(Refusal::ChallengeOpen);
    }
    if matches!(kept.suspension, Some((_, SuspensionState::Suspended))) {
        return Err(Refusal::Suspended);
    }
    Ok(())
}

/// Takes the regulator's word about a unit, newest number first. An agent that lost its memory
/// meets the unit here: it must not release what it would have kept.
///
/// # Errors
/// [`Refusal::OldSuspension`] for a number at or below the one in force.
pub fn suspend(agent: &Agent<'_>, ask: &AskSuspend) -> Result<Change, Refusal> {
    let suspension = Statement::<Suspension>::parse(ask.suspension.as_bytes())?;
    suspension.note().require(&agent.roster().regulator_key)?;
    let body = suspension.body();
    let kept = agent.kept_or_shown(body.unit_id, &ask.unit)?;
    match kept.suspension {
        Some((no, state)) if no == body.no && state == body.state => return Ok(Change::Nothing),
        Some((no, _)) if no >= body.no => return Err(Refusal::OldSuspension),
        _ => {}
    }
    let kept = Kept { suspension: Some((body.no, body.state)), ..kept };
    Ok(Change::Unit(body.unit_id, Box::new(kept)))
}

/// Takes the buyer's cancellation, as the platform recorded it: with both signatures, for a buyer alone
/// ends nothing once a close is effective. From then on nothing more is signed or handed out for the
/// unit. An agent that lost its memory meets it here.
///
/// # Errors
/// [`Refusal`] unless it is a cancellation of this unit by its buyer and the platform.
pub fn cancel(agent: &Agent<'_>, ask: &AskCancel) -> Result<Change, Refusal> {
    let void = Statement::<Void>::parse(ask.void.as_bytes())?;
    let (unit, unit_id) = agent.effective_unit(&ask.unit)?;
    if void.body().unit_id != unit_id {
        return Err(Refusal::UnknownUnit);
    }
    if *void.body() != cancellation(unit_id) {
        return Err(Refusal::Range("custodian-say-range-cancel"));
    }
    void.note().require(&agent.roster().platform_key)?;
    agent.require_buyer(void.note(), &ask.credentials, &unit)?;
    let kept = agent.kept_or_shown(unit_id, &ask.unit)?;
    if kept.cancelled.is_some() {
        return Ok(Change::Nothing);
    }
    let kept = Kept { cancelled: Some(void.encode()), ..kept };
    Ok(Change::Unit(unit_id, Box::new(kept)))
}
