//! Does an answer about an entry cost the same whether it is sealed or a pad?

use sealbid::auth::Actor;
use sealbid::opening::disclosed;
use sealbid::opening::disclosed::sight::{Sight, visible};

use crate::on_both;
use crate::opening_world::{Spoil, World, pads, who};
use crate::openings::with_bids;
use crate::support::wait;

fn sees(world: &World, actor: &Actor, index: u64) -> bool {
    wait(disclosed::entry(&world.platform, &pads(), actor, index)).unwrap().is_some()
}

on_both! {
    fn what_may_not_be_seen_is_decided_without_its_unit_or_its_event(base: TestBase) {
        let world = with_bids(base);
        let envelopes = world.db.read(|conn| {
            sealbid::opening::store::envelopes(conn, &world.id)
        }).unwrap();
        let sealed = envelopes[0].accepted_index;
        let pad = world.published().size - 1;
        let (mine, other) = (Actor::Bidder(who(1).0), Actor::Bidder(who(2).0));
        let regulator = Actor::Regulator;
        assert!(sees(&world, &mine, sealed));
        // Whoever asked for the unit from here on would be told that it is corrupt.
        world.base.meddle("UPDATE unit SET note = 'unreadable'").unwrap();
        for actor in [&Actor::Public, &other, &Actor::Buyer(who(0).0), &regulator] {
            assert!(!sees(&world, actor, sealed), "{actor:?}");
            assert!(!sees(&world, actor, pad), "{actor:?}");
        }
        assert!(sees(&world, &mine, sealed), "its own, without the unit");
    }
}

on_both! {
    fn the_database_tells_no_more_than_a_sight_allows(base: TestBase) {
        let world = with_bids(base);
        world.accept(4, &world.seal(4, 9, Spoil::Nothing));
        let envelopes = world.db.read(|conn| {
            sealbid::opening::store::envelopes(conn, &world.id)
        }).unwrap();
        let sealed = envelopes[0].accepted_index;
        let within = |index, sight| {
            let seen = world.db.read(|conn| visible(conn, &sight, &(index..index + 1))).unwrap();
            seen == [index]
        };
        for (sight, open, own) in [
            (Sight::Public, true, false),
            (Sight::Named(who(1).0), true, true),
            (Sight::Named(who(2).0), true, false),
            (Sight::All, true, false),
        ] {
            assert_eq!(within(0, sight.clone()), open);
            assert_eq!(within(sealed, sight.clone()), own, "{sight:?}");
        }
        world.base.meddle("UPDATE unit SET state = 'opened'").unwrap();
        assert!(within(sealed, Sight::All));
        assert!(!within(sealed, Sight::Public));
    }
}

on_both! {
    fn what_was_refused_of_a_unit_that_never_took_effect_is_open_to_the_regulator(base: TestBase) {
        let world = with_bids(base);
        world.lapsed();
        world.beat();
        let last = world.published().size;
        let page = |actor: &Actor| {
            let pads = pads();
            let page = wait(disclosed::page(&world.platform, &pads, actor, 0..last)).unwrap();
            let leaves = page.leaves;
            leaves.into_iter().filter(|leaf| {
                String::from_utf8_lossy(&leaf.event).contains("sealbid/refused/v1")
            }).count()
        };
        assert_eq!((page(&Actor::Regulator), page(&Actor::Public)), (1, 0));
    }
}
