//! Is a bid opened that a rival signs as its own, text and all; and does nobody take the rival's
//! acceptance for its own?

use sealbid::bid::statements::{BidEvent, Withdrawal};
use sealbid::crypto::json;
use sealbid::crypto::note::Note;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::agent::{self, Refusal};
use sealbid::custodian::wire::{Account, AskChallenge, LodgedBid, Shown, ShownWord};
use sealbid::opening::rules::{Failure, Step, UnitState};
use sealbid::opening::statements::{LineStatus, Lodged, RejectCode, Verdict};
use sealbid::record::append::Event;
use sealbid::record::disclosure::Level;
use sealbid::verify::casefile::CaseKind;
use sealbid::verify::{Receipts, Trust, Verdict as Told, verify_bytes};

use crate::challenges::answering;
use crate::on_both;
use crate::opening_world::{Bid, OPEN_AT, Spoil, World, id, who};
use crate::openings::{case, close, opening, report, verified, verified_void, with_bids};
use crate::others_words::shown;
use crate::support::START;

/// The fourth bidder's bid, and the fifth's that is the same but for the signature.
fn bid_and_copy(world: &World) -> (Bid, Bid) {
    let bid = world.seal(4, 4, Spoil::Nothing);
    let manifest = Statement::signed(bid.manifest.body().clone(), &who(5).1).unwrap();
    let (bytes, shares) = (bid.bytes.clone(), bid.shares.clone());
    (bid, Bid { manifest, bytes, shares })
}

/// What a bidder shows of a lodged bid.
fn word(world: &World, bid: &Bid, lodged: &Statement<Lodged>) -> AskChallenge {
    let (lodged, manifest) = (lodged.encode(), bid.manifest.encode());
    let word = ShownWord {
        before: Vec::new(),
        credentials: bid.credentials(),
        receipts: Vec::new(),
        word: LodgedBid { lodged, manifest },
    };
    let row = world.row();
    let account = Shown::Word(Box::new(word));
    AskChallenge { account, close: row.close.unwrap().encode(), unit: row.unit.encode() }
}

/// A custodian is told that this accepted bid is what became of a challenged one.
fn answered(world: &World, ask: &AskChallenge, by: &Bid) -> Result<Verdict, Refusal> {
    let found = world.agents.challenge(2, ask).unwrap();
    assert_eq!(found.body().verdict, Verdict::Open);
    let accepted = world.receipt(by).encode();
    let account = Account { accepted, credentials: by.credentials(), later: None };
    let answer = answering(ask, &found, vec![account]);
    let decided = world.agents.decide(&id(2), |agent| agent::answer(agent, &answer));
    decided.map(|found| found.body().verdict)
}

/// The first is opened as its author's, the other rejected as a copy of it.
fn opened_for_its_author(world: &World) {
    world.to(OPEN_AT);
    world.settle(4);
    let opening = opening(world);
    let of = |number| opening.lines.iter().find(|line| line.bidder == who(number).0).unwrap();
    assert!(matches!(of(4).outcome, LineStatus::Opened { .. }), "{:?}", of(4).outcome);
    let copied = LineStatus::Rejected { code: RejectCode::Copied, named: Some(who(4).0) };
    assert_eq!(of(5).outcome, copied);
    verified(world);
}

on_both! {
    fn a_lodged_bid_is_taken_in_though_a_rivals_with_its_text_was_accepted_first(base: TestBase) {
        let world = with_bids(base);
        let (bid, copy) = bid_and_copy(&world);
        world.agents.lodge(3, &bid).unwrap();
        world.accept(5, &copy);
        close(&world);
        assert_eq!(world.row().close.unwrap().body().lines.len(), 5);
        opened_for_its_author(&world);
    }
}

on_both! {
    fn two_bidders_lodge_one_text_and_each_has_its_own_word_and_its_own_line(base: TestBase) {
        let world = with_bids(base);
        let (bid, copy) = bid_and_copy(&world);
        let words = [&copy, &bid].map(|bid| world.agents.lodge(3, bid).unwrap());
        assert_eq!(words.each_ref().map(|word| word.body().bidder), [who(5).0, who(4).0]);
        assert_eq!(world.agents.lodge(3, &bid).unwrap().encode(), words[1].encode(), "the same again");
        assert_eq!(world.agents.state(3).units[&world.id].lodged.len(), 2);
        close(&world);
        assert_eq!(world.row().close.unwrap().body().lines.len(), 5);
        opened_for_its_author(&world);
    }
}

on_both! {
    fn a_rivals_acceptance_answers_no_word_and_releases_nothing(base: TestBase) {
        let world = with_bids(base);
        let (bid, copy) = bid_and_copy(&world);
        let lodged = world.agents.lodge(5, &bid).unwrap();
        world.agents.sleep(&[5]);
        world.accept(5, &copy);
        close(&world);
        assert_eq!(world.row().close.unwrap().body().lines.len(), 4);
        let ask = word(&world, &bid, &lodged);
        assert_eq!(answered(&world, &ask, &copy), Err(Refusal::NoChallenge));
        world.agents.sleep(&[]);
        world.to(OPEN_AT);
        let steps = world.settle(4);
        assert!(steps.contains(&Step::Void(Failure::Challenge)), "{steps:?}");
        verified_void(&world);
        let trust = Trust::Roster(world.roster.sha256());
        for (kind, told) in [(CaseKind::Public, Told::NotDecidable), (CaseKind::Auditor, Told::Failed)] {
            let mine = Some(Receipts::one(lodged.encode().as_bytes())).map(|it| {
                verify_bytes(&case(&world, kind), Some(&trust), Some(it))
            });
            let claims = mine.unwrap().claims;
            let claim = claims.iter().find(|claim| claim.id == "my-line").unwrap();
            assert_eq!(claim.verdict, told, "{kind:?} {claim:?}");
        }
    }
}

on_both! {
    fn a_rivals_acceptance_answers_no_receipt(base: TestBase) {
        let world = with_bids(base);
        let (bid, copy) = bid_and_copy(&world);
        world.accept(4, &bid);
        world.accept(5, &copy);
        world.take_out(&bid, "withdrawn");
        close(&world);
        assert_eq!(world.row().close.unwrap().body().lines.len(), 4, "the copy alone is in it");
        assert_eq!(answered(&world, &shown(&world, &bid), &copy), Err(Refusal::NoChallenge));
        world.to(OPEN_AT);
        let steps = world.settle(4);
        assert!(steps.contains(&Step::Void(Failure::Challenge)), "{steps:?}");
        let report = report(&world, CaseKind::Auditor);
        let claim = report.claims.iter().find(|claim| claim.id == "void").unwrap();
        assert_eq!(claim.verdict, Told::Ok, "the challenge holds: {claim:?}");
    }
}

on_both! {
    fn an_acceptance_in_a_bidders_name_that_it_never_signed_answers_no_word(base: TestBase) {
        let world = with_bids(base);
        let (bid, copy) = bid_and_copy(&world);
        let lodged = world.agents.lodge(5, &bid).unwrap();
        world.agents.sleep(&[5]);
        // The text and the bidder's name, under a signature of another text.
        let line = world.seal(4, 4, Spoil::Nothing).manifest.note().signatures()[0].clone();
        let mut note = Note::new(bid.manifest.note().text().to_owned()).unwrap();
        note.push(line);
        let manifest = Statement::parse(note.encode().as_bytes()).unwrap();
        let forged = Bid { manifest, ..copy };
        world.accept(4, &forged);
        close(&world);
        let ask = word(&world, &bid, &lodged);
        assert_eq!(answered(&world, &ask, &forged), Err(Refusal::NoChallenge));
    }
}

on_both! {
    fn a_copier_that_takes_its_copy_back_takes_nothing_out_but_that(base: TestBase) {
        let world = with_bids(base);
        let (bid, copy) = bid_and_copy(&world);
        let lodged = world.agents.lodge(3, &bid).unwrap();
        world.accept(4, &bid);
        world.accept(5, &copy);
        withdraw(&world, &copy);
        world.beat();
        close(&world);
        assert_eq!(world.row().close.unwrap().body().lines.len(), 4);
        // The copier's receipt is answered by its own withdrawal, and its rival's word by the line.
        for ask in [shown(&world, &copy), word(&world, &bid, &lodged)] {
            assert_eq!(world.agents.challenge(2, &ask).unwrap().body().verdict, Verdict::Open);
        }
        world.to(OPEN_AT);
        world.settle(5);
        assert_eq!(world.row().state, UnitState::Opened);
        verified(&world);
        let mine = |bid: &Bid| {
            let (trust, receipt) = (Trust::Roster(world.roster.sha256()), world.receipt(bid).encode());
            let mine = Some(Receipts::one(receipt.as_bytes()));
            let report = verify_bytes(&case(&world, CaseKind::Auditor), Some(&trust), mine);
            let claim = report.claims.into_iter().find(|claim| claim.id == "my-line").unwrap();
            (claim.verdict, claim.detail.key)
        };
        assert_eq!(mine(&bid), (Told::Ok, "verify-say-my-line-in"));
        assert_eq!(mine(&copy), (Told::Ok, "verify-say-my-line-followed"));
    }
}

/// The bidder takes its bid back.
fn withdraw(world: &World, bid: &Bid) {
    let (manifest_sha256, unit_id) = (bid.manifest.sha256(), world.id);
    let withdrawal = Withdrawal { manifest_sha256, seq: 2, unit_id };
    let withdrawal = Statement::signed(withdrawal, &who(5).1).unwrap().encode();
    let event = BidEvent::Withdrawn { arrived_at: START, manifest_sha256, unit_id, withdrawal };
    let bytes = json::to_string(&event).unwrap().into_bytes();
    let (kind, level) = ("sealbid/withdrawn/v1", Level::Sealed(unit_id));
    world.act(move |tx| {
        let event = Event { kind, level, unit: Some(unit_id), bytes };
        tx.record_by(Some(who(5).0), event).map(drop)
    });
    world.take_out(bid, "withdrawn");
}
