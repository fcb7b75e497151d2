//! Asks the custodians for what stands on the record as proposed: recipients, signatures on units
//! and on amendments.
//!
//! Invariant: nothing is asked that is not recorded, and what is asked again is byte-identical; so
//! a crash, a lost request or a lost answer costs a repeat and nothing else.

use futures_util::stream::{self, StreamExt as _};

use crate::clock::is_closed;
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::statement::Statement;
use crate::custodian::client::{AskError, ask_all};
use crate::custodian::roster::{CustodianId, Roster};
use crate::custodian::wire::{AskAmendment, AskRecipient, AskUnit};
use crate::enterprise::credential_notes;
use crate::enterprise::credentials::enterprise_of;
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::rules::{UnitState, has_lapsed, word_awaited_until};
use crate::opening::statements::{LapseReason, OpeningEvent};
use crate::record::append::Event;
use crate::record::disclosure::Level;
use crate::record::store as record;
use crate::tender::statements::{Amendment, AmendmentReason, Unit, UnitRecipient};

use super::amend::adopt_amendment;
use super::answers::for_good;
use super::lapse;
use super::platform::Platform;
use super::publish::{Adopted, adopt_unit};
use super::units::{self, UnitRow};
use super::views::AnswerView;
use super::{Error, Refused};

/// Codes by which a custodian says that it is not bound by an amendment: the close it signed, or
/// what it misses about the request itself.
pub const UNBOUND: [&str; 6] = [
    "custodian-already-closed",
    "custodian-asked-late",
    "custodian-credential",
    "custodian-not-recorded",
    NOT_SILENT,
    "custodian-signature",
];

/// The code by which a custodian says that it does not believe in an outage on the platform's word alone:
/// it cosigned meanwhile.
const NOT_SILENT: &str = "custodian-not-silent";

/// The same drafts with every custodian's recipient.
///
/// # Errors
/// [`Refused::Silent`] when a custodian does not answer: a unit needs all of them.
pub async fn with_recipients(p: &Platform, drafts: Vec<Unit>) -> Result<Vec<Unit>, Error> {
    let wire = p.rosters.newest_wire();
    let all: Vec<_> = p.roster().custodians.iter().map(|member| member.id.clone()).collect();
    let mut units = Vec::new();
    for draft in drafts {
        let ask = AskRecipient { draft: draft.clone() };
        let mut recipients = Vec::new();
        for (custodian, reply) in ask_all(wire, &all, &ask).await {
            let reply = reply.map_err(|error| {
                tracing::warn!(%custodian, %error, "no recipient");
                Refused::Silent
            })?;
            recipients.push(UnitRecipient { custodian, recipient: reply.recipient });
        }
        units.push(Unit { recipients, ..draft });
    }
    Ok(units)
}

/// What waits for custodians' signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Waiting {
    /// A unit's amendment: a deadline may hang on it.
    Amendment,
    /// A proposed unit.
    Unit,
}

impl Waiting {
    /// What is asked side by side of one kind at most, so that many drafts burden no custodian.
    #[must_use]
    pub const fn at_once(self) -> usize {
        match self {
            Self::Amendment => 64,
            Self::Unit => 16,
        }
    }

    /// The units of which this waits, by id.
    ///
    /// # Errors
    /// The database's.
    pub async fn all(self, p: &Platform) -> Result<Vec<UnitId>, Error> {
        let ids = match self {
            Self::Amendment => units::amending,
            Self::Unit => units::proposed,
        };
        let ids = p.db.query(ids).await?;
        p.answers.keep(self, &ids);
        Ok(ids)
    }

    /// Asks for every signature that is missing of one unit. What is refused or unanswered is said in
    /// the log, once, and asked again at a later tick; a unit that is refused for good lapses.
    ///
    /// # Errors
    /// The database's.
    pub async fn ask(self, p: &Platform, id: UnitId) -> Result<(), Error> {
        let row = p.db.query(move |conn| units::unit(conn, id)).await?;
        // A unit that was proposed under an earlier roster lapses.
        let is_newest = row.unit.body().roster_sha256 == p.rosters.newest().sha256();
        match self {
            Self::Amendment => ask_amendment(p, &row).await,
            Self::Unit if row.state == UnitState::Proposed && is_newest => ask_unit(p, &row).await,
            Self::Unit => Ok(()),
        }
    }
}

/// Asks once for every signature that is missing now: for amendments first, and side by side, so that
/// neither a silent custodian nor another's large draft keeps one waiting.
///
/// # Errors
/// The database's.
pub async fn ask_pending(p: &Platform) -> Result<(), Error> {
    for what in [Waiting::Amendment, Waiting::Unit] {
        let asked = what.all(p).await?.into_iter().map(|id| what.ask(p, id));
        let asked: Vec<_> = stream::iter(asked).buffer_unordered(what.at_once()).collect().await;
        asked.into_iter().collect::<Result<(), Error>>()?;
    }
    Ok(())
}

async fn credentials(p: &Platform, body: EnterpriseId) -> Result<Vec<String>, Error> {
    Ok(p.db.query(move |conn| credential_notes(conn, body)).await?)
}

/// What each custodian last answered about a proposed unit.
///
/// # Errors
/// `Corrupt` when the record holds no such roster.
pub fn answers(p: &Platform, row: &UnitRow) -> Result<Vec<AnswerView>, crate::db::Error> {
    let (roster, told) = (p.roster_of(row.unit.body())?, p.answers.of(Waiting::Unit, row.id));
    let open = missing(roster, row.unit.note());
    let answer = |id: &CustodianId| match told.get(id) {
        _ if !open.contains(id) => "signed".to_owned(),
        Some(code) => code.clone(),
        None => "unasked".to_owned(),
    };
    let all = roster
        .custodians
        .iter()
        .map(|member| AnswerView { custodian: member.id.to_string(), answer: answer(&member.id) });
    Ok(all.collect())
}

/// The custodians of the unit's roster that have not signed yet.
fn missing(roster: &Roster, signed: &crate::crypto::note::Note) -> Vec<CustodianId> {
    let has_signed = |key| signed.signed_by(key).unwrap_or(false);
    let open = roster.custodians.iter().filter(|member| !has_signed(&member.statement_key));
    open.map(|member| member.id.clone()).collect()
}

async fn ask_unit(p: &Platform, row: &UnitRow) -> Result<(), Error> {
    let (roster, wire) = (p.roster_of(row.unit.body())?, p.wire_of(row.unit.body())?);
    let ask = AskUnit {
        credentials: credentials(p, row.unit.body().procuring_entity).await?,
        proposed: p.receipt(row.proposed_index).await?.encode(),
        unit: row.unit.encode(),
    };
    for (custodian, reply) in ask_all(wire, &missing(roster, row.unit.note()), &ask).await {
        match reply {
            Ok(reply) => said(&custodian, adopt_unit(p, row.id, &reply.note).await),
            Err(error) => {
                unsigned(p, Waiting::Unit, row.id, &custodian, &error);
                if let Some(code) = for_good(&error) {
                    let code = code.to_owned();
                    return lapse::refused(p, row.id, LapseReason::Refused { code, custodian })
                        .await;
                }
            }
        }
    }
    Ok(())
}

/// Says what a custodian answered instead of signing: once, for it is asked again and again.
fn unsigned(p: &Platform, what: Waiting, id: UnitId, custodian: &CustodianId, error: &AskError) {
    if p.answers.note(what, id, custodian, error) {
        tracing::warn!(unit = %id, %custodian, %error, "not signed");
    }
}

async fn ask_amendment(p: &Platform, row: &UnitRow) -> Result<(), Error> {
    let (roster, wire) = (p.roster_of(row.unit.body())?, p.wire_of(row.unit.body())?);
    let Some((pending, index)) = &row.pending else { return Ok(()) };
    let ask = AskAmendment {
        amendment: Statement::encode(pending),
        credentials: credentials(p, row.unit.body().procuring_entity).await?,
        proposed: p.receipt_from_before(*index, row.terms.deadline, roster).await?.encode(),
        unit_id: row.id,
    };
    let (mut refused, doubts) = (0_usize, doubts_count(p, row, pending, *index).await?);
    for (custodian, reply) in ask_all(wire, &missing(roster, pending.note()), &ask).await {
        match reply {
            Ok(reply) => said(&custodian, adopt_amendment(p, row.id, &reply.note).await),
            Err(error) => {
                let counts = is_unbound(&error) && (doubts || !error.is_refusal(NOT_SILENT));
                refused = refused.saturating_add(usize::from(counts));
                unsigned(p, Waiting::Amendment, row.id, &custodian, &error);
            }
        }
    }
    let size = (roster.n(), usize::from(roster.t));
    if has_lapsed(refused, size, row.terms.deadline, p.now()) {
        lapse_amendment(p, row, pending.sha256()).await?;
    }
    Ok(())
}

/// Whether a refusal says that its custodian has not signed this amendment and will not: one that
/// forgot the unit, or is bound to another amendment of it, could sign no close either.
fn is_unbound(error: &AskError) -> bool {
    UNBOUND.iter().any(|code| error.is_refusal(code))
}

/// Whether those who did not see an outage will not sign it any more. While its buyer's word could still
/// change that, they are asked again: for a while, where it was asked in its time or no set was frozen
/// that the unit could close with meanwhile.
async fn doubts_count(
    p: &Platform,
    row: &UnitRow,
    pending: &Statement<Amendment>,
    proposed_index: u64,
) -> Result<bool, Error> {
    let (body, buyer) = (pending.body(), row.unit.body().procuring_entity);
    let mut signers = pending.note().signatures().iter().map(|by| enterprise_of(&by.name));
    let is_outage = matches!(body.reason, AmendmentReason::Outage { .. });
    if !is_outage || signers.any(|by| by == Some(buyer)) {
        return Ok(true);
    }
    let proposed = p.db.query(move |conn| record::entry(conn, proposed_index)).await?;
    let asked_at = proposed.ok_or_else(no_entry)?.at;
    if is_closed(p.now(), word_awaited_until(asked_at, row.terms.deadline, body.deadline)) {
        return Ok(true);
    }
    if !row.terms.is_moved_late_by(&body.reason) {
        return Ok(false);
    }
    let (row, roster) = (row.clone(), p.roster_of(row.unit.body())?.clone());
    let frozen = p.db.query(move |conn| units::freeze(conn, &row, &roster)).await?;
    Ok(frozen.is_some())
}

fn no_entry() -> crate::db::Error {
    crate::db::Error::Corrupt("the entry of a pending amendment".to_owned())
}

/// The request for an amendment lapses, on the record.
async fn lapse_amendment(p: &Platform, row: &UnitRow, sha256: Hash) -> Result<(), Error> {
    let reason = LapseReason::Unsigned;
    let event = OpeningEvent::Lapsed { reason, statement_sha256: sha256, unit_id: row.id };
    let bytes = json::to_string(&event)?.into_bytes();
    let (kind, level, unit) = ("sealbid/lapsed/v1", Level::Public, Some(row.id));
    let row = row.clone();
    p.db.write(move |tx| {
        tx.record(Event { kind, level, unit, bytes })?;
        Ok(units::drop_pending(tx, &row)?)
    })
    .await
}

/// A signature that came too late, or twice, changes nothing; a wrong one is the custodian's.
fn said(custodian: &CustodianId, adopted: Result<Adopted, Error>) {
    if let Err(error) = adopted {
        tracing::warn!(%custodian, %error, "a signature not taken over");
    }
}
