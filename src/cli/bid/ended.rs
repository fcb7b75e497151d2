//! What became of a unit that is over, said to whoever bid there: a bid that stands on the record is no
//! bid that counts when its unit is void.

use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::error::Arg;
use crate::ids::UnitId;
use crate::opening::statements::{Opening, Order};

use crate::cli::args;
use crate::cli::client::Client;
use crate::cli::failed::Failed;
use crate::cli::opening::end::End;
use crate::cli::opening::names::Names;
use crate::cli::opening::show::{bodies, opened};
use crate::cli::output::Report;
use crate::cli::trust::Pinned;
use crate::cli::words::why_void;

/// Why a unit is void, that it lapsed, or what its opening made of the bidder's own line; nothing of a
/// unit that goes on.
///
/// # Errors
/// [`Failed`].
pub(super) async fn ended(
    client: &Client,
    pinned: &Pinned,
    unit: &UnitId,
    own: Option<Hash>,
) -> Result<Report, Failed> {
    match End::of(client, pinned, unit).await? {
        Some(End::Void(void)) => Ok(Report::said(why_void(void.reason), args([]))),
        Some(End::Opened(opening)) => outcome(client, pinned, &opening, own).await,
        None if client.seen(unit).await?.state == "lapsed" => {
            Ok(Report::said("cli-say-unit-lapsed", args([])))
        }
        None => Ok(Report::default()),
    }
}

async fn outcome(
    client: &Client,
    pinned: &Pinned,
    opening: &Opening,
    own: Option<Hash>,
) -> Result<Report, Failed> {
    let at = || vec![("at", Arg::Time(opening.opened_at))];
    let Some(own) = own else { return Ok(Report::said("cli-say-unit-opened", at())) };
    if let Some(line) = opening.lines.iter().find(|line| line.line == own) {
        let names = Names::of(client, pinned, bodies(line)).await?;
        return Ok(opened(Report::said("cli-say-opening-final", at()), line, &names));
    }
    let report = Report::said("cli-say-unit-opened", at());
    let key = if is_left_out(client, pinned, opening, own).await? {
        "cli-say-left-out"
    } else {
        "cli-say-opening-lacks"
    };
    Ok(report.and(key, args([("line", own.to_string())])))
}

/// Whether an order that the regulator signed chose other lines of this very close.
async fn is_left_out(
    client: &Client,
    pinned: &Pinned,
    opening: &Opening,
    own: Hash,
) -> Result<bool, Failed> {
    let order = client.seen(&opening.unit_id).await?.order;
    let order = order.and_then(|note| Statement::<Order>::parse(note.as_bytes()).ok());
    Ok(order.is_some_and(|order| {
        let Order { close_sha256, lines, unit_id } = order.body();
        let is_of_close = (*unit_id, *close_sha256) == (opening.unit_id, opening.close_sha256);
        let mut rosters = pinned.rosters().iter();
        let signed = rosters.any(|it| order.note().require(&it.body().regulator_key).is_ok());
        is_of_close && signed && !lines.contains(&own)
    }))
}
