//! Challenges: a bidder's receipts, or a custodian's word about its bid, against the close; judged by
//! `opening::rules::challenge`.
//!
//! Invariant: an unanswered valid receipt that came within the window means this agent never
//! releases this unit. It keeps the receipts, so that the platform can ask for them and answer, and
//! takes the answer for as long as it has not released.

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::note::Note;
use crate::crypto::statement::Statement;
use crate::custodian::wire::{AskAnswer, AskChallenge, BroughtChallenge, ChallengesReply};
use crate::ids::UnitId;
use crate::opening::rules::challenge::{answers, is_in_time, shown};
use crate::opening::statements::{Challenged, Close, Verdict};

use super::kept::{Kept, KeptChallenge};
use super::refusal::Refusal;
use super::state::{Agent, Change};

/// Open challenges told at once: an answer has its bound, and those that were answered make room.
const TOLD_AT_ONCE: usize = 200;

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

/// Judges a bidder's receipts against the close. An agent that lost its memory meets the unit here.
///
/// # Errors
/// [`Refusal`] when receipts, close or unit do not verify, or tell nothing about each other.
pub fn challenge(
    agent: &Agent<'_>,
    ask: &AskChallenge,
) -> Result<(Change, Statement<Challenged>), Refusal> {
    let (close, unit_id) = effective_close(agent, &ask.close)?;
    let mut kept = agent.kept_or_shown(unit_id, &ask.unit)?;
    kept.close = Some(close.sha256());
    let told = shown(&agent.keys_of_receipts(), &ask.account, close.body(), kept.deadline)?;
    let line = told.line.to_string();
    let (verdict, received_at) = match kept.challenges.get(&line) {
        Some(KeptChallenge::Answered) => (Verdict::Answered, agent.now),
        _ if told.agrees(close.body()) => (Verdict::Answered, agent.now),
        Some(KeptChallenge::Open { received_at, .. }) => (Verdict::Open, *received_at),
        None => (Verdict::Open, agent.now),
    };
    let is_late = verdict == Verdict::Open && !is_in_time(received_at, kept.window_end);
    let verdict = if is_late { Verdict::Finding } else { verdict };
    if verdict == Verdict::Open {
        let account = ask.account.clone();
        let open = || KeptChallenge::Open { account: Box::new(account), received_at };
        kept.challenges.entry(line).or_insert_with(open);
    }
    let reply = judged(agent, unit_id, close.sha256(), told.line, (verdict, received_at))?;
    Ok((Change::Unit(unit_id, Box::new(kept)), reply))
}

/// Takes the platform's answer: the bidder's next statement, which explains the close; or what became
/// of a bid that was lodged.
///
/// # Errors
/// [`Refusal::NoChallenge`] when it explains nothing, or nothing is open.
pub fn answer(
    agent: &Agent<'_>,
    ask: &AskAnswer,
) -> Result<(Change, Statement<Challenged>), Refusal> {
    let (close, unit_id) = effective_close(agent, &ask.close)?;
    let kept = agent.kept(&unit_id)?;
    let line = ask.line.to_string();
    let is_answered = match kept.challenges.get(&line) {
        Some(KeptChallenge::Open { account, .. }) => {
            let (keys, against) = (agent.keys_of_receipts(), (close.body(), kept.deadline));
            answers(&keys, account, against, ask.line, &ask.accounts)
        }
        Some(KeptChallenge::Answered) => true,
        None => false,
    };
    if !is_answered {
        return Err(Refusal::NoChallenge);
    }
    let mut kept = kept.clone();
    kept.challenges.insert(line, KeptChallenge::Answered);
    let found = (Verdict::Answered, agent.now);
    let reply = judged(agent, unit_id, close.sha256(), ask.line, found)?;
    Ok((Change::Unit(unit_id, Box::new(kept)), reply))
}

/// Tells the open challenges of a unit with what was shown: a bidder may have told nobody else.
///
/// # Errors
/// [`Refusal::UnknownUnit`].
pub fn challenges(agent: &Agent<'_>, unit_id: &UnitId) -> Result<ChallengesReply, Refusal> {
    let kept = agent.kept(unit_id)?;
    let open = kept.challenges.iter().filter(|(_, challenge)| challenge.stops(kept.window_end));
    let brought = open
        .take(TOLD_AT_ONCE)
        .map(|(line, challenge)| brought(agent, *unit_id, kept, line, challenge));
    Ok(ChallengesReply {
        challenges: brought.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect(),
    })
}

fn brought(
    agent: &Agent<'_>,
    unit_id: UnitId,
    kept: &Kept,
    line: &str,
    challenge: &KeptChallenge,
) -> Result<Option<BroughtChallenge>, Refusal> {
    let (KeptChallenge::Open { account, received_at }, Some(close)) = (challenge, kept.close)
    else {
        return Ok(None);
    };
    let line = line.parse().map_err(|_| Refusal::Internal("its memory holds no line"))?;
    let note = judged(agent, unit_id, close, line, (Verdict::Open, *received_at))?.encode();
    Ok(Some(BroughtChallenge { account: (**account).clone(), note }))
}

fn judged(
    agent: &Agent<'_>,
    unit_id: UnitId,
    close_sha256: Hash,
    line: Hash,
    (verdict, received_at): (Verdict, Time),
) -> Result<Statement<Challenged>, Refusal> {
    let custodian = agent.me()?.id.clone();
    let body = Challenged { close_sha256, custodian, received_at, line, verdict, unit_id };
    Ok(Statement::signed(body, &agent.keys.statement)?)
}
