//! The values of tus 1.0 headers, each in its one spelling.
//!
//! Invariant: what parses is written again as it was. A `+5` or `005` that another reader on the way
//! takes for another number is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::crypto::hash::Hash;
use crate::record::spelling;

/// The one algorithm that is offered.
const ALGORITHM: &str = "sha256 ";

/// A number of bytes, as in `Upload-Length` and `Upload-Offset`.
#[must_use]
pub fn bytes(text: &str) -> Option<u64> {
    spelling::decimal(text)
}

/// `sha256 <base64>`, as in `Upload-Checksum`.
#[must_use]
pub fn checksum(text: &str) -> Option<Hash> {
    let value = BASE64.decode(text.strip_prefix(ALGORITHM)?).ok()?;
    Hash::from_slice(&value).ok()
}

/// The value of `Upload-Checksum` for a part with this hash.
#[must_use]
pub fn checksum_value(part: &Hash) -> String {
    format!("{ALGORITHM}{}", BASE64.encode(part.as_bytes()))
}
