//! Until when may a statement that came in time be decided?

use sealbid::bid::arrivals::PATIENCE_MS;

use super::*;

on_both! {
    fn what_no_close_waits_for_any_longer_is_refused_with_the_platform_at_fault(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let decided = |seed, at: i64| {
            let bidder = s.bidder(seed);
            let sealed = seal(&s, unit, bid_id(), 1, None);
            put(&s, &bidder, &sealed.bid).unwrap();
            s.base.clock.set(DEADLINE.plus(at));
            send(&s, &bidder, &sealed, DEADLINE.plus(-1)).unwrap()
        };
        assert_eq!(decided(1, PATIENCE_MS - 1).outcome, Outcome::Accepted);
        let refused = decided(2, PATIENCE_MS);
        assert_eq!(refusal(&refused), Refused::Undecided);
        let read: BidEvent = serde_json::from_slice(&refused.fresh.unwrap().1).unwrap();
        assert!(matches!(read, BidEvent::Refused { fault: Fault::Platform, .. }));
    }
}

on_both! {
    fn a_doubtful_clock_says_late_for_good_to_nobody(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let now = s.p.now();
        s.p.hours.note("c1", now, now, now.plus(-5_000));
        let provisional = |seed: u8| {
            let bidder = s.bidder(seed);
            let sealed = seal(&s, unit, bid_id(), 1, None);
            put(&s, &bidder, &sealed.bid).unwrap();
            let late = send(&s, &bidder, &sealed, DEADLINE).unwrap();
            assert_eq!(refusal(&late), Refused::Late);
            String::from_utf8(late.fresh.unwrap().1).unwrap().contains("\"provisional\":true")
        };
        assert!(provisional(1));
        s.p.hours.forget("c1");
        assert!(!provisional(2));
    }
}
