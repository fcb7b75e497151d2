//! Asks the custodians for what stands on the record as proposed: recipients, signatures on units
//! and on amendments.
//!
//! Invariant: nothing is asked that is not recorded, and what is asked again is byte-identical; so
//! a crash, a lost request or a lost answer costs a repeat and nothing else.

use futures_util::stream::{self, StreamExt as _};

use crate::crypto::statement::Statement;
use crate::custodian::client::{Custodians, ask_all};
use crate::custodian::roster::CustodianId;
use crate::custodian::wire::{AskAmendment, AskRecipient, AskUnit};
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::rules::UnitState;
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

/// What waits for custodians' signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        Ok(p.db.query(ids).await?)
    }

    /// Asks for every signature that is missing of one unit. What is refused or unanswered is said in
    /// the log and asked again at a later tick.
    ///
    /// # Errors
    /// The database's.
    pub async fn ask(self, p: &Platform, wire: &dyn Custodians, id: UnitId) -> Result<(), Error> {
        let row = p.db.query(move |conn| units::unit(conn, id)).await?;
        match self {
            Self::Amendment => ask_amendment(p, wire, &row).await,
            Self::Unit if row.state == UnitState::Proposed => ask_unit(p, wire, &row).await,
            Self::Unit => Ok(()),
        }
    }
}

/// Asks once for every signature that is missing now: for amendments first, and side by side, so that
/// neither a silent custodian nor another's large draft keeps one waiting.
///
/// # Errors
/// The database's.
pub async fn ask_pending(p: &Platform, wire: &dyn Custodians) -> Result<(), Error> {
    for what in [Waiting::Amendment, Waiting::Unit] {
        let asked = what.all(p).await?.into_iter().map(|id| what.ask(p, wire, id));
        let asked: Vec<_> = stream::iter(asked).buffer_unordered(what.at_once()).collect().await;
        asked.into_iter().collect::<Result<(), Error>>()?;
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
