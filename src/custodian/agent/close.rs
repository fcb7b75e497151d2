//! The close: at most one per unit, ever, and never one older than an amendment this agent signed.

use std::collections::BTreeMap;

use crate::clock::{Time, is_closed};
use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::custodian::wire::{Account, AskClose};
use crate::ids::EnterpriseId;
use crate::opening::rules::lodged::{Accounted, Accounts, lodged_line};
use crate::opening::rules::{is_ascending, is_freeze};
use crate::opening::statements::Close;

use super::kept::{Kept, KeptBid, KeptFile};
use super::refusal::Refusal;
use super::state::{Agent, Change};

/// Signs a frozen bid set.
///
/// # Errors
/// [`Refusal`] with the first check that fails; [`Refusal::SecondClose`] for any other than the one
/// this agent signed, [`Refusal::Cancelled`] for any once it heard of a cancellation.
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
    kept.require_standing()?;
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
    // Whoever releases without having been here believes these times.
    if (close.body().deadline, close.body().open_at) != (kept.deadline, kept.open_at) {
        return Err(Refusal::OtherTimes);
    }
    check_freeze(agent, kept, close.body(), &ask.checkpoint)?;
    if !is_ascending(&close.body().lines) {
        return Err(Refusal::Lines);
    }
    let lodged = check_lodged(agent, kept, close.body(), &ask.lodged)?;
    close.sign(&agent.keys.statement);
    let kept = Kept { close: Some(close.sha256()), lodged, ..kept.clone() };
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

/// Every bid lodged here is in the close, out by its bidder's own statement, or refused on record for
/// a reason that this agent cannot disprove. Gives the bids lodged here, the files of those that are
/// not in the close marked as needless.
pub(super) fn check_lodged(
    agent: &Agent<'_>,
    kept: &Kept,
    close: &Close,
    accounts: &[Account],
) -> Result<BTreeMap<String, KeptBid>, Refusal> {
    let keys = agent.keys_of_receipts();
    let accounts = Accounts::read(&keys, close, accounts);
    let before = |bidder: EnterpriseId, sha256: &Hash| {
        let line = lodged_line(bidder, sha256).to_string();
        kept.lodged.get(&line).and_then(KeptBid::word)
    };
    let mut lodged = kept.lodged.clone();
    for bid in lodged.values_mut() {
        let word = bid.word().ok_or(Refusal::Internal("custodian-say-internal-manifest"))?;
        match accounts.of(&word, &before) {
            Some(Accounted::In) => {}
            Some(Accounted::Out) => bid.file = KeptFile::Needless,
            None => return Err(Refusal::LodgedMissing),
        }
    }
    Ok(lodged)
}
