//! A bidder's own program seals an archive that climbs out of its folder, points elsewhere or would fill
//! every disk, or deals its shares to the wrong custodians. Nobody can look inside before the opening:
//! what happens then?

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use actix_web::{App, HttpResponse, HttpServer, web};
use sealbid::bid::envelope;
use sealbid::bid::statements::{BidJson, BlobRef, Fault, Manifest, Offer};
use sealbid::cli::bid::{CheckedUnit, check};
use sealbid::cli::failed::Failed;
use sealbid::cli::opening::OpeningCommand;
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::json;
use sealbid::crypto::seal::padme::padme;
use sealbid::crypto::seal::{Identity, SealError, SealWriter, seal};
use sealbid::crypto::shares::{seal_share, split};
use sealbid::crypto::statement::Statement;
use sealbid::ids::UnitId;
use sealbid::opening::statements::{FailCode, LineStatus, RejectCode};
use sealbid::tender::statements::Stage;
use serde_json::{Value, json};

use crate::killed::verified;
use crate::on_both;
use crate::play::{Play, code, first};
use crate::registration::ORIGIN;
use crate::routes_story::opening;
use crate::server::listener;
use crate::support::{START, TestBase, wait};
use crate::tar_files::raw;

/// What stands behind `bid.json`, and what the bidder's own check would say of it.
fn hostile() -> [(Vec<u8>, &'static str); 3] {
    let mut climbs = raw(b"../../outside.pdf", b"00000000004\0", b'0');
    climbs.extend_from_slice(b"evil");
    climbs.resize(1024, 0);
    let mut link = raw(b"method.pdf", b"00000000000\0", b'2');
    link[157..168].copy_from_slice(b"/etc/passwd");
    crate::tar_files::checksum(&mut link);
    // It says that it holds eight gibibytes.
    let bomb = raw(b"method.pdf", b"77777777777\0", b'0');
    [(climbs, "tar-name"), (link, "tar-link"), (bomb, "tar-too-large")]
}

/// A bid that is right in everything that can be seen from outside; gives its file and the key to it.
fn sealed(play: &Play, bidder: usize, unit: &UnitId, behind: &[u8]) -> (PathBuf, Identity) {
    dealt(play, bidder, unit, behind, [0, 1, 2, 3, 4])
}

/// The same, each share sealed to the custodian at this place.
fn dealt(
    play: &Play,
    bidder: usize,
    unit: &UnitId,
    behind: &[u8],
    order: [usize; 5],
) -> (PathBuf, Identity) {
    let entropy = SystemEntropy::new();
    let party = &play.bidders[bidder];
    let checked = CheckedUnit::on_line(&wait(play.anybody().unit(unit)).unwrap(), &play.pinned);
    let checked = checked.unwrap();
    let place = first();
    let price = Some("1.00".to_owned());
    let offer =
        Offer { currency: "CNY".to_owned(), duration_days: None, price, promises: Vec::new() };
    let bid_json =
        BidJson { bid_id: place.bid_id, bidder: party.id, offer, seq: 1, unit_id: *unit };
    let text = json::to_string(&bid_json).unwrap();
    let size = format!("{:011o}\0", text.len());
    let mut archive = raw(b"bid.json", size.as_bytes().try_into().unwrap(), b'0');
    archive.extend_from_slice(text.as_bytes());
    archive.resize(archive.len().next_multiple_of(512), 0);
    archive.extend_from_slice(behind);
    let ended = archive.len() + 1024;
    archive.resize(usize::try_from(padme(ended as u64).unwrap()).unwrap(), 0);

    let identity = Identity::generate(&entropy).unwrap();
    let mut bytes = Vec::new();
    let fill = |writer: &mut SealWriter| writer.write_all(&archive).map_err(SealError::Io);
    let (whole, ()) = seal(&mut bytes, &identity.recipient(), &entropy, fill).unwrap();
    let shares = split(&identity, 3, 5, &entropy).unwrap();
    let recipients = checked.recipients();
    let sealed = shares.iter().zip(order);
    let shares: Vec<_> =
        sealed.map(|(share, to)| seal_share(share, &recipients[to], &entropy).unwrap()).collect();
    let manifest = Manifest {
        bid: BlobRef { sha256: whole.sha256, size: whole.size },
        bid_id: place.bid_id,
        prev_sha256: None,
        seal_recipient: identity.recipient().to_string(),
        seq: 1,
        shares: shares.iter().map(|share| Hash::of(share)).collect(),
        unit_id: *unit,
    };
    let note = Statement::signed(manifest, &party.key).unwrap().encode();
    let file = play.server.home().join(format!("hostile-{bidder}.bid"));
    let out = fs::File::create(&file).unwrap();
    let mut body = bytes.as_slice();
    envelope::write(out, note.as_bytes(), whole.size, &mut body, &shares).unwrap();
    (file, identity)
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

on_both! {
    fn a_hostile_archive_is_its_bidders_fault_and_nothing_of_it_is_ever_written(base: TestBase) {
        let play = Play::new(&base, 4);
        let unit = play.publish(&[Stage::Single])[0];
        for (bidder, (behind, expected)) in hostile().iter().enumerate() {
            let (bid, identity) = sealed(&play, bidder, &unit, behind);
            let key = play.bidders[bidder].key.verifying();
            let refused = check(&bid, key, None, Some(&identity)).unwrap_err();
            assert!(format!("{refused:?}").contains(expected), "{refused:?} is not {expected}");
            play.send(bidder, &bid).unwrap();
        }
        play.bid(3, &unit);
        play.open(&unit);

        let opened = opening(&play, &unit);
        let before = files(play.server.home()).len();
        let buyer = play.context(Some(play.key_file(&play.buyer.key, 90)));
        for (bidder, party) in play.bidders.iter().enumerate() {
            let line = opened.lines.iter().find(|line| line.bidder == party.id).unwrap();
            let out = play.server.home().join(format!("documents/of/{bidder}"));
            let documents =
                OpeningCommand::Documents { unit, line: line.line, out: Some(out.clone()) };
            let saved = documents.run(&buyer);
            if bidder == 3 {
                assert!(matches!(line.outcome, LineStatus::Opened { .. }));
                saved.unwrap();
                continue;
            }
            assert!(matches!(line.outcome, LineStatus::Rejected { code: RejectCode::Garbage, .. }), "{line:?}");
            assert_eq!(line.fault, Some(Fault::Bidder));
            assert_eq!(code(saved), "opening-line-not-opened");
            assert!(!out.exists() || files(&out).is_empty());
        }
        // The honest bid's document, and nothing beside it; the key file stood there before.
        let after = files(play.server.home());
        assert_eq!(after.iter().filter(|it| it.ends_with("documents/of/3/method.pdf")).count(), 1);
        assert!(after.len() <= before + 2 && !after.iter().any(|it| it.ends_with("outside.pdf")));
        verified(&play, unit);
    }
}

on_both! {
    fn shares_that_only_another_custodian_can_open_are_their_dealers_fault(base: TestBase) {
        let play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        // Whichever custodians release first, they were given each other's.
        let (bid, _) = dealt(&play, 0, &unit, &[], [1, 2, 3, 4, 0]);
        play.send(0, &bid).unwrap();
        for bidder in 1..3 {
            play.bid(bidder, &unit);
        }
        play.open(&unit);

        let opened = opening(&play, &unit);
        let of = |bidder: usize| {
            opened.lines.iter().find(|line| line.bidder == play.bidders[bidder].id).unwrap()
        };
        assert!(matches!(of(0).outcome, LineStatus::Failed { code: FailCode::BadShare, custodian: Some(_) }), "{:?}", of(0));
        assert_eq!(of(0).fault, Some(Fault::Bidder));
        assert!((1..3).all(|bidder| matches!(of(bidder).outcome, LineStatus::Opened { .. })));
        verified(&play, unit);
    }
}

/// A platform that says what it likes of a bid's files: every one holds these four bytes.
fn lying_platform(name: &'static str) -> String {
    let at = listener("127.0.0.1:0");
    let address = format!("http://{}", at.local_addr().unwrap());
    let answer = |body: Value| move || std::future::ready(HttpResponse::Ok().json(body.clone()));
    let app = move || {
        let challenge = json!({ "origin": ORIGIN, "nonce": Hash::of(b"nonce").to_string() });
        let session = json!({ "token": "any", "expires_at": START.plus(86_400_000).millis() });
        let list = json!([{ "name": name, "size": 4 }]);
        let file = || std::future::ready(HttpResponse::Ok().body("evil"));
        App::new()
            .route("/api/v1/login/challenges", web::post().to(answer(challenge)))
            .route("/api/v1/login", web::post().to(answer(session)))
            .route("/api/v1/units/{unit}/lines/{line}/documents", web::get().to(answer(list)))
            .default_service(web::to(file))
    };
    wait(async move {
        let server = HttpServer::new(app).workers(1).disable_signals().listen(at).unwrap().run();
        tokio::spawn(server);
    });
    address
}

#[test]
fn names_from_a_lying_platform_lead_nowhere_out_of_the_folder() {
    let play = Play::new(&TestBase::sqlite(), 0);
    let mut buyer = play.context(Some(play.key_file(&play.buyer.key, 90)));
    let (unit, line) = (UnitId(Hash::of(b"unit")), Hash::of(b"line"));
    let before = files(play.server.home());
    for (n, name) in
        ["../outside", "/tmp/sealbid-outside", "in/side", "..", "good.pdf"].into_iter().enumerate()
    {
        buyer.server = Some(lying_platform(name));
        let out = play.server.home().join(format!("saved-{n}"));
        let saved = OpeningCommand::Documents { unit, line, out: Some(out.clone()) }.run(&buyer);
        if name == "good.pdf" {
            saved.unwrap();
            assert_eq!(fs::read(out.join(name)).unwrap(), b"evil");
        } else {
            assert!(matches!(saved, Err(Failed::Answer(_))), "{name} {saved:?}");
            assert!(files(&out).is_empty());
        }
    }
    let outside = |path: &PathBuf| !before.contains(path) && !path.ends_with("saved-4/good.pdf");
    assert!(!files(play.server.home()).iter().any(outside));
    assert!(!Path::new("/tmp/sealbid-outside").exists());
}
