//! Who of a register can be drawn: who fits a stratum, and whom a tie, a sanction or another duty keeps
//! out.
//!
//! Invariant: what keeps somebody out is computed from the register and from the bodies concerned, before
//! there is a seed; no clerk names anybody. Everybody who fits stands either in the pools or among the
//! exclusions, never in both and never in neither.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::draw::refusal::Refused;
use crate::draw::rules::pool::{Blind, Candidate, Drum, exclusion_leaf, exclusions_root};
use crate::draw::statements::{
    Code, Criterion, ExclusionCount, ExclusionReason, Exclusions, Filter,
};
use crate::enterprise::uscc::Uscc;
use crate::ids::ExpertId;

/// What the register says of an active expert, as far as a draw asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expert {
    /// Who; no name stands here.
    pub id: ExpertId,
    /// What for.
    pub specialties: Vec<Code>,
    /// Where.
    pub region: Code,
    /// For whom the expert works now.
    pub employer: Option<Uscc>,
    /// What else binds the expert to bodies.
    pub ties: Vec<Tie>,
    /// Barred in these times.
    pub sanctions: Vec<Span>,
    /// When the expert was drawn before, in any draw.
    pub drawn: Vec<Time>,
    /// Sits elsewhere in these times.
    pub busy: Vec<Span>,
}

/// A declared tie to a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tie {
    /// Which body.
    pub body: Uscc,
    /// Of which kind.
    pub kind: TieKind,
}

/// How an expert is tied to a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TieKind {
    /// Worked for it until then.
    Employed {
        /// The end of it.
        until: Time,
    },
    /// Has kin that works for it or owns it.
    Kin,
    /// Holds shares of it.
    Shareholding,
}

/// From an instant up to another, without that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first instant.
    pub from: Time,
    /// The first instant after it.
    pub until: Time,
}

impl Span {
    const fn meets(&self, other: &Self) -> bool {
        self.from.millis() < other.until.millis() && other.from.millis() < self.until.millis()
    }
}

/// Whom a draw concerns.
#[derive(Clone, Debug, Default)]
pub struct Concerned {
    /// The buyer, its agency and the bidders.
    pub bodies: BTreeSet<Uscc>,
    /// Who was seated or called by earlier draws for the same subject.
    pub drawn_before: BTreeSet<ExpertId>,
}

/// Whether an expert fits into a stratum.
#[must_use]
pub fn fits(expert: &Expert, criterion: &Criterion) -> bool {
    let covers = |codes: &[Code], code: &Code| codes.iter().any(|above| above.covers(code));
    let is_near = criterion.regions.is_empty() || covers(&criterion.regions, &expert.region);
    is_near && expert.specialties.iter().any(|code| covers(&criterion.specialties, code))
}

/// The first reason that keeps an expert out, if any.
#[must_use]
pub fn exclusion(
    expert: &Expert,
    filter: &Filter,
    concerned: &Concerned,
) -> Option<ExclusionReason> {
    use ExclusionReason as Why;
    let hour = Span { from: filter.from, until: filter.until };
    let is_tied = |is_such: &dyn Fn(TieKind) -> bool| {
        expert.ties.iter().any(|tie| is_such(tie.kind) && concerned.bodies.contains(&tie.body))
    };
    let holds = |reason: Why| match reason {
        Why::Employer => expert.employer.is_some_and(|body| concerned.bodies.contains(&body)),
        Why::FormerEmployer => is_tied(
            &|kind| matches!(kind, TieKind::Employed { until } if until >= filter.look_back),
        ),
        Why::Kin => is_tied(&|kind| kind == TieKind::Kin),
        Why::Shareholding => is_tied(&|kind| kind == TieKind::Shareholding),
        Why::Sanctioned => expert.sanctions.iter().any(|span| span.meets(&hour)),
        Why::DrawnTooOften => {
            let since = expert.drawn.iter().filter(|at| **at >= filter.drawn_since).count();
            u32::try_from(since).is_ok_and(|count| count >= filter.drawn_most)
        }
        Why::Busy => expert.busy.iter().any(|span| span.meets(&hour)),
        Why::DrawnBefore => concerned.drawn_before.contains(&expert.id),
    };
    crate::draw::statements::EXCLUSION_REASONS.into_iter().find(|reason| holds(*reason))
}

/// A register sorted for a draw.
#[derive(Debug)]
pub struct Sorted {
    /// One drum per stratum, in the filter's order. An entrant's place is that in the register given.
    pub drums: Vec<Drum>,
    /// Who fits and is left out: places in the register given, with the reason.
    pub excluded: Vec<(usize, ExclusionReason)>,
    /// The same as the draw commits to it.
    pub exclusions: Exclusions,
}

/// Sorts a register into the drums of a draw and its exclusions.
///
/// # Errors
/// [`Refused::Twice`] when an expert stands in the register twice.
pub fn sort(
    register: &[Expert],
    filter: &Filter,
    concerned: &Concerned,
    blind: &Blind,
) -> Result<Sorted, Refused> {
    let names: Vec<String> = register.iter().map(|expert| expert.id.to_string()).collect();
    let mut pools: Vec<Vec<usize>> = filter.criteria.iter().map(|_| Vec::new()).collect();
    let mut excluded = Vec::new();
    for (place, expert) in register.iter().enumerate() {
        let fitting = || filter.criteria.iter().map(|criterion| fits(expert, criterion));
        if !fitting().any(|fits| fits) {
            continue;
        }
        if let Some(reason) = exclusion(expert, filter, concerned) {
            excluded.push((place, reason));
            continue;
        }
        let into = pools.iter_mut().zip(fitting()).filter(|(_, fits)| *fits);
        into.for_each(|(pool, _)| pool.push(place));
    }
    let candidates: Vec<Candidate<'_>> = names
        .iter()
        .zip(register)
        .map(|(name, expert)| Candidate { name, employer: expert.employer })
        .collect();
    let drums = filter.criteria.iter().zip(&pools).map(|(criterion, pool)| {
        let of_pool = pool.iter().filter_map(|place| Some((*place, *candidates.get(*place)?)));
        Drum::fill_placed(criterion.label.clone(), of_pool, blind)
    });
    let drums = drums.collect::<Result<_, _>>()?;
    let exclusions = committed(&excluded, &names, blind);
    Ok(Sorted { drums, excluded, exclusions })
}

fn committed(excluded: &[(usize, ExclusionReason)], names: &[String], blind: &Blind) -> Exclusions {
    let mut counts: BTreeMap<ExclusionReason, u32> = BTreeMap::new();
    let mut leaves: Vec<Hash> = Vec::new();
    for (place, reason) in excluded {
        let Some(name) = names.get(*place) else { continue };
        *counts.entry(*reason).or_default() += 1;
        leaves.push(exclusion_leaf(&blind.salt(name), *reason, name));
    }
    let counts = counts.into_iter().map(|(reason, count)| ExclusionCount { count, reason });
    Exclusions { counts: counts.collect(), root: exclusions_root(leaves) }
}
