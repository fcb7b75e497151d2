//! What moves a deadline later, and what ends a unit before it: amendments and cancellation.
//!
//! One request is open per unit. It stands on the record before it leaves and is resent byte by byte
//! until q custodians have signed it: an agent that signed one never signs a close older than it.

use crate::auth::Actor;
use crate::auth::table::{Act, Owner, allow};
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::key::VerifyingKey;
use crate::crypto::note::{Note, NoteError};
use crate::crypto::statement::{Body as _, Statement};
use crate::custodian::roster::Roster;
use crate::db::{self, Conn, Tx};
use crate::enterprise::credentials::Credential;
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::rules::{AmendmentFault, UnitAct, UnitState};
use crate::opening::statements::{OpeningEvent, Void};
use crate::record::store as record;

use super::publish::{
    Adopted, Asked, in_order, note_event, record_proposed, signed_alone, signers,
};
use super::rules::{Dates, Standing, cancellation, check_cancel, check_request, moved_by};
use super::statements::{Amendment, AmendmentReason, Outage};
use super::store;
use super::units::{self, UnitChange, UnitRow};
use super::{Error, Platform, Refused, lapse, outage};

/// Proposes a postponement that its buyer signed. The same statement again is answered as before, and
/// one that lapsed is asked again: custodians that signed it can sign nothing else. An outage that is
/// asked takes its buyer's signature in the same way.
///
/// # Errors
/// [`Refused::Amendment`], [`Refused::Unlawful`], [`Refused::Pending`], [`Refused::Late`],
/// [`Refused::Signature`], or why the actor may not.
pub async fn postpone(p: &Platform, actor: &Actor, note: &str) -> Result<Asked, Error> {
    let mut amendment = Statement::<Amendment>::parse(note.as_bytes())?;
    let row = load(p, amendment.body().unit_id).await?;
    let buyer = row.unit.body().procuring_entity;
    allow(actor, Act::Amend, &Owner::Enterprise(buyer))?;
    let held = p.credential(buyer).await?.ok_or(Refused::NoKey)?;
    let key = key_after(&held.credential, &row)?;
    if matches!(amendment.body().reason, AmendmentReason::Outage { .. }) {
        amendment.note().require(key)?;
        return second(p, amendment.note().clone(), key.clone(), row.id).await;
    }
    signed_alone(amendment.note(), key)?;
    judge(p, &row, amendment.body()).await?;
    amendment.sign(&p.key);
    propose(p, amendment, Cause::Buyer(buyer, held.statements)).await
}

/// Whether a postponed unit still keeps the law: the hour of opening above all, which must follow the
/// deadline. Its periods began with the notice.
async fn judge(p: &Platform, row: &UnitRow, amendment: &Amendment) -> Result<(), Error> {
    let unit = row.unit.body();
    let tender = unit.tender;
    let published = p.db.query(move |conn| store::published_at(conn, tender));
    let (published_at, documents_until) = published.await?;
    let dates = Dates {
        deadline: amendment.deadline,
        open_at: amendment.open_at,
        ..Dates::of(unit, published_at, documents_until)
    };
    Ok(p.law.judge(&dates).map_err(Refused::from)?)
}

/// Registers the outage that was measured over a unit's deadline, or shortly before it, by an
/// operator's statement, and proposes what the rule pack makes of its times; the platform and q
/// custodians suffice. While the request is open, the same call answers with it.
///
/// # Errors
/// [`Refused::NoOutage`] when nothing was measured that moves this deadline, [`Refused::Amendment`]
/// for a statement about an earlier deadline; those of [`postpone`].
pub async fn outage(p: &Platform, actor: &Actor, note: &str) -> Result<Asked, Error> {
    allow(actor, Act::RegisterOutage, &Owner::Actor)?;
    let registered = Statement::<Outage>::parse(note.as_bytes())?;
    let keys = &p.roster().operator_keys;
    if registered.note().count(keys)? == 0 {
        return Err(NoteError::MissingSignature.into());
    }
    registered.note().only_by(keys)?;
    let Outage { prev_sha256, text, unit_id: id } = registered.body().clone();
    let now = p.now();
    let (row, measured) =
        p.db.query(move |conn| {
            let row = units::unit(conn, id)?;
            let measured = outage::measured(conn, &row)?;
            Ok::<_, Error>((row, measured))
        })
        .await?;
    if let Some((pending, proposed_index)) = row.pending
        && matches!(pending.body().reason, AmendmentReason::Outage { .. })
    {
        return Ok(Asked { unit_id: id, proposed_index, note: pending.encode() });
    }
    if prev_sha256 != row.last_sha256 {
        return Err(AmendmentFault::Chain.into());
    }
    let ((deadline, open_at), window) = moved_by(&*p.law, &row.terms, &measured, now)?;
    let amendment = Amendment {
        deadline,
        no: row.amendment_no.saturating_add(1),
        open_at,
        prev_sha256,
        reason: AmendmentReason::Outage { from: window.from, until: window.recovered, text },
        unit_id: id,
    };
    propose(p, Statement::signed(amendment, &p.key)?, Cause::Outage(registered)).await
}

/// Takes the buyer's signature on the outage that is asked: custodians that did not see it believe the
/// buyer, and not the platform alone, where a postponement could still be asked.
async fn second(
    p: &Platform,
    outage: Note,
    buyer: VerifyingKey,
    id: UnitId,
) -> Result<Asked, Error> {
    p.db.write(move |tx| {
        let row = units::unit(tx.conn(), id)?;
        let (mut pending, proposed_index) = row.pending.clone().ok_or(Refused::OutOfOrder)?;
        pending.adopt(&outage, &buyer)?;
        let note = pending.encode();
        tx.unrecorded("signatures gathered so far; the event comes with the quorum");
        units::set_pending(tx, &row, &note, proposed_index)?;
        Ok(Asked { unit_id: id, proposed_index, note })
    })
    .await
}

/// The buyer's key that may speak about a unit: the one that published it, or one that this handed
/// over to. A key that an operator vouched for since moves and ends nothing that stood before it.
fn key_after<'a>(buyer: &'a Credential, row: &UnitRow) -> Result<&'a VerifyingKey, Refused> {
    buyer.line().ok_or(Refused::NoKey)?;
    buyer.key_after(row.unit.note()).ok_or(Refused::OtherKey)
}

async fn load(p: &Platform, id: UnitId) -> Result<UnitRow, Error> {
    Ok(p.db.query(move |conn| units::unit(conn, id)).await?)
}

/// On whose word an amendment is proposed.
enum Cause {
    /// The buyer's, by so many statements about whose key it is.
    Buyer(EnterpriseId, i64),
    /// The operator's, who registers an outage.
    Outage(Statement<Outage>),
}

async fn propose(
    p: &Platform,
    amendment: Statement<Amendment>,
    cause: Cause,
) -> Result<Asked, Error> {
    let id = amendment.body().unit_id;
    let this = p.clone();
    p.db.write_after_entries(move |tx| {
        let row = units::unit(tx.conn(), id)?;
        if let Some(asked) = effective_before(tx.conn(), &row, &amendment)? {
            return Ok(asked);
        }
        if let Some((pending, index)) = &row.pending {
            let is_same = pending.sha256() == amendment.sha256();
            let (proposed_index, note) = (*index, pending.encode());
            let asked = Asked { unit_id: id, proposed_index, note };
            return if is_same { Ok(asked) } else { Err(Refused::Pending.into()) };
        }
        let (note, sha256) = (amendment.encode(), amendment.sha256());
        let roster = this.roster_of(row.unit.body())?;
        let asked_before = asked_before(tx.conn(), &id, &sha256)?;
        let may_be_late = outage::cannot_close(tx, &row, roster)? || asked_before.is_some();
        let standing = Standing { may_be_late, ..standing(&row) };
        check_request(&standing, amendment.body(), tx.now())?;
        // What was asked in its time and lapsed is asked again as it was judged then.
        if matches!(cause, Cause::Buyer(..)) && asked_before.is_none() {
            this.law.judge_change(tx.now(), amendment.body().deadline).map_err(Refused::from)?;
        }
        match cause {
            Cause::Buyer(buyer, statements) => {
                if store::credential_count(tx.conn(), buyer)? != statements {
                    return Err(Refused::NoKey.into());
                }
            }
            Cause::Outage(registered) => {
                tx.record(note_event::<Outage>(Some(id), &registered.encode()))?;
            }
        }
        let recorded = record_proposed(tx, id, note.clone(), sha256)?;
        // Custodians want to see that it was asked in its time.
        let proposed_index = asked_before.unwrap_or(recorded.index);
        units::set_pending(tx, &row, &note, proposed_index)?;
        Ok(Asked { unit_id: id, proposed_index, note })
    })
    .await
}

/// Where a unit stands for who asks in time.
const fn standing(row: &UnitRow) -> Standing {
    Standing {
        state: row.state,
        terms: row.terms,
        last: (row.amendment_no, row.last_sha256),
        is_amending: row.pending.is_some(),
        may_be_late: false,
    }
}

/// The answer to an amendment that took effect: as when it was proposed.
fn effective_before(
    conn: &mut Conn,
    row: &UnitRow,
    amendment: &Statement<Amendment>,
) -> Result<Option<Asked>, Error> {
    if amendment.body().no > row.amendment_no {
        return Ok(None);
    }
    for entry in record::entries_of_unit(conn, &row.id, "sealbid/proposed/v1")? {
        let event: OpeningEvent = serde_json::from_slice(&entry.event).map_err(|e| corrupt(&e))?;
        if let OpeningEvent::Proposed { statement, statement_sha256, unit_id } = event
            && statement_sha256 == amendment.sha256()
        {
            return Ok(Some(Asked { unit_id, proposed_index: entry.index, note: statement }));
        }
    }
    Ok(None)
}

/// The entry of a cancellation that says the same, if the unit ended by it.
fn cancelled_before(
    conn: &mut Conn,
    id: &UnitId,
    void: &Statement<Void>,
) -> Result<Option<u64>, Error> {
    for entry in record::entries_of_unit(conn, id, Void::TYPE)? {
        if Statement::<Void>::parse(&entry.event)?.sha256() == void.sha256() {
            return Ok(Some(entry.index));
        }
    }
    Ok(None)
}

fn corrupt(error: &serde_json::Error) -> db::Error {
    db::Error::Corrupt(format!("a proposal on the record: {error}"))
}

/// Where this very statement was asked before, in its time.
fn asked_before(conn: &mut Conn, id: &UnitId, sha256: &Hash) -> Result<Option<u64>, Error> {
    let asked = record::entries_of_unit(conn, id, "sealbid/proposed/v1")?;
    let first = asked.iter().find(|entry| {
        matches!(json::parse(&entry.event), Ok(OpeningEvent::Proposed { statement_sha256, .. })
            if statement_sha256 == *sha256)
    });
    Ok(first.map(|entry| entry.index))
}

/// Takes over a custodian's signature on the amendment that is asked. With the q-th its terms hold.
///
/// # Errors
/// [`Refused::Signature`], [`Refused::NotACustodian`], [`Refused::OutOfOrder`] without a pending
/// amendment.
pub async fn adopt_amendment(p: &Platform, id: UnitId, copy: &str) -> Result<Adopted, Error> {
    let copy = Note::parse(copy.as_bytes())?;
    let roster = p.roster_of(load(p, id).await?.unit.body())?.clone();
    let (custodians, platform) = (signers(&roster, &copy)?, p.key.verifying().clone());
    p.db.write(move |tx| {
        let row = units::unit(tx.conn(), id)?;
        let (mut pending, index) = row.pending.clone().ok_or(Refused::OutOfOrder)?;
        for custodian in &custodians {
            pending.adopt(&copy, custodian)?;
        }
        if pending.note().count(&roster.statement_keys())? < roster.q() {
            tx.unrecorded("signatures gathered so far; the event comes with the quorum");
            units::set_pending(tx, &row, &pending.encode(), index)?;
            return Ok(Adopted::Waiting);
        }
        take_effect(tx, &row, &pending, &platform, &roster)
    })
    .await
}

fn take_effect(
    tx: &mut Tx<'_>,
    row: &UnitRow,
    pending: &Statement<Amendment>,
    platform: &VerifyingKey,
    roster: &Roster,
) -> Result<Adopted, Error> {
    let terms = row.terms.amended((row.amendment_no, row.last_sha256), pending.body())?;
    let note = in_order(pending.note(), platform, roster)?.encode();
    let recorded = tx.record(note_event::<Amendment>(Some(row.id), &note))?;
    units::amend(tx, row, pending, &terms)?;
    Ok(Adopted::Effective(recorded.index))
}

/// Cancels a unit by its buyer's signed `void`, for as long as no close is effective: its keys are
/// never released. A proposal that not all have signed is taken back by it, with its tender's others. Returns the entry that says so; the same statement again returns the same one.
///
/// # Errors
/// [`Refused::OutOfOrder`] once a close is effective, [`Refused::Signature`], or why the actor may
/// not.
pub async fn cancel(p: &Platform, actor: &Actor, note: &str) -> Result<u64, Error> {
    let mut void = Statement::<Void>::parse(note.as_bytes())?;
    let id = void.body().unit_id;
    let row = load(p, id).await?;
    let buyer = row.unit.body().procuring_entity;
    allow(actor, Act::Cancel, &Owner::Enterprise(buyer))?;
    if *void.body() != cancellation(id) {
        return Err(Refused::Unit("a buyer cancels, and nothing else").into());
    }
    let held = p.credential(buyer).await?.ok_or(Refused::NoKey)?;
    signed_alone(void.note(), key_after(&held.credential, &row)?)?;
    void.sign(&p.key);
    let note = void.encode();
    p.db.write_after_entries(move |tx| {
        if store::credential_count(tx.conn(), buyer)? != held.statements {
            return Err(Refused::NoKey.into());
        }
        let row = units::unit(tx.conn(), id)?;
        if matches!(row.state, UnitState::Proposed | UnitState::Lapsed)
            && let Some(index) = lapse::take_back(tx, &row)?
        {
            return Ok(index);
        }
        if let Err(refused) = check_cancel(row.state) {
            let before = cancelled_before(tx.conn(), &id, &void)?;
            return before.ok_or_else(|| refused.into());
        }
        let recorded = tx.record(note_event::<Void>(Some(id), &note))?;
        // Its next step tells the custodians and deletes what was uploaded.
        let due_at = Some(Some(tx.now().millis()));
        let change = UnitChange { void_reason: Some("cancelled"), due_at, ..UnitChange::default() };
        units::swap_unit(tx, &row, UnitAct::Void, &change)?;
        Ok(recorded.index)
    })
    .await
}
