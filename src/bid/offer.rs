//! What an offer must be to be read out: an exact price in one spelling, in a currency.
//!
//! Invariant: the sealer, the opening and the verifier judge by this one rule, so that nothing which
//! sealed without a word is rejected at the opening.

use super::statements::Offer;
use crate::tender::statements::Stage;

/// Digits before the point at most.
const WHOLE: usize = 15;
/// Digits behind it at most.
const FRACTION: usize = 6;

/// What is wrong with an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOffer {
    /// Not three capital letters.
    #[error("the currency is not three capital letters, such as CNY")]
    Currency,
    /// No positive decimal in its one spelling.
    #[error(
        "the price is not a positive decimal such as 1234567.89: at most 15 digits, then at most 6 \
         behind a point; no sign, no grouping, no zero in front"
    )]
    Price,
}

/// Checks an offer.
///
/// # Errors
/// [`BadOffer`] with the first thing that is wrong.
pub fn check(offer: &Offer) -> Result<(), BadOffer> {
    let currency = offer.currency.as_bytes();
    if currency.len() != 3 || !currency.iter().all(u8::is_ascii_uppercase) {
        return Err(BadOffer::Currency);
    }
    match &offer.price {
        Some(price) if !is_price(price) => Err(BadOffer::Price),
        _ => Ok(()),
    }
}

/// Why what is to be sealed is not what its stage reads out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// A technical envelope with a price: it would be read out while the commercial ones are sealed.
    #[error("a technical envelope names a price")]
    EarlyPrice,
    /// A single or commercial envelope without one.
    #[error("the envelope names no price")]
    NoPrice,
    /// A technical envelope with neither file nor promise.
    #[error("the envelope holds nothing")]
    Nothing,
}

/// Whether an offer with so many files is what the stage of its unit reads out. Asked before sealing
/// alone: what others seal is judged by [`check`].
///
/// # Errors
/// [`Misfit`].
pub const fn suits(stage: Stage, offer: &Offer, files: usize) -> Result<(), Misfit> {
    match (stage, &offer.price) {
        (Stage::Technical, Some(_)) => Err(Misfit::EarlyPrice),
        (Stage::Technical, None) if files == 0 && offer.promises.is_empty() => Err(Misfit::Nothing),
        (Stage::Single | Stage::Commercial, None) => Err(Misfit::NoPrice),
        _ => Ok(()),
    }
}

fn is_price(text: &str) -> bool {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let digits = |part: &str, most| {
        (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    digits(whole, WHOLE)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(|fraction| digits(fraction, FRACTION))
        && text.bytes().any(|b| matches!(b, b'1'..=b'9'))
}
