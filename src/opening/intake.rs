//! Lodged bids go the way of all bids: uploaded, then submitted at the hour that the custodian's
//! statement gives. What nobody's key signed is refused on the record, since custodians sign no close
//! before every bid lodged with them is accounted for.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::statements::Lodged;
use super::{Intake, blocking};
use crate::auth::Actor;
use crate::bid::envelope::{self, Envelope};
use crate::bid::statements::{BidEvent, Fault, Manifest};
use crate::bid::submit::{Outcome, Submission, submit};
use crate::bid::{rules::Refused, upload};
use crate::blob::Append;
use crate::crypto::json;
use crate::crypto::statement::Statement;
use crate::custodian::client::Pending;
use crate::enterprise::credentials::enterprise_of;
use crate::ids::{EnterpriseId, UploadId};
use crate::record::append::Event;
use crate::record::disclosure::Level;
use crate::record::store as record;
use crate::tender::Platform;

const REFUSED: &str = "sealbid/refused/v1";

/// The platform's own intake.
pub struct ByPlatform(pub Platform);

impl Intake for ByPlatform {
    fn take_lodged<'a>(
        &'a self,
        lodged: &'a Statement<Lodged>,
        file: &'a Path,
    ) -> Pending<'a, Result<(), String>> {
        Box::pin(self.take(lodged, file))
    }
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl ByPlatform {
    async fn take(&self, lodged: &Statement<Lodged>, file: &Path) -> Result<(), String> {
        let p = &self.0;
        let envelope = self.read(file, None).await?;
        let manifest = Statement::<Manifest>::parse(&envelope.manifest_note).map_err(said)?;
        if manifest.sha256() != lodged.body().manifest_sha256 {
            return Err("the file is not the bid that was lodged".to_owned());
        }
        let signer = manifest.note().signatures().first().and_then(|s| enterprise_of(&s.name));
        let key = match signer {
            Some(signer) => p.key_of(signer).await.map_err(said)?,
            None => None,
        };
        let signed = key.is_some_and(|key| manifest.note().require(&key).is_ok());
        let Some(bidder) = signer.filter(|_| signed) else {
            return self.refuse(lodged, &manifest).await;
        };
        self.upload(bidder, &manifest, file).await?;
        let submission = Submission {
            unit: lodged.body().unit_id,
            manifest: manifest.encode(),
            shares: envelope.shares,
            arrived_at: lodged.body().arrived_at,
            lodged: Some(lodged.encode()),
        };
        let custodian = Actor::Custodian(lodged.body().custodian.to_string());
        match submit(p, &custodian, submission).await.map_err(said)?.outcome {
            // It may still be accepted: not accounted for yet.
            Outcome::Refused(refused) if !Refused::is_for_good(refused.code()) => {
                Err(said(refused))
            }
            _ => Ok(()),
        }
    }

    /// Reads the file to its proven end, its envelope into `into`.
    async fn read(&self, file: &Path, into: Option<Box<dyn Append>>) -> Result<Envelope, String> {
        let (file, most) = (file.to_owned(), self.0.max_upload);
        let read = blocking(move || {
            let source = File::open(file).map_err(said)?;
            let mut out = Appending(into);
            let envelope = envelope::read(source, most, &mut out).map_err(said)?;
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

    async fn refuse(
        &self,
        lodged: &Statement<Lodged>,
        manifest: &Statement<Manifest>,
    ) -> Result<(), String> {
        let unit_id = lodged.body().unit_id;
        let event = BidEvent::Refused {
            arrived_at: lodged.body().arrived_at,
            code: Refused::Signature.code().to_owned(),
            fault: Fault::Bidder,
            provisional: false,
            statement: manifest.encode(),
            unit_id,
        };
        let bytes = json::to_string(&event).map_err(said)?.into_bytes();
        let db = &self.0.db;
        let known = db.query(move |conn| record::entries_of_unit(conn, &unit_id, REFUSED));
        if known.await.map_err(said)?.iter().any(|entry| entry.event == bytes) {
            return Ok(());
        }
        let level = Level::Sealed(unit_id);
        let event = Event { kind: REFUSED, level, unit: Some(unit_id), bytes };
        db.write(move |tx| tx.record(event)).await.map(|_| ()).map_err(said)
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
