//! The challenge window from the platform's side: agents are told when it runs, asked for what they
//! were shown, and answered from the record.
//!
//! Invariants: a finding counts with its receipts and by the rule that its custodian judged by, never
//! by a custodian's word alone; what the record explains counts for nothing, whether or not its
//! custodian has taken the answer. A bidder need not tell the platform, so every agent is asked until
//! the window is over, and again whenever one refuses to release for it.

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::Instant;

use futures_util::future::join_all;

use super::rules::challenge::denies;
use super::standing::{Stands, standing};
use super::statements::{Challenged, OpeningEvent, QueryAbout, Verdict};
use super::{Case, Error, Misplaced, Opener, custodians, moves, public};
use crate::clock::Time;
use crate::crypto::json::{self, JsonError};
use crate::crypto::statement::{Body as _, Statement};
use crate::custodian::client::ask;
use crate::custodian::roster::CustodianId;
use crate::custodian::wire::{AskChallenges, AskWindow, BroughtChallenge, Shown};
use crate::db;
use crate::ids::UnitId;
use crate::record::append::Event;
use crate::record::disclosure::Level;
use crate::record::store as record;
use crate::tender::units::{self, UnitRow};

/// Agents are asked for challenges this often, in milliseconds, while the window runs.
const ASK_EVERY_MS: i64 = 10_000;
/// A custodian's clock may be so far behind, in milliseconds: what it took in time is asked for once
/// more when it must have noticed that the window is over.
const SLACK_MS: i64 = 2_000;
/// Pages of challenges that one custodian is asked for at once.
const MAX_PAGES: usize = 100;
/// The kind of the event that holds a challenge's receipts.
pub(super) const SHOWN: &str = "sealbid/challenge/v1";

/// How far this process is with one unit's window.
#[derive(Debug, Default)]
pub(super) struct Tended {
    /// When agents were last asked for challenges.
    asked: Option<Time>,
    /// Who has been told that the window runs.
    told: BTreeSet<CustodianId>,
    /// Whether anybody has.
    is_told: bool,
}

impl Tended {
    /// Whether it is time to ask again.
    fn is_due(&self, window_end: Option<Time>, everybody: usize, now: Time) -> bool {
        let Some(asked) = self.asked.filter(|asked| *asked <= now) else { return true };
        let Some(end) = window_end else { return now.since(asked) >= ASK_EVERY_MS };
        if !self.is_told || (asked < end && now >= end) {
            return true;
        }
        let is_done = asked >= end.plus(SLACK_MS) && self.told.len() >= everybody;
        !is_done && now.since(asked) >= ASK_EVERY_MS
    }
}

impl Opener {
    /// Tells agents of the window, asks them for challenges, answers what is open. Says whether
    /// anything may have changed.
    pub(super) async fn tend_challenges(&self, case: &Case, now: Time) -> Result<bool, Error> {
        let (row, everybody) = (&case.row, custodians(self.roster(&case.row)?));
        let end = case.facts.window_from.map(|from| from.plus(case.facts.terms.challenge_ms));
        let is_due = |tended: &mut Tended| {
            let is_due = tended.is_due(end, everybody.len(), now);
            if is_due {
                tended.asked = Some(now);
            }
            is_due
        };
        if self.tended(row.id, is_due) {
            self.tell_window(case, &everybody).await?;
            self.ask_for_challenges(row, &everybody).await?;
            self.answer_challenges(row).await?;
            return Ok(true);
        }
        Ok(self.answer_challenges(row).await?.taken > 0)
    }

    fn tended<T>(&self, id: UnitId, with: impl FnOnce(&mut Tended) -> T) -> T {
        let mut tended = self.tended.lock().unwrap_or_else(PoisonError::into_inner);
        with(tended.entry(id).or_default())
    }

    /// The next step asks every agent again: one of them holds what is not known here.
    pub(super) fn ask_for_challenges_again(&self, id: UnitId) {
        self.tended(id, |tended| tended.asked = None);
    }

    async fn tell_window(&self, case: &Case, all: &[CustodianId]) -> Result<(), Error> {
        let Some(close_receipt) = self.close_receipt(case).await? else { return Ok(()) };
        let request = AskWindow { close_receipt, unit: case.row.unit.encode() };
        let told = self.tended(case.row.id, |tended| {
            tended.is_told = true;
            tended.told.clone()
        });
        let untold = all.iter().filter(|custodian| !told.contains(*custodian));
        let wire = self.wire(&case.row)?;
        let asked =
            untold.map(async |custodian| (custodian.clone(), ask(wire, custodian, &request).await));
        for (custodian, done) in join_all(asked).await {
            match done {
                Ok(_) => {
                    self.tended(case.row.id, |tended| tended.told.insert(custodian));
                }
                Err(error) => {
                    tracing::warn!(unit = %case.row.id, %custodian, %error, "a window not told");
                }
            }
        }
        Ok(())
    }

    /// The receipt of the effective close under the first checkpoint that q have cosigned.
    pub(super) async fn close_receipt(&self, case: &Case) -> Result<Option<String>, Error> {
        let (Some(index), Some(size)) = (case.row.close_index, case.window_size) else {
            return Ok(None);
        };
        let receipt = self.db().query(move |conn| {
            let checkpoint = record::checkpoint_at(conn, size)?;
            Ok::<_, db::Error>(record::receipt(conn, index, &checkpoint)?.encode())
        });
        Ok(Some(receipt.await?))
    }

    /// Takes up what agents were shown and nobody brought.
    async fn ask_for_challenges(&self, row: &UnitRow, all: &[CustodianId]) -> Result<(), Error> {
        let asked = all.iter().map(async |custodian| {
            let taken = self.take_challenges_of(row, custodian).await;
            (custodian, taken)
        });
        for (custodian, taken) in join_all(asked).await {
            match taken {
                Err(Error::Db(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(unit = %row.id, %custodian, %error, "no challenges to be read");
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Takes up what one agent was shown, a page at a time. What is beyond the last page is asked for
    /// when the first have been answered.
    async fn take_challenges_of(&self, row: &UnitRow, from: &CustodianId) -> Result<(), Error> {
        let (mut after, started) = (None, Instant::now());
        for _ in 0..MAX_PAGES {
            if started.elapsed() >= self.parts.patience {
                return Ok(());
            }
            let query = self.query((row.id, QueryAbout::Challenges), from)?;
            let asked = AskChallenges { after, query };
            let page = match ask(self.wire(row)?, from, &asked).await {
                Ok(page) => page.challenges,
                Err(error) => {
                    tracing::warn!(unit = %row.id, custodian = %from, %error, "no challenges told");
                    return Ok(());
                }
            };
            let mut last = None;
            for BroughtChallenge { account, note } in page {
                last = Some(Statement::<Challenged>::parse(note.as_bytes())?.body().line);
                match self.take_challenge(&note, &account).await {
                    Err(Error::Db(error)) => return Err(error.into()),
                    Err(error) => {
                        tracing::warn!(unit = %row.id, custodian = %from, %error, "no challenge");
                    }
                    Ok(_) => {}
                }
            }
            if last <= after {
                return Ok(());
            }
            after = last;
        }
        Ok(())
    }

    /// Takes what a custodian found of a challenge onto the record, whoever brings it, and what it
    /// was shown, for nobody to read before the unit's end. After that it shows for ever what the close
    /// left out: it is taken once, and only where the record does not explain it.
    ///
    /// # Errors
    /// [`Error::Misplaced`] when it is not about this unit's close, or the receipts do not deny it, or it
    /// answers no challenge that stands there; [`Error::Signature`] when its custodian did not sign it.
    /// What stands on the record already is answered with its entry, and a challenge that was answered
    /// with its answer's.
    pub async fn take_challenge(&self, note: &str, account: &Shown) -> Result<u64, Error> {
        let found = Statement::<Challenged>::parse(note.as_bytes())?;
        let body = found.body().clone();
        let id = body.unit_id;
        let row = self.check_challenge(&found, account).await?;
        let denied = body.verdict != Verdict::Answered;
        let shown = denied.then(|| shown_event(&found, account)).transpose()?;
        let now = self.db().clock().now();
        self.db()
            .write_after_entries(move |tx| {
                let known = record::entries_of_unit(tx.conn(), &id, Challenged::TYPE)?;
                let bytes = found.encode().into_bytes();
                match standing(&known, &bytes, &body)? {
                    Stands::Known(index) => return Ok(index),
                    Stands::Unasked => return Err(Error::from(Misplaced::NothingDenied)),
                    Stands::New => {}
                }
                let recorded = tx.record(public(id, Challenged::TYPE, bytes))?;
                shown.map(|shown| tx.record(shown)).transpose()?;
                moves::put_challenge(tx, &found)?;
                if denied && row.state.is_over() {
                    moves::look_again(tx, &id, row.state, Some(now))?;
                }
                Ok(recorded.index)
            })
            .await
    }

    /// Demands that a custodian found this, of this unit's close, and that what it was shown says so; gives
    /// the unit.
    async fn check_challenge(
        &self,
        found: &Statement<Challenged>,
        account: &Shown,
    ) -> Result<UnitRow, Error> {
        let body = found.body();
        let id = body.unit_id;
        let row = self.db().query(move |conn| units::unit(conn, id)).await?;
        let roster = self.roster(&row)?;
        let key = &roster.member(&body.custodian).ok_or(Misplaced::NotACustodian)?.statement_key;
        found.note().require(key)?;
        found.note().only_by(std::slice::from_ref(key))?;
        let close = row.close.as_ref().filter(|close| close.sha256() == body.close_sha256);
        let close = close.ok_or(Misplaced::OtherClose)?.body();
        let (keys, against) = (self.keys_of_receipts(roster), (close, row.terms.deadline));
        let denied = body.verdict != Verdict::Answered;
        if denied && !denies(&keys, account, against, body.line) {
            return Err(Misplaced::NothingDenied.into());
        }
        // An open one is answered, for its custodian waits for that; a late one holds nothing up.
        let is_late = body.verdict == Verdict::Finding;
        if is_late && self.is_explained(&row, account, body.line).await? {
            return Err(Misplaced::NothingDenied.into());
        }
        Ok(row)
    }
}

/// What a custodian was shown, sealed until the unit's end.
fn shown_event(found: &Statement<Challenged>, account: &Shown) -> Result<Event, JsonError> {
    let unit_id = found.body().unit_id;
    let (account, challenged_sha256) = (account.clone(), found.sha256());
    let event = OpeningEvent::Challenge { account, challenged_sha256, unit_id };
    let (kind, level) = (SHOWN, Level::Sealed(unit_id));
    let bytes = json::to_string(&event)?.into_bytes();
    Ok(Event { kind, level, unit: Some(unit_id), bytes })
}
