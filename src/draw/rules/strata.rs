//! The walk through every stratum in its order: seats, then reserves, and who is passed over.
//!
//! Invariant: seats and reserves count alike. Who is either is taken for the whole draw, and whoever
//! is called later, the cap on one employer holds. What is drawn never depends on what comes after it: more
//! reserves change nobody's seat in their stratum or in those before it. Platform and verifier take each
//! step by the same [`Walk`].

use std::collections::{BTreeMap, BTreeSet};

use crate::crypto::hash::Hash;
use crate::draw::refusal::Refused;
use crate::draw::rules::pool::{Drum, Entrant};
use crate::draw::rules::selection::{POSITIONS, select_stratum};
use crate::draw::statements::{DrawnStratum, Label, Outcome, Pick, Skip, Stratum};
use crate::enterprise::uscc::Uscc;

/// What is left to be drawn in one stratum, and what was drawn in all so far.
#[derive(Debug, Default)]
pub struct Walk {
    taken: BTreeSet<Hash>,
    seats: u32,
    reserves: u32,
}

impl Walk {
    /// Goes on to the next stratum: whoever was taken stays taken.
    pub const fn begin(&mut self, stratum: &Stratum) {
        self.seats = stratum.k;
        self.reserves = stratum.reserves;
    }

    /// Whether the stratum has all it needs.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.seats == 0 && self.reserves == 0
    }

    /// What the next position comes to. `cap` says whether its employer's number is full.
    pub fn step(&mut self, leaf: Hash, cap: Cap) -> Outcome {
        if self.taken.contains(&leaf) {
            return Outcome::Skipped(Skip::Taken);
        }
        if cap == Cap::Full {
            return Outcome::Skipped(Skip::Employer);
        }
        self.taken.insert(leaf);
        if self.seats > 0 {
            self.seats -= 1;
            return Outcome::Seated;
        }
        self.reserves = self.reserves.saturating_sub(1);
        Outcome::Reserve
    }
}

/// Whether as many of somebody's employer are taken as may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// One more may be.
    Free,
    /// No more.
    Full,
}

/// The count by employers.
struct Employers {
    most: Option<u32>,
    taken: BTreeMap<Uscc, u32>,
}

impl Employers {
    fn cap(&self, entrant: &Entrant) -> Cap {
        let (Some(most), Some(employer)) = (self.most, entrant.employer) else { return Cap::Free };
        let taken = self.taken.get(&employer).copied().unwrap_or_default();
        if taken < most { Cap::Free } else { Cap::Full }
    }

    fn count(&mut self, entrant: &Entrant) {
        if let Some(employer) = entrant.employer {
            *self.taken.entry(employer).or_default() += 1;
        }
    }
}

/// Draws every stratum from its drum, in order. A stratum that its drum cannot fill ends with the walk;
/// [`shortage`] refuses such a draw before there is a seed.
///
/// # Errors
/// [`Refused::Labels`] when the drums are not the strata's, in their order.
pub fn draw(
    seed: &Hash,
    strata: &[Stratum],
    drums: &[Drum],
    per_employer: Option<u32>,
) -> Result<Vec<DrawnStratum>, Refused> {
    if !strata.iter().map(|stratum| &stratum.label).eq(drums.iter().map(Drum::label)) {
        return Err(Refused::Labels);
    }
    let mut walk = Walk::default();
    let mut employers = Employers { most: per_employer, taken: BTreeMap::new() };
    let mut drawn = Vec::new();
    for (stratum, drum) in strata.iter().zip(drums) {
        walk.begin(stratum);
        let picks = draw_one(seed, drum, &mut walk, &mut employers);
        drawn.push(DrawnStratum { label: stratum.label.clone(), picks });
    }
    Ok(drawn)
}

fn draw_one(seed: &Hash, drum: &Drum, walk: &mut Walk, employers: &mut Employers) -> Vec<Pick> {
    let mut picks = Vec::new();
    let mut selection = select_stratum(seed, drum.label(), drum.count());
    while !walk.is_complete() {
        let Some(selected) = selection.next() else { break };
        let index = selected.index;
        // Every index that a selection yields lies in its drum.
        let (Some(entrant), Ok(proof)) = (drum.entrant(index), drum.prove(index)) else { break };
        let outcome = walk.step(entrant.leaf, employers.cap(entrant));
        if matches!(outcome, Outcome::Seated | Outcome::Reserve) {
            employers.count(entrant);
        }
        picks.push(Pick { index, leaf: entrant.leaf, outcome, proof });
    }
    picks
}

/// Who sits in a stratum after refusals: the seated and then the reserves, in the order of the walk,
/// without the positions that refused. Fewer than k: the reserves are used up.
#[must_use]
pub fn called<'a>(
    stratum: &Stratum,
    drawn: &'a DrawnStratum,
    refused: &BTreeSet<u16>,
) -> Vec<(u16, &'a Pick)> {
    let positions = (0..).zip(&drawn.picks);
    let standing = positions.filter(|(position, pick)| {
        !matches!(pick.outcome, Outcome::Skipped(_)) && !refused.contains(position)
    });
    standing.take(usize::try_from(stratum.k).unwrap_or(usize::MAX)).collect()
}

/// A stratum whose pool may not fill it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// Which.
    pub label: Label,
    /// How many it can give for certain, after the strata before it and the cap.
    pub there: u32,
    /// Seats and reserves together.
    pub needed: u32,
}

/// The first stratum that could end short, if any, whatever the seed will be.
///
/// Under a cap a walk takes one after another while it can, and every such set ends equally large: the
/// sum over employers of what each may give. Each one taken before takes away one of these at most, and
/// only if it stands in this pool too, or counts for an employer here. So a draw that passes is filled,
/// unless its counter ends first.
#[must_use]
pub fn shortage(strata: &[Stratum], drums: &[Drum], per_employer: Option<u32>) -> Option<Shortage> {
    strata.iter().zip(drums).enumerate().find_map(|(at, (stratum, drum))| {
        let before: u64 = strata
            .iter()
            .zip(drums)
            .take(at)
            .map(|(earlier, other)| needed(earlier).min(in_the_way(drum, other, per_employer)))
            .sum();
        let there = most_of(drum, per_employer).saturating_sub(before);
        (there < needed(stratum)).then(|| Shortage {
            label: stratum.label.clone(),
            there: u32::try_from(there).unwrap_or(u32::MAX),
            needed: u32::try_from(needed(stratum)).unwrap_or(u32::MAX),
        })
    })
}

fn needed(stratum: &Stratum) -> u64 {
    u64::from(stratum.k) + u64::from(stratum.reserves)
}

/// How many can be taken from a drum by itself.
fn most_of(drum: &Drum, per_employer: Option<u32>) -> u64 {
    let Some(most) = per_employer else { return u64::from(drum.count()) };
    let mut employers = Employers { most: Some(most), taken: BTreeMap::new() };
    let mut free = 0;
    for entrant in drum.entrants() {
        if employers.cap(entrant) == Cap::Free {
            employers.count(entrant);
            free += 1;
        }
    }
    free
}

/// How many of another drum would take something from this one: the same candidate, or one of the same
/// employer under a cap.
fn in_the_way(drum: &Drum, other: &Drum, per_employer: Option<u32>) -> u64 {
    let stands_in_both =
        |leaf: &Hash| drum.entrants().binary_search_by_key(leaf, |entrant| entrant.leaf).is_ok();
    let of = |it: &Entrant| it.employer.filter(|_| per_employer.is_some());
    let employers: BTreeSet<Uscc> = drum.entrants().iter().filter_map(of).collect();
    let meets = |it: &&Entrant| {
        stands_in_both(&it.leaf) || of(it).is_some_and(|employer| employers.contains(&employer))
    };
    other.entrants().iter().filter(meets).fold(0, |count, _| count + 1)
}

/// Whether a walk over so many leaves can go no further than these picks.
#[must_use]
pub fn is_at_its_end(count: u32, picks: usize) -> bool {
    u32::try_from(picks).is_ok_and(|picks| picks >= count.min(POSITIONS))
}
