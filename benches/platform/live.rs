//! A live platform for benches: the real server and five real custodians, each its own process of
//! the bench's binary, over a database that was filled beforehand with registered enterprises.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use diesel::prelude::*;
use futures_util::future::try_join_all;
use sealbid::auth::Actor;
use sealbid::auth::token::TokenKey;
use sealbid::cli::Cli;
use sealbid::cli::keys;
use sealbid::cli::output::Silent;
use sealbid::clock::{Clock as _, SystemClock, Time};
use sealbid::config::{Config, read_seed};
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::statement::Statement;
use sealbid::db::schema::{credential, session};
use sealbid::db::{Db, Error, Options, Tx};
use sealbid::demo::process::Process;
use sealbid::demo::stage::{ORIGIN, Stage};
use sealbid::enterprise::credentials::key_name;
use sealbid::enterprise::statements::{Kind, Verified};
use sealbid::ids::{EnterpriseId, SessionId};
use sealbid::on_each;
use sealbid::web::i18n::Lang;
use sealbid::web::init;

use crate::support::{TestBase, TestFolder, folder};

/// The cadence of the record, as in production.
pub const CADENCE: Duration = Duration::from_millis(400);

/// Runs a command of the program when this process was started as one of the stage's.
pub fn program() -> Option<ExitCode> {
    let command = std::env::args().nth(1)?;
    if !["init", "serve", "custodian"].contains(&command.as_str()) {
        return None;
    }
    sealbid::auth::provider::install_providers();
    let cli = Cli::parse();
    let lang = Lang::En;
    Some(cli.run(lang, Arc::new(Silent)).map_or_else(
        |error| {
            eprintln!("{error}");
            ExitCode::FAILURE
        },
        |_| ExitCode::SUCCESS,
    ))
}

/// A registered bidder with a session.
pub struct Bidder {
    pub id: EnterpriseId,
    pub key: SigningKey,
    pub token: String,
}

/// The platform; its processes end with it.
pub struct Live {
    pub stage: Stage,
    pub base: TestBase,
    server: Option<Child>,
    folder: TestFolder,
}

impl Live {
    /// The custodians and an empty database; the server is not started yet.
    pub fn set(base: TestBase) -> Self {
        sealbid::auth::provider::install_providers();
        let folder = folder("live");
        let dir = folder.join("stage");
        for part in ["keys", "logs", "data", "custodians"] {
            std::fs::create_dir_all(dir.join(part)).expect("a folder");
        }
        let mut stage = Stage::set(&dir, None, Lang::En).expect("a stage");
        let custodians = stage.custodians.iter_mut();
        crate::support::wait(try_join_all(custodians.map(Process::start))).expect("started");
        let live = Self { stage, base, server: None, folder };
        live.configure();
        live
    }

    fn dir(&self) -> &Path {
        &self.stage.dir
    }

    /// Where the server keeps complete uploads.
    pub fn blobs(&self) -> PathBuf {
        self.dir().join("data/blobs")
    }

    /// The production cadence, and this database instead of the stage's.
    fn configure(&self) {
        let file = self.dir().join("sealbid.toml");
        let text = std::fs::read_to_string(&file).expect("a configuration");
        let mut table: toml::Table = text.parse().expect("a table");
        let cadence = i64::try_from(CADENCE.as_millis()).expect("short");
        table.insert("cadence_ms".into(), cadence.into());
        self.base.configure(&mut table, self.dir());
        std::fs::write(&file, toml::to_string(&table).expect("written")).expect("written");
        let config = Config::load(&file, []).expect("a configuration");
        let options = Options::new(Arc::new(SystemClock), Arc::new(SystemEntropy::new()));
        init::init(&config, options).expect("named");
    }

    pub const fn address(&self) -> SocketAddr {
        self.stage.server.address
    }

    /// Registers bidders and logs them in, directly as rows: how they came is another question.
    pub fn register(&self, count: usize) -> Vec<Bidder> {
        let now = SystemClock.now();
        let seed = read_seed(&self.dir().join("keys/tokens")).expect("a seed");
        let tokens = TokenKey::new(&seed, ORIGIN).expect("a key");
        let made = (0..count).map(|number| bidder(number, &tokens, now)).collect::<Vec<_>>();
        let rows: Vec<_> =
            made.iter().map(|(bidder, session)| self.rows(bidder, *session)).collect();
        self.seed(move |tx| rows.iter().try_for_each(|row| insert(tx, row, now)));
        made.into_iter().map(|(bidder, _)| bidder).collect()
    }

    fn rows(&self, bidder: &Bidder, session: SessionId) -> Rows {
        let verified = Verified {
            application_sha256: Hash::of(b"application"),
            enterprise: bidder.id,
            key: bidder.key.verifying().clone(),
            kind: Kind::Enterprise,
            name: "某公司".into(),
            uscc: "000000000000000000".into(),
        };
        let operator = keys::load(&self.stage.key_file("operator")).expect("a key");
        let note = Statement::signed(verified, &operator).expect("signed").encode();
        let public = hex::encode(bidder.key.verifying().public());
        Rows { enterprise: bidder.id, note, session, public }
    }

    /// Writes rows past every use-case, while no server runs.
    pub fn seed(&self, act: impl FnOnce(&mut Tx<'_>) -> Result<(), Error> + Send + 'static) {
        let options = Options::new(Arc::new(SystemClock), Arc::new(SystemEntropy::new()));
        let db = Db::open(&self.base.url, options).expect("a database");
        let seeded = db.write_blocking(move |tx| {
            tx.unrecorded("rows of a bench");
            act(tx)
        });
        seeded.expect("seeded");
    }

    /// Starts the server and waits until it answers.
    pub fn serve(&mut self) {
        let config = self.dir().join("sealbid.toml");
        let log = std::fs::File::create(self.dir().join("server.log")).expect("a log");
        let arguments = [OsString::from("serve"), "--config".into(), config.into()];
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(arguments)
            // The server refuses variables that mean nothing to it.
            .env_remove("SEALBID_TEST_POSTGRES")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("started");
        self.server = Some(child);
        let url = format!("http://{}/record/checkpoint", self.address());
        let answers =
            || crate::support::wait(reqwest::get(&url)).is_ok_and(|a| a.status().is_success());
        let answered = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            answers()
        });
        assert!(answered, "the server does not answer: {}", self.log());
    }

    /// What the server wrote.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir().join("server.log")).unwrap_or_default()
    }

    /// Seconds of processor time that the server has used, and its peak resident memory in KiB.
    pub fn used(&self) -> (f64, u64) {
        let process = self.server.as_ref().expect("a server").id();
        (seconds_of(process), peak_of(process))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            drop(server.kill());
            drop(server.wait());
        }
    }
}

fn bidder(number: usize, tokens: &TokenKey, now: Time) -> (Bidder, SessionId) {
    let id: EnterpriseId = format!("ent_{number:032x}").parse().expect("an id");
    let session: SessionId = format!("ses_{number:032x}").parse().expect("an id");
    let name = key_name(ORIGIN, Kind::Enterprise, id);
    let seed = Hash::of(name.as_bytes());
    let key = SigningKey::from_seed(&name, KeyKind::Statement, seed.as_bytes()).expect("a key");
    let token = tokens.issue(&Actor::Bidder(id), session, now).expect("a token");
    (Bidder { id, key, token }, session)
}

struct Rows {
    enterprise: EnterpriseId,
    note: String,
    session: SessionId,
    public: String,
}

fn insert(tx: &mut Tx<'_>, rows: &Rows, now: Time) -> Result<(), Error> {
    let row = diesel::insert_into(credential::table).values((
        credential::enterprise.eq(rows.enterprise.to_string()),
        credential::no.eq(1),
        credential::note.eq(&rows.note),
        credential::idx.eq(0),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    let row = diesel::insert_into(session::table).values((
        session::id.eq(rows.session.to_string()),
        session::actor.eq(Actor::Bidder(rows.enterprise).to_string()),
        session::public.eq(&rows.public),
        session::started_at.eq(now.millis()),
        session::expires_at.eq(now.plus(900_000).millis()),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}

/// User and system time of a process; the kernel counts in hundredths of a second.
pub fn seconds_of(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

fn peak_of(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_default()
}
