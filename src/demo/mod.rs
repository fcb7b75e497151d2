//! `sealbid demo`: the main job from registration to an off-line verification, with the real
//! server, real custodians in their own processes, and the client code that a bidder uses.

pub mod files;
pub mod stage;
pub mod story;

use std::path::PathBuf;

use crate::cli::Context;
use crate::cli::failed::Failed;
use crate::cli::output::Report;
use crate::error::Error;

/// `sealbid demo`
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Keep everything in this new folder; otherwise it is thrown away
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The server's port; a free one if absent
    #[arg(long)]
    port: Option<u16>,
}

impl DemoArgs {
    /// Runs the demo to its end.
    ///
    /// # Errors
    /// What failed, in words.
    pub fn run(&self, context: &Context) -> Result<Report, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let told = runtime.map_err(Error::internal)?.block_on(self.tell(context));
        let told = told.map_err(|error| Failed::Machine(format!("{error:#}")))?;
        Ok(Report::plain(told.lines.join("\n") + "\n"))
    }

    async fn tell(&self, context: &Context) -> Result<story::Told, stage::Failed> {
        let throw_away = tempfile::tempdir()?;
        let dir = self.dir.clone().unwrap_or_else(|| throw_away.path().join("demo"));
        let stage = stage::Stage::set(&dir, self.port).await?;
        story::tell(&stage, &*context.progress, context.lang).await
    }
}
