//! Does a key that the operator vouched for later get hold of a bid that stands?

use super::*;

/// A withdrawal of this bid, signed by whom.
fn withdrawal(of: &Sealed, by: &Party) -> String {
    let Manifest { seq, unit_id, .. } = of.manifest;
    let body = Withdrawal { manifest_sha256: of.sha256(), seq: seq + 1, unit_id };
    Statement::signed(body, &by.key).unwrap().encode()
}

on_both! {
    fn a_bid_is_neither_withdrawn_nor_replaced_by_a_key_that_was_vouched_for_later(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let bidder = s.bidder(1);
        let (first, _) = bid(&s, &bidder, unit);
        let usurper = s.usurped(&bidder, 99);
        let note = withdrawal(&first, &usurper);
        let answer = wait(withdraw(&s.p, &usurper.actor, unit, &note, START)).unwrap();
        assert_eq!(refusal(&answer), Refused::OtherKey);
        let next = seal(&s, unit, first.manifest.bid_id, 2, Some(first.sha256()));
        put(&s, &usurper, &next.bid).unwrap();
        assert_eq!(refusal(&send(&s, &usurper, &next, START).unwrap()), Refused::OtherKey);
        assert_eq!(states(&s), ["live"]);
        assert_eq!(s.events(unit, "sealbid/refused/v1").len(), 2, "the attempt is on the record");
        let other = s.open_unit();
        bid(&s, &usurper, other);
    }
}

on_both! {
    fn a_bid_is_replaced_and_withdrawn_by_a_key_that_took_over_from_its_own(base: TestBase) {
        let s = Stand::new(base);
        let unit = s.open_unit();
        let bidder = s.bidder(1);
        let (first, _) = bid(&s, &bidder, unit);
        let bidder = s.rotated(&bidder, 99);
        let next = seal(&s, unit, first.manifest.bid_id, 2, Some(first.sha256()));
        put(&s, &bidder, &next.bid).unwrap();
        assert_eq!(send(&s, &bidder, &next, START).unwrap().outcome, Outcome::Accepted);
        let note = withdrawal(&next, &bidder);
        let answer = wait(withdraw(&s.p, &bidder.actor, unit, &note, START)).unwrap();
        assert_eq!(answer.outcome, Outcome::Accepted);
        assert_eq!(states(&s), ["replaced", "withdrawn"]);
    }
}
