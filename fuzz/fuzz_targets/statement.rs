//! The texts of all statements, the roster's too.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealbid_fuzz::statement(bytes);
});
