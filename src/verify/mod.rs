//! The off-line verifier: a case file's bytes in, a report out. Knows formats and rules; no
//! database, no network, no clock.
//!
//! Invariant: every claim of the protocol's §4 is in the report, held, failed or not decidable from
//! this file. What is believed comes from the reader's [`Trust`] and nothing else: without it an
//! invented case with its own regulator would look as good as a true one.

pub mod casefile;

mod bodies;
mod claims;
mod events;
mod facts;
mod report;
mod sealed;
mod trust;
mod unit;

pub use report::{Claim, Counts, EXIT_UNREADABLE, JsonClaim, JsonReport, Pin, Report, Verdict};
pub use sealed::Source;
pub use trust::{NotAPin, Trust};

use crate::error::Reason as _;
use casefile::CaseError;
use facts::Facts;
use report::{Stop, failed, said, text};

/// What a bidder shows beside a case.
#[derive(Clone, Copy, Debug)]
pub struct Receipts<'a> {
    /// The contents of a `.tlog-proof` file, or of a custodian's note that a bid was lodged.
    pub receipt: &'a [u8],
    /// The receipt of what followed it: a replacement or a withdrawal.
    pub later: Option<&'a [u8]>,
}

impl<'a> Receipts<'a> {
    /// One receipt and nothing after it.
    #[must_use]
    pub const fn one(receipt: &'a [u8]) -> Self {
        Self { receipt, later: None }
    }
}

/// Verifies a case file. `source` gives its bytes from the beginning and is called twice when there
/// are envelopes to open again.
#[must_use]
pub fn verify(
    source: &mut Source<'_>,
    trust: Option<&Trust>,
    receipts: Option<Receipts<'_>>,
) -> Report {
    let (file, shares) = match sealed::read(source) {
        Ok(read) => read,
        Err(error) => return unreadable(&error, trust),
    };
    let facts = Facts::of(&file, &shares);
    let mut report = claims::judge(&facts, trust, receipts.as_ref(), source);
    let members = file.entries.len() + file.opened.len() + file.sealed.len();
    let archive = said("verify-say-archive-holds", [("count", text(members))]);
    report.claims.insert(0, Claim::new("archive", None, Ok(archive)));
    report
}

/// Verifies a case file in memory.
#[must_use]
pub fn verify_bytes(bytes: &[u8], trust: Option<&Trust>, receipts: Option<Receipts<'_>>) -> Report {
    let whole: std::sync::Arc<[u8]> = bytes.into();
    let mut source = || -> std::io::Result<Box<dyn std::io::Read + Send>> {
        Ok(Box::new(std::io::Cursor::new(whole.clone())))
    };
    verify(&mut source, trust, receipts)
}

fn unreadable(error: &CaseError, trust: Option<&Trust>) -> Report {
    let pin = if trust.is_some() { Pin::NotCompared } else { Pin::NotPinned };
    Report { pin, claims: vec![Claim::new("archive", None, Err(bad(error)))] }
}

fn bad(error: &CaseError) -> Stop {
    failed("verify-say-archive-bad", [("reason", error.arg())])
}
