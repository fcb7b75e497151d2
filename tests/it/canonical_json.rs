//! Has JSON of ours one spelling, and does it hold nothing that two readers would read differently?

use proptest::prelude::*;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::json::{self, JsonError, Texts, is_plain_text, parse};
use sealbid::crypto::statement::Statement;
use sealbid::enterprise::statements::Declined;
use sealbid::ids::EnterpriseId;
use sealbid::opening::statements::Void;
use sealbid::tender::statements::Unit;
use serde_json::{Map, Value};

fn refused(text: &str) -> JsonError {
    parse::<Value>(text.as_bytes()).expect_err(text)
}

#[test]
fn a_key_that_stands_twice_is_refused() {
    for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"a":2}"#, r#"{"x":{"b":[],"b":[]}}"#] {
        assert_eq!(refused(text), JsonError::NotCanonical, "{text}");
    }
}

#[test]
fn integers_of_2_to_the_53_and_other_numbers_are_refused() {
    for text in ["9007199254740991", "-9007199254740991", "0", r#"{"n":[9007199254740991]}"#] {
        assert!(parse::<Value>(text.as_bytes()).is_ok(), "{text}");
    }
    for text in [
        "9007199254740992",
        "-9007199254740992",
        "9007199254740993",
        "9223372036854775808",
        "18446744073709551616",
        "1.0",
        "0.5",
        "1e3",
        "-0",
        r#"{"n":[9007199254740992]}"#,
    ] {
        assert_eq!(refused(text), JsonError::Number, "{text}");
    }
}

#[test]
fn the_same_value_in_other_bytes_is_refused() {
    for text in [
        r#"{"b":1,"a":2}"#,
        r#"{"a": 1}"#,
        "{\"a\":1}\n",
        r#" {"a":1}"#,
        r#""\u0041""#,
        r#""\/""#,
        r#""\u4e2d""#,
    ] {
        assert_eq!(refused(text), JsonError::NotCanonical, "{text}");
    }
    for text in ["", "{", "\u{feff}{}", "{}{}", "nul", "'a'", "[1,]", "\"\\ud800\"", "01", "NaN"] {
        assert!(matches!(refused(text), JsonError::Shape(_)), "{text}");
    }
    assert!(parse::<Value>(b"\"\xff\"").is_err());
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(matches!(refused(&deep), JsonError::Shape(_)), "a pit of brackets");
}

#[test]
fn text_that_deceives_is_refused_wherever_it_stands() {
    for deceptive in [
        "\u{202e}moc.dib",
        "a\u{2066}b\u{2069}",
        "\u{200f}",
        "zero\u{200b}width",
        "\u{feff}",
        "line\u{2028}separator",
        "\u{85}",
        "e\u{301}",
        "\u{ac00}\u{11a8}",
        "bell\u{7}",
        "two\nlines",
    ] {
        assert!(!is_plain_text(deceptive), "{deceptive:?}");
        let quoted = Value::from(deceptive).to_string();
        for text in [quoted.clone(), format!("[[{quoted}]]"), format!("{{{quoted}:1}}")] {
            assert_eq!(refused(&text), JsonError::Text, "{text}");
        }
        assert_eq!(json::to_string(deceptive), Err(JsonError::Text), "nor do we write it");
    }
    for plain in ["甲建设有限公司", "é", "\u{1f3d7}", "a b", "—", "\"\\"] {
        assert!(parse::<Value>(json::to_string(plain).unwrap().as_bytes()).is_ok(), "{plain}");
    }
}

#[test]
fn only_a_whole_statement_within_an_event_has_lines() {
    assert!(parse::<Value>(br#""sealbid/unit/v1\n{}\n""#).is_ok());
    assert_eq!(refused(r#""x sealbid/unit/v1\n{}\n""#), JsonError::Text);
    assert_eq!(refused(r#""sealbid/unit/v1\n\t""#), JsonError::Text);
    assert_eq!(refused("\"sealbid/unit/v1\\n\u{202e}\""), JsonError::Text);
    let lines = "sealbid/unit/v1\n{}\n";
    let quoted = json::to_string(lines).unwrap();
    assert_eq!(
        json::read::<String>(quoted.as_bytes(), Texts::Plain),
        Err(JsonError::Text),
        "in no statement"
    );
    assert_eq!(json::write(lines, Texts::Plain), Err(JsonError::Text));
    let zero = Hash::from_bytes([0; 32]);
    let enterprise = EnterpriseId::of(&zero);
    let body = Declined { application_sha256: zero, enterprise, reason: lines.to_owned() };
    assert!(Statement::new(body.clone()).is_err());
    assert!(Statement::new(Declined { reason: "two words".to_owned(), ..body }).is_ok());
}

/// What a type leaves out is not written as null, and what it writes as null is not left out: else
/// one meaning had two hashes.
#[test]
fn a_typed_value_has_one_spelling_too() {
    let unit = format!("\"unit_id\":\"{}\"", "0".repeat(64));
    let void = |more: &str| parse::<Void>(format!("{{{more}{unit}}}").as_bytes());
    assert!(void(r#""reason":"cancelled","#).is_ok());
    assert_eq!(void(r#""fault":null,"reason":"cancelled","#), Err(JsonError::NotCanonical));
    assert!(matches!(void(r#""reason":"cancelled","surplus":1,"#), Err(JsonError::Shape(_))));
    let text = crate::formats_document::documented("statements-tender").unwrap();
    let line = text.lines().find(|line| line.starts_with("{\"challenge_ms\"")).unwrap();
    assert!(parse::<Unit>(line.as_bytes()).is_ok());
    let (head, rest) = line.split_once("\"recipients\":[").unwrap();
    let (_, tail) = rest.split_once(']').unwrap();
    assert!(parse::<Unit>(format!("{head}{}", &tail[1..]).as_bytes()).is_ok(), "a draft");
    let empty = format!("{head}\"recipients\":[]{tail}");
    assert_eq!(parse::<Unit>(empty.as_bytes()).unwrap_err(), JsonError::NotCanonical);
}

fn values() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[ -~]{0,8}", "[一-龥é—]{0,4}"];
    let number = -(1_i64 << 53) + 1..1 << 53;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number.prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, move |inner| {
        let member = (text.clone(), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::from),
            prop::collection::vec(member, 0..6)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(value in values()) {
        let text = json::to_string(&value).unwrap();
        prop_assert_eq!(parse::<Value>(text.as_bytes()), Ok(value));
    }

    #[test]
    fn an_altered_byte_is_refused_or_is_another_value(
        value in values(),
        at in any::<prop::sample::Index>(),
        by in 1u8..,
    ) {
        let mut bytes = json::to_string(&value).unwrap().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        if let Ok(other) = parse::<Value>(&bytes) {
            prop_assert_ne!(other, value);
        }
    }
}
