//! Claims about the release: not before its hour, its window, its order; by t custodians.

use std::collections::BTreeSet;

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::seal::Identity;
use crate::crypto::statement::Statement;
use crate::custodian::roster::{CustodianId, Roster};
use crate::error::{Arg, Said};
use crate::opening::rules::is_ascending;
use crate::opening::rules::quorum_time;
use crate::opening::statements::Release;
use crate::tender::statements::{ReleaseBy, Unit};
use crate::verify::facts::Facts;
use crate::verify::report::{Finding, Stop, failed, said, text, undecided};
use crate::verify::unit::{At, Released, UnitFacts};

use super::challenges::{Challenges, Objection, unanswered};
use super::closes::close_of;
use super::units::{buyer_signed, terms_of};

/// When the challenge window of the unit's close ends, if the file shows it.
pub(super) fn window_end(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Option<Time> {
    let (body, roster) = terms_of(facts, unit).ok()?;
    let from = window_from(facts, roster, unit.close()?.index)?;
    Some(from.plus(body.challenge_ms))
}

/// When q custodians had cosigned a checkpoint that holds the signed close, earliest.
fn window_from(facts: &Facts<'_>, roster: &Roster, close_index: u64) -> Option<Time> {
    let holding = facts.cosigned(roster).into_iter().filter(|(size, _)| *size > close_index);
    holding.filter_map(|(_, times)| quorum_time(&times, roster.q())).min()
}

/// The index of the first release that does not lie behind a checkpoint which t custodians
/// cosigned at or after `from`.
fn too_early(facts: &Facts<'_>, roster: &Roster, unit: &UnitFacts<'_>, from: Time) -> Option<u64> {
    let t = usize::from(roster.t);
    let reached = facts.cosigned(roster).into_iter().filter_map(|(size, times)| {
        (times.iter().filter(|time| **time >= from).count() >= t).then_some(size)
    });
    let first = reached.min();
    let early = |index: &u64| first.is_none_or(|size| *index < size);
    unit.handed_out.iter().map(|at| at.index).find(early)
}

/// No key was released before the challenge window was over.
pub(super) fn window(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let (body, roster) = terms_of(facts, unit)?;
    let close = close_of(unit)?;
    if let Some(early) = unit.handed_out.iter().find(|at| at.index < close.index) {
        return Err(failed("verify-say-released-before-close", [("index", text(early.index))]));
    }
    let Some(from) = window_from(facts, roster, close.index) else {
        return match unit.handed_out.first() {
            Some(at) => Err(failed("verify-say-window-open", [("index", text(at.index))])),
            None => Err(undecided("verify-say-window-unknown", [])),
        };
    };
    let end = from.plus(body.challenge_ms);
    match too_early(facts, roster, unit, end) {
        Some(index) => {
            Err(failed("verify-say-window-early", [("index", text(index)), ("time", end.into())]))
        }
        None => {
            let args = [("from", from.into()), ("time", end.into())];
            none_or_here(facts, unit, said("verify-say-window-holds", args))
        }
    }
}

/// No key was released before the hour of opening.
pub(super) fn time(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let (_, roster) = terms_of(facts, unit)?;
    let open_at = unit.terms().map(|terms| terms.open_at);
    let open_at = open_at.ok_or_else(|| undecided("verify-say-no-unit", []))?;
    match too_early(facts, roster, unit, open_at) {
        Some(index) => Err(failed(
            "verify-say-release-early",
            [("index", text(index)), ("time", open_at.into())],
        )),
        None => {
            let held = said("verify-say-release-in-time", [("time", open_at.into())]);
            none_or_here(facts, unit, held)
        }
    }
}

/// Nothing was released, read out or opened while the regulator had stopped it, and no custodian released
/// over a challenge that nothing explains: one that came after the window is a finding and stops nothing.
pub(super) fn unstopped(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let (_, roster) = terms_of(facts, unit)?;
    for at in &unit.suspensions {
        if at.it.note().require(&roster.regulator_key).is_err() {
            return Err(failed("verify-say-suspension-bad", [("index", text(at.index))]));
        }
    }
    if let Some(at) = unit.handed_out.iter().find(|at| unit.is_stopped_at(at.index)) {
        return Err(stopped(at.index));
    }
    let unshown = unobjected(facts, unit, roster)?;
    let read_out = unit.read_outs.iter().map(|at| at.index);
    let mut opened = read_out.chain(unit.openings.iter().map(|at| at.index));
    if let Some(index) = opened.find(|index| unit.is_stopped_at(*index)) {
        return Err(failed("verify-say-opening-stopped", [("index", text(index))]));
    }
    if let Some(index) = unshown {
        return Err(undecided("verify-say-challenge-unshown", [("index", text(index))]));
    }
    let held = said("verify-say-unstopped", [("count", text(unit.suspensions.len()))]);
    none_or_here(facts, unit, held)
}

fn stopped(index: u64) -> Stop {
    failed("verify-say-release-stopped", [("index", text(index))])
}

/// That no custodian released over a challenge that the record does not explain; gives one of which the
/// file does not show whether it does.
fn unobjected(
    facts: &Facts<'_>,
    unit: &UnitFacts<'_>,
    roster: &Roster,
) -> Result<Option<u64>, Stop> {
    let challenges = Challenges::of(facts, unit, roster);
    let mut seen = BTreeSet::new();
    let mut unshown = None;
    for at in unit.handed_out.iter().filter(|at| seen.insert(at.it.custodian)) {
        let custodian = at.it.custodian;
        let objection = match &challenges {
            Some(challenges) => challenges.against(custodian),
            None => {
                let open = unanswered(unit, custodian, None);
                open.first().map_or(Objection::None, |at| Objection::Unshown(at.index))
            }
        };
        match objection {
            Objection::None => {}
            Objection::Unshown(index) => unshown = unshown.or(Some(index)),
            Objection::Open => return Err(stopped(at.index)),
        }
    }
    Ok(unshown)
}

/// That something did not happen is only shown by a file that leaves nothing out from where the unit
/// took effect to its end: otherwise whoever made it may have left just that out.
pub(super) fn none_or_here(facts: &Facts<'_>, unit: &UnitFacts<'_>, held: Said) -> Finding {
    if facts.shows(unit) { Ok(held) } else { Err(here(held)) }
}

/// What holds in this file, which does not show everything.
pub(super) fn here(held: Said) -> Stop {
    Stop::Undecided(Said::new("verify-say-here", vec![("held", Arg::Said(Box::new(held)))]))
}

/// At least t custodians released for this close before it was opened.
pub(super) fn released(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let (_, roster) = terms_of(facts, unit)?;
    let close_sha256 = close_of(unit)?.it.sha256();
    for at in &unit.released {
        if at.it.close_sha256 != close_sha256 || roster.member(at.it.custodian).is_none() {
            return Err(failed("verify-say-release-other", [("index", text(at.index))]));
        }
    }
    let opened = unit.openings.first().map_or(u64::MAX, |opening| opening.index);
    let count = unit.releasers(&close_sha256).iter().filter(|(index, _)| *index < opened).count();
    let args = [("count", text(count)), ("t", text(roster.t))];
    if count >= usize::from(roster.t) {
        Ok(said("verify-say-released", args))
    } else if unit.openings.is_empty() {
        Err(undecided("verify-say-not-opened", []))
    } else {
        Err(failed("verify-say-released-few", args))
    }
}

/// Whether a release is signed by its custodian, for this close, and derives the unit's recipient.
fn opens(
    (body, roster): (&Unit, &Roster),
    close_sha256: &Hash,
    release: &Statement<Release>,
) -> bool {
    let signed = release.body();
    let holds = || -> Option<bool> {
        let member = roster.member(&signed.custodian)?;
        release.note().require(&member.statement_key).ok()?;
        let mut recipients = body.recipients.iter();
        let recipient = recipients.find(|found| found.custodian == signed.custodian)?;
        let identity: Identity = signed.identity.parse().ok()?;
        let derived = identity.recipient().to_string();
        Some(derived == recipient.recipient && signed.close_sha256 == *close_sha256)
    };
    holds() == Some(true)
}

/// Whether something is a custodian's signed release that opens nothing of this unit: else nobody is
/// to be accused by it.
fn opens_nothing(
    (body, roster): (&Unit, &Roster),
    (unit, close_sha256): (&UnitFacts<'_>, &Hash),
    release: &str,
) -> bool {
    let Ok(release) = Statement::<Release>::parse(release.as_bytes()) else { return false };
    let keys = roster.statement_keys();
    let is_signed = keys.iter().any(|key| release.note().require(key).is_ok());
    let is_here = release.body().unit_id == unit.id;
    is_signed && !(is_here && opens((body, roster), close_sha256, &release))
}

/// Every identity shown is signed by its custodian and derives the unit's recipient, and none that does
/// stands there as one that opens nothing.
pub(super) fn identities(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let (body, roster) = terms_of(facts, unit)?;
    let close_sha256 = close_of(unit)?.it.sha256();
    let is_bad = |at: &&At<&Statement<Release>>| !opens((body, roster), &close_sha256, at.it);
    if let Some(at) = unit.releases.iter().find(is_bad) {
        let custodian = ("custodian", text(&at.it.body().custodian));
        return Err(failed("verify-say-identity-bad", [("index", text(at.index)), custodian]));
    }
    let against = (unit, &close_sha256);
    let is_true = |at: &&At<&str>| !opens_nothing((body, roster), against, at.it);
    if let Some(at) = unit.false_releases.iter().find(is_true) {
        return Err(failed("verify-say-false-release-bad", [("index", text(at.index))]));
    }
    let used = unit.openings.first().map(|opening| opening.it.body().releases.as_slice());
    let of_this = unit.released.iter().filter(|at| at.it.close_sha256 == close_sha256);
    let is_signed = |at: &&At<Released<'_>>| {
        let Released { close_sha256, custodian } = &at.it;
        let same =
            |body: &Release| body.custodian == **custodian && body.close_sha256 == *close_sha256;
        unit.releases.iter().any(|at| same(at.it.body()))
    };
    // The regulator's level is open to auditors: a key that was used must be there to be tried.
    let mut unsigned = of_this.filter(|at| !is_signed(at) && facts.shows(unit));
    if let Some(at) = unsigned.next() {
        let args = [("index", text(at.index)), ("custodian", text(at.it.custodian))];
        return Err(failed("verify-say-identity-missing", args));
    }
    let is_shown = |id: &CustodianId| unit.releases.iter().any(|at| at.it.body().custodian == *id);
    if unit.releases.is_empty() || !used.unwrap_or_default().iter().all(is_shown) {
        return Err(undecided("verify-say-no-identities", []));
    }
    Ok(said("verify-say-identities-hold", [("count", text(unit.releases.len()))]))
}

/// Second envelopes open by order of procuring entity and regulator, and only those ordered.
pub(super) fn order(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let (body, roster) = terms_of(facts, unit)?;
    if body.release == ReleaseBy::Time {
        return Ok(said("verify-say-order-none", []));
    }
    let close = close_of(unit)?;
    let first = unit.handed_out.first().map(|at| at.index);
    let Some(at) = unit.orders.first() else {
        return Err(match first {
            Some(index) => failed("verify-say-order-missing", [("index", text(index))]),
            None => undecided("verify-say-order-pending", []),
        });
    };
    let order = at.it.body();
    let is_later = at.index > close.index && first.is_none_or(|first| at.index < first);
    let lines = unit.closed_lines();
    let selects = is_ascending(&order.lines) && order.lines.iter().all(|line| lines.contains(line));
    let signed =
        at.it.note().require(&roster.regulator_key).is_ok() && buyer_signed(facts, unit, at);
    let single = unit.orders.iter().all(|other| other.it.sha256() == at.it.sha256());
    if order.close_sha256 == close.it.sha256() && is_later && selects && signed && single {
        let held = said("verify-say-order-holds", [("lines", text(order.lines.len()))]);
        none_or_here(facts, unit, held)
    } else {
        Err(bad_order(at.index))
    }
}

fn bad_order(index: u64) -> Stop {
    failed("verify-say-order-bad", [("index", text(index))])
}
