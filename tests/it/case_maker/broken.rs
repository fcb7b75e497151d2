//! What a twist makes of a statement before it is signed.

use super::*;
use sealbid::opening::statements::SharesFound;
use sealbid::tender::statements::Outage;

impl Maker {
    /// Spoils what makes a unit's id.
    pub(super) fn break_terms(&self, unit: &mut Unit, number: u8) {
        match (self.twist, number) {
            (Twist::UnitOtherRoster, 1) => unit.roster_sha256 = Hash::of(b"another roster"),
            (Twist::UnitSuite, 1) => unit.suite = "another".into(),
            (Twist::UnitTimes, 2) => unit.challenge_ms = 0,
            _ => {}
        }
    }

    pub(super) fn break_recipients(&self, unit: &mut Unit, number: u8) {
        match (self.twist, number) {
            (Twist::UnitRecipients, 2) => unit.recipients.swap(0, 1),
            (Twist::UnitRecipient, 2) => unit.recipients[0].recipient = "age1nobody".into(),
            _ => {}
        }
    }

    /// What comes before the second bidder's bid.
    pub(super) fn break_key(&mut self) {
        if self.is(Twist::KeyRevoked) {
            let Who { id, key, .. } = &self.bidders[1];
            self.revoke(*id, key.verifying().clone());
        }
    }

    /// The platform says that it was down over the old deadline, for a minute, and an operator
    /// registers it; in one of the two cases three custodians have cosigned meanwhile.
    pub(super) fn say_outage(&mut self, amendment: &mut Amendment) {
        if !matches!(self.twist, Twist::OutageOver | Twist::OutageSeen) {
            return;
        }
        let (old, text) = (DEADLINE.plus(-30 * MINUTE), "停电".to_owned());
        let (from, until) = (old.plus(-10_000), old.plus(MINUTE));
        let (prev_sha256, unit_id) = (amendment.prev_sha256, amendment.unit_id);
        let registered = Outage { prev_sha256, text: text.clone(), unit_id };
        let registered = Statement::signed(registered, &self.keys.operator).unwrap();
        self.note(&registered);
        amendment.reason = AmendmentReason::Outage { from, until, text };
    }

    /// A second postponement, behind the close.
    pub(super) fn amend_late(&mut self, id: UnitId, prev: Hash) {
        if self.is(Twist::AmendmentPlace) {
            let reason = AmendmentReason::Postponed { text: "延期".into() };
            let (deadline, open_at) = (DEADLINE.plus(1), OPEN_AT);
            let body =
                Amendment { deadline, no: 2, open_at, prev_sha256: prev, reason, unit_id: id };
            self.sign_amendment(body);
        }
    }

    /// Who stops a release.
    pub(super) fn suspender(&self) -> Option<&SigningKey> {
        match self.twist {
            Twist::Suspended => Some(&self.keys.regulator),
            // That of the roster after the unit's.
            Twist::SuspensionForeign => Some(&self.keys.next[1]),
            _ => None,
        }
    }

    pub(super) fn signed_opening(&self, mut body: Opening) -> Statement<Opening> {
        let shown = |line: &&mut OpenedLine| line.bidder == self.bidders[4].id;
        let line = body.lines.iter_mut().find(shown);
        match (self.twist, line) {
            (Twist::OpeningOtherClose, _) => body.close_sha256 = Hash::of(b"another close"),
            (Twist::OpeningEarly, _) => body.opened_at = OPEN_AT.plus(-1),
            (Twist::LineManifest, Some(line)) => line.manifest = "no manifest".into(),
            (Twist::LineSalt, Some(line)) => line.salt = Hash::of(b"another salt"),
            (Twist::LineBidder, Some(line)) => line.bidder = self.buyer.id,
            (Twist::LineTime, Some(line)) => line.arrived_at = line.arrived_at.plus(-1),
            _ => {}
        }
        let other = self.is(Twist::OpeningByOther);
        let by = if other { &self.keys.next[0] } else { &self.keys.platform };
        Statement::signed(body, by).unwrap()
    }

    /// What is said of shares after the opening.
    pub(super) fn shares(&mut self, unit_id: UnitId) {
        let (place, found) = match self.twist {
            // One of its shares does not open.
            Twist::SharesFalse => (1, SharesFound::Checked(Vec::new())),
            Twist::SharesAbsent => (1, SharesFound::Absent),
            Twist::SharesOfNobody => (2, SharesFound::Absent),
            _ => return,
        };
        let custodian = self.roster.body().custodians[place].id.clone();
        self.line(&OpeningEvent::Shares { custodian, found, unit_id }, Shown::Public);
    }

    /// A custodian's note that it received a bid.
    pub fn lodged_word(&self, bidder: usize, entered: &Entered, arrived_at: Time) -> String {
        let event: BidEvent = json::parse(&entered.event).unwrap();
        let BidEvent::Accepted { manifest_sha256, unit_id, .. } = event else { panic!("no bid") };
        let custodian = "c1".parse().unwrap();
        let bidder = self.bidders[bidder].id;
        let body = Lodged { arrived_at, bidder, custodian, manifest_sha256, unit_id };
        Statement::signed(body, &self.keys.statement[0]).unwrap().encode()
    }
}
