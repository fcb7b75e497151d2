//! Rows of before the deadline, put in by hand: their making is another question.

use diesel::prelude::*;
use sealbid::bid::rules::Refused;
use sealbid::bid::statements::{BidEvent, Fault, Withdrawal};
use sealbid::bid::store::insert_refused;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::json;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::statement::{Body as _, Statement};
use sealbid::custodian::agent::Refusal;
use sealbid::custodian::client::Answer;
use sealbid::custodian::roster::Roster;
use sealbid::db::schema::{credential, lot, tender, unit};
use sealbid::db::{Error, Tx};
use sealbid::enterprise::statements::{KeyRevocation, KeyRotation, Kind, Verified};
use sealbid::error::Refusal as _;
use sealbid::ids::{LotId, TenderId, UnitId};
use sealbid::on_each;
use sealbid::opening::statements::OpeningEvent;
use sealbid::record::append::Event;
use sealbid::record::disclosure::Level;
use sealbid::tender::statements::{
    Amendment, LotNotice, Notice, ReleaseBy, SUITE, Stage, Unit, UnitRecipient,
};
use sealbid::tender::units;
use serde::Serialize;

use super::agents::Agents;
use super::{CHALLENGE, DEADLINE, N, OPEN_AT, T, World, key, who};
use crate::support::START;

/// The operator's word about a body's key.
pub fn vouched(number: u16) -> String {
    let (enterprise, own) = who(number);
    let verified = Verified {
        application_sha256: Hash::of(b"application"),
        enterprise,
        key: own.verifying().clone(),
        kind: if number == 0 { Kind::Organisation } else { Kind::Enterprise },
        name: "某公司".into(),
        uscc: "000000000000000000".into(),
    };
    Statement::signed(verified, &key("/operator/o", 4)).unwrap().encode()
}

/// The key that a body hands over to.
pub fn next_key(number: u16) -> SigningKey {
    let own = who(number).1;
    SigningKey::from_seed(own.verifying().name(), KeyKind::Statement, &[200; 32]).unwrap()
}

/// A body's word that its next key speaks for it from now on.
fn rotation(number: u16) -> String {
    let ((enterprise, old), new) = (who(number), next_key(number));
    let (old_key, new_key) = (old.verifying().clone(), new.verifying().clone());
    let mut rotation =
        Statement::signed(KeyRotation { enterprise, new_key, old_key }, &old).unwrap();
    rotation.sign(&new);
    rotation.encode()
}

impl World {
    pub(super) fn verify(&self, number: u16) {
        let enterprise = who(number).0;
        let note = vouched(number);
        self.act(move |tx| {
            let at = tx.record(public(None, Verified::TYPE, &note))?;
            let row = diesel::insert_into(credential::table).values((
                credential::enterprise.eq(enterprise.to_string()),
                credential::no.eq(1),
                credential::note.eq(note),
                credential::idx.eq(i64::try_from(at.index).unwrap()),
            ));
            on_each!(tx.conn(), |c| row.execute(c))?;
            Ok(())
        });
    }
}

impl World {
    /// The operator revokes a body's key.
    pub fn revoke(&self, number: u16) {
        let (enterprise, own) = who(number);
        let (key_of, reason) = (own.verifying().clone(), "stolen".to_owned());
        let body = KeyRevocation { enterprise, key: key_of, reason };
        let note = Statement::signed(body, &key("/operator/o", 4)).unwrap().encode();
        self.second_statement(number, KeyRevocation::TYPE, note);
    }

    /// A body hands over to its next key.
    pub fn rotate(&self, number: u16) {
        self.second_statement(number, KeyRotation::TYPE, rotation(number));
    }

    fn second_statement(&self, number: u16, kind: &'static str, note: String) {
        let enterprise = who(number).0;
        self.act(move |tx| {
            let at = tx.record(public(None, kind, &note))?;
            let row = diesel::insert_into(credential::table).values((
                credential::enterprise.eq(enterprise.to_string()),
                credential::no.eq(2),
                credential::note.eq(note),
                credential::idx.eq(i64::try_from(at.index).unwrap()),
            ));
            on_each!(tx.conn(), |c| row.execute(c))?;
            Ok(())
        });
    }

    /// Puts an amendment in as proposed now, whoever signed it.
    pub fn ask_amendment(&self, amendment: &Statement<Amendment>) {
        let (statement, statement_sha256) = (amendment.encode(), amendment.sha256());
        let (row, note, unit_id) = (self.row(), statement.clone(), self.id);
        let event = OpeningEvent::Proposed { statement, statement_sha256, unit_id };
        let event = public(Some(unit_id), "sealbid/proposed/v1", &json::to_string(&event).unwrap());
        self.act(move |tx| {
            let at = tx.record(event)?;
            units::set_pending(tx, &row, &note, at.index)
        });
    }

    /// Another unit of the tender that never took effect, and a bid that was refused for it.
    pub fn lapsed(&self) {
        let body = Unit { nonce: Hash::of(b"lapsed"), ..self.unit.body().clone() };
        let id = body.id().unwrap();
        let note = Statement::signed(body.clone(), &who(0).1).unwrap().encode();
        let asked = Withdrawal { manifest_sha256: Hash::of(b"m"), seq: 2, unit_id: id };
        let refused = BidEvent::Refused {
            arrived_at: START,
            code: "not-open".into(),
            fault: Fault::Bidder,
            provisional: false,
            statement: Statement::signed(asked, &who(1).1).unwrap().encode(),
            unit_id: id,
        };
        let bytes = json::to_string(&refused).unwrap().into_bytes();
        self.act(move |tx| {
            let (kind, level) = ("sealbid/refused/v1", Level::Sealed(id));
            let refused = tx.record(Event { kind, level, unit: Some(id), bytes })?;
            let row = diesel::insert_into(unit::table).values((
                unit::unit_id.eq(id.to_string()),
                unit::tender.eq(body.tender.to_string()),
                unit::lot.eq(body.lot.to_string()),
                unit::stage.eq(body.stage.code()),
                unit::note.eq(note),
                unit::state.eq("lapsed"),
                unit::deadline.eq(body.deadline.millis()),
                unit::open_at.eq(body.open_at.millis()),
                unit::challenge_ms.eq(body.challenge_ms),
                unit::min.eq(i64::from(body.min)),
                unit::release_by.eq("time"),
                unit::t.eq(i64::from(T)),
                unit::n.eq(i64::from(N)),
                unit::proposed_index.eq(refused.index as i64),
                unit::last_sha256.eq(vec![0_u8; 32]),
            ));
            on_each!(tx.conn(), |c| row.execute(c))?;
            Ok(())
        });
    }

    /// Writes that a note was refused with this code, as an honest platform or a lying one does.
    pub fn refuse(&self, note: &str, refused: Refused) {
        let (id, code, sha256) = (self.id, refused.code(), Hash::of(note.as_bytes()));
        let arrived_at = DEADLINE.plus(if refused == Refused::Undecided { -1 } else { 0 });
        let event = BidEvent::Refused {
            arrived_at,
            code: code.to_owned(),
            fault: refused.fault(),
            provisional: false,
            statement: note.to_owned(),
            unit_id: id,
        };
        let bytes = json::to_string(&event).unwrap().into_bytes();
        let level = Level::Sealed(id);
        let event = Event { kind: "sealbid/refused/v1", level, unit: Some(id), bytes };
        self.act(move |tx| {
            let recorded = tx.record(event)?;
            insert_refused(tx, id, &sha256, code, recorded.index)
        });
    }
}

pub(super) fn public(unit: Option<UnitId>, kind: &'static str, text: &str) -> Event {
    Event { kind, level: Level::Public, unit, bytes: text.as_bytes().to_vec() }
}

pub(super) fn draft(
    roster: &Statement<Roster>,
    agents: &Agents,
    min: u32,
    release: ReleaseBy,
) -> Unit {
    let mut unit = Unit {
        challenge_ms: CHALLENGE,
        deadline: DEADLINE,
        issued_at: START,
        lot: format!("lot_{:032x}", 1).parse::<LotId>().unwrap(),
        min,
        nonce: Hash::of(b"nonce"),
        open_at: OPEN_AT,
        procuring_entity: who(0).0,
        recipients: Vec::new(),
        release,
        roster_sha256: roster.sha256(),
        stage: if release == ReleaseBy::Order { Stage::Commercial } else { Stage::Single },
        suite: SUITE.into(),
        t: T,
        tender: format!("tnd_{:032x}", 1).parse::<TenderId>().unwrap(),
    };
    let id = unit.id().unwrap();
    for member in &roster.body().custodians {
        let recipient = agents.recipient(&member.id, &id);
        unit.recipients.push(UnitRecipient { custodian: member.id.clone(), recipient });
    }
    unit
}

/// The notice of a tender with one unit.
pub(super) fn notice(id: UnitId, unit: &Unit) -> Statement<Notice> {
    let lot = LotNotice { lot: unit.lot, title: "l".into(), units: vec![id] };
    let body = Notice {
        documents: Vec::new(),
        lots: vec![lot],
        procuring_entity: unit.procuring_entity,
        rule_pack_sha256: Hash::from_bytes([0; 32]),
        tender: unit.tender,
        title: "t".into(),
    };
    Statement::signed(body, &who(0).1).unwrap()
}

pub(super) fn insert_unit(
    tx: &mut Tx<'_>,
    id: UnitId,
    note: &str,
    body: &Unit,
    (noticed, [proposed, index], sha256): (u64, [u64; 2], Hash),
) -> Result<(), Error> {
    let row = diesel::insert_into(tender::table).values((
        tender::id.eq(body.tender.to_string()),
        tender::procuring_entity.eq(body.procuring_entity.to_string()),
        tender::title.eq("t"),
        tender::state.eq("published"),
        tender::plan.eq(format!(
            r#"{{"title":"t","documents_until":{},"lots":[]}}"#,
            body.deadline.millis()
        )),
        tender::notice_index.eq(noticed as i64),
        tender::drafted_at.eq(0),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    let row = diesel::insert_into(lot::table).values((
        lot::id.eq(body.lot.to_string()),
        lot::tender.eq(body.tender.to_string()),
        lot::no.eq(1),
        lot::title.eq("l"),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    let by = if body.release == ReleaseBy::Order { "order" } else { "time" };
    let row = diesel::insert_into(unit::table).values((
        unit::unit_id.eq(id.to_string()),
        unit::tender.eq(body.tender.to_string()),
        unit::lot.eq(body.lot.to_string()),
        unit::stage.eq(body.stage.code()),
        unit::note.eq(note),
        unit::state.eq("open"),
        unit::deadline.eq(body.deadline.millis()),
        unit::open_at.eq(body.open_at.millis()),
        unit::challenge_ms.eq(body.challenge_ms),
        unit::min.eq(i64::from(body.min)),
        unit::release_by.eq(by),
        unit::t.eq(i64::from(T)),
        unit::n.eq(i64::from(N)),
        unit::proposed_index.eq(proposed as i64),
        unit::effective_index.eq(index as i64),
        unit::last_sha256.eq(sha256.as_bytes().to_vec()),
        unit::due_at.eq(body.deadline.millis()),
    ));
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}

/// An agent's answer on the wire.
pub fn answer<T: Serialize>(decided: Result<T, Refusal>) -> Answer {
    match decided {
        Ok(reply) => Answer { status: 200, body: serde_json::to_vec(&reply).unwrap() },
        Err(refusal) => {
            let body = serde_json::json!({ "code": refusal.code() }).to_string().into_bytes();
            Answer { status: 409, body }
        }
    }
}
