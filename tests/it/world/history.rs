//! Histories: what may happen, and random lists of it. A history is a plain list, so one that fails
//! is shrunk and kept as it is printed.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::faults::{Fault, Rule};

/// How a bid is submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submit {
    OnTime,
    /// At the deadline itself.
    Late,
    /// The bidder's first statement once more.
    Replayed,
    /// A byte of the signed text differs.
    Altered,
    /// The envelope of a rival.
    Copied,
    /// A share that its custodian cannot open.
    Spoilt,
}

/// How an agent is asked to release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Good,
    /// It answers with the identity of another unit.
    Bad,
    Twice,
}

/// What the operator's second face proposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rival {
    /// A close without one of the lines.
    Without,
    /// A close on the unit's first deadline, whatever was postponed since.
    Early,
}

/// What an agent comes back with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    Kept,
    /// Nothing but its seed, and a clock behind by so many seconds.
    Lost(u8),
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Milliseconds pass.
    AdvanceTime(u16),
    /// Time jumps to the next deadline, hour of opening or window's end, give or take.
    AdvanceToEdge(i16),
    Register,
    /// A unit with this minimum of bids; really sealed or in name only.
    Publish {
        min: u8,
        sealed: bool,
    },
    /// Later by so many seconds.
    Amend {
        unit: u8,
        by: u8,
    },
    Submit {
        bidder: u8,
        unit: u8,
        how: Submit,
    },
    Withdraw {
        bidder: u8,
        unit: u8,
    },
    Tick,
    Release {
        agent: u8,
        unit: u8,
        how: Ask,
    },
    /// A bidder shows an agent what it holds; with or without what took its bid out, and the
    /// platform hears of it or not.
    Challenge {
        bidder: u8,
        unit: u8,
        agent: u8,
        whole: bool,
        told: bool,
    },
    Lodge {
        bidder: u8,
        unit: u8,
        agent: u8,
    },
    Rival {
        unit: u8,
        how: Rival,
    },
    AgentLost(u8),
    AgentRecovered(u8, Memory),
    RequestLost,
    ResponseLost,
    Duplicated,
    Reordered,
    /// The platform dies at its nth write from now.
    Crash(u8),
    Restart,
    /// The platform's clock jumps, milliseconds.
    ClockBack(u16),
    /// From here on everything is well, for long enough.
    Peace,
}

impl Op {
    pub fn fault(self) -> Option<Fault> {
        match self {
            Self::RequestLost => Some(Fault::RequestLost),
            Self::ResponseLost => Some(Fault::ResponseLost),
            Self::Duplicated => Some(Fault::Duplicated),
            Self::Reordered => Some(Fault::Reordered),
            _ => None,
        }
    }
}

fn submit() -> impl Strategy<Value = Submit> {
    prop_oneof![
        6 => Just(Submit::OnTime),
        1 => Just(Submit::Late),
        2 => Just(Submit::Replayed),
        1 => Just(Submit::Altered),
        1 => Just(Submit::Copied),
        1 => Just(Submit::Spoilt),
    ]
}

fn memory() -> impl Strategy<Value = Memory> {
    prop_oneof![
        Just(Memory::Kept),
        (0..15u8).prop_map(Memory::Lost),
        (0..90u8).prop_map(Memory::Lost)
    ]
}

fn acts() -> impl Strategy<Value = Op> {
    let (bidder, unit) = (0..3u8, 0..2u8);
    let who = (bidder, unit.clone());
    prop_oneof![
        10 => (who.clone(), submit())
            .prop_map(|((bidder, unit), how)| Op::Submit { bidder, unit, how }),
        3 => who.clone().prop_map(|(bidder, unit)| Op::Withdraw { bidder, unit }),
        2 => (unit.clone(), 1..40u8).prop_map(|(unit, by)| Op::Amend { unit, by }),
        1 => (0..3u8).prop_map(|min| Op::Publish { min, sealed: false }),
        1 => Just(Op::Register),
        2 => (0..5u8, unit.clone(), prop_oneof![Just(Ask::Good), Just(Ask::Bad), Just(Ask::Twice)])
            .prop_map(|(agent, unit, how)| Op::Release { agent, unit, how }),
        2 => (who.clone(), 0..5u8, any::<bool>(), any::<bool>()).prop_map(
            |((bidder, unit), agent, whole, told)| {
                Op::Challenge { bidder, unit, agent, whole, told }
            }
        ),
        1 => (who, 0..5u8).prop_map(|((bidder, unit), agent)| Op::Lodge { bidder, unit, agent }),
        2 => (unit, prop_oneof![Just(Rival::Without), Just(Rival::Early)])
            .prop_map(|(unit, how)| Op::Rival { unit, how }),
    ]
}

fn faults() -> impl Strategy<Value = Op> {
    prop_oneof![
        1 => (0..5u8).prop_map(Op::AgentLost),
        3 => (0..5u8, memory()).prop_map(|(agent, memory)| Op::AgentRecovered(agent, memory)),
        1 => Just(Op::RequestLost),
        1 => Just(Op::ResponseLost),
        1 => Just(Op::Duplicated),
        1 => Just(Op::Reordered),
        2 => (0..3u8).prop_map(Op::Crash),
        1 => Just(Op::Restart),
        1 => (0..3000u16).prop_map(Op::ClockBack),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => Just(Op::Tick),
        2 => prop_oneof![Just(-1), Just(0), Just(1), Just(2_000)].prop_map(Op::AdvanceToEdge),
        3 => prop_oneof![1..10u16, 1_000..9_000u16].prop_map(Op::AdvanceTime),
        10 => acts(),
        4 => faults(),
    ]
}

/// What matters to a rule, for histories that lean towards it.
fn about(rule: Rule) -> BoxedStrategy<Op> {
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
    }
}

/// A history in which nothing more goes wrong, from open units on.
pub const TAIL: [Op; 10] = [
    Op::AdvanceToEdge(2_000),
    Op::Tick,
    Op::AdvanceTime(2_000),
    Op::Tick,
    Op::AdvanceToEdge(2_000),
    Op::Tick,
    Op::AdvanceToEdge(2_000),
    Op::Tick,
    Op::AdvanceTime(2_000),
    Op::Tick,
];

/// Histories that begin with an open unit and some bidders: what comes then is anybody's guess.
/// Some of them are left in peace at the end.
fn of(ops: impl Strategy<Value = Op>, sealed: bool) -> impl Strategy<Value = Vec<Op>> {
    let ops = proptest::collection::vec(ops, 10..50);
    (0..3u8, ops, any::<bool>()).prop_map(move |(min, ops, in_peace)| {
        let mut all = vec![Op::Register, Op::Register, Op::Register];
        all.extend([Op::Publish { min, sealed }, Op::Tick]);
        all.extend(ops);
        all.extend([Op::Peace].iter().filter(|_| in_peace));
        all
    })
}

/// Any history.
pub fn histories(sealed: bool) -> impl Strategy<Value = Vec<Op>> {
    of(op(), sealed)
}

/// The histories of a seed: always the same.
pub struct Seeded(TestRunner, BoxedStrategy<Vec<Op>>);

impl Seeded {
    /// Histories that lean towards what a rule is about, or towards nothing.
    pub fn new(seed: u8, rule: Option<Rule>) -> Self {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let ops = match rule {
            Some(rule) => prop_oneof![op(), about(rule)].boxed(),
            None => op().boxed(),
        };
        Self(TestRunner::new_with_rng(Config::default(), rng), of(ops, false).boxed())
    }

    pub fn draw(&mut self) -> Vec<Op> {
        self.1.new_tree(&mut self.0).unwrap().current()
    }
}
