//! The header profile: what may stand before the ciphertext of a bid or a share, checked at upload
//! without any key (protocol §2, "Header profile").
//!
//! The age format leaves room in which two programs disagree about malformed files: one would open
//! what the other refuses, and a bid's fate would hang on the program used. So only headers on
//! which all agree are let in: exactly one X25519 stanza, first, then nothing but grease. The length
//! must be exactly that of a payload of an allowed size.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

use super::padme::is_padme;

/// The whole header must stand within this many first bytes.
pub const HEADER_LIMIT: usize = 4096;
/// The size of an opened share.
pub const SHARE_SIZE: u64 = 33;

const NONCE: u64 = 16;
const TAG: u64 = 16;
const CHUNK: u64 = 65_536;
/// Unpadded base64 of 32 bytes.
const ARGUMENT: usize = 43;
const FULL_LINE: usize = 64;
/// Strict: no padding, no trailing bits.
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, NO_PAD);

/// A header that fits the profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its length in bytes, the MAC line included.
    pub header_len: usize,
    /// How many grease stanzas follow the one that counts.
    pub grease: usize,
    pub(super) share: String,
    pub(super) body: [u8; 32],
    pub(super) mac: [u8; 32],
    /// The MAC covers this many first bytes: up to and with `---`.
    pub(super) mac_covers: usize,
}

/// What a sealed file holds, which decides the sizes it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadKind {
    /// The bid's tar, of a PADMÉ size.
    Bid,
    /// One Shamir share of 33 bytes.
    Share,
}

/// Why a sealed file does not fit the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// The first line is not `age-encryption.org/v1`.
    #[error("the file does not begin with the line age-encryption.org/v1")]
    Version,
    /// The header does not end within 4 KiB or the file ends within the header.
    #[error("the header does not end within its first 4096 bytes")]
    TooLong,
    /// The first stanza is not X25519 with one argument of 43 characters.
    #[error("the first stanza is not X25519 with one argument of 43 characters")]
    FirstStanza,
    /// The X25519 stanza's body is not 43 characters of canonical base64.
    #[error("the X25519 stanza's body is not 43 characters of canonical base64")]
    Body,
    /// A later stanza that is not grease.
    #[error("a stanza after the first is not grease")]
    Foreign,
    /// A grease stanza that is not well formed.
    #[error("a grease stanza is malformed")]
    Grease,
    /// The MAC line is not `---`, a space and 43 characters of canonical base64.
    #[error("the MAC line is malformed")]
    Mac,
    /// The file's length is not that of any payload of the allowed sizes.
    #[error("the file's length does not fit any allowed payload size")]
    Length,
}

impl ProfileError {
    /// The stable code of this refusal.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Version => "profile-version",
            Self::TooLong => "profile-too-long",
            Self::FirstStanza => "profile-first-stanza",
            Self::Body => "profile-body",
            Self::Foreign => "profile-foreign-stanza",
            Self::Grease => "profile-grease",
            Self::Mac => "profile-mac",
            Self::Length => "profile-length",
        }
    }
}

/// Checks the header at the start of `first`: the file's first 4 KiB, or all of a shorter file.
///
/// # Errors
/// [`ProfileError`] for the first thing that does not fit.
pub fn check_header(first: &[u8]) -> Result<Profile, ProfileError> {
    let within = first.get(..HEADER_LIMIT).unwrap_or(first);
    let mut lines = Lines { rest: within, consumed: 0 };
    // What cannot become the version line is named so, however short the file is.
    if lines.next().map_err(|_| ProfileError::Version)? != b"age-encryption.org/v1" {
        return Err(ProfileError::Version);
    }
    let argument = lines.next()?.strip_prefix(b"-> X25519 ").ok_or(ProfileError::FirstStanza)?;
    decode32(argument).ok_or(ProfileError::FirstStanza)?;
    let share = String::from_utf8(argument.to_vec()).map_err(|_| ProfileError::FirstStanza)?;
    let body = decode32(lines.next()?).ok_or(ProfileError::Body)?;
    let mut grease = 0;
    loop {
        let start = lines.consumed;
        let line = lines.next()?;
        if let Some(arguments) = line.strip_prefix(b"-> ") {
            check_grease(arguments, &mut lines)?;
            grease += 1;
            continue;
        }
        let mac = line.strip_prefix(b"--- ").and_then(decode32).ok_or(ProfileError::Mac)?;
        let header_len = lines.consumed;
        return Ok(Profile { header_len, grease, share, body, mac, mac_covers: start + 3 });
    }
}

/// Checks that a file of `file_len` bytes with a header of `header_len` holds a payload of an
/// allowed size, and gives that size: header + 16 + size + 16·⌈size/65536⌉, to the byte.
///
/// # Errors
/// [`ProfileError::Length`].
pub fn check_length(
    header_len: usize,
    file_len: u64,
    kind: PayloadKind,
) -> Result<u64, ProfileError> {
    let header = u64::try_from(header_len).map_err(|_| ProfileError::Length)?;
    let sealed = file_len.checked_sub(header + NONCE).ok_or(ProfileError::Length)?;
    let chunks = sealed.div_ceil(CHUNK + TAG);
    let size = sealed.checked_sub(chunks * TAG).ok_or(ProfileError::Length)?;
    let allowed = match kind {
        PayloadKind::Bid => size > 0 && is_padme(size),
        PayloadKind::Share => size == SHARE_SIZE,
    };
    // A last chunk of nothing but its tag satisfies the division, not the formula.
    if allowed && sealed_len(header_len, size) == Some(file_len) {
        Ok(size)
    } else {
        Err(ProfileError::Length)
    }
}

/// The length of the file that seals `size` bytes under a header of `header_len` bytes.
#[must_use]
pub fn sealed_len(header_len: usize, size: u64) -> Option<u64> {
    let header = u64::try_from(header_len).ok()?;
    size.div_ceil(CHUNK)
        .checked_mul(TAG)
        .and_then(|tags| size.checked_add(tags))
        .and_then(|sealed| sealed.checked_add(header + NONCE))
}

/// `…-grease`, further arguments, then a body of lines that ends with a short one.
fn check_grease(arguments: &[u8], lines: &mut Lines<'_>) -> Result<(), ProfileError> {
    let mut words = arguments.split(|b| *b == b' ');
    let tag = words.next().unwrap_or_default();
    if !tag.ends_with(b"-grease") {
        return Err(ProfileError::Foreign);
    }
    let printable = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_graphic);
    if !printable(tag) || !words.all(printable) {
        return Err(ProfileError::Grease);
    }
    loop {
        let line = lines.next()?;
        // 64 characters are 48 whole bytes, so each line is canonical by itself.
        if line.len() > FULL_LINE || BASE64.decode(line).is_err() {
            return Err(ProfileError::Grease);
        }
        if line.len() < FULL_LINE {
            return Ok(());
        }
    }
}

fn decode32(text: &[u8]) -> Option<[u8; 32]> {
    if text.len() == ARGUMENT { BASE64.decode(text).ok()?.try_into().ok() } else { None }
}

/// The header's lines, each ended by a line feed.
struct Lines<'a> {
    rest: &'a [u8],
    consumed: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a [u8], ProfileError> {
        let end = self.rest.iter().position(|b| *b == b'\n').ok_or(ProfileError::TooLong)?;
        let (line, rest) = self.rest.split_at_checked(end).ok_or(ProfileError::TooLong)?;
        self.rest = rest.get(1..).unwrap_or_default();
        self.consumed += end + 1;
        Ok(line)
    }
}
