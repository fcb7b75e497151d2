//! The check of every share after the opening: what a custodian was dealt, whether or not its key was
//! among those that opened.
//!
//! Invariant: what is found here changes no outcome. A bid that failed by a share stays failed, and
//! one that opened stays opened; the finding says who dealt what.

use crate::bid::statements::Manifest;
use crate::clock::Time;
use crate::crypto::seal::{Identity, Recipient};
use crate::crypto::shares::{Share, ShareError, open_share, recover};
use crate::opening::statements::ShareCode;

/// The first look after an opening, in milliseconds.
pub const FIRST_MS: i64 = 10_000;
/// A custodian is asked at least this often, in milliseconds.
const SELDOM_MS: i64 = 1_800_000;
/// A custodian that has not answered by then is named as absent, in milliseconds.
pub const DAY_MS: i64 = 86_400_000;

/// When custodians that were away are asked again: less and less often, for so many milliseconds.
/// Counted from the opening or the cancellation alone, so that a restart changes nothing.
#[must_use]
pub fn asked_again((from, for_ms): (Time, i64), now: Time) -> Option<Time> {
    let since = now.since(from);
    (since < for_ms).then(|| now.plus(since.clamp(FIRST_MS, SELDOM_MS)))
}

/// What is wrong with one custodian's share of one bid, if anything is. `sealed` is what the platform
/// holds; `used` are the shares that gave the bid's identity, empty when none did.
#[must_use]
pub fn share_fault(
    manifest: &Manifest,
    sealed: Option<&[u8]>,
    (place, identity): (usize, &Identity),
    used: &[Share],
) -> Option<ShareCode> {
    let (Some(sealed), Some(sha256)) = (sealed, manifest.shares.get(place)) else {
        return Some(ShareCode::Missing);
    };
    let share = match open_share(sealed, sha256, identity) {
        Ok(share) => share,
        Err(ShareError::NotTheShare) => return Some(ShareCode::Missing),
        Err(_) => return Some(ShareCode::BadShare),
    };
    let recipient = manifest.seal_recipient.parse().ok()?;
    let fits = used.is_empty() || fits(share, used, &recipient);
    (!fits).then_some(ShareCode::OtherSecret)
}

/// Whether a share is one of those used, or gives the same identity in the place of one of them.
fn fits(share: Share, used: &[Share], recipient: &Recipient) -> bool {
    let x = |share: &Share| share.as_bytes().last().copied();
    if let Some(same) = used.iter().find(|other| x(other) == x(&share)) {
        return same.as_bytes() == share.as_bytes();
    }
    let others = used.iter().skip(1).map(|other| Share::from_slice(other.as_bytes()));
    let together: Result<Vec<Share>, ShareError> = others.chain([Ok(share)]).collect();
    together.and_then(|together| recover(&together, recipient)).is_ok()
}

/// The shares of these custodians, if together they give the bid's identity; none otherwise.
#[must_use]
pub fn used_shares(manifest: &Manifest, parts: &[(usize, Option<&[u8]>, &Identity)]) -> Vec<Share> {
    let open = |(place, sealed, identity): &(usize, Option<&[u8]>, &Identity)| {
        open_share((*sealed)?, manifest.shares.get(*place)?, identity).ok()
    };
    let Some(shares) = parts.iter().map(open).collect::<Option<Vec<Share>>>() else {
        return Vec::new();
    };
    let recipient: Option<Recipient> = manifest.seal_recipient.parse().ok();
    let gives = recipient.is_some_and(|recipient| recover(&shares, &recipient).is_ok());
    if gives { shares } else { Vec::new() }
}
