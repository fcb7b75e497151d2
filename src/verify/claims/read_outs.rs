//! The claim about what was read out before the opening record was final.

use std::collections::{BTreeSet, HashMap};

use crate::crypto::hash::Hash;
use crate::opening::statements::{FailCode, LineStatus, OpenedLine, ReadOutLine, RejectCode};
use crate::verify::facts::Facts;
use crate::verify::report::{Finding, failed, said, text, undecided};
use crate::verify::unit::UnitFacts;

use super::closes::close_of;
use super::receipts::opened;
use super::release::none_or_here;
use super::units::terms_of;

/// Nothing was read out before t custodians had released, and nothing but what was then recorded as
/// opened: lines of the close, by the same bidders, with the same offers.
pub(super) fn read_outs(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let (_, roster) = terms_of(facts, unit)?;
    let releasers = unit.releasers(&close_of(unit)?.it.sha256());
    let enough = usize::from(roster.t).saturating_sub(1);
    let from = releasers.get(enough).map(|(index, _)| *index);
    let end = unit.openings.first().map(|opening| opening.index);
    let lines: BTreeSet<&Hash> = unit.lines_to_open().iter().collect();
    let opened: HashMap<&Hash, &OpenedLine> =
        opened(unit).iter().map(|line| (&line.line, line)).collect();
    let mut count = 0_usize;
    for at in &unit.read_outs {
        let index = ("index", text(at.index));
        if from.is_none_or(|from| at.index < from) {
            return Err(failed("verify-say-read-out-early", [index]));
        }
        if end.is_some_and(|end| at.index > end) {
            return Err(failed("verify-say-read-out-late", [index]));
        }
        for read in at.it {
            let args = [("index", text(at.index)), ("line", text(read.line))];
            if !lines.contains(&read.line) {
                return Err(failed("verify-say-read-out-foreign", args));
            }
            if opened.get(&read.line).is_some_and(|line| !agrees(read, line)) {
                return Err(failed("verify-say-read-out-other", args));
            }
            count = count.saturating_add(1);
        }
    }
    if end.is_none() {
        return Err(undecided("verify-say-not-opened", []));
    }
    none_or_here(facts, unit, said("verify-say-read-outs-hold", [("lines", text(count))]))
}

/// Whether what was read out of a line is what it became. An envelope that begins as a bid may prove
/// to be none further on, or be lost before it was read whole; by nothing else can an offer turn out
/// to be none.
fn agrees(read: &ReadOutLine, line: &OpenedLine) -> bool {
    let is_same = match &line.outcome {
        LineStatus::Opened { offer, .. } => *offer == read.offer,
        LineStatus::Failed { code: FailCode::BadCiphertext, .. }
        | LineStatus::Rejected { code: RejectCode::Garbage, .. }
        | LineStatus::Lost => true,
        _ => false,
    };
    read.bidder == line.bidder && is_same
}
