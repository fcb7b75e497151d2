//! Is the walk RFC 3797's, does everybody stand in it once, and nobody likelier than another?

use std::collections::BTreeSet;

use md5::{Digest as _, Md5};
use proptest::prelude::*;
use sealbid::crypto::hash::Hash;
use sealbid::draw::rules::selection::{POSITIONS, Selected, select, select_stratum};

use super::{label, seed_of};

fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = Md5::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

/// RFC 3797, section 6.
const RFC_KEY: &[u8] = b"9319./2.5.8.10.12./9.18.26.34.41.45./";

#[test]
fn the_rfcs_own_example_comes_out_of_the_same_walk() {
    let digests = [0_u16, 1, 2, 15].map(|i| {
        let counter = i.to_be_bytes();
        hex::encode_upper(md5(&[&counter, RFC_KEY, &counter]))
    });
    assert_eq!(
        digests,
        [
            "990DD0A5692A029A98B5E01AA28F3459",
            "3691E55CB63FCC37914430B2F70B5EC6",
            "FE814EDF564C190AC1D25753979990FA",
            "3269E6CE559ABD57E2BA6AAB495EB9BD",
        ]
    );
    let selected: Vec<u64> = select(md5, RFC_KEY, 25).map(|it| it.index + 1).collect();
    let published = [17, 7, 2, 16, 25, 23, 8, 24, 19, 13];
    assert_eq!(selected[..10], published);
    let rest = [22, 5, 18, 9, 1, 4, 12, 15, 20, 14, 11, 3, 6, 21, 10];
    assert_eq!(selected[10..], rest, "the pool to its end");
}

/// The RFC as its text reads: numbers of any length, a list that shrinks.
fn by_the_letter(key: &[u8], size: u32, count: usize) -> Vec<u64> {
    let mut pool: Vec<u64> = (0..u64::from(size)).collect();
    let mut selected = Vec::new();
    for i in 0..count.min(pool.len()) {
        let counter = u16::try_from(i).unwrap().to_be_bytes();
        let digest = Hash::of_parts(&[&counter, key, &counter]);
        // Binary long division, a bit at a time.
        let divisor = pool.len();
        let bits = digest.as_bytes().iter().flat_map(|b| (0..8).rev().map(move |at| b >> at & 1));
        let rest = bits.fold(0, |rest, bit| (rest * 2 + usize::from(bit)) % divisor);
        selected.push(pool.remove(rest));
    }
    selected
}

fn walk(number: u64, size: u32) -> Vec<u64> {
    select_stratum(&seed_of(number), &label("bridges"), size).map(|it| it.index).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_walk_is_a_permutation_and_the_one_of_the_letter(number: u64, size in 1_u32..400) {
        let indices = walk(number, size);
        let key = format!("{}/bridges/", seed_of(number));
        prop_assert_eq!(&indices, &by_the_letter(key.as_bytes(), size, 400));
        let distinct: BTreeSet<u64> = indices.iter().copied().collect();
        prop_assert_eq!(distinct.len(), indices.len());
        prop_assert!(distinct.into_iter().eq(0..u64::from(size)));
    }

    #[test]
    fn positions_count_from_zero(number: u64, size in 1_u32..400) {
        let walk = select_stratum(&seed_of(number), &label("roads"), size);
        let positions: Vec<u64> = walk.map(|it| it.position.into()).collect();
        prop_assert!(positions.into_iter().eq(0..u64::from(size)));
    }
}

#[test]
fn a_walk_ends_with_its_pool_or_with_its_counter() {
    assert_eq!(walk(1, 0), Vec::<u64>::new());
    assert_eq!(walk(1, 1), [0]);
    let mut long = select_stratum(&seed_of(1), &label("all"), POSITIONS + 7);
    let last = long.by_ref().last();
    assert_eq!(last.map(|Selected { position, .. }| position), Some(u16::MAX));
    assert_eq!(long.next(), None);
}

#[test]
fn another_label_another_seed_and_another_size_are_another_walk() {
    let first = |seed: u64, name: &str, size| -> Vec<u64> {
        select_stratum(&seed_of(seed), &label(name), size).take(8).map(|it| it.index).collect()
    };
    let walks = [
        first(1, "bridges", 1000),
        first(2, "bridges", 1000),
        first(1, "roads", 1000),
        first(1, "bridges", 999),
    ];
    let distinct: BTreeSet<_> = walks.iter().collect();
    assert_eq!(distinct.len(), walks.len());
}

/// Pearson's statistic of counts that should be equal, rounded down: Σ (c − T/m)² / (T/m) = m·Σc²/T − T.
pub fn chi_square(counts: &[u64]) -> u64 {
    let total: u64 = counts.iter().sum();
    let squares: u64 = counts.iter().map(|count| count * count).sum();
    (counts.len() as u64 * squares - total * total) / total
}

/// How often each of `members` stands at each of the first positions, over many seeds.
fn places(
    members: usize,
    positions: usize,
    draws: u64,
    index: impl Fn(&Hash, &Selected) -> u64,
) -> Vec<Vec<u64>> {
    let mut counts = vec![vec![0; members]; positions];
    for number in 0..draws {
        let seed = seed_of(number);
        let size = u32::try_from(members).unwrap();
        let walk = select_stratum(&seed, &label("fair"), size);
        for (position, selected) in walk.take(positions).enumerate() {
            counts[position][usize::try_from(index(&seed, &selected)).unwrap()] += 1;
        }
    }
    counts
}

/// With 24 degrees of freedom, 70 is passed by chance in one of a million; the seeds are always the same.
const BOUND: u64 = 70;

#[test]
fn over_many_seeds_everybody_stands_equally_often_at_every_position() {
    for (position, counts) in places(25, 25, 4_000, |_, it| it.index).iter().enumerate() {
        let statistic = chi_square(counts);
        assert!(statistic < BOUND, "position {position}: {statistic} of {counts:?}");
    }
}

#[test]
fn a_draw_that_favours_somebody_is_found_by_the_same_measure() {
    // Every eighth draw gives the first position to a friend.
    let biased = |seed: &Hash, it: &Selected| {
        if seed.as_bytes()[0] < 32 && it.position == 0 { 3 } else { it.index }
    };
    let counts = places(25, 2, 4_000, biased);
    assert!(chi_square(&counts[0]) > 10 * BOUND);
    assert!(chi_square(&counts[1]) < BOUND, "the second is as it was");
}
