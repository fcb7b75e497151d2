//! Units and amendments: what an agent agrees to before the deadline.

use crate::clock::Time;
use crate::crypto::statement::Statement;
use crate::custodian::wire::{AskAmendment, AskRecipient, AskUnit, RecipientReply};
use crate::error::Reason as _;
use crate::ids::UnitId;
use crate::opening::rules::{FREEZE_MS, Terms, is_from_before};
use crate::record::checkpoint::Cosigned;
use crate::tender::rules;
use crate::tender::statements::{Amendment, AmendmentReason, Unit};

use super::kept::Kept;
use super::refusal::Refusal;
use super::state::{Agent, Change, UNSIGNED};

/// A unit is signed within this many milliseconds of its issue; its draft lapses after.
const ISSUED_WITHIN_MS: i64 = 3_600_000;
/// Clocks may differ by this much.
const CLOCK_SLACK_MS: i64 = 2_000;

/// Tells which recipient the agent would use for a draft. Signs nothing, remembers nothing.
///
/// # Errors
/// [`Refusal`] when the draft is not of this agent's roster.
pub fn recipient(agent: &Agent<'_>, ask: &AskRecipient) -> Result<RecipientReply, Refusal> {
    if ask.draft.roster_sha256 != agent.roster.sha256() {
        return Err(Refusal::WrongRoster);
    }
    let id = unit_id(&ask.draft)?;
    let recipient = agent.keys.unit_identity(&id).recipient().to_string();
    Ok(RecipientReply { custodian: agent.me()?.id.clone(), recipient })
}

/// Signs a unit after checking all of it.
///
/// # Errors
/// [`Refusal`] with the first check that fails.
pub fn sign_unit(agent: &Agent<'_>, ask: &AskUnit) -> Result<(Change, Statement<Unit>), Refusal> {
    agent.require_memory()?;
    let mut unit = Statement::<Unit>::parse(ask.unit.as_bytes())?;
    let id = unit_id(unit.body())?;
    check_unit(agent, &unit, &id, &ask.credentials)?;
    agent.require_proposed(&unit, id, &ask.proposed)?;
    unit.sign(&agent.keys.statement);
    if agent.state.units.get(&id).is_some_and(|kept| kept.signed) {
        return Ok((Change::Nothing, unit));
    }
    check_fresh(agent, unit.body())?;
    let kept = Kept { signed: true, ..Kept::met(&unit) };
    Ok((Change::Unit(id, Box::new(kept)), unit))
}

fn check_unit(
    agent: &Agent<'_>,
    unit: &Statement<Unit>,
    id: &UnitId,
    credentials: &[String],
) -> Result<(), Refusal> {
    let (body, roster) = (unit.body(), agent.roster());
    if body.roster_sha256 != agent.roster.sha256() {
        return Err(Refusal::WrongRoster);
    }
    unit.note().require(&roster.platform_key)?;
    let buyer = agent.speaker(credentials, body.procuring_entity)?;
    if !rules::may_buy(buyer.kind) {
        return Err(Refusal::Range("custodian-say-range-buyer"));
    }
    unit.note().require(&buyer.key.ok_or(UNSIGNED)?)?;
    check_range(agent, body)?;
    let own = agent.keys.unit_identity(id).recipient().to_string();
    let me = &agent.me()?.id;
    let mine = |r: &crate::tender::statements::UnitRecipient| r.custodian == *me;
    if body.recipients.iter().find(|r| mine(r)).is_none_or(|r| r.recipient != own) {
        return Err(Refusal::NotMyRecipient);
    }
    Ok(())
}

fn check_range(agent: &Agent<'_>, body: &Unit) -> Result<(), Refusal> {
    rules::check_unit(body, agent.roster()).map_err(|fault| Refusal::Range(fault.said().key))?;
    if body.deadline <= agent.now {
        return Err(Refusal::Range("custodian-say-range-deadline"));
    }
    if body.challenge_ms < agent.challenge_floor_ms {
        return Err(Refusal::Range("custodian-say-range-window"));
    }
    Ok(())
}

fn check_fresh(agent: &Agent<'_>, body: &Unit) -> Result<(), Refusal> {
    let age = agent.now.since(body.issued_at);
    let lived_through = agent.state.recovered_at.is_none_or(|lost| body.issued_at > lost);
    if (-CLOCK_SLACK_MS..=ISSUED_WITHIN_MS).contains(&age) && lived_through {
        Ok(())
    } else {
        Err(Refusal::Stale)
    }
}

fn unit_id(unit: &Unit) -> Result<UnitId, Refusal> {
    unit.id().map_err(|e| Refusal::Statement(e.into()))
}

/// Signs an amendment that follows what the agent signed; never after it signed a close.
///
/// # Errors
/// [`Refusal`] with the first check that fails.
pub fn sign_amendment(
    agent: &Agent<'_>,
    ask: &AskAmendment,
) -> Result<(Change, Statement<Amendment>), Refusal> {
    let kept = agent.kept(&ask.unit_id)?;
    let mut amendment = Statement::<Amendment>::parse(ask.amendment.as_bytes())?;
    if amendment.body().unit_id != ask.unit_id || !kept.signed {
        return Err(Refusal::UnknownUnit);
    }
    kept.require_standing()?;
    if kept.close.is_some() {
        return Err(Refusal::AlreadyClosed);
    }
    // A refusal says that it is not bound: what it signed once it signs again, whatever else changed.
    if kept.last_sha256 == amendment.sha256() {
        amendment.sign(&agent.keys.statement);
        return Ok((Change::Nothing, amendment));
    }
    amendment.note().require(&agent.roster().platform_key)?;
    let by_others = amendment.note().count(&agent.roster().statement_keys())?;
    // What is effective is followed: q have checked all of it, and a close on other times will not be.
    let is_effective = by_others >= agent.roster().q();
    if !is_effective {
        require_cause(agent, kept, &amendment, &ask.credentials)?;
    }
    let shown_by = agent.require_proposed(&amendment, ask.unit_id, &ask.proposed)?;
    if !is_effective {
        require_in_time(agent, kept, amendment.body(), &shown_by)?;
    }
    amendment.sign(&agent.keys.statement);
    let prev = (kept.amendment_no, kept.last_sha256);
    let terms: Terms = Agent::terms(kept)?.amended(prev, amendment.body())?;
    let kept = Kept {
        amendment_no: amendment.body().no,
        last_sha256: amendment.sha256(),
        deadline: terms.deadline,
        open_at: terms.open_at,
        ..kept.clone()
    };
    Ok((Change::Unit(ask.unit_id, Box::new(kept)), amendment))
}

/// Whoever asks after the deadline knows who came late. So t witnesses must have seen the request
/// before it; or this agent cosigned nothing in the minute in which a set can be frozen, and where q say
/// so there is no close but on a later deadline; or it saw itself that an outage lay over the deadline.
/// Nobody's word makes up for that: buyer and operator together could reopen a unit.
fn require_in_time(
    agent: &Agent<'_>,
    kept: &Kept,
    amendment: &Amendment,
    shown_by: &Cosigned,
) -> Result<(), Refusal> {
    let (terms, silences) = (Agent::terms(kept)?, &agent.state.silences);
    let times: Vec<Time> = shown_by.cosignatures().iter().map(|c| c.time).collect();
    let t = usize::from(agent.roster().t);
    let end = terms.deadline.plus(FREEZE_MS);
    if is_from_before(&times, t, terms.deadline) || silences.is_over(terms.deadline, end, agent.now)
    {
        return Ok(());
    }
    match terms.is_moved_late_by(&amendment.reason) {
        true if has_seen(agent, &terms, &amendment.reason) => Ok(()),
        true => Err(Refusal::NotSilent),
        false => Err(Refusal::AskedLate),
    }
}

/// Whether this agent saw an outage by itself: over the deadline if it is said to have lain there, and
/// at its middle in any case.
fn has_seen(agent: &Agent<'_>, terms: &Terms, reason: &AmendmentReason) -> bool {
    let AmendmentReason::Outage { from, until, .. } = *reason else { return false };
    let middle = from.plus(until.since(from) / 2);
    let at = if terms.is_moved_late_by(reason) { terms.deadline } else { middle };
    agent.state.silences.saw((from, until), at, agent.watch())
}

/// A postponement is its buyer's to sign. An outage is the platform's, where this agent as a witness saw
/// it too: without that, the platform could move a deadline whenever it likes. Where it saw none, the
/// buyer's signature makes of it what a postponement is; when it may be asked, [`require_in_time`] says.
fn require_cause(
    agent: &Agent<'_>,
    kept: &Kept,
    amendment: &Statement<Amendment>,
    credentials: &[String],
) -> Result<(), Refusal> {
    let unit = Statement::<Unit>::parse(kept.unit.as_bytes())?;
    let by_buyer = agent.require_buyer(amendment.note(), credentials, &unit);
    match amendment.body().reason {
        AmendmentReason::Postponed { .. } => by_buyer,
        AmendmentReason::Outage { until, .. } if until > agent.now.plus(CLOCK_SLACK_MS) => {
            Err(Refusal::NotSilent)
        }
        AmendmentReason::Outage { .. } => {
            let terms = Agent::terms(kept)?;
            let is_seen = has_seen(agent, &terms, &amendment.body().reason);
            if is_seen || by_buyer.is_ok() { Ok(()) } else { Err(Refusal::NotSilent) }
        }
    }
}
