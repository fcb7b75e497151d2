//! Resumable uploads, by the semantics of tus 1.0: creation, offset, append with checksum,
//! termination, expiration.
//!
//! Invariant: the store knows the offset, the database what the complete file is. A complete
//! envelope fits the header profile and has its exact length; its hash is of the bytes read back.
//! Whoever next looks at an upload whose last byte is in completes it: no crash leaves one stuck.
//! A row goes after its file, so that nothing is left on the disk that no row names.

pub mod http;

use std::io::Read;

use crate::auth::table::{Act, Owner, allow};
use crate::auth::{self, Actor};
pub use crate::blob::Stored;
use crate::blob::{self, Append, Blobs};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::seal::profile::HEADER_LIMIT;
use crate::crypto::seal::{PayloadKind, ProfileError, check_header, check_length};
use crate::db::{self, Conn};
use crate::ids::{EnterpriseId, UploadId};
use crate::tender::Platform;

use super::Error;
use super::gate::Gate;
use super::store::uploads::{self, UploadRow};
pub use super::store::uploads::{Purpose, claim, end};

/// How long an unused upload is kept, in milliseconds: a day.
pub const KEPT_MS: i64 = 24 * 3_600_000;
/// Uploads that one sweep deletes at most.
const SWEEP: u32 = 100;

/// How far an upload is, as a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Durable bytes.
    pub offset: u64,
    /// Bytes when complete.
    pub length: u64,
    /// When it may be deleted.
    pub expires_at: Time,
}

const fn act(purpose: Purpose) -> Act {
    match purpose {
        Purpose::Bid => Act::Upload,
        Purpose::Document => Act::DraftTender,
    }
}

/// Runs what blocks on a thread that may.
async fn blocking<T: Send + 'static>(
    p: &Platform,
    f: impl FnOnce(&dyn Blobs) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let blobs = p.blobs.clone();
    let done = tokio::task::spawn_blocking(move || f(&*blobs)).await;
    done.map_err(|e| db::Error::Backend(format!("a task did not end: {e}")))?
}

/// An upload that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Its id.
    pub id: UploadId,
    /// When it may be deleted.
    pub expires_at: Time,
}

/// What one enterprise may have on the way at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Uploads that nothing refers to yet.
    pub uploads: u32,
    /// Their announced bytes together.
    pub bytes: u64,
}

/// Begins an upload of `length` bytes, within the quota of the actor's enterprise.
///
/// # Errors
/// [`Error::TooLarge`], [`Error::Quota`], the store's, or why the actor may not.
pub async fn create(
    p: &Platform,
    actor: &Actor,
    purpose: Purpose,
    length: u64,
) -> Result<Begun, Error> {
    if length > p.max_upload {
        return Err(Error::TooLarge { limit: p.max_upload });
    }
    begin(p, actor, (purpose, length), Some(p.quota)).await
}

/// The same for what a custodian hands over: its word counts, however much else its bidder has on
/// the way, and however large the bid that it took.
///
/// # Errors
/// Those of [`create`], the quota's and the limit's aside.
pub async fn create_lodged(p: &Platform, actor: &Actor, length: u64) -> Result<UploadId, Error> {
    Ok(begin(p, actor, (Purpose::Bid, length), None).await?.id)
}

async fn begin(
    p: &Platform,
    actor: &Actor,
    (purpose, length): (Purpose, u64),
    quota: Option<Quota>,
) -> Result<Begun, Error> {
    allow(actor, act(purpose), &Owner::Actor)?;
    let owner = actor.enterprise().ok_or(Error::NoKey)?;
    let id = UploadId::random(p.db.entropy())?;
    let now = p.now();
    let expires_at = now.plus(KEPT_MS);
    let row = UploadRow { id, owner, length, sha256: None, is_used: false, purpose, expires_at };
    // The row first: what has one is swept, also when the store's half was never made.
    p.db.write(move |tx| {
        if let Some(quota) = quota {
            check_quota(quota, uploads::on_the_way(tx.conn(), owner)?, length)?;
        }
        Ok::<_, Error>(uploads::insert(tx, &row)?)
    })
    .await?;
    blocking(p, move |blobs| Ok(blobs.create(id, length, now)?)).await?;
    Ok(Begun { id, expires_at })
}

fn check_quota(quota: Quota, (count, bytes): (u64, u64), length: u64) -> Result<(), Error> {
    let fits = count < u64::from(quota.uploads) && bytes.saturating_add(length) <= quota.bytes;
    if fits { Ok(()) } else { Err(Error::Quota { count, bytes }) }
}

/// The upload, if it is the actor's. Another's is as good as none: both are refused in the same words.
async fn own(p: &Platform, actor: &Actor, id: UploadId) -> Result<UploadRow, Error> {
    let found = p.db.query(move |conn| uploads::find(conn, id)).await;
    let Err(db::Error::NotFound) = found else {
        let row = found?;
        allow(actor, act(row.purpose), &Owner::Enterprise(row.owner))?;
        return Ok(row);
    };
    allow(actor, act(Purpose::Bid), &Owner::Exactly(Actor::Public))?;
    Err(auth::Refused::NotFound.into())
}

/// How far an upload is: what a client asks before it resumes. One whose last byte is in is
/// completed first: the request that brought that byte may have ended with the connection, or with
/// the server.
///
/// # Errors
/// [`Error::NotFound`], those of [`complete`], or why the actor may not.
pub async fn progress(p: &Platform, actor: &Actor, id: UploadId) -> Result<Progress, Error> {
    let row = own(p, actor, id).await?;
    let expires_at = row.expires_at;
    let found = blocking(p, move |blobs| Ok(blobs.progress(id)?)).await?;
    if found.length != row.length {
        // A part of a file that was whole once: there is nothing to go on with.
        return Err(Error::NotFound);
    }
    if found.offset == found.length {
        finish(p, row).await?;
    }
    Ok(Progress { offset: found.offset, length: found.length, expires_at })
}

/// Begins an append at `offset`; the caller writes the body's bytes and finishes it, on threads that
/// may block. An envelope's header is judged with its first 4 KiB.
///
/// # Errors
/// [`Error::NotFound`], the store's, or why the actor may not.
pub async fn append(
    p: &Platform,
    actor: &Actor,
    id: UploadId,
    offset: u64,
    checksum: Option<Hash>,
) -> Result<Box<dyn Append>, Error> {
    let row = own(p, actor, id).await?;
    let append = blocking(p, move |blobs| Ok(blobs.append(id, offset, checksum)?)).await?;
    let is_gated = row.purpose == Purpose::Bid && offset == 0;
    Ok(if is_gated { Box::new(Gate::new(append, row.length)) } else { append })
}

/// Completes an upload whose last byte is in: reads it back, and checks an envelope's header and
/// length. What does not fit is deleted. Completing again says the same.
///
/// # Errors
/// [`Error::Profile`], the store's, or why the actor may not.
pub async fn complete(p: &Platform, actor: &Actor, id: UploadId) -> Result<Stored, Error> {
    let row = own(p, actor, id).await?;
    finish(p, row).await
}

/// Completes whatever a bidder sent whole, of this length, and nobody completed: its submission is
/// here, and may be the first to look. Whether one of them is in use right now, and may be complete in
/// a moment.
///
/// # Errors
/// The database's, or the store's.
pub(super) async fn complete_sent(
    p: &Platform,
    owner: EnterpriseId,
    length: u64,
) -> Result<bool, Error> {
    let mut in_use = false;
    let growing = p.db.query(move |conn| uploads::growing(conn, owner, length)).await?;
    for row in growing {
        match finish(p, row).await {
            // Still on its way, ended meanwhile, or unfit and deleted.
            Ok(_)
            | Err(
                Error::Profile(_)
                | Error::NotFound
                | Error::Store(blob::Error::Incomplete { .. } | blob::Error::NotFound),
            ) => {}
            Err(Error::Store(blob::Error::Busy)) => in_use = true,
            Err(other) => return Err(other),
        }
    }
    Ok(in_use)
}

async fn finish(p: &Platform, row: UploadRow) -> Result<Stored, Error> {
    if let Some(sha256) = row.sha256 {
        return Ok(Stored { sha256, size: row.length });
    }
    let (id, purpose) = (row.id, row.purpose);
    let stored = blocking(p, move |blobs| {
        let stored = blobs.complete(id)?;
        if purpose == Purpose::Bid {
            check_profile(blobs, id, stored.size)?;
        }
        Ok(stored)
    })
    .await;
    let stored = match stored {
        Err(Error::Profile(cause)) => {
            remove(p, id).await?;
            return Err(cause.into());
        }
        other => other?,
    };
    p.db.write(move |tx| uploads::complete(tx, id, &stored.sha256)).await?;
    Ok(stored)
}

fn check_profile(blobs: &dyn Blobs, id: UploadId, size: u64) -> Result<(), Error> {
    let limit = u64::try_from(HEADER_LIMIT).map_err(|_| ProfileError::Length)?;
    let mut first = Vec::with_capacity(HEADER_LIMIT);
    blobs.open(id)?.take(limit).read_to_end(&mut first).map_err(blob::Error::from)?;
    let profile = check_header(&first)?;
    check_length(profile.header_len, size, PayloadKind::Bid)?;
    Ok(())
}

/// Deletes an unused upload of one's own.
///
/// # Errors
/// [`Error::InUse`], [`Error::NotFound`], the store's, or why the actor may not.
pub async fn terminate(p: &Platform, actor: &Actor, id: UploadId) -> Result<(), Error> {
    if own(p, actor, id).await?.is_used {
        return Err(Error::InUse);
    }
    remove(p, id).await
}

/// Ends an upload: its row says so first, so that no submission takes it; then the file goes, and
/// the row with it. What a crash or a writer at work leaves, a sweep takes up again.
async fn remove(p: &Platform, id: UploadId) -> Result<(), Error> {
    match p.db.write(move |tx| uploads::end(tx, id)).await {
        Err(db::Error::Conflict(_)) => return Err(Error::InUse),
        other => other?,
    }
    remove_ended(p, id).await
}

/// Deletes a file whose row has ended, as far as that is possible now: the sweep does the rest.
pub(super) async fn discard(p: &Platform, id: UploadId) {
    if let Err(error) = remove_ended(p, id).await {
        tracing::warn!(upload = %id, %error, "not deleted yet");
    }
}

async fn remove_ended(p: &Platform, id: UploadId) -> Result<(), Error> {
    match blocking(p, move |blobs| Ok(blobs.delete(id)?)).await {
        Err(Error::Store(blob::Error::Busy)) => return Ok(()),
        other => other?,
    }
    Ok(p.db.write(move |tx| uploads::forget(tx, id)).await?)
}

/// Deletes uploads that nobody used in time; returns how many.
///
/// # Errors
/// The database's or the store's.
pub async fn expire(p: &Platform) -> Result<usize, Error> {
    let now = p.now();
    let over = p.db.query(move |conn| uploads::expired(conn, now, SWEEP)).await?;
    let mut gone = 0;
    for id in over {
        match remove(p, id).await {
            // Used meanwhile.
            Err(Error::InUse) => {}
            other => {
                other?;
                gone += 1;
            }
        }
    }
    Ok(gone)
}

/// Deletes unfinished uploads of the store that are over and that no row names: a database that was
/// restored from a backup knows nothing of what came after it. Returns how many.
///
/// # Errors
/// The database's or the store's.
pub async fn sweep_unknown(p: &Platform) -> Result<usize, Error> {
    let before = p.now().plus(-KEPT_MS);
    let abandoned = blocking(p, move |blobs| Ok(blobs.abandoned(before)?)).await?;
    let mut gone = 0;
    for id in abandoned {
        if p.db.query(move |conn| uploads::is_known(conn, id)).await? {
            continue;
        }
        match blocking(p, move |blobs| Ok(blobs.delete(id)?)).await {
            Err(Error::Store(blob::Error::Busy)) => {}
            other => {
                other?;
                gone += 1;
            }
        }
    }
    Ok(gone)
}

/// A complete tender document of this owner that is part of nothing yet.
///
/// # Errors
/// The database's; `None` when there is no such upload.
pub fn document(
    conn: &mut Conn,
    id: UploadId,
    owner: EnterpriseId,
) -> Result<Option<Stored>, db::Error> {
    let row = match uploads::find(conn, id) {
        Err(db::Error::NotFound) => return Ok(None),
        other => other?,
    };
    let Some(sha256) = row.sha256 else { return Ok(None) };
    if row.owner != owner || row.is_used || row.purpose != Purpose::Document {
        return Ok(None);
    }
    Ok(Some(Stored { sha256, size: row.length }))
}
