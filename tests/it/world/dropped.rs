//! When may a proposed close make room for another? For every way in which five agents can have
//! heard of it: what the platform drops can never take effect, and another finds its quorum.

use sealbid::crypto::statement::Statement;
use sealbid::custodian::agent::State;
use sealbid::custodian::wire::AskClose;
use sealbid::opening::rules::can_agree;
use sealbid::opening::statements::Close;

use super::agents::{Reply, Request};
use super::history::Op;
use super::refusals::{BID, world};
use super::{N, T, World};

/// What became of one agent.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    /// Its request never arrived.
    Untouched,
    /// It signed, and its answer was lost.
    Bound,
    /// It signed, its answer was lost, and it sleeps now.
    BoundAsleep,
    /// It sleeps.
    Asleep,
    /// It signed, its answer was lost, and it came back with nothing but its seed.
    Forgot,
}

const FATES: [Fate; 5] =
    [Fate::Untouched, Fate::Bound, Fate::BoundAsleep, Fate::Asleep, Fate::Forgot];

impl Fate {
    fn has_signed(self) -> bool {
        matches!(self, Self::Bound | Self::BoundAsleep | Self::Forgot)
    }

    fn is_awake(self) -> bool {
        !matches!(self, Self::BoundAsleep | Self::Asleep)
    }
}

/// Whether an agent signs.
fn signs(world: &mut World, place: usize, ask: &AskClose) -> bool {
    let truth = world.truth();
    matches!(world.agents.handle(place, truth, &Request::Close(ask.clone())), Reply::Note(_))
}

/// Whether an agent says that it signed nothing: asked without the proposal's receipt, it refuses for
/// that and for nothing before it.
fn is_free(world: &World, place: usize, ask: &AskClose) -> bool {
    use sealbid::custodian::agent::{Refusal, sign_close};
    let custodian = &world.agents.each[place];
    let now = world.truth().plus(custodian.skew);
    let agent = custodian.agent(&world.agents.roster, &custodian.state, now);
    let ask = AskClose { proposed: String::new(), ..ask.clone() };
    matches!(sign_close(&agent, &ask), Err(Refusal::Receipt(_)))
}

#[test]
fn no_close_is_dropped_that_could_take_effect_and_none_for_one_that_could_not() {
    let (mut world, id) = world(0, &[BID, Op::AdvanceToEdge(2_000)]);
    world.publish();
    world.witness();
    let size = world.freeze(world.row(&id), world.row(&id).terms.deadline).unwrap();
    let lines = world.row(&id).lines(world.rules);
    let terms = world.row(&id).terms;
    let close =
        |lines| Statement::signed(terms.close(lines, size, id), &world.keys.platform).unwrap();
    let (first, second) = (close(lines), close(Vec::new()));
    let ask = |world: &mut World, close: &Statement<Close>| {
        let event = super::record::proposed(id, close);
        let level = sealbid::record::disclosure::Level::Public;
        let index = world.record.append(super::Hand::Rival, level, world.truth(), event).unwrap();
        world.publish();
        let Request::Close(ask) = world.ask_for_close(id, index, close) else { unreachable!() };
        ask
    };
    let (first, second) = (ask(&mut world, &first), ask(&mut world, &second));
    let before: Vec<State> = world.agents.each.iter().map(|c| c.state.clone()).collect();
    let (mut dropped, mut kept) = (0, 0);
    for case in 0..FATES.len().pow(N as u32) {
        let fates: Vec<Fate> =
            (0..N).map(|place| FATES[case / FATES.len().pow(place as u32) % FATES.len()]).collect();
        for (place, fate) in fates.iter().enumerate() {
            world.agents.each[place].state = before[place].clone();
            assert!(!fate.has_signed() || signs(&mut world, place, &first));
            if *fate == Fate::Forgot {
                let (now, rules) = (world.truth(), world.rules);
                world.agents.each[place].wipe(rules, now);
            }
        }
        let free: Vec<usize> = (0..N)
            .filter(|place| fates[*place].is_awake() && is_free(&world, *place, &first))
            .collect();
        if can_agree(free.len(), (N, usize::from(T))) {
            let could = fates.iter().filter(|fate| fate.has_signed() || !fate.is_awake()).count();
            assert!(could < world.q(), "it could still take effect");
            let found = free.into_iter().filter(|place| signs(&mut world, *place, &second)).count();
            assert!(found >= world.q(), "another finds its quorum");
            dropped += 1;
        } else {
            kept += 1;
        }
    }
    assert_eq!((dropped, kept), (21, 3_104));
}
