//! What an enterprise and the operator sign about who it is and which key speaks for it.

use serde::{Deserialize, Serialize};

use crate::crypto::hash::Hash;
use crate::crypto::key::VerifyingKey;
use crate::crypto::statement::{Body, Statement};
use crate::ids::EnterpriseId;

/// What a registered body may do: bid, or procure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// 企业: bids.
    Enterprise,
    /// 机构: procures, or acts for a procuring entity.
    Organisation,
}

impl Kind {
    /// Its word in key names, columns and statements.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Enterprise => "enterprise",
            Self::Organisation => "organisation",
        }
    }
}

/// An application, signed by the key that it registers: proof of possession.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Whom the operator may ask. Never published.
    pub contact: String,
    /// Chosen by the applicant at random, so that its key can carry it.
    pub enterprise: EnterpriseId,
    /// The key that will sign, named `<origin>/<kind>/<enterprise>`.
    pub key: VerifyingKey,
    /// What it wants to do.
    pub kind: Kind,
    /// Its registered name.
    pub name: String,
    /// Its Unified Social Credit Code, normalised.
    pub uscc: String,
}

impl Body for Application {
    const TYPE: &'static str = "sealbid/application/v1";
}

/// The operator vouches that a key speaks for a body. Public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verified {
    /// Of the application's text.
    pub application_sha256: Hash,
    /// Whom.
    pub enterprise: EnterpriseId,
    /// Its first key.
    pub key: VerifyingKey,
    /// What it may do.
    pub kind: Kind,
    /// Its registered name.
    pub name: String,
    /// Its Unified Social Credit Code.
    pub uscc: String,
}

impl Verified {
    /// What an operator says who vouches for this application: its own words, but for the contact.
    #[must_use]
    pub fn of(application: &Statement<Application>) -> Self {
        let body = application.body();
        Self {
            application_sha256: application.sha256(),
            enterprise: body.enterprise,
            key: body.key.clone(),
            kind: body.kind,
            name: body.name.clone(),
            uscc: body.uscc.clone(),
        }
    }
}

impl Body for Verified {
    const TYPE: &'static str = "sealbid/verified/v1";
}

/// The operator declines an application, with a reason the applicant can act on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declined {
    /// Of the application's text.
    pub application_sha256: Hash,
    /// Whom.
    pub enterprise: EnterpriseId,
    /// What to mend.
    pub reason: String,
}

impl Body for Declined {
    const TYPE: &'static str = "sealbid/declined/v1";
}

/// A new key takes over, signed by the old and the new one. Public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRotation {
    /// Whose.
    pub enterprise: EnterpriseId,
    /// Takes over.
    pub new_key: VerifyingKey,
    /// Speaks no more.
    pub old_key: VerifyingKey,
}

impl Body for KeyRotation {
    const TYPE: &'static str = "sealbid/key-rotation/v1";
}

/// A key stops speaking for its body, signed by itself or by the operator. Public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRevocation {
    /// Whose.
    pub enterprise: EnterpriseId,
    /// Which.
    pub key: VerifyingKey,
    /// Why.
    pub reason: String,
}

impl Body for KeyRevocation {
    const TYPE: &'static str = "sealbid/key-revocation/v1";
}
