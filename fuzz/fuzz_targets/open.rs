//! Sealed files under a known key.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealbid_fuzz::open(bytes);
});
