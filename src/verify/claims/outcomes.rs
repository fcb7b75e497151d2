//! The claim that every envelope holds what the opening record says, by opening it again.

use std::collections::HashMap;

use crate::bid::statements::Manifest;
use crate::crypto::hash::Hash;
use crate::crypto::seal::{Identity, Recipient};
use crate::crypto::shares::{Release, ShareError, open_shares, recover};
use crate::crypto::statement::Statement;
use crate::custodian::roster::CustodianId;
use crate::opening::rules::{Decryption, outcome};
use crate::opening::statements::{LineStatus, OpenedLine};
use crate::tender::statements::Unit;
use crate::verify::facts::{Facts, UnitFacts};
use crate::verify::report::{Finding, Stop, failed, said, text, undecided};
use crate::verify::sealed::{Source, open_envelopes};

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
    let mut jobs: Vec<Job<'_>> = Vec::new();
    for line in &opening.lines {
        let manifest = Statement::<Manifest>::parse(line.manifest.as_bytes());
        let manifest = manifest.map_err(|_| bad(line))?;
        match line.outcome {
            LineStatus::Lost if is_held(facts, &manifest) => return Err(bad(line)),
            // The first two are judged without their envelopes, by the claim `opening`.
            LineStatus::Superseded | LineStatus::Doubled | LineStatus::Lost => continue,
            _ => {}
        }
        let found = shares(facts, &manifest, &used)?;
        jobs.push(Job { line, manifest, found });
    }
    let count = ("count", text(jobs.len()));
    for job in rounds(jobs, source)? {
        let expected = outcome(unit.id, job.manifest.body(), job.line.bidder, job.decryption);
        if expected != job.line.outcome {
            return Err(bad(job.line));
        }
    }
    Ok(said("verify-say-outcomes-hold", [count]))
}

/// Whether the file holds an envelope.
fn is_held(facts: &Facts<'_>, manifest: &Statement<Manifest>) -> bool {
    let sha256 = manifest.body().bid.sha256;
    facts.file.sealed.iter().any(|(held, _)| *held == sha256)
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
    manifest: &Statement<Manifest>,
    used: &[Used<'_>],
) -> Result<Found, Stop> {
    let body = manifest.body();
    let mut parts = Vec::new();
    for Used { place, identity, .. } in used {
        let sha256 = body.shares.get(*place);
        let found = sha256.and_then(|sha256| Some((sha256, facts.shares.get(sha256)?)));
        let (sha256, sealed) = found.ok_or_else(|| undecided("verify-say-no-sealed", []))?;
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

/// Decrypts the envelopes. A copied envelope serves two lines: usually with one identity, and then
/// one reading suffices; the file is read again only for another identity.
fn rounds<'a>(jobs: Vec<Job<'a>>, source: &mut Source<'_>) -> Result<Vec<Done<'a>>, Stop> {
    let mut done = Vec::new();
    let mut waiting = Vec::new();
    for Job { line, manifest, found } in jobs {
        match found {
            Found::Fault(decryption) => done.push(Done { line, manifest, decryption }),
            Found::Identity(identity) => waiting.push((line, manifest, identity)),
        }
    }
    while !waiting.is_empty() {
        let (mut keys, mut now) = (HashMap::<Hash, Identity>::new(), Vec::new());
        let mut later = Vec::new();
        for (line, manifest, identity) in waiting {
            let sha256 = manifest.body().bid.sha256;
            let same = keys.get(&sha256).map(|key| key.recipient() == identity.recipient());
            match same {
                Some(false) => later.push((line, manifest, identity)),
                Some(true) => now.push((line, manifest)),
                None => {
                    keys.insert(sha256, identity);
                    now.push((line, manifest));
                }
            }
        }
        let read = open_envelopes(source, &keys);
        let read = read.map_err(|error| {
            failed(
                "verify-say-archive-bad",
                [("member", text(error.member().unwrap_or("-"))), ("reason", text(&error))],
            )
        })?;
        for (line, manifest) in now {
            let decryption = read.get(&manifest.body().bid.sha256).cloned();
            let decryption = decryption.ok_or_else(|| undecided("verify-say-no-sealed", []))?;
            done.push(Done { line, manifest, decryption });
        }
        waiting = later;
    }
    Ok(done)
}
