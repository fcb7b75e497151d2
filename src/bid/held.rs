//! Whether the platform still has what a bidder uploaded: looked at inside the door, before a
//! submission is acknowledged that names it.
//!
//! Invariant: no acceptance names a file that was gone, or shorter or longer, when it was recorded.
//! Deliberately absent: reading it, which stands before every close; here it would hold up everybody.

use crate::blob::{self, Blobs};
use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::db::Tx;
use crate::ids::{EnterpriseId, UploadId};

use super::Error;
use super::rules::Refused;
use super::statements::Manifest;
use super::store::{self, uploads};
use super::submit::WithoutUpload;

/// Whom a bid reached first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Through {
    /// The platform.
    Us,
    /// A custodian, whose hour counts. Its file is awaited; until then nothing bears this name.
    Custodian { file: UploadId },
}

impl Through {
    /// What was decided, with the file that the bid's envelope is or will be.
    pub(super) fn found<T>(
        self,
        tx: &mut Tx<'_>,
        blobs: &dyn Blobs,
        decided: Result<T, Refused>,
        about: (EnterpriseId, &Statement<Manifest>),
        known: (Option<UploadId>, WithoutUpload),
    ) -> Result<Found<T>, Error> {
        match self {
            Self::Us => with_envelope(tx, blobs, decided, about, known),
            Self::Custodian { file } => Ok(Some(decided.map(|content| (content, file)))),
        }
    }
}

/// `None` when it is to be looked into first.
type Found<T> = Option<Result<(T, UploadId), Refused>>;

/// What was decided of a bid, with the upload of its envelope that the store holds, or why it is
/// refused for want of one. `known` is the one that the database has for complete; one look at it
/// is all that a bid costs whose file is there.
fn with_envelope<T>(
    tx: &mut Tx<'_>,
    blobs: &dyn Blobs,
    decided: Result<T, Refused>,
    (bidder, manifest): (EnterpriseId, &Statement<Manifest>),
    (known, without): (Option<UploadId>, WithoutUpload),
) -> Result<Found<T>, Error> {
    let content = match decided {
        Ok(content) => content,
        Err(refused) => return Ok(Some(Err(refused))),
    };
    let held = match known {
        Some(known) if is_held(blobs, known, manifest.body().bid.size)? => Ok(known),
        _ if without == WithoutUpload::Ask => return Ok(None),
        _ => search(tx, blobs, bidder, manifest)?,
    };
    Ok(Some(held.map(|blob| (content, blob))))
}

/// The first of a bidder's complete uploads of this envelope that is there. What was lost ends, so
/// that it stands in the way of none that is brought after it, and a sweep clears what is left.
fn search(
    tx: &mut Tx<'_>,
    blobs: &dyn Blobs,
    bidder: EnterpriseId,
    manifest: &Statement<Manifest>,
) -> Result<Result<UploadId, Refused>, Error> {
    let bid = &manifest.body().bid;
    let mut why = Refused::Envelope;
    for id in uploads::of_envelope(tx.conn(), bidder, bid)? {
        if is_held(blobs, id, bid.size)? {
            return Ok(Ok(id));
        }
        uploads::end(tx, id)?;
        why = Refused::EnvelopeLost;
    }
    // The same statement once more, its answer lost: it was the platform's fault, and is.
    let (note, lost) = (Hash::of(manifest.encode().as_bytes()), Refused::EnvelopeLost);
    if store::refused_before(tx.conn(), &note, lost.code())?.is_some() {
        why = lost;
    }
    Ok(Err(why))
}

/// A store that fails says nothing: the act is tried again.
fn is_held(blobs: &dyn Blobs, blob: UploadId, size: u64) -> Result<bool, Error> {
    match blobs.size(blob) {
        Ok(found) => Ok(found == size),
        Err(blob::Error::NotFound) => Ok(false),
        Err(other) => Err(other.into()),
    }
}
