//! Sealing: age v1 files for one X25519 recipient, written and opened as streams.
//!
//! Invariants: a sealed file fits the header [`profile`]; its SHA-256 is taken in the same pass; no
//! more than a few MiB are in memory, whatever the size. Stock `age` opens what we seal, and we open
//! what it seals, as far as the profile lets it in. Deliberately absent: several recipients, armor,
//! passphrases (but for the bidder's [`kept`] identity).

pub mod identity;
pub mod kept;
pub mod padme;
pub mod payload;
pub mod profile;

mod header;
mod open;
mod stream;
mod writer;

use std::io;

pub use identity::{Identity, NotAKey, Recipient, derive, unit_identity};
pub use open::{Opened, open, open_hashed};
pub use profile::{PayloadKind, Profile, ProfileError, check_header, check_length};
pub use writer::{SealWriter, seal};

use super::entropy::NoEntropy;
use super::hash::Hash;

/// A sealed file: what the manifest says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// SHA-256 over the whole sealed file.
    pub sha256: Hash,
    /// Its length in bytes.
    pub size: u64,
}

/// The length of the file that [`seal`] makes of `size` bytes; `None` beyond 2^64.
#[must_use]
pub fn sealed_len(size: u64) -> Option<u64> {
    profile::sealed_len(header::OUR_HEADER_LEN, size)
}

/// Why nothing was sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The source could not be read or the target not written.
    #[error("the sealed file could not be written: {0}")]
    Io(#[from] io::Error),
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The age library refused the recipient.
    #[error("the recipient was refused")]
    Recipient,
    /// More than 2^64 chunks, or the writing thread died.
    #[error("the sealing stopped in the middle")]
    Stopped,
}

/// Why a sealed file does not open. Only [`Io`](Self::Io) is the holder's doing; all else is in the
/// bytes, and who made them is at fault.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The source could not be read.
    #[error("the sealed file could not be read: {0}")]
    Io(#[source] io::Error),
    /// The header does not fit the profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The identity is not the one the file was sealed to.
    #[error("the identity does not open this file")]
    WrongKey,
    /// The header was altered, or its share is a weak point.
    #[error("the header is not authentic")]
    Header,
    /// A chunk was altered, moved or cut, or something follows the last.
    #[error("chunk {0} is not authentic")]
    Chunk(u64),
    /// The file ends before its last chunk.
    #[error("the sealed file ends in the middle")]
    Truncated,
}

impl OpenError {
    /// The stable code of this failure.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "open-io",
            Self::Profile(e) => e.code(),
            Self::WrongKey => "open-wrong-key",
            Self::Header => "open-header",
            Self::Chunk(_) => "open-chunk",
            Self::Truncated => "open-truncated",
        }
    }

    /// The failure behind an [`io::Error`] that reading an [`Opened`] file gave, through any reader
    /// stacked upon it.
    #[must_use]
    pub fn from_io(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(inner) => inner,
            Err(other) => Self::Io(other),
        }
    }
}

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Io(inner) => inner,
            other => Self::new(io::ErrorKind::InvalidData, other),
        }
    }
}
