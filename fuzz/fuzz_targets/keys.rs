//! Keys and pins as people pass them on.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealbid_fuzz::keys(bytes);
});
