//! Does a bid count for its own bidder, whoever else signs its very text?

use super::*;
use crate::on_both;

on_both! {
    fn two_bidders_that_sign_one_text_have_a_bid_each(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let (bidder, copier) = (s.bidder(1), s.bidder(2));
        let sealed = seal(&s, unit, bid_id(), 1, None);
        // The copier is there first: its bidder is not kept out by that.
        for party in [&copier, &bidder] {
            put(&s, party, &sealed.bid).unwrap();
            assert_eq!(send(&s, party, &sealed, START).unwrap().outcome, Outcome::Accepted);
        }
        let withdrawal = Withdrawal { manifest_sha256: sealed.sha256(), seq: 2, unit_id: unit };
        let note = Statement::signed(withdrawal, &copier.key).unwrap().encode();
        let done = wait(withdraw(&s.p, &copier.actor, unit, &note, START)).unwrap();
        assert_eq!(done.outcome, Outcome::Accepted);
        assert_eq!(states(&s), ["withdrawn", "live"], "each takes back its own");
        assert_eq!(wait(sweep(&s.p)).unwrap(), 1);
        assert_eq!(states(&s), ["deleted", "live"]);
        let again = send(&s, &bidder, &sealed, DEADLINE).unwrap();
        assert_eq!((again.outcome, again.fresh), (Outcome::Accepted, None));
    }
}

on_both! {
    fn a_manifest_longer_than_a_file_holds_is_not_taken(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let bidder = s.bidder(1);
        let mut sealed = seal(&s, unit, bid_id(), 1, None);
        sealed.manifest.seal_recipient = "x".repeat(64 * 1024);
        put(&s, &bidder, &sealed.bid).unwrap();
        let refused = send(&s, &bidder, &sealed, START).unwrap_err();
        assert!(matches!(refused, Error::LongManifest { limit: 65_536 }), "{refused}");
        assert!(s.events(unit, "sealbid/refused/v1").is_empty());
    }
}
