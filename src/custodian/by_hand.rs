//! What a custodian signs by hand, with the key that follows from its seed: the next roster, and a
//! succession of the record.
//!
//! Invariant: nothing is signed that the regulator has not signed, and of each kind at most one in a
//! seed's life: two next rosters, or two records after this one, would be two truths. (A record that
//! was succeeded once may be succeeded again: that is another record.) What was signed
//! is on the disk before the signature leaves. Deliberately absent: whether the new custodians or the
//! new key deserve trust, which is what people decide before they call this.

use super::home::{HomeError, Loaded};
use super::roster::{Roster, RosterError, follows};
use crate::crypto::note::{Note, NoteError};
use crate::crypto::statement::{Body, Statement};
use crate::error::{Args, Reason as _};
use crate::record::checkpoint::{CheckpointError, Cosigned};
use crate::record::succession::{self, Succession, SuccessionError};

/// Why a custodian does not sign.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The roster is not the next version after this agent's.
    #[error("it is not the version after this agent's roster: {0}")]
    NotNext(RosterError),
    /// The regulator's signature is missing or wrong.
    #[error("the regulator's signature: {0}")]
    Regulator(NoteError),
    /// This custodian has signed another one.
    #[error("this custodian has signed another one, and signs one only")]
    Another,
    /// The succession does not follow this agent's record.
    #[error("it does not follow this agent's record: {0}")]
    NotMyRecord(SuccessionError),
    /// The checkpoint shown is not the one that the succession holds.
    #[error("the checkpoint is not the one that the succession holds")]
    NotHeld,
    /// The checkpoint shown does not verify.
    #[error("the checkpoint does not verify: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// This agent never cosigned the checkpoint that the succession holds.
    #[error("this agent has not cosigned the checkpoint that the succession holds")]
    NotCosigned,
    /// Its folder.
    #[error(transparent)]
    Home(#[from] HomeError),
}

impl crate::error::Refusal for Refused {
    fn code(&self) -> &'static str {
        match self {
            Self::NotNext(_) => "custodian-roster-not-next",
            Self::Regulator(_) => "custodian-regulator-unsigned",
            Self::Another => "custodian-signed-another",
            Self::NotMyRecord(_) => "custodian-not-my-record",
            Self::NotHeld => "custodian-not-held",
            Self::Checkpoint(_) => "custodian-checkpoint",
            Self::NotCosigned => "custodian-not-cosigned",
            Self::Home(_) => "custodian-home",
        }
    }

    fn status(&self) -> u16 {
        if matches!(self, Self::Home(_)) { 500 } else { 422 }
    }

    fn args(&self) -> Args {
        match self {
            Self::NotNext(cause) => vec![("cause", cause.arg())],
            Self::Regulator(cause) => vec![("cause", cause.arg())],
            Self::NotMyRecord(cause) => vec![("cause", cause.arg())],
            Self::Home(cause) => vec![("cause", cause.arg())],
            Self::Another | Self::NotHeld | Self::Checkpoint(_) | Self::NotCosigned => Args::new(),
        }
    }
}

/// Signs the version after the agent's own roster.
///
/// # Errors
/// [`Refused`] with the first check that fails.
pub fn sign_roster(loaded: &Loaded, next: Statement<Roster>) -> Result<Statement<Roster>, Refused> {
    let own = &loaded.roster;
    follows(own, &next).map_err(Refused::NotNext)?;
    next.note().require(&own.body().regulator_key).map_err(Refused::Regulator)?;
    sign_once(loaded, "next-roster.note", next)
}

/// Signs the succession of the agent's record. `held` is the checkpoint that the succession says is
/// the last one held: either this agent remembers it, or its own cosignature stands under it.
///
/// # Errors
/// [`Refused`] with the first check that fails.
pub fn sign_succession(
    loaded: &Loaded,
    succession: Statement<Succession>,
    held: &Note,
) -> Result<Statement<Succession>, Refused> {
    let (roster, log_key) = (loaded.roster.body(), loaded.rosters.log_key());
    let body = succession.body();
    succession::check_terms(body, log_key).map_err(Refused::NotMyRecord)?;
    succession.note().require(&roster.regulator_key).map_err(Refused::Regulator)?;
    let held = Cosigned::from_network(held, log_key, &roster.witness_keys())?;
    let (seen, last) = (held.checkpoint(), body.last_checkpoint);
    if (seen.size, seen.root) != (last.size, last.root) {
        return Err(Refused::NotHeld);
    }
    let remembers = loaded
        .state
        .witnessed
        .as_ref()
        .is_some_and(|known| (known.size, known.root) == (last.size, last.root));
    if !remembers && held.time_of(loaded.keys.witness.verifying()).is_none() {
        return Err(Refused::NotCosigned);
    }
    let name = format!("succession-{}.note", loaded.rosters.successions().count() + 1);
    sign_once(loaded, &name, succession)
}

/// Signs, if nothing else was signed under this name. Kept is what was signed, without signatures.
fn sign_once<B: Body>(
    loaded: &Loaded,
    name: &str,
    mut statement: Statement<B>,
) -> Result<Statement<B>, Refused> {
    let text = statement.note().text().as_bytes();
    match loaded.home.read_if(name)? {
        Some(signed) if signed != text => return Err(Refused::Another),
        Some(_) => {}
        None => loaded.home.write(name, text)?,
    }
    statement.sign(&loaded.keys.statement);
    Ok(statement)
}
