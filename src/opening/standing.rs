//! What the record tells already of a custodian's word about a challenge.
//!
//! Invariant: the record never forgets, so one custodian's words about one line are few, whoever brings
//! them and however often: they are told apart by what they say, not by their bytes.

use super::rules::challenge::answers_finding;
use super::statements::{Challenged, Verdict};
use crate::crypto::statement::Statement;
use crate::db;
use crate::record::store::Entry;

/// Words of one custodian that find the same of one line, at most: one that lost its memory finds again
/// what was answered.
const MAX_SAME: usize = 8;

/// What the record tells of a custodian's word already.
pub(super) enum Stands {
    /// Nothing: it is to be recorded.
    New,
    /// It, or its answer, or its like, at this place: neither an old note brought again nor one that was
    /// under way opens it anew.
    Known(u64),
    /// It would answer what nobody found. What a custodian says of receipts that agree with the close
    /// could be brought first, to silence what it finds next.
    Unasked,
}

/// Places a word among those that stand on the record of its unit.
///
/// # Errors
/// [`db::Error::Corrupt`] when one of those is none.
pub(super) fn standing(
    entries: &[Entry],
    note: &[u8],
    body: &Challenged,
) -> Result<Stands, db::Error> {
    if let Some(entry) = entries.iter().find(|entry| entry.event == note) {
        return Ok(Stands::Known(entry.index));
    }
    let corrupt = |_| db::Error::Corrupt("a challenge on the record".to_owned());
    let parsed = entries.iter().map(|entry| {
        Statement::<Challenged>::parse(&entry.event).map(|word| (entry.index, word.body().clone()))
    });
    let known = parsed.collect::<Result<Vec<_>, _>>().map_err(corrupt)?;
    if body.verdict != Verdict::Answered {
        return Ok(finding(&known, body));
    }
    let open = known
        .iter()
        .map(|(_, finding)| finding)
        .filter(|finding| finding.verdict == Verdict::Open && answers_finding(body, finding));
    let answers: Vec<Option<u64>> = open.map(|finding| answered_at(&known, finding)).collect();
    if answers.contains(&None) {
        return Ok(Stands::New);
    }
    Ok(answers.into_iter().flatten().next().map_or(Stands::Unasked, Stands::Known))
}

fn answered_at(known: &[(u64, Challenged)], finding: &Challenged) -> Option<u64> {
    known.iter().find(|(_, word)| answers_finding(word, finding)).map(|(index, _)| *index)
}

fn finding(known: &[(u64, Challenged)], body: &Challenged) -> Stands {
    if let Some(index) = answered_at(known, body) {
        return Stands::Known(index);
    }
    let like = |word: &Challenged| {
        (&word.custodian, word.line, word.close_sha256, word.verdict)
            == (&body.custodian, body.line, body.close_sha256, body.verdict)
    };
    let alike: Vec<_> = known.iter().filter(|(_, word)| like(word)).collect();
    let standing = alike.iter().find(|(_, word)| answered_at(known, word).is_none());
    let full = alike.last().filter(|_| alike.len() >= MAX_SAME);
    standing.or(full).map_or(Stands::New, |(index, _)| Stands::Known(*index))
}
