//! Does a server that is told to stop answer what it took in?

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use reqwest::{Client, StatusCode};
use sealbid::clock::{Clock as _, SystemClock};
use sealbid::db::Db;
use sealbid::record::proof::Receipt;
use serde_json::{Value, json};

use crate::on_both;
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
