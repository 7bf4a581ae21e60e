//! Microseconds of two machines whose bytes are carried by hand: calls without lock, task and socket.
#![allow(missing_docs, reason = "the macros of criterion write items of their own")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hton_bench_gates::Pair;

fn machine(c: &mut Criterion) {
    let mut group = c.benchmark_group("machine");
    for (name, calls) in [("one call", 1), ("a hundred calls", 100)] {
        let mut pair = Pair::warm(calls);
        group.throughput(Throughput::Elements(calls as u64));
        group.bench_function(name, |b| b.iter(|| pair.calls(1, calls)));
    }
    group.finish();
}

criterion_group!(benches, machine);
criterion_main!(benches);
