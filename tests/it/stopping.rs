//! Does a server that is told to stop answer what it took in?

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Client, StatusCode};
use sealbid::bid::statements::Withdrawal;
use sealbid::clock::{Clock as _, SystemClock};
use sealbid::db::Db;
use sealbid::record::proof::Receipt;
use sealbid::record::store::entries_of_unit;
use sealbid::tender::statements::Stage;
use serde_json::{Value, json};

use crate::on_both;
use crate::play::Play;
use crate::registration::{application, key, signed};
use crate::server::{Server, log_key};
use crate::support::wait;

/// Applications under way when the server is told to stop.
const UNDER_WAY: u8 = 12;

/// The program itself, killed with the test.
pub struct Serving {
    pub child: Child,
    pub address: String,
}

impl Serving {
    /// On a test's configuration; receipts come once in five seconds, so that acts are committed
    /// long before they are answered.
    pub fn start(server: &Server) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealbid"));
        command.arg("serve").arg("--config").arg(&server.config);
        command.env("SEALBID_LISTEN", free.to_string()).env("SEALBID_CADENCE_MS", "5000");
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut serving = Self { child, address: format!("http://{free}") };
        let mut said = String::new();
        BufReader::new(serving.child.stderr.take().unwrap()).read_line(&mut said).unwrap();
        assert!(said.contains(&serving.address), "it did not start: {said}");
        serving
    }

    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg("-TERM").arg(pid).status().unwrap().success());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn apply(client: Client, address: String, n: u8) -> Result<(StatusCode, Value), String> {
    let statement = signed(application(n.into(), n), &[&key(n.into(), n)]);
    let body = json!({ "application": statement.encode() }).to_string();
    let request = client.post(format!("{address}/api/v1/enterprises"));
    let sent = request.header("content-type", "application/json").body(body).send();
    let answer = sent.await.map_err(|e| e.to_string())?;
    let (status, text) = (answer.status(), answer.text().await.map_err(|e| e.to_string())?);
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

fn committed(db: &Db) -> usize {
    let all = db.read(|conn| sealbid::record::store::entries(conn, 0, 1000, 1000)).unwrap();
    all.iter().filter(|entry| entry.kind == "sealbid/application/v1").count()
}

on_both! {
    fn a_server_told_to_stop_answers_every_committed_act(base: TestBase) {
        base.clock.set(SystemClock.now());
        // A record that has begun takes no acts before t custodians hold it too.
        let mut server = Server::with_agents(&base);
        server.beat();
        server.stop();
        let mut serving = Serving::start(&server);
        let tasks: Vec<_> = wait(async {
            let start = |n| tokio::spawn(apply(Client::new(), serving.address.clone(), n));
            (1..=UNDER_WAY).map(start).collect()
        });
        let db = base.open();
        while committed(&db) < usize::from(UNDER_WAY) {
            let is_over = tasks.iter().all(tokio::task::JoinHandle::is_finished);
            assert!(!is_over, "nothing is under way any more");
            std::thread::yield_now();
        }
        serving.terminate();
        for task in tasks {
            let (status, answer) = wait(task).unwrap().expect("a committed act is answered");
            assert_eq!(status, StatusCode::OK, "{answer}");
            let receipt = Receipt::parse(answer["receipt"].as_str().unwrap().as_bytes()).unwrap();
            receipt.verify(log_key().verifying(), &[]).unwrap();
        }
        assert!(serving.child.wait().unwrap().success(), "it ends in peace");
    }
}

on_both! {
    fn an_act_whose_server_was_killed_is_answered_at_once_under_its_key(base: TestBase) {
        base.clock.set(SystemClock.now());
        let mut play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        play.bid(0, &unit);
        let standing = play.standing(0, &unit);
        let manifest_sha256 = standing["sha256"].as_str().unwrap().parse().unwrap();
        let body = Withdrawal { manifest_sha256, seq: 2, unit_id: unit };
        let withdrawal = signed(body, &[&play.bidders[0].key]).encode();
        let bearer = format!("Bearer {}", play.server.login(&play.bidders[0].key));
        play.server.beat();
        play.server.stop();
        let send = |address: &str| {
            let request = Client::new().post(format!("{address}/api/v1/units/{unit}/withdrawals"));
            let request = request.header("content-type", "application/json");
            let request = request.header("authorization", &bearer).header("idempotency-key", "one");
            request.body(json!({ "withdrawal": withdrawal }).to_string()).send()
        };
        // A record that has begun takes no acts before its custodians have confirmed it.
        let until_taken = |serving: &Serving| wait(async {
            loop {
                match send(&serving.address).await {
                    Ok(answer) if answer.status() == StatusCode::SERVICE_UNAVAILABLE => {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    other => return other.map(|answer| answer.status()),
                }
            }
        });
        let mut killed = Serving::start(&play.server);
        let db = base.open();
        std::thread::scope(|scope| {
            let sent = scope.spawn(|| until_taken(&killed));
            let is_committed = || {
                db.read(|conn| entries_of_unit(conn, &unit, "sealbid/withdrawn/v1")).unwrap().len() == 1
            };
            while !is_committed() && !sent.is_finished() {
                std::thread::yield_now();
            }
            let pid = killed.child.id().to_string();
            assert!(Command::new("kill").arg("-KILL").arg(pid).status().unwrap().success());
            // As good as never has it been answered by then.
            drop(sent.join().unwrap());
            assert!(is_committed());
        });
        killed.child.wait().unwrap();
        let again = Serving::start(&play.server);
        assert_eq!(until_taken(&again).unwrap(), StatusCode::OK);
    }
}
