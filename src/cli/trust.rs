//! What the client believes: a roster that its user pinned, and what follows from it.

use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::note::{Note, NoteError};
use crate::crypto::statement::Statement;
use crate::custodian::chain::Chain;
use crate::custodian::roster::Roster;
use crate::error::{Arg, Reason, Said};
use crate::ids::UnitId;
use crate::opening::statements::Close;
use crate::record::checkpoint::Cosigned;
use crate::record::proof::Receipt;
use crate::tender::statements::Unit;
use crate::verify::Trust as Pin;

use super::failed::Failed;

/// The rosters that follow from a pinned one, and those before it.
#[derive(Clone, Debug)]
pub struct Pinned {
    rosters: Chain,
}

/// A receipt that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The receipt.
    pub receipt: Receipt,
    /// Leaves below its checkpoint.
    pub size: u64,
    /// How many custodians cosigned it.
    pub cosigned: usize,
    /// Whether q have: then nobody can take it back unseen.
    pub is_final: bool,
}

impl Pinned {
    /// Rosters' notes one after another, if the pin names one of them, or the key that signed the first:
    /// those before it stand by their hashes, those after it by their signatures.
    ///
    /// # Errors
    /// [`Failed::NotPinned`], or [`Failed::Content`] when they are no rosters, or do not follow each
    /// other.
    pub fn new(notes: &[u8], pin: &Pin) -> Result<Self, Failed> {
        let believed = Self::believed(notes)?;
        let is_pinned = match pin {
            Pin::Roster(sha256) => believed.rosters.of(sha256).is_some(),
            // A later version could name a key without its holder's consent.
            Pin::Regulator(key) => {
                let first = believed.rosters.first();
                first.body().regulator_key == *key
                    && first
                        .note()
                        .signed_by(key)
                        .map_err(|e| Failed::content(Arg::Word("cli-say-what-roster"), e))?
            }
        };
        if is_pinned { Ok(believed) } else { Err(Failed::NotPinned) }
    }

    /// Rosters as they stand, pinned by nothing: for those who say so.
    ///
    /// # Errors
    /// [`Failed::Content`].
    pub fn believed(notes: &[u8]) -> Result<Self, Failed> {
        let rosters = Chain::parse(notes)
            .map_err(|e| Failed::content(Arg::Word("cli-say-what-roster"), e))?;
        Ok(Self { rosters })
    }

    /// All of them.
    #[must_use]
    pub const fn rosters(&self) -> &Chain {
        &self.rosters
    }

    /// The roster in force.
    #[must_use]
    pub fn roster(&self) -> &Roster {
        self.rosters.newest().body()
    }

    /// SHA-256 of the text of the roster in force.
    #[must_use]
    pub fn sha256(&self) -> Hash {
        self.rosters.newest().sha256()
    }

    /// The roster that a unit stands on.
    #[must_use]
    pub fn roster_of(&self, unit: &Unit) -> Option<&Roster> {
        self.rosters.of(&unit.roster_sha256).map(Statement::body)
    }

    /// Checks a receipt: the log signed a checkpoint that holds the event. It is final when a quorum of
    /// one roster cosigned it.
    ///
    /// # Errors
    /// [`Failed::Receipt`].
    pub fn receipt(&self, text: &[u8]) -> Result<Checked, Failed> {
        let receipt = Receipt::parse(text).map_err(Failed::receipt)?;
        let (mut size, mut most, mut is_final) = (0, 0, false);
        // Which of the record's keys signed it shows in its origin.
        let mut keys = self.rosters.log_keys();
        let log_key = keys.find(|key| receipt.verify(key, &[]).is_ok());
        let log_key = log_key.unwrap_or(self.rosters.log_key());
        for roster in self.rosters.iter().map(Statement::body) {
            let cosigned: Cosigned =
                receipt.verify(log_key, &roster.witness_keys()).map_err(Failed::receipt)?;
            let count = cosigned.cosignatures().len();
            size = cosigned.checkpoint().size;
            most = most.max(count);
            is_final |= count >= roster.q();
        }
        Ok(Checked { receipt, size, cosigned: most, is_final })
    }

    /// A unit's effective close, and the roster of which the platform and q custodians signed it.
    ///
    /// # Errors
    /// [`Failed::Content`].
    pub fn close(&self, note: &str, unit: &UnitId) -> Result<(Statement<Close>, &Roster), Failed> {
        let wrong = |reason: Said| Failed::content(Arg::Word("cli-say-what-close"), reason);
        let close = Statement::<Close>::parse(note.as_bytes()).map_err(|e| wrong(e.said()))?;
        let signed = |roster: &&Roster| {
            let signed = close.note().count(&roster.statement_keys());
            close.note().require(&roster.platform_key).is_ok()
                && signed.is_ok_and(|signed| signed >= roster.q())
        };
        let roster = self.rosters.iter().rev().map(Statement::body).find(signed);
        match roster.filter(|_| close.body().unit_id == *unit) {
            Some(roster) => Ok((close, roster)),
            None => Err(wrong(Said::bare("cli-say-why-close-quorum"))),
        }
    }

    /// Demands that the platform signed a statement, by the key of one of the rosters.
    ///
    /// # Errors
    /// [`NoteError::MissingSignature`].
    pub fn require_platform(&self, note: &Note) -> Result<(), NoteError> {
        let mut rosters = self.rosters.iter().map(Statement::body);
        let signed = rosters.any(|roster| note.require(&roster.platform_key).is_ok());
        if signed { Ok(()) } else { Err(NoteError::MissingSignature) }
    }
}

/// The platform's and the custodians' statement keys of a roster: who may sign a unit beside its
/// buyer.
#[must_use]
pub fn unit_keys(roster: &Roster) -> Vec<VerifyingKey> {
    std::iter::once(roster.platform_key.clone()).chain(roster.statement_keys()).collect()
}
