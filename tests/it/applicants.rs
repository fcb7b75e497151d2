//! Does an applicant read what became of its application, and a holder of a key get on after a lost
//! answer?

use reqwest::StatusCode;
use sealbid::cli::Context;
use sealbid::cli::enterprise::{EnterpriseCommand, KeyChange};
use sealbid::cli::failed::Failed;
use sealbid::cli::output::Report;
use sealbid::crypto::statement::Statement;
use sealbid::enterprise::statements::Application;
use sealbid::error::Refusal as _;
use sealbid::record::store::entries_of_kind;
use sealbid::web::i18n::Lang;

use crate::on_both;
use crate::play::Play;
use crate::registration::{application, id, key, signed};
use crate::support::wait;

fn apply(play: &Play, n: u64, seed: u8) -> Statement<Application> {
    let statement = signed(application(n, seed), &[&key(n, seed)]);
    let (status, done) = play.server.apply(&statement);
    assert_eq!(status, StatusCode::OK, "{done}");
    statement
}

fn decline(play: &Play, application: &Statement<Application>, reason: &str) {
    wait(play.operator().decline(&play.pinned, application, reason)).unwrap();
}

/// What body `n`'s registration is told as to whoever holds the key of this seed; to anybody for none.
fn shown(play: &Play, n: u64, seed: Option<u8>, lang: Lang, json: bool) -> String {
    let file = seed.map(|seed| play.key_file(&key(n, seed), seed));
    let show = EnterpriseCommand::Show { enterprise: id(n), json };
    show.run(&play.context(file)).unwrap().text(lang)
}

on_both! {
    fn a_refused_applicant_reads_why_with_its_own_key_and_nobody_else_does(base: TestBase) {
        let play = Play::new(&base, 0);
        let first = apply(&play, 5, 5);
        let waits = shown(&play, 5, Some(5), Lang::En, false);
        assert!(waits.contains(&first.sha256().to_string()), "{waits}");
        decline(&play, &first, "the scan is unreadable");
        let said = shown(&play, 5, Some(5), Lang::En, false);
        assert_eq!(said.matches("To be mended: the scan is unreadable").count(), 1, "{said}");
        assert!(shown(&play, 5, Some(5), Lang::Zh, false).contains("需要改正：the scan is unreadable"));
        // The same application made again waits again: the old reason is no word about it.
        apply(&play, 5, 5);
        assert!(!shown(&play, 5, Some(5), Lang::En, false).contains("unreadable"));
        // One of several that wait in a name.
        let (mine, _) = (apply(&play, 6, 6), apply(&play, 6, 66));
        decline(&play, &mine, "no seal");
        // An application after a revocation.
        play.server.register(7, 7);
        wait(play.operator().revoke_key(&play.pinned, key(7, 7).verifying(), "lost")).unwrap();
        let again = apply(&play, 7, 77);
        decline(&play, &again, "no seal");
        for (n, own, other) in [(6, 6, 66), (7, 77, 7)] {
            let said = shown(&play, n, Some(own), Lang::En, false);
            assert!(said.contains("with this key") && said.contains("To be mended: no seal"), "{said}");
            let json: serde_json::Value =
                serde_json::from_str(&shown(&play, n, Some(own), Lang::En, true)).unwrap();
            assert_eq!((&json["by_key"]["standing"], &json["by_key"]["reason"]), (&"declined".into(), &"no seal".into()));
            for seed in [None, Some(other)] {
                let said = shown(&play, n, seed, Lang::En, true);
                assert!(!said.contains("no seal"), "{n}: {said}");
            }
        }
    }
}

on_both! {
    fn a_rotation_is_tried_again_after_a_lost_answer_and_done_once(base: TestBase) {
        let mut play = Play::new(&base, 1);
        let at = |play: &Play, name: &str| play.server.home().join(name);
        std::fs::write(at(&play, "roster"), play.server.roster.encode()).unwrap();
        let (old, new) = (play.key_file(&play.bidders[0].key, 1), at(&play, "new-key"));
        let rotate = |play: &Play, new: &std::path::Path| -> Result<Report, Failed> {
            let mut context: Context = play.context(Some(old.clone()));
            context.roster = Some(at(play, "roster"));
            EnterpriseCommand::Key(KeyChange::Rotate { new: new.to_owned() }).run(&context)
        };
        play.server.stop();
        assert_eq!(rotate(&play, &new).unwrap_err().code(), "cli-unreachable");
        let made = std::fs::read(&new).unwrap();
        play.server.restart();
        // As if the answer to the first had been lost: the old key speaks no more by then.
        rotate(&play, &new).unwrap();
        rotate(&play, &new).unwrap();
        assert_eq!(std::fs::read(&new).unwrap(), made);
        let rotations = play.server.app().db().read(|conn| entries_of_kind(conn, "sealbid/key-rotation/v1"));
        assert_eq!(rotations.unwrap().len(), 1);
        let registered = wait(play.anybody().registered(play.bidders[0].id)).unwrap();
        assert_eq!(&registered.key, sealbid::cli::keys::load(&new).unwrap().verifying());
        // What is no key of this body is not taken for one, nor written over.
        let buyers = play.key_file(&play.buyer.key, 90);
        for taken in [&buyers, &old] {
            assert!(matches!(rotate(&play, taken), Err(Failed::Exists(_))));
        }
    }
}
