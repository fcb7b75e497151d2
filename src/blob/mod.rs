//! Sealed files: uploads that survive interruptions, and the blobs they become.
//!
//! Invariants: nothing is acknowledged that a power cut could take back; a blob's bytes never change
//! and were hashed as read back, not as received; no file is ever whole in memory. Deliberately
//! absent: who may upload, what the bytes mean, and the record of deletions.

mod folder;
pub mod lock;

use std::io::{Read, Seek};

pub use folder::Folder;

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::seal::ProfileError;
use crate::ids::UploadId;

/// What keeps uploads and blobs.
///
/// The contract, for a folder and for an object store alike:
/// - An upload has a length, fixed when created, and an offset: the bytes below it are durable. After
///   a restart the offset is what it was when last acknowledged, or a little more, never less.
/// - A store may hold an upload as parts. An object store keeps parts of 8 MiB, each an object and a
///   row with its length and SHA-256; what does not fill a part is kept by the sender until it
///   does, so an interrupted append may fall back to the last whole part. A part that was
///   acknowledged is compared with its hash whenever it is read.
/// - One append to an upload at a time; a second is `Busy`, not queued.
/// - Completing reads everything back. It can be repeated: a crash between its steps leaves an upload
///   that completes again, or the blob.
/// - A blob keeps its upload's id as its name. The name is not the hash: two senders of the same bytes
///   have two blobs, and deleting one leaves the other.
/// - No space left is `Full`. It loses nothing acknowledged, and the same append works again later.
///
/// Every method blocks: call it on a thread that may.
pub trait Blobs: Send + Sync {
    /// Makes room for an upload of `length` bytes that starts at `now`.
    ///
    /// # Errors
    /// `Exists`, `Full`, `Io`.
    fn create(&self, upload: UploadId, length: u64, now: Time) -> Result<(), Error>;

    /// How far an upload is; a completed one is at its end.
    ///
    /// # Errors
    /// `NotFound`, `Corrupt`, `Io`.
    fn progress(&self, upload: UploadId) -> Result<Progress, Error>;

    /// Begins to append at `offset`, which must be the upload's. With a `checksum`, the SHA-256 of
    /// what follows, either all of it is kept or nothing.
    ///
    /// # Errors
    /// `NotFound`, `Offset`, `Busy`, `Corrupt`, `Io`.
    fn append(
        &self,
        upload: UploadId,
        offset: u64,
        checksum: Option<Hash>,
    ) -> Result<Box<dyn Append>, Error>;

    /// Makes a complete upload a blob and says what it holds.
    ///
    /// # Errors
    /// `NotFound`, `Incomplete`, `Busy`, `Corrupt`, `Io`.
    fn complete(&self, upload: UploadId) -> Result<Stored, Error>;

    /// How many bytes a blob has. Asked for every submission inside the one door for writes, where
    /// everybody waits: it looks, and reads nothing; an object store answers from its own rows of
    /// parts, for no network may lie there.
    ///
    /// # Errors
    /// `NotFound`, `Io`.
    fn size(&self, blob: UploadId) -> Result<u64, Error>;

    /// Opens a blob for reading.
    ///
    /// # Errors
    /// `NotFound`, `Io`.
    fn open(&self, blob: UploadId) -> Result<Box<dyn Blob>, Error>;

    /// Reads a blob again and hashes it: what stands before every close.
    ///
    /// # Errors
    /// `NotFound`, `Io`.
    fn rehash(&self, blob: UploadId) -> Result<Stored, Error>;

    /// Deletes an upload or a blob; nothing there is no error. The caller has it on the record.
    ///
    /// # Errors
    /// `Busy`, `Io`.
    fn delete(&self, blob: UploadId) -> Result<(), Error>;

    /// Unfinished uploads that were created before `before`: they may be deleted.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    fn abandoned(&self, before: Time) -> Result<Vec<UploadId>, Error>;
}

/// An append under way. Without a checksum it acknowledges every 8 MiB, so that a crash costs no more;
/// with one, or dropped without [`finish`](Append::finish), nothing more.
pub trait Append: Send {
    /// Takes the next bytes, of any number.
    ///
    /// # Errors
    /// `TooLong` beyond the upload's length, `Full`, `Io`. After an error nothing of this append is
    /// kept but what was acknowledged.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error>;

    /// Makes what came durable and returns the new offset. Without a checksum this is right also
    /// when the sender was cut off.
    ///
    /// # Errors
    /// `Checksum`, `Full`, `Io`; then the offset is what was acknowledged before.
    fn finish(self: Box<Self>) -> Result<u64, Error>;
}

/// An open blob.
pub trait Blob: Read + Seek + Send {
    /// Its length in bytes.
    fn size(&self) -> u64;
}

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Durable bytes.
    pub offset: u64,
    /// Bytes when complete.
    pub length: u64,
    /// When it was created; a blob no longer knows.
    pub created: Option<Time>,
}

/// What a blob holds, as read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The SHA-256 of all bytes.
    pub sha256: Hash,
    /// Their number.
    pub size: u64,
}

/// Why a store did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such upload or blob.
    #[error("there is no such upload")]
    NotFound,
    /// The id is taken.
    #[error("the upload exists already")]
    Exists,
    /// The append begins elsewhere than the upload ends.
    #[error("the upload stands at byte {actual}")]
    Offset {
        /// Where it stands.
        actual: u64,
    },
    /// More bytes than the upload's length.
    #[error("more bytes than the upload's length of {length}")]
    TooLong {
        /// The length it was created with.
        length: u64,
    },
    /// The bytes are not those that the checksum names.
    #[error("the bytes do not have the stated checksum")]
    Checksum,
    /// It begins as no envelope does.
    #[error(transparent)]
    Unfit(#[from] ProfileError),
    /// Not all bytes are there.
    #[error("the upload is not complete: {offset} of {length} bytes")]
    Incomplete {
        /// Durable bytes.
        offset: u64,
        /// Bytes when complete.
        length: u64,
    },
    /// Somebody else works on it.
    #[error("the upload is in use")]
    Busy,
    /// No space, or no more of it for this user.
    #[error("there is no space left for uploads: {0}")]
    Full(std::io::Error),
    /// What was kept about the upload contradicts itself.
    #[error("the upload is damaged: {0}")]
    Corrupt(String),
    /// The file system failed.
    #[error("the file system failed: {0}")]
    Io(std::io::Error),
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::AlreadyExists => Self::Exists,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::Full(error)
            }
            _ => Self::Io(error),
        }
    }
}
