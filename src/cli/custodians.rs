//! Asking a custodian's agent for its word.
//!
//! Invariant: what comes back is signed by the key that the pinned roster names for that custodian,
//! or it is no answer.

use reqwest::RequestBuilder;

use crate::crypto::statement::{Body, Statement};
use crate::custodian::roster::Member;
use crate::custodian::wire::NoteReply;

use super::client::Client;
use super::failed::Failed;
use crate::custodian::client::innermost;

impl Client {
    /// Sends a request to a custodian; gives the statement that it signed.
    ///
    /// # Errors
    /// [`Failed::Unreachable`], [`Failed::Refused`], [`Failed::Answer`].
    pub(super) async fn word_of<B: Body>(
        &self,
        member: &Member,
        request: RequestBuilder,
    ) -> Result<Statement<B>, Failed> {
        let response = request.send().await.map_err(|e| Failed::Unreachable {
            server: member.address.clone(),
            reason: innermost(&e),
        })?;
        let reply = self.body(self.refusal_of(response).await?).await?;
        let reply: NoteReply = serde_json::from_slice(&reply).map_err(Failed::answer)?;
        let word = Statement::<B>::parse(reply.note.as_bytes()).map_err(Failed::answer)?;
        word.note().require(&member.statement_key).map_err(Failed::answer)?;
        Ok(word)
    }
}
