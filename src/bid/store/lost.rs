//! The rows of a ciphertext that its bidder brings again.

use diesel::prelude::*;

use super::{corrupt, number};
use crate::bid::statements::BlobRef;
use crate::crypto::hash::Hash;
use crate::db::schema::envelope;
use crate::db::{Conn, Error, Tx};
use crate::ids::{EnterpriseId, UnitId, UploadId};
use crate::on_each;
use crate::record::leaf::Salt;

/// A bidder's live bid, as far as its ciphertext goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Of the manifest's text.
    pub manifest_sha256: Hash,
    /// The salt of its accepted leaf.
    pub salt: Salt,
    /// The ciphertext in the store.
    pub blob: UploadId,
    /// What the manifest says of it.
    pub bid: BlobRef,
}

type RawKept = (Vec<u8>, String, Vec<u8>, i64);

/// A live bid of this bidder.
///
/// # Errors
/// `NotFound` for whatever is not, `Corrupt`, `Backend`.
pub fn kept(
    conn: &mut Conn,
    unit: UnitId,
    bidder: EnterpriseId,
    manifest: &Hash,
) -> Result<Kept, Error> {
    let own = envelope::unit
        .eq(unit.to_string())
        .and(envelope::bidder.eq(bidder.to_string()))
        .and(envelope::state.eq("live"));
    let query = envelope::table.find(manifest.as_bytes().to_vec()).filter(own).select((
        envelope::salt,
        envelope::blob,
        envelope::blob_sha256,
        envelope::blob_size,
    ));
    let (salt, blob, sha256, size): RawKept = on_each!(conn, |c| query.first(c))?;
    let sha256 = Hash::from_slice(&sha256).map_err(corrupt("blob"))?;
    Ok(Kept {
        manifest_sha256: *manifest,
        salt: Salt::from_slice(&salt).map_err(corrupt("salt"))?,
        blob: blob.parse().map_err(corrupt("blob"))?,
        bid: BlobRef { sha256, size: number(size)? },
    })
}

/// Names another file as a live bid's ciphertext.
///
/// # Errors
/// `Conflict` when it is not where the caller saw it, `Backend`.
pub fn swap(tx: &mut Tx<'_>, kept: &Kept, new: UploadId) -> Result<(), Error> {
    let at = envelope::manifest_sha256
        .eq(kept.manifest_sha256.as_bytes().to_vec())
        .and(envelope::blob.eq(kept.blob.to_string()))
        .and(envelope::state.eq("live"));
    let change = diesel::update(envelope::table.filter(at)).set(envelope::blob.eq(new.to_string()));
    let changed = on_each!(tx.conn(), |c| change.execute(c))?;
    if changed == 1 { Ok(()) } else { Err(Error::lost_race("the envelope")) }
}
