//! An agent's folder: its seed, its roster, and what it must never forget.
//!
//! ```text
//! seed            64 hexadecimal digits, readable by its owner only
//! roster.note     the roster it was enrolled in, after those that it follows
//! witness.json    the last checkpoint it cosigned, and when it was asked for nothing
//! units/<id>.json what it signed of each unit
//! recovered.json  when it lost its memory, at the earliest
//! lodged/<unit id>/<manifest sha256>.bid
//! lock            empty; the one process that may change the memory holds it
//! ```
//! Invariants: a change is on the disk, file and folder both, before the signature that it stands
//! for leaves. A file is replaced whole or not at all. Memory is changed by whoever holds the lock and read
//! it after that: two agents with one memory could sign two closes. What a keeper signs by hand reads
//! it beside the running agent.

mod enrolment;
mod error;
mod lodged;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::blob::lock;
use crate::clock::Time;
use crate::crypto::hash::{Hash, NotAHash};
use crate::crypto::json;
use crate::crypto::statement::Statement;
use crate::error::{Reason, Said};
use crate::ids::UnitId;

use super::agent::{Change, Kept, Keys, Silences, State};
use super::chain::Chain;
use super::roster::{CustodianId, Roster};
pub use enrolment::Memory;
pub use error::HomeError;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Witnessed {
    /// The record's origin after a succession; absent for the first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    origin: Option<String>,
    root: Hash,
    silences: Silences,
    size: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recovered {
    at: Time,
}

/// Called with the name of a file before it is written, before it takes its place and after it did;
/// a test's may end the process.
type Steps = Arc<dyn Fn(&str) + Send + Sync>;

/// An agent's folder, opened.
pub struct Home {
    dir: PathBuf,
    /// The record's origin after a succession.
    origin: Option<String>,
    steps: Option<Steps>,
    #[expect(dead_code, reason = "the lock is held as long as the file is open")]
    lock: Option<File>,
}

impl std::fmt::Debug for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Home").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// What an agent starts with.
#[derive(Debug)]
pub struct Loaded {
    /// Its folder.
    pub home: Home,
    /// Its keys.
    pub keys: Keys,
    /// The roster that names its keys.
    pub roster: Statement<Roster>,
    /// That roster with those that it follows, and the successions of the record.
    pub rosters: Chain,
    /// Its memory.
    pub state: State,
}

/// How an agent without memory is to be treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Refuse to start: it may have signed what it forgot.
    Suspicious,
    /// It lost its state at this instant: it releases for earlier units and signs none of them.
    Recover(Time),
    /// The same, though what it remembers can be read: the folder is a backup's.
    Restored(Time),
}

/// An agent's folder that is this process's until this, or what was loaded from it, is dropped.
#[derive(Debug)]
pub struct Taken(Home);

impl Taken {
    /// Reads what it remembers, and puts in order what a crash left.
    ///
    /// # Errors
    /// [`HomeError`] with the file at fault; [`HomeError::LostState`] without memory,
    /// [`HomeError::Whole`] when it was to be lost and is not. Then nothing was changed.
    pub fn open(self, start: Start) -> Result<Loaded, HomeError> {
        let Self(mut home) = self;
        let rosters = home.bind_rosters()?;
        match start {
            Start::Suspicious => {}
            Start::Recover(_) if home.load_state(&rosters).is_ok() => {
                return Err(HomeError::Whole(home.dir));
            }
            Start::Recover(at) | Start::Restored(at) => home.recover(at)?,
        }
        let loaded = home.load(rosters)?;
        loaded.home.sweep_lodged(&loaded.state)?;
        Ok(loaded)
    }
}

impl Home {
    fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), origin: None, steps: None, lock: None }
    }

    /// The same folder, with `steps` told of every file written.
    #[must_use]
    pub fn with_steps(self, steps: Steps) -> Self {
        Self { steps: Some(steps), ..self }
    }

    fn step(&self, name: &str) {
        if let Some(steps) = &self.steps {
            steps(name);
        }
    }

    /// Makes a folder with a new seed.
    ///
    /// # Errors
    /// [`HomeError::Exists`] when there is anything already.
    pub fn create(dir: &Path, seed: &[u8; 32]) -> Result<Self, HomeError> {
        if dir.exists() {
            return Err(HomeError::Exists(dir.to_owned()));
        }
        let home = Self::at(dir);
        home.make_folders()?;
        home.write("seed", format!("{}\n", hex::encode(seed)).as_bytes())?;
        Ok(home)
    }

    /// The seed's keys under an origin, to be named in a roster.
    ///
    /// # Errors
    /// [`HomeError::Seed`], or a name that cannot stand in a key.
    pub fn keys(dir: &Path, origin: &str, id: &CustodianId) -> Result<Keys, HomeError> {
        let home = Self::at(dir);
        let seed = crate::config::read_seed(&home.path("seed"))?;
        Keys::of_seed(seed, origin, id).map_err(|e| home.content("seed", e))
    }

    /// Takes a folder, and opens it to serve from it.
    ///
    /// # Errors
    /// As [`take`](Self::take) and [`Taken::open`].
    pub fn open(dir: &Path, start: Start) -> Result<Loaded, HomeError> {
        Self::take(dir)?.open(start)
    }

    /// Reads a folder beside whoever serves from it; nothing is put in order.
    ///
    /// # Errors
    /// [`HomeError`] with the file at fault; [`HomeError::LostState`] without memory.
    pub fn read(dir: &Path) -> Result<Loaded, HomeError> {
        let mut home = Self::at(dir);
        let rosters = home.bind_rosters()?;
        home.load(rosters)
    }

    /// Takes a folder for this process, before anything in it is read.
    ///
    /// # Errors
    /// [`HomeError::Seed`] when it is no agent's folder, [`HomeError::InUse`], [`HomeError::Io`].
    pub fn take(dir: &Path) -> Result<Taken, HomeError> {
        let home = Self::at(dir);
        // A lock is put into no stranger's folder.
        crate::config::read_seed(&home.path("seed"))?;
        let lock = lock::take(dir).map_err(|e| home.io("lock", e))?;
        let lock = lock.ok_or_else(|| HomeError::InUse(dir.to_owned()))?;
        Ok(Taken(Self { lock: Some(lock), ..home }))
    }

    /// Reads its rosters, and takes up under which origin it writes.
    fn bind_rosters(&mut self) -> Result<Chain, HomeError> {
        let rosters = self.rosters()?;
        self.origin = rosters.successions().next_back().map(|s| s.body().new_origin.clone());
        Ok(rosters)
    }

    fn load(self, rosters: Chain) -> Result<Loaded, HomeError> {
        let (roster, keys) = self.own_roster(&rosters)?;
        let roster = roster.clone();
        let state = self.load_state(&rosters)?;
        Ok(Loaded { home: self, keys, roster, rosters, state })
    }

    fn load_state(&self, rosters: &Chain) -> Result<State, HomeError> {
        if !self.path("witness.json").exists() {
            return Err(HomeError::LostState);
        }
        let witnessed: Option<Witnessed> = self.read_json("witness.json")?;
        let silences = witnessed.as_ref().map(|w| w.silences.clone()).unwrap_or_default();
        Ok(State {
            witnessed: witnessed.map(|seen| enrolment::known(&seen, rosters)),
            silences,
            recovered_at: self.recovered()?.map(|recovered| recovered.at),
            units: self.units()?,
        })
    }

    fn units(&self) -> Result<BTreeMap<UnitId, Kept>, HomeError> {
        let ids = self.unit_ids()?.into_iter();
        ids.map(|id| Ok((id, self.read_json(&format!("units/{id}.json"))?))).collect()
    }

    fn recovered(&self) -> Result<Option<Recovered>, HomeError> {
        let file = "recovered.json";
        if self.path(file).exists() { self.read_json(file).map(Some) } else { Ok(None) }
    }

    fn unit_ids(&self) -> Result<Vec<UnitId>, HomeError> {
        let mut ids = Vec::new();
        for file in fs::read_dir(self.path("units")).map_err(|e| self.io("units", e))? {
            let name = file.map_err(|e| self.io("units", e))?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".json")) else {
                continue; // a half-written file of a crash: its signature never left
            };
            let id = id.parse();
            let name = ("name", format!("{name:?}").into());
            let reason = || Said::new("custodian-say-home-no-unit", vec![name]);
            ids.push(id.map_err(|_: NotAHash| self.content("units", reason()))?);
        }
        Ok(ids)
    }

    /// Starts over at `at`. What a backup remembers of a unit may be older than what was signed of
    /// it: it still stops a release, and nothing more is signed on its strength. All is read before
    /// anything is changed. The witness's file is gone meanwhile, so that a crash in between leaves a
    /// folder that does not start.
    fn recover(&self, at: Time) -> Result<(), HomeError> {
        let before = self.recovered()?.map_or(at, |recovered| recovered.at);
        let units = if self.path("units").exists() { self.units()? } else { BTreeMap::new() };
        let witness = self.path("witness.json");
        if witness.exists() {
            fs::remove_file(&witness).map_err(|e| self.io("witness.json", e))?;
        }
        self.write_json("recovered.json", &Recovered { at: at.max(before) })?;
        self.make_folders()?;
        for (id, kept) in units {
            self.write_json(&format!("units/{id}.json"), &Kept { signed: false, ..kept })?;
        }
        self.write_json("witness.json", &Option::<Witnessed>::None)
    }

    fn make_folders(&self) -> Result<(), HomeError> {
        for name in ["units", "lodged"] {
            fs::create_dir_all(self.path(name)).map_err(|e| self.io(name, e))?;
        }
        Ok(())
    }

    /// Makes a change durable.
    ///
    /// # Errors
    /// [`HomeError::Io`]: then nothing may be signed.
    pub fn save(&self, change: &Change) -> Result<(), HomeError> {
        match change {
            Change::Nothing => Ok(()),
            Change::Witnessed(known, silences) => {
                let (root, silences, size) = (known.root, silences.clone(), known.size);
                let seen = Witnessed { origin: self.origin.clone(), root, silences, size };
                self.write_json("witness.json", &Some(seen))
            }
            // The hour first: between the two writes the agent is still lost.
            Change::Adopted(known, at) => {
                if let Some(Recovered { at: lost }) = self.recovered()? {
                    self.write_json("recovered.json", &Recovered { at: lost.max(*at) })?;
                }
                self.save(&Change::Witnessed(*known, Silences::default()))
            }
            Change::Unit(id, kept) => {
                self.write_json(&format!("units/{id}.json"), kept)?;
                self.drop_needless(id, kept);
                Ok(())
            }
            Change::Forgot(at) => self.recover(*at),
        }
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Stores a small file whole.
    ///
    /// # Errors
    /// [`HomeError::Io`].
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), HomeError> {
        let path = self.path(name);
        let half = path.with_extension("half");
        let done = || -> io::Result<()> {
            self.step(name);
            let mut file = create_private(&half)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            self.step(name);
            fs::rename(&half, &path)?;
            File::open(path.parent().unwrap_or(&self.dir))?.sync_all()?;
            self.step(name);
            Ok(())
        };
        done().map_err(|e| self.io(name, e))
    }

    /// The content of a small file; `None` when there is none.
    ///
    /// # Errors
    /// [`HomeError::Io`].
    pub fn read_if(&self, name: &str) -> Result<Option<Vec<u8>>, HomeError> {
        if self.path(name).exists() { self.bytes(name).map(Some) } else { Ok(None) }
    }

    fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), HomeError> {
        let text = json::to_string(value).map_err(|e| self.content(name, e))?;
        self.write(name, text.as_bytes())
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, HomeError> {
        fs::read(self.path(name)).map_err(|e| self.io(name, e))
    }

    fn read_json<T: DeserializeOwned + Serialize>(&self, name: &str) -> Result<T, HomeError> {
        json::parse(&self.bytes(name)?).map_err(|e| self.content(name, e))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn io(&self, name: &str, source: io::Error) -> HomeError {
        HomeError::Io { path: self.path(name), source }
    }

    fn content(&self, name: &str, reason: impl Reason) -> HomeError {
        HomeError::Content { path: self.path(name), reason: reason.into() }
    }
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().write(true).create(true).truncate(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> io::Result<File> {
    File::options().write(true).create(true).truncate(true).open(path)
}
