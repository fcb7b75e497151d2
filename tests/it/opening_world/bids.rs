//! Bids as bidders seal them, put in as the front door would have.

use diesel::prelude::*;
use sealbid::bid::envelope::{self, pack_shares};
use sealbid::bid::statements::{BidEvent, BidJson, BlobRef, Manifest, Offer};
use sealbid::blob::Blobs;
use sealbid::clock::{Clock as _, Time};
use sealbid::crypto::entropy::{Entropy, SystemEntropy};
use sealbid::crypto::hash::Hash;
use sealbid::crypto::json;
use sealbid::crypto::seal::payload::{Attachment, seal_bid};
use sealbid::crypto::seal::{Identity, Recipient};
use sealbid::crypto::shares::{Share, seal_share, split};
use sealbid::crypto::statement::Statement;
use sealbid::db::schema::envelope as rows;
use sealbid::db::{Db, Error};
use sealbid::enterprise::credentials::signer;
use sealbid::ids::{BidId, UploadId};
use sealbid::on_each;
use sealbid::opening::store as stored;
use sealbid::record::append::Event;
use sealbid::record::disclosure::Level;
use sealbid::record::proof::Receipt;
use sealbid::record::store as record;

use super::{N, T, World, vouched, who};

/// How a bid is spoilt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Spoil {
    Nothing,
    /// The share of c1 is sealed to somebody else.
    Share,
    /// The shares are of another identity.
    Secret,
    /// The shares of c1 and c2 are sealed to each other.
    Swapped,
}

/// A sealed bid.
pub struct Bid {
    pub manifest: Statement<Manifest>,
    pub bytes: Vec<u8>,
    pub shares: Vec<Vec<u8>>,
}

impl Bid {
    /// What shows the signer's key.
    pub fn credentials(&self) -> Vec<String> {
        let signer = signer(self.manifest.note()).unwrap();
        let number = (0..u16::MAX).find(|number| who(*number).0 == signer).unwrap();
        vec![vouched(number)]
    }

    /// The `.bid` file.
    pub fn file(&self) -> Vec<u8> {
        let (note, size) = (self.manifest.encode(), self.bytes.len() as u64);
        let mut body = self.bytes.as_slice();
        envelope::write(Vec::new(), note.as_bytes(), size, &mut body, &self.shares).unwrap()
    }
}

impl World {
    /// A bid of 1 file, sealed.
    pub fn seal(&self, bidder: u16, author: u16, spoil: Spoil) -> Bid {
        self.seal_file((bidder, author), spoil, b"MARKER of the offer".repeat(50))
    }

    /// A bid of this one file, sealed.
    pub fn seal_file(&self, who: (u16, u16), spoil: Spoil, file: Vec<u8>) -> Bid {
        self.seal_as(who, spoil, (1, None), file)
    }

    /// A bid at this place of its bidder's chain, sealed.
    pub fn seal_at(&self, bidder: u16, place: (u32, Option<Hash>)) -> Bid {
        let file = b"MARKER of the offer".repeat(50);
        self.seal_as((bidder, bidder), Spoil::Nothing, place, file)
    }

    fn seal_as(
        &self,
        (bidder, author): (u16, u16),
        spoil: Spoil,
        (seq, prev_sha256): (u32, Option<Hash>),
        file: Vec<u8>,
    ) -> Bid {
        let bid_id: BidId = format!("bid_{bidder:032x}").parse().unwrap();
        let offer = Offer {
            currency: "CNY".into(),
            duration_days: None,
            price: Some(format!("{}.00", 1000 + u32::from(bidder))),
            promises: Vec::new(),
        };
        let bid_json = BidJson { bid_id, bidder: who(author).0, offer, seq, unit_id: self.id };
        let text = json::to_string(&bid_json).unwrap();
        let one_time = Identity::generate(&self.entropy).unwrap();
        let file = Attachment::bytes("offer.pdf", file).unwrap();
        let mut bytes = Vec::new();
        let to = one_time.recipient();
        seal_bid(&mut bytes, &to, &self.entropy, text.as_bytes(), vec![file]).unwrap();
        let other = Identity::generate(&self.entropy).unwrap();
        let dealt = if spoil == Spoil::Secret { &other } else { &one_time };
        let shares = split(dealt, T, N, &self.entropy).unwrap();
        let recipients = &self.unit.body().recipients;
        let seal = |(place, share): (usize, &Share)| {
            let own: Recipient = recipients[place].recipient.parse().unwrap();
            let wrong = spoil == Spoil::Share && place == 0;
            let to = if wrong { other.recipient() } else { own };
            seal_share(share, &to, &self.entropy).unwrap()
        };
        let mut shares: Vec<Vec<u8>> = shares.iter().enumerate().map(seal).collect();
        if spoil == Spoil::Swapped {
            shares.swap(0, 1);
        }
        let manifest = Manifest {
            bid: BlobRef { sha256: Hash::of(&bytes), size: bytes.len() as u64 },
            bid_id,
            prev_sha256,
            seal_recipient: to.to_string(),
            seq,
            shares: shares.iter().map(|share| Hash::of(share)).collect(),
            unit_id: self.id,
        };
        let manifest = Statement::signed(manifest, &who(bidder).1).unwrap();
        Bid { manifest, bytes, shares }
    }

    /// A rival's envelope under a copier's own manifest.
    pub fn copied(&self, of: &Bid, copier: u16) -> Bid {
        let bid_id: BidId = format!("bid_{copier:032x}").parse().unwrap();
        let manifest = Manifest { bid_id, ..of.manifest.body().clone() };
        let manifest = Statement::signed(manifest, &who(copier).1).unwrap();
        Bid { manifest, bytes: of.bytes.clone(), shares: of.shares.clone() }
    }

    /// Where a blob's bytes stand.
    pub fn file_of(&self, blob: UploadId) -> std::path::PathBuf {
        self.home.join("blobs").join(blob.to_string())
    }

    /// Puts a bid in as accepted now; gives its blob.
    pub fn accept(&self, bidder: u16, bid: &Bid) -> UploadId {
        let now = self.base.clock.now();
        accept(&self.db, &*self.blobs, (bidder, now), bid)
    }

    /// The bidder's next bid instead of an earlier one.
    pub fn replace(&self, bidder: u16, earlier: &Bid) -> Bid {
        let body = earlier.manifest.body();
        let (seq, prev_sha256) = (body.seq + 1, Some(earlier.manifest.sha256()));
        let file = b"MARKER of the offer".repeat(50);
        let next = self.seal_as((bidder, bidder), Spoil::Nothing, (seq, prev_sha256), file);
        self.accept(bidder, &next);
        self.take_out(earlier, "replaced");
        next
    }

    /// Marks a bid as out of the set, rightly or not.
    pub fn take_out(&self, bid: &Bid, state: &'static str) {
        let sha256 = bid.manifest.sha256().as_bytes().to_vec();
        let bidder = signer(bid.manifest.note()).unwrap().to_string();
        self.act(move |tx| {
            let at = rows::table.find((sha256, bidder));
            let change = diesel::update(at).set(rows::state.eq(state));
            tx.unrecorded("a test's hand");
            on_each!(tx.conn(), |c| change.execute(c))?;
            Ok(())
        });
    }

    /// The receipt of a bid's acceptance under the last checkpoint.
    pub fn receipt(&self, bid: &Bid) -> Receipt {
        let (sha256, bidder) = (bid.manifest.sha256(), signer(bid.manifest.note()));
        let all = self.db.read(|conn| stored::envelopes(conn, &self.id)).unwrap();
        let row =
            all.iter().find(|row| row.manifest_sha256 == sha256 && Some(row.bidder) == bidder);
        let row = row.unwrap();
        let last = self.published();
        self.db.read(|conn| record::receipt(conn, row.accepted_index, &last)).unwrap()
    }
}

/// Puts a bid in as accepted; gives its blob.
pub fn accept(
    db: &Db,
    blobs: &dyn Blobs,
    (bidder, arrived_at): (u16, Time),
    bid: &Bid,
) -> UploadId {
    let blob = UploadId::random(&SystemEntropy::new() as &dyn Entropy).unwrap();
    let id = bid.manifest.body().unit_id;
    blobs.create(blob, bid.bytes.len() as u64, arrived_at).unwrap();
    let mut append = blobs.append(blob, 0, None).unwrap();
    append.write(&bid.bytes).unwrap();
    append.finish().unwrap();
    blobs.complete(blob).unwrap();
    let (manifest, sha256) = (bid.manifest.encode(), bid.manifest.sha256());
    let (size, blob_sha256) = (bid.bytes.len() as i64, Hash::of(&bid.bytes));
    let (shares, bidder) = (pack_shares(&bid.shares), who(bidder).0);
    let event = BidEvent::Accepted {
        arrived_at,
        lodged: None,
        manifest: manifest.clone(),
        manifest_sha256: sha256,
        unit_id: id,
    };
    let bytes = json::to_string(&event).unwrap().into_bytes();
    let event =
        Event { kind: "sealbid/accepted/v1", level: Level::Sealed(id), unit: Some(id), bytes };
    db.write_blocking(move |tx| {
        let at = tx.record_by(Some(bidder), event)?;
        let row = diesel::insert_into(rows::table).values((
            rows::manifest_sha256.eq(sha256.as_bytes().to_vec()),
            rows::unit.eq(id.to_string()),
            rows::bidder.eq(bidder.to_string()),
            rows::manifest.eq(manifest),
            rows::salt.eq(at.salt.as_bytes().to_vec()),
            rows::accepted_index.eq(at.index as i64),
            rows::arrived_at.eq(arrived_at.millis()),
            rows::blob.eq(blob.to_string()),
            rows::blob_sha256.eq(blob_sha256.as_bytes().to_vec()),
            rows::blob_size.eq(size),
            rows::shares.eq(shares),
            rows::state.eq("live"),
        ));
        on_each!(tx.conn(), |c| row.execute(c))?;
        Ok::<_, Error>(())
    })
    .unwrap();
    blob
}
