//! Who is registered, and which key speaks for whom when?

mod keys;
mod sessions;
mod squatting;
mod table;

use std::sync::Arc;

use sealbid::auth::login::Login;
use sealbid::auth::provider::install_providers;
use sealbid::auth::standing::Standing;
use sealbid::auth::token::TokenKey;
use sealbid::auth::{Actor, Refused as Access};
use sealbid::clock::{Clock, Time};
use sealbid::crypto::entropy::SeededEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::{KeyKind, SigningKey, VerifyingKey};
use sealbid::crypto::statement::{Body, Statement};
use sealbid::custodian::roster::{Member, Roster};
use sealbid::db::Db;
use sealbid::enterprise::credentials::credential;
use sealbid::enterprise::refused::Refused;
use sealbid::enterprise::rules::{Action, Others, State, next};
use sealbid::enterprise::session::{challenge, login, logout};
use sealbid::enterprise::statements::{
    Application, Declined, KeyRevocation, KeyRotation, Kind, Verified,
};
use sealbid::enterprise::uscc::Uscc;
use sealbid::enterprise::{self, applications, store};
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
        let found = credential(&Statement::new(roster()).unwrap(), &notes).unwrap();
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
