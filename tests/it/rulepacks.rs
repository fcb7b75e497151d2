//! Are dates computed as the statutes count, to the millisecond, and explained?

use sealbid::clock::Time;
use sealbid::rulepack::calendar::{end_of, last_before};
use sealbid::rulepack::outage::{Window, after_outage};
use sealbid::rulepack::timeline::{
    Finding, Measure, Rule, Timeline, check_amendment, check_timeline,
};
use sealbid::rulepack::{Pack, PackError, Period, Start, Unit};
use sealbid::web::i18n::{Lang, say};

const DEMO: &str = include_str!("../../rulepacks/demo.toml");

/// A pack as the law counts, over China's National Day of 2026 with its make-up days.
fn law() -> Pack {
    let text = DEMO
        .replace("weekend = []", "weekend = [\"saturday\", \"sunday\"]")
        .replace(
            "days_off = []",
            "days_off = [\"2026-10-01\", \"2026-10-02\", \"2026-10-05\", \"2026-10-06\", \
             \"2026-10-07\", \"2026-09-25\"]",
        )
        .replace("working_days = []", "working_days = [\"2026-09-20\", \"2026-10-10\"]")
        .replace("[periods.issue_to_deadline]\nvalue = 10\nunit = \"second\"",
                 "[periods.issue_to_deadline]\nvalue = 20\nunit = \"calendar_day\"")
        .replace("[periods.documents_on_sale]\nvalue = 5\nunit = \"second\"",
                 "[periods.documents_on_sale]\nvalue = 5\nunit = \"working_day\"")
        .replace("[periods.amendment_to_deadline]\nvalue = 5\nunit = \"second\"",
                 "[periods.amendment_to_deadline]\nvalue = 15\nunit = \"calendar_day\"")
        .replace("[periods.objection_before_deadline]\nvalue = 3\nunit = \"second\"",
                 "[periods.objection_before_deadline]\nvalue = 10\nunit = \"calendar_day\"")
        .replace("deadline_after_recovery = { value = 20, unit = \"second\" }\nopening",
                 "deadline_after_recovery = { value = 2, unit = \"hour\" }\nopening")
        .replace("opening_after_recovery = { value = 30, unit = \"second\" }",
                 "opening_after_recovery = { value = 3, unit = \"hour\" }")
        .replace("near_recovery = { value = 20, unit = \"second\" }",
                 "near_recovery = { value = 2, unit = \"hour\" }")
        .replace("near_shift = { value = 20, unit = \"second\" }",
                 "near_shift = { value = 2, unit = \"hour\" }")
        .replace("long_outage = { value = 60, unit = \"second\" }",
                 "long_outage = { value = 2, unit = \"hour\" }\noffice_hours = { opens = \"09:00:00\", closes = \"17:00:00\" }")
        .replace("long_deadline_after_recovery = { value = 2, unit = \"minute\" }",
                 "long_deadline_after_recovery = { value = 24, unit = \"hour\" }")
        .replace("long_opening_after_recovery = { value = 3, unit = \"minute\" }",
                 "long_opening_after_recovery = { value = 25, unit = \"hour\" }");
    Pack::parse(&text).unwrap()
}

fn demo() -> Pack {
    Pack::parse(DEMO).unwrap()
}

/// An instant in China.
fn at(text: &str) -> Time {
    let stamp: jiff::Timestamp = format!("{}+08:00", text.replace(' ', "T")).parse().unwrap();
    Time::from_millis(stamp.as_millisecond())
}

fn period(value: u32, unit: Unit) -> Period {
    let article = "X1".to_owned();
    Period { value, unit, start: Start::Published, suspendable: false, article, verified: false }
}

#[test]
fn a_periods_end_is_counted_as_the_law_counts() {
    let table = [
        // The day of the start is not counted, whatever its hour.
        ("2026-11-02 00:00:00", 20, Unit::CalendarDay, "2026-11-23 00:00:00"), // 22nd is a Sunday
        ("2026-11-02 23:59:59.999", 20, Unit::CalendarDay, "2026-11-23 00:00:00"),
        ("2026-11-03 00:00:00", 20, Unit::CalendarDay, "2026-11-23 00:00:00"),
        ("2026-11-04 09:00:00", 20, Unit::CalendarDay, "2026-11-24 00:00:00"),
        // Ends in the holiday: over it to the first worked day.
        ("2026-09-11 09:00:00", 20, Unit::CalendarDay, "2026-10-08 00:00:00"),
        ("2026-09-18 09:00:00", 20, Unit::CalendarDay, "2026-10-08 00:00:00"),
        // Ends on a make-up Saturday: that is worked.
        ("2026-09-20 09:00:00", 20, Unit::CalendarDay, "2026-10-10 00:00:00"),
        // Working days across the holiday: 28, 29, 30 September, 8, 9 October.
        ("2026-09-24 09:00:00", 5, Unit::WorkingDay, "2026-10-09 00:00:00"),
        // And over the make-up Saturday.
        ("2026-09-30 09:00:00", 3, Unit::WorkingDay, "2026-10-10 00:00:00"),
        // A make-up Sunday counts.
        ("2026-09-18 09:00:00", 1, Unit::WorkingDay, "2026-09-20 00:00:00"),
        // Hours know no days off.
        ("2026-10-01 09:00:00", 2, Unit::Hour, "2026-10-01 11:00:00"),
        ("2026-10-01 09:00:00.001", 90, Unit::Second, "2026-10-01 09:01:30.001"),
        ("2026-10-01 09:00:00", 0, Unit::Minute, "2026-10-01 09:00:00"),
    ];
    for (start, value, unit, end) in table {
        let found = end_of(&law(), &period(value, unit), at(start)).unwrap();
        assert_eq!(found.at, at(end), "{value} {unit:?} from {start}: {}", found.at);
    }
}

#[test]
fn a_period_before_the_deadline_is_counted_backwards_and_never_shortened() {
    let table = [
        ("2026-11-24 09:00:00", 10, Unit::CalendarDay, "2026-11-14 23:59:59.999"),
        ("2026-10-11 09:00:00", 10, Unit::CalendarDay, "2026-10-01 23:59:59.999"),
        ("2026-10-12 09:00:00", 3, Unit::WorkingDay, "2026-10-08 23:59:59.999"),
        ("2026-10-12 09:00:00", 3, Unit::Hour, "2026-10-12 06:00:00"),
    ];
    for (deadline, value, unit, last) in table {
        let found = last_before(&law(), &period(value, unit), at(deadline)).unwrap();
        assert_eq!(found, at(last), "{value} {unit:?} before {deadline}: {found}");
    }
}

fn timeline(deadline: Time) -> Timeline {
    Timeline {
        published_at: at("2026-11-04 09:00:00"),
        documents_until: at("2026-11-11 17:00:00"),
        deadline,
        open_at: deadline,
        challenge_ms: 5_000,
        min_bidders: 3,
    }
}

fn find(findings: &[Finding], rule: Rule) -> &Finding {
    findings.iter().find(|f| f.rule == rule).unwrap()
}

#[test]
fn a_lawful_timeline_breaks_nothing() {
    let findings = check_timeline(&law(), &timeline(at("2026-11-24 09:00:00"))).unwrap();
    assert_eq!(findings.len(), 6);
    assert!(findings.iter().all(|f| f.ok), "{findings:#?}");
    assert!(findings.iter().all(|f| !f.verified && !f.article.is_empty()));
}

#[test]
fn each_rule_holds_from_its_exact_instant_on() {
    let first = at("2026-11-24 00:00:00");
    let sold = at("2026-11-11 00:00:00");
    for (off, ok) in [(-1, false), (0, true), (1, true)] {
        let judge = |change: &dyn Fn(&mut Timeline), rule| {
            let mut timeline = timeline(at("2026-11-24 09:00:00"));
            change(&mut timeline);
            let findings = check_timeline(&law(), &timeline).unwrap();
            find(&findings, rule).ok
        };
        assert_eq!(judge(&|t| t.deadline = first.plus(off), Rule::IssueToDeadline), ok, "{off}");
        assert_eq!(
            judge(&|t| t.documents_until = sold.plus(off), Rule::DocumentsOnSale),
            ok,
            "{off}"
        );
        assert_eq!(judge(&|t| t.challenge_ms = 5_000 + off, Rule::ChallengeWindow), ok, "{off}");
        let opened = judge(&|t| t.open_at = t.deadline.plus(off), Rule::Opening);
        assert_eq!(opened, off == 0, "{off}");
        let bidders = |t: &mut Timeline| t.min_bidders = u32::try_from(3 + off).unwrap();
        assert_eq!(judge(&bidders, Rule::MinBidders), ok, "{off}");
    }
}

#[test]
fn the_demo_pack_counts_seconds() {
    let issued = at("2026-10-01 12:00:00");
    for (off, ok) in [(-1, false), (0, true), (1, true)] {
        let timeline = Timeline {
            published_at: issued,
            documents_until: issued.plus(5_000),
            deadline: issued.plus(10_000 + off),
            open_at: issued.plus(10_000 + off),
            challenge_ms: 5_000,
            min_bidders: 3,
        };
        let findings = check_timeline(&demo(), &timeline).unwrap();
        assert_eq!(find(&findings, Rule::IssueToDeadline).ok, ok, "{off}");
        assert!(findings.iter().all(|f| f.ok || f.rule == Rule::IssueToDeadline));
    }
}

#[test]
fn an_opening_from_the_deadline_on_may_be_later_but_never_earlier() {
    let pack = Pack::parse(&DEMO.replace("\"at_deadline\"", "\"from_deadline\"")).unwrap();
    for (off, ok) in [(-1, false), (0, true), (1, true)] {
        let mut timeline = timeline(at("2026-11-24 09:00:00"));
        timeline.open_at = timeline.deadline.plus(off);
        let findings = check_timeline(&pack, &timeline).unwrap();
        assert_eq!(find(&findings, Rule::Opening).ok, ok, "{off}");
    }
}

#[test]
fn a_late_amendment_is_told_the_earliest_lawful_deadline() {
    let deadline = at("2026-11-24 09:00:00");
    // 15 days after the 9th is the 24th; after the 10th, the 25th.
    for (amended, ok, moved) in [
        ("2026-11-09 23:59:59.999", true, "2026-11-24 00:00:00"),
        ("2026-11-10 00:00:00", false, "2026-11-25 00:00:00"),
        ("2026-11-23 12:00:00", false, "2026-12-08 00:00:00"),
    ] {
        let finding = check_amendment(&law(), at(amended), deadline).unwrap();
        assert_eq!(finding.ok, ok, "{amended}");
        assert_eq!(finding.required, Measure::At(at(moved)), "{amended}");
        assert!(check_amendment(&law(), at(amended), at(moved)).unwrap().ok);
        assert!(!check_amendment(&law(), at(amended), at(moved).plus(-1)).unwrap().ok);
    }
    let demo_deadline = at("2026-11-24 09:00:00");
    for (before, ok) in [(4_999, false), (5_000, true), (5_001, true)] {
        let amended = demo_deadline.plus(-before);
        assert_eq!(check_amendment(&demo(), amended, demo_deadline).unwrap().ok, ok, "{before}");
    }
}

#[test]
fn an_outage_moves_exactly_the_deadlines_that_it_touches() {
    // Tuesday, one hour.
    let outage = Window { from: at("2026-11-24 09:00:00"), recovered: at("2026-11-24 10:00:00") };
    let table = [
        ("2026-11-24 08:59:59.999", None),
        ("2026-11-24 09:00:00", Some(("2026-11-24 12:00:00", "2026-11-24 13:00:00"))),
        ("2026-11-24 09:59:59.999", Some(("2026-11-24 12:00:00", "2026-11-24 13:00:00"))),
        ("2026-11-24 10:00:00", Some(("2026-11-24 12:00:00", "2026-11-24 12:00:00"))),
        ("2026-11-24 12:00:00", Some(("2026-11-24 14:00:00", "2026-11-24 14:00:00"))),
        ("2026-11-24 12:00:00.001", None),
    ];
    for (deadline, expected) in table {
        let old = at(deadline);
        let moved = after_outage(&law(), old, old, outage).unwrap();
        let found = moved.map(|m| (m.deadline, m.open_at));
        assert_eq!(found, expected.map(|(d, o)| (at(d), at(o))), "{deadline}");
    }
}

#[test]
fn an_outage_of_more_than_the_limit_gives_a_whole_day() {
    let from = at("2026-11-24 09:00:00");
    let deadline = at("2026-11-24 09:30:00");
    for (off, expected) in [
        (-1, ("2026-11-24 12:59:59.999", "2026-11-24 13:59:59.999")),
        (0, ("2026-11-24 13:00:00", "2026-11-24 14:00:00")),
        (1, ("2026-11-25 11:00:00.001", "2026-11-25 12:00:00.001")),
    ] {
        let outage = Window { from, recovered: at("2026-11-24 11:00:00").plus(off) };
        let moved = after_outage(&law(), deadline, deadline, outage).unwrap().unwrap();
        assert_eq!((moved.deadline, moved.open_at), (at(expected.0), at(expected.1)), "{off}");
    }
}

#[test]
fn a_new_deadline_past_office_hours_waits_for_the_next_working_day_at_the_same_hour() {
    let moved = |from: &str, recovered: &str, deadline: &str| {
        let outage = Window { from: at(from), recovered: at(recovered) };
        let moved = after_outage(&law(), at(deadline), at(deadline), outage).unwrap().unwrap();
        (moved.deadline, moved.open_at)
    };
    let both = |text: &str| (at(text), at(text));
    // 17:00 itself is still in hours.
    assert_eq!(
        moved("2026-11-24 14:00:00", "2026-11-24 15:00:00", "2026-11-24 14:30:00"),
        (at("2026-11-24 17:00:00"), at("2026-11-24 18:00:00"))
    );
    assert_eq!(
        moved("2026-11-24 14:00:00", "2026-11-24 15:00:00.001", "2026-11-24 14:30:00"),
        both("2026-11-25 14:30:00")
    );
    // A long outage that recovers on Friday lands on Saturday, so Monday.
    assert_eq!(
        moved("2026-11-27 09:00:00", "2026-11-27 12:00:00", "2026-11-27 09:30:00"),
        both("2026-11-30 09:30:00")
    );
    // In the night: the same morning is late enough.
    assert_eq!(
        moved("2026-11-24 09:00:00", "2026-11-25 03:00:00", "2026-11-24 09:30:00"),
        both("2026-11-26 09:30:00")
    );
}

#[test]
fn a_recovery_before_its_outage_is_refused() {
    let outage =
        Window { from: at("2026-11-24 09:00:00"), recovered: at("2026-11-24 08:59:59.999") };
    let deadline = at("2026-11-24 09:00:00");
    assert_eq!(after_outage(&law(), deadline, deadline, outage), Err(PackError::Range));
}

#[test]
fn every_date_is_explained_in_both_languages() {
    let mut timeline = timeline(at("2026-11-24 09:00:00"));
    timeline.published_at = at("2026-11-02 09:00:00");
    let findings = check_timeline(&law(), &timeline).unwrap();
    let because = &find(&findings, Rule::IssueToDeadline).because;
    assert_eq!(
        say(Lang::En, because),
        "2026-11-02 09:00:00.000 +08:00 starts the period; its day is not counted, and the last of \
         20 calendar days is 2026-11-22, a day off, so it moves to 2026-11-23 and 2026-11-23 \
         00:00:00.000 +08:00 is the earliest (demo 2 (as TL24))."
    );
    for finding in &findings {
        for lang in [Lang::Zh, Lang::En] {
            let said = say(lang, &finding.because);
            assert!(said.contains("demo "), "{said}");
        }
        assert!(matches!(
            finding.required,
            Measure::At(_) | Measure::Lasts(_) | Measure::Number(_)
        ));
    }
    let outage = Window { from: at("2026-11-24 08:00:00"), recovered: at("2026-11-24 10:00:00") };
    for deadline in ["2026-11-24 09:00:00", "2026-11-24 11:00:00", "2026-11-24 10:00:00"] {
        let moved = after_outage(&law(), at(deadline), at(deadline), outage).unwrap().unwrap();
        for lang in [Lang::Zh, Lang::En] {
            assert!(say(lang, &moved.because).contains("demo 9"), "{deadline}");
        }
    }
}

#[test]
fn a_pack_with_anything_unknown_missing_or_contradictory_is_refused() {
    let refused = |from: &str, to: &str| {
        assert!(DEMO.contains(from), "{from}");
        Pack::parse(&DEMO.replacen(from, to, 1)).err()
    };
    for (from, to) in [
        ("value = 5\n", "value = 5\nvalues = 5\n"),
        ("value = 5\n", "value = -5\n"),
        ("value = 5\n", "value = 5.5\n"),
        ("unit = \"second\"", "unit = \"day\""),
        ("verified = false\n", ""),
        ("article = \"demo 1 (as TR16)\"\n", ""),
        ("start = \"published\"", "start = \"deadline\""),
        (
            "near_shift = { value = 20, unit = \"second\" }",
            "near_shift = { value = 2, unit = \"working_day\" }",
        ),
        (
            "days_off = []\nworking_days = []",
            "days_off = [\"2026-10-10\"]\nworking_days = [\"2026-10-10\"]",
        ),
        ("days_off = []", "days_off = [\"2026-02-30\"]"),
        ("weekend = []", "weekend = [\"someday\"]"),
        ("[calendar]", "[kalender]"),
    ] {
        assert!(matches!(refused(from, to), Some(PackError::Shape(_))), "{to}");
    }
    assert!(matches!(refused("rulepack/v1", "rulepack/v2"), Some(PackError::Format(_))));
    assert!(matches!(refused("Asia/Shanghai", "Asia/Nowhere"), Some(PackError::Zone(_))));
}

#[test]
fn a_pack_is_named_by_its_bytes() {
    assert_eq!(demo().sha256, sealbid::crypto::hash::Hash::of(DEMO.as_bytes()));
    let changed = Pack::parse(&format!("{DEMO}\n")).unwrap();
    assert_ne!(changed.sha256, demo().sha256);
}

#[test]
fn dates_out_of_range_are_refused_and_do_not_hang() {
    let far = Time::from_millis(i64::MAX);
    let long = period(u32::MAX, Unit::WorkingDay);
    assert_eq!(end_of(&law(), &long, at("2026-11-24 09:00:00")), Err(PackError::Range));
    assert_eq!(last_before(&law(), &long, at("2026-11-24 09:00:00")), Err(PackError::Range));
    assert_eq!(end_of(&law(), &period(5, Unit::CalendarDay), far), Err(PackError::Range));
    let never = Pack::parse(&DEMO.replace(
        "weekend = []",
        "weekend = [\"monday\", \"tuesday\", \"wednesday\", \"thursday\", \"friday\", \"saturday\", \
         \"sunday\"]",
    ))
    .unwrap();
    let one = period(1, Unit::WorkingDay);
    assert_eq!(end_of(&never, &one, at("2026-11-24 09:00:00")), Err(PackError::Range));
    assert_eq!(last_before(&never, &one, at("2026-11-24 09:00:00")), Err(PackError::Range));
}
