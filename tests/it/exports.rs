//! Does an exported record hold all that its reader may see, say what it lacks, and prove itself?

use std::fs;
use std::path::{Path, PathBuf};

use sealbid::cli::Context;
use sealbid::cli::record::RecordCommand;
use sealbid::crypto::key::SigningKey;
use sealbid::tender::statements::Stage;
use sealbid::web::i18n::Lang;
use serde_json::Value;

use crate::on_both;
use crate::play::{DEADLINE, Play, next};
use crate::server::regulator;
use crate::support::TestBase;

/// A reader of the record with its own folder.
struct Reader {
    context: Context,
    folder: PathBuf,
}

impl Reader {
    /// Whoever holds this key, or anybody.
    fn new(play: &Play, name: &str, key: Option<(&SigningKey, u8)>) -> Self {
        let context = play.context(key.map(|(key, seed)| play.key_file(key, seed)));
        Self { context, folder: play.server.home().join(format!("export-{name}")) }
    }

    fn run(&self, command: &RecordCommand) -> (u8, String) {
        match command.run(&self.context) {
            Ok(report) => (report.exit_code(), report.text(Lang::En)),
            Err(error) => (error.exit_code(), sealbid::web::problem::terminal(&error, Lang::En)),
        }
    }

    fn export(&self) -> (u8, String) {
        self.run(&RecordCommand::Export { out: self.folder.clone() })
    }

    fn check(&self) -> (u8, String) {
        self.run(&RecordCommand::Check { folder: self.folder.clone() })
    }

    fn entry(&self, index: u64) -> (u8, String) {
        self.run(&RecordCommand::Entry { index })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.at(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn files(&self) -> [Vec<u8>; 3] {
        ["leaves", "entries.jsonl", "withheld.jsonl"].map(|name| fs::read(self.at(name)).unwrap())
    }

    /// As if the export had been stopped with so many bytes of each file on the disk.
    fn stop_at(&self, [leaves, entries, withheld]: [usize; 3]) {
        let cut = [("leaves", leaves), ("entries.jsonl", entries), ("withheld.jsonl", withheld)];
        for (name, length) in cut {
            let bytes = fs::read(self.at(name)).unwrap();
            let part = &bytes[..length.min(bytes.len())];
            fs::write(self.at(&format!("{name}.part")), part).unwrap();
            fs::remove_file(self.at(name)).unwrap();
        }
    }
}

/// A unit with three bids, still open, on a record of several bundles.
fn with_bids(base: &TestBase) -> (Play, sealbid::ids::UnitId) {
    let play = Play::new(base, 3);
    for _ in 0..34 {
        play.server.app().platform.sequencer.want_checkpoint();
        play.server.beat();
    }
    let unit = play.publish(&[Stage::Single])[0];
    for bidder in 0..3 {
        play.bid(bidder, &unit);
    }
    play.server.beat();
    (play, unit)
}

fn append(path: &Path, from: &[u8], to: &[u8]) {
    let text = fs::read(path).unwrap();
    let at = text.windows(from.len()).position(|window| window == from).unwrap();
    let altered = [&text[..at], to, &text[at + from.len()..]].concat();
    fs::write(path, altered).unwrap();
}

on_both! {
    fn a_regulators_export_lists_what_is_sealed_and_opens_every_leaf_afterwards(base: TestBase) {
        let (play, unit) = with_bids(&base);
        let before = Reader::new(&play, "before", Some((&regulator(), 105)));
        let (exit, said) = before.export();
        assert_eq!(exit, 0, "{said}");
        assert!(said.contains(&unit.to_string()), "{said}");
        let about: Value =
            serde_json::from_slice(&fs::read(before.at("about.json")).unwrap()).unwrap();
        let from = about["waiting"][0]["from"].as_u64().unwrap();
        let leaves = fs::read_to_string(before.at("leaves")).unwrap();
        let leaves: Vec<&str> = leaves.lines().collect();
        assert!(leaves.len() > 256, "several pages: {}", leaves.len());
        let (entries, withheld) = (before.lines("entries.jsonl"), before.lines("withheld.jsonl"));
        assert_eq!(entries.len() + withheld.len(), leaves.len());
        // Up to the proposal every leaf is open, pads too; behind it no pad is, bid or no bid.
        assert!(withheld.iter().all(|it| it["index"].as_u64().unwrap() > from), "{withheld:?}");
        let is_pad = |it: &&Value| it["event"] == "";
        assert!(entries.iter().filter(is_pad).all(|it| it["index"].as_u64().unwrap() < from));
        assert!(entries.iter().filter(is_pad).count() > 200);
        for it in &withheld {
            let index = usize::try_from(it["index"].as_u64().unwrap()).unwrap();
            assert_eq!((&it["why"], &it["leaf"]), (&"sealed".into(), &leaves[index].into()));
            assert_eq!(it["until"], DEADLINE.millis());
        }
        assert!(withheld.len() > 3, "three bids among pads");
        assert_eq!(before.check().0, 0, "{}", before.check().1);

        play.open(&unit);
        play.server.beat();
        let after = Reader::new(&play, "after", Some((&regulator(), 105)));
        let (exit, said) = after.export();
        assert_eq!((exit, after.lines("withheld.jsonl")), (0, Vec::new()), "{said}");
        let events = fs::read_to_string(after.at("entries.jsonl")).unwrap();
        let leaves = fs::read_to_string(after.at("leaves")).unwrap();
        assert_eq!(events.lines().count(), leaves.lines().count(), "every leaf is open");
        for kind in ["application", "accepted", "released", "release", "read-out", "opening"] {
            assert!(events.contains(&format!("sealbid/{kind}/v1")), "{kind}");
        }
        let (exit, said) = before.export();
        assert_eq!(exit, 0, "{said}");
        assert!(said.contains("complete already"), "{said}");
    }
}

on_both! {
    fn an_export_shows_each_reader_its_own_and_no_more(base: TestBase) {
        let (play, _) = with_bids(&base);
        let everybody = Reader::new(&play, "public", None);
        let bidder = Reader::new(&play, "bidder", Some((&play.bidders[1].key, 2)));
        for (reader, accepted) in [(&everybody, 0), (&bidder, 1)] {
            let (exit, said) = reader.export();
            assert_eq!(exit, 0, "{said}");
            assert_eq!(reader.check().0, 0);
            let entries = reader.lines("entries.jsonl");
            let holds = |word: &str| {
                entries.iter().filter(|it| it["event"].as_str().unwrap().contains(word)).count()
            };
            assert_eq!(holds("sealbid/accepted/v1"), accepted);
            assert!(entries.iter().all(|it| it["event"] != ""), "no pad");
            let withheld = reader.lines("withheld.jsonl");
            assert!(withheld.iter().all(|it| it["why"] == "level" && it.get("until").is_none()));
        }
        let other = Reader { folder: everybody.folder, ..bidder };
        let (exit, said) = other.export();
        assert!(exit == 2 && said.contains("choose another folder"), "{exit} {said}");
    }
}

on_both! {
    fn an_export_that_was_stopped_goes_on_and_ends_the_same(base: TestBase) {
        let (play, _) = with_bids(&base);
        let reader = Reader::new(&play, "stopped", Some((&regulator(), 105)));
        assert_eq!(reader.export().0, 0);
        let whole = reader.files();
        let [leaves, entries, withheld] = [0, 1, 2].map(|n| whole[n].len());
        for cut in [
            [0, 0, 0],
            [65 * 3, 700, 0],
            [65 * 3 + 17, entries / 2, 0],
            [leaves / 2, entries, withheld],
            [leaves, entries / 2 + 3, withheld],
            [leaves - 1, entries - 1, withheld - 1],
            [leaves, entries, withheld],
        ] {
            reader.stop_at(cut);
            assert_eq!(reader.check().0, 2, "an interrupted export is no export");
            let (exit, said) = reader.export();
            assert_eq!(exit, 0, "{cut:?} {said}");
            assert_eq!(reader.files(), whole, "{cut:?}");
            assert!(!reader.at("leaves.part").exists());
        }
        // Stopped while the files got their names.
        fs::rename(reader.at("leaves"), reader.at("leaves.part")).unwrap();
        assert_eq!(reader.export().0, 0);
        assert_eq!(reader.files(), whole);
    }
}

on_both! {
    fn an_export_of_another_record_is_not_gone_on_with(base: TestBase) {
        let (play, _) = with_bids(&base);
        let reader = Reader::new(&play, "mixed", None);
        assert_eq!(reader.export().0, 0);
        let first = reader.lines("withheld.jsonl")[0].clone();
        let leaf = first["leaf"].as_str().unwrap().to_owned();
        let other = "0".repeat(64);
        let whole = reader.files();
        // The copy ends with a leaf that is not this record's, or has one further up.
        let index = usize::try_from(first["index"].as_u64().unwrap()).unwrap();
        for (end, exit_said) in [(index + 1, "another record"), (index + 20, "signed root")] {
            append(&reader.at("leaves"), leaf.as_bytes(), other.as_bytes());
            append(&reader.at("withheld.jsonl"), leaf.as_bytes(), other.as_bytes());
            reader.stop_at([65 * end, usize::MAX, usize::MAX]);
            let (exit, said) = reader.export();
            assert!(exit == 1 && said.contains(exit_said), "{exit} {said}");
            for (name, bytes) in ["leaves", "entries.jsonl", "withheld.jsonl"].iter().zip(&whole) {
                fs::write(reader.at(name), bytes).unwrap();
                drop(fs::remove_file(reader.at(&format!("{name}.part"))));
            }
        }
        let foreign = play.server.home().join("foreign");
        fs::create_dir(&foreign).unwrap();
        fs::write(foreign.join("diary"), "mine").unwrap();
        let reader = Reader { folder: foreign.clone(), ..reader };
        assert_eq!(reader.export().0, 2);
        assert_eq!(fs::read_dir(&foreign).unwrap().count(), 1, "nothing was touched");
    }
}

on_both! {
    fn a_changed_export_fails_its_check_and_a_withheld_leaf_that_is_due_is_a_finding(base: TestBase) {
        let (play, unit) = with_bids(&base);
        let reader = Reader::new(&play, "changed", Some((&regulator(), 105)));
        assert_eq!(reader.export().0, 0);
        let whole = reader.files();
        for (name, bytes) in ["leaves", "entries.jsonl", "withheld.jsonl"].iter().zip(&whole) {
            for at in [10, bytes.len() / 2, bytes.len() - 1] {
                let mut altered = bytes.clone();
                altered[at] ^= 1;
                fs::write(reader.at(name), &altered).unwrap();
                assert_eq!(reader.check().0, 1, "{name} {at}");
            }
            fs::write(reader.at(name), [bytes.as_slice(), bytes].concat()).unwrap();
            assert_eq!(reader.check().0, 1, "{name} twice");
            fs::write(reader.at(name), bytes).unwrap();
        }
        assert_eq!(reader.check().0, 0);
        let mut unpinned = Reader::new(&play, "changed", None);
        unpinned.context.trust = None;
        assert_eq!(unpinned.check().0, 3);
        unpinned.context.trust = Some("0".repeat(64));
        assert_eq!(unpinned.check().0, 4);

        play.open(&unit);
        play.server.beat();
        let reader = Reader::new(&play, "due", Some((&regulator(), 105)));
        assert_eq!(reader.export().0, 0);
        let entries = fs::read_to_string(reader.at("entries.jsonl")).unwrap();
        let (index, line) = entries.lines().enumerate().last().unwrap();
        let leaves = fs::read_to_string(reader.at("leaves")).unwrap();
        let leaf = leaves.lines().last().unwrap();
        let withheld = format!("{{\"index\":{index},\"leaf\":\"{leaf}\",\"why\":\"sealed\"}}\n");
        fs::write(reader.at("withheld.jsonl"), withheld).unwrap();
        fs::write(reader.at("entries.jsonl"), entries.replace(&format!("{line}\n"), "")).unwrap();
        let (exit, said) = reader.check();
        assert!(exit == 1 && said.contains("finding"), "{exit} {said}");
        // What it is said to wait for must run by this very record.
        let about = fs::read_to_string(reader.at("about.json")).unwrap();
        let waits = format!(
            "\"waiting\":[{{\"unit\":\"{unit}\",\"from\":1,\"deadline\":1,\"open_at\":1}}]"
        );
        fs::write(reader.at("about.json"), about.replace("\"waiting\": []", &waits)).unwrap();
        assert_eq!(reader.check().0, 1);
    }
}

on_both! {
    fn an_entry_is_proven_by_its_receipt_or_said_not_to_be(base: TestBase) {
        let (play, unit) = with_bids(&base);
        let everybody_pinned = Reader::new(&play, "everybody", None);
        let mut everybody = Reader::new(&play, "anybody", None);
        let (exit, said) = everybody_pinned.entry(0);
        assert!(exit == 0 && said.contains("Proven"), "{exit} {said}");
        let sealed = play.standing(0, &unit)["index"].as_u64().unwrap();
        assert_eq!(everybody.entry(sealed).0, 2, "not shown");
        everybody.context.trust = Some("0".repeat(64));
        assert_eq!(everybody.entry(0).0, 4);
        everybody.context.trust = None;
        let (exit, said) = everybody.entry(0);
        assert!(exit == 3 && said.contains("Not proven"), "{exit} {said}");
        let supervisor = Reader::new(&play, "supervisor", Some((&regulator(), 105)));
        let (exit, said) = supervisor.entry(7);
        assert!(exit == 5 && said.contains("pad"), "{exit} {said}");
        let own = Reader::new(&play, "own", Some((&play.bidders[0].key, 1)));
        assert_eq!(own.entry(sealed).0, 0);
        // Nobody has cosigned it yet.
        let later = play.send(0, &play.seal(0, &unit, next(&play.standing(0, &unit)), 0)).unwrap();
        let (exit, said) = own.entry(later);
        assert!(exit == 5 && said.contains("Not final"), "{exit} {said}");
    }
}
