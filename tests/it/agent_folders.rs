//! Is a custodian's folder one agent's at a time, changed by nobody else, and by no start that fails?

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sealbid::auth::provider::install_providers;
use sealbid::crypto::hash::Hash;
use sealbid::custodian::agent::Change;
use sealbid::custodian::chain::Chain;
use sealbid::custodian::home::{Home, HomeError, Loaded, Start};

use crate::agent_log::Agent;
use crate::opening_world::{BY_TIME, World, agent_seed};
use crate::server::{agent_home, listener, member, signed_roster};
use crate::support::{START, TestBase, TestFolder, folder};

/// Opens an agent's folder as soon as whoever had it lets it go: an agent of this process that was
/// stopped ends in threads of its own.
pub fn opened(dir: &Path) -> Loaded {
    opened_as(dir, Start::Suspicious)
}

/// The same, as lost or not.
pub fn opened_as(dir: &Path, start: Start) -> Loaded {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        match Home::open(dir, start) {
            Err(HomeError::InUse(_)) if Instant::now() < end => {
                std::thread::yield_now();
            }
            loaded => return loaded.unwrap(),
        }
    }
}

/// Every file of a folder with its content.
fn content(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(content(&path));
        } else {
            files.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    files
}

/// Runs a command on a folder; gives its exit code and what it said.
fn run(verb: &str, dir: &Path, more: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealbid"));
    command.args(["--lang", "en", "custodian", verb]).arg(dir).args(more);
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// An agent that was enrolled, and the roster.
fn enrolled(name: &str) -> (TestFolder, PathBuf) {
    install_providers();
    let home = folder(name);
    let members: Vec<_> = (1..=5).map(|n| member(&home, n, n, &listener("127.0.0.1:0"))).collect();
    let rosters = Chain::begin(signed_roster(members)).unwrap();
    Home::enrol(&agent_home(&home, 1), &rosters).unwrap();
    fs::write(home.join("roster.note"), rosters.encode()).unwrap();
    let dir = agent_home(&home, 1);
    (home, dir)
}

#[test]
fn while_an_agent_runs_nobody_else_changes_its_folder() {
    let (home, dir) = enrolled("agent-twice");
    let agent = Agent::start(&dir);
    let before = content(&dir);
    let at = agent.address.strip_prefix("http://").unwrap();
    let roster = home.join("roster.note").display().to_string();
    for (verb, more) in [
        ("serve", vec!["--listen", "127.0.0.1:0"]),
        ("serve", vec!["--recover", "--listen", at]),
        ("serve", vec!["--recover", "--restored", "--listen", "127.0.0.1:0"]),
        ("succeed", vec!["--roster", &roster]),
    ] {
        let (code, said) = run(verb, &dir, &more);
        assert_eq!(code, Some(75), "{verb} {more:?}: {said}");
        assert!(said.contains("hint: Stop that process first"), "{said}");
    }
    assert_eq!(content(&dir), before);
}

#[test]
fn a_start_as_lost_that_fails_changes_nothing_and_a_whole_memory_is_not_lost_by_mistake() {
    let (_home, dir) = enrolled("agent-not-lost");
    let before = content(&dir);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let (code, said) = run("serve", &dir, &["--recover", "--restored", "--listen", &at]);
    assert!(code != Some(0) && said.contains(&at), "{said}");
    assert_eq!(content(&dir), before);
    let (code, said) = run("serve", &dir, &["--recover", "--listen", "127.0.0.1:0"]);
    assert_eq!((code, said.contains("--recover --restored")), (Some(1), true), "{said}");
    assert_eq!(content(&dir), before);
    // One file that cannot be read, and the others stay as they were too.
    let unit = dir.join(format!("units/{}.json", Hash::of(b"a unit")));
    fs::write(&unit, "{").unwrap();
    let before = content(&dir);
    let (code, said) = run("serve", &dir, &["--recover", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(content(&dir), before);
    fs::remove_file(unit).unwrap();
    fs::remove_file(dir.join("witness.json")).unwrap();
    assert!(opened_as(&dir, Start::Recover(START)).state.is_lost());
}

#[test]
fn what_is_signed_by_hand_leaves_a_bid_on_its_way_alone() {
    let world = World::start(TestBase::sqlite(), 1, BY_TIME);
    let home = folder("agent-by-hand");
    let dir = home.join("agent");
    Home::create(&dir, &agent_seed(1)).unwrap();
    Home::enrol(&dir, world.platform.rosters.chain()).unwrap();
    let loaded = opened(&dir);
    let kept = world.agents.state(1).units[&world.id].clone();
    loaded.home.save(&Change::Unit(world.id, Box::new(kept))).unwrap();
    let mut coming = loaded.home.coming(&world.id).unwrap();
    coming.write_all(b"half a bid").unwrap();
    let (roster, out) = (dir.join("roster.note"), home.join("out"));
    let [roster, out] = [roster, out].map(|path| path.display().to_string());
    let before = content(&dir);
    let (code, said) = run("sign-roster", &dir, &[&roster, "--out", &out]);
    assert_eq!((code, said.contains("not the version after")), (Some(1), true), "{said}");
    assert_eq!(content(&dir), before);
    let line = Hash::of(b"a line");
    loaded.home.place(coming, &world.id, &line).unwrap();
    assert!(loaded.home.lodged(&world.id, &line).exists());
}
