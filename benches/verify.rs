//! The off-line verifier over a case of 1,000 bids without payloads: at most one second.

#![allow(
    missing_docs,
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::panic,
    clippy::too_many_lines,
    clippy::wildcard_imports,
    reason = "a bench that meets the unexpected must stop loudly"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use sealbid::verify::casefile::CaseKind;
use sealbid::verify::{Trust, verify_bytes};

#[path = "../tests/it/case_maker/mod.rs"]
mod case_maker;

fn verify(c: &mut Criterion) {
    let maker = case_maker::make_many(1000);
    let pin = Trust::Roster(maker.roster.sha256());
    let mut group = c.benchmark_group("verify 1000 bids");
    group.sample_size(10);
    for (name, kind) in [("public", CaseKind::Public), ("auditor", CaseKind::Auditor)] {
        let bytes = maker.case(kind);
        group.bench_function(name, |b| {
            b.iter(|| assert_eq!(verify_bytes(&bytes, Some(&pin), None).exit(), 0));
        });
    }
    group.finish();
}

criterion_group!(benches, verify);
criterion_main!(benches);
