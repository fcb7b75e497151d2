//! The record goes on under another origin and key: open units continue, what was signed before stays
//! good, and whoever holds the old key says nothing any more.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use sealbid::bid::statements::Withdrawal;
use sealbid::cli::trust::Pinned;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::note::Note;
use sealbid::crypto::statement::{Body as _, Statement};
use sealbid::custodian::agent::{Change, Silences};
use sealbid::custodian::by_hand::{self, Refused};
use sealbid::custodian::chain::Chain;
use sealbid::custodian::client::ask_note;
use sealbid::custodian::home::{Home, HomeError};
use sealbid::custodian::wire::{Account, AskChallenge};
use sealbid::error::Refusal as _;
use sealbid::ids::UnitId;
use sealbid::opening::statements::{Challenged, Verdict};
use sealbid::record::checkpoint::{Checkpoint, cosignature_time};
use sealbid::record::store as record;
use sealbid::record::succession::{Held, Succession, SuccessionReason};
use sealbid::record::witness::{AddCheckpoint, Known};
use sealbid::tender::statements::Stage;
use sealbid::verify::{Receipts, Report, Trust, verify_bytes};

use crate::agent_folders::opened;
use crate::on_both;
use crate::play::{Play, first, next};
use crate::registration::{ORIGIN, signed};
use crate::server::{Server, log_key, regulator};
use crate::support::wait;

const NEW_ORIGIN: &str = "bids.example.org/record/2";

fn new_log_key() -> SigningKey {
    SigningKey::from_seed(NEW_ORIGIN, KeyKind::Statement, &[111; 32]).unwrap()
}

/// The last checkpoint with its cosignatures.
fn last(server: &Server) -> Note {
    let last = |conn: &mut _| {
        let last = record::latest_checkpoint(conn)?.unwrap();
        record::cosigned_note(conn, &last)
    };
    server.app().platform.db.read(last).unwrap()
}

fn held(note: &Note) -> Held {
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    Held { root: checkpoint.root, size: checkpoint.size }
}

fn succession(held: Held) -> Succession {
    Succession {
        last_checkpoint: held,
        new_log_key: new_log_key().verifying().clone(),
        new_origin: NEW_ORIGIN.to_owned(),
        old_origin: ORIGIN.to_owned(),
        reason: SuccessionReason::StolenLogKey,
    }
}

/// Signed by the regulator and custodians 1 to `custodians`.
fn agreed(server: &Server, held_note: &Note, custodians: u8) -> Statement<Succession> {
    let mut statement = signed(succession(held(held_note)), &[&regulator()]);
    for n in 1..=custodians {
        statement = by_hand::sign_succession(&server.agent(n), statement, held_note).unwrap();
    }
    statement
}

fn agent_dir(server: &Server, n: u8) -> PathBuf {
    server.home().join(format!("agent{n}"))
}

/// Everybody follows from the record's head: agents, platform, clients.
fn succeed(play: &mut Play) -> Chain {
    play.server.beat();
    let note = last(&play.server);
    play.server.stop();
    follow(play, &note)
}

/// Everybody follows from this checkpoint, with what stands in the database of a platform that does
/// not run.
fn follow(play: &mut Play, held: &Note) -> Chain {
    let mut rosters = Chain::begin(play.server.roster.clone()).unwrap();
    rosters.succeed(agreed(&play.server, held, 4)).unwrap();
    for n in 1..=5 {
        play.server.sleep(n);
        Home::succeed(&agent_dir(&play.server, n), &rosters).unwrap();
        play.server.wake(n);
    }
    fs::write(play.server.home().join("log"), hex::encode([111; 32])).unwrap();
    play.server.configure(&rosters);
    play.server.restart();
    play.server.beat();
    let chain = wait(play.anybody().fetch("/record/roster")).unwrap();
    let pin = Trust::Roster(play.server.roster.sha256());
    play.pinned = Pinned::new(&chain, &pin).unwrap();
    assert_eq!(play.pinned.rosters(), &rosters);
    rosters
}

on_both! {
    fn an_open_unit_goes_on_in_the_record_after_a_succession(base: TestBase) {
        let mut play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single]).remove(0);
        let index = play.bid(0, &unit);
        play.server.beat();
        let old = play.standing(0, &unit)["receipt"].as_str().unwrap().to_owned();
        succeed(&mut play);
        assert!(play.pinned.receipt(old.as_bytes()).unwrap().is_final, "what was received stays");
        play.bid(1, &unit);
        play.bid(2, &unit);
        let head = Checkpoint::parse(last(&play.server).text()).unwrap();
        assert_eq!(head.origin, NEW_ORIGIN);
        assert!(head.size > index);
        play.open(&unit);
        play.server.beat();
        let bearer = format!("Bearer {}", play.server.login(&regulator()));
        for (path, headers) in
            [("case", vec![]), ("case/auditor", vec![("authorization", &*bearer)])]
        {
            let path = format!("/api/v1/units/{unit}/{path}");
            let case = play.server.ask(Method::GET, &path, &headers, None);
            let case = wait(case.bytes()).unwrap();
            let pin = Trust::Regulator(regulator().verifying().clone());
            let report = verify_bytes(&case, Some(&pin), Some(Receipts::one(old.as_bytes())));
            assert_eq!(report.exit(), 0, "{path}: {:?}", report.claims);
        }
        // A restart finds the succession on the record, and records it once.
        play.server.restart();
        let db = &play.server.app().platform.db;
        let all = db.read(|conn| record::entries_of_kind(conn, Succession::TYPE)).unwrap();
        assert_eq!(all.len(), 1);
    }
}

/// The text of a case of the unit, judged with a receipt by whoever pinned the regulator.
fn verified(play: &Play, unit: &UnitId, receipt: &str) -> Report {
    let case = play.server.ask(Method::GET, &format!("/api/v1/units/{unit}/case"), &[], None);
    let case = wait(case.bytes()).unwrap();
    let pin = Trust::Regulator(regulator().verifying().clone());
    verify_bytes(&case, Some(&pin), Some(Receipts::one(receipt.as_bytes())))
}

on_both! {
    fn what_was_received_before_a_succession_is_replaced_withdrawn_and_shown_after_it(base: TestBase) {
        let mut play = Play::new(&base, 5);
        let unit = play.publish(&[Stage::Single]).remove(0);
        let (mut receipts, mut kept) = (Vec::new(), Vec::new());
        let receipt = |play: &Play, n| play.standing(n, &unit)["receipt"].as_str().unwrap().to_owned();
        for bidder in 0..4 {
            play.bid(bidder, &unit);
        }
        let early = receipt(&play, 0);
        play.server.beat();
        receipts.extend((1..4).map(|bidder| receipt(&play, bidder)));
        // Sealed before and sent after.
        kept.push(play.seal(4, &unit, first(), 0));
        kept.push(play.seal(1, &unit, next(&play.standing(1, &unit)), 0));
        succeed(&mut play);
        play.send(4, &kept[0]).unwrap();
        play.send(1, &kept[1]).unwrap();
        let live = play.standing(2, &unit);
        let withdrawal = Withdrawal {
            manifest_sha256: live["sha256"].as_str().unwrap().parse().unwrap(),
            seq: 2,
            unit_id: unit,
        };
        let client = play.client(&play.bidders[2].key);
        wait(client.withdraw(&play.pinned, withdrawal)).unwrap();
        play.server.beat();
        receipts.push(receipt(&play, 2));
        // A receipt that was provisional is completed under the new key.
        let early = play.pinned.receipt(early.as_bytes()).unwrap();
        assert!(!early.is_final);
        let client = play.client(&play.bidders[0].key);
        let whole = wait(client.final_receipt(&play.pinned, early.receipt.index, Duration::ZERO));
        let whole = whole.unwrap();
        assert!(whole.checked.is_final);
        assert_eq!(whole.checked.receipt.event, early.receipt.event);
        play.open(&unit);
        play.server.beat();
        for (bidder, lives) in [(0, true), (1, true), (2, false), (3, true), (4, true)] {
            let shown = play.standing(bidder, &unit);
            let kind = if lives { "manifest" } else { "withdrawal" };
            assert_eq!(shown["kind"], kind, "{bidder}");
        }
        for receipt in [&receipts[0], &receipts[2], &receipts[3], &whole.text] {
            let report = verified(&play, &unit, receipt);
            assert_eq!(report.exit(), 0, "{:?}", report.claims);
        }
    }
}

on_both! {
    fn a_bid_of_a_lost_tail_is_brought_again_and_its_first_receipt_stops_nothing(base: TestBase) {
        let mut play = Play::new(&base, 4);
        let unit = play.publish(&[Stage::Single]).remove(0);
        play.bid(0, &unit);
        play.bid(3, &unit);
        play.server.beat();
        let held = last(&play.server);
        play.server.stop();
        let backup = base.back_up();
        play.server.restart();
        // What comes now is lost, but for the receipts.
        let bid = play.seal(1, &unit, first(), 0);
        play.send(1, &bid).unwrap();
        let never = play.seal(2, &unit, first(), 0);
        play.send(2, &never).unwrap();
        play.server.beat();
        let old = [1, 2].map(|n| play.standing(n, &unit)["receipt"].as_str().unwrap().to_owned());
        assert!(play.pinned.receipt(old[0].as_bytes()).unwrap().is_final);
        play.server.stop();
        base.restore(backup);
        follow(&mut play, &held);
        let client = play.client(&play.bidders[1].key);
        assert_eq!(wait(client.standing(&unit)).unwrap(), None, "it is not in the record any more");
        play.send(1, &bid).unwrap();
        play.server.beat();
        let again = play.standing(1, &unit)["receipt"].as_str().unwrap().to_owned();
        assert_ne!(again, old[0]);
        play.close(&unit);
        let shown = Account { accepted: old[0].clone(), credentials: Vec::new(), later: None };
        let (close, note) = (play.unit(&unit)["close"].clone(), play.unit(&unit)["unit"].clone());
        let ask = AskChallenge {
            account: shown.into(),
            close: close.as_str().unwrap().to_owned(),
            unit: note.as_str().unwrap().to_owned(),
        };
        let wire = play.server.app().rosters().wire(&play.server.roster.sha256()).unwrap();
        for member in &play.server.roster.body().custodians {
            let found = wait(ask_note(&**wire, &member.id, &ask)).unwrap();
            let found = Statement::<Challenged>::from_note(found).unwrap();
            assert_eq!(found.body().verdict, Verdict::Open, "the platform knows the answer");
        }
        play.open(&unit);
        play.server.beat();
        for receipt in [&old[0], &again] {
            let report = verified(&play, &unit, receipt);
            assert_eq!(report.exit(), 0, "{:?}", report.claims);
        }
        // Whoever did not bring its bid again was not honoured, and the file never says otherwise.
        let report = verified(&play, &unit, &old[1]);
        assert_ne!(report.exit(), 0, "{:?}", report.claims);
    }
}

on_both! {
    fn the_old_log_key_is_believed_by_no_custodian_after_a_succession(base: TestBase) {
        let mut play = Play::new(&base, 0);
        succeed(&mut play);
        let now = held(&last(&play.server));
        let offer = |key: &SigningKey| {
            let origin = key.verifying().name().to_owned();
            let forged = Checkpoint { origin, size: now.size, root: now.root };
            let checkpoint = forged.signed(key).unwrap();
            let ask = AddCheckpoint { old_size: now.size, proof: Vec::new(), checkpoint };
            let address = &play.server.roster.body().custodians[0].address;
            let url = format!("{address}/add-checkpoint");
            wait(play.server.client.post(url).body(ask.encode()).send()).unwrap().status().as_u16()
        };
        assert_eq!(offer(&log_key()), 404);
        assert_eq!(offer(&new_log_key()), 200);
    }
}

on_both! {
    fn a_custodian_shows_the_new_record_after_a_succession_and_says_nothing_of_the_old(base: TestBase) {
        let mut play = Play::new(&base, 0);
        succeed(&mut play);
        let now = held(&last(&play.server));
        for member in &play.server.roster.body().custodians {
            let url = format!("{}/checkpoint", member.address);
            let answer = wait(async {
                play.server.client.get(url).send().await.unwrap().text().await.unwrap()
            });
            let note = Note::parse(answer.as_bytes()).unwrap();
            let line = note.signatures().iter().find(|line| line.claims(&member.witness_key));
            cosignature_time(note.text(), line.unwrap(), &member.witness_key).unwrap();
            let Checkpoint { origin, size, root } = Checkpoint::parse(note.text()).unwrap();
            // Under its former name this would be a second history of the record that ended.
            assert_eq!((origin.as_str(), size, root), (NEW_ORIGIN, now.size, now.root));
        }
    }
}

on_both! {
    fn a_platform_starts_on_a_succession_of_its_own_head_only(base: TestBase) {
        let play = Play::new(&base, 0);
        let mut server = play.server;
        server.beat();
        let note = last(&server);
        let mut rosters = Chain::begin(server.roster.clone()).unwrap();
        rosters.succeed(agreed(&server, &note, 4)).unwrap();
        // What was written since is lost to whoever follows: nothing may be.
        server.app().platform.sequencer.want_checkpoint();
        server.beat();
        fs::write(server.home().join("log"), hex::encode([111; 32])).unwrap();
        server.configure(&rosters);
        server.stop();
        assert_eq!(server.start_error().code(), "web-start-roster");
        // And with the key that was succeeded it never starts.
        fs::write(server.home().join("log"), hex::encode([101; 32])).unwrap();
        assert_eq!(server.start_error().code(), "web-start-roster");
    }
}

on_both! {
    fn a_custodian_signs_one_succession_of_a_checkpoint_that_it_cosigned(base: TestBase) {
        let mut play = Play::new(&base, 0);
        play.server.sleep(5);
        play.server.app().platform.sequencer.want_checkpoint();
        play.server.beat();
        let (server, note) = (&play.server, last(&play.server));
        let sign = |n: u8, body: Succession, key: &SigningKey| {
            by_hand::sign_succession(&server.agent(n), signed(body, &[key]), &note).map(|_| ())
        };
        let good = succession(held(&note));
        let slept = sign(5, good.clone(), &regulator());
        assert!(matches!(slept, Err(Refused::NotCosigned)), "{slept:?}");
        assert!(matches!(sign(1, good.clone(), &log_key()), Err(Refused::Regulator(_))));
        let other = Held { size: 8, root: Hash::of(b"another tree") };
        assert!(matches!(sign(1, succession(other), &regulator()), Err(Refused::NotHeld)));
        let own = Succession { old_origin: NEW_ORIGIN.to_owned(), ..good.clone() };
        assert!(matches!(sign(1, own, &regulator()), Err(Refused::NotMyRecord(_))));
        assert!(sign(1, good.clone(), &regulator()).is_ok());
        assert!(sign(1, good.clone(), &regulator()).is_ok(), "the same again");
        let second = Succession { reason: SuccessionReason::LostTail, ..good };
        assert!(matches!(sign(1, second, &regulator()), Err(Refused::Another)));
    }
}

on_both! {
    fn an_agent_goes_back_to_the_tree_that_was_held_and_to_no_other(base: TestBase) {
        let play = Play::new(&base, 0);
        let mut server = play.server;
        server.beat();
        let note = last(&server);
        let tree = held(&note);
        let mut rosters = Chain::begin(server.roster.clone()).unwrap();
        rosters.succeed(agreed(&server, &note, 4)).unwrap();
        (1..=3).for_each(|n| server.sleep(n));
        // This one has cosigned what the platform lost.
        let beyond = Known { size: tree.size + 64, root: Hash::of(b"a tail that was lost") };
        opened(&agent_dir(&server, 1)).home.save(&Change::Witnessed(beyond, Silences::default())).unwrap();
        Home::succeed(&agent_dir(&server, 1), &rosters).unwrap();
        let known = Known { size: tree.size, root: tree.root };
        let loaded = opened(&agent_dir(&server, 1));
        assert_eq!(loaded.state.witnessed, Some(known));
        // From here on it counts on: what it cosigns of the new record it never takes back.
        let grown = Known { size: tree.size + 8, root: Hash::of(b"grown") };
        loaded.home.save(&Change::Witnessed(grown, Silences::default())).unwrap();
        assert_eq!(server.agent(1).state.witnessed, Some(grown));
        // This one has cosigned less, and will ask for the proof from there.
        let less = Known { size: 1, root: Hash::of(b"less") };
        opened(&agent_dir(&server, 2)).home.save(&Change::Witnessed(less, Silences::default())).unwrap();
        Home::succeed(&agent_dir(&server, 2), &rosters).unwrap();
        assert_eq!(server.agent(2).state.witnessed, Some(less));
        // And this one another history of the same size: it does not follow.
        let aside = Known { size: tree.size, root: Hash::of(b"another history") };
        opened(&agent_dir(&server, 3)).home.save(&Change::Witnessed(aside, Silences::default())).unwrap();
        let refused = Home::succeed(&agent_dir(&server, 3), &rosters);
        assert!(matches!(refused, Err(HomeError::Content { .. })));
        let first = Chain::begin(server.roster.clone()).unwrap();
        assert!(Home::succeed(&agent_dir(&server, 2), &first).is_err(), "there is no way back");
        assert!(Home::read(&agent_dir(&server, 2)).is_ok());
    }
}
