//! Does a unit close, open and verify whatever custodians tell of lodged bids, how long their files
//! take, and whoever invents; and does a lodged bid count all the same?

use sealbid::auth::Actor;
use sealbid::bid::rules::Refused;
use sealbid::bid::statements::{BidEvent, Fault};
use sealbid::bid::{self, Outcome, Submission, upload};
use sealbid::crypto::json;
use sealbid::crypto::statement::{Body as _, Statement};
use sealbid::custodian::wire::{LodgedBid, LodgedReply};
use sealbid::opening::rules::lodged::lodged_line;
use sealbid::opening::rules::{LODGED_MS, Step, UnitState};
use sealbid::opening::statements::{Close, LineStatus, Lodged, OpenedLine};

use crate::on_both;
use crate::opening_world::{Bid, DEADLINE, OPEN_AT, Spoil, World, id, who};
use crate::openings::{opening, verified, with_bids};
use crate::support::{TestBase, wait};

const FILE: &str = "/lodged/bid";

/// A fourth bid is lodged with the third custodian, which takes longer for its file than anybody waits;
/// the unit is closed.
fn closed_without_its_file(base: TestBase) -> (World, Bid) {
    let world = with_bids(base);
    let fourth = world.seal(4, 4, Spoil::Nothing);
    world.agents.lodge(3, &fourth).unwrap();
    world.agents.hang(&[3], FILE);
    world.to(DEADLINE);
    world.settle(4);
    world.to(DEADLINE.plus(1_000));
    world.settle(5);
    let row = world.row();
    assert_eq!((row.state, row.close.unwrap().body().lines.len()), (UnitState::Closed, 4));
    assert_eq!(world.events("sealbid/missing/v1").len(), 1, "its bidder is told");
    (world, fourth)
}

fn opened(world: &World) -> Vec<OpenedLine> {
    world.to(OPEN_AT);
    world.settle(4);
    opening(world).lines
}

fn outcome_of(lines: &[OpenedLine], bidder: u16) -> LineStatus {
    lines.iter().find(|line| line.bidder == who(bidder).0).unwrap().outcome.clone()
}

fn are_opened(lines: &[OpenedLine]) -> usize {
    lines.iter().filter(|line| matches!(line.outcome, LineStatus::Opened { .. })).count()
}

on_both! {
    fn a_lodged_bid_whose_file_takes_longer_than_a_set_is_frozen_is_opened_when_it_comes(base: TestBase) {
        let (world, _) = closed_without_its_file(base);
        world.to(DEADLINE.plus(48_000));
        world.settle(2);
        assert!(world.events("sealbid/resupplied/v1").is_empty());
        world.agents.hang(&[], FILE);
        world.step();
        assert!(world.events("sealbid/resupplied/v1").is_empty(), "it was asked just now");
        world.to(DEADLINE.plus(58_500));
        world.step();
        assert_eq!(world.events("sealbid/resupplied/v1").len(), 1);
        let lines = opened(&world);
        assert_eq!((lines.len(), are_opened(&lines)), (4, 4));
        verified(&world);
    }
}

on_both! {
    fn a_lodged_bid_whose_file_never_comes_is_lost_and_keeps_no_other_sealed(base: TestBase) {
        let (world, _) = closed_without_its_file(base);
        let lines = opened(&world);
        assert_eq!((lines.len(), are_opened(&lines)), (4, 3));
        assert_eq!(outcome_of(&lines, 4), LineStatus::Lost);
        verified(&world);
        // Nobody is asked for it any more.
        assert!(wait(world.opener().errands()).unwrap().is_empty());
    }
}

on_both! {
    fn what_comes_when_others_prices_can_be_read_counts_no_more(base: TestBase) {
        let (world, _) = closed_without_its_file(base);
        world.to(OPEN_AT);
        let are_released = |world: &World| world.events("sealbid/released/v1").len() >= 3;
        assert!((0..6).any(|_| world.step() == Step::AskRelease && are_released(&world)));
        assert_eq!(world.row().state, UnitState::Closed);
        world.agents.hang(&[], FILE);
        world.base.clock.advance(20_000);
        world.fetch();
        world.settle(3);
        assert_eq!(outcome_of(&opening(&world).lines, 4), LineStatus::Lost);
        assert!(world.events("sealbid/resupplied/v1").is_empty());
        verified(&world);
    }
}

on_both! {
    fn a_bidder_brings_itself_what_its_custodian_does_not_hand_out(base: TestBase) {
        let (world, fourth) = closed_without_its_file(base);
        let (p, actor) = (&world.platform, Actor::Bidder(who(4).0));
        let manifest = fourth.manifest.sha256();
        let refused = wait(bid::resupply(p, &actor, world.id, manifest)).unwrap_err();
        assert!(matches!(refused, bid::Error::Refused(Refused::Shares)), "{refused}");
        let size = fourth.bytes.len() as u64;
        let sent = wait(upload::create_lodged(p, &actor, size)).unwrap();
        let mut append = wait(upload::append(p, &actor, sent, 0, None)).unwrap();
        append.write(&fourth.bytes).unwrap();
        append.finish().unwrap();
        wait(upload::complete(p, &actor, sent)).unwrap();
        let submission = Submission {
            unit: world.id,
            manifest: fourth.manifest.encode(),
            shares: fourth.shares.clone(),
            arrived_at: DEADLINE.plus(5_000),
            lodged: None,
        };
        let answer = wait(bid::submit(p, &actor, submission)).unwrap();
        assert_eq!(answer.outcome, Outcome::Accepted, "it was, by its custodian's word");
        assert_eq!(world.events("sealbid/resupplied/v1").len(), 1);
        assert_eq!(are_opened(&opened(&world)), 4);
        verified(&world);
    }
}

on_both! {
    fn a_bid_told_when_no_set_could_be_frozen_with_it_stops_no_close(base: TestBase) {
        let world = with_bids(base);
        let fourth = world.seal(4, 4, Spoil::Nothing);
        world.agents.lodge(3, &fourth).unwrap();
        world.agents.sleep(&[1, 2, 3, 4, 5]);
        world.to(DEADLINE);
        world.settle(2);
        assert_eq!(world.row().state, UnitState::Open);
        world.agents.sleep(&[]);
        world.to(DEADLINE.plus(LODGED_MS));
        world.settle(1);
        let refused = world.events("sealbid/refused/v1");
        let Ok(BidEvent::Refused { code, fault, .. }) = json::parse(&refused[0]) else { panic!() };
        assert_eq!((code.as_str(), fault), ("undecided", Fault::Platform));
        world.to(DEADLINE.plus(61_000));
        world.settle(5);
        assert_eq!(world.events(Close::TYPE).len(), 1);
        assert_eq!(world.row().close.unwrap().body().lines.len(), 3);
        world.to(OPEN_AT.plus(20_000));
        world.settle(5);
        assert_eq!(are_opened(&opening(&world).lines), 3, "nobody challenged it");
        verified(&world);
    }
}

/// What the second custodian says that it was lodged, page by page, each in its own words, and nothing
/// after that: no page is the last.
fn invented(world: &World) -> Vec<LodgedReply> {
    let bid = |n: u16| {
        let mut manifest = world.seal(4, 4, Spoil::Nothing).manifest.body().clone();
        manifest.seq = 1 + u32::from(n);
        // In the fourth's name, by the fifth's key.
        let (bidder, manifest) = (who(4).0, Statement::signed(manifest, &forger()).unwrap());
        let lodged = Lodged {
            arrived_at: DEADLINE.plus(-1),
            bidder,
            custodian: id(2),
            manifest_sha256: manifest.sha256(),
            unit_id: world.id,
        };
        let lodged = Statement::signed(lodged, &world.agents.key(2)).unwrap().encode();
        let line = lodged_line(bidder, &manifest.sha256());
        (line, LodgedBid { lodged, manifest: manifest.encode() })
    };
    let mut bids: Vec<_> = (0..20).map(bid).collect();
    bids.sort_by_key(|(line, _)| *line);
    bids.into_iter().map(|(_, bid)| LodgedReply { bids: vec![bid] }).collect()
}

/// A key with the fourth bidder's name that is not its own.
fn forger() -> sealbid::crypto::key::SigningKey {
    crate::opening_world::next_key(4)
}

on_both! {
    fn a_custodian_that_invents_without_end_holds_nothing_up(base: TestBase) {
        let world = with_bids(base);
        world.agents.lodge(3, &world.seal(4, 4, Spoil::Nothing)).unwrap();
        let mut next = invented(&world).into_iter();
        *world.agents.inventing.lock().unwrap() = Some((id(2), Box::new(move || next.next())));
        world.to(DEADLINE);
        world.settle(4);
        world.to(DEADLINE.plus(1_000));
        world.settle(5);
        let row = world.row();
        assert_eq!((row.state, row.close.unwrap().body().lines.len()), (UnitState::Closed, 4));
        assert!(world.events("sealbid/refused/v1").is_empty(), "it has not told all");
        assert_eq!(are_opened(&opened(&world)), 4);
        verified(&world);
    }
}

on_both! {
    fn invented_bids_are_refused_and_no_file_of_them_is_asked_for(base: TestBase) {
        let world = with_bids(base);
        let mut pages = invented(&world).into_iter().chain([LodgedReply { bids: Vec::new() }]);
        let next = move || Some(pages.next().unwrap_or(LodgedReply { bids: Vec::new() }));
        *world.agents.inventing.lock().unwrap() = Some((id(2), Box::new(next)));
        world.agents.hang(&[1, 2, 3, 4, 5], FILE);
        world.to(DEADLINE);
        world.settle(4);
        world.to(DEADLINE.plus(1_000));
        world.settle(5);
        assert_eq!(world.row().state, UnitState::Closed);
        assert_eq!(world.events("sealbid/refused/v1").len(), 20);
        assert_eq!(are_opened(&opened(&world)), 3);
        verified(&world);
    }
}
