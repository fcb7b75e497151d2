//! What custodians last answered to what is asked of them, for as long as it is asked.
//!
//! Kept in memory: whoever asks again hears it again. Deliberately absent: what they signed, which
//! stands in the statements themselves.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::custodian::client::AskError;
use crate::custodian::roster::CustodianId;
use crate::ids::UnitId;

use super::consent::Waiting;

/// The codes by which a custodian says for good that it does not sign this very unit: no repeat and no
/// patience changes it, and a unit needs every custodian.
pub const FOR_GOOD: [&str; 3] =
    ["custodian-range", "custodian-not-my-recipient", "custodian-statement"];

type Asked = (Waiting, UnitId);

/// The last answer of each custodian that signed nothing, by its code.
#[derive(Debug, Default)]
pub struct Answers(Mutex<BTreeMap<Asked, BTreeMap<CustodianId, String>>>);

impl Answers {
    /// Notes an answer. Says whether it is another one than before: then it is worth a line in the log.
    pub fn note(
        &self,
        what: Waiting,
        id: UnitId,
        custodian: &CustodianId,
        error: &AskError,
    ) -> bool {
        let code = code(error);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = all.entry((what, id)).or_default();
        of.insert(custodian.clone(), code.to_owned()).is_none_or(|before| before != code)
    }

    /// The last answers about a unit.
    #[must_use]
    pub fn of(&self, what: Waiting, id: UnitId) -> BTreeMap<CustodianId, String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&(what, id)).cloned().unwrap_or_default()
    }

    /// Forgets what nobody is asked any more.
    pub(super) fn keep(&self, what: Waiting, asked: &[UnitId]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(of, id), _| *of != what || asked.contains(id));
    }
}

/// The code of an answer that is no signature: the custodian's own, or what came instead of one.
fn code(error: &AskError) -> &str {
    match error {
        AskError::Refused { code, .. } => code,
        AskError::Silent(_) | AskError::Unknown(_) => "silent",
        AskError::Malformed(_) => "malformed",
    }
}

/// The code of a refusal for good.
pub(super) fn for_good(error: &AskError) -> Option<&'static str> {
    FOR_GOOD.into_iter().find(|code| error.is_refusal(code))
}
