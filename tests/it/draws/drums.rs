//! Are pools committed so that they show nobody, and so that nothing in them can be exchanged?

use proptest::prelude::*;
use sealbid::crypto::hash::Hash;
use sealbid::draw::refusal::Refused;
use sealbid::draw::rules::pool::{
    Blind, Candidate, Drum, PoolKey, exclusion_leaf, exclusions_root, leaf,
};
use sealbid::draw::statements::{EXCLUSION_REASONS, ExclusionReason};
use sealbid::record::leaf::Salt;
use sealbid::record::tree::{leaf_hash, verify_inclusion};

use super::{blind, body, draw_id, drum, expert_id, label, nobodys};

fn fill(names: &[&str], blind: &Blind) -> Result<Drum, Refused> {
    let candidates = names.iter().map(|name| Candidate { name, employer: None });
    Drum::fill(label("one"), candidates, blind)
}

#[test]
fn the_order_in_which_candidates_are_written_down_means_nothing() {
    let one = fill(&["a", "b", "c", "d"], &blind()).unwrap();
    let other = fill(&["d", "b", "a", "c"], &blind()).unwrap();
    assert_eq!(one.committed(), other.committed());
    let leaves: Vec<Hash> = one.entrants().iter().map(|it| it.leaf).collect();
    assert!(leaves.is_sorted());
    let of_a =
        |drum: &Drum, place| drum.entrants().iter().find(|it| it.place == place).map(|it| it.leaf);
    assert_eq!(of_a(&one, 0), of_a(&other, 2), "each leaf knows its candidate's place");
}

#[test]
fn a_candidate_has_one_leaf_in_a_draw_and_another_in_every_other() {
    let name = expert_id(1).to_string();
    let key = PoolKey::from_bytes([7; 32]);
    let salts = [
        Blind::keyed(&key, draw_id(1)).salt(&name),
        Blind::keyed(&key, draw_id(2)).salt(&name),
        Blind::keyed(&PoolKey::from_bytes([8; 32]), draw_id(1)).salt(&name),
        Blind::keyed(&key, draw_id(1)).salt(&expert_id(2).to_string()),
    ];
    for (at, salt) in salts.iter().enumerate() {
        assert!(salts[at + 1..].iter().all(|other| other != salt));
    }
    assert_eq!(blind().salt(&name), salts[0]);
    let [one, two] = ["roads", "bridges"].map(|name| drum(name, 1..=1, nobodys));
    assert_eq!(one.entrants()[0].leaf, two.entrants()[0].leaf);
}

#[test]
fn values_that_everybody_reads_have_a_salt_of_zeros() {
    assert_eq!(Blind::Open.salt("0.95"), Salt::from_bytes([0; 32]));
    let by_hand = Hash::of(&[b"sealbid/pool/v1\n".as_slice(), &[0; 32], b"0.95"].concat());
    assert_eq!(leaf(&Blind::Open.salt("0.95"), "0.95"), by_hand);
}

#[test]
fn nobody_has_two_tickets() {
    let twice = fill(&["a", "b", "a"], &blind()).map(|_| ());
    assert_eq!(twice, Err(Refused::Twice { label: label("one") }));
    assert_eq!(fill(&[], &blind()).unwrap().count(), 0);
}

#[test]
fn what_keys_and_drums_print_shows_nobody() {
    let shown = format!("{:?} {:?}", PoolKey::from_bytes([7; 32]), drum("one", 0..3, nobodys));
    assert_eq!(shown, "PoolKey(redacted) Drum(one, 3 leaves)");
    let keyed = format!("{:?}", blind());
    assert!(!keyed.contains("07, 07") && !keyed.contains("0707"), "{keyed}");
}

#[test]
fn an_exclusion_is_bound_to_its_reason() {
    let salt = blind().salt("a");
    let leaves = EXCLUSION_REASONS.map(|reason| exclusion_leaf(&salt, reason, "a"));
    for (at, one) in leaves.iter().enumerate() {
        assert!(!leaves[at + 1..].contains(one) && *one != leaf(&salt, "a"));
    }
    let root = exclusions_root(leaves.to_vec());
    assert_eq!(root, exclusions_root(leaves.iter().rev().copied().collect()), "in one order");
    let less = exclusions_root(leaves[1..].to_vec());
    assert_ne!(root, less, "an exclusion added later is another root");
    let codes = EXCLUSION_REASONS.map(ExclusionReason::code);
    let json = EXCLUSION_REASONS.map(|reason| serde_json::to_value(reason).unwrap());
    assert_eq!(codes.map(serde_json::Value::from), json);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_leaf_is_shown_at_its_place_and_no_other(size in 1_u32..70, at: prop::sample::Index) {
        let drum = drum("one", 0..size, |it| Some(body(it.into())));
        let pool = drum.committed();
        let index = at.index(size.try_into().unwrap()) as u64;
        let proof = drum.prove(index).unwrap();
        let shown = |leaf: &Hash, index: u64| {
            let leaf = leaf_hash(leaf.as_bytes());
            verify_inclusion(&leaf, index, pool.count.into(), &pool.root, &proof).is_ok()
        };
        let leaf = drum.entrant(index).unwrap().leaf;
        prop_assert!(shown(&leaf, index));
        prop_assert!(!shown(&Hash::of(b"a friend"), index));
        prop_assert!(size == 1 || !shown(&leaf, (index + 1) % u64::from(size)));
        prop_assert!(drum.prove(size.into()).is_err());
    }
}
