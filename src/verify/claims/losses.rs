//! The claim about ciphertexts that the platform could not read back.

use std::collections::HashMap;

use crate::bid::statements::Manifest;
use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::opening::statements::LineStatus;
use crate::verify::facts::Facts;
use crate::verify::report::{Finding, failed, said, text, undecided};
use crate::verify::unit::{At, Kept, UnitFacts};

use super::openings::opening_of;
use super::receipts::opened;

/// Every loss was named before the opening, and what is named missing, or brought again, is the
/// ciphertext of an accepted bid.
pub(super) fn losses(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let ciphertexts = ciphertexts(unit);
    let is_true = |at: &&At<Kept<'_>>| match ciphertexts.get(at.it.line) {
        Some(sha256) => sha256 == at.it.sha256,
        None => !facts.is_shown(unit.start(), at.index),
    };
    if let Some(at) = unit.kept.iter().find(|at| !is_true(at)) {
        return Err(failed("verify-say-loss-bad", [("index", text(at.index))]));
    }
    let opening = opening_of(unit)?;
    let lost = opening.it.body().lines.iter().filter(|line| line.outcome == LineStatus::Lost);
    let mut count = 0_usize;
    for line in lost {
        let mut own = unit.kept.iter().filter(|at| *at.it.line == line.line);
        let last = own.rfind(|at| at.index < opening.index);
        let args = [("line", text(line.line))];
        match last {
            Some(at) if at.it.is_missing => count = count.saturating_add(1),
            None if !facts.shows(unit) => return Err(undecided("verify-say-lost-unshown", args)),
            _ => return Err(failed("verify-say-lost-unnamed", args)),
        }
    }
    Ok(said("verify-say-losses-hold", [("count", text(count))]))
}

/// The ciphertext of every line that the file shows a manifest of.
fn ciphertexts(unit: &UnitFacts<'_>) -> HashMap<Hash, Hash> {
    let accepted = unit.accepted.iter().filter_map(|at| {
        let manifest = at.it.manifest.as_ref()?;
        Some((at.it.line(), manifest.body().bid.sha256))
    });
    let opened = opened(unit).iter().filter_map(|line| {
        let manifest = Statement::<Manifest>::parse(line.manifest.as_bytes()).ok()?;
        Some((line.line, manifest.body().bid.sha256))
    });
    opened.chain(accepted).collect()
}
