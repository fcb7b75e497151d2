//! Do leaves, checkpoints, cosignatures, proofs and receipts have one spelling, and does each check
//! refuse what it must?

use proptest::prelude::*;
use sealbid::clock::Time;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::key::{KeyKind, SigningKey, VerifyingKey};
use sealbid::crypto::note::{Note, NoteError};
use sealbid::record::checkpoint::{Checkpoint, CheckpointError, Cosigned, cosign};
use sealbid::record::leaf::{PadKey, Salt, leaf};
use sealbid::record::proof::{Receipt, ReceiptError, TlogProof};
use sealbid::record::tree::{self, Frontier, ProofError, leaf_hash};
use sealbid::record::witness::{encode_cosignatures, parse_cosignatures};

pub const ORIGIN: &str = "bids.example/record";

pub fn log_key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, KeyKind::Statement, &[1; 32]).unwrap()
}

pub fn witness_key(number: u8) -> SigningKey {
    let name = format!("{ORIGIN}/witness/c{number}");
    SigningKey::from_seed(&name, KeyKind::Cosignature, &[0x40 + number; 32]).unwrap()
}

pub fn publics(keys: &[SigningKey]) -> Vec<VerifyingKey> {
    keys.iter().map(|key| key.verifying().clone()).collect()
}

pub fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint { origin: ORIGIN.into(), size, root: Hash::of(&size.to_be_bytes()) }
}

/// A checkpoint cosigned by witnesses 1, 2, … at the given seconds.
pub fn cosigned_note(checkpoint: &Checkpoint, seconds: &[i64]) -> Note {
    let mut note = checkpoint.signed(&log_key()).unwrap();
    for (number, second) in (1..).zip(seconds) {
        let line = cosign(note.text(), &witness_key(number), Time::from_seconds(*second));
        note.push(line.unwrap());
    }
    note
}

pub fn witnesses(count: u8) -> Vec<VerifyingKey> {
    (1..=count).map(|number| witness_key(number).verifying().clone()).collect()
}

#[test]
fn the_checkpoint_of_the_specification_parses_and_others_see_ours() {
    let text =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let parsed = Checkpoint::parse(text).unwrap();
    assert_eq!((parsed.origin.as_str(), parsed.size), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(parsed.text(), text);
    let ours = checkpoint(7).signed(&log_key()).unwrap();
    let vkey = log_key().verifying().to_string();
    let verifier = signed_note::StandardVerifier::new(&vkey).unwrap();
    let list = signed_note::VerifierList::new(vec![Box::new(verifier)]);
    let theirs = signed_note::Note::from_bytes(ours.encode().as_bytes()).unwrap();
    assert_eq!(theirs.verify(&list).unwrap().0.len(), 1);
    let theirs = tlog_tiles::Checkpoint::from_bytes(theirs.text()).unwrap();
    assert_eq!((theirs.origin(), theirs.size()), (ORIGIN, 7));
    assert_eq!(&theirs.hash().0, checkpoint(7).root.as_bytes());
}

#[test]
fn a_checkpoint_has_one_spelling() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    for wrong in [
        format!("o\n07\n{root}\n"),
        format!("o\n+7\n{root}\n"),
        format!("o\n7 \n{root}\n"),
        format!("o\n\n{root}\n"),
        format!("\n7\n{root}\n"),
        format!("o\r\n7\n{root}\n"),
        format!("o\n7\n{root}"),
        format!("o\n7\n{root}\nextension\n"),
        format!("o\n18446744073709551616\n{root}\n"),
        "o\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n".into(),
        "o\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n".into(),
        "o\n7\nAAAA\n".into(),
    ] {
        assert_eq!(Checkpoint::parse(&wrong), Err(CheckpointError::Malformed), "{wrong}");
    }
}

#[test]
fn a_cosignature_signs_header_time_and_the_whole_text() {
    let key = witness_key(1);
    let note = checkpoint(3).signed(&log_key()).unwrap();
    let line = cosign(note.text(), &key, Time::from_millis(1_679_315_147_999)).unwrap();
    let (time, signature) = line.bytes.split_at(8);
    assert_eq!(time, 1_679_315_147u64.to_be_bytes());
    let message = format!("cosignature/v1\ntime 1679315147\n{}", note.text());
    assert!(key.verifying().verifies(message.as_bytes(), signature));
    let statement_key = log_key();
    assert!(cosign(note.text(), &statement_key, Time::from_seconds(1)).is_err());
    assert!(cosign("not a checkpoint\n", &key, Time::from_seconds(1)).is_err());
    assert!(cosign(note.text(), &key, Time::from_millis(-1)).is_err());
}

#[test]
fn cosigned_at_or_after_means_that_many_each_at_or_after() {
    let note = cosigned_note(&checkpoint(9), &[100, 99, 101, 250]);
    let cosigned = Cosigned::from_network(&note, log_key().verifying(), &witnesses(5)).unwrap();
    let at = Time::from_seconds(100);
    assert_eq!(cosigned.count_at_or_after(at), 3);
    assert!(cosigned.is_cosigned_at_or_after(3, at));
    assert!(!cosigned.is_cosigned_at_or_after(4, at));
    assert!(!cosigned.is_cosigned_at_or_after(3, Time::from_millis(100_001)));
    assert!(cosigned.is_cosigned_by(4) && !cosigned.is_cosigned_by(5));
    let none = checkpoint(9).signed(&log_key()).unwrap();
    let none = Cosigned::from_network(&none, log_key().verifying(), &witnesses(5)).unwrap();
    assert!(none.is_cosigned_at_or_after(0, at));
}

#[test]
fn unknown_lines_are_dropped_from_the_network_and_refused_in_a_case() {
    let log = log_key();
    let note = cosigned_note(&checkpoint(9), &[100, 100, 100]);
    let known = witnesses(2);
    let network = Cosigned::from_network(&note, log.verifying(), &known).unwrap();
    assert_eq!(network.cosignatures().len(), 2);
    assert_eq!(network.note().signatures().len(), 3);
    let case = Cosigned::from_case(&note, log.verifying(), &known);
    assert_eq!(case, Err(NoteError::UnknownSignature.into()));
    let clean = Cosigned::from_case(network.note(), log.verifying(), &known).unwrap();
    assert_eq!(clean.note(), network.note());
    let mut double = network.note().clone();
    double.push(cosign(note.text(), &witness_key(2), Time::from_seconds(105)).unwrap());
    let case = Cosigned::from_case(&double, log.verifying(), &known);
    assert_eq!(case, Err(NoteError::DuplicateSignature.into()));
    let network = Cosigned::from_network(&double, log.verifying(), &known).unwrap();
    assert_eq!(network.time_of(&known[1]), Some(Time::from_seconds(105)));
}

#[test]
fn a_known_line_that_does_not_verify_condemns_the_checkpoint() {
    let log = log_key();
    let good = cosigned_note(&checkpoint(9), &[100]);
    let keys = witnesses(1);
    for place in 0..good.signatures().len() {
        for byte in [0, 7, 8, 63] {
            let mut note = Note::new(good.text().into()).unwrap();
            for (at, line) in good.signatures().iter().enumerate() {
                let mut line = line.clone();
                if at == place {
                    line.bytes[byte] ^= 1;
                }
                note.push(line);
            }
            let refused = Cosigned::from_network(&note, log.verifying(), &keys);
            assert_eq!(refused, Err(NoteError::BadSignature.into()));
        }
    }
    let mut unsigned = Note::new(good.text().into()).unwrap();
    unsigned.push(good.signatures()[1].clone());
    let refused = Cosigned::from_network(&unsigned, log.verifying(), &keys);
    assert_eq!(refused, Err(NoteError::MissingSignature.into()));
}

#[test]
fn a_checkpoint_of_another_record_is_refused() {
    let other = Checkpoint { origin: "other.example/record".into(), ..checkpoint(3) };
    assert!(matches!(other.signed(&log_key()), Err(CheckpointError::Origin { .. })));
    let mut note = Note::new(other.text()).unwrap();
    note.sign(&log_key());
    let refused = Cosigned::from_network(&note, log_key().verifying(), &[]);
    assert_eq!(refused, Err(CheckpointError::Origin { found: "other.example/record".into() }));
}

#[test]
fn later_answers_of_witnesses_are_taken_over_and_earlier_ones_are_not() {
    let log = log_key();
    let note = cosigned_note(&checkpoint(9), &[100]);
    let keys = witnesses(3);
    let mut cosigned = Cosigned::from_network(&note, log.verifying(), &keys).unwrap();
    let line = |number, seconds| {
        cosign(note.text(), &witness_key(number), Time::from_seconds(seconds)).unwrap()
    };
    let answer = encode_cosignatures(&[line(3, 90), line(1, 99), line(4, 90)]);
    let lines = parse_cosignatures(answer.as_bytes()).unwrap();
    assert_eq!(cosigned.add(&lines, &keys), Ok(1));
    assert_eq!(cosigned.time_of(&keys[0]), Some(Time::from_seconds(100)));
    assert_eq!(cosigned.add(&[line(2, 95), line(1, 101)], &keys), Ok(2));
    let order: Vec<_> = cosigned.cosignatures().iter().map(|c| c.witness.clone()).collect();
    assert_eq!(order, keys);
    let again = Cosigned::from_case(cosigned.note(), log.verifying(), &keys).unwrap();
    assert_eq!(again.cosignatures(), cosigned.cosignatures());
    let mut forged = line(2, 300);
    forged.bytes[9] ^= 1;
    assert_eq!(cosigned.add(&[line(3, 200), forged], &keys), Err(NoteError::BadSignature));
    assert_eq!(cosigned.time_of(&keys[2]), Some(Time::from_seconds(90)));
}

/// A record of five leaves, the event at index 2, and its receipt.
pub fn receipt() -> (Receipt, Vec<VerifyingKey>) {
    let salt = Salt::from_bytes([7; 32]);
    let event = b"sealbid/example/v1\n{}\n".to_vec();
    let mut entries: Vec<Hash> = (0..5u64).map(|i| PadKey::from_bytes([9; 32]).leaf(i)).collect();
    entries[2] = leaf(&salt, &event);
    let source = Plain(entries);
    let root = tree::root(&source, 5).unwrap();
    let head = Checkpoint { origin: ORIGIN.into(), size: 5, root };
    let hashes = tree::prove_inclusion(&source, 2, 5).unwrap();
    let checkpoint = cosigned_note(&head, &[100, 101, 102]);
    (Receipt { salt, event, index: 2, hashes, checkpoint }, witnesses(3))
}

/// Entries in memory as a source of hashes.
pub struct Plain(pub Vec<Hash>);

impl tree::HashSource for Plain {
    fn node(&self, level: u32, index: u64) -> Result<Hash, tree::SourceError> {
        let at = usize::try_from(index << level).unwrap();
        let mut frontier = Frontier::new();
        let leaves = self.0.get(at..at + (1 << level)).ok_or(tree::SourceError::Range)?;
        leaves.iter().for_each(|entry| frontier.push(leaf_hash(entry.as_bytes())));
        Ok(frontier.root())
    }
}

#[test]
fn a_receipt_shows_its_event_and_who_cosigned() {
    let (receipt, keys) = receipt();
    let bytes = receipt.encode();
    let parsed = Receipt::parse(bytes.as_bytes()).unwrap();
    assert_eq!(parsed, receipt);
    let cosigned = parsed.verify(log_key().verifying(), &keys).unwrap();
    assert_eq!(cosigned.cosignatures().len(), 3);
    let moved = Receipt { index: 3, ..receipt.clone() };
    let refused = moved.verify(log_key().verifying(), &keys);
    assert_eq!(refused, Err(ReceiptError::Proof(ProofError::Root)));
    let other = Receipt { event: b"another event".to_vec(), ..receipt.clone() };
    assert!(other.verify(log_key().verifying(), &keys).is_err());
    let other = Receipt { salt: Salt::from_bytes([8; 32]), ..receipt.clone() };
    assert!(other.verify(log_key().verifying(), &keys).is_err());
    assert!(receipt.verify(witness_key(1).verifying(), &keys).is_err());
    let bare = TlogProof::parse(bytes.as_bytes()).unwrap();
    let bare = TlogProof { extra: None, ..bare };
    assert_eq!(TlogProof::parse(bare.encode().as_bytes()).unwrap(), bare);
    assert_eq!(Receipt::parse(bare.encode().as_bytes()), Err(ReceiptError::NoEvent));
}

#[test]
fn a_proof_file_has_one_spelling() {
    let good = receipt().0.encode();
    assert!(TlogProof::parse(good.as_bytes()).is_ok());
    for (from, to) in [
        ("proof@v1", "proof@v2"),
        ("index 2", "index 02"),
        ("index 2", "index +2"),
        ("index 2", "index  2"),
        ("index 2\n", ""),
        ("extra ", "extra  "),
        ("extra ", "Extra "),
        ("@v1\n", "@v1\nextra \n"),
        ("@v1\n", "@v1\r\n"),
        ("=\n", "==\n"),
        ("=\n", "\n"),
    ] {
        let wrong = good.replacen(from, to, 1);
        assert_eq!(TlogProof::parse(wrong.as_bytes()), Err(ReceiptError::Malformed), "{from}");
    }
    let hash = good.lines().nth(3).unwrap();
    let lines = |count| good.replacen(hash, &vec![hash; count].join("\n"), 1);
    assert_eq!(TlogProof::parse(lines(61).as_bytes()).unwrap().hashes.len(), 63);
    assert_eq!(TlogProof::parse(lines(62).as_bytes()), Err(ReceiptError::Malformed));
}

#[test]
fn leaves_bind_salt_and_event_and_pads_are_told_apart_only_by_the_key() {
    let salt = Salt::from_bytes([7; 32]);
    let expected = Hash::of(&[b"sealbid/leaf/v1\n".as_slice(), &[7; 32], b"event"].concat());
    assert_eq!(leaf(&salt, b"event"), expected);
    let pads = PadKey::from_bytes([9; 32]);
    assert_eq!(pads.leaf(3), leaf(&pads.salt(3), b""));
    assert_ne!(pads.salt(3), pads.salt(4));
    assert_ne!(pads.salt(3), PadKey::from_bytes([8; 32]).salt(3));
    assert_eq!(format!("{salt:?} {pads:?}"), "Salt(redacted) PadKey(redacted)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn an_altered_receipt_is_refused(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let (receipt, keys) = receipt();
        let mut bytes = receipt.encode().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        // A line whose name or id was altered is nobody's and ignored: a cosignature fewer.
        let judged = Receipt::parse(&bytes).and_then(|r| r.verify(log_key().verifying(), &keys));
        prop_assert!(judged.is_err() || judged.unwrap().cosignatures().len() == 2);
    }

    #[test]
    fn what_parses_is_spelt_that_way(text in "(c2sp.org/tlog-proof@v1\n)?(extra [A-Za-z0-9+/=]{0,8}\n)?index [0-9]{1,3}\n([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=\n){0,3}\no\n1\nx\n\n\u{2014} k AAAAAAA=\n") {
        if let Ok(proof) = TlogProof::parse(text.as_bytes()) {
            prop_assert_eq!(proof.encode(), text);
        }
    }
}
