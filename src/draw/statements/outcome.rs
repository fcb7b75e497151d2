//! How a draw ends: with its result, or void.

use serde::{Deserialize, Serialize};

use super::names::{Contributor, Label};
use crate::bid::statements::Fault;
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::json::Texts;
use crate::crypto::statement::Body;
use crate::custodian::roster::CustodianId;
use crate::ids::UnitId;

/// Seed and selection, signed by the platform; anybody recomputes it from the draw and the close.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawResult {
    /// The value of the draw's beacon; there when the draw names one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub beacon_value: Option<Hash>,
    /// The close of the draw's unit.
    pub close_sha256: Hash,
    /// One per line of the close, in the order of the draw's `contributors`.
    pub contributions: Vec<Contributed>,
    /// Which draw.
    pub draw_sha256: Hash,
    /// When it was drawn.
    pub drawn_at: Time,
    /// Whose identities were used: the first t valid releases in record order.
    pub releases: Vec<CustodianId>,
    /// What everything below follows from.
    pub seed: Hash,
    /// In the draw's order.
    pub strata: Vec<DrawnStratum>,
    /// The draw's unit.
    pub unit_id: UnitId,
}

impl Body for DrawResult {
    const TYPE: &'static str = "sealbid/draw-result/v1";
    // Its contributions carry their manifests.
    const TEXTS: Texts = Texts::WithStatements;
}

/// Identities of contributions are public once it stands, and are still nothing for a log.
impl std::fmt::Debug for DrawResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DrawResult({}, seed {}, {:?})", self.draw_sha256, self.seed, self.strata)
    }
}

/// One contribution, opened for everybody: nothing in it is a trade secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contributed {
    /// Whose.
    pub contributor: Contributor,
    /// The envelope's one-time identity, `AGE-SECRET-KEY-1…`: whoever has the ciphertext reads the value.
    pub identity: String,
    /// The line as in the close.
    pub line: Hash,
    /// The whole signed manifest.
    pub manifest: String,
    /// The salt of its accepted leaf, in hexadecimal.
    pub salt: Hash,
    /// The 32 bytes.
    pub value: Hash,
}

/// What was drawn in one stratum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawnStratum {
    /// Which.
    pub label: Label,
    /// Every position of the walk, from 0 up to the last one that was needed, or that there is.
    pub picks: Vec<Pick>,
}

/// One position of a stratum's walk. Its counter is its place in `picks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pick {
    /// The leaf's place in the pool, from 0.
    pub index: u64,
    /// The pool's leaf there.
    pub leaf: Hash,
    /// What became of it.
    pub outcome: Outcome,
    /// That the leaf stands there (RFC 6962 §2.1.1), its sibling first.
    pub proof: Vec<Hash>,
}

/// What a position of the walk came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// One of the k.
    Seated,
    /// Stands by.
    Reserve,
    /// Neither.
    Skipped(Skip),
}

/// Why somebody selected is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skip {
    /// Drawn in an earlier stratum of this draw.
    Taken,
    /// As many of the same employer are drawn already as the filter allows. Who holds the register
    /// checks it; the public sees the code.
    Employer,
}

/// A draw came to nothing, and which: it is counted in public, and the next has the next number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawVoid {
    /// Why.
    pub by: VoidedBy,
    /// Which draw.
    pub draw_sha256: Hash,
    /// The draw's unit.
    pub unit_id: UnitId,
}

impl Body for DrawVoid {
    const TYPE: &'static str = "sealbid/draw-void/v1";
    // Its lines carry the manifests.
    const TEXTS: Texts = Texts::WithStatements;
}

/// Why a draw came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case", deny_unknown_fields)]
pub enum VoidedBy {
    /// Its unit is void: too few lines, a challenge, or cancelled.
    Unit {
        /// The unit's void.
        void_sha256: Hash,
    },
    /// Fewer than t of the contributions are custodians'.
    FewCustodians {
        /// The unit's close.
        close_sha256: Hash,
        /// Who did contribute.
        present: Vec<Contributor>,
    },
    /// Contributions that do not open.
    Unopened {
        /// The unit's close.
        close_sha256: Hash,
        /// Which, in the order of the close.
        lines: Vec<UnopenedLine>,
    },
}

/// A contribution that did not open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnopenedLine {
    /// Who signed the manifest.
    pub contributor: Contributor,
    /// Why.
    pub fault: ContributionFault,
    /// The line as in the close.
    pub line: Hash,
    /// The whole signed manifest.
    pub manifest: String,
    /// The salt of its accepted leaf, in hexadecimal.
    pub salt: Hash,
}

/// Why a contribution does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ContributionFault {
    /// It names another contributor: the signer copied that one's envelope.
    Copied {
        /// Whose it is.
        author: Contributor,
    },
    /// What it decrypts to is no contribution.
    Garbage,
    /// It is for another draw, unit, bid or seq.
    WrongBinding,
    /// A share does not open under its custodian's identity, or is not 33 bytes.
    BadShare {
        /// Whose share.
        custodian: CustodianId,
    },
    /// The shares combine to an identity that does not derive the manifest's recipient.
    WrongSecret,
    /// The envelope does not decrypt under its own identity.
    BadCiphertext,
    /// Two different manifests with one seq.
    Doubled,
    /// Whoever signed it is not among the draw's contributors.
    Stranger,
    /// A higher seq of the same chain stands in the close too.
    Superseded,
    /// The platform lost the ciphertext, and nobody brought it again.
    Lost,
}

impl ContributionFault {
    /// Who answers for it: what its sealer did, or what the platform should have prevented.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Superseded | Self::Lost | Self::Stranger => Fault::Platform,
            Self::Copied { .. }
            | Self::Garbage
            | Self::WrongBinding
            | Self::BadShare { .. }
            | Self::WrongSecret
            | Self::BadCiphertext
            | Self::Doubled => Fault::Bidder,
        }
    }
}
