//! The claim of a bidder: what my receipt says was honoured.

use crate::bid::rules::line as line_of;
use crate::bid::statements::{BidEvent, Manifest};
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::statement::Statement;
use crate::error::Arg;
use crate::ids::UnitId;
use crate::opening::statements::OpenedLine;
use crate::record::proof::Receipt;
use crate::verify::facts::{Facts, UnitFacts};
use crate::verify::report::{Finding, Stop, failed, said, text, undecided, why};

use super::closes::close_of;

/// A receipt that holds, and its event.
struct Mine {
    receipt: Receipt,
    event: BidEvent,
    /// Its checkpoint has fewer than q cosignatures.
    provisional: bool,
}

/// The receipt holds, and what it acknowledges was honoured. Also says which unit it is about.
pub(super) fn my_line(facts: &Facts<'_>, bytes: &[u8]) -> (Option<UnitId>, Finding) {
    match mine(facts, bytes) {
        Ok(mine) => {
            let id = unit_of(&mine.event);
            (Some(id), honoured(facts, &mine, &facts.unit(id)))
        }
        Err(stop) => (None, Err(stop)),
    }
}

const fn unit_of(event: &BidEvent) -> UnitId {
    match event {
        BidEvent::Accepted { unit_id, .. }
        | BidEvent::Withdrawn { unit_id, .. }
        | BidEvent::Refused { unit_id, .. } => *unit_id,
    }
}

fn mine(facts: &Facts<'_>, bytes: &[u8]) -> Result<Mine, Stop> {
    let bad = |reason: Arg| failed("verify-say-receipt-bad", [("reason", reason)]);
    let receipt = Receipt::parse(bytes).map_err(|error| bad(text(error)))?;
    let mut cosigned = None;
    for roster in facts.rosters.iter().rev().map(Statement::body) {
        if let Ok(found) = receipt.verify(&roster.log_key, &roster.witness_keys()) {
            cosigned = Some((found, roster.q()));
            break;
        }
    }
    let (cosigned, q) = cosigned.ok_or_else(|| bad(why("verify-say-why-receipt-foreign")))?;
    let same = |head: &&crate::record::checkpoint::Cosigned| {
        head.checkpoint().size == cosigned.checkpoint().size
    };
    let mut heads = facts.heads.iter().filter_map(|head| head.as_ref().ok());
    if heads.find(same).is_some_and(|head| head.checkpoint() != cosigned.checkpoint()) {
        return Err(bad(why("verify-say-why-receipt-fork")));
    }
    if let Some(tree) = &facts.file.tree {
        let at = usize::try_from(receipt.index).ok().and_then(|index| tree.leaves.get(index));
        if at != Some(&receipt.leaf()) {
            return Err(bad(why("verify-say-why-receipt-other")));
        }
    }
    let event =
        json::parse(&receipt.event).map_err(|_| bad(why("verify-say-why-receipt-not-bid")))?;
    Ok(Mine { receipt, event, provisional: !cosigned.is_cosigned_by(q) })
}

fn honoured(facts: &Facts<'_>, mine: &Mine, unit: &UnitFacts<'_>) -> Finding {
    let provisional = || undecided("verify-say-receipt-provisional", []);
    if !facts.file.header.units.contains(&unit.id) {
        return Err(undecided("verify-say-receipt-elsewhere", [("unit", text(unit.id))]));
    }
    let close = close_of(unit)?.it.body();
    let opened = unit.openings.first().map(|at| at.it.body().lines.as_slice()).unwrap_or_default();
    let holds = match &mine.event {
        BidEvent::Accepted { manifest, manifest_sha256, .. } => {
            let line = line_of(mine.receipt.salt.as_bytes(), manifest_sha256);
            if mine.receipt.index >= close.size {
                return Err(failed("verify-say-receipt-after", [("line", text(line))]));
            }
            if close.lines.contains(&line) {
                said("verify-say-my-line-in", [("line", text(line))])
            } else if is_followed(unit, opened, manifest, manifest_sha256) {
                said("verify-say-my-line-followed", [("line", text(line))])
            } else {
                return Err(failed("verify-say-my-line-out", [("line", text(line))]));
            }
        }
        BidEvent::Withdrawn { manifest_sha256, .. } => withdrawn(unit, opened, manifest_sha256)?,
        BidEvent::Refused { code, .. } => said("verify-say-my-refusal", [("code", text(code))]),
    };
    if mine.provisional { Err(provisional()) } else { Ok(holds) }
}

/// Whether the file shows a later statement of the same bidder that took this one's place.
fn is_followed(
    unit: &UnitFacts<'_>,
    opened: &[OpenedLine],
    manifest: &str,
    manifest_sha256: &Hash,
) -> bool {
    let Ok(mine) = Statement::<Manifest>::parse(manifest.as_bytes()) else { return false };
    let signer = Facts::signer(&mine);
    let is_later = |other: &Statement<Manifest>| {
        Facts::signer(other) == signer && other.body().seq > mine.body().seq
    };
    let shown = opened.iter().filter_map(|line| Statement::parse(line.manifest.as_bytes()).ok());
    unit.withdrawn.iter().any(|at| at.it.manifest_sha256 == *manifest_sha256)
        || unit.accepted.iter().filter_map(|at| at.it.manifest.as_ref()).any(is_later)
        || shown.into_iter().any(|other| is_later(&other))
}

fn withdrawn(unit: &UnitFacts<'_>, opened: &[OpenedLine], withdrawn: &Hash) -> Finding {
    let again = opened.iter().find(|line| {
        Statement::<Manifest>::parse(line.manifest.as_bytes())
            .is_ok_and(|manifest| manifest.sha256() == *withdrawn)
    });
    match again {
        Some(line) => Err(failed("verify-say-my-line-again", [("line", text(line.line))])),
        None if unit.openings.is_empty() => Err(undecided("verify-say-not-opened", [])),
        None => Ok(said("verify-say-my-withdrawal", [])),
    }
}
