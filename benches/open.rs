//! How fast a bid is opened in memory, and what of it costs what: `cargo bench --bench open`.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::too_many_lines,
    reason = "a bench that meets the unexpected must stop loudly"
)]

use std::hint::black_box;
use std::io::{Cursor, sink};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::seal::payload::{Attachment, LIMITS, check, read_bid_json, seal_bid};
use sealbid::crypto::seal::{Identity, check_header, open, open_hashed};
use sealbid::crypto::shares::{open_share, recover, seal_share, split};

const MIB: usize = 1024 * 1024;

fn benches(c: &mut Criterion) {
    let entropy = SystemEntropy::new();
    let key = Identity::generate(&entropy).expect("randomness");
    let bid = |mib: usize| {
        let mut out = Vec::new();
        let file = Attachment::bytes("offer.pdf", vec![0x5a; mib * MIB]).expect("fits");
        seal_bid(&mut out, &key.recipient(), &entropy, b"{}", vec![file]).expect("sealed");
        out
    };

    let large = bid(64);
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

    let small = bid(1);
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

    let shares = split(&key, 3, 5, &entropy).expect("shares");
    let sealed = seal_share(&shares[0], &key.recipient(), &entropy).expect("sealed");
    let hash = Hash::of(&sealed);
    c.bench_function("open a share", |b| {
        b.iter(|| open_share(black_box(&sealed), &hash, &key).expect("a share"));
    });
    c.bench_function("combine 3 shares and check", |b| {
        b.iter(|| recover(black_box(&shares[..3]), &key.recipient()).expect("the identity"));
    });
}

criterion_group!(all, benches);
criterion_main!(all);
