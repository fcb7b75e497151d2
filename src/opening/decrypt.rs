//! Opening envelopes: shares to a one-time identity, a ciphertext to an offer, in two passes. The
//! first stops after `bid.json`, so that prices are read out at once; the second reads everything
//! to its proven end and is what counts.
//!
//! Invariants: exactly the identities given are used, never another combination; a fault is a
//! bidder's only when the bytes judged are the manifest's own, and otherwise the platform lost
//! them. What merely cannot be read now is no loss: nothing is said of it, and it is read again
//! later. Nothing decrypted is stored. Deliberately absent: whose turn it is (`rules`), rows.

use std::io::{self, Read};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::bid::statements::{BidJson, Manifest};
use crate::crypto::hash::{Hash, Hasher};
use crate::crypto::json::{self, Texts};
use crate::crypto::seal::payload::{self, LIMITS, Listed, PayloadError};
use crate::crypto::seal::{Identity, OpenError, Opened, Recipient};
use crate::crypto::shares::{self, ShareError};
use crate::crypto::tar::{FoundMember, TarError};
use crate::custodian::roster::CustodianId;

use super::rules::Decryption;

/// A custodian's released identity for the unit.
#[derive(Debug)]
pub struct UnitKey {
    /// Its place among the unit's recipients, from 0: which share is its.
    pub place: usize,
    /// Whose.
    pub custodian: CustodianId,
    /// The identity; its recipient has been compared with the unit's.
    pub identity: Identity,
}

/// One envelope to be opened.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// What its bidder signed.
    pub manifest: Manifest,
    /// The sealed shares, in the order of the unit's recipients.
    pub shares: Vec<Vec<u8>>,
}

/// A ciphertext that is read while it is opened.
pub type Ciphertext = Box<dyn Read + Send>;

/// Gives the ciphertext of an envelope. `NotFound` means that it is gone; any other error, that it
/// cannot be read now.
pub type Reopen<'a> = dyn Fn(&Envelope) -> io::Result<Ciphertext> + Sync + 'a;

/// The one-time identity that the t released identities give for one envelope.
///
/// # Errors
/// What the envelope's decryption came to instead. A stored share that is not the manifest's is the
/// platform's loss.
pub fn one_time(envelope: &Envelope, keys: &[UnitKey]) -> Result<Identity, Decryption> {
    let manifest = &envelope.manifest;
    let mut open = Vec::with_capacity(keys.len());
    for key in keys {
        let sealed = envelope.shares.get(key.place).ok_or(Decryption::Missing)?;
        let sha256 = manifest.shares.get(key.place).ok_or(Decryption::Missing)?;
        let share = shares::open_share(sealed, sha256, &key.identity).map_err(|e| match e {
            ShareError::NotTheShare => Decryption::Missing,
            _ => Decryption::BadShare(key.custodian.clone()),
        })?;
        open.push(share);
    }
    let recipient: Recipient =
        manifest.seal_recipient.parse().map_err(|_| Decryption::WrongSecret)?;
    shares::recover(&open, &recipient).map_err(|_| Decryption::WrongSecret)
}

/// The first pass: `bid.json` alone. Provisional, since the rest of the file stays unproven.
///
/// # Errors
/// What decrypting came to instead; provisional too.
pub fn read_out(
    envelope: &Envelope,
    keys: &[UnitKey],
    reopen: &Reopen<'_>,
) -> Result<BidJson, Decryption> {
    let identity = one_time(envelope, keys)?;
    let sealed = reopen(envelope).map_err(|_| Decryption::Missing)?;
    let bytes = payload::read_bid_json(sealed, &identity).map_err(|e| verdict(&e))?;
    json::read(&bytes, Texts::Plain).map_err(|_| Decryption::NotAPayload)
}

/// The second pass: every chunk authentic, every member canonical, both hashes taken.
///
/// # Errors
/// When the ciphertext is there and cannot be read: another time it may be.
pub fn check(envelope: &Envelope, keys: &[UnitKey], reopen: &Reopen<'_>) -> io::Result<Decryption> {
    match checked(envelope, keys, reopen) {
        Ok(decryption) => Ok(decryption),
        Err(Stop::Unreadable(error)) => Err(error),
        Err(Stop::Is(Decryption::Missing)) => Ok(Decryption::Missing),
        // Only the manifest's own bytes may condemn a bidder.
        Err(Stop::Is(fault)) => {
            let is_own = is_the_manifests(envelope, reopen)?;
            Ok(if is_own { fault } else { Decryption::Missing })
        }
    }
}

/// Why a second pass did not come to a payload.
enum Stop {
    Is(Decryption),
    Unreadable(io::Error),
}

impl From<Decryption> for Stop {
    fn from(decryption: Decryption) -> Self {
        Self::Is(decryption)
    }
}

impl From<PayloadError> for Stop {
    fn from(error: PayloadError) -> Self {
        match error {
            PayloadError::Open(OpenError::Io(error)) | PayloadError::Tar(TarError::Io(error)) => {
                unread(error)
            }
            other => Self::Is(verdict(&other)),
        }
    }
}

/// What is gone is lost; all else may be read another time.
fn unread(error: io::Error) -> Stop {
    match error.kind() {
        io::ErrorKind::NotFound => Stop::Is(Decryption::Missing),
        _ => Stop::Unreadable(error),
    }
}

fn checked(envelope: &Envelope, keys: &[UnitKey], reopen: &Reopen<'_>) -> Result<Decryption, Stop> {
    let identity = one_time(envelope, keys)?;
    let sealed = reopen(envelope).map_err(unread)?;
    let found = payload::check(sealed, &identity, LIMITS)?;
    let bid = &envelope.manifest.bid;
    if found.sealed.is_none_or(|sealed| (sealed.sha256, sealed.size) != (bid.sha256, bid.size)) {
        return Err(Decryption::Missing.into());
    }
    let bid_json =
        json::read(&found.bid_json, Texts::Plain).map_err(|_| Decryption::NotAPayload)?;
    Ok(Decryption::Payload { bid_json: Box::new(bid_json), payload_sha256: found.payload_sha256 })
}

fn verdict(error: &PayloadError) -> Decryption {
    match error {
        e if e.is_unreadable() => Decryption::Missing,
        PayloadError::Open(_) => Decryption::BadCiphertext,
        PayloadError::Tar(_) => Decryption::NotAPayload,
    }
}

fn is_the_manifests(envelope: &Envelope, reopen: &Reopen<'_>) -> io::Result<bool> {
    match reopen(envelope).and_then(hash) {
        Ok(sha256) => Ok(sha256 == envelope.manifest.bid.sha256),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn hash(mut sealed: Ciphertext) -> io::Result<Hash> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match sealed.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(got) => hasher.update(buffer.get(..got).unwrap_or_default()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// One file of an opened bid as a stream, decrypted as it is read and never stored; `None` when
/// there is none of that name.
///
/// # Errors
/// What decrypting came to instead.
pub fn document(
    envelope: &Envelope,
    keys: &[UnitKey],
    reopen: &Reopen<'_>,
    name: &str,
) -> Result<Option<FoundMember<Opened<'static>>>, Decryption> {
    let identity = one_time(envelope, keys)?;
    let sealed = reopen(envelope).map_err(|_| Decryption::Missing)?;
    payload::extract(sealed, &identity, name, LIMITS).map_err(|e| verdict(&e))
}

/// The files of an opened bid in their order, `bid.json` left out: the whole envelope is read.
///
/// # Errors
/// What decrypting came to instead.
pub fn listing(
    envelope: &Envelope,
    keys: &[UnitKey],
    reopen: &Reopen<'_>,
) -> Result<Vec<Listed>, Decryption> {
    let identity = one_time(envelope, keys)?;
    let sealed = reopen(envelope).map_err(|_| Decryption::Missing)?;
    Ok(payload::check(sealed, &identity, LIMITS).map_err(|e| verdict(&e))?.files)
}

/// Does `work` on every item, on as many threads as the machine has, and gives the results in the
/// items' order.
pub fn on_all<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(items.len())));
    let run = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(place) else { return };
            let result = work(item);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((place, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}
