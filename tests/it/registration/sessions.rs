//! Who is let in by the registered key, and for how long?

use super::*;

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
