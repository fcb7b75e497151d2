//! Does the header profile let in exactly what it says, with the right code for everything else?

use std::io::Write;

use proptest::prelude::*;
use sealbid::crypto::entropy::{SeededEntropy, SystemEntropy};
use sealbid::crypto::seal::padme::is_padme;
use sealbid::crypto::seal::profile::HEADER_LIMIT;
use sealbid::crypto::seal::{
    Identity, PayloadKind, ProfileError, SealError, check_header, check_length, seal, sealed_len,
};

#[test]
fn our_header_fits_the_profile_and_every_payload_size_has_one_length() {
    let key = Identity::generate(&SeededEntropy::new(17)).unwrap();
    let mut bytes = Vec::new();
    seal(&mut bytes, &key.recipient(), &SystemEntropy::new(), |w| {
        w.write_all(&[0; 33]).map_err(SealError::from)
    })
    .unwrap();
    let profile = check_header(&bytes).unwrap();
    assert_eq!((profile.header_len, profile.grease), (168, 0));
    let fits = |len: u64, kind| check_length(168, len, kind);
    assert_eq!(fits(bytes.len() as u64, PayloadKind::Share), Ok(33));
    for wrong in [bytes.len() as u64 - 1, bytes.len() as u64 + 1, 0, 184, 200] {
        assert!(fits(wrong, PayloadKind::Share).is_err(), "{wrong}");
    }
    assert_eq!(fits(168 + 16 + 65_536 + 16, PayloadKind::Bid), Ok(65_536));
    // One chunk and the tag of an empty second one: no size gives this length.
    assert!(fits(168 + 16 + 65_536 + 32, PayloadKind::Bid).is_err());
    assert!(fits(168 + 16 + 65_537 + 32, PayloadKind::Bid).is_err(), "not a PADMÉ size");
    assert_eq!(fits(168 + 16 + 67_584 + 32, PayloadKind::Bid), Ok(67_584));
    assert!(fits(u64::MAX, PayloadKind::Bid).is_err());
}

#[test]
fn grease_after_the_first_stanza_is_let_in_and_nothing_else() {
    let b43 = "A".repeat(43);
    let head = format!("age-encryption.org/v1\n-> X25519 {b43}\n{b43}\n");
    let tail = format!("--- {b43}\n");
    let code = |text: String| check_header(text.as_bytes()).map_err(ProfileError::code);
    let with = |middle: &str| code(format!("{head}{middle}{tail}"));
    for good in [
        "",
        "-> x-grease\n\n",
        "-> %-grease a b !\nAAAA\n",
        &format!("-> x-grease\n{}\n\n", "A".repeat(64)),
        "-> x-grease\n\n-> y-grease\n\n",
    ] {
        assert!(with(good).is_ok(), "{good:?}");
    }
    for (bad, why) in [
        ("-> X25519-greasy\n\n", "profile-foreign-stanza"),
        (&format!("-> X25519 {b43}\n{b43}\n"), "profile-foreign-stanza"),
        ("-> scrypt a 10\nAAAA\n", "profile-foreign-stanza"),
        ("-> \n\n", "profile-foreign-stanza"),
        ("-> x-grease \n\n", "profile-grease"),
        ("-> x-grease  a\n\n", "profile-grease"),
        ("-> x-grease \u{e9}\n\n", "profile-grease"),
        ("-> x-grease\n", "profile-grease"),
        ("-> x-grease\nA\n", "profile-grease"),
        ("-> x-grease\nAB\n", "profile-grease"),
        ("-> x-grease\nAA==\n", "profile-grease"),
        ("-> x-grease\nAAAA\r\n", "profile-grease"),
        (&format!("-> x-grease\n{}\n", "A".repeat(65)), "profile-grease"),
        (&format!("-> x-grease\n{}\n", "A".repeat(64)), "profile-grease"),
        ("\n", "profile-mac"),
        ("->x-grease\n\n", "profile-mac"),
    ] {
        assert_eq!(with(bad).unwrap_err(), why, "{bad:?}");
    }
    for (text, why) in [
        (String::new(), "profile-version"),
        (head.replace("v1", "v2"), "profile-version"),
        (head.replace('\n', "\r\n"), "profile-version"),
        (head.clone(), "profile-too-long"),
        (format!("{head}--- {b43}"), "profile-too-long"),
        (format!("{head}---{b43}\n"), "profile-mac"),
        (format!("{head}--- {b43}A\n"), "profile-mac"),
        (format!("{head}--- {}B\n", &b43[1..]), "profile-mac"),
        (format!("age-encryption.org/v1\n-> x-grease\n\n{tail}"), "profile-first-stanza"),
        (format!("age-encryption.org/v1\n{tail}"), "profile-first-stanza"),
        (head.replacen("X25519", "x25519", 1), "profile-first-stanza"),
        (head.replacen(&b43, &format!("{b43} A"), 1), "profile-first-stanza"),
        (head.replacen(&b43, &b43[1..], 1), "profile-first-stanza"),
        (format!("age-encryption.org/v1\n-> X25519 {b43}\n{}\n", &b43[1..]), "profile-body"),
        (format!("{head}-> x-grease {}\n\n{tail}", "a".repeat(HEADER_LIMIT)), "profile-too-long"),
    ] {
        assert_eq!(code(text.clone()).unwrap_err(), why, "{text:?}");
    }
}

proptest! {
    #[test]
    fn a_length_is_allowed_exactly_when_the_formula_gives_it(size in 1_u64..1 << 40) {
        let len = sealed_len(size).unwrap();
        let padded = is_padme(size);
        prop_assert_eq!(check_length(168, len, PayloadKind::Bid).ok(), padded.then_some(size));
    }
}
