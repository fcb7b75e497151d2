//! Names beside ids, as an operator of a pinned roster vouched for them.
//!
//! Invariant: a name stands on the signed verification, never on the platform's word; where none
//! holds, the id stands alone.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::enterprise::credentials::credential;
use crate::ids::EnterpriseId;

use crate::cli::client::{Access, Client};
use crate::cli::failed::Failed;
use crate::cli::trust::Pinned;

/// Bodies by name.
pub(in crate::cli) struct Names(BTreeMap<EnterpriseId, String>);

impl Names {
    /// Asks for these bodies, each once.
    ///
    /// # Errors
    /// [`Failed`], but not where the platform does not know or show one.
    pub(in crate::cli) async fn of(
        client: &Client,
        pinned: &Pinned,
        bodies: impl Iterator<Item = EnterpriseId>,
    ) -> Result<Self, Failed> {
        #[derive(Deserialize)]
        struct View {
            credentials: Vec<String>,
        }
        let mut names = BTreeMap::new();
        for body in bodies {
            if names.contains_key(&body) {
                continue;
            }
            match client.get(&format!("/enterprises/{body}"), Access::Public).await {
                Ok(View { credentials }) => {
                    let known = credential(pinned.rosters().first(), &credentials);
                    let known = known.ok().filter(|known| known.enterprise == body);
                    names.insert(body, known.map(|known| known.name));
                }
                Err(failed) if failed.told().is_some() => drop(names.insert(body, None)),
                Err(failed) => return Err(failed),
            }
        }
        let named = names.into_iter().filter_map(|(body, name)| Some((body, name?)));
        Ok(Self(named.collect()))
    }

    /// A body as people read it.
    pub(in crate::cli) fn say(&self, body: &EnterpriseId) -> String {
        let name = self.0.get(body);
        name.map_or_else(|| body.to_string(), |name| format!("{name} ({body})"))
    }
}
