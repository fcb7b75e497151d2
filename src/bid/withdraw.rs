//! Withdrawal, and the deletion of ciphertext that nothing needs any more.

use std::sync::Arc;

use crate::auth::Actor;
use crate::auth::table::{Act, Owner, allow};
use crate::blob::{self, Blobs};
use crate::clock::Time;
use crate::crypto::json;
use crate::crypto::key::VerifyingKey;
use crate::crypto::statement::Statement;
use crate::db::{self, Db, Tx};
use crate::ids::{EnterpriseId, UnitId, UploadId};
use crate::record::append::Event;
use crate::record::disclosure::Level;
use crate::tender::Platform;

use super::Error;
use super::envelope::EnvelopeId;
use super::refusing::{Refusal, in_time, refuse};
use super::rules::{self, ChainHead, ChainKind, Refused};
use super::statements::{BidEvent, Withdrawal};
use super::store;
use super::submit::{Answer, Outcome};

/// Ciphertexts that one sweep deletes at most.
const SWEEP: u32 = 100;

/// Withdraws a bid before the deadline. `arrived_at` is when the statement's last byte was in.
///
/// # Errors
/// [`Error`] for whatever the record does not hold, or why the actor may not.
pub async fn withdraw(
    p: &Platform,
    actor: &Actor,
    unit: UnitId,
    note: &str,
    arrived_at: Time,
) -> Result<Answer, Error> {
    allow(actor, Act::Submit, &Owner::Actor)?;
    let bidder = actor.enterprise().ok_or(Error::NoKey)?;
    let withdrawal = Statement::<Withdrawal>::parse(note.as_bytes())?;
    let held = p.credential(bidder).await?.ok_or(Error::NoKey)?;
    let line = held.credential.line().map(<[_]>::to_vec).ok_or(Error::NoKey)?;
    let key = line.last().ok_or(Error::NoKey)?;
    rules::check_signature(&withdrawal, key).map_err(Error::Refused)?;
    if withdrawal.body().unit_id != unit {
        return Err(Error::Refused(Refused::WrongUnit));
    }
    let doubted = p.hours.is_doubtful();
    let coming = Coming { bidder, line, statements: held.statements, arrived_at, doubted };
    p.db.write(move |tx| carry_out(tx, &coming, &withdrawal)).await
}

/// What is known of a withdrawal before the door.
struct Coming {
    bidder: EnterpriseId,
    /// Its keys: the last is in force.
    line: Vec<VerifyingKey>,
    /// How many statements its credential was folded from.
    statements: i64,
    arrived_at: Time,
    /// Whether the clock that said so is far from the witnesses'.
    doubted: bool,
}

fn carry_out(
    tx: &mut Tx<'_>,
    coming: &Coming,
    withdrawal: &Statement<Withdrawal>,
) -> Result<Answer, Error> {
    let Coming { bidder, line, statements, arrived_at, doubted } = coming;
    let (bidder, arrived_at, doubted) = (*bidder, *arrived_at, *doubted);
    let body = withdrawal.body();
    let place = store::place(tx.conn(), body.unit_id, bidder, None)?;
    if place.statements != *statements {
        return Err(Error::NoKey);
    }
    let before = place.head.as_ref().map(|(head, _)| head);
    let decided = rules::decide_withdrawal(&place.terms, before, withdrawal, line, arrived_at);
    let (note, sha256) = (withdrawal.encode(), withdrawal.sha256());
    if let Err(refused) = in_time(&place, decided, (!doubted).then(|| tx.now())) {
        let author = Some(bidder);
        return refuse(tx, &place, refused, Refusal { author, note, arrived_at, doubted });
    }
    let bid_id = before.map(|head| head.bid_id).ok_or(Error::NotFound)?;
    let key = line.last().cloned().ok_or(Error::NoKey)?;
    let event = BidEvent::Withdrawn {
        arrived_at,
        manifest_sha256: body.manifest_sha256,
        unit_id: body.unit_id,
        withdrawal: note,
    };
    let bytes = json::to_string(&event)?.into_bytes();
    let (kind, level) = ("sealbid/withdrawn/v1", Level::Sealed(body.unit_id));
    let unit = Some(body.unit_id);
    let recorded = tx.record_by(Some(bidder), Event { kind, level, unit, bytes: bytes.clone() })?;
    let id = EnvelopeId { bidder, manifest_sha256: body.manifest_sha256 };
    store::retire(tx, &id, "withdrawn")?;
    let new = ChainHead { bid_id, seq: body.seq, sha256, kind: ChainKind::Withdrawal, key };
    store::advance(tx, &place, bidder, &new, recorded.index)?;
    Ok(Answer::fresh(Outcome::Accepted, recorded, bytes))
}

/// Deletes ciphertext that was replaced, withdrawn, or belongs to a void unit; returns how many. It
/// can be repeated: a crash between the file and its row leaves a row that is swept again.
///
/// # Errors
/// The database's or the store's.
pub async fn sweep(p: &Platform) -> Result<usize, Error> {
    let over = p.db.query(|conn| store::to_delete(conn, SWEEP)).await?;
    let mut deleted = 0_usize;
    let mut failed = None;
    for (id, blob) in over {
        // One that cannot be deleted keeps no other.
        match delete(&p.db, &p.blobs, id, blob).await {
            Ok(Ok(())) => deleted = deleted.saturating_add(1),
            Ok(Err(error)) => failed = Some(error.into()),
            Err(error) => failed = Some(error.into()),
        }
    }
    failed.map_or(Ok(deleted), Err)
}

/// Deletes one ciphertext: the file first, so that a crash between leaves the row to come back to.
///
/// # Errors
/// The database's, and inside of it the store's.
pub async fn delete(
    db: &Db,
    blobs: &Arc<dyn Blobs>,
    id: EnvelopeId,
    blob: UploadId,
) -> Result<Result<(), blob::Error>, db::Error> {
    let blobs = Arc::clone(blobs);
    let gone = tokio::task::spawn_blocking(move || blobs.delete(blob)).await;
    let gone = gone.map_err(|e| db::Error::Backend(format!("a task did not end: {e}")))?;
    match gone {
        Ok(()) => db.write(move |tx| store::deleted(tx, &id)).await.map(Ok),
        Err(error) => Ok(Err(error)),
    }
}
