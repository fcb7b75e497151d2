//! Sealing: payload, one-time identity, shares, manifest and the `.bid` file (protocol §2).

use std::io::{BufReader, Seek as _, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::bid::statements::{BidJson, BlobRef, Manifest, Offer};
use crate::bid::{envelope, offer};
use crate::crypto::entropy::Entropy;
use crate::crypto::hash::Hash;
use crate::crypto::json::{self, Texts};
use crate::crypto::key::SigningKey;
use crate::crypto::seal::kept::{WorkFactor, keep};
use crate::crypto::seal::padme::padme;
use crate::crypto::seal::payload::{Attachment, fits, length, seal_bid};
use crate::crypto::seal::{Identity, Sealed, sealed_len};
use crate::crypto::shares::{seal_share, split};
use crate::crypto::statement::Statement;
use crate::enterprise::credentials::enterprise_of;
use crate::error::{Reason, Said};
use crate::ids::BidId;

use super::unit::CheckedUnit;
use crate::cli::failed::Failed;
use crate::cli::output::{Access, NewFile, Progress};

/// Where a bid stands in its bidder's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// One id for all versions.
    pub bid_id: BidId,
    /// From 1.
    pub seq: u32,
    /// The last manifest or withdrawal; none before the first.
    pub prev_sha256: Option<Hash>,
}

/// What is to be sealed.
pub struct Draft<'a> {
    /// For which unit.
    pub unit: &'a CheckedUnit,
    /// Where in the chain.
    pub place: Place,
    /// What is read out.
    pub offer: Offer,
    /// The files beside it.
    pub files: Vec<Attachment>,
}

/// Who seals, and with what.
pub struct Sealer<'a> {
    /// The bidder's key.
    pub key: &'a SigningKey,
    /// Keeps the one-time identity.
    pub passphrase: &'a Zeroizing<String>,
    /// What each guess at it costs.
    pub work: WorkFactor,
    /// Randomness.
    pub entropy: &'a dyn Entropy,
    /// Told of the bytes sealed.
    pub progress: &'a dyn Progress,
}

/// What sealing left.
#[derive(Clone, Debug)]
pub struct Made {
    /// The signed manifest.
    pub manifest: Statement<Manifest>,
    /// `<base>.bid`.
    pub bid: PathBuf,
    /// `<base>.identity.age`.
    pub identity: PathBuf,
}

fn wrong(reason: impl Reason) -> Failed {
    Failed::Sealing(reason.into())
}

/// `<base><ending>`: a base's own dots stay.
pub(super) fn beside(base: &Path, ending: &str) -> PathBuf {
    let mut name = base.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Seals a bid into `<base>.bid` and keeps its one-time identity in `<base>.identity.age`. Neither
/// may exist; on an error neither does.
///
/// # Errors
/// [`Failed`].
pub fn seal(draft: Draft<'_>, sealer: &Sealer<'_>, base: &Path) -> Result<Made, Failed> {
    offer::check(&draft.offer).map_err(wrong)?;
    let (bid, kept) = (beside(base, ".bid"), beside(base, ".identity.age"));
    NewFile::sweep(&bid);
    let mut bid_file = NewFile::create(&bid, Access::Usual)?;
    let mut identity_file = NewFile::create(&kept, Access::Private)?;
    let identity = Identity::generate(sealer.entropy)?;
    let file = keep(&identity, sealer.passphrase, sealer.work).map_err(wrong)?;
    identity_file.writer().write_all(&file).map_err(|e| Failed::file(&kept, &e))?;
    let unit = draft.unit;
    let place = draft.place;
    // The manifest stands first and names the payload's hash: so the payload is sealed aside.
    let mut aside =
        tempfile::tempfile_in(bid.parent().filter(|p| p.is_dir()).unwrap_or(".".as_ref()))
            .map_err(|e| Failed::file(&bid, &e))?;
    let sealed = seal_payload(draft, sealer, &identity, &mut aside)?;
    aside.rewind().map_err(|e| Failed::file(&bid, &e))?;
    let shares = seal_shares(unit, &identity, sealer.entropy)?;
    let manifest = Manifest {
        bid: BlobRef { sha256: sealed.sha256, size: sealed.size },
        bid_id: place.bid_id,
        prev_sha256: place.prev_sha256,
        seal_recipient: identity.recipient().to_string(),
        seq: place.seq,
        shares: shares.iter().map(|share| Hash::of(share)).collect(),
        unit_id: unit.id(),
    };
    let manifest = Statement::signed(manifest, sealer.key).map_err(wrong)?;
    let note = manifest.encode();
    let mut source = BufReader::with_capacity(1 << 17, aside);
    envelope::write(bid_file.writer(), note.as_bytes(), sealed.size, &mut source, &shares)
        .map_err(wrong)?;
    // The identity first: a bid without it could not be opened by its own bidder.
    identity_file.keep()?;
    if let Err(failed) = bid_file.keep() {
        drop(std::fs::remove_file(&kept));
        return Err(failed);
    }
    Ok(Made { manifest, bid, identity: kept })
}

fn seal_payload(
    draft: Draft<'_>,
    sealer: &Sealer<'_>,
    identity: &Identity,
    out: &mut std::fs::File,
) -> Result<Sealed, Failed> {
    let bidder = enterprise_of(sealer.key.verifying().name())
        .ok_or_else(|| wrong(Said::bare("cli-say-why-no-enterprise")))?;
    let bid_json = BidJson {
        bid_id: draft.place.bid_id,
        bidder,
        offer: draft.offer,
        seq: draft.place.seq,
        unit_id: draft.unit.id(),
    };
    let bid_json = Zeroizing::new(json::write(&bid_json, Texts::Plain).map_err(wrong)?);
    fits(bid_json.as_bytes(), &draft.files).map_err(wrong)?;
    let plain = length(bid_json.as_bytes(), &draft.files).map_err(wrong)?;
    let total =
        padme(plain).and_then(sealed_len).ok_or_else(|| wrong(Said::bare("cli-say-why-large")))?;
    let out = Counted { inner: out, done: 0, total, progress: sealer.progress };
    seal_bid(out, &identity.recipient(), sealer.entropy, bid_json.as_bytes(), draft.files)
        .map_err(wrong)
}

fn seal_shares(
    unit: &CheckedUnit,
    identity: &Identity,
    entropy: &dyn Entropy,
) -> Result<Vec<Vec<u8>>, Failed> {
    let n = u8::try_from(unit.recipients().len()).unwrap_or(u8::MAX);
    let shares = split(identity, unit.body().t, n, entropy).map_err(wrong)?;
    let sealed = shares.iter().zip(unit.recipients());
    sealed.map(|(share, to)| seal_share(share, to, entropy).map_err(wrong)).collect()
}

/// Tells of what is written through it.
struct Counted<'a, W> {
    inner: W,
    done: u64,
    total: u64,
    progress: &'a dyn Progress,
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        let added = u64::try_from(written).map_err(std::io::Error::other)?;
        self.done = self.done.saturating_add(added);
        self.progress.at(self.done, self.total);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
