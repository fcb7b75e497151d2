//! Does an agent that dies between any two writes remember every signature that left it?

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{App, test as served, web};
use sealbid::clock::ManualClock;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::agent::{self, Refusal};
use sealbid::custodian::chain::Chain;
use sealbid::custodian::home::{Home, Start};
use sealbid::custodian::http::{Limits, Service, routes};
use sealbid::custodian::wire::{AskClose, NoteReply};
use sealbid::opening::rules::lodged::lodged_line;
use sealbid::opening::statements::{Close, Lodged};
use sealbid::record::checkpoint::Checkpoint;
use sealbid::record::witness::AddCheckpoint;

use crate::in_process;
use crate::opening_world::{DEADLINE, Heard, Spoil, World, agent_seed, platform_key};
use crate::openings::with_bids;
use crate::support::{START, TestBase, TestFolder, folder};

/// What a child is told: where its folder is, at which step it dies, and which request comes first.
const FOLDER: &str = "SEALBID_TEST_AGENT_CRASH_DIR";
const POINT: &str = "SEALBID_TEST_AGENT_CRASH_AT";
const FROM: &str = "SEALBID_TEST_AGENT_CRASH_FROM";
/// The test that a child runs.
const NAME: &str = "agent_crash::a_crash_at_any_write_forgets_no_signature";
/// More steps than any story has.
const NEVER: usize = 10_000;

/// A served agent in this process is asked one thing after the other.
fn child(dir: &Path, point: usize, from: usize) {
    let heard: Vec<Heard> =
        serde_json::from_slice(&std::fs::read(dir.join("heard.json")).unwrap()).unwrap();
    let mut loaded = Home::open(&dir.join("agent"), Start::Suspicious).unwrap();
    let steps = AtomicUsize::new(0);
    loaded.home = loaded.home.with_steps(Arc::new(move |_| {
        if steps.fetch_add(1, Ordering::SeqCst) + 1 == point {
            std::process::abort();
        }
    }));
    let clock = Arc::new(ManualClock::new(START));
    let limits = Limits::new(4 << 20, 1_000);
    let service = web::Data::new(Service::new(loaded, clock.clone(), limits));
    actix_web::rt::System::new().block_on(async {
        let app = served::init_service(App::new().app_data(service).configure(routes)).await;
        for (number, it) in heard.into_iter().enumerate().skip(from) {
            clock.set(it.at);
            let request = served::TestRequest::post()
                .uri(&it.path)
                .insert_header((CONTENT_TYPE, "application/json"))
                .insert_header((CONTENT_LENGTH, it.body.len()))
                .set_payload(it.body);
            let response = served::call_service(&app, request.to_request()).await;
            let status = response.status().as_u16();
            let body = hex::encode(served::read_body(response).await);
            println!("\nanswered {number} {status} {body}");
            std::io::stdout().flush().unwrap();
        }
    });
}

/// What an agent answered.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Answered {
    status: u16,
    body: Vec<u8>,
}

impl Answered {
    fn note(&self) -> String {
        serde_json::from_slice::<NoteReply>(&self.body).unwrap().note
    }
}

/// Runs the agent to its end or its death; gives what it answered, and whether it came to the end.
fn run(dir: &Path, point: usize, from: usize) -> (Vec<Answered>, bool) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(FOLDER, dir)
        .env(POINT, point.to_string())
        .env(FROM, from.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let answered = said.lines().filter_map(|line| {
        let (status, body) = line.strip_prefix("answered ")?.split_once(' ')?.1.split_once(' ')?;
        Some(Answered { status: status.parse().unwrap(), body: hex::decode(body).unwrap() })
    });
    let answered = answered.collect();
    let is_over = output.status.success();
    if is_over {
        assert!(said.contains("1 passed"), "{said}");
    } else {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(6), "{stderr}");
    }
    (answered, is_over)
}

/// Everything that the third custodian was asked, from the first checkpoint to the close. Agents keep
/// files, and the platform's database is none of theirs: one kind says it all.
fn story() -> (World, Vec<Heard>) {
    let world = with_bids(TestBase::sqlite());
    world.agents.lodge(3, &world.seal(4, 4, Spoil::Nothing)).unwrap();
    world.to(DEADLINE);
    world.settle(3);
    world.to(DEADLINE.plus(1_000));
    world.settle(4);
    let mut heard = world.agents.heard(3);
    let close = heard.iter().position(|it| it.path == "/close").unwrap();
    heard.truncate(close + 1);
    (world, heard)
}

fn enrolled(world: &World, heard: &[Heard]) -> TestFolder {
    let dir = folder("agent_crash");
    Home::create(&dir.join("agent"), &agent_seed(3)).unwrap();
    let rosters = Chain::begin(world.roster.clone()).unwrap();
    Home::enrol(&dir.join("agent"), &rosters).unwrap();
    std::fs::write(dir.join("heard.json"), serde_json::to_vec(heard).unwrap()).unwrap();
    dir
}

/// Whatever left the agent, its folder remembers.
fn check(world: &World, dir: &Path, heard: &[Heard], answered: &[Answered]) {
    let loaded = Home::read(&dir.join("agent")).unwrap();
    let state = &loaded.state;
    for (it, answer) in heard.iter().zip(answered) {
        assert_eq!(answer.status, 200, "{}: {}", it.path, String::from_utf8_lossy(&answer.body));
        match it.path.as_str() {
            "/unit" => assert!(state.units[&world.id].signed),
            "/add-checkpoint" => {
                let asked = AddCheckpoint::parse(&it.body).unwrap();
                let size = Checkpoint::parse(asked.checkpoint.text()).unwrap().size;
                assert!(state.witnessed.unwrap().size >= size);
            }
            "/lodge" => {
                let word = Statement::<Lodged>::parse(answer.note().as_bytes()).unwrap();
                let line = lodged_line(word.body().bidder, &word.body().manifest_sha256);
                let kept = &state.units[&world.id].lodged[&line.to_string()];
                assert_eq!(kept.arrived_at, word.body().arrived_at);
                let file = std::fs::read(loaded.home.lodged(&world.id, &line)).unwrap();
                assert!(it.body.ends_with(&file), "the file is whole");
            }
            "/close" => no_second_close(world, it, answer, &loaded),
            _ => {}
        }
    }
}

fn no_second_close(
    world: &World,
    it: &Heard,
    answer: &Answered,
    loaded: &sealbid::custodian::home::Loaded,
) {
    let signed = Statement::<Close>::parse(answer.note().as_bytes()).unwrap();
    assert_eq!(loaded.state.units[&world.id].close, Some(signed.sha256()));
    let other = Close { lines: vec![Hash::of(b"other")], ..signed.body().clone() };
    let other = Statement::signed(other, &platform_key()).unwrap();
    let ask: AskClose = serde_json::from_slice(&it.body).unwrap();
    let ask = AskClose { close: other.encode(), ..ask };
    let agent = in_process::agent(&loaded.keys, &loaded.roster, &loaded.state, it.at);
    assert_eq!(agent::sign_close(&agent, &ask).unwrap_err(), Refusal::SecondClose);
}

/// The children run this test too, and take the first way out.
#[test]
fn a_crash_at_any_write_forgets_no_signature() {
    if let Ok(dir) = std::env::var(FOLDER) {
        let number = |name| std::env::var(name).unwrap().parse().unwrap();
        return child(Path::new(&dir), number(POINT), number(FROM));
    }
    let (world, heard) = story();
    let dir = enrolled(&world, &heard);
    let (whole, is_over) = run(&dir, NEVER, 0);
    assert!(is_over && whole.len() == heard.len());
    check(&world, &dir, &heard, &whole);
    for point in 1..NEVER {
        let dir = enrolled(&world, &heard);
        let (before, is_over) = run(&dir, point, 0);
        check(&world, &dir, &heard, &before);
        if is_over {
            assert!(point > 20, "{point} steps are too few to mean anything");
            return;
        }
        let (after, is_over) = run(&dir, NEVER, before.len());
        assert!(is_over, "it goes on where it was");
        for ((it, once), again) in heard.iter().zip(&whole).zip(before.iter().chain(&after)) {
            // What was cosigned before it died is behind it; its word of a unit is the same.
            if it.path != "/add-checkpoint" {
                assert_eq!(once, again, "{} after a crash at {point}", it.path);
            }
        }
        check(&world, &dir, &heard[..before.len()], &before);
    }
}
