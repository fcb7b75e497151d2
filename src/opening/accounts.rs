//! What became of one bid, told by receipts: custodians believe nothing else.

use super::close::receipt;
use super::store::{self, EnvelopeRow};
use crate::bid::rules::Stood;
use crate::bid::statements::{BidEvent, Manifest, Withdrawal};
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::statement::Statement;
use crate::custodian::wire::Account;
use crate::db::{self, Conn};
use crate::enterprise::credentials::enterprise_of;
use crate::ids::{EnterpriseId, UnitId};
use crate::record::store as record;

const WITHDRAWN: &str = "sealbid/withdrawn/v1";

/// The account of a lodged bid: as of any accepted one, or its refusal with what shows the reason, the
/// bidder's keys and the statement that stands against it. `None` while no checkpoint holds it.
pub(super) fn of_lodged(
    conn: &mut Conn,
    id: &UnitId,
    all: &[EnvelopeRow],
    manifest: &Statement<Manifest>,
) -> Result<Option<Account>, db::Error> {
    if let Some(account) = account(conn, id, all, &manifest.sha256())? {
        return Ok(Some(account));
    }
    let note = Hash::of(manifest.encode().as_bytes());
    let Some(index) = store::refused_for_good(conn, &note)? else { return Ok(None) };
    let Some(accepted) = receipt(conn, index)? else { return Ok(None) };
    let signer = manifest.note().signatures().first().and_then(|s| enterprise_of(&s.name));
    let Some(bidder) = signer else { return Ok(None) };
    let against = against(conn, id, all, (bidder, manifest))?;
    let later = against.map(|index| receipt(conn, index)).transpose()?.flatten();
    let credentials = store::credentials(conn, &bidder)?;
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
        let Ok(BidEvent::Withdrawn { withdrawal, .. }) = json::parse(&entry.event) else {
            continue;
        };
        let Ok(it) = Statement::<Withdrawal>::parse(withdrawal.as_bytes()) else { continue };
        let signer = it.note().signatures().first().and_then(|s| enterprise_of(&s.name));
        if signer == Some(bidder) {
            stood.push((Stood::withdrawal(&it), entry.index));
        }
    }
    let prev = manifest.body().prev_sha256;
    let is_against = stood.iter().find(|(stood, _)| stood.is_against(manifest));
    let found = is_against.or_else(|| stood.iter().find(|(it, _)| Some(it.sha256) == prev));
    Ok(found.map(|(_, index)| *index))
}

/// The account of an accepted bid: its acceptance, and its bidder's next statement if there was one.
/// `None` while no checkpoint holds it.
pub(super) fn account(
    conn: &mut Conn,
    id: &UnitId,
    all: &[EnvelopeRow],
    manifest_sha256: &Hash,
) -> Result<Option<Account>, db::Error> {
    let Some(bid) = all.iter().find(|bid| bid.manifest_sha256 == *manifest_sha256) else {
        return Ok(None);
    };
    let Some(accepted) = receipt(conn, bid.accepted_index)? else { return Ok(None) };
    let later = later(conn, id, all, manifest_sha256)?;
    let later = later.map(|index| receipt(conn, index)).transpose()?.flatten();
    let credentials = store::credentials(conn, &bid.bidder)?;
    Ok(Some(Account { accepted, credentials, later }))
}

/// The entry of the bidder's next statement after a manifest.
fn later(
    conn: &mut Conn,
    id: &UnitId,
    all: &[EnvelopeRow],
    of: &Hash,
) -> Result<Option<u64>, db::Error> {
    for entry in record::entries_of_unit(conn, id, "sealbid/withdrawn/v1")? {
        match json::parse(&entry.event) {
            Ok(BidEvent::Withdrawn { manifest_sha256, .. }) if manifest_sha256 == *of => {
                return Ok(Some(entry.index));
            }
            _ => {}
        }
    }
    let follows = |bid: &&EnvelopeRow| {
        let manifest = Statement::<Manifest>::parse(bid.manifest.as_bytes());
        manifest.is_ok_and(|manifest| manifest.body().prev_sha256 == Some(*of))
    };
    Ok(all.iter().find(follows).map(|bid| bid.accepted_index))
}
