//! Whatever is accepted as a `.bid` file is written again byte for byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealbid::bid::envelope;

fuzz_target!(|bytes: &[u8]| {
    let mut bid = Vec::new();
    if let Ok(read) = envelope::read(bytes, 1 << 20, &mut bid) {
        let mut body = bid.as_slice();
        let again = envelope::write(
            Vec::new(),
            &read.manifest_note,
            read.bid.size,
            &mut body,
            &read.shares,
        );
        assert_eq!(again.expect("accepted"), bytes);
    }
});
