//! Are identifiers checked so that a typing error never becomes somebody else's name?

use proptest::prelude::*;
use sealbid::crypto::entropy::SeededEntropy;
use sealbid::enterprise::uscc::{Uscc, UsccError};

const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
/// Codes of real organisations, for the checksums only.
const REAL: [&str; 4] =
    ["91350100M000100Y43", "91440300708461136T", "91330100799655058B", "91110000802100433B"];

fn with(code: &str, at: usize, c: char) -> String {
    code.chars().enumerate().map(|(i, old)| if i == at { c } else { old }).collect()
}

#[test]
fn codes_of_real_organisations_are_accepted() {
    for code in REAL {
        assert_eq!(Uscc::parse(code).map(|c| c.to_string()), Ok(code.to_owned()));
    }
}

#[test]
fn full_width_lower_case_and_spaces_are_normalised() {
    for text in [
        "９１３５０１００Ｍ０００１００Ｙ４３",
        " 91350100m000100y43\n",
        "91350100 M000\u{3000}100Y43",
        "９1350100ｍ000100ｙ43",
    ] {
        assert_eq!(Uscc::parse(text).map(|c| c.to_string()), Ok(REAL[0].to_owned()), "{text:?}");
    }
}

#[test]
fn a_statement_holds_only_the_one_spelling() {
    let exact = serde_json::from_str::<Uscc>("\"91350100M000100Y43\"");
    assert_eq!(exact.map(|c| c.to_string()).ok(), Some(REAL[0].to_owned()));
    for text in ["\"91350100m000100Y43\"", "\"91350100M000100Y43 \"", "\"９1350100M000100Y43\""] {
        assert!(serde_json::from_str::<Uscc>(text).is_err(), "{text}");
    }
}

#[test]
fn the_error_names_the_character() {
    let found = |text: &str| Uscc::parse(text).unwrap_err();
    assert_eq!(found("9135010"), UsccError::Length { found: 7 });
    assert_eq!(found(""), UsccError::Length { found: 0 });
    assert_eq!(found("91350100M000100Y433"), UsccError::Length { found: 19 });
    assert_eq!(
        found("91350100MO00100Y43"),
        UsccError::Character { position: 10, found: 'O', meant: Some('0') }
    );
    assert_eq!(
        found("91350100M0-0100Y43"),
        UsccError::Character { position: 11, found: '-', meant: None }
    );
    assert_eq!(
        found("91350100M0企0100Y43"),
        UsccError::Character { position: 11, found: '企', meant: None }
    );
    assert_eq!(found("913A0100M000100Y43"), UsccError::Region { position: 4, found: 'A' });
}

#[test]
fn a_wrong_checksum_names_its_place_and_what_was_probably_meant() {
    // Two neighbours swapped.
    let slip = Uscc::parse("91350100M001000Y43").unwrap_err();
    let UsccError::Checksum { position: 17, meant, .. } = slip else { panic!("{slip:?}") };
    assert_eq!(meant.map(|c| c.to_string()), Some(REAL[0].to_owned()));
    // Only the last character wrong: the body's own checksum still holds.
    let slip = Uscc::parse("91350100M000100Y44").unwrap_err();
    let UsccError::Checksum { position, found, expected, .. } = slip else { panic!("{slip:?}") };
    assert_eq!((position, found, expected), (18, '4', '3'));
}

#[test]
fn every_single_substitution_in_a_real_code_is_caught() {
    for code in REAL {
        for at in 0..18 {
            for c in ALPHABET.chars().filter(|c| code.chars().nth(at) != Some(*c)) {
                assert!(Uscc::parse(&with(code, at, c)).is_err(), "{code} {at} {c}");
            }
        }
    }
}

proptest! {
    #[test]
    fn a_made_up_code_is_valid_and_of_the_unassigned_region(seed: u64) {
        let code = Uscc::unassigned(&SeededEntropy::new(seed)).unwrap();
        prop_assert_eq!(Uscc::parse(code.as_str()), Ok(code));
        prop_assert_eq!(&code.as_str()[..8], "91000000");
    }

    #[test]
    fn any_single_substitution_is_caught(seed: u64, at in 0..18usize, to in 0..31usize) {
        let code = Uscc::unassigned(&SeededEntropy::new(seed)).unwrap().to_string();
        let c = ALPHABET.chars().nth(to).unwrap();
        prop_assume!(code.chars().nth(at) != Some(c));
        prop_assert!(Uscc::parse(&with(&code, at, c)).is_err());
    }

    #[test]
    fn foreign_text_never_panics_and_never_passes_unless_sound(text in ".{0,40}") {
        if let Ok(code) = Uscc::parse(&text) {
            prop_assert_eq!(Uscc::parse(code.as_str()), Ok(code));
        }
    }
}
