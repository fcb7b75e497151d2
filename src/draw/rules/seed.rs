//! From sealed contributions to the seed: who counts, what voids a draw, who is barred from the next.
//!
//! Invariant: a value counts when its envelope opened under the draw's own unit, and then it counts
//! whatever it is. Silence changes nothing that the silent one could know: contributions are opened all
//! together, long after the last one is sealed. One that does not open voids the draw instead of being
//! left out, or its sealer could choose between two seeds after having seen the others' values.

use crate::bid::statements::{Fault, Manifest};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::labels;
use crate::custodian::roster::Roster;
use crate::draw::statements::{Contribution, ContributionFault, Contributor, Draw, VoidedBy};

/// The seed of a draw. The values stand in the order of the draw's contributors; which of them are
/// there is fixed by the close, and whether a beacon's value follows by the draw.
#[must_use]
pub fn seed(
    draw_sha256: &Hash,
    close_sha256: &Hash,
    values: &[Hash],
    beacon: Option<&Hash>,
) -> Hash {
    let mut parts: Vec<&[u8]> =
        vec![labels::DRAW_SEED.as_bytes(), draw_sha256.as_bytes(), close_sha256.as_bytes()];
    parts.extend(values.iter().map(|value| value.as_bytes().as_slice()));
    parts.extend(beacon.map(|value| value.as_bytes().as_slice()));
    Hash::of_parts(&parts)
}

/// The key that a contributor signs its manifest with: a custodian's statement key, the procuring
/// entity's key in force, the platform's. Nothing for whoever has no part in this roster.
#[must_use]
pub fn key_of<'a>(
    contributor: &Contributor,
    roster: &'a Roster,
    procuring_entity: &'a VerifyingKey,
) -> Option<&'a VerifyingKey> {
    match contributor {
        Contributor::Custodian(id) => roster.member(id).map(|member| &member.statement_key),
        Contributor::ProcuringEntity(_) => Some(procuring_entity),
        Contributor::Platform => Some(&roster.platform_key),
    }
}

/// What decrypting one line of the close brought to light.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decrypted {
    /// It decrypts to a contribution, whosever.
    Contribution(Contribution),
    /// It does not, or cannot.
    Not(ContributionFault),
}

/// The value of a contribution, if it is its signer's for this draw.
///
/// # Errors
/// [`ContributionFault`]: whose envelope it is, or what it is bound to instead.
pub fn value_of(
    draw_sha256: &Hash,
    manifest: &Manifest,
    signer: &Contributor,
    decrypted: Decrypted,
) -> Result<Hash, ContributionFault> {
    let contribution = match decrypted {
        Decrypted::Contribution(contribution) => contribution,
        Decrypted::Not(fault) => return Err(fault),
    };
    if contribution.contributor != *signer {
        return Err(ContributionFault::Copied { author: contribution.contributor });
    }
    let bound = contribution.draw_sha256 == *draw_sha256
        && contribution.unit_id == manifest.unit_id
        && contribution.bid_id == manifest.bid_id
        && contribution.seq == manifest.seq;
    if bound { Ok(contribution.value) } else { Err(ContributionFault::WrongBinding) }
}

/// One line of the close, as it opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Who signed its manifest.
    pub contributor: Contributor,
    /// The manifest's.
    pub seq: u32,
    /// Its value, or why it has none.
    pub value: Result<Hash, ContributionFault>,
}

/// What the lines of a close make of a draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The values that the seed takes, in the order of the draw's contributors.
    Drawn(Vec<(Contributor, Hash)>),
    /// These lines count for nothing, by their place in the close: the draw is void.
    Unopened(Vec<(usize, ContributionFault)>),
    /// The platform cannot read these lines, by their place in the close: nothing is drawn until their
    /// contributors have brought them again, or it would be drawn anew whenever a platform that has seen
    /// the seed loses something.
    Missing(Vec<usize>),
    /// Only these contributed, fewer than t custodians among them: the draw is void.
    FewCustodians(Vec<Contributor>),
}

/// What becomes of lines that the platform lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Their contributors may still bring them again.
    Awaited,
    /// Nobody did, for [`LOST_MS`].
    GivenUp,
}

/// So long a lost contribution is waited for, in milliseconds.
pub const LOST_MS: i64 = 86_400_000;

impl Lost {
    /// A day after the first of them was named as missing they are given up.
    #[must_use]
    pub fn since(missing_from: Time, now: Time) -> Self {
        if now.since(missing_from) < LOST_MS { Self::Awaited } else { Self::GivenUp }
    }
}

/// Judges every line of the close. Contributors without a line are absent, and named by being so.
#[must_use]
pub fn settle(draw: &Draw, lines: &[Line], t: usize, lost: Lost) -> Settled {
    let fault = |(at, line)| line_fault(draw, lines, line).map(|fault| (at, fault));
    let unopened: Vec<(usize, ContributionFault)> =
        lines.iter().enumerate().filter_map(fault).collect();
    let only_lost = unopened.iter().all(|(_, fault)| *fault == ContributionFault::Lost);
    if !unopened.is_empty() && only_lost && lost == Lost::Awaited {
        return Settled::Missing(unopened.into_iter().map(|(at, _)| at).collect());
    }
    if !unopened.is_empty() {
        return Settled::Unopened(unopened);
    }
    let value_of = |contributor: &Contributor| {
        let line = lines.iter().find(|line| line.contributor == *contributor)?;
        line.value.as_ref().ok().map(|value| (contributor.clone(), *value))
    };
    let present: Vec<(Contributor, Hash)> = draw.contributors.iter().filter_map(value_of).collect();
    if present.iter().filter(|(contributor, _)| contributor.is_custodian()).count() < t {
        return Settled::FewCustodians(present.into_iter().map(|(who, _)| who).collect());
    }
    Settled::Drawn(present)
}

/// What is wrong with a line: by itself, or beside the others.
fn line_fault(draw: &Draw, lines: &[Line], line: &Line) -> Option<ContributionFault> {
    if !draw.contributors.contains(&line.contributor) {
        return Some(ContributionFault::Stranger);
    }
    let rivals = || {
        let others = lines.iter().filter(|other| other.contributor == line.contributor);
        others.filter(|other| !std::ptr::eq(*other, line))
    };
    if rivals().any(|other| other.seq == line.seq) {
        return Some(ContributionFault::Doubled);
    }
    if rivals().any(|other| other.seq > line.seq) {
        return Some(ContributionFault::Superseded);
    }
    line.value.as_ref().err().cloned()
}

/// Who takes no part in the draws that follow a void: whoever sealed what does not open, and the platform
/// where it is the platform's fault. A custodian whose envelope the platform lost stays: or an operator
/// could thin out the independent ones.
#[must_use]
pub fn barred(by: &VoidedBy) -> Vec<Contributor> {
    let VoidedBy::Unopened { lines, .. } = by else { return Vec::new() };
    let at_fault = lines.iter().map(|line| match line.fault.fault() {
        Fault::Bidder => line.contributor.clone(),
        Fault::Platform => Contributor::Platform,
    });
    let mut barred: Vec<Contributor> = at_fault.collect();
    barred.sort_unstable();
    barred.dedup();
    barred
}
