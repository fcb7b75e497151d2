//! Is every state and every act of a unit decided, and every instant from deadline to opening?

use sealbid::clock::Time;
use sealbid::crypto::hash::Hash;
use sealbid::ids::UnitId;
use sealbid::opening::rules::{
    AmendmentFault, FREEZE_MS, Facts, Failure, OutOfOrder, Step, Terms, UNIT_ACTS, UNIT_STATES,
    UnitAct, UnitState, due, has_lapsed, is_freeze, next, quorum_time, release_from,
    word_awaited_until,
};
use sealbid::tender::statements::{Amendment, AmendmentReason, ReleaseBy};

/// One line for each state, one column for each act: the state after, or a dash.
const TABLE: &str = "
           take-effect lapse  propose-close drop-close close  open   void
proposed   open        lapsed -             -          -      -      void
lapsed     -           -      -             -          -      -      -
open       -           -      closing       -          -      -      void
closing    -           -      -             open       closed -      void
closed     -           -      -             -          -      opened void
opened     -           -      -             -          -      -      -
void       -           -      -             -          -      -      -
";

#[test]
fn every_state_and_act_is_decided_as_the_table_says() {
    let lines: Vec<&str> = TABLE.trim().lines().skip(1).collect();
    assert_eq!(lines.len(), UNIT_STATES.len());
    for (state, line) in UNIT_STATES.into_iter().zip(lines) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[0], state.code());
        assert_eq!(words.len(), UNIT_ACTS.len() + 1);
        for (act, word) in UNIT_ACTS.into_iter().zip(&words[1..]) {
            let expected = UnitState::of_code(word).ok_or(OutOfOrder { state, act });
            assert_eq!(next(state, act), expected, "{state:?} {act:?}");
        }
    }
}

#[test]
fn a_states_word_is_read_back_and_no_other_word_is() {
    for state in UNIT_STATES {
        assert_eq!(UnitState::of_code(state.code()), Some(state));
    }
    assert_eq!(UnitState::of_code("Open"), None);
    let refusal = next(UnitState::Void, UnitAct::Open).unwrap_err();
    assert_eq!(refusal.to_string(), "a unit that is void cannot Open");
}

const DEADLINE: Time = Time::from_millis(1_800_000_000_000);
/// When these facts' window is over and the hour of opening has come.
const OPENS: Time = DEADLINE.plus(12_000);

fn facts(state: UnitState) -> Facts {
    Facts {
        state,
        terms: Terms { deadline: DEADLINE, open_at: DEADLINE.plus(10_000), challenge_ms: 5_000 },
        release: ReleaseBy::Time,
        min: 2,
        t: 3,
        amending: false,
        outage_undecided: false,
        decided_through: DEADLINE,
        freeze: Some(64),
        lines: Some(2),
        window_from: Some(DEADLINE.plus(7_000)),
        open_challenges: 0,
        latest_cosignatures: vec![DEADLINE.plus(12_000); 3],
        ordered: false,
        suspended: false,
        releases: 0,
    }
}

/// The steps one millisecond before, at, and one after an instant.
fn around(at: Time, step: impl Fn(Time) -> Step) -> [Step; 3] {
    [-1, 0, 1].map(|millis| step(at.plus(millis)))
}

#[test]
fn a_close_is_proposed_at_the_deadline_and_not_a_millisecond_before() {
    let propose = Step::ProposeClose { size: 64 };
    let steps = around(DEADLINE, |now| due(&facts(UnitState::Open), now));
    assert_eq!(steps, [Step::Wait, propose, propose]);
}

#[test]
fn a_close_waits_until_everything_before_the_deadline_is_decided() {
    let propose = Step::ProposeClose { size: 64 };
    let steps = around(DEADLINE, |decided_through| {
        due(&Facts { decided_through, ..facts(UnitState::Open) }, DEADLINE.plus(9_000))
    });
    assert_eq!(steps, [Step::Wait, propose, propose]);
}

#[test]
fn nothing_closes_while_an_amendment_an_outage_or_the_freeze_is_open() {
    let now = DEADLINE.plus(1);
    let open = facts(UnitState::Open);
    let pending = Facts { amending: true, ..open.clone() };
    assert_eq!(due(&pending, now), Step::AskAmendment);
    assert_eq!(due(&pending, DEADLINE.plus(-1)), Step::AskAmendment);
    assert_eq!(due(&Facts { outage_undecided: true, ..open.clone() }, now), Step::Wait);
    assert_eq!(due(&Facts { freeze: None, ..open }, now), Step::Wait);
    assert_eq!(due(&facts(UnitState::Closing), now), Step::AskClose);
}

#[test]
fn an_amendment_is_given_up_a_minute_after_the_deadline_by_q_that_refused_it() {
    let at = DEADLINE.plus(FREEZE_MS);
    let lapsed =
        |refused| [-1, 0, 1].map(|millis| has_lapsed(refused, (5, 3), DEADLINE, at.plus(millis)));
    // n = 5, t = 3, q = 4: who is silent may be bound to it.
    assert_eq!([0, 3].map(lapsed), [[false; 3]; 2]);
    assert_eq!([4, 5].map(lapsed), [[false, true, true]; 2]);
}

const HOUR: i64 = 3_600_000;

#[test]
fn a_buyers_word_on_an_outage_is_waited_for_an_hour_at_most() {
    let until = |asked: i64, to_win: i64| {
        word_awaited_until(DEADLINE.plus(asked), DEADLINE, DEADLINE.plus(to_win)).since(DEADLINE)
    };
    assert_eq!(until(-HOUR, 48 * HOUR), HOUR, "an hour from the old deadline");
    assert_eq!(until(HOUR, 48 * HOUR), 2 * HOUR, "or from when it was asked");
    assert_eq!(until(0, HOUR / 2), HOUR / 2, "and never beyond what it was to win");
}

/// What an outage from one instant to another, in milliseconds after the deadline, may make of it.
fn moved(from: i64, until: i64, deadline: i64, open_at: i64) -> Option<AmendmentFault> {
    let [from, until] = [from, until].map(|millis| DEADLINE.plus(millis));
    let prev_sha256 = Hash::of(b"the unit");
    let amendment = Amendment {
        deadline: DEADLINE.plus(deadline),
        no: 1,
        open_at: DEADLINE.plus(open_at),
        prev_sha256,
        reason: AmendmentReason::Outage { from, until, text: "no power".to_owned() },
        unit_id: UnitId(Hash::of(b"unit")),
    };
    facts(UnitState::Open).terms.amended((0, prev_sha256), &amendment).err()
}

#[test]
fn an_outage_moves_a_deadline_that_it_touches_and_in_proportion() {
    let bad = Some(AmendmentFault::Outage);
    let around =
        |of: &dyn Fn(i64) -> Option<AmendmentFault>, at: i64| [-1, 0, 1].map(|off| of(at + off));
    // It began at the deadline at the latest.
    assert_eq!(around(&|from| moved(from, HOUR, 3 * HOUR, 4 * HOUR), 0), [None, None, bad]);
    // It ended two hours before the deadline at the earliest, and after it began.
    let ended = |until| moved(-3 * HOUR, until, HOUR, 2 * HOUR);
    assert_eq!(around(&ended, -2 * HOUR), [bad, bad, None]);
    assert_eq!(around(&|until| moved(-1000, until, HOUR, 2 * HOUR), -1000), [bad, bad, None]);
    // Two weeks behind its end at the latest, and no further from its opening than it was.
    let most = 14 * 24 * HOUR;
    assert_eq!(around(&|to| moved(-HOUR, HOUR, to, to), most + HOUR), [None, None, bad]);
    assert_eq!(around(&|open| moved(-HOUR, HOUR, 3 * HOUR, open), 5 * HOUR), [None, None, bad]);
}

#[test]
fn release_is_asked_once_t_cosigned_the_later_of_opening_and_windows_end() {
    let at = |from: Time, terms: Terms, window_from: Time| {
        around(from, |time| {
            let latest_cosignatures = vec![time, from.plus(-1), time, time];
            let window_from = Some(window_from);
            let closed = facts(UnitState::Closed);
            let now = from.plus(60_000);
            due(&Facts { terms, window_from, latest_cosignatures, ..closed }, now)
        })
    };
    let terms = facts(UnitState::Closed).terms;
    let expected = [Step::Wait, Step::AskRelease, Step::AskRelease];
    // The window ends 2 s after the hour of opening.
    assert_eq!(at(DEADLINE.plus(12_000), terms, DEADLINE.plus(7_000)), expected);
    // The hour of opening is 2 s after the window's end.
    assert_eq!(at(DEADLINE.plus(10_000), terms, DEADLINE.plus(3_000)), expected);
    assert_eq!(release_from(&terms, DEADLINE.plus(3_000)), DEADLINE.plus(10_000));
}

#[test]
fn nothing_is_asked_voided_or_opened_before_the_platforms_own_clock_says_so() {
    let closed = facts(UnitState::Closed);
    let cases = [
        (closed.clone(), Step::AskRelease),
        (Facts { releases: 3, ..closed.clone() }, Step::Open),
        (Facts { lines: Some(0), ..closed.clone() }, Step::Void(Failure::TooFew)),
        (Facts { open_challenges: 1, ..closed }, Step::Void(Failure::Challenge)),
    ];
    for (facts, step) in cases {
        assert_eq!(around(OPENS, |now| due(&facts, now)), [Step::Wait, step, step]);
    }
}

#[test]
fn fewer_than_t_cosignatures_of_the_hour_release_nothing() {
    let latest_cosignatures = vec![DEADLINE.plus(12_000); 2];
    let closed = Facts { latest_cosignatures, ..facts(UnitState::Closed) };
    assert_eq!(due(&closed, DEADLINE.plus(60_000)), Step::Wait);
    let no_window = Facts { window_from: None, ..facts(UnitState::Closed) };
    assert_eq!(due(&no_window, DEADLINE.plus(60_000)), Step::Wait);
}

#[test]
fn a_closed_unit_opens_with_t_releases_and_not_with_one_less() {
    let step = |releases| due(&Facts { releases, ..facts(UnitState::Closed) }, OPENS);
    assert_eq!([step(2), step(3), step(4)], [Step::AskRelease, Step::Open, Step::Open]);
}

#[test]
fn a_unit_below_its_minimum_is_void_and_one_at_it_is_not() {
    let step = |lines| due(&Facts { lines: Some(lines), ..facts(UnitState::Closed) }, OPENS);
    let void = Step::Void(Failure::TooFew);
    assert_eq!([step(0), step(1), step(2)], [void, void, Step::AskRelease]);
}

#[test]
fn a_challenge_nobody_answered_voids_only_after_the_window() {
    let open = Facts { open_challenges: 1, ..facts(UnitState::Closed) };
    assert_eq!(due(&open, OPENS), Step::Void(Failure::Challenge));
    let early = Facts { latest_cosignatures: vec![DEADLINE.plus(11_999); 5], ..open };
    assert_eq!(due(&early, OPENS), Step::Wait);
}

#[test]
fn a_suspension_or_a_missing_order_holds_the_release_back() {
    let closed = facts(UnitState::Closed);
    assert_eq!(due(&Facts { suspended: true, ..closed.clone() }, OPENS), Step::Wait);
    let by_order = Facts { release: ReleaseBy::Order, ..closed };
    assert_eq!(due(&by_order, OPENS), Step::Wait);
    assert_eq!(due(&Facts { ordered: true, ..by_order }, OPENS), Step::AskRelease);
}

#[test]
fn nothing_is_due_before_effect_and_after_the_end() {
    use UnitState::{Lapsed, Opened, Proposed, Void};
    for state in [Proposed, Lapsed, Opened, Void] {
        assert_eq!(due(&facts(state), DEADLINE.plus(60_000)), Step::Wait, "{state:?}");
    }
}

#[test]
fn a_checkpoint_freezes_within_a_minute_of_the_deadline_by_q_cosignatures_each_after_it() {
    let q = 4;
    let with = |last: i64| {
        let mut times = vec![DEADLINE; 3];
        times.push(DEADLINE.plus(last));
        is_freeze(&times, q, DEADLINE)
    };
    assert_eq!([-1, 0, 1].map(with), [false, true, true]);
    assert_eq!([FREEZE_MS - 1, FREEZE_MS, FREEZE_MS + 1].map(with), [true, true, false]);
    assert_eq!(quorum_time(&[DEADLINE.plus(2), DEADLINE], 2), Some(DEADLINE.plus(2)));
    assert_eq!(quorum_time(&[DEADLINE], 2), None);
    assert_eq!(quorum_time(&[DEADLINE], 0), None);
}
