//! Publication: the buyer's signed notice and units, asked of every custodian, effective together.

use crate::auth::Actor;
use crate::auth::table::Act;
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::key::VerifyingKey;
use crate::crypto::note::{Note, NoteError};
use crate::crypto::statement::{Body, Statement};
use crate::custodian::roster::Roster;
use crate::db::Tx;
use crate::ids::{TenderId, UnitId};
use crate::opening::rules::{UnitAct, UnitState};
use crate::opening::statements::OpeningEvent;
use crate::record::append::{Event, Recorded};
use crate::record::disclosure::Level;

use super::draft::{Drafted, drafted};
use super::rules::{DRAFT_MS, Dates};
use super::statements::{Notice, Unit};
use super::store::{self, State};
use super::units::{self, UnitChange, UnitRow};
use super::{Error, Platform, Refused};

/// What a buyer signs to publish.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The signed notice.
    pub notice: String,
    /// The signed units with their recipients, in the order of [`prepare`](super::draft::prepare).
    pub units: Vec<String>,
}

/// A statement that stands on the record and is now asked of the custodians.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Which unit.
    pub unit_id: UnitId,
    /// The entry whose receipt the custodians are shown.
    pub proposed_index: u64,
    /// The note with the signatures so far.
    pub note: String,
}

/// What a custodian's signature brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// Others are missing.
    Waiting,
    /// It took effect, then or before: the entry that says so.
    Effective(u64),
}

/// Checks, signs and records what the buyer signed. The custodians may be asked afterwards, each
/// with the receipt of the `proposed` event.
///
/// # Errors
/// [`Refused`] with the first thing that does not fit, or why the actor may not.
pub async fn publish(
    p: &Platform,
    actor: &Actor,
    id: TenderId,
    publication: Publication,
) -> Result<Vec<Asked>, Error> {
    let drafted = drafted(p, actor, Act::Publish, id).await?;
    if drafted.row.state != State::Draft {
        return Err(Refused::State.into());
    }
    let buyer = drafted.row.procuring_entity;
    let held = p.credential(buyer).await?.ok_or(Refused::NoKey)?;
    let key = held.credential.key.clone().ok_or(Refused::NoKey)?;
    let now = p.now();
    let signed = check_units(p, &drafted, &publication.units, &key, now)?;
    let notice = Statement::<Notice>::parse(publication.notice.as_bytes())?;
    signed_alone(notice.note(), &key)?;
    let bodies: Vec<Unit> = signed.iter().map(|unit| unit.body().clone()).collect();
    if *notice.body() != drafted.notice(p, &bodies)? {
        return Err(Refused::Notice("documents, lots, units, title or rule pack").into());
    }
    let notice = notice.encode();
    p.db.write(move |tx| {
        if store::credential_count(tx.conn(), buyer)? != held.statements {
            return Err(Refused::NoKey.into());
        }
        let states = (State::Draft, State::Proposed);
        store::set_state(tx, id, states, Some(&notice), None)?;
        signed.iter().map(|unit| propose_unit(tx, unit)).collect()
    })
    .await
}

fn check_units(
    p: &Platform,
    drafted: &Drafted,
    notes: &[String],
    key: &VerifyingKey,
    now: Time,
) -> Result<Vec<Statement<Unit>>, Error> {
    let expected = drafted.expected(p);
    if expected.len() != notes.len() {
        return Err(Refused::Unit("one unit per lot and stage").into());
    }
    let mut units = Vec::new();
    for ((_, expected), note) in expected.iter().zip(notes) {
        let mut unit = Statement::<Unit>::parse(note.as_bytes())?;
        signed_alone(unit.note(), key)?;
        expected.check(unit.body(), now)?;
        p.law.judge(&Dates {
            published_at: now,
            documents_until: drafted.row.plan.documents_until,
            deadline: unit.body().deadline,
            open_at: unit.body().open_at,
            challenge_ms: unit.body().challenge_ms,
            min: unit.body().min,
        })?;
        unit.sign(&p.key);
        units.push(unit);
    }
    Ok(units)
}

/// Demands exactly this key's signature.
pub(super) fn signed_alone(note: &Note, key: &VerifyingKey) -> Result<(), NoteError> {
    note.require(key)?;
    note.only_by(std::slice::from_ref(key))
}

fn propose_unit(tx: &mut Tx<'_>, unit: &Statement<Unit>) -> Result<Asked, Error> {
    let unit_id = unit.body().id()?;
    let recorded = record_proposed(tx, unit_id, unit.encode(), unit.sha256())?;
    let lapse_at = unit.body().issued_at.plus(DRAFT_MS);
    units::insert_unit(tx, unit_id, unit, recorded.index, lapse_at)?;
    Ok(Asked { unit_id, proposed_index: recorded.index, note: unit.encode() })
}

/// Records that consent is asked for a text: before any request leaves.
pub(super) fn record_proposed(
    tx: &mut Tx<'_>,
    unit_id: UnitId,
    statement: String,
    statement_sha256: Hash,
) -> Result<Recorded, Error> {
    let event = OpeningEvent::Proposed { statement, statement_sha256, unit_id };
    let bytes = json::to_string(&event)?.into_bytes();
    let (kind, level) = ("sealbid/proposed/v1", Level::Public);
    Ok(tx.record(Event { kind, level, unit: Some(unit_id), bytes })?)
}

/// The public event of a whole note.
pub(super) fn note_event<B: Body>(unit: Option<UnitId>, note: &str) -> Event {
    Event { kind: B::TYPE, level: Level::Public, unit, bytes: note.as_bytes().to_vec() }
}

/// The note with its signatures in the one order: the procuring entity, the platform, the roster.
pub(super) fn in_order(
    note: &Note,
    platform: &VerifyingKey,
    roster: &Roster,
) -> Result<Note, NoteError> {
    let mut keys = vec![platform.clone()];
    keys.extend(roster.statement_keys());
    let mut ordered = Note::new(note.text().to_owned())?;
    // Every line was checked when it came in: what is neither the platform's nor a custodian's is
    // the buyer's, by whatever key was his then.
    let buyers = note.signatures().iter().filter(|line| !keys.iter().any(|key| line.claims(key)));
    buyers.cloned().for_each(|line| ordered.push(line));
    note.ordered(&keys).signatures().iter().cloned().for_each(|line| ordered.push(line));
    Ok(ordered)
}

/// The keys of the custodians that signed `copy`: whoever is asked later signs beside those before.
pub(super) fn signers(roster: &Roster, copy: &Note) -> Result<Vec<VerifyingKey>, Refused> {
    let mut keys = roster.statement_keys();
    keys.retain(|key| copy.signatures().iter().any(|line| line.claims(key)));
    if keys.is_empty() { Err(Refused::NotACustodian) } else { Ok(keys) }
}

/// Takes over a custodian's signature on a proposed unit. When every custodian has signed every unit
/// of the tender, all of them take effect, and the notice is published with them.
///
/// # Errors
/// [`Refused::Signature`], [`Refused::NotACustodian`], [`Refused::OutOfOrder`] for a unit that
/// lapsed, [`Refused::Late`] when its deadline has passed meanwhile.
pub async fn adopt_unit(p: &Platform, id: UnitId, copy: &str) -> Result<Adopted, Error> {
    let copy = Note::parse(copy.as_bytes())?;
    let custodians = signers(&p.roster, &copy)?;
    let (roster, roster_sha256) = (p.roster.clone(), p.roster_sha256);
    let platform = p.key.verifying().clone();
    p.db.write(move |tx| {
        let mut row = units::unit(tx.conn(), id)?;
        if let Some(index) = row.effective_index {
            return Ok(Adopted::Effective(index));
        }
        if row.state != UnitState::Proposed || row.unit.body().roster_sha256 != roster_sha256 {
            return Err(Refused::OutOfOrder.into());
        }
        for custodian in &custodians {
            row.unit.adopt(&copy, custodian)?;
        }
        units::keep_unit(tx, &row, &row.unit.encode())?;
        let all = units::units(tx.conn(), row.unit.body().tender)?;
        take_effect(tx, &all, id, &platform, &roster)
    })
    .await
}

fn take_effect(
    tx: &mut Tx<'_>,
    all: &[UnitRow],
    asked: UnitId,
    platform: &VerifyingKey,
    roster: &Roster,
) -> Result<Adopted, Error> {
    let keys = roster.statement_keys();
    for row in all {
        if row.unit.note().count(&keys)? < keys.len() {
            return Ok(Adopted::Waiting);
        }
        if row.terms.deadline <= tx.now() {
            return Err(Refused::Late.into());
        }
    }
    let tender = all.first().map(|row| row.unit.body().tender).ok_or(Refused::NotFound)?;
    let row = store::find(tx.conn(), tender)?;
    let notice = row.notice.ok_or(Refused::State)?.encode();
    let published = tx.record(note_event::<Notice>(None, &notice))?;
    let states = (State::Proposed, State::Published);
    store::set_state(tx, tender, states, Some(&notice), Some(published.index))?;
    let mut effective = Adopted::Waiting;
    for row in all {
        let note = in_order(row.unit.note(), platform, roster)?.encode();
        let recorded = tx.record(note_event::<Unit>(Some(row.id), &note))?;
        let change = UnitChange {
            note: Some(&note),
            effective_index: Some(store::stored(recorded.index)?),
            due_at: Some(Some(row.terms.deadline.millis())),
            ..UnitChange::default()
        };
        units::swap_unit(tx, row, UnitAct::TakeEffect, &change)?;
        if row.id == asked {
            effective = Adopted::Effective(recorded.index);
        }
    }
    Ok(effective)
}

/// Ends proposals whose custodians were silent for an hour, with all units of their tender, which is
/// a draft again: the next publication may stand on another roster. Returns what lapsed.
///
/// # Errors
/// The database's.
pub async fn lapse_due(p: &Platform) -> Result<Vec<UnitId>, Error> {
    p.db.write(|tx| {
        let now = tx.now();
        let mut lapsed = Vec::new();
        for late in units::lapsing(tx.conn(), now)? {
            let tender = late.unit.body().tender;
            for row in units::units(tx.conn(), tender)? {
                lapse(tx, &row)?;
                lapsed.push(row.id);
            }
            if store::find(tx.conn(), tender)?.state == State::Proposed {
                let states = (State::Proposed, State::Draft);
                store::set_state(tx, tender, states, None, None)?;
            }
        }
        Ok(lapsed)
    })
    .await
}

fn lapse(tx: &mut Tx<'_>, row: &UnitRow) -> Result<(), Error> {
    let event = OpeningEvent::Lapsed { statement_sha256: row.unit.sha256(), unit_id: row.id };
    let bytes = json::to_string(&event)?.into_bytes();
    let (kind, level) = ("sealbid/lapsed/v1", Level::Public);
    tx.record(Event { kind, level, unit: Some(row.id), bytes })?;
    let change = UnitChange { due_at: Some(None), ..UnitChange::default() };
    Ok(units::swap_unit(tx, row, UnitAct::Lapse, &change)?)
}
