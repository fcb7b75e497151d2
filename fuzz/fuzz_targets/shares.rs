//! Shares, sealed and bare, and packed lists of them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealbid_fuzz::shares(bytes);
});
