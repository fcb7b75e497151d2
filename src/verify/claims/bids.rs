//! Claims about single bids: after the unit, before the deadline, each signed and in its chain.

use std::collections::BTreeMap;

use crate::bid::rules::{self, ChainHead, ChainKind, Intake, Refused, UnitTerms};
use crate::bid::statements::{Manifest, Withdrawal};
use crate::clock::{Time, is_closed};
use crate::crypto::key::VerifyingKey;
use crate::crypto::statement::Statement;
use crate::enterprise::credentials::{Credential, enterprise_of};
use crate::error::Arg;
use crate::ids::EnterpriseId;
use crate::opening::statements::Lodged;
use crate::verify::facts::{Accepted, At, Facts, UnitFacts, Withdrawn};
use crate::verify::report::{Finding, Stop, failed, said, text, undecided, why};

use super::units::terms_of;

/// No bid was accepted before the unit was signed by all.
pub(super) fn after_unit(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let first = unit.units.first().ok_or_else(|| undecided("verify-say-no-unit", []))?;
    if let Some(early) = unit.accepted.iter().find(|at| at.index < first.index) {
        return Err(failed("verify-say-bid-before-unit", [("index", text(early.index))]));
    }
    if !facts.is_open_below(first.index) {
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
    let open_below = facts.open_below();
    let mut chains = Chains { open_below, heads: BTreeMap::new() };
    for (_, act) in &acts {
        match act {
            Act::Accepted(at) => chains.accept(facts, &terms, at)?,
            Act::Withdrawn(at) => chains.withdraw(facts, &terms, at)?,
        }
    }
    let is_whole = acts.last().is_some_and(|(index, _)| *index <= open_below);
    let shown = shown_manifests(facts, unit, n)?;
    match (is_whole, shown) {
        (true, _) => Ok(said("verify-say-manifests-hold", [("count", text(acts.len()))])),
        (false, 0) => Err(undecided("verify-say-no-manifests", [])),
        (false, count) => Ok(said("verify-say-manifests-shown", [("count", text(count))])),
    }
}

enum Act<'a, 'b> {
    Accepted(&'a At<Accepted<'b>>),
    Withdrawn(&'a At<Withdrawn<'b>>),
}

/// Acceptances and withdrawals in record order.
fn acts<'a, 'b>(unit: &'a UnitFacts<'b>) -> Vec<(u64, Act<'a, 'b>)> {
    let mut acts: Vec<(u64, Act<'_, '_>)> = Vec::new();
    acts.extend(unit.accepted.iter().map(|at| (at.index, Act::Accepted(at))));
    acts.extend(unit.withdrawn.iter().map(|at| (at.index, Act::Withdrawn(at))));
    acts.sort_by_key(|(index, _)| *index);
    acts
}

struct Chains {
    /// Up to here the file leaves no act out; beyond, each manifest's own word on the one before it
    /// has to do.
    open_below: u64,
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
        let (line, key) = speaker(facts, signer, index)?;
        let known = self.heads.get(&signer);
        let head = if index <= self.open_below {
            known.cloned()
        } else {
            before(manifest, known.map_or(key, |known| &known.key))
        };
        rules::accept(terms, head.as_ref(), manifest, line, at.it.arrived_at)
            .map_err(|refused| bad(index, text(refused)))?;
        let Manifest { bid_id, seq, .. } = *manifest.body();
        let (sha256, kind, key) = (manifest.sha256(), ChainKind::Manifest, key.clone());
        self.heads.insert(signer, ChainHead { bid_id, seq, sha256, kind, key });
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
        let signer = withdrawal.note().signatures().first();
        let signer = signer.and_then(|line| enterprise_of(&line.name));
        let signer = signer.ok_or_else(|| bad(index, why("verify-say-why-unsigned")))?;
        let (line, key) = speaker(facts, signer, index)?;
        let known = self.heads.get(&signer);
        let live = known.filter(|head| head.sha256 == at.it.manifest_sha256);
        let Some(head) = live else {
            return self.by_itself(&withdrawal, index, (line, key), known);
        };
        rules::withdraw(terms, Some(head), &withdrawal, line, at.it.arrived_at)
            .map_err(|refused| bad(index, text(refused)))?;
        let (bid_id, seq, sha256) = (head.bid_id, withdrawal.body().seq, withdrawal.sha256());
        let (kind, key) = (ChainKind::Withdrawal, key.clone());
        self.heads.insert(signer, ChainHead { bid_id, seq, sha256, kind, key });
        Ok(())
    }
}

impl Chains {
    /// A withdrawal of what the file does not show: its signature is judged all the same.
    fn by_itself(
        &self,
        withdrawal: &Statement<Withdrawal>,
        index: u64,
        (line, key): (&[VerifyingKey], &VerifyingKey),
        known: Option<&ChainHead>,
    ) -> Result<(), Stop> {
        if index <= self.open_below {
            return Err(bad(index, why("verify-say-why-not-live")));
        }
        let reaches = known.is_none_or(|head| line.contains(&head.key));
        let judged = rules::check_signature(withdrawal, key);
        judged
            .and(reaches.then_some(()).ok_or(Refused::OtherKey))
            .map_err(|refused| bad(index, text(refused)))
    }
}

/// The keys that a bidder's one in force reaches back to, and that one, just before an index.
fn speaker<'a>(
    facts: &'a Facts<'_>,
    signer: EnterpriseId,
    index: u64,
) -> Result<(&'a [VerifyingKey], &'a VerifyingKey), Stop> {
    let line = facts.bodies.at(signer, index).and_then(Credential::line);
    let found = line.and_then(|line| Some((line, line.last()?)));
    found.ok_or_else(|| bad(index, why("verify-say-why-no-key")))
}

/// The head that a manifest claims to follow, where the file does not show it.
fn before(manifest: &Statement<Manifest>, key: &VerifyingKey) -> Option<ChainHead> {
    let Manifest { bid_id, seq, prev_sha256, .. } = *manifest.body();
    let (seq, sha256) = (seq.checked_sub(1)?, prev_sha256?);
    Some(ChainHead { bid_id, seq, sha256, kind: ChainKind::Manifest, key: key.clone() })
}

fn bad(index: u64, reason: Arg) -> Stop {
    failed("verify-say-manifest-bad", [("index", text(index)), ("reason", reason)])
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
    let size = unit.close().map_or(u64::MAX, |close| close.it.body().size);
    match shown {
        _ if facts.is_whole || facts.is_open_below(size) => {
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
