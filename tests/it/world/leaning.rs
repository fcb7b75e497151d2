//! What matters to a rule, for histories that lean towards it.

use proptest::prelude::*;

use super::faults::Rule;
use super::history::{Ask, By, Choice, Memory, Op, Rival, Submit, Word};

/// What matters to a rule, for histories that lean towards it.
pub fn about(rule: Rule) -> BoxedStrategy<Op> {
    let submit = |how| (0..3u8).prop_map(move |bidder| Op::Submit { bidder, unit: 0, how });
    let on_time = submit(Submit::OnTime);
    let withdraw = (0..3u8).prop_map(|bidder| Op::Withdraw { bidder, unit: 0 });
    let past = Just(Op::AdvanceToEdge(2_000));
    let rival = prop_oneof![Just(Rival::Without), Just(Rival::Early)];
    let rival = rival.prop_map(|how| Op::Rival { unit: 0, how });
    let lost = (0..5u8, 5..15u8).prop_map(|(agent, s)| Op::AgentRecovered(agent, Memory::Lost(s)));
    let amend = (5..40u8).prop_map(|by| Op::Amend { unit: 0, by });
    let ask = |agent| Op::Release { agent, unit: 0, how: Ask::Good };
    match rule {
        Rule::OneClose => prop_oneof![on_time, past, rival].boxed(),
        Rule::NothingMovesAfterAClose => prop_oneof![on_time, past, amend].boxed(),
        Rule::WithdrawnStaysOut => prop_oneof![on_time, withdraw].boxed(),
        Rule::ChainsContinue => prop_oneof![on_time, withdraw, submit(Submit::Replayed)].boxed(),
        Rule::RecoveryIsKnown | Rule::RecoveryHasItsHour => {
            let passes = (5_000..15_000u16).prop_map(Op::AdvanceTime);
            prop_oneof![1 => on_time, 1 => past, 2 => rival, 2 => lost, 1 => passes].boxed()
        }
        Rule::SilentMayBeBound => prop_oneof![
            on_time,
            past,
            amend,
            Just(Op::ResponseLost),
            Just(Op::Restart),
            Just(Op::AdvanceTime(60_000))
        ]
        .boxed(),
        Rule::ChallengesAreAskedFor => {
            let challenge = (0..3u8, 0..5u8, any::<bool>()).prop_map(|(bidder, agent, told)| {
                Op::Challenge { bidder, unit: 0, agent, whole: false, told }
            });
            prop_oneof![on_time, past, challenge, Just(Op::Tick)].boxed()
        }
        Rule::EnoughLines | Rule::ReleaseHasItsHour | Rule::IdentitiesStayInside => {
            prop_oneof![on_time, past, (0..5u8).prop_map(ask)].boxed()
        }
        Rule::OrderFirst | Rule::LeftOutIsDeleted => about_orders(),
        Rule::SuspensionStops | Rule::StopOvertakes => about_stops(),
        Rule::CancelledBeforeItsClose => {
            let cancel = Just(Op::Cancel { unit: 0, by: By::Buyer });
            prop_oneof![on_time, past, (0..5u8).prop_map(ask), cancel, Just(Op::Tick)].boxed()
        }
        Rule::CancellationIsKept => {
            let cancel = Just(Op::Cancel { unit: 0, by: By::Buyer });
            let rival = Just(Op::Rival { unit: 0, how: Rival::Early });
            prop_oneof![on_time, past, cancel, rival, Just(Op::Tick)].boxed()
        }
        Rule::DowntimeWaits => {
            let edge = Just(Op::AdvanceToEdge(-1));
            prop_oneof![on_time, edge, (6..20u8).prop_map(Op::Down), Just(Op::Tick)].boxed()
        }
        Rule::OutageIsNoticed => {
            let lie = prop_oneof![Just(Rival::Outage), Just(Rival::Reopening)];
            let lie = lie.prop_map(|how| Op::Rival { unit: 0, how });
            let passes = Just(Op::AdvanceTime(5_000));
            let slept = prop_oneof![Just(Op::AdvanceToEdge(-1)), Just(Op::Down(10))];
            prop_oneof![on_time, slept, lie, passes, Just(Op::Tick)].boxed()
        }
        Rule::QuorumsOverlap => {
            prop_oneof![on_time, past, (0..5u8).prop_map(Op::AgentLost), Just(Op::Tick)].boxed()
        }
    }
}

/// Second envelopes: their bids, their orders, and who asks for their keys.
fn about_orders() -> BoxedStrategy<Op> {
    let bid = (0..3u8).prop_map(|bidder| Op::Submit { bidder, unit: 1, how: Submit::OnTime });
    let order = Just(Op::Order { unit: 1, how: Choice::ButFirst });
    let ask = (0..5u8).prop_map(|agent| Op::Release { agent, unit: 1, how: Ask::Good });
    let (past, tick) = (Just(Op::AdvanceToEdge(2_000)), Just(Op::Tick));
    prop_oneof![2 => bid, 3 => past, 1 => order, 1 => ask, 3 => tick].boxed()
}

/// The regulator says stop before and after custodians are asked.
fn about_stops() -> BoxedStrategy<Op> {
    let bid = (0..3u8).prop_map(|bidder| Op::Submit { bidder, unit: 0, how: Submit::OnTime });
    let stop = Just(Op::Suspend { unit: 0, how: Word::Stop });
    let ask = (0..5u8).prop_map(|agent| Op::Release { agent, unit: 0, how: Ask::Good });
    let (past, tick) = (Just(Op::AdvanceToEdge(2_000)), Just(Op::Tick));
    prop_oneof![2 => bid, 3 => past, 1 => stop, 2 => ask, 3 => tick].boxed()
}
