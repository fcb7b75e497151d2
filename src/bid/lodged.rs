//! Takes in bids that were lodged with custodians while the portal did not answer.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::auth::Actor;
use crate::bid::envelope::{self, Envelope};
use crate::blob::Append;
use crate::crypto::statement::Statement;
use crate::custodian::client::Pending;
use crate::enterprise::credentials::enterprise_of;
use crate::opening::Intake;
use crate::opening::statements::Lodged;
use crate::tender::Platform;

use super::statements::Manifest;
use super::store::Purpose;
use super::{Error, Submission, submit, upload};

/// The platform as the taker of lodged bids.
pub struct LodgedIntake(pub Platform);

impl Intake for LodgedIntake {
    fn take_lodged<'a>(
        &'a self,
        lodged: &'a Statement<Lodged>,
        file: &'a Path,
    ) -> Pending<'a, Result<(), String>> {
        Box::pin(async move { self.take(lodged, file).await.map_err(|e| e.to_string()) })
    }
}

impl LodgedIntake {
    async fn take(&self, lodged: &Statement<Lodged>, file: &Path) -> Result<(), Error> {
        let p = &self.0;
        let found = read(p, file.to_owned(), None).await?;
        let manifest = Statement::<Manifest>::parse(&found.manifest_note)?;
        let line = manifest.note().signatures().first().ok_or(Error::NoKey)?;
        let bidder = Actor::Bidder(enterprise_of(&line.name).ok_or(Error::NoKey)?);
        let id = upload::create(p, &bidder, Purpose::Bid, found.bid.size).await?;
        let append = upload::append(p, &bidder, id, 0, None).await?;
        let found = read(p, file.to_owned(), Some(append)).await?;
        upload::complete(p, &bidder, id).await?;
        let submission = Submission {
            unit: manifest.body().unit_id,
            manifest: String::from_utf8(found.manifest_note).map_err(|_| Error::Lodged)?,
            shares: found.shares,
            arrived_at: lodged.body().arrived_at,
            lodged: Some(lodged.encode()),
        };
        submit(p, &Actor::Public, submission).await.map(|_| ())
    }
}

/// Reads a lodged file, and with `append` stores its ciphertext.
async fn read(
    p: &Platform,
    file: PathBuf,
    append: Option<Box<dyn Append>>,
) -> Result<Envelope, Error> {
    let limit = p.max_upload;
    let work = tokio::task::spawn_blocking(move || match append {
        None => envelope::read(open(&file)?, limit, &mut io::sink()).map_err(not_a_bid),
        Some(append) => {
            let mut target = Appending(append);
            let found = envelope::read(open(&file)?, limit, &mut target);
            let found = found.map_err(not_a_bid)?;
            target.0.finish()?;
            Ok(found)
        }
    });
    work.await.map_err(|_| Error::Lodged)?
}

fn open(file: &Path) -> Result<File, Error> {
    File::open(file).map_err(|e| Error::Store(e.into()))
}

fn not_a_bid(_: envelope::EnvelopeError) -> Error {
    Error::Lodged
}

struct Appending(Box<dyn Append>);

impl Write for Appending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
