//! Does the seed follow from what was sealed, and does nobody gain by silence or by spoiling?

use std::collections::BTreeSet;

use sealbid::bid::statements::{BlobRef, Fault, Manifest};
use sealbid::clock::Time;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::Statement;
use sealbid::draw::rules::seed::{
    Decrypted, LOST_MS, Line, Lost, Settled, barred, key_of, seed, settle, value_of,
};
use sealbid::draw::statements::{
    Contribution, ContributionFault, Contributor, Draw, UnopenedLine, VoidedBy,
};

use super::{drum, everybody, expert_draw, nobodys, stratum, unit_id};
use crate::opening_world::{id, platform_key, roster, who};

fn draw() -> Draw {
    expert_draw(vec![stratum("roads", 5, 2)], &[drum("roads", 0..50, nobodys)], None)
}

fn value(number: u8) -> Hash {
    Hash::from_bytes([number; 32])
}

fn line(contributor: Contributor, value: Result<Hash, ContributionFault>) -> Line {
    Line { contributor, seq: 1, value }
}

/// Everybody's line: the first contributor's value is 1.
fn lines() -> Vec<Line> {
    everybody().into_iter().zip(1..).map(|(who, it)| line(who, Ok(value(it)))).collect()
}

const T: usize = 3;

#[test]
fn the_seed_is_the_hash_of_draw_close_and_values_in_order() {
    let (draw, close) = (Hash::of(b"draw"), Hash::of(b"close"));
    let parts: [&[u8]; 5] =
        [b"sealbid/draw-seed/v1\n", draw.as_bytes(), close.as_bytes(), &[1; 32], &[2; 32]];
    assert_eq!(seed(&draw, &close, &[value(1), value(2)], None), Hash::of(&parts.concat()));
    let seeds = [
        seed(&draw, &close, &[value(1), value(2)], None),
        seed(&draw, &close, &[value(2), value(1)], None),
        seed(&draw, &close, &[value(1)], None),
        seed(&close, &draw, &[value(1), value(2)], None),
        seed(&draw, &close, &[value(1), value(2)], Some(&value(3))),
        seed(&draw, &close, &[value(1), value(2)], Some(&value(4))),
    ];
    assert_eq!(seeds.iter().collect::<BTreeSet<_>>().len(), seeds.len());
}

#[test]
fn values_count_in_the_draws_order_however_the_close_sorts_them() {
    let expected: Vec<(Contributor, Hash)> =
        everybody().into_iter().zip((1..).map(value)).collect();
    let mut turned = lines();
    turned.reverse();
    assert_eq!(settle(&draw(), &lines(), T, Lost::Awaited), Settled::Drawn(expected.clone()));
    assert_eq!(settle(&draw(), &turned, T, Lost::Awaited), Settled::Drawn(expected));
}

#[test]
fn whoever_is_silent_is_left_out_and_hinders_nobody() {
    let mut some = lines();
    // Two custodians and the buyer.
    some.retain(|it| ![1, 2, 6].map(|at| Ok(value(at))).contains(&it.value));
    let Settled::Drawn(values) = settle(&draw(), &some, T, Lost::Awaited) else {
        panic!("{some:?}")
    };
    assert!(values.into_iter().map(|(_, it)| it).eq([3, 4, 5, 7].map(value)));
}

#[test]
fn with_fewer_custodians_than_open_there_is_no_seed() {
    let mut some = lines();
    some.drain(..3);
    let present = everybody()[3..].to_vec();
    assert_eq!(settle(&draw(), &some, T, Lost::Awaited), Settled::FewCustodians(present));
    assert_eq!(settle(&draw(), &[], T, Lost::Awaited), Settled::FewCustodians(Vec::new()));
}

/// Were it left out instead, its sealer could choose: let it open, or have the seed without it.
#[test]
fn one_that_does_not_open_voids_the_draw() {
    let mut some = lines();
    some[5].value = Err(ContributionFault::WrongSecret);
    let expected = Settled::Unopened(vec![(5, ContributionFault::WrongSecret)]);
    assert_eq!(settle(&draw(), &some, T, Lost::Awaited), expected);
}

/// A platform that has seen the seed could otherwise lose an envelope and have another one.
#[test]
fn nothing_is_drawn_before_a_lost_contribution_is_brought_again_or_given_up() {
    let mut some = lines();
    some[2].value = Err(ContributionFault::Lost);
    assert_eq!(settle(&draw(), &some, T, Lost::Awaited), Settled::Missing(vec![2]));
    let given_up = Settled::Unopened(vec![(2, ContributionFault::Lost)]);
    assert_eq!(settle(&draw(), &some, T, Lost::GivenUp), given_up);
    // A spoilt one beside it voids the draw whatever is brought again.
    some[0].value = Err(ContributionFault::Garbage);
    let both = vec![(0, ContributionFault::Garbage), (2, ContributionFault::Lost)];
    assert_eq!(settle(&draw(), &some, T, Lost::Awaited), Settled::Unopened(both));
    let from = Time::from_millis(1);
    assert_eq!(Lost::since(from, from.plus(LOST_MS - 1)), Lost::Awaited);
    assert_eq!(Lost::since(from, from.plus(LOST_MS)), Lost::GivenUp);
}

#[test]
fn a_stranger_a_double_and_a_superseded_line_void_the_draw() {
    let stranger = Contributor::ProcuringEntity(who(7).0);
    let mut some = lines();
    some.push(line(stranger, Ok(value(9))));
    let found = |lines: &[Line]| match settle(&draw(), lines, T, Lost::Awaited) {
        Settled::Unopened(found) => found,
        other => panic!("{other:?}"),
    };
    assert_eq!(found(&some), [(7, ContributionFault::Stranger)]);
    let mut some = lines();
    some.push(line(everybody()[0].clone(), Ok(value(9))));
    let doubled = ContributionFault::Doubled;
    assert_eq!(found(&some), [(0, doubled.clone()), (7, doubled)]);
    some[7].seq = 2;
    assert_eq!(found(&some), [(0, ContributionFault::Superseded)]);
}

fn contribution() -> (Hash, Manifest, Contribution) {
    let draw_sha256 = Statement::new(draw()).unwrap().sha256();
    let bid_id = format!("bid_{:032x}", 1).parse().unwrap();
    let manifest = Manifest {
        bid: BlobRef { sha256: Hash::of(b"bid"), size: 3 },
        bid_id,
        prev_sha256: None,
        seal_recipient: String::new(),
        seq: 1,
        shares: Vec::new(),
        unit_id: unit_id(1),
    };
    let contribution = Contribution {
        bid_id,
        contributor: Contributor::Custodian(id(1)),
        draw_sha256,
        seq: 1,
        unit_id: unit_id(1),
        value: value(1),
    };
    (draw_sha256, manifest, contribution)
}

#[test]
fn a_value_counts_for_the_draw_that_it_was_sealed_for() {
    let (draw, manifest, right) = contribution();
    let signer = right.contributor.clone();
    let judged =
        |it: Contribution| value_of(&draw, &manifest, &signer, Decrypted::Contribution(it));
    assert_eq!(judged(right.clone()), Ok(value(1)));
    for wrong in [
        Contribution { draw_sha256: Hash::of(b"other pools"), ..right.clone() },
        Contribution { unit_id: unit_id(2), ..right.clone() },
        Contribution { seq: 2, ..right.clone() },
        Contribution { bid_id: format!("bid_{:032x}", 2).parse().unwrap(), ..right.clone() },
    ] {
        assert_eq!(judged(wrong), Err(ContributionFault::WrongBinding));
    }
    let garbage = Decrypted::Not(ContributionFault::Garbage);
    let judged = value_of(&draw, &manifest, &signer, garbage);
    assert_eq!(judged, Err(ContributionFault::Garbage));
}

#[test]
fn a_copied_envelope_names_its_author() {
    let (draw, manifest, of_c1) = contribution();
    let copier = Contributor::Platform;
    let found = value_of(&draw, &manifest, &copier, Decrypted::Contribution(of_c1));
    let author = Contributor::Custodian(id(1));
    assert_eq!(found, Err(ContributionFault::Copied { author }));
}

#[test]
fn a_contribution_prints_nothing_of_its_value() {
    let shown = format!("{:?}", contribution().2);
    assert!(shown.contains("c1") && !shown.contains("0101"), "{shown}");
}

fn unopened(contributor: Contributor, fault: ContributionFault) -> UnopenedLine {
    let (line, salt) = (Hash::of(b"line"), Hash::of(b"salt"));
    UnopenedLine { contributor, fault, line, manifest: String::new(), salt }
}

#[test]
fn whoever_spoils_is_barred_and_whoever_the_platform_lost_is_not() {
    let [c1, c2] = [1, 2].map(|it| Contributor::Custodian(id(it)));
    let lines = vec![
        unopened(c2.clone(), ContributionFault::BadShare { custodian: id(1) }),
        unopened(c1, ContributionFault::Lost),
        unopened(c2.clone(), ContributionFault::Doubled),
    ];
    let by = VoidedBy::Unopened { close_sha256: Hash::of(b"close"), lines };
    assert_eq!(barred(&by), [c2, Contributor::Platform]);
    let nobodys = VoidedBy::Unit { void_sha256: Hash::of(b"void") };
    assert_eq!(barred(&nobodys), []);
}

#[test]
fn each_fault_has_one_who_answers_for_it() {
    use ContributionFault as It;
    let author = Contributor::Platform;
    for sealers in [
        It::Copied { author },
        It::Garbage,
        It::WrongBinding,
        It::BadShare { custodian: id(1) },
        It::WrongSecret,
        It::BadCiphertext,
        It::Doubled,
    ] {
        assert_eq!(sealers.fault(), Fault::Bidder, "{sealers:?}");
    }
    for platforms in [It::Superseded, It::Lost, It::Stranger] {
        assert_eq!(platforms.fault(), Fault::Platform, "{platforms:?}");
    }
}

#[test]
fn each_contributor_signs_with_the_key_that_the_roster_knows() {
    let (roster, buyer) = (roster(), who(0).1);
    let body = roster.body();
    let key = |it: &Contributor| key_of(it, body, buyer.verifying()).cloned();
    let member = &body.custodians[0];
    assert_eq!(key(&Contributor::Custodian(id(1))), Some(member.statement_key.clone()));
    assert_eq!(key(&Contributor::Platform), Some(platform_key().verifying().clone()));
    assert_eq!(key(&Contributor::ProcuringEntity(who(0).0)), Some(buyer.verifying().clone()));
    assert_eq!(key(&Contributor::Custodian(id(9))), None);
}
