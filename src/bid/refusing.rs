//! Refusals on the record: what a bidder truly signed and is not accepted, once for each note.

use super::Error;
use super::arrivals::is_undecided;
use super::rules::{self, Refused};
use super::statements::{BidEvent, Manifest};
use super::store::{self, Place};
use super::submit::{Answer, Outcome};
use crate::clock::{Time, is_closed};
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::statement::Statement;
use crate::db::{self, Tx};
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::rules::{LODGED_MS, UnitState};
use crate::record::append::{Event, Recorded};
use crate::record::disclosure::Level;
use crate::tender::Platform;

/// What came in time and is decided after the unit went on, or when it might have, is the platform's
/// fault. `now` is absent where the clock is doubtful: then no unit goes on by it.
pub(super) fn in_time(
    place: &Place,
    decided: Result<(), Refused>,
    now: Option<Time>,
) -> Result<(), Refused> {
    decided?;
    let over = now.is_some_and(|now| is_undecided(place.terms.deadline, now));
    if place.state == UnitState::Open && !over { Ok(()) } else { Err(Refused::Undecided) }
}

/// The same for what came in time to a custodian. No set could be frozen any more that holds what is
/// accepted later than this, and so none at all: its custodian's word then stays a challenge.
pub(super) fn lodged_in_time(
    place: &Place,
    decided: Result<(), Refused>,
    now: Time,
) -> Result<(), Refused> {
    decided?;
    let over = is_closed(now, place.terms.deadline.plus(LODGED_MS));
    if place.state == UnitState::Open && !over { Ok(()) } else { Err(Refused::Undecided) }
}

/// A statement to be refused.
pub(super) struct Refusal {
    /// Whose key signed it; none's where that is why it is refused.
    pub author: Option<EnterpriseId>,
    /// The note as it came.
    pub note: String,
    /// When its last byte was in.
    pub arrived_at: Time,
    /// Whether the clock that said so is far from the witnesses'.
    pub doubted: bool,
}

/// Refuses a well-signed statement on the record; a repeat is answered with what was said first.
pub(super) fn refuse(
    tx: &mut Tx<'_>,
    place: &Place,
    refused: Refused,
    statement: Refusal,
) -> Result<Answer, Error> {
    if refused == Refused::Replayed {
        let index = place.head.as_ref().map(|(_, index)| *index).ok_or(Error::NotFound)?;
        return Ok(Answer::again(Outcome::Accepted, index));
    }
    if !refused.is_recorded() {
        return Err(Error::Refused(refused));
    }
    let sha256 = Hash::of(statement.note.as_bytes());
    if let Some(index) = store::refused_before(tx.conn(), &sha256, refused.code())? {
        return Ok(Answer::again(Outcome::Refused(refused), index));
    }
    // While an amendment is asked the deadline itself may still move; and a clock far from the
    // witnesses' says late for good to nobody.
    let provisional = refused == Refused::Late && (place.amendment_pending || statement.doubted);
    let (recorded, bytes) = record(tx, place.terms.unit_id, refused, (statement, provisional))?;
    Ok(Answer::fresh(Outcome::Refused(refused), recorded, bytes))
}

/// Refuses a lodged bid that its custodian received late by its own word, once: that and the manifest
/// decide it, and its envelope, which may be large, is fetched by nobody.
///
/// # Errors
/// [`Error::NoKey`] when its bidder's key is another by now; a conflict when the deadline is.
pub async fn refuse_late(
    p: &Platform,
    bidder: EnterpriseId,
    manifest: Statement<Manifest>,
    arrived_at: Time,
) -> Result<(), Error> {
    let held = p.credential(bidder).await?.ok_or(Error::NoKey)?;
    let line = held.credential.line().ok_or(Error::NoKey)?.to_vec();
    let key = line.last().ok_or(Error::NoKey)?;
    rules::check_signature(&manifest, key).map_err(Error::Refused)?;
    let act = move |tx: &mut Tx<'_>| {
        let (body, sha256) = (manifest.body(), manifest.sha256());
        let place = store::place(tx.conn(), body.unit_id, bidder, Some((&sha256, &body.bid)))?;
        if place.statements != held.statements {
            return Err(Error::NoKey);
        }
        if place.accepted.is_some() {
            return Ok(());
        }
        let head = place.head.as_ref().map(|(head, _)| head);
        let decided = rules::decide(&place.terms, head, &manifest, &line, arrived_at);
        let refused = decided.err().ok_or_else(|| db::Error::lost_race("the deadline"))?;
        let (author, note) = (Some(bidder), manifest.encode());
        let statement = Refusal { author, note, arrived_at, doubted: false };
        refuse(tx, &place, refused, statement).map(drop)
    };
    p.db.write(act).await
}

/// Refuses a lodged note that no key in force signed, once. The portal records no such refusal, for
/// anybody could send it; custodians lodge for bidders alone, and wait for a word about each bid.
/// `signer` is whom it names, with the number of statements by which no key of theirs signed it.
///
/// # Errors
/// [`Error::NoKey`] when there are others by now, the database's.
pub fn refuse_unsigned(
    tx: &mut Tx<'_>,
    unit: UnitId,
    signer: Option<(EnterpriseId, i64)>,
    (note, arrived_at): (String, Time),
) -> Result<(), Error> {
    if let Some((signer, statements)) = signer
        && store::place(tx.conn(), unit, signer, None)?.statements != statements
    {
        return Err(Error::NoKey);
    }
    let (sha256, refused) = (Hash::of(note.as_bytes()), Refused::Signature);
    if store::refused_before(tx.conn(), &sha256, refused.code())?.is_none() {
        let statement = Refusal { author: None, note, arrived_at, doubted: false };
        record(tx, unit, refused, (statement, false))?;
    }
    Ok(())
}

/// The event and its row. The row is of the whole note, not its text alone: two bidders may sign one
/// text.
fn record(
    tx: &mut Tx<'_>,
    unit: UnitId,
    refused: Refused,
    (statement, provisional): (Refusal, bool),
) -> Result<(Recorded, Vec<u8>), Error> {
    let Refusal { author, note, arrived_at, .. } = statement;
    let sha256 = Hash::of(note.as_bytes());
    let event = BidEvent::Refused {
        arrived_at,
        code: refused.code().to_owned(),
        fault: refused.fault(),
        provisional,
        statement: note,
        unit_id: unit,
    };
    let bytes = json::to_string(&event)?.into_bytes();
    let (kind, level) = ("sealbid/refused/v1", Level::Sealed(unit));
    let event = Event { kind, level, unit: Some(unit), bytes: bytes.clone() };
    let recorded = tx.record_by(author, event)?;
    store::insert_refused(tx, unit, &sha256, refused.code(), recorded.index)?;
    Ok((recorded, bytes))
}
