//! What a draw must be before anybody seals a contribution for it: platform, contributors and verifier
//! ask these rules.

use std::collections::BTreeSet;

use crate::crypto::hash::Hash;
use crate::crypto::json::is_plain_text;
use crate::custodian::roster::Roster;
use crate::draw::refusal::Refused;
use crate::draw::rules::pool::{Blind, Candidate, Drum};
use crate::draw::rules::seed::barred;
use crate::draw::rules::selection::POSITIONS;
use crate::draw::rules::strata::{Shortage, called};
use crate::draw::statements::{
    Contributor, Draw, DrawResult, DrawVoid, Label, RedrawReason, Register, Source, Subject,
    ValueList,
};
use crate::ids::EnterpriseId;
use crate::tender::statements::{ReleaseBy, Unit};

/// The longest value of a list, in bytes.
pub const MAX_VALUE: usize = 500;

/// Checks what a draw says of itself.
///
/// # Errors
/// [`Refused`] with the first fault.
pub fn check(draw: &Draw) -> Result<(), Refused> {
    let labels = || draw.strata.iter().map(|stratum| &stratum.label);
    let distinct: BTreeSet<&Label> = labels().collect();
    let is_labelled = labels().eq(draw.pools.iter().map(|pool| &pool.label));
    if draw.strata.is_empty() || distinct.len() != draw.strata.len() || !is_labelled {
        return Err(Refused::Labels);
    }
    for (stratum, pool) in draw.strata.iter().zip(&draw.pools) {
        let label = stratum.label.clone();
        let needed = stratum.k.saturating_add(stratum.reserves);
        if stratum.k == 0 || needed > POSITIONS {
            return Err(Refused::Seats { label });
        }
        if pool.count < needed {
            return Err(Refused::Short(Shortage { label, there: pool.count, needed }));
        }
    }
    match (&draw.subject, &draw.source) {
        (Subject::Committee { .. }, Source::Register(register)) => check_register(draw, register),
        (Subject::Committee { .. }, Source::Values { .. }) | (_, Source::Register(_)) => {
            Err(Refused::Source)
        }
        (_, Source::Values { lists }) => check_values(draw, lists),
    }
}

fn check_register(draw: &Draw, register: &Register) -> Result<(), Refused> {
    let filter = &register.filter;
    let labels = draw.strata.iter().map(|stratum| &stratum.label);
    if !labels.eq(filter.criteria.iter().map(|criterion| &criterion.label)) {
        return Err(Refused::Labels);
    }
    let says_nothing = filter.criteria.iter().any(|criterion| criterion.specialties.is_empty());
    let is_out_of_time = filter.from >= filter.until || filter.look_back > filter.from;
    let libraries: BTreeSet<_> = register.libraries.iter().collect();
    let is_doubled = libraries.is_empty() || libraries.len() != register.libraries.len();
    let no_numbers = filter.per_employer == Some(0) || filter.drawn_most == 0;
    if says_nothing || is_out_of_time || is_doubled || no_numbers {
        return Err(Refused::Filter);
    }
    let counts = &register.exclusions.counts;
    let ascends = counts.iter().zip(counts.iter().skip(1)).all(|(a, b)| a.reason < b.reason);
    let excluded: u64 = counts.iter().map(|it| u64::from(it.count)).sum();
    let largest = draw.pools.iter().map(|pool| u64::from(pool.count)).max().unwrap_or_default();
    let too_many = largest + excluded > u64::from(register.register_size);
    if !ascends || too_many || counts.iter().any(|it| it.count == 0) {
        return Err(Refused::Exclusions);
    }
    Ok(())
}

/// Everybody makes the pools of values anew from the lists.
fn check_values(draw: &Draw, lists: &[ValueList]) -> Result<(), Refused> {
    let drums = drums_of(lists)?;
    if !drums.iter().map(Drum::label).eq(draw.strata.iter().map(|stratum| &stratum.label)) {
        return Err(Refused::Labels);
    }
    let differs = drums.iter().zip(&draw.pools).find(|(drum, pool)| drum.committed() != **pool);
    differs.map_or(Ok(()), |(drum, _)| Err(Refused::Values { label: drum.label().clone() }))
}

/// The drums of lists that stand in a draw for everybody.
///
/// # Errors
/// [`Refused::Values`] for a value that is no plain text, [`Refused::Twice`] for one that comes twice.
pub fn drums_of(lists: &[ValueList]) -> Result<Vec<Drum>, Refused> {
    let drum = |list: &ValueList| {
        let is_plain =
            |value: &String| (1..=MAX_VALUE).contains(&value.len()) && is_plain_text(value);
        if !list.values.iter().all(is_plain) {
            return Err(Refused::Values { label: list.label.clone() });
        }
        let values = list.values.iter().map(|value| Candidate { name: value, employer: None });
        Drum::fill(list.label.clone(), values, &Blind::Open)
    };
    lists.iter().map(drum).collect()
}

/// Who contributes to a first draw: every custodian in the roster's order, the procuring entity, the
/// platform.
#[must_use]
pub fn contributors(roster: &Roster, procuring_entity: EnterpriseId) -> Vec<Contributor> {
    let custodians = roster.custodians.iter().map(|it| Contributor::Custodian(it.id.clone()));
    let others = [Contributor::ProcuringEntity(procuring_entity), Contributor::Platform];
    custodians.chain(others).collect()
}

/// Checks that contributions can be sealed for a draw: its unit opens by itself, with t contributions at
/// least, and everybody contributes whom no earlier void has barred.
///
/// # Errors
/// [`Refused::Unit`], [`Refused::Contributors`], [`Refused::Barred`] or [`Refused::FewCustodians`].
pub fn check_unit(
    draw: &Draw,
    unit: &Unit,
    roster: &Roster,
    barred: &[Contributor],
) -> Result<(), Refused> {
    let t = usize::from(roster.t);
    let opens = unit.release == ReleaseBy::Time && u32::from(roster.t) == unit.min;
    if !opens || unit.id() != Ok(draw.unit_id) {
        return Err(Refused::Unit);
    }
    if let Some(contributor) = draw.contributors.iter().find(|it| barred.contains(it)) {
        return Err(Refused::Barred { contributor: contributor.clone() });
    }
    let mut expected = contributors(roster, unit.procuring_entity);
    expected.retain(|contributor| !barred.contains(contributor));
    if draw.contributors != expected {
        return Err(Refused::Contributors);
    }
    if expected.iter().filter(|it| it.is_custodian()).count() < t {
        return Err(Refused::FewCustodians { t });
    }
    Ok(())
}

/// How an earlier draw for the same subject stands.
#[derive(Clone, Copy, Debug)]
pub enum Ended<'a> {
    /// It has not ended.
    UnderWay,
    /// Void.
    Void(&'a DrawVoid),
    /// With a result, of which these positions refused since, by the strata's order.
    Result(&'a DrawResult, &'a [BTreeSet<u16>]),
}

/// A draw that came before for the same subject.
#[derive(Clone, Copy, Debug)]
pub struct Earlier<'a> {
    /// The draw.
    pub draw: &'a Draw,
    /// Of its text.
    pub draw_sha256: Hash,
    /// How it stands.
    pub ended: Ended<'a>,
    /// Of the text of its void or result; of its own while it has neither.
    pub ended_sha256: Hash,
}

/// Checks that a draw is the first for its subject, or follows those before for a reason: the last came
/// to nothing, or reserves are used up; and that exactly the seats are drawn that are empty. Nobody draws
/// again because a result is unwelcome, and nobody draws twice at once.
///
/// # Errors
/// [`Refused::Chain`], [`Refused::UnderWay`], [`Refused::NoReason`] or [`Refused::Otherwise`].
pub fn follows(draw: &Draw, earlier: &[Earlier<'_>]) -> Result<(), Refused> {
    let Some(last) = earlier.last() else {
        let is_first = draw.no == 1 && draw.previous.is_none();
        return if is_first { Ok(()) } else { Err(Refused::Chain) };
    };
    let previous = draw.previous.as_ref().ok_or(Refused::Chain)?;
    let is_new = |it: &Earlier<'_>| draw.draw != it.draw.draw && draw.unit_id != it.draw.unit_id;
    let is_next = last.draw.no.checked_add(1) == Some(draw.no)
        && previous.draw_sha256 == last.draw_sha256
        && previous.ended_sha256 == last.ended_sha256;
    if !is_next || !earlier.iter().all(is_new) {
        return Err(Refused::Chain);
    }
    let reason = match last.ended {
        Ended::UnderWay => return Err(Refused::UnderWay),
        Ended::Void(_) => RedrawReason::Voided,
        Ended::Result(..) => RedrawReason::Exhausted,
    };
    let open = empty_seats(earlier);
    if open.is_empty() {
        return Err(Refused::NoReason);
    }
    let seats = draw.strata.iter().map(|stratum| (&stratum.label, stratum.k));
    let is_open = seats.eq(open.iter().map(|(label, k)| (label, *k)));
    if previous.reason != reason || draw.subject != last.draw.subject || !is_open {
        return Err(Refused::Otherwise);
    }
    Ok(())
}

/// The seats of the first draw that nobody is left to take, after all draws so far, in its order; none
/// where a reserve is left to be called.
#[must_use]
pub fn empty_seats(draws: &[Earlier<'_>]) -> Vec<(Label, u32)> {
    let Some(first) = draws.first() else { return Vec::new() };
    let empty = first.draw.strata.iter().filter_map(|stratum| {
        let there: u32 = draws.iter().map(|it| serving(it, &stratum.label)).sum();
        let empty = stratum.k.saturating_sub(there);
        (empty > 0).then(|| (stratum.label.clone(), empty))
    });
    empty.collect()
}

/// How many of a draw's stratum sit, or can still be called.
fn serving(it: &Earlier<'_>, label: &Label) -> u32 {
    let Ended::Result(result, refused) = it.ended else { return 0 };
    let nobody = BTreeSet::new();
    let refused = refused.iter().chain(std::iter::repeat(&nobody));
    let mut strata = it.draw.strata.iter().zip(&result.strata).zip(refused);
    let found = strata.find(|((stratum, _), _)| stratum.label == *label);
    let count =
        found.map_or(0, |((stratum, drawn), refused)| called(stratum, drawn, refused).len());
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Whoever is barred from the draw after these, by any of their voids.
#[must_use]
pub fn barred_by<'a>(voids: impl IntoIterator<Item = &'a DrawVoid>) -> Vec<Contributor> {
    let mut all: Vec<Contributor> = voids.into_iter().flat_map(|void| barred(&void.by)).collect();
    all.sort_unstable();
    all.dedup();
    all
}
