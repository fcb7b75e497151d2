//! Does a bid lodged with a custodian count, whatever its bidder, a rival, the platform or another
//! custodian does about it; and can none of them block the close with it?

use std::collections::BTreeMap;
use std::path::Path;

use sealbid::bid::rules::Refused;
use sealbid::clock::Clock as _;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::note::Note;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::agent::{self, KeptBid, KeptFile, Keys, MAX_VERSIONS, Refusal, State};
use sealbid::custodian::client::{Answer, AskError, Custodians, Pending, lodged};
use sealbid::custodian::roster::CustodianId;
use sealbid::custodian::wire::{AskLodged, LodgedReply, MAX_PAGE};
use sealbid::opening::rules::UnitState;
use sealbid::opening::rules::lodged::lodged_line;
use sealbid::opening::statements::{Query, QueryAbout};
use zeroize::Zeroizing;

use crate::in_process;
use crate::on_both;
use crate::opening_world::{
    BY_TIME, Bid, DEADLINE, OPEN_AT, ORIGIN, Spoil, World, agent_seed, id, platform_key, vouched,
    who,
};
use crate::openings::{opening, verified, with_bids};
use crate::support::wait;

/// From the deadline to the close, if there is one.
fn to_the_close(world: &World) -> UnitState {
    world.to(DEADLINE);
    world.settle(4);
    world.to(DEADLINE.plus(1_000));
    world.settle(5);
    world.row().state
}

fn lines(world: &World) -> usize {
    world.row().close.unwrap().body().lines.len()
}

fn signed_by(world: &World, custodian: u8) -> bool {
    let key = &world.roster.body().custodians[usize::from(custodian) - 1].statement_key;
    world.row().close.unwrap().note().signed_by(key).unwrap()
}

/// The bid with another note about it.
fn noted(bid: &Bid, note: &str) -> Bid {
    let manifest = Statement::parse(note.as_bytes()).unwrap();
    Bid { manifest, bytes: bid.bytes.clone(), shares: bid.shares.clone() }
}

/// The bid's note with one more signature line, of no worth.
fn with_a_line_more(bid: &Bid) -> String {
    let mut note = bid.manifest.note().clone();
    let mut line = note.signatures()[0].clone();
    line.name = format!("{ORIGIN}/enterprise/other");
    note.push(line);
    note.encode()
}

on_both! {
    fn only_the_bidders_key_in_force_lodges_and_nothing_hangs_on_its_signature(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        let good = world.seal(4, 4, Spoil::Nothing);
        let lodge = |bid: &Bid, credentials| world.agents.lodge_shown(3, bid, credentials, &[]);
        let mine = vec![vouched(4)];
        let more = noted(&good, &with_a_line_more(&good));
        assert_eq!(lodge(&more, mine.clone()).unwrap_err(), Refusal::Lodge(Refused::Signature));
        let line = world.seal(4, 4, Spoil::Nothing).manifest.note().signatures()[0].clone();
        let mut forged = Note::new(good.manifest.note().text().to_owned()).unwrap();
        forged.push(line);
        let forged = noted(&good, &forged.encode());
        assert_eq!(lodge(&forged, mine.clone()).unwrap_err(), Refusal::Lodge(Refused::Signature));
        assert!(matches!(lodge(&good, vec![vouched(5)]), Err(Refusal::Signature(_))), "another's");
        assert!(matches!(lodge(&good, Vec::new()), Err(Refusal::Credential(_))), "nobody's");
        let mut buyers = world.seal(4, 4, Spoil::Nothing);
        buyers.manifest = Statement::signed(buyers.manifest.body().clone(), &who(0).1).unwrap();
        assert_eq!(lodge(&buyers, vec![vouched(0)]).unwrap_err(), Refusal::Lodge(Refused::Signature));
        assert!(
            world.agents.state(3).units[&world.id].lodged.is_empty(),
            "nothing is kept of all that"
        );
        assert!(lodge(&good, mine).is_ok());
    }
}

on_both! {
    fn a_version_is_lodged_only_behind_one_that_the_agent_can_see(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        let first = world.seal(4, 4, Spoil::Nothing);
        let second = world.seal_at(4, (2, Some(first.manifest.sha256())));
        let follows = Refusal::Lodge(Refused::WrongPrev);
        assert_eq!(world.agents.lodge(3, &second).unwrap_err(), follows);
        assert_eq!(world.agents.lodge(3, &world.seal_at(4, (2, None))).unwrap_err(), follows);
        world.agents.lodge(2, &first).unwrap();
        assert!(world.agents.lodge(2, &second).is_ok(), "the one before is lodged there too");
        world.accept(4, &first);
        world.beat();
        let receipts = [world.receipt(&first)];
        let shown = world.agents.lodge_shown(3, &second, second.credentials(), &receipts);
        assert!(shown.is_ok(), "its receipt is shown");
        let skipping = world.seal_at(4, (3, Some(first.manifest.sha256())));
        let shown = world.agents.lodge_shown(3, &skipping, skipping.credentials(), &receipts);
        assert_eq!(shown.unwrap_err(), follows);
    }
}

on_both! {
    fn a_bidder_lodges_a_few_versions_and_twice_the_largest_bid_and_no_more(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        let mut before = None;
        for seq in 1..=u32::try_from(MAX_VERSIONS).unwrap() {
            let bid = world.seal_at(4, (seq, before));
            before = Some(world.agents.lodge(3, &bid).unwrap().body().manifest_sha256);
        }
        let seq = u32::try_from(MAX_VERSIONS).unwrap() + 1;
        assert_eq!(
            world.agents.lodge(3, &world.seal_at(4, (seq, before))).unwrap_err(),
            Refusal::Quota
        );
        assert!(world.agents.lodge(3, &world.seal(5, 5, Spoil::Nothing)).is_ok(), "another bidder's");
        let mut before = None;
        for seq in 1..=3 {
            let mut bid = world.seal_at(2, (seq, before));
            let mut body = bid.manifest.body().clone();
            body.bid.size = 3 << 20;
            bid.manifest = Statement::signed(body, &who(2).1).unwrap();
            let lodged = world.agents.lodge(3, &bid);
            assert_eq!(lodged.is_ok(), seq < 3, "4 MiB is the most for one, 8 for all: {seq}");
            before = Some(bid.manifest.sha256());
        }
    }
}

on_both! {
    fn versions_are_taken_in_their_order_whatever_their_hashes(base: TestBase) {
        let world = with_bids(base);
        let first = world.seal(4, 4, Spoil::Nothing);
        let below = |bid: &Bid| bid.manifest.sha256() < first.manifest.sha256();
        let next = || world.seal_at(4, (2, Some(first.manifest.sha256())));
        let second = std::iter::repeat_with(next).find(below).unwrap();
        world.agents.lodge(2, &first).unwrap();
        world.agents.lodge(2, &second).unwrap();
        assert_eq!(to_the_close(&world), UnitState::Closed);
        assert_eq!((lines(&world), world.events("sealbid/refused/v1").len()), (4, 0));
        assert!(signed_by(&world, 2));
        world.to(OPEN_AT);
        world.settle(4);
        let opening = opening(&world);
        let line = opening.lines.iter().find(|line| line.bidder == who(4).0).unwrap();
        assert_eq!(line.manifest, second.manifest.encode());
        verified(&world);
    }
}

on_both! {
    fn a_lodged_bid_sent_late_to_the_portal_too_counts_all_the_same(base: TestBase) {
        let world = with_bids(base);
        let fourth = world.seal(4, 4, Spoil::Nothing);
        world.agents.lodge(3, &fourth).unwrap();
        world.refuse(&fourth.manifest.encode(), Refused::Late);
        world.refuse(&fourth.manifest.encode(), Refused::Undecided);
        assert_eq!(to_the_close(&world), UnitState::Closed);
        assert_eq!(lines(&world), 4);
        assert!(signed_by(&world, 3));
    }
}

on_both! {
    fn a_refusal_of_the_same_text_with_another_signature_line_settles_nothing(base: TestBase) {
        let world = with_bids(base);
        let fourth = world.seal(4, 4, Spoil::Nothing);
        world.agents.lodge(3, &fourth).unwrap();
        world.refuse(&with_a_line_more(&fourth), Refused::Signature);
        assert_eq!(to_the_close(&world), UnitState::Closed);
        assert_eq!(lines(&world), 4);
        assert!(signed_by(&world, 3));
    }
}

on_both! {
    fn a_bid_above_the_portals_limit_is_taken_from_a_custodian(base: TestBase) {
        let world = with_bids(base);
        let large = world.seal_file((4, 4), Spoil::Nothing, vec![7; 2 << 20]);
        assert!(large.bytes.len() > usize::try_from(world.platform.max_upload).unwrap());
        world.agents.lodge(3, &large).unwrap();
        assert_eq!(to_the_close(&world), UnitState::Closed);
        assert_eq!(lines(&world), 4);
    }
}

on_both! {
    fn a_bid_whose_key_was_revoked_meanwhile_is_refused_and_its_holder_signs(base: TestBase) {
        let world = with_bids(base);
        world.agents.lodge(3, &world.seal(4, 4, Spoil::Nothing)).unwrap();
        world.revoke(4);
        assert_eq!(to_the_close(&world), UnitState::Closed);
        assert_eq!((lines(&world), world.events("sealbid/refused/v1").len()), (3, 1));
        assert!(signed_by(&world, 3), "it was shown who speaks for the bidder now");
        let kept = world.agents.state(3).units[&world.id].lodged.clone();
        assert!(kept.values().all(|bid| bid.file == KeptFile::Needless), "its file may go");
        world.to(OPEN_AT);
        world.settle(4);
        verified(&world);
    }
}

on_both! {
    fn a_bidder_that_lodges_two_first_versions_blocks_nothing(base: TestBase) {
        let world = with_bids(base);
        world.agents.lodge(2, &world.seal(4, 4, Spoil::Nothing)).unwrap();
        world.to(DEADLINE.plus(-1));
        let other = world.seal_file((4, 4), Spoil::Nothing, b"another".to_vec());
        world.agents.lodge(3, &other).unwrap();
        let next = world.seal_at(4, (2, Some(other.manifest.sha256())));
        world.agents.lodge(3, &next).unwrap();
        assert_eq!(to_the_close(&world), UnitState::Closed);
        assert_eq!((lines(&world), world.events("sealbid/refused/v1").len()), (4, 2));
        assert!((1..=5).all(|custodian| signed_by(&world, custodian)));
        world.to(OPEN_AT);
        world.settle(4);
        verified(&world);
    }
}

/// Whether the holder of a bid, the third, signs a close that leaves it out by this recorded refusal.
fn holder_signs(world: &World, bid: &Bid, refused: Refused) -> bool {
    world.refuse(&bid.manifest.encode(), refused);
    world.agents.sleep(&[1]);
    assert_eq!(to_the_close(world), UnitState::Closing, "three and the platform are too few");
    assert!(signed_by(world, 2));
    signed_by(world, 3)
}

on_both! {
    fn the_holder_believes_no_refusal_that_it_can_disprove(base: TestBase) {
        let invented = [
            Refused::Signature,
            Refused::ShareCount,
            Refused::SeqTaken,
            Refused::SeqNotNext,
            Refused::WrongPrev,
            Refused::BidId,
            Refused::OtherKey,
            Refused::NotOpen,
        ];
        for refused in invented {
            let world = with_bids(base.another());
            let fourth = world.seal(4, 4, Spoil::Nothing);
            world.agents.lodge(3, &fourth).unwrap();
            assert!(!holder_signs(&world, &fourth, refused), "{refused:?}");
        }
    }
}

on_both! {
    fn the_version_before_it_is_no_reason_to_refuse_a_version(base: TestBase) {
        let world = with_bids(base);
        let first = world.seal(4, 4, Spoil::Nothing);
        world.accept(4, &first);
        world.beat();
        let second = world.seal_at(4, (2, Some(first.manifest.sha256())));
        let receipts = [world.receipt(&first)];
        world.agents.lodge_shown(3, &second, second.credentials(), &receipts).unwrap();
        assert!(!holder_signs(&world, &second, Refused::SeqTaken));
    }
}

on_both! {
    fn nobody_learns_what_was_lodged_but_the_platform_after_the_deadline(base: TestBase) {
        let world = with_bids(base);
        world.agents.lodge(3, &world.seal(4, 4, Spoil::Nothing)).unwrap();
        let custodian = world.roster.body().custodians[2].id.clone();
        let (keys, state) = (
            Keys::of_seed(Zeroizing::new(agent_seed(3)), ORIGIN, &custodian).unwrap(),
            world.agents.state(3),
        );
        let now = DEADLINE.plus(1);
        let query = |ahead: i64| Query {
            about: QueryAbout::Lodged,
            at: now.plus(ahead),
            custodian: custodian.clone(),
            unit_id: world.id,
        };
        let ask = |query: Query, by: &sealbid::crypto::key::SigningKey, at| {
            let query = Statement::signed(query, by).unwrap().encode();
            let agent = in_process::agent(&keys, &world.roster, &state, at);
            agent::lodged(&agent, &AskLodged { after: None, query }).map(|(_, bids)| bids.len())
        };
        assert_eq!(ask(query(0), &platform_key(), now), Ok(1));
        let early = ask(query(-2), &platform_key(), DEADLINE.plus(-1));
        assert_eq!(early, Err(Refusal::TooEarlyToClose));
        assert!(matches!(ask(query(0), &who(4).1, now), Err(Refusal::Signature(_))));
        let refused = ask(query(-2), &platform_key(), now);
        assert_eq!(refused, Err(Refusal::TooEarlyToClose), "heard when it was refused, and sent again");
        // Whose clock is off tells all the same, for a day.
        let day = 24 * 3_600_000;
        assert_eq!(ask(query(0), &platform_key(), now.plus(day)), Ok(1));
        assert_eq!(ask(query(0), &platform_key(), now.plus(day + 1)), Err(Refusal::OldQuery));
        assert_eq!(ask(query(day), &platform_key(), now), Ok(1));
        assert_eq!(ask(query(day + 1), &platform_key(), now), Err(Refusal::OldQuery));
        let anothers = Query { custodian: id(2), ..query(0) };
        assert_eq!(ask(anothers, &platform_key(), now), Err(Refusal::OldQuery), "it is passed on");
        let other = Query { about: QueryAbout::Challenges, ..query(0) };
        assert_eq!(
            ask(other, &platform_key(), now),
            Err(Refusal::OldQuery),
            "it is for something else"
        );
    }
}

/// One agent with very many bids.
struct Many<'a>(&'a World, State);

impl Custodians for Many<'_> {
    fn send<'a>(
        &'a self,
        to: &'a CustodianId,
        _: &'a str,
        body: Option<Vec<u8>>,
    ) -> Pending<'a, Result<Answer, AskError>> {
        let keys = Keys::of_seed(Zeroizing::new(agent_seed(3)), ORIGIN, to).unwrap();
        let now = self.0.base.clock.now();
        let agent = in_process::agent(&keys, &self.0.roster, &self.1, now);
        let ask: AskLodged = serde_json::from_slice(&body.unwrap()).unwrap();
        let bids = agent::lodged(&agent, &ask).unwrap().1;
        let body = serde_json::to_vec(&LodgedReply { bids }).unwrap();
        assert!(body.len() <= MAX_PAGE + 1024);
        Box::pin(async move { Ok(Answer { status: 200, body }) })
    }

    fn download<'a>(
        &'a self,
        _: &'a CustodianId,
        _: &'a str,
        _: Vec<u8>,
        _: &'a Path,
    ) -> Pending<'a, Result<(), AskError>> {
        unreachable!("nothing is fetched")
    }
}

on_both! {
    fn thousands_of_lodged_bids_are_told_page_by_page(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        let model = world.seal(4, 4, Spoil::Nothing).manifest.body().clone();
        let mut state = world.agents.state(3);
        let bid = |n: usize| {
            let mut body = model.clone();
            body.bid.sha256 = Hash::of(n.to_string().as_bytes());
            let manifest = Statement::signed(body, &who(4).1).unwrap();
            let bid = KeptBid {
                arrived_at: DEADLINE.plus(-1),
                bidder: who(4).0,
                credentials: vec![vouched(4)],
                file: KeptFile::Needed,
                manifest: manifest.encode(),
                size: 1,
            };
            (lodged_line(who(4).0, &manifest.sha256()).to_string(), bid)
        };
        // At about two KiB each a page holds some 1,800.
        for count in [0, 1, 4_000] {
            let bids: BTreeMap<String, KeptBid> = (0..count).map(bid).collect();
            state.units.get_mut(&world.id).unwrap().lodged.clone_from(&bids);
            world.to(DEADLINE);
            let (about, custodian) = (QueryAbout::Lodged, id(3));
            let query = Query { about, at: DEADLINE, custodian, unit_id: world.id };
            let query = Statement::signed(query, &platform_key()).unwrap().encode();
            let told = wait(lodged(&Many(&world, state.clone()), &id(3), &query)).unwrap();
            let told: Vec<_> = told.into_iter().map(|bid| bid.manifest).collect();
            assert_eq!(told, bids.into_values().map(|bid| bid.manifest).collect::<Vec<_>>());
        }
    }
}
