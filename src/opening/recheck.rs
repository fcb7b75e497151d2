//! The day after the opening: custodians that were missing at the release are asked until they answer,
//! and every custodian's share of every bid is opened and checked.
//!
//! Invariants: nothing of this is done before the opening stands on the record, and nothing of it
//! changes the opening. What is done is read off the record, so that it goes on from there after any
//! crash, and two instances find the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::decrypt::{UnitKey, on_all};
use super::release::unit_keys_of;
use super::rules::UnitState;
use super::rules::shares::{DAY_MS, FIRST_MS, asked_again, share_fault, used_shares};
use super::statements::{LineStatus, OpenedLine, Opening, OpeningEvent, ShareFault, SharesFound};
use super::store::{self, EnvelopeRow};
use super::{Case, Error, Opener, blocking, custodians, moves, public, soonest};
use crate::bid::statements::Manifest;
use crate::clock::Time;
use crate::crypto::json;
use crate::crypto::statement::Statement;
use crate::custodian::roster::CustodianId;
use crate::db::{self, Conn};
use crate::ids::UnitId;
use crate::record::store as record;
use crate::tender::units::UnitRow;

/// The kind of the event that says what was found.
const SHARES: &str = "sealbid/shares/v1";

impl Opener {
    /// Looks after the shares of an opened unit, as far as that is possible now. It is looked at `again` at
    /// the latest.
    pub(super) async fn recheck(
        &self,
        case: &Case,
        again: Option<Time>,
        now: Time,
    ) -> Result<(), Error> {
        let (row, id) = (&case.row, case.row.id);
        let Some(index) = row.opening_index else { return Ok(()) };
        let (opening, done) = self
            .db()
            .query(move |conn| {
                let entry = record::entry(conn, index)?.ok_or(db::Error::NotFound)?;
                Ok::<_, db::Error>((entry.event, found(conn, &id)?))
            })
            .await?;
        let opening = Statement::<Opening>::parse(&opening)?;
        let opened_at = opening.body().opened_at;
        if now.since(opened_at) < FIRST_MS {
            return Ok(());
        }
        let next = asked_again((opened_at, DAY_MS), now);
        let open: Vec<CustodianId> = custodians(self.roster(row)?)
            .into_iter()
            .filter(|custodian| !done.contains(custodian))
            .collect();
        if open.is_empty() {
            return Ok(self
                .db()
                .write(move |tx| moves::look_again(tx, &id, UnitState::Opened, again))
                .await?);
        }
        if next.is_some() {
            self.ask_release(case, self.roster(row)?.n()).await?;
        }
        self.check_shares(row, opening.body(), open, (next, again)).await
    }

    /// Checks the shares of those that have released, and names the others once the day is over.
    async fn check_shares(
        &self,
        row: &UnitRow,
        opening: &Opening,
        mut open: Vec<CustodianId>,
        (next, again): (Option<Time>, Option<Time>),
    ) -> Result<(), Error> {
        let id = row.id;
        let (releases, bids) = self
            .db()
            .query(move |conn| {
                Ok::<_, db::Error>((store::releases(conn, &id)?, store::envelopes(conn, &id)?))
            })
            .await?;
        let keys = Arc::new(unit_keys_of(row, &releases));
        let lines = Arc::new(checked_lines(opening, &bids)?);
        for place in 0..keys.len() {
            let Some(custodian) = keys.get(place).map(|key| key.custodian.clone()) else { break };
            if !open.contains(&custodian) {
                continue;
            }
            let (keys, lines, used) =
                (Arc::clone(&keys), Arc::clone(&lines), opening.releases.clone());
            let faults = blocking(move || faults(&lines, keys.get(place), &keys, &used)).await?;
            self.record_shares(id, custodian.clone(), SharesFound::Checked(faults)).await?;
            open.retain(|other| *other != custodian);
        }
        if next.is_none() {
            for custodian in std::mem::take(&mut open) {
                self.record_shares(id, custodian, SharesFound::Absent).await?;
            }
        }
        let next = soonest([next.filter(|_| !open.is_empty()), again]);
        Ok(self.db().write(move |tx| moves::look_again(tx, &id, UnitState::Opened, next)).await?)
    }

    /// Says what was found of one custodian's shares, once.
    async fn record_shares(
        &self,
        unit_id: UnitId,
        custodian: CustodianId,
        found_now: SharesFound,
    ) -> Result<(), Error> {
        let whose = custodian.clone();
        let event = OpeningEvent::Shares { custodian, found: found_now, unit_id };
        let event = public(unit_id, SHARES, json::to_string(&event)?);
        let recorded = self.db().write_after_entries(move |tx| {
            if found(tx.conn(), &unit_id)?.contains(&whose) {
                return Ok(());
            }
            tx.record(event).map(drop)
        });
        Ok(recorded.await?)
    }
}

/// About whose shares the record says what was found.
fn found(conn: &mut Conn, id: &UnitId) -> Result<BTreeSet<CustodianId>, db::Error> {
    let entries = record::entries_of_unit(conn, id, SHARES)?;
    let custodians = entries.iter().filter_map(|entry| match json::parse(&entry.event) {
        Ok(OpeningEvent::Shares { custodian, .. }) => Some(custodian),
        _ => None,
    });
    Ok(custodians.collect())
}

/// A line whose shares are looked at.
struct Checked {
    line: OpenedLine,
    manifest: Manifest,
    shares: Vec<Vec<u8>>,
}

/// Every line of the opening but those whose bid is lost.
fn checked_lines(opening: &Opening, bids: &[EnvelopeRow]) -> Result<Vec<Checked>, Error> {
    let mut checked = Vec::new();
    for line in opening.lines.iter().filter(|line| line.outcome != LineStatus::Lost) {
        let manifest = Statement::<Manifest>::parse(line.manifest.as_bytes())?;
        let bid = bids.iter().find(|bid| bid.line() == line.line);
        let shares = bid.map(|bid| bid.shares.clone()).unwrap_or_default();
        checked.push(Checked { line: line.clone(), manifest: manifest.body().clone(), shares });
    }
    Ok(checked)
}

/// What is wrong with one custodian's shares.
fn faults(
    lines: &[Checked],
    own: Option<&UnitKey>,
    keys: &[UnitKey],
    used: &[CustodianId],
) -> Vec<ShareFault> {
    let Some(own) = own else { return Vec::new() };
    let one = |checked: &Checked| {
        let sealed = |place: usize| checked.shares.get(place).map(Vec::as_slice);
        let parts: Vec<_> = keys
            .iter()
            .filter(|key| used.contains(&key.custodian))
            .map(|key| (key.place, sealed(key.place), &key.identity))
            .collect();
        let used = used_shares(&checked.manifest, &parts);
        let key = (own.place, &own.identity);
        let code = share_fault(&checked.manifest, sealed(own.place), key, &used)?;
        Some(ShareFault { code, line: checked.line.line })
    };
    on_all(lines, one).into_iter().flatten().collect()
}
