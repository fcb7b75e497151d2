//! What happens to bids and keys between the deadline and the opening record: ciphertexts are lost,
//! offers read out, a false release and a challenge recorded, an opening stopped.

use super::*;
use sealbid::custodian::wire::{Account, Shown as ShownTo};
use sealbid::opening::statements::ReadOutLine;

/// The regulator's word.
pub(super) fn suspension(
    unit_id: UnitId,
    (no, state): (u32, SuspensionState),
    by: &SigningKey,
) -> Statement<Suspension> {
    Statement::signed(Suspension { no, reason: "投诉".into(), state, unit_id }, by).unwrap()
}

impl Maker {
    /// Whether a bid of the first unit becomes a lost line.
    pub(super) fn is_lost(&self, bid: &Bid) -> bool {
        match self.twist {
            Twist::Lost | Twist::LostUnnamed | Twist::LostAgain | Twist::LostFalsely => {
                bid.bidder == 0
            }
            Twist::CopyLost => bid.bidder == 3,
            _ => false,
        }
    }

    /// Whether nobody can read its ciphertext any more.
    pub(super) fn is_gone(&self, bid: &Bid) -> bool {
        self.is_lost(bid) && !self.is(Twist::LostFalsely)
    }

    /// What is said of ciphertexts before the close.
    pub(super) fn lose(&mut self, entered: &[(Entered, &Bid)]) {
        let by = if self.is(Twist::CopyLost) { 3 } else { 0 };
        let (at, bid) = entered.iter().find(|(_, bid)| bid.bidder == by).unwrap();
        let (line, unit_id) = (at.line, self.units[0]);
        let sha256 = match self.twist {
            Twist::LossOther => Hash::of(b"another ciphertext"),
            Twist::Lost
            | Twist::LostAgain
            | Twist::LostFalsely
            | Twist::BroughtAgain
            | Twist::CopyLost => bid.manifest.body().bid.sha256,
            _ => return,
        };
        self.line(&OpeningEvent::Missing { line, sha256, unit_id }, Shown::Public);
        if matches!(self.twist, Twist::LostAgain | Twist::BroughtAgain) {
            self.line(&OpeningEvent::Resupplied { line, sha256, unit_id }, Shown::Auditor);
        }
    }

    /// What is read out of those lines that open.
    pub(super) fn read_out(&mut self, unit_id: UnitId, lines: &[OpenedLine]) {
        let read = |line: &OpenedLine| match &line.outcome {
            LineStatus::Opened { offer, .. } => {
                Some(ReadOutLine { bidder: line.bidder, line: line.line, offer: offer.clone() })
            }
            _ => None,
        };
        let mut lines: Vec<ReadOutLine> = lines.iter().filter_map(read).collect();
        match self.twist {
            Twist::ReadOutForeign => lines[0].line = Hash::of(b"another line"),
            Twist::ReadOutOther => lines[0].offer.price = Some("1".into()),
            _ => {}
        }
        self.line(&OpeningEvent::ReadOut { lines, unit_id }, Shown::Public);
    }

    /// From the last release to the opening record.
    pub(super) fn before_opening(&mut self, close: &Statement<Close>, lines: &[OpenedLine]) {
        use SuspensionState::{Lifted, Suspended};
        let unit_id = close.body().unit_id;
        if matches!(self.twist, Twist::FalseRelease | Twist::FalseReleaseTrue) {
            let wrong = self.is(Twist::FalseRelease);
            let release = self.signed_release(unit_id, close.sha256(), (2, wrong)).encode();
            self.line(&OpeningEvent::FalseRelease { release, unit_id }, Shown::Auditor);
        }
        let say = |maker: &mut Self, word| {
            let word = suspension(unit_id, word, &maker.keys.regulator);
            maker.note(&word);
        };
        if self.is(Twist::ReadOutStopped) {
            say(self, (1, Suspended));
        }
        if !matches!(self.twist, Twist::ReadOutEarly | Twist::ReadOutLate | Twist::ReleasedFew) {
            self.read_out(unit_id, lines);
        }
        match self.twist {
            Twist::ReadOutStopped => say(self, (2, Lifted)),
            Twist::OpenedStopped => say(self, (1, Suspended)),
            _ => {}
        }
    }

    /// A custodian finds the close denied by the receipt of an accepted bid.
    pub(super) fn challenge(&mut self, close: &Statement<Close>, shown: &Entered) {
        let unit_id = close.body().unit_id;
        let body = Challenged {
            close_sha256: close.sha256(),
            custodian: self.roster.body().custodians[1].id.clone(),
            line: shown.line,
            received_at: DEADLINE.plus(MINUTE),
            unit_id,
            verdict: Verdict::Open,
        };
        let challenged = Statement::signed(body, &self.keys.statement[1]).unwrap();
        self.note(&challenged);
        let accepted = String::from_utf8(self.receipt(shown, 4)).unwrap();
        let account = ShownTo::Receipts(Account { accepted, credentials: vec![], later: None });
        let challenged_sha256 = challenged.sha256();
        let event = OpeningEvent::Challenge { account, challenged_sha256, unit_id };
        self.line(&event, Shown::Auditor);
    }

    fn signed_release(
        &self,
        id: UnitId,
        close: Hash,
        (place, wrong): (usize, bool),
    ) -> Statement<Release> {
        let custodian = self.roster.body().custodians[place].id.clone();
        let identity = if wrong { id.0 } else { custodian_seed(place) };
        let identity = unit_identity(identity.as_bytes(), &id.0).encode().to_string();
        let body = Release { close_sha256: close, custodian, identity, unit_id: id };
        Statement::signed(body, &self.keys.statement[place]).unwrap()
    }

    pub(super) fn sign_release(&mut self, id: UnitId, close: Hash, place: usize) {
        let wrong = self.is(Twist::OtherIdentity) && place == 0;
        let release = self.signed_release(id, close, (place, wrong));
        if !(self.is(Twist::IdentityMissing) && place == 0) {
            let public = self.is(Twist::IdentitiesPublic);
            let shown = if public { Shown::Public } else { Shown::Auditor };
            self.put(release.encode().into_bytes(), shown);
        }
    }

    pub(super) fn release(&mut self, id: UnitId, close: Hash, place: usize) {
        self.sign_release(id, close, place);
        let custodian = self.roster.body().custodians[place].id.clone();
        let other = self.is(Twist::ReleaseOtherClose) && place == 0;
        let close_sha256 = if other { Hash::of(b"other") } else { close };
        self.line(&OpeningEvent::Released { close_sha256, custodian, unit_id: id }, Shown::Public);
    }
}
