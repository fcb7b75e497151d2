//! What can somebody do in a name that is not his?

use sealbid::cli::enterprise::Registered;
use sealbid::cli::failed::Failed;

use super::*;

/// What anybody can send who knows a public registration: its id, kind and code, and his own key.
fn squatter(n: u64, seed: u8) -> Statement<Application> {
    let mut body = application(n, seed);
    body.name = "甲建设集团".to_owned();
    body.contact = "thief@example.org".to_owned();
    signed(body, &[&key(n, seed)])
}

fn declined(application: &Statement<Application>) -> Statement<Declined> {
    let body = Declined {
        application_sha256: application.sha256(),
        enterprise: application.body().enterprise,
        reason: "not yours".to_owned(),
    };
    signed(body, &[&operator()])
}

fn waiting(db: &Db) -> Vec<Hash> {
    let found = db.read(|conn| applications::waiting(conn, None, 100)).unwrap();
    found.iter().map(|(filed, _)| filed.statement.sha256()).collect()
}

on_both! {
    fn an_application_in_a_verified_name_changes_nothing_of_who_it_is(base: TestBase) {
        let db = base.open();
        register(&db, 1, 1);
        revoke(&db, 1, 1, &operator()).unwrap();
        let of = |db: &Db| {
            let found = db.read(|conn| store::find(conn, id(1))).unwrap().unwrap();
            (found.application, found.application_sha256, found.verified_at)
        };
        let before = of(&db);
        let thief = squatter(1, 66);
        assert_eq!(apply(&db, &thief).unwrap().state, "reapplied");
        assert_eq!(of(&db), before, "while it waits");
        assert_eq!(decide(&db, &declined(&thief)).unwrap().state, "keyless");
        assert_eq!(of(&db), before, "after it was declined");
    }
}

on_both! {
    fn who_applies_first_in_a_name_keeps_nobody_else_from_applying(base: TestBase) {
        let db = base.open();
        register(&db, 1, 1);
        revoke(&db, 1, 1, &operator()).unwrap();
        let (thief, owner) = (squatter(1, 66), signed(application(1, 2), &[&key(1, 2)]));
        apply(&db, &thief).unwrap();
        base.clock.advance(1);
        assert_eq!(apply(&db, &owner).unwrap().state, "reapplied");
        assert_eq!(waiting(&db), [thief.sha256(), owner.sha256()]);
        let done = decide(&db, &signed(vouched(&owner), &[&operator()])).unwrap();
        assert_eq!(done.state, "verified");
        assert_eq!(waiting(&db), [], "what else waited in this name is passed over");
        let refused = decide(&db, &signed(vouched(&thief), &[&operator()]));
        assert_eq!(refused, Err(Refused::NothingWaiting));
        let found = db.read(|conn| store::find(conn, id(1))).unwrap().unwrap();
        assert_eq!(found.application, *owner.body());
        assert_eq!(found.state, State::Verified { key: key(1, 2).verifying().clone() });
    }
}

on_both! {
    fn declining_one_of_several_leaves_the_others_waiting(base: TestBase) {
        let db = base.open();
        let (thief, owner) = (squatter(1, 66), signed(application(1, 1), &[&key(1, 1)]));
        apply(&db, &owner).unwrap();
        base.clock.advance(1);
        apply(&db, &thief).unwrap();
        assert_eq!(decide(&db, &declined(&thief)).unwrap().state, "applied");
        assert_eq!(waiting(&db), [owner.sha256()]);
        let again = decide(&db, &declined(&thief)).unwrap();
        assert_eq!((again.state, entries(&db).len()), ("applied", 3), "the same words twice");
        assert_eq!(decide(&db, &declined(&owner)).unwrap().state, "declined");
        assert_eq!(apply(&db, &owner).unwrap().state, "applied", "the same may be made again");
        assert_eq!(waiting(&db), [owner.sha256()]);
        assert_eq!(decide(&db, &declined(&owner)).unwrap().state, "declined");
        assert_eq!(entries(&db).len(), 6);
    }
}

on_both! {
    fn what_waits_is_paged_without_gap_or_repeat(base: TestBase) {
        let db = base.open();
        let all: Vec<_> = (1..=7).map(|n| signed(application(n, 9), &[&key(n, 9)])).collect();
        for (n, application) in all.iter().enumerate() {
            apply(&db, application).unwrap();
            if n % 3 == 2 {
                base.clock.advance(1);
            }
        }
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let page = db.read(|conn| applications::waiting(conn, after, 2)).unwrap();
            let Some((last, _)) = page.last() else { break };
            after = Some((last.applied_at, last.statement.sha256()));
            paged.extend(page.iter().map(|(filed, _)| filed.statement.sha256()));
        }
        assert_eq!(paged, waiting(&db));
        assert_eq!(paged.len(), all.len());
    }
}

#[test]
fn an_operator_signs_what_the_applicant_signed_and_not_what_is_told_of_it() {
    let statement = signed(application(1, 1), &[&key(1, 1)]);
    let told = |change: &dyn Fn(&mut Registered)| {
        let body = statement.body().clone();
        let mut it = Registered {
            enterprise: body.enterprise,
            kind: body.kind,
            name: body.name,
            uscc: body.uscc,
            state: "applied".to_owned(),
            application_sha256: statement.sha256(),
            application: Some(statement.encode()),
            key: body.key,
            reason: None,
            contact: Some(body.contact),
            credentials: Vec::new(),
            by_key: None,
        };
        change(&mut it);
        it.signed(ORIGIN)
    };
    assert_eq!(told(&|_| ()).unwrap().sha256(), statement.sha256());
    let forged = signed(application(1, 1), &[&key(1, 2)]).encode();
    let changes: [&dyn Fn(&mut Registered); 9] = [
        &|it| it.application = None,
        &|it| it.application = Some(forged.clone()),
        &|it| it.application_sha256 = Hash::of(b"another"),
        &|it| it.enterprise = id(2),
        &|it| it.kind = Kind::Organisation,
        &|it| it.name.push('x'),
        &|it| it.uscc = application(2, 1).uscc,
        &|it| it.key = key(1, 2).verifying().clone(),
        &|it| it.contact = None,
    ];
    for (n, change) in changes.iter().enumerate() {
        assert!(matches!(told(change), Err(Failed::Answer(_))), "change {n}");
    }
}
