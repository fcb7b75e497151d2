//! What a case shows, arranged for the claims: rosters, verified checkpoints, events by unit.

use std::collections::{BTreeMap, HashMap};

use crate::bid::rules::line;
use crate::bid::statements::{BidEvent, Manifest};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::statement::Statement;
use crate::custodian::roster::{CustodianId, Roster};
use crate::enterprise::credentials::enterprise_of;
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::rules::Terms;
use crate::opening::statements::{
    Challenged, Close, Opening, OpeningEvent, Order, Release, Suspension, Void,
};
use crate::record::checkpoint::{CheckpointError, Cosigned};
use crate::record::leaf::Salt;
use crate::tender::statements::{Amendment, Unit};

use super::bodies::Bodies;
use super::casefile::CaseFile;
use super::events::{self, Event, What};
use super::sealed::Shares;

/// Something at its index in the record.
pub(super) struct At<T> {
    pub index: u64,
    pub it: T,
}

/// An accepted bid as the record tells of it.
pub(super) struct Accepted<'a> {
    pub salt: &'a Salt,
    pub arrived_at: Time,
    pub lodged: Option<&'a str>,
    pub manifest: Option<Statement<Manifest>>,
    pub manifest_sha256: Hash,
}

impl Accepted<'_> {
    /// The close's line of this bid.
    pub(super) fn line(&self) -> Hash {
        line(self.salt.as_bytes(), &self.manifest_sha256)
    }
}

/// A withdrawal as the record tells of it.
pub(super) struct Withdrawn<'a> {
    pub arrived_at: Time,
    pub manifest_sha256: Hash,
    pub withdrawal: &'a str,
}

/// A custodian's release as the public record tells of it.
pub(super) struct Released<'a> {
    pub close_sha256: Hash,
    pub custodian: &'a CustodianId,
}

/// Everything the file shows about one unit, in record order.
pub(super) struct UnitFacts<'a> {
    pub id: UnitId,
    pub units: Vec<At<&'a Statement<Unit>>>,
    pub amendments: Vec<At<&'a Statement<Amendment>>>,
    pub accepted: Vec<At<Accepted<'a>>>,
    pub withdrawn: Vec<At<Withdrawn<'a>>>,
    pub closes: Vec<At<&'a Statement<Close>>>,
    pub orders: Vec<At<&'a Statement<Order>>>,
    pub suspensions: Vec<At<&'a Statement<Suspension>>>,
    pub challenged: Vec<At<&'a Statement<Challenged>>>,
    pub released: Vec<At<Released<'a>>>,
    pub releases: Vec<At<&'a Statement<Release>>>,
    pub openings: Vec<At<&'a Statement<Opening>>>,
    pub voids: Vec<At<&'a Statement<Void>>>,
}

/// A whole case, read.
pub(super) struct Facts<'a> {
    pub file: &'a CaseFile,
    /// The rosters that parse, ascending.
    pub rosters: Vec<Statement<Roster>>,
    /// Why a member that should be a roster is none.
    pub roster_fault: Option<(u32, String)>,
    /// Every checkpoint under the roster that its log signature fits, or why none fits.
    pub heads: Vec<Result<Cosigned, CheckpointError>>,
    pub events: Vec<Event>,
    pub bodies: Bodies,
    /// Sealed shares by their SHA-256, in auditors' files.
    pub shares: &'a Shares,
    /// Every leaf of the record is opened, as pad or event.
    pub is_whole: bool,
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
                    roster_fault.get_or_insert((*version, error.to_string()));
                }
            }
        }
        let heads = file.checkpoints.iter().map(|note| head(note, &rosters)).collect();
        let events: Vec<Event> = file.events().map(|leaf| events::read(&leaf)).collect();
        let bodies = {
            let plain: Vec<&Roster> = rosters.iter().map(Statement::body).collect();
            Bodies::of(&events, &plain)
        };
        let is_whole = file.tree.as_ref().is_some_and(|tree| {
            tree.leaves.len() == file.opened.len() && u64::try_from(file.opened.len()).is_ok()
        });
        Self { file, rosters, roster_fault, heads, events, bodies, shares, is_whole }
    }

    /// The roster of this hash.
    pub(super) fn roster(&self, sha256: &Hash) -> Option<&Roster> {
        self.rosters.iter().find(|roster| roster.sha256() == *sha256).map(Statement::body)
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
        let mut unit = UnitFacts::empty(id);
        for event in &self.events {
            unit.take(event);
        }
        unit
    }

    /// The bidder whose signature a manifest claims to carry.
    pub(super) fn signer(manifest: &Statement<Manifest>) -> Option<EnterpriseId> {
        manifest.note().signatures().first().and_then(|line| enterprise_of(&line.name))
    }

    /// Below which index every leaf is opened: the first that is not.
    pub(super) fn open_below(&self) -> u64 {
        let opened = self.file.opened.iter().map(|leaf| leaf.index);
        let beginning = opened.zip(0..).take_while(|(index, place)| index == place).count();
        if self.file.tree.is_some() { u64::try_from(beginning).unwrap_or(0) } else { 0 }
    }

    /// Whether every leaf below `size` is opened.
    pub(super) fn is_open_below(&self, size: u64) -> bool {
        self.open_below() >= size
    }
}

/// A checkpoint under the latest roster that it verifies with; the last reason otherwise.
fn head(
    note: &crate::crypto::note::Note,
    rosters: &[Statement<Roster>],
) -> Result<Cosigned, CheckpointError> {
    let mut last = Err(CheckpointError::Malformed);
    for roster in rosters.iter().rev().map(Statement::body) {
        last = Cosigned::from_case(note, &roster.log_key, &roster.witness_keys());
        if last.is_ok() {
            return last;
        }
    }
    last
}

impl<'a> UnitFacts<'a> {
    const fn empty(id: UnitId) -> Self {
        Self {
            id,
            units: Vec::new(),
            amendments: Vec::new(),
            accepted: Vec::new(),
            withdrawn: Vec::new(),
            closes: Vec::new(),
            orders: Vec::new(),
            suspensions: Vec::new(),
            challenged: Vec::new(),
            released: Vec::new(),
            releases: Vec::new(),
            openings: Vec::new(),
            voids: Vec::new(),
        }
    }

    fn take(&mut self, event: &'a Event) {
        let (index, id) = (event.index, self.id);
        macro_rules! keep {
            ($list:ident, $statement:ident) => {
                if $statement.body().unit_id == id {
                    self.$list.push(At { index, it: $statement });
                }
            };
        }
        match &event.what {
            What::Unit(s) if s.body().id() == Ok(id) => self.units.push(At { index, it: s }),
            What::Amendment(s) => keep!(amendments, s),
            What::Close(s) => keep!(closes, s),
            What::Order(s) => keep!(orders, s),
            What::Suspension(s) => keep!(suspensions, s),
            What::Challenged(s) => keep!(challenged, s),
            What::Release(s) => keep!(releases, s),
            What::Opening(s) => keep!(openings, s),
            What::Void(s) => keep!(voids, s),
            What::Bid(bid) => self.take_bid(event, bid),
            What::Step(OpeningEvent::Released { close_sha256, custodian, unit_id })
                if *unit_id == id =>
            {
                let it = Released { close_sha256: *close_sha256, custodian };
                self.released.push(At { index, it });
            }
            _ => {}
        }
    }

    fn take_bid(&mut self, event: &'a Event, bid: &'a BidEvent) {
        let (index, id) = (event.index, self.id);
        match bid {
            BidEvent::Accepted { arrived_at, lodged, manifest, manifest_sha256, unit_id }
                if *unit_id == id =>
            {
                let it = Accepted {
                    salt: &event.salt,
                    arrived_at: *arrived_at,
                    lodged: lodged.as_deref(),
                    manifest: Statement::parse(manifest.as_bytes()).ok(),
                    manifest_sha256: *manifest_sha256,
                };
                self.accepted.push(At { index, it });
            }
            BidEvent::Withdrawn { arrived_at, manifest_sha256, unit_id, withdrawal }
                if *unit_id == id =>
            {
                let (arrived_at, manifest_sha256) = (*arrived_at, *manifest_sha256);
                let it = Withdrawn { arrived_at, manifest_sha256, withdrawal };
                self.withdrawn.push(At { index, it });
            }
            _ => {}
        }
    }

    /// The unit itself.
    pub(super) fn unit(&self) -> Option<&Unit> {
        self.units.first().map(|at| at.it.body())
    }

    /// The close in force: the first.
    pub(super) fn close(&self) -> Option<&At<&'a Statement<Close>>> {
        self.closes.first()
    }

    /// The times in force just before an index.
    pub(super) fn terms_at(&self, index: u64) -> Option<Terms> {
        let unit = self.unit()?;
        let (mut deadline, mut open_at) = (unit.deadline, unit.open_at);
        for amendment in self.amendments.iter().filter(|at| at.index < index) {
            (deadline, open_at) = (amendment.it.body().deadline, amendment.it.body().open_at);
        }
        Some(Terms { deadline, open_at, challenge_ms: unit.challenge_ms })
    }

    /// The times in force in the end.
    pub(super) fn terms(&self) -> Option<Terms> {
        self.terms_at(u64::MAX)
    }

    /// Accepted bids by their line.
    pub(super) fn by_line(&self) -> HashMap<Hash, &At<Accepted<'a>>> {
        self.accepted.iter().map(|at| (at.it.line(), at)).collect()
    }

    /// Distinct custodians that released for a close, in record order, each with its first index.
    pub(super) fn releasers(&self, close_sha256: &Hash) -> Vec<(u64, &'a CustodianId)> {
        let mut seen = BTreeMap::new();
        let mut releasers = Vec::new();
        for at in self.released.iter().filter(|at| at.it.close_sha256 == *close_sha256) {
            if seen.insert(at.it.custodian, ()).is_none() {
                releasers.push((at.index, at.it.custodian));
            }
        }
        releasers
    }
}

/// All keys that may sign anything: for statements whose type the verifier does not judge.
pub(super) fn all_keys(facts: &Facts<'_>) -> Vec<VerifyingKey> {
    let mut keys: Vec<VerifyingKey> = facts.bodies.all_keys().cloned().collect();
    for roster in facts.rosters.iter().map(Statement::body) {
        keys.extend(roster.statement_keys());
        keys.extend(roster.operator_keys.iter().cloned());
        keys.extend([roster.platform_key.clone(), roster.regulator_key.clone()]);
    }
    keys
}
