//! What an agent knows and what it must remember.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::key::{KeyKind, SigningKey};
use crate::crypto::labels;
use crate::crypto::note::{Note, NoteError};
use crate::crypto::seal::identity::{Identity, derive, unit_identity};
use crate::crypto::statement::{Body, Statement};
use crate::custodian::roster::{CustodianId, Member, Roster};
use crate::enterprise::credentials::{Credential, credential};
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::rules::Terms;
use crate::opening::statements::{OpeningEvent, SuspensionState};
use crate::record::checkpoint::Cosigned;
use crate::record::proof::Receipt;
use crate::record::witness::Known;
use crate::tender::statements::Unit;

use super::refusal::Refusal;

/// A signature that is not there, or of a key that does not speak.
pub(super) const UNSIGNED: Refusal = Refusal::Signature(NoteError::MissingSignature);

/// Everything that follows from an agent's one seed. The seed itself is kept to derive unit keys.
pub struct Keys {
    seed: Zeroizing<[u8; 32]>,
    /// Signs statements.
    pub statement: SigningKey,
    /// Cosigns checkpoints.
    pub witness: SigningKey,
}

impl Keys {
    /// The keys of a seed, named `<origin>/custodian/<id>` and `<origin>/witness/<id>`.
    ///
    /// # Errors
    /// [`NoteError::Key`] when origin or id cannot stand in a key's name.
    pub fn of_seed(
        seed: Zeroizing<[u8; 32]>,
        origin: &str,
        id: &CustodianId,
    ) -> Result<Self, NoteError> {
        let key = |role: &str, label: &str, kind| {
            let secret = derive(&[], seed.as_slice(), &[label.as_bytes()]);
            SigningKey::from_seed(&format!("{origin}/{role}/{id}"), kind, &secret)
        };
        let statement = key("custodian", labels::STATEMENT_KEY, KeyKind::Statement)?;
        let witness = key("witness", labels::WITNESS_KEY, KeyKind::Cosignature)?;
        Ok(Self { seed, statement, witness })
    }

    /// The identity that opens this unit's shares.
    #[must_use]
    pub fn unit_identity(&self, unit_id: &UnitId) -> Identity {
        unit_identity(&self.seed, &unit_id.0)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({}, redacted)", self.statement.verifying().name())
    }
}

/// What an agent never forgets of a unit it signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Number of the last amendment it signed; 0 for none.
    pub amendment_no: u32,
    /// Challenges by line.
    pub challenges: BTreeMap<String, KeptChallenge>,
    /// SHA-256 of the one close it signed, or took over with q signatures of others.
    pub close: Option<Hash>,
    /// The deadline of the unit and the amendments it signed.
    pub deadline: Time,
    /// SHA-256 of the last amendment it signed, or of the unit.
    pub last_sha256: Hash,
    /// Bids lodged with it: manifest → arrival.
    pub lodged: BTreeMap<String, Time>,
    /// The hour of opening of the unit and the amendments it signed.
    pub open_at: Time,
    /// Whether it signed this unit in its present life; false for one met after `--recover`.
    pub signed: bool,
    /// The regulator's last word.
    pub suspension: Option<(u32, SuspensionState)>,
    /// The unit's note as last shown.
    pub unit: String,
    /// When the challenge window ends, once the record showed it.
    pub window_end: Option<Time>,
}

/// A challenge that an agent judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeptChallenge {
    /// Valid and unanswered: no release, ever, unless the platform answers within the window.
    Open,
    /// The platform showed the bidder's later statement.
    Answered,
}

/// An agent's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The last checkpoint it cosigned.
    pub witnessed: Option<Known>,
    /// When it started without its state, by its own clock or, if later, by the checkpoint it then
    /// adopted: it signs no unit issued before.
    pub recovered_at: Option<Time>,
    /// By unit.
    pub units: BTreeMap<UnitId, Kept>,
}

/// What one request changes. Stored durably before the reply leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Nothing,
    /// The last checkpoint cosigned.
    Witnessed(Known),
    /// After a lost state: where the others' record stands, and when they said so at the latest.
    Adopted(Known, Time),
    /// What it knows of a unit.
    Unit(UnitId, Box<Kept>),
}

impl State {
    /// Whether it lost its memory and has not yet learnt from the others where the record stands:
    /// until then it vouches for nothing and hands nothing out, for its clock may be as old as what
    /// it forgot.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        self.recovered_at.is_some() && self.witnessed.is_none()
    }

    /// The state after a change.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Nothing => {}
            Change::Witnessed(known) => self.witnessed = Some(known),
            Change::Adopted(known, at) => {
                self.witnessed = Some(known);
                self.recovered_at = self.recovered_at.map(|lost| lost.max(at));
            }
            Change::Unit(id, kept) => {
                self.units.insert(id, *kept);
            }
        }
    }
}

/// An agent at one request: its keys, its roster, its memory, its clock's time.
pub struct Agent<'a> {
    /// Its keys.
    pub keys: &'a Keys,
    /// The roster it was enrolled in.
    pub roster: &'a Statement<Roster>,
    /// What it remembers.
    pub state: &'a State,
    /// Its clock.
    pub now: Time,
}

impl Agent<'_> {
    /// Its entry in the roster.
    pub(super) fn me(&self) -> Result<&Member, Refusal> {
        let own = self.keys.statement.verifying();
        let mut members = self.roster().custodians.iter();
        members.find(|member| member.statement_key == *own).ok_or(Refusal::WrongRoster)
    }

    /// Demands that a lost memory was followed by an adopted checkpoint.
    pub(super) fn require_memory(&self) -> Result<(), Refusal> {
        if self.state.is_lost() { Err(Refusal::Lost) } else { Ok(()) }
    }

    /// Its short name.
    ///
    /// # Errors
    /// [`Refusal::WrongRoster`] when the roster does not name its key.
    pub fn custodian(&self) -> Result<CustodianId, Refusal> {
        Ok(self.me()?.id.clone())
    }

    pub(super) const fn roster(&self) -> &Roster {
        self.roster.body()
    }

    pub(super) fn kept(&self, id: &UnitId) -> Result<&Kept, Refusal> {
        self.state.units.get(id).ok_or(Refusal::UnknownUnit)
    }

    /// Who speaks for a body, vouched for by an operator of the roster.
    pub(super) fn speaker(
        &self,
        credentials: &[String],
        body: EnterpriseId,
    ) -> Result<Credential, Refusal> {
        let roster = self.roster();
        let found = credential(&roster.origin, &roster.operator_keys, credentials)?;
        if found.enterprise == body { Ok(found) } else { Err(UNSIGNED) }
    }

    /// Demands that a unit's buyer signed a statement about it, with the key of the unit or one that
    /// this handed over to: one that was rotated since unsigns nothing, and one that an operator
    /// vouched for since binds nothing.
    pub(super) fn require_buyer(
        &self,
        note: &Note,
        credentials: &[String],
        unit: &Statement<Unit>,
    ) -> Result<(), Refusal> {
        let buyer = self.speaker(credentials, unit.body().procuring_entity)?;
        if buyer.followed(unit.note(), note) { Ok(()) } else { Err(UNSIGNED) }
    }

    /// A checkpoint as it travels, with the cosignatures that verify.
    pub(super) fn checkpoint(&self, text: &str) -> Result<Cosigned, Refusal> {
        let note = Note::parse(text.as_bytes())?;
        let roster = self.roster();
        Ok(Cosigned::from_network(&note, &roster.log_key, &roster.witness_keys())?)
    }

    /// A receipt and its checkpoint, both verified.
    pub(super) fn receipt(&self, text: &str) -> Result<(Receipt, Cosigned), Refusal> {
        let receipt = Receipt::parse(text.as_bytes())?;
        let roster = self.roster();
        let cosigned = receipt.verify(&roster.log_key, &roster.witness_keys())?;
        Ok((receipt, cosigned))
    }

    /// Demands that a statement stands on the record as proposed: so nothing is signed that the
    /// world could not see being asked.
    pub(super) fn require_proposed<B: Body>(
        &self,
        statement: &Statement<B>,
        unit_id: UnitId,
        receipt: &str,
    ) -> Result<(), Refusal> {
        let (receipt, _) = self.receipt(receipt)?;
        let event: OpeningEvent =
            crate::crypto::json::parse(&receipt.event).map_err(|_| Refusal::NotRecorded)?;
        match event {
            OpeningEvent::Proposed { statement_sha256, unit_id: of, statement: text }
                if statement_sha256 == statement.sha256() && of == unit_id =>
            {
                let shown = Note::parse(text.as_bytes())?;
                let same = shown.text() == statement.note().text();
                if same { Ok(()) } else { Err(Refusal::NotRecorded) }
            }
            _ => Err(Refusal::NotRecorded),
        }
    }

    /// The times in force by what this agent signed.
    pub(super) fn terms(kept: &Kept) -> Result<Terms, Refusal> {
        let unit = Statement::<Unit>::parse(kept.unit.as_bytes())?;
        let challenge_ms = unit.body().challenge_ms;
        Ok(Terms { deadline: kept.deadline, open_at: kept.open_at, challenge_ms })
    }
}
