//! Is there one door for writes, and does it hold on both databases?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel::prelude::*;
use sealbid::db::schema::{checkpoint, cosignature, entry, tile};
use sealbid::db::{self, Db, Error, FaultPoints, Point, Tx};
use sealbid::on_each;
use sealbid::record::append::{Event, Recorded};
use sealbid::record::disclosure::Level;
use sealbid::record::store;

use crate::on_both;
use crate::support::{START, TestBase};

fn event(text: &str) -> Event {
    let (kind, level, bytes) = ("test/v1", Level::Public, text.as_bytes().to_vec());
    Event { kind, level, unit: None, bytes }
}

/// A row of a feature: any table outside the record's own would do.
fn insert_checkpoint(tx: &mut Tx<'_>, size: i64) -> Result<(), Error> {
    let row = diesel::insert_into(checkpoint::table).values((
        checkpoint::size.eq(size),
        checkpoint::root.eq(vec![0_u8; 32]),
        checkpoint::at.eq(0),
        checkpoint::note.eq("none"),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}

fn checkpoints(db: &Db) -> Vec<i64> {
    let query = checkpoint::table.select(checkpoint::size).order(checkpoint::size);
    db.read(|conn| on_each!(conn, |c| query.load(c)).map_err(Error::from)).unwrap()
}

fn indices(db: &Db) -> Vec<i64> {
    let query = entry::table.select(entry::idx).order(entry::idx);
    db.read(|conn| on_each!(conn, |c| query.load(c)).map_err(Error::from)).unwrap()
}

on_both! {
    fn eight_hundred_concurrent_acts_leave_no_gap(base: TestBase) {
        let db = base.open();
        let runtime = crate::support::runtime();
        let mut recorded: Vec<u64> = runtime.block_on(async {
            let acts: Vec<_> = (0..800)
                .map(|i| {
                    let db = db.clone();
                    tokio::spawn(async move {
                        db.write(move |tx| tx.record(event(&format!("act {i}")))).await
                    })
                })
                .collect();
            let mut recorded = Vec::new();
            for act in acts {
                recorded.push(act.await.unwrap().unwrap().index);
            }
            recorded
        });
        recorded.sort_unstable();
        assert_eq!(recorded, (0..800).collect::<Vec<_>>());
        assert_eq!(indices(&db), (0..800).collect::<Vec<_>>());
    }
}

on_both! {
    fn two_instances_on_one_database_share_the_indices(base: TestBase) {
        let instances = [base.open(), base.open()];
        let threads: Vec<_> = instances
            .into_iter()
            .map(|db| {
                std::thread::spawn(move || {
                    for i in 0..50 {
                        db.write_blocking(move |tx| tx.record(event(&i.to_string()))).unwrap();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!(indices(&base.open()), (0..100).collect::<Vec<_>>());
    }
}

on_both! {
    fn an_act_that_fails_undoes_itself_and_leaves_its_neighbours(base: TestBase) {
        let db = base.open();
        // A batch that holds the door until all the others are queued.
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let runtime = crate::support::runtime();
        let outcomes: Vec<Result<Recorded, Error>> = runtime.block_on(async {
            let first = tokio::spawn({
                let db = db.clone();
                async move { db.write(move |tx| { wait.recv().unwrap(); tx.record(event("first")) }).await }
            });
            let mut acts = vec![first];
            for i in 1..=20_i64 {
                let db = db.clone();
                acts.push(tokio::spawn(async move {
                    db.write(move |tx| {
                        let recorded = tx.record(event(&i.to_string()))?;
                        insert_checkpoint(tx, i)?;
                        match i % 4 {
                            1 => Err(Error::lost_race("the test")),
                            2 => insert_checkpoint(tx, i).map(|()| recorded),
                            3 => panic!("in an act"),
                            _ => Ok(recorded),
                        }
                    })
                    .await
                }));
            }
            go.send(()).unwrap();
            let mut outcomes = Vec::new();
            for act in acts {
                outcomes.push(act.await.unwrap());
            }
            outcomes
        });
        for (i, outcome) in outcomes.iter().enumerate().skip(1) {
            match i % 4 {
                1 | 2 => assert!(matches!(outcome, Err(Error::Conflict(_))), "{outcome:?}"),
                3 => assert!(matches!(outcome, Err(Error::Backend(why)) if why.contains("in an act"))),
                _ => assert!(outcome.is_ok(), "{outcome:?}"),
            }
        }
        assert_eq!(checkpoints(&db), [4, 8, 12, 16, 20]);
        assert_eq!(indices(&db), (0..6).collect::<Vec<_>>());
    }
}

on_both! {
    fn rows_changed_without_an_event_are_an_error(base: TestBase) {
        let db = base.open();
        let refused = db.write_blocking(|tx| insert_checkpoint(tx, 1));
        assert!(matches!(refused, Err(Error::Backend(why)) if why.contains("without an event")));
        assert!(checkpoints(&db).is_empty());
        // With an event, with a stated reason, and without a change it passes.
        db.write_blocking(|tx| { tx.record(event("said"))?; insert_checkpoint(tx, 2) }).unwrap();
        db.write_blocking(|tx| { tx.unrecorded("a test"); insert_checkpoint(tx, 3) }).unwrap();
        db.write_blocking(|tx| { tx.conn(); Ok::<_, Error>(()) }).unwrap();
        assert_eq!(checkpoints(&db), [2, 3]);
    }
}

on_both! {
    fn a_reader_cannot_write(base: TestBase) {
        let db = base.open();
        let row = diesel::insert_into(checkpoint::table).values((
            checkpoint::size.eq(1),
            checkpoint::root.eq(vec![0_u8; 32]),
            checkpoint::at.eq(0),
            checkpoint::note.eq("none"),
        ));
        let refused = db.read(|conn| on_each!(conn, |c| row.execute(c)).map_err(Error::from));
        assert!(matches!(refused, Err(Error::Backend(_))), "{refused:?}");
        assert!(checkpoints(&db).is_empty());
    }
}

on_both! {
    fn a_reader_sees_one_snapshot(base: TestBase) {
        let db = base.open();
        let query = || entry::table.count();
        db.read(|conn| {
            let before: i64 = on_each!(&mut *conn, |c| query().get_result(c))?;
            db.write_blocking(|tx| tx.record(event("meanwhile")))?;
            let after: i64 = on_each!(conn, |c| query().get_result(c))?;
            assert_eq!((before, after), (0, 0));
            Ok::<_, Error>(())
        })
        .unwrap();
        assert_eq!(indices(&db), [0]);
    }
}

on_both! {
    fn the_database_itself_refuses_to_change_the_record(base: TestBase) {
        let db = base.open();
        db.write_blocking(|tx| {
            tx.record(event("kept"))?;
            let row = diesel::insert_into(cosignature::table).values((
                cosignature::size.eq(8),
                cosignature::custodian.eq("c1"),
                cosignature::line.eq("line"),
                cosignature::at.eq(0),
            ));
            insert_checkpoint(tx, 8)?;
            on_each!(tx.conn(), |c| row.execute(c))?;
            let row = diesel::insert_into(tile::table).values((
                tile::kind.eq("hash"),
                tile::level.eq(0),
                tile::n.eq(0),
                tile::width.eq(2),
                tile::bytes.eq(vec![1_u8; 64]),
            ));
            on_each!(tx.conn(), |c| row.execute(c))?;
            Ok::<_, Error>(())
        })
        .unwrap();
        for refused in [
            "UPDATE entry SET at = at + 1",
            "DELETE FROM entry",
            "UPDATE checkpoint SET note = 'other'",
            "DELETE FROM checkpoint",
            "UPDATE cosignature SET line = 'other'",
            "DELETE FROM cosignature",
            "DELETE FROM tile",
            "UPDATE tile SET width = 1",
            "UPDATE tile SET bytes = substr(bytes, 2)",
            "UPDATE head SET next = next - 1",
            "UPDATE head SET last_at = last_at - 1",
            "DELETE FROM head",
        ] {
            let said = base.meddle(refused).unwrap_err();
            assert!(["never", "only grow"].iter().any(|w| said.contains(w)), "{refused}: {said}");
        }
        assert_eq!(indices(&db), [0]);
        assert_eq!(checkpoints(&db), [8]);
    }
}

on_both! {
    fn a_clock_set_back_is_refused_and_a_small_step_is_not(base: TestBase) {
        let db = base.open();
        let first = db.write_blocking(|tx| tx.record(event("first"))).unwrap();
        assert_eq!(first.at, START);
        base.clock.advance(-db::BEHIND_MS);
        let second = db.write_blocking(|tx| tx.record(event("second"))).unwrap();
        assert_eq!(second.at, START, "an entry's time never goes back");
        base.clock.advance(-1);
        let third = db.write_blocking(|tx| tx.record(event("third")));
        let now = START.plus(-db::BEHIND_MS - 1);
        assert_eq!(third, Err(Error::ClockBehind { now, last: START }));
        base.clock.set(START.plus(5));
        let fourth = db.write_blocking(|tx| tx.record(event("fourth"))).unwrap();
        assert_eq!((fourth.index, fourth.at), (2, START.plus(5)));
    }
}

on_both! {
    fn what_was_recorded_is_read_back_with_its_salt_and_time(base: TestBase) {
        let db = base.open();
        let recorded = db.write_blocking(|tx| tx.record(event("said"))).unwrap();
        let entry = db.read(|conn| store::entry(conn, 0)).unwrap().unwrap();
        assert_eq!((entry.salt, entry.at, entry.index), (recorded.salt, recorded.at, 0));
        assert_eq!((entry.event, entry.level), (b"said".to_vec(), Level::Public));
        assert!(db.read(|conn| store::entry(conn, 1)).unwrap().is_none());
    }
}

/// Panics before the first statement that contains the text.
struct PanicAt(&'static str, AtomicU64);

impl FaultPoints for PanicAt {
    fn at(&self, point: Point<'_>) {
        if let Point::Before(sql) = point
            && sql.contains(self.0)
            && self.1.fetch_add(1, Ordering::SeqCst) == 0
        {
            panic!("planted");
        }
    }
}

on_both! {
    fn a_commit_that_fails_is_everybodys_failure_and_the_door_goes_on(base: TestBase) {
        let mut options = base.options();
        options.hooks.faults = Some(Arc::new(PanicAt("COMMIT", AtomicU64::new(0))));
        let db = Db::open(&base.url, options).unwrap();
        let lost = db.write_blocking(|tx| tx.record(event("lost")));
        assert!(matches!(lost, Err(Error::Backend(why)) if why.contains("planted")));
        let kept = db.write_blocking(|tx| tx.record(event("kept"))).unwrap();
        assert_eq!(kept.index, 0);
        assert_eq!(indices(&db), [0]);
    }
}

/// Counts the points that it is called at.
#[derive(Default)]
struct Count(AtomicU64);

impl FaultPoints for Count {
    fn at(&self, _point: Point<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

on_both! {
    fn the_fault_points_see_every_statement_of_the_writer(base: TestBase) {
        let count = Arc::new(Count::default());
        let mut options = base.options();
        options.check = false;
        options.hooks.faults = Some(count.clone());
        let db = Db::open(&base.url, options).unwrap();
        let before = count.0.load(Ordering::SeqCst);
        db.write_blocking(|tx| tx.record(event("one"))).unwrap();
        // Begin, (lock,) head, savepoint, entry, head, commit: each before and after.
        let steps = count.0.load(Ordering::SeqCst) - before;
        assert!((12..=14).contains(&steps), "{steps}");
    }
}

/// Counts the statements that hold a text.
struct CountOf(&'static str, AtomicU64);

impl FaultPoints for CountOf {
    fn at(&self, point: Point<'_>) {
        if matches!(point, Point::Before(sql) if sql.contains(self.0)) {
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }
}

on_both! {
    fn callers_that_wait_share_commits(base: TestBase) {
        let commits = Arc::new(CountOf("COMMIT", AtomicU64::new(0)));
        let mut options = base.options();
        options.hooks.faults = Some(commits.clone());
        // Others come while a commit takes its time.
        options.hooks.commit_delay = Some(Duration::from_millis(5));
        let db = Db::open(&base.url, options).unwrap();
        crate::support::runtime().block_on(async {
            let callers = (0..64).map(|caller| {
                let db = db.clone();
                tokio::spawn(async move {
                    for act in 0..10 {
                        let event = event(&format!("act {act} of {caller}"));
                        db.write(move |tx| tx.record(event)).await.unwrap();
                    }
                })
            });
            for caller in callers.collect::<Vec<_>>() {
                caller.await.unwrap();
            }
        });
        assert_eq!(indices(&db).len(), 640);
        let commits = commits.1.load(Ordering::SeqCst);
        assert!(commits > 0 && commits * 8 <= 640, "{commits} commits for 640 acts");
    }
}

#[test]
fn lost_connections_are_replaced_without_a_failed_act() {
    let Some(base) = TestBase::postgres() else { return };
    let db = base.open();
    for round in 0..3 {
        let index = db.write_blocking(|tx| tx.record(event("kept"))).unwrap().index;
        assert_eq!((index, indices(&db).len()), (round, usize::try_from(round).unwrap() + 1));
        base.meddle(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .unwrap();
    }
}

// By a limit that SQLite has; PostgreSQL's disk is full in `full_disks`.
#[test]
fn a_full_disk_loses_nothing_that_was_answered_and_the_door_goes_on() {
    let base = TestBase::sqlite();
    let db = base.open();
    let limit = |pages: u32| {
        db.write_blocking(move |tx| {
            tx.unrecorded("a test");
            tx.conn().batch(&format!("PRAGMA max_page_count = {pages}"))
        })
        .unwrap();
    };
    limit(1);
    let mut answered = 0;
    let full = loop {
        match db.write_blocking(|tx| tx.record(event(&"x".repeat(1000)))) {
            Ok(_) => answered += 1,
            Err(error) => break error,
        }
        assert!(answered < 1000, "the disk never got full");
    };
    assert!(matches!(&full, Error::Full(_)), "{full:?}");
    assert_eq!(indices(&db), (0..answered).collect::<Vec<_>>());
    limit(1_000_000);
    let next = db.write_blocking(|tx| tx.record(event("room again"))).unwrap();
    assert_eq!(i64::try_from(next.index), Ok(answered));
}
