//! Events of the record, and `bid.json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealbid_fuzz::event(bytes);
});
