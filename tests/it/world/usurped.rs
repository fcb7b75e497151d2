//! Does an agent take the word of a key that the operator vouched for after the fact?

use sealbid::bid::statements::{BidEvent, Withdrawal};
use sealbid::crypto::json;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::note::NoteError;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::agent::{self, Refusal};
use sealbid::custodian::wire::{Account, AskAmendment, AskChallenge};
use sealbid::enterprise::statements::{KeyRevocation, KeyRotation, Verified};
use sealbid::ids::UnitId;
use sealbid::opening::statements::Verdict;
use sealbid::record::disclosure::Level;
use sealbid::tender::statements::{Amendment, AmendmentReason};

use super::World;
use super::bidders::Body;
use super::record::{Hand, proposed};
use super::refusals::{BID, agent, state, world};

/// How a body came by another key.
#[derive(Clone, Copy)]
enum How {
    /// The operator revoked the old one and vouched for this one.
    Usurped,
    /// The old one handed over to it.
    Rotated,
}

/// The body's next key, and the statements that show it.
fn next(world: &World, body: &Body, how: How) -> (SigningKey, Vec<String>) {
    let name = body.key.verifying().name();
    let new = SigningKey::from_seed(name, KeyKind::Statement, &[77; 32]).unwrap();
    let (old_key, new_key) = (body.key.verifying().clone(), new.verifying().clone());
    let mut notes = body.credentials();
    let (enterprise, operator) = (body.id, &world.keys.operator);
    match how {
        How::Usurped => {
            let gone = KeyRevocation { enterprise, key: old_key, reason: "lost".to_owned() };
            notes.push(Statement::signed(gone, operator).unwrap().encode());
            let again = Verified { key: new_key, ..body.verified.body().clone() };
            notes.push(Statement::signed(again, operator).unwrap().encode());
        }
        How::Rotated => {
            let handed = KeyRotation { enterprise, new_key, old_key };
            let mut handed = Statement::signed(handed, &body.key).unwrap();
            handed.sign(&new);
            notes.push(handed.encode());
        }
    }
    (new, notes)
}

fn record(world: &mut World, level: Level, event: Vec<u8>) -> String {
    let now = world.now();
    let index = world.record.append(Hand::Rival, level, now, event).unwrap();
    world.publish();
    world.witness();
    world.record.latest_receipt(index).encode()
}

/// What an agent finds of a bid that the close lacks, when the platform shows its withdrawal.
fn judged(how: How) -> Result<Verdict, Refusal> {
    let (mut world, id) = world(0, &[BID]);
    let bid = &world.row(&id).accepted[0];
    let (index, bidder, manifest) = (bid.index, bid.bidder, bid.manifest.clone());
    let body = world.bidders.iter().find(|body| body.id == bidder).unwrap();
    let (key, credentials) = next(&world, body, how);
    let manifest_sha256 = manifest.sha256();
    let seq = manifest.body().seq + 1;
    let withdrawal = Withdrawal { manifest_sha256, seq, unit_id: id };
    let withdrawal = Statement::signed(withdrawal, &key).unwrap().encode();
    let arrived_at = world.now();
    let event = BidEvent::Withdrawn { arrived_at, manifest_sha256, unit_id: id, withdrawal };
    let event = json::to_string(&event).unwrap().into_bytes();
    let later = Some(record(&mut world, Level::Sealed(id), event));
    let accepted = world.record.latest_receipt(index).encode();
    let account = Account { accepted, credentials, later };
    let close = world.row(&id).terms.close(Vec::new(), world.record.size(), id);
    let mut close = Statement::new(close).unwrap();
    close.sign(&world.keys.platform);
    world.agents.each.iter().for_each(|custodian| close.sign(&custodian.keys.statement));
    let unit = world.row(&id).unit.encode();
    let ask = AskChallenge { account: account.into(), close: close.encode(), unit };
    let found = agent::challenge(&agent(&world, &state(&world), world.truth()), &ask);
    found.map(|(_, challenged)| challenged.body().verdict)
}

fn unsigned() -> Refusal {
    Refusal::Signature(NoteError::MissingSignature)
}

#[test]
fn a_withdrawal_by_a_key_vouched_for_later_does_not_explain_a_missing_line() {
    assert_eq!(judged(How::Usurped), Err(unsigned()));
    assert_eq!(judged(How::Rotated), Ok(Verdict::Answered), "the bidder's own next key");
}

fn amended(how: How) -> Option<Refusal> {
    let (mut world, unit_id): (World, UnitId) = world(0, &[]);
    let row = world.row(&unit_id);
    let body = Amendment {
        deadline: row.terms.deadline.plus(30_000),
        no: 1,
        open_at: row.terms.open_at.plus(30_000),
        prev_sha256: row.unit.sha256(),
        reason: AmendmentReason::Postponed { text: "more time".to_owned() },
        unit_id,
    };
    let (key, credentials) = next(&world, &world.buyer, how);
    let mut amendment = Statement::signed(body, &key).unwrap();
    amendment.sign(&world.keys.platform);
    let event = proposed(unit_id, &amendment);
    let proposed = record(&mut world, Level::Public, event);
    let ask = AskAmendment { amendment: amendment.encode(), credentials, proposed, unit_id };
    agent::sign_amendment(&agent(&world, &state(&world), world.truth()), &ask).err()
}

#[test]
fn a_postponement_by_a_key_vouched_for_after_the_unit_is_not_signed() {
    assert_eq!(amended(How::Usurped), Some(unsigned()));
    assert_eq!(amended(How::Rotated), None, "the buyer's own next key");
}
