//! What do running agents make of receipts that are superseded, forged, or shown too late?

use sealbid::custodian::client::{AskError, ask_note};
use sealbid::custodian::wire::{Account, AskChallenge};
use sealbid::opening::statements::{LineStatus, Verdict};
use sealbid::record::proof::Receipt;
use sealbid::tender::statements::Stage;

use crate::on_both;
use crate::play::{Play, WINDOW, next};
use crate::routes_story::opening;
use crate::support::wait;

on_both! {
    fn superseded_receipts_are_answered_forged_ones_refused_and_late_ones_stop_nothing(base: TestBase) {
        let play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        for bidder in 0..3 {
            play.bid(bidder, &unit);
        }
        let receipt = |bidder| play.standing(bidder, &unit)["receipt"].as_str().unwrap().to_owned();
        // Two of them replace their bids: what they held until then is superseded.
        let old = [receipt(0), receipt(1)];
        for bidder in 0..2 {
            let bid = play.seal(bidder, &unit, next(&play.standing(bidder, &unit)), 0);
            play.send(bidder, &bid).unwrap();
        }
        play.close(&unit);
        play.server.tick();
        let show = |bidder: usize| {
            let client = play.client(&play.bidders[bidder].key);
            let found = wait(client.challenge(&play.pinned, &old[bidder], None)).unwrap();
            found.into_iter().map(|one| one.verdict.unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(show(0), [Verdict::Open; 5], "the agents cannot know of the next one");
        play.server.tick();
        assert_eq!(show(0), [Verdict::Answered; 5], "the platform has shown it");

        let mut forged = Receipt::parse(receipt(2).as_bytes()).unwrap();
        forged.event[0] ^= 1;
        let account = Account { accepted: forged.encode(), credentials: Vec::new(), later: None };
        let shown = play.unit(&unit);
        let text = |field: &str| shown[field].as_str().unwrap().to_owned();
        let ask = AskChallenge { account: account.into(), close: text("close"), unit: text("unit") };
        let wire = play.server.app().rosters().wire(&play.server.roster.sha256()).unwrap();
        for member in &play.server.roster.body().custodians {
            let refused = wait(ask_note(&**wire, &member.id, &ask)).unwrap_err();
            let code = "custodian-receipt".to_owned();
            assert_eq!(refused, AskError::Refused { status: 403, code });
        }

        play.server.clock.advance(WINDOW + 1);
        assert_eq!(show(1), [Verdict::Finding; 5], "the window is over");
        play.until(&unit, "opened");
        let lines = opening(&play, &unit).lines;
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| matches!(line.outcome, LineStatus::Opened { .. })));
    }
}
