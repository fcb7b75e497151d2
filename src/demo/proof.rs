//! The end of the demo: both case files, fetched while the platform runs and verified when it and
//! its custodians are gone.

use std::path::Path;

use serde::Deserialize;

use super::narrator::Narrator;
use super::process::this_program;
use super::stage::Stage;
use super::story::Told;
use super::trouble::{Trouble, other};
use crate::cli::case::WhichCase;
use crate::cli::client::Client;
use crate::cli::output::{Access, write_new};
use crate::crypto::statement::Body;
use crate::ids::TenderId;
use crate::opening::statements::{Opening, Void};
use crate::verify::casefile::{self, CaseFile};

/// Everybody's case file.
pub const PUBLIC: &str = "case.sealbid";
/// The auditors'.
pub const AUDITOR: &str = "auditor.sealbid";
/// How often the case is asked for until the custodians have cosigned its end, and the time
/// between.
const TRIES: u32 = 300;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// Saves both case files.
///
/// # Errors
/// [`Trouble::Stuck`] when the custodians never cosign the end.
pub async fn save(stage: &Stage, told: &Narrator<'_>, story: &Told) -> Result<(), Trouble> {
    told.begin("demo-say-step-files");
    let public = public(&stage.client()?, story.tender, stage.pinned.roster().q()).await?;
    let path = stage.dir.join(PUBLIC);
    write_new(&path, &public, Access::Usual)?;
    told.say("demo-say-public-file", vec![("path", path.display().to_string().into())]);
    let (regulator, _) = stage.client_of("regulator")?;
    let path = stage.dir.join(AUDITOR);
    let bar = told.progress.beside(AUDITOR);
    let size = regulator.save_case(story.tender, WhichCase::Auditor, &path, &*bar).await?;
    drop(bar);
    let (path, size) = (path.display().to_string(), super::bids::size(size));
    told.say("demo-say-auditor-file", vec![("path", path.into()), ("size", size.into())]);
    Ok(())
}

/// The public case once a quorum has cosigned the end of both lots.
async fn public(client: &Client, tender: TenderId, q: usize) -> Result<Vec<u8>, Trouble> {
    for _ in 0..TRIES {
        let bytes = client.fetch(&format!("/api/v1/tenders/{tender}/case")).await?;
        if is_ended(&casefile::read(bytes.as_slice()).map_err(other)?, q) {
            return Ok(bytes);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(Trouble::Stuck)
}

fn is_ended(case: &CaseFile, q: usize) -> bool {
    let ends = [Opening::TYPE, Void::TYPE].map(|kind| format!("{kind}\n"));
    let is_end = |event: &[u8]| ends.iter().any(|end| event.starts_with(end.as_bytes()));
    let ended = case.entries.iter().filter(|entry| is_end(&entry.event)).count();
    // The log's own signature comes first.
    let cosigned = case.checkpoints.last().map_or(0, |head| head.signatures().len());
    ended >= case.header.units.len() && cosigned > q
}

/// Ends every process, makes sure that nobody answers any more, and runs the verifier, pinned, on
/// both files; on the auditors' with the receipt of the late bid.
///
/// # Errors
/// [`Trouble::NotVerified`].
pub async fn verify(stage: &mut Stage, told: &Narrator<'_>, refusal: &Path) -> Result<(), Trouble> {
    told.begin("demo-say-step-verification");
    stage.strike().await?;
    for process in stage.custodians.iter().chain([&stage.server]) {
        if process.is_there().await {
            return Err(other(format!("{} still answers on {}", process.name, process.address)));
        }
    }
    told.say("demo-say-gone", Vec::new());
    let receipt = ["--receipt".into(), refusal.as_os_str().to_owned()];
    judge(stage, told, PUBLIC, &[]).await?;
    judge(stage, told, AUDITOR, &receipt).await
}

#[derive(Deserialize)]
struct Judged {
    pinned: String,
    claims: Vec<Claim>,
}

#[derive(Deserialize)]
struct Claim {
    id: String,
    verdict: String,
    detail: String,
}

/// Runs `sealbid verify` as anybody would, and sums up what it says.
async fn judge(
    stage: &Stage,
    told: &Narrator<'_>,
    file: &str,
    more: &[std::ffi::OsString],
) -> Result<(), Trouble> {
    let mut command = this_program()?;
    command.arg("verify").arg(stage.dir.join(file)).args(more).arg("--json");
    command.arg("--trust").arg(stage.dir.join("trust")).args(["--lang", told.lang.tag()]);
    let output = command.output().await.map_err(other)?;
    let exit = output.status.code().map_or_else(|| "-".to_owned(), |code| code.to_string());
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let judged: Judged = serde_json::from_slice(&output.stdout).map_err(|_| {
        Trouble::NotVerified { file: file.to_owned(), exit: exit.clone(), claims: said }
    })?;
    let count = |verdict: &str| judged.claims.iter().filter(|c| c.verdict == verdict).count();
    let failed: Vec<String> = judged
        .claims
        .iter()
        .filter(|claim| claim.verdict == "failed")
        .map(|claim| format!("{} ({})", claim.id, claim.detail))
        .collect();
    if exit != "0" || judged.pinned != "pinned" || !failed.is_empty() {
        let claims = failed.join("; ");
        return Err(Trouble::NotVerified { file: file.to_owned(), exit, claims });
    }
    let values = vec![
        ("file", file.into()),
        ("ok", count("ok").to_string().into()),
        ("open", count("not-decidable").to_string().into()),
    ];
    told.say("demo-say-verified", values);
    if let Some(mine) = judged.claims.iter().find(|claim| claim.id == "my-line") {
        told.say("demo-say-my-receipt", vec![("detail", mine.detail.as_str().into())]);
    }
    Ok(())
}
