//! Does a bidder who follows its document get on when things go wrong: an old version sent again, a
//! platform that is gone?

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Parser as _;
use reqwest::{Method, StatusCode};
use sealbid::bid::rules::{ChainHead, ChainKind, superseded};
use sealbid::cli::Context;
use sealbid::cli::bid::{BidCommand, Lodge, Send, read};
use sealbid::cli::failed::Failed;
use sealbid::cli::output::{Access as FileAccess, Report, write_new};
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::Statement;
use sealbid::enterprise::credentials::key_name;
use sealbid::enterprise::statements::Kind;
use sealbid::error::{Error, Refusal as _};
use sealbid::ids::BidId;
use sealbid::opening::statements::Lodged;
use sealbid::record::store::entries_of_kind;
use sealbid::tender::statements::Stage;
use sealbid::web::i18n::Lang;
use sealbid::web::problem::terminal;

use crate::on_both;
use crate::play::{DEADLINE, Play, first, next};
use crate::registration::{ORIGIN, id, signer};
use crate::support::wait;

fn bidder(play: &Play) -> Context {
    play.context(Some(play.key_file(&play.bidders[0].key, 1)))
}

fn submit(context: &Context, bid: &Path) -> Result<Report, Failed> {
    BidCommand::Submit(Send { file: bid.to_owned() }).run(context)
}

fn replace(context: &Context, bid: &Path) -> Result<Report, Failed> {
    BidCommand::Replace(Send { file: bid.to_owned() }).run(context)
}

/// What the program says of a failure, and how it ends.
fn told(failed: Failed, lang: Lang) -> (String, u8) {
    let error = Error::from(failed);
    (terminal(&error, lang), error.exit_code())
}

#[test]
fn what_was_accepted_counts_until_its_chain_goes_on() {
    let (this, other) = (Hash::of(b"this"), Hash::of(b"another"));
    let head = |sha256, kind| ChainHead {
        bid_id: BidId::random(&SystemEntropy::new()).unwrap(),
        seq: 2,
        sha256,
        kind,
        key: signer("bids.example/record/enterprise/x", 1).verifying().clone(),
    };
    for kind in [ChainKind::Manifest, ChainKind::Withdrawal] {
        assert_eq!(superseded(Some(&head(this, kind)), &this), None);
        assert_eq!(superseded(Some(&head(other, kind)), &this), Some(kind));
    }
    assert_eq!(superseded(None, &this), None);
}

on_both! {
    fn a_version_that_counts_no_more_is_not_taken_for_accepted_when_it_is_sent_again(base: TestBase) {
        let play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let mine = bidder(&play);
        let old = play.seal(0, &unit, first(), 0);
        submit(&mine, &old).unwrap();
        let index = play.standing(0, &unit)["index"].as_u64().unwrap();
        let again = submit(&mine, &old).unwrap();
        assert!(again.text(Lang::En).contains(&format!("entry {index} ")), "it counts");
        let new = play.seal(0, &unit, next(&play.standing(0, &unit)), 0);
        replace(&mine, &new).unwrap();
        let entries = || {
            let kinds = ["accepted", "refused", "withdrawn"].map(|kind| format!("sealbid/{kind}/v1"));
            let count = |kind: &String| play.server.app().db().read(|conn| entries_of_kind(conn, kind)).unwrap().len();
            kinds.each_ref().map(count)
        };
        std::fs::remove_file(old.with_extension("tlog-proof")).unwrap();
        let replaced = replace(&mine, &old).unwrap_err();
        assert_eq!(replaced.code(), "cli-replaced-since");
        // The receipt of its acceptance is kept all the same.
        let kept = std::fs::read(old.with_extension("tlog-proof")).unwrap();
        assert_eq!(play.pinned.receipt(&kept).unwrap().receipt.index, index);
        let (said, exit) = told(replaced, Lang::En);
        assert!(said.contains("hint:") && said.contains("another version counts") && exit == 1, "{said}");
        let withdraw = BidCommand::Withdraw { unit, folder: None, out: Some(old.with_extension("out")) };
        withdraw.run(&mine).unwrap();
        for (bid, lang, word) in [(&new, Lang::En, "you withdrew it"), (&old, Lang::Zh, "您已撤回")] {
            let withdrawn = submit(&mine, bid).unwrap_err();
            assert_eq!(withdrawn.code(), "cli-withdrawn-since");
            let (said, exit) = told(withdrawn, lang);
            assert!(said.contains(word) && exit == 1, "{said}");
        }
        assert_eq!(entries(), [2, 0, 1], "one for each act");
        // The same over HTTP: as before with its own entry, and the field says what became of it.
        let envelope = read(&old).unwrap();
        let shares: Vec<String> = envelope.shares.iter().map(|share| base64(share)).collect();
        let body = serde_json::json!({ "manifest": envelope.manifest.encode(), "shares": shares });
        let path = format!("/api/v1/units/{unit}/bids");
        let token = play.server.login(&play.bidders[0].key);
        let (status, answer) = play.server.ask_as(Method::POST, &path, Some(&token), Some(body));
        assert_eq!((status, answer["superseded"].as_str()), (StatusCode::OK, Some("withdrawn")));
        assert_eq!((answer["index"].as_u64(), entries()), (Some(index), [2, 0, 1]));
    }
}

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// `sealbid bid …` with the options of every command.
#[derive(clap::Parser)]
pub struct Line {
    #[arg(long, global = true)]
    pub key: Option<PathBuf>,
    #[arg(long, global = true)]
    pub server: Option<String>,
    #[arg(long, global = true)]
    pub trust: Option<String>,
    #[arg(long, global = true)]
    pub roster: Option<PathBuf>,
    #[command(subcommand)]
    pub command: BidCommand,
}

/// Runs the bidder's document's line that begins so, with these words for its placeholders and more
/// behind them.
fn follow(
    play: &Play,
    begin: &str,
    words: &[(&str, String)],
    more: &[&str],
) -> Result<Report, Failed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/roles/bidder.md");
    let text = std::fs::read_to_string(path).unwrap();
    let found = text.split('`').skip(1).step_by(2).find(|code| code.starts_with(begin)).unwrap();
    let word = |word: &str| {
        let known = words.iter().find(|(name, _)| *name == word);
        known.map_or_else(|| word.to_owned(), |(_, value)| value.clone())
    };
    let more = more.iter().map(|word| (*word).to_owned());
    let line = Line::parse_from(found.split_whitespace().skip(1).map(word).chain(more));
    let Line { key, server, trust, roster, command } = line;
    command.run(&Context { key, server, trust, roster, ..play.context(None) })
}

/// Fills in a folder's `bid.toml`.
fn fill_in(folder: &Path, old: &str, new: &str) {
    let path = folder.join("bid.toml");
    let plan = std::fs::read_to_string(&path).unwrap();
    assert!(plan.contains(old), "{plan}");
    std::fs::write(&path, plan.replace(old, new)).unwrap();
}

on_both! {
    fn a_price_is_sealed_where_it_is_read_out_and_nowhere_else(base: TestBase) {
        let play = Play::new(&base, 1);
        let units = play.publish(&[Stage::Technical, Stage::Commercial]);
        let home = play.server.home().to_owned();
        let at = |name: &str| home.join(name).display().to_string();
        let roster = play.server.ask(Method::GET, "/record/roster", &[], None);
        std::fs::write(at("roster.note"), wait(roster.bytes()).unwrap()).unwrap();
        write_new(&home.join("pass"), b"a test's\n", FileAccess::Private).unwrap();
        let seal = |stage: usize| {
            let words = [
                ("UNIT", units[stage].to_string()),
                ("unit.json", at(&format!("unit-{stage}.json"))),
                ("my.key", play.key_file(&play.bidders[0].key, 1).display().to_string()),
                ("URL", play.server.address.clone()),
                ("PIN", play.server.roster.sha256().to_string()),
                ("FOLDER", at(&format!("offer-{stage}"))),
                ("roster.note", at("roster.note")),
            ];
            if !home.join(format!("offer-{stage}")).exists() {
                follow(&play, "sealbid bid unit", &words, &[]).unwrap();
                follow(&play, "sealbid bid new", &words, &[]).unwrap();
            }
            follow(&play, "sealbid bid seal", &words, &["--passphrase-file", &at("pass")])
        };
        let refused = |stage: usize, en: &str, zh: &str| {
            for (lang, words) in [(Lang::En, en), (Lang::Zh, zh)] {
                let (said, exit) = told(seal(stage).unwrap_err(), lang);
                assert!(said.contains(words) && exit == 1, "{said}");
            }
            assert!(!home.join(format!("offer-{stage}/bid-1.bid")).exists());
        };
        refused(0, "the envelope would hold nothing", "信封会是空的");
        refused(1, "without a # in front", "行首不带 #");
        let [technical, commercial] = ["offer-0", "offer-1"].map(|name| home.join(name));
        fill_in(&technical, "# price", "price");
        refused(0, "while the commercial envelopes are still sealed", "请删去");
        fill_in(&technical, "price", "# price");
        fill_in(&technical, "files = []", "files = [\"plan.pdf\"]");
        std::fs::write(technical.join("plan.pdf"), "a plan").unwrap();
        let sealed = seal(0).unwrap();
        let en = sealed.text(Lang::En);
        assert!(en.contains("Price: none") && en.contains("File: plan.pdf, 6 bytes"), "{en}");
        assert!(sealed.text(Lang::Zh).contains("文件：plan.pdf，6 字节"));
        fill_in(&commercial, "# price", "price");
        fill_in(&commercial, "# duration", "duration");
        let sealed = seal(1).unwrap();
        let en = sealed.text(Lang::En);
        assert!(en.contains("Price: 1234567.89 CNY\nDuration: 120 days\nFiles: none"), "{en}");
        let zh = sealed.text(Lang::Zh);
        assert!(zh.contains("报价：1234567.89 CNY\n工期：120 天\n文件：无"), "{zh}");
    }
}

on_both! {
    fn who_follows_the_bidders_document_can_lodge_when_the_platform_is_gone(base: TestBase) {
        let mut play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let home = play.server.home().to_owned();
        let at = |name: &str| home.join(name).display().to_string();
        let roster = play.server.ask(Method::GET, "/record/roster", &[], None);
        std::fs::write(at("roster.note"), wait(roster.bytes()).unwrap()).unwrap();
        write_new(&home.join("pass"), b"a test's\n", FileAccess::Private).unwrap();
        let url = play.server.address.clone();
        let words = [
            ("UNIT", unit.to_string()),
            ("unit.json", at("unit.json")),
            ("my.key", play.key_file(&play.bidders[0].key, 1).display().to_string()),
            ("URL", url.clone()),
            ("PIN", play.server.roster.sha256().to_string()),
            ("FOLDER", at("offer")),
            ("roster.note", at("roster.note")),
            ("FILE", at("offer/bid-1.bid")),
            ("CUSTODIAN", "c2".to_owned()),
        ];
        follow(&play, "sealbid bid unit", &words, &[]).unwrap();
        follow(&play, "sealbid bid new", &words, &[]).unwrap();
        fill_in(&home.join("offer"), "# price", "price");
        let sealed = follow(&play, "sealbid bid seal", &words, &["--passphrase-file", &at("pass")]);
        let sealed = sealed.unwrap().text(Lang::En);
        assert!(!sealed.contains("missing"), "{sealed}");
        play.server.stop();
        let unreachable = follow(&play, "sealbid bid submit", &words, &[]).unwrap_err();
        assert_eq!(unreachable.code(), "cli-unreachable");
        // Without what sealing kept there is a word about just that, also where a dead platform is named.
        let kept = std::fs::read(at("offer/credentials.json")).unwrap();
        std::fs::remove_file(at("offer/credentials.json")).unwrap();
        for more in [&[][..], &["--server", &url]] {
            let lodged = follow(&play, "sealbid bid lodge", &words, more).unwrap_err();
            assert_eq!(lodged.code(), "cli-no-credentials");
        }
        std::fs::write(at("offer/credentials.json"), kept).unwrap();
        follow(&play, "sealbid bid lodge", &words, &[]).unwrap();
        let word = std::fs::read(at("offer/bid-1.lodged-c2.note")).unwrap();
        let word = Statement::<Lodged>::parse(&word).unwrap();
        assert!(word.body().unit_id == unit && word.body().arrived_at < DEADLINE);
    }
}

on_both! {
    fn a_bidder_is_told_when_nothing_that_shows_its_key_was_saved(base: TestBase) {
        let play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let at = |name: &str| play.server.home().join(name);
        let save = |context: &Context, name: &str| {
            let saved = BidCommand::Unit { unit, out: at(name) }.run(context).unwrap();
            saved.text(Lang::En)
        };
        let told = save(&play.context(None), "unit-1");
        assert!(told.contains("save the unit again with --key"), "{told}");
        assert!(!at("credentials.json").exists());
        // A key that nobody vouched for shows nothing, and the unit is saved all the same.
        let stranger = signer(&key_name(ORIGIN, Kind::Enterprise, id(77)), 77);
        let told = save(&play.context(Some(play.key_file(&stranger, 77))), "unit-2");
        assert!(told.contains("credentials.json is missing") && at("unit-2").exists(), "{told}");
        // Submitting saves it beside the bid.
        submit(&bidder(&play), &play.seal(0, &unit, first(), 0)).unwrap();
        assert!(at("credentials.json").exists());
    }
}

on_both! {
    fn a_later_version_is_lodged_with_the_receipt_that_stands_beside_it(base: TestBase) {
        let play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let mine = bidder(&play);
        let [own, bare] = ["own", "bare"].map(|name| play.server.home().join(name));
        for folder in [&own, &bare] {
            std::fs::create_dir(folder).unwrap();
        }
        let one = own.join("bid-1.bid");
        std::fs::copy(play.seal(0, &unit, first(), 0), &one).unwrap();
        submit(&mine, &one).unwrap();
        play.server.beat();
        // The bid's own name does for its receipt.
        BidCommand::Receipt { file: one, wait: 30 }.run(&mine).unwrap();
        let two = play.seal(0, &unit, next(&play.standing(0, &unit)), 0);
        let lodge = |folder: &Path| {
            let file = folder.join("bid-2.bid");
            std::fs::copy(&two, &file).unwrap();
            let custodian = "c2".parse().unwrap();
            let lodge = Lodge { file, custodian, credentials: None, receipts: Vec::new() };
            BidCommand::Lodge(lodge).run(&mine)
        };
        let refused = lodge(&bare).unwrap_err();
        assert_eq!(refused.told().map(|told| told.code.as_str()), Some("custodian-lodge"));
        let (said, _) = told(refused, Lang::En);
        assert!(said.contains("--receipt") && said.contains("before this one"), "{said}");
        lodge(&own).unwrap();
        assert!(own.join("bid-2.lodged-c2.note").exists());
    }
}

on_both! {
    fn what_a_killed_program_left_of_a_bid_is_removed_by_the_next_and_nothing_is_sealed_too_late(base: TestBase) {
        let play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let [old, new] = [".sealbid-old", ".sealbid-new"].map(|name| play.server.home().join(name));
        let made = [&old, &new].map(|path| std::fs::File::create(path).unwrap());
        let just_now = made[0].metadata().unwrap().modified().unwrap();
        made[0].set_modified(just_now - Duration::from_secs(7_200)).unwrap();
        play.seal(0, &unit, first(), 0);
        assert!(!old.exists() && new.exists(), "another program may be at work");
        let folder = play.server.home().join("late");
        let mine = bidder(&play);
        BidCommand::New { folder: folder.clone(), unit }.run(&mine).unwrap();
        play.to(DEADLINE);
        let words = ["bid", "seal", folder.to_str().unwrap()];
        let refused = Line::parse_from(words).command.run(&mine).unwrap_err();
        let (said, _) = told(refused, Lang::En);
        assert!(said.contains("has passed") && !said.contains("regulator"), "{said}");
    }
}
