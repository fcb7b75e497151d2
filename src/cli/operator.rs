//! The operator's commands: make a database, bring it up to date, serve.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{Config, variables};
use crate::db::Options;
use crate::error::{Error, Said};
use crate::web::{init, socket, start};

use super::Context;
use super::log;
use super::output::Report;

/// The configuration that every command of the operator reads.
#[derive(Debug, clap::Args)]
pub struct ConfigFile {
    /// The configuration's TOML file
    #[arg(long, env = "SEALBID_CONFIG", value_name = "FILE", default_value = "sealbid.toml")]
    config: PathBuf,
}

impl ConfigFile {
    fn load(&self) -> Result<Config, Error> {
        Ok(Config::load(&self.config, variables(std::env::vars_os())?)?)
    }
}

/// `sealbid init`: makes the tables of a new platform, in a database that has none, and fixes the
/// record's name.
///
/// # Errors
/// [`start::StartError`].
pub fn init(file: &ConfigFile, context: &Context) -> Result<Report, Error> {
    let config = file.load()?;
    init::init(&config, options(context))?;
    let next = if init::has_roster(&config) { "cli-say-next-serve" } else { "cli-say-next-roster" };
    let path = config.roster_file.display().to_string();
    Ok(Report::said("cli-say-initialised", Vec::new()).and(next, vec![("path", path.into())]))
}

/// `sealbid migrate`: brings an older database up to this program's schema.
///
/// # Errors
/// [`start::StartError`].
pub fn migrate(file: &ConfigFile) -> Result<Report, Error> {
    let applied = init::migrate(&file.load()?)?;
    let count = i64::try_from(applied.len()).unwrap_or(i64::MAX);
    Ok(Report::said("cli-say-migrated", vec![("count", count.into())]))
}

/// `sealbid serve`: runs the platform until it is told to stop.
///
/// # Errors
/// [`start::StartError`].
pub fn serve(file: &ConfigFile, context: &Context) -> Result<Report, Error> {
    let config = file.load()?;
    log::begin();
    actix_web::rt::System::new().block_on(run(&config, context))?;
    Ok(Report::default())
}

fn options(context: &Context) -> Options {
    Options::new(Arc::clone(&context.clock), Arc::clone(&context.entropy))
}

async fn run(config: &Config, context: &Context) -> Result<(), Error> {
    match socket::open_many() {
        Ok(limit) => tracing::info!(?limit, "files and connections open at once"),
        Err(error) => tracing::warn!(%error, "the limit of open files stays as it was"),
    }
    let started = start::open(config, options(context)).await?;
    let listener = start::listen(config)?;
    let address = format!("http://{}", config.listen);
    context.progress.say(&Said::new("cli-say-listening", vec![("address", address.into())]));
    Ok(start::serve(started, listener, stopped()).await?)
}

/// Waits until the process is asked to stop.
async fn stopped() {
    #[cfg(unix)]
    if let Ok(mut terminate) =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
    {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    drop(tokio::signal::ctrl_c().await);
}
