//! Publication: the buyer's signed notice and units, asked of every custodian, effective together.

use crate::auth::Actor;
use crate::auth::table::Act;
use crate::clock::{Time, is_closed};
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::key::VerifyingKey;
use crate::crypto::note::{Note, NoteError};
use crate::crypto::statement::{Body, Statement};
use crate::custodian::roster::Roster;
use crate::db::{self, Tx};
use crate::ids::{TenderId, UnitId};
use crate::opening::rules::{UnitAct, UnitState};
use crate::opening::statements::{LapseReason, OpeningEvent};
use crate::record::append::{Event, Recorded};
use crate::record::disclosure::Level;

use super::draft::{Drafted, drafted};
use super::lapse;
use super::rules::{DRAFT_MS, Dates, Law};
use super::statements::{Notice, Unit};
use super::store::{self, State, TenderRow};
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
    /// All have signed, but too late for its dates: it lapsed, with its reason on the record.
    Lapsed,
}

/// What the buyer of a tender that is no draft any more signed, in the order of
/// [`prepare`](super::draft::prepare): a program that died before it had its answer signs it again.
///
/// # Errors
/// [`Refused::State`] when a unit of it lapsed, or why the actor may not.
pub async fn signed_before(
    p: &Platform,
    actor: &Actor,
    id: TenderId,
) -> Result<Option<(Notice, Vec<Unit>)>, Error> {
    let drafted = drafted(p, actor, Act::Publish, id).await?;
    let Some(notice) = drafted.row.notice.filter(|_| drafted.row.state != State::Draft) else {
        return Ok(None);
    };
    let rows = p.db.query(move |conn| units::units(conn, id)).await?;
    let units = notice.body().lots.iter().flat_map(|lot| &lot.units).map(|id| {
        let row = rows.iter().find(|row| row.id == *id).ok_or(Refused::State)?;
        Ok::<_, Error>(row.unit.body().clone())
    });
    Ok(Some((notice.body().clone(), units.collect::<Result<_, _>>()?)))
}

/// The answer to a publication that was recorded before, word for word.
async fn published_before(
    p: &Platform,
    drafted: &Drafted,
    again: &Publication,
) -> Result<Vec<Asked>, Error> {
    let notice = Statement::<Notice>::parse(again.notice.as_bytes())?.sha256();
    let is_same = drafted.row.notice.as_ref().is_some_and(|kept| kept.sha256() == notice);
    if !is_same || drafted.expected(p).len() != again.units.len() {
        return Err(Refused::State.into());
    }
    let id = drafted.row.id;
    let rows = p.db.query(move |conn| units::units(conn, id)).await?;
    let asked = again.units.iter().map(|note| {
        let unit_id = Statement::<Unit>::parse(note.as_bytes())?.body().id()?;
        let row = rows.iter().find(|row| row.id == unit_id).ok_or(Refused::State)?;
        Ok(Asked { unit_id, proposed_index: row.proposed_index, note: row.unit.encode() })
    });
    asked.collect()
}

/// Checks, signs and records what the buyer signed. The custodians may be asked afterwards, each
/// with the receipt of the `proposed` event. The same publication again is answered as before.
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
        return published_before(p, &drafted, &publication).await;
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
        if store::documents(tx.conn(), id)? != drafted.documents {
            return Err(db::Error::lost_race("the list of documents").into());
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
        p.law.judge(&Dates::of(unit.body(), now, drafted.row.plan.documents_until))?;
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
/// of the tender, all of them take effect, and the notice is published with them: if its dates still
/// keep the law then, for that is when periods begin. If not, all of it lapses.
///
/// # Errors
/// [`Refused::Signature`], [`Refused::NotACustodian`], [`Refused::OutOfOrder`] for a unit that
/// lapsed.
pub async fn adopt_unit(p: &Platform, id: UnitId, copy: &str) -> Result<Adopted, Error> {
    let copy = Note::parse(copy.as_bytes())?;
    let custodians = signers(p.roster(), &copy)?;
    let p = p.clone();
    let db = p.db.clone();
    db.write(move |tx| {
        let mut row = units::unit(tx.conn(), id)?;
        if let Some(index) = row.effective_index {
            return Ok(Adopted::Effective(index));
        }
        // One that was proposed before the newest roster lapses: its buyer publishes anew.
        let is_newest = row.unit.body().roster_sha256 == p.rosters.newest().sha256();
        if row.state != UnitState::Proposed || !is_newest {
            return Err(Refused::OutOfOrder.into());
        }
        for custodian in &custodians {
            row.unit.adopt(&copy, custodian)?;
        }
        units::keep_unit(tx, &row, &row.unit.encode())?;
        let all = units::units(tx.conn(), row.unit.body().tender)?;
        take_effect(tx, &p, &all, id)
    })
    .await
}

fn take_effect(
    tx: &mut Tx<'_>,
    p: &Platform,
    all: &[UnitRow],
    asked: UnitId,
) -> Result<Adopted, Error> {
    let keys = p.roster().statement_keys();
    for row in all {
        if row.unit.note().count(&keys)? < keys.len() {
            return Ok(Adopted::Waiting);
        }
    }
    let tender = all.first().map(|row| row.unit.body().tender).ok_or(Refused::NotFound)?;
    let row = store::find(tx.conn(), tender)?;
    if let Some(reason) = too_late(&*p.law, &row, all, tx.now()) {
        lapse::tender(tx, &row, all, &reason)?;
        return Ok(Adopted::Lapsed);
    }
    let notice = row.notice.ok_or(Refused::State)?.encode();
    let published = tx.record(note_event::<Notice>(None, &notice))?;
    let states = (State::Proposed, State::Published);
    store::set_state(tx, tender, states, Some(&notice), Some(published.index))?;
    let mut effective = Adopted::Waiting;
    for row in all {
        let note = in_order(row.unit.note(), p.key.verifying(), p.roster())?.encode();
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

/// Why units that all have signed cannot take effect now: they were lawful when they were proposed.
fn too_late(law: &dyn Law, tender: &TenderRow, all: &[UnitRow], now: Time) -> Option<LapseReason> {
    let named = tender.notice.as_ref().map(|notice| notice.body().rule_pack_sha256);
    if named != Some(law.sha256()) {
        return Some(LapseReason::OtherRules);
    }
    let judge = |row: &UnitRow| {
        if is_closed(now, row.terms.deadline) {
            return Some(LapseReason::Late);
        }
        let dates = Dates::of(row.unit.body(), now, tender.plan.documents_until);
        law.judge(&dates).err().map(|broken| LapseReason::Unlawful { rule: broken.rule })
    };
    all.iter().find_map(judge)
}
