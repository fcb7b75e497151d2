//! Statements whose signature alone is their authority, sent and found again on the record.
//!
//! Invariant: nothing is called recorded on a receipt that is about anything else than what was sent.
//! An operator that drops a regulator's stop could otherwise answer with any other entry's.

use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::note::Note;
use crate::crypto::statement::{Body, Statement};
use crate::error::Said;
use crate::opening::statements::OpeningEvent;

use super::bid::{Accepted, accepted};
use super::client::{Access, Acted, Client};
use super::failed::Failed;
use super::trust::Pinned;

impl Client {
    /// Sends a signed statement, `{"statement": …}`; its receipt shows it as recorded, or as asked of
    /// the custodians.
    ///
    /// # Errors
    /// [`Failed::Receipt`] for a receipt of anything else, [`Failed`].
    pub async fn state<B: Body>(
        &self,
        pinned: &Pinned,
        path: &str,
        statement: &Statement<B>,
    ) -> Result<Accepted, Failed> {
        let sha256 = statement.sha256();
        self.state_as(pinned, path, statement, |event| says(event, &sha256)).await
    }

    /// The same for a statement that is recorded as what follows from it.
    ///
    /// # Errors
    /// As [`state`](Self::state).
    pub(super) async fn state_as<B: Body>(
        &self,
        pinned: &Pinned,
        path: &str,
        statement: &Statement<B>,
        is_about: impl Fn(&[u8]) -> bool,
    ) -> Result<Accepted, Failed> {
        let body = serde_json::json!({ "statement": statement.encode() });
        about(accepted(pinned, self.act(path, &body, Access::Own).await?)?, is_about)
    }
}

/// An act's answer, if its receipt holds and shows this statement.
///
/// # Errors
/// [`Failed::Receipt`].
pub(super) fn accepted_as<B: Body>(
    pinned: &Pinned,
    acted: Acted,
    statement: &Statement<B>,
) -> Result<Accepted, Failed> {
    let sha256 = statement.sha256();
    about(accepted(pinned, acted)?, |event| says(event, &sha256))
}

fn about(accepted: Accepted, is_about: impl Fn(&[u8]) -> bool) -> Result<Accepted, Failed> {
    if is_about(&accepted.checked.receipt.event) {
        Ok(accepted)
    } else {
        Err(Failed::receipt(Said::bare("cli-say-why-else")))
    }
}

/// Whether an event is this text, under whatever signatures it needs, or says that it is being asked.
pub(super) fn says(event: &[u8], sha256: &Hash) -> bool {
    let asked = proposed(event);
    let note = asked.or_else(|| Note::parse(event).ok());
    note.is_some_and(|note| note.sha256() == *sha256)
}

/// What an event says is asked of the custodians.
pub(super) fn proposed(event: &[u8]) -> Option<Note> {
    match json::parse(event) {
        Ok(OpeningEvent::Proposed { statement, statement_sha256, .. }) => {
            let note = Note::parse(statement.as_bytes()).ok()?;
            (note.sha256() == statement_sha256).then_some(note)
        }
        _ => None,
    }
}
