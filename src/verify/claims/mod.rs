//! The claims, each a small function of what the case shows.
//!
//! Invariant: every claim is judged on every case. A claim without its evidence is not decidable;
//! a claim whose ground failed elsewhere says so and does not fail a second time.

mod bids;
mod chains;
mod challenges;
mod closes;
mod followed;
mod lodged;
mod losses;
mod notice;
mod openings;
mod outcomes;
mod read_outs;
mod receipts;
mod record;
mod refusals;
mod release;
mod shares;
mod statements;
mod units;

use super::Receipts;
use super::facts::Facts;
use super::report::{Claim, MY_LINE, Report, undecided};
use super::sealed::Source;
use super::trust::Trust;

/// Judges every claim of a case, in a fixed order.
#[expect(clippy::too_many_lines, reason = "one list: every claim and its order")]
pub(super) fn judge(
    facts: &Facts<'_>,
    trust: Option<&Trust>,
    receipts: Option<&Receipts<'_>>,
    source: &mut Source<'_>,
) -> Report {
    let (pin, pinned) = record::pin(facts, trust);
    let mut claims = vec![
        Claim::new("pin", None, pinned),
        Claim::new("roster", None, record::roster(facts)),
        Claim::new("checkpoints", None, record::checkpoints(facts)),
        Claim::new("consistency", None, record::consistency(facts)),
        Claim::new("inclusion", None, record::inclusion(facts)),
        Claim::new("tree", None, record::tree(facts)),
        Claim::new("leaves", None, record::leaves(facts)),
        Claim::new("statements", None, statements::statements(facts)),
        Claim::new("credentials", None, statements::credentials(facts)),
        Claim::new("notice", None, notice::notice(facts)),
    ];
    if facts.file.header.units.is_empty() {
        // A file about no unit must not look as if it were about a good one.
        claims.push(Claim::new("unit", None, Err(undecided("verify-say-no-unit", []))));
    }
    for id in &facts.file.header.units {
        let unit = facts.unit(*id);
        let mut add = |name, finding| claims.push(Claim::new(name, Some(*id), finding));
        add("unit", units::unit(facts, &unit));
        add("amendments", units::amendments(facts, &unit));
        add("bids-after-unit", bids::after_unit(facts, &unit));
        add("manifests", bids::manifests(facts, &unit));
        add("deadline", bids::deadline(facts, &unit));
        add("refusals", refusals::refusals(facts, &unit));
        add("close", closes::close(facts, &unit));
        add("one-close", closes::one_close(facts, &unit));
        add("close-complete", closes::complete(facts, &unit));
        add("challenge-window", release::window(facts, &unit));
        add("release-time", release::time(facts, &unit));
        add("unstopped", release::unstopped(facts, &unit));
        add("released", release::released(facts, &unit));
        add("identities", release::identities(facts, &unit));
        add("order", release::order(facts, &unit));
        add("read-outs", read_outs::read_outs(facts, &unit));
        add("opening", openings::opening(facts, &unit));
        add("one-opening", openings::one_opening(facts, &unit));
        add("outcomes", outcomes::outcomes(facts, &unit, source));
        add("losses", losses::losses(facts, &unit));
        add("shares", shares::shares(facts, &unit));
        add("void", openings::void(facts, &unit));
    }
    if let Some(receipts) = receipts {
        let (unit, finding) = receipts::my_line(facts, receipts);
        claims.push(Claim::new(MY_LINE, unit, finding));
    }
    Report { pin, claims }
}
