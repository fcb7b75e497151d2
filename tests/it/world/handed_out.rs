//! Does an agent hand out a unit's identity to the platform alone, at its hour, and never for what is
//! stopped, challenged or cancelled? Each test takes a request that would be granted and breaks one
//! thing.

use sealbid::clock::Time;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::SigningKey;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::agent::{self, KeptChallenge, Refusal, State};
use sealbid::custodian::wire::{AskCancel, AskRelease, AskSuspend};
use sealbid::ids::UnitId;
use sealbid::opening::rules::challenge::{Lives, Told};
use sealbid::opening::statements::{
    Query, QueryAbout, Suspension, SuspensionState, Void, VoidReason,
};
use sealbid::record::disclosure::Level;
use sealbid::tender::rules::cancellation;
use sealbid::tender::statements::ReleaseBy;

use super::agents::Request;
use super::faults::Rules;
use super::history::Op;
use super::record::Hand;
use super::refusals::{BID, agent, ask_close, close_refusal, closed, state, world};
use super::{ORIGIN, World, key};
use crate::support::START;

fn regulator() -> SigningKey {
    key(&format!("{ORIGIN}/regulator"), 4)
}

pub fn ask_release(world: &World, id: UnitId) -> AskRelease {
    let ask = world.ask_for_release(world.row(&id), 0);
    let Some(Request::Release(ask)) = ask else { unreachable!() };
    ask
}

pub fn release_refusal(world: &World, ask: &AskRelease, state: &State) -> Option<Refusal> {
    agent::release(&agent(world, state, world.truth()), ask).err()
}

#[test]
fn a_release_is_refused_early_below_the_minimum_challenged_or_suspended() {
    let (few, id) = closed(2);
    let ask = ask_release(&few, id);
    assert_eq!(release_refusal(&few, &ask, &state(&few)), Some(Refusal::TooFewLines));

    let (mut world, id) = closed(0);
    let early = ask_release(&world, id);
    let refused = Some(Refusal::TooEarlyToRelease);
    assert_eq!(release_refusal(&world, &early, &state(&world)), refused);
    world.act(Op::AdvanceTime(20_000));
    assert_eq!(release_refusal(&world, &early, &state(&world)), refused);
    world.publish();
    world.witness();
    let ask = ask_release(&world, id);
    assert_eq!(release_refusal(&world, &ask, &state(&world)), None);

    let mut challenged = state(&world);
    let kept = challenged.units.get_mut(&id).unwrap();
    let account = sealbid::custodian::wire::Account {
        accepted: String::new(),
        credentials: Vec::new(),
        later: None,
    };
    let told = Told {
        bidder: "ent_00000000000000000000000000000001".parse().unwrap(),
        line: Hash::of(b"a line"),
        lives: Lives::In,
        manifest_sha256: Hash::of(b"a manifest"),
        seq: 1,
    };
    let account = Box::new(account.into());
    let open = KeptChallenge::Open { account, received_at: START, told };
    kept.challenges.insert(told.line.to_string(), open);
    assert_eq!(release_refusal(&world, &ask, &challenged), Some(Refusal::ChallengeOpen));

    let stop = |no, state| {
        let body = Suspension { no, reason: "a complaint".to_owned(), state, unit_id: id };
        let suspension = Statement::signed(body, &regulator()).unwrap().encode();
        AskSuspend { suspension, unit: world.row(&id).unit.encode() }
    };
    let mut stopped = state(&world);
    let suspend = stop(1, SuspensionState::Suspended);
    let change = agent::suspend(&agent(&world, &stopped, world.truth()), &suspend).unwrap();
    stopped.apply(change);
    assert_eq!(release_refusal(&world, &ask, &stopped), Some(Refusal::Suspended));
    let old = stop(1, SuspensionState::Lifted);
    let old = agent::suspend(&agent(&world, &stopped, world.truth()), &old).err();
    assert_eq!(old, Some(Refusal::OldSuspension));
}

#[test]
fn an_identity_is_handed_to_the_platform_alone_and_on_no_question_from_before_the_hour() {
    let (mut world, id) = closed(0);
    let early = ask_release(&world, id);
    world.act(Op::AdvanceTime(20_000));
    world.publish();
    world.witness();
    let good = ask_release(&world, id);
    let state = state(&world);
    let refusal =
        |query: String| release_refusal(&world, &AskRelease { query, ..good.clone() }, &state);
    assert_eq!(refusal(good.query.clone()), None);
    let body = Statement::<Query>::parse(good.query.as_bytes()).unwrap().body().clone();
    let by =
        |body: &Query, key: &SigningKey| Statement::signed(body.clone(), key).unwrap().encode();
    for stranger in [&world.buyer.key, &world.keys.operator, &world.keys.regulator] {
        assert!(matches!(refusal(by(&body, stranger)), Some(Refusal::Signature(_))));
    }
    assert!(matches!(refusal(String::new()), Some(Refusal::Statement(_))));
    let platform = &world.keys.platform;
    let asked = |change: &dyn Fn(&mut Query)| {
        let mut body = body.clone();
        change(&mut body);
        refusal(by(&body, platform))
    };
    let old = Some(Refusal::OldQuery);
    assert_eq!(asked(&|it| it.about = QueryAbout::Lodged), old);
    assert_eq!(asked(&|it| it.about = QueryAbout::Challenges), old);
    assert_eq!(asked(&|it| it.custodian = world.agents.each[1].id.clone()), old, "passed on");
    let now = world.truth();
    let day = 24 * 3_600_000;
    assert_eq!(asked(&|it| it.at = now.plus(day)), None, "this custodian's clock is slow");
    assert_eq!(asked(&|it| it.at = now.plus(day + 1)), old);
    assert_eq!(asked(&|it| it.unit_id = UnitId(Hash::of(b"other"))), Some(Refusal::UnknownUnit));
    // Heard on its way when it was refused, and asked again after the hour.
    assert_eq!(refusal(early.query), Some(Refusal::TooEarlyToRelease));
    let by_clock = |at: Time| agent::release(&agent(&world, &state, at), &good).err();
    assert_eq!(by_clock(now.plus(day)), None, "this custodian's clock is fast");
    assert_eq!(by_clock(now.plus(day + 1)), old, "kept somewhere and sent again");
}

#[test]
fn a_second_envelope_is_not_released_without_its_order() {
    let (mut world, id) = closed(0);
    let mut body = world.row(&id).unit.body().clone();
    body.release = ReleaseBy::Order;
    let unit_id = body.id().unwrap();
    let mut unit = Statement::new(body).unwrap();
    let close = world.row(&id).terms.close(vec![Hash::of(b"a line")], 8, unit_id);
    let mut close = Statement::new(close).unwrap();
    close.sign(&world.keys.platform);
    for custodian in &world.agents.each {
        unit.sign(&custodian.keys.statement);
        close.sign(&custodian.keys.statement);
    }
    let now = world.now();
    let event = close.encode().into_bytes();
    let index = world.record.append(Hand::Rival, Level::Public, now, event).unwrap();
    world.publish();
    world.witness();
    let close_receipt = world.record.latest_receipt(index).encode();
    let query = world.query(unit_id, 0, QueryAbout::Release);
    let ask = AskRelease { unit: unit.encode(), close_receipt, query, ..ask_release(&world, id) };
    assert_eq!(release_refusal(&world, &ask, &state(&world)), Some(Refusal::NoOrder));
}

fn cancelled(world: &World, id: UnitId) -> AskCancel {
    let mut void = Statement::signed(cancellation(id), &world.buyer.key).unwrap();
    void.sign(&world.keys.platform);
    let (credentials, unit) = (world.buyer.credentials(), world.row(&id).unit.encode());
    AskCancel { credentials, unit, void: void.encode() }
}

fn hear(world: &World, ask: &AskCancel, state: &State) -> Result<State, Refusal> {
    let mut told = state.clone();
    told.apply(agent::cancel(&agent(world, state, world.truth()), ask)?);
    Ok(told)
}

#[test]
fn a_cancelled_unit_is_signed_and_handed_out_no_more() {
    let (mut at_close, id) = world(0, &[BID, Op::AdvanceToEdge(2_000)]);
    at_close.publish();
    at_close.witness();
    let lines = at_close.row(&id).lines(Rules::default());
    let close = ask_close(&mut at_close, id, lines);
    let fresh = state(&at_close);
    assert_eq!(close_refusal(&at_close, &close), None);
    let told = hear(&at_close, &cancelled(&at_close, id), &fresh).unwrap();
    let by_told = agent::sign_close(&agent(&at_close, &told, at_close.truth()), &close);
    assert_eq!(by_told.err(), Some(Refusal::Cancelled));

    // It had signed the close when it heard.
    let (mut world, id) = closed(0);
    world.act(Op::AdvanceTime(20_000));
    world.publish();
    world.witness();
    let release = ask_release(&world, id);
    let (good, signed) = (cancelled(&world, id), state(&world));
    assert_eq!(release_refusal(&world, &release, &signed), None);
    let told = hear(&world, &good, &signed).unwrap();
    assert_eq!(told.units[&id].cancelled.as_ref(), Some(&good.void), "kept as it came");
    assert_eq!(release_refusal(&world, &release, &told), Some(Refusal::Cancelled));
    assert_eq!(hear(&world, &good, &told).as_ref(), Ok(&told), "told twice, it stays told");
    // With nothing but its seed it meets the cancellation as it would meet the unit.
    let witnessed = signed.witnessed;
    let lost = State { recovered_at: Some(START), witnessed, ..State::default() };
    assert_eq!(release_refusal(&world, &release, &lost), None);
    let told = hear(&world, &good, &lost).unwrap();
    assert_eq!(release_refusal(&world, &release, &told), Some(Refusal::Cancelled));
}

#[test]
fn a_cancellation_is_its_buyers_and_recorded_or_none() {
    let (world, id) = closed(0);
    let (good, state) = (cancelled(&world, id), state(&world));
    let refused = |ask: AskCancel| hear(&world, &ask, &state).err();
    assert_eq!(refused(good.clone()), None);
    let by = |body: Void, keys: &[&SigningKey]| {
        let mut void = Statement::new(body).unwrap();
        keys.iter().for_each(|key| void.sign(key));
        AskCancel { void: void.encode(), ..good.clone() }
    };
    let (buyer, platform) = (&world.buyer.key, &world.keys.platform);
    for keys in [[buyer].as_slice(), &[platform], &[platform, &world.keys.operator]] {
        let alone = refused(by(cancellation(id), keys));
        assert!(matches!(alone, Some(Refusal::Signature(_))), "{alone:?}");
    }
    let nobodys = AskCancel { credentials: Vec::new(), ..good.clone() };
    assert!(matches!(refused(nobodys), Some(Refusal::Credential(_))));
    let few = Void { reason: VoidReason::TooFew, ..cancellation(id) };
    assert!(matches!(refused(by(few, &[buyer, platform])), Some(Refusal::Range(_))));
    let other = cancellation(UnitId(Hash::of(b"other")));
    assert_eq!(refused(by(other, &[buyer, platform])), Some(Refusal::UnknownUnit));
}
