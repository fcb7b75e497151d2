//! The rule pack as the law that tenders are judged by.

use crate::crypto::hash::Hash;
use crate::rulepack::Pack;
use crate::rulepack::timeline::{Timeline, check_timeline};

use super::rules::{Dates, Law, Unlawful};

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
        let findings = check_timeline(self, &timeline)
            .map_err(|e| Unlawful { rule: "calendar".to_owned(), article: e.to_string() })?;
        findings.into_iter().find(|finding| !finding.ok).map_or(Ok(()), |broken| {
            Err(Unlawful { rule: broken.rule.code().to_owned(), article: broken.article })
        })
    }
}
