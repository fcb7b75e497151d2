//! An exported record as it stands in its folder, and reading it leaf by leaf.
//!
//! Invariant: what is read is checked as it is read: every leaf is either opened by an entry whose
//! salt and event give it, or listed as withheld, never both and never neither. One leaf is in
//! memory at a time. The format stands in docs/FORMATS.md.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::error::{Arg, Said};
use crate::ids::UnitId;
use crate::record::leaf::{Salt, leaf};

use crate::cli::failed::Failed;

/// The format's name in `about.json`.
pub(super) const FORMAT: &str = "sealbid/export/v1";
/// What the export is, and of when.
pub(super) const ABOUT: &str = "about.json";
/// The rosters' notes, one after another.
pub(super) const ROSTERS: &str = "rosters";
/// The cosigned checkpoint that it ends at.
pub(super) const CHECKPOINT: &str = "checkpoint";
/// The three files that grow: all leaves, what is opened of them, and what is withheld.
pub(super) const GROWING: [&str; 3] = ["leaves", "entries.jsonl", "withheld.jsonl"];
/// What their names end with until the export is complete.
pub(super) const PART: &str = ".part";

/// A line above this many bytes is none: the largest event is an opening record of ten thousand bids.
const MAX_LINE: u64 = 128 << 20;

/// Whose eyes saw it, and what was still sealed then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// `sealbid/export/v1`.
    pub format: String,
    /// What the reader may see.
    pub level: Level,
    /// Who asked: a key's name, or `public`.
    pub reader: String,
    /// The units that were still to end, in the order of the record.
    pub waiting: Vec<Waiting>,
}

/// Who reads without a key.
pub(super) const EVERYBODY: &str = "public";

impl About {
    /// Who asked, for people.
    pub(super) fn reader(&self) -> Arg {
        match self.reader.as_str() {
            EVERYBODY => Arg::Word("cli-say-everybody"),
            name => Arg::Text(name.to_owned()),
        }
    }
}

/// What a reader may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// What is public.
    Public,
    /// And one's own acts.
    Own,
    /// Everything but what is sealed.
    Regulator,
}

/// A unit that was still to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// Which.
    pub unit: UnitId,
    /// The entry that proposed it: nothing of it stands before.
    pub from: u64,
    /// Its deadline in force.
    pub deadline: Time,
    /// When it opens, if nothing is postponed.
    pub open_at: Time,
}

/// An entry as it is shown; a pad has no event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its place.
    pub index: u64,
    /// Its leaf's salt.
    pub salt: Salt,
    /// The event's text.
    pub event: String,
}

impl Entry {
    /// The leaf that binds it.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        leaf(&self.salt, self.event.as_bytes())
    }
}

/// A leaf that was not opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withheld {
    /// Its place.
    pub index: u64,
    /// The leaf.
    pub leaf: Hash,
    /// When it opens at the latest, if nothing is postponed; for the regulator alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Time>,
    /// Why.
    pub why: Why,
}

/// Why a leaf is withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// A sealed act or a pad, until the units that run have ended. Which of the two is not told.
    Sealed,
    /// A pad, or of a level that this reader does not see.
    Level,
}

/// A leaf with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// It was opened.
    Entry(Entry),
    /// It was not.
    Withheld(Withheld),
}

/// Why a folder cannot be read on.
#[derive(Debug)]
pub(super) enum Stop {
    /// Every leaf was read.
    End,
    /// The file ends within a line, a line is not what it must be, or does not fit its leaf: the name
    /// of the file, and the leaf's index.
    Broken(&'static str, u64),
    /// The system's.
    Io(io::Error),
}

/// An export's files, with this ending.
pub(super) fn paths(folder: &Path, ending: &str) -> [PathBuf; 3] {
    GROWING.map(|name| folder.join(format!("{name}{ending}")))
}

/// Reads `about.json`.
pub(super) fn about(folder: &Path) -> Result<About, Failed> {
    let path = folder.join(ABOUT);
    let bytes = std::fs::read(&path).map_err(|e| Failed::file(&path, &e))?;
    let about: About = serde_json::from_slice(&bytes).map_err(|e| Failed::in_file(&path, e))?;
    if about.format == FORMAT {
        Ok(about)
    } else {
        let format = vec![("format", FORMAT.into())];
        Err(Failed::in_file(&path, Said::new("cli-say-why-format", format)))
    }
}

/// Lines of a file, with how many bytes of it were taken.
struct Lines {
    file: BufReader<File>,
    name: &'static str,
    taken: u64,
    /// A line that was read and not taken yet.
    ahead: Option<Vec<u8>>,
}

impl Lines {
    fn open(path: &Path, name: &'static str) -> io::Result<Self> {
        let file = BufReader::with_capacity(1 << 16, File::open(path)?);
        Ok(Self { file, name, taken: 0, ahead: None })
    }

    /// The next line without its end; none at the file's end. A line that was cut off is an end.
    fn peek(&mut self) -> io::Result<Option<&[u8]>> {
        if self.ahead.is_none() {
            let mut line = Vec::new();
            self.file.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
            if line.pop() != Some(b'\n') {
                return Ok(None);
            }
            self.ahead = Some(line);
        }
        Ok(self.ahead.as_deref())
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        let line = self.ahead.take()?;
        self.taken = self.taken.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX) + 1);
        Some(line)
    }

    /// The next line as JSON, left where it is.
    fn json<T: DeserializeOwned>(&mut self, at: u64) -> Result<Option<T>, Stop> {
        let name = self.name;
        let line = self.peek().map_err(Stop::Io)?;
        let parsed = line.map(serde_json::from_slice).transpose();
        parsed.map_err(|_| Stop::Broken(name, at))
    }

    fn is_over(&mut self) -> io::Result<bool> {
        if self.peek()?.is_some() {
            return Ok(false);
        }
        // What was cut off is not over.
        Ok(self.file.get_ref().metadata()?.len() == self.taken)
    }
}

/// Reads the three files side by side.
pub(super) struct Walk {
    leaves: Lines,
    entries: Lines,
    withheld: Lines,
    index: u64,
}

impl Walk {
    /// Begins at the first leaf.
    pub(super) fn open(folder: &Path, ending: &str) -> Result<Self, Failed> {
        let [leaves, entries, withheld] = paths(folder, ending);
        let open = |path: &Path, name| Lines::open(path, name).map_err(|e| Failed::file(path, &e));
        let [of_leaves, of_entries, of_withheld] = GROWING;
        Ok(Self {
            leaves: open(&leaves, of_leaves)?,
            entries: open(&entries, of_entries)?,
            withheld: open(&withheld, of_withheld)?,
            index: 0,
        })
    }

    /// How many bytes of each file were read and hold.
    pub(super) fn taken(&self) -> [u64; 3] {
        [self.leaves.taken, self.entries.taken, self.withheld.taken]
    }

    /// The next leaf, and what is known of it.
    pub(super) fn next(&mut self) -> Result<(Hash, Held), Stop> {
        let (at, [of_leaves, of_entries, of_withheld]) = (self.index, GROWING);
        let Some(line) = self.leaves.peek().map_err(Stop::Io)? else { return Err(self.end()) };
        let leaf = std::str::from_utf8(line).ok().and_then(|text| text.parse::<Hash>().ok());
        let leaf = leaf.ok_or(Stop::Broken(of_leaves, at))?;
        let entry: Option<Entry> = self.entries.json(at)?;
        let held = match entry.filter(|entry| entry.index == at) {
            Some(entry) if entry.leaf() == leaf => Held::Entry(entry),
            Some(_) => return Err(Stop::Broken(of_entries, at)),
            None => match self.withheld.json::<Withheld>(at)? {
                Some(withheld) if (withheld.index, withheld.leaf) == (at, leaf) => {
                    Held::Withheld(withheld)
                }
                _ => return Err(Stop::Broken(of_withheld, at)),
            },
        };
        self.leaves.take();
        match held {
            Held::Entry(_) => self.entries.take(),
            Held::Withheld(_) => self.withheld.take(),
        };
        self.index += 1;
        Ok((leaf, held))
    }

    /// Whether all three files end here.
    fn end(&mut self) -> Stop {
        let at = self.index;
        for lines in [&mut self.leaves, &mut self.entries, &mut self.withheld] {
            match lines.is_over() {
                Ok(true) => {}
                Ok(false) => return Stop::Broken(lines.name, at),
                Err(error) => return Stop::Io(error),
            }
        }
        Stop::End
    }
}
