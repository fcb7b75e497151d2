//! Challenges: a bidder's receipts against the close.
//!
//! Invariant: an unanswered valid receipt means this agent never releases this unit. A bid is in
//! the close unless its bidder's own next statement, on the record, took it out.

use crate::bid::rules::line;
use crate::bid::statements::{BidEvent, Manifest, Withdrawal};
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::note::Note;
use crate::crypto::statement::Statement;
use crate::custodian::wire::{Account, AskAnswer, AskChallenge};
use crate::enterprise::credentials::enterprise_of;
use crate::ids::UnitId;
use crate::opening::statements::{Challenged, Close, Verdict};
use crate::record::proof::Receipt;

use super::refusal::Refusal;
use super::state::{Agent, Change, Kept, KeptChallenge, UNSIGNED};

/// What receipts say of one bid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// Its line, if it is in the close.
    pub line: Hash,
    /// Of its manifest.
    pub manifest_sha256: Hash,
    /// Whether it should be in the close.
    pub lives: Lives,
}

/// Whether a bid should be in the close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lives {
    /// Nothing shown took it out.
    In,
    /// Its bidder's next statement took it out.
    Out,
}

impl Told {
    /// Whether the close agrees.
    pub fn agrees(&self, close: &Close) -> bool {
        let is_in = close.lines.binary_search(&self.line).is_ok();
        is_in == (self.lives == Lives::In)
    }
}

/// Reads the receipts of one bid.
pub(super) fn told(agent: &Agent<'_>, account: &Account, unit_id: UnitId) -> Result<Told, Refusal> {
    let (receipt, _) = agent.receipt(&account.accepted)?;
    let (manifest, sha256) = accepted(&receipt, unit_id)?;
    let told = Told {
        line: line(receipt.salt.as_bytes(), &sha256),
        manifest_sha256: sha256,
        lives: Lives::In,
    };
    let Some(later) = &account.later else { return Ok(told) };
    let (later, _) = agent.receipt(later)?;
    require_next(agent, account, &manifest, &later, unit_id)?;
    Ok(Told { lives: Lives::Out, ..told })
}

fn accepted(receipt: &Receipt, unit_id: UnitId) -> Result<(Statement<Manifest>, Hash), Refusal> {
    match json::parse(&receipt.event) {
        Ok(BidEvent::Accepted { manifest, manifest_sha256, unit_id: of, .. }) if of == unit_id => {
            let manifest = Statement::<Manifest>::parse(manifest.as_bytes())?;
            let fits = manifest.sha256() == manifest_sha256 && manifest.body().unit_id == unit_id;
            if fits { Ok((manifest, manifest_sha256)) } else { Err(Refusal::NoChallenge) }
        }
        _ => Err(Refusal::NoChallenge),
    }
}

/// Demands that `later` is the same bidder's next statement after `manifest`, signed by the key of
/// `manifest` or one that this handed over to: a successor by a key that an operator vouched for
/// meanwhile must not push a bid out.
fn require_next(
    agent: &Agent<'_>,
    account: &Account,
    manifest: &Statement<Manifest>,
    later: &Receipt,
    unit_id: UnitId,
) -> Result<(), Refusal> {
    let signer = manifest.note().signatures().first().and_then(|s| enterprise_of(&s.name));
    let bidder = agent.speaker(&account.credentials, signer.ok_or(UNSIGNED)?)?;
    let (note, prev) = match json::parse(&later.event) {
        Ok(BidEvent::Withdrawn { withdrawal, .. }) => {
            let statement = Statement::<Withdrawal>::parse(withdrawal.as_bytes())?;
            let of_unit = statement.body().unit_id == unit_id;
            let prev = of_unit.then_some(statement.body().manifest_sha256);
            (statement.note().clone(), prev)
        }
        Ok(BidEvent::Accepted { manifest, .. }) => {
            let statement = Statement::<Manifest>::parse(manifest.as_bytes())?;
            let of_unit = statement.body().unit_id == unit_id;
            let prev = of_unit.then_some(statement.body().prev_sha256).flatten();
            (statement.note().clone(), prev)
        }
        _ => return Err(Refusal::NoChallenge),
    };
    if !bidder.followed(manifest.note(), &note) {
        return Err(UNSIGNED);
    }
    if prev == Some(manifest.sha256()) { Ok(()) } else { Err(Refusal::NoChallenge) }
}

/// The effective close a request speaks of, checked and not contradicting the agent's own.
pub(super) fn effective_close(
    agent: &Agent<'_>,
    text: &str,
) -> Result<(Statement<Close>, UnitId), Refusal> {
    let note = Note::parse(text.as_bytes())?;
    let close = Statement::<Close>::from_note(note)?;
    let roster = agent.roster();
    close.note().require(&roster.platform_key)?;
    if close.note().count(&roster.statement_keys())? < roster.q() {
        return Err(Refusal::NoQuorum);
    }
    let unit_id = close.body().unit_id;
    let own = agent.state.units.get(&unit_id).and_then(|kept| kept.close);
    if own.is_some_and(|own| own != close.sha256()) {
        return Err(Refusal::SecondClose);
    }
    Ok((close, unit_id))
}

/// Judges a bidder's receipts against the close.
///
/// # Errors
/// [`Refusal`] when receipts or close do not verify, or tell nothing about each other.
pub fn challenge(
    agent: &Agent<'_>,
    ask: &AskChallenge,
) -> Result<(Change, Statement<Challenged>), Refusal> {
    let (close, unit_id) = effective_close(agent, &ask.close)?;
    let kept = agent.kept(&unit_id)?;
    let told = told(agent, &ask.account, unit_id)?;
    let known = kept.challenges.get(&told.line.to_string());
    let verdict = if told.agrees(close.body()) || known == Some(&KeptChallenge::Answered) {
        Verdict::Answered
    } else if kept.window_end.is_some_and(|end| agent.now >= end) {
        Verdict::Finding
    } else {
        Verdict::Open
    };
    let mut kept = Kept { close: Some(close.sha256()), ..kept.clone() };
    if verdict == Verdict::Open {
        kept.challenges.insert(told.line.to_string(), KeptChallenge::Open);
    }
    let reply = judged(agent, &close, told.line, verdict)?;
    Ok((Change::Unit(unit_id, Box::new(kept)), reply))
}

/// Takes the platform's answer: the bidder's next statement, which explains the close.
///
/// # Errors
/// [`Refusal::NoChallenge`] when it explains nothing, or nothing is open.
pub fn answer(
    agent: &Agent<'_>,
    ask: &AskAnswer,
) -> Result<(Change, Statement<Challenged>), Refusal> {
    let (close, unit_id) = effective_close(agent, &ask.close)?;
    let kept = agent.kept(&unit_id)?;
    let told = told(agent, &ask.account, unit_id)?;
    let line = told.line.to_string();
    if !told.agrees(close.body()) || !kept.challenges.contains_key(&line) {
        return Err(Refusal::NoChallenge);
    }
    if kept.window_end.is_some_and(|end| agent.now >= end) {
        return Err(Refusal::ChallengeOpen);
    }
    let mut kept = kept.clone();
    kept.challenges.insert(line, KeptChallenge::Answered);
    let reply = judged(agent, &close, told.line, Verdict::Answered)?;
    Ok((Change::Unit(unit_id, Box::new(kept)), reply))
}

fn judged(
    agent: &Agent<'_>,
    close: &Statement<Close>,
    line: Hash,
    verdict: Verdict,
) -> Result<Statement<Challenged>, Refusal> {
    let body = Challenged {
        close_sha256: close.sha256(),
        custodian: agent.me()?.id.clone(),
        received_at: agent.now,
        line,
        verdict,
        unit_id: close.body().unit_id,
    };
    Ok(Statement::signed(body, &agent.keys.statement)?)
}
