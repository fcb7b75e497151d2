//! Submission: the tiny act after the upload, answered by an entry of the record.
//!
//! What costs time (parsing, signatures, hashes) happens before the door; inside it stand one query,
//! one look at the envelope's length in the store, and the few rows. A known bidder's key is taken from memory, so that nothing is read before the
//! door; it is compared there: a key revoked meanwhile binds nobody.
//!
//! A bid that a custodian was lodged is accepted by its manifest and that custodian's word, before its
//! file is here: what names the set of bids must not hang on when bytes arrive.

use std::sync::Arc;

use crate::auth::Actor;
use crate::auth::table::{Act, Owner, allow};
use crate::blob::{self, Blobs};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::key::VerifyingKey;
use crate::crypto::shares::check_share;
use crate::crypto::statement::Statement;
use crate::db::{self, Tx};
use crate::enterprise::credentials::signer;
use crate::ids::{EnterpriseId, UnitId, UploadId};
use crate::opening::statements::Lodged;
use crate::record::append::{Event, Recorded};
use crate::record::disclosure::Level;
use crate::tender::{Held, Platform, units};

use super::envelope::{EnvelopeId, MAX_MANIFEST, pack_shares};
use super::held::Through;
use super::refusing::{Refusal, in_time, lodged_in_time, refuse};
use super::resupply::bring;
use super::rules::{self, ChainHead, ChainKind, Refused};
use super::statements::{BidEvent, Manifest};
use super::store::{self, NewEnvelope, Place, uploads};
use super::{Error, upload};

/// A bid as it is handed in, its envelope uploaded before.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The unit it was addressed to.
    pub unit: UnitId,
    /// The signed manifest.
    pub manifest: String,
    /// The sealed shares, in the manifest's order; of a bid that came through a custodian they count for
    /// nothing, and come with its file.
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
    /// It was accepted, and its bidder's chain went on since, to a statement of this kind: it counts
    /// no more.
    Superseded(ChainKind),
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
/// [`Error`] for whatever the record does not hold: what nobody's key signed, or another unit's; or
/// why the actor may not.
pub async fn submit(p: &Platform, actor: &Actor, submission: Submission) -> Result<Answer, Error> {
    let act = if submission.lodged.is_some() { Act::HandInLodged } else { Act::Submit };
    allow(actor, act, &Owner::Actor)?;
    if u64::try_from(submission.manifest.len()).map_or(true, |length| length > MAX_MANIFEST) {
        return Err(Error::LongManifest { limit: MAX_MANIFEST });
    }
    let manifest = Statement::<Manifest>::parse(submission.manifest.as_bytes())?;
    let lodged = match &submission.lodged {
        Some(note) => Some(lodged(p, note, &manifest).await?),
        None => None,
    };
    let bidder = match &lodged {
        Some(_) => signer(manifest.note()).ok_or(Error::Refused(Refused::Signature))?,
        None => actor.enterprise().ok_or(Error::NoKey)?,
    };
    let through = match &lodged {
        Some(_) => Through::Custodian { file: UploadId::random(p.db.entropy())? },
        None => Through::Us,
    };
    let arrived_at = lodged.map_or(submission.arrived_at, |lodged| lodged.arrived_at);
    let coming = Coming {
        bidder,
        arrived_at,
        through,
        doubted: p.hours.is_doubtful(),
        manifest: Arc::new(manifest),
        submission,
    };
    if let Some(answer) = answer(p, &coming, WithoutUpload::Ask).await? {
        return Ok(answer);
    }
    // All of it may be here, and whoever brought its last byte gone before it was completed.
    let in_use = upload::complete_sent(p, bidder, coming.manifest.body().bid.size).await?;
    let without = if in_use { WithoutUpload::Ask } else { WithoutUpload::Refuse };
    match answer(p, &coming, without).await? {
        Some(answer) => Ok(answer),
        None if in_use => Err(blob::Error::Busy.into()),
        None => Err(db::Error::lost_race("the envelope").into()),
    }
}

/// A submission on its way.
struct Coming {
    bidder: EnterpriseId,
    arrived_at: Time,
    through: Through,
    /// Whether the clock that said so is far from the witnesses'.
    doubted: bool,
    manifest: Arc<Statement<Manifest>>,
    submission: Submission,
}

/// What an envelope that is not complete or not there means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WithoutUpload {
    /// Nothing is decided yet.
    Ask,
    /// Another upload of it is taken, or the bid is refused.
    Refuse,
}

/// Decides by the key in memory, and once more by a fresh one where that does not hold.
async fn answer(
    p: &Platform,
    coming: &Coming,
    without: WithoutUpload,
) -> Result<Option<Answer>, Error> {
    if let Some(held) = p.credentials.remembered(coming.bidder) {
        match decide(p, &held, coming, without).await {
            // Perhaps only by a key that is no longer in force: asked once more below.
            Err(Error::NoKey | Error::Refused(Refused::Signature)) => {}
            other => return other,
        }
    }
    let held = p.credential(coming.bidder).await?.ok_or(Error::NoKey)?;
    decide(p, &held, coming, without).await
}

/// Decides by this credential; the door compares that it is still the bidder's.
async fn decide(
    p: &Platform,
    held: &Held,
    coming: &Coming,
    without: WithoutUpload,
) -> Result<Option<Answer>, Error> {
    let line = held.credential.line().ok_or(Error::NoKey)?;
    let key = line.last().ok_or(Error::NoKey)?;
    rules::check_signature(&coming.manifest, key).map_err(Error::Refused)?;
    if coming.manifest.body().unit_id != coming.submission.unit {
        return Err(Error::Refused(Refused::WrongUnit));
    }
    let act = prepare(coming, line.to_vec(), held.statements, without)?;
    let blobs = p.blobs.clone();
    p.db.write(move |tx| act.carry_out(tx, &*blobs)).await
}

/// The custodian's statement about this manifest, its signature checked.
async fn lodged(p: &Platform, note: &str, manifest: &Statement<Manifest>) -> Result<Lodged, Error> {
    let lodged = Statement::<Lodged>::parse(note.as_bytes())?;
    let (body, id) = (lodged.body(), lodged.body().unit_id);
    let row = p.db.query(move |conn| units::unit(conn, id)).await?;
    let member = p.roster_of(row.unit.body())?.member(&body.custodian).ok_or(Error::Lodged)?;
    rules::check_signature(&lodged, &member.statement_key).map_err(|_| Error::Lodged)?;
    let fits = body.manifest_sha256 == manifest.sha256()
        && body.unit_id == manifest.body().unit_id
        && signer(manifest.note()) == Some(body.bidder);
    if fits { Ok(body.clone()) } else { Err(Error::Lodged) }
}

/// A submission with everything ready that does not depend on the database.
struct Prepared {
    bidder: EnterpriseId,
    /// Its keys: the last is in force.
    line: Vec<VerifyingKey>,
    statements: i64,
    manifest: Arc<Statement<Manifest>>,
    event: Vec<u8>,
    /// The note and the packed shares as they are stored, or why it cannot be accepted even in time.
    content: Result<(String, Vec<u8>), Refused>,
    without: WithoutUpload,
    arrived_at: Time,
    through: Through,
    doubted: bool,
}

fn prepare(
    coming: &Coming,
    line: Vec<VerifyingKey>,
    statements: i64,
    without: WithoutUpload,
) -> Result<Prepared, Error> {
    let Coming { bidder, arrived_at, through, doubted, manifest, submission } = coming;
    let event = json::to_string(&BidEvent::Accepted {
        arrived_at: *arrived_at,
        lodged: submission.lodged.clone(),
        manifest: submission.manifest.clone(),
        manifest_sha256: manifest.sha256(),
        unit_id: submission.unit,
    })?;
    let shares = match through {
        Through::Us => {
            check_shares(manifest, &submission.shares).map(|()| pack_shares(&submission.shares))
        }
        // They come with its file.
        Through::Custodian { .. } => Ok(Vec::new()),
    };
    let content = shares.map(|shares| (submission.manifest.clone(), shares));
    Ok(Prepared {
        bidder: *bidder,
        line,
        statements,
        manifest: Arc::clone(manifest),
        event: event.into_bytes(),
        content,
        without,
        arrived_at: *arrived_at,
        through: *through,
        doubted: *doubted,
    })
}

/// Whether what was sent is what the manifest names.
fn check_shares(manifest: &Statement<Manifest>, shares: &[Vec<u8>]) -> Result<(), Refused> {
    let named = &manifest.body().shares;
    if !named.iter().copied().eq(shares.iter().map(|share| Hash::of(share))) {
        return Err(Refused::Shares);
    }
    shares.iter().try_for_each(|share| check_share(share)).map_err(|_| Refused::ShareProfile)
}

impl Prepared {
    /// `None` when the envelope is not complete or not there, and that is to be looked into first.
    fn carry_out(self, tx: &mut Tx<'_>, blobs: &dyn Blobs) -> Result<Option<Answer>, Error> {
        let (body, manifest_sha256) = (self.manifest.body(), self.manifest.sha256());
        let about = Some((&manifest_sha256, &body.bid));
        let place = store::place(tx.conn(), body.unit_id, self.bidder, about)?;
        if place.statements != self.statements {
            return Err(Error::NoKey);
        }
        if let Some(answer) = accepted_before(&place, &manifest_sha256) {
            self.bring(tx, &place)?;
            return Ok(Some(answer));
        }
        let (head, author) = (place.head.as_ref().map(|(head, _)| head), Some(self.bidder));
        let (line, arrived_at, id) = (&self.line, self.arrived_at, body.unit_id);
        let decided = rules::decide(&place.terms, head, &self.manifest, line, arrived_at);
        let decided = self.in_time(&place, decided, tx.now()).and(self.content);
        let (about, known) = ((self.bidder, &*self.manifest), (place.upload, self.without));
        let found = self.through.found(tx, blobs, decided, about, known)?;
        let ((manifest, shares), blob) = match found {
            None => return Ok(None),
            Some(Ok(found)) => found,
            Some(Err(refused)) => {
                let (note, doubted) = (self.manifest.encode(), self.doubted);
                let statement = Refusal { author, note, arrived_at, doubted };
                return refuse(tx, &place, refused, statement).map(Some);
            }
        };
        let recorded = tx.record_by(author, accepted(id, self.event.clone()))?;
        let envelope = NewEnvelope {
            unit: id,
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
        store_accepted(tx, &place, Advance { body, key, envelope }, &recorded)?;
        Ok(Some(Answer::fresh(Outcome::Accepted, recorded, self.event)))
    }
}

impl Prepared {
    fn in_time(
        &self,
        place: &Place,
        decided: Result<(), Refused>,
        now: Time,
    ) -> Result<(), Refused> {
        match self.through {
            Through::Us => in_time(place, decided, (!self.doubted).then_some(now)),
            Through::Custodian { .. } => lodged_in_time(place, decided, now),
        }
    }

    /// A bidder brings itself what its custodian has not handed out.
    fn bring(self, tx: &mut Tx<'_>, place: &Place) -> Result<(), Error> {
        let (Through::Us, Ok((_, shares)), Some(upload)) =
            (self.through, self.content, place.upload)
        else {
            return Ok(());
        };
        let id = EnvelopeId { bidder: self.bidder, manifest_sha256: self.manifest.sha256() };
        bring(tx, place.terms.unit_id, id, (upload, shares)).map(drop)
    }
}

/// The answer to a manifest that was accepted before: its own entry, and whether it still counts.
fn accepted_before(place: &Place, manifest_sha256: &Hash) -> Option<Answer> {
    let index = place.accepted?;
    let later = rules::superseded(place.head.as_ref().map(|(head, _)| head), manifest_sha256);
    Some(Answer::again(later.map_or(Outcome::Accepted, Outcome::Superseded), index))
}

/// An acceptance, sealed until the unit's end.
fn accepted(unit: UnitId, bytes: Vec<u8>) -> Event {
    let (kind, level) = ("sealbid/accepted/v1", Level::Sealed(unit));
    Event { kind, level, unit: Some(unit), bytes }
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
        let before = EnvelopeId { bidder: envelope.bidder, manifest_sha256: before.sha256 };
        store::retire(tx, &before, "replaced")?;
    }
    // Of a lodged bid there is no file yet.
    if !envelope.shares.is_empty() {
        uploads::claim(tx, envelope.blob)?;
    }
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
