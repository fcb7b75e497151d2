//! What a buyer means to publish, and whether what it is asked to sign says exactly that.
//!
//! Invariant: every field of units and notice is compared with the buyer's own plan, files and rule
//! pack, or with the pinned roster; what the platform alone chooses (ids, nonces, the hour of
//! drafting, recipients that custodians vouch for) only has to be distinct. Deliberately absent: the
//! network.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use serde::Serialize;

use crate::cli::failed::Failed;
use crate::cli::trust::Pinned;
use crate::crypto::hash::{Hash, Hasher};
use crate::crypto::json;
use crate::error::{Arg, Reason as _, Said};
use crate::ids::{EnterpriseId, TenderId, UnitId};
use crate::tender::rules::{LotPlan, Plan, StagePlan};
use crate::tender::statements::{LotNotice, Notice, SUITE, Unit};

/// A document as the buyer has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Document {
    /// Its file name.
    pub name: String,
    /// Of its content.
    pub sha256: Hash,
    /// Bytes.
    pub size: u64,
}

/// What is to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intended {
    /// Titles, lots, stages and times.
    pub plan: Plan,
    /// What bidders are to read.
    pub documents: Vec<Document>,
    /// The rule pack that judges the timeline.
    pub rule_pack_sha256: Hash,
}

/// Who publishes what, for whom it is checked.
#[derive(Clone, Copy)]
pub(super) struct Publisher<'a> {
    /// The roster.
    pub pinned: &'a Pinned,
    /// The tender.
    pub tender: TenderId,
    /// The procuring entity.
    pub buyer: EnterpriseId,
}

/// The values are told as they stand in the statement, in nobody's language.
fn same<T: PartialEq + Serialize>(what: &'static str, found: &T, meant: &T) -> Result<(), Failed> {
    if found == meant {
        return Ok(());
    }
    let text = |value: &T| json::to_string(value).map_err(|fault| Failed::unsigned(fault.said()));
    let (found, meant) = (text(found)?, text(meant)?);
    let values = vec![("what", Arg::Word(what)), ("found", found.into()), ("meant", meant.into())];
    Err(Failed::unsigned(Said::new("cli-say-why-differs", values)))
}

fn distinct<T: Ord>(
    what: &'static str,
    items: impl ExactSizeIterator<Item = T>,
) -> Result<(), Failed> {
    let count = items.len();
    if items.collect::<BTreeSet<_>>().len() == count {
        return Ok(());
    }
    Err(Failed::unsigned(Said::new("cli-say-why-same", vec![("what", Arg::Word(what))])))
}

impl Document {
    /// A file under its own name.
    ///
    /// # Errors
    /// [`Failed::File`], [`Failed::Content`].
    pub fn read(path: &Path) -> Result<Self, Failed> {
        let wrong = |e: io::Error| Failed::file(path, &e);
        let name = path.file_name().and_then(|name| name.to_str());
        let name =
            name.ok_or_else(|| Failed::in_file(path, Said::bare("cli-say-why-name")))?.to_owned();
        let mut file = File::open(path).map_err(wrong)?;
        let (mut hasher, mut size, mut buffer) = (Hasher::new(), 0_u64, vec![0; 1 << 17]);
        loop {
            let read = file.read(&mut buffer).map_err(wrong)?;
            if read == 0 {
                return Ok(Self { name, sha256: hasher.finish(), size });
            }
            hasher.update(buffer.get(..read).unwrap_or_default());
            size = size.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        }
    }
}

impl Intended {
    /// Whether these units and this notice publish exactly this.
    ///
    /// # Errors
    /// [`Failed::Unsigned`] with the first field that differs.
    pub(super) fn check(
        &self,
        by: Publisher<'_>,
        units: &[Unit],
        notice: &Notice,
    ) -> Result<(), Failed> {
        let stages = self.plan.lots.iter().flat_map(|lot| &lot.stages);
        let meant: Vec<&StagePlan> = stages.collect();
        same("cli-say-what-units-count", &units.len(), &meant.len())?;
        let mut ids = Vec::with_capacity(units.len());
        for (unit, stage) in units.iter().zip(meant) {
            check_unit(unit, stage, by)?;
            ids.push(unit.id().map_err(Failed::unsigned)?);
        }
        distinct("cli-say-what-units", ids.iter())?;
        self.check_notice(by, notice)?;
        same("cli-say-what-lots-count", &notice.lots.len(), &self.plan.lots.len())?;
        let mut rest = units.iter().zip(ids);
        for (lot, meant) in notice.lots.iter().zip(&self.plan.lots) {
            check_lot(lot, meant, &mut rest)?;
        }
        distinct("cli-say-what-lots", notice.lots.iter().map(|lot| lot.lot))
    }

    fn check_notice(&self, by: Publisher<'_>, notice: &Notice) -> Result<(), Failed> {
        same("cli-say-what-notice-tender", &notice.tender, &by.tender)?;
        same("cli-say-what-notice-buyer", &notice.procuring_entity, &by.buyer)?;
        same("cli-say-what-title", &notice.title, &self.plan.title)?;
        same("cli-say-what-rules", &notice.rule_pack_sha256, &self.rule_pack_sha256)?;
        let named = notice.documents.iter();
        let mut found: Vec<Document> = named
            .map(|d| Document { name: d.name.clone(), sha256: d.sha256, size: d.size })
            .collect();
        let mut meant = self.documents.clone();
        found.sort();
        meant.sort();
        same("cli-say-what-documents", &found, &meant)
    }
}

/// Takes the lot's units off the rest.
fn check_lot<'a>(
    lot: &LotNotice,
    meant: &LotPlan,
    rest: &mut impl Iterator<Item = (&'a Unit, UnitId)>,
) -> Result<(), Failed> {
    same("cli-say-what-lot-title", &lot.title, &meant.title)?;
    let own: Vec<(&Unit, UnitId)> = rest.by_ref().take(meant.stages.len()).collect();
    let ids: Vec<UnitId> = own.iter().map(|(_, id)| *id).collect();
    same("cli-say-what-lot-units", &lot.units, &ids)?;
    own.iter().try_for_each(|(unit, _)| same("cli-say-what-unit-lot", &unit.lot, &lot.lot))
}

fn check_unit(unit: &Unit, meant: &StagePlan, by: Publisher<'_>) -> Result<(), Failed> {
    let roster = by.pinned.roster();
    same("cli-say-what-unit-tender", &unit.tender, &by.tender)?;
    same("cli-say-what-unit-buyer", &unit.procuring_entity, &by.buyer)?;
    same("cli-say-what-envelope", &unit.stage, &meant.stage)?;
    same("cli-say-what-deadline", &unit.deadline, &meant.deadline)?;
    same("cli-say-what-opening", &unit.open_at, &meant.open_at)?;
    same("cli-say-what-window", &unit.challenge_ms, &meant.challenge_ms)?;
    same("cli-say-what-min", &unit.min, &meant.min)?;
    same("cli-say-what-release", &unit.release, &meant.release())?;
    same("cli-say-what-roster", &unit.roster_sha256, &by.pinned.sha256())?;
    same("cli-say-what-threshold", &unit.t, &roster.t)?;
    same("cli-say-what-suite", &unit.suite.as_str(), &SUITE)?;
    let named: Vec<_> = unit.recipients.iter().map(|r| &r.custodian).collect();
    let members: Vec<_> = roster.custodians.iter().map(|member| &member.id).collect();
    same("cli-say-what-custodians", &named, &members)?;
    distinct("cli-say-what-recipients", unit.recipients.iter().map(|r| &r.recipient))
}
