//! Claims about single bids: after the unit, before the deadline, each signed and in its chain.

use std::collections::BTreeMap;

use crate::bid::rules::{self, ChainHead, ChainKind, Intake, UnitTerms};
use crate::bid::statements::{Manifest, Withdrawal};
use crate::clock::{Time, is_closed};
use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::error::Arg;
use crate::ids::{BidId, EnterpriseId};
use crate::opening::statements::Lodged;
use crate::verify::facts::{Accepted, At, Facts, UnitFacts, Withdrawn};
use crate::verify::report::{Finding, Stop, failed, said, text, undecided, why};

use super::units::terms_of;

/// No bid was accepted before the unit was signed by all.
pub(super) fn after_unit(unit: &UnitFacts<'_>) -> Finding {
    let first = unit.units.first().ok_or_else(|| undecided("verify-say-no-unit", []))?;
    if let Some(early) = unit.accepted.iter().find(|at| at.index < first.index) {
        return Err(failed("verify-say-bid-before-unit", [("index", text(early.index))]));
    }
    if unit.accepted.is_empty() {
        return Err(undecided("verify-say-no-accepted", []));
    }
    Ok(said("verify-say-bids-after-unit", [("count", text(unit.accepted.len()))]))
}

/// Every manifest is signed by its bidder's key in force, has a share for each custodian and its
/// place in the bidder's chain. Without accepted events, what the opening record shows is judged.
pub(super) fn manifests(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let (_, roster) = terms_of(facts, unit)?;
    // The deadline is another claim's.
    let deadline = Time::from_millis(i64::MAX);
    let n = roster.n();
    let terms = UnitTerms { unit_id: unit.id, deadline, n, intake: Intake::Open };
    if unit.accepted.is_empty() {
        return shown_manifests(facts, unit, n);
    }
    let mut chains = Chains::default();
    for act in acts(unit) {
        match act {
            Act::Accepted(at) => chains.accept(facts, &terms, at)?,
            Act::Withdrawn(at) => chains.withdraw(facts, &terms, at)?,
        }
    }
    let count = unit.accepted.len() + unit.withdrawn.len();
    Ok(said("verify-say-manifests-hold", [("count", text(count))]))
}

enum Act<'a, 'b> {
    Accepted(&'a At<Accepted<'b>>),
    Withdrawn(&'a At<Withdrawn<'b>>),
}

/// Acceptances and withdrawals in record order.
fn acts<'a, 'b>(unit: &'a UnitFacts<'b>) -> Vec<Act<'a, 'b>> {
    let mut acts: Vec<(u64, Act<'_, '_>)> = Vec::new();
    acts.extend(unit.accepted.iter().map(|at| (at.index, Act::Accepted(at))));
    acts.extend(unit.withdrawn.iter().map(|at| (at.index, Act::Withdrawn(at))));
    acts.sort_by_key(|(index, _)| *index);
    acts.into_iter().map(|(_, act)| act).collect()
}

#[derive(Default)]
struct Chains {
    heads: BTreeMap<EnterpriseId, ChainHead>,
}

impl Chains {
    fn accept(
        &mut self,
        facts: &Facts<'_>,
        terms: &UnitTerms,
        at: &At<Accepted<'_>>,
    ) -> Result<(), Stop> {
        let index = at.index;
        let manifest = at.it.manifest.as_ref();
        let manifest = manifest.filter(|m| m.sha256() == at.it.manifest_sha256);
        let manifest = manifest.ok_or_else(|| bad(index, why("verify-say-why-other-manifest")))?;
        let signer =
            Facts::signer(manifest).ok_or_else(|| bad(index, why("verify-say-why-unsigned")))?;
        let key = facts.bodies.key_at(signer, index);
        let key = key.ok_or_else(|| bad(index, why("verify-say-why-no-key")))?;
        rules::accept(terms, self.heads.get(&signer), manifest, key, at.it.arrived_at)
            .map_err(|refused| bad(index, text(refused)))?;
        let Manifest { bid_id, seq, .. } = *manifest.body();
        self.follow(signer, bid_id, seq, manifest.sha256(), ChainKind::Manifest);
        Ok(())
    }

    fn withdraw(
        &mut self,
        facts: &Facts<'_>,
        terms: &UnitTerms,
        at: &At<Withdrawn<'_>>,
    ) -> Result<(), Stop> {
        let index = at.index;
        let withdrawal = Statement::<Withdrawal>::parse(at.it.withdrawal.as_bytes())
            .map_err(|error| bad(index, text(error)))?;
        if withdrawal.body().manifest_sha256 != at.it.manifest_sha256 {
            return Err(bad(index, why("verify-say-why-other-withdrawn")));
        }
        let of = self.heads.iter().find(|(_, head)| head.sha256 == at.it.manifest_sha256);
        let (signer, head) = of.ok_or_else(|| bad(index, why("verify-say-why-not-live")))?;
        let key = facts.bodies.key_at(*signer, index);
        let key = key.ok_or_else(|| bad(index, why("verify-say-why-no-key")))?;
        rules::withdraw(terms, Some(head), &withdrawal, key, at.it.arrived_at)
            .map_err(|refused| bad(index, text(refused)))?;
        let (signer, bid_id, seq) = (*signer, head.bid_id, withdrawal.body().seq);
        self.follow(signer, bid_id, seq, withdrawal.sha256(), ChainKind::Withdrawal);
        Ok(())
    }

    fn follow(
        &mut self,
        signer: EnterpriseId,
        bid_id: BidId,
        seq: u32,
        sha256: Hash,
        kind: ChainKind,
    ) {
        self.heads.insert(signer, ChainHead { bid_id, seq, sha256, kind });
    }
}

fn bad(index: u64, reason: Arg) -> Stop {
    failed("verify-say-manifest-bad", [("index", text(index)), ("reason", reason)])
}

/// What a public file shows of manifests: those of the opening record.
fn shown_manifests(facts: &Facts<'_>, unit: &UnitFacts<'_>, n: usize) -> Finding {
    let Some(opening) = unit.openings.first() else {
        return Err(undecided("verify-say-no-manifests", []));
    };
    let before = unit.close().map_or(opening.index, |close| close.index);
    for line in &opening.it.body().lines {
        let manifest = Statement::<Manifest>::parse(line.manifest.as_bytes());
        let holds = manifest.is_ok_and(|manifest| {
            let mut keys = facts.bodies.keys_before(line.bidder, before);
            manifest.body().unit_id == unit.id
                && manifest.body().shares.len() == n
                && keys.any(|key| {
                    manifest.note().require(key).is_ok()
                        && manifest.note().only_by(std::slice::from_ref(key)).is_ok()
                })
        });
        if !holds {
            return Err(failed("verify-say-manifest-line", [("line", text(line.line))]));
        }
    }
    let count = text(opening.it.body().lines.len());
    Ok(said("verify-say-manifests-shown", [("count", count)]))
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
    match (unit.accepted.len(), shown) {
        (0, None) => Err(undecided("verify-say-no-accepted", [])),
        (0, Some(opening)) => {
            Ok(said("verify-say-in-time-shown", [("count", text(opening.lines.len()))]))
        }
        (count, _) => Ok(said("verify-say-in-time", [("count", text(count))])),
    }
}

/// When a custodian received a lodged bid, once its word is checked.
fn lodged_at(
    roster: &crate::custodian::roster::Roster,
    unit: &UnitFacts<'_>,
    at: &At<Accepted<'_>>,
    lodged: &str,
) -> Result<Time, Stop> {
    let wrong = || failed("verify-say-lodged-bad", [("index", text(at.index))]);
    let lodged = Statement::<Lodged>::parse(lodged.as_bytes()).map_err(|_| wrong())?;
    let body = lodged.body();
    let member = roster.member(&body.custodian).ok_or_else(wrong)?;
    let is_this = body.manifest_sha256 == at.it.manifest_sha256 && body.unit_id == unit.id;
    if is_this && lodged.note().require(&member.statement_key).is_ok() {
        Ok(body.arrived_at)
    } else {
        Err(wrong())
    }
}
