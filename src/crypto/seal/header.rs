//! The age header: the file key wrapped for one recipient, and the key of the payload behind it.
//!
//! Wrapping and unwrapping are the age crate's. Our headers have no grease, so every bid's header
//! is of one length and a file's length follows from its payload's.

use age::{Identity as _, Recipient as _};
use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use age_core::secrecy::ExposeSecret;
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
use ring::hmac;
use zeroize::Zeroizing;

use super::identity::{Identity, Recipient, derive};
use super::profile::Profile;
use super::stream::ChunkKey;
use super::{OpenError, SealError};
use crate::crypto::entropy::{self, Entropy};

/// The length of the headers that [`write`] makes, in bytes.
pub(super) const OUR_HEADER_LEN: usize = 22 + 54 + 44 + 48;
/// The nonce between header and chunks, in bytes.
pub(super) const NONCE_LEN: usize = 16;

/// A fresh header for `recipient` with its nonce, and the payload key that belongs to it.
pub(super) fn write(
    recipient: &Recipient,
    entropy: &dyn Entropy,
) -> Result<(Vec<u8>, ChunkKey), SealError> {
    let file_key: Zeroizing<[u8; FILE_KEY_BYTES]> = Zeroizing::new(entropy::array(entropy)?);
    let nonce: [u8; NONCE_LEN] = entropy::array(entropy)?;
    let to: age::x25519::Recipient =
        recipient.to_string().parse().map_err(|_| SealError::Recipient)?;
    let (stanzas, _) =
        to.wrap_file_key(&FileKey::new(Box::new(*file_key))).map_err(|_| SealError::Recipient)?;
    let mut out = String::from("age-encryption.org/v1\n");
    for stanza in &stanzas {
        let argument = stanza.args.join(" ");
        let body = BASE64.encode(&stanza.body);
        out.push_str(&format!("-> {} {argument}\n{body}\n", stanza.tag));
    }
    out.push_str("---");
    let mac = hmac::sign(&mac_key(&file_key), out.as_bytes());
    out.push_str(&format!(" {}\n", BASE64.encode(mac)));
    let mut header = out.into_bytes();
    header.extend_from_slice(&nonce);
    Ok((header, payload_key(&file_key, &nonce)))
}

/// The payload key of a file with this header and nonce, if `identity` is the right one and the
/// header is as it was written.
pub(super) fn open(
    header: &[u8],
    profile: &Profile,
    nonce: &[u8],
    identity: &Identity,
) -> Result<ChunkKey, OpenError> {
    let stanza = Stanza {
        tag: "X25519".to_owned(),
        args: vec![profile.share.clone()],
        body: profile.body.to_vec(),
    };
    let file_key = match identity.to_age().unwrap_stanza(&stanza) {
        Some(Ok(key)) => Zeroizing::new(*key.expose_secret()),
        Some(Err(_)) => return Err(OpenError::Header),
        None => return Err(OpenError::WrongKey),
    };
    let covered = header.get(..profile.mac_covers).unwrap_or_default();
    hmac::verify(&mac_key(&file_key), covered, &profile.mac).map_err(|_| OpenError::Header)?;
    Ok(payload_key(&file_key, nonce))
}

fn mac_key(file_key: &[u8; FILE_KEY_BYTES]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &derive(&[], file_key, &[b"header"])[..])
}

fn payload_key(file_key: &[u8; FILE_KEY_BYTES], nonce: &[u8]) -> ChunkKey {
    ChunkKey::new(&derive(nonce, file_key, &[b"payload"]))
}
