//! Which key speaks for a body, from when until when?

use super::*;
use sealbid::enterprise::rules::MAX_ROTATIONS;

on_both! {
    fn statements_in_their_order_say_which_key_speaks(base: TestBase) {
        let db = base.open();
        register(&db, 1, 1);
        rotate(&db, 1, 1, 2).unwrap();
        revoke(&db, 1, 2, &key(1, 2)).unwrap();
        let again = signed(application(1, 3), &[&key(1, 3)]);
        assert_eq!(apply(&db, &again).unwrap().state, "reapplied");
        decide(&db, &signed(vouched(&again), &[&operator()])).unwrap();
        let notes = db.read(|conn| store::statements(conn, id(1))).unwrap();
        assert_eq!(notes.len(), 4);
        for (count, seed) in [(1, Some(1)), (2, Some(2)), (3, None), (4, Some(3))] {
            let found = credential(&Statement::new(roster()).unwrap(), &notes[..count]).unwrap();
            let expected = seed.map(|seed| key(1, seed).verifying().clone());
            assert_eq!(found.key, expected, "after {count}");
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
    fn a_key_is_rotated_so_often_and_then_an_operator_vouches_again(base: TestBase) {
        let db = base.open();
        register(&db, 1, 1);
        let most = u8::try_from(MAX_ROTATIONS).unwrap();
        for seed in 1..=most {
            rotate(&db, 1, seed, seed + 1).unwrap();
        }
        assert_eq!(rotate(&db, 1, most + 1, 200), Err(Refused::ManyRotations));
        assert_eq!(rotate(&db, 1, most + 1, 200), Err(Refused::ManyRotations), "and stays so");
        let notes = db.read(|conn| store::statements(conn, id(1))).unwrap();
        assert_eq!(notes.len(), 1 + usize::from(most), "nothing was recorded of it");
        base.clock.advance(1);
        revoke(&db, 1, most + 1, &operator()).unwrap();
        base.clock.advance(1);
        let again = signed(application(1, 201), &[&key(1, 201)]);
        apply(&db, &again).unwrap();
        decide(&db, &signed(vouched(&again), &[&operator()])).unwrap();
        base.clock.advance(1);
        rotate(&db, 1, 201, 202).unwrap();
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
