//! What custodians found of challenges, judged again: which of them count, and which the record explains.
//!
//! Invariant: nobody is accused by what a bidder chose to show, and when, nor by what a custodian forgot
//! meanwhile: what the record explains counts for nothing, whether or not its custodian took the answer,
//! and what the file does not show decides nothing.

use crate::bid::envelope::EnvelopeId;
use crate::bid::statements::Manifest;
use crate::clock::Time;
use crate::crypto::key::VerifyingKey;
use crate::crypto::statement::Statement;
use crate::custodian::roster::{CustodianId, Roster};
use crate::custodian::wire::Shown;
use crate::opening::rules::challenge::{
    Keys, Lives, answers_finding, denies, is_grave, is_in_time, told_of,
};
use crate::opening::statements::{Challenged, Close, Lodged, Verdict};
use crate::verify::facts::{Facts, log_keys};
use crate::verify::unit::{At, UnitFacts};

use super::followed::{Followed, Held, followed};
use super::lodged::{became, bid_of};
use super::receipts::closed_as;
use super::release::window_end;

/// A custodian's finding.
type Found<'a> = At<&'a Statement<Challenged>>;

/// What there is to say of a release, by what its custodian had found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Objection {
    /// Nothing.
    None,
    /// The finding at this entry, of which the file does not show whether the record explains it.
    Unshown(u64),
    /// One that the record does not explain.
    Open,
}

/// The challenges against a unit's close.
pub(super) struct Challenges<'a> {
    facts: &'a Facts<'a>,
    unit: &'a UnitFacts<'a>,
    close: &'a Close,
    /// Of the unit, in the end.
    deadline: Time,
    window_end: Option<Time>,
    roster: &'a Roster,
    first: &'a Statement<Roster>,
    log: Vec<VerifyingKey>,
}

impl<'a> Challenges<'a> {
    /// Those of a unit; nothing where the file shows no close of it.
    pub(super) fn of(
        facts: &'a Facts<'a>,
        unit: &'a UnitFacts<'a>,
        roster: &'a Roster,
    ) -> Option<Self> {
        Some(Self {
            facts,
            unit,
            close: unit.close()?.it.body(),
            deadline: unit.terms()?.deadline,
            window_end: window_end(facts, unit),
            roster,
            first: facts.rosters.first()?,
            log: log_keys(&facts.rosters, &facts.events),
        })
    }

    fn keys(&self) -> Keys<'_> {
        Keys { roster: self.roster, first: self.first, log: self.log.iter().rev().collect() }
    }

    /// Whether a custodian found the close denied before an entry, in time and, as far as the file shows
    /// it, by receipts that do deny it: what it was shown is sealed until the unit's end, and the
    /// regulator's from then on.
    pub(super) fn is_any_grave(&self, before: u64) -> bool {
        let against = (self.close, self.deadline);
        let earlier = self.unit.challenged.iter().filter(|at| at.index < before);
        let mut found = earlier.map(|at| (at.it.body(), self.unit.shown.get(&at.it.sha256())));
        found.any(|(found, shown)| match shown {
            Some(shown) => {
                is_grave(&self.keys(), against, self.window_end, found, shown)
                    && !self.is_accounted(shown)
            }
            None => !self.facts.shows(self.unit) && stops(found, self.window_end),
        })
    }

    /// Whether a custodian that released had found a challenge that stops it, to which the record has no
    /// answer: neither its own word, nor what became of the bid.
    pub(super) fn against(&self, custodian: &CustodianId) -> Objection {
        let unanswered = unanswered(self.unit, custodian, self.window_end);
        unanswered.into_iter().map(|at| self.objection(at)).max().unwrap_or(Objection::None)
    }

    fn objection(&self, at: &Found<'_>) -> Objection {
        let found = at.it.body();
        let against = (self.close, self.deadline);
        let explained = self.unit.shown.get(&at.it.sha256()).is_some_and(|shown| {
            denies(&self.keys(), shown, against, found.line) && self.is_accounted(shown)
        });
        // Beside a finding the record holds what was shown; one may be brought after the unit's end.
        let is_before_end = self.unit.end().is_none_or(|end| at.index < end);
        let is_all = if is_before_end {
            self.facts.shows(self.unit)
        } else {
            self.facts.shows_rest(self.unit)
        };
        match (explained, is_all) {
            (true, _) => Objection::None,
            (false, true) => Objection::Open,
            (false, false) => Objection::Unshown(at.index),
        }
    }

    /// Whether the file itself shows what became of a bid about which a custodian gave its word, or that
    /// the bid of a receipt is in the close by another entry, or was taken out by its bidder: then neither
    /// denies anything.
    fn is_accounted(&self, shown: &Shown) -> bool {
        match shown {
            Shown::Receipts(account) => {
                told_of(&self.keys(), account, self.close).is_ok_and(|(told, manifest)| {
                    let (bidder, manifest_sha256) = (told.bidder, told.manifest_sha256);
                    let bid = EnvelopeId { bidder, manifest_sha256 };
                    let held = Held { bid, manifest: Some(&manifest), later: None };
                    let is_out = || followed(self.facts, self.unit, &held) == Followed::ByItself;
                    told.lives == Lives::In && (closed_as(self.unit, &bid).is_some() || is_out())
                })
            }
            Shown::Word(word) => {
                let lodged = Statement::<Lodged>::parse(word.word.lodged.as_bytes());
                let manifest = Statement::<Manifest>::parse(word.word.manifest.as_bytes());
                lodged.is_ok_and(|it| {
                    let (bid, manifest) = (bid_of(it.body()), manifest.as_ref().ok());
                    let held = Held { bid, manifest, later: None };
                    became(self.facts, self.unit, it.body(), &held).is_ok()
                })
            }
        }
    }
}

/// The findings of a custodian's that stop its release and that it took no answer for.
pub(super) fn unanswered<'a, 'b>(
    unit: &'a UnitFacts<'b>,
    custodian: &CustodianId,
    window_end: Option<Time>,
) -> Vec<&'a Found<'b>> {
    let own: Vec<&Found<'_>> =
        unit.challenged.iter().filter(|at| at.it.body().custodian == *custodian).collect();
    let is_answered =
        |finding: &Challenged| own.iter().any(|at| answers_finding(at.it.body(), finding));
    let open = own.iter().filter(|at| stops(at.it.body(), window_end));
    open.filter(|at| !is_answered(at.it.body())).copied().collect()
}

/// Whether a finding came in time to stop a release.
fn stops(found: &Challenged, window_end: Option<Time>) -> bool {
    found.verdict == Verdict::Open && is_in_time(found.received_at, window_end)
}
