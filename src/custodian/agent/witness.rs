//! The agent as a witness of the record.

use crate::crypto::note::{Note, NoteSignature};
use crate::record::checkpoint::{self, Checkpoint};
use crate::record::witness::{AddCheckpoint, Known, WitnessRefusal, consider};

use super::refusal::Refusal;
use super::state::{Agent, Change};

/// Cosigns a checkpoint that grew from the last one seen.
///
/// # Errors
/// [`WitnessRefusal`] as tlog-witness defines it. An agent that lost its state refuses until it has
/// adopted a checkpoint: otherwise it would vouch for a record it might have seen differently.
pub fn cosign(
    agent: &Agent<'_>,
    request: &AddCheckpoint,
) -> Result<(Change, NoteSignature), WitnessRefusal> {
    if agent.state.is_lost() {
        return Err(WitnessRefusal::Unable);
    }
    let accepted = consider(agent.state.witnessed, request, agent.log_key())?;
    let line = checkpoint::cosign(accepted.note.text(), &agent.keys.witness, agent.now)
        .map_err(|_| WitnessRefusal::Unable)?;
    let (before, silences) = (agent.state.witnessed, &agent.state.silences);
    let silences = if before.is_some_and(|known| known.size >= accepted.known.size) {
        silences.after_the_same(agent.now)
    } else {
        silences.after_growth(agent.watch())
    };
    Ok((Change::Witnessed(accepted.known, silences), line))
}

/// The last checkpoint that it cosigned, with the time at which it did: what a platform that holds less,
/// or something else, is shown. A later time would be a cosignature that it remembers nothing of.
///
/// # Errors
/// [`Refusal::NotWitnessed`] when there is none, also after a lost state.
pub fn last_checkpoint(agent: &Agent<'_>) -> Result<Note, Refusal> {
    let known = agent.state.witnessed.filter(|_| !agent.state.is_lost());
    let Known { size, root } = known.ok_or(Refusal::NotWitnessed)?;
    let origin = agent.log_key().name().to_owned();
    let internal = |_| Refusal::Internal("custodian-say-internal-cosign");
    let text = Checkpoint { origin, size, root }.text();
    let at = agent.state.silences.last().unwrap_or(agent.now);
    let line = checkpoint::cosign(&text, &agent.keys.witness, at).map_err(internal)?;
    let mut note = Note::new(text).map_err(|_| Refusal::Internal("custodian-say-internal-note"))?;
    note.push(line);
    Ok(note)
}

/// After a lost state, once: takes up witnessing from a checkpoint that q others cosigned. Their latest
/// hour is one that has passed, whatever this machine's clock says: units issued before it may have
/// been signed by what was forgotten. An agent that remembers goes on by consistency proofs alone.
///
/// # Errors
/// [`Refusal::NotLost`] when it remembers, [`Refusal::NoQuorum`] when fewer than q others did.
pub fn adopt(agent: &Agent<'_>, checkpoint: &str) -> Result<Change, Refusal> {
    // This may show the agent that it is lost.
    let cosigned = agent.checkpoint(checkpoint)?;
    if !agent.state.is_lost() {
        return Err(Refusal::NotLost);
    }
    let own = agent.keys.witness.verifying();
    let others = cosigned.cosignatures().iter().filter(|c| c.witness != *own).map(|c| c.time);
    let latest = others.clone().max();
    let latest = latest.filter(|_| others.count() >= agent.roster().q());
    let latest = latest.ok_or(Refusal::NoQuorum)?;
    let seen = cosigned.checkpoint();
    Ok(Change::Adopted(Known { size: seen.size, root: seen.root }, latest))
}
