//! Is every receipt kept, whatever stands where it should go: or nothing sent?

use std::path::{Path, PathBuf};

use sealbid::bid::envelope;
use sealbid::bid::statements::Manifest;
use sealbid::cli::Context;
use sealbid::cli::bid::{BidCommand, Send, Status, read};
use sealbid::cli::code;
use sealbid::cli::failed::Failed;
use sealbid::cli::output::Report;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::Statement;
use sealbid::ids::UnitId;
use sealbid::tender::statements::Stage;

use crate::on_both;
use crate::play::{Play, first};
use crate::support::wait;

fn submit(context: &Context, file: &Path) -> Result<Report, Failed> {
    BidCommand::Submit(Send { file: file.to_owned() }).run(context)
}

fn refused(outcome: Result<Report, Failed>) -> String {
    code(&outcome.unwrap_err())
}

/// A folder of its own for one bid, which holds a copy under a name.
fn alone(play: &Play, bid: &Path, folder: &str, name: &str) -> PathBuf {
    let folder = play.server.home().join(folder);
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join(name);
    std::fs::copy(bid, &file).unwrap();
    file
}

on_both! {
    fn a_bid_is_sent_only_where_its_receipt_can_be_kept(base: TestBase) {
        let play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let mine = play.context(Some(play.key_file(&play.bidders[0].key, 1)));
        let bid = play.seal(0, &unit, first(), 0);
        let standing = || {
            let client = play.client(&play.bidders[0].key);
            wait(client.standing(&unit)).unwrap().map(|it| it.kind)
        };
        let hindered = alone(&play, &bid, "hindered", "bid-1.bid");
        std::fs::create_dir(hindered.with_extension("tlog-proof")).unwrap();
        assert_eq!(refused(submit(&mine, &hindered)), "cli-exists");
        let forgetful = alone(&play, &bid, "forgetful", "bid-1.bid");
        std::fs::create_dir(forgetful.with_file_name("chain.json")).unwrap();
        assert_eq!(refused(submit(&mine, &forgetful)), "cli-file");
        assert_eq!(standing(), None, "nothing was sent");
        // A name with another ending: neither the bid nor another's receipt is written over.
        let named = alone(&play, &bid, "named", "offer.tlog-proof");
        submit(&mine, &named).unwrap();
        assert_eq!(std::fs::read(&named).unwrap(), std::fs::read(&bid).unwrap());
        let receipt = named.with_file_name("offer.tlog-proof.tlog-proof");
        let kept = std::fs::read(&receipt).unwrap();
        assert!(play.pinned.receipt(&kept).is_ok());
        // Lost with what the folder remembers, both are there again when it is sent again.
        let chain = named.with_file_name("chain.json");
        let remembered = std::fs::read(&chain).unwrap();
        std::fs::remove_file(&receipt).unwrap();
        std::fs::remove_file(&chain).unwrap();
        submit(&mine, &named).unwrap();
        assert!(play.pinned.receipt(&std::fs::read(&receipt).unwrap()).is_ok());
        assert_eq!(std::fs::read(&chain).unwrap(), remembered);
    }
}

on_both! {
    fn nothing_is_withdrawn_where_no_receipt_can_be_kept(base: TestBase) {
        let play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let mine = play.context(Some(play.key_file(&play.bidders[0].key, 1)));
        play.bid(0, &unit);
        let folder = |name: &str| {
            let folder = play.server.home().join(name);
            BidCommand::New { folder: folder.clone(), unit }.run(&mine).unwrap();
            folder
        };
        let withdraw = |folder: Option<PathBuf>, out: Option<PathBuf>| {
            BidCommand::Withdraw { unit, folder, out }.run(&mine)
        };
        let nowhere = play.server.home().join("nowhere");
        assert_eq!(refused(withdraw(None, Some(nowhere.join("receipt")))), "cli-file");
        assert_eq!(refused(withdraw(Some(nowhere), None)), "cli-file");
        assert_eq!(refused(withdraw(Some(folder("another")), None)), "cli-content");
        assert_eq!(play.standing(0, &unit)["kind"], "manifest", "nothing was withdrawn");
        let own = folder("own");
        let plan = std::fs::read_to_string(own.join("bid.toml")).unwrap();
        let line = plan.lines().find(|line| line.starts_with("bid = ")).unwrap();
        let bid = format!("bid = \"{}\"", play.standing(0, &unit)["bid_id"].as_str().unwrap());
        std::fs::write(own.join("bid.toml"), plan.replace(line, &bid)).unwrap();
        withdraw(Some(own.clone()), None).unwrap();
        let kept = std::fs::read(own.join("withdrawal-2.tlog-proof")).unwrap();
        assert!(play.pinned.receipt(&kept).is_ok());
        let chain = std::fs::read_to_string(own.join("chain.json")).unwrap();
        assert!(chain.contains("\"withdrawn\":true"), "{chain}");
        assert_eq!(refused(withdraw(Some(own.clone()), None)), "cli-no-live-bid");
        // A program that died before it kept them: the same command brings both again.
        let receipt = own.join("withdrawal-2.tlog-proof");
        std::fs::remove_file(&receipt).unwrap();
        std::fs::remove_file(own.join("chain.json")).unwrap();
        withdraw(Some(own.clone()), None).unwrap();
        let again = play.pinned.receipt(&std::fs::read(&receipt).unwrap()).unwrap().receipt;
        assert_eq!(again.event, play.pinned.receipt(&kept).unwrap().receipt.event);
        assert_eq!(std::fs::read_to_string(own.join("chain.json")).unwrap(), chain);
    }
}

on_both! {
    fn a_bid_for_a_unit_that_the_platform_has_not_is_refused_by_it(base: TestBase) {
        let play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let mine = play.context(Some(play.key_file(&play.bidders[0].key, 1)));
        let good = play.seal(0, &unit, first(), 0);
        let found = read(&good).unwrap();
        let elsewhere = UnitId(Hash::of(b"another platform's unit"));
        let manifest = Manifest { unit_id: elsewhere, ..found.manifest.body().clone() };
        let manifest = Statement::signed(manifest, &play.bidders[0].key).unwrap().encode();
        let whole = std::fs::read(&good).unwrap();
        let start = usize::try_from(found.bid.start).unwrap();
        let mut sealed = &whole[start..start + usize::try_from(found.bid.size).unwrap()];
        let size = found.bid.size;
        let out = envelope::write(Vec::new(), manifest.as_bytes(), size, &mut sealed, &found.shares);
        let file = alone(&play, &good, "elsewhere", "bid-1.bid");
        std::fs::write(&file, out.unwrap()).unwrap();
        let outcome = submit(&mine, &file);
        let told = outcome.unwrap_err();
        assert_eq!(told.told().map(|told| told.status), Some(404), "{told}");
        assert!(!file.with_extension("tlog-proof").exists());
        assert!(!file.with_file_name("chain.json").exists());
        let replace = BidCommand::Replace(Send { file }).run(&mine);
        assert_eq!(refused(replace), "tender-not-found");
        let status = BidCommand::Status(Status { unit: elsewhere, folder: None }).run(&mine);
        assert_eq!(status.unwrap_err().told().map(|told| told.status), Some(404));
    }
}
