//! What buyers, operators and the regulator decide: histories that show what each rule about it is for.
//! Without the rule each breaks what it should, with it none breaks anything.

use sealbid::opening::rules::UnitState;
use sealbid::opening::statements::VoidReason;

use super::check::Broken;
use super::faults::{Rule, Rules};
use super::history::{Ask, By, Choice, Op, Rival, Submit, TAIL, Word};
use super::runs::{run, search, whole};

const PAST_THE_EDGE: Op = Op::AdvanceToEdge(2_000);
const STOP: Op = Op::Suspend { unit: 0, how: Word::Stop };
const LIFT: Op = Op::Suspend { unit: 0, how: Word::Lift };
const CANCEL: Op = Op::Cancel { unit: 0, by: By::Buyer };
const OUTAGE: Op = Op::Outage { unit: 0, with_buyer: false };

const fn bid(bidder: u8, unit: u8) -> Op {
    Op::Submit { bidder, unit, how: Submit::OnTime }
}

const fn ask(agent: u8, unit: u8, how: Ask) -> Op {
    Op::Release { agent, unit, how }
}

/// A unit that opens by its hour, and then.
fn one(then: &[&[Op]]) -> Vec<Op> {
    let begin = [Op::Register, Op::Register, Op::Publish { min: 0, sealed: false }, Op::Tick];
    [begin.as_slice(), &then.concat()].concat()
}

/// A lot of two envelopes, and then.
fn two(then: &[&[Op]]) -> Vec<Op> {
    let begin = [Op::Register, Op::Register, Op::PublishTwo { min: 0, sealed: false }, Op::Tick];
    [begin.as_slice(), &then.concat()].concat()
}

/// Past the deadline, until the close stands.
const CLOSE: [Op; 3] = [PAST_THE_EDGE, Op::Tick, Op::Tick];

fn breaks(rule: Rule, expected: Broken, ops: &[Op]) {
    assert_eq!(run(ops, Rules::without(rule)).err(), Some(expected));
    assert_eq!(run(ops, Rules::default()).err(), None);
}

#[test]
fn second_envelopes_open_by_their_hour_without_an_order() {
    let ops = two(&[&[bid(0, 1)], &TAIL]);
    breaks(Rule::OrderFirst, Broken::Unordered, &ops);
    search(Rule::OrderFirst, &[Broken::Unordered]);
}

#[test]
fn what_an_order_leaves_out_is_readable_unless_it_is_deleted_first() {
    let order = Op::Order { unit: 1, how: Choice::ButFirst };
    let ops = two(&[&[bid(0, 1), bid(1, 1)], &CLOSE, &[order], &TAIL]);
    breaks(Rule::LeftOutIsDeleted, Broken::UnreadKept, &ops);
    search(Rule::LeftOutIsDeleted, &[Broken::UnreadKept]);
}

#[test]
fn a_stop_that_nobody_heeds_releases() {
    let ops = one(&[&[bid(0, 0)], &CLOSE, &[STOP], &TAIL]);
    breaks(Rule::SuspensionStops, Broken::WhileSuspended, &ops);
    search(Rule::SuspensionStops, &[Broken::WhileSuspended]);
}

#[test]
fn a_release_that_a_stop_overtakes_is_recorded_after_it() {
    let order = Op::Order { unit: 1, how: Choice::All };
    let stop = Op::Suspend { unit: 1, how: Word::Stop };
    let race = [order, ask(0, 1, Ask::Slow), stop, Op::Tick];
    let ops = two(&[&[bid(0, 1)], &CLOSE, &TAIL, &race]);
    breaks(Rule::StopOvertakes, Broken::WhileSuspended, &ops);
}

#[test]
fn a_unit_that_is_cancelled_after_its_close_is_released_all_the_same() {
    let ops = one(&[&[bid(0, 0)], &CLOSE, &[CANCEL], &TAIL, &[ask(0, 0, Ask::Good)]]);
    breaks(Rule::CancelledBeforeItsClose, Broken::CancelledReleased, &ops);
    search(Rule::CancelledBeforeItsClose, &[Broken::CancelledReleased]);
}

#[test]
fn a_cancelled_unit_is_closed_all_the_same_by_those_that_forget_it() {
    let rival = Op::Rival { unit: 0, how: Rival::Early };
    let ops = one(&[&[bid(0, 0), CANCEL, PAST_THE_EDGE, Op::Tick, rival]]);
    breaks(Rule::CancellationIsKept, Broken::CancelledSigned, &ops);
    search(Rule::CancellationIsKept, &[Broken::CancelledSigned]);
}

#[test]
fn a_deadline_that_the_platform_slept_through_is_closed_unless_it_waits() {
    let slept = [bid(0, 0), Op::AdvanceToEdge(-1), Op::Down(10), Op::Tick, Op::Tick];
    breaks(Rule::DowntimeWaits, Broken::ClosedOverOutage, &one(&[&slept]));
    search(Rule::DowntimeWaits, &[Broken::ClosedOverOutage]);
}

#[test]
fn an_invented_outage_is_signed_by_those_that_believe_everything() {
    let awake = [Op::AdvanceTime(9_000), Op::Tick].repeat(2);
    let ops = one(&[&awake, &[Op::Rival { unit: 0, how: Rival::Outage }]]);
    breaks(Rule::OutageIsNoticed, Broken::InventedOutage, &ops);
    search(Rule::OutageIsNoticed, &[Broken::InventedOutage]);
}

#[test]
fn a_unit_that_operator_and_buyer_reopen_is_found_when_custodians_believe_them() {
    // The platform is back ten seconds after the deadline, and says nine later that it was down till now.
    let seen = [bid(0, 0), Op::AdvanceToEdge(-1), Op::Down(10), Op::Tick, Op::AdvanceTime(9_000)];
    let ops = one(&[&seen, &[Op::Rival { unit: 0, how: Rival::Reopening }]]);
    breaks(Rule::OutageIsNoticed, Broken::Reopened, &ops);
    search(Rule::OutageIsNoticed, &[Broken::Reopened]);
}

#[test]
fn a_close_of_t_custodians_takes_effect_where_q_are_not_asked_for() {
    // The witnesses' answers come in; two of those to the close do not.
    let lost = [[Op::Reordered; 5].as_slice(), &[Op::ResponseLost; 2]].concat();
    let ops = one(&[&[bid(0, 0), PAST_THE_EDGE], &lost, &[Op::Tick]]);
    breaks(Rule::QuorumsOverlap, Broken::FewSigned, &ops);
    search(Rule::QuorumsOverlap, &[Broken::FewSigned]);
}

#[test]
fn an_order_opens_what_it_chooses_and_nothing_more() {
    let order = Op::Order { unit: 1, how: Choice::ButFirst };
    let refused = [Choice::Foreign, Choice::OtherClose, Choice::Alone];
    let refused = refused.map(|how| Op::Order { unit: 1, how });
    let bids = [bid(0, 1), bid(1, 1), bid(0, 0)];
    let again = [Op::Order { unit: 1, how: Choice::All }, Op::Order { unit: 0, how: Choice::All }];
    let ops = two(&[&bids, &[order], &CLOSE, &refused, &[order], &again, &TAIL]);
    let world = whole(&ops);
    let [first, second] = [0, 1].map(|unit| world.row(&world.unit(unit).unwrap()));
    assert_eq!((first.state, second.state), (UnitState::Opened, UnitState::Opened));
    assert_eq!(first.opening.as_ref().unwrap().body().lines.len(), 1);
    assert_eq!(second.opening.as_ref().unwrap().body().lines.len(), 1);
}

#[test]
fn a_suspended_unit_opens_when_its_stop_is_lifted_and_takes_no_word_after() {
    let (old, stop) = (Op::Suspend { unit: 0, how: Word::Old }, [STOP]);
    let deaf = Op::Whisper { unit: 0, agent: 1, how: Word::Stop };
    let held = one(&[&[bid(0, 0)], &stop, &CLOSE, &[ask(2, 0, Ask::Good), deaf], &TAIL]);
    let world = whole(&held);
    let id = world.unit(0).unwrap();
    assert_eq!(world.row(&id).state, UnitState::Closed);
    assert!(world.agents.ledger.given.is_empty());
    let ops = [held.as_slice(), &[LIFT, old, Op::Tick, Op::Tick, STOP, LIFT]].concat();
    assert_eq!(whole(&ops).row(&id).state, UnitState::Opened);
}

#[test]
fn an_outage_moves_the_deadline_for_everybody_and_bids_stay() {
    let slept = [bid(0, 0), Op::AdvanceToEdge(-1), Op::Down(10)];
    // Before it is decided the second is late; then it is in time.
    let decided = [bid(1, 0), OUTAGE, Op::Tick, bid(1, 0)];
    let world = whole(&one(&[&slept, &decided, &TAIL, &TAIL]));
    let row = world.row(&world.unit(0).unwrap());
    assert_eq!((row.state, row.amendments.len()), (UnitState::Opened, 1));
    assert_eq!(row.opening.as_ref().unwrap().body().lines.len(), 2);
    assert!(row.terms.deadline > row.unit.body().deadline);
}

#[test]
fn an_outage_that_nobody_measured_or_that_comes_too_late_moves_nothing() {
    let world = whole(&one(&[&[OUTAGE, Op::Down(4), OUTAGE], &CLOSE, &[Op::Down(30), OUTAGE]]));
    let row = world.row(&world.unit(0).unwrap());
    assert_eq!((row.state, row.amendments.len()), (UnitState::Closed, 0));
    assert_eq!(row.terms.deadline, row.unit.body().deadline);
}

#[test]
fn a_cancelled_unit_ends_at_once_and_nothing_of_it_is_left() {
    let others = Op::Cancel { unit: 0, by: By::Operator };
    let after = [CANCEL, bid(1, 0), Op::Amend { unit: 0, by: 9 }, STOP, OUTAGE];
    let world = whole(&one(&[&[bid(0, 0), others, CANCEL], &after, &TAIL, &[Op::Peace]]));
    let row = world.row(&world.unit(0).unwrap());
    assert_eq!((row.state, row.void), (UnitState::Void, Some(VoidReason::Cancelled)));
    assert!(row.closed.is_none() && world.agents.ledger.given.is_empty());
}

/// With so many custodians away until the close, and so many after it.
fn with_away(roster: (u8, u8), until_close: u8, after: u8) -> UnitState {
    let (n, t) = roster;
    let lose = |away: u8| (0..away).map(Op::AgentLost).collect::<Vec<_>>();
    let begin = [Op::Custodians(n, t), Op::Register, Op::Publish { min: 0, sealed: false }];
    let (open, closed) = ([Op::Tick, bid(0, 0)], [Op::AdvanceTime(2_000), Op::Tick]);
    let ops = [&begin, open.as_slice(), &lose(until_close), &CLOSE, &closed, &lose(after), &TAIL];
    let world = whole(&ops.concat());
    world.row(&world.unit(0).unwrap()).state
}

#[test]
fn every_roster_closes_with_q_and_opens_with_t() {
    for (n, t, q) in [(4, 2, 3), (5, 3, 4), (7, 3, 5), (7, 5, 6)] {
        assert_eq!(with_away((n, t), n - q, n - t), UnitState::Opened, "{n} {t}");
        assert_eq!(with_away((n, t), n - q + 1, n - t), UnitState::Open, "{n} {t}");
        assert_eq!(with_away((n, t), n - q, n - t + 1), UnitState::Closed, "{n} {t}");
    }
}
