//! Does an act find what the acts before it in the same batch recorded? What is said several times at
//! once stands once, and is answered with the same.

use futures_util::future::join_all;
use sealbid::auth::Actor;
use sealbid::crypto::statement::Statement;
use sealbid::opening::statements::{Challenged, Verdict, Void};
use sealbid::tender::amend;
use sealbid::tender::rules::cancellation;

use crate::on_both;
use crate::opening_world::who;
use crate::openings::with_bids;
use crate::others_words::{shown, with_a_lost_bid};
use crate::support::wait;

/// How often it is said: more than one batch takes up by chance.
const TIMES: usize = 16;

on_both! {
    fn a_finding_that_comes_from_everywhere_at_once_stands_once(base: TestBase) {
        let (world, bid) = with_a_lost_bid(base);
        let ask = shown(&world, &bid);
        let found = world.agents.challenge(2, &ask).unwrap();
        assert_eq!(found.body().verdict, Verdict::Open);
        let note = found.encode();
        let brought = (0..TIMES).map(|_| world.opener().take_challenge(&note, &ask.account));
        for taken in wait(join_all(brought)) {
            taken.unwrap();
        }
        assert_eq!(world.events("sealbid/challenged/v1").len(), 1);
        assert_eq!(world.events("sealbid/challenge/v1").len(), 1);
        let kept = Statement::<Challenged>::parse(&world.events("sealbid/challenged/v1")[0]);
        assert_eq!(kept.unwrap().sha256(), found.sha256());
    }
}

on_both! {
    fn a_cancellation_that_comes_several_times_at_once_is_answered_with_one_entry(base: TestBase) {
        let world = with_bids(base);
        let (buyer, key) = who(0);
        let note = Statement::<Void>::signed(cancellation(world.id), &key).unwrap().encode();
        let actor = Actor::Buyer(buyer);
        let asked = (0..TIMES).map(|_| amend::cancel(&world.platform, &actor, &note));
        let answers: Vec<u64> = wait(join_all(asked)).into_iter().map(Result::unwrap).collect();
        assert!(answers.iter().all(|index| *index == answers[0]), "{answers:?}");
        assert_eq!(world.events("sealbid/void/v1").len(), 1);
    }
}
