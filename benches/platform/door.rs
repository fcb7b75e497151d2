//! How many acts a second the one door commits: `door [SECONDS]`.
//!
//! Each caller waits for the commit of its act before it sends the next. An act is what a use-case
//! leaves: an event of 500 bytes and a row of its own; the sequencer integrates at the production
//! cadence meanwhile, tiles, checkpoint and all. Beside it the same door with one act to a commit,
//! which is what a lock for each act comes to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use sealbid::clock::SystemClock;
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::db::schema::refused;
use sealbid::db::{Db, Error, Options, Tx};
use sealbid::on_each;
use sealbid::record::append::Event;
use sealbid::record::disclosure::Level;
use sealbid::record::leaf::PadKey;
use sealbid::record::sequencer::{Keys, Pace, Sequencer};
use tokio::sync::Semaphore;

use crate::bases;
use crate::support::{self, TestBase};

const CALLERS: usize = 64;
const DELAY: Duration = Duration::from_millis(5);

/// How the callers come to the door.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// All at once: their acts share commits.
    Together,
    /// One after the other: a lock and a commit for each act.
    OneByOne,
}

/// `door [SECONDS]`
pub fn run(numbers: &[usize]) {
    let seconds = numbers.first().copied().unwrap_or(5);
    let lasting = Duration::from_secs(seconds as u64);
    for (name, base) in bases() {
        for delay in [None, Some(DELAY)] {
            let rates = [Way::Together, Way::OneByOne].map(|way| {
                // A fresh database each time, so that none starts with the other's rows.
                base().map(|base| support::wait(measure(&base, delay, way, lasting)))
            });
            if let [Some(together), Some(alone)] = rates {
                let added = delay.map_or(0, |delay| delay.as_millis());
                println!(
                    "{name}, {added} ms added to a commit, {CALLERS} callers: together {together}; \
                     one act to a commit {alone}; ratio {:.1}",
                    together.rate / alone.rate
                );
            }
        }
    }
}

/// What one run came to.
struct Figures {
    rate: f64,
    median: Duration,
    p99: Duration,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (median, p99) = (self.median.as_secs_f64() * 1e3, self.p99.as_secs_f64() * 1e3);
        write!(f, "{:.0} acts/s (median {median:.1} ms, p99 {p99:.1} ms)", self.rate)
    }
}

async fn measure(base: &TestBase, delay: Option<Duration>, way: Way, lasting: Duration) -> Figures {
    let mut options = Options::new(Arc::new(SystemClock), Arc::new(SystemEntropy::new()));
    options.hooks.commit_delay = delay;
    // Connecting blocks, and PostgreSQL's connections have runtimes of their own.
    let url = base.url.clone();
    let opened = std::thread::spawn(move || Db::open(&url, options).expect("a database"));
    let db = opened.join().expect("opened");
    let log = SigningKey::from_seed("bench.example/record", KeyKind::Statement, &[1; 32]);
    let keys = Keys { log: log.expect("a key"), pads: PadKey::from_bytes([9; 32]) };
    let sequencer = Sequencer::open(db.clone(), keys, Pace::default()).await.expect("a record");
    let sequencer = Arc::new(sequencer);
    let ticking = Arc::clone(&sequencer);
    let ticking = tokio::spawn(async move { ticking.run().await });
    let room = Arc::new(Semaphore::new(if way == Way::Together { CALLERS } else { 1 }));
    let began = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| tokio::spawn(call(db.clone(), caller, Arc::clone(&room), began + lasting)))
        .collect();
    let mut waits = Vec::new();
    for caller in callers {
        waits.extend(caller.await.expect("a caller"));
    }
    let took = began.elapsed();
    let integrated = sequencer.integrated(waits.len() as u64 - 1).await.unwrap();
    assert!(integrated.checkpoint.size >= waits.len() as u64, "every act is on the record");
    ticking.abort();
    waits.sort_unstable();
    let (median, p99) = (waits[waits.len() / 2], waits[waits.len() * 99 / 100]);
    Figures { rate: waits.len() as f64 / took.as_secs_f64(), median, p99 }
}

/// Acts one after the other until the end; gives how long each waited for its commit.
async fn call(db: Db, caller: usize, room: Arc<Semaphore>, end: Instant) -> Vec<Duration> {
    let mut waits = Vec::new();
    while Instant::now() < end {
        let turn = room.acquire().await.expect("never closed");
        let began = Instant::now();
        let number = (caller, waits.len());
        db.write(move |tx| act(tx, number)).await.expect("committed");
        waits.push(began.elapsed());
        drop(turn);
    }
    waits
}

fn act(tx: &mut Tx<'_>, (caller, number): (usize, usize)) -> Result<(), Error> {
    let bytes = format!("{caller:>8}{number:>492}").into_bytes();
    let sha256 = Hash::of(&bytes);
    let event = Event { kind: "bench/act/v1", level: Level::Public, unit: None, bytes };
    let at = tx.record(event)?;
    let row = diesel::insert_into(refused::table).values((
        refused::sha256.eq(sha256.as_bytes().to_vec()),
        refused::unit.eq("none"),
        refused::code.eq("bench"),
        refused::idx.eq(at.index as i64),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}
