//! Whom does a reader trust: witnesses' decisions, policies, and successions of the record?

use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::note::{Note, NoteError, NoteSignature};
use sealbid::crypto::statement::Statement;
use sealbid::record::checkpoint::{Checkpoint, Cosigned};
use sealbid::record::policy::Policy;
use sealbid::record::succession::{
    self, Electors, Held, Succession, SuccessionError, SuccessionReason,
};
use sealbid::record::tree;
use sealbid::record::witness::{AddCheckpoint, Known, WitnessRefusal, consider, parse_stale};

use crate::record_formats::{
    ORIGIN, Plain, checkpoint, cosigned_note, log_key, publics, witness_key, witnesses,
};

#[test]
fn a_witness_follows_one_history_and_answers_by_the_specification() {
    let entries: Vec<Hash> = (0..20u64).map(|i| Hash::of(&i.to_be_bytes())).collect();
    let source = Plain(entries);
    let log = log_key();
    let head =
        |size| Checkpoint { origin: ORIGIN.into(), size, root: tree::root(&source, size).unwrap() };
    let request = |old, new: &Checkpoint| AddCheckpoint {
        old_size: old,
        proof: tree::prove_consistency(&source, old, new.size).unwrap(),
        checkpoint: new.signed(&log).unwrap(),
    };
    let first = consider(None, &request(0, &head(7)), log.verifying()).unwrap();
    assert_eq!(first.known, Known { size: 7, root: head(7).root });
    let known = Some(first.known);
    let second = consider(known, &request(7, &head(20)), log.verifying()).unwrap();
    assert_eq!(second.known.size, 20);
    let again = consider(Some(second.known), &request(20, &head(20)), log.verifying()).unwrap();
    assert_eq!(again.known, second.known);
    let status = |known, request: &AddCheckpoint| {
        consider(known, request, log.verifying()).unwrap_err().status()
    };
    assert_eq!(status(known, &request(0, &head(20))), 409);
    assert_eq!(status(Some(second.known), &request(7, &head(9))), 409);
    let above = AddCheckpoint { old_size: 21, ..request(7, &head(20)) };
    assert_eq!(status(known, &above), 400);
    let forked = Checkpoint { root: Hash::of(b"fork"), ..head(20) };
    assert_eq!(status(known, &request(7, &forked)), 422);
    let twin = Checkpoint { root: Hash::of(b"fork"), ..head(7) };
    assert_eq!(status(known, &request(7, &twin)), 409);
    let proven = AddCheckpoint { proof: vec![Hash::of(b"")], ..request(0, &head(7)) };
    assert_eq!(status(None, &proven), 422);
    let hollow = Checkpoint { root: Hash::of(b"not empty"), ..head(0) };
    assert_eq!(status(None, &request(0, &hollow)), 409);
    let mut unsigned = request(7, &head(20));
    unsigned.checkpoint = Note::new(head(20).text()).unwrap();
    unsigned.checkpoint.push(NoteSignature { name: "x".into(), key_id: [0; 4], bytes: vec![1] });
    assert_eq!(status(known, &unsigned), 403);
    let mut wrong = request(7, &head(20));
    wrong.checkpoint = Note::new(head(20).text()).unwrap();
    let (name, key_id) = (ORIGIN.into(), log.verifying().id());
    wrong.checkpoint.push(NoteSignature { name, key_id, bytes: vec![0; 64] });
    assert_eq!(status(known, &wrong), 403);
    let mut foreign = request(7, &head(20));
    foreign.checkpoint = Note::new(head(20).text().replace("bids", "tips")).unwrap();
    foreign.checkpoint.sign(&log);
    assert_eq!(status(known, &foreign), 404);
    let stale = WitnessRefusal::Stale { size: 7 };
    assert_eq!(stale.body(), "7\n");
    assert_eq!(parse_stale(b"7\n"), Some(7));
    assert_eq!(parse_stale(b"07\n"), None);
}

#[test]
fn the_witness_request_of_the_specification_parses() {
    let body = include_str!("../golden/add-checkpoint.txt");
    let request = AddCheckpoint::parse(body.as_bytes()).unwrap();
    assert_eq!((request.old_size, request.proof.len()), (20_852_014, 4));
    assert_eq!(request.checkpoint.signatures().len(), 2);
    assert_eq!(request.encode(), body);
    for (from, to) in [("old 2", "old 02"), ("old ", "Old "), ("\n\n", "\n"), ("=\n", "\n")] {
        let wrong = body.replacen(from, to, 1);
        assert_eq!(AddCheckpoint::parse(wrong.as_bytes()), Err(WitnessRefusal::Malformed));
    }
    let line = body.lines().nth(1).unwrap();
    let many = body.replacen(line, &vec![line; 61].join("\n"), 1);
    assert_eq!(AddCheckpoint::parse(many.as_bytes()), Err(WitnessRefusal::Malformed));
    let most = body.replacen(line, &vec![line; 60].join("\n"), 1);
    assert_eq!(AddCheckpoint::parse(most.as_bytes()).unwrap().proof.len(), 63);
}

#[test]
fn a_policy_round_trips_and_counts_its_quorum() {
    let keys: Vec<_> = witnesses(3).into_iter().map(|k| (k, "https://w.example/a")).collect();
    let policy = Policy::of_roster(log_key().verifying(), &keys, 2);
    let text = policy.to_string();
    assert_eq!(Policy::parse(&text).unwrap(), policy);
    for (seconds, met) in [(vec![1], false), (vec![1, 2], true), (vec![1, 2, 3], true)] {
        let note = cosigned_note(&checkpoint(4), &seconds);
        let cosigned =
            Cosigned::from_network(&note, log_key().verifying(), &policy.witness_keys()).unwrap();
        assert_eq!(policy.is_met_by(&cosigned), met);
    }
}

#[test]
fn the_policy_format_is_read_whole_and_its_errors_name_the_line() {
    let [a, b, c] = [1, 2, 3].map(|n| witness_key(n).verifying().to_string());
    let log = log_key().verifying().to_string();
    let nested = format!(
        "# ours\n\nlog {log}\n\twitness A {a}\nwitness B  {b} http://b.example\nwitness C {c}\n\
         group AB any A B\ngroup all-of-it all AB C\nquorum all-of-it\n"
    );
    let policy = Policy::parse(&nested).unwrap();
    for (seconds, met) in [(vec![1, 1], false), (vec![1, 1, 1], true)] {
        let note = cosigned_note(&checkpoint(4), &seconds);
        let cosigned =
            Cosigned::from_network(&note, log_key().verifying(), &policy.witness_keys()).unwrap();
        assert_eq!(policy.is_met_by(&cosigned), met);
    }
    assert!(Policy::parse("quorum none\n").unwrap().quorum.is_none());
    for (wrong, line) in [
        (String::new(), 2),
        ("quorum none".into(), 1),
        ("quorum none\nquorum none\n".into(), 2),
        ("quorum A\n".into(), 1),
        (format!("witness none {a}\nquorum none\n"), 1),
        (format!("witness A {a}\nwitness B {a}\nquorum none\n"), 2),
        (format!("witness A {a}\nwitness A {b}\nquorum none\n"), 2),
        (format!("witness A {log}\nquorum none\n"), 1),
        (format!("log {a}\nquorum none\n"), 1),
        (format!("witness A {a}\ngroup g 2 A\nquorum g\n"), 2),
        (format!("witness A {a}\ngroup g 0 A\nquorum g\n"), 2),
        (format!("witness A {a}\ngroup g 01 A\nquorum g\n"), 2),
        (format!("witness A {a}\ngroup g 1 A\ngroup h 1 A\nquorum g\n"), 3),
        (format!("witness A {a}\ngroup g 1 A A\nquorum g\n"), 2),
        (format!("group g 1 A\nwitness A {a}\nquorum g\n"), 1),
        ("quorum none\r\n".into(), 1),
    ] {
        assert_eq!(Policy::parse(&wrong).unwrap_err().line, line, "{wrong}");
    }
}

#[test]
fn a_succession_needs_the_regulator_and_q_custodians_and_a_new_origin() {
    let key = |name: &str, seed: u8| {
        SigningKey::from_seed(name, KeyKind::Statement, &[seed; 32]).unwrap()
    };
    let (regulator, new_log) =
        (key("bids.example/record/regulator/r", 50), key("bids.example/2", 51));
    let custodians: Vec<_> =
        (0..4).map(|n| key(&format!("{ORIGIN}/custodian/{n}"), 60 + n)).collect();
    let publics = publics(&custodians);
    let body = Succession {
        last_checkpoint: Held { root: checkpoint(5).root, size: 5 },
        new_log_key: new_log.verifying().clone(),
        new_origin: "bids.example/2".into(),
        old_origin: ORIGIN.into(),
        reason: SuccessionReason::LostTail,
    };
    let log = log_key();
    let electors = Electors {
        log_key: log.verifying(),
        regulator: regulator.verifying(),
        custodians: &publics,
        q: 3,
    };
    let signed = |body: &Succession, count: usize| {
        let mut statement = Statement::signed(body.clone(), &regulator).unwrap();
        custodians.iter().take(count).for_each(|key| statement.sign(key));
        statement
    };
    assert_eq!(succession::check(&signed(&body, 3), &electors), Ok(()));
    let parsed = Statement::parse(signed(&body, 3).encode().as_bytes()).unwrap();
    assert_eq!(succession::check(&parsed, &electors), Ok(()));
    assert_eq!(succession::check(&signed(&body, 2), &electors), Err(SuccessionError::Quorum));
    let mut alone = Statement::new(body.clone()).unwrap();
    custodians.iter().for_each(|key| alone.sign(key));
    let refused = succession::check(&alone, &electors);
    assert_eq!(refused, Err(NoteError::MissingSignature.into()));
    let same = Succession { new_origin: ORIGIN.into(), ..body.clone() };
    assert_eq!(succession::check(&signed(&same, 3), &electors), Err(SuccessionError::NewOrigin));
    let stolen = SigningKey::from_seed("bids.example/2", KeyKind::Statement, &[1; 32]).unwrap();
    let same = Succession { new_log_key: stolen.verifying().clone(), ..body.clone() };
    assert_eq!(succession::check(&signed(&same, 3), &electors), Err(SuccessionError::NewOrigin));
    let other = Succession { old_origin: "else.example".into(), ..body.clone() };
    assert_eq!(succession::check(&signed(&other, 3), &electors), Err(SuccessionError::OldOrigin));
}
