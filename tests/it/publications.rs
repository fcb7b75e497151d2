//! Do the clients sign only what their users mean, and bring again what was lost?

use sealbid::cli::bid::{Sending, read};
use sealbid::cli::failed::Failed;
use sealbid::cli::intended::{Document, Intended};
use sealbid::cli::output::Silent;
use sealbid::crypto::hash::Hash;
use sealbid::tender::statements::Stage;

use crate::on_both;
use crate::play::{DEADLINE, Play, code, first, meant};
use crate::support::wait;

/// What somebody could change in what a buyer means.
type Change = fn(&mut Intended);

on_both! {
    fn a_buyer_signs_only_what_it_means(base: TestBase) {
        let play = Play::new(&base, 0);
        let client = play.client(&play.buyer.key);
        let stages = [Stage::Technical, Stage::Commercial];
        let tender = play.draft(&stages);
        let right = meant(&stages);
        let wrongs: [(&str, Change); 12] = [
            ("title", |it| it.plan.title.push('x')),
            ("lot", |it| it.plan.lots[0].title.push('x')),
            ("lots", |it| it.plan.lots.push(it.plan.lots[0].clone())),
            ("stages", |it| it.plan.lots[0].stages.truncate(1)),
            ("stage", |it| it.plan.lots[0].stages.reverse()),
            ("deadline", |it| it.plan.lots[0].stages[0].deadline = DEADLINE.plus(1)),
            ("open_at", |it| it.plan.lots[0].stages[1].open_at = DEADLINE.plus(1)),
            ("challenge", |it| it.plan.lots[0].stages[1].challenge_ms += 1),
            ("min", |it| it.plan.lots[0].stages[0].min += 1),
            ("rules", |it| it.rule_pack_sha256 = Hash::of(b"other rules")),
            ("document", |it| {
                let sha256 = Hash::of(b"terms");
                it.documents.push(Document { name: "terms".to_owned(), sha256, size: 5 });
            }),
            ("two lots", |it| {
                let stages = it.plan.lots[0].stages.split_off(1);
                let mut second = it.plan.lots[0].clone();
                second.stages = stages;
                it.plan.lots.push(second);
            }),
        ];
        for (what, change) in wrongs {
            let mut wrong = right.clone();
            change(&mut wrong);
            let refused = wait(client.publish(&play.pinned, tender, &wrong));
            assert!(matches!(refused, Err(Failed::Unsigned(_))), "{what}: {refused:?}");
        }
        let token = play.server.login(&play.buyer.key);
        let shown = play.server.get(&format!("/api/v1/tenders/{tender}"), Some(&token)).1;
        assert_eq!(shown["state"], "draft", "nothing left the buyer's hand");
        wait(client.publish(&play.pinned, tender, &right)).unwrap();
    }
}

/// Every file of the store.
/// The files of every upload.
pub fn blobs(play: &Play) -> Vec<std::path::PathBuf> {
    fn walk(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.parent().unwrap().ends_with("blobs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(play.server.home(), &mut found);
    found
}

on_both! {
    fn a_bidder_brings_a_lost_envelope_again(base: TestBase) {
        let play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let bid = play.seal(0, &unit, first(), 0);
        play.send(0, &bid).unwrap();
        let client = play.client(&play.bidders[0].key);
        let envelope = read(&bid).unwrap();
        let sending = Sending { kept: None, progress: &Silent };
        let again = || wait(client.resupply(&play.pinned, &envelope, sending));
        assert_eq!(code(again()), "bid-not-missing");
        // The envelope, and the second upload of it that was not needed.
        for lost in blobs(&play) {
            std::fs::remove_file(lost).unwrap();
        }
        let taken = again().unwrap();
        let brought = envelope.manifest.body().bid.sha256;
        let is_it = |blob: &std::path::PathBuf| Hash::of(&std::fs::read(blob).unwrap()) == brought;
        assert!(blobs(&play).iter().any(is_it));
        assert_eq!(again().unwrap().index, taken.index, "the same entry");
    }
}
