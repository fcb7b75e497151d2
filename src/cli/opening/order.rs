//! The order of second envelopes: chosen and signed by one of two, seen and signed by the other, sent.
//!
//! Invariant: nobody signs an order without being told whose envelopes it opens and whose it deletes;
//! nothing is signed with a key whose signature does not count.

use std::path::Path;

use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::enterprise::credentials::credential;
use crate::error::{Reason as _, Said};
use crate::ids::UnitId;
use crate::opening::rules::is_ascending;
use crate::opening::statements::{Close, Order};
use crate::tender::statements::{ReleaseBy, Unit};

use super::lines::Whose;
use super::{Seen, wrong};
use crate::cli::client::Client;
use crate::cli::enterprise::signed;
use crate::cli::failed::Failed;
use crate::cli::keys::require_one_of;
use crate::cli::output::{Access as FileAccess, Report, write_new};
use crate::cli::recorded::recorded;
use crate::cli::trust::Pinned;
use crate::cli::{Context, args, read_file};

pub(super) async fn order(
    context: &Context,
    unit: &UnitId,
    lines: &[Hash],
    out: &Path,
) -> Result<Report, Failed> {
    let (client, pinned) = (context.client()?, context.pinned().await?);
    let seen = client.seen(unit).await?;
    let terms = Statement::<Unit>::parse(seen.unit.as_bytes()).map_err(wrong)?;
    if terms.body().release != ReleaseBy::Order {
        return Err(no_order("cli-say-why-by-hour"));
    }
    require_party(&client, &pinned, unit).await?;
    let close = closed(&pinned, unit, &seen)?;
    let mut lines = lines.to_vec();
    lines.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    lines.dedup();
    if let Some(stranger) = lines.iter().find(|line| !close.body().lines.contains(line)) {
        return Err(Failed::content(stranger.to_string(), Said::bare("cli-say-why-no-line")));
    }
    let whose = Whose::of(&client, &pinned, &close).await?;
    let body = Order { close_sha256: close.sha256(), lines, unit_id: *unit };
    let order = signed(body, client.key()?)?;
    write_new(out, order.encode().as_bytes(), FileAccess::Usual)?;
    let report = told(order.body(), &close, &whose);
    Ok(report.and("cli-say-order-signed", args([("path", out.display().to_string())])))
}

fn no_order(why: &'static str) -> Failed {
    Failed::NoOrder(Said::bare(why).arg())
}

fn closed(pinned: &Pinned, unit: &UnitId, seen: &Seen) -> Result<Statement<Close>, Failed> {
    let close = seen.close.as_ref().ok_or_else(|| no_order("cli-say-why-not-closed"))?;
    Ok(pinned.close(close, unit)?.0)
}

/// Whether the client's key is one of the two whose signatures make an order: that of the procuring
/// entity which published the unit, or one that took over from it, and the regulator's of its roster.
///
/// # Errors
/// [`Failed::OtherKey`].
async fn require_party(client: &Client, pinned: &Pinned, unit: &UnitId) -> Result<(), Failed> {
    let view = client.unit(unit).await?;
    let terms = Statement::<Unit>::parse(view.unit.as_bytes()).map_err(wrong)?;
    let body = terms.body();
    if body.id().map_err(wrong)? != *unit {
        return Err(Failed::unsigned(Said::bare("cli-say-why-other-unit")));
    }
    let roster = pinned.roster_of(body).ok_or(Failed::NotPinned)?;
    let buyer = credential(pinned.rosters().first(), &view.credentials).ok();
    let buyer = buyer.filter(|known| known.enterprise == body.procuring_entity);
    let buyer = buyer.and_then(|known| known.key_after(terms.note()).cloned());
    let keys: Vec<_> = buyer.into_iter().chain([roster.regulator_key.clone()]).collect();
    require_one_of(client.key()?.verifying(), &keys)
}

fn read_order(file: &Path) -> Result<Statement<Order>, Failed> {
    Statement::parse(&read_file(file)?).map_err(|e| Failed::in_file(file, e))
}

/// Compares an order with the unit's close, tells what it does, and signs it where that is asked.
pub(super) async fn sign_order(
    context: &Context,
    file: &Path,
    out: Option<&Path>,
) -> Result<Report, Failed> {
    let mut order = read_order(file)?;
    let (client, pinned) = (context.client()?, context.pinned().await?);
    let body = order.body();
    let seen = client.seen(&body.unit_id).await?;
    let close = closed(&pinned, &body.unit_id, &seen)?;
    if body.close_sha256 != close.sha256() {
        return Err(no_order("cli-say-why-other-close"));
    }
    let lines = &close.body().lines;
    if !is_ascending(&body.lines) || body.lines.iter().any(|line| !lines.contains(line)) {
        return Err(no_order("cli-say-why-other-lines"));
    }
    // Who only looks may be anybody: whose the lines are is told to the two alone.
    let party = require_party(&client, &pinned, &body.unit_id).await;
    let whose = match (&party, out) {
        (Ok(()), _) => Whose::of(&client, &pinned, &close).await?,
        (Err(_), None) => Whose::default(),
        (Err(_), Some(_)) => return party.map(|()| Report::default()),
    };
    let report = told(body, &close, &whose);
    let Some(out) = out else { return Ok(report.and("cli-say-order-unsigned", args([]))) };
    order.sign(client.key()?);
    write_new(out, order.encode().as_bytes(), FileAccess::Usual)?;
    Ok(report.and("cli-say-order-signed", args([("path", out.display().to_string())])))
}

/// What an order does, line by line.
fn told(order: &Order, close: &Statement<Close>, whose: &Whose) -> Report {
    let lines = &close.body().lines;
    let [chosen, all] = [order.lines.len(), lines.len()].map(|count| count.to_string());
    let head = args([("unit", order.unit_id.to_string()), ("chosen", chosen), ("all", all)]);
    lines.iter().fold(Report::said("cli-say-order-is", head), |report, line| {
        let is_chosen = order.lines.contains(line);
        let key = if is_chosen { "cli-say-order-opens" } else { "cli-say-order-deletes" };
        report.and(key, vec![("line", line.to_string().into()), ("bidder", whose.say(line))])
    })
}

pub(super) async fn send_order(context: &Context, file: &Path) -> Result<Report, Failed> {
    let (order, pinned) = (read_order(file)?, context.pinned().await?);
    let path = format!("/units/{}/order", order.body().unit_id);
    let client = context.client()?;
    let done = client.state(&pinned, &path, &order).await?;
    recorded(context, (&client, &pinned), &done, "order").await
}
