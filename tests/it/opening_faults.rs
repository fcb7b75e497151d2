//! What becomes of a bid that something befell: lost and brought again, copied, dealt to the wrong
//! custodians, numbered twice, on a disk that fails for a while?

use sealbid::auth::Actor;
use sealbid::bid::rules::Refused;
use sealbid::bid::statements::Fault;
use sealbid::bid::upload::{self, Purpose};
use sealbid::bid::{Answer, Error, Outcome, resupply};
use sealbid::crypto::hash::Hash;
use sealbid::crypto::json;
use sealbid::error::Refusal as _;
use sealbid::ids::UploadId;
use sealbid::opening::rules::{Step, UnitState};
use sealbid::opening::statements::{FailCode, LineStatus, OpenedLine, OpeningEvent, RejectCode};
use sealbid::opening::store;
use sealbid::verify::Verdict;
use sealbid::verify::casefile::CaseKind;

use crate::on_both;
use crate::opening_world::{BY_TIME, Bid, OPEN_AT, Spoil, World, id, who};
use crate::openings::{close, opening, report, verified};
use crate::support::{TestBase, wait};

/// Bids of bidders 1 to 3, and the first one's with its blob.
fn with_three(base: TestBase) -> (World, Bid, UploadId) {
    let world = World::start(base, 3, BY_TIME);
    let first = world.seal(1, 1, Spoil::Nothing);
    let blob = world.accept(1, &first);
    for bidder in 2..=3 {
        world.accept(bidder, &world.seal(bidder, bidder, Spoil::Nothing));
    }
    world.beat();
    (world, first, blob)
}

/// The manifest and the file of a bidder's bid.
fn bids_blob(world: &World, number: u16) -> (Hash, UploadId) {
    let all = world.db.read(|conn| store::envelopes(conn, &world.id)).unwrap();
    let found = all.iter().find(|bid| bid.bidder == who(number).0).unwrap();
    (found.manifest_sha256, found.blob)
}

fn bidder(number: u16) -> Actor {
    Actor::Bidder(who(number).0)
}

/// Uploads bytes and leaves them as they are when the server dies before it completes them.
fn sent(world: &World, actor: &Actor, bytes: &[u8]) -> UploadId {
    let p = &world.platform;
    let begun = wait(upload::create(p, actor, Purpose::Bid, bytes.len() as u64)).unwrap();
    let mut append = wait(upload::append(p, actor, begun.id, 0, None)).unwrap();
    append.write(bytes).unwrap();
    append.finish().unwrap();
    begun.id
}

fn again(world: &World, number: u16, manifest: Hash) -> Result<Answer, Error> {
    wait(resupply(&world.platform, &bidder(number), world.id, manifest))
}

fn line_of(world: &World, number: u16) -> OpenedLine {
    let lines = opening(world).lines;
    lines.into_iter().find(|line| line.bidder == who(number).0).unwrap()
}

fn is_opened(line: &OpenedLine) -> bool {
    matches!(line.outcome, LineStatus::Opened { .. })
}

on_both! {
    fn a_lost_ciphertext_brought_again_in_the_window_opens(base: TestBase) {
        let (world, bid, blob) = with_three(base);
        let manifest = bid.manifest.sha256();
        let held = again(&world, 1, manifest);
        assert!(matches!(held, Err(Error::NotMissing)), "{held:?}");
        world.blobs.delete(blob).unwrap();
        close(&world);
        let missing = world.events("sealbid/missing/v1");
        let OpeningEvent::Missing { line, sha256, .. } = json::parse(&missing[0]).unwrap() else {
            panic!("{missing:?}")
        };
        assert_eq!((missing.len(), sha256), (1, Hash::of(&bid.bytes)));
        // Nothing sent; something else sent; sent by somebody else; another's bid.
        let nothing = again(&world, 1, manifest);
        assert!(matches!(nothing, Err(Error::Refused(Refused::Envelope))), "{nothing:?}");
        sent(&world, &bidder(1), &world.seal(1, 1, Spoil::Nothing).bytes);
        sent(&world, &bidder(2), &bid.bytes);
        let other = again(&world, 1, manifest);
        assert!(matches!(other, Err(Error::Refused(Refused::Envelope))), "{other:?}");
        let foreign = again(&world, 2, manifest);
        assert!(matches!(foreign, Err(Error::NotFound)), "{foreign:?}");
        assert!(world.events("sealbid/resupplied/v1").is_empty());
        sent(&world, &bidder(1), &bid.bytes);
        let taken = again(&world, 1, manifest).unwrap();
        assert_eq!(taken.outcome, Outcome::Accepted);
        let repeat = again(&world, 1, manifest).unwrap();
        assert_eq!((repeat.index, repeat.fresh), (taken.index, None), "the same entry");
        let events = world.events("sealbid/resupplied/v1");
        let event = OpeningEvent::Resupplied { line, sha256, unit_id: world.id };
        assert_eq!(events, [json::to_string(&event).unwrap().into_bytes()]);
        world.to(OPEN_AT);
        world.settle(4);
        assert!((1..=3).all(|number| is_opened(&line_of(&world, number))));
        verified(&world);
        // What is lost after the opening changes nothing any more.
        let second = bids_blob(&world, 2);
        world.blobs.delete(second.1).unwrap();
        let late = again(&world, 2, second.0);
        assert!(matches!(late, Err(Error::Refused(Refused::NotOpen))), "{late:?}");
    }
}

on_both! {
    fn what_is_lost_after_the_close_is_named_before_the_opening_says_so(base: TestBase) {
        let (world, bid, blob) = with_three(base);
        world.blobs.delete(blob).unwrap();
        close(&world);
        assert_eq!(world.events("sealbid/missing/v1").len(), 1);
        sent(&world, &bidder(1), &bid.bytes);
        again(&world, 1, bid.manifest.sha256()).unwrap();
        // Lost a second time, and another's the first.
        for number in [1, 2] {
            world.blobs.delete(bids_blob(&world, number).1).unwrap();
        }
        world.to(OPEN_AT);
        world.settle(4);
        let missing = world.events("sealbid/missing/v1");
        let named: Vec<Hash> = missing
            .iter()
            .map(|event| match json::parse(event) {
                Ok(OpeningEvent::Missing { line, .. }) => line,
                other => panic!("{other:?}"),
            })
            .collect();
        let [first, second] = [1, 2].map(|number| line_of(&world, number));
        assert_eq!((&first.outcome, &second.outcome), (&LineStatus::Lost, &LineStatus::Lost));
        let of = |line: Hash| named.iter().filter(|named| **named == line).count();
        assert_eq!((named.len(), of(first.line), of(second.line)), (3, 2, 1));
        assert!(is_opened(&line_of(&world, 3)));
        verified(&world);
    }
}

on_both! {
    fn a_copy_that_is_lost_beside_its_original_fails_no_claim(base: TestBase) {
        let world = World::start(base, 3, BY_TIME);
        let own = world.seal(1, 1, Spoil::Nothing);
        world.accept(1, &own);
        let lost = world.accept(2, &world.copied(&own, 2));
        world.accept(3, &world.seal(3, 3, Spoil::Nothing));
        world.beat();
        world.blobs.delete(lost).unwrap();
        close(&world);
        world.to(OPEN_AT);
        world.settle(4);
        assert!(is_opened(&line_of(&world, 1)));
        assert_eq!(line_of(&world, 2).outcome, LineStatus::Lost);
        verified(&world);
    }
}

on_both! {
    fn an_altered_ciphertext_is_brought_again_and_nothing_of_it_stays(base: TestBase) {
        let (world, bid, blob) = with_three(base);
        std::fs::write(world.file_of(blob), b"damaged").unwrap();
        sent(&world, &bidder(1), &bid.bytes);
        let first = again(&world, 1, bid.manifest.sha256()).unwrap();
        assert!(world.blobs.open(blob).is_err(), "the damaged file went");
        // Lost a second time, and brought a second time: another entry.
        let second = world.file_of(blob).parent().unwrap().read_dir().unwrap();
        for file in second {
            std::fs::write(file.unwrap().path(), b"all of them").unwrap();
        }
        sent(&world, &bidder(1), &bid.bytes);
        assert!(again(&world, 1, bid.manifest.sha256()).unwrap().index > first.index);
        assert_eq!(wait(upload::expire(&world.platform)).unwrap(), 0, "no row was left behind");
        close(&world);
        world.to(OPEN_AT);
        world.settle(4);
        assert!(is_opened(&line_of(&world, 1)));
        for lost in [2, 3] {
            let line = line_of(&world, lost);
            assert_eq!((line.outcome, line.fault), (LineStatus::Lost, Some(Fault::Platform)));
        }
        verified(&world);
    }
}

on_both! {
    fn a_disk_that_fails_for_a_while_loses_nobodys_bid(base: TestBase) {
        let (world, _, blob) = with_three(base);
        close(&world);
        let (file, aside) = (world.file_of(blob), world.file_of(blob).with_extension("aside"));
        std::fs::rename(&file, &aside).unwrap();
        // A folder in the file's place: it is there, and reading it fails.
        std::fs::create_dir(&file).unwrap();
        world.to(OPEN_AT);
        for _ in 0..4 {
            drop(wait(world.opener().step(world.id)));
            world.beat();
        }
        assert_eq!(world.row().state, UnitState::Closed, "nothing is final");
        assert!(world.events("sealbid/opening/v1").is_empty());
        std::fs::remove_dir(&file).unwrap();
        std::fs::rename(&aside, &file).unwrap();
        assert!(world.settle(3).contains(&Step::Open));
        assert!((1..=3).all(|number| is_opened(&line_of(&world, number))));
        verified(&world);
    }
}

on_both! {
    fn a_copiers_line_shows_its_rivals_bid_to_nobody(base: TestBase) {
        let world = World::start(base, 3, BY_TIME);
        let own = world.seal(1, 1, Spoil::Nothing);
        world.accept(1, &own);
        // The very envelope, under the copier's own manifest.
        world.accept(2, &world.copied(&own, 2));
        world.accept(3, &world.seal(3, 3, Spoil::Share));
        close(&world);
        world.to(OPEN_AT);
        world.settle(4);
        let copied = line_of(&world, 2);
        let named = Some(who(1).0);
        assert_eq!(copied.outcome, LineStatus::Rejected { code: RejectCode::Copied, named });
        let opener = world.shared_opener();
        let ask = |actor: &Actor, line: Hash| {
            let list = wait(opener.files(actor, world.id, line)).map(|files| files.len());
            let file = wait(opener.file(actor, world.id, line, "offer.pdf".to_owned())).map(drop);
            (list.map_err(|e| e.code()), file.map_err(|e| e.code()))
        };
        let buyer = Actor::Buyer(who(0).0);
        let regulator = Actor::Regulator;
        for actor in [&bidder(2), &buyer, &regulator] {
            for closed in [copied.line, line_of(&world, 3).line] {
                let asked = ask(actor, closed);
                let refused = asked.0.is_err() && asked.1.is_err();
                assert!(refused, "{actor:?} {asked:?}");
            }
            let not_opened = Err("opening-line-not-opened");
            assert_eq!(ask(actor, copied.line).0.map(drop), not_opened, "{actor:?}");
        }
        let line = line_of(&world, 1).line;
        for actor in [&bidder(1), &buyer, &regulator] {
            assert_eq!(ask(actor, line), (Ok(1), Ok(())), "{actor:?}");
        }
        assert_eq!(ask(&bidder(2), line).0.map(drop), Err("auth-not-found"));
    }
}

on_both! {
    fn shares_dealt_to_the_wrong_custodians_are_their_dealers_fault(base: TestBase) {
        let world = World::start(base, 2, BY_TIME);
        world.accept(1, &world.seal(1, 1, Spoil::Nothing));
        world.accept(2, &world.seal(2, 2, Spoil::Swapped));
        close(&world);
        world.to(OPEN_AT);
        world.settle(4);
        assert!(is_opened(&line_of(&world, 1)));
        let swapped = line_of(&world, 2);
        let custodian = Some(id(1));
        assert_eq!(swapped.outcome, LineStatus::Failed { code: FailCode::BadShare, custodian });
        assert_eq!(swapped.fault, Some(Fault::Bidder));
        verified(&world);
    }
}

on_both! {
    fn a_superseded_line_is_the_platforms_fault_and_a_doubled_one_its_bidders(base: TestBase) {
        let world = World::start(base, 2, BY_TIME);
        let old = world.seal(1, 1, Spoil::Nothing);
        world.accept(1, &old);
        let new = world.replace(1, &old);
        // The platform freezes what was replaced too.
        world.take_out(&old, "live");
        for _ in 0..2 {
            world.accept(2, &world.seal(2, 2, Spoil::Nothing));
        }
        world.accept(3, &world.seal(3, 3, Spoil::Nothing));
        close(&world);
        world.to(OPEN_AT);
        world.settle(4);
        let lines = opening(&world).lines;
        let of = |bid: &Bid| lines.iter().find(|line| line.manifest == bid.manifest.encode()).unwrap();
        let fate = |line: &OpenedLine| (line.outcome.clone(), line.fault);
        assert_eq!(fate(of(&old)), (LineStatus::Superseded, Some(Fault::Platform)));
        assert!(is_opened(of(&new)));
        let doubled: Vec<_> = lines.iter().filter(|line| line.bidder == who(2).0).map(fate).collect();
        assert_eq!(doubled, vec![(LineStatus::Doubled, Some(Fault::Bidder)); 2]);
        assert!(is_opened(&line_of(&world, 3)));
        // An auditor sees that the close held what it must not.
        let report = report(&world, CaseKind::Auditor);
        let mut claims = report.claims.iter();
        let complete = claims.find(|claim| claim.id == "close-complete").unwrap();
        assert_eq!(complete.verdict, Verdict::Failed);
    }
}
