//! Submission: the tiny act after the upload, answered by an entry of the record.
//!
//! What costs time (parsing, signatures, hashes) happens before the door; inside it stand one query
//! and the few rows. A known bidder's key is taken from memory, so that nothing is read before the
//! door; it is compared there: a key revoked meanwhile binds nobody.

use std::sync::Arc;

use crate::auth::Actor;
use crate::auth::table::{Act, Owner, allow};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::key::VerifyingKey;
use crate::crypto::note::NoteSignature;
use crate::crypto::shares::check_share;
use crate::crypto::statement::Statement;
use crate::db::{self, Tx};
use crate::enterprise::credentials::enterprise_of;
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::rules::UnitState;
use crate::opening::statements::Lodged;
use crate::record::append::{Event, Recorded};
use crate::record::disclosure::Level;
use crate::tender::{Held, Platform};

use super::Error;
use super::rules::{self, ChainHead, ChainKind, Refused};
use super::statements::{BidEvent, Manifest};
use super::store::{self, NewEnvelope, Place, uploads};

/// A bid as it is handed in, its envelope uploaded before.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The unit it was addressed to.
    pub unit: UnitId,
    /// The signed manifest.
    pub manifest: String,
    /// The sealed shares, in the manifest's order.
    pub shares: Vec<Vec<u8>>,
    /// When the last byte of this statement was in.
    pub arrived_at: Time,
    /// A custodian's `lodged` statement, when the bid came through one: then its hour counts.
    pub lodged: Option<String>,
}

/// What became of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It counts.
    Accepted,
    /// It does not, and the record says why.
    Refused(Refused),
}

/// The answer to a statement that its bidder truly signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What became of it.
    pub outcome: Outcome,
    /// The entry that says so: its receipt is the bidder's proof.
    pub index: u64,
    /// Salt and event of a fresh entry, for [`Platform::prompt`]; absent when this very statement was
    /// answered before.
    pub fresh: Option<(Recorded, Vec<u8>)>,
}

impl Answer {
    pub(super) const fn again(outcome: Outcome, index: u64) -> Self {
        Self { outcome, index, fresh: None }
    }

    pub(super) fn fresh(outcome: Outcome, recorded: Recorded, event: Vec<u8>) -> Self {
        Self { outcome, index: recorded.index, fresh: Some((recorded, event)) }
    }
}

/// Submits or replaces a bid. The same manifest again is answered with the same entry.
///
/// # Errors
/// [`Error`] for whatever the record does not hold: a wrong signature, an envelope that is not there,
/// shares that differ; or why the actor may not.
pub async fn submit(p: &Platform, actor: &Actor, submission: Submission) -> Result<Answer, Error> {
    let manifest = Statement::<Manifest>::parse(submission.manifest.as_bytes())?;
    let lodged = submission.lodged.as_deref().map(|note| lodged(p, note, &manifest)).transpose()?;
    let bidder = match &lodged {
        Some(_) => {
            allow(actor, Act::HandInLodged, &Owner::Actor)?;
            signer_of(&manifest)?
        }
        None => {
            allow(actor, Act::Submit, &Owner::Actor)?;
            actor.enterprise().ok_or(Error::NoKey)?
        }
    };
    let arrived_at = lodged.map_or(submission.arrived_at, |lodged| lodged.arrived_at);
    let (manifest, again) = (Arc::new(manifest), submission.clone());
    let doubted = p.hours.is_doubtful();
    let new = |submission| {
        let manifest = Arc::clone(&manifest);
        New { bidder, arrived_at, doubted, manifest, submission }
    };
    if let Some(held) = p.credentials.remembered(bidder) {
        match decide(p, &held, new(submission)).await {
            // Perhaps only by a key that is no longer in force: asked once more below.
            Err(Error::NoKey | Error::Refused(Refused::Signature)) => {}
            other => return other,
        }
    }
    let held = p.credential(bidder).await?.ok_or(Error::NoKey)?;
    decide(p, &held, new(again)).await
}

/// A submission on its way.
struct New {
    bidder: EnterpriseId,
    arrived_at: Time,
    /// Whether the clock that said so is far from the witnesses'.
    doubted: bool,
    manifest: Arc<Statement<Manifest>>,
    submission: Submission,
}

/// Decides by this credential; the door compares that it is still the bidder's.
async fn decide(p: &Platform, held: &Held, new: New) -> Result<Answer, Error> {
    let line = held.credential.line().ok_or(Error::NoKey)?;
    let key = line.last().ok_or(Error::NoKey)?;
    rules::check_signature(&new.manifest, key).map_err(Error::Refused)?;
    if new.manifest.body().unit_id != new.submission.unit {
        return Err(Error::Refused(Refused::WrongUnit));
    }
    let act = prepare(new, line.to_vec(), held.statements)?;
    p.db.write(move |tx| act.carry_out(tx)).await
}

/// The custodian's statement about this manifest, its signature checked.
fn lodged(p: &Platform, note: &str, manifest: &Statement<Manifest>) -> Result<Lodged, Error> {
    let lodged = Statement::<Lodged>::parse(note.as_bytes())?;
    let body = lodged.body();
    let member = p.roster.member(&body.custodian).ok_or(Error::Lodged)?;
    rules::check_signature(&lodged, &member.statement_key).map_err(|_| Error::Lodged)?;
    let fits = body.manifest_sha256 == manifest.sha256() && body.unit_id == manifest.body().unit_id;
    if fits { Ok(body.clone()) } else { Err(Error::Lodged) }
}

/// Whom the only signature names.
fn signer_of(manifest: &Statement<Manifest>) -> Result<EnterpriseId, Error> {
    let line = manifest.note().signatures().first().map(NoteSignature::line).unwrap_or_default();
    // A signature line is an em dash, the key's name, and the signature.
    let name = line.split(' ').nth(1).unwrap_or_default();
    enterprise_of(name).ok_or(Error::Refused(Refused::Signature))
}

/// A submission with everything ready that does not depend on the database.
struct Prepared {
    bidder: EnterpriseId,
    /// Its keys: the last is in force.
    line: Vec<VerifyingKey>,
    statements: i64,
    manifest: Arc<Statement<Manifest>>,
    event: Vec<u8>,
    /// What to store, or why the envelope cannot be accepted even in time.
    content: Result<Content, Error>,
    arrived_at: Time,
    doubted: bool,
}

/// The texts of a submission that are stored as they came.
struct Content {
    manifest: String,
    shares: Vec<u8>,
}

fn prepare(new: New, line: Vec<VerifyingKey>, statements: i64) -> Result<Prepared, Error> {
    let New { bidder, arrived_at, doubted, manifest, submission } = new;
    let event = json::to_string(&BidEvent::Accepted {
        arrived_at,
        lodged: submission.lodged,
        manifest: submission.manifest.clone(),
        manifest_sha256: manifest.sha256(),
        unit_id: submission.unit,
    })?;
    let content = check_shares(&manifest, &submission.shares).and_then(|()| {
        let shares = store::pack(&submission.shares)?;
        Ok(Content { manifest: submission.manifest, shares })
    });
    let event = event.into_bytes();
    Ok(Prepared { bidder, line, statements, manifest, event, content, arrived_at, doubted })
}

/// Whether what was sent is what the manifest names.
fn check_shares(manifest: &Statement<Manifest>, shares: &[Vec<u8>]) -> Result<(), Error> {
    let named = &manifest.body().shares;
    if !named.iter().copied().eq(shares.iter().map(|share| Hash::of(share))) {
        return Err(Error::Shares);
    }
    Ok(shares.iter().try_for_each(|share| check_share(share))?)
}

impl Prepared {
    fn carry_out(self, tx: &mut Tx<'_>) -> Result<Answer, Error> {
        let (body, manifest_sha256) = (self.manifest.body(), self.manifest.sha256());
        let about = Some((&manifest_sha256, &body.bid));
        let place = store::place(tx.conn(), body.unit_id, self.bidder, about)?;
        if place.statements != self.statements {
            return Err(Error::NoKey);
        }
        if let Some(index) = place.accepted {
            return Ok(Answer::again(Outcome::Accepted, index));
        }
        let head = place.head.as_ref().map(|(head, _)| head);
        let (line, arrived_at) = (&self.line, self.arrived_at);
        let decided = rules::decide(&place.terms, head, &self.manifest, line, arrived_at);
        if let Err(refused) = in_time(&place, decided) {
            let sha256 = manifest_sha256;
            let note = self.manifest.encode();
            let statement = Refusal { note, sha256, arrived_at, doubted: self.doubted };
            return refuse(tx, &place, refused, statement);
        }
        let Content { manifest, shares } = self.content?;
        let blob = place.upload.ok_or(Error::Blob)?;
        let (kind, level) = ("sealbid/accepted/v1", Level::Sealed(body.unit_id));
        let unit = Some(body.unit_id);
        let recorded = tx.record(Event { kind, level, unit, bytes: self.event.clone() })?;
        let envelope = NewEnvelope {
            unit: body.unit_id,
            bidder: self.bidder,
            manifest,
            manifest_sha256,
            arrived_at,
            blob,
            blob_sha256: body.bid.sha256,
            blob_size: body.bid.size,
            shares,
        };
        let key = line.last().cloned().ok_or(Error::NoKey)?;
        let new = Advance { body, key, envelope };
        store_accepted(tx, &place, new, &recorded)?;
        Ok(Answer::fresh(Outcome::Accepted, recorded, self.event))
    }
}

/// An accepted manifest, who signed it, and what is stored of it.
struct Advance<'a> {
    body: &'a Manifest,
    key: VerifyingKey,
    envelope: NewEnvelope,
}

/// The rows of an accepted manifest: it takes the place of the one before.
fn store_accepted(
    tx: &mut Tx<'_>,
    place: &Place,
    new: Advance<'_>,
    recorded: &Recorded,
) -> Result<(), Error> {
    let Advance { body, key, envelope } = new;
    let before = place.head.as_ref().map(|(head, _)| head);
    if let Some(before) = before.filter(|head| head.kind == ChainKind::Manifest) {
        store::retire(tx, &before.sha256, "replaced")?;
    }
    uploads::claim(tx, envelope.blob).map_err(|e| match e {
        db::Error::Conflict(_) => Error::Blob,
        other => other.into(),
    })?;
    let new = ChainHead {
        bid_id: body.bid_id,
        seq: body.seq,
        sha256: envelope.manifest_sha256,
        kind: ChainKind::Manifest,
        key,
    };
    store::advance(tx, place, envelope.bidder, &new, recorded.index)?;
    store::insert(tx, envelope, &recorded.salt, recorded.index)?;
    Ok(())
}
/// What came in time and is decided after the unit went on is the platform's fault.
pub(super) fn in_time(place: &Place, decided: Result<(), Refused>) -> Result<(), Refused> {
    decided?;
    if place.state == UnitState::Open { Ok(()) } else { Err(Refused::Undecided) }
}

/// A statement to be refused.
pub(super) struct Refusal {
    /// The note as it came.
    pub note: String,
    /// Of its text.
    pub sha256: Hash,
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
    let Refusal { note, sha256, arrived_at, doubted } = statement;
    if refused == Refused::Replayed {
        let index = place.head.as_ref().map(|(_, index)| *index).ok_or(Error::NotFound)?;
        return Ok(Answer::again(Outcome::Accepted, index));
    }
    if !refused.is_recorded() {
        return Err(Error::Refused(refused));
    }
    if let Some(index) = store::refused_before(tx.conn(), &sha256, refused.code())? {
        return Ok(Answer::again(Outcome::Refused(refused), index));
    }
    let unit = place.terms.unit_id;
    let event = BidEvent::Refused {
        arrived_at,
        code: refused.code().to_owned(),
        fault: refused.fault(),
        // While an amendment is asked the deadline itself may still move; and a clock far from the
        // witnesses' says late for good to nobody.
        provisional: refused == Refused::Late && (place.amendment_pending || doubted),
        statement: note,
        unit_id: unit,
    };
    let bytes = json::to_string(&event)?.into_bytes();
    let (kind, level) = ("sealbid/refused/v1", Level::Sealed(unit));
    let recorded = tx.record(Event { kind, level, unit: Some(unit), bytes: bytes.clone() })?;
    store::insert_refused(tx, unit, &sha256, refused.code(), recorded.index)?;
    Ok(Answer::fresh(Outcome::Refused(refused), recorded, bytes))
}

/// A bidder's own standing in a unit: its last accepted statement and the entry that accepted it.
///
/// # Errors
/// [`Error::NotFound`] for an unknown unit, or why the actor may not.
pub async fn status(
    p: &Platform,
    actor: &Actor,
    unit: UnitId,
) -> Result<Option<(ChainHead, u64)>, Error> {
    allow(actor, Act::ReadOwnBid, &Owner::Actor)?;
    let bidder = actor.enterprise().ok_or(Error::NotFound)?;
    Ok(p.db.query(move |conn| store::place(conn, unit, bidder, None)).await?.head)
}

/// Where all bids of the actor stand: its own, and nobody else's, whoever asks.
///
/// # Errors
/// Why the actor may not.
pub async fn standings(
    p: &Platform,
    actor: &Actor,
) -> Result<Vec<(UnitId, ChainHead, u64)>, Error> {
    allow(actor, Act::ReadOwnBid, &Owner::Actor)?;
    let bidder = actor.enterprise().ok_or(Error::NotFound)?;
    Ok(p.db.query(move |conn| store::heads_of(conn, bidder)).await?)
}
