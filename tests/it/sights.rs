//! Does an answer about an entry cost the same whether it is sealed or a pad?

use sealbid::auth::Actor;
use sealbid::opening::disclosed;
use sealbid::opening::store::{Sight, is_within};

use crate::on_both;
use crate::opening_world::{Spoil, World, who};
use crate::openings::with_bids;
use crate::support::wait;

fn sees(world: &World, actor: &Actor, index: u64) -> bool {
    wait(disclosed::entry(&world.platform, actor, index)).unwrap().is_some()
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
        let within = |index, sight| world.db.read(|conn| is_within(conn, index, &sight)).unwrap();
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
