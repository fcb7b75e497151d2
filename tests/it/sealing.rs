//! Does a sealed file open with its identity, whole and unaltered, and with nothing else?

use std::io::{self, Read, Write};

use age::secrecy::ExposeSecret;
use proptest::prelude::*;
use sealbid::crypto::entropy::{Entropy, NoEntropy, SeededEntropy, SystemEntropy};
use sealbid::crypto::hash::Hash;
use sealbid::crypto::seal::kept::{WorkFactor, keep, recover};
use sealbid::crypto::seal::{
    Identity, NotAKey, OpenError, Recipient, SealError, Sealed, open, open_hashed, seal,
    sealed_len, unit_identity,
};
use zeroize::Zeroizing;

fn identity(seed: u64) -> Identity {
    Identity::generate(&SeededEntropy::new(seed)).unwrap()
}

fn sealed(plain: &[u8], to: &Recipient) -> (Vec<u8>, Sealed) {
    let mut out = Vec::new();
    let (sealed, ()) =
        seal(&mut out, to, &SystemEntropy::new(), |w| w.write_all(plain).map_err(SealError::from))
            .unwrap();
    (out, sealed)
}

fn opened(bytes: &[u8], key: &Identity) -> Result<Vec<u8>, OpenError> {
    let mut plain = Vec::new();
    open(bytes, key)?.read_to_end(&mut plain).map_err(OpenError::from_io)?;
    Ok(plain)
}

fn opened_hashed(bytes: &[u8], key: &Identity) -> Result<(Vec<u8>, Sealed), OpenError> {
    let mut reader = open_hashed(io::Cursor::new(bytes.to_vec()), key)?;
    let mut plain = Vec::new();
    reader.read_to_end(&mut plain).map_err(OpenError::from_io)?;
    Ok((plain, reader.finish()?.unwrap()))
}

const SIZES: [usize; 12] =
    [0, 1, 33, 65_535, 65_536, 65_537, 131_072, 200_000, 262_144, 262_145, 524_288, 3_000_000];

#[test]
fn every_size_around_a_chunk_comes_back_with_its_hash_and_length() {
    let key = identity(1);
    for size in SIZES {
        let plain: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
        let (bytes, told) = sealed(&plain, &key.recipient());
        assert_eq!(told, Sealed { sha256: Hash::of(&bytes), size: bytes.len() as u64 });
        assert_eq!(opened(&bytes, &key).unwrap(), plain, "{size} bytes");
        assert_eq!(opened_hashed(&bytes, &key).unwrap(), (plain, told), "{size} bytes, hashed");
        if size > 0 {
            assert_eq!(sealed_len(size as u64), Some(told.size), "{size} bytes");
        }
    }
}

#[test]
fn the_age_crate_opens_what_we_seal_and_we_open_what_it_seals() {
    let key = identity(2);
    let theirs: age::x25519::Identity = key.encode().parse().unwrap();
    assert_eq!(theirs.to_public().to_string(), key.recipient().to_string());
    assert_eq!(theirs.to_string().expose_secret(), key.encode().as_str());
    for size in SIZES {
        let plain = vec![0x5a; size];
        let (bytes, _) = sealed(&plain, &key.recipient());
        assert_eq!(age::decrypt(&theirs, &bytes).unwrap(), plain, "{size} bytes");
        let bytes = age::encrypt(&theirs.to_public(), &plain).unwrap();
        assert_eq!(opened(&bytes, &key).unwrap(), plain, "{size} bytes, with grease");
    }
}

#[test]
fn every_altered_byte_of_a_sealed_file_is_noticed() {
    let key = identity(3);
    let (bytes, _) = sealed(b"one hundred and twenty million", &key.recipient());
    for at in 0..bytes.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut altered = bytes.clone();
            altered[at] ^= flip;
            assert!(opened(&altered, &key).is_err(), "byte {at} ^ {flip:#x}");
        }
    }
}

#[test]
fn every_cut_and_every_addition_is_noticed() {
    let key = identity(4);
    let (bytes, _) = sealed(&vec![1; 70_000], &key.recipient());
    let ends = (0..400).chain([65_752, 65_753, 65_768, 65_769, bytes.len() - 1]);
    for end in ends {
        assert!(opened(&bytes[..end], &key).is_err(), "cut to {end}");
        assert!(opened_hashed(&bytes[..end], &key).is_err(), "cut to {end}, hashed");
    }
    for more in [1, 16, 17, 65_552, 300_000] {
        let mut longer = bytes.clone();
        longer.resize(bytes.len() + more, 0);
        assert!(opened(&longer, &key).is_err(), "{more} more");
    }
}

#[test]
fn chunks_cannot_change_places() {
    let key = identity(5);
    let (bytes, _) = sealed(&vec![1; 3 * 65_536], &key.recipient());
    let start = bytes.len() - 3 * 65_552;
    let mut swapped = bytes[..start].to_vec();
    swapped.extend_from_slice(&bytes[start + 65_552..start + 2 * 65_552]);
    swapped.extend_from_slice(&bytes[start..start + 65_552]);
    swapped.extend_from_slice(&bytes[start + 2 * 65_552..]);
    assert!(matches!(opened(&swapped, &key), Err(OpenError::Chunk(0))));
    let without_last = &bytes[..start + 2 * 65_552];
    assert!(matches!(opened(without_last, &key), Err(OpenError::Chunk(1))));
}

#[test]
fn another_identity_opens_nothing() {
    let (bytes, _) = sealed(b"secret", &identity(6).recipient());
    assert!(matches!(opened(&bytes, &identity(7)), Err(OpenError::WrongKey)));
}

#[test]
fn two_seals_of_one_payload_share_no_bytes_that_matter() {
    let key = identity(8);
    let (one, _) = sealed(&[9; 1000], &key.recipient());
    let (two, _) = sealed(&[9; 1000], &key.recipient());
    assert_eq!(one.len(), two.len());
    let same = one[168..].iter().zip(&two[168..]).filter(|(a, b)| a == b).count();
    assert!(same < 40, "{same} bytes of 1032 are equal");
}

/// Gives some bytes and then fails, as a broken disk does.
struct Broken(Vec<u8>);

impl Read for Broken {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::other("the disk is broken"));
        }
        let got = self.0.len().min(out.len());
        out[..got].copy_from_slice(&self.0[..got]);
        self.0.drain(..got);
        Ok(got)
    }
}

impl Write for Broken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() > 100_000 {
            return Err(io::Error::other("the disk is full"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_broken_disk_is_the_holders_fault_and_not_the_bidders() {
    let key = identity(9);
    let (bytes, _) = sealed(&vec![1; 400_000], &key.recipient());
    for keep in [100, 70_000, 300_000] {
        let part = bytes[..keep].to_vec();
        let plain = open(Broken(part.clone()), &key)
            .and_then(|mut r| r.read_to_end(&mut Vec::new()).map_err(OpenError::from_io));
        assert!(matches!(plain, Err(OpenError::Io(_))), "{keep}: {plain:?}");
        let hashed = open_hashed(Broken(part), &key)
            .and_then(|mut r| r.read_to_end(&mut Vec::new()).map_err(OpenError::from_io));
        assert!(matches!(hashed, Err(OpenError::Io(_))), "{keep}, hashed: {hashed:?}");
    }
}

#[test]
fn a_full_disk_stops_the_sealing_with_its_reason() {
    let key = identity(10);
    let mut disk = Broken(Vec::new());
    let refused = seal(&mut disk, &key.recipient(), &SystemEntropy::new(), |w| {
        (0..10_000).try_for_each(|_| w.write_all(&[0; 4096])).map_err(SealError::from)
    });
    assert!(refused.expect_err("refused").to_string().contains("the disk is full"));
}

#[test]
fn what_the_filler_refuses_comes_out_unchanged() {
    let refused: Result<(Sealed, ()), SealError> =
        seal(io::sink(), &identity(11).recipient(), &SystemEntropy::new(), |w| {
            w.write_all(&[0; 100_000])?;
            Err(SealError::Recipient)
        });
    assert!(matches!(refused, Err(SealError::Recipient)));
}

struct Dry;

impl Entropy for Dry {
    fn fill(&self, _: &mut [u8]) -> Result<(), NoEntropy> {
        Err(NoEntropy)
    }
}

#[test]
fn without_randomness_nothing_is_sealed() {
    let to = identity(12).recipient();
    let refused = seal(io::sink(), &to, &Dry, |_| Ok::<_, SealError>(()));
    assert!(matches!(refused, Err(SealError::Entropy(NoEntropy))));
    assert!(Identity::generate(&Dry).is_err());
}

#[test]
fn an_opener_that_is_dropped_early_leaves_no_thread_behind_that_blocks() {
    let key = identity(13);
    let (bytes, _) = sealed(&vec![1; 5_000_000], &key.recipient());
    let mut reader = open_hashed(io::Cursor::new(bytes), &key).unwrap();
    let mut first = [0; 10];
    reader.read_exact(&mut first).unwrap();
    drop(reader);
    assert_eq!(first, [1; 10]);
}

const SECRET: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
const PUBLIC: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

#[test]
fn keys_have_one_spelling_each() {
    let key: Identity = SECRET.parse().unwrap();
    assert_eq!((key.encode().as_str(), key.recipient().to_string().as_str()), (SECRET, PUBLIC));
    assert_eq!(PUBLIC.parse::<Recipient>().unwrap(), key.recipient());
    for wrong in [SECRET.to_lowercase(), format!("{SECRET} "), SECRET.replacen('Q', "P", 1)] {
        assert_eq!(wrong.parse::<Identity>().unwrap_err(), NotAKey::Identity, "{wrong}");
    }
    let other = bech32::encode::<bech32::Bech32m>(bech32::Hrp::parse("age").unwrap(), &[9; 32]);
    let pq = bech32::encode::<bech32::Bech32>(bech32::Hrp::parse("age1pq").unwrap(), &[9; 32]);
    let long = bech32::encode::<bech32::Bech32>(bech32::Hrp::parse("age").unwrap(), &[9; 33]);
    for wrong in [
        PUBLIC.to_uppercase(),
        PUBLIC.replacen('t', "q", 1),
        other.unwrap(),
        pq.unwrap(),
        long.unwrap(),
    ] {
        assert_eq!(wrong.parse::<Recipient>().unwrap_err(), NotAKey::Recipient, "{wrong}");
    }
}

#[test]
fn weak_and_ambiguous_points_are_no_recipients() {
    let mut prime = [0xff; 32];
    (prime[0], prime[31]) = (0xed, 0x7f);
    let mut one = [0; 32];
    one[0] = 1;
    let mut below = prime;
    below[0] = 0xec;
    let eight = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800";
    let eight_too = "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157";
    let mut weak = vec![[0; 32], one, below, prime, [0xff; 32]];
    weak.push(hex::decode(eight).unwrap().try_into().unwrap());
    weak.push(hex::decode(eight_too).unwrap().try_into().unwrap());
    // The same point as a good key, spelled with its unused top bit set.
    let mut high = *identity(14).recipient().as_bytes();
    high[31] |= 0x80;
    weak.push(high);
    for point in weak {
        assert_eq!(Recipient::from_bytes(point), Err(NotAKey::WeakPoint), "{point:?}");
        let text = bech32::encode::<bech32::Bech32>(bech32::Hrp::parse("age").unwrap(), &point);
        assert_eq!(text.unwrap().parse::<Recipient>(), Err(NotAKey::WeakPoint));
    }
    let mut good = below;
    good[0] = 0xeb;
    assert!(Recipient::from_bytes(good).is_ok());
}

#[test]
fn a_custodians_identity_follows_from_seed_and_unit() {
    let unit = Hash::of(b"unit");
    let key = unit_identity(&[7; 32], &unit);
    assert_eq!(
        key.recipient().to_string(),
        "age1vs3yxglt7ghxrreqcux7al38ea9vu8x0gr0qhel8hjneln54h47sndjuqj"
    );
    let other = unit_identity(&[7; 32], &Hash::of(b"unit 2"));
    assert_ne!(key.recipient(), other.recipient());
    assert_ne!(key.recipient(), unit_identity(&[8; 32], &unit).recipient());
}

#[test]
fn secrets_do_not_print() {
    assert_eq!(format!("{:?}", identity(15)), "Identity(…)");
}

#[test]
fn a_kept_identity_comes_back_under_its_passphrase_only() {
    let key = identity(16);
    let pass = Zeroizing::new("correct horse".to_owned());
    let file = keep(&key, &pass, WorkFactor::TEST).unwrap();
    assert_eq!(recover(&file, &pass).unwrap().secret_bytes(), key.secret_bytes());
    let wrong = recover(&file, &Zeroizing::new("correct house".to_owned()));
    assert_eq!(wrong.unwrap_err().to_string(), "the passphrase is wrong");
    let (bid, _) = sealed(b"x", &key.recipient());
    assert!(recover(&bid, &pass).is_err());
    for end in 0..file.len() {
        assert!(recover(&file[..end], &pass).is_err(), "cut to {end}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_open_and_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..600)
    ) {
        prop_assert!(opened(&bytes, &identity(18)).is_err());
    }

    #[test]
    fn writing_in_any_pieces_seals_the_same_payload(
        pieces in proptest::collection::vec(0_usize..100_000, 0..6)
    ) {
        let key = identity(19);
        let plain: Vec<u8> = (0..pieces.iter().sum::<usize>()).map(|i| (i % 253) as u8).collect();
        let mut out = Vec::new();
        seal(&mut out, &key.recipient(), &SystemEntropy::new(), |w| {
            let mut rest = plain.as_slice();
            for piece in &pieces {
                let (now, later) = rest.split_at(*piece);
                w.write_all(now)?;
                rest = later;
            }
            Ok::<_, SealError>(())
        }).unwrap();
        prop_assert_eq!(opened(&out, &key).unwrap(), plain);
    }
}
