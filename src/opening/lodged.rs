//! Bids that reached a custodian while the portal did not answer: fetched after the deadline, before
//! the set is frozen.

use std::sync::PoisonError;

use futures_util::future::join_all;

use super::statements::Lodged;
use super::store;
use super::{Error, Opener};
use crate::clock::is_closed;
use crate::crypto::hash::Hash;
use crate::crypto::note::Note;
use crate::crypto::statement::Statement;
use crate::custodian::client::{lodged, lodged_bid};
use crate::custodian::roster::Member;
use crate::tender::units::UnitRow;

impl Opener {
    /// Asks every custodian for the bids lodged with it and takes in those that the platform does
    /// not know. Once per unit and process: what is lodged later is late. Says whether any was new.
    pub(super) async fn fetch_lodged(&self, row: &UnitRow) -> Result<bool, Error> {
        if self.fetched.lock().unwrap_or_else(PoisonError::into_inner).contains(&row.id) {
            return Ok(false);
        }
        let members = &self.roster(row)?.custodians;
        let ask = async |member: &Member| (member.clone(), self.lodged_at(row, member).await);
        let mut any = false;
        for (member, found) in join_all(members.iter().map(ask)).await {
            for statement in found {
                any |= self.take(row, &member, &statement).await?;
            }
        }
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).insert(row.id);
        Ok(any)
    }

    /// The lodged statements of one custodian that are its own, for this unit and in time.
    async fn lodged_at(&self, row: &UnitRow, member: &Member) -> Vec<Statement<Lodged>> {
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
        notes.unwrap_or_default().into_iter().filter_map(of_unit).collect()
    }

    async fn take(
        &self,
        row: &UnitRow,
        member: &Member,
        statement: &Statement<Lodged>,
    ) -> Result<bool, Error> {
        let (id, sha256) = (row.id, statement.body().manifest_sha256);
        let known = self.db().query(move |conn| {
            let all = store::envelopes(conn, &id)?;
            Ok::<_, crate::db::Error>(all.iter().any(|bid| bid.manifest_sha256 == sha256))
        });
        if known.await? {
            return Ok(false);
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
        Ok(taken.is_ok())
    }

    fn tell(&self, row: &UnitRow, member: &Member, sha256: Hash, taken: &Result<(), String>) {
        if let Err(error) = taken {
            let custodian = &member.id;
            tracing::error!(unit = %row.id, %custodian, %sha256, error, "a lodged bid not taken in");
        }
    }
}
