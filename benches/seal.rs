//! How fast a bid is sealed in memory, SHA-256 included: `cargo bench --bench seal`.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a bench that meets the unexpected must stop loudly"
)]

use std::hint::black_box;
use std::io::{Write, sink};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sealbid::crypto::entropy::SystemEntropy;
use sealbid::crypto::seal::payload::{Attachment, seal_bid};
use sealbid::crypto::seal::{Identity, SealError, seal};
use sealbid::crypto::shares::{seal_share, split};

const MIB: usize = 1024 * 1024;

fn benches(c: &mut Criterion) {
    let entropy = SystemEntropy::new();
    let key = Identity::generate(&entropy).expect("randomness");
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
    group.throughput(Throughput::Bytes(MIB as u64));
    group.bench_function("bid of 1 MiB", |b| {
        b.iter(|| {
            let file = Attachment::bytes("offer.pdf", vec![0x5a; MIB]).expect("fits");
            seal_bid(sink(), &to, &entropy, b"{}", vec![file]).expect("sealed")
        });
    });
    group.finish();

    c.bench_function("split 3 of 5, combined once", |b| {
        b.iter(|| split(black_box(&key), 3, 5, &entropy).expect("shares"));
    });
    let shares = split(&key, 3, 5, &entropy).expect("shares");
    c.bench_function("seal a share", |b| {
        b.iter(|| seal_share(black_box(&shares[0]), &to, &entropy).expect("sealed"));
    });
}

criterion_group!(all, benches);
criterion_main!(all);
