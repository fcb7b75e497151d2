//! Does a platform whose clock is set fast or back judge nobody for good, and open nothing early?

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use sealbid::bid::statements::BidEvent;
use sealbid::cli::bid::Shown;
use sealbid::clock::{Clock as _, ManualClock, Time};
use sealbid::crypto::json;
use sealbid::crypto::statement::Body as _;
use sealbid::db::Error;
use sealbid::ids::UnitId;
use sealbid::opening::rules::{Step, UnitState};
use sealbid::opening::statements::{LineStatus, Opening};
use sealbid::record::store;
use sealbid::tender::statements::Stage;
use serde_json::Value;

use crate::killed::verified;
use crate::on_both;
use crate::opening_world::{OPEN_AT, Spoil};
use crate::openings::{self, close, with_bids};
use crate::play::{DEADLINE, Play, WINDOW, first};
use crate::routes_story::opening;
use crate::server::{CUSTODIANS, read};
use crate::support::{TestBase, wait};

/// A platform and its custodians, each by a clock of their own.
struct Clocks {
    play: Play,
    unit: UnitId,
    /// Of the fourth bidder, from before any clock went wrong.
    bearer: String,
}

impl Clocks {
    /// With three bids in.
    fn new(base: &TestBase) -> Self {
        let mut play = Play::new(base, 5);
        let unit = play.publish(&[Stage::Single])[0];
        for n in 0..3 {
            play.bid(n, &unit);
        }
        let bearer = format!("Bearer {}", play.server.login(&play.bidders[3].key));
        play.server.agents_clock = Arc::new(ManualClock::new(play.server.clock.now()));
        for n in 1..=CUSTODIANS {
            play.server.sleep(n);
            play.server.wake(n);
        }
        Self { play, unit, bearer }
    }

    /// Where the platform's clock stands, and the custodians'.
    fn at(&self, platform: Time, custodians: Time) {
        self.play.to(platform);
        self.play.server.agents_clock.set(custodians);
    }

    /// Both right.
    fn right(&self, hour: Time) {
        self.at(hour, hour);
    }

    fn state(&self) -> String {
        self.play.unit(&self.unit)["state"].as_str().unwrap().to_owned()
    }

    /// The unit's entries of this kind.
    fn entries(&self, kind: &str) -> usize {
        let db = self.play.server.app().db();
        db.read(|conn| store::entries_of_unit(conn, &self.unit, kind)).unwrap().len()
    }

    /// The record's size, its pads with it.
    fn size(&self) -> u64 {
        let db = self.play.server.app().db();
        db.read(|conn| Ok::<_, Error>(store::latest_checkpoint(conn)?.unwrap().size)).unwrap()
    }

    /// An act of the fourth bidder that leaves a row.
    fn act(&self, language: &str) -> (StatusCode, Value) {
        let headers = [
            ("authorization", self.bearer.as_str()),
            ("accept-language", language),
            ("tus-resumable", "1.0.0"),
            ("upload-length", "10"),
        ];
        read(self.play.server.ask(Method::POST, "/api/v1/uploads", &headers, None))
    }

    /// Every act is refused, and told why in both languages; whoever looks sees.
    fn is_behind(&self) {
        let before = self.size();
        let details = ["en", "zh"].map(|language| {
            let (status, problem) = self.act(language);
            let told = (status, problem["code"].as_str());
            assert_eq!(told, (StatusCode::SERVICE_UNAVAILABLE, Some("db-clock-behind")));
            assert!(problem["hint"].as_str().unwrap().contains("sealbid bid lodge"), "{problem}");
            problem["detail"].clone()
        });
        assert_ne!(details[0], details[1]);
        assert_eq!((self.state().as_str(), self.size()), ("open", before));
    }

    /// By right clocks, shortly after the deadline: the challenge window runs.
    fn closes(&self) {
        self.right(DEADLINE.plus(1_000));
        self.play.until(&self.unit, "closed");
        (0..3).for_each(|_| self.play.server.tick());
    }

    /// By right clocks, after the window.
    fn opens(&self, bids: usize) {
        self.right(DEADLINE.plus(WINDOW + 3_000));
        self.play.until(&self.unit, "opened");
        let opening = opening(&self.play, &self.unit);
        assert_eq!(opening.lines.len(), bids);
        assert!(opening.lines.iter().all(|it| matches!(it.outcome, LineStatus::Opened { .. })));
        verified(&self.play, self.unit);
    }
}

on_both! {
    fn a_fast_clock_refuses_nobody_for_good_and_closes_nothing(base: TestBase) {
        let clocks = Clocks::new(&base);
        let play = &clocks.play;
        let hour = DEADLINE.plus(-10_000);
        clocks.right(hour);
        play.server.beat();
        let bid = play.seal(3, &clocks.unit, first(), 0);
        clocks.at(DEADLINE.plus(1_000), hour);
        play.server.beat();
        assert!(play.server.app().platform.hours.is_doubtful());
        let late = play.send(3, &bid).unwrap_err();
        let told = late.told().unwrap();
        assert_eq!(told.code, "bid-late");
        let receipt = play.pinned.receipt(told.receipt.as_ref().unwrap().as_bytes()).unwrap().receipt;
        let event = json::parse::<BidEvent>(&receipt.event).unwrap();
        assert!(matches!(event, BidEvent::Refused { provisional: true, .. }), "{event:?}");
        let proposed = clocks.entries("sealbid/proposed/v1");
        (0..4).for_each(|_| play.server.tick());
        let now = clocks.entries("sealbid/proposed/v1");
        assert_eq!((clocks.state().as_str(), now), ("open", proposed), "no close is proposed");

        // Set right, it waits for the hour that its own record tells; custodians take bids meanwhile.
        clocks.right(hour);
        clocks.is_behind();
        let registered = wait(play.anybody().registered(play.bidders[3].id)).unwrap();
        let shown = Shown { credentials: registered.credentials, receipts: Vec::new() };
        let client = play.client(&play.bidders[3].key);
        let custodian = "c2".parse().unwrap();
        let lodged = wait(client.lodge(&play.pinned, &custodian, &bid, shown)).unwrap();
        assert_eq!(lodged.body().arrived_at, hour);
        clocks.right(DEADLINE);
        assert_eq!(clocks.act("en").0, StatusCode::CREATED);
        clocks.closes();
        clocks.opens(4);
    }
}

on_both! {
    fn a_clock_set_back_writes_nothing_and_a_bid_taken_by_one_a_little_back_counts(base: TestBase) {
        let clocks = Clocks::new(&base);
        let play = &clocks.play;
        let hour = DEADLINE.plus(-10_000);
        clocks.right(hour);
        play.bid(3, &clocks.unit);
        clocks.at(hour.plus(-600_000), hour);
        clocks.is_behind();
        clocks.right(hour);
        assert_eq!(clocks.act("en").0, StatusCode::CREATED);

        // The hour has come, and a checkpoint that would freeze the set without the fifth bid.
        let bid = play.seal(4, &clocks.unit, first(), 0);
        clocks.right(DEADLINE.plus(100));
        play.server.beat();
        clocks.at(DEADLINE.plus(-400), DEADLINE.plus(100));
        play.send(4, &bid).unwrap();
        clocks.closes();
        clocks.opens(5);
    }
}

on_both! {
    fn a_fast_clock_opens_nothing_before_the_custodians_hour(base: TestBase) {
        let clocks = Clocks::new(&base);
        let play = &clocks.play;
        // Checkpoints of a later hour, set right before the deadline and after it: nothing waits for
        // that hour.
        clocks.at(DEADLINE.plus(3_600_000), DEADLINE.plus(-1_000));
        (0..4).for_each(|_| play.server.tick());
        assert_eq!(clocks.state(), "open");
        clocks.closes();
        let custodians = DEADLINE.plus(WINDOW);
        for ahead in [1_000, 5_000, 3_600_000] {
            clocks.at(custodians.plus(ahead), custodians);
            (0..4).for_each(|_| play.server.tick());
            let found = (clocks.state(), clocks.entries("sealbid/released/v1"), clocks.entries(Opening::TYPE));
            assert_eq!(found, ("closed".to_owned(), 0, 0));
        }
        clocks.opens(3);
    }
}

on_both! {
    fn custodians_whose_clocks_are_minutes_off_tell_and_release_all_the_same(base: TestBase) {
        const OFF: i64 = 150_000;
        let world = with_bids(base);
        world.agents.lodge(2, &world.seal(4, 4, Spoil::Nothing)).unwrap();
        world.agents.skew(&[0, OFF]);
        close(&world);
        assert_eq!(world.row().close.unwrap().body().lines.len(), 4, "what it was lodged is in");
        world.agents.skew(&[OFF, OFF, -OFF, -OFF]);
        world.to(OPEN_AT.plus(OFF));
        world.platform.sequencer.want_checkpoint();
        world.beat();
        world.settle(4);
        assert_eq!(world.events("sealbid/released/v1").len(), 5);
        assert_eq!(openings::opening(&world).lines.len(), 4);
        openings::verified(&world);
    }
}

on_both! {
    fn a_slow_clock_opens_nothing_before_its_own_hour_and_the_verifier_agrees(base: TestBase) {
        let world = with_bids(base);
        close(&world);
        // The custodians' hour of opening has come, and they say so; the platform's has not.
        for slow in [30_000, 1_500] {
            world.agents.skew(&[slow; 5]);
            world.to(OPEN_AT.plus(1 - slow));
            world.platform.sequencer.want_checkpoint();
            world.beat();
            assert_eq!(world.settle(3), [Step::Wait; 3]);
        }
        let early = world.events("sealbid/released/v1").len() + world.events("sealbid/read-out/v1").len();
        assert_eq!((early, world.row().state), (0, UnitState::Closed));
        world.to(OPEN_AT);
        world.settle(4);
        assert!(openings::opening(&world).opened_at >= OPEN_AT);
        openings::verified(&world);
    }
}
