//! The release: custodians are asked for the unit's identities once its window is over, and each
//! valid one is recorded as it comes.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use futures_util::stream::FuturesUnordered;

use super::decrypt::UnitKey;
use super::statements::{OpeningEvent, QueryAbout, Release, Suspension};
use super::store::{self, ReleaseRow};
use super::{Case, Error, Opener, moves, public};
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::key::VerifyingKey;
use crate::crypto::note::Note;
use crate::crypto::seal::Identity;
use crate::crypto::statement::{Body as _, Statement};
use crate::custodian::client::{AskError, ask, ask_note, next_answer};
use crate::custodian::roster::{CustodianId, Member, Roster};
use crate::custodian::wire::{AskRelease, AskSuspend};
use crate::db;
use crate::enterprise::credential_notes;
use crate::ids::UnitId;
use crate::record::append::Event;
use crate::record::disclosure::Level;
use crate::record::store as record;
use crate::tender::units::UnitRow;

const RELEASED: &str = "sealbid/released/v1";
const FALSE_RELEASE: &str = "sealbid/false-release/v1";
/// The code by which an agent says that it holds a challenge.
const CHALLENGE_OPEN: &str = "custodian-challenge-open";

/// A custodian whose release opens nothing is asked again after this many milliseconds: what it signs
/// is for its operator to mend.
const LIAR_MS: i64 = 300_000;

/// What became of a custodian's answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// Its identity stands on the record.
    Recorded,
    /// It gave none, or it came when none was to be taken: it gives it again.
    Dropped,
}

impl Opener {
    /// Asks every custodian that has not released, and records each identity as it comes; whoever is
    /// behind those that are needed is waited for no longer than a moment, and asked again after the
    /// opening. Releases beyond the t-th are recorded too.
    pub(super) async fn ask_release(&self, case: &Case, needed: usize) -> Result<(), Error> {
        let row = &case.row;
        let Some(request) = self.release_request(case).await? else { return Ok(()) };
        let id = row.id;
        let have = self.db().query(move |conn| store::releases(conn, &id)).await?;
        let has_released =
            |member: &&Member| have.iter().any(|release| release.custodian == member.id);
        let lied = self.lied(id);
        let members = self.roster(row)?.custodians.iter();
        let members = members.filter(|member| !has_released(member) && !lied.contains(&member.id));
        let request = &request;
        let mut asked: FuturesUnordered<_> = members
            .map(async |member| (&member.id, self.ask_identity(row, member, request).await))
            .collect();
        let mut needed = needed.saturating_sub(have.len());
        while let Some((custodian, answer)) = next_answer(&mut asked, needed).await {
            if self.take_release(row, custodian, answer?).await? == Taken::Recorded {
                needed = needed.saturating_sub(1);
            }
        }
        Ok(())
    }

    /// Asks one custodian, told the regulator's last word and what became of the bids lodged with it.
    async fn ask_identity(
        &self,
        row: &UnitRow,
        member: &Member,
        request: &AskRelease,
    ) -> Result<Result<Note, AskError>, Error> {
        if let Err(error) = self.tell_last_word(row, &member.id).await? {
            return Ok(Err(error));
        }
        let held = self.lodged_at(row, member).await.unwrap_or_default();
        self.refuse_late(row, &held).await?;
        let lodged = self.accounts(row, held).await?;
        // Signed last: from after the hour, however early the others were asked.
        let query = self.query((row.id, QueryAbout::Release), &member.id)?;
        let request = AskRelease { lodged, query, ..request.clone() };
        Ok(ask_note(self.wire(row)?, &member.id, &request).await)
    }

    /// Everything that an agent checks before it hands out its identity.
    async fn release_request(&self, case: &Case) -> Result<Option<AskRelease>, Error> {
        let close_receipt = self.close_receipt(case).await?;
        let (Some(close_receipt), Some(recent)) = (close_receipt, case.release_size) else {
            return Ok(None);
        };
        let row = case.row.clone();
        let request = self.db().query(move |conn| {
            let recent = record::checkpoint_at(conn, recent)?;
            Ok::<_, db::Error>(AskRelease {
                checkpoint: record::cosigned_note(conn, &recent)?.encode(),
                close_receipt,
                credentials: credential_notes(conn, row.unit.body().procuring_entity)?,
                lodged: Vec::new(),
                order: row.order.clone(),
                query: String::new(),
                unit: row.unit.encode(),
            })
        });
        Ok(Some(request.await?))
    }

    /// Tells an agent the regulator's last word, which it may have slept through. One that cannot be
    /// told is not asked.
    async fn tell_last_word(
        &self,
        row: &UnitRow,
        custodian: &CustodianId,
    ) -> Result<Result<(), AskError>, Error> {
        if row.suspension_no == 0 {
            return Ok(Ok(()));
        }
        let id = row.id;
        let last = self.db().query(move |conn| {
            let last = record::entries_of_unit(conn, &id, Suspension::TYPE)?.pop();
            let last = last.ok_or(db::Error::NotFound)?;
            String::from_utf8(last.event)
                .map_err(|_| db::Error::Corrupt("a suspension's text".to_owned()))
        });
        let request = AskSuspend { suspension: last.await?, unit: row.unit.encode() };
        match ask(self.wire(row)?, custodian, &request).await {
            // It knows it already, or one that came after.
            Ok(_) | Err(AskError::Refused { .. }) => Ok(Ok(())),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn take_release(
        &self,
        row: &UnitRow,
        custodian: &CustodianId,
        answer: Result<Note, AskError>,
    ) -> Result<Taken, Error> {
        let note = match answer {
            Ok(note) => note,
            Err(error) => {
                if error.is_refusal(CHALLENGE_OPEN) {
                    self.ask_for_challenges_again(row.id);
                }
                tracing::warn!(unit = %row.id, %custodian, %error, "no release");
                return Ok(Taken::Dropped);
            }
        };
        let roster = self.roster(row)?;
        let Some((release, _)) = valid_release(row, roster, custodian, &note) else {
            self.note_lie(row.id, custodian);
            self.keep_evidence(row, roster, custodian, &note).await?;
            return Ok(Taken::Dropped);
        };
        let (id, custodian) = (row.id, custodian.clone());
        let close_sha256 = release.body().close_sha256;
        let told =
            OpeningEvent::Released { close_sha256, custodian: custodian.clone(), unit_id: id };
        let told = public(id, RELEASED, json::to_string(&told)?);
        let text = release.encode();
        let (kind, level) = (Release::TYPE, Level::Regulator);
        let held = Event { kind, level, unit: Some(id), bytes: text.clone().into_bytes() };
        let added = self.db().write(move |tx| {
            moves::require_unstopped(tx, id)?;
            tx.record(held)?;
            let at = tx.record(told)?;
            moves::add_release(tx, &id, &custodian, &text, at.index)
        });
        match added.await {
            Ok(()) => Ok(Taken::Recorded),
            // Another instance was first, or the unit was stopped or failed while it was on its way.
            Err(db::Error::Conflict(error)) => {
                tracing::warn!(unit = %row.id, error, "a release not taken");
                Ok(Taken::Dropped)
            }
            Err(other) => Err(other.into()),
        }
    }

    /// It is asked again later.
    fn note_lie(&self, id: UnitId, custodian: &CustodianId) {
        tracing::error!(unit = %id, %custodian, "a release that opens nothing");
        let now = self.db().clock().now();
        let mut lied = self.lied.lock().unwrap_or_else(PoisonError::into_inner);
        lied.insert((id, custodian.clone()), now);
    }

    /// Whose releases of this unit opened nothing a moment ago.
    fn lied(&self, id: UnitId) -> BTreeSet<CustodianId> {
        let now = self.db().clock().now();
        let is_recent = |at: Time| at <= now && now.since(at) < LIAR_MS;
        let lied = self.lied.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = lied.iter().filter(|((unit, _), at)| *unit == id && is_recent(**at));
        recent.map(|((_, custodian), _)| custodian.clone()).collect()
    }

    /// What a custodian signed and opens nothing stands against it on the record: once, for it may sign
    /// another every time.
    async fn keep_evidence(
        &self,
        row: &UnitRow,
        roster: &Roster,
        custodian: &CustodianId,
        note: &Note,
    ) -> Result<(), Error> {
        let Some(release) = signed_release(roster, custodian, note) else { return Ok(()) };
        let Some(member) = roster.member(custodian) else { return Ok(()) };
        let (id, key) = (row.id, member.statement_key.clone());
        let event = OpeningEvent::FalseRelease { release: release.encode(), unit_id: id };
        let bytes = json::to_string(&event)?.into_bytes();
        self.db()
            .write_after_entries(move |tx| {
                let known = record::entries_of_unit(tx.conn(), &id, FALSE_RELEASE)?;
                if known.iter().any(|entry| is_false_by(&entry.event, &key)) {
                    return Ok(());
                }
                let (kind, level) = (FALSE_RELEASE, Level::Regulator);
                tx.record(Event { kind, level, unit: Some(id), bytes }).map(drop)
            })
            .await?;
        Ok(())
    }
}

/// Whether an event is about a false release by this key.
fn is_false_by(event: &[u8], key: &VerifyingKey) -> bool {
    match json::parse(event) {
        Ok(OpeningEvent::FalseRelease { release, .. }) => {
            Note::parse(release.as_bytes()).is_ok_and(|note| note.require(key).is_ok())
        }
        _ => false,
    }
}

/// A release that its custodian signed for this unit's close, with an identity that derives the
/// unit's recipient.
fn valid_release(
    row: &UnitRow,
    roster: &Roster,
    custodian: &CustodianId,
    note: &Note,
) -> Option<(Statement<Release>, UnitKey)> {
    let release = signed_release(roster, custodian, note)?;
    let unit_key = unit_key(row, &release)?;
    (release.body().custodian == *custodian).then_some((release, unit_key))
}

/// A release with its custodian's signature and no other.
fn signed_release(
    roster: &Roster,
    custodian: &CustodianId,
    note: &Note,
) -> Option<Statement<Release>> {
    let release = Statement::<Release>::from_note(note.clone()).ok()?;
    let key = &roster.member(custodian)?.statement_key;
    release.note().require(key).ok()?;
    release.note().only_by(std::slice::from_ref(key)).ok()?;
    Some(release)
}

/// The identity in a release, if it is for this close and derives the unit's recipient.
fn unit_key(row: &UnitRow, release: &Statement<Release>) -> Option<UnitKey> {
    let body = release.body();
    let close: Hash = row.close.as_ref()?.sha256();
    let identity: Identity = body.identity.parse().ok()?;
    let recipients = &row.unit.body().recipients;
    let place = recipients.iter().position(|r| r.custodian == body.custodian)?;
    let derives = recipients.get(place)?.recipient == identity.recipient().to_string();
    let fits = derives && body.unit_id == row.id && body.close_sha256 == close;
    fits.then(|| UnitKey { place, custodian: body.custodian.clone(), identity })
}

/// The identities of the first t valid releases in record order; `None` while there are fewer.
pub(super) fn unit_keys(row: &UnitRow, releases: &[ReleaseRow]) -> Option<Vec<UnitKey>> {
    let t = usize::from(row.unit.body().t);
    let mut keys = unit_keys_of(row, releases);
    keys.truncate(t);
    (keys.len() == t).then_some(keys)
}

/// The identities of all of them.
pub(super) fn unit_keys_of(row: &UnitRow, releases: &[ReleaseRow]) -> Vec<UnitKey> {
    let keys = releases.iter().filter_map(|release| {
        let release = Statement::<Release>::parse(release.note.as_bytes()).ok()?;
        unit_key(row, &release)
    });
    keys.collect()
}
