//! `sealbid record check`: judges an exported record without a network.
//!
//! Invariant: nothing is called proven that was not hashed here, up to a checkpoint that the pinned
//! roster's custodians cosigned. A leaf that could be open and is not is a finding (protocol.md §1).

use std::collections::BTreeSet;
use std::path::Path;

use crate::clock::Time;
use crate::crypto::json;
use crate::crypto::note::Note;
use crate::crypto::statement::{Body as _, Statement, type_of};
use crate::custodian::roster::Roster;
use crate::error::{Arg, Args, Reason, Said};
use crate::ids::UnitId;
use crate::opening::statements::{Opening, OpeningEvent, Void};
use crate::record::checkpoint::Cosigned;
use crate::record::tree::{Frontier, leaf_hash};
use crate::verify::Trust as Pin;

use crate::cli::failed::Failed;
use crate::cli::output::{Progress, Report};
use crate::cli::trust::Pinned;
use crate::cli::{args, read_file};

use super::folder::{self, About, Entry, Held, Level, Stop, Walk, Why, Withheld};
use super::{EXIT_FAILED, EXIT_NOT_PINNED, EXIT_UNDECIDED};

/// How many units are named in the report.
const NAMED: usize = 20;

/// What an exported record came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Leaves in all.
    pub size: u64,
    /// Entries opened, pads not counted.
    pub entries: u64,
    /// Pads opened.
    pub pads: u64,
    /// Leaves withheld.
    pub withheld: u64,
    /// The first leaf that is withheld although everything that it could wait for is over.
    pub overdue: Option<u64>,
}

/// The checkpoint that an export ends at, by one of the record's keys, with how many custodians
/// cosigned it, and whether that is a quorum of a roster.
#[derive(Debug)]
pub(super) struct Head {
    pub cosigned: Cosigned,
    pub count: usize,
    pub is_final: bool,
}

impl Head {
    /// Reads a checkpoint's note.
    pub(super) fn of(pinned: &Pinned, note: &[u8]) -> Result<Self, Failed> {
        let wrong = |reason: Arg| {
            Failed::receipt(Said::new("cli-say-why-checkpoint", vec![("reason", reason)]))
        };
        let note = Note::parse(note).map_err(|e| wrong(e.arg()))?;
        // Which of the record's keys signed it shows in its origin.
        let signer = |key: &&_| Cosigned::from_network(&note, key, &[]).is_ok();
        let key = pinned.rosters().log_keys().find(signer);
        let key = key.unwrap_or(pinned.rosters().log_key());
        let mut best: Option<Self> = None;
        for roster in pinned.rosters().iter().map(Statement::body) {
            let cosigned = Cosigned::from_network(&note, key, &roster.witness_keys());
            let cosigned = cosigned.map_err(|e| wrong(e.arg()))?;
            let count = cosigned.cosignatures().len();
            let is_final = is_quorum(roster, count);
            if best.as_ref().is_none_or(|best| (is_final, count) > (best.is_final, best.count)) {
                best = Some(Self { cosigned, count, is_final });
            }
        }
        best.ok_or_else(|| wrong(Arg::Word("cli-say-why-no-roster")))
    }

    /// Its number of leaves.
    pub(super) fn size(&self) -> u64 {
        self.cosigned.checkpoint().size
    }
}

fn is_quorum(roster: &Roster, count: usize) -> bool {
    count >= roster.q()
}

/// What the leaves of an export are counted by.
struct Counting<'a> {
    about: &'a About,
    begun: BTreeSet<UnitId>,
    ended: BTreeSet<UnitId>,
    /// Withheld leaves: the first that waits for each number of units, in the order of the record.
    waits: Vec<Option<u64>>,
    found: Found,
}

impl<'a> Counting<'a> {
    fn new(about: &'a About) -> Self {
        let waits = vec![None; about.waiting.len() + 1];
        Self {
            about,
            begun: BTreeSet::new(),
            ended: BTreeSet::new(),
            waits,
            found: Found::default(),
        }
    }

    fn count(&mut self, held: &Held) {
        match held {
            Held::Entry(entry) if entry.event.is_empty() => self.found.pads += 1,
            Held::Entry(entry) => {
                self.found.entries += 1;
                self.follow(entry);
            }
            Held::Withheld(withheld) => {
                self.found.withheld += 1;
                if withheld.why == Why::Sealed {
                    self.wait(withheld);
                }
            }
        }
        self.found.size += 1;
    }

    /// Only units that something waits for are remembered: there are as many as run at a time.
    fn follow(&mut self, entry: &Entry) {
        let waiting = &self.about.waiting;
        let begun = waiting.iter().filter(|unit| unit.from == entry.index);
        self.begun.extend(begun.map(|it| it.unit).filter(|unit| proposes(&entry.event, unit)));
        let over = ended(entry.event.as_bytes());
        let over = over.filter(|unit| waiting.iter().any(|it| it.unit == *unit));
        self.ended.extend(over);
    }

    fn wait(&mut self, withheld: &Withheld) {
        let for_ = self.about.waiting.iter().filter(|unit| unit.from <= withheld.index).count();
        if let Some(first) = self.waits.get_mut(for_) {
            first.get_or_insert(withheld.index);
        }
    }

    /// A leaf waits for units that were proposed before it; when this very record shows that all of
    /// them have ended, or never were, it should be open.
    fn done(mut self) -> Found {
        let waiting = &self.about.waiting;
        let runs = |unit: &UnitId| self.begun.contains(unit) && !self.ended.contains(unit);
        let is_over = |count: &usize| !waiting.iter().take(*count).any(|it| runs(&it.unit));
        let overdue = self.waits.iter().enumerate().filter(|(count, _)| is_over(count));
        self.found.overdue = overdue.filter_map(|(_, first)| *first).min();
        self.found
    }
}

/// Whether an event proposes this unit.
fn proposes(event: &str, unit: &UnitId) -> bool {
    let event = json::parse::<OpeningEvent>(event.as_bytes());
    matches!(event, Ok(OpeningEvent::Proposed { unit_id, .. }) if unit_id == *unit)
}

/// The unit that an event ends.
fn ended(event: &[u8]) -> Option<UnitId> {
    let note = Note::parse(event).ok()?;
    match type_of(note.text())? {
        Opening::TYPE => Statement::<Opening>::from_note(note).ok().map(|it| it.body().unit_id),
        Void::TYPE => Statement::<Void>::from_note(note).ok().map(|it| it.body().unit_id),
        _ => None,
    }
}

/// Reads an export's files and compares them with its checkpoint.
///
/// # Errors
/// [`Failed::Export`] when they do not give the signed root, [`Failed::Content`], [`Failed::File`].
pub(super) fn leaves(
    folder: &Path,
    ending: &str,
    head: &Head,
    progress: &dyn Progress,
) -> Result<Found, Failed> {
    let about = folder::about(folder)?;
    let (mut walk, mut tree) = (Walk::open(folder, ending)?, Frontier::new());
    let mut counting = Counting::new(&about);
    loop {
        match walk.next() {
            Ok((leaf, held)) => {
                tree.push(leaf_hash(leaf.as_bytes()));
                counting.count(&held);
                if tree.size() % super::follow::BUNDLE == 0 {
                    progress.at(tree.size(), head.size().max(tree.size()));
                }
            }
            Err(Stop::End) => break,
            Err(Stop::Broken(name, index)) => {
                let path = folder.join(format!("{name}{ending}"));
                let path = path.display().to_string();
                let values = args([("path", path), ("index", index.to_string())]);
                return Err(Failed::Export(Said::new("cli-say-why-leaf", values).arg()));
            }
            Err(Stop::Io(error)) => return Err(Failed::file(folder, &error)),
        }
    }
    progress.at(tree.size(), tree.size());
    let checkpoint = head.cosigned.checkpoint();
    if (tree.size(), tree.root()) == (checkpoint.size, checkpoint.root) {
        Ok(counting.done())
    } else {
        Err(Failed::Export(Said::bare("cli-say-why-root").arg()))
    }
}

/// Judges an exported record; nothing is pinned without `pin`.
///
/// # Errors
/// [`Failed`].
pub(super) fn check(
    folder: &Path,
    pin: Option<&Pin>,
    progress: &dyn Progress,
) -> Result<Report, Failed> {
    let rosters = read_file(&folder.join(folder::ROSTERS))?;
    let pinned = match pin {
        Some(pin) => Pinned::new(&rosters, pin)?,
        None => Pinned::believed(&rosters)?,
    };
    let head = Head::of(&pinned, &read_file(&folder.join(folder::CHECKPOINT))?)?;
    if folder::paths(folder, folder::PART).iter().any(|path| path.exists()) {
        return Err(Failed::in_file(folder, Said::bare("cli-say-why-interrupted")));
    }
    let found = leaves(folder, "", &head, progress)?;
    let first = if pin.is_some() { "cli-say-export-pinned" } else { "cli-say-export-not-pinned" };
    let report = told(Report::said(first, Args::new()), folder, &head, &found)?;
    Ok(if pin.is_none() && report.exit_code() != EXIT_FAILED {
        report.ending_with(EXIT_NOT_PINNED)
    } else {
        report
    })
}

/// What an export holds, in words.
pub(super) fn told(
    report: Report,
    folder: &Path,
    head: &Head,
    found: &Found,
) -> Result<Report, Failed> {
    let about = folder::about(folder)?;
    let mut values = args([
        ("size", found.size.to_string()),
        ("count", head.count.to_string()),
        ("entries", found.entries.to_string()),
        ("pads", found.pads.to_string()),
        ("withheld", found.withheld.to_string()),
        ("path", folder.display().to_string()),
    ]);
    values.push(("reader", about.reader()));
    let mut report = report.and("cli-say-exported", values);
    if found.withheld > 0 {
        report = withheld(report, &about);
    }
    if let Some(index) = found.overdue {
        let values = args([("index", index.to_string())]);
        return Ok(report.and("cli-say-export-overdue", values).ending_with(EXIT_FAILED));
    }
    if !head.is_final {
        return Ok(report.and("cli-say-export-provisional", args([])).ending_with(EXIT_UNDECIDED));
    }
    Ok(report)
}

/// Why leaves are withheld, and until when.
fn withheld(report: Report, about: &About) -> Report {
    if about.level != Level::Regulator {
        return report.and("cli-say-export-levels", vec![("reader", about.reader())]);
    }
    let report = report.and("cli-say-export-sealed", args([]));
    let report = about.waiting.iter().take(NAMED).fold(report, |report, unit| {
        let mut values = args([("unit", unit.unit.to_string()), ("from", unit.from.to_string())]);
        values.push(("at", Arg::Time(unit.open_at)));
        report.and("cli-say-export-waiting", values)
    });
    match about.waiting.len().saturating_sub(NAMED) {
        0 => report,
        more => report.and("cli-say-export-more", args([("count", more.to_string())])),
    }
}

/// When a leaf at this place opens at the latest, if nothing is postponed.
pub(super) fn until(about: &About, index: u64) -> Option<Time> {
    about.waiting.iter().filter(|unit| unit.from <= index).map(|unit| unit.open_at).max()
}
