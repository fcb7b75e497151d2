//! What is whoever acted told afterwards: that a receipt is provisional and how it is completed, and what
//! became of a bid whose unit is over?

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser as _;
use sealbid::cli::Context;
use sealbid::cli::bid::{BidCommand, Send, Status};
use sealbid::cli::enterprise::{EnterpriseCommand, KeyChange};
use sealbid::cli::opening::OpeningCommand;
use sealbid::cli::output::{Progress, Silent};
use sealbid::cli::tender::TenderCommand;
use sealbid::error::Said;
use sealbid::ids::UnitId;
use sealbid::tender::statements::Stage;
use sealbid::web::i18n::Lang;

use crate::bidders_steps::Line;
use crate::on_both;
use crate::play::{Play, code, first};
use crate::registration::{application, key, operator, signed};
use crate::server::regulator;

/// The words of the command that a report ends with.
fn command(said: &str) -> Vec<String> {
    let command = said.lines().last().unwrap().split(": ").last().unwrap();
    assert!(command.starts_with("sealbid bid receipt "), "{said}");
    command.split(' ').skip(1).map(str::to_owned).collect()
}

/// Runs a command that somebody was told, as it stands; gives what is said.
fn follow(play: &Play, said: &str) -> String {
    let Line { key, server, trust, command, .. } = Line::parse_from(command(said));
    let context = Context { key, server, trust, ..play.context(None) };
    command.run(&context).unwrap().text(Lang::En)
}

on_both! {
    fn an_act_without_a_quorum_says_so_and_names_the_whole_command_that_completes_it(base: TestBase) {
        let play = Play::new(&base, 2);
        let unit = play.publish(&[Stage::Single])[0];
        let waits = signed(application(5, 5), &[&key(5, 5)]);
        play.server.apply(&waits);
        let supervisor = play.context(Some(play.key_file(&regulator(), 105)));
        let (buyer, operator) = (
            play.context(Some(play.key_file(&play.buyer.key, 90))),
            play.context(Some(play.key_file(&operator(), 100))),
        );
        let bidder = play.context(Some(play.key_file(&play.bidders[0].key, 1)));
        let other = play.context(Some(play.key_file(&play.bidders[1].key, 2)));
        let reason = || "a reason".to_owned();
        let bid = submit(&bidder, &play.seal(0, &unit, first(), 0)).unwrap();
        let enterprise = crate::registration::id(5);
        let rotate = KeyChange::Rotate { new: play.server.home().join("next.key") };
        let said = [
            OpeningCommand::Suspend { unit, reason: reason() }.run(&supervisor),
            OpeningCommand::Lift { unit, reason: reason() }.run(&supervisor),
            EnterpriseCommand::Verify { enterprise, application: None }.run(&operator),
            TenderCommand::Void { unit }.run(&buyer),
            EnterpriseCommand::Key(rotate).run(&other),
        ];
        let mut said = said.map(|done| done.unwrap().text(Lang::En)).to_vec();
        said.push(bid);
        for said in &said {
            assert!(said.contains("The receipt is provisional"), "{said}");
            assert!(!said.contains("is final"), "{said}");
        }
        play.server.beat();
        for said in &said {
            let done = follow(&play, said);
            assert!(done.contains("The receipt is final"), "{said}: {done}");
        }
    }
}

on_both! {
    fn an_act_waits_for_the_custodians_that_are_awake(base: TestBase) {
        let play = Play::new(&base, 0);
        let unit = play.publish(&[Stage::Single])[0];
        let patient = Context {
            patience: Duration::from_secs(60),
            ..play.context(Some(play.key_file(&regulator(), 105)))
        };
        let is_done = AtomicBool::new(false);
        let said = std::thread::scope(|scope| {
            let act = scope.spawn(|| {
                let suspend = OpeningCommand::Suspend { unit, reason: "a complaint".to_owned() };
                let said = suspend.run(&patient).map(|done| done.text(Lang::En));
                is_done.store(true, Ordering::SeqCst);
                said
            });
            while !is_done.load(Ordering::SeqCst) {
                play.server.beat();
                std::thread::yield_now();
            }
            act.join().unwrap().unwrap()
        });
        assert!(said.contains("is final"), "{said}");
        let path = said.split("Receipt: ").nth(1).unwrap().lines().next().unwrap();
        let kept = std::fs::read(path).unwrap();
        assert!(play.pinned.receipt(&kept).unwrap().is_final);
    }
}

fn status(context: &Context, unit: UnitId) -> String {
    let status = BidCommand::Status(Status { unit, folder: None });
    status.run(context).unwrap().text(Lang::En)
}

fn submit(context: &Context, file: &Path) -> Result<String, sealbid::cli::failed::Failed> {
    let done = BidCommand::Submit(Send { file: file.to_owned() }).run(context);
    done.map(|done| done.text(Lang::En))
}

/// Keeps what a command says on its way.
#[derive(Clone, Default)]
struct Heard(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl Progress for Heard {
    fn at(&self, _: u64, _: u64) {}
    fn say(&self, _: &Said) {}
    fn tell(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
    fn beside(&self, _: &str) -> Box<dyn Progress> {
        Box::new(Silent)
    }
}

on_both! {
    fn a_bid_in_a_cancelled_unit_is_not_told_as_one_that_counts(base: TestBase) {
        let play = Play::new(&base, 2);
        let unit = play.publish(&[Stage::Single])[0];
        let heard = Heard::default();
        let of = |bidder: usize, seed| Context {
            progress: std::sync::Arc::new(heard.clone()),
            ..play.context(Some(play.key_file(&play.bidders[bidder].key, seed)))
        };
        let (mine, other) = (of(0, 1), of(1, 2));
        let [bid, late] = [0, 1].map(|bidder| play.seal(bidder, &unit, first(), 0));
        let cancelled = "Void, and never opened: the procuring entity cancelled.";
        assert!(!submit(&mine, &bid).unwrap().contains("Void"));
        assert!(!status(&mine, unit).contains("Void"));
        let buyer = play.context(Some(play.key_file(&play.buyer.key, 90)));
        TenderCommand::Void { unit }.run(&buyer).unwrap();
        assert!(status(&mine, unit).contains(cancelled));
        assert!(submit(&mine, &bid).unwrap().contains(cancelled));
        // Who never bid reads it too, and is refused with the reason.
        assert!(status(&other, unit).contains(cancelled));
        assert_eq!(code(submit(&other, &late)), "bid-not-open");
        assert_eq!(*heard.0.lock().unwrap(), [cancelled]);
    }
}

on_both! {
    fn a_bidder_is_told_what_the_opening_made_of_its_own_line(base: TestBase) {
        let play = Play::new(&base, 4);
        let units = play.publish(&[Stage::Technical, Stage::Commercial]);
        for bidder in 0..3 {
            for unit in &units {
                play.bid(bidder, unit);
            }
        }
        play.close(&units[1]);
        play.open(&units[0]);
        let of = |bidder: usize, seed| play.context(Some(play.key_file(&play.bidders[bidder].key, seed)));
        let own = status(&of(0, 1), units[0]);
        assert!(own.contains("Opened at ") && own.contains(": 1000.00 CNY (line "), "{own}");
        assert_eq!(own.matches(" CNY ").count(), 1, "nobody else's: {own}");
        let none = status(&of(3, 4), units[0]);
        assert!(none.contains("no statement of yours") && none.contains("was opened at"), "{none}");
        // Of the second envelopes, an order leaves the first bidder's out.
        let buyer = play.context(Some(play.key_file(&play.buyer.key, 90)));
        let supervisor = play.context(Some(play.key_file(&regulator(), 105)));
        let left = status(&of(0, 1), units[1]);
        let left = left.split("as line ").nth(1).unwrap().trim_end().trim_end_matches('.');
        let close = play.unit(&units[1])["close"].as_str().unwrap().to_owned();
        let (close, _) = play.pinned.close(&close, &units[1]).unwrap();
        let lines = close.body().lines.iter().filter(|line| line.to_string() != left);
        let lines = lines.copied().collect::<Vec<_>>();
        assert_eq!(lines.len(), 2);
        let [one, both] = ["one", "both"].map(|name| play.server.home().join(name));
        let unit = units[1];
        OpeningCommand::Order { unit, lines, out: one.clone() }.run(&buyer).unwrap();
        OpeningCommand::SignOrder { file: one, out: Some(both.clone()) }.run(&supervisor).unwrap();
        OpeningCommand::SendOrder { file: both }.run(&supervisor).unwrap();
        play.until(&unit, "opened");
        let told = status(&of(0, 1), unit);
        assert!(told.contains("left your envelope out"), "{told}");
        let told = status(&of(1, 2), unit);
        assert!(told.contains(": 1001.00 CNY (line ") && !told.contains("left"), "{told}");
    }
}

on_both! {
    fn a_unit_that_lapsed_is_told_to_whoever_asks_for_its_bid(base: TestBase) {
        let play = Play::new(&base, 1);
        let tender = play.draft(&[Stage::Single]);
        let client = play.client(&play.buyer.key);
        let meant = crate::play::meant(&[Stage::Single]);
        let published = crate::support::wait(client.publish(&play.pinned, tender, &meant)).unwrap();
        let unit: UnitId = published["units"][0]["unit"].as_str().unwrap().parse().unwrap();
        let buyer = play.context(Some(play.key_file(&play.buyer.key, 90)));
        TenderCommand::Void { unit }.run(&buyer).unwrap();
        let mine = play.context(Some(play.key_file(&play.bidders[0].key, 1)));
        let told = status(&mine, unit);
        assert!(told.contains("The unit lapsed"), "{told}");
    }
}
