//! Entries of a case file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealbid_fuzz::case_entry(bytes);
});
