//! Whether a bidder took its own bid out: one rule for receipts, custodians' words and challenges.
//!
//! Invariant: a later statement takes a bid out only by the key of the bid, or one that this handed
//! over to, as platform and custodians want it. A name on a signature proves nothing, nor does a key
//! that an operator vouched for meanwhile.

use crate::bid::envelope::EnvelopeId;
use crate::bid::statements::{BidEvent, Manifest};
use crate::crypto::note::Note;
use crate::crypto::statement::Statement;
use crate::verify::facts::Facts;
use crate::verify::unit::{UnitFacts, Withdrawn};

use super::receipts::opened;

/// What a bidder holds of one manifest, and may show of what came after it.
pub(super) struct Held<'a> {
    pub bid: EnvelopeId,
    /// The manifest itself, where more of it is known than its hash.
    pub manifest: Option<&'a Statement<Manifest>>,
    /// Of a later receipt: its event and its place.
    pub later: Option<&'a (BidEvent, u64)>,
}

/// What came after a bid before the set was frozen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Followed {
    /// A statement of its bidder's own.
    ByItself,
    /// Only what the bidder's key handed over to nobody for.
    ByAnother,
    /// Nothing that the file, or the later receipt, shows.
    Not,
}

/// A statement that claims to follow a bid, and its entry where that is shown.
type Later = (Note, Option<u64>);

/// Who took a bid's place before the set was frozen: a statement that withdraws this manifest, names it
/// as the one before it, or stands later in its chain.
pub(super) fn followed(facts: &Facts<'_>, unit: &UnitFacts<'_>, held: &Held<'_>) -> Followed {
    let later = later(unit, held);
    if later.iter().any(|later| is_own(facts, unit, held, later)) {
        return Followed::ByItself;
    }
    let bidder = held.bid.bidder;
    let is_known = |note: &Note| {
        let mut keys = facts.bodies.keys_before(bidder, u64::MAX);
        keys.any(|key| note.require(key).is_ok())
    };
    let is_another = held.manifest.is_some() && later.iter().any(|(note, _)| is_known(note));
    if is_another { Followed::ByAnother } else { Followed::Not }
}

/// Whether a later statement is by the key of the bid or one that this handed over to. Where only the
/// bid's hash is known, by the bidder's key in force at its place.
fn is_own(facts: &Facts<'_>, unit: &UnitFacts<'_>, held: &Held<'_>, (note, index): &Later) -> bool {
    let bidder = held.bid.bidder;
    if let Some(own) = held.manifest {
        return facts.bodies.followed(bidder, own.note(), note);
    }
    let closed = unit.close().map_or(0, |close| close.index);
    match index {
        Some(index) => {
            let line = facts.bodies.at(bidder, *index).and_then(|standing| standing.line);
            line.and_then(<[_]>::last).is_some_and(|key| note.require(key).is_ok())
        }
        None => {
            let mut keys = facts.bodies.keys_before(bidder, closed);
            keys.any(|key| note.require(key).is_ok())
        }
    }
}

/// Every statement in a bidder's name that claims to follow its bid, below the frozen set.
fn later(unit: &UnitFacts<'_>, held: &Held<'_>) -> Vec<Later> {
    let size = unit.close().map_or(0, |close| close.it.body().size);
    let names = |manifest: &Statement<Manifest>| names(unit, held, manifest);
    let withdraws = |withdrawn: &Withdrawn<'_>| {
        withdrawn.manifest_sha256 == held.bid.manifest_sha256
            && withdrawn.bidder() == Some(held.bid.bidder)
    };
    let withdrawal = |text: &str| Note::parse(text.as_bytes()).ok();
    let shown = held.later.filter(|(_, index)| *index < size);
    let shown = shown.and_then(|(event, index)| match event {
        BidEvent::Accepted { manifest, .. } => {
            let manifest = Statement::parse(manifest.as_bytes()).ok().filter(names)?;
            Some((manifest.note().clone(), Some(*index)))
        }
        BidEvent::Withdrawn { arrived_at, manifest_sha256, unit_id, withdrawal: text } => {
            let (arrived_at, manifest_sha256) = (*arrived_at, *manifest_sha256);
            let it = Withdrawn { arrived_at, manifest_sha256, withdrawal: text };
            let note = withdrawal(text).filter(|_| *unit_id == unit.id && withdraws(&it))?;
            Some((note, Some(*index)))
        }
        BidEvent::Refused { .. } => None,
    });
    let withdrawn = unit.withdrawn.iter().filter(|at| at.index < size && withdraws(&at.it));
    let withdrawn =
        withdrawn.filter_map(|at| Some((withdrawal(at.it.withdrawal)?, Some(at.index))));
    let accepted = unit.accepted.iter().filter(|at| at.index < size);
    let accepted = accepted.filter_map(|at| {
        let manifest = at.it.manifest.as_ref().filter(|manifest| names(manifest))?;
        Some((manifest.note().clone(), Some(at.index)))
    });
    let opened = opened(unit).iter();
    let opened = opened.filter_map(|line| Statement::parse(line.manifest.as_bytes()).ok());
    let opened = opened.filter(names).map(|manifest| (manifest.note().clone(), None));
    shown.into_iter().chain(withdrawn).chain(accepted).chain(opened).collect()
}

/// Whether a manifest claims to stand behind a bid in its bidder's chain.
fn names(unit: &UnitFacts<'_>, held: &Held<'_>, manifest: &Statement<Manifest>) -> bool {
    let body = manifest.body();
    let is_later = held.manifest.is_some_and(|own| body.seq > own.body().seq);
    let is_next = body.prev_sha256 == Some(held.bid.manifest_sha256);
    let is_named = Facts::signer(manifest) == Some(held.bid.bidder);
    body.unit_id == unit.id && is_named && (is_next || is_later)
}
