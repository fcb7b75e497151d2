//! Who is registered, and which key speaks for whom when?

use std::sync::Arc;

use sealbid::auth::login::Login;
use sealbid::auth::provider::install_providers;
use sealbid::auth::token::TokenKey;
use sealbid::auth::{Actor, Refused as Access};
use sealbid::clock::{Clock, Time};
use sealbid::crypto::entropy::SeededEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::statement::{Body, Statement};
use sealbid::custodian::roster::{Member, Roster};
use sealbid::db::Db;
use sealbid::enterprise::credentials::credential;
use sealbid::enterprise::refused::Refused;
use sealbid::enterprise::rules::{Action, Pending, State, key_at, next};
use sealbid::enterprise::session::{authenticate, challenge, login, logout};
use sealbid::enterprise::statements::{
    Application, Declined, KeyRevocation, KeyRotation, Kind, Verified,
};
use sealbid::enterprise::uscc::Uscc;
use sealbid::enterprise::{self, store};
use sealbid::ids::{EnterpriseId, SessionId};
use sealbid::record::disclosure::Level;

use crate::on_both;
use crate::support::{START, wait};

pub const ORIGIN: &str = "bids.example.org/record";

pub fn id(n: u64) -> EnterpriseId {
    EnterpriseId::random(&SeededEntropy::new(n)).unwrap()
}

pub fn signer(name: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(name, KeyKind::Statement, &[seed; 32]).unwrap()
}

pub fn key(n: u64, seed: u8) -> SigningKey {
    signer(&format!("{ORIGIN}/enterprise/{}", id(n)), seed)
}

pub fn operator() -> SigningKey {
    signer(&format!("{ORIGIN}/operator/wang"), 100)
}

pub fn roster() -> Roster {
    let public = |name: &str, seed| signer(&format!("{ORIGIN}/{name}"), seed).verifying().clone();
    Roster {
        custodians: vec![Member {
            address: "http://127.0.0.1:1".to_owned(),
            id: "notary".parse().unwrap(),
            name: "Notary".to_owned(),
            statement_key: public("custodian/notary", 103),
            witness_key: public("witness/notary", 104),
        }],
        issued_at: START,
        log_key: public("log", 101),
        operator_keys: vec![operator().verifying().clone()],
        origin: ORIGIN.to_owned(),
        platform_key: public("platform", 102),
        prev_sha256: None,
        regulator_key: public("regulator", 105),
        sealer_sha256: None,
        t: 2,
        version: 1,
    }
}

pub fn application(n: u64, seed: u8) -> Application {
    Application {
        contact: "li@example.org".to_owned(),
        enterprise: id(n),
        key: key(n, seed).verifying().clone(),
        kind: Kind::Enterprise,
        name: format!("甲{n}建设有限公司"),
        uscc: Uscc::unassigned(&SeededEntropy::new(n)).unwrap().to_string(),
    }
}

pub fn signed<B: Body>(body: B, keys: &[&SigningKey]) -> Statement<B> {
    let mut statement = Statement::new(body).unwrap();
    keys.iter().for_each(|key| statement.sign(key));
    statement
}

pub fn vouched(application: &Statement<Application>) -> Verified {
    let body = application.body().clone();
    Verified {
        application_sha256: application.sha256(),
        enterprise: body.enterprise,
        key: body.key,
        kind: body.kind,
        name: body.name,
        uscc: body.uscc,
    }
}

fn apply(db: &Db, statement: &Statement<Application>) -> Result<enterprise::Done, Refused> {
    wait(enterprise::apply(db, &roster(), statement.encode().as_bytes()))
}

fn decide<B: Body>(db: &Db, statement: &Statement<B>) -> Result<enterprise::Done, Refused> {
    wait(enterprise::decide(db, &roster(), statement.encode().as_bytes()))
}

/// Registered and verified with the key of `seed`.
fn register(db: &Db, n: u64, seed: u8) {
    let statement = signed(application(n, seed), &[&key(n, seed)]);
    apply(db, &statement).unwrap();
    decide(db, &signed(vouched(&statement), &[&operator()])).unwrap();
}

fn rotate(db: &Db, n: u64, old: u8, new: u8) -> Result<enterprise::Done, Refused> {
    let (old, new) = (key(n, old), key(n, new));
    let body = KeyRotation {
        enterprise: id(n),
        new_key: new.verifying().clone(),
        old_key: old.verifying().clone(),
    };
    wait(enterprise::rotate_key(db, signed(body, &[&old, &new]).encode().as_bytes()))
}

fn revocation(n: u64, seed: u8) -> KeyRevocation {
    let key = key(n, seed).verifying().clone();
    KeyRevocation { enterprise: id(n), key, reason: "the laptop was stolen".to_owned() }
}

fn revoke(db: &Db, n: u64, seed: u8, by: &SigningKey) -> Result<enterprise::Done, Refused> {
    let statement = signed(revocation(n, seed), &[by]);
    wait(enterprise::revoke_key(db, &roster(), statement.encode().as_bytes()))
}

fn entries(db: &Db) -> Vec<(String, Level)> {
    let all = db.read(|conn| sealbid::record::store::entries(conn, 0, 1000, 1000)).unwrap();
    all.into_iter().map(|entry| (entry.kind, entry.level)).collect()
}

on_both! {
    fn a_registration_is_two_statements_and_a_verified_key(base: TestBase) {
        let db = base.open();
        let statement = signed(application(1, 1), &[&key(1, 1)]);
        assert_eq!(apply(&db, &statement).unwrap().state, "applied");
        let before = base.clock.now();
        base.clock.advance(5_000);
        let done = decide(&db, &signed(vouched(&statement), &[&operator()])).unwrap();
        assert_eq!((done.state, done.enterprise), ("verified", id(1)));
        let found = db.read(|conn| store::find(conn, id(1))).unwrap().unwrap();
        assert_eq!(found.state, State::Verified { key: key(1, 1).verifying().clone() });
        assert_eq!(found.verified_at, Some(before.plus(5_000)));
        assert_eq!(
            entries(&db),
            [
                ("sealbid/application/v1".to_owned(), Level::Regulator),
                ("sealbid/verified/v1".to_owned(), Level::Public),
            ]
        );
        let notes = db.read(|conn| store::statements(conn, id(1))).unwrap();
        let found = credential(ORIGIN, &roster().operator_keys, &notes).unwrap();
        assert_eq!(found.key.as_ref(), Some(key(1, 1).verifying()));
    }
}

on_both! {
    fn a_declined_application_can_be_made_again(base: TestBase) {
        let db = base.open();
        let first = signed(application(1, 1), &[&key(1, 1)]);
        apply(&db, &first).unwrap();
        let declined = Declined {
            application_sha256: first.sha256(),
            enterprise: id(1),
            reason: "the licence is unreadable".to_owned(),
        };
        let declined = signed(declined, &[&operator()]);
        assert_eq!(decide(&db, &declined).unwrap().state, "declined");
        let found = db.read(|conn| store::find(conn, id(1))).unwrap().unwrap();
        assert_eq!(found.state, State::Declined { reason: "the licence is unreadable".to_owned() });
        let mut body = application(1, 1);
        body.contact = "wang@example.org".to_owned();
        let second = signed(body, &[&key(1, 1)]);
        assert_eq!(apply(&db, &second).unwrap().state, "applied");
        assert_eq!(
            decide(&db, &signed(vouched(&first), &[&operator()])),
            Err(Refused::OtherApplication),
            "an operator's word on the first says nothing about the second"
        );
        assert_eq!(decide(&db, &signed(vouched(&second), &[&operator()])).unwrap().state, "verified");
    }
}

on_both! {
    fn the_same_statement_twice_is_answered_as_the_first_time(base: TestBase) {
        let db = base.open();
        let statement = signed(application(1, 1), &[&key(1, 1)]);
        let first = apply(&db, &statement);
        assert_eq!(apply(&db, &statement), first);
        let verified = signed(vouched(&statement), &[&operator()]);
        let second = decide(&db, &verified);
        assert_eq!(decide(&db, &verified), second);
        let third = rotate(&db, 1, 1, 2);
        assert_eq!(rotate(&db, 1, 1, 2), third);
        let fourth = revoke(&db, 1, 2, &operator());
        assert_eq!(revoke(&db, 1, 2, &operator()), fourth);
        assert!([&first, &second, &third, &fourth].iter().all(|done| done.is_ok()));
        assert_eq!(entries(&db).len(), 4);
    }
}

on_both! {
    fn only_an_operator_of_the_roster_verifies(base: TestBase) {
        let db = base.open();
        let statement = signed(application(1, 1), &[&key(1, 1)]);
        apply(&db, &statement).unwrap();
        let stranger = signer(&format!("{ORIGIN}/operator/wang"), 99);
        for keys in [vec![&stranger], vec![], vec![&stranger, &operator()]] {
            let refused = decide(&db, &signed(vouched(&statement), &keys));
            let expected = if keys.is_empty() {
                matches!(refused, Err(Refused::Signature | Refused::NotAnOperator))
            } else {
                refused == Err(Refused::NotAnOperator)
            };
            assert!(expected, "{refused:?}");
        }
        let mut other = vouched(&statement);
        other.name = "乙公司".to_owned();
        let refused = decide(&db, &signed(other, &[&operator()]));
        assert_eq!(refused, Err(Refused::OtherApplication));
        let found = db.read(|conn| store::find(conn, id(1))).unwrap().unwrap();
        assert_eq!(found.state.code(), "applied");
        assert_eq!(entries(&db).len(), 1);
    }
}

on_both! {
    fn an_application_must_be_sound_and_signed_by_its_own_key(base: TestBase) {
        let db = base.open();
        let refused = |change: &dyn Fn(&mut Application), by: &SigningKey| {
            let mut body = application(1, 1);
            change(&mut body);
            apply(&db, &signed(body, &[by])).unwrap_err()
        };
        let own = key(1, 1);
        assert_eq!(refused(&|_| (), &key(1, 2)), Refused::Signature);
        assert!(matches!(refused(&|a| a.uscc.push('0'), &own), Refused::Code(_)));
        assert_eq!(refused(&|a| a.uscc = format!(" {}", a.uscc), &own), Refused::CodeSpelling);
        assert_eq!(refused(&|a| a.name = String::new(), &own), Refused::Text("name"));
        assert_eq!(refused(&|a| a.contact = "x".repeat(501), &own), Refused::Text("contact"));
        assert!(matches!(refused(&|a| a.enterprise = id(2), &own), Refused::KeyName(_)));
        assert!(matches!(refused(&|a| a.kind = Kind::Organisation, &own), Refused::KeyName(_)));
        assert!(matches!(
            wait(enterprise::apply(&db, &roster(), b"nothing of the kind")),
            Err(Refused::Statement(_) | Refused::Signature)
        ));
        assert_eq!(entries(&db), []);
    }
}

on_both! {
    fn one_code_is_verified_once_and_one_key_speaks_for_one_body(base: TestBase) {
        let db = base.open();
        register(&db, 1, 1);
        let mut body = application(2, 2);
        body.uscc = application(1, 1).uscc;
        let claim = signed(body, &[&key(2, 2)]);
        assert_eq!(apply(&db, &claim).unwrap().state, "applied", "anybody may claim");
        let refused = decide(&db, &signed(vouched(&claim), &[&operator()]));
        assert_eq!(refused, Err(Refused::CodeTaken));
        let copied = signed(application(3, 1), &[&key(3, 1)]);
        assert_eq!(apply(&db, &copied), Err(Refused::KeyTaken));
    }
}

on_both! {
    fn a_key_speaks_from_its_entry_until_its_end(base: TestBase) {
        let db = base.open();
        register(&db, 1, 1);
        base.clock.set(START.plus(1_000));
        rotate(&db, 1, 1, 2).unwrap();
        base.clock.set(START.plus(2_000));
        revoke(&db, 1, 2, &key(1, 2)).unwrap();
        base.clock.set(START.plus(3_000));
        let again = signed(application(1, 3), &[&key(1, 3)]);
        assert_eq!(apply(&db, &again).unwrap().state, "reapplied");
        decide(&db, &signed(vouched(&again), &[&operator()])).unwrap();
        let table: [(i64, Option<u8>); 8] = [
            (-1, None),
            (0, Some(1)),
            (999, Some(1)),
            (1_000, Some(2)),
            (1_999, Some(2)),
            (2_000, None),
            (2_999, None),
            (3_000, Some(3)),
        ];
        for (off, seed) in table {
            let at = START.plus(off);
            let found = db.read(|conn| enterprise::key_at(conn, id(1), at)).unwrap();
            let expected = seed.map(|seed| key(1, seed).verifying().clone());
            assert_eq!(found, expected, "{off}");
            let spans = db.read(|conn| store::keys(conn, id(1))).unwrap();
            assert_eq!(key_at(&spans, at), expected.as_ref());
        }
        let notes = db.read(|conn| store::statements(conn, id(1))).unwrap();
        assert_eq!(notes.len(), 4);
        for (count, seed) in [(1, Some(1)), (2, Some(2)), (3, None), (4, Some(3))] {
            let found = credential(ORIGIN, &roster().operator_keys, &notes[..count]).unwrap();
            let expected = seed.map(|seed| key(1, seed).verifying().clone());
            assert_eq!(found.key, expected, "the statements alone say the same");
        }
    }
}

on_both! {
    fn a_rotation_needs_both_keys_and_a_new_one(base: TestBase) {
        let db = base.open();
        register(&db, 1, 1);
        register(&db, 2, 50);
        let body = KeyRotation {
            enterprise: id(1),
            new_key: key(1, 2).verifying().clone(),
            old_key: key(1, 1).verifying().clone(),
        };
        for keys in [vec![&key(1, 1)], vec![&key(1, 2)], vec![&key(1, 1), &key(1, 2), &key(1, 3)]] {
            let statement = signed(body.clone(), &keys);
            let refused = wait(enterprise::rotate_key(&db, statement.encode().as_bytes()));
            assert_eq!(refused, Err(Refused::Signature));
        }
        assert_eq!(rotate(&db, 1, 7, 8), Err(Refused::NotInForce));
        assert_eq!(rotate(&db, 1, 1, 50), Err(Refused::KeyTaken), "somebody else's public key");
        rotate(&db, 1, 1, 2).unwrap();
        assert_eq!(rotate(&db, 1, 2, 1), Err(Refused::KeyTaken), "no way back");
        assert_eq!(rotate(&db, 9, 1, 2), Err(Refused::Unknown));
        let foreign = KeyRotation { enterprise: id(2), ..body };
        let foreign = signed(foreign, &[&key(1, 1), &key(1, 2)]);
        let refused = wait(enterprise::rotate_key(&db, foreign.encode().as_bytes()));
        assert_eq!(refused, Err(Refused::NotInForce), "another body's registration");
    }
}

on_both! {
    fn a_key_is_revoked_by_itself_or_an_operator_and_nobody_else(base: TestBase) {
        let db = base.open();
        register(&db, 1, 1);
        register(&db, 2, 2);
        assert_eq!(revoke(&db, 1, 1, &key(2, 2)), Err(Refused::NotAnOperator));
        assert_eq!(revoke(&db, 1, 1, &operator()).unwrap().state, "keyless");
        assert_eq!(revoke(&db, 2, 2, &key(2, 2)).unwrap().state, "keyless");
        let other = signed(revocation(2, 2), &[&operator()]);
        let refused = wait(enterprise::revoke_key(&db, &roster(), other.encode().as_bytes()));
        assert_eq!(refused.map(|done| done.state), Ok("keyless"), "the same words twice");
        assert_eq!(rotate(&db, 1, 1, 3), Err(Refused::NoKey));
        let reused = signed(application(1, 1), &[&key(1, 1)]);
        assert_eq!(apply(&db, &reused), Err(Refused::KeyTaken), "a revoked key is gone for good");
        let mut body = application(1, 4);
        body.uscc = application(5, 5).uscc;
        let refused = apply(&db, &signed(body, &[&key(1, 4)]));
        assert_eq!(refused, Err(Refused::OtherIdentity));
    }
}

on_both! {
    fn evidence_is_neither_changed_nor_deleted(base: TestBase) {
        let db = base.open();
        register(&db, 1, 1);
        rotate(&db, 1, 1, 2).unwrap();
        for sql in [
            "UPDATE credential SET note = 'x'",
            "DELETE FROM credential",
            "DELETE FROM enterprise_key",
            "UPDATE enterprise_key SET until_at = NULL, ended = NULL",
            "UPDATE enterprise_key SET key = 'x'",
            "DELETE FROM enterprise",
            "UPDATE enterprise SET uscc = 'x'",
            "UPDATE enterprise SET kind = 'organisation'",
            "UPDATE enterprise SET verified_at = NULL",
        ] {
            assert!(base.meddle(sql).is_err(), "{sql}");
        }
    }
}

fn tokens() -> TokenKey {
    install_providers();
    TokenKey::new(&[9; 32], ORIGIN).unwrap()
}

fn log_in(db: &Db, signer: &SigningKey, at: Time) -> Result<(Actor, SessionId, String), Refused> {
    let challenge = wait(challenge(db)).unwrap();
    let body = Login {
        at,
        key: signer.verifying().clone(),
        nonce: challenge.nonce,
        origin: ORIGIN.to_owned(),
    };
    let statement = signed(body, &[signer]).encode();
    let (session, token) = wait(login(db, &roster(), &tokens(), statement.as_bytes()))?;
    let again = wait(login(db, &roster(), &tokens(), statement.as_bytes()));
    assert_eq!(again.map(|_| ()), Err(Refused::Access(Access::Challenge)), "a login serves once");
    Ok((session.actor, session.id, token))
}

fn enter(db: &Db, token: &str) -> Result<Actor, Refused> {
    let now = db.clock().now();
    db.read(|conn| authenticate(conn, &tokens(), token, now)).map(|claims| claims.actor)
}

on_both! {
    fn everybody_logs_in_by_the_registered_key(base: TestBase) {
        let db = base.open();
        register(&db, 1, 1);
        let public = |name: &str, seed| signer(&format!("{ORIGIN}/{name}"), seed);
        for (signer, expected) in [
            (key(1, 1), Actor::Bidder(id(1))),
            (operator(), Actor::Operator("wang".to_owned())),
            (public("regulator", 105), Actor::Regulator),
            (public("custodian/notary", 103), Actor::Custodian("notary".to_owned())),
        ] {
            let (actor, _, token) = log_in(&db, &signer, START).unwrap();
            assert_eq!(actor, expected);
            assert_eq!(enter(&db, &token), Ok(expected));
        }
        for stranger in [key(1, 2), key(2, 1), public("platform", 102), public("log", 101)] {
            let refused = log_in(&db, &stranger, START);
            assert_eq!(refused, Err(Refused::Access(Access::UnknownKey)));
        }
    }
}

on_both! {
    fn an_applicant_that_nobody_vouched_for_cannot_log_in(base: TestBase) {
        let db = base.open();
        apply(&db, &signed(application(1, 1), &[&key(1, 1)])).unwrap();
        let refused = log_in(&db, &key(1, 1), START);
        assert_eq!(refused, Err(Refused::Access(Access::UnknownKey)));
    }
}

on_both! {
    fn a_session_ends_with_logout_with_its_time_and_with_its_key(base: TestBase) {
        let db = base.open();
        register(&db, 1, 1);
        register(&db, 2, 20);
        let (actor, session, token) = log_in(&db, &key(1, 1), START).unwrap();
        let other = Actor::Bidder(id(2));
        let refused = wait(logout(&db, other, session));
        assert_eq!(refused, Err(Refused::Access(Access::NotFound)), "somebody else's session");
        assert!(enter(&db, &token).is_ok());
        wait(logout(&db, actor, session)).unwrap();
        assert_eq!(enter(&db, &token), Err(Refused::Access(Access::Revoked)));

        let (_, _, token) = log_in(&db, &key(1, 1), START).unwrap();
        rotate(&db, 1, 1, 2).unwrap();
        assert_eq!(enter(&db, &token), Err(Refused::Access(Access::Revoked)));
        assert!(log_in(&db, &key(1, 1), START).is_err());

        let (_, _, token) = log_in(&db, &key(1, 2), START).unwrap();
        revoke(&db, 1, 2, &operator()).unwrap();
        assert_eq!(enter(&db, &token), Err(Refused::Access(Access::Revoked)));

        let (_, _, token) = log_in(&db, &key(2, 20), START).unwrap();
        base.clock.advance(15 * 60_000 - 1);
        assert!(enter(&db, &token).is_ok());
        base.clock.advance(1);
        assert_eq!(enter(&db, &token), Err(Refused::Access(Access::Expired)));
    }
}

on_both! {
    fn a_failed_login_uses_its_challenge_up(base: TestBase) {
        let db = base.open();
        register(&db, 1, 1);
        let challenge = wait(challenge(&db)).unwrap();
        let body = |origin: &str| Login {
            at: START,
            key: key(1, 1).verifying().clone(),
            nonce: challenge.nonce,
            origin: origin.to_owned(),
        };
        let attempt = |origin: &str| {
            let statement = signed(body(origin), &[&key(1, 1)]).encode();
            wait(login(&db, &roster(), &tokens(), statement.as_bytes())).map(|_| ())
        };
        assert_eq!(attempt("evil.example"), Err(Refused::Access(Access::Origin)));
        assert_eq!(attempt(ORIGIN), Err(Refused::Access(Access::Challenge)));
        assert_eq!(entries(&db).len(), 2, "logins leave no trace in the record");
    }
}

on_both! {
    fn two_decisions_at_once_leave_one(base: TestBase) {
        let db = Arc::new(base.open());
        let statement = signed(application(1, 1), &[&key(1, 1)]);
        apply(&db, &statement).unwrap();
        let declined = |reason: &str| {
            let body = Declined {
                application_sha256: statement.sha256(),
                enterprise: id(1),
                reason: reason.to_owned(),
            };
            signed(body, &[&operator()]).encode()
        };
        let (one, two) = (declined("one"), declined("two"));
        let roster = roster();
        let (a, b) = wait(async {
            futures_util::join!(
                enterprise::decide(&db, &roster, one.as_bytes()),
                enterprise::decide(&db, &roster, two.as_bytes())
            )
        });
        let refused = [a, b].into_iter().filter_map(Result::err).collect::<Vec<_>>();
        assert_eq!(refused, [Refused::NothingWaiting]);
    }
}

/// Every state and every action, and where it leads.
#[test]
fn every_state_and_action_leads_where_this_table_says() {
    let vk = |seed| key(1, seed).verifying().clone();
    let pending = |seed: u8| Pending { application_sha256: Hash::of(&[seed]), key: vk(seed) };
    let declined = State::Declined { reason: "why".to_owned() };
    let states = [
        State::Applied(pending(1)),
        State::Verified { key: vk(1) },
        declined.clone(),
        State::Keyless,
        State::Reapplied(pending(1)),
    ];
    let decline = |seed: u8| Action::Decline {
        application_sha256: Hash::of(&[seed]),
        reason: "why".to_owned(),
    };
    let verified = State::Verified { key: vk(1) };
    let busy = |refused: Refused| Err::<State, _>(refused);
    // Rows are actions; columns are applied, verified, declined, keyless, reapplied.
    let table: Vec<(Action, [Result<State, Refused>; 5])> = vec![
        (
            Action::Apply(pending(2)),
            [
                busy(Refused::Waiting),
                busy(Refused::AlreadyVerified),
                Ok(State::Applied(pending(2))),
                Ok(State::Reapplied(pending(2))),
                busy(Refused::Waiting),
            ],
        ),
        (
            Action::Verify(pending(1)),
            [
                Ok(verified.clone()),
                busy(Refused::NothingWaiting),
                busy(Refused::NothingWaiting),
                busy(Refused::NothingWaiting),
                Ok(verified.clone()),
            ],
        ),
        (
            Action::Verify(pending(2)),
            [
                busy(Refused::OtherApplication),
                busy(Refused::NothingWaiting),
                busy(Refused::NothingWaiting),
                busy(Refused::NothingWaiting),
                busy(Refused::OtherApplication),
            ],
        ),
        (
            decline(1),
            [
                Ok(declined),
                busy(Refused::NothingWaiting),
                busy(Refused::NothingWaiting),
                busy(Refused::NothingWaiting),
                Ok(State::Keyless),
            ],
        ),
        (
            decline(2),
            [
                busy(Refused::OtherApplication),
                busy(Refused::NothingWaiting),
                busy(Refused::NothingWaiting),
                busy(Refused::NothingWaiting),
                busy(Refused::OtherApplication),
            ],
        ),
        (
            Action::Rotate { old: vk(1), new: vk(2) },
            [
                busy(Refused::NoKey),
                Ok(State::Verified { key: vk(2) }),
                busy(Refused::NoKey),
                busy(Refused::NoKey),
                busy(Refused::NoKey),
            ],
        ),
        (
            Action::Rotate { old: vk(2), new: vk(1) },
            [
                busy(Refused::NoKey),
                busy(Refused::NotInForce),
                busy(Refused::NoKey),
                busy(Refused::NoKey),
                busy(Refused::NoKey),
            ],
        ),
        (
            Action::Rotate { old: vk(1), new: vk(1) },
            [
                busy(Refused::NoKey),
                busy(Refused::KeyTaken),
                busy(Refused::NoKey),
                busy(Refused::NoKey),
                busy(Refused::NoKey),
            ],
        ),
        (
            Action::Revoke { key: vk(1) },
            [
                busy(Refused::NoKey),
                Ok(State::Keyless),
                busy(Refused::NoKey),
                busy(Refused::NoKey),
                busy(Refused::NoKey),
            ],
        ),
        (
            Action::Revoke { key: vk(2) },
            [
                busy(Refused::NoKey),
                busy(Refused::NotInForce),
                busy(Refused::NoKey),
                busy(Refused::NoKey),
                busy(Refused::NoKey),
            ],
        ),
    ];
    for (action, row) in table {
        for (state, expected) in states.iter().zip(row) {
            assert_eq!(next(state, &action), expected, "{state:?} {action:?}");
        }
    }
}
