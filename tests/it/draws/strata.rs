//! Are seats and reserves taken in their order, each one once, and within the caps?

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sealbid::crypto::hash::Hash;
use sealbid::draw::refusal::Refused;
use sealbid::draw::rules::pool::Drum;
use sealbid::draw::rules::selection::select_stratum;
use sealbid::draw::rules::statement::drums_of;
use sealbid::draw::rules::strata::{Shortage, called, draw, shortage};
use sealbid::draw::statements::{DrawnStratum, Outcome, Pick, Skip, Stratum};
use sealbid::enterprise::uscc::Uscc;

use super::selection::chi_square;
use super::{body, drum, label, list, nobodys, seed_of, stratum};

fn of(drawn: &DrawnStratum, outcome: Outcome) -> Vec<Hash> {
    drawn.picks.iter().filter(|pick| pick.outcome == outcome).map(|pick| pick.leaf).collect()
}

fn taken(drawn: &[DrawnStratum]) -> Vec<Hash> {
    let both = [Outcome::Seated, Outcome::Reserve];
    drawn.iter().flat_map(|it| both.map(|outcome| of(it, outcome)).concat()).collect()
}

#[test]
fn the_first_k_of_the_walk_sit_and_the_next_stand_by() {
    let drum = drum("roads", 0..50, nobodys);
    let drawn = draw(&seed_of(1), &[stratum("roads", 5, 3)], &[drum], None).unwrap();
    let walk: Vec<u64> =
        select_stratum(&seed_of(1), &label("roads"), 50).take(8).map(|it| it.index).collect();
    let picks = &drawn[0].picks;
    assert!(picks.iter().map(|pick| pick.index).eq(walk));
    let expected = [[Outcome::Seated; 5].as_slice(), &[Outcome::Reserve; 3]].concat();
    assert!(picks.iter().map(|pick| pick.outcome).eq(expected));
}

#[test]
fn an_expert_of_two_strata_is_drawn_in_one() {
    // The same ten in both: whoever the first one took, the second passes over.
    let drums = ["roads", "bridges"].map(|name| drum(name, 0..10, nobodys));
    let strata = [stratum("roads", 3, 2), stratum("bridges", 3, 2)];
    assert_eq!(shortage(&strata, &drums, None), None);
    let drawn = draw(&seed_of(2), &strata, &drums, None).unwrap();
    let all = taken(&drawn);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 10);
    let skipped = of(&drawn[1], Outcome::Skipped(Skip::Taken));
    assert!(!skipped.is_empty() && skipped.iter().all(|leaf| taken(&drawn[..1]).contains(leaf)));
}

#[test]
fn drums_that_are_not_the_stratas_are_refused() {
    let drums = ["roads", "bridges"].map(|name| drum(name, 0..10, nobodys));
    let strata = [stratum("bridges", 1, 0), stratum("roads", 1, 0)];
    assert_eq!(draw(&seed_of(1), &strata, &drums, None), Err(Refused::Labels));
    assert_eq!(draw(&seed_of(1), &strata[..1], &drums, None), Err(Refused::Labels));
}

#[test]
fn a_refusal_calls_the_next_reserve_of_the_same_stratum() {
    let seats = stratum("roads", 3, 2);
    let drums = [drum("roads", 0..20, nobodys)];
    let drawn = draw(&seed_of(3), std::slice::from_ref(&seats), &drums, None).unwrap();
    let positions = |refused: &[u16]| -> Vec<u16> {
        let refused = refused.iter().copied().collect();
        called(&seats, &drawn[0], &refused).iter().map(|(position, _)| *position).collect()
    };
    assert_eq!(positions(&[]), [0, 1, 2]);
    assert_eq!(positions(&[1]), [0, 2, 3]);
    assert_eq!(positions(&[1, 3]), [0, 2, 4]);
    assert_eq!(positions(&[1, 3, 4]), [0, 2], "used up: a new draw");
}

#[test]
fn who_was_passed_over_is_never_called() {
    let seats = stratum("roads", 2, 1);
    let pick = |outcome| Pick { index: 0, leaf: seed_of(1), outcome, proof: Vec::new() };
    let skipped = Outcome::Skipped(Skip::Employer);
    let picks = [Outcome::Seated, skipped, Outcome::Seated, skipped, Outcome::Reserve].map(pick);
    let drawn = DrawnStratum { label: label("roads"), picks: picks.to_vec() };
    let standing = called(&seats, &drawn, &BTreeSet::from([0]));
    assert_eq!(standing.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [2, 4]);
}

#[test]
fn a_pool_too_small_is_told_before_there_is_a_seed() {
    let short = |name: &str, there, needed| Some(Shortage { label: label(name), there, needed });
    let drums = [drum("roads", 0..10, nobodys), drum("bridges", 5..15, nobodys)];
    let strata = |k, reserves| [stratum("roads", k, 0), stratum("bridges", 3, reserves)];
    assert_eq!(shortage(&strata(10, 2), &drums, None), None, "five of the ten may be taken");
    assert_eq!(shortage(&strata(10, 3), &drums, None), short("bridges", 5, 6));
    assert_eq!(shortage(&strata(2, 5), &drums, None), None, "two are taken before at most");
    assert_eq!(shortage(&strata(11, 0), &drums, None), short("roads", 10, 11));
    // One employer of nine in ten: under a cap of two, three can sit.
    let employer = |it: u32| (it > 0).then(|| body(1));
    let one = [drum("roads", 0..10, employer)];
    assert_eq!(shortage(&[stratum("roads", 3, 0)], &one, Some(2)), None);
    assert_eq!(shortage(&[stratum("roads", 3, 1)], &one, Some(2)), short("roads", 3, 4));
}

#[test]
fn a_coefficient_is_drawn_from_the_values_that_everybody_reads() {
    let lists = [list("k", &["0.95", "0.96", "0.97", "0.98"])];
    let drums = drums_of(&lists).unwrap();
    let drawn = draw(&seed_of(1), &[stratum("k", 1, 0)], &drums, None).unwrap();
    let entrant = drums[0].entrant(drawn[0].picks[0].index).unwrap();
    let mut seen = BTreeSet::new();
    for number in 0..100 {
        let drawn = draw(&seed_of(number), &[stratum("k", 1, 0)], &drums, None).unwrap();
        seen.insert(drums[0].entrant(drawn[0].picks[0].index).unwrap().place);
    }
    assert_eq!((seen.len(), lists[0].values[entrant.place].as_str()), (4, "0.95"));
}

#[test]
fn bids_that_tie_are_all_put_in_order() {
    let lists = [list("tied", &["bid_1", "bid_2", "bid_3"])];
    let drums = drums_of(&lists).unwrap();
    let mut orders = BTreeSet::new();
    for number in 0..100 {
        let drawn = draw(&seed_of(number), &[stratum("tied", 3, 0)], &drums, None).unwrap();
        let order: Vec<usize> =
            drawn[0].picks.iter().map(|it| drums[0].entrant(it.index).unwrap().place).collect();
        orders.insert(order);
    }
    assert_eq!(orders.len(), 6, "every order comes about");
}

/// Of ten experts in each of three pools, how often did each sit in 2,000 draws?
#[test]
fn in_every_stratum_everybody_sits_equally_often() {
    let names = ["a", "b", "c"];
    let drums: Vec<Drum> = names
        .iter()
        .zip([0, 10, 20])
        .map(|(it, from)| drum(it, from..from + 10, nobodys))
        .collect();
    let strata = strata_of([(3, 1), (2, 2), (1, 0)]);
    let mut sat = BTreeMap::<Hash, u64>::new();
    for number in 0..2_000 {
        let drawn = draw(&seed_of(number), &strata, &drums, Some(1)).unwrap();
        drawn.iter().flat_map(|it| of(it, Outcome::Seated)).for_each(|leaf| {
            *sat.entry(leaf).or_default() += 1;
        });
    }
    for (stratum, drum) in strata.iter().zip(&drums) {
        let counts =
            drum.entrants().iter().map(|it| sat.get(&it.leaf).copied().unwrap_or_default());
        let counts: Vec<u64> = counts.collect();
        assert_eq!(counts.iter().sum::<u64>(), u64::from(stratum.k) * 2_000);
        // With 9 degrees of freedom, 45 is passed by chance in one of a million.
        assert!(chi_square(&counts) < 45, "{}: {counts:?}", stratum.label);
    }
}

/// Three pools that overlap, of experts with few employers.
fn pools() -> impl Strategy<Value = Vec<Drum>> {
    let pool = || prop::collection::btree_set(0_u32..60, 5..40);
    let employer = |it: u32| it.checked_rem(7).filter(|rest| *rest > 0).map(|it| body(it.into()));
    (pool(), pool(), pool()).prop_map(move |(a, b, c)| {
        [("a", a), ("b", b), ("c", c)].map(|(name, it)| drum(name, it, employer)).into()
    })
}

fn strata_of(seats: [(u32, u32); 3]) -> Vec<Stratum> {
    ["a", "b", "c"].iter().zip(seats).map(|(name, (k, r))| stratum(name, k, r)).collect()
}

fn employers(drums: &[Drum], leaves: &[Hash]) -> BTreeMap<Uscc, u32> {
    let mut counts = BTreeMap::new();
    for leaf in leaves {
        let mut entrants = drums.iter().flat_map(Drum::entrants);
        let employer = entrants.find(|it| it.leaf == *leaf).unwrap().employer;
        *counts.entry(employer.unwrap_or(body(99))).or_default() += 1;
    }
    counts.remove(&body(99));
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_draw_that_was_not_refused_as_short_is_filled(
        drums in pools(),
        seats: [(u8, u8); 3],
        most in prop::option::of(1_u32..4),
        number: u64,
    ) {
        let strata = strata_of(seats.map(|(k, r)| (u32::from(k % 5) + 1, u32::from(r % 5))));
        let drawn = draw(&seed_of(number), &strata, &drums, most).unwrap();
        let leaves = taken(&drawn);
        prop_assert_eq!(leaves.iter().collect::<BTreeSet<_>>().len(), leaves.len(), "each once");
        let fullest = employers(&drums, &leaves).into_values().max().unwrap_or_default();
        prop_assert!(most.is_none_or(|most| fullest <= most));
        if shortage(&strata, &drums, most).is_none() {
            for (stratum, drawn) in strata.iter().zip(&drawn) {
                let count = |outcome| u32::try_from(of(drawn, outcome).len()).unwrap();
                prop_assert_eq!(count(Outcome::Seated), stratum.k);
                prop_assert_eq!(count(Outcome::Reserve), stratum.reserves);
            }
        }
    }

    #[test]
    fn more_reserves_never_change_who_sits(
        drums in pools(),
        seats: [(u8, u8); 3],
        more in 1_u32..5,
        number: u64,
    ) {
        // In the last stratum: what is drawn before it stays, whatever comes after.
        let fewer = strata_of(seats.map(|(k, r)| (u32::from(k % 4) + 1, u32::from(r % 4))));
        let mut greater = fewer.clone();
        greater[2].reserves += more;
        let [short, long] =
            [&fewer, &greater].map(|it| draw(&seed_of(number), it, &drums, Some(2)).unwrap());
        prop_assert_eq!(&short[..2], &long[..2]);
        prop_assert_eq!(&long[2].picks[..short[2].picks.len()], &short[2].picks[..]);
    }
}
