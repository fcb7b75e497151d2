//! Does a deadline move only for those who asked before it, and does everybody who acts on it later
//! know where it went?

use sealbid::clock::Clock as _;
use sealbid::crypto::json;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::agent::{self, Refusal};
use sealbid::custodian::wire::{AskAmendment, AskRelease};
use sealbid::enterprise::credential_notes;
use sealbid::opening::rules::UnitState;
use sealbid::opening::statements::{OpeningEvent, Query, QueryAbout};
use sealbid::record::append::Event;
use sealbid::record::disclosure::Level;
use sealbid::record::store as record;
use sealbid::tender::statements::{Amendment, AmendmentReason};

use crate::interruptions::postpone;
use crate::on_both;
use crate::opening_world::{BY_TIME, DEADLINE, OPEN_AT, Spoil, World, id, platform_key, who};
use crate::support::TestBase;

/// Two minutes more for everything.
const LATER: i64 = 120_000;

fn with_a_bid(base: TestBase) -> World {
    let world = World::start(base, 1, BY_TIME);
    world.accept(1, &world.seal(1, 1, Spoil::Nothing));
    world
}

/// What a custodian is shown so that it releases, under the last checkpoint.
fn ask_release(world: &World, custodian: u8, close_receipt: String) -> AskRelease {
    let row = world.row();
    let last = world.published();
    let (about, at) = (QueryAbout::Release, world.base.clock.now());
    let query = Query { about, at, custodian: id(custodian), unit_id: world.id };
    AskRelease {
        checkpoint: world.db.read(|conn| record::cosigned_note(conn, &last)).unwrap().encode(),
        close_receipt,
        credentials: Vec::new(),
        lodged: Vec::new(),
        order: None,
        query: Statement::signed(query, &platform_key()).unwrap().encode(),
        unit: row.unit.encode(),
    }
}

on_both! {
    fn a_custodian_that_slept_through_an_amendment_releases_no_earlier_than_the_others(base: TestBase) {
        let world = with_a_bid(base);
        world.agents.sleep(&[5]);
        postpone(&world, LATER);
        world.to(DEADLINE.plus(LATER));
        world.settle(4);
        assert_eq!(world.row().state, UnitState::Closed);
        let receipt = world.receipt_at(world.row().close_index.unwrap());
        world.agents.sleep(&[]);
        // Its window is over, and so is the hour of opening that the unit names.
        let early = OPEN_AT.plus(LATER - 20_000);
        world.to(early);
        world.note();
        world.beat();
        let asked = |custodian: u8| {
            let ask = ask_release(&world, custodian, receipt.clone());
            world.agents.decide(&id(custodian), |agent| agent::release(agent, &ask)).err()
        };
        for custodian in [1, 5] {
            assert_eq!(asked(custodian), Some(Refusal::TooEarlyToRelease), "{custodian}");
        }
        assert_eq!(world.agents.state(5).units[&world.id].amendment_no, 0, "it still knows of none");
        world.to(OPEN_AT.plus(LATER));
        world.note();
        world.beat();
        assert_eq!((asked(1), asked(5)), (None, None));
    }
}

on_both! {
    fn a_postponement_asked_after_the_deadline_is_signed_by_no_custodian_that_could_close(base: TestBase) {
        let world = with_a_bid(base);
        let row = world.row();
        let postponed = Amendment {
            deadline: row.terms.deadline.plus(LATER),
            no: 1,
            open_at: row.terms.open_at.plus(LATER),
            prev_sha256: row.last_sha256,
            reason: AmendmentReason::Postponed { text: "a favourite is late".to_owned() },
            unit_id: world.id,
        };
        let mut postponed = Statement::signed(postponed, &who(0).1).unwrap();
        postponed.sign(&platform_key());
        let event = OpeningEvent::Proposed {
            statement: postponed.encode(),
            statement_sha256: postponed.sha256(),
            unit_id: world.id,
        };
        let bytes = json::to_string(&event).unwrap().into_bytes();
        let (kind, level, unit) = ("sealbid/proposed/v1", Level::Public, Some(world.id));
        let record = || {
            let bytes = bytes.clone();
            let at = world.act(move |tx| tx.record(Event { kind, level, unit, bytes }));
            world.beat();
            world.receipt_at(at.index)
        };
        let entity = who(0).0;
        let credentials = world.db.read(|conn| credential_notes(conn, entity)).unwrap();
        let asked = |proposed: String| {
            let (amendment, credentials) = (postponed.encode(), credentials.clone());
            let ask = AskAmendment { amendment, credentials, proposed, unit_id: world.id };
            world.agents.decide(&id(1), |agent| agent::sign_amendment(agent, &ask)).err()
        };
        world.to(DEADLINE.plus(-1));
        let early = record();
        world.to(DEADLINE.plus(30_000));
        let late = record();
        assert_eq!(asked(late), Some(Refusal::AskedLate));
        assert_eq!(asked(early), None, "what stood there before it is signed at any hour");
    }
}
