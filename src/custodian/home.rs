//! An agent's folder: its seed, its roster, and what it must never forget.
//!
//! ```text
//! seed            64 hexadecimal digits, readable by its owner only
//! roster.note     the roster it was enrolled in
//! witness.json    the last checkpoint it cosigned
//! units/<id>.json what it signed of each unit
//! recovered.json  when it lost its memory, at the earliest
//! lodged/<unit id>/<manifest sha256>.bid and .note
//! ```
//! Invariant: a change is on the disk, file and folder both, before the signature that it stands
//! for leaves. A file is replaced whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::statement::Statement;
use crate::ids::UnitId;
use crate::record::witness::Known;

use super::agent::{Change, Kept, Keys, State};
use super::roster::{CustodianId, Roster, check_next};

/// Why a folder is not an agent's.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The disk refused.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The seed's file is missing, readable by others, or no seed.
    #[error(transparent)]
    Seed(#[from] crate::config::ConfigError),
    /// A file's content is not what this program wrote.
    #[error("{path}: {reason}")]
    Content {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is a roster but no memory: it must be started with --recover, once.
    #[error("this agent has a roster but no memory of what it signed")]
    LostState,
    /// The folder exists already.
    #[error("{0} exists already; it is not touched")]
    Exists(PathBuf),
    /// The roster does not name this seed's keys.
    #[error("the roster does not name the keys of this seed")]
    NotEnrolled,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Witnessed {
    root: Hash,
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
    steps: Option<Steps>,
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
    /// Its roster.
    pub roster: Statement<Roster>,
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
}

impl Home {
    fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), steps: None }
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
        Keys::of_seed(seed, origin, id).map_err(|e| home.content("seed", e.to_string()))
    }

    /// Enrols the folder's seed in a roster and starts its memory.
    ///
    /// # Errors
    /// [`HomeError::NotEnrolled`] when the roster names other keys, [`HomeError::Exists`] when it
    /// was enrolled before.
    pub fn enrol(dir: &Path, roster: &Statement<Roster>) -> Result<(), HomeError> {
        let home = Self::at(dir);
        if home.path("roster.note").exists() {
            return Err(HomeError::Exists(home.path("roster.note")));
        }
        home.member_keys(roster)?;
        home.write_json("witness.json", &Option::<Witnessed>::None)?;
        home.write("roster.note", roster.encode().as_bytes())
    }

    /// Opens a folder to serve from it.
    ///
    /// # Errors
    /// [`HomeError`] with the file at fault; [`HomeError::LostState`] without memory.
    pub fn open(dir: &Path, start: Start) -> Result<Loaded, HomeError> {
        let home = Self::at(dir);
        let text = home.read("roster.note")?;
        let roster = Statement::<Roster>::parse(&text)
            .map_err(|e| home.content("roster.note", e.to_string()))?;
        if roster.body().version == 1 {
            check_next(None, &roster).map_err(|e| home.content("roster.note", e.to_string()))?;
        }
        let keys = home.member_keys(&roster)?;
        if let Start::Recover(at) = start {
            home.recover(at)?;
        }
        let state = home.load_state()?;
        Ok(Loaded { home, keys, roster, state })
    }

    fn member_keys(&self, roster: &Statement<Roster>) -> Result<Keys, HomeError> {
        let body = roster.body();
        for member in &body.custodians {
            let keys = Self::keys(&self.dir, &body.origin, &member.id)?;
            let same = *keys.statement.verifying() == member.statement_key
                && *keys.witness.verifying() == member.witness_key;
            if same {
                return Ok(keys);
            }
        }
        Err(HomeError::NotEnrolled)
    }

    fn load_state(&self) -> Result<State, HomeError> {
        if !self.path("witness.json").exists() {
            return Err(HomeError::LostState);
        }
        let witnessed: Option<Witnessed> = self.read_json("witness.json")?;
        let mut state = State {
            witnessed: witnessed.map(|w| Known { size: w.size, root: w.root }),
            recovered_at: self.recovered()?.map(|recovered| recovered.at),
            units: std::collections::BTreeMap::new(),
        };
        for id in self.unit_ids()? {
            state.units.insert(id, self.read_json(&format!("units/{id}.json"))?);
        }
        Ok(state)
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
            ids.push(id.map_err(|_| self.content("units", format!("{name:?} is no unit")))?);
        }
        Ok(ids)
    }

    /// Starts over at `at`. What a backup remembers of a unit may be older than what was signed of
    /// it: it still stops a release, and nothing more is signed on its strength. The witness's file
    /// is gone meanwhile, so that a crash in between leaves a folder that does not start.
    fn recover(&self, at: Time) -> Result<(), HomeError> {
        let witness = self.path("witness.json");
        if witness.exists() {
            fs::remove_file(&witness).map_err(|e| self.io("witness.json", e))?;
        }
        let before = self.recovered()?.map_or(at, |recovered| recovered.at);
        self.write_json("recovered.json", &Recovered { at: at.max(before) })?;
        self.make_folders()?;
        for id in self.unit_ids()? {
            let name = format!("units/{id}.json");
            let kept: Kept = self.read_json(&name)?;
            self.write_json(&name, &Kept { signed: false, ..kept })?;
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
            Change::Witnessed(known) => {
                let seen = Witnessed { root: known.root, size: known.size };
                self.write_json("witness.json", &Some(seen))
            }
            // The hour first: between the two writes the agent is still lost.
            Change::Adopted(known, at) => {
                if let Some(Recovered { at: lost }) = self.recovered()? {
                    self.write_json("recovered.json", &Recovered { at: lost.max(*at) })?;
                }
                self.save(&Change::Witnessed(*known))
            }
            Change::Unit(id, kept) => self.write_json(&format!("units/{id}.json"), kept),
        }
    }

    /// Where a lodged bid's file stands; its folder exists afterwards.
    ///
    /// # Errors
    /// [`HomeError::Io`].
    pub fn lodged(&self, unit: &UnitId, name: &str) -> Result<PathBuf, HomeError> {
        let folder = self.path("lodged").join(unit.to_string());
        fs::create_dir_all(&folder).map_err(|e| self.io("lodged", e))?;
        Ok(folder.join(name))
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

    fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), HomeError> {
        let text = json::to_string(value).map_err(|e| self.content(name, e.to_string()))?;
        self.write(name, text.as_bytes())
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, HomeError> {
        fs::read(self.path(name)).map_err(|e| self.io(name, e))
    }

    fn read_json<T: DeserializeOwned + Serialize>(&self, name: &str) -> Result<T, HomeError> {
        json::parse(&self.read(name)?).map_err(|e| self.content(name, e.to_string()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn io(&self, name: &str, source: io::Error) -> HomeError {
        HomeError::Io { path: self.path(name), source }
    }

    fn content(&self, name: &str, reason: String) -> HomeError {
        HomeError::Content { path: self.path(name), reason }
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
