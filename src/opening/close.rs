//! The close: the set of live bids is frozen, every ciphertext is read back, and q custodians sign.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;

use super::accounts;
use super::lodged::{ByCustodian, Lodgings};
use super::rules::{LODGED_MS, can_agree, is_spare, sorted_lines};
use super::statements::{Close, LapseReason, OpeningEvent};
use super::store::{self, EnvelopeRow};
use super::{Case, Error, Held, Opener, blocking, lapsed, moves, public};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::note::Note;
use crate::crypto::statement::{Body as _, Statement};
use crate::custodian::client::{AskError, ask_note, next_answer};
use crate::custodian::roster::{CustodianId, Member, Roster};
use crate::custodian::wire::{Account, AskAmendment, AskClose};
use crate::db::{self, Conn};
use crate::enterprise::credential_notes;
use crate::ids::{EnterpriseId, UnitId};
use crate::record::append::Event;
use crate::record::store as record;
use crate::tender::statements::Amendment;
use crate::tender::units::{self, UnitRow};

/// Kinds of the events recorded here.
pub(super) const PROPOSED: &str = "sealbid/proposed/v1";
const MISSING: &str = "sealbid/missing/v1";
const RESUPPLIED: &str = "sealbid/resupplied/v1";
/// Codes by which an agent says what it lacks: the amendments of the times that a close names, or the
/// receipt of a close that it has not signed yet.
const NO_RECEIPT: &str = "custodian-receipt";
const OTHER_TIMES: &str = "custodian-other-times";

impl Opener {
    /// Reads every ciphertext back and proposes the close; the proposal is on the record before any
    /// request leaves.
    pub(super) async fn propose_close(&self, case: &Case, size: u64) -> Result<(), Error> {
        // A bid lodged elsewhere needs a later freeze: the next step finds it.
        if self.ask_for_lodged(&case.row).await? != Lodgings::Known {
            return Ok(());
        }
        let row = case.row.clone();
        let id = row.id;
        let live = self.db().query(move |conn| live(conn, &id)).await?;
        self.read_back(&row, live.clone()).await?;
        let lines = sorted_lines(live.iter().map(EnvelopeRow::line).collect());
        let body = row.terms.close(lines.clone(), size, id);
        let close = Statement::signed(body, &self.parts.key)?;
        let proposed = proposed(id, &close)?;
        self.db()
            .write_after_entries(move |tx| {
                let now = live_lines(tx.conn(), &id)?;
                let holds_all = units::decided_size(tx.conn(), &id)? <= size;
                if now != lines || !holds_all {
                    return Err(db::Error::lost_race("the set of bids"));
                }
                let at = tx.record(proposed)?;
                let (note, sha256) = (close.encode(), close.sha256());
                moves::propose_close(tx, &row, size, (&note, &sha256), at.index)
            })
            .await?;
        Ok(())
    }

    /// Names each ciphertext that cannot be read back, once until it is brought again. Its line stays in
    /// the close.
    async fn read_back(&self, row: &UnitRow, live: Vec<EnvelopeRow>) -> Result<(), Error> {
        let blobs = std::sync::Arc::clone(&self.parts.blobs);
        let lost = blocking(move || {
            let is_lost = |bid: &EnvelopeRow| {
                blobs.rehash(bid.blob).map_or(true, |stored| stored.sha256 != bid.blob_sha256)
            };
            live.into_iter().filter(is_lost).collect::<Vec<_>>()
        });
        let lost = lost.await?;
        if lost.is_empty() {
            return Ok(());
        }
        let id = row.id;
        let known = self.db().query(move |conn| named_missing(conn, &id)).await?;
        for bid in lost.into_iter().filter(|bid| !known.contains(&bid.line())) {
            let event = missing_event(id, bid.line(), bid.blob_sha256)?;
            self.db().write(move |tx| tx.record(event)).await?;
        }
        Ok(())
    }

    /// Asks the custodians that have not signed; with the platform and q it takes effect, and whoever is
    /// slower is waited for no longer than a moment.
    pub(super) async fn ask_close(&self, case: &Case, now: Time) -> Result<(), Error> {
        let row = &case.row;
        let (Some(mut close), Some(index)) = (row.close.clone(), row.close_proposed) else {
            return Err(db::Error::Corrupt("a closing unit without its close".to_owned()).into());
        };
        let size = close.body().size;
        let shown = self.db().query(move |conn| {
            let frozen = record::checkpoint_at(conn, size)?;
            Ok::<_, db::Error>((receipt(conn, index)?, record::cosigned_note(conn, &frozen)?))
        });
        // Its checkpoint comes with the sequencer's next tick.
        let (Some(proposed), checkpoint) = shown.await? else { return Ok(()) };
        let (text, checkpoint) = (close.encode(), checkpoint.encode());
        let ask = AskClose { checkpoint, close: text, lodged: Vec::new(), proposed };
        let roster = self.roster(row)?;
        let held = self.lodged_with(row).await?;
        let (signed, size) = (signatures(&close, roster)?, (roster.n(), usize::from(roster.t)));
        let may_drop = is_spare(signed, size.0, size.1) && now < row.terms.deadline.plus(LODGED_MS);
        if may_drop && self.has_unknown(row, &held).await? {
            return self.drop_close(row, close, &ask, &held).await;
        }
        let (ask, held) = (&ask, &held);
        let mut asked: FuturesUnordered<_> = missing(&close, roster)
            .into_iter()
            .map(async |member| (member, self.ask_one(row, member, ask, held).await))
            .collect();
        let before = signed;
        let mut needed = roster.q().saturating_sub(before);
        while let Some((member, answer)) = next_answer(&mut asked, needed).await {
            match answer.and_then(|note| Ok(close.adopt(&note, &member.statement_key)?)) {
                Ok(()) => needed = needed.saturating_sub(1),
                Err(error) => {
                    tracing::warn!(unit = %row.id, custodian = %member.id, %error, "no signature");
                }
            }
        }
        self.take_signatures(row, close, before, roster).await
    }

    /// Asks one custodian; one that slept through an amendment is shown it first.
    async fn ask_one(
        &self,
        row: &UnitRow,
        member: &Member,
        ask: &AskClose,
        held: &ByCustodian,
    ) -> Result<Note, AskError> {
        let lodged = self.accounts(row, held.get(&member.id).cloned().unwrap_or_default()).await;
        let lodged = lodged.map_err(|error| AskError::Silent(error.to_string()))?;
        let ask = AskClose { lodged, ..ask.clone() };
        let wire = self.wire(row).map_err(|error| AskError::Silent(error.to_string()))?;
        match ask_note(wire, &member.id, &ask).await {
            Err(error) if row.amendment_no > 0 && error.is_refusal(OTHER_TIMES) => {
                self.show_amendments(row, &member.id).await?;
                ask_note(wire, &member.id, &ask).await
            }
            answer => answer,
        }
    }

    /// Shows a custodian the effective amendments, in order. Those that it has signed already it
    /// refuses as out of their chain, which says nothing.
    async fn show_amendments(&self, row: &UnitRow, to: &CustodianId) -> Result<(), AskError> {
        let wire = self.wire(row).map_err(|error| AskError::Silent(error.to_string()))?;
        let (id, entity) = (row.id, row.unit.body().procuring_entity);
        let asks = self.db().query(move |conn| amendments(conn, id, entity)).await;
        for ask in asks.map_err(|error| AskError::Silent(error.to_string()))? {
            match ask_note(wire, to, &ask).await {
                Ok(_) | Err(AskError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes a proposed close back for one that holds what a custodian was lodged and the platform
    /// did not know. Nobody is asked to sign it any more, only whether it has: a custodian that did
    /// signs again whatever else it is shown, and one that did not misses the proposal's receipt. One
    /// that is silent, or lost its memory, may have signed. So nothing is dropped that could still
    /// take effect, and what takes its place finds its quorum.
    async fn drop_close(
        &self,
        row: &UnitRow,
        mut close: Statement<Close>,
        ask: &AskClose,
        held: &ByCustodian,
    ) -> Result<(), Error> {
        let (roster, wire) = (self.roster(row)?, self.wire(row)?);
        let ask = AskClose { lodged: Vec::new(), proposed: String::new(), ..ask.clone() };
        let asked = missing(&close, roster)
            .into_iter()
            .map(async |member| (member, ask_note(wire, &member.id, &ask).await));
        let (before, mut free) = (signatures(&close, roster)?, 0_usize);
        for (member, answer) in join_all(asked).await {
            match answer.and_then(|note| Ok(close.adopt(&note, &member.statement_key)?)) {
                Ok(()) => {}
                Err(error) => {
                    free = free.saturating_add(usize::from(error.is_refusal(NO_RECEIPT)));
                    tracing::warn!(unit = %row.id, custodian = %member.id, %error, "not signed");
                }
            }
        }
        if !can_agree(free, (roster.n(), usize::from(roster.t))) {
            return self.take_signatures(row, close, before, roster).await;
        }
        let event = lapsed(row.id, close.sha256(), LapseReason::Incomplete)?;
        let dropped = row.clone();
        self.db()
            .write(move |tx| {
                tx.record(event)?;
                moves::drop_close(tx, &dropped)
            })
            .await?;
        self.await_lodged(row, held);
        Ok(())
    }

    /// Takes over what custodians signed, more than `before`. With q of them it is the close.
    async fn take_signatures(
        &self,
        row: &UnitRow,
        close: Statement<Close>,
        before: usize,
        roster: &Roster,
    ) -> Result<(), Error> {
        let custodians = roster.statement_keys();
        let count = signatures(&close, roster)?;
        let mut keys = vec![self.parts.key.verifying().clone()];
        keys.extend(custodians);
        let note = close.ordered(&keys).encode();
        let row = row.clone();
        if count < roster.q() {
            if count > before {
                self.db().write(move |tx| moves::keep_signatures(tx, &row, &note)).await?;
            }
            return Ok(());
        }
        let event = public(row.id, Close::TYPE, note.clone());
        self.db()
            .write(move |tx| {
                let at = tx.record(event)?;
                moves::close(tx, &row, &note, at.index)
            })
            .await?;
        Ok(())
    }

    /// What became of each bid lodged with one custodian: it signs no close without,
    /// and releases nothing.
    pub(super) async fn accounts(
        &self,
        row: &UnitRow,
        held: Vec<Held>,
    ) -> Result<Vec<Account>, Error> {
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let id = row.id;
        let accounts = self.db().query(move |conn| {
            let all = store::envelopes(conn, &id)?;
            let accounts = held
                .iter()
                .map(|held| accounts::of_lodged(conn, &id, &all, (&held.manifest, held.came)));
            accounts.collect::<Result<Vec<_>, db::Error>>()
        });
        Ok(accounts.await?.into_iter().flatten().collect())
    }
}

/// The custodians whose signatures are not there.
fn missing<'a>(close: &Statement<Close>, roster: &'a Roster) -> Vec<&'a Member> {
    let has_signed =
        |member: &&Member| close.note().signed_by(&member.statement_key).unwrap_or(false);
    roster.custodians.iter().filter(|member| !has_signed(member)).collect()
}

/// How many custodians have signed.
fn signatures(close: &Statement<Close>, roster: &Roster) -> Result<usize, Error> {
    Ok(close.note().count(&roster.statement_keys())?)
}

/// The requests by which custodians were asked for a unit's effective amendments, in order.
fn amendments(
    conn: &mut Conn,
    id: UnitId,
    entity: EnterpriseId,
) -> Result<Vec<AskAmendment>, db::Error> {
    let corrupt = |_| db::Error::Corrupt("an amendment".to_owned());
    let proposals = record::entries_of_unit(conn, &id, PROPOSED)?;
    let credentials = credential_notes(conn, entity)?;
    let mut asks = Vec::new();
    for entry in record::entries_of_unit(conn, &id, Amendment::TYPE)? {
        let amendment = Statement::<Amendment>::parse(&entry.event).map_err(corrupt)?;
        let of_this = |event: &[u8]| match json::parse(event) {
            Ok(OpeningEvent::Proposed { statement_sha256, .. }) => {
                statement_sha256 == amendment.sha256()
            }
            _ => false,
        };
        let asked = proposals.iter().find(|proposal| of_this(&proposal.event));
        let index = asked.ok_or(db::Error::NotFound)?.index;
        asks.push(AskAmendment {
            amendment: amendment.encode(),
            credentials: credentials.clone(),
            proposed: receipt(conn, index)?.ok_or(db::Error::NotFound)?,
            unit_id: id,
        });
    }
    Ok(asks)
}

/// The event that a statement is being asked for.
pub(super) fn proposed(id: UnitId, close: &Statement<Close>) -> Result<Event, Error> {
    let statement_sha256 = close.sha256();
    let event = OpeningEvent::Proposed { statement: close.encode(), statement_sha256, unit_id: id };
    Ok(public(id, PROPOSED, json::to_string(&event)?))
}

/// The receipt of an entry under the last checkpoint, once one holds it.
pub(super) fn receipt(conn: &mut Conn, index: u64) -> Result<Option<String>, db::Error> {
    match record::latest_checkpoint(conn)? {
        Some(last) if last.size > index => {
            record::receipt(conn, index, &last).map(|receipt| Some(receipt.encode()))
        }
        _ => Ok(None),
    }
}

fn live(conn: &mut Conn, id: &UnitId) -> Result<Vec<EnvelopeRow>, db::Error> {
    Ok(store::envelopes(conn, id)?.into_iter().filter(|bid| bid.live).collect())
}

fn live_lines(conn: &mut Conn, id: &UnitId) -> Result<Vec<Hash>, db::Error> {
    Ok(sorted_lines(live(conn, id)?.iter().map(EnvelopeRow::line).collect()))
}

/// The event that names a ciphertext which cannot be read back.
pub(super) fn missing_event(id: UnitId, line: Hash, sha256: Hash) -> Result<Event, Error> {
    let event = OpeningEvent::Missing { line, sha256, unit_id: id };
    Ok(public(id, MISSING, json::to_string(&event)?))
}

/// The lines named as missing whose ciphertext nobody has brought again since.
pub(super) fn named_missing(conn: &mut Conn, id: &UnitId) -> Result<BTreeSet<Hash>, db::Error> {
    let mut entries = record::entries_of_unit(conn, id, MISSING)?;
    entries.extend(record::entries_of_unit(conn, id, RESUPPLIED)?);
    entries.sort_by_key(|entry| entry.index);
    let mut missing = BTreeSet::new();
    for entry in &entries {
        match json::parse(&entry.event) {
            Ok(OpeningEvent::Missing { line, .. }) => {
                missing.insert(line);
            }
            Ok(OpeningEvent::Resupplied { line, .. }) => {
                missing.remove(&line);
            }
            _ => {}
        }
    }
    Ok(missing)
}
