//! Lodged bids go the way of all bids, at the hour that the custodian's statement gives; but what is
//! decided of them is decided without their files, which are brought whenever they are here: until the
//! opening (docs/decisions/lodged-by-its-word.md). What cannot be accepted is refused on the record,
//! each note by itself, since custodians sign no close before every bid lodged with them is accounted
//! for.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::{Awaited, Held, blocking};
use crate::auth::Actor;
use crate::bid::envelope::{self, Envelope, pack_shares};
use crate::bid::refusing::{refuse_late, refuse_unsigned};
use crate::bid::rules::{Refused, check_signature};
use crate::bid::statements::Manifest;
use crate::bid::submit::{Answer, Outcome, Submission, submit};
use crate::bid::{bring, upload};
use crate::blob::Append;
use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::custodian::client::Pending;
use crate::custodian::wire::MAX_BID;
use crate::enterprise::credentials::signer;
use crate::enterprise::statements::Kind;
use crate::ids::{EnterpriseId, UploadId};
use crate::tender::Platform;

/// Takes in bids that were lodged with custodians.
///
/// The contract: the bid is decided by `arrived_at` of the custodian's statement, like one that came
/// in then, without its file; a repeat changes nothing.
pub trait Intake: Send + Sync {
    /// Decides on a lodged bid; whether it was accepted or refused stands on the record.
    ///
    /// # Errors
    /// The reason in words, when it could not be decided.
    fn take_lodged<'a>(&'a self, held: &'a Held) -> Pending<'a, Result<(), String>>;

    /// Puts the envelope of an accepted bid in its place: `file` is a whole `.bid` file, of any size that
    /// agents take, and nothing of it is believed.
    ///
    /// # Errors
    /// The reason in words, when it is not that bid, or could not be stored.
    fn bring<'a>(&'a self, awaited: &'a Awaited, file: &'a Path)
    -> Pending<'a, Result<(), String>>;

    /// Refuses on the record a lodged bid that came late by its custodian's own hour; there is no file
    /// of it here.
    ///
    /// # Errors
    /// The reason in words, when it could not be decided.
    fn refuse_late<'a>(&'a self, held: &'a Held) -> Pending<'a, Result<(), String>>;
}

/// The platform's own intake.
pub struct ByPlatform(pub Platform);

impl Intake for ByPlatform {
    fn take_lodged<'a>(&'a self, held: &'a Held) -> Pending<'a, Result<(), String>> {
        Box::pin(self.take(held))
    }

    fn bring<'a>(
        &'a self,
        awaited: &'a Awaited,
        file: &'a Path,
    ) -> Pending<'a, Result<(), String>> {
        Box::pin(self.put(awaited, file))
    }

    fn refuse_late<'a>(&'a self, held: &'a Held) -> Pending<'a, Result<(), String>> {
        Box::pin(self.late(held))
    }
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl ByPlatform {
    async fn take(&self, held: &Held) -> Result<(), String> {
        if let Err(unsigned) = self.bidder(held).await? {
            return self.refuse(held, unsigned).await;
        }
        let submission = Submission {
            unit: held.lodged.body().unit_id,
            manifest: held.manifest.encode(),
            shares: Vec::new(),
            arrived_at: held.lodged.body().arrived_at,
            lodged: Some(held.lodged.encode()),
        };
        let custodian = Actor::Custodian(held.lodged.body().custodian.to_string());
        match submit(&self.0, &custodian, submission).await {
            // It may still be accepted: asked again later.
            Ok(Answer { outcome: Outcome::Refused(refused), .. })
                if !Refused::is_for_good(refused.code()) =>
            {
                Err(said(refused))
            }
            Ok(_) => Ok(()),
            // Its key was handed over or revoked since: asked again later.
            Err(error) => Err(said(error)),
        }
    }

    /// Puts the envelope of an accepted bid in its place.
    async fn put(&self, awaited: &Awaited, file: &Path) -> Result<(), String> {
        let (p, manifest, id) = (&self.0, &awaited.manifest, awaited.id);
        let Envelope { manifest_note, bid, shares } = self.read(file, None).await?;
        let brought = Statement::<Manifest>::parse(&manifest_note).map_err(said)?;
        let hashes = shares.iter().map(|share| Hash::of(share));
        let named = (&manifest.body().bid, &manifest.body().shares);
        // By its text: the signatures are not what the custodian's word is about.
        let is_it = brought.sha256() == manifest.sha256()
            && (bid.sha256, bid.size) == (named.0.sha256, named.0.size)
            && hashes.eq(named.1.iter().copied());
        if !is_it {
            return Err("the file is not the bid that was lodged".to_owned());
        }
        let upload = self.upload(id.bidder, manifest, file).await?;
        let (unit, shares) = (manifest.body().unit_id, pack_shares(&shares));
        let brought = p.db.write(move |tx| bring(tx, unit, id, (upload, shares))).await;
        if !matches!(brought, Ok(true)) {
            // What is left of it would be swept in a day: it may be large.
            drop(upload::terminate(p, &Actor::Bidder(id.bidder), upload).await);
        }
        brought.map(drop).map_err(said)
    }

    /// Refuses what came late by its custodian's own hour and the deadline in force.
    async fn late(&self, held: &Held) -> Result<(), String> {
        let (manifest, arrived_at) = (held.manifest.clone(), held.lodged.body().arrived_at);
        match self.bidder(held).await? {
            Ok(bidder) => refuse_late(&self.0, bidder, manifest, arrived_at).await.map_err(said),
            Err(unsigned) => self.refuse(held, unsigned).await,
        }
    }

    /// Whose bid it is: the enterprise whose key in force signed it, alone. Otherwise whom it names,
    /// if anybody, and by how many statements no key of theirs signed it.
    async fn bidder(
        &self,
        held: &Held,
    ) -> Result<Result<EnterpriseId, Option<(EnterpriseId, i64)>>, String> {
        let Some(signer) = signer(held.manifest.note()) else { return Ok(Err(None)) };
        let speaker = self.0.credential(signer).await.map_err(said)?;
        let statements = speaker.as_ref().map_or(0, |speaker| speaker.statements);
        let credential = speaker.map(|it| it.credential).filter(|it| it.kind == Kind::Enterprise);
        let key = credential.and_then(|credential| credential.key);
        let is_its = key.is_some_and(|key| check_signature(&held.manifest, &key).is_ok());
        Ok(if is_its { Ok(signer) } else { Err(Some((signer, statements))) })
    }

    /// Reads the file to its proven end, its envelope into `into`.
    async fn read(&self, file: &Path, into: Option<Box<dyn Append>>) -> Result<Envelope, String> {
        let file = file.to_owned();
        let read = blocking(move || {
            let source = File::open(file).map_err(said)?;
            let mut out = Appending(into);
            let envelope = envelope::read(source, MAX_BID, &mut out).map_err(said)?;
            match out.0 {
                Some(append) => append.finish().map(|_| envelope).map_err(said),
                None => Ok(envelope),
            }
        });
        read.await.map_err(said)?
    }

    /// The custodian's word stands in for the bidder's session: the envelope becomes the bidder's.
    async fn upload(
        &self,
        bidder: EnterpriseId,
        manifest: &Statement<Manifest>,
        file: &Path,
    ) -> Result<UploadId, String> {
        let (p, actor) = (&self.0, Actor::Bidder(bidder));
        let size = manifest.body().bid.size;
        let id = upload::create_lodged(p, &actor, size).await.map_err(said)?;
        let append = upload::append(p, &actor, id, 0, None).await.map_err(said)?;
        self.read(file, Some(append)).await?;
        upload::complete(p, &actor, id).await.map_err(said)?;
        Ok(id)
    }

    /// Refuses what the key in force of whom it names did not sign.
    async fn refuse(&self, held: &Held, signer: Option<(EnterpriseId, i64)>) -> Result<(), String> {
        let unit = held.lodged.body().unit_id;
        let told = (held.manifest.encode(), held.lodged.body().arrived_at);
        let written = self.0.db.write(move |tx| refuse_unsigned(tx, unit, signer, told));
        written.await.map_err(said)
    }
}

/// An upload as something to write to; nothing without one.
struct Appending(Option<Box<dyn Append>>);

impl Write for Appending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(append) = &mut self.0 {
            append.write(bytes).map_err(io::Error::other)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
