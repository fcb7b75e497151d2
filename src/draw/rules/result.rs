//! Recomputing a result from what is public: the draw, the close, the result itself.
//!
//! Invariant: whoever holds these needs nobody's word but for the codes of those passed over by a cap,
//! which the register decides, and for the leaves' names, which are shown after the award.

use crate::bid::rules::line;
use crate::bid::statements::Manifest;
use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::seal::{Identity, Recipient};
use crate::crypto::statement::Statement;
use crate::custodian::roster::Roster;
use crate::draw::refusal::ResultFault;
use crate::draw::rules::seed::{key_of, seed};
use crate::draw::rules::selection::select_stratum;
use crate::draw::rules::strata::{Cap, Walk, is_at_its_end};
use crate::draw::statements::{
    Contributed, Draw, DrawResult, DrawnStratum, Outcome, Pool, Skip, Source, Stratum,
};
use crate::opening::statements::Close;
use crate::record::tree::{leaf_hash, verify_inclusion};

/// What a result is held against.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// The draw.
    pub draw: &'a Draw,
    /// Of its text.
    pub draw_sha256: Hash,
    /// The close of its unit.
    pub close: &'a Close,
    /// Of its text.
    pub close_sha256: Hash,
    /// The roster of its unit: whose keys custodians and platform sign with, and how many must contribute.
    pub roster: &'a Roster,
    /// The procuring entity's key in force where its contribution was accepted.
    pub procuring_entity: &'a VerifyingKey,
}

/// Recomputes a result: contributions, seed, and every position of every stratum. Whether a value is
/// what its envelope holds is told by the ciphertext, which its identity opens for anybody.
///
/// # Errors
/// [`ResultFault`] with the first fault.
pub fn check_result(result: &DrawResult, held: &Held<'_>) -> Result<(), ResultFault> {
    let draw = held.draw;
    let is_about = result.draw_sha256 == held.draw_sha256
        && result.close_sha256 == held.close_sha256
        && result.unit_id == draw.unit_id
        && held.close.unit_id == draw.unit_id;
    if !is_about {
        return Err(ResultFault::Other);
    }
    check_contributions(result, held)?;
    if draw.beacon.is_some() != result.beacon_value.is_some() {
        return Err(ResultFault::Beacon);
    }
    let values: Vec<Hash> = result.contributions.iter().map(|it| it.value).collect();
    let beacon = result.beacon_value.as_ref();
    if result.seed != seed(&held.draw_sha256, &held.close_sha256, &values, beacon) {
        return Err(ResultFault::Seed);
    }
    let labels = result.strata.iter().map(|drawn| &drawn.label);
    if !labels.eq(draw.strata.iter().map(|stratum| &stratum.label)) {
        return Err(ResultFault::Strata);
    }
    let mut walk = Walk::default();
    let drawn = draw.strata.iter().zip(&draw.pools).zip(&result.strata);
    for ((stratum, pool), drawn) in drawn {
        walk.begin(stratum);
        check_stratum(&result.seed, draw, (stratum, pool), drawn, &mut walk)?;
    }
    Ok(())
}

fn check_contributions(result: &DrawResult, held: &Held<'_>) -> Result<(), ResultFault> {
    let mut expected = held.draw.contributors.iter();
    // An iterator that is searched from where the last one was found: in order, and none twice.
    let in_order = result.contributions.iter().all(|it| expected.any(|who| *who == it.contributor));
    if !in_order {
        return Err(ResultFault::Contributors);
    }
    let mut lines: Vec<Hash> = result.contributions.iter().map(|it| it.line).collect();
    lines.sort_unstable();
    if lines != held.close.lines {
        return Err(ResultFault::Lines);
    }
    result.contributions.iter().try_for_each(|it| check_contribution(held, it))?;
    let custodians = result.contributions.iter().filter(|it| it.contributor.is_custodian());
    if custodians.count() < usize::from(held.roster.t) {
        Err(ResultFault::FewCustodians)
    } else {
        Ok(())
    }
}

/// The manifest is the line's, for this unit and by its contributor alone, and the identity is the one
/// that it names.
fn check_contribution(held: &Held<'_>, it: &Contributed) -> Result<(), ResultFault> {
    let manifest =
        Statement::<Manifest>::parse(it.manifest.as_bytes()).map_err(|_| ResultFault::Lines)?;
    let is_lines = line(it.salt.as_bytes(), &manifest.sha256()) == it.line
        && manifest.body().unit_id == held.draw.unit_id;
    if !is_lines {
        return Err(ResultFault::Lines);
    }
    let key = key_of(&it.contributor, held.roster, held.procuring_entity);
    let is_signed = key.is_some_and(|key| {
        manifest.note().require(key).is_ok() && manifest.note().signatures().len() == 1
    });
    if !is_signed {
        return Err(ResultFault::Signature { contributor: it.contributor.clone() });
    }
    let wrong = || ResultFault::Identity { contributor: it.contributor.clone() };
    let identity: Identity = it.identity.parse().map_err(|_| wrong())?;
    let named: Recipient = manifest.body().seal_recipient.parse().map_err(|_| wrong())?;
    if identity.recipient() == named { Ok(()) } else { Err(wrong()) }
}

fn check_stratum(
    seed: &Hash,
    draw: &Draw,
    (stratum, pool): (&Stratum, &Pool),
    drawn: &DrawnStratum,
    walk: &mut Walk,
) -> Result<(), ResultFault> {
    let label = || stratum.label.clone();
    let is_capped =
        matches!(&draw.source, Source::Register(it) if it.filter.per_employer.is_some());
    let mut selection = select_stratum(seed, &stratum.label, pool.count);
    for (position, pick) in drawn.picks.iter().enumerate() {
        if walk.is_complete() {
            return Err(ResultFault::End { label: label() });
        }
        let wrong = || ResultFault::Pick { label: label(), position };
        let selected = selection.next().ok_or_else(wrong)?;
        let leaf = leaf_hash(pick.leaf.as_bytes());
        let count = u64::from(pool.count);
        let is_there =
            verify_inclusion(&leaf, selected.index, count, &pool.root, &pick.proof).is_ok();
        let by_cap = pick.outcome == Outcome::Skipped(Skip::Employer);
        let cap = if by_cap { Cap::Full } else { Cap::Free };
        let follows = walk.step(pick.leaf, cap) == pick.outcome;
        if pick.index != selected.index || !is_there || !follows || (by_cap && !is_capped) {
            return Err(wrong());
        }
    }
    let is_whole = walk.is_complete() || is_at_its_end(pool.count, drawn.picks.len());
    if is_whole { Ok(()) } else { Err(ResultFault::End { label: label() }) }
}
