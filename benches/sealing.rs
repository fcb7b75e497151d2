//! How fast a bid is sealed and opened in memory, and what of it costs what:
//! `cargo bench --bench sealing`.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::too_many_lines,
    reason = "a bench that meets the unexpected must stop loudly"
)]

use std::hint::black_box;
use std::io::{Cursor, Write, sink};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::seal::payload::{Attachment, LIMITS, check, read_bid_json, seal_bid};
use sealbid::crypto::seal::{Identity, SealError, check_header, open, open_hashed, seal};
use sealbid::crypto::shares::{open_share, recover, seal_share, split};

const MIB: usize = 1024 * 1024;

fn bid(mib: usize, key: &Identity) -> Vec<u8> {
    let mut out = Vec::new();
    let file = Attachment::bytes("offer.pdf", vec![0x5a; mib * MIB]).expect("fits");
    seal_bid(&mut out, &key.recipient(), &SystemEntropy::new(), b"{}", vec![file]).expect("sealed");
    out
}

fn key() -> Identity {
    Identity::generate(&SystemEntropy::new()).expect("randomness")
}

fn sealing(c: &mut Criterion) {
    let (entropy, key) = (SystemEntropy::new(), key());
    let to = key.recipient();
    let mut group = c.benchmark_group("seal");
    group.sample_size(20);
    for mib in [1, 64] {
        let plain = vec![0x5a; mib * MIB];
        group.throughput(Throughput::Bytes(plain.len() as u64));
        group.bench_function(format!("{mib} MiB"), |b| {
            b.iter(|| {
                seal(sink(), &to, &entropy, |w| w.write_all(&plain).map_err(SealError::from))
                    .expect("sealed")
            });
        });
    }
    group.bench_function("bid of 1 MiB", |b| b.iter(|| bid(1, &key)));
    group.finish();
}

fn opening(c: &mut Criterion) {
    let key = key();
    let large = bid(64, &key);
    let mut group = c.benchmark_group("open 64 MiB");
    group.sample_size(20).throughput(Throughput::Bytes(large.len() as u64));
    group.bench_function("decrypt only", |b| {
        b.iter(|| {
            open(large.as_slice(), &key).expect("opens").copy_to(&mut sink()).expect("whole")
        });
    });
    group.bench_function("with SHA-256 of the ciphertext", |b| {
        b.iter_batched(
            || Cursor::new(large.clone()),
            |bytes| open_hashed(bytes, &key).expect("opens").finish().expect("whole"),
            BatchSize::LargeInput,
        );
    });
    group.finish();

    let small = bid(1, &key);
    let mut group = c.benchmark_group("a bid of 1 MiB");
    group.bench_function("header profile", |b| b.iter(|| check_header(black_box(&small))));
    group.bench_function("bid.json alone", |b| {
        b.iter(|| read_bid_json(small.as_slice(), &key).expect("opens"));
    });
    group.bench_function("checked whole, both hashes", |b| {
        b.iter_batched(
            || Cursor::new(small.clone()),
            |bytes| check(bytes, &key, LIMITS).expect("a payload"),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn shares(c: &mut Criterion) {
    let (entropy, key) = (SystemEntropy::new(), key());
    let to = key.recipient();
    c.bench_function("split 3 of 5, combined once", |b| {
        b.iter(|| split(black_box(&key), 3, 5, &entropy).expect("shares"));
    });
    let shares = split(&key, 3, 5, &entropy).expect("shares");
    c.bench_function("seal a share", |b| {
        b.iter(|| seal_share(black_box(&shares[0]), &to, &entropy).expect("sealed"));
    });
    let sealed = seal_share(&shares[0], &to, &entropy).expect("sealed");
    let hash = Hash::of(&sealed);
    c.bench_function("open a share", |b| {
        b.iter(|| open_share(black_box(&sealed), &hash, &key).expect("a share"));
    });
    c.bench_function("combine 3 shares and check", |b| {
        b.iter(|| recover(black_box(&shares[..3]), &to).expect("the identity"));
    });
}

criterion_group!(all, sealing, opening, shares);
criterion_main!(all);
