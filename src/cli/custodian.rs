//! `sealbid custodian …`: the agent that a custodian runs, and its folder.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_web::{App, HttpServer, web};
use zeroize::Zeroizing;

use crate::config::Origin;
use crate::crypto::statement::Statement;
use crate::custodian::home::{Home, Loaded, Start};
use crate::custodian::http::{Service, routes};
use crate::custodian::roster::{CustodianId, Roster, check_next};
use crate::error::Said;

use super::client::innermost;
use super::failed::Failed;
use super::output::Report;
use super::{Context, args, read_file};

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
    /// Enrol the folder's seed in a signed roster
    Enrol {
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
    /// The largest lodged bid, in bytes
    #[arg(long, default_value_t = 2 << 30)]
    max_bid: u64,
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
            Self::Enrol { dir } => {
                let path = context.roster.as_ref().ok_or(Failed::Missing("--roster"))?;
                let roster = Statement::<Roster>::parse(&read_file(path)?)
                    .map_err(|e| Failed::content(path.display(), e))?;
                if roster.body().version == 1 {
                    check_next(None, &roster).map_err(|e| Failed::content(path.display(), e))?;
                }
                Home::enrol(dir, &roster)?;
                let pin = roster.sha256().to_string();
                Ok(Report::said("cli-say-enrolled", args([("pin", pin)])))
            }
            Self::Serve(serve) => serve.run(context),
            Self::Adopt { checkpoint, agent } => context.wait(adopt(context, checkpoint, agent)),
        }
    }
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
    let text = toml::to_string(&table).map_err(|e| Failed::content("the entry", e))?;
    Ok(Report::plain(format!("[[custodians]]\n{text}")))
}

impl Serve {
    fn run(&self, context: &Context) -> Result<Report, Failed> {
        let start =
            if self.recover { Start::Recover(context.clock.now()) } else { Start::Suspicious };
        let loaded = Home::open(&self.dir, start)?;
        let listen = |e: std::io::Error| Failed::Machine(format!("{}: {e}", self.listen));
        let listener = TcpListener::bind(self.listen).map_err(listen)?;
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
        let service = Service::new(loaded, Arc::clone(&context.clock), self.max_bid);
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
