//! Does a process that dies between any two writes leave a record that stands?

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::Arc;

use sealbid::clock::ManualClock;
use sealbid::crypto::entropy::SeededEntropy;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::db::{AbortAt, DatabaseUrl, Db, Error, Options};
use sealbid::record::append::Event;
use sealbid::record::disclosure::Level;
use sealbid::record::leaf::PadKey;
use sealbid::record::sequencer::{Keys, Pace, Sequencer};
use sealbid::record::store::{self, StoredTiles};
use sealbid::record::tiles::root_of_tiles;

use crate::support::{START, TestBase, wait};

/// What a child is told: where, and at which point of the writer it dies.
const ADDRESS: &str = "SEALBID_TEST_CRASH_URL";
const POINT: &str = "SEALBID_TEST_CRASH_AT";
/// The test that a child runs.
const NAME: &str = "crash::a_crash_at_any_statement_loses_nothing_that_was_answered_on_sqlite";

fn keys() -> Keys {
    let log = SigningKey::from_seed("record.example/log", KeyKind::Statement, &[7; 32]).unwrap();
    Keys { log, pads: PadKey::from_bytes([9; 32]) }
}

/// Acts and ticks, saying on a line of its own what was answered, until it dies or is done.
fn child(url: &str, point: u64) {
    let url: DatabaseUrl = url.parse().unwrap();
    let clock = Arc::new(ManualClock::new(START));
    let mut options = Options::new(clock, Arc::new(SeededEntropy::new(point)));
    options.check = false;
    options.hooks.faults = Some(Arc::new(AbortAt::nth(point)));
    let db = Db::open(&url, options).unwrap();
    let sequencer = wait(Sequencer::open(db.clone(), keys(), Pace::default())).unwrap();
    for act in 0..2 {
        let bytes = format!("act {point} {act}").into_bytes();
        let (kind, level) = ("test/v1", Level::Public);
        let event = Event { kind, level, unit: None, bytes };
        let recorded = db.write_blocking(move |tx| tx.record(event)).unwrap();
        println!("\nrecorded {} {}", recorded.index, recorded.leaf);
        std::io::stdout().flush().unwrap();
        if act % 2 == 1
            && let Some(published) = wait(sequencer.tick()).unwrap()
        {
            let checkpoint = &published.checkpoint;
            println!("\npublished {} {}", checkpoint.size, checkpoint.root);
            std::io::stdout().flush().unwrap();
        }
    }
}

/// Everything that was ever answered still stands.
fn check(base: &TestBase, answered: &[String]) {
    let db = base.open();
    let sequencer = wait(Sequencer::open(db.clone(), keys(), Pace::default())).unwrap();
    wait(sequencer.tick()).unwrap();
    let at = sequencer.published().checkpoint.clone();
    db.read(|conn| {
        assert_eq!(root_of_tiles(StoredTiles::new(conn), at.size)?, at.root);
        for line in answered {
            let [what, number, hash] = line.split(' ').collect::<Vec<_>>()[..] else { panic!() };
            let number: u64 = number.parse().unwrap();
            if what == "recorded" {
                assert_eq!(store::receipt(conn, number, &at)?.leaf().to_string(), hash, "{line}");
            } else {
                assert_eq!(store::checkpoint_at(conn, number)?.root.to_string(), hash, "{line}");
            }
        }
        Ok::<_, Error>(())
    })
    .unwrap();
}

fn story(base: &TestBase) {
    let mut answered = Vec::new();
    for point in 1.. {
        assert!(point < 500, "the child never came to its end");
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(ADDRESS, base.address())
            .env(POINT, point.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let lines =
            said.lines().filter(|l| l.starts_with("recorded ") || l.starts_with("published "));
        answered.extend(lines.map(ToOwned::to_owned));
        if output.status.success() {
            assert!(said.contains("1 passed") && point > 40, "{point}: {said}");
            break;
        }
        // Dead by abort, and not by a failed assertion.
        let signal = output.status.signal();
        assert_eq!(signal, Some(6), "{}", String::from_utf8_lossy(&output.stderr));
        if point % 8 == 0 {
            check(base, &answered);
        }
    }
    check(base, &answered);
    assert!(answered.len() > 30, "too little was answered to mean anything");
}

/// The children run this test too, and take the first way out.
#[test]
fn a_crash_at_any_statement_loses_nothing_that_was_answered_on_sqlite() {
    match (std::env::var(ADDRESS), std::env::var(POINT)) {
        (Ok(url), Ok(point)) => child(&url, point.parse().unwrap()),
        _ => story(&TestBase::sqlite()),
    }
}

#[test]
fn a_crash_at_any_statement_loses_nothing_that_was_answered_on_postgres() {
    if let Some(base) = TestBase::postgres() {
        story(&base);
    }
}
