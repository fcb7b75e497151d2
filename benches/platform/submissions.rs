//! Submissions over HTTP, each signed, verified and answered with its receipt, at a steady rate:
//! `submissions [RATE] [SECONDS] [CONNECTIONS]`, by default 3,000 a second for 60 seconds by 4,000
//! connections, which needs `ulimit -n 10000`.
//!
//! The real server and five real custodians run as processes of their own; this process is the
//! bidders. What stands before a submission is put in as rows: enterprises with their credentials
//! and sessions, units open for bids, completed uploads (with a file of their length each, which a
//! submission looks at and does not read). Every request is a first bid of a manifest of its own, signed by its bidder beforehand;
//! the five sealed shares, real ones, are the same in all. Requests leave by the clock whether or not
//! earlier ones are answered (each connection carries one at a time), and a request's wait counts
//! from the instant at which it should have left. One receipt of every connection is verified in the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sealbid::bid::statements::{BlobRef, Manifest};
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::seal::Identity;
use sealbid::crypto::shares::{seal_share, split};
use sealbid::crypto::statement::Statement;
use sealbid::ids::UnitId;
use sealbid::record::proof::Receipt;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::bases;
use crate::live::{self, Bidder, CADENCE, Live};
use crate::seeds;
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
    let units = seeds::units(&live, load.each());
    let requests = requests(&bidders, &units, &shares);
    seeds::uploads(&live, &bidders, load.each());
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
        let digits = seeds::blob(bidder, number).to_string();
        let manifest = Manifest {
            bid: BlobRef { sha256: seeds::blob(bidder, number), size: seeds::BLOB_SIZE as u64 },
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
