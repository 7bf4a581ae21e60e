//! Microseconds of the heads of frames, there and back.
#![allow(missing_docs, reason = "the macros of criterion write items of their own")]

use criterion::{Criterion, criterion_group, criterion_main};
use hton_bench_gates::heads;

fn frame(c: &mut Criterion) {
    // What the ids 0 to 999 and a thousand lengths of 40 add up to.
    assert_eq!(heads(1000), 499_500 + 40_000);
    c.bench_function("frame/a thousand heads", |b| b.iter(|| heads(1000)));
}

criterion_group!(benches, frame);
criterion_main!(benches);
