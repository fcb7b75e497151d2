//! Which keys spoke for which body, and when: credentials folded along the record.

use std::collections::BTreeMap;

use crate::crypto::key::VerifyingKey;
use crate::custodian::roster::Roster;
use crate::enterprise::credentials::{Credential, credential};
use crate::ids::EnterpriseId;

use super::events::{Event, What};

/// The bodies of a case.
#[derive(Default)]
pub(super) struct Bodies {
    /// Per body, what held from which index on.
    known: BTreeMap<EnterpriseId, Vec<(u64, Credential)>>,
    /// The first statement about a body that does not stand: its index and the reason.
    pub fault: Option<(u64, String)>,
}

impl Bodies {
    /// Folds every statement about bodies in record order.
    pub(super) fn of(events: &[Event], rosters: &[&Roster]) -> Self {
        let mut bodies = Self::default();
        let Some(first) = rosters.first() else { return bodies };
        let operators: Vec<VerifyingKey> =
            rosters.iter().flat_map(|roster| roster.operator_keys.iter().cloned()).collect();
        let mut notes: BTreeMap<EnterpriseId, Vec<String>> = BTreeMap::new();
        for event in events {
            let (enterprise, text) = match &event.what {
                What::Verified(s) => (s.body().enterprise, s.encode()),
                What::Rotation(s) => (s.body().enterprise, s.encode()),
                What::Revocation(s) => (s.body().enterprise, s.encode()),
                _ => continue,
            };
            let about = notes.entry(enterprise).or_default();
            about.push(text);
            match credential(&first.origin, &operators, about) {
                Ok(found) => {
                    bodies.known.entry(enterprise).or_default().push((event.index, found));
                }
                Err(error) => {
                    about.pop();
                    bodies.fault.get_or_insert((event.index, error.to_string()));
                }
            }
        }
        bodies
    }

    /// What held of a body just before an index.
    pub(super) fn at(&self, enterprise: EnterpriseId, index: u64) -> Option<&Credential> {
        let known = self.known.get(&enterprise)?;
        known.iter().take_while(|(from, _)| *from < index).last().map(|(_, found)| found)
    }

    /// The key in force just before an index.
    pub(super) fn key_at(&self, enterprise: EnterpriseId, index: u64) -> Option<&VerifyingKey> {
        self.at(enterprise, index).and_then(|found| found.key.as_ref())
    }

    /// Every key that was in force at some time before an index.
    pub(super) fn keys_before(
        &self,
        enterprise: EnterpriseId,
        index: u64,
    ) -> impl Iterator<Item = &VerifyingKey> {
        let known = self.known.get(&enterprise).map(Vec::as_slice).unwrap_or_default();
        known
            .iter()
            .take_while(move |(from, _)| *from < index)
            .filter_map(|(_, found)| found.key.as_ref())
    }

    /// Every key of every body.
    pub(super) fn all_keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.known.values().flatten().filter_map(|(_, found)| found.key.as_ref())
    }

    /// How many bodies there are.
    pub(super) fn count(&self) -> usize {
        self.known.len()
    }
}
