//! Bids that reached a custodian while the portal did not answer: fetched after the deadline, before
//! the set is frozen.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use futures_util::future::join_all;

use super::close::refusal;
use super::statements::Lodged;
use super::store;
use super::{Error, Opener};
use crate::clock::is_closed;
use crate::crypto::hash::Hash;
use crate::crypto::note::Note;
use crate::crypto::statement::Statement;
use crate::custodian::client::{lodged, lodged_bid};
use crate::custodian::roster::{CustodianId, Member};
use crate::ids::UnitId;
use crate::tender::units::UnitRow;

/// What asking the custodians for lodged bids came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lodgings {
    /// A bid came in that the platform did not know.
    New,
    /// Fewer than q have told what was lodged with them: the others could not sign a close.
    Untold,
    /// q have told, and nothing of it is new.
    Known,
}

impl Opener {
    /// Asks the custodians that have not told yet for the bids lodged with them, and takes in those
    /// that the platform does not know. Once told is enough: what is lodged later is late.
    pub(super) async fn fetch_lodged(&self, row: &UnitRow) -> Result<Lodgings, Error> {
        let roster = self.roster(row)?;
        let mut told = self.told(row.id, |told| told.clone());
        let untold = roster.custodians.iter().filter(|member| !told.contains(&member.id));
        let ask = async |member: &Member| (member.clone(), self.lodged_at(row, member).await);
        let mut lodgings = Lodgings::Known;
        for (member, found) in join_all(untold.map(ask)).await {
            let Some(found) = found else { continue };
            let mut all = true;
            for statement in found {
                match self.take(row, &member, &statement).await? {
                    Some(Lodgings::New) => lodgings = Lodgings::New,
                    taken => all &= taken.is_some(),
                }
            }
            if all {
                told.insert(member.id);
            }
        }
        let enough = told.len() >= roster.q();
        self.told(row.id, |known| *known = told);
        let is_known = lodgings == Lodgings::Known;
        Ok(if is_known && !enough { Lodgings::Untold } else { lodgings })
    }

    fn told<T>(&self, id: UnitId, with: impl FnOnce(&mut BTreeSet<CustodianId>) -> T) -> T {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        with(told.entry(id).or_default())
    }

    /// Whether a custodian holds a bid that the platform does not know. Asked of all of them again.
    pub(super) async fn has_unknown(&self, row: &UnitRow) -> Result<bool, Error> {
        let members = &self.roster(row)?.custodians;
        let found = join_all(members.iter().map(|member| self.lodged_at(row, member))).await;
        let mut unknown = false;
        for statement in found.into_iter().flatten().flatten() {
            unknown |= !self.is_known(row.id, statement.body().manifest_sha256).await?;
        }
        if unknown {
            self.told(row.id, BTreeSet::clear);
        }
        Ok(unknown)
    }

    /// Whether a bid was accepted, or refused on the record.
    async fn is_known(&self, id: UnitId, sha256: Hash) -> Result<bool, Error> {
        let known = self.db().query(move |conn| {
            let all = store::envelopes(conn, &id)?;
            let accepted = all.iter().any(|bid| bid.manifest_sha256 == sha256);
            Ok::<_, crate::db::Error>(accepted || refusal(conn, &id, &sha256)?.is_some())
        });
        Ok(known.await?)
    }

    /// The lodged statements of one custodian that are its own, for this unit and in time; `None`
    /// when it does not tell.
    async fn lodged_at(&self, row: &UnitRow, member: &Member) -> Option<Vec<Statement<Lodged>>> {
        let notes = lodged(&*self.parts.wire, &member.id, &row.id).await;
        let notes = notes.inspect_err(|error| {
            tracing::warn!(unit = %row.id, custodian = %member.id, %error, "no lodged bids told");
        });
        let of_unit = |note: Note| {
            let statement = Statement::<Lodged>::from_note(note).ok()?;
            statement.note().require(&member.statement_key).ok()?;
            let body = statement.body();
            let fits = body.unit_id == row.id
                && body.custodian == member.id
                && !is_closed(body.arrived_at, row.terms.deadline);
            fits.then_some(statement)
        };
        Some(notes.ok()?.into_iter().filter_map(of_unit).collect())
    }

    /// Takes one bid in; `None` when it could not be decided on.
    async fn take(
        &self,
        row: &UnitRow,
        member: &Member,
        statement: &Statement<Lodged>,
    ) -> Result<Option<Lodgings>, Error> {
        let (id, sha256) = (row.id, statement.body().manifest_sha256);
        if self.is_known(id, sha256).await? {
            return Ok(Some(Lodgings::Known));
        }
        let file = self.parts.spool.join(format!("{sha256}.bid"));
        let fetched = lodged_bid(&*self.parts.wire, &member.id, &id, &sha256, &file).await;
        let taken = match fetched {
            Ok(()) => self.parts.intake.take_lodged(statement, &file).await,
            Err(error) => Err(error.to_string()),
        };
        // It may not be there; it is named after what it holds, so it cannot be mistaken later.
        drop(tokio::fs::remove_file(&file).await);
        self.tell(row, member, sha256, &taken);
        Ok(taken.ok().map(|()| Lodgings::New))
    }

    fn tell(&self, row: &UnitRow, member: &Member, sha256: Hash, taken: &Result<(), String>) {
        if let Err(error) = taken {
            let custodian = &member.id;
            tracing::error!(unit = %row.id, %custodian, %sha256, error, "a lodged bid not taken in");
        }
    }
}
