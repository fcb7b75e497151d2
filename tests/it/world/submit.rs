//! What bidders do: seal, submit, withdraw; and what the platform decides of it.

use sealbid::bid::rules::{ChainHead, ChainKind, Refused, accept, withdraw};
use sealbid::bid::statements::{BidEvent, Manifest, Withdrawal};
use sealbid::clock::Time;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::json;
use sealbid::crypto::key::VerifyingKey;
use sealbid::crypto::note::Note;
use sealbid::crypto::statement::Statement;
use sealbid::enterprise::credentials::enterprise_of;
use sealbid::ids::{BidId, UnitId};
use sealbid::record::disclosure::Level;

use super::World;
use super::bidders::{Envelope, Own, Place, Sent, pretend, sealed};
use super::faults::{Fault, Rule};
use super::history::Submit;
use super::platform::Row;
use super::record::{Act, Entry, NotRecorded};

type Done = Result<(), NotRecorded>;

impl World {
    /// Where a bidder stands in a unit by the receipts it holds.
    pub fn own(&mut self, bidder: usize, id: UnitId) -> &mut Own {
        let bid_id = BidId::random(&self.entropy).unwrap();
        let new = || Own { bid_id, acknowledged: Vec::new(), waiting: None };
        self.bidders[bidder].units.entry(id).or_insert_with(new)
    }

    /// Drafts the bidder's next envelope.
    pub fn seal(&mut self, bidder: usize, id: UnitId, how: Submit) -> Statement<Manifest> {
        let unit = self.row(&id).unit.body().clone();
        let other = self.bidders[(bidder + 1) % self.bidders.len()].id;
        let me = self.bidders[bidder].id;
        let own = self.own(bidder, id);
        let place = Place {
            bid_id: own.bid_id,
            bidder: me,
            seq: u32::try_from(own.acknowledged.len()).unwrap() + 1,
            prev_sha256: own.acknowledged.last().map(|(sent, _)| sent.sha256()),
        };
        let how = match how {
            Submit::Copied => Envelope::Copied(other),
            Submit::Spoilt => Envelope::Spoilt,
            _ => Envelope::Sound,
        };
        let bid = if self.sealed.contains(&id) {
            sealed(&unit, place, how, &self.entropy)
        } else {
            pretend(&unit, place, how)
        };
        let manifest = Statement::signed(bid.manifest, &self.bidders[bidder].key).unwrap();
        self.hidden.insert(manifest.sha256(), bid.hidden);
        self.blobs.extend(bid.blobs.into_iter().map(|blob| (Hash::of(&blob), blob)));
        manifest
    }

    pub fn submit(&mut self, bidder: u8, unit: u8, how: Submit) -> Done {
        let bidder = usize::from(bidder);
        let (Some(id), true) = (self.unit(unit), bidder < self.bidders.len()) else {
            return Ok(());
        };
        if how == Submit::Late {
            let deadline = self.row(&id).terms.deadline;
            self.clock.set(deadline.max(self.truth()));
        }
        let sent = match (how, self.own(bidder, id).clone()) {
            (Submit::Replayed, own) if !own.acknowledged.is_empty() => {
                own.acknowledged[0].0.clone()
            }
            (_, Own { waiting: Some(sent), .. }) => sent,
            _ => Sent::Bid(self.seal(bidder, id, how)),
        };
        if how == Submit::Altered {
            return self.submit_altered(id, &sent);
        }
        self.send(bidder, id, sent)
    }

    pub fn withdraw(&mut self, bidder: u8, unit: u8) -> Done {
        let bidder = usize::from(bidder);
        let (Some(id), true) = (self.unit(unit), bidder < self.bidders.len()) else {
            return Ok(());
        };
        let own = self.own(bidder, id).clone();
        let sent = match (own.waiting, own.acknowledged.last()) {
            (Some(sent), _) => sent,
            (None, Some((Sent::Bid(manifest), _))) => {
                let seq = manifest.body().seq + 1;
                let body = Withdrawal { manifest_sha256: manifest.sha256(), seq, unit_id: id };
                Sent::Withdrawal(Statement::signed(body, &self.bidders[bidder].key).unwrap())
            }
            _ => return Ok(()),
        };
        self.send(bidder, id, sent)
    }

    /// One statement over the net, and its receipt back.
    pub fn send(&mut self, bidder: usize, id: UnitId, sent: Sent) -> Done {
        let is_new =
            !self.own(bidder, id).acknowledged.iter().any(|(s, _)| s.sha256() == sent.sha256());
        if is_new {
            self.own(bidder, id).waiting = Some(sent.clone());
        }
        let fault = self.net.faults.pop_front();
        if fault == Some(Fault::RequestLost) {
            return Ok(());
        }
        let decided = self.decide(id, &sent)?;
        if fault == Some(Fault::ResponseLost) {
            return Ok(());
        }
        self.publish();
        match decided {
            Ok(index) if is_new => {
                let receipt = self.record.latest_receipt(index);
                let own = self.own(bidder, id);
                own.acknowledged.push((sent, receipt));
                own.waiting = None;
            }
            Err(_) if is_new => self.own(bidder, id).waiting = None,
            _ => {}
        }
        Ok(())
    }

    /// The platform's decision on a statement: where it stands, or why not. A repeat is answered
    /// with what was answered before.
    fn decide(&mut self, id: UnitId, sent: &Sent) -> Result<Result<u64, Refused>, NotRecorded> {
        let arrived_at = self.record.time(self.now())?;
        let row = self.row(&id);
        let terms = row.unit_terms(id);
        let (decided, note) = match sent {
            Sent::Bid(manifest) => {
                let (key, mut head) = self.chain(row, manifest.note());
                if !self.rules.holds(Rule::ChainsContinue) {
                    let is_bid = |h: &&_| {
                        matches!(
                            h,
                            sealbid::bid::rules::ChainHead { kind: ChainKind::Manifest, .. }
                        )
                    };
                    head = head.filter(is_bid);
                }
                (
                    accept(&terms, head, manifest, std::slice::from_ref(key), arrived_at),
                    manifest.note(),
                )
            }
            Sent::Withdrawal(withdrawal) => {
                let (key, head) = self.chain(row, withdrawal.note());
                (
                    withdraw(&terms, head, withdrawal, std::slice::from_ref(key), arrived_at),
                    withdrawal.note(),
                )
            }
        };
        match decided {
            Ok(()) => {
                let event = accepted_event(id, sent, arrived_at);
                self.write(Level::Sealed(id), event).map(Ok)
            }
            Err(Refused::Replayed) => Ok(self.found(&note.sha256()).ok_or(Refused::Replayed)),
            Err(refused) => {
                self.refuse(id, &note.clone(), refused, arrived_at)?;
                Ok(Err(refused))
            }
        }
    }

    fn chain<'a>(&'a self, row: &'a Row, note: &Note) -> (&'a VerifyingKey, Option<&'a ChainHead>) {
        let name = &note.signatures()[0].name;
        let bidder = enterprise_of(name).unwrap();
        (&self.platform.keys[&bidder], row.chains.get(&bidder))
    }

    /// Where a statement stands on the record.
    fn found(&self, sha256: &Hash) -> Option<u64> {
        let is_it = |entry: &Entry| match &entry.act {
            Act::Bid(BidEvent::Accepted { manifest_sha256, .. }) => manifest_sha256 == sha256,
            Act::Bid(BidEvent::Withdrawn { withdrawal, .. }) => {
                Note::parse(withdrawal.as_bytes()).unwrap().sha256() == *sha256
            }
            _ => false,
        };
        self.record.entries.iter().position(is_it).map(|index| index as u64)
    }

    fn refuse(&mut self, id: UnitId, note: &Note, refused: Refused, arrived_at: Time) -> Done {
        if !refused.is_recorded() {
            return Ok(());
        }
        let event = BidEvent::Refused {
            arrived_at,
            code: refused.code().to_owned(),
            fault: refused.fault(),
            provisional: false,
            statement: note.encode(),
            unit_id: id,
        };
        self.write(Level::Sealed(id), json::to_string(&event).unwrap().into_bytes()).map(|_| ())
    }

    fn submit_altered(&mut self, id: UnitId, sent: &Sent) -> Done {
        let Sent::Bid(manifest) = sent else { return Ok(()) };
        let text = manifest.encode().replacen("\"size\":", "\"size\":1", 1);
        let altered = Statement::<Manifest>::parse(text.as_bytes()).unwrap();
        let decided = self.decide(id, &Sent::Bid(altered))?;
        assert_eq!(decided, Err(Refused::Signature));
        Ok(())
    }
}

impl Sent {
    pub fn sha256(&self) -> Hash {
        match self {
            Self::Bid(manifest) => manifest.sha256(),
            Self::Withdrawal(withdrawal) => withdrawal.sha256(),
        }
    }
}

fn accepted_event(unit_id: UnitId, sent: &Sent, arrived_at: Time) -> Vec<u8> {
    let event = match sent {
        Sent::Bid(manifest) => BidEvent::Accepted {
            arrived_at,
            lodged: None,
            manifest: manifest.encode(),
            manifest_sha256: manifest.sha256(),
            unit_id,
        },
        Sent::Withdrawal(withdrawal) => BidEvent::Withdrawn {
            arrived_at,
            manifest_sha256: withdrawal.body().manifest_sha256,
            unit_id,
            withdrawal: withdrawal.encode(),
        },
    };
    json::to_string(&event).unwrap().into_bytes()
}
