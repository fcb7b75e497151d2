//! The rows of a ciphertext that its bidder brings again, or that is awaited.

use diesel::prelude::*;

use super::{corrupt, key_of, number};
use crate::bid::envelope::EnvelopeId;
use crate::bid::statements::BlobRef;
use crate::crypto::hash::Hash;
use crate::db::schema::envelope;
use crate::db::{Conn, Error, Tx};
use crate::ids::{UnitId, UploadId};
use crate::on_each;
use crate::record::leaf::Salt;

/// A bidder's live bid, as far as its ciphertext goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which.
    pub id: EnvelopeId,
    /// The salt of its accepted leaf.
    pub salt: Salt,
    /// The ciphertext in the store.
    pub blob: UploadId,
    /// What the manifest says of it.
    pub bid: BlobRef,
    /// Whether all that came of it is a custodian's word; no accepted bid is without shares otherwise.
    pub is_awaited: bool,
}

type RawKept = (Vec<u8>, String, Vec<u8>, i64, Vec<u8>);

/// A live bid of this bidder.
///
/// # Errors
/// `NotFound` for whatever is not, `Corrupt`, `Backend`.
pub fn kept(conn: &mut Conn, unit: UnitId, id: EnvelopeId) -> Result<Kept, Error> {
    let own = envelope::unit.eq(unit.to_string()).and(envelope::state.eq("live"));
    let query = envelope::table.find(key_of(&id)).filter(own).select((
        envelope::salt,
        envelope::blob,
        envelope::blob_sha256,
        envelope::blob_size,
        envelope::shares,
    ));
    let (salt, blob, sha256, size, shares): RawKept = on_each!(conn, |c| query.first(c))?;
    let sha256 = Hash::from_slice(&sha256).map_err(corrupt("blob"))?;
    Ok(Kept {
        id,
        salt: Salt::from_slice(&salt).map_err(corrupt("salt"))?,
        blob: blob.parse().map_err(corrupt("blob"))?,
        bid: BlobRef { sha256, size: number(size)? },
        is_awaited: shares.is_empty(),
    })
}

/// Names another file as a live bid's ciphertext.
///
/// # Errors
/// `Conflict` when it is not where the caller saw it, `Backend`.
pub fn swap(tx: &mut Tx<'_>, kept: &Kept, new: UploadId) -> Result<(), Error> {
    let here = envelope::blob.eq(kept.blob.to_string()).and(envelope::state.eq("live"));
    let at = envelope::table.find(key_of(&kept.id)).filter(here);
    let change = diesel::update(at).set(envelope::blob.eq(new.to_string()));
    let changed = on_each!(tx.conn(), |c| change.execute(c))?;
    if changed == 1 { Ok(()) } else { Err(Error::lost_race("the envelope")) }
}

/// Names the file of an awaited bid, and stores its shares.
///
/// # Errors
/// `Conflict` when it is not where the caller saw it, `Backend`.
pub fn fill(tx: &mut Tx<'_>, kept: &Kept, file: UploadId, shares: Vec<u8>) -> Result<(), Error> {
    tx.unrecorded("the manifest that was accepted names this file and these shares");
    let here = envelope::blob.eq(kept.blob.to_string()).and(envelope::state.eq("live"));
    let at = envelope::table.find(key_of(&kept.id)).filter(here);
    let new = (envelope::blob.eq(file.to_string()), envelope::shares.eq(shares));
    let changed = on_each!(tx.conn(), |c| diesel::update(at).set(new).execute(c))?;
    if changed == 1 { Ok(()) } else { Err(Error::lost_race("the envelope")) }
}
