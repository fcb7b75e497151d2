//! Does a custodian's word about a lodged bid stop an opening that leaves the bid out; and can nobody
//! stop one with a word that the record answers?

use sealbid::bid::rules::Refused;
use sealbid::cli::bid::{Shown as Lodging, shown_word};
use sealbid::cli::failed::Failed;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::statement::{Body as _, Statement};
use sealbid::custodian::agent::{KeptChallenge, Refusal};
use sealbid::custodian::wire::{AskChallenge, LodgedBid, Shown, ShownWord};
use sealbid::enterprise::statements::KeyRotation;
use sealbid::opening::rules::lodged::lodged_line;
use sealbid::opening::rules::{Failure, Step, UnitState};
use sealbid::opening::statements::{Challenged, Lodged, Verdict, Void, VoidReason};
use sealbid::tender::statements::Stage;
use sealbid::verify::casefile::CaseKind;
use sealbid::verify::{Receipts, Trust, verify_bytes};

use crate::interruptions::postpone;
use crate::on_both;
use crate::opening_world::{Bid, CHALLENGE, DEADLINE, OPEN_AT, Spoil, World, id, who};
use crate::openings::{case, close, opening, verified, verified_void, with_bids};
use crate::play::{DEADLINE as CLOSES, Play, WINDOW, first};
use crate::support::{TestBase, wait};

/// A bid that was lodged, as its bidder kept it.
fn kept(bid: &Bid, lodged: &Statement<Lodged>) -> LodgedBid {
    LodgedBid { lodged: lodged.encode(), manifest: bid.manifest.encode() }
}

/// What a bidder shows of a lodged bid.
fn word(bid: &Bid, lodged: &Statement<Lodged>) -> ShownWord {
    let (before, receipts) = (Vec::new(), Vec::new());
    ShownWord { before, credentials: bid.credentials(), receipts, word: kept(bid, lodged) }
}

fn ask(world: &World, word: ShownWord) -> AskChallenge {
    let row = world.row();
    let account = Shown::Word(Box::new(word));
    AskChallenge { account, close: row.close.unwrap().encode(), unit: row.unit.encode() }
}

fn judged(world: &World, custodian: u8, word: ShownWord) -> Result<Verdict, Refusal> {
    let found = world.agents.challenge(custodian, &ask(world, word))?;
    Ok(found.body().verdict)
}

fn verdicts(world: &World) -> Vec<Verdict> {
    let events = world.events(Challenged::TYPE);
    let verdict = |event: &Vec<u8>| Statement::<Challenged>::parse(event).unwrap().body().verdict;
    events.iter().map(verdict).collect()
}

/// A bid lodged with the fifth custodian, which slept until the close left it out.
fn left_out(base: TestBase) -> (World, Bid, Statement<Lodged>) {
    let world = with_bids(base);
    let bid = world.seal(4, 4, Spoil::Nothing);
    let lodged = world.agents.lodge(5, &bid).unwrap();
    world.agents.sleep(&[5]);
    close(&world);
    assert_eq!(world.row().close.unwrap().body().lines.len(), 3);
    (world, bid, lodged)
}

on_both! {
    fn a_lodged_bid_that_the_close_leaves_out_voids_the_unit_at_any_custodian(base: TestBase) {
        let (world, bid, lodged) = left_out(base);
        assert_eq!(judged(&world, 2, word(&bid, &lodged)), Ok(Verdict::Open));
        assert_eq!(judged(&world, 2, word(&bid, &lodged)), Ok(Verdict::Open), "a repeat is the same");
        world.to(DEADLINE.plus(CHALLENGE + 1_000));
        world.step();
        assert_eq!(verdicts(&world), [Verdict::Open], "agents are asked for it");
        world.to(OPEN_AT);
        let steps = world.settle(4);
        assert!(steps.contains(&Step::Void(Failure::Challenge)), "{steps:?}");
        let void = Statement::<Void>::parse(&world.events(Void::TYPE)[0]).unwrap();
        assert_eq!(void.body().reason, VoidReason::Challenge);
        assert!(!world.leaks());
        verified_void(&world);
    }
}

on_both! {
    fn a_refusal_by_the_portals_own_hour_says_nothing_of_a_bid_that_a_custodian_had_in_time(base: TestBase) {
        let (world, bid, lodged) = left_out(base);
        // Its bidder tried the portal once more, too late.
        world.refuse(&bid.manifest.encode(), Refused::Late);
        assert_eq!(judged(&world, 2, word(&bid, &lodged)), Ok(Verdict::Open));
        world.to(DEADLINE.plus(CHALLENGE + 1_000));
        world.step();
        world.to(OPEN_AT);
        let steps = world.settle(4);
        assert!(steps.contains(&Step::Void(Failure::Challenge)), "{steps:?}");
        verified_void(&world);
        let (trust, word) = (Trust::Roster(world.roster.sha256()), lodged.encode());
        let mine = Some(Receipts::one(word.as_bytes()));
        let report = verify_bytes(&case(&world, CaseKind::Auditor), Some(&trust), mine);
        let claim = report.claims.last().unwrap();
        assert_eq!((claim.id, claim.detail.key), ("my-line", "verify-say-my-lodged-out"));
    }
}

on_both! {
    fn a_custodian_that_slept_through_an_amendment_judges_words_by_the_deadline_of_the_close(base: TestBase) {
        let world = with_bids(base);
        world.agents.sleep(&[5]);
        postpone(&world, 120_000);
        let deadline = DEADLINE.plus(120_000);
        world.to(deadline.plus(-10_000));
        let bid = world.seal(4, 4, Spoil::Nothing);
        let lodged = world.agents.lodge(1, &bid).unwrap();
        world.to(deadline);
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Closed);
        world.agents.sleep(&[]);
        assert_eq!(world.agents.state(5).units[&world.id].deadline, DEADLINE);
        let found = [1, 5].map(|custodian| judged(&world, custodian, word(&bid, &lodged)));
        assert_eq!(found, [Ok(Verdict::Open), Ok(Verdict::Open)]);
        world.to(deadline.plus(CHALLENGE + 2_000));
        world.settle(3);
        let kept = &world.agents.state(5).units[&world.id].challenges;
        let is_answered = |it: &KeptChallenge| matches!(it, KeptChallenge::Answered { .. });
        assert!(kept.len() == 1 && kept.values().all(is_answered), "{kept:?}");
        world.to(OPEN_AT.plus(120_000));
        world.settle(4);
        assert_eq!(opening(&world).lines.len(), 4);
    }
}

on_both! {
    fn the_custodian_that_holds_a_bid_left_out_releases_nothing(base: TestBase) {
        let (world, _, _) = left_out(base);
        world.agents.sleep(&[1, 2]);
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Closed, "two have released, the holder has not");
        assert_eq!(world.events("sealbid/released/v1").len(), 2);
        world.agents.sleep(&[]);
        world.settle(4);
        let releases = opening(&world).releases;
        assert!(!releases.contains(&id(5)), "{releases:?}");
    }
}

on_both! {
    fn the_holder_of_a_bid_in_the_close_that_it_never_saw_releases_once_it_is_shown(base: TestBase) {
        let world = with_bids(base);
        let bid = world.seal(4, 4, Spoil::Nothing);
        world.agents.lodge(3, &bid).unwrap();
        world.agents.lodge(5, &bid).unwrap();
        world.agents.sleep(&[5]);
        world.to(DEADLINE);
        world.settle(2);
        world.to(DEADLINE.plus(1_000));
        world.settle(4);
        assert_eq!(world.row().close.unwrap().body().lines.len(), 4);
        world.agents.sleep(&[1, 2]);
        world.to(OPEN_AT);
        world.settle(4);
        assert!(opening(&world).releases.contains(&id(5)));
        world.agents.sleep(&[]);
        world.platform.sequencer.want_checkpoint();
        world.beat();
        verified(&world);
    }
}

on_both! {
    fn the_word_of_a_bid_that_was_taken_in_is_answered_from_the_record(base: TestBase) {
        let world = with_bids(base);
        let first = world.seal(4, 4, Spoil::Nothing);
        let second = world.seal_at(4, (2, Some(first.manifest.sha256())));
        let words = [&first, &second].map(|bid| world.agents.lodge(3, bid).unwrap());
        world.to(DEADLINE);
        world.settle(2);
        world.to(DEADLINE.plus(1_000));
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Closed);
        // No word shows a line: the one in the close and the replaced one are both asked about.
        assert_eq!(judged(&world, 2, word(&first, &words[0])), Ok(Verdict::Open));
        let alone = word(&second, &words[1]);
        assert_eq!(judged(&world, 1, alone.clone()), Err(Refusal::NoChallenge), "it follows nothing");
        let whole = ShownWord { before: vec![kept(&first, &words[0])], ..alone };
        assert_eq!(judged(&world, 1, whole.clone()), Ok(Verdict::Open));
        world.to(DEADLINE.plus(CHALLENGE + 2_000));
        world.settle(3);
        assert_eq!(verdicts(&world).len(), 4);
        assert_eq!(judged(&world, 1, whole), Ok(Verdict::Answered));
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!(opening(&world).lines.len(), 4);
        verified(&world);
    }
}

on_both! {
    fn a_bidder_whose_chain_went_another_way_stops_nothing_with_what_it_lodged(base: TestBase) {
        let world = with_bids(base);
        world.agents.lodge(2, &world.seal(4, 4, Spoil::Nothing)).unwrap();
        world.to(DEADLINE.plus(-1));
        let other = world.seal_file((4, 4), Spoil::Nothing, b"another".to_vec());
        let mut bids = vec![(world.agents.lodge(3, &other).unwrap(), other)];
        for seq in 2..=3 {
            let next = world.seal_at(4, (seq, Some(bids.last().unwrap().1.manifest.sha256())));
            bids.push((world.agents.lodge(3, &next).unwrap(), next));
        }
        world.to(DEADLINE);
        world.settle(4);
        world.to(DEADLINE.plus(1_000));
        world.settle(5);
        assert_eq!(world.row().state, UnitState::Closed);
        let (lodged, last) = bids.last().unwrap();
        let before = bids[..2].iter().map(|(lodged, bid)| kept(bid, lodged)).collect();
        let shown = ShownWord { before, ..word(last, lodged) };
        assert_eq!(judged(&world, 1, shown), Ok(Verdict::Open));
        world.to(DEADLINE.plus(CHALLENGE + 2_000));
        world.settle(3);
        assert_eq!(verdicts(&world), [Verdict::Open, Verdict::Answered], "by the refusals' reasons");
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!(opening(&world).lines.len(), 4);
        verified(&world);
    }
}

on_both! {
    fn an_invented_refusal_answers_no_word(base: TestBase) {
        let (world, bid, lodged) = left_out(base);
        world.refuse(&bid.manifest.encode(), sealbid::bid::rules::Refused::SeqTaken);
        assert_eq!(judged(&world, 2, word(&bid, &lodged)), Ok(Verdict::Open));
        world.to(DEADLINE.plus(CHALLENGE + 1_000));
        world.settle(2);
        assert_eq!(verdicts(&world), [Verdict::Open]);
        world.to(OPEN_AT);
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Void);
    }
}

on_both! {
    fn a_word_that_is_late_forged_or_behind_a_private_key_is_no_challenge(base: TestBase) {
        let (world, bid, lodged) = left_out(base);
        let by = |body: Lodged, key: &SigningKey| Statement::signed(body, key).unwrap();
        let good = lodged.body().clone();
        let late = by(Lodged { arrived_at: DEADLINE, ..good.clone() }, &world.agents.key(5));
        assert_eq!(judged(&world, 2, word(&bid, &late)), Err(Refusal::NoChallenge));
        let just = by(Lodged { arrived_at: DEADLINE.plus(-1), ..good.clone() }, &world.agents.key(5));
        assert_eq!(judged(&world, 2, word(&bid, &just)), Ok(Verdict::Open));
        let forged = by(good.clone(), &who(4).1);
        assert!(matches!(judged(&world, 3, word(&bid, &forged)), Err(Refusal::Signature(_))));
        let others = by(good.clone(), &world.agents.key(4));
        assert!(matches!(judged(&world, 3, word(&bid, &others)), Err(Refusal::Signature(_))));
        let about = by(Lodged { manifest_sha256: Hash::of(b"x"), ..good }, &world.agents.key(5));
        assert_eq!(judged(&world, 3, word(&bid, &about)), Err(Refusal::NoChallenge));
        let nobodys = ShownWord { credentials: Vec::new(), ..word(&bid, &lodged) };
        assert!(matches!(judged(&world, 3, nobodys), Err(Refusal::Credential(_))));

        // A key handed over in private: no refusal on record could ever go on from it.
        let (bidder, old) = who(4);
        let new = SigningKey::from_seed(old.verifying().name(), KeyKind::Statement, &[77; 32]).unwrap();
        let (new_key, old_key) = (new.verifying().clone(), old.verifying().clone());
        let mut rotation =
            Statement::signed(KeyRotation { enterprise: bidder, new_key, old_key }, &old).unwrap();
        rotation.sign(&new);
        let mut credentials = bid.credentials();
        credentials.push(rotation.encode());
        let manifest = Statement::signed(bid.manifest.body().clone(), &new).unwrap();
        let private = LodgedBid { manifest: manifest.encode(), ..kept(&bid, &lodged) };
        let shown = ShownWord { credentials, word: private, ..word(&bid, &lodged) };
        assert_eq!(judged(&world, 3, shown), Err(Refusal::NoChallenge));
        assert!(world.agents.state(3).units[&world.id].challenges.is_empty());
    }
}

on_both! {
    fn a_word_after_the_window_is_a_finding_and_one_that_nobody_judged_is_not_taken(base: TestBase) {
        let (world, bid, lodged) = left_out(base);
        world.agents.sleep(&[4, 5]);
        world.agents.lying.lock().unwrap().insert(id(3));
        world.to(OPEN_AT.plus(CHALLENGE));
        world.settle(3);
        assert_eq!(judged(&world, 2, word(&bid, &lodged)), Ok(Verdict::Finding));
        let shown = Shown::Word(Box::new(word(&bid, &lodged)));
        let found = Challenged {
            close_sha256: world.row().close.unwrap().sha256(),
            custodian: id(2),
            received_at: DEADLINE,
            line: lodged_line(who(4).0, &lodged.body().manifest_sha256),
            verdict: Verdict::Open,
            unit_id: world.id,
        };
        let forged = Statement::signed(found.clone(), &who(4).1).unwrap();
        assert!(wait(world.opener().take_challenge(&forged.encode(), &shown)).is_err());
        let other = Challenged { line: Hash::of(b"another"), ..found };
        let other = Statement::signed(other, &world.agents.key(2)).unwrap();
        assert!(wait(world.opener().take_challenge(&other.encode(), &shown)).is_err());
        assert!(world.events(Challenged::TYPE).is_empty());
        world.agents.sleep(&[]);
        world.settle(3);
        assert_eq!(world.row().state, UnitState::Opened);
    }
}

on_both! {
    fn a_bidder_shows_what_lodging_left_on_its_disk_to_every_custodian(base: TestBase) {
        let play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        play.bid(0, &unit);
        play.bid(1, &unit);
        let bid = play.seal(2, &unit, first(), 0);
        let client = play.client(&play.bidders[2].key);
        let credentials = wait(play.anybody().registered(play.bidders[2].id)).unwrap().credentials;
        let shown = Lodging { credentials: credentials.clone(), receipts: Vec::new() };
        let custodian = "c2".parse().unwrap();
        let word = wait(client.lodge(&play.pinned, &custodian, &bid, shown)).unwrap();
        let note = bid.with_extension("lodged-c2.note");
        std::fs::write(&note, word.encode()).unwrap();
        let beside = bid.parent().unwrap().join("credentials.json");
        std::fs::write(&beside, serde_json::to_vec(&credentials).unwrap()).unwrap();
        let read = shown_word(&note, &[], &[], None).unwrap();
        assert_eq!(shown_word(&note, &[], &[], Some(&beside)).unwrap(), read);
        let misnamed = bid.with_extension("note");
        std::fs::copy(&note, &misnamed).unwrap();
        let refused = shown_word(&misnamed, &[], &[], None);
        assert!(matches!(refused, Err(Failed::Content { .. })), "{refused:?}");
        assert!(wait(client.challenge_by_word(&play.pinned, read.clone())).is_err(), "too early");
        play.to(CLOSES);
        (0..3).for_each(|_| play.server.tick());
        play.to(CLOSES.plus(1_000));
        play.until(&unit, "closed");
        play.server.tick();
        let found = wait(client.challenge_by_word(&play.pinned, read.clone())).unwrap();
        let verdicts: Vec<_> = found.into_iter().map(|one| one.verdict.unwrap()).collect();
        assert_eq!(verdicts, [Verdict::Open; 5], "it names no line");
        play.server.tick();
        let found = wait(client.challenge_by_word(&play.pinned, read)).unwrap();
        let verdicts: Vec<_> = found.into_iter().map(|one| one.verdict.unwrap()).collect();
        assert_eq!(verdicts, [Verdict::Answered; 5], "the platform has shown what became of it");
        play.server.clock.advance(WINDOW + 1);
        play.until(&unit, "opened");
    }
}
