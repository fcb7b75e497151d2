//! The one-time identity under the bidder's passphrase: the receipt of last resort.
//!
//! An age passphrase file (scrypt) that holds an age identity file, so `age -d -i identity.age
//! bid.age` works without us. It is the only passphrase file here; bids never carry one.

use std::io::{Read, Write};
use std::iter;

use age::secrecy::SecretString;
use zeroize::Zeroizing;

use super::{Identity, NotAKey};

/// The largest kept file we look into, in bytes.
const MAX_FILE: u64 = 4096;

/// The work that every guess at the passphrase costs: N = 2^value, at 1 KiB · N of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkFactor(u8);

impl WorkFactor {
    /// About a second and 256 MiB on a present machine, as age itself chooses.
    pub const USUAL: Self = Self(18);
    /// Next to nothing: for tests.
    pub const TEST: Self = Self(4);
    /// The most that we accept from a file: 1 GiB of memory.
    const MOST: u8 = 20;
}

/// Why an identity was not kept or not found again.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// The file is not an age passphrase file, or was altered.
    #[error("this is not a kept identity, or it was altered")]
    File,
    /// The passphrase is not the one it was kept under.
    #[error("the passphrase is wrong")]
    Passphrase,
    /// What is inside is not one identity.
    #[error(transparent)]
    Key(#[from] NotAKey),
}

/// `identity.age`: the identity under `passphrase`.
///
/// # Errors
/// [`KeptError::File`] when the age library fails to write into memory.
pub fn keep(
    identity: &Identity,
    passphrase: &Zeroizing<String>,
    work: WorkFactor,
) -> Result<Vec<u8>, KeptError> {
    let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase.as_str()));
    recipient.set_work_factor(work.0);
    let to: &dyn age::Recipient = &recipient;
    let encryptor = age::Encryptor::with_recipients(iter::once(to)).map_err(|_| KeptError::File)?;
    let public = identity.recipient();
    let text = Zeroizing::new(format!("# public key: {public}\n{}\n", *identity.encode()));
    let mut out = Vec::new();
    let mut writer = encryptor.wrap_output(&mut out).map_err(|_| KeptError::File)?;
    writer.write_all(text.as_bytes()).map_err(|_| KeptError::File)?;
    writer.finish().map_err(|_| KeptError::File)?;
    Ok(out)
}

/// The identity in a file that [`keep`] wrote.
///
/// # Errors
/// [`KeptError`].
pub fn recover(file: &[u8], passphrase: &Zeroizing<String>) -> Result<Identity, KeptError> {
    let decryptor = age::Decryptor::new_buffered(file).map_err(|_| KeptError::File)?;
    if !decryptor.is_scrypt() {
        return Err(KeptError::File);
    }
    let mut key = age::scrypt::Identity::new(SecretString::from(passphrase.as_str()));
    key.set_max_work_factor(WorkFactor::MOST);
    let with: &dyn age::Identity = &key;
    let reader = decryptor.decrypt(iter::once(with)).map_err(|e| match e {
        age::DecryptError::DecryptionFailed | age::DecryptError::NoMatchingKeys => {
            KeptError::Passphrase
        }
        _ => KeptError::File,
    })?;
    let mut text = Zeroizing::new(String::new());
    reader.take(MAX_FILE).read_to_string(&mut text).map_err(|_| KeptError::File)?;
    let mut keys = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    match (keys.next(), keys.next()) {
        (Some(key), None) => Ok(key.parse()?),
        _ => Err(KeptError::Key(NotAKey::Identity)),
    }
}
