//! `sealbid custodian …`: the agent that a custodian runs, and its folder.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_web::{App, HttpServer, web};
use zeroize::Zeroizing;

use crate::config::Origin;
use crate::crypto::note::Note;
use crate::crypto::statement::{Body, Statement};
use crate::custodian::by_hand;
use crate::custodian::chain::Chain;
use crate::custodian::home::{Home, Loaded, Memory, Start};
use crate::custodian::http::{Limits, Service, routes};
use crate::custodian::roster::CustodianId;
use crate::custodian::wire::MAX_BID;
use crate::error::Said;
use crate::verify::Trust;

use super::failed::Failed;
use super::output::{Access, Report, write_new};
use super::{Context, args, read_file};
use crate::custodian::client::innermost;

/// `sealbid custodian …`
#[derive(Debug, clap::Subcommand)]
pub enum CustodianCommand {
    /// Make a folder with a new seed
    Keygen {
        /// The folder; it must not exist
        dir: PathBuf,
    },
    /// Print what the regulator's roster file needs to name this agent
    Member {
        /// The agent's folder
        dir: PathBuf,
        /// The record's origin
        #[arg(long)]
        origin: String,
        /// The agent's short name: a-z, 0-9 and hyphen
        #[arg(long)]
        id: CustodianId,
        /// The organisation's name for people
        #[arg(long)]
        name: String,
        /// Where the agent will be reached, such as `https://keys.notary.example`
        #[arg(long)]
        address: String,
    },
    /// Enrol the folder's seed in the roster of --roster, which --trust pins
    Enrol {
        /// The agent's folder
        dir: PathBuf,
        /// The seed is a restored one and what it signed is gone: start as lost
        #[arg(long)]
        restored: bool,
    },
    /// Sign the next version of the roster, by the key of this agent's version
    SignRoster {
        /// The agent's folder
        dir: PathBuf,
        /// The next roster, signed by the regulator and perhaps by other custodians
        file: PathBuf,
        /// The roster with this signature more
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Sign a succession: the record goes on under another origin and key
    SignSuccession {
        /// The agent's folder
        dir: PathBuf,
        /// The succession, signed by the regulator and perhaps by other custodians
        file: PathBuf,
        /// The last checkpoint that the platform still holds, with its cosignatures
        #[arg(long, value_name = "FILE")]
        checkpoint: PathBuf,
        /// The succession with this signature more
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Follow the record through a succession; the agent is stopped before and started after
    Succeed {
        /// The agent's folder
        dir: PathBuf,
    },
    /// Run the agent
    Serve(Serve),
    /// After --recover: witness again from a checkpoint that a quorum of others cosigned
    Adopt {
        /// The checkpoint's file, as the platform serves it at /record/checkpoint
        checkpoint: PathBuf,
        /// The running agent's address
        #[arg(long, value_name = "URL")]
        agent: String,
    },
}

/// `sealbid custodian serve`
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// The agent's folder
    dir: PathBuf,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8181")]
    listen: SocketAddr,
    /// The memory was lost: release for earlier units only, and sign none of them again
    #[arg(long)]
    recover: bool,
    /// Recover though the memory can be read: the folder was put back from a backup
    #[arg(long, requires = "recover")]
    restored: bool,
    /// The largest lodged bid's sealed payload, in bytes; at most 2 GiB
    #[arg(long, default_value_t = MAX_BID)]
    max_bid: u64,
    /// The shortest time for challenges that a unit may leave its bidders, in seconds
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    challenge_floor: u32,
}

impl CustodianCommand {
    /// Runs the command; `serve` returns when the agent is stopped.
    ///
    /// # Errors
    /// [`Failed`].
    pub fn run(&self, context: &Context) -> Result<Report, Failed> {
        match self {
            Self::Keygen { dir } => {
                let mut seed = Zeroizing::new([0; 32]);
                context.entropy.fill(seed.as_mut())?;
                Home::create(dir, &seed)?;
                let path = dir.display().to_string();
                Ok(Report::said("cli-say-custodian-made", args([("path", path)])))
            }
            Self::Member { dir, origin, id, name, address } => {
                member(dir, origin, id, [name, address])
            }
            Self::Enrol { dir, restored } => {
                let now = context.clock.now();
                let memory = if *restored { Memory::Lost(now) } else { Memory::New };
                enrol(context, dir, memory)
            }
            Self::SignRoster { dir, file, out } => {
                let (loaded, roster) = (Home::read(dir)?, statement(file)?);
                let signed = by_hand::sign_roster(&loaded, roster)?;
                write_new(out, signed.encode().as_bytes(), Access::Usual)?;
                let values = args([("pin", signed.sha256().to_string())]);
                Ok(Report::said("cli-say-roster-signed", values))
            }
            Self::SignSuccession { dir, file, checkpoint, out } => {
                sign_succession(dir, file, checkpoint, out)
            }
            Self::Succeed { dir } => {
                let rosters = rosters(context)?;
                Home::succeed(dir, &rosters)?;
                let origin = rosters.log_key().name().to_owned();
                Ok(Report::said("cli-say-succeeded", args([("origin", origin)])))
            }
            Self::Serve(serve) => serve.run(context),
            Self::Adopt { checkpoint, agent } => context.wait(adopt(context, checkpoint, agent)),
        }
    }
}

/// Enrols in the newest of a chain of rosters, one of which the pin names: an invented roster names an
/// invented regulator, and the agent would guard it.
fn enrol(context: &Context, dir: &Path, memory: Memory) -> Result<Report, Failed> {
    let (pin, rosters) = (context.pin()?, rosters(context)?);
    let is_pinned = match &pin {
        Trust::Roster(sha256) => rosters.iter().any(|roster| roster.sha256() == *sha256),
        Trust::Regulator(key) => rosters.first().body().regulator_key == *key,
    };
    if !is_pinned {
        return Err(Failed::NotPinned);
    }
    Home::enrol_in(dir, &rosters, memory)?;
    let sha256 = rosters.newest().sha256().to_string();
    Ok(Report::said("cli-say-enrolled", args([("pin", sha256)])))
}

fn rosters(context: &Context) -> Result<Chain, Failed> {
    let path = context.roster.as_ref().ok_or(Failed::Missing("--roster"))?;
    Chain::parse(&read_file(path)?).map_err(|e| Failed::in_file(path, e))
}

fn statement<B: Body>(file: &Path) -> Result<Statement<B>, Failed> {
    Statement::parse(&read_file(file)?).map_err(|e| Failed::in_file(file, e))
}

fn sign_succession(
    dir: &Path,
    file: &Path,
    checkpoint: &Path,
    out: &Path,
) -> Result<Report, Failed> {
    let succession = statement(file)?;
    let held = Note::parse(&read_file(checkpoint)?).map_err(|e| Failed::in_file(checkpoint, e))?;
    let loaded = Home::read(dir)?;
    let signed = by_hand::sign_succession(&loaded, succession, &held)?;
    write_new(out, signed.encode().as_bytes(), Access::Usual)?;
    let values = args([("sha256", signed.sha256().to_string())]);
    Ok(Report::said("cli-say-succession-signed", values))
}

/// The roster's `[[custodians]]` table of an agent.
fn member(
    dir: &Path,
    origin: &str,
    id: &CustodianId,
    [name, address]: [&String; 2],
) -> Result<Report, Failed> {
    let origin = Origin::parse(origin)?;
    let keys = Home::keys(dir, origin.as_str(), id)?;
    let mut table = toml::Table::new();
    for (field, value) in [
        ("id", id.to_string()),
        ("name", name.clone()),
        ("address", address.clone()),
        ("statement_key", keys.statement.verifying().to_string()),
        ("witness_key", keys.witness.verifying().to_string()),
    ] {
        table.insert(field.to_owned(), toml::Value::String(value));
    }
    let text = toml::to_string(&table).map_err(|e| Failed::Machine(e.to_string()))?;
    Ok(Report::plain(format!("[[custodians]]\n{text}")))
}

impl Serve {
    fn run(&self, context: &Context) -> Result<Report, Failed> {
        let now = context.clock.now();
        let start = match (self.recover, self.restored) {
            (false, _) => Start::Suspicious,
            (true, false) => Start::Recover(now),
            (true, true) => Start::Restored(now),
        };
        let taken = Home::take(&self.dir)?;
        let listen = |e: std::io::Error| Failed::Machine(format!("{}: {e}", self.listen));
        let listener = TcpListener::bind(self.listen).map_err(listen)?;
        // A start that fails up to here has changed nothing.
        let loaded = taken.open(start)?;
        super::log::begin();
        let address = listener.local_addr().map_err(listen)?;
        let values = vec![("address", format!("http://{address}").into())];
        context.progress.say(&Said::new("cli-say-listening", values));
        let served = actix_web::rt::System::new().block_on(self.serve(loaded, listener, context));
        served.map_err(|e| Failed::Machine(e.to_string()))?;
        Ok(Report::default())
    }

    async fn serve(
        &self,
        loaded: Loaded,
        listener: TcpListener,
        context: &Context,
    ) -> std::io::Result<()> {
        let challenge_floor_ms = i64::from(self.challenge_floor).saturating_mul(1000);
        let limits = Limits::new(self.max_bid, challenge_floor_ms);
        let service = Service::new(loaded, Arc::clone(&context.clock), limits);
        let service = web::Data::new(service);
        let app = move || App::new().app_data(service.clone()).configure(routes);
        // One request at a time is decided anyway; two threads keep answers flowing beside uploads.
        HttpServer::new(app).workers(2).shutdown_timeout(5).listen(listener)?.run().await
    }
}

async fn adopt(context: &Context, checkpoint: &Path, agent: &str) -> Result<Report, Failed> {
    let body = read_file(checkpoint)?;
    let (clock, entropy) = (Arc::clone(&context.clock), Arc::clone(&context.entropy));
    let client = super::client::Client::new(agent, context.lang, clock, entropy)?;
    let access = super::client::Access::Public;
    let request = client.request(reqwest::Method::POST, "/adopt", access).await?;
    let response = request
        .body(body)
        .send()
        .await
        .map_err(|e| Failed::Unreachable { server: agent.to_owned(), reason: innermost(&e) })?;
    client.refusal_of(response).await?;
    Ok(Report::said("cli-say-adopted", args([])))
}
