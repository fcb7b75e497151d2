//! Asks the custodians for what stands on the record as proposed: recipients, signatures on units
//! and on amendments.
//!
//! Invariant: nothing is asked that is not recorded, and what is asked again is byte-identical; so
//! a crash, a lost request or a lost answer costs a repeat and nothing else.

use crate::crypto::statement::Statement;
use crate::custodian::client::{Custodians, ask_all};
use crate::custodian::roster::CustodianId;
use crate::custodian::wire::{AskAmendment, AskRecipient, AskUnit};
use crate::ids::EnterpriseId;
use crate::tender::statements::{Unit, UnitRecipient};

use super::amend::adopt_amendment;
use super::platform::Platform;
use super::publish::{Adopted, adopt_unit};
use super::units::{self, UnitRow};
use super::{Error, Refused, store};

fn custodians(p: &Platform) -> Vec<CustodianId> {
    p.roster.custodians.iter().map(|member| member.id.clone()).collect()
}

/// The same drafts with every custodian's recipient.
///
/// # Errors
/// [`Refused::Silent`] when a custodian does not answer: a unit needs all of them.
pub async fn with_recipients(
    p: &Platform,
    wire: &dyn Custodians,
    drafts: Vec<Unit>,
) -> Result<Vec<Unit>, Error> {
    let all = custodians(p);
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

/// Asks for every signature that is missing now. What is refused or unanswered is said in the log
/// and asked again at the next tick.
///
/// # Errors
/// The database's.
pub async fn ask_pending(p: &Platform, wire: &dyn Custodians) -> Result<(), Error> {
    for row in p.db.query(units::proposed).await? {
        ask_unit(p, wire, &row).await?;
    }
    for row in p.db.query(units::amending).await? {
        ask_amendment(p, wire, &row).await?;
    }
    Ok(())
}

async fn credentials(p: &Platform, body: EnterpriseId) -> Result<Vec<String>, Error> {
    Ok(p.db.query(move |conn| store::credential_notes(conn, body)).await?)
}

/// The custodians that have not signed yet.
fn missing(p: &Platform, signed: &crate::crypto::note::Note) -> Vec<CustodianId> {
    let has_signed = |key| signed.signed_by(key).unwrap_or(false);
    let open = p.roster.custodians.iter().filter(|member| !has_signed(&member.statement_key));
    open.map(|member| member.id.clone()).collect()
}

async fn ask_unit(p: &Platform, wire: &dyn Custodians, row: &UnitRow) -> Result<(), Error> {
    let ask = AskUnit {
        credentials: credentials(p, row.unit.body().procuring_entity).await?,
        proposed: p.receipt(row.proposed_index).await?.encode(),
        unit: row.unit.encode(),
    };
    for (custodian, reply) in ask_all(wire, &missing(p, row.unit.note()), &ask).await {
        match reply {
            Ok(reply) => said(&custodian, adopt_unit(p, row.id, &reply.note).await),
            Err(error) => tracing::warn!(%custodian, %error, "a unit not signed"),
        }
    }
    Ok(())
}

async fn ask_amendment(p: &Platform, wire: &dyn Custodians, row: &UnitRow) -> Result<(), Error> {
    let Some((pending, index)) = &row.pending else { return Ok(()) };
    let ask = AskAmendment {
        amendment: Statement::encode(pending),
        credentials: credentials(p, row.unit.body().procuring_entity).await?,
        proposed: p.receipt(*index).await?.encode(),
        unit_id: row.id,
    };
    for (custodian, reply) in ask_all(wire, &missing(p, pending.note()), &ask).await {
        match reply {
            Ok(reply) => said(&custodian, adopt_amendment(p, row.id, &reply.note).await),
            Err(error) => tracing::warn!(%custodian, %error, "an amendment not signed"),
        }
    }
    Ok(())
}

/// A signature that came too late, or twice, changes nothing; a wrong one is the custodian's.
fn said(custodian: &CustodianId, adopted: Result<Adopted, Error>) {
    if let Err(error) = adopted {
        tracing::warn!(%custodian, %error, "a signature not taken over");
    }
}
