//! What changes about the record while units run: the roster, and the record's own key.

use super::*;
use sealbid::record::succession::{Held, Succession, SuccessionReason};

impl Maker {
    /// Whether a second roster comes into force.
    fn has_next_roster(&self) -> bool {
        matches!(
            self.twist,
            Twist::NextRoster
                | Twist::NextRosterFew
                | Twist::RosterUnshown
                | Twist::RosterNotInForce
                | Twist::OperatorBefore
                | Twist::OperatorAfter
                | Twist::SuspensionForeign
                | Twist::OpeningByOther
        )
    }

    /// What happens before the units take effect.
    pub(super) fn change_before_units(&mut self) {
        match self.twist {
            Twist::RosterNotInForce => self.next_roster(),
            Twist::OperatorBefore => self.vouch_by_next(),
            _ => {}
        }
    }

    /// What happens while both units take bids.
    pub(super) fn change_amid_bids(&mut self) {
        if self.has_next_roster() && self.next_roster.is_none() {
            self.next_roster();
        }
        match self.twist {
            Twist::NextRoster => self.vouch_by_next(),
            Twist::OperatorAfter => self.vouch_by_first(),
            Twist::Succession
            | Twist::SuccessionFew
            | Twist::SuccessionTree
            | Twist::SuccessionSide => self.succeed(),
            _ => {}
        }
    }

    /// New custodians with new seeds, another operator; platform and regulator stay, unless something
    /// is to be signed by those of another roster.
    fn next_roster(&mut self) {
        let [platform, regulator, operator] = &self.keys.next;
        let n = usize::from(N);
        let mut body = Roster {
            custodians: (0..n).map(|place| member(&self.keys, place, n + place)).collect(),
            operator_keys: vec![operator.verifying().clone()],
            prev_sha256: Some(self.roster.sha256()),
            version: 2,
            ..self.roster.body().clone()
        };
        match self.twist {
            Twist::SuspensionForeign => body.regulator_key = regulator.verifying().clone(),
            Twist::OpeningByOther => body.platform_key = platform.verifying().clone(),
            _ => {}
        }
        let mut roster = Statement::signed(body, &self.keys.regulator).unwrap();
        let count = if self.is(Twist::NextRosterFew) { 3 } else { 4 };
        self.keys.statement[..count].iter().for_each(|key| roster.sign(key));
        if !self.is(Twist::RosterUnshown) {
            self.note(&roster);
        }
        self.next_roster = Some(roster);
    }

    /// The second roster's operator vouches for somebody.
    fn vouch_by_next(&mut self) {
        let verified = self.newcomer(&self.keys.next[2]);
        self.note(&verified);
    }

    fn vouch_by_first(&mut self) {
        let verified = self.newcomer(&self.keys.operator);
        self.note(&verified);
    }

    fn newcomer(&self, operator: &SigningKey) -> Statement<Verified> {
        let Who { id, kind, key } = who(150, Kind::Enterprise);
        self.verified_by(operator, id, kind, key.verifying().clone())
    }

    /// The record goes on under another key and origin.
    fn succeed(&mut self) {
        let size = self.head(DEADLINE.plus(-MINUTE), &[0, 1, 2, 3]);
        let mut root = tree::root(&self.tree().1, size).unwrap();
        if self.is(Twist::SuccessionTree) {
            root = Hash::of(b"another tree");
        }
        let body = Succession {
            last_checkpoint: Held { root, size },
            new_log_key: self.keys.log[1].verifying().clone(),
            new_origin: NEXT_ORIGIN.into(),
            old_origin: ORIGIN.into(),
            reason: SuccessionReason::StolenLogKey,
        };
        let mut succession = Statement::signed(body, &self.keys.regulator).unwrap();
        let count = if self.is(Twist::SuccessionFew) { 3 } else { 4 };
        self.keys.statement[..count].iter().for_each(|key| succession.sign(key));
        self.note(&succession);
        self.log = 1;
    }

    /// Who cosigns the head of all: the custodians of the newest roster too.
    pub(super) fn last_witnesses(&self) -> Vec<usize> {
        let mut witnesses = match self.twist {
            Twist::CheckpointFew => vec![0, 1],
            Twist::HeadBelowQ | Twist::WindowUnseen => vec![0, 1, 4],
            _ => vec![0, 1, 3, 4],
        };
        if self.next_roster.is_some() {
            witnesses.extend([5, 6, 7, 8]);
        }
        witnesses
    }
}
