//! Is every draw refused that says less or other than a draw must?

use sealbid::crypto::hash::Hash;
use sealbid::draw::refusal::Refused;
use sealbid::draw::rules::pool::Drum;
use sealbid::draw::rules::statement::{check, check_unit};
use sealbid::draw::rules::strata::Shortage;
use sealbid::draw::statements::{
    Contributor, Draw, ExclusionCount, ExclusionReason, Register, Source, Subject,
};
use sealbid::tender::statements::{ReleaseBy, Unit};

use super::{
    code, drum, everybody, expert_draw, label, list, nobodys, stratum, unit, unit_id, value_draw,
};
use crate::opening_world::{id, roster};

fn draw() -> Draw {
    let drums = ["roads", "bridges"].map(|name| drum(name, 0..30, nobodys));
    expert_draw(vec![stratum("roads", 3, 2), stratum("bridges", 2, 1)], &drums, Some(2))
}

fn changed(change: impl FnOnce(&mut Draw)) -> Result<(), Refused> {
    let mut draw = draw();
    change(&mut draw);
    check(&draw)
}

fn register(change: impl FnOnce(&mut Register)) -> Result<(), Refused> {
    changed(|draw| {
        let Source::Register(register) = &mut draw.source else { panic!("experts") };
        change(register);
    })
}

#[test]
fn a_draw_as_it_must_be_is_taken() {
    assert_eq!(check(&draw()), Ok(()));
    let values = value_draw(vec![stratum("k", 1, 0)], vec![list("k", &["0.95", "0.96"])]);
    assert_eq!(check(&values), Ok(()));
}

#[test]
fn labels_are_distinct_and_the_same_everywhere() {
    for refused in [
        changed(|it| it.strata[1].label = label("roads")),
        changed(|it| it.pools.swap(0, 1)),
        changed(|it| drop(it.pools.pop())),
        changed(|it| (it.strata, it.pools) = (Vec::new(), Vec::new())),
        register(|it| it.filter.criteria.swap(0, 1)),
    ] {
        assert_eq!(refused, Err(Refused::Labels));
    }
    let of_two = value_draw(vec![stratum("k", 1, 0)], vec![list("other", &["0.95", "0.96"])]);
    assert_eq!(check(&of_two), Err(Refused::Labels));
    for text in ["", "Roads", "a/b", "a b", "道路", &"a".repeat(33)] {
        assert!(text.parse::<sealbid::draw::statements::Label>().is_err(), "{text}");
    }
}

#[test]
fn a_stratum_has_a_seat_and_no_more_than_a_walk_is_long() {
    let seats = |refused| Err(Refused::Seats { label: label(refused) });
    assert_eq!(changed(|it| it.strata[1].k = 0), seats("bridges"));
    assert_eq!(changed(|it| it.strata[0].reserves = 1 << 16), seats("roads"));
    assert_eq!(changed(|it| it.strata[0].reserves = u32::MAX), seats("roads"));
}

#[test]
fn a_pool_smaller_than_its_stratum_is_refused_and_never_padded() {
    let short = Shortage { label: label("roads"), there: 4, needed: 5 };
    assert_eq!(changed(|it| it.pools[0].count = 4), Err(Refused::Short(short)));
    assert_eq!(changed(|it| it.pools[0].count = 5), Ok(()));
}

#[test]
fn experts_are_drawn_for_committees_and_values_for_everything_else() {
    let title = "2026".to_owned();
    let sample = changed(|it| it.subject = Subject::AuditSample { title });
    assert_eq!(sample, Err(Refused::Source));
    let mut values = value_draw(vec![stratum("k", 1, 0)], vec![list("k", &["0.95", "0.96"])]);
    values.subject = draw().subject;
    assert_eq!(check(&values), Err(Refused::Source));
}

#[test]
fn a_filter_says_whom_it_takes() {
    for refused in [
        register(|it| it.filter.criteria[0].specialties.clear()),
        register(|it| it.filter.until = it.filter.from),
        register(|it| it.filter.look_back = it.filter.from.plus(1)),
        register(|it| it.filter.per_employer = Some(0)),
        register(|it| it.filter.drawn_most = 0),
        register(|it| it.libraries.clear()),
        register(|it| it.libraries.push(it.libraries[0])),
    ] {
        assert_eq!(refused, Err(Refused::Filter));
    }
    assert_eq!(register(|it| it.filter.criteria[0].regions.push(code("34"))), Ok(()));
}

#[test]
fn exclusions_are_counted_once_and_in_order() {
    let count = |count, reason| ExclusionCount { count, reason };
    let (kin, busy) = (ExclusionReason::Kin, ExclusionReason::Busy);
    let with = |counts: Vec<ExclusionCount>| register(|it| it.exclusions.counts = counts);
    assert_eq!(with(vec![count(3, kin), count(1, busy)]), Ok(()));
    for counts in [
        vec![count(1, busy), count(3, kin)],
        vec![count(1, kin), count(1, kin)],
        vec![count(0, kin)],
        vec![count(10_000 - 29, kin)],
    ] {
        assert_eq!(with(counts), Err(Refused::Exclusions));
    }
    assert_eq!(with(vec![count(10_000 - 30, kin)]), Ok(()), "a register of 10,000");
}

#[test]
fn the_pool_of_values_is_made_of_the_values() {
    let strata = || vec![stratum("k", 1, 0)];
    let values = || value_draw(strata(), vec![list("k", &["0.95", "0.96"])]);
    let of = |texts: &[&str]| {
        let lists = vec![list("k", texts)];
        check(&Draw { source: Source::Values { lists }, ..values() })
    };
    let other = Err(Refused::Values { label: label("k") });
    assert_eq!(of(&["0.96", "0.95"]), Ok(()), "in any order");
    assert_eq!(of(&["0.95", "0.97"]), other);
    assert_eq!(of(&["0.95"]), other);
    assert_eq!(of(&["0.95", "0.96", "0.97"]), other);
    assert_eq!(of(&["0.95", "0.95"]), Err(Refused::Twice { label: label("k") }));
    for text in ["", "a\nb", "a\u{202e}b", "e\u{301}", &"9".repeat(501)] {
        assert_eq!(of(&["0.95", text]), other, "{text:?}");
    }
}

fn judged(
    change: impl FnOnce(&mut Draw, &mut Unit),
    barred: &[Contributor],
) -> Result<(), Refused> {
    let (mut draw, mut unit) = (draw(), unit(1));
    change(&mut draw, &mut unit);
    check_unit(&draw, &unit, roster().body(), barred)
}

#[test]
fn contributions_are_sealed_for_a_unit_that_opens_by_itself() {
    assert_eq!(judged(|_, _| {}, &[]), Ok(()));
    let id_of = |draw: &mut Draw, unit: &Unit| draw.unit_id = unit.id().unwrap();
    for refused in [
        judged(|draw, _| draw.unit_id = unit_id(2), &[]),
        judged(
            |draw, unit| {
                unit.min = 2;
                id_of(draw, unit);
            },
            &[],
        ),
        judged(
            |draw, unit| {
                unit.release = ReleaseBy::Order;
                id_of(draw, unit);
            },
            &[],
        ),
    ] {
        assert_eq!(refused, Err(Refused::Unit));
    }
}

#[test]
fn nobody_is_left_out_of_the_contributors_and_nobody_is_added() {
    for refused in [
        judged(|it, _| drop(it.contributors.remove(0)), &[]),
        judged(|it, _| it.contributors.swap(0, 1), &[]),
        judged(|it, _| it.contributors.push(Contributor::Platform), &[]),
        judged(|it, _| drop(it.contributors.pop()), &[]),
    ] {
        assert_eq!(refused, Err(Refused::Contributors));
    }
}

#[test]
fn whoever_is_barred_contributes_no_more() {
    let [c1, c2, c3] = [1, 2, 3].map(|it| Contributor::Custodian(id(it)));
    let barred = Err(Refused::Barred { contributor: c2.clone() });
    assert_eq!(judged(|_, _| {}, std::slice::from_ref(&c2)), barred);
    let without = |who: Vec<Contributor>| {
        let left = everybody().into_iter().filter(|it| !who.contains(it)).collect();
        judged(|it, _| it.contributors = left, &who)
    };
    assert_eq!(without(vec![c2.clone(), Contributor::Platform]), Ok(()));
    let few = Err(Refused::FewCustodians { t: 3 });
    assert_eq!(without(vec![c1, c2, c3]), few, "two of five are left");
}

#[test]
fn an_altered_pool_is_another_draw() {
    let sha256 =
        |draw: &Draw| sealbid::crypto::statement::Statement::new(draw.clone()).unwrap().sha256();
    let one = draw();
    let mut other = draw();
    other.pools[0] = Drum::committed(&drum("roads", 1..31, nobodys));
    assert_ne!(sha256(&one), sha256(&other));
    assert_ne!(sha256(&one), Hash::of(b""));
}
