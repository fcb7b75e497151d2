//! Who may do what? The table again, written out by hand, so that a change is made twice.

use std::collections::BTreeSet;

use sealbid::auth::table::{Act, Existence, Owner, Reach, TABLE, allow};
use sealbid::auth::{Actor, Refused, Role};
use sealbid::crypto::entropy::SeededEntropy;
use sealbid::ids::EnterpriseId;

/// p = public, b = bidder, y = buyer, o = operator, r = regulator, c = custodian; capital: all of
/// them, small: its own only.
const EXPECTED: &[(Act, &str)] = &[
    (Act::ReadPublic, "PBYORC"),
    (Act::LogIn, "PBYORC"),
    (Act::LogOut, "byorc"),
    (Act::Apply, "PBYORC"),
    (Act::ReadApplication, "byOR"),
    (Act::Decide, "O"),
    (Act::RotateKey, "by"),
    (Act::RevokeKey, "byO"),
    (Act::DraftTender, "y"),
    (Act::ReadDraft, "yR"),
    (Act::Publish, "y"),
    (Act::Amend, "y"),
    (Act::RegisterOutage, "O"),
    (Act::Cancel, "y"),
    (Act::Upload, "b"),
    (Act::Submit, "b"),
    (Act::HandInLodged, "PBYORC"),
    (Act::ReadOwnBid, "b"),
    (Act::Challenge, "PBYORC"),
    (Act::ReadOpened, "byR"),
    (Act::Order, "yR"),
    (Act::Suspend, "R"),
    (Act::ReadSupervised, "R"),
    (Act::ReadAuditBundle, "R"),
    (Act::ChangeRoster, "R"),
];

fn id(seed: u64) -> EnterpriseId {
    EnterpriseId::random(&SeededEntropy::new(seed)).unwrap()
}

fn actors() -> [(char, Actor); 6] {
    [
        ('p', Actor::Public),
        ('b', Actor::Bidder(id(1))),
        ('y', Actor::Buyer(id(1))),
        ('o', Actor::Operator("wang".to_owned())),
        ('r', Actor::Regulator),
        ('c', Actor::Custodian("notary".to_owned())),
    ]
}

#[test]
fn every_act_and_role_is_as_written_here() {
    let rows: BTreeSet<Act> = TABLE.iter().map(|row| row.act).collect();
    let expected: BTreeSet<Act> = EXPECTED.iter().map(|(act, _)| *act).collect();
    assert_eq!(rows, expected);
    assert_eq!((TABLE.len(), EXPECTED.len()), (rows.len(), rows.len()), "a row stands twice");
    for (act, may) in EXPECTED {
        for (letter, actor) in actors() {
            let reach = if may.contains(letter.to_ascii_uppercase()) {
                Reach::Any
            } else if may.contains(letter) {
                Reach::Own
            } else {
                Reach::No
            };
            assert_eq!(act.reach(actor.role()), reach, "{act:?} {actor}");
        }
    }
}

#[test]
fn every_decision_follows_from_reach_owner_and_existence() {
    for (act, _) in EXPECTED {
        for (_, actor) in actors() {
            let owners = [
                (Owner::Actor, true),
                (Owner::Exactly(actor.clone()), true),
                (Owner::Exactly(Actor::Operator("other".to_owned())), false),
                (Owner::Enterprise(id(1)), actor.enterprise().is_some()),
                (Owner::Enterprise(id(2)), false),
            ];
            for (owner, is_own) in owners {
                let allowed = match act.reach(actor.role()) {
                    Reach::Any => true,
                    Reach::Own => is_own,
                    Reach::No => false,
                };
                let expected = if allowed {
                    Ok(())
                } else if actor == Actor::Public {
                    Err(Refused::NotLoggedIn)
                } else if act.row().existence == Existence::Hidden {
                    Err(Refused::NotFound)
                } else {
                    Err(Refused::Forbidden)
                };
                assert_eq!(allow(&actor, *act, &owner), expected, "{act:?} {actor} {owner:?}");
            }
        }
    }
}

#[test]
fn another_bidders_bid_does_not_exist_for_anybody() {
    for (_, actor) in actors().into_iter().filter(|(_, a)| *a != Actor::Public) {
        let theirs = Owner::Enterprise(id(2));
        assert_eq!(allow(&actor, Act::ReadOwnBid, &theirs), Err(Refused::NotFound), "{actor}");
    }
}

#[test]
fn the_operator_publishes_amends_and_submits_nothing() {
    let operator = Actor::Operator("wang".to_owned());
    for act in [Act::Publish, Act::Amend, Act::Cancel, Act::Submit, Act::Order, Act::Suspend] {
        assert!(allow(&operator, act, &Owner::Actor).is_err(), "{act:?}");
    }
}

#[test]
fn the_columns_are_the_roles_in_order() {
    for (role, (_, actor)) in Role::ALL.into_iter().zip(actors()) {
        assert_eq!(role, actor.role());
    }
}
