//! Shamir's secret sharing of a one-time identity: t of n over GF(256), field polynomial 0x11b.
//!
//! A share is 33 bytes, y₁…y₃₂‖x, as the npm package `shamir-secret-sharing` lays it out. x is a
//! random value from 1 to 255, all distinct, and never says which custodian holds the share.
//!
//! Invariant: too few or altered shares combine to a *silently wrong* secret, so a combined secret
//! counts only once its recipient equals the manifest's `seal_recipient` ([`recover`]).

use std::convert::Infallible;
use std::fmt;

use rand::rand_core::{TryCryptoRng, TryRng};
use vsss_rs::{Gf256, IdentifierGf256};
use zeroize::{Zeroize, Zeroizing};

use super::entropy::{Entropy, NoEntropy};
use super::hash::Hash;
use super::seal::{
    Identity, OpenError, PayloadKind, ProfileError, Recipient, SealError, check_header,
    check_length, open, seal,
};

/// The secret's length in bytes.
const SECRET: usize = 32;
/// A share's length in bytes.
const SHARE: usize = 33;
/// What a sealed share may be in bytes, at most: a header of 4 KiB and a share.
pub const MAX_SEALED_SHARE: usize = 4096 + 16 + 33 + 16;

/// One share of a one-time identity. Zeroised on drop, never printed.
pub struct Share(Zeroizing<[u8; SHARE]>);

impl Share {
    /// A share from its 33 bytes.
    ///
    /// # Errors
    /// [`ShareError::Length`], or [`ShareError::X`] when x is 0, which would be the secret itself.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, ShareError> {
        let array: [u8; SHARE] = bytes.try_into().map_err(|_| ShareError::Length)?;
        let share = Self(Zeroizing::new(array));
        if share.x() == 0 { Err(ShareError::X) } else { Ok(share) }
    }

    /// The 33 bytes, y₁…y₃₂‖x.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; SHARE] {
        &self.0
    }

    fn x(&self) -> u8 {
        self.0.last().copied().unwrap_or_default()
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Share(…)")
    }
}

/// Why a secret was not divided or not found again.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// Not 2 ≤ t ≤ n ≤ 255.
    #[error("a threshold of {t} of {n} shares is not possible")]
    Threshold {
        /// How many are needed.
        t: u8,
        /// How many there are.
        n: u8,
    },
    /// A share that is not 33 bytes.
    #[error("a share is not 33 bytes")]
    Length,
    /// An x of 0, or two shares with one x.
    #[error("the shares' x coordinates are not distinct values from 1 to 255")]
    X,
    /// Fewer than two shares.
    #[error("too few shares")]
    TooFew,
    /// The combined secret is not the identity of the manifest's recipient.
    #[error("the shares combine to another identity than the bid was sealed to")]
    WrongSecret,
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// Sealing a share failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A share does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A sealed share is not the one that the manifest names.
    #[error("the sealed share is not the one in the manifest")]
    NotTheShare,
}

impl ShareError {
    /// The stable code of this failure.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Threshold { .. } => "share-threshold",
            Self::Length => "share-length",
            Self::X => "share-x",
            Self::TooFew => "share-too-few",
            Self::WrongSecret => "share-wrong-secret",
            Self::Entropy(_) => "share-entropy",
            Self::Seal(_) => "share-seal",
            Self::Open(e) => e.code(),
            Self::NotTheShare => "share-not-in-manifest",
        }
    }
}

/// Divides an identity into `n` shares of which any `t` give it back, and combines once to be sure.
///
/// # Errors
/// [`ShareError`] when t and n do not go together or there is no randomness.
pub fn split(
    identity: &Identity,
    t: u8,
    n: u8,
    entropy: &dyn Entropy,
) -> Result<Vec<Share>, ShareError> {
    if t < 2 || t > n {
        return Err(ShareError::Threshold { t, n });
    }
    // One value of four bytes per coefficient and byte of the secret, drawn before the division
    // begins: the library's generator trait has no way to fail.
    let coefficients = usize::from(t) - 1;
    let mut pool = Pool::draw(coefficients * SECRET * 4, entropy)?;
    let laid_out = Gf256::split_bytes_with_participant_ids_iter(
        usize::from(t),
        usize::from(n),
        identity.secret_bytes(),
        &mut pool,
        coordinates(n, entropy)?,
    )
    .map_err(|_| ShareError::Threshold { t, n })?;
    let shares = laid_out
        .into_iter()
        .map(|mut share| {
            // The library lays x‖y out; ours is y‖x.
            share.rotate_left(1);
            let ours = Share::from_slice(&share);
            share.zeroize();
            ours
        })
        .collect::<Result<Vec<_>, _>>()?;
    if pool.ran_dry {
        return Err(ShareError::Entropy(NoEntropy));
    }
    let some = shares.get(..usize::from(t)).unwrap_or_default();
    recover(some, &identity.recipient())?;
    Ok(shares)
}

/// Combines shares by interpolation at 0. The result is only as right as the shares: see
/// [`recover`].
///
/// # Errors
/// [`ShareError::TooFew`] or [`ShareError::X`].
pub fn combine(shares: &[Share]) -> Result<Identity, ShareError> {
    if shares.len() < 2 {
        return Err(ShareError::TooFew);
    }
    let mut laid_out: Vec<Vec<u8>> = shares
        .iter()
        .map(|share| {
            let mut bytes = share.as_bytes().to_vec();
            bytes.rotate_right(1);
            bytes
        })
        .collect();
    let combined = Gf256::combine_bytes(&laid_out);
    laid_out.zeroize();
    let mut bytes = combined.map_err(|_| ShareError::X)?;
    let mut secret = Zeroizing::new([0; SECRET]);
    for (to, from) in secret.iter_mut().zip(&bytes) {
        *to = *from;
    }
    bytes.zeroize();
    Ok(Identity::from_bytes(secret))
}

/// The identity that the shares combine to, if it is the one that `seal_recipient` belongs to.
///
/// # Errors
/// [`ShareError::WrongSecret`] when it is another, or as in [`combine`].
pub fn recover(shares: &[Share], seal_recipient: &Recipient) -> Result<Identity, ShareError> {
    let identity = combine(shares)?;
    if identity.recipient() == *seal_recipient {
        Ok(identity)
    } else {
        Err(ShareError::WrongSecret)
    }
}

/// `share_i.age`: a share sealed to its custodian.
///
/// # Errors
/// [`ShareError::Seal`].
pub fn seal_share(
    share: &Share,
    custodian: &Recipient,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, ShareError> {
    let mut out = Vec::new();
    seal(&mut out, custodian, entropy, |writer| {
        std::io::Write::write_all(writer, share.as_bytes()).map_err(SealError::from)
    })?;
    Ok(out)
}

/// Opens a sealed share with its custodian's released identity.
///
/// # Errors
/// [`ShareError`]: all but [`ShareError::NotTheShare`] are the dealer's doing, since `sealed` has
/// the hash that the dealer signed.
pub fn open_share(
    sealed: &[u8],
    manifest_sha256: &Hash,
    custodian: &Identity,
) -> Result<Share, ShareError> {
    if Hash::of(sealed) != *manifest_sha256 {
        return Err(ShareError::NotTheShare);
    }
    check_share(sealed).map_err(OpenError::from)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(SHARE));
    std::io::Read::read_to_end(&mut open(sealed, custodian)?, &mut bytes)
        .map_err(OpenError::from_io)?;
    Share::from_slice(&bytes)
}

/// Checks a sealed share without any key: header profile and exact length.
///
/// # Errors
/// [`ProfileError`] for the first thing that does not fit.
pub fn check_share(sealed: &[u8]) -> Result<(), ProfileError> {
    let profile = check_header(sealed)?;
    let length = u64::try_from(sealed.len()).map_err(|_| ProfileError::Length)?;
    check_length(profile.header_len, length, PayloadKind::Share).map(|_| ())
}

/// A bad share, and which of the manifest's it is.
#[derive(Debug, thiserror::Error)]
#[error("share {index}: {cause}")]
pub struct BadShare {
    /// Its place in the manifest's `shares`, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub cause: ShareError,
}

/// One release put to use: the share file it opens, the hash the manifest has for it, the identity.
pub struct Release<'a> {
    /// The place in the order of `recipients`, from 0.
    pub index: usize,
    /// The bytes of `share<index+1>.age`.
    pub sealed: &'a [u8],
    /// The manifest's SHA-256 for it.
    pub sha256: &'a Hash,
    /// The custodian's identity for the unit, already checked against its recipient.
    pub identity: &'a Identity,
}

/// Opens the shares of the given releases, in their order; the first bad one decides.
///
/// # Errors
/// [`BadShare`].
pub fn open_shares(releases: &[Release<'_>]) -> Result<Vec<Share>, BadShare> {
    releases
        .iter()
        .map(|release| {
            open_share(release.sealed, release.sha256, release.identity)
                .map_err(|cause| BadShare { index: release.index, cause })
        })
        .collect()
}

/// `n` distinct values from 1 to 255 in random order: the head of a Fisher–Yates shuffle whose
/// draws are rejected until uniform.
fn coordinates(n: u8, entropy: &dyn Entropy) -> Result<Vec<IdentifierGf256>, NoEntropy> {
    let mut left: Vec<u8> = (1..=u8::MAX).collect();
    let mut chosen = Vec::with_capacity(usize::from(n));
    while chosen.len() < usize::from(n) {
        let count = left.len();
        let [byte] = super::entropy::array(entropy)?;
        let draw = usize::from(byte);
        // 256 is not a multiple of most counts: the tail would favour small values.
        if draw < 256 - 256 % count {
            chosen.push(IdentifierGf256(Gf256(left.swap_remove(draw % count))));
        }
    }
    Ok(chosen)
}

/// Random bytes drawn in advance. If it ever ran dry it would say so, and the division is thrown
/// away.
struct Pool {
    bytes: Zeroizing<Vec<u8>>,
    ran_dry: bool,
}

impl Pool {
    fn draw(count: usize, entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        let mut bytes = Zeroizing::new(vec![0; count]);
        entropy.fill(&mut bytes)?;
        Ok(Self { bytes, ran_dry: false })
    }
}

impl TryRng for Pool {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut out = [0; 4];
        self.try_fill_bytes(&mut out)?;
        Ok(u32::from_le_bytes(out))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut out = [0; 8];
        self.try_fill_bytes(&mut out)?;
        Ok(u64::from_le_bytes(out))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for to in out {
            match self.bytes.pop() {
                Some(byte) => *to = byte,
                None => self.ran_dry = true,
            }
        }
        Ok(())
    }
}

impl TryCryptoRng for Pool {}
