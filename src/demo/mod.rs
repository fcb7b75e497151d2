//! `sealbid demo`: the main job from registration to an off-line verification, with the real
//! server, real custodians in their own processes, and the client code that a bidder uses.
//!
//! Invariant: nothing of the demo outlives it: whatever ends it, its processes end too, and its
//! folder is gone unless `--dir` named it or something failed.

pub mod bids;
pub mod cast;
pub mod files;

mod folder;
mod keep;
pub mod narrator;
pub mod parties;
pub mod process;
mod proof;
mod spoil;
pub mod stage;
mod story;
mod table;
pub mod trouble;

use std::path::PathBuf;

use self::folder::Place;
use self::narrator::Narrator;
use self::stage::Stage;
use self::trouble::{NotBegun, Stopped, Trouble, other};
use crate::cli::Context;
use crate::cli::output::Report;
use crate::error::{Args, Error};

/// What a process ends with that was interrupted: 128 and the number of the signal.
const INTERRUPTED: u8 = 130;

/// `sealbid demo`
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Keep everything in this folder, new or empty; otherwise it is thrown away
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Leave the platform running at the end, and print its accounts; Ctrl-C stops it
    #[arg(long)]
    keep: bool,
    /// The server's port; a free one if absent
    #[arg(long)]
    port: Option<u16>,
}

/// How the demo ended.
enum Ending {
    /// To its end.
    Told,
    /// By a signal.
    Interrupted,
}

impl DemoArgs {
    /// Runs the demo to its end.
    ///
    /// # Errors
    /// What failed, in words, with the place of the logs.
    pub fn run(&self, context: &Context) -> Result<Report, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(Error::internal)?;
        // The port is looked at before anything is made.
        process::free_address(self.port).map_err(NotBegun)?;
        let place = Place::take(self.dir.as_deref()).map_err(NotBegun)?;
        let narrator = Narrator::new(&*context.progress, context.lang);
        let began = tokio::time::Instant::now();
        let ended = runtime.block_on(self.play(&place, &narrator));
        // Sealing that goes on in a thread writes into the folder.
        drop(runtime);
        match ended {
            Ok(ending) => {
                let (is_kept, dir) = (place.is_kept(), place.dir.display().to_string());
                place.leave().map_err(NotBegun)?;
                let said = |key| Report::said(key, Args::new());
                if matches!(ending, Ending::Interrupted) {
                    return Ok(said("demo-say-interrupted").ending_with(INTERRUPTED));
                }
                let seconds = began.elapsed().as_secs().to_string();
                let report = Report::said("demo-say-done", vec![("seconds", seconds.into())]);
                let key = if is_kept { "demo-say-dir-kept" } else { "demo-say-dir-removed" };
                Ok(report.and(key, vec![("path", dir.into())]))
            }
            Err(trouble) => {
                let (step, lang) = (narrator.step(), context.lang);
                Err(Stopped { step, trouble, dir: place.keep(), lang }.into())
            }
        }
    }

    /// Tells the story until its end, or until a signal comes; then ends every process.
    async fn play(&self, place: &Place, told: &Narrator<'_>) -> Result<Ending, Trouble> {
        let mut stage = Stage::set(&place.dir, self.port, told.lang)?;
        let ended = tokio::select! {
            ended = story(&mut stage, told) => ended.map(Some),
            stopped = interrupted() => stopped.map(|()| None),
        };
        let ended = match ended {
            Ok(Some(story)) if self.keep => tokio::select! {
                failed = keep::keep(&mut stage, told, &story) => failed.map(|()| Ending::Told),
                // That is how it is meant to end.
                stopped = interrupted() => stopped.map(|()| Ending::Told),
            },
            Ok(Some(_)) => Ok(Ending::Told),
            Ok(None) => Ok(Ending::Interrupted),
            Err(trouble) => Err(trouble),
        };
        stage.strike().await?;
        ended
    }
}

async fn story(stage: &mut Stage, told: &Narrator<'_>) -> Result<story::Told, Trouble> {
    let story = story::tell(stage, told).await?;
    proof::save(stage, told, &story).await?;
    proof::verify(stage, told, &story.refusal).await?;
    Ok(story)
}

/// Waits for Ctrl-C, a polite kill, or the terminal's end.
async fn interrupted() -> Result<(), Trouble> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(other)?;
        let mut hang_up = signal(SignalKind::hangup()).map_err(other)?;
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed.map_err(other),
            _ = terminate.recv() => Ok(()),
            _ = hang_up.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(other)
}
