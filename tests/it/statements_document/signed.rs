//! One example of everything that somebody signs.

use super::*;

impl Story {
    pub(super) fn of_bodies(&self) -> Vec<String> {
        let application = Application {
            contact: "li@example.org".into(),
            enterprise: enterprise(2),
            key: bidder(40).verifying().clone(),
            kind: Kind::Enterprise,
            name: "某建设有限公司".into(),
            uscc: "91350100M000100Y43".into(),
        };
        let application_sha256 = Statement::new(application.clone()).unwrap().sha256();
        let verified = Verified {
            application_sha256,
            enterprise: enterprise(2),
            key: application.key.clone(),
            kind: Kind::Enterprise,
            name: application.name.clone(),
            uscc: application.uscc.clone(),
        };
        let declined = Declined {
            application_sha256,
            enterprise: enterprise(2),
            reason: "the licence is unreadable".into(),
        };
        let rotation = KeyRotation {
            enterprise: enterprise(2),
            new_key: bidder(41).verifying().clone(),
            old_key: bidder(40).verifying().clone(),
        };
        let revocation = KeyRevocation {
            enterprise: enterprise(2),
            key: bidder(41).verifying().clone(),
            reason: "the laptop was stolen".into(),
        };
        let login = Login {
            at: NINE,
            key: bidder(40).verifying().clone(),
            nonce: Hash::from_bytes([6; 32]),
            origin: ORIGIN.into(),
        };
        vec![
            text(application),
            text(verified),
            text(declined),
            text(rotation),
            text(revocation),
            text(login),
        ]
    }

    pub(super) fn of_tender(&self) -> Vec<String> {
        let document = DocumentRef {
            document: format!("doc_{:032x}", 1).parse().unwrap(),
            name: "招标文件.pdf".into(),
            sha256: Hash::of(b"document"),
            size: 8,
        };
        let lot = LotNotice { lot: unit().lot, title: "Lot 1".into(), units: vec![self.unit_id] };
        let notice = Notice {
            documents: vec![document],
            lots: vec![lot],
            procuring_entity: enterprise(1),
            rule_pack_sha256: Hash::of(b"pack"),
            tender: unit().tender,
            title: "道路工程".into(),
        };
        let later = NINE.plus(90_000_000);
        let amendment = |no, prev_sha256, reason| {
            text(Amendment {
                deadline: later,
                no,
                open_at: later,
                prev_sha256,
                reason,
                unit_id: self.unit_id,
            })
        };
        let first = Statement::new(unit()).unwrap().sha256();
        let postponed = AmendmentReason::Postponed { text: "more time".into() };
        let until = NINE.plus(600_000);
        let outage = AmendmentReason::Outage { from: NINE, until, text: "power".into() };
        vec![
            text(roster().body().clone()),
            text(notice),
            text(unit()),
            amendment(1, first, postponed),
            amendment(1, first, outage),
            text(Outage { prev_sha256: first, text: "power".into(), unit_id: self.unit_id }),
        ]
    }

    pub(super) fn of_bid(&self) -> Vec<String> {
        let manifest_sha256 = self.manifest.sha256();
        let (unit_id, arrived_at) = (self.unit_id, NINE);
        let bidder = signer(self.manifest.note()).unwrap();
        let query = |about| text(Query { about, at: NINE, custodian: custodian(1), unit_id });
        vec![
            text(self.manifest.body().clone()),
            text(Withdrawal { manifest_sha256, seq: 2, unit_id }),
            text(Lodged { arrived_at, bidder, custodian: custodian(1), manifest_sha256, unit_id }),
            query(QueryAbout::Lodged),
            query(QueryAbout::Challenges),
            query(QueryAbout::Release),
        ]
    }

    pub(super) fn of_opening(&self) -> Vec<String> {
        let (unit_id, close_sha256) = (self.unit_id, self.close_sha256());
        let opened = OpenedLine {
            arrived_at: NINE,
            bidder: enterprise(2),
            fault: None,
            line: self.line(),
            manifest: self.manifest.encode(),
            outcome: LineStatus::Opened { offer: offer(), payload_sha256: Hash::of(b"payload") },
            salt: self.salt,
        };
        let release = Release {
            close_sha256,
            custodian: custodian(1),
            identity: unit_identity(&[31; 32], &unit_id.0).encode().to_string(),
            unit_id,
        };
        let challenged = Challenged {
            close_sha256,
            custodian: custodian(1),
            received_at: NINE,
            line: self.line(),
            verdict: Verdict::Open,
            unit_id,
        };
        let void = Void {
            close_sha256: Some(close_sha256),
            fault: Some(Fault::Platform),
            reason: VoidReason::Challenge,
            unit_id,
        };
        let state = SuspensionState::Suspended;
        let opening = Opening {
            close_sha256,
            lines: vec![opened],
            opened_at: NINE,
            releases: vec![custodian(1), custodian(3)],
            unit_id,
        };
        vec![
            text(self.close.clone()),
            text(challenged),
            text(Order { close_sha256, lines: self.close.lines.clone(), unit_id }),
            text(Suspension { no: 1, reason: "a complaint".into(), state, unit_id }),
            text(release),
            text(opening),
            text(void),
        ]
    }

    pub(super) fn of_record(&self) -> Vec<String> {
        let last_checkpoint = Held { root: Hash::of(b"root"), size: 9 };
        vec![text(Succession {
            last_checkpoint,
            new_log_key: key("/2", 50).verifying().clone(),
            new_origin: format!("{ORIGIN}/2"),
            old_origin: ORIGIN.into(),
            reason: SuccessionReason::LostTail,
        })]
    }
}
