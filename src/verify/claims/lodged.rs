//! The claim of a bidder that lodged its bid with a custodian: its word has a receipt's force.

use crate::bid::envelope::EnvelopeId;
use crate::bid::rules::Refused as Code;
use crate::bid::statements::BidEvent;
use crate::clock::is_closed;
use crate::crypto::note::Note;
use crate::crypto::statement::Statement;
use crate::enterprise::credentials::signer;
use crate::error::{Reason as _, Said};
use crate::ids::UnitId;
use crate::opening::statements::Lodged;
use crate::verify::facts::Facts;
use crate::verify::report::{Finding, Stop, failed, said, text, undecided, why};
use crate::verify::unit::{At, Refused, UnitFacts};

use super::closes::close_of;
use super::followed::{Followed, Held, followed};
use super::receipts::{closed_as, refused};
use super::release::none_or_here;
use super::units::terms_of;

/// What a custodian received in time is in the close, was followed by another statement of its
/// bidder, or was refused as the rules demand.
pub(super) fn my_word(
    facts: &Facts<'_>,
    note: Note,
    later: Option<&(BidEvent, u64)>,
) -> (Option<UnitId>, Finding) {
    let lodged = match Statement::<Lodged>::from_note(note) {
        Ok(lodged) => lodged,
        Err(error) => {
            let bad = failed("verify-say-receipt-bad", [("reason", error.arg())]);
            return (None, Err(bad));
        }
    };
    let id = lodged.body().unit_id;
    if !facts.file.header.units.contains(&id) {
        return (Some(id), Err(undecided("verify-say-receipt-elsewhere", [("unit", text(id))])));
    }
    (Some(id), judged(facts, &facts.unit(id), &lodged, later))
}

fn judged(
    facts: &Facts<'_>,
    unit: &UnitFacts<'_>,
    lodged: &Statement<Lodged>,
    later: Option<&(BidEvent, u64)>,
) -> Finding {
    let (_, roster) = terms_of(facts, unit)?;
    let Lodged { arrived_at, custodian, .. } = lodged.body();
    let key = roster.member(custodian).map(|member| &member.statement_key);
    if key.is_none_or(|key| lodged.note().require(key).is_err()) {
        let reason = ("reason", why("verify-say-why-receipt-foreign"));
        return Err(failed("verify-say-receipt-bad", [reason]));
    }
    if unit.terms().is_none_or(|terms| is_closed(*arrived_at, terms.deadline)) {
        let late = said("verify-say-my-lodged-late", [("time", (*arrived_at).into())]);
        return none_or_here(facts, unit, late);
    }
    let close = close_of(unit)?;
    let held = Held { bid: bid_of(lodged.body()), manifest: None, later };
    match became(facts, unit, lodged.body(), &held) {
        Err(None) if facts.is_shown(unit.start(), close.index) => {
            Err(failed("verify-say-my-lodged-out", [("time", (*arrived_at).into())]))
        }
        Err(None) => {
            Err(undecided("verify-say-my-lodged-unexplained", [("time", (*arrived_at).into())]))
        }
        Err(Some(stop)) => Err(stop),
        Ok(held) => Ok(held),
    }
}

/// What names a lodged bid.
pub(super) const fn bid_of(lodged: &Lodged) -> EnvelopeId {
    EnvelopeId { bidder: lodged.bidder, manifest_sha256: lodged.manifest_sha256 }
}

/// What the file shows became of a lodged bid: in the close, followed by another statement of its
/// bidder, or refused as the rules demand. Nothing when it does not say. What became of another's bid
/// with the same text says nothing of it.
pub(super) fn became(
    facts: &Facts<'_>,
    unit: &UnitFacts<'_>,
    lodged: &Lodged,
    held: &Held<'_>,
) -> Result<Said, Option<Stop>> {
    let bid = held.bid;
    if let Some(line) = closed_as(unit, &bid) {
        return Ok(said("verify-say-my-line-in", [("line", text(line))]));
    }
    if followed(facts, unit, held) == Followed::ByItself {
        return Ok(said("verify-say-my-lodged-followed", []));
    }
    let is_about = |at: &At<Refused<'_>>| {
        Note::parse(at.it.statement.as_bytes()).is_ok_and(|note| {
            signer(&note) == Some(bid.bidder) && note.sha256() == bid.manifest_sha256
        })
    };
    let about = unit.refused.iter().filter(|at| is_about(at) && settles(unit, lodged, at.it.code));
    let mut stop = None;
    for at in about {
        match refused(facts, unit, at, None) {
            Ok(held) => return Ok(held),
            Err(fault) => stop = stop.or(Some(fault)),
        }
    }
    Err(stop)
}

/// Whether a refusal with this code says what became of a bid that a custodian had: one for which it may
/// still be accepted does not. Its hour is the custodian's, whenever it reached the platform.
fn settles(unit: &UnitFacts<'_>, lodged: &Lodged, code: &str) -> bool {
    let is_late = || unit.terms().is_some_and(|it| is_closed(lodged.arrived_at, it.deadline));
    Code::is_for_good(code) || (code == Code::Late.code() && is_late())
}
