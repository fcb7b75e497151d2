//! Which key speaks for a body, from signed statements alone: the operator's `verified`, then
//! rotations and revocations in record order, and after a revocation another `verified` with a new
//! key. Rosters after the first stand among them where they came into force: from there on their
//! operators vouch, and nobody whom they leave out. Custodians and the verifier judge by this.
//!
//! Invariant: what follows a statement binds only by that statement's key, or by one that it handed
//! over to. A key that an operator vouched for after a revocation starts a new line: otherwise the
//! operator could revoke a bidder's key, vouch for one of its own, and take the bid back with it.

use crate::crypto::key::VerifyingKey;
use crate::crypto::note::{Note, NoteError};
use crate::crypto::statement::{Body, Statement, StatementError, type_of};
use crate::custodian::roster::{Roster, RosterError, check_next};
use crate::ids::EnterpriseId;

use super::statements::{KeyRevocation, KeyRotation, Kind, Verified};

/// Who speaks with which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Who.
    pub enterprise: EnterpriseId,
    /// Its registered name.
    pub name: String,
    /// What it may do.
    pub kind: Kind,
    /// The key in force; `None` after a revocation.
    pub key: Option<VerifyingKey>,
    /// Its keys ever, oldest first: a line per verification, and in it each key by the one before it.
    pub lines: Vec<Vec<VerifyingKey>>,
}

impl Credential {
    /// The keys that the one in force reaches back to, itself last; `None` after a revocation.
    #[must_use]
    pub fn line(&self) -> Option<&[VerifyingKey]> {
        self.key.as_ref().and(self.lines.last()).map(Vec::as_slice)
    }

    /// The key in force, if it signed `earlier` itself or took over from the key that did.
    #[must_use]
    pub fn key_after(&self, earlier: &Note) -> Option<&VerifyingKey> {
        let line = self.line()?;
        line.iter().any(|key| is_by(earlier, key)).then_some(line.last()).flatten()
    }

    /// Whether `later` is signed by the key of `earlier`, or by one that this handed over to.
    #[must_use]
    pub fn followed(&self, earlier: &Note, later: &Note) -> bool {
        self.lines.iter().any(|line| {
            let mut from = line.iter().skip_while(|key| !is_by(earlier, key));
            from.any(|key| is_by(later, key))
        })
    }
}

fn is_by(note: &Note, key: &VerifyingKey) -> bool {
    note.require(key).is_ok()
}

/// Why statements do not add up to a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// A statement is malformed.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// A signature is missing or wrong.
    #[error(transparent)]
    Signature(#[from] NoteError),
    /// No operator of the roster in force vouched.
    #[error("no operator of the roster in force signed it")]
    NotVouched,
    /// A roster among the statements does not follow the one before it.
    #[error("a roster among the statements: {0}")]
    Roster(#[from] RosterError),
    /// A statement is out of place: another body's, or for a key that is not in force.
    #[error("a statement about another body or another key than the one in force")]
    OutOfPlace,
    /// The list does not start with a verification.
    #[error("the first statement is no verification")]
    NoVerification,
    /// The key's name does not carry the body's id.
    #[error("the key is not named after its body")]
    KeyName,
}

/// The name that a body's key must have.
#[must_use]
pub fn key_name(origin: &str, kind: Kind, enterprise: EnterpriseId) -> String {
    format!("{origin}/{}/{enterprise}", kind.code())
}

/// The enterprise id that a key's name carries, if it is a bidder's or buyer's key.
#[must_use]
pub fn enterprise_of(key_name: &str) -> Option<EnterpriseId> {
    key_name.rsplit_once('/').and_then(|(_, id)| id.parse().ok())
}

/// Whose key a note's first signature names. It proves nothing before that signature is checked.
#[must_use]
pub fn signer(note: &Note) -> Option<EnterpriseId> {
    note.signatures().first().and_then(|line| enterprise_of(&line.name))
}

/// Folds the statements about one body, in record order; `first` is the roster in force before any
/// of them.
///
/// # Errors
/// [`CredentialError`] with the first fault.
pub fn credential(
    first: &Statement<Roster>,
    notes: &[String],
) -> Result<Credential, CredentialError> {
    let (mut roster, mut found) = (first.clone(), None::<Credential>);
    for text in notes {
        let note = Note::parse(text.as_bytes()).map_err(StatementError::from)?;
        if type_of(note.text()) == Some(Roster::TYPE) {
            let next = Statement::<Roster>::from_note(note)?;
            // Who starts from a later version has left the earlier ones behind.
            if next.body().version > roster.body().version {
                check_next(Some(&roster), &next)?;
                roster = next;
            }
            continue;
        }
        let Roster { origin, operator_keys, .. } = roster.body();
        match &mut found {
            None => found = Some(Credential::begin(origin, operator_keys, text)?),
            Some(known) => known.follow(origin, operator_keys, text)?,
        }
    }
    found.ok_or(CredentialError::NoVerification)
}

impl Credential {
    /// What the first statement about a body says: its verification.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn begin(
        origin: &str,
        operators: &[VerifyingKey],
        first: &str,
    ) -> Result<Self, CredentialError> {
        let verified = Statement::<Verified>::parse(first.as_bytes())?;
        if verified.note().count(operators)? == 0 {
            return Err(CredentialError::NotVouched);
        }
        let body = verified.body();
        check_name(&key_name(origin, body.kind, body.enterprise), &body.key)?;
        Ok(Self {
            enterprise: body.enterprise,
            name: body.name.clone(),
            kind: body.kind,
            key: Some(body.key.clone()),
            lines: vec![vec![body.key.clone()]],
        })
    }

    /// Takes the next statement about the same body; one that does not stand changes nothing.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn follow(
        &mut self,
        origin: &str,
        operators: &[VerifyingKey],
        next: &str,
    ) -> Result<(), CredentialError> {
        let note = Note::parse(next.as_bytes()).map_err(StatementError::from)?;
        let expected = key_name(origin, self.kind, self.enterprise);
        let next = next_key(self, &expected, operators, note)?;
        self.take(next);
        Ok(())
    }

    /// A key after none begins a line, a key after another goes on with it.
    fn take(&mut self, next: Option<VerifyingKey>) {
        if let Some(key) = &next {
            match self.lines.last_mut().filter(|_| self.key.is_some()) {
                Some(line) => line.push(key.clone()),
                None => self.lines.push(vec![key.clone()]),
            }
        }
        self.key = next;
    }
}

fn next_key(
    credential: &Credential,
    expected: &str,
    operators: &[VerifyingKey],
    note: Note,
) -> Result<Option<VerifyingKey>, CredentialError> {
    if type_of(note.text()) == Some(Verified::TYPE) {
        let again = Statement::<Verified>::from_note(note)?;
        let body = again.body();
        if again.note().count(operators)? == 0 {
            return Err(CredentialError::NotVouched);
        }
        let same = body.enterprise == credential.enterprise && body.kind == credential.kind;
        if !same || credential.key.is_some() {
            return Err(CredentialError::OutOfPlace);
        }
        check_name(expected, &body.key)?;
        return Ok(Some(body.key.clone()));
    }
    if type_of(note.text()) == Some(KeyRevocation::TYPE) {
        let revocation = Statement::<KeyRevocation>::from_note(note)?;
        let body = revocation.body();
        in_force(credential, body.enterprise, &body.key)?;
        if !revocation.note().signed_by(&body.key)? && revocation.note().count(operators)? == 0 {
            return Err(CredentialError::NotVouched);
        }
        return Ok(None);
    }
    let rotation = Statement::<KeyRotation>::from_note(note)?;
    let body = rotation.body();
    in_force(credential, body.enterprise, &body.old_key)?;
    rotation.note().require(&body.old_key)?;
    rotation.note().require(&body.new_key)?;
    check_name(expected, &body.new_key)?;
    Ok(Some(body.new_key.clone()))
}

fn in_force(
    credential: &Credential,
    enterprise: EnterpriseId,
    key: &VerifyingKey,
) -> Result<(), CredentialError> {
    if credential.enterprise == enterprise && credential.key.as_ref() == Some(key) {
        Ok(())
    } else {
        Err(CredentialError::OutOfPlace)
    }
}

fn check_name(expected: &str, key: &VerifyingKey) -> Result<(), CredentialError> {
    if key.name() == expected { Ok(()) } else { Err(CredentialError::KeyName) }
}
