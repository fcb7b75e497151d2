//! Is every statement that a bidder signs answered once, rightly, and with a proof?

mod crowds;
mod decided;
mod lost;
mod one_text;
mod uploads;
mod usurped;

use std::sync::Arc;

use sealbid::bid::rules::{ChainKind, Refused};
use sealbid::bid::statements::{BidEvent, BlobRef, Fault, Manifest, Withdrawal};
use sealbid::bid::upload::{self, KEPT_MS, Purpose};
use sealbid::bid::{Answer, Error, Outcome, Submission, status, submit, sweep, withdraw};
use sealbid::blob;
use sealbid::clock::Time;
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::seal::payload::seal_bid;
use sealbid::crypto::seal::{Identity, ProfileError};
use sealbid::crypto::shares::{seal_share, split};
use sealbid::crypto::statement::Statement;
use sealbid::custodian::roster::CustodianId;
use sealbid::db::schema::envelope;
use sealbid::ids::{BidId, UnitId, UploadId};
use sealbid::on_each;
use sealbid::opening::statements::Lodged;

use crate::on_both;
use crate::stand::{DEADLINE, Party, Stand};
use crate::support::{START, runtime, wait};

use diesel::prelude::*;

/// A sealed bid before its manifest is signed.
#[derive(Clone)]
struct Sealed {
    bid: Vec<u8>,
    shares: Vec<Vec<u8>>,
    manifest: Manifest,
}

impl Sealed {
    fn note(&self, party: &Party) -> String {
        Statement::signed(self.manifest.clone(), &party.key).unwrap().encode()
    }

    fn sha256(&self) -> Hash {
        Statement::new(self.manifest.clone()).unwrap().sha256()
    }
}

fn seal(s: &Stand, unit: UnitId, bid_id: BidId, seq: u32, prev: Option<Hash>) -> Sealed {
    let entropy = SystemEntropy::new();
    let key = Identity::generate(&entropy).unwrap();
    let mut bid = Vec::new();
    let sealed = seal_bid(&mut bid, &key.recipient(), &entropy, b"{\"seq\":1}", vec![]).unwrap();
    let shares: Vec<Vec<u8>> = split(&key, 3, 5, &entropy)
        .unwrap()
        .iter()
        .zip(&s.identities)
        .map(|(share, to)| seal_share(share, &to.recipient(), &entropy).unwrap())
        .collect();
    let manifest = Manifest {
        bid: BlobRef { sha256: sealed.sha256, size: sealed.size },
        bid_id,
        prev_sha256: prev,
        seal_recipient: key.recipient().to_string(),
        seq,
        shares: shares.iter().map(|share| Hash::of(share)).collect(),
        unit_id: unit,
    };
    Sealed { bid, shares, manifest }
}

fn bid_id() -> BidId {
    BidId::random(&SystemEntropy::new()).unwrap()
}

fn put(s: &Stand, party: &Party, bytes: &[u8]) -> Result<UploadId, Error> {
    let id = wait(upload::create(&s.p, &party.actor, Purpose::Bid, bytes.len() as u64))?.id;
    let mut append = wait(upload::append(&s.p, &party.actor, id, 0, None))?;
    append.write(bytes).unwrap();
    append.finish().unwrap();
    wait(upload::complete(&s.p, &party.actor, id))?;
    Ok(id)
}

fn send(s: &Stand, party: &Party, sealed: &Sealed, at: Time) -> Result<Answer, Error> {
    wait(submit(&s.p, &party.actor, submission(party, sealed, at)))
}

fn submission(party: &Party, sealed: &Sealed, arrived_at: Time) -> Submission {
    Submission {
        unit: sealed.manifest.unit_id,
        manifest: sealed.note(party),
        shares: sealed.shares.clone(),
        arrived_at,
        lodged: None,
    }
}

/// A first bid that is in.
fn bid(s: &Stand, party: &Party, unit: UnitId) -> (Sealed, Answer) {
    let sealed = seal(s, unit, bid_id(), 1, None);
    put(s, party, &sealed.bid).unwrap();
    let answer = send(s, party, &sealed, START).unwrap();
    assert_eq!(answer.outcome, Outcome::Accepted);
    (sealed, answer)
}

fn refusal(answer: &Answer) -> Refused {
    match answer.outcome {
        Outcome::Refused(refused) => refused,
        Outcome::Accepted | Outcome::Superseded(_) => panic!("{answer:?}"),
    }
}

fn states(s: &Stand) -> Vec<String> {
    let query = envelope::table.order(envelope::accepted_index).select(envelope::state);
    s.p.db.read(|conn| on_each!(conn, |c| query.load(c)).map_err(sealbid::db::Error::from)).unwrap()
}

fn blob_of(s: &Stand, manifest: &Hash) -> UploadId {
    let of = envelope::manifest_sha256.eq(manifest.as_bytes().to_vec());
    let query = envelope::table.filter(of).select(envelope::blob);
    let id: String =
        s.p.db
            .read(|conn| on_each!(conn, |c| query.first(c)).map_err(sealbid::db::Error::from))
            .unwrap();
    id.parse().unwrap()
}

on_both! {
    fn an_accepted_bid_is_answered_with_a_receipt_that_proves_it(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let bidder = s.bidder(1);
        let (sealed, answer) = bid(&s, &bidder, unit);
        let (recorded, event) = answer.fresh.clone().unwrap();
        let read: BidEvent = serde_json::from_slice(&event).unwrap();
        assert_eq!(read, BidEvent::Accepted {
            arrived_at: START,
            lodged: None,
            manifest: sealed.note(&bidder),
            manifest_sha256: sealed.sha256(),
            unit_id: unit,
        });
        wait(s.p.sequencer.tick()).unwrap();
        let prompt = wait(s.p.prompt(&recorded, event)).unwrap();
        let later = wait(s.p.receipt(answer.index)).unwrap();
        for receipt in [&prompt, &later] {
            receipt.verify(&s.p.roster().log_key, &s.p.roster().witness_keys()).unwrap();
        }
        assert_eq!(prompt, later);
        // The same act sent twice, its answer lost: the same entry, at any hour.
        let again = send(&s, &bidder, &sealed, DEADLINE.plus(1)).unwrap();
        assert_eq!((again.outcome, again.index), (Outcome::Accepted, answer.index));
        assert_eq!(s.events(unit, "sealbid/accepted/v1").len(), 1);
        let (head, index) = wait(status(&s.p, &bidder.actor, unit)).unwrap().unwrap();
        assert_eq!((head.seq, head.kind, index), (1, ChainKind::Manifest, answer.index));
    }
}

on_both! {
    fn a_bid_one_millisecond_before_the_deadline_is_in_and_at_it_is_late(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let outcome = |seed, after: i64| {
            let bidder = s.bidder(seed);
            let sealed = seal(&s, unit, bid_id(), 1, None);
            put(&s, &bidder, &sealed.bid).unwrap();
            (send(&s, &bidder, &sealed, DEADLINE.plus(after)).unwrap(), bidder, sealed)
        };
        assert_eq!(outcome(1, -1).0.outcome, Outcome::Accepted);
        for (seed, after) in [(2, 0), (3, 1)] {
            let (answer, bidder, sealed) = outcome(seed, after);
            assert_eq!(refusal(&answer), Refused::Late);
            let (_, event) = answer.fresh.clone().unwrap();
            let read: BidEvent = serde_json::from_slice(&event).unwrap();
            assert_eq!(read, BidEvent::Refused {
                arrived_at: DEADLINE.plus(after),
                code: "late".to_owned(),
                fault: Fault::Bidder,
                provisional: false,
                statement: sealed.note(&bidder),
                unit_id: unit,
            });
            let again = send(&s, &bidder, &sealed, DEADLINE.plus(after + 9)).unwrap();
            assert_eq!((again.index, refusal(&again)), (answer.index, Refused::Late));
        }
        assert_eq!(s.events(unit, "sealbid/refused/v1").len(), 2);
    }
}

on_both! {
    fn while_an_amendment_is_asked_late_is_provisional_and_after_it_in_time(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let asked = s.postpone(unit, 5000);
        let bidder = s.bidder(1);
        let sealed = seal(&s, unit, bid_id(), 1, None);
        put(&s, &bidder, &sealed.bid).unwrap();
        let late = send(&s, &bidder, &sealed, DEADLINE).unwrap();
        assert_eq!(refusal(&late), Refused::Late);
        let event = String::from_utf8(late.fresh.unwrap().1).unwrap();
        assert!(event.contains("\"provisional\":true"), "{event}");
        for custodian in 0..4 {
            s.adopt_amendment(&asked, custodian).unwrap();
        }
        let answer = send(&s, &bidder, &sealed, DEADLINE.plus(4999)).unwrap();
        assert_eq!(answer.outcome, Outcome::Accepted);
        let other = s.bidder(2);
        let sealed = seal(&s, unit, bid_id(), 1, None);
        put(&s, &other, &sealed.bid).unwrap();
        assert_eq!(refusal(&send(&s, &other, &sealed, DEADLINE.plus(5000)).unwrap()), Refused::Late);
    }
}

on_both! {
    fn a_chain_goes_forward_one_statement_at_a_time(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let bidder = s.bidder(1);
        let (first, answer) = bid(&s, &bidder, unit);
        let id = first.manifest.bid_id;
        let next = |seq, prev, id| {
            let sealed = seal(&s, unit, id, seq, prev);
            put(&s, &bidder, &sealed.bid).unwrap();
            send(&s, &bidder, &sealed, START).unwrap()
        };
        let prev = Some(first.sha256());
        // Two manifests with one seq; a seq that goes back or jumps; no link; another bid's id.
        assert_eq!(refusal(&next(1, None, id)), Refused::SeqTaken);
        assert_eq!(refusal(&next(0, prev, id)), Refused::SeqNotNext);
        assert_eq!(refusal(&next(3, prev, id)), Refused::SeqNotNext);
        assert_eq!(refusal(&next(2, None, id)), Refused::WrongPrev);
        assert_eq!(refusal(&next(2, prev, bid_id())), Refused::BidId);
        assert_eq!(states(&s), ["live"]);
        assert_eq!(next(2, prev, id).outcome, Outcome::Accepted);
        assert_eq!(states(&s), ["replaced", "live"]);
        // The first again is answered with its own entry, as one that counts no more.
        let again = send(&s, &bidder, &first, START).unwrap();
        assert_eq!((again.outcome, again.index), (Outcome::Superseded(ChainKind::Manifest), answer.index));
        assert_eq!((again.fresh, s.events(unit, "sealbid/accepted/v1").len()), (None, 2));
        let (head, _) = wait(status(&s.p, &bidder.actor, unit)).unwrap().unwrap();
        assert_eq!(head.seq, 2);
        let old = blob_of(&s, &first.sha256());
        assert_eq!(wait(sweep(&s.p)).unwrap(), 1);
        assert_eq!(wait(sweep(&s.p)).unwrap(), 0, "once");
        assert!(matches!(s.p.blobs.open(old), Err(blob::Error::NotFound)));
        assert_eq!(states(&s), ["deleted", "live"]);
    }
}

on_both! {
    fn a_withdrawn_bid_is_out_its_ciphertext_gone_and_another_may_follow(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let bidder = s.bidder(1);
        let (first, taken) = bid(&s, &bidder, unit);
        let withdrawal = Withdrawal { manifest_sha256: first.sha256(), seq: 2, unit_id: unit };
        let signed = Statement::signed(withdrawal, &bidder.key).unwrap();
        let late = wait(withdraw(&s.p, &bidder.actor, unit, &signed.encode(), DEADLINE)).unwrap();
        assert_eq!(refusal(&late), Refused::Late);
        let done = wait(withdraw(&s.p, &bidder.actor, unit, &signed.encode(), START)).unwrap();
        assert_eq!(done.outcome, Outcome::Accepted);
        assert_eq!(states(&s), ["withdrawn"]);
        let again = wait(withdraw(&s.p, &bidder.actor, unit, &signed.encode(), DEADLINE)).unwrap();
        assert_eq!((again.outcome, again.index), (Outcome::Accepted, done.index));
        let old = send(&s, &bidder, &first, START).unwrap();
        assert_eq!((old.outcome, old.index), (Outcome::Superseded(ChainKind::Withdrawal), taken.index));
        let blob = blob_of(&s, &first.sha256());
        assert_eq!(wait(sweep(&s.p)).unwrap(), 1);
        assert!(matches!(s.p.blobs.open(blob), Err(blob::Error::NotFound)));
        let next = seal(&s, unit, first.manifest.bid_id, 3, Some(signed.sha256()));
        put(&s, &bidder, &next.bid).unwrap();
        assert_eq!(send(&s, &bidder, &next, START).unwrap().outcome, Outcome::Accepted);
        assert_eq!(s.events(unit, "sealbid/withdrawn/v1").len(), 1);
    }
}

on_both! {
    fn what_its_bidder_did_not_sign_or_send_leaves_no_trace(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let (bidder, rival) = (s.bidder(1), s.bidder(2));
        let sealed = seal(&s, unit, bid_id(), 1, None);
        put(&s, &bidder, &sealed.bid).unwrap();
        // Under a rival's signature, with a second line, for another unit.
        let forged = Submission {
            manifest: sealed.note(&rival),
            ..submission(&bidder, &sealed, START)
        };
        let outcome = wait(submit(&s.p, &bidder.actor, forged));
        assert!(matches!(outcome, Err(Error::Refused(Refused::Signature))), "{outcome:?}");
        let mut two = Statement::signed(sealed.manifest.clone(), &bidder.key).unwrap();
        two.sign(&rival.key);
        let hung = Submission { manifest: two.encode(), ..submission(&bidder, &sealed, START) };
        let outcome = wait(submit(&s.p, &bidder.actor, hung));
        assert!(matches!(outcome, Err(Error::Refused(Refused::Signature))), "{outcome:?}");
        let elsewhere =
            Submission { unit: UnitId(Hash::of(b"x")), ..submission(&bidder, &sealed, START) };
        let outcome = wait(submit(&s.p, &bidder.actor, elsewhere));
        assert!(matches!(outcome, Err(Error::Refused(Refused::WrongUnit))), "{outcome:?}");
        assert!(states(&s).is_empty());
        assert!(s.events(unit, "sealbid/refused/v1").is_empty());
        assert_eq!(send(&s, &bidder, &sealed, START).unwrap().outcome, Outcome::Accepted);
    }
}

on_both! {
    fn what_came_without_its_envelope_or_shares_is_refused_with_a_receipt_and_may_come_again(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let (bidder, rival) = (s.bidder(1), s.bidder(2));
        let sealed = seal(&s, unit, bid_id(), 1, None);
        let recorded = |answer: Answer, party: &Party, sealed: &Sealed, code: &str| {
            let (_, event) = answer.fresh.clone().unwrap();
            let read: BidEvent = serde_json::from_slice(&event).unwrap();
            assert_eq!(read, BidEvent::Refused {
                arrived_at: START,
                code: code.to_owned(),
                fault: Fault::Bidder,
                provisional: false,
                statement: sealed.note(party),
                unit_id: unit,
            });
            answer.index
        };
        let without = send(&s, &bidder, &sealed, START).unwrap();
        assert_eq!(refusal(&without), Refused::Envelope);
        let index = recorded(without, &bidder, &sealed, "envelope");
        let again = send(&s, &bidder, &sealed, START).unwrap();
        assert_eq!((again.index, again.fresh), (index, None), "a repeat fills no record");
        put(&s, &bidder, &sealed.bid).unwrap();
        let mut swapped = sealed.clone();
        swapped.shares.swap(0, 1);
        let other = send(&s, &bidder, &swapped, START).unwrap();
        assert_eq!(refusal(&other), Refused::Shares);
        recorded(other, &bidder, &sealed, "shares");
        let mut spoilt = sealed.clone();
        spoilt.shares[4] = b"no age file".to_vec();
        spoilt.manifest.shares[4] = Hash::of(b"no age file");
        let other = send(&s, &bidder, &spoilt, START).unwrap();
        assert_eq!(refusal(&other), Refused::ShareProfile);
        recorded(other, &bidder, &spoilt, "share-profile");
        // A rival's upload is not one's own; and late comes before all else.
        let copied = send(&s, &rival, &sealed, START).unwrap();
        assert_eq!(refusal(&copied), Refused::Envelope);
        assert_eq!(refusal(&send(&s, &rival, &swapped, DEADLINE).unwrap()), Refused::Late);
        assert!(states(&s).is_empty());
        assert_eq!(s.events(unit, "sealbid/refused/v1").len(), 5);
        assert_eq!(send(&s, &bidder, &sealed, START).unwrap().outcome, Outcome::Accepted);
    }
}

on_both! {
    fn a_bid_lodged_with_a_custodian_in_time_counts_by_its_hour(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let bidder = s.bidder(1);
        let sealed = seal(&s, unit, bid_id(), 1, None);
        put(&s, &bidder, &sealed.bid).unwrap();
        let custodian: CustodianId = "c3".parse().unwrap();
        let arrived_at = DEADLINE.plus(-1);
        let lodged =
            Lodged { arrived_at, bidder: bidder.actor.enterprise().unwrap(), custodian, manifest_sha256: sealed.sha256(), unit_id: unit };
        let hand_in = |lodged: &Lodged, key: usize| {
            let note = Statement::signed(lodged.clone(), &s.custodians[key]).unwrap().encode();
            let late = submission(&bidder, &sealed, DEADLINE.plus(60_000));
            let submission = Submission { lodged: Some(note), ..late };
            wait(submit(&s.p, &sealbid::auth::Actor::Public, submission))
        };
        assert!(matches!(hand_in(&lodged, 0), Err(Error::Lodged)), "another's signature");
        let other = Lodged { manifest_sha256: Hash::of(b"other"), ..lodged.clone() };
        assert!(matches!(hand_in(&other, 2), Err(Error::Lodged)));
        assert_eq!(hand_in(&lodged, 2).unwrap().outcome, Outcome::Accepted);
        let (head, _) = wait(status(&s.p, &bidder.actor, unit)).unwrap().unwrap();
        assert_eq!(head.seq, 1);
    }
}
