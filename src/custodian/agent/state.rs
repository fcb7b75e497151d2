//! What an agent knows and what it must remember.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use crate::clock::Time;
use crate::crypto::key::{KeyKind, SigningKey, VerifyingKey};
use crate::crypto::labels;
use crate::crypto::note::{Note, NoteError};
use crate::crypto::seal::identity::{Identity, derive, unit_identity};
use crate::crypto::statement::{Body, Statement};
use crate::custodian::roster::{CustodianId, Member, Roster};
use crate::custodian::wire::MAX_CREDENTIALS;
use crate::enterprise::credentials::{Credential, credential};
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::rules::{Terms, challenge};
use crate::opening::statements::OpeningEvent;
use crate::record::checkpoint::Cosigned;
use crate::record::proof::Receipt;
use crate::record::witness::Known;
use crate::tender::statements::Unit;

use super::kept::Kept;
use super::refusal::Refusal;
use super::silence::{Silences, Watch};

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

/// An agent's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The last checkpoint it cosigned.
    pub witnessed: Option<Known>,
    /// When it was asked to cosign nothing.
    pub silences: Silences,
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
    /// The last checkpoint cosigned, and the silences up to it.
    Witnessed(Known, Silences),
    /// After a lost state: where the others' record stands, and when they said so at the latest.
    Adopted(Known, Time),
    /// What it knows of a unit.
    Unit(UnitId, Box<Kept>),
    /// It was shown that it once knew more than it does: its memory is an old copy.
    Forgot(Time),
}

impl State {
    /// Whether it lost its memory and has not yet learnt from the others where the record stands:
    /// until then it vouches for nothing and hands nothing out, for its clock may be as old as what
    /// it forgot.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        self.recovered_at.is_some() && self.witnessed.is_none()
    }

    /// The state of an agent that starts over at this instant. What an old copy remembers of a unit may
    /// be less than what was signed of it: it still stops a release, and nothing more is signed on
    /// its strength.
    fn forget(&mut self, at: Time) {
        self.recovered_at = Some(self.recovered_at.map_or(at, |lost| lost.max(at)));
        self.witnessed = None;
        self.units.values_mut().for_each(|kept| kept.signed = false);
    }

    /// The state after a change.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Forgot(at) => self.forget(at),
            Change::Nothing => {}
            Change::Witnessed(known, silences) => {
                self.witnessed = Some(known);
                self.silences = silences;
            }
            Change::Adopted(known, at) => {
                self.witnessed = Some(known);
                self.silences = Silences::default();
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
    /// The first roster of its chain: whose operators vouched for the earliest bodies.
    pub first: &'a Statement<Roster>,
    /// The keys that signed the record's checkpoints, the one in force first; none while it is the
    /// roster's.
    pub log_keys: &'a [VerifyingKey],
    /// What it remembers.
    pub state: &'a State,
    /// Its clock.
    pub now: Time,
    /// When it was started, by the same clock: what happened before, it cannot have seen.
    pub awake_since: Time,
    /// No unit may leave its bidders less than this for a challenge, in milliseconds.
    pub challenge_floor_ms: i64,
}

impl Agent<'_> {
    /// Its entry in the roster.
    pub(super) fn me(&self) -> Result<&Member, Refusal> {
        let own = self.keys.statement.verifying();
        let mut members = self.roster().custodians.iter();
        members.find(|member| member.statement_key == *own).ok_or(Refusal::WrongRoster)
    }

    /// What it can have seen by itself.
    pub(super) const fn watch(&self) -> Watch {
        Watch { since: self.awake_since, now: self.now }
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

    /// What it keeps of a unit, or would keep of one that it meets now: effective with everybody's
    /// signatures, its own among them, which it forgot.
    pub(super) fn kept_or_shown(&self, id: UnitId, shown: &str) -> Result<Kept, Refusal> {
        if let Some(kept) = self.state.units.get(&id) {
            return Ok(kept.clone());
        }
        let (unit, of) = self.effective_unit(shown)?;
        if of == id { Ok(Kept::met(&unit)) } else { Err(Refusal::UnknownUnit) }
    }

    /// A unit with all its signatures, this agent's own among them.
    pub(super) fn effective_unit(&self, text: &str) -> Result<(Statement<Unit>, UnitId), Refusal> {
        let unit = Statement::<Unit>::parse(text.as_bytes())?;
        if unit.body().roster_sha256 != self.roster.sha256() {
            return Err(Refusal::WrongRoster);
        }
        for key in self.roster().statement_keys() {
            unit.note().require(&key)?;
        }
        let id = unit.body().id().map_err(|e| Refusal::Statement(e.into()))?;
        Ok((unit, id))
    }

    /// Who speaks for a body, vouched for by an operator of the roster in force then.
    pub(super) fn speaker(
        &self,
        credentials: &[String],
        body: EnterpriseId,
    ) -> Result<Credential, Refusal> {
        // Counted before a signature among them is checked.
        if credentials.len() > MAX_CREDENTIALS {
            return Err(Refusal::Range("custodian-say-range-shown"));
        }
        let found = credential(self.first, credentials)?;
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
        let witnesses = self.roster().witness_keys();
        let cosigned = self.by_log_keys(|key| {
            Cosigned::from_network(&note, key, &witnesses).map_err(Into::into)
        })?;
        self.remembering(cosigned)
    }

    /// Demands that the agent remembers what it cosigned: its own signature under a larger record than
    /// it knows of says that its folder is an old copy. What ended in a succession is of no account.
    pub(super) fn remembering(&self, cosigned: Cosigned) -> Result<Cosigned, Refusal> {
        let known = self.state.witnessed.as_ref().map_or(0, |known| known.size);
        let own = cosigned.time_of(self.keys.witness.verifying());
        let shown = cosigned.checkpoint();
        let forgot = own.is_some() && shown.size > known && shown.origin == self.log_key().name();
        if forgot && !self.state.is_lost() { Err(Refusal::Forgot) } else { Ok(cosigned) }
    }

    /// A receipt and its checkpoint, both verified.
    pub(super) fn receipt(&self, text: &str) -> Result<(Receipt, Cosigned), Refusal> {
        let receipt = Receipt::parse(text.as_bytes())?;
        let witnesses = self.roster().witness_keys();
        let cosigned =
            self.by_log_keys(|key| receipt.verify(key, &witnesses).map_err(Into::into))?;
        Ok((receipt, self.remembering(cosigned)?))
    }

    /// By whose keys it judges what it is shown of bids.
    pub(super) fn keys_of_receipts(&self) -> challenge::Keys<'_> {
        let former = self.log_keys.iter().skip(1);
        let log = std::iter::once(self.log_key()).chain(former).collect();
        challenge::Keys { roster: self.roster(), first: self.first, log }
    }

    /// The key that signs the record's checkpoints now.
    pub(super) fn log_key(&self) -> &VerifyingKey {
        self.log_keys.first().unwrap_or(&self.roster.body().log_key)
    }

    /// A checkpoint by the key in force, or by one before it: then only with q cosignatures, because a
    /// key that was succeeded may be anybody's.
    fn by_log_keys(
        &self,
        verify: impl Fn(&VerifyingKey) -> Result<Cosigned, Refusal>,
    ) -> Result<Cosigned, Refusal> {
        let q = self.roster().q();
        let by_former = |key| verify(key).ok().filter(|found| found.cosignatures().len() >= q);
        verify(self.log_key())
            .or_else(|error| self.log_keys.iter().skip(1).find_map(by_former).ok_or(error))
    }

    /// Demands that a statement stands on the record as proposed: so nothing is signed that the
    /// world could not see being asked. Gives the checkpoint by which it is shown.
    pub(super) fn require_proposed<B: Body>(
        &self,
        statement: &Statement<B>,
        unit_id: UnitId,
        receipt: &str,
    ) -> Result<Cosigned, Refusal> {
        let (receipt, cosigned) = self.receipt(receipt)?;
        let event: OpeningEvent =
            crate::crypto::json::parse(&receipt.event).map_err(|_| Refusal::NotRecorded)?;
        match event {
            OpeningEvent::Proposed { statement_sha256, unit_id: of, statement: text }
                if statement_sha256 == statement.sha256() && of == unit_id =>
            {
                let shown = Note::parse(text.as_bytes())?;
                let same = shown.text() == statement.note().text();
                if same { Ok(cosigned) } else { Err(Refusal::NotRecorded) }
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
