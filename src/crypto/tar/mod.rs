//! Canonical tar (protocol §5.8): one byte string for one list of files.
//!
//! ustar with mode 0644, ids and mtime 0; a pax header only for names over 100 bytes; flat names in
//! NFC; one named member first, the others in byte order; two zero blocks, then zeros to the PADMÉ
//! size. Payloads, `.bid` files and case files are all of this form, and stock `tar x` reads them.
//!
//! Invariant: the reader accepts exactly what the writer writes, so no two readers can see
//! different files in the same bytes. Deliberately absent: folders, links, devices, sparse files,
//! times and owners.

mod header;
mod reader;
mod writer;

use std::io;

use unicode_normalization::is_nfc;

use super::json::is_deceptive;

pub use reader::{FoundMember, Member, Reader};
pub use writer::{Writer, length};

/// The unit of a tar file, in bytes.
pub const BLOCK: u64 = 512;
/// The longest name, in bytes: what common file systems can store.
pub const MAX_NAME: usize = 255;
/// The largest member, in bytes: eleven octal digits.
pub const MAX_SIZE: u64 = 0o77_777_777_777;

/// What a reader lets through before it stops: the defence against bombs. The declared sizes are
/// checked before a byte of a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Members at most.
    pub members: u32,
    /// Bytes of one member at most.
    pub member_size: u64,
    /// Bytes of all members together at most.
    pub total: u64,
}

/// What is wrong with a member's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// No name at all.
    #[error("it is empty")]
    Empty,
    /// Over [`MAX_NAME`] bytes.
    #[error("it is longer than 255 bytes")]
    Long,
    /// Bytes that are not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// `.` or `..`, or a `/` or `\`: names are flat, so nothing can be written elsewhere.
    #[error("it names a folder or climbs out of one")]
    Path,
    /// A control, bidirectional or line-separating character, which shows another name than it is.
    #[error("it has a control or bidirectional character")]
    Hidden,
    /// Not in Unicode normal form C, so two spellings would look the same.
    #[error("it is not in Unicode normal form C")]
    NotNfc,
}

/// Why a tar file was refused or could not be written.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The source or the target failed; [`io::Error::get_ref`] holds the cause when the source was
    /// itself a decoder.
    #[error("the file could not be read or written: {0}")]
    Io(#[source] io::Error),
    /// The bytes end too early.
    #[error("the file ends in the middle")]
    Truncated,
    /// A name that is not allowed.
    #[error("the name {name:?} is refused: {why}")]
    Name {
        /// The name, with everything unprintable escaped.
        name: String,
        /// What is wrong with it.
        why: BadName,
    },
    /// A symbolic or hard link.
    #[error("links are refused")]
    Link,
    /// A folder.
    #[error("folders are refused")]
    Folder,
    /// Any other type of member.
    #[error("a member of type {0:#04x} is refused")]
    Kind(u8),
    /// The first member is not the one that must come first.
    #[error("the first member must be {0}")]
    First(String),
    /// A name that does not come after the one before it.
    #[error("{0:?} is out of order or there twice")]
    Order(String),
    /// More members than the limit.
    #[error("more than {0} members")]
    TooMany(u32),
    /// A declared size over a limit.
    #[error("a declared size of {declared} bytes is over the limit of {limit}")]
    TooLarge {
        /// The size that the header states, or the sum so far.
        declared: u64,
        /// The limit it breaks.
        limit: u64,
    },
    /// A header that says the same in other bytes than the canonical ones.
    #[error("a header is not in the canonical form")]
    Header,
    /// Something other than zeros where zeros must stand.
    #[error("the padding is not zero")]
    Padding,
    /// A whole that has not its PADMÉ size.
    #[error("the length is not the PADMÉ size of the contents")]
    Length,
    /// The body given to the writer had another size than was stated.
    #[error("{0:?} has another size than was stated; it changed while it was read")]
    SizeChanged(String),
}

impl TarError {
    /// The stable code of this refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "tar-io",
            Self::Truncated => "tar-truncated",
            Self::Name { .. } => "tar-name",
            Self::Link => "tar-link",
            Self::Folder => "tar-folder",
            Self::Kind(_) => "tar-kind",
            Self::First(_) => "tar-first",
            Self::Order(_) => "tar-order",
            Self::TooMany(_) => "tar-too-many",
            Self::TooLarge { .. } => "tar-too-large",
            Self::Header => "tar-header",
            Self::Padding => "tar-padding",
            Self::Length => "tar-length",
            Self::SizeChanged(_) => "tar-size-changed",
        }
    }
}

impl From<io::Error> for TarError {
    fn from(error: io::Error) -> Self {
        // A decoder's own "truncated" carries its cause and stays an Io.
        if error.kind() == io::ErrorKind::UnexpectedEof && error.get_ref().is_none() {
            Self::Truncated
        } else {
            Self::Io(error)
        }
    }
}

/// Whether `name` may be a member's name.
///
/// # Errors
/// [`BadName`] with the reason.
pub fn check_name(name: &str) -> Result<(), BadName> {
    if name.is_empty() {
        return Err(BadName::Empty);
    }
    if name.len() > MAX_NAME {
        return Err(BadName::Long);
    }
    if name == "." || name == ".." || name.contains(['/', '\\']) {
        return Err(BadName::Path);
    }
    if name.chars().any(is_deceptive) {
        return Err(BadName::Hidden);
    }
    if is_nfc(name) { Ok(()) } else { Err(BadName::NotNfc) }
}

fn checked_name(name: &str) -> Result<(), TarError> {
    check_name(name).map_err(|why| TarError::Name { name: name.escape_debug().to_string(), why })
}

/// The rule of order, shared by writer and reader: `first` leads, the rest ascend in bytes.
fn check_order(first: &str, before: Option<&str>, name: &str) -> Result<(), TarError> {
    match before {
        None if name == first => Ok(()),
        None => Err(TarError::First(first.to_owned())),
        Some(before) if name != first && (before == first || before < name) => Ok(()),
        Some(_) => Err(TarError::Order(name.escape_debug().to_string())),
    }
}

/// The zeros that fill a body of `size` bytes up to whole blocks.
const fn fill_of(size: u64) -> u64 {
    (BLOCK - size % BLOCK) % BLOCK
}
