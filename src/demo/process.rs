//! The demo's children: the server and the custodians, each a process of this same binary.
//!
//! Invariant: a child never outlives the demo: it is killed when its [`Process`] is dropped. It has
//! a process group of its own, so that Ctrl-C on the terminal reaches the demo alone, which then
//! ends its children itself.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::trouble::{Trouble, at, other};

/// How often a new process is asked whether it is there, and the time between.
const TRIES: u32 = 600;
const PAUSE: Duration = Duration::from_millis(50);

/// A server of ours that can be stopped and started again.
pub struct Process {
    /// For people.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its output goes.
    log: PathBuf,
    arguments: Vec<OsString>,
    /// What it answers when it is ready.
    probe: &'static str,
    child: Option<Child>,
}

impl Process {
    /// A process that is not started yet.
    #[must_use]
    pub const fn new(
        name: String,
        address: SocketAddr,
        log: PathBuf,
        arguments: Vec<OsString>,
        probe: &'static str,
    ) -> Self {
        Self { name, address, log, arguments, probe, child: None }
    }

    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// [`Trouble::Process`] when it ends or never answers.
    pub async fn start(&mut self) -> Result<(), Trouble> {
        let log = std::fs::File::options().create(true).append(true).open(&self.log);
        let log = log.map_err(at(&self.log))?;
        let mut command = this_program()?;
        command.args(&self.arguments);
        command.stdin(Stdio::null()).stdout(log.try_clone().map_err(at(&self.log))?).stderr(log);
        #[cfg(unix)]
        command.process_group(0);
        let child = command.spawn().map_err(other)?;
        let child = self.child.insert(child);
        let url = format!("http://{}{}", self.address, self.probe);
        for _ in 0..TRIES {
            if child.try_wait().map_err(other)?.is_some() {
                break;
            }
            if reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(Trouble::Process(self.name.clone()))
    }

    /// Ends it at once, as a crash would, and waits until it is gone.
    ///
    /// # Errors
    /// What the system says.
    pub async fn stop(&mut self) -> Result<(), Trouble> {
        match self.child.take() {
            Some(mut child) => child.kill().await.map_err(other),
            None => Ok(()),
        }
    }

    /// Whether anybody listens on its address.
    pub async fn is_there(&self) -> bool {
        TcpStream::connect(self.address).await.is_ok()
    }
}

/// This binary again, without the variables that would change what its children do.
///
/// # Errors
/// When the system does not tell which file it is.
pub fn this_program() -> Result<Command, Trouble> {
    let mut command = Command::new(std::env::current_exe().map_err(other)?);
    command.kill_on_drop(true);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SEALBID_") {
            command.env_remove(name);
        }
    }
    Ok(command)
}

/// A loopback address that nobody listens on now: the port asked for, or any.
///
/// # Errors
/// [`Trouble::PortTaken`].
pub fn free_address(port: Option<u16>) -> Result<SocketAddr, Trouble> {
    let wanted = port.unwrap_or(0);
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => Trouble::PortTaken(wanted),
            _ => Trouble::Other(format!("127.0.0.1:{wanted}: {error}")),
        })?;
    listener.local_addr().map_err(other)
}
