//! Is an amendment asked at once, whoever is silent and whatever else waits for the custodians?

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealbid::auth::Actor;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::Statement;
use sealbid::custodian::chain::Rosters;
use sealbid::custodian::client::{Answer, AskError, Custodians, Pending};
use sealbid::custodian::roster::CustodianId;
use sealbid::ids::UnitId;
use sealbid::tender::consent::ask_pending;
use sealbid::tender::statements::{Amendment, AmendmentReason, Unit};
use sealbid::tender::units;
use sealbid::tender::{Platform, amend};
use sealbid::timer;
use tokio::sync::{Barrier, Notify};
use tokio::time::{sleep, timeout};

use crate::on_both;
use crate::opening_world::{BY_TIME, World, platform_key, who};
use crate::support::{START, wait};

/// Custodians of whom nobody answers about units, and about amendments only when so many questions
/// are under way at once.
struct Silent {
    asked: Mutex<Vec<String>>,
    amendment: Notify,
    together: Barrier,
}

impl Silent {
    fn new(together: usize) -> Self {
        let together = Barrier::new(together);
        Self { asked: Mutex::default(), amendment: Notify::new(), together }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Custodians for Silent {
    fn send<'a>(
        &'a self,
        _: &'a CustodianId,
        path: &'a str,
        _: Option<Vec<u8>>,
    ) -> Pending<'a, Result<Answer, AskError>> {
        self.asked.lock().unwrap().push(path.to_owned());
        Box::pin(async move {
            if path != "/amendment" {
                std::future::pending::<()>().await;
            }
            self.amendment.notify_one();
            self.together.wait().await;
            Err(AskError::Silent("asleep".to_owned()))
        })
    }

    fn download<'a>(
        &'a self,
        _: &'a CustodianId,
        _: &'a str,
        _: Vec<u8>,
        _: &'a Path,
    ) -> Pending<'a, Result<(), AskError>> {
        Box::pin(std::future::pending())
    }
}

/// The world's platform, which asks these custodians.
fn with_wire(world: &World, wire: &Arc<Silent>) -> Platform {
    let chain = world.platform.rosters.chain().clone();
    let wire: Arc<dyn Custodians> = wire.clone();
    let rosters = Rosters::new(chain, |_| Ok::<_, AskError>(wire.clone())).unwrap();
    Platform { rosters: Arc::new(rosters), ..world.platform.clone() }
}

/// The buyer's word that the world's unit is postponed.
fn postponement(world: &World) -> String {
    let row = world.row();
    let body = Amendment {
        deadline: row.terms.deadline.plus(60_000),
        no: 1,
        open_at: row.terms.open_at.plus(60_000),
        prev_sha256: row.last_sha256,
        reason: AmendmentReason::Postponed { text: "more time".to_owned() },
        unit_id: world.id,
    };
    Statement::signed(body, &who(0).1).unwrap().encode()
}

/// So many units proposed that no custodian has signed.
fn propose(world: &World, count: u8) {
    let mut unit = Statement::<Unit>::signed(world.unit.body().clone(), &who(0).1).unwrap();
    unit.sign(&platform_key());
    world.act(move |tx| {
        tx.unrecorded("another's large draft");
        for n in 0..count {
            let id = UnitId(Hash::of(&[n]));
            units::insert_unit(tx, id, &unit, 0, START.plus(3_600_000))?;
        }
        Ok(())
    });
}

on_both! {
    fn silent_custodians_of_a_large_draft_keep_no_amendment_waiting(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        propose(&world, 40);
        let (wire, note) = (Arc::new(Silent::new(1)), postponement(&world));
        let platform = with_wire(&world, &wire);
        let story = async {
            while !wire.asked().iter().any(|path| path == "/unit") {
                sleep(Duration::from_millis(5)).await;
            }
            let (p, buyer) = (&world.platform, Actor::Buyer(who(0).0));
            amend::postpone(p, &buyer, &note).await.unwrap();
            p.sequencer.tick().await.unwrap();
            wire.amendment.notified().await;
        };
        wait(async {
            tokio::select! {
                () = timer::run(world.opener(), &platform) => panic!("it ended"),
                told = timeout(Duration::from_secs(20), story) => told.unwrap(),
            }
        });
    }
}

on_both! {
    fn amendments_are_asked_first_and_side_by_side(base: TestBase) {
        let world = World::start(base, 1, BY_TIME);
        propose(&world, 1);
        let buyer = Actor::Buyer(who(0).0);
        wait(amend::postpone(&world.platform, &buyer, &postponement(&world))).unwrap();
        world.beat();
        let columns = "tender, lot, stage, note, state, deadline, open_at, challenge_ms, min, \
                       release_by, t, n, proposed_index, last_sha256, amendment_pending, \
                       amendment_index";
        for n in 1..4 {
            let copy = format!("SELECT '{n:064}', {columns} FROM unit WHERE unit_id = '{}'", world.id);
            world.base.meddle(&format!("INSERT INTO unit (unit_id, {columns}) {copy}")).unwrap();
        }
        let wire = Arc::new(Silent::new(20));
        let platform = with_wire(&world, &wire);
        // The draft's five are all that is left, and never answer.
        wait(async {
            let asked = ask_pending(&platform);
            timeout(Duration::from_secs(3), asked).await.unwrap_err()
        });
        let asked = wire.asked();
        assert_eq!(asked[..20], vec!["/amendment"; 20]);
        assert_eq!(asked[20..], vec!["/unit"; 5]);
    }
}
