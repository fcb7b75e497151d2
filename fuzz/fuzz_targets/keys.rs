//! Every accepted key has exactly the spelling it was read from.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealbid::crypto::seal::{Identity, Recipient};

fuzz_target!(|text: &str| {
    if let Ok(recipient) = text.parse::<Recipient>() {
        assert_eq!(recipient.to_string(), text);
    }
    if let Ok(identity) = text.parse::<Identity>() {
        assert_eq!(identity.encode().as_str(), text);
    }
});
