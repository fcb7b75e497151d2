//! Does a buyer who follows its document get on: from the file of a tender to units that a custodian
//! refuses or does not answer about, and what stops them later?

use std::sync::Arc;

use sealbid::cli::failed::Failed;
use sealbid::cli::help;
use sealbid::cli::opening::OpeningCommand;
use sealbid::cli::output::Report;
use sealbid::cli::tender::TenderCommand;
use sealbid::clock::ManualClock;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::statement::{Body as _, Statement};
use sealbid::custodian::client::AskError;
use sealbid::ids::{TenderId, UnitId};
use sealbid::opening::statements::{Challenged, SuspensionState, Verdict};
use sealbid::record::append::Event;
use sealbid::record::disclosure::Level;
use sealbid::record::store::entries_of_kind;
use sealbid::tender::answers::Answers;
use sealbid::tender::consent::Waiting;
use sealbid::tender::statements::{Stage, Unit};
use sealbid::web::i18n::Lang;

use crate::on_both;
use crate::play::{DEADLINE, Play, code, meant};
use crate::support::wait;

fn run(play: &Play, command: &TenderCommand) -> Result<Report, Failed> {
    command.run(&play.context(Some(play.key_file(&play.buyer.key, 90))))
}

/// A tender as its buyer is told of it.
fn shown(play: &Play, tender: TenderId, lang: Lang) -> String {
    run(play, &TenderCommand::Show { tender, json: false }).unwrap().text(lang)
}

/// Publishes a draft; gives its one unit.
fn publish(play: &Play, tender: TenderId) -> UnitId {
    let client = play.client(&play.buyer.key);
    let asked = wait(client.publish(&play.pinned, tender, &meant(&[Stage::Single]))).unwrap();
    asked["units"][0]["unit"].as_str().unwrap().parse().unwrap()
}

fn lapses(play: &Play) -> usize {
    let db = play.server.app().db();
    db.read(|conn| entries_of_kind(conn, "sealbid/lapsed/v1")).unwrap().len()
}

/// The example in the buyer's document, without the indent of its list.
fn example() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/roles/buyer.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, block) = text.split_once("```toml\n").unwrap();
    let (block, _) = block.split_once("  ```").unwrap();
    block.lines().map(|line| format!("{}\n", line.trim_start())).collect()
}

/// The example in the command's help.
fn in_help(lang: Lang) -> String {
    let mut command = help::command(lang);
    command.build();
    let tender = command.find_subcommand("tender").unwrap();
    let draft = tender.find_subcommand("draft").unwrap();
    let text = draft.get_after_help().unwrap().to_string();
    text.split_once("\n\n").unwrap().1.to_owned()
}

on_both! {
    fn the_example_of_a_tenders_file_is_drafted_as_it_stands(base: TestBase) {
        let play = Play::new(&base, 0);
        assert_eq!(example().trim_end(), in_help(Lang::En).trim_end());
        let mut plans = [example(), in_help(Lang::Zh)].map(|text| {
            let file = play.server.home().join("tender.toml");
            std::fs::write(&file, text).unwrap();
            let tender = run(&play, &TenderCommand::Draft { file }).unwrap().text(Lang::En);
            let client = play.client(&play.buyer.key);
            let path = format!("/tenders/{}", tender.trim_end());
            let view: serde_json::Value =
                wait(client.get(&path, sealbid::cli::client::Access::Own)).unwrap();
            view["plan"].clone()
        });
        assert_eq!(plans[0]["lots"][0]["stages"][0]["min"], 3);
        assert_eq!(plans[0]["lots"][0]["stages"][0]["deadline"], 1_804_208_400_000_i64);
        // In the other language the same, under other titles.
        for plan in &mut plans {
            plan["title"] = "".into();
            plan["lots"][0]["title"] = "".into();
        }
        assert_eq!(plans[0], plans[1]);
    }
}

on_both! {
    fn a_unit_that_a_custodian_refuses_for_good_lapses_at_once_and_its_buyer_reads_why(base: TestBase) {
        let mut play = Play::new(&base, 0);
        play.server.sleep(1);
        // For this custodian the deadline has passed already.
        play.server.agents_clock = Arc::new(ManualClock::new(DEADLINE.plus(1)));
        play.server.wake(1);
        let tender = play.draft(&[Stage::Single]);
        let unit = publish(&play, tender);
        play.server.tick();
        assert_eq!((play.unit(&unit)["state"].as_str(), lapses(&play)), (Some("lapsed"), 1));
        let en = shown(&play, tender, Lang::En);
        assert!(en.contains("custodian c1 refuses for good (custodian-range)"), "{en}");
        assert!(en.contains("draft, procured by"), "{en}");
        let zh = shown(&play, tender, Lang::Zh);
        assert!(zh.contains("保管人 c1 明确拒绝（custodian-range）"), "{zh}");
        play.server.tick();
        assert_eq!(lapses(&play), 1, "once");
    }
}

on_both! {
    fn a_buyer_sees_who_has_not_signed_and_takes_its_proposal_back(base: TestBase) {
        let mut play = Play::new(&base, 0);
        let tender = play.draft(&[Stage::Single]);
        let unit = publish(&play, tender);
        assert!(shown(&play, tender, Lang::En).contains("custodian c2: not asked yet"));
        play.server.sleep(2);
        play.server.tick();
        play.server.tick();
        let en = shown(&play, tender, Lang::En);
        assert!(en.contains("custodian c1: signed") && en.contains("custodian c2: does not answer"), "{en}");
        let zh = shown(&play, tender, Lang::Zh);
        assert!(zh.contains("保管人 c1：已签署") && zh.contains("保管人 c2：没有应答"), "{zh}");
        // Nobody else takes it back; its buyer does, and the same word again changes nothing.
        let stranger = play.context(Some(play.key_file(&crate::server::regulator(), 105)));
        assert_eq!(code(TenderCommand::Void { unit }.run(&stranger)), "auth-forbidden");
        for _ in 0..2 {
            run(&play, &TenderCommand::Void { unit }).unwrap();
            assert_eq!((play.unit(&unit)["state"].as_str(), lapses(&play)), (Some("lapsed"), 1));
        }
        assert!(shown(&play, tender, Lang::En).contains("publication was taken back"));
        play.server.wake(2);
        play.server.clock.advance(1_000);
        let next = publish(&play, tender);
        play.server.tick();
        play.server.tick();
        assert_eq!(play.unit(&next)["state"], "open");
        assert!(!shown(&play, tender, Lang::En).contains("custodian c2:"));
        // Once it is open it is cancelled by the same command, and the old one stays lapsed.
        run(&play, &TenderCommand::Void { unit: next }).unwrap();
        assert_eq!(play.unit(&next)["state"], "void");
    }
}

#[test]
fn a_custodians_answer_is_news_once() {
    let (answers, unit) = (Answers::default(), UnitId(Hash::of(b"unit")));
    let (c1, c2) = ("c1".parse().unwrap(), "c2".parse().unwrap());
    let refused = |code: &str| AskError::Refused { status: 409, code: code.to_owned() };
    let silent = AskError::Silent("refused".to_owned());
    assert!(answers.note(Waiting::Unit, unit, &c1, &refused("custodian-stale")));
    for _ in 0..3 {
        assert!(!answers.note(Waiting::Unit, unit, &c1, &refused("custodian-stale")));
    }
    assert!(answers.note(Waiting::Unit, unit, &c2, &silent), "another's");
    assert!(
        answers.note(Waiting::Amendment, unit, &c1, &refused("custodian-stale")),
        "of another question"
    );
    assert!(answers.note(Waiting::Unit, unit, &c1, &silent), "another answer");
    assert!(!answers.note(Waiting::Unit, unit, &c1, &AskError::Silent("timed out".to_owned())));
    let told = answers.of(Waiting::Unit, unit);
    assert_eq!((told.len(), told[&c1].as_str()), (2, "silent"));
}

on_both! {
    fn what_stops_or_moves_an_opening_is_said_wherever_the_unit_is_shown(base: TestBase) {
        let mut play = Play::new(&base, 0);
        let unit = play.publish(&[Stage::Single])[0];
        let note = play.unit(&unit)["unit"].as_str().unwrap().to_owned();
        let tender = Statement::<Unit>::parse(note.as_bytes()).unwrap().body().tender;
        let everybody = play.context(None);
        let told = |play: &Play, lang| {
            let opening = OpeningCommand::Show { unit }.run(&everybody).unwrap().text(lang);
            [opening, shown(play, tender, lang)]
        };
        let all = |play: &Play, lang, word: &str| {
            told(play, lang).iter().all(|text| text.contains(word))
        };
        let none = |play: &Play, word: &str| {
            !told(play, Lang::En).iter().any(|text| text.contains(word))
        };
        let regulator = play.regulator();
        let say = |state, reason| wait(regulator.suspend(&play.pinned, unit, state, reason)).unwrap();
        say(SuspensionState::Suspended, "a complaint about the notice");
        assert!(all(&play, Lang::En, "stopped the opening: a complaint about the notice"));
        assert!(all(&play, Lang::Zh, "监管部门已叫停开标：a complaint about the notice"));
        say(SuspensionState::Lifted, "settled");
        assert!(none(&play, "stopped the opening"));
        // Two custodians sleep: a postponement waits for q of five.
        play.server.sleep(1);
        play.server.sleep(2);
        let times = (DEADLINE.plus(60_000), DEADLINE.plus(60_000));
        wait(play.client(&play.buyer.key).postpone(&play.pinned, unit, times, "more time")).unwrap();
        assert!(all(&play, Lang::En, "A later deadline is asked of the custodians"));
        assert!(all(&play, Lang::Zh, "已请保管人同意推迟") && all(&play, Lang::En, "more time"));
        // Of what custodians found of challenges, the last word on each line counts.
        let line = Hash::of(b"line");
        let found = |verdict| {
            let body = Challenged {
                close_sha256: Hash::of(b"close"),
                custodian: "c3".parse().unwrap(),
                received_at: DEADLINE,
                line,
                verdict,
                unit_id: unit,
            };
            let bytes = Statement::signed(body, &play.buyer.key).unwrap().encode().into_bytes();
            let (kind, level) = (Challenged::TYPE, Level::Public);
            let event = Event { kind, level, unit: Some(unit), bytes };
            let db = play.server.app().db().clone();
            wait(db.write(move |tx| tx.record(event).map(drop))).unwrap();
        };
        found(Verdict::Open);
        assert!(all(&play, Lang::En, &format!("about line {line}, with custodian c3")));
        found(Verdict::Answered);
        assert!(none(&play, "open challenge"));
    }
}

on_both! {
    fn a_buyers_program_that_is_started_anew_is_answered_as_the_first(base: TestBase) {
        let play = Play::new(&base, 1);
        let (tender, client) = (play.draft(&[Stage::Single]), play.client(&play.buyer.key));
        let publish = || wait(client.publish(&play.pinned, tender, &meant(&[Stage::Single]))).unwrap();
        let first = publish();
        assert_eq!(publish(), first, "before the custodians signed");
        (0..2).for_each(|_| play.server.tick());
        assert_eq!(publish(), first, "and after");
        let other = meant(&[Stage::Single, Stage::Single]);
        let refused = wait(client.publish(&play.pinned, tender, &other)).unwrap_err();
        assert!(matches!(refused, Failed::Unsigned(_)), "another plan is not what was signed");

        let unit: UnitId = first["units"][0]["unit"].as_str().unwrap().parse().unwrap();
        let later = (DEADLINE.plus(120_000), DEADLINE.plus(120_000));
        let postpone =
            |reason: &str| wait(client.postpone(&play.pinned, unit, later, reason)).map(|done| done.index);
        let first = postpone("more time").unwrap();
        assert_eq!(postpone("more time").unwrap(), first, "before the custodians signed");
        (0..2).for_each(|_| play.server.tick());
        assert_eq!(play.unit(&unit)["deadline"], later.0.millis());
        assert_eq!(postpone("more time").unwrap(), first, "and after");
        assert!(postpone("another reason").is_err(), "that is another amendment, which moves nothing");
    }
}

on_both! {
    fn a_postponement_that_leaves_too_little_time_is_refused_with_the_earliest_deadline(base: TestBase) {
        let play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        play.to(DEADLINE.plus(-2_000));
        let postpone = |later: i64| {
            let times = (DEADLINE.plus(later), DEADLINE.plus(later));
            wait(play.client(&play.buyer.key).postpone(&play.pinned, unit, times, "more time"))
        };
        // The demo pack: five seconds from the change to the deadline.
        let refused = postpone(2_999).unwrap_err();
        let told = refused.told().unwrap();
        assert_eq!(told.code, "tender-unlawful");
        assert!(told.detail.contains("demo 3"), "{}", told.detail);
        assert_eq!(play.unit(&unit)["deadline"], DEADLINE.millis());
        postpone(3_000).unwrap();
    }
}
