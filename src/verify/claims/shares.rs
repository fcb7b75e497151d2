//! The claim that what was found of shares after the opening is right, and that all were looked at.

use std::collections::BTreeSet;

use crate::bid::statements::Manifest;
use crate::crypto::seal::Identity;
use crate::crypto::statement::Statement;
use crate::custodian::roster::{CustodianId, Roster};
use crate::opening::rules::quorum_time;
use crate::opening::rules::shares::{DAY_MS, share_fault, used_shares};
use crate::opening::statements::{LineStatus, OpenedLine, Opening, ShareFault, SharesFound};
use crate::tender::statements::Unit;
use crate::verify::casefile::CaseKind;
use crate::verify::facts::Facts;
use crate::verify::report::{Finding, Stop, failed, said, text, undecided};
use crate::verify::unit::{At, UnitFacts};

use super::openings::opening_of;
use super::release::here;
use super::units::terms_of;

/// What the platform needs beyond the day before its silence is a fault, in milliseconds.
const SLACK_MS: i64 = 3_600_000;

/// What one event says.
type Said<'a> = At<(&'a CustodianId, &'a SharesFound)>;

/// Every custodian's shares were looked at after the opening, or it is named as absent once the day
/// was over; and what was found of them is so.
pub(super) fn shares(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let (body, roster) = terms_of(facts, unit)?;
    let at = opening_of(unit)?;
    let (opening, opened) = (at.it.body(), at.index);
    let mut seen = BTreeSet::new();
    for event in &unit.shares {
        let (custodian, found) = event.it;
        let is_known = roster.member(custodian).is_some() && seen.insert(custodian);
        if event.index <= opened || !is_known || !has_place(unit, event) {
            return Err(bad(event));
        }
        if let SharesFound::Checked(faults) = found
            && facts.file.header.kind == CaseKind::Auditor
            && checked(facts, unit, (body, opening), custodian)? != *faults
        {
            return Err(bad(event));
        }
    }
    let args = [("count", text(seen.len())), ("n", text(roster.n()))];
    if seen.len() < roster.n() && is_late(facts, roster, opening) && facts.shows_rest(unit) {
        return Err(failed("verify-say-shares-late", args));
    }
    let absent = unit.shares.iter().filter(|event| *event.it.1 == SharesFound::Absent).count();
    let [count, n] = args;
    let held = said("verify-say-shares-hold", [count, n, ("absent", text(absent))]);
    if facts.shows_rest(unit) { Ok(held) } else { Err(here(held)) }
}

fn bad(event: &Said<'_>) -> Stop {
    let custodian = ("custodian", text(event.it.0));
    failed("verify-say-shares-bad", [("index", text(event.index)), custodian])
}

/// Shares are checked with a key that was handed out before, and nobody is absent who did.
fn has_place(unit: &UnitFacts<'_>, event: &Said<'_>) -> bool {
    let (custodian, found) = event.it;
    let mut before = unit.released.iter().filter(|at| at.index < event.index);
    let has_released = before.any(|at| at.it.custodian == custodian);
    has_released == (*found != SharesFound::Absent)
}

/// Whether the record went on for more than the day.
fn is_late(facts: &Facts<'_>, roster: &Roster, opening: &Opening) -> bool {
    let heads = facts.cosigned(roster).into_iter();
    let last = heads.filter_map(|(_, times)| quorum_time(&times, roster.q())).max();
    last.is_some_and(|last| last.since(opening.opened_at) > DAY_MS + SLACK_MS)
}

/// Looks at one custodian's shares again.
fn checked(
    facts: &Facts<'_>,
    unit: &UnitFacts<'_>,
    (body, opening): (&Unit, &Opening),
    custodian: &CustodianId,
) -> Result<Vec<ShareFault>, Stop> {
    let key = |of: &CustodianId| -> Option<(usize, Identity)> {
        let at = unit.releases.iter().find(|at| at.it.body().custodian == *of)?;
        let place = body.recipients.iter().position(|r| r.custodian == *of)?;
        Some((place, at.it.body().identity.parse().ok()?))
    };
    let none = || undecided("verify-say-no-identities", []);
    let (place, identity) = key(custodian).ok_or_else(none)?;
    let used: Option<Vec<_>> = opening.releases.iter().map(key).collect();
    let used = used.ok_or_else(none)?;
    let lines = opening.lines.iter().filter(|line| line.outcome != LineStatus::Lost);
    let one = |line: &OpenedLine| {
        let manifest = Statement::<Manifest>::parse(line.manifest.as_bytes()).ok()?;
        let manifest = manifest.body();
        let sealed = |place: usize| {
            manifest
                .shares
                .get(place)
                .and_then(|sha256| facts.shares.get(sha256))
                .map(Vec::as_slice)
        };
        let parts: Vec<_> =
            used.iter().map(|(place, identity)| (*place, sealed(*place), identity)).collect();
        let used = used_shares(manifest, &parts);
        let code = share_fault(manifest, sealed(place), (place, &identity), &used)?;
        Some(ShareFault { code, line: line.line })
    };
    Ok(lines.filter_map(one).collect())
}
