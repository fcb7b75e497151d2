//! What the platform alone may ask, and how much it is told at once.

use serde::Serialize;

use crate::bid::rules::check_signature;
use crate::clock::{Time, is_closed};
use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::custodian::wire::MAX_PAGE;
use crate::ids::UnitId;
use crate::opening::statements::{Query, QueryAbout};

use super::kept::Kept;
use super::refusal::Refusal;
use super::state::{Agent, UNSIGNED};

/// The platform's question is answered within this many milliseconds of its hour: a day. Whoever picks up
/// one can repeat it at once, in a minute as in a day; what the bound takes from him is what is kept for
/// long, such as a log. And it is told by this custodian's own clock: one that stands in another time zone
/// would refuse every question of the platform, the release with them, for as long as it is off.
const ASKED_WITHIN_MS: i64 = 86_400_000;

/// The platform's own question of this day, for this and to this custodian: about which unit, and
/// when it was asked.
pub(super) fn question(
    agent: &Agent<'_>,
    query: &str,
    what: QueryAbout,
) -> Result<(UnitId, Time), Refusal> {
    let query = Statement::<Query>::parse(query.as_bytes())?;
    check_signature(&query, &agent.roster().platform_key).map_err(|_| UNSIGNED)?;
    let Query { about, at, custodian, unit_id } = query.body();
    let is_of_today = agent.now.since(*at).abs() <= ASKED_WITHIN_MS;
    if !is_of_today || *custodian != agent.me()?.id || *about != what {
        return Err(Refusal::OldQuery);
    }
    Ok((*unit_id, *at))
}

/// The unit that the platform asks about, once nothing can be lodged for it any more: from the deadline
/// that this agent signed, by its own clock and by the platform's, or once it was shown the close, whose
/// deadline q custodians signed. A question from before, which was refused, is never answered.
pub(super) fn asked<'a>(
    agent: &'a Agent<'_>,
    query: &str,
    what: QueryAbout,
) -> Result<(UnitId, &'a Kept), Refusal> {
    let (unit_id, asked_at) = question(agent, query, what)?;
    let kept = agent.kept(&unit_id)?;
    let is_over = [agent.now, asked_at].iter().all(|hour| is_closed(*hour, kept.deadline));
    if is_over || kept.close.is_some() {
        Ok((unit_id, kept))
    } else {
        Err(Refusal::TooEarlyToClose)
    }
}

/// As many of these as whoever asks can read at once, behind the one that ended the page before.
pub(super) fn page<'a, T, R: Serialize>(
    all: impl Iterator<Item = (&'a String, &'a T)>,
    after: Option<Hash>,
    told: impl Fn(&T) -> Result<Option<R>, Refusal>,
) -> Result<Vec<R>, Refusal>
where
    T: 'a,
{
    let after = after.map(|hash| hash.to_string());
    let (mut page, mut bytes) = (Vec::new(), 0_usize);
    let rest = all.skip_while(|(line, _)| after.as_ref().is_some_and(|after| *line <= after));
    for (_, kept) in rest {
        let Some(next) = told(kept)? else { continue };
        let size = serde_json::to_vec(&next)
            .map_err(|_| Refusal::Internal("custodian-say-internal-json"))?;
        bytes = bytes.saturating_add(size.len()).saturating_add(1);
        if bytes > MAX_PAGE && !page.is_empty() {
            break;
        }
        page.push(next);
    }
    Ok(page)
}
