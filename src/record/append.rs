//! How an act gets onto the record: `tx.record(event)`, in the closure that changes the rows.

use super::disclosure::Level;
use super::leaf::{Salt, leaf};
use super::store::index_of;
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::db::{EntryRow, Error, Tx};
use crate::ids::{EnterpriseId, UnitId};

/// What happened, as it will be hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The type of the statement or event, such as `sealbid/manifest/v1`.
    pub kind: &'static str,
    /// Who may be shown it.
    pub level: Level,
    /// The opening unit it belongs to, if any.
    pub unit: Option<UnitId>,
    /// A whole signed note, or one line of canonical JSON without newline; never empty.
    pub bytes: Vec<u8>,
}

/// An event's place, known once its act is committed; a checkpoint holds it after the sequencer's
/// next tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The leaf's index.
    pub index: u64,
    /// The leaf's salt.
    pub salt: Salt,
    /// The entry's time: the act's `now`.
    pub at: Time,
    /// The log's entry.
    pub leaf: Hash,
}

impl Tx<'_> {
    /// Puts `event` on the record, with a fresh salt and the next index. It stands if and only if
    /// everything else of this act stands.
    ///
    /// # Errors
    /// `Corrupt` for an event without bytes, which would look like a pad; `Backend` without
    /// randomness.
    pub fn record(&mut self, event: Event) -> Result<Recorded, Error> {
        self.record_by(None, event)
    }

    /// The same for an enterprise's own act, which its author sees at any time. Whoever names one
    /// has checked its signature.
    ///
    /// # Errors
    /// Those of [`record`](Self::record).
    pub fn record_by(
        &mut self,
        author: Option<EnterpriseId>,
        event: Event,
    ) -> Result<Recorded, Error> {
        if event.bytes.is_empty() {
            return Err(Error::Corrupt(format!("a {} event without bytes", event.kind)));
        }
        let salt = Salt::random(self.entropy())?;
        let leaf = leaf(&salt, &event.bytes);
        let at = self.now();
        let index = self.append(|idx| EntryRow {
            idx,
            salt: salt.as_bytes().to_vec(),
            event: event.bytes,
            kind: event.kind.to_owned(),
            level: event.level.to_string(),
            unit: event.unit.map(|u| u.to_string()),
            author: author.map(|body| body.to_string()),
            at: at.millis(),
        })?;
        Ok(Recorded { index: index_of(index)?, salt, at, leaf })
    }
}
