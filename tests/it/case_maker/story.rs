//! The case's story, from the first verification to the opening, and the files made of it.

use super::ends::suspension;
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
    maker.change_before_units();
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
    let amended = maker.amend(first, statement.sha256());
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
    maker.break_key();
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
    if twist == Twist::WithdrawnTwice {
        maker.withdraw(&gone, DEADLINE.plus(-1));
    }
    if twist != Twist::Undecided {
        maker.refuse(&late);
    }
    if twist == Twist::RefusedUndecided {
        maker.head(DEADLINE.plus(-1000), &[1, 2, 3]);
    }
    let late_line = matches!(twist, Twist::CloseLineLater | Twist::BehindClose);
    let lodge = |maker: &mut Maker| {
        let word = maker.lodged(&garbage, arrived);
        maker.accept(&garbage, arrived, Some(word))
    };
    if matches!(twist, Twist::NeverTakenIn | Twist::LodgedLate) {
        let arrived = if twist == Twist::LodgedLate { DEADLINE } else { arrived };
        maker.lodged(&garbage, arrived);
    } else if !late_line {
        let at = lodge(&mut maker);
        entered.push((at, &garbage));
    }
    let single = maker.seal(&small, 2, None, Spoil::Nothing);
    let mut alone = maker.accept(&single, arrived, None);
    let first_alone = alone.clone();
    if twist == Twist::VoidReplaced {
        let next = maker.seal(&small, 2, Some(&single), Spoil::Nothing);
        alone = maker.accept(&next, arrived, None);
    }
    maker.change_amid_bids();
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
    maker.lose(&entered);
    entered.sort_by_key(|(at, _)| at.line);
    if twist == Twist::CloseUnsorted {
        entered.reverse();
    }
    let lines: Vec<Hash> = entered.iter().map(|(at, _)| at.line).collect();
    let close = maker.close(first, size, lines.clone());
    if twist == Twist::ReleasedBeforeClose {
        maker.sign_release(first, close.sha256(), 2);
    }
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
    maker.amend_late(first, amended);
    let seen: &[usize] = if maker.is(Twist::WindowUnseen) { &[1, 2, 3] } else { &[1, 2, 3, 4] };
    maker.head(frozen.plus(8000), seen);
    if twist == Twist::SignedEarly {
        maker.sign_release(first, close.sha256(), 2);
    }
    if twist != Twist::OrderPending {
        maker.open(&unit, &close, &entered);
    }
    if twist == Twist::VoidReplaced {
        maker.challenge(&small_close, &first_alone);
    }
    maker.fail(second, &small_close);
    let late = if twist == Twist::SharesLate { 26 * 60 * MINUTE } else { MINUTE };
    let witnesses = maker.last_witnesses();
    maker.head(OPEN_AT.plus(late), &witnesses);
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
        let log = self.log;
        if self.is(Twist::SuccessionSide) {
            self.log = 0;
        }
        self.head(released, &[0, 2, 4]);
        self.log = log;
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
        if let Some(by) = self.suspender() {
            let suspension = suspension(id, (1, SuspensionState::Suspended), by);
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
        let mut lines: Vec<OpenedLine> =
            entered.iter().map(|(at, bid)| self.opened(at, bid)).collect();
        if self.is(Twist::ReadOutEarly) {
            self.read_out(id, &lines);
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
        for (_, bid) in &entered {
            if self.is_gone(bid) {
                continue;
            }
            let manifest = bid.manifest.body();
            self.tried.extend(manifest.shares.iter().chain([&manifest.bid.sha256]));
        }
        if self.is(Twist::OpeningMisses) {
            lines.pop();
        }
        self.before_opening(close, &lines);
        let close_sha256 = close.sha256();
        let opened_at = OPEN_AT.plus(6000);
        let body = Opening { close_sha256, lines, opened_at, releases, unit_id: id };
        let opening = self.signed_opening(body.clone());
        self.note(&opening);
        if self.is(Twist::ReadOutLate) {
            self.read_out(id, &opening.body().lines);
        }
        self.shares(id);
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
                (Twist::FailedFalsely, _) => {
                    let custodian = Some("c2".parse().unwrap());
                    outcome = LineStatus::Failed { code: FailCode::BadShare, custodian };
                }
                _ => {}
            }
        }
        if self.is_lost(bid) {
            outcome = LineStatus::Lost;
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
            Twist::VoidChallenge | Twist::VoidReplaced => {
                (VoidReason::Challenge, Some(Fault::Platform))
            }
            Twist::VoidCancelled => (VoidReason::Cancelled, None),
            _ => (VoidReason::TooFew, None),
        };
        let body = Void { close_sha256, fault, reason, unit_id: id };
        let void = Statement::signed(body, &self.keys.platform).unwrap();
        self.note(&void);
    }
}
