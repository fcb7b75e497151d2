//! Arbitrary bytes never open under a fixed identity, and neither way of reading panics.
#![no_main]

use std::io::{Cursor, Read};

use libfuzzer_sys::fuzz_target;
use sealbid::crypto::seal::payload::{LIMITS, check};
use sealbid::crypto::seal::{Identity, open};

const KEY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";

fuzz_target!(|bytes: &[u8]| {
    let key: Identity = KEY.parse().expect("a key");
    let plain = open(bytes, &key)
        .map(|mut reader| reader.read_to_end(&mut Vec::new()))
        .is_ok_and(|read| read.is_ok());
    let whole = check(Cursor::new(bytes.to_vec()), &key, LIMITS).is_ok();
    assert!(plain || !whole);
});
