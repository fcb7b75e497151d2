//! What is shown to whom: entries of the record by their level, and the files of opened bids.
//!
//! Invariant: what somebody may not see is answered like what is not there, pads among it: whoever
//! asks for entries, one by one or by the page, learns no more than the public tree tells, by the
//! answers' time either. The regulator opens every leaf, pads too, up to the first unit still to end.

pub mod http;
pub mod lines;
pub mod sight;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use self::sight::Sight;
use super::store;
use super::{Error, Misplaced, Opener, blocking};
use crate::auth::Actor;
use crate::auth::table::{Act, Owner, allow};
use crate::crypto::hash::Hash;
use crate::crypto::seal::payload::Listed;
use crate::db::{self, Conn};
use crate::ids::{EnterpriseId, UnitId};
use crate::record::disclosure::{Level, Reader, may_see};
use crate::record::leaf::PadKey;
use crate::record::store::{self as record, Entry};
use crate::tender::{Platform, units};
use crate::verify::casefile::OpenedLeaf;

/// Leaves of a page at most: a bundle's.
const PAGE: u64 = 256;

/// Events in a page stop it at this many bytes; one event may be larger.
const PAGE_BYTES: usize = 4 << 20;

/// A piece of the record as somebody may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The first index that it speaks of.
    pub from: u64,
    /// The first that it does not.
    pub next: u64,
    /// What may be seen between them, ascending; a pad has no event bytes.
    pub leaves: Vec<OpenedLeaf>,
}

/// What a page is cut from, found in one snapshot.
struct Seen {
    entries: Vec<OpenedLeaf>,
    next: u64,
    pads_below: u64,
}

/// An entry that a published tree holds and the actor may see, or for the regulator a pad that is
/// open; `None` for all others.
///
/// # Errors
/// The database's.
pub async fn entry(
    p: &Platform,
    pads: &PadKey,
    actor: &Actor,
    index: u64,
) -> Result<Option<OpenedLeaf>, db::Error> {
    Ok(page(p, pads, actor, index..index.saturating_add(1)).await?.leaves.pop())
}

/// The leaves of the published tree in `range` that the actor may see: at most a page, which says
/// where the next one begins.
///
/// # Errors
/// The database's.
pub async fn page(
    p: &Platform,
    pads: &PadKey,
    actor: &Actor,
    range: Range<u64>,
) -> Result<Page, db::Error> {
    let (from, size) = (range.start, p.sequencer.published().checkpoint.size);
    let end = range.end.min(size).min(from.saturating_add(PAGE));
    let actor = actor.clone();
    let found = p.db.query(move |conn| seen(conn, &actor, from..end));
    let Seen { entries: mut leaves, next, pads_below } = found.await?;
    let taken: BTreeSet<u64> = leaves.iter().map(|leaf| leaf.index).collect();
    let free = (from..next.min(pads_below)).filter(|index| !taken.contains(index));
    let pad = |index| OpenedLeaf { index, salt: pads.salt(index), event: Vec::new() };
    leaves.extend(free.map(pad));
    leaves.sort_unstable_by_key(|leaf| leaf.index);
    Ok(Page { from, next, leaves })
}

fn seen(conn: &mut Conn, actor: &Actor, range: Range<u64>) -> Result<Seen, db::Error> {
    let (sight, mut next) = (sight_of(actor), range.end.max(range.start));
    let (mut entries, mut bytes, mut over) = (Vec::new(), 0_usize, BTreeMap::new());
    for index in sight::visible(conn, &sight, &range)? {
        let Some(entry) = record::entry(conn, index)? else { continue };
        if !sees(conn, actor, &entry, &mut over)? {
            continue;
        }
        bytes = bytes.saturating_add(entry.event.len());
        if bytes > PAGE_BYTES && !entries.is_empty() {
            next = index;
            break;
        }
        entries.push(OpenedLeaf { index, salt: entry.salt, event: entry.event });
    }
    // Below that every entry is shown to the regulator: what is left has no row.
    let pads_below = if sight == Sight::All { sight::pads_below(conn)? } else { 0 };
    Ok(Seen { entries, next, pads_below })
}

/// What the database is asked for this reader, before anything of an entry is read: whoever measures
/// how long an answer takes learns no more than its words say.
fn sight_of(actor: &Actor) -> Sight {
    if allow(actor, Act::ReadSupervised, &Owner::Actor).is_ok() {
        return Sight::All;
    }
    actor.enterprise().map_or(Sight::Public, Sight::Named)
}

fn sees(
    conn: &mut Conn,
    actor: &Actor,
    entry: &Entry,
    over: &mut BTreeMap<UnitId, bool>,
) -> Result<bool, db::Error> {
    let is_regulator = sight_of(actor) == Sight::All;
    if let Level::Sealed(unit) = &entry.level
        && is_regulator
        && !over.contains_key(unit)
    {
        over.insert(*unit, units::unit(conn, *unit)?.state.is_over());
    }
    let reader = if is_regulator { Reader::Regulator } else { reader(conn, actor, entry)? };
    Ok(may_see(&entry.level, reader, |unit| over.get(unit).copied().unwrap_or_default()))
}

fn reader(conn: &mut Conn, actor: &Actor, entry: &Entry) -> Result<Reader, db::Error> {
    let Some(body) = actor.enterprise() else { return Ok(Reader::Anyone) };
    if entry.author == Some(body) {
        return Ok(Reader::Author);
    }
    match (&entry.level, &entry.unit) {
        (Level::Parties, Some(unit)) if is_party(conn, unit, body)? => Ok(Reader::Party),
        _ => Ok(Reader::Anyone),
    }
}

fn is_party(conn: &mut Conn, unit: &UnitId, body: EnterpriseId) -> Result<bool, db::Error> {
    let is_buyer = units::unit(conn, *unit)?.unit.body().procuring_entity == body;
    Ok(is_buyer || store::has_bid(conn, unit, body)?)
}

impl Opener {
    /// The files of an opened bid, for whom the table lets see them.
    ///
    /// # Errors
    /// `NotFound`, [`Misplaced::NotOpened`], [`Misplaced::LineNotOpened`], or why the actor may not.
    pub async fn files(
        self: &Arc<Self>,
        actor: &Actor,
        id: UnitId,
        line: Hash,
    ) -> Result<Vec<Listed>, Error> {
        self.allow_opened(actor, id, line).await?;
        let this = Arc::clone(self);
        let files = blocking(move || this.listing(id, line)).await??;
        files.ok_or_else(|| db::Error::NotFound.into())
    }

    /// One file of an opened bid, decrypted while it is read.
    ///
    /// # Errors
    /// As [`files`](Self::files).
    pub async fn file(
        self: &Arc<Self>,
        actor: &Actor,
        id: UnitId,
        line: Hash,
        name: String,
    ) -> Result<Box<dyn Read + Send>, Error> {
        self.allow_opened(actor, id, line).await?;
        let this = Arc::clone(self);
        let file = blocking(move || this.document(id, line, &name)).await??;
        file.ok_or_else(|| db::Error::NotFound.into())
    }

    /// The buyer of the unit and the bidder of the line see its files, and the regulator; of a line
    /// that opened, which is judged where it is read. Before the opening no bid is looked for: how
    /// long the refusal takes would tell how many there are.
    async fn allow_opened(&self, actor: &Actor, id: UnitId, line: Hash) -> Result<(), Error> {
        allow(actor, Act::ReadOpened, &Owner::Actor)?;
        let found = self.db().query(move |conn| {
            let row = units::unit(conn, id)?;
            if row.opening_index.is_none() {
                return Err(Error::from(Misplaced::NotOpened));
            }
            Ok((row, store::envelopes(conn, &id)?))
        });
        let (row, bids) = found.await?;
        let bid = bids.iter().find(|bid| bid.line() == line).ok_or(db::Error::NotFound)?;
        let owners = [row.unit.body().procuring_entity, bid.bidder].map(Owner::Enterprise);
        let [buyer, bidder] = owners.map(|owner| allow(actor, Act::ReadOpened, &owner));
        Ok(buyer.or(bidder)?)
    }
}
