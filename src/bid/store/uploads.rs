//! The rows of uploads: what was sent and is not yet, or will never be, part of anything.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::{corrupt, number, stored};
use crate::bid::statements::BlobRef;
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::db::schema::upload;
use crate::db::{Cached, Conn, Error, Tx};
use crate::ids::{EnterpriseId, UploadId};
use crate::on_each;

/// What an upload is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A sealed envelope.
    Bid,
    /// A tender document.
    Document,
}

impl Purpose {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Bid => "bid",
            Self::Document => "document",
        }
    }
}

/// An upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRow {
    /// Its id, and later the blob's.
    pub id: UploadId,
    /// Whose.
    pub owner: EnterpriseId,
    /// Bytes when complete.
    pub length: u64,
    /// Of all bytes as read back, once complete.
    pub sha256: Option<Hash>,
    /// Whether something refers to it.
    pub is_used: bool,
    /// What for.
    pub purpose: Purpose,
    /// When it may be deleted, unless used.
    pub expires_at: Time,
}

type RawUpload = (String, String, i64, Option<Vec<u8>>, String, String, i64);

fn upload_of(row: RawUpload) -> Result<UploadRow, Error> {
    let (id, owner, length, sha256, state, purpose, expires_at) = row;
    let sha256 = sha256.map(|hash| Hash::from_slice(&hash)).transpose();
    Ok(UploadRow {
        id: id.parse().map_err(corrupt("upload"))?,
        owner: owner.parse().map_err(corrupt("upload"))?,
        length: number(length)?,
        sha256: sha256.map_err(corrupt("upload"))?,
        is_used: state == "used",
        purpose: if purpose == "bid" { Purpose::Bid } else { Purpose::Document },
        expires_at: Time::from_millis(expires_at),
    })
}

/// An upload that has not ended.
///
/// # Errors
/// `NotFound`, `Corrupt`, `Backend`.
pub fn find(conn: &mut Conn, id: UploadId) -> Result<UploadRow, Error> {
    let query = upload::table.find(id.to_string()).filter(upload::state.ne("ending"));
    let row: RawUpload = on_each!(conn, |c| query.first(c))?;
    upload_of(row)
}

/// Whether a row names it, ended or not.
///
/// # Errors
/// `Backend`.
pub fn is_known(conn: &mut Conn, id: UploadId) -> Result<bool, Error> {
    let query = upload::table.find(id.to_string()).select(upload::id);
    let found: Option<String> = on_each!(conn, |c| query.first(c).optional())?;
    Ok(found.is_some())
}

/// A bidder's envelopes of this length that are not complete.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn growing(conn: &mut Conn, owner: EnterpriseId, length: u64) -> Result<Vec<UploadRow>, Error> {
    let of_length = upload::owner
        .eq(owner.to_string())
        .and(upload::length.eq(stored(length)?))
        .and(upload::state.eq("growing"))
        .and(upload::purpose.eq(Purpose::Bid.code()));
    let query = upload::table.filter(of_length).order(upload::id);
    let rows: Vec<RawUpload> = on_each!(conn, |c| query.load(c))?;
    rows.into_iter().map(upload_of).collect()
}

/// A bidder's complete, unused uploads of one envelope.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn of_envelope(
    conn: &mut Conn,
    owner: EnterpriseId,
    bid: &BlobRef,
) -> Result<Vec<UploadId>, Error> {
    let complete = upload::owner
        .eq(owner.to_string())
        .and(upload::sha256.eq(bid.sha256.as_bytes().to_vec()))
        .and(upload::length.eq(stored(bid.size)?))
        .and(upload::state.eq("complete"))
        .and(upload::purpose.eq(Purpose::Bid.code()));
    let query = upload::table.filter(complete).order(upload::id).select(upload::id);
    let ids: Vec<String> = on_each!(conn, |c| query.load(c))?;
    ids.into_iter().map(|id| id.parse().map_err(corrupt("upload"))).collect()
}

/// How many uploads of an owner nothing refers to, and their announced bytes together.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn on_the_way(conn: &mut Conn, owner: EnterpriseId) -> Result<(u64, u64), Error> {
    let free = upload::state.eq_any(["growing", "complete", "ending"]);
    let free = upload::owner.eq(owner.to_string()).and(free);
    let query = upload::table.filter(free).select(upload::length);
    let lengths: Vec<i64> = on_each!(conn, |c| query.load(c))?;
    let count = u64::try_from(lengths.len()).map_err(corrupt("number"))?;
    let mut bytes = 0_u64;
    for length in lengths {
        bytes = bytes.saturating_add(number(length)?);
    }
    Ok((count, bytes))
}

/// A new upload.
///
/// # Errors
/// `Conflict`, `Backend`.
pub fn insert(tx: &mut Tx<'_>, new: &UploadRow) -> Result<(), Error> {
    tx.unrecorded("an upload says nothing until a signed statement names it");
    let row = diesel::insert_into(upload::table).values((
        upload::id.eq(new.id.to_string()),
        upload::owner.eq(new.owner.to_string()),
        upload::length.eq(stored(new.length)?),
        upload::state.eq("growing"),
        upload::purpose.eq(new.purpose.code()),
        upload::expires_at.eq(new.expires_at.millis()),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}

/// Notes what a complete upload holds.
///
/// # Errors
/// `Conflict` when it was used or ended meanwhile, `Backend`.
pub fn complete(tx: &mut Tx<'_>, id: UploadId, sha256: &Hash) -> Result<(), Error> {
    tx.unrecorded("an upload says nothing until a signed statement names it");
    let at = upload::id.eq(id.to_string()).and(upload::state.eq_any(["growing", "complete"]));
    let change = diesel::update(upload::table.filter(at))
        .set((upload::state.eq("complete"), upload::sha256.eq(sha256.as_bytes().to_vec())));
    one(on_each!(tx.conn(), |c| change.execute(c))?)
}

/// Makes a complete upload part of something.
///
/// # Errors
/// `Conflict` when it is used, not complete or gone; `Backend`.
pub fn claim(tx: &mut Tx<'_>, id: UploadId) -> Result<(), Error> {
    let at = upload::id.eq(id.to_string()).and(upload::state.eq("complete"));
    let change = Cached(diesel::update(upload::table.filter(at)).set(upload::state.eq("used")));
    one(on_each!(tx.conn(), |c| change.execute(c))?)
}

/// Ends an unused upload: nothing can be made of it any more, and the next sweep sees it.
///
/// # Errors
/// `Conflict` when it is used or gone, `Backend`.
pub fn end(tx: &mut Tx<'_>, id: UploadId) -> Result<(), Error> {
    tx.unrecorded("an upload says nothing until a signed statement names it");
    let at = upload::id.eq(id.to_string()).and(upload::state.ne("used"));
    let change = diesel::update(upload::table.filter(at))
        .set((upload::state.eq("ending"), upload::expires_at.eq(0)));
    one(on_each!(tx.conn(), |c| change.execute(c))?)
}

/// Ends the upload of a ciphertext that another has taken the place of.
///
/// # Errors
/// `Backend`.
pub fn let_go(tx: &mut Tx<'_>, id: UploadId) -> Result<(), Error> {
    let at = upload::id.eq(id.to_string()).and(upload::state.eq("used"));
    let change = diesel::update(upload::table.filter(at))
        .set((upload::state.eq("ending"), upload::expires_at.eq(0)));
    on_each!(tx.conn(), |c| change.execute(c))?;
    Ok(())
}

/// Forgets an upload that has ended, after its file.
///
/// # Errors
/// `Backend`.
pub fn forget(tx: &mut Tx<'_>, id: UploadId) -> Result<(), Error> {
    tx.unrecorded("an upload says nothing until a signed statement names it");
    let at = upload::id.eq(id.to_string()).and(upload::state.eq("ending"));
    on_each!(tx.conn(), |c| diesel::delete(upload::table.filter(at)).execute(c))?;
    Ok(())
}

/// Unused uploads whose time is over at `now`.
///
/// # Errors
/// `Corrupt`, `Backend`.
pub fn expired(conn: &mut Conn, now: Time, limit: u32) -> Result<Vec<UploadId>, Error> {
    // Said as in the index, or it is not used.
    let over = upload::expires_at.le(now.millis()).and(sql::<Bool>("state <> 'used'"));
    let query = upload::table
        .filter(over)
        .order((upload::expires_at, upload::id))
        .limit(limit.into())
        .select(upload::id);
    let ids: Vec<String> = on_each!(conn, |c| query.load(c))?;
    ids.iter().map(|id| id.parse().map_err(corrupt("upload"))).collect()
}

fn one(changed: usize) -> Result<(), Error> {
    if changed == 1 { Ok(()) } else { Err(Error::lost_race("the upload")) }
}
