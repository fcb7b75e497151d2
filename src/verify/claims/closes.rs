//! Claims about the frozen set: one close, on a fresh checkpoint, with exactly the live bids.

use std::collections::{BTreeMap, BTreeSet};

use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::error::{Arg, Reason as _};
use crate::ids::EnterpriseId;
use crate::opening::rules::{is_ascending, is_freeze, sorted_lines};
use crate::opening::statements::Close;
use crate::verify::facts::Facts;
use crate::verify::report::{Finding, Stop, failed, said, text, undecided, why};
use crate::verify::unit::{At, UnitFacts};

use super::units::terms_of;

/// The close in force, or why later claims cannot be judged.
pub(super) fn close_of<'a, 'b>(
    unit: &'a UnitFacts<'b>,
) -> Result<&'a At<&'b Statement<Close>>, Stop> {
    unit.close().ok_or_else(|| undecided("verify-say-no-close", []))
}

/// The close is signed by platform and q custodians, on a checkpoint cosigned just after the
/// deadline, and every bid known to be in it stands under that checkpoint.
pub(super) fn close(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let (_, roster) = terms_of(facts, unit)?;
    let at = close_of(unit)?;
    let (index, body) = (at.index, at.it.body());
    let signed = at.it.note().count(&roster.statement_keys());
    let signed = signed.map_err(|error| wrong(index, error.arg()))?;
    if at.it.note().require(&roster.platform_key).is_err() || signed < roster.q() {
        return Err(wrong(index, why("verify-say-why-no-quorum")));
    }
    if !is_ascending(&body.lines) {
        return Err(wrong(index, why("verify-say-why-not-ascending")));
    }
    let terms = unit.terms_at(index);
    if terms.is_some_and(|of| (of.deadline, of.open_at) != (body.deadline, body.open_at)) {
        return Err(wrong(index, why("verify-say-why-other-times")));
    }
    let deadline = terms.map(|terms| terms.deadline);
    let frozen = facts.cosigned(roster).into_iter().any(|(size, times)| {
        size == body.size && deadline.is_some_and(|at| is_freeze(&times, roster.q(), at))
    });
    if !frozen || body.size > index {
        return Err(failed("verify-say-close-size", [("size", text(body.size))]));
    }
    let known = unit.by_line();
    for line in &body.lines {
        if let Some(accepted) = known.get(line).filter(|at| at.index >= body.size) {
            let args = [("line", text(line)), ("index", text(accepted.index))];
            return Err(failed("verify-say-close-line-later", args));
        }
    }
    let args = [("lines", text(body.lines.len())), ("signed", text(signed))];
    Ok(said("verify-say-close-holds", args))
}

fn wrong(index: u64, reason: Arg) -> Stop {
    failed("verify-say-close-bad", [("index", text(index)), ("reason", reason)])
}

/// There is no second close for the unit.
pub(super) fn one_close(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let first = close_of(unit)?;
    let other = unit.closes.iter().find(|other| other.it.sha256() != first.it.sha256());
    match other {
        Some(other) => Err(failed(
            "verify-say-two-closes",
            [("index", text(first.index)), ("other", text(other.index))],
        )),
        None if facts.shows_rest(unit) => Ok(said("verify-say-one-close", [])),
        None => Err(undecided("verify-say-one-close-here", [])),
    }
}

/// The close holds exactly what was accepted, without what was withdrawn or replaced. What was
/// accepted or withdrawn behind the checkpoint it stands on was kept out of it: that fails too, and
/// the file must leave nothing out up to the close itself.
pub(super) fn complete(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let at = close_of(unit)?;
    let close = at.it.body();
    let accepted = unit.accepted.iter().map(|at| at.index);
    let acts = accepted.chain(unit.withdrawn.iter().map(|at| at.index));
    if let Some(behind) = acts.filter(|index| *index >= close.size).min() {
        return Err(failed("verify-say-act-behind-close", [("index", text(behind))]));
    }
    if !facts.is_shown(unit.start(), at.index) {
        return Err(undecided("verify-say-complete-unknown", []));
    }
    let live = live_lines(unit);
    let closed = unit.closed_lines();
    if let Some(line) = live.iter().find(|line| !closed.contains(line)) {
        return Err(failed("verify-say-line-left-out", [("line", text(line))]));
    }
    let live: BTreeSet<&Hash> = live.iter().collect();
    if let Some(line) = close.lines.iter().find(|line| !live.contains(line)) {
        return Err(failed("verify-say-line-too-many", [("line", text(line))]));
    }
    Ok(said("verify-say-complete", [("lines", text(live.len()))]))
}

/// The lines of the bids that were neither withdrawn nor replaced.
fn live_lines(unit: &UnitFacts<'_>) -> Vec<Hash> {
    let withdrawn = unit.withdrawn.iter().map(|at| (at.it.bidder(), at.it.manifest_sha256));
    let withdrawn: BTreeSet<(Option<EnterpriseId>, Hash)> = withdrawn.collect();
    let mut live: BTreeMap<EnterpriseId, Vec<(u32, Hash, Hash)>> = BTreeMap::new();
    for at in &unit.accepted {
        let Some(manifest) = &at.it.manifest else { continue };
        let Some(signer) = Facts::signer(manifest) else { continue };
        let seq = manifest.body().seq;
        let chain = live.entry(signer).or_default();
        let last = chain.first().map_or(0, |(last, _, _)| *last);
        if seq > last {
            chain.clear();
        }
        if seq >= last {
            chain.push((seq, at.it.manifest_sha256, at.it.line()));
        }
    }
    let chains = live.into_iter().flat_map(|(bidder, chain)| {
        let own = chain.into_iter().map(move |(_, sha256, line)| ((Some(bidder), sha256), line));
        own.collect::<Vec<_>>()
    });
    let kept = chains.filter(|(bid, _)| !withdrawn.contains(bid));
    sorted_lines(kept.map(|(_, line)| line).collect())
}
