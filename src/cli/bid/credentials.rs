//! What shows a bidder's key to a custodian: saved while the platform answers, for the hour when it does
//! not.

use std::path::Path;
use std::time::Duration;

use super::folder::{CREDENTIALS, Folder};
use crate::cli::client::Client;
use crate::cli::failed::Failed;
use crate::cli::output::{Report, replace};
use crate::cli::trust::Pinned;
use crate::cli::{args, read_file};
use crate::crypto::key::VerifyingKey;
use crate::enterprise::credentials::{credential, enterprise_of};

/// How long a bid waits for them before it is sent.
const PATIENCE: Duration = Duration::from_secs(3);

/// The statements that show the client's key now; none where nobody vouched for it.
///
/// # Errors
/// [`Failed`] when the platform does not answer.
pub(super) async fn own(client: &Client, pinned: &Pinned) -> Result<Vec<String>, Failed> {
    let key = client.key()?.verifying();
    let Some(own) = enterprise_of(key.name()) else { return Ok(Vec::new()) };
    match client.registered(own).await {
        Ok(told) if shows(&told.credentials, pinned, key) => Ok(told.credentials),
        Ok(_) | Err(Failed::Refused(_)) => Ok(Vec::new()),
        Err(failed) => Err(failed),
    }
}

fn shows(notes: &[String], pinned: &Pinned, key: &VerifyingKey) -> bool {
    credential(pinned.rosters().first(), notes).is_ok_and(|it| it.key.as_ref() == Some(key))
}

/// Saves them in a folder, if there are any.
///
/// # Errors
/// [`Failed::File`].
pub(super) fn save(folder: &Path, notes: &[String]) -> Result<(), Failed> {
    if notes.is_empty() {
        return Ok(());
    }
    let text = serde_json::to_vec(notes).map_err(|e| Failed::content(CREDENTIALS, e))?;
    replace(&folder.join(CREDENTIALS), &text)
}

/// What a folder has of them.
///
/// # Errors
/// [`Failed::File`], [`Failed::Content`].
pub(super) fn saved(folder: &Path) -> Result<Vec<String>, Failed> {
    let path = folder.join(CREDENTIALS);
    if !path.exists() {
        return Ok(Vec::new());
    }
    serde_json::from_slice(&read_file(&path)?).map_err(|e| Failed::in_file(&path, e))
}

/// What the bidder holds in its hands for the hour when the platform is gone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// The bid's folder has what shows the key.
    Here,
    /// It has not: no custodian would take the bid.
    Missing,
}

impl Held {
    /// Says so where it is missing.
    pub(super) fn told(self, report: Report) -> Report {
        match self {
            Self::Here => report,
            Self::Missing => report.and("cli-say-no-credentials", args([])),
        }
    }
}

/// Saves what shows the client's key in a folder. Whatever fails or hangs here keeps no bid from being sent.
pub(super) async fn hold(client: &Client, pinned: &Pinned, folder: &Path) -> Held {
    let asked = tokio::time::timeout(PATIENCE, own(client, pinned)).await;
    let notes = asked.map(Result::unwrap_or_default).unwrap_or_default();
    let is_saved = !notes.is_empty() && save(folder, &notes).is_ok();
    if is_saved { Held::Here } else { Held::Missing }
}

/// Takes what was saved beside the unit's file over into the bid's folder, unless that has it; what
/// shows another key is of no use there.
///
/// # Errors
/// [`Failed::File`], [`Failed::Content`].
pub(super) fn take_over(
    folder: &Folder,
    unit_file: Option<&Path>,
    pinned: &Pinned,
    key: &VerifyingKey,
) -> Result<Held, Failed> {
    // A file that cannot be read shows nothing, and is written anew.
    if shows(&saved(folder.root()).unwrap_or_default(), pinned, key) {
        return Ok(Held::Here);
    }
    let beside = unit_file.map(|path| path.parent().unwrap_or(Path::new(".")));
    let notes = beside.and_then(|folder| saved(folder).ok()).unwrap_or_default();
    if !shows(&notes, pinned, key) {
        return Ok(Held::Missing);
    }
    save(folder.root(), &notes)?;
    Ok(Held::Here)
}
