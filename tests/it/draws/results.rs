//! Does whoever holds the public texts find every altered result?

use sealbid::bid::rules::line;
use sealbid::bid::statements::{BlobRef, Manifest};
use sealbid::clock::Time;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::SigningKey;
use sealbid::crypto::seal::Identity;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::agent::Keys;
use sealbid::draw::refusal::ResultFault;
use sealbid::draw::rules::pool::Drum;
use sealbid::draw::rules::result::{Held, check_result};
use sealbid::draw::rules::seed::seed;
use sealbid::draw::rules::strata;
use sealbid::draw::statements::{
    Beacon, Contributed, Contributor, Draw, DrawResult, Outcome, Skip,
};
use sealbid::opening::rules::sorted_lines;
use sealbid::opening::statements::Close;
use zeroize::Zeroizing;

use super::{body, drum, expert_draw, label, stratum, unit_id};
use crate::opening_world::{ORIGIN, agent_seed, id, platform_key, roster, who};
use crate::support::START;

/// Everything that is public of one draw.
struct Case {
    draw: Draw,
    drums: Vec<Drum>,
    close: Close,
    result: DrawResult,
}

fn key(contributor: &Contributor) -> SigningKey {
    match contributor {
        Contributor::Custodian(custodian) => {
            let place = (1..=5).find(|place| id(*place) == *custodian).unwrap();
            let seed = Zeroizing::new(agent_seed(place));
            Keys::of_seed(seed, ORIGIN, custodian).unwrap().statement
        }
        Contributor::ProcuringEntity(_) => who(0).1,
        Contributor::Platform => platform_key(),
    }
}

fn contributed(contributor: &Contributor, number: u8) -> Contributed {
    let identity = Identity::from_bytes(Zeroizing::new([number; 32]));
    let manifest = Manifest {
        bid: BlobRef { sha256: Hash::of(&[number]), size: 4808 },
        bid_id: format!("bid_{number:032x}").parse().unwrap(),
        prev_sha256: None,
        seal_recipient: identity.recipient().to_string(),
        seq: 1,
        shares: Vec::new(),
        unit_id: unit_id(1),
    };
    let manifest = Statement::signed(manifest, &key(contributor)).unwrap();
    let salt = Hash::of(&[b's', number]);
    Contributed {
        contributor: contributor.clone(),
        identity: identity.encode().to_string(),
        line: line(salt.as_bytes(), &manifest.sha256()),
        manifest: manifest.encode(),
        salt,
        value: Hash::of(&[b'v', number]),
    }
}

fn sha256<B: sealbid::crypto::statement::Body + Clone>(body: &B) -> Hash {
    Statement::new(body.clone()).unwrap().sha256()
}

impl Case {
    /// Six of seven contributed: one custodian was silent.
    fn new(per_employer: Option<u32>) -> Self {
        // Few employers, so that a cap of one passes somebody over.
        let employer = |it: u32| Some(body(u64::from(it % 9)));
        let drums = vec![drum("roads", 0..40, employer), drum("bridges", 20..60, employer)];
        let strata = vec![stratum("roads", 3, 2), stratum("bridges", 2, 1)];
        let draw = expert_draw(strata, &drums, per_employer);
        let silent = Contributor::Custodian(id(2));
        let present = draw.contributors.iter().filter(|it| **it != silent);
        let contributions: Vec<Contributed> =
            present.zip(1..).map(|(it, number)| contributed(it, number)).collect();
        let close = Close {
            deadline: START,
            lines: sorted_lines(contributions.iter().map(|it| it.line).collect()),
            open_at: START,
            size: 4096,
            unit_id: unit_id(1),
        };
        let mut case = Self {
            result: DrawResult {
                beacon_value: None,
                close_sha256: sha256(&close),
                contributions,
                draw_sha256: sha256(&draw),
                drawn_at: Time::from_millis(1),
                releases: vec![id(1), id(3), id(4)],
                seed: Hash::of(b""),
                strata: Vec::new(),
                unit_id: unit_id(1),
            },
            draw,
            drums,
            close,
        };
        case.run();
        case
    }

    /// Draws anew from whatever contributions stand there.
    fn run(&mut self) {
        let values: Vec<Hash> = self.result.contributions.iter().map(|it| it.value).collect();
        let Self { draw, result, .. } = self;
        result.draw_sha256 = sha256(draw);
        let beacon = result.beacon_value.as_ref();
        result.seed = seed(&result.draw_sha256, &result.close_sha256, &values, beacon);
        let per_employer = match &draw.source {
            sealbid::draw::statements::Source::Register(it) => it.filter.per_employer,
            sealbid::draw::statements::Source::Values { .. } => None,
        };
        result.strata =
            strata::draw(&result.seed, &draw.strata, &self.drums, per_employer).unwrap();
    }

    fn check(&self) -> Result<(), ResultFault> {
        let (roster, buyer) = (roster(), who(0).1);
        let held = Held {
            draw: &self.draw,
            draw_sha256: sha256(&self.draw),
            close: &self.close,
            close_sha256: sha256(&self.close),
            roster: roster.body(),
            procuring_entity: buyer.verifying(),
        };
        check_result(&self.result, &held)
    }

    fn changed(change: impl FnOnce(&mut DrawResult)) -> Result<(), ResultFault> {
        let mut case = Self::new(Some(1));
        change(&mut case.result);
        case.check()
    }
}

#[test]
fn a_result_as_it_follows_holds() {
    for per_employer in [None, Some(1), Some(2)] {
        assert_eq!(Case::new(per_employer).check(), Ok(()));
    }
    let outcomes: Vec<Outcome> = Case::new(Some(1))
        .result
        .strata
        .iter()
        .flat_map(|it| &it.picks)
        .map(|it| it.outcome)
        .collect();
    assert!(outcomes.contains(&Outcome::Skipped(Skip::Employer)), "{outcomes:?}");
}

#[test]
fn what_is_about_another_draw_or_close_is_refused() {
    for refused in [
        Case::changed(|it| it.draw_sha256 = Hash::of(b"other")),
        Case::changed(|it| it.close_sha256 = Hash::of(b"other")),
        Case::changed(|it| it.unit_id = unit_id(2)),
    ] {
        assert_eq!(refused, Err(ResultFault::Other));
    }
    let mut case = Case::new(None);
    case.draw.pools[0].count += 1;
    assert_eq!(case.check(), Err(ResultFault::Other), "another pool is another draw");
}

#[test]
fn contributions_are_the_closes_lines_each_once_and_in_order() {
    for refused in [
        Case::changed(|it| it.contributions.swap(0, 1)),
        Case::changed(|it| it.contributions.push(it.contributions[0].clone())),
        Case::changed(|it| {
            it.contributions[0].contributor = Contributor::ProcuringEntity(who(3).0);
        }),
    ] {
        assert_eq!(refused, Err(ResultFault::Contributors));
    }
    for refused in [
        Case::changed(|it| drop(it.contributions.pop())),
        Case::changed(|it| it.contributions[0].line = Hash::of(b"line")),
        Case::changed(|it| it.contributions[0].salt = Hash::of(b"salt")),
        Case::changed(|it| it.contributions[0].manifest = it.contributions[1].manifest.clone()),
        Case::changed(|it| it.contributions[0].manifest = String::new()),
    ] {
        assert_eq!(refused, Err(ResultFault::Lines));
    }
}

/// The platform leaves a contribution out and takes its line out of the close as well.
#[test]
fn a_seed_of_fewer_contributions_follows_from_no_close_that_q_signed() {
    let mut case = Case::new(None);
    let dropped = case.result.contributions.pop().unwrap();
    case.run();
    assert_eq!(case.check(), Err(ResultFault::Lines));
    case.close.lines.retain(|it| *it != dropped.line);
    assert_eq!(case.check(), Err(ResultFault::Other));
}

#[test]
fn a_contribution_is_signed_by_whom_it_is_said_to_be() {
    let mut case = Case::new(None);
    // The platform signs in the name of the silent custodian.
    let silent = Contributor::Custodian(id(2));
    let mut forged = contributed(&Contributor::Platform, 9);
    forged.contributor = silent.clone();
    case.close.lines = sorted_lines([case.close.lines.clone(), vec![forged.line]].concat());
    case.result.contributions.insert(1, forged);
    case.result.close_sha256 = sha256(&case.close);
    case.run();
    assert_eq!(case.check(), Err(ResultFault::Signature { contributor: silent.clone() }));
    // One that signed itself holds, and one that another signed beside it does not.
    for (more, holds) in [(None, Ok(())), (Some(platform_key()), Err(silent.clone()))] {
        let mut of_it = contributed(&silent, 9);
        let mut manifest = Statement::<Manifest>::parse(of_it.manifest.as_bytes()).unwrap();
        more.iter().for_each(|key| manifest.sign(key));
        of_it.manifest = manifest.encode();
        let mut case = Case::new(None);
        case.close.lines = sorted_lines([case.close.lines.clone(), vec![of_it.line]].concat());
        case.result.contributions.insert(1, of_it);
        case.result.close_sha256 = sha256(&case.close);
        case.run();
        let holds = holds.map_err(|contributor| ResultFault::Signature { contributor });
        assert_eq!(case.check(), holds);
    }
}

#[test]
fn the_identity_shown_is_the_one_of_the_manifest() {
    let first = Case::new(None).result.contributions[0].contributor.clone();
    let wrong = Err(ResultFault::Identity { contributor: first });
    let other = Identity::from_bytes(Zeroizing::new([99; 32])).encode().to_string();
    assert_eq!(Case::changed(|it| it.contributions[0].identity = other), wrong);
    assert_eq!(Case::changed(|it| it.contributions[0].identity = "AGE-…".to_owned()), wrong);
}

#[test]
fn a_value_or_a_seed_that_is_altered_does_not_follow() {
    for refused in [
        Case::changed(|it| it.contributions[0].value = Hash::of(b"better")),
        Case::changed(|it| it.seed = Hash::of(b"better")),
    ] {
        assert_eq!(refused, Err(ResultFault::Seed));
    }
}

#[test]
fn fewer_custodians_than_open_make_no_result() {
    let mut case = Case::new(None);
    case.result.contributions.drain(..2);
    case.close.lines = sorted_lines(case.result.contributions.iter().map(|it| it.line).collect());
    case.result.close_sha256 = sha256(&case.close);
    case.run();
    assert_eq!(case.check(), Err(ResultFault::FewCustodians), "two of four are left");
}

#[test]
fn a_beacon_counts_where_the_draw_names_one_and_nowhere_else() {
    let value = Some(Hash::of(b"round 7"));
    assert_eq!(Case::changed(|it| it.beacon_value = value), Err(ResultFault::Beacon));
    let mut case = Case::new(None);
    case.draw.beacon = Some(Beacon { chain: Hash::of(b"chain"), round: 7 });
    case.run();
    assert_eq!(case.check(), Err(ResultFault::Beacon));
    case.result.beacon_value = value;
    assert_eq!(case.check(), Err(ResultFault::Seed), "the seed of before");
    case.run();
    assert_eq!(case.check(), Ok(()));
}

#[test]
fn every_position_follows_from_seed_and_pool() {
    let pick = |position| Err(ResultFault::Pick { label: label("roads"), position });
    let friend = Hash::of(b"a friend");
    for (refused, position) in [
        (Case::changed(|it| it.strata[0].picks[0].leaf = friend), 0),
        (Case::changed(|it| it.strata[0].picks[0].index ^= 1), 0),
        (Case::changed(|it| it.strata[0].picks.swap(0, 1)), 0),
        (Case::changed(|it| drop(it.strata[0].picks.remove(1))), 1),
        (Case::changed(|it| it.strata[0].picks[1].proof[0] = friend), 1),
        (Case::changed(|it| it.strata[0].picks[1].proof.truncate(1)), 1),
        (Case::changed(|it| it.strata[0].picks[0].outcome = Outcome::Reserve), 0),
        (Case::changed(|it| it.strata[0].picks[0].outcome = Outcome::Skipped(Skip::Taken)), 0),
    ] {
        assert_eq!(refused, pick(position));
    }
    for refused in [
        Case::changed(|it| drop(it.strata.pop())),
        Case::changed(|it| it.strata.swap(0, 1)),
        Case::changed(|it| it.strata.push(it.strata[0].clone())),
    ] {
        assert_eq!(refused, Err(ResultFault::Strata));
    }
}

#[test]
fn a_walk_ends_where_the_stratum_is_full() {
    let end = Err(ResultFault::End { label: label("roads") });
    assert_eq!(Case::changed(|it| drop(it.strata[0].picks.pop())), end);
    assert_eq!(Case::changed(|it| it.strata[0].picks.clear()), end);
    let more = |it: &mut DrawResult| {
        let again = it.strata[0].picks[0].clone();
        it.strata[0].picks.push(again);
    };
    assert_eq!(Case::changed(more), end);
}

#[test]
fn who_stands_in_two_pools_is_passed_over_in_the_second() {
    // The same forty in both pools, so that the second walk meets somebody taken.
    let mut case = Case::new(None);
    case.drums = vec![drum("roads", 0..12, super::nobodys), drum("bridges", 0..12, super::nobodys)];
    case.draw.pools = case.drums.iter().map(Drum::committed).collect();
    case.run();
    assert_eq!(case.check(), Ok(()));
    let picks = &mut case.result.strata[1].picks;
    let met = picks.iter().position(|it| it.outcome == Outcome::Skipped(Skip::Taken)).unwrap();
    picks[met].outcome = Outcome::Seated;
    let fault = ResultFault::Pick { label: label("bridges"), position: met };
    assert_eq!(case.check(), Err(fault));
}

#[test]
fn nobody_is_passed_over_by_a_cap_that_there_is_not() {
    let mut case = Case::new(None);
    let pick = &mut case.result.strata[0].picks[0];
    pick.outcome = Outcome::Skipped(Skip::Employer);
    let fault = ResultFault::Pick { label: label("roads"), position: 0 };
    assert_eq!(case.check(), Err(fault));
}

#[test]
fn a_stratum_that_ran_out_ends_with_its_pool() {
    let mut case = Case::new(None);
    case.drums[1] = drum("bridges", 100..102, super::nobodys);
    case.draw.pools = case.drums.iter().map(Drum::committed).collect();
    case.run();
    assert_eq!((case.result.strata[1].picks.len(), case.check()), (2, Ok(())));
    case.result.strata[1].picks.pop();
    assert_eq!(case.check(), Err(ResultFault::End { label: label("bridges") }));
}

#[test]
fn a_result_prints_no_identity() {
    assert!(!format!("{:?}", Case::new(None).result).contains("AGE-SECRET-KEY"));
}
