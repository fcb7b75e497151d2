//! Does every statement find its rows by an index, however long the record is?
//!
//! Whatever any test of this binary sends to SQLite is explained once, in an empty database of its own:
//! SQLite plans without statistics, so the plan is the one that a platform of ten years has. A statement
//! that walks a table which grows fails the test that sent it.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::{Mutex, Once, PoisonError};

use diesel::connection::{
    Connection, Instrumentation, InstrumentationEvent, SimpleConnection,
    set_default_instrumentation,
};
use diesel::prelude::*;
use diesel::sql_types::Text;

/// Tables of one row, or of one for each instance.
const SMALL: [&str; 5] = ["origin", "head", "alive", "instance", "folder"];

/// Indices of what waits to be done, whose rows leave them when it is.
const QUEUES: [&str; 5] = [
    "application_waiting",
    "envelope_awaited",
    "envelope_to_delete",
    "unit_amending",
    "upload_expired",
];

/// Statements that walk a table for a reason.
const WALKS: [&str; 14] = [
    // A roster comes into force and is placed behind every body's statements.
    "FROM `credential` GROUP BY `credential`.`enterprise`",
    // Tests look at all that there is.
    "SELECT `entry`.`idx` FROM `entry` ORDER BY `entry`.`idx`",
    "SELECT `checkpoint`.`size` FROM `checkpoint` ORDER BY `checkpoint`.`size`",
    "SELECT COUNT(*) FROM `entry`",
    "SELECT COUNT(*) FROM `upload`",
    "SELECT COUNT(*) FROM `tender`",
    "SELECT COUNT(*) FROM `idempotency`",
    "UPDATE `idempotency` SET `answer` = ?",
    "SELECT `challenge_used`.`nonce` FROM `challenge_used`",
    "SELECT `envelope`.`state` FROM `envelope` ORDER BY `envelope`.`accepted_index`",
    "FROM (`envelope` LEFT OUTER JOIN `unit` ON (`unit`.`unit_id` = `envelope`.`unit`))",
    "SELECT `envelope`.`blob`, `envelope`.`blob_sha256` FROM `envelope` WHERE (`envelope`.`state` = ?)",
    "`chain`.`sha256`, `chain`.`accepted_index` FROM `chain`",
    "SELECT `unit`.`unit_id`, `unit`.`state` FROM `unit`",
];

thread_local! {
    /// Explaining sends statements itself.
    static EXPLAINING: Cell<bool> = const { Cell::new(false) };
}

/// An empty database, and what was explained in it.
struct Desk {
    conn: SqliteConnection,
    seen: HashSet<String>,
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// Explains every statement of every connection that is opened from now on.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        set_default_instrumentation(|| Some(Box::new(explain) as Box<dyn Instrumentation>))
            .unwrap();
    });
}

#[expect(clippy::needless_pass_by_value, reason = "the trait hands it over")]
fn explain(event: InstrumentationEvent<'_>) {
    let InstrumentationEvent::StartQuery { query, .. } = event else { return };
    if EXPLAINING.replace(true) {
        return;
    }
    let found = walks(&query.to_string());
    EXPLAINING.set(false);
    if let Some(found) = found {
        panic!("{found}");
    }
}

/// What a statement walks through, if it is one for SQLite that reads or changes rows.
fn walks(query: &str) -> Option<String> {
    static DESK: Mutex<Option<Desk>> = Mutex::new(None);
    let text = query.split(" -- binds: ").next().unwrap_or_default().trim();
    let is_ours = ["SELECT ", "UPDATE ", "DELETE "].iter().any(|verb| text.starts_with(verb));
    if !is_ours || !text.contains('`') {
        return None;
    }
    let mut desk = DESK.lock().unwrap_or_else(PoisonError::into_inner);
    let desk = desk.get_or_insert_with(Desk::new);
    if !desk.seen.insert(text.to_owned()) {
        return None;
    }
    let plan = desk.plan(text);
    let walked = plan.iter().find(|step| is_walk(step) || is_through_sealed(step))?;
    let is_allowed = WALKS.iter().any(|end| text.ends_with(end));
    (!is_allowed && !is_first_few(text, &plan)).then(|| format!("{walked}: {text}\n{plan:#?}"))
}

impl Desk {
    fn new() -> Self {
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite");
        let mut steps: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|step| step.unwrap().path()).collect();
        steps.sort();
        for step in steps {
            conn.batch_execute(&std::fs::read_to_string(step.join("up.sql")).unwrap()).unwrap();
        }
        Self { conn, seen: HashSet::new() }
    }

    fn plan(&mut self, text: &str) -> Vec<String> {
        let explained = diesel::sql_query(format!("EXPLAIN QUERY PLAN {text}"));
        let steps: Vec<Step> = explained.load(&mut self.conn).unwrap_or_default();
        steps.into_iter().map(|step| step.detail).collect()
    }
}

/// Whether a step goes through all rows of a table that grows, or makes an index of them first.
fn is_walk(step: &str) -> bool {
    let mut words = step.split(' ');
    let (verb, table) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let grows = !table.starts_with('(') && table != "CONSTANT" && !SMALL.contains(&table);
    let goes_through = match verb {
        "SCAN" => !QUEUES.iter().any(|queue| step.ends_with(queue)),
        // An aggregate over all rows is called so too.
        "SEARCH" => !step.contains(" USING "),
        _ => false,
    };
    (grows && goes_through) || step.contains("AUTOMATIC")
}

/// Whether a step goes through all entries of a unit, sealed ones with them: it takes the longer the more
/// bids there are, and whoever may ask for it counts them.
fn is_through_sealed(step: &str) -> bool {
    step.ends_with("entry_of_unit (unit=?)")
}

/// Whether a walk ends after the first rows: nothing is filtered, sorted or counted in it.
fn is_first_few(text: &str, plan: &[String]) -> bool {
    text.contains(" LIMIT ") && !text.contains(" WHERE ") && plan.len() == 1
}

#[test]
fn a_walk_is_told_from_a_search() {
    let found = |text: &str| walks(text).is_some();
    assert!(found("SELECT `unit`.`note` FROM `unit` WHERE `unit`.`state` <> ?"));
    assert!(found("SELECT `chain`.`unit` FROM `chain` WHERE `chain`.`seq` = ? LIMIT ?"));
    assert!(found("SELECT MAX(`envelope`.`arrived_at`) FROM `envelope`"));
    assert!(found("SELECT `downtime`.`from_at` FROM `downtime` ORDER BY `downtime`.`from_at`"));
    assert!(!found("SELECT `chain`.`unit` FROM `chain` WHERE `chain`.`bidder` = ?"));
    let of_unit = "SELECT `entry`.`idx` FROM `entry` WHERE `entry`.`unit` = ? AND ";
    assert!(found(&format!("{of_unit}`entry`.`level` = ? ORDER BY `entry`.`idx`")));
    assert!(!found(&format!("{of_unit}level = 'public' ORDER BY `entry`.`idx`")));
    assert!(!found(&format!("{of_unit}`entry`.`kind` = ? ORDER BY `entry`.`idx`")));
    assert!(!found(
        "SELECT `checkpoint`.`at` FROM `checkpoint` ORDER BY `checkpoint`.`size` LIMIT ?"
    ));
}
