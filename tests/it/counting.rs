//! Does any page or answer cost more because bids are there, before their unit is opened?
//!
//! A bid's row and an entry of it that cannot be read are planted: whoever touches them answers that
//! something is corrupt.

use reqwest::{Method, StatusCode};
use sealbid::db::Error;
use sealbid::opening::store;
use sealbid::record::store::entry;
use sealbid::tender::statements::Stage;
use sealbid::tender::units;
use sealbid::web::ROUTES;

use crate::on_both;
use crate::play::Play;
use crate::registration::operator;
use crate::server::regulator;
use crate::support::wait;

on_both! {
    fn before_the_opening_nothing_that_anybody_may_ask_for_touches_a_bid(base: TestBase) {
        let play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        for n in 0..2 {
            play.bid(n, &unit);
        }
        play.server.beat();
        let app = play.server.app();
        let tender = app.db().read(|conn| units::unit(conn, unit)).unwrap().unit.body().tender;
        let size = app.platform.sequencer.published().checkpoint.size;
        let is_pad = |index: &u64| app.db().read(|conn| entry(conn, *index)).unwrap().is_none();
        let pad = (0..size).rev().find(is_pad).unwrap();
        base.meddle("UPDATE envelope SET accepted_index = -1").unwrap();
        base.meddle(&format!(
            "INSERT INTO entry (idx, salt, event, kind, level, unit, author, at) \
             SELECT {pad}, salt, event, 'sealbid/accepted/v1', 'sealed:{unit}', '{unit}', 'nobody', at \
             FROM entry WHERE idx = 0"
        )).unwrap();
        let corrupt = |read: Result<(), Error>| matches!(read, Err(Error::Corrupt(_)));
        assert!(corrupt(app.db().read(|conn| store::envelopes(conn, &unit).map(drop))), "planted");
        assert!(corrupt(app.db().read(|conn| entry(conn, pad).map(drop))), "planted");

        let login = |key| Some(play.server.login(key));
        let readers = [
            None,
            login(&play.bidders[0].key),
            login(&play.bidders[2].key),
            login(&play.buyer.key),
            login(&operator()),
            login(&regulator()),
        ];
        let mut done = 0;
        for (_, path) in ROUTES.iter().filter(|(method, _)| *method == "GET") {
            let id = if path.contains("/tenders/") { tender.to_string() } else { unit.to_string() };
            let path = path.replace("{id}", &id).replace("{index}", &pad.to_string());
            let path = path.replace("{line}", &"0".repeat(64)).replace("{path:.*}", "entries/000");
            for reader in &readers {
                let bearer = reader.as_ref().map(|token| format!("Bearer {token}"));
                let headers: Vec<_> = bearer.iter().map(|it| ("authorization", it.as_str())).collect();
                let answer = play.server.ask(Method::GET, &path, &headers, None);
                assert!(answer.status().as_u16() < 500, "{path}: {}", answer.status());
                done += usize::from(answer.status() == StatusCode::OK);
                // What is streamed is read to its end.
                wait(answer.bytes()).unwrap();
            }
        }
        assert!(done > 60, "{done} answers say something");
        let cases = ["units", "tenders"].map(|of| {
            let id = if of == "units" { unit.to_string() } else { tender.to_string() };
            let public = play.server.get(&format!("/api/v1/{of}/{id}/case"), None).0;
            let auditors = format!("/api/v1/{of}/{id}/case/auditor");
            (public, play.server.get(&auditors, readers[5].as_deref()).0)
        });
        assert_eq!(cases, [(StatusCode::OK, StatusCode::OK); 2]);
        let line = format!("/api/v1/units/{unit}/lines/{}/documents", "0".repeat(64));
        assert_eq!(play.server.get(&line, readers[1].as_deref()).1["code"], "opening-not-opened");
    }
}
