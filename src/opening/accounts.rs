//! What became of one bid, told by receipts: custodians believe nothing else.

use super::close::receipt;
use super::store::{self, Came, EnvelopeRow};
use crate::bid::envelope::EnvelopeId;
use crate::bid::rules::Stood;
use crate::bid::statements::{BidEvent, Manifest, Withdrawal};
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::statement::Statement;
use crate::custodian::wire::Account;
use crate::db::{self, Conn};
use crate::enterprise::credential_notes;
use crate::enterprise::credentials::signer;
use crate::ids::{EnterpriseId, UnitId};
use crate::record::store as record;

const WITHDRAWN: &str = "sealbid/withdrawn/v1";

/// The account of a lodged bid: as of any accepted one, or its refusal with what shows the reason, the
/// bidder's keys and the statement that stands against it. `None` while no checkpoint holds it.
pub(super) fn of_lodged(
    conn: &mut Conn,
    id: &UnitId,
    all: &[EnvelopeRow],
    (manifest, came): (&Statement<Manifest>, Came),
) -> Result<Option<Account>, db::Error> {
    let Some(bidder) = signer(manifest.note()) else { return Ok(None) };
    let own = EnvelopeId { bidder, manifest_sha256: manifest.sha256() };
    if let Some(bid) = all.iter().find(|bid| bid.id() == own) {
        return account(conn, id, all, bid);
    }
    let note = Hash::of(manifest.encode().as_bytes());
    let Some(index) = store::refused_for_good(conn, &note, came)? else { return Ok(None) };
    let Some(accepted) = receipt(conn, index)? else { return Ok(None) };
    let against = against(conn, id, all, (bidder, manifest))?;
    let later = against.map(|index| receipt(conn, index)).transpose()?.flatten();
    let credentials = credential_notes(conn, bidder)?;
    Ok(Some(Account { accepted, credentials, later }))
}

/// The entry of a statement of the bidder's own that stands against a manifest; else of the one that
/// the manifest names as the one before it, whose key may have handed over to nobody.
fn against(
    conn: &mut Conn,
    id: &UnitId,
    all: &[EnvelopeRow],
    (bidder, manifest): (EnterpriseId, &Statement<Manifest>),
) -> Result<Option<u64>, db::Error> {
    let mut stood = Vec::new();
    for bid in all.iter().filter(|bid| bid.bidder == bidder) {
        if let Ok(it) = Statement::<Manifest>::parse(bid.manifest.as_bytes()) {
            stood.push((Stood::manifest(&it), bid.accepted_index));
        }
    }
    for entry in record::entries_of_unit(conn, id, WITHDRAWN)? {
        let Some(it) = withdrawal(&entry.event) else { continue };
        if signer(it.note()) == Some(bidder) {
            stood.push((Stood::withdrawal(&it), entry.index));
        }
    }
    let prev = manifest.body().prev_sha256;
    let is_against = stood.iter().find(|(stood, _)| stood.is_against(manifest));
    let found = is_against.or_else(|| stood.iter().find(|(it, _)| Some(it.sha256) == prev));
    Ok(found.map(|(_, index)| *index))
}

/// The withdrawal that an event tells of.
fn withdrawal(event: &[u8]) -> Option<Statement<Withdrawal>> {
    match json::parse(event) {
        Ok(BidEvent::Withdrawn { withdrawal, .. }) => Statement::parse(withdrawal.as_bytes()).ok(),
        _ => None,
    }
}

/// The account of an accepted bid: its acceptance, and its bidder's next statement if there was one.
/// `None` while no checkpoint holds it.
pub(super) fn account(
    conn: &mut Conn,
    id: &UnitId,
    all: &[EnvelopeRow],
    bid: &EnvelopeRow,
) -> Result<Option<Account>, db::Error> {
    let Some(accepted) = receipt(conn, bid.accepted_index)? else { return Ok(None) };
    let later = later(conn, id, all, &bid.id())?;
    let later = later.map(|index| receipt(conn, index)).transpose()?.flatten();
    let credentials = credential_notes(conn, bid.bidder)?;
    Ok(Some(Account { accepted, credentials, later }))
}

/// The entry of the bidder's next statement after a manifest.
fn later(
    conn: &mut Conn,
    id: &UnitId,
    all: &[EnvelopeRow],
    of: &EnvelopeId,
) -> Result<Option<u64>, db::Error> {
    let withdraws = |event: &[u8]| {
        withdrawal(event).is_some_and(|it| {
            it.body().manifest_sha256 == of.manifest_sha256 && signer(it.note()) == Some(of.bidder)
        })
    };
    let withdrawn = record::entries_of_unit(conn, id, WITHDRAWN)?;
    if let Some(entry) = withdrawn.iter().find(|entry| withdraws(&entry.event)) {
        return Ok(Some(entry.index));
    }
    let follows = |bid: &&EnvelopeRow| {
        let manifest = Statement::<Manifest>::parse(bid.manifest.as_bytes());
        let prev = manifest.ok().and_then(|manifest| manifest.body().prev_sha256);
        bid.bidder == of.bidder && prev == Some(of.manifest_sha256)
    };
    Ok(all.iter().find(follows).map(|bid| bid.accepted_index))
}
