//! Who is let in by the registered key, and for how long?

use sealbid::on_each;

use super::*;

fn tokens() -> TokenKey {
    install_providers();
    TokenKey::new(&[9; 32], ORIGIN).unwrap()
}

fn log_in(db: &Db, signer: &SigningKey, at: Time) -> Result<(Actor, SessionId, String), Refused> {
    let challenge = challenge(db, &tokens()).unwrap();
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
    let claims = tokens().check(token, now)?;
    wait(Arc::<Standing>::default().check::<Refused>(db, &claims, now)).map(|()| claims.actor)
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
    fn a_login_that_fails_leaves_its_challenge_and_one_that_succeeds_uses_it_up(base: TestBase) {
        let db = base.open();
        register(&db, 1, 1);
        let challenge = challenge(&db, &tokens()).unwrap();
        let attempt = |origin: &str, signer: &SigningKey| {
            let body = Login {
                at: START,
                key: signer.verifying().clone(),
                nonce: challenge.nonce,
                origin: origin.to_owned(),
            };
            let statement = signed(body, &[signer]).encode();
            wait(login(&db, &roster(), &tokens(), statement.as_bytes())).map(|_| ())
        };
        let refused = |why| Err(Refused::Access(why));
        assert_eq!(attempt("evil.example", &key(1, 1)), refused(Access::Origin));
        assert_eq!(attempt(ORIGIN, &key(1, 2)), refused(Access::UnknownKey));
        base.meddle("INSERT INTO challenge_used (nonce, expires_at) VALUES ('x', 0)").unwrap();
        assert_eq!(attempt(ORIGIN, &key(1, 1)), Ok(()));
        assert_eq!(attempt(ORIGIN, &key(1, 1)), refused(Access::Challenge));
        assert_eq!(used(&db), [challenge.nonce.to_string()], "what is over is cleared away");
        assert_eq!(entries(&db).len(), 2, "logins leave no trace in the record");
    }
}

fn used(db: &Db) -> Vec<String> {
    use diesel::prelude::*;
    use sealbid::db::schema::challenge_used;
    let nonces = challenge_used::table.select(challenge_used::nonce);
    db.read(|conn| Ok::<_, sealbid::db::Error>(on_each!(conn, |c| nonces.load(c))?)).unwrap()
}

on_both! {
    fn nobody_is_locked_out_by_those_who_only_ask(base: TestBase) {
        let db = base.open();
        register(&db, 1, 1);
        let asked = tokens();
        for _ in 0..25_000 {
            challenge(&db, &asked).unwrap();
        }
        assert_eq!(used(&db), Vec::<String>::new(), "asking leaves no row");
        assert!(log_in(&db, &key(1, 1), START).is_ok());
    }
}

on_both! {
    fn a_session_that_is_over_is_cleared_away_by_the_next_login(base: TestBase) {
        let db = base.open();
        register(&db, 1, 1);
        let (_, first, _) = log_in(&db, &key(1, 1), START).unwrap();
        let kept = || db.read(|conn| sealbid::auth::store::find_session(conn, first)).unwrap();
        base.clock.advance(15 * 60_000 - 1);
        log_in(&db, &key(1, 1), db.clock().now()).unwrap();
        assert!(kept().is_some());
        base.clock.advance(1);
        log_in(&db, &key(1, 1), db.clock().now()).unwrap();
        assert_eq!(kept(), None);
    }
}

on_both! {
    fn those_who_ask_at_once_are_each_answered_for_their_own_session(base: TestBase) {
        let db = base.open();
        for n in 1..=20_u8 {
            register(&db, n.into(), n);
        }
        let tokens = tokens();
        let opened: Vec<_> = (1..=20_u8).map(|n| log_in(&db, &key(n.into(), n), START).unwrap()).collect();
        for (actor, id, _) in opened.iter().step_by(2) {
            wait(logout(&db, actor.clone(), *id)).unwrap();
        }
        let (standing, now) = (Arc::<Standing>::default(), db.clock().now());
        let ask = |n: usize| {
            let (standing, db) = (Arc::clone(&standing), db.clone());
            let claims = tokens.check(&opened[n % 20].2, now).unwrap();
            async move { (n, standing.check::<Refused>(&db, &claims, now).await) }
        };
        let answers = wait(futures_util::future::join_all((0..200).map(ask)));
        for (n, answer) in answers {
            let expected = if n % 2 == 0 { Err(Refused::Access(Access::Revoked)) } else { Ok(()) };
            assert_eq!(answer, expected, "{n}");
        }
    }
}
