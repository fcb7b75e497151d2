//! Headers of resumable uploads.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealbid_fuzz::tus(bytes);
});
