//! What is shown to whom: entries of the record by their level, and the files of opened bids.
//!
//! Invariant: what somebody may not see is answered like what is not there, pads among it: whoever
//! asks for entries one by one learns no more than the public tree tells, by the answers' time either.

use std::io::Read;
use std::sync::Arc;

use super::store::{self, Sight};
use super::{Error, Misplaced, Opener, blocking};
use crate::auth::Actor;
use crate::auth::table::{Act, Owner, allow};
use crate::bid::statements::BidEvent;
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::note::Note;
use crate::crypto::seal::payload::Listed;
use crate::db::{self, Conn};
use crate::enterprise::credentials::enterprise_of;
use crate::ids::{EnterpriseId, UnitId};
use crate::record::disclosure::{Level, Reader, may_see};
use crate::record::store::{self as record, Entry};
use crate::tender::{Platform, units};

/// An entry that a published tree holds and the actor may see; `None` for all others.
///
/// # Errors
/// The database's.
pub async fn entry(p: &Platform, actor: &Actor, index: u64) -> Result<Option<Entry>, db::Error> {
    if index >= p.sequencer.published().checkpoint.size {
        return Ok(None);
    }
    let actor = actor.clone();
    p.db.query(move |conn| {
        if !store::is_within(conn, index, &sight(&actor))? {
            return Ok(None);
        }
        let Some(entry) = record::entry(conn, index)? else { return Ok(None) };
        Ok(sees(conn, &actor, &entry)?.then_some(entry))
    })
    .await
}

/// What the database is asked about an entry for this reader, before anything of it is read: whoever
/// measures how long an answer takes learns no more than its words say.
fn sight(actor: &Actor) -> Sight {
    if allow(actor, Act::ReadSupervised, &Owner::Actor).is_ok() {
        return Sight::All;
    }
    actor.enterprise().map_or(Sight::Public, Sight::Named)
}

fn sees(conn: &mut Conn, actor: &Actor, entry: &Entry) -> Result<bool, db::Error> {
    let is_regulator = sight(actor) == Sight::All;
    let is_over = match &entry.level {
        Level::Sealed(unit) if is_regulator => units::unit(conn, *unit)?.state.is_over(),
        _ => false,
    };
    let reader = if is_regulator { Reader::Regulator } else { reader(conn, actor, entry)? };
    Ok(may_see(&entry.level, reader, |_| is_over))
}

fn reader(conn: &mut Conn, actor: &Actor, entry: &Entry) -> Result<Reader, db::Error> {
    let Some(body) = actor.enterprise() else { return Ok(Reader::Anyone) };
    if author(&entry.event) == Some(body) {
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

/// The enterprise whose act an event is: its key signed the statement in it, which was checked before
/// it was recorded.
fn author(event: &[u8]) -> Option<EnterpriseId> {
    let note = match json::parse::<BidEvent>(event) {
        Ok(
            BidEvent::Accepted { manifest: note, .. }
            | BidEvent::Withdrawn { withdrawal: note, .. }
            | BidEvent::Refused { statement: note, .. },
        ) => note,
        Err(_) => std::str::from_utf8(event).ok()?.to_owned(),
    };
    let note = Note::parse(note.as_bytes()).ok()?;
    // A signature line is an em dash, the key's name, and the signature.
    let signer = |line: String| line.split(' ').nth(1).and_then(enterprise_of);
    note.signatures().iter().find_map(|line| signer(line.line()))
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
    /// that opened, which is judged where it is read.
    async fn allow_opened(&self, actor: &Actor, id: UnitId, line: Hash) -> Result<(), Error> {
        allow(actor, Act::ReadOpened, &Owner::Actor)?;
        let found = self.db().query(move |conn| {
            Ok::<_, db::Error>((units::unit(conn, id)?, store::envelopes(conn, &id)?))
        });
        let (row, bids) = found.await?;
        if row.opening_index.is_none() {
            return Err(Misplaced::NotOpened.into());
        }
        let bid = bids.iter().find(|bid| bid.line() == line).ok_or(db::Error::NotFound)?;
        let owners = [row.unit.body().procuring_entity, bid.bidder].map(Owner::Enterprise);
        let [buyer, bidder] = owners.map(|owner| allow(actor, Act::ReadOpened, &owner));
        Ok(buyer.or(bidder)?)
    }
}
