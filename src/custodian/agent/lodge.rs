//! Lodged bids: taken before the deadline from bidders, told after it to the platform.
//!
//! Invariants: only a bidder whose key an operator vouched for lodges, and only what follows a
//! statement that this agent can see, so that every refusal of it can be judged at the close. A bid
//! once lodged is neither replaced nor forgotten, and the word about it is the same whenever it is
//! asked for. Nobody learns who bids before the deadline, and afterwards the platform alone does.

use crate::bid::rules::{Refused, Stood, check_signature};
use crate::bid::statements::Manifest;
use crate::clock::{Time, is_closed};
use crate::crypto::hash::Hash;
use crate::crypto::note::Note;
use crate::crypto::statement::Statement;
use crate::custodian::wire::{AskLodge, AskLodged, AskLodgedBid, LodgedBid, MAX_RECEIPTS};
use crate::enterprise::credentials::{Credential, signer};
use crate::enterprise::statements::Kind;
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::rules::lodged::{are_recorded, lodged_line, stood};
use crate::opening::statements::{Lodged, QueryAbout};

use super::kept::{Kept, KeptBid, KeptFile};
use super::query::{asked, page};
use super::refusal::Refusal;
use super::state::{Agent, Change, UNSIGNED};

/// Versions that one bidder lodges with one agent for one unit, at most.
pub const MAX_VERSIONS: usize = 8;

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

impl Welcome {
    /// What names it.
    #[must_use]
    pub fn line(&self) -> Hash {
        lodged_line(self.bidder, &self.manifest.sha256())
    }
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
    if ask.receipts.len() > MAX_RECEIPTS {
        return Err(Refusal::Range("custodian-say-range-shown"));
    }
    // Who asks comes first: whoever holds public receipts makes nobody verify them.
    let speaker = bidder_of(agent, ask, &manifest)?;
    for receipt in &ask.receipts {
        agent.receipt(receipt)?;
    }
    let line = lodged_line(speaker.enterprise, &manifest.sha256()).to_string();
    if let Some(known) = kept.lodged.get(&line) {
        return Ok(Coming::Known(Box::new(word(agent, unit_id, known)?)));
    }
    kept.require_standing()?;
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
    kept.lodged.insert(welcome.line().to_string(), bid);
    Ok((Change::Unit(body.unit_id, Box::new(kept)), lodged))
}

/// The agent's word about a bid. Ed25519 makes the same signature again, so none is kept.
fn word(agent: &Agent<'_>, unit_id: UnitId, bid: &KeptBid) -> Result<Statement<Lodged>, Refusal> {
    let manifest_sha256 = Note::parse(bid.manifest.as_bytes())?.sha256();
    let (arrived_at, bidder, custodian) = (bid.arrived_at, bid.bidder, agent.me()?.id.clone());
    let body = Lodged { arrived_at, bidder, custodian, manifest_sha256, unit_id };
    Ok(Statement::signed(body, &agent.keys.statement)?)
}

/// The bidder whose key in force signed the manifest, and nobody else with it.
fn bidder_of(
    agent: &Agent<'_>,
    ask: &AskLodge,
    manifest: &Statement<Manifest>,
) -> Result<Credential, Refusal> {
    let speaker = agent.speaker(&ask.credentials, signer(manifest.note()).ok_or(UNSIGNED)?)?;
    if !is_signed(manifest, &speaker) {
        return Err(Refusal::Lodge(Refused::Signature));
    }
    if are_recorded(&agent.keys_of_receipts(), &ask.credentials, &ask.receipts) {
        Ok(speaker)
    } else {
        Err(Refusal::KeyUnshown)
    }
}

fn is_signed(manifest: &Statement<Manifest>, speaker: &Credential) -> bool {
    let signed = speaker.key.as_ref().is_some_and(|key| check_signature(manifest, key).is_ok());
    signed && speaker.kind == Kind::Enterprise
}

fn check_quota(kept: &Kept, bidder: EnterpriseId, size: u64, max_bid: u64) -> Result<(), Refusal> {
    if size > max_bid {
        return Err(Refusal::Range("custodian-say-range-size"));
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
    let lodged = kept.lodged.get(&lodged_line(speaker.enterprise, &prev).to_string());
    let lodged = lodged.and_then(|bid| Statement::parse(bid.manifest.as_bytes()).ok());
    let lodged = lodged.map(|it: Statement<Manifest>| (Stood::manifest(&it), it.note().clone()));
    let keys = agent.keys_of_receipts();
    let shown = ask.receipts.iter().filter_map(|text| stood(&keys, text, body.unit_id));
    let mut before = lodged.into_iter().chain(shown);
    let follows = |(stood, note): (Stood, Note)| {
        stood.is_before(body) && speaker.followed(&note, manifest.note())
    };
    if before.any(follows) { Ok(()) } else { Err(Refusal::Lodge(Refused::WrongPrev)) }
}

/// Tells the platform what was lodged, and for which unit, a page at a time.
///
/// # Errors
/// [`Refusal`] before the deadline, or when it is not the platform that asks.
pub fn lodged(agent: &Agent<'_>, ask: &AskLodged) -> Result<(UnitId, Vec<LodgedBid>), Refusal> {
    let (unit_id, kept) = asked(agent, &ask.query, QueryAbout::Lodged)?;
    let told = |bid: &KeptBid| {
        let lodged = word(agent, unit_id, bid)?.encode();
        Ok(Some(LodgedBid { lodged, manifest: bid.manifest.clone() }))
    };
    Ok((unit_id, page(kept.lodged.iter(), ask.after, told)?))
}

/// Whether the platform may have this bid's file; gives its unit.
///
/// # Errors
/// As [`lodged`], and [`Refusal::UnknownUnit`] for a bid that is not lodged here.
pub fn lodged_bid(agent: &Agent<'_>, ask: &AskLodgedBid) -> Result<UnitId, Refusal> {
    let (unit_id, kept) = asked(agent, &ask.query, QueryAbout::Lodged)?;
    let is_here = kept.lodged.contains_key(&ask.line.to_string());
    if is_here { Ok(unit_id) } else { Err(Refusal::UnknownUnit) }
}
