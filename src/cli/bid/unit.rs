//! Is this the unit that everybody signed? Asked before anything is sealed for it.

use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::note::NoteError;
use crate::crypto::seal::Recipient;
use crate::crypto::statement::Statement;
use crate::enterprise::credentials::credential;
use crate::error::{Reason, Said};
use crate::ids::UnitId;
use crate::tender::rules::{check_unit, may_buy};
use crate::tender::statements::Unit;

use crate::cli::client::{Access, Client};
use crate::cli::failed::Failed;
use crate::cli::trust::{Pinned, unit_keys};

/// What `GET /units/{id}` answers, as far as a bidder needs it; kept as a file for sealing off-line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitView {
    /// The unit's note with everybody's signatures.
    pub unit: String,
    /// Statements that show the procuring entity's key, in record order.
    pub credentials: Vec<String>,
    /// The deadline in force, after amendments: shown, not proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Time>,
    /// Receipt of the event by which the unit took effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

/// A unit that the procuring entity, the platform and all custodians of the pinned roster signed.
#[derive(Clone, Debug)]
pub struct CheckedUnit {
    id: UnitId,
    unit: Statement<Unit>,
    recipients: Vec<Recipient>,
    inclusion: Inclusion,
}

/// Whether the record is known to hold the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inclusion {
    /// By a receipt of its taking effect.
    Shown,
    /// There was no receipt.
    NotShown,
}

impl CheckedUnit {
    /// Checks a unit that a platform just showed: with the receipt of its taking effect.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`Failed::Receipt`] without a receipt.
    pub fn on_line(view: &UnitView, pinned: &Pinned) -> Result<Self, Failed> {
        let unit = Self::new(view, pinned)?;
        match unit.inclusion {
            Inclusion::Shown => Ok(unit),
            Inclusion::NotShown => Err(Failed::receipt(Said::bare("cli-say-why-no-receipt"))),
        }
    }

    /// Checks a unit against a pinned roster, off-line: a receipt is checked where there is one.
    ///
    /// # Errors
    /// [`Failed::Unit`] with the first thing that is wrong, [`Failed::Receipt`].
    pub fn new(view: &UnitView, pinned: &Pinned) -> Result<Self, Failed> {
        let unit = Statement::<Unit>::parse(view.unit.as_bytes()).map_err(wrong)?;
        let id = unit.body().id().map_err(wrong)?;
        let roster = pinned.roster_of(unit.body());
        let roster = roster.ok_or_else(|| wrong(Said::bare("cli-say-why-unit-other-roster")))?;
        let recipients = check_unit(unit.body(), roster).map_err(wrong)?;
        let buyer = buyer_key(&unit, &view.credentials, pinned)?;
        let mut keys = unit_keys(roster);
        for key in &keys {
            unit.note().require(key).map_err(|e| wrong(by(key, &e)))?;
        }
        keys.insert(0, buyer);
        unit.note().only_by(&keys).map_err(wrong)?;
        let inclusion = match &view.receipt {
            Some(receipt) => included(view, pinned, receipt)?,
            None => Inclusion::NotShown,
        };
        Ok(Self { id, unit, recipients, inclusion })
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> UnitId {
        self.id
    }

    /// What was signed.
    #[must_use]
    pub const fn body(&self) -> &Unit {
        self.unit.body()
    }

    /// SHA-256 of its text.
    #[must_use]
    pub fn sha256(&self) -> Hash {
        self.unit.sha256()
    }

    /// Whether the record is known to hold it.
    #[must_use]
    pub const fn inclusion(&self) -> Inclusion {
        self.inclusion
    }

    /// The custodians' recipients, in the roster's order.
    #[must_use]
    pub fn recipients(&self) -> &[Recipient] {
        &self.recipients
    }
}

fn wrong(reason: impl Reason) -> Failed {
    Failed::Unit(reason.into())
}

/// A signature's fault with its key's name.
pub(super) fn by(key: &VerifyingKey, error: &NoteError) -> Said {
    let values = vec![("name", key.name().into()), ("reason", error.arg())];
    Said::new("cli-say-why-by", values)
}

/// The event of a unit's taking effect is its whole note, every signature included.
fn included(view: &UnitView, pinned: &Pinned, receipt: &str) -> Result<Inclusion, Failed> {
    let checked = pinned.receipt(receipt.as_bytes())?;
    if checked.receipt.event == view.unit.as_bytes() {
        Ok(Inclusion::Shown)
    } else {
        Err(Failed::receipt(Said::bare("cli-say-why-else")))
    }
}

/// The key with which the procuring entity signed: one that was in force at some time, for the
/// custodians judged by the hour when they signed.
fn buyer_key(
    unit: &Statement<Unit>,
    credentials: &[String],
    pinned: &Pinned,
) -> Result<VerifyingKey, Failed> {
    for count in 1..=credentials.len() {
        let notes = credentials.get(..count).unwrap_or_default();
        let known = credential(pinned.rosters().first(), notes);
        let Ok(known) = known else { continue };
        if known.enterprise != unit.body().procuring_entity || !may_buy(known.kind) {
            return Err(wrong(Said::bare("cli-say-why-unit-credentials")));
        }
        if let Some(key) = known.key
            && unit.note().signed_by(&key).map_err(wrong)?
        {
            return Ok(key);
        }
    }
    Err(wrong(Said::bare("cli-say-why-unit-unsigned")))
}

impl Client {
    /// A unit as the platform tells of it; nothing of it is checked.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn unit(&self, id: &UnitId) -> Result<UnitView, Failed> {
        self.get(&format!("/units/{id}"), Access::Public).await
    }
}
