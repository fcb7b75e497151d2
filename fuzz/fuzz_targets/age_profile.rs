//! The header profile never panics, and what it lets in has one length per payload size.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealbid::crypto::seal::profile::sealed_len;
use sealbid::crypto::seal::{PayloadKind, check_header, check_length};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(profile) = check_header(bytes) {
        assert!(profile.header_len <= bytes.len());
        let length = bytes.len() as u64;
        for kind in [PayloadKind::Bid, PayloadKind::Share] {
            if let Ok(size) = check_length(profile.header_len, length, kind) {
                assert_eq!(sealed_len(profile.header_len, size), Some(length));
            }
        }
    }
});
