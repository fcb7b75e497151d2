//! The rule pack as the law that tenders are judged by.

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::error::Said;
use crate::rulepack::outage::{Window, after_outage};
use crate::rulepack::timeline::{Finding, Timeline, check_amendment, check_timeline};
use crate::rulepack::{Pack, PackError};

use super::rules::{Dates, Law, Unlawful};

fn calendar(error: &PackError) -> Unlawful {
    Unlawful { rule: "calendar".to_owned(), because: Said::of(error) }
}

/// A judgement as a refusal, if it is one.
fn kept(finding: Finding) -> Result<(), Unlawful> {
    if finding.ok {
        return Ok(());
    }
    Err(Unlawful { rule: finding.rule.code().to_owned(), because: finding.because })
}

impl Law for Pack {
    fn sha256(&self) -> Hash {
        self.sha256
    }

    fn judge(&self, dates: &Dates) -> Result<(), Unlawful> {
        let timeline = Timeline {
            published_at: dates.published_at,
            documents_until: dates.documents_until,
            deadline: dates.deadline,
            open_at: dates.open_at,
            challenge_ms: dates.challenge_ms,
            min_bidders: dates.min,
        };
        let findings = check_timeline(self, &timeline).map_err(|error| calendar(&error))?;
        findings.into_iter().try_for_each(kept)
    }

    fn judge_change(&self, asked_at: Time, deadline: Time) -> Result<(), Unlawful> {
        kept(check_amendment(self, asked_at, deadline).map_err(|error| calendar(&error))?)
    }

    fn after_outage(
        &self,
        deadline: Time,
        open_at: Time,
        outage: Window,
    ) -> Result<Option<(Time, Time)>, Unlawful> {
        let moved =
            after_outage(self, deadline, open_at, outage).map_err(|error| calendar(&error))?;
        Ok(moved.map(|moved| (moved.deadline, moved.open_at)))
    }
}
