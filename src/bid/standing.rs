//! Where a bidder's own bids stand: its chains, and nobody else's, whoever asks.

use super::Error;
use super::rules::ChainHead;
use super::store;
use crate::auth::Actor;
use crate::auth::table::{Act, Owner, allow};
use crate::ids::UnitId;
use crate::tender::Platform;

/// A bidder's own standing in a unit: its last accepted statement and the entry that accepted it.
///
/// # Errors
/// [`Error::NotFound`] for an unknown unit, or why the actor may not.
pub async fn status(
    p: &Platform,
    actor: &Actor,
    unit: UnitId,
) -> Result<Option<(ChainHead, u64)>, Error> {
    allow(actor, Act::ReadOwnBid, &Owner::Actor)?;
    let bidder = actor.enterprise().ok_or(Error::NotFound)?;
    Ok(p.db.query(move |conn| store::place(conn, unit, bidder, None)).await?.head)
}

/// Where all bids of the actor stand: its own, and nobody else's, whoever asks.
///
/// # Errors
/// Why the actor may not.
pub async fn standings(
    p: &Platform,
    actor: &Actor,
) -> Result<Vec<(UnitId, ChainHead, u64)>, Error> {
    allow(actor, Act::ReadOwnBid, &Owner::Actor)?;
    let bidder = actor.enterprise().ok_or(Error::NotFound)?;
    Ok(p.db.query(move |conn| store::heads_of(conn, bidder)).await?)
}
