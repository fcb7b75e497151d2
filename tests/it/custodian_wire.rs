//! Does the platform get along with custodians over HTTP, and with addresses where none answers as
//! it should?

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sealbid::auth::provider::install_providers;
use sealbid::clock::Clock as _;
use sealbid::crypto::hash::Hash;
use sealbid::custodian::agent::{Change, Kept};
use sealbid::custodian::client::{
    AsWitnesses, AskError, Custodians, Http, Limits, ask_all, lodged, lodged_bid, witnesses,
};
use sealbid::custodian::home::{Home, Start};
use sealbid::custodian::roster::{CustodianId, Roster};
use sealbid::custodian::wire::{AgentStatus, AskLodgedBid, AskSuspend};
use sealbid::ids::UnitId;
use sealbid::opening::statements::{Query, QueryAbout};
use sealbid::record::checkpoint;
use sealbid::record::feed::{Feed, FeedError};
use sealbid::record::store;
use sealbid::record::witness::Known;

use crate::agent_folders::{opened, opened_as};
use crate::on_both;
use crate::opening_world;
use crate::registration::signed;
use crate::server::{Server, platform_key};
use crate::support::{START, folder, wait};

const LIMITS: Limits = Limits {
    patience: Duration::from_millis(300),
    brief: Duration::from_millis(300),
    max_file: 1000,
};

/// An address where something else than an agent answers: each connection gets these bytes, or
/// silence. It ends when it is asked for nothing any more.
struct Imposter {
    address: String,
    thread: Option<JoinHandle<()>>,
}

impl Imposter {
    fn new(answer: Option<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let thread = std::thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = [0; 4096];
                let read = stream.read(&mut head).unwrap_or(0);
                if head[..read].starts_with(b"END") {
                    return;
                }
                match &answer {
                    // Whoever asked may have had enough before the end.
                    Some(bytes) => drop(stream.write_all(bytes)),
                    None => kept.push(stream),
                }
            }
        });
        Self { address: format!("http://{address}"), thread: Some(thread) }
    }

    fn saying(status: &str, body: &str) -> Self {
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
        Self::new(Some(format!("{head}location: /elsewhere\r\n\r\n{body}").into_bytes()))
    }
}

impl Drop for Imposter {
    fn drop(&mut self) {
        let mut end = TcpStream::connect(self.address.trim_start_matches("http://")).unwrap();
        end.write_all(b"END").unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}

fn c(number: u8) -> CustodianId {
    opening_world::id(number)
}

fn unit() -> UnitId {
    UnitId(Hash::of(b"a unit"))
}

/// A roster whose first custodian has this address.
fn at(roster: &Roster, address: &str) -> Http {
    install_providers();
    let mut roster = roster.clone();
    roster.custodians[0].address = address.to_owned();
    Http::new(&roster, LIMITS).unwrap()
}

fn any_roster() -> Roster {
    opening_world::roster().body().clone()
}

fn told(imposter: &Imposter) -> Result<usize, AskError> {
    let http = at(&any_roster(), &imposter.address);
    wait(lodged(&http, &c(1), "a question")).map(|bids| bids.len())
}

on_both! {
    fn real_agents_answer_cosign_and_refuse_with_their_code(base: TestBase) {
        let server = Server::with_agents(&base);
        let http = Http::new(server.roster.body(), Limits::default()).unwrap();
        let answer = wait(http.send(&c(2), "/", None)).unwrap();
        let status: AgentStatus = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((status.custodian, status.roster_sha256), (c(2), server.roster.sha256()));
        let garbage = AskSuspend { suspension: "no note".to_owned(), unit: String::new() };
        for (_, refused) in wait(ask_all(&http, &[c(1), c(2)], &garbage)) {
            let code = "custodian-statement".to_owned();
            assert_eq!(refused.unwrap_err(), AskError::Refused { status: 422, code });
        }
        let (about, at) = (QueryAbout::Lodged, server.clock.now());
        let query = Query { about, at, custodian: c(3), unit_id: unit() };
        let query = signed(query, &[&platform_key()]).encode();
        let unknown = wait(lodged(&http, &c(3), &query)).unwrap_err();
        let code = "custodian-unknown-unit".to_owned();
        assert_eq!(unknown, AskError::Refused { status: 404, code });
        let folder = folder("lodged");
        let target = folder.join("a.bid");
        let none = AskLodgedBid { line: Hash::of(b"none"), query };
        let missing = wait(lodged_bid(&http, &c(3), &none, &target));
        assert!(matches!(missing, Err(AskError::Refused { status: 404, .. })));
        assert!(!target.exists());

        server.beat();
        let checkpoint = server.app().platform.sequencer.published().checkpoint.clone();
        let db = &server.app().platform.db;
        let kept = db.read(|conn| store::cosignatures(conn, checkpoint.size)).unwrap();
        assert_eq!(kept.len(), 5);
        assert!(kept.iter().all(|(_, at)| at.since(server.clock.now()).abs() < 1000));
    }
}

#[test]
fn an_address_where_nobody_listens_and_one_that_never_answers_are_silent() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let http = at(&any_roster(), &address);
    let refused = wait(lodged(&http, &c(1), "a question")).unwrap_err();
    assert!(matches!(refused, AskError::Silent(_)), "{refused}");
    let slow = told(&Imposter::new(None)).unwrap_err();
    assert!(matches!(slow, AskError::Silent(_)), "{slow}");
    let cut = Imposter::new(Some(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec()));
    let cut = told(&cut).unwrap_err();
    assert!(matches!(cut, AskError::Silent(_)), "{cut}");
    let stranger: CustodianId = "nobody".parse().unwrap();
    let unknown = wait(lodged(&http, &stranger, "a question")).unwrap_err();
    assert_eq!(unknown, AskError::Unknown(stranger));
}

#[test]
fn whoever_hangs_holds_up_one_request_and_not_each_that_follows() {
    let hanging = Imposter::new(None);
    let mut roster = any_roster();
    roster.custodians[0].address.clone_from(&hanging.address);
    install_providers();
    let (patience, brief) = (Duration::from_secs(2), Duration::from_millis(20));
    let http = Http::new(&roster, Limits { patience, brief, max_file: 0 }).unwrap();
    let ask = |path: &str| {
        let began = Instant::now();
        let silent = wait(http.send(&c(1), path, Some(b"{}".to_vec())));
        assert!(matches!(silent, Err(AskError::Silent(_))));
        began.elapsed()
    };
    let first = ask("/lodged");
    assert!(first >= patience);
    let ten: Duration = std::iter::repeat_n("/window", 10).map(ask).sum();
    assert!(ten < first, "ten: {ten:?}, the first alone: {first:?}");
    // As a witness it is given its time: so it is known at any hour who is away.
    assert!(ask("/add-checkpoint") >= patience);
}

#[test]
fn an_answer_that_is_none_is_malformed_or_a_refusal_and_never_followed_elsewhere() {
    let page = told(&Imposter::saying("200 OK", "<html>welcome</html>")).unwrap_err();
    assert!(matches!(page, AskError::Malformed(_)), "{page}");
    let bid = told(&Imposter::saying("200 OK", r#"{"bids":["no bid"]}"#)).unwrap_err();
    assert!(matches!(bid, AskError::Malformed(_)), "{bid}");
    let more = told(&Imposter::saying("200 OK", r#"{"bids":[],"more":1}"#)).unwrap_err();
    assert!(matches!(more, AskError::Malformed(_)), "{more}");
    assert_eq!(told(&Imposter::saying("200 OK", r#"{"bids":[]}"#)), Ok(0));
    for (line, status) in [("302 Found", 302), ("500 Oops", 500)] {
        let refused = told(&Imposter::saying(line, "")).unwrap_err();
        assert_eq!(refused, AskError::Refused { status, code: "unknown".to_owned() });
    }
}

#[test]
fn an_endless_answer_and_an_endless_file_are_cut_off() {
    let endless = |bytes: usize| {
        let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        answer.resize(answer.len() + bytes, b' ');
        Imposter::new(Some(answer))
    };
    let long = told(&endless((4 << 20) + 1)).unwrap_err();
    assert!(matches!(long, AskError::Malformed(_)), "{long}");
    let folder = folder("endless");
    for (bytes, fits) in [(1000, true), (1001, false)] {
        let imposter = endless(bytes);
        let http = at(&any_roster(), &imposter.address);
        let target = folder.join(bytes.to_string());
        let ask = AskLodgedBid { line: Hash::of(b"x"), query: "a question".to_owned() };
        let fetched = wait(lodged_bid(&http, &c(1), &ask, &target));
        assert_eq!(fetched.is_ok(), fits, "{fetched:?}");
        assert!(fits || matches!(fetched, Err(AskError::Malformed(_))));
    }
}

on_both! {
    fn a_folder_restored_from_a_backup_signs_nothing_on_what_it_remembers(base: TestBase) {
        let world = opening_world::World::start(base, 1, opening_world::BY_TIME);
        let dir = folder("backup").join("agent");
        Home::create(&dir, &opening_world::agent_seed(1)).unwrap();
        Home::enrol(&dir, world.platform.rosters.chain()).unwrap();
        let loaded = opened(&dir);
        let kept = world.agents.state(1).units[&world.id].clone();
        assert!(kept.signed);
        loaded.home.save(&Change::Unit(world.id, Box::new(kept.clone()))).unwrap();
        drop(loaded);

        let lost = START.plus(5_000);
        let loaded = opened_as(&dir, Start::Restored(lost));
        assert!(loaded.state.is_lost());
        assert_eq!(loaded.state.units[&world.id], Kept { signed: false, ..kept });
        let known = Known { size: 8, root: Hash::of(b"root") };
        loaded.home.save(&Change::Adopted(known, lost.plus(70_000))).unwrap();
        drop(loaded);
        let again = Home::read(&dir).unwrap().state;
        assert_eq!((again.recovered_at, again.witnessed), (Some(lost.plus(70_000)), Some(known)));
        let twice = opened_as(&dir, Start::Restored(lost)).state;
        assert_eq!(twice.recovered_at, Some(lost.plus(70_000)), "a loss never becomes an earlier one");
        assert!(twice.is_lost());
    }
}

on_both! {
    fn a_cosignature_by_another_key_is_not_kept(base: TestBase) {
        let world = opening_world::World::start(base, 1, opening_world::BY_TIME);
        let head = world.published();
        let other = sealbid::crypto::note::SigningKey::from_seed(
            "another.example/witness/c1",
            sealbid::crypto::note::KeyKind::Cosignature,
            &[1; 32],
        );
        let now = world.base.clock.now();
        let line = checkpoint::cosign(head.note.text(), &other.unwrap(), now).unwrap();
        let imposter = Imposter::saying("200 OK", &line.line());
        let http: Arc<dyn Custodians> = Arc::new(at(world.roster.body(), &imposter.address));
        let all = witnesses(world.roster.body());
        let feed = Feed::new(world.db.clone(), Arc::new(AsWitnesses(http)), all.clone(), 3);
        assert_eq!(wait(feed.feed(&all[0], &head)), Err(FeedError::Malformed));
    }
}
