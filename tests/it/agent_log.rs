//! Does a custodian's agent keep a trace of what it refused, and of nothing else?

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use reqwest::{Client, Method, StatusCode};
use sealbid::auth::provider::install_providers;
use sealbid::crypto::hash::Hash;
use sealbid::custodian::chain::Chain;
use sealbid::custodian::home::Home;
use sealbid::ids::UnitId;
use sealbid::opening::statements::Close;
use serde_json::{Value, json};

use crate::registration::signed;
use crate::server::{agent_home, listener, member, platform_key, read, signed_roster};
use crate::support::{START, folder, wait};

/// What a request holds that the log must not.
const MARKER: &str = "ent_of_somebody";

/// The agent as a custodian runs it, killed with the test.
pub struct Agent {
    child: Child,
    pub address: String,
}

impl Agent {
    pub fn start(home: &std::path::Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealbid"));
        command.args(["--lang", "en", "custodian", "serve"]).arg(home);
        command.args(["--listen", "127.0.0.1:0"]).env_remove("SEALBID_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
        let address = said.split_whitespace().find(|word| word.starts_with("http://"));
        let address = address.unwrap_or_else(|| panic!("it did not start: {said}"));
        let address = address.trim_end_matches('.').to_owned();
        Self { child, address }
    }

    fn send(&self, method: Method, path: &str, body: &str) -> (StatusCode, Value) {
        let request = Client::new().request(method, format!("{}{path}", self.address));
        let request = request.header("content-type", "application/json").body(body.to_owned());
        let response = wait(request.send()).unwrap();
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        read(response)
    }

    /// Its log, once it has ended.
    fn log(mut self) -> String {
        self.child.kill().unwrap();
        let mut log = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut log).unwrap();
        log
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_agent_logs_each_refusal_with_its_code_and_answers_all_by_problems() {
    install_providers();
    let home = folder("agent-log");
    let members: Vec<_> = (1..=5).map(|n| member(&home, n, n, &listener("127.0.0.1:0"))).collect();
    let rosters = Chain::begin(signed_roster(members)).unwrap();
    Home::enrol(&agent_home(&home, 1), &rosters).unwrap();
    let agent = Agent::start(&agent_home(&home, 1));
    let unit = UnitId(Hash::of(b"a unit"));
    let close = Close { deadline: START, lines: vec![], open_at: START, size: 1, unit_id: unit };
    let close = signed(close, &[&platform_key()]).encode();
    let ask_unit = json!({ "credentials": [], "proposed": MARKER, "unit": MARKER }).to_string();
    let ask_close =
        json!({ "checkpoint": MARKER, "close": close, "lodged": [], "proposed": MARKER });
    let ask_close = ask_close.to_string();
    // Two agents with one memory could sign two closes: the folder is the first one's.
    for (lang, hint) in [("en", "hint: Stop that process first"), ("zh", "提示: 请先停止该进程")]
    {
        let mut second = Command::new(env!("CARGO_BIN_EXE_sealbid"));
        second.args(["--lang", lang, "custodian", "serve"]).arg(agent_home(&home, 1));
        let second = second.args(["--listen", "127.0.0.1:0"]).output().unwrap();
        let said = String::from_utf8(second.stderr).unwrap();
        assert_eq!((second.status.code(), said.contains(hint)), (Some(75), true), "{said}");
    }
    let mut codes = Vec::new();
    for (method, path, body, status, code) in [
        (Method::POST, "/unit", ask_unit.as_str(), 422, "custodian-statement"),
        (Method::POST, "/close", &ask_close, 404, "custodian-unknown-unit"),
        (Method::POST, "/release", "{", 400, "web-body-json"),
        (Method::POST, "/unit", &json!({ MARKER: 1 }).to_string(), 400, "web-body-json"),
        (Method::POST, "/lodge", &format!("{MARKER}\n"), 422, "custodian-range"),
        (Method::GET, &format!("/{MARKER}"), "", 404, "web-not-found"),
        (Method::GET, "/unit", "", 404, "web-not-found"),
        (Method::GET, "/checkpoint", "", 404, "custodian-not-witnessed"),
    ] {
        let (answered, problem) = agent.send(method, path, body);
        assert_eq!((answered.as_u16(), &problem["code"]), (status, &json!(code)), "{problem}");
        codes.push(code);
    }
    let log = agent.log();
    let lines: Vec<Value> =
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let refused: Vec<&Value> =
        lines.iter().map(|line| &line["fields"]).filter(|it| it["message"] == "refused").collect();
    assert_eq!(refused.iter().map(|it| it["code"].as_str().unwrap()).collect::<Vec<_>>(), codes);
    assert_eq!(refused[1]["unit"], unit.to_string(), "a close is refused for a unit");
    assert_eq!((&refused[1]["path"], &refused[2]["path"]), (&json!("/close"), &json!("/release")));
    assert!(!log.contains(MARKER), "nothing of a request is logged: {log}");
    // A killed process holds no folder.
    let again = Agent::start(&agent_home(&home, 1));
    assert_eq!(again.send(Method::GET, "/checkpoint", "").0, StatusCode::NOT_FOUND);
}
