//! The sealed files of an auditor's case: shares are kept, for they are small; envelopes are opened
//! as they pass by in a second reading, for they are not.

use std::collections::HashMap;
use std::io::{self, Cursor, Read};

use crate::bid::statements::BidJson;
use crate::crypto::hash::Hash;
use crate::crypto::json::{self, Texts};
use crate::crypto::seal::payload::{self, LIMITS, PayloadError};
use crate::crypto::seal::profile::HEADER_LIMIT;
use crate::crypto::seal::{Identity, OpenError, Recipient, open};
use crate::crypto::shares::MAX_SEALED_SHARE;
use crate::crypto::tar::TarError;
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

/// Which envelopes to open, and with which identities.
#[derive(Default)]
pub(super) struct Envelopes(HashMap<Hash, Vec<Identity>>);

impl Envelopes {
    /// One more identity for an envelope.
    pub(super) fn add(&mut self, sha256: Hash, identity: Identity) {
        let known = self.0.entry(sha256).or_default();
        if known.iter().all(|other| other.recipient() != identity.recipient()) {
            known.push(identity);
        }
    }
}

/// What became of an envelope under the identity of a recipient.
pub(super) type Decrypted = HashMap<(Hash, Recipient), Decryption>;

/// Opens envelopes as they pass by. A result is absent when its envelope is not in the file.
pub(super) fn open_envelopes(
    source: &mut Source<'_>,
    envelopes: &Envelopes,
) -> Result<Decrypted, CaseError> {
    let mut found = Decrypted::new();
    casefile::read_with(source()?, &mut |_, sealed| {
        let Some(identities) = envelopes.0.get(&sealed.sha256) else { return Ok(()) };
        let fitting = fitting(sealed.body, identities)?;
        for identity in identities {
            let key = (sealed.sha256, identity.recipient());
            found.insert(key, Decryption::BadCiphertext);
        }
        if let Some((identity, head)) = fitting {
            let decryption = decrypt(head.chain(sealed.body), identity)?;
            found.insert((sealed.sha256, identity.recipient()), decryption);
        }
        Ok(())
    })?;
    Ok(found)
}

/// An identity that opens an envelope, and the beginning that was read.
type Fitting<'a> = (&'a Identity, Cursor<Vec<u8>>);

/// The identity that opens an envelope's header, and what was read to find it. There is at most one:
/// the header has one recipient, and its MAC binds the key that it wraps.
fn fitting<'a>(
    body: &mut (dyn Read + Send),
    identities: &'a [Identity],
) -> io::Result<Option<Fitting<'a>>> {
    let mut head = Vec::new();
    body.take(u64::try_from(HEADER_LIMIT).unwrap_or(u64::MAX)).read_to_end(&mut head)?;
    for identity in identities {
        let opened = open(head.as_slice(), identity).map(drop);
        match opened {
            Ok(()) | Err(OpenError::Truncated) => return Ok(Some((identity, Cursor::new(head)))),
            Err(OpenError::Io(error)) => return Err(error),
            Err(_) => {}
        }
    }
    Ok(None)
}

/// What an envelope holds, read to its end. An error is the file's, not the bidder's.
fn decrypt(body: impl Read + Send, identity: &Identity) -> io::Result<Decryption> {
    match payload::check_here(body, identity, LIMITS) {
        Ok(checked) => Ok(match json::read::<BidJson>(&checked.bid_json, Texts::Plain) {
            Ok(bid_json) => Decryption::Payload {
                bid_json: Box::new(bid_json),
                payload_sha256: checked.payload_sha256,
            },
            Err(_) => Decryption::NotAPayload,
        }),
        Err(PayloadError::Open(OpenError::Io(error)) | PayloadError::Tar(TarError::Io(error))) => {
            Err(error)
        }
        Err(PayloadError::Open(_)) => Ok(Decryption::BadCiphertext),
        Err(PayloadError::Tar(_)) => Ok(Decryption::NotAPayload),
    }
}
