//! What a case shows, arranged for the claims: rosters, verified checkpoints, events by unit.
//!
//! Invariant: every event is read and filed once, so that a record of any size costs the claims no
//! more than its own length.

use std::collections::{HashMap, HashSet};

use crate::bid::statements::{BidEvent, Manifest};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::note::Note;
use crate::crypto::statement::Statement;
use crate::custodian::roster::Roster;
use crate::enterprise::credentials::signer;
use crate::error::{Reason as _, Said};
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::statements::OpeningEvent;
use crate::record::checkpoint::{CheckpointError, Cosigned};
use crate::record::tree::{Frontier, leaf_hash};
use crate::tender::statements::Unit;

use super::bodies::Bodies;
use super::casefile::CaseFile;
use super::events::{self, Event, What};
use super::sealed::Shares;
use super::unit::UnitFacts;

/// A whole case, read.
pub(super) struct Facts<'a> {
    pub file: &'a CaseFile,
    /// The rosters that parse, ascending.
    pub rosters: Vec<Statement<Roster>>,
    /// Why a member that should be a roster is none.
    pub roster_fault: Option<(u32, Said)>,
    /// Every checkpoint under the log key whose signature fits, or why none fits.
    pub heads: Vec<Result<Cosigned, CheckpointError>>,
    pub events: Vec<Event>,
    pub bodies: Bodies,
    /// Sealed shares by their SHA-256, in auditors' files.
    pub shares: &'a Shares,
    /// Every leaf of the record is opened, as pad or event.
    pub is_whole: bool,
    /// Places in `events`, by unit.
    by_unit: HashMap<UnitId, Vec<usize>>,
    /// Runs of leaves that are all shown, ascending: from, and the first behind.
    runs: Vec<(u64, u64)>,
}

impl<'a> Facts<'a> {
    /// Reads a case's members into their types.
    pub(super) fn of(file: &'a CaseFile, shares: &'a Shares) -> Self {
        let mut rosters = Vec::new();
        let mut roster_fault = None;
        for (version, note) in &file.rosters {
            match Statement::<Roster>::from_note(note.clone()) {
                Ok(roster) => rosters.push(roster),
                Err(error) => {
                    roster_fault.get_or_insert((*version, error.said()));
                }
            }
        }
        let events: Vec<Event> = file.events().map(|leaf| events::read(&leaf)).collect();
        let heads = heads(&file.checkpoints, &log_keys(&rosters, &events), &rosters);
        let bodies = Bodies::of(&events, &rosters);
        let is_whole =
            file.tree.as_ref().is_some_and(|tree| tree.leaves.len() == file.opened.len());
        let mut by_unit: HashMap<UnitId, Vec<usize>> = HashMap::new();
        for (place, event) in events.iter().enumerate() {
            if let Some(id) = event.what.unit() {
                by_unit.entry(id).or_default().push(place);
            }
        }
        let runs = runs(file);
        Self { file, rosters, roster_fault, heads, events, bodies, shares, is_whole, by_unit, runs }
    }

    /// The size of the tree with which the record of this origin went on under another.
    pub(super) fn held_of(&self, origin: &str) -> Option<u64> {
        self.events.iter().find_map(|event| match &event.what {
            What::Succession(it) if it.body().old_origin == origin => {
                Some(it.body().last_checkpoint.size)
            }
            _ => None,
        })
    }

    /// The root of the record at a size, where all leaves or a checkpoint show it.
    pub(super) fn root_at(&self, size: u64) -> Option<Hash> {
        let leaves = self.file.tree.as_ref().map(|tree| tree.leaves.as_slice());
        let first = leaves.and_then(|leaves| leaves.get(..usize::try_from(size).ok()?));
        if let Some(first) = first {
            let mut tree = Frontier::new();
            first.iter().for_each(|leaf| tree.push(leaf_hash(leaf.as_bytes())));
            return Some(tree.root());
        }
        let heads = self.heads.iter().filter_map(|head| head.as_ref().ok());
        let mut same = heads.map(Cosigned::checkpoint).filter(|head| head.size == size);
        same.next().map(|head| head.root)
    }

    /// A sealed file that no bid of the record names: nothing would say what it is.
    pub(super) fn stray(&self) -> Option<Hash> {
        if self.file.sealed.is_empty() {
            return None;
        }
        let mut named: HashSet<Hash> = HashSet::new();
        let mut name = |manifest: &str| {
            if let Ok(manifest) = Statement::<Manifest>::parse(manifest.as_bytes()) {
                named.insert(manifest.body().bid.sha256);
                named.extend(&manifest.body().shares);
            }
        };
        for event in &self.events {
            match &event.what {
                What::Bid(BidEvent::Accepted { manifest, .. }) => name(manifest),
                What::Opening(s) => s.body().lines.iter().for_each(|line| name(&line.manifest)),
                _ => {}
            }
        }
        self.file.sealed.iter().map(|(sha256, _)| *sha256).find(|sha256| !named.contains(sha256))
    }

    /// The roster of this hash.
    pub(super) fn roster(&self, sha256: &Hash) -> Option<&Roster> {
        self.rosters.iter().find(|roster| roster.sha256() == *sha256).map(Statement::body)
    }

    /// The roster in force just before an index: the last that the record shows below it, or the first.
    pub(super) fn roster_at(&self, index: u64) -> Option<&Statement<Roster>> {
        let shown = self.events.iter().filter(|event| event.index < index);
        let mut shown = shown.filter_map(|event| match &event.what {
            What::Roster(roster) => Some(roster),
            _ => None,
        });
        shown.next_back().or_else(|| self.rosters.first())
    }

    /// Size and cosignature times, under one roster, of every checkpoint that verifies.
    pub(super) fn cosigned(&self, roster: &Roster) -> Vec<(u64, Vec<Time>)> {
        let keys = roster.witness_keys();
        let times = |head: &Cosigned| keys.iter().filter_map(|key| head.time_of(key)).collect();
        let heads = self.heads.iter().filter_map(|head| head.as_ref().ok());
        heads.map(|head| (head.checkpoint().size, times(head))).collect()
    }

    /// Every event about one unit.
    pub(super) fn unit(&self, id: UnitId) -> UnitFacts<'_> {
        let places = self.by_unit.get(&id).map(Vec::as_slice).unwrap_or_default();
        UnitFacts::of(id, places.iter().filter_map(|place| self.events.get(*place)))
    }

    /// A unit by itself, and where it took effect.
    pub(super) fn effective(&self, id: UnitId) -> Option<(u64, &Statement<Unit>)> {
        let places = self.by_unit.get(&id).map(Vec::as_slice).unwrap_or_default();
        let mut events = places.iter().filter_map(|place| self.events.get(*place));
        events.find_map(|event| match &event.what {
            What::Unit(s) => Some((event.index, s)),
            _ => None,
        })
    }

    /// Where custodians were asked for a statement about a unit, as far as the file shows it, and then
    /// the index at which it stands: whose key was in force at one of them could sign it.
    pub(super) fn signed_at(&self, id: UnitId, sha256: Hash, index: u64) -> Vec<u64> {
        let places = self.by_unit.get(&id).map(Vec::as_slice).unwrap_or_default();
        let events = places.iter().filter_map(|place| self.events.get(*place));
        let asked = events.filter(|event| match &event.what {
            What::Step(OpeningEvent::Proposed { statement_sha256, .. }) => {
                event.index < index && *statement_sha256 == sha256
            }
            _ => false,
        });
        asked.map(|event| event.index).chain([index]).collect()
    }

    /// Whose unit it is.
    pub(super) fn buyer(&self, id: UnitId) -> Option<EnterpriseId> {
        self.effective(id).map(|(_, unit)| unit.body().procuring_entity)
    }

    /// The bidder whose signature a manifest claims to carry.
    pub(super) fn signer(manifest: &Statement<Manifest>) -> Option<EnterpriseId> {
        signer(manifest.note())
    }

    /// The first leaf from an index on that is not shown.
    pub(super) fn shown_until(&self, from: u64) -> u64 {
        let run = self.runs.partition_point(|(_, end)| *end <= from);
        self.runs.get(run).filter(|(start, _)| *start <= from).map_or(from, |(_, end)| *end)
    }

    /// Whether every leaf from an index up to another is shown: only then does the file leave
    /// nothing out there.
    pub(super) fn is_shown(&self, from: u64, until: u64) -> bool {
        self.shown_until(from) >= until
    }

    /// Whether every leaf is shown from where a unit took effect to its end, or to the head while it
    /// has none: what is not among them then did not happen.
    pub(super) fn shows(&self, unit: &UnitFacts<'_>) -> bool {
        self.is_shown(unit.start(), unit.end().unwrap_or_else(|| self.size()))
    }

    /// The same to the head, whatever the end.
    pub(super) fn shows_rest(&self, unit: &UnitFacts<'_>) -> bool {
        self.is_shown(unit.start(), self.size())
    }

    fn size(&self) -> u64 {
        let last = self.heads.last().and_then(|head| head.as_ref().ok());
        last.map_or(u64::MAX, |head| head.checkpoint().size)
    }
}

/// The keys that sign the record's checkpoints, in order: the rosters', and the successions' that the
/// file shows.
pub(super) fn log_keys(rosters: &[Statement<Roster>], events: &[Event]) -> Vec<VerifyingKey> {
    let first = rosters.first().map(|roster| roster.body().log_key.clone());
    let later = events.iter().filter_map(|event| match &event.what {
        What::Succession(succession) => Some(succession.body().new_log_key.clone()),
        _ => None,
    });
    first.into_iter().chain(later).collect()
}

/// Every checkpoint under the latest log key that signed it; the last reason otherwise. Lines by the witnesses of every roster have their place: a roster may change while a
/// unit runs, and each unit's claims count those of its own.
fn heads(
    notes: &[Note],
    log_keys: &[VerifyingKey],
    rosters: &[Statement<Roster>],
) -> Vec<Result<Cosigned, CheckpointError>> {
    let mut witnesses: Vec<VerifyingKey> = Vec::new();
    for key in rosters.iter().flat_map(|roster| roster.body().witness_keys()) {
        if !witnesses.contains(&key) {
            witnesses.push(key);
        }
    }
    let head = |note: &Note| {
        let mut last = Err(CheckpointError::Malformed);
        for log_key in log_keys.iter().rev() {
            last = Cosigned::from_case(note, log_key, &witnesses);
            if last.is_ok() {
                break;
            }
        }
        last
    };
    notes.iter().map(head).collect()
}

/// Which leaves the file shows, as runs.
fn runs(file: &CaseFile) -> Vec<(u64, u64)> {
    let entries = file.entries.iter().map(|entry| entry.index);
    let mut shown: Vec<u64> = file.opened.iter().map(|leaf| leaf.index).chain(entries).collect();
    shown.sort_unstable();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for index in shown {
        let next = index.saturating_add(1);
        match runs.last_mut() {
            Some((_, end)) if *end >= index => *end = next,
            _ => runs.push((index, next)),
        }
    }
    runs
}

/// Keys by their names: a signature is looked up, and not compared with every key of the record.
pub(super) struct Keys(HashMap<String, Vec<VerifyingKey>>);

impl Keys {
    /// All keys that may sign anything: for statements whose type the verifier does not judge.
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        let mut keys: HashMap<String, Vec<VerifyingKey>> = HashMap::new();
        let mut add = |key: &VerifyingKey| {
            let same = keys.entry(key.name().to_owned()).or_default();
            if !same.contains(key) {
                same.push(key.clone());
            }
        };
        facts.bodies.all_keys().for_each(&mut add);
        for roster in facts.rosters.iter().map(Statement::body) {
            roster.statement_keys().iter().chain(&roster.operator_keys).for_each(&mut add);
            [&roster.platform_key, &roster.regulator_key].into_iter().for_each(&mut add);
        }
        Self(keys)
    }

    /// Those that a note's signatures could be by.
    pub(super) fn named_in(&self, note: &Note) -> Vec<VerifyingKey> {
        let names = note.signatures().iter().map(|line| &line.name);
        names.filter_map(|name| self.0.get(name)).flatten().cloned().collect()
    }
}
