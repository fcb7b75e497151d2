//! The claim that every envelope holds what the opening record says, by opening it again.

use std::collections::{HashMap, HashSet};

use crate::bid::statements::Manifest;
use crate::crypto::hash::Hash;
use crate::crypto::seal::{Identity, Recipient};
use crate::crypto::shares::{Release, ShareError, open_shares, recover};
use crate::crypto::statement::Statement;
use crate::custodian::roster::CustodianId;
use crate::error::Reason as _;
use crate::opening::rules::{Decryption, outcome};
use crate::opening::statements::{LineStatus, OpenedLine};
use crate::tender::statements::Unit;
use crate::verify::casefile::CaseKind;
use crate::verify::events::What;
use crate::verify::facts::Facts;
use crate::verify::report::{Finding, Stop, failed, said, text, undecided};
use crate::verify::sealed::{Envelopes, Source, open_envelopes};
use crate::verify::unit::UnitFacts;

use super::openings::opening_of;
use super::units::terms_of;

/// An identity used, with its custodian's place among the unit's recipients.
struct Used<'a> {
    custodian: &'a CustodianId,
    place: usize,
    identity: Identity,
}

/// What the shares of one line come to.
enum Found {
    Identity(Identity),
    Fault(Decryption),
}

/// Re-opens every envelope with the identities released.
pub(super) fn outcomes(
    facts: &Facts<'_>,
    unit: &UnitFacts<'_>,
    source: &mut Source<'_>,
) -> Finding {
    let (body, _) = terms_of(facts, unit)?;
    let opening = opening_of(unit)?.it.body();
    let used = used(unit, body, &opening.releases)?;
    let held: HashMap<Hash, u64> = facts.file.sealed.iter().copied().collect();
    // Who copies an envelope uploads it anew: the copy may be lost, and its author's be here.
    let of_others = tried(facts);
    let is_held_for = |sha256: &Hash| held.contains_key(sha256) && !of_others.contains(sha256);
    let mut jobs: Vec<Job<'_>> = Vec::new();
    for line in &opening.lines {
        let manifest = Statement::<Manifest>::parse(line.manifest.as_bytes());
        let manifest = manifest.map_err(|_| bad(line))?;
        let bid = &manifest.body().bid;
        match line.outcome {
            LineStatus::Lost if is_held_for(&bid.sha256) => return Err(bad(line)),
            // The first two are judged without their envelopes, by the claim `opening`.
            LineStatus::Superseded | LineStatus::Doubled | LineStatus::Lost => continue,
            _ => {}
        }
        match held.get(&bid.sha256) {
            None => return Err(not_held(facts, line)),
            Some(size) if *size != bid.size => return Err(bad(line)),
            Some(_) => {}
        }
        let found = shares(facts, line, &manifest, &used)?;
        jobs.push(Job { line, manifest, found });
    }
    let count = ("count", text(jobs.len()));
    for job in decrypted(facts, jobs, source)? {
        let expected = outcome(unit.id, job.manifest.body(), job.line.bidder, job.decryption);
        if expected != job.line.outcome {
            return Err(bad(job.line));
        }
    }
    Ok(said("verify-say-outcomes-hold", [count]))
}

/// The ciphertexts of all lines that were opened or tried, in every unit of the file.
fn tried(facts: &Facts<'_>) -> HashSet<Hash> {
    let openings = facts.events.iter().filter_map(|event| match &event.what {
        What::Opening(opening) => Some(opening.body()),
        _ => None,
    });
    let lines = openings.flat_map(|opening| &opening.lines);
    let kept = lines.filter(|line| line.outcome != LineStatus::Lost);
    let manifests =
        kept.filter_map(|line| Statement::<Manifest>::parse(line.manifest.as_bytes()).ok());
    manifests.map(|manifest| manifest.body().bid.sha256).collect()
}

/// What the opening record says was opened, and an auditors' file does not hold, cannot be opened
/// again by anybody: a platform that leaves it out must not look as if all were well.
fn not_held(facts: &Facts<'_>, line: &OpenedLine) -> Stop {
    match facts.file.header.kind {
        CaseKind::Auditor => failed("verify-say-sealed-missing", [("line", text(line.line))]),
        CaseKind::Public => undecided("verify-say-no-sealed", []),
    }
}

fn bad(line: &OpenedLine) -> Stop {
    failed("verify-say-outcome-bad", [("line", text(line.line))])
}

fn used<'a>(
    unit: &UnitFacts<'a>,
    body: &Unit,
    releases: &'a [CustodianId],
) -> Result<Vec<Used<'a>>, Stop> {
    let one = |custodian: &'a CustodianId| {
        let at = unit.releases.iter().find(|at| at.it.body().custodian == *custodian)?;
        let identity = at.it.body().identity.parse().ok()?;
        let place = body.recipients.iter().position(|r| r.custodian == *custodian)?;
        Some(Used { custodian, place, identity })
    };
    let used: Option<Vec<Used<'a>>> = releases.iter().map(one).collect();
    used.ok_or_else(|| undecided("verify-say-no-identities", []))
}

/// Opens the shares of one manifest: the first bad one decides.
fn shares(
    facts: &Facts<'_>,
    line: &OpenedLine,
    manifest: &Statement<Manifest>,
    used: &[Used<'_>],
) -> Result<Found, Stop> {
    let body = manifest.body();
    let mut parts = Vec::new();
    for Used { place, identity, .. } in used {
        let sha256 = body.shares.get(*place);
        let found = sha256.and_then(|sha256| Some((sha256, facts.shares.get(sha256)?)));
        let (sha256, sealed) = found.ok_or_else(|| not_held(facts, line))?;
        parts.push(Release { index: *place, sealed, sha256, identity });
    }
    let custodian_at = |place: usize| used.iter().find(|used| used.place == place);
    let opened = match open_shares(&parts) {
        Ok(opened) => opened,
        Err(bad) => {
            let custodian = custodian_at(bad.index).map(|used| used.custodian.clone());
            let fault = custodian.map_or(Decryption::WrongSecret, Decryption::BadShare);
            return Ok(Found::Fault(fault));
        }
    };
    let recipient: Option<Recipient> = body.seal_recipient.parse().ok();
    let identity = recipient.ok_or(ShareError::WrongSecret).and_then(|to| recover(&opened, &to));
    Ok(identity.map_or(Found::Fault(Decryption::WrongSecret), Found::Identity))
}

struct Job<'a> {
    line: &'a OpenedLine,
    manifest: Statement<Manifest>,
    found: Found,
}

struct Done<'a> {
    line: &'a OpenedLine,
    manifest: Statement<Manifest>,
    decryption: Decryption,
}

/// Decrypts the envelopes in one reading. A copied envelope serves several lines, each with an
/// identity of its own making.
fn decrypted<'a>(
    facts: &Facts<'_>,
    jobs: Vec<Job<'a>>,
    source: &mut Source<'_>,
) -> Result<Vec<Done<'a>>, Stop> {
    let mut done = Vec::new();
    let mut waiting = Vec::new();
    let mut envelopes = Envelopes::default();
    for Job { line, manifest, found } in jobs {
        match found {
            Found::Fault(decryption) => done.push(Done { line, manifest, decryption }),
            Found::Identity(identity) => {
                let recipient = identity.recipient();
                envelopes.add(manifest.body().bid.sha256, identity);
                waiting.push((line, manifest, recipient));
            }
        }
    }
    if waiting.is_empty() {
        return Ok(done);
    }
    let read = open_envelopes(source, &envelopes);
    let read = read.map_err(|error| failed("verify-say-archive-bad", [("reason", error.arg())]))?;
    for (line, manifest, recipient) in waiting {
        let decryption = read.get(&(manifest.body().bid.sha256, recipient)).cloned();
        // Absent only when the file is another at its second reading.
        let decryption = decryption.ok_or_else(|| not_held(facts, line))?;
        done.push(Done { line, manifest, decryption });
    }
    Ok(done)
}
