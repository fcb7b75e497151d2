//! What the verifier says: one claim a line, and the exit code that sums them up.
//!
//! Invariant: a claim that a file cannot decide is in the report and says so; it is never left out
//! and never counted as held.

use serde::Serialize;

use crate::error::{Arg, Said};
use crate::ids::UnitId;

/// What became of one claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds.
    Ok,
    /// It does not.
    Failed,
    /// This file does not hold what would decide it.
    NotDecidable,
}

/// One claim, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Stable: programs compare it.
    pub id: &'static str,
    /// About which unit, when it is about one.
    pub unit: Option<UnitId>,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, naming entries and lines.
    pub detail: Said,
}

/// Whether the reader's pin is behind all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pin {
    /// The case stands on what the reader trusts.
    Pinned,
    /// The reader named nothing: an invented case would look the same.
    NotPinned,
    /// The reader named something, but the file could not be read as far as what it stands on.
    NotCompared,
    /// The case stands on something else.
    Mismatch,
}

/// What [`verify`](super::verify) found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The reader's pin.
    pub pin: Pin,
    /// Every claim, in a fixed order.
    pub claims: Vec<Claim>,
}

/// Nothing could be judged: the command is wrong, or the file is no case file, or damaged. Comes
/// before every other code.
pub const EXIT_UNREADABLE: u8 = 2;

/// The claim about a bidder's own receipt.
pub(super) const MY_LINE: &str = "my-line";

/// How many claims came to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Counts {
    /// Held.
    pub ok: usize,
    /// Did not hold.
    pub failed: usize,
    /// Not decidable from this file.
    pub not_decidable: usize,
}

impl Report {
    /// The exit code: 0 pinned and nothing failed; 1 a claim failed; 2 nothing could be judged; 3
    /// nothing failed, but not pinned; 4 the pin does not match, whatever else; 5 pinned and nothing
    /// failed, but what was asked of a receipt is not decidable from this file.
    #[must_use]
    pub fn exit(&self) -> u8 {
        let failed = |claim: &Claim| claim.verdict == Verdict::Failed;
        let is_open = |claim: &Claim| claim.id == MY_LINE && claim.verdict == Verdict::NotDecidable;
        if self.claims.iter().any(|claim| claim.id == "archive" && failed(claim)) {
            return EXIT_UNREADABLE;
        }
        match self.pin {
            Pin::Mismatch => 4,
            _ if self.claims.iter().any(failed) => 1,
            // Without a held archive there is nothing that a pin could be behind.
            Pin::NotCompared => EXIT_UNREADABLE,
            Pin::NotPinned => 3,
            Pin::Pinned if self.claims.iter().any(is_open) => 5,
            Pin::Pinned => 0,
        }
    }

    /// How many claims came to what.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let count = |verdict| self.claims.iter().filter(|claim| claim.verdict == verdict).count();
        Counts {
            ok: count(Verdict::Ok),
            failed: count(Verdict::Failed),
            not_decidable: count(Verdict::NotDecidable),
        }
    }

    /// The report for programs; `say` puts details into words.
    #[must_use]
    pub fn json(&self, say: &dyn Fn(&Said) -> String) -> JsonReport {
        let claim = |claim: &Claim| JsonClaim {
            id: claim.id,
            unit: claim.unit,
            verdict: claim.verdict,
            code: claim.detail.key,
            detail: say(&claim.detail),
        };
        JsonReport {
            pinned: self.pin,
            claims: self.claims.iter().map(claim).collect(),
            counts: self.counts(),
            exit: self.exit(),
        }
    }
}

/// The report as `--json` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonReport {
    /// `pinned`, `not-pinned`, `not-compared` or `mismatch`.
    pub pinned: Pin,
    /// Every claim.
    pub claims: Vec<JsonClaim>,
    /// How many of them came to what.
    pub counts: Counts,
    /// The exit code.
    pub exit: u8,
}

/// One claim as `--json` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonClaim {
    /// Stable id.
    pub id: &'static str,
    /// About which unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitId>,
    /// What became of it.
    pub verdict: Verdict,
    /// The stable key of the sentence.
    pub code: &'static str,
    /// The sentence.
    pub detail: String,
}

/// What one claim comes to: a sentence for what holds, or why it does not.
pub(super) type Finding = Result<Said, Stop>;

/// Why a claim does not hold.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    Failed(Said),
    Undecided(Said),
}

impl Claim {
    pub(super) fn new(id: &'static str, unit: Option<UnitId>, finding: Finding) -> Self {
        let (verdict, detail) = match finding {
            Ok(said) => (Verdict::Ok, said),
            Err(Stop::Failed(said)) => (Verdict::Failed, said),
            Err(Stop::Undecided(said)) => (Verdict::NotDecidable, said),
        };
        Self { id, unit, verdict, detail }
    }
}

/// A value of a sentence.
pub(super) fn text(value: impl std::fmt::Display) -> Arg {
    Arg::Text(value.to_string())
}

/// A value that is a sentence itself, by its key.
pub(super) const fn why(key: &'static str) -> Arg {
    Arg::Word(key)
}

/// A sentence with its values.
pub(super) fn said<const N: usize>(key: &'static str, args: [(&'static str, Arg); N]) -> Said {
    Said::new(key, Vec::from(args))
}

/// The claim does not hold, for this reason.
pub(super) fn failed<const N: usize>(key: &'static str, args: [(&'static str, Arg); N]) -> Stop {
    Stop::Failed(said(key, args))
}

/// The file does not decide the claim, for this reason.
pub(super) fn undecided<const N: usize>(key: &'static str, args: [(&'static str, Arg); N]) -> Stop {
    Stop::Undecided(said(key, args))
}
