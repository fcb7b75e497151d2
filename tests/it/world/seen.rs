//! What does an agent believe of an outage over a deadline? What it saw itself, and nobody's word.

use sealbid::clock::Time;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::agent::{self, Agent, Refusal};
use sealbid::custodian::wire::AskAmendment;
use sealbid::ids::UnitId;
use sealbid::record::disclosure::Level;
use sealbid::tender::statements::{Amendment, AmendmentReason};

use super::World;
use super::record::{Hand, proposed};
use super::refusals::{BID, world};

/// A unit with a bid; time stands so many milliseconds before its deadline.
fn before(millis: i64) -> (World, UnitId, Time) {
    let (mut world, id) = world(0, &[BID]);
    let deadline = world.row(&id).terms.deadline;
    grow(&mut world, deadline.plus(-millis));
    (world, id, deadline)
}

/// The record grows at an instant, and all cosign it.
fn grow(world: &mut World, at: Time) {
    world.clock.set(at);
    world.publish();
    world.witness();
}

/// Its operator and buyer ask for a minute more, because of an outage between these instants.
fn asked(world: &mut World, id: UnitId, (from, until): (Time, Time)) -> AskAmendment {
    let row = world.row(&id);
    let body = Amendment {
        deadline: row.terms.deadline.plus(60_000),
        no: 1,
        open_at: row.terms.open_at.plus(60_000),
        prev_sha256: row.unit.sha256(),
        reason: AmendmentReason::Outage { from, until, text: "no power".to_owned() },
        unit_id: id,
    };
    let mut amendment = Statement::signed(body, &world.keys.platform).unwrap();
    amendment.sign(&world.buyer.key);
    let (event, now) = (proposed(id, &amendment), world.now());
    let index = world.record.append(Hand::Rival, Level::Public, now, event).unwrap();
    world.publish();
    AskAmendment {
        amendment: amendment.encode(),
        credentials: world.buyer.credentials(),
        proposed: world.record.latest_receipt(index).encode(),
        unit_id: id,
    }
}

/// The first agent, now.
fn first(world: &World) -> Agent<'_> {
    let custodian = &world.agents.each[0];
    custodian.agent(&world.agents.roster, &custodian.state, world.truth())
}

/// What the first agent says, which has been awake since then.
fn said(world: &World, ask: &AskAmendment, awake_since: Time) -> Result<(), Refusal> {
    let agent = Agent { awake_since, ..first(world) };
    agent::sign_amendment(&agent, ask).map(|_| ())
}

const EVER: Time = Time::from_millis(0);

#[test]
fn an_outage_over_a_deadline_is_believed_by_whoever_was_awake_and_shown_nothing_new() {
    let (mut world, id, deadline) = before(10_000);
    let back = deadline.plus(20_000);
    // A platform that starts again has its old head cosigned before it takes any act.
    world.clock.set(deadline.plus(5_000));
    world.witness();
    world.clock.set(back);
    let ask = asked(&mut world, id, (deadline.plus(-9_000), back));
    assert_eq!(said(&world, &ask, EVER), Ok(()));
    assert_eq!(said(&world, &ask, deadline.plus(-5_000)), Ok(()), "clocks differ a little");
    for started in [deadline.plus(-3_000), deadline.plus(10_000), back] {
        assert_eq!(said(&world, &ask, started), Err(Refusal::NotSilent), "{started:?}");
    }
    grow(&mut world, back);
    grow(&mut world, back.plus(30_000));
    assert_eq!(said(&world, &ask, EVER), Ok(()), "it remembers it");
}

#[test]
fn an_outage_over_a_deadline_is_not_believed_by_whoever_saw_the_platform_then() {
    let seen = [(-10_000, 0), (-10_000, 3_000), (-4_000, 8_000), (-30_000, -3_000)];
    for (first, second) in seen {
        let (mut world, id, deadline) = before(-first);
        grow(&mut world, deadline.plus(second));
        let until = deadline.plus(9_000);
        world.clock.set(until);
        let ask = asked(&mut world, id, (deadline.plus(first.max(-9_000)), until));
        let is_refused = said(&world, &ask, EVER) == Err(Refusal::NotSilent);
        // Only the third was a silence of twelve seconds over the deadline.
        assert_eq!(is_refused, (first, second) != (-4_000, 8_000), "{first} {second}");
    }
}

#[test]
fn a_platform_that_is_silent_for_a_moment_was_not_down() {
    let (mut world, id, deadline) = before(100);
    let until = deadline.plus(4_800);
    world.clock.set(until);
    let ask = asked(&mut world, id, (deadline.plus(-5_000), until));
    assert_eq!(said(&world, &ask, EVER), Err(Refusal::NotSilent));
    world.clock.set(deadline.plus(4_900));
    assert_eq!(said(&world, &ask, EVER), Ok(()));
}

#[test]
fn the_last_checkpoint_is_shown_with_the_time_at_which_it_was_cosigned() {
    let (world, _, deadline) = before(10_000);
    let shown = |world: &World| agent::last_checkpoint(&first(world)).unwrap().encode();
    let before = shown(&world);
    world.clock.set(deadline.plus(30_000));
    assert_eq!(shown(&world), before, "a later one would freeze a set that it knows nothing of");
}
