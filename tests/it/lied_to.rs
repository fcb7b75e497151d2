//! Does the client find out a platform that answers with something else than what it was asked?

use std::sync::Arc;

use sealbid::cli::Context;
use sealbid::cli::bid::{BidCommand, Chain, Folder, Status};
use sealbid::cli::client::Client;
use sealbid::cli::failed::Failed;
use sealbid::cli::opening::OpeningCommand;
use sealbid::cli::output::Report;
use sealbid::cli::record::RecordCommand;
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::SigningKey;
use sealbid::crypto::statement::Statement;
use sealbid::enterprise::uscc::Uscc;
use sealbid::ids::UnitId;
use sealbid::opening::statements::{Opening, Suspension, SuspensionState};
use sealbid::record::proof::Receipt;
use sealbid::tender::statements::Stage;
use sealbid::web::i18n::Lang;
use serde_json::{Value, json};

use crate::liar::Liar;
use crate::on_both;
use crate::play::{DEADLINE, Play, first, next};
use crate::registration::{application, key, operator, signed, signer};
use crate::server::{platform_key, regulator};
use crate::support::wait;

/// The client of whoever holds this key, at the liar's door.
fn client(play: &Play, liar: &Liar, key: &Arc<SigningKey>) -> Client {
    let entropy = Arc::new(SystemEntropy::new());
    let client = Client::new(&liar.address, Lang::En, play.server.clock.clone(), entropy);
    client.unwrap().with_key(key.clone())
}

/// What `sealbid` works with there.
fn context(play: &Play, liar: &Liar, key: Option<(&SigningKey, u8)>) -> Context {
    let key = key.map(|(key, seed)| play.key_file(key, seed));
    Context { server: Some(liar.address.clone()), ..play.context(key) }
}

/// Answers to whoever acts at a path with the true receipt of another entry.
fn swallows(liar: &Liar, end: &'static str, receipt: &str) {
    let index = Receipt::parse(receipt.as_bytes()).unwrap().index;
    let answer = json!({ "index": index, "receipt": receipt });
    liar.invents(move |path| path.ends_with(end).then(|| answer.clone()));
}

fn is_receipt<T: std::fmt::Debug>(done: &Result<T, Failed>) -> bool {
    matches!(done, Err(Failed::Receipt(_)))
}

on_both! {
    fn an_act_that_was_swallowed_is_not_called_recorded(base: TestBase) {
        let play = Play::new(&base, 1);
        let unit = play.publish(&[Stage::Single])[0];
        let other = play.unit(&unit)["receipt"].as_str().unwrap().to_owned();
        let (liar, pinned) = (Liar::before(&play.server), &play.pinned);
        let of = |key: &Arc<SigningKey>| client(&play, &liar, key);
        let (regulator, operator) = (of(&Arc::new(regulator())), of(&Arc::new(operator())));
        let (buyer, bidder) = (of(&play.buyer.key), of(&play.bidders[0].key));
        let stop = |no| wait(regulator.suspend(pinned, unit, no, "a complaint"));
        assert!(stop(SuspensionState::Suspended).is_ok(), "the way through the liar is open");
        swallows(&liar, "/suspensions", &other);
        assert!(is_receipt(&stop(SuspensionState::Lifted)));
        swallows(&liar, "/amendments", &other);
        let times = (DEADLINE.plus(1_000), DEADLINE.plus(1_000));
        assert!(is_receipt(&wait(buyer.postpone(pinned, unit, times, "later"))));
        swallows(&liar, "/outages", &other);
        assert!(is_receipt(&wait(operator.register_outage(pinned, unit, "no power"))));
        swallows(&liar, "/void", &other);
        assert!(is_receipt(&wait(buyer.cancel(pinned, unit))));
        swallows(&liar, "/keys", &other);
        let own = play.bidders[0].key.verifying();
        assert!(is_receipt(&wait(bidder.revoke_key(pinned, own, "stolen"))));
        let new = signer(own.name(), 77);
        assert!(is_receipt(&wait(bidder.rotate_key(pinned, &new))));
        let waits = signed(application(5, 5), &[&key(5, 5)]);
        swallows(&liar, "/verification", &other);
        assert!(is_receipt(&wait(operator.vouch(pinned, &waits))));
        assert!(is_receipt(&wait(operator.decline(pinned, &waits, "no"))));
        swallows(&liar, "/enterprises", &other);
        let newcomer = of(&Arc::new(key(6, 6)));
        let uscc = Uscc::parse(&application(6, 6).uscc).unwrap();
        assert!(is_receipt(&wait(newcomer.apply(pinned, "新", uscc, "who"))));
        assert_eq!(play.unit(&unit)["suspensions"].as_array().unwrap().len(), 1);
    }
}

/// Shows these as the regulator's words.
fn shows_words(liar: &Liar, unit: UnitId, words: Vec<String>) {
    liar.changes(move |path, view| {
        if path == format!("/api/v1/units/{unit}") {
            view["suspensions"] = json!(words);
        }
    });
}

on_both! {
    fn the_regulators_number_follows_from_its_own_words_alone(base: TestBase) {
        let play = Play::new(&base, 0);
        let unit = play.publish(&[Stage::Single])[0];
        let (liar, own) = (Liar::before(&play.server), regulator());
        let client = client(&play, &liar, &Arc::new(regulator()));
        let say = |state| wait(client.suspend(&play.pinned, unit, state, "a complaint"));
        say(SuspensionState::Suspended).unwrap();
        say(SuspensionState::Lifted).unwrap();
        let word = |unit_id, no, by: &SigningKey| {
            let state = SuspensionState::Suspended;
            signed(Suspension { no, reason: "r".into(), state, unit_id }, &[by]).encode()
        };
        let said = || -> Vec<String> {
            let view = play.unit(&unit);
            let words = view["suspensions"].as_array().unwrap().iter();
            words.map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        // Forged, and so high that nothing could follow it.
        let forged = word(unit, u32::MAX - 1, &operator());
        shows_words(&liar, unit, [said(), vec![forged]].concat());
        let refused = say(SuspensionState::Suspended);
        assert!(matches!(refused, Err(Failed::Unsigned(_))), "{refused:?}");
        shows_words(&liar, unit, vec![word(unit, u32::MAX, &own)]);
        let refused = say(SuspensionState::Suspended);
        assert!(matches!(refused, Err(Failed::Unsigned(_))), "{refused:?}");
        // In another order, beside one about another unit.
        let mut words = said();
        words.reverse();
        words.push(word(UnitId(Hash::of(b"another")), 9, &own));
        shows_words(&liar, unit, words);
        say(SuspensionState::Suspended).unwrap();
        let last = said().pop().unwrap();
        assert_eq!(Statement::<Suspension>::parse(last.as_bytes()).unwrap().body().no, 3);
    }
}

fn status(context: &Context, unit: UnitId, play: &Play, with: bool) -> Result<Report, Failed> {
    let folder = with.then(|| play.server.home().join("remembers"));
    BidCommand::Status(Status { unit, folder }).run(context)
}

on_both! {
    fn a_bids_status_is_of_ones_own_last_statement(base: TestBase) {
        let play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single])[0];
        for bidder in 0..3 {
            play.bid(bidder, &unit);
        }
        let before = play.standing(0, &unit);
        let replaced = play.seal(0, &unit, next(&before), 0);
        play.send(0, &replaced).unwrap();
        let (now, theirs) = (play.standing(0, &unit), play.standing(1, &unit));
        play.close(&unit);
        let liar = Liar::before(&play.server);
        let own = &play.bidders[0].key;
        let mine = context(&play, &liar, Some((own, 1)));
        let folder = play.server.home().join("remembers");
        let kept = Folder::create(&folder, unit, &SystemEntropy::new()).unwrap();
        let place = next(&now);
        let (seq, sha256) = (place.seq - 1, place.prev_sha256.unwrap());
        let chain = Chain { bid_id: place.bid_id, seq, sha256, withdrawn: false };
        kept.remember(&chain).unwrap();
        let honest = status(&mine, unit, &play, true).unwrap().text(Lang::En);
        assert!(honest.contains("The close holds your bid"), "{honest}");
        let tells = |standing: Value| {
            let of = format!("/api/v1/units/{unit}/bid");
            liar.invents(move |path| (path == of).then(|| standing.clone()));
        };
        // A rival's line as one's own; its receipt beside one's own hash.
        tells(theirs.clone());
        assert!(is_receipt(&status(&mine, unit, &play, false)));
        let mut mixed = now.clone();
        mixed["receipt"] = theirs["receipt"].clone();
        mixed["index"] = theirs["index"].clone();
        tells(mixed);
        assert!(is_receipt(&status(&mine, unit, &play, false)));
        // What one's folder knows to be replaced.
        tells(before);
        assert!(is_receipt(&status(&mine, unit, &play, true)));
        liar.invents(|_| None);
        // A key that took over from the one that signed.
        let new = signer(own.verifying().name(), 77);
        wait(play.client(own).rotate_key(&play.pinned, &new)).unwrap();
        let mine = context(&play, &liar, Some((&new, 77)));
        let honest = status(&mine, unit, &play, true).unwrap().text(Lang::En);
        assert!(honest.contains("The close holds your bid"), "{honest}");
        tells(theirs);
        assert!(is_receipt(&status(&mine, unit, &play, false)));
    }
}

on_both! {
    fn an_end_is_shown_only_of_the_unit_and_the_close_asked_for(base: TestBase) {
        let play = Play::new(&base, 3);
        let [opened, void] = [(); 2].map(|()| play.publish(&[Stage::Single])[0]);
        wait(play.client(&play.buyer.key).cancel(&play.pinned, void)).unwrap();
        for bidder in 0..3 {
            play.send(bidder, &play.seal(bidder, &opened, first(), 0)).unwrap();
        }
        play.open(&opened);
        let liar = Liar::before(&play.server);
        let anybody = context(&play, &liar, None);
        let show = |unit| OpeningCommand::Show { unit }.run(&anybody);
        assert!(show(opened).is_ok() && show(void).is_ok());
        let end = |unit: UnitId| play.server.get(&format!("/api/v1/units/{unit}/opening"), None).1;
        let tells = |unit: UnitId, end: Value| {
            let of = format!("/api/v1/units/{unit}/opening");
            liar.invents(move |path| (path == of).then(|| end.clone()));
        };
        for (unit, other) in [(void, opened), (opened, void)] {
            tells(unit, end(other));
            assert!(matches!(show(unit), Err(Failed::Answer(_))), "{unit}");
        }
        // The platform's own signature under another close.
        let note = end(opened)["opening"].as_str().unwrap().to_owned();
        let body = Statement::<Opening>::parse(note.as_bytes()).unwrap().body().clone();
        let body = Opening { close_sha256: Hash::of(b"another close"), ..body };
        let note = signed(body, &[&platform_key()]).encode();
        tells(opened, json!({ "opening": note, "void": null }));
        assert!(matches!(show(opened), Err(Failed::Answer(_))));
    }
}

on_both! {
    fn a_watcher_believes_no_head_that_no_quorum_cosigned(base: TestBase) {
        let mut play = Play::new(&base, 0);
        play.publish(&[Stage::Single]);
        let watch = |play: &Play, patience| {
            let watch = RecordCommand::Watch { every: 0, times: Some(2), patience };
            watch.run(&play.context(None))
        };
        let seen = watch(&play, 300).unwrap().text(Lang::En);
        assert!(seen.contains("nothing rewritten, cosigned by 5 custodians"), "{seen}");
        // Two of five are awake for the next head: a fork could have as many.
        for custodian in [3, 4, 5] {
            play.server.sleep(custodian);
        }
        play.server.app().platform.sequencer.want_checkpoint();
        let newcomer = signed(application(7, 7), &[&key(7, 7)]);
        play.server.apply(&newcomer);
        play.server.beat();
        let failed = watch(&play, 0).unwrap_err();
        assert_eq!((failed.code(), failed.exit_code()), ("cli-receipt", 1), "{failed:?}");
    }
}
