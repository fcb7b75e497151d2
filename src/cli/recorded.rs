//! What an act leaves with whoever did it: its receipt, completed where the custodians are awake.
//!
//! Invariant: the receipt is kept before it is waited for, and one that no quorum has cosigned is never
//! shown without a word of it and the whole command that completes it.

use std::path::Path;

use super::bid::Accepted;
use super::client::Client;
use super::failed::Failed;
use super::output::{Report, replace};
use super::trust::Pinned;
use super::{Context, args};

/// Keeps the receipt of an act beside the key that acted, waits a moment for the custodians, and tells.
///
/// # Errors
/// [`Failed::File`].
pub(super) async fn recorded(
    context: &Context,
    (client, pinned): (&Client, &Pinned),
    accepted: &Accepted,
    what: &str,
) -> Result<Report, Failed> {
    let beside = context.key.as_deref().and_then(Path::parent).unwrap_or(Path::new("."));
    let path = beside.join(format!("{what}-{}.tlog-proof", accepted.index));
    replace(&path, accepted.text.as_bytes())?;
    if accepted.checked.is_final {
        return Ok(told(accepted, &path).and("cli-say-final", args([])));
    }
    // The act stands, whatever becomes of this.
    let later = client.final_receipt(pinned, accepted.index, context.patience).await;
    let is_hidden = matches!(&later, Err(Failed::Refused(told)) if told.status < 500);
    let later = later.ok().filter(|later| is_same(later, accepted));
    if let Some(later) = &later {
        replace(&path, later.text.as_bytes())?;
    }
    let held = later.as_ref().unwrap_or(accepted);
    if held.checked.is_final {
        return Ok(told(held, &path).and("cli-say-final", args([])));
    }
    let key = if is_hidden { "cli-say-completed-by-others" } else { "cli-say-completed-by" };
    Ok(told(held, &path).and(key, args([("command", completing(context, &path))])))
}

fn told(held: &Accepted, path: &Path) -> Report {
    let values = args([
        ("index", held.index.to_string()),
        ("path", path.display().to_string()),
        ("count", held.checked.cosigned.to_string()),
    ]);
    Report::said("cli-say-recorded", values)
}

fn is_same(later: &Accepted, accepted: &Accepted) -> bool {
    let [new, old] = [later, accepted].map(|it| &it.checked.receipt);
    new.salt == old.salt && new.event == old.event
}

/// The whole command that completes a receipt, for the same platform, key and pin.
pub(super) fn completing(context: &Context, receipt: &Path) -> String {
    let path = |path: &Path| word(&path.display().to_string());
    let mut command = vec!["sealbid bid receipt".to_owned(), path(receipt)];
    let options = [
        ("--key", context.key.as_deref().map(path)),
        ("--server", context.server.as_deref().map(word)),
        ("--trust", context.trust.as_deref().map(word)),
        ("--roster", context.roster.as_deref().map(path)),
    ];
    let given = options.into_iter().filter_map(|(option, value)| Some([option.to_owned(), value?]));
    command.extend(given.flatten());
    command.join(" ")
}

/// A word as a shell takes it.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:@+=,%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
