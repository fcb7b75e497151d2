//! What is sealed in a bid: canonical tar with `bid.json` first, then the bidder's files.
//!
//! Invariant: the sealed plaintext is the canonical [`tar`] of its members at a PADMÉ size;
//! a payload that is anything else opens but is refused, which is its bidder's doing.

use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};

use super::{
    Identity, OpenError, Opened, Recipient, SealError, SealWriter, Sealed, open, open_hashed, seal,
};
use crate::crypto::entropy::Entropy;
use crate::crypto::hash::{Hash, Hasher};
use crate::crypto::tar::{self, FoundMember, Limits, Reader, TarError, Writer};

/// The member that comes first: unit, bid, bidder, seq and offer.
pub const BID_JSON: &str = "bid.json";
/// The largest `bid.json`, in bytes. It is read out and stands in the opening record: so small, the
/// record of a lot of ten thousand bids can be read by whoever verifies it, whatever bidders write.
pub const MAX_BID_JSON: u64 = 4 * 1024;
/// What a payload may hold. Sealing keeps to it as opening does: what was sealed opens.
pub const LIMITS: Limits = Limits { members: 1000, member_size: 2 << 30, total: 2 << 30 };

/// A file to be sealed, opened only when its turn comes.
pub struct Attachment {
    name: String,
    size: u64,
    body: Body,
}

enum Body {
    File(PathBuf),
    Bytes(Vec<u8>),
}

impl Attachment {
    /// The file at `path`, sealed as `name`.
    ///
    /// # Errors
    /// When it cannot be looked at, or is not a regular file.
    pub fn file(name: &str, path: &Path) -> io::Result<Self> {
        let meta = std::fs::metadata(path)?;
        if meta.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !meta.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(Self { name: name.to_owned(), size: meta.len(), body: Body::File(path.to_owned()) })
    }

    /// Bytes in memory, sealed as `name`.
    ///
    /// # Errors
    /// Never on machines whose addresses fit 64 bits.
    pub fn bytes(name: &str, bytes: Vec<u8>) -> io::Result<Self> {
        let size = u64::try_from(bytes.len()).map_err(io::Error::other)?;
        Ok(Self { name: name.to_owned(), size, body: Body::Bytes(bytes) })
    }

    /// The name in the payload.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The size in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }
}

/// Why what is to be sealed would not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// Too many files.
    #[error("{found} files: a bid holds {most} at most")]
    Files {
        /// How many there are.
        found: usize,
        /// How many may be.
        most: u32,
    },
    /// The files together are too large.
    #[error("{found} bytes of files: a bid holds {most} at most")]
    Bytes {
        /// Their bytes.
        found: u64,
        /// How many may be.
        most: u64,
    },
    /// What is read out is too long.
    #[error(
        "the offer takes {found} bytes: what is read out has {most} at most; put the rest into a file"
    )]
    Offer {
        /// Bytes of `bid.json`.
        found: u64,
        /// How many may be.
        most: u64,
    },
}

impl From<TooMuch> for TarError {
    fn from(error: TooMuch) -> Self {
        match error {
            TooMuch::Files { most, .. } => Self::TooMany(most),
            TooMuch::Bytes { found, most } | TooMuch::Offer { found, most } => {
                Self::TooLarge { declared: found, limit: most }
            }
        }
    }
}

/// Whether a bid with these files would be opened: asked before anything is sealed.
///
/// # Errors
/// [`TooMuch`].
pub fn fits(bid_json: &[u8], attachments: &[Attachment]) -> Result<(), TooMuch> {
    let json = u64::try_from(bid_json.len()).unwrap_or(u64::MAX);
    if json > MAX_BID_JSON {
        return Err(TooMuch::Offer { found: json, most: MAX_BID_JSON });
    }
    // The first member is the offer.
    let (found, most) = (attachments.len(), LIMITS.members.saturating_sub(1));
    if u32::try_from(found).map_or(true, |found| found > most) {
        return Err(TooMuch::Files { found, most });
    }
    let files = attachments.iter().fold(0_u64, |sum, file| sum.saturating_add(file.size));
    let most = LIMITS.total.saturating_sub(json);
    if files > most { Err(TooMuch::Bytes { found: files, most }) } else { Ok(()) }
}

/// Why a bid could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealPayloadError {
    /// The sealing itself failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A name or a file was refused.
    #[error(transparent)]
    Tar(#[from] TarError),
}

/// The plaintext length of a bid with these files, in bytes: for progress and for limits.
///
/// # Errors
/// [`TarError`] when a size is beyond the format.
pub fn length(bid_json: &[u8], attachments: &[Attachment]) -> Result<u64, TarError> {
    let json = u64::try_from(bid_json.len()).map_err(|_| TarError::Length)?;
    let files = attachments.iter().map(|a| (a.name.len(), a.size));
    tar::length(std::iter::once((BID_JSON.len(), json)).chain(files))
}

/// Writes the payload, the files in byte order of their names whatever order they came in. Gives
/// its length.
///
/// # Errors
/// [`TarError`] when a name is refused or there twice, or a file changed or cannot be read.
pub fn write(
    out: &mut dyn Write,
    bid_json: &[u8],
    mut attachments: Vec<Attachment>,
) -> Result<u64, TarError> {
    fits(bid_json, &attachments)?;
    attachments.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    let size = u64::try_from(bid_json.len()).map_err(|_| TarError::Length)?;
    let mut writer = Writer::new(out, BID_JSON);
    writer.member(BID_JSON, size, &mut Cursor::new(bid_json))?;
    for attachment in attachments {
        let mut body: Box<dyn Read> = match attachment.body {
            Body::File(path) => Box::new(File::open(path).map_err(TarError::Io)?),
            Body::Bytes(bytes) => Box::new(Cursor::new(bytes)),
        };
        writer.member(&attachment.name, attachment.size, &mut body)?;
    }
    writer.finish().map(|(_, length)| length)
}

/// Seals a bid's payload to its one-time recipient, as a stream onto `out`.
///
/// # Errors
/// [`SealPayloadError`]; `out` then holds a file that does not open.
pub fn seal_bid<W: Write + Send>(
    out: W,
    recipient: &Recipient,
    entropy: &dyn Entropy,
    bid_json: &[u8],
    attachments: Vec<Attachment>,
) -> Result<Sealed, SealPayloadError> {
    seal(out, recipient, entropy, |writer: &mut SealWriter| {
        write(writer, bid_json, attachments).map_err(SealPayloadError::from)
    })
    .map(|(sealed, _)| sealed)
}

/// Why a bid's contents could not be had.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// The sealed file does not open.
    #[error(transparent)]
    Open(OpenError),
    /// It opens, but what it holds is not a payload.
    #[error(transparent)]
    Tar(TarError),
}

impl PayloadError {
    /// The stable code of this failure.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Open(e) => e.code(),
            Self::Tar(e) => e.code(),
        }
    }

    /// Whether the stored bytes could not be read: then the fault is the holder's, not the
    /// bidder's, and the bytes themselves are not judged.
    #[must_use]
    pub const fn is_unreadable(&self) -> bool {
        matches!(self, Self::Open(OpenError::Io(_)) | Self::Tar(TarError::Io(_)))
    }
}

impl From<OpenError> for PayloadError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<TarError> for PayloadError {
    fn from(error: TarError) -> Self {
        match error {
            TarError::Io(inner) => Self::Open(OpenError::from_io(inner)),
            other => Self::Tar(other),
        }
    }
}

/// The payload reader of a sealed bid, decrypting as it is read.
///
/// # Errors
/// [`OpenError`] when the header does not fit or the identity is another's.
pub fn open_bid<'a, R: Read + Send + 'a>(
    sealed: R,
    identity: &Identity,
    limits: Limits,
) -> Result<Reader<Opened<'a>>, OpenError> {
    Ok(Reader::new(open(sealed, identity)?, BID_JSON, limits))
}

/// `bid.json` alone: reads no further than the first member, so the rest stays unproven.
///
/// # Errors
/// [`PayloadError`].
pub fn read_bid_json<R: Read + Send>(
    sealed: R,
    identity: &Identity,
) -> Result<Vec<u8>, PayloadError> {
    first_member(&mut open_bid(sealed, identity, LIMITS)?)
}

fn first_member<R: Read>(reader: &mut Reader<R>) -> Result<Vec<u8>, PayloadError> {
    let first = reader.next_member()?.ok_or(TarError::Truncated)?;
    Ok(first.read_all(MAX_BID_JSON)?)
}

/// One file of the payload as a stream of its own; `None` when there is none of that name.
/// [`FoundMember::prove_rest`] after reading proves the remainder.
///
/// # Errors
/// [`PayloadError`].
pub fn extract<'a, R: Read + Send + 'a>(
    sealed: R,
    identity: &Identity,
    name: &str,
    limits: Limits,
) -> Result<Option<FoundMember<Opened<'a>>>, PayloadError> {
    Ok(open_bid(sealed, identity, limits)?.find(name)?)
}

/// A file in a checked payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
}

/// A payload read to its end and found canonical.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The first member's bytes.
    pub bid_json: Vec<u8>,
    /// The other members, in order.
    pub files: Vec<Listed>,
    /// SHA-256 of the whole plaintext, padding included.
    pub payload_sha256: Hash,
    /// Hash and length of the sealed file, taken in the same pass.
    pub sealed: Option<Sealed>,
}

/// Opens a sealed bid whole: every chunk authentic, every member canonical, both hashes taken.
///
/// # Errors
/// [`PayloadError`] for the first thing that is wrong.
pub fn check<R: Read + Send + 'static>(
    sealed: R,
    identity: &Identity,
    limits: Limits,
) -> Result<Checked, PayloadError> {
    checked(open_hashed(sealed, identity)?, limits)
}

/// The same on this thread, for a source that is only lent: without the sealed file's hash.
///
/// # Errors
/// As [`check`].
pub fn check_here<R: Read + Send>(
    sealed: R,
    identity: &Identity,
    limits: Limits,
) -> Result<Checked, PayloadError> {
    checked(open(sealed, identity)?, limits)
}

fn checked(opened: Opened<'_>, limits: Limits) -> Result<Checked, PayloadError> {
    let source = Hashed { inner: opened, hasher: Hasher::new() };
    let mut reader = Reader::new(source, BID_JSON, limits);
    let bid_json = first_member(&mut reader)?;
    let mut files = Vec::new();
    while let Some(member) = reader.next_member()? {
        files.push(Listed { name: member.name().to_owned(), size: member.size() });
    }
    let source = reader.into_source();
    let payload_sha256 = source.hasher.finish();
    Ok(Checked { bid_json, files, payload_sha256, sealed: source.inner.finish()? })
}

/// Hashes what is read through it.
struct Hashed<R> {
    inner: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(out)?;
        self.hasher.update(out.get(..got).unwrap_or_default());
        Ok(got)
    }
}
