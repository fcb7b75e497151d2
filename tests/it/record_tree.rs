//! Is the tree the one of RFC 6962, and do only true proofs verify?
//!
//! The judge is a plain recursive implementation of the RFC's definitions, the published vectors,
//! and the independent `tlog_tiles` crate.

use proptest::prelude::*;
use sealbid::crypto::hash::Hash;
use sealbid::record::edge::TileEdge;
use sealbid::record::tiles::{
    self, Level, Tile, TileSource, TileTree, WIDTH, changed, encode_bundle, parse_bundle,
    push_bundle,
};
use sealbid::record::tree::{
    self, Frontier, ProofError, SourceError, empty_root, leaf_hash, node_hash,
};
use std::collections::BTreeMap;

/// RFC 6962 §2.1, word by word.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of(b""),
        [one] => Hash::of_parts(&[&[0], one.as_bytes()]),
        _ => {
            let k = leaves.len().next_power_of_two() / 2;
            Hash::of_parts(&[&[1], mth(&leaves[..k]).as_bytes(), mth(&leaves[k..]).as_bytes()])
        }
    }
}

/// RFC 6962 §2.1.1.
fn path(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let k = leaves.len().next_power_of_two() / 2;
    let (mut proof, other) = if m < k {
        (path(m, &leaves[..k]), mth(&leaves[k..]))
    } else {
        (path(m - k, &leaves[k..]), mth(&leaves[..k]))
    };
    proof.push(other);
    proof
}

/// RFC 6962 §2.1.2.
fn subproof(m: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if whole { Vec::new() } else { vec![mth(leaves)] };
    }
    let k = leaves.len().next_power_of_two() / 2;
    let (mut proof, other) = if m <= k {
        (subproof(m, &leaves[..k], whole), mth(&leaves[k..]))
    } else {
        (subproof(m - k, &leaves[k..], false), mth(&leaves[..k]))
    };
    proof.push(other);
    proof
}

fn entries(count: u64) -> Vec<Hash> {
    (0..count).map(|i| Hash::of(&i.to_be_bytes())).collect()
}

/// Tiles in memory, written as a log writes them.
#[derive(Default)]
struct Shelf(BTreeMap<Tile, Vec<u8>>);

impl TileSource for &Shelf {
    fn tile(&self, tile: Tile) -> Result<Vec<u8>, SourceError> {
        let stored = self.0.get(&tile).or_else(|| self.0.get(&tile.full()));
        let bytes = stored.ok_or_else(|| SourceError::Missing(tile.to_string()))?;
        Ok(bytes[..tile.len()].to_vec())
    }
}

fn shelf_of(entries: &[Hash], batch: usize) -> (Shelf, TileEdge) {
    let (mut shelf, mut edge) = (Shelf::default(), TileEdge::new());
    for part in entries.chunks(batch) {
        part.iter().for_each(|entry| edge.push(*entry));
        shelf.0.extend(edge.take_changed());
    }
    (shelf, edge)
}

#[test]
fn the_published_roots_and_proofs_come_out() {
    let inputs: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::new();
    assert_eq!(
        frontier.root().to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    for (input, root) in inputs.iter().zip(roots) {
        frontier.push(leaf_hash(input));
        assert_eq!(frontier.root().to_string(), root);
    }
    // Leaf 0 of 8, from the same published test set.
    let proof: Vec<Hash> = [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    .iter()
    .map(|text| text.parse().unwrap())
    .collect();
    let root = roots[7].parse().unwrap();
    assert_eq!(tree::verify_inclusion(&leaf_hash(b""), 0, 8, &root, &proof), Ok(()));
}

#[test]
fn leaf_and_node_hashes_are_separated() {
    let (a, b) = (Hash::of(b"a"), Hash::of(b"b"));
    let joined = [a.as_bytes().as_slice(), b.as_bytes()].concat();
    assert_eq!(leaf_hash(&joined), Hash::of_parts(&[&[0], &joined]));
    assert_eq!(node_hash(&a, &b), Hash::of_parts(&[&[1], &joined]));
    assert_eq!(empty_root(), Hash::of(b""));
}

#[test]
fn all_small_trees_agree_with_the_rfc_and_with_an_independent_implementation() {
    let all = entries(70);
    let (shelf, _) = shelf_of(&all, 1);
    for size in 1..=70u64 {
        let leaves = &all[..usize::try_from(size).unwrap()];
        let source = TileTree::new(&shelf, size);
        let root = tree::root(&source, size).unwrap();
        assert_eq!(root, mth(leaves));
        for index in 0..size {
            let i = usize::try_from(index).unwrap();
            let proof = tree::prove_inclusion(&source, index, size).unwrap();
            assert_eq!(proof, path(i, leaves));
            let leaf = leaf_hash(all[i].as_bytes());
            assert_eq!(tree::verify_inclusion(&leaf, index, size, &root, &proof), Ok(()));
            let theirs: Vec<_> = proof.iter().map(theirs).collect();
            tlog_tiles::check_record(
                &theirs,
                size,
                self::theirs(&root),
                index,
                self::theirs(&leaf),
            )
            .unwrap();
        }
        for old in 1..=size {
            let proof = tree::prove_consistency(&source, old, size).unwrap();
            let o = usize::try_from(old).unwrap();
            assert_eq!(proof, subproof(o, leaves, true));
            let old_root = mth(&leaves[..o]);
            assert_eq!(tree::verify_consistency((old, &old_root), (size, &root), &proof), Ok(()));
            let theirs: Vec<_> = proof.iter().map(theirs).collect();
            let (old_theirs, new_theirs) = (self::theirs(&old_root), self::theirs(&root));
            tlog_tiles::check_tree(&theirs, size, new_theirs, old, old_theirs).unwrap();
        }
    }
}

fn theirs(hash: &Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(*hash.as_bytes())
}

#[test]
fn every_tree_follows_the_empty_one_without_a_proof() {
    let root = mth(&entries(5));
    let empty = empty_root();
    assert_eq!(tree::verify_consistency((0, &empty), (5, &root), &[]), Ok(()));
    assert_eq!(tree::verify_consistency((0, &empty), (0, &empty), &[]), Ok(()));
    assert_eq!(tree::verify_consistency((0, &root), (5, &root), &[]), Err(ProofError::Root));
    assert_eq!(tree::verify_consistency((0, &empty), (0, &root), &[]), Err(ProofError::Root));
    assert_eq!(tree::verify_consistency((0, &empty), (5, &root), &[root]), Err(ProofError::Length));
    assert_eq!(tree::verify_consistency((6, &root), (5, &root), &[]), Err(ProofError::Order));
}

#[test]
fn a_proof_for_an_index_outside_the_tree_is_refused() {
    let leaf = leaf_hash(b"x");
    assert_eq!(tree::verify_inclusion(&leaf, 1, 1, &leaf, &[]), Err(ProofError::Index));
    assert_eq!(tree::verify_inclusion(&leaf, 0, 0, &leaf, &[]), Err(ProofError::Index));
    assert_eq!(tree::verify_inclusion(&leaf, 0, 1, &leaf, &[]), Ok(()));
    let last = |proof: &[Hash]| tree::verify_inclusion(&leaf, u64::MAX - 1, u64::MAX, &leaf, proof);
    assert_eq!(last(&[leaf; 63]), Err(ProofError::Root));
    assert_eq!(last(&[leaf; 64]), Err(ProofError::Length));
}

#[test]
fn tiles_of_seventy_thousand_leaves_are_those_of_the_specification() {
    let tiles = changed(0, 70_000);
    let count = |level, partial| {
        tiles.iter().filter(|t| t.level() == level && t.is_partial() == partial).count()
    };
    assert_eq!(count(Level::Hashes(0), false), 273);
    assert_eq!(count(Level::Hashes(1), false), 1);
    assert_eq!(count(Level::Entries, false), 273);
    let partial: Vec<_> = tiles.iter().filter(|t| t.is_partial()).map(Tile::to_string).collect();
    assert_eq!(
        partial,
        ["tile/entries/273.p/112", "tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
    );
    assert_eq!(
        changed(255, 256).iter().map(Tile::to_string).collect::<Vec<_>>(),
        ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]
    );
    assert!(changed(256, 256).is_empty());
    assert!(changed(0, 0).is_empty());
}

#[test]
fn tile_paths_have_one_spelling() {
    let tile = Tile::new(Level::Hashes(0), 1_234_067, WIDTH).unwrap();
    assert_eq!(tile.to_string(), "tile/0/x001/x234/067");
    assert_eq!(tile.to_string().parse(), Ok(tile));
    let largest = Tile::new(Level::Entries, u64::MAX, 255).unwrap();
    assert_eq!(largest.to_string(), "tile/entries/x018/x446/x744/x073/x709/x551/615.p/255");
    assert_eq!(largest.to_string().parse(), Ok(largest));
    for wrong in [
        "tile/0/67",
        "tile/0/0067",
        "tile/00/067",
        "tile/64/067",
        "tile/256/067",
        "tile/+1/067",
        "tile/0/x000/067",
        "tile/0/x067",
        "tile/0/001/067",
        "tile/0/067.p/0",
        "tile/0/067.p/256",
        "tile/0/067.p/01",
        "tile/0/067.p/+1",
        "tile/0/067.p/",
        "tile/data/067",
        "/tile/0/067",
        "tile/0/067/",
        "tile/0/../067",
        "tile/0/x1/067",
        "tile/0/x0x1/067",
        "tile/0",
        "",
        "tile/0/",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
    ] {
        assert!(wrong.parse::<Tile>().is_err(), "{wrong}");
    }
}

/// The root of the tree whose entry bundles these are, with its size.
fn root_of_bundles(bundles: &[&[u8]]) -> Result<(u64, Hash), SourceError> {
    let mut tree = Frontier::new();
    bundles.iter().try_for_each(|bundle| push_bundle(&mut tree, bundle))?;
    Ok((tree.size(), tree.root()))
}

#[test]
fn damaged_tiles_and_bundles_are_named_and_never_panic() {
    let (mut shelf, _) = shelf_of(&entries(300), 300);
    let gone: Tile = "tile/0/000".parse().unwrap();
    shelf.0.remove(&gone);
    let missing = tree::prove_inclusion(&TileTree::new(&shelf, 300), 3, 300);
    assert_eq!(missing, Err(SourceError::Missing("tile/0/000".into())));
    assert_eq!(
        tree::prove_inclusion(&TileTree::new(&shelf, 300), 300, 300),
        Err(SourceError::Range)
    );
    let bundle = encode_bundle(&entries(3));
    assert!(parse_bundle(&bundle[..101]).is_err());
    assert!(parse_bundle(&[]).is_err());
    assert!(parse_bundle(&encode_bundle(&entries(257))).is_err());
    let mut wrong = bundle.clone();
    wrong[1] = 31;
    assert!(parse_bundle(&wrong).is_err());
    assert!(push_bundle(&mut Frontier::new(), &wrong).is_err());
    let second = root_of_bundles(&[&bundle, &bundle]);
    assert_eq!(second, Err(SourceError::Range));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn tiles_frontier_and_bundles_agree_with_the_rfc(size in 1u64..1500, batch in 1usize..700) {
        let all = entries(size);
        let (shelf, edge) = shelf_of(&all, batch);
        let root = mth(&all);
        prop_assert_eq!(edge.root(), root);
        prop_assert_eq!(tiles::root_of_tiles(&shelf, size).unwrap(), root);
        let loaded = TileEdge::load(&&shelf, size).unwrap();
        prop_assert_eq!(loaded.root(), root);
        let frontier = Frontier::load(&TileTree::new(&shelf, size), size).unwrap();
        prop_assert_eq!(frontier.root(), root);
        let bundles: Vec<Vec<u8>> = changed(0, size).into_iter()
            .filter(|tile| tile.level() == Level::Entries)
            .map(|tile| (&shelf).tile(tile).unwrap()).collect();
        let from_bundles = root_of_bundles(&bundles.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        prop_assert_eq!(from_bundles, (size, root));
    }

    #[test]
    fn an_edge_loaded_from_its_tiles_goes_on_as_if_never_stopped(
        first in 0u64..1200, more in 1u64..600
    ) {
        let all = entries(first + more);
        let (shelf, _) = shelf_of(&all[..usize::try_from(first).unwrap()], 97);
        let mut edge = TileEdge::load(&&shelf, first).unwrap();
        all[usize::try_from(first).unwrap()..].iter().for_each(|entry| edge.push(*entry));
        prop_assert_eq!(edge.root(), mth(&all));
        let (whole, _) = shelf_of(&all, all.len());
        let mut tiles: Vec<Tile> = Vec::new();
        for (tile, bytes) in edge.take_changed() {
            prop_assert_eq!(&bytes, &(&whole).tile(tile).unwrap());
            tiles.push(tile);
        }
        let mut expected = changed(first, first + more);
        tiles.sort();
        expected.sort();
        prop_assert_eq!(tiles, expected);
    }

    #[test]
    fn an_altered_proof_shows_nothing(
        size in 2u64..900, at in any::<prop::sample::Index>(), old in any::<prop::sample::Index>(),
        byte in 0usize..32, bit in 0u8..8, which in any::<prop::sample::Index>()
    ) {
        let all = entries(size);
        let (shelf, _) = shelf_of(&all, 500);
        let source = TileTree::new(&shelf, size);
        let root = mth(&all);
        let index = u64::try_from(at.index(all.len())).unwrap();
        let leaf = leaf_hash(all[at.index(all.len())].as_bytes());
        let proof = tree::prove_inclusion(&source, index, size).unwrap();
        prop_assert_eq!(tree::verify_inclusion(&leaf, index, size, &root, &proof), Ok(()));
        for altered in alterations(&proof, which, byte, bit) {
            prop_assert!(tree::verify_inclusion(&leaf, index, size, &root, &altered).is_err());
        }
        prop_assert!(tree::verify_inclusion(&leaf, (index + 1) % size, size, &root, &proof).is_err());
        let old = u64::try_from(old.index(all.len())).unwrap() + 1;
        let old_root = mth(&all[..usize::try_from(old).unwrap()]);
        let proof = tree::prove_consistency(&source, old, size).unwrap();
        let check = |p: &[Hash]| tree::verify_consistency((old, &old_root), (size, &root), p);
        prop_assert_eq!(check(&proof), Ok(()));
        for altered in alterations(&proof, which, byte, bit) {
            prop_assert!(check(&altered).is_err());
        }
    }

    #[test]
    fn tile_paths_round_trip(level in 0u8..64, index in any::<u64>(), width in 1u16..=256) {
        for level in [Level::Hashes(level), Level::Entries] {
            let tile = Tile::new(level, index, width).unwrap();
            prop_assert_eq!(tile.to_string().parse(), Ok(tile));
        }
    }

    #[test]
    fn no_other_text_is_a_tile_path(text in "tile/[0-9a-z]{1,3}/[x0-9./p]{1,16}") {
        if let Ok(tile) = text.parse::<Tile>() {
            prop_assert_eq!(tile.to_string(), text);
        }
    }
}

fn alterations(proof: &[Hash], which: prop::sample::Index, byte: usize, bit: u8) -> Vec<Vec<Hash>> {
    let longer = [proof, &[Hash::of(b"more")]].concat();
    if proof.is_empty() {
        return vec![longer];
    }
    let mut flipped = proof.to_vec();
    let mut bytes = *flipped[which.index(proof.len())].as_bytes();
    bytes[byte] ^= 1 << bit;
    flipped[which.index(proof.len())] = Hash::from_bytes(bytes);
    vec![longer, flipped, proof[1..].to_vec(), proof[..proof.len() - 1].to_vec()]
}
