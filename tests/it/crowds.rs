//! Do those who only look cost those who act anything?

use std::sync::mpsc::channel;

use diesel::prelude::*;
use diesel::sql_types::Text;
use reqwest::StatusCode;
use sealbid::db::{Conn, Error};
use sealbid::record::store;

use crate::on_both;
use crate::registration::key;
use crate::server::Server;

on_both! {
    fn whoever_acts_is_known_while_every_reader_of_pages_is_taken(base: TestBase) {
        let server = Server::start(&base);
        server.register(1, 1);
        let token = server.login(&key(1, 1));
        let db = server.app().db().clone();
        let (taken, count) = channel();
        let (hold, until) = channel::<()>();
        let until = std::sync::Mutex::new(until);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let (db, taken, until) = (db.clone(), taken.clone(), &until);
                scope.spawn(move || db.read(|_| {
                    taken.send(()).unwrap();
                    assert!(until.lock().unwrap().recv().is_err());
                    Ok::<_, Error>(())
                }));
            }
            (0..4).for_each(|_| count.recv().unwrap());
            let ended = server.ask_as(reqwest::Method::DELETE, "/api/v1/login", Some(&token), None);
            drop(hold);
            assert_eq!(ended.0, StatusCode::NO_CONTENT, "{}", ended.1);
        });
    }
}

on_both! {
    fn the_last_cosignature_is_found_by_its_index(base: TestBase) {
        let server = Server::with_agents(&base);
        (1..=3).for_each(|n| {
            server.register(n, u8::try_from(n).unwrap());
            server.beat();
        });
        let db = server.app().db();
        let size = server.app().platform.sequencer.published().checkpoint.size;
        let last = db.read(|conn| store::last_cosigned(conn, "1/c1")).unwrap();
        assert_eq!(last.map(|(size, _)| size), Some(size));
        assert_eq!(db.read(|conn| store::last_cosigned(conn, "1/c9")).unwrap(), None);
        let plan = db.read(plan).unwrap();
        assert!(plan.contains("INDEX") && !plan.contains("SCAN C"), "{plan}");
    }
}

#[derive(QueryableByName)]
struct Sqlite {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct Postgres {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    step: String,
}

/// What the database makes of the question for a custodian's last cosignature, in capitals.
fn plan(conn: &mut Conn) -> Result<String, Error> {
    let question = "SELECT size, at FROM cosignature WHERE custodian = 'c1' \
                    ORDER BY size DESC LIMIT 1";
    let steps: Vec<String> = match conn {
        Conn::Sqlite(c) => {
            let sql = format!("EXPLAIN QUERY PLAN {question}");
            let steps: Vec<Sqlite> = diesel::sql_query(sql).load(c)?;
            steps.into_iter().map(|step| step.detail).collect()
        }
        Conn::Pg(c) => {
            // A table of a few rows is read whole unless told otherwise.
            diesel::sql_query("SET LOCAL enable_seqscan = off").execute(c)?;
            let steps: Vec<Postgres> = diesel::sql_query(format!("EXPLAIN {question}")).load(c)?;
            steps.into_iter().map(|step| step.step).collect()
        }
    };
    Ok(steps.join("\n").to_uppercase())
}
