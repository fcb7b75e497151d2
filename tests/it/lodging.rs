//! Does a served agent take lodged bids as it must, and answer what else is asked of it over HTTP?

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use sealbid::cli::bid::{Sending, Shown, read as read_bid};
use sealbid::cli::output::Silent;
use sealbid::clock::Clock as _;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::{Body as _, Statement};
use sealbid::custodian::home::Home;
use sealbid::custodian::wire::{
    Account, AgentStatus, AskAnswer, AskLodge, AskLodged, AskLodgedBid, LodgedReply, NoteReply,
};
use sealbid::ids::UnitId;
use sealbid::opening::rules::lodged::lodged_line;
use sealbid::opening::statements::{
    Challenged, Close, LineStatus, Lodged, OpenedLine, Opening, Query, QueryAbout, Verdict,
};
use sealbid::record::store as record;
use sealbid::tender::statements::Stage;
use sealbid::tender::units;
use serde::Serialize;
use serde_json::Value;

use crate::on_both;
use crate::play::{DEADLINE, Play, WINDOW, code, first};
use crate::registration::{ORIGIN, signed};
use crate::server::{agent_home, platform_key, read};
use crate::support::wait;

/// What bidder `n` shows a custodian.
fn shown(play: &Play, n: usize) -> Shown {
    let registered = wait(play.anybody().registered(play.bidders[n].id)).unwrap();
    Shown { credentials: registered.credentials, receipts: Vec::new() }
}

pub fn lodge(play: &Play, n: usize, bid: &Path) -> Result<Statement<Lodged>, String> {
    let client = play.client(&play.bidders[n].key);
    let custodian = "c2".parse().unwrap();
    let lodged = client.lodge(&play.pinned, &custodian, bid, shown(play, n));
    wait(lodged).map_err(|failed| code::<()>(Err(failed)))
}

fn address(play: &Play) -> &str {
    &play.server.roster.body().custodians[1].address
}

/// Asks the second custodian.
pub fn ask(play: &Play, path: &str, body: Vec<u8>) -> (StatusCode, Value) {
    let request = play.server.client.post(format!("{}{path}", address(play)));
    let request = request.header("content-type", "application/json").body(body);
    read(wait(request.send()).unwrap())
}

pub fn ask_json<T: Serialize>(play: &Play, path: &str, body: &T) -> (StatusCode, Value) {
    ask(play, path, serde_json::to_vec(body).unwrap())
}

/// A `.bid` file as it is lodged, with this manifest announced.
fn whole(play: &Play, n: usize, manifest: &str, file: &[u8]) -> Vec<u8> {
    let Shown { credentials, receipts } = shown(play, n);
    let ask = AskLodge { credentials, manifest: manifest.to_owned(), receipts };
    let mut body = serde_json::to_vec(&ask).unwrap();
    body.push(b'\n');
    body.extend_from_slice(file);
    body
}

fn manifest(bid: &Path) -> String {
    read_bid(bid).unwrap().manifest.encode()
}

/// What names a lodged bid.
fn line(word: &Statement<Lodged>) -> Hash {
    lodged_line(word.body().bidder, &word.body().manifest_sha256)
}

/// The folder of the second custodian's lodged bids.
fn kept_in(play: &Play, unit: &UnitId) -> PathBuf {
    play.server.home().join("agent2").join("lodged").join(unit.to_string())
}

fn kept(play: &Play, unit: &UnitId) -> Vec<String> {
    let Ok(files) = fs::read_dir(kept_in(play, unit)) else { return Vec::new() };
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

fn query(play: &Play, unit: UnitId) -> Query {
    let (at, custodian) = (play.server.clock.now(), "c2".parse().unwrap());
    Query { about: QueryAbout::Lodged, at, custodian, unit_id: unit }
}

/// From the deadline to the close, with the second in which a checkpoint freezes the set.
fn close(play: &Play, unit: &UnitId) -> Statement<Close> {
    play.to(DEADLINE);
    (0..3).for_each(|_| play.server.tick());
    play.to(DEADLINE.plus(1_000));
    play.until(unit, "closed");
    let close = play.unit(unit)["close"].as_str().unwrap().to_owned();
    Statement::parse(close.as_bytes()).unwrap()
}

on_both! {
    fn a_bid_lodged_while_the_portal_is_down_is_taken_in_and_opened(base: TestBase) {
        let mut play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        assert!(play.bid(0, &unit) < play.bid(1, &unit));
        let bid = play.seal(2, &unit, first(), 300_000);
        let shown = shown(&play, 2);
        play.server.stop();
        let client = play.client(&play.bidders[2].key);
        let custodian = "c2".parse().unwrap();
        let lodged = wait(client.lodge(&play.pinned, &custodian, &bid, shown)).unwrap();
        assert_eq!(lodged.body().arrived_at, play.server.clock.now());
        play.server.restart();
        assert_eq!(close(&play, &unit).body().lines.len(), 3);
        play.server.tick();
        play.server.clock.advance(WINDOW + 1);
        play.until(&unit, "opened");
        let own = line_of_third(&play, &unit);
        assert_eq!(own.arrived_at, lodged.body().arrived_at);
        assert!(matches!(own.outcome, LineStatus::Opened { .. }), "{:?}", own.outcome);
        assert_eq!(kept(&play, &unit).len(), 1, "the file of a bid in the close stays");
    }
}

on_both! {
    fn a_lodged_bid_whose_custodian_lost_its_file_is_brought_by_its_bidder(base: TestBase) {
        let play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        assert!(play.bid(0, &unit) < play.bid(1, &unit));
        let bid = play.seal(2, &unit, first(), 0);
        lodge(&play, 2, &bid).unwrap();
        fs::remove_dir_all(kept_in(&play, &unit)).unwrap();
        assert_eq!(close(&play, &unit).body().lines.len(), 3);
        let (client, envelope) = (play.client(&play.bidders[2].key), read_bid(&bid).unwrap());
        let sending = Sending { kept: None, progress: &Silent };
        wait(client.resupply(&play.pinned, &envelope, sending)).unwrap();
        play.server.tick();
        play.server.clock.advance(WINDOW + 1);
        play.until(&unit, "opened");
        let own = line_of_third(&play, &unit);
        assert!(matches!(own.outcome, LineStatus::Opened { .. }), "{:?}", own.outcome);
    }
}

/// What became of the third bidder's bid.
fn line_of_third(play: &Play, unit: &UnitId) -> OpenedLine {
    let db = &play.server.app().platform.db;
    let opening = db.read(|conn| record::entries_of_unit(conn, unit, Opening::TYPE)).unwrap();
    let opening = Statement::<Opening>::parse(&opening[0].event).unwrap();
    let is_its = |line: &&OpenedLine| line.bidder == play.bidders[2].id;
    opening.body().lines.iter().find(is_its).unwrap().clone()
}

on_both! {
    fn what_is_no_bidders_own_bid_in_time_leaves_nothing_and_replaces_nothing(base: TestBase) {
        let play = Play::new(&base, 2);
        let unit = play.publish(&[Stage::Single])[0];
        let bid = play.seal(0, &unit, first(), 0);
        let word = lodge(&play, 0, &bid).unwrap();
        let name = format!("{}.bid", line(&word));
        let stored = kept_in(&play, &unit).join(&name);
        let (bytes, note) = (fs::read(&bid).unwrap(), manifest(&bid));
        let untouched = || {
            assert_eq!(kept(&play, &unit), std::slice::from_ref(&name));
            assert_eq!(fs::read(&stored).unwrap(), bytes);
        };
        untouched();

        // The same text with a signature that is another's, announced and in the file.
        let other = manifest(&play.seal(1, &unit, first(), 0));
        let line = other.lines().last().unwrap();
        let own = note.lines().last().unwrap();
        let (_, told) = ask(&play, "/lodge", whole(&play, 0, &note.replace(own, line), &bytes));
        assert_eq!(told["code"], "custodian-signature", "{told}");
        // One character of the signature's first half is another one: never what the signer would have written.
        let (before, after) = own.split_at(own.len() - 60);
        let flipped = if after.starts_with('A') { "B" } else { "A" };
        let spoilt = note.replace(own, &format!("{before}{flipped}{}", &after[1..]));
        let (_, told) = ask(&play, "/lodge", whole(&play, 0, &spoilt, &bytes));
        assert!(told["code"] == "custodian-lodge" || told["code"] == "custodian-statement", "{told}");
        untouched();

        // A good manifest and another file; half a file; no length; no line.
        let second = play.seal(1, &unit, first(), 0);
        let (_, told) = ask(&play, "/lodge", whole(&play, 1, &manifest(&second), &bytes));
        assert_eq!(told["code"], "custodian-range", "{told}");
        let half = &fs::read(&second).unwrap()[..2048];
        let (_, told) = ask(&play, "/lodge", whole(&play, 1, &manifest(&second), half));
        assert_eq!(told["code"], "custodian-range", "{told}");
        let (_, told) = ask(&play, "/lodge", fs::read(&second).unwrap());
        assert_eq!(told["code"], "custodian-range", "{told}");
        assert!(told["hint"].as_str().unwrap().contains("sealbid bid lodge"), "for its bidder: {told}");
        untouched();

        let again = lodge(&play, 0, &bid).unwrap();
        assert_eq!(again.encode(), word.encode(), "the same word");
        play.to(DEADLINE);
        assert_eq!(lodge(&play, 0, &bid).unwrap().encode(), word.encode(), "at any hour");
        assert_eq!(lodge(&play, 1, &second).unwrap_err(), "custodian-lodge");
        untouched();
    }
}

/// A sender that stops where it is told to.
struct Slow(TcpStream);

impl Slow {
    fn new(play: &Play, body: &[u8], sends: usize) -> Self {
        let host = address(play).strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        let head = format!(
            "POST /lodge HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body[..sends]).unwrap();
        Self(stream)
    }

    fn answer(mut self, rest: &[u8]) -> Value {
        self.0.write_all(rest).unwrap();
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).unwrap();
        let start = answer.find("\r\n\r\n").unwrap();
        let body = &answer[start..];
        let json = &body[body.find('{').unwrap()..=body.rfind('}').unwrap()];
        serde_json::from_str(json).unwrap()
    }
}

/// Until the agent has so many files, one that is coming among them.
fn until_begun(play: &Play, unit: &UnitId, files: usize) {
    let begun = async {
        while kept(play, unit).len() < files {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let patience = Duration::from_secs(30);
    wait(async { tokio::time::timeout(patience, begun).await }).expect("nothing is stored");
}

on_both! {
    fn the_last_byte_says_when_a_bid_arrived_and_one_bidder_sends_one_at_a_time(base: TestBase) {
        let play = Play::new(&base, 2);
        let unit = play.publish(&[Stage::Single])[0];
        let bid = play.seal(0, &unit, first(), 0);
        let body = whole(&play, 0, &manifest(&bid), &fs::read(&bid).unwrap());
        let most = body.len() - 1;
        play.to(DEADLINE.plus(-2_000));
        let slow = Slow::new(&play, &body, most);
        until_begun(&play, &unit, 1);
        let other = play.seal(0, &unit, first(), 10);
        assert_eq!(lodge(&play, 0, &other).unwrap_err(), "custodian-busy");
        play.to(DEADLINE.plus(-1));
        let reply: NoteReply = serde_json::from_value(slow.answer(&body[most..])).unwrap();
        let word = Statement::<Lodged>::parse(reply.note.as_bytes()).unwrap();
        assert_eq!(word.body().arrived_at, DEADLINE.plus(-1));

        let late = play.seal(1, &unit, first(), 0);
        let body = whole(&play, 1, &manifest(&late), &fs::read(&late).unwrap());
        let slow = Slow::new(&play, &body, body.len() - 1);
        until_begun(&play, &unit, 2);
        play.to(DEADLINE);
        let told = slow.answer(&body[body.len() - 1..]);
        assert_eq!(told["code"], "custodian-lodge", "{told}");
        assert_eq!(kept(&play, &unit).len(), 1, "the late one leaves nothing");
    }
}

on_both! {
    fn who_lodged_is_told_after_the_deadline_and_to_the_platform_alone(base: TestBase) {
        let play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let bid = play.seal(0, &unit, first(), 0);
        let word = lodge(&play, 0, &bid).unwrap();
        let line = line(&word);
        let paths = [format!("/lodged/{unit}"), format!("/lodged/{unit}/{line}"), "/lodged".into()];
        let challenges = [format!("/challenges/{unit}"), "/challenges".into()];
        for path in paths.into_iter().chain(challenges) {
            let get = play.server.client.request(Method::GET, format!("{}{path}", address(&play)));
            let status = wait(get.send()).unwrap().status();
            assert!(status == StatusCode::NOT_FOUND || status == StatusCode::METHOD_NOT_ALLOWED);
        }
        let told = |by: &sealbid::crypto::key::SigningKey| {
            let query = signed(query(&play, unit), &[by]).encode();
            ask_json(&play, "/lodged", &AskLodged { after: None, query })
        };
        let file = |by: &sealbid::crypto::key::SigningKey, line: Hash| {
            let query = signed(query(&play, unit), &[by]).encode();
            let body = serde_json::to_vec(&AskLodgedBid { line, query }).unwrap();
            let request = play.server.client.post(format!("{}/lodged/bid", address(&play)));
            let request = request.header("content-type", "application/json").body(body);
            let response = wait(request.send()).unwrap();
            (response.status(), wait(response.bytes()).unwrap().to_vec())
        };
        play.to(DEADLINE.plus(-1));
        assert_eq!(told(&platform_key()).1["code"], "custodian-too-early-to-close");
        assert_eq!(file(&platform_key(), line).0, StatusCode::CONFLICT);
        play.to(DEADLINE);
        assert_eq!(told(&play.bidders[0].key).1["code"], "custodian-signature");
        assert_eq!(file(&play.bidders[0].key, line).0, StatusCode::FORBIDDEN);
        let (status, reply) = told(&platform_key());
        assert_eq!(status, StatusCode::OK, "{reply}");
        let reply: LodgedReply = serde_json::from_value(reply).unwrap();
        assert_eq!(reply.bids.len(), 1);
        assert_eq!(reply.bids[0].lodged, word.encode());
        assert_eq!(reply.bids[0].manifest, manifest(&bid));
        assert_eq!(file(&platform_key(), line), (StatusCode::OK, fs::read(&bid).unwrap()));
        assert_eq!(file(&platform_key(), Hash::of(b"none")).0, StatusCode::NOT_FOUND);
    }
}

on_both! {
    fn a_restarted_agent_gives_the_same_word_and_sweeps_what_a_crash_left(base: TestBase) {
        let mut play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let bid = play.seal(0, &unit, first(), 0);
        let word = lodge(&play, 0, &bid).unwrap();
        play.server.sleep(2);
        let name = format!("{}.bid", line(&word));
        fs::write(kept_in(&play, &unit).join(format!("{}.bid", Hash::of(b"unknown"))), "x").unwrap();
        fs::write(kept_in(&play, &unit).join(".tmphalf"), "x").unwrap();
        play.server.wake(2);
        assert_eq!(kept(&play, &unit), [name]);
        play.server.clock.advance(5_000);
        assert_eq!(lodge(&play, 0, &bid).unwrap().encode(), word.encode());
    }
}

on_both! {
    fn an_agent_that_cannot_write_signs_nothing(base: TestBase) {
        let play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let bid = play.seal(0, &unit, first(), 0);
        let folder = play.server.home().join("agent2");
        let status = || {
            let response = play.server.client.get(format!("{}/", address(&play))).send();
            let (_, status) = read(wait(response).unwrap());
            serde_json::from_value::<AgentStatus>(status).unwrap().witnessed
        };
        let before = status();
        // What a full disk does: the file that would be written cannot be.
        let blocked = [folder.join("units").join(format!("{unit}.half")), folder.join("witness.half")];
        blocked.iter().for_each(|path| fs::create_dir(path).unwrap());
        assert_eq!(lodge(&play, 0, &bid).unwrap_err(), "custodian-internal");
        assert!(kept(&play, &unit).is_empty(), "no file without a word");
        play.bid(0, &unit);
        play.server.beat();
        assert_eq!(status(), before, "nothing cosigned");
        blocked.iter().for_each(|path| fs::remove_dir(path).unwrap());
        assert!(lodge(&play, 0, &bid).is_ok());
        play.server.beat();
        assert!(status() > before);
    }
}

on_both! {
    fn challenges_and_answers_go_over_http(base: TestBase) {
        let play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        let indexes: Vec<u64> = (0..3).map(|n| play.bid(n, &unit)).collect();
        let closed = close(&play, &unit);
        play.server.tick();
        let client = play.client(&play.bidders[0].key);
        let receipt = wait(client.receipt(&play.pinned, indexes[0])).unwrap().text;
        let found = wait(client.challenge(&play.pinned, &receipt, None)).unwrap();
        let verdicts: Vec<_> = found.into_iter().map(|found| found.verdict.unwrap()).collect();
        assert_eq!(verdicts, [Verdict::Answered; 5]);
        let account = Account { accepted: receipt, credentials: Vec::new(), later: None };
        let row = play.server.app().db().read(|conn| units::unit(conn, unit)).unwrap();
        let custodian = "c2".parse().unwrap();
        let keys = Home::keys(&agent_home(play.server.home(), 2), ORIGIN, &custodian).unwrap();
        let body = Challenged {
            close_sha256: closed.sha256(),
            custodian,
            line: Hash::of(b"none"),
            received_at: DEADLINE,
            unit_id: unit,
            verdict: Verdict::Open,
        };
        let finding = Statement::signed(body, &keys.statement).unwrap().encode();
        let unit = row.unit.encode();
        let answer = AskAnswer {
            account: account.clone().into(),
            accounts: vec![account],
            close: closed.encode(),
            finding,
            unit,
        };
        let (status, told) = ask_json(&play, "/answer", &answer);
        assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &"custodian-no-challenge".into()));
    }
}
