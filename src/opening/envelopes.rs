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
use crate::bid::is_awaited;
use crate::bid::statements::Manifest;
use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::custodian::client::{AskError, lodged_bid};
use crate::custodian::roster::CustodianId;
use crate::custodian::wire::AskLodgedBid;
use crate::db;
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
        let (mut errands, now) = (Vec::new(), self.db().clock().now());
        self.fetched(|fetched| fetched.retain(|_, last| !is_due(Some(*last), now)));
        for unit in self.db().query(store::units_that_await).await? {
            let found = self.db().query(move |conn| {
                Ok::<_, db::Error>((units::unit(conn, unit)?, store::awaited(conn, &unit)?))
            });
            let (row, awaited) = found.await?;
            let all = custodians(self.roster(&row)?).into_iter();
            let is_wanted = |errand: &Errand| awaited.iter().any(|it| self.is_due(errand, it, now));
            errands.extend(all.map(|custodian| Errand { unit, custodian }).filter(is_wanted));
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
        let (unit, now) = (errand.unit, self.db().clock().now());
        let found = self.db().query(move |conn| {
            Ok::<_, db::Error>((units::unit(conn, unit)?, store::awaited(conn, &unit)?))
        });
        let (row, mut wanted) = found.await?;
        wanted.retain(|awaited| self.is_due(errand, awaited, now));
        wanted.sort_by_key(|awaited| awaited.manifest.body().bid.size);
        let mut failed = None;
        for awaited in wanted {
            let asked = (awaited.line(), errand.custodian.clone());
            let now = self.db().clock().now();
            self.fetched(|fetched| fetched.insert(asked, now));
            // Another custodian may have brought it meanwhile.
            if !self.is_awaited(unit, awaited.id).await? {
                continue;
            }
            if let Err(error) = self.fetch_one(&row, &errand.custodian, &awaited).await? {
                failed = Some(error);
            }
        }
        if let Some(error) = failed {
            // Once, and not whose or which: until the opening nobody is to read that, or count it.
            let custodian = &errand.custodian;
            tracing::warn!(%unit, %custodian, error, "lodged files not brought");
        }
        Ok(())
    }

    /// Whether this custodian has not been asked for this lately.
    fn is_due(&self, errand: &Errand, awaited: &Awaited, now: Time) -> bool {
        let asked = (awaited.line(), errand.custodian.clone());
        is_due(self.fetched(|fetched| fetched.get(&asked).copied()), now)
    }

    async fn is_awaited(&self, unit: UnitId, id: EnvelopeId) -> Result<bool, Error> {
        Ok(self.db().query(move |conn| is_awaited(conn, unit, id)).await?)
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
            // It has no such bid: nobody says who was lodged which.
            Err(AskError::Refused { .. }) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        // It may not be there; it is named after what it holds, so it cannot be mistaken later.
        drop(tokio::fs::remove_file(&file).await);
        Ok(brought)
    }
}

/// Whether it is time to ask again.
fn is_due(last: Option<Time>, now: Time) -> bool {
    last.is_none_or(|last| last > now || now.since(last) >= AGAIN_MS)
}
