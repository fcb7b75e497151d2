//! What must hold after every step, whatever happened. Computed from what left the agents, what
//! bidders hold and the bytes of the record, not from what the platform believes.

use std::collections::{BTreeMap, BTreeSet};

use sealbid::bid::statements::BidEvent;
use sealbid::clock::Time;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::note::Note;
use sealbid::crypto::statement::Statement;
use sealbid::ids::UnitId;
use sealbid::opening::rules::{UnitState, release_from, sorted_lines};
use sealbid::opening::statements::{LineStatus, SuspensionState, Verdict, VoidReason};
use sealbid::record::disclosure::Level;
use sealbid::record::tree::{Frontier, leaf_hash, prove_consistency, verify_consistency};

use super::agents::Given;
use super::bidders::{Body, MARKER, Own, Sent};
use super::platform::{Platform, Row};
use super::record::Act;
use super::{Surprise, World};

/// What does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The signed root is not that of the entries.
    Tree,
    /// A checkpoint does not continue the one before.
    Prefix,
    /// A receipt does not verify.
    Receipt,
    /// The platform's state is not the replay of the record.
    Replay,
    /// One agent signed two closes of one unit.
    SignedTwice,
    /// Two closes of one unit have a quorum.
    TwoCloses,
    /// A close has a quorum, and so has an amendment that moved the deadline past it.
    ClosedBeforeAmendment,
    /// The close is not what was accepted and is still live.
    Lines,
    /// A bid that its bidder withdrew is in the close.
    WithdrawnIn,
    /// An identity left for a unit with too few lines.
    TooFewLines,
    /// An identity left before the hour, or the unit opened on fewer than t.
    Early,
    /// An identity stands where others than the regulator may read it.
    IdentityShown,
    /// The contents of an envelope stand where they must not yet.
    Readable,
    /// A unit that was left in peace came to no end.
    Stuck,
    /// A unit is void by a challenge that came too late, or that the record explains.
    WrongVoid,
    /// A bid that was acknowledged is neither opened nor visibly accounted for.
    Unaccounted,
    /// Something was released or opened while the regulator said stop.
    WhileSuspended,
    /// A key left for a unit that its buyer cancelled.
    CancelledReleased,
    /// A custodian signed a close of a unit, or handed out its key, after it heard that it is cancelled; or
    /// one that was there in the end never heard.
    CancelledSigned,
    /// A key of second envelopes left without their order.
    Unordered,
    /// What an order leaves out, or a void unit's, can still be read.
    UnreadKept,
    /// The opening is not of the lines that were to be opened.
    OtherLines,
    /// A bid was decided by another deadline than everybody's.
    OtherDeadline,
    /// A unit was closed on a deadline that its platform slept through.
    ClosedOverOutage,
    /// A custodian signed an outage that it had not noticed, without the buyer's word.
    InventedOutage,
    /// A custodian that had cosigned after a deadline signed that an outage lay over it, and nobody had
    /// seen that asked before.
    Reopened,
    /// Something took effect with too few signatures.
    FewSigned,
    /// Somebody got another answer than the right one.
    Answer(Surprise),
}

/// How far things have been checked that never change.
#[derive(Default)]
pub struct Seen {
    pub entries: usize,
    blobs: usize,
    checkpoints: usize,
    given: usize,
    receipts: BTreeSet<(UnitId, Hash)>,
    /// The tree and the state of the entries seen, built apart from the platform's.
    tree: Frontier,
    roots: BTreeMap<u64, Hash>,
    state: Platform,
    /// Units that the regulator has stopped, by the entries seen, and the number of its last word.
    pub words: BTreeMap<UnitId, (u32, SuspensionState)>,
    /// Deadlines in force, by the entries seen.
    pub deadlines: BTreeMap<UnitId, Time>,
}

pub fn holds(condition: bool, broken: Broken) -> Result<(), Broken> {
    if condition { Ok(()) } else { Err(broken) }
}

impl World {
    /// Re-verifies everything, from the first entry on.
    pub fn check_anew(&mut self) -> Result<(), Broken> {
        self.seen = Seen::default();
        self.check()
    }

    /// Re-verifies everything that can have changed since the last time.
    pub fn check(&mut self) -> Result<(), Broken> {
        let has_grown = self.record.entries.len() > self.seen.entries;
        self.check_tree()?;
        self.check_receipts()?;
        holds(self.seen.state == self.platform, Broken::Replay)?;
        if let Some(surprise) = self.surprise {
            return Err(Broken::Answer(surprise));
        }
        self.check_signatures()?;
        self.check_consents()?;
        self.check_deadlines()?;
        self.check_words()?;
        for (id, row) in self.platform.units.iter().filter(|_| has_grown) {
            self.check_lines(id, row)?;
            self.check_opening(id, row)?;
        }
        for given in &self.agents.ledger.given[self.seen.given..] {
            self.check_given(given)?;
            self.check_allowed(given)?;
        }
        self.check_cancelled()?;
        self.seen.given = self.agents.ledger.given.len();
        self.check_ends()?;
        self.check_secrets()
    }

    /// Units come to their end, and void by a challenge only for one that stands.
    fn check_ends(&self) -> Result<(), Broken> {
        let over = [UnitState::Proposed, UnitState::Lapsed, UnitState::Opened, UnitState::Void];
        for row in self.platform.units.values() {
            let must_end = self.in_peace && !self.is_harmed;
            holds(!must_end || over.contains(&row.state), Broken::Stuck)?;
            let must_go = self.in_peace && row.state == UnitState::Void;
            holds(!must_go || self.is_gone(&row.accepted), Broken::UnreadKept)?;
            let challenged = row.void == Some(VoidReason::Challenge);
            holds(!challenged || self.has_grave_challenge(row), Broken::WrongVoid)?;
        }
        Ok(())
    }

    fn has_grave_challenge(&self, row: &Row) -> bool {
        let end = self.window_from(row).unwrap().plus(row.terms.challenge_ms);
        row.challenges.values().map(Statement::body).any(|found| {
            let bid = row.accepted.iter().find(|bid| bid.line == found.line);
            let is_live = bid.is_none_or(|bid| bid.out.is_none());
            found.verdict == Verdict::Open && found.received_at < end && is_live
        })
    }

    fn check_tree(&mut self) -> Result<(), Broken> {
        let seen = &mut self.seen;
        for (index, entry) in (0..).zip(&self.record.entries).skip(seen.entries) {
            seen.state.apply(index, entry);
            seen.tree.push(leaf_hash(entry.leaf().as_bytes()));
            seen.roots.insert(seen.tree.size(), seen.tree.root());
        }
        let (from, roots) = (seen.checkpoints, &seen.roots);
        for (place, cosigned) in self.record.checkpoints.iter().enumerate().skip(from) {
            let new = cosigned.checkpoint();
            holds(roots.get(&new.size) == Some(&new.root), Broken::Tree)?;
            let Some(old) = place.checked_sub(1).map(|p| self.record.checkpoints[p].checkpoint())
            else {
                continue;
            };
            let proof = prove_consistency(&self.record.levels, old.size, new.size);
            let proof = proof.map_err(|_| Broken::Prefix)?;
            let (old, new) = ((old.size, &old.root), (new.size, &new.root));
            verify_consistency(old, new, &proof).map_err(|_| Broken::Prefix)?;
        }
        self.seen.checkpoints = self.record.checkpoints.len();
        Ok(())
    }

    fn check_receipts(&mut self) -> Result<(), Broken> {
        let log = &self.agents.roster.body().log_key;
        for (id, own) in self.bidders.iter().flat_map(|bidder| &bidder.units) {
            for (sent, receipt) in &own.acknowledged {
                if self.seen.receipts.insert((*id, sent.sha256())) {
                    receipt.verify(log, &[]).map_err(|_| Broken::Receipt)?;
                    let entry = &self.record.entries[receipt.index as usize];
                    holds(entry.event == receipt.event, Broken::Receipt)?;
                }
            }
        }
        Ok(())
    }

    fn check_signatures(&self) -> Result<(), Broken> {
        let (q, ledger) = (self.q(), &self.agents.ledger);
        for (id, closes) in &ledger.closes {
            let whole: Vec<_> = closes.values().filter(|(_, who)| who.len() >= q).collect();
            holds(whole.len() <= 1, Broken::TwoCloses)?;
            let mut signers = BTreeSet::new();
            let once = |who: &BTreeSet<usize>| who.iter().all(|agent| signers.insert(*agent));
            holds(closes.values().map(|(_, who)| who).all(once), Broken::SignedTwice)?;
            let amendments = ledger.amendments.get(id).into_iter().flat_map(BTreeMap::values);
            for (amendment, _) in amendments.filter(|(_, who)| who.len() >= q) {
                let later = |size| self.is_frozen_after(size, amendment.deadline);
                let fits = whole.iter().all(|(close, _)| later(close.size));
                holds(fits, Broken::ClosedBeforeAmendment)?;
            }
        }
        Ok(())
    }

    fn is_frozen_after(&self, size: u64, deadline: Time) -> bool {
        let mut checkpoints = self.record.checkpoints.iter();
        let frozen = checkpoints.find(|c| c.checkpoint().size == size).unwrap();
        frozen.is_cosigned_at_or_after(self.q(), deadline)
    }

    /// The close is accepted − withdrawn − superseded, by the record's own bytes.
    fn check_lines(&self, id: &UnitId, row: &Row) -> Result<(), Broken> {
        let Some((closed_at, close)) = &row.closed else { return Ok(()) };
        let (mut live, mut lines, mut withdrawn) =
            (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        for (index, entry) in (0u64..).zip(&self.record.entries) {
            let Act::Bid(event) = &entry.act else { continue };
            match event {
                BidEvent::Accepted { manifest, manifest_sha256, unit_id, .. } if unit_id == id => {
                    holds(index < *closed_at, Broken::Lines)?;
                    let line = sealbid::bid::rules::line(entry.salt.as_bytes(), manifest_sha256);
                    live.insert(signer(manifest), line);
                    lines.insert(line, *manifest_sha256);
                }
                BidEvent::Withdrawn { withdrawal, manifest_sha256, unit_id, .. }
                    if unit_id == id =>
                {
                    holds(index < *closed_at, Broken::Lines)?;
                    live.remove(&signer(withdrawal));
                    withdrawn.insert(*manifest_sha256);
                }
                _ => {}
            }
        }
        let close = close.body();
        for line in &close.lines {
            let manifest = lines.get(line).ok_or(Broken::Lines)?;
            holds(!withdrawn.contains(manifest), Broken::WithdrawnIn)?;
        }
        holds(close.lines == sorted_lines(live.into_values().collect()), Broken::Lines)
    }

    fn check_given(&self, given: &Given) -> Result<(), Broken> {
        let row = &self.platform.units[&given.unit];
        let (close, signers) = &self.agents.ledger.closes[&given.unit][&given.close];
        let enough = close.lines.len() >= row.unit.body().min as usize;
        holds(enough, Broken::TooFewLines)?;
        let window_from = self.window_from(row).ok_or(Broken::Early)?;
        let from = release_from(&row.terms, window_from);
        let reached = given.clocks.iter().filter(|clock| **clock >= from).count();
        let t = usize::from(row.unit.body().t);
        holds(reached >= t && signers.len() >= self.q(), Broken::Early)?;
        holds(given.clocks[given.agent] >= from, Broken::Early)
    }

    /// Nothing readable and no identity stands where it must not.
    fn check_secrets(&mut self) -> Result<(), Broken> {
        for entry in &self.record.entries[self.seen.entries..] {
            let event = String::from_utf8_lossy(&entry.event);
            let holds_text = |text: &str| event.contains(text);
            let is_regulators = entry.level == Level::Regulator;
            holds(is_regulators || !holds_text("AGE-SECRET-KEY"), Broken::IdentityShown)?;
            let is_opening = matches!(entry.act, Act::Opening(_));
            holds(is_opening || !holds_text(MARKER), Broken::Readable)?;
        }
        self.seen.entries = self.record.entries.len();
        if self.blobs.len() == self.seen.blobs {
            return Ok(());
        }
        self.seen.blobs = self.blobs.len();
        let clear = |blob: &Vec<u8>| String::from_utf8_lossy(blob).contains(MARKER);
        holds(!self.blobs.values().any(clear), Broken::Readable)
    }

    /// An opening stands on t identities, and every bid that was acknowledged is in it, or was taken
    /// out by its own bidder.
    fn check_opening(&self, id: &UnitId, row: &Row) -> Result<(), Broken> {
        if row.state != UnitState::Opened {
            return Ok(());
        }
        let given = self.agents.ledger.given.iter().filter(|given| given.unit == *id);
        let agents: BTreeSet<usize> = given.map(|given| given.agent).collect();
        holds(agents.len() >= usize::from(row.unit.body().t), Broken::Early)?;
        let opened = row.opening.iter().flat_map(|opening| &opening.body().lines);
        holds(opened.map(|line| line.line).eq(to_open(row)), Broken::OtherLines)?;
        for bidder in &self.bidders {
            let Some(own) = bidder.units.get(id) else { continue };
            for (place, (sent, _)) in own.acknowledged.iter().enumerate() {
                if let Sent::Bid(manifest) = sent {
                    let counted = self.is_accounted_for(row, bidder, own, place, manifest.sha256());
                    holds(counted, Broken::Unaccounted)?;
                }
            }
        }
        Ok(())
    }

    fn is_accounted_for(
        &self,
        row: &Row,
        bidder: &Body,
        own: &Own,
        place: usize,
        sha256: Hash,
    ) -> bool {
        let Some(bid) = row.accepted.iter().find(|bid| bid.manifest.sha256() == sha256) else {
            return false;
        };
        if let Some(out) = bid.out {
            let later = match &self.record.entries[out as usize].act {
                Act::Bid(BidEvent::Accepted { manifest, .. }) => manifest,
                Act::Bid(BidEvent::Withdrawn { withdrawal, .. }) => withdrawal,
                _ => return false,
            };
            let note = Note::parse(later.as_bytes()).unwrap();
            return note.require(bidder.key.verifying()).is_ok();
        }
        if row.order.is_some() && !to_open(row).any(|line| line == bid.line) {
            return true;
        }
        // The last thing its bidder was told or waits to hear.
        let is_last = place + 1 == own.acknowledged.len();
        let opening = row.opening.as_ref().unwrap().body();
        let line = opening.lines.iter().find(|line| line.line == bid.line);
        line.is_some_and(|line| match &line.outcome {
            LineStatus::Opened { offer, .. } => {
                is_last && line.fault.is_none() && offer.promises[0].starts_with(MARKER)
            }
            _ => line.fault.is_some(),
        })
    }
}

/// The lines that are to be opened: of the close, or those that an order chooses from it.
fn to_open(row: &Row) -> impl Iterator<Item = Hash> {
    let close = row.closed.as_ref().map(|(_, close)| &close.body().lines);
    let ordered = row.order.as_ref().map(|order| &order.body().lines);
    ordered.or(close).into_iter().flatten().copied()
}

fn signer(note: &str) -> String {
    Note::parse(note.as_bytes()).unwrap().signatures()[0].name.clone()
}
