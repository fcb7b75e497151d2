//! The buyer's word on an outage: what the platform asks the custodians to sign, compared with the
//! unit and its amendments, shown, and signed only then.
//!
//! Custodians that did not see an outage believe the buyer, not the platform alone, and neither once the
//! deadline has passed: whoever signs here says that the outage was one.

use crate::crypto::statement::Statement;
use crate::error::{Arg, Args, Said};
use crate::ids::UnitId;
use crate::opening::rules::Terms;
use crate::tender::statements::{Amendment, AmendmentReason};

use super::bid::{Accepted, CheckedUnit};
use super::client::Client;
use super::failed::Failed;
use super::opening::Seen;
use super::output::Report;
use super::recorded::recorded;
use super::trust::Pinned;
use super::{Context, args};

/// `sealbid tender cosign`
#[derive(Debug, clap::Args)]
pub struct Cosign {
    /// The opening unit
    pub unit: UnitId,
    /// Sign it; without this it is only shown
    #[arg(long)]
    pub sign: bool,
}

/// An outage that waits for its buyer, with the times that it moves.
#[derive(Debug)]
pub struct Asked {
    before: Terms,
    amendment: Statement<Amendment>,
}

impl Client {
    /// The outage that waits for the signature of a unit's buyer, if one does and it follows by the
    /// protocol's rules from what the pinned parties signed.
    ///
    /// # Errors
    /// [`Failed::Unsigned`] when it does not, [`Failed`].
    pub async fn asked_outage(
        &self,
        pinned: &Pinned,
        unit: &UnitId,
    ) -> Result<Option<Asked>, Failed> {
        let checked = CheckedUnit::on_line(&self.unit(unit).await?, pinned)?;
        if checked.id() != *unit {
            return Err(Failed::unsigned(Said::bare("cli-say-why-other-unit")));
        }
        let seen = self.seen(unit).await?;
        let Some(pending) = &seen.pending else { return Ok(None) };
        let amendment =
            Statement::<Amendment>::parse(pending.as_bytes()).map_err(Failed::unsigned)?;
        if !matches!(amendment.body().reason, AmendmentReason::Outage { .. }) {
            return Ok(None);
        }
        pinned.require_platform(amendment.note()).map_err(Failed::unsigned)?;
        let (no, before) = in_force(&seen, &checked, pinned)?;
        if amendment.body().unit_id != *unit {
            return Err(Failed::unsigned(Said::bare("cli-say-why-other-amendment")));
        }
        before.amended((no, seen.last_sha256()?), amendment.body()).map_err(Failed::unsigned)?;
        Ok(Some(Asked { before, amendment }))
    }

    /// Signs an outage as the buyer and sends it.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn cosign_outage(&self, pinned: &Pinned, asked: Asked) -> Result<Accepted, Failed> {
        let Asked { mut amendment, .. } = asked;
        amendment.sign(self.key()?);
        let path = format!("/units/{}/amendments", amendment.body().unit_id);
        self.state(pinned, &path, &amendment).await
    }
}

/// The times in force, and the number of the last amendment: each one as platform and q custodians
/// of the unit's roster signed it.
fn in_force(seen: &Seen, unit: &CheckedUnit, pinned: &Pinned) -> Result<(u32, Terms), Failed> {
    let body = unit.body();
    let roster = pinned.roster_of(body).ok_or(Failed::NotPinned)?;
    let mut terms = Terms::of(body);
    let (mut no, mut last) = (0, unit.sha256());
    for note in &seen.amendments {
        let amendment = Statement::<Amendment>::parse(note.as_bytes()).map_err(Failed::unsigned)?;
        amendment.note().require(&roster.platform_key).map_err(Failed::unsigned)?;
        let signed = amendment.note().count(&roster.statement_keys()).map_err(Failed::unsigned)?;
        if signed < roster.q() {
            return Err(Failed::unsigned(Said::bare("cli-say-why-amendment-quorum")));
        }
        terms = terms.amended((no, last), amendment.body()).map_err(Failed::unsigned)?;
        (no, last) = (amendment.body().no, amendment.sha256());
    }
    Ok((no, terms))
}

impl Asked {
    fn told(&self) -> Report {
        let body = self.amendment.body();
        let unit = ("unit", Arg::Text(body.unit_id.to_string()));
        let reason: Args = match &body.reason {
            AmendmentReason::Outage { from, until, text } => vec![
                unit,
                ("from", Arg::Time(*from)),
                ("until", Arg::Time(*until)),
                ("text", Arg::Text(text.clone())),
            ],
            AmendmentReason::Postponed { .. } => vec![unit],
        };
        let times = vec![
            ("deadline", Arg::Time(self.before.deadline)),
            ("later", Arg::Time(body.deadline)),
            ("open_at", Arg::Time(self.before.open_at)),
            ("opens", Arg::Time(body.open_at)),
        ];
        Report::said("cli-say-outage-is", reason).and("cli-say-outage-moves", times)
    }
}

impl Cosign {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failed`].
    pub(super) async fn run(&self, context: &Context) -> Result<Report, Failed> {
        let (client, pinned) = (context.client()?, context.pinned().await?);
        let Some(asked) = client.asked_outage(&pinned, &self.unit).await? else {
            return Ok(Report::said("cli-say-outage-none", args([])).ending_with(1));
        };
        let report = asked.told();
        if !self.sign {
            return Ok(report.and("cli-say-outage-unsigned", args([])));
        }
        let done = client.cosign_outage(&pinned, asked).await?;
        Ok(report.with(recorded(context, (&client, &pinned), &done, "amendment").await?))
    }
}
