//! A registration as people read it: who, what, which key, and where it stands.
//!
//! Deliberately absent: the statements of a credential. They are for programs (`--json`).

use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::statement::Statement;
use crate::enterprise::rules::State;
use crate::enterprise::statements::{Application, Kind};
use crate::error::{Arg, Said};
use crate::ids::EnterpriseId;

use super::enterprise::Registered;
use super::failed::Failed;
use super::output::Report;
use super::trust::Pinned;

/// What is told of a registration or an application.
struct Facts<'a> {
    enterprise: EnterpriseId,
    kind: Kind,
    name: &'a str,
    uscc: &'a str,
    state: &'a str,
    reason: Option<&'a str>,
    contact: Option<&'a str>,
    application: Hash,
    key: &'a VerifyingKey,
}

impl Facts<'_> {
    fn lines(&self) -> Vec<Said> {
        let text = |key, name, value: String| Said::new(key, vec![(name, value.into())]);
        let head = vec![
            ("name", self.name.into()),
            ("enterprise", self.enterprise.to_string().into()),
            ("kind", kind_word(self.kind)),
            ("state", state_word(self.state)),
        ];
        let optional = [
            self.contact.map(|it| text("cli-say-body-contact", "contact", it.to_owned())),
            self.reason.map(|it| text("cli-say-body-reason", "reason", it.to_owned())),
        ];
        let mut lines = vec![
            Said::new("cli-say-body", head),
            text("cli-say-body-code", "uscc", self.uscc.to_owned()),
            text("cli-say-body-key", "key", self.key.to_string()),
            text("cli-say-body-application", "sha256", self.application.to_string()),
        ];
        lines.extend(optional.into_iter().flatten());
        lines
    }
}

impl<'a> From<&'a Registered> for Facts<'a> {
    fn from(it: &'a Registered) -> Self {
        Self {
            enterprise: it.enterprise,
            kind: it.kind,
            name: &it.name,
            uscc: &it.uscc,
            state: &it.state,
            reason: it.reason.as_deref(),
            contact: it.contact.as_deref(),
            application: it.application_sha256,
            key: &it.key,
        }
    }
}

/// A registration.
pub(super) fn shown(it: &Registered) -> Report {
    let report = said(Report::default(), Facts::from(it).lines());
    let Some(own) = &it.by_key else { return report };
    let values = vec![
        ("sha256", own.application_sha256.to_string().into()),
        ("standing", standing_word(&own.standing)),
    ];
    let report = report.and("cli-say-own-application", values);
    match own.reason.as_ref().filter(|reason| it.reason.as_ref() != Some(reason)) {
        Some(reason) => report.and("cli-say-body-reason", vec![("reason", reason.as_str().into())]),
        None => report,
    }
}

/// What became of an application, by its code; what a newer platform tells stays as it is.
fn standing_word(code: &str) -> Arg {
    Arg::Word(match code {
        "waiting" => "cli-say-state-applied",
        "vouched" => "cli-say-state-verified",
        "declined" => "cli-say-state-declined",
        "passed" => "cli-say-state-passed",
        other => return other.into(),
    })
}

/// What an operator is about to vouch for, as the applicant signed it.
pub(super) fn applied(application: &Statement<Application>) -> Vec<Said> {
    let body = application.body();
    let facts = Facts {
        enterprise: body.enterprise,
        kind: body.kind,
        name: &body.name,
        uscc: &body.uscc,
        state: State::Applied.code(),
        reason: None,
        contact: Some(&body.contact),
        application: application.sha256(),
        key: &body.key,
    };
    facts.lines()
}

/// Who waits for an operator, each as its own application says.
///
/// # Errors
/// [`Failed::Answer`] for one that its applicant did not sign so.
pub(super) fn waiting(all: &[Registered], pinned: &Pinned) -> Result<Report, Failed> {
    if all.is_empty() {
        return Ok(Report::said("cli-say-nobody-waits", Vec::new()));
    }
    all.iter().try_fold(Report::default(), |report, it| {
        it.signed(&pinned.roster().origin)?;
        Ok(said(report, Facts::from(it).lines()))
    })
}

fn said(report: Report, lines: Vec<Said>) -> Report {
    lines.into_iter().fold(report, |report, Said { key, args }| report.and(key, args))
}

const fn kind_word(kind: Kind) -> Arg {
    Arg::Word(match kind {
        Kind::Enterprise => "cli-say-kind-enterprise",
        Kind::Organisation => "cli-say-kind-organisation",
    })
}

/// Where a registration stands, by its code; what a newer platform tells stays as it is.
fn state_word(code: &str) -> Arg {
    Arg::Word(match code {
        "applied" => "cli-say-state-applied",
        "verified" => "cli-say-state-verified",
        "declined" => "cli-say-state-declined",
        "keyless" => "cli-say-state-keyless",
        "reapplied" => "cli-say-state-reapplied",
        other => return other.into(),
    })
}
