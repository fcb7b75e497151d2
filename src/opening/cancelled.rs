//! A cancellation reaches the custodians: they sign no close of the unit from then on and never hand
//! out its identity, whatever else they are shown.

use super::rules::shares::asked_again;
use super::statements::{Void, VoidReason};
use super::{Error, Opener, custodians};
use crate::clock::Time;
use crate::crypto::statement::{Body as _, Statement};
use crate::custodian::client::ask_all;
use crate::custodian::wire::AskCancel;
use crate::db;
use crate::enterprise::credential_notes;
use crate::record::store as record;
use crate::tender::units::UnitRow;

/// A custodian that has not answered by then is not told any more, in milliseconds: thirty days.
const TOLD_FOR_MS: i64 = 30 * 86_400_000;

impl Opener {
    /// Tells every custodian of a cancelled unit its buyer's word. Gives when to tell it again, if
    /// anybody did not answer; nothing for a unit that failed otherwise, which hands out nothing by its
    /// own close.
    pub(super) async fn tell_cancelled(
        &self,
        row: &UnitRow,
        now: Time,
    ) -> Result<Option<Time>, Error> {
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
