//! Bidders: a key, a chain per unit, receipts, and envelopes whose contents carry a marker.

use std::collections::BTreeMap;

use sealbid::bid::statements::{BidJson, BlobRef, Manifest, Offer, Withdrawal};
use sealbid::crypto::entropy::{SeededEntropy, array};
use sealbid::crypto::hash::Hash;
use sealbid::crypto::json;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::seal::payload::seal_bid;
use sealbid::crypto::seal::{Identity, Recipient};
use sealbid::crypto::shares::{seal_share, split};
use sealbid::crypto::statement::Statement;
use sealbid::enterprise::credentials::key_name;
use sealbid::enterprise::statements::{Kind, Verified};
use sealbid::ids::{BidId, EnterpriseId, UnitId};
use sealbid::opening::rules::Decryption;
use sealbid::record::proof::Receipt;
use sealbid::tender::statements::Unit;

/// What every envelope holds, and nothing else may before its hour.
pub const MARKER: &str = "planted-marker";

/// A bid or withdrawal as signed.
#[derive(Clone)]
pub enum Sent {
    Bid(Statement<Manifest>),
    Withdrawal(Statement<Withdrawal>),
}

/// What a bidder did in one unit.
#[derive(Clone)]
pub struct Own {
    pub bid_id: BidId,
    /// Acknowledged statements with their receipts, in order.
    pub acknowledged: Vec<(Sent, Receipt)>,
    /// Signed and sent, and no answer yet.
    pub waiting: Option<Sent>,
}

/// One enterprise or organisation.
pub struct Body {
    pub id: EnterpriseId,
    pub key: SigningKey,
    pub verified: Statement<Verified>,
    pub units: BTreeMap<UnitId, Own>,
}

impl Body {
    pub fn new(origin: &str, kind: Kind, operator: &SigningKey, entropy: &SeededEntropy) -> Self {
        let id = EnterpriseId::random(entropy).unwrap();
        let seed = array(entropy).unwrap();
        let name = key_name(origin, kind, id);
        let key = SigningKey::from_seed(&name, KeyKind::Statement, &seed).unwrap();
        let verified = Verified {
            application_sha256: Hash::of(id.to_string().as_bytes()),
            enterprise: id,
            key: key.verifying().clone(),
            kind,
            name: "某公司".to_owned(),
            uscc: "91990000MA00000000".to_owned(),
        };
        let verified = Statement::signed(verified, operator).unwrap();
        Self { id, key, verified, units: BTreeMap::new() }
    }

    pub fn credentials(&self) -> Vec<String> {
        vec![self.verified.encode()]
    }
}

/// What is wrong with an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    Sound,
    /// `bid.json` names somebody else.
    Copied(EnterpriseId),
    /// The first custodian's share does not open.
    Spoilt,
}

/// A sealed bid: what is signed about it, its files, and what only opening it may tell.
pub struct SealedBid {
    pub manifest: Manifest,
    pub blobs: Vec<Vec<u8>>,
    /// For units without real sealing.
    pub hidden: Decryption,
}

/// A bid's contents with their marker.
pub fn contents(unit_id: UnitId, bid_id: BidId, bidder: EnterpriseId, seq: u32) -> BidJson {
    let offer = Offer {
        currency: "CNY".to_owned(),
        duration_days: None,
        price: Some("1200000.00".to_owned()),
        promises: vec![format!("{MARKER} {bid_id} {seq}")],
    };
    BidJson { bid_id, bidder, offer, seq, unit_id }
}

/// The place of a bid in its bidder's chain.
#[derive(Clone, Copy)]
pub struct Place {
    pub bid_id: BidId,
    pub bidder: EnterpriseId,
    pub seq: u32,
    pub prev_sha256: Option<Hash>,
}

/// An envelope as it would be, sealed in name only: most histories need no more.
pub fn pretend(unit: &Unit, place: Place, how: Envelope) -> SealedBid {
    let unit_id = unit.id().unwrap();
    let named = if let Envelope::Copied(other) = how { other } else { place.bidder };
    let bid_json = contents(unit_id, place.bid_id, named, place.seq);
    let text = json::to_string(&bid_json).unwrap();
    let payload_sha256 = Hash::of(text.as_bytes());
    let of = |n: u8| Hash::of_parts(&[payload_sha256.as_bytes(), &[n]]);
    let shares = (0u8..).zip(&unit.recipients).map(|(n, _)| of(n)).collect();
    let recipient = Identity::from_bytes((*of(99).as_bytes()).into()).recipient();
    let hidden = match how {
        Envelope::Spoilt => Decryption::BadShare(unit.recipients[0].custodian.clone()),
        _ => Decryption::Payload { bid_json: Box::new(bid_json), payload_sha256 },
    };
    let bid = BlobRef { sha256: of(98), size: 4096 };
    let manifest = manifest(unit_id, place, bid, recipient, shares);
    SealedBid { manifest, blobs: Vec::new(), hidden }
}

/// A real envelope.
pub fn sealed(unit: &Unit, place: Place, how: Envelope, entropy: &SeededEntropy) -> SealedBid {
    let unit_id = unit.id().unwrap();
    let named = if let Envelope::Copied(other) = how { other } else { place.bidder };
    let bid_json = json::to_string(&contents(unit_id, place.bid_id, named, place.seq)).unwrap();
    let identity = Identity::generate(entropy).unwrap();
    let mut bid = Vec::new();
    let of = seal_bid(&mut bid, &identity.recipient(), entropy, bid_json.as_bytes(), Vec::new());
    let of = of.unwrap();
    let n = u8::try_from(unit.recipients.len()).unwrap();
    let parts = split(&identity, unit.t, n, entropy).unwrap();
    let mut recipients: Vec<Recipient> =
        unit.recipients.iter().map(|r| r.recipient.parse().unwrap()).collect();
    if how == Envelope::Spoilt {
        recipients[0] = identity.recipient();
    }
    let shares: Vec<Vec<u8>> = parts
        .iter()
        .zip(&recipients)
        .map(|(share, to)| seal_share(share, to, entropy).unwrap())
        .collect();
    let hashes = shares.iter().map(|share| Hash::of(share)).collect();
    let blob = BlobRef { sha256: of.sha256, size: of.size };
    let manifest = manifest(unit_id, place, blob, identity.recipient(), hashes);
    let blobs = std::iter::once(bid).chain(shares).collect();
    SealedBid { manifest, blobs, hidden: Decryption::Missing }
}

fn manifest(
    unit_id: UnitId,
    place: Place,
    bid: BlobRef,
    seal_recipient: Recipient,
    shares: Vec<Hash>,
) -> Manifest {
    Manifest {
        bid,
        bid_id: place.bid_id,
        prev_sha256: place.prev_sha256,
        seal_recipient: seal_recipient.to_string(),
        seq: place.seq,
        shares,
        unit_id,
    }
}
