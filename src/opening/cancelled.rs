//! What follows a void: a cancellation reaches the custodians, and the ciphertexts are deleted.
//!
//! Invariant: custodians that know of a cancellation sign no close of the unit from then on and never
//! hand out its identity, whatever else they are shown.

use super::rules::UnitState;
use super::rules::shares::asked_again;
use super::statements::{Void, VoidReason};
use super::{Error, Opener, custodians, moves, soonest, store};
use crate::clock::Time;
use crate::crypto::statement::{Body as _, Statement};
use crate::custodian::client::ask_all;
use crate::custodian::wire::AskCancel;
use crate::db;
use crate::enterprise::credential_notes;
use crate::record::store as record;
use crate::tender::units::UnitRow;

/// A ciphertext that could not be deleted is tried again after this many milliseconds.
const DELETE_AGAIN_MS: i64 = 60_000;

/// A custodian that has not answered by then is not told any more, in milliseconds: thirty days.
const TOLD_FOR_MS: i64 = 30 * 86_400_000;

impl Opener {
    /// Tells the custodians of a cancellation, those that were away once more, and deletes what a void
    /// says shall never be read: that comes second, for a disk may refuse it for ever.
    pub(super) async fn end(
        &self,
        row: &UnitRow,
        again: Option<Time>,
        now: Time,
    ) -> Result<(), Error> {
        let id = row.id;
        let told = self.tell_cancelled(row, now).await?;
        let kept = self.db().query(move |conn| store::blobs_kept(conn, &id)).await?;
        let deleted = match self.delete(kept).await {
            Err(Error::Blob(error)) => {
                tracing::error!(unit = %id, %error, "a ciphertext that is to be deleted");
                Some(now.plus(DELETE_AGAIN_MS))
            }
            other => other.map(|()| None)?,
        };
        let again = soonest([told, again, deleted]);
        let state = UnitState::Void;
        Ok(self.db().write(move |tx| moves::look_again(tx, &id, state, again)).await?)
    }

    /// Tells every custodian of a cancelled unit its buyer's word. Gives when to tell it again, if
    /// anybody did not answer; nothing for a unit that failed otherwise, which hands out nothing by its
    /// own close.
    async fn tell_cancelled(&self, row: &UnitRow, now: Time) -> Result<Option<Time>, Error> {
        let (id, entity) = (row.id, row.unit.body().procuring_entity);
        let told = self.db().query(move |conn| {
            let last = record::entries_of_unit(conn, &id, Void::TYPE)?.pop();
            Ok::<_, db::Error>((last, credential_notes(conn, entity)?))
        });
        let (Some(entry), credentials) = told.await? else { return Ok(None) };
        let void = Statement::<Void>::parse(&entry.event)?;
        if void.body().reason != VoidReason::Cancelled {
            return Ok(None);
        }
        let ask = AskCancel { credentials, unit: row.unit.encode(), void: void.encode() };
        let all = custodians(self.roster(row)?);
        let mut untold = false;
        for (custodian, told) in ask_all(self.wire(row)?, &all, &ask).await {
            if let Err(error) = told {
                untold = true;
                tracing::warn!(unit = %id, %custodian, %error, "a cancellation not told");
            }
        }
        Ok(asked_again((entry.at, TOLD_FOR_MS), now).filter(|_| untold))
    }
}
