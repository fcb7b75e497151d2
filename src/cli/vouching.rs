//! Operators decide on applications.
//!
//! Invariant: an operator signs what the application itself says, after a check of its signature,
//! and not what the platform tells of it; both must agree.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::enterprise::rules::check_application;
use crate::enterprise::statements::{Application, Declined, Verified};
use crate::error::{Reason, Said};
use crate::ids::EnterpriseId;

use super::bid::Accepted;
use super::client::{Access, Client};
use super::enterprise::{Registered, signed};
use super::failed::Failed;
use super::trust::Pinned;

impl Registered {
    /// The application itself, after a check that its applicant signed it for the platform of this
    /// origin and that it says what is told of it here.
    ///
    /// # Errors
    /// [`Failed::Answer`].
    pub fn signed(&self, origin: &str) -> Result<Statement<Application>, Failed> {
        let wrong = |why: Said| {
            let reason = why.arg();
            let values = vec![("name", self.name.clone().into()), ("reason", reason)];
            Failed::answer(Said::new("cli-say-why-application", values))
        };
        let text =
            self.application.as_deref().ok_or_else(|| wrong(Said::bare("cli-say-why-missing")))?;
        let statement = Statement::<Application>::parse(text.as_bytes());
        let statement = statement.map_err(|e| wrong(e.said()))?;
        check_application(origin, &statement).map_err(|e| wrong(Said::of(&e)))?;
        let body = statement.body();
        let told = Application {
            contact: self.contact.clone().unwrap_or_default(),
            enterprise: self.enterprise,
            key: self.key.clone(),
            kind: self.kind,
            name: self.name.clone(),
            uscc: self.uscc.clone(),
        };
        if *body == told && statement.sha256() == self.application_sha256 {
            Ok(statement)
        } else {
            Err(wrong(Said::bare("cli-say-why-told-otherwise")))
        }
    }
}

impl Client {
    /// As an operator: the application that waits in a body's name, as its applicant signed it. What
    /// the platform says of it must be what it says itself.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn waiting_application(
        &self,
        pinned: &Pinned,
        id: EnterpriseId,
        which: Option<Hash>,
    ) -> Result<Statement<Application>, Failed> {
        let mut waits: Vec<Registered> = self.waiting().await?;
        waits.retain(|it| it.enterprise == id);
        waits.retain(|it| which.is_none_or(|which| it.application_sha256 == which));
        match waits.as_slice() {
            [] => Err(Failed::content(id.to_string(), Said::bare("cli-say-why-none-waits"))),
            [it] => it.signed(&pinned.roster().origin),
            several => {
                let all = several.iter().map(|it| it.application_sha256.to_string());
                let all = all.collect::<Vec<_>>().join(", ");
                let several = Said::new("cli-say-why-several", vec![("all", all.into())]);
                Err(Failed::content(id.to_string(), several))
            }
        }
    }

    /// As an operator: vouches for an application.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn vouch(
        &self,
        pinned: &Pinned,
        application: &Statement<Application>,
    ) -> Result<Accepted, Failed> {
        let verified = Verified::of(application);
        let path = format!("/enterprises/{}/verification", verified.enterprise);
        self.state(pinned, &path, &signed(verified, self.key()?)?).await
    }

    /// As an operator: declines an application.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn decline(
        &self,
        pinned: &Pinned,
        application: &Statement<Application>,
        reason: &str,
    ) -> Result<Accepted, Failed> {
        let (application_sha256, enterprise) =
            (application.sha256(), application.body().enterprise);
        let declined = Declined { application_sha256, enterprise, reason: reason.to_owned() };
        let path = format!("/enterprises/{enterprise}/verification");
        self.state(pinned, &path, &signed(declined, self.key()?)?).await
    }

    /// What waits for an operator, the oldest first, as the platform tells it.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn waiting<T: DeserializeOwned>(&self) -> Result<Vec<T>, Failed> {
        #[derive(Deserialize)]
        struct Page<T> {
            enterprises: Vec<T>,
            #[serde(default)]
            next: Option<String>,
        }
        let mut found = Vec::new();
        let mut path = "/enterprises?state=applied".to_owned();
        loop {
            let Page { enterprises, next } = self.get(&path, Access::Own).await?;
            found.extend(enterprises);
            match next {
                Some(next) => path = format!("/enterprises?state=applied&after={next}"),
                None => return Ok(found),
            }
        }
    }
}
