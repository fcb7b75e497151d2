//! What bidders challenge while the platform dies of it: a bid that the platform lost, which it cannot
//! answer, and one that its bidder replaced, which it can.

use diesel::prelude::*;
use sealbid::bid::statements::Fault;
use sealbid::crypto::statement::{Body as _, Statement};
use sealbid::db::schema::envelope;
use sealbid::db::{Error, Tx};
use sealbid::ids::UnitId;
use sealbid::on_each;
use sealbid::opening::statements::{Challenged, Verdict, Void, VoidReason};
use sealbid::record::store;

use super::Story;
use crate::server::CUSTODIANS;
use crate::support::{TestBase, wait};

/// The platform takes a unit's bids for withdrawn, and has nobody's word for it.
pub fn lose(base: &TestBase, unit: UnitId) {
    let forget = move |tx: &mut Tx<'_>| {
        tx.unrecorded("a test's hand");
        let of = envelope::table.filter(envelope::unit.eq(unit.to_string()));
        let change = diesel::update(of).set(envelope::state.eq("withdrawn"));
        let changed = on_each!(tx.conn(), |c| change.execute(c))?;
        assert_eq!(changed, 1);
        Ok::<_, Error>(())
    };
    base.open().write_blocking(forget).unwrap();
}

impl Story {
    /// A bidder shows its receipt to every custodian and then to the platform, again after every death.
    pub fn challenge(&mut self, phase: &str, bidder: usize, receipt: &str) {
        self.served.phase(phase);
        let client = self.play.client(&self.play.bidders[bidder].key);
        loop {
            let before = self.served.deaths();
            assert!(before < 300, "it dies of everything");
            let found = wait(async {
                tokio::select! {
                    found = client.challenge(&self.play.pinned, receipt, None) => Some(found),
                    () = self.served.died_after(before) => None,
                }
            });
            self.acknowledged.head(&self.play);
            match found {
                Some(Ok(found)) if self.served.deaths() == before => {
                    assert_eq!(found.len(), usize::from(CUSTODIANS));
                    for custodian in found {
                        let verdict = custodian.verdict.unwrap();
                        assert_ne!(verdict, Verdict::Finding, "the window is not over");
                    }
                    return;
                }
                Some(Err(failed)) => assert!(self.served.deaths() > before, "{failed:?}"),
                Some(Ok(_)) | None => {}
            }
        }
    }
}

/// The record holds each custodian's word once: about the lost bid nothing but open challenges, and the
/// void by the platform's fault; about the replaced one the last word is an answer.
pub fn stands(base: &TestBase, (opens, lossy): (UnitId, UnitId)) {
    let events = |unit: UnitId, kind: &'static str| -> Vec<Vec<u8>> {
        let entries = base.open().read(|conn| store::entries_of_unit(conn, &unit, kind)).unwrap();
        entries.into_iter().map(|entry| entry.event).collect()
    };
    let found = |unit| {
        let all = events(unit, Challenged::TYPE);
        let body = |event: &Vec<u8>| Statement::<Challenged>::parse(event).unwrap().body().clone();
        let mut words: Vec<_> =
            all.iter().map(body).map(|it| (it.custodian.to_string(), it.verdict)).collect();
        words.sort_by_key(|(custodian, _)| custodian.clone());
        words
    };
    let custodians: Vec<String> = (1..=CUSTODIANS).map(|n| format!("c{n}")).collect();
    let each = |verdicts: &[Verdict]| -> Vec<(String, Verdict)> {
        let of = |custodian: &String| verdicts.iter().map(|it| (custodian.clone(), *it)).collect();
        custodians.iter().flat_map::<Vec<_>, _>(of).collect()
    };
    assert_eq!(found(lossy), each(&[Verdict::Open]));
    assert_eq!(found(opens), each(&[Verdict::Open, Verdict::Answered]));
    let voids = events(lossy, Void::TYPE);
    let void = Statement::<Void>::parse(&voids[0]).unwrap().body().clone();
    assert_eq!((voids.len(), void.reason), (1, VoidReason::Challenge));
    assert_eq!(void.fault, Some(Fault::Platform));
}
