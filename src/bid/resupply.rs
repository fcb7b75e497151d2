//! Re-supply: a bidder brings the ciphertext of its live bid again, after the platform lost it
//! (protocol §2).
//!
//! Invariant: the bid does not change. What is brought has exactly the hash and the length that the
//! signed manifest names, and takes the place only of what cannot be read back as such: so no
//! signature is asked for, and nobody can fill the record with it.

use crate::auth::Actor;
use crate::auth::table::{Act, Owner, allow};
use crate::blob;
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::db::{self, Tx};
use crate::ids::{EnterpriseId, UnitId, UploadId};
use crate::opening::rules::UnitState;
use crate::opening::statements::OpeningEvent;
use crate::record::append::Event;
use crate::record::disclosure::Level;
use crate::record::store as record;
use crate::tender::{Platform, units};

use super::envelope::EnvelopeId;
use super::rules::{Refused, line};
use super::statements::BlobRef;
use super::store::{self, Kept, uploads};
use super::submit::{Answer, Outcome};
use super::{Error, upload};

const RESUPPLIED: &str = "sealbid/resupplied/v1";
const MISSING: &str = "sealbid/missing/v1";
const RELEASED: &str = "sealbid/released/v1";

/// Puts a complete upload in the place of a live bid's ciphertext that cannot be read back. A repeat
/// is answered with the same entry.
///
/// # Errors
/// [`Error::NotMissing`] while the platform holds it, [`Refused::Envelope`] without the upload,
/// [`Refused::Shares`] where all that came is a custodian's word: then the bid is submitted again,
/// [`Refused::NotOpen`] from the opening on, [`Error::NotFound`] for what is not the actor's live
/// bid, or why the actor may not.
pub async fn resupply(
    p: &Platform,
    actor: &Actor,
    unit: UnitId,
    manifest: Hash,
) -> Result<Answer, Error> {
    allow(actor, Act::Submit, &Owner::Actor)?;
    let bidder = actor.enterprise().ok_or(Error::NoKey)?;
    let id = EnvelopeId { bidder, manifest_sha256: manifest };
    let kept = p.db.query(move |conn| store::kept(conn, unit, id)).await?;
    if kept.is_awaited {
        return Err(Error::Refused(Refused::Shares));
    }
    if is_whole(p, kept.blob, &kept.bid).await? {
        let index = p.db.query(move |conn| last_about(conn, &unit, RESUPPLIED, &kept)).await?;
        return index.map(|index| Answer::again(Outcome::Accepted, index)).ok_or(Error::NotMissing);
    }
    upload::complete_sent(p, bidder, kept.bid.size).await?;
    let (lost, brought) = (kept.blob, brought(p, bidder, &kept.bid).await?);
    let answer = p.db.write(move |tx| swap(tx, unit, &kept, brought)).await?;
    // What is left of the lost one; should this fail, the sweep of its row comes to it.
    upload::discard(p, lost).await;
    Ok(answer)
}

/// Whether the platform has named the envelope of this live bid missing and not had it again since,
/// while it can still be brought.
///
/// # Errors
/// The database's.
pub async fn is_missing(
    p: &Platform,
    actor: &Actor,
    unit: UnitId,
    manifest: Hash,
) -> Result<bool, Error> {
    let bidder = actor.enterprise().ok_or(Error::NotFound)?;
    let found = p.db.query(move |conn| {
        let id = EnvelopeId { bidder, manifest_sha256: manifest };
        let kept = match store::kept(conn, unit, id) {
            Err(db::Error::NotFound) => return Ok(false),
            kept => kept?,
        };
        let named = last_about(conn, &unit, MISSING, &kept)?;
        let is_awaited = can_be_brought(store::place(conn, unit, bidder, None)?.state);
        Ok::<_, db::Error>(is_awaited && named > last_about(conn, &unit, RESUPPLIED, &kept)?)
    });
    Ok(found.await?)
}

const fn can_be_brought(state: UnitState) -> bool {
    matches!(state, UnitState::Open | UnitState::Closing | UnitState::Closed)
}

/// Whether the store gives back what the manifest names. Only what is not there, or is something
/// else, is lost for good; but a bidder may help against a failing disk too.
async fn is_whole(p: &Platform, blob: UploadId, bid: &BlobRef) -> Result<bool, Error> {
    let blobs = p.blobs.clone();
    let read = tokio::task::spawn_blocking(move || blobs.rehash(blob)).await;
    let read = read.map_err(|e| db::Error::Backend(format!("a task did not end: {e}")))?;
    match read {
        Ok(stored) => Ok((stored.sha256, stored.size) == (bid.sha256, bid.size)),
        Err(blob::Error::NotFound | blob::Error::Io(_)) => Ok(false),
        Err(other) => Err(other.into()),
    }
}

/// The bidder's upload that takes the lost one's place: one that the store gives back whole, for what
/// took the envelope may have taken an earlier upload of it too.
async fn brought(
    p: &Platform,
    owner: EnterpriseId,
    bid: &BlobRef,
) -> Result<Option<UploadId>, Error> {
    let wanted = bid.clone();
    let sent = p.db.query(move |conn| uploads::of_envelope(conn, owner, &wanted)).await?;
    for upload in sent {
        if is_whole(p, upload, bid).await? {
            return Ok(Some(upload));
        }
    }
    Ok(None)
}

/// The last entry that says that this bid's ciphertext is missing, or was brought again.
fn last_about(
    conn: &mut db::Conn,
    unit: &UnitId,
    kind: &str,
    kept: &Kept,
) -> Result<Option<u64>, db::Error> {
    let entries = record::entries_of_unit(conn, unit, kind)?;
    let of_this = |event: &[u8]| match json::parse(event) {
        Ok(OpeningEvent::Resupplied { line, .. } | OpeningEvent::Missing { line, .. }) => {
            line == line_of(kept)
        }
        _ => false,
    };
    Ok(entries.iter().rev().find(|entry| of_this(&entry.event)).map(|entry| entry.index))
}

fn line_of(kept: &Kept) -> Hash {
    line(kept.salt.as_bytes(), &kept.id.manifest_sha256)
}

/// Puts the envelope of a bid that was accepted by its custodian's word in its place, and says whether
/// it was still awaited. It is not once t identities are recorded: whoever could still bring it, or
/// not, would know by then what others bid.
///
/// # Errors
/// The database's; a conflict when the upload is not complete, or used.
pub fn bring(
    tx: &mut Tx<'_>,
    unit: UnitId,
    id: EnvelopeId,
    (upload, shares): (UploadId, Vec<u8>),
) -> Result<bool, Error> {
    let kept = match store::kept(tx.conn(), unit, id) {
        Err(db::Error::NotFound) => return Ok(false),
        kept => kept?,
    };
    let state = store::place(tx.conn(), unit, id.bidder, None)?.state;
    if !kept.is_awaited || !can_be_brought(state) || can_be_opened(tx.conn(), unit)? {
        return Ok(false);
    }
    uploads::claim(tx, upload)?;
    store::fill(tx, &kept, upload, shares)?;
    let named = last_about(tx.conn(), &unit, MISSING, &kept)?;
    if named > last_about(tx.conn(), &unit, RESUPPLIED, &kept)? {
        tx.record_by(Some(id.bidder), resupplied(unit, &kept)?)?;
    }
    Ok(true)
}

/// Whether a bid is live and its envelope still awaited.
///
/// # Errors
/// The database's.
pub fn is_awaited(conn: &mut db::Conn, unit: UnitId, id: EnvelopeId) -> Result<bool, db::Error> {
    match store::kept(conn, unit, id) {
        Err(db::Error::NotFound) => Ok(false),
        kept => Ok(kept?.is_awaited),
    }
}

/// Whether t custodians have released.
fn can_be_opened(conn: &mut db::Conn, unit: UnitId) -> Result<bool, db::Error> {
    let t = usize::from(units::unit(conn, unit)?.unit.body().t);
    Ok(record::entries_of_unit(conn, &unit, RELEASED)?.len() >= t)
}

/// The event that a bid's ciphertext is here again.
fn resupplied(unit: UnitId, kept: &Kept) -> Result<Event, json::JsonError> {
    let sha256 = kept.bid.sha256;
    let event = OpeningEvent::Resupplied { line: line_of(kept), sha256, unit_id: unit };
    let bytes = json::to_string(&event)?.into_bytes();
    Ok(Event { kind: RESUPPLIED, level: Level::Sealed(unit), unit: Some(unit), bytes })
}

fn swap(
    tx: &mut Tx<'_>,
    unit: UnitId,
    judged: &Kept,
    brought: Option<UploadId>,
) -> Result<Answer, Error> {
    let bidder = judged.id.bidder;
    let kept = store::kept(tx.conn(), unit, judged.id)?;
    if kept.blob != judged.blob {
        return Err(db::Error::lost_race("the envelope").into());
    }
    let place = store::place(tx.conn(), unit, bidder, None)?;
    if !can_be_brought(place.state) {
        return Err(Error::Refused(Refused::NotOpen));
    }
    let brought = brought.ok_or(Error::Refused(Refused::Envelope))?;
    let event = resupplied(unit, &kept)?;
    let bytes = event.bytes.clone();
    let recorded = tx.record_by(Some(bidder), event)?;
    uploads::claim(tx, brought)?;
    store::swap(tx, &kept, brought)?;
    uploads::let_go(tx, kept.blob)?;
    Ok(Answer::fresh(Outcome::Accepted, recorded, bytes))
}
