//! Which keys spoke for which body, and when: credentials folded along the record.

use std::collections::BTreeMap;

use crate::crypto::key::VerifyingKey;
use crate::crypto::note::Note;
use crate::crypto::statement::Statement;
use crate::custodian::roster::Roster;
use crate::enterprise::credentials::Credential;
use crate::enterprise::statements::Kind;
use crate::error::{Reason as _, Said};
use crate::ids::EnterpriseId;

use super::events::{Event, What};

/// One body: what is known of it in the end, and how far it went at each statement.
struct Known {
    credential: Credential,
    /// From each index on: its line of keys and how many of them, or none in force.
    steps: Vec<(u64, Option<(usize, usize)>)>,
}

/// What held of a body at some index.
#[derive(Clone, Copy)]
pub(super) struct Standing<'a> {
    /// What it may do.
    pub kind: Kind,
    /// The keys that the one in force reaches back to, itself last; `None` after a revocation.
    pub line: Option<&'a [VerifyingKey]>,
}

/// The bodies of a case.
#[derive(Default)]
pub(super) struct Bodies {
    known: BTreeMap<EnterpriseId, Known>,
    /// The first statement about a body that does not stand: its index and the reason.
    pub fault: Option<(u64, Said)>,
}

impl Bodies {
    /// Folds every statement about bodies in record order, each judged by the operators of the
    /// roster in force at its place.
    pub(super) fn of(events: &[Event], rosters: &[Statement<Roster>]) -> Self {
        let mut bodies = Self::default();
        let Some(first) = rosters.first() else { return bodies };
        let origin = &first.body().origin;
        let starts = starts(events, rosters);
        for event in events {
            let (enterprise, text) = match &event.what {
                What::Verified(s) => (s.body().enterprise, s.encode()),
                What::Rotation(s) => (s.body().enterprise, s.encode()),
                What::Revocation(s) => (s.body().enterprise, s.encode()),
                _ => continue,
            };
            let operators = operators_at(rosters, &starts, event.index);
            let folded = match bodies.known.get_mut(&enterprise) {
                Some(known) => known.credential.follow(origin, &operators, &text),
                None => Credential::begin(origin, &operators, &text).map(|credential| {
                    let known = Known { credential, steps: Vec::new() };
                    bodies.known.insert(enterprise, known);
                }),
            };
            match folded {
                Ok(()) => bodies.step(enterprise, event.index),
                Err(error) => {
                    bodies.fault.get_or_insert((event.index, error.said()));
                }
            }
        }
        bodies
    }

    /// Notes how far a body went.
    fn step(&mut self, enterprise: EnterpriseId, index: u64) {
        let Some(Known { credential, steps }) = self.known.get_mut(&enterprise) else { return };
        let length = credential.line().map(<[VerifyingKey]>::len);
        let line = credential.lines.len().saturating_sub(1);
        steps.push((index, length.map(|length| (line, length))));
    }

    /// What held of a body just before an index.
    pub(super) fn at(&self, enterprise: EnterpriseId, index: u64) -> Option<Standing<'_>> {
        let known = self.known.get(&enterprise)?;
        let place = known.steps.partition_point(|(from, _)| *from < index).checked_sub(1)?;
        let (_, reached) = known.steps.get(place)?;
        let line = reached.and_then(|reached| known.keys(reached));
        Some(Standing { kind: known.credential.kind, line })
    }

    /// Every key that was in force at some time before an index.
    pub(super) fn keys_before(
        &self,
        enterprise: EnterpriseId,
        index: u64,
    ) -> impl Iterator<Item = &VerifyingKey> {
        self.known.get(&enterprise).into_iter().flat_map(move |known| {
            let steps = known.steps.iter().take_while(move |(from, _)| *from < index);
            steps.filter_map(|(_, reached)| known.keys((*reached)?)?.last())
        })
    }

    /// Whether a body signed `later` by the key of `earlier`, or by one that this handed over to.
    pub(super) fn followed(&self, enterprise: EnterpriseId, earlier: &Note, later: &Note) -> bool {
        self.known.get(&enterprise).is_some_and(|known| known.credential.followed(earlier, later))
    }

    /// Every key of every body.
    pub(super) fn all_keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.known.values().flat_map(|known| known.credential.lines.iter().flatten())
    }

    /// How many bodies there are.
    pub(super) fn count(&self) -> usize {
        self.known.len()
    }
}

impl Known {
    fn keys(&self, (line, length): (usize, usize)) -> Option<&[VerifyingKey]> {
        self.credential.lines.get(line)?.get(..length)
    }
}

/// Where each roster was recorded, as far as the file shows.
fn starts(events: &[Event], rosters: &[Statement<Roster>]) -> Vec<Option<u64>> {
    let recorded = |roster: &Statement<Roster>| {
        let mut events = events.iter().filter(|event| match &event.what {
            What::Roster(shown) => shown.sha256() == roster.sha256(),
            _ => false,
        });
        events.next().map(|event| event.index)
    };
    rosters.iter().map(recorded).collect()
}

/// Who may vouch at an index. A roster holds from its entry to that of the next; where the file does
/// not show an entry, its roster's operators are not ruled out.
fn operators_at(
    rosters: &[Statement<Roster>],
    starts: &[Option<u64>],
    index: u64,
) -> Vec<VerifyingKey> {
    let ends = starts.iter().skip(1).copied().chain([None]);
    let held = rosters.iter().zip(starts.iter().zip(ends));
    let in_force = held.filter(|(_, (start, end))| {
        start.is_none_or(|start| start <= index) && end.is_none_or(|end| index < end)
    });
    in_force.flat_map(|(roster, _)| roster.body().operator_keys.iter().cloned()).collect()
}
