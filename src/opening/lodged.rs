//! Bids that reached a custodian while the portal did not answer: asked for after the deadline, before
//! the set is frozen, and taken in by the hour they arrived, a bidder's versions in their order.
//!
//! Invariant: no custodian alone holds a unit up. What it tells is listened to for a bounded time, a
//! second once that was not enough, and of what is new a bounded number is looked at in one step; whoever
//! has not told all counts as untold, and q that have told and whose bids are settled are enough. No
//! file is waited for: those are [`envelopes`](super::envelopes)'s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

use futures_util::future::join_all;

use super::rules::waiting::{Standing, WaitsFor};
use super::statements::{Lodged, Query, QueryAbout};
use super::store::{self, Came};
use super::{Case, Error, Opener};
use crate::bid::envelope::EnvelopeId;
use crate::bid::statements::Manifest;
use crate::clock::{Time, is_closed};
use crate::crypto::hash::Hash;
use crate::crypto::statement::{Statement, StatementError};
use crate::custodian::client::{AskError, lodged};
use crate::custodian::roster::{CustodianId, Member};
use crate::custodian::wire::LodgedBid;
use crate::enterprise::credentials::signer;
use crate::ids::UnitId;
use crate::tender::units::UnitRow;

/// How long a custodian is listened to that did not tell all in time before.
const BRIEF: Duration = Duration::from_secs(1);
/// So many bids of one custodian that are new are looked at in one step, at most.
const AT_ONCE: usize = 1_000;

/// What asking the custodians for lodged bids came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lodgings {
    /// A bid came in that the platform did not know.
    New,
    /// Fewer than q have told what was lodged with them: the others could not sign a close.
    Untold,
    /// q have told, and nothing of it is new.
    Known,
}

/// What custodians were lodged.
pub(super) type ByCustodian = BTreeMap<CustodianId, Vec<Held>>;

/// Who told this process what was lodged for one unit.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Up to which deadline: a later one lets more come in.
    deadline: Option<Time>,
    /// Who.
    by: BTreeSet<CustodianId>,
    /// The manifests' notes for which a close was dropped.
    awaited: BTreeSet<Hash>,
    /// Who did not tell all in time.
    slow: BTreeSet<CustodianId>,
    /// The manifests' notes of which it was said that they are not taken in.
    said: BTreeSet<Hash>,
    /// What was said that the unit waits for.
    waits: BTreeSet<WaitsFor>,
}

/// A bid that a custodian holds.
#[derive(Clone, Debug)]
pub struct Held {
    /// The custodian's word.
    pub lodged: Statement<Lodged>,
    /// The manifest as the bidder sent it.
    pub manifest: Statement<Manifest>,
    /// Whether the custodian had it in time, by the deadline in force: one that signed an amendment
    /// which lapsed takes bids until the deadline that never came.
    pub came: Came,
}

impl Held {
    /// Of the whole note: one text has many signatures, and each note is settled by itself.
    #[must_use]
    pub fn note_sha256(&self) -> Hash {
        Hash::of(self.manifest.encode().as_bytes())
    }

    /// A custodian's own word for this unit, about this very manifest.
    fn of(told: &LodgedBid, row: &UnitRow, member: &Member) -> Option<Self> {
        let lodged = Statement::<Lodged>::parse(told.lodged.as_bytes()).ok()?;
        let manifest = Statement::<Manifest>::parse(told.manifest.as_bytes()).ok()?;
        lodged.note().require(&member.statement_key).ok()?;
        let body = lodged.body();
        let fits = body.unit_id == row.id
            && manifest.body().unit_id == row.id
            && body.custodian == member.id
            && body.manifest_sha256 == manifest.sha256()
            && signer(manifest.note()) == Some(body.bidder);
        let is_late = is_closed(body.arrived_at, row.terms.deadline);
        let came = if is_late { Came::Late } else { Came::InTime };
        fits.then_some(Self { lodged, manifest, came })
    }
}

impl Opener {
    /// Asks the custodians that have not told yet for the bids lodged with them, and takes in those
    /// that the platform does not know. Once told is enough: what is lodged later is late.
    pub(super) async fn ask_for_lodged(&self, row: &UnitRow) -> Result<Lodgings, Error> {
        let roster = self.roster(row)?;
        let mut told = self.told(row, |told| told.by.clone());
        let untold = roster.custodians.iter().filter(|member| !told.contains(&member.id));
        let ask = async |member: &Member| (member.id.clone(), self.lodged_at(row, member).await);
        let mut bids = Vec::new();
        for (custodian, found) in join_all(untold.map(ask)).await {
            let Some(found) = found else { continue };
            bids.extend(found);
            told.insert(custodian);
        }
        bids.sort_by_key(|held| (held.lodged.body().arrived_at, held.manifest.body().seq));
        let mut lodgings = Lodgings::Known;
        let mut looked_at = BTreeMap::<CustodianId, usize>::new();
        for held in bids {
            let custodian = &held.lodged.body().custodian;
            let count = looked_at.entry(custodian.clone()).or_default();
            if *count >= AT_ONCE {
                told.remove(custodian);
                continue;
            }
            match self.take(row, &held).await? {
                Taken::Known => continue,
                Taken::New => lodgings = Lodgings::New,
                Taken::Undecided => {
                    told.remove(custodian);
                }
            }
            *count = count.saturating_add(1);
        }
        let enough = told.len() >= roster.q();
        self.told(row, |known| known.by = told);
        let is_known = lodgings == Lodgings::Known;
        Ok(if is_known && !enough { Lodgings::Untold } else { lodgings })
    }

    fn told<T>(&self, row: &UnitRow, with: impl FnOnce(&mut Told) -> T) -> T {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let own = told.entry(row.id).or_default();
        if own.deadline != Some(row.terms.deadline) {
            own.by.clear();
            own.waits.clear();
            own.deadline = Some(row.terms.deadline);
        }
        with(own)
    }

    /// Says once for the operator what an open unit waits for that does not come by itself.
    pub(super) fn say_what_is_waited_for(&self, case: &Case, now: Time) {
        let (id, facts) = (case.row.id, &case.facts);
        let standing = Standing {
            amending: facts.amending,
            outage_undecided: facts.outage_undecided,
            freeze: facts.freeze,
        };
        let waits = WaitsFor::of((facts.state, &facts.terms), standing, now);
        let Some(waits) = waits.filter(|it| self.told(&case.row, |told| told.waits.insert(*it)))
        else {
            return;
        };
        match waits {
            WaitsFor::Close | WaitsFor::Amendment => {}
            WaitsFor::Outage => tracing::warn!(
                unit = %id,
                "a measured outage covers its deadline: an operator registers it, or nothing is closed"
            ),
            WaitsFor::Cancellation => tracing::error!(
                unit = %id,
                "no set of bids was frozen in time: it cannot be closed any more, only cancelled"
            ),
        }
    }

    /// What each custodian that answers was lodged; those that do not are left out.
    pub(super) async fn lodged_with(&self, row: &UnitRow) -> Result<ByCustodian, Error> {
        let members = &self.roster(row)?.custodians;
        let told = members.iter().map(async |member| {
            let held = self.lodged_at(row, member).await;
            held.map(|held| (member.id.clone(), held))
        });
        Ok(join_all(told).await.into_iter().flatten().collect())
    }

    /// Whether a custodian holds a bid that the platform does not know, and for which it has not
    /// waited yet: one that is never handed out holds a close up once.
    pub(super) async fn has_unknown(
        &self,
        row: &UnitRow,
        held: &ByCustodian,
    ) -> Result<bool, Error> {
        let awaited = self.told(row, |told| told.awaited.clone());
        for held in held.values().flatten().filter(|it| !awaited.contains(&it.note_sha256())) {
            if !self.is_settled(held).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A close was dropped for what custodians hold: all are asked again before the next.
    pub(super) fn await_lodged(&self, row: &UnitRow, held: &ByCustodian) {
        self.told(row, |told| {
            told.by.clear();
            told.awaited.extend(held.values().flatten().map(Held::note_sha256));
        });
    }

    /// Whether a bid was accepted, or refused on the record for good: one that reached the portal late,
    /// or undecided, may have been in time with its custodian.
    async fn is_settled(&self, held: &Held) -> Result<bool, Error> {
        let Lodged { bidder, manifest_sha256, .. } = *held.lodged.body();
        let (bid, note) = (EnvelopeId { bidder, manifest_sha256 }, held.note_sha256());
        let came = held.came;
        Ok(self.db().query(move |conn| store::is_settled(conn, &bid, (&note, came))).await?)
    }

    /// The platform's question to one custodian about one unit.
    pub(super) fn query(
        &self,
        (id, about): (UnitId, QueryAbout),
        custodian: &CustodianId,
    ) -> Result<String, StatementError> {
        let at = self.db().clock().now();
        let query = Query { about, at, custodian: custodian.clone(), unit_id: id };
        Ok(Statement::signed(query, &self.parts.key)?.encode())
    }

    /// The bids of one custodian; `None` when it does not tell.
    pub(super) async fn lodged_at(&self, row: &UnitRow, member: &Member) -> Option<Vec<Held>> {
        let query = self.query((row.id, QueryAbout::Lodged), &member.id);
        let query =
            query.inspect_err(|error| tracing::error!(%error, "no question to ask")).ok()?;
        let was_slow = self.told(row, |told| told.slow.contains(&member.id));
        let patience = if was_slow { BRIEF.min(self.parts.patience) } else { self.parts.patience };
        let telling = lodged(self.wire(row).ok()?, &member.id, &query);
        let bids = tokio::time::timeout(patience, telling).await.unwrap_or_else(|_| {
            self.told(row, |told| told.slow.insert(member.id.clone()));
            Err(AskError::Silent("it did not tell all in time".to_owned()))
        });
        let bids = bids.inspect_err(|error| {
            tracing::warn!(unit = %row.id, custodian = %member.id, %error, "no lodged bids told");
        });
        Some(bids.ok()?.iter().filter_map(|told| Held::of(told, row, member)).collect())
    }

    /// Refuses on the record what a custodian took on the strength of a deadline that never came into
    /// force, and could not tell before it was shown the close.
    pub(super) async fn refuse_late(&self, row: &UnitRow, held: &[Held]) -> Result<(), Error> {
        for late in held.iter().filter(|held| held.came == Came::Late) {
            self.take(row, late).await?;
        }
        Ok(())
    }

    /// Takes one bid in; one that is late by its manifest and its custodian's word alone.
    async fn take(&self, row: &UnitRow, held: &Held) -> Result<Taken, Error> {
        if self.is_settled(held).await? {
            return Ok(Taken::Known);
        }
        // Late by a deadline that may still move.
        if held.came == Came::Late && row.pending.is_some() {
            return Ok(Taken::Undecided);
        }
        let taken = match held.came {
            Came::Late => self.parts.intake.refuse_late(held).await,
            Came::InTime => self.parts.intake.take_lodged(held).await,
        };
        if let Err(error) = &taken
            && self.told(row, |told| told.said.insert(held.note_sha256()))
        {
            let (unit, custodian) = (row.id, &held.lodged.body().custodian);
            // Whose, and which: until the opening that is nobody's to read.
            tracing::error!(%unit, %custodian, error, "a lodged bid not taken in");
        }
        Ok(taken.map_or(Taken::Undecided, |()| Taken::New))
    }
}

/// What came of one lodged bid.
enum Taken {
    /// It was settled before.
    Known,
    /// It is settled now.
    New,
    /// Too late for any set, by a deadline that may still move, or the platform failed: asked again later.
    Undecided,
}
