//! Claims about the record itself: whom to believe, one history, everything shown stands in it.

use crate::crypto::statement::Statement;
use crate::custodian::roster::{Roster, check_next};
use crate::error::{Reason, Said};
use crate::record::checkpoint::Cosigned;
use crate::record::succession::{self, Electors, Held};
use crate::verify::casefile::CaseHeads;
use crate::verify::events::What;
use crate::verify::facts::Facts;
use crate::verify::report::{Finding, Pin, Stop, failed, said, text, undecided, why};
use crate::verify::trust::Trust;

/// Whether what the reader trusts is behind the rosters.
pub(super) fn pin(facts: &Facts<'_>, trust: Option<&Trust>) -> (Pin, Finding) {
    let Some(trust) = trust else {
        return (Pin::NotPinned, Err(undecided("verify-say-pin-none", [])));
    };
    let matches = match trust {
        Trust::Roster(sha256) => facts.rosters.iter().any(|r| r.sha256() == *sha256),
        // A later version could name a key without its holder's consent: only the first was signed
        // by it.
        Trust::Regulator(key) => {
            facts.rosters.first().is_some_and(|first| first.body().regulator_key == *key)
        }
    };
    if matches {
        (Pin::Pinned, Ok(said("verify-say-pin-holds", [("pin", text(trust))])))
    } else {
        (Pin::Mismatch, Err(failed("verify-say-pin-differs", [("pin", text(trust))])))
    }
}

/// The rosters follow each other and are signed as they must be.
pub(super) fn roster(facts: &Facts<'_>) -> Finding {
    if let Some((version, reason)) = &facts.roster_fault {
        return Err(bad_roster(version, reason));
    }
    let mut before = None;
    for (roster, (version, _)) in facts.rosters.iter().zip(&facts.file.rosters) {
        let body = roster.body();
        check_next(before, roster).map_err(|error| bad_roster(&body.version, &error))?;
        let mut allowed = vec![body.regulator_key.clone()];
        if let Some(before) = before {
            allowed.push(before.body().regulator_key.clone());
            allowed.extend(before.body().statement_keys());
        }
        allowed.extend(body.statement_keys());
        let only = roster.note().only_by(&allowed).and_then(|()| roster.note().count(&allowed));
        only.map_err(|error| bad_roster(&body.version, &error))?;
        if body.version != *version {
            return Err(failed("verify-say-roster-name", [("version", text(version))]));
        }
        before = Some(roster);
    }
    shown(facts)?;
    successions(facts)?;
    match before {
        Some(last) if last.body().origin == facts.file.header.origin => {
            let (n, t) = (text(last.body().n()), text(last.body().t));
            let (q, version) = (text(last.body().q()), text(last.body().version));
            Ok(said(
                "verify-say-roster-holds",
                [("version", version), ("n", n), ("t", t), ("q", q)],
            ))
        }
        _ => Err(failed("verify-say-roster-origin", [("origin", text(&facts.file.header.origin))])),
    }
}

/// The record shows where each roster after the first came into force, and none beside those of the
/// file.
fn shown(facts: &Facts<'_>) -> Result<(), Stop> {
    let unshown = |version: u32| failed("verify-say-roster-unshown", [("version", text(version))]);
    let mut later = facts.rosters.iter().skip(1);
    for event in &facts.events {
        let What::Roster(roster) = &event.what else { continue };
        let is_first = facts.rosters.first().is_some_and(|r| r.sha256() == roster.sha256());
        if is_first && event.index == 0 {
            continue;
        }
        if later.next().is_none_or(|expected| expected.sha256() != roster.sha256()) {
            return Err(unshown(roster.body().version));
        }
    }
    later.next().map_or(Ok(()), |missing| Err(unshown(missing.body().version)))
}

/// Every succession that is shown ends the record before it and is signed by the electors in force
/// there; every checkpoint is of the record that its tree had reached.
fn successions(facts: &Facts<'_>) -> Result<(), Stop> {
    let Some(first) = facts.rosters.first().map(Statement::body) else { return Ok(()) };
    let mut spans = vec![(0, &first.log_key)];
    for event in &facts.events {
        let What::Succession(succession) = &event.what else { continue };
        let roster = facts.roster_at(event.index).map_or(first, Statement::body);
        let custodians = roster.statement_keys();
        let electors = Electors {
            log_key: spans.last().map_or(&first.log_key, |(_, key)| key),
            regulator: &roster.regulator_key,
            custodians: &custodians,
            q: roster.q(),
        };
        let bad = |reason| {
            failed("verify-say-succession-bad", [("index", text(event.index)), ("reason", reason)])
        };
        succession::check(succession, &electors).map_err(|error| bad(error.arg()))?;
        if !is_held(facts, &succession.body().last_checkpoint, event.index) {
            return Err(bad(why("verify-say-why-succession-tree")));
        }
        spans.push((event.index, &succession.body().new_log_key));
    }
    for head in facts.heads.iter().filter_map(|head| head.as_ref().ok()) {
        let at = head.checkpoint();
        let key = spans.iter().rev().find(|(from, _)| *from == 0 || *from < at.size);
        if key.is_none_or(|(_, key)| key.name() != at.origin) {
            return Err(failed("verify-say-succession-side", [("size", text(at.size))]));
        }
    }
    Ok(())
}

/// Whether the record went on with the tree that a succession names, as far as the file shows it.
fn is_held(facts: &Facts<'_>, held: &Held, index: u64) -> bool {
    held.size <= index && facts.root_at(held.size).is_none_or(|root| root == held.root)
}

fn bad_roster(version: &u32, reason: &impl Reason) -> crate::verify::report::Stop {
    failed("verify-say-roster-bad", [("version", text(version)), ("reason", reason.arg())])
}

fn cosigners(head: &Cosigned, roster: &Roster) -> usize {
    roster.witness_keys().iter().filter(|key| head.time_of(key).is_some()).count()
}

/// Every checkpoint is signed by the log and cosigned by custodians of one roster, the head by those
/// of the newest. After a close t custodians suffice to go on
/// (protocol §0), but fewer than q cannot rule out a second history.
pub(super) fn checkpoints(facts: &Facts<'_>) -> Finding {
    if facts.rosters.is_empty() {
        return Err(failed("verify-say-no-roster", []));
    }
    let mut last = (0, 0);
    for (place, head) in facts.heads.iter().enumerate() {
        let head = head.as_ref().map_err(|error| {
            let reason = ("reason", error.arg());
            failed("verify-say-checkpoint-bad", [("place", text(place)), reason])
        })?;
        // What no custodian of the newest roster has seen could be a history of its own.
        let is_head = place + 1 == facts.heads.len();
        let (found, roster) = if is_head { newest(facts, head) } else { best(facts, head) };
        if roster.is_none_or(|roster| found < usize::from(roster.t)) {
            let size = ("size", text(head.checkpoint().size));
            return Err(failed("verify-say-checkpoint-few", [size, ("found", text(found))]));
        }
        last = (found, roster.map_or(0, Roster::q));
    }
    let (found, q) = last;
    let args = [("found", text(found)), ("q", text(q))];
    if found < q {
        return Err(undecided("verify-say-checkpoint-below-q", args));
    }
    let [found, q] = args;
    Ok(said("verify-say-checkpoint-holds", [("count", text(facts.heads.len())), found, q]))
}

/// The roster of whose custodians most cosigned a checkpoint, the later one of equals, and how many
/// did: a roster may change while units of the one before are under way.
fn best<'a>(facts: &'a Facts<'_>, head: &Cosigned) -> (usize, Option<&'a Roster>) {
    let rosters = facts.rosters.iter().map(Statement::body);
    let counted = rosters.map(|roster| (cosigners(head, roster), Some(roster)));
    counted.max_by_key(|(found, _)| *found).unwrap_or_default()
}

fn newest<'a>(facts: &'a Facts<'_>, head: &Cosigned) -> (usize, Option<&'a Roster>) {
    let newest = facts.rosters.last().map(Statement::body);
    (newest.map_or(0, |roster| cosigners(head, roster)), newest)
}

fn heads(facts: &Facts<'_>) -> Result<CaseHeads, crate::verify::report::Stop> {
    let heads: Option<Vec<Cosigned>> =
        facts.heads.iter().map(|head| head.as_ref().ok().cloned()).collect();
    let split = |mut older: Vec<Cosigned>| {
        let head = older.pop()?;
        Some(CaseHeads { older, head })
    };
    heads.and_then(split).ok_or_else(|| undecided("verify-say-no-heads", []))
}

/// Every checkpoint is a beginning of the head.
pub(super) fn consistency(facts: &Facts<'_>) -> Finding {
    let heads = heads(facts)?;
    facts
        .file
        .check_growth(&heads)
        .map_err(|error| failed("verify-say-growth-bad", [("size", text(error.size))]))?;
    Ok(said("verify-say-growth-holds", [("size", head_size(&heads))]))
}

fn head_size(heads: &CaseHeads) -> crate::error::Arg {
    text(heads.head.checkpoint().size)
}

/// Everything shown stands in the record, sealed files by the manifests that name them.
pub(super) fn inclusion(facts: &Facts<'_>) -> Finding {
    let heads = heads(facts)?;
    facts
        .file
        .check_entries(&heads)
        .map_err(|error| failed("verify-say-entry-bad", [("index", text(error.index))]))?;
    if let Some(stray) = facts.stray() {
        return Err(failed("verify-say-sealed-stray", [("sha256", text(stray))]));
    }
    let count = facts.file.entries.len() + facts.file.opened.len();
    Ok(said("verify-say-entry-holds", [("count", text(count))]))
}

/// All leaves together give the head's root.
pub(super) fn tree(facts: &Facts<'_>) -> Finding {
    if facts.file.tree.is_none() {
        return Err(undecided("verify-say-no-tree", []));
    }
    let heads = heads(facts)?;
    facts.file.check_tree(&heads).map_err(|_| failed("verify-say-tree-bad", []))?;
    Ok(said("verify-say-tree-holds", [("size", head_size(&heads))]))
}

/// Every leaf is opened, as a pad or an event: nothing is held back.
pub(super) fn leaves(facts: &Facts<'_>) -> Finding {
    let Some(tree) = &facts.file.tree else {
        return Err(undecided("verify-say-no-tree", []));
    };
    if facts.is_whole {
        return Ok(holds_leaves(tree.leaves.len()));
    }
    let opened = facts.file.opened.iter().map(|leaf| leaf.index);
    let first = opened.zip(0..).find(|(index, place)| index != place).map(|(_, place)| place);
    let first = first.map_or_else(|| text(facts.file.opened.len()), |place: u64| text(place));
    let count = ("count", text(tree.leaves.len().saturating_sub(facts.file.opened.len())));
    Err(undecided("verify-say-leaves-closed", [count, ("index", first)]))
}

fn holds_leaves(count: usize) -> Said {
    said("verify-say-leaves-holds", [("count", text(count))])
}
