//! The rosters in an agent's folder: which of them names its seed, and the record they speak of.

use std::path::Path;

use super::{Home, HomeError, Recovered, Start, Taken, Witnessed};
use crate::clock::Time;
use crate::crypto::statement::Statement;
use crate::custodian::agent::Keys;
use crate::custodian::chain::Chain;
use crate::custodian::roster::Roster;
use crate::error::Said;
use crate::record::succession::Held;
use crate::record::witness::Known;

/// What a newly enrolled seed may have signed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Nothing: the seed is new.
    New,
    /// The seed was restored at this instant and what it signed is gone: the agent starts lost.
    Lost(Time),
}

impl Home {
    /// Enrols the folder's new seed in the newest of these rosters and starts its memory.
    ///
    /// # Errors
    /// As [`enrol_in`](Self::enrol_in).
    pub fn enrol(dir: &Path, rosters: &Chain) -> Result<(), HomeError> {
        Self::enrol_in(dir, rosters, Memory::New)
    }

    /// Enrols the folder's seed in the newest of these rosters. That the chain is the right one is the
    /// caller's part.
    ///
    /// # Errors
    /// [`HomeError::NotEnrolled`] when the newest roster names other keys, [`HomeError::Exists`] when
    /// it was enrolled before.
    pub fn enrol_in(dir: &Path, rosters: &Chain, memory: Memory) -> Result<(), HomeError> {
        let Taken(home) = Self::take(dir)?;
        home.require_whole(rosters)?;
        if home.path("roster.note").exists() {
            return Err(HomeError::Exists(home.path("roster.note")));
        }
        home.member_keys(rosters.newest())?;
        home.make_folders()?;
        if let Memory::Lost(at) = memory {
            home.write_json("recovered.json", &Recovered { at })?;
        }
        home.write_json("witness.json", &Option::<Witnessed>::None)?;
        home.write("roster.note", rosters.encode().as_bytes())
    }

    /// Follows the record through a succession: `rosters` is what this agent has, and more. An agent
    /// whose units are still open follows also the successions under later rosters.
    ///
    /// # Errors
    /// [`HomeError::Content`] when it is another chain, or the record held is not the one witnessed;
    /// [`HomeError::InUse`] while the agent runs.
    pub fn succeed(dir: &Path, rosters: &Chain) -> Result<(), HomeError> {
        let loaded = Self::open(dir, Start::Suspicious)?;
        let refused = |key| loaded.home.content("roster.note", Said::bare(key));
        if !loaded.rosters.begins(rosters) {
            return Err(refused("custodian-say-home-elsewhere"));
        }
        let next = rosters.successions().nth(loaded.rosters.successions().count());
        let held = next.map(|it| it.body().last_checkpoint);
        let differs =
            |(held, known): (Held, Known)| held.size == known.size && held.root != known.root;
        if held.zip(loaded.state.witnessed).is_some_and(differs) {
            return Err(refused("custodian-say-home-succession"));
        }
        loaded.home.write("roster.note", rosters.encode().as_bytes())
    }

    pub(super) fn rosters(&self) -> Result<Chain, HomeError> {
        let rosters = Chain::parse(&self.bytes("roster.note")?);
        let rosters = rosters.map_err(|e| self.content("roster.note", e))?;
        self.require_whole(&rosters)?;
        Ok(rosters)
    }

    /// The roster that names this seed's keys: a seed lives for one version.
    pub(super) fn own_roster<'a>(
        &self,
        rosters: &'a Chain,
    ) -> Result<(&'a Statement<Roster>, Keys), HomeError> {
        for roster in rosters.iter().rev() {
            match self.member_keys(roster) {
                Err(HomeError::NotEnrolled) => {}
                keys => return Ok((roster, keys?)),
            }
        }
        Err(HomeError::NotEnrolled)
    }

    /// An agent judges bodies whose credentials are as old as the record.
    fn require_whole(&self, rosters: &Chain) -> Result<(), HomeError> {
        let reason = Said::bare("custodian-say-home-not-whole");
        if rosters.is_whole() { Ok(()) } else { Err(self.content("roster.note", reason)) }
    }

    fn member_keys(&self, roster: &Statement<Roster>) -> Result<Keys, HomeError> {
        let body = roster.body();
        for member in &body.custodians {
            let keys = Self::keys(&self.dir, &body.origin, &member.id)?;
            let same = *keys.statement.verifying() == member.statement_key
                && *keys.witness.verifying() == member.witness_key;
            if same {
                return Ok(keys);
            }
        }
        Err(HomeError::NotEnrolled)
    }
}

/// What was witnessed, carried over the successions since: what went beyond a tree that was held is of
/// the record that ended there.
pub(super) fn known(seen: &Witnessed, rosters: &Chain) -> Known {
    let origin = seen.origin.as_deref().unwrap_or(rosters.first().body().log_key.name());
    let mut since = rosters.successions().skip_while(|it| it.body().old_origin != origin);
    let seen = Known { size: seen.size, root: seen.root };
    since.by_ref().fold(seen, |known, succession| {
        let held = succession.body().last_checkpoint;
        if known.size > held.size { Known { size: held.size, root: held.root } } else { known }
    })
}
