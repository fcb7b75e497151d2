//! The platform's answers to challenges: agents are shown what the record tells of the bid, whether or
//! not they still hold what they found.
//!
//! Invariant: what the record explains is answered whenever it was brought, after the unit's end too:
//! nobody outside may read an old finding as one that was passed over.

use super::accounts::{account, of_lodged};
use super::challenge::SHOWN;
use super::rules::challenge::{self, Keys, answers, is_in_time};
use super::rules::shares::asked_again;
use super::statements::{Challenged, Close, OpeningEvent, Verdict};
use super::store::{self, OpenChallenge};
use super::{Error, Misplaced, Opener, keys_of};
use crate::bid::envelope::EnvelopeId;
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::note::Note;
use crate::crypto::statement::{Body as _, Statement};
use crate::custodian::client::ask_note;
use crate::custodian::wire::{Account, AskAnswer, Shown};
use crate::db::{self, Conn};
use crate::ids::UnitId;
use crate::record::store as record;
use crate::tender::units::UnitRow;

/// A custodian that has not taken an answer by then is not asked any more, in milliseconds: thirty days.
const ANSWERED_FOR_MS: i64 = 30 * 86_400_000;

/// How many answers custodians took, and how many not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Answered {
    pub taken: usize,
    pub refused: usize,
}

impl Opener {
    /// Answers what was brought after a unit's end, which stops nothing any more and would stand there
    /// as if it did. Gives when to ask again, if a custodian did not take an answer.
    pub(super) async fn answer_late(
        &self,
        row: &UnitRow,
        now: Time,
    ) -> Result<Option<Time>, Error> {
        if self.answer_challenges(row).await?.refused == 0 {
            return Ok(None);
        }
        let id = row.id;
        let last = self.db().query(move |conn| {
            Ok::<_, db::Error>(record::entries_of_unit(conn, &id, Challenged::TYPE)?.pop())
        });
        let last = last.await?.map_or(now, |entry| entry.at);
        Ok(asked_again((last, ANSWERED_FOR_MS), now))
    }

    /// Shows agents that found a challenge what the record tells of its bid. Says how many took it.
    pub(super) async fn answer_challenges(&self, row: &UnitRow) -> Result<Answered, Error> {
        let mut done = Answered::default();
        let Some(close) = row.close.clone() else { return Ok(done) };
        let (shared, roster, rosters) =
            (row.clone(), self.roster(row)?.clone(), std::sync::Arc::clone(&self.parts.rosters));
        let answers = self.db().query(move |conn| {
            let keys = keys_of(&rosters, &roster);
            let open = store::open_challenges(conn, &shared.id)?;
            let answers = open.into_iter().map(|open| {
                let found = answer(conn, &shared, &keys, &open)?;
                Ok::<_, db::Error>(found.map(|found| (open, found)))
            });
            answers.collect::<Result<Vec<_>, _>>()
        });
        for (open, (account, accounts)) in answers.await?.into_iter().flatten() {
            let (finding, close, unit) = (open.note, close.encode(), row.unit.encode());
            let request = AskAnswer { account: account.clone(), accounts, close, finding, unit };
            let why = match ask_note(self.wire(row)?, &open.custodian, &request).await {
                Ok(note) => self.take_answer(note, &account).await?.map_err(|e| e.to_string()),
                Err(error) => Err(error.to_string()),
            };
            let custodian = &open.custodian;
            match why {
                Ok(()) => done.taken = done.taken.saturating_add(1),
                Err(why) => {
                    tracing::warn!(unit = %row.id, %custodian, why, "a challenge not answered");
                    done.refused = done.refused.saturating_add(1);
                }
            }
        }
        Ok(done)
    }

    /// Whether the record explains what was shown of a line.
    pub(super) async fn is_explained(
        &self,
        row: &UnitRow,
        shown: &Shown,
        line: Hash,
    ) -> Result<bool, Error> {
        let Some(close) = row.close.clone() else { return Ok(false) };
        let (roster, rosters) =
            (self.roster(row)?.clone(), std::sync::Arc::clone(&self.parts.rosters));
        let (shown, deadline) = (shown.clone(), row.terms.deadline);
        let found = self.db().query(move |conn| {
            let (keys, against) = (keys_of(&rosters, &roster), (close.body(), deadline));
            let accounts = own_accounts(conn, &keys, against, &shown)?;
            Ok::<_, db::Error>(answers(&keys, &shown, against, line, &accounts))
        });
        Ok(found.await?)
    }

    /// Records that a custodian took an answer; gives why not, if it said anything else.
    async fn take_answer(
        &self,
        note: Note,
        account: &Shown,
    ) -> Result<Result<(), Error>, db::Error> {
        let taken = async {
            let found = Statement::<Challenged>::from_note(note)?;
            if found.body().verdict != Verdict::Answered {
                return Err(Misplaced::NothingDenied.into());
            }
            self.take_challenge(&found.encode(), account).await.map(drop)
        };
        match taken.await {
            Err(Error::Db(error)) => Err(error),
            other => Ok(other),
        }
    }
}

/// What answers a challenge, and what it was about; nothing while the record does not explain it.
fn answer(
    conn: &mut Conn,
    row: &UnitRow,
    keys: &Keys<'_>,
    open: &OpenChallenge,
) -> Result<Option<(Shown, Vec<Account>)>, db::Error> {
    let Some(close) = &row.close else { return Ok(None) };
    let Some(shown) = shown_with(conn, &row.id, &open.sha256)? else { return Ok(None) };
    let against = (close.body(), row.terms.deadline);
    let accounts = own_accounts(conn, keys, against, &shown)?;
    let is_answer = answers(keys, &shown, against, open.line, &accounts);
    Ok(is_answer.then_some((shown, accounts)))
}

/// What the custodian was shown that made a finding.
fn shown_with(conn: &mut Conn, id: &UnitId, finding: &Hash) -> Result<Option<Shown>, db::Error> {
    let entries = record::entries_of_unit(conn, id, SHOWN)?;
    Ok(entries.iter().find_map(|entry| match json::parse(&entry.event) {
        Ok(OpeningEvent::Challenge { account, challenged_sha256, .. })
            if challenged_sha256 == *finding =>
        {
            Some(account)
        }
        _ => None,
    }))
}

/// What the record tells of a challenged bid; of a lodged one, and of the versions before it.
fn own_accounts(
    conn: &mut Conn,
    keys: &Keys<'_>,
    (close, deadline): (&Close, Time),
    shown: &Shown,
) -> Result<Vec<Account>, db::Error> {
    let id = &close.unit_id;
    let all = store::envelopes(conn, id)?;
    match shown {
        Shown::Receipts(_) => {
            let Ok(told) = challenge::shown(keys, shown, close, deadline) else {
                return Ok(Vec::new());
            };
            let own = EnvelopeId { bidder: told.bidder, manifest_sha256: told.manifest_sha256 };
            let Some(bid) = all.iter().find(|bid| bid.id() == own) else { return Ok(Vec::new()) };
            Ok(account(conn, id, &all, bid)?.into_iter().collect())
        }
        Shown::Word(word) => {
            let mut accounts = Vec::new();
            for bid in word.before.iter().chain([&word.word]) {
                let corrupt = |_| db::Error::Corrupt("a word that was judged".to_owned());
                let manifest = Statement::parse(bid.manifest.as_bytes()).map_err(corrupt)?;
                // A word about a bid that came late is none against a close.
                accounts.extend(of_lodged(conn, id, &all, (&manifest, store::Came::InTime))?);
            }
            Ok(accounts)
        }
    }
}

/// How many challenges came in time and are not explained by the record.
pub(super) fn unanswered(
    conn: &mut Conn,
    row: &UnitRow,
    keys: &Keys<'_>,
    window_end: Option<Time>,
) -> Result<usize, db::Error> {
    let mut count = 0_usize;
    for open in store::open_challenges(conn, &row.id)? {
        let in_time = is_in_time(open.received_at, window_end);
        if in_time && answer(conn, row, keys, &open)?.is_none() {
            count = count.saturating_add(1);
        }
    }
    Ok(count)
}
