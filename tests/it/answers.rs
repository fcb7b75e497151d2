//! Do commands tell people what came of them in the reader's language, and programs the raw answer?

use std::path::Path;

use reqwest::StatusCode;
use sealbid::cli::bid::BidCommand;
use sealbid::cli::enterprise::EnterpriseCommand;
use sealbid::cli::output::Report;
use sealbid::cli::tender::TenderCommand;
use sealbid::crypto::hash::Hash;
use sealbid::tender::statements::Stage;
use sealbid::web::i18n::{Lang, local_time};
use serde_json::Value;

use crate::on_both;
use crate::play::{DEADLINE, Play, meant};
use crate::reasons::is_chinese;
use crate::registration::{application, id, key, operator, signed};

/// A report for people: in both languages, and none of it JSON.
fn people(report: &Report) -> [String; 2] {
    let told = [Lang::En, Lang::Zh].map(|lang| report.text(lang));
    for text in &told {
        assert!(!text.contains("-say-") && !text.starts_with(['{', '[']), "{text}");
    }
    assert!(!told[0].contains('：') && is_chinese(&told[1]), "{told:?}");
    told
}

/// A report for programs: the same JSON in every language.
fn program(report: &Report) -> Value {
    assert_eq!(report.text(Lang::En), report.text(Lang::Zh));
    serde_json::from_str(&report.text(Lang::Zh)).unwrap()
}

fn plan_file(folder: &Path, title: &str) -> std::path::PathBuf {
    let at = local_time(DEADLINE).replace(" +", "+");
    let text = format!(
        "title = \"{title}\"\ndocuments_until = \"{at}\"\n[[lots]]\ntitle = \"Works\"\n\
         [[lots.stages]]\nstage = \"single\"\ndeadline = \"{at}\"\nopen_at = \"{at}\"\n\
         challenge_ms = 10000\nmin = 3\n"
    );
    let path = folder.join(format!("{title}.toml"));
    std::fs::write(&path, text).unwrap();
    path
}

on_both! {
    fn a_buyer_is_told_what_became_of_its_documents_and_its_publication(base: TestBase) {
        let play = Play::new(&base, 0);
        let buyer = play.context(Some(play.key_file(&play.buyer.key, 90)));
        let terms = play.server.home().join("条款 terms.pdf");
        std::fs::write(&terms, b"terms").unwrap();
        let run = |command: TenderCommand| command.run(&buyer).unwrap();
        let published = |title: &str, json: bool| {
            let file = plan_file(play.server.home(), title);
            let drafted = run(TenderCommand::Draft { file: file.clone() }).text(Lang::En);
            let tender = drafted.trim().parse().unwrap();
            let document = TenderCommand::Document { tender, file: terms.clone(), json };
            let added = run(document);
            let rules = meant(&[]).rule_pack_sha256.to_string();
            let documents = vec![terms.clone()];
            let publish = TenderCommand::Publish { tender, file, rules, documents, json };
            (tender, added, run(publish))
        };
        let (tender, added, asked) = published("school", false);
        let sha256 = Hash::of(b"terms");
        let [en, zh] = people(&added);
        assert_eq!(
            en,
            format!(
                "Added to the draft {tender}. Name the same file with --document when you \
                 publish.\nDocument: 条款 terms.pdf, 5 bytes, SHA-256 {sha256}\n"
            )
        );
        assert!(zh.starts_with(&format!("已加入草稿 {tender}。")) && zh.contains("5 字节"), "{zh}");
        let [en, zh] = people(&asked);
        assert!(en.contains(&format!("“sealbid tender show {tender}” says when")), "{en}");
        let unit = en.lines().nth(1).unwrap();
        assert!(unit.contains(": asked of the custodians, entry "), "{en}");
        assert!(zh.contains("，记录第 "), "{zh}");
        let (_, added, asked) = published("second school", true);
        assert_eq!(program(&added)["sha256"], sha256.to_string());
        assert_eq!(program(&asked)["units"][0]["state"], "proposed");
    }
}

on_both! {
    fn registrations_are_told_in_both_languages_and_to_programs_as_json(base: TestBase) {
        let play = Play::new(&base, 1);
        let mine = play.context(Some(play.key_file(&play.bidders[0].key, 1)));
        let show = |json| EnterpriseCommand::Show { enterprise: play.bidders[0].id, json };
        let [en, zh] = people(&show(false).run(&mine).unwrap());
        let bidder = play.bidders[0].id;
        assert!(en.contains(&format!(" ({bidder}): enterprise, verified\n")), "{en}");
        assert!(en.contains("  Unified Social Credit Code: 9") && en.contains("  Contact: "), "{en}");
        assert!(zh.contains(&format!("（{bidder}）：企业，已核实\n")), "{zh}");
        let json = program(&show(true).run(&mine).unwrap());
        assert_eq!(json["state"], "verified");
        assert!(!json["credentials"].as_array().unwrap().is_empty());

        let operator = play.context(Some(play.key_file(&operator(), 100)));
        let waiting = |json| EnterpriseCommand::Waiting { json }.run(&operator).unwrap();
        assert_eq!(people(&waiting(false)), ["Nobody waits for verification.\n", "没有等待核实的申请。\n"]);
        assert_eq!(program(&waiting(true)), serde_json::json!([]));
        let statement = signed(application(7, 7), &[&key(7, 7)]);
        assert_eq!(play.server.apply(&statement).0, StatusCode::OK);
        let [en, zh] = people(&waiting(false));
        assert!(en.contains(&format!(" ({}): enterprise, waits for an operator\n", id(7))), "{en}");
        assert!(en.contains(&format!("  Application: SHA-256 {}\n", statement.sha256())), "{en}");
        assert!(zh.contains("：企业，等待运营方核实\n"), "{zh}");
        assert_eq!(program(&waiting(true))[0]["enterprise"], id(7).to_string());
    }
}

on_both! {
    fn ones_own_bids_are_listed_in_both_languages_and_to_programs_as_json(base: TestBase) {
        let play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let mine = play.context(Some(play.key_file(&play.bidders[0].key, 1)));
        let list = |json| BidCommand::List { json }.run(&mine).unwrap();
        let index = play.bid(0, &unit);
        let [en, zh] = people(&list(false));
        assert!(en.starts_with(&format!("{unit}: bid_")), "{en}");
        assert!(en.ends_with(&format!(", version 1, accepted as entry {index}\n")), "{en}");
        assert!(zh.ends_with(&format!("，第 1 版，已受理，为记录第 {index} 条\n")), "{zh}");
        assert_eq!(program(&list(true))[0]["index"], index);
        BidCommand::Withdraw { unit, folder: None, out: Some(play.server.home().join("w")) }
            .run(&mine)
            .unwrap();
        let [en, _] = people(&list(false));
        assert!(en.contains(", version 2, withdrawn as entry "), "{en}");
    }
}
