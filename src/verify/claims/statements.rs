//! Claims about form: every event canonical, every signature by a key that has a place, every
//! statement about a body in force.

use crate::bid::rules::Refused;
use crate::bid::statements::BidEvent;
use crate::crypto::key::VerifyingKey;
use crate::crypto::note::{Note, NoteError};
use crate::crypto::statement::Statement;
use crate::custodian::roster::{CustodianId, Roster};
use crate::error::{Reason, Said};
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::statements::OpeningEvent;
use crate::verify::events::{Event, What};
use crate::verify::facts::{Facts, Keys};
use crate::verify::report::{Finding, Stop, failed, said, text};

/// Every event shown is canonical and carries no signature that does not verify or belong.
pub(super) fn statements(facts: &Facts<'_>) -> Finding {
    let all = Keys::of(facts);
    for event in &facts.events {
        let index = event.index;
        if let What::Bad(reason) = &event.what {
            return Err(bad(index, reason));
        }
        if let Some(note) = event.what.note() {
            let allowed = places(facts, event, note, &all);
            check(note, &allowed).map_err(|error| bad(index, &error))?;
        }
        carried(&event.what, &all).map_err(|reason| bad(index, &reason))?;
    }
    Ok(said("verify-say-statements-hold", [("count", text(facts.events.len()))]))
}

fn bad(index: u64, reason: &impl Reason) -> Stop {
    failed("verify-say-statement-bad", [("index", text(index)), ("reason", reason.arg())])
}

fn check(note: &Note, allowed: &[VerifyingKey]) -> Result<(), NoteError> {
    note.only_by(allowed)?;
    note.count(allowed).map(|_| ())
}

/// A proposal carries the statement that was asked for, named by its hash.
fn carried(what: &What, all: &Keys) -> Result<(), Said> {
    match what {
        What::Step(OpeningEvent::Proposed { statement, statement_sha256, .. }) => {
            let note = Note::parse(statement.as_bytes()).map_err(|error| error.said())?;
            if note.sha256() != *statement_sha256 {
                return Err(Said::bare("verify-why-say-carried"));
            }
            check(&note, &all.named_in(&note)).map_err(|error| error.said())
        }
        What::Bid(BidEvent::Refused { statement, code, .. }) => {
            let note = Note::parse(statement.as_bytes()).map_err(|error| error.said())?;
            // What a custodian was lodged and is refused for its signature may bear any.
            if *code == Refused::Signature.code() {
                return Ok(());
            }
            check(&note, &all.named_in(&note)).map_err(|error| error.said())
        }
        _ => Ok(()),
    }
}

/// The keys that may have signed an event of this type.
fn places(facts: &Facts<'_>, event: &Event, note: &Note, all: &Keys) -> Vec<VerifyingKey> {
    let rosters = || facts.rosters.iter().map(Statement::body);
    let each = |key: fn(&Roster) -> Vec<VerifyingKey>| rosters().flat_map(key).collect::<Vec<_>>();
    let platform = || each(|roster| vec![roster.platform_key.clone()]);
    let regulator = || each(|roster| vec![roster.regulator_key.clone()]);
    let operators = || each(|roster| roster.operator_keys.clone());
    let custodians = || each(Roster::statement_keys);
    // A key may have been handed over while custodians were asked: which one had to sign is for the
    // claim about the statement.
    let body = |id: EnterpriseId| -> Vec<VerifyingKey> {
        facts.bodies.keys_before(id, event.index).cloned().collect()
    };
    let buyer = |id: UnitId| facts.buyer(id).map(body).unwrap_or_default();
    let one = |id: &CustodianId| {
        let members = rosters().filter_map(|roster| roster.member(id));
        members.map(|member| member.statement_key.clone()).collect::<Vec<_>>()
    };
    match &event.what {
        What::Unit(s) => [platform(), custodians(), body(s.body().procuring_entity)].concat(),
        What::Amendment(s) => [platform(), custodians(), buyer(s.body().unit_id)].concat(),
        What::Void(s) => [platform(), custodians(), buyer(s.body().unit_id)].concat(),
        What::Close(_) => [platform(), custodians()].concat(),
        What::Order(s) => [regulator(), buyer(s.body().unit_id)].concat(),
        What::Suspension(_) => regulator(),
        What::Opening(_) => platform(),
        What::Release(s) => one(&s.body().custodian),
        What::Challenged(s) => one(&s.body().custodian),
        What::Lodged(s) => one(&s.body().custodian),
        What::Verified(_) | What::Declined(_) | What::Outage(_) => operators(),
        What::Rotation(s) => vec![s.body().old_key.clone(), s.body().new_key.clone()],
        What::Revocation(s) => [operators(), vec![s.body().key.clone()]].concat(),
        What::Application(s) => vec![s.body().key.clone()],
        What::Notice(s) => [platform(), body(s.body().procuring_entity)].concat(),
        _ => all.named_in(note),
    }
}

/// Every verification, rotation and revocation follows from what held before it.
pub(super) fn credentials(facts: &Facts<'_>) -> Finding {
    match &facts.bodies.fault {
        Some((index, reason)) => Err(failed(
            "verify-say-credential-bad",
            [("index", text(index)), ("reason", reason.arg())],
        )),
        None => Ok(said("verify-say-credentials-hold", [("count", text(facts.bodies.count()))])),
    }
}
