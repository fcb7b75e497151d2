//! A custodian's agent in this process, at one request.

use sealbid::clock::Time;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::agent::{Agent, Keys, State};
use sealbid::custodian::roster::Roster;

/// With this memory, under the first and only roster of its record; started as it is asked, and with
/// the least floor that any unit of the tests keeps.
pub const fn agent<'a>(
    keys: &'a Keys,
    roster: &'a Statement<Roster>,
    state: &'a State,
    now: Time,
) -> Agent<'a> {
    Agent {
        keys,
        roster,
        first: roster,
        log_keys: &[],
        state,
        now,
        awake_since: now,
        challenge_floor_ms: 1_000,
    }
}
