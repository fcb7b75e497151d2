//! The case's story, from the first verification to the opening, and the files made of it.

use super::*;

/// The whole story with one twist.
pub fn make(twist: Twist) -> Maker {
    let mut maker = Maker::start(twist, 7);
    maker.head(START.plus(MINUTE), &[0, 1, 2, 3]);
    let (first, unit) = maker.unit(1, 3);
    let (second, small) = maker.unit(2, 3);
    let early = maker.is(Twist::BidBeforeUnit);
    let good = maker.seal(&unit, 2, None, Spoil::Nothing);
    let arrived = START.plus(10 * MINUTE);
    let mut entered = Vec::new();
    if early {
        let at = maker.accept(&good, arrived, None);
        entered.push((at, &good));
    }
    maker.notice(&[&unit, &small]);
    let statement = maker.signed_unit(&unit, 1);
    maker.note(&statement);
    if twist == Twist::SecondUnit {
        let mut second = unit.clone();
        second.recipients.swap(0, 1);
        let second = maker.signed_unit(&second, 1);
        maker.note(&second);
    }
    let other = maker.signed_unit(&small, 2);
    maker.note(&other);
    maker.amend(first, statement.sha256());
    let old = maker.seal(&unit, 0, None, Spoil::Nothing);
    let mut new = maker.seal(&unit, 0, Some(&old), Spoil::Nothing);
    let late = maker.seal(&unit, 2, Some(&good), Spoil::Nothing);
    let gone = maker.seal(&unit, 1, None, Spoil::Nothing);
    let copy = maker.copied(&good, 3);
    let bad_share = maker.seal(&unit, 4, None, Spoil::Share);
    let bad_secret = maker.seal(&unit, 5, None, Spoil::Secret);
    let garbage = maker.seal(&unit, 6, None, Spoil::Garbage);
    let replaced = maker.accept(&old, arrived, None);
    if twist == Twist::ReplacedByOther {
        maker.usurp_bidder(0);
        new.manifest = maker.signed_manifest(new.manifest.body().clone(), 0);
    }
    let withdrawn = maker.accept(&gone, arrived.plus(1), None);
    if !early {
        let is_late = maker.is(Twist::LateByOne);
        let at = maker.accept(&good, if is_late { DEADLINE } else { arrived.plus(2) }, None);
        entered.push((at, &good));
    }
    let twin = (twist == Twist::Doubled).then(|| maker.seal(&unit, 2, None, Spoil::Nothing));
    if let Some(twin) = &twin {
        entered.push((maker.accept(twin, arrived.plus(3), None), twin));
    }
    for bid in [&copy, &new, &bad_share, &bad_secret] {
        let at = maker.accept(bid, DEADLINE.plus(-1), None);
        entered.push((at, bid));
    }
    maker.withdraw(&gone, DEADLINE.plus(-1));
    if twist != Twist::Undecided {
        maker.refuse(&late);
    }
    let late_line = matches!(twist, Twist::CloseLineLater | Twist::BehindClose);
    let lodge = |maker: &mut Maker| {
        let word = maker.lodged(&garbage, arrived);
        maker.accept(&garbage, arrived, Some(word))
    };
    if twist == Twist::NeverTakenIn {
        maker.lodged(&garbage, arrived);
    } else if !late_line {
        let at = lodge(&mut maker);
        entered.push((at, &garbage));
    }
    let single = maker.seal(&small, 2, None, Spoil::Nothing);
    let alone = maker.accept(&single, arrived, None);
    let stale = maker.is(Twist::CloseStale);
    let frozen = DEADLINE.plus(if stale { 61_000 } else { 2000 });
    let size = maker.head(frozen, &[0, 1, 2, 3]);
    if late_line {
        let at = lodge(&mut maker);
        if twist == Twist::CloseLineLater {
            entered.push((at, &garbage));
        }
    }
    match twist {
        Twist::LineLeftOut => drop(entered.pop()),
        Twist::WithdrawnKept => entered.push((withdrawn, &gone)),
        Twist::SupersededHidden => entered.push((replaced, &old)),
        _ => {}
    }
    entered.sort_by_key(|(at, _)| at.line);
    if twist == Twist::CloseUnsorted {
        entered.reverse();
    }
    let lines: Vec<Hash> = entered.iter().map(|(at, _)| at.line).collect();
    let close = maker.close(first, size, lines.clone());
    maker.note(&close);
    let small_close = maker.close(second, size, vec![alone.line]);
    maker.note(&small_close);
    if twist == Twist::TwoCloses {
        let two = maker.close(first, size, lines[1..].to_vec());
        maker.note(&two);
    }
    if twist == Twist::Undecided {
        maker.refuse(&late);
    }
    if twist == Twist::SealedMissing {
        maker.sealed.remove(&good.manifest.body().bid.sha256).unwrap();
    }
    maker.head(frozen.plus(8000), &[1, 2, 3, 4]);
    if twist == Twist::SignedEarly {
        maker.sign_release(first, close.sha256(), 2);
    }
    maker.open(&unit, &close, &entered);
    maker.fail(second, &small_close);
    let witnesses: &[usize] = match twist {
        Twist::CheckpointFew => &[0, 1],
        Twist::HeadBelowQ => &[0, 1, 4],
        _ => &[0, 1, 3, 4],
    };
    maker.head(OPEN_AT.plus(MINUTE), witnesses);
    maker
}

/// A case of many bids that all open, with no document in them: for measuring.
pub fn make_many(bids: usize) -> Maker {
    let mut maker = Maker::start(Twist::None, bids);
    let (id, unit) = maker.unit(2, 3);
    maker.notice(&[&unit]);
    let statement = maker.signed_unit(&unit, 2);
    maker.note(&statement);
    let mut all = Vec::new();
    for bidder in 0..bids {
        let bid = maker.seal(&unit, bidder, None, Spoil::Nothing);
        let at = maker.accept(&bid, DEADLINE.plus(-1), None);
        all.push((at, bid));
    }
    let size = maker.head(DEADLINE.plus(2000), &[0, 1, 2, 3]);
    all.sort_by_key(|(at, _)| at.line);
    let entered: Vec<(Entered, &Bid)> = all.iter().map(|(at, bid)| (at.clone(), bid)).collect();
    let close = maker.close(id, size, entered.iter().map(|(at, _)| at.line).collect());
    maker.note(&close);
    maker.head(DEADLINE.plus(8000), &[1, 2, 3, 4]);
    maker.open(&unit, &close, &entered);
    maker.head(OPEN_AT.plus(MINUTE), &[0, 1, 3, 4]);
    maker
}

impl Maker {
    /// Order, releases and the opening record of the first unit.
    fn open(&mut self, unit: &Unit, close: &Statement<Close>, entered: &[(Entered, &Bid)]) {
        let id = close.body().unit_id;
        let early = self.is(Twist::ReleaseEarly);
        let released = if early { DEADLINE.plus(6 * MINUTE) } else { OPEN_AT.plus(5000) };
        self.head(released, &[0, 2, 4]);
        let mut entered: Vec<&(Entered, &Bid)> = entered.iter().collect();
        if unit.release == ReleaseBy::Order && !self.is(Twist::OrderMissing) {
            entered.truncate(4);
            let lines = entered.iter().map(|(at, _)| at.line).collect();
            let body = Order { close_sha256: close.sha256(), lines, unit_id: id };
            let mut order = Statement::signed(body, &self.keys.regulator).unwrap();
            if !self.is(Twist::OrderBySelf) {
                order.sign(&self.buyer.key);
            }
            self.note(&order);
        }
        if self.is(Twist::Suspended) {
            let (no, reason, state) = (1, "投诉".into(), SuspensionState::Suspended);
            let body = Suspension { no, reason, state, unit_id: id };
            let suspension = Statement::signed(body, &self.keys.regulator).unwrap();
            self.note(&suspension);
        }
        if self.is(Twist::ReleaseChallenged) {
            let body = Challenged {
                close_sha256: close.sha256(),
                custodian: self.roster.body().custodians[3].id.clone(),
                line: Hash::of(b"a line that is missing"),
                received_at: DEADLINE.plus(MINUTE),
                unit_id: id,
                verdict: Verdict::Open,
            };
            let challenged = Statement::signed(body, &self.keys.statement[3]).unwrap();
            self.note(&challenged);
        }
        let places: &[usize] = if self.is(Twist::ReleasedFew) { &[3, 1] } else { &[3, 1, 4, 0] };
        for place in places {
            self.release(id, close.sha256(), *place);
        }
        let mut releases: Vec<_> =
            places.iter().take(3).map(|p| self.roster.body().custodians[*p].id.clone()).collect();
        if self.is(Twist::OpeningReleases) {
            releases.swap(0, 1);
        }
        let mut lines: Vec<OpenedLine> =
            entered.iter().map(|(at, bid)| self.opened(at, bid)).collect();
        if self.is(Twist::OpeningMisses) {
            lines.pop();
        }
        let close_sha256 = close.sha256();
        let opened_at = OPEN_AT.plus(6000);
        let body = Opening { close_sha256, lines, opened_at, releases, unit_id: id };
        let opening = Statement::signed(body.clone(), &self.keys.platform).unwrap();
        self.note(&opening);
        if self.is(Twist::SecondOpening) {
            let body = Opening { opened_at: opened_at.plus(1), ..body };
            let second = Statement::signed(body, &self.keys.platform).unwrap();
            self.note(&second);
        }
    }

    fn opened(&self, at: &Entered, bid: &Bid) -> OpenedLine {
        let mut outcome = bid.outcome.clone();
        if bid.bidder == 2 {
            match (self.twist, &mut outcome) {
                (Twist::OtherPrice, LineStatus::Opened { offer, .. }) => {
                    offer.price = Some("1".into());
                }
                (Twist::LostFalsely, _) => outcome = LineStatus::Lost,
                (Twist::FailedFalsely, _) => {
                    let custodian = Some("c2".parse().unwrap());
                    outcome = LineStatus::Failed { code: FailCode::BadShare, custodian };
                }
                _ => {}
            }
        }
        let fault = outcome.fault().filter(|_| !self.is(Twist::OpeningFault));
        OpenedLine {
            arrived_at: at.arrived_at,
            bidder: self.bidders[bid.bidder].id,
            fault,
            line: at.line,
            manifest: bid.manifest.encode(),
            outcome,
            salt: Hash::from_bytes(*at.salt.as_bytes()),
        }
    }

    /// The second unit has too few lines.
    fn fail(&mut self, id: UnitId, close: &Statement<Close>) {
        if self.is(Twist::VoidOpened) || self.is(Twist::TooFewOpened) {
            self.release(id, close.sha256(), 1);
        }
        if self.is(Twist::TooFewOpened) {
            return;
        }
        let close_sha256 = Some(close.sha256());
        let (reason, fault) = match self.twist {
            Twist::VoidChallenge => (VoidReason::Challenge, Some(Fault::Platform)),
            Twist::VoidCancelled => (VoidReason::Cancelled, None),
            _ => (VoidReason::TooFew, None),
        };
        let body = Void { close_sha256, fault, reason, unit_id: id };
        let void = Statement::signed(body, &self.keys.platform).unwrap();
        self.note(&void);
    }

    fn tree(&self) -> (Vec<Hash>, Levels) {
        let leaves: Vec<Hash> = self.leaves.iter().map(|one| leaf(&one.salt, &one.event)).collect();
        let levels = Levels::of(&leaves);
        (leaves, levels)
    }

    fn checkpoint(&self, levels: &Levels, place: usize) -> Note {
        let Head { size, at, witnesses } = &self.heads[place];
        let mut root = tree::root(levels, *size).unwrap();
        if self.is(Twist::Fork) && place == 0 {
            root = Hash::of(b"another history");
        }
        let checkpoint = Checkpoint { origin: ORIGIN.into(), size: *size, root };
        let mut note = checkpoint.signed(&self.keys.log).unwrap();
        for witness in witnesses {
            let mut line = cosign(note.text(), &self.keys.witness[*witness], *at).unwrap();
            if self.is(Twist::CheckpointForged) && place == 0 {
                line.bytes[20] ^= 1;
            }
            note.push(line);
        }
        note
    }

    /// The case file of a kind.
    pub fn case(&self, kind: CaseKind) -> Vec<u8> {
        self.case_without(kind, &self.units, &[])
    }

    /// The case file of some units, with the public events of these types left out.
    pub fn case_without(&self, kind: CaseKind, units: &[UnitId], left_out: &[&str]) -> Vec<u8> {
        let units = units.to_vec();
        let is_left_out = |one: &Leaf| {
            let event = String::from_utf8_lossy(&one.event);
            left_out.iter().any(|kind| event.contains(kind))
        };
        let header = CaseHeader { format: FORMAT, kind, origin: ORIGIN.into(), units };
        let mut case = CaseWriter::new(&header).unwrap();
        case.roster(1, self.roster.note());
        let (mut leaves, levels) = self.tree();
        let head = self.size();
        for (place, Head { size, .. }) in self.heads.iter().enumerate() {
            case.checkpoint(&self.checkpoint(&levels, place)).unwrap();
            if *size < head {
                case.consistency(*size, &tree::prove_consistency(&levels, *size, head).unwrap());
            }
        }
        let public = (0..).zip(&self.leaves).filter(|(_, one)| one.shown == Shown::Public);
        for (index, one) in public.filter(|(_, one)| !is_left_out(one)) {
            let mut proof = tree::prove_inclusion(&levels, index, head).unwrap();
            if self.is(Twist::WrongProof) {
                proof[1] = Hash::of(b"wrong");
            }
            let (salt, event) = (one.salt, one.event.clone());
            case.entry(&CaseEntry { index, salt, event, proof });
        }
        if kind == CaseKind::Auditor {
            self.whole(&mut case, &mut leaves);
        }
        let mut out = Vec::new();
        let open = &mut |name: &MemberName| {
            let MemberName::Sealed(sha256) = name else { panic!("{name} was not announced") };
            let bytes = self.sealed[sha256].clone();
            Ok(Box::new(Cursor::new(bytes)) as Box<dyn std::io::Read>)
        };
        case.write(&mut out, open).unwrap();
        out
    }

    /// What only auditors get.
    fn whole(&self, case: &mut CaseWriter, leaves: &mut [Hash]) {
        let opened = |(index, one): (u64, &Leaf)| OpenedLeaf {
            index,
            salt: one.salt,
            event: one.event.clone(),
        };
        let mut opened: Vec<OpenedLeaf> = (0..).zip(&self.leaves).map(opened).collect();
        // A pad: nothing else is known of it.
        let pad = opened.iter().position(|leaf| leaf.event.is_empty()).unwrap();
        if self.is(Twist::OtherLeaf) {
            opened.remove(pad);
        }
        if matches!(self.twist, Twist::LeafClosed | Twist::WithdrawalForged) {
            // Behind a closed leaf chains are not judged; signatures are.
            let closed = self.entered[&(1, 1)].index;
            opened.retain(|leaf| leaf.index != closed);
        }
        if self.is(Twist::OtherLeaf) {
            leaves[pad] = Hash::of(b"another leaf");
        }
        case.opened(&opened);
        for (number, bundle) in (0..).zip(leaves.chunks(256)) {
            case.bundle(number, encode_bundle(bundle));
        }
        for (sha256, bytes) in &self.sealed {
            case.sealed(*sha256, u64::try_from(bytes.len()).unwrap());
        }
    }

    /// A bidder's receipt with the cosignatures of the first `count` witnesses, from the checkpoint
    /// at which the set was frozen.
    pub fn receipt(&self, entered: &Entered, count: usize) -> Vec<u8> {
        let (_, levels) = self.tree();
        let place = self.heads.iter().position(|head| head.size > entered.index).unwrap();
        let size = self.heads[place].size;
        let note = self.checkpoint(&levels, place);
        let keys: Vec<_> = std::iter::once(self.keys.log.verifying())
            .chain(self.keys.witness.iter().take(count).map(SigningKey::verifying))
            .cloned()
            .collect();
        Receipt {
            salt: entered.salt,
            event: entered.event.clone(),
            index: entered.index,
            hashes: tree::prove_inclusion(&levels, entered.index, size).unwrap(),
            checkpoint: note.ordered(&keys),
        }
        .encode()
        .into_bytes()
    }
}
