//! Which bids are accepted: pure decisions on a unit's terms, a bidder's chain and one statement.
//!
//! Invariant: one chain per bidder and unit. Each accepted statement names the one before it by
//! hash and carries the next seq, so nothing can be replayed, reordered or slipped in; and it is
//! signed by the key of the one before it or by one that this handed over to, so nobody else can go
//! on with a chain, the operator that vouches for keys neither.

use crate::clock::{Time, is_closed};
use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::labels;
use crate::crypto::note::NoteError;
use crate::crypto::statement::{Body, Statement};
use crate::ids::{BidId, UnitId};

use super::statements::{Fault, Manifest, Withdrawal};

/// What a submission needs to know of its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitTerms {
    /// Its id.
    pub unit_id: UnitId,
    /// The deadline in force, after effective amendments.
    pub deadline: Time,
    /// Number of custodians, hence of shares.
    pub n: usize,
    /// Whether statements can arrive at all.
    pub intake: Intake,
}

/// Whether a unit takes bids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// Effective and not closed by anything but its deadline.
    Open,
    /// Not yet signed by all, or void.
    Shut,
}

/// The last accepted statement of a bidder in a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainHead {
    /// The bid's id, the same for all versions.
    pub bid_id: BidId,
    /// Its seq.
    pub seq: u32,
    /// SHA-256 of its text.
    pub sha256: Hash,
    /// What it was.
    pub kind: ChainKind,
    /// Who signed it: what follows must reach back to this key.
    pub key: VerifyingKey,
}

/// What the last statement of a chain was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainKind {
    /// A manifest: the bid is live.
    Manifest,
    /// A withdrawal: there is no live bid.
    Withdrawal,
}

/// What took the place of an accepted statement, if its bidder's chain went on: the kind of the
/// statement where the chain stands now.
#[must_use]
pub fn superseded(head: Option<&ChainHead>, sha256: &Hash) -> Option<ChainKind> {
    head.filter(|head| head.sha256 != *sha256).map(|head| head.kind)
}

/// Why a well-formed statement is refused. Each has a stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// At or after the deadline, even by one millisecond.
    #[error("it arrived at or after the deadline")]
    Late,
    /// The unit takes no bids.
    #[error("this unit takes no bids now")]
    NotOpen,
    /// For another unit than the one addressed.
    #[error("it is for another unit")]
    WrongUnit,
    /// Its signature does not verify under the bidder's key.
    #[error("its signature is missing or wrong")]
    Signature,
    /// Its key did not sign the statement before it, nor took over from the key that did.
    #[error("its key is neither that of the statement before it nor one that this handed over to")]
    OtherKey,
    /// Not one share per custodian.
    #[error("it has not exactly one share per custodian")]
    ShareCount,
    /// Another bid id than in the versions before.
    #[error("its bid id differs from the version before")]
    BidId,
    /// Exactly this statement was accepted before.
    #[error("this very statement was accepted before")]
    Replayed,
    /// Another statement with this seq was accepted before.
    #[error("another statement with this seq was accepted before")]
    SeqTaken,
    /// A seq below or beyond the next.
    #[error("its seq is not the next one")]
    SeqNotNext,
    /// It does not name the statement before it.
    #[error("it does not name the statement before it")]
    WrongPrev,
    /// It withdraws what is not the live bid.
    #[error("there is no such live bid to withdraw")]
    NothingToWithdraw,
    /// The platform could not decide in time.
    #[error("the platform did not decide it in time")]
    Undecided,
    /// The sealed shares are not those that the manifest names.
    #[error("the sealed shares differ from the manifest")]
    Shares,
    /// A sealed share does not fit the header profile.
    #[error("a sealed share is not sealed as it must be")]
    ShareProfile,
    /// There is no complete upload of the bidder with the manifest's hash and size.
    #[error("the envelope was not uploaded, or differs from the manifest")]
    Envelope,
    /// The envelope was uploaded whole, and the platform has it no more.
    #[error("the platform lost the envelope that was uploaded")]
    EnvelopeLost,
}

impl Refused {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::NotOpen => "not-open",
            Self::WrongUnit => "wrong-unit",
            Self::Signature => "signature",
            Self::OtherKey => "other-key",
            Self::ShareCount => "share-count",
            Self::BidId => "bid-id",
            Self::Replayed => "replayed",
            Self::SeqTaken => "seq-taken",
            Self::SeqNotNext => "seq-not-next",
            Self::WrongPrev => "wrong-prev",
            Self::NothingToWithdraw => "nothing-to-withdraw",
            Self::Undecided => "undecided",
            Self::Shares => "shares",
            Self::ShareProfile => "share-profile",
            Self::Envelope => "envelope",
            Self::EnvelopeLost => "envelope-lost",
        }
    }

    /// Whether a recorded code says for good that the statement does not count. It does not when the
    /// same statement may still be accepted: sent again with what was missing, or handed to a
    /// custodian in time.
    #[must_use]
    pub fn is_for_good(code: &str) -> bool {
        let again = [
            Self::Late,
            Self::Undecided,
            Self::Shares,
            Self::ShareProfile,
            Self::Envelope,
            Self::EnvelopeLost,
        ];
        !again.iter().any(|refused| refused.code() == code)
    }

    /// The refusal of that code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        let all = [
            Self::Late,
            Self::NotOpen,
            Self::WrongUnit,
            Self::Signature,
            Self::OtherKey,
            Self::ShareCount,
            Self::BidId,
            Self::Replayed,
            Self::SeqTaken,
            Self::SeqNotNext,
            Self::WrongPrev,
            Self::NothingToWithdraw,
            Self::Shares,
            Self::ShareProfile,
            Self::Envelope,
            Self::EnvelopeLost,
            Self::Undecided,
        ];
        all.into_iter().find(|refused| refused.code() == code)
    }

    /// Who answers for it.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::Undecided | Self::EnvelopeLost => Fault::Platform,
            _ => Fault::Bidder,
        }
    }

    /// Whether the refusal is entered in the record: only what its bidder truly signed is.
    #[must_use]
    pub const fn is_recorded(self) -> bool {
        !matches!(self, Self::Signature | Self::WrongUnit | Self::Replayed)
    }
}

impl From<NoteError> for Refused {
    fn from(_: NoteError) -> Self {
        Self::Signature
    }
}

/// Decides on a manifest. `line` holds the bidder's keys as
/// [`Credential::line`](crate::enterprise::credentials::Credential::line) gives them: the last is in
/// force at `arrived_at`.
///
/// # Errors
/// [`Refused`], the signature first: only its true signer learns more.
pub fn accept(
    unit: &UnitTerms,
    head: Option<&ChainHead>,
    manifest: &Statement<Manifest>,
    line: &[VerifyingKey],
    arrived_at: Time,
) -> Result<(), Refused> {
    check_signature(manifest, line.last().ok_or(Refused::Signature)?)?;
    decide(unit, head, manifest, line, arrived_at)
}

/// Demands the bidder's signature and no other: the part of a decision that costs time and depends
/// on nothing that could change meanwhile.
///
/// # Errors
/// [`Refused::Signature`].
pub fn check_signature<B: Body>(
    statement: &Statement<B>,
    key: &VerifyingKey,
) -> Result<(), Refused> {
    statement.note().require(key)?;
    Ok(statement.note().only_by(std::slice::from_ref(key))?)
}

/// Decides on a manifest whose signature was checked.
///
/// # Errors
/// [`Refused`].
pub fn decide(
    unit: &UnitTerms,
    head: Option<&ChainHead>,
    manifest: &Statement<Manifest>,
    line: &[VerifyingKey],
    arrived_at: Time,
) -> Result<(), Refused> {
    let body = manifest.body();
    if body.shares.len() != unit.n {
        return Err(Refused::ShareCount);
    }
    if head.is_some_and(|head| head.bid_id != body.bid_id) {
        return Err(Refused::BidId);
    }
    let place = Place { unit_id: body.unit_id, seq: body.seq, sha256: manifest.sha256(), line };
    check_place(unit, head, &place, arrived_at)?;
    if head.map(|head| head.sha256) != body.prev_sha256 {
        return Err(Refused::WrongPrev);
    }
    Ok(())
}

/// Decides on a withdrawal.
///
/// # Errors
/// [`Refused`], the signature first.
pub fn withdraw(
    unit: &UnitTerms,
    head: Option<&ChainHead>,
    withdrawal: &Statement<Withdrawal>,
    line: &[VerifyingKey],
    arrived_at: Time,
) -> Result<(), Refused> {
    check_signature(withdrawal, line.last().ok_or(Refused::Signature)?)?;
    decide_withdrawal(unit, head, withdrawal, line, arrived_at)
}

/// Decides on a withdrawal whose signature was checked.
///
/// # Errors
/// [`Refused`].
pub fn decide_withdrawal(
    unit: &UnitTerms,
    head: Option<&ChainHead>,
    withdrawal: &Statement<Withdrawal>,
    line: &[VerifyingKey],
    arrived_at: Time,
) -> Result<(), Refused> {
    let body = withdrawal.body();
    let place = Place { unit_id: body.unit_id, seq: body.seq, sha256: withdrawal.sha256(), line };
    check_place(unit, head, &place, arrived_at)?;
    let live = head.filter(|head| head.kind == ChainKind::Manifest).map(|head| head.sha256);
    if live == Some(body.manifest_sha256) { Ok(()) } else { Err(Refused::NothingToWithdraw) }
}

/// A statement of a bidder that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stood {
    /// Its seq.
    pub seq: u32,
    /// SHA-256 of its text.
    pub sha256: Hash,
    /// Its bid's id; a withdrawal has none.
    pub bid_id: Option<BidId>,
}

impl Stood {
    /// Of an accepted manifest.
    #[must_use]
    pub fn manifest(manifest: &Statement<Manifest>) -> Self {
        let body = manifest.body();
        Self { seq: body.seq, sha256: manifest.sha256(), bid_id: Some(body.bid_id) }
    }

    /// Of an accepted withdrawal.
    #[must_use]
    pub fn withdrawal(withdrawal: &Statement<Withdrawal>) -> Self {
        Self { seq: withdrawal.body().seq, sha256: withdrawal.sha256(), bid_id: None }
    }

    /// Whether a manifest goes on from this statement.
    #[must_use]
    pub fn is_before(&self, manifest: &Manifest) -> bool {
        manifest.prev_sha256 == Some(self.sha256)
            && self.seq.checked_add(1) == Some(manifest.seq)
            && self.bid_id.is_none_or(|bid_id| bid_id == manifest.bid_id)
    }

    /// Whether a manifest of the same bidder could not be accepted because this statement was: it
    /// stands in its place or beyond, in the place before it without being named, or under
    /// another id.
    #[must_use]
    pub fn is_against(&self, manifest: &Statement<Manifest>) -> bool {
        let body = manifest.body();
        let is_other_before =
            self.seq.checked_add(1) == Some(body.seq) && body.prev_sha256 != Some(self.sha256);
        self.sha256 != manifest.sha256()
            && (self.seq >= body.seq
                || is_other_before
                || self.bid_id.is_some_and(|bid_id| bid_id != body.bid_id))
    }
}

/// Where a statement claims to stand, and the keys that its own reaches back to.
struct Place<'a> {
    unit_id: UnitId,
    seq: u32,
    sha256: Hash,
    line: &'a [VerifyingKey],
}

fn check_place(
    unit: &UnitTerms,
    head: Option<&ChainHead>,
    place: &Place<'_>,
    arrived_at: Time,
) -> Result<(), Refused> {
    if place.unit_id != unit.unit_id {
        return Err(Refused::WrongUnit);
    }
    // A repeat of what was acknowledged is answered as such at any hour: its sender lost the reply.
    if head.is_some_and(|head| head.sha256 == place.sha256) {
        return Err(Refused::Replayed);
    }
    if head.is_some_and(|head| !place.line.contains(&head.key)) {
        return Err(Refused::OtherKey);
    }
    if unit.intake == Intake::Shut {
        return Err(Refused::NotOpen);
    }
    if is_closed(arrived_at, unit.deadline) {
        return Err(Refused::Late);
    }
    let last = head.map_or(0, |head| head.seq);
    if place.seq == last {
        return Err(Refused::SeqTaken);
    }
    if last.checked_add(1) == Some(place.seq) { Ok(()) } else { Err(Refused::SeqNotNext) }
}

/// The close's line of a bid: tells its bidder that it is in, and nobody else anything.
#[must_use]
pub fn line(salt: &[u8; 32], manifest_sha256: &Hash) -> Hash {
    Hash::of_parts(&[labels::LINE.as_bytes(), salt, manifest_sha256.as_bytes()])
}
