//! Canonical JSON (RFC 8785) as statements and events use it (protocol §1).
//!
//! Invariant: bytes that pass [`parse`] are the only spelling of their typed value: writing the value
//! gives the bytes again, so hashing either means the same and no key is dropped unseen. Stored bytes
//! are never re-serialised. No floats, no integers of 2^53 or more, no duplicate keys, only NFC text
//! without control or bidirectional characters; line breaks only in a whole statement or
//! receipt that an event carries.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use unicode_normalization::is_nfc;

/// Integers at or above this lose precision in other readers of JSON.
const INTEGER_LIMIT: u64 = 1 << 53;

/// A text that starts so is a whole statement or receipt within an event: the texts that have lines.
const EMBEDDED: [&str; 2] = ["sealbid/", "c2sp.org/tlog-proof@v1\n"];

/// Which texts a value may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// Of one line each: in whatever carries no other statement.
    Plain,
    /// Also whole statements and receipts: in events, and in the opening.
    WithStatements,
}

/// Why bytes are not canonical JSON of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, or not of the shape expected.
    #[error("not the JSON expected: {0}")]
    Shape(String),
    /// JSON, but not in its one canonical spelling (order, spaces, duplicate keys, escapes, a null
    /// where nothing should stand or nothing where a null should).
    #[error("not canonical JSON (RFC 8785)")]
    NotCanonical,
    /// A number that is not an integer below 2^53 in size.
    #[error("a number is not an integer below 2^53")]
    Number,
    /// A text with control or bidirectional characters, or not in NFC.
    #[error("a text holds control or bidirectional characters, or is not in NFC")]
    Text,
}

/// Whether a text may stand in a statement: NFC, and nothing deceptive.
#[must_use]
pub fn is_plain_text(text: &str) -> bool {
    !text.chars().any(is_deceptive) && is_nfc(text)
}

/// Controls, bidirectional marks, what has no width, line separators and the byte order mark: what
/// could make one reader see another text than the next.
pub(super) fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// Parses canonical JSON into a typed value; anything but the one canonical spelling is refused.
///
/// # Errors
/// [`JsonError`] saying what is wrong; nothing is repaired.
pub fn parse<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, JsonError> {
    read(bytes, Texts::WithStatements)
}

/// [`parse`] with the texts that the value may hold.
///
/// # Errors
/// As [`parse`].
pub fn read<T: DeserializeOwned + Serialize>(bytes: &[u8], texts: Texts) -> Result<T, JsonError> {
    let value: Value =
        serde_json::from_slice(bytes).map_err(|e| JsonError::Shape(e.to_string()))?;
    check(&value, texts)?;
    if canonical(&value)? != bytes {
        return Err(JsonError::NotCanonical);
    }
    let typed: T = serde_json::from_value(value).map_err(|e| JsonError::Shape(e.to_string()))?;
    if canonical(&typed)? == bytes { Ok(typed) } else { Err(JsonError::NotCanonical) }
}

/// The canonical spelling of a value, checked by the same rules that readers apply.
///
/// # Errors
/// [`JsonError`] when the value holds what statements must not hold.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, JsonError> {
    write(value, Texts::WithStatements)
}

/// [`to_string`] with the texts that the value may hold.
///
/// # Errors
/// As [`to_string`].
pub fn write<T: Serialize + ?Sized>(value: &T, texts: Texts) -> Result<String, JsonError> {
    let value = serde_json::to_value(value).map_err(|e| JsonError::Shape(e.to_string()))?;
    check(&value, texts)?;
    String::from_utf8(canonical(&value)?).map_err(|_| JsonError::Text)
}

fn canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, JsonError> {
    serde_json_canonicalizer::to_vec(value).map_err(|e| JsonError::Shape(e.to_string()))
}

fn check(value: &Value, texts: Texts) -> Result<(), JsonError> {
    let is_embedded = |s: &str| {
        texts == Texts::WithStatements && EMBEDDED.iter().any(|start| s.starts_with(start))
    };
    match value {
        Value::Null | Value::Bool(_) => Ok(()),
        Value::Number(n) => match n.as_i64() {
            Some(i) if i.unsigned_abs() < INTEGER_LIMIT => Ok(()),
            _ => Err(JsonError::Number),
        },
        Value::String(s) if is_embedded(s) => s.split('\n').try_for_each(check_text),
        Value::String(s) => check_text(s),
        Value::Array(items) => items.iter().try_for_each(|item| check(item, texts)),
        Value::Object(map) => {
            map.iter().try_for_each(|(k, v)| check_text(k).and_then(|()| check(v, texts)))
        }
    }
}

fn check_text(text: &str) -> Result<(), JsonError> {
    if is_plain_text(text) { Ok(()) } else { Err(JsonError::Text) }
}
