//! Can a bidder hold a unit up with more than the platform reads, or fill an agent's memory; and does
//! nobody but the platform learn what was shown?

use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::agent::{self, Change, MAX_OPEN, Refusal};
use sealbid::custodian::wire::{
    Account, AskChallenge, AskChallenges, BroughtChallenge, LodgedBid, MAX_PAGE, MAX_SHOWN, Shown,
    ShownWord,
};
use sealbid::opening::rules::UnitState;
use sealbid::opening::statements::{Challenged, Query, QueryAbout, Verdict};

use crate::challenges::asking;
use crate::on_both;
use crate::opening_world::{BY_TIME, Bid, OPEN_AT, World, id, platform_key, who};
use crate::openings::{close, opening, verified};
use crate::others_words::shown;

/// A bidder's versions, each in the place of the one before; their manifests have so many bytes more.
pub fn versions(world: &World, bidder: u16, count: u32, more: usize) -> Vec<Bid> {
    let mut all: Vec<Bid> = Vec::new();
    for seq in 1..=count {
        let before = all.last().map(|bid| bid.manifest.sha256());
        let mut bid = world.seal_at(bidder, (seq, before));
        if seq < count && more > 0 {
            let mut body = bid.manifest.body().clone();
            body.seal_recipient = "x".repeat(more);
            bid.manifest = Statement::signed(body, &who(bidder).1).unwrap();
        }
        world.accept(bidder, &bid);
        if let Some(before) = all.last() {
            world.take_out(before, "replaced");
        }
        all.push(bid);
    }
    all
}

fn judged(world: &World, ask: &AskChallenge) -> Result<Verdict, Refusal> {
    world.agents.challenge(2, ask).map(|found| found.body().verdict)
}

fn page(world: &World, ask: &AskChallenges) -> Result<Vec<BroughtChallenge>, Refusal> {
    world.agents.decide(&id(2), |agent| {
        agent::challenges(agent, ask).map(|told| (Change::Nothing, told.challenges))
    })
}

fn lines(brought: &[BroughtChallenge]) -> Vec<Hash> {
    let line = |one: &BroughtChallenge| {
        Statement::<Challenged>::parse(one.note.as_bytes()).unwrap().body().line
    };
    brought.iter().map(line).collect()
}

on_both! {
    fn nothing_is_shown_that_others_would_not_read(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        let all = versions(&world, 4, 2, 0);
        let lodged = world.agents.lodge(5, &all[0]).unwrap();
        world.beat();
        close(&world);
        let ask = shown(&world, &all[0]);
        let Shown::Receipts(good) = ask.account.clone() else { panic!() };
        let padded = |credentials| Account { credentials, ..good.clone() }.into();
        let with = |account: Shown| judged(&world, &AskChallenge { account, ..ask.clone() });
        assert_eq!(with(padded(vec!["x".repeat(5 << 20)])).unwrap_err().to_string(), too_long());
        assert_eq!(with(padded(vec!["x".to_owned()])), Err(Refusal::NoChallenge), "nothing reads them");
        let word = |receipts| {
            let word = LodgedBid { lodged: lodged.encode(), manifest: all[0].manifest.encode() };
            let credentials = all[0].credentials();
            Shown::Word(Box::new(ShownWord { before: Vec::new(), credentials, receipts, word }))
        };
        let room = MAX_SHOWN - word(vec![String::new()]).size();
        assert_eq!(with(word(vec!["x".repeat(room + 1)])).unwrap_err().to_string(), too_long());
        assert!(world.agents.state(2).units[&world.id].challenges.is_empty());
        assert_eq!(with(word(vec!["x".repeat(room)])), Err(Refusal::NoChallenge), "it tells nothing");
        assert_eq!(with(word(vec![String::new(); 65])).unwrap_err().to_string(), too_long());
        // One of this unit's, and one that the log never signed.
        let receipt = world.receipt(&all[1]);
        let mut forged = receipt.clone();
        forged.event[0] ^= 1;
        let receipts = vec![receipt.encode(), forged.encode()];
        assert_eq!(with(word(receipts)), Err(Refusal::NoChallenge));
        assert!(world.agents.state(2).units[&world.id].challenges.is_empty());
        assert_eq!(with(word(vec![receipt.encode()])), Ok(Verdict::Open));
        assert_eq!(with(good.clone().into()), Ok(Verdict::Open));
    }
}

fn too_long() -> String {
    Refusal::Range("custodian-say-range-shown").to_string()
}

on_both! {
    fn what_was_shown_is_told_to_the_platform_alone(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        let all = versions(&world, 4, 2, 0);
        world.beat();
        close(&world);
        assert_eq!(judged(&world, &shown(&world, &all[0])), Ok(Verdict::Open));
        let by_bidder = page(&world, &asking(&world, 2, world.id, &who(4).1));
        assert!(matches!(by_bidder, Err(Refusal::Signature(_))), "{by_bidder:?}");
        let anothers = page(&world, &asking(&world, 3, world.id, &platform_key()));
        assert_eq!(anothers, Err(Refusal::OldQuery), "it is passed on");
        let good = asking(&world, 2, world.id, &platform_key());
        let query = Statement::<Query>::parse(good.query.as_bytes()).unwrap().body().clone();
        let by = |query: Query| {
            let query = Statement::signed(query, &platform_key()).unwrap().encode();
            page(&world, &AskChallenges { after: None, query })
        };
        let other = Query { about: QueryAbout::Lodged, ..query.clone() };
        assert_eq!(by(other), Err(Refusal::OldQuery), "it is for something else");
        assert_eq!(by(Query { at: query.at.plus(-24 * 3_600_000 - 1), ..query }), Err(Refusal::OldQuery));
        assert_eq!(page(&world, &good).unwrap().len(), 1);
    }
}

on_both! {
    fn a_bidder_holds_so_many_challenges_open_and_its_last_version_has_its_place(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        let most = u32::try_from(MAX_OPEN).unwrap();
        let all = versions(&world, 4, most + 3, 0);
        let others = versions(&world, 3, 2, 0);
        world.beat();
        close(&world);
        for bid in &all[1..=MAX_OPEN] {
            assert_eq!(judged(&world, &shown(&world, bid)), Ok(Verdict::Open));
        }
        assert_eq!(judged(&world, &shown(&world, &all[0])), Err(Refusal::ManyChallenges));
        assert_eq!(judged(&world, &shown(&world, &all[1])), Ok(Verdict::Open), "a repeat is the same");
        assert_eq!(judged(&world, &shown(&world, &others[0])), Ok(Verdict::Open), "another bidder's");
        assert_eq!(judged(&world, &shown(&world, &all[MAX_OPEN + 1])), Ok(Verdict::Open));
        assert_eq!(world.agents.state(2).units[&world.id].challenges.len(), MAX_OPEN + 1);
        assert_eq!(judged(&world, &shown(&world, &all[1])), Err(Refusal::ManyChallenges));
        // Answered they make room.
        world.settle(2);
        world.to(OPEN_AT);
        world.settle(2);
        assert_eq!(judged(&world, &shown(&world, &all[2])), Ok(Verdict::Answered));
        world.settle(3);
        assert_eq!(opening(&world).lines.len(), 2);
    }
}

on_both! {
    fn more_than_one_answer_holds_is_told_page_by_page_and_stops_nothing(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        let count = u32::try_from(MAX_OPEN).unwrap() + 1;
        let all: Vec<Bid> =
            (1..=3).flat_map(|bidder| versions(&world, bidder, count, 60 << 10)).collect();
        world.beat();
        close(&world);
        let mut open = 0;
        for bid in &all {
            open += usize::from(judged(&world, &shown(&world, bid)) == Ok(Verdict::Open));
        }
        assert_eq!(open, 3 * MAX_OPEN);
        let mut ask = asking(&world, 2, world.id, &platform_key());
        let mut told = Vec::new();
        let mut pages = 0;
        loop {
            let page = page(&world, &ask).unwrap();
            assert!(serde_json::to_vec(&page).unwrap().len() <= MAX_PAGE + 2);
            let lines = lines(&page);
            let Some(last) = lines.last() else { break };
            ask.after = Some(*last);
            told.extend(lines);
            pages += 1;
        }
        assert!(told.is_sorted() && pages > 1, "{pages} pages");
        assert_eq!(told.len(), open);
        world.to(OPEN_AT);
        world.settle(5);
        assert_eq!(world.row().state, UnitState::Opened);
        assert_eq!(world.events("sealbid/challenge/v1").len(), open);
        verified(&world);
    }
}
