//! Is there another draw only where the one before came to nothing, or ran out?

use std::collections::BTreeSet;

use sealbid::clock::Time;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::Statement;
use sealbid::draw::refusal::Refused;
use sealbid::draw::rules::pool::Drum;
use sealbid::draw::rules::statement::{Earlier, Ended, barred_by, empty_seats, follows};
use sealbid::draw::rules::strata::draw as drawn;
use sealbid::draw::statements::{
    ContributionFault, Contributor, Draw, DrawResult, DrawVoid, Previous, RedrawReason, Stratum,
    Subject, UnopenedLine, VoidedBy,
};

use super::{draw_id, drum, expert_draw, nobodys, seed_of, stratum, unit_id};
use crate::opening_world::id;

fn drums(strata: &[Stratum]) -> Vec<Drum> {
    // No expert in two strata: nobody is passed over.
    let from = |it: &Stratum| if it.label.as_str() == "roads" { 0 } else { 30 };
    strata.iter().map(|it| drum(it.label.as_str(), from(it)..from(it) + 30, nobodys)).collect()
}

fn first() -> Draw {
    let strata = vec![stratum("roads", 2, 1), stratum("bridges", 1, 1)];
    let drums = drums(&strata);
    expert_draw(strata, &drums, None)
}

fn sha256(draw: &Draw) -> Hash {
    Statement::new(draw.clone()).unwrap().sha256()
}

const ENDED: Hash = Hash::from_bytes([9; 32]);

fn result(draw: &Draw) -> DrawResult {
    DrawResult {
        beacon_value: None,
        close_sha256: Hash::of(b"close"),
        contributions: Vec::new(),
        draw_sha256: sha256(draw),
        drawn_at: Time::from_millis(1),
        releases: Vec::new(),
        seed: seed_of(draw.no.into()),
        strata: drawn(&seed_of(draw.no.into()), &draw.strata, &drums(&draw.strata), None).unwrap(),
        unit_id: draw.unit_id,
    }
}

fn void(by: VoidedBy) -> DrawVoid {
    DrawVoid { by, draw_sha256: sha256(&first()), unit_id: unit_id(1) }
}

fn nothing() -> DrawVoid {
    void(VoidedBy::Unit { void_sha256: Hash::of(b"void") })
}

/// The draw with the next number and these seats.
fn next(before: &Draw, reason: RedrawReason, strata: &[Stratum]) -> Draw {
    let no = before.no + 1;
    let place = u8::try_from(no).unwrap();
    let previous = Previous { draw_sha256: sha256(before), ended_sha256: ENDED, reason };
    Draw {
        draw: draw_id(place),
        no,
        previous: Some(previous),
        unit_id: unit_id(place),
        ..expert_draw(strata.to_vec(), &drums(strata), None)
    }
}

fn earlier<'a>(draw: &'a Draw, ended: Ended<'a>) -> Earlier<'a> {
    Earlier { draw, draw_sha256: sha256(draw), ended, ended_sha256: ENDED }
}

fn refused(sets: [&[u16]; 2]) -> Vec<BTreeSet<u16>> {
    sets.map(|set| set.iter().copied().collect()).to_vec()
}

#[test]
fn the_first_is_number_one_and_follows_nothing() {
    assert_eq!(follows(&first(), &[]), Ok(()));
    assert_eq!(follows(&Draw { no: 2, ..first() }, &[]), Err(Refused::Chain));
    let second = next(&first(), RedrawReason::Voided, &first().strata);
    assert_eq!(follows(&Draw { no: 1, ..second }, &[]), Err(Refused::Chain));
}

#[test]
fn after_a_void_the_same_seats_are_drawn_under_the_next_number() {
    let (one, void) = (first(), nothing());
    let before = [earlier(&one, Ended::Void(&void))];
    let second = next(&one, RedrawReason::Voided, &one.strata);
    assert_eq!(follows(&second, &before), Ok(()));
    let with = |change: fn(&mut Draw)| {
        let mut it = second.clone();
        change(&mut it);
        follows(&it, &before)
    };
    for wrong in [
        with(|it| it.no = 3),
        with(|it| it.no = 1),
        with(|it| it.previous = None),
        with(|it| it.previous.as_mut().unwrap().draw_sha256 = ENDED),
        with(|it| it.previous.as_mut().unwrap().ended_sha256 = seed_of(1)),
        with(|it| it.draw = draw_id(1)),
        with(|it| it.unit_id = unit_id(1)),
    ] {
        assert_eq!(wrong, Err(Refused::Chain));
    }
    for wrong in [
        with(|it| it.previous.as_mut().unwrap().reason = RedrawReason::Exhausted),
        with(|it| it.subject = Subject::AuditSample { title: "2026".to_owned() }),
        with(|it| it.strata[0].k = 3),
        with(|it| drop(it.strata.pop())),
        with(|it| it.strata.swap(0, 1)),
    ] {
        assert_eq!(wrong, Err(Refused::Otherwise));
    }
    assert_eq!(with(|it| it.strata[0].reserves = 6), Ok(()), "reserves are nobody's seat");
}

#[test]
fn a_result_that_is_unwelcome_stands() {
    let one = first();
    let result = result(&one);
    for set in [refused([&[], &[]]), refused([&[0], &[1]]), Vec::new()] {
        let before = [earlier(&one, Ended::Result(&result, &set))];
        let second = next(&one, RedrawReason::Exhausted, &one.strata);
        assert_eq!(follows(&second, &before), Err(Refused::NoReason));
    }
}

#[test]
fn nobody_draws_twice_at_once() {
    let one = first();
    let before = [earlier(&one, Ended::UnderWay)];
    let second = next(&one, RedrawReason::Voided, &one.strata);
    assert_eq!(follows(&second, &before), Err(Refused::UnderWay));
}

#[test]
fn when_reserves_are_used_up_exactly_the_empty_seats_are_drawn() {
    let one = first();
    let result = result(&one);
    // Two of three refused for the roads: one seat is empty.
    let set = refused([&[0, 2], &[]]);
    let before = [earlier(&one, Ended::Result(&result, &set))];
    assert_eq!(empty_seats(&before), [(stratum("roads", 1, 0).label, 1)]);
    let second = |strata: &[Stratum]| next(&one, RedrawReason::Exhausted, strata);
    assert_eq!(follows(&second(&[stratum("roads", 1, 2)]), &before), Ok(()));
    for more in [
        vec![stratum("roads", 2, 1)],
        vec![stratum("roads", 1, 0), stratum("bridges", 1, 0)],
        vec![stratum("bridges", 1, 0)],
    ] {
        assert_eq!(follows(&second(&more), &before), Err(Refused::Otherwise));
    }
    let voided = next(&one, RedrawReason::Voided, &[stratum("roads", 1, 2)]);
    assert_eq!(follows(&voided, &before), Err(Refused::Otherwise));
}

#[test]
fn seats_are_counted_over_all_draws_for_one_subject() {
    let one = first();
    let of_one = result(&one);
    let two = next(&one, RedrawReason::Exhausted, &[stratum("roads", 1, 0)]);
    let of_two = result(&two);
    // The second filled the roads; since then both bridges' refused, of the first draw.
    let (set, later) = (refused([&[0, 2], &[0, 1]]), refused([&[], &[]]));
    let before = [
        earlier(&one, Ended::Result(&of_one, &set)),
        earlier(&two, Ended::Result(&of_two, &later)),
    ];
    let third = next(&two, RedrawReason::Exhausted, &[stratum("bridges", 1, 1)]);
    assert_eq!(follows(&third, &before), Ok(()));
    // A void in between changes nobody's seat.
    let void = nothing();
    let before = [before[0], earlier(&two, Ended::Void(&void))];
    let open = vec![stratum("roads", 1, 0), stratum("bridges", 1, 0)];
    assert_eq!(follows(&next(&two, RedrawReason::Voided, &open), &before), Ok(()));
}

#[test]
fn whoever_voided_a_draw_is_barred_from_all_that_follow() {
    let [c1, c2] = [1, 2].map(|it| Contributor::Custodian(id(it)));
    let by = |contributor: &Contributor| {
        let line = UnopenedLine {
            contributor: contributor.clone(),
            fault: ContributionFault::Garbage,
            line: Hash::of(b"line"),
            manifest: String::new(),
            salt: Hash::of(b"salt"),
        };
        void(VoidedBy::Unopened { close_sha256: Hash::of(b"close"), lines: vec![line] })
    };
    assert_eq!(barred_by(&[by(&c2), nothing(), by(&c1), by(&c2)]), [c1, c2]);
}
