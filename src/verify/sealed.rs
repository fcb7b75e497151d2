//! The sealed files of an auditor's case: shares are kept, for they are small; envelopes are opened
//! as they pass by in a second reading, for they are not.

use std::collections::HashMap;
use std::io::{self, Read};

use crate::bid::statements::BidJson;
use crate::crypto::hash::{Hash, Hasher};
use crate::crypto::json;
use crate::crypto::seal::payload::{BID_JSON, LIMITS, MAX_BID_JSON, PayloadError};
use crate::crypto::seal::{Identity, OpenError, Opened, open};
use crate::crypto::shares::MAX_SEALED_SHARE;
use crate::crypto::tar::{Reader, TarError};
use crate::opening::rules::Decryption;

use super::casefile::{self, CaseError, CaseFile};

/// Sealed shares by SHA-256.
pub(super) type Shares = HashMap<Hash, Vec<u8>>;
/// Gives the case file from its beginning, each time anew.
pub type Source<'a> = dyn FnMut() -> io::Result<Box<dyn Read + Send>> + 'a;

/// The first reading: the case, and every sealed file that is small enough for a share.
pub(super) fn read(source: &mut Source<'_>) -> Result<(CaseFile, Shares), CaseError> {
    let mut shares = Shares::new();
    let limit = u64::try_from(MAX_SEALED_SHARE).unwrap_or(u64::MAX);
    let case = casefile::read_with(source()?, &mut |_, sealed| {
        if sealed.size <= limit {
            let mut bytes = Vec::new();
            sealed.body.read_to_end(&mut bytes)?;
            shares.insert(sealed.sha256, bytes);
        }
        Ok(())
    })?;
    Ok((case, shares))
}

/// Opens envelopes as they pass by. A line's result is absent when its envelope is not in the file.
pub(super) fn open_envelopes(
    source: &mut Source<'_>,
    keys: &HashMap<Hash, Identity>,
) -> Result<HashMap<Hash, Decryption>, CaseError> {
    let mut found = HashMap::new();
    casefile::read_with(source()?, &mut |_, sealed| {
        if let Some(identity) = keys.get(&sealed.sha256) {
            found.insert(sealed.sha256, decrypt(sealed.body, identity)?);
        }
        Ok(())
    })?;
    Ok(found)
}

/// What an envelope holds, read to its end. An error is the file's, not the bidder's.
fn decrypt(body: &mut (dyn Read + Send), identity: &Identity) -> io::Result<Decryption> {
    match payload(body, identity) {
        Ok((bytes, payload_sha256)) => Ok(match json::parse::<BidJson>(&bytes) {
            Ok(bid_json) => Decryption::Payload { bid_json: Box::new(bid_json), payload_sha256 },
            Err(_) => Decryption::NotAPayload,
        }),
        Err(PayloadError::Open(OpenError::Io(error)) | PayloadError::Tar(TarError::Io(error))) => {
            Err(error)
        }
        Err(PayloadError::Open(_)) => Ok(Decryption::BadCiphertext),
        Err(PayloadError::Tar(_)) => Ok(Decryption::NotAPayload),
    }
}

fn payload(
    body: &mut (dyn Read + Send),
    identity: &Identity,
) -> Result<(Vec<u8>, Hash), PayloadError> {
    let source = Hashed { inner: open(body, identity)?, hasher: Hasher::new() };
    let mut reader = Reader::new(source, BID_JSON, LIMITS);
    let first = reader.next_member()?.ok_or(TarError::Truncated)?;
    let bid_json = first.read_all(MAX_BID_JSON)?;
    while reader.next_member()?.is_some() {}
    let source = reader.into_source();
    let payload_sha256 = source.hasher.finish();
    source.inner.finish()?;
    Ok((bid_json, payload_sha256))
}

struct Hashed<'a> {
    inner: Opened<'a>,
    hasher: Hasher,
}

impl Read for Hashed<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(out)?;
        self.hasher.update(out.get(..got).unwrap_or_default());
        Ok(got)
    }
}
