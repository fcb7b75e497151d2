//! What do the record's questions cost when it is long?
//!
//! Counted in statements and by PostgreSQL's own plans, never in time: SQLite's are what `plans` holds
//! every statement to.

use std::sync::{Arc, Mutex};

use diesel::connection::{Connection as _, Instrumentation, InstrumentationEvent};
use diesel::prelude::*;
use diesel::sql_types::Text;
use sealbid::clock::Time;
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::db::{Conn, DatabaseUrl, Db, Error};
use sealbid::ids::{EnterpriseId, UnitId};
use sealbid::opening::disclosed::sight::{Sight, pads_below, visible, waiting};
use sealbid::record::cosigned::{self, Which};
use sealbid::record::store as record;
use sealbid::tender::{outage, units};
use sealbid::{auth, bid, enterprise, opening, tender};

use crate::on_both;
use crate::support::{START, TestBase};

/// Checkpoints of the long record: one in half a minute, for some days.
const CHECKPOINTS: i64 = 20_000;
const EVERY_MS: i64 = 30_000;

/// A record as it is after a while: four custodians cosigned each checkpoint a second later.
fn fill(base: &TestBase) {
    let bytes = match &base.url {
        DatabaseUrl::Sqlite(_) => "zeroblob(32)",
        DatabaseUrl::Postgres(_) => "decode(repeat('00', 32), 'hex')",
    };
    let (start, many) = (START.millis(), CHECKPOINTS);
    let numbers = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many})"
    );
    for insert in [
        format!(
            "INSERT INTO checkpoint {numbers} SELECT 8 * i, {bytes}, {start} + i * {EVERY_MS}, 'n' FROM n"
        ),
        format!(
            "INSERT INTO cosignature {numbers} \
             SELECT 8 * i, c.name, 'l', {start} + i * {EVERY_MS} + 1000 FROM n, \
             (SELECT 'old-1' AS name UNION SELECT 'old-2' UNION SELECT 'old-3' UNION SELECT 'old-4') AS c"
        ),
        format!(
            "INSERT INTO entry {numbers} \
             SELECT 8 * i, {bytes}, {bytes}, 'k' || (i % 9), 'public', 'u' || (i % 50), NULL, {start} FROM n"
        ),
        "INSERT INTO tender (id, procuring_entity, title, state, plan, drafted_at) \
         VALUES ('t', 'b', 't', 'draft', '', 1)"
            .to_owned(),
        "INSERT INTO lot VALUES ('l', 't', 1, 'title')".to_owned(),
        format!(
            "INSERT INTO unit (unit_id, tender, lot, stage, note, state, deadline, open_at, \
             challenge_ms, min, release_by, t, n, proposed_index, last_sha256) {numbers} \
             SELECT 'u' || i, 't', 'l', 'single', 'n', 'opened', 1, 1, 1, 1, 'time', 2, 4, 1, {bytes} FROM n"
        ),
        format!(
            "INSERT INTO chain {numbers} \
             SELECT 'u' || i, 'b' || (i % 50), 'b', 1, {bytes}, 'manifest', 'k', i FROM n"
        ),
        format!(
            "INSERT INTO upload {numbers} \
             SELECT 'f' || i, 'b' || (i % 50), 1, NULL, 'used', 'bid', {start} FROM n"
        ),
        format!("INSERT INTO downtime {numbers} SELECT 10 * i, 10 * i + 5 FROM n"),
    ] {
        base.meddle(&insert).unwrap();
    }
    if matches!(base.url, DatabaseUrl::Postgres(_)) {
        base.meddle("ANALYZE").unwrap();
    }
}

/// The statements that a question sends.
fn sent<T: Send>(
    db: &Db,
    question: impl FnOnce(&mut Conn) -> Result<T, Error> + Send,
) -> (T, Vec<String>) {
    let texts = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&texts);
    let tell = move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let text = query.to_string();
            told.lock().unwrap().push(text.split(" -- binds: ").next().unwrap().trim().to_owned());
        }
    };
    let answer = db.read(|conn| {
        listen(conn, tell);
        let answer = question(conn);
        listen(conn, |_: InstrumentationEvent<'_>| {});
        answer
    });
    let texts = std::mem::take(&mut *texts.lock().unwrap());
    (answer.unwrap(), texts)
}

fn listen(conn: &mut Conn, tell: impl Instrumentation) {
    match conn {
        Conn::Pg(c) => c.set_instrumentation(tell),
        Conn::Sqlite(c) => c.set_instrumentation(tell),
    }
}

fn names(roster: &str) -> Vec<String> {
    (1..=4).map(|number| format!("{roster}-{number}")).collect()
}

/// The instant of a checkpoint's cosignatures.
fn hour(number: i64) -> Time {
    START.plus(number * EVERY_MS + 1_000)
}

on_both! {
    fn a_checkpoint_is_found_in_a_long_record_by_a_few_statements(base: TestBase) {
        fill(&base);
        let db = base.open();
        let (old, new) = (names("old"), names("new"));
        let (ever, half) = (Time::from_millis(0), CHECKPOINTS / 2);
        let find = |names: &[String], after: i64, from: Time, which: Which| {
            let after = u64::try_from(after).unwrap();
            let ask = |conn: &mut Conn| cosigned::by(conn, names, 3, after, from, which);
            let (found, sent) = sent(&db, ask);
            assert!(sent.iter().all(|text| text.contains(" LIMIT ")), "{sent:#?}");
            (found.map(|found| i64::try_from(found.size).unwrap() / 8), sent.len())
        };
        // Each of four is asked how far it came; then the nearest checkpoints are read.
        assert_eq!(find(&old, 8, ever, Which::Last), (Some(CHECKPOINTS), 5));
        assert_eq!(find(&old, 8 * half, ever, Which::First), (Some(half + 1), 5));
        assert_eq!(find(&old, 8, hour(half), Which::First), (Some(half), 9));
        assert_eq!(find(&old, 8, hour(half), Which::Last), (Some(CHECKPOINTS), 9));
        // Custodians that cosigned nothing yet, an hour that has not come.
        assert_eq!(find(&new, 8, ever, Which::Last), (None, 4));
        assert_eq!(find(&old, 8, hour(CHECKPOINTS + 1), Which::Last), (None, 8));
        assert_eq!(find(&old, 8 * CHECKPOINTS, ever, Which::First), (None, 4));

        let before = |names: &[String], index: u64, until: Time| {
            sent(&db, |conn| cosigned::from_before(conn, names, (4, 2), index, until))
        };
        let (found, told) = before(&old, 8, hour(half));
        assert_eq!((found, told.len()), (Some(16), 5));
        let (found, told) = before(&new, 8, hour(half));
        assert_eq!((found, told.len()), (None, 8));
        let (found, told) = before(&old, 8, hour(2));
        assert_eq!((found, told.len()), (None, 8), "none holds it before that");
    }
}

on_both! {
    fn a_clock_that_was_set_back_hides_no_checkpoint_from_before_an_hour(base: TestBase) {
        fill(&base);
        let start = START.millis();
        let back = format!(
            "INSERT INTO cosignature SELECT size, 'back-' || substr(custodian, 5), line, \
             CASE size WHEN 24 THEN {start} + 50000 ELSE {start} + 100000 END \
             FROM cosignature WHERE custodian LIKE 'old-%' AND size <= 24"
        );
        base.meddle(&back).unwrap();
        let db = base.open();
        let find = |until| {
            let until = START.plus(until);
            db.read(|conn| cosigned::from_before(conn, &names("back"), (4, 2), 16, until)).unwrap()
        };
        assert_eq!((find(50_000), find(50_001), find(100_001)), (None, Some(24), Some(24)));
    }
}

on_both! {
    fn a_checkpoint_is_found_however_far_off_it_is(base: TestBase) {
        fill(&base);
        // Two of four sleep through the last tenth, and one of the others through another.
        let awake = 8 * (CHECKPOINTS - CHECKPOINTS / 10);
        let table = "INSERT INTO cosignature SELECT size, 'half-' || substr(custodian, 5), line, at \
                     FROM cosignature WHERE custodian LIKE 'old-%'";
        let whole = format!("{table} AND size <= {awake}");
        let rest = format!(
            "{table} AND size > {awake} AND (custodian = 'old-1' AND size % 16 = 0 \
             OR custodian = 'old-2' AND size % 16 = 8)"
        );
        base.meddle(&whole).unwrap();
        base.meddle(&rest).unwrap();
        let db = base.open();
        let find = |k| {
            let ask = |conn: &mut Conn| {
                cosigned::by(conn, &names("half"), k, 0, Time::from_millis(0), Which::Last)
            };
            db.read(ask).unwrap().map(|found| i64::try_from(found.size).unwrap())
        };
        assert_eq!((find(1), find(3)), (Some(8 * CHECKPOINTS), Some(awake)));
        // Those that are awake never cosigned the same one.
        assert_eq!(find(2), Some(awake));
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    plan: String,
}

/// The questions that a submission, a checkpoint, a receipt, a close or a page asks.
fn ask_all(conn: &mut Conn) -> Result<(), Error> {
    let entropy = SystemEntropy::new();
    let (body, id) = (EnterpriseId::random(&entropy)?, UnitId(Hash::of(b"u")));
    let (hash, witnesses, now) = (Hash::of(b"a"), names("old"), START);
    cosigned::by(conn, &witnesses, 3, 8, START, Which::First)?;
    cosigned::by(conn, &witnesses, 3, 8, START, Which::Last)?;
    cosigned::from_before(conn, &witnesses, (4, 2), 8, hour(9))?;
    cosigned::between(conn, &witnesses, 8, START, hour(2))?;
    record::last_cosigned(conn, "old-1")?;
    record::entries_of_unit(conn, &id, "k1")?;
    units::decided_size(conn, &id)?;
    units::proposed(conn)?;
    units::amending(conn)?;
    units::lapsing(conn, now)?;
    units::rosters_of_open(conn)?;
    waiting(conn)?;
    pads_below(conn)?;
    visible(conn, &Sight::Public, &(0..256))?;
    visible(conn, &Sight::Named(body), &(0..256))?;
    visible(conn, &Sight::All, &(0..256))?;
    opening::store::due_before(conn, now)?;
    opening::store::has_bid(conn, &id, body)?;
    opening::store::envelopes(conn, &id)?;
    assert!(matches!(bid::store::place(conn, id, body, None), Err(Error::NotFound)));
    bid::store::heads_of(conn, body)?;
    bid::store::refused_before(conn, &hash, "late")?;
    bid::store::uploads::on_the_way(conn, body)?;
    bid::store::uploads::growing(conn, body, 1)?;
    outage::was_down(conn, now)?;
    tender::store::published(conn, None, 10)?;
    tender::store::drafts(conn, body, None, 10)?;
    enterprise::credential_notes(conn, body)?;
    enterprise::store::keys(conn, body)?;
    auth::store::sessions_of(conn, &auth::Actor::Regulator, now)?;
    Ok(())
}

// SQLite's plans of the same are held to by `plans`.
on_both! {
    fn no_question_goes_through_a_table_that_grows(base: TestBase) {
        fill(&base);
        let db = base.open();
        let ((), texts) = sent(&db, ask_all);
        assert!(texts.len() > 30);
        let plans = db.read(|conn| Ok::<_, Error>(texts.iter().map(|text| plan(conn, text)).collect()));
        let plans: Vec<String> = plans.unwrap();
        let grown = ["cosignature", "checkpoint", "entry", "unit", "chain", "upload", "downtime"];
        for (plan, text) in plans.iter().zip(&texts) {
            let scan = |table: &&&str| plan.contains(&format!("Seq Scan on {table}"));
            assert_eq!(grown.iter().find(scan), None, "{text}\n{plan}");
        }
    }
}

/// PostgreSQL's plan for any values; nothing on SQLite.
fn plan(conn: &mut Conn, text: &str) -> String {
    let Conn::Pg(c) = conn else { return String::new() };
    let holes = (1..).take_while(|number| text.contains(&format!("${number}"))).count();
    let nulls = vec!["NULL"; holes].join(", ");
    let values = if holes == 0 { String::new() } else { format!("({nulls})") };
    let run = |c: &mut _, sql: &str| diesel::sql_query(sql).execute(c).map(drop);
    // The invented rows are more alike than real ones: what is asked is whether an index fits.
    run(c, "SET plan_cache_mode = force_generic_plan").unwrap();
    run(c, "SET enable_seqscan = off").unwrap();
    run(c, &format!("PREPARE asked AS {text}")).unwrap();
    let lines: Vec<Line> =
        diesel::sql_query(format!("EXPLAIN EXECUTE asked{values}")).load(c).unwrap();
    run(c, "DEALLOCATE asked").unwrap();
    lines.into_iter().map(|line| line.plan + "\n").collect()
}
