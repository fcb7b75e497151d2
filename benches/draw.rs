//! A committee of seven out of 1,000,000 experts, of whom 200,000 are kept out: from the register to the
//! commitments, the draw, and what the public does to check it.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench that meets the unexpected must stop loudly"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use sealbid::clock::Time;
use sealbid::crypto::entropy::SeededEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::draw::rules::pool::{Blind, PoolKey};
use sealbid::draw::rules::recusal::{Concerned, Expert, Sorted, sort};
use sealbid::draw::rules::selection::select_stratum;
use sealbid::draw::rules::strata::{draw, shortage};
use sealbid::draw::statements::{Code, Criterion as Fits, Filter, Stratum};
use sealbid::enterprise::uscc::Uscc;
use sealbid::ids::{DrawId, ExpertId};
use sealbid::record::tree::{leaf_hash, verify_inclusion};

const EXPERTS: u64 = 1_000_000;
/// One in five works for somebody concerned.
const EMPLOYERS: u64 = 5;

fn bodies() -> Vec<Uscc> {
    (0..EMPLOYERS).map(|it| Uscc::unassigned(&SeededEntropy::new(it)).expect("a code")).collect()
}

fn register(bodies: &[Uscc]) -> Vec<Expert> {
    let specialty: Code = "A0801".parse().expect("a code");
    let region: Code = "3401".parse().expect("a code");
    let of = |(number, employer): (u64, &Uscc)| Expert {
        id: ExpertId::of(&Hash::of(&number.to_be_bytes())),
        specialties: vec![specialty.clone()],
        region: region.clone(),
        employer: Some(*employer),
        ties: Vec::new(),
        sanctions: Vec::new(),
        drawn: Vec::new(),
        busy: Vec::new(),
    };
    (0..EXPERTS).zip(bodies.iter().cycle()).map(of).collect()
}

fn filter() -> Filter {
    Filter {
        criteria: vec![Fits {
            label: "roads".parse().expect("a label"),
            regions: Vec::new(),
            specialties: vec!["A08".parse().expect("a code")],
        }],
        drawn_most: 3,
        drawn_since: Time::from_millis(0),
        from: Time::from_millis(2),
        look_back: Time::from_millis(0),
        per_employer: None,
        until: Time::from_millis(3),
    }
}

fn committee(c: &mut Criterion) {
    let bodies = bodies();
    let register = register(&bodies);
    let concerned =
        Concerned { bodies: bodies.into_iter().take(1).collect(), ..Concerned::default() };
    let draw_id = DrawId::of(&Hash::of(b"draw"));
    let blind = Blind::keyed(&PoolKey::from_bytes([7; 32]), draw_id);
    let strata = [Stratum { k: 7, label: "roads".parse().expect("a label"), reserves: 14 }];
    let seed = Hash::of(b"seed");
    let sorted = || sort(&register, &filter(), &concerned, &blind).expect("everybody once");
    let once = sorted();
    assert_eq!((once.drums[0].count(), once.excluded.len()), (800_000, 200_000));

    let mut group = c.benchmark_group("draw");
    group.sample_size(10).measurement_time(Duration::from_secs(20));
    group.bench_function("1,000,000 experts sorted, committed and drawn from", |b| {
        b.iter(|| {
            let Sorted { drums, exclusions, .. } = sorted();
            assert_eq!(shortage(&strata, &drums, None), None);
            (draw(&seed, &strata, &drums, None).expect("its drums"), exclusions)
        });
    });
    let drawn = draw(&seed, &strata, &once.drums, None).expect("its drums");
    let pool = once.drums[0].committed();
    group.bench_function("the public's check of 21 positions", |b| {
        b.iter_batched(
            || select_stratum(&seed, &pool.label, pool.count),
            |selection| {
                for (selected, pick) in selection.zip(&drawn[0].picks) {
                    let leaf = leaf_hash(pick.leaf.as_bytes());
                    let size = u64::from(pool.count);
                    verify_inclusion(&leaf, selected.index, size, &pool.root, &pick.proof)
                        .expect("it stands there");
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("a walk to its last position", |b| {
        b.iter(|| select_stratum(black_box(&seed), &pool.label, pool.count).last());
    });
    group.finish();
}

criterion_group!(benches, committee);
criterion_main!(benches);
