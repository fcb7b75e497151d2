//! Who an enterprise is and which key speaks for it: pure decisions on states and statements.
//!
//! Invariant: a key speaks for a body only after an operator of the roster vouched for it, until it
//! hands over to the next one or is revoked; nothing but these statements changes that. A lost or
//! stolen key is revoked (by itself, or by the operator upon evidence) and a new application
//! vouched for. Deliberately absent: suspending a body by a click. It would let the operator silence
//! a bidder before a deadline without a word on the record.

use super::credentials::key_name;
use super::refused::Refused;
use super::statements::{Application, Declined, KeyRevocation, KeyRotation, Verified};
use super::uscc::Uscc;
use crate::clock::Time;
use crate::crypto::key::VerifyingKey;
use crate::crypto::note::Note;
use crate::crypto::statement::Statement;
use crate::ids::EnterpriseId;

/// The longest name, contact or reason in characters.
pub const MAX_TEXT: usize = 500;
/// How often a body's key may be rotated before an operator must vouch for it again. Custodians, the
/// verifier and every lodged bid walk all of its keys; a key a year comes to it in half a century.
pub const MAX_ROTATIONS: u32 = 50;

/// Where a body stands. Applications wait apart from it: what one says changes nothing here until
/// an operator vouches for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Somebody applied in its name, and nobody has vouched for it yet.
    Applied,
    /// This key speaks for it.
    Verified {
        /// The key in force.
        key: VerifyingKey,
    },
    /// Its last application was declined, none waits; it may apply again.
    Declined {
        /// What to mend.
        reason: String,
    },
    /// Its key was revoked; nobody speaks for it until a new application is vouched for.
    Keyless,
    /// It is keyless, and somebody applied in its name with a new key.
    Reapplied,
}

impl State {
    /// The state's word in columns and JSON.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Verified { .. } => "verified",
            Self::Declined { .. } => "declined",
            Self::Keyless => "keyless",
            Self::Reapplied => "reapplied",
        }
    }
}

/// Whether other applications in a body's name wait besides the one that is decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// None does.
    None,
    /// At least one does.
    Wait,
}

/// What a checked statement does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Somebody applies in its name.
    Apply,
    /// An operator vouches for an application that waits.
    Verify {
        /// The key that it brings.
        key: VerifyingKey,
    },
    /// An operator declines an application that waits.
    Decline {
        /// What to mend.
        reason: String,
        /// What waits besides.
        others: Others,
    },
    /// A key hands over to the next.
    Rotate {
        /// Speaks no more.
        old: VerifyingKey,
        /// Takes over.
        new: VerifyingKey,
    },
    /// A key stops speaking.
    Revoke {
        /// Which.
        key: VerifyingKey,
    },
}

/// The state after an action, or why there is none.
///
/// # Errors
/// [`Refused`]; the state stays.
pub fn next(state: &State, action: &Action) -> Result<State, Refused> {
    match (state, action) {
        (State::Applied | State::Declined { .. }, Action::Apply) => Ok(State::Applied),
        (State::Keyless | State::Reapplied, Action::Apply) => Ok(State::Reapplied),
        (State::Verified { .. }, Action::Apply) => Err(Refused::AlreadyVerified),

        (State::Applied | State::Reapplied, Action::Verify { key }) => {
            Ok(State::Verified { key: key.clone() })
        }
        (State::Applied | State::Reapplied, Action::Decline { others: Others::Wait, .. }) => {
            Ok(state.clone())
        }
        (State::Applied, Action::Decline { reason, .. }) => {
            Ok(State::Declined { reason: reason.clone() })
        }
        (State::Reapplied, Action::Decline { .. }) => Ok(State::Keyless),
        (
            State::Verified { .. } | State::Declined { .. } | State::Keyless,
            Action::Verify { .. } | Action::Decline { .. },
        ) => Err(Refused::NothingWaiting),

        (State::Verified { key }, Action::Rotate { old, .. }) if key != old => {
            Err(Refused::NotInForce)
        }
        (State::Verified { .. }, Action::Rotate { old, new }) if new == old => {
            Err(Refused::KeyTaken)
        }
        (State::Verified { .. }, Action::Rotate { new, .. }) => {
            Ok(State::Verified { key: new.clone() })
        }
        (State::Verified { key }, Action::Revoke { key: revoked }) => {
            if key == revoked {
                Ok(State::Keyless)
            } else {
                Err(Refused::NotInForce)
            }
        }
        (
            State::Applied | State::Declined { .. } | State::Keyless | State::Reapplied,
            Action::Rotate { .. } | Action::Revoke { .. },
        ) => Err(Refused::NoKey),
    }
}

/// Checks an application by itself: its code, its texts, its key's name and its signature, which
/// proves that the applicant holds the key.
///
/// # Errors
/// [`Refused`] with the first fault.
pub fn check_application(
    origin: &str,
    application: &Statement<Application>,
) -> Result<(), Refused> {
    let body = application.body();
    if Uscc::parse(&body.uscc)?.as_str() != body.uscc {
        return Err(Refused::CodeSpelling);
    }
    check_text("name", &body.name)?;
    check_text("contact", &body.contact)?;
    let name = key_name(origin, body.kind, body.enterprise);
    if body.key.name() != name {
        return Err(Refused::KeyName(name));
    }
    signed_by_exactly(application.note(), std::slice::from_ref(&body.key))
}

/// The operator of the roster who alone signed a decision.
///
/// # Errors
/// [`Refused::NotAnOperator`], [`Refused::Signature`].
pub fn the_operator<'k>(
    note: &Note,
    operators: &'k [VerifyingKey],
) -> Result<&'k VerifyingKey, Refused> {
    let [line] = note.signatures() else { return Err(Refused::NotAnOperator) };
    let operator = operators.iter().find(|key| line.claims(key)).ok_or(Refused::NotAnOperator)?;
    note.require(operator)?;
    Ok(operator)
}

/// Whether an operator's vouching says word for word what the application says.
///
/// # Errors
/// [`Refused::OtherApplication`].
pub fn check_verified(
    verified: &Verified,
    waiting: &Statement<Application>,
) -> Result<Action, Refused> {
    if *verified != Verified::of(waiting) {
        return Err(Refused::OtherApplication);
    }
    Ok(Action::Verify { key: verified.key.clone() })
}

/// Checks what an operator says of an application that it declines.
///
/// # Errors
/// [`Refused::Text`].
pub fn check_declined(declined: &Declined, others: Others) -> Result<Action, Refused> {
    check_text("reason", &declined.reason)?;
    Ok(Action::Decline { reason: declined.reason.clone(), others })
}

/// Checks a rotation: by the old key and by the new one, which so proves that it is held.
///
/// # Errors
/// [`Refused`] with the first fault.
pub fn check_rotation(rotation: &Statement<KeyRotation>) -> Result<Action, Refused> {
    let body = rotation.body();
    if body.new_key.name() != body.old_key.name() {
        return Err(Refused::KeyName(body.old_key.name().to_owned()));
    }
    signed_by_exactly(rotation.note(), &[body.old_key.clone(), body.new_key.clone()])?;
    Ok(Action::Rotate { old: body.old_key.clone(), new: body.new_key.clone() })
}

/// Checks a revocation: by the key itself, or by one operator of the roster, whose key is returned
/// then.
///
/// # Errors
/// [`Refused`] with the first fault.
pub fn check_revocation<'k>(
    revocation: &Statement<KeyRevocation>,
    operators: &'k [VerifyingKey],
) -> Result<(Action, Option<&'k VerifyingKey>), Refused> {
    let body = revocation.body();
    check_text("reason", &body.reason)?;
    let action = Action::Revoke { key: body.key.clone() };
    if revocation.note().signed_by(&body.key)? {
        signed_by_exactly(revocation.note(), std::slice::from_ref(&body.key))?;
        return Ok((action, None));
    }
    let operator = the_operator(revocation.note(), operators)?;
    Ok((action, Some(operator)))
}

fn signed_by_exactly(note: &Note, keys: &[VerifyingKey]) -> Result<(), Refused> {
    keys.iter().try_for_each(|key| note.require(key))?;
    Ok(note.only_by(keys)?)
}

fn check_text(field: &'static str, text: &str) -> Result<(), Refused> {
    if text.is_empty() || text.trim() != text || text.chars().count() > MAX_TEXT {
        return Err(Refused::Text(field));
    }
    Ok(())
}

/// Whom a statement's text is about, by its field `enterprise`, whatever its type.
#[must_use]
pub fn subject(text: &str) -> Option<EnterpriseId> {
    #[derive(serde::Deserialize)]
    struct About {
        enterprise: EnterpriseId,
    }
    let line = text.lines().nth(1)?;
    serde_json::from_str::<About>(line).ok().map(|about| about.enterprise)
}

/// Why a key speaks no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It handed over to the next.
    Rotated,
    /// It was revoked.
    Revoked,
}

impl Ended {
    /// The word in columns and JSON.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Rotated => "rotated",
            Self::Revoked => "revoked",
        }
    }
}

/// Judges how often a body's key was rotated since an operator vouched for it.
///
/// # Errors
/// [`Refused::ManyRotations`].
pub fn check_often(spans: &[KeySpan]) -> Result<(), Refused> {
    let is_revoked = |span: &&KeySpan| matches!(span.until, Some((_, Ended::Revoked)));
    let line = spans.iter().rev().take_while(|span| !is_revoked(span));
    let rotated = line.filter(|span| span.until.is_some()).count();
    let fits = u32::try_from(rotated).is_ok_and(|rotated| rotated < MAX_ROTATIONS);
    if fits { Ok(()) } else { Err(Refused::ManyRotations) }
}

/// When a key spoke for its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpan {
    /// The key.
    pub key: VerifyingKey,
    /// From this entry's time on.
    pub from: Time,
    /// Until before this entry's time, and why.
    pub until: Option<(Time, Ended)>,
}
