//! Everything that a case shows about one unit, in record order.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::bid::rules::line;
use crate::bid::statements::{BidEvent, Fault, Manifest};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::note::Note;
use crate::crypto::statement::{Body, Statement, type_of};
use crate::custodian::roster::CustodianId;
use crate::custodian::wire::Shown;
use crate::enterprise::credentials::signer;
use crate::ids::{EnterpriseId, UnitId};
use crate::opening::rules::Terms;
use crate::opening::statements::{
    Challenged, Close, Opening, OpeningEvent, Order, ReadOutLine, Release, SharesFound, Suspension,
    SuspensionState, Void,
};
use crate::record::leaf::Salt;
use crate::tender::statements::{Amendment, Outage, ReleaseBy, Unit};

use super::events::{Event, What};

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
    /// Who signed it.
    pub(super) fn bidder(&self) -> Option<EnterpriseId> {
        self.manifest.as_ref().and_then(|manifest| signer(manifest.note()))
    }

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

impl Withdrawn<'_> {
    /// Whose bid it took back: two bidders may have signed one text.
    pub(super) fn bidder(&self) -> Option<EnterpriseId> {
        signer(&Note::parse(self.withdrawal.as_bytes()).ok()?)
    }
}

/// A refused statement as the record tells of it.
pub(super) struct Refused<'a> {
    pub arrived_at: Time,
    pub code: &'a str,
    pub fault: Fault,
    pub statement: &'a str,
}

/// A custodian's word that it released.
pub(super) struct Released<'a> {
    pub close_sha256: Hash,
    pub custodian: &'a CustodianId,
}

/// What is said of the ciphertext of one line.
pub(super) struct Kept<'a> {
    pub line: &'a Hash,
    pub sha256: &'a Hash,
    /// That it cannot be read back; else, that its bidder brought it again.
    pub is_missing: bool,
}

/// Everything the file shows about one unit, in record order.
pub(super) struct UnitFacts<'a> {
    pub id: UnitId,
    pub units: Vec<At<&'a Statement<Unit>>>,
    pub amendments: Vec<At<&'a Statement<Amendment>>>,
    pub outages: Vec<At<&'a Statement<Outage>>>,
    pub accepted: Vec<At<Accepted<'a>>>,
    pub withdrawn: Vec<At<Withdrawn<'a>>>,
    pub refused: Vec<At<Refused<'a>>>,
    /// Where each amendment was asked.
    pub asked: Vec<At<Hash>>,
    /// Proposed closes: while one stands the unit takes no more bids.
    pub proposed: Vec<At<Hash>>,
    /// Proposals that found no quorum.
    pub lapsed: Vec<At<Hash>>,
    pub closes: Vec<At<&'a Statement<Close>>>,
    pub orders: Vec<At<&'a Statement<Order>>>,
    pub suspensions: Vec<At<&'a Statement<Suspension>>>,
    pub challenged: Vec<At<&'a Statement<Challenged>>>,
    /// What custodians were shown, by their finding's SHA-256.
    pub shown: BTreeMap<Hash, &'a Shown>,
    pub released: Vec<At<Released<'a>>>,
    pub releases: Vec<At<&'a Statement<Release>>>,
    /// Both of the two above: a key that was handed out is one, however the record tells of it.
    pub handed_out: Vec<At<Released<'a>>>,
    /// Releases that open nothing, as the record has them.
    pub false_releases: Vec<At<&'a str>>,
    /// Which ciphertexts were missing, and brought again.
    pub kept: Vec<At<Kept<'a>>>,
    pub read_outs: Vec<At<&'a [ReadOutLine]>>,
    pub openings: Vec<At<&'a Statement<Opening>>>,
    pub voids: Vec<At<&'a Statement<Void>>>,
    /// What was found of each custodian's shares.
    pub shares: Vec<At<(&'a CustodianId, &'a SharesFound)>>,
}

impl<'a> UnitFacts<'a> {
    /// What these events tell of a unit.
    pub(super) fn of(id: UnitId, events: impl Iterator<Item = &'a Event>) -> Self {
        let mut unit = Self::empty(id);
        events.for_each(|event| unit.take(event));
        unit
    }

    const fn empty(id: UnitId) -> Self {
        Self {
            id,
            units: Vec::new(),
            amendments: Vec::new(),
            outages: Vec::new(),
            accepted: Vec::new(),
            withdrawn: Vec::new(),
            refused: Vec::new(),
            asked: Vec::new(),
            proposed: Vec::new(),
            lapsed: Vec::new(),
            closes: Vec::new(),
            orders: Vec::new(),
            suspensions: Vec::new(),
            challenged: Vec::new(),
            shown: BTreeMap::new(),
            released: Vec::new(),
            releases: Vec::new(),
            handed_out: Vec::new(),
            false_releases: Vec::new(),
            kept: Vec::new(),
            read_outs: Vec::new(),
            openings: Vec::new(),
            voids: Vec::new(),
            shares: Vec::new(),
        }
    }

    fn take(&mut self, event: &'a Event) {
        let index = event.index;
        match &event.what {
            What::Unit(s) => self.units.push(At { index, it: s }),
            What::Amendment(s) => self.amendments.push(At { index, it: s }),
            What::Outage(s) => self.outages.push(At { index, it: s }),
            What::Close(s) => self.closes.push(At { index, it: s }),
            What::Order(s) => self.orders.push(At { index, it: s }),
            What::Suspension(s) => self.suspensions.push(At { index, it: s }),
            What::Challenged(s) => self.challenged.push(At { index, it: s }),
            What::Release(s) => {
                let Release { close_sha256, custodian, .. } = s.body();
                let it = Released { close_sha256: *close_sha256, custodian };
                self.handed_out.push(At { index, it });
                self.releases.push(At { index, it: s });
            }
            What::Opening(s) => self.openings.push(At { index, it: s }),
            What::Void(s) => self.voids.push(At { index, it: s }),
            What::Bid(bid) => self.take_bid(event, bid),
            What::Step(step) => self.take_step(index, step),
            _ => {}
        }
    }

    fn take_step(&mut self, index: u64, step: &'a OpeningEvent) {
        match step {
            OpeningEvent::Challenge { account, challenged_sha256, .. } => {
                self.shown.insert(*challenged_sha256, account);
            }
            OpeningEvent::Shares { custodian, found, .. } => {
                self.shares.push(At { index, it: (custodian, found) });
            }
            OpeningEvent::Released { close_sha256, custodian, .. } => {
                let it = || Released { close_sha256: *close_sha256, custodian };
                self.released.push(At { index, it: it() });
                self.handed_out.push(At { index, it: it() });
            }
            OpeningEvent::Proposed { statement, statement_sha256, .. }
                if type_of(statement) == Some(Close::TYPE) =>
            {
                self.proposed.push(At { index, it: *statement_sha256 });
            }
            OpeningEvent::Proposed { statement, statement_sha256, .. }
                if type_of(statement) == Some(Amendment::TYPE) =>
            {
                self.asked.push(At { index, it: *statement_sha256 });
            }
            OpeningEvent::Lapsed { statement_sha256, .. } => {
                self.lapsed.push(At { index, it: *statement_sha256 });
            }
            OpeningEvent::FalseRelease { release, .. } => {
                self.false_releases.push(At { index, it: release });
            }
            OpeningEvent::Missing { line, sha256, .. } => {
                self.kept.push(At { index, it: Kept { line, sha256, is_missing: true } });
            }
            OpeningEvent::Resupplied { line, sha256, .. } => {
                self.kept.push(At { index, it: Kept { line, sha256, is_missing: false } });
            }
            OpeningEvent::ReadOut { lines, .. } => self.read_outs.push(At { index, it: lines }),
            OpeningEvent::Proposed { .. } => {}
        }
    }

    fn take_bid(&mut self, event: &'a Event, bid: &'a BidEvent) {
        let index = event.index;
        match bid {
            BidEvent::Accepted { arrived_at, lodged, manifest, manifest_sha256, .. } => {
                let it = Accepted {
                    salt: &event.salt,
                    arrived_at: *arrived_at,
                    lodged: lodged.as_deref(),
                    manifest: Statement::parse(manifest.as_bytes()).ok(),
                    manifest_sha256: *manifest_sha256,
                };
                self.accepted.push(At { index, it });
            }
            BidEvent::Withdrawn { arrived_at, manifest_sha256, withdrawal, .. } => {
                let (arrived_at, manifest_sha256) = (*arrived_at, *manifest_sha256);
                let it = Withdrawn { arrived_at, manifest_sha256, withdrawal };
                self.withdrawn.push(At { index, it });
            }
            BidEvent::Refused { arrived_at, code, fault, statement, .. } => {
                let (arrived_at, fault) = (*arrived_at, *fault);
                let it = Refused { arrived_at, code, fault, statement };
                self.refused.push(At { index, it });
            }
        }
    }

    /// The unit itself.
    pub(super) fn unit(&self) -> Option<&'a Unit> {
        self.units.first().map(|at| at.it.body())
    }

    /// Where it took effect; 0 when the file does not show it.
    pub(super) fn start(&self) -> u64 {
        self.units.first().map_or(0, |at| at.index)
    }

    /// Behind its opening or its void, whichever comes first; `None` while there is neither.
    pub(super) fn end(&self) -> Option<u64> {
        let opening = self.openings.first().map(|at| at.index);
        let void = self.voids.first().map(|at| at.index);
        opening.into_iter().chain(void).min().map(|last| last.saturating_add(1))
    }

    /// The close in force: the first.
    pub(super) fn close(&self) -> Option<&At<&'a Statement<Close>>> {
        self.closes.first()
    }

    /// The lines of the close in force, for looking up.
    pub(super) fn closed_lines(&self) -> BTreeSet<&'a Hash> {
        self.close().map(|close| close.it.body().lines.iter().collect()).unwrap_or_default()
    }

    /// The lines that are opened: the order's for second envelopes, else the close's.
    pub(super) fn lines_to_open(&self) -> &'a [Hash] {
        let is_ordered = self.unit().is_some_and(|unit| unit.release == ReleaseBy::Order);
        let order = self.orders.first().filter(|_| is_ordered).map(|order| &order.it.body().lines);
        let close = self.close().map(|close| &close.it.body().lines);
        order.or(close).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether the regulator's last word before an index was to stop.
    pub(super) fn is_stopped_at(&self, index: u64) -> bool {
        let before = self.suspensions.iter().filter(|at| at.index < index);
        let last = before.max_by_key(|at| at.it.body().no).map(|at| at.it.body().state);
        last == Some(SuspensionState::Suspended)
    }

    /// The times in force just before an index.
    pub(super) fn terms_at(&self, index: u64) -> Option<Terms> {
        let unit = self.unit()?;
        let last = self.amendments.iter().take_while(|at| at.index < index).last();
        let (deadline, open_at) = last.map_or((unit.deadline, unit.open_at), |at| {
            (at.it.body().deadline, at.it.body().open_at)
        });
        Some(Terms { deadline, open_at, challenge_ms: unit.challenge_ms })
    }

    /// The times in force in the end.
    pub(super) fn terms(&self) -> Option<Terms> {
        self.terms_at(u64::MAX)
    }

    /// Whether its set was being frozen before an index: what came in time then came to nothing by
    /// the platform's fault.
    pub(super) fn is_closing_at(&self, index: u64) -> bool {
        let stands = |close: &At<Hash>| {
            let mut after =
                self.lapsed.iter().filter(|at| (close.index..index).contains(&at.index));
            close.index < index && !after.any(|at| at.it == close.it)
        };
        self.closes.iter().any(|at| at.index < index) || self.proposed.iter().any(stands)
    }

    /// Accepted bids by their line.
    pub(super) fn by_line(&self) -> HashMap<Hash, &At<Accepted<'a>>> {
        self.accepted.iter().map(|at| (at.it.line(), at)).collect()
    }

    /// Distinct custodians that released for a close, in record order, each with its first index.
    pub(super) fn releasers(&self, close_sha256: &Hash) -> Vec<(u64, &'a CustodianId)> {
        let mut seen = BTreeSet::new();
        let own = self.released.iter().filter(|at| at.it.close_sha256 == *close_sha256);
        let first = own.filter(|at| seen.insert(at.it.custodian));
        first.map(|at| (at.index, at.it.custodian)).collect()
    }
}
