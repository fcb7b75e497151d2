//! The platform's state: nothing but the replay of the record. All its decisions are those of
//! `bid::rules` and `opening::rules`.

use std::collections::BTreeMap;

use sealbid::bid::rules::{ChainHead, ChainKind, Intake, UnitTerms, line};
use sealbid::bid::statements::{BidEvent, Manifest, Withdrawal};
use sealbid::clock::Time;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::VerifyingKey;
use sealbid::crypto::note::Note;
use sealbid::crypto::statement::{Body, Statement, type_of};
use sealbid::custodian::roster::CustodianId;
use sealbid::enterprise::credentials::enterprise_of;
use sealbid::ids::{EnterpriseId, UnitId};
use sealbid::opening::rules::{Terms, UnitAct, UnitState, next, sorted_lines};
use sealbid::opening::statements::{
    Challenged, Close, Opening, OpeningEvent, Order, Release, SuspensionState, VoidReason,
};
use sealbid::tender::statements::{Amendment, Unit};

use super::faults::{Rule, Rules};
use super::record::{Act, Entry, Hand, Record};

/// One accepted bid.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    pub index: u64,
    pub bidder: EnterpriseId,
    pub manifest: Statement<Manifest>,
    pub line: Hash,
    pub salt: Hash,
    pub arrived_at: Time,
    /// Where its bidder's next statement stands, if there is one.
    pub out: Option<u64>,
    /// Whether that is a withdrawal.
    pub is_withdrawn: bool,
}

/// One unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub state: UnitState,
    pub unit: Statement<Unit>,
    /// Where it was proposed.
    pub proposed: u64,
    pub terms: Terms,
    pub last: (u32, Hash),
    pub pending: Option<(u64, Statement<Amendment>)>,
    /// Effective amendments, and where each was proposed.
    pub amendments: Vec<(u64, Statement<Amendment>)>,
    pub chains: BTreeMap<EnterpriseId, ChainHead>,
    pub accepted: Vec<Accepted>,
    /// The close as proposed, and where.
    pub proposal: Option<(u64, Statement<Close>)>,
    /// The effective close, and where.
    pub closed: Option<(u64, Statement<Close>)>,
    /// What custodians found last.
    pub challenges: BTreeMap<(CustodianId, Hash), Statement<Challenged>>,
    pub releases: Vec<(CustodianId, String)>,
    pub order: Option<Statement<Order>>,
    /// The regulator's last word: its number and what it says.
    pub suspension: Option<(u32, SuspensionState)>,
    /// Its note.
    pub word: Option<String>,
    pub opening: Option<Statement<Opening>>,
    pub void: Option<VoidReason>,
    /// Whether custodians refused an outage over the deadline in force.
    pub is_outage_refused: bool,
    /// Its note.
    pub void_note: Option<String>,
}

/// The key of each body.
type Keys = BTreeMap<EnterpriseId, VerifyingKey>;

impl Row {
    fn new(index: u64, unit: Statement<Unit>) -> Self {
        Self {
            state: UnitState::Proposed,
            proposed: index,
            terms: Terms::of(unit.body()),
            last: (0, unit.sha256()),
            unit,
            pending: None,
            amendments: Vec::new(),
            chains: BTreeMap::new(),
            accepted: Vec::new(),
            proposal: None,
            closed: None,
            challenges: BTreeMap::new(),
            releases: Vec::new(),
            order: None,
            suspension: None,
            word: None,
            opening: None,
            void: None,
            is_outage_refused: false,
            void_note: None,
        }
    }

    pub fn unit_terms(&self, unit_id: UnitId) -> UnitTerms {
        let shut = matches!(self.state, UnitState::Proposed | UnitState::Lapsed | UnitState::Void);
        let intake = if shut { Intake::Shut } else { Intake::Open };
        let n = self.unit.body().recipients.len();
        UnitTerms { unit_id, deadline: self.terms.deadline, n, intake }
    }

    /// Whether the regulator stopped it.
    pub fn is_suspended(&self) -> bool {
        matches!(self.suspension, Some((_, SuspensionState::Suspended)))
    }

    /// The lines of the close: every live bid.
    pub fn lines(&self, rules: Rules) -> Vec<Hash> {
        let stays_out = rules.holds(Rule::WithdrawnStaysOut);
        let live = |bid: &&Accepted| bid.out.is_none() || (bid.is_withdrawn && !stays_out);
        sorted_lines(self.accepted.iter().filter(live).map(|bid| bid.line).collect())
    }

    pub fn step(&mut self, act: UnitAct) {
        self.state = next(self.state, act).unwrap();
    }

    fn add(&mut self, index: u64, entry: &Entry, event: &BidEvent, keys: &Keys) {
        match event {
            BidEvent::Accepted { manifest, arrived_at, manifest_sha256, .. } => {
                let manifest = Statement::<Manifest>::parse(manifest.as_bytes()).unwrap();
                let bidder = signer(manifest.note());
                let (seq, bid_id) = (manifest.body().seq, manifest.body().bid_id);
                let key = keys[&bidder].clone();
                self.follow(bidder, index, false);
                let (sha256, kind) = (*manifest_sha256, ChainKind::Manifest);
                self.chains.insert(bidder, ChainHead { bid_id, seq, sha256, kind, key });
                self.accepted.push(Accepted {
                    index,
                    bidder,
                    line: line(entry.salt.as_bytes(), &sha256),
                    salt: Hash::from_bytes(*entry.salt.as_bytes()),
                    manifest,
                    arrived_at: *arrived_at,
                    out: None,
                    is_withdrawn: false,
                });
            }
            BidEvent::Withdrawn { withdrawal, .. } => {
                let withdrawal = Statement::<Withdrawal>::parse(withdrawal.as_bytes()).unwrap();
                let bidder = signer(withdrawal.note());
                self.follow(bidder, index, true);
                let head = self.chains.get_mut(&bidder).unwrap();
                head.seq = withdrawal.body().seq;
                head.sha256 = withdrawal.sha256();
                head.kind = ChainKind::Withdrawal;
            }
            BidEvent::Refused { .. } => {}
        }
    }

    /// The bidder's live bid is replaced or withdrawn by the entry at `index`.
    fn follow(&mut self, bidder: EnterpriseId, index: u64, is_withdrawn: bool) {
        let live = |bid: &&mut Accepted| bid.bidder == bidder && bid.out.is_none();
        for bid in self.accepted.iter_mut().filter(live) {
            bid.out = Some(index);
            bid.is_withdrawn = is_withdrawn;
        }
    }

    fn propose(&mut self, index: u64, statement: &str) {
        let note = Note::parse(statement.as_bytes()).unwrap();
        match type_of(note.text()).unwrap() {
            Amendment::TYPE => self.pending = Some((index, Statement::from_note(note).unwrap())),
            _ => {
                self.step(UnitAct::ProposeClose);
                self.proposal = Some((index, Statement::from_note(note).unwrap()));
            }
        }
    }
}

fn signer(note: &Note) -> EnterpriseId {
    enterprise_of(&note.signatures()[0].name).unwrap()
}

/// The platform.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Platform {
    pub units: BTreeMap<UnitId, Row>,
    pub keys: Keys,
}

impl Platform {
    /// The state that a record stands for.
    pub fn replay(record: &Record) -> Self {
        let mut state = Self::default();
        for (index, entry) in (0..).zip(&record.entries) {
            state.apply(index, entry);
        }
        state
    }

    fn row(&mut self, id: &UnitId) -> &mut Row {
        self.units.get_mut(id).expect("an entry of a proposed unit")
    }

    /// Takes one entry up.
    pub fn apply(&mut self, index: u64, entry: &Entry) {
        if entry.hand == Hand::Rival {
            return;
        }
        match &entry.act {
            Act::Pad => {}
            Act::Verified(verified) => {
                let body = verified.body();
                self.keys.insert(body.enterprise, body.key.clone());
            }
            Act::Unit(unit) => {
                let row = self.row(&unit.body().id().unwrap());
                row.step(UnitAct::TakeEffect);
                row.unit = unit.clone();
            }
            Act::Amendment(amendment) => {
                let row = self.row(&amendment.body().unit_id);
                row.terms = row.terms.amended(row.last, amendment.body()).unwrap();
                row.last = (amendment.body().no, amendment.sha256());
                row.is_outage_refused = false;
                let (proposed, _) = row.pending.take().unwrap();
                row.amendments.push((proposed, amendment.clone()));
            }
            Act::Close(close) => {
                let row = self.row(&close.body().unit_id);
                row.step(UnitAct::Close);
                row.closed = Some((index, close.clone()));
            }
            Act::Void(void) => {
                let row = self.row(&void.body().unit_id);
                row.step(UnitAct::Void);
                row.void = Some(void.body().reason);
                row.void_note = Some(void.encode());
            }
            Act::Opening(opening) => {
                let row = self.row(&opening.body().unit_id);
                row.step(UnitAct::Open);
                row.opening = Some(opening.clone());
            }
            Act::Order(order) => {
                let row = self.row(&order.body().unit_id);
                assert!(row.order.replace(order.clone()).is_none(), "an order is given once");
            }
            Act::Suspension(word) => {
                let row = self.row(&word.body().unit_id);
                row.suspension = Some((word.body().no, word.body().state));
                row.word = Some(word.encode());
            }
            Act::Release(release) => self.take_release(release.body()),
            Act::Challenged(challenged) => {
                let body = challenged.body();
                let key = (body.custodian.clone(), body.line);
                self.row(&body.unit_id).challenges.insert(key, challenged.clone());
            }
            Act::Bid(event) => {
                let (BidEvent::Accepted { unit_id, .. }
                | BidEvent::Withdrawn { unit_id, .. }
                | BidEvent::Refused { unit_id, .. }) = event;
                let keys = self.keys.clone();
                self.row(unit_id).add(index, entry, event, &keys);
            }
            Act::Step(event) => self.take_step(index, event),
        }
    }

    fn take_release(&mut self, release: &Release) {
        let row = self.row(&release.unit_id);
        row.releases.push((release.custodian.clone(), release.identity.clone()));
    }

    fn take_step(&mut self, index: u64, event: &OpeningEvent) {
        if let OpeningEvent::Lapsed { statement_sha256, unit_id, .. } = event {
            let row = self.row(unit_id);
            let (_, lapsed) = row.pending.take().unwrap();
            assert_eq!(lapsed.sha256(), *statement_sha256);
            row.is_outage_refused |= row.terms.is_moved_late_by(&lapsed.body().reason);
        }
        let OpeningEvent::Proposed { statement, unit_id, .. } = event else { return };
        if statement.starts_with(Unit::TYPE) {
            let unit = Statement::<Unit>::parse(statement.as_bytes()).unwrap();
            self.units.insert(*unit_id, Row::new(index, unit));
        } else {
            self.row(unit_id).propose(index, statement);
        }
    }
}
