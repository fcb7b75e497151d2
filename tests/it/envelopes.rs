//! Is a `.bid` file exactly its manifest, its sealed payload and its shares, and nothing else?

use std::io::{Cursor, sink};
use std::path::Path;

use sealbid::bid::envelope::{self, Envelope, EnvelopeError};
use sealbid::crypto::entropy::{SeededEntropy, SystemEntropy};
use sealbid::crypto::hash::Hash;
use sealbid::crypto::seal::payload::{
    self, Attachment, LIMITS, check, extract, open_bid, read_bid_json, seal_bid,
};
use sealbid::crypto::seal::{Identity, SealError, Sealed, seal};
use sealbid::crypto::shares::{seal_share, split};
use sealbid::crypto::tar::Writer;

use crate::outside::Folder;

const MAX: u64 = 1 << 30;

struct Made {
    key: Identity,
    bid: Vec<u8>,
    sealed: Sealed,
    shares: Vec<Vec<u8>>,
}

fn make(files: Vec<Attachment>) -> Made {
    let entropy = SystemEntropy::new();
    let key = Identity::generate(&entropy).unwrap();
    let mut bid = Vec::new();
    let sealed = seal_bid(&mut bid, &key.recipient(), &entropy, b"{\"seq\":1}", files).unwrap();
    let shares = split(&key, 3, 5, &entropy).unwrap();
    let shares = shares
        .iter()
        .enumerate()
        .map(|(i, share)| {
            let custodian = Identity::generate(&SeededEntropy::new(i as u64)).unwrap();
            seal_share(share, &custodian.recipient(), &entropy).unwrap()
        })
        .collect();
    Made { key, bid, sealed, shares }
}

fn pack(made: &Made) -> Vec<u8> {
    let mut body = Cursor::new(&made.bid);
    envelope::write(Vec::new(), b"note\n", made.sealed.size, &mut body, &made.shares).unwrap()
}

fn unpack(bytes: &[u8]) -> Result<(Envelope, Vec<u8>), EnvelopeError> {
    let mut bid = Vec::new();
    envelope::read(bytes, MAX, &mut bid).map(|e| (e, bid))
}

fn by_hand(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), members[0].0);
    for (name, body) in members {
        writer.member(name, body.len() as u64, &mut Cursor::new(body)).unwrap();
    }
    writer.finish().unwrap().0
}

fn attachment(name: &str, bytes: &[u8]) -> Attachment {
    Attachment::bytes(name, bytes.to_vec()).unwrap()
}

#[test]
fn a_bid_file_comes_back_as_it_was_written() {
    let made = make(vec![attachment("a.pdf", &[1; 200_000])]);
    let (read, bid) = unpack(&pack(&made)).unwrap();
    assert_eq!(read.manifest_note, b"note\n");
    assert_eq!((read.bid, &bid), (made.sealed, &made.bid));
    assert_eq!(read.bid.sha256, Hash::of(&bid));
    assert_eq!(read.shares, made.shares);
    assert_eq!(read.share_hashes()[4], Hash::of(&made.shares[4]));
}

#[test]
fn every_altered_byte_outside_the_ciphertexts_is_refused_or_seen_in_a_hash() {
    let made = make(Vec::new());
    let bytes = pack(&made);
    let (right, _) = unpack(&bytes).unwrap();
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        if let Ok((read, _)) = unpack(&altered) {
            assert_ne!(read, right, "byte {at}");
        }
    }
    for end in (0..bytes.len()).step_by(97) {
        assert!(unpack(&bytes[..end]).is_err(), "cut to {end}");
    }
}

#[test]
fn missing_foreign_and_misplaced_members_are_refused() {
    let made = make(Vec::new());
    let (bid, s) = (made.bid.as_slice(), &made.shares);
    let five = |last: &'static str| {
        by_hand(&[
            ("manifest.note", b"note\n"),
            ("bid.age", bid),
            ("share1.age", &s[0]),
            ("share2.age", &s[1]),
            ("share3.age", &s[2]),
            ("share4.age", &s[3]),
            (last, &s[4]),
        ])
    };
    assert!(unpack(&five("share5.age")).is_ok());
    let code = |bytes: &[u8]| unpack(bytes).expect_err("refused").code();
    assert_eq!(code(&five("share6.age")), "envelope-members");
    assert_eq!(code(&five("z")), "envelope-members");
    assert_eq!(code(&by_hand(&[("manifest.note", b"note\n")])), "envelope-members");
    assert_eq!(code(&by_hand(&[("bid.age", bid)])), "tar-first");
    let no_bid = by_hand(&[("manifest.note", b"note\n"), ("share1.age", &s[0])]);
    assert_eq!(code(&no_bid), "envelope-members");
    let few = by_hand(&[("manifest.note", b"n"), ("bid.age", bid), ("share1.age", &s[0])]);
    assert_eq!(code(&few), "envelope-members");
    let mut body = Cursor::new(bid);
    let refused = envelope::write(sink(), b"n", made.sealed.size, &mut body, &s[..3]);
    assert_eq!(refused.expect_err("refused").code(), "envelope-members");
}

#[test]
fn what_is_sealed_in_it_must_fit_the_profile() {
    let mut made = make(Vec::new());
    made.shares[2].push(0);
    let refused = unpack(&pack(&made)).expect_err("refused");
    assert_eq!(refused.code(), "profile-length");
    assert!(refused.to_string().starts_with("share3.age"), "{refused}");
    let mut made = make(Vec::new());
    made.bid.push(0);
    made.sealed.size += 1;
    let mut leaked = Vec::new();
    let refused = envelope::read(pack(&made).as_slice(), MAX, &mut leaked).expect_err("refused");
    assert!(refused.to_string().starts_with("bid.age"), "{refused}");
    assert!(leaked.is_empty(), "nothing leaves before header and length are checked");
    made.bid.pop();
    made.sealed.size -= 1;
    let small = envelope::read(pack(&made).as_slice(), 100, &mut sink());
    assert_eq!(small.expect_err("refused").code(), "tar-too-large");
}

#[test]
fn a_payload_is_listed_and_any_file_is_had_by_itself() {
    let big: Vec<u8> = (0..700_000_u32).map(|i| (i % 249) as u8).collect();
    let files = vec![attachment("b.xlsx", &big), attachment("a.pdf", b"drawings")];
    let planned = payload::length(b"{\"seq\":1}", &files).unwrap();
    let made = make(files);
    assert_eq!(sealbid::crypto::seal::sealed_len(planned), Some(made.sealed.size));
    let checked = check(Cursor::new(made.bid.clone()), &made.key, LIMITS).unwrap();
    assert_eq!(checked.bid_json, b"{\"seq\":1}");
    let listed: Vec<_> = checked.files.iter().map(|f| (f.name.as_str(), f.size)).collect();
    assert_eq!(listed, [("a.pdf", 8), ("b.xlsx", 700_000)]);
    assert_eq!(checked.sealed, Some(made.sealed));
    let mut plain = Vec::new();
    let mut reader = sealbid::crypto::seal::open(made.bid.as_slice(), &made.key).unwrap();
    std::io::Read::read_to_end(&mut reader, &mut plain).unwrap();
    assert_eq!(checked.payload_sha256, Hash::of(&plain));
    let mut out = Vec::new();
    let mut found = extract(made.bid.as_slice(), &made.key, "b.xlsx", LIMITS).unwrap().unwrap();
    std::io::copy(&mut found, &mut out).unwrap();
    found.prove_rest().unwrap();
    assert_eq!(out, big);
    assert!(extract(made.bid.as_slice(), &made.key, "c", LIMITS).unwrap().is_none());
}

#[test]
fn the_read_out_takes_only_the_head_of_a_bid() {
    let made = make(vec![attachment("a.pdf", &[1; 3_000_000])]);
    let head = &made.bid[..200_000];
    assert_eq!(read_bid_json(head, &made.key).unwrap(), b"{\"seq\":1}");
    let mut reader = open_bid(head, &made.key, LIMITS).unwrap();
    assert!(reader.next_member().unwrap().is_some());
}

#[test]
fn a_spoilt_payload_is_told_from_an_unreadable_one() {
    let made = make(vec![attachment("a.pdf", &[1; 300_000])]);
    let mut altered = made.bid.clone();
    altered[250_000] ^= 1;
    let spoilt = check(Cursor::new(altered), &made.key, LIMITS).unwrap_err();
    assert_eq!((spoilt.code(), spoilt.is_unreadable()), ("open-chunk", false));
    let gone = std::fs::File::open(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let unreadable = check(gone, &made.key, LIMITS).unwrap_err();
    assert_eq!((unreadable.code(), unreadable.is_unreadable()), ("open-io", true));
    let entropy = SystemEntropy::new();
    let mut garbage = Vec::new();
    seal(&mut garbage, &made.key.recipient(), &entropy, |w| {
        std::io::Write::write_all(w, &[1; 2048]).map_err(SealError::from)
    })
    .unwrap();
    let refused = check(Cursor::new(garbage), &made.key, LIMITS).unwrap_err();
    assert_eq!((refused.code(), refused.is_unreadable()), ("tar-header", false));
}

#[test]
fn files_are_read_from_disk_and_must_hold_still() {
    let folder = Folder::new("attachments");
    let path = folder.write("offer.pdf", b"offer");
    let entropy = SystemEntropy::new();
    let key = Identity::generate(&entropy).unwrap();
    let files = || vec![Attachment::file("报价.pdf", &path).unwrap()];
    let mut bid = Vec::new();
    seal_bid(&mut bid, &key.recipient(), &entropy, b"{}", files()).unwrap();
    let checked = check(Cursor::new(bid), &key, LIMITS).unwrap();
    assert_eq!((checked.files[0].name.as_str(), checked.files[0].size), ("报价.pdf", 5));
    let looked_at = files();
    folder.write("offer.pdf", b"a longer offer");
    let refused = seal_bid(sink(), &key.recipient(), &entropy, b"{}", looked_at).unwrap_err();
    assert!(refused.to_string().contains("changed"), "{refused}");
    assert!(Attachment::file("x", folder.path("").as_path()).is_err(), "a folder is no file");
    let twice = vec![attachment("a", b""), attachment("a", b"")];
    assert!(seal_bid(sink(), &key.recipient(), &entropy, b"{}", twice).is_err());
}
