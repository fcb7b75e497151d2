//! Whose line is whose in a closed unit whose envelopes open by order.
//!
//! Invariant: procuring entity and regulator choose which second envelopes open, and nobody else. So these
//! two are shown whose they are, once the close stands and the technical envelopes of the lot are open:
//! by the receipts of the accepted bids, which the close's lines bind. Nobody else ever is, and before
//! that no bid is looked for.

use crate::auth::Actor;
use crate::auth::table::{Act, Owner, allow};
use crate::crypto::hash::Hash;
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::rules::words::shows_lines;
use crate::opening::{Error, store};
use crate::tender::statements::Stage;
use crate::tender::{Platform, units};

/// Whose a line of a close is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedLine {
    /// The line.
    pub line: Hash,
    /// Who bid.
    pub bidder: EnterpriseId,
    /// The entry that accepted the bid.
    pub accepted_index: u64,
}

/// The lines of a unit's close with their bidders, in the order of the record.
///
/// # Errors
/// Why the actor may not, [`Misplaced::LinesSealed`](crate::opening::Misplaced::LinesSealed) before that
/// is shown, the database's.
pub async fn lines(p: &Platform, actor: &Actor, id: UnitId) -> Result<Vec<OwnedLine>, Error> {
    let row = p.db.query(move |conn| units::unit(conn, id)).await?;
    allow(actor, Act::Order, &Owner::Enterprise(row.unit.body().procuring_entity))?;
    let found = p.db.query(move |conn| {
        let row = units::unit(conn, id)?;
        let unit = row.unit.body();
        let of_tender = units::units(conn, unit.tender)?;
        let technical = of_tender.iter().find(|other| {
            let other = other.unit.body();
            other.lot == unit.lot && other.stage == Stage::Technical
        });
        shows_lines(row.state, unit.release, technical.map(|first| first.state))?;
        Ok::<_, Error>((row.close, store::envelopes(conn, &id)?))
    });
    let (close, bids) = found.await?;
    let lines = close.map(|close| close.body().lines.clone()).unwrap_or_default();
    let owned = bids.into_iter().map(|bid| OwnedLine {
        line: bid.line(),
        bidder: bid.bidder,
        accepted_index: bid.accepted_index,
    });
    Ok(owned.filter(|it| lines.binary_search(&it.line).is_ok()).collect())
}
