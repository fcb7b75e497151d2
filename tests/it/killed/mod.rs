//! Does a platform that dies between any two writes keep what it acknowledged, and bring its units
//! to their end?
//!
//! The platform is the real one in a process of its own: its start, its handlers behind a socket, its
//! timer and its feeds, over a clock that stands where the test puts it. It aborts at a write or at a
//! step of the store of files that nobody died at before; it is started again at once, as an operator's
//! supervisor does; and so on, until every write of every act has been the last one once. The
//! custodians live on, and the bidders' own client goes on as it does after any broken connection.

mod challenged;
mod points;
mod served;
mod standing;

use std::time::{Duration, Instant};

use sealbid::bid::statements::Withdrawal;
use sealbid::cli::bid::{Accepted, Sending};
use sealbid::cli::failed::Failed;
use sealbid::cli::output::Silent;
use sealbid::clock::{Clock as _, Time};
use sealbid::ids::UnitId;
use sealbid::opening::statements::LineStatus;
use sealbid::tender::statements::Stage;
use sealbid::verify::{Trust, Verdict, verify_bytes};
use serde_json::Value;

use self::served::Supervised;
use self::standing::Acknowledged;
use crate::play::{DEADLINE, Play, first, next};
use crate::routes_story::opening;
use crate::server::regulator;
use crate::support::{TestBase, wait};

/// How far the clock goes at once.
const STEP: Duration = Duration::from_millis(100);

/// What is not answered by then was asked of a process that died of it.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long bidders may challenge, in milliseconds: time passes while the platform dies.
const LONG: i64 = 120_000;

/// A unit that opens, one that is void for want of bids, one that its buyer cancels, and one whose
/// platform loses a bid.
struct Story {
    play: Play,
    served: Supervised,
    units: [UnitId; 4],
    acknowledged: Acknowledged,
}

impl Story {
    fn start(base: &TestBase, child: &str) -> Self {
        let mut play = Play::new(base, 4);
        play.window = LONG;
        let units = [(); 4].map(|()| play.publish(&[Stage::Single])[0]);
        play.server.stop();
        let served = Supervised::start(&play.server, child);
        Self { play, served, units, acknowledged: Acknowledged::default() }
    }

    /// Has something done again and again, as often as the platform dies of it, until it is done
    /// without. Whoever does it begins anew at once, and is always answered with the same entry.
    fn through(
        &mut self,
        phase: &str,
        act: &impl AsyncFn(&Play) -> Result<Accepted, Failed>,
    ) -> Accepted {
        self.served.phase(phase);
        let mut answered = None;
        loop {
            let before = self.served.deaths();
            assert!(before < 300, "it dies of everything");
            let done = wait(async {
                tokio::select! {
                    done = act(&self.play) => Some(done),
                    () = self.served.died_after(before) => None,
                }
            });
            self.acknowledged.head(&self.play);
            match done {
                Some(Ok(accepted)) => {
                    self.acknowledged.receipt(&accepted.checked.receipt);
                    assert_eq!(*answered.get_or_insert(accepted.index), accepted.index);
                    if self.served.deaths() == before {
                        return accepted;
                    }
                }
                Some(Err(failed)) => assert!(self.served.deaths() > before, "{failed:?}"),
                None => {}
            }
        }
    }

    /// Has a bid sent, and sent again after every death: one entry. Gives its receipt.
    fn bid(&mut self, phase: &str, bidder: usize, unit: UnitId) -> String {
        self.served.phase("");
        let key = self.play.bidders[bidder].key.clone();
        let standing = wait(self.play.client(&key).standing(&unit)).unwrap();
        let place = match standing {
            Some(_) => next(&self.play.standing(bidder, &unit)),
            None => first(),
        };
        let bid = self.play.seal(bidder, &unit, place, 20_000);
        let accepted = self.through(phase, &async |play| {
            let sending = Sending { kept: None, progress: &Silent };
            play.client(&key).submit(&play.pinned, &bid, sending).await
        });
        accepted.text
    }

    fn withdraw(&mut self, bidder: usize, unit: UnitId) {
        self.served.phase("");
        let live = self.play.standing(bidder, &unit);
        let manifest_sha256 = live["sha256"].as_str().unwrap().parse().unwrap();
        let withdrawal = Withdrawal { manifest_sha256, seq: 2, unit_id: unit };
        let key = self.play.bidders[bidder].key.clone();
        self.through("withdrawal", &async |play| {
            let withdrawn = play.client(&key).withdraw(&play.pinned, withdrawal.clone()).await;
            withdrawn.map(|(accepted, _)| accepted)
        });
    }

    fn cancel(&mut self, unit: UnitId) {
        let key = self.play.buyer.key.clone();
        self.through("cancellation", &async |play| {
            play.client(&key).cancel(&play.pinned, unit).await
        });
        assert_eq!(self.play.unit(&unit)["state"], "void");
    }

    /// From this hour on the timer alone brings units into these states. Time passes only while the
    /// platform answers, so that its deaths are none of its downtime.
    fn until(&mut self, phase: &str, hour: Time, states: &[(UnitId, &str)]) {
        self.served.phase(phase);
        let (mut now, from) = (hour.max(self.play.server.clock.now()), Instant::now());
        let (mut settled, mut still) = (0, 0);
        // Whatever comes after it may be died of too: a second of the timer's ticks.
        while still < 1_000 {
            self.play.to(now);
            self.served.to(now);
            wait(async { tokio::time::sleep(STEP).await });
            let deaths = self.served.deaths();
            let seen: Vec<_> = states.iter().map(|(unit, _)| self.state(unit)).collect();
            assert!(from.elapsed().as_secs() < 180, "{phase} comes to no end: {seen:?}");
            self.acknowledged.head(&self.play);
            let is_there = seen.iter().map(Option::as_deref).eq(states.iter().map(|it| Some(it.1)));
            let step = i64::try_from(STEP.as_millis()).unwrap();
            still = if is_there && deaths == settled { still + step } else { 0 };
            settled = deaths;
            if seen.iter().all(Option::is_some) {
                now = now.plus(step);
            }
        }
    }

    /// A unit's state as the platform shows it, if it answers.
    fn state(&self, unit: &UnitId) -> Option<String> {
        let address = format!("{}/api/v1/units/{unit}", self.play.server.address);
        let text = shown(&self.play, address);
        let view: Value = serde_json::from_str(&text?).unwrap();
        Some(view["state"].as_str().unwrap().to_owned())
    }
}

/// What the platform shows, if it answers.
fn shown(play: &Play, address: String) -> Option<String> {
    let asked = async {
        let answer = play.server.client.get(address).send().await.ok()?;
        answer.error_for_status().ok()?.text().await.ok()
    };
    wait(async { tokio::time::timeout(PATIENCE, asked).await.ok().flatten() })
}

/// Both case files of a unit, as everybody and as the regulator's auditor gets them, hold.
pub fn verified(play: &Play, unit: UnitId) {
    verified_but(play, unit, &[]);
}

/// The same, but for the claims that fail in the auditor's.
fn verified_but(play: &Play, unit: UnitId, but: &[&str]) {
    let trust = Trust::Roster(play.server.roster.sha256());
    let token = format!("Bearer {}", play.server.login(&regulator()));
    for (path, headers) in [("case", &[][..]), ("case/auditor", &[("authorization", &*token)])] {
        let path = format!("/api/v1/units/{unit}/{path}");
        let case = play.server.ask(reqwest::Method::GET, &path, headers, None);
        let case = wait(case.bytes()).unwrap();
        let report = verify_bytes(&case, Some(&trust), None);
        let failed = report.claims.iter().filter(|claim| claim.verdict == Verdict::Failed);
        let failed: Vec<_> = failed.map(|claim| claim.id).collect();
        let expected = if headers.is_empty() { &[] } else { but };
        assert_eq!(failed, expected, "{path} {report:?}");
        assert!(!failed.is_empty() || report.exit() == 0, "{path} {report:?}");
    }
}

fn story(base: &TestBase, child: &str) {
    let mut story = Story::start(base, child);
    let [opens, poor, cancelled, lossy] = story.units;
    story.bid("submission", 0, opens);
    let replaced = story.bid("", 1, opens);
    for (bidder, unit) in [(2, opens), (3, opens), (0, poor), (1, cancelled)] {
        story.bid("", bidder, unit);
    }
    let lost = story.bid("", 2, lossy);
    challenged::lose(base, lossy);
    story.bid("replacement", 1, opens);
    story.withdraw(3, opens);
    story.cancel(cancelled);
    // What it slept through is none of its downtime: it is awake before the hour, and at it.
    story.until("", DEADLINE.plus(-3_000), &[(opens, "open")]);
    let closed = [opens, poor, lossy].map(|unit| (unit, "closed"));
    story.until("close", DEADLINE, &closed);
    story.challenge("challenge", 2, &lost);
    story.challenge("answer", 1, &replaced);
    story.until("answer", DEADLINE, &closed);
    let hour = DEADLINE.plus(LONG + 30_000);
    story.until("opening", hour, &[(opens, "opened"), (poor, "void"), (lossy, "void")]);
    story.served.phase("");
    let opening = opening(&story.play, &opens);
    assert_eq!(opening.lines.len(), 3);
    assert!(opening.lines.iter().all(|it| matches!(it.outcome, LineStatus::Opened { .. })));
    for unit in [opens, poor, cancelled] {
        verified(&story.play, unit);
    }
    // The seal is over: the line that the platform left out is seen.
    verified_but(&story.play, lossy, &["close-complete"]);
    let deaths = story.served.end();
    story.acknowledged.stand(base, &story.play);
    challenged::stands(base, (opens, lossy));
    for (phase, least) in [
        ("submission", 20),
        ("replacement", 20),
        ("withdrawal", 10),
        ("cancellation", 10),
        ("close", 10),
        ("challenge", 5),
        ("answer", 5),
        ("opening", 20),
    ] {
        let of = deaths.iter().filter(|point| point.starts_with(&format!("{phase}: "))).count();
        assert!(of >= least, "{of} deaths are too few to mean anything: {deaths:#?}");
    }
}

/// The children run this test too, and take the first way out.
#[test]
fn a_platform_killed_at_any_write_keeps_its_word_on_sqlite() {
    if served::is_child() {
        return served::child();
    }
    story(&TestBase::sqlite(), "killed::a_platform_killed_at_any_write_keeps_its_word_on_sqlite");
}

#[test]
fn a_platform_killed_at_any_write_keeps_its_word_on_postgres() {
    if let Some(base) = TestBase::postgres() {
        story(&base, "killed::a_platform_killed_at_any_write_keeps_its_word_on_sqlite");
    }
}
