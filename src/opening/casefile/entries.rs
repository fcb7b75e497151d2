//! Which entries of the record a case file is about, and the head that proves them.

use std::collections::BTreeSet;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::Error;
use crate::clock::Time;
use crate::crypto::json;
use crate::crypto::statement::{Body as _, Statement};
use crate::custodian::roster::Roster;
use crate::db::schema::{entry, tender};
use crate::db::{Conn, Error as DbError};
use crate::enterprise::statement_indices;
use crate::ids::{EnterpriseId, TenderId, UnitId};
use crate::on_each;
use crate::opening::close::PROPOSED;
use crate::opening::statements::{Opening, OpeningEvent};
use crate::record::cosigned::{self, Which};
use crate::record::disclosure::Level;
use crate::record::store::{self as record, Entry, StoredCheckpoint};
use crate::record::succession::Succession;
use crate::tender::statements::Amendment;
use crate::tender::units::UnitRow;

/// The head of a case: the last that q of the newest roster have cosigned, or, when that does not
/// hold everything and t have cosigned a later one, that one.
pub(in crate::opening) fn head_for(
    conn: &mut Conn,
    roster: &Roster,
    last: u64,
) -> Result<StoredCheckpoint, Error> {
    let names = roster.witness_names();
    let mut latest = |k| -> Result<Option<StoredCheckpoint>, DbError> {
        let last = cosigned::by(conn, &names, k, 0, Time::from_millis(0), Which::Last)?;
        last.map(|found| record::checkpoint_at(conn, found.size)).transpose()
    };
    match latest(roster.q())? {
        Some(head) if head.size > last => Ok(head),
        other => latest(usize::from(roster.t))?.or(other).ok_or(Error::NotCosigned),
    }
}

type Row = (i64,);

/// The public entries of one unit, in order. They stand in an index of their own: what is sealed of the
/// unit is not touched.
pub(super) fn public_of(conn: &mut Conn, id: UnitId) -> Result<Vec<Entry>, Error> {
    let query = entry::table
        .filter(entry::unit.eq(id.to_string()))
        // Said as in the index, or it is not used.
        .filter(sql::<Bool>("level = 'public'"))
        .order(entry::idx)
        .select((entry::idx,));
    let rows: Vec<Row> = on_each!(conn, |c| query.load(c)).map_err(DbError::from)?;
    entries_at(conn, rows)
}

fn entries_at(conn: &mut Conn, rows: Vec<Row>) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::with_capacity(rows.len());
    for (idx,) in rows {
        let index = u64::try_from(idx).map_err(|_| DbError::Corrupt("an index".to_owned()))?;
        entries.extend(record::entry(conn, index)?);
    }
    Ok(entries)
}

/// What ties units to the world: the rosters and the successions of the record, and the notices
/// of their tenders.
pub(super) fn framing(conn: &mut Conn, tenders: &BTreeSet<TenderId>) -> Result<Vec<Entry>, Error> {
    let ids: Vec<String> = tenders.iter().map(ToString::to_string).collect();
    let notices = tender::table
        .filter(tender::id.eq_any(ids).and(tender::notice_index.is_not_null()))
        .order(tender::id)
        .select((tender::notice_index.assume_not_null(),));
    let notices: Vec<Row> = on_each!(conn, |c| notices.load(c)).map_err(DbError::from)?;
    let links = entry::table
        .filter(entry::kind.eq_any([Roster::TYPE, Succession::TYPE]))
        .filter(entry::level.eq(Level::Public.to_string()))
        .order(entry::idx)
        .select((entry::idx,));
    let links: Vec<Row> = on_each!(conn, |c| links.load(c)).map_err(DbError::from)?;
    entries_at(conn, links.into_iter().chain(notices).collect())
}

/// The public statements about these bodies and their keys, in order.
pub(super) fn about(conn: &mut Conn, bodies: &BTreeSet<EnterpriseId>) -> Result<Vec<Entry>, Error> {
    let mut places = BTreeSet::new();
    for body in bodies {
        places.extend(statement_indices(conn, *body)?);
    }
    let all = entries_at(conn, places.into_iter().map(|index| (index,)).collect())?;
    // The rosters among them frame every case.
    Ok(all.into_iter().filter(|entry| entry.kind != Roster::TYPE).collect())
}

/// For each effective amendment of a unit the checkpoint that shows that it was asked before the
/// deadline it moved, where there is one.
pub(super) fn asked_in_time(
    conn: &mut Conn,
    row: &UnitRow,
    roster: &Roster,
) -> Result<Vec<u64>, Error> {
    let corrupt = |_| DbError::Corrupt("an amendment".to_owned());
    let (names, few) = (roster.witness_names(), (roster.q(), usize::from(roster.t)));
    let proposals = record::entries_of_unit(conn, &row.id, PROPOSED)?;
    let (mut sizes, mut deadline) = (Vec::new(), row.unit.body().deadline);
    for entry in record::entries_of_unit(conn, &row.id, Amendment::TYPE)? {
        let amendment = Statement::<Amendment>::parse(&entry.event).map_err(corrupt)?;
        let asks_it = |proposal: &&Entry| {
            matches!(json::parse(&proposal.event), Ok(OpeningEvent::Proposed { statement_sha256, .. })
                if statement_sha256 == amendment.sha256())
        };
        if let Some(proposal) = proposals.iter().find(asks_it) {
            sizes.extend(cosigned::from_before(conn, &names, few, proposal.index, deadline)?);
        }
        deadline = amendment.body().deadline;
    }
    Ok(sizes)
}

/// Whom an opening names.
pub(super) fn bidders(entry: &Entry) -> Vec<EnterpriseId> {
    if entry.kind != Opening::TYPE {
        return Vec::new();
    }
    let opening = Statement::<Opening>::parse(&entry.event);
    opening.map_or_else(|_| Vec::new(), |s| s.body().lines.iter().map(|l| l.bidder).collect())
}
