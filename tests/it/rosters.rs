//! Rosters after version 1: units keep theirs, the record shows when the next came into force, and who
//! was left out vouches for nobody afterwards.

use std::fs;
use std::sync::Arc;

use reqwest::{Method, StatusCode};
use sealbid::auth::Actor;
use sealbid::cli::trust::Pinned;
use sealbid::clock::Time;
use sealbid::crypto::key::SigningKey;
use sealbid::crypto::statement::{Body, Statement};
use sealbid::custodian::agent::Keys;
use sealbid::custodian::by_hand::{self, Refused};
use sealbid::custodian::chain::{Chain, ChainError};
use sealbid::custodian::roster::{Roster, RosterError};
use sealbid::enterprise::credentials::{CredentialError, credential};
use sealbid::error::Refusal as _;
use sealbid::ids::UnitId;
use sealbid::opening::statements::Close;
use sealbid::record::store as record;
use sealbid::tender::amend;
use sealbid::tender::statements::{Outage, Stage, Unit};
use sealbid::verify::{Trust, verify_bytes};
use sealbid::web::i18n::Lang;
use sealbid::web::problem::terminal;
use sealbid::web::start::platform_key_name;

use crate::on_both;
use crate::play::{DEADLINE, Play, WINDOW};
use crate::registration::{ORIGIN, application, key, operator, signed, signer, vouched};
use crate::server::{Server, platform_key, regulator};
use crate::support::wait;

/// The operator whom the second version names in place of the first one's.
fn successor() -> SigningKey {
    signer(&format!("{ORIGIN}/operator/zhao"), 120)
}

/// The second version comes into force: custodian 6 in place of 1, and another operator.
fn succeed(play: &mut Play) -> Chain {
    let rosters =
        play.server.next_roster(|next| next.operator_keys = vec![successor().verifying().clone()]);
    play.server.configure(&rosters);
    play.server.restart();
    play.server.beat();
    let chain = wait(play.anybody().fetch("/record/roster")).unwrap();
    let pin = Trust::Roster(rosters.first().sha256());
    play.pinned = Pinned::new(&chain, &pin).unwrap();
    assert_eq!(play.pinned.rosters(), &rosters);
    rosters
}

fn bids(play: &Play, unit: &UnitId) {
    for bidder in 0..3 {
        play.bid(bidder, unit);
    }
}

fn note(play: &Play, unit: &UnitId, kind: &str) -> Vec<u8> {
    let (unit, kind) = (*unit, kind.to_owned());
    let db = &play.server.app().platform.db;
    db.read(|conn| record::entries_of_unit(conn, &unit, &kind)).unwrap().remove(0).event
}

/// Who signed, by the version and place of the roster that names them.
fn quorum_of<B: Body>(bytes: &[u8], rosters: &Chain) -> Vec<usize> {
    let statement = Statement::<B>::parse(bytes).unwrap();
    let count = |r: &Statement<Roster>| statement.note().count(&r.body().statement_keys()).unwrap();
    rosters.iter().map(count).collect()
}

on_both! {
    fn an_open_unit_keeps_its_custodians_and_a_new_one_has_the_next(base: TestBase) {
        let mut play = Play::new(&base, 3);
        let old = play.publish(&[Stage::Single]).remove(0);
        play.bid(0, &old);
        let rosters = succeed(&mut play);
        // Bids for the old unit go on, sealed for the first version's custodians.
        play.bid(1, &old);
        play.bid(2, &old);
        let new = play.publish(&[Stage::Single]).remove(0);
        bids(&play, &new);
        play.open(&old);
        play.until(&new, "opened");
        assert_eq!(quorum_of::<Unit>(&note(&play, &old, Unit::TYPE), &rosters), [5, 0]);
        assert_eq!(quorum_of::<Unit>(&note(&play, &new, Unit::TYPE), &rosters), [0, 5]);
        let closed = quorum_of::<Close>(&note(&play, &old, Close::TYPE), &rosters);
        assert!(closed[0] >= 4 && closed[1] == 0, "{closed:?}");
        let closed = quorum_of::<Close>(&note(&play, &new, Close::TYPE), &rosters);
        assert!(closed[1] >= 4 && closed[0] == 0, "{closed:?}");
        play.server.beat();
        for unit in [old, new] {
            verified(&play, &unit, &rosters);
        }
    }
}

on_both! {
    fn an_outage_is_registered_by_an_operator_of_the_roster_in_force(base: TestBase) {
        let mut play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single]).remove(0);
        bids(&play, &unit);
        let rosters = succeed(&mut play);
        play.to(DEADLINE.plus(-10_000));
        play.server.alive();
        play.to(DEADLINE.plus(20_000));
        play.server.alive();
        let prev_sha256 = Statement::<Unit>::parse(&note(&play, &unit, Unit::TYPE)).unwrap().sha256();
        let body = Outage { prev_sha256, text: "no power".to_owned(), unit_id: unit };
        let by = Actor::Operator("op".to_owned());
        let register = |key: &SigningKey| {
            let note = Statement::signed(body.clone(), key).unwrap().encode();
            wait(amend::outage(&play.server.app().platform, &by, &note))
        };
        register(&operator()).unwrap_err();
        register(&successor()).unwrap();
        play.server.tick();
        play.server.tick();
        let moved = play.unit(&unit);
        assert_eq!(moved["amendments"].as_array().unwrap().len(), 1, "{moved}");
        play.to(Time::from_millis(moved["deadline"].as_i64().unwrap()));
        play.until(&unit, "closed");
        play.server.tick();
        play.server.clock.advance(WINDOW + 1);
        play.until(&unit, "opened");
        play.server.beat();
        verified(&play, &unit, &rosters);
    }
}

/// Both files of a unit's case hold for whoever pinned the first roster, the next, or the regulator.
fn verified(play: &Play, unit: &UnitId, rosters: &Chain) {
    let bearer = format!("Bearer {}", play.server.login(&regulator()));
    for (path, headers) in [("case", vec![]), ("case/auditor", vec![("authorization", &*bearer)])] {
        let path = format!("/api/v1/units/{unit}/{path}");
        let case = play.server.ask(Method::GET, &path, &headers, None);
        let case = wait(case.bytes()).unwrap();
        let pins = rosters.iter().map(|roster| Trust::Roster(roster.sha256()));
        for pin in pins.chain([Trust::Regulator(regulator().verifying().clone())]) {
            let report = verify_bytes(&case, Some(&pin), None);
            assert_eq!(report.exit(), 0, "{path}, {pin}: {:?}", report.claims);
        }
    }
}

/// Why the platform does not start with what stands in its folder, in both languages.
fn not_started(server: &Server, en: &str, zh: &str) {
    let refused = sealbid::error::Error::from(server.start_error());
    assert_eq!((refused.code(), refused.exit_code()), ("web-start-roster", 1));
    for (lang, expected) in [(Lang::En, en), (Lang::Zh, zh)] {
        let said = terminal(&refused, lang);
        assert!(said.contains(expected), "{expected}: {said}");
        let both = [platform_key(), new_platform_key()].map(|key| key.verifying().to_string());
        assert!(both.iter().all(|key| said.contains(key)), "{said}");
    }
}

fn new_platform_key() -> SigningKey {
    signer(&platform_key_name(ORIGIN), 132)
}

on_both! {
    fn a_new_platform_key_takes_over_when_the_last_unit_of_the_old_one_is_over(base: TestBase) {
        let mut play = Play::new(&base, 3);
        let unit = play.publish(&[Stage::Single]).remove(0);
        bids(&play, &unit);
        let set_key = |play: &Play, seed: u8| {
            fs::write(play.server.home().join("platform"), hex::encode([seed; 32])).unwrap();
        };
        // No roster names it.
        play.server.stop();
        set_key(&play, 132);
        let (en, zh) = ("its version 1 names the platform key", "其第 1 版所列平台密钥是");
        not_started(&play.server, en, zh);
        // The next one does, and units stand on the first: neither key will do.
        let key = new_platform_key().verifying().clone();
        let rosters = play.server.next_roster(|next| next.platform_key = key.clone());
        play.server.configure(&rosters);
        let (en, zh) = ("units that are not over stand on its version 1", "尚未结束的开标单元依据其第 1 版");
        not_started(&play.server, en, zh);
        set_key(&play, 102);
        let (en, zh) = ("its version 2 names the platform key", "其第 2 版所列平台密钥是");
        not_started(&play.server, en, zh);
        // So they are ended first, as they began.
        play.server.configure(&Chain::begin(rosters.first().clone()).unwrap());
        play.server.restart();
        play.server.beat();
        play.open(&unit);
        play.server.beat();
        play.server.stop();
        play.server.configure(&rosters);
        set_key(&play, 132);
        play.server.restart();
        play.server.beat();
        let chain = wait(play.anybody().fetch("/record/roster")).unwrap();
        play.pinned = Pinned::new(&chain, &Trust::Roster(rosters.first().sha256())).unwrap();
        assert_eq!(play.pinned.roster().platform_key, key);
        verified(&play, &unit, &rosters);
    }
}

on_both! {
    fn an_operator_whom_the_next_roster_leaves_out_vouches_for_nobody(base: TestBase) {
        let mut play = Play::new(&base, 1);
        let session = play.server.login(&operator());
        let queue = "/api/v1/enterprises?state=applied";
        assert_eq!(play.server.get(queue, Some(&session)).0, StatusCode::OK);
        let rosters = succeed(&mut play);
        assert_eq!(play.server.get(queue, Some(&session)).0, StatusCode::UNAUTHORIZED);
        let statement = signed(application(7, 7), &[&key(7, 7)]);
        assert_eq!(play.server.apply(&statement).0, StatusCode::OK);
        let id = application(7, 7).enterprise;
        let path = format!("/api/v1/enterprises/{id}/verification");
        let by = |operator: SigningKey| signed(vouched(&statement), &[&operator]);
        let (status, _) = play.server.state(&path, &by(operator()));
        assert_eq!(status, StatusCode::FORBIDDEN);
        let (status, done) = play.server.state(&path, &by(successor()));
        assert_eq!((status, done["state"].as_str()), (StatusCode::OK, Some("verified")), "{done}");
        let (_, view) = play.server.get(&format!("/api/v1/enterprises/{id}"), None);
        let credentials = view["credentials"].as_array().unwrap();
        let credentials = credentials.iter().map(|note| note.as_str().unwrap().to_owned());
        let credentials: Vec<String> = credentials.collect();
        let found = credential(rosters.first(), &credentials).unwrap();
        assert_eq!(found.key.as_ref(), Some(key(7, 7).verifying()));
        // Behind the roster the old operator's word is nobody's, in front of it the new one's.
        let next = rosters.newest().encode();
        let both = |operator: SigningKey| by(operator).encode();
        let not_vouched = Err(CredentialError::NotVouched);
        let late = [next.clone(), both(operator())];
        assert_eq!(credential(rosters.first(), &late), not_vouched);
        assert_eq!(credential(rosters.first(), &[both(successor()), next.clone()]), not_vouched);
        assert!(credential(rosters.first(), &[both(operator()), next]).is_ok());
    }
}

/// The next version signed by whatever keys, behind the custodians' backs.
fn forged(server: &Server, rosters: &Chain, signers: &[&Keys]) -> Statement<Roster> {
    let mut body = rosters.newest().body().clone();
    body.custodians.swap(0, 1);
    let mut next = signed(body, &[&regulator()]);
    signers.iter().for_each(|keys| next.sign(&keys.statement));
    assert_ne!(next.sha256(), rosters.newest().sha256(), "{}", server.address);
    next
}

on_both! {
    fn the_record_s_rosters_count_and_a_fork_of_them_is_refused(base: TestBase) {
        let mut play = Play::new(&base, 0);
        let rosters = succeed(&mut play);
        let server = &mut play.server;
        let count = |server: &Server| {
            let all = server.app().platform.db.read(|c| record::entries_of_kind(c, Roster::TYPE));
            all.unwrap().len()
        };
        assert_eq!(count(server), 2);
        // A configuration behind the record: what is recorded counts, and is not recorded again.
        let first = Chain::begin(rosters.first().clone()).unwrap();
        server.configure(&first);
        server.restart();
        assert_eq!(server.app().rosters().chain(), &rosters);
        server.configure(&rosters);
        server.restart();
        assert_eq!(count(server), 2);
        let loaded: Vec<_> = (1..=5).map(|n| server.agent(n)).collect();
        let keys: Vec<&Keys> = loaded.iter().map(|loaded| &loaded.keys).collect();
        let fork = forged(server, &rosters, &keys);
        let refused = by_hand::sign_roster(&loaded[0], fork.clone());
        assert!(matches!(refused, Err(Refused::Another)), "{refused:?}");
        let mut other = first.clone();
        other.push(fork).unwrap();
        server.configure(&other);
        server.stop();
        assert_eq!(server.start_error().code(), "web-start-roster");
        let few = forged(server, &rosters, &keys[..3]);
        let quorum = ChainError::Roster { version: 2, reason: RosterError::Quorum };
        assert_eq!(first.clone().push(few), Err(quorum));
    }
}

on_both! {
    fn a_custodian_signs_the_version_after_its_own_and_no_other(base: TestBase) {
        let mut play = Play::new(&base, 0);
        let agent = play.server.agent(1);
        let rosters = play.server.next_roster(|_| {});
        let next = rosters.newest().body().clone();
        let sign = |body: Roster, keys: &[&SigningKey]| {
            by_hand::sign_roster(&agent, signed(body, keys)).map(|_| ())
        };
        let by_regulator = |change: &dyn Fn(&mut Roster)| {
            let mut body = next.clone();
            change(&mut body);
            sign(body, &[&regulator()])
        };
        assert!(by_regulator(&|_| {}).is_ok(), "the same again");
        let refused = by_regulator(&|body| body.version = 3);
        assert!(matches!(refused, Err(Refused::NotNext(RosterError::Chain))));
        let own = rosters.first().body().clone();
        let refused = by_regulator(&|body| body.custodians[0] = own.custodians[1].clone());
        assert!(matches!(refused, Err(Refused::NotNext(RosterError::SeedAgain))));
        let refused = by_regulator(&|body| body.log_key = signer(ORIGIN, 77).verifying().clone());
        assert!(matches!(refused, Err(Refused::NotNext(RosterError::Record))));
        assert!(matches!(sign(next.clone(), &[&operator()]), Err(Refused::Regulator(_))));
        let refused = by_regulator(&|body| body.t = 2);
        assert!(matches!(refused, Err(Refused::Another)), "one next version, ever");
        drop(Arc::new(agent));
    }
}

on_both! {
    fn a_chain_is_its_notes_one_after_another_and_nothing_else(base: TestBase) {
        let mut play = Play::new(&base, 0);
        let rosters = play.server.next_roster(|_| {});
        let text = rosters.encode();
        let notes: Vec<String> = rosters.iter().map(Statement::encode).collect();
        assert_eq!(text, notes.concat());
        assert_eq!(Chain::parse(text.as_bytes()).unwrap(), rosters);
        assert_eq!(Chain::parse(b""), Err(ChainError::Empty));
        let backwards = [notes[1].clone(), notes[0].clone()].concat();
        assert!(Chain::parse(backwards.as_bytes()).is_err());
        assert!(Chain::parse([&text, &*notes[1]].concat().as_bytes()).is_err(), "one twice");
        for between in ["\n", "x\n", "x"] {
            let torn = format!("{}{between}{}", notes[0], notes[1]);
            assert!(Chain::parse(torn.as_bytes()).is_err(), "{between:?}");
            assert!(Chain::parse(format!("{between}{text}").as_bytes()).is_err(), "{between:?}");
            assert!(Chain::parse(format!("{text}{between}").as_bytes()).is_err(), "{between:?}");
        }
        // Who pinned only the second version can read from there, and knows nothing of the first.
        let later = Chain::parse(notes[1].as_bytes()).unwrap();
        assert!(!later.is_whole() && rosters.is_whole());
    }
}
