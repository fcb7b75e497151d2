//! Does an agent refuse for each reason it has, and for exactly that one? Each test takes a request
//! that would be granted and breaks one thing.

use sealbid::bid::rules::Refused;
use sealbid::clock::Time;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::agent::{self, Agent, Refusal, State};
use sealbid::custodian::wire::{AskAmendment, AskChallenge, AskClose, AskUnit};
use sealbid::ids::UnitId;
use sealbid::opening::rules::AmendmentFault;
use sealbid::opening::statements::Close;
use sealbid::record::disclosure::Level;
use sealbid::record::witness::Known;
use sealbid::tender::statements::{Amendment, AmendmentReason, Unit};

use super::World;
use super::agents::{MOST, Request};
use super::faults::Rules;
use super::handed_out::{ask_release, release_refusal};
use super::history::{Op, Submit};
use super::record::{Hand, proposed};

/// What these agents' operators decided.
const FLOOR_MS: i64 = 5_000;
pub const BID: Op = Op::Submit { bidder: 0, unit: 0, how: Submit::OnTime };

/// A world with one open unit, after some more has happened.
pub fn world(min: u8, ops: &[Op]) -> (World, UnitId) {
    let mut world = World::new(Rules::default());
    let begin = [Op::Register, Op::Register, Op::Publish { min, sealed: false }, Op::Tick];
    for op in begin.iter().chain(ops) {
        world.act(*op);
        assert_eq!(world.check(), Ok(()));
    }
    let id = *world.platform.units.keys().next().unwrap();
    (world, id)
}

/// One whose unit is closed by all.
pub fn closed(min: u8) -> (World, UnitId) {
    world(min, &[BID, Op::AdvanceToEdge(2_000), Op::Tick, Op::Tick])
}

pub fn agent<'a>(world: &'a World, state: &'a State, now: Time) -> Agent<'a> {
    let agent = world.agents.each[0].agent(&world.agents.roster, state, now);
    Agent { challenge_floor_ms: FLOOR_MS, ..agent }
}

pub fn state(world: &World) -> State {
    world.agents.each[0].state.clone()
}

pub fn unit_refusal(world: &World, ask: &AskUnit, state: &State) -> Option<Refusal> {
    agent::sign_unit(&agent(world, state, world.truth()), ask).err()
}

pub fn ask_unit(world: &World, id: UnitId) -> AskUnit {
    let Request::Unit(ask) = world.ask_for_unit(world.row(&id)) else { unreachable!() };
    ask
}

/// The request for a unit with another body, signed as it should be.
pub fn with_body(world: &World, id: UnitId, change: impl FnOnce(&mut Unit)) -> AskUnit {
    let mut body = world.row(&id).unit.body().clone();
    change(&mut body);
    let mut unit = Statement::signed(body, &world.buyer.key).unwrap();
    unit.sign(&world.keys.platform);
    AskUnit { unit: unit.encode(), ..ask_unit(world, id) }
}

#[test]
fn a_unit_is_refused_for_each_thing_that_is_wrong_with_it() {
    let (world, id) = world(0, &[]);
    let (fresh, good) = (State::default(), ask_unit(&world, id));
    let refusal = |ask: &AskUnit| unit_refusal(&world, ask, &fresh);
    assert_eq!(refusal(&good), None);

    let garbage = AskUnit { unit: "not a note".to_owned(), ..good.clone() };
    assert!(matches!(refusal(&garbage), Some(Refusal::Statement(_))));
    let body = world.row(&id).unit.body().clone();
    let half = Statement::signed(body, &world.buyer.key).unwrap().encode();
    let unsigned = AskUnit { unit: half, ..good.clone() };
    assert!(matches!(refusal(&unsigned), Some(Refusal::Signature(_))));
    let unknown = AskUnit { credentials: Vec::new(), ..good.clone() };
    assert!(matches!(refusal(&unknown), Some(Refusal::Credential(_))));
    let no_receipt = AskUnit { proposed: "not a receipt".to_owned(), ..good.clone() };
    assert!(matches!(refusal(&no_receipt), Some(Refusal::Receipt(_))));
    let other = world.record.latest_receipt(0).encode();
    assert_eq!(refusal(&AskUnit { proposed: other, ..good }), Some(Refusal::NotRecorded));

    let roster = with_body(&world, id, |unit| unit.roster_sha256 = Hash::of(b"another"));
    assert_eq!(refusal(&roster), Some(Refusal::WrongRoster));
    let t = with_body(&world, id, |unit| unit.t = 2);
    assert!(matches!(refusal(&t), Some(Refusal::Range(_))));
    let late = with_body(&world, id, |unit| unit.deadline = world.truth());
    assert!(matches!(refusal(&late), Some(Refusal::Range(_))));
    let mut window = world.row(&id).unit.body().challenge_ms;
    assert_eq!(window, FLOOR_MS, "the shortest that it agrees to");
    window -= 1;
    let short = with_body(&world, id, |unit| unit.challenge_ms = window);
    assert!(matches!(refusal(&short), Some(Refusal::Range(_))));
    let swapped = with_body(&world, id, |unit| {
        let first = unit.recipients[0].recipient.clone();
        unit.recipients[0].recipient = unit.recipients[1].recipient.clone();
        unit.recipients[1].recipient = first;
    });
    assert_eq!(refusal(&swapped), Some(Refusal::NotMyRecipient));
}

#[test]
fn a_unit_from_before_a_lost_memory_or_more_than_an_hour_old_is_stale() {
    let (world, id) = world(0, &[]);
    let ask = ask_unit(&world, id);
    let issued_at = world.row(&id).unit.body().issued_at;
    let witnessed = Some(Known { size: 8, root: Hash::of(b"adopted") });
    let lost = |at: Time| State { recovered_at: Some(at), witnessed, ..State::default() };
    assert_eq!(unit_refusal(&world, &ask, &lost(issued_at)), Some(Refusal::Stale));
    assert_eq!(unit_refusal(&world, &ask, &lost(issued_at.plus(-1))), None);
}

#[test]
fn an_agent_that_lost_its_memory_does_nothing_before_it_adopted_what_the_others_cosigned() {
    let (world, id) = closed(0);
    let (unit, release) = (ask_unit(&world, id), ask_release(&world, id));
    let issued_at = world.row(&id).unit.body().issued_at;
    let lost = State { recovered_at: Some(issued_at.plus(-9)), ..State::default() };
    assert_eq!(unit_refusal(&world, &unit, &lost), Some(Refusal::Lost));
    assert_eq!(release_refusal(&world, &release, &lost), Some(Refusal::Lost));

    let by_all = world.record.checkpoints.iter().rev().find(|c| c.cosignatures().len() == 5);
    let by_all = by_all.unwrap();
    let latest = by_all.cosignatures().iter().skip(1).map(|c| c.time).max();
    let agent = agent(&world, &lost, issued_at);
    let mut adopted = lost.clone();
    adopted.apply(agent::adopt(&agent, &by_all.note().encode()).unwrap());
    assert_eq!(adopted.recovered_at, latest, "the others' hour counts, not its own");
    assert!(latest > Some(issued_at));
    let early = Agent { state: &adopted, ..agent };
    assert_eq!(agent::sign_unit(&early, &unit).err(), Some(Refusal::Stale));
    let refused = Some(Refusal::TooEarlyToRelease);
    assert_eq!(release_refusal(&world, &release, &adopted), refused, "it still releases later");
    let first = world.record.checkpoints.iter().find(|c| c.cosignatures().len() < 4).unwrap();
    let few = agent::adopt(&agent, &first.note().encode());
    assert_eq!(few.err(), Some(Refusal::NoQuorum));
    // Anybody may send it a checkpoint: once it has its place again, none moves it or its hour.
    let again = agent::adopt(&early, &by_all.note().encode());
    assert_eq!(again.err(), Some(Refusal::NotLost));
}

#[test]
fn an_agent_that_lost_nothing_adopts_nothing() {
    let (world, _) = closed(0);
    let state = state(&world);
    let last = world.record.checkpoints.iter().rev().find(|c| c.cosignatures().len() == 5).unwrap();
    let asked = agent::adopt(&agent(&world, &state, world.truth()), &last.note().encode());
    assert_eq!(asked.err(), Some(Refusal::NotLost), "it keeps its silences and its place");
}

fn amendment(world: &World, id: UnitId, no: u32) -> Statement<Amendment> {
    let row = world.row(&id);
    let body = Amendment {
        deadline: row.terms.deadline.plus(30_000),
        no,
        open_at: row.terms.open_at.plus(30_000),
        prev_sha256: row.unit.sha256(),
        reason: AmendmentReason::Postponed { text: "more time".to_owned() },
        unit_id: id,
    };
    let mut amendment = Statement::signed(body, &world.buyer.key).unwrap();
    amendment.sign(&world.keys.platform);
    amendment
}

fn ask_amendment(world: &mut World, id: UnitId, no: u32) -> AskAmendment {
    let amendment = amendment(world, id, no);
    let (event, now) = (proposed(id, &amendment), world.now());
    let index = world.record.append(Hand::Rival, Level::Public, now, event).unwrap();
    world.publish();
    world.witness();
    AskAmendment {
        amendment: amendment.encode(),
        credentials: world.buyer.credentials(),
        proposed: world.record.latest_receipt(index).encode(),
        unit_id: id,
    }
}

fn amendment_refusal(world: &World, ask: &AskAmendment, state: &State) -> Option<Refusal> {
    agent::sign_amendment(&agent(world, state, world.truth()), ask).err()
}

#[test]
fn an_amendment_is_refused_out_of_its_chain_of_an_unknown_unit_and_after_a_close() {
    let (mut world, id) = world(0, &[]);
    let next = ask_amendment(&mut world, id, 1);
    assert_eq!(amendment_refusal(&world, &next, &state(&world)), None);
    assert_eq!(amendment_refusal(&world, &next, &State::default()), Some(Refusal::UnknownUnit));
    let second = ask_amendment(&mut world, id, 2);
    let expected = Some(Refusal::Amendment(AmendmentFault::Chain));
    assert_eq!(amendment_refusal(&world, &second, &state(&world)), expected);
    let (mut world, id) = closed(0);
    let next = ask_amendment(&mut world, id, 1);
    assert_eq!(amendment_refusal(&world, &next, &state(&world)), Some(Refusal::AlreadyClosed));
}

/// The request for a close of these lines at the last checkpoint.
pub fn ask_close(world: &mut World, id: UnitId, lines: Vec<Hash>) -> AskClose {
    let size = world.record.checkpoints.last().unwrap().checkpoint().size;
    let close = world.row(&id).terms.close(lines, size, id);
    ask_this_close(world, id, close)
}

fn ask_this_close(world: &mut World, id: UnitId, close: Close) -> AskClose {
    let close = Statement::signed(close, &world.keys.platform).unwrap();
    let (event, now) = (proposed(id, &close), world.now());
    let index = world.record.append(Hand::Rival, Level::Public, now, event).unwrap();
    world.publish();
    let Request::Close(ask) = world.ask_for_close(id, index, &close) else { unreachable!() };
    ask
}

pub fn close_refusal(world: &World, ask: &AskClose) -> Option<Refusal> {
    agent::sign_close(&agent(world, &state(world), world.truth()), ask).err()
}

#[test]
fn a_close_is_refused_before_its_time_out_of_order_or_as_a_second_one() {
    let (mut early, id) = world(0, &[]);
    early.witness();
    let ask = ask_close(&mut early, id, Vec::new());
    assert_eq!(close_refusal(&early, &ask), Some(Refusal::TooEarlyToClose));

    early.act(Op::AdvanceToEdge(2_000));
    early.publish();
    early.witness();
    let good = ask_close(&mut early, id, Vec::new());
    assert_eq!(close_refusal(&early, &good), None);
    let note = early.row(&id).unit.encode();
    let no_checkpoint = AskClose { checkpoint: note, ..good.clone() };
    assert!(matches!(close_refusal(&early, &no_checkpoint), Some(Refusal::Checkpoint(_))));

    early.publish();
    early.witness();
    let lines = vec![Hash::from_bytes([2; 32]), Hash::from_bytes([1; 32])];
    let unsorted = ask_close(&mut early, id, lines);
    assert_eq!(close_refusal(&early, &unsorted), Some(Refusal::Lines));

    early.publish();
    early.witness();
    let mut other = Statement::<Close>::parse(good.close.as_bytes()).unwrap().body().clone();
    other.open_at = other.open_at.plus(-1);
    let other = ask_this_close(&mut early, id, other);
    assert_eq!(close_refusal(&early, &other), Some(Refusal::OtherTimes));

    let (mut closed, id) = closed(0);
    let second = ask_close(&mut closed, id, Vec::new());
    assert_eq!(close_refusal(&closed, &second), Some(Refusal::SecondClose));
}

#[test]
fn a_close_that_forgets_a_lodged_bid_is_refused_and_a_late_bid_is_not_lodged() {
    let lodge = Op::Lodge { bidder: 0, unit: 0, agent: 0 };
    let (mut world, id) = world(0, &[lodge, Op::AdvanceToEdge(2_000)]);
    world.publish();
    world.witness();
    let lines = world.row(&id).lines(Rules::default());
    let good = ask_close(&mut world, id, lines);
    assert_eq!(close_refusal(&world, &good), None);
    let silent = AskClose { lodged: Vec::new(), ..good };
    assert_eq!(close_refusal(&world, &silent), Some(Refusal::LodgedMissing));
    let manifest = world.seal(1, id, Submit::OnTime);
    let (ask, state) = (world.lodging(1, &manifest), state(&world));
    let at = |time: Time| agent::lodge(&agent(&world, &state, world.truth()), &ask, time, MOST);
    assert_eq!(at(world.truth()).unwrap_err(), Refusal::Lodge(Refused::Late));
    let deadline = state.units[&id].deadline;
    assert_eq!(at(deadline).unwrap_err(), Refusal::Lodge(Refused::Late));
    assert!(at(deadline.plus(-1)).is_ok(), "its hour is the last byte's, whatever storing it took");
}

#[test]
fn a_challenge_is_refused_on_a_close_without_quorum_and_on_receipts_of_something_else() {
    let (world, id) = closed(0);
    let row = world.row(&id);
    let (_, close) = row.closed.clone().unwrap();
    let account = |index| sealbid::custodian::wire::Account {
        accepted: world.record.latest_receipt(index).encode(),
        credentials: Vec::new(),
        later: None,
    };
    let state = state(&world);
    let refusal = |close: String, index| {
        let unit = world.row(&id).unit.encode();
        let ask = AskChallenge { account: account(index).into(), close, unit };
        agent::challenge(&agent(&world, &state, world.truth()), &ask).err()
    };
    let bid = row.accepted[0].index;
    assert_eq!(refusal(close.encode(), bid), None);
    assert_eq!(refusal(close.encode(), 0), Some(Refusal::NoChallenge));
    let alone = close.ordered(&[world.keys.platform.verifying().clone()]).encode();
    assert_eq!(refusal(alone, bid), Some(Refusal::NoQuorum));
}
