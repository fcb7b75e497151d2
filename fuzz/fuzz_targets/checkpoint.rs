//! Checkpoints and the sizes that witnesses answer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealbid_fuzz::checkpoint(bytes);
});
