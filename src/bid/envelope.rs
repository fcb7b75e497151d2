//! The `.bid` file: canonical tar of `manifest.note`, `bid.age`, `share1.age`, `share2.age`, …: one
//! file for any channel (portal, custodian, disk).
//!
//! Invariant: reading one proves its form, the header profile of everything sealed in it and every
//! size; nothing of it is trusted before the manifest's signature and hashes are checked, which is
//! the caller's part. `bid.age` is never in memory as a whole.

use std::io::{self, Cursor, Read, Write};

use crate::crypto::hash::{Hash, Hasher};
use crate::crypto::seal::profile::HEADER_LIMIT;
use crate::crypto::seal::{PayloadKind, ProfileError, Sealed, check_header, check_length};
use crate::crypto::shares::{MAX_SEALED_SHARE, check_share};
use crate::crypto::tar::{self, Limits, TarError, Writer};
use crate::ids::EnterpriseId;

/// The member that comes first.
pub const MANIFEST: &str = "manifest.note";
/// The sealed payload.
pub const BID: &str = "bid.age";
/// The largest manifest with its signatures, in bytes.
pub const MAX_MANIFEST: u64 = 64 * 1024;
/// Fewest and most custodians of a unit, and so shares (protocol §0).
pub const SHARES: std::ops::RangeInclusive<usize> = 4..=7;

/// Why a `.bid` file was refused or not written.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// The container is not canonical, or could not be read or written.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// Something sealed in it does not fit the header profile.
    #[error("{member}: {cause}")]
    Profile {
        /// The member's name.
        member: String,
        /// What does not fit.
        cause: ProfileError,
    },
    /// A member is missing, or one is there that does not belong.
    #[error("the file does not hold exactly manifest.note, bid.age and share1.age to share{0}.age")]
    Members(usize),
}

impl EnvelopeError {
    /// The stable code of this refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Tar(e) => e.code(),
            Self::Profile { cause, .. } => cause.code(),
            Self::Members(_) => "envelope-members",
        }
    }
}

/// The name of the share for the `index`-th custodian of the unit, from 0.
#[must_use]
pub fn share_name(index: usize) -> String {
    format!("share{}.age", index + 1)
}

/// Writes a `.bid` file: the manifest with its signature, the sealed payload of `sealed_size`
/// bytes, and the sealed shares in the order of the unit's recipients. Gives the target back.
///
/// # Errors
/// [`EnvelopeError`]; the target then holds nothing of use.
pub fn write<W: Write>(
    out: W,
    manifest_note: &[u8],
    sealed_size: u64,
    sealed: &mut dyn Read,
    shares: &[Vec<u8>],
) -> Result<W, EnvelopeError> {
    if !SHARES.contains(&shares.len()) {
        return Err(EnvelopeError::Members(shares.len()));
    }
    let mut writer = Writer::new(out, MANIFEST);
    writer.member(MANIFEST, len(manifest_note)?, &mut Cursor::new(manifest_note))?;
    writer.member(BID, sealed_size, sealed)?;
    for (index, share) in shares.iter().enumerate() {
        writer.member(&share_name(index), len(share)?, &mut Cursor::new(share))?;
    }
    Ok(writer.finish()?.0)
}

/// What names an accepted envelope: its bidder and its manifest's text, for two bidders may sign one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EnvelopeId {
    /// Who signed it.
    pub bidder: EnterpriseId,
    /// Of the manifest's text.
    pub manifest_sha256: Hash,
}

/// What a `.bid` file held, `bid.age` aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The manifest as it was signed.
    pub manifest_note: Vec<u8>,
    /// Hash and length of `bid.age`.
    pub bid: Sealed,
    /// The sealed shares, in order.
    pub shares: Vec<Vec<u8>>,
}

impl Envelope {
    /// The SHA-256 of every sealed share, in order: what the manifest's `shares` must say.
    #[must_use]
    pub fn share_hashes(&self) -> Vec<Hash> {
        self.shares.iter().map(|share| Hash::of(share)).collect()
    }
}

/// Reads a `.bid` file to its proven end, streaming `bid.age` into `bid_out`. `max_bid` bounds
/// `bid.age` in bytes.
///
/// # Errors
/// [`EnvelopeError`]; what went into `bid_out` must then be thrown away.
pub fn read<R: Read>(
    source: R,
    max_bid: u64,
    bid_out: &mut dyn Write,
) -> Result<Envelope, EnvelopeError> {
    let mut reader = tar::Reader::new(source, MANIFEST, limits(max_bid));
    let manifest_note =
        reader.next_member()?.ok_or(EnvelopeError::Members(0))?.read_all(MAX_MANIFEST)?;
    let mut body = reader.next_member()?.ok_or(EnvelopeError::Members(0))?;
    if body.name() != BID {
        return Err(EnvelopeError::Members(0));
    }
    let size = body.size();
    if size > max_bid {
        return Err(TarError::TooLarge { declared: size, limit: max_bid }.into());
    }
    let sha256 = copy_bid(&mut body, size, bid_out)?;
    let mut shares = Vec::new();
    while let Some(member) = reader.next_member()? {
        let name = share_name(shares.len());
        if member.name() != name || shares.len() >= *SHARES.end() {
            return Err(EnvelopeError::Members(shares.len()));
        }
        let share = member.read_all(len_limit())?;
        check_share(&share).map_err(|cause| EnvelopeError::Profile { member: name, cause })?;
        shares.push(share);
    }
    if !SHARES.contains(&shares.len()) {
        return Err(EnvelopeError::Members(shares.len()));
    }
    Ok(Envelope { manifest_note, bid: Sealed { sha256, size }, shares })
}

/// Copies `bid.age`, hashing it and checking header and length before the first byte leaves.
fn copy_bid(body: &mut dyn Read, size: u64, out: &mut dyn Write) -> Result<Hash, EnvelopeError> {
    let mut first = Vec::with_capacity(HEADER_LIMIT);
    let limit = u64::try_from(HEADER_LIMIT).map_err(|_| TarError::Length)?;
    body.take(limit).read_to_end(&mut first).map_err(TarError::from)?;
    check_header(&first)
        .and_then(|profile| check_length(profile.header_len, size, PayloadKind::Bid))
        .map_err(|cause| EnvelopeError::Profile { member: BID.to_owned(), cause })?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 128 * 1024];
    hasher.update(&first);
    out.write_all(&first).map_err(TarError::Io)?;
    loop {
        let got = match body.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(got) => got,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(TarError::from(e).into()),
        };
        let part = buffer.get(..got).unwrap_or_default();
        hasher.update(part);
        out.write_all(part).map_err(TarError::Io)?;
    }
}

/// Sealed shares as one column holds them: each after its length in four bytes, big-endian.
#[must_use]
pub fn pack_shares(shares: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for share in shares {
        // Shares are below a few hundred bytes: `check_share` saw to it.
        out.extend(u32::try_from(share.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(share);
    }
    out
}

/// What [`pack_shares`] put together; `None` for anything else.
#[must_use]
pub fn unpack_shares(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut shares = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (share, rest) = rest.split_at_checked(length)?;
        shares.push(share.to_vec());
        bytes = rest;
    }
    Some(shares)
}

fn limits(max_bid: u64) -> Limits {
    let shares = u32::try_from(*SHARES.end()).unwrap_or(u32::MAX);
    let total = max_bid
        .saturating_add(MAX_MANIFEST)
        .saturating_add(len_limit().saturating_mul(u64::from(shares)));
    Limits { members: shares + 2, member_size: max_bid.max(MAX_MANIFEST), total }
}

fn len_limit() -> u64 {
    u64::try_from(MAX_SEALED_SHARE).unwrap_or(u64::MAX)
}

fn len(bytes: &[u8]) -> Result<u64, TarError> {
    u64::try_from(bytes.len()).map_err(|_| TarError::Length)
}
