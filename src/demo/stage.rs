//! The demo's stage: every party's keys, the roster that all pin, five custodians' folders, the
//! server's configuration, and the six processes that stand on them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::try_join_all;

use super::process::{Process, free_address, this_program};
use super::trouble::{Trouble, other};
use crate::cli::client::Client;
use crate::cli::keys;
use crate::cli::output::{Access, write_new};
use crate::cli::trust::Pinned;
use crate::clock::{Clock as _, SystemClock};
use crate::crypto::entropy::{self, SystemEntropy};
use crate::crypto::note::{SigningKey, VerifyingKey};
use crate::crypto::statement::Statement;
use crate::custodian::chain::Chain;
use crate::custodian::home::Home;
use crate::custodian::roster::{CustodianId, Member, Roster};
use crate::verify::Trust;
use crate::web::i18n::Lang;
use crate::web::start::platform_key_name;

use super::cast::Name;

/// The demo's rule pack, byte by byte.
pub(super) const RULES: &[u8] = include_bytes!("../../rulepacks/demo.toml");

/// The demo's origin: a name that resolves to nothing.
pub const ORIGIN: &str = "demo.sealbid.example/record";
/// Who keeps keys in the demo, with their names for people.
pub const CUSTODIANS: [(&str, Name); 5] = [
    ("regulator", Name::new("演示县公共资源交易监督局", "County Supervision Office")),
    ("notary", Name::new("演示县公证处", "County Notary Office")),
    ("auditor", Name::new("演示县审计局", "County Audit Office")),
    ("buyer", Name::new("演示县财政局", "County Finance Bureau")),
    ("association", Name::new("演示县招标投标协会", "County Bidding Association")),
];
/// How many of them open.
pub const THRESHOLD: u8 = 3;
/// Time between two signed checkpoints, in milliseconds.
const CADENCE_MS: i64 = 200;

/// Everything that stands before the story begins.
pub struct Stage {
    /// The folder with all of it.
    pub dir: PathBuf,
    /// The language in which the platform is asked to answer.
    pub lang: Lang,
    /// The roster that everybody pins.
    pub pinned: Pinned,
    /// The custodians' processes, in roster order.
    pub custodians: Vec<Process>,
    /// The server's process.
    pub server: Process,
}

impl Stage {
    /// Writes every key and file into the folder; starts nothing.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn set(dir: &Path, port: Option<u16>, lang: Lang) -> Result<Self, Trouble> {
        let address = free_address(port)?;
        let addresses = CUSTODIANS.iter().map(|_| free_address(None));
        let addresses = addresses.collect::<Result<Vec<_>, _>>()?;
        let roster = sign_roster(dir, &addresses)?;
        let pin = Trust::Roster(roster.sha256());
        let note = roster.encode();
        write_new(&dir.join("roster.note"), note.as_bytes(), Access::Usual)?;
        write_new(&dir.join("trust"), format!("{pin}\n").as_bytes(), Access::Usual)?;
        let rosters = Chain::begin(roster).map_err(other)?;
        let mut custodians = Vec::new();
        for ((id, name), address) in CUSTODIANS.iter().zip(addresses) {
            let home = custodian_dir(dir, id);
            Home::enrol(&home, &rosters).map_err(other)?;
            custodians.push(custodian(dir, &home, id, name.of(lang), address));
        }
        let config = dir.join("sealbid.toml");
        write_new(&dir.join("rules.toml"), RULES, Access::Usual)?;
        write_new(&config, server_config(dir, address)?.as_bytes(), Access::Usual)?;
        let arguments = vec!["serve".into(), "--config".into(), config.into_os_string()];
        let log = dir.join("logs").join("server.log");
        let server =
            Process::new("server".to_owned(), address, log, arguments, "/record/checkpoint");
        let pinned = Pinned::new(note.as_bytes(), &pin)?;
        Ok(Self { dir: dir.to_owned(), lang, pinned, custodians, server })
    }

    /// Makes the platform's database, as an operator would.
    ///
    /// # Errors
    /// With what `sealbid init` said.
    pub async fn init(&self) -> Result<(), Trouble> {
        let config = self.dir.join("sealbid.toml");
        let mut command = this_program()?;
        let made = command.arg("init").arg("--config").arg(config).output().await.map_err(other)?;
        if made.status.success() {
            return Ok(());
        }
        Err(Trouble::Other(String::from_utf8_lossy(&made.stderr).trim().to_owned()))
    }

    /// Starts the custodians, then the server, which compares its head with theirs.
    ///
    /// # Errors
    /// [`Trouble::Process`].
    pub async fn raise(&mut self) -> Result<(), Trouble> {
        try_join_all(self.custodians.iter_mut().map(Process::start)).await?;
        self.server.start().await
    }

    /// Ends every process, the server first.
    ///
    /// # Errors
    /// What the system says.
    pub async fn strike(&mut self) -> Result<(), Trouble> {
        let server = self.server.stop().await;
        for custodian in &mut self.custodians {
            custodian.stop().await?;
        }
        server
    }

    /// The server's address for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// A client of the server, with nobody's key.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn client(&self) -> Result<Client, Trouble> {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy::new()));
        Ok(Client::new(&self.url(), self.lang, clock, entropy)?)
    }

    /// Where a party's key file is.
    #[must_use]
    pub fn key_file(&self, party: &str) -> PathBuf {
        self.dir.join("keys").join(party)
    }

    /// A client with the key of `keys/<party>`.
    ///
    /// # Errors
    /// As [`keys::load`].
    pub fn client_of(&self, party: &str) -> Result<(Client, Arc<SigningKey>), Trouble> {
        let key = keys::load(&self.key_file(party))?;
        Ok((self.client()?.with_key(Arc::clone(&key)), key))
    }
}

fn custodian_dir(dir: &Path, id: &str) -> PathBuf {
    dir.join("custodians").join(id)
}

fn custodian(dir: &Path, home: &Path, id: &str, name: &str, address: SocketAddr) -> Process {
    let mut arguments = vec!["custodian".into(), "serve".into(), home.as_os_str().to_owned()];
    arguments.extend(["--listen".into(), address.to_string().into()]);
    // A demonstration's windows last seconds.
    arguments.extend(["--challenge-floor".into(), "1".into()]);
    let log = dir.join("logs").join(format!("custodian-{id}.log"));
    Process::new(name.to_owned(), address, log, arguments, "/")
}

/// Makes the keys of platform, regulator, operator and custodians, and the roster that names them.
fn sign_roster(dir: &Path, addresses: &[SocketAddr]) -> Result<Statement<Roster>, Trouble> {
    let entropy = SystemEntropy::new();
    let make = |file: &str, name: &str| -> Result<VerifyingKey, Trouble> {
        Ok(keys::create(&dir.join("keys").join(file), name, &entropy)?)
    };
    let role = |role: &str| format!("{ORIGIN}/{role}/1");
    for name in ["pads", "tokens"] {
        make(name, &role("secret"))?;
    }
    let body = Roster {
        custodians: members(dir, addresses)?,
        issued_at: SystemClock.now(),
        log_key: make("log", ORIGIN)?,
        operator_keys: vec![make("operator", &role("operator"))?],
        origin: ORIGIN.to_owned(),
        platform_key: make("platform", &platform_key_name(ORIGIN))?,
        prev_sha256: None,
        regulator_key: make("regulator", &role("regulator"))?,
        sealer_sha256: None,
        t: THRESHOLD,
        version: 1,
    };
    let regulator = keys::load(&dir.join("keys").join("regulator"))?;
    Statement::signed(body, &regulator).map_err(other)
}

fn members(dir: &Path, addresses: &[SocketAddr]) -> Result<Vec<Member>, Trouble> {
    let entropy = SystemEntropy::new();
    let mut members = Vec::new();
    for ((id, name), address) in CUSTODIANS.iter().zip(addresses) {
        let home = custodian_dir(dir, id);
        Home::create(&home, &entropy::array(&entropy)?).map_err(other)?;
        let id: CustodianId = id.parse().map_err(other)?;
        let keys = Home::keys(&home, ORIGIN, &id).map_err(other)?;
        members.push(Member {
            address: format!("http://{address}"),
            id,
            name: name.registered(),
            statement_key: keys.statement.verifying().clone(),
            witness_key: keys.witness.verifying().clone(),
        });
    }
    Ok(members)
}

/// The configuration that an operator would write.
fn server_config(dir: &Path, address: SocketAddr) -> Result<String, Trouble> {
    let path = |path: PathBuf| path.display().to_string();
    let key = |file: &str| path(dir.join("keys").join(file));
    let fields = [
        ("data_dir", path(dir.join("data"))),
        ("database", "sqlite:sealbid.db".to_owned()),
        ("listen", address.to_string()),
        ("origin", ORIGIN.to_owned()),
        ("rule_pack", path(dir.join("rules.toml"))),
        ("roster_file", path(dir.join("roster.note"))),
        ("pad_key_file", key("pads")),
        ("log_key_file", key("log")),
        ("platform_key_file", key("platform")),
        ("token_key_file", key("tokens")),
    ];
    let mut table = toml::Table::new();
    for (name, value) in fields {
        table.insert(name.to_owned(), toml::Value::String(value));
    }
    table.insert("cadence_ms".to_owned(), toml::Value::Integer(CADENCE_MS));
    toml::to_string(&table).map_err(other)
}
