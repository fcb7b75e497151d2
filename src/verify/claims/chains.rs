//! A bidder's chain of statements, replayed by the rules that the platform decides by.

use std::collections::BTreeMap;

use crate::bid::rules::{self, ChainHead, ChainKind, Refused, UnitTerms};
use crate::bid::statements::{Manifest, Withdrawal};
use crate::crypto::key::VerifyingKey;
use crate::crypto::statement::Statement;
use crate::enterprise::credentials::signer;
use crate::error::{Arg, Reason as _};
use crate::ids::EnterpriseId;
use crate::verify::facts::Facts;
use crate::verify::report::{Stop, failed, text, why};
use crate::verify::unit::{Accepted, At, UnitFacts, Withdrawn};

/// An act of a bidder that the record accepted.
pub(super) enum Act<'a, 'b> {
    Accepted(&'a At<Accepted<'b>>),
    Withdrawn(&'a At<Withdrawn<'b>>),
}

/// Acceptances and withdrawals in record order.
pub(super) fn acts<'a, 'b>(unit: &'a UnitFacts<'b>) -> Vec<(u64, Act<'a, 'b>)> {
    let mut acts: Vec<(u64, Act<'_, '_>)> = Vec::new();
    acts.extend(unit.accepted.iter().map(|at| (at.index, Act::Accepted(at))));
    acts.extend(unit.withdrawn.iter().map(|at| (at.index, Act::Withdrawn(at))));
    acts.sort_by_key(|(index, _)| *index);
    acts
}

/// The chains of a unit's bidders, replayed along the record.
pub(super) struct Chains {
    /// Up to here the file leaves no act out; beyond, each manifest's own word on the one before it
    /// has to do.
    shown_until: u64,
    heads: BTreeMap<EnterpriseId, ChainHead>,
}

impl Chains {
    /// Before the first act.
    pub(super) const fn new(shown_until: u64) -> Self {
        Self { shown_until, heads: BTreeMap::new() }
    }

    /// Where a bidder's chain is now.
    pub(super) fn head(&self, bidder: EnterpriseId) -> Option<&ChainHead> {
        self.heads.get(&bidder)
    }

    /// Takes the next act, which must follow by the rules.
    pub(super) fn take(
        &mut self,
        facts: &Facts<'_>,
        terms: &UnitTerms,
        act: &Act<'_, '_>,
    ) -> Result<(), Stop> {
        match act {
            Act::Accepted(at) => self.accept(facts, terms, at),
            Act::Withdrawn(at) => self.withdraw(facts, terms, at),
        }
    }

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
        let head = if index <= self.shown_until {
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
            .map_err(|error| bad(index, error.arg()))?;
        if withdrawal.body().manifest_sha256 != at.it.manifest_sha256 {
            return Err(bad(index, why("verify-say-why-other-withdrawn")));
        }
        let signer = signer(withdrawal.note());
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

    /// A withdrawal of what the file does not show: its signature is judged all the same.
    fn by_itself(
        &self,
        withdrawal: &Statement<Withdrawal>,
        index: u64,
        (line, key): (&[VerifyingKey], &VerifyingKey),
        known: Option<&ChainHead>,
    ) -> Result<(), Stop> {
        if index <= self.shown_until {
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
pub(super) fn speaker<'a>(
    facts: &'a Facts<'_>,
    signer: EnterpriseId,
    index: u64,
) -> Result<(&'a [VerifyingKey], &'a VerifyingKey), Stop> {
    let line = facts.bodies.at(signer, index).and_then(|standing| standing.line);
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
