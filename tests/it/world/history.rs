//! Histories: what may happen, and random lists of it. A history is a plain list, so one that fails
//! is shrunk and kept as it is printed.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::faults::{Fault, Rule};
use super::leaning::about;

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

/// Which order is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Every line of the close.
    All,
    /// All but the first.
    ButFirst,
    /// A line that is not in the close.
    Foreign,
    /// Of another close.
    OtherClose,
    /// Without the regulator's signature.
    Alone,
}

/// What the regulator says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Stop,
    Lift,
    /// Its last word but one comes again.
    Old,
}

/// Who cancels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Buyer,
    /// Who may not.
    Operator,
}

/// How an agent is asked to release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Good,
    /// It answers with the identity of another unit.
    Bad,
    Twice,
    /// Its answer arrives at the next tick.
    Slow,
}

/// What the operator's second face proposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rival {
    /// A close without one of the lines.
    Without,
    /// A close on the unit's first deadline, whatever was postponed since.
    Early,
    /// An outage that nobody noticed.
    Outage,
    /// The same with the buyer's word.
    Reopening,
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
    /// The world begins anew with so many custodians, of which so many open.
    Custodians(u8, u8),
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
    /// A lot of two envelopes: one unit that opens at its hour, one that waits for an order.
    PublishTwo {
        min: u8,
        sealed: bool,
    },
    /// Later by so many seconds.
    Amend {
        unit: u8,
        by: u8,
    },
    /// An operator registers what was measured; the buyer signs beside it, or not.
    Outage {
        unit: u8,
        with_buyer: bool,
    },
    Cancel {
        unit: u8,
        by: By,
    },
    Order {
        unit: u8,
        how: Choice,
    },
    Suspend {
        unit: u8,
        how: Word,
    },
    /// The regulator tells one agent, and not the platform.
    Whisper {
        unit: u8,
        agent: u8,
        how: Word,
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
    /// The platform is down for so many seconds.
    Down(u8),
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

fn how_asked() -> impl Strategy<Value = Ask> {
    prop_oneof![Just(Ask::Good), Just(Ask::Bad), Just(Ask::Twice), Just(Ask::Slow)]
}

fn word() -> impl Strategy<Value = Word> {
    prop_oneof![2 => Just(Word::Stop), 2 => Just(Word::Lift), 1 => Just(Word::Old)]
}

/// What buyers, operators and the regulator decide, at any time.
fn decisions() -> impl Strategy<Value = Op> {
    let unit = 0..2u8;
    let choice = prop_oneof![
        3 => Just(Choice::All),
        3 => Just(Choice::ButFirst),
        1 => Just(Choice::Foreign),
        1 => Just(Choice::OtherClose),
        1 => Just(Choice::Alone),
    ];
    let by = prop_oneof![Just(By::Buyer), Just(By::Operator)];
    prop_oneof![
        3 => (unit.clone(), 1..40u8).prop_map(|(unit, by)| Op::Amend { unit, by }),
        2 => (unit.clone(), any::<bool>())
            .prop_map(|(unit, with_buyer)| Op::Outage { unit, with_buyer }),
        1 => (unit.clone(), by).prop_map(|(unit, by)| Op::Cancel { unit, by }),
        3 => (unit.clone(), choice).prop_map(|(unit, how)| Op::Order { unit, how }),
        3 => (unit.clone(), word()).prop_map(|(unit, how)| Op::Suspend { unit, how }),
        1 => (unit, 0..7u8, word())
            .prop_map(|(unit, agent, how)| Op::Whisper { unit, agent, how }),
    ]
}

fn acts() -> impl Strategy<Value = Op> {
    let (bidder, unit) = (0..3u8, 0..2u8);
    let who = (bidder, unit.clone());
    prop_oneof![
        10 => (who.clone(), submit())
            .prop_map(|((bidder, unit), how)| Op::Submit { bidder, unit, how }),
        3 => who.clone().prop_map(|(bidder, unit)| Op::Withdraw { bidder, unit }),
        8 => decisions(),
        1 => (0..3u8).prop_map(|min| Op::Publish { min, sealed: false }),
        1 => (0..3u8).prop_map(|min| Op::PublishTwo { min, sealed: false }),
        1 => Just(Op::Register),
        2 => (0..7u8, unit.clone(), how_asked())
            .prop_map(|(agent, unit, how)| Op::Release { agent, unit, how }),
        2 => (who.clone(), 0..7u8, any::<bool>(), any::<bool>()).prop_map(
            |((bidder, unit), agent, whole, told)| {
                Op::Challenge { bidder, unit, agent, whole, told }
            }
        ),
        1 => (who, 0..7u8).prop_map(|((bidder, unit), agent)| Op::Lodge { bidder, unit, agent }),
        2 => (unit, rival()).prop_map(|(unit, how)| Op::Rival { unit, how }),
    ]
}

fn rival() -> impl Strategy<Value = Rival> {
    let lies = prop_oneof![Just(Rival::Outage), Just(Rival::Reopening)];
    prop_oneof![1 => Just(Rival::Without), 1 => Just(Rival::Early), 1 => lies]
}

fn faults() -> impl Strategy<Value = Op> {
    prop_oneof![
        1 => (0..7u8).prop_map(Op::AgentLost),
        3 => (0..7u8, memory()).prop_map(|(agent, memory)| Op::AgentRecovered(agent, memory)),
        1 => Just(Op::RequestLost),
        1 => Just(Op::ResponseLost),
        1 => Just(Op::Duplicated),
        1 => Just(Op::Reordered),
        2 => (0..3u8).prop_map(Op::Crash),
        1 => Just(Op::Restart),
        1 => (1..75u8).prop_map(Op::Down),
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

/// Counties and a province, and one where nearly everybody opens.
fn rosters() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::Custodians(5, 3)),
        2 => Just(Op::Custodians(4, 2)),
        1 => Just(Op::Custodians(7, 3)),
        1 => Just(Op::Custodians(7, 5)),
    ]
}

/// Histories that begin with an open unit and some bidders: what comes then is anybody's guess.
/// Some of them are left in peace at the end.
fn of(ops: impl Strategy<Value = Op>, sealed: bool) -> impl Strategy<Value = Vec<Op>> {
    let ops = proptest::collection::vec(ops, 10..50);
    let begin = (rosters(), any::<bool>(), 0..3u8);
    (begin, ops, any::<bool>()).prop_map(move |((roster, in_two, min), ops, in_peace)| {
        let mut all = vec![roster, Op::Register, Op::Register, Op::Register];
        let two = Op::PublishTwo { min, sealed };
        all.extend([if in_two { two } else { Op::Publish { min, sealed } }, Op::Tick]);
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
