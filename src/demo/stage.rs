//! The demo's stage: a throw-away folder with every party's keys, five custodians and the server,
//! each its own process of this same binary.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::clock::{Clock, SystemClock};
use crate::config::read_seed;
use crate::crypto::entropy::{self, Entropy, SystemEntropy};
use crate::crypto::key::{KeyKind, SigningKey, VerifyingKey};
use crate::crypto::statement::Statement;
use crate::custodian::home::Home;
use crate::custodian::roster::{CustodianId, Member, Roster};
use crate::web::start::platform_key_name;

/// The demo's origin: a name that resolves to nothing.
pub const ORIGIN: &str = "demo.sealbid.example/record";
/// Who keeps keys in the demo, with their names for people.
pub const CUSTODIANS: [(&str, &str); 5] = [
    ("regulator", "演示县公共资源交易监督局 Demo County Supervision Office"),
    ("notary", "演示县公证处 Demo County Notary Office"),
    ("auditor", "演示县审计局 Demo County Audit Office"),
    ("buyer", "演示县教育局 Demo County Education Bureau"),
    ("association", "演示县招标投标协会 Demo County Bidding Association"),
];
/// How many of them open.
pub const THRESHOLD: u8 = 3;
/// How long a process may take to answer after it was started.
const START_TRIES: u32 = 200;
const START_PAUSE: Duration = Duration::from_millis(50);

/// A stage that could not be set.
pub type Failed = anyhow::Error;

/// One running process of this binary, killed when dropped.
pub struct Process {
    /// Its address.
    pub address: SocketAddr,
    child: Child,
}

impl Process {
    /// Ends it at once, as a crash would.
    ///
    /// # Errors
    /// What the system says.
    pub async fn kill(&mut self) -> Result<(), Failed> {
        self.child.kill().await?;
        Ok(())
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }
}

/// Everything that stands before the story begins.
pub struct Stage {
    /// The folder with all of it.
    pub dir: PathBuf,
    /// Signs rosters.
    pub regulator: SigningKey,
    /// Verifies enterprises.
    pub operator: SigningKey,
    /// What everybody pins.
    pub roster: Statement<Roster>,
    /// The custodians' processes, in roster order.
    pub custodians: Vec<Process>,
    /// The server's process.
    pub server: Process,
}

impl Stage {
    /// Sets the stage in a new folder.
    ///
    /// # Errors
    /// With what was being done when it failed.
    pub async fn set(dir: &Path, port: Option<u16>) -> Result<Self, Failed> {
        let entropy = SystemEntropy::new();
        std::fs::create_dir_all(dir.join("keys"))?;
        let server_address = free_address(port)?;
        let addresses = CUSTODIANS.iter().map(|_| free_address(None));
        let addresses = addresses.collect::<Result<Vec<_>, _>>()?;
        let log = new_key(dir, "log", ORIGIN, &entropy)?;
        let platform = new_key(dir, "platform", &platform_key_name(ORIGIN), &entropy)?;
        let regulator = new_key(dir, "regulator", &format!("{ORIGIN}/regulator/1"), &entropy)?;
        let operator = new_key(dir, "operator", &format!("{ORIGIN}/operator/1"), &entropy)?;
        for name in ["pads", "tokens"] {
            new_seed(&dir.join("keys").join(name), &entropy)?;
        }
        let members = new_members(dir, &addresses, &entropy)?;
        let body = Roster {
            custodians: members,
            issued_at: SystemClock.now(),
            log_key: log.verifying().clone(),
            operator_keys: vec![operator.verifying().clone()],
            origin: ORIGIN.to_owned(),
            platform_key: platform.verifying().clone(),
            prev_sha256: None,
            regulator_key: regulator.verifying().clone(),
            sealer_sha256: None,
            t: THRESHOLD,
            version: 1,
        };
        let roster = Statement::signed(body, &regulator)?;
        std::fs::write(dir.join("roster.note"), roster.encode())?;
        std::fs::write(dir.join("trust"), format!("{}\n", roster.sha256()))?;
        let custodians = start_custodians(dir, &roster, &addresses).await?;
        let server = start_server(dir, server_address).await?;
        Ok(Self { dir: dir.to_owned(), regulator, operator, roster, custodians, server })
    }

    /// Starts a custodian's process again after it was killed.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn restart_custodian(&mut self, index: usize) -> Result<(), Failed> {
        let (id, _) = CUSTODIANS.get(index).ok_or_else(|| anyhow::anyhow!("no such custodian"))?;
        let process =
            self.custodians.get_mut(index).ok_or_else(|| anyhow::anyhow!("no such process"))?;
        *process = start_custodian(&custodian_dir(&self.dir, id), process.address).await?;
        Ok(())
    }
}

fn custodian_dir(dir: &Path, id: &str) -> PathBuf {
    dir.join("custodians").join(id)
}

/// A port nobody listens on now; another program may take it before ours does, and is then named.
fn free_address(port: Option<u16>) -> Result<SocketAddr, Failed> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0)))?.local_addr()?)
}

/// A new seed's file, readable by its owner only.
///
/// # Errors
/// When it exists already or the disk refuses.
pub fn new_seed(path: &Path, entropy: &dyn Entropy) -> Result<(), Failed> {
    use std::io::Write as _;
    let seed: [u8; 32] = entropy::array(entropy)?;
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{}", hex::encode(seed))?;
    file.sync_all()?;
    Ok(())
}

/// A new statement key in `keys/<file>`.
///
/// # Errors
/// As [`new_seed`].
pub fn new_key(
    dir: &Path,
    file: &str,
    name: &str,
    entropy: &dyn Entropy,
) -> Result<SigningKey, Failed> {
    let path = dir.join("keys").join(file);
    new_seed(&path, entropy)?;
    Ok(SigningKey::from_seed(name, KeyKind::Statement, &*read_seed(&path)?)?)
}

fn new_members(
    dir: &Path,
    addresses: &[SocketAddr],
    entropy: &dyn Entropy,
) -> Result<Vec<Member>, Failed> {
    std::fs::create_dir_all(dir.join("custodians"))?;
    let mut members = Vec::new();
    for ((id, name), address) in CUSTODIANS.iter().zip(addresses) {
        let home = custodian_dir(dir, id);
        Home::create(&home, &entropy::array(entropy)?)?;
        let id: CustodianId = id.parse()?;
        let keys = Home::keys(&home, ORIGIN, &id)?;
        let public = |key: &SigningKey| -> VerifyingKey { key.verifying().clone() };
        members.push(Member {
            address: format!("http://{address}"),
            id,
            name: (*name).to_owned(),
            statement_key: public(&keys.statement),
            witness_key: public(&keys.witness),
        });
    }
    Ok(members)
}

async fn start_custodians(
    dir: &Path,
    roster: &Statement<Roster>,
    addresses: &[SocketAddr],
) -> Result<Vec<Process>, Failed> {
    let mut processes = Vec::new();
    for ((id, _), address) in CUSTODIANS.iter().zip(addresses) {
        let home = custodian_dir(dir, id);
        Home::enrol(&home, roster)?;
        processes.push(start_custodian(&home, *address).await?);
    }
    Ok(processes)
}

async fn start_custodian(home: &Path, address: SocketAddr) -> Result<Process, Failed> {
    let arguments = ["custodian", "serve"].map(std::ffi::OsString::from);
    let listen = ["--listen".to_owned(), address.to_string()].map(std::ffi::OsString::from);
    let all = arguments.into_iter().chain([home.as_os_str().to_owned()]).chain(listen);
    start(all.collect(), &home.join("log"), address, "/").await
}

async fn start_server(dir: &Path, address: SocketAddr) -> Result<Process, Failed> {
    let config = dir.join("sealbid.toml");
    std::fs::create_dir_all(dir.join("data"))?;
    std::fs::write(dir.join("demo-rules.toml"), include_str!("../../rulepacks/demo.toml"))?;
    std::fs::write(&config, server_config(dir, address)?)?;
    let config = config.into_os_string();
    let init = [std::ffi::OsString::from("init"), "--config".into(), config.clone()];
    let made = Command::new(std::env::current_exe()?).args(init).output().await?;
    anyhow::ensure!(
        made.status.success(),
        "init failed: {}",
        String::from_utf8_lossy(&made.stderr).trim()
    );
    let serve = vec!["serve".into(), "--config".into(), config];
    start(serve, &dir.join("server.log"), address, "/record/checkpoint").await
}

/// The configuration that an operator would write.
fn server_config(dir: &Path, address: SocketAddr) -> Result<String, Failed> {
    let keys = dir.join("keys");
    let path = |path: PathBuf| path.display().to_string();
    let fields = [
        ("data_dir", path(dir.join("data"))),
        ("database", "sqlite:sealbid.db".to_owned()),
        ("listen", address.to_string()),
        ("origin", ORIGIN.to_owned()),
        ("rule_pack", path(dir.join("demo-rules.toml"))),
        ("roster_file", path(dir.join("roster.note"))),
        ("pad_key_file", path(keys.join("pads"))),
        ("log_key_file", path(keys.join("log"))),
        ("platform_key_file", path(keys.join("platform"))),
        ("token_key_file", path(keys.join("tokens"))),
    ];
    let mut table = toml::Table::new();
    for (name, value) in fields {
        table.insert(name.to_owned(), toml::Value::String(value));
    }
    table.insert("cadence_ms".to_owned(), toml::Value::Integer(200));
    Ok(toml::to_string(&table)?)
}

/// Starts a process of this binary and waits until it answers on its address.
async fn start(
    arguments: Vec<std::ffi::OsString>,
    log: &Path,
    address: SocketAddr,
    path: &str,
) -> Result<Process, Failed> {
    let log = std::fs::File::options().create(true).append(true).open(log)?;
    let child = Command::new(std::env::current_exe()?)
        .args(&arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()?;
    let mut process = Process { address, child };
    let url = format!("http://{address}{path}");
    for _ in 0..START_TRIES {
        if let Some(ended) = process.child.try_wait()? {
            anyhow::bail!("{arguments:?} ended with {ended}; its log says why");
        }
        if reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(process);
        }
        tokio::time::sleep(START_PAUSE).await;
    }
    anyhow::bail!("{arguments:?} does not answer on {address}")
}
