//! The requests of [`wire`](super::wire) on their way: each type to its path, answers back to types.
//!
//! Deliberately absent: the transport, which is [`Custodians`]'s, and any trust in what is answered.

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::client::{Answer, AskError, Custodians};
use super::roster::CustodianId;
use super::wire::{
    AskAmendment, AskAnswer, AskCancel, AskChallenge, AskChallenges, AskClose, AskLodged,
    AskLodgedBid, AskRecipient, AskRelease, AskSuspend, AskUnit, AskWindow, ChallengesReply, Done,
    LodgedBid, LodgedReply, NoteReply, RecipientReply,
};
use crate::crypto::hash::Hash;
use crate::crypto::note::Note;
use crate::crypto::statement::Statement;
use crate::opening::rules::lodged::lodged_line;
use crate::opening::statements::Lodged;

/// Whoever is so much slower than those that were needed is heard too.
const MOMENT: Duration = Duration::from_millis(250);
/// More bids than this are lodged with nobody for one unit.
const MAX_LODGED: usize = 200_000;

/// A request as the wire knows it: its path and what answers it.
pub trait Ask: Serialize {
    /// The path.
    const PATH: &'static str;
    /// What comes back.
    type Reply: DeserializeOwned;
}

macro_rules! asks {
    ($($ask:ident => $path:literal, $reply:ident;)*) => {$(
        impl Ask for $ask {
            const PATH: &'static str = $path;
            type Reply = $reply;
        }
    )*};
}

asks! {
    AskRecipient => "/recipient", RecipientReply;
    AskUnit => "/unit", NoteReply;
    AskAmendment => "/amendment", NoteReply;
    AskClose => "/close", NoteReply;
    AskChallenge => "/challenge", NoteReply;
    AskChallenges => "/challenges", ChallengesReply;
    AskAnswer => "/answer", NoteReply;
    AskRelease => "/release", NoteReply;
    AskSuspend => "/suspend", Done;
    AskCancel => "/cancel", Done;
    AskLodged => "/lodged", LodgedReply;
    AskWindow => "/window", Done;
}

/// Asks one custodian.
///
/// # Errors
/// [`AskError`].
pub async fn ask<A: Ask>(
    wire: &dyn Custodians,
    to: &CustodianId,
    request: &A,
) -> Result<A::Reply, AskError> {
    parse(&wire.send(to, A::PATH, Some(json(request)?)).await?)
}

fn json<T: Serialize>(request: &T) -> Result<Vec<u8>, AskError> {
    serde_json::to_vec(request).map_err(|e| AskError::Malformed(e.to_string()))
}

/// Asks one custodian for a signed note.
///
/// # Errors
/// [`AskError`]; the note's signatures are not checked.
pub async fn ask_note<A: Ask<Reply = NoteReply>>(
    wire: &dyn Custodians,
    to: &CustodianId,
    request: &A,
) -> Result<Note, AskError> {
    let reply = ask(wire, to, request).await?;
    Ok(Note::parse(reply.note.as_bytes())?)
}

/// Asks several custodians the same at once; the answers come in their order.
pub async fn ask_all<A: Ask>(
    wire: &dyn Custodians,
    all: &[CustodianId],
    request: &A,
) -> Vec<(CustodianId, Result<A::Reply, AskError>)> {
    let one = |to: CustodianId| async move {
        let answer = ask(wire, &to, request).await;
        (to, answer)
    };
    join_all(all.iter().cloned().map(one)).await
}

/// The next of several answers as they come: while any are needed whoever answers, and once none is
/// only who answers within a moment.
pub async fn next_answer<F: Future>(
    asked: &mut FuturesUnordered<F>,
    needed: usize,
) -> Option<F::Output> {
    match needed {
        0 => tokio::time::timeout(MOMENT, asked.next()).await.ok().flatten(),
        _ => asked.next().await,
    }
}

/// The bids lodged with a custodian for the unit of a signed [`Query`], page by page.
///
/// [`Query`]: crate::opening::statements::Query
///
/// # Errors
/// [`AskError`]; no signature is checked.
pub async fn lodged(
    wire: &dyn Custodians,
    at: &CustodianId,
    query: &str,
) -> Result<Vec<LodgedBid>, AskError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = ask(wire, at, &AskLodged { after, query: query.to_owned() }).await?.bids;
        let Some(last) = page.last() else { return Ok(all) };
        let next = Some(line_of(last)?);
        if all.len() > MAX_LODGED || next <= after {
            return Err(AskError::Malformed("its pages do not end".to_owned()));
        }
        all.extend(page);
        after = next;
    }
}

fn line_of(bid: &LodgedBid) -> Result<Hash, AskError> {
    let lodged = Statement::<Lodged>::parse(bid.lodged.as_bytes());
    let lodged = lodged.map_err(|e| AskError::Malformed(e.to_string()))?;
    Ok(lodged_line(lodged.body().bidder, &lodged.body().manifest_sha256))
}

/// Fetches the `.bid` file of a lodged bid into `target`.
///
/// # Errors
/// [`AskError`].
pub async fn lodged_bid(
    wire: &dyn Custodians,
    at: &CustodianId,
    ask: &AskLodgedBid,
    target: &Path,
) -> Result<(), AskError> {
    wire.download(at, "/lodged/bid", json(ask)?, target).await
}

fn parse<T: DeserializeOwned>(answer: &Answer) -> Result<T, AskError> {
    if answer.status != 200 {
        return Err(refused(answer));
    }
    serde_json::from_slice(&answer.body).map_err(|e| AskError::Malformed(e.to_string()))
}

pub(super) fn refused(answer: &Answer) -> AskError {
    #[derive(Deserialize)]
    struct Problem {
        code: String,
    }
    let problem = serde_json::from_slice::<Problem>(&answer.body);
    let code = problem.map_or_else(|_| "unknown".to_owned(), |problem| problem.code);
    AskError::Refused { status: answer.status, code }
}
