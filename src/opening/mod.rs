//! From the deadline to the opening: close, challenge, release, read-out, opening record.
//!
//! A unit is stepped by the timer: what is known of it is loaded, [`rules::due`] says what is due,
//! and one use-case does it. Invariants: every step can be repeated and resumed after a crash
//! between any two writes, because all that it leaves is in rows and on the record; agents are asked
//! outside of the writer's transaction; nothing is decrypted before t valid releases stand.

mod accounts;
mod answers;
mod cancelled;
pub mod casefile;
mod challenge;
mod close;
pub mod decrypt;
pub mod disclosed;
mod envelopes;
pub mod http;
pub mod instances;
pub mod intake;
mod lodged;
mod moves;
mod read;
mod recheck;
pub mod refusal;
mod release;
pub mod rules;
mod standing;
pub mod statements;
pub mod store;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;

pub use self::envelopes::{Awaited, Errand};
pub use self::intake::Intake;
pub use self::lodged::Held;
pub use self::refusal::{Error, Misplaced};
use self::rules::challenge::Keys;
use self::rules::{Facts, Step, due, release_from};
use self::statements::LapseReason;
use crate::bid::envelope::EnvelopeId;
use crate::bid::withdraw::delete;
use crate::blob::Blobs;
use crate::clock::{Time, is_closed};
use crate::crypto::key::SigningKey;
use crate::crypto::statement::Statement;
use crate::custodian::chain::Rosters;
use crate::custodian::client::Custodians;
use crate::custodian::roster::{CustodianId, Roster};
use crate::db::{self, Conn, Db};
use crate::ids::{InstanceId, UnitId};
use crate::record::append::Event;
use crate::record::cosigned::{self, Which};
use crate::record::disclosure::Level;
use crate::record::sequencer::Sequencer;
use crate::record::store as record;
use crate::tender::outage::is_undecided;
use crate::tender::units::{self, UnitRow};

/// A checkpoint is asked for again after this many milliseconds, when a rule waits for cosignatures
/// at or after an hour.
const FREEZE_BEAT_MS: i64 = 1000;
/// The same while waiting for the hour of opening: nothing expires then.
const RELEASE_BEAT_MS: i64 = 5000;

/// What tells how far statements are decided.
///
/// The contract: every statement whose last byte arrived before the instant given has been decided
/// and committed, and none of them will be accepted later.
pub trait Decided: Send + Sync {
    /// The instant.
    fn decided_through(&self, now: Time) -> Time;
}

/// What the opening works with.
pub struct Parts {
    /// The database.
    pub db: Db,
    /// The ciphertexts.
    pub blobs: Arc<dyn Blobs>,
    /// The record's sequencer.
    pub sequencer: Arc<Sequencer>,
    /// Every roster that a unit may stand on, and the ways to their custodians.
    pub rosters: Arc<Rosters>,
    /// Signs for the platform.
    pub key: Arc<SigningKey>,
    /// How far statements are decided.
    pub decided: Arc<dyn Decided>,
    /// Takes in lodged bids.
    pub intake: Arc<dyn Intake>,
    /// A folder for lodged files under way; they are ciphertext.
    pub spool: PathBuf,
    /// How long one custodian is listened to while it tells what it was lodged or shown, all pages
    /// together.
    pub patience: Duration,
}

/// Carries units from their deadline to their end.
pub struct Opener {
    parts: Parts,
    /// Who told this process what was lodged with it, by unit.
    told: Mutex<BTreeMap<UnitId, lodged::Told>>,
    /// By which name this instance told the others how far it has decided, and when.
    declared: Mutex<Option<(InstanceId, Time)>>,
    /// How far this process is with challenge windows, by unit.
    tended: Mutex<BTreeMap<UnitId, challenge::Tended>>,
    /// Who last gave this process a release that opens nothing, and when.
    lied: Mutex<BTreeMap<(UnitId, CustodianId), Time>>,
    /// When which custodian was last asked for which lodged bid's file.
    fetched: Mutex<envelopes::Fetched>,
}

/// A unit with what is known of it at one instant.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its row.
    pub row: UnitRow,
    /// What the rules ask.
    pub facts: Facts,
    /// Size of the newest checkpoint with enough cosignatures for the release.
    release_size: Option<u64>,
    /// Size of the checkpoint that the challenge window runs from.
    window_size: Option<u64>,
    /// When the last checkpoint was signed.
    last_checkpoint: Time,
}

impl Opener {
    /// An opener over these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let (told, tended) = (Mutex::default(), Mutex::default());
        let (lied, fetched) = (Mutex::default(), Mutex::default());
        Self { parts, told, tended, lied, fetched, declared: Mutex::new(None) }
    }

    const fn db(&self) -> &Db {
        &self.parts.db
    }

    fn roster(&self, row: &UnitRow) -> Result<&Roster, Error> {
        let found = self.parts.rosters.chain().of(&row.unit.body().roster_sha256);
        found.map(Statement::body).ok_or(Error::Roster)
    }

    /// By whose keys a unit's challenges are judged.
    fn keys_of_receipts<'a>(&'a self, roster: &'a Roster) -> Keys<'a> {
        keys_of(&self.parts.rosters, roster)
    }

    /// The way to the custodians of a unit's own roster.
    fn wire(&self, row: &UnitRow) -> Result<&dyn Custodians, Error> {
        let found = self.parts.rosters.wire(&row.unit.body().roster_sha256);
        found.map(|wire| &**wire).ok_or(Error::Roster)
    }

    /// The units for which something may be due now.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn due_units(&self) -> Result<Vec<UnitId>, Error> {
        let now = self.db().clock().now();
        Ok(self.db().query(move |conn| store::due_before(conn, now)).await?)
    }

    /// Steps one unit. A step that fails is said, and tried again at the next tick.
    pub async fn try_step(&self, id: UnitId) {
        if let Err(error) = self.step(id).await {
            tracing::warn!(unit = %id, %error, "a step was not taken");
        }
    }

    /// Steps every unit for which something may be due, fetches the files that are awaited, and waits for
    /// all of it.
    ///
    /// # Errors
    /// When the units cannot be listed.
    pub async fn tick(&self) -> Result<(), Error> {
        join_all(self.due_units().await?.into_iter().map(|id| self.try_step(id))).await;
        let errands = self.errands().await?;
        join_all(errands.iter().map(|errand| self.run_errand(errand))).await;
        Ok(())
    }

    /// Does what is due for one unit now, and says what that was.
    ///
    /// # Errors
    /// [`Error`]; whatever was left undone is done by a later step.
    pub async fn step(&self, id: UnitId) -> Result<Step, Error> {
        let now = self.db().clock().now();
        let mut case = self.load(id, now).await?;
        // Whatever is decided of a closed unit is decided by what its custodians were shown.
        if case.facts.state == rules::UnitState::Closed && self.tend_challenges(&case, now).await? {
            case = self.load(id, now).await?;
        }
        if case.facts.state == rules::UnitState::Closed {
            self.delete_left_out(&case.row).await?;
        }
        let is_over = case.facts.state.is_over();
        let again = if is_over { self.answer_late(&case.row, now).await? } else { None };
        let step = due(&case.facts, now);
        match step {
            Step::Wait => self.wait(&case, again, now).await?,
            // The request's owner is the tender: its own timer sends it again.
            Step::AskAmendment => self.keep_freezable(&case, now).await?,
            Step::ProposeClose { size } => self.propose_close(&case, size).await?,
            Step::AskClose => self.ask_close(&case, now).await?,
            Step::Void(reason) => self.void(&case.row, reason).await?,
            Step::AskRelease => self.ask_release(&case, case.facts.t).await?,
            Step::Open => self.open(&case, now).await?,
        }
        Ok(step)
    }

    /// Loads a unit with what the rules ask.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn load(&self, id: UnitId, now: Time) -> Result<Case, Error> {
        let row = self.db().query(move |conn| units::unit(conn, id)).await?;
        let (roster, rosters) = (self.roster(&row)?.clone(), Arc::clone(&self.parts.rosters));
        let decided_through = self.parts.decided.decided_through(now);
        let own = self.instance();
        let case = self.db().query(move |conn| {
            let others = instances::others(conn, own, now)?;
            let through = others.map_or(decided_through, |others| others.min(decided_through));
            case(conn, row, &keys_of(&rosters, &roster), through)
        });
        Ok(case.await?)
    }

    /// Nothing is due: what waits for the witnesses' word is helped along. A unit that is over is looked
    /// at `again` at the latest.
    async fn wait(&self, case: &Case, again: Option<Time>, now: Time) -> Result<(), Error> {
        use rules::UnitState::{Closed, Open, Opened, Void};
        let facts = &case.facts;
        match facts.state {
            Open => self.keep_freezable(case, now).await?,
            Closed => {
                let Some(from) = facts.window_from else { return Ok(()) };
                let from = release_from(&facts.terms, from);
                if now >= from && case.release_size.is_none() {
                    self.beat(case, from, RELEASE_BEAT_MS, now);
                }
            }
            Void => self.end(&case.row, again, now).await?,
            Opened => self.recheck(case, again, now).await?,
            _ => {}
        }
        Ok(())
    }

    /// From the deadline on: checkpoints are made until one can freeze the set, or shows when the
    /// witnesses were back, whoever else is slow; and custodians are asked what was lodged with them.
    async fn keep_freezable(&self, case: &Case, now: Time) -> Result<(), Error> {
        let facts = &case.facts;
        if is_closed(now, facts.terms.deadline) && !facts.outage_undecided {
            self.beat(case, facts.terms.deadline, FREEZE_BEAT_MS, now);
            self.ask_for_lodged(&case.row).await?;
        }
        self.say_what_is_waited_for(case, now);
        Ok(())
    }

    /// Has a checkpoint made that can be cosigned at or after `from`. One from a clock that was ahead
    /// says nothing of when it was cosigned.
    fn beat(&self, case: &Case, from: Time, every_ms: i64, now: Time) {
        let last = case.last_checkpoint;
        if last < from || last > now || now.since(last) >= every_ms {
            self.parts.sequencer.want_checkpoint();
        }
    }

    /// Deletes ciphertexts: all that can be, and gives the first reason why one cannot.
    async fn delete(&self, kept: Vec<(EnvelopeId, crate::ids::UploadId)>) -> Result<(), Error> {
        let mut all = Ok(());
        for (id, blob) in kept {
            all = all.and(delete(self.db(), &self.parts.blobs, id, blob).await?);
        }
        Ok(all?)
    }
}

/// The earliest of some hours.
fn soonest<const N: usize>(hours: [Option<Time>; N]) -> Option<Time> {
    hours.into_iter().flatten().min()
}

/// Runs what blocks beside the runtime's threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| db::Error::Backend(format!("a worker did not end: {e}")).into())
}

#[expect(clippy::too_many_lines, reason = "one list of facts")]
fn case(
    conn: &mut Conn,
    row: UnitRow,
    keys: &Keys<'_>,
    decided_through: Time,
) -> Result<Case, db::Error> {
    use rules::UnitState::{Closed, Open, Opened};
    let (unit, roster) = (row.unit.body(), keys.roster);
    let t = usize::from(unit.t);
    let (freeze, outage_undecided) = match row.state {
        Open => (units::freeze(conn, &row, roster)?, is_undecided(conn, &row)?),
        _ => (None, false),
    };
    let window = match (row.state, row.close_index) {
        (Closed | Opened, Some(index)) => store::window(conn, index, roster)?,
        _ => None,
    };
    let (window_size, window_from) = window.unzip();
    let window_end = window_from.map(|from| from.plus(row.terms.challenge_ms));
    let reached = match window {
        Some((size, from)) => {
            let (from, names) = (release_from(&row.terms, from), roster.witness_names());
            cosigned::by(conn, &names, t, size.saturating_sub(1), from, Which::Last)?
        }
        None => None,
    };
    let (release_size, times) = reached.map(|found| (found.size, found.times)).unzip();
    let facts = Facts {
        state: row.state,
        terms: row.terms,
        release: unit.release,
        min: unit.min,
        t,
        amending: row.pending.is_some(),
        outage_undecided,
        decided_through,
        freeze,
        lines: row.close.as_ref().map(|close| close.body().lines.len()),
        window_from,
        open_challenges: answers::unanswered(conn, &row, keys, window_end)?,
        latest_cosignatures: times.unwrap_or_default(),
        ordered: row.order.is_some(),
        suspended: row.suspended,
        releases: store::releases(conn, &row.id)?.len(),
    };
    let last = record::latest_checkpoint(conn)?;
    let last_checkpoint = last.map_or(Time::from_millis(0), |last| last.at);
    Ok(Case { row, facts, release_size, window_size, last_checkpoint })
}

/// A public event about a unit.
fn public(unit: UnitId, kind: &'static str, bytes: impl Into<Vec<u8>>) -> Event {
    Event { kind, level: Level::Public, unit: Some(unit), bytes: bytes.into() }
}

/// The event that a request is given up.
fn lapsed(
    unit: UnitId,
    statement_sha256: crate::crypto::hash::Hash,
    reason: LapseReason,
) -> Result<Event, crate::crypto::json::JsonError> {
    let event = statements::OpeningEvent::Lapsed { reason, statement_sha256, unit_id: unit };
    Ok(public(unit, "sealbid/lapsed/v1", crate::crypto::json::to_string(&event)?))
}

/// By whose keys receipts of a unit on this roster are judged.
fn keys_of<'a>(rosters: &'a Rosters, roster: &'a Roster) -> Keys<'a> {
    let chain = rosters.chain();
    Keys { roster, first: chain.first(), log: chain.log_keys().collect() }
}

/// The custodians of a roster, in its order.
fn custodians(roster: &Roster) -> Vec<CustodianId> {
    roster.custodians.iter().map(|member| member.id.clone()).collect()
}
