//! Is a committee lawful, and does everybody stay out whom the registers tie to the case?

use std::collections::BTreeSet;

use sealbid::clock::Time;
use sealbid::draw::refusal::Refused;
use sealbid::draw::rules::committee::{
    Committee, CommitteeRule, NoCommittee, check_filter, check_hour, check_seats, check_strata,
    need,
};
use sealbid::draw::rules::pool::{Drum, exclusion_leaf, exclusions_root, leaf};
use sealbid::draw::rules::recusal::{Concerned, Expert, Span, Tie, TieKind, exclusion, fits, sort};
use sealbid::draw::statements::{
    Criterion, Draw, ExclusionCount, ExclusionReason, Filter, Subject,
};
use sealbid::rulepack::committee::Recusal;
use sealbid::rulepack::{Pack, PackError};

use super::{
    blind, body, code, drum, expert_draw, expert_id, label, list, nobodys, stratum, value_draw,
};

/// TL37: odd, at least five, outside experts for two thirds.
const RULE: CommitteeRule = CommitteeRule { least: 5, outside: (2, 3) };

#[test]
fn a_committee_is_odd_large_enough_and_mostly_of_outside_experts() {
    let need = |members, representatives| need(&RULE, &Committee { members, representatives });
    assert_eq!(need(5, 0), Ok(5));
    assert_eq!(need(5, 1), Ok(4));
    assert_eq!(need(7, 2), Ok(5));
    assert_eq!(need(9, 3), Ok(6), "exactly two thirds");
    let few = |experts, members, needed| Err(NoCommittee::FewExperts { experts, members, needed });
    assert_eq!(need(5, 2), few(3, 5, 4));
    assert_eq!(need(7, 3), few(4, 7, 5));
    assert_eq!(need(5, 6), few(0, 5, 4));
    assert_eq!(need(6, 0), Err(NoCommittee::Even { members: 6 }));
    assert_eq!(need(3, 0), Err(NoCommittee::Small { members: 3, least: 5 }));
    assert_eq!(need(0, 0), Err(NoCommittee::Small { members: 0, least: 5 }));
    let all = CommitteeRule { least: 5, outside: (1, 1) };
    let own = Committee { members: 5, representatives: 1 };
    assert_eq!(sealbid::draw::rules::committee::need(&all, &own), few(4, 5, 5));
}

#[test]
fn the_strata_draw_the_experts_that_are_needed() {
    let strata = [stratum("roads", 3, 9), stratum("bridges", 2, 9)];
    assert_eq!(check_strata(5, &strata), Ok(()));
    for experts in [4, 6] {
        assert_eq!(check_strata(experts, &strata), Err(NoCommittee::Strata { drawn: 5, experts }));
    }
}

#[test]
fn anybody_sees_from_the_draw_whether_its_committee_is_lawful() {
    let draw = |members, representatives, no, k| {
        let strata = vec![stratum("roads", k, 2)];
        let drums = [drum("roads", 0..50, nobodys)];
        let mut draw = Draw { no, ..expert_draw(strata, &drums, None) };
        let Subject::Committee { lot, tender, .. } = draw.subject else { panic!("a committee") };
        draw.subject = Subject::Committee { lot, members, representatives, tender };
        check_seats(&draw, &RULE)
    };
    assert_eq!(draw(7, 2, 1, 5), Ok(()));
    assert_eq!(draw(7, 2, 1, 4), Err(NoCommittee::Strata { drawn: 4, experts: 5 }));
    assert_eq!(draw(7, 2, 2, 1), Ok(()), "what is empty is drawn later");
    assert_eq!(draw(6, 1, 2, 1), Err(NoCommittee::Even { members: 6 }));
    let few = NoCommittee::FewExperts { experts: 4, members: 7, needed: 5 };
    assert_eq!(draw(7, 3, 1, 4), Err(few));
    let values = value_draw(vec![stratum("k", 1, 0)], vec![list("k", &["0.95"])]);
    assert_eq!(check_seats(&values, &RULE), Ok(()));
}

/// The demonstration's pack, but counting as a government's purchases are counted.
fn pack() -> Pack {
    let demo = include_str!("../../../rulepacks/demo.toml");
    let text = demo
        .replace("value = 2, unit = \"hour\"", "value = 2, unit = \"working_day\"")
        .replace("weekend = []", "weekend = [\"saturday\", \"sunday\"]");
    assert_ne!(text, demo);
    Pack::parse(&text).unwrap()
}

/// An instant in China.
fn at(text: &str) -> Time {
    let stamp: jiff::Timestamp = format!("{text}+08:00").parse().unwrap();
    Time::from_millis(stamp.as_millisecond())
}

#[test]
fn the_packs_numbers_are_the_committees() {
    let pack = pack();
    assert_eq!(CommitteeRule::from(&pack.committee), RULE);
    let recusal = pack.recusal(at("2027-03-02T09:30:00")).unwrap();
    let expected = Recusal {
        look_back: at("2024-03-02T00:00:00"),
        drawn_most: 3,
        drawn_since: at("2027-01-31T00:00:00"),
        per_employer: Some(1),
    };
    assert_eq!(recusal, expected);
    let stated = Filter {
        look_back: expected.look_back,
        drawn_most: 3,
        drawn_since: expected.drawn_since,
        per_employer: Some(1),
        ..filter()
    };
    assert_eq!(check_filter(&stated, &expected), Ok(()));
    for wrong in [
        Filter { look_back: expected.look_back.plus(1), ..stated.clone() },
        Filter { drawn_most: 4, ..stated.clone() },
        Filter { drawn_since: expected.drawn_since.plus(1), ..stated.clone() },
        Filter { per_employer: None, ..stated.clone() },
    ] {
        assert_eq!(check_filter(&wrong, &expected), Err(Refused::Law));
    }
}

#[test]
fn no_committee_is_drawn_earlier_than_two_working_days_before_it_meets() {
    // A Tuesday: the weekend does not count.
    let earliest = pack().draw_from(at("2027-03-02T09:30:00")).unwrap();
    assert_eq!(earliest, at("2027-02-26T00:00:00"));
    assert_eq!(check_hour(earliest.plus(-1), earliest), Err(Refused::Early { earliest }));
    assert_eq!(check_hour(earliest, earliest), Ok(()));
    let demo = Pack::parse(include_str!("../../../rulepacks/demo.toml")).unwrap();
    assert_eq!(demo.draw_from(NINE), Ok(NINE.plus(-2 * HOUR)));
}

#[test]
fn a_pack_without_a_lawful_committee_is_refused() {
    let demo = include_str!("../../../rulepacks/demo.toml");
    for (from, to) in [
        ("share = 2", "share = 4"),
        ("whole = 3", "whole = 0"),
        ("[committee.least]\nvalue = 5", "[committee.least]\nvalue = 0"),
        ("most = 3", "most = 0"),
        ("start = \"evaluation\"", "start = \"deadline\""),
        ("[committee.look_back]\nyears = 3", "[committee.look_back]\nyears = 300"),
    ] {
        let text = demo.replace(from, to);
        assert!(text != demo && matches!(Pack::parse(&text), Err(PackError::Shape(_))), "{to}");
    }
}

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const NINE: Time = Time::from_millis(1_800_000_000_000);

fn filter() -> Filter {
    let criterion = |name, regions: &[&str], specialties: &[&str]| Criterion {
        label: label(name),
        regions: regions.iter().map(|it| code(it)).collect(),
        specialties: specialties.iter().map(|it| code(it)).collect(),
    };
    Filter {
        criteria: vec![
            criterion("roads", &["3401", "3402"], &["A0801"]),
            criterion("money", &[], &["B02", "B03"]),
        ],
        drawn_most: 2,
        drawn_since: NINE.plus(-30 * DAY),
        from: NINE,
        look_back: NINE.plus(-3 * 365 * DAY),
        per_employer: Some(1),
        until: NINE.plus(8 * HOUR),
    }
}

/// An expert for roads in Hefei, tied to nobody.
fn expert(number: u32) -> Expert {
    Expert {
        id: expert_id(number),
        specialties: vec![code("A080103")],
        region: code("340102"),
        employer: Some(body(1000 + u64::from(number))),
        ties: Vec::new(),
        sanctions: Vec::new(),
        drawn: Vec::new(),
        busy: Vec::new(),
    }
}

fn concerned() -> Concerned {
    Concerned {
        bodies: [1, 2, 3].map(body).into_iter().collect(),
        drawn_before: BTreeSet::from([expert_id(77)]),
    }
}

#[test]
fn a_code_stands_for_all_below_it_and_nothing_else() {
    let fitting = |change: fn(&mut Expert)| {
        let mut expert = expert(1);
        change(&mut expert);
        filter().criteria.iter().map(|it| fits(&expert, it)).collect::<Vec<_>>()
    };
    assert_eq!(fitting(|_| {}), [true, false]);
    assert_eq!(fitting(|it| it.specialties.push(code("B03"))), [true, true]);
    assert_eq!(fitting(|it| it.region = code("3402")), [true, false]);
    assert_eq!(fitting(|it| it.region = code("340302")), [false, false]);
    assert_eq!(fitting(|it| it.region = code("34")), [false, false], "above is not below");
    assert_eq!(fitting(|it| it.specialties = vec![code("A08")]), [false, false]);
    assert_eq!(fitting(|it| it.specialties.clear()), [false, false]);
    assert!("a08".parse::<sealbid::draw::statements::Code>().is_err());
    assert!("".parse::<sealbid::draw::statements::Code>().is_err());
}

fn reason(change: impl FnOnce(&mut Expert)) -> Option<ExclusionReason> {
    let mut expert = expert(1);
    change(&mut expert);
    exclusion(&expert, &filter(), &concerned())
}

fn tied(to: u64, kind: TieKind) -> Option<ExclusionReason> {
    reason(|it| it.ties.push(Tie { body: body(to), kind }))
}

#[test]
fn every_reason_keeps_out_and_nothing_else_does() {
    use ExclusionReason as Why;
    assert_eq!(reason(|_| {}), None);
    assert_eq!(reason(|it| it.employer = None), None);
    assert_eq!(reason(|it| it.employer = Some(body(2))), Some(Why::Employer));
    assert_eq!(tied(2, TieKind::Kin), Some(Why::Kin));
    assert_eq!(tied(3, TieKind::Shareholding), Some(Why::Shareholding));
    assert_eq!(tied(4, TieKind::Kin), None, "a tie to a body that is not concerned");
    assert_eq!(reason(|it| it.id = expert_id(77)), Some(Why::DrawnBefore));
}

#[test]
fn a_former_employer_binds_to_the_end_of_the_look_back() {
    let until = |since: i64| tied(1, TieKind::Employed { until: filter().look_back.plus(since) });
    assert_eq!(until(-1), None);
    assert_eq!(until(0), Some(ExclusionReason::FormerEmployer));
    assert_eq!(until(1), Some(ExclusionReason::FormerEmployer));
}

#[test]
fn an_expert_sits_in_one_place_at_a_time() {
    let at = |from: i64, until: i64| Span { from: NINE.plus(from), until: NINE.plus(until) };
    let busy = |span| reason(|it| it.busy.push(span));
    assert_eq!(busy(at(-HOUR, 0)), None, "ends as this one begins");
    assert_eq!(busy(at(-HOUR, 1)), Some(ExclusionReason::Busy));
    assert_eq!(busy(at(8 * HOUR - 1, 9 * HOUR)), Some(ExclusionReason::Busy));
    assert_eq!(busy(at(8 * HOUR, 9 * HOUR)), None, "begins as this one ends");
    let sanctioned = |span| reason(|it| it.sanctions.push(span));
    assert_eq!(sanctioned(at(-DAY, DAY)), Some(ExclusionReason::Sanctioned));
    assert_eq!(sanctioned(at(-DAY, 0)), None);
}

#[test]
fn who_was_drawn_often_enough_rests() {
    let drawn = |times: &[i64]| {
        reason(|it| it.drawn = times.iter().map(|at| filter().drawn_since.plus(*at)).collect())
    };
    assert_eq!(drawn(&[0]), None);
    assert_eq!(drawn(&[0, DAY]), Some(ExclusionReason::DrawnTooOften));
    assert_eq!(drawn(&[-1, 0]), None, "before the period");
}

#[test]
fn the_first_reason_counts() {
    let both = reason(|it| {
        it.employer = Some(body(1));
        it.ties.push(Tie { body: body(1), kind: TieKind::Kin });
    });
    assert_eq!(both, Some(ExclusionReason::Employer));
}

#[test]
fn everybody_who_fits_is_in_a_pool_or_excluded_and_never_both() {
    let mut register: Vec<Expert> = (0..100).map(expert).collect();
    for (at, expert) in register.iter_mut().enumerate() {
        if at % 3 == 0 {
            expert.specialties.push(code("B0201"));
        }
        if at % 10 == 0 {
            expert.employer = Some(body(1));
        }
        if at % 10 == 1 {
            expert.ties.push(Tie { body: body(2), kind: TieKind::Kin });
        }
        if at % 10 == 2 {
            expert.specialties = vec![code("C01")];
        }
    }
    let sorted = sort(&register, &filter(), &concerned(), &blind()).unwrap();
    let places = |drum: usize| -> BTreeSet<usize> {
        sorted.drums[drum].entrants().iter().map(|it| it.place).collect()
    };
    let (roads, money) = (places(0), places(1));
    let excluded: BTreeSet<usize> = sorted.excluded.iter().map(|(place, _)| *place).collect();
    let of_none: BTreeSet<usize> = (0..100).filter(|it| it % 10 == 2).collect();
    // 77 sat before; it stands in the register.
    assert_eq!(excluded, (0..100).filter(|it| it % 10 < 2 || *it == 77).collect());
    assert!(excluded.is_disjoint(&roads) && excluded.is_disjoint(&money));
    assert!(money.is_subset(&roads) && !money.is_empty());
    let all: BTreeSet<usize> = [roads, excluded, of_none].into_iter().flatten().collect();
    assert!(all.into_iter().eq(0..100));
    let count = |count, reason| ExclusionCount { count, reason };
    assert_eq!(
        sorted.exclusions.counts,
        [
            count(10, ExclusionReason::Employer),
            count(10, ExclusionReason::Kin),
            count(1, ExclusionReason::DrawnBefore),
        ]
    );
    let name = |place: usize| register[place].id.to_string();
    let leaves = sorted.excluded.iter().map(|(place, reason)| {
        exclusion_leaf(&blind().salt(&name(*place)), *reason, &name(*place))
    });
    assert_eq!(sorted.exclusions.root, exclusions_root(leaves.collect()));
    for entrant in sorted.drums.iter().flat_map(Drum::entrants) {
        let name = name(entrant.place);
        assert_eq!(entrant.leaf, leaf(&blind().salt(&name), &name));
        assert_eq!(entrant.employer, register[entrant.place].employer);
    }
}

#[test]
fn one_expert_under_two_entries_is_refused() {
    let register = [expert(1), expert(2), expert(1)];
    let sorted = sort(&register, &filter(), &concerned(), &blind()).map(|_| ());
    assert_eq!(sorted, Err(Refused::Twice { label: label("roads") }));
}
