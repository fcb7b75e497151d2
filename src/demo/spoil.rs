//! What a dishonest bidder does, on top of the bidder's real client: each explicit step that makes
//! a bid wrong stands here and nowhere else.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::trouble::{Trouble, at, other};
use crate::bid::envelope;
use crate::bid::statements::Manifest;
use crate::cli::bid::{Envelope, read};
use crate::cli::output::{Access, NewFile};
use crate::crypto::entropy::{self, SystemEntropy};
use crate::crypto::hash::Hash;
use crate::crypto::note::SigningKey;
use crate::crypto::seal::Identity;
use crate::crypto::shares::{Share, seal_share};
use crate::crypto::statement::Statement;
use crate::ids::BidId;

/// Takes a rival's envelope and signs it as one's own: a new manifest over the same ciphertext and
/// the same shares.
///
/// # Errors
/// [`Trouble`].
pub fn copy(rival: &Path, thief: &SigningKey, to: &Path) -> Result<(), Trouble> {
    let envelope = read(rival)?;
    let bid_id = BidId::random(&SystemEntropy::new())?;
    let body = envelope.manifest.body().clone();
    let manifest = Manifest { bid_id, prev_sha256: None, seq: 1, ..body };
    write(&envelope, manifest, &envelope.shares, thief, to)
}

/// Replaces the shares of the custodians at `places` by some that are sealed to somebody else: their form
/// is right, so nobody sees it before the opening.
///
/// # Errors
/// [`Trouble`].
pub fn spoil_shares(
    honest: &Path,
    dealer: &SigningKey,
    places: &[usize],
    to: &Path,
) -> Result<(), Trouble> {
    let entropy = SystemEntropy::new();
    let envelope = read(honest)?;
    let mut share: [u8; 33] = entropy::array(&entropy)?;
    if let Some(x) = share.last_mut() {
        *x = 1;
    }
    let stranger = Identity::generate(&entropy)?.recipient();
    let share = Share::from_slice(&share).map_err(other)?;
    let mut shares = envelope.shares.clone();
    for place in places {
        let target = shares.get_mut(*place).ok_or_else(|| other("there is no such share"))?;
        *target = seal_share(&share, &stranger, &entropy).map_err(other)?;
    }
    let mut manifest = envelope.manifest.body().clone();
    manifest.shares = shares.iter().map(|share| Hash::of(share)).collect();
    write(&envelope, manifest, &shares, dealer, to)
}

/// A `.bid` file of another manifest over the ciphertext of `envelope`.
fn write(
    envelope: &Envelope,
    manifest: Manifest,
    shares: &[Vec<u8>],
    key: &SigningKey,
    to: &Path,
) -> Result<(), Trouble> {
    let from = &envelope.bid;
    let mut source = File::open(&from.path).map_err(at(&from.path))?;
    source.seek(SeekFrom::Start(from.start)).map_err(at(&from.path))?;
    let mut sealed = BufReader::with_capacity(1 << 17, source).take(from.size);
    let note = Statement::signed(manifest, key).map_err(other)?.encode();
    let mut file = NewFile::create(to, Access::Usual)?;
    envelope::write(file.writer(), note.as_bytes(), from.size, &mut sealed, shares)
        .map_err(other)?;
    Ok(file.keep()?)
}
