//! The files of bids that were accepted by their custodians' word: fetched beside the unit's steps,
//! from its deadline until t identities are recorded.
//!
//! Invariant: no step of any unit waits for a file. Each custodian is asked by one hand for each unit, small
//! files first, so that one that is slow, or hands out something else, holds up its own alone; whoever
//! has a bid may bring it. What has not come by the opening is lost, as whatever cannot be read back.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::PoisonError;

use super::rules::lodged::lodged_line;
use super::statements::QueryAbout;
use super::{Error, Opener, custodians, store};
use crate::bid::envelope::EnvelopeId;
use crate::bid::statements::Manifest;
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::custodian::client::lodged_bid;
use crate::custodian::roster::CustodianId;
use crate::custodian::wire::AskLodgedBid;
use crate::ids::UnitId;
use crate::tender::units::{self, UnitRow};

/// A custodian is asked for the same file again after so many milliseconds.
const AGAIN_MS: i64 = 10_000;

/// When a custodian was last asked for a lodged bid.
pub(super) type Fetched = BTreeMap<(Hash, CustodianId), Time>;

/// An accepted bid whose file is not here yet.
#[derive(Clone, Debug)]
pub struct Awaited {
    /// Which.
    pub id: EnvelopeId,
    /// What its bidder signed.
    pub manifest: Statement<Manifest>,
}

impl Awaited {
    fn line(&self) -> Hash {
        lodged_line(self.id.bidder, &self.id.manifest_sha256)
    }
}

/// Files of one unit to be asked of one custodian.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Errand {
    /// Whose bids.
    pub unit: UnitId,
    /// Who may have them.
    pub custodian: CustodianId,
}

impl fmt::Display for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.unit, self.custodian)
    }
}

impl Opener {
    /// Whom to ask now for files of lodged bids.
    ///
    /// # Errors
    /// When that cannot be listed.
    pub async fn errands(&self) -> Result<Vec<Errand>, Error> {
        let mut errands = Vec::new();
        for id in self.db().query(store::units_that_await).await? {
            let row = self.db().query(move |conn| units::unit(conn, id)).await?;
            for custodian in custodians(self.roster(&row)?) {
                let errand = Errand { unit: id, custodian };
                if !self.wanted(&errand).await?.is_empty() {
                    errands.push(errand);
                }
            }
        }
        Ok(errands)
    }

    /// Asks one custodian for the files that it may have. What fails is said, and asked again later.
    pub async fn run_errand(&self, errand: &Errand) {
        let Errand { unit, custodian } = errand;
        if let Err(error) = self.fetch(errand).await {
            tracing::warn!(%unit, %custodian, %error, "lodged files not fetched");
        }
    }

    async fn fetch(&self, errand: &Errand) -> Result<(), Error> {
        let unit = errand.unit;
        let row = self.db().query(move |conn| units::unit(conn, unit)).await?;
        for awaited in self.wanted(errand).await? {
            // Another custodian may have brought it meanwhile.
            let asked = (awaited.line(), errand.custodian.clone());
            let now = self.db().clock().now();
            self.fetched(|fetched| fetched.insert(asked, now));
            if !self.is_awaited(unit, awaited.id).await? {
                continue;
            }
            if let Err(error) = self.fetch_one(&row, &errand.custodian, &awaited).await? {
                let custodian = &errand.custodian;
                // Whose, and which: until the opening that is nobody's to read.
                tracing::warn!(%unit, %custodian, error, "a lodged bid's file not brought");
            }
        }
        Ok(())
    }

    /// What this custodian has not been asked for lately, small files first.
    async fn wanted(&self, errand: &Errand) -> Result<Vec<Awaited>, Error> {
        let (unit, now) = (errand.unit, self.db().clock().now());
        let mut awaited = self.db().query(move |conn| store::awaited(conn, &unit)).await?;
        awaited.retain(|bid| {
            let asked = (bid.line(), errand.custodian.clone());
            let last = self.fetched(|fetched| fetched.get(&asked).copied());
            last.is_none_or(|last| last > now || now.since(last) >= AGAIN_MS)
        });
        awaited.sort_by_key(|bid| bid.manifest.body().bid.size);
        Ok(awaited)
    }

    async fn is_awaited(&self, unit: UnitId, id: EnvelopeId) -> Result<bool, Error> {
        let all = self.db().query(move |conn| store::awaited(conn, &unit)).await?;
        Ok(all.iter().any(|bid| bid.id == id))
    }

    fn fetched<T>(&self, with: impl FnOnce(&mut Fetched) -> T) -> T {
        with(&mut self.fetched.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn fetch_one(
        &self,
        row: &UnitRow,
        from: &CustodianId,
        awaited: &Awaited,
    ) -> Result<Result<(), String>, Error> {
        let (line, query) = (awaited.line(), self.query((row.id, QueryAbout::Lodged), from)?);
        // Two custodians may hold one bid, and are asked at once.
        let file = self.parts.spool.join(format!("{from}-{line}.bid"));
        let asked = lodged_bid(self.wire(row)?, from, &AskLodgedBid { line, query }, &file).await;
        let brought = match asked {
            Ok(()) => self.parts.intake.bring(awaited, &file).await,
            Err(error) => Err(error.to_string()),
        };
        // It may not be there; it is named after what it holds, so it cannot be mistaken later.
        drop(tokio::fs::remove_file(&file).await);
        Ok(brought)
    }
}
