//! `sealbid enterprise …`: bodies apply, operators vouch, keys change hands.
//!
//! Invariant: an operator signs what the application itself says, not what a page shows of it; a
//! key's successor is proven by both keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::crypto::hash::Hash;
use crate::crypto::key::{SigningKey, VerifyingKey};
use crate::crypto::statement::{Body, Statement};
use crate::enterprise::credentials::enterprise_of;
use crate::enterprise::statements::{Application, KeyRevocation, KeyRotation, Kind};
use crate::enterprise::uscc::Uscc;
use crate::error::{Arg, Said};
use crate::ids::EnterpriseId;
use crate::web::i18n;

use super::bid::Accepted;
use super::client::{Access, Acted, Client};
use super::failed::Failed;
use super::keys;
use super::output::Report;
use super::recorded::recorded;
use super::stated::accepted_as;
use super::trust::Pinned;
use super::{Context, registration};

/// `sealbid enterprise …`
#[derive(Debug, clap::Subcommand)]
pub enum EnterpriseCommand {
    /// Apply for registration with the key of --key
    Apply {
        /// The registered name
        #[arg(long)]
        name: String,
        /// The Unified Social Credit Code
        #[arg(long)]
        uscc: String,
        /// Whom the operator may ask; never published
        #[arg(long)]
        contact: String,
    },
    /// Operator: who waits for verification
    Waiting {
        /// Print the platform's JSON for programs, without a check of the applications
        #[arg(long)]
        json: bool,
    },
    /// Show a registration
    Show {
        /// Whose (ent_…)
        enterprise: EnterpriseId,
        /// Print the platform's JSON for programs, with the statements that make the credential
        #[arg(long)]
        json: bool,
    },
    /// Operator: vouch for an application, after checking who it is
    Verify {
        /// Whose (ent_…)
        enterprise: EnterpriseId,
        /// Which, by its SHA-256, when several wait in this name
        #[arg(long, value_name = "SHA256")]
        application: Option<Hash>,
    },
    /// Operator: decline an application
    Decline {
        /// Whose (ent_…)
        enterprise: EnterpriseId,
        /// Which, by its SHA-256, when several wait in this name
        #[arg(long, value_name = "SHA256")]
        application: Option<Hash>,
        /// What to mend
        #[arg(long)]
        reason: String,
    },
    /// Replace or revoke a key
    #[command(subcommand)]
    Key(KeyChange),
}

/// `sealbid enterprise key …`
#[derive(Debug, clap::Subcommand)]
pub enum KeyChange {
    /// Hand over from --key to a new key; sent again after a lost answer, it is done once
    Rotate {
        /// The new key's file; made, or what an earlier try made
        #[arg(long, value_name = "FILE")]
        new: PathBuf,
    },
    /// Revoke a key: your own, or as an operator another's
    Revoke {
        /// The key's public half; --key's own if absent
        #[arg(long)]
        which: Option<VerifyingKey>,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// A registration as the platform tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Registered {
    /// Whose.
    pub enterprise: EnterpriseId,
    /// What it does.
    pub kind: Kind,
    /// Its registered name.
    pub name: String,
    /// Its Unified Social Credit Code.
    #[serde(default)]
    pub uscc: String,
    /// Where it stands.
    pub state: String,
    /// Of the application's text that says all this.
    pub application_sha256: Hash,
    /// That application as it was signed, where it waits for an operator.
    #[serde(default)]
    pub application: Option<String>,
    /// The key that it brings, or that is in force.
    pub key: VerifyingKey,
    /// What to mend, when it was declined.
    #[serde(default)]
    pub reason: Option<String>,
    /// Whom the operator may ask.
    #[serde(default)]
    pub contact: Option<String>,
    /// The statements that make its credential.
    #[serde(default)]
    pub credentials: Vec<String>,
    /// What became of the latest application by the asker's own key.
    #[serde(default)]
    pub by_key: Option<Fate>,
}

/// What became of an application.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Fate {
    /// Which.
    pub application_sha256: Hash,
    /// waiting, vouched, declined or passed.
    pub standing: String,
    /// What to mend, when it was declined.
    #[serde(default)]
    pub reason: Option<String>,
}

impl Client {
    /// Applies for registration with the client's key.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn apply(
        &self,
        pinned: &Pinned,
        name: &str,
        uscc: Uscc,
        contact: &str,
    ) -> Result<Accepted, Failed> {
        let key = self.key()?;
        let (enterprise, kind) = body_of(key.verifying())?;
        let application = Application {
            contact: contact.to_owned(),
            enterprise,
            key: key.verifying().clone(),
            kind,
            name: name.to_owned(),
            uscc: uscc.as_str().to_owned(),
        };
        let application = signed(application, key)?;
        let body = serde_json::json!({ "application": application.encode() });
        let acted: Acted = self.act("/enterprises", &body, Access::Public).await?;
        accepted_as(pinned, acted, &application)
    }

    /// A registration, with what became of an application by the client's own key. A key that speaks
    /// for nobody, yet or any more, is no reason not to be told.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn registered(&self, id: EnterpriseId) -> Result<Registered, Failed> {
        self.registration(id).await
    }

    async fn registration<T: DeserializeOwned>(&self, id: EnterpriseId) -> Result<T, Failed> {
        let own = self.key().ok().map(|key| key.verifying());
        let own = own.filter(|key| enterprise_of(key.name()) == Some(id));
        let path = match own {
            Some(key) => format!("/enterprises/{id}?key={}", hex::encode(key.public())),
            None => format!("/enterprises/{id}"),
        };
        match self.get(&path, self.access()).await {
            Err(Failed::Refused(told)) if own.is_some() && matches!(told.status, 401 | 403) => {
                self.get(&path, Access::Public).await
            }
            answer => answer,
        }
    }

    /// Hands over from the client's key to `new`.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn rotate_key(&self, pinned: &Pinned, new: &SigningKey) -> Result<Accepted, Failed> {
        let old = self.key()?;
        let (enterprise, _) = body_of(old.verifying())?;
        let rotation = KeyRotation {
            enterprise,
            new_key: new.verifying().clone(),
            old_key: old.verifying().clone(),
        };
        let mut rotation = signed(rotation, old)?;
        rotation.sign(new);
        self.change_key(pinned, enterprise, &rotation).await
    }

    /// Revokes a key of a body, as its holder or as an operator.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn revoke_key(
        &self,
        pinned: &Pinned,
        which: &VerifyingKey,
        reason: &str,
    ) -> Result<Accepted, Failed> {
        let (enterprise, _) = body_of(which)?;
        let revocation =
            KeyRevocation { enterprise, key: which.clone(), reason: reason.to_owned() };
        let revocation = signed(revocation, self.key()?)?;
        self.change_key(pinned, enterprise, &revocation).await
    }

    /// Without a login: sent again after a lost answer, the key that signed it speaks no more.
    async fn change_key<B: Body>(
        &self,
        pinned: &Pinned,
        enterprise: EnterpriseId,
        change: &Statement<B>,
    ) -> Result<Accepted, Failed> {
        let body = serde_json::json!({ "statement": change.encode() });
        let path = format!("/enterprises/{enterprise}/keys");
        accepted_as(pinned, self.act(&path, &body, Access::Public).await?, change)
    }
}

pub(super) fn signed<B: Body>(body: B, key: &SigningKey) -> Result<Statement<B>, Failed> {
    Statement::signed(body, key)
        .map_err(|e| Failed::content(Arg::Word("cli-say-what-statement"), e))
}

/// Whose key it is, by its name.
fn body_of(key: &VerifyingKey) -> Result<(EnterpriseId, Kind), Failed> {
    let wrong = || Failed::content(key.name(), Said::bare("cli-say-why-no-body"));
    let id = enterprise_of(key.name()).ok_or_else(wrong)?;
    let role = key.name().rsplit('/').nth(1).unwrap_or_default();
    let kind = [Kind::Enterprise, Kind::Organisation].into_iter().find(|k| k.code() == role);
    Ok((id, kind.ok_or_else(wrong)?))
}

impl EnterpriseCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// [`Failed`].
    pub fn run(&self, context: &Context) -> Result<Report, Failed> {
        context.wait(self.ask(context))
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each command")]
    async fn ask(&self, context: &Context) -> Result<Report, Failed> {
        let client = context.client()?;
        match self {
            Self::Waiting { json: true } => Report::json(&Value::Array(client.waiting().await?)),
            Self::Waiting { json: false } => {
                let pinned = context.pinned().await?;
                registration::waiting(&client.waiting().await?, &pinned)
            }
            Self::Show { enterprise, json: true } => {
                Report::json(&client.registration::<Value>(*enterprise).await?)
            }
            Self::Show { enterprise, json: false } => {
                Ok(registration::shown(&client.registered(*enterprise).await?))
            }
            Self::Apply { name, uscc, contact } => {
                let uscc = Uscc::parse(uscc)?;
                let pinned = context.pinned().await?;
                let done = client.apply(&pinned, name, uscc, contact).await?;
                recorded(context, (&client, &pinned), &done, "application").await
            }
            Self::Verify { enterprise, application } => {
                let pinned = context.pinned().await?;
                let waits = client.waiting_application(&pinned, *enterprise, *application).await?;
                let lines = registration::applied(&waits);
                lines.iter().for_each(|it| context.progress.tell(&i18n::say(context.lang, it)));
                let done = client.vouch(&pinned, &waits).await?;
                recorded(context, (&client, &pinned), &done, "verified").await
            }
            Self::Decline { enterprise, application, reason } => {
                let pinned = context.pinned().await?;
                let waits = client.waiting_application(&pinned, *enterprise, *application).await?;
                let done = client.decline(&pinned, &waits, reason).await?;
                recorded(context, (&client, &pinned), &done, "declined").await
            }
            Self::Key(KeyChange::Rotate { new }) => {
                let pinned = context.pinned().await?;
                let next = next_key(context, client.key()?.verifying(), new)?;
                let done = client.rotate_key(&pinned, &next).await?;
                recorded(context, (&client, &pinned), &done, "key-rotation").await
            }
            Self::Key(KeyChange::Revoke { which, reason }) => {
                let pinned = context.pinned().await?;
                let own = client.key()?.verifying().clone();
                let which = which.clone().unwrap_or(own);
                let done = client.revoke_key(&pinned, &which, reason).await?;
                recorded(context, (&client, &pinned), &done, "key-revocation").await
            }
        }
    }
}

/// The key that takes over: made now, or by an earlier try whose answer was lost.
fn next_key(context: &Context, old: &VerifyingKey, path: &Path) -> Result<Arc<SigningKey>, Failed> {
    if !path.exists() {
        keys::create(path, old.name(), &*context.entropy)?;
        return keys::load(path);
    }
    let exists = || Failed::Exists(path.display().to_string());
    let next = keys::load(path).map_err(|_| exists())?;
    let takes_over = next.verifying().name() == old.name() && next.verifying() != old;
    if takes_over { Ok(next) } else { Err(exists()) }
}
