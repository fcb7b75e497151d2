//! Is what seals read out, and does an opening stay small enough to be verified, whatever bidders
//! write?

use sealbid::bid::offer::{BadOffer, check};
use sealbid::bid::statements::{BidJson, BlobRef, Manifest, Offer};
use sealbid::clock::Time;
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::json;
use sealbid::crypto::seal::Identity;
use sealbid::crypto::seal::payload::{
    self, Attachment, LIMITS, MAX_BID_JSON, TooMuch, fits, seal_bid,
};
use sealbid::crypto::statement::Statement;
use sealbid::ids::{EnterpriseId, UnitId};
use sealbid::opening::rules::{Decryption, outcome};
use sealbid::opening::statements::{LineStatus, OpenedLine, OpeningEvent, ReadOutLine, RejectCode};
use sealbid::verify::casefile::MAX_MEMBER;

use crate::opening_world::who;
use crate::support::folder;

fn offer(currency: &str, price: Option<&str>) -> Offer {
    let (currency, price) = (currency.to_owned(), price.map(str::to_owned));
    Offer { currency, duration_days: None, price, promises: Vec::new() }
}

#[test]
fn a_price_is_a_positive_decimal_in_its_one_spelling() {
    for good in ["1", "1000.00", "0.000001", "999999999999999.999999", "10", "0.50"] {
        assert_eq!(check(&offer("CNY", Some(good))), Ok(()), "{good}");
    }
    for bad in [
        "",
        "ten",
        "0",
        "0.00",
        "-1",
        "+1",
        "01",
        "00.5",
        ".5",
        "1.",
        "1.0000000",
        "1e3",
        "1,000",
        "1 000",
        " 1",
        "1\n",
        "１",
        "NaN",
        "1000000000000000",
        "1.2.3",
        "0x1",
    ] {
        assert_eq!(check(&offer("CNY", Some(bad))), Err(BadOffer::Price), "{bad:?}");
    }
    assert_eq!(check(&offer("EUR", None)), Ok(()), "a technical envelope has none");
    for bad in ["", "cny", "CN", "CNYX", "C1Y", "ＣＮＹ", "元"] {
        assert_eq!(check(&offer(bad, Some("1"))), Err(BadOffer::Currency), "{bad:?}");
    }
}

fn bid_json(unit_id: UnitId, offer: Offer) -> BidJson {
    let bid_id = format!("bid_{:032x}", 1).parse().unwrap();
    BidJson { bid_id, bidder: who(1).0, offer, seq: 1, unit_id }
}

fn manifest(unit_id: UnitId) -> Manifest {
    Manifest {
        bid: BlobRef { sha256: Hash::of(b"bid"), size: (1 << 53) - 1 },
        bid_id: format!("bid_{:032x}", 1).parse().unwrap(),
        prev_sha256: Some(Hash::of(b"before")),
        seal_recipient: Identity::generate(&SystemEntropy::new()).unwrap().recipient().to_string(),
        seq: u32::MAX,
        shares: vec![Hash::of(b"share"); 7],
        unit_id,
    }
}

#[test]
fn an_offer_that_is_none_is_rejected_at_the_opening_and_names_its_bidder() {
    let unit_id = UnitId(Hash::of(b"unit"));
    let manifest = Manifest { seq: 1, ..manifest(unit_id) };
    let found = |offer: Offer| {
        let bid_json = Box::new(bid_json(unit_id, offer));
        let payload = Decryption::Payload { bid_json, payload_sha256: Hash::of(b"payload") };
        outcome(unit_id, &manifest, who(1).0, payload)
    };
    assert!(matches!(found(offer("CNY", Some("10"))), LineStatus::Opened { .. }));
    for bad in [offer("CNY", Some("ten")), offer("yuan", Some("10"))] {
        let named = Some(who(1).0);
        assert_eq!(found(bad), LineStatus::Rejected { code: RejectCode::BadOffer, named });
    }
}

fn sealed(json: &[u8], files: Vec<Attachment>) -> Result<Vec<u8>, String> {
    let entropy = SystemEntropy::new();
    let key = Identity::generate(&entropy).unwrap();
    let mut out = Vec::new();
    seal_bid(&mut out, &key.recipient(), &entropy, json, files).map_err(|e| e.to_string())?;
    let opened = payload::check(std::io::Cursor::new(out.clone()), &key, LIMITS);
    opened.map(|_| out).map_err(|e| e.to_string())
}

#[test]
fn what_would_not_open_is_not_sealed() {
    let files = |count: usize| -> Vec<Attachment> {
        (0..count).map(|at| Attachment::bytes(&format!("{at:04}"), Vec::new()).unwrap()).collect()
    };
    sealed(b"{}", files(999)).unwrap();
    assert_eq!(fits(b"{}", &files(1000)), Err(TooMuch::Files { found: 1000, most: 999 }));
    assert!(sealed(b"{}", files(1000)).is_err());
    let longest = vec![b' '; MAX_BID_JSON as usize];
    sealed(&longest, Vec::new()).unwrap();
    let longer = [&longest[..], b" "].concat();
    let offer = TooMuch::Offer { found: MAX_BID_JSON + 1, most: MAX_BID_JSON };
    assert_eq!(fits(&longer, &[]), Err(offer));
    assert!(sealed(&longer, Vec::new()).is_err());
    // Two gibibytes that take no room on the disk.
    let home = folder("offers");
    let path = home.join("large.bin");
    std::fs::File::create(&path).unwrap().set_len(2 << 30).unwrap();
    let large = vec![Attachment::file("large.bin", &path).unwrap()];
    let most = (2 << 30) - 2;
    assert_eq!(fits(b"{}", &large), Err(TooMuch::Bytes { found: 2 << 30, most }));
    assert!(sealed(b"{}", large).is_err());
}

#[test]
fn the_opening_of_ten_thousand_bids_fits_a_case_file_whatever_they_say() {
    let unit_id = UnitId(Hash::of(b"unit"));
    // As long as bid.json lets it be, in the characters that JSON spells longest.
    let mut widest = offer("CNY", Some("999999999999999.999999"));
    widest.promises.push(String::new());
    let rest = json::to_string(&bid_json(unit_id, widest.clone())).unwrap().len();
    widest.promises[0] = "\"".repeat((MAX_BID_JSON as usize - rest) / 2);
    let whole = json::to_string(&bid_json(unit_id, widest.clone())).unwrap().len();
    assert!(MAX_BID_JSON as usize - whole < 2);
    let (bidder, key): (EnterpriseId, _) = who(1);
    let outcome = LineStatus::Opened { offer: widest.clone(), payload_sha256: Hash::of(b"p") };
    let line = OpenedLine {
        arrived_at: Time::from_millis(1 << 52),
        bidder,
        fault: None,
        line: Hash::of(b"line"),
        manifest: Statement::signed(manifest(unit_id), &key).unwrap().encode(),
        outcome,
        salt: Hash::of(b"salt"),
    };
    let read = ReadOutLine { bidder, line: Hash::of(b"line"), offer: widest };
    let read = OpeningEvent::ReadOut { lines: vec![read], unit_id };
    let each = json::to_string(&line).unwrap().len() + json::to_string(&read).unwrap().len();
    // All of it may stand in one bundle of an auditor's file, in base64.
    let all = (each as u64 * 10_000).div_ceil(3) * 4;
    assert!(all < MAX_MEMBER, "{all}");
    // And the public file is read as one answer, its quotation marks escaped.
    let answer = serde_json::to_string(&json::to_string(&line).unwrap()).unwrap();
    assert!(answer.len() * 10_000 < 256 << 20, "{}", answer.len());
}
