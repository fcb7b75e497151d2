//! What is sealed: the age profile, `.bid` files, tar, shares, keys.

use std::io::Cursor;
use std::io::Read as _;

use sealbid::bid::envelope;
use sealbid::crypto::key::VerifyingKey;
use sealbid::crypto::seal::payload::{LIMITS, check};
use sealbid::crypto::seal::profile::sealed_len;
use sealbid::crypto::seal::{self, Identity, PayloadKind, Recipient, check_header, check_length};
use sealbid::crypto::shares::{MAX_SEALED_SHARE, Share, check_share};
use sealbid::crypto::tar::{Limits, Reader, Writer};
use sealbid::verify::Trust;

use super::{same, text};

/// What the header profile lets in has one length per size of payload.
pub fn age_profile(bytes: &[u8]) -> bool {
    let Ok(profile) = check_header(bytes) else { return false };
    assert!(profile.header_len <= bytes.len());
    let length = bytes.len() as u64;
    for kind in [PayloadKind::Bid, PayloadKind::Share] {
        if let Ok(size) = check_length(profile.header_len, length, kind) {
            assert_eq!(sealed_len(profile.header_len, size), Some(length));
        }
    }
    true
}

/// Whatever is accepted as a `.bid` file is written again byte for byte.
pub fn bid_file(bytes: &[u8]) -> bool {
    let mut bid = Vec::new();
    let Ok(read) = envelope::read(bytes, 1 << 20, &mut bid) else { return false };
    let (mut body, note) = (bid.as_slice(), &read.manifest_note);
    let again = envelope::write(Vec::new(), note, read.bid.size, &mut body, &read.shares);
    same(again.expect("accepted"), bytes)
}

/// A key that opens what the seed of this target holds.
pub const KEY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";

/// What the whole reading accepts, the plain one opens too.
pub fn open(bytes: &[u8]) -> bool {
    let key: Identity = KEY.parse().expect("a key");
    let plain = seal::open(bytes, &key)
        .map(|mut reader| reader.read_to_end(&mut Vec::new()))
        .is_ok_and(|read| read.is_ok());
    let whole = check(Cursor::new(bytes.to_vec()), &key, LIMITS).is_ok();
    assert!(plain || !whole);
    plain
}

const SMALL: Limits = Limits { members: 100, member_size: 1 << 20, total: 1 << 20 };

/// Whatever the tar reader accepts, the writer writes again byte for byte.
pub fn tar(bytes: &[u8]) -> bool {
    fn files(bytes: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
        let mut reader = Reader::new(bytes, "bid.json", SMALL);
        let mut files = Vec::new();
        while let Some(member) = reader.next_member().ok()? {
            let name = member.name().to_owned();
            files.push((name, member.read_all(1 << 20).ok()?));
        }
        Some(files)
    }
    let Some(files) = files(bytes) else { return false };
    let mut writer = Writer::new(Vec::new(), "bid.json");
    for (name, body) in &files {
        writer.member(name, body.len() as u64, &mut body.as_slice()).expect("accepted");
    }
    same(writer.finish().expect("accepted").0, bytes)
}

/// A packed list of shares is packed again as it was; a sealed share has its one length, a bare one
/// its 33 bytes and an x that is not zero.
pub fn shares(bytes: &[u8]) -> bool {
    if check_share(bytes).is_ok() {
        assert!(bytes.len() <= MAX_SEALED_SHARE);
        return true;
    }
    if let Ok(share) = Share::from_slice(bytes) {
        assert_ne!(share.as_bytes()[32], 0);
        return same(share.as_bytes(), bytes);
    }
    envelope::unpack_shares(bytes).is_some_and(|list| same(envelope::pack_shares(&list), bytes))
}

/// Every key and pin that is accepted has exactly the spelling it was read from.
pub fn keys(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else { return false };
    if let Ok(recipient) = text.parse::<Recipient>() {
        return same(recipient.to_string(), bytes);
    }
    if let Ok(identity) = text.parse::<Identity>() {
        return same(identity.encode().as_str(), bytes);
    }
    if let Ok(key) = text.parse::<VerifyingKey>() {
        assert_eq!(text.parse(), Ok(Trust::Regulator(key.clone())));
        return same(key.to_string(), bytes);
    }
    text.parse::<Trust>().is_ok_and(|pin| same(pin.to_string(), bytes))
}
