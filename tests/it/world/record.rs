//! The record in memory: salted leaves, pads, checkpoints. What it holds survives a crash of the
//! platform; everything else is rebuilt from it.

use sealbid::bid::statements::BidEvent;
use sealbid::clock::Time;
use sealbid::crypto::entropy::SeededEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::json;
use sealbid::crypto::key::SigningKey;
use sealbid::crypto::note::Note;
use sealbid::crypto::statement::{Body, Statement, type_of};
use sealbid::enterprise::statements::Verified;
use sealbid::ids::UnitId;
use sealbid::opening::rules::is_from_before;
use sealbid::opening::statements::{
    Challenged, Close, Opening, OpeningEvent, Order, Release, Suspension, Void,
};
use sealbid::record::checkpoint::{Checkpoint, Cosigned};
use sealbid::record::disclosure::Level;
use sealbid::record::edge::TileEdge;
use sealbid::record::leaf::{PadKey, Salt, leaf};
use sealbid::record::proof::Receipt;
use sealbid::record::tree::{HashSource, SourceError, leaf_hash, node_hash, prove_inclusion};
use sealbid::tender::statements::{Amendment, Unit};

/// Whose doing an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// The platform as it should be: its state is the replay of these.
    Platform,
    /// A second face of the operator, who proposes what contradicts the first.
    Rival,
}

/// What an entry says.
#[derive(Clone, Debug)]
pub enum Act {
    Verified(Statement<Verified>),
    Unit(Statement<Unit>),
    Amendment(Statement<Amendment>),
    Close(Statement<Close>),
    Void(Statement<Void>),
    Opening(Statement<Opening>),
    Order(Statement<Order>),
    Suspension(Statement<Suspension>),
    Release(Statement<Release>),
    Challenged(Statement<Challenged>),
    Bid(BidEvent),
    Step(OpeningEvent),
    Pad,
}

impl Act {
    /// Reads an entry's bytes, as every replay does.
    pub fn parse(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Pad;
        }
        if bytes.starts_with(b"{") {
            return json::parse(bytes)
                .map(Self::Bid)
                .or_else(|_| json::parse(bytes).map(Self::Step))
                .unwrap();
        }
        let note = Note::parse(bytes).unwrap();
        match type_of(note.text()).unwrap() {
            Verified::TYPE => Self::Verified(Statement::from_note(note).unwrap()),
            Unit::TYPE => Self::Unit(Statement::from_note(note).unwrap()),
            Amendment::TYPE => Self::Amendment(Statement::from_note(note).unwrap()),
            Close::TYPE => Self::Close(Statement::from_note(note).unwrap()),
            Void::TYPE => Self::Void(Statement::from_note(note).unwrap()),
            Opening::TYPE => Self::Opening(Statement::from_note(note).unwrap()),
            Order::TYPE => Self::Order(Statement::from_note(note).unwrap()),
            Suspension::TYPE => Self::Suspension(Statement::from_note(note).unwrap()),
            Release::TYPE => Self::Release(Statement::from_note(note).unwrap()),
            Challenged::TYPE => Self::Challenged(Statement::from_note(note).unwrap()),
            other => panic!("no entry of ours: {other}"),
        }
    }
}

/// One leaf with what stands behind it.
pub struct Entry {
    pub salt: Salt,
    pub event: Vec<u8>,
    pub level: Level,
    pub hand: Hand,
    pub act: Act,
}

impl Entry {
    pub fn leaf(&self) -> Hash {
        leaf(&self.salt, &self.event)
    }
}

/// Why nothing was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRecorded {
    /// The program died at this write.
    Crashed,
    /// The clock is more than a second behind the last entry.
    ClockBehind,
}

/// Hashes of perfect subtrees, level by level.
#[derive(Default)]
pub struct Levels(Vec<Vec<Hash>>);

impl Levels {
    pub fn push(&mut self, entry: &Hash) {
        let mut hash = leaf_hash(entry.as_bytes());
        for level in 0.. {
            if self.0.len() == level {
                self.0.push(Vec::new());
            }
            self.0[level].push(hash);
            match self.0[level].as_slice() {
                [.., left, right] if self.0[level].len().is_multiple_of(2) => {
                    hash = node_hash(left, right);
                }
                _ => return,
            }
        }
    }
}

impl HashSource for Levels {
    fn node(&self, level: u32, index: u64) -> Result<Hash, SourceError> {
        let level = self.0.get(level as usize).ok_or(SourceError::Range)?;
        level.get(index as usize).copied().ok_or(SourceError::Range)
    }
}

pub struct Record {
    pub entries: Vec<Entry>,
    pub checkpoints: Vec<Cosigned>,
    pub levels: Levels,
    /// Writes until the platform dies, when it is to die.
    pub dies_in: Option<u32>,
    edge: TileEdge,
    pads: PadKey,
    salts: SeededEntropy,
    at: Time,
}

impl Record {
    pub fn new(seed: u64, at: Time) -> Self {
        Self {
            entries: Vec::new(),
            checkpoints: Vec::new(),
            levels: Levels::default(),
            dies_in: None,
            edge: TileEdge::new(),
            pads: PadKey::from_bytes([7; 32]),
            salts: SeededEntropy::new(seed ^ 0x5a17),
            at,
        }
    }

    pub fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The time an act done at `now` gets.
    pub fn time(&self, now: Time) -> Result<Time, NotRecorded> {
        if now < self.at.plus(-1000) { Err(NotRecorded::ClockBehind) } else { Ok(now.max(self.at)) }
    }

    /// One write: the event is on the record, or nothing happened.
    pub fn append(
        &mut self,
        hand: Hand,
        level: Level,
        now: Time,
        event: Vec<u8>,
    ) -> Result<u64, NotRecorded> {
        let at = self.time(now)?;
        if let Some(left) = self.dies_in {
            self.dies_in = left.checked_sub(1);
            if left == 0 {
                return Err(NotRecorded::Crashed);
            }
        }
        self.at = at;
        let (salt, act) = (Salt::random(&self.salts).unwrap(), Act::parse(&event));
        Ok(self.push(Entry { salt, event, level, hand, act }))
    }

    fn push(&mut self, entry: Entry) -> u64 {
        let leaf = entry.leaf();
        self.edge.push(leaf);
        self.levels.push(&leaf);
        self.entries.push(entry);
        self.size() - 1
    }

    /// Fills up to a multiple of 8, at least one pad, and signs the next checkpoint.
    pub fn publish(&mut self, log: &SigningKey) {
        loop {
            let index = self.size();
            let (salt, level, act) = (self.pads.salt(index), Level::Regulator, Act::Pad);
            self.push(Entry { salt, event: Vec::new(), level, hand: Hand::Platform, act });
            if self.size().is_multiple_of(8) {
                break;
            }
        }
        let origin = log.verifying().name().to_owned();
        let checkpoint = Checkpoint { origin, size: self.size(), root: self.edge.root() };
        let note = checkpoint.signed(log).unwrap();
        self.checkpoints.push(Cosigned::from_network(&note, log.verifying(), &[]).unwrap());
    }

    /// The receipt of an entry under a checkpoint that holds it.
    pub fn receipt(&self, index: u64, checkpoint: &Cosigned) -> Receipt {
        let entry = &self.entries[index as usize];
        Receipt {
            salt: entry.salt,
            event: entry.event.clone(),
            index,
            hashes: prove_inclusion(&self.levels, index, checkpoint.checkpoint().size).unwrap(),
            checkpoint: checkpoint.note().clone(),
        }
    }

    /// The receipt of an entry under the last checkpoint.
    pub fn latest_receipt(&self, index: u64) -> Receipt {
        self.receipt(index, self.checkpoints.last().unwrap())
    }

    /// The receipt of an entry under the first checkpoint that `k` witnesses cosigned before a deadline;
    /// under the last when there is none.
    pub fn receipt_from_before(&self, index: u64, deadline: Time, k: usize) -> Receipt {
        let shows = |c: &&Cosigned| {
            let times: Vec<Time> = c.cosignatures().iter().map(|c| c.time).collect();
            c.checkpoint().size > index && is_from_before(&times, k, deadline)
        };
        let shown = self.checkpoints.iter().find(shows);
        self.receipt(index, shown.unwrap_or_else(|| self.checkpoints.last().unwrap()))
    }

    /// The first checkpoint that holds an entry and that `k` witnesses cosigned.
    pub fn cosigned(&self, index: u64, k: usize) -> Option<&Cosigned> {
        self.checkpoints.iter().find(|c| c.checkpoint().size > index && c.is_cosigned_by(k))
    }
}

/// The event that says what is being asked for.
pub fn proposed<B: Body>(unit_id: UnitId, statement: &Statement<B>) -> Vec<u8> {
    let (text, statement_sha256) = (statement.encode(), statement.sha256());
    let event = OpeningEvent::Proposed { statement: text, statement_sha256, unit_id };
    json::to_string(&event).unwrap().into_bytes()
}
