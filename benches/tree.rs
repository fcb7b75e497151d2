//! From the entry bundles of 1,000,000 leaves to the root, beside a plain loop that hashes the same
//! leaves and nodes and does nothing else; and what a batch costs the writer.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench that meets the unexpected must stop loudly"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sealbid::crypto::hash::Hash;
use sealbid::record::edge::TileEdge;
use sealbid::record::tiles::{Tile, TileSource, TileTree, encode_bundle, push_bundle};
use sealbid::record::tree::{Frontier, SourceError, prove_inclusion};
use sha2::{Digest, Sha256};

const LEAVES: u32 = 1_000_000;

fn entries(count: u32) -> Vec<Hash> {
    (0..count).map(|index| Hash::of(&index.to_be_bytes())).collect()
}

/// The plain loop: every leaf, then level by level until one hash is left; no parsing, no bundles.
fn plain_loop(entries: &[Hash]) -> [u8; 32] {
    let hash_leaf = |entry: &Hash| {
        let mut input = [0; 33];
        input[1..].copy_from_slice(entry.as_bytes());
        Sha256::digest(input).into()
    };
    let mut level: Vec<[u8; 32]> = entries.iter().map(hash_leaf).collect();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => {
                    let mut input = [1; 65];
                    input[1..33].copy_from_slice(left);
                    input[33..].copy_from_slice(right);
                    Sha256::digest(input).into()
                }
                odd => odd[0],
            })
            .collect();
    }
    level[0]
}

/// The root of the tree whose entry bundles these are.
fn from_bundles(bundles: &[Vec<u8>]) -> Hash {
    let mut tree = Frontier::new();
    bundles.iter().for_each(|bundle| push_bundle(&mut tree, bundle).expect("a bundle"));
    tree.root()
}

fn root(c: &mut Criterion) {
    let entries = entries(LEAVES);
    let bundles: Vec<Vec<u8>> = entries.chunks(256).map(encode_bundle).collect();
    assert_eq!(from_bundles(&bundles).as_bytes(), &plain_loop(&entries), "both compute one root");
    let mut group = c.benchmark_group("root of 1,000,000 leaves");
    group.throughput(Throughput::Elements(u64::from(LEAVES))).sample_size(20);
    group.measurement_time(Duration::from_secs(8));
    group.bench_function("plain loop", |b| b.iter(|| plain_loop(black_box(&entries))));
    group.bench_function("from bundles", |b| b.iter(|| from_bundles(black_box(&bundles))));
    group.finish();
}

/// The full tiles of a tree in memory.
struct Shelf(std::collections::HashMap<Tile, Vec<u8>>);

impl TileSource for &Shelf {
    fn tile(&self, tile: Tile) -> Result<Vec<u8>, SourceError> {
        let bytes = self.0.get(&tile).or_else(|| self.0.get(&tile.full()));
        bytes.cloned().ok_or_else(|| SourceError::Missing(tile.to_string()))
    }
}

fn batch(c: &mut Criterion) {
    let before = u64::from(LEAVES);
    let mut edge = TileEdge::new();
    entries(LEAVES).into_iter().for_each(|entry| edge.push(entry));
    let mut shelf = Shelf(edge.take_changed().into_iter().collect());
    let more: Vec<Hash> = entries(1024).iter().map(|h| Hash::of(h.as_bytes())).collect();
    let mut group = c.benchmark_group("a batch of 1,024 onto 1,000,000");
    group.throughput(Throughput::Elements(1024));
    group.bench_function("append, root and tiles", |b| {
        b.iter(|| {
            let mut edge = edge.clone();
            more.iter().for_each(|entry| edge.push(*entry));
            (edge.root(), edge.take_changed())
        });
    });
    more.iter().for_each(|entry| edge.push(*entry));
    shelf.0.extend(edge.take_changed());
    group.bench_function("an inclusion proof for each", |b| {
        b.iter(|| {
            let tree = TileTree::new(&shelf, before + 1024);
            let proofs = (before..before + 1024).map(|i| prove_inclusion(&tree, i, before + 1024));
            proofs.collect::<Result<Vec<_>, _>>()
        });
    });
    group.finish();
}

criterion_group!(benches, root, batch);
criterion_main!(benches);
