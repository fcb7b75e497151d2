//! A platform as an operator starts it, in this process over a test's database: configuration and
//! key files in a folder, the real start-up, the real handlers behind a socket, and, when asked for,
//! five custodians' agents behind sockets of their own. One clock drives all of them and moves only
//! when told to; the timer's work is done by [`Server::tick`] instead of by the wall clock.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::{App as Actix, HttpServer, web};
use reqwest::{Client, Method, Response, StatusCode};
use sealbid::auth::login::Login;
use sealbid::auth::provider::install_providers;
use sealbid::clock::{Clock as _, ManualClock};
use sealbid::config::Config;
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::statement::{Body, Statement};
use sealbid::custodian::chain::Chain;
use sealbid::custodian::home::Home;
use sealbid::custodian::http::{Limits, Service, routes as agent_routes};
use sealbid::custodian::roster::{CustodianId, Member, Roster};
use sealbid::db::Options;
use sealbid::enterprise::statements::Application;
use sealbid::tender::consent::ask_pending;
use sealbid::web::app::App;
use sealbid::web::init;
use sealbid::web::start::{self, Started, platform_key_name};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::agent_folders::opened;
use crate::registration::{
    ORIGIN, application, id, key, operator, roster, signed, signer, vouched,
};
use crate::support::{TestBase, TestFolder, folder, wait};

/// The largest upload of a test's server, in bytes.
pub const MAX_UPLOAD: u64 = 1 << 20;
/// How many custodians there are; three of them open.
pub const CUSTODIANS: u8 = 5;

/// A running server and what it stands on.
pub struct Server {
    /// `http://127.0.0.1:…`
    pub address: String,
    /// Sends requests.
    pub client: Client,
    /// What everybody pins.
    pub roster: Statement<Roster>,
    /// The one clock.
    pub clock: Arc<ManualClock>,
    /// The custodians' clock: the same, unless a test gives those that it wakes another.
    pub agents_clock: Arc<ManualClock>,
    /// `sealbid.toml`, as `sealbid serve` reads it.
    pub config: PathBuf,
    pub(crate) agents: Vec<Option<ServerHandle>>,
    running: Option<Running>,
    home: TestFolder,
}

/// What a process would be.
struct Running {
    started: Arc<Started>,
    handle: ServerHandle,
    tasks: Vec<JoinHandle<()>>,
}

/// The record's key.
pub fn log_key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, KeyKind::Statement, &[101; 32]).unwrap()
}

/// The platform's key.
pub fn platform_key() -> SigningKey {
    signer(&platform_key_name(ORIGIN), 102)
}

/// The regulator's key.
pub fn regulator() -> SigningKey {
    signer(&format!("{ORIGIN}/regulator"), 105)
}

impl Server {
    /// A server whose custodians do not answer.
    pub fn start(base: &TestBase) -> Self {
        Self::set_up(base, false)
    }

    /// A server with five custodians.
    pub fn with_agents(base: &TestBase) -> Self {
        Self::set_up(base, true)
    }

    fn set_up(base: &TestBase, with_agents: bool) -> Self {
        install_providers();
        let home = folder("server");
        let listeners: Vec<_> = (0..CUSTODIANS).map(|_| listener("127.0.0.1:0")).collect();
        let members: Vec<_> = (1..).zip(&listeners).map(|(n, l)| member(&home, n, n, l)).collect();
        let roster = signed_roster(members);
        let config = write_files(&home, base, &roster);
        let options = Options::new(base.clock.clone(), Arc::new(SystemEntropy::new()));
        init::init(&Config::load(&config, []).unwrap(), options).unwrap();
        for n in 1..=CUSTODIANS {
            let rosters = Chain::begin(roster.clone()).unwrap();
            Home::enrol(&agent_home(&home, n), &rosters).unwrap();
        }
        let mut server = Self {
            address: String::new(),
            // A connection to a server that has been started anew since is none.
            client: Client::builder().pool_max_idle_per_host(0).build().unwrap(),
            roster,
            clock: base.clock.clone(),
            agents_clock: base.clock.clone(),
            config,
            agents: (0..CUSTODIANS).map(|_| None).collect(),
            running: None,
            home,
        };
        for (n, listener) in (1..).zip(listeners) {
            if with_agents {
                server.serve_agent(n, listener);
            }
        }
        server.run(listener("127.0.0.1:0"));
        server
    }

    fn run(&mut self, listener: TcpListener) {
        let address = listener.local_addr().unwrap();
        let config = Config::load(&self.config, []).unwrap();
        let options = Options::new(self.clock.clone(), Arc::new(SystemEntropy::new()));
        let started = Arc::new(wait(start::open(&config, options)).unwrap());
        let served = web::Data::from(started.app.clone());
        let beside = started.clone();
        let (handle, tasks) = wait(async move {
            let server = sealbid::web::serve(served, listener).unwrap();
            let handle = server.handle();
            let served = tokio::spawn(async { server.await.unwrap() });
            let extends = async move { beside.app.platform.sequencer.run().await };
            (handle, vec![served, tokio::spawn(extends)])
        });
        self.address = format!("http://{address}");
        self.running = Some(Running { started, handle, tasks });
    }

    /// Ends it at once: connections break, nothing is waited for.
    pub fn stop(&mut self) {
        let Some(running) = self.running.take() else { return };
        wait(running.handle.stop(false));
        running.tasks.iter().for_each(JoinHandle::abort);
        for task in running.tasks {
            drop(wait(task));
        }
    }

    /// Ends it and starts it again on the same address, from what is on the disk.
    pub fn restart(&mut self) {
        self.stop();
        let address = self.address.strip_prefix("http://").unwrap().to_owned();
        self.run(listener(&address));
    }

    /// The running platform behind the handlers.
    pub fn app(&self) -> &App {
        &self.running.as_ref().unwrap().started.app
    }

    /// Its folder: keys, data, agents.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Puts custodian `n`, from 1, to sleep: its address refuses connections.
    pub fn sleep(&mut self, n: u8) {
        let agent = self.agents[usize::from(n) - 1].take().unwrap();
        wait(agent.stop(false));
        drop(opened(&agent_home(&self.home, n)));
    }

    /// Starts custodian `n` again, with what it remembers.
    pub fn wake(&mut self, n: u8) {
        let address = &self.roster.body().custodians[usize::from(n) - 1].address;
        let listener = listener(address.strip_prefix("http://").unwrap());
        self.serve_agent(n, listener);
    }

    pub(crate) fn serve_agent(&mut self, n: u8, listener: TcpListener) {
        let loaded = opened(&agent_home(&self.home, n));
        let limits = Limits::new(MAX_UPLOAD * 2, 1_000);
        let service = web::Data::new(Service::new(loaded, self.agents_clock.clone(), limits));
        let agent = move || Actix::new().app_data(service.clone()).configure(agent_routes);
        let handle = wait(async move {
            let server = HttpServer::new(agent).workers(1).disable_signals();
            let server = server.listen(listener).unwrap().run();
            let handle = server.handle();
            tokio::spawn(server);
            handle
        });
        self.agents[usize::from(n) - 1] = Some(handle);
    }

    /// The record is extended and shown to the custodians that are awake.
    pub fn beat(&self) {
        let started = &self.running.as_ref().unwrap().started;
        let sequencer = &started.app.platform.sequencer;
        wait(sequencer.tick()).unwrap();
        for feed in &started.feeds {
            wait(feed.feed_all(&sequencer.published().checkpoint));
        }
    }

    /// The platform's heartbeat, by which it measures its own downtime.
    pub fn alive(&self) {
        wait(sealbid::tender::outage::beat(&self.app().platform)).unwrap();
    }

    /// What the timer does once: whatever is due now, then a beat.
    pub fn tick(&self) {
        let app = self.app();
        wait(ask_pending(&app.platform)).unwrap();
        wait(app.opener.tick()).unwrap();
        self.beat();
    }

    /// Sends a request with these headers.
    pub fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Response {
        let mut request = self.client.request(method, format!("{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        wait(request.send()).unwrap()
    }

    /// Sends a request as whoever holds the token.
    #[expect(clippy::needless_pass_by_value, reason = "as every other way of asking here")]
    pub fn ask_as(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|b| ("authorization", b.as_str())).collect();
        let response = self.ask(method.clone(), path, &headers, body);
        described(&method, path, response)
    }

    /// Reads a path.
    pub fn get(&self, path: &str, token: Option<&str>) -> (StatusCode, Value) {
        self.ask_as(Method::GET, path, token, None)
    }

    /// Sends an act that needs no login.
    pub fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        described(&Method::POST, path, self.ask(Method::POST, path, &[], Some(body)))
    }

    /// Sends a signed statement.
    pub fn state<B: Body>(&self, path: &str, statement: &Statement<B>) -> (StatusCode, Value) {
        self.post(path, json!({ "statement": statement.encode() }))
    }

    /// Applies for registration.
    pub fn apply(&self, statement: &Statement<Application>) -> (StatusCode, Value) {
        self.post("/api/v1/enterprises", json!({ "application": statement.encode() }))
    }

    /// Registers body `n` with the key of `seed`: an application and an operator's word.
    pub fn register(&self, n: u64, seed: u8) {
        let statement = signed(application(n, seed), &[&key(n, seed)]);
        assert_eq!(self.apply(&statement).0, StatusCode::OK);
        let path = format!("/api/v1/enterprises/{}/verification", id(n));
        let (status, done) = self.state(&path, &signed(vouched(&statement), &[&operator()]));
        assert_eq!((status, &done["state"]), (StatusCode::OK, &json!("verified")), "{done}");
    }

    /// Logs in; gives the token.
    pub fn login(&self, signer: &SigningKey) -> String {
        let (_, challenge) = self.post("/api/v1/login/challenges", json!({}));
        let body = Login {
            at: self.clock.now(),
            key: signer.verifying().clone(),
            nonce: challenge["nonce"].as_str().unwrap().parse().unwrap(),
            origin: challenge["origin"].as_str().unwrap().to_owned(),
        };
        let (status, session) = self.state("/api/v1/login", &signed(body, &[signer]));
        assert_eq!(status, StatusCode::OK, "{session}");
        session["token"].as_str().unwrap().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        for agent in self.agents.iter_mut().filter_map(Option::take) {
            wait(agent.stop(false));
        }
    }
}

/// As [`read`], once what is JSON was held against the API document.
fn described(method: &Method, path: &str, response: Response) -> (StatusCode, Value) {
    let media = response.headers().get("content-type").and_then(|it| it.to_str().ok());
    let is_json = media.is_some_and(|it| it.ends_with("json"));
    let (status, answer) = read(response);
    if is_json {
        crate::described::check(method, path, status, &answer);
    }
    (status, answer)
}

/// An answer's status and JSON; its text when it is none.
pub fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = wait(response.text()).unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub fn listener(address: &str) -> TcpListener {
    TcpListener::bind(address).unwrap()
}

pub fn agent_home(home: &Path, n: u8) -> PathBuf {
    home.join(format!("agent{n}"))
}

/// The folder of agent `n`, whose seed is its own, and its line in the roster.
pub fn member(home: &Path, n: u8, name: u8, listener: &TcpListener) -> Member {
    let (home, id) = (agent_home(home, n), format!("c{name}").parse::<CustodianId>().unwrap());
    Home::create(&home, &[50 + n; 32]).unwrap();
    let keys = Home::keys(&home, ORIGIN, &id).unwrap();
    Member {
        address: format!("http://{}", listener.local_addr().unwrap()),
        id,
        name: format!("Custodian {name}"),
        statement_key: keys.statement.verifying().clone(),
        witness_key: keys.witness.verifying().clone(),
    }
}

pub fn signed_roster(custodians: Vec<Member>) -> Statement<Roster> {
    let body = Roster {
        custodians,
        log_key: log_key().verifying().clone(),
        platform_key: platform_key().verifying().clone(),
        t: 3,
        ..roster()
    };
    signed(body, &[&regulator()])
}

fn write_secret(path: &Path, text: &str) {
    let mut options = fs::File::options();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

/// Everything that an operator writes before the first start; gives the configuration's path.
fn write_files(home: &Path, base: &TestBase, roster: &Statement<Roster>) -> PathBuf {
    fs::create_dir(home.join("data")).unwrap();
    fs::write(home.join("rules.toml"), include_str!("../../rulepacks/demo.toml")).unwrap();
    fs::write(home.join("roster.note"), roster.encode()).unwrap();
    for (name, seed) in [("log", 101), ("platform", 102), ("pads", 9), ("tokens", 9)] {
        write_secret(&home.join(name), &hex::encode([seed; 32]));
    }
    let path = |name: &str| home.join(name).display().to_string();
    let fields = [
        ("data_dir", path("data")),
        ("origin", ORIGIN.to_owned()),
        ("rule_pack", path("rules.toml")),
        ("roster_file", path("roster.note")),
        ("pad_key_file", path("pads")),
        ("log_key_file", path("log")),
        ("platform_key_file", path("platform")),
        ("token_key_file", path("tokens")),
    ];
    let mut table: toml::Table =
        fields.into_iter().map(|(k, v)| (k.to_owned(), toml::Value::String(v))).collect();
    base.configure(&mut table, home);
    table.insert("cadence_ms".to_owned(), toml::Value::Integer(50));
    let limit = i64::try_from(MAX_UPLOAD).unwrap();
    table.insert("max_upload_bytes".to_owned(), toml::Value::Integer(limit));
    let config = home.join("sealbid.toml");
    fs::write(&config, toml::to_string(&table).unwrap()).unwrap();
    config
}
