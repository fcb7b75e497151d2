//! At which writes a platform dies, each once.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use sealbid::db::{FaultPoints, Point};

/// Where the deaths of all processes of one story are written down.
pub fn file(dir: &Path) -> PathBuf {
    dir.join("deaths")
}

/// The deaths so far.
pub fn deaths(dir: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file(dir)).unwrap_or_default();
    text.lines().map(ToOwned::to_owned).collect()
}

/// Ends the process at the first write at which none has died before in this phase of the story.
pub struct Once {
    dir: PathBuf,
    state: Mutex<State>,
}

struct State {
    phase: String,
    died: BTreeSet<String>,
    /// What the transaction under way has written to, by which one is told from another.
    written: BTreeSet<String>,
}

impl Once {
    pub fn new(dir: &Path) -> Self {
        let died = deaths(dir).into_iter().collect();
        let state = State { phase: String::new(), died, written: BTreeSet::new() };
        Self { dir: dir.to_owned(), state: Mutex::new(state) }
    }

    /// From now on it is this phase; without a name nothing dies.
    pub fn phase(&self, phase: &str) {
        self.state().phase = phase.to_owned();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn die(&self, state: &mut State, place: Place<'_>) {
        let written: Vec<_> = state.written.iter().map(String::as_str).collect();
        let point = match place {
            Place::Beside(place) => format!("beside: {place}"),
            Place::Of(place) => format!("{}: {place} [{}]", state.phase, written.join(", ")),
        };
        if state.phase.is_empty() || !state.died.insert(point.clone()) {
            return;
        }
        let mut file = std::fs::File::options().create(true).append(true).open(file(&self.dir));
        writeln!(file.as_mut().unwrap(), "{point}").unwrap();
        std::process::abort();
    }
}

/// Where a process may die.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// In an act of this phase.
    Of(&'a str),
    /// In what goes on by the clock, whatever else happens: it is died of once in all.
    Beside(&'a str),
}

/// Tables that are written to whoever does whatever.
const BESIDE: [&str; 9] = [
    "alive",
    "challenge_used",
    "checkpoint",
    "cosignature",
    "downtime",
    "idempotency",
    "instance",
    "session",
    "tile",
];

/// A writing statement's verb and table, and what it sets.
fn write_of(sql: &str) -> Option<(String, String)> {
    let mut words = sql.split_whitespace();
    let verb = words.next().filter(|verb| ["INSERT", "UPDATE", "DELETE"].contains(verb))?;
    let mut names = words.take_while(|word| *word != "WHERE" && *word != "VALUES");
    let name = |word: &str| word.starts_with(['"', '`']).then(|| word.replace(['"', '`', ','], ""));
    let table = names.find_map(name)?;
    let set: Vec<_> = names.filter_map(name).collect();
    let set = if verb == "UPDATE" { format!(" {}", set.join(" ")) } else { String::new() };
    Some((format!("{verb} {table}{set}"), table))
}

impl FaultPoints for Once {
    fn at(&self, point: Point<'_>) {
        let mut state = self.state();
        match point {
            Point::Step(step) => {
                state.written.clear();
                self.die(&mut state, Place::Of(step));
            }
            Point::Before(sql) if sql.starts_with("BEGIN") => state.written.clear(),
            Point::Before(sql) if sql.starts_with("COMMIT") && !state.written.is_empty() => {
                self.die(&mut state, Place::Of("before COMMIT"));
            }
            Point::After(sql) if sql.starts_with("COMMIT") && !state.written.is_empty() => {
                self.die(&mut state, Place::Of("after COMMIT"));
                state.written.clear();
            }
            Point::After(sql) => {
                if let Some((write, table)) = write_of(sql) {
                    let is_beside = BESIDE.contains(&table.as_str());
                    if !is_beside {
                        state.written.insert(write.clone());
                    }
                    self.die(
                        &mut state,
                        if is_beside { Place::Beside(&write) } else { Place::Of(&write) },
                    );
                }
            }
            Point::Before(_) => {}
        }
    }
}
