//! The platform in a process of its own, and whoever starts it again when it dies.

use std::io::{BufRead as _, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealbid::auth::provider::install_providers;
use sealbid::clock::{Clock as _, ManualClock, Time};
use sealbid::config::Config;
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::db::Options;
use sealbid::web::start;

use super::points::{self, Once};
use crate::server::{Server, listener};

/// What a child is told: its folder and its address.
const FOLDER: &str = "SEALBID_TEST_KILLED_DIR";
const ADDRESS: &str = "SEALBID_TEST_KILLED_ADDRESS";
/// How often its parent looks whether it died.
const LOOK: Duration = Duration::from_millis(2);

/// Where the clock stands and which phase it is, in a line.
fn line(now: Time, phase: &str) -> String {
    format!("{} {phase}\n", now.millis())
}

fn read(line: &str) -> (Time, &str) {
    let (now, phase) = line.trim_end_matches('\n').split_once(' ').unwrap();
    (Time::from_millis(now.parse().unwrap()), phase)
}

/// Whether this process is a platform that may die.
pub fn is_child() -> bool {
    std::env::var_os(FOLDER).is_some()
}

/// Serves until its parent closes its input, or until it dies. Each line of the input moves its clock
/// and names the phase; the first comes before everything.
pub fn child() {
    let dir = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    install_providers();
    let mut lines = std::io::BufReader::new(std::io::stdin()).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    let (now, phase) = read(&first);
    let clock = Arc::new(ManualClock::new(now));
    let once = Arc::new(Once::new(&dir));
    once.phase(phase);
    let mut options = Options::new(clock.clone(), Arc::new(SystemEntropy::new()));
    options.hooks.faults = Some(once.clone());
    let config = Config::load(&dir.join("sealbid.toml"), []).unwrap();
    let listener = listener(&std::env::var(ADDRESS).unwrap());
    let (over, stop) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        for line in lines {
            let (now, phase) = read(&line);
            clock.set(now);
            once.phase(phase);
        }
        drop(over);
    });
    actix_web::rt::System::new().block_on(async {
        let started = start::open(&config, options).await.unwrap();
        start::serve(started, listener, async { drop(stop.await) }).await.unwrap();
    });
}

/// What is told to the child that runs, and to each after it first of all.
#[derive(Default)]
struct Told {
    line: String,
    child: Option<ChildStdin>,
    is_over: bool,
}

impl Told {
    fn say(&mut self) {
        // It may be dead already: the next one hears it.
        drop(self.child.as_mut().map(|child| child.write_all(self.line.as_bytes())));
    }
}

/// Starts the platform again whenever it dies of a write, and of nothing else.
pub struct Supervised {
    dir: PathBuf,
    told: Arc<Mutex<Told>>,
    supervisor: Option<std::thread::JoinHandle<()>>,
    now: Time,
    phase: String,
}

impl Supervised {
    /// In the place of a server that was stopped; the children run this test.
    pub fn start(server: &Server, test: &str) -> Self {
        let (dir, now) = (server.home().to_owned(), server.clock.now());
        let told = Arc::new(Mutex::new(Told { line: line(now, ""), ..Told::default() }));
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]);
        command.env(FOLDER, &dir).env(ADDRESS, server.address.strip_prefix("http://").unwrap());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let tells = told.clone();
        let supervisor = std::thread::spawn(move || supervise(command, &tells));
        Self { dir, told, supervisor: Some(supervisor), now, phase: String::new() }
    }

    /// From now on it is this phase, for the process that runs and for those after it.
    pub fn phase(&mut self, phase: &str) {
        self.phase = phase.to_owned();
        self.tell();
    }

    /// Moves the platform's clock.
    pub fn to(&mut self, now: Time) {
        self.now = now;
        self.tell();
    }

    fn tell(&self) {
        let mut told = self.told.lock().unwrap();
        told.line = line(self.now, &self.phase);
        told.say();
    }

    /// How often it died.
    pub fn deaths(&self) -> usize {
        points::deaths(&self.dir).len()
    }

    /// Until it has died once more than so often.
    pub async fn died_after(&self, deaths: usize) {
        while self.deaths() <= deaths {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Ends it in peace; gives where it died.
    pub fn end(&mut self) -> Vec<String> {
        self.over();
        if let Some(supervisor) = self.supervisor.take() {
            supervisor.join().unwrap();
        }
        points::deaths(&self.dir)
    }

    fn over(&self) {
        if let Ok(mut told) = self.told.lock() {
            told.is_over = true;
            told.child = None;
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.over();
    }
}

fn supervise(mut command: Command, told: &Mutex<Told>) {
    loop {
        let mut child = {
            let mut told = told.lock().unwrap();
            if told.is_over {
                return;
            }
            let mut child = command.spawn().unwrap();
            told.child = child.stdin.take();
            told.say();
            child
        };
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = child.wait().unwrap();
        // Dead by abort, and not by a failed assertion.
        let is_well = status.success() && told.lock().unwrap().is_over;
        assert!(is_well || status.signal() == Some(6), "{status:?} {said}");
    }
}
