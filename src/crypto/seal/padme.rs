//! PADMÉ: the sizes that sealed payloads may have, so that a size says little about a bid.
//!
//! Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with
//! PURBs", PoPETs 2019, section 4. The overhead is at most 12 % and shrinks with the size.

/// The smallest PADMÉ size that holds `length` bytes; `None` beyond 2^64.
///
/// Multiples of 512 stay multiples of 512, so a padded tar is still made of whole blocks.
#[must_use]
pub const fn padme(length: u64) -> Option<u64> {
    let Some(exponent) = length.checked_ilog2() else { return Some(0) };
    let Some(log) = exponent.checked_ilog2() else { return Some(length) };
    let cleared = exponent.saturating_sub(log + 1);
    let mask = (1_u64 << cleared) - 1;
    match length.checked_add(mask) {
        Some(sum) => Some(sum & !mask),
        None => None,
    }
}

/// Whether `length` is a size that [`padme`] gives.
#[must_use]
pub fn is_padme(length: u64) -> bool {
    padme(length) == Some(length)
}
