//! Microseconds of whole calls, with memory and with a socket between the ends; and what that is beyond the
//! machine: the gap is what tasks, locks and the system cost.
#![allow(missing_docs, reason = "the macros of criterion write items of their own")]

use criterion::{Criterion, Throughput, criterion_group};
use hton_bench_gates::{Calls, Pair};
use std::time::{Duration, Instant};

/// How many calls are in flight.
const IN_FLIGHT: [(&str, usize); 2] = [("one call", 1), ("a hundred calls", 100)];
/// How often the three of the gap take turns, and with how many calls.
const ROUNDS: usize = 21;
const CALLS: usize = 10_000;

fn roundtrip(c: &mut Criterion) {
    let mut group = c.benchmark_group("roundtrip");
    for (name, calls) in IN_FLIGHT {
        group.throughput(Throughput::Elements(calls as u64));
        for (place, ends) in
            [("memory", Calls::in_memory(calls)), ("loopback", Calls::over_loopback(calls))]
        {
            // Many by each caller, so that starting the callers does not count.
            group.bench_function(format!("{place}/{name}"), |b| {
                b.iter_custom(|n| {
                    let each = usize::try_from(n).unwrap_or(usize::MAX);
                    let before = Instant::now();
                    ends.run(calls, each);
                    before.elapsed()
                });
            });
        }
    }
    group.finish();
}

/// Prints what a call takes in the machine, in memory and over a socket. They take turns, so that a slow moment
/// concerns all three.
fn gap() {
    println!(
        "\n| a call, median of {ROUNDS}, both ends on one thread | machine | in memory | tasks and locks | loopback | the system |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for (name, calls) in IN_FLIGHT {
        let mut pair = Pair::warm(calls);
        let (memory, loopback) = (Calls::in_memory(calls), Calls::over_loopback(calls));
        let mut taken = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            taken[0].push(time(|| pair.calls(CALLS / calls, calls)));
            taken[1].push(time(|| memory.run(calls, CALLS / calls)));
            taken[2].push(time(|| loopback.run(calls, CALLS / calls)));
        }
        let [machine, memory, loopback] = taken.map(median);
        println!(
            "| {name} at a time | {machine:.2} µs | {memory:.2} µs | {:+.2} µs | {loopback:.2} µs | {:+.2} µs |",
            memory - machine,
            loopback - memory,
        );
    }
}

fn time(code: impl FnOnce()) -> Duration {
    let before = Instant::now();
    code();
    before.elapsed()
}

/// Microseconds for one call.
fn median(mut taken: Vec<Duration>) -> f64 {
    taken.sort_unstable();
    taken[taken.len() / 2].as_secs_f64() * 1e6 / CALLS as f64
}

criterion_group!(benches, roundtrip);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    // Not where the benches are only tried or listed.
    if !std::env::args().any(|arg| arg == "--test" || arg == "--list") {
        gap();
    }
}
