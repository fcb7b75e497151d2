//! The claim of a bidder: what my receipt says was honoured.
//!
//! Invariant: a platform is accused only of what the file shows. A bidder that replaced or withdrew
//! its bid and shows the old receipt beside a public file is told that nothing there explains it, and
//! which receipt would.

use crate::bid::envelope::EnvelopeId;
use crate::bid::rules::line as line_of;
use crate::bid::statements::{BidEvent, Manifest};
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::note::Note;
use crate::crypto::statement::{Body as _, Statement, type_of};
use crate::enterprise::credentials::signer;
use crate::error::{Arg, Reason as _};
use crate::ids::UnitId;
use crate::opening::statements::{Lodged, OpenedLine};
use crate::record::checkpoint::Cosigned;
use crate::record::proof::Receipt;
use crate::verify::Receipts;
use crate::verify::facts::{Facts, log_keys};
use crate::verify::report::{Finding, Stop, failed, said, text, undecided, why};
use crate::verify::unit::{Accepted, At, Refused, UnitFacts};

use super::closes::close_of;
use super::followed::{Followed, Held, followed};
use super::lodged;
use super::refusals::{Judged, Replay, meaning};
use super::units::terms_of;

/// A receipt that holds, and its event.
struct Mine {
    receipt: Receipt,
    event: BidEvent,
    /// Its checkpoint has fewer than q cosignatures.
    provisional: bool,
    /// Its entry is of the tail that a succession left behind.
    is_lost: bool,
}

/// The receipt holds, and what it acknowledges was honoured. Also says which unit it is about.
pub(super) fn my_line(facts: &Facts<'_>, receipts: &Receipts<'_>) -> (Option<UnitId>, Finding) {
    let later = receipts.later.map(|bytes| mine(facts, bytes)).transpose();
    let later = match later {
        Ok(later) => later.map(|mine| (mine.event, mine.receipt.index)),
        Err(stop) => return (None, Err(stop)),
    };
    if let Some(note) = lodged_note(receipts.receipt) {
        let (id, finding) = lodged::my_word(facts, note, later.as_ref());
        return (id, finding);
    }
    match mine(facts, receipts.receipt) {
        Ok(mine) => {
            let id = unit_of(&mine.event);
            let finding = if facts.file.header.units.contains(&id) {
                honoured(facts, &mine, later.as_ref(), &facts.unit(id))
            } else {
                Err(undecided("verify-say-receipt-elsewhere", [("unit", text(id))]))
            };
            (Some(id), finding)
        }
        Err(stop) => (None, Err(stop)),
    }
}

fn lodged_note(bytes: &[u8]) -> Option<Note> {
    let note = Note::parse(bytes).ok()?;
    (type_of(note.text()) == Some(Lodged::TYPE)).then_some(note)
}

const fn unit_of(event: &BidEvent) -> UnitId {
    match event {
        BidEvent::Accepted { unit_id, .. }
        | BidEvent::Withdrawn { unit_id, .. }
        | BidEvent::Refused { unit_id, .. } => *unit_id,
    }
}

fn bad(reason: Arg) -> Stop {
    failed("verify-say-receipt-bad", [("reason", reason)])
}

fn mine(facts: &Facts<'_>, bytes: &[u8]) -> Result<Mine, Stop> {
    let receipt = Receipt::parse(bytes).map_err(|error| bad(error.arg()))?;
    let (verified, provisional) =
        cosigned(facts, &receipt).ok_or_else(|| bad(why("verify-say-why-receipt-foreign")))?;
    // What its record went on with after the tree that its successor began with is in no other file.
    let held = facts.held_of(&verified.checkpoint().origin).unwrap_or(u64::MAX);
    let is_lost = receipt.index >= held;
    // A key that was succeeded may be anybody's.
    if is_lost && provisional {
        return Err(undecided("verify-say-receipt-provisional", []));
    }
    let same = |head: &&Cosigned| head.checkpoint().size == verified.checkpoint().size;
    let mut heads = facts.heads.iter().filter_map(|head| head.as_ref().ok());
    if verified.checkpoint().size <= held
        && heads.find(same).is_some_and(|head| head.checkpoint() != verified.checkpoint())
    {
        return Err(bad(why("verify-say-why-receipt-fork")));
    }
    if let Some(tree) = facts.file.tree.as_ref().filter(|_| !is_lost) {
        let at = usize::try_from(receipt.index).ok().and_then(|index| tree.leaves.get(index));
        if at != Some(&receipt.leaf()) {
            return Err(bad(why("verify-say-why-receipt-other")));
        }
    }
    let event =
        json::parse(&receipt.event).map_err(|_| bad(why("verify-say-why-receipt-not-bid")))?;
    Ok(Mine { receipt, event, provisional, is_lost })
}

/// The receipt's checkpoint, under whichever key of the record signed it, and whether no quorum of any
/// roster cosigned it.
fn cosigned(facts: &Facts<'_>, receipt: &Receipt) -> Option<(Cosigned, bool)> {
    let log_keys = log_keys(&facts.rosters, &facts.events);
    let (mut verified, mut provisional) = (None, true);
    for roster in facts.rosters.iter().rev().map(Statement::body) {
        let witnesses = roster.witness_keys();
        let found = log_keys.iter().rev().find_map(|key| receipt.verify(key, &witnesses).ok());
        if let Some(found) = found {
            provisional &= !found.is_cosigned_by(roster.q());
            verified.get_or_insert(found);
        }
    }
    verified.map(|verified| (verified, provisional))
}

fn honoured(
    facts: &Facts<'_>,
    mine: &Mine,
    later: Option<&(BidEvent, u64)>,
    unit: &UnitFacts<'_>,
) -> Finding {
    let index = mine.receipt.index;
    let holds = match &mine.event {
        BidEvent::Accepted { manifest, manifest_sha256, .. } => {
            let line = line_of(mine.receipt.salt.as_bytes(), manifest_sha256);
            let manifest = Statement::<Manifest>::parse(manifest.as_bytes()).ok();
            let held = manifest.as_ref().and_then(|own| {
                let bidder = Facts::signer(own)?;
                let bid = EnvelopeId { bidder, manifest_sha256: *manifest_sha256 };
                Some(Held { bid, manifest: Some(own), later })
            });
            accepted(facts, unit, (mine, line), held.as_ref())?
        }
        BidEvent::Withdrawn { manifest_sha256, withdrawal, .. } => {
            let bidder = Note::parse(withdrawal.as_bytes()).ok().and_then(|note| signer(&note));
            let manifest_sha256 = *manifest_sha256;
            withdrawn(unit, bidder.map(|bidder| EnvelopeId { bidder, manifest_sha256 }))?
        }
        BidEvent::Refused { arrived_at, code, fault, statement, .. } => {
            let (arrived_at, fault) = (*arrived_at, *fault);
            let at = At { index, it: Refused { arrived_at, code, fault, statement } };
            refused(facts, unit, &at, Some(&mine.receipt))?
        }
    };
    if mine.provisional { Err(undecided("verify-say-receipt-provisional", [])) } else { Ok(holds) }
}

fn accepted(
    facts: &Facts<'_>,
    unit: &UnitFacts<'_>,
    (mine, line): (&Mine, Hash),
    held: Option<&Held<'_>>,
) -> Finding {
    let close = close_of(unit)?;
    let shown = [("line", text(line))];
    if !mine.is_lost && mine.receipt.index >= close.it.body().size {
        return Err(failed("verify-say-receipt-after", shown));
    }
    if unit.closed_lines().contains(&line) {
        return Ok(said("verify-say-my-line-in", shown));
    }
    // After a succession its bidder may have brought it again.
    if let Some(line) = held.and_then(|held| closed_as(unit, &held.bid)) {
        return Ok(said("verify-say-my-line-in", [("line", text(line))]));
    }
    match held.map(|held| followed(facts, unit, held)) {
        Some(Followed::ByItself) => return Ok(said("verify-say-my-line-followed", shown)),
        Some(Followed::ByAnother) => return Err(failed("verify-say-my-line-usurped", shown)),
        Some(Followed::Not) | None => {}
    }
    if facts.is_shown(unit.start(), close.index) {
        return Err(failed("verify-say-my-line-out", shown));
    }
    Err(undecided("verify-say-my-line-unexplained", shown))
}

/// The lines of the opening record.
pub(super) fn opened<'a>(unit: &UnitFacts<'a>) -> &'a [OpenedLine] {
    unit.openings.first().map(|at| at.it.body().lines.as_slice()).unwrap_or_default()
}

/// The line of the close that a bidder's manifest became, by whichever entry accepted it.
pub(super) fn closed_as(unit: &UnitFacts<'_>, bid: &EnvelopeId) -> Option<Hash> {
    let lines = unit.closed_lines();
    let is_it = |it: &Accepted<'_>| {
        it.manifest_sha256 == bid.manifest_sha256 && it.bidder() == Some(bid.bidder)
    };
    let accepted = unit.accepted.iter().map(|at| &at.it).filter(|it| is_it(it));
    let mut accepted = accepted.map(Accepted::line);
    let opened = opened_as(unit, bid).map(|line| line.line);
    accepted.find(|line| lines.contains(line)).or(opened)
}

/// The line of the opening record that a bidder's manifest became.
pub(super) fn opened_as<'a>(unit: &UnitFacts<'a>, bid: &EnvelopeId) -> Option<&'a OpenedLine> {
    let sha256 = |line: &OpenedLine| Note::parse(line.manifest.as_bytes()).map(|it| it.sha256());
    let is_it = |line: &&OpenedLine| sha256(line) == Ok(bid.manifest_sha256);
    opened(unit).iter().filter(|line| line.bidder == bid.bidder).find(is_it)
}

fn withdrawn(unit: &UnitFacts<'_>, withdrawn: Option<EnvelopeId>) -> Finding {
    close_of(unit)?;
    match withdrawn.and_then(|bid| opened_as(unit, &bid)) {
        Some(line) => Err(failed("verify-say-my-line-again", [("line", text(line.line))])),
        None if unit.openings.is_empty() => Err(undecided("verify-say-not-opened", [])),
        None => Ok(said("verify-say-my-withdrawal", [])),
    }
}

/// What a bidder was refused, judged as every refusal is; a receipt's own checkpoint tells of its hour.
pub(super) fn refused(
    facts: &Facts<'_>,
    unit: &UnitFacts<'_>,
    at: &At<Refused<'_>>,
    receipt: Option<&Receipt>,
) -> Finding {
    let (_, roster) = terms_of(facts, unit)?;
    let code = [("code", text(at.it.code)), ("why", meaning(at.it.code))];
    let mut replay = Replay::new(facts, unit, roster);
    let (log_keys, witnesses) = (log_keys(&facts.rosters, &facts.events), roster.witness_keys());
    let seen = |receipt: &Receipt| {
        log_keys.iter().rev().find_map(|key| receipt.verify(key, &witnesses).ok())
    };
    if let Some(head) = receipt.and_then(seen) {
        replay.see(&head, &witnesses);
    }
    match replay.judge(at)? {
        Judged::Holds => Ok(said("verify-say-my-refusal", code)),
        Judged::PlatformFault => Ok(said("verify-say-my-refusal-own", code)),
        Judged::Unjudged => Err(undecided("verify-say-my-refusal-here", code)),
    }
}
