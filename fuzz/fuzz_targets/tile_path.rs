//! Paths of tiles.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sealbid_fuzz::tile_path(bytes);
});
