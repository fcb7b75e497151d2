//! The chain of rosters: version 1, which the reader pins, and whatever followed it, the successions of
//! the record among them.
//!
//! As a file it is the notes one after another, so `cat v1.note v2.note` makes one and a single roster
//! is a chain of one. Invariant: every version in a [`Chain`] follows the one before by [`check_next`],
//! and a succession stands behind the roster whose electors signed it; who believes one roster believes
//! those before it by their hashes, and what comes after it by its signatures. A unit stays with the
//! roster that it names for ever; new units name the newest. Rosters name the log key of the record's
//! beginning; which one signs now is what the last succession says.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::client::Custodians;
use super::roster::{Roster, RosterError, check_next};
use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::note::Note;
use crate::crypto::statement::{Body as _, Statement, StatementError, type_of};
use crate::record::succession::{self, Electors, Succession, SuccessionError};

/// Why bytes are no chain of rosters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A piece is no roster's note.
    #[error("roster {place} of the chain: {reason}")]
    Statement {
        /// Its place, from 1.
        place: usize,
        /// Why.
        reason: StatementError,
    },
    /// A roster does not follow the one before it.
    #[error("roster version {version}: {reason}")]
    Roster {
        /// Its version.
        version: u32,
        /// Why.
        reason: RosterError,
    },
    /// A succession does not follow the record before it.
    #[error("a succession: {0}")]
    Succession(#[from] SuccessionError),
    /// There is no roster at all, or it does not stand first.
    #[error("there is no roster in it, or not at its beginning")]
    Empty,
}

/// What may follow the first roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// The next version.
    Roster(Statement<Roster>),
    /// The record goes on under another origin and key.
    Succession(Statement<Succession>),
}

impl Link {
    /// The statement as a note.
    #[must_use]
    pub const fn note(&self) -> &Note {
        match self {
            Self::Roster(it) => it.note(),
            Self::Succession(it) => it.note(),
        }
    }

    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Roster(_) => Roster::TYPE,
            Self::Succession(_) => Succession::TYPE,
        }
    }

    const fn roster(&self) -> Option<&Statement<Roster>> {
        match self {
            Self::Roster(it) => Some(it),
            Self::Succession(_) => None,
        }
    }

    const fn succession(&self) -> Option<&Statement<Succession>> {
        match self {
            Self::Succession(it) => Some(it),
            Self::Roster(_) => None,
        }
    }
}

/// Rosters that follow each other. The first is version 1, or one that its reader pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    first: Statement<Roster>,
    later: Vec<Link>,
}

impl Chain {
    /// A chain of one. Version 1 must be signed by its regulator; what a later one rests on is for
    /// its reader, who pins it.
    ///
    /// # Errors
    /// [`ChainError::Roster`].
    pub fn begin(first: Statement<Roster>) -> Result<Self, ChainError> {
        let version = first.body().version;
        let checked = if version == 1 { check_next(None, &first) } else { first.body().check() };
        checked.map_err(|reason| ChainError::Roster { version, reason })?;
        Ok(Self { first, later: Vec::new() })
    }

    /// Adds the next version.
    ///
    /// # Errors
    /// [`ChainError::Roster`] when it does not follow the newest.
    pub fn push(&mut self, next: Statement<Roster>) -> Result<(), ChainError> {
        let version = next.body().version;
        check_next(Some(self.newest()), &next)
            .map_err(|reason| ChainError::Roster { version, reason })?;
        self.later.push(Link::Roster(next));
        Ok(())
    }

    /// Adds a succession, which the regulator and q custodians of the newest roster must have signed.
    ///
    /// # Errors
    /// [`ChainError::Succession`].
    pub fn succeed(&mut self, succession: Statement<Succession>) -> Result<(), ChainError> {
        let roster = self.newest().body();
        let custodians = roster.statement_keys();
        let electors = Electors {
            log_key: self.log_key(),
            regulator: &roster.regulator_key,
            custodians: &custodians,
            q: roster.q(),
        };
        succession::check(&succession, &electors)?;
        if self.log_keys().any(|key| key.name() == succession.body().new_origin) {
            return Err(SuccessionError::NewOrigin.into());
        }
        self.later.push(Link::Succession(succession));
        Ok(())
    }

    /// Reads notes one after another.
    ///
    /// # Errors
    /// [`ChainError`] with the first fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, ChainError> {
        let mut chain: Option<Self> = None;
        for (place, piece) in (1..).zip(pieces(bytes)) {
            let wrong = |reason| ChainError::Statement { place, reason };
            let note = Note::parse(piece).map_err(|error| wrong(error.into()))?;
            let is_succession = type_of(note.text()) == Some(Succession::TYPE);
            match &mut chain {
                None if is_succession => return Err(ChainError::Empty),
                None => chain = Some(Self::begin(Statement::from_note(note).map_err(wrong)?)?),
                Some(chain) if is_succession => {
                    chain.succeed(Statement::from_note(note).map_err(wrong)?)?;
                }
                Some(chain) => chain.push(Statement::from_note(note).map_err(wrong)?)?,
            }
        }
        chain.ok_or(ChainError::Empty)
    }

    /// The notes one after another.
    #[must_use]
    pub fn encode(&self) -> String {
        let later = self.later.iter().map(|link| link.note().encode());
        std::iter::once(self.first.encode()).chain(later).collect()
    }

    /// The first.
    #[must_use]
    pub const fn first(&self) -> &Statement<Roster> {
        &self.first
    }

    /// The one that new units name.
    #[must_use]
    pub fn newest(&self) -> &Statement<Roster> {
        self.later.iter().rev().find_map(Link::roster).unwrap_or(&self.first)
    }

    /// The one of this hash.
    #[must_use]
    pub fn of(&self, sha256: &Hash) -> Option<&Statement<Roster>> {
        self.iter().find(|roster| roster.sha256() == *sha256)
    }

    /// All rosters, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Statement<Roster>> + Clone {
        std::iter::once(&self.first).chain(self.later.iter().filter_map(Link::roster))
    }

    /// What followed the first roster, in order.
    #[must_use]
    pub fn later(&self) -> &[Link] {
        &self.later
    }

    /// The successions, in order.
    pub fn successions(&self) -> impl DoubleEndedIterator<Item = &Statement<Succession>> + Clone {
        self.later.iter().filter_map(Link::succession)
    }

    /// The key that signs the record's checkpoints now.
    #[must_use]
    pub fn log_key(&self) -> &VerifyingKey {
        let last = self.successions().next_back();
        last.map_or(&self.first.body().log_key, |last| &last.body().new_log_key)
    }

    /// Every key that has signed checkpoints of this record, the last first.
    pub fn log_keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        let later = self.successions().rev().map(|it| &it.body().new_log_key);
        later.chain(std::iter::once(&self.first.body().log_key))
    }

    /// Whether it begins where all began.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.first.body().version == 1
    }

    /// Whether this chain is the beginning of another, or all of it.
    #[must_use]
    pub fn begins(&self, other: &Self) -> bool {
        let mut others = other.later.iter();
        let same = |own: &Link| others.next().is_some_and(|o| o.note().text() == own.note().text());
        self.first.sha256() == other.first.sha256() && self.later.iter().all(same)
    }
}

/// The pieces that begin with the type of a link: no other line of a note can be that.
fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
    let heads = [Roster::TYPE, Succession::TYPE].map(|kind| format!("{kind}\n").into_bytes());
    let begins = |at: &usize| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        before.is_none_or(|byte| *byte == b'\n')
            && bytes.get(*at..).is_some_and(|rest| heads.iter().any(|head| rest.starts_with(head)))
    };
    let starts: Vec<usize> = (0..bytes.len()).filter(begins).collect();
    // What stands before the first head belongs to no note: it makes the first piece malformed.
    let starts = std::iter::once(0).chain(starts.into_iter().filter(|at| *at > 0));
    let starts: Vec<usize> = starts.collect();
    let ends = starts.iter().skip(1).copied().chain(std::iter::once(bytes.len()));
    let pieces = starts.iter().zip(ends).filter_map(|(from, to)| bytes.get(*from..to));
    pieces.filter(|piece| !piece.is_empty()).collect()
}

/// The rosters that a platform serves under, each with the way to its custodians' agents.
pub struct Rosters {
    chain: Chain,
    wires: BTreeMap<Hash, Arc<dyn Custodians>>,
    newest: Arc<dyn Custodians>,
}

impl Rosters {
    /// With the wire that `wire` makes for each of them.
    ///
    /// # Errors
    /// What `wire` says.
    pub fn new<E>(
        chain: Chain,
        mut wire: impl FnMut(&Roster) -> Result<Arc<dyn Custodians>, E>,
    ) -> Result<Self, E> {
        let newest = wire(chain.newest().body())?;
        let mut wires = BTreeMap::new();
        for roster in chain.iter() {
            wires.insert(roster.sha256(), wire(roster.body())?);
        }
        wires.insert(chain.newest().sha256(), Arc::clone(&newest));
        Ok(Self { chain, wires, newest })
    }

    /// All of them.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The one that new units name.
    #[must_use]
    pub fn newest(&self) -> &Statement<Roster> {
        self.chain.newest()
    }

    /// The way to its agents.
    #[must_use]
    pub fn newest_wire(&self) -> &dyn Custodians {
        &*self.newest
    }

    /// The way to the agents of the roster of this hash.
    #[must_use]
    pub fn wire(&self, sha256: &Hash) -> Option<&Arc<dyn Custodians>> {
        self.wires.get(sha256)
    }
}
