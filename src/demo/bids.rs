//! The bidders' side: documents, sealing and sending, by the code that `sealbid bid` runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::cast::{Bidder, Part};
use super::narrator::Narrator;
use super::parties::Party;
use super::stage::{CUSTODIANS, Stage};
use super::trouble::{Trouble, at, other};
use super::{files, spoil};
use crate::bid::statements::{BidEvent, Offer, Withdrawal};
use crate::cli::bid::{Accepted, CheckedUnit, Draft, Made, Place, Sealer, Sending, read, seal};
use crate::cli::failed::Failed;
use crate::cli::output::replace;
use crate::crypto::entropy::SystemEntropy;
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::seal::kept::WorkFactor;
use crate::crypto::seal::payload::Attachment;
use crate::error::Said;
use crate::ids::BidId;

/// What the demo's bidders keep their one-time identities under.
pub const PASSPHRASE: &str = "demo";
/// The platform's code for what comes too late.
const LATE: &str = "bid-late";
/// By how much the second version is cheaper, in yuan.
const REBATE: u64 = 250_000;
/// Whose shares the dealer of bad ones spoils: of the four custodians that are there at the release any
/// three open, and one of these two is among them, whoever answers first.
pub const SPOILT: [usize; 2] = [0, 1];

/// One lot as its bidders see it.
pub struct Desk<'a> {
    /// The platform and the pinned roster.
    pub stage: &'a Stage,
    /// Speaks to the reader.
    pub told: &'a Narrator<'a>,
    /// The unit, checked against the roster.
    pub unit: CheckedUnit,
    /// 1 or 2.
    pub lot: u32,
}

/// Which version of a bid.
#[derive(Clone, Copy)]
struct Version {
    seq: u32,
    bid_id: BidId,
    prev_sha256: Option<Hash>,
    price: u64,
}

/// The folder of a bidder's documents and envelopes.
#[must_use]
pub fn folder(dir: &Path, lot: u32, bidder: &Bidder) -> PathBuf {
    dir.join("bids").join(format!("lot{lot}-{:02}", bidder.no))
}

/// Makes a bidder's documents, of real kinds and sizes.
///
/// # Errors
/// What the disk says.
pub fn documents(dir: &Path, lot: u32, bidder: &Bidder, bytes: u64) -> Result<(), Trouble> {
    let folder = folder(dir, lot, bidder);
    std::fs::create_dir_all(&folder).map_err(at(&folder))?;
    let seed = u64::try_from(bidder.no).unwrap_or_default() + u64::from(lot) * 100;
    let title = format!("Lot {lot}: {}", bidder.name.of(crate::web::i18n::Lang::En));
    let marker = marker(lot, bidder);
    let (pdf, sheet) = (folder.join("technical.pdf"), folder.join("prices.xml"));
    files::pdf(&pdf, &title, &marker, bytes, seed).map_err(at(&pdf))?;
    files::spreadsheet(&sheet, &title, &marker, 200, seed).map_err(at(&sheet))
}

/// Stands in a bidder's documents, for a search that must find it nowhere at the platform. Computed,
/// because the platform is the same program and holds its own constants.
#[must_use]
pub fn marker(lot: u32, bidder: &Bidder) -> String {
    Hash::of(format!("demo marker of lot {lot}, bidder {}", bidder.no).as_bytes()).to_string()
}

/// A size for people.
#[must_use]
pub fn size(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes >> 10),
        mib => format!("{mib} MiB"),
    }
}

/// Whole yuan as the offer writes them.
#[must_use]
pub fn yuan(price: u64) -> String {
    format!("{price}.00")
}

/// The price of a bidder's last version in a lot.
#[must_use]
pub fn final_price(bidder: &Bidder, lot: u32) -> u64 {
    match (lot, bidder.part) {
        (1, Part::Replaces) => bidder.price.saturating_sub(REBATE),
        (1, _) => bidder.price,
        _ => bidder.price / 10,
    }
}

impl Desk<'_> {
    fn at(&self, bidder: &Bidder, name: &str) -> PathBuf {
        folder(&self.stage.dir, self.lot, bidder).join(name)
    }

    fn bar(&self, key: &'static str, bidder: &Bidder) -> Box<dyn crate::cli::output::Progress> {
        let who = bidder.name.of(self.told.lang);
        self.told.progress.beside(&self.told.words(key, vec![("who", who.into())]))
    }

    fn first(&self, bidder: &Bidder) -> Result<Version, Trouble> {
        let bid_id = BidId::random(&SystemEntropy::new())?;
        let price = if self.lot == 1 { bidder.price } else { final_price(bidder, self.lot) };
        Ok(Version { seq: 1, bid_id, prev_sha256: None, price })
    }

    async fn seal(
        &self,
        bidder: &Bidder,
        party: &Party,
        version: Version,
    ) -> Result<Made, Trouble> {
        let progress = self.bar("demo-say-bar-sealing", bidder);
        let (unit, key) = (self.unit.clone(), Arc::clone(&party.key));
        let base = self.at(bidder, &format!("bid-{}", version.seq));
        let documents = ["prices.xml", "technical.pdf"].map(|name| (name, self.at(bidder, name)));
        let days = bidder.days;
        let sealing = tokio::task::spawn_blocking(move || {
            let offer = Offer {
                currency: "CNY".to_owned(),
                duration_days: Some(days),
                price: Some(yuan(version.price)),
                promises: Vec::new(),
            };
            let Version { seq, bid_id, prev_sha256, .. } = version;
            let place = Place { bid_id, seq, prev_sha256 };
            let attach = |(name, path): &(&str, PathBuf)| {
                Attachment::file(name, path).map_err(|e| Failed::file(path, &e))
            };
            let files = documents.iter().map(attach).collect::<Result<_, _>>()?;
            let sealer = Sealer {
                key: &key,
                passphrase: &Zeroizing::new(PASSPHRASE.to_owned()),
                work: WorkFactor::TEST,
                entropy: &SystemEntropy::new(),
                progress: &*progress,
            };
            seal(Draft { unit: &unit, place, offer, files }, &sealer, &base)
        });
        Ok(sealing.await.map_err(other)??)
    }

    async fn send(&self, bidder: &Bidder, party: &Party, bid: &Path) -> Result<Accepted, Trouble> {
        let progress = self.bar("demo-say-bar-sending", bidder);
        let sending = Sending { kept: None, progress: &*progress };
        let sent = party.client.submit(&self.stage.pinned, bid, sending).await;
        let accepted = sent.map_err(|failed| match failed.told() {
            Some(told) if told.code == LATE => Trouble::Slow,
            _ => Trouble::Client(failed),
        })?;
        replace(&bid.with_extension("tlog-proof"), accepted.text.as_bytes())?;
        Ok(accepted)
    }

    /// What is told of an act, once it is its turn.
    fn line<const N: usize>(
        &self,
        key: &'static str,
        bidder: &Bidder,
        more: [(&'static str, String); N],
    ) -> Said {
        let mut args = vec![("who", bidder.name.of(self.told.lang).into())];
        args.extend(more.map(|(name, value)| (name, value.into())));
        Said::new(key, args)
    }

    /// Bids, once.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn bid(&self, bidder: &Bidder, party: &Party) -> Result<Said, Trouble> {
        let made = self.seal(bidder, party, self.first(bidder)?).await?;
        let accepted = self.send(bidder, party, &made.bid).await?;
        let size = size(made.manifest.body().bid.size);
        Ok(self.line(
            "demo-say-bid",
            bidder,
            [("size", size), ("index", accepted.index.to_string())],
        ))
    }

    /// Bids, then replaces the bid by a cheaper one.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn bid_and_replace(&self, bidder: &Bidder, party: &Party) -> Result<Said, Trouble> {
        let first = self.first(bidder)?;
        let made = self.seal(bidder, party, first).await?;
        let before = self.send(bidder, party, &made.bid).await?;
        let prev_sha256 = Some(made.manifest.sha256());
        let second = Version { seq: 2, prev_sha256, price: final_price(bidder, 1), ..first };
        let made = self.seal(bidder, party, second).await?;
        let after = self.send(bidder, party, &made.bid).await?;
        let (before, index) = (before.index.to_string(), after.index.to_string());
        Ok(self.line("demo-say-replaced", bidder, [("before", before), ("index", index)]))
    }

    /// Bids, then takes the bid back.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn bid_and_withdraw(&self, bidder: &Bidder, party: &Party) -> Result<Said, Trouble> {
        let made = self.seal(bidder, party, self.first(bidder)?).await?;
        let before = self.send(bidder, party, &made.bid).await?;
        let manifest_sha256 = made.manifest.sha256();
        let withdrawal = Withdrawal { manifest_sha256, seq: 2, unit_id: self.unit.id() };
        let (after, _) = party.client.withdraw(&self.stage.pinned, withdrawal).await?;
        replace(&self.at(bidder, "withdrawal-2.tlog-proof"), after.text.as_bytes())?;
        let (before, index) = (before.index.to_string(), after.index.to_string());
        Ok(self.line("demo-say-withdrawn", bidder, [("before", before), ("index", index)]))
    }

    /// Deals two custodians shares that do not open. Nothing shows it before the opening.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn bid_with_spoilt_shares(
        &self,
        bidder: &Bidder,
        party: &Party,
    ) -> Result<Said, Trouble> {
        let made = self.seal(bidder, party, self.first(bidder)?).await?;
        let spoilt = self.at(bidder, "bid-1-spoilt.bid");
        spoil::spoil_shares(&made.bid, &party.key, &SPOILT, &spoilt)?;
        let accepted = self.send(bidder, party, &spoilt).await?;
        let name = |place: usize| CUSTODIANS.get(place).map(|(_, name)| name.of(self.told.lang));
        let [one, other] = SPOILT.map(|place| name(place).unwrap_or_default().to_owned());
        let args = [("one", one), ("other", other), ("index", accepted.index.to_string())];
        Ok(self.line("demo-say-spoilt", bidder, args))
    }

    /// Signs a rival's envelope as its own.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn copy(
        &self,
        bidder: &Bidder,
        party: &Party,
        rival: &Bidder,
    ) -> Result<Said, Trouble> {
        let own = folder(&self.stage.dir, self.lot, bidder);
        std::fs::create_dir_all(&own).map_err(at(&own))?;
        let copied = own.join("bid-1-copied.bid");
        spoil::copy(&self.at(rival, "bid-1.bid"), &party.key, &copied)?;
        let accepted = self.send(bidder, party, &copied).await?;
        let (rival, index) = (rival.name.of(self.told.lang).to_owned(), accepted.index.to_string());
        Ok(self.line("demo-say-copied", bidder, [("rival", rival), ("index", index)]))
    }

    /// Seals and uploads in time, but does not hand the signed manifest in.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn dawdle(&self, bidder: &Bidder, party: &Party) -> Result<Said, Trouble> {
        let made = self.seal(bidder, party, self.first(bidder)?).await?;
        let envelope = read(&made.bid)?;
        let progress = self.bar("demo-say-bar-sending", bidder);
        let kept = made.bid.with_extension("upload");
        party.client.upload(&envelope.bid, Some(&kept), &*progress).await?;
        let size = size(made.manifest.body().bid.size);
        Ok(self.line("demo-say-dawdles", bidder, [("size", size)]))
    }

    /// Hands the manifest in after the deadline, and keeps the receipt of its refusal: the platform
    /// cannot deny that it came, nor when.
    ///
    /// # Errors
    /// [`Trouble::Unexpected`] unless it is refused as late.
    pub async fn come_late(&self, bidder: &Bidder, party: &Party) -> Result<PathBuf, Trouble> {
        let bid = self.at(bidder, "bid-1.bid");
        let progress = self.bar("demo-say-bar-sending", bidder);
        let kept = bid.with_extension("upload");
        let sending = Sending { kept: Some(&kept), progress: &*progress };
        let unexpected = |found: String| Trouble::Unexpected {
            who: bidder.name.of(self.told.lang).to_owned(),
            found,
        };
        let refusal = match party.client.submit(&self.stage.pinned, &bid, sending).await {
            Ok(accepted) => return Err(unexpected(format!("entry {}", accepted.index))),
            Err(failed) => failed,
        };
        let told = refusal.told().filter(|told| told.code == LATE);
        let receipt = told.and_then(|told| told.receipt.clone());
        let receipt = receipt.ok_or_else(|| unexpected(refusal.to_string()))?;
        let index = self.stage.pinned.receipt(receipt.as_bytes())?.receipt.index;
        let patience = std::time::Duration::from_secs(20);
        let last = party.client.final_receipt(&self.stage.pinned, index, patience).await?;
        let path = bid.with_extension("refused.tlog-proof");
        replace(&path, last.text.as_bytes())?;
        let Ok(BidEvent::Refused { arrived_at, .. }) = json::parse(&last.checked.receipt.event)
        else {
            return Err(unexpected("the receipt is about something else".to_owned()));
        };
        let late = arrived_at.since(self.unit.body().deadline).to_string();
        self.told.say_it(&self.line(
            "demo-say-late",
            bidder,
            [("late", late), ("path", path.display().to_string())],
        ));
        Ok(path)
    }
}
