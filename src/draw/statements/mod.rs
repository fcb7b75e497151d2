//! What is signed of a draw (protocol §3): the draw, and its result or its void. In between lie the
//! statements of every sealed unit: manifests of the contributions, the close, releases.
//!
//! Invariant: the draw commits pools, exclusions and contributors before any contribution is sealed, and
//! each contribution names the draw that it was made for; so nobody can give contributions another pool.

mod names;
mod outcome;

pub use names::{Code, Contributor, Label, NotACode, NotALabel};
pub use outcome::{
    Contributed, ContributionFault, DrawResult, DrawVoid, DrawnStratum, Outcome, Pick, Skip,
    UnopenedLine, VoidedBy,
};

use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::statement::Body;
use crate::ids::{BidId, DrawId, LibraryId, LotId, TenderId, UnitId};

/// What is drawn, how many, from which pools, by whose randomness. Public at once, like its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// A public source of randomness that counts beside the contributions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub beacon: Option<Beacon>,
    /// Who contributes, each once: the order of their values in the seed.
    pub contributors: Vec<Contributor>,
    /// Its id, which salts are bound to.
    pub draw: DrawId,
    /// From 1: every further draw for the same subject is counted in public.
    pub no: u32,
    /// What is drawn from, one pool per stratum, in the order of `strata`.
    pub pools: Vec<Pool>,
    /// Why there is another draw; absent in the first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub previous: Option<Previous>,
    /// SHA-256 of the rule pack's file by which seats and exclusions were computed.
    pub rule_pack_sha256: Hash,
    /// Where the pools come from.
    pub source: Source,
    /// What is drawn, in the order of drawing.
    pub strata: Vec<Stratum>,
    /// For what.
    pub subject: Subject,
    /// The unit for which the contributions are sealed.
    pub unit_id: UnitId,
}

impl Body for Draw {
    const TYPE: &'static str = "sealbid/draw/v1";
}

/// A round of a public randomness beacon, later than the unit's deadline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beacon {
    /// The hash that names the beacon's chain.
    pub chain: Hash,
    /// Which of its values.
    pub round: u64,
}

/// What one stratum's members are drawn from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// How many leaves.
    pub count: u32,
    /// Its stratum's.
    pub label: Label,
    /// RFC 6962 over the leaves, ascending by raw bytes.
    pub root: Hash,
}

/// How many are drawn from a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stratum {
    /// Seats.
    pub k: u32,
    /// Names the stratum, and stands in its selection's key.
    pub label: Label,
    /// How many stand by, in the order in which they are called.
    pub reserves: u32,
}

/// What a draw is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Subject {
    /// The outside experts of an evaluation committee.
    Committee {
        /// Which lot it evaluates.
        lot: LotId,
        /// How many members it has, those of the buyer's own with them.
        members: u32,
        /// How many the buyer names itself; they are never drawn.
        representatives: u32,
        /// Of which tender.
        tender: TenderId,
    },
    /// An order among bids that scored the same.
    TieBreak {
        /// Of which lot.
        lot: LotId,
        /// Of which tender.
        tender: TenderId,
    },
    /// A coefficient of a price formula.
    Coefficient {
        /// Of which lot.
        lot: LotId,
        /// As the documents call it.
        name: String,
        /// Of which tender.
        tender: TenderId,
    },
    /// What an auditor looks at.
    AuditSample {
        /// Of what, in words.
        title: String,
    },
}

/// Where pools come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// The register of experts, as its events stood: the regulator replays it to the very pools.
    Register(Box<Register>),
    /// Values that stand here for everybody.
    Values {
        /// One list per stratum, in the order of `strata`.
        lists: Vec<ValueList>,
    },
}

/// The register that pools were made from, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The record's size up to which the register's events count.
    pub as_of: u64,
    /// Who would have fitted and was left out.
    pub exclusions: Exclusions,
    /// Who fits.
    pub filter: Filter,
    /// The libraries drawn from: more than one where a pool too small was escalated by rule.
    pub libraries: Vec<LibraryId>,
    /// How many active experts they held.
    pub register_size: u32,
}

/// Who was left out, committed before the seed exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusions {
    /// How many by each reason, in the order of the reasons; none that is 0. Everybody counts once, by the
    /// first reason that holds.
    pub counts: Vec<ExclusionCount>,
    /// RFC 6962 over the exclusions' leaves, ascending by raw bytes.
    pub root: Hash,
}

/// How many were left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExclusionCount {
    /// At least 1.
    pub count: u32,
    /// Why.
    pub reason: ExclusionReason,
}

/// Why an expert that fits is not drawn from. Their order decides which one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExclusionReason {
    /// Works for the buyer, its agency or a bidder.
    Employer,
    /// Did so within the look-back.
    FormerEmployer,
    /// Has kin there.
    Kin,
    /// Holds shares of it.
    Shareholding,
    /// Is barred for a time.
    Sanctioned,
    /// Was drawn as often as one may be within the period.
    DrawnTooOften,
    /// Sits elsewhere at that hour.
    Busy,
    /// Was drawn by an earlier draw for the same subject: seated, or called and not come.
    DrawnBefore,
}

/// Every reason, for tables and checks.
pub const EXCLUSION_REASONS: [ExclusionReason; 8] = [
    ExclusionReason::Employer,
    ExclusionReason::FormerEmployer,
    ExclusionReason::Kin,
    ExclusionReason::Shareholding,
    ExclusionReason::Sanctioned,
    ExclusionReason::DrawnTooOften,
    ExclusionReason::Busy,
    ExclusionReason::DrawnBefore,
];

impl ExclusionReason {
    /// Its word in leaves, statements and columns.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Employer => "employer",
            Self::FormerEmployer => "former-employer",
            Self::Kin => "kin",
            Self::Shareholding => "shareholding",
            Self::Sanctioned => "sanctioned",
            Self::DrawnTooOften => "drawn-too-often",
            Self::Busy => "busy",
            Self::DrawnBefore => "drawn-before",
        }
    }
}

/// Which experts a draw takes, in numbers that anybody can hold against the rule pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Who fits into which stratum, in the order of `strata`.
    pub criteria: Vec<Criterion>,
    /// Who was drawn so often since `drawn_since` is left out.
    pub drawn_most: u32,
    /// From when draws are counted.
    pub drawn_since: Time,
    /// The committee meets from then on.
    pub from: Time,
    /// Employments that ended at or after this instant still bind.
    pub look_back: Time,
    /// At most so many of one employer among all seats and reserves; absent: no such cap.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub per_employer: Option<u32>,
    /// Until then.
    pub until: Time,
}

/// Who fits into one stratum: any of its specialties, in any of its regions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    /// The stratum's.
    pub label: Label,
    /// A code stands for all below it; no code at all: every region.
    pub regions: Vec<Code>,
    /// A code stands for all below it.
    pub specialties: Vec<Code>,
}

/// The values of one stratum, as people read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueList {
    /// The stratum's.
    pub label: Label,
    /// In any order, none twice: the pool's order is that of the leaves.
    pub values: Vec<String>,
}

/// The draw before this one, and why it was not the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// Which draw.
    pub draw_sha256: Hash,
    /// The void or the result it ended with.
    pub ended_sha256: Hash,
    /// Why.
    pub reason: RedrawReason,
}

/// Why there is another draw. There is no other reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RedrawReason {
    /// The one before came to nothing.
    Voided,
    /// A stratum's reserves are used up.
    Exhausted,
}

/// What a contributor seals: the first member of its envelope's payload, `bid.json`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contribution {
    /// As in the manifest.
    pub bid_id: BidId,
    /// Who seals. Must be who signs the manifest: a copied envelope names its author.
    pub contributor: Contributor,
    /// For which draw: its pools were committed when this was sealed.
    pub draw_sha256: Hash,
    /// As in the manifest.
    pub seq: u32,
    /// As in the manifest.
    pub unit_id: UnitId,
    /// 32 random bytes.
    pub value: Hash,
}

/// Nothing of its value before the release.
impl std::fmt::Debug for Contribution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Contribution({}, {}, value redacted)", self.unit_id, self.contributor)
    }
}
