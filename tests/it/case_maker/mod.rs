//! A complete, consistent, invented case in memory: five custodians of which three open, one unit
//! opened with every kind of line, one void by too few. A [`Twist`] breaks one thing on the way and
//! signs everything after it anew, so that nothing else is wrong.

mod bids;
mod broken;
mod changes;
mod ends;
mod file;
mod people;
mod story;
mod twist;

pub use people::{Keys, Who};
pub use story::{make, make_many};
pub use twist::Twist;

use people::{custodian_identity, custodian_seed, key, member, roster, who};

use std::collections::{BTreeSet, HashMap};
use std::io::Cursor;

use sealbid::bid::rules::line;
use sealbid::bid::statements::{BidEvent, BidJson, BlobRef, Fault, Manifest, Offer, Withdrawal};
use sealbid::clock::Time;
use sealbid::crypto::entropy::{self, SeededEntropy};
use sealbid::crypto::hash::Hash;
use sealbid::crypto::json;
use sealbid::crypto::key::{KeyKind, SigningKey, VerifyingKey};
use sealbid::crypto::note::Note;
use sealbid::crypto::seal::payload::seal_bid;
use sealbid::crypto::seal::{Identity, seal, unit_identity};
use sealbid::crypto::shares::{seal_share, split};
use sealbid::crypto::statement::{Body, Statement};
use sealbid::custodian::roster::{Member, Roster};
use sealbid::enterprise::credentials::key_name;
use sealbid::enterprise::statements::{KeyRevocation, KeyRotation, Kind, Verified};
use sealbid::ids::{BidId, EnterpriseId, LotId, TenderId, UnitId};
use sealbid::opening::statements::{
    Challenged, Close, FailCode, LineStatus, Lodged, OpenedLine, Opening, OpeningEvent, Order,
    RejectCode, Release, Suspension, SuspensionState, Verdict, Void, VoidReason,
};
use sealbid::record::checkpoint::{Checkpoint, cosign};
use sealbid::record::leaf::{Salt, leaf};
use sealbid::record::proof::Receipt;
use sealbid::record::tiles::encode_bundle;
use sealbid::record::tree::{self, HashSource, SourceError, leaf_hash, node_hash};
use sealbid::tender::statements::{
    Amendment, AmendmentReason, LotNotice, Notice, ReleaseBy, SUITE, Stage, Unit, UnitRecipient,
};
use sealbid::verify::casefile::{
    CaseEntry, CaseHeader, CaseKind, CaseWriter, FORMAT, MemberName, OpenedLeaf,
};

pub const ORIGIN: &str = "bids.example/record";
/// The record's origin after a succession.
const NEXT_ORIGIN: &str = "bids.example/record/2";
const N: u8 = 5;
const T: u8 = 3;
/// 15 January 2027, 08:00 UTC.
pub const START: Time = Time::from_millis(1_800_000_000_000);
const MINUTE: i64 = 60_000;
/// The deadline in force, after one postponement.
pub const DEADLINE: Time = START.plus(60 * MINUTE);
const OPEN_AT: Time = DEADLINE.plus(10 * MINUTE);
const CHALLENGE: i64 = 5 * MINUTE;

/// The record of a case: every perfect subtree of its leaves.
pub struct Levels(Vec<Vec<Hash>>);

impl Levels {
    fn of(leaves: &[Hash]) -> Self {
        let mut levels = vec![leaves.iter().map(|l| leaf_hash(l.as_bytes())).collect::<Vec<_>>()];
        while levels.last().unwrap().len() > 1 {
            let below = levels.last().unwrap();
            levels.push(below.chunks_exact(2).map(|p| node_hash(&p[0], &p[1])).collect());
        }
        Self(levels)
    }
}

impl HashSource for Levels {
    fn node(&self, level: u32, index: u64) -> Result<Hash, SourceError> {
        let level = self.0.get(usize::try_from(level).unwrap()).ok_or(SourceError::Range)?;
        level.get(usize::try_from(index).unwrap()).copied().ok_or(SourceError::Range)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Public,
    Auditor,
}

struct Leaf {
    salt: Salt,
    event: Vec<u8>,
    shown: Shown,
}

/// A checkpoint to take: size, seconds, which witnesses.
struct Head {
    size: u64,
    at: Time,
    witnesses: Vec<usize>,
    /// Which log key signs it.
    log: usize,
}

/// A sealed bid.
#[derive(Clone)]
struct Bid {
    manifest: Statement<Manifest>,
    outcome: LineStatus,
    bidder: usize,
}

/// Someone's accepted bid.
#[derive(Clone)]
pub struct Entered {
    pub index: u64,
    pub salt: Salt,
    pub line: Hash,
    pub arrived_at: Time,
    pub event: Vec<u8>,
}

pub struct Maker {
    pub twist: Twist,
    pub keys: Keys,
    buyer: Who,
    pub bidders: Vec<Who>,
    entropy: SeededEntropy,
    pub roster: Statement<Roster>,
    next_roster: Option<Statement<Roster>>,
    /// The log key in force.
    log: usize,
    leaves: Vec<Leaf>,
    heads: Vec<Head>,
    sealed: HashMap<Hash, Vec<u8>>,
    /// Sealed files that an opening tried: those of its lines.
    tried: BTreeSet<Hash>,
    pub units: Vec<UnitId>,
    /// Accepted bids of the first unit by who and seq.
    pub entered: HashMap<(usize, u32), Entered>,
    /// The withdrawal, the refusal and the custodian's note of the first unit.
    pub withdrawal: Option<Entered>,
    pub refusal: Option<Entered>,
    pub word: Option<String>,
}

/// How a bid's envelope is spoilt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spoil {
    Nothing,
    Share,
    Secret,
    Garbage,
}

impl Maker {
    /// Before the first event: a roster.
    fn start(twist: Twist, bidders: usize) -> Self {
        let keys = Keys::new(twist);
        let roster = roster(&keys, twist);
        let mut maker = Self {
            twist,
            keys,
            buyer: who(0, Kind::Organisation),
            bidders: (1..=bidders).map(|number| who(number, Kind::Enterprise)).collect(),
            entropy: SeededEntropy::new(7),
            roster,
            next_roster: None,
            log: 0,
            leaves: Vec::new(),
            heads: Vec::new(),
            sealed: HashMap::new(),
            tried: BTreeSet::new(),
            units: Vec::new(),
            entered: HashMap::new(),
            withdrawal: None,
            refusal: None,
            word: None,
        };
        maker.verify_bodies();
        maker
    }

    fn is(&self, twist: Twist) -> bool {
        self.twist == twist
    }

    fn put(&mut self, event: Vec<u8>, shown: Shown) -> (u64, Salt) {
        let salt = Salt::from_bytes(entropy::array(&self.entropy).unwrap());
        self.leaves.push(Leaf { salt, event, shown });
        (self.size() - 1, salt)
    }

    fn size(&self) -> u64 {
        u64::try_from(self.leaves.len()).unwrap()
    }

    fn note<B: Body>(&mut self, statement: &Statement<B>) -> u64 {
        self.put(statement.encode().into_bytes(), Shown::Public).0
    }

    fn line<E: serde::Serialize>(&mut self, event: &E, shown: Shown) -> (u64, Salt) {
        self.put(json::to_string(event).unwrap().into_bytes(), shown)
    }

    fn pads(&mut self) {
        loop {
            self.put(Vec::new(), Shown::Auditor);
            if self.leaves.len().is_multiple_of(8) {
                return;
            }
        }
    }

    /// Takes a checkpoint here.
    fn head(&mut self, at: Time, witnesses: &[usize]) -> u64 {
        self.pads();
        let size = self.size();
        self.heads.push(Head { size, at, witnesses: witnesses.to_vec(), log: self.log });
        size
    }

    fn unit(&mut self, number: u8, min: u32) -> (UnitId, Unit) {
        let ordered = matches!(
            self.twist,
            Twist::Ordered | Twist::OrderMissing | Twist::OrderBySelf | Twist::OrderPending
        );
        let mut unit = Unit {
            challenge_ms: if self.is(Twist::WindowEarly) { 4 * CHALLENGE } else { CHALLENGE },
            deadline: if number == 1 { DEADLINE.plus(-30 * MINUTE) } else { DEADLINE },
            issued_at: START,
            lot: format!("lot_{number:032x}").parse::<LotId>().unwrap(),
            min: match self.twist {
                Twist::VoidWithoutReason => 1,
                Twist::UnitMinimum if number == 1 => 0,
                _ => min,
            },
            nonce: Hash::of(&[number]),
            open_at: OPEN_AT,
            procuring_entity: self.buyer.id,
            recipients: Vec::new(),
            release: if ordered && number == 1 { ReleaseBy::Order } else { ReleaseBy::Time },
            roster_sha256: self.roster.sha256(),
            stage: Stage::Single,
            suite: SUITE.into(),
            t: if self.is(Twist::UnitThreshold) && number == 1 { 2 } else { T },
            tender: format!("tnd_{:032x}", 1).parse::<TenderId>().unwrap(),
        };
        self.break_terms(&mut unit, number);
        let id = unit.id().unwrap();
        for (place, member) in self.roster.body().custodians.iter().enumerate() {
            let recipient = custodian_identity(place, id).recipient().to_string();
            unit.recipients.push(UnitRecipient { custodian: member.id.clone(), recipient });
        }
        if self.is(Twist::UnitSameRecipients) && number == 1 {
            unit.recipients[2].recipient = unit.recipients[0].recipient.clone();
        }
        self.break_recipients(&mut unit, number);
        self.units.push(id);
        (id, unit)
    }

    fn signed_unit(&self, unit: &Unit, number: u8) -> Statement<Unit> {
        let mut statement = Statement::new(unit.clone()).unwrap();
        if !(self.is(Twist::UnitByBidder) && number == 1) {
            statement.sign(&self.buyer.key);
        }
        statement.sign(&self.keys.platform);
        let skip = usize::from(self.is(Twist::UnitUnsigned) && number == 1);
        self.keys.statement[skip..usize::from(N)].iter().for_each(|key| statement.sign(key));
        if self.is(Twist::HungSignature) && number == 1 {
            statement.sign(&key("elsewhere.example/x", KeyKind::Statement, [77, 7]));
        }
        statement
    }

    /// The procuring entity's word on which units there are.
    fn notice(&mut self, units: &[&Unit]) {
        let mut lots: Vec<LotNotice> = Vec::new();
        for unit in units {
            let id = unit.id().unwrap();
            lots.push(LotNotice { lot: unit.lot, title: "标段".into(), units: vec![id] });
        }
        if self.is(Twist::NoticeOther) {
            lots[1].units = vec![UnitId(Hash::of(b"another"))];
        }
        let body = Notice {
            documents: Vec::new(),
            lots,
            procuring_entity: self.buyer.id,
            rule_pack_sha256: Hash::of(b"rule pack"),
            tender: units[0].tender,
            title: "道路工程".into(),
        };
        let by = if self.is(Twist::NoticeUnsigned) { &self.keys.platform } else { &self.buyer.key };
        let notice = Statement::signed(body, by).unwrap();
        if !self.is(Twist::NoticeMissing) {
            self.note(&notice);
        }
    }

    fn amend(&mut self, id: UnitId, prev: Hash) -> Hash {
        if self.is(Twist::BuyerTakenOver) {
            let old = self.buyer.key.verifying().clone();
            self.buyer.key = self.usurp(self.buyer.id, Kind::Organisation, old);
        }
        let mut amendment = Amendment {
            deadline: DEADLINE,
            no: 1,
            open_at: OPEN_AT,
            prev_sha256: prev,
            reason: AmendmentReason::Postponed { text: "延期".into() },
            unit_id: id,
        };
        if self.is(Twist::OutageBackwards) {
            let (from, until) = (START.plus(MINUTE), START.plus(MINUTE));
            amendment.reason = AmendmentReason::Outage { from, until, text: "停电".into() };
        }
        self.say_outage(&mut amendment);
        if self.is(Twist::AmendmentNumber) {
            amendment.no = 2;
        }
        if self.is(Twist::AmendmentEarlier) {
            amendment.open_at = OPEN_AT.plus(-1);
        }
        self.sign_amendment(amendment)
    }

    fn sign_amendment(&mut self, amendment: Amendment) -> Hash {
        let id = amendment.unit_id;
        let mut statement = Statement::new(amendment).unwrap();
        if !self.is(Twist::AmendmentBySelf) {
            statement.sign(&self.buyer.key);
        }
        statement.sign(&self.keys.platform);
        let old = DEADLINE.plus(-30 * MINUTE);
        if self.is(Twist::AmendmentLate) {
            self.head(old.plus(2000), &[0, 1, 2, 3]);
        }
        let proposed = OpeningEvent::Proposed {
            statement: statement.encode(),
            statement_sha256: statement.sha256(),
            unit_id: id,
        };
        self.line(&proposed, Shown::Public);
        match self.twist {
            Twist::AmendmentLate => drop(self.head(old.plus(30_000), &[0, 1, 2, 3])),
            Twist::AmendmentUnshown => drop(self.head(old.plus(1000), &[0, 1, 2])),
            Twist::OutageSeen => drop(self.head(old.plus(MINUTE / 2), &[0, 1, 2])),
            Twist::OutageOver => drop(self.head(old.plus(MINUTE), &[0, 1, 2])),
            _ => drop(self.head(old.plus(-1000), &[0, 1, 2])),
        }
        self.keys.statement.iter().take(4).for_each(|key| statement.sign(key));
        self.note(&statement);
        statement.sha256()
    }

    fn close(&mut self, id: UnitId, size: u64, lines: Vec<Hash>) -> Statement<Close> {
        let is_old = self.is(Twist::CloseOtherTimes) && id == self.units[0];
        let is_early = self.is(Twist::AmendmentEarlier) && id == self.units[0];
        let open_at = if is_old { DEADLINE } else { OPEN_AT.plus(-i64::from(is_early)) };
        let deadline = DEADLINE;
        let close = Close { deadline, lines, open_at, size, unit_id: id };
        let mut close = Statement::new(close).unwrap();
        close.sign(&self.keys.platform);
        let count = if self.is(Twist::CloseBelowQ) { 3 } else { 4 };
        self.keys.statement.iter().take(count).for_each(|key| close.sign(key));
        close
    }
}
