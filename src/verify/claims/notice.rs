//! The claim that a case is about its whole tender: which units are in it is its maker's choice, the
//! notice is the procuring entity's word.

use std::collections::{BTreeSet, HashMap};

use crate::crypto::statement::Statement;
use crate::ids::{TenderId, UnitId};
use crate::tender::statements::{Notice, Unit};
use crate::verify::events::What;
use crate::verify::facts::Facts;
use crate::verify::report::{Finding, Stop, failed, said, text, undecided};

/// Every unit is one of its tender's notice, and every unit of the notice is here.
pub(super) fn notice(facts: &Facts<'_>) -> Finding {
    let here: BTreeSet<UnitId> = facts.file.header.units.iter().copied().collect();
    let mut notices: HashMap<TenderId, (u64, &Statement<Notice>)> = HashMap::new();
    for event in &facts.events {
        if let What::Notice(notice) = &event.what {
            notices.entry(notice.body().tender).or_insert((event.index, notice));
        }
    }
    let mut used: HashMap<TenderId, &Notice> = HashMap::new();
    for id in &here {
        let Some((index, unit)) = facts.effective(*id) else {
            return Err(undecided("verify-say-no-unit", []));
        };
        let tender = unit.body().tender;
        let Some((at, notice)) = notices.get(&tender) else {
            return Err(missing(facts, index, unit.body()));
        };
        check(facts, *id, unit, (*at, notice))?;
        used.insert(tender, notice.body());
    }
    let named = used.values().flat_map(|notice| notice.lots.iter().flat_map(|lot| &lot.units));
    let named: BTreeSet<UnitId> = named.copied().collect();
    let count = ("count", text(here.len()));
    match named.difference(&here).next() {
        _ if here.is_empty() => Err(undecided("verify-say-no-unit", [])),
        Some(other) => {
            let args = [count, ("all", text(named.len())), ("other", text(other))];
            Err(undecided("verify-say-notice-part", args))
        }
        None => Ok(said("verify-say-notice-holds", [count])),
    }
}

/// A unit takes effect together with its notice: a file that shows everything before the unit shows
/// the notice, or there is none.
fn missing(facts: &Facts<'_>, index: u64, unit: &Unit) -> Stop {
    let tender = [("tender", text(unit.tender))];
    if facts.is_shown(0, index) {
        failed("verify-say-notice-missing", tender)
    } else {
        undecided("verify-say-notice-none", tender)
    }
}

fn check(
    facts: &Facts<'_>,
    id: UnitId,
    unit: &Statement<Unit>,
    (index, notice): (u64, &Statement<Notice>),
) -> Result<(), Stop> {
    let body = notice.body();
    // It was signed together with the unit, when custodians were asked for that.
    let places = facts.signed_at(id, unit.sha256(), index);
    let is_signed = places.into_iter().any(|place| {
        let standing = facts.bodies.at(body.procuring_entity, place);
        let keys = standing.and_then(|standing| standing.line).unwrap_or_default();
        keys.iter().any(|key| notice.note().require(key).is_ok())
    });
    let unit = unit.body();
    if !is_signed || body.procuring_entity != unit.procuring_entity {
        return Err(failed("verify-say-notice-bad", [("index", text(index))]));
    }
    if body.lots.iter().any(|lot| lot.lot == unit.lot && lot.units.contains(&id)) {
        Ok(())
    } else {
        Err(failed("verify-say-notice-other", [("index", text(index)), ("unit", text(id))]))
    }
}
