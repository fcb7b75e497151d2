//! Claims about the end of a unit: its opening record, or why it was never opened.

use std::collections::HashMap;

use crate::bid::rules::line as line_of;
use crate::bid::statements::{Fault, Manifest};
use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::custodian::roster::CustodianId;
use crate::ids::EnterpriseId;
use crate::opening::rules::{Claimed, is_below, standing};
use crate::opening::statements::{LineStatus, OpenedLine, Opening, VoidReason};
use crate::verify::facts::Facts;
use crate::verify::report::{Finding, Stop, failed, said, text, undecided, why};
use crate::verify::unit::{Accepted, At, UnitFacts};

use super::challenges::Challenges;
use super::closes::close_of;
use super::release::here;
use super::units::{buyer_signed, terms_of};

/// The opening in force, or why later claims cannot be judged.
pub(super) fn opening_of<'a, 'b>(
    unit: &'a UnitFacts<'b>,
) -> Result<&'a At<&'b Statement<Opening>>, Stop> {
    unit.openings.first().ok_or_else(|| undecided("verify-say-not-opened", []))
}

/// The opening record holds every line of the close, each with the manifest that made it, and
/// judges every line as its manifest, its rivals and the releases demand.
pub(super) fn opening(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let (_, roster) = terms_of(facts, unit)?;
    let close = close_of(unit)?;
    let at = opening_of(unit)?;
    let (index, opening) = (at.index, at.it.body());
    if at.it.note().require(&roster.platform_key).is_err() {
        return Err(wrong(index, "verify-say-why-no-platform"));
    }
    if opening.close_sha256 != close.it.sha256() {
        return Err(wrong(index, "verify-say-why-other-close"));
    }
    if !opening.lines.iter().map(|line| &line.line).eq(unit.lines_to_open()) {
        return Err(wrong(index, "verify-say-why-other-lines"));
    }
    if unit.terms().is_none_or(|terms| opening.opened_at < terms.open_at) {
        return Err(wrong(index, "verify-say-why-opened-early"));
    }
    let t = usize::from(roster.t);
    let first = first_releases(unit, &opening.close_sha256, index, t);
    if !opening.releases.iter().eq(first.iter().copied()) || first.len() != t {
        return Err(wrong(index, "verify-say-why-other-releases"));
    }
    lines(unit, &close.it.body().size, opening)?;
    Ok(said("verify-say-opening-holds", [("lines", text(opening.lines.len()))]))
}

/// There is no second opening record, and no release before those that the first one used.
pub(super) fn one_opening(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let first = opening_of(unit)?;
    let other = unit.openings.iter().find(|other| other.it.sha256() != first.it.sha256());
    if let Some(other) = other {
        let args = [("index", text(first.index)), ("other", text(other.index))];
        return Err(failed("verify-say-two-openings", args));
    }
    let held = said("verify-say-one-opening", []);
    if facts.shows_rest(unit) { Ok(held) } else { Err(here(held)) }
}

fn wrong(index: u64, reason: &'static str) -> Stop {
    failed("verify-say-opening-bad", [("index", text(index)), ("reason", why(reason))])
}

fn first_releases<'a>(
    unit: &UnitFacts<'a>,
    close_sha256: &Hash,
    before: u64,
    t: usize,
) -> Vec<&'a CustodianId> {
    let releasers = unit.releasers(close_sha256).into_iter();
    releasers.filter(|(index, _)| *index < before).map(|(_, id)| id).take(t).collect()
}

fn lines(unit: &UnitFacts<'_>, size: &u64, opening: &Opening) -> Result<(), Stop> {
    let manifests: Vec<Option<Statement<Manifest>>> =
        opening.lines.iter().map(|line| Statement::parse(line.manifest.as_bytes()).ok()).collect();
    let claimed: Vec<Claimed> = opening
        .lines
        .iter()
        .zip(&manifests)
        .filter_map(|(line, manifest)| Some(claim(line.bidder, manifest.as_ref()?)))
        .collect();
    let mut by_bidder: HashMap<EnterpriseId, Vec<Claimed>> = HashMap::new();
    for own in &claimed {
        by_bidder.entry(own.bidder).or_default().push(own.clone());
    }
    let known = unit.by_line();
    for (line, manifest) in opening.lines.iter().zip(&manifests) {
        let manifest =
            manifest.as_ref().ok_or_else(|| bad_line(line, "verify-say-why-no-manifest"))?;
        let rivals = by_bidder.get(&line.bidder).map(Vec::as_slice).unwrap_or_default();
        check_line(line, manifest, rivals).map_err(|reason| bad_line(line, reason))?;
        let accepted = known.get(&line.line).copied();
        check_accepted(line, accepted, *size).map_err(|reason| bad_line(line, reason))?;
    }
    Ok(())
}

fn claim(bidder: EnterpriseId, manifest: &Statement<Manifest>) -> Claimed {
    Claimed { bidder, seq: manifest.body().seq, manifest_sha256: manifest.sha256() }
}

fn bad_line(line: &OpenedLine, reason: &'static str) -> Stop {
    failed("verify-say-opening-line", [("line", text(line.line)), ("reason", why(reason))])
}

fn check_line(
    line: &OpenedLine,
    manifest: &Statement<Manifest>,
    rivals: &[Claimed],
) -> Result<(), &'static str> {
    if line_of(line.salt.as_bytes(), &manifest.sha256()) != line.line {
        return Err("verify-say-why-not-this-line");
    }
    if Facts::signer(manifest) != Some(line.bidder) {
        return Err("verify-say-why-other-signer");
    }
    if line.fault != line.outcome.fault() {
        return Err("verify-say-why-fault");
    }
    let expected = standing(&claim(line.bidder, manifest), rivals);
    let stands = match (&expected, &line.outcome) {
        (Some(expected), outcome) => expected == outcome,
        (None, LineStatus::Superseded | LineStatus::Doubled) => false,
        (None, _) => true,
    };
    if stands { Ok(()) } else { Err("verify-say-why-standing") }
}

fn check_accepted(
    line: &OpenedLine,
    accepted: Option<&At<Accepted<'_>>>,
    size: u64,
) -> Result<(), &'static str> {
    match accepted {
        Some(at) if at.index >= size => Err("verify-say-why-after-close"),
        Some(at) if at.it.arrived_at != line.arrived_at => Err("verify-say-why-other-time"),
        _ => Ok(()),
    }
}

/// A unit fails only for a reason that holds, and is never opened then.
pub(super) fn void(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let (_, roster) = terms_of(facts, unit)?;
    let (close, few) = (unit.close(), has_too_few(unit));
    let Some(at) = unit.voids.first() else { return not_void(facts, unit) };
    let (index, void) = (at.index, at.it.body());
    if let Some(index) = unit.openings.first().map(|at| at.index) {
        return Err(failed("verify-say-void-opened", [("index", text(index))]));
    }
    // A release before a later void (a challenge decided, a cancellation) is no contradiction.
    if let Some(late) = unit.handed_out.iter().find(|late| late.index > index || few) {
        return Err(failed("verify-say-void-opened", [("index", text(late.index))]));
    }
    let named = void.close_sha256 == close.map(|close| close.it.sha256());
    let by_platform = || at.it.note().require(&roster.platform_key).is_ok();
    let challenges = Challenges::of(facts, unit, roster);
    let is_challenged = challenges.is_some_and(|found| found.is_any_grave(index));
    let fits = match void.reason {
        VoidReason::TooFew => by_platform() && few && void.fault.is_none(),
        VoidReason::Challenge => by_platform() && void.fault == Some(Fault::Platform),
        VoidReason::Cancelled => buyer_signed(facts, unit, at),
    };
    let needs_challenge = void.reason == VoidReason::Challenge && !is_challenged;
    if named && fits && needs_challenge && !facts.shows(unit) {
        return Err(undecided("verify-say-void-challenge", [("index", text(index))]));
    }
    if !named || !fits || needs_challenge {
        return Err(failed("verify-say-void-bad", [("index", text(index))]));
    }
    let is_all = facts.shows_rest(unit);
    let key = if is_all { "verify-say-void-holds" } else { "verify-say-void-shown" };
    Ok(said(key, [("index", text(index))]))
}

/// Whether the close has fewer lines than the unit's minimum.
fn has_too_few(unit: &UnitFacts<'_>) -> bool {
    let lines = unit.close().map(|close| close.it.body().lines.len());
    unit.unit().is_some_and(|body| is_below(lines, body.min))
}

/// A unit without a void had bids enough to be opened.
fn not_void(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let few = has_too_few(unit);
    let touched = unit.openings.first().map(|at| at.index);
    let touched = touched.or(unit.handed_out.first().map(|at| at.index)).filter(|_| few);
    if let Some(index) = touched {
        return Err(failed("verify-say-few-opened", [("index", text(index))]));
    }
    let held = said("verify-say-void-none", []);
    if facts.shows_rest(unit) { Ok(held) } else { Err(here(held)) }
}
