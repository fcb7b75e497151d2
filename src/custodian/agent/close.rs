//! The close: at most one per unit, ever, and never one older than an amendment this agent signed.

use crate::bid::rules::Refused;
use crate::bid::statements::{BidEvent, Fault};
use crate::clock::{Time, is_closed};
use crate::crypto::json;
use crate::crypto::note::Note;
use crate::crypto::statement::Statement;
use crate::custodian::wire::{Account, AskClose};
use crate::opening::rules::{is_ascending, is_freeze};
use crate::opening::statements::Close;

use super::challenge::told;
use super::refusal::Refusal;
use super::state::{Agent, Change, Kept};

/// Signs a frozen bid set.
///
/// # Errors
/// [`Refusal`] with the first check that fails; [`Refusal::SecondClose`] for any other than the one
/// this agent signed.
pub fn sign_close(
    agent: &Agent<'_>,
    ask: &AskClose,
) -> Result<(Change, Statement<Close>), Refusal> {
    let mut close = Statement::<Close>::parse(ask.close.as_bytes())?;
    let unit_id = close.body().unit_id;
    let kept = agent.kept(&unit_id)?;
    if !kept.signed {
        return Err(Refusal::UnknownUnit);
    }
    close.note().require(&agent.roster().platform_key)?;
    match kept.close {
        Some(own) if own != close.sha256() => return Err(Refusal::SecondClose),
        Some(_) => {
            close.sign(&agent.keys.statement);
            return Ok((Change::Nothing, close));
        }
        None => {}
    }
    agent.require_proposed(&close, unit_id, &ask.proposed)?;
    check_freeze(agent, kept, close.body(), &ask.checkpoint)?;
    if !is_ascending(&close.body().lines) {
        return Err(Refusal::Lines);
    }
    check_lodged(agent, kept, close.body(), &ask.lodged)?;
    close.sign(&agent.keys.statement);
    let kept = Kept { close: Some(close.sha256()), ..kept.clone() };
    Ok((Change::Unit(unit_id, Box::new(kept)), close))
}

fn check_freeze(
    agent: &Agent<'_>,
    kept: &Kept,
    close: &Close,
    checkpoint: &str,
) -> Result<(), Refusal> {
    let checkpoint = agent.checkpoint(checkpoint)?;
    let times: Vec<Time> = checkpoint.cosignatures().iter().map(|c| c.time).collect();
    let frozen = checkpoint.checkpoint().size == close.size
        && is_freeze(&times, agent.roster().q(), kept.deadline)
        && is_closed(agent.now, kept.deadline);
    if frozen { Ok(()) } else { Err(Refusal::TooEarlyToClose) }
}

/// Every bid lodged here is in the close, out by its bidder's own statement, or refused on record
/// with the bidder at fault.
fn check_lodged(
    agent: &Agent<'_>,
    kept: &Kept,
    close: &Close,
    accounts: &[Account],
) -> Result<(), Refusal> {
    for sha256 in kept.lodged.keys() {
        let settled = |account| is_settled(agent, account, close, sha256);
        if !accounts.iter().any(settled) {
            return Err(Refusal::LodgedMissing);
        }
    }
    Ok(())
}

fn is_settled(agent: &Agent<'_>, account: &Account, close: &Close, sha256: &str) -> bool {
    match told(agent, account, close.unit_id) {
        Ok(told) => told.manifest_sha256.to_string() == sha256 && told.agrees(close),
        Err(_) => is_refused(agent, account, sha256),
    }
}

fn is_refused(agent: &Agent<'_>, account: &Account, sha256: &str) -> bool {
    let Ok((receipt, _)) = agent.receipt(&account.accepted) else { return false };
    match json::parse(&receipt.event) {
        Ok(BidEvent::Refused { statement, fault: Fault::Bidder, code, .. })
            if Refused::is_for_good(&code) =>
        {
            Note::parse(statement.as_bytes()).is_ok_and(|note| note.sha256().to_string() == sha256)
        }
        _ => false,
    }
}
