//! Histories that show what a rule is for, shrunk, as literal lists: without the rule each breaks
//! what it should, with it none breaks anything.

use super::check::Broken;
use super::faults::{Rule, Rules};
use super::history::{Ask, Memory, Op, Rival, Submit};
use super::runs::run;

const BID: Op = Op::Submit { bidder: 0, unit: 0, how: Submit::OnTime };
const REPLAY: Op = Op::Submit { bidder: 0, unit: 0, how: Submit::Replayed };
const WITHDRAW: Op = Op::Withdraw { bidder: 0, unit: 0 };
const PAST_THE_EDGE: Op = Op::AdvanceToEdge(2_000);
const RIVAL: Op = Op::Rival { unit: 0, how: Rival::Without };
const RELEASE: Op = Op::Release { agent: 0, unit: 0, how: Ask::Good };

const fn publish(min: u8) -> Op {
    Op::Publish { min, sealed: false }
}

fn breaks(rule: Rule, expected: Broken, ops: &[Op]) {
    assert_eq!(run(ops, Rules::without(rule)).err(), Some(expected));
    assert_eq!(run(ops, Rules::default()).err(), None);
}

#[test]
fn an_agent_that_signs_whatever_comes_gives_two_closes() {
    let ops = [Op::Register, publish(0), Op::Tick, BID, PAST_THE_EDGE, Op::Tick, RIVAL];
    breaks(Rule::OneClose, Broken::TwoCloses, &ops);
}

#[test]
fn a_postponement_after_the_close_leaves_both_in_force() {
    let begin = [Op::Register, publish(0), Op::Tick, BID, PAST_THE_EDGE];
    // The witnesses' answers come in; two of those to the close do not, so it waits for a quorum.
    let lost = [[Op::Reordered; 5].as_slice(), &[Op::ResponseLost; 2]].concat();
    let race = [Op::Tick, Op::Amend { unit: 0, by: 30 }, Op::Tick];
    let ops: Vec<Op> = begin.into_iter().chain(lost).chain(race).collect();
    breaks(Rule::NothingMovesAfterAClose, Broken::ClosedBeforeAmendment, &ops);
}

#[test]
fn a_withdrawn_bid_is_back_when_the_close_forgets_withdrawals() {
    let ops =
        [Op::Register, publish(0), Op::Tick, BID, WITHDRAW, PAST_THE_EDGE, Op::Tick, Op::Tick];
    breaks(Rule::WithdrawnStaysOut, Broken::WithdrawnIn, &ops);
}

#[test]
fn a_withdrawn_bid_is_back_when_chains_forget_withdrawals() {
    let begin = [Op::Register, publish(0), Op::Tick, BID, WITHDRAW, REPLAY];
    let ops: Vec<Op> = begin.into_iter().chain([PAST_THE_EDGE, Op::Tick]).collect();
    breaks(Rule::ChainsContinue, Broken::WithdrawnIn, &ops);
}

#[test]
fn too_few_lines_are_released_by_an_agent_that_does_not_count() {
    let begin = [Op::Register, publish(2), Op::Tick, BID, PAST_THE_EDGE, Op::Tick, Op::Tick];
    let ops: Vec<Op> = begin.into_iter().chain([RELEASE]).collect();
    breaks(Rule::EnoughLines, Broken::TooFewLines, &ops);
}

#[test]
fn an_agent_restored_from_its_seed_with_a_slow_clock_signs_a_second_close() {
    let begin = [Op::Register, publish(0), Op::Tick, BID, PAST_THE_EDGE, Op::Tick];
    // It cosigns anew before anybody shows it what it signed in its life before.
    let lost = [Op::AgentRecovered(0, Memory::Lost(14)), Op::Tick];
    let restored = [lost.as_slice(), &[RIVAL, Op::AdvanceTime(14_000), RIVAL]].concat();
    let ops: Vec<Op> = begin.into_iter().chain(restored).collect();
    breaks(Rule::RecoveryIsKnown, Broken::SignedTwice, &ops);
}

#[test]
fn an_agent_that_wakes_with_an_older_clock_signs_a_second_close_on_its_own_word() {
    let begin = [Op::Register, publish(0), Op::Tick, BID, PAST_THE_EDGE, Op::Tick];
    let wakes = [Op::AgentRecovered(0, Memory::Lost(63)), Op::Tick, Op::AdvanceTime(20_000), RIVAL];
    let later = [Op::AdvanceTime(60_000), RIVAL];
    let ops: Vec<Op> = begin.into_iter().chain(wakes).chain(later).collect();
    breaks(Rule::RecoveryHasItsHour, Broken::SignedTwice, &ops);
}

#[test]
fn an_identity_leaves_early_without_the_hour() {
    let begin = [Op::Register, publish(0), Op::Tick, BID, PAST_THE_EDGE, Op::Tick, Op::Tick];
    let ops: Vec<Op> = begin.into_iter().chain([RELEASE]).collect();
    breaks(Rule::ReleaseHasItsHour, Broken::Early, &ops);
}

#[test]
fn an_identity_is_read_by_the_parties_without_its_level() {
    let begin = [Op::Register, publish(1), Op::Tick, BID];
    let ops: Vec<Op> = begin.into_iter().chain(super::history::TAIL).collect();
    breaks(Rule::IdentitiesStayInside, Broken::IdentityShown, &ops);
}

const fn whisper(agent: u8, told: bool) -> Op {
    Op::Challenge { bidder: 0, unit: 0, agent, whole: false, told }
}

#[test]
fn a_replaced_bids_receipt_shown_to_three_custodians_and_nobody_else_stops_a_unit_for_ever() {
    let begin = [Op::Register, publish(0), Op::Tick, BID, BID, PAST_THE_EDGE, Op::Tick, Op::Tick];
    let shown = [0, 1, 2].map(|agent| whisper(agent, false));
    let ops: Vec<Op> = begin.into_iter().chain(shown).chain([Op::Peace]).collect();
    breaks(Rule::ChallengesAreAskedFor, Broken::Stuck, &ops);
}

#[test]
fn a_postponement_that_all_signed_and_nobody_heard_of_stops_a_unit_when_it_is_dropped() {
    let begin = [Op::Register, publish(0), Op::Tick, BID, Op::AdvanceToEdge(-1)];
    let asked = [Op::Amend { unit: 0, by: 200 }];
    // The witnesses' answers come in; those to the amendment do not, and a minute passes.
    let lost = [[Op::Reordered; 5].as_slice(), &[Op::ResponseLost; 5]].concat();
    let later = [Op::Tick, Op::Restart, Op::AdvanceTime(62_000)];
    // After a restart each witness is first asked about a size that it has left behind.
    let again = [[Op::Reordered; 10].as_slice(), &[Op::RequestLost; 5], &[Op::Tick, Op::Peace]];
    let again = again.concat();
    let ops: Vec<Op> =
        begin.into_iter().chain(asked).chain(lost).chain(later).chain(again).collect();
    breaks(Rule::SilentMayBeBound, Broken::Stuck, &ops);
}
