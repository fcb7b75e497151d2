//! Claims about what was agreed before any bid: the unit, its amendments.

use crate::clock::Time;
use crate::crypto::note::NoteError;
use crate::crypto::statement::Statement;
use crate::custodian::roster::Roster;
use crate::error::Reason as _;
use crate::opening::rules::{AmendmentFault, Terms, is_freeze, is_from_before, is_within_outage};
use crate::tender::rules::{check_unit, may_buy};
use crate::tender::statements::{Amendment, AmendmentReason, Unit};
use crate::verify::facts::Facts;
use crate::verify::report::{Finding, Stop, failed, said, text, undecided, why};
use crate::verify::unit::{At, UnitFacts};

use super::release::none_or_here;

/// The unit and its roster, or why later claims cannot be judged.
pub(super) fn terms_of<'a>(
    facts: &'a Facts<'_>,
    unit: &'a UnitFacts<'_>,
) -> Result<(&'a Unit, &'a Roster), Stop> {
    let body = unit.unit().ok_or_else(|| undecided("verify-say-no-unit", []))?;
    let roster = facts.roster(&body.roster_sha256);
    Ok((body, roster.ok_or_else(|| undecided("verify-say-no-unit", []))?))
}

/// The unit is what it must be and signed by everybody.
pub(super) fn unit(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let [first, others @ ..] = unit.units.as_slice() else {
        return Err(failed("verify-say-no-unit", []));
    };
    if let Some(other) = others.iter().find(|other| other.it.sha256() != first.it.sha256()) {
        return Err(wrong(other.index, "verify-say-why-second-unit"));
    }
    let (index, body) = (first.index, first.it.body());
    let roster = facts.roster(&body.roster_sha256);
    let roster = roster.ok_or_else(|| wrong(index, "verify-say-why-no-roster"))?;
    let in_force = facts.roster_at(index).map(Statement::sha256);
    if in_force != Some(body.roster_sha256) {
        return Err(wrong(index, "verify-say-why-roster-not-in-force"));
    }
    check_unit(body, roster).map_err(|fault| {
        failed("verify-say-unit-bad", [("index", text(index)), ("reason", fault.arg())])
    })?;
    let note = first.it.note();
    let signed = || -> Result<bool, NoteError> {
        note.require(&roster.platform_key)?;
        Ok(note.count(&roster.statement_keys())? == roster.n())
    };
    if !signed().unwrap_or(false) {
        return Err(wrong(index, "verify-say-why-not-all-signed"));
    }
    if !buyer_signed(facts, unit, first) {
        return Err(wrong(index, "verify-say-why-no-buyer"));
    }
    Ok(said("verify-say-unit-holds", [("n", text(roster.n())), ("t", text(body.t))]))
}

fn wrong(index: u64, reason: &'static str) -> Stop {
    failed("verify-say-unit-bad", [("index", text(index)), ("reason", why(reason))])
}

/// Whether the organisation whose unit it is signed a statement with its key in force at that place,
/// or where custodians were asked for it: a key that is handed over while they are asked unsigns
/// nothing. And that key is the unit's own or one that this handed over to.
pub(super) fn buyer_signed<B: crate::crypto::statement::Body>(
    facts: &Facts<'_>,
    unit: &UnitFacts<'_>,
    at: &At<&Statement<B>>,
) -> bool {
    let Some(first) = unit.units.first() else { return false };
    let buyer = first.it.body().procuring_entity;
    let line_at = |index: u64| facts.bodies.at(buyer, index).and_then(|standing| standing.line);
    let places = facts.signed_at(unit.id, first.it.sha256(), first.index);
    let Some(own) = places.into_iter().find_map(|index| line_at(index)?.last()) else {
        return false;
    };
    let in_force = |index: u64| -> Option<bool> {
        let standing = facts.bodies.at(buyer, index)?;
        let line = standing.line?;
        let signed = at.it.note().require(line.last()?).is_ok();
        Some(signed && line.contains(own) && may_buy(standing.kind))
    };
    let places = facts.signed_at(unit.id, at.it.sha256(), at.index);
    places.into_iter().any(|index| in_force(index) == Some(true))
}

/// Deadlines moved only later, each amendment naming the one before, signed as it must be.
pub(super) fn amendments(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let (body, roster) = terms_of(facts, unit)?;
    let first = unit.units.first().ok_or_else(|| undecided("verify-say-no-unit", []))?;
    let mut terms = Terms::of(body);
    let (mut prev, mut late) = ((0, first.it.sha256()), None);
    for at in &unit.amendments {
        let index = at.index;
        let amendment = at.it.body();
        let before = terms;
        terms = before
            .amended(prev, amendment)
            .map_err(|fault| bad_amendment(index, fault_word(fault)))?;
        let after_close = unit.close().is_some_and(|close| close.index < index);
        if index < first.index || after_close {
            return Err(bad_amendment(index, "verify-say-why-amendment-place"));
        }
        if !amendment_signed(facts, roster, unit, at) {
            return Err(bad_amendment(index, "verify-say-why-signatures"));
        }
        late = late.or(asked_late(facts, roster, (unit, at), &before)?);
        prev = (amendment.no, at.it.sha256());
    }
    if let Some(index) = late {
        return Err(undecided("verify-say-amendment-late", [("index", text(index))]));
    }
    let (count, deadline) = (text(unit.amendments.len()), terms.deadline);
    let args = [("count", count), ("deadline", deadline.into())];
    none_or_here(facts, unit, said("verify-say-amendments-hold", args))
}

/// The index of an amendment that this file does not show to have been asked before the deadline it
/// moves, though no outage lay over that. One that did lay there is none if t custodians cosigned
/// meanwhile: one of them is honest, and saw the platform alive. Otherwise no close may have been possible on it: otherwise whoever
/// asked may have known who was late.
fn asked_late(
    facts: &Facts<'_>,
    roster: &Roster,
    (unit, at): (&UnitFacts<'_>, &At<&Statement<Amendment>>),
    before: &Terms,
) -> Result<Option<u64>, Stop> {
    let (t, sha256) = (usize::from(roster.t), at.it.sha256());
    let asked = unit.asked.iter().find(|asked| asked.it == sha256).map(|asked| asked.index);
    let heads = facts.cosigned(roster);
    let is_shown = heads.iter().any(|(size, times)| {
        asked.is_some_and(|index| *size > index) && is_from_before(times, t, before.deadline)
    });
    if is_shown {
        return Ok(None);
    }
    let reason = &at.it.body().reason;
    if before.is_moved_late_by(reason) {
        let within = |time: &&Time| is_within_outage(reason, **time);
        let is_seen = heads.iter().any(|(_, times)| times.iter().filter(within).count() >= t);
        let seen = || bad_amendment(at.index, "verify-say-why-amendment-seen");
        return if is_seen { Err(seen()) } else { Ok(None) };
    }
    if heads.iter().any(|(_, times)| is_freeze(times, roster.q(), before.deadline)) {
        return Err(bad_amendment(at.index, "verify-say-why-amendment-late"));
    }
    Ok(Some(at.index))
}

fn bad_amendment(index: u64, reason: &'static str) -> Stop {
    failed("verify-say-amendment-bad", [("index", text(index)), ("reason", why(reason))])
}

const fn fault_word(fault: AmendmentFault) -> &'static str {
    match fault {
        AmendmentFault::Chain => "verify-say-why-amendment-chain",
        AmendmentFault::Earlier => "verify-say-why-amendment-earlier",
        AmendmentFault::Outage => "verify-say-why-amendment-outage",
    }
}

/// Whether an operator of the roster in force registered an outage of the terms that an amendment
/// changes, before it.
fn is_registered(facts: &Facts<'_>, unit: &UnitFacts<'_>, at: &At<&Statement<Amendment>>) -> bool {
    unit.outages.iter().any(|registered| {
        let roster = facts.roster_at(registered.index).map(Statement::body);
        let operators = roster.map(|roster| roster.operator_keys.as_slice()).unwrap_or_default();
        let signed = registered.it.note().count(operators).is_ok_and(|by| by > 0);
        let before = registered.index < at.index;
        signed && before && registered.it.body().prev_sha256 == at.it.body().prev_sha256
    })
}

/// Platform and q custodians; the procuring entity too, unless an outage is registered.
fn amendment_signed(
    facts: &Facts<'_>,
    roster: &Roster,
    unit: &UnitFacts<'_>,
    at: &At<&Statement<Amendment>>,
) -> bool {
    let note = at.it.note();
    let quorum = note.count(&roster.statement_keys()).is_ok_and(|signed| signed >= roster.q());
    let agreed = match &at.it.body().reason {
        AmendmentReason::Postponed { .. } => buyer_signed(facts, unit, at),
        AmendmentReason::Outage { .. } => is_registered(facts, unit, at),
    };
    quorum && note.require(&roster.platform_key).is_ok() && agreed
}
