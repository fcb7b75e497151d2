//! Bids of the case: sealed, signed, accepted, withdrawn.

use super::*;

impl Maker {
    /// Seals a bid and signs its manifest; what the opening will find is part of it.
    pub(super) fn seal(
        &mut self,
        unit: &Unit,
        bidder: usize,
        prev: Option<&Bid>,
        spoil: Spoil,
    ) -> Bid {
        let id = unit.id().unwrap();
        let who = &self.bidders[bidder];
        let seq = prev.map_or(1, |bid| bid.manifest.body().seq + 1);
        let offer = Offer {
            currency: "CNY".into(),
            duration_days: Some(90),
            price: Some(format!("{}", 1_000_000 + 1000 * bidder + usize::try_from(seq).unwrap())),
            promises: Vec::new(),
        };
        let bid_id: BidId = format!("bid_{:032x}", bidder + 1).parse().unwrap();
        let bid_json = BidJson { bid_id, bidder: who.id, offer: offer.clone(), seq, unit_id: id };
        let one_time = Identity::generate(&self.entropy).unwrap();
        let recipient = one_time.recipient();
        let mut bid = Vec::new();
        if spoil == Spoil::Garbage {
            seal(&mut bid, &recipient, &self.entropy, |w| {
                std::io::Write::write_all(w, &[1; 2048])
                    .map_err(sealbid::crypto::seal::SealError::from)
            })
            .unwrap();
        } else {
            let text = json::to_string(&bid_json).unwrap();
            seal_bid(&mut bid, &recipient, &self.entropy, text.as_bytes(), Vec::new()).unwrap();
        }
        let mut payload = Vec::new();
        let mut reader = sealbid::crypto::seal::open(bid.as_slice(), &one_time).unwrap();
        std::io::Read::read_to_end(&mut reader, &mut payload).unwrap();
        drop(reader);
        let payload_sha256 = Hash::of(&payload);
        let other = Identity::generate(&self.entropy).unwrap();
        let dealt = if spoil == Spoil::Secret { &other } else { &one_time };
        let mut shares = Vec::new();
        for (place, share) in split(dealt, T, N, &self.entropy).unwrap().iter().enumerate() {
            let wrong = spoil == Spoil::Share && place == 1;
            let to =
                if wrong { other.recipient() } else { custodian_identity(place, id).recipient() };
            shares.push(seal_share(share, &to, &self.entropy).unwrap());
        }
        let outcome = match spoil {
            Spoil::Nothing => LineStatus::Opened { offer, payload_sha256 },
            Spoil::Share => LineStatus::Failed {
                code: FailCode::BadShare,
                custodian: Some("c2".parse().unwrap()),
            },
            Spoil::Secret => LineStatus::Failed { code: FailCode::WrongSecret, custodian: None },
            Spoil::Garbage => LineStatus::Rejected { code: RejectCode::Garbage, named: None },
        };
        let other = u64::from(self.is(Twist::EnvelopeSize) && bidder == 2);
        let size = u64::try_from(bid.len()).unwrap() + other;
        let manifest = Manifest {
            bid: BlobRef { sha256: Hash::of(&bid), size },
            bid_id,
            prev_sha256: prev.map(|bid| bid.manifest.sha256()),
            seal_recipient: recipient.to_string(),
            seq: if self.is(Twist::SeqSkipped) && bidder == 1 { seq + 1 } else { seq },
            shares: shares.iter().map(|share| Hash::of(share)).collect(),
            unit_id: id,
        };
        for bytes in shares.into_iter().chain([bid]) {
            self.sealed.insert(Hash::of(&bytes), bytes);
        }
        let manifest = self.signed_manifest(manifest, bidder);
        Bid { manifest, outcome, bidder }
    }

    pub(super) fn signed_manifest(&self, manifest: Manifest, bidder: usize) -> Statement<Manifest> {
        let who = &self.bidders[bidder];
        if self.is(Twist::ManifestByOther) && bidder == 2 {
            let forged = key(who.key.verifying().name(), KeyKind::Statement, [66, 6]);
            return Statement::signed(manifest, &forged).unwrap();
        }
        Statement::signed(manifest, &who.key).unwrap()
    }

    /// A copy of another's envelope under one's own signature.
    pub(super) fn copied(&mut self, of: &Bid, bidder: usize) -> Bid {
        let bid_id: BidId = format!("bid_{:032x}", bidder + 1).parse().unwrap();
        let manifest = Manifest { bid_id, ..of.manifest.body().clone() };
        let named = Some(self.bidders[of.bidder].id);
        let outcome = LineStatus::Rejected { code: RejectCode::Copied, named };
        let manifest = Statement::signed(manifest, &self.bidders[bidder].key).unwrap();
        Bid { manifest, outcome, bidder }
    }

    pub(super) fn accept(
        &mut self,
        bid: &Bid,
        arrived_at: Time,
        lodged: Option<String>,
    ) -> Entered {
        let replaced = (bid.bidder, bid.manifest.body().seq) == (0, 1);
        let other = self.is(Twist::AcceptedOther) && replaced;
        let manifest_sha256 = if other { Hash::of(b"another") } else { bid.manifest.sha256() };
        let unit_id = bid.manifest.body().unit_id;
        let manifest = bid.manifest.encode();
        let event = BidEvent::Accepted { arrived_at, lodged, manifest, manifest_sha256, unit_id };
        let (index, salt) = self.line(&event, Shown::Auditor);
        let event = json::to_string(&event).unwrap().into_bytes();
        let line = line(salt.as_bytes(), &manifest_sha256);
        let entered = Entered { index, salt, line, arrived_at, event };
        if self.units.first() == Some(&unit_id) {
            self.entered.insert((bid.bidder, bid.manifest.body().seq), entered.clone());
        }
        entered
    }

    pub(super) fn lodged(&mut self, bid: &Bid, arrived_at: Time) -> String {
        let body = Lodged {
            arrived_at,
            bidder: self.bidders[bid.bidder].id,
            custodian: "c1".parse().unwrap(),
            manifest_sha256: bid.manifest.sha256(),
            unit_id: bid.manifest.body().unit_id,
        };
        let by = usize::from(self.is(Twist::LodgedByNobody));
        let word = Statement::signed(body, &self.keys.statement[by]).unwrap().encode();
        self.word = Some(word.clone());
        word
    }

    /// The operator puts a key of its own in a bidder's place.
    pub(super) fn usurp_bidder(&mut self, bidder: usize) {
        let Who { id, kind, key } = &self.bidders[bidder];
        let new = self.usurp(*id, *kind, key.verifying().clone());
        self.bidders[bidder].key = new;
    }

    pub(super) fn withdraw(&mut self, bid: &Bid, arrived_at: Time) {
        let manifest_sha256 = bid.manifest.sha256();
        let unit_id = bid.manifest.body().unit_id;
        let other = self.is(Twist::WithdrawnOther);
        let body = Withdrawal {
            manifest_sha256: if other { Hash::of(b"another") } else { manifest_sha256 },
            seq: bid.manifest.body().seq + 1 + u32::from(self.withdrawal.is_some()),
            unit_id,
        };
        if self.is(Twist::TakenOver) {
            self.usurp_bidder(bid.bidder);
        }
        let own = &self.bidders[bid.bidder].key;
        let forged = key(own.verifying().name(), KeyKind::Statement, [66, 7]);
        let by = if self.is(Twist::WithdrawalForged) { &forged } else { own };
        let withdrawal = Statement::signed(body, by).unwrap().encode();
        let event = BidEvent::Withdrawn { arrived_at, manifest_sha256, unit_id, withdrawal };
        self.withdrawal = Some(self.told(&event, arrived_at));
    }

    /// Records an event about a bid that becomes no line.
    fn told(&mut self, event: &BidEvent, arrived_at: Time) -> Entered {
        let (index, salt) = self.line(event, Shown::Auditor);
        let event = json::to_string(event).unwrap().into_bytes();
        Entered { index, salt, line: Hash::of(b"none"), arrived_at, event }
    }

    /// Refuses a bid: late, unless something is twisted.
    pub(super) fn refuse(&mut self, bid: &Bid) {
        let (mut arrived_at, mut code, mut fault) = (DEADLINE, "late", Fault::Bidder);
        match self.twist {
            Twist::RefusedInTime => arrived_at = DEADLINE.plus(-60 * MINUTE),
            Twist::RefusedFault => fault = Fault::Platform,
            Twist::RefusedUndecided | Twist::Undecided => {
                (arrived_at, code, fault) = (DEADLINE.plus(-1), "undecided", Fault::Platform);
            }
            Twist::RefusedSigned => (arrived_at, code) = (DEADLINE.plus(-1), "signature"),
            Twist::EnvelopeLost | Twist::EnvelopeLostFault => {
                (arrived_at, code) = (DEADLINE.plus(-1), "envelope-lost");
                fault = if self.is(Twist::EnvelopeLost) { Fault::Platform } else { fault };
            }
            _ => {}
        }
        let forged =
            key(self.bidders[bid.bidder].key.verifying().name(), KeyKind::Statement, [66, 8]);
        let by =
            if self.is(Twist::RefusedByNobody) { &forged } else { &self.bidders[bid.bidder].key };
        let mut manifest = bid.manifest.body().clone();
        let (code, unit_id) = (code.to_owned(), manifest.unit_id);
        if self.is(Twist::RefusedElsewhere) {
            manifest.unit_id = self.units[1];
        }
        let mut statement = Statement::signed(manifest, by).unwrap().encode();
        if self.is(Twist::RefusedNothing) {
            // A true statement, and none of a bidder's.
            statement = self.roster.encode();
        }
        let event =
            BidEvent::Refused { arrived_at, code, fault, provisional: false, statement, unit_id };
        self.refusal = Some(self.told(&event, arrived_at));
    }
}
