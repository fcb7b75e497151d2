//! Cosignature lines and cosigned checkpoints.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealbid_fuzz::cosignatures(bytes);
});
