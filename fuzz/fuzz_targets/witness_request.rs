//! Requests to witnesses.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealbid_fuzz::witness_request(bytes);
});
