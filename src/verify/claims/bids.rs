//! Claims about single bids: after the unit, before the deadline, each signed and in its chain.

use crate::bid::rules::{Intake, UnitTerms};
use crate::bid::statements::Manifest;
use crate::clock::{Time, is_closed};
use crate::crypto::key::VerifyingKey;
use crate::crypto::statement::Statement;
use crate::custodian::roster::Roster;
use crate::opening::statements::Lodged;
use crate::verify::facts::Facts;
use crate::verify::report::{Finding, Stop, failed, said, text, undecided};
use crate::verify::unit::{Accepted, At, UnitFacts};

use super::chains::{Chains, acts};
use super::units::terms_of;

/// No bid was accepted before the unit was signed by all.
pub(super) fn after_unit(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let first = unit.units.first().ok_or_else(|| undecided("verify-say-no-unit", []))?;
    if let Some(early) = unit.accepted.iter().find(|at| at.index < first.index) {
        return Err(failed("verify-say-bid-before-unit", [("index", text(early.index))]));
    }
    if !facts.is_shown(0, first.index) {
        return Err(undecided("verify-say-no-accepted", []));
    }
    Ok(said("verify-say-bids-after-unit", [("count", text(unit.accepted.len()))]))
}

/// Every manifest and withdrawal is signed by its bidder's key in force, and has its place in the
/// bidder's chain, signed by the key of the one before or one that it handed over to. The chain is
/// judged as far as the file leaves no leaf out; the signature always.
pub(super) fn manifests(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let (_, roster) = terms_of(facts, unit)?;
    // The deadline is another claim's.
    let deadline = Time::from_millis(i64::MAX);
    let n = roster.n();
    let terms = UnitTerms { unit_id: unit.id, deadline, n, intake: Intake::Open };
    let acts = acts(unit);
    let mut chains = Chains::new(facts.shown_until(unit.start()));
    for (_, act) in &acts {
        chains.take(facts, &terms, act)?;
    }
    let is_whole = facts.shows(unit);
    let shown = shown_manifests(facts, unit, n)?;
    match (is_whole, shown) {
        (true, _) => Ok(said("verify-say-manifests-hold", [("count", text(acts.len()))])),
        (false, 0) => Err(undecided("verify-say-no-manifests", [])),
        (false, count) => Ok(said("verify-say-manifests-shown", [("count", text(count))])),
    }
}

/// What the opening record shows of manifests; gives their number.
fn shown_manifests(facts: &Facts<'_>, unit: &UnitFacts<'_>, n: usize) -> Result<usize, Stop> {
    let Some(opening) = unit.openings.first() else { return Ok(0) };
    let before = unit.close().map_or(opening.index, |close| close.index);
    for line in &opening.it.body().lines {
        let manifest = Statement::<Manifest>::parse(line.manifest.as_bytes());
        let holds = manifest.is_ok_and(|manifest| {
            let mut keys = facts.bodies.keys_before(line.bidder, before);
            manifest.body().unit_id == unit.id
                && manifest.body().shares.len() == n
                && keys.any(|key| is_by(&manifest, key))
        });
        if !holds {
            return Err(failed("verify-say-manifest-line", [("line", text(line.line))]));
        }
    }
    Ok(opening.it.body().lines.len())
}

/// Whether a manifest is signed by this key alone.
fn is_by(manifest: &Statement<Manifest>, key: &VerifyingKey) -> bool {
    let note = manifest.note();
    note.require(key).is_ok() && note.only_by(std::slice::from_ref(key)).is_ok()
}

/// Nothing accepted arrived at or after the deadline in force.
pub(super) fn deadline(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let (_, roster) = terms_of(facts, unit)?;
    for at in &unit.accepted {
        let arrived = match at.it.lodged {
            Some(lodged) => lodged_at(roster, unit, at, lodged)?,
            None => at.it.arrived_at,
        };
        let terms = unit.terms_at(at.index);
        if terms.is_none_or(|terms| is_closed(arrived, terms.deadline)) {
            let args = [("index", text(at.index)), ("time", arrived.into())];
            return Err(failed("verify-say-late", args));
        }
    }
    let shown = unit.openings.first().map(|opening| opening.it.body());
    for line in shown.iter().flat_map(|opening| &opening.lines) {
        if unit.terms().is_none_or(|terms| is_closed(line.arrived_at, terms.deadline)) {
            let args = [("line", text(line.line)), ("time", line.arrived_at.into())];
            return Err(failed("verify-say-late-line", args));
        }
    }
    match shown {
        _ if facts.shows(unit) => {
            Ok(said("verify-say-in-time", [("count", text(unit.accepted.len()))]))
        }
        Some(opening) => {
            Ok(said("verify-say-in-time-shown", [("count", text(opening.lines.len()))]))
        }
        None => Err(undecided("verify-say-no-accepted", [])),
    }
}

/// When a custodian received a lodged bid, once its word is checked.
fn lodged_at(
    roster: &Roster,
    unit: &UnitFacts<'_>,
    at: &At<Accepted<'_>>,
    lodged: &str,
) -> Result<Time, Stop> {
    let wrong = || failed("verify-say-lodged-bad", [("index", text(at.index))]);
    let lodged = Statement::<Lodged>::parse(lodged.as_bytes()).map_err(|_| wrong())?;
    let body = lodged.body();
    let member = roster.member(&body.custodian).ok_or_else(wrong)?;
    let is_this = body.manifest_sha256 == at.it.manifest_sha256
        && body.unit_id == unit.id
        && at.it.bidder() == Some(body.bidder);
    if is_this && lodged.note().require(&member.statement_key).is_ok() {
        Ok(body.arrived_at)
    } else {
        Err(wrong())
    }
}
