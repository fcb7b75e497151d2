//! The rosters that a platform starts with, and the successions among them: those of its configuration
//! and those of its record.
//!
//! Invariant: what the record holds is never forgotten or contradicted. A configuration may be behind
//! the record, whose rosters then count, or ahead of it by versions that come into force with this
//! start; a fork is refused. Units stay with the roster that they name, so the custodians of earlier
//! rosters go on witnessing until the last of their units is over.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::start::{StartError, corrupt, refused};
use super::start_error::internal;
use crate::auth::Actor;
use crate::auth::table::{Act, Owner, allow};
use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::statement::{Body as _, Statement};
use crate::custodian::chain::{Chain, Link, Rosters};
use crate::custodian::client::{AsWitnesses, witnesses};
use crate::custodian::roster::Roster;
use crate::db::{self, Db, Tx};
use crate::enterprise;
use crate::error::{Reason, Said};
use crate::record::append::Event;
use crate::record::disclosure::Level;
use crate::record::feed::Feed;
use crate::record::hours::Hours;
use crate::record::store;
use crate::record::succession::Succession;
use crate::tender::units;

/// The rosters as they hold from this start on.
pub struct Settled {
    /// All of them.
    pub chain: Chain,
    /// How many links the record holds already, the first roster included.
    recorded: usize,
    /// The last roster that the record holds.
    last: Option<Hash>,
    /// The rosters of units that are not over.
    open: BTreeSet<Hash>,
}

impl Settled {
    /// The rosters whose custodians may know of the record: the newest, the last that the record
    /// holds, and all that have units.
    fn known(&self) -> impl Iterator<Item = &Statement<Roster>> {
        let known = |roster: &&Statement<Roster>| {
            self.last == Some(roster.sha256()) || self.is_served(roster)
        };
        self.chain.iter().filter(known)
    }

    /// Whether a roster's custodians are needed from now on.
    fn is_served(&self, roster: &Statement<Roster>) -> bool {
        let sha256 = roster.sha256();
        sha256 == self.chain.newest().sha256() || self.open.contains(&sha256)
    }
}

fn wrong(path: &Path, reason: impl Reason) -> StartError {
    StartError::Roster { path: path.display().to_string(), reason: reason.into() }
}

/// Reads the configured rosters: notes one after another, version 1 first.
pub(super) fn read(path: &Path) -> Result<Chain, StartError> {
    let bytes = std::fs::read(path).map_err(|e| wrong(path, e))?;
    let chain = Chain::parse(&bytes).map_err(|e| wrong(path, e))?;
    if chain.is_whole() {
        Ok(chain)
    } else {
        Err(wrong(path, Said::bare("web-say-roster-not-whole")))
    }
}

/// Holds the configured rosters against those of the record.
pub(super) async fn settle(db: &Db, chain: Chain, path: &Path) -> Result<Settled, StartError> {
    let found = db.query(|conn| {
        let first = store::entry(conn, 0)?;
        let mut links = store::entries_of_kind(conn, Roster::TYPE)?;
        links.extend(store::entries_of_kind(conn, Succession::TYPE)?);
        let head = store::latest_checkpoint(conn)?;
        Ok::<_, db::Error>((first, links, head, units::rosters_of_open(conn)?))
    });
    let (first, mut links, head, open) = found.await.map_err(refused)?;
    match first {
        None if chain.successions().next().is_some() => {
            return Err(wrong(path, Said::bare("web-say-roster-no-record")));
        }
        None => return Ok(Settled { chain, recorded: 0, last: None, open }),
        Some(first) if first.kind == Roster::TYPE => {}
        Some(_) => return Err(corrupt("the record does not begin with a roster")),
    }
    links.sort_unstable_by_key(|entry| entry.index);
    let links: Vec<u8> = links.into_iter().flat_map(|entry| entry.event).collect();
    let recorded = Chain::parse(&links).map_err(corrupt)?;
    let count = recorded.later().len().saturating_add(1);
    let last = Some(recorded.newest().sha256());
    if recorded.begins(&chain) {
        for link in chain.later().iter().skip(recorded.later().len()) {
            let Link::Succession(succession) = link else { continue };
            let held = succession.body().last_checkpoint;
            if head.as_ref().is_none_or(|head| (head.size, head.root) != (held.size, held.root)) {
                return Err(wrong(path, Said::bare("web-say-roster-other-head")));
            }
        }
        Ok(Settled { chain, recorded: count, last, open })
    } else if chain.begins(&recorded) {
        Ok(Settled { chain: recorded, recorded: count, last, open })
    } else {
        Err(wrong(path, Said::bare("web-say-roster-fork")))
    }
}

/// The log's key must be the one in force; the newest roster must name the platform's, and so must
/// those of units that are not over: their custodians believe nobody else.
pub(super) fn check_keys(
    settled: &Settled,
    path: &Path,
    log: &VerifyingKey,
    platform: &VerifyingKey,
) -> Result<(), StartError> {
    if settled.chain.log_key() != log {
        let in_force = settled.chain.log_key().to_string().into();
        let keys = vec![("in_force", in_force), ("own", log.to_string().into())];
        return Err(wrong(path, Said::new("web-say-roster-log-key", keys)));
    }
    for roster in settled.chain.iter().filter(|roster| settled.is_served(roster)) {
        let body = roster.body();
        if body.platform_key != *platform {
            let is_newest = roster.sha256() == settled.chain.newest().sha256();
            let key = match is_newest {
                true => "web-say-roster-platform-key",
                false => "web-say-roster-platform-key-open",
            };
            let values = vec![
                ("version", i64::from(body.version).into()),
                ("named", body.platform_key.to_string().into()),
                ("own", platform.to_string().into()),
            ];
            return Err(wrong(path, Said::new(key, values)));
        }
    }
    Ok(())
}

/// Feeds for every roster whose custodians may know of the record: all of them have to confirm it
/// before anything is written. Those of the last roster too, even where nothing stands on it any more:
/// the custodians of a new one have seen nothing yet that they could hold against a restored backup.
pub(super) fn feeds(
    db: &Db,
    rosters: &Rosters,
    settled: &Settled,
    hours: &Arc<Hours>,
) -> Result<Vec<Feed>, StartError> {
    let feed = |roster: &Statement<Roster>| {
        let wire = rosters.wire(&roster.sha256()).ok_or_else(|| internal("a roster's wire"))?;
        let wire = Arc::new(AsWitnesses(Arc::clone(wire)));
        let (witnesses, t) = (witnesses(roster.body()), usize::from(roster.body().t));
        Ok(Feed::new(db.clone(), wire, witnesses, t).with_hours(Arc::clone(hours)))
    };
    settled.known().map(feed).collect()
}

/// Records what comes into force: the first roster as the record's first entry, before anything that
/// depends on it.
pub(super) async fn record(db: &Db, settled: &Settled) -> Result<(), StartError> {
    // Each was signed by the regulator, which the chain has checked.
    allow(&Actor::Regulator, Act::ChangeRoster, &Owner::Actor).map_err(internal)?;
    let chain = &settled.chain;
    if settled.recorded == 0 {
        let event = public(Roster::TYPE, chain.first().encode());
        write(db, move |tx| tx.record(event).map(|_| ())).await?;
    }
    let mut before = chain.first().body().clone();
    for (place, link) in (1..).zip(chain.later()) {
        let event = public(link.kind(), link.note().encode());
        let is_new = place >= settled.recorded;
        match link {
            Link::Roster(next) => {
                let old = std::mem::replace(&mut before, next.body().clone());
                let next = next.clone();
                if is_new {
                    let act = move |tx: &mut Tx<'_>| {
                        let at = tx.record(event)?;
                        enterprise::roster_in_force(tx, &old, &next, at.index)
                    };
                    write(db, act).await?;
                }
            }
            Link::Succession(_) if is_new => {
                write(db, move |tx| tx.record(event).map(|_| ())).await?;
            }
            Link::Succession(_) => {}
        }
    }
    Ok(())
}

fn public(kind: &'static str, note: String) -> Event {
    Event { kind, level: Level::Public, unit: None, bytes: note.into_bytes() }
}

async fn write(
    db: &Db,
    act: impl FnOnce(&mut Tx<'_>) -> Result<(), db::Error> + Send + 'static,
) -> Result<(), StartError> {
    db.write(act).await.map_err(refused)
}
