//! Is everybody of a crowd at the deadline told what became of its bid, and is that what becomes of it?

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use sealbid::bid::rules::line;
use sealbid::bid::statements::{BidEvent, Fault};
use sealbid::cli::bid::{Accepted, Sending, read};
use sealbid::cli::client::{Access, Client};
use sealbid::cli::failed::{Failed, Told};
use sealbid::cli::output::Silent;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::json;
use sealbid::crypto::statement::Statement;
use sealbid::ids::UnitId;
use sealbid::opening::statements::{Close, LineStatus};
use sealbid::record::proof::Receipt;
use sealbid::record::store;
use sealbid::tender::statements::Stage;
use sealbid::verify::{Receipts, Trust, Verdict, verify_bytes};
use serde_json::Value;
use tokio::sync::watch;

use crate::killed::verified;
use crate::on_both;
use crate::play::{DEADLINE, Play, WINDOW, first};
use crate::routes_story::opening;
use crate::server::regulator;
use crate::support::wait;

const BIDDERS: usize = 20;
const UNITS: usize = 10;
const ALL: usize = BIDDERS * UNITS;
/// So many are answered before the last milliseconds begin.
const EARLY: usize = 40;
/// So many come with each millisecond, from 20 before the deadline on.
const EACH: usize = 4;
/// So many come at the deadline and after it.
const LATE: usize = EACH * 20;
/// So many are under way at every step of the clock.
const UNDER_WAY: usize = 24;
/// So long is waited for an answer before the test is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// A bid on its way, and what it was told.
struct Sent {
    bidder: usize,
    unit: UnitId,
    client: Client,
    bid: PathBuf,
    manifest_sha256: Hash,
    told: Option<Result<Accepted, Failed>>,
}

impl Sent {
    fn new(play: &Play, number: usize, units: &[UnitId]) -> Self {
        let (bidder, unit) = (number / UNITS, units[number % UNITS]);
        let bid = play.seal(bidder, &unit, first(), 0);
        let manifest_sha256 = read(&bid).unwrap().manifest.sha256();
        let client = play.client(&play.bidders[bidder].key);
        Self { bidder, unit, client, bid, manifest_sha256, told: None }
    }

    /// Where it remembers its upload.
    fn kept(&self) -> PathBuf {
        self.bid.with_extension("upload")
    }

    /// Uploads ahead, or does no more than log in: then all of it is still to come.
    async fn prepare(&self, is_uploaded: bool) {
        let envelope = read(&self.bid).unwrap();
        if is_uploaded {
            self.client.upload(&envelope.bid, Some(&self.kept()), &Silent).await.unwrap();
        } else {
            self.client.get::<Value>("/bids", Access::Own).await.unwrap();
        }
    }

    async fn submit(&mut self, play: &Play) {
        let kept = self.kept();
        let sending = Sending { kept: Some(&kept), progress: &Silent };
        self.told = Some(self.client.submit(&play.pinned, &self.bid, sending).await);
    }

    fn accepted(&self) -> Option<&Accepted> {
        self.told.as_ref().unwrap().as_ref().ok()
    }

    /// The receipt of its refusal.
    fn refused(&self, play: &Play) -> Option<Receipt> {
        let failed = self.told.as_ref().unwrap().as_ref().err()?;
        let Told { status, code, receipt, .. } = failed.told().expect("a third case");
        assert_eq!((*status, code.as_str()), (409, "bid-late"), "{failed:?}");
        let receipt = receipt.as_ref().expect("a refusal without a receipt");
        Some(play.pinned.receipt(receipt.as_bytes()).unwrap().receipt)
    }
}

/// Has something done for all of them, on several threads.
fn side_by_side(sent: &mut [Sent], act: impl AsyncFn(usize, &mut Sent) + Sync) {
    let share = sent.len().div_ceil(8);
    std::thread::scope(|scope| {
        for (place, some) in sent.chunks_mut(share).enumerate() {
            let act = &act;
            scope.spawn(move || {
                let each = some.iter_mut().enumerate();
                wait(join_all(each.map(|(number, it)| act(place * share + number, it))));
            });
        }
    });
}

/// Sends them all while the clock goes over the deadline, a millisecond with every few answers, and
/// the timer does its work.
fn send_all(play: &Play, sent: &mut [Sent]) {
    let (release, released) = watch::channel(0);
    let (answer, answers) = channel();
    let mut answered = 0;
    let mut until = |number: usize| {
        while answered < number {
            answers.recv_timeout(PATIENCE).expect("nobody is answered any more");
            answered += 1;
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(move || {
            side_by_side(sent, async |number, it| {
                released.clone().wait_for(|released| *released > number).await.unwrap();
                it.submit(play).await;
                answer.send(()).unwrap();
            });
        });
        release.send(EARLY).unwrap();
        until(EARLY);
        let mut sent = EARLY;
        for millisecond in -20..20 {
            play.to(DEADLINE.plus(millisecond));
            sent += EACH;
            release.send(sent).unwrap();
            until(sent - UNDER_WAY);
            if millisecond >= 0 && millisecond % 4 == 0 {
                play.server.tick();
            }
        }
        assert_eq!(sent, ALL);
    });
}

/// What everybody was told: who is in, by unit, and who is late.
fn judge<'a>(play: &Play, sent: &'a [Sent]) -> (Vec<&'a Sent>, Vec<&'a Sent>) {
    let (mut accepted, mut late) = (Vec::new(), Vec::new());
    let mut entries = BTreeSet::new();
    for it in sent {
        let receipt = match it.accepted() {
            Some(told) => told.checked.receipt.clone(),
            None => it.refused(play).unwrap(),
        };
        assert!(entries.insert(receipt.index), "one entry for two");
        match json::parse::<BidEvent>(&receipt.event).unwrap() {
            BidEvent::Accepted { arrived_at, .. } => {
                assert!(arrived_at < DEADLINE);
                accepted.push(it);
            }
            BidEvent::Refused { arrived_at, code, fault, provisional, .. } => {
                assert!(arrived_at >= DEADLINE);
                assert_eq!((code.as_str(), fault, provisional), ("late", Fault::Bidder, false));
                late.push(it);
            }
            other @ BidEvent::Withdrawn { .. } => panic!("{other:?}"),
        }
    }
    (accepted, late)
}

/// Whatever was acknowledged stands in the close, and nothing else; the record has an entry for each.
fn is_closed_over(play: &Play, unit: UnitId, accepted: &[&Sent], late: usize) {
    let close = play.unit(&unit)["close"].as_str().unwrap().to_owned();
    let close = Statement::<Close>::parse(close.as_bytes()).unwrap();
    let own = accepted.iter().map(|it| {
        let receipt = &it.accepted().unwrap().checked.receipt;
        line(receipt.salt.as_bytes(), &it.manifest_sha256)
    });
    let lines: BTreeSet<Hash> = close.body().lines.iter().copied().collect();
    assert_eq!(own.collect::<BTreeSet<_>>(), lines);
    let db = play.server.app().db();
    for (kind, count) in [("sealbid/accepted/v1", accepted.len()), ("sealbid/refused/v1", late)] {
        let entries = db.read(|conn| store::entries_of_unit(conn, &unit, kind)).unwrap();
        assert_eq!(entries.len(), count, "{kind}");
    }
}

/// The receipts of a unit's bidders, accepted or late, say of its case what they must.
fn shown(play: &Play, unit: UnitId, bids: &[&Sent]) {
    let trust = Trust::Roster(play.server.roster.sha256());
    // What was refused is no everybody's business: the regulator's file shows it.
    let token = format!("Bearer {}", play.server.login(&regulator()));
    let path = format!("/api/v1/units/{unit}/case/auditor");
    let case = play.server.ask(Method::GET, &path, &[("authorization", &token)], None);
    let case = wait(case.bytes()).unwrap();
    for it in bids {
        let index = match it.accepted() {
            Some(accepted) => accepted.index,
            None => it.refused(play).unwrap().index,
        };
        let receipt = wait(it.client.receipt(&play.pinned, index)).unwrap();
        assert!(receipt.checked.is_final);
        let own = Receipts::one(receipt.text.as_bytes());
        let report = verify_bytes(&case, Some(&trust), Some(own));
        let claim = report.claims.last().unwrap();
        assert_eq!((claim.id, claim.verdict), ("my-line", Verdict::Ok), "{claim:?}");
    }
}

on_both! {
    fn two_hundred_bids_in_the_last_milliseconds_are_in_or_late_and_each_has_a_receipt(base: TestBase) {
        let play = Play::new(&base, BIDDERS as u64);
        let units = [(); UNITS].map(|()| play.publish(&[Stage::Single])[0]);
        let mut sent: Vec<_> = (0..ALL).map(|number| Sent::new(&play, number, &units)).collect();
        // Every fifth has all of its upload still before it.
        side_by_side(&mut sent, async |number, it| it.prepare(number % 5 != 0).await);
        send_all(&play, &mut sent);
        let (accepted, late) = judge(&play, &sent);
        assert_eq!(accepted.len() + late.len(), ALL);
        assert!(accepted.len() >= EARLY && late.len() >= LATE, "{} in", accepted.len());

        play.to(DEADLINE.plus(1_000));
        units.iter().for_each(|unit| play.until(unit, "closed"));
        play.server.tick();
        play.server.clock.advance(WINDOW + 1);
        units.iter().for_each(|unit| play.until(unit, "opened"));
        for unit in units {
            let of = |all: &[&'_ Sent]| all.iter().filter(|it| it.unit == unit).count();
            let own: Vec<_> = accepted.iter().copied().filter(|it| it.unit == unit).collect();
            is_closed_over(&play, unit, &own, of(&late));
            let opening = opening(&play, &unit);
            assert!(opening.lines.iter().all(|it| matches!(it.outcome, LineStatus::Opened { .. })));
            let opened: BTreeSet<_> = opening.lines.iter().map(|line| line.bidder).collect();
            let own: BTreeSet<_> = own.iter().map(|it| play.bidders[it.bidder].id).collect();
            assert_eq!((opened, opening.lines.len()), (own.clone(), own.len()));
            verified(&play, unit);
        }
        let of_one: Vec<_> = sent.iter().filter(|it| it.unit == units[0]).collect();
        shown(&play, units[0], &of_one);
    }
}
