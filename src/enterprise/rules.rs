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
use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::note::Note;
use crate::crypto::statement::Statement;
use crate::ids::EnterpriseId;

/// The longest name, contact or reason in characters.
pub const MAX_TEXT: usize = 500;

/// Where a body stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It applied, and nobody has vouched for it yet.
    Applied(Pending),
    /// This key speaks for it.
    Verified {
        /// The key in force.
        key: VerifyingKey,
    },
    /// Its application was declined; it may apply again.
    Declined {
        /// What to mend.
        reason: String,
    },
    /// Its key was revoked; nobody speaks for it until a new application is vouched for.
    Keyless,
    /// A keyless body applied with a new key.
    Reapplied(Pending),
}

impl State {
    /// The state's word in columns and JSON.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Applied(_) => "applied",
            Self::Verified { .. } => "verified",
            Self::Declined { .. } => "declined",
            Self::Keyless => "keyless",
            Self::Reapplied(_) => "reapplied",
        }
    }
}

/// An application that waits for an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Of the application's text: what the operator's statement must name.
    pub application_sha256: Hash,
    /// The key that it brings.
    pub key: VerifyingKey,
}

/// What a checked statement does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Somebody applies.
    Apply(Pending),
    /// An operator vouches for an application and its key.
    Verify(Pending),
    /// An operator declines an application.
    Decline {
        /// Which.
        application_sha256: Hash,
        /// What to mend.
        reason: String,
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
#[expect(clippy::too_many_lines, reason = "one table of states and actions")]
pub fn next(state: &State, action: &Action) -> Result<State, Refused> {
    match (state, action) {
        (State::Declined { .. }, Action::Apply(new)) => Ok(State::Applied(new.clone())),
        (State::Keyless, Action::Apply(new)) => Ok(State::Reapplied(new.clone())),
        (State::Applied(_) | State::Reapplied(_), Action::Apply(_)) => Err(Refused::Waiting),
        (State::Verified { .. }, Action::Apply(_)) => Err(Refused::AlreadyVerified),

        (State::Applied(waiting) | State::Reapplied(waiting), Action::Verify(vouched)) => {
            if waiting == vouched {
                Ok(State::Verified { key: vouched.key.clone() })
            } else {
                Err(Refused::OtherApplication)
            }
        }
        (
            State::Applied(waiting) | State::Reapplied(waiting),
            Action::Decline { application_sha256, reason },
        ) => {
            if waiting.application_sha256 != *application_sha256 {
                return Err(Refused::OtherApplication);
            }
            Ok(match state {
                State::Reapplied(_) => State::Keyless,
                _ => State::Declined { reason: reason.clone() },
            })
        }
        (
            State::Verified { .. } | State::Declined { .. } | State::Keyless,
            Action::Verify(_) | Action::Decline { .. },
        ) => Err(Refused::NothingWaiting),

        (State::Verified { key }, Action::Rotate { old, new }) => {
            if key != old {
                Err(Refused::NotInForce)
            } else if new == old {
                Err(Refused::KeyTaken)
            } else {
                Ok(State::Verified { key: new.clone() })
            }
        }
        (State::Verified { key }, Action::Revoke { key: revoked }) => {
            if key == revoked {
                Ok(State::Keyless)
            } else {
                Err(Refused::NotInForce)
            }
        }
        (
            State::Applied(_) | State::Declined { .. } | State::Keyless | State::Reapplied(_),
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
) -> Result<Action, Refused> {
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
    signed_by_exactly(application.note(), std::slice::from_ref(&body.key))?;
    let application_sha256 = application.sha256();
    Ok(Action::Apply(Pending { application_sha256, key: body.key.clone() }))
}

/// Checks an operator's vouching: by one operator of the roster, and word for word about the
/// application that is waiting. Returns the operator's key besides.
///
/// # Errors
/// [`Refused`] with the first fault.
pub fn check_verified<'k>(
    verified: &Statement<Verified>,
    operators: &'k [VerifyingKey],
    waiting: &Application,
) -> Result<(Action, &'k VerifyingKey), Refused> {
    let body = verified.body();
    let operator = the_operator(verified.note(), operators)?;
    let same = body.enterprise == waiting.enterprise
        && body.key == waiting.key
        && body.kind == waiting.kind
        && body.name == waiting.name
        && body.uscc == waiting.uscc;
    if !same {
        return Err(Refused::OtherApplication);
    }
    let application_sha256 = body.application_sha256;
    Ok((Action::Verify(Pending { application_sha256, key: body.key.clone() }), operator))
}

/// Checks an operator's refusal. Returns the operator's key besides.
///
/// # Errors
/// [`Refused`] with the first fault.
pub fn check_declined<'k>(
    declined: &Statement<Declined>,
    operators: &'k [VerifyingKey],
) -> Result<(Action, &'k VerifyingKey), Refused> {
    let body = declined.body();
    let operator = the_operator(declined.note(), operators)?;
    check_text("reason", &body.reason)?;
    let application_sha256 = body.application_sha256;
    Ok((Action::Decline { application_sha256, reason: body.reason.clone() }, operator))
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

fn the_operator<'k>(
    note: &Note,
    operators: &'k [VerifyingKey],
) -> Result<&'k VerifyingKey, Refused> {
    let [line] = note.signatures() else { return Err(Refused::NotAnOperator) };
    let operator = operators.iter().find(|key| line.claims(key)).ok_or(Refused::NotAnOperator)?;
    note.require(operator)?;
    Ok(operator)
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

/// The key that spoke at an instant: from the entry that introduced it until before the entry that
/// ended it. A body's spans never overlap; where entries share a millisecond, the last one counts.
#[must_use]
pub fn key_at(spans: &[KeySpan], at: Time) -> Option<&VerifyingKey> {
    let spoke = |span: &&KeySpan| span.from <= at && span.until.is_none_or(|(end, _)| at < end);
    spans.iter().rev().find(spoke).map(|span| &span.key)
}
