//! Submissions over HTTP, each signed, verified and answered with its receipt, at a steady rate:
//! `submissions [RATE] [SECONDS] [CONNECTIONS]`, by default 3,000 a second for 60 seconds by 4,000
//! connections, which needs `ulimit -n 10000`.
//!
//! The real server and five real custodians run as processes of their own; this process is the
//! bidders. What stands before a submission is put in as rows: enterprises with their credentials
//! and sessions, units open for bids, completed uploads (without ciphertext, which a submission does
//! not read). Every request is a first bid of a manifest of its own, signed by its bidder beforehand;
//! the five sealed shares, real ones, are the same in all. Requests leave by the clock whether or not
//! earlier ones are answered (each connection carries one at a time), and a request's wait counts
//! from the instant at which it should have left. One receipt of every connection is verified in the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use diesel::prelude::*;
use sealbid::bid::statements::{BlobRef, Manifest};
use sealbid::cli::keys;
use sealbid::clock::{Clock as _, SystemClock, Time};
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::seal::Identity;
use sealbid::crypto::shares::{seal_share, split};
use sealbid::crypto::statement::Statement;
use sealbid::db::schema::{lot, tender, unit, upload};
use sealbid::db::{Error, Tx};
use sealbid::ids::UnitId;
use sealbid::on_each;
use sealbid::record::proof::Receipt;
use sealbid::tender::statements::{ReleaseBy, SUITE, Stage, Unit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::bases;
use crate::live::{self, Bidder, CADENCE, Live};
use crate::support::TestBase;

/// The load.
struct Load {
    rate: usize,
    seconds: usize,
    connections: usize,
}

impl Load {
    const fn each(&self) -> usize {
        (self.rate * self.seconds).div_ceil(self.connections)
    }

    /// Between two requests of one connection.
    fn pause(&self) -> Duration {
        Duration::from_secs_f64(self.connections as f64 / self.rate as f64)
    }
}

/// `submissions [RATE] [SECONDS] [CONNECTIONS]`
pub fn run(numbers: &[usize]) {
    let number = |place: usize, default| numbers.get(place).copied().unwrap_or(default);
    let load = Load { rate: number(0, 3000), seconds: number(1, 60), connections: number(2, 4000) };
    for (name, base) in bases() {
        if let Some(base) = base() {
            println!("{name}: {}", on(base, &load));
        }
    }
}

fn on(base: TestBase, load: &Load) -> String {
    let mut live = Live::set(base);
    let bidders = live.register(load.connections);
    let shares = shares();
    let units = seed_units(&live, load.each());
    let requests = requests(&bidders, &units, &shares);
    seed_uploads(&live, &bidders, load.each());
    live.serve();
    let before = live.used().0;
    let own = live::seconds_of(std::process::id());
    // One thread: the machine's processors are for the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("one");
    let answers = runtime.block_on(send(live.address(), requests, load));
    let (after, peak) = live.used();
    let own = live::seconds_of(std::process::id()) - own;
    verify(&live, &answers);
    let per = (after - before) * 1e6 / answers.waits.len() as f64;
    format!(
        "{answers} (limit of p99: cadence + 500 ms = {} ms)\n\
         server: {per:.0} µs of processor time a submission, {} MiB at its peak; \
         the bidders' process: {:.0} µs",
        (CADENCE + Duration::from_millis(500)).as_millis(),
        peak / 1024,
        own * 1e6 / answers.waits.len() as f64
    )
}

/// Five sealed shares, three of which would open.
fn shares() -> Vec<Vec<u8>> {
    let entropy = SystemEntropy::new();
    let identity = || Identity::generate(&entropy).expect("randomness");
    let shares = split(&identity(), 3, 5, &entropy).expect("shares");
    let seal = |share| seal_share(share, &identity().recipient(), &entropy).expect("sealed");
    shares.iter().map(seal).collect()
}

/// As many units as each bidder sends bids, all open for an hour.
fn seed_units(live: &Live, count: usize) -> Vec<UnitId> {
    let operator = keys::load(&live.stage.key_file("operator")).expect("a key");
    let (deadline, roster) = (SystemClock.now().plus(3_600_000), live.stage.pinned.sha256());
    let signed = |number| Statement::signed(open_unit(number, deadline, roster), &operator);
    let notes: Vec<_> = (0..count).map(|number| signed(number).expect("signed")).collect();
    let units = notes.iter().map(|note| note.body().id().expect("an id")).collect();
    live.seed(move |tx| insert_units(tx, &notes));
    units
}

/// What the server reads of a unit when it starts and when a bid comes; who signed it is not asked again.
fn open_unit(number: usize, deadline: Time, roster: Hash) -> Unit {
    Unit {
        challenge_ms: 10_000,
        deadline,
        issued_at: deadline.plus(-3_600_000),
        lot: format!("lot_{:032x}", 1).parse().expect("an id"),
        min: 3,
        nonce: Hash::of(format!("unit {number}").as_bytes()),
        open_at: deadline.plus(60_000),
        procuring_entity: format!("ent_{:032x}", u32::MAX).parse().expect("an id"),
        recipients: Vec::new(),
        release: ReleaseBy::Time,
        roster_sha256: roster,
        stage: Stage::Single,
        suite: SUITE.into(),
        t: 3,
        tender: format!("tnd_{:032x}", 1).parse().expect("an id"),
    }
}

fn insert_units(tx: &mut Tx<'_>, units: &[Statement<Unit>]) -> Result<(), Error> {
    let (tender_id, lot_id) = (format!("tnd_{:032x}", 1), format!("lot_{:032x}", 1));
    let row = diesel::insert_into(tender::table).values((
        tender::id.eq(&tender_id),
        tender::procuring_entity.eq(format!("ent_{:032x}", u32::MAX)),
        tender::title.eq("t"),
        tender::state.eq("published"),
        tender::plan.eq("{}"),
        tender::rule_pack_sha256.eq(vec![0_u8; 32]),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    let row = diesel::insert_into(lot::table).values((
        lot::id.eq(&lot_id),
        lot::tender.eq(&tender_id),
        lot::no.eq(1),
        lot::title.eq("l"),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    for note in units {
        let body = note.body();
        let row = diesel::insert_into(unit::table).values((
            unit::unit_id.eq(body.id().expect("an id").to_string()),
            unit::tender.eq(&tender_id),
            unit::lot.eq(&lot_id),
            unit::stage.eq(body.stage.code()),
            unit::note.eq(note.encode()),
            unit::state.eq("open"),
            unit::deadline.eq(body.deadline.millis()),
            unit::open_at.eq(body.open_at.millis()),
            unit::challenge_ms.eq(body.challenge_ms),
            unit::min.eq(3),
            unit::release_by.eq("time"),
            unit::t.eq(i64::from(body.t)),
            unit::n.eq(5),
            unit::proposed_index.eq(0),
            unit::last_sha256.eq(note.sha256().as_bytes().to_vec()),
        ));
        on_each!(tx.conn(), |c| row.execute(c))?;
    }
    Ok(())
}

/// The ciphertext that a bidder's nth bid names.
fn blob(bidder: &Bidder, number: usize) -> Hash {
    Hash::of(format!("{} {number}", bidder.id).as_bytes())
}

const BLOB_SIZE: i64 = 100_000;

fn seed_uploads(live: &Live, bidders: &[Bidder], each: usize) {
    let expires_at = SystemClock.now().plus(3_600_000).millis();
    let mut rows = Vec::new();
    for (place, bidder) in bidders.iter().enumerate() {
        rows.extend((0..each).map(|number| {
            let id = format!("upl_{:032x}", place * each + number);
            (id, bidder.id.to_string(), blob(bidder, number).as_bytes().to_vec())
        }));
    }
    live.seed(move |tx| {
        for rows in rows.chunks(1000) {
            let rows: Vec<_> = rows
                .iter()
                .map(|(id, owner, sha256)| {
                    (
                        upload::id.eq(id),
                        upload::owner.eq(owner),
                        upload::length.eq(BLOB_SIZE),
                        upload::sha256.eq(sha256),
                        upload::state.eq("complete"),
                        upload::purpose.eq("bid"),
                        upload::expires_at.eq(expires_at),
                    )
                })
                .collect();
            on_each!(tx.conn(), |c| diesel::insert_into(upload::table).values(&rows).execute(c))?;
        }
        Ok(())
    });
}

/// What one bidder sends, in order: the parts of a request that differ. A whole one is put together
/// when it leaves, so that they need not all be in memory at once.
struct Requests {
    token: String,
    notes: Vec<(UnitId, String)>,
    shares: Arc<str>,
}

impl Requests {
    fn encode(&self, number: usize) -> Vec<u8> {
        let (unit, note) = &self.notes[number];
        let note = serde_json::to_string(note).expect("text");
        let body = format!("{{\"manifest\":{note},\"shares\":{}}}", self.shares);
        format!(
            "POST /api/v1/units/{unit}/bids HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        )
        .into_bytes()
    }
}

fn requests(bidders: &[Bidder], units: &[UnitId], shares: &[Vec<u8>]) -> Vec<Requests> {
    let hashes: Vec<Hash> = shares.iter().map(|share| Hash::of(share)).collect();
    let encoded: Vec<String> = shares.iter().map(|share| BASE64.encode(share)).collect();
    let encoded: Arc<str> = serde_json::to_string(&encoded).expect("text").into();
    let recipient = Identity::generate(&SystemEntropy::new()).expect("one").recipient().to_string();
    let note = |bidder: &Bidder, number: usize, unit: UnitId| {
        let digits = blob(bidder, number).to_string();
        let manifest = Manifest {
            bid: BlobRef { sha256: blob(bidder, number), size: BLOB_SIZE as u64 },
            bid_id: format!("bid_{}", &digits[..32]).parse().expect("an id"),
            prev_sha256: None,
            seal_recipient: recipient.clone(),
            seq: 1,
            shares: hashes.clone(),
            unit_id: unit,
        };
        (unit, Statement::signed(manifest, &bidder.key).expect("signed").encode())
    };
    let of = |bidder: &Bidder| Requests {
        token: bidder.token.clone(),
        notes: units.iter().enumerate().map(|(n, unit)| note(bidder, n, *unit)).collect(),
        shares: Arc::clone(&encoded),
    };
    bidders.iter().map(of).collect()
}

/// What came back.
#[derive(Default)]
struct Answers {
    /// From when a request should have left until its whole answer was in, in microseconds.
    waits: Vec<u64>,
    wrong: Vec<String>,
    /// Some of the answers, each with the manifest that it answers.
    kept: Vec<(String, Vec<u8>)>,
    took: Duration,
}

impl std::fmt::Display for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut waits = self.waits.clone();
        waits.sort_unstable();
        let at = |share: usize| waits[(waits.len() - 1) * share / 1000] / 1000;
        write!(
            f,
            "{} submissions in {:.1} s, {:.0} a second, {} wrong; waits in ms: median {}, p95 {}, \
             p99 {}, longest {}",
            waits.len(),
            self.took.as_secs_f64(),
            waits.len() as f64 / self.took.as_secs_f64(),
            self.wrong.len(),
            at(500),
            at(950),
            at(990),
            at(1000)
        )
    }
}

async fn send(address: SocketAddr, requests: Vec<Requests>, load: &Load) -> Answers {
    let mut streams = Vec::new();
    for _ in 0..load.connections {
        let stream = TcpStream::connect(address).await.expect("connected: raise ulimit -n");
        stream.set_nodelay(true).expect("set");
        streams.push(stream);
    }
    let (began, pause) = (Instant::now() + Duration::from_millis(500), load.pause());
    let count = u32::try_from(load.connections).expect("few");
    let bidders: Vec<_> = requests
        .into_iter()
        .zip(streams)
        .zip(0..count)
        .map(|((requests, stream), place)| {
            let first = began + pause * place / count;
            let keep = usize::try_from(place).expect("few") % requests.notes.len();
            tokio::spawn(one_bidder(requests, stream, keep, first, pause))
        })
        .collect();
    let mut all = Answers::default();
    for bidder in bidders {
        let one = bidder.await.expect("a bidder");
        all.waits.extend(one.waits);
        all.wrong.extend(one.wrong);
        all.kept.extend(one.kept);
    }
    all.took = began.elapsed();
    all
}

async fn one_bidder(
    requests: Requests,
    mut stream: TcpStream,
    keep: usize,
    first: Instant,
    pause: Duration,
) -> Answers {
    let mut answers = Answers::default();
    let mut due = first;
    for number in 0..requests.notes.len() {
        tokio::time::sleep_until(due).await;
        let answer = match exchange(&mut stream, &requests.encode(number)).await {
            Ok(answer) => answer,
            Err(error) => {
                answers.wrong.push(format!("request {number}: {error}"));
                return answers;
            }
        };
        answers.waits.push(u64::try_from(due.elapsed().as_micros()).expect("short"));
        if !answer.starts_with(b"HTTP/1.1 200") || !contains(&answer, b"\"receipt\"") {
            answers.wrong.push(String::from_utf8_lossy(&answer).into_owned());
        } else if number == keep {
            answers.kept.push((requests.notes[number].1.clone(), answer));
        }
        due += pause;
    }
    answers
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Sends a request and reads a whole HTTP/1.1 answer with a `content-length`.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(request).await?;
    let mut answer = Vec::with_capacity(8192);
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            let so_far = String::from_utf8_lossy(&answer).into_owned();
            return Err(std::io::Error::other(format!("hung up after {so_far:?}")));
        }
        let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.expect("a length").trim().parse().expect("a number");
        if answer.len() >= head + 4 + length {
            return Ok(answer);
        }
    }
}

/// Whether the kept receipts prove what they answer.
fn verify(live: &Live, answers: &Answers) {
    if let Some(wrong) = answers.wrong.first() {
        eprintln!("{} wrong answers, the first: {wrong}", answers.wrong.len());
        eprintln!("the server's log: {}", live.log());
    }
    let roster = live.stage.pinned.roster();
    assert!(!answers.kept.is_empty(), "some receipts are verified");
    for (manifest, answer) in &answers.kept {
        let head = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let body: serde_json::Value = serde_json::from_slice(&answer[head + 4..]).expect("JSON");
        let receipt = body["receipt"].as_str().expect("a receipt");
        let receipt = Receipt::parse(receipt.as_bytes()).expect("a receipt");
        receipt.verify(&roster.log_key, &roster.witness_keys()).expect("it proves");
        let event: serde_json::Value = serde_json::from_slice(&receipt.event).expect("an event");
        assert_eq!(event["type"].as_str(), Some("sealbid/accepted/v1"));
        assert_eq!(event["manifest"].as_str(), Some(manifest.as_str()), "it is about this bid");
    }
}
