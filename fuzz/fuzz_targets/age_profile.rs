//! Headers of sealed files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealbid_fuzz::age_profile(bytes);
});
