//! What the client believes: a roster that its user pinned, and what follows from it.

use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::statement::Statement;
use crate::custodian::roster::{Roster, check_next};
use crate::ids::UnitId;
use crate::opening::statements::Close;
use crate::record::checkpoint::Cosigned;
use crate::record::proof::Receipt;
use crate::verify::Trust as Pin;

use super::failed::Failed;

/// A pinned roster.
#[derive(Clone, Debug)]
pub struct Pinned {
    roster: Statement<Roster>,
}

/// A receipt that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The receipt.
    pub receipt: Receipt,
    /// How many custodians cosigned its checkpoint.
    pub cosigned: usize,
    /// Whether q have: then nobody can take it back unseen.
    pub is_final: bool,
}

impl Pinned {
    /// A roster's note, if it is the one that the pin names.
    ///
    /// # Errors
    /// [`Failed::NotPinned`], or [`Failed::Content`] when it is no roster.
    pub fn new(note: &[u8], pin: &Pin) -> Result<Self, Failed> {
        let wrong = |e: &dyn std::fmt::Display| Failed::content("the roster", e);
        let roster = Statement::<Roster>::parse(note).map_err(|e| wrong(&e))?;
        let is_pinned = match pin {
            Pin::Roster(sha256) => roster.sha256() == *sha256,
            Pin::Regulator(key) => {
                roster.body().regulator_key == *key
                    && roster.note().signed_by(key).map_err(|e| wrong(&e))?
            }
        };
        if !is_pinned {
            return Err(Failed::NotPinned);
        }
        if roster.body().version == 1 {
            check_next(None, &roster).map_err(|e| wrong(&e))?;
        } else {
            // The pin stands for the versions before it.
            roster.body().check().map_err(|e| wrong(&e))?;
        }
        Ok(Self { roster })
    }

    /// The roster.
    #[must_use]
    pub const fn roster(&self) -> &Roster {
        self.roster.body()
    }

    /// SHA-256 of its text.
    #[must_use]
    pub fn sha256(&self) -> Hash {
        self.roster.sha256()
    }

    /// Checks a receipt: the log signed a checkpoint that holds the event.
    ///
    /// # Errors
    /// [`Failed::Receipt`].
    pub fn receipt(&self, text: &[u8]) -> Result<Checked, Failed> {
        let wrong = |e: crate::record::proof::ReceiptError| Failed::Receipt(e.to_string());
        let receipt = Receipt::parse(text).map_err(wrong)?;
        let cosigned: Cosigned =
            receipt.verify(&self.roster().log_key, &self.roster().witness_keys()).map_err(wrong)?;
        let count = cosigned.cosignatures().len();
        Ok(Checked { receipt, cosigned: count, is_final: count >= self.roster().q() })
    }

    /// A unit's effective close: the platform and q custodians signed it.
    ///
    /// # Errors
    /// [`Failed::Content`].
    pub fn close(&self, note: &str, unit: &UnitId) -> Result<Statement<Close>, Failed> {
        let wrong = |e: &dyn std::fmt::Display| Failed::content("the close", e);
        let close = Statement::<Close>::parse(note.as_bytes()).map_err(|e| wrong(&e))?;
        let roster = self.roster();
        close.note().require(&roster.platform_key).map_err(|e| wrong(&e))?;
        let signed = close.note().count(&roster.statement_keys()).map_err(|e| wrong(&e))?;
        if signed < roster.q() || close.body().unit_id != *unit {
            return Err(wrong(&"not signed by a quorum for this unit"));
        }
        Ok(close)
    }

    /// The platform's and the custodians' statement keys: who may sign a unit beside its buyer.
    #[must_use]
    pub fn unit_keys(&self) -> Vec<VerifyingKey> {
        let roster = self.roster();
        std::iter::once(roster.platform_key.clone()).chain(roster.statement_keys()).collect()
    }
}
