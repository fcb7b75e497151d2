//! Challenges: a bidder's receipts, or a custodian's word about its bid, against the close; judged by
//! `opening::rules::challenge`.
//!
//! Invariant: an unanswered valid receipt that came within the window means this agent never
//! releases this unit. It keeps the receipts, so that the platform can ask for them and answer, and
//! takes the answer at any time. Nobody but the platform is told who brought
//! them. What a bidder may show has its bounds, and no bidder takes up another's.

use std::collections::BTreeMap;
use std::mem::discriminant;

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::note::Note;
use crate::crypto::statement::Statement;
use crate::custodian::wire::{
    AskAnswer, AskChallenge, AskChallenges, BroughtChallenge, ChallengesReply, MAX_RECEIPTS,
};
use crate::ids::UnitId;
use crate::opening::rules::challenge::{Told, answers, denies, is_in_time, shown};
use crate::opening::statements::{Challenged, Close, QueryAbout, Verdict};

use super::kept::{Kept, KeptChallenge};
use super::query::{asked, page};
use super::refusal::Refusal;
use super::state::{Agent, Change};

/// Challenges of one bidder that are open at once, at most, and that came too late: those that were
/// answered make room.
pub const MAX_OPEN: usize = 16;

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
    // By the times that q signed: this agent may have slept through an amendment.
    let deadline = close.body().deadline;
    let told = shown(&agent.keys_of_receipts(), &ask.account, close.body(), deadline)?;
    let line = told.line.to_string();
    let (verdict, received_at) = match kept.challenges.get(&line) {
        Some(KeptChallenge::Answered { received_at }) => (Verdict::Answered, *received_at),
        // What is open stays so, whatever less is shown of it.
        Some(KeptChallenge::Open { received_at, .. } | KeptChallenge::Late { received_at, .. }) => {
            (Verdict::Open, *received_at)
        }
        None if told.agrees(close.body()) => (Verdict::Answered, agent.now),
        None => (Verdict::Open, agent.now),
    };
    let is_late = verdict == Verdict::Open && !is_in_time(received_at, kept.window_end);
    let verdict = if is_late { Verdict::Finding } else { verdict };
    if verdict != Verdict::Answered && !kept.challenges.contains_key(&line) {
        let coming = if is_late {
            KeptChallenge::Late { received_at, told }
        } else {
            let account = Box::new(ask.account.clone());
            KeptChallenge::Open { account, received_at, told }
        };
        make_room(&mut kept.challenges, (&coming, &told))?;
        kept.challenges.insert(line, coming);
    }
    let reply = judged(agent, unit_id, close.sha256(), told.line, (verdict, received_at))?;
    Ok((Change::Unit(unit_id, Box::new(kept)), reply))
}

/// Lets no bidder fill an agent's memory with what it replaced itself. What says more takes the place of
/// what says least: whoever holds a bidder's receipts cannot keep the last one out with the others.
fn make_room(
    challenges: &mut BTreeMap<String, KeptChallenge>,
    (challenge, coming): (&KeptChallenge, &Told),
) -> Result<(), Refusal> {
    // What is late takes no place from what stops a release.
    let like = challenges.values().filter(|it| discriminant(*it) == discriminant(challenge));
    let own = like.filter_map(KeptChallenge::told).filter(|told| told.bidder == coming.bidder);
    let mut own: Vec<Told> = own.copied().collect();
    own.sort_by_key(Told::weight);
    match own.first() {
        Some(least) if own.len() >= MAX_OPEN && least.weight() < coming.weight() => {
            challenges.remove(&least.line.to_string());
            Ok(())
        }
        Some(_) if own.len() >= MAX_OPEN => Err(Refusal::ManyChallenges),
        _ => Ok(()),
    }
}

/// Takes the platform's answer to a finding of its own: the bidder's next statement, which explains the
/// close; or what became of a bid that was lodged. What it holds no more, because it made room or lost
/// its memory, it judges by what the platform says was shown: that must deny the close about this line,
/// so nothing that was kept back makes it answerable. It keeps nothing of that, so that whoever shows
/// it more is heard.
///
/// # Errors
/// [`Refusal::NoChallenge`] when it explains nothing, or answers no finding of this agent's.
pub fn answer(
    agent: &Agent<'_>,
    ask: &AskAnswer,
) -> Result<(Change, Statement<Challenged>), Refusal> {
    let (close, unit_id) = effective_close(agent, &ask.close)?;
    let mut kept = agent.kept_or_shown(unit_id, &ask.unit)?;
    let found = own_finding(agent, &ask.finding, &close)?;
    // One for the bid and each version before it.
    if ask.accounts.len() > MAX_RECEIPTS {
        return Err(Refusal::Range("custodian-say-range-shown"));
    }
    let (keys, against) = (agent.keys_of_receipts(), (close.body(), close.body().deadline));
    let is_answer = |what| answers(&keys, what, against, found.line, &ask.accounts);
    let line = found.line.to_string();
    let held = kept.challenges.get(&line);
    let answered_at = match held {
        Some(KeptChallenge::Answered { received_at }) => Some(*received_at),
        Some(KeptChallenge::Open { account, received_at, .. }) => {
            is_answer(account).then(|| agent.now.max(received_at.plus(1)))
        }
        Some(KeptChallenge::Late { .. }) | None => {
            let is_denied = denies(&keys, &ask.account, against, found.line);
            (is_denied && is_answer(&ask.account)).then_some(agent.now)
        }
    };
    // Later than the finding, whatever the clock did: else it would answer nothing.
    let answered_at = answered_at.ok_or(Refusal::NoChallenge)?;
    let received_at = answered_at.max(found.received_at.plus(1));
    let answered = (Verdict::Answered, received_at);
    let reply = judged(agent, unit_id, close.sha256(), found.line, answered)?;
    if matches!(held, Some(KeptChallenge::Late { .. }) | None) {
        return Ok((Change::Nothing, reply));
    }
    kept.challenges.insert(line, KeptChallenge::Answered { received_at });
    Ok((Change::Unit(unit_id, Box::new(kept)), reply))
}

/// What this agent once found of a challenge against this close, by its own signature.
fn own_finding(
    agent: &Agent<'_>,
    text: &str,
    close: &Statement<Close>,
) -> Result<Challenged, Refusal> {
    let finding = Statement::<Challenged>::parse(text.as_bytes())?;
    finding.note().require(agent.keys.statement.verifying())?;
    let body = finding.body();
    let is_of_close = body.close_sha256 == close.sha256() && body.unit_id == close.body().unit_id;
    let is_own = body.custodian == agent.me()?.id && body.verdict == Verdict::Open;
    if is_of_close && is_own { Ok(body.clone()) } else { Err(Refusal::NoChallenge) }
}

/// Tells the platform the open challenges of a unit with what was shown, a page at a time: a bidder may
/// have told nobody else.
///
/// # Errors
/// [`Refusal`] when it is not the platform that asks.
pub fn challenges(agent: &Agent<'_>, ask: &AskChallenges) -> Result<ChallengesReply, Refusal> {
    let (unit_id, kept) = asked(agent, &ask.query, QueryAbout::Challenges)?;
    let open = kept.challenges.iter().filter(|(_, challenge)| challenge.stops(kept.window_end));
    let brought = |challenge: &KeptChallenge| brought(agent, unit_id, kept, challenge);
    Ok(ChallengesReply { challenges: page(open, ask.after, brought)? })
}

fn brought(
    agent: &Agent<'_>,
    unit_id: UnitId,
    kept: &Kept,
    challenge: &KeptChallenge,
) -> Result<Option<BroughtChallenge>, Refusal> {
    let (KeptChallenge::Open { account, received_at, told }, Some(close)) = (challenge, kept.close)
    else {
        return Ok(None);
    };
    let note = judged(agent, unit_id, close, told.line, (Verdict::Open, *received_at))?.encode();
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
