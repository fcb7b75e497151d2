//! Do any t shares give the identity back, fewer nothing, and wrong ones a visible error?

use std::collections::BTreeSet;
use std::process::Command;

use proptest::prelude::*;
use sealbid::crypto::entropy::{SeededEntropy, SystemEntropy};
use sealbid::crypto::hash::Hash;
use sealbid::crypto::seal::Identity;
use sealbid::crypto::shares::{
    Release, Share, check_share, combine, open_share, open_shares, recover, seal_share, split,
};
use zeroize::Zeroizing;

use crate::outside;

const GOLDEN: &str = include_str!("../golden/shares.txt");

fn identity(seed: u64) -> Identity {
    Identity::generate(&SeededEntropy::new(seed)).unwrap()
}

fn copy(share: &Share) -> Share {
    Share::from_slice(share.as_bytes()).unwrap()
}

#[test]
fn the_golden_shares_are_made_again_and_combine() {
    let key = Identity::from_bytes(Zeroizing::new([0x42; 32]));
    let shares = split(&key, 3, 5, &SeededEntropy::new(2026)).unwrap();
    let text: String = shares.iter().map(|s| hex::encode(s.as_bytes()) + "\n").collect();
    assert_eq!(text, GOLDEN);
    let lines = GOLDEN.lines().skip(2);
    let read: Vec<_> =
        lines.map(|l| Share::from_slice(&hex::decode(l).unwrap()).unwrap()).collect();
    assert_eq!(recover(&read, &key.recipient()).unwrap().secret_bytes(), &[0x42; 32]);
}

#[test]
fn the_browsers_library_combines_our_shares_and_we_combine_its() {
    let Some(node) = outside::program("node") else { return };
    let Some(_) = outside::node_module("shamir-secret-sharing") else { return };
    let key = identity(1);
    let ours = split(&key, 3, 5, &SystemEntropy::new()).unwrap();
    let some: Vec<_> = ours[1..4].iter().map(|s| hex::encode(s.as_bytes())).collect();
    let script = "
        import { combine, split } from 'shamir-secret-sharing';
        import { readFileSync } from 'node:fs';
        const lines = readFileSync(0, 'utf8').trim().split('\\n');
        const secret = await combine(lines.map((l) => new Uint8Array(Buffer.from(l, 'hex'))));
        console.log(Buffer.from(secret).toString('hex'));
        for (const share of await split(secret, 5, 3)) console.log(Buffer.from(share).toString('hex'));
    ";
    let mut command = Command::new(node);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["--input-type=module", "--eval", script]);
    let output = outside::run(&mut command, some.join("\n").as_bytes());
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(hex::encode(key.secret_bytes()).as_str()), "{output:?}");
    let theirs: Vec<_> =
        lines.map(|l| Share::from_slice(&hex::decode(l).unwrap()).unwrap()).collect();
    assert_eq!(theirs.len(), 5);
    assert_eq!(recover(&theirs[2..], &key.recipient()).unwrap().secret_bytes(), key.secret_bytes());
}

#[test]
fn fewer_than_t_shares_give_a_wrong_secret_that_the_recipient_betrays() {
    let key = identity(2);
    let shares = split(&key, 3, 5, &SystemEntropy::new()).unwrap();
    assert_ne!(combine(&shares[..2]).unwrap().secret_bytes(), key.secret_bytes());
    assert_eq!(recover(&shares[..2], &key.recipient()).unwrap_err().code(), "share-wrong-secret");
    assert_eq!(recover(&shares[..1], &key.recipient()).unwrap_err().code(), "share-too-few");
}

#[test]
fn every_altered_byte_of_a_share_is_betrayed() {
    let key = identity(3);
    let shares = split(&key, 2, 4, &SystemEntropy::new()).unwrap();
    for at in 0..33 {
        let mut bytes = *shares[0].as_bytes();
        bytes[at] ^= 1;
        let Ok(altered) = Share::from_slice(&bytes) else { continue };
        assert!(recover(&[altered, copy(&shares[1])], &key.recipient()).is_err(), "byte {at}");
    }
}

#[test]
fn a_share_has_33_bytes_and_an_x_that_is_not_zero() {
    assert_eq!(Share::from_slice(&[1; 32]).unwrap_err().code(), "share-length");
    assert_eq!(Share::from_slice(&[1; 34]).unwrap_err().code(), "share-length");
    let mut zero = [1; 33];
    zero[32] = 0;
    assert_eq!(Share::from_slice(&zero).unwrap_err().code(), "share-x");
    let one = Share::from_slice(&[1; 33]).unwrap();
    let same = Share::from_slice(&[1; 33]).unwrap();
    assert_eq!(format!("{one:?}"), "Share(…)");
    assert_eq!(combine(&[one, same]).unwrap_err().code(), "share-x");
}

#[test]
fn impossible_thresholds_are_refused() {
    let key = identity(4);
    for (t, n) in [(0, 5), (1, 5), (6, 5), (2, 1)] {
        let refused = split(&key, t, n, &SystemEntropy::new()).unwrap_err();
        assert_eq!(refused.code(), "share-threshold", "{t} of {n}");
    }
    assert_eq!(split(&key, 255, 255, &SystemEntropy::new()).unwrap().len(), 255);
}

#[test]
fn a_shares_x_does_not_say_whose_it_is() {
    let key = identity(5);
    let mut seen = BTreeSet::new();
    for seed in 0..400 {
        let shares = split(&key, 2, 4, &SeededEntropy::new(seed)).unwrap();
        let xs: BTreeSet<_> = shares.iter().map(|s| s.as_bytes()[32]).collect();
        assert_eq!(xs.len(), 4);
        seen.insert(shares[0].as_bytes()[32]);
    }
    assert!(seen.len() > 150, "the first custodian had only {} different x", seen.len());
}

#[test]
fn a_sealed_share_opens_for_its_custodian_only_and_only_as_signed() {
    let (key, custodian, other) = (identity(6), identity(7), identity(8));
    let entropy = SystemEntropy::new();
    let shares = split(&key, 3, 5, &entropy).unwrap();
    let file = seal_share(&shares[0], &custodian.recipient(), &entropy).unwrap();
    let hash = Hash::of(&file);
    check_share(&file).unwrap();
    assert_eq!(open_share(&file, &hash, &custodian).unwrap().as_bytes(), shares[0].as_bytes());
    assert_eq!(open_share(&file, &hash, &other).unwrap_err().code(), "open-wrong-key");
    let not_signed = open_share(&file, &Hash::of(b""), &custodian).unwrap_err();
    assert_eq!(not_signed.code(), "share-not-in-manifest");
    for at in 0..file.len() {
        let mut altered = file.clone();
        altered[at] ^= 1;
        assert!(open_share(&altered, &Hash::of(&altered), &custodian).is_err(), "byte {at}");
    }
}

#[test]
fn a_sealed_share_of_another_length_is_refused_without_any_key() {
    let custodian = identity(9);
    for size in [0, 32, 34, 65] {
        let recipient: age::x25519::Recipient = custodian.recipient().to_string().parse().unwrap();
        let file = age::encrypt(&recipient, &vec![1; size]).unwrap();
        assert_eq!(check_share(&file).unwrap_err().code(), "profile-length", "{size}");
        assert_eq!(
            open_share(&file, &Hash::of(&file), &custodian).unwrap_err().code(),
            "profile-length"
        );
    }
}

#[test]
fn swapped_shares_are_named_by_their_place() {
    let key = identity(10);
    let entropy = SystemEntropy::new();
    let custodians: Vec<_> = (20..25).map(identity).collect();
    let shares = split(&key, 3, 5, &entropy).unwrap();
    let seal_to = |share: usize, whom: usize| {
        seal_share(&shares[share], &custodians[whom].recipient(), &entropy).unwrap()
    };
    // The dealer gave custodian 3 what only custodian 4 can open, and the other way round.
    let files = [seal_to(0, 0), seal_to(1, 1), seal_to(2, 2), seal_to(3, 4), seal_to(4, 3)];
    let hashes: Vec<_> = files.iter().map(|f| Hash::of(f)).collect();
    let release = |index: usize| Release {
        index,
        sealed: &files[index],
        sha256: &hashes[index],
        identity: &custodians[index],
    };
    let good = open_shares(&[release(0), release(1), release(2)]).unwrap();
    recover(&good, &key.recipient()).unwrap();
    let bad = open_shares(&[release(0), release(3), release(4)]).unwrap_err();
    assert_eq!((bad.index, bad.cause.code()), (3, "open-wrong-key"));
}

proptest! {
    #[test]
    fn any_t_of_n_give_the_identity_back(
        t in 2_u8..8, more in 0_u8..5, seed in any::<u64>(), turn in 0_usize..12
    ) {
        let key = identity(seed);
        let mut shares = split(&key, t, t + more, &SeededEntropy::new(seed ^ 1)).unwrap();
        let places = shares.len();
        shares.rotate_left(turn % places);
        shares.truncate(usize::from(t));
        let again = recover(&shares, &key.recipient()).unwrap();
        prop_assert_eq!(again.secret_bytes(), key.secret_bytes());
    }
}
