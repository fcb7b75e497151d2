//! Looking at a `.bid` file again: what its bidder can prove before sending it.
//!
//! Deliberately absent: a look inside the shares. They are sealed to the custodians, and only the
//! dealer's own care (it combines them once) and the opening show whether they are right.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::bid::envelope;
use crate::bid::statements::{BidJson, Manifest, Offer};
use crate::crypto::json::{self, Texts};
use crate::crypto::key::VerifyingKey;
use crate::crypto::seal::Identity;
use crate::crypto::seal::payload::{self, LIMITS, Listed};
use crate::crypto::statement::Statement;
use crate::crypto::tar::{BLOCK, MAX_SIZE};
use crate::enterprise::credentials::enterprise_of;
use crate::error::{Reason, Said};

use super::unit::{CheckedUnit, by};
use crate::cli::failed::Failed;
use crate::cli::upload::Slice;

/// A `.bid` file whose parts fit its manifest.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The manifest; its signature is not checked.
    pub manifest: Statement<Manifest>,
    /// The sealed shares.
    pub shares: Vec<Vec<u8>>,
    /// Where `bid.age` stands in the file.
    pub bid: Slice,
}

/// What was found right.
#[derive(Clone, Debug)]
pub struct Findings {
    /// The envelope.
    pub envelope: Envelope,
    /// Whether the unit was there to compare.
    pub is_for_unit: bool,
    /// What the kept identity opened: the offer and the files.
    pub opened: Option<(Offer, Vec<Listed>)>,
}

fn wrong(reason: impl Reason) -> Failed {
    Failed::Bid(reason.into())
}

/// Reads a `.bid` file: its form, every header, and all hashes of its manifest.
///
/// # Errors
/// [`Failed::File`], [`Failed::Bid`].
pub fn read(path: &Path) -> Result<Envelope, Failed> {
    let file = File::open(path).map_err(|e| Failed::file(path, &e))?;
    let mut source = BufReader::with_capacity(1 << 17, file);
    match source.fill_buf().map_err(|e| Failed::file(path, &e))? {
        [] => return Err(wrong(Said::bare("cli-say-entry-empty"))),
        start if !begins(start) => return Err(wrong(Said::bare("cli-say-why-no-bid-file"))),
        _ => {}
    }
    let found = envelope::read(source, MAX_SIZE, &mut std::io::sink()).map_err(wrong)?;
    let manifest = Statement::<Manifest>::parse(&found.manifest_note).map_err(wrong)?;
    let body = manifest.body();
    if body.bid.sha256 != found.bid.sha256 || body.bid.size != found.bid.size {
        return Err(wrong(Said::bare("cli-say-why-bid-age")));
    }
    if body.shares != found.share_hashes() {
        return Err(wrong(Said::bare("cli-say-why-bid-shares")));
    }
    // A header, the manifest in whole blocks, a header: canonical files have no other shape.
    let note = u64::try_from(found.manifest_note.len()).unwrap_or(u64::MAX);
    let start = BLOCK + note.div_ceil(BLOCK) * BLOCK + BLOCK;
    let bid = Slice { path: path.to_owned(), start, size: found.bid.size };
    Ok(Envelope { manifest, shares: found.shares, bid })
}

/// Whether a file may be a `.bid`: one that is cut off within the first bytes is told to be cut off.
fn begins(start: &[u8]) -> bool {
    let name = envelope::MANIFEST.as_bytes();
    start.starts_with(name) || name.starts_with(start)
}

/// Checks everything that can be checked: form, signature by `signer` alone, the unit's terms if
/// it is there, and with the kept identity the contents.
///
/// # Errors
/// [`Failed::Bid`] with the first thing that is wrong.
pub fn check(
    path: &Path,
    signer: &VerifyingKey,
    unit: Option<&CheckedUnit>,
    identity: Option<&Identity>,
) -> Result<Findings, Failed> {
    let envelope = read(path)?;
    let note = envelope.manifest.note();
    note.require(signer).map_err(|e| wrong(by(signer, &e)))?;
    note.only_by(std::slice::from_ref(signer)).map_err(wrong)?;
    if let Some(unit) = unit {
        let body = envelope.manifest.body();
        if body.unit_id != unit.id() || body.shares.len() != unit.recipients().len() {
            return Err(wrong(Said::bare("cli-say-why-bid-unit")));
        }
    }
    let opened = identity.map(|identity| reopen(&envelope, signer, identity)).transpose()?;
    Ok(Findings { envelope, is_for_unit: unit.is_some(), opened })
}

fn reopen(
    envelope: &Envelope,
    signer: &VerifyingKey,
    identity: &Identity,
) -> Result<(Offer, Vec<Listed>), Failed> {
    let manifest = envelope.manifest.body();
    if identity.recipient().to_string() != manifest.seal_recipient {
        return Err(wrong(Said::bare("cli-say-why-bid-identity")));
    }
    let path = &envelope.bid.path;
    let mut file = File::open(path).map_err(|e| Failed::file(path, &e))?;
    file.seek(SeekFrom::Start(envelope.bid.start)).map_err(|e| Failed::file(path, &e))?;
    let sealed = BufReader::with_capacity(1 << 17, file).take(envelope.bid.size);
    let found = payload::check(sealed, identity, LIMITS).map_err(wrong)?;
    if found.sealed.map(|sealed| sealed.sha256) != Some(manifest.bid.sha256) {
        return Err(wrong(Said::bare("cli-say-why-bid-changed")));
    }
    let inner: BidJson = json::read(&found.bid_json, Texts::Plain).map_err(wrong)?;
    let same = inner.bid_id == manifest.bid_id
        && inner.seq == manifest.seq
        && inner.unit_id == manifest.unit_id
        && Some(inner.bidder) == enterprise_of(signer.name());
    if same {
        Ok((inner.offer, found.files))
    } else {
        Err(wrong(Said::bare("cli-say-why-bid-contents")))
    }
}
