//! Bids that reached a custodian while the portal did not answer: fetched after the deadline, before
//! the set is frozen, and taken in by the hour they arrived, a bidder's versions in their order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use futures_util::future::join_all;

use super::rules::lodged::lodged_line;
use super::statements::{Lodged, Query, QueryAbout};
use super::store::{self, Came};
use super::{Error, Opener};
use crate::bid::envelope::EnvelopeId;
use crate::bid::statements::Manifest;
use crate::clock::{Time, is_closed};
use crate::crypto::hash::Hash;
use crate::crypto::statement::{Statement, StatementError};
use crate::custodian::client::{lodged, lodged_bid};
use crate::custodian::roster::{CustodianId, Member};
use crate::custodian::wire::{AskLodgedBid, LodgedBid};
use crate::enterprise::credentials::signer;
use crate::ids::UnitId;
use crate::tender::units::UnitRow;

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
    pub(super) async fn fetch_lodged(&self, row: &UnitRow) -> Result<Lodgings, Error> {
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
        for held in bids {
            match self.take(row, &held).await? {
                Taken::Known => {}
                Taken::New => lodgings = Lodgings::New,
                Taken::Undecided => {
                    told.remove(&held.lodged.body().custodian);
                }
            }
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
            own.deadline = Some(row.terms.deadline);
        }
        with(own)
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
        let bids = lodged(self.wire(row).ok()?, &member.id, &query).await.inspect_err(|error| {
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
            Came::InTime => self.fetch(row, held).await?,
        };
        if let Err(error) = &taken {
            let (unit, custodian) = (row.id, &held.lodged.body().custodian);
            // Whose, and which: until the opening that is nobody's to read.
            tracing::error!(%unit, %custodian, error, "a lodged bid not taken in");
        }
        Ok(taken.map_or(Taken::Undecided, |()| Taken::New))
    }

    /// Fetches a bid's file and has it decided.
    async fn fetch(&self, row: &UnitRow, held: &Held) -> Result<Result<(), String>, Error> {
        let Lodged { bidder, custodian, manifest_sha256, .. } = held.lodged.body();
        let line = lodged_line(*bidder, manifest_sha256);
        let query = self.query((row.id, QueryAbout::Lodged), custodian)?;
        let ask = AskLodgedBid { line, query };
        // Two custodians may hold one bid, and are asked at once.
        let file = self.parts.spool.join(format!("{custodian}-{line}.bid"));
        let taken = match lodged_bid(self.wire(row)?, custodian, &ask, &file).await {
            Ok(()) => self.parts.intake.take_lodged(held, &file).await,
            Err(error) => Err(error.to_string()),
        };
        // It may not be there; it is named after what it holds, so it cannot be mistaken later.
        drop(tokio::fs::remove_file(&file).await);
        Ok(taken)
    }
}

/// What came of one lodged bid.
enum Taken {
    /// It was settled before.
    Known,
    /// It is settled now.
    New,
    /// Its custodian does not give the file, or the platform failed: asked again later.
    Undecided,
}
