//! Lodged bids: taken before the deadline from bidders, told after it to the platform.
//!
//! Invariants: only a bidder whose key an operator vouched for lodges, and only what follows a
//! statement that this agent can see, so that every refusal of it can be judged at the close. A bid
//! once lodged is neither replaced nor forgotten, and the word about it is the same whenever it is
//! asked for. Nobody learns who bids before the deadline, and afterwards the platform alone does.

use crate::bid::rules::{Refused, Stood, check_signature};
use crate::bid::statements::{BidEvent, Manifest, Withdrawal};
use crate::clock::{Time, is_closed};
use crate::crypto::json;
use crate::crypto::note::Note;
use crate::crypto::statement::{Body as _, Statement, type_of};
use crate::custodian::wire::{AskLodge, AskLodged, AskLodgedBid, LODGED_PAGE, LodgedBid};
use crate::enterprise::credentials::{Credential, enterprise_of};
use crate::enterprise::statements::{KeyRotation, Kind};
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::statements::{Lodged, LodgedQuery};

use super::kept::{Kept, KeptBid, KeptFile};
use super::refusal::Refusal;
use super::state::{Agent, Change, UNSIGNED};

/// Versions that one bidder lodges with one agent for one unit, at most.
pub const MAX_VERSIONS: usize = 8;
/// The platform's question is answered within this many milliseconds of its hour.
const ASKED_WITHIN_MS: i64 = 60_000;

/// What an agent makes of a bid that somebody wants to lodge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coming {
    /// It was lodged before; the word is given again.
    Known(Box<Statement<Lodged>>),
    /// It may come in.
    Welcome(Box<Welcome>),
}

/// A bid that may come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// What its file must be.
    pub manifest: Statement<Manifest>,
    /// Whose.
    pub bidder: EnterpriseId,
}

/// Judges a bid by its manifest alone, before its file is taken.
///
/// # Errors
/// [`Refusal`] with the first check that fails.
pub fn consider(
    agent: &Agent<'_>,
    ask: &AskLodge,
    arrived_at: Time,
    max_bid: u64,
) -> Result<Coming, Refusal> {
    let manifest = Statement::<Manifest>::parse(ask.manifest.as_bytes())?;
    let unit_id = manifest.body().unit_id;
    let kept = agent.kept(&unit_id)?;
    if !kept.signed {
        return Err(Refusal::UnknownUnit);
    }
    for receipt in &ask.receipts {
        agent.receipt(receipt)?;
    }
    let speaker = bidder_of(agent, ask, &manifest)?;
    if let Some(known) = kept.lodged.get(&manifest.sha256().to_string()) {
        return Ok(Coming::Known(Box::new(word(agent, unit_id, known)?)));
    }
    let body = manifest.body();
    if body.shares.len() != agent.roster().n() {
        return Err(Refusal::Lodge(Refused::ShareCount));
    }
    if is_closed(arrived_at, kept.deadline) || kept.close.is_some() {
        return Err(Refusal::Lodge(Refused::Late));
    }
    check_quota(kept, speaker.enterprise, body.bid.size, max_bid)?;
    check_place(agent, kept, ask, &manifest, &speaker)?;
    Ok(Coming::Welcome(Box::new(Welcome { manifest, bidder: speaker.enterprise })))
}

/// Receipts a whole bid whose file the server has stored and checked against the manifest.
/// `arrived_at` is when its last byte was in.
///
/// # Errors
/// As [`consider`].
pub fn lodge(
    agent: &Agent<'_>,
    ask: &AskLodge,
    arrived_at: Time,
    max_bid: u64,
) -> Result<(Change, Statement<Lodged>), Refusal> {
    let welcome = match consider(agent, ask, arrived_at, max_bid)? {
        Coming::Known(word) => return Ok((Change::Nothing, *word)),
        Coming::Welcome(welcome) => welcome,
    };
    let body = welcome.manifest.body();
    let bid = KeptBid {
        arrived_at,
        bidder: welcome.bidder,
        credentials: ask.credentials.clone(),
        file: KeptFile::Needed,
        manifest: ask.manifest.clone(),
        size: body.bid.size,
    };
    let lodged = word(agent, body.unit_id, &bid)?;
    let mut kept = agent.kept(&body.unit_id)?.clone();
    kept.lodged.insert(welcome.manifest.sha256().to_string(), bid);
    Ok((Change::Unit(body.unit_id, Box::new(kept)), lodged))
}

/// The agent's word about a bid. Ed25519 makes the same signature again, so none is kept.
fn word(agent: &Agent<'_>, unit_id: UnitId, bid: &KeptBid) -> Result<Statement<Lodged>, Refusal> {
    let manifest_sha256 = Note::parse(bid.manifest.as_bytes())?.sha256();
    let custodian = agent.me()?.id.clone();
    let body = Lodged { arrived_at: bid.arrived_at, custodian, manifest_sha256, unit_id };
    Ok(Statement::signed(body, &agent.keys.statement)?)
}

/// The bidder whose key in force signed the manifest, and nobody else with it.
fn bidder_of(
    agent: &Agent<'_>,
    ask: &AskLodge,
    manifest: &Statement<Manifest>,
) -> Result<Credential, Refusal> {
    let signer = manifest.note().signatures().first().and_then(|s| enterprise_of(&s.name));
    let speaker = agent.speaker(&ask.credentials, signer.ok_or(UNSIGNED)?)?;
    for text in ask.credentials.iter().filter(|text| type_of(text) == Some(KeyRotation::TYPE)) {
        // Anybody can hand its own key over in private: the platform would know nothing of it.
        let rotation = Note::parse(text.as_bytes())?;
        let is_it = |event: &[u8]| Note::parse(event).is_ok_and(|it| it.text() == rotation.text());
        let mut shown = ask.receipts.iter().filter_map(|text| agent.receipt(text).ok());
        if !shown.any(|(receipt, _)| is_it(&receipt.event)) {
            return Err(Refusal::NotRecorded);
        }
    }
    if is_signed(manifest, &speaker) {
        Ok(speaker)
    } else {
        Err(Refusal::Lodge(Refused::Signature))
    }
}

fn is_signed(manifest: &Statement<Manifest>, speaker: &Credential) -> bool {
    let signed = speaker.key.as_ref().is_some_and(|key| check_signature(manifest, key).is_ok());
    signed && speaker.kind == Kind::Enterprise
}

fn check_quota(kept: &Kept, bidder: EnterpriseId, size: u64, max_bid: u64) -> Result<(), Refusal> {
    if size > max_bid {
        return Err(Refusal::Range("the bid is larger than this agent takes"));
    }
    let own = || kept.lodged.values().filter(|bid| bid.bidder == bidder);
    let bytes = own().fold(size, |sum, bid| sum.saturating_add(bid.size));
    if own().count() >= MAX_VERSIONS || bytes > max_bid.saturating_mul(2) {
        return Err(Refusal::Quota);
    }
    Ok(())
}

/// A first version, or one that follows what is lodged here or stands on the record.
fn check_place(
    agent: &Agent<'_>,
    kept: &Kept,
    ask: &AskLodge,
    manifest: &Statement<Manifest>,
    speaker: &Credential,
) -> Result<(), Refusal> {
    let body = manifest.body();
    let Some(prev) = body.prev_sha256 else {
        return if body.seq == 1 { Ok(()) } else { Err(Refusal::Lodge(Refused::WrongPrev)) };
    };
    let lodged = kept.lodged.get(&prev.to_string());
    let lodged = lodged.and_then(|bid| Statement::parse(bid.manifest.as_bytes()).ok());
    let lodged = lodged.map(|it: Statement<Manifest>| (Stood::manifest(&it), it.note().clone()));
    let shown = ask.receipts.iter().filter_map(|text| stood(agent, text, body.unit_id));
    let mut before = lodged.into_iter().chain(shown);
    let follows = |(stood, note): (Stood, Note)| {
        stood.is_before(body) && speaker.followed(&note, manifest.note())
    };
    if before.any(follows) { Ok(()) } else { Err(Refusal::Lodge(Refused::WrongPrev)) }
}

/// The accepted statement of a receipt.
fn stood(agent: &Agent<'_>, receipt: &str, unit_id: UnitId) -> Option<(Stood, Note)> {
    let (receipt, _) = agent.receipt(receipt).ok()?;
    match json::parse(&receipt.event) {
        Ok(BidEvent::Accepted { manifest, unit_id: of, .. }) if of == unit_id => {
            let manifest = Statement::<Manifest>::parse(manifest.as_bytes()).ok()?;
            Some((Stood::manifest(&manifest), manifest.note().clone()))
        }
        Ok(BidEvent::Withdrawn { withdrawal, unit_id: of, .. }) if of == unit_id => {
            let withdrawal = Statement::<Withdrawal>::parse(withdrawal.as_bytes()).ok()?;
            Some((Stood::withdrawal(&withdrawal), withdrawal.note().clone()))
        }
        _ => None,
    }
}

/// Tells the platform what was lodged, and for which unit, a page at a time.
///
/// # Errors
/// [`Refusal`] before the deadline, or when it is not the platform that asks.
pub fn lodged(agent: &Agent<'_>, ask: &AskLodged) -> Result<(UnitId, Vec<LodgedBid>), Refusal> {
    let (unit_id, kept) = asked(agent, &ask.query)?;
    let after = ask.after.map(|hash| hash.to_string());
    let rest = kept.lodged.iter().filter(|(sha256, _)| after.as_ref().is_none_or(|a| *sha256 > a));
    let told = rest.take(LODGED_PAGE).map(|(_, bid)| {
        let lodged = word(agent, unit_id, bid)?.encode();
        Ok(LodgedBid { lodged, manifest: bid.manifest.clone() })
    });
    Ok((unit_id, told.collect::<Result<_, Refusal>>()?))
}

/// Whether the platform may have this bid's file; gives its unit.
///
/// # Errors
/// As [`lodged`], and [`Refusal::UnknownUnit`] for a bid that is not lodged here.
pub fn lodged_bid(agent: &Agent<'_>, ask: &AskLodgedBid) -> Result<UnitId, Refusal> {
    let (unit_id, kept) = asked(agent, &ask.query)?;
    let is_here = kept.lodged.contains_key(&ask.manifest_sha256.to_string());
    if is_here { Ok(unit_id) } else { Err(Refusal::UnknownUnit) }
}

/// The unit that the platform asks about, once nothing can be lodged for it any more.
fn asked<'a>(agent: &'a Agent<'_>, query: &str) -> Result<(UnitId, &'a Kept), Refusal> {
    let query = Statement::<LodgedQuery>::parse(query.as_bytes())?;
    check_signature(&query, &agent.roster().platform_key).map_err(|_| UNSIGNED)?;
    let LodgedQuery { at, custodian, unit_id } = query.body();
    let is_of_now = agent.now.since(*at).abs() <= ASKED_WITHIN_MS;
    if !is_of_now || *custodian != agent.me()?.id {
        return Err(Refusal::OldQuery);
    }
    let kept = agent.kept(unit_id)?;
    if is_closed(agent.now, kept.deadline) {
        Ok((*unit_id, kept))
    } else {
        Err(Refusal::TooEarlyToClose)
    }
}
