//! Registrations and applications as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;

use super::applications::Filed;
use super::rules::State;
use super::store::Enterprise;
use crate::crypto::hash::Hash;
use crate::ids::EnterpriseId;

/// A registration as the public sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EnterpriseView {
    /// Its id.
    #[schema(value_type = String)]
    pub enterprise: EnterpriseId,
    /// `enterprise` or `organisation`.
    pub kind: &'static str,
    /// Its registered name.
    pub name: String,
    /// Its Unified Social Credit Code.
    pub uscc: String,
    /// applied, verified, declined, keyless or reapplied.
    pub state: &'static str,
    /// What to mend, after a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whom the operator may ask; shown to it, to the regulator and to the enterprise itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// The application that says all this.
    #[schema(value_type = String)]
    pub application_sha256: Hash,
    /// That application as it was signed, for the operator who decides on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The key that it brings, or that is in force.
    pub key: String,
    /// The statements that make its credential, in record order.
    pub credentials: Vec<String>,
    /// What became of the latest application by the key that was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_key: Option<FateView>,
}

/// What became of an application.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FateView {
    /// Which.
    #[schema(value_type = String)]
    pub application_sha256: Hash,
    /// waiting, vouched, declined, or passed when another one in this name was vouched for.
    pub standing: &'static str,
    /// What to mend, when it was declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A registration, with the statements that show it.
pub(super) fn view(
    it: &Enterprise,
    contact: Option<String>,
    credentials: Vec<String>,
) -> EnterpriseView {
    let reason = match &it.state {
        State::Declined { reason } => Some(reason.clone()),
        _ => None,
    };
    EnterpriseView {
        enterprise: it.application.enterprise,
        kind: it.application.kind.code(),
        name: it.application.name.clone(),
        uscc: it.application.uscc.clone(),
        state: it.state.code(),
        reason,
        contact,
        application_sha256: it.application_sha256,
        application: None,
        key: it.application.key.to_string(),
        credentials,
        by_key: None,
    }
}

/// An application as it was signed; `state` is that of the body in whose name it was made.
pub(super) fn applied(filed: &Filed, state: &str) -> EnterpriseView {
    let body = filed.statement.body();
    EnterpriseView {
        enterprise: body.enterprise,
        kind: body.kind.code(),
        name: body.name.clone(),
        uscc: body.uscc.clone(),
        state: if state == State::Reapplied.code() { "reapplied" } else { "applied" },
        reason: None,
        contact: Some(body.contact.clone()),
        application_sha256: filed.statement.sha256(),
        application: Some(filed.statement.encode()),
        key: body.key.to_string(),
        credentials: Vec::new(),
        by_key: None,
    }
}
