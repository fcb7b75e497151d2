//! What became of a unit and of its lines, in sentences of both languages. Each sentence says who
//! answers for it: no word of the program's own reaches people.

use crate::error::Arg;
use crate::ids::EnterpriseId;
use crate::opening::statements::{FailCode, LineStatus, RejectCode, VoidReason};
use crate::tender::statements::Stage;

/// The sentence of a line that did not open, and what it names beside bidder and line; `say` names a
/// body.
pub(super) fn fate(
    status: &LineStatus,
    say: &dyn Fn(&EnterpriseId) -> String,
) -> (&'static str, Option<(&'static str, String)>) {
    match status {
        LineStatus::Opened { .. } => ("cli-say-opening-line", None),
        LineStatus::Rejected { code, named } => match code {
            RejectCode::Copied => {
                let named = named.as_ref().map_or_else(|| "-".to_owned(), say);
                ("cli-say-not-copied", Some(("named", named)))
            }
            RejectCode::Garbage => ("cli-say-not-garbage", None),
            RejectCode::WrongBinding => ("cli-say-not-binding", None),
            RejectCode::BadOffer => ("cli-say-not-offer", None),
        },
        LineStatus::Failed { code, custodian } => match code {
            FailCode::BadShare => {
                let whose = custodian.as_ref().map_or("-", |custodian| custodian.as_str());
                ("cli-say-not-share", Some(("custodian", whose.to_owned())))
            }
            FailCode::WrongSecret => ("cli-say-not-secret", None),
            FailCode::BadCiphertext => ("cli-say-not-ciphertext", None),
        },
        LineStatus::Superseded => ("cli-say-not-superseded", None),
        LineStatus::Doubled => ("cli-say-not-doubled", None),
        LineStatus::Lost => ("cli-say-not-lost", None),
    }
}

/// The sentence that says why a unit is never opened.
pub(super) const fn why_void(reason: VoidReason) -> &'static str {
    match reason {
        VoidReason::TooFew => "cli-say-void-too-few",
        VoidReason::Challenge => "cli-say-void-challenge",
        VoidReason::Cancelled => "cli-say-void-cancelled",
    }
}

/// The state of a tender or a unit, by its code; what a newer platform tells stays as it is.
pub(super) fn state_word(code: &str) -> Arg {
    Arg::Word(match code {
        "draft" => "cli-say-state-draft",
        "proposed" => "cli-say-state-proposed",
        "published" => "cli-say-state-published",
        "lapsed" => "cli-say-state-lapsed",
        "open" => "cli-say-state-open",
        "closing" => "cli-say-state-closing",
        "closed" => "cli-say-state-closed",
        "opened" => "cli-say-state-opened",
        "void" => "cli-say-state-void",
        other => return other.into(),
    })
}

/// What an envelope is.
pub(super) const fn stage_word(stage: Stage) -> Arg {
    Arg::Word(match stage {
        Stage::Single => "cli-say-stage-single",
        Stage::Technical => "cli-say-stage-technical",
        Stage::Commercial => "cli-say-stage-commercial",
    })
}
